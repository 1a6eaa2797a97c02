//! Pieces of an array along an axis, and arrays put together from pieces.
//!
//! Around an axis a row-major array is `outer` blocks of `size * inner` bytes; a piece takes a contiguous part of each block.

use super::{AlignedBytes, OutOfMemory, Tensor, byte_len};
use tensc_ir::DType;

/// How an array lies around one axis.
struct Around {
    outer: usize,
    size: usize,
    /// Bytes of one entry along the axis.
    inner: usize,
}

fn around(dtype: DType, shape: &[usize], axis: usize) -> Option<Around> {
    let size = *shape.get(axis)?;
    let outer = shape.get(..axis)?.iter().product();
    let inner = shape.get(axis + 1..)?.iter().product::<usize>() * dtype.bytes();
    Some(Around { outer, size, inner })
}

fn with_size(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    shape.iter().enumerate().map(|(i, &n)| if i == axis { size } else { n }).collect()
}

/// The entries `start .. start + len` along `axis`; shares the bytes where they are contiguous.
///
/// # Errors
/// When there is not enough memory for a copy; `Ok(None)` when the entries are not all there.
pub fn piece(tensor: &Tensor, axis: usize, start: usize, len: usize) -> Result<Option<Tensor>, OutOfMemory> {
    let Some(Around { outer, size, inner }) = around(tensor.dtype(), tensor.shape(), axis) else {
        return Ok(None);
    };
    if start.checked_add(len).is_none_or(|end| end > size) {
        return Ok(None);
    }
    let shape = with_size(tensor.shape(), axis, len);
    if outer == 1 {
        let storage = tensor.storage().part(start * inner..(start + len) * inner);
        return Ok(storage.and_then(|storage| Tensor::new(tensor.dtype(), shape, storage)));
    }
    let mut bytes = AlignedBytes::zeroed(outer * len * inner, "a piece of an input")?;
    if size * inner > 0 && len * inner > 0 {
        let blocks = tensor.bytes().chunks_exact(size * inner);
        for (block, to) in blocks.zip(bytes.as_mut_slice().chunks_exact_mut(len * inner)) {
            if let Some(from) = block.get(start * inner..(start + len) * inner) {
                to.copy_from_slice(from);
            }
        }
    }
    Ok(Tensor::from_owned(tensor.dtype(), shape, bytes))
}

/// An array that is written piece by piece along an axis.
pub struct Assembled {
    dtype: DType,
    shape: Vec<usize>,
    axis: usize,
    bytes: AlignedBytes,
}

impl Assembled {
    /// An array of this whole shape, zero where nothing is written.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn new(dtype: DType, shape: Vec<usize>, axis: usize, what: &str) -> Result<Self, OutOfMemory> {
        let len = byte_len(dtype, &shape).ok_or_else(|| OutOfMemory {
            what: what.to_owned(),
            bytes: u64::MAX,
            available: super::available_memory(),
        })?;
        Ok(Self { dtype, axis, bytes: AlignedBytes::zeroed(len, what)?, shape })
    }

    /// Writes the entries from `start` on; `None` when the piece does not fit.
    pub fn write(&mut self, piece: &Tensor, start: usize) -> Option<()> {
        let whole = around(self.dtype, &self.shape, self.axis)?;
        let part = around(piece.dtype(), piece.shape(), self.axis)?;
        let fits = piece.dtype() == self.dtype
            && (whole.outer, whole.inner) == (part.outer, part.inner)
            && start.checked_add(part.size)? <= whole.size;
        if !fits {
            return None;
        }
        if part.size * part.inner == 0 {
            return Some(());
        }
        let blocks = self.bytes.as_mut_slice().chunks_exact_mut(whole.size * whole.inner);
        for (to, from) in blocks.zip(piece.bytes().chunks_exact(part.size * part.inner)) {
            to.get_mut(start * whole.inner..(start + part.size) * whole.inner)?.copy_from_slice(from);
        }
        Some(())
    }

    /// The array.
    #[must_use]
    pub fn finish(self) -> Option<Tensor> {
        Tensor::from_owned(self.dtype, self.shape, self.bytes)
    }
}

