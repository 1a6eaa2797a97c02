//! Runs a program by the interpreter and as PTX on the emulator, and compares every array.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

#[path = "../../../cpu/tests/common/cases.rs"]
mod shared;

pub use shared::{Random, Tolerance, assert_close, random_bytes, single, values};

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use tensc_emulator::{Arg, Config, Device, DevicePointer, Report, Shape};
use tensc_gpu::{Chip, GpuError, module};
use tensc_ir::{DType, Sizes};
use tensc_program::{
    BufferKind, Failure, Part, Program, RunError, Step, first_failure, interpret, poisoned_arrays, verify,
};

/// A `tensc` that can translate, where there is one.
pub fn translator() -> Option<PathBuf> {
    let found = std::env::var_os("TENSC_GPU").map(PathBuf::from);
    static TOLD: OnceLock<()> = OnceLock::new();
    if found.is_none() {
        TOLD.get_or_init(|| eprintln!("TENSC_GPU is not set: there is no PTX to test"));
    }
    found
}

/// PTX of MLIR; the same text is translated once.
pub fn ptx(mlir: &str) -> Option<String> {
    static MADE: OnceLock<Mutex<HashMap<String, String>>> = OnceLock::new();
    let made = MADE.get_or_init(Mutex::default);
    if let Some(ptx) = made.lock().unwrap().get(mlir) {
        return Some(ptx.clone());
    }
    let mut child = Command::new(translator()?)
        .args(["translate-mlir", "ptx"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the translator starts");
    let mut input = child.stdin.take().unwrap();
    let text = mlir.to_owned();
    let feeder = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join();
    assert!(output.status.success(), "{}\n{mlir}", String::from_utf8_lossy(&output.stderr));
    let ptx = String::from_utf8(output.stdout).unwrap();
    made.lock().unwrap().insert(mlir.to_owned(), ptx.clone());
    Some(ptx)
}

/// Where each buffer lies on the device.
struct Memory(Vec<(DevicePointer, usize)>);

impl Memory {
    fn place(&self, program: &Program, place: &tensc_program::BufferRef, sizes: &Sizes) -> DevicePointer {
        let n = place.buffer.0 as usize;
        let dtype = program.buffers[n].dtype;
        let unit = if dtype == DType::C64 { 4 } else { dtype.bytes() };
        self.0[n].0.offset(place.offset.eval(sizes).unwrap() as u64 * unit as u64)
    }
}

/// What a run on the emulator left.
pub struct Ran {
    pub failure: Option<Failure>,
    pub reports: Vec<(String, Report)>,
    pub ptx: String,
}

/// Runs main on the emulator; arrays that it writes are read back. `None` without a translator.
pub fn run(program: &Program, arrays: &mut [Vec<u8>], sizes: &Sizes, seed: u64) -> Option<Ran> {
    let module =
        module(program, Chip::named("sm_90").unwrap()).unwrap_or_else(|error| panic!("{error}\n{program}"));
    let ptx = ptx(&module.mlir)?;
    let program: &Program = &module.program;
    let mut device = Device::with_config(Config { seed, cores: 1, ..Config::default() });
    let loaded = device.load_module(&ptx).unwrap_or_else(|error| panic!("{error}\n{ptx}"));
    let mut memory = Memory(Vec::new());
    for (buffer, array) in program.buffers.iter().zip(arrays.iter()) {
        let pointer = device.alloc_named(array.len().max(1) as u64, &buffer.name);
        // Also what is written: places that a kernel leaves alone stay as the test has them.
        device.copy_to(pointer, array).unwrap();
        memory.0.push((pointer, array.len()));
    }
    let status = device.alloc_named(8 * program.checks.len().max(1) as u64, "checks");
    device.fill(status, 0xFF, 8 * program.checks.len().max(1) as u64).unwrap();
    let mut reports = Vec::new();
    for step in &program.main {
        let Step::Launch(launch) = step else { panic!("only launches here") };
        let kernel = &program.kernels[launch.kernel.0 as usize];
        let how = module.kernels[launch.kernel.0 as usize].as_ref().unwrap();
        let values: Vec<i64> = launch.sizes.iter().map(|dim| dim.eval(sizes).unwrap()).collect();
        let numbers = how.numbers(kernel, &values).unwrap();
        if numbers.blocks == 0 {
            continue;
        }
        let mut arguments: Vec<Arg> =
            launch.arguments.iter().map(|place| Arg::Pointer(memory.place(program, place, sizes))).collect();
        if how.checks {
            arguments.push(Arg::Pointer(status));
        }
        arguments.extend(numbers.numbers.iter().map(|n| Arg::I64(*n)));
        let shape = Shape::linear(numbers.blocks as u32, how.threads);
        let report = device
            .launch(loaded, &how.entry, shape, &arguments)
            .unwrap_or_else(|error| panic!("{error}\n{kernel}\n{ptx}"));
        reports.push((how.entry.clone(), report));
    }
    for ((buffer, array), (pointer, _)) in program.buffers.iter().zip(arrays).zip(&memory.0) {
        if !matches!(buffer.kind, BufferKind::Argument) {
            device.copy_from(*pointer, array).unwrap();
        }
    }
    let mut told = vec![0; 8 * program.checks.len()];
    if !told.is_empty() {
        device.copy_from(status, &mut told).unwrap();
    }
    let numbers: Vec<u64> =
        told.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    Some(Ran { failure: first_failure(&numbers), reports, ptx })
}

/// Whether the program has an op that is refused by name: some of f64, and nothing else.
fn refused(program: &Program) -> bool {
    match module(program, Chip::named("sm_90").unwrap()) {
        Err(GpuError::Unsupported(what)) => {
            assert!(what.what.ends_with("of f64"), "{what}");
            true
        }
        Ok(_) => false,
        Err(error) => panic!("{error}\n{program}"),
    }
}

/// As the CPU target's: random contents of what is read, everything that is written compared.
pub fn check(
    program: Program,
    sizes: &Sizes,
    seed: u64,
    special: bool,
    tolerance: Tolerance,
) -> Vec<Vec<u8>> {
    if translator().is_none() || refused(&program) {
        return Vec::new();
    }
    let text = program.to_string();
    let program = verify(program).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut expected = poisoned_arrays(&program, sizes).unwrap();
    let mut random = Random(seed);
    for (buffer, array) in program.buffers.iter().zip(&mut expected) {
        if buffer.kind == BufferKind::Argument {
            let count = array.len() / buffer.dtype.bytes();
            *array = random_bytes(&mut random, buffer.dtype, count, special);
        }
    }
    let mut found = expected.clone();
    let failed = match interpret(&program, Part::Main, &mut expected, sizes) {
        Ok(()) => None,
        Err(RunError::Check(failure)) => Some(failure),
        Err(error) => panic!("{error}\n{text}"),
    };
    let ran = run(&program, &mut found, sizes, seed).unwrap();
    assert_eq!(ran.failure, failed, "{text}");
    // Sums in another order, and functions of our own: never equal to the bit.
    let tolerance = match tolerance {
        Tolerance::Exact => Tolerance::Relative(1e-6),
        other => other,
    };
    for ((buffer, expected), found) in program.buffers.iter().zip(&expected).zip(&found) {
        assert_close(&buffer.name, buffer.dtype, expected, found, tolerance, &text);
    }
    expected
}
