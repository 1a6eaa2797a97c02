//! Floating point of 32 and 64 bits: ISA 9.7.3.

use super::Kind::{Double, Single, Special};
use super::{Entry, row};
use crate::code::Op;
use crate::decode::{Builder, format_named, map1};
use crate::number::approximate::{self, Approximation};
use crate::number::float::{Arithmetic, canonical32, f32_of};
use crate::number::format::{F32, F64, Rounding, Value};
use crate::syntax::ast::Type;

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Single,
        ("testp", "9.7.3.1"),
        &["testp.{finite|infinite|number|notanumber|normal|subnormal}.{f32|f64}"],
        "p, a",
        "whether a is of the class",
        testp,
    ),
    row(
        Single,
        ("copysign", "9.7.3.2"),
        &["copysign.{f32|f64}"],
        "d, a, b",
        "b with the sign of a",
        copysign,
    ),
    row(
        Single,
        ("add.f32", "9.7.3.3"),
        &["add[.{rn|rz|rm|rp}][.ftz][.sat].f32"],
        "d, a, b",
        "d = a + b",
        add,
    ),
    row(Double, ("add.f64", "9.7.3.3"), &["add[.{rn|rz|rm|rp}].f64"], "d, a, b", "d = a + b", add),
    row(
        Single,
        ("sub.f32", "9.7.3.4"),
        &["sub[.{rn|rz|rm|rp}][.ftz][.sat].f32"],
        "d, a, b",
        "d = a - b",
        sub,
    ),
    row(Double, ("sub.f64", "9.7.3.4"), &["sub[.{rn|rz|rm|rp}].f64"], "d, a, b", "d = a - b", sub),
    row(
        Single,
        ("mul.f32", "9.7.3.5"),
        &["mul[.{rn|rz|rm|rp}][.ftz][.sat].f32"],
        "d, a, b",
        "d = a * b",
        mul,
    ),
    row(Double, ("mul.f64", "9.7.3.5"), &["mul[.{rn|rz|rm|rp}].f64"], "d, a, b", "d = a * b", mul),
    row(
        Single,
        ("fma.f32", "9.7.3.6"),
        &["fma.{rn|rz|rm|rp}[.ftz][.sat].f32"],
        "d, a, b, c",
        "d = a * b + c, rounded once",
        fma,
    ),
    row(
        Double,
        ("fma.f64", "9.7.3.6"),
        &["fma.{rn|rz|rm|rp}.f64"],
        "d, a, b, c",
        "d = a * b + c, rounded once",
        fma,
    ),
    row(
        Single,
        ("mad.f32", "9.7.3.7"),
        &["mad.{rn|rz|rm|rp}[.ftz][.sat].f32"],
        "d, a, b, c",
        "the same as fma since sm_20",
        fma,
    ),
    row(Double, ("mad.f64", "9.7.3.7"), &["mad.{rn|rz|rm|rp}.f64"], "d, a, b, c", "the same as fma", fma),
    row(
        Special,
        ("div.approx.f32", "9.7.3.8"),
        &["div.{approx|full}[.ftz].f32"],
        "d, a, b",
        "a / b within 2 ulp; .approx gives 0 for |b| of 2^126 and more",
        div_approx,
    ),
    row(Single, ("div.f32", "9.7.3.8"), &["div.{rn|rz|rm|rp}[.ftz].f32"], "d, a, b", "d = a / b", div),
    row(Double, ("div.f64", "9.7.3.8"), &["div.{rn|rz|rm|rp}.f64"], "d, a, b", "d = a / b", div),
    row(Single, ("abs.float", "9.7.3.9"), &["abs[.ftz].f32", "abs.f64"], "d, a", "sign bit cleared", abs),
    row(Single, ("neg.float", "9.7.3.10"), &["neg[.ftz].f32", "neg.f64"], "d, a", "sign bit flipped", neg),
    row(
        Single,
        ("min.float", "9.7.3.11"),
        &["min[.ftz][.NaN][.xorsign.abs].f32", "min.NaN.ftz[.xorsign.abs].f32", "min.f64"],
        "d, a, b[, c]",
        "smaller operand, a number before NaN; .NaN: NaN before numbers; -0 < +0",
        min,
    ),
    row(
        Single,
        ("max.float", "9.7.3.12"),
        &["max[.ftz][.NaN][.xorsign.abs].f32", "max.NaN.ftz[.xorsign.abs].f32", "max.f64"],
        "d, a, b[, c]",
        "larger operand, a number before NaN; .NaN: NaN before numbers; -0 < +0",
        max,
    ),
    row(
        Special,
        ("rcp.approx.f32", "9.7.3.13"),
        &["rcp.approx[.ftz].f32"],
        "d, a",
        "1 / a within 1 ulp",
        rcp_approx,
    ),
    row(Single, ("rcp.f32", "9.7.3.13"), &["rcp.{rn|rz|rm|rp}[.ftz].f32"], "d, a", "d = 1 / a", rcp),
    row(Double, ("rcp.f64", "9.7.3.13"), &["rcp.{rn|rz|rm|rp}.f64"], "d, a", "d = 1 / a", rcp),
    row(
        Special,
        ("rcp.approx.f64", "9.7.3.14"),
        &["rcp.approx.ftz.f64"],
        "d, a",
        "the high 32 bits of 1 / a of a's high 32 bits; the low ones are 0",
        rcp_approx_f64,
    ),
    row(
        Special,
        ("sqrt.approx.f32", "9.7.3.15"),
        &["sqrt.approx[.ftz].f32"],
        "d, a",
        "square root within 2^-23 relative",
        sqrt_approx,
    ),
    row(Single, ("sqrt.f32", "9.7.3.15"), &["sqrt.{rn|rz|rm|rp}[.ftz].f32"], "d, a", "square root", sqrt),
    row(Double, ("sqrt.f64", "9.7.3.15"), &["sqrt.{rn|rz|rm|rp}.f64"], "d, a", "square root", sqrt),
    row(
        Special,
        ("rsqrt.approx.f32", "9.7.3.16"),
        &["rsqrt.approx[.ftz].f32"],
        "d, a",
        "1 / sqrt a within 2^-22.9 relative",
        rsqrt_approx,
    ),
    row(
        Special,
        ("rsqrt.approx.f64", "9.7.3.16"),
        &["rsqrt.approx[.ftz].f64"],
        "d, a",
        "1 / sqrt a, here rounded to nearest; with .ftz of the high 32 bits, as 9.7.3.17",
        rsqrt_approx_f64,
    ),
    row(Special, ("sin.approx", "9.7.3.18"), &["sin.approx[.ftz].f32"], "d, a", "sine within 2^-20.5", sin),
    row(Special, ("cos.approx", "9.7.3.19"), &["cos.approx[.ftz].f32"], "d, a", "cosine within 2^-20.5", cos),
    row(
        Special,
        ("lg2.approx", "9.7.3.20"),
        &["lg2.approx[.ftz].f32"],
        "d, a",
        "log2 a within 2^-22, absolute in (0.5, 2), relative elsewhere",
        lg2,
    ),
    row(Special, ("ex2.approx.f32", "9.7.3.21"), &["ex2.approx[.ftz].f32"], "d, a", "2^a within 2 ulp", ex2),
    row(
        Special,
        ("tanh.approx.f32", "9.7.3.22"),
        &["tanh.approx.f32"],
        "d, a",
        "tanh a within 2^-11 relative",
        tanh,
    ),
];

