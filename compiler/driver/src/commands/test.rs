//! `tensc test`: the test blocks of files, on every backend present.

use crate::Context;
use crate::cli::{Device, TestArgs};
use crate::commands::run::device_name;
use crate::failure::{Exit, Failure, Result, output_failed};
use crate::machine::{Machine, of_graph};
use crate::model::{failure, initial, verified};
use crate::options::{self, refuse_unsupported, without_effect};
use crate::source::{Checked, read_and_check};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tensc_frontend::Diagnostic;
use tensc_frontend::check::{Assertion, Check, ElaboratedTest};
use tensc_ir::Sizes;
use tensc_runtime::{Call, Reference, Tensor};

/// What became of the tests.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// A file that could not be checked, or a backend that broke.
    worst: Option<Exit>,
    rows: Vec<Value>,
}

pub(crate) fn run(args: &TestArgs, context: &Context) -> Result<()> {
    let common = &args.common;
    refuse_unsupported(common)?;
    let used = ["--seed", "--threads", "--without-rule", "--form", "--hint", "--strict"];
    without_effect(common, "test", &used).iter().for_each(|note| context.console.note(note));
    let devices = match args.device {
        Some(device) => vec![device],
        None => vec![Device::Cpu, Device::Reference],
    };
    options::threads(common)?;
    let mut tally = Tally::default();
    for path in &args.files {
        file(path, args, &devices, &mut tally, context)?;
    }
    let ok = tally.failed == 0 && tally.worst.is_none();
    let text = if context.console.json {
        format!(
            "{}\n",
            json!({ "ok": ok, "passed": tally.passed, "failed": tally.failed, "tests": tally.rows })
        )
    } else {
        let outcome = if ok { "ok" } else { "FAILED" };
        format!("{outcome}: {} passed, {} failed\n", tally.passed, tally.failed)
    };
    context.console.print(&text).map_err(|error| output_failed(&error))?;
    if ok { Ok(()) } else { Err(Failure::silent(tally.worst.unwrap_or(Exit::User))) }
}

fn file(
    path: &Path,
    args: &TestArgs,
    devices: &[Device],
    tally: &mut Tally,
    context: &Context,
) -> Result<()> {
    let checked = match read_and_check(path) {
        Ok(checked) if checked.diagnostics.iter().any(Diagnostic::is_error) => {
            Err(Failure::diagnostics(&checked.sources, checked.diagnostics))
        }
        other => other,
    };
    let checked = match checked {
        Ok(checked) => checked,
        Err(failure) => {
            failure.report(&context.console);
            tally.worst = Some(tally.worst.filter(|exit| *exit == Exit::Machine).unwrap_or(failure.exit));
            return Ok(());
        }
    };
    for number in 0..checked.program.tests().len() {
        let elaborated =
            checked.program.elaborate_test(number).map_err(|refused| failure(&checked.sources, refused))?;
        if args.filter.as_ref().is_some_and(|filter| !elaborated.name.contains(filter.as_str())) {
            continue;
        }
        for device in devices {
            let outcome = one(&checked, &elaborated, *device, args, context);
            let outcome = outcome.and_then(|broken| match broken.is_empty() {
                true => Ok(()),
                false => Err(Failure::diagnostics(&checked.sources, broken)),
            });
            told(path, &elaborated, *device, outcome.err(), tally, context)?;
        }
    }
    Ok(())
}

/// Runs a test; the assertions that do not hold.
fn one(
    checked: &Checked,
    test: &ElaboratedTest,
    device: Device,
    args: &TestArgs,
    context: &Context,
) -> Result<Vec<Diagnostic>> {
    let sources = &checked.sources;
    let weights = initial(&test.init, args.common.seed, sources, context)?;
    let graph = Arc::new(verified(test.graph.clone(), "check")?);
    let mut machine = match device {
        Device::Reference => Machine::Reference(
            Reference::new(graph, &weights, None, args.common.seed, context.cancel.clone())
                .map_err(|error| Failure::run(error, Some(sources)))?,
        ),
        Device::Cpu | Device::Cuda | Device::Emulator => {
            Machine::Compiled(Box::new(of_graph(device, &graph, &weights, &args.common, sources, context)?))
        }
    };
    let call = Call { arguments: &[], batch: 1, sizes: &Sizes::new(), state: None, progress: &|_| () };
    let outcome = machine.run(&call).map_err(|error| Failure::run(error, Some(sources)))?;
    let values: Vec<Tensor> = outcome.results;
    Ok(test.assertions.iter().filter_map(|assertion| broken(assertion, &values)).collect())
}

