//! What training minimises.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::value::Value;
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{BinaryOp, DType, UnaryOp};

type Result<'a> = Res<Value<'a>>;

/// The target that is left out of the mean.
const IGNORED: f64 = -100.0;

/// The mean of `logsumexp(logits) - logits[target]` over valid targets; 0 where there are none.
pub(super) fn cross_entropy<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (logits, targets) = (cx.arg_float(call, 0)?, cx.arg_tensor(call, 1)?);
    let span = call.span;
    cx.no_complex("cross_entropy", &logits, call.span_of(0))?;
    let logits = if logits.dtype == DType::F64 { logits } else { cx.cast(logits, DType::F32)? };
    if !targets.dtype.is_integer() {
        let diagnostic = Diagnostic::error(
            "targets are whole numbers",
            call.span_of(1),
            format!("this is {}", targets.ty()),
        );
        return Err(cx.report(diagnostic.hint("convert them: `i32(targets)`")));
    }
    let targets = cx.cast(targets, DType::I32)?;
    let Some((classes, rows)) = logits.axes.split_last() else {
        let title = "logits have an axis of classes";
        return Err(cx.error(call.span_of(0), title, format!("this is {}", logits.ty())));
    };
    let lines_up =
        rows.len() == targets.rank() && rows.iter().zip(&targets.axes).all(|(a, b)| a.dim == b.dim);
    if !lines_up {
        let diagnostic =
            Diagnostic::error("shapes do not line up in `cross_entropy`", call.span_of(0), logits.ty())
                .label(
                    call.span_of(1),
                    format!("{}: logits without their last axis have its shape", targets.ty()),
                );
        return Err(cx.report(diagnostic));
    }
    let _ = classes;
    let (logits, targets) = match logits.lead.max(targets.lead) {
        0 => (logits, targets),
        _ => (cx.map_over_lead(logits)?, cx.map_over_lead(targets)?),
    };
    let ignored = cx.constant(DType::I32, IGNORED)?;
    let valid = cx.binary_op(BinaryOp::Ne, &targets, &ignored, span)?;
    let total = cx.log_sum_exp(&logits, vec![logits.rank() - 1])?;
    let batch = logits.lead + targets.rank();
    let axes = targets.axes.clone();
    let valid = if targets.lead > 0 { cx.map_over_lead(valid)? } else { valid };
    let chosen = cx.emit(tensc_ir::Op::Gather { batch }, &[&logits, &targets, &valid], axes)?;
    let loss = cx.binary_op(BinaryOp::Sub, &total, &chosen, span)?;
    let zero = cx.constant(loss.dtype, 0.0)?;
    let loss = cx.select_op(&valid, &loss, &zero, span)?;
    let sum = cx.sum_all(&loss)?;
    let count = cx.cast(valid, loss.dtype)?;
    let count = cx.sum_all(&count)?;
    let one = cx.constant(loss.dtype, 1.0)?;
    let count = cx.binary_op(BinaryOp::Max, &count, &one, span)?;
    Ok(cx.binary_op(BinaryOp::Div, &sum, &count, span)?.into())
}

/// `mean(|a - b|^2)` over all entries.
pub(super) fn mse<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (Some(a), Some(b)) = (call.get(0), call.get(1)) else { return Err(Reported) };
    let (tensors, dtype) = cx.common(&[a.value.clone(), b.value.clone()], None, call.span)?;
    let [a, b] = tensors.as_slice() else { return Err(Reported) };
    if dtype == DType::Bool {
        return Err(cx.no_bools("mse", a, call.span_of(0)));
    }
    let (a, b) = (cx.as_float(a.clone(), "mse", call.span)?, cx.as_float(b.clone(), "mse", call.span)?);
    let difference = cx.binary_op(BinaryOp::Sub, &a, &b, call.span)?;
    let modulus = if dtype.is_complex() { cx.unary_op(UnaryOp::Abs, &difference)? } else { difference };
    let squared = cx.binary_op(BinaryOp::Mul, &modulus, &modulus, call.span)?;
    Ok(cx.mean_all(&squared)?.into())
}
