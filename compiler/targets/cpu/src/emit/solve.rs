//! Triangular solves: row after row, and of a row several vectors at a time, so that the steps of one do not wait for each other.

use super::{Cell, Coord, Emit};
use cranelift_codegen::ir::{InstBuilder, Value};
use tensc_ir::BinaryOp;
use tensc_program::{AxisId, Inst, Tile, TileId, TileOp};

use crate::plan::Slot;

/// Vectors of a row that are solved side by side.
const VECTORS: i64 = 8;

/// A system: `(I + strictly lower part of l) x = b`.
struct System<'a> {
    l: TileId,
    b: TileId,
    row: AxisId,
    column: AxisId,
    tile: &'a Tile,
    slot: Slot,
}

impl Emit<'_, '_> {
    pub(super) fn solve(&mut self, inst: &Inst) {
        let TileOp::TriangularSolve { l, row, column, b } = &inst.op else { return };
        let (id, tile) = (inst.results[0], self.plan.tile(inst.results[0]));
        let Some(slot) = self.slot(id) else { return };
        let system = System { l: *l, b: *b, row: *row, column: *column, tile, slot };
        let vector = self.other_axis(&tile.axes, *row, tile.element);
        let outer: Vec<(AxisId, Value)> = tile
            .axes
            .iter()
            .copied()
            .filter(|axis| axis != row && Some(*axis) != vector)
            .map(|axis| (axis, self.extent(axis)))
            .collect();
        let (zero, extent) = (self.int(0), self.extent(*row));
        self.memo.push(Default::default());
        self.loops(&outer, &Cell::default(), &mut |emit, cell| {
            emit.for_each(zero, extent, 1, |emit, i| {
                let here = cell.with(system.row, Coord::At(i), false);
                match vector {
                    Some(axis) => emit.solve_row(&system, axis, &here, i),
                    None => emit.solve_cells(&system, &[here], i),
                }
            });
        });
        self.memo.pop();
    }

    /// All places of a row along the vector axis.
    fn solve_row(&mut self, system: &System<'_>, axis: AxisId, here: &Cell, i: Value) {
        let (mut from, extent) = (self.int(0), self.extent(axis));
        for (step, vector) in [(4 * VECTORS, true), (4, true), (1, false)] {
            let to = self.below_multiple(from, extent, step);
            self.for_each(from, to, step, |emit, at| {
                let mut cells = Vec::new();
                for n in 0..if vector { step / 4 } else { 1 } {
                    let shift = emit.int(4 * n);
                    let at = emit.b.ins().iadd(at, shift);
                    cells.push(here.with(axis, Coord::At(at), vector));
                }
                emit.solve_cells(system, &cells, i);
            });
            from = to;
        }
    }

    /// These places of row `i`, given all rows before it.
    fn solve_cells(&mut self, system: &System<'_>, cells: &[Cell], i: Value) {
        let element = system.tile.element;
        let mut right = Vec::new();
        for cell in cells {
            let value = self.eval(system.b, cell);
            right.push(if cell.vector.is_some() { self.widen(value) } else { value });
        }
        let zero = self.int(0);
        let solved = self.fold(zero, i, 1, &right, |emit, j, rest| {
            let mut next = Vec::new();
            for (cell, rest) in cells.iter().zip(rest) {
                let known = emit.load_slot(&system.slot, &cell.with(system.row, Coord::At(j), false));
                let factor = emit.eval(system.l, &cell.with(system.column, Coord::At(j), false));
                let product = emit.binary(BinaryOp::Mul, element, factor, known);
                next.push(emit.binary(BinaryOp::Sub, element, *rest, product));
            }
            next
        });
        for (cell, value) in cells.iter().zip(solved) {
            self.store_slot(&system.slot, cell, value);
        }
    }
}
