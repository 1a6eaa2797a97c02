//! `scan(S)` of a diagonal recurrence: S segments of the sequence side by side.
//!
//! Three launches. The first runs every segment from zero and keeps what it leaves, `f`, and (where the decay varies) the product of its decays, `p`. The second goes from segment
//! to segment: `h = p h + f`. The third runs every segment again, from the right state. Segments of a group are entries of one tile, so their steps do not wait for
//! one another; groups are grid points.

use super::Pieces;
use crate::ScheduleError;
use crate::index::dim;
use crate::recurrence::{Carry, Factors, Lanes, Segments, Start, Target, Walk};
use crate::region::Steps;
use crate::schedule::Scheduler;
use crate::scope::ty;
use tensc_ir::Dim;
use tensc_ir::analyse::recurrence::Product;

/// Segments of one tile: as many as hide the latency of a step.
const TOGETHER: usize = 8;

impl<'g> Scheduler<'g> {
    pub(super) fn scan(
        &mut self,
        target: Target<'_, 'g>,
        lanes: &Lanes,
        (decay, constant): (&[Product], bool),
        count: usize,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let Target { at, rec, made, .. } = target;
        let Some((_, state)) = rec.states.first().and_then(|state| rec.body.outputs.get(state.line)) else {
            return Ok(());
        };
        let of_group = (1..=count.min(TOGETHER)).rev().find(|n| count.is_multiple_of(*n)).unwrap_or(1);
        let length = rec.length.div(&dim(count)).unwrap_or_default().floor();
        let segments = Segments { groups: count / of_group, of_group, length: length.clone() };
        let pieces = Pieces::new(&rec.length, &(&length * &dim(count)), rec.direction);

        let of_state = ty(&rec.body, *state);
        let varies = made.first().is_some_and(|value| self.scope(at).fact(*value).varies);
        let kind = (of_state.dtype, self.scope(at).wide);
        let all: Vec<Dim> = std::iter::once(dim(count)).chain(of_state.shape.iter().cloned()).collect();
        let mut place = |name: &str, shape: &[Dim]| self.scratch(name, kind, shape, varies, [true; 2]);
        let (ends, starts, end) = (place("ends", &all), place("starts", &all), place("end", &of_state.shape));
        let product = (!constant).then(|| place("decays", &all));

        let first = Walk {
            from: pieces.from.clone(),
            count: length.clone(),
            segments: Some(segments),
            start: Start::Zero,
            lines: false,
            finals: false,
            end: Some(ends.clone()),
            product: product.clone().map(|place| (decay.to_vec(), place)),
        };
        self.walk(target, lanes, &first, steps)?;
        let factor = match &product {
            Some(place) => Factors::Products(place),
            None => Factors::Constant(decay, &length),
        };
        let carry = Carry { count, factor: &factor, ends: &ends, starts: &starts, end: &end };
        self.carry_segments(target, lanes, &carry, steps)?;
        let again = Walk { start: Start::At(starts), lines: true, end: None, product: None, ..first };
        self.walk(target, lanes, &again, steps)?;
        self.walk(target, lanes, &pieces.walk_rest(end), steps)
    }
}
