//! Elementary functions against binary64, sampled over all f32. The example `maths` visits every one.

#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use common::Scratch;
use tensc_cpu::{CpuOptions, Features, compile};
use tensc_ir::{DType, Dim, UnaryOp};
use tensc_program::{Code, KernelBuilder, KernelId, scalar, verify};

/// How many units in the last place a result is from the exact value.
fn units(found: f32, exact: f64) -> f64 {
    if (found.is_nan() && exact.is_nan()) || f64::from(found) == exact || (exact as f32) == found {
        return 0.0;
    }
    let reference = (exact as f32).abs().max(f32::MIN_POSITIVE);
    let unit = f64::from(f32::from_bits(reference.to_bits() + 1)) - f64::from(reference);
    let error = (f64::from(found) - exact).abs() / unit;
    if error.is_nan() { f64::INFINITY } else { error }
}

#[test]
fn errors_are_at_most_four_units() {
    let ops = [
        UnaryOp::Exp,
        UnaryOp::Log,
        UnaryOp::Tanh,
        UnaryOp::Sigmoid,
        UnaryOp::Softplus,
        UnaryOp::Sin,
        UnaryOp::Cos,
        UnaryOp::Erf,
        UnaryOp::Sqrt,
        UnaryOp::Rsqrt,
    ];
    // Every 3001st number besides the special ones: all exponents, both signs.
    let mut inputs: Vec<f32> = (0..u32::MAX).step_by(3001).map(f32::from_bits).collect();
    inputs.extend([
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
    ]);
    for features in [Features::Host, Features::Baseline] {
        for op in ops {
            let mut k = KernelBuilder::new(op.name());
            let (x, y, n) = (k.read("x", DType::F32), k.write("y", DType::F32), k.size("n"));
            let i = k.grid("i", n.div(&Dim::constant(1024)).unwrap().ceil());
            let c = k.axis("c", 1024, &n - &(&Dim::constant(1024) * &i));
            let place = &(&Dim::constant(1024) * &i) + &c;
            let value = k.load(x, place.clone());
            let value = k.unary(op, value);
            k.store(y, place, value);
            let count = inputs.len() as i64;
            let program = verify(common::single(k.finish().unwrap(), &[count; 2], &[count])).unwrap();
            let code = compile(&program, &CpuOptions { features }).unwrap();
            let mut outputs = vec![f32::NAN; inputs.len()];
            let pointers = [inputs.as_ptr().cast_mut().cast(), outputs.as_mut_ptr().cast()];
            let mut scratch = Scratch::new(code.scratch_bytes(KernelId(0)));
            let points = 0..(count + 1023) / 1024;
            // SAFETY: both arrays have `count` elements.
            unsafe {
                code.launch_range(KernelId(0), &pointers, &[count], points, scratch.pointer(), &mut None)
            };
            let errors = inputs
                .iter()
                .zip(&outputs)
                .map(|(x, y)| (units(*y, scalar::unary_f64(op, f64::from(*x))), *x, *y));
            let (worst, x, y) = errors.fold((0.0, 0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
            println!("{features:?} {}: {worst:.2} at {x:e}", op.name());
            assert!(worst <= 4.0, "{features:?} {}({x:e}) = {y:e} is off by {worst}", op.name());
        }
    }
}
