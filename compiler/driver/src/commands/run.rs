//! `tensc run`: a function on arrays.

use crate::Context;
use crate::bundle::{self, Loaded};
use crate::cli::{Device, RunArgs, WeightType};
use crate::failure::{Failure, Result, output_failed};
use crate::gpu::Compiled;
use crate::machine::{
    Machine, Scheduled, accelerated, not_streamable, on_device, optimized, reference, scheduled,
};
use crate::model::{Chosen, choose_given, time_size, weights};
use crate::options::{self, refuse_unsupported};
use crate::outputs::{Destinations, Named, compared, errors_text, results_json, summary_text};
use crate::random_range::ranges;
use crate::source::read_right;
use crate::streamed::{Streamed, feed};
use serde_json::json;
use std::time::{Duration, Instant};
use tensc_frontend::SourceMap;
use tensc_ir::Role;
use tensc_ir::interpret::check_requires;
use tensc_runtime::arguments::bind;
use tensc_runtime::file::bundle::is_bundle;
use tensc_runtime::{ArgumentSpec, Bound, Call, Given, Tensor, Weights};

/// A function with all that a run of it needs.
struct Job {
    chosen: Chosen,
    sources: SourceMap,
    weights: Weights,
    bound: Bound,
}

pub(crate) fn run(args: &RunArgs, context: &Context) -> Result<()> {
    refuse_unsupported(&args.common)?;
    let device = args.device.unwrap_or(Device::Cpu);
    if args.stream == Some(0) {
        return Err(Failure::user("`--stream 0` feeds nothing").hint("--stream 64"));
    }
    let given = given(&args.input)?;
    let (job, compiled) = if is_bundle(&args.file) {
        let (job, compiled) = from_bundle(args, &given, context)?;
        (job, Some(compiled))
    } else {
        (from_source(args, &given, context)?, None)
    };
    let names: Vec<String> = job.chosen.elaborated.results.iter().map(|one| one.name.clone()).collect();
    let destinations = Destinations::read(&args.output, &names)?;
    let start = Instant::now();
    let mut machine = machine(args, device, &job, compiled, context)?;
    let compile = start.elapsed();
    let (results, run) = execute(args, &job, &mut machine, context)?;
    let done = Done { results, compile, run };
    let expected = if args.verify { Some(expected(args, &job, context)?) } else { None };
    report(args, device, &job, &done, expected.as_deref(), &destinations, context)
}

fn from_source(args: &RunArgs, given: &[Given], context: &Context) -> Result<Job> {
    let checked = read_right(&args.file)?;
    crate::commands::check::warn(&checked.sources, checked.diagnostics.clone(), context);
    let names: Vec<&str> = given.iter().map(|one| one.name.as_str()).collect();
    let chosen = choose_given(&checked, &args.common, &names)?;
    let bound = bound(args, &chosen, given)?;
    let weights = weights(&chosen.elaborated, &args.common, &checked.sources, context)?;
    Ok(Job { chosen, sources: checked.sources, weights, bound })
}

/// A bundle is compiled: what chose and compiled it cannot be chosen again.
fn from_bundle(
    args: &RunArgs,
    given: &[Given],
    context: &Context,
) -> Result<(Job, (Scheduled, Option<Compiled>))> {
    let common = &args.common;
    let fixed = [
        ("--model", common.model.is_some()),
        ("--preset", common.preset.is_some()),
        ("--set", !common.set.is_empty()),
        ("--train", common.train),
        ("--dtype", common.dtype != WeightType::F32),
        ("--without-rule", !common.without_rule.is_empty()),
        ("--form", !common.form.is_empty()),
    ];
    if let Some((option, _)) = fixed.into_iter().find(|(_, given)| *given) {
        return Err(Failure::user(format!("`{option}` cannot change a bundle, which is compiled already"))
            .hint(format!("tensc compile FILE {option} .. -o M.tenb")));
    }
    let Loaded { chosen, mut programs, selector, inside, sources } = bundle::read(&args.file, common)?;
    let bound = bound(args, &chosen, given)?;
    let weights = match (&common.weights, inside) {
        (None, Some(weights)) => weights,
        (Some(_), _) | (None, None) => weights(&chosen.elaborated, common, &sources, context)?,
    };
    let (batch, length) = size_of_calls(args, &chosen, &bound);
    let number = selector.pick(batch, length);
    if number >= programs.len() {
        return Err(Failure::machine(format!("internal error: the bundle has no program {number}")));
    }
    let program = programs.swap_remove(number);
    Ok((Job { chosen, sources, weights, bound }, program))
}

