//! Recurrences and repeats: their bodies, run again and again.

use super::frame::{Context, Frame};
use super::{EvalError, EvalErrorKind, check_requires};
use crate::array::{Array, Data};
use crate::dim::POSITION;
use crate::op::{Direction, Rec, Repeat};
use crate::{DType, Type};
use std::collections::VecDeque;
use std::rc::Rc;

/// Runs a recurrence: each line's sequence, then what would precede a continuation.
pub(super) fn rec(
    context: &Context<'_>,
    rec: &Rec,
    operands: &[Rc<Array>],
    within: &[u64],
) -> Result<Vec<Rc<Array>>, EvalError> {
    let unverified = || EvalErrorKind::Unverified("rec").at(None);
    check_requires(&rec.body, context.sizes)?;
    let length = context.size(&rec.length).map_err(|kind| kind.at(None))?;
    let operands: Vec<Rc<Array>> = if context.options.round_recurrences {
        operands.iter().map(|operand| Rc::new(operand.rounded())).collect()
    } else {
        operands.to_vec()
    };
    let (sequences, others) = operands.split_at_checked(rec.sequences).ok_or_else(unverified)?;
    let (constants, start) = others.split_at_checked(rec.constants).ok_or_else(unverified)?;
    // The earlier entries of each state, the latest first.
    let mut earlier: Vec<VecDeque<Rc<Array>>> = Vec::with_capacity(rec.states.len());
    let mut start = start.iter().cloned();
    for state in &rec.states {
        earlier.push(start.by_ref().take(state.depth).collect());
    }
    let lags: usize = rec.states.iter().map(|state| state.depth).sum();
    let mut lines = Vec::with_capacity(rec.body.outputs.len());
    for (_, value) in &rec.body.outputs {
        let ty = &rec.body.values.get(value.0 as usize).ok_or_else(unverified)?.ty;
        lines.push(Line::new(context, ty, rec.axis, length).map_err(|kind| kind.at(None))?);
    }
    let varying = 1 + lags + rec.sequences;
    let mut frame = Frame::new(&rec.body, within, varying);
    if length > 0 {
        let nothing = std::iter::repeat_n(None, varying);
        let inputs: Vec<_> = nothing.chain(constants.iter().cloned().map(Some)).collect();
        frame.prepare(context, &inputs)?;
    }
    let first = first_step(context, rec);
    for step in 0..length {
        let at = match rec.direction {
            Direction::Forward => step,
            Direction::Backward => length - 1 - step,
        };
        let t = first.wrapping_add(i64::try_from(at).unwrap_or(i64::MAX));
        frame.within.truncate(within.len());
        frame.within.push(t.cast_unsigned());
        let t = crate::array::wrap_int(DType::I32, t);
        let mut inputs = Vec::with_capacity(varying + constants.len());
        inputs.push(Rc::new(Array::of(DType::I32, Vec::new(), Data::Int(vec![t]))));
        inputs.extend(earlier.iter().flatten().cloned());
        for sequence in sequences {
            inputs.push(Rc::new(sequence.entry(rec.axis, at).ok_or_else(unverified)?));
        }
        inputs.extend(constants.iter().cloned());
        let outputs = frame.run(context, inputs)?;
        for (state, earlier) in rec.states.iter().zip(&mut earlier) {
            earlier.push_front(outputs.get(state.line).cloned().ok_or_else(unverified)?);
            earlier.truncate(state.depth);
        }
        for (line, output) in lines.iter_mut().zip(&outputs) {
            line.put(at, output).ok_or_else(unverified)?;
        }
    }
    let mut results: Vec<Rc<Array>> = lines.into_iter().map(|line| Rc::new(line.array())).collect();
    results.extend(earlier.into_iter().flatten());
    Ok(results)
}

