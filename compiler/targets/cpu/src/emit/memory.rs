//! Loads and stores: of parameters and local memory by index, of kept tiles by place.

use super::{Cell, Coord, Emit};
use crate::plan::{Place, SAFE_BYTES, Slot, bound, stored_bytes};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use std::rc::Rc;
use tensc_ir::{DType, Dim};
use tensc_program::{AxisId, Element, Index, LocalId, Memory, ParamId, TileId, TileOp, rules};

/// A place split into what does not depend on tile axes, and strides.
pub(super) struct Access {
    base: Dim,
    strides: Vec<(AxisId, Dim)>,
}

/// What lies in memory: an element type of parameters, or one of scratch memory.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    Param(DType),
    Scratch(Element),
}

impl Stored {
    const fn bytes(self) -> usize {
        match self {
            Self::Param(DType::C64) => 4,
            Self::Param(dtype) => dtype.bytes(),
            Self::Scratch(element) => stored_bytes(element),
        }
    }
}

impl Emit<'_, '_> {
    pub(super) fn read_flags(&self) -> MemFlagsData {
        MemFlagsData::new().with_notrap().with_can_move().with_alias_region(Some(self.regions.read))
    }

    fn scratch_flags(&self) -> MemFlagsData {
        MemFlagsData::new().with_notrap().with_alias_region(Some(self.regions.scratch))
    }

    fn access(&mut self, index: &Index) -> Rc<Access> {
        let key = std::ptr::from_ref(index);
        if let Some(access) = self.accesses.get(&key) {
            return access.clone();
        }
        let axes = rules::place_axes(self.kernel, index);
        let (base, strides) = rules::split_affine(self.kernel, &index.affine, &axes);
        let strides =
            axes.into_iter().zip(strides).filter(|(_, stride)| stride.as_constant() != Some(0)).collect();
        let access = Rc::new(Access { base, strides });
        self.accesses.insert(key, access.clone());
        access
    }

    fn memory(&mut self, memory: Memory) -> (Value, Stored, MemFlagsData) {
        match memory {
            Memory::Param(ParamId(n)) => {
                let param = &self.kernel.params[n as usize];
                let region = if param.writes { self.regions.written } else { self.regions.read };
                let flags = MemFlagsData::new().with_notrap().with_alias_region(Some(region));
                (self.pointers[n as usize], Stored::Param(param.dtype), flags)
            }
            Memory::Local(LocalId(n)) => {
                let element = self.kernel.locals[n as usize].element;
                let offset = self.int(self.plan.locals[n as usize] as i64);
                let pointer = self.b.ins().iadd(self.scratch, offset);
                (pointer, Stored::Scratch(element), self.scratch_flags())
            }
        }
    }

    /// The address of an index without its gathered parts, and the stride in elements along the vector axis.
    fn address(&mut self, pointer: Value, stored: Stored, index: &Index, cell: &Cell) -> (Value, Dim) {
        let access = self.access(index);
        let mut address = pointer;
        let base = self.size(&access.base, cell);
        if self.known(base) != Some(0) {
            address = self.advance(address, base, stored.bytes());
        }
        let mut along = Dim::default();
        // Outermost first, so that what does not change in an inner loop is a common part.
        for (axis, coord) in &cell.coords {
            let Some((_, stride)) = access.strides.iter().find(|(a, _)| a == axis) else { continue };
            if cell.vector == Some(*axis) {
                along = stride.clone();
            }
            match (coord, stride.as_constant()) {
                (Coord::Known(0), _) => {}
                (Coord::Known(at), Some(stride)) => {
                    let shift = self.int(at * stride * stored.bytes() as i64);
                    address = self.b.ins().iadd(address, shift);
                }
                (coord, stride_known) => {
                    let mut steps = self.coord(*coord);
                    if stride_known != Some(1) {
                        let stride = self.size(stride, cell);
                        steps = self.b.ins().imul(steps, stride);
                    }
                    address = self.advance(address, steps, stored.bytes());
                }
            }
        }
        (address, along)
    }

