//! Complex arithmetic on pairs of real tiles.
//!
//! A part that is known to be zero (a real number made complex) is left out of sums and products, as in the formula written with real numbers.

use super::{Reader, Val};
use crate::ScheduleError;
use tensc_ir::{BinaryOp, UnaryOp};
use tensc_program::{Element, TileId};

type Pair = (TileId, TileId);

impl Reader<'_, '_> {
    fn number(&mut self, like: TileId, value: f64) -> TileId {
        self.em.constant(self.em.element(like), value)
    }

    fn is_zero(&self, tile: TileId) -> bool {
        self.em.constant_of(tile) == Some(0.0)
    }

    fn sum(&mut self, a: TileId, b: TileId) -> TileId {
        match (self.is_zero(a), self.is_zero(b)) {
            (true, _) => b,
            (_, true) => a,
            (false, false) => self.em.binary(BinaryOp::Add, a, b),
        }
    }

    fn difference(&mut self, a: TileId, b: TileId) -> TileId {
        match (self.is_zero(a), self.is_zero(b)) {
            (_, true) => a,
            (true, false) => self.em.unary(UnaryOp::Neg, b),
            (false, false) => self.em.binary(BinaryOp::Sub, a, b),
        }
    }

    fn times(&mut self, a: TileId, b: TileId) -> TileId {
        match (self.is_zero(a), self.is_zero(b)) {
            (true, _) => a,
            (_, true) => b,
            (false, false) => self.em.binary(BinaryOp::Mul, a, b),
        }
    }

    pub(crate) fn product(&mut self, (a, b): Pair, (c, d): Pair) -> Pair {
        let (ac, bd) = (self.times(a, c), self.times(b, d));
        let (ad, bc) = (self.times(a, d), self.times(b, c));
        (self.difference(ac, bd), self.sum(ad, bc))
    }

    pub(super) fn polar(&mut self, r: TileId, angle: TileId) -> Val {
        if self.is_zero(angle) {
            return Val::Complex(r, angle);
        }
        let (cos, sin) = (self.em.unary(UnaryOp::Cos, angle), self.em.unary(UnaryOp::Sin, angle));
        Val::Complex(self.em.binary(BinaryOp::Mul, r, cos), self.em.binary(BinaryOp::Mul, r, sin))
    }

    pub(super) fn complex_unary(
        &mut self,
        op: UnaryOp,
        re: TileId,
        im: TileId,
    ) -> Result<Val, ScheduleError> {
        Ok(match op {
            UnaryOp::Neg => Val::Complex(self.em.unary(UnaryOp::Neg, re), self.em.unary(UnaryOp::Neg, im)),
            UnaryOp::Conj => Val::Complex(re, self.em.unary(UnaryOp::Neg, im)),
            UnaryOp::Re => Val::Real(re),
            UnaryOp::Im => Val::Real(im),
            UnaryOp::Exp => {
                let r = self.em.unary(UnaryOp::Exp, re);
                self.polar(r, im)
            }
            UnaryOp::Abs => Val::Real(self.modulus(re, im)),
            UnaryOp::Sqrt => self.root(re, im),
            UnaryOp::Arg => Val::Real(self.angle(re, im)),
            UnaryOp::Detach => Val::Complex(re, im),
            UnaryOp::Not
            | UnaryOp::Log
            | UnaryOp::Rsqrt
            | UnaryOp::Tanh
            | UnaryOp::Sigmoid
            | UnaryOp::Softplus
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Erf
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Round => {
                return Err(ScheduleError::Malformed(format!("`{}` of a complex operand", op.name())));
            }
        })
    }

