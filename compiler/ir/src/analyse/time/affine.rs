//! Values that are a number plus multiples of positions: `iota(T)`, `iota(T)[.., none] - iota(T)`, `3`.
//!
//! A comparison of two of them says which entry of a pair is the later one: that is how a causal mask is recognised.

use crate::op::BinaryOp;

/// `number + sum of factor * position along axis`, over axes that are time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) number: f64,
    /// Axis and factor; factors are not 0, axes increase.
    pub(super) steps: Vec<(usize, f64)>,
}

impl Affine {
    pub(super) const fn number(number: f64) -> Self {
        Self { number, steps: Vec::new() }
    }

    pub(super) fn position(axis: usize, start: f64) -> Self {
        Self { number: start, steps: vec![(axis, 1.0)] }
    }

    /// The number, if positions do not enter.
    pub(super) fn as_number(&self) -> Option<f64> {
        self.steps.is_empty().then_some(self.number)
    }

    /// The same with its axes moved; `None` where one is gone.
    pub(super) fn moved(&self, to: impl Fn(usize) -> Option<usize>) -> Option<Self> {
        let steps = self.steps.iter().map(|(axis, factor)| Some((to(*axis)?, *factor)));
        let mut steps = steps.collect::<Option<Vec<_>>>()?;
        steps.sort_by_key(|(axis, _)| *axis);
        Some(Self { number: self.number, steps })
    }

    pub(super) fn scaled(&self, by: f64) -> Option<Self> {
        if by == 0.0 {
            return (self.number.is_finite()).then_some(Self::number(0.0));
        }
        let steps = self.steps.iter().map(|(axis, factor)| (*axis, factor * by)).collect();
        by.is_finite().then_some(Self { number: self.number * by, steps })
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut steps = self.steps.clone();
        for (axis, factor) in &other.steps {
            match steps.iter_mut().find(|(own, _)| own == axis) {
                Some((_, own)) => *own += factor,
                None => steps.push((*axis, *factor)),
            }
        }
        steps.retain(|(_, factor)| *factor != 0.0);
        steps.sort_by_key(|(axis, _)| *axis);
        Self { number: self.number + other.number, steps }
    }

    /// `self op other` where the position along `later` is greater than the one along `earlier`, if that is the same for all such.
    pub(super) fn compared(&self, op: BinaryOp, other: &Self, later: usize, earlier: usize) -> Option<bool> {
        let difference = self.plus(&other.scaled(-1.0)?);
        // The difference is `number + factor * d` with d = 1, 2, ..: least or largest at d = 1.
        let factor = match difference.steps.as_slice() {
            [] => 0.0,
            [(a, x), (b, y)] if *x == -*y && [*a, *b] == [later.min(earlier), later.max(earlier)] => {
                if *a == later { *x } else { *y }
            }
            _ => return None,
        };
        let nearest = difference.number + factor;
        let (low, high) = if factor > 0.0 {
            (nearest, f64::INFINITY)
        } else if factor < 0.0 {
            (f64::NEG_INFINITY, nearest)
        } else {
            (nearest, nearest)
        };
        let known = |yes: bool, no: bool| if yes { Some(true) } else { no.then_some(false) };
        match op {
            BinaryOp::Lt => known(high < 0.0, low >= 0.0),
            BinaryOp::Le => known(high <= 0.0, low > 0.0),
            BinaryOp::Gt => known(low > 0.0, high <= 0.0),
            BinaryOp::Ge => known(low >= 0.0, high < 0.0),
            BinaryOp::Eq => known(low == 0.0 && high == 0.0, low > 0.0 || high < 0.0),
            BinaryOp::Ne => known(low > 0.0 || high < 0.0, low == 0.0 && high == 0.0),
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Max
            | BinaryOp::Min
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Complex
            | BinaryOp::Polar => None,
        }
    }
}
