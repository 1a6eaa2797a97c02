//! Runs the nodes of one graph or body in order.

use super::{EvalError, EvalErrorKind, Options, node, region};
use crate::array::Array;
use crate::graph::{Graph, Node, Origin, ValueId};
use crate::op::Op;
use crate::{Dim, Sizes};
use std::rc::Rc;

/// What every node of a run may ask.
pub(super) struct Context<'a> {
    pub(super) sizes: &'a Sizes,
    pub(super) options: &'a Options<'a>,
}

impl Context<'_> {
    /// The value of a size in an op.
    pub(super) fn value(&self, dim: &Dim) -> Result<i64, EvalErrorKind> {
        match dim.as_constant() {
            Some(value) => Ok(value),
            None => Ok(dim.eval(self.sizes)?),
        }
    }

    pub(super) fn size(&self, dim: &Dim) -> Result<usize, EvalErrorKind> {
        let value = self.value(dim)?;
        usize::try_from(value).map_err(|_| EvalErrorKind::Negative { dim: dim.to_string(), value })
    }

    /// Sizes of a shape; a product beyond what memory can address is refused.
    pub(super) fn shape(&self, shape: &[Dim]) -> Result<Vec<usize>, EvalErrorKind> {
        let sizes = shape.iter().map(|dim| self.size(dim)).collect::<Result<Vec<_>, _>>()?;
        let entries = sizes.iter().try_fold(1_usize, |product, n| product.checked_mul(*n));
        match entries {
            Some(n) if n <= isize::MAX as usize / 16 => Ok(sizes),
            Some(_) | None => Err(EvalErrorKind::TooLarge(sizes)),
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), EvalErrorKind> {
        match self.options.cancelled {
            Some(cancelled) if cancelled() => Err(EvalErrorKind::Cancelled),
            Some(_) | None => Ok(()),
        }
    }
}

/// A graph with the values that are alive.
pub(super) struct Frame<'a> {
    graph: &'a Graph,
    values: Vec<Option<Rc<Array>>>,
    /// For each node, the values that nothing reads after it.
    dying: Vec<Vec<ValueId>>,
    /// Nodes that depend on constant inputs alone are run once, in [`Self::prepare`].
    invariant: Vec<bool>,
    /// Iterations of the repeats and steps of the recurrences around, outermost first.
    pub(super) within: Vec<u64>,
}

impl<'a> Frame<'a> {
    /// `varying` inputs (the first so many) change between runs; with 0 everything is run each time.
    pub(super) fn new(graph: &'a Graph, within: &[u64], varying: usize) -> Self {
        let mut invariant = vec![false; graph.nodes.len()];
        let mut constant = vec![false; graph.values.len()];
        if varying > 0 {
            for (node, invariant) in graph.nodes.iter().zip(&mut invariant) {
                *invariant = match &node.op {
                    Op::Input(number) => *number as usize >= varying,
                    // A mask differs from step to step.
                    Op::Keep { .. } => false,
                    op if op.body().is_some_and(draws_masks) => false,
                    _ => node.operands.iter().all(|v| constant.get(v.0 as usize) == Some(&true)),
                };
                for result in &node.results {
                    if let Some(constant) = constant.get_mut(result.0 as usize) {
                        *constant = *invariant;
                    }
                }
            }
        }
        let dying = last_uses(graph, &constant);
        Self { graph, values: vec![None; graph.values.len()], dying, invariant, within: within.to_vec() }
    }

    /// Runs what depends on the constant inputs alone; `inputs` are all, those that vary are not read.
    pub(super) fn prepare(
        &mut self,
        context: &Context<'_>,
        inputs: &[Option<Rc<Array>>],
    ) -> Result<(), EvalError> {
        self.run_nodes(context, true, &mut |number| inputs.get(number)?.clone())
    }

