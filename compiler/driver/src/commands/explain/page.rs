//! What was done, as one page that needs nothing else: tables, the roofline, the graph before and after.

use super::{Pieces, Told, graph, roofline};
use std::fmt::Write as _;
use tensc_optimize::report::{Cost, UnitReport, duration, scaled};

const STYLE: &str = include_str!("page.css");

pub(super) fn page(told: &Told<'_>) -> String {
    let report = told.report;
    let mut html = String::new();
    let title = format!("{} · what the optimiser did", told.function);
    let _ = writeln!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>\n{STYLE}</style></head><body>",
        escaped(&title)
    );
    let _ = writeln!(
        html,
        "<header><h1><code>{}</code></h1><p>B = {}, T = {} on {} · {} kernels · {}</p></header>",
        escaped(told.function),
        report.hint.batch,
        report.hint.time,
        report.target.name,
        told.kernels,
        escaped(&pieces(&told.pieces))
    );
    // The entry holds what it repeats.
    if let Some(entry) = report.units.last() {
        cards(&mut html, entry.before, entry.after);
        let nodes: Vec<_> = report
            .units
            .iter()
            .flat_map(|unit| unit.picture_after.iter().map(|node| (node, unit.times as f64)))
            .filter(|(node, _)| node.cost.kernels > 0.0 && !node.label.contains(" x "))
            .collect();
        html.push_str("<section><h2>Roofline</h2>");
        html.push_str(&roofline::picture(&report.target, entry.before, entry.after, &nodes));
        html.push_str("<p class=\"legend\">Each dot is a kernel or library call by its FLOPs per byte and the speed that the cost model gives it; its area is its share of the time. <b class=\"new\">Coloured</b> ones were made by a rewrite.</p></section>\n");
    }
    variants(&mut html, told);
    for unit in report.units.iter().rev() {
        of_unit(&mut html, unit, told);
    }
    html.push_str("</body></html>\n");
    html
}

/// Text inside of HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn pieces(pieces: &Pieces) -> String {
    match pieces {
        Pieces::Along(time) => format!("runs in pieces along {time}"),
        Pieces::Whole { because, .. } => format!("needs whole sequences: {because}"),
        Pieces::None => "has no sequence".to_owned(),
    }
}

fn cards(html: &mut String, before: Cost, after: Cost) {
    html.push_str("<div class=\"cards\">");
    let rows = [
        ("time", before.seconds, after.seconds, duration(before.seconds), duration(after.seconds)),
        ("FLOPs", before.flops, after.flops, scaled(before.flops, ""), scaled(after.flops, "")),
        ("bytes", before.bytes, after.bytes, scaled(before.bytes, "B"), scaled(after.bytes, "B")),
        ("kernels", before.kernels, after.kernels, before.kernels.to_string(), after.kernels.to_string()),
    ];
    for (name, old, new, old_text, new_text) in rows {
        let change = if old > 0.0 { (new / old - 1.0) * 100.0 } else { 0.0 };
        let change = if change.abs() < 0.05 { "unchanged".to_owned() } else { format!("{change:+.1} %") };
        let _ = write!(
            html,
            "<div class=\"card\"><h3>{name}</h3><p><s>{old_text}</s> <b>{new_text}</b></p><small>{change}</small></div>"
        );
    }
    html.push_str("</div>\n");
}

