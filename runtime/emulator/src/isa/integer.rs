//! Integer arithmetic: ISA 9.7.1.

use super::Kind::Integer;
use super::{Entry, row};
use crate::code::{Op, low, signed};
use crate::decode::{Builder, map1, map2, map3, map4};
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Integer,
        ("add.int", "9.7.1.1"),
        &["add.{u16|u32|u64|s16|s32|s64|u16x2|s16x2}", "add.sat.s32"],
        "d, a, b",
        "d = a + b, wrapping; .sat clamps to the type",
        add,
    ),
    row(
        Integer,
        ("sub.int", "9.7.1.2"),
        &["sub.{u16|u32|u64|s16|s32|s64}", "sub.sat.s32"],
        "d, a, b",
        "d = a - b, wrapping; .sat clamps to the type",
        sub,
    ),
    row(
        Integer,
        ("mul.int", "9.7.1.3"),
        &["mul.{lo|hi}.{u16|u32|u64|s16|s32|s64}", "mul.wide.{u16|u32|s16|s32}"],
        "d, a, b",
        "low or high half of a * b, or all of it",
        mul,
    ),
    row(
        Integer,
        ("mad.int", "9.7.1.4"),
        &["mad.{lo|hi}.{u16|u32|u64|s16|s32|s64}", "mad.wide.{u16|u32|s16|s32}", "mad.hi.sat.s32"],
        "d, a, b, c",
        "a * b as mul gives it, plus c",
        mad,
    ),
    row(
        Integer,
        ("mul24", "9.7.1.5"),
        &["mul24.{lo|hi}.{u32|s32}"],
        "d, a, b",
        "product of the low 24 bits: its low 32 bits, or bits 16 to 47",
        mul24,
    ),
    row(Integer, ("mad24", "9.7.1.6"), &["mad24.{lo|hi}.{u32|s32}"], "d, a, b, c", "as mul24, plus c", mad24),
    row(
        Integer,
        ("sad", "9.7.1.7"),
        &["sad.{u16|u32|u64|s16|s32|s64}"],
        "d, a, b, c",
        "d = c + |a - b|",
        sad,
    ),
    row(
        Integer,
        ("div.int", "9.7.1.8"),
        &["div.{u16|u32|u64|s16|s32|s64}"],
        "d, a, b",
        "quotient towards zero; all ones for b = 0",
        div,
    ),
    row(
        Integer,
        ("rem", "9.7.1.9"),
        &["rem.{u16|u32|u64|s16|s32|s64}"],
        "d, a, b",
        "remainder with the sign of a; a for b = 0",
        rem,
    ),
    row(
        Integer,
        ("abs.int", "9.7.1.10"),
        &["abs.{s16|s32|s64}"],
        "d, a",
        "absolute value; the lowest value stays",
        abs,
    ),
    row(Integer, ("neg.int", "9.7.1.11"), &["neg.{s16|s32|s64}"], "d, a", "d = -a, wrapping", neg),
    row(
        Integer,
        ("min.int", "9.7.1.12"),
        &["min.{u16|u32|u64|s16|s32|s64|u16x2|s16x2}", "min.relu.{s32|s16x2}"],
        "d, a, b",
        "smaller operand; .relu clamps to 0 from below",
        min,
    ),
    row(
        Integer,
        ("max.int", "9.7.1.13"),
        &["max.{u16|u32|u64|s16|s32|s64|u16x2|s16x2}", "max.relu.{s32|s16x2}"],
        "d, a, b",
        "larger operand; .relu clamps to 0 from below",
        max,
    ),
    row(Integer, ("popc", "9.7.1.14"), &["popc.{b32|b64}"], "d, a", "number of set bits, as u32", popc),
    row(Integer, ("clz", "9.7.1.15"), &["clz.{b32|b64}"], "d, a", "leading zeros, as u32", clz),
    row(
        Integer,
        ("bfind", "9.7.1.16"),
        &["bfind[.shiftamt].{u32|u64|s32|s64}"],
        "d, a",
        "position of the highest non-sign bit, or the shift that brings it to the top; all ones for none",
        bfind,
    ),
    row(
        Integer,
        ("fns", "9.7.1.17"),
        &["fns.b32"],
        "d, mask, base, offset",
        "position of the |offset|-th set bit from base; all ones for none",
        fns,
    ),
    row(Integer, ("brev", "9.7.1.18"), &["brev.{b32|b64}"], "d, a", "bits in reverse", brev),
    row(
        Integer,
        ("bfe", "9.7.1.19"),
        &["bfe.{u32|u64|s32|s64}"],
        "d, a, b, c",
        "c bits from bit b (both taken mod 256), sign- or zero-extended",
        bfe,
    ),
    row(
        Integer,
        ("bfi", "9.7.1.20"),
        &["bfi.{b32|b64}"],
        "f, a, b, c, d",
        "b with d bits from bit c replaced by a",
        bfi,
    ),
    row(
        Integer,
        ("szext", "9.7.1.21"),
        &["szext.{clamp|wrap}.{u32|s32}"],
        "d, a, b",
        "the low b bits of a, sign- or zero-extended",
        szext,
    ),
    row(Integer, ("bmsk", "9.7.1.22"), &["bmsk.{clamp|wrap}.b32"], "d, a, b", "b ones from bit a", bmsk),
    row(
        Integer,
        ("dp4a", "9.7.1.23"),
        &["dp4a.{u32|s32}.{u32|s32}"],
        "d, a, b, c",
        "c plus the dot product of four bytes",
        dp4a,
    ),
    row(
        Integer,
        ("dp2a", "9.7.1.24"),
        &["dp2a.{lo|hi}.{u32|s32}.{u32|s32}"],
        "d, a, b, c",
        "c plus the dot product of two halves of a and two bytes of b",
        dp2a,
    ),
];

