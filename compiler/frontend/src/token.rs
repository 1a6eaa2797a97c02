//! What the grammar reads: lexemes with their values, and what was in braces as one token.

use crate::ast::{Block, Member, RecLine, Setting};
use crate::lexer::Kind;

/// A terminal of the grammar.
#[derive(Debug, Clone)]
pub(crate) enum Token<'t> {
    /// A keyword or sign.
    Plain(Kind),
    /// A whole number, its text and value.
    Int(&'t str, i64),
    /// A float, its text and value.
    Float(&'t str, f64),
    /// A string, its escapes replaced.
    Str(String),
    /// A name.
    Name(&'t str),
    /// `{ .. }` with statements.
    Block(Block),
    /// `{ .. }` of a cell or model.
    Members(Vec<Member>),
    /// `{ .. }` of a `rec`.
    Lines(Vec<RecLine>),
    /// `{ .. }` of a preset.
    Settings(Vec<Setting>),
    /// In front of every chunk: where it stands, which decides what it may be.
    Start(Place),
}

/// Where a chunk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top level of a file.
    File,
    /// Between the braces of a cell or model.
    Body,
    /// In the block of a function, test or expression.
    Block,
    /// Between the braces of a `rec`.
    Rec,
    /// Between the braces of a preset.
    Preset,
}