/// The instruction's type and arithmetic.
fn float(b: &Builder<'_>) -> Result<(Type, Arithmetic), String> {
    let format = format_named(b.words.last()).ok_or("not a floating-point type")?;
    Ok((b.ty()?, b.arithmetic(format)))
}

fn testp(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let (ty, a) = float(b)?;
    let class =
        b.words.pick(&["finite", "infinite", "number", "notanumber", "normal", "subnormal"]).unwrap_or("");
    let test: fn(Arithmetic, u64) -> bool = match class {
        "finite" => |a, x| matches!(a.format.read(x), Value::Finite(_)),
        "infinite" => |a, x| matches!(a.format.read(x), Value::Infinite { .. }),
        "number" => |a, x| !a.format.is_nan(x),
        "notanumber" => |a, x| a.format.is_nan(x),
        "normal" => {
            |a, x| matches!(a.format.read(x), Value::Finite(e) if !e.is_zero()) && a.format.flush(x) == x
        }
        _ => |a, x| matches!(a.format.read(x), Value::Finite(e) if !e.is_zero()) && a.format.flush(x) != x,
    };
    b.map(b.destination(0, Type::PRED)?, vec![b.source(1, ty)?], map1(move |x| u64::from(test(a, x))))
}

fn copysign(b: &mut Builder<'_>) -> Made {
    let (ty, _) = float(b)?;
    let sign = 1_u64 << (ty.bits - 1);
    b.binary(ty, move |x, y| (y & !sign) | (x & sign))
}

