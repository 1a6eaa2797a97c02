//! The cheapest graph of an e-graph, shared work priced once.
//!
//! Greedy DAG extraction, as `faster-greedy-dag` of extraction-gym describes it: each class keeps the set of classes that its best choice needs, with each one's
//! own cost; the total of a term is the sum over the union of its children's sets. Improvements propagate to parents until none is left.

use crate::facts::Graph;
use crate::language::Term;
use egg::Id;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Picoseconds; saturating.
pub(crate) type Price = u64;

/// The chosen term of each class.
#[derive(Debug, Default, Clone)]
pub(crate) struct Choice {
    sets: BTreeMap<Id, CostSet>,
}

#[derive(Debug, Clone)]
struct CostSet {
    total: Price,
    costs: BTreeMap<Id, Price>,
    term: Term,
}

impl Choice {
    /// The term chosen for a class.
    pub(crate) fn term(&self, class: Id) -> Option<&Term> {
        self.sets.get(&class).map(|set| &set.term)
    }

    /// The classes that these roots need, operands before users.
    pub(crate) fn in_order(&self, egraph: &Graph, roots: &[Id]) -> Vec<Id> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        let mut stack: Vec<(Id, bool)> = roots.iter().rev().map(|id| (*id, false)).collect();
        while let Some((class, expanded)) = stack.pop() {
            if expanded {
                order.push(class);
            } else if seen.insert(class) {
                stack.push((class, true));
                if let Some(term) = self.term(class) {
                    stack.extend(term.children.iter().rev().map(|child| (egraph.find(*child), false)));
                }
            }
        }
        order
    }

    /// What these roots cost together, shared work once.
    pub(crate) fn total(&self, roots: &[Id]) -> Price {
        let mut all: BTreeMap<Id, Price> = BTreeMap::new();
        for set in roots.iter().filter_map(|root| self.sets.get(root)) {
            all.extend(set.costs.iter());
        }
        all.values().fold(0, |sum, price| sum.saturating_add(*price))
    }
}

/// Chooses for every class.
pub(crate) fn extract(egraph: &Graph, price: &dyn Fn(&Graph, &Term) -> Price) -> Choice {
    let mut parents: BTreeMap<Id, Vec<(Id, &Term)>> = BTreeMap::new();
    let mut queue: VecDeque<(Id, &Term)> = VecDeque::new();
    let mut classes: Vec<_> = egraph.classes().collect();
    classes.sort_by_key(|class| class.id);
    for class in classes {
        for term in &class.nodes {
            if term.children.is_empty() {
                queue.push_back((class.id, term));
            }
            let children: BTreeSet<Id> = term.children.iter().map(|id| egraph.find(*id)).collect();
            for child in children {
                parents.entry(child).or_default().push((class.id, term));
            }
        }
    }
    let mut sets: BTreeMap<Id, CostSet> = BTreeMap::new();
    while let Some((class, term)) = queue.pop_front() {
        let Some(candidate) = cost_set(egraph, &sets, class, term, price) else { continue };
        if sets.get(&class).is_none_or(|best| candidate.total < best.total) {
            sets.insert(class, candidate);
            queue.extend(parents.get(&class).into_iter().flatten().copied());
        }
    }
    Choice { sets }
}

/// The set of a term, if all its children have one and none of them needs the class itself.
fn cost_set(
    egraph: &Graph,
    sets: &BTreeMap<Id, CostSet>,
    class: Id,
    term: &Term,
    price: &dyn Fn(&Graph, &Term) -> Price,
) -> Option<CostSet> {
    let mut costs: BTreeMap<Id, Price> = BTreeMap::new();
    for child in &term.children {
        let set = sets.get(&egraph.find(*child))?;
        if set.costs.contains_key(&class) {
            return None;
        }
        if costs.is_empty() {
            costs.clone_from(&set.costs);
        } else {
            costs.extend(set.costs.iter());
        }
    }
    costs.insert(class, price(egraph, term));
    let total = costs.values().fold(0u64, |sum, price| sum.saturating_add(*price));
    Some(CostSet { total, costs, term: term.clone() })
}
