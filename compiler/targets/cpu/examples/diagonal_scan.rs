//! How fast the complex diagonal recurrence `c[t] = lambda c[t-1] + x[t]`, `y[t] = re c[t]` runs: B 8, T 4096, K 128, real in, real out.
//!
//! `cargo run --release -p tensc-cpu --example diagonal_scan`. Prints the largest error against binary64 first, then the median time and the traffic.

#![allow(unsafe_code, clippy::indexing_slicing, reason = "calls compiled code; arrays of known size")]

use std::time::Instant;
use tensc_cpu::{CpuOptions, compile};
use tensc_ir::{BinaryOp, DType, Dim};
use tensc_program::{
    BATCH, Buffer, BufferId, BufferKind, BufferRef, Code, Element, Kernel, KernelBuilder, KernelId, Launch,
    Program, Step, verify,
};

const B: usize = 8;
const T: usize = 4096;
const K: usize = 128;

fn kernel(lanes: i64) -> Kernel {
    let mut k = KernelBuilder::new("diagonal scan");
    let (x, lambda_re, lambda_im) =
        (k.read("x", DType::F32), k.read("lambda.re", DType::F32), k.read("lambda.im", DType::F32));
    let y = k.write("y", DType::F32);
    let (t_size, batch) = (k.size("T"), k.size(BATCH));
    let b = k.grid("b", batch);
    let j = k.grid("j", K as i64 / lanes);
    let c = k.axis("c", lanes as usize, lanes);
    let axis = k.axis_id(&c);
    let lane = &(&Dim::constant(lanes) * &j) + &c;
    let (re, im) = (k.load(lambda_re, lane.clone()), k.load(lambda_im, lane.clone()));
    let zero = k.constant(Element::F32, 0.0);
    let (t, state) = k.begin_loop("t", t_size.clone(), false, &[(zero, vec![axis]), (zero, vec![axis])]);
    let place = &(&Dim::constant(K as i64) * &(&(&t_size * &b) + &t)) + &lane;
    let input = k.load(x, place.clone());
    // re' = re * s.re - im * s.im + x, im' = re * s.im + im * s.re
    let minus = k.unary(tensc_ir::UnaryOp::Neg, im);
    let first = k.fma(minus, state[1], input);
    let new_re = k.fma(re, state[0], first);
    let second = k.binary(BinaryOp::Mul, im, state[0]);
    let new_im = k.fma(re, state[1], second);
    k.store(y, place, new_re);
    k.end_loop(&[new_re, new_im]);
    k.finish().unwrap_or_default()
}

fn program(kernel: Kernel) -> Program {
    let buffer = |name: &str, kind, len: usize| Buffer {
        name: name.to_owned(),
        kind,
        dtype: DType::F32,
        shape: vec![(len as i64).into()],
        varies: false,
    };
    let buffers = vec![
        buffer("x", BufferKind::Argument, B * T * K),
        buffer("re", BufferKind::Argument, K),
        buffer("im", BufferKind::Argument, K),
        buffer("y", BufferKind::Result, B * T * K),
    ];
    let arguments = (0..4).map(|n| BufferRef { buffer: BufferId(n), offset: 0.into() }).collect();
    let launch = Launch { kernel: KernelId(0), arguments, sizes: vec![(T as i64).into(), (B as i64).into()] };
    Program {
        name: "scan".to_owned(),
        buffers,
        kernels: vec![kernel],
        main: vec![Step::Launch(launch)],
        ..Program::default()
    }
}

