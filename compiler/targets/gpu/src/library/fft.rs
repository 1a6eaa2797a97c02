//! Transforms of any length, by their definition: every output is a sum over the inputs, with angles reduced as whole numbers.
//!
//! This costs n operations an output. It is exact enough (angles have one rounding each) for any length.

use super::declare;
use tensc_ir::{BinaryOp, DType, Dim, FftKind, UnaryOp};
use tensc_program::{Element, Kernel, KernelBuilder, ReduceOp, TileError, TileId};

/// Outputs of a grid point, and inputs of a turn.
const OUTPUTS: i64 = 128;
const INPUTS: i64 = 16;

pub(super) fn kernel(kind: FftKind, n: &Dim, batch: &Dim) -> Result<Kernel, TileError> {
    let mut k = KernelBuilder::new(format!("{kind:?}").to_lowercase());
    let (real_in, real_out, inverse) = match kind {
        FftKind::Fft => (false, false, false),
        FftKind::Ifft => (false, false, true),
        FftKind::Rfft => (true, false, false),
        FftKind::Irfft => (false, true, true),
    };
    let from = k.read("from", if real_in { DType::F32 } else { DType::C64 });
    let to = k.write("to", if real_out { DType::F32 } else { DType::C64 });
    declare(&mut k, &[n, batch]);
    let number = Dim::constant;
    let half = &n.div(&number(2)).unwrap_or_else(|| n.clone()).floor() + &number(1);
    let outputs = if kind == FftKind::Rfft { half.clone() } else { n.clone() };
    let inputs = if kind == FftKind::Irfft { half.clone() } else { n.clone() };
    let tiles = |size: &Dim, side: i64| size.div(&number(side)).unwrap_or_else(|| size.clone()).ceil();
    let rest = |size: &Dim, side: i64, at: &Dim| number(side).minimum(&(size - &(&number(side) * at)));

    let row = k.grid("row_", batch.clone());
    let block = k.grid("block_", tiles(&outputs, OUTPUTS));
    let turn = Dim::var("turn_");
    let output = k.axis("output_", OUTPUTS as usize, rest(&outputs, OUTPUTS, &block));
    let input = k.axis("input_", INPUTS as usize, rest(n, INPUTS, &turn));
    let (output_axis, input_axis) = (k.axis_id(&output), k.axis_id(&input));
    let at_output = &(&number(OUTPUTS) * &block) + &output;
    let at_input = &(&number(INPUTS) * &turn) + &input;

    let zero = k.constant(Element::F32, 0.0);
    let carried = vec![(zero, vec![output_axis]); if real_out { 1 } else { 2 }];
    let (_, sums) = k.begin_loop("turn_", tiles(n, INPUTS), false, &carried);
    let (re, im) = entry(&mut k, from, kind, (n, &inputs), &row, &at_input);
    // The angle is a whole number of n-th turns; floor takes off the full ones.
    let turns = &at_output * &at_input;
    let full = turns.div(n).unwrap_or_else(|| turns.clone()).floor();
    let turns = k.iota(&turns - &(n * &full));
    let turns = k.cast(Element::F32, turns);
    let length = k.iota(n.clone());
    let length = k.cast(Element::F32, length);
    let share = k.binary(BinaryOp::Div, turns, length);
    let circle =
        k.constant(Element::F32, if inverse { std::f64::consts::TAU } else { -std::f64::consts::TAU });
    let angle = k.binary(BinaryOp::Mul, share, circle);
    let (cos, sin) = (k.unary(UnaryOp::Cos, angle), k.unary(UnaryOp::Sin, angle));
    let add_to = |k: &mut KernelBuilder, sum: usize, term: TileId| {
        let term = k.reduce(ReduceOp::Sum, input_axis, term);
        let before = sums.get(sum).copied().unwrap_or(term);
        k.binary(BinaryOp::Add, before, term)
    };
    let mut real = k.binary(BinaryOp::Mul, re, cos);
    if let Some(im) = im {
        let crossed = k.binary(BinaryOp::Mul, im, sin);
        real = k.binary(BinaryOp::Sub, real, crossed);
    }
    let mut yields = vec![add_to(&mut k, 0, real)];
    if !real_out {
        let mut imaginary = k.binary(BinaryOp::Mul, re, sin);
        if let Some(im) = im {
            let crossed = k.binary(BinaryOp::Mul, im, cos);
            imaginary = k.binary(BinaryOp::Add, imaginary, crossed);
        }
        yields.push(add_to(&mut k, 1, imaginary));
    }
    let sums = k.end_loop(&yields);
    let length = k.iota(n.clone());
    let length = k.cast(Element::F32, length);
    let width = if real_out { 1 } else { 2 };
    for (part, sum) in (0..).zip(sums) {
        let value = if inverse { k.binary(BinaryOp::Div, sum, length) } else { sum };
        let place = &(&outputs * &row) + &at_output;
        k.store(to, &(&number(width) * &place) + &number(part), value);
    }
    k.finish()
}

/// Real and imaginary part of an input; of a half spectrum the rest is the conjugate, and what must be real is taken as real.
fn entry(
    k: &mut KernelBuilder,
    from: tensc_program::ParamId,
    kind: FftKind,
    (n, inputs): (&Dim, &Dim),
    row: &Dim,
    at: &Dim,
) -> (TileId, Option<TileId>) {
    let number = Dim::constant;
    let start = inputs * row;
    match kind {
        FftKind::Rfft => (k.load(from, &start + at), None),
        FftKind::Fft | FftKind::Ifft => {
            let place = &number(2) * &(&start + at);
            let re = k.load(from, place.clone());
            (re, Some(k.load(from, &place + &number(1))))
        }
        FftKind::Irfft => {
            let index = k.iota(at.clone());
            let mirrored = k.iota(n - at);
            let bins = k.iota(inputs.clone());
            let inside = k.binary(BinaryOp::Lt, index, bins);
            let bin = k.select(inside, index, mirrored);
            let mut part = |offset: i64| {
                let affine = &(&number(2) * &start) + &number(offset);
                k.load(from, tensc_program::Index { affine, gathered: vec![(bin, number(2))] })
            };
            let (re, im) = (part(0), part(1));
            let minus = k.unary(UnaryOp::Neg, im);
            let signed = k.select(inside, im, minus);
            // Bins 0 and n / 2 are real.
            let zero = k.constant(Element::F32, 0.0);
            let none = k.constant(Element::I32, 0.0);
            let first = k.binary(BinaryOp::Eq, index, none);
            let twice = k.binary(BinaryOp::Add, index, index);
            let length = k.iota(n.clone());
            let middle = k.binary(BinaryOp::Eq, twice, length);
            let real = k.binary(BinaryOp::Or, first, middle);
            (re, Some(k.select(real, zero, signed)))
        }
    }
}
