//! What the optimiser calls equal is equal: random extractions of every example and of random programs compute what the written graph computes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test reports"
)]

use std::path::Path;
use tensc_frontend::check::{Entry, Loader};
use tensc_frontend::{SourceMap, check};
use tensc_ir::array::{Array, Data};
use tensc_ir::{DType, Graph, Options, Role, Sizes, Type, interpret, stream, verify};
use tensc_optimize::sample;
use tensc_tests::binary::root;
use tensc_tests::generate::{Random, program};
use tensc_tests::parallel::check_all;

/// Extractions of each graph.
const SAMPLES: u64 = 32;

/// RMS of the difference against that of the written graph's results. Operands of recurrences are rounded to f32.
const TOLERANCE: f64 = 1e-5;

struct NoFiles;

impl Loader for NoFiles {
    fn load(&mut self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("{path} is not read here"))
    }
}

fn graph_of(text: &str, function: &str, preset: Option<&str>, settings: &[(&str, &str)]) -> Graph {
    let mut sources = SourceMap::new();
    let root = sources.add("model.seq".to_owned(), text.to_owned());
    let (program, _) = check(&mut sources, root, &mut NoFiles);
    let settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let entry = Entry { model: None, function, preset, settings: &settings, training: false, omit: &[] };
    match program.elaborate(&entry) {
        Ok(elaborated) => elaborated.graph,
        Err(_) => panic!("`{function}` of this has no graph:\n{text}"),
    }
}

/// Small numbers; whole ones fit as indices.
fn input(random: &mut Random, ty: &Type, role: &Role, sizes: &Sizes) -> Array {
    let shape: Vec<usize> = ty.shape.iter().map(|dim| dim.eval(sizes).unwrap() as usize).collect();
    let count = shape.iter().product();
    let mut number = || f64::from(random.unit() - 0.5);
    let state = *role == Role::State;
    let data = match ty.dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => {
            Data::Real((0..count).map(|_| if state { 0.0 } else { number() }).collect())
        }
        DType::C64 => {
            Data::Complex((0..count).map(|_| if state { [0.0; 2] } else { [number(), number()] }).collect())
        }
        DType::I32 | DType::U8 => Data::Int((0..count).map(|_| random.below(3) as i64).collect()),
        DType::Bool => Data::Bool((0..count).map(|_| random.below(3) == 0).collect()),
    };
    Array::new(ty.dtype, shape, data).unwrap()
}

fn numbers(array: &Array) -> Vec<f64> {
    match array.data() {
        Data::Real(x) => x.clone(),
        Data::Complex(x) => x.iter().flatten().copied().collect(),
        Data::Int(x) => x.iter().map(|n| *n as f64).collect(),
        Data::Bool(x) => x.iter().map(|b| f64::from(u8::from(*b))).collect(),
    }
}

fn agree(graph: &Graph, length: i64, seed: u64) -> Result<(), String> {
    let sizes = Sizes::from([("T".into(), length), (tensc_ir::dim::POSITION.into(), 0)]);
    let mut random = Random::new(seed);
    let inputs: Vec<Array> =
        graph.inputs.iter().map(|one| input(&mut random, &one.ty, &one.role, &sizes)).collect();
    let run = |graph: &Graph| {
        let verified = verify(graph.clone()).map_err(|error| format!("{error}\n{graph}"))?;
        interpret(&verified, &inputs, &sizes, &Options::default())
            .map_err(|error| format!("{error}\n{graph}"))
    };
    let expected = run(graph)?;
    for (n, other) in sample(graph, SAMPLES, seed).map_err(|error| error.to_string())?.iter().enumerate() {
        for (name, (actual, expected)) in graph.outputs.iter().zip(run(other)?.iter().zip(&expected)) {
            let (actual, expected) = (numbers(actual), numbers(expected));
            let square = |x: f64| x * x;
            let difference: f64 = actual.iter().zip(&expected).map(|(a, b)| square(a - b)).sum();
            let size: f64 = expected.iter().copied().map(square).sum();
            let same_special = actual.iter().zip(&expected).all(|(a, b)| a.is_finite() == b.is_finite());
            let close =
                difference.sqrt() <= TOLERANCE * size.sqrt().max(0.1 * (expected.len() as f64).sqrt());
            if !(close || (difference.is_nan() && same_special)) {
                return Err(format!(
                    "extraction {n} of `{}` is {difference:.2e} away from {size:.2e}\n{other}",
                    name.0
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn extractions_of_examples_agree() {
    let mut cases: Vec<(String, &str)> = Vec::new();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "seq") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            cases.extend(["forward", "next", "loss"].map(|function| (name.clone(), function)));
        }
    }
    cases.sort();
    check_all(
        &cases,
        |(name, function)| format!("{function} of {name}"),
        |(name, function)| {
            let text =
                std::fs::read_to_string(Path::new(&root()).join(format!("examples/{name}.seq"))).unwrap();
            let graph = graph_of(&text, function, Some("tiny"), &[("vocab", "11"), ("D", "16")]);
            agree(&graph, 5, 1)?;
            match stream(&verify(graph).map_err(|error| error.to_string())?, "T") {
                Ok(streaming) => agree(&streaming.graph, 4, 2),
                Err(_) => Ok(()),
            }
        },
    );
}

#[test]
fn extractions_of_random_programs_agree() {
    let seeds: Vec<u64> = (0..40).collect();
    check_all(
        &seeds,
        |seed| format!("program {seed}"),
        |&seed| {
            let program = program(seed);
            let graph = graph_of(&program.text, "forward", None, &[]);
            agree(&graph, (program.length as i64).min(9), seed)
                .map_err(|message| format!("{message}\n{}", program.text))
        },
    );
}
