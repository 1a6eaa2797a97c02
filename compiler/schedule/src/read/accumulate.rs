//! Reductions, contractions, convolutions and running sums inside a kernel.
//!
//! An axis known when compiling becomes a tile axis as far as it fits; what does not fit, and an axis of run-time size, is walked in pieces by a loop with a carried
//! accumulator. The pieces follow from sizes alone, so the order of every sum does.

use super::{Reader, Val};
use crate::ScheduleError;
use crate::emit::rest;
use crate::index::{Ix, dim, is_one, known, pieces};
use crate::scope::ScopeId;
use std::collections::BTreeSet;
use tensc_ir::{BinaryOp, Contraction, DType, Dim, ReduceKind, ValueId};
use tensc_program::{AxisId, Element, ReduceOp, TileId};

/// The longest axis that is reduced as one tile.
const TILE: usize = 8192;
/// How many entries of a longer one are taken at a time.
const PIECE: usize = 1024;
/// How many entries of an axis of run-time size are taken at a time.
const RUN_TIME_PIECE: usize = 64;

/// Whether an axis of this size is one tile axis where it is reduced.
pub(crate) fn fits_tile(size: &Dim) -> bool {
    known(size).is_some_and(|n| n <= TILE)
}

/// What a reduced entry is.
enum Term {
    One(TileId),
    Product(TileId, TileId),
}

/// An accumulator: how entries combine, and how two partial results do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Combine {
    Sum,
    Max,
    Min,
    ArgMax,
}

impl Combine {
    fn op(self) -> ReduceOp {
        match self {
            Self::Sum => ReduceOp::Sum,
            Self::Max => ReduceOp::Max,
            Self::Min => ReduceOp::Min,
            Self::ArgMax => ReduceOp::ArgMax,
        }
    }

    /// The result over no entries.
    fn nothing(self, element: Element) -> f64 {
        let (low, high) = match element {
            Element::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Element::F32 | Element::F64 | Element::Bool => (f64::NEG_INFINITY, f64::INFINITY),
        };
        match self {
            Self::Sum => 0.0,
            Self::Max | Self::ArgMax => low,
            Self::Min => high,
        }
    }
}

type TermAt<'a, 's, 'g> = &'a mut dyn FnMut(&mut Reader<'s, 'g>, &[Ix]) -> Result<Vec<Term>, ScheduleError>;

impl<'s, 'g> Reader<'s, 'g> {
    pub(super) fn reduce(
        &mut self,
        at: ScopeId,
        x: ValueId,
        kind: ReduceKind,
        axes: &[usize],
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let ty = self.cx.scope(at).ty(x);
        let sizes: Vec<Dim> = axes.iter().filter_map(|axis| ty.shape.get(*axis).cloned()).collect();
        let taken = self.taken(idx);
        let combine = match kind {
            ReduceKind::Sum => Combine::Sum,
            ReduceKind::Max => Combine::Max,
            ReduceKind::Min => Combine::Min,
            ReduceKind::ArgMax => Combine::ArgMax,
        };
        let mut term = |reader: &mut Self, reduced: &[Ix]| {
            let mut inner = idx.to_vec();
            for (axis, ix) in axes.iter().zip(reduced) {
                inner.insert((*axis).min(inner.len()), ix.clone());
            }
            Ok(reader.read(at, x, &inner)?.tiles().into_iter().map(Term::One).collect())
        };
        let tiles = self.accumulate(combine, &sizes, &taken, &mut term)?;
        self.accumulated(&tiles, ty.dtype, combine)
    }

    fn accumulated(
        &mut self,
        tiles: &[TileId],
        dtype: DType,
        combine: Combine,
    ) -> Result<Val, ScheduleError> {
        match tiles {
            [re, im] => Ok(Val::Complex(*re, *im)),
            // Over nothing, a byte's own extreme; and sums of bytes wrap.
            [tile] if dtype == DType::U8 => Ok(Val::Real(match combine {
                Combine::Sum => self.wrapped(dtype, *tile),
                Combine::Max => {
                    let zero = self.em.constant(Element::I32, 0.0);
                    self.em.binary(BinaryOp::Max, *tile, zero)
                }
                Combine::Min => {
                    let most = self.em.constant(Element::I32, 255.0);
                    self.em.binary(BinaryOp::Min, *tile, most)
                }
                Combine::ArgMax => *tile,
            })),
            [tile] => Ok(Val::Real(*tile)),
            _ => Err(ScheduleError::Malformed("a reduction of nothing".to_owned())),
        }
    }

