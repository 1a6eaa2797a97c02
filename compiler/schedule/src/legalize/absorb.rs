//! Readouts of a recurrence move into its body: what sums over a state's own axes needs the state of one step only, so a `[T, D, N]` of states is never stored.
//!
//! ```text
//! v5, v6 = rec h .. : c64[T, D, N], c64[D, N]         v5, v6, v7 = rec h .. : c64[T, D, N], c64[T, D], c64[D, N]
//! v7 = mul v5, v1 : c64[T, D, N]                 =>
//! v8 = reduce sum axes [2] v7 : c64[T, D]
//! ```
//! with the product and the sum as a second line of the body. This is done where nothing else reads the states: then that line is all that is stored.

use super::copy::Copier;
use crate::ScheduleError;
use crate::index::is_one;
use crate::scope::ty;
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::{Builder, DType, Dim, Graph, Node, Op, Rec, ValueId};

/// The graph with readouts inside their recurrences.
pub(super) fn absorb(graph: Graph) -> Result<Graph, ScheduleError> {
    let mut graph = graph;
    let mut number = 0;
    // Each rewrite leaves at least one reduction less outside, so this ends.
    while let Some(node) = graph.nodes.get(number) {
        match &node.op {
            Op::Rec(rec) => match readout(&graph, number, node, rec) {
                // The nodes in front of it stay where they are; the recurrence comes up again behind them.
                Some(readout) => graph = rewrite(&graph, number, &readout)?,
                None => number += 1,
            },
            _ => number += 1,
        }
    }
    Ok(graph)
}

/// What moves into a body.
struct Readout {
    /// Nodes by number, in order; the last of each chain is a sum.
    nodes: Vec<usize>,
    /// Results that become lines.
    lines: Vec<ValueId>,
    /// The time axis of each value that has one, among those that move and their operands.
    time: BTreeMap<ValueId, usize>,
}

fn readout(graph: &Graph, number: usize, node: &Node, rec: &Rec) -> Option<Readout> {
    let lines = node.results.get(..rec.body.outputs.len())?;
    let mut time: BTreeMap<ValueId, usize> = lines.iter().map(|line| (*line, rec.axis)).collect();
    // Everything that depends on the recurrence, and of it what one step can compute.
    let mut depends: BTreeSet<ValueId> = node.results.iter().copied().collect();
    let mut inside: BTreeSet<ValueId> = lines.iter().copied().collect();
    let mut candidates: Vec<usize> = Vec::new();
    for (n, user) in graph.nodes.iter().enumerate().skip(number + 1) {
        if !user.operands.iter().any(|v| depends.contains(v)) {
            continue;
        }
        depends.extend(&user.results);
        let others_ready = user.operands.iter().all(|v| inside.contains(v) || !depends.contains(v));
        if let (true, Some(result)) = (others_ready, user.results.first())
            && let Some(axis) = time_of(graph, user, rec, &inside, &mut time)
        {
            time.insert(*result, axis);
            inside.insert(*result);
            candidates.push(n);
        }
    }
    // The sums, and what they are made of.
    let node_at = |n: usize| graph.nodes.get(n);
    let mut wanted: BTreeSet<ValueId> = BTreeSet::new();
    let mut nodes = Vec::new();
    let mut sums = Vec::new();
    for n in candidates.iter().rev().copied() {
        let user = node_at(n)?;
        let result = *user.results.first()?;
        let is_sum = shrinks(user, &inside, graph);
        if is_sum {
            sums.push(result);
        }
        if is_sum || wanted.contains(&result) {
            nodes.push(n);
            wanted.extend(user.operands.iter().filter(|v| inside.contains(v)));
        }
    }
    nodes.reverse();
    let moved: BTreeSet<usize> = nodes.iter().copied().collect();
    // A chain's first sum is the line; what is summed further inside of it stays a value of the step unless somebody else reads it.
    let read_outside = |value: ValueId| {
        graph.outputs.iter().any(|(_, v)| *v == value)
            || graph
                .nodes
                .iter()
                .enumerate()
                .any(|(n, user)| !moved.contains(&n) && n != number && user.operands.contains(&value))
    };
    let made: Vec<ValueId> = nodes.iter().filter_map(|n| node_at(*n)?.results.first().copied()).collect();
    let new_lines: Vec<ValueId> = made.iter().copied().filter(|v| read_outside(*v)).collect();
    let large_read = lines.iter().any(|v| wanted.contains(v) && read_outside(*v));
    // A line has its time axis where the recurrence has it.
    let only_sums = new_lines.iter().all(|v| sums.contains(v) && time.get(v) == Some(&rec.axis));
    (!nodes.is_empty() && !large_read && only_sums).then_some(Readout { nodes, lines: new_lines, time })
}