const B32: Type = Type { class: Class::Bits, bits: 32 };
const U32: Type = Type { class: Class::Unsigned, bits: 32 };

/// `value` of type `ty` as a number.
fn number(value: u64, ty: Type) -> i128 {
    if ty.class == Class::Signed { i128::from(signed(value, ty.bits)) } else { i128::from(value) }
}

fn clamp32(value: i128) -> u64 {
    low(value.clamp(i128::from(i32::MIN), i128::from(i32::MAX)) as u64, 32)
}

/// The element type of `u16x2` and `s16x2`.
fn packed(b: &Builder<'_>) -> Option<Type> {
    match b.words.last() {
        "u16x2" => Some(Type { class: Class::Unsigned, bits: 16 }),
        "s16x2" => Some(Type { class: Class::Signed, bits: 16 }),
        _ => None,
    }
}

fn halves(a: u64, b: u64, f: impl Fn(u64, u64) -> u64) -> u64 {
    low(f(a & 0xffff, b & 0xffff), 16) | low(f(a >> 16, b >> 16), 16) << 16
}

fn add(b: &mut Builder<'_>) -> Made {
    if packed(b).is_some() {
        return b.binary(B32, |x, y| halves(x, y, |x, y| x + y));
    }
    let ty = b.ty()?;
    if b.words.has("sat") {
        return b.binary(ty, move |x, y| clamp32(number(x, ty) + number(y, ty)));
    }
    b.binary(ty, move |x, y| low(x.wrapping_add(y), ty.bits))
}

fn sub(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    if b.words.has("sat") {
        return b.binary(ty, move |x, y| clamp32(number(x, ty) - number(y, ty)));
    }
    b.binary(ty, move |x, y| low(x.wrapping_sub(y), ty.bits))
}

const fn doubled(ty: Type) -> Type {
    Type { class: ty.class, bits: ty.bits * 2 }
}

/// The half of `x * y` that the instruction wants, of the destination's width.
pub(super) fn product(x: u64, y: u64, ty: Type, half: Half) -> u64 {
    let product = number(x, ty).wrapping_mul(number(y, ty));
    match half {
        Half::Low => low(product as u64, ty.bits),
        Half::High => low((product >> ty.bits) as u64, ty.bits),
        Half::All => low(product as u64, ty.bits * 2),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Low,
    High,
    All,
}

pub(super) fn half(b: &Builder<'_>) -> Half {
    match b.words.pick(&["lo", "hi", "wide"]) {
        Some("hi") => Half::High,
        Some("wide") => Half::All,
        _ => Half::Low,
    }
}

fn mul(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let (ty, half) = (b.ty()?, half(b));
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?];
    let register = b.destination(0, if half == Half::All { doubled(ty) } else { ty })?;
    if half == Half::Low {
        return b.map(register, inputs, map2(move |x, y| low(x.wrapping_mul(y), ty.bits)));
    }
    b.map(register, inputs, map2(move |x, y| product(x, y, ty, half)))
}