    pub(super) fn contract(
        &mut self,
        at: ScopeId,
        contraction: &Contraction,
        a: ValueId,
        b: ValueId,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let scope = self.cx.scope(at);
        let (left, right) = (scope.ty(a), scope.ty(b));
        let mut summed: Vec<(u8, Dim)> = Vec::new();
        for (labels, ty) in [(&contraction.left, left), (&contraction.right, right)] {
            for (label, size) in labels.iter().zip(&ty.shape) {
                if !contraction.result.contains(label) && !summed.iter().any(|(known, _)| known == label) {
                    summed.push((*label, size.clone()));
                }
            }
        }
        let sizes: Vec<Dim> = summed.iter().map(|(_, size)| size.clone()).collect();
        let taken = self.taken(idx);
        let mut term = |reader: &mut Self, reduced: &[Ix]| {
            let position = |label: &u8| {
                let kept = contraction.result.iter().position(|l| l == label).and_then(|n| idx.get(n));
                let gone = || summed.iter().position(|(l, _)| l == label).and_then(|n| reduced.get(n));
                kept.or_else(gone).cloned().unwrap_or_default()
            };
            let left: Vec<Ix> = contraction.left.iter().map(position).collect();
            let right: Vec<Ix> = contraction.right.iter().map(position).collect();
            let (a, b) = (reader.read(at, a, &left)?, reader.read(at, b, &right)?);
            Ok(match (a, b) {
                (Val::Real(a), Val::Real(b)) => vec![Term::Product(a, b)],
                (a, b) => {
                    let (a, b) = (reader.parts(a), reader.parts(b));
                    let (re, im) = reader.product(a, b);
                    vec![Term::One(re), Term::One(im)]
                }
            })
        };
        if sizes.is_empty() {
            let terms = term(self, &[])?;
            let tiles: Vec<TileId> = terms.into_iter().map(|term| self.entry(term)).collect();
            return self.accumulated(&tiles, left.dtype, Combine::Sum);
        }
        let tiles = self.accumulate(Combine::Sum, &sizes, &taken, &mut term)?;
        self.accumulated(&tiles, left.dtype, Combine::Sum)
    }

    /// `sum_j w[j] * x[t - j]`, entries before the first being zero.
    pub(super) fn conv(
        &mut self,
        at: ScopeId,
        x: ValueId,
        w: ValueId,
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let scope = self.cx.scope(at);
        let (x_ty, w_ty) = (scope.ty(x), scope.ty(w));
        let skipped = if w_ty.rank() == x_ty.rank() { 0 } else { axis };
        let taps = w_ty.shape.get(axis - skipped).cloned().unwrap_or_default();
        let length = x_ty.shape.get(axis).cloned().unwrap_or_default();
        let taken = self.taken(idx);
        let mut term = |reader: &mut Self, reduced: &[Ix]| {
            let j = reduced.first().cloned().unwrap_or_default();
            let mut inner = idx.to_vec();
            if let Some(ix) = inner.get_mut(axis) {
                *ix = ix.plus(&j.scaled(&Dim::constant(-1)));
            }
            let condition = inner.get(axis).and_then(|ix| reader.in_range(ix, &length));
            let x = reader.under(condition, |reader| reader.read(at, x, &inner))?;
            let mut position: Vec<Ix> = idx.iter().skip(skipped).cloned().collect();
            if let Some(ix) = position.get_mut(axis - skipped) {
                *ix = j;
            }
            let w = reader.read(at, w, &position)?;
            Ok(match reader.binary(BinaryOp::Mul, x, w, DType::F32)? {
                Val::Real(tile) => vec![Term::One(tile)],
                Val::Complex(re, im) => vec![Term::One(re), Term::One(im)],
            })
        };
        // A few taps are written out: each reads a row that is there already.
        let tiles = match known(&taps) {
            Some(taps @ 1..=16) => {
                let mut sums: Vec<TileId> = Vec::new();
                for j in 0..taps {
                    let terms = term(self, &[Ix::at(dim(j))])?;
                    let entries: Vec<TileId> = terms.into_iter().map(|term| self.entry(term)).collect();
                    sums = match sums.len() {
                        0 => entries,
                        _ => {
                            let pairs = sums.iter().zip(&entries);
                            pairs.map(|(a, b)| self.em.binary(BinaryOp::Add, *a, *b)).collect()
                        }
                    };
                }
                sums
            }
            Some(_) | None => {
                self.accumulate(Combine::Sum, std::slice::from_ref(&taps), &taken, &mut term)?
            }
        };
        self.accumulated(&tiles, x_ty.dtype, Combine::Sum)
    }

