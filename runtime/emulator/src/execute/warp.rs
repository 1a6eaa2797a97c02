//! A warp: registers of 32 lanes, and the splits of lanes that run together.
//!
//! Lanes that branch apart become splits of their own. The split deepest in calls and, among those, furthest behind
//! in the code runs first, so that splits meet again where the code joins; a split that runs long while others could
//! gives way, so that lanes waiting for each other make progress (ISA 3.1, independent thread scheduling).

use crate::code::{Lanes, RegisterId};

/// Where a split stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// Waits for the lanes in the mask to come to the same instruction.
    Gathering {
        required: u32,
    },
    /// Waits at a barrier of the block.
    AtBarrier {
        id: u32,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) mask: u32,
    pub(super) pc: u32,
    /// Return addresses, innermost last: call sites of functions.
    pub(super) calls: Vec<u32>,
    pub(super) state: State,
}

pub(super) struct Warp {
    pub(super) index: u32,
    /// Lanes that have not exited.
    pub(super) live: u32,
    /// Lanes that the block has threads for.
    pub(super) present: u32,
    pub(super) registers: Vec<Lanes>,
    pub(super) written: Vec<u32>,
    /// Registers that an asynchronous product will write.
    pub(super) pending: Vec<RegisterId>,
    pub(super) splits: Vec<Split>,
    pub(super) current: usize,
    streak: u32,
    pub(super) steps: u64,
}

/// Instructions that one split may run while another could.
const PATIENCE: u32 = 2048;

impl Warp {
    pub(super) fn new(index: u32, present: u32, registers: usize) -> Self {
        Self {
            index,
            live: present,
            present,
            registers: vec![[0; 32]; registers],
            written: vec![0; registers],
            pending: Vec::new(),
            splits: vec![Split { mask: present, pc: 0, calls: Vec::new(), state: State::Ready }],
            current: 0,
            streak: 0,
            steps: 0,
        }
    }

    pub(super) fn done(&self) -> bool {
        self.splits.is_empty()
    }

    /// Threads of the block before this warp's.
    pub(super) const fn first_thread(&self) -> u32 {
        self.index * 32
    }

    /// Makes the split that runs next current; `false` where none can.
    pub(super) fn choose(&mut self) -> bool {
        if let [only] = self.splits.as_slice() {
            self.current = 0;
            return only.state == State::Ready;
        }
        self.merge();
        let ready = |split: &Split| split.state == State::Ready;
        let first = self
            .splits
            .iter()
            .enumerate()
            .filter(|(_, split)| ready(split))
            .min_by_key(|(_, split)| (usize::MAX - split.calls.len(), split.pc))
            .map(|(index, _)| index);
        let Some(first) = first else { return false };
        self.streak += 1;
        // After a while the others get a turn of a quarter of that length, one after the other.
        let turn = self.streak / (PATIENCE / 4);
        self.current = first;
        if turn >= 4 {
            let others: Vec<usize> = (0..self.splits.len())
                .filter(|index| *index != first && self.splits.get(*index).is_some_and(ready))
                .collect();
            match others.get(turn as usize - 4) {
                Some(other) => self.current = *other,
                None => self.streak = 0,
            }
        }
        true
    }

    pub(super) fn split(&self) -> Option<&Split> {
        self.splits.get(self.current)
    }

    pub(super) fn split_mut(&mut self) -> Option<&mut Split> {
        self.splits.get_mut(self.current)
    }

    /// Joins splits that stand at the same place. Gatherers meet there, too, and then try again.
    fn merge(&mut self) {
        let mut index = 0;
        while index < self.splits.len() {
            let mut other = index + 1;
            while other < self.splits.len() {
                let joins = match (self.splits.get(index), self.splits.get(other)) {
                    (Some(a), Some(b)) => {
                        let barrier = matches!(a.state, State::AtBarrier { .. })
                            || matches!(b.state, State::AtBarrier { .. });
                        a.pc == b.pc && a.calls == b.calls && !barrier
                    }
                    _ => false,
                };
                if joins {
                    let joined = self.splits.remove(other);
                    if self.current == other {
                        self.current = index;
                    } else if self.current > other {
                        self.current -= 1;
                    }
                    if let Some(split) = self.splits.get_mut(index) {
                        split.mask |= joined.mask;
                        split.state = State::Ready;
                    }
                } else {
                    other += 1;
                }
            }
            index += 1;
        }
    }

    /// Takes `mask` out of the current split into one of its own that goes on at `pc`.
    pub(super) fn fork(&mut self, mask: u32, pc: u32) {
        let Some(split) = self.splits.get_mut(self.current) else { return };
        split.mask &= !mask;
        let forked = Split { mask, pc, calls: split.calls.clone(), state: State::Ready };
        self.splits.push(forked);
    }

    /// Ends lanes of the current split.
    pub(super) fn retire(&mut self, mask: u32) {
        self.live &= !mask;
        if let Some(split) = self.splits.get_mut(self.current) {
            split.mask &= !mask;
            if split.mask == 0 {
                self.splits.remove(self.current);
                self.current = 0;
            }
        }
        // Gatherers wait only for lanes that still run.
        for split in &mut self.splits {
            if matches!(split.state, State::Gathering { .. }) {
                split.state = State::Ready;
            }
        }
    }

    /// Writes lanes of a register.
    pub(super) fn set(&mut self, register: RegisterId, mask: u32, values: &Lanes) {
        let index = register.0 as usize;
        let (Some(lanes), Some(written)) = (self.registers.get_mut(index), self.written.get_mut(index))
        else {
            return;
        };
        *written |= mask;
        if mask == u32::MAX {
            *lanes = *values;
            return;
        }
        for (lane, (to, from)) in lanes.iter_mut().zip(values).enumerate() {
            if mask >> lane & 1 == 1 {
                *to = *from;
            }
        }
    }

    /// As [`Warp::set`], but lanes outside `known` become "never written".
    pub(super) fn set_known(&mut self, register: RegisterId, mask: u32, known: u32, values: &Lanes) {
        self.set(register, mask, values);
        if let Some(written) = self.written.get_mut(register.0 as usize) {
            *written &= !(mask & !known);
        }
    }
}
