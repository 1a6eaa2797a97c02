//! Movement: taking the last entry, slices and transposes.
//!
//! `last` and slices of one entry move towards the inputs, through everything that treats entries of that axis alone, so that work on entries nobody reads is dead (`next` needs the logits of
//! one token). They only ever move inward, so they end.

use super::Equality::Exact;
use super::What::Function;
use super::{Firing, Row, join, nested};
use crate::encode::add;
use crate::facts::{Graph, projection};
use egg::Id;
use tensc_ir::{Constant, DType, Op, ReduceKind, Type, UnaryOp};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // last (f x) == f (last x) for f that works entry by entry.
    Row { name: "last-moves-inward", law: "last(f(x)) = f(last(x)), f entry by entry", equality: Exact, what: Function(last_inward),
        fires: LAST, stops: LAST_OF_SUM },
    // transpose (transpose x) == x.
    Row { name: "transpose-twice", law: "transpose(transpose x) = x", equality: Exact, what: Function(transpose_twice),
        fires: TRANSPOSES, stops: "" },
    // reshape (reshape x) == reshape x.
    Row { name: "reshape-twice", law: "reshape(reshape x) = reshape x", equality: Exact, what: Function(reshape_twice),
        fires: RESHAPES, stops: "" },
];

/// The last row of a normalised projection.
const LAST: &str = r#"graph last {
  input 0 x : f32[T, 3] argument
  input 1 w : f32[3, 4] param "w"
  input 2 s : f32[4] param "s"
  v0 = input 0 : f32[T, 3]
  v1 = input 1 : f32[3, 4]
  v2 = input 2 : f32[4]
  v3 = contract "ab,bc->ac" v0, v1 : f32[T, 4]
  v4 = reduce max axes [1] v3 : f32[T]
  v5 = reshape [T, 1] v4 : f32[T, 1]
  v6 = sub v3, v2 : f32[T, 4]
  v7 = exp v6 : f32[T, 4]
  v8 = last axis 0 v7 : f32[4]
  v9 = last axis 0 v4 : f32
  output y = v8
  output m = v9
}"#;

/// A running sum mixes entries.
const LAST_OF_SUM: &str = r#"graph last {
  input 0 x : f32[T, 3] argument
  v0 = input 0 : f32[T, 3]
  v1 = cumsum axis 0 v0 : f32[T, 3]
  v2 = last axis 0 v1 : f32[3]
  output y = v2
}"#;

/// Two transposes that undo each other, and two that do not.
const TRANSPOSES: &str = r#"graph transposes {
  input 0 x : f32[T, 3, 2] argument
  v0 = input 0 : f32[T, 3, 2]
  v1 = transpose [0, 2, 1] v0 : f32[T, 2, 3]
  v2 = transpose [0, 2, 1] v1 : f32[T, 3, 2]
  v3 = transpose [1, 0, 2] v1 : f32[2, T, 3]
  output y = v2
  output z = v3
}"#;

/// A reshape and its undoing.
const RESHAPES: &str = r#"graph reshapes {
  input 0 x : f32[T, 6] argument
  v0 = input 0 : f32[T, 6]
  v1 = reshape [T, 3, 2] v0 : f32[T, 3, 2]
  v2 = reshape [T, 6] v1 : f32[T, 6]
  v3 = reshape [T, 2, 3] v1 : f32[T, 2, 3]
  output y = v2
  output z = v3
}"#;

fn transpose_twice(egraph: &mut Graph) -> Vec<Firing> {
    let mut fired = Vec::new();
    for (class, outer, inner, children) in nested(egraph, |op| matches!(op, Op::Transpose { .. })) {
        if let (Op::Transpose { perm: after }, Op::Transpose { perm: before }, [x]) =
            (outer, inner, children.as_slice())
        {
            let perm: Vec<usize> = after.iter().filter_map(|axis| before.get(*axis).copied()).collect();
            let identity = perm.iter().enumerate().all(|(n, axis)| n == *axis);
            let result = if identity { *x } else { add(egraph, &Op::Transpose { perm }, vec![*x]) };
            fired.extend(join(egraph, class, result));
        }
    }
    fired
}

fn reshape_twice(egraph: &mut Graph) -> Vec<Firing> {
    let mut fired = Vec::new();
    for (class, outer, inner, children) in nested(egraph, |op| matches!(op, Op::Reshape { .. })) {
        if let (Op::Reshape { shape }, Op::Reshape { .. }, [x]) = (&outer, inner, children.as_slice()) {
            let same = egraph[*x].data.ty().is_some_and(|ty| ty.shape == *shape);
            let result = if same { *x } else { add(egraph, &outer, vec![*x]) };
            fired.extend(join(egraph, class, result));
        }
    }
    fired
}

fn last_inward(egraph: &mut Graph) -> Vec<Firing> {
    let mut fired = Vec::new();
    for (class, outer, inner, children) in nested(egraph, |op| matches!(op, Op::Last { .. })) {
        if let Op::Last { axis } = outer
            && let Some(result) = last_of(egraph, axis, &inner, &children)
        {
            fired.extend(join(egraph, class, result));
        }
    }
    fired
}

