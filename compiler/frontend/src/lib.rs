//! Source text to typed graph.
//!
//! [`parse`] turns text into an [`ast::File`] and all of the file's syntax errors, [`format()`] writes the one
//! canonical layout.

// Where something is, and what is wrong with it.
pub mod diagnostic;
pub mod source;
pub mod span;

// Text to ast.
mod lexer;
mod token;

mod parser;

pub mod ast;

// Ast to text.
mod fmt;

// Ast to graph.
pub mod check;

lalrpop_util::lalrpop_mod!(
    #[allow(clippy::all, clippy::restriction, missing_docs, unreachable_pub, unused, reason = "generated")]
    grammar
);

pub use check::{Program, check};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use fmt::format;
pub use parser::parse;
pub use source::SourceMap;
pub use span::{FileId, Span};