    /// An address `count` elements further.
    fn advance(&mut self, address: Value, count: Value, bytes: usize) -> Value {
        let shift = self.b.ins().iconst(types::I64, bytes.trailing_zeros() as i64);
        let count = if bytes == 1 { count } else { self.b.ins().ishl(count, shift) };
        self.b.ins().iadd(address, count)
    }

    /// Addresses of the four places, or of the one.
    fn addresses(
        &mut self,
        stored: Stored,
        pointer: Value,
        index: &Index,
        cell: &Cell,
        lanes: usize,
    ) -> Vec<Value> {
        let (first, along) = self.address(pointer, stored, index, cell);
        let mut addresses = vec![first];
        if lanes > 1 {
            let stride = self.size(&along, cell);
            let mut address = first;
            for _ in 1..lanes {
                address = self.advance(address, stride, stored.bytes());
                addresses.push(address);
            }
        }
        for (tile, stride) in &index.gathered {
            let positions = self.eval(*tile, cell);
            let stride = self.size(stride, cell);
            for (lane, address) in addresses.iter_mut().enumerate() {
                let position = self.lane(positions, lane);
                let position = self.b.ins().sextend(types::I64, position);
                let steps = self.b.ins().imul(position, stride);
                *address = self.advance(*address, steps, stored.bytes());
            }
        }
        addresses
    }

    /// The entries of a load at this place.
    pub(super) fn load(
        &mut self,
        memory: Memory,
        index: &Index,
        mask: Option<TileId>,
        axes: &[AxisId],
        cell: &Cell,
    ) -> Value {
        let (pointer, stored, mut flags) = self.memory(memory);
        if let Memory::Param(ParamId(n)) = memory
            && self.unrolled
            && mask.is_none()
            && !self.kernel.params[n as usize].writes
        {
            // Read where it is wanted, and not before: a turn has more entries than registers.
            flags = flags.with_readonly().with_can_move();
        }
        let vector = cell.is_vector(axes);
        let contiguous = vector && self.is_contiguous(index, cell);
        let mask = mask.map(|mask| self.eval(mask, cell));
        if contiguous {
            let (address, _) = self.address(pointer, stored, index, cell);
            let Some(mask) = mask else { return self.load_four(stored, flags, address) };
            if !self.is_vector(mask) {
                // One truth value for all four: they are read, from a safe place where it is false.
                let address = self.b.ins().select(mask, address, self.scratch);
                let value = self.load_four(stored, flags, address);
                let zero = self.zero_like(value);
                return self.pick(mask, value, zero);
            }
            let whole = self.all(mask);
            let emitted = self.branch(
                whole,
                |emit| vec![emit.load_four(stored, flags, address)],
                |emit| {
                    let addresses = emit.addresses(stored, pointer, index, cell, 4);
                    vec![emit.load_lanes(stored, flags, &addresses, Some(mask))]
                },
            );
            return emitted[0];
        }
        let addresses = self.addresses(stored, pointer, index, cell, if vector { 4 } else { 1 });
        if vector {
            return self.load_lanes(stored, flags, &addresses, mask);
        }
        self.load_masked(stored, flags, addresses[0], mask)
    }

    fn is_contiguous(&mut self, index: &Index, cell: &Cell) -> bool {
        let Some(vector) = cell.vector else { return false };
        let gathered = index.gathered.iter().any(|(tile, _)| self.plan.tile(*tile).axes.contains(&vector));
        let access = self.access(index);
        // A gathered part without the vector axis shifts all four places alike.
        let plain = index.gathered.is_empty();
        !gathered
            && plain
            && access.strides.iter().any(|(axis, stride)| *axis == vector && stride.as_constant() == Some(1))
    }

    fn load_masked(
        &mut self,
        stored: Stored,
        flags: MemFlagsData,
        address: Value,
        mask: Option<Value>,
    ) -> Value {
        let Some(mask) = mask else { return self.load_one(stored, flags, address) };
        let address = self.b.ins().select(mask, address, self.scratch);
        let value = self.load_one(stored, flags, address);
        let zero = self.zero_like(value);
        self.b.ins().select(mask, value, zero)
    }

