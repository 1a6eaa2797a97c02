//! Products of tiles: blocks of four rows and two vectors of columns are held in registers along the contracted axis. Large ones whose operands lie in memory are calls to the library.

use super::{Cell, Coord, Emit};
use cranelift_codegen::ir::{InstBuilder, Value};
use tensc_program::{AxisId, Element, Inst, TileId, TileOp};

/// Rows of a block.
const ROWS: i64 = 4;
/// Vectors of a block.
const VECTORS: i64 = 2;

/// A product with a shorter side is written out here; so is one with fewer multiplications.
const SMALL: usize = 8;
const LARGE: usize = 16 * 16 * 16;

/// A product: the axes of its blocks.
struct Product {
    contracted: AxisId,
    a: TileId,
    b: TileId,
    result: TileId,
    element: Element,
    /// Along vectors: of one operand alone where possible.
    columns: Option<AxisId>,
    /// Of the other operand alone.
    rows: Option<AxisId>,
}

impl Emit<'_, '_> {
    pub(super) fn dot(&mut self, inst: &Inst) {
        let TileOp::Dot { axis, a, b } = &inst.op else { return };
        let result = inst.results[0];
        let tile = self.plan.tile(result);
        let only = |emit: &Self, one: TileId, other: TileId| {
            let other = &emit.plan.tile(other).axes;
            emit.plan.tile(one).axes.iter().rev().copied().find(|n| n != axis && !other.contains(n))
        };
        let large = |emit: &Self, axis: &AxisId| emit.plan.extent_at_most(*axis) >= 4;
        let (of_a, of_b) = (only(self, *a, *b), only(self, *b, *a));
        let vectors = tile.element == Element::F32;
        let columns = [of_b, of_a].into_iter().flatten().find(|axis| vectors && large(self, axis));
        let rows = if columns == of_b { of_a } else { of_b };
        let product =
            Product { contracted: *axis, a: *a, b: *b, result, element: tile.element, columns, rows };
        let outer: Vec<(AxisId, Value)> = tile
            .axes
            .iter()
            .copied()
            .filter(|axis| Some(*axis) != columns && Some(*axis) != product.rows)
            .map(|axis| (axis, self.extent(axis)))
            .collect();
        // An empty contracted axis leaves the sums at 0, and nothing is read: loads stand inside its loop.
        self.memo.push(Default::default());
        self.loops(&outer, &Cell::default(), &mut |emit, cell| {
            if !emit.library_product(&product, cell) {
                emit.rows(&product, cell);
            }
        });
        self.memo.pop();
    }

    /// Calls the library for a large product of matrices that lie in memory.
    fn library_product(&mut self, product: &Product, cell: &Cell) -> bool {
        let (Some(rows), Some(columns)) = (product.rows, product.columns) else { return false };
        let sizes = [rows, columns, product.contracted];
        let extents = sizes.map(|axis| self.plan.extent_at_most(axis));
        let large = extents.iter().all(|n| *n >= SMALL) && extents.iter().product::<usize>() >= LARGE;
        if product.element != Element::F32 || !large {
            return false;
        }
        let has_rows = self.plan.tile(product.a).axes.contains(&rows);
        let (left, right) = if has_rows { (product.a, product.b) } else { (product.b, product.a) };
        let Some((a, a_strides)) = self.matrix(left, cell, [rows, product.contracted]) else { return false };
        let Some((b, b_strides)) = self.matrix(right, cell, [product.contracted, columns]) else {
            return false;
        };
        let Some((c, c_strides)) = self.matrix(product.result, cell, [rows, columns]) else { return false };
        let [m, n, k] = sizes.map(|axis| self.extent(axis));
        let mut arguments = vec![m, n, k];
        for (address, [row, column]) in [(a, a_strides), (b, b_strides), (c, c_strides)] {
            arguments.extend([address, row, column]);
        }
        self.call("tile_product", &arguments);
        true
    }

    fn rows(&mut self, product: &Product, cell: &Cell) {
        let Some(axis) = product.rows else { return self.columns(product, std::slice::from_ref(cell)) };
        let (zero, extent) = (self.int(0), self.extent(axis));
        let whole = self.below_multiple(zero, extent, ROWS);
        let known = self.plan.known_extent(axis);
        if known.is_none_or(|extent| extent as i64 >= ROWS) {
            self.for_each(zero, whole, ROWS, |emit, at| {
                let cells: Vec<Cell> = (0..ROWS)
                    .map(|n| {
                        let shift = emit.int(n);
                        let at = emit.b.ins().iadd(at, shift);
                        cell.with(axis, Coord::At(at), false)
                    })
                    .collect();
                emit.columns(product, &cells);
            });
        }
        if known.is_none_or(|extent| extent as i64 % ROWS != 0) {
            self.for_each(whole, extent, 1, |emit, at| {
                emit.columns(product, &[cell.with(axis, Coord::At(at), false)]);
            });
        }
    }

    fn columns(&mut self, product: &Product, rows: &[Cell]) {
        let Some(axis) = product.columns else { return self.block_of(product, rows) };
        let (mut from, extent) = (self.int(0), self.extent(axis));
        let known = self.plan.known_extent(axis).map(|extent| extent as i64);
        for (step, vector) in [(4 * VECTORS, true), (4, true), (1, false)] {
            let larger = if step == 1 { 4 } else { 8 };
            let needed = match known {
                Some(known) if step == 4 * VECTORS => known >= step,
                Some(known) => known % larger >= step,
                None => true,
            };
            let to = self.below_multiple(from, extent, step);
            if needed {
                self.for_each(from, to, step, |emit, at| {
                    let mut cells = Vec::new();
                    for n in 0..if vector { step / 4 } else { 1 } {
                        let shift = emit.int(4 * n);
                        let at = emit.b.ins().iadd(at, shift);
                        cells.extend(rows.iter().map(|row| row.with(axis, Coord::At(at), vector)));
                    }
                    emit.block_of(product, &cells);
                });
            }
            from = to;
        }
    }

    /// One pass along the contracted axis for all these places.
    fn block_of(&mut self, product: &Product, cells: &[Cell]) {
        let zero = self.constant(product.element, 0.0);
        let start: Vec<Value> =
            cells.iter().map(|cell| if cell.vector.is_some() { self.widen(zero) } else { zero }).collect();
        let (from, extent) = (self.int(0), self.extent(product.contracted));
        let sums = self.fold(from, extent, 1, &start, |emit, k, sums| {
            let mut next = Vec::new();
            for (cell, sum) in cells.iter().zip(sums) {
                let place = cell.with(product.contracted, Coord::At(k), false);
                let (a, b) = (emit.eval(product.a, &place), emit.eval(product.b, &place));
                next.push(emit.multiply_add(a, b, *sum));
            }
            next
        });
        for (cell, sum) in cells.iter().zip(sums) {
            match self.slot(product.result) {
                Some(slot) => self.store_slot(&slot, cell, sum),
                None => self.scalars[product.result.0 as usize] = Some(sum),
            }
        }
    }
}
