//! Rewrites one graph or body, node by node, collecting what it remembers.

use super::pairs::keys;
use super::{NotStreamable, state_input};
use crate::analyse::time::{Fact, body_inputs, time_facts_with};
use crate::builder::Builder;
use crate::graph::{Graph, Input, Node, Origin, Role, ValueId};
use crate::op::{Op, Rec, Repeat};
use crate::{Dim, Type};
use std::collections::HashMap;

/// Something remembered: its input is a state, `next` what the state becomes.
pub(super) struct Memory {
    pub(super) ty: Type,
    pub(super) next: ValueId,
    pub(super) what: String,
    pub(super) origin: Option<Origin>,
}

pub(super) struct Rewrite<'a> {
    pub(super) source: &'a Graph,
    facts: &'a [Fact],
    /// The axis of keys of each pair value.
    keys: Vec<Option<usize>>,
    /// Values with all of their entries so far, by the old one.
    pub(super) wide: HashMap<ValueId, ValueId>,
    pub(super) time: &'a str,
    pub(super) builder: Builder,
    /// The new value of each old one.
    values: Vec<ValueId>,
    memories: Vec<Memory>,
    role: Role,
}

/// A rewritten graph before it is finished.
pub(super) struct Rewritten {
    pub(super) builder: Builder,
    pub(super) outputs: Vec<(String, ValueId)>,
    pub(super) memories: Vec<Memory>,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(source: &'a Graph, facts: &'a [Fact], time: &'a str) -> Result<Self, NotStreamable> {
        Ok(Self {
            source,
            facts,
            keys: keys(source, facts, time)?,
            wide: HashMap::new(),
            time,
            builder: Builder::new(source.name.clone()),
            values: vec![ValueId(0); source.values.len()],
            memories: Vec::new(),
            role: Role::Local,
        })
    }

    /// Rewrites every node; states become inputs of this role, after the graph's own.
    pub(super) fn run(mut self, role: &Role) -> Result<Rewritten, NotStreamable> {
        self.role = role.clone();
        let mut types: Vec<Type> = self.source.inputs.iter().map(|input| input.ty.clone()).collect();
        for node in &self.source.nodes {
            if let (Op::Input(number), [value]) = (&node.op, node.results.as_slice())
                && let Some(ty) = types.get_mut(*number as usize)
            {
                self.pair_shape(*value, &mut ty.shape);
            }
        }
        let inputs: Vec<ValueId> = (self.source.inputs.iter().zip(types))
            .map(|(input, ty)| self.builder.input(Input { ty, ..input.clone() }))
            .collect();
        for node in &self.source.nodes {
            let operands: Vec<ValueId> = node.operands.iter().map(|value| self.value(*value)).collect();
            let results = if let Op::Input(number) = node.op {
                inputs.get(number as usize).map(|input| vec![*input]).unwrap_or_default()
            } else {
                self.node(node, &operands)
                    .map_err(|error| NotStreamable { origin: error.origin.or(node.origin), ..error })?
            };
            for (old, new) in node.results.iter().zip(results) {
                if let Some(slot) = self.values.get_mut(old.0 as usize) {
                    *slot = new;
                }
            }
        }
        let outputs = self.source.outputs.iter().map(|(name, value)| (name.clone(), self.value(*value)));
        let outputs = outputs.collect();
        Ok(Rewritten { builder: self.builder, outputs, memories: self.memories })
    }

    pub(super) fn value(&self, old: ValueId) -> ValueId {
        self.values.get(old.0 as usize).copied().unwrap_or_default()
    }

    pub(super) fn fact(&self, old: ValueId) -> &Fact {
        self.facts.get(old.0 as usize).unwrap_or(&Fact::Constant)
    }

    /// The axis of keys of a pair value.
    pub(super) fn key(&self, old: ValueId) -> Option<usize> {
        self.keys.get(old.0 as usize).copied().flatten()
    }

    /// The time axis of the node's operand of this number.
    fn time_of(&self, node: &Node, operand: usize) -> Option<usize> {
        self.fact(*node.operands.get(operand)?).axis()
    }

    fn node(&mut self, node: &Node, operands: &[ValueId]) -> Result<Vec<ValueId>, NotStreamable> {
        let time = self.time_of(node, 0);
        let result = match (&node.op, operands) {
            (Op::Rec(rec), _) if rec.length.as_var() == Some(self.time) => {
                return self.rec_along_time(rec, node, operands);
            }
            (Op::Rec(rec), _) => return self.other_rec(rec, node, operands),
            (Op::Repeat(repeat), _) => return self.repeat(repeat, node, operands),
            _ if node.operands.iter().chain(&node.results).any(|value| self.key(*value).is_some()) => {
                self.pair_node(node)?
            }
            (Op::Iota { len, start }, _) if len.mentions(self.time) => {
                let start = start + &Dim::position();
                self.builder.push(Op::Iota { len: len.clone(), start }, &[], node.origin)?
            }
            // A table read at the sequence's positions.
            (Op::Slice { axis, start, len }, [x]) if time.is_none() && len.mentions(self.time) => {
                let start = start + &Dim::position();
                self.builder.push(Op::Slice { axis: *axis, start, len: len.clone() }, &[*x], node.origin)?
            }
            (Op::Shift { axis, by }, [x]) if time == Some(*axis) && *by > 0 => {
                self.shift(*axis, *by, *x, node.origin)?
            }
            (Op::Conv { axis }, [x, w]) if time == Some(*axis) => self.conv(*axis, *x, *w, node.origin)?,
            (Op::Cumsum { axis }, [x]) if time == Some(*axis) => self.cumsum(*axis, *x, node.origin)?,
            (Op::Last { axis }, [x]) if time == Some(*axis) => self.last(*axis, *x, node.origin)?,
            (op, operands) => self.builder.push(op.clone(), operands, node.origin)?,
        };
        Ok(vec![result])
    }

