//! Forms of a recurrence: each recipe writes one form of one kind of state in tile ops, for all targets.
//!
//! Every recipe takes whole pieces of the sequence; what is left at the end of it, fewer entries than a piece has, goes step by step. So a call with a short sequence runs in
//! the step form whatever the form is, and nothing is padded.

mod chunk;
mod scan;
mod tiles;

use crate::ScheduleError;
use crate::recurrence::{Lanes, Start, Target, Walk};
use crate::region::Steps;
use crate::schedule::Scheduler;
use tensc_ir::analyse::matrix;
use tensc_ir::analyse::recurrence::elementwise_decay;
use tensc_ir::{Dim, Direction, Form};

impl<'g> Scheduler<'g> {
    /// Writes the form that a recurrence is to have; false where that is the step form, or where its results need all states.
    pub(crate) fn recipe(
        &mut self,
        target: Target<'_, 'g>,
        lanes: &Lanes,
        steps: &mut Steps,
    ) -> Result<bool, ScheduleError> {
        let rec = target.rec;
        match rec.form {
            Form::Step | Form::Diagonalise(_) => Ok(false),
            Form::Scan(segments) => match elementwise_decay(rec) {
                Some((decay, constant)) => {
                    self.scan(target, lanes, (&decay, constant), segments as usize, steps)?;
                    Ok(true)
                }
                None => Ok(false),
            },
            Form::Chunk(length) => match matrix(rec) {
                Ok(matrix) if self.only_reads(target, &matrix) => {
                    self.chunk(target, lanes, &matrix, length as usize, steps)?;
                    Ok(true)
                }
                Ok(_) | Err(_) => Ok(false),
            },
        }
    }
}

/// A sequence in pieces of equal size and what is left: where the pieces begin, how many entries they have together, where the rest begins, and how many it has.
pub(super) struct Pieces {
    pub(super) from: Dim,
    pub(super) rest_from: Dim,
    pub(super) rest: Dim,
}

impl Pieces {
    /// The rest comes after the pieces in the direction of the recurrence.
    pub(super) fn new(length: &Dim, whole: &Dim, direction: Direction) -> Self {
        let rest = length - whole;
        match direction {
            Direction::Forward => Self { from: Dim::default(), rest_from: whole.clone(), rest },
            Direction::Backward => Self { from: rest.clone(), rest_from: Dim::default(), rest },
        }
    }

    /// The rest, step by step from this state.
    pub(super) fn walk_rest(&self, start: crate::place::Place) -> Walk {
        Walk {
            from: self.rest_from.clone(),
            count: self.rest.clone(),
            segments: None,
            start: Start::At(start),
            lines: true,
            finals: true,
            end: None,
            product: None,
        }
    }
}
