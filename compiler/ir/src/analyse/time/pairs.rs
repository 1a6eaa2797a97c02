//! Values with two time axes, an entry for each pair of entries of the sequence: what attention makes of queries and keys.
//!
//! Such a value runs in pieces where every sum, largest or smallest over one of its axes is blind to what lies later there: masked with 0, -inf or inf. So of each pair value it
//! is known what its entries are worth where one position is later than the other, as far as the graph shows: `tril` leaves 0 above the diagonal,
//! `where(mask, s, -inf)` leaves -inf, its `exp` 0.
//!
//! ```text
//! s = contract "ab,cb->ac" q, k : f32[T, T]      later: unknown, unknown
//! m = select causal, s, -inf    : f32[T, T]      later along axis 1: -inf
//! e = exp (m - max)             : f32[T, T]      later along axis 1: 0
//! o = contract "ac,cd->ad" e, v : f32[T, D]      causal
//! ```

use super::Fact;
use super::rules::{Operand, Rule};
use crate::array::{Array, Data};
use crate::graph::Origin;
use crate::interpret::elementwise;
use crate::op::{BinaryOp, Contraction, Op, ReduceKind};
use crate::{DType, Dim};
use std::rc::Rc;

/// A value with two time axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// The axes that are time, in order.
    pub axes: [usize; 2],
    /// What every entry is worth whose position along the first (second) of them is the later one.
    pub later: [Option<f64>; 2],
    /// Where the two axes met.
    pub origin: Option<Origin>,
}

impl Pairs {
    /// What is known of the entries later along this axis.
    pub(super) fn later_along(&self, axis: usize) -> Option<f64> {
        let n = self.axes.iter().position(|own| *own == axis)?;
        self.later.get(n).copied().flatten()
    }

    /// The axis that is not this one.
    #[must_use]
    pub const fn other(&self, axis: usize) -> usize {
        let [first, second] = self.axes;
        if first == axis { second } else { first }
    }

    /// The same with its axes moved; `None` where one is gone.
    pub(super) fn moved(&self, to: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let ([a, b], [x, y]) = (self.axes, self.later);
        let (a, b) = (to(a)?, to(b)?);
        let (axes, later) = if a < b { ([a, b], [x, y]) } else { ([b, a], [y, x]) };
        Some(Self { axes, later, origin: self.origin })
    }

    fn forgotten(&self) -> Self {
        Self { later: [None, None], ..self.clone() }
    }
}

/// Why a pair value cannot stay one.
pub(super) fn coupled(op: &Op, origin: Option<Origin>) -> Fact {
    Fact::whole(format!("`{}` couples each entry with every other", op.name()), origin)
}

