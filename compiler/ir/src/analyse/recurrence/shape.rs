//! Recognises what a term's steps amount to: a factor, a matrix, a rank-one update, an outer product.

use super::linear::{Expansion, Source, Step, Term};
use super::{DenseTerm, Factor, Product};
use crate::graph::{Node, ValueId};
use crate::op::{BinaryOp, Contraction, Op};
use crate::{Dim, Type};

/// The factor, if the steps are elementwise and keep the shape.
pub(super) fn product(steps: &[Step]) -> Option<Product> {
    let mut product = Product::default();
    for step in steps {
        match step {
            Step::Scale { by, inverse, widens: false } => {
                product.factors.push(if *inverse { Factor::Over(*by) } else { Factor::Times(*by) });
            }
            Step::Negate => product.negative ^= true,
            Step::Where { condition, holds } => {
                product.factors.push(Factor::Where { condition: *condition, holds: *holds });
            }
            Step::Detach => {}
            Step::Scale { .. } | Step::Contract { .. } | Step::Other(_) => return None,
        }
    }
    Some(product)
}

/// Factors, at most one matrix, factors.
pub(super) fn dense(steps: &[Step]) -> Option<DenseTerm> {
    let Some(place) = steps.iter().position(|step| matches!(step, Step::Contract { .. })) else {
        return Some(DenseTerm { before: product(steps)?, matrix: None, after: Product::default() });
    };
    let (before, rest) = steps.split_at(place);
    let [Step::Contract { with, labels }, after @ ..] = rest else { return None };
    let matrix = Some((*with, matrix_axis(labels)?));
    Some(DenseTerm { before: product(before)?, matrix, after: product(after)? })
}

/// The matrix's axis that is summed, if exactly one axis of the state is replaced, at its place.
fn matrix_axis(labels: &Contraction) -> Option<usize> {
    let Contraction { left, right, result } = labels;
    let [summed] = summed(labels)?;
    let [new] = own(right, left)?;
    let place = left.iter().position(|label| *label == summed)?;
    let mut replaced = left.clone();
    *replaced.get_mut(place)? = new;
    if replaced != *result {
        return None;
    }
    right.iter().position(|label| *label == summed)
}

/// Labels that are summed: in both operands and not in the result. `None` if one operand alone has such a label, or not N have it.
fn summed<const N: usize>(labels: &Contraction) -> Option<[u8; N]> {
    let Contraction { left, right, result } = labels;
    let gone = |of: &[u8]| -> Vec<u8> { of.iter().filter(|l| !result.contains(l)).copied().collect() };
    let (from_left, from_right) = (gone(left), gone(right));
    if from_left.len() != from_right.len() || !from_left.iter().all(|label| from_right.contains(label)) {
        return None;
    }
    from_left.try_into().ok()
}

/// Labels that only this operand has.
fn own<const N: usize>(labels: &[u8], other: &[u8]) -> Option<[u8; N]> {
    labels.iter().filter(|label| !other.contains(label)).copied().collect::<Vec<_>>().try_into().ok()
}

/// `factors, k @ ., factors, outer(k, .)`, elementwise steps anywhere: the vector that reads, the factors, the vector that writes.
pub(super) fn rank_one(expansion: &Expansion<'_>, steps: &[Step]) -> Option<(ValueId, Product, ValueId)> {
    let read_at = steps.iter().position(|step| matches!(step, Step::Contract { .. }))?;
    let (before, rest) = steps.split_at(read_at);
    let [Step::Contract { with: read, labels }, rest @ ..] = rest else { return None };
    let ([_], []) = (summed(labels)?, own(&labels.right, &labels.left)?);
    let write_at = rest.iter().position(|step| written(expansion, step).is_some())?;
    let (middle, rest) = rest.split_at(write_at);
    let [write, after @ ..] = rest else { return None };
    let write = written(expansion, write)?;
    // Reshapes that only make room for the other axis do not change what is scaled.
    let middle: Vec<Step> = middle.iter().filter(|step| !makes_room(expansion, step)).cloned().collect();
    let mut rate = Product::default();
    for part in [product(before)?, product(&middle)?, product(after)?] {
        rate.negative ^= part.negative;
        rate.factors.extend(part.factors);
    }
    Some((*read, rate, write))
}

/// The vector with which a step makes an outer product.
fn written(expansion: &Expansion<'_>, step: &Step) -> Option<ValueId> {
    match step {
        Step::Contract { with, labels } => {
            let ([], [_]) = (summed(labels)?, own(&labels.right, &labels.left)?);
            Some(*with)
        }
        // `k[.., none] * x`: the vector has size 1 where the other has not.
        Step::Scale { by, inverse: false, widens: true } => {
            let shape = &expansion.ty(*by)?.shape;
            shape.iter().any(|dim| *dim == Dim::constant(1)).then_some(*by)
        }
        Step::Scale { .. } | Step::Negate | Step::Where { .. } | Step::Detach | Step::Other(_) => None,
    }
}

