//! What a program answers: entry points, presets, settings, names of weights, files that use files.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

mod support;

use std::collections::BTreeMap;
use tensc_frontend::SourceMap;
use tensc_frontend::check::{Elaborated, Entry, Failure, Loader, Program};
use tensc_ir::{Array, DType, Options, Role, interpret, verify};

/// Files in memory.
struct Files(BTreeMap<&'static str, &'static str>);

impl Loader for Files {
    fn load(&mut self, from: &str, path: &str) -> Result<(String, String), String> {
        let mut parts: Vec<&str> = from.split('/').collect();
        parts.pop();
        for part in path.split('/') {
            match part {
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let name = parts.join("/");
        let text = self.0.get(name.as_str()).ok_or("no such file")?;
        Ok((name, (*text).to_owned()))
    }
}

fn program(text: &str) -> Program {
    let checked = support::check_text("main.seq", text);
    assert_eq!(checked.problems, "");
    checked.program
}

fn built(program: &Program, entry: &Entry<'_>) -> Elaborated {
    let built = program.elaborate(entry).unwrap_or_else(|error| panic!("{error:?}"));
    verify(built.graph.clone()).unwrap();
    verify(built.init.clone()).unwrap();
    built
}

fn refused(program: &Program, entry: &Entry<'_>) -> (String, Option<String>) {
    match program.elaborate(entry) {
        Err(Failure::Request { title, hint }) => (title, hint),
        Err(Failure::Source(problems)) => panic!("{problems:?}"),
        Ok(_) => panic!("it is accepted"),
    }
}

fn paths(built: &Elaborated) -> Vec<&str> {
    built.params.iter().map(|param| param.path.as_str()).collect()
}

const NAMES: &str = "
cell Scale(D) {
    param w: f32[D] = uniform(0, 1)
    buffer b: f32[D] = 0
    fn forward(x: f32[D]) -> f32[D] { x * w + b }
}
cell Wrap(D, inner, others = [Scale(D), Scale(D)]) {
    cell again = inner
    fn forward(x: f32[D]) -> f32[D] { again(inner(fold(others, x))) }
}
model m(D = 4, n = 3, act = tanh) {
    cell shared = Scale(D)
    cell own    = [Wrap(D, Scale(D)); n]
    cell every  = [Wrap(D, shared); n]
    fn forward(x: f32[T, D], h: f32[D] = 0) -> (y: f32[T, D], sum: f32) {
        let y = act(fold(every, fold(own, x)) + h)
        (y, sum(y, axis = all))
    }
    fn one(x: f32[D]) -> f32[D] { own[1](x) }
    preset wide { D = 8 }
    preset deep { n = 5, act = exp }
}
fn free(x: f32[T], scale: f32 = 2.0) -> f32[T] { x * scale }
";

#[test]
fn weights_are_named_by_their_place() {
    let program = program(NAMES);
    let settings = [("n".to_owned(), "2".to_owned())];
    let built = built(&program, &Entry { function: "forward", settings: &settings, ..Entry::default() });
    let mut expected = vec!["shared.w".to_owned(), "shared.b".to_owned()];
    for n in 0..2 {
        for cell in ["inner", "others.0", "others.1"] {
            expected.extend(["w", "b"].map(|name| format!("own.{n}.{cell}.{name}")));
        }
    }
    for n in 0..2 {
        for cell in ["others.0", "others.1"] {
            expected.extend(["w", "b"].map(|name| format!("every.{n}.{cell}.{name}")));
        }
    }
    assert_eq!(paths(&built), expected);
    assert!(built.params.iter().all(|param| param.trained == param.path.ends_with('w')));
    assert!(built.params.iter().all(|param| param.shape == [4] && param.dtype == DType::F32));
    let inputs: Vec<String> = built
        .graph
        .inputs
        .iter()
        .filter_map(|input| match &input.role {
            Role::Param { path } | Role::Buffer { path } => Some(path.clone()),
            _ => None,
        })
        .collect();
    assert!(inputs.contains(&"own.{}.others.{}.w".to_owned()), "{inputs:?}");
    assert!(inputs.contains(&"shared.w".to_owned()), "{inputs:?}");
    assert!(!inputs.iter().any(|path| path.starts_with("own.0")), "{inputs:?}");
}

#[test]
fn arguments_and_results_are_described() {
    let program = program(NAMES);
    let omit = ["h".to_owned()];
    let with = built(&program, &Entry { function: "forward", ..Entry::default() });
    let without = built(&program, &Entry { function: "forward", omit: &omit, ..Entry::default() });
    assert_eq!(
        with.arguments.iter().map(|a| (a.name.as_str(), a.ty.to_string(), a.has_default)).collect::<Vec<_>>(),
        [("x", "f32[T, 4]".to_owned(), false), ("h", "f32[4]".to_owned(), true),]
    );
    assert_eq!(with.results.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["y", "sum"]);
    let arguments =
        |built: &Elaborated| built.graph.inputs.iter().filter(|i| i.role == Role::Argument).count();
    assert_eq!((arguments(&with), arguments(&without)), (2, 1));
    let one = built(&program, &Entry { function: "one", ..Entry::default() });
    assert_eq!(one.results[0].name, "one");
}

#[test]
fn settings_beat_presets_beat_defaults() {
    let program = program(NAMES);
    let hypers = |preset, settings: &[(String, String)]| {
        built(&program, &Entry { function: "forward", preset, settings, ..Entry::default() }).hyperparameters
    };
    let value =
        |hypers: Vec<(String, String)>, name: &str| hypers.into_iter().find(|(n, _)| n == name).unwrap().1;
    let set = [("D".to_owned(), "2 * 3".to_owned())];
    assert_eq!(value(hypers(None, &[]), "D"), "4");
    assert_eq!(value(hypers(Some("wide"), &[]), "D"), "8");
    assert_eq!(value(hypers(Some("wide"), &set), "D"), "6");
    assert_eq!(value(hypers(Some("deep"), &[]), "n"), "5");
}

#[test]
fn functions_at_the_top_level_are_entries() {
    let program = program(NAMES);
    let free = built(&program, &Entry { function: "free", omit: &["scale".to_owned()], ..Entry::default() });
    assert!(free.params.is_empty());
    let x = Array::f32(&[3], &[1.0, 2.0, 3.0]).unwrap();
    let sizes = tensc_ir::bind_sizes(&free.graph, std::slice::from_ref(&x)).unwrap();
    let y = interpret(&verify(free.graph).unwrap(), &[x], &sizes, &Options::default()).unwrap();
    assert_eq!(y[0].as_real().unwrap(), [2.0, 4.0, 6.0]);
}

#[test]
fn what_is_not_there_is_refused() {
    let program = program(NAMES);
    let of = |entry: &Entry<'_>| refused(&program, entry);
    let settings = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    let forward = Entry { function: "forward", ..Entry::default() };
    assert_eq!(of(&Entry { function: "forwrd", ..Entry::default() }).1.unwrap(), "did you mean `forward`?");
    assert_eq!(of(&Entry { model: Some("n"), ..forward.clone() }).0, "there is no model `n`");
    assert_eq!(of(&Entry { preset: Some("wid"), ..forward.clone() }).1.unwrap(), "did you mean `wide`?");
    assert_eq!(
        of(&Entry { settings: &settings("E", "1"), ..forward.clone() }).0,
        "`m` has no hyperparameter `E`"
    );
    assert_eq!(
        of(&Entry { settings: &settings("D", "1 +"), ..forward.clone() }).0,
        "`D=1 +` does not set a value"
    );
    assert_eq!(
        of(&Entry { settings: &settings("D", "wide"), ..forward }).0,
        "the value of `D` is not known when compiling"
    );
}

#[test]
fn run_time_conditions_name_the_input() {
    let program = program(
        "fn f(x: f32[T], y: f32[4] = 0) -> f32[T / 2] { sum(reshape(x, [T / 2, 2])) + sum(x[0..3]) }",
    );
    let built = built(&program, &Entry { function: "f", ..Entry::default() });
    let messages: Vec<&str> = built.graph.requires.iter().map(|(_, message)| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`T / 2` is not a whole number for this length of `x`: it is {0}",
            "`3` is more than `T` for this length of `x`: T = {1}",
        ]
    );
}

#[test]
fn training_draws_masks_in_every_layer() {
    let text = "
cell L(D) {
    param w: f32[D] = 1
    fn forward(x: f32[D]) -> f32[D] { dropout(x * w, 0.5) }
}
model m(D = 4) {
    cell layers = [L(D); 3]
    fn forward(x: f32[T, D]) -> f32[T, D] { fold(layers, x) }
}";
    let program = program(text);
    let masks = |training| {
        let text =
            built(&program, &Entry { function: "forward", training, ..Entry::default() }).graph.to_string();
        text.matches("keep ").count()
    };
    assert_eq!((masks(false), masks(true)), (0, 3));
}

#[test]
fn files_use_files() {
    let mut files = Files(BTreeMap::from([
        (
            "models/blocks.seq",
            "use ../lib/parts\nuse std.norm.LayerNorm\ncell Block(D) {\n cell part = Part(D)\n cell norm = LayerNorm(D)\n fn forward(x: f32[D]) -> f32[D] { norm(part(x)) }\n}",
        ),
        (
            "lib/parts.seq",
            "const TWO = 2\ncell Part(D) {\n param w: f32[D] = TWO\n fn forward(x: f32[D]) -> f32[D] { x * w }\n}",
        ),
    ]));
    let mut sources = SourceMap::new();
    let text = "use ./blocks.Block\nuse ../lib/parts.TWO\nmodel m(D = 4) {\n cell block = Block(D)\n fn forward(x: f32[T, D]) -> f32[T, D] { block(x) * TWO }\n}";
    let root = sources.add("models/main.seq", text);
    let (program, problems) = tensc_frontend::check(&mut sources, root, &mut files);
    assert!(problems.is_empty(), "{problems:?}");
    let built = built(&program, &Entry { function: "forward", ..Entry::default() });
    assert_eq!(paths(&built), ["block.part.w", "block.norm.scale", "block.norm.shift"]);
    assert_eq!(program.models().len(), 1);
}

#[test]
fn a_name_that_is_used_does_not_make_its_file_a_name() {
    let checked = support::check_text("main.seq", "use std.norm\nfn f(x: f32[T]) -> f32 { norm(x) }");
    assert_eq!(checked.problems, "");
    let checked = support::check_text(
        "main.seq",
        "use std.norm.LayerNorm\nmodel m(D = 2) {\n cell a = RmsNorm(D)\n fn forward(x: f32[D]) -> f32[D] { a(x) }\n}",
    );
    assert!(checked.problems.contains("use std.norm.RmsNorm"), "{}", checked.problems);
}

#[test]
fn names_that_nothing_uses_are_warned_of_once() {
    let text = "
use std.norm.LayerNorm
use std.norm.RmsNorm

cell A(D, spare = 1) {
    param w:     f32[D] = 1.0
    param seen:  f32[D] = 1.0
    param idle:  f32[D] = 1.0
    cell  norm   = RmsNorm(D)
    cell  other  = RmsNorm(D)

    fn forward(x: f32[D]) -> f32[D] {
        let y      = 2.0
        let _z     = 3.0
        let (a, b) = both(norm(x))
        a * w
    }

    fn both(x: f32[D]) -> (a: f32[D], b: f32[D]) { (x, x) }
}

model m() {
    cell a = A(2)

    fn forward(x: f32[T]) -> f32[T] {
        rec { c[t] = 0.5 * c[t-1] + x[t]
              d[t] = d[t-1] + c[t]
              e[t] = e[t-1] + x[t] }
        d + sum(a.seen)
    }
}
";
    let checked = support::check_text("main.seq", text);
    assert_eq!(checked.problems, "");
    let titles: Vec<&str> =
        checked.warnings.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
    assert_eq!(
        titles,
        [
            "`LayerNorm` is not used",
            "the hyperparameter `spare` is not used",
            "the parameter `idle` is not used",
            "the cell `other` is not used",
            "`y` is not used",
            "`b` is not used",
            "the sequence `e` is not used",
        ]
    );
}

#[test]
fn a_weight_that_layers_and_the_rest_read_is_one_input() {
    let text = "
cell A(D) {
    param w: f32[D] = uniform(0, 1)

    fn forward(x: f32[D]) -> f32[D] { w * x }
}

model m() {
    cell layers = [A(3); 4]

    fn forward(x: f32[3]) -> f32[3] { fold(layers, x) + layers[2].w + layers[0](x) }
}
";
    let built = built(&program(text), &Entry { function: "forward", ..Entry::default() });
    let weights: Vec<String> = built
        .graph
        .inputs
        .iter()
        .filter(|input| matches!(input.role, Role::Param { .. }))
        .map(|input| format!("{} {}", input.name, input.ty))
        .collect();
    assert_eq!(weights, ["layers.{}.w f32[4, 3]"]);
    let w = Array::f32(&[4, 3], &[1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 0.5, 2.0, 4.0, 1.0, 1.0, 1.0]).unwrap();
    let x = Array::f32(&[3], &[1.0, 10.0, 100.0]).unwrap();
    let inputs: Vec<Array> = built
        .graph
        .inputs
        .iter()
        .map(|input| if input.name == "x" { x.clone() } else { w.clone() })
        .collect();
    let y =
        interpret(&verify(built.graph).unwrap(), &inputs, &Default::default(), &Options::default()).unwrap();
    assert_eq!(y[0].as_real().unwrap(), [0.5 + 0.5 + 1.0, 40.0 + 2.0 + 20.0, 1200.0 + 4.0 + 300.0]);
}

#[test]
fn cells_that_are_alike_are_checked_once() {
    // Each calls two of the kind before it.
    let mut text = String::from("cell C0(D) {\n    fn forward(x: f32[D]) -> f32[D] { tanh(x) }\n}\n");
    for n in 1..=8 {
        text.push_str(&format!(
            "cell C{n}(D) {{\n    cell parts = [C{m}(D); 2]\n\n    fn forward(x: f32[D]) -> f32[D] {{ parts[0](x) + parts[1](x) }}\n}}\n",
            m = n - 1
        ));
    }
    text.push_str(
        "model m(D = 4) {\n    cell c = C6(D)\n\n    fn forward(x: f32[D]) -> f32[D] { c(x) + y }\n}\n",
    );
    // What is wrong in what is shared is found all the same, once.
    let checked = support::check_text("main.seq", &text);
    assert_eq!(checked.problems.matches("error: ").count(), 1, "{}", checked.problems);
    assert!(checked.problems.contains("unknown name `y`"), "{}", checked.problems);
}
