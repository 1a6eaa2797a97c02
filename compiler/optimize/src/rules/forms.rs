//! The forms of recurrences.
//!
//! A form is another way to compute the same function, so a rule changes nothing but the op's `form`; which forms a recurrence has, with which numbers, is the analysis' business
//! (`tensc_ir::analyse::forms`). Forms sum in another order, so they are equal over the reals.

use super::Equality::Real;
use super::What::Function;
use super::{Firing, Row, join, other_op, terms_where};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::{Head, Term};
use egg::Id;
use tensc_ir::analyse::forms::forms;
use tensc_ir::{Form, Op, Rec};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // h[t] = a h[t-1] + b[t], S segments of T side by side, each from zero; then what the segment in front leaves is added, decayed.
    Row { name: "recurrence-as-scan", law: "h = segments from 0 + decayed carry", equality: Real, what: Function(as_scan),
        fires: DIAGONAL, stops: NONLINEAR },
    // C entries at a time: what they give each other is a product with a matrix of decays, what the state gives them another.
    Row { name: "recurrence-in-chunks", law: "h = masked product within a chunk + decayed carry", equality: Real, what: Function(in_chunks),
        fires: OUTER, stops: NONLINEAR },
];

/// One decay for each channel.
const DIAGONAL: &str = r#"graph diagonal {
  input 0 x : f32[T, 3] argument
  input 1 a : f32[3] param "a"
  input 2 s : f32[3] argument
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3]
  v2 = input 2 : f32[3]
  v3, v4 = rec step forward T axis 0 sequences(v0) constants(v1) states(line 0 depth 1) start(v2) : f32[T, 3], f32[3] {
    input 0 t : i32 local
    input 1 c.1 : f32[3] local
    input 2 sequence0 : f32[3] local
    input 3 outer0 : f32[3] local
    v0 = input 1 : f32[3]
    v1 = input 2 : f32[3]
    v2 = input 3 : f32[3]
    v3 = mul v2, v0 : f32[3]
    v4 = add v3, v1 : f32[3]
    output c = v4
  }
  output y = v3
  output state = v4
}"#;

/// A matrix state that outer products are added to.
const OUTER: &str = r#"graph outer {
  input 0 k : f32[T, 2] argument
  input 1 v : f32[T, 3] argument
  input 2 a : f32 param "a"
  input 3 s : f32[2, 3] argument
  v0 = input 0 : f32[T, 2]
  v1 = input 1 : f32[T, 3]
  v2 = input 2 : f32
  v3 = input 3 : f32[2, 3]
  v4, v5 = rec step forward T axis 0 sequences(v0, v1) constants(v2) states(line 0 depth 1) start(v3) : f32[T, 2, 3], f32[2, 3] {
    input 0 t : i32 local
    input 1 s.1 : f32[2, 3] local
    input 2 sequence0 : f32[2] local
    input 3 sequence1 : f32[3] local
    input 4 outer0 : f32 local
    v0 = input 1 : f32[2, 3]
    v1 = input 2 : f32[2]
    v2 = input 3 : f32[3]
    v3 = input 4 : f32
    v4 = mul v3, v0 : f32[2, 3]
    v5 = contract "a,b->ab" v1, v2 : f32[2, 3]
    v6 = add v4, v5 : f32[2, 3]
    output s = v6
  }
  output y = v4
  output state = v5
}"#;

/// A step that is not linear in the state.
const NONLINEAR: &str = r#"graph nonlinear {
  input 0 x : f32[T, 3] argument
  input 1 s : f32[3] argument
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3]
  v2, v3 = rec step forward T axis 0 sequences(v0) constants() states(line 0 depth 1) start(v1) : f32[T, 3], f32[3] {
    input 0 t : i32 local
    input 1 c.1 : f32[3] local
    input 2 sequence0 : f32[3] local
    v0 = input 1 : f32[3]
    v1 = input 2 : f32[3]
    v2 = add v0, v1 : f32[3]
    v3 = tanh v2 : f32[3]
    output c = v3
  }
  output y = v2
  output state = v3
}"#;

/// Every recurrence in its step form.
fn recurrences(egraph: &Graph) -> Vec<(Id, Rec, Term)> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| matches!(term.head, Head::Op(_))) {
        if let Some(Op::Rec(rec)) = other_op(egraph, &term)
            && rec.form == Form::Step
        {
            found.push((class, rec.as_ref().clone(), term));
        }
    }
    found
}

fn as_scan(egraph: &mut Graph) -> Vec<Firing> {
    in_form(egraph, |form| matches!(form, Form::Scan(_)))
}

fn in_chunks(egraph: &mut Graph) -> Vec<Firing> {
    in_form(egraph, |form| matches!(form, Form::Chunk(_)))
}

/// The same recurrence in those of its forms that are wanted.
fn in_form(egraph: &mut Graph, wanted: impl Fn(Form) -> bool) -> Vec<Firing> {
    let mut fired = Vec::new();
    for (class, rec, term) in recurrences(egraph) {
        for form in forms(&rec).into_iter().filter(|form| wanted(*form)) {
            let other = add(egraph, &Op::Rec(Box::new(Rec { form, ..rec.clone() })), term.children.clone());
            fired.extend(join(egraph, class, other));
        }
    }
    fired
}
