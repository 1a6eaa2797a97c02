//! Graphs that the rules say are equal, taken at random: for tests of the rules on whole programs.

use crate::OptimizeError;
use crate::encode::known_by_role;
use crate::extract::extract;
use crate::facts::Known;
use crate::rules::{Rule, rules};
use crate::unit::{Extracted, Stage, Unit};
use std::hash::{DefaultHasher, Hash, Hasher};
use tensc_ir as ir;

/// `count` extractions of a graph by random prices, bodies of repeats included; the same for the same seed.
///
/// # Errors
/// A bug of a rule, which is named.
pub fn sample(graph: &ir::Graph, count: u64, seed: u64) -> Result<Vec<ir::Graph>, OptimizeError> {
    let all = rules().map_err(OptimizeError::Rules)?;
    let used: Vec<&Rule> = all.iter().collect();
    let known: Vec<Known> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
    let unit = Unit::new(graph, &known, graph.name.clone(), 1, &used)?;
    (0..count).map(|n| unit.graph(&random(&unit, seed.wrapping_mul(1000).wrapping_add(n)))).collect()
}

fn random(unit: &Unit<'_>, seed: u64) -> Extracted {
    let inner = unit.inner.iter().map(|(id, _, inner)| (*id, random(inner, seed))).collect();
    let choice = extract(&unit.egraph, &unit.roots(Stage::Optimized), &|_, class, term| {
        let mut hasher = DefaultHasher::new();
        (seed, usize::from(class), term).hash(&mut hasher);
        1 + hasher.finish() % 1000
    });
    Extracted { choice, inner }
}
