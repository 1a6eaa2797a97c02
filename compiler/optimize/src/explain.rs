//! Says what was done to each unit and why: what rules fired and bought, which alternatives lost and by how much, what was refused, and a picture of the graph before and after.

use crate::OptimizeError;
use crate::cost::{Hint, Point, work};
use crate::facts::Graph;
use crate::language::{Head, Term};
use crate::optimize::Options;
use crate::report::{
    Cost, Fired, Lost, NodeKind, PictureNode, Recurrence, Refused, Report, UnitReport, Variant,
};
use crate::rules::lookalikes::LOOKALIKES;
use crate::rules::{Equality, Firing, Rule};
use crate::select::Selector;
use crate::unit::{Extracted, Stage, Unit};
use egg::Id;
use std::collections::{BTreeMap, BTreeSet};
use tensc_ir::analyse::forms::{forms, why_not};
use tensc_ir::analyse::recurrence::classify;
use tensc_ir::{BinaryOp, Form, Op, Rec};

/// Alternatives that a unit's report tells.
const ALTERNATIVES: usize = 40;

/// Tells what was done: at the hint's sizes in detail, for each variant in short.
pub(crate) fn explain(
    unit: &Unit<'_>,
    options: &Options,
    rules: &[&Rule],
    hint: Point,
    variants: &[Extracted],
    selector: &Selector,
) -> Result<Report, OptimizeError> {
    let cx = Explainer { options, rules, point: hint };
    let points = vec![
        Point { batch: 1, time: 1 },
        Point { batch: hint.batch, time: 64 },
        hint,
        Point { batch: 1, time: 16_384 },
    ];
    let mut report = Report { hint, target: options.target, units: Vec::new(), points, variants: Vec::new() };
    if let Some(chosen) = variants.get(selector.pick(hint.batch, hint.time)) {
        cx.unit(unit, chosen, &mut report.units)?;
    }
    for (n, chosen) in variants.iter().enumerate() {
        let seconds =
            report.points.iter().map(|point| unit.seconds(&options.target, *point, Stage::Optimized, chosen));
        let mut forms = Vec::new();
        chosen_forms(unit, chosen, &mut forms);
        report.variants.push(Variant { when: selector.when(n), seconds: seconds.collect(), forms });
    }
    Ok(report)
}

fn chosen_forms(unit: &Unit<'_>, chosen: &Extracted, found: &mut Vec<Form>) {
    for (id, _, inner) in &unit.inner {
        if let Some(chosen) = chosen.inner.get(id) {
            chosen_forms(inner, chosen, found);
        }
    }
    for class in chosen.choice.in_order(&unit.egraph, &unit.roots(Stage::Optimized)) {
        if let Some(rec) = chosen.choice.term(class).and_then(|term| recurrence(&unit.egraph, term)) {
            found.push(rec.form);
        }
    }
}

fn recurrence<'a>(egraph: &'a Graph, term: &Term) -> Option<&'a Rec> {
    match term.head {
        Head::Op(id) => match egraph.analysis.op(id) {
            Some(Op::Rec(rec)) => Some(rec),
            _ => None,
        },
        _ => None,
    }
}

struct Explainer<'a> {
    options: &'a Options,
    rules: &'a [&'a Rule],
    point: Point,
}