fn variants(html: &mut String, told: &Told<'_>) {
    let report = told.report;
    if report.variants.len() < 2 {
        return;
    }
    html.push_str("<section><h2>Variants</h2><table><tr><th>calls with</th><th>recurrences</th>");
    for point in &report.points {
        let _ = write!(html, "<th class=\"number\">{point}</th>");
    }
    html.push_str("</tr>");
    for variant in &report.variants {
        let forms: Vec<String> = variant.forms.iter().map(ToString::to_string).collect();
        let _ = write!(html, "<tr><td>{}</td><td>{}</td>", escaped(&variant.when), forms.join(", "));
        for (n, seconds) in variant.seconds.iter().enumerate() {
            let others = report.variants.iter().filter_map(|other| other.seconds.get(n).copied());
            let best = *seconds <= others.fold(f64::INFINITY, f64::min);
            let class = if best { "number best" } else { "number" };
            let _ = write!(html, "<td class=\"{class}\">{}</td>", duration(*seconds));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table></section>\n");
}

fn of_unit(html: &mut String, unit: &UnitReport, told: &Told<'_>) {
    let times = if unit.times == 1 { String::new() } else { format!(", {} times", unit.times) };
    let _ = write!(html, "<section><h2>{}{times}</h2>", escaped(&unit.unit.replace('`', "")));
    let _ = write!(
        html,
        "<p>{} → <b>{}</b>, {} → <b>{}</b> kernels; e-graph of {} classes, {} nodes</p>",
        duration(unit.before.seconds),
        duration(unit.after.seconds),
        unit.before.kernels,
        unit.after.kernels,
        unit.classes,
        unit.nodes
    );
    fired(html, unit, told);
    recurrences(html, unit, told);
    lost(html, unit, told);
    if !unit.refused.is_empty() {
        html.push_str("<h3>Not done</h3><table><tr><th>law</th><th>why not</th><th>where</th></tr>");
        for refused in &unit.refused {
            let at = told.place(refused.origin).unwrap_or_default();
            row(html, &[refused.law, &refused.why, &at], None);
        }
        html.push_str("</table>");
    }
    let _ = write!(
        html,
        "<div class=\"graphs\"><figure><figcaption>as written</figcaption>{}</figure><figure><figcaption>optimised</figcaption>{}</figure></div>",
        graph::picture(&unit.picture_before),
        graph::picture(&unit.picture_after)
    );
    html.push_str("<p class=\"legend\">Boxes are kernels, library calls, arguments and results; elementwise work is fused into them. The bar is the share of time; <b class=\"new\">coloured</b> boxes differ between the two.</p></section>\n");
}

fn row(html: &mut String, cells: &[&str], bar: Option<f64>) {
    html.push_str("<tr>");
    for (n, cell) in cells.iter().enumerate() {
        let _ = write!(html, "<td>{}", escaped(cell));
        if let (Some(share), true) = (bar, n + 1 == cells.len()) {
            let _ = write!(
                html,
                "<span class=\"bar\" style=\"width:{:.0}px\"></span>",
                90.0 * share.clamp(0.0, 1.0)
            );
        }
        html.push_str("</td>");
    }
    html.push_str("</tr>");
}

fn fired(html: &mut String, unit: &UnitReport, told: &Told<'_>) {
    if unit.fired.is_empty() {
        html.push_str("<p>No rule fired.</p>");
        return;
    }
    html.push_str("<h3>Rewrites</h3><table><tr><th>rule</th><th>law</th><th>equality</th><th>where</th><th>found, used</th><th>bought</th></tr>");
    let most = unit.fired.iter().map(|fired| fired.bought).fold(1e-12, f64::max);
    for fired in &unit.fired {
        let counts = format!("{}, {}", fired.count, fired.used);
        let bought = if fired.bought > 0.0 { duration(fired.bought) } else { "–".to_owned() };
        let equality = if fired.exact { "exact" } else { "real" };
        let at = told.place(fired.origin).unwrap_or_default();
        row(html, &[fired.rule, fired.law, equality, &at, &counts, &bought], Some(fired.bought / most));
    }
    html.push_str("</table>");
}

fn recurrences(html: &mut String, unit: &UnitReport, told: &Told<'_>) {
    if unit.recurrences.is_empty() {
        return;
    }
    html.push_str("<h3>Recurrences</h3><table><tr><th>class</th><th>form</th><th>other forms</th><th>forms that it does not have</th><th>where</th></tr>");
    for rec in &unit.recurrences {
        let others: Vec<String> =
            rec.others.iter().map(|(form, by)| format!("{form} + {}", duration(*by))).collect();
        let without: Vec<String> = rec.without.iter().map(|(form, why)| format!("{form}: {why}")).collect();
        let at = told.place(rec.origin).unwrap_or_default();
        row(html, &[&rec.class, &rec.form.to_string(), &others.join(", "), &without.join("; "), &at], None);
    }
    html.push_str("</table>");
}

fn lost(html: &mut String, unit: &UnitReport, told: &Told<'_>) {
    if unit.lost.is_empty() {
        return;
    }
    let rows = unit.lost.len();
    let _ = write!(
        html,
        "<details><summary>{rows} alternatives that lost</summary><table><tr><th>rule</th><th>instead</th><th>where</th><th>dearer by</th></tr>"
    );
    for lost in &unit.lost {
        let at = told.place(lost.origin).unwrap_or_default();
        row(html, &[lost.rule, &lost.what, &at, &duration(lost.by)], None);
    }
    html.push_str("</table></details>");
}
