//! The golden files: cases and models with what NumPy says of them.

use crate::array::{Array, read_safetensors};
use crate::binary::{root, tensc_in};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A function with inputs and the result that NumPy computes.
#[derive(Debug)]
pub struct Case {
    /// The function's name.
    pub name: String,
    /// Its text.
    pub source: String,
    /// By name.
    pub inputs: BTreeMap<String, Array>,
    /// What it must give.
    pub result: Array,
}

/// The folder of golden files.
pub fn folder() -> PathBuf {
    root().join("tests/golden")
}

/// All cases of `builtins.seq`.
pub fn cases() -> Vec<Case> {
    let text =
        std::fs::read_to_string(folder().join("builtins.seq")).expect("builtins.seq is in the repository");
    let mut arrays = read_safetensors(&folder().join("builtins.safetensors"));
    let mut cases: Vec<Case> = Vec::new();
    for item in text.split("\n\n").map(str::trim).filter(|item| item.starts_with("fn ")) {
        let (name, _) = item["fn ".len()..].split_once('(').expect("functions have inputs");
        let result = arrays.remove(&format!("{name}/out")).unwrap_or_else(|| panic!("{name} has no result"));
        let prefix = format!("{name}/in/");
        let inputs = arrays
            .range(prefix.clone()..)
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(key, array)| (key[prefix.len()..].to_owned(), array.clone()))
            .collect();
        cases.push(Case { name: name.to_owned(), source: item.to_owned(), inputs, result });
    }
    arrays.retain(|key, _| !cases.iter().any(|case| key.starts_with(&format!("{}/in/", case.name))));
    assert!(arrays.is_empty(), "arrays that no function uses: {:?}", arrays.keys());
    cases
}

/// Runs one function of a file in a fresh folder and reads its one result.
pub fn run(
    file: &Path,
    function: &str,
    inputs: &BTreeMap<String, Array>,
    more: &[&str],
) -> Result<Array, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut args = vec!["run".to_owned(), file.display().to_string(), "--fn".to_owned(), function.to_owned()];
    for (name, array) in inputs {
        array.write_npy(&folder.path().join(format!("{name}.npy")));
        args.extend(["--input".to_owned(), format!("{name}={name}.npy")]);
    }
    args.extend(["--output", "out.npy", "--quiet"].map(str::to_owned));
    args.extend(more.iter().map(|&arg| arg.to_owned()));
    tensc_in(folder.path(), args).success()?;
    Array::read_npy(&folder.path().join("out.npy"))
}
