//! Element types: the widening that the language allows, and the reference interpreter's arrays.

use super::{AlignedBytes, OutOfMemory, Tensor};
use tensc_ir::DType;

/// An array cannot be taken as another type.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConvertError {
    /// It would lose something.
    #[error("{from} does not become {to} by itself")]
    Narrows {
        /// What there is.
        from: DType,
        /// What is wanted.
        to: DType,
    },
    /// No memory for the copy.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// Whether the language widens `from` to `to` by itself: integer to float, `f16` and `bf16` to `f32` to `f64`, real to complex, `u8` to `i32`.
fn widens(from: DType, to: DType) -> bool {
    match (from, to) {
        (DType::U8, DType::I32 | DType::F16 | DType::BF16 | DType::F32 | DType::F64 | DType::C64)
        | (DType::I32, DType::F32 | DType::F64 | DType::C64)
        | (DType::F16 | DType::BF16, DType::F32 | DType::F64 | DType::C64)
        | (DType::F32, DType::F64 | DType::C64) => true,
        (
            DType::F32
            | DType::F16
            | DType::BF16
            | DType::F64
            | DType::C64
            | DType::I32
            | DType::U8
            | DType::Bool,
            _,
        ) => from == to,
    }
}

/// The array as another element type, where the language widens to it.
///
/// # Errors
/// When it would narrow, or there is no memory.
pub fn widen(tensor: &Tensor, to: DType) -> Result<Tensor, ConvertError> {
    let from = tensor.dtype();
    if from == to {
        return Ok(tensor.clone());
    }
    if !widens(from, to) {
        return Err(ConvertError::Narrows { from, to });
    }
    convert(tensor, to)
}

/// The array as another element type, each entry rounded to the nearest; for what the program's own types say, such as weights in bf16.
///
/// # Errors
/// When there is no memory.
pub fn convert(tensor: &Tensor, to: DType) -> Result<Tensor, ConvertError> {
    let narrows = || ConvertError::Narrows { from: tensor.dtype(), to };
    let mut bytes = AlignedBytes::zeroed(tensor.len() * to.bytes(), "a converted array")?;
    for (i, slot) in bytes.as_mut_slice().chunks_exact_mut(to.bytes()).enumerate() {
        let value = tensor.entry(i).ok_or_else(narrows)?;
        store(to, value, slot);
    }
    Tensor::from_owned(to, tensor.shape().to_vec(), bytes).ok_or_else(narrows)
}

/// One entry, rounded to the nearest; whole numbers saturate.
pub(super) fn store(dtype: DType, (re, im): (f64, f64), slot: &mut [u8]) {
    match dtype {
        DType::F32 => slot.copy_from_slice(&(re as f32).to_ne_bytes()),
        DType::F64 => slot.copy_from_slice(&re.to_ne_bytes()),
        DType::F16 => slot.copy_from_slice(&half::f16::from_f64(re).to_ne_bytes()),
        DType::BF16 => slot.copy_from_slice(&half::bf16::from_f64(re).to_ne_bytes()),
        DType::I32 => slot.copy_from_slice(&(re as i32).to_ne_bytes()),
        DType::U8 => slot.fill(re as u8),
        DType::Bool => slot.fill(u8::from(re != 0.0)),
        DType::C64 => {
            let (a, b) = slot.split_at_mut(4);
            a.copy_from_slice(&(re as f32).to_ne_bytes());
            b.copy_from_slice(&(im as f32).to_ne_bytes());
        }
    }
}
