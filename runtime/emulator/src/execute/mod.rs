//! Runs a decoded kernel over a grid.
//!
//! In: a [`crate::code::Program`], memory, the launch's shape. Out: changed memory and counters, or the first fault.
//! [`grid`] spreads blocks over cores, [`block`] interleaves the warps of one, [`warp`] keeps the groups of lanes that
//! run together, [`step`] executes one instruction; the other modules are the instructions themselves.

mod access;
mod barrier;
mod block;
mod bulk;
mod copies;
pub(crate) mod grid;
mod matrix;
mod mbarrier;
mod operand;
mod random;
mod step;
mod synchronize;
mod warp;
mod wgmma;

pub(crate) use block::Launch;
