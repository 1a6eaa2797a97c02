//! The command line as users type it: exit codes, messages, files.

use crate::bench::{Bench, npy, read};

/// A leaky sum with weights of 2 x 2, whose results are easy to work out by hand.
const LEAKY: &str = "\
model leaky(D = 2, decay = 0.5) {
    param scale: f32[D] = 1.0

    fn forward(x: f32[T, D], start: f32[D] = 0) -> f32[T, D] {
        rec c[t] = decay * c[t-1] + scale * x[t] from start
        c
    }

    fn total(x: f32[T, D]) -> (sum: f32[D], last: f32[D]) {
        (sum(x, axis = 0), last(forward(x)))
    }

    preset wide { D = 4 }
}

fn double(x: f32[T]) -> f32[T] { 2 * x }

test \"a half each time\" {
    rec c[t] = 0.5 * c[t-1] + [1.0, 0.0, 0.0][t]
    assert_close(c, [1.0, 0.5, 0.25], 1e-6)
}
";

const TOKENS: &str = "\
model lookup(vocab = 5, context = 6) {
    param embed: f32[vocab] = iota(vocab)
    param pos: f32[context] = 0.0
    fn forward(tokens: i32[T]) -> f32[T] { embed[tokens] + pos[0..T] }
}
";

fn leaky() -> Bench {
    let bench = Bench::new(&[("leaky.seq", LEAKY), ("tokens.seq", TOKENS)]);
    npy(&bench.path("x.npy"), &[3, 2], &[1.0, 2.0, 0.0, 0.0, 4.0, 8.0]);
    npy(&bench.path("batch.npy"), &[2, 3, 2], &[1.0, 2.0, 0.0, 0.0, 4.0, 8.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0]);
    bench
}

#[test]
fn both_devices_give_what_the_formula_gives() {
    let bench = leaky();
    for device in ["cpu", "reference"] {
        bench.ok(&["run", "leaky.seq", "--device", device, "--input", "x=x.npy", "--output", "y.npy"]);
        assert_eq!(read(&bench.path("y.npy")), (vec![3, 2], vec![1.0, 2.0, 0.5, 1.0, 4.25, 8.5]), "{device}");
        bench.ok(&[
            "run",
            "leaky.seq",
            "--device",
            device,
            "--input",
            "x=batch.npy",
            "--output",
            "forward=b.npy",
        ]);
        let (shape, values) = read(&bench.path("b.npy"));
        assert_eq!(shape, [2, 3, 2], "{device}");
        assert_eq!(values[6..], [2.0, 4.0, 1.0, 2.0, 0.5, 1.0], "{device}");
    }
}

#[test]
fn pieces_of_any_size_give_the_whole() {
    let bench = leaky();
    for device in ["cpu", "reference"] {
        for size in ["1", "2", "3", "100"] {
            let args = [
                "run",
                "leaky.seq",
                "--device",
                device,
                "--input",
                "x=x.npy",
                "--stream",
                size,
                "--output",
                "y.npy",
            ];
            bench.ok(&args);
            assert_eq!(read(&bench.path("y.npy")).1, [1.0, 2.0, 0.5, 1.0, 4.25, 8.5], "{device} {size}");
        }
    }
    let said = bench.refused(&["run", "leaky.seq", "--fn", "total", "--input", "x=x.npy", "--stream", "2"]);
    assert!(said.contains("`total` cannot run in pieces") && said.contains("leaky.seq:10"), "{said}");
}

#[test]
fn strict_runs_have_the_same_bits_however_they_are_cut() {
    let mixing = "\
fn forward(x: f32[T, 70], w: f32[70, 90], u: f32[90, 33]) -> f32[T, 33] {
    rec c[t] = tanh(0.9 * c[t-1] + (x @ w)[t])
    softmax(c @ u)
}
";
    let bench = Bench::new(&[("mixing.seq", mixing)]);
    let values = |n: usize, seed: f32| -> Vec<f32> { (0..n).map(|i| (i as f32 * seed).sin()).collect() };
    npy(&bench.path("x.npy"), &[3, 40, 70], &values(3 * 40 * 70, 0.37));
    npy(&bench.path("w.npy"), &[70, 90], &values(70 * 90, 0.11));
    npy(&bench.path("u.npy"), &[90, 33], &values(90 * 33, 0.23));
    let mut first = None;
    for extra in [
        &["--threads", "1"][..],
        &["--threads", "3"],
        &["--stream", "1"],
        &["--stream", "7", "--threads", "2"],
    ] {
        let inputs = ["--input", "x=x.npy", "--input", "w=w.npy", "--input", "u=u.npy"];
        let args = [&["run", "mixing.seq", "--strict", "--output", "y.npy"], &inputs[..], extra].concat();
        bench.ok(&args);
        let bytes = std::fs::read(bench.path("y.npy")).unwrap();
        assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "{extra:?}");
    }
}

