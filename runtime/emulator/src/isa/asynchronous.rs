//! Asynchronous copies: ISA 9.7.9.25.

use super::Kind::Async as Copies;
use super::{Entry, row};
use crate::code::{Address, Async, Direction, Op};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Operand, Space, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Copies,
        ("cp.async", "9.7.9.25.3.1"),
        &["cp.async.{ca|cg}.{shared|shared::cta}.global[.{L2::cache_hint}][.{L2::64B|L2::128B|L2::256B}]"],
        "[dst], [src], size[, src-size][, policy]",
        "copies 4, 8 or 16 bytes to shared memory, zero-filled beyond src-size (or all, by a predicate); lands when waited for",
        copy,
    ),
    row(
        Copies,
        ("cp.async.commit_group", "9.7.9.25.3.2"),
        &["cp.async.commit_group"],
        "",
        "makes a group of the thread's copies so far",
        commit,
    ),
    row(
        Copies,
        ("cp.async.wait_group", "9.7.9.25.3.3"),
        &["cp.async.wait_group"],
        "n",
        "waits until at most n groups of the thread are pending",
        wait_group,
    ),
    row(
        Copies,
        ("cp.async.wait_all", "9.7.9.25.3.3"),
        &["cp.async.wait_all"],
        "",
        "waits for all copies of the thread",
        wait_all,
    ),
    row(
        Copies,
        ("cp.async.mbarrier.arrive", "9.7.13.15.15"),
        &["cp.async.mbarrier.arrive[.noinc][.{shared|shared::cta}].b64"],
        "[a]",
        "arrives at a when the thread's copies so far have landed",
        arrive,
    ),
    row(
        Copies,
        ("cp.async.bulk.load", "9.7.9.25.4.1"),
        &[
            "cp.async.bulk.{shared::cta|shared::cluster}.global.mbarrier::complete_tx::bytes[.{L2::cache_hint}]",
        ],
        "[dst], [src], size, [mbar][, policy]",
        "global to shared memory; completes transactions at an mbarrier",
        bulk_load,
    ),
    row(
        Copies,
        ("cp.async.bulk.store", "9.7.9.25.4.1"),
        &["cp.async.bulk.global.shared::cta.bulk_group[.{L2::cache_hint}]"],
        "[dst], [src], size[, policy]",
        "shared to global memory, in a bulk group",
        bulk_store,
    ),
    row(
        Copies,
        ("cp.async.bulk.tensor.load", "9.7.9.25.5.2"),
        &[
            "cp.async.bulk.tensor.{1d|2d|3d|4d|5d}.{shared::cta|shared::cluster}.global[.tile].mbarrier::complete_tx::bytes[.{L2::cache_hint}]",
        ],
        "[dst], [map, {c..}], [mbar][, policy]",
        "a box of a tensor to shared memory; zero outside the tensor",
        tensor_load,
    ),
    row(
        Copies,
        ("cp.async.bulk.tensor.store", "9.7.9.25.5.2"),
        &["cp.async.bulk.tensor.{1d|2d|3d|4d|5d}.global.shared::cta[.tile].bulk_group[.{L2::cache_hint}]"],
        "[map, {c..}], [src][, policy]",
        "a box from shared memory to a tensor; what lies outside is dropped",
        tensor_store,
    ),
    row(
        Copies,
        ("cp.async.bulk.commit_group", "9.7.9.25.6.1"),
        &["cp.async.bulk.commit_group"],
        "",
        "makes a bulk group of the thread's copies so far",
        bulk_commit,
    ),
    row(
        Copies,
        ("cp.async.bulk.wait_group", "9.7.9.25.6.2"),
        &["cp.async.bulk.wait_group[.read]"],
        "n",
        "waits until at most n bulk groups of the thread are pending",
        bulk_wait,
    ),
];

const U32: Type = Type { class: Class::Unsigned, bits: 32 };

fn only(pair: (Space, Address)) -> Address {
    pair.1
}

fn policy(b: &Builder<'_>) -> usize {
    usize::from(b.words.has("L2::cache_hint"))
}