    /// A running sum at a position: the sum of all entries that are not behind it. Only short axes come here; longer ones are recurrences.
    pub(super) fn cumsum(
        &mut self,
        at: ScopeId,
        x: ValueId,
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let ty = self.cx.scope(at).ty(x);
        let size = ty.shape.get(axis).cloned().unwrap_or_default();
        let end = idx.get(axis).cloned().unwrap_or_default();
        let taken = self.taken(idx);
        let mut term = |reader: &mut Self, reduced: &[Ix]| {
            let here = reduced.first().cloned().unwrap_or_default();
            let distance = end.plus(&here.scaled(&Dim::constant(-1)));
            let distance = reader.em.number(&distance);
            let zero = reader.em.constant(Element::I32, 0.0);
            let condition = reader.em.binary(BinaryOp::Ge, distance, zero);
            let mut inner = idx.to_vec();
            if let Some(ix) = inner.get_mut(axis) {
                *ix = here;
            }
            let val = reader.read(at, x, &inner)?;
            let zeros = val.tiles().into_iter().map(|tile| {
                let zero = reader.em.constant(reader.em.element(tile), 0.0);
                Term::One(reader.em.select(condition, tile, zero))
            });
            Ok(zeros.collect())
        };
        let tiles = self.accumulate(Combine::Sum, &[size], &taken, &mut term)?;
        self.accumulated(&tiles, ty.dtype, Combine::Sum)
    }

    /// Names that a new axis must not have: those of the position and of the conditions.
    fn taken(&self, idx: &[Ix]) -> BTreeSet<String> {
        let mut taken = BTreeSet::new();
        for ix in idx {
            self.em.names_of(ix, &mut taken);
        }
        for condition in &self.conditions {
            taken.extend(self.em.tile(*condition).axes.iter().map(|axis| self.em.axis_name(*axis)));
        }
        taken
    }

    fn entry(&mut self, term: Term) -> TileId {
        match term {
            Term::One(tile) => tile,
            Term::Product(a, b) => self.em.binary(BinaryOp::Mul, a, b),
        }
    }

    /// Combines the terms at all positions of these axes.
    fn accumulate(
        &mut self,
        combine: Combine,
        sizes: &[Dim],
        taken: &BTreeSet<String>,
        term: TermAt<'_, 's, 'g>,
    ) -> Result<Vec<TileId>, ScheduleError> {
        let mut positions = vec![Ix::zero(); sizes.len()];
        let mut walk = Walk { combine, sizes, taken: taken.clone(), tiles: Vec::new() };
        self.walk(&mut walk, 0, &mut positions, term)
    }

    fn walk(
        &mut self,
        walk: &mut Walk<'_>,
        axis: usize,
        positions: &mut Vec<Ix>,
        term: TermAt<'_, 's, 'g>,
    ) -> Result<Vec<TileId>, ScheduleError> {
        let Some(size) = walk.sizes.get(axis) else {
            let terms = term(self, positions)?;
            return Ok(self.combine_tiles(walk, terms));
        };
        // What the axes behind this one need as tiles.
        let behind: usize = walk
            .sizes
            .iter()
            .skip(axis + 1)
            .map(|size| known(size).unwrap_or(RUN_TIME_PIECE).clamp(1, PIECE))
            .product();
        if is_one(size) {
            return self.walk(walk, axis + 1, positions, term);
        }
        let bound = match known(size) {
            Some(0) => 1,
            Some(n) if n.saturating_mul(behind) <= TILE => n,
            Some(_) | None if behind >= RUN_TIME_PIECE => 1,
            Some(_) => PIECE,
            None => RUN_TIME_PIECE,
        };
        if known(size).is_some_and(|n| n <= bound) {
            let axis_id = self.new_axis(walk, bound, size);
            let position = self.em.position(axis_id);
            self.em.span(&position, size);
            set(positions, axis, Ix::at(position));
            walk.tiles.push((axis_id, Dim::default()));
            let result = self.walk(walk, axis + 1, positions, term);
            walk.tiles.pop();
            return result;
        }
        let size = self.em.size(size);
        let piece = self.em.begin_loop("r", pieces(&size, bound), false);
        let origin = &piece * &dim(bound);
        if bound == 1 {
            self.em.span(&piece, &size);
            set(positions, axis, Ix::at(piece));
        } else {
            let axis_id = self.new_axis(walk, bound, &rest(&size, bound, &piece));
            let position = &origin + &self.em.position(axis_id);
            self.em.span(&position, &size);
            set(positions, axis, Ix::at(position));
            walk.tiles.push((axis_id, origin.clone()));
        }
        let partial = self.walk(walk, axis + 1, positions, term)?;
        if bound != 1 {
            walk.tiles.pop();
        }
        Ok(self.carry_on(walk, partial))
    }

