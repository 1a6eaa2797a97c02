//! `tensc bench`: time, work and traffic of a model's entry points on random inputs, and of each kernel in them.
//!
//! Operations and bytes are counted from the program that runs. The share of the roofline compares the measured time with the time that the same operations and bytes
//! take at this machine's own rates (`tensc doctor --calibrate`), or at those of the built-in target where nothing has been measured.

mod roofline;

use crate::Context;
use crate::calibration;
use crate::cli::{BenchArgs, Common};
use crate::commands::run::{argument_specs, duration};
use crate::failure::{Failure, Result, output_failed};
use crate::machine::{code, optimized, ready, scheduled};
use crate::model::{Chosen, choose_given, time_size, weights};
use crate::options::{self, refuse_unsupported, without_effect};
use crate::source::{Checked, read_right};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tensc_optimize::Target;
use tensc_runtime::arguments::{Hint, Value as Typed, bind};
use tensc_runtime::file::write::write_bytes;
use tensc_runtime::{Bound, Call, Given, StepProfile};

/// What the machine can do, for comparison.
#[derive(Clone, Copy, Debug)]
struct Peak {
    /// Operations per second.
    flops: f64,
    /// Bytes per second.
    bandwidth: f64,
    /// Whether both were measured here.
    measured: bool,
}

impl Peak {
    fn new(threads: usize) -> Self {
        let rates = calibration::load().and_then(|calibration| calibration.rates(threads));
        match rates {
            Some(rates) => {
                Self { flops: rates.products, bandwidth: rates.read.max(rates.copy), measured: true }
            }
            None => {
                Self { flops: Target::CPU.matrix_flops, bandwidth: Target::CPU.bandwidth, measured: false }
            }
        }
    }

    /// The least time for so much work.
    fn seconds(&self, step: &StepProfile) -> f64 {
        (step.flops / self.flops).max(step.bytes / self.bandwidth)
    }
}

/// What was measured of an entry.
struct Row {
    name: String,
    median: Duration,
    min: Duration,
    compile: Duration,
    prepare: Duration,
    resident: usize,
    arena: usize,
    steps: Vec<StepProfile>,
    kernels: usize,
    entries: usize,
}

impl Row {
    fn sum(&self, of: impl Fn(&StepProfile) -> f64) -> f64 {
        self.steps.iter().map(of).sum()
    }

    fn tokens_per_second(&self) -> f64 {
        self.entries as f64 / self.median.as_secs_f64().max(1e-12)
    }
}

