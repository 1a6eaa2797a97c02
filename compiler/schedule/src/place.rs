//! Where a value lies in memory.
//!
//! Real values have one [`Spot`]. Complex ones have two, one per part, which is how kernels and products read them alike: in arguments, results and weights the
//! parts are interleaved (the second spot is one element on, strides count pairs twice); scratch memory has a buffer for each part, and none for a part that nobody reads.

use crate::index::{is_one, product, row_major};
use tensc_ir::{DType, Dim};
use tensc_program::{BufferId, BufferRef};

/// An element of a buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spot {
    pub(crate) buffer: BufferId,
    /// In elements of the memory; may mention variables of enclosing program loops.
    pub(crate) offset: Dim,
}

impl Spot {
    pub(crate) fn start(buffer: BufferId) -> Self {
        Self { buffer, offset: Dim::default() }
    }

    fn moved(&self, by: &Dim) -> Self {
        Self { buffer: self.buffer, offset: &self.offset + by }
    }

    pub(crate) fn reference(&self) -> BufferRef {
        BufferRef { buffer: self.buffer, offset: self.offset.clone() }
    }
}

/// The spots of a value's parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parts {
    Real(Spot),
    /// Real and imaginary part; a part that nobody reads has no place.
    Complex(Option<Spot>, Option<Spot>),
}

/// A strided array in memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Element type in memory of one part (never c64).
    pub(crate) memory: DType,
    pub(crate) parts: Parts,
    pub(crate) shape: Vec<Dim>,
    /// Strides of the axes in elements.
    pub(crate) strides: Vec<Dim>,
    /// Distance from one sequence to the next; none where there is one part for all.
    pub(crate) batch: Option<Dim>,
}

impl Place {
    /// A whole buffer of real numbers, row-major, one after the other for each sequence.
    pub(crate) fn real(buffer: BufferId, memory: DType, shape: &[Dim], varies: bool) -> Self {
        Self {
            memory,
            parts: Parts::Real(Spot::start(buffer)),
            shape: shape.to_vec(),
            strides: row_major(shape),
            batch: varies.then(|| product(shape)),
        }
    }

    /// A whole buffer of interleaved complex numbers.
    pub(crate) fn interleaved(buffer: BufferId, shape: &[Dim], varies: bool) -> Self {
        let two = Dim::constant(2);
        let re = Spot::start(buffer);
        let im = re.moved(&Dim::constant(1));
        Self {
            memory: DType::F32,
            parts: Parts::Complex(Some(re), Some(im)),
            shape: shape.to_vec(),
            strides: row_major(shape).iter().map(|stride| stride * &two).collect(),
            batch: varies.then(|| &product(shape) * &two),
        }
    }

    /// Two whole buffers, one per part.
    pub(crate) fn planar(
        re: Option<BufferId>,
        im: Option<BufferId>,
        memory: DType,
        shape: &[Dim],
        varies: bool,
    ) -> Self {
        Self {
            memory,
            parts: Parts::Complex(re.map(Spot::start), im.map(Spot::start)),
            shape: shape.to_vec(),
            strides: row_major(shape),
            batch: varies.then(|| product(shape)),
        }
    }

    fn moved(&self, by: &Dim) -> Self {
        let parts = match &self.parts {
            Parts::Real(spot) => Parts::Real(spot.moved(by)),
            Parts::Complex(re, im) => {
                Parts::Complex(re.as_ref().map(|s| s.moved(by)), im.as_ref().map(|s| s.moved(by)))
            }
        };
        Self { parts, ..self.clone() }
    }

    /// The entries at one position of an axis, which goes.
    pub(crate) fn index(&self, axis: usize, position: &Dim) -> Self {
        let stride = self.strides.get(axis).cloned().unwrap_or_default();
        let mut place = self.moved(&(&stride * position));
        if axis < place.shape.len() {
            place.shape.remove(axis);
            place.strides.remove(axis);
        }
        place
    }

    /// Entries `start .. start + len` of an axis.
    pub(crate) fn slice(&self, axis: usize, start: &Dim, len: &Dim) -> Self {
        let stride = self.strides.get(axis).cloned().unwrap_or_default();
        let mut place = self.moved(&(&stride * start));
        if let Some(size) = place.shape.get_mut(axis) {
            *size = len.clone();
        }
        place
    }

    /// Axis `i` becomes the old axis `perm[i]`.
    pub(crate) fn transpose(&self, perm: &[usize]) -> Self {
        let pick = |list: &[Dim]| perm.iter().filter_map(|axis| list.get(*axis).cloned()).collect();
        Self { shape: pick(&self.shape), strides: pick(&self.strides), ..self.clone() }
    }

