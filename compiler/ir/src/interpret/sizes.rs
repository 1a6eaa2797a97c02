//! Run-time sizes from the inputs' shapes, and inputs against their types.

use super::{EvalError, EvalErrorKind};
use crate::array::Array;
use crate::graph::Graph;
use crate::{Dim, Sizes, Type};
use std::sync::Arc;

/// The sizes that the inputs' shapes give: of every axis whose type is a bare name. Axes that are not are left to [`super::interpret`].
///
/// # Errors
/// Two inputs that give one name two values, or a wrong number of inputs or axes.
pub fn bind_sizes(graph: &Graph, inputs: &[Array]) -> Result<Sizes, EvalError> {
    check_count(graph, inputs)?;
    let mut sizes = Sizes::new();
    for (input, array) in graph.inputs.iter().zip(inputs) {
        if input.ty.rank() != array.shape().len() {
            return Err(wrong(&input.name, input.ty.to_string(), array));
        }
        for (dim, size) in input.ty.shape.iter().zip(array.shape()) {
            let Some(name) = dim.as_var() else { continue };
            let size = i64::try_from(*size).unwrap_or(i64::MAX);
            if *sizes.entry(Arc::from(name)).or_insert(size) != size {
                let expected = show(&input.ty, &sizes);
                return Err(wrong(&input.name, expected, array));
            }
        }
    }
    Ok(sizes)
}

pub(super) fn check_inputs(graph: &Graph, inputs: &[Array], sizes: &Sizes) -> Result<(), EvalError> {
    check_count(graph, inputs)?;
    for (input, array) in graph.inputs.iter().zip(inputs) {
        let mut fits = input.ty.dtype == array.dtype() && input.ty.rank() == array.shape().len();
        for (dim, size) in input.ty.shape.iter().zip(array.shape()) {
            fits &= usize::try_from(evaluated(dim, sizes)?) == Ok(*size);
        }
        if !fits {
            return Err(wrong(&input.name, show(&input.ty, sizes), array));
        }
    }
    Ok(())
}

fn check_count(graph: &Graph, inputs: &[Array]) -> Result<(), EvalError> {
    if graph.inputs.len() == inputs.len() {
        return Ok(());
    }
    Err(EvalErrorKind::Inputs { expected: graph.inputs.len(), found: inputs.len() }.at(None))
}

fn evaluated(dim: &Dim, sizes: &Sizes) -> Result<i64, EvalError> {
    dim.eval(sizes).map_err(|error| EvalErrorKind::Size(error).at(None))
}

fn wrong(name: &str, expected: String, array: &Array) -> EvalError {
    let shape = array.shape().iter().map(|n| Dim::constant(i64::try_from(*n).unwrap_or(i64::MAX))).collect();
    let found = Type::new(array.dtype(), shape).to_string();
    EvalErrorKind::Input { name: name.to_owned(), expected, found }.at(None)
}

/// The type with the values of its names, where they are known: `f32[T, 8] with T = 5`.
fn show(ty: &Type, sizes: &Sizes) -> String {
    let names = ty.shape.iter().flat_map(Dim::names);
    let mut values: Vec<String> =
        names.filter_map(|name| sizes.get(&name).map(|value| format!("{name} = {value}"))).collect();
    values.dedup();
    if values.is_empty() { ty.to_string() } else { format!("{ty} with {}", values.join(", ")) }
}
