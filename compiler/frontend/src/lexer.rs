//! Text to lexemes and comments; blanks vanish, and a lexeme knows whether a line ended in front of it.
//!
//! `c[t-1] // carry` gives the lexemes `c` `[` `t` `-` `1` `]` and the comment. A character that starts nothing
//! becomes a [`Kind::Error`] lexeme with its diagnostic, so that the statement it stands in is not complained
//! about twice.

use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};
use logos::Logos;

/// What a lexeme is, without its text.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[logos(skip(r"[ \t\r\f\u{FEFF}]+"))]
pub(crate) enum Kind {
    #[token("\n")]
    Newline,
    #[regex(r"//[^\n]*", allow_greedy = true)]
    Comment,

    #[regex(r"[0-9][0-9_]*")]
    Int,
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?")]
    #[regex(r"[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*")]
    Float,
    #[regex(r#""([^"\\\n]|\\[^\n])*""#)]
    Str,
    #[regex(r#""([^"\\\n]|\\[^\n])*\\?"#)]
    UnterminatedStr,
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*")]
    Name,
    #[token("_", priority = 5)]
    Underscore,

    #[token("use")]
    Use,
    #[token("const")]
    Const,
    #[token("fn")]
    Fn,
    #[token("cell")]
    Cell,
    #[token("model")]
    Model,
    #[token("param")]
    Param,
    #[token("buffer")]
    Buffer,
    #[token("preset")]
    Preset,
    #[token("test")]
    Test,
    #[token("let")]
    Let,
    #[token("rec")]
    Rec,
    #[token("from")]
    From,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("for")]
    For,
    #[token("in")]
    In,
    #[token("and")]
    And,
    #[token("or")]
    Or,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("none")]
    None,
    #[token("all")]
    All,

    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("->")]
    Arrow,
    #[token("|>")]
    Pipe,
    #[token("=")]
    Assign,
    #[token("==")]
    Eq,
    #[token("!=")]
    Ne,
    #[token("<")]
    Lt,
    #[token("<=")]
    Le,
    #[token(">")]
    Gt,
    #[token(">=")]
    Ge,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("@")]
    At,
    #[token("^")]
    Caret,
    #[token("!")]
    Bang,

    /// Text that is no lexeme; reported.
    Error,
}

impl Kind {
    /// Whether the word is reserved.
    pub(crate) const fn is_keyword(self) -> bool {
        self.starts_declaration()
            || matches!(
                self,
                Self::From
                    | Self::If
                    | Self::Else
                    | Self::For
                    | Self::In
                    | Self::And
                    | Self::Or
                    | Self::True
                    | Self::False
                    | Self::None
                    | Self::All
            )
    }

    /// Whether it can stand only at the start of a statement or item (and `rec` in front of its braces).
    pub(crate) const fn starts_declaration(self) -> bool {
        matches!(
            self,
            Self::Use
                | Self::Const
                | Self::Fn
                | Self::Cell
                | Self::Model
                | Self::Param
                | Self::Buffer
                | Self::Preset
                | Self::Test
                | Self::Let
                | Self::Rec
        )
    }

    /// Whether a statement goes on over the end of a line behind it.
    pub(crate) const fn continues_after(self) -> bool {
        matches!(
            self,
            Self::Assign
                | Self::Comma
                | Self::Pipe
                | Self::Eq
                | Self::Ne
                | Self::Lt
                | Self::Le
                | Self::Gt
                | Self::Ge
                | Self::Plus
                | Self::Minus
                | Self::Star
                | Self::Slash
                | Self::Percent
                | Self::At
                | Self::Caret
                | Self::And
                | Self::Or
        )
    }

    /// Whether a statement goes on over the end of a line in front of it.
    pub(crate) const fn continues_before(self) -> bool {
        matches!(self, Self::Pipe | Self::Else | Self::From)
    }
}

/// A lexeme and where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its first byte.
    pub(crate) start: u32,
    /// The byte after its last.
    pub(crate) end: u32,
    /// Whether a line ended between the lexeme before and this one.
    pub(crate) line_break: bool,
}

/// What a comment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommentKind {
    /// `//`, and `////`, which separates.
    Plain,
    /// `///`
    Doc,
    /// `//!`
    FileDoc,
}

/// A comment, up to the end of its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comment {
    /// What it is for.
    pub(crate) kind: CommentKind,
    /// From its slashes to its last character that is no blank.
    pub(crate) span: Span,
    /// Whether nothing but blanks and `;` stands in front of it in its line.
    pub(crate) own_line: bool,
}

/// All that a text consists of.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    /// In the order of the text.
    pub(crate) lexemes: Vec<Lexeme>,
    /// In the order of the text.
    pub(crate) comments: Vec<Comment>,
    /// What is wrong with single lexemes.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Takes the text apart. Its length fits in 32 bits.
