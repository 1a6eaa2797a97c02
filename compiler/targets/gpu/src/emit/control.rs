//! Loops and run-time checks.

use super::Emit;
use crate::text::{Ty, Value, list, types};
use tensc_program::{CheckId, Loop, TileId};

use super::size::Int;

impl<'k> Emit<'k> {
    /// A loop: its carried tiles are the loop's values, a slot each.
    pub(super) fn repeat(&mut self, inner: &'k Loop, results: &[TileId]) {
        let count = self.size(&inner.extent);
        let count = self.int(count);
        let (zero, one) = (self.text.int(Ty::I64, 0), self.text.int(Ty::I64, 1));
        let mut starts = Vec::new();
        let mut carried = Vec::new();
        for (inside, start) in &inner.carried {
            let layout = self.layout_of(*inside, &[*start]);
            let slots = self.broadcast(*start, *inside, layout);
            carried.push((*inside, layout, starts.len()..starts.len() + slots.len()));
            starts.extend(slots);
        }
        let turn = self.text.value(Ty::I64);
        let arguments: Vec<Value> = starts.iter().map(|start| self.text.value(start.ty)).collect();
        let ends: Vec<Value> = starts.iter().map(|start| self.text.value(start.ty)).collect();
        let kinds = types(&starts);
        let header = format!("scf.for {turn} = {zero} to {count} step {one}");
        if starts.is_empty() {
            self.text.open(&format!("{header} : i64 {{"));
        } else {
            let pairs: Vec<String> =
                arguments.iter().zip(&starts).map(|(a, s)| format!("{a} = {s}")).collect();
            let line =
                format!("{} = {header} iter_args({}) -> ({kinds}) : i64 {{", list(&ends), pairs.join(", "));
            self.text.open(&line);
        }
        let position = if inner.reverse {
            let last = self.text.sub(count, one);
            self.text.sub(last, turn)
        } else {
            turn
        };
        self.names.insert(inner.variable.clone(), Int::At(position));
        for (inside, layout, range) in &carried {
            self.define(*inside, *layout, arguments[range.clone()].to_vec());
        }
        self.block(&inner.body);
        let mut yields = Vec::new();
        for ((inside, layout, _), yielded) in carried.iter().zip(&inner.body.yields) {
            yields.extend(self.broadcast(*yielded, *inside, *layout));
        }
        if !yields.is_empty() {
            self.text.line(&format!("scf.yield {} : {kinds}", list(&yields)));
        }
        self.text.close("}");
        self.names.remove(&inner.variable);
        for ((inside, layout, range), result) in carried.iter().zip(results) {
            // The result may list its axes in another order.
            let (from, to) = (self.axes(*inside), self.axes(*result));
            let all = &ends[range.clone()];
            let slots =
                (0..all.len()).map(|slot| all[self.plan.layouts[*layout].project(to, slot, from)]).collect();
            self.define(*result, *layout, slots);
        }
    }

    /// A tile's entries in the order and with all of the axes of another.
    fn broadcast(&mut self, id: TileId, like: TileId, layout: usize) -> Vec<Value> {
        let (own, axes) = (self.axes(id), self.axes(like));
        let slots = self.slots_in(id, layout);
        (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| slots[self.plan.layouts[layout].project(axes, slot, own)])
            .collect()
    }

    /// Where the condition is false: position and value, as one number, in the place of the check; the smallest stays.
    pub(super) fn check(&mut self, operands: [TileId; 3], site: CheckId) {
        let Some(status) = self.status else { return };
        let mut axes = Vec::new();
        for operand in operands {
            for axis in self.axes(operand) {
                if !axes.contains(axis) {
                    axes.push(*axis);
                }
            }
        }
        let wanted = self.tiles[operands[0].0 as usize].as_ref().map_or(0, |tile| tile.layout);
        let layout = self.layout_with(&axes, wanted);
        let [conditions, values, positions] = operands.map(|id| (self.axes(id), self.slots_in(id, layout)));
        let first = self.first_holder(&axes, layout, true);
        let once = self.text.both(self.live, first);
        for slot in 0..self.plan.layouts[layout].tile_slots(&axes) {
            let of = |emit: &Self, (own, slots): &(&[tensc_program::AxisId], Vec<Value>)| {
                slots[emit.plan.layouts[layout].project(&axes, slot, own)]
            };
            let (condition, value, position) =
                (of(self, &conditions), of(self, &values), of(self, &positions));
            let yes = self.text.int(Ty::I1, 1);
            let failed = self.text.integer("xori", condition, yes);
            let present = self.all_present(layout, &axes, slot);
            let there = self.text.both(present, once);
            let Some(failed) = self.text.both(there, Some(failed)) else { continue };
            self.text.open(&format!("scf.if {failed} {{"));
            // Positions count from the lowest, so that unsigned numbers are in their order.
            let lowest = self.text.int(Ty::I32, i64::from(i32::MIN));
            let shifted = self.text.integer("xori", position, lowest);
            let high = self.text.convert("extui", shifted, Ty::I64);
            let width = self.text.int(Ty::I64, 32);
            let high = self.text.integer("shli", high, width);
            let low = self.text.convert("extui", value, Ty::I64);
            let both = self.text.integer("ori", high, low);
            let at = self.text.int(Ty::I64, i64::from(site.0));
            let place = self.text.element(status, at, Ty::I64);
            self.text.line(&format!("llvm.atomicrmw umin {place}, {both} monotonic : !llvm.ptr<1>, i64"));
            self.text.close("}");
        }
    }
}
