//! Which tiles are worth keeping: what it costs to compute one again, and how often that would happen.

use super::bound;
use super::group::{Blocks, Root, Statement};
use super::tree::{self, Tree};
use std::collections::{HashMap, HashSet};
use tensc_ir::{BinaryOp, DType, UnaryOp};
use tensc_program::{AxisId, Memory, ParamId, TileId, TileOp};

/// Tiles that must be in memory whatever it costs.
pub(super) fn forced(tree: &Tree) -> Vec<bool> {
    let mut keep = vec![false; tree.kernel.tiles.len()];
    for (n, def) in tree.defs.iter().enumerate() {
        let id = TileId(n as u32);
        if let Some(TileOp::Load { memory: Memory::Local(local), .. }) = tree.op(id) {
            // Local memory may be overwritten before the tile is used.
            let last = last_use(tree, id, &mut HashSet::new());
            let deeper = used_deeper(tree, id, def.depth, &mut HashSet::new());
            let stored = tree.local_stores.iter().any(|(l, at)| l == local && *at > def.order && *at <= last);
            keep[n] |= tree.can_be_inline(id) && (stored || deeper);
        }
        if let Some(TileOp::Dot { a, b, .. }) = tree.op(id) {
            for operand in [a, b] {
                // A tile under other axes is read where it lies.
                let mut source = *operand;
                while let Some(TileOp::Rename { value, .. }) = tree.op(source) {
                    source = *value;
                }
                keep[source.0 as usize] |= tree.can_be_inline(source) && !is_plain_load(tree, source);
            }
        }
        if let Some(TileOp::TriangularSolve { l, .. }) = tree.op(id) {
            keep[l.0 as usize] |= tree.can_be_inline(*l) && !is_plain_load(tree, *l);
        }
    }
    for (block, _) in &tree.blocks {
        for inst in &block.insts {
            if let TileOp::Loop(inner) = &inst.op {
                yields(tree, inner, &mut keep);
            }
        }
    }
    keep
}

fn last_use(tree: &Tree, id: TileId, seen: &mut HashSet<TileId>) -> usize {
    if !seen.insert(id) {
        return 0;
    }
    let uses = tree.users[id.0 as usize].iter();
    uses.map(|user| user.result.map_or(user.order, |r| user.order.max(last_use(tree, r, seen))))
        .max()
        .unwrap_or(0)
}

fn used_deeper(tree: &Tree, id: TileId, depth: usize, seen: &mut HashSet<TileId>) -> bool {
    seen.insert(id)
        && tree.users[id.0 as usize]
            .iter()
            .any(|user| user.depth > depth || user.result.is_some_and(|r| used_deeper(tree, r, depth, seen)))
}

/// An f32 that is read from a parameter as it is: as good as kept.
fn is_plain_load(tree: &Tree, id: TileId) -> bool {
    match tree.op(id) {
        Some(TileOp::Load { memory: Memory::Param(ParamId(n)), index, mask: None }) => {
            let dtype = tree.kernel.params[*n as usize].dtype;
            index.gathered.is_empty() && matches!(dtype, DType::F32 | DType::C64 | DType::F64)
        }
        _ => false,
    }
}

/// A yielded tile is assigned place by place together with the others of the same axes; one that reads a carried tile at another place, or one that is
/// assigned in another nest, must be complete before.
fn yields(tree: &Tree, inner: &tensc_program::Loop, keep: &mut [bool]) {
    let carried: HashMap<TileId, Vec<AxisId>> = inner
        .carried
        .iter()
        .map(|(inside, _)| {
            let mut axes = tree.kernel.tiles[inside.0 as usize].axes.clone();
            axes.sort();
            (*inside, axes)
        })
        .collect();
    for ((inside, _), value) in inner.carried.iter().zip(&inner.body.yields) {
        let mut unsafe_read = false;
        let stop = |id: TileId| {
            keep[id.0 as usize] && id != *value || !tree.op(id).is_some_and(tree::is_elementwise)
        };
        tree::visit_inline(
            &|id| tree.op(id),
            &stop,
            *value,
            true,
            &mut HashSet::new(),
            &mut |id, aligned| {
                if let Some(axes) = carried.get(&id) {
                    unsafe_read |= !aligned || Some(axes) != carried.get(inside);
                }
            },
        );
        if unsafe_read && tree.can_be_inline(*value) {
            keep[value.0 as usize] = true;
        }
    }
}

