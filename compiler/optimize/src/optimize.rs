//! The pass: each unit through its own e-graph, inner ones first.

use crate::cost::{Hint, Target, price, work};
use crate::decode::decode;
use crate::encode::{Encoded, encode, known_by_role};
use crate::extract::{Choice, extract};
use crate::facts::Known;
use crate::report::{Cost, Fired, Report, UnitReport};
use crate::rules::{Equality, Rule, rules};
use crate::saturate::saturate;
use egg::Id;
use std::collections::BTreeMap;
use tensc_ir::infer::TypeError;
use tensc_ir::{self as ir, Op, Origin, Sizes, ValueId};

/// What the optimiser is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose roofline.
    pub target: Target,
    /// Sequences of a call (`--hint B=`).
    pub batch: i64,
    /// Length that run-time sizes are taken to have (`--hint T=`).
    pub time: i64,
    /// Rules that are switched off.
    pub without_rules: Vec<String>,
    /// Forms for classes of recurrences, whatever they cost.
    pub forms: Vec<(String, ir::Form)>,
    /// Only exact rules.
    pub strict: bool,
    /// Also works out what each rule bought, by leaving it out; costs one saturation a rule.
    pub attribute: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Target::CPU,
            batch: 8,
            time: 2048,
            without_rules: Vec::new(),
            forms: Vec::new(),
            strict: false,
            attribute: false,
        }
    }
}

/// Why there is no optimised graph.
#[derive(Debug, thiserror::Error)]
pub enum OptimizeError {
    /// `--without-rule` with a name that is no rule.
    #[error("there is no rule `{name}`")]
    UnknownRule {
        /// What was asked for.
        name: String,
        /// The nearest rule, if one is near.
        nearest: Option<&'static str>,
    },
    /// A rule merged terms that differ: a bug of the rule.
    #[error("rule `{rule}` joined terms that differ: {conflict}")]
    Unsound {
        /// Which rule.
        rule: &'static str,
        /// What differs.
        conflict: String,
    },
    /// A rule table that does not parse: a bug of the table.
    #[error("{0}")]
    Rules(String),
    /// The extracted graph has no type: a bug of a rule.
    #[error("the optimised graph is not well typed")]
    Type(#[from] TypeError),
}

/// Optimises a graph and says what was done.
///
/// # Errors
/// An unknown rule name, or a bug of a rule, which is named.
pub fn optimize(graph: &ir::Graph, options: &Options) -> Result<(ir::Graph, Report), OptimizeError> {
    let all = rules().map_err(OptimizeError::Rules)?;
    for name in &options.without_rules {
        if !all.iter().any(|rule| rule.name == name) {
            let nearest = all.iter().map(|rule| rule.name).min_by_key(|rule| distance(rule, name));
            return Err(OptimizeError::UnknownRule { name: name.clone(), nearest });
        }
    }
    let used: Vec<&Rule> = all
        .iter()
        .filter(|rule| !options.without_rules.iter().any(|name| name == rule.name))
        .filter(|rule| !options.strict || rule.equality == Equality::Exact)
        .collect();
    let cx = Context {
        options,
        rules: used,
        hint: Hint { batch: options.batch, sizes: Sizes::new(), time: options.time },
    };
    let known: Vec<Known> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
    let mut report = Report::default();
    let mut optimized = cx.unit(graph, &known, graph.name.clone(), 1, &mut report)?;
    for (class, form) in &options.forms {
        ir::analyse::set_form(&mut optimized, class, *form);
    }
    Ok((optimized, report))
}

/// Edit distance, for the nearest rule's name.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

struct Context<'a> {
    options: &'a Options,
    rules: Vec<&'a Rule>,
    hint: Hint,
}

