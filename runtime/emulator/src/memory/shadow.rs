//! Who touched a word of global memory during this launch, in 32 bits a word.
//!
//! In: accesses of blocks to bytes of a word. Out: the other block, where the access races with one of its own.
//! A word remembers which of its bytes were ever written, and one block's reads and writes or several blocks' reads.
//! Words whose bytes belong to different blocks are rare (the edges of tiles) and go to a table of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::blocks::View;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    Read,
    Write,
    /// Atomics and strong accesses: they do not race with each other.
    Strong,
}

const NOBODY: u32 = 0;
/// Block number of words that are in the table.
const MIXED: u32 = (1 << 18) - 1;
/// Block numbers above this share a number with their neighbours.
pub(crate) const MOST_BLOCKS: u64 = MIXED as u64 - 2;
/// Entries of the table; words beyond it are not checked.
const MOST_MIXED: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Bytes that have ever been written (these outlive a launch).
    written: u32,
    /// Bytes the block wrote; with `many`, bytes that other blocks read.
    a: u32,
    /// Bytes the block read.
    b: u32,
    many: bool,
    strong: bool,
    /// The block's number plus one.
    owner: u32,
}

impl Cell {
    const fn unpack(bits: u32) -> Self {
        Self {
            written: bits & 0xf,
            a: bits >> 4 & 0xf,
            b: bits >> 8 & 0xf,
            many: bits >> 12 & 1 == 1,
            strong: bits >> 13 & 1 == 1,
            owner: bits >> 14,
        }
    }

    const fn pack(self) -> u32 {
        self.written
            | self.a << 4
            | self.b << 8
            | (self.many as u32) << 12
            | (self.strong as u32) << 13
            | self.owner << 14
    }

    /// The word as `view`'s block sees it when it comes first, or after all others.
    const fn fresh(self, touch: Touch, mask: u32, owner: u32) -> Self {
        let writes = matches!(touch, Touch::Write | Touch::Strong);
        Self {
            written: self.written,
            a: if writes { mask } else { 0 },
            b: if writes { 0 } else { mask },
            many: false,
            strong: matches!(touch, Touch::Strong),
            owner,
        }
    }
}

/// Who wrote and read one byte: block numbers plus one, or [`MIXED`] for several.
#[derive(Clone, Copy, Debug, Default)]
struct Byte {
    writer: u32,
    reader: u32,
}

/// What an access means for a word.
enum Step {
    Keep(Cell),
    Race(u32),
    /// To the table.
    Split,
}

/// Words whose bytes several blocks use.
#[derive(Debug, Default)]
pub(crate) struct MixedWords(Mutex<HashMap<u64, [Byte; 4]>>);

impl MixedWords {
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn touch(&self, address: u64, cell: Cell, touch: Touch, mask: u32, view: &View) -> Result<(), u32> {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MOST_MIXED && !map.contains_key(&address) {
            return Ok(());
        }
        let bytes = map.entry(address).or_insert_with(|| {
            let mut bytes = [Byte::default(); 4];
            for (index, byte) in bytes.iter_mut().enumerate() {
                let bit = |mask: u32| mask >> index & 1 == 1;
                if cell.owner != MIXED && !cell.strong {
                    byte.writer = if bit(cell.a) && !cell.many { cell.owner } else { NOBODY };
                    byte.reader = match (bit(cell.b), cell.many && bit(cell.a)) {
                        (_, true) => MIXED,
                        (true, false) => cell.owner,
                        (false, false) => NOBODY,
                    };
                }
            }
            bytes
        });
        let me = view.block + 1;
        let free = |other: u32| {
            other == NOBODY
                || other == me
                || (other == MIXED && view.after_any())
                || (other != MIXED && view.after(other - 1))
        };
        for (index, byte) in bytes.iter_mut().enumerate() {
            if mask >> index & 1 == 0 {
                continue;
            }
            if !free(byte.writer) {
                return Err(byte.writer - 1);
            }
            if touch == Touch::Read {
                byte.reader = if byte.reader == NOBODY || byte.reader == me { me } else { MIXED };
                continue;
            }
            if !free(byte.reader) {
                return Err(byte.reader - 1);
            }
            *byte = Byte { writer: if touch == Touch::Strong { NOBODY } else { me }, reader: NOBODY };
        }
        Ok(())
    }
}

