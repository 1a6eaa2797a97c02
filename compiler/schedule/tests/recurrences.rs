//! Every class of recurrence of the language page, and shapes of them that go wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use support::{Make, agree, agree_at, c64, f32, i32, n, rec, t};
use tensc_ir::{BinaryOp, DType, Dim, Direction, FftKind, Op, ReduceKind, Repeat, UnaryOp, ValueId};
use tensc_program::{Step, TileOp};

fn forward() -> (Dim, usize, Direction) {
    (t(), 0, Direction::Forward)
}

fn zeros(make: &mut Make, ty: &tensc_ir::Type) -> ValueId {
    make.0.zeros(ty).unwrap()
}

/// Whether the program walks the sequence inside a kernel.
fn is_one_kernel(make: Make, outputs: &[ValueId]) {
    let graph = make.done(outputs);
    let program = support::program(&graph);
    let loops = program.main.iter().filter(|step| matches!(step, Step::Loop { .. })).count();
    assert_eq!(loops, 0, "{program}");
    let walks = program.kernels.iter().flat_map(|kernel| &kernel.body.insts);
    assert!(walks.into_iter().any(|inst| matches!(inst.op, TileOp::Loop(_))), "{program}");
    agree(&graph);
}

#[test]
fn diagonal_constant() {
    for k in [1, 5, 33, 70] {
        let mut make = Make::new("diagonal");
        let (alpha, omega) = (make.param("alpha", f32(&[n(k)])), make.param("omega", f32(&[n(k)])));
        let rho = make.unary(UnaryOp::Sigmoid, alpha);
        let lambda = make.binary(BinaryOp::Polar, rho, omega);
        let beta = make.argument("beta", f32(&[t(), n(k)]));
        let c0 = make.argument("c0", c64(&[n(k)]));
        let c = rec(&mut make, forward(), &[beta], &[lambda], &[c0], &[(0, 1)], |b, _, s, x, k| {
            let x = b.cast(DType::C64, x[0]);
            let turned = b.mul(k[0], s[0]);
            vec![b.add(turned, x)]
        });
        let re = make.unary(UnaryOp::Re, c[0]);
        is_one_kernel(make, &[re, c[1]]);
    }
}

#[test]
fn diagonal_varying() {
    let mut make = Make::new("varying");
    let (a, b) = (make.argument("a", f32(&[t(), n(40)])), make.argument("b", f32(&[t(), n(40)])));
    let gate = make.unary(UnaryOp::Sigmoid, a);
    let start = zeros(&mut make, &f32(&[n(40)]));
    let h = rec(&mut make, forward(), &[gate, b], &[], &[start], &[(0, 1)], |m, _, s, x, _| {
        let kept = m.mul(x[0], s[0]);
        vec![m.add(kept, x[1])]
    });
    is_one_kernel(make, &[h[0], h[1]]);
}

#[test]
fn dense_complex() {
    let mut make = Make::new("dense");
    let lambda = make.param("lambda", c64(&[n(6)]));
    let r = make.param("r", f32(&[n(6), n(6)]));
    let beta = make.argument("beta", f32(&[t(), n(6)]));
    let start = zeros(&mut make, &c64(&[n(6)]));
    let scale = make.number(0.3);
    let r = make.mul(r, scale);
    let r = make.cast(DType::C64, r);
    let c = rec(&mut make, forward(), &[beta], &[lambda, r], &[start], &[(0, 1)], |m, _, s, x, k| {
        let x = m.cast(DType::C64, x[0]);
        let turned = m.mul(k[0], s[0]);
        let sum = m.add(turned, x);
        vec![m.einsum("a,ab->b", sum, k[1])]
    });
    is_one_kernel(make, &[c[0]]);
}

#[test]
fn matrix_state() {
    let mut make = Make::new("matrix");
    let decay = make.argument("decay", f32(&[t(), n(5)]));
    let (k, v) = (make.argument("k", f32(&[t(), n(5)])), make.argument("v", f32(&[t(), n(20)])));
    let q = make.argument("q", f32(&[t(), n(5)]));
    let start = zeros(&mut make, &f32(&[n(5), n(20)]));
    let s = rec(&mut make, forward(), &[decay, k, v, q], &[], &[start], &[(0, 1)], |m, _, s, x, _| {
        let decay = m.unary(UnaryOp::Sigmoid, x[0]);
        let decay = m.op(Op::Reshape { shape: vec![n(5), n(1)] }, &[decay]);
        let kept = m.mul(decay, s[0]);
        let outer = m.einsum("a,b->ab", x[1], x[2]);
        let s = m.add(kept, outer);
        let y = m.einsum("a,ab->b", x[3], s);
        vec![s, y]
    });
    is_one_kernel(make, &[s[1], s[2]]);
}

