//! Integer arithmetic with a carry: ISA 9.7.2.

use super::Kind::Integer;
use super::integer::{half, product};
use super::{Entry, row};
use crate::code::{Map, Op, Output, Source, low};
use crate::decode::{Builder, map4};
use crate::syntax::ast::Type;

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Integer,
        ("add.cc", "9.7.2.1"),
        &["add.cc.{u32|s32|u64|s64}"],
        "d, a, b",
        "add, carry out to CC.CF",
        add_carry,
    ),
    row(
        Integer,
        ("addc", "9.7.2.2"),
        &["addc[.cc].{u32|s32|u64|s64}"],
        "d, a, b",
        "add with carry in from CC.CF, and out with .cc",
        add_carry,
    ),
    row(
        Integer,
        ("sub.cc", "9.7.2.3"),
        &["sub.cc.{u32|s32|u64|s64}"],
        "d, a, b",
        "subtract, borrow out to CC.CF",
        sub_borrow,
    ),
    row(
        Integer,
        ("subc", "9.7.2.4"),
        &["subc[.cc].{u32|s32|u64|s64}"],
        "d, a, b",
        "subtract with borrow in from CC.CF, and out with .cc",
        sub_borrow,
    ),
    row(
        Integer,
        ("mad.cc", "9.7.2.5"),
        &["mad.{lo|hi}.cc.{u32|s32|u64|s64}"],
        "d, a, b, c",
        "a half of a * b, plus c, carry out to CC.CF",
        mad_carry,
    ),
    row(
        Integer,
        ("madc", "9.7.2.6"),
        &["madc.{lo|hi}[.cc].{u32|s32|u64|s64}"],
        "d, a, b, c",
        "a half of a * b, plus c and CC.CF; carry out with .cc",
        mad_carry,
    ),
];

/// `inputs` with the carry behind them, `sum` as the result and its bit `bits` as carry out with `.cc`.
fn with_carry(
    b: &mut Builder<'_>,
    ty: Type,
    mut inputs: Vec<Source>,
    reads: bool,
    sum: impl Fn([u64; 4]) -> u128 + Send + Sync + Clone + 'static,
) -> Made {
    let register = b.destination(0, ty)?;
    let carry = b.carry();
    while inputs.len() < 3 {
        inputs.push(Source::value(0));
    }
    inputs.push(if reads { Source::Register(carry) } else { Source::value(0) });
    let again = sum.clone();
    let kernel = map4(move |x, y, z, carry| low(sum([x, y, z, carry]) as u64, ty.bits));
    let mut outputs = vec![Output { register, kernel }];
    if b.words.has("cc") {
        let kernel = map4(move |x, y, z, carry| (again([x, y, z, carry]) >> ty.bits) as u64 & 1);
        outputs.push(Output { register: carry, kernel });
    }
    Ok(Op::Map(Map { inputs, outputs, moves: false }))
}

fn add_carry(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?];
    let reads = b.opcode() == "addc";
    with_carry(b, ty, inputs, reads, |[x, y, _, carry]| u128::from(x) + u128::from(y) + u128::from(carry))
}

/// CC.CF holds the borrow.
fn sub_borrow(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?];
    let reads = b.opcode() == "subc";
    with_carry(b, ty, inputs, reads, |[x, y, _, borrow]| {
        u128::from(x).wrapping_sub(u128::from(y)).wrapping_sub(u128::from(borrow))
    })
}

fn mad_carry(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let (ty, half) = (b.ty()?, half(b));
    let inputs = vec![b.source(1, ty)?, b.source(2, ty)?, b.source(3, ty)?];
    let reads = b.opcode() == "madc";
    with_carry(b, ty, inputs, reads, move |[x, y, z, carry]| {
        u128::from(product(x, y, ty, half)) + u128::from(z) + u128::from(carry)
    })
}
