//! Tests of extraction: an integer program finds the best graph of small e-graphs, and what `extract` finds is near it.

use crate::cost::{Bodies, Hint, Point, Target, price};
use crate::encode::known_by_role;
use crate::extract::Table;
use crate::facts::{Graph, Known};
use crate::rules::{Rule, rules};
use crate::unit::{Stage, Unit};
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};
use std::collections::BTreeMap;
use tensc_frontend::check::{Entry, Loader};
use tensc_frontend::{SourceMap, check};

/// Largest e-graph that is given to the solver.
const CLASSES: usize = 200;

/// How much dearer than the best an extraction may be.
const GAP: f64 = 1.02;

struct NoFiles;

impl Loader for NoFiles {
    fn load(&mut self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("{path} is not read here"))
    }
}

fn example(name: &str) -> tensc_ir::Graph {
    let path = format!("{}/../../examples/{name}.seq", env!("CARGO_MANIFEST_DIR"));
    let mut sources = SourceMap::new();
    let root = sources.add(path.clone(), std::fs::read_to_string(path).unwrap());
    let (program, _) = check(&mut sources, root, &mut NoFiles);
    let entry = Entry {
        model: None,
        function: "forward",
        preset: Some("tiny"),
        settings: &[],
        training: false,
        omit: &[],
    };
    match program.elaborate(&entry) {
        Ok(elaborated) => elaborated.graph,
        Err(_) => panic!("{name} has no graph"),
    }
}

/// The least total price of a graph for these roots, in millionths of a second.
fn best(table: &Table<'_>, roots: &[usize]) -> f64 {
    let scale = |price: u64| price as f64 * 1e-6;
    // Circles that a solution went in, each a list of (class, term): not all of them together.
    let mut circles: Vec<Vec<(usize, usize)>> = Vec::new();
    loop {
        let mut variables = ProblemVariables::new();
        let needed: Vec<Variable> =
            table.ids.iter().map(|_| variables.add(variable().min(0).max(1))).collect();
        let mut objective = Expression::from(0.0);
        let mut chosen: Vec<Vec<Variable>> = Vec::new();
        for candidates in &table.candidates {
            let one = |candidate: &crate::extract::Candidate<'_>| {
                let kind = if candidates.len() > 1 { variable().binary() } else { variable().min(0).max(1) };
                let variable = variables.add(kind);
                objective += scale(candidate.price) * variable;
                variable
            };
            chosen.push(candidates.iter().map(one).collect());
        }
        let mut model = variables.minimise(objective.clone()).using(microlp);
        for root in roots {
            model.add_constraint(constraint!(needed[*root] == 1));
        }
        for (class, candidates) in table.candidates.iter().enumerate() {
            let any: Expression = chosen[class].iter().copied().sum();
            model.add_constraint(constraint!(any >= needed[class]));
            for (n, candidate) in candidates.iter().enumerate() {
                for child in &candidate.children {
                    model.add_constraint(constraint!(chosen[class][n] <= needed[*child]));
                }
            }
        }
        for circle in &circles {
            let sum: Expression = circle.iter().map(|(class, n)| chosen[*class][*n]).sum();
            model.add_constraint(constraint!(sum <= circle.len() as f64 - 1.0));
        }
        let solution = model.solve().unwrap();
        let pick = |class: usize| chosen[class].iter().position(|variable| solution.value(*variable) > 0.5);
        match circle(table, roots, &pick) {
            Some(circle) => circles.push(circle),
            None => return solution.eval(&objective),
        }
    }
}

/// A circle among the chosen terms.
fn circle(
    table: &Table<'_>,
    roots: &[usize],
    pick: &dyn Fn(usize) -> Option<usize>,
) -> Option<Vec<(usize, usize)>> {
    fn walk(
        table: &Table<'_>,
        class: usize,
        pick: &dyn Fn(usize) -> Option<usize>,
        path: &mut Vec<(usize, usize)>,
        done: &mut Vec<bool>,
    ) -> Option<Vec<(usize, usize)>> {
        if let Some(start) = path.iter().position(|(on_path, _)| *on_path == class) {
            return Some(path[start..].to_vec());
        }
        if done[class] {
            return None;
        }
        let n = pick(class)?;
        path.push((class, n));
        for child in &table.candidates[class][n].children {
            if let Some(found) = walk(table, *child, pick, path, done) {
                return Some(found);
            }
        }
        path.pop();
        done[class] = true;
        None
    }
    let mut done = vec![false; table.ids.len()];
    roots.iter().find_map(|root| walk(table, *root, pick, &mut Vec::new(), &mut done))
}

/// Every unit of a graph, inner ones first.
fn units<'a, 'g>(unit: &'a Unit<'g>, all: &mut Vec<&'a Unit<'g>>) {
    for (_, _, inner) in &unit.inner {
        units(inner, all);
    }
    all.push(unit);
}

#[test]
fn extraction_is_near_the_best_that_an_integer_program_finds() {
    let all = rules().unwrap();
    let used: Vec<&Rule> = all.iter().collect();
    let point = Point { batch: 8, time: 2048 };
    let mut tried = 0;
    for name in ["ten", "ten_v1", "retnet", "gla", "deltanet", "mamba", "s4d", "ten_2026"] {
        let graph = example(name);
        let known: Vec<Known> = graph.inputs.iter().map(|input| known_by_role(&input.role)).collect();
        let unit = Unit::new(&graph, &known, name.to_owned(), 1, &used).unwrap();
        let mut inside = Vec::new();
        units(&unit, &mut inside);
        for unit in inside {
            let classes = unit.egraph.number_of_classes();
            if classes > CLASSES || !unit.inner.is_empty() {
                continue;
            }
            let hint = Hint::at(point);
            let price = |egraph: &Graph, class, term: &crate::Term| {
                price(egraph, class, term, &Target::CPU, &hint, &Bodies::new())
            };
            let table = Table::new(&unit.egraph, &price, &BTreeMap::new());
            let roots = unit.roots(Stage::Optimized);
            let places: Vec<usize> =
                roots.iter().filter_map(|id| table.position(&unit.egraph, *id)).collect();
            let found = unit.extract(&Target::CPU, point, Stage::Optimized);
            let found = found.choice.total(&unit.egraph, &roots, &price) as f64 * 1e-6;
            let least = best(&table, &places);
            println!(
                "{name}, {}: {classes} classes, {found:.3} us, best {least:.3}, {:+.3} %",
                unit.name,
                (found / least - 1.0) * 100.0
            );
            assert!(found <= GAP * least, "{name}, {}: {found} us, and {least} is possible", unit.name);
            assert!(found >= least * (1.0 - 1e-6), "the oracle's {least} is more than {found}");
            tried += 1;
        }
    }
    assert!(tried >= 4, "only {tried} units are small enough");
}
