//! Weights: the arrays of a file matched against what a model declares, and stacked as a program wants them.

use crate::file::safetensors::Stored;
use crate::suggest::suggest;
use crate::tensor::{ConvertError, OutOfMemory, Tensor, convert, stack, type_text, widen};
use indexmap::IndexMap;
use std::fmt;
use tensc_ir::DType;

/// An array that a model declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name in weight files, e.g. `blocks.0.flows.1.alpha`.
    pub path: String,
    /// Element type.
    pub dtype: DType,
    /// Sizes of the axes.
    pub shape: Vec<usize>,
}

impl ParamSpec {
    fn ty(&self) -> String {
        type_text(self.dtype, &self.shape)
    }
}

/// One thing that does not line up between a model and its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// Declared and not there.
    Missing {
        /// The declared name.
        path: String,
        /// The declared type.
        ty: String,
        /// A name of the file that may be meant.
        meant: Option<String>,
    },
    /// There and not declared.
    Unexpected {
        /// The name in the file.
        path: String,
        /// Its type there.
        ty: String,
        /// A declared name that may be meant.
        meant: Option<String>,
    },
    /// Another shape.
    Shape {
        /// The name.
        path: String,
        /// The declared type.
        expected: String,
        /// The type in the file.
        found: String,
    },
    /// An element type that does not become the declared one by itself.
    DType {
        /// The name.
        path: String,
        /// The declared type.
        expected: String,
        /// The type in the file.
        found: String,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let did_you_mean = |meant: &Option<String>| {
            meant.as_ref().map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
        };
        match self {
            Self::Missing { path, ty, meant } => {
                let there = meant
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" (the file has `{name}` of this shape)"));
                write!(f, "missing     `{path}`: {ty}{there}")
            }
            Self::Unexpected { path, ty, meant } => {
                write!(f, "unexpected  `{path}`: {ty}{}", did_you_mean(meant))
            }
            Self::Shape { path, expected, found } => {
                write!(f, "shape       `{path}`: expected {expected}, found {found}")
            }
            Self::DType { path, expected, found } => {
                write!(f, "dtype       `{path}`: expected {expected}, found {found}")
            }
        }
    }
}

/// Weights that do not fit a model: everything that is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsError {
    /// In the order of declaration, then of the file.
    pub mismatches: Vec<Mismatch>,
    /// Number of declared arrays.
    pub declared: usize,
}

/// Lines of one kind that are shown before "and 12 more".
const SHOWN: usize = 20;

