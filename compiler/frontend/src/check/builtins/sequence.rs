//! Along time.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{BinaryOp, DType, Op, UnaryOp};

type Result<'a> = Res<Value<'a>>;

/// Causal, depthwise: the axes of w behind its first are the last ones of x, the one in front of them is time.
pub(super) fn conv<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (x, w) = (cx.arg_tensor(call, 0)?, cx.arg_tensor(call, 1)?);
    for (n, tensor) in [&x, &w].into_iter().enumerate() {
        if tensor.dtype == DType::Bool {
            return Err(cx.no_bools("conv", tensor, call.span_of(n)));
        }
    }
    let dtype = cx.widest(x.dtype, w.dtype, call.span)?;
    let dtype = if dtype.is_integer() { DType::F32 } else { dtype };
    let (x, w) = (cx.cast(x, dtype)?, cx.cast(w, dtype)?);
    let Some(extra) = x.rank().checked_sub(w.rank()).filter(|_| w.rank() > 0) else {
        let diagnostic = Diagnostic::error(
            "`conv` takes taps `w: f32[J, D]` for `x: f32[T, D]`",
            call.span_of(1),
            format!("this is {}", w.ty()),
        )
        .label(call.span_of(0), format!("this is {}", x.ty()));
        return Err(cx.report(diagnostic));
    };
    let channels = x.axes.iter().skip(extra + 1).zip(w.axes.iter().skip(1));
    for (a, b) in channels {
        if a.dim != b.dim {
            let diagnostic = Diagnostic::error(
                "shapes do not line up in `conv`",
                call.span_of(0),
                format!("{}: its channels are {}", x.ty(), a.described()),
            )
            .label(call.span_of(1), format!("{}: its channels are {}", w.ty(), b.described()));
            return Err(cx.report(diagnostic));
        }
    }
    let x = if w.lead > 0 { cx.map_over_lead(x)? } else { x };
    // Taps of their own for each entry of the lead stand behind all of x's leading axes.
    let w = if w.lead > 0 && extra > 0 {
        let mut axes = x.axes.get(..extra).unwrap_or(&[]).to_vec();
        axes.extend(w.axes.iter().cloned());
        let mut ones = vec![super::super::size::Size::int(1); extra];
        ones.extend(w.axes.iter().cloned());
        let w = cx.reshape_logical(&w, ones)?;
        cx.broadcast_to(&w, &axes)?
    } else {
        w
    };
    let axes = x.axes.clone();
    Ok(cx.emit(Op::Conv { axis: x.lead + extra }, &[&x, &w], axes)?.into())
}

/// Of a recurrence the entry that it ended with, which of an empty one is what precedes it.
pub(super) fn last<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    if x.rank() == 0 {
        return Err(cx.error(call.span_of(0), "a scalar has no final entry", format!("this is {}", x.ty())));
    }
    let axes = x.axes.get(1..).unwrap_or(&[]).to_vec();
    let known = cx.regions.get(x.region).and_then(|region| region.finals.get(&x.id)).copied();
    if let Some(id) = known {
        return Ok(Tensor { id, axes, ..x }.into());
    }
    Ok(cx.emit(Op::Last { axis: x.lead }, &[&x], axes)?.into())
}

pub(super) fn detach<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_tensor(call, 0)?;
    Ok(cx.unary_op(UnaryOp::Detach, &x)?.into())
}

pub(super) fn dropout<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = cx.arg_float(call, 0)?;
    let p = cx.arg_number(call, 1, 0.0)?;
    if !(0.0..1.0).contains(&p) {
        let title = "a probability of dropout is at least 0 and below 1";
        return Err(cx.error(call.span_of(1), title, format!("this is {p}")));
    }
    if !cx.training || p == 0.0 {
        return Ok(x.into());
    }
    let site = cx.sites;
    cx.sites += 1;
    let shape = cx.physical(&x).shape;
    let keep = 1.0 - p;
    // The mask belongs where the value is made, so that a recurrence draws one a step.
    let region = x.region;
    let (id, region) = cx.push_in(region, Op::Keep { site, keep, shape }, &[])?;
    let mask = cx.tensor_of(id, region, x.axes.clone(), x.lead);
    let scale = cx.constant(x.dtype, keep)?;
    let scaled = cx.binary_op(BinaryOp::Div, &x, &scale, call.span)?;
    let zero = cx.constant(x.dtype, 0.0)?;
    if mask.lead != x.lead {
        return Err(Reported);
    }
    Ok(cx.select_op(&mask, &scaled, &zero, call.span)?.into())
}
