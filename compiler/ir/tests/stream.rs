//! A sequence run in pieces gives what it gives whole, wherever it is cut.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use support::{EXACT, Make, Numbers, Recurrence, Step, c64, difference, f32, n, run, sizes, t};
use tensc_ir::analyse::time_facts;
use tensc_ir::{
    Array, BinaryOp, Constant, DType, Dim, Direction, FftKind, Graph, Op, RecState, ReduceKind, Repeat,
    Require, Role, Type, UnaryOp, ValueId, Verified, interpret, prune, stream, verify,
};

/// Cuts a sequence of 6 at every one and two places (empty pieces too) and compares with the whole.
fn splits_anywhere(graph: &Verified<Graph>) {
    let graph = &verify(prune(graph)).unwrap();
    let streaming = stream(graph, "T").unwrap();
    let piece = verify(streaming.graph.clone()).unwrap();
    let facts = time_facts(graph, "T");
    let length = 6;
    let inputs: Vec<Array> = {
        let mut numbers = Numbers(11);
        graph.inputs.iter().map(|input| numbers.of(&input.ty, &sizes(&[("T", length)]))).collect()
    };
    let whole = run(graph, &inputs, &sizes(&[("T", length)]));
    let mut cuts: Vec<Vec<usize>> = vec![(0..=length).collect()];
    for first in 0..=length {
        for second in first..=length {
            cuts.push(vec![0, first, second, length]);
        }
    }
    for cut in cuts {
        let mut states: Vec<Array> = streaming
            .states
            .iter()
            .map(|state| {
                let shape: Vec<usize> = state
                    .ty
                    .shape
                    .iter()
                    .map(|dim| usize::try_from(dim.eval(&sizes(&[("@position", 0)])).unwrap()).unwrap())
                    .collect();
                Array::zeros(state.ty.dtype, &shape)
            })
            .collect();
        let mut pieces: Vec<Vec<Array>> = Vec::new();
        for pair in cut.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let mut given: Vec<Array> = graph
                .inputs
                .iter()
                .zip(&inputs)
                .map(|(input, array)| match input.ty.shape.iter().position(|dim| dim.as_var() == Some("T")) {
                    Some(axis) => cut_out(array, axis, from, to),
                    None => array.clone(),
                })
                .collect();
            given.extend(states);
            let at = sizes(&[("T", to - from), (tensc_ir::dim::POSITION, from)]);
            let mut results = interpret(&piece, &given, &at, &EXACT).unwrap();
            states = results.split_off(graph.outputs.len());
            pieces.push(results);
        }
        for (number, (name, value)) in graph.outputs.iter().enumerate() {
            let parts: Vec<&Array> = pieces.iter().map(|piece| &piece[number]).collect();
            let joined = match facts.values[value.0 as usize].axis() {
                Some(axis) => join(&parts, axis),
                None => (*parts.last().unwrap()).clone(),
            };
            let apart = difference(&joined, &whole[number]);
            assert!(apart < 1e-12, "`{name}` cut at {cut:?} differs by {apart}\n{}", **graph);
        }
    }
}

/// Entries `from .. to` along an axis, by the interpreter's own slice.
fn cut_out(array: &Array, axis: usize, from: usize, to: usize) -> Array {
    let mut make = Make::new();
    let shape = array.shape().iter().map(|size| n(i64::try_from(*size).unwrap())).collect();
    let x = make.argument("x", Type::new(array.dtype(), shape));
    let (start, len) = (n(i64::try_from(from).unwrap()), n(i64::try_from(to - from).unwrap()));
    let y = make.op(Op::Slice { axis, start, len }, &[x]);
    run(&make.verified(&[("y", y)]), std::slice::from_ref(array), &sizes(&[])).remove(0)
}