/// `t` of a sequence's first entry: the position in the stream where the length is a run-time size.
fn first_step(context: &Context<'_>, rec: &Rec) -> i64 {
    if rec.length.names().is_empty() { 0 } else { context.sizes.get(POSITION).copied().unwrap_or(0) }
}

/// The sequence of a line, filled entry by entry.
struct Line {
    dtype: DType,
    shape: Vec<usize>,
    data: Data,
    length: usize,
    inner: usize,
}

impl Line {
    fn new(context: &Context<'_>, ty: &Type, axis: usize, length: usize) -> Result<Self, EvalErrorKind> {
        let mut shape = context.shape(&ty.shape)?;
        let inner = shape.iter().skip(axis).product();
        let entries = shape.iter().product::<usize>().checked_mul(length);
        shape.insert(axis.min(shape.len()), length);
        let entries = entries.ok_or_else(|| EvalErrorKind::TooLarge(shape.clone()))?;
        Ok(Self { dtype: ty.dtype, data: Data::zeros(ty.dtype, entries), shape, length, inner })
    }

    fn put(&mut self, at: usize, entry: &Array) -> Option<()> {
        match (&mut self.data, entry.data()) {
            (Data::Real(to), Data::Real(from)) => put_blocks(to, from, at, self.length, self.inner),
            (Data::Complex(to), Data::Complex(from)) => put_blocks(to, from, at, self.length, self.inner),
            (Data::Int(to), Data::Int(from)) => put_blocks(to, from, at, self.length, self.inner),
            (Data::Bool(to), Data::Bool(from)) => put_blocks(to, from, at, self.length, self.inner),
            _ => None,
        }
    }

    fn array(self) -> Array {
        Array::of(self.dtype, self.shape, self.data)
    }
}

/// Writes each block of `from` at place `at` of a group of `length` blocks.
fn put_blocks<T: Copy>(to: &mut [T], from: &[T], at: usize, length: usize, inner: usize) -> Option<()> {
    if inner == 0 {
        return Some(());
    }
    let places = to.chunks_exact_mut(inner).skip(at).step_by(length.max(1));
    for (place, block) in places.zip(from.chunks_exact(inner)) {
        place.copy_from_slice(block);
    }
    Some(())
}

/// Runs a body `count` times: the carried values, then the collected ones stacked.
pub(super) fn repeat(
    context: &Context<'_>,
    repeat: &Repeat,
    operands: &[Rc<Array>],
    within: &[u64],
) -> Result<Vec<Rc<Array>>, EvalError> {
    let unverified = || EvalErrorKind::Unverified("repeat").at(None);
    check_requires(&repeat.body, context.sizes)?;
    let (carried, others) = operands.split_at_checked(repeat.carried).ok_or_else(unverified)?;
    let (constants, stacked) = others.split_at_checked(repeat.constants).ok_or_else(unverified)?;
    let mut carried = carried.to_vec();
    let mut collected = Vec::new();
    for (_, value) in repeat.body.outputs.iter().skip(repeat.carried) {
        let ty = &repeat.body.values.get(value.0 as usize).ok_or_else(unverified)?.ty;
        collected.push(Line::new(context, ty, 0, repeat.count).map_err(|kind| kind.at(None))?);
    }
    for n in 0..repeat.count {
        let mut within = within.to_vec();
        within.push(n as u64);
        let mut inputs = std::mem::take(&mut carried);
        inputs.extend(constants.iter().cloned());
        for operand in stacked {
            inputs.push(Rc::new(operand.entry(0, n).ok_or_else(unverified)?));
        }
        let mut outputs = Frame::new(&repeat.body, &within, 0).run(context, inputs)?;
        let rest = outputs.split_off(repeat.carried.min(outputs.len()));
        for (line, output) in collected.iter_mut().zip(&rest) {
            line.put(n, output).ok_or_else(unverified)?;
        }
        carried = outputs;
    }
    carried.extend(collected.into_iter().map(|line| Rc::new(line.array())));
    Ok(carried)
}