fn step(cell: Cell, touch: Touch, mask: u32, view: &View) -> Step {
    let me = view.block + 1;
    if cell.owner == NOBODY {
        return Step::Keep(cell.fresh(touch, mask, me));
    }
    if cell.owner == MIXED {
        return Step::Split;
    }
    let other = cell.owner - 1;
    let mine = cell.owner == me;
    if cell.strong {
        return match touch {
            Touch::Strong => Step::Keep(Cell { a: cell.a | mask, many: cell.many || !mine, ..cell }),
            Touch::Read | Touch::Write => {
                let alone = mine && !cell.many;
                if alone || view.after(other) || (cell.many && view.after_any()) {
                    let fresh = cell.fresh(touch, mask, me);
                    Step::Keep(if alone { Cell { a: fresh.a | cell.a, ..fresh } } else { fresh })
                } else if mask & cell.a == 0 {
                    Step::Keep(cell)
                } else {
                    Step::Race(other)
                }
            }
        };
    }
    if cell.many {
        return match touch {
            Touch::Read if mine => Step::Keep(Cell { b: cell.b | mask, ..cell }),
            Touch::Read => Step::Keep(Cell { a: cell.a | mask, ..cell }),
            Touch::Write | Touch::Strong => {
                if mask & cell.a != 0 || (!mine && mask & cell.b != 0) {
                    if view.after_any() { Step::Keep(cell.fresh(touch, mask, me)) } else { Step::Race(other) }
                } else {
                    Step::Keep(cell)
                }
            }
        };
    }
    if mine {
        return Step::Keep(match touch {
            Touch::Read => Cell { b: cell.b | mask, ..cell },
            Touch::Write | Touch::Strong => Cell { a: cell.a | mask, ..cell },
        });
    }
    if view.after(other) {
        return Step::Keep(cell.fresh(touch, mask, me));
    }
    match touch {
        Touch::Read if cell.a & mask != 0 => Step::Race(other),
        Touch::Write | Touch::Strong if (cell.a | cell.b) & mask != 0 => Step::Race(other),
        Touch::Read if cell.a == 0 && cell.b & mask != 0 => Step::Keep(Cell { many: true, a: mask, ..cell }),
        Touch::Read | Touch::Write | Touch::Strong => Step::Split,
    }
}

/// Records an access to the bytes `mask` of the word at `address`.
///
/// # Errors
/// The number of the block it races with.
pub(crate) fn touch(
    word: &AtomicU32,
    mixed: &MixedWords,
    address: u64,
    kind: Touch,
    mask: u32,
    view: &View,
) -> Result<(), u32> {
    let mut old = word.load(Ordering::Relaxed);
    loop {
        let cell = Cell::unpack(old);
        let new = match step(cell, kind, mask, view) {
            Step::Race(other) => return Err(other),
            Step::Keep(cell) => cell,
            Step::Split => {
                mixed.touch(address, cell, kind, mask, view)?;
                Cell { owner: MIXED, a: 0, b: 0, many: false, strong: false, ..cell }
            }
        };
        let written = if kind == Touch::Read { new.written } else { new.written | mask };
        let new = Cell { written, ..new }.pack();
        if new == old {
            return Ok(());
        }
        match word.compare_exchange_weak(old, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Ok(()),
            Err(found) => old = found,
        }
    }
}

/// The bytes of a word that have ever been written.
pub(crate) fn written(word: &AtomicU32) -> u32 {
    word.load(Ordering::Relaxed) & 0xf
}

/// Marks bytes as written by the host.
pub(crate) fn mark_written(word: &AtomicU32, mask: u32) {
    word.fetch_or(mask, Ordering::Relaxed);
}

/// Forgets everything but which bytes were ever written.
pub(crate) fn forget(word: &AtomicU32) {
    word.fetch_and(0xf, Ordering::Relaxed);
}