    fn new_axis(&mut self, walk: &mut Walk<'_>, bound: usize, extent: &Dim) -> AxisId {
        let axis = self.em.axis(bound, extent, &walk.taken);
        walk.taken.insert(self.em.axis_name(axis));
        axis
    }

    /// Combines the terms along all tile axes.
    fn combine_tiles(&mut self, walk: &Walk<'_>, terms: Vec<Term>) -> Vec<TileId> {
        if walk.combine == Combine::ArgMax {
            return self.largest(walk, terms);
        }
        let mut results = Vec::new();
        for term in terms {
            let mut axes = walk.tiles.iter().rev();
            let mut tile = match (term, walk.combine) {
                (Term::Product(a, b), Combine::Sum) => match axes.next() {
                    Some((axis, _)) => self.em.dot(*axis, a, b),
                    None => self.em.binary(BinaryOp::Mul, a, b),
                },
                (term, _) => self.entry(term),
            };
            for (axis, _) in axes {
                tile = self.em.reduce(walk.combine.op(), *axis, tile);
            }
            results.push(tile);
        }
        results
    }

    /// The largest entry and its position.
    fn largest(&mut self, walk: &Walk<'_>, terms: Vec<Term>) -> Vec<TileId> {
        let Some(term) = terms.into_iter().next() else { return Vec::new() };
        let tile = self.entry(term);
        match walk.tiles.as_slice() {
            [(axis, origin), ..] => {
                let position = self.em.reduce(ReduceOp::ArgMax, *axis, tile);
                let origin_tile = self.em.iota(origin);
                let position = if *origin == Dim::default() {
                    position
                } else {
                    self.em.binary(BinaryOp::Add, position, origin_tile)
                };
                let value = self.em.reduce(ReduceOp::Max, *axis, tile);
                if *origin == Dim::default() { vec![position] } else { vec![position, value] }
            }
            [] => vec![self.em.constant(Element::I32, 0.0)],
        }
    }

    /// Ends a loop over pieces: combines the pieces in order.
    fn carry_on(&mut self, walk: &Walk<'_>, partial: Vec<TileId>) -> Vec<TileId> {
        let mut next = Vec::new();
        if let (Combine::ArgMax, [position, value]) = (walk.combine, partial.as_slice()) {
            let start = self.em.constant(Element::I32, 0.0);
            let element = self.em.element(*value);
            let least = self.em.constant(element, walk.combine.nothing(element));
            let axes = self.em.tile(*value).axes.clone();
            let best_position = self.em.carry(start, &axes);
            let best = self.em.carry(least, &axes);
            let larger = self.em.binary(BinaryOp::Gt, *value, best);
            let is_nan = self.em.binary(BinaryOp::Ne, *value, *value);
            let known = self.em.binary(BinaryOp::Eq, best, best);
            let larger = self.em.binary(BinaryOp::Or, larger, is_nan);
            let better = self.em.binary(BinaryOp::And, larger, known);
            next.push(self.em.select(better, *position, best_position));
            next.push(self.em.select(better, *value, best));
            let mut results = self.end_loop(&next);
            results.truncate(1);
            return results;
        }
        for tile in partial {
            let element = self.em.element(tile);
            let start = self.em.constant(element, walk.combine.nothing(element));
            let axes = self.em.tile(tile).axes.clone();
            let sum = self.em.carry(start, &axes);
            let op = match walk.combine {
                Combine::Sum => BinaryOp::Add,
                Combine::Max | Combine::ArgMax => BinaryOp::Max,
                Combine::Min => BinaryOp::Min,
            };
            next.push(self.em.binary(op, sum, tile));
        }
        self.end_loop(&next)
    }
}

/// The axes that are walked.
struct Walk<'a> {
    combine: Combine,
    sizes: &'a [Dim],
    /// Names that new axes must not have.
    taken: BTreeSet<String>,
    /// Tile axes so far, each with the position that its first entry stands for.
    tiles: Vec<(AxisId, Dim)>,
}

fn set(positions: &mut [Ix], axis: usize, ix: Ix) {
    if let Some(slot) = positions.get_mut(axis) {
        *slot = ix;
    }
}
