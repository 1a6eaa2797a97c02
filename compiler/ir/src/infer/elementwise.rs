//! Rules of the elementwise ops: NumPy's broadcasting, equal element types.

use super::{TypeError, is_number};
use crate::op::{BinaryOp, UnaryOp};
use crate::{DType, Dim, Type};

pub(super) fn unary(unary: UnaryOp, x: &Type) -> Result<Type, TypeError> {
    let op = unary.name();
    let dtype = x.dtype;
    let (fits, expected, result) = match unary {
        UnaryOp::Neg => (is_number(dtype), "a number", dtype),
        UnaryOp::Not => (dtype == DType::Bool, "bool", dtype),
        UnaryOp::Exp | UnaryOp::Sqrt => {
            (dtype.is_float() || dtype.is_complex(), "a real or complex float", dtype)
        }
        UnaryOp::Log
        | UnaryOp::Rsqrt
        | UnaryOp::Tanh
        | UnaryOp::Sigmoid
        | UnaryOp::Softplus
        | UnaryOp::Sin
        | UnaryOp::Cos
        | UnaryOp::Erf
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round => (dtype.is_float(), "a float", dtype),
        UnaryOp::Abs => (is_number(dtype), "a number", if dtype.is_complex() { DType::F32 } else { dtype }),
        UnaryOp::Re | UnaryOp::Im | UnaryOp::Arg => (dtype.is_complex(), "c64", DType::F32),
        UnaryOp::Conj => (dtype.is_complex(), "c64", dtype),
        UnaryOp::Detach => (true, "anything", dtype),
    };
    if !fits {
        return Err(TypeError::dtype(op, 0, x, expected));
    }
    Ok(Type::new(result, x.shape.clone()))
}

pub(super) fn binary(binary: BinaryOp, a: &Type, b: &Type) -> Result<Type, TypeError> {
    let op = binary.name();
    if a.dtype != b.dtype {
        return Err(TypeError::DTypesDiffer { op, left: a.dtype, right: b.dtype });
    }
    let dtype = a.dtype;
    let real = is_number(dtype) && !dtype.is_complex();
    let (fits, expected, result) = match binary {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => (is_number(dtype), "a number", dtype),
        BinaryOp::Div => (dtype.is_float() || dtype.is_complex(), "a real or complex float", dtype),
        BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Max | BinaryOp::Min => (real, "a real number", dtype),
        BinaryOp::Eq | BinaryOp::Ne => (true, "anything", DType::Bool),
        BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            (!dtype.is_complex(), "anything but complex", DType::Bool)
        }
        BinaryOp::And | BinaryOp::Or => (dtype == DType::Bool, "bool", dtype),
        BinaryOp::Complex | BinaryOp::Polar => (dtype == DType::F32, "f32", DType::C64),
    };
    if !fits {
        return Err(TypeError::dtype(op, 0, a, expected));
    }
    Ok(Type::new(result, broadcast(op, a, b)?))
}

pub(super) fn select(condition: &Type, a: &Type, b: &Type) -> Result<Type, TypeError> {
    let op = "select";
    if condition.dtype != DType::Bool {
        return Err(TypeError::dtype(op, 0, condition, "bool"));
    }
    if a.dtype != b.dtype {
        return Err(TypeError::DTypesDiffer { op, left: a.dtype, right: b.dtype });
    }
    let sides = Type::new(a.dtype, broadcast(op, a, b)?);
    Ok(Type::new(a.dtype, broadcast(op, condition, &sides)?))
}

pub(super) fn cast(to: DType, x: &Type) -> Result<Type, TypeError> {
    if x.dtype.is_complex() && !matches!(to, DType::C64 | DType::Bool) {
        return Err(TypeError::NoCast { from: x.dtype, to });
    }
    Ok(Type::new(to, x.shape.clone()))
}

fn broadcast(op: &'static str, a: &Type, b: &Type) -> Result<Vec<Dim>, TypeError> {
    broadcast_shapes(&a.shape, &b.shape).map_err(|(left_size, right_size)| TypeError::Broadcast {
        op,
        left: Box::new(a.clone()),
        right: Box::new(b.clone()),
        left_size,
        right_size,
    })
}

/// The shape that both broadcast to: axes aligned from the right, size 1 stretches.
///
/// # Errors
/// The two sizes that do not go together.
pub fn broadcast_shapes(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, (Dim, Dim)> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let (front, back) = long.split_at(long.len() - short.len());
    let mut shape = front.to_vec();
    let one = Dim::constant(1);
    for (l, s) in back.iter().zip(short) {
        shape.push(match () {
            () if l == s || *s == one => l.clone(),
            () if *l == one => s.clone(),
            () if a.len() >= b.len() => return Err((l.clone(), s.clone())),
            () => return Err((s.clone(), l.clone())),
        });
    }
    Ok(shape)
}
