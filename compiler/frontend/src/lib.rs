//! Source text to typed graph.
//!
//! [`parse`] turns text into an [`ast::File`] and all of the file's syntax errors.

pub mod ast;
pub mod diagnostic; // a problem, and how it is printed
mod lexer; // text to lexemes and comments
mod parser; // lexemes to ast, chunk by chunk
pub mod source; // the files of a compilation, by id
pub mod span; // where something is: file and bytes
mod token; // what the grammar reads // what a file says, before any name has a meaning

lalrpop_util::lalrpop_mod!(
    #[allow(clippy::all, clippy::restriction, missing_docs, unreachable_pub, unused, reason = "generated")]
    grammar
);

pub use diagnostic::{Diagnostic, Label, Severity};
pub use parser::parse;
pub use source::SourceMap;
pub use span::{FileId, Span};
