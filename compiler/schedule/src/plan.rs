//! Which values get a place in memory, and which are computed where they are read.
//!
//! From the results back to the inputs, each value learns who reads it: which kernels (*roots*), whether entries are read more than once (*heavy*), and whether an array is
//! wanted (*view*), as products and loops want it. A value that one kernel reads once an entry is computed there; a cheap one is computed wherever it is read; the rest is
//! stored. A reduction is computed in the kernel of its reader only where that kernel's grid points are its rows.

use crate::index::is_one;
use crate::product;
use crate::read::fits_tile;
use crate::recurrence;
use crate::schedule::Scheduler;
use crate::scope::{Scope, ScopeId, ty};
use std::collections::BTreeSet;
use tensc_ir::{DType, Dim, Node, Op, UnaryOp, ValueId};

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nobody reads it.
    Unused,
    /// Computed where it is read.
    Inline,
    /// Has a place.
    Stored,
    /// Prepare computes it.
    Prepared,
}

/// The decision for each value.
pub(crate) struct Plan {
    roles: Vec<Role>,
    /// Of a complex value, the parts that are read.
    parts: Vec<[bool; 2]>,
}

impl Plan {
    pub(crate) fn role(&self, value: ValueId) -> Role {
        self.roles.get(value.0 as usize).copied().unwrap_or(Role::Unused)
    }

    pub(crate) fn parts(&self, value: ValueId) -> [bool; 2] {
        self.parts.get(value.0 as usize).copied().unwrap_or([true; 2])
    }
}

/// Recomputing this much is cheaper than a trip to memory.
const CHEAP: usize = 4;

/// Who reads a value.
#[derive(Clone, Debug, Default)]
struct Uses {
    /// The stored values (or the regions) in whose kernels it is read.
    roots: BTreeSet<ValueId>,
    heavy: bool,
    view: bool,
    parts: [bool; 2],
}

/// How an op reads an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    /// As an array.
    View,
    /// Entry by entry; `heavy` if entries are read repeatedly.
    Read { heavy: bool },
}

struct Planner<'a, 'g> {
    cx: &'a Scheduler<'g>,
    at: ScopeId,
    scope: &'a Scope<'g>,
    uses: Vec<Uses>,
    costs: Vec<usize>,
    roles: Vec<Role>,
}

/// Decides for a scope whose results are `targets`.
pub(crate) fn plan(cx: &Scheduler<'_>, at: ScopeId, targets: &[ValueId]) -> Plan {
    let scope = cx.scope(at);
    let count = scope.graph.values.len();
    let mut planner = Planner {
        cx,
        at,
        scope,
        uses: vec![Uses::default(); count],
        costs: vec![0; count],
        roles: vec![Role::Unused; count],
    };
    planner.price();
    for target in targets {
        if let Some(uses) = planner.uses.get_mut(target.0 as usize) {
            uses.view = true;
            uses.parts = [true; 2];
            uses.roots.insert(*target);
        }
    }
    for node in scope.graph.nodes.iter().rev() {
        planner.node(node, targets);
    }
    Plan { roles: planner.roles, parts: planner.uses.into_iter().map(|uses| uses.parts).collect() }
}

