//! The largest error of each elementary function over every f32, against binary64.
//!
//! `cargo run --release -p tensc-cpu --example maths -- [STEP [FUNCTION..]]` visits every STEP-th number (1: all of them) and prints the table of `bench/results/cpu-maths.md`.

#![allow(unsafe_code, clippy::indexing_slicing, reason = "calls compiled code; arrays of known size")]

use std::time::Instant;
use tensc_cpu::{CpuOptions, CpuProgram, compile};
use tensc_ir::{DType, Dim, UnaryOp};
use tensc_program::{
    Buffer, BufferId, BufferKind, BufferRef, Code, KernelBuilder, KernelId, Launch, Program, Step, scalar,
    verify,
};

const CHUNK: usize = 1 << 16;

const OPS: [UnaryOp; 10] = [
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

fn function(op: UnaryOp) -> Result<CpuProgram, Box<dyn std::error::Error>> {
    let mut k = KernelBuilder::new(op.name());
    let (x, y) = (k.read("x", DType::F32), k.write("y", DType::F32));
    let i = k.grid("i", (CHUNK / 1024) as i64);
    let c = k.axis("c", 1024, 1024);
    let place = &(&Dim::constant(1024) * &i) + &c;
    let value = k.load(x, place.clone());
    let value = k.unary(op, value);
    k.store(y, place, value);
    let buffer = |name: &str, kind| Buffer {
        name: name.to_owned(),
        kind,
        dtype: DType::F32,
        shape: vec![(CHUNK as i64).into()],
        varies: false,
    };
    let arguments = (0..2).map(|n| BufferRef { buffer: BufferId(n), offset: 0.into() }).collect();
    let program = verify(Program {
        name: op.name().to_owned(),
        buffers: vec![buffer("x", BufferKind::Argument), buffer("y", BufferKind::Result)],
        kernels: vec![k.finish()?],
        main: vec![Step::Launch(Launch { kernel: KernelId(0), arguments, sizes: Vec::new() })],
        ..Program::default()
    })?;
    Ok(compile(&program, &CpuOptions::default())?)
}

/// The f64 value, near arguments whose f32 results are far from rounding anything.
fn exact(op: UnaryOp, x: f32) -> f64 {
    scalar::unary_f64(op, f64::from(x))
}

/// Units in the last place of an f32 near the exact value; below the normal range those of the smallest normal number.
fn units(found: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if nearest.to_bits() == found.to_bits() || (nearest == found) || (found.is_nan() && exact.is_nan()) {
        return 0.0;
    }
    let size = nearest.abs().max(f32::MIN_POSITIVE);
    if !size.is_finite() || !found.is_finite() {
        return f64::INFINITY;
    }
    let unit = f64::from(f32::from_bits(size.to_bits() + 1)) - f64::from(size);
    (f64::from(found) - exact).abs() / unit
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let step: u64 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let only: Vec<String> = arguments.collect();
    println!(
        "| function | largest error (units in the last place) | at | numbers visited | ns per element |"
    );
    println!("|---|---|---|---|---|");
    for op in OPS.into_iter().filter(|op| only.is_empty() || only.iter().any(|name| name == op.name())) {
        let code = function(op)?;
        let mut scratch = vec![0_u8; code.scratch_bytes(KernelId(0)) + 64];
        let start = scratch.as_mut_ptr();
        let start = start.wrapping_add(start.align_offset(64));
        let (mut x, mut y) = (vec![0.0_f32; CHUNK], vec![0.0_f32; CHUNK]);
        let (mut worst, mut at, mut visited) = (0.0, 0.0, 0_u64);
        let run = |x: &mut Vec<f32>, y: &mut Vec<f32>| {
            let pointers = [x.as_mut_ptr().cast(), y.as_mut_ptr().cast()];
            // SAFETY: both arrays have CHUNK elements.
            unsafe {
                code.launch_range(KernelId(0), &pointers, &[], 0..(CHUNK / 1024) as i64, start, &mut None)
            };
        };
        let mut next = 0_u64;
        while next <= u64::from(u32::MAX) {
            for slot in &mut x {
                *slot = f32::from_bits(u32::try_from(next.min(u64::from(u32::MAX)))?);
                visited += u64::from(next <= u64::from(u32::MAX));
                next += step;
            }
            run(&mut x, &mut y);
            for (x, y) in x.iter().zip(&y) {
                let error = units(*y, exact(op, *x));
                if error > worst {
                    (worst, at) = (error, *x);
                }
            }
        }
        // The time on ordinary numbers.
        x.iter_mut().enumerate().for_each(|(n, x)| *x = n as f32 / CHUNK as f32 * 8.0 + 1e-3);
        let times = (0..50).map(|_| {
            let started = Instant::now();
            run(&mut x, &mut y);
            started.elapsed().as_secs_f64()
        });
        let least = times.fold(f64::INFINITY, f64::min) / CHUNK as f64 * 1e9;
        println!("| {} | {worst:.2} | {at:e} | {visited} | {least:.2} |", op.name());
    }
    Ok(())
}
