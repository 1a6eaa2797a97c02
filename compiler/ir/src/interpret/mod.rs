//! The reference interpreter: slow, complete, in f64. It **is** the meaning of a graph; everything else is tested against it.
//!
//! Reals are f64, complex numbers pairs of f64, integers wrap at their type's width. Rounded to their element type are constants, the results of casts and, unless
//! switched off, the operands of recurrences, because that is how a program stores them. Inputs are taken as they are given.

mod contract;
mod draw;
pub(crate) mod elementwise;
mod error;
mod frame;
mod movement;
mod node;
mod reduce;
mod region;
mod sequence;
mod sizes;
mod strides;

pub use error::{EvalError, EvalErrorKind};
pub use sizes::bind_sizes;

use crate::Sizes;
use crate::array::Array;
use crate::dim::POSITION;
use crate::graph::Graph;
use crate::verify::Verified;
use frame::{Context, Frame};
use std::rc::Rc;
use std::sync::Arc;

/// How to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Seed of masks and draws.
    pub seed: u64,
    /// Which sequence of a batch it is: each has masks of its own.
    pub sequence: u64,
    /// Whether operands of recurrences are rounded to their element type.
    pub round_recurrences: bool,
    /// Asked between steps; true stops the run.
    pub cancelled: Option<&'a dyn Fn() -> bool>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { seed: 0, sequence: 0, round_recurrences: true, cancelled: None }
    }
}

/// Runs a graph: its outputs, in order, for these inputs and run-time sizes. The position is 0 where `sizes` does not give it.
///
/// # Errors
/// A condition on sizes that fails, inputs of other types, an index out of range, or a run stopped from outside.
pub fn interpret(
    graph: &Verified<Graph>,
    inputs: &[Array],
    sizes: &Sizes,
    options: &Options<'_>,
) -> Result<Vec<Array>, EvalError> {
    let mut sizes = sizes.clone();
    sizes.entry(Arc::from(POSITION)).or_insert(0);
    let context = Context { sizes: &sizes, options };
    check_requires(graph, &sizes)?;
    sizes::check_inputs(graph, inputs, &sizes)?;
    let inputs = inputs.iter().map(|array| Rc::new(array.clone())).collect();
    let mut frame = Frame::new(graph, &[], 0);
    let outputs = frame.run(&context, inputs)?;
    drop(frame);
    Ok(outputs.into_iter().map(Rc::unwrap_or_clone).collect())
}

/// Checks a graph's conditions on run-time sizes.
///
/// # Errors
/// The first condition that fails, with its message, or a size without a value.
pub fn check_requires(graph: &Graph, sizes: &Sizes) -> Result<(), EvalError> {
    for (require, message) in &graph.requires {
        let failed = require.failure(message, sizes).map_err(|error| EvalErrorKind::Size(error).at(None))?;
        if let Some(failed) = failed {
            return Err(EvalErrorKind::Require(failed).at(None));
        }
    }
    Ok(())
}
