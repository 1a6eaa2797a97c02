//! Statements of each block, and which neighbours share a loop nest.

use super::tree::{self, Tree};
use std::collections::HashSet;
use tensc_program::{AxisId, Block, Inst, LocalId, Memory, ParamId, ReduceOp, TileId, TileOp};

/// One thing that is emitted.
#[derive(Clone, Debug)]
pub(crate) enum Statement<'k> {
    /// An instruction whose result has no axes.
    Scalar(&'k Inst),
    /// Loops over axes.
    Nest(Nest<'k>),
    /// A scan.
    Scan(&'k Inst),
    /// A triangular solve.
    Solve(&'k Inst),
    /// A product.
    Dot(&'k Inst),
    /// A sequential loop.
    Loop(&'k Inst),
}

/// Loops over the same axes, and what is done for each place.
#[derive(Clone, Debug)]
pub(crate) struct Nest<'k> {
    /// As the first root has them.
    pub(crate) axes: Vec<AxisId>,
    /// The axis that reductions combine along.
    pub(crate) reduced: Option<AxisId>,
    /// The axis along vectors.
    pub(crate) vector: Option<AxisId>,
    /// Order of the loops, outermost first.
    pub(crate) order: Vec<AxisId>,
    /// In program order.
    pub(crate) roots: Vec<Root<'k>>,
}

/// What a nest does for each place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Root<'k> {
    Store(&'k Inst),
    /// Computes a tile and keeps it in scratch memory.
    Keep(TileId),
    Reduce(&'k Inst),
    Check(&'k Inst),
    /// Assigns a tile that a loop carries.
    Carry {
        inside: TileId,
        value: TileId,
    },
}

impl Root<'_> {
    /// Work that has no vector code.
    pub(super) fn is_scalar_work(&self) -> bool {
        match self {
            Self::Check(_) => true,
            Self::Store(inst) => matches!(&inst.op, TileOp::Store { mask: Some(_), .. }),
            Self::Keep(_) | Self::Reduce(_) | Self::Carry { .. } => false,
        }
    }

    pub(super) fn is_argmax(&self) -> bool {
        matches!(self, Self::Reduce(Inst { op: TileOp::Reduce { op: ReduceOp::ArgMax, .. }, .. }))
    }
}

impl<'k> Nest<'k> {
    fn new(axes: Vec<AxisId>, reduced: Option<AxisId>, root: Root<'k>) -> Self {
        Self { axes, reduced, vector: None, order: Vec::new(), roots: vec![root] }
    }
}

pub(super) type Blocks<'k> = Vec<(&'k Block, Vec<Statement<'k>>)>;

/// Statements of all blocks, outer blocks first.
pub(super) fn statements<'k>(tree: &Tree<'k>, keep: &[bool]) -> Blocks<'k> {
    tree.blocks.iter().map(|(block, _)| (*block, Builder::new(tree, keep).block(block))).collect()
}

/// By address of the block, in the order in which memory is placed.
pub(super) fn in_order<'k>(blocks: Blocks<'k>) -> impl Iterator<Item = (*const Block, Vec<Statement<'k>>)> {
    blocks.into_iter().map(|(block, statements)| (std::ptr::from_ref(block), statements))
}

/// Nests for a loop's carried tiles, before the first turn (from the initial values) or after each (from the yields).
pub(crate) fn carry<'k>(
    pairs: impl Iterator<Item = (TileId, TileId)>,
    kernel: &'k tensc_program::Kernel,
) -> Vec<Nest<'k>> {
    let mut nests: Vec<Nest> = Vec::new();
    for (inside, value) in pairs {
        let axes = &kernel.tiles[inside.0 as usize].axes;
        if axes.is_empty() || inside == value {
            continue;
        }
        let root = Root::Carry { inside, value };
        match nests.iter_mut().find(|nest| same_set(&nest.axes, axes)) {
            Some(nest) => nest.roots.push(root),
            None => nests.push(Nest::new(axes.clone(), None, root)),
        }
    }
    // What is assigned to a tile may read another carried tile with fewer axes, which must not be assigned before.
    nests.sort_by_key(|nest| std::cmp::Reverse(nest.axes.len()));
    nests
}

fn same_set(a: &[AxisId], b: &[AxisId]) -> bool {
    a.len() == b.len() && a.iter().all(|axis| b.contains(axis))
}

struct Builder<'t, 'k> {
    tree: &'t Tree<'k>,
    keep: &'t [bool],
    done: Vec<Statement<'k>>,
    open: Option<Nest<'k>>,
}

impl<'t, 'k> Builder<'t, 'k> {
    fn new(tree: &'t Tree<'k>, keep: &'t [bool]) -> Self {
        Self { tree, keep, done: Vec::new(), open: None }
    }

