//! What the shape and dtype rules and the verifier refuse, and with which words; what the analyses find.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use support::{Make, Recurrence, f32, n, t};
use tensc_ir::analyse::dependence::dependence;
use tensc_ir::analyse::{Dependence, Fact, time_facts};
use tensc_ir::{
    BinaryOp, Contraction, DType, FftKind, Graph, Op, ReduceKind, Repeat, Role, Type, UnaryOp, ValueId,
    VerifyErrorKind, infer, prune, verify,
};

fn ty(text: &str) -> Type {
    let graph = tensc_ir::parse_graph(&format!("graph g {{ input 0 x : {text} argument }}")).unwrap();
    graph.inputs[0].ty.clone()
}

#[test]
fn types_follow_the_docstrings() {
    let contract = |left: &[u8], right: &[u8], result: &[u8]| {
        Op::Contract(Contraction { left: left.to_vec(), right: right.to_vec(), result: result.to_vec() })
    };
    let slice = |start, len| Op::Slice { axis: 0, start, len };
    let fft = |kind, n| Op::Fft { kind, axis: 0, n };
    let cases: Vec<(Op, &[&str], &str)> = vec![
        (Op::Binary(BinaryOp::Add), &["f32[T, 1]", "f32[8]"], "f32[T, 8]"),
        (Op::Binary(BinaryOp::Lt), &["i32[T]", "i32"], "bool[T]"),
        (Op::Binary(BinaryOp::Polar), &["f32[T]", "f32"], "c64[T]"),
        (Op::Unary(UnaryOp::Abs), &["c64[T]"], "f32[T]"),
        (Op::Select, &["bool[T, 1]", "f32[3]", "f32"], "f32[T, 3]"),
        (contract(&[0, 1], &[1, 2], &[0, 2]), &["bf16[T, 8]", "bf16[8, 4]"], "f32[T, 4]"),
        (contract(&[0], &[1], &[1, 0]), &["c64[T]", "c64[8]"], "c64[8, T]"),
        (Op::Reshape { shape: vec![t().div(&n(4)).unwrap(), n(12)] }, &["f32[T, 3]"], "f32[T / 4, 12]"),
        (slice(n(2), &t() - &n(2)), &["f32[T]"], "f32[T - 2]"),
        (Op::Gather { batch: 1 }, &["f32[H, 9, 2]", "i32[H, T]"], "f32[H, T, 2]"),
        (Op::Conv { axis: 1 }, &["f32[H, T, 3]", "f32[4, 3]"], "f32[H, T, 3]"),
        (Op::Conv { axis: 1 }, &["f32[H, T, 3]", "f32[H, 4, 3]"], "f32[H, T, 3]"),
        (fft(FftKind::Rfft, t()), &["f32[T, 2]"], "c64[floor(T / 2) + 1, 2]"),
        (fft(FftKind::Irfft, n(9)), &["c64[5]"], "f32[9]"),
        (Op::Reduce { kind: ReduceKind::ArgMax, axes: vec![1] }, &["f32[T, 5]"], "i32[T]"),
        (Op::Pad { axis: 0, before: n(1), after: t() }, &["bool[T]"], "bool[2 * T + 1]"),
        (Op::Concat { axis: 1 }, &["f32[T, 2]", "f32[T, 3]"], "f32[T, 5]"),
    ];
    for (op, operands, expected) in cases {
        let operands: Vec<Type> = operands.iter().map(|text| ty(text)).collect();
        assert_eq!(infer(&op, &operands).unwrap(), [ty(expected)], "{op:?}");
    }
}