#[test]
fn several_results_have_names() {
    let bench = leaky();
    let args = [
        "run",
        "leaky.seq",
        "--fn",
        "total",
        "--input",
        "x=x.npy",
        "--output",
        "last=l.npy",
        "--output",
        "sum=s.npy",
    ];
    bench.ok(&args);
    assert_eq!(read(&bench.path("l.npy")), (vec![2], vec![4.25, 8.5]));
    assert_eq!(read(&bench.path("s.npy")), (vec![2], vec![5.0, 10.0]));
    let said =
        bench.refused(&["run", "leaky.seq", "--fn", "total", "--input", "x=x.npy", "--output", "y.npy"]);
    assert!(said.contains("does not say which of the 2 results"), "{said}");
}

#[test]
fn defaults_presets_settings_and_top_level_functions() {
    let bench = leaky();
    npy(&bench.path("start.npy"), &[2], &[2.0, 0.0]);
    bench.ok(&["run", "leaky.seq", "--input", "x=x.npy", "--input", "start=start.npy", "--output", "y.npy"]);
    assert_eq!(read(&bench.path("y.npy")).1, [2.0, 2.0, 1.0, 1.0, 4.5, 8.5]);
    bench.ok(&["run", "leaky.seq", "--set", "decay=0", "--input", "x=x.npy", "--output", "y.npy"]);
    assert_eq!(read(&bench.path("y.npy")).1, [1.0, 2.0, 0.0, 0.0, 4.0, 8.0]);
    npy(&bench.path("v.npy"), &[3], &[1.0, 2.0, 3.0]);
    bench.ok(&["run", "leaky.seq", "--fn", "double", "--input", "x=v.npy", "--output", "y.npy"]);
    assert_eq!(read(&bench.path("y.npy")).1, [2.0, 4.0, 6.0]);
    let said = bench.refused(&["run", "leaky.seq", "--preset", "wide", "--input", "x=x.npy"]);
    assert!(said.contains("its axis 1 is 2, expected 4"), "{said}");
}

#[test]
fn a_summary_tells_shape_mean_values_hash_and_time() {
    let bench = leaky();
    let text = bench.ok(&["run", "leaky.seq", "--input", "x=x.npy", "--verify"]);
    assert!(
        text.starts_with(
            "forward  f32[3, 2]  mean 2.8750  [1.0000 2.0000 0.50000 1.0000 .. 4.2500 8.5000]  hash "
        ),
        "{text}"
    );
    assert!(text.contains("time ") && text.contains("RMS error 0.00e0"), "{text}");
    let object = bench.ok(&["run", "leaky.seq", "--input", "x=x.npy", "--json", "--verify"]);
    for part in [
        "\"name\":\"forward\"",
        "\"shape\":[3,2]",
        "\"sizes\":{\"T\":3}",
        "\"relative_rms_error\":0.0",
        "\"time_s\":",
    ] {
        assert!(object.contains(part), "{part} in {object}");
    }
}

#[test]
fn tokens_come_from_bytes_and_indices_are_checked() {
    let bench = leaky();
    std::fs::write(bench.path("t.txt"), [0, 3, 4]).unwrap();
    std::fs::write(bench.path("bad.txt"), [0, 3, 9]).unwrap();
    std::fs::write(bench.path("long.txt"), [0; 7]).unwrap();
    for device in ["cpu", "reference"] {
        bench.ok(&[
            "run",
            "tokens.seq",
            "--device",
            device,
            "--input",
            "tokens=bytes:t.txt",
            "--output",
            "y.npy",
        ]);
        assert_eq!(read(&bench.path("y.npy")).1, [0.0, 3.0, 4.0]);
        let said =
            bench.refused(&["run", "tokens.seq", "--device", device, "--input", "tokens=bytes:bad.txt"]);
        assert!(said.contains('9') && said.contains('2') && said.contains("size 5"), "{said}");
        assert!(said.contains("tokens.seq:4"), "{said}");
        let said =
            bench.refused(&["run", "tokens.seq", "--device", device, "--input", "tokens=bytes:long.txt"]);
        assert!(said.contains('7') && said.contains('6'), "{said}");
    }
    // A bad token far behind, in a later piece.
    let mut many = vec![1; 1500];
    many[1400] = 77;
    std::fs::write(bench.path("many.txt"), many).unwrap();
    let long = ["run", "tokens.seq", "--set", "context=2000", "--input", "tokens=bytes:many.txt"];
    assert!(bench.refused(&long).contains("index 77 at position 1400"));
    assert!(bench.refused(&[&long[..], &["--stream", "100"]].concat()).contains("index 77 at position 1400"));
    let said = bench.ok(&["run", "tokens.seq", "--input", "tokens=random", "--hint", "B=3,T=4"]);
    assert!(said.contains("f32[3, 4]"), "{said}");
}

