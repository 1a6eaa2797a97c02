//! Complex modes of which only one part is read.
//!
//! `re` and `im` are linear over the reals, so they move through sums, real factors and real matrices; what is left of a dead part is then removed by extraction, since
//! nothing asks for it. Rules that drop a product with 0 are real, not exact: infinity times 0 is NaN. All rules move a part towards the inputs, so they end.

use super::Condition::F32;
use super::Equality::{Exact, Real};
use super::What::{Function, Rewrite};
use super::{Firing, Row, join, terms_where};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::{Head, Term};
use tensc_ir::{Op, ReduceKind, UnaryOp};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // re (a + i b) == a,  im (a + i b) == b.
    Row { name: "re-of-complex", law: "re(a + i b) = a", equality: Exact, what: Rewrite("(re (complex ?a ?b))", "?a", &[]),
        fires: "?a: f32[T, 3], ?b: f32[3]", stops: "?a: f32[3], ?b: f32[T, 3]" },
    Row { name: "im-of-complex", law: "im(a + i b) = b", equality: Exact, what: Rewrite("(im (complex ?a ?b))", "?b", &[]),
        fires: "?a: f32[3], ?b: f32[T, 3]", stops: "?a: f32[T, 3], ?b: f32[3]" },
    Row { name: "re-of-real",    law: "re(a + 0 i) = a", equality: Exact, what: Rewrite("(re (to-c64 ?a))", "?a", &[F32("?a")]),
        fires: "?a: f32[T, 3]", stops: "?a: f64[T, 3]" },
    // re and im of sums, differences, negation, conjugate.
    Row { name: "re-of-sum",        law: "re(x + y) = re x + re y", equality: Exact, what: Rewrite("(re (add ?x ?y))", "(add (re ?x) (re ?y))", &[]),
        fires: "?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "im-of-sum",        law: "im(x + y) = im x + im y", equality: Exact, what: Rewrite("(im (add ?x ?y))", "(add (im ?x) (im ?y))", &[]),
        fires: "?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "re-of-difference", law: "re(x - y) = re x - re y", equality: Exact, what: Rewrite("(re (sub ?x ?y))", "(sub (re ?x) (re ?y))", &[]),
        fires: "?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "im-of-difference", law: "im(x - y) = im x - im y", equality: Exact, what: Rewrite("(im (sub ?x ?y))", "(sub (im ?x) (im ?y))", &[]),
        fires: "?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "re-of-negation",   law: "re(-x) = -re x", equality: Exact, what: Rewrite("(re (neg ?x))", "(neg (re ?x))", &[]),
        fires: "?x: c64[T, 3]", stops: "" },
    Row { name: "im-of-negation",   law: "im(-x) = -im x", equality: Exact, what: Rewrite("(im (neg ?x))", "(neg (im ?x))", &[]),
        fires: "?x: c64[T, 3]", stops: "" },
    Row { name: "re-of-conjugate",  law: "re(conj x) = re x", equality: Exact, what: Rewrite("(re (conj ?x))", "(re ?x)", &[]),
        fires: "?x: c64[T, 3]", stops: "" },
    Row { name: "im-of-conjugate",  law: "im(conj x) = -im x", equality: Exact, what: Rewrite("(im (conj ?x))", "(neg (im ?x))", &[]),
        fires: "?x: c64[T, 3]", stops: "" },
    // re (a z) == a re z for real a, on either side.
    Row { name: "re-of-real-multiple", law: "re(a z) = a re z, a real", equality: Real, what: Rewrite("(re (mul (to-c64 ?a) ?z))", "(mul ?a (re ?z))", &[F32("?a")]),
        fires: "?a: f32[T, 3], ?z: c64[3]", stops: "?a: i32[T, 3], ?z: c64[3]" },
    Row { name: "im-of-real-multiple", law: "im(a z) = a im z, a real", equality: Real, what: Rewrite("(im (mul (to-c64 ?a) ?z))", "(mul ?a (im ?z))", &[F32("?a")]),
        fires: "?a: f32[T, 3], ?z: c64[3]", stops: "?a: i32[T, 3], ?z: c64[3]" },
    Row { name: "re-of-multiple-real", law: "re(z a) = re z a, a real", equality: Real, what: Rewrite("(re (mul ?z (to-c64 ?a)))", "(mul (re ?z) ?a)", &[F32("?a")]),
        fires: "?a: f32[T, 3], ?z: c64[3]", stops: "?a: i32[T, 3], ?z: c64[3]" },
    Row { name: "im-of-multiple-real", law: "im(z a) = im z a, a real", equality: Real, what: Rewrite("(im (mul ?z (to-c64 ?a)))", "(mul (im ?z) ?a)", &[F32("?a")]),
        fires: "?a: f32[T, 3], ?z: c64[3]", stops: "?a: i32[T, 3], ?z: c64[3]" },
    Row { name: "re-of-real-quotient", law: "re(z / a) = re z / a, a real", equality: Real, what: Rewrite("(re (div ?z (to-c64 ?a)))", "(div (re ?z) ?a)", &[F32("?a")]),
        fires: "?z: c64[T, 3], ?a: f32[3]", stops: "?z: c64[T, 3], ?a: i32[3]" },
    // re (c w) == (re c) w for a real matrix; the imaginary half of the product is dead.
    Row { name: "re-through-real-projection", law: "re(c w) = re(c) w, w real", equality: Real, what: Rewrite("(re (proj ?c (to-c64 ?a)))", "(proj (re ?c) ?a)", &[F32("?a")]),
        fires: "?c: c64[T, 3], ?a: f32[3, 2]", stops: "?c: c64[T, 3], ?a: i32[3, 2]" },
    Row { name: "im-through-real-projection", law: "im(c w) = im(c) w, w real", equality: Real, what: Rewrite("(im (proj ?c (to-c64 ?a)))", "(proj (im ?c) ?a)", &[F32("?a")]),
        fires: "?c: c64[T, 3], ?a: f32[3, 2]", stops: "?c: c64[T, 3], ?a: i32[3, 2]" },
    Row { name: "re-through-complex-projection", law: "re(x w) = x re(w), x real", equality: Real, what: Rewrite("(re (proj (to-c64 ?a) ?w))", "(proj ?a (re ?w))", &[F32("?a")]),
        fires: "?a: f32[T, 3], ?w: c64[3, 2]", stops: "?a: i32[T, 3], ?w: c64[3, 2]" },
    // re (c w) == re c re w - im c im w: half of a complex product.
    Row { name: "re-of-complex-projection", law: "re(c w) = re c re w - im c im w", equality: Real, what: Rewrite("(re (proj ?c ?w))", "(sub (proj (re ?c) (re ?w)) (proj (im ?c) (im ?w)))", &[]),
        fires: "?c: c64[T, 3], ?w: c64[3, 2]", stops: "" },
    // re (select) and re (movement) == movement (re).
    Row { name: "re-of-choice", law: "re(if p {x} else {y}) = if p {re x} else {re y}", equality: Exact, what: Rewrite("(re (select ?p ?x ?y))", "(select ?p (re ?x) (re ?y))", &[]),
        fires: "?p: bool[T, 1], ?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "im-of-choice", law: "im(if p {x} else {y}) = if p {im x} else {im y}", equality: Exact, what: Rewrite("(im (select ?p ?x ?y))", "(select ?p (im ?x) (im ?y))", &[]),
        fires: "?p: bool[T, 1], ?x: c64[T, 3], ?y: c64[3]", stops: "" },
    Row { name: "part-through-movement", law: "re(move x) = move(re x)", equality: Exact, what: Function(part_through_movement),
        fires: MOVED, stops: "" },
];

