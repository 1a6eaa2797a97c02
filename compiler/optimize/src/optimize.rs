//! The pass: each unit through its own e-graph, extracted for several batches and lengths, and a variant kept for each result that some call is faster with.

use crate::cost::{Hint, Point, Target};
use crate::encode::known_by_role;
use crate::explain::explain;
use crate::facts::Known;
use crate::report::Report;
use crate::rules::{Equality, Rule, rules};
use crate::select::Selector;
use crate::unit::{Extracted, Priced, Stage, Unit};
use tensc_ir::analyse::set_form;
use tensc_ir::infer::TypeError;
use tensc_ir::{self as ir};

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
    /// Also works out what each rule bought, by leaving it out, and what the alternatives would cost; takes one saturation a rule.
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

/// Lengths that are extracted for beside the hint: one entry, a short piece, a long sequence on its own.
const SHORT: i64 = 64;
const LONG: i64 = 16_384;

/// What the optimiser made of a graph.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// Equal graphs, of which a call runs one; they have the inputs and outputs of the original.
    pub variants: Vec<ir::Graph>,
    /// Which one.
    pub selector: Selector,
    /// What was done, at the hint's sizes.
    pub report: Report,
}

impl Optimized {
    /// The variant for calls of the hint's batch and length.
    #[must_use]
    pub fn at_hint(&self) -> Option<&ir::Graph> {
        let Point { batch, time } = self.report.hint;
        self.variants.get(self.selector.pick(batch, time))
    }
}

/// Optimises a graph and says what was done.
///
/// # Errors
/// An unknown rule name, or a bug of a rule, which is named.
pub fn optimize(graph: &ir::Graph, options: &Options) -> Result<Optimized, OptimizeError> {
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
    let known: Vec<Known> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
    let unit = Unit::new(graph, &known, graph.name.clone(), 1, &used)?;
    let hint = Point { batch: options.batch, time: options.time };
    // The hint first: of equally good variants it is the one that stays.
    let points = [
        hint,
        Point { batch: 1, time: 1 },
        Point { batch: options.batch, time: SHORT },
        Point { batch: 1, time: LONG },
    ];
    let mut distinct: Vec<(Extracted, ir::Graph)> = Vec::new();
    for point in points {
        let extracted = unit.extract(&options.target, point, Stage::Optimized);
        let mut graph = unit.graph(&extracted)?;
        for (class, form) in &options.forms {
            set_form(&mut graph, class, *form);
        }
        if !distinct.iter().any(|(_, earlier)| *earlier == graph) {
            distinct.push((extracted, graph));
        }
    }
    let selector = selector(&unit, &options.target, options.batch, &distinct);
    let kept = selector.variants();
    let selector = selector.renumbered(&|n| kept.iter().position(|kept| *kept == n).unwrap_or(0));
    let (extracted, variants): (Vec<Extracted>, Vec<ir::Graph>) =
        kept.iter().filter_map(|n| distinct.get(*n).cloned()).unzip();
    let report = explain(&unit, options, &used, hint, &extracted, &selector)?;
    Ok(Optimized { variants, selector, report })
}

/// Which of these is cheapest for which calls. What all have in common is left out of the sums.
fn selector(unit: &Unit<'_>, target: &Target, batch: i64, distinct: &[(Extracted, ir::Graph)]) -> Selector {
    if distinct.len() < 2 {
        return Selector::always(0);
    }
    let mut terms: Vec<Vec<Priced<'_, '_>>> = Vec::new();
    for (extracted, _) in distinct {
        let mut own = Vec::new();
        unit.terms(extracted, &mut 0, &mut own);
        terms.push(own);
    }
    let keys: Vec<std::collections::BTreeSet<_>> =
        terms.iter().map(|own| own.iter().map(Priced::key).collect()).collect();
    let own: Vec<Vec<&Priced<'_, '_>>> = terms
        .iter()
        .map(|terms| {
            terms.iter().filter(|term| !keys.iter().all(|keys| keys.contains(&term.key()))).collect()
        })
        .collect();
    Selector::cheapest(batch, &|point| {
        let hint = Hint::at(point);
        own.iter().map(|terms| terms.iter().map(|term| term.seconds(target, &hint)).sum()).collect()
    })
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
