//! Masks of `dropout`: a library call that fills an array, which kernels then read.

use crate::index::product;
use crate::place::Parts;
use crate::schedule::Scheduler;
use crate::scope::{Binding, ScopeId};
use tensc_ir::{DType, Dim, ValueId};
use tensc_program::{BATCH, BufferKind, Call, Keep, Step};

impl Scheduler<'_> {
    /// The steps that make a mask.
    pub(crate) fn mask(
        &mut self,
        at: ScopeId,
        (site, keep): (u32, f64),
        shape: &[Dim],
        value: ValueId,
    ) -> Vec<Step> {
        let varies = self.scope(at).fact(value).varies;
        let place = self.outer_place("keep", BufferKind::Scratch, DType::Bool, shape, varies);
        let time = shape.iter().position(|dim| dim.as_constant().is_none());
        let one = Dim::constant(1);
        let (outer, size, inner, first) = match time.and_then(|axis| shape.split_at_checked(axis)) {
            Some((front, [size, back @ ..])) => {
                (product(front), size.clone(), product(back), Dim::position())
            }
            Some((_, [])) | None => (one.clone(), one.clone(), product(shape), Dim::constant(0)),
        };
        let batch = if varies { Dim::var(BATCH) } else { one };
        let mut steps = Vec::new();
        if let Parts::Real(spot) = &place.parts {
            let output = spot.reference();
            let (within, sizes) = (self.within(at), [batch, outer, size, inner]);
            steps.push(Step::Call(Call::Keep(Box::new(Keep { output, keep, site, within, first, sizes }))));
        }
        match self.scope(at).home(value).cloned() {
            Some(home) => steps.push(self.rearrange(&place, &home, DType::Bool)),
            None => self.scope_mut(at).set_home(value, place),
        }
        steps
    }

    /// The iteration of each enclosing repeat and the step of each enclosing recurrence, outermost first.
    fn within(&self, at: ScopeId) -> Vec<Dim> {
        let mut within = Vec::new();
        let mut next = Some(at);
        while let Some(id) = next {
            let scope = self.scope(id);
            let outer = scope.parent.map_or(0, |parent| self.scope(parent).layers.len());
            if let Some(layer) = scope.layers.last().filter(|_| scope.layers.len() > outer) {
                within.push(layer.variable.clone());
            } else if let Some(Binding::Number(step, _)) = scope.inputs.first() {
                within.push(step.clone());
            }
            next = scope.parent;
        }
        within.reverse();
        within
    }
}
