//! Loads, stores and atomics of a warp.

use super::block::{Core, Launch};
use super::matrix;
use super::operand::{addresses, copy, each};
use super::warp::Warp;
use crate::code::{Access, Lanes, Memory, RegisterId, Source, Strength, Update, low, signed};
use crate::decode::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, WINDOW};
use crate::fault::{FaultKind, Trouble};
use crate::memory::global::Allocation;
use crate::memory::shadow::Touch;
use crate::syntax::ast::Space;

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    memory: &Memory,
    active: u32,
) -> Result<(), Trouble> {
    match memory {
        Memory::Load { access, outputs, signed, bits } => {
            load(launch, core, warp, access, outputs, (*signed, *bits), active)
        }
        Memory::Store { access, inputs } => store(launch, core, warp, access, inputs, active),
        Memory::Atomic { access, update, inputs, output } => {
            atomic(launch, core, warp, access, update, inputs, *output, active)
        }
        Memory::Prefetch { access } => {
            addresses(launch, warp, &access.address, active)?;
            Ok(())
        }
        Memory::LoadMatrix { address, space, count, transposed, outputs } => {
            matrix::load(launch, core, warp, (*space, address), *count, *transposed, outputs, active)
        }
        Memory::StoreMatrix { address, space, count, transposed, inputs } => {
            matrix::store(launch, core, warp, (*space, address), *count, *transposed, inputs, active)
        }
    }
}

/// The space that an address of `space` is in, and the address in that space's own terms.
pub(super) fn resolve(space: Space, address: u64) -> (Space, u64) {
    match space {
        Space::Generic => {
            let inside = |start: u64| (start..start + WINDOW).contains(&address);
            if inside(SHARED_WINDOW) {
                (Space::Shared, address - SHARED_WINDOW)
            } else if inside(LOCAL_WINDOW) {
                (Space::Local, address - LOCAL_WINDOW)
            } else if inside(PARAM_WINDOW) {
                (Space::Param, address - PARAM_WINDOW)
            } else {
                (Space::Global, address)
            }
        }
        Space::Const => (Space::Global, address),
        Space::Global | Space::Shared | Space::Local | Space::Param => (space, address),
    }
}

pub(super) fn aligned(address: u64, bytes: u64) -> Result<(), Trouble> {
    if address.is_multiple_of(bytes) {
        return Ok(());
    }
    let detail = format!("access of {bytes} bytes at {address:#x}, which is no multiple of {bytes}");
    Err(Trouble::new(FaultKind::Misaligned, detail).address(address))
}

/// Counts a request by the space of its first lane.
fn count(core: &mut Core, places: &[(usize, Space, u64)], width: u64, store: bool) {
    match places.first() {
        Some((_, Space::Global, _)) => {
            let traffic =
                if store { &mut core.counters.global_stores } else { &mut core.counters.global_loads };
            traffic.global(places.iter().map(|(_, _, address)| *address), width);
        }
        Some((_, Space::Shared, _)) => {
            let mut list = [0; 32];
            list.iter_mut().zip(places).for_each(|(to, (_, _, address))| *to = *address);
            core.counters.shared_request(store, list.get(..places.len()).unwrap_or_default(), width);
        }
        Some(_) | None => {}
    }
}

type Places = ([(usize, Space, u64); 32], usize);

/// Lane, space and address of every active lane.
fn places(lanes: &Lanes, space: Space, active: u32) -> Places {
    let mut places = [(0, Space::Generic, 0); 32];
    let mut count = 0;
    for (place, lane) in places.iter_mut().zip(each(active)) {
        let (space, address) = resolve(space, lanes.get(lane).copied().unwrap_or(0));
        *place = (lane, space, address);
        count += 1;
    }
    (places, count)
}

/// Finds allocations, remembering the last one: lanes mostly share it.
struct Finder<'m> {
    launch: &'m Launch<'m>,
    last: Option<&'m Allocation>,
}

impl<'m> Finder<'m> {
    fn find(&mut self, address: u64, bytes: u64) -> Result<&'m Allocation, Trouble> {
        if let Some(last) = self.last
            && address >= last.base
            && address - last.base + bytes <= last.bytes
        {
            return Ok(last);
        }
        let found = self.launch.memory.find(address, bytes)?;
        self.last = Some(found);
        Ok(found)
    }
}

