//! Printing and parsing back gives the same graph; hostile text gives an error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Instant;
use support::{Make, Numbers, f32, n, random, t};
use tensc_ir::{BinaryOp, Dim, Graph, Op, Verified, parse_dim, parse_graph, prune, verify};

fn round_trip(graph: &Graph) {
    let text = graph.to_string();
    let parsed = parse_graph(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(parsed, *graph, "{text}");
    assert_eq!(parsed.to_string(), text);
}

fn count(graph: &Graph, counts: &mut BTreeMap<&'static str, usize>) {
    for node in &graph.nodes {
        *counts.entry(node.op.name()).or_default() += 1;
        if let Some(body) = node.op.body() {
            count(body, counts);
        }
    }
}

#[test]
fn random_graphs_come_back_and_verify() {
    let mut counts = BTreeMap::new();
    for seed in 0..300 {
        let graph = random::graph(&mut Numbers(seed), 40, 2);
        count(&graph, &mut counts);
        round_trip(&graph);
        let verified: Verified<Graph> = verify(graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let pruned = prune(&verified);
        assert_eq!(pruned.outputs.len(), verified.outputs.len());
        round_trip(&pruned);
        let pruned = verify(pruned).unwrap();
        assert_eq!(prune(&pruned), *pruned);
    }
    let words = [
        "input",
        "const",
        "dim",
        "iota",
        "select",
        "cast",
        "reduce",
        "cumsum",
        "contract",
        "reshape",
        "transpose",
        "broadcast",
        "slice",
        "concat",
        "pad",
        "flip",
        "gather",
        "shift",
        "conv",
        "fft",
        "ifft",
        "rfft",
        "irfft",
        "last",
        "keep",
        "draw",
        "rec",
        "repeat",
        "tanh",
        "add",
        "complex",
    ];
    for word in words {
        assert!(counts.contains_key(word), "no random graph has `{word}`: {counts:?}");
    }
}

#[test]
fn sizes_come_back() {
    let third = t().div(&n(3)).unwrap();
    let s = Dim::var("S");
    let dims = [
        n(0),
        n(-7),
        &(&t() * &n(3)) - &n(1),
        third.ceil(),
        &third.floor() * &s,
        t().minimum(&s),
        (&t() + &n(1)).maximum(&(&s * &s)),
        t().div(&(&s + &n(1))).unwrap(),
        t().div(&(&s * &n(6))).unwrap(),
        &Dim::position() + &t(),
    ];
    for dim in dims {
        assert_eq!(parse_dim(&dim.to_string()).unwrap(), dim, "{dim}");
    }
}

#[test]
fn errors_name_their_line() {
    let cases = [
        ("graph g {\n  v1 = const f32 1.0 : f32\n}", 2, "v0 comes next"),
        ("graph g {\n  v0 = frobnicate : f32\n}", 2, "no op `frobnicate`"),
        ("graph g {\n\n  v0 = const f32 one : f32\n}", 3, "expected a number"),
        ("graph g {\n  output y = v0", 2, "expected a value"),
        ("graph g { v0 = dim T / 0 : i32 }", 1, "divided by zero"),
        ("graph g { input 0 x : f32[T argument }", 1, "expected `,`"),
        ("graph \"g", 1, "closing quote"),
    ];
    for (text, line, message) in cases {
        let error = parse_graph(text).unwrap_err();
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }
}

#[test]
fn hostile_text_is_an_error() {
    let deep = "graph g { v0 = rec c forward T axis 0 sequences() constants() states() start() : f32 ";
    assert!(parse_graph(&deep.repeat(10_000)).is_err());
    assert!(parse_dim(&"(".repeat(100_000)).is_err());
    assert!(parse_dim(&"-".repeat(100_000)).is_err());
    assert!(parse_dim(&"9".repeat(10_000)).is_ok());
    // Every prefix and every one-character change of a real graph.
    let text = random::graph(&mut Numbers(3), 30, 2).to_string();
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        assert!(parse_graph(&text[..cut]).is_err() || cut + 1 >= text.len());
    }
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
        for c in ['0', '{', '"'] {
            let mut changed = text.clone();
            changed.replace_range(at..=at, &c.to_string());
            // Whatever it is, verifying it is safe.
            if let Ok(graph) = parse_graph(&changed) {
                let _ = verify(graph);
            }
        }
    }
}

#[test]
fn the_time_for_five_thousand_nodes_is_short() {
    let timed = || {
        let begin = Instant::now();
        let mut make = Make::new();
        let mut x = make.argument("x", f32(&[t(), n(64)]));
        for k in 0..2500 {
            let c = make.real(f64::from(k));
            x = make.op(Op::Binary(BinaryOp::Add), &[x, c]);
        }
        let graph = verify(make.finish(&[("y", x)])).unwrap();
        assert_eq!(graph.nodes.len(), 5001);
        let text = graph.to_string();
        assert_eq!(parse_graph(&text).unwrap(), *graph);
        begin.elapsed()
    };
    // Tens of milliseconds unoptimised; anything quadratic in the nodes takes seconds. The best of a few, because the machine may be busy.
    let best = (0..5).map(|_| timed()).min().unwrap();
    eprintln!("{best:?}");
    assert!(best.as_millis() < 500, "{best:?}");
}
