//! Fourier transforms, along the leading axis unless `axis =` says otherwise.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::size::Size;
use super::super::value::Value;
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{DType, Dim, FftKind, Op};

type Result<'a> = Res<Value<'a>>;

fn transform<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, kind: FftKind) -> Result<'a> {
    let x = cx.arg_float(call, 0)?;
    let span = call.span_of(0);
    if x.dtype == DType::F64 {
        let diagnostic =
            Diagnostic::error("Fourier transforms are in f32", span, format!("this is {}", x.ty()));
        return Err(cx.report(diagnostic.hint("f32(x)")));
    }
    let x = match kind {
        FftKind::Rfft => {
            cx.no_complex("rfft", &x, span)?;
            cx.cast(x, DType::F32)?
        }
        FftKind::Fft | FftKind::Ifft | FftKind::Irfft => cx.cast(x, DType::C64)?,
    };
    let axis = cx.arg_axis(call, 1, &x, 0)?;
    let length = x.axes.get(axis).cloned().ok_or(Reported)?;
    let n = match call.get(2) {
        Some(_) => cx.arg_dim(call, 2)?,
        None if kind == FftKind::Irfft => Size::plain(&(&length.dim - &Dim::constant(1)) * &Dim::constant(2)),
        None => length,
    };
    if n.as_int().is_some_and(|n| n < 1) {
        let fact = format!("the length is {}", n.described());
        return Err(cx.error(call.span, "a transform has at least one entry", fact));
    }
    let result = match kind {
        FftKind::Rfft => {
            let half = n.dim.div(&Dim::constant(2)).ok_or(Reported)?.floor();
            Size::plain(&half + &Dim::constant(1))
        }
        FftKind::Fft | FftKind::Ifft | FftKind::Irfft => n.clone(),
    };
    let mut axes = x.axes.clone();
    if let Some(slot) = axes.get_mut(axis) {
        *slot = result;
    }
    Ok(cx.emit(Op::Fft { kind, axis: axis + x.lead, n: n.dim }, &[&x], axes)?.into())
}

pub(super) fn fft<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    transform(cx, call, FftKind::Fft)
}

pub(super) fn ifft<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    transform(cx, call, FftKind::Ifft)
}

pub(super) fn rfft<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    transform(cx, call, FftKind::Rfft)
}

pub(super) fn irfft<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    transform(cx, call, FftKind::Irfft)
}
