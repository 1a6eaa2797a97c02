//! Definitions and users of tiles, and walks over the expressions that a nest computes inline.

use super::{Def, Nest, Place, Plan, Root};
use std::collections::HashSet;
use tensc_program::{AxisId, Block, Element, Inst, Kernel, LocalId, Memory, TileId, TileOp};

/// The kernel's instructions by number in program order.
pub(super) struct Tree<'k> {
    pub(super) kernel: &'k Kernel,
    pub(super) defs: Vec<Def<'k>>,
    /// Stores to local memory: which, and where in program order.
    pub(super) local_stores: Vec<(LocalId, usize)>,
    /// Blocks in program order: outer before inner.
    pub(super) blocks: Vec<(&'k Block, usize)>,
    /// Users of each tile: order, depth, tiles that they define (none for stores; yields count as users too).
    pub(super) users: Vec<Vec<User>>,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) order: usize,
    pub(super) depth: usize,
    /// The tile that is computed from it inline, where there is one.
    pub(super) result: Option<TileId>,
}

impl<'k> Tree<'k> {
    pub(super) fn new(kernel: &'k Kernel) -> Self {
        let unknown = Def { inst: None, depth: 0, order: 0 };
        let mut tree = Self {
            kernel,
            defs: vec![unknown; kernel.tiles.len()],
            local_stores: Vec::new(),
            blocks: Vec::new(),
            users: vec![Vec::new(); kernel.tiles.len()],
        };
        let mut order = 0;
        tree.walk(&kernel.body, 0, &mut order);
        tree
    }

    fn walk(&mut self, block: &'k Block, depth: usize, order: &mut usize) {
        self.blocks.push((block, depth));
        for inst in &block.insts {
            *order += 1;
            let here = *order;
            for id in &inst.results {
                self.defs[id.0 as usize] = Def { inst: Some(inst), depth, order: here };
            }
            if let TileOp::Store { memory: Memory::Local(local), .. } = &inst.op {
                self.local_stores.push((*local, here));
            }
            let result = if is_elementwise(&inst.op) { inst.results.first().copied() } else { None };
            for id in inst.op.operands() {
                self.users[id.0 as usize].push(User { order: here, depth, result });
            }
            if let TileOp::Loop(inner) = &inst.op {
                for (inside, _) in &inner.carried {
                    self.defs[inside.0 as usize] = Def { inst: None, depth: depth + 1, order: here };
                }
                self.walk(&inner.body, depth + 1, order);
                *order += 1;
                for id in &inner.body.yields {
                    self.users[id.0 as usize].push(User { order: *order, depth: depth + 1, result: None });
                }
            }
        }
    }

    pub(super) fn op(&self, id: TileId) -> Option<&'k TileOp> {
        self.defs[id.0 as usize].inst.map(|inst| &inst.op)
    }

    /// Whether a tile can be computed where it is used, as far as its op goes.
    pub(super) fn can_be_inline(&self, id: TileId) -> bool {
        !self.kernel.tiles[id.0 as usize].axes.is_empty() && self.op(id).is_some_and(is_elementwise)
    }
}

/// Ops whose entries come from entries of the operands at that place.
pub(crate) fn is_elementwise(op: &TileOp) -> bool {
    match op {
        TileOp::Const { .. }
        | TileOp::Iota(_)
        | TileOp::Load { .. }
        | TileOp::Unary(..)
        | TileOp::Binary(..)
        | TileOp::Fma(..)
        | TileOp::Select(..)
        | TileOp::Cast(..)
        | TileOp::Rename { .. } => true,
        TileOp::Store { .. }
        | TileOp::Reduce { .. }
        | TileOp::Scan { .. }
        | TileOp::Dot { .. }
        | TileOp::TriangularSolve { .. }
        | TileOp::Check { .. }
        | TileOp::Loop(_) => false,
    }
}

