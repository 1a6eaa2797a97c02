//! The ops with a memory along time, over a piece and its state.

use super::NotStreamable;
use super::rewrite::Rewrite;
use crate::graph::{Origin, ValueId};
use crate::op::{BinaryOp, Constant, Op};
use crate::{DType, Dim, Type};

impl Rewrite<'_> {
    /// The last `by` entries in front of the piece; the piece's length of them.
    pub(super) fn shift(
        &mut self,
        axis: usize,
        by: i64,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let extended = self.extended(axis, &Dim::constant(by), "shift", x, origin)?;
        self.cut(axis, &Dim::constant(0), &Dim::var(self.time), extended, origin)
    }

    /// The convolution of the last J - 1 entries and the piece, from the piece's first entry on.
    pub(super) fn conv(
        &mut self,
        axis: usize,
        x: ValueId,
        w: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let weights = self.builder.ty(w);
        let leading = if weights.rank() == self.builder.ty(x).rank() { axis } else { 0 };
        let taps = weights.shape.get(leading).cloned().unwrap_or_default();
        let op = Op::Conv { axis };
        if taps.as_constant().is_some_and(|taps| taps <= 1) {
            return Ok(self.builder.push(op, &[x, w], origin)?);
        }
        let before = &taps - &Dim::constant(1);
        let extended = self.extended(axis, &before, "conv", x, origin)?;
        let convolved = self.builder.push(op, &[extended, w], origin)?;
        self.cut(axis, &before, &Dim::var(self.time), convolved, origin)
    }

    /// Running sums of the sum so far and the piece: added in the order in which the whole adds.
    pub(super) fn cumsum(
        &mut self,
        axis: usize,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let one = Dim::constant(1);
        let sum = self.state_along(axis, &one, "cumsum", x, origin);
        let extended = self.builder.push(Op::Concat { axis }, &[sum, x], origin)?;
        let sums = self.builder.push(Op::Cumsum { axis }, &[extended], origin)?;
        let length = Dim::var(self.time);
        let next = self.cut(axis, &length, &one, sums, origin)?;
        self.becomes(self.memory_count() - 1, next);
        self.cut(axis, &one, &length, sums, origin)
    }

    /// The piece's last entry, of an empty piece what was last before.
    pub(super) fn last(
        &mut self,
        axis: usize,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let here = self.builder.push(Op::Last { axis }, &[x], origin)?;
        let ty = self.builder.ty(here).clone();
        let before = self.remember(ty, "last", origin);
        let empty = self.is_zero_size(&Dim::var(self.time))?;
        let last = self.builder.push(Op::Select, &[empty, before, here], origin)?;
        self.becomes(self.memory_count() - 1, last);
        Ok(last)
    }

    /// `start` in the first piece, then the state.
    pub(super) fn at_start(&mut self, start: ValueId, state: ValueId) -> Result<ValueId, NotStreamable> {
        let first = self.is_zero_size(&Dim::position())?;
        Ok(self.builder.push(Op::Select, &[first, start, state], None)?)
    }

    /// Whether a value is known to be zeros.
    pub(super) fn is_zero(&self, value: ValueId) -> bool {
        let graph = self.builder.graph();
        let node = graph.values.get(value.0 as usize).and_then(|v| graph.nodes.get(v.node.0 as usize));
        let Some(node) = node else { return false };
        match (&node.op, node.operands.as_slice()) {
            (Op::Const(constant), _) => match constant {
                Constant::Float(_, x) => *x == 0.0,
                Constant::Complex(re, im) => *re == 0.0 && *im == 0.0,
                Constant::Int(_, n) => *n == 0,
                Constant::Bool(b) => !b,
            },
            (Op::Broadcast { .. } | Op::Reshape { .. } | Op::Cast(_), [x]) => self.is_zero(*x),
            _ => false,
        }
    }

    fn is_zero_size(&mut self, dim: &Dim) -> Result<ValueId, NotStreamable> {
        let value = self.builder.push(Op::DimValue(dim.clone()), &[], None)?;
        let zero = self.builder.constant(DType::I32, 0.0)?;
        Ok(self.builder.push(Op::Binary(BinaryOp::Eq), &[value, zero], None)?)
    }

    /// The last `before` entries, then the piece; the state becomes the last `before` entries of both.
    fn extended(
        &mut self,
        axis: usize,
        before: &Dim,
        what: &str,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let state = self.state_along(axis, before, what, x, origin);
        let extended = self.builder.push(Op::Concat { axis }, &[state, x], origin)?;
        let next = self.cut(axis, &Dim::var(self.time), before, extended, origin)?;
        self.becomes(self.memory_count() - 1, next);
        Ok(extended)
    }

    /// All entries so far: those in front of the piece, then the piece. The state becomes all of them.
    pub(super) fn kept(
        &mut self,
        axis: usize,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let state = self.state_along(axis, &Dim::position(), "keys", x, origin);
        let all = self.builder.push(Op::Concat { axis }, &[state, x], origin)?;
        self.becomes(self.memory_count() - 1, all);
        Ok(all)
    }

    /// A state of `x`'s type with `size` entries along `axis`.
    fn state_along(
        &mut self,
        axis: usize,
        size: &Dim,
        what: &str,
        x: ValueId,
        origin: Option<Origin>,
    ) -> ValueId {
        let ty = self.builder.ty(x);
        let mut shape = ty.shape.clone();
        if let Some(dim) = shape.get_mut(axis) {
            *dim = size.clone();
        }
        let ty = Type::new(ty.dtype, shape);
        self.remember(ty, what, origin)
    }

    fn cut(
        &mut self,
        axis: usize,
        start: &Dim,
        len: &Dim,
        x: ValueId,
        origin: Option<Origin>,
    ) -> Result<ValueId, NotStreamable> {
        let op = Op::Slice { axis, start: start.clone(), len: len.clone() };
        Ok(self.builder.push(op, &[x], origin)?)
    }
}
