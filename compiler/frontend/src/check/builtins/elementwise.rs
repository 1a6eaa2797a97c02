//! Functions of one element, and choices by element.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::size::Size;
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use tensc_ir::{BinaryOp, DType, UnaryOp};

type Result<'a> = Res<Value<'a>>;

/// A primitive of floats: exact numbers and floats fold, whole numbers become f32.
fn float<'a>(
    cx: &mut Elaborator<'a>,
    call: &Call<'a>,
    op: UnaryOp,
    fold: fn(f64) -> f64,
    complex: bool,
) -> Result<'a> {
    if let Some(number) = known(call) {
        return Ok(Value::Float(fold(number)));
    }
    let x = cx.arg_float(call, 0)?;
    if !complex {
        cx.no_complex(call.builtin.name, &x, call.span_of(0))?;
    }
    Ok(cx.unary_op(op, &x)?.into())
}

fn known(call: &Call<'_>) -> Option<f64> {
    match &call.get(0)?.value {
        Value::Size(size) => size.as_float(),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

pub(super) fn exp<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Exp, f64::exp, true)
}

pub(super) fn log<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Log, f64::ln, false)
}

pub(super) fn sqrt<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Sqrt, f64::sqrt, true)
}

pub(super) fn rsqrt<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Rsqrt, |x| 1.0 / x.sqrt(), false)
}

pub(super) fn tanh<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Tanh, f64::tanh, false)
}

pub(super) fn sigmoid<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), false)
}

pub(super) fn softplus<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), false)
}

pub(super) fn sin<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Sin, f64::sin, false)
}

pub(super) fn cos<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    float(cx, call, UnaryOp::Cos, f64::cos, false)
}

/// `abs`: exact numbers stay exact.
pub(super) fn abs<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    match call.get(0).map(|arg| &arg.value) {
        Some(Value::Float(number)) => return Ok(Value::Float(number.abs())),
        Some(Value::Size(size)) if size.as_float().is_some() => {
            let negative = size.as_float().is_some_and(|n| n < 0.0);
            return Ok(Value::Size(if negative { Size::plain(-&size.dim) } else { size.clone() }));
        }
        _ => {}
    }
    let x = cx.arg_tensor(call, 0)?;
    match x.dtype {
        DType::Bool => Err(cx.no_bools("abs", &x, call.span_of(0))),
        DType::U8 => Ok(x.into()),
        DType::I32 => {
            let negative = cx.unary_op(UnaryOp::Neg, &x)?;
            Ok(cx.binary_op(BinaryOp::Max, &x, &negative, call.span)?.into())
        }
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 | DType::C64 => {
            Ok(cx.unary_op(UnaryOp::Abs, &x)?.into())
        }
    }
}

/// Rounding: sizes stay sizes, whole numbers are whole already.
fn rounding<'a>(
    cx: &mut Elaborator<'a>,
    call: &Call<'a>,
    op: UnaryOp,
    size: fn(&Size) -> Option<Size>,
    fold: fn(f64) -> f64,
) -> Result<'a> {
    match call.get(0).map(|arg| &arg.value) {
        Some(Value::Size(exact)) => {
            if let Some(rounded) = size(exact) {
                return Ok(Value::Size(rounded));
            }
        }
        Some(Value::Float(number)) => {
            let rounded = fold(*number);
            // A float that was rounded may be a dimension: `ceil(log(D) / log(2))`.
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            if rounded.abs() < 9.0e15 {
                return Ok(Value::int(rounded as i64));
            }
            return Ok(Value::Float(rounded));
        }
        _ => {}
    }
    let x = cx.arg_tensor(call, 0)?;
    cx.no_complex(call.builtin.name, &x, call.span_of(0))?;
    if x.dtype == DType::Bool {
        return Err(cx.no_bools(call.builtin.name, &x, call.span_of(0)));
    }
    if x.dtype.is_integer() { Ok(x.into()) } else { Ok(cx.unary_op(op, &x)?.into()) }
}

pub(super) fn floor<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let size = |size: &Size| Some(Size::call("floor", size.dim.floor(), std::slice::from_ref(size)));
    rounding(cx, call, UnaryOp::Floor, size, f64::floor)
}

