//! What is known of each e-class: result types, whether it depends on weights alone, whether it varies from sequence to sequence, and its value
//! when it is a constant. Equal terms have equal facts; a merge that finds them different is a wrong rule, and says which.

use crate::language::{Head, OpId, Term};
use egg::{Analysis, DidMerge, EGraph, Id};
use tensc_ir::infer::infer;
use tensc_ir::{Constant, Contraction, Input, Op, Origin, Type};

/// The e-graph of a unit.
pub(crate) type Graph = EGraph<Term, Facts>;

/// What the analysis needs beside the terms, and what it found wrong.
#[derive(Debug, Default, Clone)]
pub(crate) struct Facts {
    /// Ops that have no head of their own.
    ops: Vec<Op>,
    /// The unit's inputs with what is known of them.
    inputs: Vec<(Input, Known)>,
    /// Disagreements found by merges since the last look.
    pub(crate) conflicts: Vec<String>,
}

/// Facts that do not follow from types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Depends on weights and constants alone.
    pub(crate) weights_only: bool,
    /// May differ from sequence to sequence of a batch.
    pub(crate) varies: bool,
}

/// Facts of a class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Data {
    /// Types of the results; one, except for rec and repeat.
    pub(crate) types: Vec<Type>,
    /// Where it comes from.
    pub(crate) known: Known,
    /// The value, for real and whole constants.
    pub(crate) constant: Option<f64>,
    /// Where in the source the first of its terms comes from. No fact: equal terms may come from several places.
    pub(crate) origin: Option<Origin>,
}

impl Data {
    /// The type of the only result.
    pub(crate) fn ty(&self) -> Option<&Type> {
        match self.types.as_slice() {
            [ty] => Some(ty),
            _ => None,
        }
    }
}

impl Facts {
    pub(crate) fn new(inputs: Vec<(Input, Known)>) -> Self {
        Self { inputs, ..Self::default() }
    }

    /// The handle of an op; equal ops share one.
    pub(crate) fn intern(&mut self, op: &Op) -> OpId {
        let position = self.ops.iter().position(|known| known == op).unwrap_or_else(|| {
            self.ops.push(op.clone());
            self.ops.len() - 1
        });
        OpId(u32::try_from(position).unwrap_or(u32::MAX))
    }

    /// The handle of an op, if it has one.
    pub(crate) fn number(&self, op: &Op) -> Option<OpId> {
        let position = self.ops.iter().position(|known| known == op)?;
        u32::try_from(position).ok().map(OpId)
    }

    /// The op of a handle.
    pub(crate) fn op(&self, id: OpId) -> Option<&Op> {
        self.ops.get(id.0 as usize)
    }

    /// The graph's op that a head stands for, given the rank of its first child.
    pub(crate) fn head_op(&self, head: Head, rank: usize) -> Option<Op> {
        Some(match head {
            Head::Proj => Op::Contract(projection(rank)),
            Head::Unary(op) => Op::Unary(op),
            Head::Binary(op) => Op::Binary(op),
            Head::Select => Op::Select,
            Head::Cast(dtype) => Op::Cast(dtype),
            Head::Op(id) => self.op(id)?.clone(),
            Head::Get(_) => return None,
        })
    }

    /// The name of an input.
    pub(crate) fn input_name(&self, n: u32) -> &str {
        self.input(n).map_or("", |(input, _)| &input.name)
    }

    fn input(&self, n: u32) -> Option<&(Input, Known)> {
        self.inputs.get(n as usize)
    }
}

/// Labels of `x @ w` for x of this rank.
pub(crate) fn projection(rank: usize) -> Contraction {
    let left: Vec<u8> = (0..=u8::MAX).take(rank).collect();
    let contracted = left.last().copied().unwrap_or(0);
    let column = contracted.saturating_add(1);
    let mut result = left.clone();
    result.pop();
    result.push(column);
    Contraction { left, right: vec![contracted, column], result }
}

fn data(graph: &Graph, term: &Term) -> Option<Data> {
    let facts = &graph.analysis;
    let children: Vec<&Data> = term.children.iter().map(|id| &graph[*id].data).collect();
    let known = children.iter().fold(Known { weights_only: true, varies: false }, |known, child| Known {
        weights_only: known.weights_only && child.known.weights_only,
        varies: known.varies || child.known.varies,
    });
    if let Head::Get(n) = term.head {
        let types = vec![children.first()?.types.get(n as usize)?.clone()];
        return Some(Data { types, known, constant: None, origin: None });
    }
    let mut types = Vec::with_capacity(children.len());
    for child in &children {
        types.push(child.ty()?.clone());
    }
    let op = facts.head_op(term.head, types.first().map_or(0, Type::rank))?;
    if let Op::Input(n) = op {
        let (input, known) = facts.input(n)?;
        return Some(Data { types: vec![input.ty.clone()], known: *known, constant: None, origin: None });
    }
    let constant = match op {
        Op::Const(Constant::Float(_, value)) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "only compared with 0 and 1")]
        Op::Const(Constant::Int(_, value)) => Some(value as f64),
        Op::Cast(_) => children.first().and_then(|child| child.constant),
        _ => None,
    };
    // A mask differs from sequence to sequence, though it has no operand; what depends on run-time sizes is not known before a call.
    let sized = op.dims().iter().any(|dim| dim.as_fraction().is_none());
    let known = match op {
        Op::Keep { .. } => Known { weights_only: false, varies: true },
        _ if sized => Known { weights_only: false, ..known },
        _ => known,
    };
    let types = infer(&op, &types).ok()?;
    Some(Data { types, known, constant, origin: None })
}

impl Analysis<Term> for Facts {
    /// `None` for a term that no rule may build: it has no type.
    type Data = Data;

    fn make(graph: &mut Graph, term: &Term, _id: Id) -> Data {
        data(graph, term).unwrap_or_else(|| {
            let children: Vec<String> =
                term.children.iter().map(|id| format!("{:?}", graph[*id].data.types)).collect();
            graph.analysis.conflicts.push(format!("`{term}` of {} has no type", children.join(" and ")));
            Data {
                types: Vec::new(),
                known: Known { weights_only: false, varies: true },
                constant: None,
                origin: None,
            }
        })
    }

    fn merge(&mut self, to: &mut Data, from: Data) -> DidMerge {
        if to.types != from.types {
            self.conflicts.push(format!("{:?} and {:?} are not the same type", to.types, from.types));
        }
        // Two equal terms may be known to different depth: `x * 0` depends on weights alone if `0` does. Either fact holds for both.
        let known = Known {
            weights_only: to.known.weights_only || from.known.weights_only,
            varies: to.known.varies && from.known.varies,
        };
        if let (Some(a), Some(b)) = (to.constant, from.constant)
            && a.to_bits() != b.to_bits()
        {
            self.conflicts.push(format!("the constants {a} and {b} are not equal"));
        }
        let constant = to.constant.or(from.constant);
        let facts = |data: &Data| (data.known, data.constant.map(f64::to_bits));
        let merged = (known, constant.map(f64::to_bits));
        let changed = DidMerge(facts(to) != merged, facts(&from) != merged);
        to.known = known;
        to.constant = constant;
        to.origin = to.origin.or(from.origin);
        changed
    }
}