pub(crate) fn run(args: &BenchArgs, context: &Context) -> Result<()> {
    let common = &args.common;
    refuse_unsupported(common)?;
    if args.all_forms {
        return Err(Failure::user("`--all-forms` is not supported yet: a recurrence has its step form only"));
    }
    if args.repeat == 0 {
        return Err(Failure::user("`--repeat 0` measures nothing").hint("--repeat 10"));
    }
    let used = [
        "--model",
        "--fn",
        "--preset",
        "--set",
        "--weights",
        "--seed",
        "--train",
        "--dtype",
        "--hint",
        "--without-rule",
        "--form",
        "--strict",
        "--threads",
    ];
    without_effect(common, "bench", &used).iter().for_each(|note| context.console.note(note));
    let checked = read_right(&args.file)?;
    let names = match &common.function {
        Some(name) => vec![name.clone()],
        None => crate::bundle::functions(&checked, common),
    };
    let peak = Peak::new(options::threads(common)?);
    let mut rows = Vec::new();
    for name in names {
        rows.push(measure(&name, args, &checked, context)?);
    }
    if let Some(path) = &args.roofline {
        let steps: Vec<&StepProfile> = rows.iter().flat_map(|row| &row.steps).collect();
        write_bytes(path, &context.cancel, roofline::picture(&steps, peak).as_bytes())?;
    }
    let text = if context.console.json {
        let entries: Vec<Value> = rows.iter().map(|row| row_json(row, peak)).collect();
        let peak =
            json!({ "flops_per_s": peak.flops, "bytes_per_s": peak.bandwidth, "measured": peak.measured });
        format!("{}\n", json!({ "entries": entries, "roofline": peak }))
    } else {
        table(&rows, peak)
    };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn measure(name: &str, args: &BenchArgs, checked: &Checked, context: &Context) -> Result<Row> {
    let common = Common { function: Some(name.to_owned()), ..args.common.clone() };
    let hint = options::hint(&common)?;
    let start = Instant::now();
    let chosen = choose_given(checked, &common, &[])?;
    let mut compile = start.elapsed();
    let bound = random(&chosen, hint, common.seed)?;
    let weights = weights(&chosen.elaborated, &common, &checked.sources, context)?;
    let start = Instant::now();
    let optimized = optimized(&chosen, &common, false, context)?;
    let scheduled = scheduled(optimized.at_hint()?, optimized.time.as_deref(), &common, &checked.sources, context)?;
    let kernels = scheduled.program.kernels.len();
    let code = code(&scheduled, context)?;
    compile += start.elapsed();
    let start = Instant::now();
    let mut session = ready(scheduled, code, &weights, &common, Some(&checked.sources), context)?;
    let prepare = start.elapsed();
    // From here on the session's own weights are all that is in memory.
    drop(weights);
    let batch = bound.batch.unwrap_or(1);
    let progress = context.console.progress(name);
    let call =
        Call { arguments: &bound.arguments, batch, sizes: &bound.sizes, state: None, progress: &|_| () };
    let failed = |error| Failure::run(error, Some(&checked.sources));
    let mut times = Vec::new();
    // The first run plans and touches memory for the first time.
    session.run(&call).map_err(failed)?;
    for turn in 0..args.repeat {
        let start = Instant::now();
        session.run(&call).map_err(failed)?;
        times.push(start.elapsed());
        progress.set((turn + 1) as f64 / args.repeat as f64);
    }
    times.sort_unstable();
    let (_, steps) = session.profiled(&call).map_err(failed)?;
    let length = time_size(&chosen.elaborated).and_then(|time| bound.sizes.get(time.as_str()).copied());
    let length = length.and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    Ok(Row {
        name: name.to_owned(),
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        min: times.first().copied().unwrap_or_default(),
        compile,
        prepare,
        resident: session.resident_bytes(),
        arena: session.arena_bytes(),
        steps,
        kernels,
        entries: batch * length,
    })
}

/// Every input at random, of the hint's sizes.
fn random(chosen: &Chosen, hint: Hint, seed: u64) -> Result<Bound> {
    let arguments = chosen.elaborated.arguments.iter().filter(|one| !one.omitted);
    let given: Vec<Given> =
        arguments.map(|one| Given { name: one.name.clone(), value: Typed::Random }).collect();
    Ok(bind(&argument_specs(chosen), &given, hint, seed)?)
}

fn row_json(row: &Row, peak: Peak) -> Value {
    let median = row.median.as_secs_f64();
    let steps = row.steps.iter().map(|step| {
        json!({
            "name": step.name,
            "runs": step.runs,
            "time_s": step.time.as_secs_f64(),
            "flops": step.flops,
            "bytes": step.bytes,
            "roofline_share": peak.seconds(step) / step.time.as_secs_f64().max(1e-12),
        })
    });
    json!({
        "name": row.name,
        "median_s": median,
        "min_s": row.min.as_secs_f64(),
        "flops": row.sum(|step| step.flops),
        "bytes": row.sum(|step| step.bytes),
        "tokens_per_s": row.tokens_per_second(),
        "roofline_share": row.sum(|step| peak.seconds(step)) / median.max(1e-12),
        "kernels": row.kernels,
        "compile_s": row.compile.as_secs_f64(),
        "prepare_s": row.prepare.as_secs_f64(),
        "weight_bytes": row.resident,
        "activation_bytes": row.arena,
        "steps": steps.collect::<Vec<_>>(),
    })
}

/// Rows of an entry's table of kernels.
const MOST_STEPS: usize = 12;

fn table(rows: &[Row], peak: Peak) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!(
        "{:width$}  {:>10}  {:>10}  {:>12}  {:>8}  {:>8}  {:>8}  {:>7}  {:>10}\n",
        "entry", "median", "min", "tokens/s", "GFLOP", "MB", "roofline", "kernels", "compile"
    );
    for row in rows {
        text.push_str(&format!(
            "{:width$}  {:>10}  {:>10}  {:>12.0}  {:>8.2}  {:>8.1}  {:>7.0}%  {:>7}  {:>10}\n",
            row.name,
            duration(row.median),
            duration(row.min),
            row.tokens_per_second(),
            row.sum(|step| step.flops) / 1e9,
            row.sum(|step| step.bytes) / 1e6,
            100.0 * row.sum(|step| peak.seconds(step)) / row.median.as_secs_f64().max(1e-12),
            row.kernels,
            duration(row.compile),
        ));
    }
    for row in rows {
        text.push('\n');
        text.push_str(&steps_table(row, peak));
    }
    let source =
        if peak.measured { "as measured here" } else { "built in; `tensc doctor --calibrate` measures" };
    text.push_str(&format!(
        "\nroofline: {:.0} GFLOP/s and {:.1} GB/s, {source}\n",
        peak.flops / 1e9,
        peak.bandwidth / 1e9
    ));
    text
}

fn steps_table(row: &Row, peak: Peak) -> String {
    let shown = row.steps.get(..MOST_STEPS).unwrap_or(&row.steps);
    let width = shown.iter().map(|step| step.name.chars().count()).max().unwrap_or(0).max(row.name.len() + 3);
    let mut text = format!(
        "{:width$}  {:>10}  {:>6}  {:>6}  {:>9}  {:>8}  {:>8}\n",
        format!("in {}", row.name),
        "time",
        "share",
        "runs",
        "GFLOP/s",
        "GB/s",
        "roofline"
    );
    let all = row.sum(|step| step.time.as_secs_f64()).max(1e-12);
    let line = |name: &str, steps: &[StepProfile]| {
        let sum = |of: fn(&StepProfile) -> f64| steps.iter().map(of).sum::<f64>();
        let seconds = sum(|step| step.time.as_secs_f64()).max(1e-12);
        let best: f64 = steps.iter().map(|step| peak.seconds(step)).sum();
        format!(
            "{name:width$}  {:>10}  {:>5.1}%  {:>6.0}  {:>9.1}  {:>8.1}  {:>7.0}%\n",
            duration(Duration::from_secs_f64(seconds)),
            100.0 * seconds / all,
            sum(|step| step.runs as f64),
            sum(|step| step.flops) / seconds / 1e9,
            sum(|step| step.bytes) / seconds / 1e9,
            100.0 * best / seconds,
        )
    };
    for step in shown {
        text.push_str(&line(&step.name, std::slice::from_ref(step)));
    }
    if let Some(rest) = row.steps.get(MOST_STEPS..).filter(|rest| !rest.is_empty()) {
        text.push_str(&line(&format!("{} more", rest.len()), rest));
    }
    text
}
