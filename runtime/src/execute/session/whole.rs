//! The whole of a result, which the program writes piece by piece.

use super::state::repeated;
use super::{base_of, internal};
use crate::execute::ExecError;
use crate::execute::steps::Base;
use crate::tensor::{AlignedBytes, Tensor, byte_len};
use std::ops::Range;
use tensc_ir::DType;
use tensc_program::Buffer;

/// A whole result, filled piece by piece.
pub(super) struct Whole {
    pub(super) buffer: usize,
    dtype: DType,
    /// With the batch axis.
    shape: Vec<usize>,
    varies: bool,
    /// The time axis in `shape`.
    axis: Option<usize>,
    bytes: AlignedBytes,
}

impl Whole {
    pub(super) fn new(
        n: usize,
        buffer: &Buffer,
        one: Vec<usize>,
        batch: usize,
        axis: Option<usize>,
    ) -> Result<Self, ExecError> {
        let shape: Vec<usize> = if buffer.varies { std::iter::once(batch).chain(one).collect() } else { one };
        let len = byte_len(buffer.dtype, &shape)
            .ok_or_else(|| internal(&format!("`{}` exceeds what memory can address", buffer.name)))?;
        let bytes = AlignedBytes::zeroed(len, &format!("the result `{}`", buffer.name))?;
        let axis = axis.map(|axis| axis + usize::from(buffer.varies));
        Ok(Self { buffer: n, dtype: buffer.dtype, shape, varies: buffer.varies, axis, bytes })
    }

    /// First byte and number of bytes of the blocks in front of `block`, and of one entry in time.
    fn layout(&self) -> Layout {
        let width = self.dtype.bytes();
        let product = |sizes: &[usize]| sizes.iter().product::<usize>();
        let split = self.axis.unwrap_or(usize::from(self.varies));
        let (outer, rest) = self.shape.split_at_checked(split).unwrap_or((&[], &[]));
        match (self.axis, rest.split_first()) {
            (Some(_), Some((&time, inner))) => {
                Layout { outer: product(outer), time, inner: product(inner) * width }
            }
            (Some(_) | None, _) => Layout { outer: product(outer), time: 1, inner: product(rest) * width },
        }
    }

    /// Where the piece's blocks begin among the outer ones, and how many they are.
    fn outer(&self, layout: &Layout, block: &Range<usize>) -> (usize, usize) {
        if !self.varies {
            return (0, layout.outer);
        }
        let per_sequence = layout.outer / self.shape.first().copied().unwrap_or(1).max(1);
        (block.start * per_sequence, block.len() * per_sequence)
    }

    /// Where the program writes this piece of `len` bytes: in the whole result where the piece is contiguous and aligned there, else aside.
    pub(super) fn target(
        &self,
        block: &Range<usize>,
        cut: Option<&Range<usize>>,
        whole_time: bool,
        len: usize,
    ) -> Result<(Base, Option<AlignedBytes>), ExecError> {
        let layout = self.layout();
        let (first, count) = self.outer(&layout, block);
        let from = if self.axis.is_some() { cut.map_or(0, |cut| cut.start) } else { 0 };
        let contiguous = whole_time || self.axis.is_none() || count == 1;
        let place = (first * layout.time + from) * layout.inner;
        let fits = place.checked_add(len).is_some_and(|end| end <= self.bytes.len());
        if contiguous && fits && place.is_multiple_of(16) {
            return Ok((base_of(self.bytes.as_ptr().wrapping_add(place), len), None));
        }
        let aside = AlignedBytes::zeroed(len, "a piece of a result")?;
        Ok((base_of(aside.as_ptr(), len), Some(aside)))
    }

    /// Copies a piece that was written aside.
    pub(super) fn put(
        &mut self,
        block: &Range<usize>,
        cut: Option<&Range<usize>>,
        piece: &AlignedBytes,
    ) -> Option<()> {
        let layout = self.layout();
        let (first, count) = self.outer(&layout, block);
        let (from, entries) = match (self.axis, cut) {
            (Some(_), Some(cut)) => (cut.start, cut.len()),
            (Some(_) | None, _) => (0, layout.time),
        };
        let (stride, len) = (layout.time * layout.inner, entries * layout.inner);
        if len == 0 {
            return Some(());
        }
        for (n, part) in piece.as_slice().chunks_exact(len).take(count).enumerate() {
            let place = (first + n) * stride + from * layout.inner;
            self.bytes.as_mut_slice().get_mut(place..place + len)?.copy_from_slice(part);
        }
        Some(())
    }

    /// The result with its batch axis; one that is the same for all sequences is repeated.
    pub(super) fn finish(self, batch: usize) -> Result<Tensor, ExecError> {
        let tensor = Tensor::from_owned(self.dtype, self.shape, self.bytes);
        let tensor = tensor.ok_or_else(|| internal("a result lost its shape"))?;
        if self.varies {
            return Ok(tensor);
        }
        let shape = std::iter::once(batch).chain(tensor.shape().iter().copied()).collect();
        if batch == 1 {
            return tensor.reshaped(shape).ok_or_else(|| internal("a result lost its shape"));
        }
        repeated(tensor.dtype(), shape, tensor.bytes())
    }
}

/// An array around its time axis.
struct Layout {
    outer: usize,
    time: usize,
    /// Bytes of one entry.
    inner: usize,
}
