//! A chunk that the grammar refuses, as a diagnostic: what was expected, what was found, and what people who type
//! this usually mean.

use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, Lexeme};
use crate::span::Span;
use crate::token::{Place, Token};
use lalrpop_util::ParseError;
use std::convert::Infallible;

/// Where the grammar stopped.
pub(super) struct Surroundings<'a> {
    /// The file's text.
    pub(super) text: &'a str,
    /// The file's lexemes.
    pub(super) lexemes: &'a [Lexeme],
    /// Where the chunk stands.
    pub(super) place: Place,
    /// The whole chunk.
    pub(super) chunk: Span,
}

/// A lexeme with its text.
#[derive(Clone, Copy)]
struct Word<'a> {
    kind: Kind,
    text: &'a str,
    span: Span,
}

/// What stands where something else was expected.
enum Found<'a> {
    Word(Word<'a>),
    EndOfLine,
    EndOfFile,
}

/// The error as the user sees it.
pub(super) fn explain(
    around: &Surroundings<'_>,
    error: &ParseError<u32, Token<'_>, Infallible>,
) -> Diagnostic {
    let (at, expected): (u32, &[String]) = match error {
        ParseError::InvalidToken { location } => (*location, &[]),
        ParseError::UnrecognizedEof { expected, .. } => (around.chunk.end, expected),
        ParseError::UnrecognizedToken { token, expected } => (token.0, expected),
        ParseError::ExtraToken { token } => (token.0, &[]),
        ParseError::User { error } => match *error {},
    };
    let first = around.lexemes.partition_point(|lexeme| lexeme.start < around.chunk.start);
    let next = around.lexemes.partition_point(|lexeme| lexeme.start < at);
    let found = around.found(next);
    let span = match &found {
        Found::Word(word) => word.span,
        Found::EndOfLine | Found::EndOfFile => around.chunk.after(),
    };
    let words = around.words(first, next);
    let expected =
        if words.is_empty() { vec![start_of(around.place).to_owned()] } else { describe(expected) };
    let expected = any_of(&expected);
    let found_text = match &found {
        Found::Word(word) => quoted(word.text),
        Found::EndOfLine => "the end of the line".to_owned(),
        Found::EndOfFile => "the end of the file".to_owned(),
    };
    let fact = format!("expected {expected}");
    let diagnostic = Diagnostic::error(format!("{fact}, found {found_text}"), span, fact.clone());
    let hint = hint(around.place, &words, &found, &expected);
    Diagnostic { hint, ..diagnostic }
}

impl<'a> Surroundings<'a> {
    fn word(&self, at: usize) -> Option<Word<'a>> {
        let &Lexeme { kind, start, end, .. } = self.lexemes.get(at)?;
        let span = Span { start, end, ..self.chunk };
        Some(Word { kind, span, text: self.text.get(span.range()).unwrap_or("") })
    }

    /// The chunk's words in front of the error.
    fn words(&self, first: usize, next: usize) -> Vec<Word<'a>> {
        (first..next).filter_map(|at| self.word(at)).collect()
    }

    fn found(&self, next: usize) -> Found<'a> {
        let Some(word) = self.word(next) else { return Found::EndOfFile };
        let line_break = self.lexemes.get(next).is_some_and(|lexeme| lexeme.line_break);
        if line_break && word.span.start >= self.chunk.end { Found::EndOfLine } else { Found::Word(word) }
    }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(24).collect();
    if short.len() < text.len() { format!("`{short}..`") } else { format!("`{short}`") }
}

const fn start_of(place: Place) -> &'static str {
    match place {
        Place::File => "`use`, `const`, `fn`, `cell`, `model` or `test`",
        Place::Body => "`param`, `buffer`, `cell`, `fn` or `preset`",
        Place::Block => "a statement",
        Place::Rec => "`c[t] = ..` or `let`",
        Place::Preset => "a hyperparameter's name",
    }
}

/// The terminals with which an expression starts. Where one of the first two is expected, an expression is.
const EXPRESSION: [&str; 14] =
    ["int", "float", "string", "name", "true", "false", "none", "all", "(", "[", "block", "if", "-", "!"];

/// The terminals with which an expression goes on, likewise; behind a whole one `|>` is all that is left.
const OPERATOR: [&str; 20] = [
    "*", "/", "%", "@", "+", "-", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "|>", ".", "(", "[",
    "..",
];

