//! Draws of an INIT; each has the declared shape.

use super::super::elaborator::{Elaborator, Res};
use super::super::value::Value;
use super::Call;
use tensc_ir::Distribution;

type Result<'a> = Res<Value<'a>>;

pub(super) fn uniform<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (low, high) = (cx.arg_number(call, 0, 0.0)?, cx.arg_number(call, 1, 1.0)?);
    Ok(cx.draw(Distribution::Uniform(low, high), call.span)?.into())
}

pub(super) fn normal<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (mean, std) = (cx.arg_number(call, 0, 0.0)?, cx.arg_number(call, 1, 1.0)?);
    Ok(cx.draw(Distribution::Normal(mean, std), call.span)?.into())
}

pub(super) fn xavier<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let gain = cx.arg_number(call, 0, 1.0)?;
    Ok(cx.draw(Distribution::Xavier(gain), call.span)?.into())
}

pub(super) fn orthogonal<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let gain = cx.arg_number(call, 0, 1.0)?;
    Ok(cx.draw(Distribution::Orthogonal(gain), call.span)?.into())
}
