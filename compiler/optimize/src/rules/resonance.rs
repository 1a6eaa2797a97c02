//! Resonance: products of states with matrices of weights, `c @ r @ w`.
//!
//! Associativity of matrix products, over the reals, and only towards products that prepare computes once. A product *inside* a recurrence never comes here: its body is no part of the
//! e-graph, and moving it out would be another function (see `lookalikes`).

use super::Condition::WeightsOnly;
use super::Equality::Real;
use super::What::{Function, Rewrite};
use super::{Firing, Row, join, op_of, terms_where, type_of};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::Head;
use egg::Id;
use tensc_ir::{Contraction, Op};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // (c r) w == c (r w).  Wins when r w depends on weights alone.
    Row { name: "resonance-into-projection", law: "(c r) w = c (r w)", equality: Real, what: Rewrite(
        "(proj (proj ?c ?r) ?w)", "(proj ?c (proj ?r ?w))",
        &[WeightsOnly("?r"), WeightsOnly("?w")]),
        fires: "?c: f32[T, 5], ?r: w f32[5, 5], ?w: w f32[5, 3]", stops: "?c: f32[T, 5], ?r: f32[5, 5], ?w: w f32[5, 3]" },
    // (c o [r_1 .. r_H]) w == c (blocks r_h w_h).  The block-diagonal form of the same.
    Row { name: "block-resonance-into-projection", law: "reshape(c_h r_h) w = reshape(c) stack(r_h w_h)", equality: Real,
        what: Function(block_resonance),
        fires: BLOCKS, stops: BLOCKS_VARYING },
];

/// Two heads of three modes, mixed within each head, then projected.
const BLOCKS: &str = r#"graph blocks {
  input 0 c : f32[T, 2, 3] argument
  input 1 r : f32[2, 4, 3] param "r"
  input 2 w : f32[8, 5] param "w"
  v0 = input 0 : f32[T, 2, 3]
  v1 = input 1 : f32[2, 4, 3]
  v2 = input 2 : f32[8, 5]
  v3 = contract "abc,bdc->abd" v0, v1 : f32[T, 2, 4]
  v4 = reshape [T, 8] v3 : f32[T, 8]
  v5 = contract "ab,bc->ac" v4, v2 : f32[T, 5]
  output y = v5
}"#;

/// The same with a mixing matrix that is an argument.
const BLOCKS_VARYING: &str = r#"graph blocks {
  input 0 c : f32[T, 2, 3] argument
  input 1 r : f32[2, 4, 3] argument
  input 2 w : f32[8, 5] param "w"
  v0 = input 0 : f32[T, 2, 3]
  v1 = input 1 : f32[2, 4, 3]
  v2 = input 2 : f32[8, 5]
  v3 = contract "abc,bdc->abd" v0, v1 : f32[T, 2, 4]
  v4 = reshape [T, 8] v3 : f32[T, 8]
  v5 = contract "ab,bc->ac" v4, v2 : f32[T, 5]
  output y = v5
}"#;

/// `proj (reshape (contract c r)) w` with r block-diagonal over heads.
fn block_resonance(egraph: &mut Graph) -> Vec<Firing> {
    let mut found = Vec::new();
    for (class, term) in terms_where(egraph, |_, term| term.head == Head::Proj) {
        if let [x, w] = term.children.as_slice()
            && egraph[*w].data.known.weights_only
        {
            for reshape in &egraph[*x].nodes {
                let (Some(Op::Reshape { .. }), [inner]) =
                    (op_of(egraph, reshape), reshape.children.as_slice())
                else {
                    continue;
                };
                for contract in &egraph[*inner].nodes {
                    if let (Some(Op::Contract(labels)), [c, r]) =
                        (op_of(egraph, contract), contract.children.as_slice())
                        && egraph[*r].data.known.weights_only
                    {
                        found.push((class, *inner, *c, *r, *w, labels));
                    }
                }
            }
        }
    }
    let mut fired = Vec::new();
    for (class, inner, c, r, w, labels) in found {
        if let Some(folded) = fold_blocks(egraph, inner, c, r, w, &labels) {
            fired.extend(join(egraph, class, folded));
        }
    }
    fired
}

fn fold_blocks(egraph: &mut Graph, inner: Id, c: Id, r: Id, w: Id, labels: &Contraction) -> Option<Id> {
    let (head, from) = match labels.left.as_slice() {
        [.., head, from] => (*head, *from),
        _ => return None,
    };
    let (rows, to) = match labels.result.as_slice() {
        [rows @ .., result_head, to] if *result_head == head => (rows, *to),
        _ => return None,
    };
    let expected_rows = labels.left.get(..labels.left.len() - 2)?;
    let right_fits = labels.right.len() == 3 && [head, from, to].iter().all(|l| labels.right.contains(l));
    if rows != expected_rows || !right_fits || from == to {
        return None;
    }
    let (inner_ty, c_ty, w_ty) = (type_of(egraph, inner)?, type_of(egraph, c)?, type_of(egraph, w)?);
    let (heads, to_size) = match inner_ty.shape.as_slice() {
        [.., heads, to_size] => (heads.clone(), to_size.clone()),
        _ => return None,
    };
    let from_size = c_ty.shape.last()?.clone();
    let columns = w_ty.shape.get(1)?.clone();
    // The reshape must join exactly these two axes.
    if *w_ty.shape.first()? != &heads * &to_size {
        return None;
    }
    let blocks = Op::Reshape { shape: vec![heads.clone(), to_size, columns.clone()] };
    let w_blocks = add(egraph, &blocks, vec![w]);
    let column = labels.left.iter().chain(&labels.right).max()?.checked_add(1)?;
    let fold = Op::Contract(Contraction {
        left: labels.right.clone(),
        right: vec![head, to, column],
        result: vec![head, from, column],
    });
    let folded = add(egraph, &fold, vec![r, w_blocks]);
    let joined = &heads * &from_size;
    let matrix = add(egraph, &Op::Reshape { shape: vec![joined.clone(), columns] }, vec![folded]);
    let mut flat = c_ty.shape.get(..c_ty.rank() - 2)?.to_vec();
    flat.push(joined);
    let rank = flat.len();
    let x = add(egraph, &Op::Reshape { shape: flat }, vec![c]);
    Some(add(egraph, &Op::Contract(crate::facts::projection(rank)), vec![x, matrix]))
}
