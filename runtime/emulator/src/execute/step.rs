//! Executes one instruction of one split of a warp.

use super::barrier::{self, Arrival, ClusterBarrier};
use super::block::{Core, Launch};
use super::operand::{copy, each, fetch, register, unwritten};
use super::warp::{State, Warp};
use super::{access, bulk, copies, matrix, mbarrier, synchronize, wgmma};
use crate::code::{Control, Instr, Lanes, Map, Op, Source, Synchronize, Transfer};
use crate::fault::{FaultKind, Trouble};

/// Room for operands that are computed, so that no instruction allocates.
pub(crate) struct Scratch {
    inputs: [Lanes; 4],
    outputs: [Lanes; 4],
}

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self { inputs: [[0; 32]; 4], outputs: [[0; 32]; 4] }
    }
}

pub(super) fn step(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    scratch: &mut Scratch,
) -> Result<(), Trouble> {
    let Some(split) = warp.split() else { return Ok(()) };
    let (pc, mask) = (split.pc, split.mask);
    let Some(instr) = launch.program.code.get(pc as usize) else {
        return Err(Trouble::new(FaultKind::Undefined, "execution ran past the end of the code"));
    };
    let active = guarded(launch, warp, instr, mask)?;
    if let Some(gathered) = gathers(launch, core, warp, instr, active)?
        && !gathered
    {
        return Ok(());
    }
    warp.steps += 1;
    core.counters.instruction(instr.entry.kind, active.count_ones());
    if let Op::Control(control) = &instr.op {
        return branch(launch, core, warp, control, pc, mask, active);
    }
    if active != 0 {
        match &instr.op {
            Op::Map(map) => compute(launch, core, warp, map, active, scratch)?,
            Op::Memory(memory) => access::run(launch, core, warp, memory, active)?,
            Op::Sync(Synchronize::Barrier { id, threads, usage, predicate, output, aligned }) => {
                let arrival = Arrival {
                    id,
                    threads: threads.as_ref(),
                    usage: *usage,
                    predicate: predicate.as_ref(),
                    output: *output,
                    aligned: *aligned,
                };
                isolate(warp, pc, mask, active);
                if !barrier::arrive(launch, core, warp, active, &arrival)? {
                    return Ok(());
                }
            }
            Op::Sync(Synchronize::ClusterArrive { .. }) => {
                ClusterBarrier::arrive(launch, core, warp, active)?
            }
            Op::Sync(Synchronize::ClusterWait { .. }) => {
                isolate(warp, pc, mask, active);
                if !ClusterBarrier::wait(core, warp, active)? {
                    return Ok(());
                }
            }
            Op::Sync(sync) => synchronize::run(launch, core, warp, sync, active)?,
            Op::Async(operation) => copies::run(launch, core, warp, operation, active)?,
            Op::Mbarrier(operation) => mbarrier::run(launch, core, warp, operation, active)?,
            Op::Mma(mma) => matrix::multiply(launch, core, warp, mma, active)?,
            Op::Wgmma(operation) => wgmma::run(launch, core, warp, operation, active)?,
            Op::Control(_) | Op::Hint => {}
        }
    }
    if let Some(split) = warp.split_mut() {
        split.pc += 1;
    }
    Ok(())
}

/// Lanes whose guard lets them execute the instruction.
fn guarded(launch: &Launch<'_>, warp: &Warp, instr: &Instr, mask: u32) -> Result<u32, Trouble> {
    let Some((id, negated)) = instr.guard else { return Ok(mask) };
    let lanes = register(launch, warp, id, mask)?;
    let wanted = u64::from(!negated);
    let set =
        lanes.iter().enumerate().fold(0, |set, (lane, value)| set | u32::from(*value == wanted) << lane);
    Ok(mask & set)
}

/// Splits the lanes that skip the instruction off the current split.
pub(super) fn isolate(warp: &mut Warp, pc: u32, mask: u32, active: u32) {
    let skipped = mask & !active;
    if skipped != 0 {
        warp.fork(skipped, pc + 1);
    }
}

