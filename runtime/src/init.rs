//! Initial weights: the init graph of a model, one array at a time, so that no more than the weights themselves are in memory.
//!
//! An array that is one draw, which nearly all of a large model is, is drawn straight into its bytes, over all threads: the numbers are keyed by their place, so that
//! nobody can tell. Any other is what the reference interpreter makes of the part of the graph that it needs.

use crate::Cancel;
use crate::execute::ExecError;
use crate::tensor::{AlignedBytes, ConvertError, Tensor, byte_len, from_array};
use crate::weights::Weights;
use indexmap::IndexMap;
use tensc_ir::random::Stream;
use tensc_ir::{
    DType, Distribution, EvalErrorKind, Graph, Op, Options, Sizes, ValueId, Verified, interpret, prune,
    verify,
};

/// The arrays that an init graph makes of a seed, each under the name of its output: a parameter's path.
///
/// # Errors
/// What the interpreter says; Ctrl-C.
pub fn init(graph: &Verified<Graph>, seed: u64, cancel: &Cancel) -> Result<Weights, ExecError> {
    let mut tensors = IndexMap::with_capacity(graph.outputs.len());
    for (path, value) in &graph.outputs {
        if cancel.requested() {
            return Err(ExecError::Cancelled);
        }
        let tensor = match drawn(graph, *value, seed)? {
            Some(tensor) => tensor,
            None => interpreted(graph, path, *value, seed, cancel)?,
        };
        tensors.insert(path.clone(), tensor);
    }
    Ok(Weights::new(tensors))
}

/// Entries that one thread draws at a time.
const PIECE: usize = 1 << 16;

/// The array, where it is one draw of uniform or normal numbers.
fn drawn(graph: &Graph, value: ValueId, seed: u64) -> Result<Option<Tensor>, ExecError> {
    let index = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let Some(value) = graph.values.get(index(value.0)) else { return Ok(None) };
    let Some(Op::Draw { distribution, key: (path, number), shape }) =
        graph.nodes.get(index(value.node.0)).map(|node| &node.op)
    else {
        return Ok(None);
    };
    let entry: fn(Stream, u64, f64, f64) -> f64 = match distribution {
        Distribution::Uniform(..) => |stream, n, low, high| low + (high - low) * stream.uniform01(n),
        Distribution::Normal(..) => |stream, n, mean, deviation| mean + deviation * stream.normal(n),
        Distribution::Xavier(_) | Distribution::Orthogonal(_) => return Ok(None),
    };
    let (Distribution::Uniform(a, b) | Distribution::Normal(a, b)) = *distribution else { return Ok(None) };
    let sizes = shape.iter().map(|dim| dim.as_constant().and_then(|n| usize::try_from(n).ok()));
    let (Some(shape), DType::F32) = (sizes.collect::<Option<Vec<_>>>(), value.ty.dtype) else {
        return Ok(None);
    };
    let Some(len) = byte_len(DType::F32, &shape) else { return Ok(None) };
    let mut bytes = AlignedBytes::zeroed(len, &format!("`{path}`"))?;
    let stream = Stream::new(seed, path, *number);
    let fill = |first: u64, piece: &mut [u8]| {
        for (n, slot) in (first..).zip(piece.chunks_exact_mut(4)) {
            slot.copy_from_slice(&(entry(stream, n, a, b) as f32).to_ne_bytes());
        }
    };
    let pieces = (0_u64..).step_by(PIECE).zip(bytes.as_mut_slice().chunks_mut(4 * PIECE));
    if len <= 4 * PIECE {
        pieces.for_each(|(first, piece)| fill(first, piece));
    } else {
        let pieces = std::sync::Mutex::new(pieces);
        let next = || pieces.lock().ok().and_then(|mut pieces| pieces.next());
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((first, piece)) = next() {
                        fill(first, piece);
                    }
                });
            }
        });
    }
    Ok(Tensor::from_owned(DType::F32, shape, bytes))
}

/// The array by the interpreter, which runs only what it needs.
fn interpreted(
    graph: &Graph,
    path: &str,
    value: ValueId,
    seed: u64,
    cancel: &Cancel,
) -> Result<Tensor, ExecError> {
    let alone = |graph: Graph| {
        verify(graph).map_err(|error| ExecError::Internal(format!("the init graph of `{path}`: {error}")))
    };
    let whole = alone(Graph { outputs: vec![(path.to_owned(), value)], ..graph.clone() })?;
    let needed = alone(prune(&whole))?;
    let cancelled = || cancel.requested();
    let options = Options { seed, cancelled: Some(&cancelled), ..Options::default() };
    let arrays = interpret(&needed, &[], &Sizes::new(), &options).map_err(|error| match error.kind {
        EvalErrorKind::Cancelled => ExecError::Cancelled,
        kind => ExecError::Check { message: kind.to_string(), origin: error.origin },
    })?;
    let array = arrays.first().ok_or_else(|| ExecError::Internal(format!("`{path}` has no value")))?;
    from_array(array).map_err(|error| match error {
        ConvertError::Memory(error) => ExecError::from(error),
        ConvertError::Narrows { .. } => ExecError::Internal(format!("`{path}` lost its type")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensc_ir::{Builder, Dim};

    #[test]
    fn arrays_are_those_of_the_interpreter_to_the_bit() {
        let mut builder = Builder::new("init");
        let mut draw = |path: &str, distribution, shape: &[i64]| {
            let shape = shape.iter().map(|n| Dim::constant(*n)).collect();
            let op = Op::Draw { distribution, key: (path.to_owned(), 0), shape };
            builder.push(op, &[], None).unwrap()
        };
        let large = draw("large", Distribution::Normal(0.5, 0.02), &[3, 50_000]);
        let small = draw("small", Distribution::Uniform(-3.0, 0.0), &[7]);
        let xavier = draw("xavier", Distribution::Xavier(1.0), &[4, 5]);
        let sum = builder.push(Op::Binary(tensc_ir::BinaryOp::Add), &[small, small], None).unwrap();
        let outputs = [("large", large), ("small", small), ("xavier", xavier), ("sum", sum)];
        let graph = builder.finish(outputs.map(|(name, value)| (name.to_owned(), value)).to_vec());
        let graph = verify(graph).unwrap();
        let weights = init(&graph, 9, &Cancel::new()).unwrap();
        let options = Options { seed: 9, ..Options::default() };
        let expected = interpret(&graph, &[], &Sizes::new(), &options).unwrap();
        for ((name, _), array) in outputs.iter().zip(&expected) {
            let expected = from_array(array).unwrap();
            assert_eq!(weights.get(name).unwrap().shape(), expected.shape(), "{name}");
            assert_eq!(weights.get(name).unwrap().bytes(), expected.bytes(), "{name}");
        }
        let cancel = Cancel::new();
        cancel.request();
        assert_eq!(init(&graph, 9, &cancel).unwrap_err(), ExecError::Cancelled);
    }
}
