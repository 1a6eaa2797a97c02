//! Which blocks happen before which: releases and acquires through global memory (ISA 8.9).
//!
//! A block that fences its writes and then writes a flag (or adds to a counter) atomically releases them; a block that
//! reads that flag acquires them, with everything the releaser had acquired. What is tracked is whether a block has
//! acquired another at all, not up to which access, so a race after a release is missed and none is invented.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A set of block numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockSet(Vec<u64>);

impl BlockSet {
    pub(crate) fn contains(&self, block: u32) -> bool {
        self.0.get(block as usize / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    fn insert(&mut self, block: u32) {
        let word = block as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (block % 64);
        }
    }

    fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (own, theirs) in self.0.iter_mut().zip(&other.0) {
            *own |= theirs;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One block's view of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) block: u32,
    acquired: BlockSet,
    /// No plain write to global memory since the last fence.
    fenced: bool,
}

impl View {
    pub(crate) fn new(block: u32) -> Self {
        Self { block, acquired: BlockSet::default(), fenced: true }
    }

    pub(crate) fn after(&self, other: u32) -> bool {
        self.acquired.contains(other)
    }

    pub(crate) fn after_any(&self) -> bool {
        !self.acquired.is_empty()
    }

    pub(crate) fn fence(&mut self) {
        self.fenced = true;
    }

    pub(crate) fn plain_write(&mut self) {
        self.fenced = false;
    }
}

/// What has been released at each address.
#[derive(Debug, Default)]
pub(crate) struct Releases(Mutex<HashMap<u64, BlockSet>>);

impl Releases {
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A strong access at `address`: acquires if it reads, releases if it writes and the block's writes are fenced.
    pub(crate) fn access(&self, address: u64, view: &mut View, reads: bool, writes: bool, ordered: bool) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reads && let Some(set) = map.get(&address) {
            view.acquired.extend(set);
        }
        if writes && (view.fenced || ordered) {
            let set = map.entry(address).or_default();
            set.extend(&view.acquired);
            set.insert(view.block);
        }
    }
}
