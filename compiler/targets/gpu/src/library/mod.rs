//! Products and transforms as tile kernels, so that a GPU needs no library: each call of a program becomes the launch of a kernel that has the call's sizes in it.

mod fft;
mod gemm;

use tensc_ir::Dim;
use tensc_program::{BufferRef, Call, Kernel, KernelId, Launch, Program, Step, TileError};

/// The program with kernels in place of library calls.
///
/// # Errors
/// A mistake in this module.
pub fn without_calls(program: &Program) -> Result<Program, TileError> {
    let mut made = program.clone();
    let steps = std::mem::take(&mut made.main);
    made.main = steps_of(steps, &mut made)?;
    Ok(made)
}

fn steps_of(steps: Vec<Step>, program: &mut Program) -> Result<Vec<Step>, TileError> {
    let mut made = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Call(Call::Gemm(gemm)) => {
                let dtypes = [&gemm.a, &gemm.b].map(|place| dtype(program, place));
                let kernel = gemm::kernel(&gemm, dtypes)?;
                made.push(launch(program, kernel, vec![gemm.a.clone(), gemm.b.clone(), gemm.c.clone()]));
            }
            Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                let kernel = fft::kernel(kind, &n, &batch)?;
                made.push(launch(program, kernel, vec![input, output]));
            }
            Step::Loop { variable, count, reverse, body } => {
                let body = steps_of(body, program)?;
                made.push(Step::Loop { variable, count, reverse, body });
            }
            // Masks are refused by the caller.
            Step::Launch(_) | Step::Copy { .. } | Step::Call(Call::Keep(_)) => made.push(step),
        }
    }
    Ok(made)
}

fn dtype(program: &Program, place: &BufferRef) -> tensc_ir::DType {
    program.buffers.get(place.buffer.0 as usize).map_or(tensc_ir::DType::F32, |buffer| buffer.dtype)
}

/// A launch of this kernel, which is added where the program does not have it yet; its sizes are run-time sizes by name.
fn launch(program: &mut Program, kernel: Kernel, arguments: Vec<BufferRef>) -> Step {
    let sizes = kernel.sizes.iter().map(|name| Dim::var(name)).collect();
    let number = program.kernels.iter().position(|other| *other == kernel).unwrap_or_else(|| {
        program.kernels.push(kernel);
        program.kernels.len() - 1
    });
    Step::Launch(Launch { kernel: KernelId(number as u32), arguments, sizes })
}

/// Declares the run-time sizes that these expressions mention.
fn declare(k: &mut tensc_program::KernelBuilder, dims: &[&Dim]) {
    for name in dims.iter().flat_map(|dim| dim.names()) {
        k.size(&name);
    }
}
