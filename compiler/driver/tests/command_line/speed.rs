//! What the options that are about speed change, and what they must not.

use crate::bench::{Bench, read};

/// Products large enough for packed weights, one of them with the transposed matrix, columns that fill no whole panel, and layers.
const WIDE: &str = "\
cell Layer(D) {
    param w: f32[D, D] = normal(0, 0.1)
    fn forward(x: f32[T, D]) -> f32[T, D] { x + x @ w }
}

model wide(D = 130, V = 203, L = 3) {
    cell layers = [Layer(D); L]
    param embed: f32[V, D] = normal(0, 1)
    fn forward(x: f32[T, D]) -> f32[T, V] { fold(layers, x) @ transpose(embed) }
}
";

const RUN: [&str; 4] = ["run", "wide.seq", "--input", "x=random"];

fn wide() -> Bench {
    Bench::new(&[("wide.seq", WIDE)])
}

fn run(bench: &Bench, options: &[&str]) -> Vec<f64> {
    let args: Vec<&str> =
        RUN.iter().chain(options).copied().chain(["--hint", "B=2,T=150", "--output", "y.npy"]).collect();
    bench.ok(&args);
    read(&bench.path("y.npy")).1
}

fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
    let apart = square(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    (apart / square(&mut expected.iter().copied())).sqrt()
}

#[test]
fn weights_in_bf16_are_rounded_and_nothing_else() {
    let bench = wide();
    let expected = run(&bench, &["--device", "reference"]);
    let f32 = distance(&run(&bench, &[]), &expected);
    let bf16 = distance(&run(&bench, &["--dtype", "bf16"]), &expected);
    assert!(f32 < 1e-6, "{f32}");
    assert!((1e-4..6e-3).contains(&bf16), "{bf16}");
}

#[test]
fn the_number_of_threads_and_the_pieces_of_a_stream_change_no_bit_of_a_product() {
    let bench = wide();
    for dtype in ["f32", "bf16"] {
        let one = run(&bench, &["--dtype", dtype, "--threads", "1"]);
        assert_eq!(one, run(&bench, &["--dtype", dtype, "--threads", "3"]), "{dtype}");
        assert_eq!(one, run(&bench, &["--dtype", dtype, "--stream", "1"]), "{dtype}");
        assert_eq!(one, run(&bench, &["--dtype", dtype, "--stream", "47"]), "{dtype}");
    }
}

#[test]
fn bench_counts_what_a_product_does() {
    let bench = wide();
    let args = ["bench", "wide.seq", "--fn", "forward", "--hint", "B=2,T=10", "--repeat", "1"];
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&[&args[..], &["--json", "--roofline", "r.svg"]].concat())).unwrap();
    let entry = &json["entries"][0];
    let steps = entry["steps"].as_array().unwrap();
    let head = steps.iter().find(|step| step["name"] == "product 20 x 130 x 203").unwrap();
    assert_eq!(head["flops"], 2.0 * 20.0 * 130.0 * 203.0);
    assert_eq!(head["bytes"], 4.0 * f64::from(20 * 130 + 130 * 203 + 20 * 203));
    let layers = steps.iter().find(|step| step["name"] == "product 20 x 130 x 130").unwrap();
    assert_eq!(layers["runs"], 3);
    // The embedding is kept in panels of 16 columns, and no other way.
    assert_eq!(entry["weight_bytes"], 4 * (13 * 16 * 130 + 3 * 9 * 16 * 130));
    let picture = std::fs::read_to_string(bench.path("r.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("product 20 x 130 x 203"), "{picture}");
    let table = bench.ok(&args);
    assert!(table.contains("product 20 x 130 x 203") && table.contains("roofline:"), "{table}");
}
