//! The one canonical layout of a file.
//!
//! What comes in is parsed; what goes out parses to the same tree and has all comments, in order. Formatting it
//! again changes nothing. The rules:
//!
//! * four blanks a level, lines up to 100 characters (comments apart), one blank between words and around operators,
//!   none around `..` nor in an index like `c[t-1]`;
//! * what is too long breaks behind commas and operators and in front of `|>` and `from`; what is not stands on one line;
//! * braces that were written on one line stay on one line where they fit, and a chain of `|>` over lines stays so;
//! * at most one empty line, where there was one;
//! * neighbouring declarations and comments line up their [columns].
//!
//! Comments between tokens stay between the same tokens where a line may end there, else they move to the next such
//! place.

mod columns;
mod doc;
mod exprs;
mod items;

use crate::ast::Item;
use crate::diagnostic::Diagnostic;
use crate::lexer::{Comment, CommentKind, Kind, Lexeme};
use crate::parser::parse_with_comments;
use crate::span::{FileId, Span};
use doc::Doc;

/// The canonical layout of a file's text, or its syntax errors, in which `FileId(0)` is the file.
///
/// ```
/// let text = "fn f( x:f32 )->f32{ x*x } // square";
/// assert_eq!(tensc_frontend::format(text).unwrap(), "fn f(x: f32) -> f32 { x * x }  // square\n");
/// ```
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse_with_comments(FileId(0), text);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(parsed.diagnostics);
    }
    let mut formatter =
        Formatter { text, lexemes: &parsed.lexemes, comments: &parsed.comments, next_comment: 0 };
    let end = parsed.file.span.end;
    let parts = formatter.parts(&parsed.file.items, Item::span, end, Formatter::item);
    if parts.is_empty() {
        return Ok(String::new());
    }
    Ok(columns::align(doc::print(&stacked(parts))))
}

/// Makes a [`Doc`] of the tree, in the order of the text, taking up the comments on its way.
struct Formatter<'a> {
    text: &'a str,
    lexemes: &'a [Lexeme],
    comments: &'a [Comment],
    next_comment: usize,
}

/// A statement, member or item, or a comment by itself.
struct Part {
    /// There was an empty line in front of it.
    blank: bool,
    doc: Doc,
}

/// The comments between two tokens.
struct Gap {
    /// The one that follows the first on its line.
    trailing: Doc,
    /// The others, each with the end of its line.
    leading: Doc,
}

/// Under each other, with the empty lines.
fn stacked(parts: Vec<Part>) -> Doc {
    let mut docs = Vec::new();
    for part in parts {
        if !docs.is_empty() {
            if part.blank {
                docs.push(Doc::blank());
            }
            docs.push(Doc::hard());
        }
        docs.push(part.doc);
    }
    Doc::concat(docs)
}

impl<'a> Formatter<'a> {
    fn source(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    fn has_newline(&self, start: u32, end: u32) -> bool {
        self.text.get(start as usize..end as usize).is_some_and(|text| text.contains('\n'))
    }

    /// Whether an empty line stands in front of what starts at `at`.
    fn blank_before(&self, at: u32) -> bool {
        let before = self.text.get(..at as usize).unwrap_or("");
        let blanks = before.len() - before.trim_end().len();
        before.bytes().rev().take(blanks).filter(|&byte| byte == b'\n').count() > 1
    }

    /// Where the first lexeme of a kind at or behind `from` starts.
    fn find(&self, kind: Kind, from: u32) -> u32 {
        let at = self.lexemes.partition_point(|lexeme| lexeme.start < from);
        let found = self.lexemes.iter().skip(at).find(|lexeme| lexeme.kind == kind);
        found.map_or(from, |lexeme| lexeme.start)
    }

    /// The next comment, if it starts in front of `before`.
    fn peek_comment(&self, before: u32) -> Option<Comment> {
        self.comments.get(self.next_comment).copied().filter(|comment| comment.span.start < before)
    }

    fn next_comment(&mut self, before: u32) -> Option<Comment> {
        let comment = self.peek_comment(before);
        self.next_comment += usize::from(comment.is_some());
        comment
    }

    /// The next comment, if it starts in front of `before` and follows something on its line.
    fn next_trailing(&mut self, before: u32) -> Option<Doc> {
        let comment = self.peek_comment(before).filter(|comment| !comment.own_line)?;
        self.next_comment += 1;
        Some(Doc::comment(self.source(comment.span)))
    }

    /// The comments in front of `before`.
    fn gap(&mut self, before: u32) -> Gap {
        let trailing = self.next_trailing(before).unwrap_or_else(Doc::nil);
        let mut leading = Vec::new();
        while let Some(comment) = self.next_comment(before) {
            leading.push(Doc::text(self.source(comment.span)));
            leading.push(Doc::hard());
        }
        Gap { trailing, leading: Doc::concat(leading) }
    }

    /// The nodes and comments up to `until`, one below the other.
    fn parts<T>(
        &mut self,
        nodes: &[T],
        span: impl Fn(&T) -> Span,
        until: u32,
        mut write: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let here = span(node);
            self.comment_parts(here.start, &mut parts);
            let blank = self.blank_before(here.start);
            let doc = write(self, node);
            let next = nodes.get(at + 1).map_or(until, |next| span(next).start);
            // Comments for which there was no place in the node.
            let mut displaced = Vec::new();
            while let Some(comment) = self.next_comment(here.end) {
                displaced.push(comment);
            }
            let mut displaced = displaced.into_iter();
            let trailing = displaced.next().map(|comment| Doc::comment(self.source(comment.span)));
            let trailing = trailing.or_else(|| self.next_trailing(next)).unwrap_or_else(Doc::nil);
            parts.push(Part { blank, doc: Doc::concat([doc, trailing]) });
            parts.extend(displaced.map(|comment| Part { blank: false, doc: self.displaced(comment) }));
        }
        self.comment_parts(until, &mut parts);
        parts
    }

    fn comment_parts(&mut self, before: u32, parts: &mut Vec<Part>) {
        while let Some(comment) = self.next_comment(before) {
            let blank = self.blank_before(comment.span.start);
            parts.push(Part { blank, doc: Doc::text(self.source(comment.span)) });
        }
    }

    /// A comment that moved; it must not become the documentation of what follows.
    fn displaced(&self, comment: Comment) -> Doc {
        let source = self.source(comment.span);
        Doc::text(match comment.kind {
            CommentKind::Doc => source.get(1..).unwrap_or(source),
            CommentKind::Plain | CommentKind::FileDoc => source,
        })
    }
}
