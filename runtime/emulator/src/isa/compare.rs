//! Comparison and selection: ISA 9.7.6, and 9.7.7 for f16 and bf16.

use super::Kind::Compare;
use super::{Entry, row};
use crate::code::{Map, Op, Output, Source, signed};
use crate::decode::{Builder, format_named, map2, map3};
use crate::number::float::{Arithmetic, Order, canonical32};
use crate::number::format::F32;
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Compare,
        ("set", "9.7.6.1"),
        &[
            "set.{eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan}[.ftz].{u32|s32|f32}.{b16|b32|b64|u16|u32|u64|s16|s32|s64|f16|f32|f64|bf16}",
            "set.{eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan}.{and|or|xor}[.ftz].{u32|s32|f32}.{b16|b32|b64|u16|u32|u64|s16|s32|s64|f16|f32|f64|bf16}",
        ],
        "d, a, b[, c]",
        "all ones (or 1.0) where the comparison, combined with c, holds",
        set,
    ),
    row(
        Compare,
        ("setp", "9.7.6.2"),
        &[
            "setp.{eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan}[.ftz].{b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64}",
            "setp.{eq|ne|lt|le|gt|ge|lo|ls|hi|hs|equ|neu|ltu|leu|gtu|geu|num|nan}.{and|or|xor}[.ftz].{b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64}",
        ],
        "p[|q], a, b[, c]",
        "p = (a cmp b) op c, q = !(a cmp b) op c",
        setp,
    ),
    row(
        Compare,
        ("setp.half", "9.7.7.2"),
        &[
            "setp.{eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan}[.{and|or|xor}][.ftz].{f16|bf16}",
            "setp.{eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan}[.{and|or|xor}][.ftz].{f16x2|bf16x2}",
        ],
        "p[|q], a, b[, c]",
        "p = (a cmp b) op c; packed: p for the low elements, q for the high ones",
        setp_half,
    ),
    row(
        Compare,
        ("selp", "9.7.6.3"),
        &["selp.{b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64}"],
        "d, a, b, c",
        "c ? a : b",
        selp,
    ),
    row(
        Compare,
        ("slct", "9.7.6.4"),
        &["slct[.ftz].{b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64}.{s32|f32}"],
        "d, a, b, c",
        "c >= 0 ? a : b; NaN selects b",
        slct,
    ),
];

/// A comparison: an order, or a question about NaN.
#[derive(Clone, Copy)]
enum Comparison {
    Ordered(Order),
    /// True for NaN too.
    Unordered(Order),
    BothNumbers,
    AnyNan,
}

fn comparison(b: &Builder<'_>, ty: Type) -> Result<Comparison, String> {
    let word = b.words.iter().next().unwrap_or("");
    let float = ty.class == Class::Float;
    let order = |word: &str| match word {
        "eq" => Some(Order::Eq),
        "ne" => Some(Order::Ne),
        "lt" | "lo" => Some(Order::Lt),
        "le" | "ls" => Some(Order::Le),
        "gt" | "hi" => Some(Order::Gt),
        "ge" | "hs" => Some(Order::Ge),
        _ => None,
    };
    let unsigned_only = matches!(word, "lo" | "ls" | "hi" | "hs");
    if unsigned_only && (float || ty.class == Class::Signed) {
        return Err(format!("`.{word}` compares unsigned integers, not {ty}"));
    }
    if ty.class == Class::Bits && !matches!(word, "eq" | "ne") {
        return Err(format!("`.{word}` does not compare {ty}, only .eq and .ne do"));
    }
    if let Some(order) = order(word) {
        return Ok(Comparison::Ordered(order));
    }
    if !float {
        return Err(format!("`.{word}` compares floats, not {ty}"));
    }
    match word {
        "num" => Ok(Comparison::BothNumbers),
        "nan" => Ok(Comparison::AnyNan),
        _ => match word.strip_suffix('u').and_then(order) {
            Some(order) => Ok(Comparison::Unordered(order)),
            None => Err(format!("unknown comparison `.{word}`")),
        },
    }
}

#[derive(Clone, Copy)]
struct Test {
    comparison: Comparison,
    ty: Type,
    float: Option<Arithmetic>,
}

impl Test {
    fn holds(self, x: u64, y: u64) -> bool {
        let order = match self.float {
            Some(arithmetic) => arithmetic.compare(x, y),
            None if self.ty.class == Class::Signed => {
                Some(signed(x, self.ty.bits).cmp(&signed(y, self.ty.bits)))
            }
            None => Some(x.cmp(&y)),
        };
        match self.comparison {
            Comparison::Ordered(wanted) => order.is_some_and(|order| wanted.holds(order)),
            Comparison::Unordered(wanted) => order.is_none_or(|order| wanted.holds(order)),
            Comparison::BothNumbers => order.is_some(),
            Comparison::AnyNan => order.is_none(),
        }
    }
}