impl Explainer<'_> {
    fn unit(
        &self,
        unit: &Unit<'_>,
        chosen: &Extracted,
        into: &mut Vec<UnitReport>,
    ) -> Result<(), OptimizeError> {
        for (id, _, inner) in &unit.inner {
            if let Some(chosen) = chosen.inner.get(id) {
                self.unit(inner, chosen, into)?;
            }
        }
        let target = &self.options.target;
        let written = unit.extract(target, self.point, Stage::Written);
        let after = unit.cost(target, self.point, Stage::Optimized, chosen);
        let before = unit.cost(target, self.point, Stage::Written, &written);
        let mut report = UnitReport {
            unit: unit.name.clone(),
            times: unit.times,
            before,
            after,
            fired: self.fired(unit, chosen, after.seconds)?,
            lost: Vec::new(),
            refused: Vec::new(),
            recurrences: Vec::new(),
            picture_before: Vec::new(),
            picture_after: Vec::new(),
            classes: unit.egraph.number_of_classes(),
            nodes: unit.egraph.total_number_of_nodes(),
        };
        if self.options.attribute {
            report.lost = self.lost(unit, chosen, after.seconds);
            report.refused = self.refused(unit);
            report.recurrences = self.recurrences(unit, chosen, after.seconds);
            report.picture_before = self.picture(unit, &written, Stage::Written);
            report.picture_after = self.picture(unit, chosen, Stage::Optimized);
        }
        into.push(report);
        Ok(())
    }

    fn fired(&self, unit: &Unit<'_>, chosen: &Extracted, seconds: f64) -> Result<Vec<Fired>, OptimizeError> {
        let used = used(unit, chosen);
        let mut all = Vec::new();
        for rule in self.rules {
            let Some(firings) = unit.fired.get(rule.name) else { continue };
            let served: Vec<&Firing> = firings.iter().filter(|firing| is_used(unit, &used, firing)).collect();
            let bought = if self.options.attribute && !served.is_empty() {
                (self.without(unit, rule.name)? - seconds).max(0.0)
            } else {
                0.0
            };
            let places = served.iter().copied().chain(firings);
            let origin = places.into_iter().find_map(|firing| origin(unit, firing.class));
            all.push(Fired {
                rule: rule.name,
                law: rule.law,
                exact: rule.equality == Equality::Exact,
                count: firings.len(),
                used: served.len(),
                bought,
                origin,
            });
        }
        Ok(all)
    }

    /// What the unit would cost without a rule; its repeats have reports of their own.
    fn without(&self, unit: &Unit<'_>, without: &str) -> Result<f64, OptimizeError> {
        let rules: Vec<&Rule> = self.rules.iter().copied().filter(|rule| rule.name != without).collect();
        let other = Unit::new(unit.graph, &unit.known, unit.name.clone(), unit.times, &rules)?;
        let chosen = other.extract(&self.options.target, self.point, Stage::Optimized);
        Ok(other.seconds(&self.options.target, self.point, Stage::Optimized, &chosen))
    }

    /// What forcing a term would cost.
    fn with(&self, unit: &Unit<'_>, chosen: &Extracted, class: Id, term: &Term) -> f64 {
        let target = &self.options.target;
        let forced = BTreeMap::from([(unit.egraph.find(class), term.clone())]);
        let choice = unit.choose(target, self.point, Stage::Optimized, &chosen.inner, &forced);
        let other = Extracted { choice, inner: chosen.inner.clone() };
        unit.seconds(target, self.point, Stage::Optimized, &other)
    }

    fn lost(&self, unit: &Unit<'_>, chosen: &Extracted, seconds: f64) -> Vec<Lost> {
        let used = used(unit, chosen);
        let mut seen = BTreeSet::new();
        let mut lost = Vec::new();
        for rule in self.rules {
            for firing in unit.fired.get(rule.name).into_iter().flatten() {
                let class = unit.egraph.find(firing.class);
                let needed = used.contains_key(&class);
                if !needed || is_used(unit, &used, firing) || lost.len() >= ALTERNATIVES {
                    continue;
                }
                for term in firing.terms.iter().take(1) {
                    let term = canonical(&unit.egraph, term);
                    if !seen.insert((class, term.clone())) {
                        continue;
                    }
                    let by = self.with(unit, chosen, class, &term) - seconds;
                    let what = label(&unit.egraph, &term);
                    lost.push(Lost { rule: rule.name, what, by: by.max(0.0), origin: origin(unit, class) });
                }
            }
        }
        lost.sort_by(|a, b| a.by.total_cmp(&b.by));
        lost
    }

    fn refused(&self, unit: &Unit<'_>) -> Vec<Refused> {
        let mut refused: Vec<Refused> = Vec::new();
        let mut tell = |rule, law, why: String, class| {
            let entry = Refused { rule, law, why, origin: origin(unit, class) };
            if !refused.contains(&entry) {
                refused.push(entry);
            }
        };
        for rule in self.rules {
            for refusal in rule.refusals(&unit.egraph) {
                tell(rule.name, rule.law, refusal.why, refusal.class);
            }
        }
        for lookalike in LOOKALIKES {
            for refusal in (lookalike.places)(&unit.egraph) {
                tell(lookalike.name, lookalike.law, refusal.why, refusal.class);
            }
        }
        refused
    }

    fn recurrences(&self, unit: &Unit<'_>, chosen: &Extracted, seconds: f64) -> Vec<Recurrence> {
        let mut found = Vec::new();
        for class in chosen.choice.in_order(&unit.egraph, &unit.roots(Stage::Optimized)) {
            let Some(term) = chosen.choice.term(class) else { continue };
            let Some(rec) = recurrence(&unit.egraph, term) else { continue };
            let mut others = Vec::new();
            for other in &unit.egraph[class].nodes {
                if let Some(same) = recurrence(&unit.egraph, other)
                    && same.form != rec.form
                {
                    others.push((same.form, (self.with(unit, chosen, class, other) - seconds).max(0.0)));
                }
            }
            others.sort_by(|a, b| a.1.total_cmp(&b.1));
            let kinds = [Form::Scan(8), Form::Chunk(32), Form::Diagonalise(1)];
            let has = forms(rec);
            let without = kinds
                .iter()
                .filter(|kind| !has.iter().any(|form| form.name() == kind.name()))
                .filter_map(|kind| Some((kind.name(), why_not(rec, *kind)?)));
            let classes: Vec<&str> = classify(rec).iter().map(|group| group.class.key()).collect();
            found.push(Recurrence {
                class: classes.join(", "),
                form: rec.form,
                others,
                without: without.collect(),
                origin: origin(unit, class),
            });
        }
        found
    }

    fn picture(&self, unit: &Unit<'_>, chosen: &Extracted, stage: Stage) -> Vec<PictureNode> {
        let (egraph, hint) = (unit.stage(stage), Hint::at(self.point));
        // A term of one graph that is in the other: written classes keep their numbers until they are joined.
        let known: BTreeSet<Term> = match stage {
            Stage::Written => used(unit, &unit.extract(&self.options.target, self.point, Stage::Optimized))
                .into_values()
                .collect(),
            Stage::Optimized => {
                let classes = unit.written.classes().flat_map(|class| &class.nodes);
                classes.map(|term| canonical(&unit.egraph, term)).collect()
            }
        };
        let roots = unit.roots(stage);
        let order = chosen.choice.in_order(egraph, &roots);
        let place: BTreeMap<Id, usize> = order.iter().enumerate().map(|(n, class)| (*class, n)).collect();
        let node = |class: &Id| {
            let term = chosen.choice.term(*class)?;
            let data = &egraph[*class].data;
            let factor = if data.known.varies { float(self.point.batch) } else { 1.0 };
            let cost = match (unit.repeat(term), work(egraph, *class, term, &hint)) {
                (Some((id, count, inner)), _) => {
                    let body = chosen
                        .inner
                        .get(&id)
                        .map(|chosen| inner.cost(&self.options.target, self.point, stage, chosen));
                    let (body, times) = (body.unwrap_or_default(), count as f64);
                    Cost {
                        flops: body.flops * times,
                        bytes: body.bytes * times,
                        kernels: body.kernels * times,
                        seconds: body.seconds * times,
                    }
                }
                (None, Some(work)) => Cost {
                    flops: (work.matrix_flops + work.vector_flops) * factor,
                    bytes: work.bytes * factor,
                    kernels: work.launches,
                    seconds: work.seconds(&self.options.target) * factor,
                },
                (None, None) => Cost::default(),
            };
            let operands = term.children.iter().filter_map(|child| place.get(&egraph.find(*child)).copied());
            let types: Vec<String> = data.types.iter().map(ToString::to_string).collect();
            Some(PictureNode {
                label: label(egraph, term),
                ty: types.join(", "),
                operands: operands.collect(),
                cost,
                kind: match (is_input(egraph, term), data.known.weights_only) {
                    (true, true) => NodeKind::Given,
                    (true, false) => NodeKind::Argument,
                    (false, true) if term.children.is_empty() => NodeKind::Given,
                    (false, true) => NodeKind::Prepared,
                    (false, false) => NodeKind::Main,
                },
                result: roots.contains(class),
                changed: !known.contains(&canonical(&unit.egraph, term)),
                origin: data.origin,
            })
        };
        order.iter().filter_map(node).collect()
    }
}

