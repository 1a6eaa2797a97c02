//! One block: its memory, barriers and warps, and the order in which the warps run.

use super::barrier::{Barriers, ClusterBarrier};
use super::bulk::InFlight;
use super::copies::ThreadCopies;
use super::mbarrier::Mbarriers;
use super::random::Random;
use super::step::{self, Scratch};
use super::warp::{State, Warp};
use super::wgmma::Groups;
use crate::code::Program;
use crate::counters::Counters;
use crate::fault::{Fault, FaultKind, Trouble};
use crate::memory::blocks::View;
use crate::memory::clock::Clocks;
use crate::memory::frame::Frames;
use crate::memory::global::GlobalMemory;
use crate::memory::shadow::MOST_BLOCKS;
use crate::memory::shared::{Actor, SharedMemory};

/// What all blocks of a launch share.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Program,
    pub(crate) memory: &'a GlobalMemory,
    pub(crate) parameters: &'a [u8],
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) dynamic_shared: u64,
    pub(crate) seed: u64,
    /// Instructions that the warps of one block may execute together.
    pub(crate) budget: u64,
}

impl Launch<'_> {
    pub(crate) fn threads(&self) -> u32 {
        self.block.iter().product()
    }

    pub(crate) fn blocks(&self) -> u64 {
        self.grid.iter().map(|size| u64::from(*size)).product()
    }

    /// Index of a thread by its number in the block.
    pub(crate) fn thread(&self, number: u32) -> [u32; 3] {
        let [x, y, _] = self.block;
        let (x, y) = (x.max(1), y.max(1));
        [number % x, number / x % y, number / x / y]
    }

    fn block_index(&self, number: u64) -> [u32; 3] {
        let [x, y, _] = self.grid.map(|size| u64::from(size.max(1)));
        [(number % x) as u32, (number / x % y) as u32, (number / x / y) as u32]
    }

    /// The number that stands for a block in shadow memory: several blocks share one in very large grids.
    fn shadow_number(&self, number: u64) -> u32 {
        (number / self.blocks().div_ceil(MOST_BLOCKS).max(1)) as u32
    }
}

/// A block without its warps: what instructions of one warp may change besides the warp.
pub(crate) struct Core {
    pub(crate) index: [u32; 3],
    pub(crate) view: View,
    pub(crate) shared: SharedMemory,
    pub(crate) frames: Frames,
    pub(crate) clocks: Clocks,
    pub(super) barriers: Barriers,
    pub(super) cluster: ClusterBarrier,
    pub(super) mbarriers: Mbarriers,
    pub(super) copies: Vec<ThreadCopies>,
    pub(super) in_flight: Vec<InFlight>,
    pub(super) groups: Vec<Groups>,
    pub(crate) counters: Counters,
    /// Threads that have exited.
    pub(super) exited: u32,
    pub(super) random: Random,
}

impl Core {
    /// Runs `f` with shared memory and the identity of a thread for it.
    pub(super) fn as_thread<T>(
        &mut self,
        thread: u32,
        strong: bool,
        f: impl FnOnce(&mut SharedMemory, &Actor<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let member = (thread / 32) as usize;
        let Some(known) = self.clocks.known(member) else {
            return Err(Trouble::new(FaultKind::Undefined, "thread is not in the block"));
        };
        let now = self.clocks.now(member);
        let actor = Actor { thread: thread as u16, member: member as u16, now, known, strong };
        f(&mut self.shared, &actor)
    }
}

pub(super) struct Block {
    pub(super) core: Core,
    pub(super) warps: Vec<Warp>,
    steps: u64,
}

/// How a turn of a block ended.
pub(super) enum Turn {
    Ran,
    Finished,
}

impl Block {
    pub(super) fn new(launch: &Launch<'_>, number: u64) -> Self {
        let threads = launch.threads();
        let warps = threads.div_ceil(32);
        let registers = launch.program.registers.len();
        let shared = launch.program.static_shared + launch.dynamic_shared;
        let core = Core {
            index: launch.block_index(number),
            view: View::new(launch.shadow_number(number)),
            shared: SharedMemory::new(shared as usize),
            frames: Frames::new(threads as usize, launch.program.frame_bytes),
            clocks: Clocks::new(warps as usize),
            barriers: Barriers::default(),
            cluster: ClusterBarrier::default(),
            mbarriers: Mbarriers::default(),
            copies: (0..threads).map(|_| ThreadCopies::default()).collect(),
            in_flight: Vec::new(),
            groups: (0..warps).map(|_| Groups::default()).collect(),
            counters: Counters::default(),
            exited: 0,
            random: Random::new(launch.seed, number),
        };
        let warps = (0..warps)
            .map(|index| {
                let count = (threads - index * 32).min(32);
                let present = if count == 32 { u32::MAX } else { (1 << count) - 1 };
                Warp::new(index, present, registers)
            })
            .collect();
        Self { core, warps, steps: 0 }
    }