/// The terminals that the grammar expected, in a reader's words.
fn describe(expected: &[String]) -> Vec<String> {
    let mut rest: Vec<&str> = expected.iter().map(|name| name.trim_matches('"')).collect();
    let mut words = Vec::new();
    let mut replace = |rest: &mut Vec<&str>, all: &[&str], word: &str| {
        if all.iter().take(2).any(|mark| rest.contains(mark)) {
            rest.retain(|name| !all.contains(name));
            words.push(word.to_owned());
        }
    };
    replace(&mut rest, &EXPRESSION, "an expression");
    replace(&mut rest, &OPERATOR, "an operator");
    replace(&mut rest, &["name"], "a name");
    replace(&mut rest, &["string"], "a string");
    for brace in ["block", "members", "lines", "settings"] {
        replace(&mut rest, &[brace], "`{`");
    }
    let ends = rest.iter().all(|name| *name == "from") && words.iter().all(|word| word == "an operator");
    words.extend(rest.iter().map(|name| format!("`{name}`")));
    if ends {
        words.push("the end of the line".to_owned());
    }
    words.dedup();
    words
}

fn any_of(words: &[String]) -> String {
    match words {
        [] => "the end of the line".to_owned(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

/// Where the grammar stopped, in words.
struct Stop<'a> {
    place: Place,
    /// The words of the chunk in front.
    words: &'a [Word<'a>],
    /// What was found; nothing at the end of a line.
    kind: Option<Kind>,
    text: &'a str,
    /// What was expected, as the user reads it.
    expected: &'a str,
}

impl Stop<'_> {
    fn first(&self) -> Option<Kind> {
        self.words.first().map(|word| word.kind)
    }

    fn first_text(&self) -> &str {
        self.words.first().map_or("", |word| word.text)
    }

    fn before(&self) -> Option<Kind> {
        self.words.last().map(|word| word.kind)
    }

    fn before_text(&self) -> &str {
        self.words.last().map_or("", |word| word.text)
    }

    fn expects(&self, what: &str) -> bool {
        self.expected.contains(what)
    }
}

