//! Recognises a transition that is another one at every n-th step: `if t % 64 == 0 { .. } else { .. }`.

use super::linear::{Expansion, Step, Term};
use super::{Class, of_terms};
use crate::graph::ValueId;
use crate::op::{BinaryOp, Constant, Op, UnaryOp};

/// A condition on the step alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cycle {
    period: i64,
    phase: i64,
    /// What the condition is where `t % period == phase`.
    holds: bool,
}

/// The class of a line whose state terms are chosen by the step's number.
pub(super) fn periodic(expansion: &Expansion<'_>, states: &[Term], input: &[Term]) -> Option<Class> {
    let conditions = states.iter().flat_map(|term| &term.steps).filter_map(|step| match step {
        Step::Where { condition, .. } => Some(*condition),
        Step::Scale { .. } | Step::Negate | Step::Detach | Step::Contract { .. } | Step::Other(_) => None,
    });
    let mut found = None;
    for condition in conditions {
        if let Some(cycle) = cycle(expansion, condition) {
            found = Some((condition, cycle));
            break;
        }
    }
    let (condition, Cycle { period, phase, holds }) = found?;
    let side = |terms: &[Term], value: bool| -> Vec<Term> {
        terms.iter().filter_map(|term| assumed(term, condition, value)).collect()
    };
    let (exceptional, usual) = (side(states, holds), side(states, !holds));
    let exception = of_terms(expansion, &exceptional, &side(input, holds));
    let within = of_terms(expansion, &usual, &side(input, !holds));
    let detached = |terms: &[Term]| terms.iter().all(|term| term.steps.contains(&Step::Detach));
    Some(Class::Periodic {
        period,
        phase,
        within: Box::new(within),
        exception: Box::new(exception),
        truncates: !exceptional.is_empty() && detached(&exceptional) && !detached(&usual),
    })
}

/// The term where a condition has this value; `None` where it is zero then.
fn assumed(term: &Term, condition: ValueId, value: bool) -> Option<Term> {
    let mut steps = Vec::with_capacity(term.steps.len());
    for step in &term.steps {
        match step {
            Step::Where { condition: other, holds } if *other == condition => {
                if *holds != value {
                    return None;
                }
            }
            step => steps.push(step.clone()),
        }
    }
    Some(Term { steps, ..term.clone() })
}

/// `(t + c) % n == r`, `!=`, or its negation.
fn cycle(expansion: &Expansion<'_>, condition: ValueId) -> Option<Cycle> {
    let node = expansion.node(condition)?;
    match (&node.op, node.operands.as_slice()) {
        (Op::Unary(UnaryOp::Not), [inner]) => {
            let cycle = cycle(expansion, *inner)?;
            Some(Cycle { holds: !cycle.holds, ..cycle })
        }
        (Op::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne)), [a, b]) => {
            let (step, remainder) = match (whole(expansion, *a), whole(expansion, *b)) {
                (None, Some(remainder)) => (*a, remainder),
                (Some(remainder), None) => (*b, remainder),
                _ => return None,
            };
            let node = expansion.node(step)?;
            let (Op::Binary(BinaryOp::Rem), [counted, period]) = (&node.op, node.operands.as_slice()) else {
                return None;
            };
            let period = whole(expansion, *period)?;
            if period < 1 || !(0..period).contains(&remainder) {
                return None;
            }
            let phase = (remainder - offset(expansion, *counted)?).rem_euclid(period);
            Some(Cycle { period, phase, holds: *op == BinaryOp::Eq })
        }
        _ => None,
    }
}

/// c of `t + c`.
fn offset(expansion: &Expansion<'_>, value: ValueId) -> Option<i64> {
    let node = expansion.node(value)?;
    match (&node.op, node.operands.as_slice()) {
        (Op::Input(0), _) => Some(0),
        (Op::Binary(BinaryOp::Add), [a, b]) => match (whole(expansion, *a), whole(expansion, *b)) {
            (None, Some(c)) => Some(offset(expansion, *a)? + c),
            (Some(c), None) => Some(offset(expansion, *b)? + c),
            _ => None,
        },
        (Op::Binary(BinaryOp::Sub), [a, b]) => Some(offset(expansion, *a)? - whole(expansion, *b)?),
        _ => None,
    }
}

/// A constant whole number.
fn whole(expansion: &Expansion<'_>, value: ValueId) -> Option<i64> {
    if let Op::Const(Constant::Int(_, n)) = expansion.node(value)?.op { Some(n) } else { None }
}
