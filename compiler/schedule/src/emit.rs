//! Writes one kernel: every instruction goes to the outermost open loop in which its operands exist, and none is written twice.
//!
//! So whoever lowers an op asks for what it needs, where it needs it, and what does not depend on the loop variable ends up in front of the loop.

use crate::index::{Ix, dim};
use crate::place::Spot;
use std::collections::{BTreeSet, HashMap};
use tensc_ir::{BinaryOp, DType, Dim, UnaryOp};
use tensc_program::{
    Axis, AxisId, AxisKind, Block, BufferRef, CheckId, Element, Index, Inst, Kernel, Local, LocalId, Loop,
    Memory, Param, ParamId, ReduceOp, Tile, TileId, TileOp,
};

/// A kernel under construction with its launch arguments.
pub(crate) struct Emitter {
    kernel: Kernel,
    arguments: Vec<BufferRef>,
    sizes: Vec<Dim>,
    /// Open blocks, outermost first.
    open: Vec<OpenBlock>,
    /// For each tile the number of open loops that it depends on.
    depths: Vec<usize>,
    /// For names of loop variables and of tile axes whose extent mentions one.
    name_depths: HashMap<String, usize>,
    known: HashMap<String, TileId>,
    /// Positions that run through `0..size`.
    spans: Vec<(Dim, Dim)>,
    names: usize,
    /// Tile axes that positions of entries in time run along: no other use is made of them.
    reserved: BTreeSet<String>,
}

#[derive(Default)]
struct OpenBlock {
    insts: Vec<Inst>,
    header: Option<Header>,
}

struct Header {
    variable: String,
    extent: Dim,
    reverse: bool,
    carried: Vec<(TileId, TileId)>,
}

impl Emitter {
    pub(crate) fn new() -> Self {
        Self {
            kernel: Kernel::default(),
            arguments: Vec::new(),
            sizes: Vec::new(),
            open: vec![OpenBlock::default()],
            depths: Vec::new(),
            name_depths: HashMap::new(),
            known: HashMap::new(),
            spans: Vec::new(),
            names: 0,
            reserved: BTreeSet::new(),
        }
    }

    /// The kernel with its arguments and the values of its sizes.
    pub(crate) fn finish(mut self, name: String) -> (Kernel, Vec<BufferRef>, Vec<Dim>) {
        self.kernel.name = name;
        if let Some(block) = self.open.pop() {
            self.kernel.body = Block { insts: block.insts, yields: Vec::new() };
        }
        (self.kernel, self.arguments, self.sizes)
    }

    // Sizes, axes, names.

    /// A size of the program as an expression over the kernel's names. What is more than a sum of products becomes a size parameter of its own.
    pub(crate) fn size(&mut self, size: &Dim) -> Dim {
        if size.as_constant().is_some() {
            return size.clone();
        }
        let polynomial = size.is_integral()
            && size
                .terms()
                .all(|(atoms, _)| atoms.iter().all(|(atom, _)| matches!(atom, tensc_ir::dim::Atom::Var(_))));
        if !polynomial {
            return self.parameter(size, None);
        }
        let names = size.names();
        let replaced: HashMap<String, Dim> = names
            .iter()
            .map(|name| (name.to_string(), self.parameter(&Dim::var(name), Some(name))))
            .collect();
        size.substitute(&|name| replaced.get(name).cloned())
    }

