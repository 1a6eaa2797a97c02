//! From a body whose types stand to a recurrence.

use super::{Pass, physical, state_input};
use crate::ast;
use crate::check::elaborator::{Elaborator, Reported, Res};
use crate::check::region::Slot;
use crate::check::types::Stated;
use crate::check::value::{Tensor, Value};
use crate::diagnostic::Diagnostic;
use tensc_ir::{Direction, Form, Op, Rec, RecState, ValueId};

impl<'a> Elaborator<'a> {
    /// Makes the recurrence of a body whose types stand.
    pub(super) fn close(
        &mut self,
        rec: &'a ast::Rec,
        lines: &[&'a ast::Define],
        pass: Pass<'a>,
        starts: &[Option<Value<'a>>],
    ) -> Res<Vec<Value<'a>>> {
        let Pass { region, stepping, .. } = pass;
        let Some(length) = stepping.length.clone() else {
            let index = lines.first().map_or("t", |line| line.index.text.as_str());
            let title = "nothing says how long this recurrence is";
            let diagnostic =
                Diagnostic::error(title, rec.span, format!("no sequence is indexed by `{index}`"));
            return Err(self.report(match stepping.candidate {
                Some((name, span, _, ty)) => diagnostic
                    .label(span, format!("{ty}: the whole sequence"))
                    .hint(format!("`{name}[{index}]` is its entry")),
                None => diagnostic.hint(format!("read a sequence: `x[{index}]`")),
            }));
        };
        let lead = if stepping.mapped { self.lead_dims() } else { Vec::new() };
        self.regions.push(region);
        let body_region = self.innermost();
        let mut outputs = Vec::with_capacity(lines.len());
        let mut entries = Vec::with_capacity(lines.len());
        for line in &stepping.lines {
            let Some(Value::Tensor(now)) = &line.now else {
                self.regions.pop();
                return Err(Reported);
            };
            outputs.push((line.name.to_owned(), self.import(now, body_region)));
            entries.push(Stated { dtype: now.dtype, axes: now.axes.clone() });
        }
        let Some(mut body) = self.regions.pop() else { return Err(Reported) };
        let mut states = Vec::new();
        for (n, (line, ty)) in stepping.lines.iter().zip(&entries).enumerate() {
            if line.depth > 0 {
                states.push(RecState { line: n, depth: line.depth });
                for lag in 1..=line.depth {
                    state_input(&mut body, n, lag, line.name, physical(ty, &lead));
                }
            }
        }
        let (graph, slots) = body.finish(outputs, |slot| match slot {
            Slot::Time => (0, 0, 0),
            Slot::State { line, lag } => (1, *line, *lag),
            Slot::Sequence(_) => (2, 0, 0),
            Slot::Carried(_) | Slot::Constant(_) | Slot::Stacked(..) => (3, 0, 0),
        });
        let sequences: Vec<ValueId> = slots
            .iter()
            .filter_map(|slot| if let Slot::Sequence(id) = slot { Some(*id) } else { None })
            .collect();
        let constants: Vec<ValueId> = slots
            .iter()
            .filter_map(|slot| if let Slot::Constant(id) = slot { Some(*id) } else { None })
            .collect();
        let parent = self.innermost();
        let mut operands: Vec<ValueId> = sequences.iter().chain(&constants).copied().collect();
        for state in &states {
            for lag in 1..=state.depth {
                let start = self.start(lines, &entries, starts, state.line, lag, stepping.mapped)?;
                operands.push(self.import(&start, parent));
            }
        }
        let direction = stepping.direction.map_or(Direction::Forward, |(direction, _)| direction);
        let op = Op::Rec(Box::new(Rec {
            length: length.dim.clone(),
            axis: lead.len(),
            direction,
            form: Form::Step,
            sequences: sequences.len(),
            constants: constants.len(),
            states: states.clone(),
            body: graph,
        }));
        let results = self.push_many(parent, op, &operands)?;
        self.finals_of(parent, &states, lines.len(), direction, &results);
        let mut values = Vec::with_capacity(lines.len());
        for (entry, id) in entries.into_iter().zip(results) {
            let mut axes = vec![length.clone()];
            axes.extend(entry.axes);
            values.push(self.tensor_of(id, parent, axes, lead.len()).into());
        }
        Ok(values)
    }

    /// The entry that precedes the sequence by `lag`: what `from` gives, zeros beyond.
    fn start(
        &mut self,
        lines: &[&'a ast::Define],
        entries: &[Stated],
        starts: &[Option<Value<'a>>],
        line: usize,
        lag: usize,
        mapped: bool,
    ) -> Res<Tensor> {
        let (Some(define), Some(entry)) = (lines.get(line), entries.get(line)) else { return Err(Reported) };
        let start = match (starts.get(line), &define.from) {
            (Some(Some(value)), Some(from)) if lag == 1 => {
                self.coerce_filling(value, entry, from.span, define.name.span)?
            }
            _ => self.filled(entry.dtype, 0.0, &entry.axes)?,
        };
        if mapped { self.map_over_lead(start) } else { Ok(start) }
    }

    /// Notes which value is the final entry of a sequence, for `last`.
    fn finals_of(
        &mut self,
        region: usize,
        states: &[RecState],
        lines: usize,
        direction: Direction,
        results: &[ValueId],
    ) {
        if direction == Direction::Backward {
            return;
        }
        let mut next = lines;
        for state in states {
            if let (Some(sequence), Some(last), Some(region)) =
                (results.get(state.line), results.get(next), self.regions.get_mut(region))
            {
                region.finals.insert(*sequence, *last);
            }
            next += state.depth;
        }
    }
}
