//! Runs a program by the interpreter and by compiled code, and compares every array.

#![allow(
    unsafe_code,
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "a test calls compiled code; not every test uses everything"
)]

mod cases;

pub use cases::{Random, Tolerance, assert_close, random_bytes, single, values};

use tensc_cpu::{CpuOptions, CpuProgram, Features, compile};
use tensc_ir::{DType, Sizes};
use tensc_program::{
    BufferKind, Code, Failure, Part, Program, RunError, Step, Verified, interpret, poisoned_arrays, verify,
};

/// Scratch memory aligned to 64 bytes.
pub struct Scratch(Vec<u8>);

impl Scratch {
    pub fn new(bytes: usize) -> Self {
        Self(vec![0xFF; bytes + 64])
    }

    pub fn pointer(&mut self) -> *mut u8 {
        let start = self.0.as_mut_ptr();
        start.wrapping_add(start.align_offset(64))
    }
}

/// Runs the launches of main by compiled code, `parts` ranges of points each.
pub fn run_compiled(
    program: &Program,
    code: &CpuProgram,
    arrays: &mut [Vec<u8>],
    sizes: &Sizes,
    parts: i64,
) -> Option<Failure> {
    let mut failure = None;
    for step in &program.main {
        let Step::Launch(launch) = step else { panic!("only launches here") };
        let values: Vec<i64> = launch.sizes.iter().map(|dim| dim.eval(sizes).unwrap()).collect();
        let pointers: Vec<*mut u8> = launch
            .arguments
            .iter()
            .map(|argument| {
                let n = argument.buffer.0 as usize;
                let dtype = program.buffers[n].dtype;
                let unit = if dtype == DType::C64 { 4 } else { dtype.bytes() };
                let offset = argument.offset.eval(sizes).unwrap() as usize * unit;
                arrays[n].as_mut_ptr().wrapping_add(offset)
            })
            .collect();
        let points = program.kernels[launch.kernel.0 as usize].grid_points(&values).unwrap();
        let mut scratch = Scratch::new(code.scratch_bytes(launch.kernel));
        for part in 0..parts {
            let range = points * part / parts..points * (part + 1) / parts;
            // SAFETY: the arrays have the sizes that the interpreter has checked every place against.
            unsafe {
                code.launch_range(launch.kernel, &pointers, &values, range, scratch.pointer(), &mut failure);
            }
        }
    }
    failure
}

/// Runs a program with random contents of its read buffers by the interpreter and by compiled code, in one part and in several, and compares everything that is
/// written. Returns the interpreter's arrays.
pub fn check(
    program: Program,
    sizes: &Sizes,
    seed: u64,
    special: bool,
    tolerance: Tolerance,
) -> Vec<Vec<u8>> {
    check_with(program, sizes, tolerance, |program, arrays| {
        let mut random = Random(seed);
        for (buffer, array) in program.buffers.iter().zip(arrays) {
            if buffer.kind == BufferKind::Argument {
                let count = array.len() / buffer.dtype.bytes();
                *array = random_bytes(&mut random, buffer.dtype, count, special);
            }
        }
    })
}

pub fn check_with(
    program: Program,
    sizes: &Sizes,
    tolerance: Tolerance,
    fill: impl Fn(&Program, &mut [Vec<u8>]),
) -> Vec<Vec<u8>> {
    let text = program.to_string();
    let program: Verified<Program> = verify(program).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut expected = poisoned_arrays(&program, sizes).unwrap();
    fill(&program, &mut expected);
    let start = expected.clone();
    let failed = match interpret(&program, Part::Main, &mut expected, sizes) {
        Ok(()) => None,
        Err(RunError::Check(failure)) => Some(failure),
        Err(error) => panic!("{error}\n{text}"),
    };
    for features in [Features::Host, Features::Baseline] {
        let code = compile(&program, &CpuOptions { features }).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        let mut first = None;
        for parts in [1, 3] {
            let mut arrays = start.clone();
            let failure = run_compiled(&program, &code, &mut arrays, sizes, parts);
            assert_eq!(failure, failed, "{text}");
            for ((buffer, expected), found) in program.buffers.iter().zip(&expected).zip(&arrays) {
                assert_close(&buffer.name, buffer.dtype, expected, found, tolerance, &text);
            }
            let first = first.get_or_insert_with(|| arrays.clone());
            assert_eq!(*first, arrays, "1 part and {parts} parts differ\n{text}");
        }
    }
    expected
}