fn test(b: &Builder<'_>) -> Result<Test, String> {
    let word = b.words.last();
    let float = format_named(word).map(|format| b.arithmetic(format));
    let ty = b.ty()?;
    Ok(Test { comparison: comparison(b, ty)?, ty, float })
}

/// How the result is combined with the predicate `c`.
fn combine(b: &Builder<'_>) -> Option<fn(u64, u64) -> u64> {
    match b.words.pick(&["and", "or", "xor"])? {
        "and" => Some(|x, c| x & c),
        "or" => Some(|x, c| x | c),
        _ => Some(|x, c| x ^ c),
    }
}

/// Operands a and b of register type `ty`, and c where the instruction combines.
fn operands(b: &Builder<'_>, ty: Type) -> Result<Vec<Source>, String> {
    let count = if combine(b).is_some() { 4 } else { 3 };
    b.expect(count..=count)?;
    let mut inputs = vec![b.source(1, ty)?, b.source(2, ty)?];
    if count == 4 {
        inputs.push(b.source(3, Type::PRED)?);
    }
    Ok(inputs)
}

/// One predicate: `f` of a and b, combined with c.
fn output(
    register: crate::code::RegisterId,
    combine: Option<fn(u64, u64) -> u64>,
    f: impl Fn(u64, u64) -> bool + Send + Sync + 'static,
) -> Output {
    let kernel = match combine {
        None => map2(move |x, y| u64::from(f(x, y))),
        Some(combine) => map3(move |x, y, c| combine(u64::from(f(x, y)), c)),
    };
    Output { register, kernel }
}

fn setp(b: &mut Builder<'_>) -> Made {
    let test = test(b)?;
    let inputs = operands(b, test.ty)?;
    let combine = combine(b);
    let (p, q) = b.destination_pair(0, Type::PRED)?;
    let mut outputs = Vec::new();
    outputs.extend(p.map(|p| output(p, combine, move |x, y| test.holds(x, y))));
    outputs.extend(q.map(|q| output(q, combine, move |x, y| !test.holds(x, y))));
    Ok(Op::Map(Map { inputs, outputs, moves: false }))
}

fn setp_half(b: &mut Builder<'_>) -> Made {
    let packed = b.words.last().ends_with("x2");
    let test = test(b)?;
    if !packed {
        return setp(b);
    }
    let inputs = operands(b, Type { class: Class::Bits, bits: 32 })?;
    let combine = combine(b);
    let (p, q) = b.destination_pair(0, Type::PRED)?;
    let mut outputs = Vec::new();
    outputs.extend(p.map(|p| output(p, combine, move |x, y| test.holds(x & 0xffff, y & 0xffff))));
    outputs.extend(q.map(|q| output(q, combine, move |x, y| test.holds(x >> 16, y >> 16))));
    Ok(Op::Map(Map { inputs, outputs, moves: false }))
}

fn set(b: &mut Builder<'_>) -> Made {
    let test = test(b)?;
    let inputs = operands(b, test.ty)?;
    let types = b.types();
    let (word, ty) = types.first().copied().ok_or("`set` needs a destination type")?;
    let truth = if word == "f32" { canonical32(1.0) } else { 0xffff_ffff };
    let register = b.destination(0, ty)?;
    let kernel = match combine(b) {
        None => map2(move |x, y| if test.holds(x, y) { truth } else { 0 }),
        Some(combine) => {
            map3(move |x, y, c| if combine(u64::from(test.holds(x, y)), c) == 1 { truth } else { 0 })
        }
    };
    b.map(register, inputs, kernel)
}

fn selp(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, Type::PRED)?];
    b.map(b.destination(0, ty)?, inputs, map3(|x, y, c| if c == 1 { x } else { y }))
}

fn slct(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let types = b.types();
    let (Some((_, ty)), Some((_, selector))) = (types.first().copied(), types.get(1).copied()) else {
        return Err("`slct` needs two types".into());
    };
    let float = selector.class == Class::Float;
    let arithmetic = b.arithmetic(F32);
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, selector)?];
    b.map(
        b.destination(0, ty)?,
        inputs,
        map3(move |x, y, c| {
            let chosen = if float {
                arithmetic.compare(c, 0).is_some_and(std::cmp::Ordering::is_ge)
            } else {
                signed(c, 32) >= 0
            };
            if chosen { x } else { y }
        }),
    )
}
