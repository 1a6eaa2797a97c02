//! Steps: that buffers, kernels and names are there, and that each part of the program touches only what it may.

use super::{Problem, VerifyError};
use crate::program::{BATCH, BufferKind, BufferRef, Call, Gemm, KernelId, Launch, Program, Step};
use std::collections::BTreeSet;
use tensc_ir::{DType, Dim, FftKind};

pub(super) fn verify(program: &Program) -> Result<(), VerifyError> {
    let mut variables = BTreeSet::new();
    for (name, steps, main) in [("prepare", &program.prepare, false), ("main", &program.main, true)] {
        let mut part = Part { program, name, main, open: Vec::new(), variables: &mut variables };
        part.steps(steps, &format!("{name} of {:?}", program.name))?;
    }
    Ok(())
}

struct Part<'p> {
    program: &'p Program,
    name: &'static str,
    main: bool,
    /// Variables of enclosing loops.
    open: Vec<&'p str>,
    /// Variables of all loops so far.
    variables: &'p mut BTreeSet<String>,
}

impl<'p> Part<'p> {
    fn steps(&mut self, steps: &'p [Step], place: &str) -> Result<(), VerifyError> {
        for (n, step) in steps.iter().enumerate() {
            let place = format!("{place}, step {n}");
            self.step(step).map_err(|problem| VerifyError { place: place.clone(), problem })?;
            if let Step::Loop { variable, body, .. } = step {
                self.open.push(variable);
                self.steps(body, &place)?;
                self.open.pop();
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &'p Step) -> Result<(), Problem> {
        match step {
            Step::Launch(launch) => self.launch(launch),
            Step::Call(Call::Gemm(gemm)) => self.gemm(gemm),
            Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                let (from, to) = match kind {
                    FftKind::Fft | FftKind::Ifft => (PAIRS, PAIRS),
                    FftKind::Rfft => (F32, PAIRS),
                    FftKind::Irfft => (PAIRS, F32),
                };
                self.read(input, from)?;
                self.write(output, to)?;
                self.known([n, batch])
            }
            Step::Call(Call::Keep(mask)) => {
                self.write(&mask.output, &[DType::Bool])?;
                self.known(mask.within.iter().chain(&mask.sizes).chain([&mask.first]))
            }
            Step::Loop { variable, count, .. } => {
                self.known([count])?;
                if self.variables.insert(variable.clone()) {
                    Ok(())
                } else {
                    Err(Problem::Duplicate { name: variable.clone() })
                }
            }
            Step::Copy { from, to, count } => {
                self.read(from, &DType::ALL)?;
                let buffer = self.program.buffers.get(from.buffer.0 as usize);
                self.write(to, buffer.map_or(&[][..], |buffer| alike(&buffer.dtype)))?;
                self.known([count])
            }
        }
    }

    fn launch(&self, launch: &Launch) -> Result<(), Problem> {
        let KernelId(number) = launch.kernel;
        let Some(kernel) = self.program.kernels.get(number as usize) else {
            return Err(Problem::Unknown { what: "kernel", number });
        };
        let count = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(Problem::Count { what, expected, found }) }
        };
        count("arguments", kernel.params.len(), launch.arguments.len())?;
        count("sizes", kernel.sizes.len(), launch.sizes.len())?;
        for (param, argument) in kernel.params.iter().zip(&launch.arguments) {
            let allowed = alike(&param.dtype);
            if param.writes { self.write(argument, allowed)? } else { self.read(argument, allowed)? }
        }
        self.known(&launch.sizes)
    }

    fn gemm(&self, gemm: &Gemm) -> Result<(), Problem> {
        self.read(&gemm.a, FACTORS)?;
        self.read(&gemm.b, FACTORS)?;
        self.write(&gemm.c, PAIRS)?;
        self.known([&gemm.batch, &gemm.m, &gemm.k, &gemm.n])?;
        if gemm.b_panels.as_ref().is_some_and(|panels| panels.width < 1) {
            return Err(Problem::Count { what: "columns of a panel", expected: 1, found: 0 });
        }
        self.known(gemm.b_panels.iter().map(|panels| &panels.stride))?;
        self.known(gemm.a_strides.iter().chain(&gemm.b_strides).chain(&gemm.c_strides))
    }

    fn read(&self, place: &BufferRef, allowed: &[DType]) -> Result<(), Problem> {
        let kind = self.buffer(place, allowed)?;
        let may = match kind {
            BufferKind::Argument | BufferKind::StateIn => self.main,
            BufferKind::Weight { .. }
            | BufferKind::Prepared
            | BufferKind::StateOut
            | BufferKind::StateStart { .. }
            | BufferKind::Result
            | BufferKind::Scratch => true,
        };
        self.access(place, may, "read")
    }

    fn write(&self, place: &BufferRef, allowed: &[DType]) -> Result<(), Problem> {
        let kind = self.buffer(place, allowed)?;
        let may = match kind {
            BufferKind::Argument | BufferKind::StateIn | BufferKind::Weight { .. } => false,
            BufferKind::Prepared => !self.main,
            BufferKind::StateOut | BufferKind::Result => self.main,
            BufferKind::StateStart { .. } | BufferKind::Scratch => true,
        };
        self.access(place, may, "written")
    }

    fn access(&self, place: &BufferRef, may: bool, verb: &'static str) -> Result<(), Problem> {
        if may {
            return Ok(());
        }
        let buffer = self.program.buffers.get(place.buffer.0 as usize);
        let buffer = buffer.map(|buffer| buffer.name.clone()).unwrap_or_default();
        Err(Problem::Access { buffer, verb, part: self.name })
    }

    fn buffer(&self, place: &BufferRef, allowed: &[DType]) -> Result<&'p BufferKind, Problem> {
        let number = place.buffer.0;
        let Some(buffer) = self.program.buffers.get(number as usize) else {
            return Err(Problem::Unknown { what: "buffer", number });
        };
        if !allowed.contains(&buffer.dtype) {
            let expected = allowed.iter().map(|dtype| dtype.name()).collect::<Vec<_>>().join(" or ");
            let found = buffer.dtype.name();
            return Err(Problem::Element { buffer: buffer.name.clone(), expected, found });
        }
        self.known([&place.offset])?;
        Ok(&buffer.kind)
    }

    /// Names of run-time sizes are the caller's; prepare has none, and loop variables must be in scope.
    fn known<'d>(&self, dims: impl IntoIterator<Item = &'d Dim>) -> Result<(), Problem> {
        for name in dims.into_iter().flat_map(Dim::names) {
            let open = self.open.iter().any(|variable| **variable == *name);
            let run_time = self.main && (&*name == BATCH || !self.variables.contains(&*name));
            if !open && !run_time {
                return Err(Problem::Name { name: name.to_string() });
            }
        }
        Ok(())
    }
}

/// What memory may be used as memory of this type: a c64 is two f32.
fn alike(dtype: &DType) -> &[DType] {
    match dtype {
        DType::F32 | DType::C64 => PAIRS,
        DType::F16 | DType::BF16 | DType::F64 | DType::I32 | DType::U8 | DType::Bool => {
            std::slice::from_ref(dtype)
        }
    }
}

const F32: &[DType] = &[DType::F32];
const PAIRS: &[DType] = &[DType::F32, DType::C64];
const FACTORS: &[DType] = &[DType::F32, DType::C64, DType::BF16];
