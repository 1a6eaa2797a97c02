//! Reductions: accumulators of a nest, and combining what is in registers.
//!
//! The order of a sum depends on the shape only. Along the vector axis there are four vectors of four partial sums, combined in order, then the rest one by one.

use super::{Cell, Coord, Emit};
use crate::plan::bound;
use crate::plan::group::{Nest, Root};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::BinaryOp;
use tensc_program::{AxisId, Element, Inst, ReduceOp, TileId, TileOp};

/// A reduction of a nest.
#[derive(Clone, Copy)]
pub(super) struct Reduction {
    pub(super) op: ReduceOp,
    value: TileId,
    pub(super) element: Element,
    pub(super) result: TileId,
}

pub(super) fn reductions(nest: &Nest, emit: &Emit) -> Vec<Reduction> {
    nest.roots
        .iter()
        .filter_map(|root| match root {
            Root::Reduce(Inst { op: TileOp::Reduce { op, value, .. }, results }) => Some(Reduction {
                op: *op,
                value: *value,
                element: emit.plan.tile(*value).element,
                result: results[0],
            }),
            Root::Reduce(_) | Root::Store(_) | Root::Keep(_) | Root::Check(_) | Root::Carry { .. } => None,
        })
        .collect()
}

/// Vectors that accumulate side by side.
const WIDTH: i64 = 4;

impl Emit<'_, '_> {
    /// Starting values; an ArgMax has the largest so far and its position.
    fn start(&mut self, all: &[Reduction], vector: bool) -> Vec<Value> {
        let mut values = Vec::new();
        for reduction in all {
            let first = self.identity(reduction.op, reduction.element);
            values.push(if vector { self.widen(first) } else { first });
            if reduction.op == ReduceOp::ArgMax {
                let zero = self.b.ins().iconst(types::I32, 0);
                values.push(if vector { self.widen(zero) } else { zero });
            }
        }
        values
    }

    /// Folds the entries at this place into the accumulators.
    fn accumulate(&mut self, all: &[Reduction], cell: &Cell, position: Value, sums: &[Value]) -> Vec<Value> {
        let mut next = Vec::new();
        let mut sums = sums.iter().copied();
        for reduction in all {
            let (Some(sum), entry) = (sums.next(), self.eval(reduction.value, cell)) else { continue };
            if reduction.op == ReduceOp::ArgMax {
                let Some(best_at) = sums.next() else { continue };
                let (largest, at) = self.larger(reduction.element, (sum, best_at), (entry, position));
                next.extend([largest, at]);
            } else {
                next.push(self.combine(reduction.op, reduction.element, sum, entry));
            }
        }
        next
    }

    pub(super) fn combine(&mut self, op: ReduceOp, element: Element, a: Value, b: Value) -> Value {
        let binary = match op {
            ReduceOp::Sum | ReduceOp::ArgMax => BinaryOp::Add,
            ReduceOp::Max => BinaryOp::Max,
            ReduceOp::Min => BinaryOp::Min,
            ReduceOp::And => BinaryOp::And,
            ReduceOp::Or => BinaryOp::Or,
        };
        self.binary(binary, element, a, b)
    }

    /// The larger of the best so far and a later entry, with its position; NaN is larger than every number.
    fn larger(&mut self, element: Element, best: (Value, Value), entry: (Value, Value)) -> (Value, Value) {
        let above = if element.is_float() {
            let above = self.compare(FloatCC::GreaterThan, entry.0, best.0);
            let nan = self.compare(FloatCC::Unordered, entry.0, entry.0);
            let number = self.compare(FloatCC::Ordered, best.0, best.0);
            let first_nan = self.binary(BinaryOp::And, Element::Bool, nan, number);
            self.binary(BinaryOp::Or, Element::Bool, above, first_nan)
        } else {
            self.binary(BinaryOp::Gt, element, entry.0, best.0)
        };
        (self.pick(above, entry.0, best.0), self.pick(above, entry.1, best.1))
    }

    /// The innermost loop of a nest with reductions; `cell` lacks only the reduced axis.
    pub(super) fn reduce_loop(&mut self, nest: &Nest, axis: AxisId, extent: Value, cell: &Cell) {
        let all = reductions(nest, self);
        for root in &nest.roots {
            self.hoist_root(root, cell);
        }
        let sums = if nest.vector == Some(axis) {
            self.reduce_along_vectors(nest, &all, axis, extent, cell)
        } else {
            let (zero, start) = (self.int(0), self.start(&all, cell.vector.is_some()));
            self.fold(zero, extent, 1, &start, |emit, at, sums| {
                emit.reduce_cell(nest, &all, &cell.with(axis, Coord::At(at), false), at, sums)
            })
        };
        let mut sums = sums.into_iter();
        for reduction in &all {
            let Some(mut sum) = sums.next() else { continue };
            if reduction.op == ReduceOp::ArgMax {
                sum = sums.next().unwrap_or(sum);
            }
            match self.slot(reduction.result) {
                Some(slot) => self.store_slot(&slot, cell, sum),
                None => self.scalars[reduction.result.0 as usize] = Some(sum),
            }
        }
    }

    /// What a nest does at one place, reductions included.
    fn reduce_cell(
        &mut self,
        nest: &Nest,
        all: &[Reduction],
        cell: &Cell,
        at: Value,
        sums: &[Value],
    ) -> Vec<Value> {
        self.roots(nest, cell);
        let position = self.b.ins().ireduce(types::I32, at);
        self.accumulate(all, cell, position, sums)
    }

