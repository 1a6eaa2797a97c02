//! Rules of the ops that work along an axis: running sums, convolution, Fourier transforms, the last entry.

use super::{TypeError, check_sizes, is_number, same_at_axis, size_at, with_size, without_axis};
use crate::op::FftKind;
use crate::{DType, Dim, Type};

pub(super) fn cumsum(axis: usize, x: &Type) -> Result<Type, TypeError> {
    if !is_number(x.dtype) {
        return Err(TypeError::dtype("cumsum", 0, x, "a number"));
    }
    same_at_axis("cumsum", axis, x)
}

pub(super) fn last(axis: usize, x: &Type) -> Result<Type, TypeError> {
    size_at("last", axis, x)?;
    Ok(without_axis(x, axis))
}

pub(super) fn conv(axis: usize, x: &Type, w: &Type) -> Result<Type, TypeError> {
    let op = "conv";
    size_at(op, axis, x)?;
    if x.dtype != w.dtype {
        return Err(TypeError::DTypesDiffer { op, left: x.dtype, right: w.dtype });
    }
    if !is_number(x.dtype) {
        return Err(TypeError::dtype(op, 0, x, "a number"));
    }
    let leading = match w.rank() {
        rank if rank == x.rank() => axis,
        rank if rank + axis == x.rank() => 0,
        _ => return Err(TypeError::malformed(op, format!("weights {w} for {x} along axis {axis}"))),
    };
    let taps = size_at(op, leading, w)?;
    let skipped = axis - leading;
    let expected = Type::new(w.dtype, x.shape.iter().skip(skipped).cloned().collect());
    let expected = with_size(&expected, leading, taps);
    if *w != expected {
        let what = "the weights".to_owned();
        return Err(TypeError::Region { op, what, expected, found: w.clone() });
    }
    Ok(x.clone())
}

pub(super) fn fft(kind: FftKind, axis: usize, n: &Dim, x: &Type) -> Result<Type, TypeError> {
    let op = kind.name();
    size_at(op, axis, x)?;
    check_sizes(op, std::slice::from_ref(n))?;
    let (takes, expected, dtype) = match kind {
        FftKind::Fft | FftKind::Ifft => (DType::C64, "c64", DType::C64),
        FftKind::Rfft => (DType::F32, "f32", DType::C64),
        FftKind::Irfft => (DType::C64, "c64", DType::F32),
    };
    if x.dtype != takes {
        return Err(TypeError::dtype(op, 0, x, expected));
    }
    let size = match kind {
        FftKind::Fft | FftKind::Ifft | FftKind::Irfft => n.clone(),
        FftKind::Rfft => half_spectrum(n),
    };
    Ok(Type::new(dtype, with_size(x, axis, &size).shape))
}

/// Frequencies of a real transform of length `n`: `floor(n / 2) + 1`.
#[must_use]
pub(super) fn half_spectrum(n: &Dim) -> Dim {
    let half = n.div(&Dim::constant(2)).unwrap_or_default();
    &half.floor() + &Dim::constant(1)
}
