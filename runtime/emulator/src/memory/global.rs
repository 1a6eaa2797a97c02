//! Global memory: allocations with guard gaps between them, shared by all blocks and by the host.
//!
//! Bytes are in 32-bit atomic words, so that blocks may run on several cores; a shadow word beside each makes memory
//! cost twice the buffers and no more.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::blocks::{Releases, View};
use super::shadow::{self, MixedWords, Touch};
use crate::fault::{FaultKind, Trouble};

/// Addresses of the first allocation and the alignment of all of them.
const FIRST: u64 = 0x7f00_0000_0000;
const ALIGN: u64 = 512;
/// Bytes that lie at least between two allocations.
const GAP: u64 = 4096;

pub(crate) struct Allocation {
    pub(crate) base: u64,
    pub(crate) bytes: u64,
    name: String,
    words: Box<[AtomicU32]>,
    shadow: Box<[AtomicU32]>,
    freed: bool,
    read_only: bool,
    touched: AtomicBool,
}

pub(crate) struct GlobalMemory {
    allocations: Vec<Allocation>,
    next: u64,
    mixed: MixedWords,
    pub(crate) releases: Releases,
    locks: [Mutex<()>; 64],
}

impl GlobalMemory {
    pub(crate) fn new() -> Self {
        Self {
            allocations: Vec::new(),
            next: FIRST,
            mixed: MixedWords::default(),
            releases: Releases::default(),
            locks: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    pub(crate) fn allocate(&mut self, bytes: u64, name: &str, read_only: bool) -> u64 {
        let base = self.next;
        let words = usize::try_from(bytes.div_ceil(4)).unwrap_or(usize::MAX);
        let zeros = || (0..words).map(|_| AtomicU32::new(0)).collect();
        self.allocations.push(Allocation {
            base,
            bytes,
            name: if name.is_empty() {
                format!("allocation {}", self.allocations.len())
            } else {
                format!("`{name}`")
            },
            words: zeros(),
            shadow: zeros(),
            freed: false,
            read_only,
            touched: AtomicBool::new(false),
        });
        self.next = (base + bytes + GAP).next_multiple_of(ALIGN);
        base
    }

    /// Releases the bytes; the addresses are never used again. Fails where `base` is no live allocation's.
    pub(crate) fn free(&mut self, base: u64) -> Result<(), Trouble> {
        let found = self.allocations.iter_mut().find(|allocation| allocation.base == base);
        match found {
            Some(allocation) if !allocation.freed => {
                allocation.freed = true;
                allocation.words = Box::new([]);
                allocation.shadow = Box::new([]);
                Ok(())
            }
            Some(allocation) => {
                Err(Trouble::new(FaultKind::UseAfterFree, format!("{} is freed twice", allocation.name))
                    .address(base))
            }
            None => {
                Err(Trouble::new(FaultKind::OutOfBounds, "no allocation starts at this address")
                    .address(base))
            }
        }
    }

    /// Bytes of all live allocations.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.allocations
            .iter()
            .filter(|allocation| !allocation.freed)
            .map(|allocation| allocation.bytes)
            .sum()
    }

    /// Starts a launch: earlier accesses happened before it.
    pub(crate) fn begin_launch(&self) {
        self.mixed.clear();
        self.releases.clear();
        for allocation in &self.allocations {
            if allocation.touched.swap(false, Ordering::Relaxed) {
                allocation.shadow.iter().for_each(shadow::forget);
            }
        }
    }

    /// The allocation that holds all of `bytes` bytes at `address`.
    pub(crate) fn find(&self, address: u64, bytes: u64) -> Result<&Allocation, Trouble> {
        let after = self.allocations.partition_point(|allocation| allocation.base <= address);
        let before = after.checked_sub(1).and_then(|index| self.allocations.get(index));
        if let Some(allocation) = before {
            let offset = address - allocation.base;
            if offset.checked_add(bytes).is_some_and(|end| end <= allocation.bytes) {
                if allocation.freed {
                    return Err(Trouble::new(
                        FaultKind::UseAfterFree,
                        format!("{} was freed", allocation.name),
                    )
                    .address(address)
                    .allocation(allocation.description()));
                }
                return Ok(allocation);
            }
            // Nothing else lies within the gap behind it.
            if offset < allocation.bytes + GAP {
                let detail = format!(
                    "access of {bytes} bytes at offset {offset} of {}, which has {} bytes",
                    allocation.name, allocation.bytes
                );
                let freed = if allocation.freed { FaultKind::UseAfterFree } else { FaultKind::OutOfBounds };
                return Err(Trouble::new(freed, detail)
                    .address(address)
                    .allocation(allocation.description()));
            }
        }
        let mut trouble =
            Trouble::new(FaultKind::OutOfBounds, format!("access of {bytes} bytes outside every allocation"))
                .address(address);
        if let Some(next) = self.allocations.get(after).filter(|next| next.base - address <= GAP) {
            trouble =
                trouble.allocation(format!("{} bytes before {}", next.base - address, next.description()));
        }
        Err(trouble)
    }

    /// A lock that all atomics on `address` take.
    pub(crate) fn lock(&self, address: u64) -> Option<MutexGuard<'_, ()>> {
        let lock = self.locks.get((address >> 3) as usize % self.locks.len())?;
        Some(lock.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Allocation {
    pub(crate) fn description(&self) -> String {
        format!("{} of {} bytes at {:#x}", self.name, self.bytes, self.base)
    }

    /// Words of `width` bytes at `address`, each with its byte mask.
    fn words(&self, address: u64, width: u32) -> impl Iterator<Item = (usize, u32)> + use<> {
        let offset = address - self.base;
        let first = offset / 4;
        let last = (offset + u64::from(width) - 1) / 4;
        (first..=last).map(move |word| {
            let start = offset.saturating_sub(word * 4);
            let end = (offset + u64::from(width) - word * 4).min(4);
            (word as usize, ((1_u32 << end) - 1) & !((1_u32 << start) - 1))
        })
    }

    /// The element of 1, 2, 4 or 8 bytes at `address`, which is aligned and inside.
    pub(crate) fn load(&self, address: u64, width: u32) -> u64 {
        let offset = address - self.base;
        let word = |index: u64| {
            self.words.get(index as usize).map_or(0, |word| u64::from(word.load(Ordering::Relaxed)))
        };
        match width {
            8 => word(offset / 4) | word(offset / 4 + 1) << 32,
            4 => word(offset / 4),
            _ => crate::code::low(word(offset / 4) >> (8 * (offset % 4)), 8 * width),
        }
    }

    /// Stores an element of 1, 2, 4 or 8 bytes.
    pub(crate) fn store(&self, address: u64, width: u32, value: u64) {
        let offset = address - self.base;
        let index = (offset / 4) as usize;
        let Some(word) = self.words.get(index) else { return };
        match width {
            8 => {
                word.store(value as u32, Ordering::Relaxed);
                if let Some(high) = self.words.get(index + 1) {
                    high.store((value >> 32) as u32, Ordering::Relaxed);
                }
            }
            4 => word.store(value as u32, Ordering::Relaxed),
            _ => {
                let shift = 8 * (offset % 4) as u32;
                let mask = ((1_u32 << (8 * width)) - 1) << shift;
                let bits = (value as u32) << shift & mask;
                let update = |old: u32| Some((old & !mask) | bits);
                // The update always gives a value, so this cannot fail.
                let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
            }
        }
    }

    /// Whether every byte was ever written; else the first that was not.
    pub(crate) fn unwritten(&self, address: u64, width: u32) -> Option<u64> {
        self.words(address, width).find_map(|(index, mask)| {
            let missing = mask & !self.shadow.get(index).map_or(0, shadow::written);
            (missing != 0).then(|| self.base + index as u64 * 4 + u64::from(missing.trailing_zeros()))
        })
    }

    /// Records an access by the view's block.
    pub(crate) fn touch(
        &self,
        memory: &GlobalMemory,
        address: u64,
        width: u32,
        kind: Touch,
        view: &View,
    ) -> Result<(), Trouble> {
        if self.read_only {
            if kind == Touch::Read {
                return Ok(());
            }
            return Err(Trouble::new(FaultKind::ReadOnly, format!("{} is constant", self.name))
                .address(address)
                .allocation(self.description()));
        }
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
        for (index, mask) in self.words(address, width) {
            let Some(word) = self.shadow.get(index) else { continue };
            let place = self.base + index as u64 * 4;
            if let Err(other) = shadow::touch(word, &memory.mixed, place, kind, mask, view) {
                let what = match kind {
                    Touch::Read => "reads what block",
                    Touch::Write => "writes what block",
                    Touch::Strong => "updates what block",
                };
                let (first, second) = (view.block, other);
                let detail = if u64::from(other) >= shadow::MOST_BLOCKS {
                    format!("block {first} {what}s of this launch access without synchronisation")
                } else {
                    format!("block {first} {what} {second} accesses without synchronisation between them")
                };
                return Err(Trouble::new(FaultKind::GlobalRace, detail)
                    .address(address)
                    .allocation(self.description()));
            }
        }
        Ok(())
    }

    /// Host access: copies in and marks as written.
    pub(crate) fn copy_in(&self, address: u64, bytes: &[u8]) {
        let mut address = address;
        let mut rest = bytes;
        while let Some((chunk, after)) = split_at_word(rest, address) {
            let mut value = [0; 4];
            value.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            for (index, mask) in self.words(address, chunk.len() as u32) {
                if let (Some(word), Some(shadow)) = (self.words.get(index), self.shadow.get(index)) {
                    let shift = mask.trailing_zeros() * 8;
                    let ones =
                        if chunk.len() == 4 { u32::MAX } else { ((1_u32 << (8 * chunk.len())) - 1) << shift };
                    let old = word.load(Ordering::Relaxed);
                    word.store(
                        (old & !ones) | (u32::from_le_bytes(value) << shift & ones),
                        Ordering::Relaxed,
                    );
                    shadow::mark_written(shadow, mask);
                }
            }
            address += chunk.len() as u64;
            rest = after;
        }
    }

    /// Host access: copies out, without asking whether the bytes were written.
    pub(crate) fn copy_out(&self, address: u64, bytes: &mut [u8]) {
        let offset = address - self.base;
        for (index, byte) in bytes.iter_mut().enumerate() {
            let place = offset + index as u64;
            let word = self.words.get((place / 4) as usize).map_or(0, |word| word.load(Ordering::Relaxed));
            *byte = (word >> (8 * (place % 4))) as u8;
        }
    }
}

/// The bytes up to the next word boundary, and the rest.
fn split_at_word(bytes: &[u8], address: u64) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let length = (4 - address % 4).min(bytes.len() as u64) as usize;
    bytes.split_at_checked(length)
}
