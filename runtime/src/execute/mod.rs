//! Executes a [`Program`](tensc_program::Program) whose kernels a target has compiled.
//!
//! In reading order:

mod amount; // size expressions with all but a few names filled in
mod memory; // which scratch buffer lies where
mod plan; // a program for actual sizes
mod pool; // threads
mod profile; // where the time goes
mod session; // weights, prepare, calls
mod steps; // runs a plan
mod strict; // products in one fixed order
mod tiles; // how a call is cut into pieces

pub use pool::Pool;
pub use profile::StepProfile;
pub use session::{Call, Outcome, Session, State};
pub use strict::Strict;
pub use tiles::TILE_ROWS;

/// What running a plan elsewhere needs.
pub(crate) mod on_device {
    pub(crate) use super::amount::Amount;
    pub(crate) use super::plan::{POSITION_SLOT, Plan, Planned, PlannedLaunch, Pointer};
    pub(crate) use super::steps::Base;
}

use crate::tensor::OutOfMemory;
use crate::weights::StackError;
use tensc_ir::{DimError, Origin};

/// Why a run ended without results.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExecError {
    /// A check in the program failed, such as an index out of range.
    #[error("{message}")]
    Check {
        /// For the user.
        message: String,
        /// Where in the source.
        origin: Option<Origin>,
    },
    /// A condition on run-time sizes does not hold.
    #[error("{0}")]
    Require(String),
    /// A size has no value.
    #[error(transparent)]
    Size(#[from] DimError),
    /// Not enough memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A weight that the program reads is not there as it wants it.
    #[error(transparent)]
    Weight(#[from] StackError),
    /// An argument's array does not fit the program.
    #[error("`{name}` is {found}, and the program takes {expected}")]
    Argument {
        /// Which argument.
        name: String,
        /// What the program takes.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A GPU that could not do it.
    #[error(transparent)]
    Device(#[from] crate::device::DeviceFailure),
    /// Ctrl-C.
    #[error("interrupted")]
    Cancelled,
    /// The program contradicts itself; a mistake in the compiler.
    #[error("internal error: {0}")]
    Internal(String),
}
