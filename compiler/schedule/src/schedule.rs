//! The entry point, and what belongs to the whole program: its buffers, kernels, checks and names.

use crate::coalesce::coalesce;
use crate::index::product;
use crate::legalize::legalize;
use crate::place::{Place, Spot};
use crate::scope::{Binding, Fact, Layer, Scope, ScopeId, entry_facts};
use std::collections::HashMap;
use tensc_ir::verify::Verified;
use tensc_ir::{DType, Dim, Graph, Op, Origin, Role, ValueId};
use tensc_program::{Buffer, BufferId, BufferKind, CheckSite, Kernel, KernelId, Launch, Program, Step};

/// What a schedule may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Compute what depends on weights alone once per set of weights; off, everything is done in each call.
    pub prepare: bool,
    /// Columns of the panels into which prepare packs large weights that products read (see `tensc_program::Panels`); none leaves them in rows.
    pub panels: Option<usize>,
    /// In what type the f32 weights that are packed lie in memory: `F32`, or `BF16` (half the bytes, three digits).
    pub weights: DType,
}

impl Default for Options {
    fn default() -> Self {
        Self { prepare: true, panels: Some(16), weights: DType::F32 }
    }
}

/// Why a graph has no program.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// An op that no kernel computes.
    #[error("`{op}` can't be compiled: {why}")]
    Unsupported {
        /// The op's word.
        op: &'static str,
        /// What is in the way.
        why: &'static str,
        /// Where in the source.
        origin: Option<Origin>,
    },
    /// A value that should exist and does not.
    #[error("{0} has neither a place nor a definition")]
    NoValue(ValueId),
    /// A graph that its verifier would refuse.
    #[error("{0}")]
    Malformed(String),
}

impl ScheduleError {
    pub(crate) fn unsupported(op: &Op, origin: Option<Origin>) -> Self {
        let why = match op {
            Op::Draw { .. } => "random draws belong to initial weights, which are interpreted",
            Op::Input(_)
            | Op::Const(_)
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
            | Op::Keep { .. }
            | Op::Rec(_)
            | Op::Repeat(_) => "it is read inside a kernel, where only its whole result exists",
        };
        Self::Unsupported { op: op.name(), why, origin }
    }
}

/// Makes the program of a graph.
///
/// Arguments, weights and states of the program are the graph's inputs in their order; its outputs become results, those named `state.N` the state that the
/// call leaves.
///
/// # Errors
/// An op without a lowering.
pub fn schedule(graph: &Verified<Graph>, options: &Options) -> Result<Program, ScheduleError> {
    let graph = legalize(graph)?;
    let mut cx = Scheduler::new(options.clone());
    cx.program.name.clone_from(&graph.name);
    cx.program.requires.clone_from(&graph.requires);
    cx.entry(&graph)?;
    coalesce(&mut cx.program);
    Ok(cx.program)
}

/// A program under construction.
pub(crate) struct Scheduler<'g> {
    pub(crate) program: Program,
    pub(crate) options: Options,
    scopes: Vec<Scope<'g>>,
    kernels: HashMap<String, KernelId>,
    names: HashMap<String, usize>,
}

impl<'g> Scheduler<'g> {
    fn new(options: Options) -> Self {
        Self {
            program: Program::default(),
            options,
            scopes: Vec::new(),
            kernels: HashMap::new(),
            names: HashMap::new(),
        }
    }

    // Scopes.

    pub(crate) fn add_scope(&mut self, scope: Scope<'g>) -> ScopeId {
        self.scopes.push(scope);
        ScopeId(self.scopes.len() - 1)
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by add_scope alone and nothing is removed")]
    pub(crate) fn scope(&self, id: ScopeId) -> &Scope<'g> {
        &self.scopes[id.0]
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by add_scope alone and nothing is removed")]
    pub(crate) fn scope_mut(&mut self, id: ScopeId) -> &mut Scope<'g> {
        &mut self.scopes[id.0]
    }