    /// Lets one warp run for up to `quantum` instructions.
    pub(super) fn turn(
        &mut self,
        launch: &Launch<'_>,
        quantum: u32,
        scratch: &mut Scratch,
    ) -> Result<Turn, Box<Fault>> {
        self.land(launch)?;
        let count = self.warps.len();
        let start = self.core.random.below(count.max(1) as u64) as usize;
        for offset in 0..count {
            let index = (start + offset) % count;
            let Some(warp) = self.warps.get_mut(index) else { continue };
            if warp.done() || !warp.choose() {
                continue;
            }
            let mut ran = 0;
            while ran < quantum && warp.choose() {
                let pc = warp.split().map_or(0, |split| split.pc);
                if let Err(trouble) = step::step(launch, &mut self.core, warp, scratch) {
                    return Err(self.fault(launch, index, pc, trouble));
                }
                ran += 1;
                if self.core.barriers.has_released() {
                    break;
                }
            }
            self.steps += u64::from(ran);
            self.release_barriers();
            if self.steps > launch.budget {
                return Err(self.out_of_budget(launch, index));
            }
            return Ok(Turn::Ran);
        }
        if self.warps.iter().all(Warp::done) {
            return self.finish(launch);
        }
        if !self.core.in_flight.is_empty() {
            return Ok(Turn::Ran);
        }
        Err(self.stuck(launch))
    }

    fn finish(&mut self, launch: &Launch<'_>) -> Result<Turn, Box<Fault>> {
        if !self.core.in_flight.is_empty() {
            return Ok(Turn::Ran);
        }
        if let Some(trouble) = self.core.unfinished_copies() {
            return Err(self.fault(launch, 0, 0, trouble));
        }
        Ok(Turn::Finished)
    }

    /// Completes asynchronous bulk copies whose time has come.
    fn land(&mut self, launch: &Launch<'_>) -> Result<(), Box<Fault>> {
        let idle = !self.warps.iter().any(|warp| warp.splits.iter().any(|split| split.state == State::Ready));
        match self.core.land(launch, idle) {
            Ok(()) => Ok(()),
            Err(trouble) => Err(self.fault(launch, 0, 0, trouble)),
        }
    }

    /// Wakes the warps whose barrier is complete.
    fn release_barriers(&mut self) {
        for released in self.core.barriers.take_released() {
            for warp in &mut self.warps {
                let mut waits = false;
                for split in &mut warp.splits {
                    if split.state == (State::AtBarrier { id: released.id }) {
                        split.state = State::Ready;
                        split.pc += 1;
                        waits = true;
                    }
                }
                if waits {
                    self.core.clocks.acquire(warp.index as usize, &released.clock);
                    for (index, register, mask) in &released.results {
                        if *index == warp.index {
                            warp.set(*register, *mask, &[released.value; 32]);
                        }
                    }
                }
            }
        }
    }

    fn fault(&self, launch: &Launch<'_>, warp: usize, pc: u32, trouble: Trouble) -> Box<Fault> {
        let parts = trouble.into_parts();
        let instr = launch.program.code.get(pc as usize);
        let thread = parts.thread.or_else(|| parts.lane.map(|lane| warp as u32 * 32 + lane));
        Box::new(Fault {
            kind: parts.kind,
            kernel: launch.program.kernel.clone(),
            line: instr.map_or(0, |instr| instr.line),
            instruction: instr.map_or(String::new(), |instr| instr.text.clone()),
            block: self.core.index,
            thread: thread.map(|thread| launch.thread(thread)),
            address: parts.address,
            allocation: parts.allocation,
            detail: parts.detail,
        })
    }

