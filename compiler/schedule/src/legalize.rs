//! The graph with ops split that have no kernel of their own, so that every later stage meets fewer kinds of things:
//!
//! - a contraction of complex operands becomes contractions of their parts: `re(a b) = re(a) re(b) - im(a) im(b)`;
//! - labels that one operand has alone are summed before; a contraction that sums nothing, or multiplies vectors row by row, is elementwise;
//! - a readout of a recurrence that sums over its state moves into the body;
//! - the final entry of a product is a product of the final entry;
//! - a running sum along a long axis is the recurrence `c[t] = c[t-1] + x[t]`.
//!
//! Slices at run-time positions say here that they must be inside.

mod absorb;
mod copy;

use crate::ScheduleError;
use crate::index::known;
use absorb::absorb;
use copy::Copier;
use tensc_ir::{
    BinaryOp, Builder, Constant, Contraction, DType, Dim, Direction, Form, Graph, Node, Op, Rec, RecState,
    ReduceKind, Repeat, Require, Type, TypeError, UnaryOp, ValueId, analyse,
};

/// A running sum over more entries is a recurrence.
const SHORT: usize = 16;

impl From<TypeError> for ScheduleError {
    fn from(error: TypeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// The graph in fewer kinds of ops.
pub(crate) fn legalize(graph: &Graph) -> Result<Graph, ScheduleError> {
    let graph = absorb(graph.clone())?;
    let mut cx = Legalizer { copier: Copier::new(&graph) };
    for node in &graph.nodes {
        if !matches!(node.op, Op::Input(_)) {
            let results = cx.node(node)?;
            cx.copier.replace(node, &results);
        }
    }
    Ok(cx.copier.finish())
}

struct Legalizer<'g> {
    copier: Copier<'g>,
}

impl Legalizer<'_> {
    fn node(&mut self, node: &Node) -> Result<Vec<ValueId>, ScheduleError> {
        let operands: Vec<ValueId> = self.copier.operands(node);
        let one = |value: ValueId| Ok(vec![value]);
        match (&node.op, operands.as_slice()) {
            (Op::Contract(contraction), [a, b]) => one(self.contract(contraction, *a, *b)?),
            (Op::Unary(UnaryOp::Re), [x]) => one(self.part(*x, false)?),
            (Op::Unary(UnaryOp::Im), [x]) => one(self.part(*x, true)?),
            (Op::Cumsum { axis }, [x]) => {
                let size = self.copier.builder.ty(*x).shape.get(*axis).and_then(known);
                if size.is_some_and(|n| n <= SHORT) {
                    return one(self.push(node.op.clone(), &operands)?);
                }
                one(self.running_sum(*x, *axis)?)
            }
            (Op::Last { axis }, [x]) => one(self.last(*x, *axis)?),
            (Op::Slice { axis, start, len }, [x]) => {
                let size = self.copier.builder.ty(*x).shape.get(*axis).cloned().unwrap_or_default();
                self.require_inside(start, len, &size);
                one(self.push(node.op.clone(), &operands)?)
            }
            (Op::Rec(rec), _) => {
                // A form is chosen by how the body is written.
                let as_written =
                    matches!(rec.form, Form::Chunk(_)) && analyse::why_not(rec, rec.form).is_none();
                let body = if as_written { rec.body.clone() } else { self.body(&rec.body)? };
                let op = Op::Rec(Box::new(Rec { body, ..(**rec).clone() }));
                Ok(self.copier.builder.push_many(op, &operands, node.origin)?)
            }
            (Op::Repeat(repeat), _) => {
                let body = self.body(&repeat.body)?;
                let op = Op::Repeat(Box::new(Repeat { body, ..(**repeat).clone() }));
                Ok(self.copier.builder.push_many(op, &operands, node.origin)?)
            }
            _ => Ok(self.copier.builder.push_many(node.op.clone(), &operands, node.origin)?),
        }
    }

    /// A nested body; what it requires is required of the whole.
    fn body(&mut self, body: &Graph) -> Result<Graph, ScheduleError> {
        let mut body = legalize(body)?;
        for (require, message) in std::mem::take(&mut body.requires) {
            self.copier.builder.require(require, message);
        }
        Ok(body)
    }

