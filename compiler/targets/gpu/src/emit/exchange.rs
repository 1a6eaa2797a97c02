//! From one layout to another, and from one name of an axis to another: through shared memory.

use super::memory::bytes;
use super::size::Int;
use super::{Emit, Lowered, SCRATCH};
use crate::text::{Ty, Value};
use tensc_program::{AxisId, TileId, TileOp};

impl Emit<'_> {
    /// Waits for all threads of the grid point.
    pub(super) fn barrier(&mut self) {
        if self.plan.threads > 5 {
            self.text.line("nvvm.barrier0");
        } else {
            let all = self.text.int(Ty::I32, -1);
            self.text.line(&format!("nvvm.bar.warp.sync {all} : i32"));
        }
    }

    /// The address of a byte of the block's shared memory.
    pub(super) fn shared_address(&mut self, offset: i64) -> Value {
        let start = format!("llvm.mlir.addressof @{} : !llvm.ptr<3>", self.shared);
        let start = self.text.pure(Ty::Shared, &start);
        if offset == 0 {
            return start;
        }
        let offset = self.text.int(Ty::I32, offset);
        self.text.element(start, offset, Ty::I8)
    }

    /// The memory in which this grid point's threads exchange entries; `used` bytes of it are needed.
    pub(super) fn scratch_address(&mut self, used: usize) -> Value {
        self.scratch = self.scratch.max(used);
        let start = self.shared_address(self.local_bytes as i64);
        if self.plan.points == 0 {
            return start;
        }
        let bytes = self.text.pure(Ty::I32, &format!("arith.constant {SCRATCH} : i32"));
        let offset = self.text.mul(self.point, bytes);
        self.text.element(start, offset, Ty::I8)
    }

    /// Truth values travel as bytes.
    pub(super) fn put(&mut self, base: Value, index: Int, value: Value) {
        let value = self.text.convert(if value.ty == Ty::I1 { "extui" } else { "" }, value, stored(value.ty));
        let index = self.int(index);
        let place = self.text.element(base, index, value.ty);
        self.text.line(&format!("llvm.store {value}, {place} : {}, {}", value.ty, place.ty));
    }

    pub(super) fn take(&mut self, base: Value, index: Int, ty: Ty) -> Value {
        let index = self.int(index);
        let place = self.text.element(base, index, stored(ty));
        let value =
            self.text.fresh(stored(ty), &format!("llvm.load {place} : {} -> {}", place.ty, stored(ty)));
        if ty == Ty::I1 {
            return self.text.convert("trunci", value, Ty::I1);
        }
        value
    }

    /// The slots of a tile in this layout.
    pub(super) fn slots_in(&mut self, id: TileId, layout: usize) -> Vec<Value> {
        let axes = self.axes(id);
        let Some(Lowered { layout: own, slots }) = self.tiles[id.0 as usize].clone() else {
            return Vec::new();
        };
        if own == layout || self.plan.layouts[own].agrees(&self.plan.layouts[layout], axes) {
            return slots;
        }
        if let Some(inst) = self.origins.get(&id).copied() {
            // Made again rather than moved: reading it was in no order with anything else.
            if let TileOp::Const { .. } | TileOp::Iota(_) | TileOp::Load { .. } = &inst.op {
                let kept = self.tiles[id.0 as usize].take();
                self.tiles[id.0 as usize].clone_from(&kept);
                self.make(inst, id, layout);
                let made = self.tiles[id.0 as usize].take();
                self.tiles[id.0 as usize] = kept;
                return made.map(|made| made.slots).unwrap_or_default();
            }
        }
        let base = self.spill(id, axes, own, &slots);
        self.fetch(base, slots[0].ty, axes, layout)
    }

    /// How far apart neighbours along each axis lie in the exchange memory; rows are one longer than they need be, so that columns fall on different banks.
    fn pitches(&self, axes: &[AxisId], layout: usize) -> (Vec<i64>, usize) {
        let mut pitch = 1_i64;
        let mut pitches = vec![0; axes.len()];
        for (at, axis) in axes.iter().enumerate().rev() {
            pitches[at] = pitch;
            let width = self.plan.layouts[layout].width(*axis) as i64;
            pitch *= if at + 1 == axes.len() && axes.len() > 1 { width + 1 } else { width };
        }
        (pitches, pitch as usize)
    }

    fn shared_place(&mut self, axes: &[AxisId], pitches: &[i64], layout: usize, slot: usize) -> Int {
        let parts = self.plan.layouts[layout].split(axes, slot);
        let mut sum = Int::Known(0);
        for ((axis, pitch), part) in axes.iter().zip(pitches).zip(parts) {
            // Within the piece: all of it is there.
            let from_slot = self.plan.layouts[layout].slot_index(*axis, part) as i64;
            let at = match self.thread_bits(layout, *axis) {
                Some(value) => Int::At(self.text.convert("extui", value, Ty::I64)),
                None => Int::Known(0),
            };
            let at = self.plus(at, Int::Known(from_slot));
            let step = self.times(at, Int::Known(*pitch));
            sum = self.plus(sum, step);
        }
        sum
    }

    /// Writes a tile to the exchange memory; afterwards all threads may read it.
    fn spill(&mut self, id: TileId, axes: &[AxisId], layout: usize, slots: &[Value]) -> Value {
        let _ = id;
        let (pitches, size) = self.pitches(axes, layout);
        let base = self.scratch_address(size * bytes(slots[0].ty));
        self.barrier();
        for (slot, value) in slots.iter().enumerate() {
            let place = self.shared_place(axes, &pitches, layout, slot);
            self.put(base, place, *value);
        }
        self.barrier();
        base
    }

    fn fetch(&mut self, base: Value, ty: Ty, axes: &[AxisId], layout: usize) -> Vec<Value> {
        let (pitches, _) = self.pitches(axes, layout);
        (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| {
                let place = self.shared_place(axes, &pitches, layout, slot);
                self.take(base, place, ty)
            })
            .collect()
    }

    /// The same entries under another axis.
    pub(super) fn rename(&mut self, value: TileId, from: AxisId, to: AxisId, id: TileId) {
        let Some(Lowered { layout: own, slots }) = self.tiles[value.0 as usize].clone() else { return };
        let axes = self.axes(value);
        let target = self.layout_of(id, &[]);
        let base = self.spill(value, axes, own, &slots);
        // The entries lie in the order of the operand's axes; the result may have another.
        let renamed: Vec<AxisId> = axes.iter().map(|axis| if *axis == from { to } else { *axis }).collect();
        let fetched = self.fetch(base, slots[0].ty, &renamed, target);
        let result = self.axes(id);
        let slots = (0..fetched.len())
            .map(|slot| fetched[self.plan.layouts[target].project(result, slot, &renamed)])
            .collect();
        self.define(id, target, slots);
    }
}

/// The type in which a value lies in shared memory.
const fn stored(ty: Ty) -> Ty {
    match ty {
        Ty::I1 => Ty::I8,
        other => other,
    }
}
