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
        |g, v| weights_only(g, v("?r")) && weights_only(g, v("?w"))) },
    // (c o [r_1 .. r_H]) w == c (blocks r_h w_h).  The block-diagonal form of the same.
    Row { name: "block-resonance-into-projection", law: "reshape(c_h r_h) w = reshape(c) stack(r_h w_h)", equality: Real,
        what: Function(block_resonance) },
    // s (c w) == c (s w).
    Row { name: "scale-into-projection", law: "(c w) s = c (w s)", equality: Real, what: Rewrite(
        "(mul (proj ?c ?w) ?s)", "(proj ?c (mul ?w ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?s")) && scalar(g, v("?s"))) },
    Row { name: "quotient-into-projection", law: "(c w) / s = c (w / s)", equality: Real, what: Rewrite(
        "(div (proj ?c ?w) ?s)", "(proj ?c (div ?w ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?s")) && scalar(g, v("?s"))) },
    // (a + b) / s == a / s + b / s.  Only towards projections that take the quotient in.
    Row { name: "quotient-of-projections", law: "(a w + b v) / s = (a w) / s + (b v) / s", equality: Real, what: Rewrite(
        "(div (add (proj ?a ?w) (proj ?b ?v)) ?s)", "(add (div (proj ?a ?w) ?s) (div (proj ?b ?v) ?s))",
        |g, v| weights_only(g, v("?w")) && weights_only(g, v("?v")) && weights_only(g, v("?s")) && scalar(g, v("?s"))) },
    // [x w_1 | x w_2 | ..] == x [w_1 | w_2 | ..].  One product instead of several that read the same input.
    Row { name: "projections-share-input", law: "x w_i = (x [w_1 .. w_n])_i", equality: Real, what: Function(share_input) },
];

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
fn share_input(egraph: &mut Graph) -> usize {
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
    let mut fired = 0;
    for (x, mut products) in by_input {
        products.dedup_by_key(|(class, _)| *class);
        if products.len() < 2 || products.iter().any(|(class, _)| is_sliced(egraph, *class)) {
            continue;
        }
        fired += usize::from(merge_products(egraph, x, &products).is_some());
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
fn block_resonance(egraph: &mut Graph) -> usize {
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
    let mut fired = 0;
    for (class, inner, c, r, w, labels) in found {
        if let Some(folded) = fold_blocks(egraph, inner, c, r, w, &labels) {
            fired += usize::from(join(egraph, class, folded));
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
