//! Symbolic sizes.
//!
//! A [`Dim`] is a sum of products of *atoms* with rational coefficients, in a canonical order, so that equal expressions are equal values: `2 * T / 4`, `T / 2` and
//! `T - T / 2` are one `Dim`. Quotients are exact; whether a size is whole is checked where it matters ([`Dim::eval`], `Require::Whole`).

mod display; // as they are written
mod evaluate; // their values
mod ratio; // coefficients

use ratio::Ratio;
use std::cmp::Ordering;
use std::collections::BTreeMap;
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

/// Atoms with their exponents, in their order.
type Monomial = Vec<(Atom, i32)>;

/// A symbolic size.
// Note [Sizes are copied]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Dim {
    constant: Ratio,
    /// What is added to the constant, in the order of the products; `None` for nothing.
    products: Option<Arc<[(Monomial, Ratio)]>>,
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

    fn from_ratio(constant: Ratio) -> Self {
        Self { constant, products: None }
    }

    fn atom(atom: Atom) -> Self {
        Self::product(vec![(atom, 1)], Ratio::ONE)
    }

    fn product(monomial: Monomial, coefficient: Ratio) -> Self {
        Self::sum(Ratio::ZERO, vec![(monomial, coefficient)])
    }

    /// A constant and products that are in order.
    fn sum(constant: Ratio, products: Vec<(Monomial, Ratio)>) -> Self {
        Self { constant, products: (!products.is_empty()).then(|| products.into()) }
    }

    fn products(&self) -> &[(Monomial, Ratio)] {
        self.products.as_deref().unwrap_or_default()
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
        if self.products.is_none() { Some(self.constant) } else { None }
    }

    /// The name, if this is just a named size.
    #[must_use]
    pub fn as_var(&self) -> Option<&str> {
        let [(monomial, Ratio::ONE)] = self.products() else { return None };
        match monomial.as_slice() {
            [(Atom::Var(name), 1)] if self.constant == Ratio::ZERO => Some(name),
            _ => None,
        }
    }

    /// The products that it sums: atoms with their exponents, and the coefficient as numerator and denominator (positive); in canonical order.
    pub fn terms(&self) -> impl Iterator<Item = (&[(Atom, i32)], (i128, i128))> {
        self.summands().map(|(monomial, ratio)| (monomial, (ratio.numerator, ratio.denominator)))
    }

    /// The constant unless it is 0, as a product of nothing, then the products.
    fn summands(&self) -> impl Iterator<Item = (&[(Atom, i32)], Ratio)> {
        let constant = (self.constant != Ratio::ZERO).then_some((&[][..], self.constant));
        constant.into_iter().chain(self.products().iter().map(|(m, ratio)| (m.as_slice(), *ratio)))
    }

    /// Every name it depends on, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        self.any_name(&mut |name| {
            names.push(name.clone());
            false
        });
        names.sort();
        names.dedup();
        names
    }

    /// Whether it mentions this name.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.any_name(&mut |own| &**own == name)
    }

    /// Whether `holds` says so of a name.
    fn any_name(&self, holds: &mut impl FnMut(&Arc<str>) -> bool) -> bool {
        self.products().iter().flat_map(|(monomial, _)| monomial).any(|(atom, _)| match atom {
            Atom::Var(name) => holds(name),
            Atom::Floor(a) | Atom::Ceil(a) | Atom::Recip(a) => a.any_name(holds),
            Atom::Min(a, b) | Atom::Max(a, b) => a.any_name(holds) || b.any_name(holds),
        })
    }

    /// The exact quotient; `None` when the divisor is 0 (or numbers leave 128 bits).
    #[must_use]
    pub fn div(&self, divisor: &Self) -> Option<Self> {
        let mut summands = divisor.summands();
        let (monomial, ratio) = summands.next()?;
        if summands.next().is_none() {
            let inverse: Monomial = monomial.iter().map(|(atom, e)| (atom.clone(), -e)).collect();
            let inverse = if inverse.is_empty() {
                Self::from_ratio(ratio.recip()?)
            } else {
                Self::product(inverse, ratio.recip()?)
            };
            return self.checked_mul(&inverse);
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
        self.summands().all(|(monomial, ratio)| {
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
        if self.products.is_none() {
            return self.clone();
        }
        let mut sum = Self::default();
        for (monomial, ratio) in self.summands() {
            let mut product = Self::from_ratio(ratio);
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

    fn checked_add(&self, other: &Self) -> Option<Self> {
        let constant = self.constant.add(other.constant)?;
        let (mut left, mut right) = match (&self.products, &other.products) {
            (products, None) | (None, products) => {
                return Some(Self { constant, products: products.clone() });
            }
            (Some(left), Some(right)) => (left.iter().peekable(), right.iter().peekable()),
        };
        let mut products = Vec::with_capacity(left.len() + right.len());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Some(Self::sum(constant, products)),
            };
            let first = if order == Ordering::Greater { None } else { left.next() };
            let second = if order == Ordering::Less { None } else { right.next() };
            match (first, second) {
                (Some((monomial, a)), Some((_, b))) => {
                    let sum = a.add(*b)?;
                    if sum != Ratio::ZERO {
                        products.push((monomial.clone(), sum));
                    }
                }
                (first, second) => products.extend(first.or(second).cloned()),
            }
        }
    }

    fn checked_mul(&self, other: &Self) -> Option<Self> {
        match (self.as_ratio(), other.as_ratio()) {
            (Some(a), Some(b)) => return Some(Self::from_ratio(a.mul(b)?)),
            (Some(factor), None) => return other.scaled(factor),
            (None, Some(factor)) => return self.scaled(factor),
            (None, None) => {}
        }
        let mut sum = Self::default();
        for (left, a) in self.summands() {
            for (right, b) in other.summands() {
                let mut product: BTreeMap<Atom, i32> = left.iter().cloned().collect();
                for (atom, exponent) in right {
                    let power = product.entry(atom.clone()).or_insert(0);
                    *power = power.checked_add(*exponent)?;
                }
                let monomial: Monomial = product.into_iter().filter(|(_, e)| *e != 0).collect();
                let ratio = a.mul(b)?;
                let term = if monomial.is_empty() {
                    Self::from_ratio(ratio)
                } else {
                    Self::product(monomial, ratio)
                };
                sum = sum.checked_add(&term)?;
            }
        }
        Some(sum)
    }

    fn scaled(&self, factor: Ratio) -> Option<Self> {
        if factor == Ratio::ONE || factor == Ratio::ZERO {
            return Some(if factor == Ratio::ONE { self.clone() } else { Self::default() });
        }
        let scale = |(monomial, ratio): &(Monomial, Ratio)| Some((monomial.clone(), ratio.mul(factor)?));
        let products = self.products().iter().map(scale).collect::<Option<Vec<_>>>()?;
        Some(Self::sum(self.constant.mul(factor)?, products))
    }
}

/// Product by product, the constant first.
impl Ord for Dim {
    fn cmp(&self, other: &Self) -> Ordering {
        self.summands().cmp(other.summands())
    }
}

impl PartialOrd for Dim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i64> for Dim {
    fn from(n: i64) -> Self {
        Self::constant(n)
    }
}

// Note [Sizes are copied]: every type holds its sizes, and types are copied with every op. So a number is held in
// place, and the products of a symbolic size are shared between its copies.

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
