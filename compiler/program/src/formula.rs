//! Size expressions made fast: names become places in a list of values, and values are pairs of 64-bit numbers.

use std::sync::Arc;
use tensc_ir::dim::Atom;
use tensc_ir::{Dim, DimError};

/// A [`Dim`] whose names are positions in a list of values.
#[derive(Clone, Debug)]
pub struct Formula {
    terms: Vec<Term>,
    text: Arc<str>,
}

#[derive(Clone, Debug)]
struct Term {
    coefficient: (i64, i64),
    factors: Vec<(Factor, i32)>,
}

#[derive(Clone, Debug)]
enum Factor {
    Slot(usize),
    Floor(Formula),
    Ceil(Formula),
    Min(Formula, Formula),
    Max(Formula, Formula),
    Recip(Formula),
}

/// Numerator and denominator, the latter positive.
type Fraction = (i64, i64);

impl Formula {
    /// Resolves names.
    ///
    /// # Errors
    /// A name without a place, or coefficients beyond 64 bits.
    pub fn new(dim: &Dim, slot: &dyn Fn(&str) -> Option<usize>) -> Result<Self, DimError> {
        let out_of_range = || DimError::OutOfRange(dim.to_string());
        let mut terms = Vec::new();
        for (monomial, (numerator, denominator)) in dim.terms() {
            let numerator = i64::try_from(numerator).map_err(|_| out_of_range())?;
            let denominator = i64::try_from(denominator).map_err(|_| out_of_range())?;
            let mut factors = Vec::new();
            for (atom, exponent) in monomial {
                let factor = match atom {
                    Atom::Var(name) => {
                        Factor::Slot(slot(name).ok_or_else(|| DimError::Unknown(name.clone()))?)
                    }
                    Atom::Floor(a) => Factor::Floor(Self::new(a, slot)?),
                    Atom::Ceil(a) => Factor::Ceil(Self::new(a, slot)?),
                    Atom::Min(a, b) => Factor::Min(Self::new(a, slot)?, Self::new(b, slot)?),
                    Atom::Max(a, b) => Factor::Max(Self::new(a, slot)?, Self::new(b, slot)?),
                    Atom::Recip(a) => Factor::Recip(Self::new(a, slot)?),
                };
                factors.push((factor, *exponent));
            }
            terms.push(Term { coefficient: (numerator, denominator), factors });
        }
        Ok(Self { terms, text: dim.to_string().into() })
    }

    /// The value for these values of the names.
    ///
    /// # Errors
    /// A value that is not whole, or beyond 64 bits.
    pub fn eval(&self, values: &[i64]) -> Result<i64, DimError> {
        let out_of_range = || DimError::OutOfRange(self.text.to_string());
        match self.fraction(values).ok_or_else(out_of_range)? {
            (whole, 1) => Ok(whole),
            (numerator, denominator) => Err(DimError::NotWhole {
                dim: self.text.to_string(),
                numerator: numerator.into(),
                denominator: denominator.into(),
            }),
        }
    }

    fn fraction(&self, values: &[i64]) -> Option<Fraction> {
        let mut sum = (0, 1);
        for term in &self.terms {
            let mut product = term.coefficient;
            for (factor, exponent) in &term.factors {
                let value = factor.fraction(values)?;
                let value = if *exponent < 0 { inverse(value)? } else { value };
                for _ in 0..exponent.unsigned_abs() {
                    product = times(product, value)?;
                }
            }
            sum = plus(sum, product)?;
        }
        Some(sum)
    }
}

impl Factor {
    fn fraction(&self, values: &[i64]) -> Option<Fraction> {
        Some(match self {
            Self::Slot(n) => (*values.get(*n)?, 1),
            Self::Floor(a) => {
                let (numerator, denominator) = a.fraction(values)?;
                (numerator.div_euclid(denominator), 1)
            }
            Self::Ceil(a) => {
                let (numerator, denominator) = a.fraction(values)?;
                (-(-numerator).div_euclid(denominator), 1)
            }
            Self::Min(a, b) | Self::Max(a, b) => {
                let (a, b) = (a.fraction(values)?, b.fraction(values)?);
                let below = a.0.checked_mul(b.1)? <= b.0.checked_mul(a.1)?;
                if below == matches!(self, Self::Min(..)) { a } else { b }
            }
            Self::Recip(a) => inverse(a.fraction(values)?)?,
        })
    }
}

fn reduced(numerator: i64, denominator: i64) -> Fraction {
    if denominator == 1 {
        return (numerator, 1);
    }
    let (mut a, mut b) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = i64::try_from(a).unwrap_or(1).max(1);
    (numerator / divisor, denominator / divisor)
}

fn inverse((numerator, denominator): Fraction) -> Option<Fraction> {
    if numerator == 0 {
        return None;
    }
    Some((denominator.checked_mul(numerator.signum())?, numerator.checked_abs()?))
}

fn times(a: Fraction, b: Fraction) -> Option<Fraction> {
    Some(reduced(a.0.checked_mul(b.0)?, a.1.checked_mul(b.1)?))
}

fn plus(a: Fraction, b: Fraction) -> Option<Fraction> {
    if a.1 == b.1 {
        return Some(reduced(a.0.checked_add(b.0)?, a.1));
    }
    let numerator = a.0.checked_mul(b.1)?.checked_add(b.0.checked_mul(a.1)?)?;
    Some(reduced(numerator, a.1.checked_mul(b.1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensc_ir::Sizes;

    #[test]
    fn agrees_with_exact_evaluation() {
        let texts = [
            "3 * T - 4 * S + 1",
            "ceil(T / 3) * floor((S + 1) / 2)",
            "min(T, 2 * S) - max(T - S, 0)",
            "T / (2 * S)",
            "T * (1 / (S + 1))",
            "-T / 2 + S / 3",
        ];
        for text in texts {
            let dim = tensc_ir::parse_dim(text).unwrap();
            let formula = Formula::new(&dim, &|name| ["T", "S"].iter().position(|n| *n == name)).unwrap();
            for t in -3..9 {
                for s in -2..5 {
                    let sizes = Sizes::from([("T".into(), t), ("S".into(), s)]);
                    assert_eq!(formula.eval(&[t, s]).ok(), dim.eval(&sizes).ok(), "{text} at {t}, {s}");
                }
            }
        }
    }
}