/// A reshape or broadcast that only inserts axes of size 1.
fn makes_room(expansion: &Expansion<'_>, step: &Step) -> bool {
    let Step::Other(node) = step else { return false };
    let Some(node) = expansion.body.nodes.get(node.0 as usize) else { return false };
    inserts_ones(expansion, node)
}

fn inserts_ones(expansion: &Expansion<'_>, node: &Node) -> bool {
    if !matches!(node.op, Op::Reshape { .. } | Op::Broadcast { .. }) {
        return false;
    }
    let shape = |value: Option<&ValueId>| value.and_then(|value| expansion.ty(*value)).map(without_ones);
    shape(node.operands.first()) == shape(node.results.first())
}

fn without_ones(ty: &Type) -> Vec<&Dim> {
    ty.shape.iter().filter(|dim| **dim != Dim::constant(1)).collect()
}

/// The two vectors of a term that is an outer product of free values, whatever scales it.
pub(super) fn outer_vectors(expansion: &Expansion<'_>, term: &Term) -> Option<[ValueId; 2]> {
    let Source::Free(value) = term.source else { return None };
    if product(&term.steps).is_some() {
        return outer_of(expansion, value);
    }
    // The other vector comes with a later step: `outer(k, beta * v)`.
    let place = term.steps.iter().position(|step| written(expansion, step).is_some())?;
    let (before, rest) = term.steps.split_at(place);
    let [step, after @ ..] = rest else { return None };
    let before: Vec<Step> = before.iter().filter(|step| !makes_room(expansion, step)).cloned().collect();
    product(&before)?;
    product(after)?;
    Some([written(expansion, step)?, value])
}

/// The vectors, if a free value is their outer product, perhaps scaled.
fn outer_of(expansion: &Expansion<'_>, value: ValueId) -> Option<[ValueId; 2]> {
    let node = expansion.node(value)?;
    match (&node.op, node.operands.as_slice()) {
        (Op::Contract(labels), [a, b]) => {
            let [] = summed(labels)?;
            let ([_], [_]) = (own(&labels.left, &labels.right)?, own(&labels.right, &labels.left)?);
            Some([*a, *b])
        }
        (Op::Binary(BinaryOp::Mul), [a, b]) => {
            let (left, right) = (expansion.ty(*a)?, expansion.ty(*b)?);
            if complementary(left, right, expansion.ty(value)?) {
                return Some([*a, *b]);
            }
            outer_of(expansion, *a).or_else(|| outer_of(expansion, *b))
        }
        (Op::Unary(_) | Op::Cast(_), [x]) => outer_of(expansion, *x),
        _ => None,
    }
}

/// Whether all factors of a decay are the same along one axis of the state.
pub(super) fn shares_an_axis(expansion: &Expansion<'_>, decay: &[Product]) -> bool {
    let factors = decay.iter().flat_map(|product| &product.factors).map(|factor| match factor {
        Factor::Times(value) | Factor::Over(value) | Factor::Where { condition: value, .. } => value,
    });
    let mut axes: Option<Vec<bool>> = None;
    for factor in factors {
        // Axes counted from the right, as broadcasting does.
        let Some(ty) = expansion.ty(*factor) else { return false };
        let full: Vec<bool> = ty.shape.iter().rev().map(|dim| *dim != Dim::constant(1)).collect();
        let known = axes.get_or_insert_with(Vec::new);
        known.resize(known.len().max(full.len()), false);
        known.iter_mut().zip(&full).for_each(|(known, full)| *known |= full);
    }
    let varying = axes.map_or(0, |axes| axes.iter().filter(|full| **full).count());
    varying < expansion.rank()
}

/// For each axis of the result, whether this operand is stretched along it.
fn lacks(ty: &Type, result: &Type) -> Vec<bool> {
    let missing = result.rank().saturating_sub(ty.rank());
    let one = Dim::constant(1);
    let own = |axis: usize| axis.checked_sub(missing).and_then(|axis| ty.shape.get(axis));
    let stretched = |(axis, size): (usize, &Dim)| *size != one && own(axis).is_none_or(|own| *own == one);
    result.shape.iter().enumerate().map(stretched).collect()
}

/// Whether both operands of a product have an axis that the other lacks.
fn complementary(a: &Type, b: &Type, result: &Type) -> bool {
    let (a, b) = (lacks(a, result), lacks(b, result));
    let only = |these: &[bool], those: &[bool]| these.iter().zip(those).any(|(this, that)| *this && !that);
    only(&a, &b) && only(&b, &a)
}
