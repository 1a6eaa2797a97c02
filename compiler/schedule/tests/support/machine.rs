//! Runs a program as machine code, step by step, grid points in a few ranges.

#![expect(unsafe_code, reason = "calls compiled code")]

use tensc_cpu::CpuProgram;
use tensc_ir::{DType, Dim, Sizes};
use tensc_program::{BufferRef, Call, Code, Failure, FftShape, Gemm, GemmShape, Panels, Program, Step};

/// A program's arrays while it runs.
pub struct Machine<'a> {
    pub program: &'a Program,
    pub code: &'a CpuProgram,
    pub arrays: &'a mut [Vec<u8>],
    pub failure: Option<Failure>,
}

/// Scratch memory aligned to 64 bytes, full of NaN.
struct Scratch(Vec<u8>);

impl Scratch {
    fn new(bytes: usize) -> Self {
        Self(vec![0xFF; bytes + 64])
    }

    fn pointer(&mut self) -> *mut u8 {
        let start = self.0.as_mut_ptr();
        start.wrapping_add(start.align_offset(64))
    }
}

impl Machine<'_> {
    pub fn run(&mut self, steps: &[Step], sizes: &Sizes) {
        for step in steps {
            match step {
                Step::Launch(launch) => {
                    let values: Vec<i64> = launch.sizes.iter().map(|d| value(d, sizes)).collect();
                    let pointers: Vec<*mut u8> =
                        launch.arguments.iter().map(|argument| self.pointer(argument, sizes)).collect();
                    let kernel = &self.program.kernels[launch.kernel.0 as usize];
                    let points = kernel.grid_points(&values).unwrap();
                    let mut scratch = Scratch::new(self.code.scratch_bytes(launch.kernel));
                    for part in 0..3 {
                        let range = points * part / 3..points * (part + 1) / 3;
                        // SAFETY: the interpreter has run the same program with every place checked.
                        unsafe {
                            self.code.launch_range(
                                launch.kernel,
                                &pointers,
                                &values,
                                range,
                                scratch.pointer(),
                                &mut self.failure,
                            );
                        }
                    }
                }
                Step::Call(Call::Gemm(gemm)) => self.gemm(gemm, sizes),
                Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                    let shape = FftShape { kind: *kind, n: value(n, sizes) as usize };
                    let mut scratch = Scratch::new(self.code.fft_scratch_bytes(shape));
                    let (input, output) = (self.pointer(input, sizes), self.pointer(output, sizes));
                    // SAFETY: as above.
                    unsafe {
                        self.code.fft_range(shape, input, output, 0..value(batch, sizes), scratch.pointer());
                    }
                }
                Step::Call(Call::Keep(_)) => panic!("no test here makes a mask"),
                Step::Loop { variable, count, reverse, body } => {
                    let count = value(count, sizes);
                    for n in 0..count {
                        let mut inner = sizes.clone();
                        let n = if *reverse { count - 1 - n } else { n };
                        inner.insert(variable.as_str().into(), n);
                        self.run(body, &inner);
                    }
                }
                Step::Copy { from, to, count } => {
                    let bytes = value(count, sizes) as usize * self.unit(from);
                    let (from, to) = (self.pointer(from, sizes), self.pointer(to, sizes));
                    // SAFETY: as above.
                    unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) }
                }
            }
        }
    }

    fn gemm(&mut self, gemm: &Gemm, sizes: &Sizes) {
        let strides = |dims: &[Dim; 3]| dims.clone().map(|d| value(&d, sizes));
        let dtype = |place: &BufferRef| self.program.buffers[place.buffer.0 as usize].dtype;
        let shape = GemmShape {
            batch: value(&gemm.batch, sizes),
            m: value(&gemm.m, sizes),
            k: value(&gemm.k, sizes),
            n: value(&gemm.n, sizes),
            a_strides: strides(&gemm.a_strides),
            b_strides: strides(&gemm.b_strides),
            b_panels: gemm
                .b_panels
                .as_ref()
                .map(|panels| Panels { width: panels.width, stride: value(&panels.stride, sizes) }),
            c_strides: strides(&gemm.c_strides),
            a_dtype: real(dtype(&gemm.a)),
            b_dtype: real(dtype(&gemm.b)),
            accumulate: gemm.accumulate,
        };
        let pointers = [&gemm.a, &gemm.b, &gemm.c].map(|place| self.pointer(place, sizes));
        let mut scratch = Scratch::new(self.code.gemm_scratch_bytes(&shape));
        let items = self.code.gemm_items(&shape);
        // SAFETY: as above.
        unsafe { self.code.gemm_range(&shape, pointers, 0..items, scratch.pointer()) }
    }

    fn unit(&self, place: &BufferRef) -> usize {
        real(self.program.buffers[place.buffer.0 as usize].dtype).bytes()
    }

    fn pointer(&mut self, place: &BufferRef, sizes: &Sizes) -> *mut u8 {
        let offset = value(&place.offset, sizes) as usize * self.unit(place);
        self.arrays[place.buffer.0 as usize].as_mut_ptr().wrapping_add(offset)
    }
}

/// Complex arrays count their halves.
fn real(dtype: DType) -> DType {
    if dtype == DType::C64 { DType::F32 } else { dtype }
}

fn value(dim: &Dim, sizes: &Sizes) -> i64 {
    dim.eval(sizes).unwrap()
}