fn mad(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let (ty, half) = (b.ty()?, half(b));
    let out = if half == Half::All { doubled(ty) } else { ty };
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, out)?];
    let register = b.destination(0, out)?;
    if b.words.has("sat") {
        let kernel = map3(move |x, y, z| clamp32(number(product(x, y, ty, half), ty) + number(z, ty)));
        return b.map(register, inputs, kernel);
    }
    b.map(register, inputs, map3(move |x, y, z| low(product(x, y, ty, half).wrapping_add(z), out.bits)))
}

fn product24(x: u64, y: u64, ty: Type, high: bool) -> u64 {
    let narrow =
        |value| if ty.class == Class::Signed { signed(low(value, 24), 24) } else { low(value, 24) as i64 };
    let product = narrow(x).wrapping_mul(narrow(y));
    low(if high { product >> 16 } else { product } as u64, 32)
}

fn mul24(b: &mut Builder<'_>) -> Made {
    let (ty, high) = (b.ty()?, b.words.has("hi"));
    b.binary(ty, move |x, y| product24(x, y, ty, high))
}

fn mad24(b: &mut Builder<'_>) -> Made {
    let (ty, high) = (b.ty()?, b.words.has("hi"));
    b.ternary(ty, move |x, y, z| low(product24(x, y, ty, high).wrapping_add(z), 32))
}

fn sad(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.ternary(ty, move |x, y, z| {
        let distance = (number(x, ty) - number(y, ty)).unsigned_abs() as u64;
        low(z.wrapping_add(distance), ty.bits)
    })
}

/// The ISA leaves x / 0 unspecified; all ones is what NVIDIA's hardware gives.
fn div(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.binary(ty, move |x, y| {
        let quotient = number(x, ty).checked_div(number(y, ty)).unwrap_or(-1);
        low(quotient as u64, ty.bits)
    })
}

fn rem(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.binary(ty, move |x, y| {
        low(number(x, ty).checked_rem(number(y, ty)).unwrap_or(number(x, ty)) as u64, ty.bits)
    })
}

fn abs(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.unary(ty, move |x| low(signed(x, ty.bits).wrapping_abs() as u64, ty.bits))
}

fn neg(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.unary(ty, move |x| low(x.wrapping_neg(), ty.bits))
}

fn min(b: &mut Builder<'_>) -> Made {
    choose(b, |x, y| x.min(y))
}

fn max(b: &mut Builder<'_>) -> Made {
    choose(b, |x, y| x.max(y))
}

fn choose(b: &mut Builder<'_>, f: fn(i128, i128) -> i128) -> Made {
    let floor = if b.words.has("relu") { 0 } else { i128::MIN };
    let pick = move |x, y, ty| low(f(number(x, ty), number(y, ty)).max(floor) as u64, ty.bits);
    if let Some(element) = packed(b) {
        let signed_half = move |value| low(value, 16);
        return b.binary(B32, move |x, y| halves(x, y, |x, y| pick(signed_half(x), signed_half(y), element)));
    }
    let ty = b.ty()?;
    b.binary(ty, move |x, y| pick(x, y, ty))
}

/// An operation from `ty` to u32.
fn count(b: &mut Builder<'_>, f: impl Fn(u64, u32) -> u64 + Send + Sync + 'static) -> Made {
    b.expect(2..=2)?;
    let ty = b.ty()?;
    b.map(b.destination(0, U32)?, vec![b.source(1, ty)?], map1(move |x| f(x, ty.bits)))
}

fn popc(b: &mut Builder<'_>) -> Made {
    count(b, |x, _| u64::from(x.count_ones()))
}

fn clz(b: &mut Builder<'_>) -> Made {
    count(b, |x, bits| u64::from(x.leading_zeros() - (64 - bits)))
}

fn bfind(b: &mut Builder<'_>) -> Made {
    let (ty, shift) = (b.ty()?, b.words.has("shiftamt"));
    count(b, move |x, bits| {
        let negative = ty.class == Class::Signed && signed(x, bits) < 0;
        let x = if negative { low(!x, bits) } else { x };
        if x == 0 {
            return 0xffff_ffff;
        }
        let position = 63 - x.leading_zeros();
        u64::from(if shift { bits - 1 - position } else { position })
    })
}

