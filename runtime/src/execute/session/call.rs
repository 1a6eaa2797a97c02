//! A call: cut into blocks of sequences and pieces of their length, run one after the other.

use super::whole::Whole;
use super::{Call, Outcome, Session, State, shape_at};
use crate::execute::ExecError;
use crate::execute::tiles::{TimeAxis, pieces, tiling, time_axis};
use crate::tensor::Tensor;
use std::ops::Range;
use tensc_ir::Sizes;
use tensc_ir::dim::POSITION;
use tensc_program::{BATCH, BufferKind};

impl Session {
    /// Runs a call.
    ///
    /// # Errors
    /// A failed check, arrays or sizes that do not fit, no memory, Ctrl-C.
    pub fn run(&mut self, call: &Call<'_>) -> Result<Outcome, ExecError> {
        let length = self.time.as_ref().and_then(|time| call.sizes.get(time.as_str()).copied());
        let length = length.map(|n| usize::try_from(n).unwrap_or(0));
        let tiling = tiling(call.batch, length.unwrap_or(1), self.time.is_some(), self.rows);
        let start = call.state.map_or(0, |state| state.position);
        let entries = length.map_or(1, |_| tiling.entries);
        let cuts: Vec<Range<usize>> = pieces(length.unwrap_or(1), entries).collect();
        // All of it first, for a message that speaks of the whole call.
        for cut in std::iter::once(&(0..length.unwrap_or(1))).chain(&cuts) {
            self.check_requires(call, start, length.map(|_| cut.clone()))?;
        }
        let mut results = self.results(call)?;
        let mut states: Vec<Vec<Tensor>> = Vec::new();
        let blocks: Vec<Range<usize>> = pieces(call.batch, tiling.sequences).collect();
        let total = (blocks.len() * cuts.len()).max(1) as f64;
        let mut done = 0.0;
        for block in &blocks {
            let mut state = self.start(call, block)?;
            for cut in &cuts {
                let cut = length.map(|_| cut.clone());
                state = self.run_block(call, block, cut, start, state, &mut results)?;
                done += 1.0;
                (call.progress)(done / total);
            }
            states.push(state);
        }
        let position = start + length.and_then(|n| i64::try_from(n).ok()).unwrap_or(0);
        Ok(Outcome {
            results: results.into_iter().map(|whole| whole.finish(call.batch)).collect::<Result<_, _>>()?,
            state: State { position, tensors: self.joined(&states)? },
        })
    }

    /// A piece of several sequences. Where a check fails, they are run one by one, to say in which.
    fn run_block(
        &mut self,
        call: &Call<'_>,
        block: &Range<usize>,
        cut: Option<Range<usize>>,
        start: i64,
        state: Vec<Tensor>,
        results: &mut [Whole],
    ) -> Result<Vec<Tensor>, ExecError> {
        let kept = if block.len() > 1 { state.clone() } else { Vec::new() };
        let left = self.run_piece(call, block, cut.clone(), start, state, results);
        if block.len() > 1 && matches!(left, Err(ExecError::Check { .. })) {
            for sequence in block.clone() {
                let one = self.state_of(&kept, sequence - block.start)?;
                self.run_piece(call, &(sequence..sequence + 1), cut.clone(), start, one, results)?;
            }
        }
        left
    }

    fn check_requires(
        &self,
        call: &Call<'_>,
        start: i64,
        cut: Option<Range<usize>>,
    ) -> Result<(), ExecError> {
        let mut sizes = self.piece_sizes(call, call.batch, cut.as_ref());
        let entered = cut.map_or(0, |cut| i64::try_from(cut.start).unwrap_or(0));
        sizes.insert(POSITION.into(), start + entered);
        for (require, message) in &self.program.requires {
            if let Some(failed) = require.failure(message, &sizes)? {
                return Err(ExecError::Require(failed));
            }
        }
        Ok(())
    }

    pub(super) fn piece_sizes(&self, call: &Call<'_>, batch: usize, cut: Option<&Range<usize>>) -> Sizes {
        let mut sizes = call.sizes.clone();
        if let (Some(time), Some(cut)) = (&self.time, cut) {
            sizes.insert(time.as_str().into(), i64::try_from(cut.len()).unwrap_or(i64::MAX));
        }
        sizes.insert(BATCH.into(), i64::try_from(batch).unwrap_or(i64::MAX));
        sizes
    }

    /// The whole results, still to be filled.
    fn results(&self, call: &Call<'_>) -> Result<Vec<Whole>, ExecError> {
        let mut sizes = call.sizes.clone();
        sizes.insert(BATCH.into(), i64::try_from(call.batch).unwrap_or(i64::MAX));
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::Result));
        numbers
            .into_iter()
            .map(|n| {
                let buffer = self.buffer(n)?;
                let shape = shape_at(buffer, &sizes)?;
                let axis = match self.time.as_deref().map(|time| time_axis(&buffer.shape, time)) {
                    Some(TimeAxis::At(axis)) => Some(axis),
                    Some(TimeAxis::Absent | TimeAxis::Mixed) | None => None,
                };
                Whole::new(n, buffer, shape, call.batch, axis)
            })
            .collect()
    }
}
