//! From a chosen function to something that runs it: the passes in order, and the devices.

use crate::Context;
use crate::cli::{Common, Device, WeightType};
use crate::failure::{Failure, Result};
use crate::gpu::{self, Compiled};
use crate::model::{Chosen, time_size, verified};
use crate::options;
use std::collections::BTreeSet;
use std::sync::Arc;
use tensc_cpu::{CpuOptions, CpuProgram, compile};
use tensc_frontend::SourceMap;
use tensc_ir::{DType, Graph, Node, Op, Streaming, Verified, accumulate, stream};
use tensc_optimize::{OptimizeError, Options as OptimizeOptions, Report, Selector, Target, optimize};
use tensc_program::{
    Code, Kernel, KernelId, Program, Step, Verified as VerifiedProgram, verify as verify_program,
};
use tensc_runtime::{Call, ExecError, Outcome, Pool, Reference, Session, Strict, Weights};
use tensc_schedule::{Options as ScheduleOptions, schedule};

/// What the optimiser made of a function.
pub(crate) struct Optimized {
    /// Equal graphs, of which a call runs one.
    pub(crate) variants: Vec<Verified<Graph>>,
    /// Which one.
    pub(crate) selector: Selector,
    /// What was done.
    pub(crate) report: Report,
    /// The size along which calls are cut; none for a function that needs whole sequences at once.
    pub(crate) time: Option<String>,
}

impl Optimized {
    /// The variant that calls of this batch and length run.
    pub(crate) fn variant(&self, batch: i64, length: i64) -> Result<&Verified<Graph>> {
        let number = self.selector.pick(batch, length);
        let variant = self.variants.get(number);
        variant.ok_or_else(|| Failure::machine(format!("internal error: there is no variant {number}")))
    }

    /// The variant that calls of the hint's batch and length run.
    pub(crate) fn at_hint(&self) -> Result<&Verified<Graph>> {
        self.variant(self.report.hint.batch, self.report.hint.time)
    }
}

/// A variant as kernels and launches.
pub(crate) struct Scheduled {
    /// By check of the program: entries of its index array per entry of the stream.
    pub(crate) strides: Vec<i64>,
    pub(crate) program: VerifiedProgram<Program>,
    /// The size along which calls are cut; none for a function that needs whole sequences.
    pub(crate) time: Option<String>,
}

/// Makes memory explicit where the function can run in pieces, so that all variants carry the same state, and optimises.
pub(crate) fn optimized(
    chosen: &Chosen,
    common: &Common,
    attribute: bool,
    context: &Context,
) -> Result<Optimized> {
    let in_pieces = match time_size(&chosen.elaborated) {
        Some(time) => in_pieces(&chosen.graph, &time)?.map(|graph| (graph, time)),
        None => None,
    };
    match in_pieces {
        Some((graph, time)) => optimized_graph(&graph, Some(time), common, attribute, context),
        None => optimized_graph(&chosen.graph, None, common, attribute, context),
    }
}

/// The graph over a piece of its sequence. Sums over time, which a user's stream does not have, are carried too: then a loss needs memory for a piece.
fn in_pieces(graph: &Verified<Graph>, time: &str) -> Result<Option<Verified<Graph>>> {
    if let Ok(Streaming { graph, .. }) = stream(graph, time) {
        return verified(graph, "stream").map(Some);
    }
    let Ok(accumulated) = accumulate(graph, time) else { return Ok(None) };
    match stream(&verified(accumulated, "stream")?, time) {
        Ok(Streaming { graph, .. }) => verified(graph, "stream").map(Some),
        Err(_) => Ok(None),
    }
}

fn optimized_graph(
    graph: &Verified<Graph>,
    time: Option<String>,
    common: &Common,
    attribute: bool,
    context: &Context,
) -> Result<Optimized> {
    let _progress = context.console.progress("optimise");
    let hint = options::hint(common)?;
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let options = OptimizeOptions {
        target: Target::CPU,
        batch: number(hint.batch),
        time: number(hint.length),
        without_rules: common.without_rule.clone(),
        strict: common.strict,
        forms: options::forms(common)?,
        attribute,
    };
    let result = optimize(graph, &options).map_err(|error| match error {
        OptimizeError::UnknownRule { .. } => Failure::user(error.to_string()),
        OptimizeError::Unsound { .. } | OptimizeError::Rules(_) | OptimizeError::Type(_) => {
            Failure::machine(format!("internal error: {error}"))
        }
    })?;
    options::forms_taken(&result.variants, &options::forms(common)?)?;
    let variants =
        result.variants.into_iter().map(|graph| verified(graph, "optimize")).collect::<Result<_>>()?;
    Ok(Optimized { variants, selector: result.selector, report: result.report, time })
}

