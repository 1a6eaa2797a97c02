//! `tensc explain`: what the optimiser did to a function and why; as text, as JSON, as a page.

mod graph; // a picture of a graph
mod json; // for programs
mod page; // for browsers
mod roofline; // a picture of the roofline
mod text; // for terminals

use crate::Context;
use crate::cli::ExplainArgs;
use crate::failure::{Result, output_failed};
use crate::machine::{optimized, scheduled};
use crate::model::{choose, time_size};
use crate::options::{refuse_unsupported, without_effect};
use crate::source::{Checked, read_right};
use tensc_ir::Origin;
use tensc_optimize::Report;
use tensc_runtime::file::write::write_bytes;

/// What there is to tell.
struct Told<'a> {
    function: &'a str,
    report: &'a Report,
    /// Kernels of the program that calls of the hint's sizes run.
    kernels: usize,
    pieces: Pieces,
    checked: &'a Checked,
}

/// Whether the function runs in pieces.
enum Pieces {
    /// Along this size.
    Along(String),
    /// Not along this size; why, and where.
    Whole { time: String, because: String, at: Option<String> },
    /// It has no sequence.
    None,
}

impl Told<'_> {
    /// `ten.seq:13`.
    fn place(&self, origin: Option<Origin>) -> Option<String> {
        place(origin, self.checked)
    }
}

pub(crate) fn run(args: &ExplainArgs, context: &Context) -> Result<()> {
    let common = &args.common;
    refuse_unsupported(common)?;
    let used = [
        "--model",
        "--fn",
        "--preset",
        "--set",
        "--train",
        "--dtype",
        "--hint",
        "--without-rule",
        "--form",
        "--strict",
    ];
    without_effect(common, "explain", &used).iter().for_each(|note| context.console.note(note));
    let checked = read_right(&args.file)?;
    let chosen = choose(&checked, common, &[])?;
    let optimized = optimized(&chosen, common, true, context)?;
    let scheduled =
        scheduled(optimized.at_hint()?, optimized.time.as_deref(), common, &checked.sources, context)?;
    let pieces = match time_size(&chosen.elaborated) {
        Some(time) => match tensc_ir::stream(&chosen.graph, &time) {
            Ok(_) => Pieces::Along(time),
            Err(error) => {
                let at = place(error.origin, &checked);
                Pieces::Whole { time, because: error.reason, at }
            }
        },
        None => Pieces::None,
    };
    let told = Told {
        function: &chosen.graph.name,
        report: &optimized.report,
        kernels: scheduled.program.kernels.len(),
        pieces,
        checked: &checked,
    };
    if let Some(path) = &args.html {
        write_bytes(path, &context.cancel, page::page(&told).as_bytes())?;
    }
    let text = if context.console.json { format!("{}\n", json::json(&told)) } else { text::text(&told) };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn place(origin: Option<Origin>, checked: &Checked) -> Option<String> {
    let span = crate::failure::span_of(origin?);
    let (line, _) = checked.sources.line_column(span);
    Some(format!("{}:{line}", checked.sources.name(span.file)))
}