#[test]
fn delta_rule() {
    let mut make = Make::new("delta");
    let (k, v) = (make.argument("k", f32(&[t(), n(6)])), make.argument("v", f32(&[t(), n(18)])));
    let beta = make.argument("beta", f32(&[t()]));
    let start = zeros(&mut make, &f32(&[n(6), n(18)]));
    let s = rec(&mut make, forward(), &[k, v, beta], &[], &[start], &[(0, 1)], |m, _, s, x, _| {
        let third = m.number(0.3);
        let k = m.mul(x[0], third);
        let known = m.einsum("a,ab->b", k, s[0]);
        let error = m.sub(x[1], known);
        let step = m.mul(error, x[2]);
        let outer = m.einsum("a,b->ab", k, step);
        vec![m.add(s[0], outer)]
    });
    is_one_kernel(make, &[s[0], s[1]]);
}

#[test]
fn nonlinear() {
    let mut make = Make::new("nonlinear");
    let u = make.param("u", f32(&[n(9), n(9)]));
    let x = make.argument("x", f32(&[t(), n(9)]));
    let start = make.argument("h0", f32(&[n(9)]));
    let h = rec(&mut make, forward(), &[x], &[u], &[start], &[(0, 1)], |m, _, s, x, k| {
        let turned = m.einsum("a,ab->b", s[0], k[0]);
        let sum = m.add(turned, x[0]);
        vec![m.unary(UnaryOp::Tanh, sum)]
    });
    is_one_kernel(make, &[h[0]]);
}

#[test]
fn coupled() {
    let mut make = Make::new("coupled");
    let (x, g) = (make.argument("x", f32(&[t(), n(3)])), make.argument("g", f32(&[t(), n(3)])));
    let half = make.number(0.5);
    let start = zeros(&mut make, &f32(&[n(3)]));
    let starts = [start, start];
    let all = rec(&mut make, forward(), &[x, g], &[half], &starts, &[(0, 1), (1, 1)], |m, _, s, x, k| {
        let f = m.mul(k[0], s[0]);
        let f = m.add(f, x[0]);
        let kept = m.mul(k[0], s[1]);
        let gated = m.mul(x[1], f);
        vec![f, m.add(kept, gated)]
    });
    is_one_kernel(make, &[all[0], all[1], all[2], all[3]]);
}

#[test]
fn backwards_and_lags() {
    for direction in [Direction::Forward, Direction::Backward] {
        let mut make = Make::new("lags");
        let x = make.argument("x", f32(&[n(2), t(), n(3)]));
        let start = make.argument("start", f32(&[n(2), n(3)]));
        let a = make.number(0.5);
        let c = rec(&mut make, (t(), 1, direction), &[x], &[a], &[start], &[(0, 3)], |m, _, s, x, k| {
            let near = m.mul(k[0], s[0]);
            let far = m.mul(k[0], s[2]);
            let sum = m.sub(near, far);
            vec![m.add(sum, x[0])]
        });
        is_one_kernel(make, &[c[0], c[1], c[2], c[3]]);
    }
}

#[test]
fn periodic_and_time() {
    let mut make = Make::new("periodic");
    let x = make.argument("x", f32(&[t(), n(4)]));
    let start = zeros(&mut make, &f32(&[n(4)]));
    let c = rec(&mut make, forward(), &[x], &[], &[start], &[(0, 1)], |m, time, s, x, _| {
        let (period, zero) = (m.whole(4), m.whole(0));
        let phase = m.binary(BinaryOp::Rem, time, period);
        let first = m.binary(BinaryOp::Eq, phase, zero);
        let nothing = m.number(0.0);
        let kept = m.op(Op::Select, &[first, nothing, s[0]]);
        let seconds = m.cast(DType::F32, time);
        let sum = m.add(kept, x[0]);
        vec![m.add(sum, seconds)]
    });
    is_one_kernel(make, &[c[0]]);
}