impl Planner<'_, '_> {
    /// What computing one entry of each value costs, from what must be stored in any case.
    fn price(&mut self) {
        for node in &self.scope.graph.nodes {
            let operands: usize =
                node.operands.iter().map(|v| self.costs.get(v.0 as usize).copied().unwrap_or(1)).sum();
            let cost = match &node.op {
                Op::Const(_) | Op::DimValue(_) | Op::Iota { .. } => 0,
                Op::Input(_) => 1,
                Op::Fft { .. } | Op::Keep { .. } | Op::Rec(_) | Op::Repeat(_) => 1,
                Op::Contract(_) => {
                    if product::fits(self.scope, node) {
                        1
                    } else {
                        operands.saturating_mul(64)
                    }
                }
                Op::Reduce { axes, .. } => {
                    let ty = node.operands.first().map(|x| self.scope.ty(*x));
                    let sizes = axes.iter().filter_map(|axis| ty.and_then(|ty| ty.shape.get(*axis)));
                    let entries: usize = sizes.map(|d| crate::index::known(d).unwrap_or(64)).product();
                    (operands + 1).saturating_mul(entries.max(1))
                }
                Op::Cumsum { .. } | Op::Conv { .. } => (operands + 1).saturating_mul(4),
                Op::Gather { .. } => operands + 2,
                Op::Unary(op) => operands + unary_cost(*op),
                Op::Binary(op) => {
                    use tensc_ir::BinaryOp::{Div, Polar, Pow, Rem};
                    operands + if matches!(op, Div | Rem | Pow | Polar) { 6 } else { 1 }
                }
                Op::Select | Op::Cast(_) | Op::Pad { .. } | Op::Shift { .. } => operands + 1,
                Op::Concat { .. } => operands + 2 * node.operands.len(),
                Op::Reshape { .. }
                | Op::Transpose { .. }
                | Op::Broadcast { .. }
                | Op::Slice { .. }
                | Op::Flip { .. }
                | Op::Last { .. } => operands,
                Op::Draw { .. } => 64,
            };
            for result in &node.results {
                if let Some(slot) = self.costs.get_mut(result.0 as usize) {
                    // Beyond this nothing is worth computing twice; and sums of such costs stay in range.
                    *slot = cost.min(1 << 32);
                }
            }
        }
    }

    fn node(&mut self, node: &Node, targets: &[ValueId]) {
        let read: Vec<ValueId> = node
            .results
            .iter()
            .copied()
            .filter(|v| self.uses.get(v.0 as usize).is_some_and(|uses| uses.view || !uses.roots.is_empty()))
            .collect();
        let Some(first) = read.first().copied() else { return };
        let mut role = Role::Inline;
        for value in &read {
            let is_target = targets.contains(value);
            let of_value = self.role(node, *value, is_target);
            if let Some(slot) = self.roles.get_mut(value.0 as usize) {
                *slot = of_value;
            }
            if of_value != Role::Inline {
                role = of_value;
            }
        }
        if role == Role::Prepared || matches!(node.op, Op::Input(_)) {
            return;
        }
        let uses = self.uses.get(first.0 as usize).cloned().unwrap_or_default();
        for (n, operand) in node.operands.iter().enumerate() {
            let edge = self.edge(node, first, n);
            let parts = operand_parts(self.scope, node, uses.parts);
            let Some(slot) = self.uses.get_mut(operand.0 as usize) else { continue };
            slot.parts = [slot.parts[0] || parts[0], slot.parts[1] || parts[1]];
            match (role, edge) {
                (_, Edge::View) => {
                    slot.view = true;
                    slot.roots.insert(first);
                }
                (Role::Inline, Edge::Read { heavy }) => {
                    slot.heavy |= heavy || uses.heavy;
                    slot.view |= uses.view && is_view(&node.op);
                    slot.roots.extend(&uses.roots);
                }
                (Role::Stored | Role::Prepared | Role::Unused, Edge::Read { heavy }) => {
                    slot.heavy |= heavy;
                    slot.roots.insert(first);
                }
            }
        }
    }