    fn push(&mut self, op: Op, operands: &[ValueId]) -> Result<ValueId, ScheduleError> {
        Ok(self.copier.builder.push(op, operands, None)?)
    }

    fn require_inside(&mut self, start: &Dim, len: &Dim, size: &Dim) {
        let end = start + len;
        if (size - &end).as_constant().is_some_and(|rest| rest >= 0) {
            return;
        }
        let known = self.copier.builder.graph().requires.iter().any(|(require, _)| match require {
            Require::AtMost(left, right) => *left == end && right == size,
            Require::Whole(_) | Require::Equal(..) => false,
        });
        if !known {
            let message = format!("entries up to `{end}` are read of an axis of size `{size}`");
            self.copier.builder.require(Require::AtMost(end, size.clone()), message);
        }
    }

    /// The final entry of a product is the product of the final entry; zeros stay zeros, so this holds of an empty axis too.
    fn last(&mut self, x: ValueId, axis: usize) -> Result<ValueId, ScheduleError> {
        if let Some((Op::Contract(contraction), operands)) = self.op(x)
            && let (Some(label), [a, b]) = (contraction.result.get(axis).copied(), operands.as_slice())
        {
            let place = |labels: &[u8]| labels.iter().position(|l| *l == label);
            let (a, b) = match (place(&contraction.left), place(&contraction.right)) {
                (Some(n), None) => (self.last(*a, n)?, *b),
                (None, Some(n)) => (*a, self.last(*b, n)?),
                _ => return self.push(Op::Last { axis }, &[x]),
            };
            let Contraction { mut left, mut right, mut result } = contraction;
            for labels in [&mut left, &mut right, &mut result] {
                labels.retain(|l| *l != label);
            }
            return self.real_contract(&Contraction { left, right, result }, a, b);
        }
        self.push(Op::Last { axis }, &[x])
    }

    /// `c[t] = c[t-1] + x[t]`.
    fn running_sum(&mut self, x: ValueId, axis: usize) -> Result<ValueId, ScheduleError> {
        let ty = self.copier.builder.ty(x).clone();
        let length = ty.shape.get(axis).cloned().unwrap_or_default();
        let mut entry = ty;
        entry.shape.remove(axis.min(entry.shape.len().saturating_sub(1)));
        let mut body = Builder::new("running sum");
        body.local("t", Type::scalar(DType::I32));
        let earlier = body.local("c", entry.clone());
        let here = body.local("x", entry.clone());
        let sum = body.push(Op::Binary(BinaryOp::Add), &[earlier, here], None)?;
        let rec = Rec {
            length,
            axis,
            direction: Direction::Forward,
            form: Form::Step,
            sequences: 1,
            constants: 0,
            states: vec![RecState { line: 0, depth: 1 }],
            body: body.finish(vec![("c".to_owned(), sum)]),
        };
        let zeros = self.copier.builder.zeros(&entry)?;
        let results = self.copier.builder.push_many(Op::Rec(Box::new(rec)), &[x, zeros], None)?;
        results.first().copied().ok_or_else(|| ScheduleError::Malformed("a `rec` without results".to_owned()))
    }

    // Complex numbers.

