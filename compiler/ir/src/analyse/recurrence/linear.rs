//! Expands the values of a body into sums of terms: the earlier state, or a value free of it, followed by linear steps.

use crate::Type;
use crate::graph::{Graph, Node, NodeId, ValueId};
use crate::op::{BinaryOp, Contraction, Op, Rec, ReduceKind, UnaryOp};

/// Where a term begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An earlier entry of a state.
    State {
        /// Number of the state.
        state: usize,
        /// How much earlier, from 1.
        lag: usize,
    },
    /// A value of the body that does not depend on the group's states.
    Free(ValueId),
}

/// One summand of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Where it begins.
    pub source: Source,
    /// What is done with it, in order.
    pub steps: Vec<Step>,
}

/// A linear step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Times (or over) a free value, elementwise.
    Scale {
        /// The value.
        by: ValueId,
        /// Whether it divides.
        inverse: bool,
        /// Whether the value's shape makes the result larger.
        widens: bool,
    },
    /// The sign is turned.
    Negate,
    /// Only where a free condition is as given; else it is zero.
    Where {
        /// The condition.
        condition: ValueId,
        /// What it should be.
        holds: bool,
    },
    /// No gradient passes.
    Detach,
    /// Contracted with a free value.
    Contract {
        /// The value.
        with: ValueId,
        /// Labels, with the term's as `left`.
        labels: Contraction,
    },
    /// Any other linear op.
    Other(NodeId),
}

/// A value of the body.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Linear {
    Free(ValueId),
    Terms(Vec<Term>),
    Nonlinear,
}

/// A line with more summands is not looked into.
const MAX_TERMS: usize = 128;

/// The values of a body, expanded in the states of one group.
pub(super) struct Expansion<'a> {
    pub(super) body: &'a Graph,
    values: Vec<Linear>,
    /// Values that are the same in every step.
    constant: Vec<bool>,
    /// Axes of the group's first line.
    rank: usize,
}

/// For each value, the states whose earlier entries it depends on.
pub(super) fn states_read(rec: &Rec) -> Vec<Vec<bool>> {
    let mut inputs = Vec::new();
    for (number, state) in rec.states.iter().enumerate() {
        inputs.extend(std::iter::repeat_n(number, state.depth));
    }
    let mut reads = vec![vec![false; rec.states.len()]; rec.body.values.len()];
    for node in &rec.body.nodes {
        let mut read = vec![false; rec.states.len()];
        if let Op::Input(number) = node.op
            && let Some(state) = (number as usize).checked_sub(1).and_then(|n| inputs.get(n))
            && let Some(slot) = read.get_mut(*state)
        {
            *slot = true;
        }
        for operand in node.operands.iter().filter_map(|operand| reads.get(operand.0 as usize)) {
            read.iter_mut().zip(operand).for_each(|(to, from)| *to |= from);
        }
        for result in &node.results {
            if let Some(slot) = reads.get_mut(result.0 as usize) {
                slot.clone_from(&read);
            }
        }
    }
    reads
}

impl<'a> Expansion<'a> {
    pub(super) fn new(rec: &'a Rec, group: &[usize], reads: &[Vec<bool>]) -> Self {
        let body = &rec.body;
        let mut lags = Vec::new();
        for (state, depth) in rec.states.iter().map(|state| state.depth).enumerate() {
            lags.extend((1..=depth).map(|lag| Source::State { state, lag }));
        }
        let varying = 1 + lags.len() + rec.sequences;
        let line = group.first().and_then(|state| rec.states.get(*state)).map_or(0, |state| state.line);
        let line = body.outputs.get(line).and_then(|(_, value)| body.values.get(value.0 as usize));
        let rank = line.map_or(0, |line| line.ty.rank());
        let constant = vec![false; body.values.len()];
        let mut expansion = Self { body, values: Vec::new(), constant, rank };
        for node in &body.nodes {
            let constant = match &node.op {
                Op::Input(number) => *number as usize >= varying,
                Op::Keep { .. } => false,
                _ => node.operands.iter().all(|operand| expansion.is_constant(*operand)),
            };
            for (n, result) in node.results.iter().enumerate() {
                if let Some(slot) = expansion.constant.get_mut(result.0 as usize) {
                    *slot = constant;
                }
                let depends = reads.get(result.0 as usize);
                let depends = depends.is_some_and(|reads| group.iter().any(|g| reads.get(*g) == Some(&true)));
                let value = if !depends {
                    Linear::Free(*result)
                } else if let Op::Input(number) = node.op {
                    match (number as usize).checked_sub(1).and_then(|n| lags.get(n)) {
                        Some(source) => Linear::Terms(vec![Term { source: *source, steps: Vec::new() }]),
                        None => Linear::Nonlinear,
                    }
                } else if n == 0 && node.results.len() == 1 {
                    expansion.expand(node)
                } else {
                    Linear::Nonlinear
                };
                expansion.values.push(value);
            }
        }
        expansion
    }

    /// The expansion of a line.
    pub(super) fn line(&self, line: usize) -> &Linear {
        match self.body.outputs.get(line) {
            Some((_, value)) => self.value(*value),
            None => &Linear::Nonlinear,
        }
    }

    pub(super) fn is_constant(&self, value: ValueId) -> bool {
        self.constant.get(value.0 as usize) == Some(&true)
    }

    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn ty(&self, value: ValueId) -> Option<&Type> {
        self.body.values.get(value.0 as usize).map(|value| &value.ty)
    }

    /// The node that makes a value.
    pub(super) fn node(&self, value: ValueId) -> Option<&Node> {
        let node = self.body.values.get(value.0 as usize)?.node;
        self.body.nodes.get(node.0 as usize)
    }