#[test]
fn bodies_that_move_entries() {
    let mut make = Make::new("movement");
    let x = make.argument("x", f32(&[t(), n(6)]));
    let table = make.param("table", f32(&[n(5), n(6)]));
    let tokens = make.argument("tokens", i32(&[t()]));
    let start = make.argument("start", f32(&[n(6)]));
    let c = rec(&mut make, forward(), &[x, tokens], &[table], &[start], &[(0, 1)], |m, _, s, x, k| {
        let rolled = m.op(Op::Shift { axis: 0, by: 1 }, &[s[0]]);
        let flipped = m.op(Op::Flip { axis: 0 }, &[rolled]);
        let row = m.op(Op::Gather { batch: 0 }, &[k[0], x[1]]);
        let half = m.number(0.5);
        let pair = m.op(Op::Reshape { shape: vec![n(2), n(3)] }, &[s[0]]);
        let swapped = m.op(Op::Transpose { perm: vec![1, 0] }, &[pair]);
        let swapped = m.op(Op::Reshape { shape: vec![n(6)] }, &[swapped]);
        let head = m.op(Op::Slice { axis: 0, start: n(1), len: n(2) }, &[s[0]]);
        let tail = m.op(Op::Slice { axis: 0, start: n(0), len: n(4) }, &[x[0]]);
        let joined = m.op(Op::Concat { axis: 0 }, &[head, tail]);
        let sum = m.add(flipped, swapped);
        let sum = m.mul(sum, half);
        let sum = m.add(sum, row);
        let norm = m.layer_norm(sum);
        vec![m.add(norm, joined)]
    });
    is_one_kernel(make, &[c[0], c[1]]);
}

#[test]
fn steps_that_fit_no_kernel() {
    let mut make = Make::new("steps");
    let x = make.argument("x", c64(&[t(), n(4)]));
    let w = make.param("w", c64(&[n(4)]));
    let start = make.argument("start", c64(&[n(4)]));
    let c = rec(&mut make, forward(), &[x], &[w], &[start], &[(0, 2)], |m, time, s, x, k| {
        let kernel = m.unary(UnaryOp::Exp, k[0]);
        let f = m.op(Op::Fft { kind: FftKind::Fft, axis: 0, n: n(4) }, &[s[1]]);
        let f = m.mul(f, kernel);
        let back = m.op(Op::Fft { kind: FftKind::Ifft, axis: 0, n: n(4) }, &[f]);
        let eighth = m.number(0.125);
        let eighth = m.cast(DType::C64, eighth);
        let back = m.mul(back, eighth);
        let seconds = m.cast(DType::C64, time);
        let seconds = m.mul(seconds, eighth);
        let sum = m.add(back, x[0]);
        vec![m.add(sum, seconds)]
    });
    agree_at(&make.done(&[c[0], c[1], c[2]]), &[0, 1, 2, 9]);
}

#[test]
fn a_recurrence_within_a_recurrence() {
    let mut make = Make::new("nested");
    let x = make.argument("x", f32(&[t(), n(3)]));
    let start = zeros(&mut make, &f32(&[n(3)]));
    let c = rec(&mut make, forward(), &[x], &[], &[start], &[(0, 1)], |m, _, s, x, _| {
        let sum = m.add(s[0], x[0]);
        let zero = m.number(0.0);
        let decay = m.number(0.5);
        let inner =
            rec(m, (n(3), 0, Direction::Forward), &[sum], &[decay], &[zero], &[(0, 1)], |m, _, s, x, k| {
                let kept = m.mul(k[0], s[0]);
                let sum = m.add(kept, x[0]);
                vec![m.unary(UnaryOp::Tanh, sum)]
            });
        vec![inner[0]]
    });
    agree_at(&make.done(&[c[0], c[1]]), &[0, 1, 2, 9]);
}

#[test]
fn mapped_over_axes() {
    for axis in [0, 1, 2] {
        let mut make = Make::new("mapped");
        let mut shape = vec![n(3), n(5)];
        let entry = f32(&shape);
        shape.insert(axis, t());
        let x = make.argument("x", f32(&shape));
        let w = make.param("w", f32(&[n(3), n(5), n(5)]));
        let start = zeros(&mut make, &entry);
        let place = (t(), axis, Direction::Forward);
        let c = rec(&mut make, place, &[x], &[w], &[start], &[(0, 1)], |m, _, s, x, k| {
            let turned = m.einsum("ab,abc->ac", s[0], k[0]);
            let fifth = m.number(0.2);
            let turned = m.mul(turned, fifth);
            vec![m.add(turned, x[0])]
        });
        is_one_kernel(make, &[c[0], c[1]]);
    }
}

#[test]
fn lanes_of_run_time_size() {
    let mut make = Make::new("wide");
    let x = make.argument("x", f32(&[n(7), t()]));
    let start = zeros(&mut make, &f32(&[t()]));
    let place = (n(7), 0, Direction::Forward);
    let c = rec(&mut make, place, &[x], &[], &[start], &[(0, 1)], |m, _, s, x, _| vec![m.add(s[0], x[0])]);
    is_one_kernel(make, &[c[0], c[1]]);
}

