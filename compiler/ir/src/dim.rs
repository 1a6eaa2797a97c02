//! Symbolic sizes.
//!
//! A [`Dim`] is a sum of products of *atoms* with rational coefficients, in a canonical order, so that equal expressions are equal values: `2 * T / 4`, `T / 2` and
//! `T - T / 2` are one `Dim`. Quotients are exact; whether a size is whole is checked where it matters ([`Dim::eval`], `Require::Whole`).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::Arc;

/// Name of the size that counts entries before this call in a stream (0 when a whole sequence is run).
pub const POSITION: &str = "@position";

/// Run-time sizes by name.
pub type Sizes = BTreeMap<Arc<str>, i64>;

/// Why a size has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DimError {
    /// A name without a value.
    #[error("the size `{0}` is not known")]
    Unknown(Arc<str>),
    /// Not a whole number.
    #[error("`{dim}` is {numerator} / {denominator}, not a whole number")]
    NotWhole {
        /// The expression.
        dim: String,
        /// Its value's numerator.
        numerator: i128,
        /// Its value's denominator.
        denominator: i128,
    },
    /// Division by zero, or too large for 64 bits.
    #[error("`{0}` has no value in 64 bits")]
    OutOfRange(String),
}

/// A rational number in lowest terms, denominator positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl Ratio {
    const ZERO: Self = Self { numerator: 0, denominator: 1 };
    const ONE: Self = Self { numerator: 1, denominator: 1 };

    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1);
        let divisor = i128::try_from(divisor).ok()? * denominator.signum();
        Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }

    fn add(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Self::new(left.checked_add(right)?, self.denominator.checked_mul(other.denominator)?)
    }

    fn mul(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator.checked_mul(other.numerator)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    fn recip(self) -> Option<Self> {
        Self::new(self.denominator, self.numerator)
    }

    fn pow(self, exponent: i32) -> Option<Self> {
        let base = if exponent < 0 { self.recip()? } else { self };
        let mut result = Self::ONE;
        for _ in 0..exponent.unsigned_abs() {
            result = result.mul(base)?;
        }
        Some(result)
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What a product multiplies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Atom {
    /// A named size.
    Var(Arc<str>),
    /// Largest whole number not above.
    Floor(Box<Dim>),
    /// Smallest whole number not below.
    Ceil(Box<Dim>),
    /// The smaller.
    Min(Box<Dim>, Box<Dim>),
    /// The larger.
    Max(Box<Dim>, Box<Dim>),
    /// One over a sum.
    Recip(Box<Dim>),
}

type Monomial = Vec<(Atom, i32)>;

/// A symbolic size.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dim {
    terms: BTreeMap<Monomial, Ratio>,
}

impl Dim {
    /// A known number.
    #[must_use]
    pub fn constant(n: i64) -> Self {
        Self::from_ratio(Ratio { numerator: i128::from(n), denominator: 1 })
    }

    /// A named run-time size such as `T`.
    #[must_use]
    pub fn var(name: &str) -> Self {
        Self::atom(Atom::Var(Arc::from(name)))
    }

    /// Entries of the stream before this call.
    #[must_use]
    pub fn position() -> Self {
        Self::var(POSITION)
    }

    fn from_ratio(ratio: Ratio) -> Self {
        let mut terms = BTreeMap::new();
        if ratio != Ratio::ZERO {
            terms.insert(Vec::new(), ratio);
        }
        Self { terms }
    }

    fn atom(atom: Atom) -> Self {
        Self { terms: BTreeMap::from([(vec![(atom, 1)], Ratio::ONE)]) }
    }

    /// The number, where it does not depend on a name and is whole.
    #[must_use]
    pub fn as_constant(&self) -> Option<i64> {
        let ratio = self.as_ratio()?;
        if ratio.denominator == 1 { i64::try_from(ratio.numerator).ok() } else { None }
    }

    /// The number as numerator and denominator, where it does not depend on a name.
    #[must_use]
    pub fn as_fraction(&self) -> Option<(i128, i128)> {
        self.as_ratio().map(|ratio| (ratio.numerator, ratio.denominator))
    }

    fn as_ratio(&self) -> Option<Ratio> {
        match self.terms.len() {
            0 => Some(Ratio::ZERO),
            1 => self.terms.get(&Vec::new()).copied(),
            _ => None,
        }
    }

    /// The name, if this is just a named size.
    #[must_use]
    pub fn as_var(&self) -> Option<&str> {
        let (monomial, ratio) = self.terms.first_key_value()?;
        match monomial.as_slice() {
            [(Atom::Var(name), 1)] if self.terms.len() == 1 && *ratio == Ratio::ONE => Some(name),
            _ => None,
        }
    }

    /// The products that it sums: atoms with their exponents, and the coefficient as numerator and denominator (positive); in canonical order.
    pub fn terms(&self) -> impl Iterator<Item = (&[(Atom, i32)], (i128, i128))> {
        self.terms.iter().map(|(monomial, ratio)| (monomial.as_slice(), (ratio.numerator, ratio.denominator)))
    }

    /// Every name it depends on, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        fn walk(dim: &Dim, names: &mut Vec<Arc<str>>) {
            for atom in dim.terms.keys().flatten().map(|(atom, _)| atom) {
                match atom {
                    Atom::Var(name) => names.push(name.clone()),
                    Atom::Floor(a) | Atom::Ceil(a) | Atom::Recip(a) => walk(a, names),
                    Atom::Min(a, b) | Atom::Max(a, b) => {
                        walk(a, names);
                        walk(b, names);
                    }
                }
            }
        }
        let mut names = Vec::new();
        walk(self, &mut names);
        names.sort();
        names.dedup();
        names
    }

    /// Whether it mentions this name.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.names().iter().any(|n| &**n == name)
    }

    /// The exact quotient; `None` when the divisor is 0 (or numbers leave 128 bits).
    #[must_use]
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        if let Some((monomial, ratio)) = divisor.terms.first_key_value()
            && divisor.terms.len() == 1
        {
            let inverse: Monomial = monomial.iter().map(|(atom, e)| (atom.clone(), -e)).collect();
            let inverse = Self { terms: BTreeMap::from([(inverse, ratio.recip()?)]) };
            return self.checked_mul(&inverse);
        }
        if divisor.terms.is_empty() {
            return None;
        }
        if self == divisor {
            return Some(Self::constant(1));
        }
        self.checked_mul(&Self::atom(Atom::Recip(Box::new(divisor.clone()))))
    }

    /// Largest whole number not above.
    #[must_use]
    pub fn floor(&self) -> Self {
        match self.as_ratio() {
            Some(r) => {
                Self::from_ratio(Ratio { numerator: r.numerator.div_euclid(r.denominator), denominator: 1 })
            }
            None if self.is_integral() => self.clone(),
            None => Self::atom(Atom::Floor(Box::new(self.clone()))),
        }
    }

    /// Smallest whole number not below.
    #[must_use]
    pub fn ceil(&self) -> Self {
        match self.as_ratio() {
            Some(r) => {
                let ceiling = -(-r.numerator).div_euclid(r.denominator);
                Self::from_ratio(Ratio { numerator: ceiling, denominator: 1 })
            }
            None if self.is_integral() => self.clone(),
            None => Self::atom(Atom::Ceil(Box::new(self.clone()))),
        }
    }

    /// Whole for all whole values of its names, as far as its form shows.
    #[must_use]
    pub fn is_integral(&self) -> bool {
        self.terms.iter().all(|(monomial, ratio)| {
            ratio.denominator == 1
                && monomial.iter().all(|(atom, e)| *e >= 0 && !matches!(atom, Atom::Recip(_)))
        })
    }

    /// The smaller of two.
    #[must_use]
    pub fn minimum(&self, other: &Self) -> Self {
        match (self - other).as_ratio() {
            Some(difference) if difference.numerator <= 0 => self.clone(),
            Some(_) => other.clone(),
            None => {
                let (a, b) = if self <= other { (self, other) } else { (other, self) };
                Self::atom(Atom::Min(Box::new(a.clone()), Box::new(b.clone())))
            }
        }
    }

    /// The larger of two.
    #[must_use]
    pub fn maximum(&self, other: &Self) -> Self {
        match (self - other).as_ratio() {
            Some(difference) if difference.numerator >= 0 => self.clone(),
            Some(_) => other.clone(),
            None => {
                let (a, b) = if self <= other { (self, other) } else { (other, self) };
                Self::atom(Atom::Max(Box::new(a.clone()), Box::new(b.clone())))
            }
        }
    }

    /// Replaces names by expressions.
    #[must_use]
    pub fn substitute(&self, replace: &dyn Fn(&str) -> Option<Self>) -> Self {
        let mut sum = Self::default();
        for (monomial, ratio) in &self.terms {
            let mut product = Self::from_ratio(*ratio);
            for (atom, exponent) in monomial {
                let value = match atom {
                    Atom::Var(name) => replace(name).unwrap_or_else(|| Self::var(name)),
                    Atom::Floor(a) => a.substitute(replace).floor(),
                    Atom::Ceil(a) => a.substitute(replace).ceil(),
                    Atom::Min(a, b) => a.substitute(replace).minimum(&b.substitute(replace)),
                    Atom::Max(a, b) => a.substitute(replace).maximum(&b.substitute(replace)),
                    Atom::Recip(a) => {
                        let a = a.substitute(replace);
                        Self::constant(1).div(&a).unwrap_or_else(|| Self::atom(Atom::Recip(Box::new(a))))
                    }
                };
                for _ in 0..exponent.unsigned_abs() {
                    product = if *exponent > 0 {
                        &product * &value
                    } else {
                        product.div(&value).unwrap_or_default()
                    };
                }
            }
            sum = &sum + &product;
        }
        sum
    }

    /// Its value for these sizes.
    ///
    /// # Errors
    /// A name without a value, a value that is not whole, or numbers beyond 64 bits.
    pub fn eval(&self, sizes: &Sizes) -> Result<i64, DimError> {
        let ratio = self.eval_ratio(sizes)?;
        if ratio.denominator != 1 {
            return Err(DimError::NotWhole {
                dim: self.to_string(),
                numerator: ratio.numerator,
                denominator: ratio.denominator,
            });
        }
        i64::try_from(ratio.numerator).map_err(|_| DimError::OutOfRange(self.to_string()))
    }

    fn eval_ratio(&self, sizes: &Sizes) -> Result<Ratio, DimError> {
        let out_of_range = || DimError::OutOfRange(self.to_string());
        let whole = |numerator| Ratio { numerator, denominator: 1 };
        let mut sum = Ratio::ZERO;
        for (monomial, ratio) in &self.terms {
            let mut product = *ratio;
            for (atom, exponent) in monomial {
                let value = match atom {
                    Atom::Var(name) => {
                        let n = sizes.get(name).ok_or_else(|| DimError::Unknown(name.clone()))?;
                        whole(i128::from(*n))
                    }
                    Atom::Floor(a) => {
                        let r = a.eval_ratio(sizes)?;
                        whole(r.numerator.div_euclid(r.denominator))
                    }
                    Atom::Ceil(a) => {
                        let r = a.eval_ratio(sizes)?;
                        whole(-(-r.numerator).div_euclid(r.denominator))
                    }
                    Atom::Min(a, b) | Atom::Max(a, b) => {
                        let (x, y) = (a.eval_ratio(sizes)?, b.eval_ratio(sizes)?);
                        let x_below = x.numerator.checked_mul(y.denominator).ok_or_else(out_of_range)?
                            <= y.numerator.checked_mul(x.denominator).ok_or_else(out_of_range)?;
                        if x_below == matches!(atom, Atom::Min(..)) { x } else { y }
                    }
                    Atom::Recip(a) => a.eval_ratio(sizes)?.recip().ok_or_else(out_of_range)?,
                };
                product = value.pow(*exponent).and_then(|v| product.mul(v)).ok_or_else(out_of_range)?;
            }
            sum = sum.add(product).ok_or_else(out_of_range)?;
        }
        Ok(sum)
    }

    fn checked_add(&self, other: &Self) -> Option<Self> {
        let mut terms = self.terms.clone();
        for (monomial, ratio) in &other.terms {
            let sum = terms.get(monomial).copied().unwrap_or(Ratio::ZERO).add(*ratio)?;
            if sum == Ratio::ZERO {
                terms.remove(monomial);
            } else {
                terms.insert(monomial.clone(), sum);
            }
        }
        Some(Self { terms })
    }

    fn checked_mul(&self, other: &Self) -> Option<Self> {
        let mut sum = Self::default();
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                let mut product: BTreeMap<Atom, i32> = left.iter().cloned().collect();
                for (atom, exponent) in right {
                    *product.entry(atom.clone()).or_insert(0) += exponent;
                }
                let monomial: Monomial = product.into_iter().filter(|(_, e)| *e != 0).collect();
                sum = sum.checked_add(&Self { terms: BTreeMap::from([(monomial, a.mul(*b)?)]) })?;
            }
        }
        Some(sum)
    }
}

