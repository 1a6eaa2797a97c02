//! What users hand in, against what an entry declares.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use tensc_ir::{DType, Type, parse_dim};
use tensc_runtime::arguments::{Hint, bind};
use tensc_runtime::file::npy;
use tensc_runtime::{ArgumentSpec, Bound, Cancel, Given, Tensor, Value};

fn spec(name: &str, dtype: DType, shape: &[&str]) -> ArgumentSpec {
    let shape = shape.iter().map(|text| parse_dim(text).unwrap()).collect();
    ArgumentSpec { name: name.into(), ty: Type::new(dtype, shape), optional: false, below: None }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An array of zeros in a file; what is typed to hand it in.
    fn array(&self, input: &str, dtype: DType, shape: &[usize]) -> String {
        let name = format!("{input}-{dtype}-{shape:?}.npy");
        let tensor = Tensor::zeros(dtype, shape.to_vec(), "a test").unwrap();
        npy::save(&self.path(&name), &tensor, &Cancel::new()).unwrap();
        format!("{input}={}", self.path(&name).display())
    }
}

fn bound(specs: &[ArgumentSpec], typed: &[String]) -> Result<Bound, Vec<String>> {
    let given: Vec<Given> = typed.iter().map(|text| Given::parse(text).unwrap()).collect();
    bind(specs, &given, Hint { batch: 3, length: 7 }, 5)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn shapes(bound: &Bound) -> Vec<(Vec<usize>, bool)> {
    bound.arguments.iter().map(|(tensor, batched)| (tensor.shape().to_vec(), *batched)).collect()
}

#[test]
fn values_are_read_as_typed() {
    let value = |text: &str| Given::parse(text).map(|given| given.value);
    assert_eq!(value("x=a.npy"), Some(Value::File("a.npy".into())));
    assert_eq!(value("x=bytes:a=b.txt"), Some(Value::Bytes("a=b.txt".into())));
    assert_eq!(value("x=random"), Some(Value::Random));
    assert_eq!(value("n=7"), Some(Value::Number(7.0, "7".into())));
    assert_eq!(value("n=-1e-3"), Some(Value::Number(-1e-3, "-1e-3".into())));
    assert_eq!(value("n=true"), Some(Value::Number(1.0, "true".into())));
    for text in ["x", "=a.npy", "x="] {
        assert_eq!(Given::parse(text), None, "{text}");
    }
}

#[test]
fn sizes_and_batch_come_from_the_arrays() {
    let files = Files::new();
    let specs = [
        spec("x", DType::F32, &["T", "4"]),
        spec("y", DType::I32, &["ceil(T / 2)"]),
        spec("n", DType::I32, &[]),
    ];
    let x = files.array("x", DType::F32, &[2, 5, 4]);
    let y = files.array("y", DType::I32, &[3]);
    let found = bound(&specs, &[x, y, "n=7".into()]).unwrap();
    assert_eq!(shapes(&found), [(vec![2, 5, 4], true), (vec![3], false), (vec![], false)]);
    assert_eq!(found.batch, Some(2));
    assert_eq!(found.sizes["T"], 5);
    assert_eq!(found.arguments[2].0.entry(0), Some((7.0, 0.0)));
}

#[test]
fn one_sequence_serves_a_batch_of_several() {
    let files = Files::new();
    let specs = [spec("x", DType::F32, &["T"]), spec("y", DType::F32, &["T"])];
    for order in [[1, 4], [4, 1]] {
        let typed =
            [files.array("x", DType::F32, &[order[0], 5]), files.array("y", DType::F32, &[order[1], 5])];
        let found = bound(&specs, &typed).unwrap();
        assert_eq!(found.batch, Some(4));
        assert_eq!(
            found.arguments.iter().map(|(_, batched)| *batched).collect::<Vec<_>>(),
            order.map(|n| n == 4)
        );
    }
}

#[test]
fn every_problem_is_told() {
    let files = Files::new();
    let specs = [spec("x", DType::F32, &["T", "4"]), spec("y", DType::F32, &["T"])];
    let errors = |typed: &[String]| bound(&specs, typed).unwrap_err();
    let (x, y) = (files.array("x", DType::F32, &[5, 4]), files.array("y", DType::F32, &[5]));
    assert_eq!(errors(&[]), ["the input `x: f32[T, 4]` is missing", "the input `y: f32[T]` is missing"]);
    assert_eq!(errors(&[x.clone(), y.clone(), y.clone()]), ["the input `y` is given twice"]);
    let unknown = errors(&[x.clone(), y.clone(), "z=1".into()]);
    assert_eq!(unknown, ["there is no input `z`; the inputs are x: f32[T, 4], y: f32[T]"]);
    let short = errors(&[x.clone(), files.array("y", DType::F32, &[4])]);
    assert_eq!(
        short,
        [
            "the input `y` is declared f32[T], and the array is f32[4]: its axis 0 is 4, expected T = 5 as in `x`"
        ]
    );
    let rank = errors(&[x.clone(), files.array("y", DType::F32, &[2, 2, 5])]);
    assert_eq!(
        rank,
        [
            "the input `y` is declared f32[T], and the array is f32[2, 2, 5]: it has 3 axes, expected 1 or one more for the batch"
        ]
    );
    let double = errors(&[files.array("x", DType::F64, &[5, 4]), "y=7".into()]);
    assert_eq!(
        double,
        [
            "the input `x` is declared f32[T, 4], and the array is f64[5, 4]",
            "the input `y` is declared f32[T], and `7` is given",
        ]
    );
    let batches = errors(&[files.array("x", DType::F32, &[2, 5, 4]), files.array("y", DType::F32, &[3, 5])]);
    assert_eq!(batches, ["the input `x` has a batch of 2, and `y` has a batch of 3"]);
    let given = Given::parse(&files.array("x", DType::F64, &[5, 4])).unwrap();
    let hints = bind(&specs[..1], &[given], Hint::default(), 0).unwrap_err();
    assert_eq!(hints[0].hint().unwrap(), "numpy.save(\"x.npy\", x.astype(numpy.float32))");
}

#[test]
fn a_size_that_is_not_whole_is_told() {
    let files = Files::new();
    let specs = [spec("x", DType::F32, &["T"]), spec("y", DType::F32, &["T / 2"])];
    let typed = [files.array("x", DType::F32, &[5]), files.array("y", DType::F32, &[2])];
    let errors = bound(&specs, &typed).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with("the input `y` is declared f32[1/2 * T]") || errors[0].contains("5 / 2"),
        "{errors:?}"
    );
}