fn float(n: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let x = n as f64;
    x
}

fn origin(unit: &Unit<'_>, class: Id) -> Option<tensc_ir::Origin> {
    unit.egraph[unit.egraph.find(class)].data.origin
}

fn canonical(egraph: &Graph, term: &Term) -> Term {
    Term::new(term.head, term.children.iter().map(|id| egraph.find(*id)).collect())
}

/// The chosen terms of the classes that the result needs.
fn used(unit: &Unit<'_>, chosen: &Extracted) -> BTreeMap<Id, Term> {
    let order = chosen.choice.in_order(&unit.egraph, &unit.roots(Stage::Optimized));
    let term = |class: Id| Some((class, canonical(&unit.egraph, chosen.choice.term(class)?)));
    order.into_iter().filter_map(term).collect()
}

fn is_used(unit: &Unit<'_>, used: &BTreeMap<Id, Term>, firing: &Firing) -> bool {
    let chosen = used.get(&unit.egraph.find(firing.class));
    chosen.is_some_and(|chosen| firing.terms.iter().any(|term| canonical(&unit.egraph, term) == *chosen))
}

fn is_input(egraph: &Graph, term: &Term) -> bool {
    matches!(term.head, Head::Op(id) if matches!(egraph.analysis.op(id), Some(Op::Input(_))))
}

