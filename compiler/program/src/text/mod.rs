//! The text form: what [`Display`](std::fmt::Display) prints, [`parse_program`] reads back, exactly.
//!
//! ```text
//! program "double"
//! require at_most T, 64 "T is at most 64"
//! b0 "x" argument f32[T] varies
//! b1 "y" result f32[T] varies
//! kernel k0 "double" (read x: f32, write y: f32) sizes(T, @batch) {
//!     grid i < @batch * ceil(T / 64)
//!     tile c <= 64 < T - 64 * i
//!     %0 = load x[64 * i + c] : f32[c]
//!     %1 = add %0, %0 : f32[c]
//!     store y[64 * i + c], %1
//! }
//! prepare {
//! }
//! main {
//!     launch k0(b0 + 0, b1 + 0) sizes(T, @batch)
//! }
//! ```

pub(crate) mod lines; // text to lines, lines to words
mod parse_kernel;
mod parse_program;
pub(crate) mod print_kernel;
mod print_program;

pub use lines::ParseError;
pub use parse_kernel::parse_kernel;
pub use parse_program::parse_program;
