//! Rules of the ops that move entries without computing.

use super::{TypeError, check_sizes, size_at, with_size};
use crate::{DType, Dim, Type};

pub(super) fn reshape(shape: &[Dim], x: &Type) -> Result<Type, TypeError> {
    let entries = |dims: &[Dim]| dims.iter().fold(Dim::constant(1), |product, d| &product * d);
    let to = Type::new(x.dtype, shape.to_vec());
    check_sizes("reshape", shape)?;
    if entries(shape) != entries(&x.shape) {
        return Err(TypeError::Entries { from: x.clone(), to });
    }
    Ok(to)
}

pub(super) fn transpose(perm: &[usize], x: &Type) -> Result<Type, TypeError> {
    let op = "transpose";
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        return Err(TypeError::malformed(op, format!("{perm:?} is no permutation of the axes of {x}")));
    }
    let shape = perm.iter().map(|axis| size_at(op, *axis, x).cloned());
    Ok(Type::new(x.dtype, shape.collect::<Result<_, _>>()?))
}

pub(super) fn broadcast(shape: &[Dim], axes: &[usize], x: &Type) -> Result<Type, TypeError> {
    let op = "broadcast";
    check_sizes(op, shape)?;
    if axes.len() != x.rank() || !axes.is_sorted_by(|a, b| a < b) {
        return Err(TypeError::malformed(op, format!("{axes:?} does not place the axes of {x} in order")));
    }
    let result = Type::new(x.dtype, shape.to_vec());
    for (axis, size) in axes.iter().zip(&x.shape) {
        let expected = size_at(op, *axis, &result)?;
        if size != expected && size.as_constant() != Some(1) {
            let what = format!("the size that goes to axis {axis}");
            return Err(TypeError::Size { op, what, expected: expected.clone(), found: size.clone() });
        }
    }
    Ok(result)
}

pub(super) fn slice(axis: usize, start: &Dim, len: &Dim, x: &Type) -> Result<Type, TypeError> {
    let size = size_at("slice", axis, x)?;
    let end = start + len;
    let negative = |dim: &Dim| dim.as_fraction().is_some_and(|(numerator, _)| numerator < 0);
    if negative(start) || negative(len) || negative(&(size - &end)) {
        return Err(TypeError::Range { start: start.clone(), end, size: size.clone() });
    }
    Ok(with_size(x, axis, len))
}

pub(super) fn concat(axis: usize, first: &Type, rest: &[Type]) -> Result<Type, TypeError> {
    let op = "concat";
    let mut total = size_at(op, axis, first)?.clone();
    for other in rest {
        if other.dtype != first.dtype {
            return Err(TypeError::DTypesDiffer { op, left: first.dtype, right: other.dtype });
        }
        let size = size_at(op, axis, other)?;
        if with_size(other, axis, &total) != with_size(first, axis, &total) {
            return Err(TypeError::Region {
                op,
                what: "a later operand".to_owned(),
                expected: with_size(first, axis, size),
                found: other.clone(),
            });
        }
        total = &total + size;
    }
    Ok(with_size(first, axis, &total))
}

pub(super) fn pad(axis: usize, before: &Dim, after: &Dim, x: &Type) -> Result<Type, TypeError> {
    let size = size_at("pad", axis, x)?;
    check_sizes("pad", &[before.clone(), after.clone()])?;
    Ok(with_size(x, axis, &(&(before + size) + after)))
}

pub(super) fn gather(
    batch: usize,
    table: &Type,
    indices: &Type,
    guard: Option<&Type>,
) -> Result<Type, TypeError> {
    let op = "gather";
    size_at(op, batch, table)?;
    if indices.dtype != DType::I32 {
        return Err(TypeError::dtype(op, 1, indices, "i32"));
    }
    if batch > indices.rank() {
        return Err(TypeError::malformed(op, format!("{batch} shared axes, but indices {indices}")));
    }
    for (axis, (expected, found)) in table.shape.iter().zip(&indices.shape).take(batch).enumerate() {
        if expected != found {
            let what = format!("axis {axis} of the indices");
            return Err(TypeError::Size { op, what, expected: expected.clone(), found: found.clone() });
        }
    }
    if let Some(guard) = guard {
        let expected = Type::new(DType::Bool, indices.shape.clone());
        if *guard != expected {
            let what = "the guard".to_owned();
            return Err(TypeError::Region { op, what, expected, found: guard.clone() });
        }
    }
    let rest = table.shape.iter().skip(batch + 1);
    Ok(Type::new(table.dtype, indices.shape.iter().chain(rest).cloned().collect()))
}