/// Instructions that several lanes execute together wait for all of them: says whether they are there; `None` for
/// all other instructions.
fn gathers(
    launch: &Launch<'_>,
    core: &Core,
    warp: &mut Warp,
    instr: &Instr,
    active: u32,
) -> Result<Option<bool>, Trouble> {
    if active == 0 {
        return Ok(None);
    }
    let required = match &instr.op {
        Op::Sync(sync) => match sync {
            Synchronize::Barrier { id, threads, usage, predicate, output, aligned } => {
                let (threads, predicate) = (threads.as_ref(), predicate.as_ref());
                let arrival =
                    Arrival { id, threads, usage: *usage, predicate, output: *output, aligned: *aligned };
                barrier::required(warp, &arrival, active)
            }
            Synchronize::Warp { mask } => {
                let members = synchronize::members(launch, core, warp, mask, active)?;
                return gather_anywhere(launch, warp, active, members & warp.live).map(Some);
            }
            Synchronize::Shuffle { mask, .. }
            | Synchronize::Vote { mask, .. }
            | Synchronize::Match { mask, .. }
            | Synchronize::Reduce { mask, .. }
            | Synchronize::Elect { mask, .. } => {
                synchronize::members(launch, core, warp, mask, active)? & warp.live
            }
            Synchronize::ClusterArrive { aligned } | Synchronize::ClusterWait { aligned } => {
                if !aligned {
                    return Ok(None);
                }
                warp.live
            }
            Synchronize::Fence { .. } | Synchronize::ProxyFence | Synchronize::ActiveMask { .. } => {
                return Ok(None);
            }
        },
        Op::Memory(crate::code::Memory::LoadMatrix { .. } | crate::code::Memory::StoreMatrix { .. })
        | Op::Mma(_)
        | Op::Wgmma(_) => {
            if warp.live != warp.present || warp.present != u32::MAX {
                let missing = !warp.live;
                let detail = format!("lanes {missing:#010x} do not take part, and all of the warp must");
                return Err(
                    Trouble::new(FaultKind::Convergence, detail).lane(active.trailing_zeros() as usize)
                );
            }
            warp.live
        }
        Op::Map(_) | Op::Memory(_) | Op::Control(_) | Op::Async(_) | Op::Mbarrier(_) | Op::Hint => {
            return Ok(None);
        }
    };
    if required & !active == 0 {
        return Ok(Some(true));
    }
    park(warp, active, required);
    Ok(Some(false))
}

fn park(warp: &mut Warp, active: u32, required: u32) {
    let Some(split) = warp.split() else { return };
    let (pc, mask) = (split.pc, split.mask);
    isolate(warp, pc, mask, active);
    if let Some(split) = warp.split_mut() {
        split.state = State::Gathering { required };
    }
}

/// `bar.warp.sync` may be reached at different places (9.7.13.2): all who wait for the same lanes go on together.
fn gather_anywhere(
    launch: &Launch<'_>,
    warp: &mut Warp,
    active: u32,
    required: u32,
) -> Result<bool, Trouble> {
    let waits = |split: &super::warp::Split| {
        let code = launch.program.code.get(split.pc as usize);
        split.state == State::Gathering { required }
            && code.is_some_and(|instr| matches!(instr.op, Op::Sync(Synchronize::Warp { .. })))
    };
    let waiting = warp.splits.iter().filter(|split| waits(split)).fold(0, |mask, split| mask | split.mask);
    if required & !(active | waiting) != 0 {
        park(warp, active, required);
        return Ok(false);
    }
    for split in warp.splits.iter_mut().filter(|split| waits(split)) {
        split.state = State::Ready;
        split.pc += 1;
    }
    Ok(true)
}

fn compute(
    launch: &Launch<'_>,
    core: &Core,
    warp: &mut Warp,
    map: &Map,
    active: u32,
    scratch: &mut Scratch,
) -> Result<(), Trouble> {
    const NONE: Lanes = [0; 32];
    let mut known = active;
    let Scratch { inputs: rooms, outputs } = scratch;
    {
        let mut inputs: [&Lanes; 4] = [&NONE; 4];
        for ((input, source), room) in inputs.iter_mut().zip(&map.inputs).zip(rooms.iter_mut()) {
            let mut needed = active;
            if map.moves
                && let Source::Register(id) | Source::Not(id) = source
            {
                // A copy of what was never written is itself never written; using it is the fault.
                let written = warp.written.get(id.0 as usize).copied().unwrap_or(0);
                known &= written;
                needed &= written;
            }
            *input = fetch(launch, core, warp, source, needed, room)?;
        }
        for (output, room) in map.outputs.iter().zip(outputs.iter_mut()) {
            (output.kernel)(&inputs, active, room);
        }
    }
    for (output, room) in map.outputs.iter().zip(outputs.iter()) {
        if !warp.pending.is_empty() && warp.pending.contains(&output.register) {
            return Err(Trouble::new(
                FaultKind::AsyncPending,
                "a register is written before the wgmma that uses it was waited for",
            ));
        }
        if known == active {
            warp.set(output.register, active, room);
        } else {
            warp.set_known(output.register, active, known, room);
        }
    }
    Ok(())
}

