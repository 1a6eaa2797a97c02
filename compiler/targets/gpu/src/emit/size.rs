//! Size expressions as 64-bit code. Values that are not whole are the scheduler's mistake; division by zero gives 0 instead of a fault.

use super::Emit;
use crate::text::{Ty, Value};
use std::collections::HashMap;
use tensc_ir::Dim;
use tensc_ir::dim::Atom;
use tensc_program::AxisId;

/// A whole number, where it is known before the kernel runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Int {
    Known(i64),
    At(Value),
}

/// Numerator, and denominator where it is not 1.
#[derive(Clone, Copy)]
struct Fraction {
    above: Int,
    below: Int,
}

const ONE: Int = Int::Known(1);

/// Positions along tile axes, for expressions that mention them.
pub(crate) type Position = HashMap<String, Int>;

#[derive(Clone, Copy)]
enum Rounding {
    Exact,
    Down,
    Up,
}

impl Emit<'_> {
    pub(crate) fn int(&mut self, n: Int) -> Value {
        match n {
            Int::Known(n) => self.text.int(Ty::I64, n),
            Int::At(value) => value,
        }
    }

    pub(crate) fn plus(&mut self, a: Int, b: Int) -> Int {
        match (a, b) {
            (Int::Known(a), Int::Known(b)) => Int::Known(a.wrapping_add(b)),
            (Int::Known(0), other) | (other, Int::Known(0)) => other,
            _ => {
                let (a, b) = (self.int(a), self.int(b));
                Int::At(self.text.add(a, b))
            }
        }
    }

    pub(crate) fn times(&mut self, a: Int, b: Int) -> Int {
        match (a, b) {
            (Int::Known(a), Int::Known(b)) => Int::Known(a.wrapping_mul(b)),
            (Int::Known(0), _) | (_, Int::Known(0)) => Int::Known(0),
            (Int::Known(1), other) | (other, Int::Known(1)) => other,
            _ => {
                let (a, b) = (self.int(a), self.int(b));
                Int::At(self.text.mul(a, b))
            }
        }
    }

    /// The value of an expression over sizes, grid axes and variables of loops.
    pub(crate) fn size(&mut self, dim: &Dim) -> Int {
        self.size_at(dim, &Position::new())
    }

    /// The same, with tile axes at this position.
    pub(crate) fn size_at(&mut self, dim: &Dim, position: &Position) -> Int {
        if let Some(n) = dim.as_constant() {
            return Int::Known(n);
        }
        let fraction = self.fraction(dim, position);
        self.quotient(fraction, Rounding::Exact)
    }

    fn fraction(&mut self, dim: &Dim, position: &Position) -> Fraction {
        let mut sum: Option<Fraction> = None;
        for (monomial, (numerator, denominator)) in dim.terms() {
            // Coefficients beyond 64 bits wrap; the interpreter of programs reports such sizes.
            let mut term =
                Fraction { above: Int::Known(numerator as i64), below: Int::Known(denominator as i64) };
            for (atom, exponent) in monomial {
                let factor = self.atom(atom, position);
                let (above, below) =
                    if *exponent > 0 { (factor.above, factor.below) } else { (factor.below, factor.above) };
                for _ in 0..exponent.unsigned_abs() {
                    term = Fraction {
                        above: self.times(term.above, above),
                        below: self.times(term.below, below),
                    };
                }
            }
            sum = Some(match sum {
                None => term,
                Some(sum) if sum.below == term.below => {
                    Fraction { above: self.plus(sum.above, term.above), below: sum.below }
                }
                Some(sum) => {
                    let (left, right) =
                        (self.times(sum.above, term.below), self.times(term.above, sum.below));
                    Fraction { above: self.plus(left, right), below: self.times(sum.below, term.below) }
                }
            });
        }
        sum.unwrap_or(Fraction { above: Int::Known(0), below: ONE })
    }

    fn whole(&mut self, dim: &Dim, position: &Position, rounding: Rounding) -> Fraction {
        let fraction = self.fraction(dim, position);
        Fraction { above: self.quotient(fraction, rounding), below: ONE }
    }

    fn atom(&mut self, atom: &Atom, position: &Position) -> Fraction {
        match atom {
            Atom::Var(name) => {
                let known = position.get(&**name).or_else(|| self.names.get(&**name)).copied();
                Fraction { above: known.unwrap_or(Int::Known(0)), below: ONE }
            }
            Atom::Floor(a) => self.whole(a, position, Rounding::Down),
            Atom::Ceil(a) => self.whole(a, position, Rounding::Up),
            Atom::Min(a, b) | Atom::Max(a, b) => {
                let (a, b) = (self.fraction(a, position), self.fraction(b, position));
                let (left, right) = (self.times(a.above, b.below), self.times(b.above, a.below));
                let below = self.times(a.below, b.below);
                let smaller = matches!(atom, Atom::Min(..));
                let above = match (left, right) {
                    (Int::Known(a), Int::Known(b)) => Int::Known(if smaller { a.min(b) } else { a.max(b) }),
                    _ => {
                        let (a, b) = (self.int(left), self.int(right));
                        Int::At(self.text.integer(if smaller { "minsi" } else { "maxsi" }, a, b))
                    }
                };
                Fraction { above, below }
            }
            Atom::Recip(a) => {
                let a = self.fraction(a, position);
                Fraction { above: a.below, below: a.above }
            }
        }
    }

    fn quotient(&mut self, fraction: Fraction, rounding: Rounding) -> Int {
        let below = match fraction.below {
            Int::Known(1) => return fraction.above,
            Int::Known(n) => self.text.int(Ty::I64, n),
            Int::At(value) => {
                let (zero, one) = (self.text.int(Ty::I64, 0), self.text.int(Ty::I64, 1));
                let empty = self.text.compare("eq", value, zero);
                self.text.select(empty, one, value)
            }
        };
        let above = self.int(fraction.above);
        let op = match rounding {
            Rounding::Exact => "divsi",
            Rounding::Down => "floordivsi",
            Rounding::Up => "ceildivsi",
        };
        Int::At(self.text.integer(op, above, below))
    }

    /// The position of a slot along an axis.
    pub(crate) fn index(&mut self, layout: usize, axis: AxisId, slot: usize) -> Int {
        let from_slot = Int::Known(self.plan.layouts[layout].slot_index(axis, slot) as i64);
        let from_thread = self.thread_index(layout, axis);
        self.plus(from_thread, from_slot)
    }

    /// The part of a position that does not depend on the slot: the thread's, and that of the piece.
    pub(crate) fn thread_index(&mut self, layout: usize, axis: AxisId) -> Int {
        let within = self.thread_bits(layout, axis);
        let within = match within {
            Some(value) => Int::At(self.text.convert("extui", value, Ty::I64)),
            None => Int::Known(0),
        };
        match (self.pieces.get(&axis).copied(), self.plan.piece(axis)) {
            (Some(piece), Some(width)) => {
                let start = self.times(Int::At(piece), Int::Known(width as i64));
                self.plus(start, within)
            }
            _ => within,
        }
    }

    /// The thread's part of an index, 32 bits.
    pub(crate) fn thread_bits(&mut self, layout: usize, axis: AxisId) -> Option<Value> {
        let mut sum: Option<Value> = None;
        for (first, count, to) in self.plan.layouts[layout].thread_runs(axis) {
            let mut part = self.thread;
            if first > 0 {
                let shift = self.text.int(Ty::I32, i64::from(first));
                part = self.text.integer("shrui", part, shift);
            }
            if first + count < self.plan.threads || self.plan.points > 0 && first + count < 32 {
                let mask = self.text.int(Ty::I32, (1 << count) - 1);
                part = self.text.integer("andi", part, mask);
            }
            if to > 0 {
                let shift = self.text.int(Ty::I32, i64::from(to));
                part = self.text.integer("shli", part, shift);
            }
            sum = Some(match sum {
                Some(sum) => self.text.integer("ori", sum, part),
                None => part,
            });
        }
        sum
    }

    /// Whether an entry is there; `None` where it always is.
    pub(crate) fn present(&mut self, layout: usize, axis: AxisId, slot: usize) -> Option<Value> {
        let extent = self.kernel.tile_axis(axis).map(|(_, extent)| extent.clone())?;
        let width = self.plan.layouts[layout].width(axis) as i64;
        if let Some(n) = extent.as_constant() {
            let whole = if self.pieces.contains_key(&axis) { n % width == 0 } else { n >= width };
            if whole {
                return None;
            }
        }
        let limit = self.extent(axis);
        match (self.index(layout, axis, slot), limit) {
            (Int::Known(at), Int::Known(limit)) => {
                if at < limit {
                    None
                } else {
                    Some(self.text.int(Ty::I1, 0))
                }
            }
            (at, limit) => {
                let (at, limit) = (self.int(at), self.int(limit));
                Some(self.text.compare("slt", at, limit))
            }
        }
    }

    /// How many entries an axis has, its bound at most.
    pub(crate) fn extent(&mut self, axis: AxisId) -> Int {
        let Some((bound, extent)) = self.kernel.tile_axis(axis) else { return ONE };
        let bound = Dim::constant(bound as i64);
        self.size(&extent.minimum(&bound))
    }

    /// Whether an entry of a tile with these axes is there.
    pub(crate) fn all_present(&mut self, layout: usize, axes: &[AxisId], slot: usize) -> Option<Value> {
        let parts = self.plan.layouts[layout].split(axes, slot);
        let mut all = None;
        for (axis, part) in axes.iter().zip(parts) {
            let one = self.present(layout, *axis, part);
            all = self.text.both(all, one);
        }
        all
    }

    pub(crate) fn iota(&mut self, dim: &Dim, axes: &[AxisId], layout: usize) -> Vec<Value> {
        (0..self.plan.layouts[layout].tile_slots(axes))
            .map(|slot| {
                let parts = self.plan.layouts[layout].split(axes, slot);
                let mut position = Position::new();
                for (axis, part) in axes.iter().zip(parts) {
                    let at = self.index(layout, *axis, part);
                    position.insert(self.kernel.axis_name(*axis).to_owned(), at);
                }
                let value = self.size_at(dim, &position);
                let value = self.int(value);
                self.text.convert("trunci", value, Ty::I32)
            })
            .collect()
    }
}
