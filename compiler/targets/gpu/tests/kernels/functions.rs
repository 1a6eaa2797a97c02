//! Elementary functions, and ops that the shared cases have not, on many arguments.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use crate::common::{Tolerance, check, run, single, translator, values};
use tensc_ir::{BinaryOp, DType, Dim, Sizes, UnaryOp};
use tensc_program::{Element, KernelBuilder, TileId, scalar};

/// Arguments of all sizes: every 4,099th f32.
fn arguments() -> Vec<f32> {
    (0..=u32::MAX / 65_537).map(|n| f32::from_bits(n * 65_537)).collect()
}

/// Units in the last place of the expected number.
fn units(expected: f32, found: f32) -> f64 {
    if expected.to_bits() == found.to_bits() || expected.is_nan() && found.is_nan() || expected == found {
        return 0.0;
    }
    if expected.is_nan() || found.is_nan() || expected.is_infinite() || found.is_infinite() {
        return f64::INFINITY;
    }
    let ulp = f64::from(f32::from_bits(expected.abs().to_bits() + 1)) - f64::from(expected.abs());
    (f64::from(expected) - f64::from(found)).abs() / ulp
}

#[test]
fn functions_stay_within_their_bounds() {
    if translator().is_none() {
        return;
    }
    let arguments = arguments();
    let count = arguments.len() as i64;
    for (op, bound) in [
        (UnaryOp::Exp, 2.0),
        (UnaryOp::Log, 2.0),
        (UnaryOp::Tanh, 4.0),
        (UnaryOp::Sigmoid, 4.0),
        (UnaryOp::Softplus, 4.0),
        (UnaryOp::Erf, 4.0),
        (UnaryOp::Sin, 4.0),
        (UnaryOp::Cos, 4.0),
        (UnaryOp::Rsqrt, 1.0),
    ] {
        let mut k = KernelBuilder::new(op.name());
        let (x, y) = (k.read("x", DType::F32), k.write("y", DType::F32));
        let block = k.grid("i", (count + 255) / 256);
        let c = k.axis(
            "c",
            256,
            Dim::constant(256).minimum(&(&Dim::constant(count) - &(&Dim::constant(256) * &block))),
        );
        let place = &(&Dim::constant(256) * &block) + &c;
        let value = k.load(x, place.clone());
        let value = k.unary(op, value);
        k.store(y, place, value);
        let program = single(k.finish().unwrap(), &[count, count], &[]);
        let input: Vec<u8> = arguments.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut arrays = vec![input, vec![0xFF; 4 * arguments.len()]];
        run(&program, &mut arrays, &Sizes::new(), 1).unwrap();
        let mut worst = (0.0, 0.0);
        for (x, found) in arguments.iter().zip(values(DType::F32, &arrays[1])) {
            // Beyond 2^40 a turn is less than what the reduction leaves.
            let reduced = !matches!(op, UnaryOp::Sin | UnaryOp::Cos) || x.abs() < 1.0995e12;
            if reduced {
                let error = units(scalar::unary_f32(op, *x), found as f32);
                // Results near a zero of sin and cos are small next to the argument's own rounding of pi.
                if error > worst.0 {
                    worst = (error, *x);
                }
            }
        }
        assert!(
            worst.0 <= bound,
            "{}({:e}) is {} units off, {bound} are allowed",
            op.name(),
            worst.1,
            worst.0
        );
    }
}

fn lines(make: impl Fn(&mut KernelBuilder, TileId, TileId, &Dim) -> TileId) {
    for extent in [1, 7, 16] {
        let mut k = KernelBuilder::new("lines");
        let (l, b, y) = (k.read("l", DType::F32), k.read("b", DType::F32), k.write("y", DType::F32));
        let n = k.size("N");
        let i = k.grid("i", 2);
        let row = k.axis("row", 16, n.clone());
        let column = k.axis("column", 16, n);
        let d = k.axis("d", 8, 5);
        let sixteen = Dim::constant(16);
        let matrix = &(&(&Dim::constant(256) * &i) + &(&sixteen * &row)) + &column;
        let side = &(&(&Dim::constant(128) * &i) + &(&Dim::constant(8) * &row)) + &d;
        let small = k.constant(Element::F32, 0.25);
        let left = k.load(l, matrix);
        let left = k.binary(BinaryOp::Mul, left, small);
        let right = k.load(b, side.clone());
        let result = make(&mut k, left, right, &row);
        k.store(y, side, result);
        let program = single(k.finish().unwrap(), &[512, 256, 256], &[extent]);
        check(program, &Sizes::new(), 5, false, Tolerance::Relative(1e-5));
    }
}

#[test]
fn triangular_systems() {
    lines(|k, l, b, row| {
        let (row, column) = (k.axis_id(row), k.axis_id(&Dim::var("column")));
        k.triangular_solve(l, row, column, b)
    });
}

#[test]
fn products_of_matrices_and_renamed_axes() {
    lines(|k, l, b, row| {
        let (row, column) = (k.axis_id(row), k.axis_id(&Dim::var("column")));
        let renamed = k.rename(b, row, column);
        k.dot(column, l, renamed)
    });
}

#[test]
fn scans_along_rows_in_both_directions() {
    for reverse in [false, true] {
        lines(|k, l, b, row| {
            let (row, column) = (k.axis_id(row), k.axis_id(&Dim::var("column")));
            let factors = k.reduce(tensc_program::ReduceOp::Max, column, l);
            let scanned = k.scan(row, Some(factors), b, None, reverse);
            k.scan(row, None, scanned, None, !reverse)
        });
    }
}
