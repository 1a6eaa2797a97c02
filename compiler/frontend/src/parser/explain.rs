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
        let inside = word.span.start < self.chunk.end;
        if inside || matches!(word.kind, Kind::Semicolon | Kind::CloseBrace) {
            Found::Word(word)
        } else {
            Found::EndOfLine
        }
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

/// The terminals with which an expression starts, `int` first: where that is expected, an expression is.
const EXPRESSION: [&str; 14] =
    ["int", "float", "string", "name", "true", "false", "none", "all", "(", "[", "block", "if", "-", "!"];

/// The terminals with which an expression goes on, `*` first.
const OPERATOR: [&str; 20] = [
    "*", "/", "%", "@", "+", "-", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "|>", ".", "(", "[",
    "..",
];

/// The terminals that the grammar expected, in a reader's words.
fn describe(expected: &[String]) -> Vec<String> {
    let mut rest: Vec<&str> = expected.iter().map(|name| name.trim_matches('"')).collect();
    let mut words = Vec::new();
    let mut replace = |rest: &mut Vec<&str>, all: &[&str], word: &str| {
        if all.first().is_some_and(|mark| rest.contains(mark)) {
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

/// What people who type this usually mean.
fn hint(place: Place, words: &[Word<'_>], found: &Found<'_>, expected: &str) -> Option<String> {
    let first = words.first().copied();
    let before = words.last().copied();
    let (kind, text) = match found {
        Found::Word(word) => (Some(word.kind), word.text),
        Found::EndOfLine | Found::EndOfFile => (None, ""),
    };
    let touches =
        before.is_some_and(|before| matches!(found, Found::Word(word) if word.span.start == before.span.end));
    let before_kind = before.map(|before| before.kind);
    let first_kind = first.map(|first| first.kind);
    let first_text = first.map_or("", |first| first.text);

    if let Some(hint) = foreign_operator(before_kind, kind, touches) {
        return Some(hint.to_owned());
    }
    if let Some(hint) = foreign_word(place, first_text, words.len(), kind, text) {
        return Some(hint);
    }
    if kind.is_some_and(Kind::is_keyword) && expected.contains("a name") {
        return Some(format!("`{text}` is reserved, `{text}_` is not"));
    }
    match (first_kind, kind) {
        _ if expected == "`else`" => {
            Some("an `if` is a value and needs both sides: `else { .. }`".to_owned())
        }
        _ if expected.contains("`->`") => Some("state the result's type: `-> f32[T, D]`".to_owned()),
        (Some(Kind::Rec), _)
            if expected.contains("`[`") || (words.len() == 1 && kind == Some(Kind::OpenParen)) =>
        {
            Some("`rec c[t] = ..` defines the sequence `c`".to_owned())
        }
        (Some(Kind::Param | Kind::Buffer), Some(Kind::Assign)) if expected.contains("`:`") => {
            let (word, name) = (first_text, before.map_or("w", |before| before.text));
            Some(format!("state the type: `{word} {name}: f32[D] = ..`"))
        }
        (Some(Kind::Param | Kind::Buffer), None) if expected.contains("`=`") || expected.contains("`[`") => {
            Some("say how it starts: `= normal(0, 0.02)`, `= 0`".to_owned())
        }
        (Some(Kind::Cell), _) if expected.contains("`(`") => Some(format!(
            "`{first_text} Name(D) {{ .. }}` defines a cell, `cell name = Name(D)` inside it uses one"
        )),
        (Some(Kind::Model), _) if expected == "`(`" => {
            Some("hyperparameters stand in parentheses, which may be empty: `model name() { .. }`".to_owned())
        }
        (Some(Kind::Fn), Some(Kind::Comma | Kind::CloseParen)) if expected.contains("`:`") => {
            let name = before.map_or("x", |before| before.text);
            Some(format!("state the type: `{name}: f32[T, D]`"))
        }
        (Some(Kind::Name), Some(Kind::Assign)) if place == Place::Block && words.len() == 1 => {
            Some(format!("`let {first_text} = ..` binds a name"))
        }
        (Some(Kind::Name), Some(Kind::Assign))
            if place == Place::Block && before_kind == Some(Kind::CloseBracket) =>
        {
            Some("values never change; `rec c[t] = ..` defines a sequence entry by entry".to_owned())
        }
        (_, Some(Kind::Colon)) if expected.contains("`]`") => Some("a range is `a..b`: `x[1..3]`".to_owned()),
        (_, Some(Kind::Assign)) if expected.contains("operator") => Some("`==` compares".to_owned()),
        (_, Some(Kind::DotDot)) => {
            Some("a range stands in an index or behind `in`; `iota(n)` is the array of 0 to n - 1".to_owned())
        }
        (_, Some(Kind::For)) => Some("`[f(x) for x in xs]` is a list; `rec` runs over time".to_owned()),
        (_, Some(Kind::CloseBracket)) if before_kind == Some(Kind::OpenBracket) => {
            Some("`f32` alone is a scalar, `x` alone is all of it".to_owned())
        }
        (_, None) if expected.contains("`{`") => Some("`{` stands on the same line".to_owned()),
        (_, Some(other)) if other.starts_declaration() && place == Place::Block && words.is_empty() => {
            let home = if matches!(other, Kind::Param | Kind::Buffer | Kind::Preset) {
                "stands in a cell or model, outside of its functions"
            } else {
                "stands outside of functions and tests"
            };
            Some(format!("`{text}` {home}"))
        }
        (_, Some(other)) if other.starts_declaration() && expected.contains("the end of the line") => {
            Some(format!("put `{text}` on a line of its own"))
        }
        _ => None,
    }
}

/// Operators of other languages, of which the first sign was read as one of ours.
const fn foreign_operator(before: Option<Kind>, found: Option<Kind>, touches: bool) -> Option<&'static str> {
    if !touches {
        return None;
    }
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
fn foreign_word(place: Place, first: &str, words: usize, kind: Option<Kind>, found: &str) -> Option<String> {
    let first = if words == 0 { found } else { first };
    let hint = match (place, first) {
        (Place::Block | Place::Rec, "return") => {
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
        _ => {
            let mutable = words == 1 || words == 2;
            return (mutable && first == "let" && kind == Some(Kind::Name))
                .then(|| "values never change: `let x = ..`".to_owned());
        }
    };
    Some(hint.to_owned())
}
