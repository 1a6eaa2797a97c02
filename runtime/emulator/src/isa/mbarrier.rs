//! mbarrier objects: ISA 9.7.13.15.

use super::Kind::Synchronize;
use super::{Entry, row};
use crate::code::{Address, Mbarrier, Op, Source};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Operand, Space, Type};

type Made = Result<Op, String>;

macro_rules! shared {
    () => {
        "[.{shared|shared::cta|shared::cluster}]"
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Synchronize,
        ("mbarrier.init", "9.7.13.15.9"),
        &[concat!("mbarrier.init", shared!(), ".b64")],
        "[a], count",
        "an object that expects count arrivals",
        init,
    ),
    row(
        Synchronize,
        ("mbarrier.inval", "9.7.13.15.10"),
        &[concat!("mbarrier.inval", shared!(), ".b64")],
        "[a]",
        "the memory is no mbarrier any more",
        inval,
    ),
    row(
        Synchronize,
        ("mbarrier.expect_tx", "9.7.13.15.11"),
        &[concat!("mbarrier.expect_tx[.relaxed][.{cta|cluster}]", shared!(), ".b64")],
        "[a], bytes",
        "the phase waits for more bytes",
        expect,
    ),
    row(
        Synchronize,
        ("mbarrier.complete_tx", "9.7.13.15.12"),
        &[concat!("mbarrier.complete_tx[.relaxed][.{cta|cluster}]", shared!(), ".b64")],
        "[a], bytes",
        "bytes of the phase have arrived",
        complete,
    ),
    row(
        Synchronize,
        ("mbarrier.arrive", "9.7.13.15.13"),
        &[
            concat!("mbarrier.arrive[.{release|relaxed}][.{cta|cluster}]", shared!(), ".b64"),
            concat!("mbarrier.arrive.noComplete[.release][.cta]", shared!(), ".b64"),
        ],
        "state, [a][, count]",
        "one arrival or count; state names the phase",
        arrive,
    ),
    row(
        Synchronize,
        ("mbarrier.arrive.expect_tx", "9.7.13.15.13"),
        &[concat!("mbarrier.arrive.expect_tx[.{release|relaxed}][.{cta|cluster}]", shared!(), ".b64")],
        "state, [a], bytes",
        "expect_tx, then one arrival",
        arrive_expect,
    ),
    row(
        Synchronize,
        ("mbarrier.arrive_drop", "9.7.13.15.14"),
        &[
            concat!("mbarrier.arrive_drop[.{release|relaxed}][.{cta|cluster}]", shared!(), ".b64"),
            concat!("mbarrier.arrive_drop.noComplete[.release][.cta]", shared!(), ".b64"),
        ],
        "state, [a][, count]",
        "arrives, and later phases expect fewer",
        arrive,
    ),
    row(
        Synchronize,
        ("mbarrier.test_wait", "9.7.13.15.16"),
        &[concat!("mbarrier.{test_wait|try_wait}[.{acquire|relaxed}][.{cta|cluster}]", shared!(), ".b64")],
        "p, [a], state[, time]",
        "whether the phase of state is over; try_wait does not suspend here",
        test,
    ),
    row(
        Synchronize,
        ("mbarrier.test_wait.parity", "9.7.13.15.16"),
        &[concat!(
            "mbarrier.{test_wait|try_wait}.parity[.{acquire|relaxed}][.{cta|cluster}]",
            shared!(),
            ".b64"
        )],
        "p, [a], parity[, time]",
        "whether the phase of the parity is over",
        test,
    ),
    row(
        Synchronize,
        ("mbarrier.pending_count", "9.7.13.15.17"),
        &["mbarrier.pending_count.b64"],
        "d, state",
        "arrivals that were missing when state was taken",
        pending_count,
    ),
];

const U32: Type = Type { class: Class::Unsigned, bits: 32 };
const B64: Type = Type { class: Class::Bits, bits: 64 };

fn at(b: &Builder<'_>, index: usize) -> Result<Address, String> {
    let shared = b.words.pick(&["shared", "shared::cta", "shared::cluster"]).is_some();
    let (_, address) = b.address(index, if shared { Space::Shared } else { Space::Generic })?;
    Ok(address)
}

fn init(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    Ok(Op::Mbarrier(Mbarrier::Init { at: at(b, 0)?, count: b.source(1, U32)? }))
}

fn inval(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Mbarrier(Mbarrier::Invalidate { at: at(b, 0)? }))
}

fn expect(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    Ok(Op::Mbarrier(Mbarrier::ExpectTransactions { at: at(b, 0)?, bytes: b.source(1, U32)? }))
}

fn complete(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    Ok(Op::Mbarrier(Mbarrier::CompleteTransactions { at: at(b, 0)?, bytes: b.source(1, U32)? }))
}

/// Forms without a state begin with the address.
fn skip_state(b: &Builder<'_>) -> Result<(usize, Option<crate::code::RegisterId>), String> {
    match b.operand(0)? {
        Operand::Address { .. } => Ok((0, None)),
        operand => Ok((1, b.optional_destination(operand, B64)?)),
    }
}

fn arrive(b: &mut Builder<'_>) -> Made {
    let (first, state) = skip_state(b)?;
    b.expect(first + 1..=first + 2)?;
    let count = if b.count() == first + 2 { b.source(first + 1, U32)? } else { Source::value(1) };
    let drop = b.words.has("arrive_drop");
    Ok(Op::Mbarrier(Mbarrier::Arrive { at: at(b, first)?, count, expect: None, drop, state }))
}

fn arrive_expect(b: &mut Builder<'_>) -> Made {
    let (first, state) = skip_state(b)?;
    b.expect(first + 2..=first + 2)?;
    let expect = Some(b.source(first + 1, U32)?);
    Ok(Op::Mbarrier(Mbarrier::Arrive {
        at: at(b, first)?,
        count: Source::value(1),
        expect,
        drop: false,
        state,
    }))
}

fn test(b: &mut Builder<'_>) -> Made {
    b.expect(3..=4)?;
    let parity = b.words.has("parity");
    Ok(Op::Mbarrier(Mbarrier::Test {
        at: at(b, 1)?,
        phase: b.source(2, if parity { U32 } else { B64 })?,
        parity,
        done: b.destination(0, Type::PRED)?,
    }))
}

fn pending_count(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    Ok(Op::Mbarrier(Mbarrier::PendingCount { state: b.source(1, B64)?, output: b.destination(0, U32)? }))
}