fn join(parts: &[&Array], axis: usize) -> Array {
    let mut make = Make::new();
    let inputs: Vec<ValueId> = parts
        .iter()
        .enumerate()
        .map(|(number, part)| {
            let shape = part.shape().iter().map(|size| n(i64::try_from(*size).unwrap())).collect();
            make.argument(&format!("x{number}"), Type::new(part.dtype(), shape))
        })
        .collect();
    let y = make.op(Op::Concat { axis }, &inputs);
    let parts: Vec<Array> = parts.iter().map(|part| (*part).clone()).collect();
    run(&make.verified(&[("y", y)]), &parts, &sizes(&[])).remove(0)
}

/// A diagonal recurrence with an input-dependent decay and a start of its own.
fn decayed(body: &mut Make, step: &Step) -> Vec<ValueId> {
    let kept = body.mul(step.sequences[1], step.earlier[0][0]);
    vec![body.add(kept, step.sequences[0])]
}

#[test]
fn a_recurrence_with_a_start() {
    let mut make = Make::new();
    let (x, a) = (make.argument("x", f32(&[t(), n(3)])), make.argument("a", f32(&[t(), n(3)])));
    let start = make.param("c0", f32(&[n(3)]));
    let op = Recurrence::simple(f32(&[n(3)])).op(&[f32(&[n(3)]), f32(&[n(3)])], &[], decayed);
    let results = make.many(op, &[x, a, start]);
    splits_anywhere(&make.verified(&[("c", results[0]), ("end", results[1])]));
}

#[test]
fn a_second_order_recurrence_that_counts() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    let states = vec![(RecState { line: 0, depth: 2 }, f32(&[]))];
    let rec = Recurrence { length: t(), axis: 0, direction: Direction::Forward, states };
    let op = rec.op(&[f32(&[])], &[], |body, step| {
        let time = body.cast(DType::F32, step.t);
        let (half, tenth) = (body.real(0.5), body.real(0.1));
        let near = body.mul(step.earlier[0][0], half);
        let far = body.mul(step.earlier[0][1], tenth);
        let memory = body.sub(near, far);
        let driven = body.mul(step.sequences[0], time);
        vec![body.add(memory, driven)]
    });
    let (one, two) = (make.real(1.0), make.real(0.0));
    let results = make.many(op, &[x, one, two]);
    splits_anywhere(&make.verified(&[("c", results[0]), ("end", results[1]), ("before", results[2])]));
}

#[test]
fn shift_conv_cumsum_and_last() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let w = make.param("w", f32(&[n(4), n(2)]));
    let long = make.param("long", f32(&[n(9), n(2)]));
    let one = make.param("one", f32(&[n(1), n(2)]));
    let shifted = make.op(Op::Shift { axis: 0, by: 2 }, &[x]);
    let far = make.op(Op::Shift { axis: 0, by: 50 }, &[x]);
    let convolved = make.op(Op::Conv { axis: 0 }, &[shifted, w]);
    let longer = make.op(Op::Conv { axis: 0 }, &[x, long]);
    let scaled = make.op(Op::Conv { axis: 0 }, &[x, one]);
    let sums = make.op(Op::Cumsum { axis: 0 }, &[convolved]);
    let last = make.op(Op::Last { axis: 0 }, &[sums]);
    let doubled = make.add(last, last);
    splits_anywhere(&make.verified(&[
        ("shifted", shifted),
        ("far", far),
        ("convolved", convolved),
        ("longer", longer),
        ("scaled", scaled),
        ("sums", sums),
        ("doubled", doubled),
    ]));
}

#[test]
fn positions_go_on() {
    let mut make = Make::new();
    let tokens = make.argument("tokens", Type::new(DType::I32, vec![t()]));
    let table = make.param("embed", f32(&[n(4), n(3)]));
    let positions = make.param("pos", f32(&[n(20), n(3)]));
    let embedded = make.op(Op::Gather { batch: 0 }, &[table, tokens]);
    let here = make.op(Op::Slice { axis: 0, start: n(2), len: t() }, &[positions]);
    let numbers = make.op(Op::Iota { len: t(), start: n(1) }, &[]);
    let numbers = make.cast(DType::F32, numbers);
    let numbers = make.op(Op::Broadcast { shape: vec![t(), n(3)], axes: vec![0] }, &[numbers]);
    let sum = make.add(embedded, here);
    let sum = make.mul(sum, numbers);
    let mask = make.op(Op::Keep { site: 3, keep: 0.5, shape: vec![n(3), t()] }, &[]);
    let mask = make.op(Op::Transpose { perm: vec![1, 0] }, &[mask]);
    let zero = make.real(0.0);
    let dropped = make.op(Op::Select, &[mask, sum, zero]);
    splits_anywhere(&make.verified(&[("y", dropped)]));
}