/// The inputs, fitted to the function; conditions on sizes are checked before anything is compiled.
fn bound(args: &RunArgs, chosen: &Chosen, given: &[Given]) -> Result<Bound> {
    let bound = bind(&argument_specs(chosen), given, options::hint(&args.common)?, args.common.seed)?;
    check_sizes(chosen, &bound)?;
    Ok(bound)
}

/// Reads `--input`.
pub(crate) fn given(inputs: &[String]) -> Result<Vec<Given>> {
    let read = |text: &String| {
        Given::parse(text).ok_or_else(|| {
            Failure::user(format!("`--input {text}` gives no input a value"))
                .hint("--input x=x.npy, --input n=7, --input x=random or --input tokens=bytes:README.md")
        })
    };
    inputs.iter().map(read).collect()
}

/// What the function's inputs accept.
pub(crate) fn argument_specs(chosen: &Chosen) -> Vec<ArgumentSpec> {
    let ranges = ranges(&chosen.graph);
    let inputs = chosen.graph.inputs.iter().zip(ranges).filter(|(input, _)| input.role == Role::Argument);
    let mut below = inputs.map(|(_, range)| range);
    let spec = |one: &tensc_frontend::check::ArgumentInfo| ArgumentSpec {
        name: one.name.clone(),
        ty: one.ty.clone(),
        optional: one.omitted,
        below: if one.omitted { None } else { below.next().flatten() },
    };
    chosen.elaborated.arguments.iter().map(spec).collect()
}

/// Conditions on sizes, such as a whole quotient or T at most the context, before anything is compiled.
fn check_sizes(chosen: &Chosen, bound: &Bound) -> Result<()> {
    let mut sizes = bound.sizes.clone();
    sizes.insert(tensc_ir::dim::POSITION.into(), 0);
    check_requires(&chosen.graph, &sizes).map_err(|error| {
        let given = bound.sizes.iter().map(|(name, size)| format!("{name} = {size}"));
        let given: Vec<String> = given.collect();
        let failure = Failure::user(error.to_string());
        if given.is_empty() {
            failure
        } else {
            failure.with_note(format!("the inputs give {}", given.join(", ")))
        }
    })
}

/// Results with their times.
struct Done {
    results: Vec<Named>,
    compile: Duration,
    run: Duration,
}

/// What runs the function.
fn machine(
    args: &RunArgs,
    device: Device,
    job: &Job,
    compiled: Option<(Scheduled, Option<Compiled>)>,
    context: &Context,
) -> Result<Machine> {
    let (chosen, sources) = (&job.chosen, &job.sources);
    if device == Device::Reference {
        let in_pieces = args.stream.is_some();
        let interpreter = reference(chosen, &job.weights, args.common.seed, in_pieces, sources, context)?;
        return Ok(Machine::Reference(interpreter));
    }
    if args.stream.is_some() {
        check_streams(chosen, sources)?;
    }
    let (scheduled, gpu) = match compiled {
        Some(compiled) => compiled,
        None => {
            let optimized = optimized(chosen, &args.common, false, context)?;
            let (batch, length) = size_of_calls(args, chosen, &job.bound);
            let variant = optimized.variant(batch, length)?;
            (scheduled(variant, optimized.time.as_deref(), &args.common, sources, context)?, None)
        }
    };
    let session = match (device, gpu) {
        (Device::Cuda | Device::Emulator, Some(gpu)) => {
            accelerated(device, scheduled, Some(gpu), &job.weights, &args.common, Some(sources), context)?
        }
        (_, _) => on_device(device, scheduled, &job.weights, &args.common, sources, context)?,
    };
    Ok(Machine::Compiled(Box::new(session)))
}

/// Batch and length of a call, with `--stream` of its pieces: a variant is chosen for these.
fn size_of_calls(args: &RunArgs, chosen: &Chosen, bound: &Bound) -> (i64, i64) {
    let time = time_size(&chosen.elaborated);
    let length = time.and_then(|time| bound.sizes.get(time.as_str()).copied()).unwrap_or(1);
    let piece = args.stream.and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
    (bound.batch.and_then(|batch| i64::try_from(batch).ok()).unwrap_or(1), length.min(piece))
}