/// `count` layers: norm, product, recurrence, residual.
fn layers(count: usize) -> tensc_ir::Verified<tensc_ir::Graph> {
    let mut make = Make::new("layers");
    let size = i64::try_from(count).unwrap();
    let x = make.argument("x", f32(&[t(), n(12)]));
    let w_in = make.param("w_in", f32(&[n(size), n(12), n(8)]));
    let alpha = make.param("alpha", f32(&[n(size), n(8)]));
    let w_out = make.param("w_out", f32(&[n(size), n(8), n(12)]));
    let scale = make.param("scale", f32(&[]));
    let state = make.argument("state", f32(&[n(size), n(8)]));
    let mut body = Make::new("layer");
    let bx = body.local("x", f32(&[t(), n(12)]));
    let scale_in = body.local("scale", f32(&[]));
    let bw = body.local("w_in", f32(&[n(12), n(8)]));
    let ba = body.local("alpha", f32(&[n(8)]));
    let bo = body.local("w_out", f32(&[n(8), n(12)]));
    let bs = body.local("state", f32(&[n(8)]));
    let normed = body.layer_norm(bx);
    let beta = body.einsum("ab,bc->ac", normed, bw);
    let decay = body.unary(UnaryOp::Sigmoid, ba);
    let c = rec(&mut body, forward(), &[beta], &[decay], &[bs], &[(0, 1)], |m, _, s, x, k| {
        let kept = m.mul(k[0], s[0]);
        vec![m.add(kept, x[0])]
    });
    let out = body.mul(bo, scale_in);
    let y = body.einsum("ab,bc->ac", c[0], out);
    let y = body.add(bx, y);
    let outputs = vec![("x".to_owned(), y), ("state".to_owned(), c[1])];
    let repeat = Repeat { count, carried: 1, constants: 1, stacked: 4, body: body.0.finish(outputs) };
    let all = make.many(Op::Repeat(Box::new(repeat)), &[x, scale, w_in, alpha, w_out, state]);
    let y = make.reduce(ReduceKind::Sum, &[1], all[0]);
    make.done(&[all[0], all[1], y])
}

#[test]
fn layers_are_a_loop_and_their_weights_are_prepared() {
    for count in [0, 1, 3] {
        let graph = layers(count);
        let program = support::program(&graph);
        assert!(program.main.iter().any(|step| matches!(step, Step::Loop { .. })), "{program}");
        assert!(program.prepare.iter().any(|step| matches!(step, Step::Loop { .. })), "{program}");
        agree(&graph);
    }
}

#[test]
fn a_readout_that_sums_over_the_state_is_a_line_of_it() {
    for axis in [0, 1] {
        let mut make = Make::new("readout");
        let mut shape = vec![n(5), n(7)];
        let u = make.argument("u", f32(&[t(), n(5)]));
        let q = make.argument("q", f32(&[t(), n(7)]));
        let a = make.param("a", c64(&[n(5), n(7)]));
        let b = make.param("b", c64(&[n(5), n(7)]));
        let start = zeros(&mut make, &c64(&shape));
        shape.insert(axis, t());
        let wide: Vec<usize> = if axis == 0 { vec![0, 1] } else { vec![1, 0] };
        let drive = if axis == 0 { u } else { make.op(Op::Transpose { perm: wide }, &[u]) };
        let drive = make.op(Op::Broadcast { shape: shape.clone(), axes: vec![0, 1] }, &[drive]);
        let place = (t(), axis, Direction::Forward);
        let h = rec(&mut make, place, &[drive], &[a], &[start], &[(0, 1)], |m, _, s, x, k| {
            let half = m.number(0.5);
            let half = m.cast(DType::C64, half);
            let kept = m.mul(k[0], s[0]);
            let kept = m.mul(kept, half);
            let x = m.cast(DType::C64, x[0]);
            vec![m.add(kept, x)]
        });
        let b = if axis == 0 { b } else { make.op(Op::Reshape { shape: vec![n(5), n(1), n(7)] }, &[b]) };
        let weighted = make.mul(h[0], b);
        let sum = make.reduce(ReduceKind::Sum, &[2], weighted);
        let y = make.unary(UnaryOp::Re, sum);
        let re = make.unary(UnaryOp::Re, h[0]);
        let looked_up = make.einsum(if axis == 0 { "abc,ac->ab" } else { "bac,ac->ba" }, re, q);
        let y = make.add(y, looked_up);
        let graph = make.done(&[y, h[1]]);
        let program = support::program(&graph);
        let states = program
            .buffers
            .iter()
            .filter(|b| b.kind == tensc_program::BufferKind::Scratch && b.shape.len() == 3);
        // A constant with an axis for time itself stays outside.
        if axis == 0 {
            assert_eq!(states.count(), 0, "{program}");
        }
        agree(&graph);
    }
}
