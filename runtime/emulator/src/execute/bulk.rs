//! Bulk copies: ISA 9.7.9.25.4 and, for boxes of tensors, 9.7.9.25.5.
//!
//! Loads land by themselves, at a time that the seed picks, and complete transactions at their mbarrier. Stores read
//! shared memory when their group is waited for, which is the latest that the ISA allows. The accesses are those of
//! the asynchronous proxy: ordered after what the issuing thread knew, before what the mbarrier's waiters do.

use super::access::{aligned, check_written, parameter, resolve};
use super::block::{Core, Launch};
use super::copies::{self, Copy, ThreadCopies, shared_address, threads};
use super::operand::{addresses, copy, each};
use super::warp::Warp;
use crate::code::{Address, Async, Direction, Source};
use crate::fault::{FaultKind, Trouble};
use crate::memory::clock::Clock;
use crate::memory::shadow::Touch;
use crate::memory::shared::{ASYNC_THREAD, Actor};
use crate::syntax::ast::Space;
use crate::tensor_map::TensorMap;

/// Bytes that lie one behind the other in both memories; without a global address they are zero.
#[derive(Clone, Debug)]
struct Segment {
    shared: u64,
    global: Option<u64>,
    bytes: u32,
}

/// An operation that completes by itself.
pub(super) struct InFlight {
    /// Turns of the block until it lands.
    delay: u64,
    thread: u32,
    clock: Clock,
    landing: Landing,
}

pub(super) enum Landing {
    /// The copies of `cp.async` in front of a `cp.async.mbarrier.arrive`.
    Copies {
        copies: Vec<Copy>,
        barrier: u64,
    },
    Load(Load),
}

pub(super) struct Load {
    segments: Vec<Segment>,
    barrier: u64,
    bytes: u64,
}

/// A copy to global memory that waits for its group.
pub(super) struct BulkStore {
    clock: Clock,
    segments: Vec<Segment>,
}

impl InFlight {
    pub(super) fn new(core: &mut Core, thread: u32, landing: Landing) -> Self {
        let clock = core.clocks.release(thread as usize / 32);
        Self { delay: core.random.below(16), thread, clock, landing }
    }
}

