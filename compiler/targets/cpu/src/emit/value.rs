//! The value of a tile at a place: found, loaded, or computed from its operands.

use super::{Cell, Coord, Emit, Key};
use crate::plan::Place;
use crate::plan::tree::is_elementwise;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::Dim;
use tensc_program::{AxisId, Element, TileId, TileOp, rules};

impl Emit<'_, '_> {
    pub(super) fn key(&self, id: TileId, cell: &Cell) -> Key {
        let axes = &self.plan.tile(id).axes;
        let coords = axes.iter().map(|axis| (*axis, cell.coord(*axis).unwrap_or(Coord::Known(0)))).collect();
        (id, coords, cell.is_vector(axes))
    }

    fn found(&self, key: &Key) -> Option<Value> {
        self.memo.iter().rev().find_map(|scope| scope.get(key)).copied()
    }

    /// Remembers a value for the rest of the innermost scope.
    pub(super) fn remember(&mut self, id: TileId, cell: &Cell, value: Value) {
        let key = self.key(id, cell);
        if let Some(scope) = self.memo.last_mut() {
            scope.insert(key, value);
        }
    }

    /// A tile's entry at this place, or four of them if it has the vector axis.
    pub(super) fn eval(&mut self, id: TileId, cell: &Cell) -> Value {
        if let Some(value) = self.scalars[id.0 as usize] {
            return value;
        }
        let key = self.key(id, cell);
        if let Some(value) = self.found(&key) {
            return value;
        }
        let inline = self.unrolled && self.is_inside(id);
        let value = match self.slot(id) {
            Some(slot) if !inline => self.load_slot(&slot, cell),
            Some(_) | None => self.compute(id, cell),
        };
        self.remember(id, cell, value);
        value
    }

    /// Computes an entry from the operands' entries.
    pub(super) fn compute(&mut self, id: TileId, cell: &Cell) -> Value {
        let tile = self.plan.tile(id);
        let Some(op) = self.plan.op(id) else { return self.constant(tile.element, 0.0) };
        let element_of = |id: TileId| self.plan.tile(id).element;
        match op {
            TileOp::Const { element, value } => self.constant(*element, *value),
            TileOp::Iota(dim) => self.iota(dim, &tile.axes, cell),
            TileOp::Load { memory, index, mask } => self.load(*memory, index, *mask, &tile.axes, cell),
            TileOp::Unary(op, a) => {
                let element = element_of(*a);
                let x = self.eval(*a, cell);
                self.unary(*op, element, x)
            }
            TileOp::Binary(op, a, b) => {
                let element = element_of(*a);
                let (x, y) = (self.eval(*a, cell), self.eval(*b, cell));
                self.binary(*op, element, x, y)
            }
            TileOp::Fma(a, b, c) => {
                let (a, b, c) = (self.eval(*a, cell), self.eval(*b, cell), self.eval(*c, cell));
                self.fma(a, b, c)
            }
            TileOp::Select(condition, a, b) => {
                let (condition, a, b) =
                    (self.eval(*condition, cell), self.eval(*a, cell), self.eval(*b, cell));
                self.pick(condition, a, b)
            }
            TileOp::Cast(to, a) => {
                let from = element_of(*a);
                let x = self.eval(*a, cell);
                self.cast(from, *to, x)
            }
            TileOp::Rename { value, from, to } => self.eval(*value, &cell.renamed(*from, *to)),
            TileOp::Reduce { op, axis, value } => self.reduce_in_registers(*op, *axis, *value, cell),
            TileOp::Dot { axis, a, b } => self.dot_in_registers(*axis, *a, *b, tile.element, cell),
            // Statements of their own; the verifier lets no use of them come before.
            TileOp::Store { .. }
            | TileOp::Scan { .. }
            | TileOp::TriangularSolve { .. }
            | TileOp::Check { .. }
            | TileOp::Loop(_) => self.constant(tile.element, 0.0),
        }
    }

    fn iota(&mut self, dim: &Dim, axes: &[AxisId], cell: &Cell) -> Value {
        let Some(vector) = cell.vector.filter(|axis| axes.contains(axis)) else {
            let value = self.size(dim, cell);
            return self.b.ins().ireduce(types::I32, value);
        };
        let (base, strides) = rules::split_affine(self.kernel, dim, &[vector]);
        let name = self.kernel.axis_name(vector);
        let stride = &strides[0];
        if &base + &(stride * &Dim::var(name)) == *dim {
            let first = self.size(dim, cell);
            let first = self.b.ins().ireduce(types::I32, first);
            let first = self.widen(first);
            let bytes: Vec<u8> = (0..4_i32).flat_map(i32::to_le_bytes).collect();
            let constant = self.b.func.dfg.constants.insert(bytes.into());
            let lanes = self.b.ins().vconst(types::I32X4, constant);
            let stride = self.size(stride, cell);
            let stride = self.b.ins().ireduce(types::I32, stride);
            let stride = self.widen(stride);
            let steps = self.b.ins().imul(lanes, stride);
            return self.b.ins().iadd(first, steps);
        }
        let first = self.coord(cell.coord(vector).unwrap_or(Coord::Known(0)));
        let lanes: Vec<Value> = (0..4)
            .map(|lane| {
                let shift = self.int(lane);
                let at = self.b.ins().iadd(first, shift);
                let mut one = cell.with(vector, Coord::At(at), false);
                one.vector = None;
                let value = self.size(dim, &one);
                self.b.ins().ireduce(types::I32, value)
            })
            .collect();
        self.gather_lanes(&lanes)
    }

    /// Computes what does not depend on the axes still to be looped over, so that it is not computed in every turn.
    pub(super) fn hoist(&mut self, id: TileId, cell: &Cell) {
        let tile = self.plan.tile(id);
        let inline = self.plan.places[id.0 as usize] == Place::Inline;
        if tile.axes.is_empty() {
            return;
        }
        if cell.has_all(&tile.axes) {
            self.eval(id, cell);
            return;
        }
        let Some(op) = self.plan.op(id) else { return };
        if inline && is_elementwise(op) && !matches!(op, TileOp::Rename { .. }) {
            for operand in op.operands() {
                self.hoist(operand, cell);
            }
        }
    }

    /// Where a reduction starts.
    pub(super) fn identity(&mut self, op: tensc_program::ReduceOp, element: Element) -> Value {
        use tensc_program::ReduceOp;
        match (op, element) {
            (ReduceOp::Max, Element::I32) => self.constant(element, f64::from(i32::MIN)),
            (ReduceOp::Min, Element::I32) => self.constant(element, f64::from(i32::MAX)),
            (ReduceOp::Max | ReduceOp::ArgMax, Element::F32 | Element::F64) => {
                self.constant(element, f64::NEG_INFINITY)
            }
            (ReduceOp::ArgMax, _) => self.constant(element, f64::from(i32::MIN)),
            (ReduceOp::Min, _) => self.constant(element, f64::INFINITY),
            (ReduceOp::And, _) => self.constant(Element::Bool, 1.0),
            (ReduceOp::Or, _) => self.constant(Element::Bool, 0.0),
            (ReduceOp::Sum | ReduceOp::Max, _) => self.constant(element, 0.0),
        }
    }
}
