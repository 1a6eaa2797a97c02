//! PTX text to statements.
//!
//! In: a module as text. Out: [`ast::Module`], with the line of everything in it. Which instructions exist is not
//! known here: an opcode is a list of words that [`crate::isa`] looks up.

pub(crate) mod ast;
mod body;
mod lexer;
mod parser;

pub(crate) use parser::parse;