/// Arrays of one element type one after the other along `axis`; `Ok(None)` when there are none or other sizes differ.
///
/// # Errors
/// When there is not enough memory.
pub fn concat(parts: &[Tensor], axis: usize) -> Result<Option<Tensor>, OutOfMemory> {
    let Some(first) = parts.first() else { return Ok(None) };
    let size = parts.iter().filter_map(|part| part.shape().get(axis)).sum();
    let mut whole =
        Assembled::new(first.dtype(), with_size(first.shape(), axis, size), axis, "joined arrays")?;
    let mut start = 0;
    for part in parts {
        if part.shape().len() != first.shape().len() || whole.write(part, start).is_none() {
            return Ok(None);
        }
        start += part.shape().get(axis).copied().unwrap_or(0);
    }
    Ok(whole.finish())
}

/// Arrays of one type stacked on a new leading axis; `Ok(None)` when there are none or types differ.
///
/// # Errors
/// When there is not enough memory.
pub fn stack(parts: &[Tensor]) -> Result<Option<Tensor>, OutOfMemory> {
    let Some(first) = parts.first() else { return Ok(None) };
    if parts.iter().any(|part| part.dtype() != first.dtype() || part.shape() != first.shape()) {
        return Ok(None);
    }
    let mut bytes = AlignedBytes::zeroed(parts.len() * first.bytes().len(), "stacked arrays")?;
    if !first.is_empty() {
        for (to, part) in bytes.as_mut_slice().chunks_exact_mut(first.bytes().len()).zip(parts) {
            to.copy_from_slice(part.bytes());
        }
    }
    let shape = std::iter::once(parts.len()).chain(first.shape().iter().copied()).collect();
    Ok(Tensor::from_owned(first.dtype(), shape, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let bytes: Vec<u8> = (0..n).flat_map(|i| (i as i32).to_ne_bytes()).collect();
        Tensor::from_bytes(DType::I32, shape.to_vec(), &bytes).unwrap()
    }

    fn ints(tensor: &Tensor) -> Vec<f64> {
        (0..tensor.len()).map(|i| tensor.entry(i).unwrap().0).collect()
    }

    #[test]
    fn a_piece_takes_a_part_of_every_block() {
        let x = counted(&[2, 4, 3]);
        let middle = piece(&x, 1, 1, 2).unwrap().unwrap();
        assert_eq!(middle.shape(), [2, 2, 3]);
        assert_eq!(ints(&middle), [3., 4., 5., 6., 7., 8., 15., 16., 17., 18., 19., 20.]);
        let rows = piece(&x, 0, 1, 1).unwrap().unwrap();
        assert_eq!(ints(&rows), (12..24).map(f64::from).collect::<Vec<_>>());
        assert!(piece(&x, 1, 3, 2).unwrap().is_none());
        assert!(piece(&x, 3, 0, 0).unwrap().is_none());
    }

    #[test]
    fn pieces_put_together_are_the_whole() {
        for axis in 0..3 {
            let x = counted(&[2, 4, 3]);
            let size = x.shape()[axis];
            for cut in 0..=size {
                let parts =
                    [(0, cut), (cut, size - cut)].map(|(s, n)| piece(&x, axis, s, n).unwrap().unwrap());
                let whole = concat(&parts, axis).unwrap().unwrap();
                assert_eq!(whole.shape(), x.shape());
                assert_eq!(whole.bytes(), x.bytes());
            }
        }
    }

    #[test]
    fn stacked_arrays_get_a_leading_axis() {
        let x = counted(&[2, 2]);
        let stacked = stack(&[x.clone(), x.clone(), x]).unwrap().unwrap();
        assert_eq!(stacked.shape(), [3, 2, 2]);
        assert_eq!(ints(&stacked)[4..8], [0., 1., 2., 3.]);
        assert!(stack(&[counted(&[2]), counted(&[3])]).unwrap().is_none());
        assert!(stack(&[]).unwrap().is_none());
    }
}
