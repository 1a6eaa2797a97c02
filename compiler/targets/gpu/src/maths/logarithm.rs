//! log, and softplus.

use super::exponential::decay;
use super::{constant, polynomial, word};
use crate::text::{Text, Ty, Value};

/// The logarithm of any number.
pub(super) fn log(text: &mut Text, x: Value) -> Value {
    // Numbers below the normal range are scaled into it.
    let (normal, scale) = (text.f32(f32::MIN_POSITIVE), text.f32(8_388_608.0));
    let small = text.compare("olt", x, normal);
    let scaled = text.mul(x, scale);
    let scaled = text.select(small, scaled, x);
    let (shift, zero) = (text.f32(-23.0), text.f32(0.0));
    let shift = text.select(small, shift, zero);
    let value = log_of_normal(text, scaled, Some(shift));

    // log 0 = -inf, log inf = inf, NaN of negative numbers and of NaN.
    let (infinity, minus_infinity) = (text.f32(f32::INFINITY), text.f32(f32::NEG_INFINITY));
    let nan = text.f32(f32::NAN);
    let is_infinite = text.compare("oeq", x, infinity);
    let value = text.select(is_infinite, infinity, value);
    let is_zero = text.compare("oeq", x, zero);
    let value = text.select(is_zero, minus_infinity, value);
    let outside = text.compare("ult", x, zero);
    text.select(outside, nan, value)
}

/// The logarithm of a positive number in the normal range, plus `shift` ln 2: `x = 2^n m` with m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1.
fn log_of_normal(text: &mut Text, x: Value, shift: Option<Value>) -> Value {
    // The bits from those of sqrt(1/2) on: their exponent field is n.
    let bits = word(text, x);
    let root = constant(text, std::f32::consts::FRAC_1_SQRT_2.to_bits());
    let above = text.sub(bits, root);
    let fraction = text.int(Ty::I32, 23);
    let n = text.integer("shrsi", above, fraction);
    let mantissa = constant(text, 0x007f_ffff);
    let m = text.integer("andi", above, mantissa);
    let m = text.add(m, root);
    let m = text.convert("bitcast", m, Ty::F32);
    let mut n = text.convert("sitofp", n, Ty::F32);
    if let Some(shift) = shift {
        n = text.add(n, shift);
    }

    let one = text.f32(1.0);
    let f = text.sub(m, one);
    let square = text.mul(f, f);
    let p = polynomial(
        text,
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
    let p = text.mul(p, f);
    let p = text.mul(p, square);
    let (low, high, half) = (text.f32(-2.121_944_4e-4), text.f32(0.693_359_375), text.f32(-0.5));
    let p = text.fma(n, low, p);
    let p = text.fma(square, half, p);
    let sum = text.add(f, p);
    text.fma(n, high, sum)
}

/// `max(x, 0) + log(1 + e^-|x|)`; what the sum with 1 rounds away is added back.
pub(super) fn softplus(text: &mut Text, x: Value) -> Value {
    let e = decay(text, x);
    let (one, zero) = (text.f32(1.0), text.f32(0.0));
    let u = text.add(one, e);
    // u is between 1 and 2, or NaN, which the end takes care of.
    let logarithm = log_of_normal(text, u, None);
    let kept = text.sub(u, one);
    let lost = text.sub(e, kept);
    let correction = text.div(lost, u);
    let logarithm = text.add(logarithm, correction);
    let positive = text.compare("ogt", x, zero);
    let larger = text.select(positive, x, zero);
    let sum = text.add(larger, logarithm);
    let number = text.compare("oeq", x, x);
    text.select(number, sum, x)
}
