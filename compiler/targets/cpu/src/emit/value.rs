//! The value of a tile at a place: found, loaded, or computed from its operands.

use super::{Cell, Coord, Emit, Key};
use crate::maths::is_elementary;
use crate::plan::Place;
use crate::plan::contract::{MultiplyAdd, Power};
use crate::plan::tree::is_elementwise;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::{BinaryOp, Dim, UnaryOp};
use tensc_program::{AxisId, Element, TileId, TileOp, rules};

/// Places whose elementary functions are computed side by side.
const TOGETHER: usize = 4;

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
        if let Some(one) = self.plan.multiply_adds.get(&id).filter(|one| self.slot(one.product).is_none()) {
            return self.contracted(one, cell);
        }
        let element_of = |id: TileId| self.plan.tile(id).element;
        match op {
            TileOp::Const { element, value } => self.constant(*element, *value),
            TileOp::Iota(dim) => self.iota(dim, &tile.axes, cell),
            TileOp::Load { memory, index, mask } => self.load(*memory, index, *mask, &tile.axes, cell),
            TileOp::Unary(op, a) => {
                let element = element_of(*a);
                if element == Element::F32 && is_elementary(*op) {
                    return self.elementary(id, *op, *a, cell);
                }
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

    fn contracted(&mut self, one: &MultiplyAdd, cell: &Cell) -> Value {
        let [a, b] = one.factors.map(|id| self.eval(id, cell));
        let c = self.eval(one.addend, cell);
        if !self.machine.fma {
            let product = self.binary(BinaryOp::Mul, Element::F32, a, b);
            return match (one.minus_product, one.minus_addend) {
                (true, _) => self.binary(BinaryOp::Sub, Element::F32, c, product),
                (false, true) => self.binary(BinaryOp::Sub, Element::F32, product, c),
                (false, false) => self.binary(BinaryOp::Add, Element::F32, c, product),
            };
        }
        let a = if one.minus_product { self.b.ins().fneg(a) } else { a };
        let c = if one.minus_addend { self.b.ins().fneg(c) } else { c };
        self.multiply_add(a, b, c)
    }

    /// An elementary function, of places that will be wanted soon as well.
    fn elementary(&mut self, id: TileId, op: UnaryOp, operand: TileId, cell: &Cell) -> Value {
        // A tile that is kept is asked for place by place, also at those that have been computed with an earlier one.
        let known = self.found(&self.key(id, cell));
        if let Some(value) = known {
            return value;
        }
        let power = self.plan.powers.get(&id).filter(|power| self.is_power(power));
        if let (Some(power), Some(in_range)) = (power, self.powers_in_range) {
            let exponent = self.exponent(power, cell);
            return crate::maths::exp2_assuming(self, exponent, in_range);
        }
        let cells = self.companions(id, cell);
        if let Some(power) = power {
            let exponents: Vec<Value> = cells.iter().map(|cell| self.exponent(power, cell)).collect();
            let values = crate::maths::exp2(self, &exponents);
            return self.remember_all(id, &cells, &values);
        }
        let xs: Vec<Value> = cells.iter().map(|cell| self.eval(operand, cell)).collect();
        let values = match crate::maths::unary(self, op, &xs) {
            Some(values) => values,
            None => xs.iter().map(|x| self.unary(op, Element::F32, *x)).collect(),
        };
        self.remember_all(id, &cells, &values)
    }

    /// Remembers a tile at several places; returns its value at the first.
    fn remember_all(&mut self, id: TileId, cells: &[Cell], values: &[Value]) -> Value {
        for (cell, value) in cells.iter().zip(values) {
            self.remember(id, cell, *value);
        }
        values[0]
    }

    /// Whether an exponential is computed as a power of two: its product is not kept for others.
    pub(super) fn is_power(&self, power: &Power) -> bool {
        self.slot(power.product).is_none()
    }

    /// The exponent of 2.
    fn exponent(&mut self, power: &Power, cell: &Cell) -> Value {
        let varying = self.eval(power.varying, cell);
        let fixed = self.fixed_factor(power, cell);
        self.binary(BinaryOp::Mul, Element::F32, varying, fixed)
    }

    /// The fixed factor of the exponent of 2, which Cranelift moves in front of the loop.
    pub(super) fn fixed_factor(&mut self, power: &Power, cell: &Cell) -> Value {
        let fixed = self.eval(power.fixed, cell);
        let log2e = self.float(std::f32::consts::LOG2_E, fixed);
        self.b.ins().fmul(fixed, log2e)
    }

    /// This place, among others whose turn comes next.
    fn companions(&self, id: TileId, cell: &Cell) -> Vec<Cell> {
        let axes = &self.plan.tile(id).axes;
        let places = match (self.unrolled && self.is_inside(id), &self.lane_group) {
            (true, Some((lane, cells))) => self.group_places(axes, *lane, cells),
            (true, None) => self.places(axes),
            // Of a nest's other places, what it keeps is not there yet.
            (false, _) => Vec::new(),
        };
        let key = self.key(id, cell);
        let alike: Vec<Cell> =
            places.into_iter().filter(|place| place.is_vector(axes) == cell.is_vector(axes)).collect();
        let chunk = alike.chunks(TOGETHER).find(|chunk| chunk.iter().any(|place| self.key(id, place) == key));
        let others = chunk.unwrap_or_default().iter().filter(|place| self.key(id, place) != key).cloned();
        std::iter::once(cell.clone()).chain(others).collect()
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
