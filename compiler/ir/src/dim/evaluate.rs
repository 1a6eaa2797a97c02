//! The value of a size, once the names in it have theirs.

use super::ratio::{Ratio, gcd};
use super::{Atom, Dim, DimError, Sizes};

impl Dim {
    /// Its value for these sizes.
    ///
    /// # Errors
    /// A name without a value, a value that is not whole, or numbers beyond 64 bits.
    pub fn eval(&self, sizes: &Sizes) -> Result<i64, DimError> {
        let ratio = self.eval_ratio(sizes)?;
        if ratio.denominator != 1 {
            let (numerator, denominator) = self.unreduced(ratio, sizes);
            return Err(DimError::NotWhole { dim: self.to_string(), numerator, denominator });
        }
        i64::try_from(ratio.numerator).map_err(|_| DimError::OutOfRange(self.to_string()))
    }

    fn eval_ratio(&self, sizes: &Sizes) -> Result<Ratio, DimError> {
        let out_of_range = || DimError::OutOfRange(self.to_string());
        let whole = |numerator| Ratio { numerator, denominator: 1 };
        let mut sum = Ratio::ZERO;
        for (monomial, ratio) in self.summands() {
            let mut product = ratio;
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

    /// The value over the divisors that the expression has: `T / 4` of 10 is 10 / 4, which says more than 5 / 2.
    fn unreduced(&self, value: Ratio, sizes: &Sizes) -> (i128, i128) {
        let divisor = self.summands().try_fold(1_i128, |common, (monomial, ratio)| {
            let mut own = ratio.denominator;
            for (atom, exponent) in monomial.iter().filter(|(_, exponent)| *exponent < 0) {
                let below = Self::product(vec![(atom.clone(), -exponent)], Ratio::ONE);
                own = own.checked_mul(below.eval_ratio(sizes).ok()?.numerator)?;
            }
            let shared = i128::try_from(gcd(common.unsigned_abs(), own.unsigned_abs())).ok()?;
            (common / shared.max(1)).checked_mul(own)
        });
        let scaled = divisor.and_then(|divisor| {
            let factor = divisor.checked_div(value.denominator).filter(|factor| *factor > 0)?;
            let exact = value.denominator.checked_mul(factor)? == divisor;
            exact.then_some((value.numerator.checked_mul(factor)?, divisor))
        });
        scaled.unwrap_or((value.numerator, value.denominator))
    }
}
