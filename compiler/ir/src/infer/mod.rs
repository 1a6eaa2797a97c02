//! The shape and dtype rules: from an op and its operands' types to its results' types, or what is wrong.
//!
//! This is the one place that knows them: the builder, the verifier and the optimiser's facts all ask here. The rule of each op is the
//! sentence in its docstring. `contract "ab,bc->ac"` of `f32[T, 8]` and `f32[8, 16]` gives `f32[T, 16]`.

mod contract;
mod elementwise;
mod error;
mod movement;
mod region;
mod sequence;

pub(crate) use contract::label_char;
pub use elementwise::broadcast_shapes;
pub use error::TypeError;

use crate::op::{Constant, Distribution, Op, ReduceKind};
use crate::{DType, Dim, Type};

/// Result types of `op` applied to operands of these types.
///
/// # Errors
/// What the op's docstring rules out. `Op::Input` has no rule of its own: its type stands in the graph.
pub fn infer(op: &Op, operands: &[Type]) -> Result<Vec<Type>, TypeError> {
    match op {
        Op::Rec(rec) => region::rec(rec, operands),
        Op::Repeat(repeat) => region::repeat(repeat, operands),
        op => infer_one(op, operands).map(|ty| vec![ty]),
    }
}

fn infer_one(op: &Op, operands: &[Type]) -> Result<Type, TypeError> {
    let name = op.name();
    match (op, operands) {
        (Op::Input(_), _) => Err(TypeError::malformed(name, "an input's type stands in its graph")),
        (Op::Const(constant), []) => Ok(Type::scalar(constant_dtype(*constant, name)?)),
        (Op::DimValue(_), []) => Ok(Type::scalar(DType::I32)),
        (Op::Iota { len, .. }, []) => made(name, DType::I32, std::slice::from_ref(len)),
        (Op::Keep { keep, shape, .. }, []) => {
            if !(0.0..=1.0).contains(keep) {
                return Err(TypeError::malformed(name, "the probability is not in 0 ..= 1"));
            }
            made(name, DType::Bool, shape)
        }
        (Op::Draw { distribution, shape, .. }, []) => draw(*distribution, shape),
        (Op::Unary(unary), [x]) => elementwise::unary(*unary, x),
        (Op::Binary(binary), [a, b]) => elementwise::binary(*binary, a, b),
        (Op::Select, [condition, a, b]) => elementwise::select(condition, a, b),
        (Op::Cast(to), [x]) => elementwise::cast(*to, x),
        (Op::Reduce { kind, axes }, [x]) => reduce(*kind, axes, x),
        (Op::Cumsum { axis }, [x]) => sequence::cumsum(*axis, x),
        (Op::Contract(contraction), [left, right]) => contract::contract(contraction, left, right),
        (Op::Reshape { shape }, [x]) => movement::reshape(shape, x),
        (Op::Transpose { perm }, [x]) => movement::transpose(perm, x),
        (Op::Broadcast { shape, axes }, [x]) => movement::broadcast(shape, axes, x),
        (Op::Slice { axis, start, len }, [x]) => movement::slice(*axis, start, len, x),
        (Op::Concat { axis }, [first, rest @ ..]) => movement::concat(*axis, first, rest),
        (Op::Pad { axis, before, after }, [x]) => movement::pad(*axis, before, after, x),
        (Op::Flip { axis }, [x]) => same_at_axis(name, *axis, x),
        (Op::Gather { batch }, [table, indices]) => movement::gather(*batch, table, indices, None),
        (Op::Gather { batch }, [table, indices, guard]) => {
            movement::gather(*batch, table, indices, Some(guard))
        }
        (Op::Shift { axis, .. }, [x]) => same_at_axis(name, *axis, x),
        (Op::Conv { axis }, [x, w]) => sequence::conv(*axis, x, w),
        (Op::Fft { kind, axis, n }, [x]) => sequence::fft(*kind, *axis, n, x),
        (Op::Last { axis }, [x]) => sequence::last(*axis, x),
        (op, operands) => Err(TypeError::Arity { op: name, expected: arity(op), found: operands.len() }),
    }
}

/// How many operands an op takes, in words.
fn arity(op: &Op) -> &'static str {
    match op {
        Op::Input(_)
        | Op::Const(_)
        | Op::DimValue(_)
        | Op::Iota { .. }
        | Op::Keep { .. }
        | Op::Draw { .. } => "none",
        Op::Unary(_)
        | Op::Cast(_)
        | Op::Reduce { .. }
        | Op::Cumsum { .. }
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::Flip { .. }
        | Op::Shift { .. }
        | Op::Fft { .. }
        | Op::Last { .. } => "1",
        Op::Binary(_) | Op::Contract(_) | Op::Conv { .. } => "2",
        Op::Select => "3",
        Op::Gather { .. } => "2 or 3",
        Op::Concat { .. } => "1 or more",
        Op::Rec(_) | Op::Repeat(_) => "as many as the body says",
    }
}

