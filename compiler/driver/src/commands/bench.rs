//! `tensc bench`: time, work and traffic of a model's entry points on random inputs.
//!
//! FLOPs and bytes are those of the optimiser's cost model at the sizes that are run; the share of the roofline compares the measured time with the
//! time that the model gives for the built-in target.

use crate::Context;
use crate::cli::BenchArgs;
use crate::commands::run::{argument_specs, duration};
use crate::failure::{Failure, Result, output_failed};
use crate::machine::{cpu, optimized, scheduled};
use crate::model::{Chosen, choose_given, time_size, weights};
use crate::options::{self, refuse_unsupported, without_effect};
use crate::source::{Checked, read_right};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tensc_runtime::arguments::{Hint, Value as Typed, bind};
use tensc_runtime::{Bound, Call, Given};

/// What was measured of an entry.
struct Row {
    name: String,
    median: Duration,
    min: Duration,
    compile: Duration,
    flops: f64,
    bytes: f64,
    roofline: f64,
    kernels: usize,
    entries: usize,
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
    let mut rows = Vec::new();
    for name in names {
        rows.push(measure(&name, args, &checked, context)?);
    }
    let text = if context.console.json {
        format!("{}\n", json!({ "entries": rows.iter().map(row_json).collect::<Vec<_>>() }))
    } else {
        table(&rows)
    };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn measure(name: &str, args: &BenchArgs, checked: &Checked, context: &Context) -> Result<Row> {
    let common = crate::cli::Common { function: Some(name.to_owned()), ..args.common.clone() };
    let hint = options::hint(&common)?;
    let chosen = choose_given(checked, &common, &[])?;
    let bound = random(&chosen, hint, common.seed)?;
    let weights = weights(&chosen.elaborated, &common, &checked.sources, context)?;
    let start = Instant::now();
    let optimized = optimized(&chosen, &common, false, context)?;
    let scheduled = scheduled(optimized.at_hint()?, optimized.time.as_deref(), &checked.sources, context)?;
    let kernels = scheduled.program.kernels.len();
    let mut session = cpu(scheduled, &weights, &common, Some(&checked.sources), context)?;
    let compile = start.elapsed();
    let batch = bound.batch.unwrap_or(1);
    let progress = context.console.progress(name);
    let call =
        Call { arguments: &bound.arguments, batch, sizes: &bound.sizes, state: None, progress: &|_| () };
    let mut times = Vec::new();
    for turn in 0..=args.repeat {
        let start = Instant::now();
        session.run(&call).map_err(|error| Failure::run(error, Some(&checked.sources)))?;
        // The first run plans and touches memory for the first time.
        if turn > 0 {
            times.push(start.elapsed());
        }
        progress.set((turn + 1) as f64 / (args.repeat + 1) as f64);
    }
    times.sort_unstable();
    // The entry comes last, and holds what it repeats.
    let cost = optimized.report.units.last().map(|unit| unit.after).unwrap_or_default();
    let length = time_size(&chosen.elaborated).and_then(|time| bound.sizes.get(time.as_str()).copied());
    let length = length.and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    Ok(Row {
        name: name.to_owned(),
        median: times.get(times.len() / 2).copied().unwrap_or_default(),
        min: times.first().copied().unwrap_or_default(),
        compile,
        flops: cost.flops,
        bytes: cost.bytes,
        roofline: cost.seconds,
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

fn row_json(row: &Row) -> Value {
    let median = row.median.as_secs_f64();
    json!({
        "name": row.name,
        "median_s": median,
        "min_s": row.min.as_secs_f64(),
        "flops": row.flops,
        "bytes": row.bytes,
        "tokens_per_s": row.entries as f64 / median.max(1e-12),
        "roofline_share": row.roofline / median.max(1e-12),
        "kernels": row.kernels,
        "compile_s": row.compile.as_secs_f64(),
    })
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!(
        "{:width$}  {:>10}  {:>10}  {:>12}  {:>8}  {:>8}  {:>8}  {:>7}  {:>10}\n",
        "entry", "median", "min", "tokens/s", "GFLOP", "MB", "roofline", "kernels", "compile"
    );
    for row in rows {
        let median = row.median.as_secs_f64().max(1e-12);
        text.push_str(&format!(
            "{:width$}  {:>10}  {:>10}  {:>12.0}  {:>8.2}  {:>8.1}  {:>7.0}%  {:>7}  {:>10}\n",
            row.name,
            duration(row.median),
            duration(row.min),
            row.entries as f64 / median,
            row.flops / 1e9,
            row.bytes / 1e6,
            100.0 * row.roofline / median,
            row.kernels,
            duration(row.compile),
        ));
    }
    text
}