    fn block(mut self, block: &'k Block) -> Vec<Statement<'k>> {
        for inst in &block.insts {
            self.inst(inst);
        }
        self.close();
        self.done
    }

    fn close(&mut self) {
        self.done.extend(self.open.take().map(Statement::Nest));
    }

    fn inst(&mut self, inst: &'k Inst) {
        let axes_of = |id: TileId| self.tree.kernel.tiles[id.0 as usize].axes.clone();
        match &inst.op {
            TileOp::Store { index, .. } => {
                let axes = tensc_program::rules::place_axes(self.tree.kernel, index);
                self.root(axes, None, Root::Store(inst));
            }
            TileOp::Check { .. } => {
                let mut axes: Vec<AxisId> = Vec::new();
                for axis in inst.op.operands().into_iter().flat_map(axes_of) {
                    if !axes.contains(&axis) {
                        axes.push(axis);
                    }
                }
                self.root(axes, None, Root::Check(inst));
            }
            TileOp::Reduce { axis, value, .. } => {
                self.root(axes_of(*value), Some(*axis), Root::Reduce(inst));
            }
            TileOp::Scan { .. } => self.alone(Statement::Scan(inst)),
            TileOp::Dot { .. } => self.alone(Statement::Dot(inst)),
            TileOp::TriangularSolve { .. } => self.alone(Statement::Solve(inst)),
            TileOp::Loop(_) => self.alone(Statement::Loop(inst)),
            TileOp::Const { .. }
            | TileOp::Iota(_)
            | TileOp::Load { .. }
            | TileOp::Unary(..)
            | TileOp::Binary(..)
            | TileOp::Fma(..)
            | TileOp::Select(..)
            | TileOp::Cast(..)
            | TileOp::Rename { .. } => {
                let id = inst.results[0];
                if axes_of(id).is_empty() {
                    if self.depends(inst.op.operands(), inst) {
                        self.close();
                    }
                    self.done.push(Statement::Scalar(inst));
                } else if self.keep[id.0 as usize] {
                    self.root(axes_of(id), None, Root::Keep(id));
                }
            }
        }
    }

    fn alone(&mut self, statement: Statement<'k>) {
        self.close();
        self.done.push(statement);
    }

    fn root(&mut self, axes: Vec<AxisId>, reduced: Option<AxisId>, root: Root<'k>) {
        if let Some(open) = &self.open {
            let joins = same_set(&open.axes, &axes)
                && (reduced.is_none() || open.reduced.is_none() || open.reduced == reduced)
                && root.is_scalar_work() == open.roots.iter().any(Root::is_scalar_work)
                && !self.conflicts(&root)
                && !axes.is_empty();
            if joins && let Some(open) = &mut self.open {
                open.reduced = open.reduced.or(reduced);
                open.roots.push(root);
                return;
            }
            self.close();
        }
        self.open = Some(Nest::new(axes, reduced, root));
    }

    /// Tiles that the open nest has only when it has ended, and those that it has place by place.
    fn results(&self) -> (HashSet<TileId>, HashSet<TileId>) {
        let (mut late, mut aligned) = (HashSet::new(), HashSet::new());
        for root in self.open.iter().flat_map(|open| &open.roots) {
            match root {
                Root::Reduce(inst) => late.extend(inst.results.iter().copied()),
                Root::Keep(id) => {
                    aligned.insert(*id);
                }
                Root::Store(_) | Root::Check(_) | Root::Carry { .. } => {}
            }
        }
        (late, aligned)
    }

    fn stored(&self) -> (HashSet<LocalId>, HashSet<ParamId>) {
        let (mut locals, mut params) = (HashSet::new(), HashSet::new());
        for root in self.open.iter().flat_map(|open| &open.roots) {
            if let Root::Store(Inst { op: TileOp::Store { memory, .. }, .. }) = root {
                match memory {
                    Memory::Local(local) => {
                        locals.insert(*local);
                    }
                    Memory::Param(param) => {
                        params.insert(*param);
                    }
                }
            }
        }
        (locals, params)
    }

    fn visit(&self, ids: &[TileId], visit: &mut dyn FnMut(TileId, bool)) {
        let mut seen = HashSet::new();
        for id in ids {
            let root = *id;
            let stop = |id: TileId| {
                let kept = self.keep[id.0 as usize] && id != root;
                let elementwise = self.tree.op(id).is_some_and(tree::is_elementwise);
                // Scalars stand for what they were computed from: a nest's reduction may hide behind them.
                kept || !elementwise
            };
            tree::visit_inline(&|id| self.tree.op(id), &stop, root, true, &mut seen, visit);
        }
    }

    /// Whether what is computed from these tiles needs the open nest to have ended.
    fn depends(&self, ids: Vec<TileId>, inst: &Inst) -> bool {
        let (late, aligned) = self.results();
        let (locals, _) = self.stored();
        let mut found = false;
        let mut check = |op: &TileOp| {
            if let TileOp::Load { memory: Memory::Local(local), .. } = op {
                found |= locals.contains(local);
            }
        };
        check(&inst.op);
        let mut needs = false;
        self.visit(&ids, &mut |id, _| {
            needs |= late.contains(&id) || aligned.contains(&id);
            if let Some(op) = self.tree.op(id) {
                check(op);
            }
        });
        found || needs
    }

    /// Whether a root can't run place by place with the open nest.
    fn conflicts(&self, root: &Root<'k>) -> bool {
        let (late, aligned) = self.results();
        let (locals, params) = self.stored();
        let mut conflict = false;
        self.visit(&tree::root_operands(root), &mut |id, same_place| {
            conflict |= late.contains(&id) || (aligned.contains(&id) && !same_place);
            if let Some(TileOp::Load { memory: Memory::Local(local), .. }) = self.tree.op(id) {
                conflict |= locals.contains(local);
            }
        });
        if let Root::Store(Inst { op: TileOp::Store { memory, .. }, .. }) = root {
            conflict |= match memory {
                Memory::Param(param) => params.contains(param),
                Memory::Local(local) => locals.contains(local) || self.open_reads(*local),
            };
        }
        conflict
    }

    fn open_reads(&self, local: LocalId) -> bool {
        let mut reads = false;
        for root in self.open.iter().flat_map(|open| &open.roots) {
            self.visit(&tree::root_operands(root), &mut |id, _| {
                if let Some(TileOp::Load { memory: Memory::Local(l), .. }) = self.tree.op(id) {
                    reads |= *l == local;
                }
            });
        }
        reads
    }
}
