//! Tiles as lists of elements, and the ops that see more than one element.

use crate::kernel::{AxisId, Element, ReduceOp};
use crate::scalar::{self, Scalar};
use std::cmp::Ordering;
use std::rc::Rc;
use tensc_ir::BinaryOp;

/// The entries that are there, row-major over the axes.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    pub(super) axes: Rc<[AxisId]>,
    pub(super) extents: Rc<[usize]>,
    pub(super) data: Rc<[Scalar]>,
}

impl Entries {
    pub(super) fn get(&self, n: usize) -> Scalar {
        self.data.get(n).copied().unwrap_or(Scalar::Bool(false))
    }

    /// Steps in `data` for each of these axes; 0 for axes that it lacks.
    pub(super) fn strides(&self, axes: &[AxisId]) -> Vec<usize> {
        let stride = |axis: &AxisId| {
            let at = self.axes.iter().position(|a| a == axis)?;
            Some(self.extents.iter().skip(at + 1).product())
        };
        axes.iter().map(|axis| stride(axis).unwrap_or(0)).collect()
    }

    fn extent(&self, axis: AxisId) -> usize {
        let at = self.axes.iter().position(|a| *a == axis);
        at.and_then(|at| self.extents.get(at)).copied().unwrap_or(1)
    }
}

/// Calls with the position and the place in each operand, for all positions within these extents, the last axis fastest.
pub(super) fn walk<const N: usize>(
    extents: &[usize],
    strides: &[Vec<usize>; N],
    mut visit: impl FnMut(&[usize], [usize; N]),
) {
    if extents.contains(&0) {
        return;
    }
    let mut position = vec![0; extents.len()];
    loop {
        let places = std::array::from_fn(|n| {
            let strides = strides.get(n).map_or(&[][..], Vec::as_slice);
            position.iter().zip(strides).map(|(p, s)| p * s).sum()
        });
        visit(&position, places);
        let mut axis = extents.len();
        loop {
            let Some(before) = axis.checked_sub(1) else { return };
            axis = before;
            if let (Some(p), Some(extent)) = (position.get_mut(axis), extents.get(axis)) {
                *p += 1;
                if *p < *extent {
                    break;
                }
                *p = 0;
            }
        }
    }
}

/// Applies a function to each entry of operands aligned by axis.
pub(super) fn elementwise<const N: usize>(
    axes: &Rc<[AxisId]>,
    extents: &Rc<[usize]>,
    operands: [&Entries; N],
    apply: impl Fn([Scalar; N]) -> Scalar,
) -> Entries {
    let strides = operands.map(|operand| operand.strides(axes));
    let mut data = Vec::with_capacity(extents.iter().product());
    walk(extents, &strides, |_, places| {
        let mut values = [Scalar::Bool(false); N];
        for (value, (operand, place)) in values.iter_mut().zip(operands.iter().zip(places)) {
            *value = operand.get(place);
        }
        data.push(apply(values));
    });
    Entries { axes: axes.clone(), extents: extents.clone(), data: data.into() }
}

fn start(op: ReduceOp, element: Element) -> Scalar {
    match (op, element) {
        (ReduceOp::Max, Element::I32) => Scalar::I32(i32::MIN),
        (ReduceOp::Min, Element::I32) => Scalar::I32(i32::MAX),
        (ReduceOp::Max, _) => scalar::constant(element, f64::NEG_INFINITY),
        (ReduceOp::Min, _) => scalar::constant(element, f64::INFINITY),
        (ReduceOp::And, _) => Scalar::Bool(true),
        (ReduceOp::Or, _) => Scalar::Bool(false),
        (ReduceOp::Sum | ReduceOp::ArgMax, _) => scalar::constant(element, 0.0),
    }
}

/// NaN is larger than every number.
fn above(a: Scalar, b: Scalar) -> bool {
    let order = |x: f64, y: f64| match x.partial_cmp(&y) {
        Some(order) => order == Ordering::Greater,
        None => x.is_nan() && !y.is_nan(),
    };
    match (a, b) {
        (Scalar::F32(x), Scalar::F32(y)) => order(x.into(), y.into()),
        (Scalar::F64(x), Scalar::F64(y)) => order(x, y),
        (Scalar::I32(x), Scalar::I32(y)) => x > y,
        (Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::Bool(_), _) => false,
    }
}

/// Combines along `axis`, in index order.
pub(super) fn reduce(
    op: ReduceOp,
    axis: AxisId,
    value: &Entries,
    element: Element,
    axes: &Rc<[AxisId]>,
    extents: &Rc<[usize]>,
) -> Entries {
    let (along, count) = (value.strides(&[axis]).first().copied().unwrap_or(0), value.extent(axis));
    let mut data = Vec::new();
    walk(extents, &[value.strides(axes)], |_, [place]| {
        let entries = (0..count).map(|n| value.get(place + n * along));
        data.push(match op {
            ReduceOp::ArgMax => {
                let mut best: Option<(usize, Scalar)> = None;
                for (n, entry) in entries.enumerate() {
                    if best.is_none_or(|(_, largest)| above(entry, largest)) {
                        best = Some((n, entry));
                    }
                }
                Scalar::I32(best.map_or(0, |(n, _)| n as i32))
            }
            ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min | ReduceOp::And | ReduceOp::Or => {
                let combine = match op {
                    ReduceOp::Max => BinaryOp::Max,
                    ReduceOp::Min => BinaryOp::Min,
                    ReduceOp::And => BinaryOp::And,
                    ReduceOp::Or => BinaryOp::Or,
                    ReduceOp::Sum | ReduceOp::ArgMax => BinaryOp::Add,
                };
                entries.fold(start(op, element), |sum, entry| scalar::binary(combine, sum, entry))
            }
        });
    });
    Entries { axes: axes.clone(), extents: extents.clone(), data: data.into() }
}

