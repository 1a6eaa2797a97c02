//! `--stream N`: a sequence fed in pieces, as a stream would bring it, with the state carried from call to call.

use crate::machine::Machine;
use tensc_ir::{Dim, Type};
use tensc_runtime::tensor::{concat, piece};
use tensc_runtime::{Bound, Call, ExecError, State, Tensor};

/// Where time is in arguments and results.
pub(crate) struct Streamed {
    time: String,
    length: usize,
    size: usize,
    /// The time axis of each argument, without batch.
    arguments: Vec<Option<usize>>,
    /// The time axis of each result, with batch.
    results: Vec<Option<usize>>,
}

impl Streamed {
    pub(crate) fn new<'a>(
        time: &str,
        arguments: impl Iterator<Item = &'a Type>,
        results: impl Iterator<Item = &'a Type>,
        bound: &Bound,
        size: usize,
    ) -> Self {
        let axis = |ty: &Type| ty.shape.iter().position(|dim: &Dim| dim.as_var() == Some(time));
        let length = bound.sizes.get(time).copied().unwrap_or(0);
        Self {
            time: time.to_owned(),
            length: usize::try_from(length).unwrap_or(0),
            size,
            arguments: arguments.map(axis).collect(),
            results: results.map(|ty| axis(ty).map(|axis| axis + 1)).collect(),
        }
    }

    /// First entry and number of entries of each piece; one empty piece of an empty sequence.
    fn pieces(&self) -> impl Iterator<Item = (usize, usize)> {
        let count = self.length.div_ceil(self.size).max(1);
        (0..count).map(|n| (n * self.size, self.size.min(self.length - n * self.size)))
    }
}

/// Runs all pieces. Results along time are put together; of others the last piece's stands.
pub(crate) fn feed(
    stream: &Streamed,
    bound: &Bound,
    machine: &mut Machine,
    progress: &dyn Fn(f64),
) -> Result<Vec<Tensor>, ExecError> {
    let internal = |text: &str| ExecError::Internal(text.to_owned());
    let mut state: Option<State> = None;
    let mut parts: Vec<Vec<Tensor>> = vec![Vec::new(); stream.results.len()];
    for (start, len) in stream.pieces() {
        let mut arguments = Vec::new();
        for ((tensor, batched), axis) in bound.arguments.iter().zip(&stream.arguments) {
            let part = match axis {
                Some(axis) => piece(tensor, axis + usize::from(*batched), start, len)?,
                None => Some(tensor.clone()),
            };
            arguments.push((part.ok_or_else(|| internal("an input is shorter than its size"))?, *batched));
        }
        let mut sizes = bound.sizes.clone();
        sizes.insert(stream.time.as_str().into(), i64::try_from(len).unwrap_or(i64::MAX));
        let call = Call {
            arguments: &arguments,
            batch: bound.batch.unwrap_or(1),
            sizes: &sizes,
            state: state.as_ref(),
            progress: &|_| (),
        };
        let outcome = machine.run(&call)?;
        for ((column, tensor), axis) in parts.iter_mut().zip(outcome.results).zip(&stream.results) {
            if axis.is_none() {
                column.clear();
            }
            column.push(tensor);
        }
        state = Some(outcome.state);
        progress((start + len) as f64 / stream.length.max(1) as f64);
    }
    let mut results = Vec::new();
    for (column, axis) in parts.iter().zip(&stream.results) {
        let whole = match axis {
            Some(axis) => concat(column, *axis)?,
            None => column.last().cloned(),
        };
        results.push(whole.ok_or_else(|| internal("pieces of a result do not fit"))?);
    }
    Ok(results)
}