/// Nests by number, with their axes in order, how deep they are, and which tiles each computes or reads.
pub(super) struct Uses {
    /// For each tile: how often it would be computed if it were not kept.
    evaluations: Vec<f64>,
}

impl Uses {
    pub(super) fn new<'k>(tree: &Tree<'k>, keep: &[bool], blocks: &Blocks<'k>) -> Self {
        let mut evaluations = vec![0.0; tree.kernel.tiles.len()];
        for (number, (block, statements)) in blocks.iter().enumerate() {
            let depth = tree.blocks.get(number).map_or(0, |(_, depth)| *depth);
            for statement in statements {
                let (roots, axes): (Vec<TileId>, Vec<AxisId>) = match statement {
                    Statement::Scalar(_) | Statement::Loop(_) => continue,
                    Statement::Nest(nest) => {
                        let mut axes = nest.axes.clone();
                        axes.sort_by_key(|axis| Some(*axis) == nest.reduced);
                        (nest.roots.iter().flat_map(tree::root_operands).collect(), axes)
                    }
                    Statement::Scan(inst) | Statement::Solve(inst) | Statement::Dot(inst) => {
                        let result = inst.results.first();
                        let axes = result.map(|id| tree.kernel.tiles[id.0 as usize].axes.clone());
                        (inst.op.operands(), axes.unwrap_or_default())
                    }
                };
                let kept_here: HashSet<TileId> = match statement {
                    Statement::Nest(nest) => nest
                        .roots
                        .iter()
                        .filter_map(|root| match root {
                            Root::Keep(id) => Some(*id),
                            Root::Store(_) | Root::Reduce(_) | Root::Check(_) | Root::Carry { .. } => None,
                        })
                        .collect(),
                    Statement::Scalar(_)
                    | Statement::Loop(_)
                    | Statement::Scan(_)
                    | Statement::Solve(_)
                    | Statement::Dot(_) => HashSet::new(),
                };
                count(tree, keep, &roots, &axes, depth, &kept_here, &mut evaluations);
            }
            // Assignments of carried tiles read the yields once a turn.
            let yields: Vec<TileId> = block.yields.clone();
            for id in yields {
                let axes = tree.kernel.tiles[id.0 as usize].axes.clone();
                count(tree, keep, &[id], &axes, depth, &HashSet::new(), &mut evaluations);
            }
        }
        Self { evaluations }
    }
}

fn count(
    tree: &Tree,
    keep: &[bool],
    roots: &[TileId],
    order: &[AxisId],
    depth: usize,
    kept_here: &HashSet<TileId>,
    evaluations: &mut [f64],
) {
    let mut seen = HashSet::new();
    let mut visited = HashSet::new();
    for root in roots {
        let stop = |id: TileId| {
            (keep[id.0 as usize] && !kept_here.contains(&id))
                || !tree.op(id).is_some_and(tree::is_elementwise)
        };
        tree::visit_inline(&|id| tree.op(id), &stop, *root, true, &mut seen, &mut |id, _| {
            if !visited.insert(id) {
                return;
            }
            let own = &tree.kernel.tiles[id.0 as usize].axes;
            // Loops inside of the tile's innermost axis don't repeat it: it is computed before them.
            let last = order.iter().rposition(|axis| own.contains(axis)).unwrap_or(0);
            let repeats: f64 = order
                .iter()
                .take(last)
                .filter(|axis| !own.contains(axis))
                .map(|axis| bound(tree.kernel, *axis) as f64)
                .product();
            let turns = 8_f64.powi(depth.saturating_sub(tree.defs[id.0 as usize].depth) as i32);
            evaluations[id.0 as usize] += repeats * turns;
        });
    }
}

