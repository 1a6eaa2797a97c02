//! A value as an array of the declared element type.

use super::{ArgumentError, ArgumentSpec, Value};
use crate::file::{npy, read};
use crate::tensor::{ConvertError, Tensor, convert, widen};
use tensc_ir::DType;

/// A value before its shape is known to fit.
pub(super) enum Loaded {
    /// An array from a file, or a number.
    Array(Tensor),
    /// Drawn when its shape is known.
    Random,
}

pub(super) fn load(spec: &ArgumentSpec, value: &Value) -> Result<Loaded, ArgumentError> {
    match value {
        Value::Random => Ok(Loaded::Random),
        Value::File(path) => {
            let tensor =
                npy::load(path).map_err(|error| ArgumentError::Npy { name: spec.name.clone(), error })?;
            declared(spec, &tensor).map(Loaded::Array)
        }
        Value::Bytes(path) => bytes(spec, path).map(Loaded::Array),
        Value::Number(x, text) => number(spec, *x, text).map(Loaded::Array),
    }
}

/// The array in the declared element type, where it becomes that by itself.
fn declared(spec: &ArgumentSpec, tensor: &Tensor) -> Result<Tensor, ArgumentError> {
    // NumPy has no bf16: such an input comes as f32.
    let rounds = spec.ty.dtype == DType::BF16 && tensor.dtype() == DType::F32;
    let converted = if rounds { convert(tensor, DType::BF16) } else { widen(tensor, spec.ty.dtype) };
    converted.map_err(|error| match error {
        ConvertError::Memory(error) => error.into(),
        ConvertError::Narrows { .. } => ArgumentError::DType {
            name: spec.name.clone(),
            expected: spec.ty.to_string(),
            dtype: spec.ty.dtype,
            found: tensor.to_string(),
        },
    })
}

/// Each byte of a file as a number.
fn bytes(spec: &ArgumentSpec, path: &std::path::Path) -> Result<Tensor, ArgumentError> {
    let kind = || ArgumentError::Kind {
        name: spec.name.clone(),
        expected: spec.ty.to_string(),
        given: "a file's worth of bytes".to_owned(),
    };
    if !spec.ty.dtype.is_integer() || spec.ty.rank() != 1 {
        return Err(kind());
    }
    let file = read(path).map_err(|error| ArgumentError::Read { name: spec.name.clone(), error })?;
    let len = file.as_slice().len();
    let tensor = Tensor::new(DType::U8, vec![len], file).ok_or_else(kind)?;
    declared(spec, &tensor)
}

fn number(spec: &ArgumentSpec, x: f64, text: &str) -> Result<Tensor, ArgumentError> {
    let dtype = spec.ty.dtype;
    let truth = matches!(text, "true" | "false");
    let fits = match dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 | DType::C64 => !truth,
        DType::I32 => !truth && x.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&x),
        DType::U8 => !truth && x.fract() == 0.0 && (0.0..=255.0).contains(&x),
        DType::Bool => truth,
    };
    let kind = || ArgumentError::Kind {
        name: spec.name.clone(),
        expected: spec.ty.to_string(),
        given: format!("`{text}`"),
    };
    if !fits || spec.ty.rank() != 0 {
        return Err(kind());
    }
    let double = Tensor::from_bytes(DType::F64, Vec::new(), &x.to_ne_bytes()).ok_or_else(kind)?;
    convert(&double, dtype).map_err(|_| kind())
}
