//! A kernel as an MLIR function: one value per slot of each tile, in dialects arith, scf, llvm and nvvm.
//!
//! In reading order: what a thread is ([`Emit::begin`]), instructions ([`Emit::block`]), and what they become, a file each.

#![expect(
    clippy::indexing_slicing,
    reason = "slots are numbered by the layout that made them; operands are those of a verified kernel"
)]

mod combine; // reductions
mod control; // loops, checks
mod elementwise;
mod exchange; // from one layout to another, through shared memory
mod memory; // loads and stores
mod product;
mod scan;
mod size; // size expressions
mod solve;

use crate::plan::Plan;
use crate::text::{Text, Ty, Value};
use size::Int;
use std::collections::HashMap;
use tensc_program::{AxisId, Block, Element, Inst, Kernel, TileId, TileOp};

/// What has no code on this target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("kernel {kernel:?}: {what} has no GPU code")]
pub struct Unsupported {
    /// The kernel's name.
    pub kernel: String,
    /// What it is.
    pub what: String,
}

/// A tile's slots.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub(crate) layout: usize,
    pub(crate) slots: Vec<Value>,
}

/// A function of the module.
pub(crate) struct Function {
    pub(crate) text: String,
    /// Bytes of shared memory of a block.
    pub(crate) shared: usize,
}

/// A kernel while it is written.
pub(crate) struct Emit<'k> {
    pub(crate) kernel: &'k Kernel,
    pub(crate) plan: Plan,
    pub(crate) text: Text,
    alignments: &'k [i64],
    /// Sizes, positions on the grid, variables of open loops.
    names: HashMap<String, Int>,
    params: Vec<Value>,
    /// Where failed checks are told.
    status: Option<Value>,
    /// The thread's number within its grid point, and the point's within its block.
    thread: Value,
    point: Value,
    /// False in threads that repeat another point because there are no more.
    live: Option<Value>,
    /// The number of the piece of each axis that is cut.
    pieces: HashMap<AxisId, Value>,
    tiles: Vec<Option<Lowered>>,
    /// The instruction of each tile that can as well be made again in another layout.
    origins: HashMap<TileId, &'k Inst>,
    shared: String,
    /// Bytes of local memory, and of the largest exchange of a grid point.
    locals: Vec<usize>,
    local_bytes: usize,
    scratch: usize,
    unsupported: Option<String>,
}

/// Stands in the text for the bytes that a grid point's exchanges need, known at the end.
const SCRATCH: &str = "@SCRATCH_BYTES@";

pub(crate) const fn ty_of(element: Element) -> Ty {
    match element {
        Element::F32 => Ty::F32,
        Element::F64 => Ty::F64,
        Element::I32 => Ty::I32,
        Element::Bool => Ty::I1,
    }
}

/// Writes a kernel. `entry` is the function's name.
pub(crate) fn function(
    kernel: &Kernel,
    plan: Plan,
    alignments: &[i64],
    entry: &str,
) -> Result<Function, Unsupported> {
    let mut text = Text::new();
    let placeholder = text.int(Ty::I32, 0);
    let mut emit = Emit {
        kernel,
        plan,
        text,
        alignments,
        names: HashMap::new(),
        params: Vec::new(),
        status: None,
        thread: placeholder,
        point: placeholder,
        live: None,
        pieces: HashMap::new(),
        tiles: vec![None; kernel.tiles.len()],
        origins: HashMap::new(),
        shared: format!("{entry}_shared"),
        locals: Vec::new(),
        local_bytes: 0,
        scratch: 0,
        unsupported: None,
    };
    let header = emit.begin(entry);
    emit.block(&kernel.body);
    emit.text.line("llvm.return");
    if let Some(what) = emit.unsupported {
        return Err(Unsupported { kernel: kernel.name.clone(), what });
    }
    let scratch = emit.scratch.next_multiple_of(16);
    let shared = emit.local_bytes + (scratch << emit.plan.points);
    let body = emit.text.finish().replace(SCRATCH, &scratch.to_string());
    let mut text = String::new();
    if shared > 0 {
        let shape = format!("!llvm.array<{shared} x i8>");
        text.push_str(&format!(
            "  llvm.mlir.global internal @{}() {{addr_space = 3 : i32, alignment = 16 : i64}} : {shape}\n",
            emit.shared
        ));
    }
    text.push_str(&header);
    text.push_str(&body);
    text.push_str("  }\n");
    Ok(Function { text, shared })
}

