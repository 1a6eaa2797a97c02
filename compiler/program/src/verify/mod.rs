//! What targets may rely on: a [`Verified`] program has no other constructor than [`verify`].

mod kernel;
mod steps;

use crate::program::Program;
use crate::rules::TileError;
use std::ops::Deref;

/// A program whose ids, types, scopes and directions are right.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<P>(P);

impl<P> Verified<P> {
    /// The program, to be changed.
    pub fn into_inner(self) -> P {
        self.0
    }
}

impl<P> Deref for Verified<P> {
    type Target = P;
    fn deref(&self) -> &P {
        &self.0
    }
}

/// What is wrong with a program, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in {place}: {problem}")]
pub struct VerifyError {
    /// Kernel or step, and the instruction in text form.
    pub place: String,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An instruction or declaration of a kernel.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// A step that names something that is not there.
    #[error("there is no {what} of number {number}")]
    Unknown {
        /// Buffer, kernel or check.
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// A launch whose lists don't fit the kernel.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// Arguments or sizes.
        what: &'static str,
        /// What the kernel declares.
        expected: usize,
        /// What the launch gives.
        found: usize,
    },
    /// A buffer of another element type.
    #[error("`{buffer}` holds {found}, expected {expected}")]
    Element {
        /// The buffer's name.
        buffer: String,
        /// What would be right.
        expected: String,
        /// What it holds.
        found: &'static str,
    },
    /// A buffer that this part of the program must not touch so.
    #[error("`{buffer}` must not be {verb} in {part}")]
    Access {
        /// The buffer's name.
        buffer: String,
        /// read or written.
        verb: &'static str,
        /// prepare or main.
        part: &'static str,
    },
    /// A size expression that mentions a name that has no value there.
    #[error("`{name}` has no value here")]
    Name {
        /// The name.
        name: String,
    },
    /// A loop variable used twice.
    #[error("the loop variable `{name}` is used by two loops")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// Checks everything that does not depend on run-time sizes.
///
/// # Errors
/// The first mistake, with its place.
pub fn verify(program: Program) -> Result<Verified<Program>, VerifyError> {
    for (n, kernel) in program.kernels.iter().enumerate() {
        kernel::verify(kernel, program.checks.len(), &format!("k{n} {:?}", kernel.name))?;
    }
    steps::verify(&program)?;
    Ok(Verified(program))
}