/// The real part of a slice of a sum over an axis.
const MOVED: &str = r#"graph moved {
  input 0 z : c64[T, 3, 4] argument
  v0 = input 0 : c64[T, 3, 4]
  v1 = reduce sum axes [1] v0 : c64[T, 4]
  v2 = slice axis 1 from 1 len 2 v1 : c64[T, 2]
  v3 = re v2 : f32[T, 2]
  v4 = im v2 : f32[T, 2]
  output y = v3
  output z = v4
}"#;

/// Moves `re` and `im` through ops that only move entries, or sum them.
fn part_through_movement(egraph: &mut Graph) -> Vec<Firing> {
    let is_part = |term: &Term| matches!(term.head, Head::Unary(UnaryOp::Re | UnaryOp::Im));
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| is_part(term)) {
        let Some(child) = term.children.first() else { continue };
        for inner in &egraph[*child].nodes {
            if let Head::Op(id) = inner.head
                && let Some(op) = egraph.analysis.op(id)
                && moves_entries(op)
            {
                found.push((class, term.head, op.clone(), inner.children.clone()));
            }
        }
    }
    let mut fired = Vec::new();
    for (class, head, op, children) in found {
        // A gather's indices are no part of the complex operand.
        let parts = if matches!(op, Op::Concat { .. }) { children.len() } else { 1 };
        let children = children
            .into_iter()
            .enumerate()
            .map(|(n, child)| if n < parts { egraph.add(Term::new(head, vec![child])) } else { child })
            .collect();
        let moved = add(egraph, &op, children);
        fired.extend(join(egraph, class, moved));
    }
    fired
}

fn moves_entries(op: &Op) -> bool {
    match op {
        Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Concat { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Last { .. }
        | Op::Cumsum { .. } => true,
        Op::Reduce { kind, .. } => *kind == ReduceKind::Sum,
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Contract(_)
        | Op::Conv { .. }
        | Op::Fft { .. }
        | Op::Keep { .. }
        | Op::Draw { .. }
        | Op::Rec(_)
        | Op::Repeat(_) => false,
    }
}
