//! Complex numbers.

use super::super::elaborator::{Elaborator, Res};
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{BinaryOp, DType, UnaryOp};

type Result<'a> = Res<Value<'a>>;

/// An argument as f32, the type of both parts.
fn part<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, n: usize) -> Res<Tensor> {
    let x = cx.arg_float(call, n)?;
    cx.no_complex(call.builtin.name, &x, call.span_of(n))?;
    if x.dtype == DType::F64 {
        let diagnostic =
            Diagnostic::error("f64 and c64 do not mix", call.span_of(n), format!("this is {}", x.ty()));
        return Err(cx.report(diagnostic.hint("narrow the f64 first: `f32(x)`")));
    }
    cx.cast(x, DType::F32)
}

fn pair<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, op: BinaryOp) -> Result<'a> {
    let (a, b) = (part(cx, call, 0)?, part(cx, call, 1)?);
    Ok(cx.binary_op(op, &a, &b, call.span)?.into())
}

pub(super) fn complex<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    pair(cx, call, BinaryOp::Complex)
}

pub(super) fn polar<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    pair(cx, call, BinaryOp::Polar)
}

pub(super) fn cis<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let angle = part(cx, call, 0)?;
    let one = cx.constant(DType::F32, 1.0)?;
    Ok(cx.binary_op(BinaryOp::Polar, &one, &angle, call.span)?.into())
}

pub(super) fn re<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let z = cx.arg_float(call, 0)?;
    Ok(if z.dtype.is_complex() { cx.unary_op(UnaryOp::Re, &z)? } else { z }.into())
}

pub(super) fn im<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let z = cx.arg_float(call, 0)?;
    if z.dtype.is_complex() {
        return Ok(cx.unary_op(UnaryOp::Im, &z)?.into());
    }
    let zeros = cx.filled(z.dtype, 0.0, &z.axes)?;
    Ok(if z.lead > 0 { cx.map_over_lead(zeros)? } else { zeros }.into())
}

pub(super) fn conj<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let z = cx.arg_float(call, 0)?;
    Ok(if z.dtype.is_complex() { cx.unary_op(UnaryOp::Conj, &z)? } else { z }.into())
}

pub(super) fn arg<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let z = cx.arg_float(call, 0)?;
    let z = if z.dtype == DType::F64 { z } else { cx.cast(z, DType::C64)? };
    if z.dtype == DType::F64 {
        let diagnostic =
            Diagnostic::error("f64 and c64 do not mix", call.span_of(0), format!("this is {}", z.ty()));
        return Err(cx.report(diagnostic.hint("narrow the f64 first: `f32(x)`")));
    }
    Ok(cx.unary_op(UnaryOp::Arg, &z)?.into())
}