fn constant_dtype(constant: Constant, name: &'static str) -> Result<DType, TypeError> {
    match constant {
        Constant::Float(dtype, _) if dtype.is_float() => Ok(dtype),
        Constant::Float(..) => Err(TypeError::malformed(name, "a real constant of no float type")),
        Constant::Complex(..) => Ok(DType::C64),
        Constant::Int(dtype, n) => match dtype {
            DType::I32 if i32::try_from(n).is_ok() => Ok(dtype),
            DType::U8 if u8::try_from(n).is_ok() => Ok(dtype),
            DType::I32 | DType::U8 => Err(TypeError::malformed(name, format!("{n} does not fit {dtype}"))),
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 | DType::C64 | DType::Bool => {
                Err(TypeError::malformed(name, "a whole constant of no integer type"))
            }
        },
        Constant::Bool(_) => Ok(DType::Bool),
    }
}

fn draw(distribution: Distribution, shape: &[Dim]) -> Result<Type, TypeError> {
    let (numbers, matrix) = match distribution {
        Distribution::Uniform(low, high) => ([low, high], false),
        Distribution::Normal(mean, deviation) => ([mean, deviation], false),
        Distribution::Xavier(gain) | Distribution::Orthogonal(gain) => ([gain, 0.0], true),
    };
    if !numbers.iter().all(|x| x.is_finite()) {
        return Err(TypeError::malformed("draw", "a number of the distribution is not finite"));
    }
    if matrix && shape.len() < 2 {
        return Err(TypeError::malformed("draw", "xavier and orthogonal act on the last two axes"));
    }
    made("draw", DType::F32, shape)
}

/// The type of something made from nothing; a size known to be negative is refused.
fn made(op: &'static str, dtype: DType, shape: &[Dim]) -> Result<Type, TypeError> {
    check_sizes(op, shape)?;
    Ok(Type::new(dtype, shape.to_vec()))
}

/// Refuses sizes that are known and negative or no whole number.
fn check_sizes(op: &'static str, shape: &[Dim]) -> Result<(), TypeError> {
    for dim in shape {
        if let Some((numerator, denominator)) = dim.as_fraction()
            && (numerator < 0 || denominator != 1)
        {
            return Err(TypeError::NoSize { op, dim: dim.clone() });
        }
    }
    Ok(())
}

/// The operand's size at `axis`.
fn size_at<'a>(op: &'static str, axis: usize, x: &'a Type) -> Result<&'a Dim, TypeError> {
    x.shape.get(axis).ok_or_else(|| TypeError::Axis { op, axis, found: x.clone() })
}

/// The operand's type, where the op only needs the axis to exist.
fn same_at_axis(op: &'static str, axis: usize, x: &Type) -> Result<Type, TypeError> {
    size_at(op, axis, x)?;
    Ok(x.clone())
}

/// The operand's type without `axis`.
fn without_axis(x: &Type, axis: usize) -> Type {
    let shape = x.shape.iter().enumerate().filter(|(n, _)| *n != axis).map(|(_, d)| d.clone()).collect();
    Type::new(x.dtype, shape)
}

/// The operand's type with another size at `axis`.
fn with_size(x: &Type, axis: usize, size: &Dim) -> Type {
    let replace = |(n, d): (usize, &Dim)| if n == axis { size.clone() } else { d.clone() };
    Type::new(x.dtype, x.shape.iter().enumerate().map(replace).collect())
}

/// Whether sums and products of it exist.
const fn is_number(dtype: DType) -> bool {
    !matches!(dtype, DType::Bool)
}

fn reduce(kind: ReduceKind, axes: &[usize], x: &Type) -> Result<Type, TypeError> {
    let op = "reduce";
    if !axes.is_sorted_by(|a, b| a < b) {
        return Err(TypeError::malformed(op, "axes are not increasing"));
    }
    for axis in axes {
        size_at(op, *axis, x)?;
    }
    let shape =
        x.shape.iter().enumerate().filter(|(n, _)| !axes.contains(n)).map(|(_, d)| d.clone()).collect();
    match kind {
        ReduceKind::Sum if !is_number(x.dtype) => Err(TypeError::dtype(op, 0, x, "a number")),
        ReduceKind::Max | ReduceKind::Min | ReduceKind::ArgMax
            if !is_number(x.dtype) || x.dtype.is_complex() =>
        {
            Err(TypeError::dtype(op, 0, x, "a real number"))
        }
        ReduceKind::ArgMax if axes.len() != 1 => {
            Err(TypeError::malformed(op, format!("argmax takes one axis, found {}", axes.len())))
        }
        ReduceKind::ArgMax => Ok(Type::new(DType::I32, shape)),
        ReduceKind::Sum | ReduceKind::Max | ReduceKind::Min => Ok(Type::new(x.dtype, shape)),
    }
}
