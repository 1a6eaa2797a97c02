//! Pair values over a piece: one axis has the piece's entries, the queries, the other all entries so far, the keys.
//!
//! ```text
//! s = contract "ab,cb->ac" q, k : f32[T, T]
//! ->  k' = concat state, k      : f32[@position + T, D]      the next state
//!     s  = contract q, k'       : f32[T, @position + T]
//! ```
//!
//! Which axis is which follows from what is summed in the end. What stands on the side of the keys is kept as a state that grows with the stream;
//! positions and tables are made anew.

use super::NotStreamable;
use super::rewrite::Rewrite;
use crate::Dim;
use crate::analyse::time::{Fact, body_inputs, time_facts_with};
use crate::graph::{Graph, Node, ValueId};
use crate::op::{Op, Repeat};

/// The axis of keys of each pair value.
pub(super) fn keys(graph: &Graph, facts: &[Fact], time: &str) -> Result<Vec<Option<usize>>, NotStreamable> {
    let mut keys = vec![None; graph.values.len()];
    let fact = |value: &ValueId| facts.get(value.0 as usize).unwrap_or(&Fact::Constant);
    for node in graph.nodes.iter().rev() {
        if !node.operands.iter().any(|value| fact(value).pairs().is_some()) {
            continue;
        }
        let inner = match &node.op {
            Op::Repeat(repeat) => Some(inner_keys(repeat, node, facts, time)?),
            _ => None,
        };
        let own = key_of(node, facts, &keys);
        for (n, value) in node.operands.iter().enumerate() {
            let Some(pairs) = fact(value).pairs() else { continue };
            let axis = match (&inner, own) {
                (Some(inner), _) => inner.get(n).copied().flatten(),
                (None, Some(axis)) => operand_axis(graph, node, n, axis, time),
                (None, None) => pairs.axes.into_iter().find(|axis| is_summed(&node.op, n, *axis)),
            };
            let Some(slot) = keys.get_mut(value.0 as usize) else { continue };
            if slot.is_some() && *slot != axis {
                let reason =
                    "a value of each pair of entries is summed over the earlier and over the later one";
                return Err(NotStreamable { reason: reason.to_owned(), origin: pairs.origin });
            }
            *slot = axis.or(*slot);
        }
    }
    for (key, fact) in keys.iter_mut().zip(facts) {
        *key = key.or(fact.pairs().map(|pairs| pairs.axes[1]));
    }
    Ok(keys)
}

/// The axis of keys of a node's result, where that is a pair value.
fn key_of(node: &Node, facts: &[Fact], keys: &[Option<usize>]) -> Option<usize> {
    let result = node.results.first()?.0 as usize;
    let pairs = facts.get(result)?.pairs()?;
    Some(keys.get(result).copied().flatten().unwrap_or(pairs.axes[1]))
}

/// By operand of a repeat: the axis that its body takes for keys.
fn inner_keys(
    repeat: &Repeat,
    node: &Node,
    facts: &[Fact],
    time: &str,
) -> Result<Vec<Option<usize>>, NotStreamable> {
    let operands: Vec<Fact> =
        node.operands.iter().map(|v| facts.get(v.0 as usize).cloned().unwrap_or(Fact::Constant)).collect();
    let inputs = body_inputs(&node.op, &operands, time);
    let inner = time_facts_with(&repeat.body, &inputs, time);
    let keys = keys(&repeat.body, &inner.values, time)?;
    let stacked = repeat.carried + repeat.constants;
    let mut found = vec![None; node.operands.len()];
    for body in &repeat.body.nodes {
        if let (Op::Input(n), [value]) = (&body.op, body.results.as_slice())
            && let (Some(slot), Some(key)) = (found.get_mut(*n as usize), keys.get(value.0 as usize))
        {
            *slot = key.map(|axis| axis + usize::from(*n as usize >= stacked));
        }
    }
    Ok(found)
}

/// Whether an op sums over this axis of its operand of this number.
fn is_summed(op: &Op, operand: usize, axis: usize) -> bool {
    if let Op::Reduce { axes, .. } = op {
        return axes.contains(&axis);
    }
    if let Op::Contract(contraction) = op {
        let labels = if operand == 0 { &contraction.left } else { &contraction.right };
        return labels.get(axis).is_some_and(|label| !contraction.result.contains(label));
    }
    false
}

