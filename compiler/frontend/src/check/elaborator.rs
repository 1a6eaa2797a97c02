//! The state of one elaboration, and how problems are reported.
//!
//! Elaboration runs a program over symbolic tensors: calls are inlined, cells are made, hyperparameters are numbers, and what is left is
//! a graph. Everything that reads the tree is a method of [`Elaborator`] in the file of its concept.

use super::program::Program;
use super::region::{Region, RegionKind};
use super::size::{Size, Spelling};
use super::value::{Instance, InstanceId, Param, ParamId, Tensor, Value};
use crate::ast;
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use tensc_ir::{DType, Dim, Op, Origin, Require, Type, ValueId};

/// Operations and expressions that one file may unroll to.
const FUEL: u64 = 10_000_000;
/// Calls inside calls.
pub(crate) const MAX_CALLS: usize = 128;
/// Entries of a list that is written with a count.
pub(crate) const MAX_LIST: i64 = 65_536;

/// A problem that is in the list already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported;

/// A result whose error has been reported.
pub(crate) type Res<T> = Result<T, Reported>;

/// What a function's body sees besides the file.
pub(crate) struct Frame<'a> {
    /// The file of the function.
    pub(crate) file: FileId,
    /// The cell whose function it is.
    pub(crate) instance: Option<InstanceId>,
    /// Names bound on the way, innermost last.
    bindings: Vec<Binding<'a>>,
    /// Number of the innermost binding of a name.
    names: FxHashMap<&'a str, usize>,
    /// Axes over which the call is mapped.
    pub(crate) lead: Vec<Size>,
    /// Conditions of the branches taken so far.
    pub(crate) guards: Vec<Tensor>,
    /// The recurrences whose bodies are open.
    pub(crate) recs: Vec<super::rec::Stepping<'a>>,
    /// What the caller calls the sizes that this call inferred.
    pub(crate) spellings: FxHashMap<&'a str, Spelling>,
}

/// A name that a block binds.
struct Binding<'a> {
    name: &'a str,
    value: Value<'a>,
    /// Number of the binding that it hides.
    hidden: Option<usize>,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(file: FileId, instance: Option<InstanceId>) -> Self {
        Self {
            file,
            instance,
            bindings: Vec::new(),
            names: FxHashMap::default(),
            lead: Vec::new(),
            guards: Vec::new(),
            recs: Vec::new(),
            spellings: FxHashMap::default(),
        }
    }

    /// Binds a name until the enclosing block ends.
    pub(crate) fn bind(&mut self, name: &'a str, value: Value<'a>) {
        let hidden = self.names.insert(name, self.bindings.len());
        self.bindings.push(Binding { name, value, hidden });
    }

    /// Where a block starts.
    pub(crate) fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Ends a block: forgets what it bound.
    pub(crate) fn leave(&mut self, mark: usize) {
        while self.bindings.len() > mark {
            let Some(Binding { name, hidden, .. }) = self.bindings.pop() else { return };
            match hidden {
                Some(hidden) => self.names.insert(name, hidden),
                None => self.names.remove(name),
            };
        }
    }

    /// What a name is bound to.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.bindings.get(*self.names.get(name)?).map(|binding| &binding.value)
    }

    /// All names that are bound.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        self.names.iter().filter_map(|(name, n)| Some((*name, &self.bindings.get(*n)?.value)))
    }
}

