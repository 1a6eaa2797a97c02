//! What becomes of each tile and each instruction of a kernel, before any code is emitted.
//!
//! In: a verified kernel. Out: for each tile whether it is computed where it is used or kept in scratch memory, and for each block a list of statements,
//! among them loop nests that several instructions share.
//!
//! ```text
//! %1 = load x[c]            computed where it is used
//! %2 = exp %1               kept: two nests use it, and it is expensive
//! %3 = reduce sum c %2      nest over c: keep %2, sum %3
//! %4 = div %2, %3
//! store y[c], %4            nest over c: store
//! ```

#![expect(clippy::indexing_slicing, reason = "the ids of a verified kernel are in range")]

pub(crate) mod contract;
mod cost;
pub(crate) mod group;
pub(crate) mod tree;

pub(crate) use group::{Nest, Root, Statement};

use contract::{MultiplyAdd, Power};
use cost::Uses;
use std::collections::HashMap;
use tensc_ir::Sizes;
use tensc_program::{AxisId, AxisKind, Block, Element, Index, Inst, Kernel, Tile, TileId, TileOp};
use tree::Tree;

/// Where a tile with axes is found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// Without axes: a value, computed where it is defined.
    Scalar,
    /// Computed where it is used.
    Inline,
    /// Row-major in scratch memory, bounds as extents.
    Slot(Slot),
}

/// Scratch memory of a tile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot {
    /// Bytes from the start of scratch memory.
    pub(crate) offset: usize,
    /// Outermost first; the last one has stride 1.
    pub(crate) axes: Vec<AxisId>,
    pub(crate) element: Element,
}

/// A tile's definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Def<'k> {
    /// The defining instruction; `None` for a tile that a loop carries.
    pub(crate) inst: Option<&'k Inst>,
    /// Number of loops around it.
    pub(crate) depth: usize,
    /// Position in program order.
    pub(crate) order: usize,
}

/// Everything decided about a kernel.
pub(crate) struct Plan<'k> {
    pub(crate) kernel: &'k Kernel,
    pub(crate) defs: Vec<Def<'k>>,
    pub(crate) places: Vec<Place>,
    /// Statements of the body, and of each loop's body by the address of its block.
    pub(crate) blocks: HashMap<*const Block, Vec<Statement<'k>>>,
    /// Bytes from the start of scratch memory of each local.
    pub(crate) locals: Vec<usize>,
    /// Bytes of scratch memory.
    pub(crate) scratch: usize,
    /// Sums that are one instruction with a product.
    pub(crate) multiply_adds: HashMap<TileId, MultiplyAdd>,
    /// Exponentials that are powers of two.
    pub(crate) powers: HashMap<TileId, Power>,
    /// Extents of tile axes that are known when compiling.
    known: Vec<Option<usize>>,
}

/// The first bytes of scratch memory are zeros that masked loads read instead.
pub(crate) const SAFE_BYTES: usize = 64;

impl<'k> Plan<'k> {
    pub(crate) fn new(kernel: &'k Kernel) -> Self {
        let mut tree = Tree::new(kernel);
        let mut keep = cost::forced(&tree);
        // Keeping a tile makes a new nest, which may let others be computed in it: a few rounds settle it.
        for _ in 0..4 {
            let blocks = group::statements(&tree, &keep);
            let uses = Uses::new(&tree, &keep, &blocks);
            let more = cost::worth_keeping(&tree, &keep, &uses);
            if more.is_empty() {
                break;
            }
            for id in more {
                keep[id.0 as usize] = true;
            }
        }
        let blocks = group::statements(&tree, &keep);
        let mut plan = Self {
            kernel,
            multiply_adds: contract::multiply_adds(&tree),
            powers: contract::powers(&tree),
            defs: std::mem::take(&mut tree.defs),
            places: vec![Place::Inline; kernel.tiles.len()],
            blocks: HashMap::new(),
            locals: Vec::new(),
            scratch: SAFE_BYTES,
            known: (0..kernel.axes.len()).map(|n| known_extent(kernel, AxisId(n as u32))).collect(),
        };
        for local in &kernel.locals {
            let at = plan.allocate(local.len * stored_bytes(local.element));
            plan.locals.push(at);
        }
        for (n, tile) in kernel.tiles.iter().enumerate() {
            if tile.axes.is_empty() {
                plan.places[n] = Place::Scalar;
            }
        }
        for (block, mut statements) in group::in_order(blocks) {
            for statement in &mut statements {
                plan.place(statement);
            }
            plan.blocks.insert(block, statements);
        }
        plan
    }

    fn allocate(&mut self, bytes: usize) -> usize {
        let at = self.scratch;
        self.scratch += bytes.next_multiple_of(64);
        at
    }

    /// Gives the tiles that a statement defines their memory, and the nest its order of loops.
    fn place(&mut self, statement: &mut Statement<'k>) {
        match statement {
            Statement::Scalar(_) => {}
            Statement::Nest(nest) => {
                self.order(nest);
                // The vector axis has stride 1 in what a nest keeps.
                let mut order: Vec<AxisId> =
                    nest.order.iter().copied().filter(|axis| Some(*axis) != nest.vector).collect();
                order.extend(nest.vector);
                for root in &nest.roots {
                    let (id, drop) = match root {
                        Root::Keep(id) => (*id, None),
                        Root::Reduce(inst) => (inst.results[0], nest.reduced),
                        Root::Store(_) | Root::Check(_) | Root::Carry { .. } => continue,
                    };
                    let axes = order.iter().copied().filter(|axis| Some(*axis) != drop);
                    let axes: Vec<AxisId> =
                        axes.filter(|axis| self.kernel.tiles[id.0 as usize].axes.contains(axis)).collect();
                    self.slot(id, axes);
                }
            }
            Statement::Scan(inst) | Statement::Solve(inst) | Statement::Dot(inst) => {
                let id = inst.results[0];
                let axes = self.kernel.tiles[id.0 as usize].axes.clone();
                self.slot(id, axes);
            }
            Statement::Loop(inst) => {
                if let TileOp::Loop(inner) = &inst.op {
                    for ((inside, _), result) in inner.carried.iter().zip(&inst.results) {
                        let axes = self.kernel.tiles[inside.0 as usize].axes.clone();
                        self.slot(*inside, axes);
                        self.places[result.0 as usize] = self.places[inside.0 as usize].clone();
                    }
                }
            }
        }
    }

