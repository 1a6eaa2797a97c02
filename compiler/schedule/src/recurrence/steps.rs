//! A recurrence step by step: a program loop over the sequence with the state in memory, for bodies that are no single kernel (a transform, a recurrence within).

use crate::ScheduleError;
use crate::plan::Plan;
use crate::region::Steps;
use crate::repeat::input_value;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Position, ScopeId};
use tensc_ir::{Dim, Direction, Node, Rec, ValueId};
use tensc_program::Step;

impl<'g> Scheduler<'g> {
    pub(super) fn stepwise(
        &mut self,
        at: ScopeId,
        plan: &Plan,
        node: &'g Node,
        rec: &'g Rec,
        made: &[ValueId],
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let variable = self.variable("step");
        let facts = self.rec_facts(at, node, rec);
        let entry = Position::Program(variable.clone());
        let time = (&Dim::position() + &variable, Position::Kernel(Dim::default()));
        let bindings = self.rec_inputs(node, rec, time, &Binding::Home, &entry);
        let varies = node.operands.iter().any(|v| self.scope(at).fact(*v).varies);
        let (body, _) = self.body_scope(at, &rec.body, &|_| bindings.clone(), &facts, None);

        // One place per state and lag, starting with what precedes the sequence.
        let first_start = rec.sequences + rec.constants;
        let mut states = Vec::new();
        for n in 0..rec.states.iter().map(|state| state.depth).sum() {
            let Some(start) = node.operands.get(first_start + n).copied() else { continue };
            let place = self.own_place(at, "state", start, varies);
            steps.main.extend(self.compute_elsewhere(at, start, &place)?);
            if let Some(input) = input_value(&rec.body, 1 + n) {
                self.scope_mut(body).set_home(input, place.clone());
            }
            states.push(place);
        }
        let mut targets = Vec::new();
        let mut next = Vec::new();
        for state in &rec.states {
            let Some((_, value)) = rec.body.outputs.get(state.line) else { continue };
            let place = self.own_place(body, "next", *value, varies);
            targets.push((*value, place.clone()));
            next.push(place);
        }
        for (result, (_, value)) in node.results.iter().zip(&rec.body.outputs) {
            if made.contains(result) {
                let place = self.home_for(at, plan, *result).index(rec.axis, &variable);
                targets.push((*value, place));
            }
        }
        let inner = self.region(body, &targets)?;
        let mut main = inner.main;
        let mut from = 0;
        for (state, next) in rec.states.iter().zip(&next) {
            // The oldest entry first, so that none is overwritten before it has moved.
            for lag in (0..state.depth).rev() {
                let newer = if lag == 0 { Some(next) } else { states.get(from + lag - 1) };
                if let (Some(newer), Some(older)) = (newer, states.get(from + lag)) {
                    main.extend(self.copies(newer, older).unwrap_or_default());
                }
            }
            from += state.depth;
        }
        steps.prepare.extend(inner.prepare);
        steps.main.push(Step::Loop {
            variable: variable.as_var().unwrap_or("?").to_owned(),
            count: rec.length.clone(),
            reverse: rec.direction == Direction::Backward,
            body: main,
        });
        for (result, place) in node.results.iter().skip(rec.body.outputs.len()).zip(&states) {
            if !made.contains(result) {
                continue;
            }
            match self.scope(at).home(*result).cloned() {
                Some(home) => {
                    let dtype = self.scope(at).ty(*result).dtype;
                    let copies = self.copies(place, &home);
                    let copy = match copies {
                        Some(copies) => copies,
                        None => vec![self.rearrange(place, &home, dtype)],
                    };
                    steps.main.extend(copy);
                }
                None => self.scope_mut(at).set_home(*result, place.clone()),
            }
        }
        Ok(())
    }
}
