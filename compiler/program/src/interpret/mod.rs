//! The meaning of a program: runs it, one element at a time, on plain byte arrays.
//!
//! In: a verified program, one array per buffer, sizes. Out: what the steps leave in the arrays. f32 arithmetic is in f32 and reductions go in index order, so a
//! target agrees to the bit where its order is the same. Every place is checked: this finds an index that leaves its buffer, which no target does.

mod calls;
mod kernel;
mod memory;
mod tile;

use crate::code::Failure;
use crate::program::{BATCH, BufferRef, Call, Program, Step};
use crate::verify::Verified;
use std::sync::Arc;
use tensc_ir::{DType, Dim, DimError, Sizes};

/// Why a program could not be run to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// A size expression without a value.
    #[error(transparent)]
    Size(#[from] DimError),
    /// A place outside of its memory.
    #[error("{place}: `{memory}` has {len} elements, there is none of number {index}")]
    OutOfBounds {
        /// Kernel or call.
        place: String,
        /// Buffer or local.
        memory: String,
        /// Number of elements from where the pointer points.
        len: i64,
        /// The element.
        index: i64,
    },
    /// A run-time check that failed.
    #[error("check {} failed: value {}, position {}", .0.site.0, .0.value, .0.position)]
    Check(Failure),
    /// Arrays that are not those of the program's buffers.
    #[error("expected {expected} arrays, found {found}")]
    Arrays {
        /// Number of buffers.
        expected: usize,
        /// Number of arrays given.
        found: usize,
    },
}

/// Which steps to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What depends on weights alone.
    Prepare,
    /// What runs per call.
    Main,
}

/// Bytes of each buffer for these sizes.
///
/// # Errors
/// A size without a value.
pub fn buffer_bytes(program: &Program, sizes: &Sizes) -> Result<Vec<usize>, DimError> {
    let batch = Dim::var(BATCH);
    let bytes = program.buffers.iter().map(|buffer| {
        let mut count = i64::try_from(buffer.dtype.bytes()).unwrap_or(1);
        for dim in buffer.varies.then_some(&batch).into_iter().chain(&buffer.shape) {
            count = count
                .checked_mul(dim.eval(sizes)?.max(0))
                .ok_or_else(|| DimError::OutOfRange(dim.to_string()))?;
        }
        usize::try_from(count).map_err(|_| DimError::OutOfRange(buffer.name.clone()))
    });
    bytes.collect()
}

/// An array per buffer, filled with ones: as floats these are NaN, so that a result made of what nothing wrote shows.
///
/// # Errors
/// A size without a value.
pub fn poisoned_arrays(program: &Program, sizes: &Sizes) -> Result<Vec<Vec<u8>>, DimError> {
    Ok(buffer_bytes(program, sizes)?.into_iter().map(|bytes| vec![0xFF; bytes]).collect())
}

/// Runs one part of a program.
///
/// # Errors
/// The first failed check, place out of bounds, or size without a value.
pub fn interpret(
    program: &Verified<Program>,
    part: Part,
    arrays: &mut [Vec<u8>],
    sizes: &Sizes,
) -> Result<(), RunError> {
    if arrays.len() != program.buffers.len() {
        return Err(RunError::Arrays { expected: program.buffers.len(), found: arrays.len() });
    }
    let steps = match part {
        Part::Prepare => &program.prepare,
        Part::Main => &program.main,
    };
    let kernels = program.kernels.iter().map(kernel::Compiled::new).collect::<Result<Vec<_>, _>>()?;
    let mut run = Run { program, kernels, arrays, sizes: sizes.clone() };
    run.steps(steps)
}

struct Run<'p> {
    program: &'p Program,
    kernels: Vec<kernel::Compiled<'p>>,
    arrays: &'p mut [Vec<u8>],
    sizes: Sizes,
}

/// Bytes of one element as offsets count them: a c64 is two.
fn unit(dtype: DType) -> usize {
    if dtype == DType::C64 { 4 } else { dtype.bytes() }
}

impl Run<'_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), RunError> {
        for step in steps {
            match step {
                Step::Launch(launch) => {
                    let sizes: Vec<i64> =
                        launch.sizes.iter().map(|dim| dim.eval(&self.sizes)).collect::<Result<_, _>>()?;
                    let mut bases = Vec::new();
                    for argument in &launch.arguments {
                        bases.push((argument.buffer.0 as usize, argument.offset.eval(&self.sizes)?));
                    }
                    if let Some(kernel) = self.kernels.get(launch.kernel.0 as usize) {
                        let mut failure = None;
                        kernel.run(&sizes, &bases, self.arrays, &mut failure)?;
                        if let Some(failure) = failure {
                            return Err(RunError::Check(failure));
                        }
                    }
                }
                Step::Call(Call::Gemm(gemm)) => calls::gemm(self, gemm)?,
                Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                    calls::fft(self, *kind, input, output, [n, batch])?;
                }
                Step::Call(Call::Keep(mask)) => calls::keep(self, mask)?,
                Step::Loop { variable, count, reverse, body } => {
                    let (name, count): (Arc<str>, i64) = (variable.as_str().into(), count.eval(&self.sizes)?);
                    for turn in 0..count {
                        let value = if *reverse { count - 1 - turn } else { turn };
                        self.sizes.insert(name.clone(), value);
                        self.steps(body)?;
                    }
                    self.sizes.remove(&name);
                }
                Step::Copy { from, to, count } => self.copy(from, to, count)?,
            }
        }
        Ok(())
    }

    fn copy(&mut self, from: &BufferRef, to: &BufferRef, count: &Dim) -> Result<(), RunError> {
        let count = count.eval(&self.sizes)?;
        if count <= 0 {
            return Ok(());
        }
        let (from_offset, to_offset) = (from.offset.eval(&self.sizes)?, to.offset.eval(&self.sizes)?);
        let from_bytes = self.span(from, from_offset, count)?;
        let to_bytes = self.span(to, to_offset, count)?;
        let data = self.arrays.get(from.buffer.0 as usize).and_then(|array| array.get(from_bytes));
        let data = data.map(<[u8]>::to_vec).unwrap_or_default();
        let target = self.arrays.get_mut(to.buffer.0 as usize).and_then(|array| array.get_mut(to_bytes));
        if let Some(target) = target {
            target.copy_from_slice(&data);
        }
        Ok(())
    }

    /// The bytes of `count` elements from this element of a buffer.
    fn span(&self, place: &BufferRef, offset: i64, count: i64) -> Result<std::ops::Range<usize>, RunError> {
        let n = place.buffer.0 as usize;
        let (unit, name) =
            self.program.buffers.get(n).map_or((1, ""), |buffer| (unit(buffer.dtype), buffer.name.as_str()));
        let len = (self.arrays.get(n).map_or(0, Vec::len) / unit) as i64;
        let last = offset.saturating_add(count.max(0));
        if offset < 0 || last > len {
            let index = if offset < 0 { offset } else { last - 1 };
            return Err(RunError::OutOfBounds {
                place: "a step".to_owned(),
                memory: name.to_owned(),
                len,
                index,
            });
        }
        Ok(offset as usize * unit..last as usize * unit)
    }
}