fn add(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.binary(ty, move |x, y| a.add(x, y))
}

fn sub(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.binary(ty, move |x, y| a.sub(x, y))
}

fn mul(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.binary(ty, move |x, y| a.mul(x, y))
}

fn fma(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    // The most frequent instruction of all gets a loop without the modifiers' branches.
    if ty.bits == 32 && a.rounding == Rounding::Nearest && !a.flush && !a.saturate {
        return b.ternary(ty, |x, y, z| canonical32(f32_of(x).mul_add(f32_of(y), f32_of(z))));
    }
    b.ternary(ty, move |x, y, z| a.fma(x, y, z))
}

fn div(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.binary(ty, move |x, y| a.div(x, y))
}

fn abs(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.unary(ty, move |x| a.abs(x))
}

fn neg(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.unary(ty, move |x| a.neg(x))
}

fn min(b: &mut Builder<'_>) -> Made {
    pick(b, false)
}

fn max(b: &mut Builder<'_>) -> Made {
    pick(b, true)
}

fn pick(b: &mut Builder<'_>, largest: bool) -> Made {
    let (ty, a) = float(b)?;
    let keep_nan = b.words.has("NaN");
    if b.words.has("xorsign") {
        if b.count() == 4 {
            return Err("`.xorsign.abs` takes two operands".into());
        }
        return b.binary(ty, move |x, y| a.pick_magnitude(x, y, largest, keep_nan));
    }
    if b.count() == 4 {
        return b.ternary(ty, move |x, y, z| a.pick(a.pick(x, y, largest, keep_nan), z, largest, keep_nan));
    }
    b.binary(ty, move |x, y| a.pick(x, y, largest, keep_nan))
}

fn rcp(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    let one = if ty.bits == 32 { u64::from(1.0_f32.to_bits()) } else { 1.0_f64.to_bits() };
    b.unary(ty, move |x| a.div(one, x))
}

fn sqrt(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    b.unary(ty, move |x| a.sqrt(x))
}

/// A function of f32 that the ISA gives an error bound; `.ftz` flushes around it.
fn approximated(b: &mut Builder<'_>, f: fn(f32, Approximation) -> f32) -> Made {
    let (ty, a) = float(b)?;
    let mode = b.approximation();
    b.unary(ty, move |x| {
        let x = if a.flush { F32.flush(x) } else { x };
        a.finish(canonical32(f(f32_of(x), mode)))
    })
}

fn rcp_approx(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::rcp)
}

fn sqrt_approx(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::sqrt)
}

fn rsqrt_approx(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::rsqrt)
}

fn sin(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::sin)
}

fn cos(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::cos)
}

fn lg2(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::lg2)
}

fn ex2(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::ex2)
}

fn tanh(b: &mut Builder<'_>) -> Made {
    approximated(b, approximate::tanh)
}

fn div_approx(b: &mut Builder<'_>) -> Made {
    let (ty, a) = float(b)?;
    let (mode, full) = (b.approximation(), b.words.has("full"));
    b.binary(ty, move |x, y| {
        let flush = |bits| if a.flush { F32.flush(bits) } else { bits };
        a.finish(canonical32(approximate::div(f32_of(flush(x)), f32_of(flush(y)), full, mode)))
    })
}

/// The operand's and the result's low 32 bits are ignored and zero (9.7.3.14), subnormals are flushed.
fn high_half(x: u64, f: impl Fn(f64) -> f64) -> u64 {
    let operand = F64.flush(x & !0xffff_ffff);
    let result = f(f64::from_bits(operand));
    if result.is_nan() {
        return F64.nan();
    }
    F64.flush(result.to_bits()) & !0xffff_ffff
}

fn rcp_approx_f64(b: &mut Builder<'_>) -> Made {
    b.unary(b.ty()?, |x| high_half(x, |x| 1.0 / x))
}

fn rsqrt_approx_f64(b: &mut Builder<'_>) -> Made {
    let root = |x: f64| if x == 0.0 { 1.0 / x } else { 1.0 / x.sqrt() };
    if b.words.has("ftz") {
        return b.unary(b.ty()?, move |x| high_half(x, root));
    }
    b.unary(b.ty()?, move |x| {
        let result = root(f64::from_bits(x));
        if result.is_nan() { F64.nan() } else { result.to_bits() }
    })
}