#[test]
fn time_at_another_axis() {
    // One head is written for `[T, d]` and mapped over two.
    let mut make = Make::new();
    let x = make.argument("x", f32(&[n(2), t(), n(3)]));
    let w = make.param("w", f32(&[n(2), n(3), n(3)]));
    let a = make.op(Op::Broadcast { shape: vec![n(2), t(), n(3)], axes: vec![0, 1, 2] }, &[x]);
    let projected = make.contract("abc,acd->abd", x, w);
    let states = vec![(RecState { line: 0, depth: 1 }, f32(&[n(2), n(3)]))];
    let rec = Recurrence { length: t(), axis: 1, direction: Direction::Forward, states };
    let op = rec.op(&[f32(&[n(2), n(3)]), f32(&[n(2), n(3)])], &[], decayed);
    let start = make.zeros(&f32(&[n(2), n(3)]));
    let results = make.many(op, &[projected, a, start]);
    let taps = make.param("taps", f32(&[n(2), n(3), n(3)]));
    let own = make.op(Op::Conv { axis: 1 }, &[results[0], taps]);
    let sums = make.op(Op::Cumsum { axis: 1 }, &[own]);
    let widths = make.op(Op::Reduce { kind: ReduceKind::Max, axes: vec![0, 2] }, &[sums]);
    let flat = make.op(Op::Transpose { perm: vec![1, 0, 2] }, &[sums]);
    let flat = make.op(Op::Reshape { shape: vec![t(), n(6)] }, &[flat]);
    let last = make.op(Op::Last { axis: 1 }, &[sums]);
    splits_anywhere(&make.verified(&[
        ("widths", widths),
        ("flat", flat),
        ("last", last),
        ("end", results[1]),
    ]));
}

#[test]
fn each_layer_of_a_repeat_remembers_for_itself() {
    let mut body = Make::new();
    let x = body.local("x", f32(&[t(), n(2)]));
    let gain = body.local("gain", f32(&[]));
    let start = body.local("start", f32(&[n(2)]));
    let w = body.local("w", f32(&[n(3), n(2)]));
    let op = Recurrence::simple(f32(&[n(2)])).op(&[f32(&[n(2)]), f32(&[n(2)])], &[], decayed);
    let convolved = body.op(Op::Conv { axis: 0 }, &[x, w]);
    let decay = body.unary(UnaryOp::Sigmoid, x);
    let c = body.many(op, &[convolved, decay, start]);
    let shifted = body.op(Op::Shift { axis: 0, by: 1 }, &[x]);
    let mixed = body.mul(c[0], gain);
    let y = body.add(mixed, shifted);
    let inner = body.finish(&[("x", y), ("trace", c[0]), ("end", c[1])]);
    let repeat = Op::Repeat(Box::new(Repeat { count: 3, carried: 1, constants: 1, stacked: 2, body: inner }));
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let gain = make.param("gain", f32(&[]));
    let start = make.param("layers.{}.start", f32(&[n(3), n(2)]));
    let w = make.param("layers.{}.w", f32(&[n(3), n(3), n(2)]));
    let results = make.many(repeat, &[x, gain, start, w]);
    let graph = make.verified(&[("y", results[0]), ("traces", results[1]), ("ends", results[2])]);
    let streaming = stream(&graph, "T").unwrap();
    let shapes: Vec<String> = streaming.states.iter().map(|state| state.ty.to_string()).collect();
    assert_eq!(shapes, ["f32[3, 2, 2]", "f32[3, 2]", "f32[3, 1, 2]"]);
    assert!(streaming.states.iter().all(|state| streaming.graph.inputs[state.input].role == Role::State));
    splits_anywhere(&graph);
}

