//! Text to lines, and the small steps that the parsers take along a line.

use crate::kernel::{Element, TileId};
use tensc_ir::{DType, Dim, parse_dim};

/// A mistake in a program's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Blocks nest this deep at most; deeper text is an error, not a stack overflow.
pub(super) const MAX_DEPTH: usize = 64;

/// The lines that have content, with their numbers.
pub(super) struct Lines<'t> {
    lines: Vec<(usize, &'t str)>,
    next: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = text
            .lines()
            .enumerate()
            .map(|(n, line)| (n + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        Self { lines, next: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'t str> {
        self.lines.get(self.next).map(|(_, line)| *line)
    }

    pub(super) fn take(&mut self) -> Option<Line<'t>> {
        let (number, text) = *self.lines.get(self.next)?;
        self.next += 1;
        Some(Line { number, rest: text })
    }

    /// The next line, or an error that says what should have been there.
    pub(super) fn need(&mut self, what: &str) -> Result<Line<'t>, ParseError> {
        let line = self.lines.last().map_or(0, |(n, _)| *n);
        self.take().ok_or_else(|| ParseError { line, message: format!("expected {what}, found the end") })
    }

    /// Takes a line that is only `}`.
    pub(super) fn closes(&mut self) -> bool {
        let closes = self.peek() == Some("}");
        self.next += usize::from(closes);
        closes
    }
}

/// What is left of a line.
pub(super) struct Line<'t> {
    number: usize,
    rest: &'t str,
}

impl<'t> Line<'t> {
    pub(super) fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { line: self.number, message: message.into() })
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        let found: String = self.rest.chars().take(24).collect();
        let found = if found.is_empty() { "the end of the line".to_owned() } else { format!("`{found}`") };
        self.error(format!("expected {what}, found {found}"))
    }

    pub(super) fn ends(&self) -> Result<(), ParseError> {
        if self.rest.is_empty() { Ok(()) } else { self.expected("the end of the line") }
    }

    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest.trim_start();
        taken
    }

    /// Takes this punctuation if it comes next.
    pub(super) fn mark_if(&mut self, mark: &str) -> bool {
        let here = self.rest.starts_with(mark);
        if here {
            self.advance(mark.len());
        }
        here
    }

    pub(super) fn mark(&mut self, mark: &str) -> Result<(), ParseError> {
        if self.mark_if(mark) { Ok(()) } else { self.expected(&format!("`{mark}`")) }
    }

    fn word_length(&self) -> usize {
        self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len())
    }

    /// Takes this word if it comes next.
    pub(super) fn word_if(&mut self, word: &str) -> bool {
        let here = self.rest.starts_with(word) && self.word_length() == word.len();
        if here {
            self.advance(word.len());
        }
        here
    }

    pub(super) fn word_is(&mut self, word: &str) -> Result<(), ParseError> {
        if self.word_if(word) { Ok(()) } else { self.expected(&format!("`{word}`")) }
    }

    pub(super) fn word(&mut self, what: &str) -> Result<&'t str, ParseError> {
        match self.word_length() {
            0 => self.expected(what),
            length => Ok(self.advance(length)),
        }
    }

    pub(super) fn number<N: std::str::FromStr>(&mut self) -> Result<N, ParseError> {
        let digits = self.word("a number")?;
        digits.parse().or_else(|_| self.error(format!("`{digits}` is not a number in range")))
    }

    /// A letter and a number: `%3`, `b3`.
    pub(super) fn id(&mut self, letter: &str) -> Result<u32, ParseError> {
        self.mark(letter)?;
        self.number()
    }

    pub(super) fn tile(&mut self) -> Result<TileId, ParseError> {
        self.id("%").map(TileId)
    }

    /// A float as `{:?}` prints it: `1.0`, `-inf`, `NaN`, `1e-7`.
    pub(super) fn real(&mut self) -> Result<f64, ParseError> {
        let length = self.rest.find(|c: char| !is_word(c) && c != '-' && c != '+').unwrap_or(self.rest.len());
        let text = self.advance(length);
        text.parse().or_else(|_| self.error(format!("`{text}` is not a number")))
    }

    /// A string as `{:?}` prints it.
    pub(super) fn quoted(&mut self) -> Result<String, ParseError> {
        let Some(inside) = self.rest.strip_prefix('"') else { return self.expected("a string") };
        let mut text = String::new();
        let mut chars = inside.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(at + 2);
                    return Ok(text);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('0') => text.push('\0'),
                    Some('u') => {
                        let hex: String =
                            chars.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').collect();
                        match u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32) {
                            Some(c) => text.push(c),
                            None => return self.error("an escape that names no character"),
                        }
                    }
                    Some(c) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        self.error("a string without an end")
    }

    /// A size, up to a comma, semicolon, colon or closing bracket at its own level, a quote, or a word that no operator joins to it.
    pub(super) fn dim(&mut self) -> Result<Dim, ParseError> {
        let mut depth = 0_usize;
        let mut end = self.rest.len();
        let (mut last, mut last_visible) = (' ', ' ');
        for (at, c) in self.rest.char_indices() {
            let word_begins = is_word(c) && !is_word(last);
            let ends = match c {
                '(' => {
                    depth += 1;
                    false
                }
                ')' if depth > 0 => {
                    depth -= 1;
                    false
                }
                ')' | ']' | '[' | '}' | '{' | '"' | ';' | ':' => true,
                ',' => depth == 0,
                _ => word_begins && (is_word(last_visible) || last_visible == ')'),
            };
            if ends {
                end = at;
                break;
            }
            last = c;
            if !c.is_whitespace() {
                last_visible = c;
            }
        }
        let text = self.rest.get(..end).unwrap_or_default().trim_end();
        let dim = parse_dim(text).or_else(|error| self.error(format!("in `{text}`: {}", error.message)))?;
        self.advance(end);
        Ok(dim)
    }

    /// Items between brackets, separated by commas.
    pub(super) fn list<T>(
        &mut self,
        brackets: (&str, &str),
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.mark(brackets.0)?;
        let mut items = Vec::new();
        while !self.mark_if(brackets.1) {
            if !items.is_empty() {
                self.mark(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) fn dtype(&mut self) -> Result<DType, ParseError> {
        let name = self.word("an element type")?;
        DType::from_name(name).map_or_else(|| self.error(format!("`{name}` is no element type")), Ok)
    }

    pub(super) fn element(&mut self) -> Result<Element, ParseError> {
        let name = self.word("an element type of tiles")?;
        Element::from_name(name)
            .map_or_else(|| self.error(format!("`{name}` is no element type of tiles")), Ok)
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '.')
}

/// Whether the text form can hold this as a name in index expressions.
pub(crate) fn is_name(name: &str) -> bool {
    name.chars().all(is_word)
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '@')
        && !matches!(name, "floor" | "ceil" | "min" | "max")
}
