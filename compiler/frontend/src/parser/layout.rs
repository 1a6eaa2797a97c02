//! Where chunks end, and what braces hold.
//!
//! A chunk ends at `;`, at the `}` of its braces, and at the end of a line, except inside `( )` and `[ ]` (the
//! innermost bracket decides, `{ }` restores), after a binary operator, `=` or `,`, and before `|>`, `else` and
//! `from`. Brackets that do not match are found here:
//!
//! * a word that only starts a declaration, first in its line, closes `(` and `[` that are still open;
//! * where braces are missing at the end of the file, such a word that cannot stand in a block closes the block.
//!
//! A chunk with such a problem is reported once and never reaches the grammar.

use super::build::{Builder, DEEPEST, too_deep};
use super::chunk::Chunk;
use super::explain::{Surroundings, explain};
use super::literal;
use crate::ast::{Block, Doc, Item};
use crate::diagnostic::Diagnostic;
use crate::grammar::ChunkParser;
use crate::lexer::{Comment, CommentKind, Kind, Lexeme};
use crate::span::{FileId, Span};
use crate::token::{Place, Token};

/// How many braces may stand inside each other: the walk over them is a recursion.
const DEEPEST_BRACES: usize = 60;

/// The file's documentation, its items, and `diagnostics` with what else is wrong.
pub(super) fn file(
    file: FileId,
    text: &str,
    lexemes: &[Lexeme],
    comments: &[Comment],
    diagnostics: Vec<Diagnostic>,
) -> (Vec<Doc>, Vec<Item>, Vec<Diagnostic>) {
    let build = Builder::new(file, diagnostics);
    let first = lexemes.iter().find(|lexeme| lexeme.kind != Kind::Semicolon);
    let first = first.map_or(text.len() as u32, |lexeme| lexeme.start);
    let heads = comments.partition_point(|comment| comment.span.start < first);
    let docs = comments.iter().take(heads).filter(|comment| comment.kind == CommentKind::FileDoc);
    let docs = docs.map(|comment| doc(text, comment)).collect();
    let mut layout = Layout {
        text,
        lexemes,
        comments,
        file_docs: heads,
        next_comment: 0,
        at: 0,
        missing_braces: missing_braces(lexemes),
        end_reported: false,
        build: &build,
        parser: ChunkParser::new(),
    };
    let items = layout.braces(Place::File, None, 0).into_iter().filter_map(Chunk::into_item).collect();
    (docs, items, build.into_diagnostics())
}

/// How many `{` have no `}`.
fn missing_braces(lexemes: &[Lexeme]) -> usize {
    lexemes.iter().fold(0, |open, lexeme| match lexeme.kind {
        Kind::OpenBrace => open + 1,
        Kind::CloseBrace => open.saturating_sub(1),
        _ => open,
    })
}

fn doc(text: &str, comment: &Comment) -> Doc {
    let line = text.get(comment.span.range()).and_then(|source| source.get(3..)).unwrap_or("");
    Doc { text: line.strip_prefix(' ').unwrap_or(line).to_owned(), span: comment.span }
}

struct Layout<'a, 't> {
    text: &'t str,
    lexemes: &'a [Lexeme],
    comments: &'a [Comment],
    /// The comments before this one stand in front of the first item, where `//!` may stand.
    file_docs: usize,
    next_comment: usize,
    /// The next lexeme.
    at: usize,
    /// How many `{` are known to lack their `}`.
    missing_braces: usize,
    /// That the file ends inside of braces has been said; the innermost are named.
    end_reported: bool,
    build: &'a Builder,
    parser: ChunkParser,
}

/// A chunk on its way to the grammar.
struct Open<'t> {
    tokens: Vec<(u32, Token<'t>, u32)>,
    /// The brackets that are open in it.
    brackets: Vec<Lexeme>,
    /// Something is wrong with it that has been reported.
    broken: bool,
    first: Kind,
    last: Lexeme,
}

