//! Source text to typed graph.
//!
//! [`parse`] turns text into an [`ast::File`] and all of the file's syntax errors, [`format`] writes the one
//! canonical layout.

pub mod ast;
pub mod diagnostic; // a problem, and how it is printed
pub mod source; // the files of a compilation, by id
pub mod span; // where something is: file and bytes // what a file says, before any name has a meaning

pub use diagnostic::{Diagnostic, Label, Severity};
pub use source::SourceMap;
pub use span::{FileId, Span};