impl<'k> Emit<'k> {
    /// The function's parameters, and where this thread is.
    fn begin(&mut self, entry: &str) -> String {
        let mut parameters = Vec::new();
        for (n, param) in self.kernel.params.iter().enumerate() {
            let value = self.text.value(Ty::Global);
            let bytes = if param.dtype == tensc_ir::DType::C64 { 4 } else { param.dtype.bytes() };
            let elements = usize::try_from(self.alignments.get(n).copied().unwrap_or(1)).unwrap_or(1);
            let align = crate::facts::gcd((bytes * elements) as i64, 16);
            let access = if param.writes { "" } else { ", llvm.readonly" };
            parameters
                .push(format!("{value}: !llvm.ptr<1> {{llvm.align = {align} : i64, llvm.noalias{access}}}"));
            self.params.push(value);
        }
        if has_checks(self.kernel) {
            let value = self.text.value(Ty::Global);
            parameters.push(format!("{value}: !llvm.ptr<1> {{llvm.align = 8 : i64}}"));
            self.status = Some(value);
        }
        let mut number = |emit: &mut Self| {
            let value = emit.text.value(Ty::I64);
            parameters.push(format!("{value}: i64"));
            value
        };
        for name in &self.kernel.sizes {
            let value = number(self);
            self.names.insert(name.clone(), Int::At(value));
        }
        let grid: Vec<String> = (0..self.kernel.grid().count())
            .map(|n| self.kernel.axis_name(AxisId(n as u32)).to_owned())
            .collect();
        let extents: Vec<Value> = (0..grid.len() + self.plan.pieces.len()).map(|_| number(self)).collect();
        let total = number(self);
        self.place_thread(&grid, &extents, total);
        self.place_locals();
        let threads = 1_u32 << (self.plan.threads + self.plan.points);
        format!(
            "  llvm.func @{entry}({}) attributes {{gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: {threads}, 1, 1>}} {{\n",
            parameters.join(", ")
        )
    }

    /// The thread's grid point, from its block's number.
    fn place_thread(&mut self, grid: &[String], extents: &[Value], total: Value) {
        let threads = self.text.fresh(Ty::I32, "nvvm.read.ptx.sreg.tid.x : i32");
        let block = self.text.fresh(Ty::I32, "nvvm.read.ptx.sreg.ctaid.x : i32");
        let mut point = self.text.convert("extui", block, Ty::I64);
        self.thread = threads;
        self.point = self.text.int(Ty::I32, 0);
        if self.plan.points > 0 {
            let mask = self.text.int(Ty::I32, (1 << self.plan.threads) - 1);
            self.thread = self.text.integer("andi", threads, mask);
            let shift = self.text.int(Ty::I32, i64::from(self.plan.threads));
            self.point = self.text.integer("shrui", threads, shift);
            let (width, within) = (
                self.text.int(Ty::I64, 1 << self.plan.points),
                self.text.convert("extui", self.point, Ty::I64),
            );
            point = self.text.mul(point, width);
            point = self.text.add(point, within);
            self.live = Some(self.text.compare("slt", point, total));
            let one = self.text.int(Ty::I64, 1);
            let last = self.text.sub(total, one);
            point = self.text.integer("minsi", point, last);
        }
        let mut rest = point;
        for (n, extent) in extents.iter().enumerate().rev() {
            let position = if n == 0 { rest } else { self.text.integer("remui", rest, *extent) };
            if n > 0 {
                rest = self.text.integer("divui", rest, *extent);
            }
            match grid.get(n) {
                Some(name) => {
                    self.names.insert(name.clone(), Int::At(position));
                }
                None => {
                    let (axis, _) = self.plan.pieces[n - grid.len()];
                    self.pieces.insert(axis, position);
                }
            }
        }
    }

    fn place_locals(&mut self) {
        for local in &self.kernel.locals {
            self.locals.push(self.local_bytes);
            self.local_bytes += (local.len * local.element.bytes()).next_multiple_of(16);
        }
    }