    fn op(&self, value: ValueId) -> Option<(Op, Vec<ValueId>)> {
        let graph = self.copier.builder.graph();
        let node = graph.values.get(value.0 as usize)?.node;
        let node = graph.nodes.get(node.0 as usize)?;
        match &node.op {
            // Only what `parts` asks for: bodies are not worth cloning.
            op @ (Op::Binary(_) | Op::Unary(_) | Op::Cast(_) | Op::Const(_) | Op::Contract(_)) => {
                Some((op.clone(), node.operands.clone()))
            }
            Op::Input(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Select
            | Op::Reduce { .. }
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
            | Op::Repeat(_) => None,
        }
    }

    /// One part of a complex value.
    fn part(&mut self, value: ValueId, imaginary: bool) -> Result<ValueId, ScheduleError> {
        match self.known_part(value, imaginary)? {
            Some(part) => Ok(part),
            None => {
                let ty = Type::new(DType::F32, self.copier.builder.ty(value).shape.clone());
                Ok(self.copier.builder.zeros(&ty)?)
            }
        }
    }

    /// One part of a complex value; nothing where it is zero.
    fn known_part(&mut self, value: ValueId, imaginary: bool) -> Result<Option<ValueId>, ScheduleError> {
        let shape = self.copier.builder.ty(value).shape.clone();
        match self.op(value) {
            Some((Op::Binary(BinaryOp::Complex), operands)) => {
                let part = operands.get(usize::from(imaginary)).copied();
                match part {
                    Some(part) => Ok(Some(self.copier.builder.broadcast_to(part, &shape)?)),
                    None => Ok(None),
                }
            }
            Some((Op::Cast(DType::C64), operands)) => match operands.first() {
                Some(x) if !self.copier.builder.ty(*x).dtype.is_complex() => {
                    if imaginary {
                        return Ok(None);
                    }
                    Ok(Some(self.push(Op::Cast(DType::F32), &[*x])?))
                }
                _ => self.plain_part(value, imaginary),
            },
            Some((Op::Const(Constant::Complex(re, im)), _)) => {
                let part = if imaginary { im } else { re };
                if part == 0.0 {
                    return Ok(None);
                }
                Ok(Some(self.copier.builder.constant(DType::F32, part)?))
            }
            _ => self.plain_part(value, imaginary),
        }
    }

    fn plain_part(&mut self, value: ValueId, imaginary: bool) -> Result<Option<ValueId>, ScheduleError> {
        let op = if imaginary { UnaryOp::Im } else { UnaryOp::Re };
        Ok(Some(self.push(Op::Unary(op), &[value])?))
    }

    // Contractions.

    fn contract(
        &mut self,
        contraction: &Contraction,
        a: ValueId,
        b: ValueId,
    ) -> Result<ValueId, ScheduleError> {
        if !self.copier.builder.ty(a).dtype.is_complex() {
            return self.real_contract(contraction, a, b);
        }
        let (a_re, a_im) = (self.known_part(a, false)?, self.known_part(a, true)?);
        let (b_re, b_im) = (self.known_part(b, false)?, self.known_part(b, true)?);
        let product = |this: &mut Self, a: Option<ValueId>, b: Option<ValueId>| match (a, b) {
            (Some(a), Some(b)) => this.real_contract(contraction, a, b).map(Some),
            _ => Ok(None),
        };
        let (rr, ii) = (product(self, a_re, b_re)?, product(self, a_im, b_im)?);
        let (ri, ir) = (product(self, a_re, b_im)?, product(self, a_im, b_re)?);
        let re = match (rr, ii) {
            (Some(rr), Some(ii)) => Some(self.push(Op::Binary(BinaryOp::Sub), &[rr, ii])?),
            (None, Some(ii)) => Some(self.push(Op::Unary(UnaryOp::Neg), &[ii])?),
            (rr, None) => rr,
        };
        let im = match (ri, ir) {
            (Some(ri), Some(ir)) => Some(self.push(Op::Binary(BinaryOp::Add), &[ri, ir])?),
            (ri, ir) => ri.or(ir),
        };
        let ty = |this: &Self| {
            let sizes = sizes_of(contraction, this.copier.builder.ty(a), this.copier.builder.ty(b));
            Type::new(DType::F32, sizes)
        };
        match (re, im) {
            (Some(re), None) => self.push(Op::Cast(DType::C64), &[re]),
            (re, im) => {
                let zeros = ty(self);
                let re = match re {
                    Some(re) => re,
                    None => self.copier.builder.zeros(&zeros)?,
                };
                let im = match im {
                    Some(im) => im,
                    None => self.copier.builder.zeros(&zeros)?,
                };
                self.push(Op::Binary(BinaryOp::Complex), &[re, im])
            }
        }
    }

    fn real_contract(
        &mut self,
        contraction: &Contraction,
        a: ValueId,
        b: ValueId,
    ) -> Result<ValueId, ScheduleError> {
        // f16 is no type of products.
        let (mut a, mut b) = (a, b);
        if self.copier.builder.ty(a).dtype == DType::F16 {
            a = self.push(Op::Cast(DType::F32), &[a])?;
            b = self.push(Op::Cast(DType::F32), &[b])?;
        }
        let (left, mut a) =
            self.without_lonely(&contraction.left, &contraction.right, &contraction.result, a)?;
        let (right, mut b) = self.without_lonely(&contraction.right, &left, &contraction.result, b)?;
        let result = contraction.result.clone();
        let summed: Vec<u8> = left.iter().copied().filter(|l| !result.contains(l)).collect();
        let rows = left.iter().any(|l| !right.contains(l));
        let columns = right.iter().any(|l| !left.contains(l));
        if !summed.is_empty() && (rows || columns) {
            return self.push(Op::Contract(Contraction { left, right, result }), &[a, b]);
        }
        // Elementwise, over the result's axes and then the summed ones.
        let dtype = self.copier.builder.ty(a).dtype;
        if matches!(dtype, DType::BF16) {
            a = self.push(Op::Cast(DType::F32), &[a])?;
            b = self.push(Op::Cast(DType::F32), &[b])?;
        }
        let all: Vec<u8> = result.iter().chain(&summed).copied().collect();
        let whole = Contraction { left: left.clone(), right: right.clone(), result: all.clone() };
        let shape = sizes_of(&whole, self.copier.builder.ty(a), self.copier.builder.ty(b));
        let (a, b) = (self.spread(a, &left, &all, &shape)?, self.spread(b, &right, &all, &shape)?);
        let product = self.push(Op::Binary(BinaryOp::Mul), &[a, b])?;
        if summed.is_empty() {
            return Ok(product);
        }
        let axes = (result.len()..all.len()).collect();
        self.push(Op::Reduce { kind: ReduceKind::Sum, axes }, &[product])
    }

    /// Sums an operand over the labels that only it has.
    fn without_lonely(
        &mut self,
        labels: &[u8],
        other: &[u8],
        result: &[u8],
        value: ValueId,
    ) -> Result<(Vec<u8>, ValueId), ScheduleError> {
        let lonely = |label: &u8| !other.contains(label) && !result.contains(label);
        let axes: Vec<usize> =
            labels.iter().enumerate().filter(|(_, label)| lonely(label)).map(|(axis, _)| axis).collect();
        if axes.is_empty() {
            return Ok((labels.to_vec(), value));
        }
        let rest = labels.iter().copied().filter(|label| !lonely(label)).collect();
        Ok((rest, self.push(Op::Reduce { kind: ReduceKind::Sum, axes }, &[value])?))
    }

    /// An operand with its axes where `all` has their labels.
    fn spread(
        &mut self,
        value: ValueId,
        labels: &[u8],
        all: &[u8],
        shape: &[Dim],
    ) -> Result<ValueId, ScheduleError> {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        let place = |axis: &usize| labels.get(*axis).and_then(|label| all.iter().position(|l| l == label));
        order.sort_by_key(place);
        let axes: Vec<usize> = order.iter().filter_map(place).collect();
        let value =
            if order.is_sorted() { value } else { self.push(Op::Transpose { perm: order }, &[value])? };
        if axes.len() == shape.len() {
            return Ok(value);
        }
        self.push(Op::Broadcast { shape: shape.to_vec(), axes }, &[value])
    }
}

/// Sizes of a contraction's result.
fn sizes_of(contraction: &Contraction, a: &Type, b: &Type) -> Vec<Dim> {
    let size = |label: &u8| {
        let of = |labels: &[u8], ty: &Type| {
            labels.iter().position(|l| l == label).and_then(|axis| ty.shape.get(axis).cloned())
        };
        of(&contraction.left, a).or_else(|| of(&contraction.right, b)).unwrap_or_default()
    };
    contraction.result.iter().map(size).collect()
}
