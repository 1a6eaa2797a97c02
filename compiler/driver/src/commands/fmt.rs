//! `tensc fmt`: files in the one canonical layout.

use crate::Context;
use crate::cli::FmtArgs;
use crate::failure::{Exit, Failure, Result, output_failed, read_text};
use std::io::Read;
use std::path::Path;
use tensc_frontend::SourceMap;
use tensc_runtime::file::write::write_bytes;

pub(crate) fn run(args: &FmtArgs, context: &Context) -> Result<()> {
    let mut different = Vec::new();
    let mut failures = Vec::new();
    for path in &args.files {
        match one(path, args.check, context) {
            Ok(true) => {}
            Ok(false) => different.push(path.display().to_string()),
            Err(failure) => failures.push(failure),
        }
    }
    for path in &different {
        context.console.note(&format!("would reformat {path}"));
    }
    // Each file's problems are told; the worst exit code is the command's.
    let last = failures.pop();
    for failure in &failures {
        failure.report(&context.console);
    }
    if let Some(mut last) = last {
        if failures.iter().any(|failure| failure.exit == Exit::Machine) {
            last.exit = Exit::Machine;
        }
        return Err(last);
    }
    if args.check && !different.is_empty() { Err(Failure::silent(Exit::User)) } else { Ok(()) }
}

/// Formats a file; whether it already had the layout, or has it now.
fn one(path: &Path, check: bool, context: &Context) -> Result<bool> {
    let standard = path == Path::new("-");
    let (name, text) = if standard {
        ("<stdin>".to_owned(), read_standard()?)
    } else {
        (path.display().to_string(), read_text(path)?)
    };
    let formatted = tensc_frontend::format(&text).map_err(|diagnostics| {
        let mut sources = SourceMap::new();
        sources.add(name, text.clone());
        Failure::diagnostics(&sources, diagnostics)
    })?;
    if check {
        return Ok(formatted == text);
    }
    if standard {
        context.console.print(&formatted).map_err(|error| output_failed(&error))?;
    } else if formatted != text {
        write_bytes(path, &context.cancel, formatted.as_bytes())?;
    }
    Ok(true)
}

fn read_standard() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(|error| {
        Failure::user(format!("cannot read standard input: {}", tensc_runtime::file::reason(&error)))
    })?;
    Ok(text)
}
