//! Walking tensors: row-major strides, broadcasting, one operand beside another.

#![expect(clippy::indexing_slicing, reason = "offsets come from shapes that the data was made with")]

/// Row-major strides of a shape.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The shape that both broadcast to; sizes that do not go together never come here: the types were checked.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut shape = long.to_vec();
    let first = long.len() - short.len();
    for (size, other) in shape[first..].iter_mut().zip(short) {
        match (*size, *other) {
            (x, y) if x == y => {}
            (1, y) => *size = y,
            (_, 1) => {}
            _ => return None,
        }
    }
    Some(shape)
}

/// Strides to read a tensor of shape `from` as if it had the shape `to`: 0 where it stretches.
pub(super) fn stretched(from: &[usize], to: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; to.len()];
    let first = to.len() - from.len();
    for (axis, stride) in row_major(from).into_iter().enumerate() {
        if from[axis] != 1 {
            strides[first + axis] = stride;
        }
    }
    strides
}

/// Calls `row(offset in each tensor)` for each run along the last axis, in row-major order of `shape`.
pub(super) fn rows<const N: usize>(shape: &[usize], strides: [&[usize]; N], mut row: impl FnMut([usize; N])) {
    if shape.contains(&0) {
        return;
    }
    let outer = shape.len().saturating_sub(1);
    let mut index = vec![0; outer];
    let mut offsets = [0; N];
    loop {
        row(offsets);
        let mut axis = outer;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset += strides[axis];
            }
            if index[axis] < shape[axis] {
                break;
            }
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset -= strides[axis] * shape[axis];
            }
            index[axis] = 0;
        }
    }
}

/// Size of the last axis and its stride in each tensor; a scalar is a row of one.
pub(super) fn last<const N: usize>(shape: &[usize], strides: [&[usize]; N]) -> (usize, [usize; N]) {
    (shape.last().copied().unwrap_or(1), strides.map(|strides| strides.last().copied().unwrap_or(0)))
}

/// Reads a tensor with these strides in row-major order of `shape`.
pub(super) fn gathered<T: Copy>(x: &[T], shape: &[usize], strides: &[usize]) -> Vec<T> {
    let mut result = Vec::with_capacity(shape.iter().product());
    let (len, [step]) = last(shape, [strides]);
    rows(shape, [strides], |[offset]| match step {
        1 => result.extend_from_slice(&x[offset..offset + len]),
        step => result.extend((0..len).map(|n| x[offset + n * step])),
    });
    result
}

/// Entries of two broadcast tensors combined.
pub(super) fn zip<A: Copy, B: Copy, R>(
    shape: &[usize],
    (a, a_shape): (&[A], &[usize]),
    (b, b_shape): (&[B], &[usize]),
    f: impl Fn(A, B) -> R,
) -> Vec<R> {
    if a_shape == b_shape {
        return a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect();
    }
    let (a_strides, b_strides) = (stretched(a_shape, shape), stretched(b_shape, shape));
    let strides = [a_strides.as_slice(), b_strides.as_slice()];
    let mut result = Vec::with_capacity(shape.iter().product());
    let (len, steps) = last(shape, strides);
    rows(shape, strides, |[x, y]| match steps {
        [1, 1] => result.extend(a[x..x + len].iter().zip(&b[y..y + len]).map(|(a, b)| f(*a, *b))),
        [1, 0] => result.extend(a[x..x + len].iter().map(|a| f(*a, b[y]))),
        [0, 1] => result.extend(b[y..y + len].iter().map(|b| f(a[x], *b))),
        [p, q] => result.extend((0..len).map(|n| f(a[x + n * p], b[y + n * q]))),
    });
    result
}
