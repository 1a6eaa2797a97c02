//! What a user hands in (`x=a.npy`, `n=7`, `x=random`, `tokens=bytes:some.txt`) against what an entry declares.
//!
//! Names become arrays of the declared element type; the sizes of axes give the entry's named sizes and the batch. Every problem is reported, not just the first.

mod bind; // sizes and batch from shapes
mod error; // what can be wrong
mod load; // a value as an array

pub use error::ArgumentError;

use crate::tensor::Tensor;
use std::path::PathBuf;
use tensc_ir::{Sizes, Type};

/// An input that an entry declares.
#[derive(Clone, Debug)]
pub struct ArgumentSpec {
    /// Its name.
    pub name: String,
    /// Its type; a size that is a bare name is what an array's axis gives.
    pub ty: Type,
    /// Whether it may be left out; such an input is then no part of what is bound.
    pub optional: bool,
    /// Random whole numbers are drawn below this: the size of the table that they index.
    pub below: Option<i64>,
}

/// A value as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A `.npy` file.
    File(PathBuf),
    /// The bytes of any file, as numbers.
    Bytes(PathBuf),
    /// Drawn by the seed.
    Random,
    /// A number or truth value, as typed.
    Number(f64, String),
}

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Which input.
    pub name: String,
    /// What it is.
    pub value: Value,
}

impl Given {
    /// Reads `NAME=VALUE`; `None` without a name or `=`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || value.is_empty() {
            return None;
        }
        let number = |x: f64| Value::Number(x, value.to_owned());
        let value = match value {
            "random" => Value::Random,
            "true" => number(1.0),
            "false" => number(0.0),
            _ => match (value.strip_prefix("bytes:"), value.parse::<f64>()) {
                (Some(path), _) => Value::Bytes(path.into()),
                (None, Ok(x)) => number(x),
                (None, Err(_)) => Value::File(value.into()),
            },
        };
        Some(Self { name: name.to_owned(), value })
    }
}

/// Sizes for what is drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Sequences.
    pub batch: usize,
    /// Every named size that no array gives.
    pub length: usize,
}

impl Default for Hint {
    fn default() -> Self {
        Self { batch: 8, length: 2048 }
    }
}

/// Arguments that fit an entry.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Those that were given, in the order of declaration, each with whether it has the leading batch axis.
    pub arguments: Vec<(Tensor, bool)>,
    /// Number of sequences, where an argument has a batch axis.
    pub batch: Option<usize>,
    /// The named sizes.
    pub sizes: Sizes,
}

/// Loads the given values and fits them to the declared inputs.
///
/// # Errors
/// Everything that is wrong: names, files, element types, shapes, sizes that contradict each other.
pub fn bind(
    specs: &[ArgumentSpec],
    given: &[Given],
    hint: Hint,
    seed: u64,
) -> Result<Bound, Vec<ArgumentError>> {
    let mut errors = names(specs, given);
    let mut loaded = Vec::new();
    for spec in specs {
        let Some(one) = given.iter().find(|one| one.name == spec.name) else { continue };
        match load::load(spec, &one.value) {
            Ok(value) => loaded.push((spec, value)),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    bind::bind(loaded, hint, seed)
}

/// Names that are unknown, given twice or missing.
fn names(specs: &[ArgumentSpec], given: &[Given]) -> Vec<ArgumentError> {
    let mut errors = Vec::new();
    let declared = || specs.iter().map(|spec| spec.name.as_str());
    for (n, one) in given.iter().enumerate() {
        if !declared().any(|name| name == one.name) {
            errors.push(ArgumentError::Unknown {
                name: one.name.clone(),
                meant: crate::suggest::suggest(&one.name, declared()).map(str::to_owned),
                declared: specs.iter().map(|spec| format!("{}: {}", spec.name, spec.ty)).collect(),
            });
        } else if given.iter().take(n).any(|other| other.name == one.name) {
            errors.push(ArgumentError::Twice { name: one.name.clone() });
        }
    }
    for spec in specs {
        if !spec.optional && given.iter().all(|one| one.name != spec.name) {
            errors.push(ArgumentError::Missing { name: spec.name.clone(), ty: spec.ty.to_string() });
        }
    }
    errors
}
