//! exp, and what is made of it: sigmoid and tanh.

use super::{ROUND, polynomial, with_sign_of};
use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// ln 2 in two parts; products of the first with whole numbers up to 150 are exact.
const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// Results for arguments up to this size are in the normal range.
const NORMAL: f32 = 87.0;

/// `x = n ln 2 + r`, a polynomial in r, times 2^n.
pub(super) fn exp(emit: &mut Emit, x: Value) -> Value {
    let (limit, magnitude) = (emit.float(NORMAL, x), emit.b.ins().fabs(x));
    let normal = emit.compare(FloatCC::LessThanOrEqual, magnitude, limit);
    let all_normal = emit.all(normal);
    let value = emit.branch(
        all_normal,
        |emit| {
            let (p, shifted) = reduced(emit, x);
            let (int, float) =
                if emit.is_vector(x) { (types::I32X4, types::F32X4) } else { (types::I32, types::F32) };
            // The low bits of the shifted argument are n; nothing else is left of it when they stand at the exponent.
            let shift = emit.b.ins().iconst(types::I32, 23);
            let bits = emit.reinterpret(int, shifted);
            let n = emit.b.ins().ishl(bits, shift);
            let p = emit.reinterpret(int, p);
            let scaled = emit.b.ins().iadd(p, n);
            vec![emit.reinterpret(float, scaled)]
        },
        |emit| vec![exp_of_any(emit, x)],
    );
    value.first().copied().unwrap_or(x)
}

/// Also results below the normal range, infinite ones and NaN: 2^n in two steps.
fn exp_of_any(emit: &mut Emit, x: Value) -> Value {
    // Beyond these the result is infinite or 0 anyway; NaN is on neither side.
    let (high, low) = (emit.float(89.0, x), emit.float(-104.5, x));
    let above = emit.compare(FloatCC::GreaterThan, x, high);
    let below = emit.compare(FloatCC::LessThan, x, low);
    let x = emit.pick(above, high, x);
    let x = emit.pick(below, low, x);
    let (p, shifted) = reduced(emit, x);
    let int = if emit.is_vector(x) { types::I32X4 } else { types::I32 };
    let bits = emit.reinterpret(int, shifted);
    let round_bits = emit.word(ROUND.to_bits(), x);
    let exponent = emit.b.ins().isub(bits, round_bits);
    let shift = emit.b.ins().iconst(types::I32, 1);
    let first = emit.b.ins().sshr(exponent, shift);
    let second = emit.b.ins().isub(exponent, first);
    let p = times_power_of_two(emit, p, first);
    times_power_of_two(emit, p, second)
}

/// `e^r`, and `n` added to [`ROUND`].
fn reduced(emit: &mut Emit, x: Value) -> (Value, Value) {
    let (round, log2e) = (emit.float(ROUND, x), emit.float(std::f32::consts::LOG2_E, x));
    let shifted = emit.multiply_add(x, log2e, round);
    let n = emit.b.ins().fsub(shifted, round);
    let (minus_high, minus_low) = (emit.float(-LN2_HIGH, x), emit.float(-LN2_LOW, x));
    let r = emit.multiply_add(n, minus_high, x);
    let r = emit.multiply_add(n, minus_low, r);
    let p = polynomial(
        emit,
        r,
        &[1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_1e-1],
    );
    let square = emit.b.ins().fmul(r, r);
    let p = emit.multiply_add(p, square, r);
    let one = emit.float(1.0, x);
    (emit.b.ins().fadd(p, one), shifted)
}

fn times_power_of_two(emit: &mut Emit, x: Value, n: Value) -> Value {
    let bias = emit.word(127, n);
    let biased = emit.b.ins().iadd(n, bias);
    let shift = emit.b.ins().iconst(types::I32, 23);
    let bits = emit.b.ins().ishl(biased, shift);
    let float = if emit.is_vector(n) { types::F32X4 } else { types::F32 };
    let power = emit.reinterpret(float, bits);
    emit.b.ins().fmul(x, power)
}

/// `e^-|x|`.
pub(super) fn decay(emit: &mut Emit, x: Value) -> Value {
    let magnitude = emit.b.ins().fabs(x);
    let negative = emit.b.ins().fneg(magnitude);
    exp(emit, negative)
}

/// `1 / (1 + e^-x)`, or `e^x / (1 + e^x)` for negative x: small results keep their precision.
pub(super) fn sigmoid(emit: &mut Emit, x: Value) -> Value {
    let e = decay(emit, x);
    let (one, zero) = (emit.float(1.0, x), emit.float(0.0, x));
    let negative = emit.compare(FloatCC::LessThan, x, zero);
    let above = emit.pick(negative, e, one);
    let below = emit.b.ins().fadd(one, e);
    emit.b.ins().fdiv(above, below)
}

/// An odd polynomial near 0, `1 - 2 / (e^2x + 1)` elsewhere.
pub(super) fn tanh(emit: &mut Emit, x: Value) -> Value {
    let square = emit.b.ins().fmul(x, x);
    let p = polynomial(
        emit,
        square,
        &[-5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328_2e-1],
    );
    let p = emit.b.ins().fmul(p, square);
    let near = emit.multiply_add(p, x, x);

    let magnitude = emit.b.ins().fabs(x);
    let twice = emit.b.ins().fadd(magnitude, magnitude);
    let e = exp(emit, twice);
    let (one, minus_two) = (emit.float(1.0, x), emit.float(-2.0, x));
    let below = emit.b.ins().fadd(e, one);
    let quotient = emit.b.ins().fdiv(minus_two, below);
    let far = emit.b.ins().fadd(quotient, one);
    let far = with_sign_of(emit, far, x);

    let limit = emit.float(0.625, x);
    let is_near = emit.compare(FloatCC::LessThan, magnitude, limit);
    emit.pick(is_near, near, far)
}