/// The allocation's bytes must have been written by someone.
pub(super) fn check_written(allocation: &Allocation, address: u64, width: u32) -> Result<(), Trouble> {
    match allocation.unwritten(address, width) {
        None => Ok(()),
        Some(first) => {
            Err(Trouble::new(FaultKind::UnwrittenMemory, "read of global memory that nothing wrote")
                .address(first)
                .allocation(allocation.description()))
        }
    }
}

fn load(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    access: &Access,
    outputs: &[Option<RegisterId>],
    (extend, bits): (bool, u32),
    active: u32,
) -> Result<(), Trouble> {
    let lanes = addresses(launch, warp, &access.address, active)?;
    let (list, length) = places(&lanes, access.space, active);
    let list = list.get(..length).unwrap_or_default();
    let (width, total) = (access.width, u64::from(access.width * access.count));
    count(core, list, total, false);
    let strong = access.strength != Strength::Weak;
    let mut values = [[0_u64; 32]; 4];
    let mut known = active;
    let mut finder = Finder { launch, last: None };
    for &(lane, space, address) in list {
        let thread = warp.first_thread() + lane as u32;
        let mut one = || -> Result<(), Trouble> {
            aligned(address, total)?;
            let allocation = match space {
                Space::Global | Space::Const | Space::Generic => {
                    let allocation = finder.find(address, total)?;
                    if strong && launch.program.communicates {
                        let ordered = access.strength == Strength::Ordered;
                        launch.memory.releases.access(address, &mut core.view, true, false, ordered);
                    }
                    check_written(allocation, address, total as u32)?;
                    let kind = if strong { Touch::Strong } else { Touch::Read };
                    allocation.touch(launch.memory, address, total as u32, kind, &core.view)?;
                    Some(allocation)
                }
                Space::Shared | Space::Local | Space::Param => None,
            };
            for (index, values) in values.iter_mut().take(access.count as usize).enumerate() {
                let place = address + index as u64 * u64::from(width);
                let value = match (space, allocation) {
                    (_, Some(allocation)) => allocation.load(place, width),
                    (Space::Shared, _) => {
                        core.as_thread(thread, strong, |shared, actor| shared.load(place, width, actor))?
                    }
                    (Space::Param, _) => parameter(launch, place, width)?,
                    (Space::Local | Space::Global | Space::Const | Space::Generic, _) => {
                        let (value, written) = core.frames.load(thread, place, width)?;
                        if !written {
                            known &= !(1 << lane);
                        }
                        value
                    }
                };
                let value = if extend { low(signed(value, 8 * width) as u64, bits) } else { value };
                if let Some(to) = values.get_mut(lane) {
                    *to = value;
                }
            }
            Ok(())
        };
        one().map_err(|trouble| trouble.lane(lane))?;
    }
    for (output, values) in outputs.iter().zip(&values) {
        if let Some(register) = output {
            warp.set_known(*register, active, known, values);
        }
    }
    Ok(())
}

/// Bytes of the kernel's parameters.
pub(super) fn parameter(launch: &Launch<'_>, offset: u64, width: u32) -> Result<u64, Trouble> {
    let end = offset.checked_add(u64::from(width)).map(|end| end as usize);
    let bytes = end.and_then(|end| launch.parameters.get(offset as usize..end));
    match bytes {
        Some(bytes) => Ok(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))),
        None => {
            let detail = format!(
                "access of {width} bytes at {offset} of {} bytes of parameters",
                launch.parameters.len()
            );
            Err(Trouble::new(FaultKind::OutOfBounds, detail).address(offset).allocation("kernel parameters"))
        }
    }
}

