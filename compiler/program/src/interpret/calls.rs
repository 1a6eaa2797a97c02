//! Library calls, by their definitions: products in f32 in index order, transforms as sums in f64.

use super::{Run, RunError, memory};
use crate::program::{BufferRef, Gemm, Keep, Panels, SEED};
use crate::scalar::Scalar;
use tensc_ir::random::Stream;
use tensc_ir::{DType, Dim, FftKind};

impl Run<'_> {
    fn floats(&self, place: &BufferRef, indices: impl Iterator<Item = i64>) -> Result<Vec<f32>, RunError> {
        let (n, offset) = (place.buffer.0 as usize, place.offset.eval(&self.sizes)?);
        let dtype = self.program.buffers.get(n).map_or(DType::F32, |buffer| buffer.dtype);
        let array = self.arrays.get(n).map(Vec::as_slice).unwrap_or_default();
        let element = |index: i64| {
            let span = self.span(place, offset + index, 1)?;
            match array.get(span).and_then(|bytes| memory::read(dtype, bytes)) {
                Some(Scalar::F32(x)) => Ok(x),
                Some(Scalar::F64(_) | Scalar::I32(_) | Scalar::Bool(_)) | None => Ok(f32::NAN),
            }
        };
        indices.map(element).collect()
    }

    fn put(&mut self, place: &BufferRef, offset: i64, index: i64, value: f32) -> Result<(), RunError> {
        let span = self.span(place, offset + index, 1)?;
        if let Some(bytes) =
            self.arrays.get_mut(place.buffer.0 as usize).and_then(|array| array.get_mut(span))
        {
            memory::write(DType::F32, bytes, Scalar::F32(value));
        }
        Ok(())
    }
}

pub(super) fn gemm(run: &mut Run, gemm: &Gemm) -> Result<(), RunError> {
    let eval = |dim: &Dim| dim.eval(&run.sizes);
    let strides = |dims: &[Dim; 3]| -> Result<[i64; 3], RunError> {
        Ok([eval(&dims[0])?, eval(&dims[1])?, eval(&dims[2])?])
    };
    let (batch, m, k, n) = (eval(&gemm.batch)?, eval(&gemm.m)?, eval(&gemm.k)?, eval(&gemm.n)?);
    let (sa, sb, sc) = (strides(&gemm.a_strides)?, strides(&gemm.b_strides)?, strides(&gemm.c_strides)?);
    let columns: Vec<i64> = match &gemm.b_panels {
        Some(Panels { width, stride }) => {
            let stride = eval(stride)?;
            (0..n).map(|column| column / width * stride + column % width * sb[2]).collect()
        }
        None => (0..n).map(|column| column * sb[2]).collect(),
    };
    let to = eval(&gemm.c.offset)?;
    for i in 0..batch {
        let rows = |count: i64, inner: i64, s: [i64; 3]| {
            (0..count).flat_map(move |x| (0..inner).map(move |y| i * s[0] + x * s[1] + y * s[2]))
        };
        let a = run.floats(&gemm.a, rows(m, k, sa))?;
        let b =
            run.floats(&gemm.b, (0..k).flat_map(|x| columns.iter().map(move |y| i * sb[0] + x * sb[1] + y)))?;
        for row in 0..m {
            // Row by row with k outside, so that the sums go in index order and memory is read along rows.
            let mut sums = if gemm.accumulate {
                run.floats(&gemm.c, (0..n).map(|column| i * sc[0] + row * sc[1] + column * sc[2]))?
            } else {
                vec![0.0; n.max(0) as usize]
            };
            let k = k.max(0) as usize;
            let a_row = a.iter().skip(row as usize * k).take(k);
            for (left, b_row) in a_row.zip(b.chunks(n.max(1) as usize)) {
                for (sum, right) in sums.iter_mut().zip(b_row) {
                    *sum += left * right;
                }
            }
            for (column, sum) in sums.into_iter().enumerate() {
                run.put(&gemm.c, to, i * sc[0] + row * sc[1] + column as i64 * sc[2], sum)?;
            }
        }
    }
    Ok(())
}

