//! Random well-typed kernels, on a target and on the interpreter: fusion, memory and loops in combinations nobody wrote down.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::common::{Random, Tolerance, check, single};
use tensc_ir::{BinaryOp, DType, Dim, Sizes, UnaryOp};
use tensc_program::{AxisId, Element, Kernel, KernelBuilder, ReduceOp, Tile, TileId};

struct Maker {
    random: Random,
    k: KernelBuilder,
    /// Tile axes with their bounds.
    axes: Vec<(AxisId, Dim, i64)>,
    /// Tiles that may be used here.
    pool: Vec<TileId>,
    lengths: Vec<i64>,
    loops: usize,
}

const POINTS: i64 = 3;

impl Maker {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut k = KernelBuilder::new(format!("random {seed}"));
        let n = k.size("N");
        k.grid("i", POINTS);
        let mut axes = Vec::new();
        for name in ["a", "b", "c"] {
            let bound = random.pick(&[1, 2, 4, 5, 8, 16, 17]);
            let extent: Dim = match random.below(3) {
                0 => bound.into(),
                1 => n.clone(),
                _ => &n - &Dim::var("i"),
            };
            let position = k.axis(name, bound as usize, extent);
            let id = k.axis_id(&position);
            axes.push((id, position, bound));
        }
        Self { random, k, axes, pool: Vec::new(), lengths: Vec::new(), loops: 0 }
    }

    fn param(&mut self, dtype: DType, writes: bool, len: i64) -> tensc_program::ParamId {
        let name = format!("p{}", self.lengths.len());
        self.lengths.push(len);
        if writes { self.k.write(name, dtype) } else { self.k.read(name, dtype) }
    }

    /// Row-major over these axes, in a random order, with the number of entries.
    fn place(&mut self, axes: &[AxisId]) -> (Dim, i64) {
        let mut order = axes.to_vec();
        for n in (1..order.len()).rev() {
            order.swap(n, self.random.below(n + 1));
        }
        let (mut place, mut size) = (Dim::default(), 1);
        for axis in order {
            let (_, position, bound) = self.axes.iter().find(|(id, ..)| *id == axis).unwrap().clone();
            place = &place + &(&position * &Dim::constant(size));
            size *= bound;
        }
        (place, size)
    }

    fn some_axes(&mut self) -> Vec<AxisId> {
        let count = self.random.pick(&[0, 1, 1, 1, 2, 2, 3]);
        let mut axes: Vec<AxisId> = self.axes.iter().map(|(id, ..)| *id).collect();
        while axes.len() > count {
            axes.remove(self.random.below(axes.len()));
        }
        axes
    }

    fn load(&mut self) -> TileId {
        let dtype =
            self.random.pick(&[DType::F32, DType::F32, DType::BF16, DType::F16, DType::U8, DType::Bool]);
        let axes = self.some_axes();
        let (place, size) = self.place(&axes);
        let param = self.param(dtype, false, size * POINTS);
        let tile = self.k.load(param, &place + &(&Dim::constant(size) * &Dim::var("i")));
        match Element::of(dtype) {
            Element::I32 => {
                let value = self.k.cast(Element::F32, tile);
                let scale = self.k.constant(Element::F32, 1.0 / 256.0);
                self.k.binary(BinaryOp::Mul, value, scale)
            }
            Element::Bool => {
                let (yes, no) = (self.any(), self.any());
                self.k.select(tile, yes, no)
            }
            Element::F32 | Element::F64 => tile,
        }
    }

    fn any(&mut self) -> TileId {
        if self.pool.is_empty() || self.random.below(12) == 0 {
            let value = self.random.number();
            return self.k.constant(Element::F32, value);
        }
        // Recent ones more often: long chains.
        let back = self.random.below(self.pool.len()).min(self.random.below(self.pool.len()));
        self.pool[self.pool.len() - 1 - back]
    }

    fn any_with_axis(&mut self) -> Option<(TileId, AxisId)> {
        for _ in 0..10 {
            let id = self.any();
            let axes = self.k.tile(id).axes;
            if !axes.is_empty() {
                return Some((id, self.random.pick(&axes)));
            }
        }
        None
    }

    /// Within -1..1, so that nothing grows without end.
    fn tame(&mut self, id: TileId) -> TileId {
        self.k.unary(UnaryOp::Tanh, id)
    }

    fn op(&mut self, depth: usize) {
        let made = match self.random.below(17) {
            0 | 1 => self.load(),
            2..=5 => {
                let op = self.random.pick(&[
                    BinaryOp::Add,
                    BinaryOp::Sub,
                    BinaryOp::Mul,
                    BinaryOp::Max,
                    BinaryOp::Min,
                ]);
                let (a, b) = (self.any(), self.any());
                let made = self.k.binary(op, a, b);
                if op == BinaryOp::Mul { self.tame(made) } else { made }
            }
            6 => {
                let op = self.random.pick(&[UnaryOp::Tanh, UnaryOp::Sigmoid, UnaryOp::Neg, UnaryOp::Abs]);
                let a = self.any();
                self.k.unary(op, a)
            }
            7 => {
                let (a, b, c) = (self.any(), self.any(), self.any());
                let made = self.k.fma(a, b, c);
                self.tame(made)
            }
            8 | 9 => {
                let Some((value, axis)) = self.any_with_axis() else { return };
                let op = self.random.pick(&[ReduceOp::Sum, ReduceOp::Sum, ReduceOp::Max, ReduceOp::Min]);
                let made = self.k.reduce(op, axis, value);
                // Nothing to combine gives an infinity.
                let limit = self.k.constant(Element::F32, 50.0);
                let made = self.k.binary(BinaryOp::Min, made, limit);
                let limit = self.k.constant(Element::F32, -50.0);
                self.k.binary(BinaryOp::Max, made, limit)
            }
            10 => {
                let Some((b, axis)) = self.any_with_axis() else { return };
                let (a, b) = (self.any(), self.tame(b));
                let a = self.tame(a);
                let start = self.any();
                let start = if self.k.tile(start).axes.contains(&axis) { None } else { Some(start) };
                let reverse = self.random.below(2) == 0;
                self.k.scan(axis, Some(a), b, start, reverse)
            }
            11 => {
                let Some((a, axis)) = self.any_with_axis() else { return };
                let Some((b, _)) = self.any_with_axis() else { return };
                if !self.k.tile(b).axes.contains(&axis) {
                    return;
                }
                let (a, b) = (self.tame(a), self.tame(b));
                self.k.dot(axis, a, b)
            }
            12 => self.through_local(),
            13 | 14 if depth < 2 => return self.repeat(depth),
            _ => {
                let Some((value, axis)) = self.any_with_axis() else { return };
                let position = self.axes.iter().find(|(id, ..)| *id == axis).unwrap().1.clone();
                let place = self.k.iota(&position * &Dim::constant(2));
                let limit = self.k.constant(Element::I32, 5.0);
                let condition = self.k.binary(BinaryOp::Lt, place, limit);
                let other = self.any();
                self.k.select(condition, value, other)
            }
        };
        self.pool.push(made);
    }

    fn through_local(&mut self) -> TileId {
        let value = self.any();
        let axes = self.k.tile(value).axes;
        let (place, size) = self.place(&axes);
        let name = format!("local{}", self.k.kernel().locals.len());
        let local = self.k.local(name, Element::F32, size as usize);
        self.k.store(local, place.clone(), value);
        let loaded = self.k.load(local, place.clone());
        if self.random.below(2) == 0 {
            let again = self.tame(loaded);
            self.k.store(local, place.clone(), again);
            self.pool.push(loaded);
            return self.k.load(local, place);
        }
        loaded
    }

    fn repeat(&mut self, depth: usize) {
        self.loops += 1;
        let mut carried = Vec::new();
        for _ in 0..self.random.below(3) {
            let start = self.any();
            let mut axes = self.k.tile(start).axes;
            for axis in self.some_axes() {
                if !axes.contains(&axis) {
                    axes.push(axis);
                }
            }
            carried.push((start, axes));
        }
        let extent: Dim = if self.random.below(2) == 0 { 3.into() } else { Dim::var("N") };
        let reverse = self.random.below(2) == 0;
        let (_, inside) = self.k.begin_loop(format!("t{}", self.loops), extent, reverse, &carried);
        let outside = self.pool.len();
        self.pool.extend(&inside);
        for _ in 0..2 + self.random.below(6) {
            self.op(depth + 1);
        }
        let yields: Vec<TileId> = carried
            .iter()
            .map(|(_, axes)| {
                // The last tile that fits, or a constant.
                let fits = |tile: &Tile| tile.axes.iter().all(|axis| axes.contains(axis));
                let candidates: Vec<TileId> =
                    self.pool.iter().copied().filter(|id| fits(&self.k.tile(*id))).collect();
                match candidates.last() {
                    Some(last) => {
                        let chosen =
                            if self.random.below(3) == 0 { self.random.pick(&candidates) } else { *last };
                        if inside.contains(&chosen) { chosen } else { self.tame(chosen) }
                    }
                    None => self.k.constant(Element::F32, 0.5),
                }
            })
            .collect();
        let results = self.k.end_loop(&yields);
        self.pool.truncate(outside);
        self.pool.extend(results);
    }

    fn finish(mut self) -> (Kernel, Vec<i64>) {
        for id in self.pool.clone() {
            if self.random.below(3) == 0 {
                let axes = self.k.tile(id).axes;
                let (place, size) = self.place(&axes);
                let dtype = self.random.pick(&[DType::F32, DType::F32, DType::F64]);
                let value = if dtype == DType::F64 { self.k.cast(Element::F64, id) } else { id };
                let param = self.param(dtype, true, size * POINTS);
                self.k.store(param, &place + &(&Dim::constant(size) * &Dim::var("i")), value);
            }
        }
        (self.k.finish().unwrap(), self.lengths)
    }
}

fn run(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut maker = Maker::new(seed);
        for _ in 0..4 + maker.random.below(16) {
            maker.op(0);
        }
        let (kernel, lengths) = maker.finish();
        for n in [0, 3, 5, 19] {
            let program = single(kernel.clone(), &lengths, &[n]);
            check(program, &Sizes::new(), seed, false, Tolerance::Relative(2e-3));
        }
    }
}

#[test]
fn random_kernels_agree() {
    run(0..80);
}

#[test]
#[ignore = "long"]
fn many_random_kernels_agree() {
    run(1000..20000);
}
