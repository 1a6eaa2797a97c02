//! What a value depends on: nothing, weights alone, run-time sizes too, or the sequence.
//!
//! `r @ w_out` of two parameters is [`Dependence::Weights`]: prepare computes it once. `iota(T)` is [`Dependence::Sizes`]: the same for every
//! sequence of a batch, but not known before a call.

use crate::graph::{Graph, Role};
use crate::op::Op;

/// What a value depends on; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Dependence {
    /// Constants alone.
    #[default]
    Constant,
    /// Parameters and buffers.
    Weights,
    /// Run-time sizes and the step of a recurrence; equal for all sequences of a batch.
    Sizes,
    /// Arguments and states; varies from sequence to sequence. Masks of `dropout` too.
    Varying,
}

/// The dependence of each value of an outermost graph, by value number.
#[must_use]
pub fn dependence(graph: &Graph) -> Vec<Dependence> {
    let inputs: Vec<Dependence> = graph.inputs.iter().map(|input| of_role(&input.role)).collect();
    dependence_with(graph, &inputs)
}

fn of_role(role: &Role) -> Dependence {
    match role {
        Role::Param { .. } | Role::Buffer { .. } => Dependence::Weights,
        Role::Argument | Role::State | Role::Local => Dependence::Varying,
    }
}

/// The dependence of each value of a body whose inputs depend on what is given.
#[must_use]
pub fn dependence_with(graph: &Graph, inputs: &[Dependence]) -> Vec<Dependence> {
    let mut facts = vec![Dependence::Constant; graph.values.len()];
    for node in &graph.nodes {
        let operands: Vec<Dependence> =
            node.operands.iter().map(|v| facts.get(v.0 as usize).copied().unwrap_or_default()).collect();
        let results = match &node.op {
            Op::Input(number) => vec![inputs.get(*number as usize).copied().unwrap_or_default()],
            Op::Keep { .. } => vec![Dependence::Varying],
            op if op.body().is_some() => results(op, &operands),
            op => {
                let own = op.dims().iter().any(|dim| dim.as_fraction().is_none());
                let own = if own { Dependence::Sizes } else { Dependence::Constant };
                vec![operands.iter().copied().fold(own, Dependence::max)]
            }
        };
        for (value, fact) in node.results.iter().zip(results) {
            if let Some(slot) = facts.get_mut(value.0 as usize) {
                *slot = fact;
            }
        }
    }
    facts
}

/// What the inputs of the body of a `rec` or a repeat depend on, given its operands; empty for other ops.
#[must_use]
pub fn body_inputs(op: &Op, operands: &[Dependence]) -> Vec<Dependence> {
    settled(op, operands).0
}

/// What the results of a `rec` or a repeat depend on.
fn results(op: &Op, operands: &[Dependence]) -> Vec<Dependence> {
    let (_, outputs) = settled(op, operands);
    if let Op::Rec(rec) = op {
        let length =
            if rec.length.as_fraction().is_none() { Dependence::Sizes } else { Dependence::Constant };
        let state = |line: usize| outputs.get(line).copied().unwrap_or_default();
        let finals = rec.states.iter().flat_map(|s| std::iter::repeat_n(state(s.line), s.depth));
        outputs.iter().copied().chain(finals).map(|fact| fact.max(length)).collect()
    } else {
        outputs
    }
}

/// Body inputs and outputs when what flows back from an output to an input has settled.
fn settled(op: &Op, operands: &[Dependence]) -> (Vec<Dependence>, Vec<Dependence>) {
    let Some(body) = op.body() else { return (Vec::new(), Vec::new()) };
    // Which output flows back to which input.
    let mut back = Vec::new();
    let mut inputs = if let Op::Rec(rec) = op {
        let (sequences, others) = operands.split_at(rec.sequences.min(operands.len()));
        let (constants, start) = others.split_at(rec.constants.min(others.len()));
        for state in &rec.states {
            let first = back.len() + 1;
            back.extend((first..first + state.depth).map(|input| (input, state.line)));
        }
        [&[Dependence::Sizes], start, sequences, constants].concat()
    } else {
        operands.to_vec()
    };
    if let Op::Repeat(repeat) = op {
        back.extend((0..repeat.carried).map(|n| (n, n)));
    }
    loop {
        let facts = dependence_with(body, &inputs);
        let of = |n: &crate::ValueId| facts.get(n.0 as usize).copied().unwrap_or_default();
        let outputs: Vec<Dependence> = body.outputs.iter().map(|(_, value)| of(value)).collect();
        let mut changed = false;
        for (input, output) in &back {
            if let (Some(input), Some(output)) = (inputs.get_mut(*input), outputs.get(*output))
                && *output > *input
            {
                *input = *output;
                changed = true;
            }
        }
        if !changed {
            return (inputs, outputs);
        }
    }
}
