//! Fences, and communication between the lanes of a warp: ISA 9.7.9.6 and 9.7.13.

use super::block::{Core, Launch};
use super::operand::{copy, each, uniform};
use super::warp::Warp;
use crate::code::{Combine, RegisterId, Shuffle, Source, Synchronize, Vote};
use crate::fault::{FaultKind, Trouble};

/// The lanes that `membermask` names. Every lane that executes must be among them (9.7.13.2).
pub(super) fn members(
    launch: &Launch<'_>,
    core: &Core,
    warp: &Warp,
    mask: &Source,
    active: u32,
) -> Result<u32, Trouble> {
    let members = uniform(launch, core, warp, mask, active, "the member mask")? as u32;
    let outside = active & !members;
    if outside != 0 {
        let lane = outside.trailing_zeros();
        let detail = format!("lane {lane} executes but is not in the member mask {members:#010x}");
        return Err(Trouble::new(FaultKind::Convergence, detail).lane(lane as usize));
    }
    Ok(members)
}

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    sync: &Synchronize,
    active: u32,
) -> Result<(), Trouble> {
    match sync {
        Synchronize::Warp { .. } => {
            core.clocks.release(warp.index as usize);
        }
        Synchronize::Fence { global } => {
            if *global {
                core.view.fence();
            }
        }
        Synchronize::ProxyFence
        | Synchronize::Barrier { .. }
        | Synchronize::ClusterArrive { .. }
        | Synchronize::ClusterWait { .. } => {}
        Synchronize::Shuffle { mode, value, lane, clamp, output, valid, .. } => {
            shuffle(launch, core, warp, *mode, [value, lane, clamp], *output, *valid, active)?;
        }
        Synchronize::Vote { mode, predicate, output, .. } => {
            let lanes = copy(launch, core, warp, predicate, active)?;
            let votes = each(active)
                .filter(|lane| lanes.get(*lane) == Some(&1))
                .fold(0_u32, |votes, lane| votes | 1 << lane);
            let result = match mode {
                Vote::All => u64::from(votes == active),
                Vote::Any => u64::from(votes != 0),
                Vote::Uniform => u64::from(votes == active || votes == 0),
                Vote::Ballot => u64::from(votes),
            };
            warp.set(*output, active, &[result; 32]);
        }
        Synchronize::Match { all, value, output, same, .. } => {
            let lanes = copy(launch, core, warp, value, active)?;
            let equals = |lane: usize| {
                each(active)
                    .filter(|other| lanes.get(*other) == lanes.get(lane))
                    .fold(0_u32, |mask, lane| mask | 1 << lane)
            };
            let mut result = [0; 32];
            let everywhere = equals(active.trailing_zeros() as usize) == active;
            for (lane, to) in result.iter_mut().enumerate() {
                *to = match (all, everywhere) {
                    (false, _) => u64::from(equals(lane)),
                    (true, true) => u64::from(active),
                    (true, false) => 0,
                };
            }
            warp.set(*output, active, &result);
            if let Some(same) = same {
                warp.set(*same, active, &[u64::from(everywhere); 32]);
            }
        }
        Synchronize::Reduce { combine, value, output, .. } => {
            reduce(launch, core, warp, *combine, value, *output, active)?
        }
        Synchronize::Elect { leader, elected, .. } => {
            let first = active.trailing_zeros();
            if let Some(leader) = leader {
                warp.set(*leader, active, &[u64::from(first); 32]);
            }
            let mut result = [0; 32];
            if let Some(to) = result.get_mut(first as usize) {
                *to = 1;
            }
            warp.set(*elected, active, &result);
        }
        Synchronize::ActiveMask { output } => warp.set(*output, active, &[u64::from(active); 32]),
    }
    Ok(())
}

fn reduce(
    launch: &Launch<'_>,
    core: &Core,
    warp: &mut Warp,
    combine: Combine,
    value: &Source,
    output: RegisterId,
    active: u32,
) -> Result<(), Trouble> {
    let lanes = copy(launch, core, warp, value, active)?;
    let total = each(active).filter_map(|lane| lanes.get(lane).copied()).reduce(combine).unwrap_or(0);
    warp.set(output, active, &[total; 32]);
    Ok(())
}

/// The pseudocode of 9.7.9.6: c holds the clamp in its low five bits and the segment mask in bits 8 to 12.
#[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
fn shuffle(
    launch: &Launch<'_>,
    core: &Core,
    warp: &mut Warp,
    mode: Shuffle,
    [value, lane, clamp]: [&Source; 3],
    output: RegisterId,
    valid: Option<RegisterId>,
    active: u32,
) -> Result<(), Trouble> {
    let values = copy(launch, core, warp, value, active)?;
    let offsets = copy(launch, core, warp, lane, active)?;
    let clamps = copy(launch, core, warp, clamp, active)?;
    let (mut result, mut inside) = ([0; 32], [0; 32]);
    for own in each(active) {
        let pick = |lanes: &[u64; 32]| lanes.get(own).copied().unwrap_or(0);
        let (b, c) = (pick(&offsets) as i64 & 0x1f, pick(&clamps));
        let (clamp, segment) = (c as i64 & 0x1f, (c >> 8) as i64 & 0x1f);
        let lane = own as i64;
        let most = (lane & segment) | (clamp & !segment);
        let (from, valid) = match mode {
            Shuffle::Up => (lane - b, lane - b >= most),
            Shuffle::Down => (lane + b, lane + b <= most),
            Shuffle::Butterfly => (lane ^ b, (lane ^ b) <= most),
            Shuffle::Index => {
                let from = (lane & segment) | (b & !segment);
                (from, from <= most)
            }
        };
        let from = if valid { from } else { lane };
        if active >> from & 1 == 0 {
            let detail = format!("shfl reads lane {from}, which does not take part");
            return Err(Trouble::new(FaultKind::Convergence, detail).lane(own));
        }
        if let (Some(to), Some(flag)) = (result.get_mut(own), inside.get_mut(own)) {
            *to = values.get(from as usize).copied().unwrap_or(0);
            *flag = u64::from(valid);
        }
    }
    warp.set(output, active, &result);
    if let Some(valid) = valid {
        warp.set(valid, active, &inside);
    }
    Ok(())
}