#[test]
fn random_inputs_take_the_hint_and_stay_in_range() {
    let files = Files::new();
    let mut tokens = spec("tokens", DType::I32, &["T"]);
    tokens.below = Some(11);
    let specs = [tokens, spec("z", DType::C64, &["T", "2"])];
    let typed = ["tokens=random".to_owned(), "z=random".to_owned()];
    let found = bound(&specs, &typed).unwrap();
    assert_eq!(shapes(&found), [(vec![3, 7], true), (vec![3, 7, 2], true)]);
    let entries = |n: usize| -> Vec<(f64, f64)> {
        let tensor = &found.arguments[n].0;
        (0..tensor.len()).map(|i| tensor.entry(i).unwrap()).collect()
    };
    assert!(entries(0).iter().all(|(x, _)| (0.0..11.0).contains(x) && x.fract() == 0.0));
    assert!(entries(1).iter().all(|(re, im)| *re != 0.0 && *im != 0.0 && re != im));
    assert_eq!(found.arguments[0].0.bytes(), bound(&specs, &typed).unwrap().arguments[0].0.bytes());
    // Beside an array, sizes are the array's and the hint's batch is not added.
    let tokens = files.array("tokens", DType::I32, &[9]);
    assert_eq!(shapes(&bound(&specs, &[tokens, "z=random".into()]).unwrap())[1], (vec![9, 2], false));
}

#[test]
fn bytes_become_whole_numbers() {
    let files = Files::new();
    std::fs::write(files.path("t"), [7, 255, 0]).unwrap();
    std::fs::write(files.path("empty"), []).unwrap();
    let specs = [spec("tokens", DType::I32, &["T"])];
    let typed = |path: &Path| vec![format!("tokens=bytes:{}", path.display())];
    let found = bound(&specs, &typed(&files.path("t"))).unwrap();
    let values: Vec<f64> = (0..3).map(|i| found.arguments[0].0.entry(i).unwrap().0).collect();
    assert_eq!(values, [7.0, 255.0, 0.0]);
    assert_eq!(bound(&specs, &typed(&files.path("empty"))).unwrap().sizes["T"], 0);
    let floats = [spec("tokens", DType::F32, &["T"])];
    let errors = bound(&floats, &typed(&files.path("t"))).unwrap_err();
    assert_eq!(errors, ["the input `tokens` is declared f32[T], and a file's worth of bytes is given"]);
}
