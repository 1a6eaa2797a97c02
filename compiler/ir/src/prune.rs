//! Removes nodes that no output needs, in the graph and in its bodies.
//!
//! Inputs stay, used or not: they are the graph's signature. So do the lines of a recurrence and the values of a repeat; a node goes only when none of its results is used.

use crate::graph::{Graph, Node, NodeId, Value, ValueId};
use crate::verify::Verified;

/// The graph without the nodes that no output needs.
#[must_use]
pub fn prune(graph: &Verified<Graph>) -> Graph {
    pruned(graph)
}

fn pruned(graph: &Graph) -> Graph {
    let mut used = vec![false; graph.values.len()];
    let mark = |used: &mut Vec<bool>, value: ValueId| {
        if let Some(used) = used.get_mut(value.0 as usize) {
            *used = true;
        }
    };
    graph.outputs.iter().for_each(|(_, value)| mark(&mut used, *value));
    let is_used = |used: &[bool], value: &ValueId| used.get(value.0 as usize).copied().unwrap_or(false);
    for node in graph.nodes.iter().rev() {
        if node.results.iter().any(|result| is_used(&used, result)) {
            node.operands.iter().for_each(|operand| mark(&mut used, *operand));
        }
    }
    let mut result = Graph {
        name: graph.name.clone(),
        inputs: graph.inputs.clone(),
        requires: graph.requires.clone(),
        ..Graph::default()
    };
    // Values are renumbered in order, so an operand's new number is known when its user comes.
    let mut renumbered = vec![ValueId(0); graph.values.len()];
    let renumber = |renumbered: &[ValueId], value: &ValueId| {
        renumbered.get(value.0 as usize).copied().unwrap_or_default()
    };
    for node in &graph.nodes {
        if !node.results.iter().any(|result| is_used(&used, result)) {
            continue;
        }
        let here = NodeId(u32::try_from(result.nodes.len()).unwrap_or(u32::MAX));
        let mut results = Vec::with_capacity(node.results.len());
        for value in &node.results {
            let number = ValueId(u32::try_from(result.values.len()).unwrap_or(u32::MAX));
            if let (Some(old), Some(new)) =
                (graph.values.get(value.0 as usize), renumbered.get_mut(value.0 as usize))
            {
                *new = number;
                result.values.push(Value { node: here, index: old.index, ty: old.ty.clone() });
            }
            results.push(number);
        }
        let mut op = node.op.clone();
        if let Some(body) = op.body_mut() {
            *body = pruned(body);
        }
        let operands = node.operands.iter().map(|operand| renumber(&renumbered, operand)).collect();
        result.nodes.push(Node { op, operands, results, origin: node.origin });
    }
    let outputs = graph.outputs.iter().map(|(name, value)| (name.clone(), renumber(&renumbered, value)));
    result.outputs = outputs.collect();
    result
}
