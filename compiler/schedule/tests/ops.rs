//! Every op of the graph, scheduled and run by the program's interpreter, against the graph's interpreter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use support::{Make, agree, agree_at, c64, f32, i32, n, t, ty};
use tensc_ir::{BinaryOp, Constant, DType, Dim, FftKind, Op, ReduceKind, Type, UnaryOp, ValueId};

/// One op of arguments, at all lengths.
fn op_of(op: Op, types: &[Type]) {
    let mut make = Make::new("g");
    let operands: Vec<ValueId> =
        types.iter().enumerate().map(|(n, ty)| make.argument(&format!("x{n}"), ty.clone())).collect();
    let y = make.op(op, &operands);
    agree(&make.done(&[y]));
}

#[test]
fn unary_real() {
    for op in UnaryOp::ALL {
        let dtype = match op {
            UnaryOp::Not => DType::Bool,
            UnaryOp::Re | UnaryOp::Im | UnaryOp::Conj | UnaryOp::Arg => DType::C64,
            _ => DType::F32,
        };
        op_of(Op::Unary(op), &[ty(dtype, &[t(), n(3)])]);
    }
    for op in [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Detach] {
        op_of(Op::Unary(op), &[i32(&[t()])]);
        op_of(Op::Unary(op), &[ty(DType::U8, &[t()])]);
        op_of(Op::Unary(op), &[ty(DType::F64, &[t()])]);
    }
}

#[test]
fn unary_complex() {
    for op in [
        UnaryOp::Neg,
        UnaryOp::Exp,
        UnaryOp::Sqrt,
        UnaryOp::Abs,
        UnaryOp::Conj,
        UnaryOp::Arg,
        UnaryOp::Re,
        UnaryOp::Im,
        UnaryOp::Detach,
    ] {
        op_of(Op::Unary(op), &[c64(&[t(), n(5)])]);
    }
}

#[test]
fn binary_ops_broadcast() {
    for op in BinaryOp::ALL {
        let dtypes: &[DType] = match op {
            BinaryOp::And | BinaryOp::Or => &[DType::Bool],
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => &[DType::F32, DType::C64, DType::I32, DType::U8],
            BinaryOp::Div => &[DType::F32, DType::C64, DType::F64],
            BinaryOp::Eq | BinaryOp::Ne => &[DType::F32, DType::C64, DType::Bool, DType::I32],
            BinaryOp::Rem | BinaryOp::Pow => &[DType::I32, DType::U8],
            BinaryOp::Max | BinaryOp::Min | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                &[DType::F32, DType::I32]
            }
            BinaryOp::Complex | BinaryOp::Polar => &[DType::F32],
        };
        for dtype in dtypes {
            op_of(Op::Binary(op), &[ty(*dtype, &[t(), n(4)]), ty(*dtype, &[n(4)])]);
            op_of(Op::Binary(op), &[ty(*dtype, &[t(), n(1)]), ty(*dtype, &[n(3), n(1), n(2)])]);
        }
    }
}

#[test]
fn select_and_casts() {
    op_of(Op::Select, &[ty(DType::Bool, &[t(), n(1)]), f32(&[n(3)]), f32(&[t(), n(3)])]);
    op_of(Op::Select, &[ty(DType::Bool, &[t()]), c64(&[t()]), c64(&[])]);
    for from in DType::ALL {
        for to in DType::ALL {
            if from == DType::C64 && !matches!(to, DType::C64 | DType::Bool) {
                continue;
            }
            op_of(Op::Cast(to), &[ty(from, &[t(), n(2)])]);
        }
    }
}

#[test]
fn sources() {
    let mut make = Make::new("g");
    let long = make.op(Op::Iota { len: t(), start: n(3) }, &[]);
    let short = make.op(Op::Iota { len: n(5), start: t() }, &[]);
    let size = make.op(Op::DimValue(&t() * &n(2)), &[]);
    let complex = make.op(Op::Const(Constant::Complex(1.5, -2.0)), &[]);
    agree(&make.done(&[long, short, size, complex]));
}

#[test]
fn reductions() {
    for (kind, dtypes) in [
        (ReduceKind::Sum, &[DType::F32, DType::C64, DType::I32, DType::U8, DType::F64][..]),
        (ReduceKind::Max, &[DType::F32, DType::I32, DType::U8]),
        (ReduceKind::Min, &[DType::F32, DType::I32, DType::U8]),
        (ReduceKind::ArgMax, &[DType::F32, DType::I32]),
    ] {
        for dtype in dtypes {
            for axes in [&[0][..], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
                if kind == ReduceKind::ArgMax && axes.len() > 1 {
                    continue;
                }
                op_of(Op::Reduce { kind, axes: axes.to_vec() }, &[ty(*dtype, &[t(), n(3), n(4)])]);
            }
            op_of(Op::Reduce { kind, axes: vec![1] }, &[ty(*dtype, &[t(), n(0)])]);
        }
    }
}

