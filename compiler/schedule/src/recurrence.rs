//! `rec`: as one kernel that walks the sequence with its state in tiles, or, where a step does not fit a kernel, as a program loop with the state in memory. Other forms than
//! the step form are recipes: kernels over parts of the sequence.

mod axes;
mod factors;
mod fused;
mod lanes;
mod steps;

pub(crate) use fused::{Carry, Factors, Segments, Start, Target, Walk};
pub(crate) use lanes::Lanes;

use crate::ScheduleError;
use crate::plan::Plan;
use crate::region::Steps;
use crate::schedule::Scheduler;
use crate::scope::{Binding, Fact, Position, ScopeId};
use tensc_ir::{Dim, Form, Node, Rec, ValueId};

/// Name of the variable of the loop over the sequence in a kernel.
const TIME: &str = "t";
/// Names of the grid axis over groups of segments and of the tile axis over the segments of one.
const GROUP: &str = "group";
const SEGMENT: &str = "segment";

impl<'g> Scheduler<'g> {
    pub(crate) fn recurrence(
        &mut self,
        at: ScopeId,
        plan: &Plan,
        node: &'g Node,
        rec: &'g Rec,
        made: &[ValueId],
        steps: &mut Steps,
    ) -> Result<(), ScheduleError> {
        let Some(lanes) = lanes::lanes(rec, &used_lines(node, rec, made)) else {
            return self.stepwise(at, plan, node, rec, made, steps);
        };
        let target = Target { at, plan, node, rec, made };
        if self.recipe(target, &lanes, steps)? {
            return Ok(());
        }
        self.walk(target, &lanes, &Walk::whole(rec), steps)
    }

    /// What a body's inputs stand for: time, states, entries, constants.
    fn rec_inputs(
        &self,
        node: &Node,
        rec: &Rec,
        time: (Dim, Position),
        state: &Binding,
        entry: &Position,
    ) -> Vec<Binding> {
        let mut inputs = vec![Binding::Number(time.0, time.1)];
        inputs.extend(rec.states.iter().flat_map(|s| std::iter::repeat_n(state.clone(), s.depth)));
        let (sequences, rest) = node.operands.split_at(rec.sequences.min(node.operands.len()));
        inputs.extend(sequences.iter().map(|v| Binding::Outer(*v, Some((rec.axis, entry.clone())))));
        inputs.extend(rest.iter().take(rec.constants).map(|v| Binding::Outer(*v, None)));
        inputs
    }

    fn rec_facts(&self, at: ScopeId, node: &Node, rec: &Rec) -> Vec<Fact> {
        let scope = self.scope(at);
        let of: Vec<Fact> = node.operands.iter().map(|v| scope.fact(*v)).collect();
        let all = of.iter().fold(Fact::SHARED, |all, fact| all.and(*fact));
        let states: usize = rec.states.iter().map(|state| state.depth).sum();
        let mut facts = vec![Fact::SHARED];
        facts.extend(std::iter::repeat_n(all, states));
        // An entry depends on the step, whatever the sequence is made of.
        facts.extend(of.iter().take(rec.sequences).map(|fact| Fact { fixed: false, ..*fact }));
        facts.extend(of.iter().skip(rec.sequences).take(rec.constants));
        facts
    }
}

/// The lines whose sequences are wanted.
fn used_lines(node: &Node, rec: &Rec, made: &[ValueId]) -> Vec<usize> {
    let lines = node.results.iter().take(rec.body.outputs.len()).enumerate();
    lines.filter(|(_, result)| made.contains(result)).map(|(n, _)| n).collect()
}

/// Whether a recurrence's kernel reads each entry of an operand once; nothing where it is no kernel.
pub(crate) fn reads_once(
    cx: &Scheduler<'_>,
    at: ScopeId,
    node: &Node,
    rec: &Rec,
    operand: usize,
) -> Option<bool> {
    let all: Vec<usize> = (0..rec.body.outputs.len()).collect();
    let lanes = lanes::lanes(rec, &all)?;
    if rec.form != Form::Step {
        return Some(operand >= rec.sequences + rec.constants);
    }
    let scope = cx.scope(at);
    let of_operand = scope.fact(*node.operands.get(operand)?);
    let varies = node.results.first().is_some_and(|v| scope.fact(*v).varies);
    if operand < rec.sequences {
        // An entry without lanes is read by every piece of the lanes.
        return Some(
            of_operand.varies == varies && (lanes.is_whole() || lanes.input_has_lanes(rec, operand)),
        );
    }
    Some(operand >= rec.sequences + rec.constants)
}
