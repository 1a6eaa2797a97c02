//! The rules of recurrences and repeats.

use super::rules::{Operand, Rule};
use super::{Fact, mentions, time_facts_with};
use crate::op::{Direction, Op, Rec, Repeat};

pub(super) fn rec(rule: &Rule<'_>, rec: &Rec) -> Vec<Fact> {
    let lags: usize = rec.states.iter().map(|state| state.depth).sum();
    let results = rec.body.outputs.len() + lags;
    if let Some(whole) = rule.whole_operand() {
        return vec![whole; results];
    }
    if rule.operands.iter().any(|operand| operand.fact.pairs().is_some()) {
        return vec![super::pairs::coupled(rule.op, rule.origin); results];
    }
    if rec.length.as_var() == Some(rule.time) {
        return match along_time(rule, rec) {
            Err(whole) => vec![whole; results],
            Ok(line) => {
                let mut facts = vec![line; rec.body.outputs.len()];
                facts.resize(results, Fact::End);
                facts
            }
        };
    }
    if rec.length.mentions(rule.time) {
        let whole = rule.whole(format!("a `rec` whose length depends on {}", rule.time));
        return vec![whole; results];
    }
    let facts: Vec<Fact> = rule.operands.iter().map(|operand| operand.fact.clone()).collect();
    let (_, outputs) = settled(rule.op, &facts, rule.time);
    let line = |fact: &Fact| match fact.axis() {
        Some(axis) => fact.at(axis + usize::from(axis >= rec.axis)),
        None => fact.clone(),
    };
    let state = |line: usize| outputs.get(line).cloned().unwrap_or(Fact::Constant);
    let finals = rec.states.iter().flat_map(|s| std::iter::repeat_n(state(s.line), s.depth));
    outputs.iter().map(line).chain(finals).collect()
}

/// A recurrence over time: the fact of its lines, or why it needs the whole sequence.
fn along_time(rule: &Rule<'_>, rec: &Rec) -> Result<Fact, Fact> {
    let time = rule.time;
    if rec.direction == Direction::Backward {
        return Err(rule.whole("this `rec` runs backwards, from the last entry"));
    }
    let sequences = rule.operands.iter().take(rec.sequences);
    let mut causal = !rec.states.is_empty();
    for Operand { fact, .. } in sequences {
        if fact.axis() != Some(rec.axis) {
            return Err(rule.whole("this `rec` runs along another axis than its sequence"));
        }
        causal |= matches!(fact, Fact::Causal { .. });
    }
    for Operand { fact, .. } in rule.operands.iter().skip(rec.sequences) {
        if *fact != Fact::Constant {
            return Err(rule.whole("each step of this `rec` uses a whole sequence or its end"));
        }
    }
    if rec.body.size_names().iter().any(|size| &**size == time) {
        return Err(rule.whole(format!("each step of this `rec` works along all of {time}")));
    }
    let axis = rec.axis;
    Ok(if causal { Fact::Causal { axis } } else { Fact::Pointwise { axis } })
}

pub(super) fn repeat(rule: &Rule<'_>, repeat: &Repeat) -> Vec<Fact> {
    if let Some(whole) = rule.whole_operand() {
        return vec![whole; repeat.body.outputs.len()];
    }
    let facts: Vec<Fact> = rule.operands.iter().map(|operand| operand.fact.clone()).collect();
    let (_, outputs) = settled(rule.op, &facts, rule.time);
    let shifted = |(n, fact): (usize, &Fact)| match fact.axis() {
        _ if fact.pairs().is_some() => super::pairs::coupled(rule.op, rule.origin),
        Some(axis) if n >= repeat.carried => fact.at(axis + 1),
        Some(_) | None => fact.clone(),
    };
    outputs.iter().enumerate().map(shifted).collect()
}

pub(super) fn body_inputs(op: &Op, operands: &[Fact], time: &str) -> Vec<Fact> {
    settled(op, operands, time).0
}

/// Facts of a body's inputs and outputs when what flows back has settled. A `rec` over time itself has constant inputs: time is its steps.
fn settled(op: &Op, operands: &[Fact], time: &str) -> (Vec<Fact>, Vec<Fact>) {
    let Some(body) = op.body() else { return (Vec::new(), Vec::new()) };
    let mut back = Vec::new();
    let without = |fact: &Fact, gone: usize| match fact.axis() {
        None if fact.pairs().is_some() => fact
            .pairs()
            .and_then(|pairs| pairs.moved(|axis| axis.checked_sub(usize::from(axis >= gone))))
            .map_or_else(|| super::pairs::coupled(op, None), |pairs| Fact::Pairs(pairs.into())),
        Some(axis) if axis == gone => Fact::Constant,
        Some(axis) => fact.at(axis - usize::from(axis > gone)),
        None => fact.clone(),
    };
    let mut inputs = if let Op::Rec(rec) = op {
        let (sequences, others) = operands.split_at(rec.sequences.min(operands.len()));
        let (constants, start) = others.split_at(rec.constants.min(others.len()));
        for state in &rec.states {
            let first = back.len() + 1;
            back.extend((first..first + state.depth).map(|input| (input, state.line)));
        }
        let sequences: Vec<Fact> = sequences.iter().map(|fact| without(fact, rec.axis)).collect();
        [&[Fact::Constant], start, &sequences, constants].concat()
    } else if let Op::Repeat(repeat) = op {
        back.extend((0..repeat.carried).map(|n| (n, n)));
        let (whole, stacked) = operands.split_at((repeat.carried + repeat.constants).min(operands.len()));
        let stacked: Vec<Fact> = stacked.iter().map(|fact| without(fact, 0)).collect();
        [whole, &stacked].concat()
    } else {
        return (Vec::new(), Vec::new());
    };
    // A start of constant type carries time as soon as its shape does.
    for (fact, input) in inputs.iter_mut().zip(&body.inputs) {
        if *fact == Fact::Constant && mentions(&input.ty, time) {
            *fact = super::along(&input.ty.shape, time).unwrap_or_else(|| {
                Fact::whole(format!("`{}` depends on {time} in its size", input.name), None)
            });
        }
    }
    loop {
        let facts = time_facts_with(body, &inputs, time).values;
        let of = |n: &crate::ValueId| facts.get(n.0 as usize).cloned().unwrap_or(Fact::Constant);
        let outputs: Vec<Fact> = body.outputs.iter().map(|(_, value)| of(value)).collect();
        let rule = Rule { op, operands: &[], time, origin: None };
        let mut changed = false;
        for (input, output) in &back {
            if let (Some(input), Some(output)) = (inputs.get_mut(*input), outputs.get(*output)) {
                let merged = rule.merge(input.clone(), output.clone());
                changed |= merged != *input && input.reason().is_none();
                *input = merged;
            }
        }
        if !changed {
            return (inputs, outputs);
        }
    }
}
