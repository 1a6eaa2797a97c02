//! Sequential loops whose carried tiles stay in registers: all places of a turn are written out, in vectors of four.
//!
//! This is for tiles that are small and of known extent (a chunk of lanes of a diagonal recurrence, or a small state per lane). Bodies are elementwise, with
//! loads, stores and reductions.

use super::{Cell, Coord, Emit};
use crate::plan::bound;
use crate::plan::tree::is_elementwise;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use std::collections::HashMap;
use tensc_program::{AxisId, Element, Inst, Loop, Memory, ReduceOp, TileId, TileOp, rules};

/// How a loop is unrolled.
pub(super) struct Registers {
    vector: Option<AxisId>,
    /// Whether all extents are their bounds, where that is not known when compiling.
    pub(super) whole: Option<Value>,
}

/// Carried vectors that still fit where most are needed at once; the rest goes to the stack.
const CARRIED: usize = 24;
/// Values that are written out for one turn.
const WRITTEN: usize = 1500;

impl Emit<'_, '_> {
    /// Whether a loop can be unrolled so.
    pub(super) fn registers(&mut self, inst: &Inst, inner: &Loop) -> Option<Registers> {
        let with_axes = |id: &TileId| !self.plan.tile(*id).axes.is_empty();
        if !inst.results.iter().any(with_axes) {
            return None;
        }
        let mut axes: Vec<AxisId> = Vec::new();
        let mut add = |more: &[AxisId]| {
            for axis in more {
                if !axes.contains(axis) {
                    axes.push(*axis);
                }
            }
        };
        let mut wide = false;
        for (inside, _) in &inner.carried {
            add(&self.plan.tile(*inside).axes);
            wide |= self.plan.tile(*inside).element == Element::F64;
        }
        for inst in &inner.body.insts {
            let fits = match &inst.op {
                TileOp::Store { memory: Memory::Param(_), index, mask: None, .. } => {
                    add(&rules::place_axes(self.kernel, index));
                    true
                }
                // A renamed tile would be needed in vectors along another axis than the one it is held in.
                TileOp::Load { memory: Memory::Local(_), .. } | TileOp::Rename { .. } => false,
                TileOp::Reduce { op, value, .. } => {
                    add(&self.plan.tile(*value).axes);
                    *op != ReduceOp::ArgMax
                }
                op => is_elementwise(op),
            };
            if !fits {
                return None;
            }
            for id in &inst.results {
                add(&self.plan.tile(*id).axes);
                wide |= self.plan.tile(*id).element == Element::F64;
            }
        }
        let vector = if wide { None } else { self.vector_of(inner, &axes) };
        let count = |emit: &Self, axes: &[AxisId]| -> usize {
            axes.iter().map(|axis| emit.chunk_count(*axis, vector)).product()
        };
        let carried: usize = inner.carried.iter().map(|(id, _)| count(self, &self.plan.tile(*id).axes)).sum();
        let mut written = 0;
        for inst in &inner.body.insts {
            let axes: Vec<AxisId> = match &inst.op {
                TileOp::Store { index, .. } => rules::place_axes(self.kernel, index),
                _ => inst.results.iter().flat_map(|id| self.plan.tile(*id).axes.clone()).collect(),
            };
            written += count(self, &axes);
        }
        if carried > CARRIED || written > WRITTEN {
            return None;
        }
        let mut whole: Option<Value> = None;
        for axis in axes {
            if self.plan.known_extent(axis).is_some() {
                continue;
            }
            // An extent that changes from turn to turn is no question for before the loop.
            let extent = self.kernel.tile_axis(axis).map(|(_, extent)| extent.clone())?;
            if extent.mentions(&inner.variable) {
                return None;
            }
            let (extent, bound) = (self.extent(axis), self.int(bound(self.kernel, axis) as i64));
            let equal = self.b.ins().icmp(IntCC::Equal, extent, bound);
            whole = Some(match whole {
                None => equal,
                Some(whole) => self.b.ins().band(whole, equal),
            });
        }
        Some(Registers { vector, whole })
    }

    /// The axis with unit stride in most loads and stores; ties go to the last.
    fn vector_of(&self, inner: &Loop, axes: &[AxisId]) -> Option<AxisId> {
        let extent = |axis: AxisId| self.plan.extent_at_most(axis);
        axes.iter()
            .copied()
            .filter(|axis| extent(*axis) >= 4)
            .max_by_key(|axis| (self.votes(inner, *axis), *axis))
    }

