//! Barriers, fences and communication inside a warp: ISA 9.7.13, and `shfl.sync` of 9.7.9.6.

use super::Kind::Synchronize as Group;
use super::{Entry, row};
use crate::code::{BarrierUse, Combine, Op, Shuffle, Synchronize, Vote, signed};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Group,
        ("shfl.sync", "9.7.9.6"),
        &["shfl.sync.{up|down|bfly|idx}.b32"],
        "d[|p], a, b, c, membermask",
        "a of another lane; reading a lane that takes no part is a fault",
        shfl,
    ),
    row(
        Group,
        ("bar.sync", "9.7.13.1"),
        &["bar[.cta].sync", "barrier[.cta].sync[.aligned]"],
        "a[, b]",
        "waits until all threads, or b of them, have arrived at barrier a",
        barrier_sync,
    ),
    row(
        Group,
        ("bar.arrive", "9.7.13.1"),
        &["bar[.cta].arrive", "barrier[.cta].arrive[.aligned]"],
        "a, b",
        "arrives without waiting",
        barrier_arrive,
    ),
    row(
        Group,
        ("bar.red", "9.7.13.1"),
        &[
            "bar[.cta].red.popc.u32",
            "bar[.cta].red.{and|or}.pred",
            "barrier[.cta].red.popc[.aligned].u32",
            "barrier[.cta].red.{and|or}[.aligned].pred",
        ],
        "d, a[, b], [!]c",
        "waits, and reduces a predicate over the threads",
        barrier_red,
    ),
    row(
        Group,
        ("bar.warp.sync", "9.7.13.2"),
        &["bar.warp.sync"],
        "membermask",
        "waits for the lanes named, and orders their memory accesses",
        warp_sync,
    ),
    row(
        Group,
        ("barrier.cluster.arrive", "9.7.13.3"),
        &["barrier.cluster.arrive[.{release|relaxed}][.aligned]"],
        "",
        "arrives at the cluster's barrier, which is the block's here: clusters have one block",
        cluster_arrive,
    ),
    row(
        Group,
        ("barrier.cluster.wait", "9.7.13.3"),
        &["barrier.cluster.wait[.acquire][.aligned]"],
        "",
        "waits until all threads of the cluster have arrived",
        cluster_wait,
    ),
    row(
        Group,
        ("membar", "9.7.13.4"),
        &["membar.{cta|gl|sys}"],
        "",
        "orders the memory accesses of the thread",
        fence,
    ),
    row(
        Group,
        ("fence", "9.7.13.4"),
        &["fence[.{sc|acq_rel|acquire|release}].{cta|cluster|gpu|sys}"],
        "",
        "orders the memory accesses of the thread",
        fence,
    ),
    row(
        Group,
        ("fence.proxy", "9.7.13.4"),
        &[
            "fence.proxy.{alias|async}",
            "fence.proxy.async.{global|shared::cta|shared::cluster}",
            "fence.mbarrier_init.release.cluster",
        ],
        "",
        "orders the generic before the asynchronous proxy",
        proxy_fence,
    ),
    row(
        Group,
        ("vote.sync", "9.7.13.9"),
        &["vote.sync.{all|any|uni}.pred", "vote.sync.ballot.b32"],
        "d, [!]a, membermask",
        "a predicate over the lanes named",
        vote,
    ),
    row(
        Group,
        ("match.sync", "9.7.13.10"),
        &["match.any.sync.{b32|b64}", "match.all.sync.{b32|b64}"],
        "d[|p], a, membermask",
        "lanes with the same value, or all if all have",
        matching,
    ),
    row(
        Group,
        ("activemask", "9.7.13.11"),
        &["activemask.b32"],
        "d",
        "lanes that execute this together",
        activemask,
    ),
    row(
        Group,
        ("redux.sync", "9.7.13.12"),
        &["redux.sync.{add|min|max}.{u32|s32}", "redux.sync.{and|or|xor}.b32"],
        "d, a, membermask",
        "reduces over the lanes named",
        redux,
    ),
    row(
        Group,
        ("elect.sync", "9.7.13.14"),
        &["elect.sync"],
        "d|p, membermask",
        "elects one lane: the lowest",
        elect,
    ),
];

const B32: Type = Type { class: Class::Bits, bits: 32 };
const U32: Type = Type { class: Class::Unsigned, bits: 32 };

fn shfl(b: &mut Builder<'_>) -> Made {
    b.expect(5..=5)?;
    let mode = match b.words.pick(&["up", "down", "bfly", "idx"]) {
        Some("up") => Shuffle::Up,
        Some("down") => Shuffle::Down,
        Some("bfly") => Shuffle::Butterfly,
        _ => Shuffle::Index,
    };
    let (output, valid) = b.destination_pair(0, B32)?;
    Ok(Op::Sync(Synchronize::Shuffle {
        mode,
        value: b.source(1, B32)?,
        lane: b.source(2, B32)?,
        clamp: b.source(3, B32)?,
        mask: b.source(4, B32)?,
        output: output.ok_or("`_` cannot be the destination")?,
        valid,
    }))
}

