//! The bytes of a module's variables, from their initialisers (ISA 5.4.4).

use crate::decode::Symbols;
use crate::error::PtxError;
use crate::syntax::ast::{Class, Initial, Operand, Variable};

/// Variables larger than this are a mistake, or hostile.
const MOST_VARIABLE_BYTES: u64 = 1 << 32;

pub(crate) fn variable_bytes(variable: &Variable) -> Result<u64, PtxError> {
    let error = |what: &str| PtxError::syntax(variable.line, format!("`{}` {what}", variable.name));
    if variable.external {
        return Err(error("is defined in another module, which cannot be linked here"));
    }
    match variable.bytes {
        Some(bytes) if bytes <= MOST_VARIABLE_BYTES => Ok(bytes),
        Some(_) => Err(error("is larger than 4 GiB")),
        None => Err(error("has no size")),
    }
}

/// The initial bytes of a variable: what the initialiser does not give is zero (ISA 5.4.4).
pub(crate) fn image(variable: &Variable, bytes: u64, addresses: &Symbols) -> Result<Vec<u8>, PtxError> {
    let error = |what: String| PtxError::syntax(variable.line, what);
    let width = variable.ty.bytes() as usize;
    let mut image = Vec::new();
    for initial in &variable.initial {
        let value = match initial {
            Initial::Value(Operand::Integer(value)) => *value as u64,
            Initial::Value(Operand::Float { bits, width: 64 })
                if variable.ty.bits == 32 && variable.ty.class == Class::Float =>
            {
                crate::number::float::from_f64(crate::number::format::F32, f64::from_bits(*bits))
            }
            Initial::Value(Operand::Float { bits, .. }) => *bits,
            Initial::Address { name, offset, .. } => {
                let address = addresses.get(name).ok_or_else(|| error(format!("unknown name `{name}`")))?;
                address.wrapping_add_signed(*offset)
            }
            Initial::Value(_) => return Err(error("initialisers are numbers and addresses".into())),
        };
        image.extend(value.to_le_bytes().into_iter().take(width));
    }
    if image.len() as u64 > bytes {
        return Err(error(format!("`{}` has {bytes} bytes, its initialiser {}", variable.name, image.len())));
    }
    image.resize(bytes as usize, 0);
    Ok(image)
}
