//! Elementwise ops on tiles: real ones are tile ops, complex ones go on to their parts.

use super::{Reader, Val};
use crate::ScheduleError;
use tensc_ir::{BinaryOp, DType, UnaryOp};
use tensc_program::{Element, TileId};

impl Reader<'_, '_> {
    pub(crate) fn unary(&mut self, op: UnaryOp, x: Val, dtype: DType) -> Result<Val, ScheduleError> {
        match (op, x) {
            (UnaryOp::Detach, x) => Ok(x),
            (op, Val::Complex(re, im)) => self.complex_unary(op, re, im),
            (op, Val::Real(x)) => {
                let tile = self.em.unary(op, x);
                Ok(Val::Real(self.wrapped(dtype, tile)))
            }
        }
    }

    pub(crate) fn binary(
        &mut self,
        op: BinaryOp,
        a: Val,
        b: Val,
        dtype: DType,
    ) -> Result<Val, ScheduleError> {
        match (op, a, b) {
            (BinaryOp::Complex, Val::Real(re), Val::Real(im)) => Ok(Val::Complex(re, im)),
            (BinaryOp::Polar, Val::Real(r), Val::Real(angle)) => Ok(self.polar(r, angle)),
            (op, Val::Real(a), Val::Real(b)) => {
                let tile = self.em.binary(op, a, b);
                Ok(Val::Real(if op.is_comparison() { tile } else { self.wrapped(dtype, tile) }))
            }
            (op, Val::Complex(a, b), Val::Complex(c, d)) => self.complex_binary(op, (a, b), (c, d)),
            (op, Val::Real(_), Val::Complex(..)) | (op, Val::Complex(..), Val::Real(_)) => {
                Err(ScheduleError::Malformed(format!("`{}` of a real and a complex operand", op.name())))
            }
        }
    }

    pub(crate) fn choose(&mut self, condition: TileId, a: Val, b: Val) -> Val {
        match (a, b) {
            (Val::Real(a), Val::Real(b)) => Val::Real(self.em.select(condition, a, b)),
            (a, b) => {
                let ((a, b), (c, d)) = (self.parts(a), self.parts(b));
                Val::Complex(self.em.select(condition, a, c), self.em.select(condition, b, d))
            }
        }
    }

    /// Real and imaginary part of any value.
    pub(crate) fn parts(&mut self, val: Val) -> (TileId, TileId) {
        match val {
            Val::Complex(re, im) => (re, im),
            Val::Real(re) => (re, self.em.constant(self.em.element(re), 0.0)),
        }
    }

    pub(super) fn cast(&mut self, from: DType, to: DType, x: Val) -> Val {
        match (x, to) {
            (x @ Val::Complex(..), DType::C64) => x,
            (Val::Complex(re, im), _) => {
                let (re, im) = (self.em.cast(Element::Bool, re), self.em.cast(Element::Bool, im));
                Val::Real(self.em.binary(BinaryOp::Or, re, im))
            }
            (Val::Real(x), DType::C64) => {
                let element = self.element(DType::C64);
                let re = self.em.cast(element, x);
                Val::Complex(re, self.em.constant(element, 0.0))
            }
            (Val::Real(x), DType::U8) => {
                let tile = self.em.cast(Element::I32, x);
                Val::Real(if from.is_float() { self.clamped(tile) } else { self.wrapped(to, tile) })
            }
            (Val::Real(x), to) => {
                let element = self.element(to);
                Val::Real(self.em.cast(element, x))
            }
        }
    }

    /// A whole number as its element type stores it: a byte keeps the low bits.
    pub(super) fn wrapped(&mut self, dtype: DType, tile: TileId) -> TileId {
        if dtype != DType::U8 {
            return tile;
        }
        let modulus = self.em.constant(Element::I32, 256.0);
        self.em.binary(BinaryOp::Rem, tile, modulus)
    }

    fn clamped(&mut self, tile: TileId) -> TileId {
        let (low, high) = (self.em.constant(Element::I32, 0.0), self.em.constant(Element::I32, 255.0));
        let tile = self.em.binary(BinaryOp::Max, tile, low);
        self.em.binary(BinaryOp::Min, tile, high)
    }
}
