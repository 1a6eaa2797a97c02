//! Every form of every class of recurrence gives what the interpreter says the recurrence means, at lengths that no piece divides.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use support::{Make, agree_at, agree_from, c64, f32, n, rec, t};
use tensc_ir::analyse::why_not;
use tensc_ir::{BinaryOp, DType, Dim, Direction, Form, Graph, Op, UnaryOp, ValueId, Verified};

const LENGTHS: [i64; 8] = [0, 1, 3, 4, 7, 8, 13, 37];

fn forward() -> (Dim, usize, Direction) {
    (t(), 0, Direction::Forward)
}

fn backward() -> (Dim, usize, Direction) {
    (t(), 0, Direction::Backward)
}

/// The graph with its recurrences in a form, which they must have.
fn in_form(make: Make, outputs: &[ValueId], form: Form) -> Verified<Graph> {
    let outputs = outputs.iter().enumerate().map(|(n, v)| (format!("y{n}"), *v)).collect();
    let mut graph = make.0.finish(outputs);
    let mut found = 0;
    for node in &mut graph.nodes {
        if let Op::Rec(rec) = &mut node.op {
            assert_eq!(why_not(rec, form), None, "{form}");
            rec.form = form;
            found += 1;
        }
    }
    assert!(found > 0);
    tensc_ir::verify(graph).unwrap()
}

/// The program of a form is another one than that of the step form.
fn is_another(graph: &Verified<Graph>) {
    let mut step: Graph = (**graph).clone();
    for node in &mut step.nodes {
        if let Op::Rec(rec) = &mut node.op {
            rec.form = Form::Step;
        }
    }
    let step = support::program(&tensc_ir::verify(step).unwrap());
    assert!(support::program(graph).kernels.len() > step.kernels.len());
}

fn oscillators(k: i64, direction: (Dim, usize, Direction), form: Form) -> Verified<Graph> {
    let mut make = Make::new("diagonal");
    let (alpha, omega) = (make.param("alpha", f32(&[n(k)])), make.param("omega", f32(&[n(k)])));
    let rho = make.unary(UnaryOp::Sigmoid, alpha);
    let lambda = make.binary(BinaryOp::Polar, rho, omega);
    let beta = make.argument("beta", f32(&[t(), n(k)]));
    let c0 = make.argument("c0", c64(&[n(k)]));
    let c = rec(&mut make, direction, &[beta], &[lambda], &[c0], &[(0, 1)], |b, _, s, x, k| {
        let x = b.cast(DType::C64, x[0]);
        let turned = b.mul(k[0], s[0]);
        vec![b.add(turned, x)]
    });
    let re = make.unary(UnaryOp::Re, c[0]);
    in_form(make, &[re, c[1]], form)
}

#[test]
fn segments_of_a_constant_diagonal() {
    for form in [Form::Scan(1), Form::Scan(3), Form::Scan(8), Form::Scan(48)] {
        for direction in [forward(), backward()] {
            let graph = oscillators(5, direction, form);
            is_another(&graph);
            agree_at(&graph, &LENGTHS);
        }
    }
    agree_at(&oscillators(40, forward(), Form::Scan(4)), &[200]);
    agree_at(&oscillators(1, forward(), Form::Scan(16)), &[200]);
}

fn gated(direction: (Dim, usize, Direction), form: Form) -> Verified<Graph> {
    let mut make = Make::new("varying");
    let (a, b) = (make.argument("a", f32(&[t(), n(6)])), make.argument("b", f32(&[t(), n(6)])));
    let start = make.argument("start", f32(&[n(6)]));
    let h = rec(&mut make, direction, &[a, b], &[], &[start], &[(0, 1)], |m, at, s, x, _| {
        // A reset at every fifth entry, and decays of exactly zero.
        let (five, two, zero) = (m.whole(5), m.whole(2), m.number(0.0));
        let rest = m.binary(BinaryOp::Rem, at, five);
        let reset = m.binary(BinaryOp::Eq, rest, two);
        let decay = m.binary(BinaryOp::Max, x[0], zero);
        let kept = m.mul(decay, s[0]);
        let kept = m.op(Op::Select, &[reset, zero, kept]);
        vec![m.add(kept, x[1])]
    });
    in_form(make, &[h[0], h[1]], form)
}