    pub(super) fn complex_binary(
        &mut self,
        op: BinaryOp,
        (a, b): Pair,
        (c, d): Pair,
    ) -> Result<Val, ScheduleError> {
        Ok(match op {
            BinaryOp::Add => Val::Complex(self.sum(a, c), self.sum(b, d)),
            BinaryOp::Sub => Val::Complex(self.difference(a, c), self.difference(b, d)),
            BinaryOp::Mul => {
                let (re, im) = self.product((a, b), (c, d));
                Val::Complex(re, im)
            }
            BinaryOp::Div => self.quotient((a, b), (c, d)),
            BinaryOp::Eq => {
                let (re, im) = (self.em.binary(BinaryOp::Eq, a, c), self.em.binary(BinaryOp::Eq, b, d));
                Val::Real(self.em.binary(BinaryOp::And, re, im))
            }
            BinaryOp::Ne => {
                let (re, im) = (self.em.binary(BinaryOp::Ne, a, c), self.em.binary(BinaryOp::Ne, b, d));
                Val::Real(self.em.binary(BinaryOp::Or, re, im))
            }
            BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Max
            | BinaryOp::Min
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Complex
            | BinaryOp::Polar => {
                return Err(ScheduleError::Malformed(format!("`{}` of complex operands", op.name())));
            }
        })
    }

    /// Smith's algorithm: no overflow where the quotient has none (Communications of the ACM 5, 1962). Both of its branches are one formula in the larger and
    /// the smaller part of the divisor.
    fn quotient(&mut self, (a, b): Pair, (c, d): Pair) -> Val {
        if self.is_zero(d) {
            return Val::Complex(
                self.em.binary(BinaryOp::Div, a, c),
                if self.is_zero(b) { b } else { self.em.binary(BinaryOp::Div, b, c) },
            );
        }
        let (size_c, size_d) = (self.em.unary(UnaryOp::Abs, c), self.em.unary(UnaryOp::Abs, d));
        let first = self.em.binary(BinaryOp::Ge, size_c, size_d);
        let (large, small) = (self.em.select(first, c, d), self.em.select(first, d, c));
        let zero = self.number(c, 0.0);
        let plain = self.em.binary(BinaryOp::Eq, small, zero);
        let ratio = self.em.binary(BinaryOp::Div, small, large);
        let ratio = self.em.select(plain, zero, ratio);
        let scale = self.em.binary(BinaryOp::Mul, small, ratio);
        let scale = self.em.binary(BinaryOp::Add, large, scale);
        // first: (a + b ratio, b - a ratio); else (a ratio + b, b ratio - a).
        let (a_ratio, b_ratio) = (self.times(a, ratio), self.times(b, ratio));
        let (p, q) = (self.sum(a, b_ratio), self.sum(a_ratio, b));
        let re = self.em.select(first, p, q);
        let (p, q) = (self.difference(b, a_ratio), self.difference(b_ratio, a));
        let im = self.em.select(first, p, q);
        Val::Complex(self.em.binary(BinaryOp::Div, re, scale), self.em.binary(BinaryOp::Div, im, scale))
    }

    /// `|z|` without overflow: the larger part times a root of at most 2.
    fn modulus(&mut self, re: TileId, im: TileId) -> TileId {
        let (x, y) = (self.em.unary(UnaryOp::Abs, re), self.em.unary(UnaryOp::Abs, im));
        if self.is_zero(im) {
            return x;
        }
        let (large, small) = (self.em.binary(BinaryOp::Max, x, y), self.em.binary(BinaryOp::Min, x, y));
        let ratio = self.em.binary(BinaryOp::Div, small, large);
        let square = self.em.binary(BinaryOp::Mul, ratio, ratio);
        let one = self.number(re, 1.0);
        let sum = self.em.binary(BinaryOp::Add, square, one);
        let root = self.em.unary(UnaryOp::Sqrt, sum);
        let modulus = self.em.binary(BinaryOp::Mul, large, root);
        // 0 / 0 and inf / inf have no ratio; the larger part is the modulus.
        let (zero, infinite) = (self.number(re, 0.0), self.number(re, f64::INFINITY));
        let nothing = self.em.binary(BinaryOp::Eq, large, zero);
        let everything = self.em.binary(BinaryOp::Eq, large, infinite);
        let plain = self.em.binary(BinaryOp::Or, nothing, everything);
        self.em.select(plain, large, modulus)
    }

