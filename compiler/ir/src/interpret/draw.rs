//! Random masks and draws.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

use super::EvalErrorKind;
use super::frame::Context;
use crate::array::{Array, Data};
use crate::dim::POSITION;
use crate::op::Distribution;
use crate::random::Stream;
use crate::{DType, Dim};

/// A mask of `dropout`. Its entries are numbered with the first axis of run-time size outermost, from the position in the stream on, and
/// the others row-major below it: a sequence run in pieces gets the mask of the whole.
pub(super) fn keep(
    context: &Context<'_>,
    site: u32,
    keep: f64,
    shape: &[Dim],
    within: &[u64],
) -> Result<Array, EvalErrorKind> {
    let sizes = context.shape(shape)?;
    let time = shape.iter().position(|dim| dim.as_constant().is_none());
    let stream = Stream::site(context.options.seed, context.options.sequence, site, within);
    let position = context.sizes.get(POSITION).copied().unwrap_or(0).cast_unsigned();
    let (outer, size, inner) = match time {
        Some(axis) => (
            sizes[..axis].iter().product::<usize>(),
            sizes[axis],
            sizes[axis + 1..].iter().product::<usize>(),
        ),
        None => (1, 1, sizes.iter().product()),
    };
    let first = if time.is_some() { position } else { 0 };
    let mut mask = vec![false; outer * size * inner];
    for (n, row) in mask.chunks_exact_mut(inner.max(1)).enumerate() {
        let (block, t) = (n / size.max(1), n % size.max(1));
        let number = (first.wrapping_add(t as u64)).wrapping_mul((outer * inner) as u64);
        stream.kept(keep, number.wrapping_add((block * inner) as u64), row);
    }
    Ok(Array::of(DType::Bool, sizes, Data::Bool(mask)))
}

pub(super) fn draw(
    seed: u64,
    distribution: Distribution,
    (path, number): &(String, u32),
    shape: Vec<usize>,
) -> Array {
    let stream = Stream::new(seed, path, *number);
    let len = shape.iter().product();
    let uniform = |low: f64, high: f64| stream.uniforms(len).iter().map(|u| low + (high - low) * u).collect();
    let entries = match distribution {
        Distribution::Uniform(low, high) => uniform(low, high),
        Distribution::Normal(mean, deviation) => {
            stream.normals(len).iter().map(|x| mean + deviation * x).collect()
        }
        Distribution::Xavier(gain) => {
            let [fan_in, fan_out] = last_two(&shape);
            #[expect(clippy::cast_precision_loss, reason = "a size in memory is exact in f64")]
            let limit = gain * (6.0 / (fan_in + fan_out) as f64).sqrt();
            uniform(-limit, limit)
        }
        Distribution::Orthogonal(gain) => {
            let [rows, columns] = last_two(&shape);
            let mut entries = stream.normals(len);
            for matrix in entries.chunks_exact_mut((rows * columns).max(1)) {
                orthogonalise(matrix, rows, columns);
            }
            entries.iter().map(|x| gain * x).collect()
        }
    };
    Array::of(DType::F32, shape, Data::Real(entries))
}

fn last_two(shape: &[usize]) -> [usize; 2] {
    match shape {
        [.., rows, columns] => [*rows, *columns],
        [one] => [1, *one],
        [] => [1, 1],
    }
}

/// Turns a matrix of independent normal numbers into a uniformly distributed (semi-)orthogonal one: Q of its QR decomposition by Householder
/// reflections, signs chosen such that R's diagonal is positive (Mezzadri, Notices of the AMS 54, 2007).
fn orthogonalise(matrix: &mut [f64], rows: usize, columns: usize) {
    // Of the longer side as rows; vectors[j] is a column.
    let (long, short) = (rows.max(columns), rows.min(columns));
    let place = |i: usize, j: usize| if rows >= columns { i * columns + j } else { j * columns + i };
    let mut vectors: Vec<Vec<f64>> =
        (0..short).map(|j| (0..long).map(|i| matrix[place(i, j)]).collect()).collect();
    let mut signs = vec![1.0; short];
    for j in 0..short {
        let (done, rest) = vectors.split_at_mut(j + 1);
        let pivot = &mut done[j];
        let norm = dot(&pivot[j..], &pivot[j..]).sqrt();
        signs[j] = if pivot[j] > 0.0 { -1.0 } else { 1.0 };
        pivot[j] -= signs[j] * norm;
        let length = dot(&pivot[j..], &pivot[j..]).sqrt();
        if length > 0.0 {
            pivot[j..].iter_mut().for_each(|x| *x /= length);
        }
        for other in rest {
            reflect(&mut other[j..], &pivot[j..]);
        }
    }
    for column in 0..short {
        let mut q = vec![0.0; long];
        q[column] = signs[column];
        for j in (0..short).rev() {
            reflect(&mut q[j..], &vectors[j][j..]);
        }
        for (i, x) in q.into_iter().enumerate() {
            matrix[place(i, column)] = x;
        }
    }
}

/// `x - 2 (v x) v`, v of length 1.
fn reflect(x: &mut [f64], v: &[f64]) {
    let twice = 2.0 * dot(x, v);
    x.iter_mut().zip(v).for_each(|(x, v)| *x -= twice * v);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
