//! Barriers of a block: ISA 9.7.13.1.
//!
//! Warps arrive one by one; the last one releases all that wait, hands the reduction's result out and joins what all
//! have written before.

use super::block::{Core, Launch};
use super::operand::{copy, each, uniform};
use super::warp::{State, Warp};
use crate::code::{BarrierUse, RegisterId, Source};
use crate::fault::{FaultKind, Trouble};
use crate::memory::clock::Clock;

/// Barriers that a block has.
const COUNT: u64 = 16;

#[derive(Default)]
pub(super) struct Barriers {
    active: Vec<Active>,
    released: Vec<Released>,
}

struct Active {
    id: u32,
    expected: u32,
    arrived: u32,
    counted: bool,
    usage: Option<BarrierUse>,
    clock: Clock,
    /// Of the reduction: how many predicates were true.
    trues: u32,
    results: Vec<(u32, RegisterId, u32)>,
}

pub(super) struct Released {
    pub(super) id: u32,
    pub(super) clock: Clock,
    pub(super) value: u64,
    /// Warp, register and lanes that get the value.
    pub(super) results: Vec<(u32, RegisterId, u32)>,
}

impl Barriers {
    pub(super) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    pub(super) fn take_released(&mut self) -> Vec<Released> {
        std::mem::take(&mut self.released)
    }

    /// Threads that have arrived and that are expected.
    pub(super) fn progress(&self, id: u32) -> (u32, u32) {
        self.active
            .iter()
            .find(|active| active.id == id)
            .map_or((0, 0), |active| (active.arrived, active.expected))
    }
}

/// Operands of a barrier instruction.
pub(super) struct Arrival<'a> {
    pub(super) id: &'a Source,
    pub(super) threads: Option<&'a Source>,
    pub(super) usage: BarrierUse,
    pub(super) predicate: Option<&'a Source>,
    pub(super) output: Option<RegisterId>,
    pub(super) aligned: bool,
}

/// The current split arrives; says whether it may go on at once.
pub(super) fn arrive(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    mask: u32,
    arrival: &Arrival<'_>,
) -> Result<bool, Trouble> {
    let id = uniform(launch, core, warp, arrival.id, mask, "the barrier")?;
    if id >= COUNT {
        return Err(Trouble::new(FaultKind::Undefined, format!("there is no barrier {id}, a block has 16")));
    }
    let id = id as u32;
    let threads = match arrival.threads {
        None => None,
        Some(source) => {
            let threads = uniform(launch, core, warp, source, mask, "the barrier's threads")?;
            if threads == 0 || threads % 32 != 0 || threads > u64::from(launch.threads().next_multiple_of(32))
            {
                let detail = format!(
                    "a barrier of {threads} threads: expected a multiple of 32 up to the block's threads"
                );
                return Err(Trouble::new(FaultKind::Undefined, detail));
            }
            Some(threads as u32)
        }
    };
    let trues = match arrival.predicate {
        None => 0,
        Some(source) => {
            let lanes = copy(launch, core, warp, source, mask)?;
            each(mask).filter(|lane| lanes.get(*lane) == Some(&1)).count() as u32
        }
    };
    core.counters.barriers += 1;
    // A barrier without a count is for all threads of the block, also for those that have exited.
    let expected = threads.unwrap_or_else(|| launch.threads());
    let warp_size = if threads.is_some() && mask == warp.live { 32 } else { mask.count_ones() };
    let clock = core.clocks.release(warp.index as usize);
    let position = core.barriers.active.iter().position(|active| active.id == id).unwrap_or_else(|| {
        core.barriers.active.push(Active {
            id,
            expected,
            arrived: 0,
            counted: threads.is_some(),
            usage: None,
            clock: clock.clone(),
            trues: 0,
            results: Vec::new(),
        });
        core.barriers.active.len() - 1
    });
    let Some(active) = core.barriers.active.get_mut(position) else { return Ok(true) };
    if active.expected != expected || active.counted != threads.is_some() {
        let detail = format!("barrier {id} is used for {} threads and for {expected}", active.expected);
        return Err(Trouble::new(FaultKind::Barrier, detail));
    }
    let reduces = |usage: BarrierUse| !matches!(usage, BarrierUse::Sync | BarrierUse::Arrive);
    if active.usage.is_some_and(|usage| (reduces(usage) || reduces(arrival.usage)) && usage != arrival.usage)
    {
        return Err(Trouble::new(
            FaultKind::Barrier,
            format!("barrier {id} is used for different operations"),
        ));
    }
    active.usage.get_or_insert(arrival.usage);
    active.arrived += warp_size;
    active.trues += trues;
    active.clock.join(&clock);
    if let Some(output) = arrival.output {
        active.results.push((warp.index, output, mask));
    }
    if active.arrived > active.expected {
        let detail = format!("{} threads arrive at barrier {id}, which is for {expected}", active.arrived);
        return Err(Trouble::new(FaultKind::Barrier, detail));
    }
    let waits = arrival.usage != BarrierUse::Arrive;
    if waits && let Some(split) = warp.split_mut() {
        split.state = State::AtBarrier { id };
    }
    let complete = active.arrived == active.expected;
    if complete {
        let active = core.barriers.active.swap_remove(position);
        let total = active.expected;
        let value = match arrival.usage {
            BarrierUse::Popc => u64::from(active.trues),
            BarrierUse::And => u64::from(active.trues == total),
            BarrierUse::Or => u64::from(active.trues > 0),
            BarrierUse::Sync | BarrierUse::Arrive => 0,
        };
        core.barriers.released.push(Released { id, clock: active.clock, value, results: active.results });
    }
    Ok(!waits)
}

/// Lanes that must stand at the barrier instruction together: all of the warp that still run.
pub(super) fn required(warp: &Warp, arrival: &Arrival<'_>, mask: u32) -> u32 {
    if arrival.aligned { warp.live } else { mask }
}
