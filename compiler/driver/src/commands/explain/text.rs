//! What was done, for a terminal.

use super::{Pieces, Told};
use std::fmt::Write as _;
use tensc_optimize::report::{UnitReport, duration, scaled};

/// Alternatives that are told of each unit; the JSON has all.
const LOST: usize = 6;

pub(super) fn text(told: &Told<'_>) -> String {
    let report = told.report;
    let mut text = format!("`{}` for B = {}, T = {}\n", told.function, report.hint.batch, report.hint.time);
    for unit in &report.units {
        text.push('\n');
        of_unit(&mut text, unit, told);
    }
    if report.variants.len() > 1 {
        text.push_str("\nvariants\n");
        for variant in &report.variants {
            let forms: Vec<String> = variant.forms.iter().map(ToString::to_string).collect();
            let line = format!("  {:32} {}", variant.when, forms.join(", "));
            let _ = writeln!(text, "{}", line.trim_end());
            let costs = report.points.iter().zip(&variant.seconds);
            let costs: Vec<String> =
                costs.map(|(point, seconds)| format!("{point}: {}", duration(*seconds))).collect();
            let _ = writeln!(text, "    {}", costs.join("   "));
        }
    }
    let _ = writeln!(text, "\n{}", pieces(&told.pieces));
    let _ = writeln!(text, "{} kernels", told.kernels);
    text
}

fn pieces(pieces: &Pieces) -> String {
    match pieces {
        Pieces::Along(time) => format!("runs in pieces along {time}, with its state carried"),
        Pieces::Whole { because, at, .. } => {
            format!("needs whole sequences: {because} ({})", at.as_deref().unwrap_or_default())
        }
        Pieces::None => "has no sequence".to_owned(),
    }
}

fn of_unit(text: &mut String, unit: &UnitReport, told: &Told<'_>) {
    let times = if unit.times == 1 { String::new() } else { format!(", {} times", unit.times) };
    let _ = writeln!(text, "{}{times}", unit.unit);
    let _ = writeln!(text, "  {:8} {:>12} {:>12} {:>9} {:>12}", "", "FLOPs", "bytes", "kernels", "time");
    for (name, cost) in [("before", unit.before), ("after", unit.after)] {
        let _ = writeln!(
            text,
            "  {name:8} {:>12} {:>12} {:>9} {:>12}",
            scaled(cost.flops, ""),
            scaled(cost.bytes, "B"),
            cost.kernels,
            duration(cost.seconds),
        );
    }
    let at = |origin| told.place(origin).unwrap_or_default();
    for rec in &unit.recurrences {
        let others: Vec<String> =
            rec.others.iter().map(|(form, by)| format!("{form} + {}", duration(*by))).collect();
        let line = format!(
            "  {:24} {:16} {}   {}",
            rec.class,
            rec.form.to_string(),
            at(rec.origin),
            others.join(", ")
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let width = unit.fired.iter().map(|fired| fired.rule.len()).max().unwrap_or(0);
    let (used, idle): (Vec<_>, Vec<_>) = unit.fired.iter().partition(|fired| fired.used > 0);
    for fired in used {
        let bought =
            if fired.bought > 0.0 { format!("saves {}", duration(fired.bought)) } else { String::new() };
        let line = format!("  {:width$}  {:<46}  {bought:16}  {}", fired.rule, fired.law, at(fired.origin));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if !idle.is_empty() {
        let names: Vec<&str> = idle.iter().map(|fired| fired.rule).collect();
        let _ = writeln!(text, "  found nothing cheaper: {}", names.join(", "));
    }
    for lost in unit.lost.iter().take(LOST) {
        let what = if lost.what.is_empty() { lost.rule } else { &lost.what };
        let line =
            format!("  lost by {:>10}: {what} ({})  {}", duration(lost.by), lost.rule, at(lost.origin));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    for refused in &unit.refused {
        let line = format!("  not done: {} ({})  {}", refused.law, refused.why, at(refused.origin));
        let _ = writeln!(text, "{}", line.trim_end());
    }
}