    /// A body's scope and, where this scope has one, that of what prepare computes for it. `variables` names the layer in each.
    pub(crate) fn body_scope(
        &mut self,
        at: ScopeId,
        body: &'g Graph,
        inputs: &dyn Fn(Option<&Dim>) -> Vec<Binding>,
        facts: &[Fact],
        layer: Option<(usize, &Dim)>,
    ) -> (ScopeId, Option<Dim>) {
        let make = |cx: &mut Self, parent: ScopeId, variable: Option<&Dim>| {
            let mut scope = Scope::new(body, inputs(variable), facts);
            let outer = cx.scope(parent);
            scope.parent = Some(parent);
            scope.wide = outer.wide;
            scope.layers.clone_from(&outer.layers);
            if let (Some((count, _)), Some(variable)) = (layer, variable) {
                scope.layers.push(Layer { count, variable: variable.clone() });
            }
            cx.add_scope(scope)
        };
        let prepare = self.scope(at).prepare;
        let variable = layer.map(|(_, variable)| variable.clone());
        let main = make(self, at, variable.as_ref());
        let mut prepare_variable = None;
        if let Some(prepare) = prepare {
            prepare_variable = layer.map(|_| self.variable("layer"));
            let id = make(self, prepare, prepare_variable.as_ref());
            self.scope_mut(main).prepare = Some(id);
        }
        (main, prepare_variable)
    }

    /// How many checks there are so far.
    pub(crate) fn checks(&self) -> usize {
        self.program.checks.len()
    }

    /// A name that nothing has: the given one where it is free.
    fn fresh(&mut self, name: &str) -> String {
        let uses = self.names.entry(name.to_owned()).or_insert(0);
        *uses += 1;
        match *uses {
            1 => name.to_owned(),
            n => format!("{name}.{n}"),
        }
    }

    /// A loop variable.
    pub(crate) fn variable(&mut self, name: &str) -> Dim {
        let uses = self.names.entry(format!("@{name}")).or_insert(0);
        *uses += 1;
        // The sign keeps it apart from sizes that a user names.
        Dim::var(&format!("@{name}{uses}"))
    }

    // Buffers.

    pub(crate) fn buffer(
        &mut self,
        name: &str,
        kind: BufferKind,
        dtype: DType,
        shape: &[Dim],
        varies: bool,
    ) -> BufferId {
        // What a caller names keeps its name.
        let name = match kind {
            BufferKind::Scratch | BufferKind::Prepared => self.fresh(name),
            BufferKind::Argument
            | BufferKind::Weight { .. }
            | BufferKind::StateIn
            | BufferKind::StateOut
            | BufferKind::StateStart { .. }
            | BufferKind::Result => name.to_owned(),
        };
        self.program.buffers.push(Buffer { name, kind, dtype, shape: shape.to_vec(), varies });
        BufferId(self.program.buffers.len() as u32 - 1)
    }

    /// A buffer of the program's edge: complex numbers are pairs.
    pub(crate) fn outer_place(
        &mut self,
        name: &str,
        kind: BufferKind,
        dtype: DType,
        shape: &[Dim],
        varies: bool,
    ) -> Place {
        let buffer = self.buffer(name, kind, dtype, shape, varies);
        if dtype.is_complex() {
            Place::interleaved(buffer, shape, varies)
        } else {
            Place::real(buffer, dtype, shape, varies)
        }
    }

    /// Memory of our own: complex numbers are two arrays, of the parts that are read.
    pub(crate) fn inner_place(
        &mut self,
        name: &str,
        kind: &BufferKind,
        dtype: DType,
        shape: &[Dim],
        varies: bool,
        parts: [bool; 2],
    ) -> Place {
        if !dtype.is_complex() && dtype != DType::C64 {
            let buffer = self.buffer(name, kind.clone(), dtype, shape, varies);
            return Place::real(buffer, dtype, shape, varies);
        }
        let [re, im] = parts;
        let mut part = |wanted: bool, part: &str| {
            wanted.then(|| {
                let name = format!("{name}.{part}");
                self.buffer(&name, kind.clone(), DType::F32, shape, varies)
            })
        };
        let (re, im) = (part(re, "re"), part(im, "im"));
        Place::planar(re, im, DType::F32, shape, varies)
    }