/// The tiles that a root is computed from.
pub(super) fn root_operands(root: &Root) -> Vec<TileId> {
    match root {
        Root::Store(inst) | Root::Reduce(inst) | Root::Check(inst) => inst.op.operands(),
        Root::Keep(id) => vec![*id],
        Root::Carry { value, .. } => vec![*value],
    }
}

/// Visits each tile that is computed inline or read on the way to `id`, with whether it is read at the same place (no rename between).
pub(super) fn visit_inline<'k>(
    op: &dyn Fn(TileId) -> Option<&'k TileOp>,
    stop: &dyn Fn(TileId) -> bool,
    id: TileId,
    aligned: bool,
    seen: &mut HashSet<(TileId, bool)>,
    visit: &mut dyn FnMut(TileId, bool),
) {
    if !seen.insert((id, aligned)) {
        return;
    }
    visit(id, aligned);
    if stop(id) {
        return;
    }
    let Some(inst) = op(id) else { return };
    let aligned = aligned && !matches!(inst, TileOp::Rename { .. });
    for operand in inst.operands() {
        visit_inline(op, stop, operand, aligned, seen, visit);
    }
}

fn visit_nest<'k>(plan: &Plan<'k>, nest: &Nest<'k>, visit: &mut dyn FnMut(TileId)) {
    let kept: HashSet<TileId> = nest
        .roots
        .iter()
        .filter_map(|root| match root {
            Root::Keep(id) => Some(*id),
            Root::Store(_) | Root::Reduce(_) | Root::Check(_) | Root::Carry { .. } => None,
        })
        .collect();
    let mut seen = HashSet::new();
    for root in &nest.roots {
        for id in root_operands(root) {
            let stop = |id: TileId| {
                !kept.contains(&id)
                    && (plan.places[id.0 as usize] != Place::Inline
                        || !plan.op(id).is_some_and(is_elementwise))
            };
            visit_inline(&|id| plan.op(id), &stop, id, true, &mut seen, &mut |id, _| visit(id));
        }
    }
}

/// Whether a nest computes with binary64, which has no vector code.
pub(super) fn any_f64<'k>(plan: &Plan<'k>, nest: &Nest<'k>) -> bool {
    let mut found = false;
    visit_nest(plan, nest, &mut |id| found |= plan.tile(id).element == Element::F64);
    found
}

/// Calls with (axis, whether its stride is 1, weight) for each access to memory in a nest.
pub(super) fn accesses<'k>(plan: &Plan<'k>, nest: &Nest<'k>, vote: &mut dyn FnMut(AxisId, bool, i64)) {
    let mut seen = Vec::new();
    visit_nest(plan, nest, &mut |id| seen.push(id));
    for axis in &nest.axes {
        for id in &seen {
            match (&plan.places[id.0 as usize], plan.op(*id)) {
                (Place::Slot(slot), _) if slot.axes.contains(axis) => {
                    vote(*axis, slot.axes.last() == Some(axis), 2);
                }
                (Place::Inline, Some(TileOp::Load { index, .. })) => {
                    if let Some(unit) = plan.unit_stride(index, *axis) {
                        vote(*axis, unit, 2);
                    }
                }
                (Place::Inline | Place::Scalar | Place::Slot(_), _) => {}
            }
        }
        for root in &nest.roots {
            match root {
                Root::Store(Inst { op: TileOp::Store { index, .. }, .. }) => {
                    if let Some(unit) = plan.unit_stride(index, *axis) {
                        vote(*axis, unit, 3);
                    }
                }
                Root::Carry { inside, .. } => {
                    if let Place::Slot(slot) = &plan.places[inside.0 as usize]
                        && slot.axes.contains(axis)
                    {
                        vote(*axis, slot.axes.last() == Some(axis), 2);
                    }
                }
                Root::Store(_) | Root::Keep(_) | Root::Reduce(_) | Root::Check(_) => {}
            }
        }
    }
}
