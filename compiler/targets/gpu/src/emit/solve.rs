//! Triangular systems: one thread for each right side, through shared memory.

use super::Emit;
use super::memory::bytes;
use super::scan::{layout_of, lines_first};
use super::size::Int;
use crate::text::Ty;
use tensc_program::{AxisId, TileId};

impl Emit<'_> {
    /// `x[i] = b[i] - sum over j < i of l[i, j] x[j]`.
    pub(super) fn solve(&mut self, l: TileId, (row, column): (AxisId, AxisId), b: TileId, id: TileId) {
        let of_l = layout_of(&self.tiles[l.0 as usize]);
        let layout = self.layout_of(id, &[b]);
        let ty = super::ty_of(self.element(id));
        let zero = self.number(ty, 0.0);
        let l_axes = self.axes(l);
        let axes = self.axes(id);
        // Lines of the matrix along its columns; right sides along their rows.
        let l_order: Vec<AxisId> = {
            let others = l_axes.iter().copied().filter(|axis| *axis != row && *axis != column);
            others.chain([row, column]).collect()
        };
        let others: Vec<AxisId> = axes
            .iter()
            .copied()
            .filter(|axis| *axis != row && l_axes.contains(axis))
            .chain(axes.iter().copied().filter(|axis| *axis != row && !l_axes.contains(axis)))
            .collect();
        let b_order = lines_first(&others.iter().copied().chain([row]).collect::<Vec<_>>(), row);
        let matrix = self.aligned(l, l_axes, of_l);
        let sides = self.aligned(b, axes, layout);
        let (l_size, b_size) = (self.size_of(l_axes, of_l), self.size_of(axes, layout));
        let base = self.scratch_address((l_size + b_size) * bytes(ty));
        self.barrier();
        for (slot, value) in matrix.iter().enumerate() {
            let place = self.line_place(&l_order, l_axes, of_l, slot);
            self.put(base, place, *value);
        }
        for (slot, value) in sides.iter().enumerate() {
            let place = self.line_place(&b_order, axes, layout, slot);
            let place = self.plus(place, Int::Known(l_size as i64));
            self.put(base, place, *value);
        }
        self.barrier();
        let count = self.extent(row);
        let width = self.plan.layouts[layout].width(row) as i64;
        let l_width = self.plan.layouts[of_l].width(column) as i64;
        let lines = b_size as i64 / width;
        // Right sides that share a matrix are neighbours.
        let matrices = l_size as i64 / (l_width * l_width);
        let per_matrix = lines / matrices.max(1);
        self.each_line(lines, |emit, line| {
            let many = emit.text.int(Ty::I64, per_matrix);
            let number = emit.text.integer("divui", line, many);
            let matrix = emit.times(Int::At(number), Int::Known(l_width * l_width));
            let start = emit.times(Int::At(line), Int::Known(width));
            let start = emit.plus(start, Int::Known(l_size as i64));
            emit.walk(count, zero, |emit, i, _| {
                let place = emit.plus(start, Int::At(i));
                let side = emit.take(base, place, ty);
                let row_start = emit.times(Int::At(i), Int::Known(l_width));
                let row_start = emit.plus(matrix, row_start);
                let x = emit.walk(Int::At(i), side, |emit, j, sum| {
                    let at = emit.plus(row_start, Int::At(j));
                    let factor = emit.take(base, at, ty);
                    let at = emit.plus(start, Int::At(j));
                    let known = emit.take(base, at, ty);
                    let product = emit.text.mul(factor, known);
                    emit.text.sub(sum, product)
                });
                emit.put(base, place, x);
                x
            });
        });
        self.barrier();
        let slots = (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| {
                let place = self.line_place(&b_order, axes, layout, slot);
                let place = self.plus(place, Int::Known(l_size as i64));
                self.take(base, place, ty)
            })
            .collect();
        self.define(id, layout, slots);
    }
}