impl Rule<'_> {
    fn pairs(&self) -> impl Iterator<Item = &Rc<Pairs>> {
        self.operands.iter().filter_map(|operand| operand.fact.pairs())
    }

    /// The rule of an op that has a pair value among its operands.
    pub(super) fn of_pairs(&self) -> Fact {
        let Some(pairs) = self.pairs().next().cloned() else { return self.apart() };
        match self.op {
            Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) => self.elementwise(),
            Op::Reduce { kind, axes } => self.reduce_pairs(&pairs, *kind, axes),
            Op::Contract(contraction) => self.contract(contraction),
            Op::Transpose { perm } => {
                self.kept(pairs.moved(|axis| perm.iter().position(|from| *from == axis)))
            }
            Op::Reshape { shape } => self.reshape_pairs(&pairs, shape),
            Op::Broadcast { axes, .. } => self.kept(pairs.moved(|axis| axes.get(axis).copied())),
            Op::Slice { axis, start, len } => {
                let everything = start.as_constant() == Some(0) && len.as_var() == Some(self.time);
                if pairs.axes.contains(axis) && !everything {
                    return self.whole("entries are taken by their position in time");
                }
                self.kept(Some((*pairs).clone()))
            }
            Op::Flip { axis } | Op::Pad { axis, .. } | Op::Concat { axis } if !pairs.axes.contains(axis) => {
                let alike = self
                    .operands
                    .iter()
                    .all(|operand| operand.fact.pairs().is_some_and(|p| p.axes == pairs.axes));
                if alike { self.kept(Some(pairs.forgotten())) } else { self.apart() }
            }
            Op::Gather { .. } => self.gather_pairs(&pairs),
            Op::Cumsum { .. }
            | Op::Flip { .. }
            | Op::Pad { .. }
            | Op::Concat { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Rec(_)
            | Op::Repeat(_)
            | Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Keep { .. }
            | Op::Draw { .. } => self.apart(),
        }
    }

    fn apart(&self) -> Fact {
        coupled(self.op, self.origin)
    }

    fn kept(&self, pairs: Option<Pairs>) -> Fact {
        pairs.map_or_else(|| self.apart(), |pairs| Fact::Pairs(Rc::new(pairs)))
    }

    /// Operands whose time axes, where they are in the result, are two: the value of each pair.
    pub(super) fn elementwise_pairs(&self, axes: [usize; 2]) -> Fact {
        let [first, second] = axes;
        let rank = self.operands.iter().map(|operand| operand.ty.rank()).max().unwrap_or(0);
        let later = [self.later(rank, first, second), self.later(rank, second, first)];
        let origin = self.pairs().find_map(|pairs| pairs.origin).or(self.origin);
        Fact::Pairs(Rc::new(Pairs { axes, later, origin }))
    }

    /// The result where the position along `later` is the later one.
    fn later(&self, rank: usize, later: usize, earlier: usize) -> Option<f64> {
        if let (Op::Binary(op), [a, b]) = (self.op, self.operands) {
            let of = |operand: &Operand<'_>| {
                let skipped = rank - operand.ty.rank();
                operand.affine.as_ref()?.moved(|axis| Some(axis + skipped))
            };
            if let (Some(a), Some(b)) = (of(a), of(b))
                && let Some(truth) = a.compared(*op, &b, later, earlier)
            {
                return Some(f64::from(u8::from(truth)));
            }
        }
        let known: Vec<Option<f64>> = self
            .operands
            .iter()
            .map(|operand| match operand.fact.pairs() {
                Some(pairs) => pairs.later_along(later - (rank - operand.ty.rank())),
                None => operand.affine.as_ref().and_then(super::affine::Affine::as_number),
            })
            .collect();
        let dtypes: Vec<DType> = self.operands.iter().map(|operand| operand.ty.dtype).collect();
        entry(self.op, &known, &dtypes)
    }

    fn reduce_pairs(&self, pairs: &Pairs, kind: ReduceKind, axes: &[usize]) -> Fact {
        let gone: Vec<usize> = pairs.axes.iter().copied().filter(|axis| axes.contains(axis)).collect();
        let shifted = |axis: usize| axis - axes.iter().filter(|a| **a < axis).count();
        match gone.as_slice() {
            [] => {
                let stays = |later: Option<f64>| {
                    later.filter(|x| match kind {
                        ReduceKind::Max | ReduceKind::Min => true,
                        ReduceKind::Sum => *x == 0.0 || x.is_infinite(),
                        ReduceKind::ArgMax => false,
                    })
                };
                let moved = pairs.moved(|axis| Some(shifted(axis)));
                self.kept(moved.map(|moved| Pairs { later: moved.later.map(stays), ..moved }))
            }
            [key] => {
                let (neutral, called) = match kind {
                    ReduceKind::Sum => (0.0, "0"),
                    ReduceKind::Max | ReduceKind::ArgMax => (f64::NEG_INFINITY, "-inf"),
                    ReduceKind::Min => (f64::INFINITY, "inf"),
                };
                if pairs.later_along(*key) == Some(neutral) {
                    return Fact::Causal { axis: shifted(pairs.other(*key)) };
                }
                let time = self.time;
                self.whole(format!(
                    "a reduction over {time} needs every entry; later ones are not masked with {called}"
                ))
            }
            _ => self.whole(format!("a reduction over {} needs every entry", self.time)),
        }
    }

    /// A product in which two time axes meet, or a pair value is.
    pub(super) fn contract_pairs(&self, contraction: &Contraction, labels: &[Vec<u8>; 2]) -> Fact {
        let [left, right] = labels;
        let mut meeting: Vec<u8> = left.iter().chain(right).copied().collect();
        meeting.sort_unstable();
        meeting.dedup();
        let (kept, summed): (Vec<u8>, Vec<u8>) =
            meeting.iter().partition(|label| contraction.result.contains(*label));
        let place = |label: &u8| contraction.result.iter().position(|other| other == label);
        let zero = |label: &u8| {
            let each = self.operands.iter().zip([&contraction.left, &contraction.right]);
            each.into_iter().any(|(operand, own)| {
                let axis = own.iter().position(|other| other == label);
                let later = operand.fact.pairs().zip(axis).and_then(|(pairs, axis)| pairs.later_along(axis));
                later == Some(0.0)
            })
        };
        let several = left.len() == 2 && right.len() == 2 && left != right;
        match (kept.as_slice(), summed.as_slice()) {
            ([first, second], []) => {
                let [Some(a), Some(b)] = [place(first), place(second)] else { return self.apart() };
                let later = |label| zero(label).then_some(0.0);
                let (axes, later) = if a < b {
                    ([a, b], [later(first), later(second)])
                } else {
                    ([b, a], [later(second), later(first)])
                };
                Fact::Pairs(Rc::new(Pairs { axes, later, origin: self.origin }))
            }
            ([query], [key]) if !several => {
                if zero(key) {
                    return place(query).map_or_else(|| self.apart(), |axis| Fact::Causal { axis });
                }
                self.whole(format!("a product sums over {}; later entries are not masked with 0", self.time))
            }
            (_, []) => self.apart(),
            _ => self.whole(format!("a product sums over {}", self.time)),
        }
    }

    fn reshape_pairs(&self, pairs: &Pairs, shape: &[Dim]) -> Fact {
        let Some(from) = self.operands.first().map(|operand| operand.ty.shape.as_slice()) else {
            return self.apart();
        };
        let before = |shape: &[Dim], axis: usize| {
            shape.iter().take(axis).fold(Dim::constant(1), |product, dim| &product * dim)
        };
        let to: Vec<usize> = time_axes(shape, self.time);
        let [a, b] = pairs.axes;
        match to.as_slice() {
            [x, y] if before(shape, *x) == before(from, a) && before(shape, *y) == before(from, b) => {
                self.kept(pairs.moved(|axis| Some(if axis == a { *x } else { *y })))
            }
            _ => self.whole(format!("`reshape` mixes {} with another axis", self.time)),
        }
    }

    fn gather_pairs(&self, pairs: &Pairs) -> Fact {
        let [table, indices, guard @ ..] = self.operands else { return self.apart() };
        let guarded = guard.iter().all(|guard| match &guard.fact {
            Fact::Constant => true,
            Fact::Pairs(own) => own.axes == pairs.axes,
            Fact::Pointwise { .. } | Fact::Causal { .. } | Fact::End | Fact::Whole(_) => false,
        });
        if table.fact == Fact::Constant && indices.fact.pairs().is_some() && guarded {
            return self.kept(Some(pairs.forgotten()));
        }
        self.apart()
    }
}

