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
/// The cluster's barrier, among the block's.
const CLUSTER: u32 = COUNT as u32;

/// The barrier of a cluster of one block: its phases, and the phase that each thread has arrived in.
#[derive(Default)]
pub(super) struct ClusterBarrier {
    phase: u32,
    arrived: u32,
    clock: Option<Clock>,
    complete: Option<Clock>,
    /// By thread: the phase it waits for next, plus one.
    joined: Vec<u32>,
}

impl ClusterBarrier {
    /// Threads of a warp arrive; the last one begins the next phase.
    pub(super) fn arrive(
        launch: &Launch<'_>,
        core: &mut Core,
        warp: &Warp,
        mask: u32,
    ) -> Result<(), Trouble> {
        let released = core.clocks.release(warp.index as usize);
        core.counters.barriers += 1;
        let cluster = &mut core.cluster;
        cluster.joined.resize(launch.threads() as usize, 0);
        for lane in each(mask) {
            let Some(joined) = cluster.joined.get_mut(warp.first_thread() as usize + lane) else { continue };
            if *joined != 0 {
                let detail = "the thread arrives twice at the cluster's barrier without waiting";
                return Err(Trouble::new(FaultKind::Barrier, detail).lane(lane));
            }
            *joined = cluster.phase + 1;
        }
        match &mut cluster.clock {
            Some(clock) => clock.join(&released),
            None => cluster.clock = Some(released),
        }
        cluster.arrived += mask.count_ones();
        if cluster.arrived == launch.threads() {
            cluster.arrived = 0;
            cluster.phase += 1;
            cluster.complete = cluster.clock.take();
            if let Some(clock) = cluster.complete.clone() {
                core.barriers.released.push(Released { id: CLUSTER, clock, value: 0, results: Vec::new() });
            }
        }
        Ok(())
    }

    /// Whether the threads may go on; else they wait.
    pub(super) fn wait(core: &mut Core, warp: &mut Warp, mask: u32) -> Result<bool, Trouble> {
        let mut over = true;
        for lane in each(mask) {
            let joined = core.cluster.joined.get_mut(warp.first_thread() as usize + lane);
            match joined {
                Some(joined) if *joined != 0 => {
                    over &= *joined <= core.cluster.phase;
                    *joined = 0;
                }
                Some(_) | None => {
                    let detail = "the thread waits at the cluster's barrier without having arrived";
                    return Err(Trouble::new(FaultKind::Barrier, detail).lane(lane));
                }
            }
        }
        if over {
            if let Some(complete) = &core.cluster.complete {
                core.clocks.acquire(warp.index as usize, complete);
            }
        } else if let Some(split) = warp.split_mut() {
            split.state = State::AtBarrier { id: CLUSTER };
        }
        Ok(over)
    }
}

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
    fn progress(&self, id: u32) -> (u32, u32) {
        self.active
            .iter()
            .find(|active| active.id == id)
            .map_or((0, 0), |active| (active.arrived, active.expected))
    }
}

impl Core {
    /// The barrier's name, and threads that have arrived and that are expected.
    pub(super) fn barrier_progress(&self, launch: &Launch<'_>, id: u32) -> (String, u32, u32) {
        if id == CLUSTER {
            return ("the cluster's barrier".into(), self.cluster.arrived, launch.threads());
        }
        let (arrived, expected) = self.barriers.progress(id);
        (format!("barrier {id}"), arrived, expected)
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