    fn slot(&mut self, id: TileId, axes: Vec<AxisId>) {
        let tile = &self.kernel.tiles[id.0 as usize];
        if tile.axes.is_empty() || matches!(self.places[id.0 as usize], Place::Slot(_)) {
            return;
        }
        let entries: usize = axes.iter().map(|axis| bound(self.kernel, *axis)).product();
        let offset = self.allocate(entries * stored_bytes(tile.element));
        self.places[id.0 as usize] = Place::Slot(Slot { offset, axes, element: tile.element });
    }

    /// Chooses the axis that goes along vectors, and puts it (then the reduced axis) innermost.
    pub(crate) fn order(&self, nest: &mut Nest<'k>) {
        let vector = self.vector_axis(nest);
        nest.vector = vector;
        let mut order: Vec<AxisId> = nest
            .axes
            .iter()
            .copied()
            .filter(|axis| Some(*axis) != vector && Some(*axis) != nest.reduced)
            .collect();
        order.extend(vector.filter(|vector| Some(*vector) != nest.reduced));
        order.extend(nest.reduced);
        nest.order = order;
    }

    fn vector_axis(&self, nest: &Nest<'k>) -> Option<AxisId> {
        if nest.roots.iter().any(Root::is_scalar_work) || tree::any_f64(self, nest) {
            return None;
        }
        let mut votes: HashMap<AxisId, i64> = HashMap::new();
        tree::accesses(self, nest, &mut |axis, unit, weight| {
            *votes.entry(axis).or_insert(0) += if unit { weight } else { -weight };
        });
        let argmax = nest.roots.iter().any(Root::is_argmax);
        let candidates = nest.axes.iter().copied().filter(|axis| self.extent_at_most(*axis) >= 4);
        let candidates = candidates.filter(|axis| !argmax || Some(*axis) != nest.reduced);
        candidates.max_by_key(|axis| {
            let last = nest.axes.last() == Some(axis);
            (
                votes.get(axis).copied().unwrap_or(0),
                Some(*axis) != nest.reduced && last,
                bound(self.kernel, *axis),
                *axis,
            )
        })
    }

    /// The extent of an axis where it is known when compiling.
    pub(crate) fn known_extent(&self, axis: AxisId) -> Option<usize> {
        self.known[axis.0 as usize]
    }

    pub(crate) fn extent_at_most(&self, axis: AxisId) -> usize {
        self.known_extent(axis).unwrap_or_else(|| bound(self.kernel, axis))
    }

    pub(crate) fn tile(&self, id: TileId) -> &'k Tile {
        &self.kernel.tiles[id.0 as usize]
    }

    pub(crate) fn op(&self, id: TileId) -> Option<&'k TileOp> {
        self.defs[id.0 as usize].inst.map(|inst| &inst.op)
    }

    /// Whether an index of this memory has stride 1 along this axis; `None` where the axis is not in it.
    pub(crate) fn unit_stride(&self, index: &Index, axis: AxisId) -> Option<bool> {
        let gathered = index.gathered.iter().any(|(tile, _)| self.tile(*tile).axes.contains(&axis));
        let name = self.kernel.axis_name(axis);
        if !gathered && !index.affine.mentions(name) {
            return None;
        }
        let (_, strides) = tensc_program::rules::split_affine(self.kernel, &index.affine, &[axis]);
        Some(!gathered && strides.first().and_then(tensc_ir::Dim::as_constant) == Some(1))
    }
}

/// Bytes of one element in scratch memory; truth values are masks of 32 bits.
pub(crate) const fn stored_bytes(element: Element) -> usize {
    match element {
        Element::F64 => 8,
        Element::F32 | Element::I32 | Element::Bool => 4,
    }
}

/// Static bound of a tile axis.
pub(crate) fn bound(kernel: &Kernel, axis: AxisId) -> usize {
    kernel.tile_axis(axis).map_or(1, |(bound, _)| bound)
}

/// Points of a grid axis over which an extent is evaluated to see whether it changes.
const MAX_POINTS: i64 = 256;

/// The extent where it is known when compiling: a number, or an expression of one grid axis with the same value at all its points.
fn known_extent(kernel: &Kernel, axis: AxisId) -> Option<usize> {
    let (bound, extent) = kernel.tile_axis(axis)?;
    let clamped = |extent: i64| bound.min(usize::try_from(extent).unwrap_or(0));
    if let Some(extent) = extent.as_constant() {
        return Some(clamped(extent));
    }
    let names = extent.names();
    let [name] = names.as_slice() else { return None };
    let AxisKind::Grid { extent: points } = &kernel.axes[kernel.axis_named(name)?.0 as usize].kind else {
        return None;
    };
    let points = points.as_constant().filter(|points| (1..=MAX_POINTS).contains(points))?;
    let mut values = (0..points).map(|n| extent.eval(&Sizes::from([(name.clone(), n)])).ok().map(clamped));
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}
