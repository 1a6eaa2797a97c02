//! Every op on every element type, with strange numbers and odd extents, on a target and on the interpreter.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::common::{Tolerance, check, single};
use tensc_ir::{BinaryOp, DType, Dim, Sizes, UnaryOp};
use tensc_program::{Element, KernelBuilder, ParamId, ReduceOp, TileId};

const EXTENTS: [i64; 11] = [0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 19];

/// A kernel over `r < 3` and `c < N <= 19`; parameters that are read are `[3, 19]`, and so is what is stored.
struct Frame {
    k: KernelBuilder,
    place: Dim,
    lengths: Vec<i64>,
}

impl Frame {
    fn new(name: &str) -> Self {
        let mut k = KernelBuilder::new(name);
        let n = k.size("N");
        let i = k.grid("i", 2);
        let r = k.axis("r", 3, 3);
        let c = k.axis("c", 19, n);
        let place = &(&(&Dim::constant(57) * &i) + &(&Dim::constant(19) * &r)) + &c;
        Self { k, place, lengths: Vec::new() }
    }

    fn read(&mut self, dtype: DType) -> TileId {
        let param = self.param(dtype, false);
        self.k.load(param, self.place.clone())
    }

    fn param(&mut self, dtype: DType, writes: bool) -> ParamId {
        let name = format!("p{}", self.lengths.len());
        self.lengths.push(114);
        if writes { self.k.write(name, dtype) } else { self.k.read(name, dtype) }
    }

    fn write(&mut self, dtype: DType, value: TileId) {
        let param = self.param(dtype, true);
        self.k.store(param, self.place.clone(), value);
    }

    fn run(self, tolerance: Tolerance) {
        let kernel = self.k.finish().unwrap();
        for n in EXTENTS {
            for special in [false, true] {
                let program = single(kernel.clone(), &self.lengths, &[n]);
                check(program, &Sizes::new(), 11 + n as u64, special, tolerance);
            }
        }
    }
}

fn memory(element: Element) -> DType {
    match element {
        Element::F32 => DType::F32,
        Element::F64 => DType::F64,
        Element::I32 => DType::I32,
        Element::Bool => DType::Bool,
    }
}

#[test]
fn unary_ops() {
    for element in Element::ALL {
        let mut frame = Frame::new(element.name());
        for op in UnaryOp::ALL {
            let mut trial = frame.k.clone();
            let one = trial.constant(element, 1.0);
            trial.unary(op, one);
            if trial.finish().is_err() {
                continue;
            }
            let x = frame.read(memory(element));
            let y = frame.k.unary(op, x);
            frame.write(memory(element), y);
        }
        // Functions differ in the last places only.
        frame.run(Tolerance::Relative(5e-7));
    }
}

#[test]
fn binary_ops() {
    for element in Element::ALL {
        let mut frame = Frame::new(element.name());
        for op in BinaryOp::ALL {
            let mut trial = frame.k.clone();
            let one = trial.constant(element, 1.0);
            let made = trial.binary(op, one, one);
            let result = trial.tile(made).element;
            if trial.finish().is_err() {
                continue;
            }
            let (x, y) = (frame.read(memory(element)), frame.read(memory(element)));
            let z = frame.k.binary(op, x, y);
            frame.write(memory(result), z);
        }
        frame.run(Tolerance::Exact);
    }
}

#[test]
fn casts_selects_and_fused_products() {
    let mut frame = Frame::new("casts");
    for from in Element::ALL {
        for to in Element::ALL {
            let x = frame.read(memory(from));
            let y = frame.k.cast(to, x);
            frame.write(memory(to), y);
        }
        let condition = frame.read(DType::Bool);
        let (x, y) = (frame.read(memory(from)), frame.read(memory(from)));
        let z = frame.k.select(condition, x, y);
        frame.write(memory(from), z);
        if from.is_float() {
            let w = frame.k.fma(x, y, z);
            frame.write(memory(from), w);
        }
    }
    frame.run(Tolerance::Exact);
}

