//! exp and log of f64, and what is made of them.

use super::with_sign_of;
use crate::text::{Text, Ty, Value};
use tensc_ir::UnaryOp;

pub(super) fn unary(text: &mut Text, op: UnaryOp, x: Value) -> Option<Value> {
    Some(match op {
        UnaryOp::Exp => exp(text, x),
        UnaryOp::Log => log(text, x),
        UnaryOp::Sigmoid => {
            let e = decay(text, x);
            let (one, zero) = (text.f64(1.0), text.f64(0.0));
            let negative = text.compare("olt", x, zero);
            let above = text.select(negative, e, one);
            let below = text.add(one, e);
            text.div(above, below)
        }
        UnaryOp::Tanh => tanh(text, x),
        UnaryOp::Softplus => softplus(text, x),
        UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Neg
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

fn polynomial(text: &mut Text, x: Value, coefficients: &[f64]) -> Value {
    let Some((first, rest)) = coefficients.split_first() else { return x };
    let mut sum = text.f64(*first);
    for coefficient in rest {
        let constant = text.f64(*coefficient);
        sum = text.fma(sum, x, constant);
    }
    sum
}

fn decay(text: &mut Text, x: Value) -> Value {
    let magnitude = text.intrinsic("fabs", x);
    let negative = text.neg(magnitude);
    exp(text, negative)
}

/// `x = n ln 2 + r`, a quotient of polynomials in r, times 2^n in two steps.
pub(super) fn exp(text: &mut Text, x: Value) -> Value {
    let (high, low) = (text.f64(710.0), text.f64(-746.0));
    let above = text.compare("ogt", x, high);
    let below = text.compare("olt", x, low);
    let x = text.select(above, high, x);
    let x = text.select(below, low, x);
    let log2e = text.f64(std::f64::consts::LOG2_E);
    let n = text.mul(x, log2e);
    let n = text.intrinsic("roundeven", n);
    let (first, second) = (text.f64(-6.931_457_519_531_25e-1), text.f64(-1.428_606_820_309_417_2e-6));
    let r = text.fma(n, first, x);
    let r = text.fma(n, second, r);
    let square = text.mul(r, r);
    let p = polynomial(text, square, &[1.261_771_930_748_105_9e-4, 3.029_944_077_074_419_6e-2, 1.0]);
    let p = text.mul(p, r);
    let q = polynomial(
        text,
        square,
        &[3.001_985_051_386_644_6e-6, 2.524_483_403_496_841e-3, 2.272_655_482_081_550_3e-1, 2.0],
    );
    let below = text.sub(q, p);
    let quotient = text.div(p, below);
    let (one, two) = (text.f64(1.0), text.f64(2.0));
    let value = text.fma(quotient, two, one);
    let n =
        text.pure(Ty::I64, &format!("llvm.call_intrinsic \"llvm.fptosi.sat.i64.f64\"({n}) : (f64) -> i64"));
    let shift = text.int(Ty::I64, 1);
    let first = text.integer("shrsi", n, shift);
    let second = text.sub(n, first);
    let value = times_power_of_two(text, value, first);
    times_power_of_two(text, value, second)
}

fn times_power_of_two(text: &mut Text, x: Value, n: Value) -> Value {
    let (bias, shift) = (text.int(Ty::I64, 1023), text.int(Ty::I64, 52));
    let biased = text.add(n, bias);
    let bits = text.integer("shli", biased, shift);
    let power = text.convert("bitcast", bits, Ty::F64);
    text.mul(x, power)
}

/// The logarithm of any number.
pub(super) fn log(text: &mut Text, x: Value) -> Value {
    let (normal, scale) = (text.f64(f64::MIN_POSITIVE), text.f64(18_014_398_509_481_984.0));
    let small = text.compare("olt", x, normal);
    let scaled = text.mul(x, scale);
    let scaled = text.select(small, scaled, x);
    let (shift, zero) = (text.f64(-54.0), text.f64(0.0));
    let shift = text.select(small, shift, zero);
    let value = log_of_normal(text, scaled, shift);
    let (infinity, minus_infinity) = (text.f64(f64::INFINITY), text.f64(f64::NEG_INFINITY));
    let nan = text.f64(f64::NAN);
    let is_infinite = text.compare("oeq", x, infinity);
    let value = text.select(is_infinite, infinity, value);
    let is_zero = text.compare("oeq", x, zero);
    let value = text.select(is_zero, minus_infinity, value);
    let outside = text.compare("ult", x, zero);
    text.select(outside, nan, value)
}

/// `x = 2^n (1 + f)` with 1 + f in [sqrt(1/2), sqrt(2)): a polynomial in `f / (2 + f)`.
fn log_of_normal(text: &mut Text, x: Value, shift: Value) -> Value {
    let bits = text.convert("bitcast", x, Ty::I64);
    let root = text.int(Ty::I64, std::f64::consts::FRAC_1_SQRT_2.to_bits().cast_signed());
    let above = text.sub(bits, root);
    let fraction = text.int(Ty::I64, 52);
    let n = text.integer("shrsi", above, fraction);
    let mantissa = text.int(Ty::I64, 0x000f_ffff_ffff_ffff);
    let m = text.integer("andi", above, mantissa);
    let m = text.add(m, root);
    let m = text.convert("bitcast", m, Ty::F64);
    let n = text.convert("sitofp", n, Ty::F64);
    let n = text.add(n, shift);
    let (one, two, half) = (text.f64(1.0), text.f64(2.0), text.f64(0.5));
    let f = text.sub(m, one);
    let below = text.add(f, two);
    let s = text.div(f, below);
    let z = text.mul(s, s);
    let p = polynomial(
        text,
        z,
        &[
            1.479_819_860_511_658_6e-1,
            1.531_383_769_920_937_3e-1,
            1.818_357_216_161_805e-1,
            2.222_219_843_214_978_4e-1,
            2.857_142_874_366_239_1e-1,
            3.999_999_999_940_942e-1,
            6.666_666_666_666_735e-1,
        ],
    );
    let r = text.mul(p, z);
    let square = text.mul(f, f);
    let half_square = text.mul(square, half);
    let (low, high) = (text.f64(1.908_214_929_270_587_7e-10), text.f64(6.931_471_803_691_238e-1));
    let sum = text.add(half_square, r);
    let shift = text.mul(n, low);
    let rest = text.fma(s, sum, shift);
    let rest = text.sub(half_square, rest);
    let rest = text.sub(rest, f);
    let minus = text.neg(rest);
    text.fma(n, high, minus)
}

fn tanh(text: &mut Text, x: Value) -> Value {
    let square = text.mul(x, x);
    let p = polynomial(
        text,
        square,
        &[-9.643_991_794_250_522e-1, -9.928_772_310_019_186e1, -1.614_687_684_417_084_5e3],
    );
    let q = polynomial(
        text,
        square,
        &[1.0, 1.128_116_784_916_329_3e2, 2.235_488_390_601_004_5e3, 4.844_063_053_251_255e3],
    );
    let quotient = text.div(p, q);
    let quotient = text.mul(quotient, square);
    let near = text.fma(quotient, x, x);
    let magnitude = text.intrinsic("fabs", x);
    let twice = text.add(magnitude, magnitude);
    let e = exp(text, twice);
    let (one, minus_two) = (text.f64(1.0), text.f64(-2.0));
    let below = text.add(e, one);
    let quotient = text.div(minus_two, below);
    let far = text.add(quotient, one);
    let far = with_sign_of(text, far, x);
    let limit = text.f64(0.625);
    let is_near = text.compare("olt", magnitude, limit);
    text.select(is_near, near, far)
}

/// `max(x, 0) + log(1 + e^-|x|)`; what the sum with 1 rounds away is added back.
fn softplus(text: &mut Text, x: Value) -> Value {
    let e = decay(text, x);
    let (one, zero) = (text.f64(1.0), text.f64(0.0));
    let u = text.add(one, e);
    let logarithm = log_of_normal(text, u, zero);
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
