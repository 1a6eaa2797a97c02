//! What can be wrong with the arguments of a call.

use crate::file::ReadError;
use crate::file::npy::NpyError;
use crate::tensor::OutOfMemory;
use tensc_ir::DType;

/// One problem with the arguments of a call.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentError {
    /// No input of this name.
    #[error("there is no input `{name}`; the inputs are {}", list(.declared))]
    Unknown {
        /// The name as typed.
        name: String,
        /// The input that may be meant.
        meant: Option<String>,
        /// The inputs with their types.
        declared: Vec<String>,
    },
    /// Given more than once.
    #[error("the input `{name}` is given twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// Not given, and without a default.
    #[error("the input `{name}: {ty}` is missing")]
    Missing {
        /// Which.
        name: String,
        /// Its type.
        ty: String,
    },
    /// A `.npy` file that is not usable.
    #[error("the input `{name}`: {error}")]
    Npy {
        /// Which input.
        name: String,
        /// Why.
        #[source]
        error: NpyError,
    },
    /// A file for `bytes:` that cannot be read.
    #[error("the input `{name}`: {error}")]
    Read {
        /// Which input.
        name: String,
        /// Why.
        #[source]
        error: ReadError,
    },
    /// An element type that does not become the declared one by itself.
    #[error("the input `{name}` is declared {expected}, and the array is {found}")]
    DType {
        /// Which input.
        name: String,
        /// The declared type.
        expected: String,
        /// The declared element type.
        dtype: DType,
        /// The array's type.
        found: String,
    },
    /// `bytes:` for an input that holds no whole numbers, or a number for an array.
    #[error("the input `{name}` is declared {expected}, and {given} is given")]
    Kind {
        /// Which input.
        name: String,
        /// The declared type.
        expected: String,
        /// What is given.
        given: String,
    },
    /// Too few or too many axes.
    #[error(
        "the input `{name}` is declared {expected}, and the array is {found}: it has {axes}, expected {rank} or one more for the batch"
    )]
    Rank {
        /// Which input.
        name: String,
        /// The declared type.
        expected: String,
        /// The array's type.
        found: String,
        /// "3 axes".
        axes: String,
        /// Declared number of axes.
        rank: usize,
    },
    /// An axis of another size.
    #[error(
        "the input `{name}` is declared {expected}, and the array is {found}: its axis {axis} is {size}, expected {wanted}"
    )]
    Size {
        /// Which input.
        name: String,
        /// The declared type.
        expected: String,
        /// The array's type.
        found: String,
        /// Which axis, counted as the array has them.
        axis: usize,
        /// Its size.
        size: usize,
        /// The size by declaration, with where it comes from.
        wanted: String,
    },
    /// Two arrays of different batch.
    #[error("the input `{first}` has a batch of {first_batch}, and `{second}` has a batch of {second_batch}")]
    Batch {
        /// One input.
        first: String,
        /// Its batch.
        first_batch: usize,
        /// Another.
        second: String,
        /// Its batch.
        second_batch: usize,
    },
    /// A declared size that is no whole number, or below zero.
    #[error("the input `{name}` is declared {expected}: {problem}")]
    Declared {
        /// Which input.
        name: String,
        /// The declared type.
        expected: String,
        /// What is wrong.
        problem: String,
    },
    /// Not enough memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl ArgumentError {
    /// What the user can type.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { meant, .. } => meant.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Missing { name, ty } => Some(missing(name, ty)),
            Self::Npy { error, .. } => error.hint(),
            Self::DType { name, dtype, .. } => {
                Some(format!("numpy.save(\"{name}.npy\", {name}.astype(numpy.{}))", numpy_name(*dtype)))
            }
            Self::Kind { name, .. } => Some(format!("--input {name}={name}.npy")),
            Self::Twice { .. }
            | Self::Read { .. }
            | Self::Rank { .. }
            | Self::Size { .. }
            | Self::Batch { .. }
            | Self::Declared { .. }
            | Self::Memory(_) => None,
        }
    }

    /// Whether the machine is at fault, and not the user's arguments.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        matches!(self, Self::Memory(_) | Self::Npy { error: NpyError::Memory(_), .. })
    }
}

fn missing(name: &str, ty: &str) -> String {
    let value = if ty.starts_with("i32[") || ty.starts_with("u8[") {
        format!("bytes:README.md, or --input {name}={name}.npy, or --input {name}=random")
    } else if ty.contains('[') {
        format!("{name}.npy, or --input {name}=random")
    } else {
        "1".to_owned()
    };
    format!("--input {name}={value}")
}

fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 | DType::BF16 => "float32",
        DType::F16 => "float16",
        DType::F64 => "float64",
        DType::C64 => "complex64",
        DType::I32 => "int32",
        DType::U8 => "uint8",
        DType::Bool => "bool_",
    }
}
