//! Reductions: within a thread, by shuffles within a warp, through shared memory between warps.

use super::Emit;
use super::memory::bytes;
use super::size::Int;
use crate::text::{Ty, Value};
use tensc_program::{AxisId, ReduceOp, TileId};

/// Lanes of a warp are numbered by these bits of the thread.
const LANE_BITS: u32 = 5;

/// What is combined: an entry, and for `argmax` its index.
#[derive(Clone, Copy)]
struct Item {
    value: Value,
    index: Option<Value>,
}

impl Emit<'_> {
    fn identity(&mut self, op: ReduceOp, ty: Ty) -> Value {
        let (float, int) = match op {
            ReduceOp::Sum => (0.0, 0),
            ReduceOp::Max | ReduceOp::ArgMax => (f64::NEG_INFINITY, i64::from(i32::MIN)),
            ReduceOp::Min => (f64::INFINITY, i64::from(i32::MAX)),
            ReduceOp::And => (1.0, 1),
            ReduceOp::Or => (0.0, 0),
        };
        match ty {
            Ty::F64 => self.text.f64(float),
            Ty::F32 => self.text.f32(float as f32),
            other => self.text.int(other, int),
        }
    }

    fn combined(&mut self, op: ReduceOp, a: Item, b: Item) -> Item {
        let float = a.value.ty.is_float();
        let value = match op {
            ReduceOp::Sum => self.text.add(a.value, b.value),
            ReduceOp::Max => self.extreme(float, "maximumf", "maxsi", a.value, b.value),
            ReduceOp::Min => self.extreme(float, "minimumf", "minsi", a.value, b.value),
            ReduceOp::And => self.text.integer("andi", a.value, b.value),
            ReduceOp::Or => self.text.integer("ori", a.value, b.value),
            ReduceOp::ArgMax => return self.larger(a, b),
        };
        Item { value, index: None }
    }

    /// The larger entry, NaN being larger than every number; of equal ones the first.
    fn larger(&mut self, a: Item, b: Item) -> Item {
        let (Some(at), Some(bt)) = (a.index, b.index) else { return a };
        let (mut above, mut equal) = if a.value.ty.is_float() {
            let above = self.text.compare("ogt", b.value, a.value);
            (above, self.text.compare("oeq", b.value, a.value))
        } else {
            let above = self.text.compare("sgt", b.value, a.value);
            (above, self.text.compare("eq", b.value, a.value))
        };
        if a.value.ty.is_float() {
            let a_is_number = self.text.compare("oeq", a.value, a.value);
            let b_is_nan = self.text.compare("une", b.value, b.value);
            let a_is_nan = self.text.compare("une", a.value, a.value);
            let over = self.text.integer("andi", a_is_number, b_is_nan);
            above = self.text.integer("ori", above, over);
            let both = self.text.integer("andi", a_is_nan, b_is_nan);
            equal = self.text.integer("ori", equal, both);
        }
        let before = self.text.compare("slt", bt, at);
        let earlier = self.text.integer("andi", equal, before);
        let second = self.text.integer("ori", above, earlier);
        Item {
            value: self.text.select(second, b.value, a.value),
            index: Some(self.text.select(second, bt, at)),
        }
    }

    pub(super) fn reduce(&mut self, op: ReduceOp, axis: AxisId, value: TileId, id: TileId) {
        let Some(lowered) = self.tiles[value.0 as usize].clone() else { return };
        let (layout, slots) = (lowered.layout, lowered.slots);
        let layout = self.layout_with(self.axes(value), layout);
        let slots = if layout == lowered.layout { slots } else { self.slots_in(value, layout) };
        let made = self.reduced(op, axis, self.axes(value), self.axes(id), layout, &slots);
        self.define(id, layout, made);
    }

    /// Combines the slots of a tile with the axes `from` along `axis`, for a tile with the axes `to`.
    pub(super) fn reduced(
        &mut self,
        op: ReduceOp,
        axis: AxisId,
        from: &[AxisId],
        to: &[AxisId],
        layout: usize,
        slots: &[Value],
    ) -> Vec<Value> {
        let count = self.plan.layouts[layout].tile_slots(to);
        let identity = self.identity(op, slots[0].ty);
        let mut items: Vec<Item> = Vec::with_capacity(count);
        // The slots that meet, in the order of the result.
        let mut meeting: Vec<Vec<usize>> = vec![Vec::new(); count];
        for slot in 0..slots.len() {
            meeting[self.plan.layouts[layout].project(from, slot, to)].push(slot);
        }
        let at = from.iter().position(|a| *a == axis).unwrap_or(0);
        for members in meeting {
            let mut sum: Option<Item> = None;
            for slot in members {
                let part = self.plan.layouts[layout].split(from, slot)[at];
                let value = match self.present(layout, axis, part) {
                    Some(present) => self.text.select(present, slots[slot], identity),
                    None => slots[slot],
                };
                let index = (op == ReduceOp::ArgMax).then(|| {
                    let index = self.index(layout, axis, part);
                    let index = self.int(index);
                    let index = self.text.convert("trunci", index, Ty::I32);
                    match self.present(layout, axis, part) {
                        // An entry that is not there loses even against -inf.
                        Some(present) => {
                            let last = self.text.int(Ty::I32, i64::from(i32::MAX));
                            self.text.select(present, index, last)
                        }
                        None => index,
                    }
                });
                let item = Item { value, index };
                sum = Some(match sum {
                    Some(sum) => self.combined(op, sum, item),
                    None => item,
                });
            }
            items.push(sum.unwrap_or(Item { value: identity, index: None }));
        }
        let bits: Vec<u32> = self.plan.layouts[layout].thread_bits(axis).collect();
        for bit in bits.iter().filter(|bit| **bit < LANE_BITS) {
            items = items
                .into_iter()
                .map(|item| {
                    let other = Item {
                        value: self.shuffled(item.value, 1 << bit),
                        index: item.index.map(|index| self.shuffled(index, 1 << bit)),
                    };
                    self.combined(op, item, other)
                })
                .collect();
        }
        let across: Vec<u32> = bits.into_iter().filter(|bit| *bit >= LANE_BITS).collect();
        if !across.is_empty() {
            items = self.across_warps(op, &items, &across);
        }
        items
            .into_iter()
            .map(|item| match item.index {
                // Over no entries the answer is 0.
                Some(index) => {
                    let none = self.text.int(Ty::I32, i64::from(i32::MAX));
                    let empty = self.text.compare("eq", index, none);
                    let zero = self.text.int(Ty::I32, 0);
                    self.text.select(empty, zero, index)
                }
                None => item.value,
            })
            .collect()
    }

    /// The value of the lane whose number differs in these bits.
    pub(super) fn shuffled(&mut self, value: Value, lanes: i64) -> Value {
        match value.ty {
            Ty::F32 | Ty::I32 => {
                let (all, offset, clamp) =
                    (self.text.int(Ty::I32, -1), self.text.int(Ty::I32, lanes), self.text.int(Ty::I32, 31));
                let text =
                    format!("nvvm.shfl.sync bfly {all}, {value}, {offset}, {clamp} : {0} -> {0}", value.ty);
                self.text.fresh(value.ty, &text)
            }
            Ty::F64 => {
                let word = self.text.convert("bitcast", value, Ty::I64);
                let width = self.text.int(Ty::I64, 32);
                let high = self.text.integer("shrui", word, width);
                let halves = [word, high].map(|half| {
                    let half = self.text.convert("trunci", half, Ty::I32);
                    let half = self.shuffled(half, lanes);
                    self.text.convert("extui", half, Ty::I64)
                });
                let high = self.text.integer("shli", halves[1], width);
                let word = self.text.integer("ori", halves[0], high);
                self.text.convert("bitcast", word, Ty::F64)
            }
            _ => {
                let wide = self.text.convert("extui", value, Ty::I32);
                let wide = self.shuffled(wide, lanes);
                self.text.convert("trunci", wide, value.ty)
            }
        }
    }

    /// Every thread writes what it has, and reads what the threads of the other warps have, in the order of their numbers.
    fn across_warps(&mut self, op: ReduceOp, items: &[Item], bits: &[u32]) -> Vec<Item> {
        let threads = 1_usize << self.plan.threads;
        let others: i64 = bits.iter().map(|bit| 1 << bit).sum();
        let mask = self.text.int(Ty::I32, !others & ((threads as i64) - 1));
        let own = self.text.integer("andi", self.thread, mask);
        let own = self.text.convert("extui", own, Ty::I64);
        let thread = self.text.convert("extui", self.thread, Ty::I64);
        let mut columns: Vec<Vec<Value>> = vec![items.iter().map(|item| item.value).collect()];
        let indices: Vec<Value> = items.iter().filter_map(|item| item.index).collect();
        if !indices.is_empty() {
            columns.push(indices);
        }
        let mut gathered: Vec<Vec<Vec<Value>>> = Vec::new();
        for column in columns {
            let ty = column[0].ty;
            let base = self.scratch_address(column.len() * threads * bytes(ty));
            self.barrier();
            for (n, value) in column.iter().enumerate() {
                let place = self.plus(Int::At(thread), Int::Known((n * threads) as i64));
                self.put(base, place, *value);
            }
            self.barrier();
            let each = (0..column.len()).map(|n| {
                (0..1_i64 << bits.len())
                    .map(|turn| {
                        let offset: i64 =
                            bits.iter().enumerate().map(|(at, bit)| ((turn >> at) & 1) << bit).sum();
                        let place = self.plus(Int::At(own), Int::Known((n * threads) as i64 + offset));
                        self.take(base, place, ty)
                    })
                    .collect()
            });
            gathered.push(each.collect());
        }
        (0..items.len())
            .map(|n| {
                let mut sum: Option<Item> = None;
                for turn in 0..1 << bits.len() {
                    let index = gathered.get(1).map(|indices| indices[n][turn]);
                    let item = Item { value: gathered[0][n][turn], index };
                    sum = Some(match sum {
                        Some(sum) => self.combined(op, sum, item),
                        None => item,
                    });
                }
                sum.unwrap_or(items[n])
            })
            .collect()
    }
}