fn fns(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let s32 = Type { class: Class::Signed, bits: 32 };
    let inputs = vec![b.source(1, B32)?, b.source(2, B32)?, b.source(3, s32)?];
    b.map(
        b.destination(0, B32)?,
        inputs,
        map3(|mask, base, offset| {
            let offset = signed(offset, 32);
            let base = base as i64;
            let step = if offset < 0 { -1 } else { 1 };
            let mut wanted = offset.unsigned_abs().max(1);
            // An offset of zero asks for the bit at base itself.
            let mut position = base;
            while (0..32).contains(&position) {
                if mask >> position & 1 == 1 {
                    wanted -= 1;
                    if wanted == 0 {
                        return position as u64;
                    }
                }
                if offset == 0 {
                    break;
                }
                position += step;
            }
            0xffff_ffff
        }),
    )
}

fn brev(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.unary(ty, move |x| x.reverse_bits() >> (64 - ty.bits))
}

fn bfe(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, U32)?, b.source(3, U32)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map3(move |x, position, length| extract(x, position & 0xff, length & 0xff, ty)),
    )
}

/// Bits beyond the register are zeros, or copies of its sign for signed types.
fn extract(x: u64, position: u64, length: u64, ty: Type) -> u64 {
    if length == 0 {
        return 0;
    }
    if ty.class != Class::Signed {
        let shifted = if position > 63 { 0 } else { x >> position };
        return if length > 63 { shifted } else { low(shifted, length as u32) };
    }
    let shifted = signed(x, ty.bits) >> position.min(63);
    let field = if length > 63 { shifted } else { signed(low(shifted as u64, length as u32), length as u32) };
    low(field as u64, ty.bits)
}

fn bfi(b: &mut Builder<'_>) -> Made {
    b.expect(5..=5)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, U32)?, b.source(4, U32)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map4(move |field, base, position, length| {
            let (position, length) = (position & 0xff, length & 0xff);
            let ones = if length > 63 { u64::MAX } else { (1 << length) - 1 };
            let (mask, field) = if position > 63 { (0, 0) } else { (ones << position, field << position) };
            low((base & !mask) | (field & mask), ty.bits)
        }),
    )
}

fn szext(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let (ty, clamp) = (b.ty()?, b.words.has("clamp"));
    let inputs = vec![b.source(1, ty)?, b.source(2, U32)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map2(move |x, width| {
            let width = if clamp { width.min(32) } else { width & 31 };
            match width {
                0 => 0,
                width if ty.class == Class::Signed => {
                    low(signed(low(x, width as u32), width as u32) as u64, 32)
                }
                width => low(x, width as u32),
            }
        }),
    )
}

fn bmsk(b: &mut Builder<'_>) -> Made {
    let clamp = b.words.has("clamp");
    b.binary(B32, move |position, length| {
        let limit = |value: u64| if clamp { value.min(32) } else { value & 31 };
        let (position, length) = (limit(position), limit(length));
        low(((1_u64 << length) - 1) << position, 32)
    })
}

/// The operand types of dp4a and dp2a, and the accumulator's: signed if either is.
fn dot_types(b: &Builder<'_>) -> (bool, bool, Type) {
    let types = b.types();
    let is_signed = |index: usize| types.get(index).is_some_and(|(_, ty)| ty.class == Class::Signed);
    let class = if is_signed(0) || is_signed(1) { Class::Signed } else { Class::Unsigned };
    (is_signed(0), is_signed(1), Type { class, bits: 32 })
}

fn piece(x: u64, index: u32, bits: u32, is_signed: bool) -> i64 {
    let piece = low(x >> (index * bits), bits);
    if is_signed { signed(piece, bits) } else { piece as i64 }
}

fn dp4a(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let (first, second, ty) = dot_types(b);
    let inputs = vec![b.source(1, B32)?, b.source(2, B32)?, b.source(3, ty)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map3(move |x, y, z| {
            let dot: i64 = (0..4).map(|byte| piece(x, byte, 8, first) * piece(y, byte, 8, second)).sum();
            low(z.wrapping_add(dot as u64), 32)
        }),
    )
}

fn dp2a(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let (first, second, ty) = dot_types(b);
    let start = if b.words.has("hi") { 2 } else { 0 };
    let inputs = vec![b.source(1, B32)?, b.source(2, B32)?, b.source(3, ty)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map3(move |x, y, z| {
            let dot: i64 =
                (0..2).map(|half| piece(x, half, 16, first) * piece(y, start + half, 8, second)).sum();
            low(z.wrapping_add(dot as u64), 32)
        }),
    )
}
