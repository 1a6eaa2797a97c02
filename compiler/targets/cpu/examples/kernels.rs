//! What a program's kernels become: time to compile, scratch memory, with `--clif` or `--assembly` the code itself.
//!
//! `tensc compile model.seq --emit schedule -o p.txt; cargo run --release -p tensc-cpu --example kernels -- p.txt`

use std::time::Instant;
use tensc_cpu::{CpuOptions, assembly, clif, compile};
use tensc_program::{Code, KernelId, Program, parse_program, verify};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let program =
        verify(parse_program(&std::fs::read_to_string(arguments.next().ok_or("which program?")?)?)?)?;
    let options = CpuOptions::default();
    match arguments.next().as_deref() {
        Some("--clif") => println!("{}", clif(&program, &options)?),
        Some("--assembly") => println!("{}", assembly(&program, &options)?),
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