/// A sum over axes of what depends on the state.
fn shrinks(node: &Node, inside: &BTreeSet<ValueId>, graph: &Graph) -> bool {
    let small = |v: &ValueId| ty(graph, *v).rank();
    let result = node.results.first().map_or(0, small);
    match &node.op {
        Op::Reduce { .. } => true,
        Op::Contract(_) => node.operands.iter().any(|v| inside.contains(v) && small(v) > result),
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
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
        | Op::Fft { .. }
        | Op::Last { .. }
        | Op::Keep { .. }
        | Op::Draw { .. }
        | Op::Rec(_)
        | Op::Repeat(_) => false,
    }
}

/// The time axis of a node's result, if one step can compute the node; notes the time axes of its other operands.
fn time_of(
    graph: &Graph,
    node: &Node,
    rec: &Rec,
    inside: &BTreeSet<ValueId>,
    time: &mut BTreeMap<ValueId, usize>,
) -> Option<usize> {
    let result = ty(graph, *node.results.first()?);
    let own =
        |v: &ValueId, time: &BTreeMap<ValueId, usize>| time.get(v).copied().filter(|_| inside.contains(v));
    let first = node.operands.iter().find_map(|v| own(v, time).map(|axis| (*v, axis)))?;
    match &node.op {
        Op::Unary(_) => Some(first.1),
        Op::Cast(to) => (!matches!(to, DType::BF16 | DType::F16)).then_some(first.1),
        Op::Reduce { axes, .. } => {
            (!axes.contains(&first.1)).then(|| first.1 - axes.iter().filter(|axis| **axis < first.1).count())
        }
        Op::Binary(_) | Op::Select => {
            let rank = result.rank();
            let axis = first.1 + rank - ty(graph, first.0).rank();
            for operand in &node.operands {
                let shape = &ty(graph, *operand).shape;
                let skipped = rank - shape.len();
                let there = axis.checked_sub(skipped).filter(|axis| *axis < shape.len());
                match (own(operand, time), there) {
                    (Some(own), Some(there)) if own == there => {}
                    (Some(_), _) => return None,
                    (None, Some(there)) if shape.get(there).is_some_and(is_one) => return None,
                    (None, Some(there)) => {
                        // One value can't be read as a sequence along two axes.
                        if *time.entry(*operand).or_insert(there) != there {
                            return None;
                        }
                    }
                    (None, None) => {
                        if time.contains_key(operand) {
                            return None;
                        }
                    }
                }
            }
            Some(axis)
        }
        Op::Contract(contraction) => {
            let [a, b] = node.operands.as_slice() else { return None };
            let (labels, others, other) = if *a == first.0 {
                (&contraction.left, &contraction.right, b)
            } else {
                (&contraction.right, &contraction.left, a)
            };
            let label = labels.get(first.1)?;
            let axis = contraction.result.iter().position(|l| l == label)?;
            // Only products within a step: a product with a shared matrix is better done for all steps at once.
            let there = others.iter().position(|l| l == label)?;
            match own(other, time) {
                Some(own) if own == there => {}
                Some(_) => return None,
                None => {
                    if *time.entry(*other).or_insert(there) != there {
                        return None;
                    }
                }
            }
            Some(axis)
        }
        Op::Transpose { perm } => perm.iter().position(|axis| *axis == first.1),
        Op::Broadcast { axes, shape } => {
            let axis = *axes.get(first.1)?;
            (shape.get(axis) == Some(&rec.length)).then_some(axis)
        }
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Cumsum { .. }
        | Op::Reshape { .. }
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
        | Op::Repeat(_) => None,
    }
}

