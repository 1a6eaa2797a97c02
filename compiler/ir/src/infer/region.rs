//! Rules of the ops with a body: what crosses the body's edge and with which type.

use super::{TypeError, size_at, without_axis};
use crate::graph::Graph;
use crate::op::{Rec, Repeat};
use crate::{DType, Dim, Type};

/// Checks operands and body of a recurrence and gives the lines' sequences, then the states' final entries.
pub(super) fn rec(rec: &Rec, operands: &[Type]) -> Result<Vec<Type>, TypeError> {
    let op = "rec";
    let lines = body_outputs(&rec.body, op)?;
    let mut starts = Vec::new();
    for state in &rec.states {
        let line = lines.get(state.line).ok_or_else(|| {
            TypeError::malformed(op, format!("a state of line {}, but {} lines", state.line, lines.len()))
        })?;
        if state.depth == 0 {
            return Err(TypeError::malformed(op, format!("line {} is read at lag 0", state.line)));
        }
        if rec.states.iter().filter(|other| other.line == state.line).count() != 1 {
            return Err(TypeError::malformed(op, format!("line {} is two states", state.line)));
        }
        starts.extend(std::iter::repeat_n(line.clone(), state.depth));
    }
    let given = rec.sequences + rec.constants;
    if operands.len() != given + starts.len() {
        return Err(TypeError::malformed(
            op,
            format!("{} operands, but {} are described", operands.len(), given + starts.len()),
        ));
    }
    let (sequences, others) = operands.split_at(rec.sequences);
    let (constants, start_operands) = others.split_at(rec.constants);
    for (n, (start, expected)) in start_operands.iter().zip(&starts).enumerate() {
        same(op, &format!("start operand {n}"), expected, start)?;
    }
    let mut inputs = vec![Type::scalar(DType::I32)];
    inputs.extend(starts.iter().cloned());
    for (n, sequence) in sequences.iter().enumerate() {
        let found = size_at(op, rec.axis, sequence)?;
        if *found != rec.length {
            let what = format!("the length of sequence {n}");
            return Err(TypeError::Size { op, what, expected: rec.length.clone(), found: found.clone() });
        }
        inputs.push(without_axis(sequence, rec.axis));
    }
    inputs.extend(constants.iter().cloned());
    body_inputs(&rec.body, op, &inputs)?;
    let mut results = Vec::with_capacity(lines.len() + starts.len());
    for line in &lines {
        if rec.axis > line.rank() {
            return Err(TypeError::Axis { op, axis: rec.axis, found: line.clone() });
        }
        results.push(with_axis(line, rec.axis, &rec.length));
    }
    results.extend(starts);
    Ok(results)
}

/// Checks operands and body of a repeat and gives the carried values, then the collected ones stacked.
pub(super) fn repeat(repeat: &Repeat, operands: &[Type]) -> Result<Vec<Type>, TypeError> {
    let op = "repeat";
    let count = i64::try_from(repeat.count).map_err(|_| TypeError::malformed(op, "too many applications"))?;
    let count = Dim::constant(count);
    let given = repeat.carried + repeat.constants;
    if operands.len() != given + repeat.stacked {
        return Err(TypeError::malformed(
            op,
            format!("{} operands, but {} are described", operands.len(), given + repeat.stacked),
        ));
    }
    let (whole, stacked) = operands.split_at(given);
    let mut inputs = whole.to_vec();
    for (n, operand) in stacked.iter().enumerate() {
        let found = size_at(op, 0, operand)?;
        if *found != count {
            let what = format!("the leading size of stacked operand {n}");
            return Err(TypeError::Size { op, what, expected: count, found: found.clone() });
        }
        inputs.push(without_axis(operand, 0));
    }
    body_inputs(&repeat.body, op, &inputs)?;
    let outputs = body_outputs(&repeat.body, op)?;
    if outputs.len() < repeat.carried {
        return Err(TypeError::malformed(
            op,
            format!("{} carried values, but the body gives {}", repeat.carried, outputs.len()),
        ));
    }
    let (carried, collected) = outputs.split_at(repeat.carried);
    for (n, (before, after)) in whole.iter().zip(carried).enumerate() {
        same(op, &format!("carried value {n}"), before, after)?;
    }
    let mut results = carried.to_vec();
    results.extend(collected.iter().map(|ty| with_axis(ty, 0, &count)));
    Ok(results)
}

/// The type with one more axis.
fn with_axis(ty: &Type, axis: usize, size: &Dim) -> Type {
    let mut shape = ty.shape.clone();
    shape.insert(axis, size.clone());
    Type::new(ty.dtype, shape)
}

fn body_outputs(body: &Graph, op: &'static str) -> Result<Vec<Type>, TypeError> {
    let types = body.outputs.iter().map(|(name, value)| {
        body.values.get(value.0 as usize).map(|value| value.ty.clone()).ok_or_else(|| {
            TypeError::malformed(op, format!("the body's output `{name}` is {value}, which does not exist"))
        })
    });
    types.collect()
}

fn body_inputs(body: &Graph, op: &'static str, expected: &[Type]) -> Result<(), TypeError> {
    if body.inputs.len() != expected.len() {
        return Err(TypeError::malformed(
            op,
            format!("the body has {} inputs, but {} are described", body.inputs.len(), expected.len()),
        ));
    }
    for (input, expected) in body.inputs.iter().zip(expected) {
        same(op, &format!("the body's input `{}`", input.name), expected, &input.ty)?;
    }
    Ok(())
}

fn same(op: &'static str, what: &str, expected: &Type, found: &Type) -> Result<(), TypeError> {
    if expected == found {
        return Ok(());
    }
    Err(TypeError::Region { op, what: what.to_owned(), expected: expected.clone(), found: found.clone() })
}