pub(super) fn fma(a: Scalar, b: Scalar, c: Scalar) -> Scalar {
    match (a, b, c) {
        (Scalar::F32(a), Scalar::F32(b), Scalar::F32(c)) => Scalar::F32(a.mul_add(b, c)),
        (Scalar::F64(a), Scalar::F64(b), Scalar::F64(c)) => Scalar::F64(a.mul_add(b, c)),
        (Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::Bool(_), _, _) => a,
    }
}

fn times(a: Scalar, b: Scalar) -> Scalar {
    scalar::binary(BinaryOp::Mul, a, b)
}

fn plus(a: Scalar, b: Scalar) -> Scalar {
    scalar::binary(BinaryOp::Add, a, b)
}

/// `h = a * h' + b` along `axis`, a product and a sum rounded one after the other.
pub(super) fn scan(
    axis: AxisId,
    [a, b, start]: [&Entries; 3],
    reverse: bool,
    axes: &Rc<[AxisId]>,
    extents: &Rc<[usize]>,
) -> Entries {
    // The scanned axis goes last, so that each run along it is contiguous in `order`.
    let others: Vec<AxisId> = axes.iter().copied().filter(|a| *a != axis).collect();
    let at = axes.iter().position(|a| *a == axis).unwrap_or(0);
    let count = extents.get(at).copied().unwrap_or(0);
    let outer: Vec<usize> = extents.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, e)| *e).collect();
    let result = Entries {
        axes: axes.clone(),
        extents: extents.clone(),
        data: vec![Scalar::Bool(false); extents.iter().product()].into(),
    };
    let steps = [a, b, &result].map(|entries| entries.strides(&[axis]).first().copied().unwrap_or(0));
    let mut data = result.data.to_vec();
    let strides = [a.strides(&others), b.strides(&others), start.strides(&others), result.strides(&others)];
    walk(&outer, &strides, |_, [in_a, in_b, in_start, out]| {
        let mut h = start.get(in_start);
        for turn in 0..count {
            let n = if reverse { count - 1 - turn } else { turn };
            h = plus(times(a.get(in_a + n * steps[0]), h), b.get(in_b + n * steps[1]));
            if let Some(slot) = data.get_mut(out + n * steps[2]) {
                *slot = h;
            }
        }
    });
    Entries { data: data.into(), ..result }
}

/// Products summed over `axis`, in index order.
pub(super) fn dot(
    axis: AxisId,
    a: &Entries,
    b: &Entries,
    element: Element,
    axes: &Rc<[AxisId]>,
    extents: &Rc<[usize]>,
) -> Entries {
    let step = |entries: &Entries| entries.strides(&[axis]).first().copied().unwrap_or(0);
    let (step_a, step_b, count) = (step(a), step(b), a.extent(axis));
    let mut data = Vec::new();
    walk(extents, &[a.strides(axes), b.strides(axes)], |_, [in_a, in_b]| {
        let products = (0..count).map(|n| times(a.get(in_a + n * step_a), b.get(in_b + n * step_b)));
        data.push(products.fold(scalar::constant(element, 0.0), plus));
    });
    Entries { axes: axes.clone(), extents: extents.clone(), data: data.into() }
}

/// `x[i] = b[i] - sum_{j < i} l[i, j] x[j]`, in index order.
pub(super) fn triangular_solve(l: &Entries, row: AxisId, column: AxisId, b: &Entries) -> Entries {
    let others: Vec<AxisId> = b.axes.iter().copied().filter(|axis| *axis != row).collect();
    let outer: Vec<usize> = others.iter().map(|axis| b.extent(*axis)).collect();
    let step = |entries: &Entries, axis| entries.strides(&[axis]).first().copied().unwrap_or(0);
    let (count, down, across, along) = (b.extent(row), step(l, row), step(l, column), step(b, row));
    let mut data = b.data.to_vec();
    walk(&outer, &[l.strides(&others), b.strides(&others)], |_, [in_l, in_b]| {
        for i in 0..count {
            let mut x = data.get(in_b + i * along).copied().unwrap_or(Scalar::Bool(false));
            for j in 0..i {
                let known = data.get(in_b + j * along).copied().unwrap_or(Scalar::Bool(false));
                x = scalar::binary(BinaryOp::Sub, x, times(l.get(in_l + i * down + j * across), known));
            }
            if let Some(slot) = data.get_mut(in_b + i * along) {
                *slot = x;
            }
        }
    });
    Entries { data: data.into(), ..b.clone() }
}
