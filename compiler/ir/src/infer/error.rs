//! What can be wrong with an op's operands.

use crate::{DType, Dim, Type};

/// Operands that an op does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// Wrong number of operands.
    #[error("`{op}` takes {expected} operands, found {found}")]
    Arity {
        /// The op's word.
        op: &'static str,
        /// How many, in words.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// An element type that the op is not defined on.
    #[error("`{op}` takes {expected} as operand {operand}, found {found}")]
    DType {
        /// The op's word.
        op: &'static str,
        /// Which operand, from 0.
        operand: usize,
        /// What it is.
        found: Type,
        /// What the op takes.
        expected: &'static str,
    },
    /// Element types that should be equal.
    #[error("`{op}` takes operands of one element type, found {left} and {right}")]
    DTypesDiffer {
        /// The op's word.
        op: &'static str,
        /// One.
        left: DType,
        /// The other.
        right: DType,
    },
    /// Shapes that do not broadcast.
    #[error("`{op}` cannot broadcast {left} with {right}: {left_size} against {right_size}")]
    Broadcast {
        /// The op's word.
        op: &'static str,
        /// One type.
        left: Box<Type>,
        /// The other.
        right: Box<Type>,
        /// Size of the axis that differs.
        left_size: Dim,
        /// Its size in the other.
        right_size: Dim,
    },
    /// An axis that is not there.
    #[error("`{op}` along axis {axis} of {found}, which has {} axes", found.rank())]
    Axis {
        /// The op's word.
        op: &'static str,
        /// Which axis.
        axis: usize,
        /// The operand.
        found: Type,
    },
    /// Sizes that should be equal.
    #[error("`{op}`: {what} should be {expected}, found {found}")]
    Size {
        /// The op's word.
        op: &'static str,
        /// Which size.
        what: String,
        /// What it should be.
        expected: Dim,
        /// What it is.
        found: Dim,
    },
    /// A negative or fractional size.
    #[error("`{op}`: {dim} is no size")]
    NoSize {
        /// The op's word.
        op: &'static str,
        /// The size.
        dim: Dim,
    },
    /// A reshape that changes the number of entries.
    #[error("`reshape` from {from} to {to}: the numbers of entries differ")]
    Entries {
        /// The operand.
        from: Type,
        /// The result asked for.
        to: Type,
    },
    /// A slice that lies outside.
    #[error("`slice` {start} .. {end} of an axis of size {size}")]
    Range {
        /// First entry.
        start: Dim,
        /// One past the last.
        end: Dim,
        /// The axis's size.
        size: Dim,
    },
    /// No such conversion.
    #[error("{from} cannot be converted to {to}")]
    NoCast {
        /// From.
        from: DType,
        /// To.
        to: DType,
    },
    /// A value that crosses the edge of a body with another type.
    #[error("`{op}`: {what} should be {expected}, found {found}")]
    Region {
        /// `rec` or `repeat`.
        op: &'static str,
        /// Which value.
        what: String,
        /// What it should be.
        expected: Type,
        /// What it is.
        found: Type,
    },
    /// An op whose own description makes no sense.
    #[error("`{op}`: {what}")]
    Malformed {
        /// The op's word.
        op: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl TypeError {
    pub(crate) fn malformed(op: &'static str, what: impl Into<String>) -> Self {
        Self::Malformed { op, what: what.into() }
    }

    pub(super) fn dtype(op: &'static str, operand: usize, found: &Type, expected: &'static str) -> Self {
        Self::DType { op, operand, found: found.clone(), expected }
    }
}
