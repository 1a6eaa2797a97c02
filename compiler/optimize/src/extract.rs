//! The cheapest graph of an e-graph, shared work priced once.
//!
//! Greedy first, as `faster-greedy-dag` of extraction-gym describes it: each class keeps the set of classes that its best term needs, and a term costs the sum over the union of its
//! children's sets. Then improved by exchanges: another term for one class, or for all those classes at once that can be taken from a common new operand (three pieces of one merged
//! product are worth it together, none of them is alone). Exchanges are priced on the whole graph, so none makes it worse.
//!
//! Everything goes by the order of class numbers, so the same e-graph gives the same graph.

#![expect(
    clippy::indexing_slicing,
    reason = "positions of classes and terms come from the table that is indexed"
)]

use crate::facts::Graph;
use crate::language::Term;
use egg::Id;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Picoseconds; saturating.
pub(crate) type Price = u64;

/// Exchanges that are tried at most.
const EXCHANGES: usize = 4000;

/// What terms cost.
pub(crate) type Pricing<'a> = dyn Fn(&Graph, Id, &Term) -> Price + 'a;

/// The chosen term of each class.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Choice {
    terms: BTreeMap<Id, Term>,
}

impl Choice {
    /// The term chosen for a class.
    pub(crate) fn term(&self, class: Id) -> Option<&Term> {
        self.terms.get(&class)
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
    pub(crate) fn total(&self, egraph: &Graph, roots: &[Id], price: &Pricing<'_>) -> Price {
        let costs = self.in_order(egraph, roots);
        let costs = costs.iter().filter_map(|class| Some(price(egraph, *class, self.term(*class)?)));
        costs.fold(0, Price::saturating_add)
    }
}

/// A term with the positions of its children and its own price.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) term: &'a Term,
    pub(crate) children: Vec<usize>,
    pub(crate) price: Price,
}

/// An e-graph by position: classes in the order of their numbers.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) ids: Vec<Id>,
    positions: HashMap<Id, usize>,
    pub(crate) candidates: Vec<Vec<Candidate<'a>>>,
}

impl<'a> Table<'a> {
    /// All terms with their prices; of a class in `forced` that term alone.
    pub(crate) fn new(egraph: &'a Graph, price: &Pricing<'_>, forced: &BTreeMap<Id, Term>) -> Self {
        let mut ids: Vec<Id> = egraph.classes().map(|class| class.id).collect();
        ids.sort();
        let positions: HashMap<Id, usize> = ids.iter().enumerate().map(|(n, id)| (*id, n)).collect();
        let candidates = ids
            .iter()
            .map(|class| {
                let only = forced.get(class);
                let terms = egraph[*class].nodes.iter();
                let terms = terms.filter(|term| only.is_none_or(|only| same(egraph, only, term)));
                let candidate = |term: &'a Term| {
                    let mut children: Vec<usize> = term
                        .children
                        .iter()
                        .filter_map(|child| positions.get(&egraph.find(*child)).copied())
                        .collect();
                    children.sort_unstable();
                    children.dedup();
                    Candidate { term, children, price: price(egraph, *class, term) }
                };
                terms.map(candidate).collect()
            })
            .collect();
        Self { ids, positions, candidates }
    }

    pub(crate) fn position(&self, egraph: &Graph, class: Id) -> Option<usize> {
        self.positions.get(&egraph.find(class)).copied()
    }

    /// The price of the graph that these roots need; nothing if a class has no term or needs itself.
    fn total(&self, chosen: &[Option<usize>], roots: &[usize], scratch: &mut Vec<u8>) -> Option<Price> {
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        scratch.clear();
        scratch.resize(self.ids.len(), 0);
        let mut sum: Price = 0;
        let mut stack: Vec<usize> = roots.to_vec();
        while let Some(class) = stack.last().copied() {
            match scratch[class] {
                0 => {
                    scratch[class] = OPEN;
                    let candidate = &self.candidates[class][chosen[class]?];
                    sum = sum.saturating_add(candidate.price);
                    for child in &candidate.children {
                        match scratch[*child] {
                            0 => stack.push(*child),
                            OPEN => return None,
                            _ => {}
                        }
                    }
                }
                _ => {
                    scratch[class] = DONE;
                    stack.pop();
                }
            }
        }
        Some(sum)
    }
}

fn same(egraph: &Graph, a: &Term, b: &Term) -> bool {
    let find = |term: &Term| -> Vec<Id> { term.children.iter().map(|id| egraph.find(*id)).collect() };
    a.head == b.head && find(a) == find(b)
}

/// Chooses for every class that the roots can need.
pub(crate) fn extract(egraph: &Graph, roots: &[Id], price: &Pricing<'_>) -> Choice {
    extract_forced(egraph, roots, price, &BTreeMap::new())
}