/// Schedules a variant.
pub(crate) fn scheduled(
    graph: &Verified<Graph>,
    time: Option<&str>,
    common: &Common,
    sources: &SourceMap,
    context: &Context,
) -> Result<Scheduled> {
    let _progress = context.console.progress("schedule");
    let program = program_of(graph, common, sources)?;
    let strides = time.map_or_else(Vec::new, |time| check_strides(&program, graph, time));
    Ok(Scheduled { strides, program, time: time.map(str::to_owned) })
}

/// For each check, how many entries the index array of its gather has per entry in time; 0 where that is not known.
fn check_strides(program: &Program, graph: &Graph, time: &str) -> Vec<i64> {
    let stride = |origin| {
        let mut found = None;
        each_node(graph, &mut |graph, node| {
            if let (Op::Gather { .. }, [_, indices, ..]) = (&node.op, node.operands.as_slice())
                && node.origin == Some(origin)
            {
                let shape = graph.values.get(indices.0 as usize).map(|value| value.ty.shape.as_slice());
                let after = shape.and_then(|shape| {
                    let axis = shape.iter().position(|dim| dim.as_var() == Some(time))?;
                    shape
                        .get(axis + 1..)?
                        .iter()
                        .try_fold(1, |product, dim| Some(product * dim.as_constant()?))
                });
                found = found.or(after);
            }
        });
        found.unwrap_or(0)
    };
    program.checks.iter().map(|site| site.origin.map_or(0, stride)).collect()
}

/// Every node, those of repeated bodies included.
fn each_node(graph: &Graph, visit: &mut dyn FnMut(&Graph, &Node)) {
    for node in &graph.nodes {
        visit(graph, node);
        if let Op::Repeat(repeat) = &node.op {
            each_node(&repeat.body, visit);
        }
    }
}

fn program_of(
    graph: &Verified<Graph>,
    common: &Common,
    sources: &SourceMap,
) -> Result<VerifiedProgram<Program>> {
    let weights = match common.dtype {
        WeightType::F32 => DType::F32,
        WeightType::Bf16 => DType::BF16,
    };
    let options = ScheduleOptions { weights, ..ScheduleOptions::default() };
    let program = schedule(graph, &options).map_err(|error| schedule_failed(error, sources))?;
    verify_program(program)
        .map_err(|error| Failure::machine(format!("internal error: the schedule is not right: {error}")))
}

fn schedule_failed(error: tensc_schedule::ScheduleError, sources: &SourceMap) -> Failure {
    let title = error.to_string();
    match error {
        tensc_schedule::ScheduleError::Unsupported { origin, .. } => {
            Failure::at(title, origin, Some(sources))
        }
        tensc_schedule::ScheduleError::NoValue(_) | tensc_schedule::ScheduleError::Malformed(_) => {
            Failure::machine(format!("internal error: {title}"))
        }
    }
}

/// Something that runs calls.
pub(crate) enum Machine {
    /// Compiled code.
    Compiled(Box<Session>),
    /// The interpreter.
    Reference(Reference),
}

impl Machine {
    /// Runs a call.
    pub(crate) fn run(&mut self, call: &Call<'_>) -> std::result::Result<Outcome, ExecError> {
        match self {
            Self::Compiled(session) => session.run(call),
            Self::Reference(reference) => reference.run(call),
        }
    }
}

/// Compiles a program and hands it its weights.
pub(crate) fn cpu(
    scheduled: Scheduled,
    weights: &Weights,
    common: &Common,
    sources: Option<&SourceMap>,
    context: &Context,
) -> Result<Session> {
    let code = code(&scheduled, context)?;
    ready(scheduled, code, weights, common, sources, context)
}

/// Compiles a program.
pub(crate) fn code(scheduled: &Scheduled, context: &Context) -> Result<CpuProgram> {
    let _progress = context.console.progress("compile");
    compile(&scheduled.program, &CpuOptions::default()).map_err(|error| Failure::machine(error.to_string()))
}

/// Hands a compiled program its weights, and prepares what depends on them alone.
pub(crate) fn ready(
    scheduled: Scheduled,
    code: CpuProgram,
    weights: &Weights,
    common: &Common,
    sources: Option<&SourceMap>,
    context: &Context,
) -> Result<Session> {
    let threads = options::threads(common)?;
    let pool = Pool::new(threads).map_err(|error| {
        Failure::machine(format!("cannot start {threads} threads: {}", tensc_runtime::file::reason(&error)))
    })?;
    let _progress = context.console.progress("prepare");
    let code: Arc<dyn Code> = if common.strict { Arc::new(Strict(Arc::new(code))) } else { Arc::new(code) };
    let program = Arc::new(scheduled.program.into_inner());
    let time = scheduled.time.as_deref();
    let mut session = Session::new(program, code, weights, Arc::new(pool), context.cancel.clone(), time)
        .map_err(|error| Failure::run(error, sources))?;
    session.locate_checks(scheduled.strides);
    session.set_seed(common.seed);
    Ok(session)
}