    fn out_of_budget(&self, launch: &Launch<'_>, warp: usize) -> Box<Fault> {
        let split = self.warps.get(warp).and_then(Warp::split);
        let (pc, mask) = split.map_or((0, 1), |split| (split.pc, split.mask));
        let detail = format!(
            "the block's warps have executed {} instructions, which is more than the budget: probably an infinite loop",
            self.steps
        );
        let trouble = Trouble::new(FaultKind::Budget, detail).lane(mask.trailing_zeros() as usize);
        self.fault(launch, warp, pc, trouble)
    }

    /// Nothing can run and threads are left: says who waits for whom.
    fn stuck(&self, launch: &Launch<'_>) -> Box<Fault> {
        // Of several the one that stands furthest back: that is where the paths parted.
        let gathering = self.warps.iter().enumerate().flat_map(|(index, warp)| {
            warp.splits.iter().filter_map(move |split| match split.state {
                State::Gathering { required } => Some((index, warp, split, required)),
                State::Ready | State::AtBarrier { .. } => None,
            })
        });
        if let Some((index, warp, split, required)) =
            gathering.min_by_key(|(index, _, split, _)| (split.pc, *index))
        {
            let missing = required & !split.mask;
            let elsewhere = self.where_is(launch, warp, missing);
            let detail = format!(
                "lanes {:#010x} wait for lanes {missing:#010x}, which do not come: {elsewhere}",
                split.mask
            );
            let barrier = launch.program.code.get(split.pc as usize).is_some_and(|instr| {
                matches!(instr.op, crate::code::Op::Sync(crate::code::Synchronize::Barrier { .. }))
            });
            let kind = if barrier { FaultKind::Barrier } else { FaultKind::Convergence };
            let lane = split.mask.trailing_zeros() as usize;
            return self.fault(launch, index, split.pc, Trouble::new(kind, detail).lane(lane));
        }
        for (index, warp) in self.warps.iter().enumerate() {
            for split in &warp.splits {
                if let State::AtBarrier { id } = split.state {
                    let (name, arrived, expected) = self.core.barrier_progress(launch, id);
                    let missing = self.first_missing(launch, id);
                    let detail = format!("{name} is reached by {arrived} of {expected} threads; {missing}");
                    let lane = split.mask.trailing_zeros() as usize;
                    return self.fault(
                        launch,
                        index,
                        split.pc,
                        Trouble::new(FaultKind::Barrier, detail).lane(lane),
                    );
                }
            }
        }
        self.fault(launch, 0, 0, Trouble::new(FaultKind::Deadlock, "no thread of the block can go on"))
    }

    fn where_is(&self, launch: &Launch<'_>, warp: &Warp, lanes: u32) -> String {
        let gone = lanes & !warp.live;
        if gone != 0 {
            return format!("lane {} has exited", gone.trailing_zeros());
        }
        let other = warp.splits.iter().find(|split| split.mask & lanes != 0);
        other.map_or("they are not in the block".into(), |split| {
            let line = launch.program.code.get(split.pc as usize).map_or(0, |instr| instr.line);
            format!("lane {} waits at line {line}", (split.mask & lanes).trailing_zeros())
        })
    }

    fn first_missing(&self, launch: &Launch<'_>, id: u32) -> String {
        for warp in &self.warps {
            let gone = warp.present & !warp.live;
            if gone != 0 {
                let [x, y, z] = launch.thread(warp.first_thread() + gone.trailing_zeros());
                return format!("thread ({}, {}, {}) has exited", x, y, z);
            }
            if let Some(split) = warp.splits.iter().find(|split| split.state != (State::AtBarrier { id })) {
                let line = launch.program.code.get(split.pc as usize).map_or(0, |instr| instr.line);
                let [x, y, z] = launch.thread(warp.first_thread() + split.mask.trailing_zeros());
                return format!("thread ({}, {}, {}) waits at line {line}", x, y, z);
            }
        }
        "all others wait there".into()
    }
}
