//! Conversions: ISA 9.7.9.21 and 9.7.9.22.

use super::Kind::Convert;
use super::{Entry, row};
use crate::code::{Op, low, signed};
use crate::decode::{Builder, map1, map2, map3};
use crate::number::exact::Exact;
use crate::number::float::Arithmetic;
use crate::number::format::{BF16, E4M3, E5M2, F16, F32, Format, Rounding, TF32, Value};
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Convert,
        ("cvt", "9.7.9.21"),
        &[
            "cvt[.{rn|rz|rm|rp|rni|rzi|rmi|rpi}][.ftz][.sat].{u8|u16|u32|u64|s8|s16|s32|s64|f16|bf16|f32|f64}.{u8|u16|u32|u64|s8|s16|s32|s64|f16|bf16|f32|f64}",
        ],
        "d, a",
        "between integers and floats; floats to integers clamp, NaN gives 0 (or the top bit where f64 or 64 bits take part)",
        cvt,
    ),
    row(
        Convert,
        ("cvt.relu", "9.7.9.21"),
        &["cvt.{rn|rz}.relu.{f16|bf16}.f32"],
        "d, a",
        "f32 to a half format, negative values to 0",
        cvt,
    ),
    row(
        Convert,
        ("cvt.tf32", "9.7.9.21"),
        &["cvt.{rn|rna|rz}[.relu][.satfinite].tf32.f32"],
        "d, a",
        "f32 rounded to tf32, the low 13 bits zero",
        cvt_tf32,
    ),
    row(
        Convert,
        ("cvt.x2", "9.7.9.21"),
        &["cvt.{rn|rz}[.relu][.satfinite].{f16x2|bf16x2}.f32"],
        "d, a, b",
        "two f32 to a pair: a in the high half, b in the low one",
        cvt_pair,
    ),
    row(
        Convert,
        ("cvt.fp8", "9.7.9.21"),
        &["cvt.rn.satfinite[.relu].{e4m3x2|e5m2x2}.f32"],
        "d, a, b",
        "two f32 to a pair of 8 bits: a in the high byte, b in the low one; clamps to the largest finite value",
        cvt_fp8,
    ),
    row(
        Convert,
        ("cvt.fp8.f16x2", "9.7.9.21"),
        &["cvt.rn.satfinite[.relu].{e4m3x2|e5m2x2}.f16x2"],
        "d, a",
        "a pair of f16 to a pair of 8 bits",
        cvt_fp8_f16,
    ),
    row(
        Convert,
        ("cvt.f16x2.fp8", "9.7.9.21"),
        &["cvt.rn[.relu].f16x2.{e4m3x2|e5m2x2}"],
        "d, a",
        "a pair of 8 bits to a pair of f16",
        cvt_from_fp8,
    ),
    row(
        Convert,
        ("cvt.pack", "9.7.9.22"),
        &["cvt.pack.sat.{u16|s16}.s32", "cvt.pack.sat.{u8|s8}.s32.b32"],
        "d, a, b[, c]",
        "two clamped integers packed, b low; with c: c shifted up by both",
        cvt_pack,
    ),
];

/// One side of a conversion.
#[derive(Clone, Copy)]
enum Scalar {
    Integer(Type),
    Float(Format),
}

fn scalar(word: &str, ty: Type) -> Scalar {
    crate::decode::format_named(word).map_or(Scalar::Integer(ty), Scalar::Float)
}

fn exact_integer(bits: u64, ty: Type) -> Exact {
    let value = low(bits, ty.bits);
    let value =
        if ty.class == Class::Signed { i128::from(signed(value, ty.bits)) } else { i128::from(value) };
    Exact::from_signed(value)
}

/// The least and the largest value of an integer type.
fn range(ty: Type) -> (i128, i128) {
    if ty.class == Class::Signed {
        (-(1 << (ty.bits - 1)), (1 << (ty.bits - 1)) - 1)
    } else {
        (0, (1 << ty.bits) - 1)
    }
}

fn to_integer(value: Exact, ty: Type, rounding: Rounding) -> u64 {
    let (least, most) = range(ty);
    value.to_integer(rounding).clamp(least, most) as u64
}

/// Rounds to an integral value of the same format; the sign of a zero result is the operand's.
fn to_integral(value: Exact, format: Format, rounding: Rounding) -> u64 {
    if value.power >= 0 {
        return format.round(value, Rounding::Nearest);
    }
    let whole = Exact::new(value.negative, value.round_at(0, rounding), 0);
    format.round(whole, Rounding::Nearest)
}

