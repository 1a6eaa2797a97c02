//! Projections `x @ w`.
//!
//! Laws of matrix products, over the reals: associativity, linearity. Each rule moves work to where it depends on weights alone (prepare pays once), or joins products that
//! read the same input. None blows up: associativity only towards prepared products, merging once per input.

use super::Equality::Real;
use super::What::{Function, Rewrite};
use super::{Row, join, scalar, terms_where, weights_only};
use crate::encode::add;
use crate::facts::Graph;
use crate::language::{Head, Term};
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::{Contraction, Dim, Op, Type};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // (c r) w == c (r w).  Wins when r w depends on weights alone.
    Row { name: "resonance-into-projection", law: "(c r) w = c (r w)", equality: Real, what: Rewrite(
        "(proj (proj ?c ?r) ?w)", "(proj ?c (proj ?r ?w))",
        |g, v| weights_only(g, v("?r")) && weights_only(g, v("?w"))),
        fires: "?c: f32[T, 5], ?r: w f32[5, 5], ?w: w f32[5, 3]", stops: "?c: f32[T, 5], ?r: f32[5, 5], ?w: w f32[5, 3]" },
    // (c o [r_1 .. r_H]) w == c (blocks r_h w_h).  The block-diagonal form of the same.
    Row { name: "block-resonance-into-projection", law: "reshape(c_h r_h) w = reshape(c) stack(r_h w_h)", equality: Real,
        what: Function(block_resonance),
        fires: BLOCKS, stops: BLOCKS_VARYING },
    // s (c w) == c (s w).
    Row { name: "scale-into-projection", law: "(c w) s = c (w s)", equality: Real, what: Rewrite(
        "(mul (proj ?c ?w) ?s)", "(proj ?c (mul ?w ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?s")) && scalar(g, v("?s"))),
        fires: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32", stops: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32[3]" },
    Row { name: "quotient-into-projection", law: "(c w) / s = c (w / s)", equality: Real, what: Rewrite(
        "(div (proj ?c ?w) ?s)", "(proj ?c (div ?w ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?s")) && scalar(g, v("?s"))),
        fires: "?c: f32[T, 5], ?w: w f32[5, 3], ?s: w f32", stops: "?c: f32[T, 5], ?w: f32[5, 3], ?s: w f32" },
    // (a + b) / s == a / s + b / s.  Only towards projections that take the quotient in.
    Row { name: "quotient-of-projections", law: "(a w + b v) / s = (a w) / s + (b v) / s", equality: Real, what: Rewrite(
        "(div (add (proj ?a ?w) (proj ?b ?v)) ?s)", "(add (div (proj ?a ?w) ?s) (div (proj ?b ?v) ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?v")) && weights_only(g, v("?s")) && scalar(g, v("?s"))),
        fires: "?a: f32[T, 5], ?w: w f32[5, 3], ?b: f32[T, 4], ?v: w f32[4, 3], ?s: w f32", stops: "?a: f32[T, 5], ?w: w f32[5, 3], ?b: f32[T, 4], ?v: f32[4, 3], ?s: w f32" },
    // [x w_1 | x w_2 | ..] == x [w_1 | w_2 | ..].  One product instead of several that read the same input.
    Row { name: "projections-share-input", law: "x w_i = (x [w_1 .. w_n])_i", equality: Real, what: Function(share_input),
        fires: SHARED, stops: SHARED_VARYING },
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

/// The op behind a term, and its children.
fn op_of(egraph: &Graph, term: &Term) -> Option<Op> {
    match term.head {
        Head::Op(id) => egraph.analysis.op(id).cloned(),
        Head::Proj | Head::Unary(_) | Head::Binary(_) | Head::Select | Head::Cast(_) | Head::Get(_) => None,
    }
}

fn type_of(egraph: &Graph, id: Id) -> Option<Type> {
    egraph[id].data.ty().cloned()
}

/// One product per input that several narrow, weights-only matrices read.
fn share_input(egraph: &mut Graph) -> Vec<Id> {
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
        if merge_products(egraph, x, &products).is_some() {
            fired.extend(products.first().map(|(class, _)| *class));
        }
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

fn merge_products(egraph: &mut Graph, x: Id, products: &[(Id, Id)]) -> Option<()> {
    let rank = type_of(egraph, x)?.rank();
    let mut widths = Vec::new();
    for (_, w) in products {
        widths.push(type_of(egraph, *w)?.shape.get(1)?.clone());
    }
    let matrices: Vec<Id> = products.iter().map(|(_, w)| *w).collect();
    let merged = add(egraph, &Op::Concat { axis: 1 }, matrices);
    let product = add(egraph, &Op::Contract(crate::facts::projection(rank)), vec![x, merged]);
    let mut start = Dim::constant(0);
    for ((class, _), len) in products.iter().zip(widths) {
        let slice = Op::Slice { axis: rank - 1, start: start.clone(), len: len.clone() };
        start = &start + &len;
        let piece = add(egraph, &slice, vec![product]);
        join(egraph, *class, piece);
    }
    Some(())
}

/// `proj (reshape (contract c r)) w` with r block-diagonal over heads.
fn block_resonance(egraph: &mut Graph) -> Vec<Id> {
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