/// Where an axis of a node's result is in an operand.
fn operand_axis(graph: &Graph, node: &Node, operand: usize, axis: usize, time: &str) -> Option<usize> {
    let shape = |value: &ValueId| graph.values.get(value.0 as usize).map(|value| value.ty.shape.as_slice());
    let (from, to) = (shape(node.operands.get(operand)?)?, shape(node.results.first()?)?);
    if let Op::Transpose { perm } = &node.op {
        return perm.get(axis).copied();
    }
    if let Op::Broadcast { axes, .. } = &node.op {
        return axes.iter().position(|place| *place == axis);
    }
    if let Op::Contract(contraction) = &node.op {
        let labels = if operand == 0 { &contraction.left } else { &contraction.right };
        let label = contraction.result.get(axis)?;
        return labels.iter().position(|own| own == label);
    }
    if let Op::Reduce { axes, .. } = &node.op {
        return (0..from.len()).filter(|own| !axes.contains(own)).nth(axis);
    }
    if let Op::Reshape { .. } = &node.op {
        let plain = |shape: &[Dim]| -> Vec<usize> {
            (0..shape.len()).filter(|n| shape.get(*n).is_some_and(|dim| dim.as_var() == Some(time))).collect()
        };
        let (from, to) = (plain(from), plain(to));
        return from.get(to.iter().position(|own| *own == axis)?).copied();
    }
    if let Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) = &node.op {
        return (axis + from.len()).checked_sub(to.len());
    }
    Some(axis)
}

impl Rewrite<'_> {
    /// All entries so far.
    fn so_far(&self) -> Dim {
        &Dim::position() + &Dim::var(self.time)
    }

    /// The type of an input that is a pair value.
    pub(super) fn pair_shape(&self, value: ValueId, shape: &mut [Dim]) {
        if let Some(size) = self.key(value).and_then(|axis| shape.get_mut(axis)) {
            *size = self.so_far();
        }
    }

    /// A node that makes or takes pair values.
    pub(super) fn pair_node(&mut self, node: &Node) -> Result<ValueId, NotStreamable> {
        let own = node.results.first().and_then(|value| self.key(*value));
        let mut operands = Vec::with_capacity(node.operands.len());
        for (n, old) in node.operands.iter().enumerate() {
            let is_key = |axis: usize| match own {
                Some(key) => operand_axis(self.source, node, n, key, self.time) == Some(axis),
                None => is_summed(&node.op, n, axis),
            };
            let widens = self.fact(*old).axis().is_some_and(is_key);
            operands.push(if widens { self.widened(*old)? } else { self.value(*old) });
        }
        let along = node.operands.first().is_some_and(|value| self.has_time(*value, &node.op));
        let op = self.resized(&node.op, own, along);
        Ok(self.builder.push(op, &operands, node.origin)?)
    }

    /// Whether a slice is along an axis of its operand that is time already.
    fn has_time(&self, operand: ValueId, op: &Op) -> bool {
        let Op::Slice { axis, .. } = op else { return false };
        let fact = self.fact(operand);
        fact.axis() == Some(*axis) || fact.pairs().is_some_and(|pairs| pairs.axes.contains(axis))
    }

    /// An op whose result has all entries so far along `key`, and the piece's along other time axes.
    fn resized(&self, op: &Op, key: Option<usize>, along: bool) -> Op {
        let mut op = op.clone();
        if let (Op::Broadcast { shape, .. } | Op::Reshape { shape }, Some(key)) = (&mut op, key)
            && let Some(size) = shape.get_mut(key)
        {
            *size = self.so_far();
        }
        if let Op::Slice { axis, start, len } = &mut op
            && len.mentions(self.time)
        {
            if key == Some(*axis) {
                *len = self.so_far();
            } else if !along {
                *start = &*start + &Dim::position();
            }
        }
        op
    }

    /// A value along time, with all of its entries so far.
    fn widened(&mut self, old: ValueId) -> Result<ValueId, NotStreamable> {
        if let Some(wide) = self.wide.get(&old) {
            return Ok(*wide);
        }
        let source = self.source;
        let node =
            source.values.get(old.0 as usize).and_then(|value| source.nodes.get(value.node.0 as usize));
        let Some((node, axis)) = node.zip(self.fact(old).axis()) else { return Ok(self.value(old)) };
        let wide = match (&node.op, node.operands.as_slice()) {
            (Op::Iota { start, .. }, _) => {
                let op = Op::Iota { len: self.so_far(), start: start.clone() };
                self.builder.push(op, &[], node.origin)?
            }
            (Op::Slice { .. } | Op::Broadcast { .. }, [operand])
                if *self.fact(*operand) == Fact::Constant =>
            {
                let op = self.resized(&node.op, Some(axis), false);
                let operand = self.value(*operand);
                self.builder.push(op, &[operand], node.origin)?
            }
            (Op::Broadcast { .. } | Op::Reshape { .. } | Op::Transpose { .. } | Op::Cast(_), [operand]) => {
                let operand = self.widened(*operand)?;
                let op = self.resized(&node.op, Some(axis), false);
                self.builder.push(op, &[operand], node.origin)?
            }
            _ => self.kept(axis, self.value(old), node.origin)?,
        };
        self.wide.insert(old, wide);
        Ok(wide)
    }
}
