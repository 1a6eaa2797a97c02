//! Elementary functions as arithmetic, without any library: at most 4 units in the last place (f32: over all arguments; sin and cos: up to 2^40).
//!
//! A reduced argument and a polynomial each; polynomials after S. Moshier's Cephes, those of erf after N. Juffa, the f64 logarithm after FreeBSD's msun.
//! No approximate instruction is used, so that an emulator and every GPU compute the same bits.

#![expect(clippy::excessive_precision, reason = "coefficients stand as their source prints them")]

mod double;
mod erf;
mod exponential;
mod logarithm;
mod power;
mod trigonometric;

use crate::text::{Text, Ty, Value};
use tensc_ir::{BinaryOp, UnaryOp};

/// The function's value; `None` where it has no code here.
pub(crate) fn unary(text: &mut Text, op: UnaryOp, x: Value) -> Option<Value> {
    if x.ty == Ty::F64 {
        return double::unary(text, op, x);
    }
    Some(match op {
        UnaryOp::Exp => exponential::exp(text, x),
        UnaryOp::Sigmoid => exponential::sigmoid(text, x),
        UnaryOp::Tanh => exponential::tanh(text, x),
        UnaryOp::Log => logarithm::log(text, x),
        UnaryOp::Softplus => logarithm::softplus(text, x),
        UnaryOp::Sin => trigonometric::sin(text, x),
        UnaryOp::Cos => trigonometric::cos(text, x),
        UnaryOp::Erf => erf::erf(text, x),
        UnaryOp::Neg
        | UnaryOp::Not
        | UnaryOp::Sqrt
        | UnaryOp::Rsqrt
        | UnaryOp::Abs
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::Re
        | UnaryOp::Im
        | UnaryOp::Conj
        | UnaryOp::Arg
        | UnaryOp::Detach => return None,
    })
}

/// `a % b` and `a ^ b`; `None` where there is no code here.
pub(crate) fn binary(text: &mut Text, op: BinaryOp, a: Value, b: Value) -> Option<Value> {
    match (op, a.ty) {
        (BinaryOp::Rem, Ty::I32) => Some(power::rem_int(text, a, b)),
        (BinaryOp::Rem, Ty::F32) => Some(power::rem_float(text, a, b)),
        (BinaryOp::Pow, Ty::I32) => Some(power::pow_int(text, a, b)),
        (BinaryOp::Pow, Ty::F32) => Some(power::pow_float(text, a, b)),
        _ => None,
    }
}

/// `(..(c0 x + c1) x + ..) x + cn`.
fn polynomial(text: &mut Text, x: Value, coefficients: &[f32]) -> Value {
    let Some((first, rest)) = coefficients.split_first() else { return x };
    let mut sum = text.f32(*first);
    for coefficient in rest {
        let constant = text.f32(*coefficient);
        sum = text.fma(sum, x, constant);
    }
    sum
}

/// A number that is not negative, with the sign of x.
fn with_sign_of(text: &mut Text, magnitude: Value, x: Value) -> Value {
    let ty = magnitude.ty;
    text.pure(ty, &format!("llvm.intr.copysign({magnitude}, {x}) : ({ty}, {ty}) -> {ty}"))
}

/// The bits of an f32 as a number.
fn word(text: &mut Text, x: Value) -> Value {
    text.convert("bitcast", x, Ty::I32)
}

/// A constant of 32 bits.
fn constant(text: &mut Text, bits: u32) -> Value {
    text.int(Ty::I32, i64::from(bits.cast_signed()))
}

/// Added to a small number, leaves its nearest integer in the low bits: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;