    fn role(&self, node: &Node, value: ValueId, is_target: bool) -> Role {
        let scope = self.scope;
        let uses = self.uses.get(value.0 as usize).cloned().unwrap_or_default();
        let cost = self.costs.get(value.0 as usize).copied().unwrap_or(0);
        let stored = Role::Stored;
        // What has a place already, and what is made of sizes alone, is never stored for its own sake.
        let is_source = matches!(node.op, Op::Input(_) | Op::Const(_) | Op::DimValue(_));
        if is_source {
            return if scope.home(value).is_some() { stored } else { Role::Inline };
        }
        let can_view = is_view(&node.op) && self.cx.view(self.at, value, true).is_some();
        if scope.fact(value).fixed && scope.prepare.is_some() {
            let from_weights = cost > CHEAP || self.reads_input(node);
            if !(can_view || is_remap(&node.op) && !uses.view || !from_weights && !uses.view) {
                return Role::Prepared;
            }
        }
        if must_be_stored(scope, node) {
            return stored;
        }
        if is_target && !can_view {
            return stored;
        }
        if uses.view {
            return if can_view { Role::Inline } else { stored };
        }
        if matches!(node.op, Op::Reduce { .. } | Op::Cumsum { .. }) {
            return if self.in_rows(node, value, &uses) { Role::Inline } else { stored };
        }
        if cost <= CHEAP || (uses.roots.len() <= 1 && !uses.heavy) { Role::Inline } else { stored }
    }

    fn reads_input(&self, node: &Node) -> bool {
        node.operands.iter().any(|v| {
            self.scope.node_of(*v).is_some_and(|node| {
                matches!(node.op, Op::Input(_)) || (is_view(&node.op) && self.reads_input(node))
            })
        })
    }

