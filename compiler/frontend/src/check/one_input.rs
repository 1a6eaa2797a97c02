//! One input per weight: what a repeat reads of all layers, and the rest of the graph of one, is one array.
//!
//! ```text
//! v0 = input blocks.{}.w : f32[4, D]     v1 = input blocks.0.w : f32[D]
//! ->  v1 = reshape (slice v0, 0, 0..1)
//! ```

use tensc_ir::builder::Builder;
use tensc_ir::{Dim, Graph, Input, Op, Role, TypeError, ValueId};

/// The graph with every weight read from one input; the graph itself where that is so.
pub(crate) fn one_input(graph: Graph) -> Graph {
    let parts: Vec<Option<Part>> = graph.inputs.iter().map(|input| part(input, &graph.inputs)).collect();
    if parts.iter().all(Option::is_none) {
        return graph;
    }
    // What the graph is made of has been typed before.
    rebuilt(&graph, &parts).unwrap_or(graph)
}

/// An input that is one layer of another.
struct Part {
    /// Number of the other.
    of: usize,
    axis: usize,
    layer: i64,
}

fn path(input: &Input) -> Option<&str> {
    match &input.role {
        Role::Param { path } | Role::Buffer { path } => Some(path),
        Role::Argument | Role::State | Role::Local => None,
    }
}

fn part(input: &Input, inputs: &[Input]) -> Option<Part> {
    let own: Vec<&str> = path(input)?.split('.').collect();
    inputs.iter().enumerate().find_map(|(of, other)| {
        let other: Vec<&str> = path(other)?.split('.').collect();
        let mut differ = own.iter().zip(&other).enumerate().filter(|(_, (a, b))| a != b);
        let (place, (layer, pattern)) = differ.next()?;
        if own.len() != other.len() || *pattern != "{}" || differ.next().is_some() {
            return None;
        }
        let axis = other.iter().take(place).filter(|segment| **segment == "{}").count();
        Some(Part { of, axis, layer: layer.parse().ok()? })
    })
}

fn rebuilt(graph: &Graph, parts: &[Option<Part>]) -> Result<Graph, TypeError> {
    let mut builder = Builder::new(graph.name.clone());
    let mut inputs: Vec<ValueId> = Vec::with_capacity(parts.len());
    for (input, part) in graph.inputs.iter().zip(parts) {
        inputs.push(if part.is_none() { builder.input(input.clone()) } else { ValueId(0) });
    }
    for (n, part) in parts.iter().enumerate() {
        let Some(Part { of, axis, layer }) = part else { continue };
        let (Some(whole), Some(input)) = (inputs.get(*of).copied(), graph.inputs.get(n)) else { continue };
        let op = Op::Slice { axis: *axis, start: Dim::constant(*layer), len: Dim::constant(1) };
        let slice = builder.push(op, &[whole], None)?;
        let value = builder.push(Op::Reshape { shape: input.ty.shape.clone() }, &[slice], None)?;
        if let Some(slot) = inputs.get_mut(n) {
            *slot = value;
        }
    }
    let mut values = vec![ValueId(0); graph.values.len()];
    for node in &graph.nodes {
        let results = if let Op::Input(n) = node.op {
            inputs.get(n as usize).map(|input| vec![*input]).unwrap_or_default()
        } else {
            let operands: Vec<ValueId> =
                node.operands.iter().filter_map(|value| values.get(value.0 as usize).copied()).collect();
            builder.push_many(node.op.clone(), &operands, node.origin)?
        };
        for (old, new) in node.results.iter().zip(results) {
            if let Some(slot) = values.get_mut(old.0 as usize) {
                *slot = new;
            }
        }
    }
    for (require, message) in &graph.requires {
        builder.require(require.clone(), message.clone());
    }
    let outputs = graph.outputs.iter();
    let outputs =
        outputs.map(|(name, v)| (name.clone(), values.get(v.0 as usize).copied().unwrap_or_default()));
    Ok(builder.finish(outputs.collect()))
}