    fn reduce_along_vectors(
        &mut self,
        nest: &Nest,
        all: &[Reduction],
        axis: AxisId,
        extent: Value,
        cell: &Cell,
    ) -> Vec<Value> {
        let zero = self.int(0);
        let mut from = zero;
        let mut partial = self.start(all, true);
        let count = partial.len();
        if bound(self.kernel, axis) as i64 >= 4 * WIDTH {
            let mut start = Vec::new();
            for _ in 0..WIDTH {
                start.extend(self.start(all, true));
            }
            let to = self.below_multiple(from, extent, 4 * WIDTH);
            let sums = self.fold(from, to, 4 * WIDTH, &start, |emit, at, sums| {
                let mut next = Vec::new();
                for (n, sums) in sums.chunks(count.max(1)).enumerate() {
                    let shift = emit.int(4 * n as i64);
                    let at = emit.b.ins().iadd(at, shift);
                    next.extend(emit.reduce_cell(nest, all, &cell.with(axis, Coord::At(at), true), at, sums));
                }
                next
            });
            // ((0 + 1) + (2 + 3)), accumulator by accumulator.
            let mut parts: Vec<Vec<Value>> = sums.chunks(count.max(1)).map(<[Value]>::to_vec).collect();
            while parts.len() > 1 {
                let pairs: Vec<Vec<Value>> = parts
                    .chunks(2)
                    .map(|pair| {
                        let (left, right) = (pair[0].clone(), pair.get(1).cloned().unwrap_or_default());
                        self.combine_all(all, left, right)
                    })
                    .collect();
                parts = pairs;
            }
            partial = parts.remove(0);
            from = to;
        }
        let to = self.below_multiple(from, extent, 4);
        let known = self.plan.known_extent(axis);
        if known.is_none_or(|extent| extent % (4 * WIDTH as usize) >= 4 || bound(self.kernel, axis) < 16) {
            partial = self.fold(from, to, 4, &partial, |emit, at, sums| {
                emit.reduce_cell(nest, all, &cell.with(axis, Coord::At(at), true), at, sums)
            });
        }
        // The four partial results of each vector, in order, then what is left.
        let mut sums = Vec::new();
        for (reduction, vector) in all.iter().zip(partial) {
            let lanes: Vec<Value> = (0..4)
                .map(|lane| {
                    if reduction.element == Element::Bool {
                        self.lane_condition(vector, lane)
                    } else {
                        self.lane(vector, lane)
                    }
                })
                .collect();
            let mut sum = lanes[0];
            for lane in &lanes[1..] {
                sum = self.combine(reduction.op, reduction.element, sum, *lane);
            }
            sums.push(sum);
        }
        if known.is_some_and(|extent| extent % 4 == 0) {
            return sums;
        }
        self.fold(to, extent, 1, &sums, |emit, at, sums| {
            emit.reduce_cell(nest, all, &cell.with(axis, Coord::At(at), false), at, sums)
        })
    }

    fn combine_all(&mut self, all: &[Reduction], left: Vec<Value>, right: Vec<Value>) -> Vec<Value> {
        if right.is_empty() {
            return left;
        }
        let pairs = all.iter().zip(left.into_iter().zip(right));
        pairs.map(|(reduction, (a, b))| self.combine(reduction.op, reduction.element, a, b)).collect()
    }

    /// The end of whole steps of this size from `from`.
    pub(super) fn below_multiple(&mut self, from: Value, extent: Value, step: i64) -> Value {
        let count = self.b.ins().isub(extent, from);
        let mask = self.int(-step);
        let whole = self.b.ins().band(count, mask);
        self.b.ins().iadd(from, whole)
    }

    /// A reduction of entries that all are in registers.
    pub(super) fn reduce_in_registers(
        &mut self,
        op: ReduceOp,
        axis: AxisId,
        value: TileId,
        cell: &Cell,
    ) -> Value {
        let element = self.plan.tile(value).element;
        let mut sum = self.identity(op, element);
        let mut best_at = self.b.ins().iconst(types::I32, 0);
        let mut partial: Option<Value> = None;
        for (coord, vector) in self.chunks(axis) {
            let place = cell.with(axis, Coord::Known(coord), vector);
            let entry = self.eval(value, &place);
            if vector && self.is_vector(entry) {
                partial = Some(match partial {
                    None => entry,
                    Some(partial) => self.combine(op, element, partial, entry),
                });
                continue;
            }
            sum = self.finish_vector(op, element, sum, partial.take());
            if op == ReduceOp::ArgMax {
                let at = self.b.ins().iconst(types::I32, coord);
                (sum, best_at) = self.larger(element, (sum, best_at), (entry, at));
            } else {
                sum = self.combine(op, element, sum, entry);
            }
        }
        if op == ReduceOp::ArgMax { best_at } else { self.finish_vector(op, element, sum, partial) }
    }

    fn finish_vector(
        &mut self,
        op: ReduceOp,
        element: Element,
        mut sum: Value,
        vector: Option<Value>,
    ) -> Value {
        let Some(vector) = vector else { return sum };
        for lane in 0..4 {
            let entry = if element == Element::Bool {
                self.lane_condition(vector, lane)
            } else {
                self.lane(vector, lane)
            };
            sum = self.combine(op, element, sum, entry);
        }
        sum
    }

    /// All of these extents are above 0.
    pub(super) fn all_positive(&mut self, extents: &[Value]) -> Option<Value> {
        let mut all: Option<Value> = None;
        for extent in extents {
            if self.known(*extent).is_some_and(|n| n > 0) {
                continue;
            }
            let zero = self.int(0);
            let positive = self.b.ins().icmp(IntCC::SignedGreaterThan, *extent, zero);
            all = Some(match all {
                None => positive,
                Some(all) => self.b.ins().band(all, positive),
            });
        }
        all
    }
}