/// The graph with a readout inside its recurrence.
fn rewrite(graph: &Graph, number: usize, readout: &Readout) -> Result<Graph, ScheduleError> {
    let moved: BTreeSet<usize> = readout.nodes.iter().copied().collect();
    let waiting = dependents(graph, number);
    let mut copier = Copier::new(graph);
    // What does not depend on the recurrence comes first, the readout's operands among it.
    for (n, node) in graph.nodes.iter().enumerate() {
        if n != number && !waiting.contains(&n) {
            copier.node(node)?;
        }
    }
    let Some(node) = graph.nodes.get(number) else { return Ok(copier.finish()) };
    let Op::Rec(rec) = &node.op else { return Ok(copier.finish()) };
    let (op, operands) = grown(&mut copier, graph, node, rec, readout)?;
    let results = copier.builder.push_many(op, &operands, node.origin)?;
    let (lines, rest) = results.split_at(rec.body.outputs.len());
    let (new, states) = rest.split_at(readout.lines.len());
    for (old, new) in node.results.iter().zip(lines.iter().chain(states)) {
        copier.set(*old, *new);
    }
    for (old, new) in readout.lines.iter().zip(new) {
        copier.set(*old, *new);
    }
    for n in waiting.difference(&moved) {
        if let Some(node) = graph.nodes.get(*n) {
            copier.node(node)?;
        }
    }
    Ok(copier.finish())
}

/// The nodes that depend on a node.
fn dependents(graph: &Graph, number: usize) -> BTreeSet<usize> {
    let mut values: BTreeSet<ValueId> =
        graph.nodes.get(number).map(|node| node.results.iter().copied().collect()).unwrap_or_default();
    let mut nodes = BTreeSet::new();
    for (n, user) in graph.nodes.iter().enumerate().skip(number + 1) {
        if user.operands.iter().any(|v| values.contains(v)) {
            values.extend(&user.results);
            nodes.insert(n);
        }
    }
    nodes
}