/// The results, and how long they took.
fn execute(
    args: &RunArgs,
    job: &Job,
    machine: &mut Machine,
    context: &Context,
) -> Result<(Vec<Named>, Duration)> {
    let Job { chosen, bound, .. } = job;
    let start = Instant::now();
    let progress = context.console.progress("run");
    let tell = |share| progress.set(share);
    let outcome = match args.stream {
        None => machine.run(&call(bound, &tell)).map(|outcome| outcome.results),
        Some(size) => {
            let time = time_size(&chosen.elaborated)
                .ok_or_else(|| Failure::user("`--stream` needs a sequence among the inputs"))?;
            let results = chosen.elaborated.results.iter().map(|one| &one.ty);
            let arguments = chosen.elaborated.arguments.iter().filter(|one| !one.omitted).map(|one| &one.ty);
            let stream = Streamed::new(&time, arguments, results, bound, size);
            feed(&stream, bound, machine, &tell)
        }
    };
    drop(progress);
    let run = start.elapsed();
    let tensors = outcome.map_err(|error| Failure::run(error, Some(&job.sources)))?;
    Ok((named(chosen, bound, tensors), run))
}

/// Refuses to stream a function that needs whole sequences, with the line because of which it does.
fn check_streams(chosen: &Chosen, sources: &SourceMap) -> Result<()> {
    let Some(time) = time_size(&chosen.elaborated) else {
        return Err(Failure::user("`--stream` needs a sequence among the inputs"));
    };
    match tensc_ir::stream(&chosen.graph, &time) {
        Err(error) => Err(not_streamable(chosen, &error, sources)),
        Ok(_) => Ok(()),
    }
}

fn call<'a>(bound: &'a Bound, progress: &'a dyn Fn(f64)) -> Call<'a> {
    Call {
        arguments: &bound.arguments,
        batch: bound.batch.unwrap_or(1),
        sizes: &bound.sizes,
        state: None,
        progress,
    }
}

/// Results with their names; without the batch axis when no input has one.
fn named(chosen: &Chosen, bound: &Bound, tensors: Vec<Tensor>) -> Vec<Named> {
    let results = chosen.elaborated.results.iter().zip(tensors);
    results
        .map(|(info, tensor)| {
            let has_batch = tensor.shape().len() > info.ty.rank();
            let tensor = match (bound.batch, has_batch, tensor.shape().get(1..)) {
                (None, true, Some(own)) => tensor.reshaped(own.to_vec()).unwrap_or(tensor),
                _ => tensor,
            };
            Named { name: info.name.clone(), tensor }
        })
        .collect()
}

/// The results of the interpreter on whole sequences.
fn expected(args: &RunArgs, job: &Job, context: &Context) -> Result<Vec<Tensor>> {
    let Job { chosen, sources, weights, bound } = job;
    let interpreter = reference(chosen, weights, args.common.seed, false, sources, context)?;
    let progress = context.console.progress("reference");
    let tell = |share| progress.set(share);
    let outcome = interpreter.run(&call(bound, &tell)).map_err(|error| Failure::run(error, Some(sources)))?;
    Ok(named(chosen, bound, outcome.results).into_iter().map(|one| one.tensor).collect())
}

fn report(
    args: &RunArgs,
    device: Device,
    job: &Job,
    done: &Done,
    expected: Option<&[Tensor]>,
    destinations: &Destinations,
    context: &Context,
) -> Result<()> {
    let (console, Job { chosen, bound, .. }) = (context.console, job);
    destinations.write(&done.results, context)?;
    let errors = expected.map(|expected| compared(&done.results, expected));
    if console.json {
        let mut object = json!({
            "fn": chosen.graph.name,
            "device": device_name(device),
            "sizes": bound.sizes.iter().map(|(name, n)| (name.to_string(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "batch": bound.batch,
            "hyperparameters": chosen.elaborated.hyperparameters.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "results": results_json(&done.results, errors.as_deref()),
            "compile_s": done.compile.as_secs_f64(),
            "time_s": done.run.as_secs_f64(),
        });
        if let (Some(size), Some(fields)) = (args.stream, object.as_object_mut()) {
            fields.insert("stream".to_owned(), json!(size));
        }
        return console.print(&format!("{object}\n")).map_err(|error| output_failed(&error));
    }
    let mut text = String::new();
    if destinations.is_empty() {
        text.push_str(&summary_text(&done.results));
        if !console.quiet {
            text.push_str(&format!("{}\n", times_text(device, done)));
        }
    }
    if let Some(errors) = &errors {
        text.push_str(&errors_text(&done.results, errors));
    }
    console.print(&text).map_err(|error| output_failed(&error))
}

fn times_text(device: Device, done: &Done) -> String {
    let compile = if device == Device::Reference {
        String::new()
    } else {
        format!(", compiled in {}", duration(done.compile))
    };
    format!("time {} on {}{compile}", duration(done.run), device_name(device))
}

/// A time as a person reads it.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} us", seconds * 1e6)
    }
}

pub(crate) fn device_name(device: Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda => "cuda",
        Device::Emulator => "emulator",
        Device::Reference => "reference",
    }
}