/// The problem, where an assertion does not hold.
fn broken(assertion: &Assertion, values: &[Tensor]) -> Option<Diagnostic> {
    let value = |n: usize| assertion.outputs.get(n).and_then(|output| values.get(*output));
    let show = |tensor: &Tensor, at: usize| {
        let (re, im) = tensor.entry(at).unwrap_or((f64::NAN, f64::NAN));
        if tensor.dtype().is_complex() { format!("{re} + {im}i") } else { format!("{re}") }
    };
    match assertion.check {
        Check::True => {
            let tensor = value(0)?;
            let at = tensor.bytes().iter().position(|&byte| byte == 0)?;
            let fact = if tensor.len() == 1 {
                "this is false".to_owned()
            } else {
                format!("false at entry {}", place(tensor, at))
            };
            Some(Diagnostic::error("an assertion does not hold", assertion.span, fact))
        }
        Check::Close { tolerance } => {
            let (a, b) = (value(0)?, value(1)?);
            let mut wrong = 0;
            let mut first = None;
            for at in 0..a.len().max(b.len()) {
                let (Some(x), Some(y)) = (a.entry(at), b.entry(at)) else { continue };
                let distance = (x.0 - y.0).hypot(x.1 - y.1);
                let close = distance <= tolerance * (1.0 + y.0.hypot(y.1)) || x == y;
                if !close {
                    wrong += 1;
                    first.get_or_insert((at, distance));
                }
            }
            let (at, distance) = first?;
            let fact = format!(
                "{}: found {}, expected {} (apart {distance:.3e}, tolerance {tolerance:e})",
                if a.len() == 1 { "here".to_owned() } else { format!("entry {}", place(a, at)) },
                show(a, at),
                show(b, at),
            );
            let diagnostic = Diagnostic::error("two values are not close", assertion.span, fact);
            Some(if a.len() > 1 {
                diagnostic.note(format!("{wrong} of {} entries are off", a.len()))
            } else {
                diagnostic
            })
        }
    }
}

/// Coordinates of an entry, without the batch axis that every result has.
fn place(tensor: &Tensor, at: usize) -> String {
    let mut rest = at;
    let mut coordinates: Vec<String> = Vec::new();
    for size in tensor.shape().iter().skip(1).rev() {
        coordinates.push((rest % size.max(&1)).to_string());
        rest /= size.max(&1);
    }
    coordinates.reverse();
    format!("[{}]", coordinates.join(", "))
}

fn told(
    path: &Path,
    test: &ElaboratedTest,
    device: Device,
    failure: Option<Failure>,
    tally: &mut Tally,
    context: &Context,
) -> Result<()> {
    let failure = match failure {
        Some(failure) if failure.exit == Exit::Interrupted => return Err(failure),
        other => other,
    };
    match &failure {
        None => tally.passed += 1,
        Some(failure) => {
            tally.failed += 1;
            if failure.exit == Exit::Machine {
                tally.worst = Some(Exit::Machine);
            }
        }
    }
    let name = &test.name;
    if context.console.json {
        let problems = failure.as_ref().map(Failure::to_json);
        tally.rows.push(json!({
            "file": path,
            "name": name,
            "device": device_name(device),
            "ok": failure.is_none(),
            "problems": problems.unwrap_or_else(|| json!([])),
        }));
        return Ok(());
    }
    let word = if failure.is_none() { "ok" } else { "FAILED" };
    if failure.is_some() || !context.console.quiet {
        let line = format!("{} \"{name}\" on {} .. {word}\n", path.display(), device_name(device));
        context.console.print(&line).map_err(|error| output_failed(&error))?;
    }
    if let Some(failure) = failure {
        failure.report(&context.console);
    }
    Ok(())
}