    fn load_lanes(
        &mut self,
        stored: Stored,
        flags: MemFlagsData,
        addresses: &[Value],
        mask: Option<Value>,
    ) -> Value {
        const { assert!(SAFE_BYTES >= 16) };
        let mut lanes = Vec::new();
        for (lane, address) in addresses.iter().enumerate() {
            let mask = mask.map(|mask| self.lane_condition(mask, lane));
            lanes.push(self.load_masked(stored, flags, *address, mask));
        }
        self.gather_lanes(&lanes)
    }

    /// One element, as a tile has it.
    fn load_one(&mut self, stored: Stored, flags: MemFlagsData, address: Value) -> Value {
        match stored {
            Stored::Param(DType::F32 | DType::C64) | Stored::Scratch(Element::F32) => {
                self.b.ins().load(types::F32, flags, address, 0)
            }
            Stored::Param(DType::F64) | Stored::Scratch(Element::F64) => {
                self.b.ins().load(types::F64, flags, address, 0)
            }
            Stored::Param(DType::I32) | Stored::Scratch(Element::I32) => {
                self.b.ins().load(types::I32, flags, address, 0)
            }
            Stored::Param(DType::U8) => self.b.ins().uload8(types::I32, flags, address, 0),
            Stored::Param(DType::Bool) => {
                let byte = self.b.ins().load(types::I8, flags, address, 0);
                let zero = self.b.ins().iconst(types::I8, 0);
                self.b.ins().icmp(IntCC::NotEqual, byte, zero)
            }
            Stored::Scratch(Element::Bool) => {
                let mask = self.b.ins().load(types::I32, flags, address, 0);
                let zero = self.b.ins().iconst(types::I32, 0);
                self.b.ins().icmp(IntCC::NotEqual, mask, zero)
            }
            Stored::Param(DType::BF16) => {
                let bits = self.b.ins().uload16(types::I32, flags, address, 0);
                self.bf16_to_f32(bits)
            }
            Stored::Param(DType::F16) => {
                let bits = self.b.ins().uload16(types::I32, flags, address, 0);
                self.f16_to_f32(bits)
            }
        }
    }

    /// Four neighbouring elements.
    fn load_four(&mut self, stored: Stored, flags: MemFlagsData, address: Value) -> Value {
        match stored {
            Stored::Param(DType::F32 | DType::C64) | Stored::Scratch(Element::F32) => {
                self.b.ins().load(types::F32X4, flags, address, 0)
            }
            Stored::Param(DType::I32) | Stored::Scratch(Element::I32 | Element::Bool) => {
                self.b.ins().load(types::I32X4, flags, address, 0)
            }
            Stored::Param(DType::BF16) => {
                let bits = self.b.ins().uload16x4(flags, address, 0);
                self.bf16_to_f32(bits)
            }
            Stored::Param(DType::F16) => {
                let bits = self.b.ins().uload16x4(flags, address, 0);
                self.f16_to_f32(bits)
            }
            Stored::Param(DType::U8 | DType::Bool | DType::F64) | Stored::Scratch(Element::F64) => {
                let lanes: Vec<Value> = (0..4)
                    .map(|lane| {
                        let shift = self.int(lane * stored.bytes() as i64);
                        let address = self.b.ins().iadd(address, shift);
                        self.load_one(stored, flags, address)
                    })
                    .collect();
                self.gather_lanes(&lanes)
            }
        }
    }

    /// Stores an entry, or four.
    pub(super) fn store(
        &mut self,
        memory: Memory,
        index: &Index,
        value: Value,
        mask: Option<Value>,
        cell: &Cell,
    ) {
        let (pointer, stored, flags) = self.memory(memory);
        let axes = rules::place_axes(self.kernel, index);
        let vector = cell.is_vector(&axes);
        let value = if vector { self.widen(value) } else { value };
        if vector && mask.is_none() && self.is_contiguous(index, cell) {
            let (address, _) = self.address(pointer, stored, index, cell);
            self.store_four(stored, flags, address, value);
            return;
        }
        let addresses = self.addresses(stored, pointer, index, cell, if vector { 4 } else { 1 });
        for (lane, address) in addresses.into_iter().enumerate() {
            let value = if vector { self.lane_of(stored, value, lane) } else { value };
            match mask {
                None => self.store_one(stored, flags, address, value),
                Some(mask) => {
                    let there = self.lane_condition(mask, lane);
                    self.when(there, |emit| emit.store_one(stored, flags, address, value));
                }
            }
        }
    }