fn cvt(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let types = b.types();
    let (Some((to_word, to_type)), Some((from_word, from_type))) =
        (types.first().copied(), types.get(1).copied())
    else {
        return Err("`cvt` needs two types".into());
    };
    let (to, from) = (scalar(to_word, to_type), scalar(from_word, from_type));
    let integral = b.words.pick(&["rni", "rzi", "rmi", "rpi"]);
    let fractional = b.words.pick(&["rn", "rz", "rm", "rp"]);
    check_rounding(to, from, integral, fractional)?;
    let integral = integral.is_some();
    let rounding = b.rounding();
    let (flush, saturate, relu) = (b.words.has("ftz"), b.words.has("sat"), b.words.has("relu"));
    let (register, found) = b.destination_of(b.operand(0)?, to_type, true)?;
    let inputs = vec![b.wide_source(1, from_type)?];
    let extend = move |bits: u64| match to {
        Scalar::Integer(ty) if ty.class == Class::Signed => {
            low(signed(low(bits, ty.bits), ty.bits) as u64, found.bits)
        }
        Scalar::Integer(ty) => low(bits, ty.bits),
        Scalar::Float(_) => bits,
    };
    let is_f32 = |format: Format| format == F32;
    let convert = move |bits: u64| -> u64 {
        match (from, to) {
            (Scalar::Integer(from), Scalar::Integer(to)) => {
                if saturate {
                    to_integer(exact_integer(bits, from), to, Rounding::Zero)
                } else {
                    sign_extended(bits, from)
                }
            }
            (Scalar::Integer(from), Scalar::Float(format)) => {
                let to = Arithmetic { rounding, saturate, ..Arithmetic::new(format) };
                to.finish(format.round(exact_integer(bits, from), rounding))
            }
            (Scalar::Float(format), Scalar::Integer(to)) => {
                let bits = if flush && is_f32(format) { format.flush(bits) } else { bits };
                match format.read(bits) {
                    Value::Nan if format.width() == 64 || to.bits == 64 => 1 << (to.bits - 1),
                    Value::Nan => 0,
                    Value::Infinite { negative } => {
                        if negative {
                            range(to).0 as u64
                        } else {
                            range(to).1 as u64
                        }
                    }
                    Value::Finite(value) => to_integer(value, to, rounding),
                }
            }
            (Scalar::Float(format), Scalar::Float(target)) => {
                let from = Arithmetic { flush: flush && is_f32(format), ..Arithmetic::new(format) };
                let to =
                    Arithmetic { rounding, flush: flush && is_f32(target), saturate, relu, format: target };
                match format.read(bits) {
                    Value::Finite(value) if integral && !value.is_zero() => {
                        let bits = if from.flush { format.flush(bits) } else { bits };
                        match format.read(bits) {
                            Value::Finite(value) if !value.is_zero() => {
                                to.finish(to_integral(value, target, rounding))
                            }
                            _ => from.convert(bits, to),
                        }
                    }
                    _ => from.convert(bits, to),
                }
            }
        }
    };
    b.map(register, inputs, map1(move |bits| extend(convert(bits))))
}

fn sign_extended(bits: u64, ty: Type) -> u64 {
    let value = low(bits, ty.bits);
    if ty.class == Class::Signed { signed(value, ty.bits) as u64 } else { value }
}

/// Where the ISA asks for a rounding modifier and where it forbids one.
fn check_rounding(
    to: Scalar,
    from: Scalar,
    integral: Option<&str>,
    fractional: Option<&str>,
) -> Result<(), String> {
    match (from, to) {
        (Scalar::Float(_), Scalar::Integer(_)) if integral.is_none() => {
            Err("floats to integers need .rni, .rzi, .rmi or .rpi".into())
        }
        (Scalar::Integer(_), Scalar::Float(_)) if fractional.is_none() => {
            Err("integers to floats need .rn, .rz, .rm or .rp".into())
        }
        (Scalar::Float(from), Scalar::Float(to)) if from.fraction > to.fraction && fractional.is_none() => {
            Err("a narrower float needs .rn, .rz, .rm or .rp".into())
        }
        (Scalar::Integer(_), Scalar::Integer(_)) if integral.or(fractional).is_some() => {
            Err("conversions between integers take no rounding".into())
        }
        (Scalar::Float(from), Scalar::Float(to)) if integral.is_some() && from != to => {
            Err("rounding to an integer keeps the type".into())
        }
        _ => Ok(()),
    }
}

