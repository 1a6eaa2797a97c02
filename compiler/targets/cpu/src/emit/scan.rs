//! Scans: sequential along one axis, in vectors along another.

use super::{Cell, Coord, Emit};
use cranelift_codegen::ir::{InstBuilder, Value};
use tensc_ir::BinaryOp;
use tensc_program::{AxisId, Element, Inst, TileOp};

impl Emit<'_, '_> {
    /// The axis along vectors: the innermost one of `axes` but `sequential`, where it is worth it.
    pub(super) fn other_axis(&self, axes: &[AxisId], sequential: AxisId, element: Element) -> Option<AxisId> {
        if element != Element::F32 {
            return None;
        }
        let large = |axis: &AxisId| self.plan.extent_at_most(*axis) >= 4;
        axes.iter().rev().copied().find(|axis| *axis != sequential && large(axis))
    }

    /// Loops over all axes but the sequential one, the vector axis innermost.
    fn around(
        &mut self,
        axes: &[AxisId],
        sequential: AxisId,
        vector: Option<AxisId>,
        body: &mut dyn FnMut(&mut Self, &Cell),
    ) {
        let outer: Vec<(AxisId, Value)> = axes
            .iter()
            .copied()
            .filter(|axis| *axis != sequential && Some(*axis) != vector)
            .map(|axis| (axis, self.extent(axis)))
            .collect();
        let along = vector.map(|axis| (axis, self.extent(axis)));
        self.memo.push(Default::default());
        self.loops(&outer, &Cell::default(), &mut |emit, cell| match along {
            Some((axis, extent)) => emit.along_vector(axis, extent, cell, body),
            None => body(emit, cell),
        });
        self.memo.pop();
    }

    pub(super) fn scan(&mut self, inst: &Inst) {
        let TileOp::Scan { axis, a, b, start, reverse } = &inst.op else { return };
        let (id, tile) = (inst.results[0], self.plan.tile(inst.results[0]));
        let Some(slot) = self.slot(id) else { return };
        let vector = self.other_axis(&tile.axes, *axis, tile.element);
        let extent = self.extent(*axis);
        self.around(&tile.axes, *axis, vector, &mut |emit, cell| {
            let first = match start {
                Some(start) => emit.eval(*start, cell),
                None => emit.constant(tile.element, 0.0),
            };
            let first = if cell.vector.is_some() { emit.widen(first) } else { first };
            let zero = emit.int(0);
            emit.fold(zero, extent, 1, &[first], |emit, turn, before| {
                let mut at = turn;
                if *reverse {
                    let one = emit.int(1);
                    let last = emit.b.ins().isub(extent, one);
                    at = emit.b.ins().isub(last, turn);
                }
                let place = cell.with(*axis, Coord::At(at), false);
                let mut h = before[0];
                if let Some(a) = a {
                    let a = emit.eval(*a, &place);
                    h = emit.binary(BinaryOp::Mul, tile.element, a, h);
                }
                let b = emit.eval(*b, &place);
                h = emit.binary(BinaryOp::Add, tile.element, h, b);
                emit.store_slot(&slot, &place, h);
                vec![h]
            });
        });
    }
}
