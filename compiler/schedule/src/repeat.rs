//! Layers: the body once, in a loop over the layers. Carried values stay in one place, which each application reads and then overwrites.

use crate::ScheduleError;
use crate::index::dim;
use crate::place::Place;
use crate::plan::Plan;
use crate::region::Steps;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Fact, Position, ScopeId};
use tensc_ir::{Dim, Graph, Node, Op, Repeat, ValueId};
use tensc_program::Step;

impl<'g> Scheduler<'g> {
    pub(crate) fn repeat(
        &mut self,
        at: ScopeId,
        plan: &Plan,
        node: &'g Node,
        repeat: &'g Repeat,
        made: &[ValueId],
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let scope = self.scope(at);
        let facts: Vec<Fact> = node.operands.iter().map(|v| scope.fact(*v)).collect();
        let all = facts.iter().fold(Fact::FIXED, |all, fact| all.and(*fact));
        let body_facts: Vec<Fact> = (facts.iter().enumerate())
            .map(|(n, fact)| if n < repeat.carried { Fact { fixed: false, ..all } } else { *fact })
            .collect();
        let whole = repeat.carried + repeat.constants;
        let inputs = |variable: Option<&Dim>| {
            let of = |(n, value): (usize, &ValueId)| match variable {
                _ if n < repeat.carried => Binding::Home,
                Some(layer) if n >= whole => {
                    Binding::Outer(*value, Some((0, Position::Program(layer.clone()))))
                }
                Some(_) | None => Binding::Outer(*value, None),
            };
            node.operands.iter().enumerate().map(of).collect::<Vec<_>>()
        };
        let variable = self.variable("layer");
        let layer = Some((repeat.count, &variable));
        let (body, prepare_variable) = self.body_scope(at, &repeat.body, &inputs, &body_facts, layer);

        // What is carried starts as a copy.
        let mut carried = Vec::new();
        for (value, result) in node.operands.iter().zip(&node.results).take(repeat.carried) {
            let place = match self.scope(at).home(*result) {
                Some(home) if home.is_contiguous() => home.clone(),
                Some(_) | None => self.own_place(at, "carried", *value, all.varies),
            };
            steps.main.extend(self.compute_elsewhere(at, *value, &place)?);
            carried.push(place);
        }
        for (n, place) in carried.iter().enumerate() {
            if let Some(input) = input_value(&repeat.body, n) {
                self.scope_mut(body).set_home(input, place.clone());
            }
        }
        let mut targets = Vec::new();
        let mut next = Vec::new();
        for (n, (_, value)) in repeat.body.outputs.iter().enumerate() {
            let place = if n < repeat.carried {
                let place = self.own_place(body, "next", *value, all.varies);
                next.push(place.clone());
                place
            } else {
                let Some(result) = node.results.get(n).filter(|result| made.contains(result)) else {
                    continue;
                };
                self.home_for(at, plan, *result).index(0, &variable)
            };
            targets.push((*value, place));
        }
        let inner = self.region(body, &targets)?;
        let mut main = inner.main;
        for (from, to) in next.iter().zip(&carried) {
            main.extend(self.copies(from, to).unwrap_or_default());
        }
        let loop_over = |variable: &Dim, body: Vec<Step>| Step::Loop {
            variable: variable.as_var().unwrap_or("?").to_owned(),
            count: dim(repeat.count),
            reverse: false,
            body,
        };
        steps.main.push(loop_over(&variable, main));
        if !inner.prepare.is_empty() {
            let variable = prepare_variable.unwrap_or(variable);
            steps.prepare.push(loop_over(&variable, inner.prepare));
        }
        for (result, place) in node.results.iter().zip(carried) {
            match self.scope(at).home(*result).cloned() {
                Some(home) if home == place => {}
                Some(home) => {
                    let dtype = self.scope(at).ty(*result).dtype;
                    let copies = self.copies(&place, &home);
                    let rearranged = |cx: &mut Self| vec![cx.rearrange(&place, &home, dtype)];
                    steps.main.extend(copies.unwrap_or_else(|| rearranged(self)));
                }
                None => self.scope_mut(at).set_home(*result, place),
            }
        }
        Ok(())
    }

    /// A place without gaps for a value that is kept from one application to the next.
    pub(crate) fn own_place(&mut self, at: ScopeId, name: &str, value: ValueId, varies: bool) -> Place {
        let scope = self.scope(at);
        let (ty, wide) = (scope.ty(value), scope.wide);
        self.scratch(name, (ty.dtype, wide), &ty.shape, varies, [true; 2])
    }
}

/// The value that reads an input of a body.
pub(crate) fn input_value(body: &Graph, number: usize) -> Option<ValueId> {
    let node = body.nodes.iter().find(|node| matches!(node.op, Op::Input(n) if n as usize == number))?;
    node.results.first().copied()
}
