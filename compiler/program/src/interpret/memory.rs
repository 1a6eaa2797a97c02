//! Elements in memory: what is read from bytes becomes an element of a tile, and the reverse.

use crate::scalar::Scalar;
use half::{bf16, f16};
use tensc_ir::DType;

/// The element at these bytes; `None` when there are too few.
pub(super) fn read(dtype: DType, bytes: &[u8]) -> Option<Scalar> {
    Some(match dtype {
        DType::F32 | DType::C64 => Scalar::F32(f32::from_le_bytes(*bytes.first_chunk()?)),
        DType::F16 => Scalar::F32(f16::from_le_bytes(*bytes.first_chunk()?).to_f32()),
        DType::BF16 => Scalar::F32(bf16::from_le_bytes(*bytes.first_chunk()?).to_f32()),
        DType::F64 => Scalar::F64(f64::from_le_bytes(*bytes.first_chunk()?)),
        DType::I32 => Scalar::I32(i32::from_le_bytes(*bytes.first_chunk()?)),
        DType::U8 => Scalar::I32(i32::from(*bytes.first()?)),
        DType::Bool => Scalar::Bool(*bytes.first()? != 0),
    })
}

/// Stores an element. Numbers to u8 keep their low 8 bits.
pub(super) fn write(dtype: DType, bytes: &mut [u8], value: Scalar) {
    let mut put = |source: &[u8]| {
        if let Some(target) = bytes.get_mut(..source.len()) {
            target.copy_from_slice(source);
        }
    };
    match (value, dtype) {
        (Scalar::F32(x), DType::F16) => put(&f16::from_f32(x).to_le_bytes()),
        (Scalar::F32(x), DType::BF16) => put(&bf16::from_f32(x).to_le_bytes()),
        (Scalar::F32(x), _) => put(&x.to_le_bytes()),
        (Scalar::F64(x), _) => put(&x.to_le_bytes()),
        (Scalar::I32(x), DType::U8) => put(&[x as u8]),
        (Scalar::I32(x), _) => put(&x.to_le_bytes()),
        (Scalar::Bool(x), _) => put(&[u8::from(x)]),
    }
}
