//! Initial weights: the init graph of a model run by the reference interpreter.

use crate::Cancel;
use crate::execute::ExecError;
use crate::tensor::{ConvertError, from_array};
use crate::weights::Weights;
use indexmap::IndexMap;
use tensc_ir::{EvalErrorKind, Graph, Options, Sizes, Verified, interpret};

/// The arrays that an init graph makes of a seed, each under the name of its output: a parameter's path.
///
/// # Errors
/// What the interpreter says; Ctrl-C.
pub fn init(graph: &Verified<Graph>, seed: u64, cancel: &Cancel) -> Result<Weights, ExecError> {
    let cancelled = || cancel.requested();
    let options = Options { seed, cancelled: Some(&cancelled), ..Options::default() };
    let arrays = interpret(graph, &[], &Sizes::new(), &options).map_err(|error| match error.kind {
        EvalErrorKind::Cancelled => ExecError::Cancelled,
        kind => ExecError::Check { message: kind.to_string(), origin: error.origin },
    })?;
    let mut tensors = IndexMap::with_capacity(arrays.len());
    for ((path, _), array) in graph.outputs.iter().zip(arrays) {
        let tensor = from_array(&array).map_err(|error| match error {
            ConvertError::Memory(error) => ExecError::from(error),
            ConvertError::Narrows { .. } => ExecError::Internal(format!("`{path}` lost its type")),
        })?;
        tensors.insert(path.clone(), tensor);
    }
    Ok(Weights::new(tensors))
}
