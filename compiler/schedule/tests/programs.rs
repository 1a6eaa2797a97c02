//! Programs as text, to be read: what is fused, what is stored, what is prepared.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use support::{Make, agree, c64, f32, i32, n, rec, t};
use tensc_ir::{BinaryOp, DType, Direction, Op, ReduceKind, Repeat, UnaryOp};

#[test]
fn norm_is_one_kernel() {
    let mut make = Make::new("norm");
    let x = make.argument("x", f32(&[t(), n(64)]));
    let r = make.argument("r", f32(&[t(), n(64)]));
    let s = make.add(x, r);
    let y = make.layer_norm(s);
    let scale = make.param("scale", f32(&[n(64)]));
    let y = make.mul(y, scale);
    let graph = make.done(&[y]);
    insta::assert_snapshot!(support::program(&graph));
}

#[test]
fn damped_oscillators_between_projections() {
    let mut make = Make::new("flow");
    let x = make.argument("x", f32(&[t(), n(64)]));
    let alpha = make.param("alpha", f32(&[n(48)]));
    let omega = make.param("omega", f32(&[n(48)]));
    let w_in = make.param("w_in", f32(&[n(64), n(48)]));
    let r = make.param("r", f32(&[n(48), n(48)]));
    let w_out = make.param("w_out", f32(&[n(48), n(64)]));
    let rho = make.unary(UnaryOp::Sigmoid, alpha);
    let lambda = make.binary(BinaryOp::Polar, rho, omega);
    let rw = make.einsum("ab,bc->ac", r, w_out);
    let beta = make.einsum("ab,bc->ac", x, w_in);
    let start = make.0.zeros(&c64(&[n(48)])).unwrap();
    let place = (t(), 0, Direction::Forward);
    let c = rec(&mut make, place, &[beta], &[lambda], &[start], &[(0, 1)], |b, _, s, x, k| {
        let x = b.cast(DType::C64, x[0]);
        let turned = b.mul(k[0], s[0]);
        vec![b.add(turned, x)]
    });
    let re = make.unary(UnaryOp::Re, c[0]);
    let y = make.einsum("ab,bc->ac", re, rw);
    let y = make.add(x, y);
    let graph = make.done(&[y]);
    insta::assert_snapshot!(support::program(&graph));
    agree(&graph);
}

#[test]
fn tokens_to_logits_through_layers() {
    let mut make = Make::new("model");
    let tokens = make.argument("tokens", i32(&[t()]));
    let embed = make.param("embed", f32(&[n(50), n(16)]));
    let w1 = make.param("blocks.{}.w1", f32(&[n(2), n(16), n(32)]));
    let w2 = make.param("blocks.{}.w2", f32(&[n(2), n(32), n(16)]));
    let x = make.op(Op::Gather { batch: 0 }, &[embed, tokens]);
    let mut body = Make::new("layer");
    let bx = body.local("x", f32(&[t(), n(16)]));
    let b1 = body.local("w1", f32(&[n(16), n(32)]));
    let b2 = body.local("w2", f32(&[n(32), n(16)]));
    let h = body.layer_norm(bx);
    let h = body.einsum("ab,bc->ac", h, b1);
    let h = body.unary(UnaryOp::Tanh, h);
    let h = body.einsum("ab,bc->ac", h, b2);
    let y = body.add(bx, h);
    let body = body.0.finish(vec![("x".to_owned(), y)]);
    let repeat = Repeat { count: 2, carried: 1, constants: 0, stacked: 2, body };
    let x = make.many(Op::Repeat(Box::new(repeat)), &[x, w1, w2])[0];
    let y = make.layer_norm(x);
    let logits = make.einsum("ab,cb->ac", y, embed);
    let most = make.kept(ReduceKind::Max, logits);
    let shifted = make.sub(logits, most);
    let e = make.unary(UnaryOp::Exp, shifted);
    let sum = make.kept(ReduceKind::Sum, e);
    let p = make.binary(BinaryOp::Div, e, sum);
    let graph = make.done(&[p]);
    insta::assert_snapshot!(support::program(&graph));
    agree(&graph);
}
