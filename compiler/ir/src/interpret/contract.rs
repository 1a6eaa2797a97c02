//! The two-operand einsum, as a batch of matrix products.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

use super::EvalErrorKind;
use super::movement::transpose;
use super::reduce::reduce;
use crate::DType;
use crate::array::{Array, Data, wrap_int};
use crate::op::{Contraction, ReduceKind};
use std::borrow::Cow;

pub(super) fn contract(
    contraction: &Contraction,
    left: &Array,
    right: &Array,
) -> Result<Option<Array>, EvalErrorKind> {
    let Contraction { left: left_labels, right: right_labels, result } = contraction;
    for (label, expected) in left_labels.iter().zip(left.shape()) {
        let other = right_labels.iter().position(|other| other == label);
        if let Some(found) = other.and_then(|axis| right.shape().get(axis))
            && found != expected
        {
            let what = "a contracted size of the right operand".to_owned();
            return Err(EvalErrorKind::Mismatch { what, expected: *expected, found: *found });
        }
    }
    Ok(product(left_labels, right_labels, result, left, right))
}

fn product(
    left_labels: &[u8],
    right_labels: &[u8],
    result: &[u8],
    left: &Array,
    right: &Array,
) -> Option<Array> {
    let (left_labels, left) = without_lonely(left_labels, right_labels, result, left)?;
    let (right_labels, right) = without_lonely(right_labels, &left_labels, result, right)?;
    let of = |labels: &[u8], in_other: &[u8], shared: bool, kept: bool| -> Vec<u8> {
        let keep = |label: &&u8| in_other.contains(label) == shared && result.contains(label) == kept;
        labels.iter().filter(keep).copied().collect()
    };
    let batch = of(&left_labels, &right_labels, true, true);
    let summed = of(&left_labels, &right_labels, true, false);
    let rows = of(&left_labels, &right_labels, false, true);
    let columns = of(&right_labels, &left_labels, false, true);
    let left = arranged(&left_labels, &left, &[&batch, &rows, &summed])?;
    let right = arranged(&right_labels, &right, &[&batch, &summed, &columns])?;
    let sizes = |labels: &[u8], from: usize, array: &Array| -> usize {
        array.shape()[from..from + labels.len()].iter().product()
    };
    let b = sizes(&batch, 0, &left);
    let m = sizes(&rows, batch.len(), &left);
    let k = sizes(&summed, batch.len() + rows.len(), &left);
    let n = sizes(&columns, batch.len() + summed.len(), &right);
    let input = left.dtype();
    let dtype = if matches!(input, DType::F16 | DType::BF16) { DType::F32 } else { input };
    let data = match (left.data(), right.data()) {
        (Data::Real(x), Data::Real(y)) => Data::Real(matrices(x, y, [b, m, k, n], |sum, x, y| sum + x * y)),
        (Data::Complex(x), Data::Complex(y)) => {
            let step = |[re, im]: [f64; 2], [a, b]: [f64; 2], [c, d]: [f64; 2]| {
                [re + a * c - b * d, im + a * d + b * c]
            };
            Data::Complex(matrices(x, y, [b, m, k, n], step))
        }
        (Data::Int(x), Data::Int(y)) => {
            let step = |sum: i64, x: i64, y: i64| sum.wrapping_add(x.wrapping_mul(y));
            let sums = matrices(x, y, [b, m, k, n], step);
            Data::Int(sums.into_iter().map(|sum| wrap_int(dtype, sum)).collect())
        }
        _ => return None,
    };
    let order: Vec<u8> = [batch.as_slice(), &rows, &columns].concat();
    let shape = left.shape()[..batch.len() + rows.len()]
        .iter()
        .chain(&right.shape()[batch.len() + summed.len()..])
        .copied()
        .collect();
    let array = Array::new(dtype, shape, data)?;
    let perm = result.iter().map(|label| order.iter().position(|other| other == label));
    let perm = perm.collect::<Option<Vec<_>>>()?;
    if perm.is_sorted() { Some(array) } else { transpose(&perm, &array) }
}

/// Sums an operand over the labels that only it has.
fn without_lonely<'a>(
    labels: &[u8],
    other: &[u8],
    result: &[u8],
    array: &'a Array,
) -> Option<(Vec<u8>, Cow<'a, Array>)> {
    let lonely = |label: &u8| !other.contains(label) && !result.contains(label);
    let axes: Vec<usize> = (0..labels.len()).filter(|axis| lonely(&labels[*axis])).collect();
    if axes.is_empty() {
        return Some((labels.to_vec(), Cow::Borrowed(array)));
    }
    let rest = labels.iter().filter(|label| !lonely(label)).copied().collect();
    Some((rest, Cow::Owned(reduce(ReduceKind::Sum, &axes, array)?)))
}

/// The operand with its axes in the order of these labels.
fn arranged<'a>(labels: &[u8], array: &'a Array, order: &[&[u8]]) -> Option<Cow<'a, Array>> {
    let perm = order.iter().copied().flatten().map(|label| labels.iter().position(|other| other == label));
    let perm = perm.collect::<Option<Vec<_>>>()?;
    if perm.is_sorted() { Some(Cow::Borrowed(array)) } else { transpose(&perm, array).map(Cow::Owned) }
}

/// Rows that share one pass over the right matrix.
const ROWS: usize = 4;
/// Columns whose sums stay in the first cache.
const COLUMNS: usize = 256;

/// `[b, m, k]` times `[b, k, n]`, each sum in the order of k.
fn matrices<T: Copy + Default>(
    left: &[T],
    right: &[T],
    [b, m, k, n]: [usize; 4],
    step: impl Fn(T, T, T) -> T,
) -> Vec<T> {
    let mut result = vec![T::default(); b * m * n];
    if k == 0 || result.is_empty() {
        return result;
    }
    if n == 1 {
        for (place, sum) in result.iter_mut().enumerate() {
            let (row, column) = (&left[place * k..][..k], &right[place / m * k..][..k]);
            *sum = row.iter().zip(column).fold(T::default(), |sum, (x, y)| step(sum, *x, *y));
        }
        return result;
    }
    let matrices =
        result.chunks_exact_mut(m * n).zip(left.chunks_exact(m * k)).zip(right.chunks_exact(k * n));
    for ((result, left), right) in matrices {
        for (rows, left) in result.chunks_mut(ROWS * n).zip(left.chunks(ROWS * k)) {
            for from in (0..n).step_by(COLUMNS) {
                let to = n.min(from + COLUMNS);
                for (inner, column) in right.chunks_exact(n).enumerate() {
                    let column = &column[from..to];
                    for (row, left) in rows.chunks_exact_mut(n).zip(left.chunks_exact(k)) {
                        let x = left[inner];
                        for (sum, y) in row[from..to].iter_mut().zip(column) {
                            *sum = step(*sum, x, *y);
                        }
                    }
                }
            }
        }
    }
    result
}
