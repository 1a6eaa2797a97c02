//! The reference device: every sequence of a call through the f64 interpreter, alone and whole.
//!
//! It takes the same calls as [`Session`](crate::Session) and gives results of the same types, so that the two can be compared entry by entry. A graph that was made to carry
//! state ([`tensc_ir::stream()`]) has it carried from call to call here as there.

use crate::Cancel;
use crate::execute::{Call, ExecError, Outcome, State};
use crate::tensor::{ConvertError, Tensor, from_array, piece, stack, to_array};
use crate::weights::Weights;
use std::sync::Arc;
use tensc_ir::dim::POSITION;
use tensc_ir::{Array, EvalError, EvalErrorKind, Graph, Options, Role, Verified, interpret};

/// A graph with its weights.
pub struct Reference {
    graph: Arc<Verified<Graph>>,
    /// Inputs that are weights, as arrays.
    weights: Vec<Option<Array>>,
    time: Option<String>,
    seed: u64,
    cancel: Cancel,
}

impl Reference {
    /// Takes the weights that the graph names; `time` is the size that counts a stream's entries.
    ///
    /// # Errors
    /// A weight that is missing or of another shape.
    pub fn new(
        graph: Arc<Verified<Graph>>,
        weights: &Weights,
        time: Option<&str>,
        seed: u64,
        cancel: Cancel,
    ) -> Result<Self, ExecError> {
        let of = |input: &tensc_ir::Input| -> Result<Option<Array>, ExecError> {
            let (Role::Param { path } | Role::Buffer { path }) = &input.role else { return Ok(None) };
            let sizes =
                input.ty.shape.iter().map(|dim| dim.as_constant().and_then(|n| usize::try_from(n).ok()));
            let shape: Option<Vec<usize>> = sizes.collect();
            let shape = shape.ok_or_else(|| internal("a weight has a size that is not known in advance"))?;
            Ok(to_array(&weights.stacked(path, input.ty.dtype, &shape)?))
        };
        let weights = graph.inputs.iter().map(of).collect::<Result<_, _>>()?;
        Ok(Self { graph, weights, time: time.map(str::to_owned), seed, cancel })
    }

    /// Runs a call, one sequence after the other.
    ///
    /// # Errors
    /// A failed check, arrays or sizes that do not fit, Ctrl-C.
    pub fn run(&self, call: &Call<'_>) -> Result<Outcome, ExecError> {
        let position = call.state.map_or(0, |state| state.position);
        let mut sizes = call.sizes.clone();
        sizes.insert(POSITION.into(), position);
        let states = self.graph.inputs.iter().filter(|input| input.role == Role::State).count();
        let results = self.graph.outputs.len().saturating_sub(states);
        let mut columns: Vec<Vec<Tensor>> = vec![Vec::new(); self.graph.outputs.len()];
        for sequence in 0..call.batch {
            let inputs = self.inputs(call, sequence, &sizes)?;
            let cancelled = || self.cancel.requested();
            let options = Options {
                seed: self.seed,
                sequence: sequence as u64,
                cancelled: Some(&cancelled),
                ..Options::default()
            };
            let outputs = interpret(&self.graph, &inputs, &sizes, &options)
                .map_err(|error| failed(error, call.batch, sequence))?;
            for (column, output) in columns.iter_mut().zip(&outputs) {
                column.push(from_array(output).map_err(no_memory)?);
            }
            (call.progress)((sequence + 1) as f64 / call.batch.max(1) as f64);
        }
        let mut stacked = Vec::new();
        for (column, (_, value)) in columns.iter().zip(&self.graph.outputs) {
            stacked.push(match stack(column)? {
                Some(tensor) => tensor,
                None => self.none(*value, &sizes)?,
            });
        }
        let state = stacked.split_off(results);
        let length = self.time.as_ref().and_then(|time| call.sizes.get(time.as_str()).copied()).unwrap_or(0);
        Ok(Outcome { results: stacked, state: State { position: position + length, tensors: state } })
    }

