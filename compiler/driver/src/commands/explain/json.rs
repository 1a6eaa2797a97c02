//! What was done, as one object.

use super::{Pieces, Told};
use serde_json::{Value, json};
use tensc_optimize::report::{Cost, UnitReport};

pub(super) fn json(told: &Told<'_>) -> Value {
    let report = told.report;
    let recurrences = report.units.iter().flat_map(|unit| &unit.recurrences).map(|rec| {
        let others =
            rec.others.iter().map(|(form, by)| json!({ "form": form.to_string(), "slower_by_s": by }));
        let without = rec.without.iter().map(|(form, why)| json!({ "form": form, "why": why }));
        json!({
            "class": rec.class,
            "form": rec.form.to_string(),
            "others": others.collect::<Vec<_>>(),
            "without": without.collect::<Vec<_>>(),
            "at": told.place(rec.origin),
        })
    });
    let pieces = match &told.pieces {
        Pieces::Along(time) => json!({ "along": time, "streams": true }),
        Pieces::Whole { time, because, at } => {
            json!({ "along": time, "streams": false, "because": because, "at": at })
        }
        Pieces::None => Value::Null,
    };
    let variants = report.variants.iter().map(|variant| {
        let seconds = report.points.iter().zip(&variant.seconds);
        let seconds =
            seconds.map(|(point, seconds)| json!({ "B": point.batch, "T": point.time, "seconds": seconds }));
        json!({
            "when": variant.when,
            "forms": variant.forms.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "cost": seconds.collect::<Vec<_>>(),
        })
    });
    json!({
        "fn": told.function,
        "hint": { "B": report.hint.batch, "T": report.hint.time },
        "target": report.target.name,
        "recurrences": recurrences.collect::<Vec<_>>(),
        "variants": variants.collect::<Vec<_>>(),
        "pieces": pieces,
        "kernels": told.kernels,
        "units": report.units.iter().map(|unit| unit_json(unit, told)).collect::<Vec<_>>(),
    })
}

fn unit_json(unit: &UnitReport, told: &Told<'_>) -> Value {
    let cost = |cost: Cost| json!({ "flops": cost.flops, "bytes": cost.bytes, "kernels": cost.kernels, "seconds": cost.seconds });
    let fired = unit.fired.iter().map(|fired| {
        json!({
            "rule": fired.rule,
            "law": fired.law,
            "exact": fired.exact,
            "count": fired.count,
            "used": fired.used,
            "bought_s": fired.bought,
            "at": told.place(fired.origin),
        })
    });
    let lost = unit.lost.iter().map(|lost| {
        json!({ "rule": lost.rule, "what": lost.what, "slower_by_s": lost.by, "at": told.place(lost.origin) })
    });
    let refused = unit.refused.iter().map(|refused| {
        json!({ "rule": refused.rule, "law": refused.law, "why": refused.why, "at": told.place(refused.origin) })
    });
    json!({
        "unit": unit.unit,
        "times": unit.times,
        "before": cost(unit.before),
        "after": cost(unit.after),
        "fired": fired.collect::<Vec<_>>(),
        "lost": lost.collect::<Vec<_>>(),
        "refused": refused.collect::<Vec<_>>(),
        "classes": unit.classes,
        "nodes": unit.nodes,
    })
}
