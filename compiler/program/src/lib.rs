//! The last thing that both targets share: tile kernels, buffers, and the order of launches.
//!
//! A [`Program`] is what schedule makes of a graph. It is target-independent and has a text form, a verifier and an interpreter, so that a
//! recipe's algebra is tested before any target sees it. In reading order:

#![warn(missing_docs)]

pub mod kernel; // the tile language
pub mod program; // buffers, steps, launches

pub mod build; // a kernel, instruction by instruction
pub mod names; // the word for each op
pub mod rules; // types of tile ops

pub mod text; // printed and parsed back

pub mod verify; // what targets may rely on

pub mod formula; // size expressions made fast
pub mod interpret; // the meaning
pub mod scalar;
pub mod work; // what a kernel computes and moves // one element

pub mod code; // what the runtime asks of a target
pub mod device; // what the runtime needs to launch kernels on a GPU

pub use build::KernelBuilder;
pub use code::{Code, Failure, FftShape, GemmShape};
pub use device::{DeviceCode, DeviceKernel, LaunchNumbers, first_failure};
pub use formula::Formula;
pub use interpret::{Part, RunError, buffer_bytes, interpret, poisoned_arrays};
pub use kernel::{
    Axis, AxisId, AxisKind, Block, CheckId, Element, Index, Inst, Kernel, Local, LocalId, Loop, Memory,
    Param, ParamId, ReduceOp, Tile, TileId, TileOp,
};
pub use program::{
    BATCH, Buffer, BufferId, BufferKind, BufferRef, Call, CheckSite, Gemm, Keep, KernelId, Launch, Panels,
    Program, SEED, Step,
};
pub use rules::TileError;
pub use text::{ParseError, parse_kernel, parse_program};
pub use verify::{Problem, Verified, VerifyError, verify};
