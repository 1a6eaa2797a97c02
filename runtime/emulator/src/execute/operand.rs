//! Operands of a warp's instruction: registers checked for having been written, constants, special registers.

use super::block::{Core, Launch};
use super::warp::Warp;
use crate::code::{Address, Lanes, RegisterId, Source, Special};
use crate::fault::{FaultKind, Trouble};

/// Lanes of a register that the instruction uses; all must have been written.
pub(super) fn register<'w>(
    launch: &Launch<'_>,
    warp: &'w Warp,
    id: RegisterId,
    mask: u32,
) -> Result<&'w Lanes, Trouble> {
    let (Some(lanes), Some(written)) = (warp.registers.get(id.0 as usize), warp.written.get(id.0 as usize))
    else {
        return Err(Trouble::new(FaultKind::UnwrittenRegister, "register does not exist"));
    };
    let missing = mask & !written;
    if missing != 0 {
        return Err(unwritten(launch, id, missing));
    }
    if !warp.pending.is_empty() && warp.pending.contains(&id) {
        let name = register_name(launch, id);
        return Err(Trouble::new(
            FaultKind::AsyncPending,
            format!("register `{name}` is used before the wgmma that writes it was waited for"),
        )
        .lane(mask.trailing_zeros() as usize));
    }
    Ok(lanes)
}

pub(super) fn unwritten(launch: &Launch<'_>, id: RegisterId, missing: u32) -> Trouble {
    let name = register_name(launch, id);
    Trouble::new(FaultKind::UnwrittenRegister, format!("register `{name}` is used but was never written"))
        .lane(missing.trailing_zeros() as usize)
}

fn register_name<'a>(launch: &'a Launch<'_>, id: RegisterId) -> &'a str {
    launch.program.registers.get(id.0 as usize).map_or("?", String::as_str)
}

/// The lanes of any source; `scratch` holds those that are computed.
pub(super) fn fetch<'s>(
    launch: &Launch<'_>,
    core: &Core,
    warp: &'s Warp,
    source: &'s Source,
    mask: u32,
    scratch: &'s mut Lanes,
) -> Result<&'s Lanes, Trouble> {
    match source {
        Source::Register(id) => register(launch, warp, *id, mask),
        Source::Value(lanes) => Ok(lanes),
        Source::Not(id) => {
            let lanes = register(launch, warp, *id, mask)?;
            scratch.iter_mut().zip(lanes).for_each(|(to, from)| *to = from ^ 1);
            Ok(scratch)
        }
        Source::Special(special) => {
            for (lane, to) in scratch.iter_mut().enumerate() {
                *to = special_register(launch, core, warp, *special, lane as u32);
            }
            Ok(scratch)
        }
    }
}

/// As [`fetch`], copied.
pub(super) fn copy(
    launch: &Launch<'_>,
    core: &Core,
    warp: &Warp,
    source: &Source,
    mask: u32,
) -> Result<Lanes, Trouble> {
    let mut scratch = [0; 32];
    fetch(launch, core, warp, source, mask, &mut scratch).copied()
}

/// One value that all lanes agree on, such as a barrier's number.
pub(super) fn uniform(
    launch: &Launch<'_>,
    core: &Core,
    warp: &Warp,
    source: &Source,
    mask: u32,
    what: &str,
) -> Result<u64, Trouble> {
    let lanes = copy(launch, core, warp, source, mask)?;
    let mut values = each(mask).filter_map(|lane| lanes.get(lane));
    let first = values.next().copied().unwrap_or(0);
    if values.any(|value| *value != first) {
        return Err(Trouble::new(
            FaultKind::Undefined,
            format!("the lanes of the warp disagree about {what}"),
        ));
    }
    Ok(first)
}

/// Addresses in the access's own space, offset included.
pub(super) fn addresses(
    launch: &Launch<'_>,
    warp: &Warp,
    address: &Address,
    mask: u32,
) -> Result<Lanes, Trouble> {
    match address.base {
        None => Ok([address.offset as u64; 32]),
        Some(base) => {
            let mut lanes = *register(launch, warp, base, mask)?;
            if address.offset != 0 {
                lanes.iter_mut().for_each(|lane| *lane = lane.wrapping_add_signed(address.offset));
            }
            Ok(lanes)
        }
    }
}

/// Lanes of a mask, lowest first.
pub(super) fn each(mask: u32) -> impl Iterator<Item = usize> {
    (0..32).filter(move |lane| mask >> lane & 1 == 1)
}

fn special_register(launch: &Launch<'_>, core: &Core, warp: &Warp, special: Special, lane: u32) -> u64 {
    let value = match special {
        Special::ThreadIndex(axis) => axis_of(launch.thread(warp.first_thread() + lane), axis),
        Special::BlockSize(axis) => axis_of(launch.block, axis),
        Special::BlockIndex(axis) => axis_of(core.index, axis),
        Special::GridSize(axis) => axis_of(launch.grid, axis),
        Special::LaneIndex => lane,
        Special::WarpIndex => warp.index,
        Special::WarpCount => launch.threads().div_ceil(32),
        Special::MaskEqual => 1 << lane,
        Special::MaskLess => (1 << lane) - 1,
        Special::MaskLessEqual => u32::MAX >> (31 - lane),
        Special::MaskGreater => !(u32::MAX >> (31 - lane)),
        Special::MaskGreaterEqual => !((1 << lane) - 1),
        Special::Clock { high, bits } => {
            return match (high, bits) {
                (true, _) => warp.steps >> 32,
                (false, 32) => warp.steps & 0xffff_ffff,
                (false, _) => warp.steps,
            };
        }
        Special::DynamicShared => launch.dynamic_shared as u32,
        Special::TotalShared => core.shared.size() as u32,
        Special::Zero(_) => 0,
        Special::One(_) => 1,
    };
    u64::from(value)
}

fn axis_of(triple: [u32; 3], axis: usize) -> u32 {
    triple.get(axis).copied().unwrap_or(0)
}