/// What people who type this usually mean.
fn hint(place: Place, words: &[Word<'_>], found: &Found<'_>, expected: &str) -> Option<String> {
    let (kind, text, start) = match found {
        Found::Word(word) => (Some(word.kind), word.text, Some(word.span.start)),
        Found::EndOfLine | Found::EndOfFile => (None, "", None),
    };
    let stop = Stop { place, words, kind, text, expected };
    let touches = words.last().is_some_and(|before| Some(before.span.end) == start);
    if touches && let Some(hint) = foreign_operator(stop.before(), kind) {
        return Some(hint.to_owned());
    }
    if let Some(hint) = foreign_word(&stop) {
        return Some(hint.to_owned());
    }
    if kind.is_some_and(Kind::is_keyword) && stop.expects("a name") {
        return Some(format!("`{text}` is reserved, `{text}_` is not"));
    }
    declaration(&stop).or_else(|| recurrence(&stop)).or_else(|| expression(&stop)).or_else(|| line(&stop))
}

/// What is missing from an item or member.
fn declaration(stop: &Stop<'_>) -> Option<String> {
    let (word, name) = (stop.first_text(), stop.before_text());
    let kind = stop.kind;
    Some(match stop.first()? {
        Kind::Use => "`use std.norm.LayerNorm`, `use ./blocks.Block`".to_owned(),
        Kind::Param | Kind::Buffer if kind == Some(Kind::Assign) && stop.expects("`:`") => {
            format!("state the type: `{word} {name}: f32[D] = ..`")
        }
        Kind::Param | Kind::Buffer if kind.is_none() && stop.expects("`=`") => {
            "say how it starts: `= normal(0, 0.02)`, `= 0`".to_owned()
        }
        Kind::Cell if stop.place == Place::Body && kind == Some(Kind::OpenParen) => {
            format!("`cell {name}(..) {{ .. }}` stands at the top of the file, `cell x = {name}(..)` uses it")
        }
        Kind::Cell if stop.place == Place::File && stop.expects("`(`") => {
            format!("`cell {name}(D) {{ .. }}` defines a cell, `cell x = {name}(D)` in another uses it")
        }
        Kind::Model if stop.expected == "`(`" => {
            format!("hyperparameters stand in parentheses, which may be empty: `model {name}() {{ .. }}`")
        }
        Kind::Fn if stop.expects("`->`") => "state the result's type: `-> f32[T, D]`".to_owned(),
        Kind::Fn if stop.expects("`:`") && matches!(kind, Some(Kind::Comma | Kind::CloseParen)) => {
            if stop.words.iter().any(|word| word.kind == Kind::Arrow) {
                format!("name each result: `-> (y: {name}, state: {name})`")
            } else {
                format!("state the type: `{name}: f32[T, D]`")
            }
        }
        _ if kind.is_none() && stop.expects("`{`") => "`{` stands on the same line".to_owned(),
        _ => return None,
    })
}

/// What is wrong on the left side of a recurrence.
fn recurrence(stop: &Stop<'_>) -> Option<String> {
    let skip = match (stop.first(), stop.place) {
        (Some(Kind::Rec), _) => 1,
        (Some(Kind::Name), Place::Rec) => 0,
        _ => return None,
    };
    let name = stop.words.get(skip).map_or("c", |word| word.text);
    let rec = if skip == 1 { "rec " } else { "" };
    Some(match stop.words.len() - skip {
        0 | 1 => format!("`{rec}{name}[t] = ..` defines the sequence `{name}`, entry by entry"),
        2 => format!(
            "`{name}[t] = ..` defines every entry; `from c0` at the end of the line gives the one before"
        ),
        3 => format!("the left side is `{name}[t]`, the right side reads `{name}[t-1]`"),
        _ => return None,
    })
}

/// What is missing from an expression, or too much in it.
fn expression(stop: &Stop<'_>) -> Option<String> {
    let name = stop.first_text();
    let hint = match (stop.first(), stop.kind) {
        _ if stop.expected == "`else`" => "an `if` is a value and needs both sides: `else { .. }`",
        (Some(Kind::Name), Some(Kind::Assign)) if stop.place == Place::Block && stop.words.len() == 1 => {
            return Some(format!("`let {name} = ..` binds a name"));
        }
        (Some(Kind::Name), Some(Kind::Assign))
            if stop.place == Place::Block && stop.before() == Some(Kind::CloseBracket) =>
        {
            "values never change; `rec c[t] = ..` defines a sequence entry by entry"
        }
        (_, Some(Kind::Assign)) if stop.expects("operator") => "`==` compares",
        (_, Some(Kind::Colon)) if stop.expects("`]`") => "a range is `a..b`: `x[1..3]`",
        (_, Some(Kind::DotDot)) => {
            "a range stands in an index or behind `in`; `iota(n)` is the array of 0 to n - 1"
        }
        (_, Some(Kind::For)) => "`[f(x) for x in xs]` is a list; `rec` runs over time",
        (_, Some(Kind::From)) => "`from` gives a `rec` the entry before its first: `rec c[t] = .. from c0`",
        (_, Some(Kind::CloseBracket)) if stop.before() == Some(Kind::OpenBracket) => {
            "`f32` alone is a scalar, `x` alone is all of it"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What belongs on another line, or elsewhere.
fn line(stop: &Stop<'_>) -> Option<String> {
    let (kind, text) = (stop.kind?, stop.text);
    if !kind.starts_declaration() {
        return None;
    }
    if stop.words.is_empty() && stop.place == Place::Block {
        let inner = matches!(kind, Kind::Param | Kind::Buffer | Kind::Preset);
        let home = if inner { "stands in a cell or model, outside of" } else { "stands outside of" };
        return Some(format!("`{text}` {home} functions and tests"));
    }
    stop.expects("the end of the line").then(|| format!("put `{text}` on a line of its own"))
}

/// Operators of other languages, of which the first sign was read as one of ours.
const fn foreign_operator(before: Option<Kind>, found: Option<Kind>) -> Option<&'static str> {
    match (before, found) {
        (Some(Kind::Star), Some(Kind::Star)) => Some("the power is `x ^ 2`"),
        (Some(Kind::Plus), Some(Kind::Plus | Kind::Assign))
        | (Some(Kind::Minus | Kind::Star | Kind::Slash), Some(Kind::Assign)) => {
            Some("values never change; `let` binds the name again: `let x = x + 1`")
        }
        (Some(Kind::Eq | Kind::Ne), Some(Kind::Assign)) => Some("`==` and `!=` compare"),
        (Some(Kind::Colon), Some(Kind::Assign)) => Some("`let x = ..` binds a name"),
        (Some(Kind::Assign), Some(Kind::Gt)) => {
            Some("`->` stands in front of a function's result, `>=` compares")
        }
        (Some(Kind::DotDot), Some(Kind::Dot | Kind::Assign)) => Some("`a..b` is a range without `b`"),
        _ => None,
    }
}

/// Words of other languages, which were read as names.
fn foreign_word(stop: &Stop<'_>) -> Option<&'static str> {
    let first = if stop.words.is_empty() { stop.text } else { stop.first_text() };
    Some(match (stop.place, first) {
        (Place::Block | Place::Rec | Place::Body, "return") => {
            "the last expression of a block is its value, without `return`"
        }
        (Place::Block | Place::Rec, "var" | "mut" | "val") => "`let x = ..` binds a name",
        (Place::Block | Place::Rec, "while" | "loop") => "`rec c[t] = ..` runs over time",
        (Place::File | Place::Body, "def" | "func" | "function") => {
            "`fn name(x: f32[T, D]) -> f32[T, D] { .. }`"
        }
        (Place::File, "class" | "struct" | "module" | "layer") => "`cell Name(D) { .. }` is a layer",
        (Place::File, "import" | "from" | "include") => "`use std.norm.LayerNorm`, `use ./blocks.Block`",
        (Place::File | Place::Body, "let" | "var") => {
            "`const NAME = ..` at the top of a file, `let` in a function"
        }
        (_, "let") if stop.words.len() == 2 && stop.kind == Some(Kind::Name) => {
            "values never change: `let x = ..`"
        }
        _ => return None,
    })
}
