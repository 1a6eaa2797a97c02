//! `cp.async`: ISA 9.7.9.25.3.
//!
//! A copy checks its addresses when it is issued and marks its destination as pending; the bytes land when the
//! thread waits for its group, no earlier. Whoever touches the destination before that is at fault.

use std::collections::VecDeque;

use super::access::{aligned, check_written};
use super::block::{Core, Launch};
use super::bulk::{self, BulkStore, InFlight, Landing};
use super::operand::{addresses, copy, each};
use super::warp::Warp;
use crate::code::{Address, Async, Lanes, Source};
use crate::decode::SHARED_WINDOW;
use crate::fault::{FaultKind, Trouble};
use crate::memory::shadow::Touch;

/// What a thread has issued and not yet waited for.
#[derive(Default)]
pub(super) struct ThreadCopies {
    open: Vec<Copy>,
    groups: VecDeque<Vec<Copy>>,
    pub(super) bulk_open: Vec<BulkStore>,
    pub(super) bulk_groups: VecDeque<Vec<BulkStore>>,
}

#[derive(Clone, Debug)]
pub(super) struct Copy {
    to: u64,
    from: u64,
    bytes: u32,
    /// Bytes read; zeros follow.
    read: u32,
}

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    operation: &Async,
    active: u32,
) -> Result<(), Trouble> {
    let first = warp.first_thread();
    match operation {
        Async::Copy { to, from, bytes, source_bytes, ignore } => {
            issue(launch, core, warp, (to, from), *bytes, (source_bytes.as_ref(), ignore.as_ref()), active)
        }
        Async::Commit => {
            for thread in threads(first, active) {
                if let Some(copies) = core.copies.get_mut(thread as usize) {
                    let group = std::mem::take(&mut copies.open);
                    copies.groups.push_back(group);
                }
            }
            Ok(())
        }
        Async::Wait(pending) => wait(launch, core, first, active, Some(*pending as usize)),
        Async::WaitAll => wait(launch, core, first, active, None),
        Async::Arrive { barrier, increments } => arrive(launch, core, warp, barrier, *increments, active),
        Async::Bulk { .. } | Async::Tensor { .. } | Async::BulkCommit | Async::BulkWait { .. } => {
            bulk::run(launch, core, warp, operation, active)
        }
    }
}

pub(super) fn threads(first: u32, active: u32) -> impl Iterator<Item = u32> {
    each(active).map(move |lane| first + lane as u32)
}

/// Generic addresses of shared memory are taken, too.
pub(super) fn shared_address(address: u64) -> u64 {
    if address >= SHARED_WINDOW { address - SHARED_WINDOW } else { address }
}

fn issue(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    (to, from): (&Address, &Address),
    bytes: u32,
    (source_bytes, ignore): (Option<&Source>, Option<&Source>),
    active: u32,
) -> Result<(), Trouble> {
    let to = addresses(launch, warp, to, active)?;
    let from = addresses(launch, warp, from, active)?;
    let mut reads: Lanes = [u64::from(bytes); 32];
    if let Some(source) = source_bytes {
        reads = copy(launch, core, warp, source, active)?;
    }
    if let Some(source) = ignore {
        let ignored = copy(launch, core, warp, source, active)?;
        reads.iter_mut().zip(ignored).for_each(|(read, ignored)| *read *= 1 - ignored);
    }
    let pick = |lanes: &Lanes, lane: usize| lanes.get(lane).copied().unwrap_or(0);
    let read_from = each(active).filter(|lane| pick(&reads, *lane) > 0).map(|lane| pick(&from, lane));
    core.counters.global_loads.global(read_from, u64::from(bytes));
    for lane in each(active) {
        let (to, from, read) = (shared_address(pick(&to, lane)), pick(&from, lane), pick(&reads, lane));
        let mut one = || -> Result<(), Trouble> {
            if read > u64::from(bytes) {
                let detail = format!("src-size {read} is more than the {bytes} bytes copied");
                return Err(Trouble::new(FaultKind::Undefined, detail));
            }
            aligned(to, u64::from(bytes))?;
            aligned(from, u64::from(bytes))?;
            if read > 0 {
                let allocation = launch.memory.find(from, read)?;
                allocation.touch(launch.memory, from, read as u32, Touch::Read, &core.view)?;
            }
            core.shared.set_pending(to, u64::from(bytes), true)
        };
        one().map_err(|trouble| trouble.lane(lane))?;
        if let Some(copies) = core.copies.get_mut(warp.first_thread() as usize + lane) {
            copies.open.push(Copy { to, from, bytes, read: read as u32 });
        }
    }
    Ok(())
}

/// Lands all groups but the last `keep`; `None` lands what is in no group, too.
fn wait(
    launch: &Launch<'_>,
    core: &mut Core,
    first: u32,
    active: u32,
    keep: Option<usize>,
) -> Result<(), Trouble> {
    for thread in threads(first, active) {
        bulk::land_copies_of(launch, core, thread)?;
        let mut landed = Vec::new();
        if let Some(copies) = core.copies.get_mut(thread as usize) {
            while copies.groups.len() > keep.unwrap_or(0) {
                landed.extend(copies.groups.pop_front().unwrap_or_default());
            }
            if keep.is_none() {
                landed.append(&mut copies.open);
            }
        }
        for copy in &landed {
            land(launch, core, thread, copy).map_err(|trouble| trouble.thread(thread))?;
        }
    }
    Ok(())
}

pub(super) fn land(launch: &Launch<'_>, core: &mut Core, thread: u32, copy: &Copy) -> Result<(), Trouble> {
    let mut bytes = vec![0; copy.bytes as usize];
    if copy.read > 0 {
        let allocation = launch.memory.find(copy.from, u64::from(copy.read))?;
        check_written(allocation, copy.from, copy.read)?;
        allocation.copy_out(copy.from, bytes.get_mut(..copy.read as usize).unwrap_or_default());
    }
    core.shared.set_pending(copy.to, u64::from(copy.bytes), false)?;
    core.as_thread(thread, false, |shared, actor| shared.write(copy.to, &bytes, actor))
}

/// `cp.async.mbarrier.arrive`: the thread's copies land some time later, and then arrive.
fn arrive(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    barrier: &Address,
    increments: bool,
    active: u32,
) -> Result<(), Trouble> {
    let barriers = addresses(launch, warp, barrier, active)?;
    for lane in each(active) {
        let thread = warp.first_thread() + lane as u32;
        let barrier = shared_address(barriers.get(lane).copied().unwrap_or(0));
        if increments {
            core.mbarriers.add_pending(barrier).map_err(|trouble| trouble.lane(lane))?;
        }
        let mut copies = Vec::new();
        if let Some(own) = core.copies.get_mut(thread as usize) {
            copies.extend(own.groups.drain(..).flatten());
            copies.append(&mut own.open);
        }
        let item = InFlight::new(core, thread, Landing::Copies { copies, barrier });
        core.in_flight.push(item);
    }
    Ok(())
}
