//! Elementary functions of f32, for one or four elements alike: at most 4 units in the last place over all arguments.
//!
//! A reduced argument and a polynomial each; polynomials after S. Moshier's Cephes, those of erf after N. Juffa. What is measured over every f32 is in
//! `bench/results/cpu-maths.md`.

#![expect(clippy::excessive_precision, reason = "coefficients stand as their source prints them")]

mod erf;
mod exponential;
mod logarithm;
mod trigonometric;

pub(crate) use exponential::{exp2, exp2_assuming, exp2_in_range};

use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::UnaryOp;

/// The function's values, or `None` where it has no code here. What several are asked at once they share: one branch to a rare case.
pub(crate) fn unary(emit: &mut Emit, op: UnaryOp, xs: &[Value]) -> Option<Vec<Value>> {
    Some(match op {
        UnaryOp::Exp => exponential::exp(emit, xs),
        UnaryOp::Sigmoid => exponential::sigmoid(emit, xs),
        UnaryOp::Tanh => exponential::tanh(emit, xs),
        UnaryOp::Log => xs.iter().map(|x| logarithm::log(emit, *x)).collect(),
        UnaryOp::Softplus => logarithm::softplus(emit, xs),
        UnaryOp::Sin => trigonometric::sin(emit, xs)?,
        UnaryOp::Cos => trigonometric::cos(emit, xs)?,
        UnaryOp::Erf => erf::erf(emit, xs),
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

/// Whether a function has code here.
pub(crate) fn is_elementary(op: UnaryOp) -> bool {
    match op {
        UnaryOp::Exp
        | UnaryOp::Log
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf => true,
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
        | UnaryOp::Detach => false,
    }
}

/// Whether all of these numbers are at most this far from 0; NaN is not. One question for all: with a branch for each, none would be computed beside another.
fn all_within(emit: &mut Emit, xs: &[Value], limit: f32) -> Option<Value> {
    let largest = largest(emit, xs)?;
    let beyond = emit.word(limit.to_bits() + 1, largest);
    let within = emit.b.ins().icmp(IntCC::SignedLessThan, largest, beyond);
    Some(emit.all(within))
}

/// The bits of the largest size of these numbers; NaN is larger than all. Sizes of numbers are ordered as their bits are.
pub(crate) fn largest(emit: &mut Emit, xs: &[Value]) -> Option<Value> {
    let mut largest: Option<Value> = None;
    for x in xs {
        let int = if emit.is_vector(*x) { types::I32X4 } else { types::I32 };
        let bits = emit.reinterpret(int, *x);
        let mask = emit.word(0x7fff_ffff, bits);
        let size = emit.b.ins().band(bits, mask);
        largest = Some(match largest {
            Some(others) => {
                let [others, size] = emit.align([others, size]);
                emit.b.ins().smax(others, size)
            }
            None => size,
        });
    }
    largest
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