impl Context<'_> {
    /// Optimises a unit and the repeats in it.
    fn unit(
        &self,
        graph: &ir::Graph,
        known: &[Known],
        name: String,
        times: usize,
        report: &mut Report,
    ) -> Result<ir::Graph, OptimizeError> {
        let mut graph = graph.clone();
        if graph.nodes.iter().any(|node| matches!(node.op, Op::Repeat(_))) {
            let facts = encode(&graph, known);
            for node in &mut graph.nodes {
                if let Op::Repeat(repeat) = &mut node.op {
                    let known = body_known(&facts, &node.operands, repeat.carried);
                    let inner = format!("body of `{}`", repeat.body.name);
                    repeat.body = self.unit(&repeat.body, &known, inner, times * repeat.count, report)?;
                }
            }
        }
        let (result, unit) = self.rewrite(&graph, known, name, times)?;
        report.units.push(unit);
        Ok(result)
    }

    fn rewrite(
        &self,
        graph: &ir::Graph,
        known: &[Known],
        name: String,
        times: usize,
    ) -> Result<(ir::Graph, UnitReport), OptimizeError> {
        let mut encoded = encode(graph, known);
        let outputs: Vec<(String, Id)> = graph
            .outputs
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), *encoded.classes.get(value)?)))
            .collect();
        let before = self.cost(&encoded, &extract(&encoded.egraph, &|g, t| self.price(g, t)), &outputs);
        let counts = saturate(&mut encoded.egraph, &self.rules)
            .map_err(|bug| OptimizeError::Unsound { rule: bug.rule, conflict: bug.conflict })?;
        let choice = extract(&encoded.egraph, &|g, t| self.price(g, t));
        let after = self.cost(&encoded, &choice, &outputs);
        let origins: BTreeMap<Id, Origin> =
            encoded.origins.iter().map(|(id, origin)| (encoded.egraph.find(*id), *origin)).collect();
        let result = decode(graph, &outputs, &encoded.egraph, &choice, &origins)?;
        let mut fired = Vec::new();
        for rule in &self.rules {
            if let Some(places) = counts.get(rule.name) {
                let bought = if self.options.attribute {
                    self.bought(graph, known, rule.name, after.seconds)?
                } else {
                    0.0
                };
                let origin = places.iter().find_map(|id| origins.get(&encoded.egraph.find(*id))).copied();
                fired.push(Fired { rule: rule.name, law: rule.law, count: places.len(), bought, origin });
            }
        }
        // Note [Stale sets]: a class's set may be older than its operands' last improvement, so two choices can need each other.
        let complete = result.outputs.len() == graph.outputs.len();
        let left_alone = (!complete).then(|| "the cheapest terms need each other in a circle".to_owned());
        let unit = UnitReport {
            unit: name,
            times,
            before,
            after: if complete { after } else { before },
            fired,
            classes: encoded.egraph.number_of_classes(),
            nodes: encoded.egraph.total_number_of_nodes(),
            left_alone,
        };
        Ok((if complete { result } else { graph.clone() }, unit))
    }

    /// What the result would cost more without a rule.
    fn bought(
        &self,
        graph: &ir::Graph,
        known: &[Known],
        without: &str,
        seconds: f64,
    ) -> Result<f64, OptimizeError> {
        let rules: Vec<&Rule> = self.rules.iter().copied().filter(|rule| rule.name != without).collect();
        let mut encoded = encode(graph, known);
        saturate(&mut encoded.egraph, &rules)
            .map_err(|bug| OptimizeError::Unsound { rule: bug.rule, conflict: bug.conflict })?;
        let outputs: Vec<(String, Id)> = graph
            .outputs
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), *encoded.classes.get(value)?)))
            .collect();
        let choice = extract(&encoded.egraph, &|g, t| self.price(g, t));
        Ok((self.cost(&encoded, &choice, &outputs).seconds - seconds).max(0.0))
    }

    fn price(&self, egraph: &crate::facts::Graph, term: &crate::Term) -> u64 {
        price(egraph, term, &self.options.target, &self.hint)
    }

    /// What the chosen terms cost, work on weights alone left out.
    fn cost(&self, encoded: &Encoded, choice: &Choice, outputs: &[(String, Id)]) -> Cost {
        let egraph = &encoded.egraph;
        let roots: Vec<Id> = outputs.iter().map(|(_, id)| egraph.find(*id)).collect();
        let mut cost = Cost::default();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let batch = self.options.batch as f64;
        for class in choice.in_order(egraph, &roots) {
            let Some(term) = choice.term(class) else { continue };
            if egraph[class].data.known.weights_only {
                continue;
            }
            if let Some(work) = work(egraph, term, &self.hint) {
                let factor = if egraph[class].data.known.varies { batch } else { 1.0 };
                cost.flops += (work.matrix_flops + work.vector_flops) * factor;
                cost.bytes += work.bytes * factor;
                cost.kernels += work.launches;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = choice.total(&roots) as f64 * 1e-12;
        cost.seconds = seconds;
        cost
    }
}

/// What is known of a repeat's body inputs. A carried value is whatever the previous application left, so nothing is taken as known of it.
fn body_known(facts: &Encoded, operands: &[ValueId], carried: usize) -> Vec<Known> {
    operands
        .iter()
        .enumerate()
        .map(|(n, value)| match facts.classes.get(value) {
            Some(class) if n >= carried => facts.egraph[*class].data.known,
            Some(_) | None => Known { weights_only: false, varies: true },
        })
        .collect()
}
