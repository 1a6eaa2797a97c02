//! A graph or body that is being scheduled: what its inputs are, what is known of its values, and where they lie.

use crate::index::known;
use crate::place::Place;
use tensc_ir::{Dim, Graph, Node, Op, Role, Type, ValueId};

/// Index into the scheduler's scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ScopeId(pub(crate) usize);

/// What is known of a value without running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Differs from sequence to sequence.
    pub(crate) varies: bool,
    /// Depends on weights and constants alone, not even on run-time sizes: prepare computes it.
    pub(crate) fixed: bool,
}

impl Fact {
    pub(crate) const VARYING: Self = Self { varies: true, fixed: false };
    pub(crate) const FIXED: Self = Self { varies: false, fixed: true };
    /// The same for all sequences of a call, but not for all calls.
    pub(crate) const SHARED: Self = Self { varies: false, fixed: false };

    pub(crate) fn and(self, other: Self) -> Self {
        Self { varies: self.varies || other.varies, fixed: self.fixed && other.fixed }
    }
}

/// A position that is put in where a body reads an outer array.
#[derive(Clone, Debug)]
pub(crate) enum Position {
    /// A variable of a program loop.
    Program(Dim),
    /// An expression over names of the kernel.
    Kernel(Dim),
    /// `origin + stride * variable + inner`.
    Piece {
        /// Over the program's names.
        origin: Dim,
        /// Over the program's names.
        stride: Dim,
        /// Over the kernel's names.
        variable: Dim,
        /// Over the kernel's names.
        inner: Dim,
    },
}

/// What an input of a graph or body stands for.
#[derive(Clone, Debug)]
pub(crate) enum Binding {
    /// An array in memory: the scope's homes say where.
    Home,
    /// A value of the enclosing scope, at one position of an axis where one is given.
    Outer(ValueId, Option<(usize, Position)>),
    /// An i32 scalar: the sum of an expression over the program's names and a position.
    Number(Dim, Position),
    /// A tile carried by the kernel's own loop.
    Carried,
}

/// An enclosing repeat, as the values that prepare computes for each application see it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) count: usize,
    /// The loop variable where this scope's steps run.
    pub(crate) variable: Dim,
}

/// A graph or body with what is known about it here.
pub(crate) struct Scope<'g> {
    pub(crate) graph: &'g Graph,
    pub(crate) parent: Option<ScopeId>,
    pub(crate) inputs: Vec<Binding>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) homes: Vec<Option<Place>>,
    /// Real numbers are computed and kept in f64.
    pub(crate) wide: bool,
    /// Enclosing repeats, outermost first.
    pub(crate) layers: Vec<Layer>,
    /// The scope of the same graph whose steps prepare runs; a prepare scope has none.
    pub(crate) prepare: Option<ScopeId>,
}

impl<'g> Scope<'g> {
    pub(crate) fn new(graph: &'g Graph, inputs: Vec<Binding>, input_facts: &[Fact]) -> Self {
        let facts = facts(graph, input_facts);
        Self {
            graph,
            parent: None,
            inputs,
            facts,
            homes: vec![None; graph.values.len()],
            wide: false,
            layers: Vec::new(),
            prepare: None,
        }
    }

    pub(crate) fn node_of(&self, value: ValueId) -> Option<&'g Node> {
        let value = self.graph.values.get(value.0 as usize)?;
        self.graph.nodes.get(value.node.0 as usize)
    }

    pub(crate) fn ty(&self, value: ValueId) -> &'g Type {
        ty(self.graph, value)
    }

    pub(crate) fn fact(&self, value: ValueId) -> Fact {
        self.facts.get(value.0 as usize).copied().unwrap_or(Fact::VARYING)
    }

    pub(crate) fn home(&self, value: ValueId) -> Option<&Place> {
        self.homes.get(value.0 as usize)?.as_ref()
    }

    pub(crate) fn set_home(&mut self, value: ValueId, place: Place) {
        if let Some(home) = self.homes.get_mut(value.0 as usize) {
            *home = Some(place);
        }
    }

    /// What the input that this value reads stands for, if it is one.
    pub(crate) fn binding(&self, value: ValueId) -> Option<&Binding> {
        match self.node_of(value)?.op {
            Op::Input(n) => self.inputs.get(n as usize),
            _ => None,
        }
    }
}