fn narrow(format: Format, bits: u64, rounding: Rounding, relu: bool, finite: bool) -> u64 {
    let to = Arithmetic { rounding, relu, ..Arithmetic::new(format) };
    let result = Arithmetic::new(F32).convert(bits, to);
    finite_only(format, result, finite)
}

/// `.satfinite`: infinities become the largest number of their sign.
fn finite_only(format: Format, bits: u64, finite: bool) -> u64 {
    if finite && !format.finite_only && matches!(format.read(bits), Value::Infinite { .. }) {
        return format.largest(format.is_negative(bits));
    }
    bits
}

const F32_TYPE: Type = Type { class: Class::Float, bits: 32 };
const B32: Type = Type { class: Class::Bits, bits: 32 };
const B16: Type = Type { class: Class::Bits, bits: 16 };

fn cvt_tf32(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let (rounding, relu, finite) = (b.rounding(), b.words.has("relu"), b.words.has("satfinite"));
    let kernel = map1(move |x| narrow(TF32, x, rounding, relu, finite) << 13);
    b.map(b.destination(0, B32)?, vec![b.source(1, F32_TYPE)?], kernel)
}

fn cvt_pair(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let format = if b.words.has("f16x2") { F16 } else { BF16 };
    let (rounding, relu, finite) = (b.rounding(), b.words.has("relu"), b.words.has("satfinite"));
    let inputs = vec![b.source(1, F32_TYPE)?, b.source(2, F32_TYPE)?];
    let convert = move |x| narrow(format, x, rounding, relu, finite);
    b.map(b.destination(0, B32)?, inputs, map2(move |x, y| convert(x) << 16 | convert(y)))
}

fn small(b: &Builder<'_>) -> Format {
    if b.words.has("e4m3x2") { E4M3 } else { E5M2 }
}

/// Infinity has no place in e4m3: `convert` gives its NaN pattern, `.satfinite` the largest number.
fn to_small(from: Format, to: Format, bits: u64, relu: bool) -> u64 {
    if let Value::Infinite { negative } = from.read(bits) {
        return if relu && negative { 0 } else { to.largest(negative) };
    }
    let target = Arithmetic { relu, ..Arithmetic::new(to) };
    let result = Arithmetic::new(from).convert(bits, target);
    let overflowed =
        !from.is_nan(bits) && (to.is_nan(result) || matches!(to.read(result), Value::Infinite { .. }));
    if overflowed { to.largest(to.is_negative(result)) } else { result }
}

fn cvt_fp8(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let (format, relu) = (small(b), b.words.has("relu"));
    let inputs = vec![b.source(1, F32_TYPE)?, b.source(2, F32_TYPE)?];
    let convert = move |x| to_small(F32, format, x, relu);
    b.map(b.destination(0, B16)?, inputs, map2(move |x, y| convert(x) << 8 | convert(y)))
}

fn cvt_fp8_f16(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let (format, relu) = (small(b), b.words.has("relu"));
    let convert = move |x| to_small(F16, format, x, relu);
    let kernel = map1(move |x| convert(x >> 16) << 8 | convert(x & 0xffff));
    b.map(b.destination(0, B16)?, vec![b.source(1, B32)?], kernel)
}

fn cvt_from_fp8(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let (format, relu) = (small(b), b.words.has("relu"));
    let to = Arithmetic { relu, ..Arithmetic::new(F16) };
    let convert = move |x| Arithmetic::new(format).convert(x, to);
    let kernel = map1(move |x| convert(x >> 8) << 16 | convert(x & 0xff));
    b.map(b.destination(0, B32)?, vec![b.source(1, B16)?], kernel)
}

fn cvt_pack(b: &mut Builder<'_>) -> Made {
    let types = b.types();
    let (_, to) = types.first().copied().ok_or("`cvt.pack` needs types")?;
    let s32 = Type { class: Class::Signed, bits: 32 };
    let shifted = to.bits == 8;
    b.expect(if shifted { 4..=4 } else { 3..=3 })?;
    let mut inputs = vec![b.source(1, s32)?, b.source(2, s32)?];
    let convert = move |x| low(to_integer(exact_integer(x, s32), to, Rounding::Zero), to.bits);
    let pair = move |x, y| convert(x) << to.bits | convert(y);
    if shifted {
        inputs.push(b.source(3, B32)?);
        return b.map(b.destination(0, B32)?, inputs, map3(move |x, y, c| low(c << 16, 32) | pair(x, y)));
    }
    b.map(b.destination(0, B32)?, inputs, map2(pair))
}