#[derive(Clone, Copy)]
struct Pointers([*mut u8; 4]);
// SAFETY: threads write to disjoint parts.
unsafe impl Send for Pointers {}
unsafe impl Sync for Pointers {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::thread::available_parallelism()?.get();
    let x: Vec<f32> = (0..B * T * K).map(|n| ((n * 7919 % 1000) as f32 - 500.0) / 500.0).collect();
    let lambda: Vec<(f32, f32)> = (0..K)
        .map(|k| {
            let (radius, angle) = (0.9 + 0.0999 * k as f32 / K as f32, k as f32 * 0.1);
            (radius * angle.cos(), radius * angle.sin())
        })
        .collect();
    let (re, im): (Vec<f32>, Vec<f32>) = lambda.iter().copied().unzip();
    for lanes in [8, 16, 32, 64] {
        let program = verify(program(kernel(lanes)))?;
        let started = Instant::now();
        let code = compile(&program, &CpuOptions::default())?;
        let compiled = started.elapsed();
        let mut y = vec![0.0_f32; B * T * K];
        let pointers = Pointers([
            x.as_ptr().cast_mut().cast(),
            re.as_ptr().cast_mut().cast(),
            im.as_ptr().cast_mut().cast(),
            y.as_mut_ptr().cast(),
        ]);
        let points = program.kernels.first().ok_or("no kernel")?.grid_points(&[T as i64, B as i64])?;
        let bytes = code.scratch_bytes(KernelId(0));
        let run = |threads: usize| {
            std::thread::scope(|scope| {
                for n in 0..threads as i64 {
                    let code = &code;
                    scope.spawn(move || {
                        let pointers = pointers;
                        let mut scratch = vec![0_u8; bytes + 64];
                        let start = scratch.as_mut_ptr();
                        let start = start.wrapping_add(start.align_offset(64));
                        let range = points * n / threads as i64..points * (n + 1) / threads as i64;
                        // SAFETY: the arrays have the sizes that the kernel was made for.
                        unsafe {
                            code.launch_range(
                                KernelId(0),
                                &pointers.0,
                                &[T as i64, B as i64],
                                range,
                                start,
                                &mut None,
                            );
                        }
                    });
                }
            });
        };
        run(threads);
        let mut worst = 0.0_f64;
        for k in 0..K {
            let (re, im) = (f64::from(re[k]), f64::from(im[k]));
            let mut c = (0.0, 0.0);
            for t in 0..T {
                c = (re * c.0 - im * c.1 + f64::from(x[t * K + k]), re * c.1 + im * c.0);
                worst = worst.max((c.0 - f64::from(y[t * K + k])).abs());
            }
        }
        println!("lanes {lanes}: compiled in {compiled:?}, largest error {worst:.2e}");
        if std::env::args().any(|argument| argument == "--assembly") {
            println!("{}", tensc_cpu::assembly(&program, &CpuOptions::default())?);
        }
        // Each grid point alone, its least time: what one thread needs when nothing else runs on the machine.
        let mut scratch = vec![0_u8; bytes + 64];
        let start = scratch.as_mut_ptr();
        let start = start.wrapping_add(start.align_offset(64));
        let mut alone = 0.0;
        for point in 0..points {
            let times = (0..15).map(|_| {
                let started = Instant::now();
                // SAFETY: as above.
                unsafe {
                    let sizes = [T as i64, B as i64];
                    code.launch_range(KernelId(0), &pointers.0, &sizes, point..point + 1, start, &mut None);
                }
                started.elapsed().as_secs_f64()
            });
            alone += times.fold(f64::INFINITY, f64::min);
        }
        println!("  1 thread, least times of all points: {:.2} ms", alone * 1e3);
        for threads in [1, threads] {
            let mut times: Vec<f64> = (0..41)
                .map(|_| {
                    let started = Instant::now();
                    run(threads);
                    started.elapsed().as_secs_f64()
                })
                .collect();
            times.sort_by(f64::total_cmp);
            let (least, median) = (times[0], times[times.len() / 2]);
            let traffic = (2 * B * T * K * 4) as f64;
            println!(
                "  {threads} threads: median {:.2} ms, least {:.2} ms, {:.1} GB/s",
                median * 1e3,
                least * 1e3,
                traffic / median / 1e9
            );
        }
    }
    Ok(())
}
