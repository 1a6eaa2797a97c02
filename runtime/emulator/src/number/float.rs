//! Arithmetic as PTX defines it: IEEE operations with PTX's NaN results, `.ftz` and `.sat`.
//!
//! In: operand bits. Out: result bits. Nearest-even f32 and f64 run on the host's units; every other format and
//! mode goes through [`Exact`] and is rounded once.

use super::exact::Exact;
use super::format::{F32, F64, Format, Rounding, Value};

/// A format with the modifiers of one instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arithmetic {
    pub(crate) format: Format,
    pub(crate) rounding: Rounding,
    /// `.ftz`: subnormal operands and results become zeros of their sign.
    pub(crate) flush: bool,
    /// `.sat`: clamps to [0, 1]; NaN becomes +0.
    pub(crate) saturate: bool,
    /// `.relu`: negative results and -0 become +0, NaN stays NaN.
    pub(crate) relu: bool,
}

/// Comparison operators of `set` and `setp` (ISA 9.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Arithmetic {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, rounding: Rounding::Nearest, flush: false, saturate: false, relu: false }
    }

    const fn operand(self, bits: u64) -> u64 {
        if self.flush { self.format.flush(bits) } else { bits }
    }

    /// What `.ftz`, `.sat` and `.relu` make of a rounded result.
    pub(crate) fn finish(self, bits: u64) -> u64 {
        let bits = if self.flush { self.format.flush(bits) } else { bits };
        if !self.saturate && !self.relu {
            return bits;
        }
        let nan = self.format.is_nan(bits);
        if self.relu {
            return if nan {
                self.format.nan()
            } else if self.format.is_negative(bits) {
                0
            } else {
                bits
            };
        }
        let one = self.format.round(Exact::new(false, 1, 0), Rounding::Nearest);
        if nan || self.format.is_negative(bits) { 0 } else { bits.min(one) }
    }

    /// The NaN that results from NaN operands: f64 keeps the first one's payload, the others have one NaN.
    fn nan_of(self, operands: &[u64]) -> u64 {
        if self.format == F64
            && let Some(payload) = operands.iter().find(|bits| self.format.is_nan(**bits))
        {
            return payload | 1 << 51;
        }
        self.format.nan()
    }

    const fn native(self) -> bool {
        matches!(self.rounding, Rounding::Nearest)
    }

    pub(crate) fn add(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.operand(a), self.operand(b));
        if self.native() {
            if self.format == F32 {
                return self.finish(canonical32(f32_of(a) + f32_of(b)));
            }
            if self.format == F64 {
                let sum = f64::from_bits(a) + f64::from_bits(b);
                return if sum.is_nan() { self.nan_of(&[a, b]) } else { sum.to_bits() };
            }
        }
        let sum = match (self.format.read(a), self.format.read(b)) {
            (Value::Nan, _) | (_, Value::Nan) => self.nan_of(&[a, b]),
            (Value::Infinite { negative }, Value::Infinite { negative: other }) => {
                if negative == other {
                    a
                } else {
                    self.nan_of(&[])
                }
            }
            (Value::Infinite { .. }, Value::Finite(_)) => a,
            (Value::Finite(_), Value::Infinite { .. }) => b,
            (Value::Finite(a), Value::Finite(b)) => self.round_sum(a, b),
        };
        self.finish(sum)
    }

    /// IEEE 754, 6.3: an exact zero sum is +0, or -0 when rounding down, unless both were zeros of one sign.
    fn round_sum(self, a: Exact, b: Exact) -> u64 {
        let sum = a.plus(b);
        if sum.is_zero() {
            let negative = if a.is_zero() && b.is_zero() && a.negative == b.negative {
                a.negative
            } else {
                self.rounding == Rounding::Down
            };
            return self.format.zero(negative);
        }
        self.format.round(sum, self.rounding)
    }

    pub(crate) fn sub(self, a: u64, b: u64) -> u64 {
        let negated = if self.format.is_nan(b) { b } else { self.neg_bits(b) };
        self.add(a, negated)
    }

    const fn neg_bits(self, bits: u64) -> u64 {
        bits ^ self.format.zero(true)
    }

    pub(crate) fn mul(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.operand(a), self.operand(b));
        if self.native() {
            if self.format == F32 {
                return self.finish(canonical32(f32_of(a) * f32_of(b)));
            }
            if self.format == F64 {
                let product = f64::from_bits(a) * f64::from_bits(b);
                return if product.is_nan() { self.nan_of(&[a, b]) } else { product.to_bits() };
            }
        }
        self.finish(self.product(a, b, None))
    }

    pub(crate) fn fma(self, a: u64, b: u64, c: u64) -> u64 {
        let (a, b, c) = (self.operand(a), self.operand(b), self.operand(c));
        if self.native() {
            if self.format == F32 {
                return self.finish(canonical32(f32_of(a).mul_add(f32_of(b), f32_of(c))));
            }
            if self.format == F64 {
                let sum = f64::from_bits(a).mul_add(f64::from_bits(b), f64::from_bits(c));
                return if sum.is_nan() { self.nan_of(&[a, b, c]) } else { sum.to_bits() };
            }
        }
        self.finish(self.product(a, b, Some(c)))
    }

    /// `a * b`, plus `c` if there is one, rounded once.
    fn product(self, a: u64, b: u64, c: Option<u64>) -> u64 {
        let format = self.format;
        let addend = c.map(|c| format.read(c));
        let operands = [a, b, c.unwrap_or(0)];
        match (format.read(a), format.read(b), addend) {
            (Value::Nan, ..) | (_, Value::Nan, _) | (.., Some(Value::Nan)) => self.nan_of(&operands),
            (Value::Finite(a), Value::Finite(b), None) => {
                let product = a.times(b);
                if product.is_zero() {
                    format.zero(product.negative)
                } else {
                    format.round(product, self.rounding)
                }
            }
            (Value::Finite(a), Value::Finite(b), Some(Value::Finite(c))) => self.round_sum(a.times(b), c),
            (Value::Finite(_), Value::Finite(_), Some(Value::Infinite { negative })) => {
                format.infinity(negative)
            }
            (left, right, addend) => {
                // One factor at least is infinite.
                let zero = |value: &Value| matches!(value, Value::Finite(exact) if exact.is_zero());
                if zero(&left) || zero(&right) {
                    return self.nan_of(&[]);
                }
                let negative = format.is_negative(a) != format.is_negative(b);
                match addend {
                    Some(Value::Infinite { negative: other }) if other != negative => self.nan_of(&[]),
                    Some(_) | None => format.infinity(negative),
                }
            }
        }
    }

    pub(crate) fn div(self, a: u64, b: u64) -> u64 {
        let (a, b) = (self.operand(a), self.operand(b));
        let format = self.format;
        let negative = format.is_negative(a) != format.is_negative(b);
        let quotient = match (format.read(a), format.read(b)) {
            (Value::Nan, _) | (_, Value::Nan) => self.nan_of(&[a, b]),
            (Value::Infinite { .. }, Value::Infinite { .. }) => self.nan_of(&[]),
            (Value::Infinite { .. }, Value::Finite(_)) => format.infinity(negative),
            (Value::Finite(_), Value::Infinite { .. }) => format.zero(negative),
            (Value::Finite(x), Value::Finite(y)) => match x.over(y) {
                None if x.is_zero() => self.nan_of(&[]),
                None => format.infinity(negative),
                Some(_) if x.is_zero() => format.zero(negative),
                Some(quotient) => format.round(quotient, self.rounding),
            },
        };
        self.finish(quotient)
    }

    pub(crate) fn sqrt(self, a: u64) -> u64 {
        let a = self.operand(a);
        let format = self.format;
        let root = match format.read(a) {
            Value::Nan => self.nan_of(&[a]),
            Value::Infinite { negative: false } => a,
            Value::Infinite { negative: true } => self.nan_of(&[]),
            Value::Finite(exact) if exact.is_zero() => a,
            Value::Finite(exact) if exact.negative => self.nan_of(&[]),
            Value::Finite(exact) => format.round(exact.root(), self.rounding),
        };
        self.finish(root)
    }

    pub(crate) fn neg(self, a: u64) -> u64 {
        self.nan_or(a, |bits| self.neg_bits(bits))
    }

    pub(crate) fn abs(self, a: u64) -> u64 {
        self.nan_or(a, |bits| bits & !self.format.zero(true))
    }

    /// `abs` and `neg` of NaN give a NaN of unspecified sign (9.7.3.9); this one is canonical.
    fn nan_or(self, a: u64, f: impl Fn(u64) -> u64) -> u64 {
        let a = self.operand(a);
        if self.format.is_nan(a) { self.nan_of(&[a]) } else { f(a) }
    }

    /// `min` (or `max`): the operand that is a number wins over NaN, unless `.NaN`; -0 is below +0.
    pub(crate) fn pick(self, a: u64, b: u64, largest: bool, keep_nan: bool) -> u64 {
        let (a, b) = (self.operand(a), self.operand(b));
        let (left_nan, right_nan) = (self.format.is_nan(a), self.format.is_nan(b));
        if (left_nan && right_nan) || (keep_nan && (left_nan || right_nan)) {
            return self.format.nan();
        }
        if left_nan {
            return b;
        }
        if right_nan {
            return a;
        }
        if (self.rank(a) > self.rank(b)) == largest { a } else { b }
    }

    /// `.xorsign.abs`: the smaller or larger magnitude, with the product of the signs.
    pub(crate) fn pick_magnitude(self, a: u64, b: u64, largest: bool, keep_nan: bool) -> u64 {
        let sign = (a ^ b) & self.format.zero(true);
        let magnitude =
            self.pick(a & !self.format.zero(true), b & !self.format.zero(true), largest, keep_nan);
        if self.format.is_nan(magnitude) { magnitude } else { magnitude | sign }
    }

    /// A signed integer that orders numbers as the reals do, with -0 below +0.
    const fn rank(self, bits: u64) -> i64 {
        let magnitude = (bits & !self.format.zero(true)) as i64;
        if self.format.is_negative(bits) { -1 - magnitude } else { magnitude }
    }

    /// Ordered comparison; `None` where an operand is NaN.
    pub(crate) fn compare(self, a: u64, b: u64) -> Option<std::cmp::Ordering> {
        let (a, b) = (self.operand(a), self.operand(b));
        if self.format.is_nan(a) || self.format.is_nan(b) {
            return None;
        }
        let unsigned_zero = |bits: u64| if bits & !self.format.zero(true) == 0 { 0 } else { bits };
        Some(self.rank(unsigned_zero(a)).cmp(&self.rank(unsigned_zero(b))))
    }

    /// `bits` of this format converted to `to` (which carries rounding and modifiers).
    pub(crate) fn convert(self, bits: u64, to: Self) -> u64 {
        let converted = match self.format.read(self.operand(bits)) {
            Value::Nan => to.format.nan(),
            Value::Infinite { negative } => to.format.infinity(negative),
            Value::Finite(exact) if exact.is_zero() => to.format.zero(exact.negative),
            Value::Finite(exact) => to.format.round(exact, to.rounding),
        };
        to.finish(converted)
    }
}