/// The axes that are the plain time size.
pub(super) fn time_axes(shape: &[Dim], time: &str) -> Vec<usize> {
    let plain = shape.iter().enumerate().filter(|(_, dim)| dim.as_var() == Some(time));
    plain.map(|(axis, _)| axis).collect()
}

/// What an elementwise op gives for operands of which some are known. Unknown ones are taken to be finite, and divisors not to be 0: where they are not, the result is not a number on the whole sequence either.
fn entry(op: &Op, known: &[Option<f64>], dtypes: &[DType]) -> Option<f64> {
    match (op, known) {
        (Op::Select, [condition, a, b]) => match condition {
            Some(truth) if *truth != 0.0 => *a,
            Some(_) => *b,
            None => a.filter(|a| *b == Some(*a)),
        },
        (Op::Binary(op), [a, b]) if a.is_none() || b.is_none() => {
            let (first, one) = (a.is_some(), a.or(*b)?);
            match op {
                BinaryOp::Add if one.is_infinite() => Some(one),
                BinaryOp::Sub if one.is_infinite() => Some(if first { one } else { -one }),
                BinaryOp::Mul if one == 0.0 => Some(0.0),
                BinaryOp::Div if first && one == 0.0 => Some(0.0),
                BinaryOp::Div if !first && one.is_infinite() => Some(0.0),
                BinaryOp::Max if one == f64::INFINITY => Some(one),
                BinaryOp::Min if one == f64::NEG_INFINITY => Some(one),
                BinaryOp::And if one == 0.0 => Some(0.0),
                BinaryOp::Or if one != 0.0 => Some(1.0),
                BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
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
        (op, known) => {
            let operands = known.iter().zip(dtypes).map(|(x, dtype)| scalar(*dtype, (*x)?));
            number(&elementwise::apply(op, &operands.collect::<Option<Vec<_>>>()?)?)
        }
    }
}

fn scalar(dtype: DType, x: f64) -> Option<Array> {
    let data = match dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Data::Real(vec![x]),
        DType::Bool => Data::Bool(vec![x != 0.0]),
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within what f64 holds exactly")]
        DType::I32 | DType::U8 if x.fract() == 0.0 && x.abs() < 1e15 => Data::Int(vec![x as i64]),
        DType::I32 | DType::U8 | DType::C64 => return None,
    };
    Array::new(dtype, Vec::new(), data)
}

fn number(array: &Array) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "elements have 32 bits")]
    let x = match array.data() {
        Data::Real(entries) => *entries.first()?,
        Data::Int(entries) => *entries.first()? as f64,
        Data::Bool(entries) => f64::from(u8::from(*entries.first()?)),
        Data::Complex(_) => return None,
    };
    (!x.is_nan()).then_some(x)
}