/// The same, with the terms of some classes given.
pub(crate) fn extract_forced(
    egraph: &Graph,
    roots: &[Id],
    price: &Pricing<'_>,
    forced: &BTreeMap<Id, Term>,
) -> Choice {
    let table = Table::new(egraph, price, forced);
    let roots: Vec<usize> = roots.iter().filter_map(|root| table.position(egraph, *root)).collect();
    let mut scratch = Vec::new();
    let trees = cheapest_trees(&table);
    let mut chosen = greedy(&table);
    // Note [Stale sets]
    let greedy_total = table.total(&chosen, &roots, &mut scratch);
    let trees_total = table.total(&trees, &roots, &mut scratch);
    if greedy_total.is_none() || trees_total.is_some_and(|trees| greedy_total.is_some_and(|own| trees < own))
    {
        chosen = trees;
    }
    exchange(&table, &roots, &mut chosen, &mut scratch);
    let terms = table.ids.iter().zip(&chosen).zip(&table.candidates);
    let terms = terms.filter_map(|((id, n), candidates)| Some((*id, candidates.get((*n)?)?.term.clone())));
    Choice { terms: terms.collect() }
}

/// Sets of classes as bits.
type Set = Vec<u64>;

fn greedy(table: &Table<'_>) -> Vec<Option<usize>> {
    let count = table.ids.len();
    let words = count.div_ceil(64);
    let mut users: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
    let mut queue = VecDeque::new();
    for (class, candidates) in table.candidates.iter().enumerate() {
        for (n, candidate) in candidates.iter().enumerate() {
            if candidate.children.is_empty() {
                queue.push_back((class, n));
            }
            for child in &candidate.children {
                users[*child].push((class, n));
            }
        }
    }
    let mut chosen: Vec<Option<usize>> = vec![None; count];
    let mut totals: Vec<Price> = vec![Price::MAX; count];
    let mut sets: Vec<Set> = vec![Set::new(); count];
    let mut union: Set = vec![0; words];
    while let Some((class, n)) = queue.pop_front() {
        let candidate = &table.candidates[class][n];
        if candidate.children.iter().any(|child| chosen[*child].is_none()) {
            continue;
        }
        union.iter_mut().for_each(|word| *word = 0);
        for child in &candidate.children {
            union.iter_mut().zip(&sets[*child]).for_each(|(to, from)| *to |= from);
        }
        if union[class / 64] >> (class % 64) & 1 == 1 {
            continue;
        }
        let mut total = candidate.price;
        for (word, bits) in union.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let member = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let price = chosen[member].map_or(0, |n| table.candidates[member][n].price);
                total = total.saturating_add(price);
            }
        }
        if total < totals[class] {
            union[class / 64] |= 1 << (class % 64);
            totals[class] = total;
            chosen[class] = Some(n);
            sets[class].clone_from(&union);
            queue.extend(users[class].iter().copied());
        }
    }
    chosen
}

/// The choice whose trees are cheapest, shared work paid at each use. It never goes round in a circle: a class costs more than each that it needs.
fn cheapest_trees(table: &Table<'_>) -> Vec<Option<usize>> {
    let mut chosen: Vec<Option<usize>> = vec![None; table.ids.len()];
    let mut totals: Vec<Price> = vec![Price::MAX; table.ids.len()];
    loop {
        let mut changed = false;
        for (class, candidates) in table.candidates.iter().enumerate() {
            for (n, candidate) in candidates.iter().enumerate() {
                let children = candidate.children.iter().map(|child| totals[*child]);
                let total = children.fold(candidate.price.max(1), Price::saturating_add);
                if total < totals[class] {
                    totals[class] = total;
                    chosen[class] = Some(n);
                    changed = true;
                }
            }
        }
        if !changed {
            return chosen;
        }
    }
}

/// Other terms for single classes, and for all classes at once that can share a new operand, where the whole gets cheaper.
fn exchange(table: &Table<'_>, roots: &[usize], chosen: &mut [Option<usize>], scratch: &mut Vec<u8>) {
    let Some(mut best) = table.total(chosen, roots, scratch) else { return };
    let mut left = EXCHANGES;
    loop {
        let mut moves: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut shared: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        let used: Vec<bool> = scratch.iter().map(|state| *state != 0).collect();
        for class in (0..table.ids.len()).filter(|class| used[*class]) {
            for (n, candidate) in table.candidates[class].iter().enumerate() {
                if chosen[class] == Some(n) {
                    continue;
                }
                moves.push(vec![(class, n)]);
                for child in candidate.children.iter().filter(|child| !used[**child]) {
                    let group = shared.entry(*child).or_default();
                    if group.last().is_none_or(|(last, _)| *last != class) {
                        group.push((class, n));
                    }
                }
            }
        }
        moves.extend(shared.into_values().filter(|group| group.len() > 1));
        let before = best;
        for group in moves {
            if left == 0 {
                break;
            }
            left -= 1;
            let old: Vec<Option<usize>> = group.iter().map(|(class, _)| chosen[*class]).collect();
            group.iter().for_each(|(class, n)| chosen[*class] = Some(*n));
            match table.total(chosen, roots, scratch) {
                Some(total) if total < best => best = total,
                Some(_) | None => {
                    group.iter().zip(old).for_each(|((class, _), old)| chosen[*class] = old);
                }
            }
        }
        if best == before {
            return;
        }
        // What is used now.
        table.total(chosen, roots, scratch);
    }
}

// Note [Stale sets]: a class's set may be older than its operands' last improvement, so greedy choices can need each other. The cheapest trees
// are the way out, and exchanges start from there.