#[test]
fn wrong_operands_are_refused_with_both_facts() {
    let contract = |left: &[u8], right: &[u8], result: &[u8]| {
        Op::Contract(Contraction { left: left.to_vec(), right: right.to_vec(), result: result.to_vec() })
    };
    let cases: Vec<(Op, &[&str], &str)> = vec![
        (Op::Binary(BinaryOp::Add), &["f32[T]", "i32[T]"], "one element type, found f32 and i32"),
        (
            Op::Binary(BinaryOp::Add),
            &["f32[T]", "f32[S]"],
            "cannot broadcast f32[T] with f32[S]: T against S",
        ),
        (Op::Binary(BinaryOp::Add), &["bool", "bool"], "takes a number as operand 0, found bool"),
        (Op::Binary(BinaryOp::Max), &["c64", "c64"], "a real number"),
        (Op::Binary(BinaryOp::Add), &["f32"], "takes 2 operands, found 1"),
        (Op::Unary(UnaryOp::Log), &["i32[T]"], "takes a float as operand 0, found i32[T]"),
        (Op::Cast(DType::F32), &["c64"], "c64 cannot be converted to f32"),
        (contract(&[0, 1], &[1, 2], &[0, 2]), &["f32[T, 8]", "f32[9, 4]"], "label `b` should be 8, found 9"),
        (contract(&[0, 0], &[1], &[1]), &["f32[3, 3]", "f32[3]"], "label `a` occurs twice"),
        (contract(&[0], &[1], &[2]), &["f32[3]", "f32[3]"], "result label `c` is in no operand"),
        (Op::Reshape { shape: vec![t()] }, &["f32[T, 3]"], "the numbers of entries differ"),
        (Op::Slice { axis: 0, start: n(2), len: n(2) }, &["f32[3]"], "2 .. 4 of an axis of size 3"),
        (Op::Slice { axis: 1, start: n(0), len: n(0) }, &["f32[3]"], "along axis 1 of f32[3]"),
        (Op::Transpose { perm: vec![0, 0] }, &["f32[3, 3]"], "no permutation"),
        (Op::Iota { len: n(-1), start: n(0) }, &[], "-1 is no size"),
        (Op::Gather { batch: 0 }, &["f32[3]", "f32[2]"], "takes i32 as operand 1"),
        (
            Op::Gather { batch: 0 },
            &["f32[3]", "i32[2]", "bool[3]"],
            "the guard should be bool[2], found bool[3]",
        ),
        (Op::Conv { axis: 0 }, &["f32[T, 3]", "f32[4, 2]"], "the weights should be f32[4, 3]"),
        (Op::Fft { kind: FftKind::Rfft, axis: 0, n: n(4) }, &["f64[4]"], "takes f32"),
        (Op::Keep { site: 0, keep: 1.5, shape: vec![] }, &[], "not in 0 ..= 1"),
        (Op::Input(0), &[], "stands in its graph"),
    ];
    for (op, operands, expected) in cases {
        let operands: Vec<Type> = operands.iter().map(|text| ty(text)).collect();
        let error = infer(&op, &operands).unwrap_err().to_string();
        assert!(error.contains(expected), "{op:?}: {error}");
    }
}

#[test]
fn bodies_must_fit() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let op = Recurrence::simple(f32(&[n(2)]))
        .op(&[f32(&[n(2)])], &[], |body, step| vec![body.add(step.earlier[0][0], step.sequences[0])]);
    let wrong = make.zeros(&f32(&[n(3)]));
    let error = make.0.push_many(op.clone(), &[x, wrong], None).unwrap_err().to_string();
    assert_eq!(error, "`rec`: start operand 0 should be f32[2], found f32[3]");
    let error = make.0.push_many(op, &[x], None).unwrap_err().to_string();
    assert!(error.contains("1 operands, but 2 are described"), "{error}");
    let mut body = Make::new();
    let y = body.local("x", f32(&[n(2)]));
    let y = body.op(Op::Reduce { kind: ReduceKind::Sum, axes: vec![0] }, &[y]);
    let body = body.finish(&[("y", y)]);
    let repeat = Op::Repeat(Box::new(Repeat { count: 2, carried: 1, constants: 0, stacked: 0, body }));
    let z = make.zeros(&f32(&[n(2)]));
    let error = make.0.push_many(repeat, &[z], None).unwrap_err().to_string();
    assert_eq!(error, "`repeat`: carried value 0 should be f32[2], found f32");
}

#[test]
fn equal_nodes_are_one_and_signs_of_zero_differ() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    assert_eq!(make.unary(UnaryOp::Tanh, x), make.unary(UnaryOp::Tanh, x));
    assert_ne!(make.real(0.0), make.real(-0.0));
    assert_eq!(make.real(f64::NAN), make.real(f64::NAN));
    let keep = |make: &mut Make, site| make.op(Op::Keep { site, keep: 0.5, shape: vec![t()] }, &[]);
    assert_eq!(keep(&mut make, 1), keep(&mut make, 1));
    assert_ne!(keep(&mut make, 1), keep(&mut make, 2));
}

fn small() -> Graph {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    let y = make.unary(UnaryOp::Tanh, x);
    let z = make.add(x, y);
    make.finish(&[("z", z)])
}