#[test]
fn a_recurrence_over_depth_with_time_inside() {
    // Each of 4 steps adds a row of weights to the whole sequence; no step remembers along T.
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let rows = make.param("rows", f32(&[n(4), n(2)]));
    let states = vec![(RecState { line: 0, depth: 1 }, f32(&[t(), n(2)]))];
    let rec = Recurrence { length: n(4), axis: 0, direction: Direction::Forward, states };
    let op = rec.op(&[f32(&[n(2)])], &[], |body, step| {
        let squashed = body.unary(UnaryOp::Tanh, step.earlier[0][0]);
        vec![body.add(squashed, step.sequences[0])]
    });
    let results = make.many(op, &[rows, x]);
    splits_anywhere(&make.verified(&[("all", results[0]), ("end", results[1])]));
}

#[test]
fn a_mask_differs_from_layer_to_layer_and_goes_on() {
    let mut body = Make::new();
    let x = body.local("x", f32(&[t(), n(8)]));
    let mask = body.op(Op::Keep { site: 0, keep: 0.5, shape: vec![t(), n(8)] }, &[]);
    let zero = body.real(0.0);
    let y = body.op(Op::Select, &[mask, x, zero]);
    let inner = body.finish(&[("x", x), ("y", y)]);
    let repeat = Op::Repeat(Box::new(Repeat { count: 2, carried: 1, constants: 0, stacked: 0, body: inner }));
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(8)]));
    let results = make.many(repeat, &[x]);
    let graph = make.verified(&[("y", results[1])]);
    let ones = Array::f32(&[6, 8], &[1.0; 48]).unwrap();
    let y = run(&graph, &[ones], &sizes(&[("T", 6)]));
    let (first, second) = y[0].as_real().unwrap().split_at(48);
    assert_ne!(first, second);
    splits_anywhere(&graph);
}

/// Positions along axis 0 against those along axis 1: which pairs are of an entry and one not later.
fn causal(make: &mut Make) -> ValueId {
    let positions = make.op(Op::Iota { len: t(), start: n(0) }, &[]);
    let rows = make.op(Op::Reshape { shape: vec![t(), n(1)] }, &[positions]);
    make.binary(BinaryOp::Ge, rows, positions)
}

/// `softmax(where(mask, s, -inf), axis)` of a value of shape `[.., T, T]`.
fn masked_softmax(make: &mut Make, mask: ValueId, s: ValueId, axis: usize) -> ValueId {
    let shape = make.0.ty(s).shape.clone();
    let low = make.real(f64::NEG_INFINITY);
    let masked = make.op(Op::Select, &[mask, s, low]);
    let one: Vec<Dim> =
        shape.iter().enumerate().map(|(n, d)| if n == axis { Dim::constant(1) } else { d.clone() }).collect();
    let largest = make.op(Op::Reduce { kind: ReduceKind::Max, axes: vec![axis] }, &[masked]);
    let largest = make.op(Op::Reshape { shape: one.clone() }, &[largest]);
    let shifted = make.sub(masked, largest);
    let exp = make.unary(UnaryOp::Exp, shifted);
    let sum = make.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![axis] }, &[exp]);
    let sum = make.op(Op::Reshape { shape: one }, &[sum]);
    make.binary(BinaryOp::Div, exp, sum)
}

#[test]
fn causal_attention_keeps_its_keys_and_values() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(3)]));
    let w = make.param("w", f32(&[n(3), n(3)]));
    let k = make.contract("ab,bc->ac", x, w);
    let s = make.contract("ab,cb->ac", x, k);
    let mask = causal(&mut make);
    let p = masked_softmax(&mut make, mask, s, 1);
    let y = make.contract("ac,cd->ad", p, x);
    let best = make.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![1] }, &[p]);
    let graph = make.verified(&[("y", y), ("best", best)]);
    let streaming = stream(&graph, "T").unwrap();
    let mut shapes: Vec<String> = streaming.states.iter().map(|state| state.ty.to_string()).collect();
    shapes.sort();
    assert_eq!(shapes, ["f32[@position, 3]", "f32[@position, 3]"]);
    splits_anywhere(&graph);
}