impl Core {
    /// Lands what is due; all of it, oldest first, where no warp can run.
    pub(super) fn land(&mut self, launch: &Launch<'_>, idle: bool) -> Result<(), Trouble> {
        let mut index = 0;
        while index < self.in_flight.len() {
            let due = self.in_flight.get_mut(index).is_some_and(|item| {
                item.delay = item.delay.saturating_sub(1);
                idle || item.delay == 0
            });
            if due {
                let item = self.in_flight.remove(index);
                land(launch, self, &item).map_err(|trouble| trouble.thread(item.thread))?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    /// Bulk stores that nobody waited for when the block ends.
    pub(super) fn unfinished_copies(&self) -> Option<Trouble> {
        let thread = self.copies.iter().position(has_stores)?;
        Some(not_waited_for(thread as u32))
    }
}

fn has_stores(copies: &ThreadCopies) -> bool {
    copies.bulk_groups.iter().chain([&copies.bulk_open]).any(|group| !group.is_empty())
}

fn not_waited_for(thread: u32) -> Trouble {
    Trouble::new(
        FaultKind::AsyncPending,
        "the thread exits before its bulk copies have read shared memory: wait for their group",
    )
    .thread(thread)
}

/// Shared memory goes away with the block, so bulk stores must have read it.
pub(super) fn check_exit(core: &Core, thread: u32) -> Result<(), Trouble> {
    match core.copies.get(thread as usize) {
        Some(copies) if has_stores(copies) => Err(not_waited_for(thread)),
        Some(_) | None => Ok(()),
    }
}

/// Lands the `cp.async` copies of a thread that are in flight.
pub(super) fn land_copies_of(launch: &Launch<'_>, core: &mut Core, thread: u32) -> Result<(), Trouble> {
    let mut index = 0;
    while index < core.in_flight.len() {
        let own = core
            .in_flight
            .get(index)
            .is_some_and(|item| item.thread == thread && matches!(item.landing, Landing::Copies { .. }));
        if own {
            let item = core.in_flight.remove(index);
            land(launch, core, &item)?;
        } else {
            index += 1;
        }
    }
    Ok(())
}

fn land(launch: &Launch<'_>, core: &mut Core, item: &InFlight) -> Result<(), Trouble> {
    match &item.landing {
        Landing::Copies { copies, barrier } => {
            for copy in copies {
                copies::land(launch, core, item.thread, copy)?;
            }
            let released = core.clocks.release(item.thread as usize / 32);
            core.mbarriers.arrive(*barrier, 1, &released)
        }
        Landing::Load(load) => {
            for segment in &load.segments {
                let mut bytes = vec![0; segment.bytes as usize];
                if let Some(global) = segment.global {
                    let allocation = launch.memory.find(global, u64::from(segment.bytes))?;
                    check_written(allocation, global, segment.bytes)?;
                    allocation.copy_out(global, &mut bytes);
                }
                core.shared.set_pending(segment.shared, u64::from(segment.bytes), false)?;
                as_proxy(core, &item.clock, |shared, actor| shared.write(segment.shared, &bytes, actor))?;
            }
            let member = core.clocks.async_member();
            let mut released = core.clocks.release(member);
            released.join(&item.clock);
            core.mbarriers.complete(load.barrier, load.bytes, &released)
        }
    }
}

/// Runs `f` as the asynchronous proxy, which knows what the issuing thread knew.
fn as_proxy(
    core: &mut Core,
    known: &Clock,
    f: impl FnOnce(&mut crate::memory::shared::SharedMemory, &Actor<'_>) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let member = core.clocks.async_member();
    let now = core.clocks.now(member);
    let actor = Actor { thread: ASYNC_THREAD, member: member as u16, now, known, strong: false };
    f(&mut core.shared, &actor)
}

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    operation: &Async,
    active: u32,
) -> Result<(), Trouble> {
    let first = warp.first_thread();
    match operation {
        Async::Bulk { to, from, bytes, direction } => {
            let (shared, global) = match direction {
                Direction::ToShared { .. } => (to, from),
                Direction::ToGlobal => (from, to),
            };
            let shared = addresses(launch, warp, shared, active)?;
            let global = addresses(launch, warp, global, active)?;
            let bytes = copy(launch, core, warp, bytes, active)?;
            for lane in each(active) {
                let pick = |lanes: &[u64; 32]| lanes.get(lane).copied().unwrap_or(0);
                let (shared, global, bytes) = (shared_address(pick(&shared)), pick(&global), pick(&bytes));
                let mut one = || -> Result<(), Trouble> {
                    aligned(shared, 16)?;
                    aligned(global, 16)?;
                    if bytes % 16 != 0 {
                        let detail = format!("a bulk copy of {bytes} bytes: expected a multiple of 16");
                        return Err(Trouble::new(FaultKind::Misaligned, detail));
                    }
                    let mut segments = Vec::new();
                    if bytes > 0 {
                        segments.push(Segment { shared, global: Some(global), bytes: bytes as u32 });
                    }
                    let barrier = barrier_of(launch, warp, direction, active, lane)?;
                    issue(launch, core, first + lane as u32, segments, barrier, bytes)
                };
                one().map_err(|trouble| trouble.lane(lane))?;
            }
            Ok(())
        }
        Async::Tensor { shared, map, coordinates, direction } => {
            tensor(launch, core, warp, (shared, map), coordinates, direction, active)
        }
        Async::BulkCommit => {
            for thread in threads(first, active) {
                if let Some(copies) = core.copies.get_mut(thread as usize) {
                    let group = std::mem::take(&mut copies.bulk_open);
                    copies.bulk_groups.push_back(group);
                }
            }
            Ok(())
        }
        Async::BulkWait { pending } => {
            for thread in threads(first, active) {
                let mut due = Vec::new();
                if let Some(copies) = core.copies.get_mut(thread as usize) {
                    while copies.bulk_groups.len() > *pending as usize {
                        due.extend(copies.bulk_groups.pop_front().unwrap_or_default());
                    }
                }
                for store in due {
                    land_store(launch, core, &store).map_err(|trouble| trouble.thread(thread))?;
                }
                // The copies' reads of shared memory happened before what the thread does next.
                let member = core.clocks.async_member();
                let released = core.clocks.release(member);
                core.clocks.acquire(thread as usize / 32, &released);
            }
            Ok(())
        }
        Async::Copy { .. } | Async::Commit | Async::Wait(_) | Async::WaitAll | Async::Arrive { .. } => Ok(()),
    }
}

fn barrier_of(
    launch: &Launch<'_>,
    warp: &Warp,
    direction: &Direction,
    active: u32,
    lane: usize,
) -> Result<Option<u64>, Trouble> {
    match direction {
        Direction::ToGlobal => Ok(None),
        Direction::ToShared { barrier } => {
            let lanes = addresses(launch, warp, barrier, active)?;
            Ok(Some(shared_address(lanes.get(lane).copied().unwrap_or(0))))
        }
    }
}

/// Starts a load where there is a barrier, else a store.
fn issue(
    launch: &Launch<'_>,
    core: &mut Core,
    thread: u32,
    segments: Vec<Segment>,
    barrier: Option<u64>,
    bytes: u64,
) -> Result<(), Trouble> {
    for segment in segments.iter().filter(|segment| segment.global.is_some()) {
        let global = segment.global.unwrap_or(0);
        let allocation = launch.memory.find(global, u64::from(segment.bytes))?;
        let (kind, traffic) = if barrier.is_some() {
            (Touch::Read, &mut core.counters.global_loads)
        } else {
            (Touch::Write, &mut core.counters.global_stores)
        };
        traffic.global([global].into_iter(), u64::from(segment.bytes));
        allocation.touch(launch.memory, global, segment.bytes, kind, &core.view)?;
    }
    match barrier {
        Some(barrier) => {
            for segment in &segments {
                core.shared.set_pending(segment.shared, u64::from(segment.bytes), true)?;
            }
            let item = InFlight::new(core, thread, Landing::Load(Load { segments, barrier, bytes }));
            core.in_flight.push(item);
        }
        None => {
            let clock = core.clocks.release(thread as usize / 32);
            core.view.plain_write();
            if let Some(copies) = core.copies.get_mut(thread as usize) {
                copies.bulk_open.push(BulkStore { clock, segments });
            }
        }
    }
    Ok(())
}

fn land_store(launch: &Launch<'_>, core: &mut Core, store: &BulkStore) -> Result<(), Trouble> {
    for segment in &store.segments {
        let mut bytes = vec![0; segment.bytes as usize];
        as_proxy(core, &store.clock, |shared, actor| shared.read(segment.shared, &mut bytes, actor))?;
        if let Some(global) = segment.global {
            launch.memory.find(global, u64::from(segment.bytes))?.copy_in(global, &bytes);
        }
    }
    Ok(())
}

fn tensor(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    (shared, map): (&Address, &Address),
    coordinates: &[Source],
    direction: &Direction,
    active: u32,
) -> Result<(), Trouble> {
    let shared = addresses(launch, warp, shared, active)?;
    let maps = addresses(launch, warp, map, active)?;
    let mut starts = Vec::new();
    for coordinate in coordinates {
        starts.push(copy(launch, core, warp, coordinate, active)?);
    }
    for lane in each(active) {
        let place = shared_address(shared.get(lane).copied().unwrap_or(0));
        let start: Vec<i64> =
            starts.iter().map(|lanes| i64::from(lanes.get(lane).copied().unwrap_or(0) as i32)).collect();
        let mut one = || -> Result<(), Trouble> {
            let map = read_map(launch, maps.get(lane).copied().unwrap_or(0))?;
            if map.sizes.len() != start.len() {
                let detail = format!("{} coordinates for a tensor of {} axes", start.len(), map.sizes.len());
                return Err(Trouble::new(FaultKind::Descriptor, detail));
            }
            aligned(place, map.swizzle.alignment())?;
            let barrier = barrier_of(launch, warp, direction, active, lane)?;
            let mut segments = box_segments(&map, place, &start);
            if barrier.is_none() {
                segments.retain(|segment| segment.global.is_some());
            }
            let elements: u64 = map.box_sizes.iter().map(|size| u64::from(*size)).product();
            let bytes = elements * u64::from(map.element_bytes);
            issue(launch, core, warp.first_thread() + lane as u32, segments, barrier, bytes)
        };
        one().map_err(|trouble| trouble.lane(lane))?;
    }
    Ok(())
}

fn read_map(launch: &Launch<'_>, address: u64) -> Result<TensorMap, Trouble> {
    aligned(address, 64)?;
    let mut bytes = [0; 128];
    match resolve(Space::Generic, address) {
        (Space::Param, offset) => {
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = parameter(launch, offset + index as u64, 1)? as u8;
            }
        }
        _ => launch.memory.find(address, 128)?.copy_out(address, &mut bytes),
    }
    TensorMap::decode(&bytes).ok_or_else(|| {
        Trouble::new(FaultKind::Descriptor, "there is no tensor map at this address: see TensorMap::encode")
            .address(address)
    })
}

/// Rows of 16-byte chunks of the box at `start`, cut where the tensor ends; what lies outside has no global address.
fn box_segments(map: &TensorMap, shared: u64, start: &[i64]) -> Vec<Segment> {
    let element = u64::from(map.element_bytes);
    let row = u64::from(map.box_sizes.first().copied().unwrap_or(0));
    let rows: u64 = map.box_sizes.iter().skip(1).map(|size| u64::from(*size)).product();
    let mut segments: Vec<Segment> = Vec::new();
    for index in 0..rows {
        // The row's position in the tensor along every axis but the first.
        let mut rest = index;
        let mut inside = true;
        let mut base = map.address;
        for (axis, start) in start.iter().enumerate().skip(1) {
            let size = u64::from(map.box_sizes.get(axis).copied().unwrap_or(1));
            let position = start + (rest % size) as i64;
            rest /= size;
            let limit = map.sizes.get(axis).copied().unwrap_or(1);
            inside &= position >= 0 && (position as u64) < limit;
            base = base.wrapping_add_signed(
                position.wrapping_mul(map.strides.get(axis - 1).copied().unwrap_or(0) as i64),
            );
        }
        let first = start.first().copied().unwrap_or(0);
        for column in 0..row {
            let position = first + column as i64;
            let limit = map.sizes.first().copied().unwrap_or(1);
            let there = inside && position >= 0 && (position as u64) < limit;
            let place = map.swizzle.apply(shared + (index * row + column) * element);
            let global = there.then(|| base.wrapping_add_signed(position * element as i64));
            match segments.last_mut() {
                Some(last)
                    if last.shared + u64::from(last.bytes) == place
                        && last.global.map(|global| global + u64::from(last.bytes)) == global =>
                {
                    last.bytes += map.element_bytes;
                }
                _ => segments.push(Segment { shared: place, global, bytes: map.element_bytes }),
            }
        }
    }
    segments
}
