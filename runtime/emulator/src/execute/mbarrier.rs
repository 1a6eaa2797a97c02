//! mbarrier objects: ISA 9.7.13.15.
//!
//! A phase is over when all expected arrivals and all expected bytes have come; the next one begins at once. The
//! object's bytes in shared memory are opaque: reading them is reading what nothing wrote.

use std::collections::HashMap;

use super::block::{Core, Launch};
use super::copies::shared_address;
use super::operand::{addresses, copy, each};
use super::warp::Warp;
use crate::code::Mbarrier as Operation;
use crate::fault::{FaultKind, Trouble};
use crate::memory::clock::Clock;

/// Arrival counts are 1 to 2^20 - 1 (9.7.13.15.2).
const MOST_ARRIVALS: u64 = (1 << 20) - 1;

#[derive(Default)]
pub(super) struct Mbarriers(HashMap<u64, Object>);

struct Object {
    expected: u32,
    pending: u32,
    transactions: i64,
    phase: u32,
    /// What arrivals of the current phase have released.
    gathering: Clock,
    /// What completed phases have.
    complete: Clock,
}

impl Object {
    fn settle(&mut self) {
        if self.pending == 0 && self.transactions == 0 {
            self.phase = self.phase.wrapping_add(1);
            self.pending = self.expected;
            let gathered = self.gathering.clone();
            self.complete.join(&gathered);
        }
    }
}

impl Mbarriers {
    fn object(&mut self, at: u64) -> Result<&mut Object, Trouble> {
        self.0.get_mut(&at).ok_or_else(|| {
            Trouble::new(FaultKind::Mbarrier, "there is no mbarrier at this address")
                .address(at)
                .allocation("shared memory")
        })
    }

    /// One more arrival in the current phase, as `cp.async.mbarrier.arrive` without `.noinc` asks for.
    pub(super) fn add_pending(&mut self, at: u64) -> Result<(), Trouble> {
        self.object(at)?.pending += 1;
        Ok(())
    }

    pub(super) fn arrive(&mut self, at: u64, count: u32, released: &Clock) -> Result<(), Trouble> {
        let object = self.object(at)?;
        if count > object.pending {
            let detail = format!("{count} arrivals at an mbarrier whose phase waits for {}", object.pending);
            return Err(Trouble::new(FaultKind::Mbarrier, detail).address(at).allocation("shared memory"));
        }
        object.pending -= count;
        object.gathering.join(released);
        object.settle();
        Ok(())
    }

    pub(super) fn complete(&mut self, at: u64, bytes: u64, released: &Clock) -> Result<(), Trouble> {
        let object = self.object(at)?;
        object.transactions -= bytes as i64;
        object.gathering.join(released);
        object.settle();
        Ok(())
    }
}

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    operation: &Operation,
    active: u32,
) -> Result<(), Trouble> {
    let member = warp.index as usize;
    if let Operation::PendingCount { state, output } = operation {
        let states = copy(launch, core, warp, state, active)?;
        warp.set(*output, active, &states.map(|state| state & 0xffff_ffff));
        return Ok(());
    }
    let (at, value) = match operation {
        Operation::Init { at, count } => (at, Some(count)),
        Operation::ExpectTransactions { at, bytes } | Operation::CompleteTransactions { at, bytes } => {
            (at, Some(bytes))
        }
        Operation::Arrive { at, count, .. } => (at, Some(count)),
        Operation::Test { at, phase, .. } => (at, Some(phase)),
        Operation::Invalidate { at } => (at, None),
        Operation::PendingCount { .. } => return Ok(()),
    };
    let places = addresses(launch, warp, at, active)?;
    let values = match value {
        Some(value) => copy(launch, core, warp, value, active)?,
        None => [0; 32],
    };
    let extra = match operation {
        Operation::Arrive { expect: Some(bytes), .. } => Some(copy(launch, core, warp, bytes, active)?),
        _ => None,
    };
    let mut results = [0; 32];
    for lane in each(active) {
        let at = shared_address(places.get(lane).copied().unwrap_or(0));
        let value = values.get(lane).copied().unwrap_or(0);
        let expect = extra.and_then(|bytes| bytes.get(lane).copied());
        let result = one(core, operation, at, value, expect, member).map_err(|trouble| trouble.lane(lane))?;
        if let Some(to) = results.get_mut(lane) {
            *to = result;
        }
    }
    let output = match operation {
        Operation::Arrive { state, .. } => *state,
        Operation::Test { done, .. } => Some(*done),
        _ => None,
    };
    if let Some(register) = output {
        warp.set(register, active, &results);
    }
    Ok(())
}

/// One lane's operation; the result is a state, or whether a phase is over.
fn one(
    core: &mut Core,
    operation: &Operation,
    at: u64,
    value: u64,
    expect: Option<u64>,
    member: usize,
) -> Result<u64, Trouble> {
    super::access::aligned(at, 8)?;
    match operation {
        Operation::Init { .. } => {
            if value == 0 || value > MOST_ARRIVALS {
                let detail = format!("an mbarrier for {value} arrivals: expected 1 to {MOST_ARRIVALS}");
                return Err(Trouble::new(FaultKind::Mbarrier, detail).address(at));
            }
            core.shared.forget(at, 8)?;
            let empty = core.clocks.release(member);
            let object = Object {
                expected: value as u32,
                pending: value as u32,
                transactions: 0,
                phase: 0,
                gathering: empty.clone(),
                complete: empty,
            };
            core.mbarriers.0.insert(at, object);
            Ok(0)
        }
        Operation::Invalidate { .. } => {
            core.mbarriers.object(at)?;
            core.mbarriers.0.remove(&at);
            Ok(0)
        }
        Operation::ExpectTransactions { .. } => {
            core.mbarriers.object(at)?.transactions += value as i64;
            Ok(0)
        }
        Operation::CompleteTransactions { .. } => {
            let released = core.clocks.release(member);
            core.mbarriers.complete(at, value, &released)?;
            Ok(0)
        }
        Operation::Arrive { drop, .. } => {
            let released = core.clocks.release(member);
            let object = core.mbarriers.object(at)?;
            object.transactions += expect.unwrap_or(0) as i64;
            let state = u64::from(object.phase) << 32 | u64::from(object.pending);
            if *drop {
                object.expected = object.expected.saturating_sub(value as u32);
            }
            core.mbarriers.arrive(at, value as u32, &released)?;
            Ok(state)
        }
        Operation::Test { parity, .. } => {
            let object = core.mbarriers.object(at)?;
            // By parity only the current phase and the one before it can be told apart (9.7.13.15.16).
            let over = if *parity {
                u64::from(object.phase & 1) != value & 1
            } else {
                u64::from(object.phase) > value >> 32
            };
            if over {
                let complete = object.complete.clone();
                core.clocks.acquire(member, &complete);
            }
            Ok(u64::from(over))
        }
        Operation::PendingCount { .. } => Ok(0),
    }
}
