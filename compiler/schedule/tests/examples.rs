//! The example models, whole and in pieces, as written and optimised: the program's interpreter against the graph's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod support;

use std::path::Path;
use support::agree_from;
use tensc_frontend::SourceMap;
use tensc_frontend::check::{Entry, Loader};
use tensc_ir::{Graph, stream, verify};

struct Disk;

impl Loader for Disk {
    fn load(&mut self, from: &str, path: &str) -> Result<(String, String), String> {
        let found = Path::new(from).parent().unwrap_or(Path::new("")).join(path);
        let text = std::fs::read_to_string(&found).map_err(|error| error.to_string())?;
        Ok((found.display().to_string(), text))
    }
}

fn graph_of(name: &str, function: &str) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut sources = SourceMap::new();
    let root = sources.add(path.display().to_string(), text);
    let (program, diagnostics) = tensc_frontend::check(&mut sources, root, &mut Disk);
    assert!(!diagnostics.iter().any(|d| d.is_error()), "{name}: {diagnostics:?}");
    let entry = Entry { function, preset: Some("tiny"), ..Entry::default() };
    program.elaborate(&entry).unwrap_or_else(|error| panic!("{name}: {error:?}")).graph
}

fn example(name: &str) {
    for function in ["forward", "next", "loss"] {
        let graph = verify(graph_of(name, function)).unwrap();
        agree_from(&graph, &[0, 1, 5], 0);
        let optimized = tensc_optimize::optimize(&graph, &tensc_optimize::Options::default()).unwrap();
        for variant in optimized.variants {
            let variant = verify(variant).unwrap();
            if let Ok(streaming) = stream(&variant, "T") {
                let pieces = verify(streaming.graph).unwrap();
                agree_from(&pieces, &[0, 1, 3], 0);
                agree_from(&pieces, &[2], 5);
            } else {
                agree_from(&variant, &[3], 0);
            }
        }
    }
}

macro_rules! examples {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            example(concat!(stringify!($name), ".seq"));
        })*
    };
}

examples! { ten ten_v1 ten_v2 ten_v3 ten_2026 ten_2026_selective mamba s4d retnet gla deltanet gated_deltanet }
