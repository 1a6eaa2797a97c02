//! Sequential loops whose places along one axis don't depend on each other: a group of lanes runs many turns with its state in registers, then the next group.
//!
//! ```text
//! for a block of turns, for each group of lanes:
//!     load the group's state
//!     for each turn of the block: loads, arithmetic, stores
//!     store the group's state
//! ```
//!
//! Blocks are short enough for what they read to stay in the first cache, as neighbouring lanes share its lines. This is for diagonal recurrences, and for
//! small states per lane: places along all other axes are written out.

use super::{Cell, Coord, Emit};
use crate::plan::bound;
use crate::plan::tree::is_elementwise;
use cranelift_codegen::ir::{InstBuilder, Value};
use std::collections::HashSet;
use tensc_program::{AxisId, Element, Inst, Loop, Memory, TileId, TileOp, rules};

/// How a loop is split.
pub(super) struct Lanes {
    /// The axis whose places are independent.
    axis: AxisId,
    /// Vectors of a group.
    vectors: i64,
    /// Turns of a block.
    turns: i64,
}

/// State of a group that fits in 16 registers beside what is computed; what does not change is as good in memory.
const REGISTERS: usize = 8;
/// State of one vector of lanes that is worth it though it does not fit.
const STATE: usize = 32;
/// Values that are written out for one turn.
const WRITTEN: usize = 1000;
/// Bytes that a block of turns may touch.
const CACHE: usize = 32 * 1024;

impl Emit<'_, '_> {
    /// Whether a loop can be split so.
    pub(super) fn lanes(&self, inner: &Loop) -> Option<Lanes> {
        let axes_of = |id: TileId| &self.plan.tile(id).axes;
        let mut reduced = Vec::new();
        let (mut streams, mut stores) = (0, Vec::new());
        for inst in &inner.body.insts {
            let fits = match &inst.op {
                TileOp::Store { memory: Memory::Param(_), index, .. } => {
                    stores.push(rules::place_axes(self.kernel, index));
                    true
                }
                TileOp::Load { memory: Memory::Local(_), .. } | TileOp::Rename { .. } => false,
                TileOp::Load { .. } => {
                    streams += 1;
                    true
                }
                TileOp::Reduce { axis, .. } | TileOp::Dot { axis, .. } => {
                    reduced.push(*axis);
                    true
                }
                op => is_elementwise(op),
            };
            if !fits || inst.results.iter().any(|id| self.plan.tile(*id).element == Element::F64) {
                return None;
            }
        }
        let candidates = inner.carried.first().map(|(inside, _)| axes_of(*inside).clone())?;
        let independent = |axis: &AxisId| {
            let extent = self.kernel.tile_axis(*axis).map(|(_, extent)| extent);
            !reduced.contains(axis)
                && inner.carried.iter().all(|(inside, _)| axes_of(*inside).contains(axis))
                && stores.iter().all(|axes| axes.contains(axis))
                && extent.is_some_and(|extent| !extent.mentions(&inner.variable))
                && bound(self.kernel, *axis) >= 4
        };
        let axis = candidates
            .into_iter()
            .filter(independent)
            .max_by_key(|axis| (self.votes(inner, *axis), *axis))?;

        let mut written = 0;
        for inst in &inner.body.insts {
            let axes = match &inst.op {
                TileOp::Store { index, .. } => rules::place_axes(self.kernel, index),
                TileOp::Reduce { value, .. } => axes_of(*value).clone(),
                TileOp::Dot { axis, a, .. } => {
                    let mut axes =
                        inst.results.iter().flat_map(|id| axes_of(*id).clone()).collect::<Vec<_>>();
                    axes.extend(axes_of(*a).iter().filter(|a| *a == axis));
                    axes
                }
                _ => inst.results.iter().flat_map(|id| axes_of(*id).clone()).collect(),
            };
            written += self.others(&axes, axis)?;
        }
        let mut state = 0;
        for (inside, _) in &inner.carried {
            state += self.others(axes_of(*inside), axis)?;
            if self.plan.tile(*inside).element == Element::F64 {
                return None;
            }
        }
        if written > WRITTEN || state > STATE {
            return None;
        }
        let vectors = [4, 2].into_iter().find(|n| n * state <= REGISTERS).unwrap_or(1);
        let row = 4 * bound(self.kernel, axis) * (streams + stores.len()).max(1);
        let turns = (CACHE / row).clamp(8, 64) as i64;
        Some(Lanes { axis, vectors: vectors as i64, turns })
    }