    fn chunk_count(&self, axis: AxisId, vector: Option<AxisId>) -> usize {
        let extent = self.plan.extent_at_most(axis);
        if vector == Some(axis) { extent / 4 + extent % 4 } else { extent }
    }

    /// The places along an axis: first position, and whether it is four.
    pub(super) fn chunks(&self, axis: AxisId) -> Vec<(i64, bool)> {
        let extent = self.plan.extent_at_most(axis) as i64;
        let vectors = if self.unrolled_vector == Some(axis) { extent / 4 } else { 0 };
        let four = (0..vectors).map(|n| (4 * n, true));
        four.chain((4 * vectors..extent).map(|n| (n, false))).collect()
    }

    /// All places of a tile with these axes.
    pub(super) fn places(&self, axes: &[AxisId]) -> Vec<Cell> {
        let mut cells = vec![Cell::default()];
        for axis in axes {
            let chunks = self.chunks(*axis);
            cells = cells
                .iter()
                .flat_map(|cell| {
                    chunks.iter().map(|(at, vector)| cell.with(*axis, Coord::Known(*at), *vector))
                })
                .collect();
        }
        cells
    }

    /// Whether a tile is defined inside the unrolled loop.
    pub(super) fn is_inside(&self, id: TileId) -> bool {
        self.inside.contains(&id)
    }

    pub(super) fn repeat_in_registers(&mut self, inst: &Inst, inner: &Loop, registers: &Registers) {
        let outer_vector = std::mem::replace(&mut self.unrolled_vector, registers.vector);
        let results = inner.body.insts.iter().flat_map(|inst| inst.results.iter().copied());
        self.inside = results.chain(inner.carried.iter().map(|(inside, _)| *inside)).collect();
        self.memo.push(HashMap::new());
        let mut start = Vec::new();
        for (inside, first) in &inner.carried {
            for cell in self.places(&self.plan.tile(*inside).axes.clone()) {
                let value = self.eval(*first, &cell);
                start.push(if cell.vector.is_some() { self.widen(value) } else { value });
            }
        }
        self.invariants(inner);
        let count = self.size(&inner.extent, &Cell::default());
        let zero = self.int(0);
        let last = self.fold(zero, count, 1, &start, |emit, turn, values| {
            emit.enter(inner, turn, count);
            emit.unrolled = true;
            emit.carried_in(inner, values);
            for inst in &inner.body.insts {
                if let TileOp::Store { memory, index, value, .. } = &inst.op {
                    for cell in emit.places(&rules::place_axes(emit.kernel, index)) {
                        let value = emit.eval(*value, &cell);
                        emit.store(*memory, index, value, None, &cell);
                    }
                }
            }
            let mut next = Vec::new();
            for ((inside, _), value) in inner.carried.iter().zip(&inner.body.yields) {
                for cell in emit.places(&emit.plan.tile(*inside).axes.clone()) {
                    let value = emit.eval(*value, &cell);
                    next.push(if cell.vector.is_some() { emit.widen(value) } else { value });
                }
            }
            emit.unrolled = false;
            next
        });
        self.names.remove(&inner.variable);
        let mut last = last.into_iter();
        for id in &inst.results {
            for cell in self.places(&self.plan.tile(*id).axes.clone()) {
                let Some(value) = last.next() else { continue };
                match self.slot(*id) {
                    Some(slot) => self.store_slot(&slot, &cell, value),
                    None => self.scalars[id.0 as usize] = Some(value),
                }
            }
        }
        self.memo.pop();
        self.inside.clear();
        self.unrolled_vector = outer_vector;
    }

    fn carried_in(&mut self, inner: &Loop, values: &[Value]) {
        let mut values = values.iter().copied();
        for (inside, _) in &inner.carried {
            for cell in self.places(&self.plan.tile(*inside).axes.clone()) {
                let Some(value) = values.next() else { continue };
                if self.plan.tile(*inside).axes.is_empty() {
                    self.scalars[inside.0 as usize] = None;
                }
                self.remember(*inside, &cell, value);
            }
        }
    }

    /// Computes before the loop what the body reads from outside.
    fn invariants(&mut self, inner: &Loop) {
        for inst in &inner.body.insts {
            for id in inst.op.operands() {
                if self.is_inside(id) || self.plan.tile(id).axes.is_empty() {
                    continue;
                }
                let axes = self.plan.tile(id).axes.clone();
                for cell in self.places(&axes) {
                    self.eval(id, &cell);
                }
            }
        }
    }
}
