//! Binary floating-point layouts, and the rounding modes of PTX.
//!
//! In: bits of a layout. Out: [`Exact`] values, NaN and infinity told apart, and back.

use super::exact::Exact;

/// Rounding modifiers of the ISA (section 6.5.2 for the integer forms, 9.7.3 for the others).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// `.rn`: to nearest, ties to even.
    Nearest,
    /// `.rna`: to nearest, ties away from zero.
    NearestAway,
    /// `.rz`: towards zero.
    Zero,
    /// `.rm`: towards minus infinity.
    Down,
    /// `.rp`: towards plus infinity.
    Up,
}

/// A layout: sign, `exponent` bits with the IEEE bias, `fraction` bits, in that order from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) exponent: u32,
    pub(crate) fraction: u32,
    /// e4m3 has no infinity: its highest exponent holds numbers, and only all ones is NaN.
    pub(crate) finite_only: bool,
}

pub(crate) const F16: Format = Format { exponent: 5, fraction: 10, finite_only: false };
pub(crate) const BF16: Format = Format { exponent: 8, fraction: 7, finite_only: false };
/// tf32 as 19 bits; in a register it is the top of 32.
pub(crate) const TF32: Format = Format { exponent: 8, fraction: 10, finite_only: false };
pub(crate) const F32: Format = Format { exponent: 8, fraction: 23, finite_only: false };
pub(crate) const F64: Format = Format { exponent: 11, fraction: 52, finite_only: false };
pub(crate) const E5M2: Format = Format { exponent: 5, fraction: 2, finite_only: false };
pub(crate) const E4M3: Format = Format { exponent: 4, fraction: 3, finite_only: true };

/// What a bit pattern stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Nan,
    Infinite { negative: bool },
    Finite(Exact),
}

impl Format {
    /// Number of bits of the layout.
    pub(crate) const fn width(self) -> u32 {
        1 + self.exponent + self.fraction
    }

    const fn bias(self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }

    const fn exponent_mask(self) -> u64 {
        (1 << self.exponent) - 1
    }

    const fn sign_bit(self) -> u64 {
        1 << (self.exponent + self.fraction)
    }

    /// The power of two of the lowest bit of a subnormal.
    pub(crate) const fn lowest(self) -> i32 {
        1 - self.bias() - self.fraction as i32
    }

    /// PTX's canonical NaN (sections 9.7.3 and 9.7.4): all bits but the sign set, for f64 the quiet one.
    pub(crate) const fn nan(self) -> u64 {
        if self.fraction == 52 { 0x7ff8_0000_0000_0000 } else { self.sign_bit() - 1 }
    }

    pub(crate) const fn infinity(self, negative: bool) -> u64 {
        let sign = if negative { self.sign_bit() } else { 0 };
        if self.finite_only {
            sign | (self.sign_bit() - 1)
        } else {
            sign | (self.exponent_mask() << self.fraction)
        }
    }

    /// The largest finite number.
    pub(crate) const fn largest(self, negative: bool) -> u64 {
        self.infinity(negative) - 1
    }

    pub(crate) const fn zero(self, negative: bool) -> u64 {
        if negative { self.sign_bit() } else { 0 }
    }

    pub(crate) const fn is_negative(self, bits: u64) -> bool {
        bits & self.sign_bit() != 0
    }

    /// Reads `bits` (anything above the layout's width is ignored).
    pub(crate) fn read(self, bits: u64) -> Value {
        let negative = self.is_negative(bits);
        let exponent = (bits >> self.fraction) & self.exponent_mask();
        let fraction = bits & ((1 << self.fraction) - 1);
        if self.finite_only {
            if bits & (self.sign_bit() - 1) == self.sign_bit() - 1 {
                return Value::Nan;
            }
        } else if exponent == self.exponent_mask() {
            return if fraction == 0 { Value::Infinite { negative } } else { Value::Nan };
        }
        let (mantissa, power) = if exponent == 0 {
            (fraction, self.lowest())
        } else {
            (fraction | 1 << self.fraction, self.lowest() + exponent as i32 - 1)
        };
        Value::Finite(Exact::new(negative, u128::from(mantissa), power))
    }

    /// Flushes a subnormal to a zero of its sign, which is what `.ftz` does to operands and results.
    pub(crate) const fn flush(self, bits: u64) -> u64 {
        if (bits >> self.fraction) & self.exponent_mask() == 0 { bits & self.sign_bit() } else { bits }
    }

    pub(crate) fn is_nan(self, bits: u64) -> bool {
        matches!(self.read(bits), Value::Nan)
    }

    /// Rounds once, with gradual underflow and the mode's overflow rule (IEEE 754, 7.4).
    pub(crate) fn round(self, value: Exact, mode: Rounding) -> u64 {
        let negative = value.negative;
        if value.is_zero() {
            return self.zero(negative);
        }
        // The last place of the result: fixed for subnormals, the top bit less the fraction for normals.
        let place = (value.top() - self.fraction as i32).max(self.lowest());
        let mut mantissa = value.round_at(place, mode);
        let mut place = place;
        if mantissa >> (self.fraction + 1) != 0 {
            mantissa >>= 1;
            place += 1;
        }
        let biased = if mantissa >> self.fraction == 0 { 0 } else { place - self.lowest() + 1 };
        let bits = (mantissa as u64 & ((1 << self.fraction) - 1)) | (biased as u64) << self.fraction;
        if biased as i64 > self.exponent_mask() as i64 || bits >= self.infinity(false) {
            let to_infinity = match mode {
                Rounding::Nearest | Rounding::NearestAway => true,
                Rounding::Zero => false,
                Rounding::Down => negative,
                Rounding::Up => !negative,
            };
            return if to_infinity { self.infinity(negative) } else { self.largest(negative) };
        }
        bits | self.zero(negative)
    }
}
