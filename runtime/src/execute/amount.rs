//! Size expressions of a program with the sizes of a call filled in.
//!
//! What is left to vary are the *slots*: the position in the stream, and the variables of loops. Nearly every expression then is a number, or linear.

use tensc_ir::dim::Atom;
use tensc_ir::{Dim, DimError, Sizes};

/// Names whose values change while a plan runs, by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) names: Vec<String>,
}

impl Slots {
    fn find(&self, name: &str) -> Option<usize> {
        // An inner loop may use an outer one's name again: the innermost counts.
        self.names.iter().rposition(|slot| slot == name)
    }
}

/// A size expression over slots.
#[derive(Clone, Debug)]
pub(crate) enum Amount {
    /// A number.
    Fixed(i64),
    /// `base + sum(slot * coefficient)`.
    Linear { base: i64, terms: Vec<(usize, i64)> },
    /// Anything else.
    General { dim: Box<Dim>, slots: Vec<(usize, String)> },
}

impl Amount {
    /// Fills in the sizes.
    pub(crate) fn new(dim: &Dim, sizes: &Sizes, slots: &Slots) -> Result<Self, DimError> {
        if let Some(number) = dim.as_constant() {
            return Ok(Self::Fixed(number));
        }
        let names = dim.names();
        let varying: Vec<(usize, String)> =
            names.iter().filter_map(|name| Some((slots.find(name)?, name.to_string()))).collect();
        if varying.is_empty() {
            return dim.eval(sizes).map(Self::Fixed);
        }
        let filled = dim.substitute(&|name| {
            if slots.find(name).is_some() { None } else { sizes.get(name).map(|&n| Dim::constant(n)) }
        });
        if let Some(unknown) = filled.names().into_iter().find(|name| slots.find(name).is_none()) {
            return Err(DimError::Unknown(unknown));
        }
        Ok(linear(&filled, slots).unwrap_or(Self::General { dim: Box::new(filled), slots: varying }))
    }

    /// Its value at these values of the slots.
    pub(crate) fn at(&self, values: &[i64]) -> Result<i64, DimError> {
        match self {
            Self::Fixed(number) => Ok(*number),
            Self::Linear { base, terms } => {
                let value = |slot: &usize| values.get(*slot).copied().unwrap_or(0);
                Ok(terms.iter().fold(*base, |sum, (slot, c)| sum.wrapping_add(value(slot).wrapping_mul(*c))))
            }
            Self::General { dim, slots } => {
                let value = |slot: &usize| values.get(*slot).copied().unwrap_or(0);
                dim.eval(&slots.iter().map(|(slot, name)| (name.as_str().into(), value(slot))).collect())
            }
        }
    }

    /// The number, where no slot enters.
    pub(crate) fn fixed(&self) -> Option<i64> {
        match self {
            Self::Fixed(number) => Some(*number),
            Self::Linear { .. } | Self::General { .. } => None,
        }
    }
}

fn linear(dim: &Dim, slots: &Slots) -> Option<Amount> {
    let (mut base, mut terms) = (0, Vec::new());
    for (monomial, (numerator, denominator)) in dim.terms() {
        let coefficient = i64::try_from(numerator).ok().filter(|_| denominator == 1)?;
        match monomial {
            [] => base = coefficient,
            [(Atom::Var(name), 1)] => terms.push((slots.find(name)?, coefficient)),
            _ => return None,
        }
    }
    Some(Amount::Linear { base, terms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_the_expressions_at_the_slots() {
        let slots = Slots { names: vec!["@position".to_owned(), "layer".to_owned()] };
        let sizes = Sizes::from([("T".into(), 7)]);
        for (text, expected) in
            [("T * 3", 21), ("T * layer + 5", 19), ("floor((@position + T) / 2)", 5), ("layer * layer", 4)]
        {
            let dim = tensc_ir::parse_dim(text).unwrap();
            let amount = Amount::new(&dim, &sizes, &slots).unwrap();
            assert_eq!(amount.at(&[4, 2]), Ok(expected), "{text}");
        }
        let unknown = tensc_ir::parse_dim("S + layer").unwrap();
        assert_eq!(Amount::new(&unknown, &sizes, &slots).unwrap_err(), DimError::Unknown("S".into()));
    }
}