#[test]
fn weights_are_written_read_and_matched() {
    let bench = leaky();
    bench.ok(&["init", "leaky.seq", "-o", "w.safetensors"]);
    bench.ok(&["init", "leaky.seq", "-o", "again.safetensors"]);
    let bytes = |name: &str| std::fs::read(bench.path(name)).unwrap();
    assert_eq!(bytes("w.safetensors"), bytes("again.safetensors"));
    bench.ok(&["run", "leaky.seq", "--weights", "w.safetensors", "--input", "x=x.npy", "--output", "y.npy"]);
    assert_eq!(read(&bench.path("y.npy")).1, [1.0, 2.0, 0.5, 1.0, 4.25, 8.5]);
    let said = bench.refused(&["check", "leaky.seq", "--preset", "wide", "--weights", "w.safetensors"]);
    let expected = "\
error: the weights do not fit the model: 1 of another shape
  shape       `scale`: expected f32[4], found f32[2]
  = weights: w.safetensors
";
    assert_eq!(said, expected);
    let said = bench.refused(&["check", "tokens.seq", "--weights", "w.safetensors"]);
    let expected = "\
error: the weights do not fit the model: 2 missing, 1 unexpected
  missing     `embed`: f32[5]
  missing     `pos`: f32[6]
  unexpected  `scale`: f32[2]
  = weights: w.safetensors
";
    assert_eq!(said, expected);
    std::fs::write(bench.path("bad.safetensors"), [255; 20]).unwrap();
    let said = bench.refused(&["run", "leaky.seq", "--weights", "bad.safetensors", "--input", "x=x.npy"]);
    assert!(said.contains("not a usable .safetensors file"), "{said}");
}