pub(crate) fn lex(file: FileId, text: &str) -> Lexed {
    let mut out = Lexed::default();
    let mut line_break = true;
    // Nothing but `;` stands in front in this line, and those are no part of any layout.
    let mut fresh = true;
    for (kind, range) in Kind::lexer(text).spanned() {
        let span = Span::new(file, range.start as u32, range.end as u32);
        let source = text.get(range).unwrap_or("");
        let kind = match kind {
            Ok(Kind::Newline) => {
                line_break = true;
                fresh = true;
                continue;
            }
            Ok(Kind::Comment) => {
                out.comments.push(comment(span, source, fresh));
                continue;
            }
            Ok(Kind::UnterminatedStr) => {
                out.diagnostics.push(
                    Diagnostic::error("a string is not closed", span, "this string ends with its line")
                        .hint("close it with `\"` on the same line"),
                );
                Kind::Error
            }
            Ok(kind) => kind,
            Err(()) => {
                unknown(&mut out, span, source, line_break);
                line_break = false;
                fresh = false;
                continue;
            }
        };
        run_together(&mut out, kind, span, text, line_break);
        out.lexemes.push(Lexeme { kind, start: span.start, end: span.end, line_break });
        line_break = false;
        fresh &= kind == Kind::Semicolon;
    }
    out
}

fn comment(span: Span, source: &str, own_line: bool) -> Comment {
    let kind = if source.starts_with("///") && !source.starts_with("////") {
        CommentKind::Doc
    } else if source.starts_with("//!") {
        CommentKind::FileDoc
    } else {
        CommentKind::Plain
    };
    let end = span.start + source.trim_end().len() as u32;
    Comment { kind, span: Span { end, ..span }, own_line }
}

/// Characters that start no lexeme. Those that follow each other are one problem.
fn unknown(out: &mut Lexed, span: Span, source: &str, line_break: bool) {
    if let (Some(last), Some(diagnostic)) = (out.lexemes.last_mut(), out.diagnostics.last_mut())
        && last.kind == Kind::Error
        && last.end == span.start
        && diagnostic.primary.span.end == span.start
    {
        last.end = span.end;
        diagnostic.primary.span.end = span.end;
        return;
    }
    let first = source.chars().next().unwrap_or('?');
    let hint = match first {
        '&' => Some("`and` joins two conditions"),
        '|' => Some("`or` joins two conditions, `x |> f` is `f(x)`"),
        '\'' => Some("strings stand in double quotes: `\"..\"`"),
        '#' => Some("a comment starts with `//`"),
        '?' => Some("`if c { a } else { b }` is the conditional expression"),
        '~' => Some("`!` is the negation of a bool"),
        '“' | '”' => Some("strings stand in plain double quotes: `\"..\"`"),
        '−' | '–' => Some("the minus sign is `-`"),
        '×' | '·' => Some("`*` multiplies entries, `@` matrices"),
        _ => None,
    };
    let shown = if first.is_control() { first.escape_default().to_string() } else { first.to_string() };
    let title = format!("unknown character `{shown}`");
    let diagnostic = Diagnostic::error(title, span, "nothing starts with this character");
    out.diagnostics.push(Diagnostic { hint: hint.map(str::to_owned), ..diagnostic });
    out.lexemes.push(Lexeme { kind: Kind::Error, start: span.start, end: span.end, line_break });
}

/// Numbers that run into what follows: `2pi`, `1.`, `.5`.
fn run_together(out: &mut Lexed, kind: Kind, span: Span, text: &str, line_break: bool) {
    let Some(&Lexeme { kind: before, start, end, .. }) = out.lexemes.last() else { return };
    // `x.2` and `1.5.2` have an owner in front of the point.
    let owned = out.lexemes.iter().rev().nth(1).is_some_and(|owner| owner.end == start);
    let slice = |start: u32, end: u32| text.get(start as usize..end as usize).unwrap_or("");
    let touches = end == span.start && !line_break;
    let whole = Span { start, ..span };
    let source = slice(span.start, span.end);
    let next = text.get(span.end as usize..).and_then(|rest| rest.chars().next());
    let found = if touches
        && matches!(before, Kind::Int | Kind::Float)
        && (matches!(kind, Kind::Name | Kind::Underscore) || kind.is_keyword())
    {
        let number = slice(start, end);
        Diagnostic::error(format!("a number runs into `{source}`"), whole, "neither a number nor a name")
            .hint(format!("`{number} * {source}` multiplies"))
    } else if touches && before == Kind::Int && kind == Kind::Dot && !next.is_some_and(char::is_alphanumeric)
    {
        let number = slice(start, end);
        Diagnostic::error("a float without digits behind its point", whole, "ends with the point")
            .hint(format!("`{number}.0`"))
    } else if touches && !owned && before == Kind::Dot && kind == Kind::Int {
        Diagnostic::error("a float without digits in front of its point", whole, "starts with the point")
            .hint(format!("`0.{source}`"))
    } else {
        return;
    };
    out.diagnostics.push(found);
    if let Some(last) = out.lexemes.last_mut() {
        last.kind = Kind::Error;
    }
}