#[test]
fn heads_biases_and_other_masks_of_attention() {
    // Two heads, a table of biases by pair, a mask that adds -inf, and keys in front: `[key, query]`.
    let mut make = Make::new();
    let x = make.argument("x", f32(&[n(2), t(), n(3)]));
    let bias = make.param("bias", f32(&[n(9), n(9)]));
    let s = make.contract("hkd,hqd->hkq", x, x);
    let bias = make.op(Op::Slice { axis: 0, start: n(0), len: t() }, &[bias]);
    let bias = make.op(Op::Slice { axis: 1, start: n(1), len: t() }, &[bias]);
    let positions = make.op(Op::Iota { len: t(), start: n(0) }, &[]);
    let column = make.op(Op::Reshape { shape: vec![t(), n(1)] }, &[positions]);
    let distance = make.sub(column, positions);
    let slope = make.cast(DType::F32, distance);
    let zero = make.int(0);
    let later = make.binary(BinaryOp::Gt, distance, zero);
    let (low, none) = (make.real(f64::NEG_INFINITY), make.real(0.0));
    let mask = make.op(Op::Select, &[later, low, none]);
    let s = make.add(s, bias);
    let s = make.add(s, slope);
    let s = make.add(s, mask);
    let always = make.op(Op::Const(Constant::Bool(true)), &[]);
    let always = make.op(Op::Broadcast { shape: vec![t(), t()], axes: vec![] }, &[always]);
    let p = masked_softmax(&mut make, always, s, 1);
    let p = make.op(Op::Transpose { perm: vec![0, 2, 1] }, &[p]);
    let y = make.contract("hqk,hkd->qhd", p, x);
    splits_anywhere(&make.verified(&[("y", y)]));
}

#[test]
fn a_product_masked_with_zeros() {
    let mut make = Make::new();
    let (q, v) = (make.argument("q", f32(&[t(), n(3)])), make.argument("v", f32(&[t(), n(2)])));
    let s = make.contract("ab,cb->ac", q, q);
    let mask = causal(&mut make);
    let zero = make.real(0.0);
    let kept = make.op(Op::Select, &[mask, s, zero]);
    let y = make.contract("ac,cd->ad", kept, v);
    let weights = make.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![1] }, &[kept]);
    splits_anywhere(&make.verified(&[("y", y), ("weights", weights)]));
}

#[test]
fn each_layer_keeps_keys_of_its_own_under_one_mask() {
    let mut body = Make::new();
    let x = body.local("x", f32(&[t(), n(3)]));
    let mask = body.local("mask", Type::new(DType::Bool, vec![t(), t()]));
    let w = body.local("w", f32(&[n(3), n(3)]));
    let k = body.contract("ab,bc->ac", x, w);
    let s = body.contract("ab,cb->ac", x, k);
    let p = masked_softmax(&mut body, mask, s, 1);
    let y = body.contract("ac,cd->ad", p, k);
    let x = body.add(x, y);
    let inner = body.finish(&[("x", x)]);
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(3)]));
    let w = make.param("layers.{}.w", f32(&[n(2), n(3), n(3)]));
    let mask = causal(&mut make);
    let repeat = Op::Repeat(Box::new(Repeat { count: 2, carried: 1, constants: 1, stacked: 1, body: inner }));
    let results = make.many(repeat, &[x, mask, w]);
    let graph = make.verified(&[("y", results[0])]);
    let streaming = stream(&graph, "T").unwrap();
    assert_eq!(streaming.states.len(), 1);
    assert_eq!(streaming.states[0].ty.to_string(), "f32[2, @position, 3]");
    splits_anywhere(&graph);
}

