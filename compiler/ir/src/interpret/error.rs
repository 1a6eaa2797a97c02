//! What can go wrong while a graph runs.

use crate::dim::DimError;
use crate::graph::Origin;

/// A run that found no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct EvalError {
    /// What happened.
    pub kind: EvalErrorKind,
    /// Where in the source, as far as the node knows.
    pub origin: Option<Origin>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalErrorKind {
    /// A gather beyond its table.
    #[error("index {index} at {position:?} is outside 0 .. {size}")]
    Index {
        /// The index.
        index: i64,
        /// Its coordinates among the indices.
        position: Vec<usize>,
        /// Entries of the table.
        size: usize,
    },
    /// A slice beyond its axis.
    #[error("{start} .. {end} is outside 0 .. {size}")]
    Slice {
        /// First entry.
        start: i64,
        /// One past the last.
        end: i64,
        /// Entries of the axis.
        size: usize,
    },
    /// A size without a value.
    #[error(transparent)]
    Size(#[from] DimError),
    /// A size below zero.
    #[error("the size `{dim}` is {value}")]
    Negative {
        /// The expression.
        dim: String,
        /// Its value.
        value: i64,
    },
    /// Sizes that the types take for equal and that are not, for these run-time sizes.
    #[error("{what}: {expected} expected, found {found}")]
    Mismatch {
        /// Which size.
        what: String,
        /// What it should be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// A condition on run-time sizes; the message is the graph's.
    #[error("{0}")]
    Require(String),
    /// Too few or too many inputs.
    #[error("{expected} inputs expected, found {found}")]
    Inputs {
        /// How many the graph has.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// An input of another type.
    #[error("the input `{name}` should be {expected}, found {found}")]
    Input {
        /// Its name.
        name: String,
        /// Type with sizes.
        expected: String,
        /// Type that came.
        found: String,
    },
    /// More entries than memory can address.
    #[error("a tensor of shape {0:?} is too large")]
    TooLarge(Vec<usize>),
    /// Stopped from outside.
    #[error("cancelled")]
    Cancelled,
    /// A node that the verifier does not let through.
    #[error("`{0}` got operands that it does not take")]
    Unverified(&'static str),
}

impl EvalErrorKind {
    pub(super) fn at(self, origin: Option<Origin>) -> EvalError {
        EvalError { kind: self, origin }
    }
}