#[test]
fn segments_of_a_varying_diagonal() {
    for form in [Form::Scan(1), Form::Scan(5), Form::Scan(16)] {
        for direction in [forward(), backward()] {
            let mut make = Make::new("varying");
            let (a, b) = (make.argument("a", f32(&[t(), n(6)])), make.argument("b", f32(&[t(), n(6)])));
            let start = make.argument("start", f32(&[n(6)]));
            let h = rec(&mut make, direction, &[a, b], &[], &[start], &[(0, 1)], |m, _, s, x, _| {
                let zero = m.number(0.0);
                let decay = m.binary(BinaryOp::Max, x[0], zero);
                let kept = m.mul(decay, s[0]);
                vec![m.add(kept, x[1])]
            });
            agree_at(&in_form(make, &[h[0], h[1]], form), &LENGTHS);
        }
    }
}

#[test]
fn time_counts_from_the_start_of_the_stream_in_every_segment() {
    let mut make = Make::new("clock");
    let x = make.argument("x", f32(&[t(), n(4)]));
    let start = make.argument("start", f32(&[n(4)]));
    let h = rec(&mut make, forward(), &[x], &[], &[start], &[(0, 1)], |m, at, s, x, _| {
        let half = m.number(0.5);
        let time = m.cast(DType::F32, at);
        let kept = m.mul(half, s[0]);
        let input = m.mul(x[0], time);
        vec![m.add(kept, input)]
    });
    agree_from(&in_form(make, &[h[0], h[1]], Form::Scan(4)), &[0, 3, 21], 17);
}

/// Which decay a matrix state has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decay {
    None,
    Constant,
    /// Of more than 1.
    Growing,
    Head,
    Key,
}

/// Linear attention with two heads: queries and keys of 5, values of 6.
fn attention(decay: Decay, delta: bool, direction: Direction, form: Form) -> Verified<Graph> {
    sized_attention((5, 6), false, decay, delta, direction, form)
}

