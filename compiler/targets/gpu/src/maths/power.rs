//! Remainders and powers.

use super::double::{exp, log};
use crate::text::{Text, Ty, Value};

/// `a % b` with the sign of b; 0 where b is 0.
pub(super) fn rem_int(text: &mut Text, a: Value, b: Value) -> Value {
    let (zero, one) = (text.int(Ty::I32, 0), text.int(Ty::I32, 1));
    let empty = text.compare("eq", b, zero);
    // The one quotient that overflows is that by -1, whose remainder is 0 as well as that by 1.
    let minus_one = text.int(Ty::I32, -1);
    let negative_one = text.compare("eq", b, minus_one);
    let trivial = text.integer("ori", empty, negative_one);
    let safe = text.select(trivial, one, b);
    let rest = text.integer("remsi", a, safe);
    let signs = text.integer("xori", rest, b);
    let differ = text.compare("slt", signs, zero);
    let inexact = text.compare("ne", rest, zero);
    let wrong = text.integer("andi", differ, inexact);
    let shifted = text.add(rest, b);
    text.select(wrong, shifted, rest)
}

/// `a % b` with the sign of b: exact steps in f64, each of which takes at least 50 bits off the quotient.
pub(super) fn rem_float(text: &mut Text, a: Value, b: Value) -> Value {
    let (wide_a, wide_b) = (text.convert("extf", a, Ty::F64), text.convert("extf", b, Ty::F64));
    let mut rest = text.intrinsic("fabs", wide_a);
    let divisor = text.intrinsic("fabs", wide_b);
    let zero = text.f64(0.0);
    // The quotient of two f32 is below 2^278.
    for _ in 0..6 {
        let quotient = text.div(rest, divisor);
        let quotient = text.intrinsic("trunc", quotient);
        let minus = text.neg(quotient);
        rest = text.fma(minus, divisor, rest);
        // A quotient that was rounded up took off one too much.
        let negative = text.compare("olt", rest, zero);
        let back = text.add(rest, divisor);
        rest = text.select(negative, back, rest);
    }
    // Less than infinity is its own remainder.
    let infinity = text.f64(f64::INFINITY);
    let endless = text.compare("oeq", divisor, infinity);
    let magnitude = text.intrinsic("fabs", wide_a);
    let finite = text.compare("olt", magnitude, infinity);
    let own = text.integer("andi", endless, finite);
    let rest = text.select(own, magnitude, rest);
    let rest = super::with_sign_of(text, rest, wide_a);
    let rest = text.convert("truncf", rest, Ty::F32);

    let zero = text.f32(0.0);
    let shifted = text.add(rest, b);
    let (rest_negative, b_negative) = (text.compare("olt", rest, zero), text.compare("olt", b, zero));
    let differ = text.integer("xori", rest_negative, b_negative);
    let moved = text.select(differ, shifted, rest);
    let signed_zero = super::with_sign_of(text, zero, b);
    let nothing = text.compare("oeq", rest, zero);
    text.select(nothing, signed_zero, moved)
}

/// `a ^ b`, wrapping; a negative exponent gives 0, except for bases 1 and -1.
pub(super) fn pow_int(text: &mut Text, a: Value, b: Value) -> Value {
    let (zero, one, minus_one) = (text.int(Ty::I32, 0), text.int(Ty::I32, 1), text.int(Ty::I32, -1));
    let mut power = one;
    let mut square = a;
    for bit in 0..31 {
        let shift = text.int(Ty::I32, bit);
        let digit = text.integer("shrui", b, shift);
        let digit = text.integer("andi", digit, one);
        let set = text.compare("ne", digit, zero);
        let more = text.mul(power, square);
        power = text.select(set, more, power);
        square = text.mul(square, square);
    }
    let odd = text.integer("andi", b, one);
    let odd = text.compare("ne", odd, zero);
    let of_minus_one = text.select(odd, minus_one, one);
    let (is_one, is_minus_one) = (text.compare("eq", a, one), text.compare("eq", a, minus_one));
    let inverse = text.select(is_minus_one, of_minus_one, zero);
    let inverse = text.select(is_one, one, inverse);
    let negative = text.compare("slt", b, zero);
    text.select(negative, inverse, power)
}

/// `a ^ b` as `e^(b log |a|)` in f64, which leaves one rounding.
pub(super) fn pow_float(text: &mut Text, a: Value, b: Value) -> Value {
    let (wide_a, wide_b) = (text.convert("extf", a, Ty::F64), text.convert("extf", b, Ty::F64));
    let (zero, one, half) = (text.f64(0.0), text.f64(1.0), text.f64(0.5));
    let magnitude = text.intrinsic("fabs", wide_a);
    let logarithm = log(text, magnitude);
    let exponent = text.mul(wide_b, logarithm);
    let power = exp(text, exponent);
    let is_unit = text.compare("oeq", magnitude, one);
    let power = text.select(is_unit, one, power);

    // Of a negative base: the sign of an odd power, and no power that is not whole.
    let whole = text.intrinsic("floor", wide_b);
    let is_whole = text.compare("oeq", whole, wide_b);
    let halved = text.mul(wide_b, half);
    let half_whole = text.intrinsic("floor", halved);
    let is_half_whole = text.compare("oeq", half_whole, halved);
    let yes = text.int(Ty::I1, 1);
    let not_even = text.integer("xori", is_half_whole, yes);
    let is_odd = text.integer("andi", is_whole, not_even);
    let signed = super::with_sign_of(text, power, wide_a);
    let power = text.select(is_odd, signed, power);
    let (negative, minus_infinity) = (text.compare("olt", wide_a, zero), text.f64(f64::NEG_INFINITY));
    let bounded = text.compare("one", wide_a, minus_infinity);
    let negative = text.integer("andi", negative, bounded);
    let not_whole = text.integer("xori", is_whole, yes);
    let number = text.compare("oeq", wide_b, wide_b);
    let infinite = text.intrinsic("fabs", wide_b);
    let infinity = text.f64(f64::INFINITY);
    let finite = text.compare("olt", infinite, infinity);
    let undefined = text.integer("andi", negative, not_whole);
    let undefined = text.integer("andi", undefined, finite);
    let nan = text.f64(f64::NAN);
    let power = text.select(undefined, nan, power);
    // x ^ NaN is NaN but for 1; x ^ 0 is 1.
    let power = text.select(number, power, nan);
    let (is_one, is_zeroth) = (text.compare("oeq", wide_a, one), text.compare("oeq", wide_b, zero));
    let certain = text.integer("ori", is_one, is_zeroth);
    let power = text.select(certain, one, power);
    text.convert("truncf", power, Ty::F32)
}
