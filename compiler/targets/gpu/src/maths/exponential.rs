//! exp, and what is made of it: sigmoid and tanh.

use super::{ROUND, constant, polynomial, with_sign_of, word};
use crate::text::{Text, Ty, Value};

/// ln 2 in two parts; products of the first with whole numbers up to 150 are exact.
const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `x = n ln 2 + r`, a polynomial in r, times 2^n in two steps, so that results below the normal range are right as well.
pub(super) fn exp(text: &mut Text, x: Value) -> Value {
    // Beyond these the result is infinite or 0 anyway; NaN is on neither side.
    let (high, low) = (text.f32(89.0), text.f32(-104.5));
    let above = text.compare("ogt", x, high);
    let below = text.compare("olt", x, low);
    let x = text.select(above, high, x);
    let x = text.select(below, low, x);

    let (round, log2e) = (text.f32(ROUND), text.f32(std::f32::consts::LOG2_E));
    let shifted = text.fma(x, log2e, round);
    let n = text.sub(shifted, round);
    let (minus_high, minus_low) = (text.f32(-LN2_HIGH), text.f32(-LN2_LOW));
    let r = text.fma(n, minus_high, x);
    let r = text.fma(n, minus_low, r);
    let p = polynomial(
        text,
        r,
        &[1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_1e-1],
    );
    let square = text.mul(r, r);
    let p = text.fma(p, square, r);
    let one = text.f32(1.0);
    let p = text.add(p, one);

    // The low bits of the shifted argument are n.
    let bits = word(text, shifted);
    let round_bits = constant(text, ROUND.to_bits());
    let exponent = text.sub(bits, round_bits);
    let one = text.int(Ty::I32, 1);
    let first = text.integer("shrsi", exponent, one);
    let second = text.sub(exponent, first);
    let p = times_power_of_two(text, p, first);
    times_power_of_two(text, p, second)
}

fn times_power_of_two(text: &mut Text, x: Value, n: Value) -> Value {
    let (bias, shift) = (text.int(Ty::I32, 127), text.int(Ty::I32, 23));
    let biased = text.add(n, bias);
    let bits = text.integer("shli", biased, shift);
    let power = text.convert("bitcast", bits, Ty::F32);
    text.mul(x, power)
}

/// `e^-|x|`.
pub(super) fn decay(text: &mut Text, x: Value) -> Value {
    let magnitude = text.intrinsic("fabs", x);
    let negative = text.neg(magnitude);
    exp(text, negative)
}

/// `1 / (1 + e^-x)`, or `e^x / (1 + e^x)` for negative x: small results keep their precision.
pub(super) fn sigmoid(text: &mut Text, x: Value) -> Value {
    let e = decay(text, x);
    let (one, zero) = (text.f32(1.0), text.f32(0.0));
    let negative = text.compare("olt", x, zero);
    let above = text.select(negative, e, one);
    let below = text.add(one, e);
    text.div(above, below)
}

/// An odd polynomial near 0, `1 - 2 / (e^2x + 1)` elsewhere.
pub(super) fn tanh(text: &mut Text, x: Value) -> Value {
    let square = text.mul(x, x);
    let p = polynomial(
        text,
        square,
        &[-5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328_2e-1],
    );
    let p = text.mul(p, square);
    let near = text.fma(p, x, x);

    let magnitude = text.intrinsic("fabs", x);
    let twice = text.add(magnitude, magnitude);
    let e = exp(text, twice);
    let (one, minus_two) = (text.f32(1.0), text.f32(-2.0));
    let below = text.add(e, one);
    let quotient = text.div(minus_two, below);
    let far = text.add(quotient, one);
    let far = with_sign_of(text, far, x);

    let limit = text.f32(0.625);
    let is_near = text.compare("olt", magnitude, limit);
    text.select(is_near, near, far)
}
