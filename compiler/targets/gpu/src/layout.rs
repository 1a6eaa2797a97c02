//! Where the entries of a tile live: which bits of an axis's index come from the thread's number, and which from the number of the slot (register).
//!
//! An index along an axis is a number of bits; each bit is one of the thread's or one of the slot's. A thread's bits that no axis of a tile has hold
//! copies. Vectors of four neighbours in one thread, interleaved threads and the fragments of matrix instructions are all of this form.

use std::collections::BTreeMap;
use tensc_program::AxisId;

/// Where a bit of an index comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bit {
    /// The slot's next bit.
    Slot,
    /// This bit of the thread's number.
    Thread(u32),
}

/// The bits of each axis, lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) axes: BTreeMap<AxisId, Vec<Bit>>,
}

impl Layout {
    /// The bits of an axis; none for an axis that has only one entry.
    pub(crate) fn bits(&self, axis: AxisId) -> &[Bit] {
        self.axes.get(&axis).map_or(&[], Vec::as_slice)
    }

    /// How many slots an axis takes.
    pub(crate) fn slots(&self, axis: AxisId) -> usize {
        1 << self.bits(axis).iter().filter(|bit| **bit == Bit::Slot).count()
    }

    /// How many indices an axis has.
    pub(crate) fn width(&self, axis: AxisId) -> usize {
        1 << self.bits(axis).len()
    }

    /// How many slots a tile of these axes takes.
    pub(crate) fn tile_slots(&self, axes: &[AxisId]) -> usize {
        axes.iter().map(|axis| self.slots(*axis)).product()
    }

    /// The slot of each axis, for a slot of the tile; the last axis is fastest.
    pub(crate) fn split(&self, axes: &[AxisId], slot: usize) -> Vec<usize> {
        let mut rest = slot;
        let mut parts: Vec<usize> = axes
            .iter()
            .rev()
            .map(|axis| {
                let count = self.slots(*axis);
                let part = rest % count;
                rest /= count;
                part
            })
            .collect();
        parts.reverse();
        parts
    }

    /// The slot of a tile with these axes that holds what slot `slot` of a tile with the axes `of` holds, by axis; axes that it lacks don't matter.
    pub(crate) fn project(&self, of: &[AxisId], slot: usize, axes: &[AxisId]) -> usize {
        let parts = self.split(of, slot);
        let mut number = 0;
        for axis in axes {
            let part = of.iter().position(|a| a == axis).and_then(|at| parts.get(at)).copied().unwrap_or(0);
            number = number * self.slots(*axis) + part;
        }
        number
    }

    /// The part of an index that the slot decides.
    pub(crate) fn slot_index(&self, axis: AxisId, slot: usize) -> usize {
        let mut rest = slot;
        let mut index = 0;
        for (at, bit) in self.bits(axis).iter().enumerate() {
            if *bit == Bit::Slot {
                index |= (rest & 1) << at;
                rest >>= 1;
            }
        }
        index
    }

    /// The part of an index that the thread decides: runs of neighbouring bits as (first bit of the thread's number, how many, where they go).
    pub(crate) fn thread_runs(&self, axis: AxisId) -> Vec<(u32, u32, u32)> {
        let mut runs: Vec<(u32, u32, u32)> = Vec::new();
        for (at, bit) in (0..).zip(self.bits(axis)) {
            let Bit::Thread(thread) = *bit else { continue };
            match runs.last_mut() {
                Some((first, count, to)) if *first + *count == thread && *to + *count == at => *count += 1,
                _ => runs.push((thread, 1, at)),
            }
        }
        runs
    }

    /// The thread's bits that decide an axis's index.
    pub(crate) fn thread_bits(&self, axis: AxisId) -> impl Iterator<Item = u32> {
        self.bits(axis).iter().filter_map(|bit| match bit {
            Bit::Thread(n) => Some(*n),
            Bit::Slot => None,
        })
    }

    /// Whether a tile of these axes lies alike in both.
    pub(crate) fn agrees(&self, other: &Self, axes: &[AxisId]) -> bool {
        axes.iter().all(|axis| self.bits(*axis) == other.bits(*axis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_put_together_from_thread_and_slot() {
        let axis = AxisId(0);
        let bits = vec![Bit::Slot, Bit::Slot, Bit::Thread(0), Bit::Thread(1), Bit::Thread(4), Bit::Slot];
        let layout = Layout { axes: BTreeMap::from([(axis, bits)]) };
        assert_eq!((layout.slots(axis), layout.width(axis)), (8, 64));
        assert_eq!(layout.thread_runs(axis), [(0, 2, 2), (4, 1, 4)]);
        let indices: Vec<usize> = (0..8).map(|slot| layout.slot_index(axis, slot)).collect();
        assert_eq!(indices, [0, 1, 2, 3, 32, 33, 34, 35]);
    }

    #[test]
    fn slots_follow_the_order_of_axes() {
        let (a, b) = (AxisId(0), AxisId(1));
        let axes = BTreeMap::from([(a, vec![Bit::Slot]), (b, vec![Bit::Slot, Bit::Slot])]);
        let layout = Layout { axes };
        assert_eq!(layout.split(&[a, b], 6), [1, 2]);
        assert_eq!(layout.project(&[a, b], 6, &[b, a]), 5);
        assert_eq!(layout.project(&[a, b], 6, &[b]), 2);
    }
}