/// The type of a value of a graph.
pub(crate) fn ty(graph: &Graph, value: ValueId) -> &Type {
    static NOTHING: Type = Type { dtype: tensc_ir::DType::F32, shape: Vec::new() };
    graph.values.get(value.0 as usize).map_or(&NOTHING, |value| &value.ty)
}

/// What is known of the inputs of an entry.
pub(crate) fn entry_facts(graph: &Graph) -> Vec<Fact> {
    let of_role = |role: &Role| match role {
        Role::Argument | Role::State | Role::Local => Fact::VARYING,
        Role::Param { .. } | Role::Buffer { .. } => Fact::FIXED,
    };
    graph.inputs.iter().map(|input| of_role(&input.role)).collect()
}

fn facts(graph: &Graph, inputs: &[Fact]) -> Vec<Fact> {
    let mut facts = vec![Fact::FIXED; graph.values.len()];
    for node in &graph.nodes {
        let mut fact = match &node.op {
            Op::Input(n) => inputs.get(*n as usize).copied().unwrap_or(Fact::VARYING),
            Op::Keep { .. } | Op::Draw { .. } => Fact::VARYING,
            Op::Const(_)
            | Op::DimValue(_)
            | Op::Iota { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Select
            | Op::Cast(_)
            | Op::Reduce { .. }
            | Op::Cumsum { .. }
            | Op::Contract(_)
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Broadcast { .. }
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Pad { .. }
            | Op::Flip { .. }
            | Op::Gather { .. }
            | Op::Shift { .. }
            | Op::Conv { .. }
            | Op::Fft { .. }
            | Op::Last { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => Fact::FIXED,
        };
        for operand in &node.operands {
            fact = fact.and(facts.get(operand.0 as usize).copied().unwrap_or(Fact::VARYING));
        }
        if fact.fixed && !matches!(node.op, Op::Input(_)) && !is_static(graph, node) {
            fact.fixed = false;
        }
        for result in &node.results {
            if let Some(slot) = facts.get_mut(result.0 as usize) {
                *slot = fact;
            }
        }
    }
    facts
}

/// Whether a node depends on no run-time size and no position.
fn is_static(graph: &Graph, node: &Node) -> bool {
    let is_known = |dims: &[&Dim]| dims.iter().all(|d| d.as_constant().is_some());
    let attributes = match &node.op {
        Op::DimValue(value) => is_known(&[value]),
        Op::Iota { len, start } => is_known(&[len, start]),
        Op::Slice { start, .. } => is_known(&[start]),
        Op::Pad { before, .. } => is_known(&[before]),
        Op::Fft { n, .. } => is_known(&[n]),
        Op::Rec(rec) => {
            let body = &rec.body;
            let reads_time = body.nodes.iter().any(|node| {
                matches!(node.op, Op::Input(0))
                    && body.nodes.iter().any(|user| user.operands.iter().any(|v| node.results.contains(v)))
            });
            !reads_time && body.nodes.iter().all(|node| is_static(body, node))
        }
        Op::Repeat(repeat) => repeat.body.nodes.iter().all(|node| is_static(&repeat.body, node)),
        Op::Input(_)
        | Op::Const(_)
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Select
        | Op::Cast(_)
        | Op::Reduce { .. }
        | Op::Cumsum { .. }
        | Op::Contract(_)
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Broadcast { .. }
        | Op::Concat { .. }
        | Op::Flip { .. }
        | Op::Gather { .. }
        | Op::Shift { .. }
        | Op::Conv { .. }
        | Op::Last { .. }
        | Op::Keep { .. }
        | Op::Draw { .. } => true,
    };
    attributes && node.results.iter().all(|v| ty(graph, *v).shape.iter().all(|size| known(size).is_some()))
}
