//! Products of matrices by four warps together: ISA 9.7.15.

use super::Kind::Matrix;
use super::{Entry, row};
use crate::code::{Element, Op, Source, Wgmma, WgmmaLeft, WgmmaProduct};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Operand, Type};

type Made = Result<Op, String>;

macro_rules! n {
    () => {
        "{m64n8k16|m64n16k16|m64n24k16|m64n32k16|m64n40k16|m64n48k16|m64n56k16|m64n64k16|m64n72k16|m64n80k16|m64n88k16|m64n96k16|m64n104k16|m64n112k16|m64n120k16|m64n128k16|m64n136k16|m64n144k16|m64n152k16|m64n160k16|m64n168k16|m64n176k16|m64n184k16|m64n192k16|m64n200k16|m64n208k16|m64n216k16|m64n224k16|m64n232k16|m64n240k16|m64n248k16|m64n256k16}"
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Matrix,
        ("wgmma.mma_async", "9.7.15.5.2"),
        &[
            concat!("wgmma.mma_async.sync.aligned.", n!(), ".f32.{bf16|f16}.{bf16|f16}"),
            concat!("wgmma.mma_async.sync.aligned.", n!(), ".f16.f16.f16"),
        ],
        "d, a or a-desc, b-desc, scale-d, sign-a, sign-b[, trans-a], trans-b",
        "d = a b (+ d); lands when waited for",
        product,
    ),
    row(
        Matrix,
        ("wgmma.fence", "9.7.15.7.1"),
        &["wgmma.fence.sync.aligned"],
        "",
        "orders register accesses before products",
        fence,
    ),
    row(
        Matrix,
        ("wgmma.commit_group", "9.7.15.7.2"),
        &["wgmma.commit_group.sync.aligned"],
        "",
        "makes a group of the products so far",
        commit,
    ),
    row(
        Matrix,
        ("wgmma.wait_group", "9.7.15.7.3"),
        &["wgmma.wait_group.sync.aligned"],
        "n",
        "waits until at most n groups are pending",
        wait,
    ),
];

fn fence(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Wgmma(Wgmma::Fence))
}

fn commit(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Wgmma(Wgmma::Commit))
}

fn wait(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Wgmma(Wgmma::Wait(b.immediate(0, 0..=7)? as u32)))
}

fn product(b: &mut Builder<'_>) -> Made {
    let shape = b.words.iter().find(|word| word.starts_with("m64n")).ok_or("`wgmma` needs a shape")?;
    let n: u32 = shape
        .strip_prefix("m64n")
        .and_then(|rest| rest.split_once('k'))
        .and_then(|(n, _)| n.parse().ok())
        .ok_or("`wgmma` needs a shape")?;
    let elements: Vec<Element> = b.words.iter().filter_map(super::matrix::element).collect();
    let [accumulator, a, second] = elements.as_slice() else {
        return Err("`wgmma` needs three types".into());
    };
    if a != second {
        return Err("a and b must have the same type".into());
    }
    let in_registers = matches!(b.operand(1)?, Operand::Vector(_));
    // a in registers has no transposition.
    let count = if in_registers { 7 } else { 8 };
    b.expect(count..=count)?;
    let b64 = Type { class: Class::Bits, bits: 64 };
    let b32 = Type { class: Class::Bits, bits: 32 };
    let left = if in_registers {
        WgmmaLeft::Registers(b.vector_sources(1, 4, b32)?)
    } else {
        WgmmaLeft::Descriptor(b.source(1, b64)?)
    };
    let sign = |index: usize| match b.immediate(index, -1..=1)? {
        0 => Err("imm-scale is 1 or -1".to_owned()),
        sign => Ok(sign < 0),
    };
    let negate = [sign(4)?, sign(5)?];
    let transposed = if in_registers {
        [false, b.immediate(6, 0..=1)? == 1]
    } else {
        [b.immediate(6, 0..=1)? == 1, b.immediate(7, 0..=1)? == 1]
    };
    let registers = if *accumulator == Element::F32 { n / 2 } else { n / 4 };
    let scale_d = match b.operand(3)? {
        Operand::Integer(value @ 0..=1) => Source::value(*value as u64),
        _ => b.source(3, Type::PRED)?,
    };
    Ok(Op::Wgmma(Wgmma::Product(Box::new(WgmmaProduct {
        n,
        format: *a,
        accumulator: *accumulator,
        a: left,
        b: b.source(2, b64)?,
        d: b.vector_destinations(0, registers as usize, accumulator.register())?,
        scale_d,
        negate,
        transposed,
    }))))
}
