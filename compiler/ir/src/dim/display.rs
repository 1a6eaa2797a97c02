//! Sizes as they are written: `2 * T + 1`, `ceil(T / 3)`.

use super::{Atom, Dim};
use std::fmt;

/// `T`, `2 * T + 1`, `T / 4`, `ceil(T / 3)`.
impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("0");
        }
        // Constants last, the rest in canonical order: `T + 1` reads better than `1 + T`.
        let (constant, products): (Vec<_>, Vec<_>) = self.summands().partition(|(m, _)| m.is_empty());
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