    /// Scratch memory for a value of this element type, in f64 where prepare computes it.
    pub(crate) fn scratch(
        &mut self,
        name: &str,
        (dtype, wide): (DType, bool),
        shape: &[Dim],
        varies: bool,
        parts: [bool; 2],
    ) -> Place {
        let kind = BufferKind::Scratch;
        if !wide {
            return self.inner_place(name, &kind, dtype, shape, varies, parts);
        }
        match dtype {
            DType::C64 => {
                let [re, im] = parts
                    .map(|wanted| wanted.then(|| self.buffer(name, kind.clone(), DType::F64, shape, varies)));
                Place::planar(re, im, DType::F64, shape, varies)
            }
            DType::F32 | DType::F64 => self.inner_place(name, &kind, DType::F64, shape, varies, parts),
            DType::F16 | DType::BF16 | DType::I32 | DType::U8 | DType::Bool => {
                self.inner_place(name, &kind, dtype, shape, varies, parts)
            }
        }
    }

    // Steps.

    /// A launch of a kernel; equal kernels are one.
    pub(crate) fn launch(
        &mut self,
        kernel: Kernel,
        arguments: Vec<tensc_program::BufferRef>,
        sizes: Vec<Dim>,
    ) -> Step {
        let key = format!("{kernel:?}");
        let next = KernelId(self.program.kernels.len() as u32);
        let id = *self.kernels.entry(key).or_insert(next);
        if id == next {
            self.program.kernels.push(kernel);
        }
        Step::Launch(Launch { kernel: id, arguments, sizes })
    }

    /// Copies an array without gaps to another of the same shape.
    pub(crate) fn copy(&self, from: &Spot, to: &Spot, place: &Place) -> Step {
        let mut count = product(&place.shape);
        if place.batch.is_some() {
            count = &count * &Dim::var(tensc_program::BATCH);
        }
        Step::Copy { from: from.reference(), to: to.reference(), count }
    }

    // The entry.

    fn entry(&mut self, graph: &'g Graph) -> Result<(), ScheduleError> {
        let facts = entry_facts(graph);
        let bindings = vec![Binding::Home; graph.inputs.len()];
        let mut main = Scope::new(graph, bindings.clone(), &facts);
        let mut prepare = Scope::new(graph, bindings, &facts);
        prepare.wide = true;
        let places: Vec<Place> = graph
            .inputs
            .iter()
            .map(|input| {
                let (kind, varies) = match &input.role {
                    Role::Argument | Role::Local => (BufferKind::Argument, true),
                    Role::State => (BufferKind::StateIn, true),
                    Role::Param { path } | Role::Buffer { path } => {
                        (BufferKind::Weight { path: path.clone() }, false)
                    }
                };
                self.outer_place(&input.name, kind, input.ty.dtype, &input.ty.shape, varies)
            })
            .collect();
        for node in &graph.nodes {
            if let (Op::Input(n), [value]) = (&node.op, node.results.as_slice())
                && let Some(place) = places.get(*n as usize)
            {
                main.set_home(*value, place.clone());
                if facts.get(*n as usize).is_some_and(|fact| fact.fixed) {
                    prepare.set_home(*value, place.clone());
                }
            }
        }
        let prepare = self.add_scope(prepare);
        main.prepare = self.options.prepare.then_some(prepare);
        let main = self.add_scope(main);
        let mut targets = Vec::new();
        for (name, value) in &graph.outputs {
            let ty = self.scope(main).ty(*value);
            let is_state = name.starts_with("state.");
            let kind = if is_state { BufferKind::StateOut } else { BufferKind::Result };
            let varies = is_state || self.scope(main).fact(*value).varies;
            let place = self.outer_place(name, kind, ty.dtype, &ty.shape, varies);
            targets.push((*value, place));
        }
        let steps = self.region(main, &targets)?;
        self.program.prepare = steps.prepare;
        self.program.main = steps.main;
        Ok(())
    }
}

/// The checks of a kernel join those of the program.
impl Scheduler<'_> {
    pub(crate) fn add_checks(&mut self, checks: Vec<CheckSite>) {
        self.program.checks.extend(checks);
    }
}
