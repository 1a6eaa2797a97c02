//! The graph's text form, printed (`Display`) and parsed back ([`parse_graph`]) without loss, origins excepted.
//!
//! ```text
//! graph forward {
//!   input 0 x : f32[T, 8] argument
//!   input 1 w : f32[8, 16] param "w"
//!   v0 = input 0 : f32[T, 8]
//!   v1 = input 1 : f32[8, 16]
//!   v2 = contract "ab,bc->ac" v0, v1 : f32[T, 16]
//!   output y = v2
//! }
//! ```
//! Line breaks mean nothing; `#` begins a comment.

mod attributes;
mod lex;
mod parse;
mod print;
mod size;

pub use parse::parse_graph;

use crate::Dim;

/// Text that is no graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    /// Which line, from 1.
    pub line: usize,
    /// What was expected and found.
    pub message: String,
}

/// Parses a size: `2 * T + 1`, `ceil(T / 3)`.
///
/// # Errors
/// Text that is no size.
pub fn parse_dim(text: &str) -> Result<Dim, ParseError> {
    let mut tokens = lex::Tokens::new(text)?;
    let dim = size::dim(&mut tokens)?;
    tokens.end()?;
    Ok(dim)
}
