//! Atomics and reductions in memory: ISA 9.7.13.5 and 9.7.13.6.

use super::Kind::Atomic;
use super::{Entry, row};
use crate::code::{Memory, Op, Strength, Update, low, signed};
use crate::decode::{Builder, format_named};
use crate::number::float::Arithmetic;
use crate::syntax::ast::{Class, Space, Type};

type Made = Result<Op, String>;

macro_rules! prefix {
    ($op:literal) => {
        concat!($op, "[.{relaxed|acquire|release|acq_rel}][.{cta|cluster|gpu|sys}][.{global|shared|shared::cta|shared::cluster}]")
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Atomic,
        ("atom.logic", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".{and|or|xor}[.{L2::cache_hint}].{b32|b64}")],
        "d, [a], b",
        "and, or, exclusive or; d is the old value",
        atom,
    ),
    row(
        Atomic,
        ("atom.exch", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".exch[.{L2::cache_hint}].{b32|b64}")],
        "d, [a], b",
        "stores b; d is the old value",
        atom,
    ),
    row(
        Atomic,
        ("atom.cas", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".cas[.{L2::cache_hint}].{b16|b32|b64}")],
        "d, [a], b, c",
        "stores c if the old value is b; d is the old value",
        atom,
    ),
    row(
        Atomic,
        ("atom.add", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".add[.{L2::cache_hint}].{u32|s32|u64|s64|f32|f64}")],
        "d, [a], b",
        "adds; f32 in global memory flushes subnormals",
        atom,
    ),
    row(
        Atomic,
        ("atom.add.half", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".add.noftz[.{L2::cache_hint}].{f16|f16x2|bf16|bf16x2}")],
        "d, [a], b",
        "adds; packed elements are atomic one by one",
        atom,
    ),
    row(
        Atomic,
        ("atom.inc", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".{inc|dec}[.{L2::cache_hint}].u32")],
        "d, [a], b",
        "counts up to b and wraps to 0; down from b",
        atom,
    ),
    row(
        Atomic,
        ("atom.min", "9.7.13.5"),
        &[concat!(prefix!("atom"), ".{min|max}[.{L2::cache_hint}].{u32|s32|u64|s64}")],
        "d, [a], b",
        "smaller or larger value",
        atom,
    ),
    row(
        Atomic,
        ("red.logic", "9.7.13.6"),
        &[concat!(prefix!("red"), ".{and|or|xor}[.{L2::cache_hint}].{b32|b64}")],
        "[a], b",
        "and, or, exclusive or",
        atom,
    ),
    row(
        Atomic,
        ("red.add", "9.7.13.6"),
        &[concat!(prefix!("red"), ".add[.{L2::cache_hint}].{u32|s32|u64|s64|f32|f64}")],
        "[a], b",
        "adds; f32 in global memory flushes subnormals",
        atom,
    ),
    row(
        Atomic,
        ("red.add.half", "9.7.13.6"),
        &[concat!(prefix!("red"), ".add.noftz[.{L2::cache_hint}].{f16|f16x2|bf16|bf16x2}")],
        "[a], b",
        "adds; packed elements are atomic one by one",
        atom,
    ),
    row(
        Atomic,
        ("red.inc", "9.7.13.6"),
        &[concat!(prefix!("red"), ".{inc|dec}[.{L2::cache_hint}].u32")],
        "[a], b",
        "counts up to b and wraps to 0; down from b",
        atom,
    ),
    row(
        Atomic,
        ("red.min", "9.7.13.6"),
        &[concat!(prefix!("red"), ".{min|max}[.{L2::cache_hint}].{u32|s32|u64|s64}")],
        "[a], b",
        "smaller or larger value",
        atom,
    ),
];

fn atom(b: &mut Builder<'_>) -> Made {
    let returns = b.opcode() == "atom";
    let operation = b
        .words
        .pick(&["and", "or", "xor", "exch", "cas", "add", "inc", "dec", "min", "max"])
        .ok_or("`atom` needs an operation")?;
    let word = b.words.last();
    let ty = b.ty()?;
    // Half-precision registers are untyped bits.
    let register =
        if ty.class == Class::Float && word.contains("16") { Type { class: Class::Bits, ..ty } } else { ty };
    let space = super::memory::space(b);
    let update = update(operation, word, ty, space)?;
    let first = usize::from(returns);
    let values = if operation == "cas" { 2 } else { 1 };
    let policy = usize::from(b.words.has("L2::cache_hint"));
    let count = first + 1 + values + policy;
    b.expect(count..=count)?;
    let mut access = b.access(first, space, ty.bytes() as u32, 1)?;
    if access.strength == Strength::Weak {
        access.strength = Strength::Relaxed;
    }
    let mut inputs = Vec::new();
    for index in 0..values {
        inputs.push(b.source(first + 1 + index, register)?);
    }
    let output = if returns { b.optional_destination(b.operand(0)?, register)? } else { None };
    let commutes =
        output.is_none() && ty.class != Class::Float && !matches!(operation, "exch" | "cas" | "inc" | "dec");
    if !commutes && matches!(space, Space::Global | Space::Generic) {
        b.note_communication();
    }
    Ok(Op::Memory(Memory::Atomic { access, update, inputs, output }))
}

fn update(operation: &str, word: &str, ty: Type, space: Space) -> Result<Update, String> {
    let bits = ty.bits;
    if let Some(format) = format_named(word) {
        // Shared memory keeps subnormals (9.7.13.5), and so do f64 and `.noftz`.
        let flush = word == "f32" && space == Space::Global;
        return Ok(sum(Arithmetic { flush, ..Arithmetic::new(format) }, word.ends_with("x2")));
    }
    let is_signed = ty.class == Class::Signed;
    let less = move |x: u64, y: u64| if is_signed { signed(x, bits) < signed(y, bits) } else { x < y };
    Ok(match operation {
        "and" => Box::new(|old, b, _| old & b),
        "or" => Box::new(|old, b, _| old | b),
        "xor" => Box::new(|old, b, _| old ^ b),
        "exch" => Box::new(|_, b, _| b),
        "cas" => Box::new(|old, b, c| if old == b { c } else { old }),
        "add" => Box::new(move |old, b, _| low(old.wrapping_add(b), bits)),
        "inc" => Box::new(|old, b, _| if old >= b { 0 } else { old + 1 }),
        "dec" => Box::new(|old, b, _| if old == 0 || old > b { b } else { old - 1 }),
        "min" => Box::new(move |old, b, _| if less(b, old) { b } else { old }),
        "max" => Box::new(move |old, b, _| if less(old, b) { b } else { old }),
        _ => return Err(format!("unknown operation `.{operation}`")),
    })
}

fn sum(arithmetic: Arithmetic, packed: bool) -> Update {
    if !packed {
        return Box::new(move |old, b, _| arithmetic.add(old, b));
    }
    Box::new(move |old, b, _| {
        arithmetic.add(old & 0xffff, b & 0xffff) | arithmetic.add(old >> 16, b >> 16) << 16
    })
}