    /// Whether a reduction can be computed in the kernel that reads it without being computed twice.
    fn in_rows(&self, node: &Node, value: ValueId, uses: &Uses) -> bool {
        let (Some(root), 1, false) = (uses.roots.first(), uses.roots.len(), uses.heavy) else {
            return false;
        };
        let Some(root_node) = self.scope.node_of(*root) else { return false };
        if matches!(root_node.op, Op::Rec(_) | Op::Repeat(_) | Op::Concat { .. }) || *root == value {
            return false;
        }
        let (Some(operand), root) = (node.operands.first(), self.scope.ty(*root)) else { return false };
        let (operand, result) = (self.scope.ty(*operand), self.scope.ty(value));
        let last = operand.shape.len().saturating_sub(1);
        let along_rows = match &node.op {
            Op::Reduce { axes, .. } => *axes == [last],
            Op::Cumsum { axis } => *axis == last,
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Contract(_)
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Gather { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Keep { .. }
            | Op::Draw { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => false,
        };
        let short = operand.shape.last().is_some_and(fits_tile);
        let rows = along_rows && short && operand.shape == root.shape;
        rows || (result.shape == root.shape && short && along_rows)
    }

    fn edge(&self, node: &Node, result: ValueId, n: usize) -> Edge {
        let scope = self.scope;
        let Some(operand) = node.operands.get(n) else { return Edge::View };
        let repeats = |axes: &[usize], shape: &[Dim]| {
            self.expands(*operand, axes, shape) || (scope.fact(result).varies && !scope.fact(*operand).varies)
        };
        let heavy = match &node.op {
            Op::Fft { .. } | Op::Repeat(_) => return Edge::View,
            Op::Contract(_) if product::fits(scope, node) => return Edge::View,
            Op::Contract(_) => true,
            Op::Rec(rec) => match recurrence::reads_once(self.cx, self.at, node, rec, n) {
                Some(once) => !once,
                None => return Edge::View,
            },
            Op::Unary(_) | Op::Cast(_) | Op::Reduce { .. } | Op::Transpose { .. } | Op::Reshape { .. } => {
                false
            }
            Op::Binary(_) | Op::Select => {
                let shape = &scope.ty(result).shape;
                let rank = scope.ty(*operand).rank();
                let axes: Vec<usize> = (shape.len() - rank.min(shape.len())..shape.len()).collect();
                repeats(&axes, shape)
            }
            Op::Broadcast { shape, axes } => repeats(axes, shape),
            Op::Gather { .. } => n == 0,
            Op::Conv { .. } | Op::Cumsum { .. } => true,
            Op::Slice { .. }
            | Op::Flip { .. }
            | Op::Last { .. }
            | Op::Pad { .. }
            | Op::Shift { .. }
            | Op::Concat { .. } => false,
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Keep { .. }
            | Op::Draw { .. } => false,
        };
        Edge::Read { heavy }
    }

    /// Whether an operand's entries are read again for each entry of an outer axis (a row's number that is read along the row is not: it stays in a register).
    fn expands(&self, operand: ValueId, axes: &[usize], shape: &[Dim]) -> bool {
        let of_operand = &self.scope.ty(operand).shape;
        let mut inner = false;
        for (n, size) in shape.iter().enumerate().rev() {
            let own = axes.iter().position(|axis| *axis == n).and_then(|axis| of_operand.get(axis));
            match own {
                Some(own) if !is_one(own) => inner = true,
                _ if inner && !is_one(size) => return true,
                _ => {}
            }
        }
        false
    }
}

fn unary_cost(op: UnaryOp) -> usize {
    match op {
        UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round => 1,
        UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Detach => 0,
        UnaryOp::Sqrt | UnaryOp::Rsqrt => 4,
        UnaryOp::Exp
        | UnaryOp::Log
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Arg => 8,
    }
}

/// Ops whose result is another way to look at the operand's array.
pub(crate) fn is_view(op: &Op) -> bool {
    match op {
        Op::Transpose { .. } | Op::Broadcast { .. } | Op::Reshape { .. } | Op::Slice { .. } => true,
        Op::Unary(op) => matches!(op, UnaryOp::Re | UnaryOp::Im | UnaryOp::Detach),
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Reduce { .. }
        | Op::Cumsum { .. }
        | Op::Contract(_)
        | Op::Concat { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Conv { .. }
        | Op::Fft { .. }
        | Op::Last { .. }
        | Op::Keep { .. }
        | Op::Draw { .. }
        | Op::Rec(_)
        | Op::Repeat(_) => false,
    }
}

/// Ops that only move entries.
fn is_remap(op: &Op) -> bool {
    is_view(op) || matches!(op, Op::Flip { .. } | Op::Last { .. })
}

/// Ops whose whole result exists or none of it, and those that must round.
fn must_be_stored(scope: &Scope<'_>, node: &Node) -> bool {
    match &node.op {
        Op::Fft { .. } | Op::Keep { .. } | Op::Rec(_) | Op::Repeat(_) | Op::Contract(_) => true,
        Op::Cast(to) => {
            let from = node.operands.first().map(|x| scope.ty(*x).dtype);
            matches!(to, DType::BF16 | DType::F16) && from != Some(*to)
        }
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Reduce { .. }
        | Op::Cumsum { .. }
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Concat { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Conv { .. }
        | Op::Last { .. }
        | Op::Draw { .. } => false,
    }
}

/// The parts of an operand that are read where these parts of the result are.
fn operand_parts(scope: &Scope<'_>, node: &Node, parts: [bool; 2]) -> [bool; 2] {
    let complex = node.results.first().is_some_and(|v| ty(scope.graph, *v).dtype.is_complex());
    match &node.op {
        Op::Unary(UnaryOp::Re) => [true, false],
        Op::Unary(UnaryOp::Im) => [false, true],
        Op::Unary(UnaryOp::Neg | UnaryOp::Conj | UnaryOp::Detach) if complex => parts,
        Op::Binary(tensc_ir::BinaryOp::Add | tensc_ir::BinaryOp::Sub) if complex => parts,
        Op::Select
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Reshape { .. }
        | Op::Slice { .. }
        | Op::Flip { .. }
        | Op::Last { .. }
        | Op::Pad { .. }
        | Op::Shift { .. }
        | Op::Concat { .. }
        | Op::Gather { .. }
            if complex =>
        {
            parts
        }
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Reduce { .. }
        | Op::Cumsum { .. }
        | Op::Contract(_)
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Concat { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Conv { .. }
        | Op::Fft { .. }
        | Op::Last { .. }
        | Op::Keep { .. }
        | Op::Draw { .. }
        | Op::Rec(_)
        | Op::Repeat(_) => [true; 2],
    }
}