/// Tiles that are cheaper to keep than to compute again.
pub(super) fn worth_keeping(tree: &Tree, keep: &[bool], uses: &Uses) -> Vec<TileId> {
    let mut costs = vec![None; keep.len()];
    let candidates = (0..keep.len()).map(|n| TileId(n as u32));
    candidates
        .filter(|id| !keep[id.0 as usize] && tree.can_be_inline(*id))
        .filter(|id| {
            let Some(op) = tree.op(*id) else { return false };
            if matches!(op, TileOp::Iota(_) | TileOp::Rename { .. }) {
                return false;
            }
            let times = uses.evaluations[id.0 as usize];
            let cost = cost(tree, keep, *id, &mut costs);
            times > 1.0 && times * cost > cost + 2.0 + times
        })
        .collect()
}

/// Rough cycles for one vector, operands that are not kept included.
fn cost(tree: &Tree, keep: &[bool], id: TileId, known: &mut Vec<Option<f64>>) -> f64 {
    if let Some(cost) = known[id.0 as usize] {
        return cost;
    }
    let tile = &tree.kernel.tiles[id.0 as usize];
    let Some(op) = tree.op(id) else { return 1.0 };
    if tile.axes.is_empty() {
        return 0.0;
    }
    if !tree::is_elementwise(op) {
        return 1.0;
    }
    let own = own_cost(tree, op);
    // A bound on the sum keeps shared operands, counted once for each use, from growing without end.
    let operands: f64 = op
        .operands()
        .into_iter()
        .map(|operand| if keep[operand.0 as usize] { 1.0 } else { cost(tree, keep, operand, known) })
        .sum();
    let cost = (own + operands).min(1000.0);
    known[id.0 as usize] = Some(cost);
    cost
}

fn own_cost(tree: &Tree, op: &TileOp) -> f64 {
    match op {
        TileOp::Const { .. } | TileOp::Rename { .. } => 0.0,
        TileOp::Load { memory, index, mask } => {
            let dtype = match memory {
                Memory::Param(ParamId(n)) => tree.kernel.params[*n as usize].dtype,
                Memory::Local(_) => DType::F32,
            };
            let plain = index.gathered.is_empty() && mask.is_none();
            match (plain, dtype) {
                (false, _) => 6.0,
                (true, DType::F32 | DType::I32 | DType::C64 | DType::F64) => 1.0,
                (true, DType::BF16 | DType::U8 | DType::Bool) => 2.0,
                (true, DType::F16) => 4.0,
            }
        }
        TileOp::Unary(op, _) => match op {
            UnaryOp::Exp
            | UnaryOp::Log
            | UnaryOp::Tanh
            | UnaryOp::Sigmoid
            | UnaryOp::Softplus
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Erf => 12.0,
            UnaryOp::Sqrt | UnaryOp::Rsqrt => 6.0,
            UnaryOp::Neg
            | UnaryOp::Not
            | UnaryOp::Abs
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Round
            | UnaryOp::Re
            | UnaryOp::Im
            | UnaryOp::Conj
            | UnaryOp::Arg
            | UnaryOp::Detach => 1.0,
        },
        TileOp::Binary(BinaryOp::Rem | BinaryOp::Pow, ..) => 40.0,
        TileOp::Binary(BinaryOp::Div, ..) => 4.0,
        TileOp::Cast(..) => 2.0,
        TileOp::Iota(_)
        | TileOp::Binary(..)
        | TileOp::Fma(..)
        | TileOp::Select(..)
        | TileOp::Store { .. }
        | TileOp::Reduce { .. }
        | TileOp::Scan { .. }
        | TileOp::Dot { .. }
        | TileOp::TriangularSolve { .. }
        | TileOp::Check { .. }
        | TileOp::Loop(_) => 1.0,
    }
}
