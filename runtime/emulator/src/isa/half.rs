//! f16 and bf16, single and packed: ISA 9.7.4.

use super::Kind::{Half, Special};
use super::{Entry, row};
use crate::code::Op;
use crate::decode::{Builder, format_named};
use crate::number::approximate::Approximation;
use crate::number::float::{Arithmetic, from_f64, to_f64};
use crate::number::format::Format;
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Half,
        ("add.half", "9.7.4.1"),
        &["add[.rn][.ftz][.sat].{f16|f16x2}", "add[.rn].{bf16|bf16x2}"],
        "d, a, b",
        "d = a + b",
        add,
    ),
    row(
        Half,
        ("sub.half", "9.7.4.2"),
        &["sub[.rn][.ftz][.sat].{f16|f16x2}", "sub[.rn].{bf16|bf16x2}"],
        "d, a, b",
        "d = a - b",
        sub,
    ),
    row(
        Half,
        ("mul.half", "9.7.4.3"),
        &["mul[.rn][.ftz][.sat].{f16|f16x2}", "mul[.rn].{bf16|bf16x2}"],
        "d, a, b",
        "d = a * b",
        mul,
    ),
    row(
        Half,
        ("fma.half", "9.7.4.4"),
        &["fma.rn[.ftz][.{sat|relu}].{f16|f16x2}", "fma.rn[.relu].{bf16|bf16x2}"],
        "d, a, b, c",
        "d = a * b + c, rounded once",
        fma,
    ),
    row(
        Half,
        ("neg.half", "9.7.4.5"),
        &["neg[.ftz].{f16|f16x2}", "neg.{bf16|bf16x2}"],
        "d, a",
        "sign bit flipped",
        neg,
    ),
    row(
        Half,
        ("abs.half", "9.7.4.6"),
        &["abs[.ftz].{f16|f16x2}", "abs.{bf16|bf16x2}"],
        "d, a",
        "sign bit cleared",
        abs,
    ),
    row(
        Half,
        ("min.half", "9.7.4.7"),
        &[
            "min[.ftz][.NaN][.xorsign.abs].{f16|f16x2}",
            "min.NaN.ftz[.xorsign.abs].{f16|f16x2}",
            "min[.NaN][.xorsign.abs].{bf16|bf16x2}",
        ],
        "d, a, b",
        "smaller operand, a number before NaN; .NaN: NaN before numbers; -0 < +0",
        min,
    ),
    row(
        Half,
        ("max.half", "9.7.4.8"),
        &[
            "max[.ftz][.NaN][.xorsign.abs].{f16|f16x2}",
            "max.NaN.ftz[.xorsign.abs].{f16|f16x2}",
            "max[.NaN][.xorsign.abs].{bf16|bf16x2}",
        ],
        "d, a, b",
        "larger operand, a number before NaN; .NaN: NaN before numbers; -0 < +0",
        max,
    ),
    row(
        Special,
        ("tanh.approx.half", "9.7.4.9"),
        &["tanh.approx.{f16|f16x2|bf16|bf16x2}"],
        "d, a",
        "tanh a within 2^-10.987 (f16) or 2^-8 (bf16), absolute",
        tanh,
    ),
    row(
        Special,
        ("ex2.approx.half", "9.7.4.10"),
        &["ex2.approx.{f16|f16x2}", "ex2.approx.ftz.{bf16|bf16x2}"],
        "d, a",
        "2^a within 2^-9.9 (f16) or 2^-7 (bf16), relative",
        ex2,
    ),
];

/// How many elements a register holds, and its type.
fn half(b: &Builder<'_>) -> Result<(bool, Type, Arithmetic), String> {
    let word = b.words.last();
    let packed = word.ends_with("x2");
    let format = format_named(word).ok_or("not a half-precision type")?;
    let ty = Type { class: Class::Bits, bits: if packed { 32 } else { 16 } };
    let ty = if word == "f16" { Type { class: Class::Float, bits: 16 } } else { ty };
    Ok((packed, ty, b.arithmetic(format)))
}