impl<'t> Layout<'_, 't> {
    fn peek(&self) -> Option<Lexeme> {
        self.lexemes.get(self.at).copied()
    }

    /// The end of the lexeme that was taken last.
    fn last_end(&self) -> u32 {
        self.at.checked_sub(1).and_then(|at| self.lexemes.get(at)).map_or(0, |last| last.end)
    }

    fn span(&self, lexeme: Lexeme) -> Span {
        self.build.span(lexeme.start, lexeme.end)
    }

    /// The chunks up to the `}` that closes `open`, which is taken, or to the end of the file.
    fn braces(&mut self, place: Place, open: Option<Lexeme>, depth: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        loop {
            let docs = self.docs(place);
            let Some(next) = self.peek() else {
                if let Some(open) = open
                    && !std::mem::replace(&mut self.end_reported, true)
                {
                    self.unclosed(open, None);
                }
                return chunks;
            };
            match next.kind {
                Kind::Semicolon => self.at += 1,
                Kind::CloseBrace => {
                    self.at += 1;
                    if open.is_some() {
                        return chunks;
                    }
                    let title = "unexpected `}`";
                    self.build.report(Diagnostic::error(title, self.span(next), "closes nothing"));
                }
                _ => {
                    if let Some(open) = open
                        && next.line_break
                        && self.missing_braces > 0
                        && self.belongs_outside(place)
                    {
                        self.missing_braces -= 1;
                        self.unclosed(open, Some(next));
                        return chunks;
                    }
                    self.build.start(docs);
                    chunks.push(self.chunk(place, next, depth));
                }
            }
        }
    }

    /// Whether the next lexeme starts what can stand outside of `place` only.
    fn belongs_outside(&self, place: Place) -> bool {
        let kind_at = |offset: usize| self.lexemes.get(self.at + offset).map(|lexeme| lexeme.kind);
        let defines_cell = kind_at(0) == Some(Kind::Cell) && kind_at(2) == Some(Kind::OpenParen);
        let item = matches!(kind_at(0), Some(Kind::Use | Kind::Const | Kind::Model | Kind::Test));
        let member = matches!(kind_at(0), Some(Kind::Fn | Kind::Param | Kind::Buffer | Kind::Preset));
        match place {
            Place::File => false,
            Place::Body => item || defines_cell,
            Place::Block | Place::Rec | Place::Preset => item || defines_cell || member,
        }
    }

    fn unclosed(&self, open: Lexeme, found: Option<Lexeme>) {
        let sign = if open.kind == Kind::OpenBrace {
            "{"
        } else if open.kind == Kind::OpenParen {
            "("
        } else {
            "["
        };
        let diagnostic = Diagnostic::error(format!("`{sign}` is not closed"), self.span(open), "opened here");
        self.build.report(match found {
            Some(found) => diagnostic.label(self.span(found), "still open here"),
            None => diagnostic.note("the file ends before it is closed"),
        });
    }

    /// Brackets that are still open where `found` cannot stand in them, the outermost few.
    fn unclosed_brackets(&self, open: &mut Open<'t>, found: Option<Lexeme>) {
        let brackets = std::mem::take(&mut open.brackets);
        if open.broken {
            return;
        }
        for &bracket in brackets.iter().take(3) {
            open.broken = true;
            self.unclosed(bracket, found);
        }
    }

    /// Reads one chunk and parses it.
    fn chunk(&mut self, place: Place, first: Lexeme, depth: usize) -> Chunk {
        let mut open = Open {
            tokens: vec![(first.start, Token::Start(place), first.start)],
            brackets: Vec::new(),
            broken: false,
            first: first.kind,
            last: first,
        };
        while let Some(next) = self.peek() {
            if self.ends(&mut open, next) {
                break;
            }
            self.at += 1;
            self.take(&mut open, next, depth);
        }
        self.unclosed_brackets(&mut open, self.peek());
        let span = self.build.span(first.start, open.last.end);
        if open.broken {
            return Chunk::Error(span);
        }
        self.parser.parse(self.build, open.tokens).unwrap_or_else(|error| {
            let around = Surroundings { text: self.text, lexemes: self.lexemes, place, chunk: span };
            self.build.report(explain(&around, &error));
            Chunk::Error(span)
        })
    }

    /// Whether the chunk ends in front of `next`.
    fn ends(&self, open: &mut Open<'t>, next: Lexeme) -> bool {
        if next.kind == Kind::CloseBrace {
            return true;
        }
        // The chunk's own first word.
        if next.start == open.last.start {
            return false;
        }
        let declares = next.line_break && next.kind.starts_declaration();
        if !open.brackets.is_empty() {
            if declares {
                self.unclosed_brackets(open, Some(next));
            }
            return declares;
        }
        declares
            || next.kind == Kind::Semicolon
            || (next.line_break && !open.last.kind.continues_after() && !next.kind.continues_before())
    }

    /// Adds `lexeme` to the chunk, with all that is in the braces where it opens some.
    fn take(&mut self, open: &mut Open<'t>, lexeme: Lexeme, depth: usize) {
        let token = match lexeme.kind {
            Kind::OpenBrace => {
                let token = self.braced(open, lexeme, depth + 1);
                let end = self.last_end();
                open.last = Lexeme { kind: Kind::CloseBrace, end, ..lexeme };
                open.tokens.push((lexeme.start, token, end));
                return;
            }
            Kind::OpenParen | Kind::OpenBracket => {
                if open.brackets.len() == DEEPEST as usize && !open.broken {
                    open.broken = true;
                    self.build.report(too_deep(self.span(lexeme)));
                }
                open.brackets.push(lexeme);
                Token::Plain(lexeme.kind)
            }
            Kind::CloseParen | Kind::CloseBracket => {
                self.close(open, lexeme);
                Token::Plain(lexeme.kind)
            }
            Kind::Error => {
                open.broken = true;
                Token::Plain(lexeme.kind)
            }
            Kind::Int | Kind::Float | Kind::Str => self.literal(open, lexeme),
            Kind::Name => Token::Name(self.source(lexeme)),
            kind => Token::Plain(kind),
        };
        open.last = lexeme;
        open.tokens.push((lexeme.start, token, lexeme.end));
    }

    fn source(&self, lexeme: Lexeme) -> &'t str {
        self.text.get(lexeme.start as usize..lexeme.end as usize).unwrap_or("")
    }

    fn literal(&self, open: &mut Open<'t>, lexeme: Lexeme) -> Token<'t> {
        let (source, span) = (self.source(lexeme), self.span(lexeme));
        let token = match lexeme.kind {
            Kind::Int => literal::int(source, span).map(|value| Token::Int(source, value)),
            Kind::Float => literal::float(source, span).map(|value| Token::Float(source, value)),
            _ => literal::string(source, span).map(Token::Str),
        };
        token.unwrap_or_else(|diagnostic| {
            self.build.report(*diagnostic);
            open.broken = true;
            Token::Plain(Kind::Error)
        })
    }

    fn close(&self, open: &mut Open<'t>, lexeme: Lexeme) {
        let (sign, opener, opening) = if lexeme.kind == Kind::CloseParen {
            (")", Kind::OpenParen, "(")
        } else {
            ("]", Kind::OpenBracket, "[")
        };
        let bracket = open.brackets.pop();
        if bracket.is_some_and(|bracket| bracket.kind == opener) || open.broken {
            return;
        }
        open.broken = true;
        let error = |fact| Diagnostic::error(format!("unexpected `{sign}`"), self.span(lexeme), fact);
        self.build.report(match bracket {
            Some(bracket) => error("does not close the innermost bracket")
                .label(self.span(bracket), "the innermost bracket that is open"),
            None => error("closes nothing").hint(format!("take it out, or open it with `{opening}`")),
        });
    }

    /// What stands in the braces that `lexeme`, already taken, opens.
    fn inside(&self, open: &mut Open<'t>, lexeme: Lexeme) -> Place {
        let defines = matches!(open.first, Kind::Cell | Kind::Model) && open.starts(Place::File);
        let members = [Kind::Param, Kind::Buffer, Kind::Cell, Kind::Fn, Kind::Preset];
        if defines && self.peek().is_some_and(|next| members.contains(&next.kind)) {
            self.unclosed_brackets(open, Some(lexeme));
        }
        match (open.first, open.last.kind) {
            _ if defines && open.brackets.is_empty() => Place::Body,
            (Kind::Preset, _) if open.brackets.is_empty() => Place::Preset,
            (_, Kind::Rec) => Place::Rec,
            _ => Place::Block,
        }
    }

    /// The braces that `lexeme`, already taken, opens, as one token.
    fn braced(&mut self, open: &mut Open<'t>, lexeme: Lexeme, depth: usize) -> Token<'t> {
        let place = self.inside(open, lexeme);
        if depth > DEEPEST_BRACES {
            open.broken = true;
            let span = self.span(lexeme);
            self.build.report(
                Diagnostic::error("nested too deeply", span, format!("more than {DEEPEST_BRACES} braces"))
                    .hint("move the inner part to a function"),
            );
            self.skip_braces();
            return Token::Plain(Kind::Error);
        }
        // The chunk's documentation waits while other chunks are read.
        let docs = self.build.docs();
        let chunks = self.braces(place, Some(lexeme), depth);
        self.build.start(docs);
        let span = self.build.span(lexeme.start, self.last_end());
        match place {
            Place::Body => Token::Members(chunks.into_iter().filter_map(Chunk::into_member).collect()),
            Place::Rec => Token::Lines(chunks.into_iter().filter_map(Chunk::into_line).collect()),
            Place::Preset => Token::Settings(chunks.into_iter().flat_map(Chunk::into_settings).collect()),
            Place::File | Place::Block => {
                Token::Block(Block::new(chunks.into_iter().filter_map(Chunk::into_stmt).collect(), span))
            }
        }
    }

    /// Takes all up to the `}` of braces that are already open.
    fn skip_braces(&mut self) {
        let mut depth = 1_usize;
        while depth > 0
            && let Some(next) = self.peek()
        {
            self.at += 1;
            match next.kind {
                Kind::OpenBrace => depth += 1,
                Kind::CloseBrace => depth -= 1,
                _ => {}
            }
        }
    }

    /// The documentation in front of the next lexeme. What documents nothing gets a warning.
    fn docs(&mut self, place: Place) -> Vec<Doc> {
        let before = self.last_end();
        let next = self.peek();
        let until = next.map_or(u32::MAX, |lexeme| lexeme.start);
        let wanted = match (place, next.map(|lexeme| lexeme.kind)) {
            (_, None | Some(Kind::CloseBrace | Kind::Semicolon)) => false,
            (Place::File | Place::Body, Some(_)) => true,
            (Place::Block | Place::Rec | Place::Preset, Some(kind)) => kind == Kind::Cell,
        };
        let mut docs = Vec::new();
        while let Some(comment) = self.comments.get(self.next_comment)
            && comment.span.start < until
        {
            let here = comment.span.start >= before && comment.own_line;
            match comment.kind {
                CommentKind::Plain => {}
                CommentKind::Doc if wanted && here => docs.push(doc(self.text, comment)),
                CommentKind::FileDoc if self.next_comment < self.file_docs => {}
                CommentKind::Doc => self.stray(comment, "it documents nothing", "a comment starts with `//`"),
                CommentKind::FileDoc => {
                    let hint = "`///` documents an item, a comment starts with `//`";
                    self.stray(comment, "not at the start of the file", hint);
                }
            }
            self.next_comment += 1;
        }
        docs
    }

    fn stray(&self, comment: &Comment, fact: &str, hint: &str) {
        self.build.report(Diagnostic::warning("unused documentation", comment.span, fact).hint(hint));
    }
}

impl Open<'_> {
    fn starts(&self, place: Place) -> bool {
        matches!(self.tokens.first(), Some((_, Token::Start(start), _)) if *start == place)
    }
}
