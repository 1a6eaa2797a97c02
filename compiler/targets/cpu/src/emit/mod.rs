//! Kernels as Cranelift IR.
//!
//! In: a kernel and its plan. Out: one function that runs grid points `from..to`:
//! `fn(pointers: *const *mut u8, sizes: *const i64, scratch: *mut u8, from: i64, to: i64, status: *mut Status)`.
//!
//! Every element is computed by [`Emit::eval`], for one place (scalar code) or four neighbours along the vector axis; both give the same bits.

#![expect(clippy::indexing_slicing, reason = "the ids of a verified kernel are in range")]

mod block;
mod cell;
mod control;
mod dot;
mod guard;
mod lanes;
mod memory;
mod nest;
mod ops;
mod reduce;
mod registers;
mod scan;
mod size;
mod solve;
mod value;

pub(crate) use cell::{Cell, Coord};

use crate::plan::Plan;
use crate::symbols::Signature;
use cranelift_codegen::ir::{self, AbiParam, AliasRegion, AliasRegionData, InstBuilder, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_jit::JITModule;
use cranelift_module::{FuncId, Module};
use memory::Access;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use tensc_program::{AxisId, AxisKind, Index, Kernel, TileId};

/// What the machine can do, as far as code depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Fused multiply-add is an instruction.
    pub(crate) fma: bool,
}

/// Functions that compiled code may call.
pub(crate) type Functions = HashMap<&'static str, FuncId>;

/// Regions of memory that don't overlap: what is read, what is written, scratch.
#[derive(Clone, Copy)]
struct Regions {
    read: AliasRegion,
    written: AliasRegion,
    scratch: AliasRegion,
}

type Key = (TileId, Vec<(AxisId, Coord)>, bool);

/// The state of emitting one kernel.
pub(crate) struct Emit<'a, 'k> {
    pub(crate) plan: &'a Plan<'k>,
    pub(crate) kernel: &'k Kernel,
    pub(crate) b: FunctionBuilder<'a>,
    pub(crate) machine: Machine,
    module: &'a mut JITModule,
    functions: &'a Functions,
    imported: HashMap<&'static str, ir::FuncRef>,
    regions: Regions,
    /// Values of sizes, grid axes and loop variables.
    names: HashMap<String, Value>,
    pointers: Vec<Value>,
    scratch: Value,
    status: Value,
    /// Tiles without axes.
    scalars: Vec<Option<Value>>,
    /// What has been computed, innermost scope last.
    memo: Vec<HashMap<Key, Value>>,
    /// Places split into base and strides, by the address of the index.
    accesses: HashMap<*const Index, Rc<Access>>,
    /// Inside a loop whose tiles all are in registers.
    unrolled: bool,
    /// The vector axis of that loop.
    unrolled_vector: Option<AxisId>,
    /// Tiles defined in that loop.
    inside: HashSet<TileId>,
    /// Where such a loop runs in groups of lanes: their axis, and the group at hand.
    lane_group: Option<(AxisId, Vec<Cell>)>,
    /// Whether the exponents of all powers are in the normal range, where that has been asked already.
    powers_in_range: Option<bool>,
}

/// The parameters of a kernel's function.
pub(crate) fn signature(convention: CallConv) -> ir::Signature {
    let mut signature = ir::Signature::new(convention);
    signature.params = vec![AbiParam::new(types::I64); 6];
    signature
}

/// The Cranelift signature of a function that code calls.
pub(crate) fn import_signature(convention: CallConv, signature: Signature) -> ir::Signature {
    let (params, result): (&[ir::Type], Option<ir::Type>) = match signature {
        Signature::F32 => (&[types::F32], Some(types::F32)),
        Signature::F32x2 => (&[types::F32; 2], Some(types::F32)),
        Signature::F32x3 => (&[types::F32; 3], Some(types::F32)),
        Signature::F64 => (&[types::F64], Some(types::F64)),
        Signature::F64x2 => (&[types::F64; 2], Some(types::F64)),
        Signature::F64x3 => (&[types::F64; 3], Some(types::F64)),
        Signature::I32x2 => (&[types::I32; 2], Some(types::I32)),
        Signature::F32ToI32 => (&[types::F32], Some(types::I32)),
        Signature::Product => (&[types::I64; 12], None),
        Signature::Record => (&[types::I64, types::I32, types::I32, types::I32], None),
    };
    let mut made = ir::Signature::new(convention);
    made.params = params.iter().map(|ty| AbiParam::new(*ty)).collect();
    made.returns = result.into_iter().map(AbiParam::new).collect();
    made
}

/// Emits a whole kernel into the function that the builder builds.
pub(crate) fn emit<'a>(
    plan: &'a Plan<'a>,
    mut b: FunctionBuilder<'a>,
    module: &'a mut JITModule,
    functions: &'a Functions,
    machine: Machine,
) {
    let kernel = plan.kernel;
    let mut region = |n: u32, description: &'static str| {
        b.func.dfg.alias_regions.insert(AliasRegionData { user_id: n, description: description.into() })
    };
    let regions = Regions {
        read: region(1, "read parameters"),
        written: region(2, "written parameters"),
        scratch: region(3, "scratch"),
    };
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let [pointers, sizes, scratch, from, to, status] = [0, 1, 2, 3, 4, 5].map(|n| b.block_params(entry)[n]);
    let mut emit = Emit {
        plan,
        kernel,
        b,
        machine,
        module,
        functions,
        imported: HashMap::new(),
        regions,
        names: HashMap::new(),
        pointers: Vec::new(),
        scratch,
        status,
        scalars: vec![None; kernel.tiles.len()],
        memo: vec![HashMap::new()],
        accesses: HashMap::new(),
        unrolled: false,
        unrolled_vector: None,
        inside: HashSet::new(),
        lane_group: None,
        powers_in_range: None,
    };
    let flags = emit.read_flags();
    for n in 0..kernel.params.len() {
        let pointer = emit.b.ins().load(types::I64, flags, pointers, 8 * n as i32);
        emit.pointers.push(pointer);
    }
    for (n, name) in kernel.sizes.iter().enumerate() {
        let size = emit.b.ins().load(types::I64, flags, sizes, 8 * n as i32);
        emit.names.insert(name.clone(), size);
    }
    let grid: Vec<(&str, Value)> = kernel
        .axes
        .iter()
        .filter_map(|axis| match &axis.kind {
            AxisKind::Grid { extent } => Some((axis.name.as_str(), emit.size(extent, &Cell::default()))),
            AxisKind::Tile { .. } => None,
        })
        .collect();
    emit.for_each(from, to, 1, |emit, point| {
        let mut rest = point;
        for (n, (name, extent)) in grid.iter().enumerate().rev() {
            let position = if n == 0 {
                rest
            } else {
                let position = emit.b.ins().urem(rest, *extent);
                rest = emit.b.ins().udiv(rest, *extent);
                position
            };
            emit.names.insert((*name).to_owned(), position);
        }
        emit.block(&kernel.body);
    });
    emit.b.ins().return_(&[]);
    let config = emit.module.target_config();
    emit.b.finalize(config);
}

impl Emit<'_, '_> {
    /// Calls a function of [`crate::symbols`].
    pub(crate) fn call(&mut self, name: &'static str, arguments: &[Value]) -> Option<Value> {
        let function = match self.imported.get(name) {
            Some(function) => *function,
            None => {
                let function = self.module.declare_func_in_func(self.functions[name], self.b.func);
                self.imported.insert(name, function);
                function
            }
        };
        let call = self.b.ins().call(function, arguments);
        self.b.inst_results(call).first().copied()
    }
}