fn copy(b: &mut Builder<'_>) -> Made {
    let policy = policy(b);
    b.expect(3 + policy..=4 + policy)?;
    let bytes = b.immediate(2, 4..=16)? as u32;
    if !matches!(bytes, 4 | 8 | 16) || (b.words.has("cg") && bytes != 16) {
        return Err(format!("{bytes} bytes cannot be copied, .ca takes 4, 8 or 16 and .cg takes 16"));
    }
    let (mut source_bytes, mut ignore) = (None, None);
    if b.count() == 4 + policy {
        match b.source(3, Type::PRED) {
            Ok(predicate) if !matches!(b.operand(3)?, Operand::Integer(_)) => ignore = Some(predicate),
            _ => source_bytes = Some(b.source(3, U32)?),
        }
    }
    let (to, from) = (only(b.address(0, Space::Shared)?), only(b.address(1, Space::Global)?));
    Ok(Op::Async(Async::Copy { to, from, bytes, source_bytes, ignore }))
}

fn commit(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Async(Async::Commit))
}

fn wait_group(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Async(Async::Wait(b.immediate(0, 0..=i128::from(u32::MAX))? as u32)))
}

fn wait_all(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Async(Async::WaitAll))
}

fn arrive(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    let barrier = only(b.address(0, Space::Shared)?);
    Ok(Op::Async(Async::Arrive { barrier, increments: !b.words.has("noinc") }))
}

fn bulk_load(b: &mut Builder<'_>) -> Made {
    let count = 4 + policy(b);
    b.expect(count..=count)?;
    Ok(Op::Async(Async::Bulk {
        to: only(b.address(0, Space::Shared)?),
        from: only(b.address(1, Space::Global)?),
        bytes: b.source(2, U32)?,
        direction: Direction::ToShared { barrier: only(b.address(3, Space::Shared)?) },
    }))
}

fn bulk_store(b: &mut Builder<'_>) -> Made {
    let count = 3 + policy(b);
    b.expect(count..=count)?;
    Ok(Op::Async(Async::Bulk {
        to: only(b.address(0, Space::Global)?),
        from: only(b.address(1, Space::Shared)?),
        bytes: b.source(2, U32)?,
        direction: Direction::ToGlobal,
    }))
}

/// `[map, {c0, c1}]`: the address of the tensor map and as many coordinates as dimensions.
fn tensor(b: &Builder<'_>, index: usize) -> Result<(Address, Vec<crate::code::Source>), String> {
    let dimensions = match b.words.pick(&["1d", "2d", "3d", "4d", "5d"]) {
        Some("1d") => 1,
        Some("2d") => 2,
        Some("3d") => 3,
        Some("4d") => 4,
        _ => 5,
    };
    let Operand::AddressList(items) = b.operand(index)? else {
        return Err("expected [map, {coordinates}]".into());
    };
    let [map, Operand::Vector(coordinates)] = items.as_slice() else {
        return Err("expected [map, {coordinates}]".into());
    };
    if coordinates.len() != dimensions {
        return Err(format!("expected {dimensions} coordinates, found {}", coordinates.len()));
    }
    let s32 = Type { class: Class::Signed, bits: 32 };
    let coordinates =
        coordinates.iter().map(|coordinate| b.source_of(coordinate, s32, false)).collect::<Result<_, _>>()?;
    Ok((only(b.address_of(map, Space::Generic)?), coordinates))
}

fn tensor_load(b: &mut Builder<'_>) -> Made {
    let count = 3 + policy(b);
    b.expect(count..=count)?;
    let (map, coordinates) = tensor(b, 1)?;
    let shared = only(b.address(0, Space::Shared)?);
    let direction = Direction::ToShared { barrier: only(b.address(2, Space::Shared)?) };
    Ok(Op::Async(Async::Tensor { shared, map, coordinates, direction }))
}

fn tensor_store(b: &mut Builder<'_>) -> Made {
    let count = 2 + policy(b);
    b.expect(count..=count)?;
    let (map, coordinates) = tensor(b, 0)?;
    let shared = only(b.address(1, Space::Shared)?);
    Ok(Op::Async(Async::Tensor { shared, map, coordinates, direction: Direction::ToGlobal }))
}

fn bulk_commit(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Async(Async::BulkCommit))
}

fn bulk_wait(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    let pending = b.immediate(0, 0..=i128::from(u32::MAX))? as u32;
    Ok(Op::Async(Async::BulkWait { pending }))
}
