//! exp and powers of two, and what is made of it: sigmoid and tanh.

use super::{ROUND, all_within, polynomial, with_sign_of};
use crate::emit::Emit;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};

/// ln 2 in two parts; products of the first with whole numbers up to 150 are exact.
const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// What is raised to a power.
#[derive(Clone, Copy)]
enum Base {
    E,
    Two,
}

impl Base {
    /// `base^r` for the rest of an argument, highest power first: of least relative error (0.42 and 0.05 units of 2^-24) among those with the given last coefficients.
    const fn polynomial(self) -> [f32; 7] {
        match self {
            Self::E => [1.334_447e-3, 8.359_236e-3, 4.167_371_2e-2, 1.666_66e-1, 4.999_998_5e-1, 1.0, 1.0],
            Self::Two => [
                1.559_484e-4,
                1.340_670_5e-3,
                9.617_692e-3,
                5.550_310_4e-2,
                2.402_265_2e-1,
                6.931_472_4e-1,
                1.0,
            ],
        }
    }

    /// Results for arguments up to this size are in the normal range.
    const fn normal(self) -> f32 {
        match self {
            Self::E => 87.0,
            Self::Two => 125.9,
        }
    }

    /// Below and above these the result is 0 or infinite anyway.
    const fn range(self) -> (f32, f32) {
        match self {
            Self::E => (-104.5, 89.0),
            Self::Two => (-150.5, 128.5),
        }
    }
}

/// `e^x`, of several arguments at once.
pub(super) fn exp(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    powers(emit, xs, Base::E)
}

/// `2^x`, of several arguments at once.
pub(crate) fn exp2(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    powers(emit, xs, Base::Two)
}

/// Whether all of these are exponents whose power of two is in the normal range.
pub(crate) fn exp2_in_range(emit: &mut Emit, xs: &[Value]) -> Option<Value> {
    all_within(emit, xs, Base::Two.normal())
}

/// `2^x` of an argument that is known to be in that range, or may be any.
pub(crate) fn exp2_assuming(emit: &mut Emit, x: Value, in_range: bool) -> Value {
    if in_range { power_in_range(emit, x, Base::Two) } else { power(emit, x, Base::Two) }
}

/// The argument is a whole number and a rest; the result a polynomial in the rest, times a power of two.
fn powers(emit: &mut Emit, xs: &[Value], base: Base) -> Vec<Value> {
    let Some(all_normal) = all_within(emit, xs, base.normal()) else { return Vec::new() };
    emit.branch(
        all_normal,
        |emit| xs.iter().map(|x| power_in_range(emit, *x, base)).collect(),
        |emit| xs.iter().map(|x| power(emit, *x, base)).collect(),
    )
}

/// Where the result is in the normal range.
fn power_in_range(emit: &mut Emit, x: Value, base: Base) -> Value {
    let (p, shifted) = reduced(emit, x, base);
    let (int, float) =
        if emit.is_vector(x) { (types::I32X4, types::F32X4) } else { (types::I32, types::F32) };
    // The low bits of the shifted argument are n; nothing else is left of it when they stand at the exponent.
    let shift = emit.b.ins().iconst(types::I32, 23);
    let bits = emit.reinterpret(int, shifted);
    let n = emit.b.ins().ishl(bits, shift);
    let p = emit.reinterpret(int, p);
    let scaled = emit.b.ins().iadd(p, n);
    emit.reinterpret(float, scaled)
}

/// Also results below the normal range, infinite ones and NaN: 2^n in two steps.
fn power(emit: &mut Emit, x: Value, base: Base) -> Value {
    // NaN is on neither side.
    let (low, high) = base.range();
    let (low, high) = (emit.float(low, x), emit.float(high, x));
    let above = emit.compare(FloatCC::GreaterThan, x, high);
    let below = emit.compare(FloatCC::LessThan, x, low);
    let x = emit.pick(above, high, x);
    let x = emit.pick(below, low, x);
    let (p, shifted) = reduced(emit, x, base);
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

/// `base^r` of the rest r, and the whole number added to [`ROUND`].
fn reduced(emit: &mut Emit, x: Value, base: Base) -> (Value, Value) {
    let round = emit.float(ROUND, x);
    let (r, shifted) = match base {
        Base::E => {
            let log2e = emit.float(std::f32::consts::LOG2_E, x);
            let shifted = emit.multiply_add(x, log2e, round);
            let n = emit.b.ins().fsub(shifted, round);
            let (minus_high, minus_low) = (emit.float(-LN2_HIGH, x), emit.float(-LN2_LOW, x));
            let r = emit.multiply_add(n, minus_high, x);
            (emit.multiply_add(n, minus_low, r), shifted)
        }
        Base::Two => {
            let shifted = emit.b.ins().fadd(x, round);
            let n = emit.b.ins().fsub(shifted, round);
            (emit.b.ins().fsub(x, n), shifted)
        }
    };
    (polynomial(emit, r, &base.polynomial()), shifted)
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
pub(super) fn decay(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    let negative: Vec<Value> = xs
        .iter()
        .map(|x| {
            let magnitude = emit.b.ins().fabs(*x);
            emit.b.ins().fneg(magnitude)
        })
        .collect();
    exp(emit, &negative)
}

/// `1 / (1 + e^-x)`, or `e^x / (1 + e^x)` for negative x: small results keep their precision.
pub(super) fn sigmoid(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    let decays = decay(emit, xs);
    xs.iter()
        .zip(decays)
        .map(|(x, e)| {
            let (one, zero) = (emit.float(1.0, *x), emit.float(0.0, *x));
            let negative = emit.compare(FloatCC::LessThan, *x, zero);
            let above = emit.pick(negative, e, one);
            let below = emit.b.ins().fadd(one, e);
            emit.b.ins().fdiv(above, below)
        })
        .collect()
}

/// An odd polynomial near 0, `1 - 2 / (e^2x + 1)` elsewhere.
pub(super) fn tanh(emit: &mut Emit, xs: &[Value]) -> Vec<Value> {
    let twice: Vec<Value> = xs
        .iter()
        .map(|x| {
            let magnitude = emit.b.ins().fabs(*x);
            emit.b.ins().fadd(magnitude, magnitude)
        })
        .collect();
    let powers = exp(emit, &twice);
    xs.iter().zip(powers).map(|(x, e)| tanh_from(emit, *x, e)).collect()
}

/// The hyperbolic tangent from `e^|2x|`.
fn tanh_from(emit: &mut Emit, x: Value, e: Value) -> Value {
    let square = emit.b.ins().fmul(x, x);
    let p = polynomial(
        emit,
        square,
        &[-5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_5e-2, 1.333_144_2e-1, -3.333_328_2e-1],
    );
    let p = emit.b.ins().fmul(p, square);
    let near = emit.multiply_add(p, x, x);

    let (one, minus_two) = (emit.float(1.0, x), emit.float(-2.0, x));
    let below = emit.b.ins().fadd(e, one);
    let quotient = emit.b.ins().fdiv(minus_two, below);
    let far = emit.b.ins().fadd(quotient, one);
    let far = with_sign_of(emit, far, x);

    let (limit, magnitude) = (emit.float(0.625, x), emit.b.ins().fabs(x));
    let is_near = emit.compare(FloatCC::LessThan, magnitude, limit);
    emit.pick(is_near, near, far)
}