#[test]
fn memory_of_every_type() {
    let mut frame = Frame::new("memory");
    for dtype in DType::ALL {
        let x = frame.read(dtype);
        frame.write(dtype, x);
        if Element::of(dtype) == Element::F32 {
            // Stored as other types.
            for to in [DType::F16, DType::BF16] {
                frame.write(to, x);
            }
        }
    }
    frame.run(Tolerance::Exact);
}

#[test]
fn reductions_along_each_axis() {
    for element in Element::ALL {
        for axis_name in ["r", "c"] {
            let mut frame = Frame::new("reduce");
            let axis = frame.k.axis_id(&Dim::var(axis_name));
            for op in ReduceOp::ALL {
                let mut trial = frame.k.clone();
                let x = trial.iota(Dim::var(axis_name));
                let x = trial.cast(element, x);
                trial.reduce(op, axis, x);
                if trial.finish().is_err() {
                    continue;
                }
                let x = frame.read(memory(element));
                let y = frame.k.reduce(op, axis, x);
                let result = frame.k.tile(y).element;
                // Broadcast back, so that every place is written.
                let zero = frame.k.iota(&Dim::var("r") + &Dim::var("c"));
                let zero = frame.k.cast(result, zero);
                let always = frame.k.binary(BinaryOp::Eq, zero, zero);
                let z = frame.k.select(always, y, zero);
                frame.write(memory(result), z);
            }
            frame.run(Tolerance::Relative(1e-6));
        }
    }
}

#[test]
fn strides_gathers_and_masks() {
    let mut frame = Frame::new("places");
    let x = frame.param(DType::F32, false);
    let (r, c, i) = (Dim::var("r"), Dim::var("c"), Dim::var("i"));
    let at = |a: i64, b: i64, base: i64| {
        &(&(&Dim::constant(a) * &r) + &(&Dim::constant(b) * &c)) + &(&Dim::constant(base) + &i)
    };
    for place in [at(1, 3, 0), at(0, -1, 40), at(2, -2, 50), at(-1, 0, 2), at(5, 1, 7), at(0, 5, 0)] {
        let value = frame.k.load(x, place);
        let everywhere = frame.k.iota(&r + &c);
        let everywhere = frame.k.cast(Element::F32, everywhere);
        let sum = frame.k.binary(BinaryOp::Add, value, everywhere);
        frame.write(DType::F32, sum);
    }
    let index = frame.read(DType::U8);
    let limit = frame.k.constant(Element::I32, 56.0);
    let index = frame.k.binary(BinaryOp::Min, index, limit);
    let gathered =
        frame.k.load(x, tensc_program::Index { affine: i.clone(), gathered: vec![(index, 2.into())] });
    frame.write(DType::F32, gathered);
    let mask = frame.read(DType::Bool);
    // Far outside of the array where the mask is false.
    let shift = frame.k.constant(Element::I32, 1e8);
    let zero = frame.k.constant(Element::I32, 0.0);
    let far = frame.k.select(mask, zero, shift);
    let masked = frame.k.push(tensc_program::TileOp::Load {
        memory: x.into(),
        index: tensc_program::Index { affine: frame.place.clone(), gathered: vec![(far, 1.into())] },
        mask: Some(mask),
    });
    frame.write(DType::F32, masked);
    let masked = frame.k.load_masked(x, frame.place.clone(), mask);
    frame.write(DType::F32, masked);
    let target = frame.param(DType::F32, true);
    frame.k.store_masked(target, frame.place.clone(), gathered, mask);
    // Not affine in c.
    let block = &Dim::var("c").div(&Dim::constant(3)).unwrap().floor() * &Dim::constant(2);
    let step = frame.k.iota(&block + &r);
    frame.write(DType::I32, step);
    frame.run(Tolerance::Exact);
}