    /// How many places there are along the other axes, where that is known.
    fn others(&self, axes: &[AxisId], lane: AxisId) -> Option<usize> {
        axes.iter().filter(|axis| **axis != lane).map(|axis| self.plan.known_extent(*axis)).product()
    }

    fn defined_in(&self, inner: &Loop) -> HashSet<TileId> {
        let results = inner.body.insts.iter().flat_map(|inst| inst.results.iter().copied());
        results.chain(inner.carried.iter().map(|(inside, _)| *inside)).collect()
    }

    /// How many loads and stores have unit stride along an axis, less those with another one.
    pub(super) fn votes(&self, inner: &Loop, axis: AxisId) -> i64 {
        let mut votes = 0;
        for inst in &inner.body.insts {
            if let TileOp::Load { index, .. } | TileOp::Store { index, .. } = &inst.op {
                votes += match self.plan.unit_stride(index, axis) {
                    Some(true) => 1,
                    Some(false) => -1,
                    None => 0,
                };
            }
        }
        votes
    }

    pub(super) fn repeat_in_lanes(&mut self, inner: &Loop, lanes: &Lanes) {
        self.assign(inner.carried.iter().copied());
        let outer = std::mem::take(&mut self.unrolled_vector);
        self.inside = self.defined_in(inner);
        let (zero, count) = (self.int(0), self.size(&inner.extent, &Cell::default()));
        let one_group = self.plan.known_extent(lanes.axis) == Some(4 * lanes.vectors as usize);
        if one_group {
            self.turns(inner, lanes, [zero, count], count);
        } else {
            self.for_each(zero, count, lanes.turns, |emit, first| {
                let turns = emit.int(lanes.turns);
                let end = emit.b.ins().iadd(first, turns);
                let end = emit.b.ins().smin(end, count);
                emit.turns(inner, lanes, [first, end], count);
            });
        }
        self.names.remove(&inner.variable);
        self.inside.clear();
        self.unrolled_vector = outer;
    }

    /// A block of turns of all groups.
    fn turns(&mut self, inner: &Loop, lanes: &Lanes, block: [Value; 2], count: Value) {
        let (mut from, extent) = (self.int(0), self.extent(lanes.axis));
        let known = self.plan.known_extent(lanes.axis).map(|extent| extent as i64);
        let whole = 4 * lanes.vectors;
        let mut left = known;
        for (step, vector) in [(whole, true), (4, lanes.vectors > 1), (1, false)] {
            if step == 4 && !vector {
                // A group of one vector has been dealt with.
                continue;
            }
            let to = self.below_multiple(from, extent, step);
            if left.is_none_or(|left| left >= step) {
                self.for_each(from, to, step, |emit, at| {
                    let mut cells = Vec::new();
                    for n in 0..if vector { step / 4 } else { 1 } {
                        let shift = emit.int(4 * n);
                        let at = emit.b.ins().iadd(at, shift);
                        cells.push(Cell::default().with(lanes.axis, Coord::At(at), vector));
                    }
                    emit.group(inner, lanes.axis, &cells, block, count);
                });
            }
            left = left.map(|left| left % step);
            from = to;
        }
    }

    /// All places of a tile in a group of lanes.
    pub(super) fn group_places(&self, axes: &[AxisId], lane: AxisId, lanes: &[Cell]) -> Vec<Cell> {
        let mut cells = if axes.contains(&lane) { lanes.to_vec() } else { vec![Cell::default()] };
        for axis in axes.iter().filter(|axis| **axis != lane) {
            let chunks = self.chunks(*axis);
            cells = cells
                .iter()
                .flat_map(|cell| chunks.iter().map(|(at, _)| cell.with(*axis, Coord::Known(*at), false)))
                .collect();
        }
        cells
    }

