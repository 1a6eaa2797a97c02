//! Applying rules within bounds on iterations and nodes, never on time, so that the same source gives the same graph.

use crate::facts::Graph;
use crate::rules::{Firing, Rule};
use std::collections::BTreeMap;

/// Rounds over all rules.
const ITERATIONS: usize = 12;
/// Nodes after which no rule is applied any more.
const NODES: usize = 20_000;

/// A rule that merged terms whose facts disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsound {
    pub(crate) rule: &'static str,
    pub(crate) conflict: String,
}

/// What each rule joined, in order.
pub(crate) type Fired = BTreeMap<&'static str, Vec<Firing>>;

/// Applies the rules until nothing changes or a bound is met.
///
/// # Errors
/// The first rule whose merge found facts that disagree.
pub(crate) fn saturate(egraph: &mut Graph, rules: &[&Rule]) -> Result<Fired, Unsound> {
    let mut all = Fired::new();
    for _ in 0..ITERATIONS {
        let mut changed = false;
        for rule in rules {
            if egraph.total_number_of_nodes() > NODES {
                return Ok(all);
            }
            let fired = rule.apply(egraph);
            if !egraph.clean {
                egraph.rebuild();
            }
            if let Some(conflict) = egraph.analysis.conflicts.pop() {
                return Err(Unsound { rule: rule.name, conflict });
            }
            if !fired.is_empty() {
                changed = true;
                all.entry(rule.name).or_default().extend(fired);
            }
        }
        if !changed {
            break;
        }
    }
    Ok(all)
}