#[test]
fn attention_that_sees_later_entries_is_refused() {
    let attend = |mask: fn(&mut Make, ValueId) -> ValueId| {
        refused(|make, x| {
            let s = make.contract("ab,cb->ac", x, x);
            let s = mask(make, s);
            let always = make.op(Op::Const(Constant::Bool(true)), &[]);
            let p = masked_softmax(make, always, s, 1);
            make.contract("ac,cd->ad", p, x)
        })
    };
    assert!(attend(|_, s| s).contains("not masked with -inf"));
    let next = attend(|make, s| {
        // One entry too far: j <= i + 1.
        let positions = make.op(Op::Iota { len: t(), start: n(0) }, &[]);
        let shifted = make.op(Op::Iota { len: t(), start: n(1) }, &[]);
        let rows = make.op(Op::Reshape { shape: vec![t(), n(1)] }, &[shifted]);
        let mask = make.binary(BinaryOp::Ge, rows, positions);
        let low = make.real(f64::NEG_INFINITY);
        make.op(Op::Select, &[mask, s, low])
    });
    assert!(next.contains("not masked with -inf"));
    let finite = attend(|make, s| {
        let mask = causal(make);
        let low = make.real(-1e9);
        make.op(Op::Select, &[mask, s, low])
    });
    assert!(finite.contains("not masked with -inf"));
    let both = refused(|make, x| {
        let s = make.contract("ab,cb->ac", x, x);
        let mask = causal(make);
        let zero = make.real(0.0);
        let kept = make.op(Op::Select, &[mask, s, zero]);
        make.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![0] }, &[kept])
    });
    assert!(both.contains("not masked with 0"));
}

/// The reason why a graph of one argument `x: f32[T, 2]` is refused.
fn refused(build: impl FnOnce(&mut Make, ValueId) -> ValueId) -> String {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let y = build(&mut make, x);
    stream(&make.verified(&[("y", y)]), "T").unwrap_err().reason
}

#[test]
fn what_needs_the_whole_is_refused_with_its_reason() {
    let backward = |make: &mut Make, x| {
        let rec = Recurrence { direction: Direction::Backward, ..Recurrence::simple(f32(&[n(2)])) };
        let op =
            rec.op(&[f32(&[n(2)])], &[], |body, step| vec![body.add(step.earlier[0][0], step.sequences[0])]);
        let start = make.zeros(&f32(&[n(2)]));
        make.many(op, &[x, start])[0]
    };
    assert!(refused(backward).contains("backwards"));
    assert!(refused(|make, x| make.op(Op::Flip { axis: 0 }, &[x])).contains("flip"));
    assert!(refused(|make, x| make.op(Op::Shift { axis: 0, by: -1 }, &[x])).contains("later entries"));
    let mean = |make: &mut Make, x| make.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![0] }, &[x]);
    assert!(refused(mean).contains("reduction over T"));
    let number = |make: &mut Make, x| {
        let length = make.op(Op::DimValue(t()), &[]);
        let length = make.cast(DType::F32, length);
        make.binary(BinaryOp::Div, x, length)
    };
    assert!(refused(number).contains("T is used as a number"));
    let spectrum = |make: &mut Make, x| make.op(Op::Fft { kind: FftKind::Rfft, axis: 0, n: t() }, &[x]);
    assert!(refused(spectrum).contains("rfft"));
    assert!(refused(|make, x| make.op(Op::Reshape { shape: vec![&t() * &n(2)] }, &[x])).contains("reshape"));
    let gram = |make: &mut Make, x| make.contract("ab,cb->ac", x, x);
    assert!(refused(gram).contains("couples"));
    let centred = |make: &mut Make, x| {
        let last = make.op(Op::Last { axis: 0 }, &[x]);
        make.sub(x, last)
    };
    assert!(refused(centred).contains("end of the sequence"));
    let first = |make: &mut Make, x| make.op(Op::Slice { axis: 0, start: n(0), len: n(1) }, &[x]);
    assert!(refused(first).contains("position in time"));
}