/// The state of one elaboration.
pub(crate) struct Elaborator<'a> {
    /// The files.
    pub(crate) program: &'a Program,
    /// Open graphs, outermost first.
    pub(crate) regions: Vec<Region>,
    /// Open calls.
    pub(crate) frames: Vec<Frame<'a>>,
    /// Functions that are being called.
    pub(crate) calls: Vec<(*const ast::Fn, Option<InstanceId>)>,
    /// All cells made so far.
    pub(crate) instances: Vec<Instance<'a>>,
    /// All arrays of those cells.
    pub(crate) params: Vec<Param<'a>>,
    /// Consts that have been evaluated; `None` while one is.
    pub(crate) consts: FxHashMap<*const ast::Const, Option<Value<'a>>>,
    /// The INIT that is evaluated, if one is.
    pub(crate) init: Option<super::init::InitState>,
    /// Asserted values, in a test block.
    pub(crate) assertions: Option<Vec<super::test_block::Asserted>>,
    /// Functions that have been elaborated.
    pub(crate) visited: FxHashSet<*const ast::Fn>,
    /// Cells of which one was made.
    pub(crate) made: FxHashSet<*const ast::Name>,
    /// `training`
    pub(crate) training: bool,
    /// Whether hyperparameters may be names without a value.
    pub(crate) generic: bool,
    /// Where ops come from.
    pub(crate) span: Span,
    /// Number of the next stochastic call site.
    pub(crate) sites: u32,
    /// Number of the next recurrence.
    pub(crate) next_rec: u32,
    /// Cells inside cells that are being made.
    pub(crate) making: usize,
    /// More than 0 while a recurrence is run without knowing all its types: what does not type then is left open.
    pub(crate) lenient: usize,
    /// Set where a run that leaves things open meets a name whose value was reported before.
    pub(crate) poisoned: bool,
    /// More than 0 where a sequence may stand without its index: in front of one.
    pub(crate) free_sequences: usize,
    /// What a check does once; `None` where a graph is wanted.
    pub(crate) sharing: Option<super::sharing::Sharing<'a>>,
    /// Cells of the program so far, as many as its graph has.
    pub(crate) cells: usize,
    diagnostics: Vec<Diagnostic>,
    reports: u64,
    /// More than 0 while what is reported will be forgotten.
    pub(crate) trials: usize,
    seen: FxHashSet<(Span, String)>,
    fuel: u64,
}

impl<'a> Elaborator<'a> {
    pub(crate) fn new(program: &'a Program, name: &str) -> Self {
        Self {
            program,
            regions: vec![Region::new(name, RegionKind::Root)],
            frames: Vec::new(),
            calls: Vec::new(),
            instances: Vec::new(),
            params: Vec::new(),
            consts: FxHashMap::default(),
            init: None,
            assertions: None,
            visited: FxHashSet::default(),
            made: FxHashSet::default(),
            training: false,
            generic: false,
            span: Span::default(),
            sites: 0,
            next_rec: 0,
            making: 0,
            lenient: 0,
            poisoned: false,
            free_sequences: 0,
            sharing: None,
            cells: 0,
            diagnostics: Vec::new(),
            reports: 0,
            trials: 0,
            seen: FxHashSet::default(),
            fuel: FUEL,
        }
    }

