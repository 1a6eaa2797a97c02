//! Copies a graph node by node, so that a rewrite only says what it does otherwise.

use crate::ScheduleError;
use tensc_ir::{Builder, Graph, Node, Op, ValueId};

/// A graph under construction beside the one that it is made from.
pub(super) struct Copier<'g> {
    graph: &'g Graph,
    pub(super) builder: Builder,
    map: Vec<ValueId>,
}

impl<'g> Copier<'g> {
    /// With the graph's inputs and requirements.
    pub(super) fn new(graph: &'g Graph) -> Self {
        let mut copier = Self::empty(graph);
        let inputs: Vec<ValueId> =
            graph.inputs.iter().map(|input| copier.builder.input(input.clone())).collect();
        copier.bind(&inputs);
        copier
    }

    /// Without inputs: the caller makes them.
    pub(super) fn empty(graph: &'g Graph) -> Self {
        let mut builder = Builder::new(graph.name.clone());
        for (require, message) in &graph.requires {
            builder.require(require.clone(), message.clone());
        }
        Self { graph, builder, map: vec![ValueId(u32::MAX); graph.values.len()] }
    }

    /// Says which values stand for the graph's inputs.
    pub(super) fn bind(&mut self, inputs: &[ValueId]) {
        for node in &self.graph.nodes {
            if let (Op::Input(n), [value]) = (&node.op, node.results.as_slice())
                && let Some(input) = inputs.get(*n as usize)
            {
                self.set(*value, *input);
            }
        }
    }

    /// What stands for a value.
    pub(super) fn mapped(&self, value: ValueId) -> ValueId {
        self.map.get(value.0 as usize).copied().unwrap_or(value)
    }

    pub(super) fn set(&mut self, old: ValueId, new: ValueId) {
        if let Some(slot) = self.map.get_mut(old.0 as usize) {
            *slot = new;
        }
    }

    /// What stands for a node's operands.
    pub(super) fn operands(&self, node: &Node) -> Vec<ValueId> {
        node.operands.iter().map(|v| self.mapped(*v)).collect()
    }

    /// Copies a node; inputs are there already.
    pub(super) fn node(&mut self, node: &Node) -> Result<(), ScheduleError> {
        if matches!(node.op, Op::Input(_)) {
            return Ok(());
        }
        let operands = self.operands(node);
        let results = self.builder.push_many(node.op.clone(), &operands, node.origin)?;
        self.replace(node, &results);
        Ok(())
    }

    /// Says what stands for a node's results.
    pub(super) fn replace(&mut self, node: &Node, results: &[ValueId]) {
        for (old, new) in node.results.iter().zip(results) {
            self.set(*old, *new);
        }
    }

    /// Copies all nodes.
    pub(super) fn all(&mut self) -> Result<(), ScheduleError> {
        self.graph.nodes.iter().try_for_each(|node| self.node(node))
    }

    pub(super) fn outputs(&self) -> Vec<(String, ValueId)> {
        self.graph.outputs.iter().map(|(name, value)| (name.clone(), self.mapped(*value))).collect()
    }

    pub(super) fn finish(self) -> Graph {
        let outputs = self.outputs();
        self.builder.finish(outputs)
    }
}
