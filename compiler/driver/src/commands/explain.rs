//! `tensc explain`: what the optimiser did to a function and why.

use crate::Context;
use crate::cli::ExplainArgs;
use crate::failure::{Result, output_failed};
use crate::machine::{optimized, scheduled};
use crate::model::{choose, time_size};
use crate::options::{self, refuse_unsupported, without_effect};
use crate::source::{Checked, read_right};
use serde_json::{Value, json};
use tensc_ir::{Graph, Op, Origin};
use tensc_optimize::{Cost, Report, UnitReport};

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
    let optimized = optimized(&chosen.graph, common, true, context)?;
    let scheduled = scheduled(&chosen, &optimized.graph, &args.common, &checked.sources, context)?;
    let recurrences = recurrences(&chosen.graph, &checked);
    let pieces = match (&scheduled.time, time_size(&chosen.elaborated)) {
        (Some(time), _) => json!({ "along": time, "streams": true }),
        (None, Some(time)) => {
            let reason = tensc_ir::stream(&chosen.graph, &time).err();
            json!({
                "along": time,
                "streams": false,
                "because": reason.as_ref().map(|error| error.reason.clone()),
                "at": reason.and_then(|error| place(error.origin, &checked)),
            })
        }
        (None, None) => Value::Null,
    };
    let hint = options::hint(common)?;
    let text = if context.console.json {
        let object = json!({
            "fn": chosen.graph.name,
            "hint": { "B": hint.batch, "T": hint.length },
            "recurrences": recurrences.iter().map(|(class, at)| json!({ "class": class, "form": "step", "at": at })).collect::<Vec<_>>(),
            "pieces": pieces,
            "kernels": scheduled.program.kernels.len(),
            "units": report_json(&optimized.report, &checked),
        });
        format!("{object}\n")
    } else {
        let mut text = format!("`{}` for B = {}, T = {}\n\n", chosen.graph.name, hint.batch, hint.length);
        text.push_str(&optimized.report.to_string());
        if !recurrences.is_empty() {
            text.push_str("\nrecurrences\n");
        }
        for (class, at) in &recurrences {
            let at = at.as_deref().unwrap_or("");
            text.push_str(&format!("  {class:24} step   {at}\n"));
        }
        text.push_str(&format!("\n{}\n", pieces_text(&pieces)));
        text.push_str(&format!("{} kernels\n", scheduled.program.kernels.len()));
        text
    };
    context.console.print(&text).map_err(|error| output_failed(&error))
}

fn pieces_text(pieces: &Value) -> String {
    let text = |name: &str| pieces.get(name).and_then(Value::as_str).unwrap_or_default();
    match pieces.get("streams").and_then(Value::as_bool) {
        Some(true) => format!("runs in pieces along {}, with its state carried", text("along")),
        Some(false) => format!("needs whole sequences: {} ({})", text("because"), text("at")),
        None => "has no sequence".to_owned(),
    }
}

/// `ten.seq:13`.
fn place(origin: Option<Origin>, checked: &Checked) -> Option<String> {
    let span = crate::failure::span_of(origin?);
    let (line, _) = checked.sources.line_column(span);
    Some(format!("{}:{line}", checked.sources.name(span.file)))
}

/// The class of each recurrence with the line it is on, those in bodies included.
fn recurrences(graph: &Graph, checked: &Checked) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    for node in &graph.nodes {
        match &node.op {
            Op::Rec(rec) => {
                let at = place(node.origin, checked);
                for group in tensc_ir::analyse::recurrence::classify(rec) {
                    found.push((group.class.name().to_owned(), at.clone()));
                }
                found.extend(recurrences(&rec.body, checked));
            }
            Op::Repeat(repeat) => found.extend(recurrences(&repeat.body, checked)),
            _ => {}
        }
    }
    found
}

fn report_json(report: &Report, checked: &Checked) -> Vec<Value> {
    report.units.iter().map(|unit| unit_json(unit, checked)).collect()
}

fn unit_json(unit: &UnitReport, checked: &Checked) -> Value {
    let cost = |cost: Cost| json!({ "flops": cost.flops, "bytes": cost.bytes, "kernels": cost.kernels, "seconds": cost.seconds });
    let fired = unit.fired.iter().map(|fired| {
        json!({
            "rule": fired.rule,
            "law": fired.law,
            "count": fired.count,
            "bought_s": fired.bought,
            "at": place(fired.origin, checked),
        })
    });
    json!({
        "unit": unit.unit,
        "times": unit.times,
        "before": cost(unit.before),
        "after": cost(unit.after),
        "fired": fired.collect::<Vec<_>>(),
        "left_alone": unit.left_alone,
    })
}