/// The op as a person would write it in a word or two.
fn label(egraph: &Graph, term: &Term) -> String {
    match term.head {
        Head::Proj => "@".to_owned(),
        Head::Unary(op) => op.name().to_owned(),
        Head::Binary(op) => match op {
            BinaryOp::Add => "+".to_owned(),
            BinaryOp::Sub => "-".to_owned(),
            BinaryOp::Mul => "*".to_owned(),
            BinaryOp::Div => "/".to_owned(),
            BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Max
            | BinaryOp::Min
            | BinaryOp::Eq
            | BinaryOp::Ne
            | BinaryOp::Lt
            | BinaryOp::Le
            | BinaryOp::Gt
            | BinaryOp::Ge
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Complex
            | BinaryOp::Polar => op.name().to_owned(),
        },
        Head::Select => "if".to_owned(),
        Head::Cast(dtype) => format!("to {dtype}"),
        Head::Get(n) => format!("result {n}"),
        Head::Op(id) => match egraph.analysis.op(id) {
            Some(Op::Input(n)) => egraph.analysis.input_name(*n).to_owned(),
            Some(Op::Rec(rec)) => {
                format!("rec {} {}", rec.body.outputs.first().map_or("", |(name, _)| name), rec.form)
            }
            Some(Op::Repeat(repeat)) => format!("{} x {}", repeat.count, repeat.body.name),
            Some(op) => op.name().to_owned(),
            None => String::new(),
        },
    }
}