#[test]
fn damaged_graphs_are_refused() {
    assert!(verify(small()).is_ok());
    let damaged = |damage: &dyn Fn(&mut Graph)| {
        let mut graph = small();
        damage(&mut graph);
        *verify(graph).unwrap_err().kind
    };
    let found = damaged(&|graph| graph.nodes[1].operands[0] = ValueId(2));
    assert_eq!(found, VerifyErrorKind::Order(ValueId(2)));
    let found = damaged(&|graph| graph.nodes[1].operands[0] = ValueId(9));
    assert_eq!(found, VerifyErrorKind::Missing(ValueId(9)));
    let found = damaged(&|graph| graph.nodes[1].op = Op::Input(1));
    assert_eq!(found, VerifyErrorKind::MissingInput(1));
    let found = damaged(&|graph| graph.values[2].ty = f32(&[n(3)]));
    assert!(matches!(found, VerifyErrorKind::Result { value: ValueId(2), .. }));
    let found = damaged(&|graph| graph.inputs[0].ty = f32(&[n(3)]));
    assert!(matches!(found, VerifyErrorKind::Result { value: ValueId(0), .. }));
    let found = damaged(&|graph| graph.nodes[1].op = Op::Unary(UnaryOp::Not));
    assert!(matches!(found, VerifyErrorKind::Type(_)));
    let found = damaged(&|graph| graph.nodes[1].results.clear());
    assert_eq!(found, VerifyErrorKind::Results { expected: 1, found: 0 });
    let found = damaged(&|graph| graph.values[1].index = 1);
    assert_eq!(found, VerifyErrorKind::Link(ValueId(1)));
    let found = damaged(&|graph| {
        let value = graph.values[0].clone();
        graph.values.push(value);
    });
    assert_eq!(found, VerifyErrorKind::Orphan(ValueId(3)));
    let found = damaged(&|graph| graph.outputs.push(("z".to_owned(), ValueId(0))));
    assert_eq!(found, VerifyErrorKind::Name);
    let found = damaged(&|graph| graph.outputs[0].1 = ValueId(3));
    assert_eq!(found, VerifyErrorKind::Missing(ValueId(3)));
    let found = damaged(&|graph| graph.inputs[0].role = Role::Local);
    assert!(matches!(found, VerifyErrorKind::Role(..)));
    let found = damaged(&|graph| graph.inputs[0].role = Role::Param { path: "{}.{}".to_owned() });
    assert!(matches!(found, VerifyErrorKind::Path { braces: 2, .. }));
}

#[test]
fn pruning_keeps_what_outputs_need() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t()]));
    let unused = make.argument("unused", f32(&[n(2)]));
    make.unary(UnaryOp::Exp, unused);
    let y = make.unary(UnaryOp::Tanh, x);
    let pruned = prune(&make.verified(&[("y", y)]));
    assert_eq!(pruned.inputs.len(), 2);
    assert_eq!(pruned.nodes.iter().map(|node| node.op.name()).collect::<Vec<_>>(), ["input", "tanh"]);
    verify(pruned).unwrap();
}

#[test]
fn dependence_is_followed_through_bodies() {
    let mut body = Make::new();
    let (x, w) = (body.local("x", f32(&[n(2)])), body.local("w", f32(&[n(2)])));
    let squared = body.mul(w, w);
    let y = body.add(x, w);
    let inner = body.finish(&[("x", y), ("squared", squared)]);
    let repeat = Op::Repeat(Box::new(Repeat { count: 3, carried: 1, constants: 0, stacked: 1, body: inner }));
    let mut make = Make::new();
    let x = make.argument("x", f32(&[n(2)]));
    let w = make.param("w.{}", f32(&[n(3), n(2)]));
    let zero = make.zeros(&f32(&[n(2)]));
    let varying = make.many(repeat.clone(), &[x, w]);
    // What is carried starts constant and meets weights.
    let weights = make.many(repeat, &[zero, w]);
    let numbers = make.op(Op::Iota { len: t(), start: n(0) }, &[]);
    let product = make.contract("ab,cb->ac", w, w);
    let outputs = [
        (varying[0], Dependence::Varying),
        (varying[1], Dependence::Weights),
        (weights[0], Dependence::Weights),
        (numbers, Dependence::Sizes),
        (product, Dependence::Weights),
        (zero, Dependence::Constant),
    ];
    let facts = dependence(make.0.graph());
    for (value, expected) in outputs {
        assert_eq!(facts[value.0 as usize], expected, "{value}");
    }
}

#[test]
fn time_facts_tell_memory_from_none() {
    let mut make = Make::new();
    let x = make.argument("x", f32(&[t(), n(2)]));
    let w = make.param("w", f32(&[n(2), n(2)]));
    let squared = make.contract("ab,bc->ac", w, w);
    let y = make.contract("ab,bc->ac", x, squared);
    let moved = make.op(Op::Transpose { perm: vec![1, 0] }, &[y]);
    let shifted = make.op(Op::Shift { axis: 1, by: 1 }, &[moved]);
    let both = make.add(moved, shifted);
    let last = make.op(Op::Last { axis: 1 }, &[both]);
    let flipped = make.op(Op::Flip { axis: 1 }, &[both]);
    let after = make.unary(UnaryOp::Tanh, flipped);
    let facts = time_facts(make.0.graph(), "T").values;
    let fact = |value: ValueId| facts[value.0 as usize].clone();
    assert_eq!(fact(squared), Fact::Constant);
    assert_eq!(fact(y), Fact::Pointwise { axis: 0 });
    assert_eq!(fact(moved), Fact::Pointwise { axis: 1 });
    assert_eq!(fact(both), Fact::Causal { axis: 1 });
    assert_eq!(fact(last), Fact::End);
    assert_eq!(fact(after), fact(flipped));
    assert!(fact(after).reason().unwrap().message.contains("flip"));
}
