//! Logic and shifts: ISA 9.7.8.

use super::Kind::Logic;
use super::{Entry, row};
use crate::code::{Op, low, signed};
use crate::decode::{Builder, map2, map3};
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(Logic, ("and", "9.7.8.1"), &["and.{pred|b16|b32|b64}"], "d, a, b", "bitwise and", and),
    row(Logic, ("or", "9.7.8.2"), &["or.{pred|b16|b32|b64}"], "d, a, b", "bitwise or", or),
    row(Logic, ("xor", "9.7.8.3"), &["xor.{pred|b16|b32|b64}"], "d, a, b", "bitwise exclusive or", xor),
    row(Logic, ("not", "9.7.8.4"), &["not.{pred|b16|b32|b64}"], "d, a", "bitwise complement", not),
    row(Logic, ("cnot", "9.7.8.5"), &["cnot.{b16|b32|b64}"], "d, a", "1 for a = 0, else 0", cnot),
    row(
        Logic,
        ("lop3", "9.7.8.6"),
        &["lop3.b32"],
        "d, a, b, c, immLut",
        "any function of three bits, by its truth table",
        lop3,
    ),
    row(
        Logic,
        ("shf", "9.7.8.7"),
        &["shf.{l|r}.{clamp|wrap}.b32"],
        "d, a, b, c",
        "shifts the pair b:a by c; left keeps the high half, right the low",
        shf,
    ),
    row(
        Logic,
        ("shl", "9.7.8.8"),
        &["shl.{b16|b32|b64}"],
        "d, a, b",
        "left shift; 0 for b beyond the width",
        shl,
    ),
    row(
        Logic,
        ("shr", "9.7.8.9"),
        &["shr.{b16|b32|b64|u16|u32|u64|s16|s32|s64}"],
        "d, a, b",
        "right shift, of the sign for signed types; b is clamped to the width",
        shr,
    ),
];

const U32: Type = Type { class: Class::Unsigned, bits: 32 };

fn and(b: &mut Builder<'_>) -> Made {
    b.binary(b.ty()?, |x, y| x & y)
}

fn or(b: &mut Builder<'_>) -> Made {
    b.binary(b.ty()?, |x, y| x | y)
}

fn xor(b: &mut Builder<'_>) -> Made {
    b.binary(b.ty()?, |x, y| x ^ y)
}

fn not(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    b.unary(ty, move |x| low(!x, ty.bits))
}

fn cnot(b: &mut Builder<'_>) -> Made {
    b.unary(b.ty()?, |x| u64::from(x == 0))
}

/// The table is read at 4a + 2b + c: 0xf0, 0xcc and 0xaa are a, b and c themselves.
pub(super) fn truth_table(a: u64, b: u64, c: u64, table: u64) -> u64 {
    (0..8).filter(|row| table >> row & 1 == 1).fold(0, |result, row| {
        let side = |value: u64, bit: u32| if row >> bit & 1 == 1 { value } else { !value };
        result | (side(a, 2) & side(b, 1) & side(c, 0))
    })
}

fn lop3(b: &mut Builder<'_>) -> Made {
    b.expect(5..=5)?;
    let ty = b.ty()?;
    let table = b.immediate(4, 0..=255)? as u64;
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, ty)?];
    b.map(b.destination(0, ty)?, inputs, map3(move |x, y, z| low(truth_table(x, y, z, table), 32)))
}

fn shf(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let ty = b.ty()?;
    let (left, clamp) = (b.words.has("l"), b.words.has("clamp"));
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, U32)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map3(move |x, y, by| {
            let by = if clamp { by.min(32) } else { by & 31 };
            let pair = y << 32 | x;
            if left { (pair << by) >> 32 } else { low(pair >> by, 32) }
        }),
    )
}

fn shl(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, U32)?];
    let shift = move |x: u64, by: u64| if by >= u64::from(ty.bits) { 0 } else { low(x << by, ty.bits) };
    b.map(b.destination(0, ty)?, inputs, map2(shift))
}

fn shr(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, U32)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map2(move |x, by| {
            let by = by.min(u64::from(ty.bits));
            if ty.class == Class::Signed {
                return low((signed(x, ty.bits) >> by.min(63)) as u64, ty.bits);
            }
            if by > 63 { 0 } else { x >> by }
        }),
    )
}
