//! When two arrays agree.

use crate::array::{Array, Data};

/// One kernel on its actual inputs, in f32.
pub const KERNEL: f64 = 1e-5;
/// A whole run in f32, whose oracle rounds for itself.
pub const RUN: f64 = 1e-4;

/// The RMS of `actual - expected` and that of `expected`, over the finite entries; shapes, types and what is not finite
/// must agree.
pub fn distance(actual: &Array, expected: &Array) -> Result<(f64, f64), String> {
    if actual.shape != expected.shape {
        return Err(format!("shape {:?}, expected {:?}", actual.shape, expected.shape));
    }
    if std::mem::discriminant(&actual.data) != std::mem::discriminant(&expected.data) {
        return Err(format!("{:?} where {:?} was expected", actual.data, expected.data));
    }
    let (mut difference, mut size, mut count) = (0.0, 0.0, 0.0);
    for (index, (a, e)) in actual.numbers().into_iter().zip(expected.numbers()).enumerate() {
        if !e.is_finite() || !a.is_finite() {
            if a.to_bits() != e.to_bits() && !(a.is_nan() && e.is_nan()) {
                return Err(format!("{a} at {index}, expected {e}"));
            }
            continue;
        }
        difference += (a - e) * (a - e);
        size += e * e;
        count += 1.0;
    }
    let count = f64::max(count, 1.0);
    Ok(((difference / count).sqrt(), (size / count).sqrt()))
}

/// `RMS(actual - expected) / RMS(expected)`.
pub fn error(actual: &Array, expected: &Array) -> Result<f64, String> {
    let (difference, size) = distance(actual, expected)?;
    Ok(if difference == 0.0 { 0.0 } else { difference / size })
}

/// Whether two arrays agree within a tolerance; whole numbers and bools must be equal.
pub fn close(actual: &Array, expected: &Array, tolerance: f64) -> Result<(), String> {
    let error = error(actual, expected)?;
    let exact = matches!(expected.data, Data::I32(_) | Data::Bool(_));
    // Written so that a NaN does not pass.
    if error <= (if exact { 0.0 } else { tolerance }) {
        Ok(())
    } else {
        Err(format!("relative error {error:.2e}: {}, expected {}", sample(actual), sample(expected)))
    }
}

fn sample(array: &Array) -> String {
    let numbers = array.numbers();
    let shown: Vec<String> = numbers.iter().take(8).map(|x| format!("{x:.7}")).collect();
    format!("[{}{}]", shown.join(", "), if numbers.len() > 8 { ", .." } else { "" })
}