/// The mask of [`Keep`].
pub(super) fn keep(run: &mut Run, mask: &Keep) -> Result<(), RunError> {
    let eval = |dim: &Dim| dim.eval(&run.sizes);
    let [batch, outer, time, inner] =
        [eval(&mask.sizes[0])?, eval(&mask.sizes[1])?, eval(&mask.sizes[2])?, eval(&mask.sizes[3])?];
    let within = mask.within.iter().map(|dim| Ok(eval(dim)?.cast_unsigned()));
    let within: Vec<u64> = within.collect::<Result<_, RunError>>()?;
    let (first, to) = (eval(&mask.first)?, eval(&mask.output.offset)?);
    let seed = run.sizes.get(SEED).copied().unwrap_or(0).cast_unsigned();
    let mut row = vec![false; usize::try_from(inner).unwrap_or(0)];
    for n in 0..batch * outer * time {
        let (t, block, sequence) = (n % time, n / time % outer, n / (outer * time));
        let stream = Stream::site(seed, sequence.cast_unsigned(), mask.site, &within);
        stream.kept(mask.keep, ((first + t) * outer * inner + block * inner).cast_unsigned(), &mut row);
        let span = run.span(&mask.output, to + n * inner, inner)?;
        let array = run.arrays.get_mut(mask.output.buffer.0 as usize);
        if let Some(bytes) = array.and_then(|array| array.get_mut(span)) {
            bytes.iter_mut().zip(&row).for_each(|(byte, kept)| *byte = u8::from(*kept));
        }
    }
    Ok(())
}

pub(super) fn fft(
    run: &mut Run,
    kind: FftKind,
    input: &BufferRef,
    output: &BufferRef,
    [n, batch]: [&Dim; 2],
) -> Result<(), RunError> {
    let (n, batch) = (n.eval(&run.sizes)?.max(0), batch.eval(&run.sizes)?.max(0));
    if n == 0 {
        return Ok(());
    }
    let half = 2 * (n / 2 + 1);
    let (inputs, outputs) = match kind {
        FftKind::Fft | FftKind::Ifft => (2 * n, 2 * n),
        FftKind::Rfft => (n, half),
        FftKind::Irfft => (half, n),
    };
    let to = output.offset.eval(&run.sizes)?;
    let sign = match kind {
        FftKind::Fft | FftKind::Rfft => -1.0,
        FftKind::Ifft | FftKind::Irfft => 1.0,
    };
    let circle: Vec<(f64, f64)> = (0..n)
        .map(|i| sign * std::f64::consts::TAU * i as f64 / n as f64)
        .map(|angle| (libm::cos(angle), libm::sin(angle)))
        .collect();
    for row in 0..batch {
        let data = run.floats(input, row * inputs..(row + 1) * inputs)?;
        let spectrum = pairs(kind, &data, n as usize);
        let transformed = (0..n as usize).map(|bin| {
            let mut sum = (0.0, 0.0);
            for (at, (re, im)) in spectrum.iter().enumerate() {
                let (cos, sin) = circle.get(bin * at % n as usize).copied().unwrap_or((0.0, 0.0));
                sum = (sum.0 + re * cos - im * sin, sum.1 + re * sin + im * cos);
            }
            let scale = if sign > 0.0 { 1.0 / n as f64 } else { 1.0 };
            ((sum.0 * scale) as f32, (sum.1 * scale) as f32)
        });
        let values: Vec<f32> = match kind {
            FftKind::Irfft => transformed.map(|(re, _)| re).collect(),
            FftKind::Fft | FftKind::Ifft | FftKind::Rfft => {
                transformed.flat_map(|(re, im)| [re, im]).collect()
            }
        };
        for (at, value) in (0..outputs).zip(values) {
            run.put(output, to, row * outputs + at, value)?;
        }
    }
    Ok(())
}

/// The n complex entries that are transformed; of a half spectrum the rest is the conjugate, and what must be real is taken as real.
fn pairs(kind: FftKind, data: &[f32], n: usize) -> Vec<(f64, f64)> {
    let pair = |at: usize| {
        let part = |offset| data.get(2 * at + offset).copied().map_or(0.0, f64::from);
        (part(0), part(1))
    };
    match kind {
        FftKind::Fft | FftKind::Ifft => (0..n).map(pair).collect(),
        FftKind::Rfft => data.iter().map(|x| (f64::from(*x), 0.0)).collect(),
        FftKind::Irfft => (0..n)
            .map(|at| match at {
                0 => (pair(0).0, 0.0),
                at if 2 * at == n => (pair(at).0, 0.0),
                at if 2 * at < n => pair(at),
                at => (pair(n - at).0, -pair(n - at).1),
            })
            .collect(),
    }
}