/// The recurrence with the readout as lines, and its operands in the new graph.
fn grown(
    outer: &mut Copier<'_>,
    graph: &Graph,
    node: &Node,
    rec: &Rec,
    readout: &Readout,
) -> Result<(Op, Vec<ValueId>), ScheduleError> {
    let inside: BTreeSet<ValueId> = readout
        .nodes
        .iter()
        .filter_map(|n| graph.nodes.get(*n))
        .flat_map(|node| node.results.iter().copied())
        .chain(node.results.iter().copied())
        .collect();
    let mut sequences: Vec<(ValueId, usize)> = Vec::new();
    let mut constants: Vec<ValueId> = Vec::new();
    for operand in readout.nodes.iter().filter_map(|n| graph.nodes.get(*n)).flat_map(|node| &node.operands) {
        if inside.contains(operand) {
            continue;
        }
        match readout.time.get(operand) {
            Some(axis) if !sequences.iter().any(|(v, _)| v == operand) => sequences.push((*operand, *axis)),
            None if !constants.contains(operand) => constants.push(*operand),
            Some(_) | None => {}
        }
    }
    let states: usize = rec.states.iter().map(|state| state.depth).sum();
    let (first, rest) = rec.body.inputs.split_at((1 + states + rec.sequences).min(rec.body.inputs.len()));
    let mut body = Copier::empty(&rec.body);
    let mut inputs: Vec<ValueId> = first.iter().map(|input| body.builder.input(input.clone())).collect();
    let mut values: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for (value, axis) in &sequences {
        let mut entry = ty(graph, *value).clone();
        entry.shape.remove(*axis);
        values.insert(*value, body.builder.local("x", entry));
    }
    inputs.extend(rest.iter().map(|input| body.builder.input(input.clone())));
    for value in &constants {
        values.insert(*value, body.builder.local("k", ty(graph, *value).clone()));
    }
    body.bind(&inputs);
    body.all()?;
    let mut outputs = body.outputs();
    for (line, (_, value)) in node.results.iter().zip(&outputs) {
        values.insert(*line, *value);
    }
    for n in &readout.nodes {
        let Some(step) = graph.nodes.get(*n) else { continue };
        let operands: Vec<ValueId> = step.operands.iter().filter_map(|v| values.get(v).copied()).collect();
        let op = step_op(step, &readout.time);
        let value = body.builder.push(op, &operands, step.origin)?;
        if let Some(result) = step.results.first() {
            values.insert(*result, value);
        }
    }
    for line in &readout.lines {
        if let Some(value) = values.get(line) {
            outputs.push((format!("readout {}", outputs.len()), *value));
        }
    }
    let old = |n: usize| node.operands.iter().skip(n);
    let mut operands: Vec<ValueId> = old(0).take(rec.sequences).map(|v| outer.mapped(*v)).collect();
    for (value, axis) in &sequences {
        let value = outer.mapped(*value);
        operands.push(moved_axis(&mut outer.builder, value, *axis, rec.axis)?);
    }
    operands.extend(old(rec.sequences).take(rec.constants).map(|v| outer.mapped(*v)));
    operands.extend(constants.iter().map(|v| outer.mapped(*v)));
    operands.extend(old(rec.sequences + rec.constants).map(|v| outer.mapped(*v)));
    let grown = Rec {
        sequences: rec.sequences + sequences.len(),
        constants: rec.constants + constants.len(),
        body: body.builder.finish(outputs),
        ..rec.clone()
    };
    Ok((Op::Rec(Box::new(grown)), operands))
}

/// A sequence with its time axis where a recurrence wants it.
fn moved_axis(
    builder: &mut Builder,
    value: ValueId,
    from: usize,
    to: usize,
) -> Result<ValueId, ScheduleError> {
    if from == to {
        return Ok(value);
    }
    let mut perm: Vec<usize> = (0..builder.ty(value).rank()).filter(|axis| *axis != from).collect();
    perm.insert(to.min(perm.len()), from);
    Ok(builder.push(Op::Transpose { perm }, &[value], None)?)
}

/// The op of one step: the same without the time axis.
fn step_op(node: &Node, time: &BTreeMap<ValueId, usize>) -> Op {
    let without = |axes: &[usize], gone: usize| -> Vec<usize> {
        axes.iter().filter(|axis| **axis != gone).map(|axis| axis - usize::from(*axis > gone)).collect()
    };
    let operand = node.operands.iter().find_map(|v| time.get(v).copied()).unwrap_or(0);
    let result = node.results.first().and_then(|v| time.get(v).copied()).unwrap_or(0);
    match &node.op {
        Op::Reduce { kind, axes } => Op::Reduce { kind: *kind, axes: without(axes, operand) },
        Op::Transpose { perm } => Op::Transpose { perm: without(perm, operand) },
        Op::Broadcast { shape, axes } => {
            let mut shape: Vec<Dim> = shape.clone();
            if result < shape.len() {
                shape.remove(result);
            }
            Op::Broadcast { shape, axes: without(axes, result) }
        }
        Op::Contract(contraction) => {
            let mut contraction = contraction.clone();
            let label = contraction.result.get(result).copied();
            for list in [&mut contraction.left, &mut contraction.right, &mut contraction.result] {
                list.retain(|l| Some(*l) != label);
            }
            Op::Contract(contraction)
        }
        op => op.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_no_time_axis() {
        let node = Node {
            op: Op::Transpose { perm: vec![2, 0, 1] },
            operands: vec![ValueId(0)],
            results: vec![ValueId(1)],
            origin: None,
        };
        let time = BTreeMap::from([(ValueId(0), 0), (ValueId(1), 1)]);
        assert_eq!(step_op(&node, &time), Op::Transpose { perm: vec![1, 0] });
    }
}
