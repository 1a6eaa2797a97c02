//! What a stream carries from piece to piece, and from call to call.

use super::{Call, Session, internal, shape_at};
use crate::execute::ExecError;
use crate::tensor::{AlignedBytes, Storage, Tensor, byte_len, concat, piece};
use std::ops::Range;
use tensc_ir::DType;
use tensc_ir::dim::POSITION;
use tensc_program::BufferKind;

impl Session {
    /// The state of a block of sequences at the start of the call.
    pub(super) fn start(&self, call: &Call<'_>, block: &Range<usize>) -> Result<Vec<Tensor>, ExecError> {
        let mut sizes = call.sizes.clone();
        sizes.insert(POSITION.into(), 0);
        let mut state = Vec::new();
        for (number, n) in self.buffers(|kind| matches!(kind, BufferKind::StateIn)).into_iter().enumerate() {
            let buffer = self.buffer(n)?;
            let shape = shape_at(buffer, &sizes)?;
            if let Some(given) = call.state {
                let whole = given.tensors.get(number).ok_or_else(|| internal("the state lacks an array"))?;
                let part = if buffer.varies {
                    piece(whole, 0, block.start, block.len())?
                } else {
                    Some(whole.clone())
                };
                let part = part.ok_or_else(|| internal("the state is of another batch"))?;
                state.push(part.aligned("the state")?);
                continue;
            }
            let whole: Vec<usize> = if buffer.varies {
                std::iter::once(block.len()).chain(shape.clone()).collect()
            } else {
                shape
            };
            state.push(match self.state_start(number) {
                Some(bytes) => repeated(buffer.dtype, whole, bytes)?,
                None => Tensor::zeros(buffer.dtype, whole, "the state")?,
            });
        }
        Ok(state)
    }

    /// The state of one sequence of a block.
    pub(super) fn state_of(&self, block: &[Tensor], sequence: usize) -> Result<Vec<Tensor>, ExecError> {
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::StateIn));
        let mut state = Vec::with_capacity(block.len());
        for (n, tensor) in numbers.into_iter().zip(block) {
            let varies = self.buffer(n)?.varies;
            let part = if varies { piece(tensor, 0, sequence, 1)? } else { Some(tensor.clone()) };
            state.push(part.ok_or_else(|| internal("the state is of another batch"))?.aligned("the state")?);
        }
        Ok(state)
    }

    /// What prepare made for the start of a state.
    fn state_start(&self, number: usize) -> Option<&[u8]> {
        let wanted = |kind: &BufferKind| match kind {
            BufferKind::StateStart { state } => usize::try_from(*state) == Ok(number),
            BufferKind::Argument
            | BufferKind::Weight { .. }
            | BufferKind::Prepared
            | BufferKind::StateIn
            | BufferKind::StateOut
            | BufferKind::Result
            | BufferKind::Scratch => false,
        };
        let n = self.program.buffers.iter().position(|buffer| wanted(&buffer.kind))?;
        self.kept.get(n)?.as_ref().map(Storage::as_slice)
    }

    /// The states of all blocks as one.
    pub(super) fn joined(&self, states: &[Vec<Tensor>]) -> Result<Vec<Tensor>, ExecError> {
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::StateIn));
        let mut joined = Vec::new();
        for (number, n) in numbers.into_iter().enumerate() {
            let parts: Vec<Tensor> = states.iter().filter_map(|state| state.get(number).cloned()).collect();
            let whole = match parts.as_slice() {
                [only] => Some(only.clone()),
                _ if self.buffer(n)?.varies => concat(&parts, 0)?,
                _ => parts.last().cloned(),
            };
            joined.push(whole.ok_or_else(|| internal("the state changed its shape"))?);
        }
        Ok(joined)
    }
}

/// An array of this shape made of copies of these bytes.
pub(super) fn repeated(dtype: DType, shape: Vec<usize>, bytes: &[u8]) -> Result<Tensor, ExecError> {
    let len = byte_len(dtype, &shape).ok_or_else(|| internal("an array exceeds what memory can address"))?;
    let mut whole = AlignedBytes::zeroed(len, "an argument for each sequence")?;
    if !bytes.is_empty() {
        whole.as_mut_slice().chunks_exact_mut(bytes.len()).for_each(|part| part.copy_from_slice(bytes));
    }
    Tensor::from_owned(dtype, shape, whole).ok_or_else(|| internal("an array changed its size"))
}
