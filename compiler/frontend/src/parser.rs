//! Text to [`ast::File`](crate::ast::File), with all of the file's syntax errors.
//!
//! The [layout](layout) cuts the lexemes into chunks (items, members, statements, ..) and hands each to the grammar.
//! What is in braces is cut and parsed first and stands in its chunk as a single token. So a chunk that cannot
//! be read costs itself and nothing else, and the time is linear in the text.

pub(crate) mod build;
pub(crate) mod chunk;
mod explain;
mod layout;
mod literal;

use crate::ast::File;
use crate::diagnostic::Diagnostic;
use crate::lexer::{Comment, Lexeme, lex};
use crate::span::{FileId, Span};

/// A file as it was read, with what the formatter needs besides.
pub(crate) struct Parsed {
    pub(crate) file: File,
    /// All of the text's lexemes.
    pub(crate) lexemes: Vec<Lexeme>,
    /// All comments, documentation too.
    pub(crate) comments: Vec<Comment>,
    /// In the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Parses a file and reports every syntax error in it, in the order of the text. Where the text could not be
/// read there is an `Error` node, and at least one diagnostic is an error.
///
/// ```
/// use tensc_frontend::{FileId, parse};
/// let (file, diagnostics) = parse(FileId(0), "const E = 2 ^ -1");
/// assert!(diagnostics.is_empty());
/// assert_eq!(file.to_string(), "const E = (^ 2 (- 1))\n");
/// ```
pub fn parse(file: FileId, text: &str) -> (File, Vec<Diagnostic>) {
    let parsed = parse_with_comments(file, text);
    (parsed.file, parsed.diagnostics)
}

pub(crate) fn parse_with_comments(file: FileId, text: &str) -> Parsed {
    let Ok(length) = u32::try_from(text.len()) else {
        let span = Span::new(file, 0, 0);
        let diagnostic = Diagnostic::error("the file is too large", span, "more than 4 GiB");
        let file = File { docs: Vec::new(), items: Vec::new(), span };
        return Parsed { file, lexemes: Vec::new(), comments: Vec::new(), diagnostics: vec![diagnostic] };
    };
    let lexed = lex(file, text);
    let (docs, items, mut diagnostics) =
        layout::file(file, text, &lexed.lexemes, &lexed.comments, lexed.diagnostics);
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span.start);
    let file = File { docs, items, span: Span::new(file, 0, length) };
    Parsed { file, lexemes: lexed.lexemes, comments: lexed.comments, diagnostics }
}
