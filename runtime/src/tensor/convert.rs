//! Element types: the widening that the language allows, and the reference interpreter's arrays.

use super::{AlignedBytes, OutOfMemory, Tensor};
use tensc_ir::{Array, DType, Data};

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

/// The array as the reference interpreter holds it: reals and complex parts in f64.
#[must_use]
pub fn to_array(tensor: &Tensor) -> Option<Array> {
    let entries = || (0..tensor.len()).filter_map(|i| tensor.entry(i));
    let data = match tensor.dtype() {
        DType::F32 => match bytemuck::try_cast_slice::<u8, f32>(tensor.bytes()) {
            Ok(values) => Data::Real(values.iter().map(|&x| f64::from(x)).collect()),
            Err(_) => Data::Real(entries().map(|(re, _)| re).collect()),
        },
        DType::F16 | DType::BF16 | DType::F64 => Data::Real(entries().map(|(re, _)| re).collect()),
        DType::C64 => Data::Complex(entries().map(|(re, im)| [re, im]).collect()),
        DType::I32 | DType::U8 => Data::Int(entries().map(|(re, _)| re as i64).collect()),
        DType::Bool => Data::Bool(tensor.bytes().iter().map(|&byte| byte != 0).collect()),
    };
    Array::new(tensor.dtype(), tensor.shape().to_vec(), data)
}

/// The reference interpreter's array as memory holds it: every entry rounded to the nearest.
///
/// # Errors
/// When there is no memory.
pub fn from_array(array: &Array) -> Result<Tensor, ConvertError> {
    let dtype = array.dtype();
    let mut bytes = AlignedBytes::zeroed(array.len() * dtype.bytes(), "an array")?;
    let slots = bytes.as_mut_slice().chunks_exact_mut(dtype.bytes());
    match array.data() {
        Data::Real(values) => slots.zip(values).for_each(|(slot, x)| store(dtype, (*x, 0.0), slot)),
        Data::Complex(values) => {
            slots.zip(values).for_each(|(slot, [re, im])| store(dtype, (*re, *im), slot));
        }
        Data::Int(values) => slots.zip(values).for_each(|(slot, n)| store(dtype, (*n as f64, 0.0), slot)),
        Data::Bool(values) => {
            slots.zip(values).for_each(|(slot, b)| store(dtype, (f64::from(u8::from(*b)), 0.0), slot));
        }
    }
    Tensor::from_owned(dtype, array.shape().to_vec(), bytes)
        .ok_or(ConvertError::Narrows { from: dtype, to: dtype })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_every_type_survive_the_round_trip() {
        for dtype in DType::ALL {
            let len = 6 * dtype.bytes();
            let bytes: Vec<u8> = if dtype == DType::Bool {
                vec![1, 0, 0, 1, 1, 0]
            } else {
                (0..len).map(|i| (i * 37 % 64) as u8).collect()
            };
            let tensor = Tensor::from_bytes(dtype, vec![2, 3], &bytes).unwrap();
            let array = to_array(&tensor).unwrap();
            assert_eq!(from_array(&array).unwrap().bytes(), tensor.bytes(), "{dtype}");
        }
    }

    #[test]
    fn widening_keeps_values_and_narrowing_is_refused() {
        let bytes: Vec<u8> =
            [1.5_f32, -2.25].iter().flat_map(|x| half::f16::from_f32(*x).to_ne_bytes()).collect();
        let halves = Tensor::from_bytes(DType::F16, vec![2], &bytes).unwrap();
        let wide = widen(&halves, DType::C64).unwrap();
        assert_eq!((wide.entry(0), wide.entry(1)), (Some((1.5, 0.0)), Some((-2.25, 0.0))));
        let doubles = widen(&halves, DType::F64).unwrap();
        for (from, to) in
            [(&doubles, DType::F32), (&wide, DType::F32), (&halves, DType::I32), (&halves, DType::BF16)]
        {
            assert!(matches!(widen(from, to), Err(ConvertError::Narrows { .. })), "{from} {to}");
        }
        let bits = Tensor::from_bytes(DType::Bool, vec![1], &[1]).unwrap();
        assert!(widen(&bits, DType::I32).is_err());
    }
}
