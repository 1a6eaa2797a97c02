//! Sums over time as the last of running sums, which can be carried from piece to piece.
//!
//! ```text
//! v1 = reduce sum axes [0] v0 : f32        v1 = cumsum axis 0 v0 : f32[T]
//!                                          v2 = last axis 0 v1 : f32
//! ```
//!
//! A loss is such a sum. Run in pieces, its activations, the logits above all, need memory for a piece and not for the whole sequence. Only sums over time change; the order of summation is that
//! of the sequence, however it is cut.

use crate::builder::Builder;
use crate::graph::{Graph, ValueId};
use crate::op::{Op, ReduceKind};
use crate::{Dim, TypeError};

/// The graph with every sum over the axis of size `time` as the last of its running sums.
///
/// # Errors
/// None for a verified graph.
pub fn accumulate(graph: &Graph, time: &str) -> Result<Graph, TypeError> {
    let mut builder = Builder::new(graph.name.clone());
    let mut values: Vec<ValueId> = vec![ValueId::default(); graph.values.len()];
    let inputs: Vec<ValueId> = graph.inputs.iter().map(|input| builder.input(input.clone())).collect();
    for (require, message) in &graph.requires {
        builder.require(require.clone(), message.clone());
    }
    let new = |values: &[ValueId], old: &ValueId| values.get(old.0 as usize).copied().unwrap_or_default();
    for node in &graph.nodes {
        let operands: Vec<ValueId> = node.operands.iter().map(|value| new(&values, value)).collect();
        let results = match (&node.op, operands.as_slice()) {
            (Op::Input(number), _) => inputs.get(*number as usize).copied().into_iter().collect(),
            (Op::Reduce { kind: ReduceKind::Sum, axes }, [x]) => {
                vec![sum(&mut builder, axes, *x, time, node.origin)?]
            }
            (op, operands) => builder.push_many(op.clone(), operands, node.origin)?,
        };
        for (old, result) in node.results.iter().zip(results) {
            if let Some(slot) = values.get_mut(old.0 as usize) {
                *slot = result;
            }
        }
    }
    let outputs = graph.outputs.iter().map(|(name, value)| (name.clone(), new(&values, value)));
    Ok(builder.finish(outputs.collect()))
}

/// The other axes first, so that what is carried is small.
fn sum(
    builder: &mut Builder,
    axes: &[usize],
    x: ValueId,
    time: &str,
    origin: Option<crate::Origin>,
) -> Result<ValueId, TypeError> {
    let is_time = |axis: usize| builder.ty(x).shape.get(axis).and_then(Dim::as_var) == Some(time);
    let Some(axis) = axes.iter().copied().find(|axis| is_time(*axis)) else {
        return builder.push(Op::Reduce { kind: ReduceKind::Sum, axes: axes.to_vec() }, &[x], origin);
    };
    let others: Vec<usize> = axes.iter().copied().filter(|other| *other != axis).collect();
    let own = axis - others.iter().filter(|other| **other < axis).count();
    let rows = match others.is_empty() {
        true => x,
        false => builder.push(Op::Reduce { kind: ReduceKind::Sum, axes: others }, &[x], origin)?,
    };
    let sums = builder.push(Op::Cumsum { axis: own }, &[rows], origin)?;
    builder.push(Op::Last { axis: own }, &[sums], origin)
}
