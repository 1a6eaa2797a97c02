//! Elementwise arithmetic that does nothing.
//!
//! Only laws that remove work, each bit-exact (`x + 0` is not: it turns -0 into 0). No commutativity, no associativity.

use super::Condition::Is;
use super::Equality::Exact;
use super::Row;
use super::What::Rewrite;

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // -(-x) == x.
    Row { name: "negation-twice",  law: "-(-x) = x", equality: Exact, what: Rewrite("(neg (neg ?x))", "?x", &[]),
        fires: "?x: f32[T, 3]", stops: "" },
    Row { name: "conjugate-twice", law: "conj(conj x) = x", equality: Exact, what: Rewrite("(conj (conj ?x))", "?x", &[]),
        fires: "?x: c64[T, 3]", stops: "" },
    // x * 1 == x, x / 1 == x.
    Row { name: "product-with-one",  law: "x * 1 = x", equality: Exact, what: Rewrite("(mul ?x ?one)", "?x", &[Is("?one", 1.0)]),
        fires: "?x: f32[T, 3], ?one: 1 f32", stops: "?x: f32[T, 3], ?one: w f32" },
    Row { name: "one-times",         law: "1 * x = x", equality: Exact, what: Rewrite("(mul ?one ?x)", "?x", &[Is("?one", 1.0)]),
        fires: "?x: f32[T, 3], ?one: 1 f32", stops: "?x: f32[T, 3], ?one: w f32" },
    Row { name: "quotient-by-one",   law: "x / 1 = x", equality: Exact, what: Rewrite("(div ?x ?one)", "?x", &[Is("?one", 1.0)]),
        fires: "?x: f32[T, 3], ?one: 1 f32", stops: "?x: f32[T, 3], ?one: 0 f32" },
    // x - 0 == x.
    Row { name: "difference-with-zero", law: "x - 0 = x", equality: Exact, what: Rewrite("(sub ?x ?zero)", "?x", &[Is("?zero", 0.0)]),
        fires: "?x: f32[T, 3], ?zero: 0 f32", stops: "?x: f32[T, 3], ?zero: 1 f32" },
    // A choice between equals.
    Row { name: "choice-of-equals", law: "if p {x} else {x} = x", equality: Exact, what: Rewrite("(select ?p ?x ?x)", "?x", &[]),
        fires: "?p: bool, ?x: f32[T, 3]", stops: "?p: bool[T, 1], ?x: f32[1, 3]" },
];
