//! Projections that move across recurrences.
//!
//! A projection moves only where the decay is the same for all that it sums, and in the direction in which the recurrence gets narrower. The state that a call leaves is the written one, so a
//! recurrence whose state is read stays as it is.

use super::Equality::Real;
use super::What::Function;
use super::{Firing, Row, join, other_op, terms_where, type_of};
use crate::encode::add;
use crate::facts::{Graph, projection};
use crate::language::{Head, Term};
use egg::Id;
use tensc_ir::analyse::forms::only_group;
use tensc_ir::analyse::recurrence::{Class, Factor, Source};
use tensc_ir::{BinaryOp, Builder, Form, Input, Op, Rec, RecState, Role, Type, ValueId};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // (rec h = a h + b) w == rec h = a h + b w, a the same along the axis that w sums.
    Row { name: "readout-before-recurrence", law: "(rec h = a h + b) w = rec h = a h + b w", equality: Real, what: Function(readout_first),
        fires: NARROWS, stops: WIDENS },
];

/// Five channels with one decay, of which two sums are read.
const NARROWS: &str = r#"graph narrows {
  input 0 x : f32[T, 5] argument
  input 1 a : f32[T, 1] argument
  input 2 w : f32[5, 2] param "w"
  input 3 s : f32[5] argument
  v0 = input 0 : f32[T, 5]
  v1 = input 1 : f32[T, 1]
  v2 = input 2 : f32[5, 2]
  v3 = input 3 : f32[5]
  v4, v5 = rec step forward T axis 0 sequences(v0, v1) constants() states(line 0 depth 1) start(v3) : f32[T, 5], f32[5] {
    input 0 t : i32 local
    input 1 c.1 : f32[5] local
    input 2 sequence0 : f32[5] local
    input 3 sequence1 : f32[1] local
    v0 = input 1 : f32[5]
    v1 = input 2 : f32[5]
    v2 = input 3 : f32[1]
    v3 = mul v2, v0 : f32[5]
    v4 = add v3, v1 : f32[5]
    output c = v4
  }
  v6 = contract "ab,bc->ac" v4, v2 : f32[T, 2]
  output y = v6
}"#;

/// Two channels of which five sums are read: the recurrence would get wider.
const WIDENS: &str = r#"graph widens {
  input 0 x : f32[T, 2] argument
  input 1 a : f32 argument
  input 2 w : f32[2, 5] param "w"
  input 3 s : f32[2] argument
  v0 = input 0 : f32[T, 2]
  v1 = input 1 : f32
  v2 = input 2 : f32[2, 5]
  v3 = input 3 : f32[2]
  v4, v5 = rec step forward T axis 0 sequences(v0) constants(v1) states(line 0 depth 1) start(v3) : f32[T, 2], f32[2] {
    input 0 t : i32 local
    input 1 c.1 : f32[2] local
    input 2 sequence0 : f32[2] local
    input 3 outer0 : f32 local
    v0 = input 1 : f32[2]
    v1 = input 2 : f32[2]
    v2 = input 3 : f32
    v3 = mul v2, v0 : f32[2]
    v4 = add v3, v1 : f32[2]
    output c = v4
  }
  v6 = contract "ab,bc->ac" v4, v2 : f32[T, 5]
  output y = v6
}"#;

/// `(rec h = a h + b) w` where `b` is a sequence operand, and `a` operands that are the same along the last axis.
fn readout_first(egraph: &mut Graph) -> Vec<Firing> {
    let mut found = Vec::new();
    let reads_state = |node: Id, rec: &Rec| {
        let lines = rec.body.outputs.len();
        let states = terms_where(egraph, |_, term| matches!(term.head, Head::Get(n) if n as usize >= lines));
        states.iter().any(|(_, term)| {
            term.children.first().is_some_and(|child| egraph.find(*child) == egraph.find(node))
        })
    };
    for (class, term) in terms_where(egraph, |_, term| term.head == Head::Proj) {
        let [states, w] = term.children.as_slice() else { continue };
        for line in egraph[*states].nodes.iter().filter(|term| term.head == Head::Get(0)) {
            let [node] = line.children.as_slice() else { continue };
            for inner in &egraph[*node].nodes {
                if let Some(Op::Rec(rec)) = other_op(egraph, inner)
                    && rec.form == Form::Step
                    && !reads_state(*node, rec)
                {
                    found.push((class, rec.as_ref().clone(), inner.children.clone(), *w));
                }
            }
        }
    }
    let mut fired = Vec::new();
    for (class, rec, operands, w) in found {
        if let Some(moved) = projected(egraph, &rec, &operands, w) {
            fired.extend(join(egraph, class, moved));
        }
    }
    fired
}

