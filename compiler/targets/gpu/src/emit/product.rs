//! Products: sums of products within and between threads, or of factors that the block shares.

use super::memory::bytes;
use super::size::Int;
use super::{Emit, Lowered};
use crate::facts::is_matrix_product;
use crate::text::{Ty, Value, list, types};
use tensc_program::{AxisId, ReduceOp, TileId};

impl Emit<'_> {
    pub(super) fn dot(&mut self, axis: AxisId, a: TileId, b: TileId, id: TileId) {
        if is_matrix_product(self.kernel, axis, a, b) {
            self.matrix_product(axis, a, b, id);
            return;
        }
        // All axes of both, in the layout of the larger factor.
        let mut axes = self.axes(id).to_vec();
        axes.push(axis);
        let larger = if self.axes(a).len() >= self.axes(b).len() { a } else { b };
        let wanted = self.tiles[larger.0 as usize].as_ref().map_or(0, |tile| tile.layout);
        let layout = self.layout_with(&axes, wanted);
        let (left, right) = (self.slots_in(a, layout), self.slots_in(b, layout));
        let (of_a, of_b, to) = (self.axes(a), self.axes(b), self.axes(id));
        let products: Vec<Value> = (0..self.plan.layouts[layout].tile_slots(&axes))
            .map(|slot| {
                let plan = &self.plan.layouts[layout];
                let (a, b) = (left[plan.project(&axes, slot, of_a)], right[plan.project(&axes, slot, of_b)]);
                self.text.mul(a, b)
            })
            .collect();
        let sums = self.reduced(ReduceOp::Sum, axis, &axes, to, layout, &products);
        self.define(id, layout, sums);
    }

    /// Both factors lie in shared memory, the contracted axis outermost; each thread sums the entries of the result that are its own.
    fn matrix_product(&mut self, axis: AxisId, a: TileId, b: TileId, id: TileId) {
        let layout = self.layout_of(id, &[]);
        let axes = self.axes(id);
        let ty = super::ty_of(self.element(id));
        let factors = [a, b].map(|factor| {
            let mut order: Vec<AxisId> =
                self.axes(factor).iter().copied().filter(|other| *other != axis).collect();
            order.insert(0, axis);
            order
        });
        let sizes = [a, b].map(|factor| {
            let own = self.tiles[factor.0 as usize].as_ref().map_or(0, |tile| tile.layout);
            self.axes(factor).iter().map(|axis| self.plan.layouts[own].width(*axis)).product::<usize>()
        });
        let base = self.scratch_address((sizes[0] + sizes[1]) * bytes(ty));
        self.barrier();
        let mut starts = Vec::new();
        for ((factor, order), start) in [a, b].iter().zip(&factors).zip([0, sizes[0]]) {
            self.lay_out(*factor, axis, order, base, start);
            starts.push(Int::Known(start as i64));
        }
        self.barrier();
        let count = crate::facts::bound(self.kernel, axis).next_power_of_two() as i64;
        let zero = if ty == Ty::F64 { self.text.f64(0.0) } else { self.text.f32(0.0) };
        let slots = self.plan.layouts[layout].tile_slots(axes);
        let sums: Vec<Value> = (0..slots).map(|_| self.text.value(ty)).collect();
        let ends: Vec<Value> = (0..slots).map(|_| self.text.value(ty)).collect();
        let turn = self.text.value(Ty::I64);
        let [first, last, step] = [0, count, 1].map(|n| self.text.int(Ty::I64, n));
        let pairs: Vec<String> = sums.iter().map(|sum| format!("{sum} = {zero}")).collect();
        self.text.open(&format!(
            "{} = scf.for {turn} = {first} to {last} step {step} iter_args({}) -> ({}) : i64 {{",
            list(&ends),
            pairs.join(", "),
            types(&sums)
        ));
        let mut next = Vec::new();
        for (slot, sum) in sums.iter().enumerate() {
            let entries = [0, 1].map(|n| {
                let order = &factors[n];
                let mut place = starts[n];
                let mut pitch = 1;
                for other in order.iter().skip(1).rev() {
                    let at = axes.iter().position(|axis| axis == other).unwrap_or(0);
                    let part = self.plan.layouts[layout].split(axes, slot)[at];
                    let index = self.index(layout, *other, part);
                    let offset = self.times(index, Int::Known(pitch));
                    place = self.plus(place, offset);
                    pitch *= self.plan.layouts[layout].width(*other) as i64;
                }
                let row = self.times(Int::At(turn), Int::Known(pitch));
                let place = self.plus(place, row);
                self.take_once(base, place, ty)
            });
            next.push(self.text.fma(entries[0], entries[1], *sum));
        }
        self.text.line(&format!("scf.yield {} : {}", list(&next), types(&next)));
        self.text.close("}");
        self.define(id, layout, ends);
    }

    /// A shared entry that does not change within this region: read once.
    fn take_once(&mut self, base: Value, index: Int, ty: Ty) -> Value {
        let index = self.int(index);
        let place = self.text.element(base, index, ty);
        self.text.pure(ty, &format!("llvm.load {place} : {} -> {ty}", place.ty))
    }

    /// Writes a factor to shared memory, 0 where the contracted axis has no entry.
    fn lay_out(&mut self, factor: TileId, axis: AxisId, order: &[AxisId], base: Value, start: usize) {
        let Some(Lowered { layout, slots }) = self.tiles[factor.0 as usize].clone() else { return };
        let axes = self.axes(factor);
        let zero = if slots[0].ty == Ty::F64 { self.text.f64(0.0) } else { self.text.f32(0.0) };
        for (slot, value) in slots.iter().enumerate() {
            let parts = self.plan.layouts[layout].split(axes, slot);
            let mut place = Int::Known(start as i64);
            let mut pitch = 1;
            let mut value = *value;
            for other in order.iter().rev() {
                let part = parts[axes.iter().position(|a| a == other).unwrap_or(0)];
                let index = self.index(layout, *other, part);
                let offset = self.times(index, Int::Known(pitch));
                place = self.plus(place, offset);
                pitch *= self.plan.layouts[layout].width(*other) as i64;
                if *other == axis
                    && let Some(present) = self.present(layout, axis, part)
                {
                    value = self.text.select(present, value, zero);
                }
            }
            self.put(base, place, value);
        }
    }
}
