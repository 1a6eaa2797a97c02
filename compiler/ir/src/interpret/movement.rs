//! Ops that move entries without computing.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

use super::EvalErrorKind;
use super::strides::{gathered, row_major};
use crate::array::{Array, Data, same_data};
use std::rc::Rc;

pub(super) fn transpose(perm: &[usize], x: &Array) -> Option<Array> {
    let from = row_major(x.shape());
    let shape = perm.iter().map(|axis| x.shape().get(*axis).copied()).collect::<Option<Vec<_>>>()?;
    let strides: Vec<usize> = perm.iter().map(|axis| from[*axis]).collect();
    let data = same_data!(x.data(), entries => gathered(entries, &shape, &strides));
    Array::new(x.dtype(), shape, data)
}

pub(super) fn broadcast(shape: &[usize], axes: &[usize], x: &Array) -> Result<Option<Array>, EvalErrorKind> {
    let mut strides = vec![0; shape.len()];
    for ((axis, stride), size) in axes.iter().zip(row_major(x.shape())).zip(x.shape()) {
        let Some(expected) = shape.get(*axis).copied() else { return Ok(None) };
        if *size == expected {
            strides[*axis] = if *size == 1 { 0 } else { stride };
        } else if *size != 1 {
            let what = format!("the size that goes to axis {axis}");
            return Err(EvalErrorKind::Mismatch { what, expected, found: *size });
        }
    }
    let data = same_data!(x.data(), entries => gathered(entries, shape, &strides));
    Ok(Array::new(x.dtype(), shape.to_vec(), data))
}

/// Blocks before an axis, its size, entries of one of its steps.
pub(super) fn split(shape: &[usize], axis: usize) -> Option<(usize, usize, usize)> {
    let size = *shape.get(axis)?;
    Some((shape[..axis].iter().product(), size, shape[axis + 1..].iter().product()))
}

pub(super) fn with_size(shape: &[usize], axis: usize, size: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[axis] = size;
    shape
}

pub(super) fn slice(axis: usize, start: i64, len: i64, x: &Array) -> Result<Option<Array>, EvalErrorKind> {
    let Some((outer, size, inner)) = split(x.shape(), axis) else { return Ok(None) };
    let end = start.saturating_add(len);
    let outside = EvalErrorKind::Slice { start, end, size };
    let (Ok(first), Ok(len), Ok(last)) = (usize::try_from(start), usize::try_from(len), usize::try_from(end))
    else {
        return Err(outside);
    };
    if last > size {
        return Err(outside);
    }
    let data = same_data!(x.data(), entries => {
        let mut result = Vec::with_capacity(outer * len * inner);
        for block in 0..outer {
            let from = (block * size + first) * inner;
            result.extend_from_slice(&entries[from..from + len * inner]);
        }
        result
    });
    Ok(Array::new(x.dtype(), with_size(x.shape(), axis, len), data))
}

pub(super) fn concat(axis: usize, operands: &[Rc<Array>]) -> Result<Option<Array>, EvalErrorKind> {
    let Some(first) = operands.first() else { return Ok(None) };
    let mut total = 0;
    for operand in operands {
        let Some(size) = operand.shape().get(axis) else { return Ok(None) };
        total += size;
        for (n, (expected, found)) in first.shape().iter().zip(operand.shape()).enumerate() {
            if n != axis && expected != found {
                let what = format!("axis {n} of a concatenated tensor");
                return Err(EvalErrorKind::Mismatch { what, expected: *expected, found: *found });
            }
        }
    }
    let Some((outer, _, inner)) = split(first.shape(), axis) else { return Ok(None) };
    macro_rules! joined {
        ($variant:ident) => {{
            let mut result = Vec::with_capacity(outer * total * inner);
            for block in 0..outer {
                for operand in operands {
                    let Data::$variant(entries) = operand.data() else { return Ok(None) };
                    let len = operand.shape()[axis] * inner;
                    result.extend_from_slice(&entries[block * len..(block + 1) * len]);
                }
            }
            Data::$variant(result)
        }};
    }
    let data = match first.data() {
        Data::Real(_) => joined!(Real),
        Data::Complex(_) => joined!(Complex),
        Data::Int(_) => joined!(Int),
        Data::Bool(_) => joined!(Bool),
    };
    Ok(Array::new(first.dtype(), with_size(first.shape(), axis, total), data))
}

pub(super) fn pad(axis: usize, before: usize, after: usize, x: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    let total = before.checked_add(size)?.checked_add(after)?;
    let shape = with_size(x.shape(), axis, total);
    let data = same_data!(x.data(), entries => {
        let mut result = Vec::with_capacity(outer * total * inner);
        for block in 0..outer {
            result.resize(result.len() + before * inner, Default::default());
            result.extend_from_slice(&entries[block * size * inner..(block + 1) * size * inner]);
            result.resize(result.len() + after * inner, Default::default());
        }
        result
    });
    Array::new(x.dtype(), shape, data)
}

pub(super) fn flip(axis: usize, x: &Array) -> Option<Array> {
    let (outer, size, inner) = split(x.shape(), axis)?;
    let data = same_data!(x.data(), entries => {
        let mut result = Vec::with_capacity(entries.len());
        for block in 0..outer {
            for n in (0..size).rev() {
                let from = (block * size + n) * inner;
                result.extend_from_slice(&entries[from..from + inner]);
            }
        }
        result
    });
    Array::new(x.dtype(), x.shape().to_vec(), data)
}

pub(super) fn gather(
    batch: usize,
    table: &Array,
    indices: &Array,
    guard: Option<&Array>,
) -> Result<Option<Array>, EvalErrorKind> {
    let (Some((outer, size, inner)), Some(numbers)) = (split(table.shape(), batch), indices.as_int()) else {
        return Ok(None);
    };
    let guard = guard.and_then(Array::as_bool);
    let each = numbers.len() / outer.max(1);
    // Where each result row comes from; `None` gives zeros.
    let mut rows = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.iter().enumerate() {
        if guard.is_some_and(|guard| guard.get(place) == Some(&false)) {
            rows.push(None);
            continue;
        }
        match usize::try_from(*number) {
            Ok(row) if row < size => rows.push(Some((place / each.max(1)) * size + row)),
            Ok(_) | Err(_) => {
                let position = coordinates(place, indices.shape());
                return Err(EvalErrorKind::Index { index: *number, position, size });
            }
        }
    }
    let data = same_data!(table.data(), entries => {
        let mut result = Vec::with_capacity(rows.len() * inner);
        for row in &rows {
            match row {
                Some(row) => result.extend_from_slice(&entries[row * inner..(row + 1) * inner]),
                None => result.resize(result.len() + inner, Default::default()),
            }
        }
        result
    });
    let shape = indices.shape().iter().chain(&table.shape()[batch + 1..]).copied().collect();
    Ok(Array::new(table.dtype(), shape, data))
}

fn coordinates(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut position = vec![0; shape.len()];
    for (coordinate, size) in position.iter_mut().zip(shape).rev() {
        *coordinate = place % size;
        place /= size;
    }
    position
}
