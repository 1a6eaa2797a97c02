//! `tensc check`: every problem of a file, and whether the options and weights fit it.

use crate::Context;
use crate::cli::CheckArgs;
use crate::failure::{Exit, Failure, Result, diagnostic_json, output_failed};
use crate::model::{choose, load_weights};
use crate::options::{refuse_unsupported, without_effect};
use crate::source::read_and_check;
use serde_json::{Value, json};
use tensc_frontend::Diagnostic;

pub(crate) fn run(args: &CheckArgs, context: &Context) -> Result<()> {
    let console = context.console;
    let common = &args.common;
    refuse_unsupported(common)?;
    let used = ["--model", "--fn", "--preset", "--set", "--weights", "--train"];
    without_effect(common, "check", &used).iter().for_each(|note| console.note(note));
    let checked = read_and_check(&args.file)?;
    let errors = checked.diagnostics.iter().filter(|one| one.is_error()).count();
    let found: Vec<Value> =
        checked.diagnostics.iter().map(|one| diagnostic_json(&checked.sources, one)).collect();
    let mut failure = None;
    if errors > 0 {
        failure = Some(Failure::diagnostics(&checked.sources, checked.diagnostics));
    } else {
        warn(&checked.sources, checked.diagnostics.clone(), context);
        let asked = common.model.is_some()
            || common.function.is_some()
            || common.preset.is_some()
            || !common.set.is_empty()
            || common.weights.is_some();
        if asked {
            let fits = choose(&checked, common, &[]).and_then(|chosen| match &common.weights {
                Some(path) => load_weights(path, &chosen.elaborated.params).map(drop),
                None => Ok(()),
            });
            failure = fits.err();
        }
    }
    if !console.json {
        return failure.map_or(Ok(()), Err);
    }
    let mut all = found;
    if let (Some(failure), true) = (&failure, errors == 0)
        && let Value::Array(more) = failure.to_json()
    {
        all.extend(more);
    }
    let object = json!({ "ok": failure.is_none(), "file": args.file, "diagnostics": all });
    console.print(&format!("{object}\n")).map_err(|error| output_failed(&error))?;
    failure.map_or(Ok(()), |failure| Err(Failure::silent(failure.exit)))
}

/// Prints warnings, which stop nothing.
pub(crate) fn warn(sources: &tensc_frontend::SourceMap, diagnostics: Vec<Diagnostic>, context: &Context) {
    if !diagnostics.is_empty() && !context.console.quiet {
        let warnings = Failure { exit: Exit::User, ..Failure::diagnostics(sources, diagnostics) };
        warnings.report(&context.console);
    }
}