    /// The problems found.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// Takes the problems found so far.
    pub(crate) fn take_diagnostics(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.diagnostics)
    }

    /// Whether an error was reported.
    pub(crate) fn failed(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Reports a problem, once for a place and title.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        self.reports += 1;
        if self.seen.insert((diagnostic.primary.span, diagnostic.title.clone())) {
            self.diagnostics.push(diagnostic);
        }
        Reported
    }

    /// Keeps a problem from being reported that another one explains.
    pub(crate) fn silence(&mut self, span: Span, title: String) {
        self.seen.insert((span, title));
    }

    /// Reports an error with one fact.
    pub(crate) fn error(
        &mut self,
        span: Span,
        title: impl Into<String>,
        fact: impl Into<String>,
    ) -> Reported {
        self.report(Diagnostic::error(title, span, fact))
    }

    /// Runs a trial: whatever it reports is forgotten. Gives whether it reported an error.
    pub(crate) fn quietly<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        let kept = std::mem::take(&mut self.diagnostics);
        let seen = std::mem::take(&mut self.seen);
        self.trials += 1;
        let result = run(self);
        self.trials -= 1;
        let failed = self.failed();
        self.diagnostics = kept;
        self.seen = seen;
        (result, failed)
    }

    /// The function that is being elaborated.
    pub(crate) fn frame(&mut self) -> &mut Frame<'a> {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(self.program.root(), None));
        }
        let last = self.frames.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the vector is not empty")]
        &mut self.frames[last]
    }

    /// The axes over which the current call is mapped.
    pub(crate) fn lead(&self) -> &[Size] {
        self.frames.last().map_or(&[], |frame| &frame.lead)
    }

    /// Binds a name in the current block.
    pub(crate) fn bind(&mut self, name: &'a str, value: Value<'a>) {
        self.frame().bind(name, value);
    }

    /// A cell.
    pub(crate) fn instance(&self, id: InstanceId) -> Option<&Instance<'a>> {
        self.instances.get(id.0 as usize)
    }

    /// An array.
    pub(crate) fn param(&self, id: ParamId) -> Option<&Param<'a>> {
        self.params.get(id.0 as usize)
    }

    fn origin(&self) -> Origin {
        Origin { file: self.span.file.0, start: self.span.start, end: self.span.end }
    }

    /// Applies an op with one result to values, in the outermost region that has them all, and gives the value and its region.
    pub(crate) fn push(&mut self, op: Op, operands: &[&Tensor]) -> Res<(ValueId, usize)> {
        let region = operands.iter().map(|tensor| tensor.region).max().unwrap_or(0);
        self.push_in(region, op, operands)
    }

    /// The same in a region of the caller's choice.
    pub(crate) fn push_in(&mut self, region: usize, op: Op, operands: &[&Tensor]) -> Res<(ValueId, usize)> {
        self.spend(1)?;
        let ids: Vec<ValueId> = operands.iter().map(|tensor| self.import(tensor, region)).collect();
        let origin = Some(self.origin());
        let Some(into) = self.regions.get_mut(region) else { return Err(Reported) };
        match into.builder.push(op, &ids, origin) {
            Ok(value) => Ok((value, region)),
            Err(error) => {
                let title = error.to_string();
                Err(self.error(self.span, title, ""))
            }
        }
    }

    /// Applies an op with several results to values of a region.
    pub(crate) fn push_many(&mut self, region: usize, op: Op, operands: &[ValueId]) -> Res<Vec<ValueId>> {
        self.spend(1)?;
        let origin = Some(self.origin());
        let Some(into) = self.regions.get_mut(region) else { return Err(Reported) };
        match into.builder.push_many(op, operands, origin) {
            Ok(values) => Ok(values),
            Err(error) => {
                let title = error.to_string();
                Err(self.error(self.span, title, ""))
            }
        }
    }

    /// Counts a step of the elaboration; too many are an error.
    pub(crate) fn spend(&mut self, steps: u64) -> Res<()> {
        if self.fuel < steps {
            self.fuel = 0;
            let title = format!("this unrolls to more than {FUEL} steps");
            return Err(self.error(self.span, title, "the limit is reached here"));
        }
        self.fuel -= steps;
        Ok(())
    }

    /// Steps that are left.
    pub(crate) fn fuel(&self) -> u64 {
        self.fuel
    }

    /// How often something was reported, forgotten or not.
    pub(crate) fn reports(&self) -> u64 {
        self.reports
    }

    /// Applies an op and says which axes its result has; whether it is mapped follows from the operands.
    pub(crate) fn emit(&mut self, op: Op, operands: &[&Tensor], axes: Vec<Size>) -> Res<Tensor> {
        let lead = operands.iter().map(|tensor| tensor.lead).max().unwrap_or(0);
        let (id, region) = self.push(op, operands)?;
        Ok(self.tensor_of(id, region, axes, lead))
    }

    /// A value with the spelling of its axes.
    pub(crate) fn tensor_of(&self, id: ValueId, region: usize, axes: Vec<Size>, lead: usize) -> Tensor {
        let dtype = self.regions.get(region).map_or(DType::F32, |r| r.builder.ty(id).dtype);
        Tensor { id, region, dtype, axes, lead }
    }

    /// A tensor's type in the graph, with the axes over which it is mapped.
    pub(crate) fn physical(&self, tensor: &Tensor) -> Type {
        match self.regions.get(tensor.region) {
            Some(region) => region.builder.ty(tensor.id).clone(),
            None => Type::scalar(tensor.dtype),
        }
    }

    /// The sizes of the axes in front of a mapped value.
    pub(crate) fn lead_dims(&self) -> Vec<Dim> {
        self.lead().iter().map(|size| size.dim.clone()).collect()
    }

    /// Notes a condition on run-time sizes, with the message for when it fails.
    pub(crate) fn require(&mut self, require: Require, message: String) {
        if let Some(root) = self.regions.first_mut() {
            root.builder.require(require, message);
        }
    }
}
