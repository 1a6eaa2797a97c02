//! A matrix state taken apart for the forms that work on chunks: decays, outer products, the delta rule's content, and the places where lines read the state.
//!
//! ```text
//! s[t] = g[t] s[t-1] + outer(k[t], b[t] v[t])         decay g, one outer product of k and b v
//! o[t] = q[t] @ s[t]                                  a read with q, along the axis of k
//! ```
//! The axis along which lines read is the key axis; the other one of the outer products is the value axis; all others are alike for every vector.

use super::forms::only_group;
use super::recurrence::{Class, Factor, Product, elementwise_decay};
use crate::graph::{Graph, Node, ValueId};
use crate::op::{BinaryOp, Contraction, Op, Rec, UnaryOp};
use crate::{DType, Dim, Type};
use std::collections::BTreeMap;

/// A factor that is free of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The value.
    pub value: ValueId,
    /// For each of its axes the axis of the state along which it runs; none for an axis of size 1.
    pub axes: Vec<Option<usize>>,
    /// Whether it divides.
    pub inverse: bool,
}

/// An outer product that is added in each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outer {
    /// Whether it is subtracted.
    pub negative: bool,
    /// Factors along the key axis.
    pub key: Vec<Part>,
    /// Factors along the value axis, and those along neither.
    pub value: Vec<Part>,
}

/// A line that reads the state: a product with a vector along the key axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The product.
    pub value: ValueId,
    /// The state's axis of each of its axes.
    pub axes: Vec<Option<usize>>,
    /// The vector.
    pub vector: Part,
    /// Whether it reads the state of the step before.
    pub earlier: bool,
}

/// `outer(w, y)`, y being an affine function of what a vector reads: the delta rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Whether it is subtracted.
    pub negative: bool,
    /// The vector that writes, w.
    pub write: Vec<Part>,
    /// What is written, y, with the state's axis of each of its axes.
    pub content: Part,
    /// What was read, with the state's axis of each of its axes.
    pub recalled: Part,
    /// The vector that reads, with the decay of what it reads along the key axis.
    pub read: Vec<Part>,
    /// Factors of what was read, in y.
    pub rate: Vec<Part>,
    /// The sign of what was read, in y.
    pub rate_negative: bool,
}

/// The parts of a recurrence with a matrix state.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The state's axis along which lines read.
    pub key: usize,
    /// The other axis of its outer products.
    pub value: usize,
    /// What the earlier state is multiplied with: a sum of products, aligned with the state's axes from the right.
    pub decay: Vec<Product>,
    /// Whether it differs along the key axis.
    pub decay_along_key: bool,
    /// Outer products.
    pub outer: Vec<Outer>,
    /// The delta rule's.
    pub delta: Option<Delta>,
    /// Where lines read the state.
    pub reads: Vec<Read>,
    /// Lines that are computed from such reads, each with the state's axis of each of its axes.
    pub lines: BTreeMap<usize, Vec<Option<usize>>>,
    /// The number of the state's own line.
    pub state_line: usize,
}

type Found<T> = Result<T, &'static str>;

const LINE: &str = "a line uses the state otherwise than by a product with a vector";
const SHAPE: &str = "what is added in a step is no outer product of two vectors";