    /// A result of no sequences.
    fn none(&self, value: tensc_ir::ValueId, sizes: &tensc_ir::Sizes) -> Result<Tensor, ExecError> {
        let value = usize::try_from(value.0).ok().and_then(|n| self.graph.values.get(n));
        let ty = &value.ok_or_else(|| internal("an output names no value"))?.ty;
        let mut shape = vec![0];
        for dim in &ty.shape {
            shape.push(usize::try_from(dim.eval(sizes)?).unwrap_or(0));
        }
        Ok(Tensor::zeros(ty.dtype, shape, "a result")?)
    }

    fn inputs(
        &self,
        call: &Call<'_>,
        sequence: usize,
        sizes: &tensc_ir::Sizes,
    ) -> Result<Vec<Array>, ExecError> {
        let mut arguments = call.arguments.iter();
        let mut state = 0;
        let mut inputs = Vec::new();
        for (input, weight) in self.graph.inputs.iter().zip(&self.weights) {
            if let Some(weight) = weight {
                inputs.push(weight.clone());
                continue;
            }
            let (tensor, batched) = match input.role {
                Role::Argument => {
                    let argument = arguments.next();
                    let (tensor, batched) = argument.ok_or_else(|| internal("an argument is missing"))?;
                    (Some(tensor), *batched)
                }
                Role::State => {
                    let given = call.state.and_then(|given| given.tensors.get(state));
                    state += 1;
                    (given, true)
                }
                Role::Param { .. } | Role::Buffer { .. } | Role::Local => {
                    return Err(internal("an input is neither argument, weight nor state"));
                }
            };
            let Some(tensor) = tensor else {
                let shape =
                    input.ty.shape.iter().map(|dim| dim.eval(sizes).map(|n| usize::try_from(n).unwrap_or(0)));
                inputs.push(Array::zeros(input.ty.dtype, &shape.collect::<Result<Vec<_>, _>>()?));
                continue;
            };
            let one = if batched { sequence_of(tensor, sequence)? } else { tensor.clone() };
            inputs.push(to_array(&one).ok_or_else(|| internal("an argument lost its shape"))?);
        }
        Ok(inputs)
    }
}

fn sequence_of(tensor: &Tensor, sequence: usize) -> Result<Tensor, ExecError> {
    let part = piece(tensor, 0, sequence, 1)?;
    let part = part.and_then(|part| part.reshaped(part.shape().get(1..)?.to_vec()));
    part.ok_or_else(|| internal("an array has fewer sequences than the call"))
}

fn internal(text: &str) -> ExecError {
    ExecError::Internal(text.to_owned())
}

fn no_memory(error: ConvertError) -> ExecError {
    match error {
        ConvertError::Memory(error) => error.into(),
        ConvertError::Narrows { .. } => internal("a result lost its type"),
    }
}

/// The interpreter's error, with the sequence where there are several.
fn failed(error: EvalError, batch: usize, sequence: usize) -> ExecError {
    let of = if batch > 1 { format!(" of sequence {sequence}") } else { String::new() };
    let message = match error.kind {
        EvalErrorKind::Cancelled => return ExecError::Cancelled,
        EvalErrorKind::Require(message) => return ExecError::Require(message),
        EvalErrorKind::Size(error) => return error.into(),
        EvalErrorKind::Index { index, position, size } => {
            let place: Vec<String> = position.iter().map(ToString::to_string).collect();
            format!("index {index} at [{}]{of} is out of range for an axis of size {size}", place.join(", "))
        }
        EvalErrorKind::Slice { start, end, size } => {
            format!("the slice {start}..{end}{of} is out of range for an axis of size {size}")
        }
        EvalErrorKind::Negative { .. }
        | EvalErrorKind::Mismatch { .. }
        | EvalErrorKind::Inputs { .. }
        | EvalErrorKind::Input { .. }
        | EvalErrorKind::TooLarge(_)
        | EvalErrorKind::Unverified(_) => error.kind.to_string(),
    };
    ExecError::Check { message, origin: error.origin }
}
