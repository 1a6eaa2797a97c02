//! Machine code for tile kernels, and the library calls of a program, for the CPU.
//!
//! In: a verified program. Out: a [`CpuProgram`], which runs grid points of its kernels ([`tensc_program::Code`]). In reading order:

#![warn(missing_docs)]

mod plan; // what is computed where: nests, scratch memory

mod emit; // kernels as Cranelift IR
mod maths; // exp, log, tanh, sin, cos, erf in vectors
mod symbols; // functions that compiled code calls

mod compile; // all kernels of a program, to machine code
mod fft; // transforms
mod gemm; // products
mod panels;
mod tile; // products of tiles inside a kernel // products with packed weights

mod kernels; // the inner loop of those

pub use compile::{CpuError, CpuOptions, CpuProgram, Features, assembly, clif, compile};
