//! Size expressions as 64-bit code. Values that are not whole are the scheduler's mistake; division by zero gives 0 instead of a trap.

use super::{Cell, Coord, Emit};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use tensc_ir::Dim;
use tensc_ir::dim::Atom;
use tensc_program::AxisId;

/// Numerator, and denominator where it is not 1.
struct Fraction {
    numerator: Value,
    denominator: Option<Denominator>,
}

#[derive(Clone, Copy)]
enum Denominator {
    Known(i64),
    At(Value),
}

impl Emit<'_, '_> {
    /// The value of an expression; names of axes mean the coordinates of this place.
    pub(super) fn size(&mut self, dim: &Dim, cell: &Cell) -> Value {
        if let Some(n) = dim.as_constant() {
            return self.int(n);
        }
        let fraction = self.fraction(dim, cell);
        self.quotient(fraction, Rounding::Exact)
    }

    pub(super) fn coord(&mut self, coord: Coord) -> Value {
        match coord {
            Coord::Known(n) => self.int(n),
            Coord::At(value) => value,
        }
    }

    fn name(&mut self, name: &str, cell: &Cell) -> Value {
        if let Some(value) = self.names.get(name) {
            return *value;
        }
        let axis: Option<AxisId> = self.kernel.axis_named(name);
        let coord = axis.and_then(|axis| cell.coord(axis)).unwrap_or(Coord::Known(0));
        self.coord(coord)
    }

    fn fraction(&mut self, dim: &Dim, cell: &Cell) -> Fraction {
        let mut sum: Option<Fraction> = None;
        for (monomial, (numerator, denominator)) in dim.terms() {
            // Coefficients beyond 64 bits wrap; the verifier's interpreter reports such sizes.
            let (numerator, denominator) = (numerator as i64, denominator as i64);
            let mut product: Option<Value> = None;
            let mut below = (denominator != 1).then_some(Denominator::Known(denominator));
            for (atom, exponent) in monomial {
                let factor = self.atom(atom, cell);
                for _ in 0..exponent.unsigned_abs() {
                    let (above_factor, below_factor) = match (*exponent > 0, factor.denominator) {
                        (true, denominator) => (Some(factor.numerator), denominator),
                        (false, Some(denominator)) => {
                            (Some(self.denominator(denominator)), Some(Denominator::At(factor.numerator)))
                        }
                        (false, None) => (None, Some(Denominator::At(factor.numerator))),
                    };
                    if let Some(above_factor) = above_factor {
                        product = Some(self.multiply(product, above_factor));
                    }
                    below = self.both(below, below_factor);
                }
            }
            let numerator = match product {
                Some(product) if numerator == 1 => product,
                Some(product) => {
                    let coefficient = self.int(numerator);
                    self.b.ins().imul(product, coefficient)
                }
                None => self.int(numerator),
            };
            let term = Fraction { numerator, denominator: below };
            sum = Some(match sum {
                None => term,
                Some(sum) => self.plus(sum, term),
            });
        }
        sum.unwrap_or_else(|| Fraction { numerator: self.int(0), denominator: None })
    }

    fn multiply(&mut self, product: Option<Value>, factor: Value) -> Value {
        match product {
            Some(product) => self.b.ins().imul(product, factor),
            None => factor,
        }
    }

    fn denominator(&mut self, denominator: Denominator) -> Value {
        match denominator {
            Denominator::Known(n) => self.int(n),
            Denominator::At(value) => value,
        }
    }

    fn both(&mut self, a: Option<Denominator>, b: Option<Denominator>) -> Option<Denominator> {
        match (a, b) {
            (None, other) | (other, None) => other,
            (Some(Denominator::Known(a)), Some(Denominator::Known(b))) => {
                Some(Denominator::Known(a.wrapping_mul(b)))
            }
            (Some(a), Some(b)) => {
                let (a, b) = (self.denominator(a), self.denominator(b));
                Some(Denominator::At(self.b.ins().imul(a, b)))
            }
        }
    }