fn branch(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    control: &Control,
    pc: u32,
    mask: u32,
    active: u32,
) -> Result<(), Trouble> {
    if active == 0 {
        jump(warp, pc + 1);
        return Ok(());
    }
    match control {
        Control::Branch { target } => {
            if active != mask {
                core.counters.divergent_branches += 1;
                isolate(warp, pc, mask, active);
            }
            jump(warp, *target);
        }
        Control::Table { index, targets } => {
            let indices = copy(launch, core, warp, index, active)?;
            isolate(warp, pc, mask, active);
            let mut rest = active;
            while rest != 0 {
                let lane = rest.trailing_zeros() as usize;
                let index = indices.get(lane).copied().unwrap_or(0);
                let Some(target) = targets.get(index as usize) else {
                    let detail = format!("branch to target {index} of {}", targets.len());
                    return Err(Trouble::new(FaultKind::Undefined, detail).lane(lane));
                };
                let same = each(rest)
                    .filter(|lane| indices.get(*lane) == Some(&index))
                    .fold(0, |m, lane| m | 1 << lane);
                rest &= !same;
                if rest == 0 {
                    jump(warp, *target);
                } else {
                    core.counters.divergent_branches += 1;
                    warp.fork(same, *target);
                }
            }
        }
        Control::Call { function, arguments, .. } => {
            isolate(warp, pc, mask, active);
            transfer(launch, core, warp, arguments, active)?;
            let start = launch.program.functions.get(*function as usize).copied().unwrap_or(0);
            if let Some(split) = warp.split_mut() {
                split.calls.push(pc);
                split.pc = start;
            }
        }
        Control::Return => {
            isolate(warp, pc, mask, active);
            let Some(caller) = warp.split_mut().and_then(|split| split.calls.pop()) else {
                return exit(core, warp, active);
            };
            if let Some(Instr { op: Op::Control(Control::Call { results, .. }), .. }) =
                launch.program.code.get(caller as usize)
            {
                transfer(launch, core, warp, results, active)?;
            }
            jump(warp, caller + 1);
        }
        Control::Exit => {
            isolate(warp, pc, mask, active);
            exit(core, warp, active)?;
        }
        Control::Trap => {
            let lane = active.trailing_zeros() as usize;
            return Err(Trouble::new(FaultKind::Trap, "the kernel executed `trap`").lane(lane));
        }
    }
    Ok(())
}

fn jump(warp: &mut Warp, target: u32) {
    if let Some(split) = warp.split_mut() {
        split.pc = target;
    }
}

fn exit(core: &mut Core, warp: &mut Warp, active: u32) -> Result<(), Trouble> {
    for lane in each(active) {
        bulk::check_exit(core, warp.first_thread() + lane as u32)?;
    }
    core.exited += active.count_ones();
    warp.retire(active);
    Ok(())
}

fn transfer(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    transfers: &[Transfer],
    active: u32,
) -> Result<(), Trouble> {
    for transfer in transfers {
        match transfer {
            Transfer::Register { from, to } => {
                if let Source::Register(id) = from {
                    let missing = active & !warp.written.get(id.0 as usize).copied().unwrap_or(0);
                    if missing != 0 {
                        return Err(unwritten(launch, *id, missing));
                    }
                }
                let lanes = copy(launch, core, warp, from, active)?;
                warp.set(*to, active, &lanes);
            }
            Transfer::Frame { from, to, bytes } => {
                for lane in each(active) {
                    core.frames.transfer(warp.first_thread() + lane as u32, *from, *to, *bytes)?;
                }
            }
        }
    }
    Ok(())
}