/// The same with other sizes, and perhaps with a value in each sequence that is no number.
fn sized_attention(
    (d, e): (i64, i64),
    with_nan: bool,
    decay: Decay,
    delta: bool,
    direction: Direction,
    form: Form,
) -> Verified<Graph> {
    let (heads, d, e) = (n(2), n(d), n(e));
    let mut make = Make::new("attention");
    let sequence = |make: &mut Make, name: &str, last: &Dim| {
        make.argument(name, f32(&[heads.clone(), t(), last.clone()]))
    };
    let (q, k, v) =
        (sequence(&mut make, "q", &d), sequence(&mut make, "k", &d), sequence(&mut make, "v", &e));
    let v = if with_nan {
        let time = make.op(Op::Iota { len: t(), start: Dim::default() }, &[]);
        let (five, zero, minus) = (make.whole(5), make.number(0.0), make.number(-1.0));
        let here = make.binary(BinaryOp::Eq, time, five);
        let nan = make.unary(UnaryOp::Log, minus);
        let poison = make.op(Op::Select, &[here, nan, zero]);
        let poison = make.op(Op::Reshape { shape: vec![t(), n(1)] }, &[poison]);
        make.add(v, poison)
    } else {
        v
    };
    let start = make.argument("s0", f32(&[heads.clone(), d.clone(), e.clone()]));
    let beta = make.argument("beta", f32(&[heads.clone(), t()]));
    let gate = match decay {
        Decay::None => None,
        Decay::Constant | Decay::Growing => Some(make.param("gamma", f32(std::slice::from_ref(&heads)))),
        Decay::Head => Some(make.argument("g", f32(&[heads.clone(), t()]))),
        Decay::Key => Some(make.argument("a", f32(&[heads.clone(), t(), d.clone()]))),
    };
    let third = make.number(0.3);
    let k = make.mul(k, third);
    let mut sequences = vec![q, k, v, beta];
    let mut constants = Vec::new();
    if let Some(gate) = gate {
        let zero = make.number(0.0);
        // Half of all decays are exactly zero.
        let gate = match decay {
            Decay::Constant => make.unary(UnaryOp::Sigmoid, gate),
            Decay::Growing => {
                let gate = make.unary(UnaryOp::Sigmoid, gate);
                let more = make.number(0.8);
                make.add(gate, more)
            }
            Decay::None | Decay::Head | Decay::Key => make.binary(BinaryOp::Max, gate, zero),
        };
        if matches!(decay, Decay::Constant | Decay::Growing) {
            constants.push(gate)
        } else {
            sequences.push(gate)
        }
    }
    let length = (t(), 1, direction);
    let made = rec(&mut make, length, &sequences, &constants, &[start], &[(1, 1)], |m, _, s, x, fixed| {
        let shape =
            |sizes: &[&Dim]| Op::Reshape { shape: sizes.iter().map(|size| (*size).clone()).collect() };
        let one = n(1);
        let kept = match decay {
            Decay::None => s[0],
            Decay::Constant | Decay::Growing | Decay::Head => {
                let gate = fixed.first().copied().unwrap_or_else(|| x[4]);
                let gate = m.op(shape(&[&heads, &one, &one]), &[gate]);
                m.mul(gate, s[0])
            }
            Decay::Key => {
                let gate = m.op(shape(&[&heads, &d, &one]), &[x[4]]);
                m.mul(gate, s[0])
            }
        };
        let rate = m.op(shape(&[&heads, &one]), &[x[3]]);
        let value = if delta {
            let recalled = m.einsum("ab,abc->ac", x[1], kept);
            let error = m.sub(x[2], recalled);
            m.mul(rate, error)
        } else {
            m.mul(rate, x[2])
        };
        let outer = m.einsum("ab,ac->abc", x[1], value);
        let state = m.add(kept, outer);
        let read = m.einsum("ab,abc->ac", x[0], state);
        vec![m.unary(UnaryOp::Tanh, read), state]
    });
    in_form(make, &[made[0], made[2]], form)
}

#[test]
fn chunks_of_outer_products() {
    for decay in [Decay::None, Decay::Constant, Decay::Growing, Decay::Head, Decay::Key] {
        for direction in [Direction::Forward, Direction::Backward] {
            for length in [1, 4, 8] {
                let graph = attention(decay, false, direction, Form::Chunk(length));
                is_another(&graph);
                agree_at(&graph, &LENGTHS);
            }
        }
    }
}

#[test]
fn chunks_of_the_delta_rule() {
    for decay in [Decay::None, Decay::Constant, Decay::Growing, Decay::Head] {
        for direction in [Direction::Forward, Direction::Backward] {
            for length in [1, 4, 8] {
                let graph = attention(decay, true, direction, Form::Chunk(length));
                is_another(&graph);
                agree_at(&graph, &LENGTHS);
            }
        }
    }
}

#[test]
fn a_reset_is_seen_in_every_segment() {
    for form in [Form::Scan(1), Form::Scan(4), Form::Scan(16)] {
        for direction in [forward(), backward()] {
            let graph = gated(direction, form);
            agree_at(&graph, &LENGTHS);
            agree_from(&graph, &LENGTHS, 8);
        }
    }
}

#[test]
fn products_of_large_chunks() {
    for (decay, delta) in [
        (Decay::Constant, false),
        (Decay::Head, false),
        (Decay::Key, false),
        (Decay::None, true),
        (Decay::Head, true),
    ] {
        for form in [Form::Chunk(16), Form::Chunk(20)] {
            agree_at(
                &sized_attention((16, 24), false, decay, delta, Direction::Forward, form),
                &[15, 16, 50],
            );
        }
    }
}

#[test]
fn what_is_no_number_reaches_no_earlier_entry() {
    for (decay, delta) in [(Decay::Constant, false), (Decay::Key, false), (Decay::Head, true)] {
        let graph = sized_attention((5, 6), true, decay, delta, Direction::Forward, Form::Chunk(8));
        agree_at(&graph, &[5, 6, 13, 20]);
    }
}
