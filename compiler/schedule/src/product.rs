//! Contractions as library calls: `ab,bc->ac` with axes folded into rows, columns and batch.
//!
//! Labels in the left operand only are rows, those in the right only are columns, summed ones are the depth, the rest is the batch. Axes of a group become one where the strides
//! allow it; sequences join the rows where the right operand is the same for all of them. What does not fold is walked by a loop around the call.

use crate::ScheduleError;
use crate::index::{is_one, known};
use crate::place::{Parts, Place, Spot};
use crate::region::Steps;
use crate::schedule::Scheduler;
use crate::scope::{Scope, ScopeId};
use tensc_ir::{Contraction, DType, Dim, Node, Op, ValueId};
use tensc_program::{BATCH, BufferRef, Call, Gemm, Step};

/// Products below this many columns and this depth are left to a kernel.
const SMALL: usize = 8;

/// Whether a contraction is worth a library call: a product of f32 (or bf16) matrices with rows and columns.
pub(crate) fn fits(scope: &Scope<'_>, node: &Node) -> bool {
    let (Op::Contract(contraction), [a, b]) = (&node.op, node.operands.as_slice()) else { return false };
    let (left, right) = (scope.ty(*a), scope.ty(*b));
    let in_f32 = |dtype: DType| matches!(dtype, DType::F32 | DType::BF16);
    if scope.wide || !in_f32(left.dtype) || !in_f32(right.dtype) {
        return false;
    }
    let size = |own: &[u8], other: &[u8], shape: &[Dim], summed: bool| -> usize {
        let wanted = own.iter().zip(shape).filter(|(label, _)| {
            let kept = contraction.result.contains(label);
            if summed { other.contains(label) && !kept } else { !other.contains(label) && kept }
        });
        wanted.map(|(_, size)| known(size).unwrap_or(usize::MAX)).fold(1, usize::saturating_mul)
    };
    let rows = size(&contraction.left, &contraction.right, &left.shape, false);
    let columns = size(&contraction.right, &contraction.left, &right.shape, false);
    let depth = size(&contraction.left, &contraction.right, &left.shape, true);
    // A vector that varies times a matrix that does not: the sequences are the rows.
    let varies = |v: &ValueId| scope.fact(*v).varies;
    let rows = if varies(a) && !varies(b) { usize::MAX } else { rows };
    let columns = if varies(b) && !varies(a) { columns.max(SMALL) } else { columns };
    rows > 1 && columns > 1 && depth >= 2 && (columns >= SMALL || depth >= SMALL)
}

/// One axis with its strides in a, b and c.
#[derive(Clone, Debug)]
struct Axis {
    size: Dim,
    strides: [Dim; 3],
}

