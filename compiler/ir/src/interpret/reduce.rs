//! Reductions and running sums.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

use super::movement::{split, transpose};
use crate::DType;
use crate::array::{Array, Data, wrap_int};
use crate::op::ReduceKind;

pub(super) fn reduce(kind: ReduceKind, axes: &[usize], x: &Array) -> Option<Array> {
    let kept: Vec<usize> = (0..x.shape().len()).filter(|axis| !axes.contains(axis)).collect();
    let shape: Vec<usize> = kept.iter().map(|axis| x.shape()[*axis]).collect();
    let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
    // What is combined lies together.
    let moved = if order.is_sorted() { None } else { Some(transpose(&order, x)?) };
    let x = moved.as_ref().unwrap_or(x);
    let results = shape.iter().product();
    let each = axes.len();
    let each: usize = x.shape()[x.shape().len() - each..].iter().product();
    let dtype = x.dtype();
    let (dtype, data) = match (kind, x.data()) {
        (ReduceKind::Sum, Data::Real(x)) => (dtype, Data::Real(groups(x, results, each, |x| x.iter().sum()))),
        (ReduceKind::Sum, Data::Complex(x)) => {
            let sum = |x: &[[f64; 2]]| x.iter().fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
            (dtype, Data::Complex(groups(x, results, each, sum)))
        }
        (ReduceKind::Sum, Data::Int(x)) => {
            let sum = |x: &[i64]| wrap_int(dtype, x.iter().fold(0, |sum: i64, n| sum.wrapping_add(*n)));
            (dtype, Data::Int(groups(x, results, each, sum)))
        }
        (ReduceKind::Max, Data::Real(x)) => {
            let larger = |a: f64, b: &f64| if a.is_nan() || a > *b { a } else { *b };
            let most = |x: &[f64]| x.iter().fold(f64::NEG_INFINITY, larger);
            (dtype, Data::Real(groups(x, results, each, most)))
        }
        (ReduceKind::Min, Data::Real(x)) => {
            let smaller = |a: f64, b: &f64| if a.is_nan() || a < *b { a } else { *b };
            let least = |x: &[f64]| x.iter().fold(f64::INFINITY, smaller);
            (dtype, Data::Real(groups(x, results, each, least)))
        }
        (ReduceKind::Max, Data::Int(x)) => {
            let lowest = if dtype == DType::U8 { 0 } else { i64::from(i32::MIN) };
            let most = |x: &[i64]| x.iter().copied().max().unwrap_or(lowest);
            (dtype, Data::Int(groups(x, results, each, most)))
        }
        (ReduceKind::Min, Data::Int(x)) => {
            let highest = if dtype == DType::U8 { i64::from(u8::MAX) } else { i64::from(i32::MAX) };
            let least = |x: &[i64]| x.iter().copied().min().unwrap_or(highest);
            (dtype, Data::Int(groups(x, results, each, least)))
        }
        (ReduceKind::ArgMax, Data::Real(x)) => {
            let above = |a: &f64, b: &f64| !b.is_nan() && (a.is_nan() || a > b);
            (DType::I32, Data::Int(groups(x, results, each, |x| first_largest(x, above))))
        }
        (ReduceKind::ArgMax, Data::Int(x)) => {
            (DType::I32, Data::Int(groups(x, results, each, |x| first_largest(x, |a, b| a > b))))
        }
        (ReduceKind::Max | ReduceKind::Min | ReduceKind::ArgMax, Data::Complex(_)) | (_, Data::Bool(_)) => {
            return None;
        }
    };
    Array::new(dtype, shape, data)
}

/// One result for each group of `each` neighbours, also where groups are empty.
fn groups<T, R>(x: &[T], results: usize, each: usize, combine: impl Fn(&[T]) -> R) -> Vec<R> {
    (0..results).map(|n| combine(&x[n * each..(n + 1) * each])).collect()
}

/// Position of the first entry that none is above; 0 of nothing.
fn first_largest<T>(x: &[T], above: impl Fn(&T, &T) -> bool) -> i64 {
    let mut best = 0;
    for (n, entry) in x.iter().enumerate() {
        if above(entry, &x[best]) {
            best = n;
        }
    }
    i64::try_from(best).unwrap_or(i64::MAX)
}

pub(super) fn cumsum(axis: usize, x: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    let dtype = x.dtype();
    let data = match x.data() {
        Data::Real(x) => Data::Real(running(x, outer, size, inner, |a, b| a + b)),
        Data::Complex(x) => Data::Complex(running(x, outer, size, inner, |[a, b], [c, d]| [a + c, b + d])),
        Data::Int(x) => Data::Int(running(x, outer, size, inner, |a, b| wrap_int(dtype, a.wrapping_add(b)))),
        Data::Bool(_) => return None,
    };
    Array::new(dtype, x.shape().to_vec(), data)
}

fn running<T: Copy>(x: &[T], outer: usize, size: usize, inner: usize, add: impl Fn(T, T) -> T) -> Vec<T> {
    let mut sums = x.to_vec();
    for block in 0..outer {
        for n in 1..size {
            let here = (block * size + n) * inner;
            for place in here..here + inner {
                sums[place] = add(sums[place - inner], sums[place]);
            }
        }
    }
    sums
}