impl Order {
    pub(crate) const fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// The f32 in the low half of a register.
pub(crate) const fn f32_of(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// Bits of an f32 result; NaN is 0x7fffffff (9.7.3).
pub(crate) fn canonical32(value: f32) -> u64 {
    if value.is_nan() { 0x7fff_ffff } else { u64::from(value.to_bits()) }
}

/// The value as an f64, exactly, for any format up to f64.
pub(crate) fn to_f64(format: Format, bits: u64) -> f64 {
    if format == F64 {
        return f64::from_bits(bits);
    }
    f64::from_bits(Arithmetic::new(format).convert(bits, Arithmetic::new(F64)))
}

/// An f64 rounded to nearest in `format`.
pub(crate) fn from_f64(format: Format, value: f64) -> u64 {
    Arithmetic::new(F64).convert(value.to_bits(), Arithmetic::new(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit patterns of all kinds: small exponents, large ones, subnormals, equal halves.
    fn patterns() -> Vec<u64> {
        let mut state = 0x1234_5678_9abc_def0_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let special = [
            0,
            1 << 63,
            1,
            0x7ff0 << 48,
            0xfff0 << 48,
            0x7ff8 << 48,
            0x3ff0 << 48,
            0x000f_ffff_ffff_ffff,
            0x7fef_ffff_ffff_ffff,
        ];
        let near_one = |bits: u64| (bits & !(0x7ff << 52)) | (1000 + bits % 47) << 52;
        let mut patterns: Vec<u64> = special.into();
        for _ in 0..60 {
            let bits = next();
            patterns.extend([bits, near_one(bits), bits & !(0x7ff << 52), near_one(bits & !0xff_ffff_ffff)]);
        }
        patterns
    }

    fn same(ours: u64, host: f64) -> bool {
        ours == host.to_bits() || (host.is_nan() && F64.is_nan(ours))
    }

    /// What the exact path gives, which nearest f32 and f64 do not take otherwise.
    fn sum(a: u64, b: u64) -> Option<u64> {
        match (F64.read(a), F64.read(b)) {
            (Value::Finite(a), Value::Finite(b)) => Some(Arithmetic::new(F64).round_sum(a, b)),
            _ => None,
        }
    }

    #[test]
    fn exact_arithmetic_rounds_as_the_host_does() {
        let arithmetic = Arithmetic::new(F64);
        let patterns = patterns();
        for (index, a) in patterns.iter().enumerate() {
            for b in &patterns {
                let (x, y) = (f64::from_bits(*a), f64::from_bits(*b));
                let c = patterns.get((index * 7) % patterns.len()).copied().unwrap_or(0);
                assert!(sum(*a, *b).is_none_or(|ours| same(ours, x + y)), "{x:e} + {y:e}");
                assert!(same(arithmetic.product(*a, *b, None), x * y), "{x:e} * {y:e}");
                let z = f64::from_bits(c);
                assert!(same(arithmetic.product(*a, *b, Some(c)), x.mul_add(y, z)), "{x:e} * {y:e} + {z:e}");
                assert!(same(arithmetic.div(*a, *b), x / y), "{x:e} / {y:e}");
            }
            assert!(same(arithmetic.sqrt(*a), f64::from_bits(*a).sqrt()), "sqrt {a:x}");
        }
    }

    /// Down and up enclose the exact result, are neighbours or equal, and nearest and towards zero are one of them.
    #[test]
    fn directed_results_enclose_the_nearest_one() {
        let modes = [Rounding::Down, Rounding::Up, Rounding::Nearest, Rounding::Zero];
        let with = |rounding| Arithmetic { rounding, ..Arithmetic::new(F32) };
        let patterns: Vec<u64> = patterns().iter().map(|bits| (bits >> 32) ^ (bits & 0xffff)).collect();
        type Operation = fn(Arithmetic, u64, u64, u64) -> u64;
        let operations: [Operation; 5] = [
            |arithmetic, a, b, _| arithmetic.add(a, b),
            |arithmetic, a, b, _| arithmetic.mul(a, b),
            |arithmetic, a, b, c| arithmetic.fma(a, b, c),
            |arithmetic, a, b, _| arithmetic.div(a, b),
            |arithmetic, a, _, _| arithmetic.sqrt(a),
        ];
        let mut inexact = 0;
        for (index, a) in patterns.iter().enumerate() {
            for b in patterns.iter().skip(index % 5).step_by(5) {
                let c = patterns.get((index * 11) % patterns.len()).copied().unwrap_or(0);
                for operation in operations {
                    let [down, up, nearest, zero] = modes.map(|mode| operation(with(mode), *a, *b, c));
                    if F32.is_nan(nearest) {
                        assert!([down, up, zero].iter().all(|bits| *bits == nearest));
                        continue;
                    }
                    let [low, high] = [down, up].map(f32_of);
                    assert!(low <= high && (low == high || low.next_up() == high), "{low:e} {high:e}");
                    assert!(nearest == down || nearest == up || f32_of(nearest) == 0.0);
                    let towards_zero = if low >= 0.0 { down } else { up };
                    assert!(zero == towards_zero || f32_of(zero) == 0.0);
                    inexact += usize::from(low != high);
                }
            }
        }
        assert!(inexact > 10_000, "only {inexact} inexact results");
    }
}
