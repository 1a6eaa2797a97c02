//! Affine scans along an axis: each line of the tile is walked by one thread, through shared memory.

use super::memory::bytes;
use super::size::Int;
use super::{Emit, Lowered};
use crate::text::{Ty, Value};
use tensc_program::{AxisId, TileId};

impl Emit<'_> {
    /// `h = a * h' + b` along `axis`.
    pub(super) fn scan(
        &mut self,
        axis: AxisId,
        (a, b, start): (Option<TileId>, TileId, Option<TileId>),
        reverse: bool,
        id: TileId,
    ) {
        let layout = self.layout_of(id, &[b]);
        let axes = self.axes(id);
        let order = lines_first(axes, axis);
        let ty = super::ty_of(self.element(id));
        let zero = self.number(ty, 0.0);
        let mut columns = vec![self.aligned(b, axes, layout)];
        columns.push(match a {
            Some(a) => self.aligned(a, axes, layout),
            None => Vec::new(),
        });
        columns.push(match start {
            Some(start) => self.aligned(start, axes, layout),
            None => Vec::new(),
        });
        let size = self.size_of(axes, layout);
        let base = self.scratch_address(3 * size * bytes(ty));
        self.barrier();
        for (n, column) in columns.iter().enumerate() {
            for (slot, value) in column.iter().enumerate() {
                let place = self.line_place(&order, axes, layout, slot);
                let place = self.plus(place, Int::Known((n * size) as i64));
                self.put(base, place, *value);
            }
        }
        self.barrier();
        let length = self.extent(axis);
        let width = self.plan.layouts[layout].width(axis) as i64;
        let lines = size as i64 / width;
        let columns = (a.is_some(), start.is_some());
        self.each_line(lines, |emit, line| {
            let line_start = emit.times(Int::At(line), Int::Known(width));
            let initial = if columns.1 {
                let place = emit.plus(line_start, Int::Known(2 * size as i64));
                emit.take(base, place, ty)
            } else {
                zero
            };
            emit.walk(length, initial, |emit, turn, before| {
                let position = emit.turn_position(turn, length, reverse);
                let place = emit.plus(line_start, position);
                let term = emit.take(base, place, ty);
                let kept = if columns.0 {
                    let place = emit.plus(place, Int::Known(size as i64));
                    let factor = emit.take(base, place, ty);
                    emit.text.mul(factor, before)
                } else {
                    before
                };
                let now = emit.text.add(kept, term);
                emit.put(base, place, now);
                now
            });
        });
        self.barrier();
        let slots = (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| {
                let place = self.line_place(&order, axes, layout, slot);
                self.take(base, place, ty)
            })
            .collect();
        self.define(id, layout, slots);
    }

    pub(super) fn number(&mut self, ty: Ty, x: f64) -> Value {
        if ty == Ty::F64 { self.text.f64(x) } else { self.text.f32(x as f32) }
    }

    /// An operand with all of the axes, in this layout.
    pub(super) fn aligned(&mut self, id: TileId, axes: &[AxisId], layout: usize) -> Vec<Value> {
        let own = self.axes(id);
        let slots = self.slots_in(id, layout);
        (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| slots[self.plan.layouts[layout].project(axes, slot, own)])
            .collect()
    }

    pub(super) fn size_of(&self, axes: &[AxisId], layout: usize) -> usize {
        axes.iter().map(|axis| self.plan.layouts[layout].width(*axis)).product()
    }

    /// The place of a slot's entry where lines along the last axis of `order` are contiguous.
    pub(super) fn line_place(
        &mut self,
        order: &[AxisId],
        axes: &[AxisId],
        layout: usize,
        slot: usize,
    ) -> Int {
        let parts = self.plan.layouts[layout].split(axes, slot);
        let mut place = Int::Known(0);
        let mut pitch = 1;
        for axis in order.iter().rev() {
            let part = parts[axes.iter().position(|a| a == axis).unwrap_or(0)];
            let from_slot = self.plan.layouts[layout].slot_index(*axis, part) as i64;
            let at = match self.thread_bits(layout, *axis) {
                Some(value) => Int::At(self.text.convert("extui", value, Ty::I64)),
                None => Int::Known(0),
            };
            let at = self.plus(at, Int::Known(from_slot));
            let step = self.times(at, Int::Known(pitch));
            place = self.plus(place, step);
            pitch *= self.plan.layouts[layout].width(*axis) as i64;
        }
        place
    }

    /// Calls for the lines of this thread.
    pub(super) fn each_line(&mut self, lines: i64, mut body: impl FnMut(&mut Self, Value)) {
        let first = self.text.convert("extui", self.thread, Ty::I64);
        let (last, step) = (self.text.int(Ty::I64, lines), self.text.int(Ty::I64, 1 << self.plan.threads));
        let line = self.text.value(Ty::I64);
        self.text.open(&format!("scf.for {line} = {first} to {last} step {step} : i64 {{"));
        body(self, line);
        self.text.close("}");
    }

    /// A loop that carries one number.
    pub(super) fn walk(
        &mut self,
        count: Int,
        initial: Value,
        mut body: impl FnMut(&mut Self, Value, Value) -> Value,
    ) -> Value {
        let (zero, one, count) = (self.text.int(Ty::I64, 0), self.text.int(Ty::I64, 1), self.int(count));
        let (turn, before, end) =
            (self.text.value(Ty::I64), self.text.value(initial.ty), self.text.value(initial.ty));
        self.text.open(&format!(
            "{end} = scf.for {turn} = {zero} to {count} step {one} iter_args({before} = {initial}) -> ({}) : i64 {{",
            initial.ty
        ));
        let next = body(self, turn, before);
        self.text.line(&format!("scf.yield {next} : {}", next.ty));
        self.text.close("}");
        end
    }

    fn turn_position(&mut self, turn: Value, length: Int, reverse: bool) -> Int {
        if !reverse {
            return Int::At(turn);
        }
        let length = self.int(length);
        let one = self.text.int(Ty::I64, 1);
        let last = self.text.sub(length, one);
        Int::At(self.text.sub(last, turn))
    }
}

/// These axes, this one last.
pub(super) fn lines_first(axes: &[AxisId], axis: AxisId) -> Vec<AxisId> {
    axes.iter().copied().filter(|other| *other != axis).chain([axis]).collect()
}

/// Keeps the operand's layout where a tile is used as it is.
pub(super) fn layout_of(lowered: &Option<Lowered>) -> usize {
    lowered.as_ref().map_or(0, |lowered| lowered.layout)
}