#[test]
fn a_long_axis_is_reduced_in_pieces() {
    for kind in ReduceKind::ALL {
        for size in [1024, 8192, 9001] {
            let mut make = Make::new("g");
            let x = make.argument("x", f32(&[t(), n(size)]));
            let y = make.reduce(kind, &[1], x);
            agree_at(&make.done(&[y]), &[0, 1, 2]);
        }
    }
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(100), n(90)]));
    let y = make.reduce(ReduceKind::Sum, &[1, 2], x);
    agree_at(&make.done(&[y]), &[2]);
}

#[test]
fn running_sums() {
    for axis in 0..3 {
        op_of(Op::Cumsum { axis }, &[f32(&[t(), n(3), n(20)])]);
    }
    op_of(Op::Cumsum { axis: 0 }, &[c64(&[t()])]);
    op_of(Op::Cumsum { axis: 0 }, &[i32(&[n(7), t()])]);
}

#[test]
fn movement() {
    let x = || f32(&[t(), n(6), n(4)]);
    op_of(Op::Transpose { perm: vec![2, 0, 1] }, &[x()]);
    op_of(Op::Broadcast { shape: vec![n(2), t(), n(3), n(4)], axes: vec![1, 2] }, &[f32(&[t(), n(1)])]);
    op_of(Op::Reshape { shape: vec![t(), n(24)] }, &[x()]);
    op_of(Op::Reshape { shape: vec![t(), n(2), n(3), n(2), n(2)] }, &[x()]);
    op_of(Op::Reshape { shape: vec![n(4), n(6), t()] }, &[x()]);
    op_of(Op::Reshape { shape: vec![&t() * &n(24)] }, &[x()]);
    op_of(Op::Slice { axis: 1, start: n(2), len: n(3) }, &[x()]);
    op_of(Op::Flip { axis: 0 }, &[x()]);
    op_of(Op::Flip { axis: 2 }, &[c64(&[t(), n(2), n(5)])]);
    op_of(Op::Pad { axis: 0, before: n(2), after: n(1) }, &[x()]);
    op_of(Op::Pad { axis: 2, before: n(0), after: t() }, &[x()]);
    op_of(Op::Concat { axis: 1 }, &[f32(&[t(), n(2)]), f32(&[t(), n(0)]), f32(&[t(), n(5)])]);
    op_of(Op::Concat { axis: 0 }, &[c64(&[t(), n(2)]), c64(&[n(3), n(2)])]);
    for by in [-3, -1, 0, 1, 5, 100] {
        op_of(Op::Shift { axis: 0, by }, &[f32(&[t(), n(3)])]);
    }
    op_of(Op::Shift { axis: 1, by: 1 }, &[i32(&[t(), n(3)])]);
    op_of(Op::Last { axis: 0 }, &[x()]);
    op_of(Op::Last { axis: 1 }, &[c64(&[t(), n(3)])]);
    op_of(Op::Last { axis: 1 }, &[f32(&[t(), n(0)])]);
}

#[test]
fn chains_of_movement() {
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(6)]));
    let e = make.unary(UnaryOp::Exp, x);
    let flat = make.op(Op::Reshape { shape: vec![&t() * &n(6)] }, &[e]);
    let shifted = make.op(Op::Shift { axis: 0, by: 2 }, &[flat]);
    let back = make.op(Op::Reshape { shape: vec![t(), n(6)] }, &[shifted]);
    let padded = make.op(Op::Pad { axis: 1, before: n(1), after: n(1) }, &[back]);
    let flipped = make.op(Op::Flip { axis: 1 }, &[padded]);
    let both = make.op(Op::Concat { axis: 1 }, &[flipped, e]);
    let sum = make.reduce(ReduceKind::Max, &[1], both);
    agree(&make.done(&[both, sum, back]));
}

#[test]
fn slices_at_run_time() {
    let mut make = Make::new("g");
    let table = make.param("pos", f32(&[n(128), n(3)]));
    let piece = make.op(Op::Slice { axis: 0, start: Dim::position(), len: t() }, &[table]);
    let x = make.argument("x", f32(&[t(), n(3)]));
    let y = make.add(piece, x);
    agree(&make.done(&[y]));
}

#[test]
fn lookups() {
    op_of(Op::Gather { batch: 0 }, &[f32(&[n(5), n(3)]), i32(&[t()])]);
    op_of(Op::Gather { batch: 0 }, &[c64(&[n(6)]), i32(&[t(), n(2)])]);
    op_of(Op::Gather { batch: 1 }, &[f32(&[t(), n(5), n(2)]), i32(&[t(), n(4)])]);
}

