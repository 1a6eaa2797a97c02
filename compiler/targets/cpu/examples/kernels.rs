//! What a program's kernels become: time to compile, scratch memory, with `--clif` or `--assembly` the code itself, with `--time` how fast they run.
//!
//! `tensc compile model.seq --emit schedule -o p.txt; cargo run --release -p tensc-cpu --example kernels -- p.txt --time @batch=8 T=4096`
//! times each launch of main by itself, on one thread and on all, with random numbers in every array.

#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "calls compiled code on arrays of the sizes that the program has"
)]

use std::time::Instant;
use tensc_cpu::{CpuOptions, CpuProgram, assembly, clif, compile};
use tensc_ir::{DType, Sizes};
use tensc_program::{Code, KernelId, Launch, Program, Step, parse_program, poisoned_arrays, verify};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let program =
        verify(parse_program(&std::fs::read_to_string(arguments.next().ok_or("which program?")?)?)?)?;
    let options = CpuOptions::default();
    match arguments.next().as_deref() {
        Some("--clif") => println!("{}", clif(&program, &options)?),
        Some("--assembly") => println!("{}", assembly(&program, &options)?),
        Some("--time") => {
            let mut sizes = Sizes::new();
            for argument in arguments {
                let (name, value) = argument.split_once('=').ok_or("sizes are NAME=NUMBER")?;
                sizes.insert(name.into(), value.parse()?);
            }
            let code = compile(&program, &options)?;
            time(&program, &code, &sizes)?;
        }
        _ => {
            let started = Instant::now();
            let code = compile(&program, &options)?;
            println!("{} kernels in {:?}", program.kernels.len(), started.elapsed());
            for (n, kernel) in program.kernels.iter().enumerate() {
                let alone = Program {
                    kernels: vec![kernel.clone()],
                    checks: program.checks.clone(),
                    ..Program::default()
                };
                let alone = verify(alone)?;
                let started = Instant::now();
                compile(&alone, &options)?;
                let time = started.elapsed();
                println!(
                    "k{n} {:?}: {time:?}, {} bytes of scratch",
                    kernel.name,
                    code.scratch_bytes(KernelId(n as u32))
                );
            }
        }
    }
    Ok(())
}

struct Pointers(Vec<*mut u8>);
// SAFETY: the points of a launch write to disjoint places.
unsafe impl Sync for Pointers {}

impl Pointers {
    fn get(&self) -> &[*mut u8] {
        &self.0
    }
}

fn time(program: &Program, code: &CpuProgram, sizes: &Sizes) -> Result<(), Failed> {
    let mut arrays = poisoned_arrays(program, sizes)?;
    for (buffer, array) in program.buffers.iter().zip(&mut arrays) {
        if matches!(buffer.dtype, DType::F32 | DType::C64) {
            for (n, bytes) in array.chunks_exact_mut(4).enumerate() {
                let x = (n as u32).wrapping_mul(2_654_435_761) as f32 / u32::MAX as f32;
                bytes.copy_from_slice(&(x / 2.0 - 0.5).to_le_bytes());
            }
        } else {
            array.fill(0);
        }
    }
    let all = std::thread::available_parallelism()?.get();
    for step in &program.main {
        let Step::Launch(launch) = step else { continue };
        let name = &program.kernels[launch.kernel.0 as usize].name;
        for threads in [1, all] {
            let (points, median, least) = time_launch(program, code, sizes, launch, &mut arrays, threads)?;
            println!(
                "k{} {name:?}: {points} points, {threads} threads: median {median:.3} ms, least {least:.3} ms",
                launch.kernel.0
            );
        }
    }
    Ok(())
}

fn time_launch(
    program: &Program,
    code: &CpuProgram,
    sizes: &Sizes,
    launch: &Launch,
    arrays: &mut [Vec<u8>],
    threads: usize,
) -> Result<(i64, f64, f64), Failed> {
    let values = launch.sizes.iter().map(|size| size.eval(sizes)).collect::<Result<Vec<i64>, _>>()?;
    let mut pointers = Vec::new();
    for argument in &launch.arguments {
        let n = argument.buffer.0 as usize;
        let dtype = program.buffers[n].dtype;
        let unit = if dtype == DType::C64 { 4 } else { dtype.bytes() };
        let offset = usize::try_from(argument.offset.eval(sizes)?)? * unit;
        pointers.push(arrays[n].as_mut_ptr().wrapping_add(offset));
    }
    let pointers = Pointers(pointers);
    let points = program.kernels[launch.kernel.0 as usize].grid_points(&values)?;
    let next = std::sync::atomic::AtomicI64::new(0);
    let work = || {
        let mut scratch = vec![0_u8; code.scratch_bytes(launch.kernel) + 64];
        let start = scratch.as_mut_ptr();
        let start = start.wrapping_add(start.align_offset(64));
        loop {
            let point = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if point >= points {
                return;
            }
            // SAFETY: the arrays have the sizes that the program was verified for.
            unsafe {
                let range = point..point + 1;
                code.launch_range(launch.kernel, pointers.get(), &values, range, start, &mut None);
            }
        }
    };
    let mut times: Vec<f64> = Vec::new();
    while times.len() < 5 || (times.len() < 50 && times.iter().sum::<f64>() < 1.0) {
        next.store(0, std::sync::atomic::Ordering::Relaxed);
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((points, times[times.len() / 2] * 1e3, times[0] * 1e3))
}
