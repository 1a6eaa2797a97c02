//! The rule of the two-operand einsum.

use super::TypeError;
use crate::op::Contraction;
use crate::{DType, Dim, Type};
use std::collections::BTreeMap;

pub(super) fn contract(contraction: &Contraction, left: &Type, right: &Type) -> Result<Type, TypeError> {
    let op = "contract";
    if left.dtype != right.dtype {
        return Err(TypeError::DTypesDiffer { op, left: left.dtype, right: right.dtype });
    }
    let mut sizes: BTreeMap<u8, &Dim> = BTreeMap::new();
    for (labels, operand) in [(&contraction.left, left), (&contraction.right, right)] {
        if labels.len() != operand.rank() {
            return Err(TypeError::malformed(
                op,
                format!("{} labels for an operand {operand} of {} axes", labels.len(), operand.rank()),
            ));
        }
        check_distinct(labels)?;
        for (label, size) in labels.iter().zip(&operand.shape) {
            let known = sizes.entry(*label).or_insert(size);
            if *known != size {
                let what = format!("the right operand's size of label `{}`", label_char(*label));
                return Err(TypeError::Size { op, what, expected: (*known).clone(), found: size.clone() });
            }
        }
    }
    check_distinct(&contraction.result)?;
    let shape = contraction.result.iter().map(|label| {
        let size = sizes.get(label).map(|size| (*size).clone());
        size.ok_or_else(|| {
            TypeError::malformed(op, format!("result label `{}` is in no operand", label_char(*label)))
        })
    });
    let shape = shape.collect::<Result<Vec<Dim>, TypeError>>()?;
    let dtype = match left.dtype {
        DType::Bool => return Err(TypeError::dtype(op, 0, left, "a number")),
        DType::BF16 | DType::F16 => DType::F32,
        dtype @ (DType::F32 | DType::F64 | DType::C64 | DType::I32 | DType::U8) => dtype,
    };
    Ok(Type::new(dtype, shape))
}

fn check_distinct(labels: &[u8]) -> Result<(), TypeError> {
    for (n, label) in labels.iter().enumerate() {
        if *label >= 52 {
            return Err(TypeError::malformed("contract", "a label beyond 51"));
        }
        if labels.iter().take(n).any(|earlier| earlier == label) {
            return Err(TypeError::malformed(
                "contract",
                format!("label `{}` occurs twice in one list", label_char(*label)),
            ));
        }
    }
    Ok(())
}

/// The letter of a label: `a`, .. `z`, `A`, .. `Z`.
pub(crate) const fn label_char(label: u8) -> char {
    if label < 26 {
        (b'a' + label) as char
    } else if label < 52 {
        (b'A' + label - 26) as char
    } else {
        '?'
    }
}