    /// A new state: the value that it has in this piece. What it becomes is told by [`Self::becomes`].
    pub(super) fn remember(&mut self, ty: Type, what: impl Into<String>, origin: Option<Origin>) -> ValueId {
        let input = state_input(self.memories.len(), ty.clone(), &self.role);
        let value = self.builder.input(input);
        self.memories.push(Memory { ty, next: value, what: what.into(), origin });
        value
    }

    /// What the `n`-th state becomes after this piece.
    pub(super) fn becomes(&mut self, n: usize, next: ValueId) {
        if let Some(memory) = self.memories.get_mut(n) {
            memory.next = next;
        }
    }

    pub(super) fn memory_count(&self) -> usize {
        self.memories.len()
    }

    /// Start operands become states, which the final entries follow.
    fn rec_along_time(
        &mut self,
        rec: &Rec,
        node: &Node,
        operands: &[ValueId],
    ) -> Result<Vec<ValueId>, NotStreamable> {
        let given = rec.sequences + rec.constants;
        let mut operands = operands.to_vec();
        let first = self.memory_count();
        let name = format!("rec {}", rec.body.name);
        for operand in operands.iter_mut().skip(given) {
            let start = *operand;
            let ty = self.builder.ty(start).clone();
            let state = self.remember(ty, name.trim_end(), node.origin);
            *operand = if self.is_zero(start) { state } else { self.at_start(start, state)? };
        }
        let results = self.builder.push_many(node.op.clone(), &operands, node.origin)?;
        let finals = results.iter().skip(rec.body.outputs.len());
        for (n, next) in finals.copied().enumerate().collect::<Vec<_>>() {
            self.becomes(first + n, next);
        }
        Ok(results)
    }

    /// A recurrence along another axis: time, if it is there, is an axis of its entries.
    fn other_rec(
        &mut self,
        rec: &Rec,
        node: &Node,
        operands: &[ValueId],
    ) -> Result<Vec<ValueId>, NotStreamable> {
        let rewritten = self.body(&rec.body, node)?;
        if let Some(memory) = rewritten.memories.first() {
            let what = &memory.what;
            let reason = format!("`{what}` remembers along {} in each step of another recurrence", self.time);
            return Err(NotStreamable { reason, origin: memory.origin });
        }
        let body = rewritten.builder.finish(rewritten.outputs);
        let op = Op::Rec(Box::new(Rec { body, ..rec.clone() }));
        Ok(self.builder.push_many(op, operands, node.origin)?)
    }

    /// Each application remembers for itself: states are stacked operands, what they become is collected.
    fn repeat(
        &mut self,
        repeat: &Repeat,
        node: &Node,
        operands: &[ValueId],
    ) -> Result<Vec<ValueId>, NotStreamable> {
        let Rewritten { builder, mut outputs, memories } = self.body(&repeat.body, node)?;
        let count = Dim::constant(i64::try_from(repeat.count).unwrap_or(i64::MAX));
        let mut operands = operands.to_vec();
        let first = self.memory_count();
        for (n, memory) in memories.iter().enumerate() {
            let shape = std::iter::once(&count).chain(&memory.ty.shape).cloned().collect();
            let ty = Type::new(memory.ty.dtype, shape);
            operands.push(self.remember(ty, memory.what.clone(), memory.origin));
            outputs.push((format!("state.{n}"), memory.next));
        }
        let own = repeat.body.outputs.len();
        let stacked = repeat.stacked + memories.len();
        let op = Op::Repeat(Box::new(Repeat { stacked, body: builder.finish(outputs), ..repeat.clone() }));
        let mut results = self.builder.push_many(op, &operands, node.origin)?;
        for (n, next) in results.split_off(own.min(results.len())).into_iter().enumerate() {
            self.becomes(first + n, next);
        }
        Ok(results)
    }

    fn body(&self, body: &Graph, node: &Node) -> Result<Rewritten, NotStreamable> {
        let operands: Vec<Fact> = node.operands.iter().map(|value| self.fact(*value).clone()).collect();
        let inputs = body_inputs(&node.op, &operands, self.time);
        let facts = time_facts_with(body, &inputs, self.time);
        if let Some(reason) = facts.first_whole() {
            return Err(reason.into());
        }
        let mut rewritten = Rewrite::new(body, &facts.values, self.time)?.run(&Role::Local)?;
        for (require, message) in &body.requires {
            rewritten.builder.require(super::for_piece(require, message, self.time)?, message.clone());
        }
        Ok(rewritten)
    }
}
