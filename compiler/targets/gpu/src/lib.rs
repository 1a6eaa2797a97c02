//! Tile kernels to MLIR, and through LLVM to PTX.
//!
//! In: a program. Out: the program with kernels in place of library calls, MLIR text, and how to launch each kernel; with the feature `mlir` the PTX. Writing MLIR needs no LLVM.
//! In reading order:

#![warn(missing_docs)]

mod facts; // what a kernel's layouts depend on
mod layout; // where entries of a tile live
mod plan; // layouts for all tiles, threads and grid points

mod text; // MLIR, line by line

mod emit; // a kernel as a function
mod maths; // elementary functions

pub mod library; // products and transforms as kernels

mod module; // all kernels of a program

#[cfg(feature = "mlir")]
mod translate; // MLIR to PTX

pub use emit::Unsupported;
pub use module::{CHIPS, Chip, GpuError, Module, SM_80, SM_90, module};
#[cfg(feature = "mlir")]
pub use translate::{Output, translate};
