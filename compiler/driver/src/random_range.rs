//! What random whole numbers may be: below the size of every table that they index.
//!
//! `tokens` of `embed[tokens]` with `embed: f32[256, D]` are drawn below 256. The walk follows an input through what only moves or converts its entries, into the bodies of
//! recurrences and repeats.

use tensc_ir::{Graph, Op, ValueId};

/// For each input of a graph, the size of the smallest table that its entries index; `None` where they index none.
pub(crate) fn ranges(graph: &Graph) -> Vec<Option<i64>> {
    let mut values = vec![None; graph.values.len()];
    // Later nodes use earlier ones: backwards, every use is known before its definition.
    for node in graph.nodes.iter().rev() {
        match &node.op {
            Op::Gather { batch } => {
                if let [table, indices, ..] = node.operands.as_slice() {
                    let size = graph.values.get(index(*table)).and_then(|value| value.ty.shape.get(*batch));
                    narrow(&mut values, *indices, size.and_then(tensc_ir::Dim::as_constant));
                }
            }
            Op::Rec(rec) => {
                let inner = ranges(&rec.body);
                let states: usize = rec.states.iter().map(|state| state.depth).sum();
                // Body inputs: t, the states' earlier entries, sequences, constants.
                let bodies = inner.iter().skip(1 + states);
                for (operand, range) in node.operands.iter().zip(bodies) {
                    narrow(&mut values, *operand, *range);
                }
            }
            Op::Repeat(repeat) => {
                for (operand, range) in node.operands.iter().zip(ranges(&repeat.body)) {
                    narrow(&mut values, *operand, range);
                }
            }
            Op::Cast(_)
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Shift { .. }
            | Op::Last { .. }
            | Op::Select => {
                let range =
                    node.results.first().and_then(|result| values.get(index(*result)).copied().flatten());
                for operand in &node.operands {
                    narrow(&mut values, *operand, range);
                }
            }
            Op::Input(_)
            | Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Reduce { .. }
            | Op::Cumsum { .. }
            | Op::Contract(_)
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Keep { .. }
            | Op::Draw { .. } => {}
        }
    }
    let mut inputs = vec![None; graph.inputs.len()];
    for node in &graph.nodes {
        if let (Op::Input(number), Some(result)) = (&node.op, node.results.first()) {
            let range = values.get(index(*result)).copied().flatten();
            if let Some(slot) = usize::try_from(*number).ok().and_then(|number| inputs.get_mut(number)) {
                *slot = smaller(*slot, range);
            }
        }
    }
    inputs
}

fn index(value: ValueId) -> usize {
    usize::try_from(value.0).unwrap_or(usize::MAX)
}

fn narrow(values: &mut [Option<i64>], value: ValueId, range: Option<i64>) {
    if let Some(slot) = values.get_mut(index(value)) {
        *slot = smaller(*slot, range);
    }
}

fn smaller(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensc_ir::{Builder, DType, Dim, Input, Role, Type};

    #[test]
    fn tokens_stay_below_the_smallest_table() {
        let mut builder = Builder::new("f");
        let mut input = |name: &str, dtype, shape: &[Dim]| {
            builder.input(Input {
                name: name.into(),
                ty: Type::new(dtype, shape.to_vec()),
                role: Role::Argument,
            })
        };
        let t = Dim::var("T");
        let tokens = input("tokens", DType::I32, std::slice::from_ref(&t));
        let free = input("free", DType::I32, std::slice::from_ref(&t));
        let large = input("large", DType::F32, &[Dim::constant(256), Dim::constant(4)]);
        let small = input("small", DType::F32, &[Dim::constant(16)]);
        let flipped = builder.push(Op::Flip { axis: 0 }, &[tokens], None).unwrap();
        let a = builder.push(Op::Gather { batch: 0 }, &[large, tokens], None).unwrap();
        let b = builder.push(Op::Gather { batch: 0 }, &[small, flipped], None).unwrap();
        let graph = builder.finish(vec![("a".into(), a), ("b".into(), b), ("c".into(), free)]);
        assert_eq!(ranges(&graph), [Some(16), None, None, None]);
    }
}
