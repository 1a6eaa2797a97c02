//! Decays as tiles: sums of products of a body's values, and powers of them.

use crate::ScheduleError;
use crate::index::Ix;
use crate::read::{Reader, Val};
use crate::scope::ScopeId;
use tensc_ir::analyse::recurrence::{Factor, Product};
use tensc_ir::{BinaryOp, Dim, Type, UnaryOp};
use tensc_program::{Element, TileId};

/// Doublings that reach every number of entries.
const BITS: i64 = 40;

impl Reader<'_, '_> {
    /// A sum of products at a position of the state.
    pub(crate) fn decay(
        &mut self,
        body: ScopeId,
        decay: &[Product],
        state: &Type,
        idx: &[Ix],
    ) -> Result<Val, ScheduleError> {
        let dtype = state.dtype;
        let mut sum: Option<Val> = None;
        for product in decay {
            let mut all = None;
            for factor in &product.factors {
                all = Some(match *factor {
                    Factor::Times(value) => {
                        let value = self.aligned(body, value, state, idx)?;
                        match all {
                            Some(all) => self.binary(BinaryOp::Mul, all, value, dtype)?,
                            None => value,
                        }
                    }
                    Factor::Over(value) => {
                        let value = self.aligned(body, value, state, idx)?;
                        let all = match all {
                            Some(all) => all,
                            None => self.one(dtype),
                        };
                        self.binary(BinaryOp::Div, all, value, dtype)?
                    }
                    Factor::Where { condition, holds } => {
                        let condition = self.aligned(body, condition, state, idx)?.real();
                        let all = match all {
                            Some(all) => all,
                            None => self.one(dtype),
                        };
                        let zero = self.zero(dtype);
                        if holds {
                            self.choose(condition, all, zero)
                        } else {
                            self.choose(condition, zero, all)
                        }
                    }
                });
            }
            let mut all = match all {
                Some(all) => all,
                None => self.one(dtype),
            };
            if product.negative {
                all = self.unary(UnaryOp::Neg, all, dtype)?;
            }
            sum = Some(match sum {
                Some(sum) => self.binary(BinaryOp::Add, sum, all, dtype)?,
                None => all,
            });
        }
        Ok(match sum {
            Some(sum) => sum,
            None => self.zero(dtype),
        })
    }

    /// Both parts in f64; the imaginary part of a real number is zero.
    pub(crate) fn wide_parts(&mut self, val: Val) -> (TileId, TileId) {
        let (re, im) = self.parts(val);
        (self.em.cast(Element::F64, re), self.em.cast(Element::F64, im))
    }

    /// A number in f64 to a whole power, by squaring.
    pub(crate) fn power(&mut self, (re, im): (TileId, TileId), exponent: &Dim) -> (TileId, TileId) {
        let exponent = self.em.iota(exponent);
        let exponent = self.em.cast(Element::F64, exponent);
        let (one, zero) = (self.em.constant(Element::F64, 1.0), self.em.constant(Element::F64, 0.0));
        let half = self.em.constant(Element::F64, 0.5);
        let two = self.em.constant(Element::F64, 2.0);
        let axes: Vec<_> = [re, im].iter().flat_map(|tile| self.em.tile(*tile).axes.clone()).collect();
        self.em.begin_loop("k", Dim::constant(BITS), false);
        let rest = self.em.carry(exponent, &[]);
        let base = (self.em.carry(re, &axes), self.em.carry(im, &axes));
        let power = (self.em.carry(one, &axes), self.em.carry(zero, &axes));
        let halved = self.em.binary(BinaryOp::Mul, rest, half);
        let halved = self.em.unary(UnaryOp::Floor, halved);
        let even = self.em.binary(BinaryOp::Mul, halved, two);
        let is_even = self.em.binary(BinaryOp::Eq, even, rest);
        let larger = self.product(power, base);
        let next = (self.em.select(is_even, power.0, larger.0), self.em.select(is_even, power.1, larger.1));
        let square = self.product(base, base);
        let ends = self.end_loop(&[halved, square.0, square.1, next.0, next.1]);
        match ends.as_slice() {
            [_, _, _, re, im] => (*re, *im),
            _ => (re, im),
        }
    }

    /// A value with the axes of a position, repeated along those that it lacks.
    pub(crate) fn widened(&mut self, val: Val, idx: &[Ix]) -> Val {
        let axes: Vec<_> = idx
            .iter()
            .flat_map(|ix| ix.affine.names())
            .filter_map(|name| self.em.axis_of(&name).map(|(axis, _, _)| axis))
            .collect();
        let widen =
            |reader: &mut Self, tile| axes.iter().fold(tile, |tile, axis| reader.em.widen(tile, *axis));
        match val {
            Val::Real(tile) => Val::Real(widen(self, tile)),
            Val::Complex(re, im) => Val::Complex(widen(self, re), widen(self, im)),
        }
    }
}