fn store(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    access: &Access,
    inputs: &[Source],
    active: u32,
) -> Result<(), Trouble> {
    let lanes = addresses(launch, warp, &access.address, active)?;
    let (list, length) = places(&lanes, access.space, active);
    let list = list.get(..length).unwrap_or_default();
    let (width, total) = (access.width, u64::from(access.width * access.count));
    count(core, list, total, true);
    let strong = access.strength != Strength::Weak;
    let mut values = [[0_u64; 32]; 4];
    for (source, values) in inputs.iter().zip(&mut values) {
        *values = copy(launch, core, warp, source, active)?;
    }
    let mut finder = Finder { launch, last: None };
    for &(lane, space, address) in list {
        let thread = warp.first_thread() + lane as u32;
        let mut one = || -> Result<(), Trouble> {
            aligned(address, total)?;
            let allocation = match space {
                Space::Global | Space::Const | Space::Generic => {
                    let allocation = finder.find(address, total)?;
                    let kind = if strong { Touch::Strong } else { Touch::Write };
                    allocation.touch(launch.memory, address, total as u32, kind, &core.view)?;
                    if strong && launch.program.communicates {
                        let ordered = access.strength == Strength::Ordered;
                        launch.memory.releases.access(address, &mut core.view, false, true, ordered);
                    }
                    Some(allocation)
                }
                Space::Shared | Space::Local => None,
                Space::Param => {
                    return Err(
                        Trouble::new(FaultKind::ReadOnly, "kernel parameters are constant").address(address)
                    );
                }
            };
            for (index, values) in values.iter().take(inputs.len()).enumerate() {
                let place = address + index as u64 * u64::from(width);
                let value = values.get(lane).copied().unwrap_or(0);
                match allocation {
                    Some(allocation) => allocation.store(place, width, value),
                    None if space == Space::Shared => {
                        core.as_thread(thread, strong, |shared, actor| {
                            shared.store(place, width, value, actor)
                        })?;
                    }
                    None => core.frames.store(thread, place, width, value)?,
                }
            }
            if allocation.is_some() && !strong {
                core.view.plain_write();
            }
            Ok(())
        };
        one().map_err(|trouble| trouble.lane(lane))?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
fn atomic(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    access: &Access,
    update: &Update,
    inputs: &[Source],
    output: Option<RegisterId>,
    active: u32,
) -> Result<(), Trouble> {
    let lanes = addresses(launch, warp, &access.address, active)?;
    let (list, length) = places(&lanes, access.space, active);
    let list = list.get(..length).unwrap_or_default();
    let width = access.width;
    count(core, list, u64::from(width), true);
    let mut operands = [[0_u64; 32]; 2];
    for (source, values) in inputs.iter().zip(&mut operands) {
        *values = copy(launch, core, warp, source, active)?;
    }
    let [first, second] = operands;
    let mut old_values = [0; 32];
    for &(lane, space, address) in list {
        let thread = warp.first_thread() + lane as u32;
        let apply = |old: u64| {
            update(old, first.get(lane).copied().unwrap_or(0), second.get(lane).copied().unwrap_or(0))
        };
        let mut one = || -> Result<u64, Trouble> {
            aligned(address, u64::from(width))?;
            match space {
                Space::Global | Space::Const | Space::Generic => {
                    let allocation = launch.memory.find(address, u64::from(width))?;
                    check_written(allocation, address, width)?;
                    if launch.program.communicates {
                        let ordered = access.strength == Strength::Ordered;
                        launch.memory.releases.access(
                            address,
                            &mut core.view,
                            output.is_some(),
                            true,
                            ordered,
                        );
                    }
                    allocation.touch(launch.memory, address, width, Touch::Strong, &core.view)?;
                    let _one_at_a_time = launch.memory.lock(address);
                    let old = allocation.load(address, width);
                    allocation.store(address, width, apply(old));
                    Ok(old)
                }
                Space::Shared => core.as_thread(thread, true, |shared, actor| {
                    let old = shared.load(address, width, actor)?;
                    shared.store(address, width, apply(old), actor)?;
                    Ok(old)
                }),
                Space::Local | Space::Param => {
                    Err(Trouble::new(FaultKind::Undefined, "atomics work on global and shared memory")
                        .address(address))
                }
            }
        };
        let old = one().map_err(|trouble| trouble.lane(lane))?;
        if let Some(to) = old_values.get_mut(lane) {
            *to = old;
        }
    }
    if let Some(register) = output {
        warp.set(register, active, &old_values);
    }
    Ok(())
}
