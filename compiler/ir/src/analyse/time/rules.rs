//! The rule of each op without a body.

use super::affine::Affine;
use super::pairs::{Pairs, coupled, time_axes};
use super::{Fact, along};
use crate::graph::Origin;
use crate::op::{BinaryOp, Constant, Contraction, Op, UnaryOp};
use crate::{DType, Dim, Type};
use std::rc::Rc;

/// An operand's fact and type.
pub(super) struct Operand<'a> {
    pub(super) fact: Fact,
    pub(super) ty: &'a Type,
    pub(super) affine: Option<Affine>,
}

/// A node with what its rule looks at.
pub(super) struct Rule<'a> {
    pub(super) op: &'a Op,
    pub(super) operands: &'a [Operand<'a>],
    pub(super) time: &'a str,
    pub(super) origin: Option<Origin>,
}

impl Rule<'_> {
    pub(super) fn whole(&self, message: impl Into<String>) -> Fact {
        Fact::whole(message, self.origin)
    }

    /// The first operand that needs the whole sequence decides.
    pub(super) fn whole_operand(&self) -> Option<Fact> {
        let fact = self.operands.iter().map(|operand| &operand.fact).find(|fact| fact.reason().is_some());
        fact.cloned()
    }

    /// Facts of operands whose time axes have been moved to where they are in the result.
    fn merged(&self, facts: impl IntoIterator<Item = Fact>) -> Fact {
        facts.into_iter().fold(Fact::Constant, |merged, fact| self.merge(merged, fact))
    }

    pub(super) fn merge(&self, a: Fact, b: Fact) -> Fact {
        match (a, b) {
            (whole @ Fact::Whole(_), _) | (_, whole @ Fact::Whole(_)) => whole,
            (Fact::Constant, other) | (other, Fact::Constant) => other,
            (Fact::Pairs(a), Fact::Pairs(b)) if a == b => Fact::Pairs(a),
            (Fact::Pairs(_), _) | (_, Fact::Pairs(_)) => coupled(self.op, self.origin),
            (Fact::End, Fact::End) => Fact::End,
            (Fact::End, _) | (_, Fact::End) => {
                self.whole("the end of the sequence is used at each of its entries")
            }
            (Fact::Pointwise { axis: a }, Fact::Pointwise { axis: b }) if a == b => {
                Fact::Pointwise { axis: a }
            }
            (
                Fact::Pointwise { axis: a } | Fact::Causal { axis: a },
                Fact::Pointwise { axis: b } | Fact::Causal { axis: b },
            ) => {
                if a == b {
                    Fact::Causal { axis: a }
                } else {
                    coupled(self.op, self.origin)
                }
            }
        }
    }

    /// The one operand's fact.
    fn only(&self) -> Fact {
        self.operands.first().map_or(Fact::Constant, |operand| operand.fact.clone())
    }

    fn mention(&self, dims: &[&Dim]) -> bool {
        dims.iter().any(|dim| dim.mentions(self.time))
    }

    pub(super) fn result(&self) -> Fact {
        if let Some(whole) = self.whole_operand() {
            return whole;
        }
        if self.operands.iter().any(|operand| operand.fact.pairs().is_some()) {
            return self.of_pairs();
        }
        let time = self.time;
        match self.op {
            Op::Const(_) | Op::Draw { .. } | Op::Input(_) => Fact::Constant,
            Op::DimValue(dim) => {
                if dim.mentions(time) {
                    self.whole(format!("{time} is used as a number"))
                } else {
                    Fact::Constant
                }
            }
            Op::Iota { len, start } => {
                if start.mentions(time) {
                    return self.whole(format!("{time} is used as a number"));
                }
                self.made(std::slice::from_ref(len))
            }
            Op::Keep { shape, .. } => self.made(shape),
            Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) => self.elementwise(),
            Op::Reduce { axes, .. } => match self.only().axis() {
                Some(axis) if axes.contains(&axis) => {
                    self.whole(format!("a reduction over {time} needs every entry"))
                }
                Some(axis) => self.only().at(axis - axes.iter().filter(|a| **a < axis).count()),
                None => self.only(),
            },
            Op::Cumsum { axis } => self.remembering(*axis),
            Op::Contract(contraction) => self.contract(contraction),
            Op::Reshape { shape } => self.reshape(shape),
            Op::Transpose { perm } => match self.only().axis() {
                Some(axis) => self.only().at(perm.iter().position(|from| *from == axis).unwrap_or(axis)),
                None => self.only(),
            },
            Op::Broadcast { shape, axes } => self.broadcast(shape, axes),
            Op::Slice { axis, start, len } => self.slice(*axis, start, len),
            Op::Concat { axis } | Op::Flip { axis } => self.not_along(*axis),
            Op::Pad { axis, before, after } => {
                if self.mention(&[before, after]) {
                    return self.whole(format!("`pad` by a number that depends on {time}"));
                }
                self.not_along(*axis)
            }
            Op::Gather { batch } => self.gather(*batch),
            Op::Shift { axis, by } => match by {
                0 => self.only(),
                1.. => self.remembering(*axis),
                _ if self.only().axis() == Some(*axis) => self.whole("later entries are read"),
                _ => self.only(),
            },
            Op::Conv { axis } => self.conv(*axis),
            Op::Fft { axis, n, .. } => {
                if n.mentions(time) {
                    return self.whole(format!("the length of `{}` depends on {time}", self.op.name()));
                }
                self.not_along(*axis)
            }
            Op::Last { axis } => match self.only().axis() {
                Some(time) if time == *axis => Fact::End,
                Some(time) => self.only().at(time - usize::from(*axis < time)),
                None => self.only(),
            },
            Op::Rec(_) | Op::Repeat(_) => self.whole("a body"),
        }
    }

    fn made(&self, shape: &[Dim]) -> Fact {
        along(shape, self.time).unwrap_or_else(|| {
            self.whole(format!("`{}` of a size that depends on {}", self.op.name(), self.time))
        })
    }

    pub(super) fn elementwise(&self) -> Fact {
        let rank = self.operands.iter().map(|operand| operand.ty.rank()).max().unwrap_or(0);
        let mut axes: Vec<usize> = Vec::new();
        for Operand { fact, ty, .. } in self.operands {
            let own = fact.axis().into_iter().chain(fact.pairs().into_iter().flat_map(|pairs| pairs.axes));
            axes.extend(own.map(|axis| rank - ty.rank() + axis));
        }
        axes.sort_unstable();
        axes.dedup();
        let end = self.operands.iter().any(|operand| operand.fact == Fact::End);
        if let ([first, second], false) = (axes.as_slice(), end) {
            return self.elementwise_pairs([*first, *second]);
        }
        self.merged(self.operands.iter().map(|Operand { fact, ty, .. }| match fact.axis() {
            Some(axis) => fact.at(rank - ty.rank() + axis),
            None => fact.clone(),
        }))
    }

    /// An op with a memory along `axis`.
    fn remembering(&self, axis: usize) -> Fact {
        match self.only().axis() {
            Some(time) if time == axis => Fact::Causal { axis },
            Some(_) | None => self.only(),
        }
    }

    /// An op that may not work along time.
    fn not_along(&self, axis: usize) -> Fact {
        if self.operands.iter().any(|operand| operand.fact.axis() == Some(axis)) {
            return self.whole(format!("`{}` along {} needs every entry", self.op.name(), self.time));
        }
        self.merged(self.operands.iter().map(|operand| operand.fact.clone()))
    }

    pub(super) fn contract(&self, contraction: &Contraction) -> Fact {
        let [left, right] = self.operands else { return Fact::Constant };
        let labels = |operand: &Operand<'_>, labels: &[u8]| -> Vec<u8> {
            let pairs = operand.fact.pairs().into_iter().flat_map(|pairs| pairs.axes);
            operand
                .fact
                .axis()
                .into_iter()
                .chain(pairs)
                .filter_map(|axis| labels.get(axis).copied())
                .collect()
        };
        let labels = [labels(left, &contraction.left), labels(right, &contraction.right)];
        let place = |label: &u8| contraction.result.iter().position(|other| other == label);
        match &labels {
            [a, b] if a.len() < 2 && b.len() < 2 && (a == b || a.is_empty() || b.is_empty()) => {
                let mut facts = Vec::new();
                for (operand, own) in self.operands.iter().zip(&labels) {
                    match own.first().map(place) {
                        None => facts.push(operand.fact.clone()),
                        Some(Some(axis)) => facts.push(operand.fact.at(axis)),
                        Some(None) => return self.whole(format!("a product sums over {}", self.time)),
                    }
                }
                self.merged(facts)
            }
            _ if self.operands.iter().any(|operand| operand.fact == Fact::End) => {
                self.whole("the end of the sequence is used at each of its entries")
            }
            _ => self.contract_pairs(contraction, &labels),
        }
    }

    fn reshape(&self, shape: &[Dim]) -> Fact {
        let Some(Operand { fact, ty, .. }) = self.operands.first() else { return Fact::Constant };
        let Some(axis) = fact.axis() else {
            return if self.mention(&shape.iter().collect::<Vec<_>>()) {
                self.whole(format!("`reshape` to a size that depends on {}", self.time))
            } else {
                fact.clone()
            };
        };
        let before = |shape: &[Dim], axis: usize| {
            shape.iter().take(axis).fold(Dim::constant(1), |product, dim| &product * dim)
        };
        match along(shape, self.time).and_then(|fact| fact.axis()) {
            Some(to) if before(shape, to) == before(&ty.shape, axis) => fact.at(to),
            Some(_) | None => self.whole(format!("`reshape` mixes {} with another axis", self.time)),
        }
    }

    fn broadcast(&self, shape: &[Dim], axes: &[usize]) -> Fact {
        let fact = self.only();
        let moved = match fact.axis() {
            Some(axis) => fact.at(axes.get(axis).copied().unwrap_or(axis)),
            None => fact,
        };
        if let [first, second] = time_axes(shape, self.time)[..]
            && shape.iter().filter(|dim| dim.mentions(self.time)).count() == 2
            && moved != Fact::End
        {
            let number = self.operands.first().and_then(|operand| operand.affine.as_ref()?.as_number());
            let pairs = Pairs { axes: [first, second], later: [number; 2], origin: self.origin };
            return Fact::Pairs(Rc::new(pairs));
        }
        let made = self.made(shape);
        if moved.axis().is_some() && moved.axis() == made.axis() { moved } else { self.merge(made, moved) }
    }

    fn slice(&self, axis: usize, start: &Dim, len: &Dim) -> Fact {
        let fact = self.only();
        let time = self.time;
        if fact.axis() == Some(axis) {
            let everything = start.as_constant() == Some(0) && len.as_var() == Some(time);
            return if everything { fact } else { self.whole("entries are taken by their position in time") };
        }
        if start.mentions(time) {
            return self.whole(format!("{time} is used as a position"));
        }
        match (along(std::slice::from_ref(len), time), &fact) {
            (Some(Fact::Constant), _) => fact,
            // `pos[0..T]`: the entries of a table at the positions of the sequence.
            (Some(Fact::Pointwise { .. }), Fact::Constant) => Fact::Pointwise { axis },
            // `bias[0..T, 0..T]`: at each pair of positions.
            (Some(Fact::Pointwise { .. }), Fact::Pointwise { axis: first }) => {
                let axes = [axis.min(*first), axis.max(*first)];
                Fact::Pairs(Rc::new(Pairs { axes, later: [None, None], origin: self.origin }))
            }
            _ => self.whole(format!("a slice whose length depends on {time}")),
        }
    }

    /// Whether it is a number plus multiples of positions.
    pub(super) fn affine(&self) -> Option<Affine> {
        let only = || self.operands.first().and_then(|operand| operand.affine.as_ref());
        match self.op {
            Op::Const(constant) => match constant {
                Constant::Float(_, x) => (!x.is_nan()).then_some(Affine::number(*x)),
                #[expect(clippy::cast_precision_loss, reason = "elements have 32 bits")]
                Constant::Int(_, n) => Some(Affine::number(*n as f64)),
                Constant::Bool(truth) => Some(Affine::number(f64::from(u8::from(*truth)))),
                Constant::Complex(..) => None,
            },
            #[expect(clippy::cast_precision_loss, reason = "a position has 32 bits")]
            Op::Iota { len, start } if len.as_var() == Some(self.time) => {
                Some(Affine::position(0, start.as_constant()? as f64))
            }
            Op::Unary(UnaryOp::Neg) => only()?.scaled(-1.0),
            Op::Unary(UnaryOp::Detach) => only().cloned(),
            Op::Cast(to)
                if *to != DType::Bool && (to.is_float() || !self.operands.first()?.ty.dtype.is_float()) =>
            {
                only().cloned()
            }
            Op::Broadcast { axes, .. } => only()?.moved(|axis| axes.get(axis).copied()),
            Op::Transpose { perm } => only()?.moved(|axis| perm.iter().position(|from| *from == axis)),
            Op::Reshape { shape } => {
                let from = time_axes(&self.operands.first()?.ty.shape, self.time);
                let to = time_axes(shape, self.time);
                let same = from.len() == to.len();
                let place = |axis| to.get(from.iter().position(|own| *own == axis)?).copied();
                only()?.moved(|axis| if same { place(axis) } else { None })
            }
            Op::Binary(op) => {
                let [a, b] = self.operands else { return None };
                let rank = a.ty.rank().max(b.ty.rank());
                let moved = |operand: &Operand<'_>| {
                    operand.affine.as_ref()?.moved(|axis| Some(axis + rank - operand.ty.rank()))
                };
                let (a, b) = (moved(a)?, moved(b)?);
                match op {
                    BinaryOp::Add => Some(a.plus(&b)),
                    BinaryOp::Sub => Some(a.plus(&b.scaled(-1.0)?)),
                    BinaryOp::Mul => match (a.as_number(), b.as_number()) {
                        (Some(number), _) => b.scaled(number),
                        (None, Some(number)) => a.scaled(number),
                        (None, None) => None,
                    },
                    BinaryOp::Div
                    | BinaryOp::Rem
                    | BinaryOp::Pow
                    | BinaryOp::Max
                    | BinaryOp::Min
                    | BinaryOp::Eq
                    | BinaryOp::Ne
                    | BinaryOp::Lt
                    | BinaryOp::Le
                    | BinaryOp::Gt
                    | BinaryOp::Ge
                    | BinaryOp::And
                    | BinaryOp::Or
                    | BinaryOp::Complex
                    | BinaryOp::Polar => None,
                }
            }
            Op::Input(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Keep { .. }
            | Op::Draw { .. }
            | Op::Unary(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Reduce { .. }
            | Op::Cumsum { .. }
            | Op::Contract(_)
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Gather { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => None,
        }
    }

    fn gather(&self, batch: usize) -> Fact {
        let [table, indices, guard @ ..] = self.operands else { return Fact::Constant };
        let table = match table.fact.axis() {
            Some(axis) if axis < batch => table.fact.clone(),
            Some(axis) if axis == batch => {
                return self.whole(format!("entries along {} are looked up by number", self.time));
            }
            Some(axis) => table.fact.at(indices.ty.rank() + axis - batch - 1),
            None => table.fact.clone(),
        };
        let guards = guard.iter().map(|guard| guard.fact.clone());
        self.merged([table, indices.fact.clone()].into_iter().chain(guards))
    }

    fn conv(&self, axis: usize) -> Fact {
        let [x, w] = self.operands else { return Fact::Constant };
        if x.fact.axis() == Some(axis) {
            return if w.fact == Fact::Constant {
                Fact::Causal { axis }
            } else {
                self.whole("the weights of `conv` change along the sequence")
            };
        }
        let leading = if w.ty.rank() == x.ty.rank() { axis } else { 0 };
        match w.fact.axis() {
            Some(taps) if taps == leading => {
                self.whole(format!("the weights of `conv` are as long as {}", self.time))
            }
            Some(channel) => {
                let moved = w.fact.at(channel + axis - leading);
                self.merge(x.fact.clone(), moved)
            }
            None => self.merge(x.fact.clone(), w.fact.clone()),
        }
    }
}