    fn plus(&mut self, a: Fraction, b: Fraction) -> Fraction {
        match (a.denominator, b.denominator) {
            (None, None) => {
                Fraction { numerator: self.b.ins().iadd(a.numerator, b.numerator), denominator: None }
            }
            (Some(Denominator::Known(x)), Some(Denominator::Known(y))) if x == y => Fraction {
                numerator: self.b.ins().iadd(a.numerator, b.numerator),
                denominator: a.denominator,
            },
            (x, y) => {
                let left = self.scaled(a.numerator, y);
                let right = self.scaled(b.numerator, x);
                let denominator = self.both(x, y);
                Fraction { numerator: self.b.ins().iadd(left, right), denominator }
            }
        }
    }

    fn scaled(&mut self, numerator: Value, by: Option<Denominator>) -> Value {
        match by {
            None => numerator,
            Some(by) => {
                let by = self.denominator(by);
                self.b.ins().imul(numerator, by)
            }
        }
    }

    fn atom(&mut self, atom: &Atom, cell: &Cell) -> Fraction {
        match atom {
            Atom::Var(name) => Fraction { numerator: self.name(name, cell), denominator: None },
            Atom::Floor(a) => {
                let a = self.fraction(a, cell);
                Fraction { numerator: self.quotient(a, Rounding::Down), denominator: None }
            }
            Atom::Ceil(a) => {
                let a = self.fraction(a, cell);
                Fraction { numerator: self.quotient(a, Rounding::Up), denominator: None }
            }
            Atom::Min(a, b) | Atom::Max(a, b) => {
                let (a, b) = (self.fraction(a, cell), self.fraction(b, cell));
                let (left, right) =
                    (self.scaled(a.numerator, b.denominator), self.scaled(b.numerator, a.denominator));
                let denominator = self.both(a.denominator, b.denominator);
                let numerator = if matches!(atom, Atom::Min(..)) {
                    self.b.ins().smin(left, right)
                } else {
                    self.b.ins().smax(left, right)
                };
                Fraction { numerator, denominator }
            }
            Atom::Recip(a) => {
                let a = self.fraction(a, cell);
                let numerator = match a.denominator {
                    Some(denominator) => self.denominator(denominator),
                    None => self.int(1),
                };
                Fraction { numerator, denominator: Some(Denominator::At(a.numerator)) }
            }
        }
    }

    fn quotient(&mut self, fraction: Fraction, rounding: Rounding) -> Value {
        let divisor = match fraction.denominator {
            None | Some(Denominator::Known(1)) => return fraction.numerator,
            Some(Denominator::Known(n)) => self.int(n),
            Some(Denominator::At(value)) => {
                let (zero, one) = (self.int(0), self.int(1));
                let empty = self.b.ins().icmp(IntCC::Equal, value, zero);
                self.b.ins().select(empty, one, value)
            }
        };
        let quotient = self.b.ins().sdiv(fraction.numerator, divisor);
        if matches!(rounding, Rounding::Exact) {
            return quotient;
        }
        let product = self.b.ins().imul(quotient, divisor);
        let rest = self.b.ins().isub(fraction.numerator, product);
        let zero = self.int(0);
        let inexact = self.b.ins().icmp(IntCC::NotEqual, rest, zero);
        // Truncation rounded towards zero: up where the exact quotient is negative.
        let signs = self.b.ins().bxor(rest, divisor);
        let negative = self.b.ins().icmp(IntCC::SignedLessThan, signs, zero);
        let (side, correction) = match rounding {
            Rounding::Down | Rounding::Exact => (negative, -1),
            Rounding::Up => {
                let positive = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, signs, zero);
                (positive, 1)
            }
        };
        let wrong = self.b.ins().band(inexact, side);
        let wrong = self.b.ins().uextend(types::I64, wrong);
        let correction = self.int(correction);
        let shift = self.b.ins().imul(wrong, correction);
        self.b.ins().iadd(quotient, shift)
    }
}

#[derive(Clone, Copy)]
enum Rounding {
    Exact,
    Down,
    Up,
}