#[test]
fn bundles_run_without_their_source() {
    let bench = leaky();
    bench.ok(&["init", "leaky.seq", "-o", "w.safetensors"]);
    bench.ok(&["compile", "leaky.seq", "--fn", "total", "-o", "plain.tenb"]);
    bench.ok(&["compile", "leaky.seq", "--fn", "total", "--weights", "w.safetensors", "-o", "full.tenb"]);
    std::fs::write(bench.path("bad.txt"), [1, 9]).unwrap();
    bench.ok(&["compile", "tokens.seq", "-o", "tokens.tenb"]);
    std::fs::remove_file(bench.path("tokens.seq")).unwrap();
    let said = bench.refused(&["run", "tokens.tenb", "--input", "tokens=bytes:bad.txt"]);
    assert!(said.contains("index 9") && said.contains("tokens.seq:4"), "{said}");
    std::fs::remove_file(bench.path("leaky.seq")).unwrap();
    for (bundle, device) in [("plain.tenb", "cpu"), ("full.tenb", "cpu"), ("full.tenb", "reference")] {
        let args = [
            "run",
            bundle,
            "--fn",
            "total",
            "--device",
            device,
            "--input",
            "x=x.npy",
            "--output",
            "last=l.npy",
        ];
        bench.ok(&args);
        assert_eq!(read(&bench.path("l.npy")).1, [4.25, 8.5], "{bundle} {device}");
    }
    let said = bench.refused(&["run", "full.tenb", "--input", "x=x.npy"]);
    assert!(said.contains("the bundle has no function `forward`") && said.contains("--fn total"), "{said}");
    let said = bench.refused(&["run", "full.tenb", "--fn", "total", "--set", "D=4", "--input", "x=x.npy"]);
    assert!(said.contains("`--set` cannot change a bundle"), "{said}");
    let mut bytes = std::fs::read(bench.path("full.tenb")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(bench.path("bad.tenb"), &bytes).unwrap();
    assert!(bench.refused(&["run", "bad.tenb", "--fn", "total", "--input", "x=x.npy"]).contains("hash"));
}

#[test]
fn tests_tell_what_was_found_and_expected() {
    let bench = leaky();
    let text = bench.ok(&["test", "leaky.seq"]);
    assert!(text.contains("\"a half each time\" on cpu .. ok"), "{text}");
    assert!(text.contains("\"a half each time\" on reference .. ok"), "{text}");
    assert!(text.ends_with("ok: 2 passed, 0 failed\n"), "{text}");
    let wrong =
        "test \"sums\" {\n    assert_close([1.0, 2.0] + 1, [2.0, 4.0], 1e-3)\n    assert(1.0 > 2.0)\n}\n";
    std::fs::write(bench.path("wrong.seq"), wrong).unwrap();
    let printed = bench.run(&["test", "wrong.seq", "--device", "reference"]);
    assert_eq!(printed.code, 1);
    assert!(printed.out.contains("\"sums\" on reference .. FAILED"), "{}", printed.out);
    assert!(printed.err.contains("entry [1]: found 3, expected 4"), "{}", printed.err);
    assert!(
        printed.err.contains("an assertion does not hold") && printed.err.contains("wrong.seq:3"),
        "{}",
        printed.err
    );
    let object = bench.run(&["test", "leaky.seq", "wrong.seq", "--json"]).out;
    assert!(object.starts_with("{\"ok\":false,\"passed\":2,\"failed\":2,"), "{object}");
}

#[test]
fn every_stage_has_a_text() {
    let bench = leaky();
    for (stage, part) in [
        ("ast", "leaky"),
        ("graph", "states(line 0 depth 1)"),
        ("optimize", "states(line 0 depth 1)"),
        ("schedule", "kernel"),
        ("clif", "function"),
        ("mlir", "llvm.func @k"),
    ] {
        let text = bench.ok(&["compile", "leaky.seq", "--emit", stage]);
        assert!(text.contains(part), "{stage}: {text}");
        bench.ok(&["compile", "leaky.seq", "--emit", stage, "-o", "stage.txt"]);
        assert_eq!(std::fs::read_to_string(bench.path("stage.txt")).unwrap(), text);
    }
    let said = bench.refused(&["compile", "leaky.seq", "--emit", "grpah"]);
    assert!(said.contains("did you mean `graph`?"), "{said}");
}

#[test]
fn explain_bench_and_doctor_speak_json() {
    let bench = leaky();
    let object = bench.ok(&["explain", "leaky.seq", "--json"]);
    assert!(
        object.contains("\"class\":\"diagonal-constant\"") && object.contains("\"streams\":true"),
        "{object}"
    );
    assert!(bench.ok(&["explain", "leaky.seq", "--fn", "total"]).contains("needs whole sequences"));
    for field in ["\"fired\":[", "\"lost\":[", "\"refused\":[", "\"variants\":[", "\"form\":\"step\""] {
        assert!(object.contains(field), "{field} in {object}");
    }
    bench.ok(&["explain", "leaky.seq", "--html", "page.html"]);
    let page = std::fs::read_to_string(bench.path("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.matches("<svg").count() >= 3, "{page}");
    // It needs nothing but itself.
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("url("), "{page}");
    let object =
        bench.ok(&["bench", "leaky.seq", "--fn", "forward", "--hint", "B=1,T=16", "--repeat", "2", "--json"]);
    for field in ["\"entries\":[{\"name\":\"forward\"", "median_s", "min_s", "flops", "bytes", "tokens_per_s"]
    {
        assert!(object.contains(field), "{field} in {object}");
    }
    assert!(bench.ok(&["doctor"]).contains("threads"));
    assert!(bench.ok(&["doctor", "--json"]).starts_with('{'));
}

#[test]
fn check_and_fmt() {
    let bench = leaky();
    bench.ok(&["check", "leaky.seq"]);
    assert!(bench.ok(&["check", "leaky.seq", "--json"]).starts_with("{\"ok\":true,"));
    std::fs::write(bench.path("bad.seq"), "fn f(x: f32[T]) -> f32[T] { y + zz }\n").unwrap();
    let said = bench.refused(&["check", "bad.seq"]);
    assert!(said.contains("bad.seq:1:29") && said.contains("bad.seq:1:33"), "{said}");
    let printed = bench.run(&["check", "bad.seq", "--json"]);
    assert_eq!(printed.code, 1);
    assert!(
        printed.out.starts_with("{\"ok\":false,") && printed.out.contains("\"line\":1"),
        "{}",
        printed.out
    );
    std::fs::write(bench.path("loose.seq"), "fn f(x:f32[T])->f32[T]{x+1}\n").unwrap();
    let printed = bench.run(&["fmt", "--check", "loose.seq"]);
    assert_eq!((printed.code, printed.err.as_str()), (1, "would reformat loose.seq\n"));
    bench.ok(&["fmt", "loose.seq"]);
    bench.ok(&["fmt", "--check", "loose.seq"]);
}

#[test]
fn wrong_arguments_are_told_with_hints() {
    let bench = leaky();
    let cases: &[(&[&str], &[&str])] = &[
        (&["run", "leaky.seq"], &["the input `x: f32[T, 2]` is missing", "--input x=x.npy"]),
        (&["run", "leaky.seq", "--input", "y=x.npy"], &["there is no input `y`", "is missing"]),
        (&["run", "leaky.seq", "--input", "x"], &["`--input x` gives no input a value"]),
        (&["run", "leaky.seq", "--input", "x=no.npy"], &["cannot read `no.npy`: there is no such file"]),
        (&["run", "no.seq", "--input", "x=x.npy"], &["cannot read `no.seq`: there is no such file"]),
        (&["run", "leaky.seq", "--fn", "forwrad", "--input", "x=x.npy"], &["did you mean `forward`?"]),
        (&["run", "leaky.seq", "--preset", "wid", "--input", "x=x.npy"], &["did you mean `wide`?"]),
        (&["run", "leaky.seq", "--set", "E=4", "--input", "x=x.npy"], &["no hyperparameter `E`"]),
        (&["run", "leaky.seq", "--set", "D", "--input", "x=x.npy"], &["`--set D` sets nothing"]),
        (&["run", "leaky.seq", "--model", "other", "--input", "x=x.npy"], &["there is no model `other`"]),
        (&["run", "leaky.seq", "--stream", "0", "--input", "x=x.npy"], &["feeds nothing"]),
        (&["run", "leaky.seq", "--threads", "0", "--input", "x=x.npy"], &["--threads 1"]),
        (&["run", "leaky.seq", "--hint", "fast", "--input", "x=x.npy"], &["--hint B=8,T=2048"]),
        (
            &["run", "leaky.seq", "--without-rule", "nothing", "--input", "x=x.npy"],
            &["there is no rule `nothing`"],
        ),
        (
            &["run", "leaky.seq", "--form", "diagonal-constant=chunk", "--input", "x=x.npy"],
            &["`chunk` is no form", "chunk(64)"],
        ),
        (&["run", "leaky.seq", "--grad", "g.safetensors", "--input", "x=x.npy"], &["gradients"]),
        (
            &["run", "leaky.seq", "--input", "x=x.npy", "--output", "nope=y.npy"],
            &["there is no result `nope`"],
        ),
        (&["compile", "leaky.seq"], &["-o M.tenb, or --emit graph"]),
        (
            &["compile", "leaky.seq", "--target", "sm_70", "-o", "m.tenb"],
            &["there is no target `sm_70`", "--target sm_90"],
        ),
        (&["frobnicate"], &["unrecognized subcommand"]),
        (&["run"], &["FILE|M.tenb"]),
    ];
    for (args, parts) in cases {
        let said = bench.refused(args);
        for part in *parts {
            assert!(said.contains(part), "{args:?}: expected `{part}` in\n{said}");
        }
    }
    assert_eq!(bench.run(&["run", "leaky.seq", "--device", "cuda", "--input", "x=x.npy"]).code, 2);
}

#[test]
fn help_teaches_by_example() {
    let bench = Bench::new(&[]);
    assert!(bench.ok(&["--help"]).contains("Examples:"));
    for command in
        ["check", "fmt", "test", "init", "compile", "run", "explain", "bench", "emulate", "completions"]
    {
        let help = bench.ok(&[command, "--help"]);
        assert!(help.contains(&format!("tensc {command} ")), "{help}");
    }
    assert!(bench.ok(&["compile", "--help"]).contains("optimize  the graph after the optimiser's rules"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(bench.ok(&["completions", shell]).contains("tensc"));
    }
}
