//! log, and softplus.

use super::exponential::decay;
use super::polynomial;
use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// The logarithm of any number.
pub(super) fn log(emit: &mut Emit, x: Value) -> Value {
    // Numbers below the normal range are scaled into it.
    let (normal, scale) = (emit.float(f32::MIN_POSITIVE, x), emit.float(8_388_608.0, x));
    let small = emit.compare(FloatCC::LessThan, x, normal);
    let scaled = emit.b.ins().fmul(x, scale);
    let scaled = emit.pick(small, scaled, x);
    let (shift, zero) = (emit.float(-23.0, x), emit.float(0.0, x));
    let shift = emit.pick(small, shift, zero);
    let value = log_of_normal(emit, scaled, Some(shift));

    // log 0 = -inf, log inf = inf, NaN of negative numbers and of NaN.
    let (infinity, minus_infinity) = (emit.float(f32::INFINITY, x), emit.float(f32::NEG_INFINITY, x));
    let nan = emit.float(f32::NAN, x);
    let is_infinite = emit.compare(FloatCC::Equal, x, infinity);
    let value = emit.pick(is_infinite, infinity, value);
    let is_zero = emit.compare(FloatCC::Equal, x, zero);
    let value = emit.pick(is_zero, minus_infinity, value);
    let outside = emit.compare(FloatCC::UnorderedOrLessThan, x, zero);
    emit.pick(outside, nan, value)
}

/// The logarithm of a positive number in the normal range, plus `shift` ln 2: `x = 2^n m` with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1.
fn log_of_normal(emit: &mut Emit, x: Value, shift: Option<Value>) -> Value {
    let (int, float) =
        if emit.is_vector(x) { (types::I32X4, types::F32X4) } else { (types::I32, types::F32) };
    // The bits from those of sqrt(1/2) on: their exponent field is n.
    let bits = emit.reinterpret(int, x);
    let root = emit.word(std::f32::consts::FRAC_1_SQRT_2.to_bits(), x);
    let above = emit.b.ins().isub(bits, root);
    let fraction = emit.b.ins().iconst(types::I32, 23);
    let n = emit.b.ins().sshr(above, fraction);
    let mantissa = emit.word(0x007f_ffff, x);
    let m = emit.b.ins().band(above, mantissa);
    let m = emit.b.ins().iadd(m, root);
    let m = emit.reinterpret(float, m);
    let mut n = emit.b.ins().fcvt_from_sint(float, n);
    if let Some(shift) = shift {
        n = emit.b.ins().fadd(n, shift);
    }

    let one = emit.float(1.0, x);
    let f = emit.b.ins().fsub(m, one);
    let square = emit.b.ins().fmul(f, f);
    let p = polynomial(
        emit,
        f,
        &[
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333_1e-1,
        ],
    );
    let p = emit.b.ins().fmul(p, f);
    let p = emit.b.ins().fmul(p, square);
    let (low, high, half) =
        (emit.float(-2.121_944_4e-4, x), emit.float(0.693_359_375, x), emit.float(-0.5, x));
    let p = emit.multiply_add(n, low, p);
    let p = emit.multiply_add(square, half, p);
    let sum = emit.b.ins().fadd(f, p);
    emit.multiply_add(n, high, sum)
}

/// `max(x, 0) + log(1 + e^-|x|)`.
pub(super) fn softplus(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    let decays = decay(emit, xs);
    xs.iter().zip(decays).map(|(x, e)| softplus_from(emit, *x, e)).collect()
}

/// Softplus from `e^-|x|`; what the sum with 1 rounds away is added back.
fn softplus_from(emit: &mut Emit, x: Value, e: Value) -> Value {
    let (one, zero) = (emit.float(1.0, x), emit.float(0.0, x));
    let u = emit.b.ins().fadd(one, e);
    // u is between 1 and 2, or NaN, which the end takes care of.
    let logarithm = log_of_normal(emit, u, None);
    let kept = emit.b.ins().fsub(u, one);
    let lost = emit.b.ins().fsub(e, kept);
    let correction = emit.b.ins().fdiv(lost, u);
    let logarithm = emit.b.ins().fadd(logarithm, correction);
    let positive = emit.compare(FloatCC::GreaterThan, x, zero);
    let larger = emit.pick(positive, x, zero);
    let sum = emit.b.ins().fadd(larger, logarithm);
    let number = emit.compare(FloatCC::Ordered, x, x);
    emit.pick(number, sum, x)
}
