//! Elementwise arithmetic that does nothing.
//!
//! Only laws that remove work, each bit-exact (`x + 0` is not: it turns -0 into 0). No commutativity, no associativity.

use super::Equality::Exact;
use super::What::Rewrite;
use super::{Row, always, is_constant, same_type};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // -(-x) == x.
    Row { name: "negation-twice",  law: "-(-x) = x", equality: Exact, what: Rewrite("(neg (neg ?x))", "?x", always) },
    Row { name: "conjugate-twice", law: "conj(conj x) = x", equality: Exact, what: Rewrite("(conj (conj ?x))", "?x", always) },
    // x * 1 == x, x / 1 == x, where 1 does not stretch x.
    Row { name: "product-with-one",  law: "x * 1 = x", equality: Exact, what: Rewrite("(mul ?x ?one)", "?x", |g, v| is_constant(g, v("?one"), 1.0) && scalar_beside(g, v("?one"))) },
    Row { name: "one-times",         law: "1 * x = x", equality: Exact, what: Rewrite("(mul ?one ?x)", "?x", |g, v| is_constant(g, v("?one"), 1.0) && scalar_beside(g, v("?one"))) },
    Row { name: "quotient-by-one",   law: "x / 1 = x", equality: Exact, what: Rewrite("(div ?x ?one)", "?x", |g, v| is_constant(g, v("?one"), 1.0) && scalar_beside(g, v("?one"))) },
    // x - 0 == x.
    Row { name: "difference-with-zero", law: "x - 0 = x", equality: Exact, what: Rewrite("(sub ?x ?zero)", "?x", |g, v| is_constant(g, v("?zero"), 0.0) && scalar_beside(g, v("?zero"))) },
    // A choice between equals.
    Row { name: "choice-of-equals", law: "if p {x} else {x} = x", equality: Exact, what: Rewrite("(select ?p ?x ?x)", "?x", |g, v| same_shape_as_choice(g, v)) },
];

fn scalar_beside(egraph: &crate::facts::Graph, one: Option<egg::Id>) -> bool {
    super::scalar(egraph, one)
}

/// The condition does not stretch the result.
fn same_shape_as_choice(egraph: &crate::facts::Graph, v: &dyn Fn(&str) -> Option<egg::Id>) -> bool {
    super::scalar(egraph, v("?p")) || {
        let shape = |name: &str| v(name).and_then(|id| egraph[id].data.ty()).map(|ty| ty.shape.clone());
        same_type(egraph, v("?x"), v("?x")) && shape("?p") == shape("?x")
    }
}