    fn lane_of(&mut self, stored: Stored, value: Value, lane: usize) -> Value {
        match stored {
            Stored::Param(DType::Bool) | Stored::Scratch(Element::Bool) => self.lane_condition(value, lane),
            Stored::Param(_) | Stored::Scratch(_) => self.lane(value, lane),
        }
    }

    fn store_one(&mut self, stored: Stored, flags: MemFlagsData, address: Value, value: Value) {
        let value = match stored {
            Stored::Param(DType::F32 | DType::C64 | DType::F64 | DType::I32 | DType::Bool)
            | Stored::Scratch(Element::F32 | Element::F64 | Element::I32) => value,
            Stored::Scratch(Element::Bool) => self.mask_bits(value),
            Stored::Param(DType::U8) => self.b.ins().ireduce(types::I8, value),
            Stored::Param(DType::BF16) => {
                let bits = self.f32_to_bf16(value);
                self.b.ins().ireduce(types::I16, bits)
            }
            Stored::Param(DType::F16) => match self.call("half_bits", &[value]) {
                Some(bits) => self.b.ins().ireduce(types::I16, bits),
                None => value,
            },
        };
        self.b.ins().store(flags, value, address, 0);
    }

    fn store_four(&mut self, stored: Stored, flags: MemFlagsData, address: Value, value: Value) {
        match stored {
            Stored::Param(DType::F32 | DType::C64 | DType::I32)
            | Stored::Scratch(Element::F32 | Element::I32 | Element::Bool) => {
                self.b.ins().store(flags, value, address, 0);
            }
            Stored::Param(DType::BF16) => {
                let bits = self.f32_to_bf16(value);
                // The low halves of four words, side by side.
                let narrow = self.b.ins().unarrow(bits, bits);
                let lanes = self.reinterpret(types::I64X2, narrow);
                let low = self.b.ins().extractlane(lanes, 0);
                self.b.ins().store(flags, low, address, 0);
            }
            Stored::Param(DType::U8 | DType::Bool | DType::F64 | DType::F16)
            | Stored::Scratch(Element::F64) => {
                for lane in 0..4 {
                    let shift = self.int(lane as i64 * stored.bytes() as i64);
                    let address = self.b.ins().iadd(address, shift);
                    let one = self.lane_of(stored, value, lane);
                    self.store_one(stored, flags, address, one);
                }
            }
        }
    }

    pub(super) fn slot(&self, id: TileId) -> Option<Slot> {
        match &self.plan.places[id.0 as usize] {
            Place::Slot(slot) => Some(slot.clone()),
            Place::Scalar | Place::Inline => None,
        }
    }

    /// Addresses of a kept tile's entries at this place, and whether four of them are neighbours.
    fn slot_addresses(&mut self, slot: &Slot, cell: &Cell) -> (Vec<Value>, bool) {
        let bytes = stored_bytes(slot.element) as i64;
        let mut stride = bytes;
        let mut strides = Vec::new();
        for axis in slot.axes.iter().rev() {
            strides.push((*axis, stride));
            stride *= bound(self.kernel, *axis) as i64;
        }
        let mut offset = slot.offset as i64;
        let mut address = self.scratch;
        for (axis, coord) in &cell.coords {
            let Some((_, stride)) = strides.iter().find(|(a, _)| a == axis) else { continue };
            match coord {
                Coord::Known(at) => offset += at * stride,
                Coord::At(value) => {
                    let stride = self.int(*stride);
                    let steps = self.b.ins().imul(*value, stride);
                    address = self.b.ins().iadd(address, steps);
                }
            }
        }
        let offset = self.int(offset);
        address = self.b.ins().iadd(address, offset);
        let along = strides.iter().find(|(axis, _)| Some(*axis) == cell.vector).map(|(_, stride)| *stride);
        match along {
            None => (vec![address], false),
            Some(along) if along == bytes => (vec![address], true),
            Some(along) => {
                let mut addresses = vec![address];
                for lane in 1..4 {
                    let shift = self.int(lane * along);
                    addresses.push(self.b.ins().iadd(address, shift));
                }
                (addresses, false)
            }
        }
    }

