//! Ops along an axis: shift, causal convolution, Fourier transforms, the last entry.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

use super::movement::{split, with_size};
use crate::DType;
use crate::array::{Array, Data, same_data, wrap_int};
use crate::op::FftKind;
use tensc_fourier::{Complex, FftDirection};

pub(super) fn shift(axis: usize, by: i64, x: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    let distance = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX).min(size);
    let (zeros, kept) = (distance * inner, (size - distance) * inner);
    let data = same_data!(x.data(), entries => {
        let mut result = Vec::with_capacity(entries.len());
        for block in 0..outer {
            let block = &entries[block * size * inner..(block + 1) * size * inner];
            if by >= 0 {
                result.resize(result.len() + zeros, Default::default());
                result.extend_from_slice(&block[..kept]);
            } else {
                result.extend_from_slice(&block[zeros..]);
                result.resize(result.len() + zeros, Default::default());
            }
        }
        result
    });
    Array::new(x.dtype(), x.shape().to_vec(), data)
}

pub(super) fn last(axis: usize, x: &Array) -> Option<Array> {
    let size = *x.shape().get(axis)?;
    match size.checked_sub(1) {
        Some(last) => x.entry(axis, last),
        None => {
            let mut shape = x.shape().to_vec();
            shape.remove(axis);
            Some(Array::zeros(x.dtype(), &shape))
        }
    }
}

pub(super) fn conv(axis: usize, x: &Array, w: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    // Weights of each block of leading axes, or one set for all.
    let own = w.shape().len() == x.shape().len();
    let taps = *w.shape().get(if own { axis } else { 0 })?;
    let dtype = x.dtype();
    let run = Run { outer, size, inner, taps, own };
    let data = match (x.data(), w.data()) {
        (Data::Real(x), Data::Real(w)) => Data::Real(run.convolved(x, w, |sum, x, w| sum + x * w)),
        (Data::Complex(x), Data::Complex(w)) => {
            Data::Complex(run.convolved(x, w, |[re, im]: [f64; 2], [a, b]: [f64; 2], [c, d]: [f64; 2]| {
                [re + a * c - b * d, im + a * d + b * c]
            }))
        }
        (Data::Int(x), Data::Int(w)) => {
            let sums = run.convolved(x, w, |sum: i64, x, w| sum.wrapping_add(x.wrapping_mul(w)));
            Data::Int(sums.into_iter().map(|sum| wrap_int(dtype, sum)).collect())
        }
        _ => return None,
    };
    Array::new(dtype, x.shape().to_vec(), data)
}

struct Run {
    outer: usize,
    size: usize,
    inner: usize,
    taps: usize,
    own: bool,
}

impl Run {
    fn convolved<T: Copy + Default>(&self, x: &[T], w: &[T], step: impl Fn(T, T, T) -> T) -> Vec<T> {
        let Self { outer, size, inner, taps, own } = *self;
        let mut result = vec![T::default(); x.len()];
        for block in 0..outer {
            let w = if own { &w[block * taps * inner..] } else { w };
            for t in 0..size {
                let to = (block * size + t) * inner;
                for j in 0..taps.min(t + 1) {
                    let from = (block * size + t - j) * inner;
                    for c in 0..inner {
                        result[to + c] = step(result[to + c], x[from + c], w[j * inner + c]);
                    }
                }
            }
        }
        result
    }
}

pub(super) fn fft(kind: FftKind, axis: usize, n: usize, x: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    let half = n / 2 + 1;
    let (taken, given, dtype) = match kind {
        FftKind::Fft | FftKind::Ifft => (n, n, DType::C64),
        FftKind::Rfft => (n, half, DType::C64),
        FftKind::Irfft => (half, n, DType::F32),
    };
    let inverse = matches!(kind, FftKind::Ifft | FftKind::Irfft);
    let direction = if inverse { FftDirection::Inverse } else { FftDirection::Forward };
    let plan = tensc_fourier::complex_f64(n.max(1), direction);
    #[expect(clippy::cast_precision_loss, reason = "a length in memory is exact in f64")]
    let scale = if inverse { 1.0 / n as f64 } else { 1.0 };
    let mut line = vec![Complex::new(0.0, 0.0); n];
    let mut result = vec![[0.0; 2]; outer * given * inner];
    for block in 0..outer {
        for column in 0..inner {
            line.fill(Complex::new(0.0, 0.0));
            for t in 0..taken.min(size) {
                let place = (block * size + t) * inner + column;
                let [re, im] = match x.data() {
                    Data::Real(x) => [x[place], 0.0],
                    Data::Complex(x) => x[place],
                    Data::Int(_) | Data::Bool(_) => return None,
                };
                if kind == FftKind::Irfft {
                    put_half(&mut line, t, Complex::new(re, im));
                } else {
                    line[t] = Complex::new(re, im);
                }
            }
            if n > 0 {
                plan.process(&mut line);
            }
            // A real transform of length 0 still has its frequency 0.
            for (t, value) in line.iter().take(given).enumerate() {
                result[(block * given + t) * inner + column] = [value.re * scale, value.im * scale];
            }
        }
    }
    let shape = with_size(x.shape(), axis, given);
    let data = if kind == FftKind::Irfft {
        Data::Real(result.into_iter().map(|[re, _]| re).collect())
    } else {
        Data::Complex(result)
    };
    Array::new(dtype, shape, data)
}

/// Puts frequency `t` of a real signal and its mirror image; of frequency 0 and the middle one only the real part counts.
fn put_half(line: &mut [Complex<f64>], t: usize, value: Complex<f64>) {
    let n = line.len();
    if t >= n {
        return;
    }
    let mirror = (n - t) % n;
    if mirror == t {
        line[t] = Complex::new(value.re, 0.0);
    } else {
        line[t] = value;
        line[mirror] = value.conj();
    }
}
