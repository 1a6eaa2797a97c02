//! What is asked of logits `x @ w`: single ones, and the logarithm of the sum of their exponentials.
//!
//! A vocabulary is wide. Neither needs all logits of all entries in memory at once: a single logit is a product of one row with one column, and the sum of exponentials can be carried from tile to tile of the
//! vocabulary, relative to the largest logit so far (Milakov and Gimelshein 2018, arXiv 1805.02867).

use super::Equality::Real;
use super::What::Function;
use super::{Firing, Row, join, other_op, terms_where, type_of};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::Head;
use tensc_ir::{BinaryOp, Op, ReduceKind};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // (x w)[t, y[t]] == x[t] . w[:, y[t]].
    Row { name: "logit-of-a-target", law: "(x w)[t, y[t]] = x[t] . w[:, y[t]]", equality: Real, what: Function(logit_of_a_target),
        fires: TARGET, stops: TARGET_VARYING },
];

/// The logit of each entry's target, where it is valid.
const TARGET: &str = r#"graph target {
  input 0 x : f32[T, 3] argument
  input 1 w : f32[3, 5] param "w"
  input 2 y : i32[T] argument
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3, 5]
  v2 = input 2 : i32[T]
  v3 = contract "ab,bc->ac" v0, v1 : f32[T, 5]
  v4 = const i32 0 : i32
  v5 = const i32 5 : i32
  v6 = ge v2, v4 : bool[T]
  v7 = lt v2, v5 : bool[T]
  v8 = and v6, v7 : bool[T]
  v9 = gather batch 1 v3, v2, v8 : f32[T]
  output y = v9
}"#;

/// A matrix that differs from sequence to sequence would be turned round in every call.
const TARGET_VARYING: &str = r#"graph target {
  input 0 x : f32[T, 3] argument
  input 1 w : f32[3, 5] argument
  input 2 y : i32[T] argument
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3, 5]
  v2 = input 2 : i32[T]
  v3 = contract "ab,bc->ac" v0, v1 : f32[T, 5]
  v4 = const i32 0 : i32
  v5 = const i32 5 : i32
  v6 = ge v2, v4 : bool[T]
  v7 = lt v2, v5 : bool[T]
  v8 = and v6, v7 : bool[T]
  v9 = gather batch 1 v3, v2, v8 : f32[T]
  output y = v9
}"#;

fn logit_of_a_target(egraph: &mut Graph) -> Vec<Firing> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| matches!(term.head, Head::Op(_))) {
        let (Some(Op::Gather { batch: 1 }), [logits, rest @ ..]) =
            (other_op(egraph, &term), term.children.as_slice())
        else {
            continue;
        };
        for product in egraph[*logits].nodes.iter().filter(|term| term.head == Head::Proj) {
            if let [x, w] = product.children.as_slice()
                && egraph[*w].data.known.weights_only
                && type_of(egraph, *x).is_some_and(|ty| ty.rank() == 2)
                && type_of(egraph, class).is_some_and(|ty| ty.rank() == 1)
            {
                found.push((class, *x, *w, rest.to_vec()));
            }
        }
    }
    let mut fired = Vec::new();
    for (class, x, w, indices) in found {
        let rows = add(egraph, &Op::Transpose { perm: vec![1, 0] }, vec![w]);
        let mut operands = vec![rows];
        operands.extend(indices);
        let columns = add(egraph, &Op::Gather { batch: 0 }, operands);
        let products = add(egraph, &Op::Binary(BinaryOp::Mul), vec![x, columns]);
        let logit = add(egraph, &Op::Reduce { kind: ReduceKind::Sum, axes: vec![1] }, vec![products]);
        fired.extend(join(egraph, class, logit));
    }
    fired
}