    fn value(&self, value: ValueId) -> &Linear {
        self.values.get(value.0 as usize).unwrap_or(&Linear::Nonlinear)
    }

    /// A node with an operand that depends on the state.
    fn expand(&self, node: &Node) -> Linear {
        let shape = |value: &ValueId| self.ty(*value).map(|ty| &ty.shape);
        let result = node.results.first().and_then(shape);
        let stretches = |operand: &ValueId| shape(operand) != result;
        let other = node.results.first().and_then(|value| self.body.values.get(value.0 as usize));
        let other = Step::Other(other.map_or(NodeId(0), |value| value.node));
        match (&node.op, node.operands.as_slice()) {
            (Op::Unary(UnaryOp::Neg), [x]) => self.then(*x, &[Step::Negate]),
            (Op::Unary(UnaryOp::Detach), [x]) => self.then(*x, &[Step::Detach]),
            (Op::Unary(UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj), [x]) => self.then(*x, &[other]),
            (Op::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Complex), [a, b]) => {
                let side = |operand: &ValueId, steps: &[Step]| {
                    let is_complex = matches!(node.op, Op::Binary(BinaryOp::Complex));
                    let stretch = (stretches(operand) || is_complex).then(|| other.clone());
                    let steps: Vec<Step> = stretch.into_iter().chain(steps.iter().cloned()).collect();
                    self.then(*operand, &steps)
                };
                let turned = matches!(node.op, Op::Binary(BinaryOp::Sub));
                let right = side(b, if turned { &[Step::Negate] } else { &[] });
                sum(side(a, &[]), right)
            }
            (Op::Binary(BinaryOp::Mul), [a, b]) => match (self.value(*a), self.value(*b)) {
                (Linear::Free(by), _) => {
                    self.then(*b, &[Step::Scale { by: *by, inverse: false, widens: stretches(b) }])
                }
                (_, Linear::Free(by)) => {
                    self.then(*a, &[Step::Scale { by: *by, inverse: false, widens: stretches(a) }])
                }
                _ => Linear::Nonlinear,
            },
            (Op::Binary(BinaryOp::Div), [a, b]) => match self.value(*b) {
                Linear::Free(by) => {
                    self.then(*a, &[Step::Scale { by: *by, inverse: true, widens: stretches(a) }])
                }
                Linear::Terms(_) | Linear::Nonlinear => Linear::Nonlinear,
            },
            (Op::Select, [condition, a, b]) => {
                let Linear::Free(condition) = *self.value(*condition) else { return Linear::Nonlinear };
                let side = |operand: &ValueId, holds: bool| {
                    let stretch = stretches(operand).then(|| other.clone());
                    let chosen = Step::Where { condition, holds };
                    self.then(*operand, &stretch.into_iter().chain([chosen]).collect::<Vec<_>>())
                };
                sum(side(a, true), side(b, false))
            }
            (Op::Contract(contraction), [a, b]) => match (self.value(*a), self.value(*b)) {
                (_, Linear::Free(with)) => {
                    self.then(*a, &[Step::Contract { with: *with, labels: contraction.clone() }])
                }
                (Linear::Free(with), _) => {
                    let Contraction { left, right, result } = contraction.clone();
                    let labels = Contraction { left: right, right: left, result };
                    self.then(*b, &[Step::Contract { with: *with, labels }])
                }
                _ => Linear::Nonlinear,
            },
            (Op::Cast(dtype), [x]) if dtype.is_float() || dtype.is_complex() => {
                let same = self.ty(*x).is_some_and(|ty| ty.dtype == *dtype);
                self.then(*x, if same { &[] } else { std::slice::from_ref(&other) })
            }
            (Op::Gather { .. }, [table, rest @ ..]) => {
                let free = rest.iter().all(|operand| matches!(self.value(*operand), Linear::Free(_)));
                if free { self.then(*table, &[other]) } else { Linear::Nonlinear }
            }
            (Op::Conv { .. }, [x, w]) => match self.value(*w) {
                Linear::Free(_) => self.then(*x, &[other]),
                Linear::Terms(_) | Linear::Nonlinear => Linear::Nonlinear,
            },
            (Op::Concat { .. }, operands) => {
                let step = std::slice::from_ref(&other);
                let parts = operands.iter().map(|operand| self.then(*operand, step));
                parts.reduce(sum).unwrap_or(Linear::Nonlinear)
            }
            (
                Op::Reduce { kind: ReduceKind::Sum, .. }
                | Op::Cumsum { .. }
                | Op::Reshape { .. }
                | Op::Transpose { .. }
                | Op::Broadcast { .. }
                | Op::Slice { .. }
                | Op::Pad { .. }
                | Op::Flip { .. }
                | Op::Shift { .. }
                | Op::Fft { .. }
                | Op::Last { .. },
                [x],
            ) => self.then(*x, &[other]),
            _ => Linear::Nonlinear,
        }
    }

    /// A value with further steps on each of its terms; a free value becomes a term.
    fn then(&self, value: ValueId, steps: &[Step]) -> Linear {
        match self.value(value) {
            Linear::Free(value) => {
                Linear::Terms(vec![Term { source: Source::Free(*value), steps: steps.to_vec() }])
            }
            Linear::Terms(terms) => {
                let mut terms = terms.clone();
                terms.iter_mut().for_each(|term| term.steps.extend_from_slice(steps));
                Linear::Terms(terms)
            }
            Linear::Nonlinear => Linear::Nonlinear,
        }
    }
}

fn sum(a: Linear, b: Linear) -> Linear {
    match (a, b) {
        (Linear::Terms(mut a), Linear::Terms(b)) if a.len() + b.len() <= MAX_TERMS => {
            a.extend(b);
            Linear::Terms(a)
        }
        _ => Linear::Nonlinear,
    }
}