    fn parameter(&mut self, value: &Dim, name: Option<&str>) -> Dim {
        if let Some(n) = self.sizes.iter().position(|size| size == value) {
            return Dim::var(self.kernel.sizes.get(n).map_or("?", String::as_str));
        }
        // Note [Names]
        let name = match name {
            Some(name) if name.starts_with(|c: char| c.is_ascii_uppercase() || c == '@') => name.to_owned(),
            Some(name) => format!("{name}_"),
            None => format!("N{}_", self.sizes.len()),
        };
        self.kernel.sizes.push(name.clone());
        self.sizes.push(value.clone());
        Dim::var(&name)
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// The grid axis over sequences, the first of all.
    pub(crate) fn sequences(&mut self, name: &str) {
        let extent = self.size(&Dim::var(tensc_program::BATCH));
        self.kernel.axes.push(Axis { name: name.to_owned(), kind: AxisKind::Grid { extent } });
    }

    /// A grid axis; all come before the first tile axis.
    pub(crate) fn grid(&mut self, prefix: &str, extent: Dim) -> Dim {
        let name = self.name(prefix);
        let position = Dim::var(&name);
        self.kernel.axes.push(Axis { name, kind: AxisKind::Grid { extent } });
        position
    }

    /// A tile axis of this bound and extent that none of `taken` names, made where there is none yet.
    pub(crate) fn axis(&mut self, bound: usize, extent: &Dim, taken: &BTreeSet<String>) -> AxisId {
        let kind = AxisKind::Tile { bound, extent: extent.clone() };
        let free = |name: &String| !taken.contains(name) && !self.reserved.contains(name);
        let found = self.kernel.axes.iter().position(|axis| axis.kind == kind && free(&axis.name));
        if let Some(n) = found {
            return AxisId(n as u32);
        }
        let name = self.name("c");
        let depth = self.depth_of(extent);
        self.name_depths.insert(name.clone(), depth);
        self.kernel.axes.push(Axis { name, kind });
        AxisId(self.kernel.axes.len() as u32 - 1)
    }

    /// A tile axis with a name that was chosen before, for entries in time; `extent` entries of it are there.
    pub(crate) fn named_axis(&mut self, name: &str, bound: usize, extent: &Dim) -> AxisId {
        let depth = self.depth_of(extent);
        self.name_depths.insert(name.to_owned(), depth);
        self.reserved.insert(name.to_owned());
        let kind = AxisKind::Tile { bound, extent: extent.clone() };
        self.kernel.axes.push(Axis { name: name.to_owned(), kind });
        AxisId(self.kernel.axes.len() as u32 - 1)
    }

    /// A grid axis with a name that was chosen before.
    pub(crate) fn named_grid(&mut self, name: &str, extent: Dim) {
        self.kernel.axes.push(Axis { name: name.to_owned(), kind: AxisKind::Grid { extent } });
    }

    /// The axis as an expression.
    pub(crate) fn position(&self, axis: AxisId) -> Dim {
        Dim::var(self.kernel.axis_name(axis))
    }

    pub(crate) fn axis_name(&self, axis: AxisId) -> String {
        self.kernel.axis_name(axis).to_owned()
    }

    /// Static bound and extent, where the name is a tile axis.
    pub(crate) fn axis_of(&self, name: &str) -> Option<(AxisId, usize, &Dim)> {
        let axis = self.kernel.axis_named(name)?;
        let (bound, extent) = self.kernel.tile_axis(axis)?;
        Some((axis, bound, extent))
    }

    /// Notes that a position runs through `0..size`.
    pub(crate) fn span(&mut self, position: &Dim, size: &Dim) {
        self.spans.push((position.clone(), size.clone()));
    }

    /// Whether an expression is never negative, and whether it is always below `size`, as far as that is known.
    pub(crate) fn inside(&self, dim: &Dim, size: &Dim) -> (bool, bool) {
        let (mut low, mut high) = (false, false);
        if let Some((least, greatest)) = self.range(dim) {
            low = least >= 0;
            high = size.as_constant().is_some_and(|size| greatest < size);
        }
        for (position, extent) in &self.spans {
            let first = dim - position;
            let is_fixed = first.names().iter().all(|name| self.kernel.sizes.iter().any(|s| **s == **name));
            if is_fixed {
                let end = &first + extent;
                low |= is_natural(&first);
                high |= is_natural(&(size - &end));
            }
        }
        (low, high)
    }

    /// Least and greatest value of an expression, where it is a sum over axes of known extent.
    pub(crate) fn range(&self, dim: &Dim) -> Option<(i64, i64)> {
        let (mut low, mut high) = (0_i64, 0_i64);
        for (atoms, (numerator, denominator)) in dim.terms() {
            let factor = if denominator == 1 { i64::try_from(numerator).ok()? } else { return None };
            let reach = match atoms {
                [] => {
                    (low, high) = (low.checked_add(factor)?, high.checked_add(factor)?);
                    continue;
                }
                [(tensc_ir::dim::Atom::Var(name), 1)] => {
                    let axis = self.kernel.axes.iter().find(|axis| *axis.name == **name)?;
                    let extent = match &axis.kind {
                        AxisKind::Grid { extent } => extent.as_constant()?,
                        AxisKind::Tile { bound, .. } => i64::try_from(*bound).ok()?,
                    };
                    factor.checked_mul((extent - 1).max(0))?
                }
                _ => return None,
            };
            if reach < 0 { low = low.checked_add(reach)? } else { high = high.checked_add(reach)? }
        }
        Some((low, high))
    }

    fn depth_of(&self, dim: &Dim) -> usize {
        dim.names().iter().filter_map(|name| self.name_depths.get(&**name)).copied().max().unwrap_or(0)
    }

    fn axes_in(&self, dim: &Dim) -> Vec<AxisId> {
        let named = dim.names();
        let axes = named.iter().filter_map(|name| self.axis_of(name)).map(|(axis, _, _)| axis);
        axes.collect()
    }

    // Tiles.

    pub(crate) fn tile(&self, id: TileId) -> &Tile {
        static NOTHING: Tile = Tile { element: Element::F32, axes: Vec::new() };
        self.kernel.tiles.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    pub(crate) fn element(&self, id: TileId) -> Element {
        self.tile(id).element
    }

    pub(crate) fn depth(&self, id: TileId) -> usize {
        self.depths.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// How many loops are open.
    pub(crate) fn open_loops(&self) -> usize {
        self.open.len() - 1
    }

    /// Names of all axes that a position depends on.
    pub(crate) fn names_of(&self, ix: &Ix, into: &mut BTreeSet<String>) {
        ix.names(into);
        for (tile, _) in &ix.gathered {
            into.extend(self.tile(*tile).axes.iter().map(|axis| self.axis_name(*axis)));
        }
    }

    fn new_tile(&mut self, element: Element, mut axes: Vec<AxisId>, depth: usize) -> TileId {
        axes.sort();
        axes.dedup();
        self.kernel.tiles.push(Tile { element, axes });
        self.depths.push(depth);
        TileId(self.kernel.tiles.len() as u32 - 1)
    }

    fn pure(&mut self, op: TileOp, element: Element, axes: Vec<AxisId>, depth: usize) -> TileId {
        let key = format!("{op:?}");
        if let Some(tile) = self.known.get(&key) {
            return *tile;
        }
        let axis_depth = axes
            .iter()
            .filter_map(|axis| self.name_depths.get(self.kernel.axis_name(*axis)).copied())
            .max()
            .unwrap_or(0);
        let depth =
            op.operands().iter().map(|tile| self.depth(*tile)).max().unwrap_or(0).max(depth).max(axis_depth);
        let result = self.new_tile(element, axes, depth);
        if let Some(block) = self.open.get_mut(depth) {
            block.insts.push(Inst { op, results: vec![result] });
        }
        self.known.insert(key, result);
        result
    }

    /// An instruction with an effect: in the innermost open block.
    fn effect(&mut self, op: TileOp) {
        if let Some(block) = self.open.last_mut() {
            block.insts.push(Inst { op, results: Vec::new() });
        }
    }

    fn joint_axes(&self, tiles: &[TileId]) -> Vec<AxisId> {
        tiles.iter().flat_map(|tile| self.tile(*tile).axes.iter().copied()).collect()
    }

    pub(crate) fn constant(&mut self, element: Element, value: f64) -> TileId {
        self.pure(TileOp::Const { element, value }, element, Vec::new(), 0)
    }

    /// The number, if the tile is a constant.
    pub(crate) fn constant_of(&self, tile: TileId) -> Option<f64> {
        let insts = &self.open.first()?.insts;
        insts.iter().find_map(|inst| match (&inst.op, inst.results.as_slice()) {
            (TileOp::Const { value, .. }, [result]) if *result == tile => Some(*value),
            _ => None,
        })
    }

    pub(crate) fn iota(&mut self, value: &Dim) -> TileId {
        if let Some(n) = value.as_constant() {
            return self.constant(Element::I32, n as f64);
        }
        let (axes, depth) = (self.axes_in(value), self.depth_of(value));
        self.pure(TileOp::Iota(value.clone()), Element::I32, axes, depth)
    }

    /// A position as a number.
    pub(crate) fn number(&mut self, ix: &Ix) -> TileId {
        let mut sum = None;
        if ix.affine != Dim::default() || ix.gathered.is_empty() {
            sum = Some(self.iota(&ix.affine));
        }
        for (tile, factor) in &ix.gathered {
            let mut term = *tile;
            if factor.as_constant() != Some(1) {
                let factor = self.iota(factor);
                term = self.binary(BinaryOp::Mul, term, factor);
            }
            sum = Some(match sum {
                Some(sum) => self.binary(BinaryOp::Add, sum, term),
                None => term,
            });
        }
        sum.unwrap_or_else(|| self.constant(Element::I32, 0.0))
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, a: TileId) -> TileId {
        let Tile { element, axes } = self.tile(a).clone();
        self.pure(TileOp::Unary(op, a), element, axes, 0)
    }

    pub(crate) fn binary(&mut self, op: BinaryOp, a: TileId, b: TileId) -> TileId {
        let element = if op.is_comparison() { Element::Bool } else { self.element(a) };
        let axes = self.joint_axes(&[a, b]);
        self.pure(TileOp::Binary(op, a, b), element, axes, 0)
    }

    pub(crate) fn select(&mut self, condition: TileId, a: TileId, b: TileId) -> TileId {
        if a == b {
            return a;
        }
        let (element, axes) = (self.element(a), self.joint_axes(&[condition, a, b]));
        self.pure(TileOp::Select(condition, a, b), element, axes, 0)
    }

    pub(crate) fn cast(&mut self, element: Element, a: TileId) -> TileId {
        if self.element(a) == element {
            return a;
        }
        let axes = self.tile(a).axes.clone();
        self.pure(TileOp::Cast(element, a), element, axes, 0)
    }

    /// Both, where either may be absent (true).
    pub(crate) fn both(&mut self, a: Option<TileId>, b: Option<TileId>) -> Option<TileId> {
        match (a, b) {
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(a), Some(b)) => Some(self.binary(BinaryOp::And, a, b)),
            (a, b) => a.or(b),
        }
    }

    /// The tile with this axis, repeated along it where it lacks it.
    pub(crate) fn widen(&mut self, tile: TileId, axis: AxisId) -> TileId {
        if self.tile(tile).axes.contains(&axis) {
            return tile;
        }
        let position = self.position(axis);
        let position = self.iota(&position);
        let zero = self.constant(Element::I32, 0.0);
        let always = self.binary(BinaryOp::Ge, position, zero);
        let (element, axes) = (self.element(tile), self.joint_axes(&[always, tile]));
        self.pure(TileOp::Select(always, tile, tile), element, axes, 0)
    }

    pub(crate) fn reduce(&mut self, op: ReduceOp, axis: AxisId, value: TileId) -> TileId {
        let value = self.widen(value, axis);
        let element = if op == ReduceOp::ArgMax { Element::I32 } else { self.element(value) };
        let axes = self.tile(value).axes.iter().copied().filter(|a| *a != axis).collect();
        // The axis may have an extent that belongs to an open loop although the result has it no more.
        let depth = self.name_depths.get(self.kernel.axis_name(axis)).copied().unwrap_or(0);
        self.pure(TileOp::Reduce { op, axis, value }, element, axes, depth)
    }

    /// The product summed over an axis.
    pub(crate) fn dot(&mut self, axis: AxisId, a: TileId, b: TileId) -> TileId {
        let has = |tile: TileId| self.tile(tile).axes.contains(&axis);
        if !self.element(a).is_float() || !has(a) || !has(b) {
            let product = self.binary(BinaryOp::Mul, a, b);
            return self.reduce(ReduceOp::Sum, axis, product);
        }
        let shared = self.tile(a).axes.iter().any(|x| *x != axis && self.tile(b).axes.contains(x));
        if shared || self.tile(a).axes.len() + self.tile(b).axes.len() == 2 {
            let product = self.binary(BinaryOp::Mul, a, b);
            return self.reduce(ReduceOp::Sum, axis, product);
        }
        let element = self.element(a);
        let axes = self.joint_axes(&[a, b]).into_iter().filter(|x| *x != axis).collect();
        let depth = self.name_depths.get(self.kernel.axis_name(axis)).copied().unwrap_or(0);
        self.pure(TileOp::Dot { axis, a, b }, element, axes, depth)
    }

    /// Inclusive scan `h = a h' + b` along an axis, from `start` or 0.
    pub(crate) fn scan(
        &mut self,
        axis: AxisId,
        a: Option<TileId>,
        b: TileId,
        start: Option<TileId>,
    ) -> TileId {
        let b = self.widen(b, axis);
        let operands: Vec<TileId> = a.into_iter().chain([b]).chain(start).collect();
        let (element, axes) = (self.element(b), self.joint_axes(&operands));
        self.pure(TileOp::Scan { axis, a, b, start, reverse: false }, element, axes, 0)
    }

    /// Solves `(I + strictly lower part of l) x = b`.
    pub(crate) fn triangular_solve(&mut self, l: TileId, row: AxisId, column: AxisId, b: TileId) -> TileId {
        let (element, axes) = (self.element(b), self.tile(b).axes.clone());
        self.pure(TileOp::TriangularSolve { l, row, column, b }, element, axes, 0)
    }

    /// The same entries under another axis.
    pub(crate) fn rename(&mut self, value: TileId, from: AxisId, to: AxisId) -> TileId {
        if from == to || !self.tile(value).axes.contains(&from) {
            return value;
        }
        let Tile { element, axes } = self.tile(value).clone();
        let axes = axes.into_iter().map(|axis| if axis == from { to } else { axis }).collect();
        self.pure(TileOp::Rename { value, from, to }, element, axes, 0)
    }

    // Memory.

    /// The parameter that points at a spot.
    pub(crate) fn param(&mut self, spot: &Spot, dtype: DType, writes: bool) -> ParamId {
        let reference = spot.reference();
        let same = self.kernel.params.iter().zip(&self.arguments).position(|(param, argument)| {
            param.writes == writes && param.dtype == dtype && *argument == reference
        });
        if let Some(n) = same {
            return ParamId(n as u32);
        }
        let name = format!("p{}", self.arguments.len());
        self.kernel.params.push(Param { name, dtype, writes });
        self.arguments.push(reference);
        ParamId(self.arguments.len() as u32 - 1)
    }

    fn index_axes(&self, index: &Index) -> Vec<AxisId> {
        let mut axes = self.axes_in(&index.affine);
        axes.extend(index.gathered.iter().flat_map(|(tile, _)| self.tile(*tile).axes.iter().copied()));
        axes
    }

    /// Of these conditions, those that a memory access at this index may be masked by: a condition on axes that the index does not have does not concern it.
    fn mask_for(&mut self, index: &Index, conditions: &[TileId]) -> Option<TileId> {
        let axes = self.index_axes(index);
        let fitting: Vec<TileId> = conditions
            .iter()
            .copied()
            .filter(|tile| self.tile(*tile).axes.iter().all(|axis| axes.contains(axis)))
            .collect();
        fitting.into_iter().fold(None, |mask, condition| self.both(mask, Some(condition)))
    }

    pub(crate) fn load(&mut self, param: ParamId, index: Index, conditions: &[TileId]) -> TileId {
        let mask = self.mask_for(&index, conditions);
        let memory = Memory::Param(param);
        let element = self.kernel.memory_element(memory).unwrap_or(Element::F32);
        let (axes, depth) = (self.index_axes(&index), self.depth_of(&index.affine));
        self.pure(TileOp::Load { memory, index, mask }, element, axes, depth)
    }

    /// A load from local memory: stays where it is asked for, since local memory changes.
    pub(crate) fn load_local(&mut self, local: LocalId, index: Index, conditions: &[TileId]) -> TileId {
        let mask = self.mask_for(&index, conditions);
        let memory = Memory::Local(local);
        let element = self.kernel.memory_element(memory).unwrap_or(Element::F32);
        let axes = self.index_axes(&index);
        let depth = self.open_loops();
        let result = self.new_tile(element, axes, depth);
        let op = TileOp::Load { memory, index, mask };
        if let Some(block) = self.open.last_mut() {
            block.insts.push(Inst { op, results: vec![result] });
        }
        result
    }

    pub(crate) fn local(&mut self, element: Element, len: usize) -> LocalId {
        let name = self.name("s");
        self.kernel.locals.push(Local { name, element, len });
        LocalId(self.kernel.locals.len() as u32 - 1)
    }

    /// Keeps a carried tile in local memory, at the beginning of what is still to come in the loop that carries it.
    pub(crate) fn spill(&mut self, local: LocalId, index: Index, value: TileId, depth: usize) {
        let op = TileOp::Store { memory: Memory::Local(local), index, value, mask: None };
        if let Some(block) = self.open.get_mut(depth) {
            block.insts.push(Inst { op, results: Vec::new() });
        }
    }

    pub(crate) fn store(&mut self, memory: Memory, index: Index, value: TileId) {
        let element = self.kernel.memory_element(memory).unwrap_or(Element::F32);
        let value = self.cast(element, value);
        self.effect(TileOp::Store { memory, index, value, mask: None });
    }

    pub(crate) fn check(&mut self, condition: TileId, site: CheckId, value: TileId, position: TileId) {
        self.effect(TileOp::Check { condition, site, value, position });
    }

    // Loops.

    /// Opens a loop and gives its variable.
    pub(crate) fn begin_loop(&mut self, prefix: &str, extent: Dim, reverse: bool) -> Dim {
        let variable = self.name(prefix);
        self.begin_named_loop(variable, extent, reverse)
    }

    /// Opens a loop whose variable has a name that was chosen before.
    pub(crate) fn begin_named_loop(&mut self, variable: String, extent: Dim, reverse: bool) -> Dim {
        let position = Dim::var(&variable);
        let depth = self.open.len();
        self.name_depths.insert(variable.clone(), depth);
        let header = Header { variable, extent, reverse, carried: Vec::new() };
        self.open.push(OpenBlock { insts: Vec::new(), header: Some(header) });
        position
    }

    /// Adds a carried tile to the innermost open loop: its name inside.
    pub(crate) fn carry(&mut self, start: TileId, axes: &[AxisId]) -> TileId {
        let mut all = self.tile(start).axes.clone();
        all.extend(axes);
        let inside = self.new_tile(self.element(start), all, self.open_loops());
        if let Some(header) = self.open.last_mut().and_then(|block| block.header.as_mut()) {
            header.carried.push((inside, start));
        }
        inside
    }

    /// Closes the innermost loop; gives the carried tiles at the end.
    pub(crate) fn end_loop(&mut self, yields: &[TileId]) -> Vec<TileId> {
        let carried: Vec<TileId> = match self.open.last().and_then(|block| block.header.as_ref()) {
            Some(header) => header.carried.iter().map(|(inside, _)| *inside).collect(),
            None => return Vec::new(),
        };
        let yields: Vec<TileId> = yields
            .iter()
            .zip(&carried)
            .map(|(tile, inside)| {
                let axes = self.tile(*inside).axes.clone();
                axes.into_iter().fold(*tile, |tile, axis| self.widen(tile, axis))
            })
            .collect();
        let Some(OpenBlock { insts, header: Some(header) }) = self.open.pop() else {
            return Vec::new();
        };
        let depth = self.open_loops();
        let depths = &self.depths;
        self.known.retain(|_, tile| depths.get(tile.0 as usize).is_some_and(|d| *d <= depth));
        let results: Vec<TileId> = carried
            .iter()
            .map(|inside| {
                let Tile { element, axes } = self.tile(*inside).clone();
                self.new_tile(element, axes, depth)
            })
            .collect();
        let Header { variable, extent, reverse, carried } = header;
        let body = Block { insts, yields };
        let op = TileOp::Loop(Box::new(Loop { variable, extent, reverse, carried, body }));
        if let Some(block) = self.open.last_mut() {
            block.insts.push(Inst { op, results: results.clone() });
        }
        results
    }
}

/// Whether an expression over sizes is a sum of products of sizes, and so not negative.
fn is_natural(dim: &Dim) -> bool {
    dim.terms().all(|(atoms, (numerator, denominator))| {
        let plain = |(atom, exponent): &(tensc_ir::dim::Atom, i32)| {
            matches!(atom, tensc_ir::dim::Atom::Var(_)) && *exponent > 0
        };
        numerator >= 0 && denominator == 1 && atoms.iter().all(plain)
    })
}

/// `min(bound, size - bound * piece)`: what is left for this piece of an axis.
pub(crate) fn rest(size: &Dim, bound: usize, piece: &Dim) -> Dim {
    let left = size - &(&dim(bound) * piece);
    left.minimum(&dim(bound))
}

// Note [Names]: axes, loop variables and locals are named in lower case (`b1`, `t4`), so a size keeps its name where that begins with a capital letter or
// is one of the language's own (`@batch`), and gets a trailing underscore otherwise. No two names can meet.
