//! Random well-typed graphs: random ops with random attributes on random values, of which those stay that the rules allow.

use super::{Make, Numbers, Recurrence, c64, f32, n, t};
use tensc_ir::{
    BinaryOp, Constant, Contraction, DType, Dim, Direction, Distribution, FftKind, Graph, Op, Origin,
    RecState, ReduceKind, Repeat, Require, Type, UnaryOp, ValueId,
};

/// A graph of about `size` nodes over `T`, with bodies `depth` deep.
pub fn graph(numbers: &mut Numbers, size: usize, depth: usize) -> Graph {
    let mut make = Make::new();
    let mut values = vec![
        make.argument("x", f32(&[t(), n(3)])),
        make.argument("y z", f32(&[t(), n(3)])),
        make.argument("tokens", Type::new(DType::I32, vec![t()])),
        make.param("w.{}", f32(&[n(3), n(3)])),
        make.param("table", f32(&[n(24), n(3)])),
        make.param("lambda", c64(&[n(3)])),
    ];
    grow(&mut make, numbers, &mut values, size, depth);
    let bound = &t() + &n(2);
    make.0.require(Require::AtMost(bound, n(1000)), "T is \"large\"\nand so on \\");
    let outputs: Vec<(String, ValueId)> =
        values.iter().rev().take(4).enumerate().map(|(k, v)| (format!("out {k}"), *v)).collect();
    make.0.finish(outputs)
}

fn grow(make: &mut Make, numbers: &mut Numbers, values: &mut Vec<ValueId>, size: usize, depth: usize) {
    let until = make.0.graph().nodes.len() + size;
    for _ in 0..size * 40 {
        if make.0.graph().nodes.len() >= until {
            return;
        }
        let nested = depth > 0 && numbers.below(12) == 0;
        let (op, operands) =
            if nested { region(make, numbers, values, depth) } else { plain(make, numbers, values) };
        let origin = Some(Origin { file: 0, start: 1, end: 2 });
        if let Ok(results) = make.0.push_many(op, &operands, origin) {
            values.extend(results);
        }
    }
}

fn pick(numbers: &mut Numbers, values: &[ValueId]) -> ValueId {
    // Rather a late value, so that graphs get deep.
    let from = if numbers.below(3) == 0 { 0 } else { values.len().saturating_sub(6) };
    values[from + numbers.below(values.len() - from)]
}

fn dim(numbers: &mut Numbers) -> Dim {
    match numbers.below(8) {
        0..=3 => t(),
        4 => n(1),
        5 => n(3),
        6 => &(&t() * &n(2)) + &n(1),
        _ => t().div(&n(3)).unwrap().ceil(),
    }
}

fn plain(make: &mut Make, numbers: &mut Numbers, values: &[ValueId]) -> (Op, Vec<ValueId>) {
    let x = pick(numbers, values);
    let ty = make.0.ty(x).clone();
    let axis = numbers.below(ty.rank().max(1));
    let like = |make: &Make, numbers: &mut Numbers| {
        let same: Vec<ValueId> = values.iter().copied().filter(|v| make.0.ty(*v).dtype == ty.dtype).collect();
        pick(numbers, &same)
    };
    let of = |make: &Make, dtype: DType| values.iter().copied().find(|v| make.0.ty(*v).dtype == dtype);
    let size = ty.shape.get(axis).cloned().unwrap_or_default();
    match numbers.below(26) {
        0 => (Op::Const(constant(numbers)), vec![]),
        1 => (Op::DimValue(dim(numbers)), vec![]),
        2 => (Op::Iota { len: dim(numbers), start: n(numbers.below(3) as i64) }, vec![]),
        3 | 4 => (Op::Unary(UnaryOp::ALL[numbers.below(UnaryOp::ALL.len())]), vec![x]),
        5..=7 => {
            let other = like(make, numbers);
            (Op::Binary(BinaryOp::ALL[numbers.below(BinaryOp::ALL.len())]), vec![x, other])
        }
        8 => {
            let other = like(make, numbers);
            (Op::Select, of(make, DType::Bool).into_iter().chain([x, other]).collect())
        }
        9 => (Op::Cast(DType::ALL[numbers.below(8)]), vec![x]),
        10 => (Op::Reduce { kind: ReduceKind::ALL[numbers.below(4)], axes: vec![axis] }, vec![x]),
        11 => (Op::Cumsum { axis }, vec![x]),
        12 | 13 => {
            let other = like(make, numbers);
            let labels = |numbers: &mut Numbers, rank: usize| -> Vec<u8> {
                (0..rank).map(|_| numbers.below(4) as u8).collect()
            };
            let left = labels(numbers, ty.rank());
            let right = labels(numbers, make.0.ty(other).rank());
            let result = [left.clone(), right.clone()].concat();
            let result = result.into_iter().filter(|label| label % 2 == 0).collect();
            (Op::Contract(Contraction { left, right, result }), vec![x, other])
        }
        14 => {
            let mut shape = ty.shape.clone();
            shape.insert(axis.min(shape.len()), n(1));
            (Op::Reshape { shape }, vec![x])
        }
        15 => {
            let mut perm: Vec<usize> = (0..ty.rank()).collect();
            perm.rotate_left(axis);
            (Op::Transpose { perm }, vec![x])
        }
        16 => {
            let mut shape = ty.shape.clone();
            shape.insert(0, n(2));
            (Op::Broadcast { axes: (1..shape.len()).collect(), shape }, vec![x])
        }
        17 => {
            let len = if size == n(24) { t() } else { size };
            (Op::Slice { axis, start: n(0), len }, vec![x])
        }
        18 => {
            let other = like(make, numbers);
            (Op::Concat { axis }, vec![x, other])
        }
        19 => {
            let (before, after) = (n(numbers.below(2) as i64), n(numbers.below(3) as i64));
            (Op::Pad { axis, before, after }, vec![x])
        }
        20 => (Op::Flip { axis }, vec![x]),
        21 => {
            let tokens = values.iter().copied().find(|v| make.0.ty(*v).dtype == DType::I32);
            let guard = of(make, DType::Bool).filter(|_| numbers.below(2) == 0);
            (Op::Gather { batch: 0 }, [x].into_iter().chain(tokens).chain(guard).collect())
        }
        22 => (Op::Shift { axis, by: numbers.below(5) as i64 - 1 }, vec![x]),
        23 => {
            let other = like(make, numbers);
            (Op::Conv { axis }, vec![x, other])
        }
        24 => match numbers.below(4) {
            0 => (Op::Last { axis }, vec![x]),
            1 => (Op::Keep { site: 7, keep: 0.25, shape: vec![t(), n(3)] }, vec![]),
            2 => {
                let distribution = match numbers.below(4) {
                    0 => Distribution::Uniform(-1.0, 1e-7),
                    1 => Distribution::Normal(0.1, 3.0),
                    2 => Distribution::Xavier(1.0),
                    _ => Distribution::Orthogonal(0.5),
                };
                let key = ("a \"b\".c".to_owned(), numbers.below(3) as u32);
                (Op::Draw { distribution, key, shape: vec![n(3), n(3)] }, vec![])
            }
            _ => (Op::Last { axis: 0 }, vec![x]),
        },
        _ => {
            let length = if numbers.below(2) == 0 { n(3) } else { t() };
            (Op::Fft { kind: FftKind::ALL[numbers.below(4)], axis, n: length }, vec![x])
        }
    }
}

