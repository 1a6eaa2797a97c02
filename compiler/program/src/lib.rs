//! The last thing that both targets share: tile kernels, buffers, and the order of launches.
//!
//! A [`Program`] is what schedule makes of a graph. It is target-independent and has a text form, a verifier and an interpreter, so that a
//! recipe's algebra is tested before any target sees it. In reading order:

#![warn(missing_docs)]

pub mod kernel;
pub mod program; // buffers, steps, launches // the tile language

pub use kernel::{
    Axis, AxisId, AxisKind, Block, CheckId, Element, Index, Inst, Kernel, Local, LocalId, Loop, Memory,
    Param, ParamId, ReduceOp, Tile, TileId, TileOp,
};
pub use program::{
    BATCH, Buffer, BufferId, BufferKind, BufferRef, Call, CheckSite, Gemm, KernelId, Launch, Program, Step,
};