/// Applies `f` to the one element, or to both.
fn lanes<const N: usize>(packed: bool, operands: [u64; N], f: impl Fn([u64; N]) -> u64) -> u64 {
    let lower = f(operands.map(|operand| operand & 0xffff));
    if packed { lower | f(operands.map(|operand| operand >> 16)) << 16 } else { lower }
}

fn one(b: &mut Builder<'_>, f: impl Fn(Arithmetic, u64) -> u64 + Send + Sync + 'static) -> Made {
    let (packed, ty, a) = half(b)?;
    b.unary(ty, move |x| lanes(packed, [x], |[x]| f(a, x)))
}

fn two(b: &mut Builder<'_>, f: impl Fn(Arithmetic, u64, u64) -> u64 + Send + Sync + 'static) -> Made {
    let (packed, ty, a) = half(b)?;
    b.binary(ty, move |x, y| lanes(packed, [x, y], |[x, y]| f(a, x, y)))
}

fn add(b: &mut Builder<'_>) -> Made {
    two(b, Arithmetic::add)
}

fn sub(b: &mut Builder<'_>) -> Made {
    two(b, Arithmetic::sub)
}

fn mul(b: &mut Builder<'_>) -> Made {
    two(b, Arithmetic::mul)
}

fn fma(b: &mut Builder<'_>) -> Made {
    let (packed, ty, a) = half(b)?;
    b.ternary(ty, move |x, y, z| lanes(packed, [x, y, z], |[x, y, z]| a.fma(x, y, z)))
}

fn neg(b: &mut Builder<'_>) -> Made {
    one(b, Arithmetic::neg)
}

fn abs(b: &mut Builder<'_>) -> Made {
    one(b, Arithmetic::abs)
}

fn min(b: &mut Builder<'_>) -> Made {
    pick(b, false)
}

fn max(b: &mut Builder<'_>) -> Made {
    pick(b, true)
}

fn pick(b: &mut Builder<'_>, largest: bool) -> Made {
    let keep_nan = b.words.has("NaN");
    if b.words.has("xorsign") {
        return two(b, move |a, x, y| a.pick_magnitude(x, y, largest, keep_nan));
    }
    two(b, move |a, x, y| a.pick(x, y, largest, keep_nan))
}

/// The value of `format` nearest to `truth`, or the last one inside `error` of it.
fn bounded(format: Format, truth: f64, error: f64, mode: Approximation) -> u64 {
    if !truth.is_finite() || truth == 0.0 {
        return from_f64(format, truth);
    }
    let (limit, rounding) = match mode {
        Approximation::Nearest => return from_f64(format, truth),
        Approximation::Largest => (truth + error, crate::number::format::Rounding::Down),
        Approximation::Smallest => (truth - error, crate::number::format::Rounding::Up),
    };
    let to = Arithmetic { rounding, ..Arithmetic::new(format) };
    let inward = Arithmetic::new(crate::number::format::F64).convert(limit.to_bits(), to);
    // A format coarser than its own bound keeps the nearest value.
    let inside = (to_f64(format, inward) - truth).abs() <= error;
    if inside { inward } else { from_f64(format, truth) }
}

fn tanh(b: &mut Builder<'_>) -> Made {
    let mode = b.approximation();
    one(b, move |a, x| {
        let truth = to_f64(a.format, x).tanh();
        let error = if a.format.fraction == 10 { (-10.987_f64).exp2() } else { 0.5_f64.powi(8) };
        bounded(a.format, truth, error, mode)
    })
}

fn ex2(b: &mut Builder<'_>) -> Made {
    let mode = b.approximation();
    one(b, move |a, x| {
        let x = if a.flush { a.format.flush(x) } else { x };
        let truth = to_f64(a.format, x).exp2();
        let error = truth * if a.format.fraction == 10 { (-9.9_f64).exp2() } else { 0.5_f64.powi(7) };
        a.finish(bounded(a.format, truth, error, mode))
    })
}
