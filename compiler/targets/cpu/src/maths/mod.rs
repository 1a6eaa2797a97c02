//! Elementary functions of f32, for one or four elements alike: at most 4 units in the last place over all arguments.
//!
//! A reduced argument and a polynomial each; polynomials after S. Moshier's Cephes, those of erf after N. Juffa. What is measured over every f32 is in
//! `bench/results/cpu-maths.md`.

#![expect(clippy::excessive_precision, reason = "coefficients stand as their source prints them")]

mod erf;
mod exponential;
mod logarithm;
mod trigonometric;

use crate::emit::Emit;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::UnaryOp;

/// The function's value, or `None` where it has no code here.
pub(crate) fn unary(emit: &mut Emit, op: UnaryOp, x: Value) -> Option<Value> {
    Some(match op {
        UnaryOp::Exp => exponential::exp(emit, x),
        UnaryOp::Sigmoid => exponential::sigmoid(emit, x),
        UnaryOp::Tanh => exponential::tanh(emit, x),
        UnaryOp::Log => logarithm::log(emit, x),
        UnaryOp::Softplus => logarithm::softplus(emit, x),
        UnaryOp::Sin => trigonometric::sin(emit, x)?,
        UnaryOp::Cos => trigonometric::cos(emit, x)?,
        UnaryOp::Erf => erf::erf(emit, x),
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

/// `(..(c0 x + c1) x + ..) x + cn`.
fn polynomial(emit: &mut Emit, x: Value, coefficients: &[f32]) -> Value {
    let Some((first, rest)) = coefficients.split_first() else { return x };
    let mut sum = emit.float(*first, x);
    for coefficient in rest {
        let constant = emit.float(*coefficient, x);
        sum = emit.multiply_add(sum, x, constant);
    }
    sum
}

/// A number that is not negative, with the sign of x.
fn with_sign_of(emit: &mut Emit, magnitude: Value, x: Value) -> Value {
    let (int, float) =
        if emit.is_vector(x) { (types::I32X4, types::F32X4) } else { (types::I32, types::F32) };
    let (bits, sign) = (emit.reinterpret(int, magnitude), emit.reinterpret(int, x));
    let mask = emit.word(1 << 31, x);
    let sign = emit.b.ins().band(sign, mask);
    let bits = emit.b.ins().bor(bits, sign);
    emit.reinterpret(float, bits)
}

/// Added to a small number, leaves its nearest integer in the low bits: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;
