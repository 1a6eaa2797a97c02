//! Which axes of a recurrence's state are independent: entry `j` of the next state reads entry `j` of the earlier ones and no other.
//!
//! Axes that elementwise ops, transposes and kept labels of contractions connect form a class. A class is *mixed* where one entry of a result reads several entries along it, or
//! entries elsewhere (a contracted label, a slice, a lookup). Only what depends on the state counts. Along a class that is not mixed and that every state and every
//! wanted line has, the recurrence falls apart into lanes: pieces of it are grid points of their own. `s[t] = decay[t] * s[t-1] + outer(k[t], v[t])` with
//! `y[t] = q[t] @ s[t]` has lanes along the axis of `v`; the axis of `k` is mixed by the product with `q`.

use crate::index::{is_one, known};
use crate::place::reshape_groups;
use crate::repeat::input_value;
use crate::scope::ty;
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::{DType, Dim, Graph, Node, Op, Rec, ValueId};

/// An axis of a value.
type Slot = (ValueId, usize);

/// What a class of axes becomes in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A tile axis of the whole size.
    Whole,
    /// One grid point per entry.
    Grid,
    /// Pieces of this many lanes.
    Lanes(usize),
}

/// The classes of axes of a body.
pub(crate) struct Lanes {
    classes: BTreeMap<Slot, usize>,
    kinds: BTreeMap<usize, Kind>,
}

/// A state in tiles is at most this large.
const LARGEST: usize = 1 << 16;

impl Lanes {
    /// The class of a value's axis.
    pub(super) fn class(&self, value: ValueId, axis: usize) -> Option<usize> {
        self.classes.get(&(value, axis)).copied()
    }

    pub(super) fn kind(&self, class: usize) -> Kind {
        self.kinds.get(&class).copied().unwrap_or(Kind::Whole)
    }

    /// No axis falls apart.
    pub(super) fn is_whole(&self) -> bool {
        self.kinds.values().all(|kind| *kind == Kind::Whole)
    }

    /// Whether the entry of a sequence has an axis of each class that falls apart.
    pub(super) fn input_has_lanes(&self, rec: &Rec, sequence: usize) -> bool {
        let states: usize = rec.states.iter().map(|state| state.depth).sum();
        let Some(value) = input_value(&rec.body, 1 + states + sequence) else { return false };
        // A sequence does not depend on the state, so it has no class: compare sizes.
        let sizes = &ty(&rec.body, value).shape;
        self.kinds.iter().filter(|(_, kind)| **kind != Kind::Whole).all(|(class, _)| {
            let slot = self.classes.iter().find(|(_, of)| *of == class).map(|(slot, _)| *slot);
            let size = slot.and_then(|(value, axis)| ty(&rec.body, value).shape.get(axis));
            size.is_some_and(|size| sizes.contains(size))
        })
    }
}

/// The classes of a recurrence whose step fits a kernel; nothing where it does not.
pub(super) fn lanes(rec: &Rec, used: &[usize]) -> Option<Lanes> {
    let body = &rec.body;
    if !body.nodes.iter().all(|node| fits_kernel(body, node)) {
        return None;
    }
    let mut classes = Classes::default();
    let mut depends: BTreeSet<ValueId> = BTreeSet::new();
    let mut number = 1;
    for state in &rec.states {
        let (_, line) = body.outputs.get(state.line)?;
        for _ in 0..state.depth {
            let input = input_value(body, number)?;
            depends.insert(input);
            for axis in 0..ty(body, input).rank() {
                classes.join((input, axis), (*line, axis));
            }
            number += 1;
        }
    }
    for node in &body.nodes {
        if node.operands.iter().any(|v| depends.contains(v)) {
            depends.extend(&node.results);
            classes.connect(body, node, &depends);
        }
    }
    let states: Vec<ValueId> =
        rec.states.iter().filter_map(|state| body.outputs.get(state.line)).map(|(_, v)| *v).collect();
    let lines: Vec<ValueId> =
        used.iter().filter_map(|line| body.outputs.get(*line)).map(|(_, v)| *v).collect();
    classes.finish(body, &states, &lines)
}