impl Scheduler<'_> {
    /// The steps of a contraction whose result goes to `place`.
    pub(crate) fn product(
        &mut self,
        at: ScopeId,
        contraction: &Contraction,
        operands: &[ValueId],
        place: &Place,
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let [a, b] = operands else {
            return Err(ScheduleError::Malformed("a contraction of other than two operands".to_owned()));
        };
        let mut left = self.array(at, *a, &mut steps.main)?;
        let mut right = self.array(at, *b, &mut steps.main)?;
        let mut b_panels = None;
        if let Some(packed) = self.packed(at, *b, contraction, &right, &mut steps.prepare)? {
            (right, b_panels) = (packed.place, packed.panels);
        }
        let summed = |label: &u8| !contraction.result.contains(label);
        let depth = axes(contraction, [&left, &right, place], &|label| summed(label));
        if !folded(&depth).0.is_empty() {
            // The summed axes lie apart: copies in which they are neighbours, in the same order.
            let order: Vec<u8> = contraction.left.iter().copied().filter(summed).collect();
            left = self.gathered(at, *a, &contraction.left, &order, &mut steps.main)?;
            right = self.gathered(at, *b, &contraction.right, &order, &mut steps.main)?;
        }
        let places = [&left, &right, place];
        let depth = axes(contraction, places, &|label| summed(label));
        let (in_left, in_right) =
            (|l: &u8| contraction.left.contains(l), |l: &u8| contraction.right.contains(l));
        let mut rows = axes(contraction, places, &|l| !summed(l) && !in_right(l));
        let columns = axes(contraction, places, &|l| !summed(l) && !in_left(l));
        let mut batch = axes(contraction, places, &|l| !summed(l) && in_left(l) && in_right(l));
        let strides = places.map(|place| place.batch.clone().unwrap_or_default());
        if place.batch.is_some() {
            let sequences = Axis { size: Dim::var(BATCH), strides };
            if left.batch.is_some() && right.batch.is_none() {
                rows.insert(0, sequences);
            } else {
                batch.insert(0, sequences);
            }
        }
        let (_, depth) = folded(&depth);
        let (mut outer, rows) = folded(&rows);
        let (more, columns) = folded(&columns);
        outer.extend(more);
        let (more, mut batch) = folded(&batch);
        outer.extend(more);
        if is_one(&batch.size)
            && let Some(axis) = outer.pop()
        {
            batch = axis;
        }
        let variables: Vec<Dim> = outer.iter().map(|_| self.variable("part")).collect();
        let reference = |n: usize, place: &Place| {
            let Parts::Real(Spot { buffer, offset }) = &place.parts else {
                return Err(ScheduleError::Malformed("a product of complex matrices".to_owned()));
            };
            let offset = outer
                .iter()
                .zip(&variables)
                .fold(offset.clone(), |offset, (axis, variable)| &offset + &(&stride(axis, n) * variable));
            Ok(BufferRef { buffer: *buffer, offset })
        };
        let strides =
            |n: usize, first: &Axis, second: &Axis| [stride(&batch, n), stride(first, n), stride(second, n)];
        let call = Gemm {
            a: reference(0, &left)?,
            b: reference(1, &right)?,
            c: reference(2, place)?,
            batch: batch.size.clone(),
            a_strides: strides(0, &rows, &depth),
            b_strides: strides(1, &depth, &columns),
            b_panels,
            c_strides: strides(2, &rows, &columns),
            m: rows.size,
            k: depth.size,
            n: columns.size,
            accumulate: false,
        };
        let mut step = Step::Call(Call::Gemm(Box::new(call)));
        for (axis, variable) in outer.into_iter().zip(variables).rev() {
            let variable = variable.as_var().unwrap_or("?").to_owned();
            step = Step::Loop { variable, count: axis.size, reverse: false, body: vec![step] };
        }
        steps.main.push(step);
        Ok(())
    }

    /// A copy of an operand with the labels `last` as its last axes.
    fn gathered(
        &mut self,
        at: ScopeId,
        value: ValueId,
        labels: &[u8],
        last: &[u8],
        steps: &mut Vec<Step>,
    ) -> Result<Place, ScheduleError> {
        let order: Vec<u8> = labels
            .iter()
            .copied()
            .filter(|label| !last.contains(label))
            .chain(last.iter().copied())
            .collect();
        let (ty, varies, wide) = {
            let scope = self.scope(at);
            (scope.ty(value), scope.fact(value).varies, scope.wide)
        };
        let position = |list: &[u8], label: &u8| list.iter().position(|l| l == label).unwrap_or(0);
        let shape: Vec<Dim> =
            order.iter().filter_map(|label| ty.shape.get(position(labels, label)).cloned()).collect();
        let name = self.value_name(at, value);
        let place = self.scratch(&name, (ty.dtype, wide), &shape, varies, [true; 2]);
        let back: Vec<usize> = labels.iter().map(|label| position(&order, label)).collect();
        let place = place.transpose(&back);
        steps.extend(self.compute_elsewhere(at, value, &place)?);
        Ok(place)
    }
}

fn stride(axis: &Axis, n: usize) -> Dim {
    axis.strides.get(n).cloned().unwrap_or_default()
}

/// The axes with wanted labels, in the order of the result, then of the left operand.
fn axes(contraction: &Contraction, places: [&Place; 3], wanted: &dyn Fn(&u8) -> bool) -> Vec<Axis> {
    let lists = [&contraction.left, &contraction.right, &contraction.result];
    let mut labels: Vec<u8> = Vec::new();
    for label in contraction.result.iter().chain(&contraction.left).filter(|label| wanted(label)) {
        if !labels.contains(label) {
            labels.push(*label);
        }
    }
    let axis = |label: &u8| {
        let mut size = Dim::constant(1);
        let mut strides = [Dim::default(), Dim::default(), Dim::default()];
        for ((list, place), slot) in lists.iter().zip(places).zip(&mut strides) {
            if let Some(n) = list.iter().position(|l| l == label) {
                *slot = place.strides.get(n).cloned().unwrap_or_default();
                size = place.shape.get(n).cloned().unwrap_or(size);
            }
        }
        Axis { size, strides }
    };
    labels.iter().map(axis).collect()
}

/// The innermost axes as one, and the outer ones that do not join it.
fn folded(axes: &[Axis]) -> (Vec<Axis>, Axis) {
    let none = || Axis { size: Dim::constant(1), strides: [Dim::default(), Dim::default(), Dim::default()] };
    let mut axes: Vec<Axis> = axes.iter().filter(|axis| !is_one(&axis.size)).cloned().collect();
    let Some(mut inner) = axes.pop() else { return (Vec::new(), none()) };
    while let Some(outer) = axes.last() {
        let joins =
            outer.strides.iter().zip(&inner.strides).all(|(outer, stride)| *outer == &inner.size * stride);
        if !joins {
            break;
        }
        inner.size = &inner.size * &outer.size;
        axes.pop();
    }
    (axes, inner)
}
