//! Loads and stores: places, masks, vectors of four neighbours, conversions between memory and registers.

use super::size::Int;
use super::{Emit, ty_of};
use crate::facts::{affine, is_vector};
use crate::text::{Ty, Value, list, types};
use tensc_ir::DType;
use tensc_program::rules::place_axes;
use tensc_program::{AxisId, Element, Index, Memory, TileId};

/// An access of one thread: for each slot its place relative to a common one, and under which condition.
struct Access {
    base: Value,
    /// Type in memory.
    ty: Ty,
    /// In elements.
    offsets: Vec<Int>,
    conditions: Vec<Option<Value>>,
    /// Slots that move together, first the one that the others follow.
    groups: Vec<Vec<usize>>,
}

impl Emit<'_> {
    fn memory_ty(&self, memory: Memory) -> Ty {
        match memory {
            Memory::Param(param) => match self.kernel.params[param.0 as usize].dtype {
                DType::F32 | DType::C64 => Ty::F32,
                DType::F64 => Ty::F64,
                DType::F16 => Ty::F16,
                DType::BF16 => Ty::Bf16,
                DType::I32 => Ty::I32,
                DType::U8 | DType::Bool => Ty::I8,
            },
            Memory::Local(local) => match self.kernel.locals[local.0 as usize].element {
                Element::Bool => Ty::I8,
                other => ty_of(other),
            },
        }
    }

    fn access(
        &mut self,
        memory: Memory,
        index: &Index,
        mask: Option<TileId>,
        axes: &[AxisId],
        layout: usize,
    ) -> Access {
        let place = affine(self.kernel, index);
        let mut fixed = self.size(&place.base);
        let mut strides = Vec::new();
        for (axis, stride) in &place.strides {
            let stride = self.size(stride);
            let at = self.thread_index(layout, *axis);
            let part = self.times(at, stride);
            fixed = self.plus(fixed, part);
            strides.push((*axis, stride));
        }
        let gathered: Vec<(TileId, Vec<Value>, Int)> = index
            .gathered
            .iter()
            .map(|(tile, stride)| {
                let slots = self.slots_in(*tile, layout);
                (*tile, slots, self.size(stride))
            })
            .collect();
        let mask = mask.map(|mask| (mask, self.slots_in(mask, layout)));
        let ty = self.memory_ty(memory);
        let start = match memory {
            Memory::Param(param) => self.params[param.0 as usize],
            Memory::Local(local) => {
                let bytes = self.locals[local.0 as usize] as i64;
                self.shared_address(bytes)
            }
        };
        let fixed = self.int(fixed);
        let base = self.text.element(start, fixed, ty);
        let count = self.plan.layouts[layout].tile_slots(axes);
        let (mut offsets, mut conditions) = (Vec::new(), Vec::new());
        for slot in 0..count {
            let parts = self.plan.layouts[layout].split(axes, slot);
            let mut offset = Int::Known(0);
            for (axis, stride) in &strides {
                let part = axes.iter().position(|a| a == axis).map_or(0, |at| parts[at]);
                let step = self.plan.layouts[layout].slot_index(*axis, part) as i64;
                let step = self.times(Int::Known(step), *stride);
                offset = self.plus(offset, step);
            }
            for (tile, slots, stride) in &gathered {
                let own = self.axes(*tile);
                let value = slots[self.plan.layouts[layout].project(axes, slot, own)];
                let wide = self.text.convert("extsi", value, Ty::I64);
                let step = self.times(Int::At(wide), *stride);
                offset = self.plus(offset, step);
            }
            let mut condition = self.all_present(layout, axes, slot);
            if let Some((tile, slots)) = &mask {
                let own = self.axes(*tile);
                let allowed = slots[self.plan.layouts[layout].project(axes, slot, own)];
                condition = self.text.both(condition, Some(allowed));
            }
            offsets.push(offset);
            conditions.push(condition);
        }
        let groups = self.vectors(memory, index, mask.as_ref().map(|(mask, _)| *mask), axes, layout);
        Access { base, ty, offsets, conditions, groups }
    }

    /// The slots that one access can move: four neighbours, or each alone.
    fn vectors(
        &self,
        memory: Memory,
        index: &Index,
        mask: Option<TileId>,
        axes: &[AxisId],
        layout: usize,
    ) -> Vec<Vec<usize>> {
        let plan = &self.plan.layouts[layout];
        let count = plan.tile_slots(axes);
        let starts_with_slots = |axis: &AxisId| {
            matches!(plan.bits(*axis), [crate::layout::Bit::Slot, crate::layout::Bit::Slot, ..])
        };
        let along = axes.iter().copied().find(|axis| {
            starts_with_slots(axis)
                && is_vector(self.kernel, memory, index, mask, *axis, (4, self.alignments))
        });
        let Some(axis) = along else { return (0..count).map(|slot| vec![slot]).collect() };
        let at = axes.iter().position(|a| *a == axis).unwrap_or(0);
        let step: usize = axes[at + 1..].iter().map(|axis| plan.slots(*axis)).product();
        let first = |slot: &usize| plan.split(axes, *slot)[at].is_multiple_of(4);
        (0..count).filter(first).map(|slot| (0..4).map(|n| slot + n * step).collect()).collect()
    }

    fn place_of(&mut self, access: &Access, slot: usize) -> Value {
        match access.offsets[slot] {
            Int::Known(0) => access.base,
            offset => {
                let offset = self.int(offset);
                self.text.element(access.base, offset, access.ty)
            }
        }
    }

    /// Groups of slots with the same condition, in order.
    fn by_condition(access: &Access) -> Vec<(Option<Value>, Vec<Vec<usize>>)> {
        let mut parts: Vec<(Option<Value>, Vec<Vec<usize>>)> = Vec::new();
        for group in &access.groups {
            let condition = access.conditions[group[0]];
            match parts.iter_mut().find(|(other, _)| *other == condition) {
                Some((_, groups)) => groups.push(group.clone()),
                None => parts.push((condition, vec![group.clone()])),
            }
        }
        parts
    }

    pub(super) fn load(
        &mut self,
        memory: Memory,
        index: &Index,
        mask: Option<TileId>,
        id: TileId,
        layout: usize,
    ) -> Vec<Value> {
        if crate::plan::is_local(memory) {
            self.barrier();
        }
        let axes = self.axes(id);
        let access = self.access(memory, index, mask, axes, layout);
        let zero = match access.ty {
            Ty::F64 => self.text.f64(0.0),
            Ty::F32 => self.text.f32(0.0),
            Ty::F16 | Ty::Bf16 => {
                let zero = self.text.f32(0.0);
                self.text.convert("truncf", zero, access.ty)
            }
            other => self.text.int(other, 0),
        };
        let mut slots = vec![zero; access.offsets.len()];
        for (condition, groups) in Self::by_condition(&access) {
            let members: Vec<usize> = groups.iter().flatten().copied().collect();
            let Some(condition) = condition else {
                for group in &groups {
                    self.read(&access, group, &mut slots);
                }
                continue;
            };
            let results: Vec<Value> = members.iter().map(|_| self.text.value(access.ty)).collect();
            let (names, kinds) = (list(&results), types(&results));
            self.text.open(&format!("{names} = scf.if {condition} -> ({kinds}) {{"));
            let mut inner = slots.clone();
            for group in &groups {
                self.read(&access, group, &mut inner);
            }
            let read: Vec<Value> = members.iter().map(|slot| inner[*slot]).collect();
            self.text.line(&format!("scf.yield {} : {kinds}", list(&read)));
            self.text.middle("} else {");
            let zeros = vec![zero; members.len()];
            self.text.line(&format!("scf.yield {} : {kinds}", list(&zeros)));
            self.text.close("}");
            for (slot, value) in members.iter().zip(results) {
                slots[*slot] = value;
            }
        }
        let element = self.kernel.memory_element(memory).unwrap_or(Element::F32);
        slots.into_iter().map(|value| self.widened(value, element)).collect()
    }

    fn read(&mut self, access: &Access, group: &[usize], slots: &mut [Value]) {
        let place = self.place_of(access, group[0]);
        let ty = access.ty;
        if let [slot] = group {
            // Of shared memory only what is asked for: neighbours may not be written, though they could be read.
            let kind = if place.ty == Ty::Shared { "llvm.load volatile" } else { "llvm.load" };
            slots[*slot] = self.text.fresh(ty, &format!("{kind} {place} : {} -> {ty}", place.ty));
            return;
        }
        let alignment = group.len() * bytes(ty);
        let vector = format!("vector<{}x{ty}>", group.len());
        let loaded = self.text.fresh(
            ty,
            &format!("llvm.load {place} {{alignment = {alignment} : i64}} : {} -> {vector}", place.ty),
        );
        for (n, slot) in group.iter().enumerate() {
            slots[*slot] = self.text.fresh(ty, &format!("vector.extract {loaded}[{n}] : {ty} from {vector}"));
        }
    }

    /// What memory holds as what tiles hold.
    fn widened(&mut self, value: Value, element: Element) -> Value {
        match (value.ty, element) {
            (Ty::F16 | Ty::Bf16, _) => self.text.convert("extf", value, Ty::F32),
            (Ty::I8, Element::Bool) => {
                let zero = self.text.int(Ty::I8, 0);
                self.text.compare("ne", value, zero)
            }
            (Ty::I8, _) => self.text.convert("extui", value, Ty::I32),
            _ => value,
        }
    }

    fn narrowed(&mut self, value: Value, ty: Ty) -> Value {
        match (value.ty, ty) {
            (Ty::F32, Ty::F16 | Ty::Bf16) => self.text.convert("truncf", value, ty),
            (Ty::I1, Ty::I8) => self.text.convert("extui", value, ty),
            (Ty::I32, Ty::I8) => self.text.convert("trunci", value, ty),
            _ => value,
        }
    }

    /// True in the one thread of those that hold the same entries of a tile with these axes; in the first piece alone where pieces hold the same.
    pub(super) fn first_holder(
        &mut self,
        axes: &[AxisId],
        layout: usize,
        among_pieces: bool,
    ) -> Option<Value> {
        let plan = &self.plan.layouts[layout];
        let held: u32 = axes.iter().flat_map(|axis| plan.thread_bits(*axis)).map(|bit| 1 << bit).sum();
        let copies = ((1_u32 << self.plan.threads) - 1) & !held;
        let mut first = None;
        if copies != 0 {
            let mask = self.text.int(Ty::I32, i64::from(copies));
            let others = self.text.integer("andi", self.thread, mask);
            let zero = self.text.int(Ty::I32, 0);
            first = Some(self.text.compare("eq", others, zero));
        }
        if !among_pieces {
            return first;
        }
        let cut: Vec<AxisId> = self.plan.pieces.iter().map(|(axis, _)| *axis).collect();
        for axis in cut.into_iter().filter(|axis| !axes.contains(axis)) {
            let piece = self.pieces[&axis];
            let zero = self.text.int(Ty::I64, 0);
            let one = self.text.compare("eq", piece, zero);
            first = self.text.both(first, Some(one));
        }
        first
    }

    pub(super) fn store(&mut self, memory: Memory, index: &Index, value: TileId, mask: Option<TileId>) {
        let axes = place_axes(self.kernel, index);
        let wanted = self.tiles[value.0 as usize].as_ref().map_or(0, |tile| tile.layout);
        let layout = self.layout_with(&axes, wanted);
        let own = self.axes(value);
        let values = self.slots_in(value, layout);
        if crate::plan::is_local(memory) {
            // What was there may still be read.
            self.barrier();
        }
        let mut access = self.access(memory, index, mask, &axes, layout);
        // Every piece has local memory of its own.
        let cut = !crate::plan::is_local(memory);
        let first = self.first_holder(&axes, layout, cut);
        let once = self.text.both(self.live, first);
        for condition in &mut access.conditions {
            *condition = self.text.both(*condition, once);
        }
        for (condition, groups) in Self::by_condition(&access) {
            if let Some(condition) = condition {
                self.text.open(&format!("scf.if {condition} {{"));
            }
            for group in groups {
                let slots: Vec<Value> = group
                    .iter()
                    .map(|slot| {
                        let from = self.plan.layouts[layout].project(&axes, *slot, own);
                        self.narrowed(values[from], access.ty)
                    })
                    .collect();
                self.write(&access, &group, &slots);
            }
            if condition.is_some() {
                self.text.close("}");
            }
        }
    }

    fn write(&mut self, access: &Access, group: &[usize], values: &[Value]) {
        let place = self.place_of(access, group[0]);
        let ty = access.ty;
        if let [value] = values {
            self.text.line(&format!("llvm.store {value}, {place} : {ty}, {}", place.ty));
            return;
        }
        let vector = format!("vector<{}x{ty}>", values.len());
        let packed = self.text.fresh(ty, &format!("vector.from_elements {} : {vector}", list(values)));
        let alignment = values.len() * bytes(ty);
        self.text.line(&format!(
            "llvm.store {packed}, {place} {{alignment = {alignment} : i64}} : {vector}, {}",
            place.ty
        ));
    }
}

pub(super) const fn bytes(ty: Ty) -> usize {
    match ty {
        Ty::I1 | Ty::I8 => 1,
        Ty::F16 | Ty::Bf16 => 2,
        Ty::I32 | Ty::F32 | Ty::Shared => 4,
        Ty::I64 | Ty::F64 | Ty::Global => 8,
    }
}
