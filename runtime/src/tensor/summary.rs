//! What a person reads of a result: shape, mean, first and last values, a hash; and how far two arrays are apart.

use super::Tensor;
use sha2::{Digest, Sha256};
use tensc_ir::DType;

/// The facts about an array that fit on a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Mean of all entries; of complex entries its real and imaginary part. NaN of an empty array.
    pub mean: (f64, f64),
    /// The first entries in row-major order, four at most.
    pub first: Vec<(f64, f64)>,
    /// The last entries, four at most.
    pub last: Vec<(f64, f64)>,
    /// The first 16 hexadecimal digits of SHA-256 over type, shape and bytes: equal hashes, equal arrays.
    pub hash: String,
    /// Entries that are NaN or infinite.
    pub not_finite: usize,
}

const SHOWN: usize = 4;

/// Summarises an array.
#[must_use]
pub fn summarize(tensor: &Tensor) -> Summary {
    let len = tensor.len();
    let entries = |range: std::ops::Range<usize>| range.filter_map(|i| tensor.entry(i)).collect();
    let (sum, not_finite) = totals(tensor);
    let count = len as f64;
    Summary {
        shape: tensor.shape().to_vec(),
        dtype: tensor.dtype(),
        mean: (sum.0 / count, sum.1 / count),
        first: entries(0..len.min(SHOWN)),
        last: entries(len.saturating_sub(SHOWN).max(SHOWN.min(len))..len),
        hash: hash(tensor),
        not_finite,
    }
}

fn totals(tensor: &Tensor) -> ((f64, f64), usize) {
    let (mut re, mut im, mut not_finite) = (0.0, 0.0, 0);
    // The type that results nearly always have is read as a slice; the others entry by entry.
    if tensor.dtype() == DType::F32
        && let Ok(values) = bytemuck::try_cast_slice::<u8, f32>(tensor.bytes())
    {
        for value in values {
            re += f64::from(*value);
            not_finite += usize::from(!value.is_finite());
        }
        return ((re, im), not_finite);
    }
    for (a, b) in (0..tensor.len()).filter_map(|i| tensor.entry(i)) {
        re += a;
        im += b;
        not_finite += usize::from(!(a.is_finite() && b.is_finite()));
    }
    ((re, im), not_finite)
}

fn hash(tensor: &Tensor) -> String {
    let mut sha = Sha256::new();
    sha.update(tensor.to_string());
    sha.update(tensor.bytes());
    sha.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// How far a result is from a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// `RMS(result - reference) / RMS(reference)`; the absolute RMS where the reference is all zero.
    pub relative_rms: f64,
    /// Largest absolute difference of an entry.
    pub max: f64,
    /// Row-major place of that entry.
    pub at: usize,
    /// Entries of which just one side is NaN, or infinite with another sign.
    pub differ_in_kind: usize,
}

/// Compares two arrays of one shape; `None` when shapes differ.
#[must_use]
pub fn compare(result: &Tensor, reference: &Tensor) -> Option<Comparison> {
    if result.shape() != reference.shape() {
        return None;
    }
    let (mut square, mut scale) = (0.0_f64, 0.0_f64);
    let mut comparison = Comparison { relative_rms: 0.0, max: 0.0, at: 0, differ_in_kind: 0 };
    for at in 0..result.len() {
        let (Some(a), Some(b)) = (result.entry(at), reference.entry(at)) else { continue };
        for (a, b) in [(a.0, b.0), (a.1, b.1)] {
            if a.is_finite() && b.is_finite() {
                let difference = (a - b).abs();
                square += difference * difference;
                scale += b * b;
                if difference > comparison.max {
                    (comparison.max, comparison.at) = (difference, at);
                }
            } else if !(a == b || a.is_nan() && b.is_nan()) {
                comparison.differ_in_kind += 1;
            }
        }
    }
    let count = (result.len() as f64).max(1.0);
    let absolute = (square / count).sqrt();
    comparison.relative_rms = if scale > 0.0 { absolute / (scale / count).sqrt() } else { absolute };
    Some(comparison)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(values: &[f32]) -> Tensor {
        Tensor::from_bytes(DType::F32, vec![values.len()], bytemuck::cast_slice(values)).unwrap()
    }

    #[test]
    fn a_summary_shows_both_ends() {
        let summary = summarize(&array(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(summary.mean, (3.5, 0.0));
        assert_eq!(summary.first, [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (4.0, 0.0)]);
        assert_eq!(summary.last, [(5.0, 0.0), (6.0, 0.0)]);
        assert_eq!(summary.not_finite, 0);
    }

    #[test]
    fn the_hash_tells_shapes_and_entries_apart() {
        let x = array(&[1.0, 2.0]);
        let hash = summarize(&x).hash;
        assert_eq!(hash.len(), 16);
        assert_ne!(hash, summarize(&x.reshaped(vec![2, 1]).unwrap()).hash);
        assert_ne!(hash, summarize(&array(&[1.0, 3.0])).hash);
        assert_eq!(hash, summarize(&array(&[1.0, 2.0])).hash);
    }

    #[test]
    fn a_comparison_finds_the_largest_difference() {
        let comparison = compare(&array(&[1.0, 2.5, 3.0]), &array(&[1.0, 2.0, 3.0])).unwrap();
        assert_eq!((comparison.max, comparison.at), (0.5, 1));
        assert!((comparison.relative_rms - (0.25_f64 / 14.0).sqrt()).abs() < 1e-12);
        assert_eq!(compare(&array(&[f32::NAN, 1.0]), &array(&[1.0, 1.0])).unwrap().differ_in_kind, 1);
        assert_eq!(compare(&array(&[f32::NAN]), &array(&[f32::NAN])).unwrap().differ_in_kind, 0);
        assert!(compare(&array(&[1.0]), &array(&[1.0, 1.0])).is_none());
    }
}
