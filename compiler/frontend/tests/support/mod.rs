//! Runs a file through the front end and the reference interpreter.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at surprises"
)]

use std::path::{Path, PathBuf};
use tensc_frontend::SourceMap;
use tensc_frontend::check::{Check, ElaboratedTest, Failure, Loader, Program};
use tensc_frontend::diagnostic::{Style, render};
use tensc_ir::{Array, Data, Graph, Options, Role, Sizes, interpret, verify};

/// What became of a test block, or of checking its file.
pub enum Outcome {
    Held,
    Failed(String),
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Disk;

impl Loader for Disk {
    fn load(&mut self, from: &str, path: &str) -> Result<(String, String), String> {
        let found = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text = std::fs::read_to_string(&found).map_err(|error| error.to_string())?;
        Ok((found.display().to_string(), text))
    }
}

/// A file, checked.
pub struct Checked {
    pub sources: SourceMap,
    pub program: Program,
    /// All errors, as printed.
    pub problems: String,
    /// All warnings.
    pub warnings: String,
}

pub fn check_text(name: &str, text: &str) -> Checked {
    let mut sources = SourceMap::new();
    let root = sources.add(name, text);
    let (program, diagnostics) = tensc_frontend::check(&mut sources, root, &mut Disk);
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.into_iter().partition(|one| one.is_error());
    let problems = render(&sources, &errors, Style::Plain);
    let warnings = render(&sources, &warnings, Style::Plain);
    Checked { sources, program, problems, warnings }
}

pub fn failure(checked: &Checked, failure: &Failure) -> String {
    match failure {
        Failure::Source(diagnostics) => render(&checked.sources, diagnostics, Style::Plain),
        Failure::Request { title, hint } => format!("{title}\n{hint:?}"),
    }
}

pub fn run_file(path: &Path) -> Vec<Outcome> {
    let text = std::fs::read_to_string(path).unwrap();
    let checked = check_text(&path.display().to_string(), &text);
    if !checked.problems.is_empty() {
        return vec![Outcome::Failed(checked.problems)];
    }
    let mut outcomes = Vec::new();
    for number in 0..checked.program.tests().len() {
        outcomes.push(match checked.program.elaborate_test(number) {
            Ok(test) => run_test(&test, path),
            Err(error) => Outcome::Failed(failure(&checked, &error)),
        });
    }
    outcomes
}

/// The weights that the init graph computes.
pub fn weights(init: &Graph) -> Vec<(String, Array)> {
    let names: Vec<String> = init.outputs.iter().map(|(name, _)| name.clone()).collect();
    let init = verify(init.clone()).unwrap_or_else(|error| panic!("init: {error}\n{init}"));
    let values = interpret(&init, &[], &Sizes::new(), &Options::default()).unwrap();
    names.into_iter().zip(values).collect()
}

/// The arrays of a graph's inputs, layers stacked.
pub fn inputs(graph: &Graph, weights: &[(String, Array)]) -> Vec<Array> {
    let each = graph.inputs.iter().map(|input| match &input.role {
        Role::Param { path } | Role::Buffer { path } => stacked(path, weights),
        role => panic!("{role:?} has no value here"),
    });
    each.collect()
}

fn stacked(pattern: &str, weights: &[(String, Array)]) -> Array {
    if !pattern.contains("{}") {
        let found = weights.iter().find(|(name, _)| name == pattern);
        return found.unwrap_or_else(|| panic!("no weights `{pattern}`")).1.clone();
    }
    let mut layers = Vec::new();
    loop {
        let path = pattern.replacen("{}", &layers.len().to_string(), 1);
        let prefix = path.split("{}").next().unwrap().to_owned();
        if !weights.iter().any(|(name, _)| name.starts_with(&prefix)) {
            break;
        }
        layers.push(stacked(&path, weights));
    }
    let first = layers.first().expect("at least one layer");
    let mut shape = vec![layers.len()];
    shape.extend(first.shape());
    Array::new(first.dtype(), shape, concatenated(&layers)).unwrap()
}

fn concatenated(layers: &[Array]) -> Data {
    let reals: Vec<f64> = layers.iter().flat_map(reals).collect();
    match layers[0].data() {
        Data::Real(_) => Data::Real(reals),
        Data::Int(_) => Data::Int(reals.iter().map(|x| *x as i64).collect()),
        Data::Bool(_) => Data::Bool(reals.iter().map(|x| *x != 0.0).collect()),
        Data::Complex(_) => Data::Complex(reals.chunks(2).map(|pair| [pair[0], pair[1]]).collect()),
    }
}

/// All numbers of an array, complex ones as two.
pub fn reals(array: &Array) -> Vec<f64> {
    match array.data() {
        Data::Real(values) => values.clone(),
        Data::Complex(values) => values.iter().flatten().copied().collect(),
        Data::Int(values) => values.iter().map(|x| *x as f64).collect(),
        Data::Bool(values) => values.iter().map(|x| f64::from(u8::from(*x))).collect(),
    }
}

fn moduli(array: &Array) -> Vec<f64> {
    match array.data() {
        Data::Complex(values) => values.iter().map(|[re, im]| re.hypot(*im)).collect(),
        _ => reals(array).iter().map(|x| x.abs()).collect(),
    }
}

fn run_test(test: &ElaboratedTest, path: &Path) -> Outcome {
    let name = format!("{}: test \"{}\"", path.display(), test.name);
    let weights = weights(&test.init);
    let graph = match verify(test.graph.clone()) {
        Ok(graph) => graph,
        Err(error) => return Outcome::Failed(format!("{name}: {error}\n{}", test.graph)),
    };
    let results = match interpret(&graph, &inputs(&test.graph, &weights), &Sizes::new(), &Options::default())
    {
        Ok(results) => results,
        Err(error) => return Outcome::Failed(format!("{name}: {error}\n{}", test.graph)),
    };
    for (n, assertion) in test.assertions.iter().enumerate() {
        let holds = match (assertion.check, assertion.outputs.as_slice()) {
            (Check::True, [value]) => reals(&results[*value]).iter().all(|x| *x != 0.0),
            (Check::Close { tolerance }, [a, b]) => {
                let (a, b) = (&results[*a], &results[*b]);
                let bound = moduli(b);
                let differences: Vec<f64> = match (a.data(), b.data()) {
                    (Data::Complex(a), Data::Complex(b)) => {
                        a.iter().zip(b).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).collect()
                    }
                    _ => reals(a).iter().zip(reals(b)).map(|(a, b)| (a - b).abs()).collect(),
                };
                let equal = reals(a) == reals(b);
                equal || differences.iter().zip(&bound).all(|(d, b)| *d <= tolerance * (1.0 + b))
            }
            _ => false,
        };
        if !holds {
            let values: Vec<_> = assertion.outputs.iter().map(|o| reals(&results[*o])).collect();
            return Outcome::Failed(format!("{name}: assertion {n} fails: {values:?}"));
        }
    }
    Outcome::Held
}
