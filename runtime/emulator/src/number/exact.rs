//! Exact binary numbers: a sign, a 128-bit mantissa and a power of two, plus "and something below".
//!
//! In: finite operands. Out: the exact result of one operation, kept to at least 100 bits with a sticky bit, so
//! that one later rounding to any format in any mode is the correctly rounded result. It knows no NaN,
//! infinity or signed-zero rule: those are [`super::float`]'s.

use super::format::Rounding;

/// `(-1)^negative * (mantissa + s) * 2^power`, where `0 < s < 1` if `sticky`, else `s = 0`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact {
    pub(crate) negative: bool,
    pub(crate) mantissa: u128,
    pub(crate) power: i32,
    pub(crate) sticky: bool,
}

impl Exact {
    pub(crate) const fn new(negative: bool, mantissa: u128, power: i32) -> Self {
        Self { negative, mantissa, power, sticky: false }
    }

    pub(crate) fn from_signed(value: i128) -> Self {
        Self::new(value < 0, value.unsigned_abs(), 0)
    }

    pub(crate) const fn is_zero(self) -> bool {
        self.mantissa == 0 && !self.sticky
    }

    /// The power of two of the highest set bit.
    pub(crate) const fn top(self) -> i32 {
        self.power + 127 - self.mantissa.leading_zeros() as i32
    }

    /// Shifts the mantissa so that its top bit is bit `bit`; bits that fall out become sticky.
    fn with_top_at(self, bit: i32) -> Self {
        if self.mantissa == 0 {
            return self;
        }
        self.moved(self.top() - bit)
    }

    /// The same value with the lowest bit at `power`.
    fn moved(self, power: i32) -> Self {
        let by = power - self.power;
        if by <= 0 {
            // Callers only move up as far as bit 125.
            return Self { mantissa: self.mantissa << (-by).min(127), power, ..self };
        }
        let (kept, lost) = if by > 127 {
            (0, self.mantissa != 0)
        } else {
            (self.mantissa >> by, self.mantissa & ((1 << by) - 1) != 0)
        };
        Self { mantissa: kept, power, sticky: self.sticky || lost, ..self }
    }

    /// Exact for operands of up to 64 bits.
    pub(crate) const fn times(self, other: Self) -> Self {
        Self {
            negative: self.negative != other.negative,
            mantissa: self.mantissa * other.mantissa,
            power: self.power + other.power,
            sticky: false,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        if self.mantissa == 0 && !self.sticky {
            return other;
        }
        if other.mantissa == 0 && !other.sticky {
            return self;
        }
        let (high, low) = if self.top() >= other.top() { (self, other) } else { (other, self) };
        let high = high.with_top_at(125);
        let low = low.moved(high.power);
        if high.negative == low.negative {
            let sticky = high.sticky || low.sticky;
            return Self { mantissa: high.mantissa + low.mantissa, sticky, ..high };
        }
        // What lies below `low`'s last bit makes the difference smaller by a part of one: borrow one, keep sticky.
        let borrow = u128::from(low.sticky);
        let (negative, mantissa) = if high.mantissa >= low.mantissa + borrow {
            (high.negative, high.mantissa - low.mantissa - borrow)
        } else {
            (low.negative, low.mantissa - high.mantissa)
        };
        Self { negative, mantissa, power: high.power, sticky: high.sticky || low.sticky }
    }

    /// The quotient to 110 bits or more; `None` where the divisor is zero.
    pub(crate) fn over(self, divisor: Self) -> Option<Self> {
        let numerator = self.with_top_at(126);
        let divisor = if divisor.mantissa == 0 { return None } else { divisor };
        // An odd divisor keeps the quotient long.
        let shift = divisor.mantissa.trailing_zeros();
        let denominator = divisor.mantissa >> shift;
        let quotient = numerator.mantissa.checked_div(denominator)?;
        let remainder = numerator.mantissa.checked_rem(denominator)?;
        Some(Self {
            negative: self.negative != divisor.negative,
            mantissa: quotient,
            power: numerator.power - divisor.power - shift as i32,
            sticky: remainder != 0,
        })
    }

    /// The square root of a number whose sign the caller has dealt with, to 62 bits or more.
    pub(crate) fn root(self) -> Self {
        let mut wide = self.with_top_at(126);
        if wide.power % 2 != 0 {
            wide = wide.moved(wide.power + 1);
        }
        // with_top_at only shifted up (formats have at most 53 bits), so nothing was lost but perhaps one zero bit.
        let root = wide.mantissa.isqrt();
        Self {
            negative: false,
            mantissa: root,
            power: wide.power / 2,
            sticky: wide.sticky || root * root != wide.mantissa,
        }
    }

    /// The mantissa after rounding away everything below `2^place`.
    pub(crate) fn round_at(self, place: i32, mode: Rounding) -> u128 {
        let by = place - self.power;
        if by <= 0 {
            // Formats keep fewer bits than any inexact value has: a value that is shifted up is exact.
            return self.mantissa << (-by).min(127);
        }
        let (kept, half, below) = if by > 127 {
            (0, false, self.mantissa != 0 || self.sticky)
        } else {
            let half_bit = 1_u128 << (by - 1);
            (
                self.mantissa >> by,
                self.mantissa & half_bit != 0,
                self.mantissa & (half_bit - 1) != 0 || self.sticky,
            )
        };
        let up = match mode {
            Rounding::Nearest => half && (below || kept & 1 == 1),
            Rounding::NearestAway => half,
            Rounding::Zero => false,
            Rounding::Down => self.negative && (half || below),
            Rounding::Up => !self.negative && (half || below),
        };
        kept + u128::from(up)
    }

    /// Rounds to an integer, saturating at the ends of i128.
    pub(crate) fn to_integer(self, mode: Rounding) -> i128 {
        if self.mantissa != 0 && self.top() >= 126 {
            return if self.negative { i128::MIN } else { i128::MAX };
        }
        let magnitude = self.round_at(0, mode) as i128;
        if self.negative { -magnitude } else { magnitude }
    }
}