/// The same with main on a GPU: `compiled` out of a bundle, or made here. Prepare runs on this processor, in f64 and once.
pub(crate) fn accelerated(
    device: Device,
    scheduled: Scheduled,
    compiled: Option<Compiled>,
    weights: &Weights,
    common: &Common,
    sources: Option<&SourceMap>,
    context: &Context,
) -> Result<Session> {
    if common.strict {
        return Err(Failure::user("`--strict` sums in one order, which a GPU does not").hint("--device cpu"));
    }
    let Compiled { program, code } = match compiled {
        Some(compiled) => compiled,
        None => gpu::compiled(&scheduled.program, gpu::chip_of(device)?, context)?,
    };
    let accelerator = gpu::accelerator(device, Arc::new(program.clone().into_inner()), code)?;
    let host = verify_program(prepare_alone(&program))
        .map_err(|error| Failure::machine(format!("internal error: prepare alone is not right: {error}")))?;
    let host = compile(&host, &CpuOptions::default()).map_err(|error| Failure::machine(error.to_string()))?;
    let mut session = ready(Scheduled { program, ..scheduled }, host, weights, common, sources, context)?;
    session.accelerate(accelerator);
    Ok(session)
}

/// A program without main, and with nothing in the kernels that only main launches: numbers stay.
fn prepare_alone(program: &Program) -> Program {
    let mut launched = BTreeSet::new();
    let mut open: Vec<&Step> = program.prepare.iter().collect();
    while let Some(step) = open.pop() {
        match step {
            Step::Launch(launch) => {
                launched.insert(launch.kernel);
            }
            Step::Loop { body, .. } => open.extend(body),
            Step::Call(_) | Step::Copy { .. } => {}
        }
    }
    let mut alone = Program { main: Vec::new(), ..program.clone() };
    for (n, kernel) in (0..).zip(&mut alone.kernels) {
        if !launched.contains(&KernelId(n)) {
            *kernel = Kernel { name: std::mem::take(&mut kernel.name), ..Kernel::default() };
        }
    }
    alone
}

/// What runs a program on this device.
pub(crate) fn on_device(
    device: Device,
    scheduled: Scheduled,
    weights: &Weights,
    common: &Common,
    sources: &SourceMap,
    context: &Context,
) -> Result<Session> {
    match device {
        Device::Cpu | Device::Reference => cpu(scheduled, weights, common, Some(sources), context),
        Device::Cuda | Device::Emulator => {
            accelerated(device, scheduled, None, weights, common, Some(sources), context)
        }
    }
}

/// A graph without a sequence of its own, such as a test block's, compiled.
pub(crate) fn of_graph(
    device: Device,
    graph: &Verified<Graph>,
    weights: &Weights,
    common: &Common,
    sources: &SourceMap,
    context: &Context,
) -> Result<Session> {
    let optimized = optimized_graph(graph, None, common, false, context)?;
    let scheduled = scheduled(optimized.at_hint()?, None, common, sources, context)?;
    on_device(device, scheduled, weights, common, sources, context)
}

/// The interpreter on the graph as written, or in pieces with the state carried.
pub(crate) fn reference(
    chosen: &Chosen,
    weights: &Weights,
    seed: u64,
    in_pieces: bool,
    sources: &SourceMap,
    context: &Context,
) -> Result<Reference> {
    let time = time_size(&chosen.elaborated);
    let graph = match &time {
        Some(time) if in_pieces => {
            let streaming =
                stream(&chosen.graph, time).map_err(|error| not_streamable(chosen, &error, sources))?;
            Arc::new(verified(streaming.graph, "stream")?)
        }
        Some(_) | None => chosen.graph.clone(),
    };
    Reference::new(graph, weights, time.as_deref(), seed, context.cancel.clone())
        .map_err(|error| Failure::run(error, Some(sources)))
}

/// Why a function cannot run in pieces, with the line.
pub(crate) fn not_streamable(
    chosen: &Chosen,
    error: &tensc_ir::NotStreamable,
    sources: &SourceMap,
) -> Failure {
    let title = format!("`{}` cannot run in pieces: {}", chosen.graph.name, error.reason);
    Failure::at(title, error.origin, Some(sources))
}