pub(super) fn ceil<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let size = |size: &Size| Some(Size::call("ceil", size.dim.ceil(), std::slice::from_ref(size)));
    rounding(cx, call, UnaryOp::Ceil, size, f64::ceil)
}

pub(super) fn round<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    #[expect(clippy::cast_possible_truncation, reason = "compile-time numbers are far below 2^63 here")]
    let size = |size: &Size| match size.as_float() {
        Some(number) => Some(Size::int(number.round_ties_even() as i64)),
        None if size.dim.is_integral() => Some(size.clone()),
        None => None,
    };
    rounding(cx, call, UnaryOp::Round, size, f64::round_ties_even)
}

fn real<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Res<Tensor> {
    let x = cx.arg_float(call, 0)?;
    cx.no_complex(call.builtin.name, &x, call.span_of(0))?;
    Ok(x)
}

/// `x * sigmoid(x)`
pub(super) fn silu<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let gate = cx.unary_op(UnaryOp::Sigmoid, &x)?;
    Ok(cx.binary_op(BinaryOp::Mul, &x, &gate, call.span)?.into())
}

/// `max(x, 0)`
pub(super) fn relu<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = match call.get(0).map(|arg| &arg.value) {
        Some(Value::Tensor(x)) if x.dtype.is_integer() => x.clone(),
        _ => real(cx, call)?,
    };
    let zero = cx.constant(x.dtype, 0.0)?;
    Ok(cx.binary_op(BinaryOp::Max, &x, &zero, call.span)?.into())
}

/// `x/2 (1 + f)` with f of the two forms of GELU.
fn gated<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>, x: &Tensor, f: &Tensor) -> Result<'a> {
    let one = cx.constant(x.dtype, 1.0)?;
    let half = cx.constant(x.dtype, 0.5)?;
    let gate = cx.binary_op(BinaryOp::Add, f, &one, call.span)?;
    let halved = cx.binary_op(BinaryOp::Mul, x, &half, call.span)?;
    Ok(cx.binary_op(BinaryOp::Mul, &halved, &gate, call.span)?.into())
}

pub(super) fn gelu<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let scale = cx.constant(x.dtype, std::f64::consts::FRAC_1_SQRT_2)?;
    let scaled = cx.binary_op(BinaryOp::Mul, &x, &scale, call.span)?;
    let erf = cx.unary_op(UnaryOp::Erf, &scaled)?;
    gated(cx, call, &x, &erf)
}

pub(super) fn gelu_tanh<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let x = real(cx, call)?;
    let span = call.span;
    let square = cx.binary_op(BinaryOp::Mul, &x, &x, span)?;
    let cube = cx.binary_op(BinaryOp::Mul, &square, &x, span)?;
    let factor = cx.constant(x.dtype, 0.044_715)?;
    let bent = cx.binary_op(BinaryOp::Mul, &cube, &factor, span)?;
    let inner = cx.binary_op(BinaryOp::Add, &x, &bent, span)?;
    let scale = cx.constant(x.dtype, std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2)?;
    let scaled = cx.binary_op(BinaryOp::Mul, &inner, &scale, span)?;
    let tanh = cx.unary_op(UnaryOp::Tanh, &scaled)?;
    gated(cx, call, &x, &tanh)
}

/// `where(c, a, b)`
pub(super) fn choose<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (Some(c), Some(a), Some(b)) = (call.get(0), call.get(1), call.get(2)) else { return Err(Reported) };
    if let Value::Hole = c.value {
        let truth = cx.constant(DType::Bool, 1.0)?;
        return cx.choose(&truth, &a.value, &b.value, call.span);
    }
    let truth = cx.tensor(&c.value, None, c.span)?;
    if truth.dtype != DType::Bool {
        let diagnostic =
            Diagnostic::error("a condition is a bool", c.span, format!("this is {}", truth.ty()));
        return Err(cx.report(diagnostic.hint("compare it: `x != 0`")));
    }
    cx.choose(&truth, &a.value, &b.value, call.span)
}