    pub(crate) fn axes(&self, tile: TileId) -> &'k [AxisId] {
        crate::facts::axes(self.kernel, tile)
    }

    fn element(&self, tile: TileId) -> Element {
        self.kernel.tiles.get(tile.0 as usize).map_or(Element::F32, |tile| tile.element)
    }

    /// A layout that has all of these axes: the wanted one where it does.
    fn layout_with(&mut self, axes: &[AxisId], wanted: usize) -> usize {
        let has = |layout: &crate::layout::Layout| axes.iter().all(|axis| layout.axes.contains_key(axis));
        if has(&self.plan.layouts[wanted]) {
            return wanted;
        }
        if let Some(at) = self.plan.layouts.iter().position(has) {
            return at;
        }
        let layout = crate::plan::spread(self.kernel, axes, self.plan.threads, self.alignments);
        self.plan.layouts.push(layout);
        self.plan.layouts.len() - 1
    }

    /// The layout in which an instruction's result is made: that of its group; a tile of one axis goes with its operands.
    fn layout_of(&mut self, result: TileId, operands: &[TileId]) -> usize {
        let axes = self.axes(result);
        let wanted = self.plan.of_tile[result.0 as usize];
        if axes.len() < 2 {
            for operand in operands {
                let lowered = self.tiles[operand.0 as usize].as_ref().map(|lowered| lowered.layout);
                let fits = |at: usize| axes.iter().all(|axis| self.plan.layouts[at].axes.contains_key(axis));
                if let Some(at) = lowered.filter(|at| self.axes(*operand) == axes && fits(*at)) {
                    return at;
                }
            }
        }
        self.layout_with(axes, wanted)
    }

    fn define(&mut self, id: TileId, layout: usize, slots: Vec<Value>) {
        self.tiles[id.0 as usize] = Some(Lowered { layout, slots });
    }

    fn unsupported(&mut self, what: impl Into<String>) {
        self.unsupported.get_or_insert_with(|| what.into());
    }

    pub(crate) fn block(&mut self, block: &'k Block) {
        for inst in &block.insts {
            self.inst(inst);
        }
    }

    fn inst(&mut self, inst: &'k Inst) {
        let result = inst.results.first().copied();
        match (&inst.op, result) {
            (TileOp::Const { .. } | TileOp::Iota(_), Some(id)) => {
                self.origins.insert(id, inst);
                let layout = self.layout_of(id, &[]);
                self.make(inst, id, layout);
            }
            (TileOp::Load { memory, .. }, Some(id)) => {
                if !crate::plan::is_local(*memory) {
                    self.origins.insert(id, inst);
                }
                let layout = self.layout_of(id, &[]);
                self.make(inst, id, layout);
            }
            (
                TileOp::Unary(..)
                | TileOp::Binary(..)
                | TileOp::Fma(..)
                | TileOp::Select(..)
                | TileOp::Cast(..),
                Some(id),
            ) => self.elementwise(&inst.op, id),
            (TileOp::Reduce { op, axis, value }, Some(id)) => self.reduce(*op, *axis, *value, id),
            (TileOp::Scan { axis, a, b, start, reverse }, Some(id)) => {
                self.scan(*axis, (*a, *b, *start), *reverse, id);
            }
            (TileOp::Dot { axis, a, b }, Some(id)) => self.dot(*axis, *a, *b, id),
            (TileOp::Rename { value, from, to }, Some(id)) => self.rename(*value, *from, *to, id),
            (TileOp::TriangularSolve { l, row, column, b }, Some(id)) => {
                self.solve(*l, (*row, *column), *b, id)
            }
            (TileOp::Store { memory, index, value, mask }, _) => self.store(*memory, index, *value, *mask),
            (TileOp::Check { condition, site, value, position }, _) => {
                self.check([*condition, *value, *position], *site);
            }
            (TileOp::Loop(inner), _) => self.repeat(inner, &inst.results),
            // The verifier of programs gives each of the others a result.
            (
                TileOp::Const { .. }
                | TileOp::Iota(_)
                | TileOp::Load { .. }
                | TileOp::Unary(..)
                | TileOp::Binary(..)
                | TileOp::Fma(..)
                | TileOp::Select(..)
                | TileOp::Cast(..)
                | TileOp::Reduce { .. }
                | TileOp::Scan { .. }
                | TileOp::Dot { .. }
                | TileOp::Rename { .. }
                | TileOp::TriangularSolve { .. },
                None,
            ) => {}
        }
    }

    /// A tile that depends on no other thread's, in a layout of choice.
    fn make(&mut self, inst: &'k Inst, id: TileId, layout: usize) {
        let axes = self.axes(id);
        let slots = match &inst.op {
            TileOp::Const { element, value } => {
                let constant = match element {
                    Element::F32 => self.text.f32(*value as f32),
                    Element::F64 => self.text.f64(*value),
                    Element::I32 => self.text.int(Ty::I32, i64::from(*value as i32)),
                    Element::Bool => self.text.int(Ty::I1, i64::from(*value != 0.0)),
                };
                vec![constant; self.plan.layouts[layout].tile_slots(axes)]
            }
            TileOp::Iota(dim) => self.iota(dim, axes, layout),
            TileOp::Load { memory, index, mask } => self.load(*memory, index, *mask, id, layout),
            _ => Vec::new(),
        };
        self.define(id, layout, slots);
    }
}

/// Whether a kernel checks anything.
pub(crate) fn has_checks(kernel: &Kernel) -> bool {
    let mut found = false;
    crate::facts::each(&kernel.body, &mut |inst| found |= matches!(inst.op, TileOp::Check { .. }));
    found
}