/// Whether a mismatch is of a kind.
type Kind = fn(&Mismatch) -> bool;

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: [(&str, Kind); 4] = [
            ("missing", |m| matches!(m, Mismatch::Missing { .. })),
            ("unexpected", |m| matches!(m, Mismatch::Unexpected { .. })),
            ("of another shape", |m| matches!(m, Mismatch::Shape { .. })),
            ("of another element type", |m| matches!(m, Mismatch::DType { .. })),
        ];
        let counts = kinds.iter().filter_map(|(name, is)| {
            let count = self.mismatches.iter().filter(|m| is(m)).count();
            (count > 0).then(|| format!("{count} {name}"))
        });
        let counts: Vec<String> = counts.collect();
        write!(f, "the weights do not fit the model: {}", counts.join(", "))?;
        for (_, is) in kinds {
            let lines: Vec<&Mismatch> = self.mismatches.iter().filter(|m| is(m)).collect();
            for line in lines.iter().take(SHOWN) {
                write!(f, "\n  {line}")?;
            }
            if lines.len() > SHOWN {
                write!(f, "\n  .. and {} more", lines.len() - SHOWN)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for WeightsError {}

/// Why a program's weight cannot be made from the arrays by name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StackError {
    /// No array of this name.
    #[error("the weights have no `{0}`")]
    Missing(String),
    /// The array has another number of entries than the program's buffer.
    #[error("`{path}` has the shape {found:?}, and the program wants {wanted:?}")]
    Shape {
        /// Which weight.
        path: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the program wants.
        wanted: Vec<usize>,
    },
    /// No memory for the stacked array.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// Arrays by path, as a model declares them.
#[derive(Clone, Debug, Default)]
pub struct Weights {
    tensors: IndexMap<String, Tensor>,
}

impl Weights {
    /// Arrays that are known to be those of the model.
    #[must_use]
    pub fn new(tensors: IndexMap<String, Tensor>) -> Self {
        Self { tensors }
    }

    /// The arrays of a file where they are exactly those that the model declares; else all that is wrong.
    ///
    /// # Errors
    /// Every array that is missing, unexpected, of another shape, or of a type that does not widen to the declared one.
    pub fn matched(
        declared: &[ParamSpec],
        mut found: IndexMap<String, Stored>,
    ) -> Result<Self, WeightsError> {
        let mut mismatches = Vec::new();
        let mut tensors = IndexMap::with_capacity(declared.len());
        let mut missing = Vec::new();
        for spec in declared {
            let Some(stored) = found.shift_remove(&spec.path) else {
                // An array of no entries (`b` of a layer without a bias) has nothing to say.
                let empty = spec
                    .shape
                    .contains(&0)
                    .then(|| Tensor::zeros(spec.dtype, spec.shape.clone(), &spec.path));
                match empty {
                    Some(Ok(tensor)) => {
                        tensors.insert(spec.path.clone(), tensor);
                    }
                    Some(Err(_)) | None => missing.push(spec),
                }
                continue;
            };
            match fit(spec, &stored) {
                Ok(tensor) => {
                    tensors.insert(spec.path.clone(), tensor);
                }
                Err(mismatch) => mismatches.push(mismatch),
            }
        }
        if mismatches.is_empty() && missing.is_empty() && found.is_empty() {
            return Ok(Self { tensors });
        }
        mismatches.extend(missing.iter().enumerate().map(|(n, spec)| Mismatch::Missing {
            path: spec.path.clone(),
            ty: spec.ty(),
            // Only what is shown is worth the search.
            meant: if n < SHOWN { same_shape(spec, &found) } else { None },
        }));
        mismatches.extend(found.iter().enumerate().map(|(n, (path, stored))| Mismatch::Unexpected {
            path: path.clone(),
            ty: stored.ty(),
            meant: if n < SHOWN {
                suggest(path, missing.iter().map(|spec| spec.path.as_str())).map(str::to_owned)
            } else {
                None
            },
        }));
        Err(WeightsError { mismatches, declared: declared.len() })
    }

    /// The array of this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Tensor> {
        self.tensors.get(path)
    }

    /// All arrays by path, in the order of declaration.
    #[must_use]
    pub fn tensors(&self) -> &IndexMap<String, Tensor> {
        &self.tensors
    }

    /// The array of a path in which each `{}` stands for an index of one leading axis: `blocks.{}.norm.scale` stacks the scales of all blocks.
    ///
    /// # Errors
    /// When an array is missing or has another shape, or there is no memory.
    pub fn stacked(&self, path: &str, dtype: DType, shape: &[usize]) -> Result<Tensor, StackError> {
        let wrong = |found: &[usize]| StackError::Shape {
            path: path.to_owned(),
            found: found.to_vec(),
            wanted: shape.to_vec(),
        };
        let Some((before, after)) = path.split_once("{}") else {
            let tensor = self.get(path).ok_or_else(|| StackError::Missing(path.to_owned()))?;
            if tensor.shape() != shape {
                return Err(wrong(tensor.shape()));
            }
            let tensor = if tensor.dtype() == dtype { Ok(tensor.clone()) } else { convert(tensor, dtype) };
            return match tensor {
                Ok(tensor) => Ok(tensor.aligned("a weight")?),
                Err(ConvertError::Memory(error)) => Err(error.into()),
                Err(ConvertError::Narrows { .. }) => Err(wrong(shape)),
            };
        };
        let (&count, inner) = shape.split_first().ok_or_else(|| wrong(&[]))?;
        let parts = (0..count).map(|i| self.stacked(&format!("{before}{i}{after}"), dtype, inner));
        let parts: Vec<Tensor> = parts.collect::<Result<_, _>>()?;
        if parts.is_empty() {
            return Ok(Tensor::zeros(dtype, shape.to_vec(), "a weight")?);
        }
        stack(&parts)?.ok_or_else(|| wrong(inner))
    }
}

fn fit(spec: &ParamSpec, stored: &Stored) -> Result<Tensor, Mismatch> {
    let (path, expected, found) = (spec.path.clone(), spec.ty(), stored.ty());
    if stored.shape() != spec.shape {
        return Err(Mismatch::Shape { path, expected, found });
    }
    match stored {
        Stored::Tensor(tensor) => {
            widen(tensor, spec.dtype).map_err(|_| Mismatch::DType { path, expected, found })
        }
        Stored::Other { .. } => Err(Mismatch::DType { path, expected, found }),
    }
}

/// The only left-over array of the wanted shape, or the one whose name is nearest.
fn same_shape(spec: &ParamSpec, found: &IndexMap<String, Stored>) -> Option<String> {
    let mut fitting = found.iter().filter(|(_, stored)| stored.shape() == spec.shape);
    let names: Vec<&str> = fitting.by_ref().map(|(name, _)| name.as_str()).collect();
    match names.as_slice() {
        [only] => Some((*only).to_owned()),
        several => suggest(&spec.path, several.iter().copied()).map(str::to_owned),
    }
}

impl Stored {
    /// Sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.shape(),
            Self::Other { shape, .. } => shape,
        }
    }

    /// `f32[2, 3]`; a type that the language lacks under the file's name, `I64[3]`.
    #[must_use]
    pub fn ty(&self) -> String {
        match self {
            Self::Tensor(tensor) => tensor.to_string(),
            Self::Other { dtype, shape } => {
                let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("{dtype}[{}]", sizes.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(path: &str, shape: &[usize]) -> ParamSpec {
        ParamSpec { path: path.into(), dtype: DType::F32, shape: shape.to_vec() }
    }

    fn stored(dtype: DType, shape: &[usize]) -> Stored {
        Stored::Tensor(Tensor::zeros(dtype, shape.to_vec(), "a test").unwrap())
    }

    #[test]
    fn everything_that_does_not_fit_is_listed() {
        let declared =
            [spec("a", &[2]), spec("b", &[3]), spec("c", &[4]), spec("d", &[5]), spec("norm.scale", &[6, 7])];
        let found = IndexMap::from([
            ("a".to_owned(), stored(DType::F16, &[2])),
            ("b".to_owned(), stored(DType::F32, &[4])),
            ("c".to_owned(), stored(DType::F64, &[4])),
            ("d".to_owned(), Stored::Other { dtype: "I64", shape: vec![5] }),
            ("norm.scales".to_owned(), stored(DType::F32, &[6, 7])),
        ]);
        let error = Weights::matched(&declared, found).unwrap_err();
        let expected = "\
the weights do not fit the model: 1 missing, 1 unexpected, 1 of another shape, 2 of another element type
  missing     `norm.scale`: f32[6, 7] (the file has `norm.scales` of this shape)
  unexpected  `norm.scales`: f32[6, 7] (did you mean `norm.scale`?)
  shape       `b`: expected f32[3], found f32[4]
  dtype       `c`: expected f32[4], found f64[4]
  dtype       `d`: expected f32[5], found I64[5]";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn long_lists_end_with_a_count() {
        let declared: Vec<ParamSpec> = (1..=50).map(|n| spec(&format!("w{n}"), &[n])).collect();
        let text = Weights::matched(&declared, IndexMap::new()).unwrap_err().to_string();
        assert_eq!(text.lines().count(), 22);
        assert!(text.ends_with("  .. and 30 more"));
    }

    #[test]
    fn layers_are_stacked_by_path() {
        let one = |x: f32| Tensor::from_bytes(DType::F32, vec![1], &x.to_ne_bytes()).unwrap();
        let mut tensors = IndexMap::new();
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            tensors.insert(format!("blocks.{i}.flows.{j}.a"), one((2 * i + j) as f32));
        }
        let weights = Weights::new(tensors);
        let stacked = weights.stacked("blocks.{}.flows.{}.a", DType::F32, &[2, 2, 1]).unwrap();
        assert_eq!(stacked.shape(), [2, 2, 1]);
        let entries: Vec<f64> = (0..4).map(|i| stacked.entry(i).unwrap().0).collect();
        assert_eq!(entries, [0.0, 1.0, 2.0, 3.0]);
        let missing = weights.stacked("blocks.{}.flows.{}.a", DType::F32, &[3, 2, 1]);
        assert_eq!(missing.unwrap_err(), StackError::Missing("blocks.2.flows.0.a".into()));
        let half = weights.stacked("blocks.1.flows.{}.a", DType::BF16, &[2, 1]).unwrap();
        assert_eq!((half.dtype(), half.entry(1)), (DType::BF16, Some((3.0, 0.0))));
        assert!(weights.stacked("blocks.0.flows.0.a", DType::F32, &[2]).is_err());
    }
}