/// The recurrence over what the projection leaves of its input and of its start; nothing where it is not narrower, or its decay tells the summed channels apart.
fn projected(egraph: &mut Graph, rec: &Rec, operands: &[Id], w: Id) -> Option<Id> {
    let Narrow { decays, input, negative } = Narrow::of(rec)?;
    let (sequences, rest) = operands.split_at(rec.sequences.min(operands.len()));
    let start = *rest.get(rec.constants)?;
    let x = *sequences.get(input)?;
    let (x_ty, w_ty, start_ty) = (type_of(egraph, x)?, type_of(egraph, w)?, type_of(egraph, start)?);
    let (from, to) = (w_ty.shape.first()?.as_constant()?, w_ty.shape.get(1)?.as_constant()?);
    let state = rec.body.inputs.get(1)?.ty.clone();
    let plain = start_ty == state
        && x_ty.dtype == state.dtype
        && x_ty.rank() == state.rank() + 1
        && rec.axis + 1 < x_ty.rank();
    if to >= from || !plain || rec.body.outputs.len() != 1 {
        return None;
    }
    let new_x = add(egraph, &Op::Contract(projection(x_ty.rank())), vec![x, w]);
    let new_start = add(egraph, &Op::Contract(projection(state.rank())), vec![start, w]);
    let mut entry = state;
    *entry.shape.last_mut()? = w_ty.shape.get(1)?.clone();
    let mut body = Builder::new(rec.body.name.clone());
    let local = |name: &str, ty: Type| Input { name: name.to_owned(), ty, role: Role::Local };
    body.input(local("t", Type::scalar(tensc_ir::DType::I32)));
    let before = body.input(local("h.1", entry.clone()));
    let mut new_sequences = vec![new_x];
    let mut new_constants = Vec::new();
    let added = body.input(local("sequence0", entry));
    let number_of =
        |operand: usize| if operand < rec.sequences { Some(*operands.get(operand)?) } else { None };
    // Decays that are sequences come before those that are constants, as operands do.
    let mut factors: Vec<(Factor, ValueId)> = Vec::new();
    for wanted_sequence in [true, false] {
        for (decay, operand) in &decays {
            let is_sequence = *operand < rec.sequences;
            if is_sequence != wanted_sequence {
                continue;
            }
            let ty = rec.body.inputs.get(2 + operand)?.ty.clone();
            let value = body.input(local(&format!("decay{operand}"), ty));
            match number_of(*operand) {
                Some(sequence) => new_sequences.push(sequence),
                None => new_constants.push(*rest.get(operand - rec.sequences)?),
            }
            factors.push((*decay, value));
        }
    }
    let mut decayed = before;
    for (factor, value) in factors {
        let op = match factor {
            Factor::Times(_) => BinaryOp::Mul,
            Factor::Over(_) => BinaryOp::Div,
            Factor::Where { .. } => return None,
        };
        decayed = body.push(Op::Binary(op), &[decayed, value], None).ok()?;
    }
    let op = if negative { BinaryOp::Sub } else { BinaryOp::Add };
    let line = body.push(Op::Binary(op), &[added, decayed], None).ok()?;
    let narrow = Rec {
        length: rec.length.clone(),
        axis: rec.axis,
        direction: rec.direction,
        form: Form::Step,
        sequences: new_sequences.len(),
        constants: new_constants.len(),
        states: vec![RecState { line: 0, depth: 1 }],
        body: body.finish(vec![("h".to_owned(), line)]),
    };
    let mut children = new_sequences;
    children.extend(new_constants);
    children.push(new_start);
    let node = add(egraph, &Op::Rec(Box::new(narrow)), children);
    Some(egraph.add(Term::new(Head::Get(0), vec![node])))
}

/// `h[t] = +-(product of operands) h[t-1] + b[t]`, the operands the same along the last axis.
struct Narrow {
    /// Factors with the number of the operand that each is.
    decays: Vec<(Factor, usize)>,
    /// Number of the sequence that is added.
    input: usize,
    negative: bool,
}

impl Narrow {
    fn of(rec: &Rec) -> Option<Self> {
        let group = only_group(rec)?;
        let (Class::DiagonalConstant { decay } | Class::DiagonalVarying { decay }) = &group.class else {
            return None;
        };
        let ([product], [input]) = (decay.as_slice(), group.input.as_slice()) else { return None };
        let operand = |value: ValueId| -> Option<usize> {
            let node = rec.body.values.get(value.0 as usize)?.node;
            match rec.body.nodes.get(node.0 as usize)?.op {
                Op::Input(number) => (number as usize).checked_sub(2),
                _ => None,
            }
        };
        let Source::Free(added) = input.source else { return None };
        let added = operand(added).filter(|n| *n < rec.sequences && input.steps.is_empty())?;
        let mut decays = Vec::new();
        for factor in &product.factors {
            let (Factor::Times(value) | Factor::Over(value)) = factor else { return None };
            let ty = &rec.body.values.get(value.0 as usize)?.ty;
            if ty.shape.last().is_some_and(|dim| dim.as_constant() != Some(1)) {
                return None;
            }
            decays.push((*factor, operand(*value)?));
        }
        Some(Self { decays, input: added, negative: product.negative })
    }
}