/// `bar` is `barrier` with `.aligned` (9.7.13.1).
fn aligned(b: &Builder<'_>) -> bool {
    b.opcode() == "bar" || b.words.has("aligned")
}

fn barrier_sync(b: &mut Builder<'_>) -> Made {
    b.expect(1..=2)?;
    let threads = if b.count() == 2 { Some(b.source(1, U32)?) } else { None };
    Ok(Op::Sync(Synchronize::Barrier {
        id: b.source(0, U32)?,
        threads,
        usage: BarrierUse::Sync,
        predicate: None,
        output: None,
        aligned: aligned(b),
    }))
}

fn barrier_arrive(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    Ok(Op::Sync(Synchronize::Barrier {
        id: b.source(0, U32)?,
        threads: Some(b.source(1, U32)?),
        usage: BarrierUse::Arrive,
        predicate: None,
        output: None,
        aligned: aligned(b),
    }))
}

fn barrier_red(b: &mut Builder<'_>) -> Made {
    b.expect(3..=4)?;
    let (usage, ty) = match b.words.pick(&["popc", "and", "or"]) {
        Some("popc") => (BarrierUse::Popc, U32),
        Some("and") => (BarrierUse::And, Type::PRED),
        _ => (BarrierUse::Or, Type::PRED),
    };
    let last = b.count() - 1;
    let threads = if last == 3 { Some(b.source(2, U32)?) } else { None };
    Ok(Op::Sync(Synchronize::Barrier {
        id: b.source(1, U32)?,
        threads,
        usage,
        predicate: Some(b.source(last, Type::PRED)?),
        output: Some(b.destination(0, ty)?),
        aligned: aligned(b),
    }))
}

fn warp_sync(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Sync(Synchronize::Warp { mask: b.source(0, B32)? }))
}

fn cluster_arrive(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Sync(Synchronize::ClusterArrive { aligned: b.words.has("aligned") }))
}

fn cluster_wait(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Sync(Synchronize::ClusterWait { aligned: b.words.has("aligned") }))
}

fn fence(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Sync(Synchronize::Fence { global: b.words.pick(&["gl", "sys", "gpu"]).is_some() }))
}

fn proxy_fence(b: &mut Builder<'_>) -> Made {
    b.expect(0..=0)?;
    Ok(Op::Sync(Synchronize::ProxyFence))
}

fn vote(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let (mode, ty) = match b.words.pick(&["all", "any", "uni", "ballot"]) {
        Some("all") => (Vote::All, Type::PRED),
        Some("any") => (Vote::Any, Type::PRED),
        Some("uni") => (Vote::Uniform, Type::PRED),
        _ => (Vote::Ballot, B32),
    };
    Ok(Op::Sync(Synchronize::Vote {
        mode,
        predicate: b.source(1, Type::PRED)?,
        mask: b.source(2, B32)?,
        output: b.destination(0, ty)?,
    }))
}

fn matching(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let all = b.words.has("all");
    let (output, same) = b.destination_pair(0, B32)?;
    if same.is_some() && !all {
        return Err("only match.all has a predicate".into());
    }
    Ok(Op::Sync(Synchronize::Match {
        all,
        value: b.source(1, ty)?,
        mask: b.source(2, B32)?,
        output: output.ok_or("`_` cannot be the destination")?,
        same,
    }))
}

fn activemask(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    Ok(Op::Sync(Synchronize::ActiveMask { output: b.destination(0, B32)? }))
}

fn redux(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let is_signed = ty.class == Class::Signed;
    let combine: Combine = match b.words.pick(&["add", "min", "max", "and", "or", "xor"]) {
        Some("add") => |x, y| x.wrapping_add(y) & 0xffff_ffff,
        Some("min") if is_signed => |x, y| if signed(x, 32) <= signed(y, 32) { x } else { y },
        Some("max") if is_signed => |x, y| if signed(x, 32) >= signed(y, 32) { x } else { y },
        Some("min") => |x, y| x.min(y),
        Some("max") => |x, y| x.max(y),
        Some("and") => |x, y| x & y,
        Some("or") => |x, y| x | y,
        _ => |x, y| x ^ y,
    };
    let value = b.source(1, ty)?;
    Ok(Op::Sync(Synchronize::Reduce {
        combine,
        value,
        mask: b.source(2, B32)?,
        output: b.destination(0, ty)?,
    }))
}

fn elect(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let (leader, elected) = b.destination_pair(0, B32)?;
    Ok(Op::Sync(Synchronize::Elect {
        mask: b.source(1, B32)?,
        leader,
        elected: elected.ok_or("`elect.sync` needs a predicate: d|p")?,
    }))
}