/// Whether a step may compute this inside a kernel.
fn fits_kernel(body: &Graph, node: &Node) -> bool {
    match &node.op {
        Op::Rec(_) | Op::Repeat(_) | Op::Fft { .. } | Op::Keep { .. } | Op::Draw { .. } => false,
        // Tiles don't round to these.
        Op::Cast(to) => {
            let from = node.operands.first().map(|x| ty(body, *x).dtype);
            !matches!(to, DType::BF16 | DType::F16) || from == Some(*to)
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
        | Op::Last { .. } => true,
    }
}

/// A union of slots.
#[derive(Default)]
struct Classes {
    parents: BTreeMap<Slot, Slot>,
    mixed: BTreeSet<Slot>,
}

impl Classes {
    fn root(&self, slot: Slot) -> Slot {
        let mut slot = slot;
        while let Some(parent) = self.parents.get(&slot).filter(|parent| **parent != slot) {
            slot = *parent;
        }
        slot
    }

    fn join(&mut self, a: Slot, b: Slot) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents.entry(b).or_insert(b);
        self.parents.insert(a, b);
    }

    fn mix(&mut self, slot: Slot) {
        self.parents.entry(slot).or_insert(slot);
        self.mixed.insert(slot);
    }

    /// What one op says about the axes of its result and of those operands that depend on the state.
    fn connect(&mut self, body: &Graph, node: &Node, depends: &BTreeSet<ValueId>) {
        let Some(result) = node.results.first().copied() else { return };
        let shape = &ty(body, result).shape;
        for (n, operand) in node.operands.iter().enumerate() {
            if !depends.contains(operand) {
                continue;
            }
            let from = &ty(body, *operand).shape;
            let same = |this: &mut Self, axis: usize, to: usize| {
                let stretched = from.get(axis).is_some_and(is_one) && !shape.get(to).is_some_and(is_one);
                if !stretched {
                    this.join((*operand, axis), (result, to));
                }
            };
            match &node.op {
                Op::Unary(_) | Op::Cast(_) | Op::Binary(_) | Op::Select => {
                    let skipped = shape.len() - from.len().min(shape.len());
                    (0..from.len()).for_each(|axis| same(self, axis, axis + skipped));
                }
                Op::Broadcast { axes, .. } => {
                    axes.iter().enumerate().for_each(|(axis, to)| same(self, axis, *to));
                }
                Op::Transpose { perm } => {
                    perm.iter().enumerate().for_each(|(to, axis)| same(self, *axis, to));
                }
                Op::Reduce { axes, .. } => {
                    let kept = (0..from.len()).filter(|axis| !axes.contains(axis));
                    kept.enumerate().for_each(|(to, axis)| same(self, axis, to));
                    axes.iter().for_each(|axis| self.mix((*operand, *axis)));
                }
                Op::Contract(contraction) => {
                    let labels = if n == 0 { &contraction.left } else { &contraction.right };
                    for (axis, label) in labels.iter().enumerate() {
                        match contraction.result.iter().position(|l| l == label) {
                            Some(to) => same(self, axis, to),
                            None => self.mix((*operand, axis)),
                        }
                    }
                }
                Op::Reshape { .. } => match reshape_groups(from, shape) {
                    Some(groups) => {
                        for (left, right) in groups {
                            if left.len() == 1 && right.len() == 1 {
                                same(self, left.start, right.start);
                            } else {
                                left.for_each(|axis| self.mix((*operand, axis)));
                            }
                        }
                    }
                    None => (0..from.len()).for_each(|axis| self.mix((*operand, axis))),
                },
                Op::Slice { axis, .. }
                | Op::Concat { axis }
                | Op::Pad { axis, .. }
                | Op::Flip { axis }
                | Op::Shift { axis, .. }
                | Op::Cumsum { axis } => {
                    (0..from.len()).filter(|other| other != axis).for_each(|other| same(self, other, other));
                    self.mix((*operand, *axis));
                }
                Op::Last { axis } => {
                    let kept = (0..from.len()).filter(|other| other != axis);
                    kept.enumerate().for_each(|(to, other)| same(self, other, to));
                    self.mix((*operand, *axis));
                }
                Op::Gather { batch } if n == 0 => {
                    let gone = from.len() - from.len().min(*batch + 1);
                    (0..*batch).for_each(|axis| same(self, axis, axis));
                    self.mix((*operand, *batch));
                    let tail = shape.len() - gone.min(shape.len());
                    (0..gone).for_each(|axis| same(self, batch + 1 + axis, tail + axis));
                }
                Op::Gather { .. } => (0..from.len()).for_each(|axis| same(self, axis, axis)),
                Op::Input(_)
                | Op::Const(_)
                | Op::DimValue(_)
                | Op::Iota { .. }
                | Op::Conv { .. }
                | Op::Fft { .. }
                | Op::Keep { .. }
                | Op::Draw { .. }
                | Op::Rec(_)
                | Op::Repeat(_) => (0..from.len()).for_each(|axis| self.mix((*operand, axis))),
            }
        }
    }

    fn finish(mut self, body: &Graph, states: &[ValueId], lines: &[ValueId]) -> Option<Lanes> {
        let stored: Vec<ValueId> = states.iter().chain(lines).copied().collect();
        for value in &stored {
            for axis in 0..ty(body, *value).rank() {
                self.parents.entry((*value, axis)).or_insert((*value, axis));
            }
        }
        let slots: Vec<Slot> = self.parents.keys().copied().collect();
        let roots: BTreeSet<Slot> = slots.iter().map(|slot| self.root(*slot)).collect();
        let numbers: BTreeMap<Slot, usize> =
            roots.into_iter().enumerate().map(|(n, root)| (root, n)).collect();
        let number = |slot: Slot| numbers.get(&self.root(slot)).copied().unwrap_or(usize::MAX);
        let classes: BTreeMap<Slot, usize> = slots.iter().map(|slot| (*slot, number(*slot))).collect();
        let mut mixed: BTreeSet<usize> = self.mixed.iter().map(|slot| number(*slot)).collect();
        // One value with two axes of a class reads across it.
        for (slot, class) in &classes {
            if classes.iter().any(|(other, of)| other.0 == slot.0 && other.1 != slot.1 && of == class) {
                mixed.insert(*class);
            }
        }
        let has = |value: &ValueId, class: usize| {
            let axes = 0..ty(body, *value).rank();
            axes.filter(|axis| classes.get(&(*value, *axis)) == Some(&class)).count() == 1
        };
        let mut kinds = BTreeMap::new();
        let mut lanes_chosen = false;
        // The innermost free class of the states becomes lanes, the others grid axes.
        let first = states.first()?;
        for axis in (0..ty(body, *first).rank()).rev() {
            let Some(class) = classes.get(&(*first, axis)).copied() else { continue };
            let size = ty(body, *first).shape.get(axis)?;
            let free = !mixed.contains(&class) && !is_one(size) && stored.iter().all(|v| has(v, class));
            if free {
                kinds.insert(class, if lanes_chosen { Kind::Grid } else { Kind::Lanes(0) });
                lanes_chosen = true;
            }
        }
        let whole = |value: &ValueId| -> Option<usize> {
            let shape = &ty(body, *value).shape;
            let sizes = shape.iter().enumerate().filter(|(axis, _)| {
                classes.get(&(*value, *axis)).is_none_or(|class| !kinds.contains_key(class))
            });
            sizes.map(|(_, size)| known(size)).try_fold(1_usize, |all, size| Some(all.saturating_mul(size?)))
        };
        let mut largest = 1;
        for value in &stored {
            largest = largest.max(whole(value)?);
        }
        let tiles: usize = states.iter().map(|v| if ty(body, *v).dtype.is_complex() { 2 } else { 1 }).sum();
        let count = if largest == 1 { (32 / tiles.max(1)).next_power_of_two().clamp(4, 32) } else { 16 };
        for kind in kinds.values_mut() {
            if let Kind::Lanes(lanes) = kind {
                *lanes = count;
            }
        }
        (largest <= LARGEST).then_some(Lanes { classes, kinds })
    }
}

/// The size of an axis of a class, from any value that has it.
pub(super) fn size_of(body: &Graph, value: ValueId, axis: usize) -> Dim {
    ty(body, value).shape.get(axis).cloned().unwrap_or_default()
}
