//! Projections `x @ w`.
//!
//! Laws of matrix products, over the reals: associativity, linearity. Each rule moves work to where it depends on weights alone (prepare pays once), or joins products that
//! read the same input. None blows up: associativity only towards prepared products, merging once per input.

use super::Condition::{Scalar, WeightsOnly};
use super::Equality::Real;
use super::What::{Function, Rewrite};
use super::{Firing, Row, join, op_of, terms_where, type_of};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::Head;
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::{Dim, Op};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // s (c w) == c (s w).
    Row { name: "scale-into-projection", law: "(c w) s = c (w s)", equality: Real, what: Rewrite(
        "(mul (proj ?c ?w) ?s)", "(proj ?c (mul ?w ?s))",
        &[WeightsOnly("?w"), WeightsOnly("?s"), Scalar("?s")]),
        fires: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32", stops: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32[3]" },
    Row { name: "quotient-into-projection", law: "(c w) / s = c (w / s)", equality: Real, what: Rewrite(
        "(div (proj ?c ?w) ?s)", "(proj ?c (div ?w ?s))",
        &[WeightsOnly("?w"), WeightsOnly("?s"), Scalar("?s")]),
        fires: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32", stops: "?c: f32[T, 5], ?w: f32[5, 3], ?s: w f32" },
    // (a + b) / s == a / s + b / s.  Only towards projections that take the quotient in.
    Row { name: "quotient-of-projections", law: "(a w + b v) / s = (a w) / s + (b v) / s", equality: Real, what: Rewrite(
        "(div (add (proj ?a ?w) (proj ?b ?v)) ?s)", "(add (div (proj ?a ?w) ?s) (div (proj ?b ?v) ?s))",
        &[WeightsOnly("?w"), WeightsOnly("?v"), WeightsOnly("?s"), Scalar("?s")]),
        fires: "?a: f32[T, 5], ?w: w f32[5, 3], ?b: f32[T, 4], ?v: w f32[4, 3], ?s: w f32", stops: "?a: f32[T, 5], ?w: w f32[5, 3], ?b: f32[T, 4], ?v: f32[4, 3], ?s: w f32" },
    // [x w_1 | x w_2 | ..] == x [w_1 | w_2 | ..].  One product instead of several that read the same input.
    Row { name: "projections-share-input", law: "x w_i = (x [w_1 .. w_n])_i", equality: Real, what: Function(share_input),
        fires: SHARED, stops: SHARED_VARYING },
];

/// Two projections of one input.
const SHARED: &str = r#"graph shared {
  input 0 x : f32[T, 3] argument
  input 1 u : f32[3, 4] param "u"
  input 2 w : f32[3, 2] param "w"
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3, 4]
  v2 = input 2 : f32[3, 2]
  v3 = contract "ab,bc->ac" v0, v1 : f32[T, 4]
  v4 = contract "ab,bc->ac" v0, v2 : f32[T, 2]
  output y = v3
  output z = v4
}"#;

/// One of the matrices is an argument.
const SHARED_VARYING: &str = r#"graph shared {
  input 0 x : f32[T, 3] argument
  input 1 u : f32[3, 4] argument
  input 2 w : f32[3, 2] param "w"
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3, 4]
  v2 = input 2 : f32[3, 2]
  v3 = contract "ab,bc->ac" v0, v1 : f32[T, 4]
  v4 = contract "ab,bc->ac" v0, v2 : f32[T, 2]
  output y = v3
  output z = v4
}"#;

/// One product per input that several narrow, weights-only matrices read.
fn share_input(egraph: &mut Graph) -> Vec<Firing> {
    let mut by_input: BTreeMap<Id, Vec<(Id, Id)>> = BTreeMap::new();
    for (class, term) in terms_where(egraph, |_, term| term.head == Head::Proj) {
        if let [x, w] = term.children.as_slice() {
            let (x, w) = (egraph.find(*x), egraph.find(*w));
            let known = (egraph[x].data.known, egraph[w].data.known);
            if !known.0.weights_only && known.1.weights_only && !is_merged(egraph, w) {
                by_input.entry(x).or_default().push((class, w));
            }
        }
    }
    let mut fired = Vec::new();
    for (x, mut products) in by_input {
        products.dedup_by_key(|(class, _)| *class);
        if products.len() < 2 || products.iter().any(|(class, _)| is_sliced(egraph, *class)) {
            continue;
        }
        fired.extend(merge_products(egraph, x, &products).unwrap_or_default());
    }
    fired
}

/// A matrix that this rule made.
fn is_merged(egraph: &Graph, w: Id) -> bool {
    egraph[w].nodes.iter().any(|term| matches!(op_of(egraph, term), Some(Op::Concat { axis: 1 })))
}

/// A product that is already a piece of a merged one.
fn is_sliced(egraph: &Graph, class: Id) -> bool {
    egraph[class].nodes.iter().any(|term| {
        matches!(op_of(egraph, term), Some(Op::Slice { .. }))
            && term.children.iter().any(|child| egraph[*child].nodes.iter().any(|t| t.head == Head::Proj))
    })
}

fn merge_products(egraph: &mut Graph, x: Id, products: &[(Id, Id)]) -> Option<Vec<Firing>> {
    let rank = type_of(egraph, x)?.rank();
    let mut widths = Vec::new();
    for (_, w) in products {
        widths.push(type_of(egraph, *w)?.shape.get(1)?.clone());
    }
    let matrices: Vec<Id> = products.iter().map(|(_, w)| *w).collect();
    let merged = add(egraph, &Op::Concat { axis: 1 }, matrices);
    let product = add(egraph, &Op::Contract(crate::facts::projection(rank)), vec![x, merged]);
    let mut start = Dim::constant(0);
    let mut fired = Vec::new();
    for ((class, _), len) in products.iter().zip(widths) {
        let slice = Op::Slice { axis: rank - 1, start: start.clone(), len: len.clone() };
        start = &start + &len;
        let piece = add(egraph, &slice, vec![product]);
        fired.extend(join(egraph, *class, piece));
    }
    Some(fired)
}