impl From<i64> for Dim {
    fn from(n: i64) -> Self {
        Self::constant(n)
    }
}

// Note [Overflow of coefficients]: coefficients beyond 128 bits need hyperparameters of absurd size; the result is
// then the unevaluable `Recip(0)`, which every use reports as out of range instead of being silently wrong.
fn overflowed() -> Dim {
    Dim::atom(Atom::Recip(Box::default()))
}

impl Add for &Dim {
    type Output = Dim;
    fn add(self, other: &Dim) -> Dim {
        self.checked_add(other).unwrap_or_else(overflowed)
    }
}

impl Sub for &Dim {
    type Output = Dim;
    fn sub(self, other: &Dim) -> Dim {
        self + &-other
    }
}

impl Mul for &Dim {
    type Output = Dim;
    fn mul(self, other: &Dim) -> Dim {
        self.checked_mul(other).unwrap_or_else(overflowed)
    }
}

impl Neg for &Dim {
    type Output = Dim;
    fn neg(self) -> Dim {
        self * &Dim::constant(-1)
    }
}

/// `T`, `2 * T + 1`, `T / 4`, `ceil(T / 3)`.
impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        // Constants last, the rest in canonical order: `T + 1` reads better than `1 + T`.
        let (constant, products): (Vec<_>, Vec<_>) = self.terms.iter().partition(|(m, _)| m.is_empty());
        for (n, (monomial, ratio)) in products.into_iter().chain(constant).enumerate() {
            let magnitude = ratio.numerator.unsigned_abs();
            match (n, ratio.numerator < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let mut above: Vec<String> = Vec::new();
            let mut below: Vec<String> = Vec::new();
            if magnitude != 1 || !monomial.iter().any(|(_, e)| *e > 0) {
                above.push(magnitude.to_string());
            }
            for (atom, exponent) in monomial {
                let side = if *exponent > 0 { &mut above } else { &mut below };
                side.extend((0..exponent.unsigned_abs()).map(|_| atom.to_string()));
            }
            if ratio.denominator != 1 {
                below.push(ratio.denominator.to_string());
            }
            f.write_str(&above.join(" * "))?;
            match below.as_slice() {
                [] => {}
                [one] => write!(f, " / {one}")?,
                many => write!(f, " / ({})", many.join(" * "))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Var(name) => f.write_str(name),
            Self::Floor(a) => write!(f, "floor({a})"),
            Self::Ceil(a) => write!(f, "ceil({a})"),
            Self::Min(a, b) => write!(f, "min({a}, {b})"),
            Self::Max(a, b) => write!(f, "max({a}, {b})"),
            Self::Recip(a) => write!(f, "(1 / ({a}))"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t() -> Dim {
        Dim::var("T")
    }

    #[test]
    fn equal_expressions_are_equal_values() {
        let half = t().div(&Dim::constant(2)).unwrap();
        assert_eq!(&t() - &half, half);
        assert_eq!(&half * &Dim::constant(2), t());
        assert_eq!((&t() * &t()).div(&t()).unwrap(), t());
        assert_eq!(&t() - &t(), Dim::constant(0));
    }

    #[test]
    fn text_reads_as_written() {
        let third = t().div(&Dim::constant(3)).unwrap();
        assert_eq!(third.ceil().to_string(), "ceil(T / 3)");
        assert_eq!((&(&t() * &Dim::constant(2)) + &Dim::constant(1)).to_string(), "2 * T + 1");
        assert_eq!((&Dim::constant(3) - &t()).to_string(), "-T + 3");
        assert_eq!(t().div(&(&Dim::var("S") * &Dim::constant(4))).unwrap().to_string(), "T / (S * 4)");
    }

    #[test]
    fn values_are_exact_or_an_error() {
        let sizes = Sizes::from([(Arc::from("T"), 7)]);
        let half = t().div(&Dim::constant(2)).unwrap();
        assert!(matches!(half.eval(&sizes), Err(DimError::NotWhole { numerator: 7, denominator: 2, .. })));
        assert_eq!(half.ceil().eval(&sizes), Ok(4));
        assert_eq!(half.floor().eval(&sizes), Ok(3));
        assert_eq!(t().minimum(&Dim::constant(5)).eval(&sizes), Ok(5));
        assert!(matches!(Dim::var("S").eval(&sizes), Err(DimError::Unknown(_))));
        assert_eq!(Dim::constant(1).div(&Dim::default()), None);
    }

    #[test]
    fn substitution_evaluates_what_it_can() {
        let third = t().div(&Dim::constant(3)).unwrap().ceil();
        let result = third.substitute(&|name| (name == "T").then(|| Dim::constant(10)));
        assert_eq!(result.as_constant(), Some(4));
    }
}