#[test]
fn a_guard_hides_what_is_out_of_range() {
    let mut make = Make::new("g");
    let table = make.param("table", f32(&[n(3), n(2)]));
    let x = make.argument("x", i32(&[t()]));
    let three = make.whole(3);
    let fine = make.binary(BinaryOp::Lt, x, three);
    let y = make.op(Op::Gather { batch: 0 }, &[table, x, fine]);
    agree(&make.done(&[y]));
}

#[test]
fn products() {
    for (labels, left, right) in [
        ("ab,bc->ac", vec![t(), n(16)], vec![n(16), n(24)]),
        ("ab,bc->ac", vec![t(), n(3)], vec![n(3), n(2)]),
        ("ab,cb->ac", vec![t(), n(16)], vec![n(9), n(16)]),
        ("ab,cb->ac", vec![t(), n(16)], vec![t(), n(16)].into_iter().map(|_| n(16)).collect()),
        ("ab,b->a", vec![t(), n(9)], vec![n(9)]),
        ("b,bc->c", vec![n(9)], vec![n(9), n(33)]),
        ("a,b->ab", vec![t()], vec![n(5)]),
        ("a,b->ba", vec![t()], vec![n(5)]),
        ("ab,ab->a", vec![t(), n(7)], vec![t(), n(7)]),
        ("ab,ab->", vec![t(), n(7)], vec![t(), n(7)]),
        ("abc,acd->abd", vec![n(3), t(), n(8)], vec![n(3), n(8), n(10)]),
        ("bac,bcd->abd", vec![n(3), t(), n(8)], vec![n(3), n(8), n(10)]),
        ("abc,dbc->bad", vec![t(), n(2), n(8)], vec![t(), n(2), n(8)]),
        ("abc,bcd->ad", vec![t(), n(4), n(8)], vec![n(4), n(8), n(10)]),
        ("abc,cbd->ad", vec![t(), n(4), n(8)], vec![n(8), n(4), n(10)]),
        ("ab,bc->a", vec![t(), n(16)], vec![n(16), n(24)]),
        ("ab,cd->ac", vec![t(), n(16)], vec![n(5), n(6)]),
        ("ba,bc->ac", vec![t(), n(8)], vec![t(), n(9)]),
    ] {
        for dtype in [DType::F32, DType::C64, DType::I32, DType::F64, DType::BF16, DType::F16, DType::U8] {
            let lengths: &[i64] = if dtype == DType::F32 { &[0, 1, 2, 63, 64, 65] } else { &[0, 1, 5] };
            // Both vary, one of them is a weight.
            for weight in [false, true] {
                let mut make = Make::new("g");
                let a = make.argument("a", ty(dtype, &left));
                let is_static = right.iter().all(|d| d.as_constant().is_some());
                let b = if weight && is_static {
                    make.param("b", ty(dtype, &right))
                } else {
                    make.argument("b", ty(dtype, &right))
                };
                let y = make.einsum(labels, a, b);
                agree_at(&make.done(&[y]), lengths);
            }
        }
    }
}

#[test]
fn a_product_of_weights_is_prepared() {
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(16)]));
    let r = make.param("r", f32(&[n(16), n(16)]));
    let w = make.param("w", f32(&[n(16), n(12)]));
    let rw = make.einsum("ab,bc->ac", r, w);
    let half = make.number(0.5);
    let rw = make.mul(rw, half);
    let y = make.einsum("ab,bc->ac", x, rw);
    let graph = make.done(&[y]);
    let program = support::program(&graph);
    assert!(!program.prepare.is_empty());
    assert_eq!(program.main.len(), 1, "{program}");
    agree(&graph);
}

#[test]
fn heads_are_views() {
    let mut make = Make::new("g");
    let q = make.argument("q", f32(&[t(), n(24)]));
    let k = make.argument("k", f32(&[t(), n(24)]));
    let v = make.argument("v", f32(&[t(), n(24)]));
    let mut heads = |x| {
        let x = make.op(Op::Reshape { shape: vec![t(), n(3), n(8)] }, &[x]);
        make.op(Op::Transpose { perm: vec![1, 0, 2] }, &[x])
    };
    let (q, k, v) = (heads(q), heads(k), heads(v));
    let scores = make.einsum("abc,adc->abd", q, k);
    let most = make.kept(ReduceKind::Max, scores);
    let shifted = make.sub(scores, most);
    let e = make.unary(UnaryOp::Exp, shifted);
    let sum = make.kept(ReduceKind::Sum, e);
    let p = make.binary(BinaryOp::Div, e, sum);
    let y = make.einsum("abd,adc->abc", p, v);
    let y = make.op(Op::Transpose { perm: vec![1, 0, 2] }, &[y]);
    let y = make.op(Op::Reshape { shape: vec![t(), n(24)] }, &[y]);
    agree(&make.done(&[y]));
}

