//! Random well-typed graphs, scheduled and run by the program's interpreter, against the graph's interpreter.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use std::collections::BTreeMap;
use support::{Make, Random, agree_at, c64, f32, i32, n, rec, t};
use tensc_ir::{BinaryOp, DType, Dim, Direction, FftKind, Op, ReduceKind, Repeat, Type, UnaryOp, ValueId};

/// Builds a graph op by op from what is there.
struct Generator {
    make: Make,
    random: Random,
    values: Vec<ValueId>,
    counts: BTreeMap<&'static str, usize>,
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut make = Make::new("random");
        let values = vec![
            make.argument("x", f32(&[t(), n(6)])),
            make.argument("z", c64(&[t(), n(6)])),
            make.argument("v", f32(&[t()])),
            make.argument("k", i32(&[t()])),
            make.param("w", f32(&[n(6), n(6)])),
            make.param("p", c64(&[n(6)])),
            make.param("s", f32(&[])),
            make.param("table", f32(&[n(5), n(6)])),
        ];
        Self { make, random: Random::new(seed), values, counts: BTreeMap::new() }
    }

    fn ty(&self, value: ValueId) -> Type {
        self.make.0.ty(value).clone()
    }

    /// A value that fits, the later the likelier.
    fn pick(&mut self, fits: impl Fn(&Type) -> bool) -> Option<ValueId> {
        let fitting: Vec<ValueId> = self.values.iter().copied().filter(|v| fits(&self.ty(*v))).collect();
        if fitting.is_empty() {
            return None;
        }
        let (a, b) = (self.random.below(fitting.len()), self.random.below(fitting.len()));
        Some(fitting[a.max(b)])
    }

    fn push(&mut self, op: Op, operands: &[ValueId]) -> bool {
        let name = op.name();
        let Ok(results) = self.make.0.push_many(op, operands, None) else { return false };
        let small = |v: &ValueId| {
            let shape = self.ty(*v).shape;
            let runs = shape.iter().filter(|d| d.as_constant().is_none()).count();
            runs <= 2 && shape.len() <= 4
        };
        let kept: Vec<ValueId> = results.into_iter().filter(small).collect();
        self.values.extend(kept);
        *self.counts.entry(name).or_insert(0) += 1;
        true
    }

    /// Keeps numbers in a range in which rounding stays small.
    fn tame(&mut self, value: ValueId) -> ValueId {
        match self.ty(value).dtype {
            DType::F32 => self.make.unary(UnaryOp::Tanh, value),
            DType::C64 => {
                let (re, im) = (self.make.unary(UnaryOp::Re, value), self.make.unary(UnaryOp::Im, value));
                let (re, im) = (self.make.unary(UnaryOp::Tanh, re), self.make.unary(UnaryOp::Sin, im));
                self.make.binary(BinaryOp::Complex, re, im)
            }
            _ => value,
        }
    }

    fn step(&mut self) -> bool {
        let float = |ty: &Type| matches!(ty.dtype, DType::F32 | DType::C64);
        match self.random.below(20) {
            0..4 => {
                let (Some(a), op) = (self.pick(float), self.random.below(4)) else { return false };
                let dtype = self.ty(a).dtype;
                let Some(b) = self.pick(|ty| ty.dtype == dtype) else { return false };
                let op = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Add][op];
                self.push(Op::Binary(op), &[a, b])
            }
            4 => {
                let Some(x) = self.pick(|ty| ty.dtype == DType::F32) else { return false };
                let ops = [UnaryOp::Sigmoid, UnaryOp::Tanh, UnaryOp::Abs, UnaryOp::Sin, UnaryOp::Softplus];
                let op = ops[self.random.below(ops.len())];
                self.push(Op::Unary(op), &[x])
            }
            5 => {
                let Some(x) = self.pick(|ty| ty.dtype == DType::C64) else { return false };
                let ops = [UnaryOp::Re, UnaryOp::Im, UnaryOp::Conj, UnaryOp::Neg, UnaryOp::Re];
                let op = ops[self.random.below(ops.len())];
                self.push(Op::Unary(op), &[x])
            }
            6 => {
                let Some(x) = self.pick(|ty| ty.dtype == DType::F32) else { return false };
                self.push(Op::Cast(DType::C64), &[x])
            }
            7 => {
                let Some(x) = self.pick(|ty| float(ty) && ty.rank() > 0) else { return false };
                let axis = self.random.below(self.ty(x).rank());
                let kind = [ReduceKind::Sum, ReduceKind::Max][self.random.below(2)];
                let x = self.tame(x);
                self.push(Op::Reduce { kind, axes: vec![axis] }, &[x])
            }
            8 | 9 => {
                let Some(x) = self.pick(|ty| float(ty) && ty.rank() == 2) else { return false };
                let shape = self.ty(x);
                let Some(w) = self.pick(|ty| {
                    ty.rank() == 2 && ty.dtype == shape.dtype && ty.shape.contains(&shape.shape[1])
                }) else {
                    return false;
                };
                let labels = if self.ty(w).shape[0] == shape.shape[1] { "ab,bc->ac" } else { "ab,cb->ac" };
                let (x, w) = (self.tame(x), self.tame(w));
                let y = self.make.einsum(labels, x, w);
                let y = self.tame(y);
                self.values.push(y);
                *self.counts.entry("contract").or_insert(0) += 1;
                true
            }
            10 => {
                let Some(x) = self.pick(|ty| ty.rank() == 2) else { return false };
                self.push(Op::Transpose { perm: vec![1, 0] }, &[x])
            }
            11 => {
                let Some(x) = self.pick(|ty| ty.rank() > 0 && ty.shape[ty.rank() - 1] == n(6)) else {
                    return false;
                };
                let mut shape = self.ty(x).shape;
                shape.pop();
                shape.extend([n(2), n(3)]);
                self.push(Op::Reshape { shape }, &[x])
            }
            12 => {
                let fits = |ty: &Type| ty.rank() >= 2 && ty.shape.iter().rev().take(2).all(known);
                let Some(x) = self.pick(fits) else { return false };
                let mut shape = self.ty(x).shape;
                let (a, b) = (shape.pop().unwrap(), shape.pop().unwrap());
                shape.push(&a * &b);
                self.push(Op::Reshape { shape }, &[x])
            }
            13 => {
                let Some(x) = self.pick(|ty| ty.rank() > 0) else { return false };
                let axis = self.random.below(self.ty(x).rank());
                let by = self.random.below(5) as i64 - 2;
                let op = match self.random.below(4) {
                    0 => Op::Flip { axis },
                    1 => Op::Last { axis },
                    2 => Op::Pad { axis, before: n(1), after: n(2) },
                    _ => Op::Shift { axis, by },
                };
                self.push(op, &[x])
            }
            14 => {
                let Some(x) = self.pick(|ty| ty.rank() > 0 && ty.shape[ty.rank() - 1] == n(6)) else {
                    return false;
                };
                let axis = self.ty(x).rank() - 1;
                self.push(Op::Slice { axis, start: n(2), len: n(3) }, &[x])
            }
            15 => {
                let Some(x) = self.pick(|ty| ty.rank() > 0) else { return false };
                let like = self.ty(x);
                let Some(y) = self.pick(|ty| *ty == like) else { return false };
                let axis = self.random.below(like.rank());
                self.push(Op::Concat { axis }, &[x, y])
            }
            16 => {
                let Some(k) = self.pick(|ty| ty.dtype == DType::I32 && ty.rank() == 1) else { return false };
                let table = self.values[7];
                let five = self.make.whole(5);
                let k = self.make.binary(BinaryOp::Rem, k, five);
                self.push(Op::Gather { batch: 0 }, &[table, k])
            }
            17 => {
                let Some(x) = self.pick(|ty| ty.rank() > 0 && ty.shape[0] == t() && float(ty)) else {
                    return false;
                };
                let x = self.tame(x);
                self.recurrence(x)
            }
            18 => {
                let Some(x) = self.pick(|ty| ty.dtype == DType::C64 && ty.rank() > 0) else { return false };
                let x = self.tame(x);
                let axis = self.ty(x).rank() - 1;
                self.push(Op::Fft { kind: FftKind::Fft, axis, n: n(5) }, &[x])
            }
            _ => {
                let Some(x) = self.pick(|ty| ty.dtype == DType::F32 && ty.rank() == 2) else { return false };
                let x = self.tame(x);
                self.layers(x)
            }
        }
    }

    fn recurrence(&mut self, x: ValueId) -> bool {
        let mut entry = self.ty(x);
        entry.shape.remove(0);
        let complex = entry.dtype == DType::C64;
        let start = self.make.0.zeros(&entry).unwrap();
        let direction = [Direction::Forward, Direction::Backward][self.random.below(2)];
        let (depth, shape) = (1 + self.random.below(2), self.random.below(3));
        let rank = entry.rank();
        let results =
            rec(&mut self.make, (t(), 0, direction), &[x], &[], &[start], &[(0, depth)], |m, _, s, x, _| {
                let half = m.number(0.4);
                let half = if complex { m.cast(DType::C64, half) } else { half };
                let mut old = s[depth - 1];
                if shape == 1 && rank > 0 {
                    old = m.op(Op::Flip { axis: rank - 1 }, &[old]);
                }
                if shape == 2 && !complex {
                    old = m.unary(UnaryOp::Tanh, old);
                }
                let kept = m.mul(half, old);
                vec![m.add(kept, x[0])]
            });
        self.values.extend([results[0], results[1]]);
        *self.counts.entry("rec").or_insert(0) += 1;
        true
    }

    fn layers(&mut self, x: ValueId) -> bool {
        let ty = self.ty(x);
        let mut body = Make::new("layer");
        let inner = body.local("x", ty.clone());
        let index = body.local("s", f32(&[]));
        let scaled = body.mul(inner, index);
        let y = body.unary(UnaryOp::Sin, scaled);
        let y = body.add(y, inner);
        let sum = body.reduce(ReduceKind::Sum, &[1], y);
        let body = body.0.finish(vec![("x".to_owned(), y), ("sum".to_owned(), sum)]);
        let three = self.make.op(Op::Iota { len: n(3), start: n(1) }, &[]);
        let scales = self.make.cast(DType::F32, three);
        let tenth = self.make.number(0.1);
        let scales = self.make.mul(scales, tenth);
        let repeat = Repeat { count: 3, carried: 1, constants: 0, stacked: 1, body };
        self.push(Op::Repeat(Box::new(repeat)), &[x, scales])
    }
}

fn known(dim: &Dim) -> bool {
    dim.as_constant().is_some()
}

#[test]
fn random_graphs_agree() {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..400 {
        let mut generator = Generator::new(seed + 1);
        let steps = 4 + generator.random.below(12);
        let mut made = 0;
        while made < steps {
            made += usize::from(generator.step());
        }
        let mut outputs = Vec::new();
        for _ in 0..3 {
            let value = generator.pick(|_| true).unwrap();
            outputs.push(generator.tame(value));
        }
        for (op, count) in generator.counts {
            *counts.entry(op).or_insert(0) += count;
        }
        let graph = generator.make.done(&outputs);
        agree_at(&graph, &[0, 1, 7]);
    }
    println!("{counts:?}");
    let wanted =
        ["add", "contract", "reduce", "rec", "repeat", "fft", "gather", "concat", "reshape", "transpose"];
    for op in wanted {
        assert!(counts.get(op).is_some_and(|n| *n > 0), "`{op}` was never generated: {counts:?}");
    }
}