/// `last` along `axis` of `op(children)`, with `last` applied to the children instead.
fn last_of(egraph: &mut Graph, axis: usize, op: &Op, children: &[Id]) -> Option<Id> {
    let types: Vec<Type> = children.iter().map(|id| egraph[*id].data.ty().cloned()).collect::<Option<_>>()?;
    let result = tensc_ir::infer::infer(op, &types).ok()?.first()?.clone();
    // The last entry of an empty axis is 0, and f(0) need not be: see `unless_empty`.
    let never_empty = result.shape.get(axis)?.as_constant().is_some_and(|n| n > 0);
    let last = |egraph: &mut Graph, child: Id, axis: usize| add(egraph, &Op::Last { axis }, vec![child]);
    match op {
        Op::Contract(contraction) if *contraction == projection(types.first()?.rank()) => {
            let [x, w] = children else { return None };
            if axis + 1 == result.rank() {
                return None;
            }
            let rank = types.first()?.rank();
            if rank < 2 {
                return None;
            }
            let row = last(egraph, *x, axis);
            Some(add(egraph, &Op::Contract(projection(rank - 1)), vec![row, *w]))
        }
        Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) => {
            let from_right = result.rank() - axis;
            let mut moved = Vec::with_capacity(children.len());
            for (child, ty) in children.iter().zip(&types) {
                // An operand that does not reach this axis, or is stretched along it, is the same for every entry.
                let child = match ty.rank().checked_sub(from_right) {
                    None => *child,
                    Some(own) if ty.shape.get(own) == result.shape.get(axis) => last(egraph, *child, own),
                    Some(own) => {
                        let mut shape = ty.shape.clone();
                        shape.remove(own);
                        add(egraph, &Op::Reshape { shape }, vec![*child])
                    }
                };
                moved.push(child);
            }
            let moved = add(egraph, op, moved);
            if never_empty || keeps_zero(op) {
                Some(moved)
            } else {
                unless_empty(egraph, &result, axis, moved)
            }
        }
        Op::Reduce { kind, axes } => {
            // The operand's axis that becomes `axis` once the reduced ones are gone.
            let own = (0..types.first()?.rank()).filter(|n| !axes.contains(n)).nth(axis)?;
            let axes = axes.iter().map(|n| if *n > own { n - 1 } else { *n }).collect();
            let child = last(egraph, *children.first()?, own);
            let moved = add(egraph, &Op::Reduce { kind: *kind, axes }, vec![child]);
            let of_zeros_is_zero = *kind == ReduceKind::Sum;
            if never_empty || of_zeros_is_zero {
                Some(moved)
            } else {
                unless_empty(egraph, &result, axis, moved)
            }
        }
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Cumsum { .. }
        | Op::Contract(_)
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Concat { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Conv { .. }
        | Op::Fft { .. }
        | Op::Last { .. }
        | Op::Keep { .. }
        | Op::Draw { .. }
        | Op::Rec(_)
        | Op::Repeat(_) => None,
    }
}

/// `moved`, or 0 where the axis has no entries. Whether it has is asked of data, the last of as many `true`s, so that it keeps its meaning
/// when a sequence arrives in pieces.
fn unless_empty(egraph: &mut Graph, result: &Type, axis: usize, moved: Id) -> Option<Id> {
    let ty = egraph[moved].data.ty()?.clone();
    let constant = |egraph: &mut Graph, constant: Constant| add(egraph, &Op::Const(constant), Vec::new());
    let present = constant(egraph, Constant::Bool(true));
    let all = Op::Broadcast { shape: vec![result.shape.get(axis)?.clone()], axes: Vec::new() };
    let all = add(egraph, &all, vec![present]);
    let any = add(egraph, &Op::Last { axis: 0 }, vec![all]);
    let zero = match ty.dtype {
        DType::Bool => Constant::Bool(false),
        DType::C64 => Constant::Complex(0.0, 0.0),
        DType::I32 | DType::U8 => Constant::Int(ty.dtype, 0),
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Constant::Float(ty.dtype, 0.0),
    };
    let zero = constant(egraph, zero);
    Some(add(egraph, &Op::Select, vec![any, moved, zero]))
}

/// Maps zeros to zeros whatever the constants beside them are.
fn keeps_zero(op: &Op) -> bool {
    matches!(
        op,
        Op::Cast(_)
            | Op::Unary(
                UnaryOp::Neg
                    | UnaryOp::Sqrt
                    | UnaryOp::Tanh
                    | UnaryOp::Sin
                    | UnaryOp::Erf
                    | UnaryOp::Abs
                    | UnaryOp::Floor
                    | UnaryOp::Ceil
                    | UnaryOp::Round
                    | UnaryOp::Re
                    | UnaryOp::Im
                    | UnaryOp::Conj
                    | UnaryOp::Detach
            )
    )
}