/// Takes a recurrence apart.
///
/// # Errors
/// Why it has another structure.
pub fn matrix(rec: &Rec) -> Found<Matrix> {
    let group = only_group(rec).ok_or("its class has no matrix state")?;
    let (decay, is_delta) = match group.class {
        Class::DecayedOuter { decay, .. } => (decay, false),
        Class::RankOne { decay, .. } => (decay, true),
        Class::Periodic { .. } => (elementwise_decay(rec).ok_or("its class has no matrix state")?.0, false),
        Class::DiagonalConstant { .. }
        | Class::DiagonalVarying { .. }
        | Class::DenseConstant { .. }
        | Class::Affine
        | Class::Nonlinear => return Err("its class has no matrix state"),
    };
    let body = &rec.body;
    let line = group.lines.first().copied().unwrap_or(0);
    let (Some((_, state)), Some(before)) = (body.outputs.get(line), state_input(body)) else {
        return Err("its class has no matrix state");
    };
    let walk = Walk { body, state: *state, before, depends: depends(body, before) };
    let ty = walk.ty(*state)?;
    if ty.dtype != DType::F32 || ty.rank() < 2 {
        return Err("only a state of f32 with two axes or more runs in chunks");
    }
    let mut reads = Vec::new();
    let mut lines = BTreeMap::new();
    for (number, (_, value)) in body.outputs.iter().enumerate() {
        if number != line && walk.depends(*value) {
            lines.insert(number, walk.reads(*value, &mut reads)?);
        }
    }
    let mut addends = Vec::new();
    walk.addends(*state, false, &mut addends);
    let written: Vec<&(bool, ValueId)> = addends
        .iter()
        .filter(|(_, value)| walk.depends(*value) && walk.outer_operands(*value).is_some())
        .collect();
    let mut keys = reads.iter().filter_map(|(read, key)| (!read.axes.is_empty()).then_some(*key));
    let recalled = match written.as_slice() {
        [(_, value)] if is_delta => Some(walk.recalled(*value)?),
        _ if is_delta => {
            return Err("its rank-one update is not an outer product of a vector and what was read");
        }
        _ => None,
    };
    let large =
        |axis: usize| ty.shape.get(axis).and_then(Dim::as_constant).is_some_and(|n| (2..=4096).contains(&n));
    let key = keys.next().or(recalled.as_ref().map(|(_, key)| *key)).unwrap_or(ty.rank() - 2);
    if keys.any(|other| other != key) || recalled.as_ref().is_some_and(|(_, other)| *other != key) {
        return Err("its lines read along different axes");
    }
    let free: Vec<&(bool, ValueId)> = addends.iter().filter(|(_, value)| !walk.depends(*value)).collect();
    let value_axes = (0..ty.rank()).rev().filter(|axis| *axis != key && large(*axis) && large(key));
    let mut why = "its axes have sizes that are not known, or 1";
    for value in value_axes {
        let apart = (|| {
            let outer = free.iter().map(|(negative, of)| walk.outer(*negative, *of, key, value));
            let outer = outer.collect::<Found<Vec<Outer>>>()?;
            let delta = match written.as_slice() {
                [(negative, of)] if is_delta => Some(walk.delta(*negative, *of, key, value)?),
                _ => None,
            };
            Ok((outer, delta))
        })();
        match apart {
            Ok((outer, delta)) => {
                let along = walk.decay_axes(&decay)?;
                if along.get(value) == Some(&true) || (is_delta && along.get(key) == Some(&true)) {
                    return Err("its decay differs along an axis for which there is no chunk form");
                }
                let decay_along_key = along.get(key) == Some(&true);
                let reads: Vec<Read> = reads.into_iter().map(|(read, _)| read).collect();
                if decay_along_key && reads.iter().any(|read| read.earlier) {
                    return Err("a line reads the state before a decay that differs along its axis");
                }
                return Ok(Matrix {
                    key,
                    value,
                    decay,
                    decay_along_key,
                    outer,
                    delta,
                    reads,
                    lines,
                    state_line: line,
                });
            }
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

/// The value that stands for the earlier state.
fn state_input(body: &Graph) -> Option<ValueId> {
    let node = body.nodes.iter().find(|node| matches!(node.op, Op::Input(1)))?;
    node.results.first().copied()
}

/// For each value of a body, whether it depends on this one.
fn depends(body: &Graph, on: ValueId) -> Vec<bool> {
    let mut depends = vec![false; body.values.len()];
    for node in &body.nodes {
        let of = |v: &ValueId| *v == on || depends.get(v.0 as usize) == Some(&true);
        let found = node.operands.iter().any(of) || node.results.contains(&on);
        for result in &node.results {
            if let Some(slot) = depends.get_mut(result.0 as usize) {
                *slot = found;
            }
        }
    }
    depends
}

struct Walk<'a> {
    body: &'a Graph,
    state: ValueId,
    before: ValueId,
    depends: Vec<bool>,
}

impl Walk<'_> {
    fn depends(&self, value: ValueId) -> bool {
        self.depends.get(value.0 as usize) == Some(&true)
    }

    fn ty(&self, value: ValueId) -> Found<&Type> {
        self.body.values.get(value.0 as usize).map(|value| &value.ty).ok_or(SHAPE)
    }

    fn node(&self, value: ValueId) -> Found<&Node> {
        let node = self.body.values.get(value.0 as usize).map(|value| value.node).ok_or(SHAPE)?;
        self.body.nodes.get(node.0 as usize).ok_or(SHAPE)
    }

    /// What a value is the sum of.
    fn addends(&self, value: ValueId, negative: bool, into: &mut Vec<(bool, ValueId)>) {
        let same = |operand: ValueId| matches!((self.ty(operand), self.ty(self.state)), (Ok(a), Ok(b)) if a.shape == b.shape);
        match self.node(value).map(|node| (&node.op, node.operands.as_slice())) {
            Ok((Op::Binary(op @ (BinaryOp::Add | BinaryOp::Sub)), [a, b])) if same(*a) && same(*b) => {
                self.addends(*a, negative, into);
                self.addends(*b, negative ^ (*op == BinaryOp::Sub), into);
            }
            Ok((Op::Unary(UnaryOp::Neg), [x])) => self.addends(*x, !negative, into),
            Ok((Op::Unary(UnaryOp::Detach), [x])) => self.addends(*x, negative, into),
            _ => into.push((negative, value)),
        }
    }

    /// Finds the reads of the state in a line, each with the state's axis along which it goes; gives the state's axis of each of the line's.
    fn reads(&self, value: ValueId, into: &mut Vec<(Read, usize)>) -> Found<Vec<Option<usize>>> {
        if value == self.state || value == self.before {
            return Err(LINE);
        }
        if let Some((read, _)) = into.iter().find(|(read, _)| read.value == value) {
            return Ok(read.axes.clone());
        }
        if let Some((of, key, vector, axes)) = self.product_with_state(value)
            && (of == self.state || of == self.before)
        {
            into.push((Read { value, axes: axes.clone(), vector, earlier: of == self.before }, key));
            return Ok(axes);
        }
        let (node, result) = (self.node(value)?, self.ty(value)?);
        if !matches!(node.op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_)) {
            return Err(LINE);
        }
        let mut axes = vec![None; result.rank()];
        for operand in node.operands.iter().filter(|operand| self.depends(**operand)) {
            let of = self.reads(*operand, into)?;
            let skipped = result.rank().checked_sub(of.len()).ok_or(LINE)?;
            for (to, from) in axes.iter_mut().skip(skipped).zip(of) {
                *to = to.or(from);
            }
        }
        let known =
            axes.iter().zip(&result.shape).all(|(axis, size)| axis.is_some() || *size == Dim::constant(1));
        if known { Ok(axes) } else { Err(LINE) }
    }

    /// A product of something that depends on the state and has all its axes with a free vector along one of them: that something, the axis, the vector, and
    /// the state's axes of the result.
    fn product_with_state(&self, value: ValueId) -> Option<(ValueId, usize, Part, Vec<Option<usize>>)> {
        let node = self.node(value).ok()?;
        let (Op::Contract(labels), [a, b]) = (&node.op, node.operands.as_slice()) else { return None };
        let (of, with, of_labels, with_labels) = match (self.depends(*a), self.depends(*b)) {
            (true, false) => (*a, *b, &labels.left, &labels.right),
            (false, true) => (*b, *a, &labels.right, &labels.left),
            _ => return None,
        };
        let same = self.ty(of).ok()?.shape == self.ty(self.state).ok()?.shape;
        let axis_of = |label: &u8| of_labels.iter().position(|l| l == label);
        let mut summed = of_labels.iter().enumerate().filter(|(_, label)| !labels.result.contains(label));
        let (key, label) = summed.next()?;
        let known = with_labels.iter().all(|l| axis_of(l).is_some()) && with_labels.contains(label);
        if !same || summed.next().is_some() || !known {
            return None;
        }
        let vector = Part { value: with, axes: with_labels.iter().map(axis_of).collect(), inverse: false };
        Some((of, key, vector, labels.result.iter().map(axis_of).collect()))
    }

    /// The operands of an outer product, each with the result's axes of its own: one of them is free.
    fn outer_operands(&self, value: ValueId) -> Option<[(ValueId, Vec<Option<usize>>); 2]> {
        let node = self.node(value).ok()?;
        let (operands, result) = (node.operands.as_slice(), self.ty(value).ok()?);
        let pair = match (&node.op, operands) {
            (Op::Contract(labels), [a, b]) => {
                let all = |l: &[u8]| {
                    l.iter().map(|l| labels.result.iter().position(|r| r == l)).collect::<Vec<_>>()
                };
                if !labels.left.iter().chain(&labels.right).all(|l| labels.result.contains(l)) {
                    return None;
                }
                [(*a, all(&labels.left)), (*b, all(&labels.right))]
            }
            (Op::Binary(BinaryOp::Mul), [a, b]) => {
                let axes: Vec<Option<usize>> = (0..result.rank()).map(Some).collect();
                [(*a, self.aligned(*a, result, &axes).ok()?), (*b, self.aligned(*b, result, &axes).ok()?)]
            }
            _ => return None,
        };
        let whole = |axes: &[Option<usize>]| axes.iter().flatten().count() >= result.rank();
        let (Some((_, a)), Some((_, b))) = (pair.first(), pair.get(1)) else { return None };
        (!whole(a) && !whole(b)).then_some(pair)
    }

    /// The state's axes of an operand of an elementwise op, from those of its result.
    fn aligned(&self, operand: ValueId, result: &Type, axes: &[Option<usize>]) -> Found<Vec<Option<usize>>> {
        let own = &self.ty(operand)?.shape;
        let skipped = result.rank().checked_sub(own.len()).ok_or(SHAPE)?;
        let one = Dim::constant(1);
        let pairs = own.iter().zip(axes.iter().skip(skipped));
        Ok(pairs.map(|(size, axis)| if *size == one { None } else { *axis }).collect())
    }

    /// The axes of the operand of a reshape or broadcast that only adds or removes axes of size 1.
    fn without_ones(
        &self,
        operand: ValueId,
        result: ValueId,
        axes: &[Option<usize>],
    ) -> Found<Vec<Option<usize>>> {
        let one = Dim::constant(1);
        let (from, to) = (&self.ty(operand)?.shape, &self.ty(result)?.shape);
        let mut large = to.iter().zip(axes).filter(|(size, _)| **size != one);
        let mut found = Vec::new();
        for size in from {
            if *size == one {
                found.push(None);
                continue;
            }
            let (other, axis) = large.next().ok_or(SHAPE)?;
            if other != size {
                return Err(SHAPE);
            }
            found.push(*axis);
        }
        if large.next().is_some() { Err(SHAPE) } else { Ok(found) }
    }

    /// A free outer product as factors.
    fn outer(&self, negative: bool, value: ValueId, key: usize, value_axis: usize) -> Found<Outer> {
        let axes: Vec<Option<usize>> = (0..self.ty(value)?.rank()).map(Some).collect();
        let mut outer = Outer { negative, key: Vec::new(), value: Vec::new() };
        self.factors(Part { value, axes, inverse: false }, (key, value_axis), &mut outer)?;
        if outer.key.is_empty() || outer.value.is_empty() { Err(SHAPE) } else { Ok(outer) }
    }

    /// Takes a product apart until no factor runs along both axes.
    fn factors(&self, part: Part, (key, value): (usize, usize), outer: &mut Outer) -> Found<()> {
        let has = |axis: usize| part.axes.contains(&Some(axis));
        if !has(key) || !has(value) {
            if has(key) {
                outer.key.push(part)
            } else {
                outer.value.push(part)
            }
            return Ok(());
        }
        if part.inverse {
            return Err(SHAPE);
        }
        let node = self.node(part.value)?;
        let result = self.ty(part.value)?;
        match (&node.op, node.operands.as_slice()) {
            (Op::Binary(op @ (BinaryOp::Mul | BinaryOp::Div)), [a, b]) => {
                for (operand, inverse) in [(*a, false), (*b, *op == BinaryOp::Div)] {
                    let axes = self.aligned(operand, result, &part.axes)?;
                    self.factors(Part { value: operand, axes, inverse }, (key, value), outer)?;
                }
                Ok(())
            }
            (Op::Contract(Contraction { left, right, result }), [a, b]) => {
                for (operand, labels) in [(*a, left), (*b, right)] {
                    let axes = labels
                        .iter()
                        .map(|label| {
                            result.iter().position(|l| l == label).and_then(|n| part.axes.get(n).copied())
                        })
                        .collect::<Option<Vec<_>>>()
                        .ok_or(SHAPE)?;
                    self.factors(Part { value: operand, axes, inverse: false }, (key, value), outer)?;
                }
                Ok(())
            }
            (Op::Unary(UnaryOp::Neg), [x]) => {
                outer.negative ^= true;
                self.factors(Part { value: *x, ..part }, (key, value), outer)
            }
            (Op::Unary(UnaryOp::Detach), [x]) => {
                self.factors(Part { value: *x, ..part }, (key, value), outer)
            }
            (Op::Reshape { .. } | Op::Broadcast { .. }, [x]) => {
                let axes = self.without_ones(*x, part.value, &part.axes)?;
                self.factors(Part { value: *x, axes, inverse: false }, (key, value), outer)
            }
            _ => Err(SHAPE),
        }
    }

    /// The product by which an update reads the state, and along which of the state's axes.
    fn recalled(&self, update: ValueId) -> Found<(ValueId, usize)> {
        let mut at = update;
        loop {
            if let Some((_, key, _, _)) = self.product_with_state(at) {
                return Ok((at, key));
            }
            let mut dependent = self.node(at)?.operands.iter().copied().filter(|v| self.depends(*v));
            at = dependent.next().ok_or(SHAPE)?;
            if dependent.next().is_some() || at == self.before {
                return Err("what it writes depends on the state twice");
            }
        }
    }

    fn delta(&self, negative: bool, update: ValueId, key: usize, value: usize) -> Found<Delta> {
        let operands = self.outer_operands(update).ok_or(SHAPE)?;
        let [a, b] = operands;
        let ((write, write_axes), (content, content_axes)) = if self.depends(a.0) { (b, a) } else { (a, b) };
        let mut of_write = Outer { negative, key: Vec::new(), value: Vec::new() };
        self.factors(Part { value: write, axes: write_axes, inverse: false }, (key, value), &mut of_write)?;
        if !of_write.value.is_empty() || content_axes.contains(&Some(key)) {
            return Err(SHAPE);
        }
        let mut path = Path { rate: Vec::new(), negative: false };
        let (mut at, mut axes) = (content, content_axes.clone());
        let (of, vector) = loop {
            if let Some((of, _, vector, _)) = self.product_with_state(at) {
                break (of, vector);
            }
            (at, axes) = self.inwards(at, &axes, &mut path)?;
        };
        let recalled = Part { value: at, axes, inverse: false };
        // What is read may be the decayed state.
        let mut read = vec![vector];
        let (mut at, mut axes) = (of, (0..self.ty(of)?.rank()).map(Some).collect::<Vec<_>>());
        while at != self.before {
            if self.ty(at)?.shape != self.ty(self.state)?.shape {
                return Err(SHAPE);
            }
            (at, axes) = self.inwards(at, &axes, &mut path)?;
        }
        let mut rate = Vec::new();
        for part in path.rate {
            match (part.axes.contains(&Some(key)), part.axes.contains(&Some(value))) {
                (false, false) => rate.push(part),
                (true, false) => read.push(part),
                (_, true) => return Err("the rate of its update differs along the values"),
            }
        }
        let content = Part { value: content, axes: content_axes, inverse: false };
        let negative = of_write.negative;
        Ok(Delta {
            negative,
            write: of_write.key,
            content,
            recalled,
            read,
            rate,
            rate_negative: path.negative,
        })
    }

    /// One step from a value towards the state, along operands that depend on it.
    fn inwards(
        &self,
        value: ValueId,
        axes: &[Option<usize>],
        path: &mut Path,
    ) -> Found<(ValueId, Vec<Option<usize>>)> {
        let (node, result) = (self.node(value)?, self.ty(value)?);
        match (&node.op, node.operands.as_slice()) {
            (Op::Binary(op), [a, b]) => {
                let second = self.depends(*b);
                if second == self.depends(*a) {
                    return Err("what it writes depends on the state twice");
                }
                let (of, free) = if second { (*b, *a) } else { (*a, *b) };
                let scales = Part { value: free, axes: self.aligned(free, result, axes)?, inverse: false };
                match op {
                    BinaryOp::Add => {}
                    BinaryOp::Sub => path.negative ^= second,
                    BinaryOp::Mul => path.rate.push(scales),
                    BinaryOp::Div if !second => path.rate.push(Part { inverse: true, ..scales }),
                    _ => return Err(SHAPE),
                }
                Ok((of, self.aligned(of, result, axes)?))
            }
            (Op::Unary(UnaryOp::Neg), [x]) => {
                path.negative ^= true;
                Ok((*x, axes.to_vec()))
            }
            (Op::Unary(UnaryOp::Detach), [x]) => Ok((*x, axes.to_vec())),
            (Op::Reshape { .. } | Op::Broadcast { .. }, [x]) => Ok((*x, self.without_ones(*x, value, axes)?)),
            _ => Err("what it writes is no affine function of what it reads"),
        }
    }

    /// Along which of the state's axes a decay differs.
    fn decay_axes(&self, decay: &[Product]) -> Found<Vec<bool>> {
        let state = self.ty(self.state)?;
        let all: Vec<Option<usize>> = (0..state.rank()).map(Some).collect();
        let mut along = vec![false; state.rank()];
        for factor in decay.iter().flat_map(|product| &product.factors) {
            let (Factor::Times(value) | Factor::Over(value) | Factor::Where { condition: value, .. }) =
                *factor;
            for axis in self.aligned(value, state, &all)?.into_iter().flatten() {
                if let Some(slot) = along.get_mut(axis) {
                    *slot = true;
                }
            }
        }
        Ok(along)
    }
}

/// What happens to a value of the state on its way.
struct Path {
    rate: Vec<Part>,
    negative: bool,
}