#[test]
fn what_no_output_needs_does_not_matter() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    make.op(Op::Flip { axis: 0 }, &[x]);
    let y = make.unary(UnaryOp::Tanh, x);
    splits_anywhere(&make.verified(&[("y", y)]));
}

#[test]
fn a_bound_on_the_length_counts_what_came_before() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    let y = make.unary(UnaryOp::Tanh, x);
    make.0.require(Require::AtMost(t(), Dim::constant(8)), "T is more than context = 8");
    let streaming = stream(&make.verified(&[("y", y)]), "T").unwrap();
    let piece = verify(streaming.graph).unwrap();
    let x = Array::f32(&[3], &[0.0; 3]).unwrap();
    let at = |position| {
        interpret(&piece, std::slice::from_ref(&x), &sizes(&[("T", 3), ("@position", position)]), &EXACT)
    };
    assert!(at(5).is_ok());
    assert_eq!(at(6).unwrap_err().to_string(), "T is more than context = 8");
}

#[test]
fn complex_states_stay_complex() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let lambda = make.param("lambda", c64(&[n(2)]));
    let z = make.cast(DType::C64, x);
    let op = Recurrence::simple(c64(&[n(2)])).op(&[c64(&[n(2)])], &[c64(&[n(2)])], |body, step| {
        let rotated = body.mul(step.constants[0], step.earlier[0][0]);
        vec![body.add(rotated, step.sequences[0])]
    });
    let start = make.zeros(&c64(&[n(2)]));
    let c = make.many(op, &[z, lambda, start]);
    let y = make.unary(UnaryOp::Re, c[0]);
    splits_anywhere(&make.verified(&[("y", y), ("end", c[1])]));
}

#[test]
fn random_graphs_that_stream_give_the_whole() {
    let mut streamed = 0;
    let mut states = 0;
    for seed in 0..2500 {
        let graph = verify(support::random::graph(&mut Numbers(seed), 14, 1)).unwrap();
        let Ok(streaming) = stream(&graph, "T") else { continue };
        let inputs: Vec<Array> = {
            let mut numbers = Numbers(11);
            graph.inputs.iter().map(|input| numbers.of(&input.ty, &sizes(&[("T", 6)]))).collect()
        };
        // An index out of range, or numbers that overflow or come near a branch, say nothing about streaming.
        let Ok(whole) = interpret(&graph, &inputs, &sizes(&[("T", 6)]), &EXACT) else { continue };
        let tame = |x: &Array| x.as_real().is_none_or(|x| x.iter().all(|x| x.abs() < 1e6 || x.is_nan()));
        if !whole.iter().all(tame) {
            continue;
        }
        splits_anywhere(&graph);
        streamed += 1;
        states += usize::from(!streaming.states.is_empty());
    }
    assert!(streamed > 300 && states > 100, "{streamed} graphs streamed, {states} with states");
}

/// A loss-like sum over entries of a sum over channels.
#[test]
fn sums_over_time_are_carried_once_they_are_accumulated() {
    let text = r#"graph total {
  input 0 x : f32[T, 3] argument
  v0 = input 0 : f32[T, 3]
  v1 = reduce sum axes [0, 1] v0 : f32
  v2 = reduce sum axes [0] v0 : f32[3]
  v3 = mul v2, v1 : f32[3]
  output total = v1
  output scaled = v3
}"#;
    let written = verify(tensc_ir::parse_graph(text).unwrap()).unwrap();
    assert!(stream(&written, "T").is_err());
    let accumulated = verify(tensc_ir::accumulate(&written, "T").unwrap()).unwrap();
    for length in [0, 1, 5] {
        let at = sizes(&[("T", length)]);
        let inputs = vec![Numbers(3).of(&written.inputs[0].ty, &at)];
        for (actual, expected) in run(&accumulated, &inputs, &at).iter().zip(&run(&written, &inputs, &at)) {
            assert!(difference(actual, expected) <= 1e-12, "{length}");
        }
    }
    // What a piece leaves is the sum so far, so the last piece's result is the whole's.
    splits_anywhere(&accumulated);
}