    /// Runs the graph: its outputs for these inputs.
    pub(super) fn run(
        &mut self,
        context: &Context<'_>,
        inputs: Vec<Rc<Array>>,
    ) -> Result<Vec<Rc<Array>>, EvalError> {
        let mut inputs: Vec<Option<Rc<Array>>> = inputs.into_iter().map(Some).collect();
        // An input that one node reads is handed over, so that it dies with its last use.
        self.run_nodes(context, false, &mut |number| inputs.get_mut(number)?.clone())?;
        inputs.clear();
        let missing = || EvalErrorKind::Unverified("output").at(None);
        let outputs = self.graph.outputs.iter().map(|(_, value)| self.value(*value).ok_or_else(missing));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        for (node, invariant) in self.graph.nodes.iter().zip(&self.invariant) {
            if !invariant {
                for result in &node.results {
                    if let Some(value) = self.values.get_mut(result.0 as usize) {
                        *value = None;
                    }
                }
            }
        }
        Ok(outputs)
    }

    fn value(&self, value: ValueId) -> Option<Rc<Array>> {
        self.values.get(value.0 as usize)?.clone()
    }

    fn run_nodes(
        &mut self,
        context: &Context<'_>,
        invariant: bool,
        input: &mut dyn FnMut(usize) -> Option<Rc<Array>>,
    ) -> Result<(), EvalError> {
        for (n, node) in self.graph.nodes.iter().enumerate() {
            if self.invariant.get(n) != Some(&invariant) {
                continue;
            }
            let results =
                self.run_node(context, node, input).map_err(|error| with_origin(error, node.origin))?;
            for (value, array) in node.results.iter().zip(results) {
                if let Some(slot) = self.values.get_mut(value.0 as usize) {
                    *slot = Some(array);
                }
            }
            for value in self.dying.get(n).into_iter().flatten() {
                if let Some(slot) = self.values.get_mut(value.0 as usize) {
                    *slot = None;
                }
            }
        }
        Ok(())
    }

    fn run_node(
        &self,
        context: &Context<'_>,
        node: &Node,
        input: &mut dyn FnMut(usize) -> Option<Rc<Array>>,
    ) -> Result<Vec<Rc<Array>>, EvalError> {
        let missing = || EvalErrorKind::Unverified(node.op.name()).at(node.origin);
        if let Op::Input(number) = node.op {
            return Ok(vec![input(number as usize).ok_or_else(missing)?]);
        }
        context.check_cancelled().map_err(|kind| kind.at(None))?;
        let operands = node.operands.iter().map(|value| self.value(*value).ok_or_else(missing));
        let operands = operands.collect::<Result<Vec<_>, _>>()?;
        if let Op::Rec(rec) = &node.op {
            region::rec(context, rec, &operands, &self.within)
        } else if let Op::Repeat(repeat) = &node.op {
            region::repeat(context, repeat, &operands, &self.within)
        } else {
            let result = node::run(context, &node.op, &operands, &self.within);
            result.map(|result| vec![result]).map_err(|kind| kind.at(node.origin))
        }
    }
}

/// The innermost place that is known stands.
fn with_origin(error: EvalError, origin: Option<Origin>) -> EvalError {
    EvalError { origin: error.origin.or(origin), ..error }
}

fn draws_masks(graph: &Graph) -> bool {
    graph
        .nodes
        .iter()
        .any(|node| matches!(node.op, Op::Keep { .. }) || node.op.body().is_some_and(draws_masks))
}

/// For each node the values whose last reader it is; results and `kept` values never die.
fn last_uses(graph: &Graph, kept: &[bool]) -> Vec<Vec<ValueId>> {
    let mut lasts = vec![Vec::new(); graph.nodes.len()];
    let mut read_later = kept.to_vec();
    read_later.resize(graph.values.len(), false);
    for (_, value) in &graph.outputs {
        if let Some(read) = read_later.get_mut(value.0 as usize) {
            *read = true;
        }
    }
    for (node, last) in graph.nodes.iter().zip(&mut lasts).rev() {
        for value in node.operands.iter().chain(&node.results) {
            if let Some(read) = read_later.get_mut(value.0 as usize)
                && !std::mem::replace(read, true)
            {
                last.push(*value);
            }
        }
    }
    lasts
}