    /// Old axis `i` becomes `axes[i]`; others repeat.
    pub(crate) fn broadcast(&self, shape: &[Dim], axes: &[usize]) -> Self {
        let mut strides = vec![Dim::default(); shape.len()];
        for ((axis, size), stride) in axes.iter().zip(&self.shape).zip(&self.strides) {
            if let Some(slot) = strides.get_mut(*axis)
                && (!is_one(size) || shape.get(*axis) == Some(size))
            {
                *slot = stride.clone();
            }
        }
        Self { shape: shape.to_vec(), strides, ..self.clone() }
    }

    /// The same entries in row-major order under another shape, where no entry has to move.
    pub(crate) fn reshape(&self, shape: &[Dim]) -> Option<Self> {
        let strides = reshape_strides(&self.shape, &self.strides, shape)?;
        Some(Self { shape: shape.to_vec(), strides, ..self.clone() })
    }

    /// One part of a complex value, as a real one.
    pub(crate) fn part(&self, imaginary: bool) -> Option<Self> {
        match &self.parts {
            Parts::Real(_) => None,
            Parts::Complex(re, im) => {
                let spot = if imaginary { im.clone()? } else { re.clone()? };
                Some(Self { parts: Parts::Real(spot), ..self.clone() })
            }
        }
    }

    /// Row-major without gaps, sequence after sequence (or one part for all), each part by itself.
    pub(crate) fn is_contiguous(&self) -> bool {
        let dense =
            fold(&self.shape, &self.strides).is_some_and(|(size, stride)| is_one(&stride) || is_one(&size));
        dense && self.batch.as_ref().is_none_or(|stride| *stride == product(&self.shape))
    }
}

/// Several axes as one: the product of their sizes and the last one's stride, where the strides allow it.
pub(crate) fn fold(shape: &[Dim], strides: &[Dim]) -> Option<(Dim, Dim)> {
    let mut folded: Option<(Dim, Dim)> = None;
    for (size, stride) in shape.iter().zip(strides).filter(|(size, _)| !is_one(size)) {
        folded = Some(match folded {
            None => (size.clone(), stride.clone()),
            Some((outer, outer_stride)) if outer_stride == stride * size => (&outer * size, stride.clone()),
            Some(_) => return None,
        });
    }
    Some(folded.unwrap_or((Dim::constant(1), Dim::constant(1))))
}

/// How axes of one shape correspond to axes of another with the same entries in the same order: groups of neighbouring axes with equal products. A group is a
/// pair of ranges; sizes of 1 are put where they fall.
pub(crate) fn reshape_groups(
    from: &[Dim],
    to: &[Dim],
) -> Option<Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>> {
    let mut groups = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < from.len() || j < to.len() {
        // The smallest group: try all small prefixes until the products agree.
        let found = (1..=(from.len() - i) + (to.len() - j)).find_map(|total| {
            (0..=total.min(from.len() - i)).rev().find_map(|taken| {
                let others = total - taken;
                let (left, right) = (from.get(i..i + taken)?, to.get(j..j + others)?);
                (product(left) == product(right)).then_some((taken, others))
            })
        });
        let (taken, others) = found?;
        groups.push((i..i + taken, j..j + others));
        i += taken;
        j += others;
    }
    Some(groups)
}

fn reshape_strides(from: &[Dim], strides: &[Dim], to: &[Dim]) -> Option<Vec<Dim>> {
    let mut result = Vec::with_capacity(to.len());
    for (left, right) in reshape_groups(from, to)? {
        let (_, stride) = fold(from.get(left.clone())?, strides.get(left)?)?;
        result.extend(row_major(to.get(right)?).iter().map(|inner| inner * &stride));
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(sizes: &[i64]) -> Vec<Dim> {
        sizes.iter().copied().map(Dim::constant).collect()
    }

    #[test]
    fn a_reshape_that_moves_nothing_is_a_view() {
        let t = Dim::var("T");
        let place = Place::real(BufferId(0), DType::F32, &[t.clone(), Dim::constant(12)], true);
        let heads = place.reshape(&[t.clone(), Dim::constant(3), Dim::constant(4)]).unwrap();
        assert_eq!(heads.strides, dims(&[12, 4, 1]));
        let swapped = heads.transpose(&[1, 0, 2]);
        assert_eq!(swapped.strides, dims(&[4, 12, 1]));
        assert!(!swapped.is_contiguous());
        assert_eq!(swapped.reshape(&[&t * &Dim::constant(3), Dim::constant(4)]), None);
        assert_eq!(heads.reshape(&[t, Dim::constant(12)]), Some(place));
    }

    #[test]
    fn sizes_of_one_go_anywhere() {
        let place = Place::real(BufferId(0), DType::F32, &dims(&[1, 6]), false);
        assert_eq!(place.reshape(&dims(&[2, 1, 3])).unwrap().strides, dims(&[3, 3, 1]));
        assert!(place.reshape(&dims(&[6, 1])).unwrap().is_contiguous());
    }
}
