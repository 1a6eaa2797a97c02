//! `fold`: values chained through cells. Cells of one kind, with equal hyperparameters and shapes, become one repeat.

use super::call::ArgValue;
use super::elaborator::{Elaborator, Reported, Res};
use super::region::{Region, RegionKind, Slot};
use super::sharing::same_type;
use super::value::{InstanceId, Tensor, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::rc::Rc;
use tensc_ir::{Graph, Op, Repeat, ValueId};

/// What a body hands on: its outputs, and the values behind them.
type Carried = (Vec<(String, ValueId)>, Vec<Tensor>);

impl<'a> Elaborator<'a> {
    /// `fold(fs, x, a, b)`, `fold(fs, (x, m))`
    pub(crate) fn fold(&mut self, args: &[ArgValue<'a>], span: Span) -> Res<Value<'a>> {
        let [cells, start, rest @ ..] = args else {
            let diagnostic = Diagnostic::error(
                "`fold` takes a list and a value",
                span,
                format!("{} are given", args.len()),
            );
            return Err(self.report(diagnostic.hint("fold(blocks, x)")));
        };
        let list = match &cells.value {
            Value::List(list) => list.clone(),
            Value::Error => return Err(Reported),
            Value::Size(_) if self.generic => return Err(Reported),
            other => {
                let diagnostic = Diagnostic::error(
                    "`fold` runs over a list of cells or functions",
                    cells.span,
                    format!("this is {}", other.describe()),
                );
                return Err(self.report(diagnostic.hint("fold(blocks, x)")));
            }
        };
        if args.iter().any(|arg| arg.value.has_error()) {
            return Err(Reported);
        }
        // In a check each step is known by its type, and a body would have to be typed for itself.
        if self.sharing.is_none()
            && let Some(template) = self.repeatable(&list)
            && let Some(value) = self.repeat(&list, template, start, rest, span)?
        {
            return Ok(value);
        }
        let mut value = start.value.clone();
        for (n, cell) in list.iter().enumerate() {
            let next = self.step(cell, value.clone(), start.span, rest, cells.span, span)?;
            // In a check more of one cell changes nothing, once its result has the type of what it was given.
            let settled = self.sharing.is_some()
                && same_type(&value, &next)
                && list.iter().skip(n).all(|other| same_cell(cell, other));
            value = next;
            if settled {
                break;
            }
        }
        Ok(value)
    }

    /// One cell applied to the chained values.
    fn step(
        &mut self,
        cell: &Value<'a>,
        value: Value<'a>,
        at: Span,
        rest: &[ArgValue<'a>],
        callee: Span,
        span: Span,
    ) -> Res<Value<'a>> {
        let chained = match value {
            Value::Tuple(entries) => {
                entries.iter().map(|(_, entry)| ArgValue::positional(entry.clone(), at)).collect()
            }
            value => vec![ArgValue::positional(value, at)],
        };
        let args = chained.into_iter().chain(rest.iter().cloned()).collect();
        self.call_value(cell, args, callee, span)
    }

    /// The first of at least two cells that are alike and lie one after the other in weight files.
    fn repeatable(&self, list: &[Value<'a>]) -> Option<InstanceId> {
        let cells: Vec<InstanceId> = list
            .iter()
            .map(|value| if let Value::Cell(id) = value { Some(*id) } else { None })
            .collect::<Option<_>>()?;
        let template = *cells.first().filter(|_| cells.len() >= 2)?;
        let first = self.instance(template)?;
        let (_, front) = first.path.split_last()?;
        for (n, cell) in cells.iter().enumerate() {
            let other = self.instance(*cell)?;
            let (last, other_front) = other.path.split_last()?;
            if other_front != front || **last != *n.to_string() || !self.alike(template, *cell) {
                return None;
            }
        }
        Some(template)
    }

    /// Whether two cells differ in their weights alone.
    fn alike(&self, a: InstanceId, b: InstanceId) -> bool {
        if a == b {
            return true;
        }
        let (Some(x), Some(y)) = (self.instance(a), self.instance(b)) else { return false };
        let params = x.params.iter().all(|(name, p)| {
            let (p, q) = (self.param(*p), y.params.get(name).and_then(|q| self.param(*q)));
            match (p.and_then(|p| p.shape.as_ref()), q.and_then(|q| q.shape.as_ref())) {
                (Some(p), Some(q)) => p.len() == q.len() && p.iter().zip(q).all(|(p, q)| p.dim == q.dim),
                _ => false,
            }
        });
        let owned = |id: InstanceId, owner: InstanceId| {
            let (Some(cell), Some(owner)) = (self.instance(id), self.instance(owner)) else { return false };
            cell.path.starts_with(&owner.path)
        };
        x.decl.is(&y.decl)
            && params
            && x.hypers.len() == y.hypers.len()
            && x.hypers.iter().all(|(name, p)| {
                y.hypers
                    .get(name)
                    .is_some_and(|q| self.same(p, q, &|p, q| (owned(p, a) && owned(q, b)) || p == q))
            })
            && x.cells.iter().all(|(name, p)| {
                y.cells
                    .get(name)
                    .is_some_and(|q| self.same(p, q, &|p, q| (owned(p, a) && owned(q, b)) || p == q))
            })
    }

    fn same(&self, a: &Value<'a>, b: &Value<'a>, placed: &dyn Fn(InstanceId, InstanceId) -> bool) -> bool {
        match (a, b) {
            (Value::Size(a), Value::Size(b)) => a.dim == b.dim,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same(a, b, placed))
            }
            (Value::Cell(a), Value::Cell(b)) => placed(*a, *b) && self.alike(*a, *b),
            (Value::Function(a), Value::Function(b)) => super::value::same_function(a, b),
            _ => false,
        }
    }

    /// The repeat of a cell, unless the types of the chained values change on the way or its layers draw differently.
    fn repeat(
        &mut self,
        list: &[Value<'a>],
        template: InstanceId,
        start: &ArgValue<'a>,
        rest: &[ArgValue<'a>],
        span: Span,
    ) -> Res<Option<Value<'a>>> {
        let Some(path) = self.instance(template).map(|instance| instance.path.clone()) else {
            return Ok(None);
        };
        let (chained, tuple) = match &start.value {
            Value::Tuple(entries) => (entries.iter().map(|(_, entry)| entry.clone()).collect(), true),
            value => (vec![value.clone()], false),
        };
        if chained.iter().any(|value| !matches!(value, Value::Tensor(_)))
            || rest.iter().any(|arg| arg.value.has_hole())
        {
            return Ok(None);
        }
        let mut carried = Vec::with_capacity(chained.len());
        let mapped = chained
            .iter()
            .chain(rest.iter().map(|arg| &arg.value))
            .any(|v| matches!(v, Value::Tensor(t) if t.lead > 0));
        for value in chained {
            let Value::Tensor(tensor) = value else { return Ok(None) };
            carried.push(if mapped { self.map_over_lead(tensor)? } else { tensor });
        }
        let kind = RegionKind::Layers { segment: path.len().saturating_sub(1), path, count: list.len() };
        let parent = self.innermost();
        let mut body = Region::new("layer", kind);
        let mut inputs = Vec::with_capacity(carried.len());
        for (n, tensor) in carried.iter().enumerate() {
            let id = body.add(Slot::Carried(n), &format!("carried{n}"), self.physical(tensor));
            inputs.push((None, Value::Tensor(Tensor { id, region: parent + 1, ..tensor.clone() })));
        }
        let counters = (self.sites, self.next_rec);
        self.regions.push(body);
        let value = match inputs.as_slice() {
            [(_, one)] if !tuple => one.clone(),
            _ => Value::Tuple(Rc::new(inputs)),
        };
        let cell = Value::Cell(template);
        let (result, failed) = self.quietly(|cx| cx.step(&cell, value, start.span, rest, start.span, span));
        let outputs = match &result {
            Ok(value) if !failed => self.carried_outputs(value, &carried, parent + 1),
            _ => None,
        };
        let Some(body) = self.regions.pop() else { return Err(Reported) };
        if self.sites != counters.0 {
            // Every layer draws its own mask: unrolled, each call site has its own number.
            (self.sites, self.next_rec) = counters;
            return Ok(None);
        }
        let Some((outputs, tensors)) = outputs else {
            (self.sites, self.next_rec) = counters;
            return Ok(None);
        };
        self.close_repeat(body, outputs, &carried, &tensors, list.len(), tuple).map(Some)
    }

    /// What the body hands on, if its types are those that it was given.
    fn carried_outputs(&mut self, value: &Value<'a>, carried: &[Tensor], region: usize) -> Option<Carried> {
        let entries: Vec<Value<'a>> = match value {
            Value::Tuple(entries) => entries.iter().map(|(_, entry)| entry.clone()).collect(),
            value => vec![value.clone()],
        };
        if entries.len() != carried.len() {
            return None;
        }
        let mut outputs = Vec::with_capacity(entries.len());
        let mut tensors = Vec::with_capacity(entries.len());
        for (n, (entry, before)) in entries.into_iter().zip(carried).enumerate() {
            let Value::Tensor(mut tensor) = entry else { return None };
            if before.lead > 0 {
                tensor = self.map_over_lead(tensor).ok()?;
            }
            let (now, then) = (self.physical(&tensor), self.physical(before));
            if now != then || tensor.lead != before.lead {
                return None;
            }
            outputs.push((format!("carried{n}"), self.import(&tensor, region)));
            tensors.push(tensor);
        }
        Some((outputs, tensors))
    }

    fn close_repeat(
        &mut self,
        body: Region,
        outputs: Vec<(String, ValueId)>,
        carried: &[Tensor],
        after: &[Tensor],
        count: usize,
        tuple: bool,
    ) -> Res<Value<'a>> {
        let parent = self.innermost();
        let (graph, slots): (Graph, Vec<Slot>) = body.finish(outputs, |slot| match slot {
            Slot::Carried(n) => (0, *n, 0),
            Slot::Constant(_) | Slot::Time | Slot::State { .. } | Slot::Sequence(_) => (1, 0, 0),
            Slot::Stacked(..) => (2, 0, 0),
        });
        let mut operands: Vec<ValueId> = carried.iter().map(|tensor| self.import(tensor, parent)).collect();
        let (mut constants, mut stacked) = (0, 0);
        for slot in &slots {
            match slot {
                Slot::Constant(id) => {
                    constants += 1;
                    operands.push(*id);
                }
                Slot::Stacked(_, id) => {
                    stacked += 1;
                    operands.push(*id);
                }
                Slot::Carried(_) | Slot::Time | Slot::State { .. } | Slot::Sequence(_) => {}
            }
        }
        let op =
            Op::Repeat(Box::new(Repeat { count, carried: carried.len(), constants, stacked, body: graph }));
        let results = self.push_many(parent, op, &operands)?;
        let mut values = Vec::with_capacity(results.len());
        for (id, tensor) in results.into_iter().zip(after) {
            let result = Tensor { id, region: parent, ..tensor.clone() };
            values.push((None, Value::Tensor(result)));
        }
        Ok(match values.as_slice() {
            [(_, one)] if !tuple => one.clone(),
            _ => Value::Tuple(Rc::new(values)),
        })
    }
}

fn same_cell(a: &Value<'_>, b: &Value<'_>) -> bool {
    matches!((a, b), (Value::Cell(a), Value::Cell(b)) if a == b)
}