fn constant(numbers: &mut Numbers) -> Constant {
    const SPECIAL: [f64; 9] =
        [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.1, -1e-310, f64::MAX, 1.5];
    let mut real = || SPECIAL[numbers.below(SPECIAL.len())];
    match numbers_kind(real()) {
        0 => Constant::Complex(real(), real()),
        1 => Constant::Int(DType::I32, -3),
        2 => Constant::Bool(true),
        _ => Constant::Float(DType::F32, real()),
    }
}

fn numbers_kind(x: f64) -> u64 {
    x.to_bits() % 5
}

/// A recurrence over T or a repeat, with a random body.
fn region(make: &mut Make, numbers: &mut Numbers, values: &[ValueId], depth: usize) -> (Op, Vec<ValueId>) {
    let x = pick(numbers, values);
    let ty = make.0.ty(x).clone();
    let size = 2 + numbers.below(8);
    if numbers.below(2) == 0 {
        let mut body = Make(tensc_ir::Builder::new("layer"));
        let mut inner = vec![body.local("x", ty.clone()), body.local("w", f32(&[n(3)]))];
        grow(&mut body, numbers, &mut inner, size, depth - 1);
        let same = inner.iter().rev().copied().find(|v| *body.0.ty(*v) == ty).unwrap();
        let last = *inner.last().unwrap();
        let body = body.0.finish(vec![("x".to_owned(), same), ("all".to_owned(), last)]);
        let repeat = Repeat { count: 3, carried: 1, constants: 0, stacked: 1, body };
        let weights: Vec<ValueId> =
            values.iter().copied().filter(|v| *make.0.ty(*v) == f32(&[n(3), n(3)])).collect();
        if weights.is_empty() {
            return (Op::Select, vec![]);
        }
        let w = pick(numbers, &weights);
        return (Op::Repeat(Box::new(repeat)), vec![x, w]);
    }
    let Some(axis) = ty.shape.iter().position(|dim| *dim == t()) else { return (Op::Select, vec![]) };
    let mut entry = ty.clone();
    entry.shape.remove(axis);
    let depth_of_state = 1 + numbers.below(2);
    let rec = Recurrence {
        length: t(),
        axis,
        direction: if numbers.below(4) == 0 { Direction::Backward } else { Direction::Forward },
        states: vec![(RecState { line: 0, depth: depth_of_state }, entry.clone())],
    };
    let op = rec.op(std::slice::from_ref(&entry), &[], |body, step| {
        let mut inner = vec![step.t, step.sequences[0]];
        inner.extend(&step.earlier[0]);
        grow(body, numbers, &mut inner, size, depth - 1);
        let same = inner.iter().rev().copied().find(|v| *body.0.ty(*v) == entry).unwrap();
        let last = *inner.iter().rev().find(|v| body.0.ty(**v).rank() >= axis).unwrap_or(&same);
        vec![same, last]
    });
    let start = make.zeros(&entry);
    (op, std::iter::once(x).chain(std::iter::repeat_n(start, depth_of_state)).collect())
}
