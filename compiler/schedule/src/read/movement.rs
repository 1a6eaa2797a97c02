//! Ops that move entries: the position moves instead, and where it leaves the operand a condition says so.

use super::{Reader, Val};
use crate::ScheduleError;
use crate::index::{Ix, is_one, known, product, row_major};
use crate::place::reshape_groups;
use crate::scope::ScopeId;
use tensc_ir::{BinaryOp, Dim, ValueId};
use tensc_program::{Element, TileId};

impl Reader<'_, '_> {
    /// Reads under a further condition; zero where it is false.
    pub(super) fn under(
        &mut self,
        condition: Option<TileId>,
        read: impl FnOnce(&mut Self) -> Result<Val, ScheduleError>,
    ) -> Result<Val, ScheduleError> {
        let Some(condition) = condition else { return read(self) };
        self.conditions.push(condition);
        let val = read(self);
        self.conditions.pop();
        let zeros = |reader: &mut Self, tile| reader.em.constant(reader.em.element(tile), 0.0);
        Ok(match val? {
            Val::Real(tile) => {
                let zero = zeros(self, tile);
                Val::Real(self.em.select(condition, tile, zero))
            }
            Val::Complex(re, im) => {
                let zero = zeros(self, re);
                Val::Complex(self.em.select(condition, re, zero), self.em.select(condition, im, zero))
            }
        })
    }

    /// Whether a position is in `0..size`; nothing where it always is.
    pub(super) fn in_range(&mut self, ix: &Ix, size: &Dim) -> Option<TileId> {
        let size = self.em.size(size);
        let (low, high) = match ix.gathered.is_empty() {
            true => self.em.inside(&ix.affine, &size),
            false => (false, false),
        };
        if low && high {
            return None;
        }
        let number = self.em.number(ix);
        let above = (!low).then(|| {
            let zero = self.em.constant(Element::I32, 0.0);
            self.em.binary(BinaryOp::Ge, number, zero)
        });
        let below = (!high).then(|| {
            let end = self.em.iota(&size);
            self.em.binary(BinaryOp::Lt, number, end)
        });
        self.em.both(above, below)
    }

    /// The operand where the position is inside of it, else zero.
    pub(crate) fn inside(
        &mut self,
        at: ScopeId,
        x: ValueId,
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let size = self.cx.scope(at).ty(x).shape.get(axis).cloned().unwrap_or_default();
        let condition = idx.get(axis).and_then(|ix| self.in_range(ix, &size));
        self.under(condition, |reader| reader.read(at, x, idx))
    }

    pub(super) fn flip(
        &mut self,
        at: ScopeId,
        x: ValueId,
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let size = self.cx.scope(at).ty(x).shape.get(axis).cloned().unwrap_or_default();
        let end = self.em.size(&(&size - &Dim::constant(1)));
        let mut inner = idx.to_vec();
        if let Some(ix) = inner.get_mut(axis) {
            *ix = ix.scaled(&Dim::constant(-1)).shifted(&end);
        }
        self.read(at, x, &inner)
    }

    pub(super) fn last(
        &mut self,
        at: ScopeId,
        x: ValueId,
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let size = self.cx.scope(at).ty(x).shape.get(axis).cloned().unwrap_or_default();
        let end = self.em.size(&(&size - &Dim::constant(1)));
        let mut inner = idx.to_vec();
        inner.insert(axis.min(inner.len()), Ix::at(end));
        self.inside(at, x, axis, &inner)
    }

    pub(super) fn concat(
        &mut self,
        at: ScopeId,
        operands: &[ValueId],
        axis: usize,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let mut start = Dim::default();
        let mut result: Option<Val> = None;
        for operand in operands {
            let size = self.cx.scope(at).ty(*operand).shape.get(axis).cloned().unwrap_or_default();
            let mut inner = idx.to_vec();
            if let Some(ix) = inner.get_mut(axis) {
                let back = self.em.size(&-&start);
                *ix = ix.shifted(&back);
            }
            let condition = inner.get(axis).and_then(|ix| self.in_range(ix, &size));
            let val = self.under(condition, |reader| reader.read(at, *operand, &inner))?;
            result = Some(match (result, condition) {
                (Some(earlier), Some(condition)) => self.choose(condition, val, earlier),
                (Some(_), None) | (None, _) => val,
            });
            start = &start + &size;
        }
        result.ok_or_else(|| ScheduleError::Malformed("`concat` of nothing".to_owned()))
    }

    /// Groups of axes with equal products correspond: several axes of the operand are one number taken apart, several of the result one number put together.
    pub(super) fn reshape(
        &mut self,
        at: ScopeId,
        x: ValueId,
        to: &[Dim],
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let from = self.cx.scope(at).ty(x).shape.clone();
        if from.as_slice() == to {
            return self.read(at, x, idx);
        }
        let groups = reshape_groups(&from, to).unwrap_or_else(|| vec![(0..from.len(), 0..to.len())]);
        let mut inner = Vec::with_capacity(from.len());
        for (left, right) in groups {
            let (Some(sizes), Some(parts), Some(positions)) =
                (from.get(left), to.get(right.clone()), idx.get(right))
            else {
                return Err(ScheduleError::Malformed("`reshape` between shapes that differ".to_owned()));
            };
            let mut flat = Ix::zero();
            for (position, stride) in positions.iter().zip(row_major(parts)) {
                let stride = self.em.size(&stride);
                flat = flat.plus(&position.scaled(&stride));
            }
            self.take_apart(flat, sizes, &mut inner);
        }
        self.read(at, x, &inner)
    }

    /// A flat position as one position per axis.
    fn take_apart(&mut self, flat: Ix, sizes: &[Dim], into: &mut Vec<Ix>) {
        let significant = sizes.iter().filter(|size| !is_one(size)).count();
        let mut rest = flat;
        let mut left = significant;
        for (n, size) in sizes.iter().enumerate() {
            if is_one(size) {
                into.push(Ix::zero());
                continue;
            }
            left -= 1;
            if left == 0 {
                into.push(rest.clone());
                continue;
            }
            let stride = product(sizes.iter().skip(n + 1));
            let (quotient, remainder) = self.divide(&rest, &stride);
            into.push(quotient);
            rest = remainder;
        }
    }

    /// Quotient and remainder of a position that is not negative.
    fn divide(&mut self, ix: &Ix, by: &Dim) -> (Ix, Ix) {
        if let (Some(by), Some((low, high)), true) =
            (known(by), self.em.range(&ix.affine), ix.gathered.is_empty())
            && low >= 0
            && usize::try_from(high).is_ok_and(|high| high < by)
        {
            return (Ix::zero(), ix.clone());
        }
        let by = self.em.size(by);
        if let (true, Some(quotient)) = (ix.gathered.is_empty(), ix.affine.div(&by))
            && quotient.is_integral()
        {
            return (Ix::at(quotient), Ix::zero());
        }
        let number = self.em.number(ix);
        let divisor = self.em.iota(&by);
        let remainder = self.em.binary(BinaryOp::Rem, number, divisor);
        // Tiles have no whole quotient; in f64 the exact one of two 32-bit numbers is whole.
        let multiple = self.em.binary(BinaryOp::Sub, number, remainder);
        let (multiple, divisor) = (self.em.cast(Element::F64, multiple), self.em.cast(Element::F64, divisor));
        let quotient = self.em.binary(BinaryOp::Div, multiple, divisor);
        let quotient = self.em.cast(Element::I32, quotient);
        (Ix::tile(quotient), Ix::tile(remainder))
    }
}
