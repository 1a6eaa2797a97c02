//! Loop nests: the loops of several instructions over the same axes.

use super::reduce::reductions;
use super::{Cell, Coord, Emit};
use crate::plan::bound;
use crate::plan::group::{Nest, Root};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::Dim;
use tensc_program::{AxisId, CheckId, TileOp};

impl Emit<'_, '_> {
    /// The extent of an axis, between 0 and its bound.
    pub(super) fn extent(&mut self, axis: AxisId) -> Value {
        if let Some(known) = self.plan.known_extent(axis) {
            return self.int(known as i64);
        }
        let extent: Dim = self.kernel.tile_axis(axis).map(|(_, extent)| extent.clone()).unwrap_or_default();
        let extent = self.size(&extent, &Cell::default());
        let (zero, bound) = (self.int(0), self.int(bound(self.kernel, axis) as i64));
        let extent = self.b.ins().smax(extent, zero);
        self.b.ins().smin(extent, bound)
    }

    pub(super) fn nest(&mut self, nest: &Nest) {
        let extents: Vec<(AxisId, Value)> =
            nest.order.iter().map(|axis| (*axis, self.extent(*axis))).collect();
        let values: Vec<Value> = extents.iter().map(|(_, extent)| *extent).collect();
        let all = reductions(nest, self);
        let Some(positive) = self.all_positive(&values) else {
            self.memo.push(Default::default());
            self.level(nest, &extents, &Cell::default());
            self.memo.pop();
            return;
        };
        // Nothing is read for loops without turns: what is computed before a loop may lie nowhere then.
        let scalars: Vec<_> =
            all.iter().filter(|r| self.plan.tile(r.result).axes.is_empty()).copied().collect();
        let results = self.branch(
            positive,
            |emit| {
                emit.level(nest, &extents, &Cell::default());
                scalars.iter().filter_map(|r| emit.scalars[r.result.0 as usize]).collect()
            },
            |emit| {
                for reduction in &all {
                    let Some(slot) = emit.slot(reduction.result) else { continue };
                    let value = emit.empty_result(reduction.op, reduction.element);
                    let outer: Vec<_> =
                        extents.iter().copied().filter(|(axis, _)| slot.axes.contains(axis)).collect();
                    emit.loops(&outer, &Cell::default(), &mut |emit, cell| {
                        emit.store_slot(&slot, cell, value)
                    });
                }
                scalars.iter().map(|r| emit.empty_result(r.op, r.element)).collect()
            },
        );
        for (reduction, value) in scalars.iter().zip(results) {
            self.scalars[reduction.result.0 as usize] = Some(value);
        }
    }

    fn empty_result(&mut self, op: tensc_program::ReduceOp, element: tensc_program::Element) -> Value {
        if op == tensc_program::ReduceOp::ArgMax {
            return self.b.ins().iconst(types::I32, 0);
        }
        self.identity(op, element)
    }

    /// Plain loops, one place at a time.
    pub(super) fn loops(
        &mut self,
        extents: &[(AxisId, Value)],
        cell: &Cell,
        body: &mut dyn FnMut(&mut Self, &Cell),
    ) {
        let Some(((axis, extent), inner)) = extents.split_first() else { return body(self, cell) };
        let zero = self.int(0);
        self.for_each(zero, *extent, 1, |emit, at| {
            emit.loops(inner, &cell.with(*axis, Coord::At(at), false), body);
        });
    }

    /// The loops from here inwards.
    fn level(&mut self, nest: &Nest, extents: &[(AxisId, Value)], cell: &Cell) {
        let Some(((axis, extent), inner)) = extents.split_first() else { return self.roots(nest, cell) };
        if nest.reduced == Some(*axis) {
            return self.reduce_loop(nest, *axis, *extent, cell);
        }
        for root in &nest.roots {
            self.hoist_root(root, cell);
        }
        if nest.vector == Some(*axis) {
            self.along_vector(*axis, *extent, cell, &mut |emit, cell| emit.level(nest, inner, cell));
        } else {
            let zero = self.int(0);
            self.for_each(zero, *extent, 1, |emit, at| {
                emit.level(nest, inner, &cell.with(*axis, Coord::At(at), false));
            });
        }
    }

    /// Four places at a time, then what is left one by one.
    pub(super) fn along_vector(
        &mut self,
        axis: AxisId,
        extent: Value,
        cell: &Cell,
        body: &mut dyn FnMut(&mut Self, &Cell),
    ) {
        let zero = self.int(0);
        let known = self.plan.known_extent(axis);
        let whole = self.below_multiple(zero, extent, 4);
        self.for_each(zero, whole, 4, |emit, at| body(emit, &cell.with(axis, Coord::At(at), true)));
        if known.is_none_or(|extent| extent % 4 != 0) {
            self.for_each(whole, extent, 1, |emit, at| body(emit, &cell.with(axis, Coord::At(at), false)));
        }
    }

    pub(super) fn hoist_root(&mut self, root: &Root, cell: &Cell) {
        match root {
            Root::Store(inst) | Root::Reduce(inst) | Root::Check(inst) => {
                for id in inst.op.operands() {
                    self.hoist(id, cell);
                }
            }
            Root::Keep(id) => {
                if let Some(TileOp::Rename { .. }) | None = self.plan.op(*id) {
                    return;
                }
                for id in self.plan.op(*id).map(TileOp::operands).unwrap_or_default() {
                    self.hoist(id, cell);
                }
            }
            Root::Carry { value, .. } => self.hoist(*value, cell),
        }
    }

    /// What a nest does at one place, except for reductions: everything is computed before anything is stored.
    pub(super) fn roots(&mut self, nest: &Nest, cell: &Cell) {
        let mut values = Vec::new();
        for root in &nest.roots {
            match root {
                Root::Store(inst) => {
                    if let TileOp::Store { value, mask, .. } = &inst.op {
                        let mask = mask.map(|mask| self.eval(mask, cell));
                        values.push((self.eval(*value, cell), mask));
                        continue;
                    }
                }
                Root::Keep(id) => {
                    let value = self.compute(*id, cell);
                    self.remember(*id, cell, value);
                    values.push((value, None));
                    continue;
                }
                Root::Carry { value, .. } => {
                    values.push((self.eval(*value, cell), None));
                    continue;
                }
                Root::Reduce(_) | Root::Check(_) => {}
            }
        }
        let mut values = values.into_iter();
        for root in &nest.roots {
            match root {
                Root::Store(inst) => {
                    if let (TileOp::Store { memory, index, .. }, Some((value, mask))) =
                        (&inst.op, values.next())
                    {
                        self.store(*memory, index, value, mask, cell);
                    }
                }
                Root::Keep(id) | Root::Carry { inside: id, .. } => {
                    if let (Some(slot), Some((value, _))) = (self.slot(*id), values.next()) {
                        self.store_slot(&slot, cell, value);
                    }
                }
                Root::Check(inst) => self.check(&inst.op, cell),
                Root::Reduce(_) => {}
            }
        }
    }

    fn check(&mut self, op: &TileOp, cell: &Cell) {
        let TileOp::Check { condition, site: CheckId(site), value, position } = op else { return };
        let condition = self.eval(*condition, cell);
        let failed = self.unary(tensc_ir::UnaryOp::Not, tensc_program::Element::Bool, condition);
        self.when(failed, |emit| {
            let site = emit.b.ins().iconst(types::I32, i64::from(*site));
            let (value, position) = (emit.eval(*value, cell), emit.eval(*position, cell));
            emit.call("record", &[emit.status, site, value, position]);
        });
    }
}
