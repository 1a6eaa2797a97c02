//! Where ops go: the graph, and the bodies of recurrences and repeats that are open inside it.
//!
//! An op goes into the outermost region that has all its operands, so what does not change inside a body is computed
//! once outside it. A value of an outer region that a body needs becomes an input of the body.

use super::value::{ParamId, Tensor};
use rustc_hash::FxHashMap;
use tensc_ir::builder::Builder;
use tensc_ir::{Graph, Op, Type, ValueId};

/// A graph under construction with what flows into it.
pub(crate) struct Region {
    /// Its ops.
    pub(crate) builder: Builder,
    /// What kind of body it is.
    pub(crate) kind: RegionKind,
    /// Values of the region around this one, as inputs here.
    captured: FxHashMap<ValueId, ValueId>,
    /// Sequences of the region around this one, as this step's entries.
    sequences: FxHashMap<ValueId, ValueId>,
    /// Arrays by the pattern of their path.
    pub(crate) params: FxHashMap<String, ValueId>,
    /// The final entry of a sequence that a recurrence made.
    pub(crate) finals: FxHashMap<ValueId, ValueId>,
    /// What each input is, in the order of the builder.
    pub(crate) slots: Vec<Slot>,
}

/// What kind of body a region is.
pub(crate) enum RegionKind {
    /// The graph itself.
    Root,
    /// One step of a recurrence.
    Step {
        /// Length of the lead of the frame that runs the recurrence.
        lead: usize,
        /// Whether a value over that lead came in.
        saw_mapped: bool,
    },
    /// One application of a repeated cell.
    Layers {
        /// Number of the path's segment that counts the layers.
        segment: usize,
        /// The template's path, whose arrays differ by layer.
        path: Vec<std::rc::Rc<str>>,
        /// How many.
        count: usize,
    },
}

/// What an input of a region is; the order decides where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The index of a recurrence.
    Time,
    /// An earlier entry of a line.
    State { line: usize, lag: usize },
    /// This step's entry of a sequence of the region around.
    Sequence(ValueId),
    /// A value that a repeat hands on.
    Carried(usize),
    /// A value of the region around.
    Constant(ValueId),
    /// An array that differs by layer, stacked in the region around.
    Stacked(ParamId, ValueId),
}

impl Region {
    pub(crate) fn new(name: &str, kind: RegionKind) -> Self {
        Self {
            builder: Builder::new(name),
            kind,
            captured: FxHashMap::default(),
            sequences: FxHashMap::default(),
            params: FxHashMap::default(),
            finals: FxHashMap::default(),
            slots: Vec::new(),
        }
    }

    /// Adds an input of a body.
    pub(crate) fn add(&mut self, slot: Slot, name: &str, ty: Type) -> ValueId {
        self.slots.push(slot);
        self.builder.local(name, ty)
    }

    /// A value of the region around as an input here.
    pub(crate) fn capture(&mut self, outer: ValueId, ty: Type) -> ValueId {
        if let Some(inner) = self.captured.get(&outer) {
            return *inner;
        }
        let name = format!("outer{}", self.captured.len());
        let inner = self.add(Slot::Constant(outer), &name, ty);
        self.captured.insert(outer, inner);
        inner
    }

    /// This step's entry of a sequence of the region around.
    pub(crate) fn entry(&mut self, outer: ValueId, ty: Type) -> ValueId {
        if let Some(inner) = self.sequences.get(&outer) {
            return *inner;
        }
        let name = format!("sequence{}", self.sequences.len());
        let inner = self.add(Slot::Sequence(outer), &name, ty);
        self.sequences.insert(outer, inner);
        inner
    }

    /// The input of this slot, if there is one.
    pub(crate) fn find(&self, slot: Slot) -> Option<ValueId> {
        let number = self.slots.iter().position(|s| *s == slot)?;
        self.builder.graph().nodes.iter().find_map(|node| match node.op {
            Op::Input(n) if n as usize == number => node.results.first().copied(),
            _ => None,
        })
    }

    /// Ends the body, its inputs ordered by `rank`, and gives their slots in that order.
    pub(crate) fn finish(
        self,
        outputs: Vec<(String, ValueId)>,
        rank: impl Fn(&Slot) -> (usize, usize, usize),
    ) -> (Graph, Vec<Slot>) {
        let mut graph = self.builder.finish(outputs);
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        order.sort_by_key(|&n| self.slots.get(n).map_or((usize::MAX, 0, 0), &rank));
        let mut position = vec![0_u32; order.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(slot) = position.get_mut(old) {
                *slot = u32::try_from(new).unwrap_or(u32::MAX);
            }
        }
        for node in &mut graph.nodes {
            if let Op::Input(n) = &mut node.op {
                *n = position.get(*n as usize).copied().unwrap_or(*n);
            }
        }
        graph.inputs = order.iter().filter_map(|&n| graph.inputs.get(n).cloned()).collect();
        let slots = order.iter().filter_map(|&n| self.slots.get(n).copied()).collect();
        (graph, slots)
    }
}

impl super::Elaborator<'_> {
    /// Number of the innermost open region.
    pub(crate) fn innermost(&self) -> usize {
        self.regions.len().saturating_sub(1)
    }

    /// The tensor's value in a region at or inside its own.
    pub(crate) fn import(&mut self, tensor: &Tensor, region: usize) -> ValueId {
        self.import_value(tensor.id, tensor.region, tensor.lead, region)
    }

    fn import_value(&mut self, id: ValueId, from: usize, lead: usize, region: usize) -> ValueId {
        if region <= from {
            return id;
        }
        let outer = self.import_value(id, from, lead, region - 1);
        let Some(parent) = self.regions.get(region - 1) else { return outer };
        let ty = parent.builder.ty(outer).clone();
        // A number is cheaper to write down again than to hand in, and analyses see it.
        let again = number(parent.builder.graph(), outer);
        let Some(body) = self.regions.get_mut(region) else { return outer };
        if let Some((op, filled)) = again
            && let Ok(scalar) = body.builder.push(op, &[], None)
        {
            match filled {
                None => return scalar,
                Some(fill) => {
                    if let Ok(value) = body.builder.push(fill, &[scalar], None) {
                        return value;
                    }
                }
            }
        }
        if let RegionKind::Step { lead: over, saw_mapped } = &mut body.kind
            && *over > 0
            && lead > 0
        {
            *saw_mapped = true;
        }
        body.capture(outer, ty)
    }
}

/// The op that makes a number, and the one that puts it in every place, if that is how a value is made.
fn number(graph: &Graph, value: ValueId) -> Option<(Op, Option<Op>)> {
    let node_of = |value: ValueId| graph.nodes.get(graph.values.get(value.0 as usize)?.node.0 as usize);
    let node = node_of(value)?;
    match &node.op {
        op @ (Op::Const(_) | Op::DimValue(_)) => Some((op.clone(), None)),
        fill @ Op::Broadcast { .. } => match &node_of(*node.operands.first()?)?.op {
            op @ Op::Const(_) => Some((op.clone(), Some(fill.clone()))),
            _ => None,
        },
        _ => None,
    }
}