    /// A block of turns of one group.
    fn group(&mut self, inner: &Loop, lane: AxisId, lanes: &[Cell], [first, end]: [Value; 2], count: Value) {
        let places = |emit: &Self, axes: &[AxisId]| emit.group_places(axes, lane, lanes);
        self.lane_group = Some((lane, lanes.to_vec()));
        for id in inner.body.insts.iter().flat_map(|inst| inst.op.operands()) {
            if !self.is_inside(id) && !self.plan.tile(id).axes.is_empty() {
                for cell in places(self, &self.plan.tile(id).axes) {
                    self.eval(id, &cell);
                }
            }
        }
        let mut carried = Vec::new();
        for (inside, _) in &inner.carried {
            for cell in places(self, &self.plan.tile(*inside).axes) {
                carried.push((*inside, cell));
            }
        }
        let mut state = Vec::new();
        for (inside, cell) in &carried {
            if let Some(slot) = self.slot(*inside) {
                state.push(self.load_slot(&slot, cell));
            }
        }
        let guards = self.guards(inner, lane, lanes);
        let state = self.fold(first, end, 1, &state, |emit, turn, state| {
            emit.enter(inner, turn, count);
            emit.unrolled = true;
            for ((inside, cell), value) in carried.iter().zip(state) {
                emit.remember(*inside, cell, *value);
            }
            let next = match emit.in_range(&guards) {
                None => emit.turn(inner, lane, lanes),
                Some(in_range) => emit.branch(
                    in_range,
                    |emit| emit.turn_assuming(true, inner, lane, lanes),
                    |emit| emit.turn_assuming(false, inner, lane, lanes),
                ),
            };
            emit.unrolled = false;
            next
        });
        self.lane_group = None;
        for ((inside, cell), value) in carried.iter().zip(state) {
            if let Some(slot) = self.slot(*inside) {
                self.store_slot(&slot, cell, value);
            }
        }
    }

    /// What a group does in one turn; the carried values anew.
    fn turn(&mut self, inner: &Loop, lane: AxisId, lanes: &[Cell]) -> Vec<Value> {
        self.lane_stores(&inner.body.insts, lane, lanes);
        let mut next = Vec::new();
        for ((inside, _), value) in inner.carried.iter().zip(&inner.body.yields) {
            for cell in self.group_places(&self.plan.tile(*inside).axes, lane, lanes) {
                let value = self.eval(*value, &cell);
                next.push(if cell.vector.is_some() { self.widen(value) } else { value });
            }
        }
        next
    }

    fn turn_assuming(&mut self, in_range: bool, inner: &Loop, lane: AxisId, lanes: &[Cell]) -> Vec<Value> {
        self.powers_in_range = Some(in_range);
        let next = self.turn(inner, lane, lanes);
        self.powers_in_range = None;
        next
    }

    fn lane_stores(&mut self, insts: &[Inst], lane: AxisId, lanes: &[Cell]) {
        for inst in insts {
            let TileOp::Store { memory, index, value, mask } = &inst.op else { continue };
            for cell in self.group_places(&rules::place_axes(self.kernel, index), lane, lanes) {
                let mask = mask.map(|mask| self.eval(mask, &cell));
                let value = self.eval(*value, &cell);
                self.store(*memory, index, value, mask, &cell);
            }
        }
    }

    /// Products of entries that all are in registers, summed in order.
    pub(super) fn dot_in_registers(
        &mut self,
        axis: AxisId,
        a: TileId,
        b: TileId,
        element: Element,
        cell: &Cell,
    ) -> Value {
        let mut sum = self.constant(element, 0.0);
        for (coord, _) in self.chunks(axis) {
            let place = cell.with(axis, Coord::Known(coord), false);
            let (a, b) = (self.eval(a, &place), self.eval(b, &place));
            sum = self.multiply_add(a, b, sum);
        }
        sum
    }
}