    /// A tile of f32 as a matrix in memory: the address of its first entry at this place, and its strides along two axes in elements. Nothing where it is computed.
    pub(super) fn matrix(
        &mut self,
        id: TileId,
        cell: &Cell,
        axes: [AxisId; 2],
    ) -> Option<(Value, [Value; 2])> {
        let at_start = |cell: &Cell| {
            axes.iter().fold(cell.clone(), |cell, axis| cell.with(*axis, Coord::Known(0), false))
        };
        if let Some(slot) = self.slot(id) {
            if slot.element != Element::F32 {
                return None;
            }
            let (addresses, _) = self.slot_addresses(&slot, &at_start(cell));
            let strides = axes.map(|axis| {
                let place = slot.axes.iter().position(|a| *a == axis);
                let inner =
                    place.map(|n| slot.axes[n + 1..].iter().map(|a| bound(self.kernel, *a)).product());
                inner.map_or(0, |entries: usize| entries as i64)
            });
            return Some((*addresses.first()?, strides.map(|stride| self.int(stride))));
        }
        match self.plan.op(id)? {
            TileOp::Rename { value, from, to } => {
                let axes = axes.map(|axis| if axis == *to { *from } else { axis });
                self.matrix(*value, &at_start(cell).renamed(*from, *to), axes)
            }
            TileOp::Load { memory, index, mask: None } if index.gathered.is_empty() => {
                let (pointer, stored, _) = self.memory(*memory);
                match stored {
                    Stored::Param(DType::F32 | DType::C64) | Stored::Scratch(Element::F32) => {}
                    Stored::Param(_) | Stored::Scratch(_) => return None,
                }
                let cell = at_start(cell);
                let (address, _) = self.address(pointer, stored, index, &cell);
                let access = self.access(index);
                let strides = axes.map(|axis| {
                    let stride = access.strides.iter().find(|(a, _)| *a == axis);
                    stride.map_or_else(Dim::default, |(_, stride)| stride.clone())
                });
                Some((address, strides.map(|stride| self.size(&stride, &cell))))
            }
            _ => None,
        }
    }

    pub(super) fn load_slot(&mut self, slot: &Slot, cell: &Cell) -> Value {
        let (stored, flags) = (Stored::Scratch(slot.element), self.scratch_flags());
        let (addresses, neighbours) = self.slot_addresses(slot, cell);
        match (addresses.as_slice(), neighbours) {
            ([address], true) => self.load_four(stored, flags, *address),
            ([address], false) => self.load_one(stored, flags, *address),
            (addresses, _) => self.load_lanes(stored, flags, addresses, None),
        }
    }

    pub(super) fn store_slot(&mut self, slot: &Slot, cell: &Cell, value: Value) {
        let (stored, flags) = (Stored::Scratch(slot.element), self.scratch_flags());
        let (addresses, neighbours) = self.slot_addresses(slot, cell);
        let value = if cell.is_vector(&slot.axes) { self.widen(value) } else { value };
        match (addresses.as_slice(), neighbours) {
            ([address], true) => self.store_four(stored, flags, *address, value),
            ([address], false) => self.store_one(stored, flags, *address, value),
            (addresses, _) => {
                for (lane, address) in addresses.iter().enumerate() {
                    let one = self.lane_of(stored, value, lane);
                    self.store_one(stored, flags, *address, one);
                }
            }
        }
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.b.func.dfg.value_type(value)
    }
}
