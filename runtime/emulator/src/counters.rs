//! What a launch did, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::isa::Kind;

/// Traffic of one memory in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Instructions of warps.
    pub requests: u64,
    /// Bytes that threads asked for.
    pub bytes: u64,
    /// Global memory: sectors of 32 bytes touched, counted for each request.
    pub sectors: u64,
    /// Global memory: sectors that the bytes would fill if they were dense.
    pub ideal_sectors: u64,
}

/// Counters of one launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Instructions executed by warps.
    pub warp_instructions: u64,
    /// Instructions executed by threads.
    pub thread_instructions: u64,
    /// Instructions executed by threads, by kind.
    pub by_kind: BTreeMap<Kind, u64>,
    /// Loads from global memory, asynchronous ones included.
    pub global_loads: Traffic,
    /// Stores to global memory, atomics included.
    pub global_stores: Traffic,
    /// Loads from shared memory.
    pub shared_loads: Traffic,
    /// Stores to shared memory, atomics included.
    pub shared_stores: Traffic,
    /// Passes through shared memory beyond the one (or few, for wide accesses) that each request needs.
    pub bank_conflicts: u64,
    /// Branches at which the lanes of a warp disagreed.
    pub divergent_branches: u64,
    /// Arrivals of warps at barriers.
    pub barriers: u64,
    /// Multiply-adds of matrix instructions.
    pub matrix_multiply_adds: u64,
    #[serde(skip)]
    kinds: [u64; KINDS],
}

const KINDS: usize = 15;
const ALL: [Kind; KINDS] = [
    Kind::Integer,
    Kind::Half,
    Kind::Single,
    Kind::Double,
    Kind::Special,
    Kind::Compare,
    Kind::Logic,
    Kind::Move,
    Kind::Convert,
    Kind::Memory,
    Kind::Atomic,
    Kind::Control,
    Kind::Synchronize,
    Kind::Matrix,
    Kind::Async,
];

impl Traffic {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.sectors += other.sectors;
        self.ideal_sectors += other.ideal_sectors;
    }

    /// A warp's request of `width` bytes at each address.
    pub(crate) fn global(&mut self, addresses: impl Iterator<Item = u64>, width: u64) {
        let mut sectors: Vec<u64> = Vec::with_capacity(64);
        let mut bytes = 0;
        for address in addresses {
            bytes += width;
            let mut sector = address / 32;
            while sector <= address.saturating_add(width - 1) / 32 {
                if sectors.last() != Some(&sector) {
                    sectors.push(sector);
                }
                sector += 1;
            }
        }
        if !sectors.is_sorted() {
            sectors.sort_unstable();
        }
        sectors.dedup();
        self.requests += 1;
        self.bytes += bytes;
        self.sectors += sectors.len() as u64;
        self.ideal_sectors += bytes.div_ceil(32);
    }
}

impl Counters {
    pub(crate) fn instruction(&mut self, kind: Kind, lanes: u32) {
        self.warp_instructions += 1;
        self.thread_instructions += u64::from(lanes);
        if let Some(count) = self.kinds.get_mut(kind as usize) {
            *count += u64::from(lanes);
        }
    }

    /// Adds another block's counters.
    pub(crate) fn add(&mut self, other: &Self) {
        self.warp_instructions += other.warp_instructions;
        self.thread_instructions += other.thread_instructions;
        self.global_loads.add(&other.global_loads);
        self.global_stores.add(&other.global_stores);
        self.shared_loads.add(&other.shared_loads);
        self.shared_stores.add(&other.shared_stores);
        self.bank_conflicts += other.bank_conflicts;
        self.divergent_branches += other.divergent_branches;
        self.barriers += other.barriers;
        self.matrix_multiply_adds += other.matrix_multiply_adds;
        self.kinds.iter_mut().zip(other.kinds).for_each(|(own, theirs)| *own += theirs);
    }

    /// Fills `by_kind`.
    pub(crate) fn finish(&mut self) {
        self.by_kind = ALL.into_iter().zip(self.kinds).filter(|(_, count)| *count > 0).collect();
    }

    /// A warp's request to shared memory: words of the same bank in different rows take turns. Accesses of 8 and 16
    /// bytes are served for half and quarter warps.
    pub(crate) fn shared_request(&mut self, store: bool, addresses: &[u64], width: u64) {
        let traffic = if store { &mut self.shared_stores } else { &mut self.shared_loads };
        traffic.requests += 1;
        traffic.bytes += addresses.len() as u64 * width;
        let lanes = (128 / width.clamp(4, 16)) as usize;
        for part in addresses.chunks(lanes) {
            // Distinct words of each bank; a word is looked for among earlier ones only where its bank is taken.
            let (mut banks, mut last) = ([0_u64; 32], [u64::MAX; 32]);
            let words =
                || part.iter().flat_map(|address| *address / 4..=address.saturating_add(width - 1) / 4);
            for (index, word) in words().enumerate() {
                let bank = (word % 32) as usize;
                let (Some(count), Some(last)) = (banks.get_mut(bank), last.get_mut(bank)) else { continue };
                if *last == word || (*count > 0 && words().take(index).any(|earlier| earlier == word)) {
                    continue;
                }
                *last = word;
                *count += 1;
            }
            self.bank_conflicts += banks.iter().max().copied().unwrap_or(0).saturating_sub(1);
        }
    }
}