#[test]
fn convolutions() {
    for taps in [1, 4, 20] {
        op_of(Op::Conv { axis: 0 }, &[f32(&[t(), n(3)]), f32(&[n(taps), n(3)])]);
        op_of(Op::Conv { axis: 1 }, &[c64(&[n(2), t()]), c64(&[n(taps)])]);
    }
    op_of(Op::Conv { axis: 1 }, &[f32(&[n(2), t()]), f32(&[n(2), n(3)])]);
    op_of(Op::Conv { axis: 0 }, &[i32(&[t()]), i32(&[t()])]);
}

#[test]
fn transforms() {
    for kind in [FftKind::Fft, FftKind::Ifft] {
        for len in [1, 5, 8] {
            op_of(Op::Fft { kind, axis: 1, n: n(len) }, &[c64(&[t(), n(5)])]);
            op_of(Op::Fft { kind, axis: 0, n: n(len) }, &[c64(&[t(), n(3)])]);
        }
    }
    for len in [1, 5, 8] {
        op_of(Op::Fft { kind: FftKind::Rfft, axis: 0, n: n(len) }, &[f32(&[t(), n(3)])]);
        op_of(Op::Fft { kind: FftKind::Rfft, axis: 1, n: n(len) }, &[f32(&[t(), n(5)])]);
        op_of(Op::Fft { kind: FftKind::Irfft, axis: 0, n: n(len) }, &[c64(&[t(), n(2)])]);
    }
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(3)]));
    let w = make.param("w", c64(&[n(3)]));
    let f = make.op(Op::Fft { kind: FftKind::Rfft, axis: 0, n: &t() * &n(2) }, &[x]);
    let f = make.mul(f, w);
    let y = make.op(Op::Fft { kind: FftKind::Irfft, axis: 0, n: &t() * &n(2) }, &[f]);
    let y = make.op(Op::Slice { axis: 0, start: n(0), len: t() }, &[y]);
    agree_at(&make.done(&[y]), &[1, 2, 63]);
}

#[test]
fn norms_are_one_kernel() {
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(24)]));
    let r = make.argument("r", f32(&[t(), n(24)]));
    let s = make.add(x, r);
    let y = make.layer_norm(s);
    let scale = make.param("scale", f32(&[n(24)]));
    let y = make.mul(y, scale);
    let graph = make.done(&[y]);
    let program = support::program(&graph);
    assert_eq!(program.main.len(), 1, "{program}");
    agree(&graph);
}

#[test]
fn losses() {
    let mut make = Make::new("g");
    let x = make.argument("x", f32(&[t(), n(12)]));
    let targets = make.argument("targets", i32(&[t()]));
    let most = make.kept(ReduceKind::Max, x);
    let shifted = make.sub(x, most);
    let e = make.unary(UnaryOp::Exp, shifted);
    let sum = make.kept(ReduceKind::Sum, e);
    let log = make.unary(UnaryOp::Log, sum);
    let logp = make.sub(shifted, log);
    let picked = make.op(Op::Gather { batch: 1 }, &[logp, targets]);
    let total = make.reduce(ReduceKind::Sum, &[0], picked);
    agree(&make.done(&[total]));
}

#[test]
fn a_transposed_weight_is_laid_out_by_prepare() {
    let mut make = Make::new("head");
    let x = make.argument("x", f32(&[t(), n(96)]));
    let w = make.param("w", f32(&[n(200), n(96)]));
    let tokens = make.argument("tokens", i32(&[t()]));
    let rows = make.op(Op::Gather { batch: 0 }, &[w, tokens]);
    let x = make.add(x, rows);
    let y = make.einsum("ab,cb->ac", x, w);
    let graph = make.done(&[y]);
    let program = support::program(&graph);
    assert_eq!(program.prepare.len(), 1, "{program}");
    agree(&graph);
}

#[test]
fn only_the_last_row_of_a_product_is_computed() {
    let mut make = Make::new("next");
    let x = make.argument("x", f32(&[t(), n(24)]));
    let w = make.param("w", f32(&[n(24), n(40)]));
    let e = make.unary(UnaryOp::Exp, x);
    let y = make.einsum("ab,bc->ac", e, w);
    let y = make.op(Op::Last { axis: 0 }, &[y]);
    let graph = make.done(&[y]);
    let program = support::program(&graph);
    let per_entry = program.buffers.iter().filter(|b| b.kind == tensc_program::BufferKind::Scratch);
    assert!(per_entry.into_iter().all(|b| !b.shape.contains(&t())), "{program}");
    agree(&graph);
}
