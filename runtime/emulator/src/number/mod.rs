//! Number formats and arithmetic that is exact until its one rounding.
//!
//! In: operand bits of f16, bf16, tf32, f32, f64 and the small formats, and a PTX rounding mode. Out: result bits.
//! [`exact`] holds the arithmetic, [`format`] the layouts, [`float`] PTX's own rules (NaN, `.ftz`, `.sat`) on
//! top of it and [`approximate`] the functions that the ISA specifies by an error bound.

pub(crate) mod approximate;
pub(crate) mod exact;
pub(crate) mod float;
pub(crate) mod format;