    /// The principal root without cancellation (Kahan, Branch cuts for complex elementary functions, 1987).
    fn root(&mut self, re: TileId, im: TileId) -> Val {
        let (zero, half) = (self.number(re, 0.0), self.number(re, 0.5));
        let modulus = self.modulus(re, im);
        let size = self.em.unary(UnaryOp::Abs, re);
        let sum = self.em.binary(BinaryOp::Add, size, modulus);
        let sum = self.em.binary(BinaryOp::Mul, half, sum);
        let main = self.em.unary(UnaryOp::Sqrt, sum);
        let twice = self.em.binary(BinaryOp::Add, main, main);
        let height = self.em.unary(UnaryOp::Abs, im);
        let other = self.em.binary(BinaryOp::Div, height, twice);
        let nothing = self.em.binary(BinaryOp::Eq, main, zero);
        let other = self.em.select(nothing, zero, other);
        let right = self.em.binary(BinaryOp::Ge, re, zero);
        let (x, y) = (self.em.select(right, main, other), self.em.select(right, other, main));
        let below = self.em.binary(BinaryOp::Lt, im, zero);
        let negative = self.em.unary(UnaryOp::Neg, y);
        Val::Complex(x, self.em.select(below, negative, y))
    }

    /// `atan2(im, re)` in (-pi, pi]: arc tangent of the smaller part over the larger, then the octant.
    fn angle(&mut self, re: TileId, im: TileId) -> TileId {
        let (x, y) = (self.em.unary(UnaryOp::Abs, re), self.em.unary(UnaryOp::Abs, im));
        let steep = self.em.binary(BinaryOp::Gt, y, x);
        let (large, small) = (self.em.binary(BinaryOp::Max, x, y), self.em.binary(BinaryOp::Min, x, y));
        let ratio = self.em.binary(BinaryOp::Div, small, large);
        let (zero, one) = (self.number(re, 0.0), self.number(re, 1.0));
        let nothing = self.em.binary(BinaryOp::Eq, large, zero);
        let ratio = self.em.select(nothing, zero, ratio);
        let equal = self.em.binary(BinaryOp::Eq, x, y);
        let defined = self.em.unary(UnaryOp::Not, nothing);
        let diagonal = self.em.binary(BinaryOp::And, equal, defined);
        let ratio = self.em.select(diagonal, one, ratio);
        let base = self.arc_tangent(ratio);
        let quarter = self.number(re, std::f64::consts::FRAC_PI_2);
        let turned = self.em.binary(BinaryOp::Sub, quarter, base);
        let angle = self.em.select(steep, turned, base);
        let left = self.em.binary(BinaryOp::Lt, re, zero);
        let half = self.number(re, std::f64::consts::PI);
        let turned = self.em.binary(BinaryOp::Sub, half, angle);
        let angle = self.em.select(left, turned, angle);
        let below = self.em.binary(BinaryOp::Lt, im, zero);
        let negative = self.em.unary(UnaryOp::Neg, angle);
        self.em.select(below, negative, angle)
    }

    /// Arc tangent of a number in 0 ..= 1. Above tan(pi / 8) the argument is turned by pi / 4, so the series in odd powers converges by 0.172 a term; terms are
    /// taken until they fall below the element type's precision.
    fn arc_tangent(&mut self, x: TileId) -> TileId {
        let terms = if self.em.element(x) == Element::F64 { 20 } else { 9 };
        let (one, limit) = (self.number(x, 1.0), self.number(x, 0.414_213_562_373_095));
        let high = self.em.binary(BinaryOp::Gt, x, limit);
        let (above, below) = (self.em.binary(BinaryOp::Sub, x, one), self.em.binary(BinaryOp::Add, x, one));
        let turned = self.em.binary(BinaryOp::Div, above, below);
        let x = self.em.select(high, turned, x);
        let square = self.em.binary(BinaryOp::Mul, x, x);
        let mut series = self.number(x, 0.0);
        for n in (0..terms).rev() {
            let sign = if n % 2 == 0 { 1.0 } else { -1.0 };
            let coefficient = self.number(x, sign / f64::from(2 * n + 1));
            let inner = self.em.binary(BinaryOp::Mul, series, square);
            series = self.em.binary(BinaryOp::Add, inner, coefficient);
        }
        let angle = self.em.binary(BinaryOp::Mul, series, x);
        let eighth = self.number(x, std::f64::consts::FRAC_PI_4);
        let back = self.em.binary(BinaryOp::Add, angle, eighth);
        self.em.select(high, back, angle)
    }
}
