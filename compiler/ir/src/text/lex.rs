//! Text to tokens, and the small steps that every part of the parser takes.

use super::ParseError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word or a dotted name: `contract`, `v12`, `@position`, `blocks.0`.
    Word(String),
    /// A quoted string.
    Text(String),
    /// Digits, point and exponent as written, without sign.
    Number(String),
    /// `->` does not occur: labels are quoted. One character each.
    Mark(char),
}

impl Token {
    fn show(&self) -> String {
        match self {
            Self::Word(word) | Self::Number(word) => format!("`{word}`"),
            Self::Text(text) => format!("{text:?}"),
            Self::Mark(mark) => format!("`{mark}`"),
        }
    }
}

pub(super) struct Tokens {
    tokens: Vec<(Token, usize)>,
    next: usize,
    lines: usize,
    /// How deep the parser is in nested bodies and parentheses.
    pub(super) depth: usize,
}

/// Bodies and parentheses nest this deep at most; deeper text is an error, not a stack overflow.
pub(super) const MAX_DEPTH: usize = 64;

pub(super) fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '@'
}

pub(super) fn is_word(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '.'
}

impl Tokens {
    pub(super) fn new(text: &str) -> Result<Self, ParseError> {
        let mut tokens = Vec::new();
        let mut line = 1;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let mut word = String::from(c);
            match c {
                '\n' => line += 1,
                c if c.is_whitespace() => {}
                '#' => while chars.next_if(|c| *c != '\n').is_some() {},
                c if is_word_start(c) => {
                    while let Some(c) = chars.next_if(|c| is_word(*c)) {
                        word.push(c);
                    }
                    tokens.push((Token::Word(word), line));
                }
                c if c.is_ascii_digit() => {
                    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '.') {
                        word.push(c);
                        if c == 'e'
                            && let Some(sign) = chars.next_if(|c| *c == '-' || *c == '+')
                        {
                            word.push(sign);
                        }
                    }
                    tokens.push((Token::Number(word), line));
                }
                '"' => tokens.push((Token::Text(quoted(&mut chars, line)?), line)),
                c => tokens.push((Token::Mark(c), line)),
            }
        }
        Ok(Self { tokens, next: 0, lines: line, depth: 0 })
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        let line = self.tokens.get(self.next).map_or(self.lines, |(_, line)| *line);
        Err(ParseError { line, message: message.into() })
    }

    /// An error that says what stands here instead.
    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        let found = self.peek().map_or_else(|| "the end".to_owned(), Token::show);
        self.error(format!("expected {what}, found {found}"))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).map(|(token, _)| token.clone())?;
        self.next += 1;
        Some(token)
    }

    pub(super) fn end(&self) -> Result<(), ParseError> {
        if self.peek().is_none() { Ok(()) } else { self.expected("the end") }
    }

    /// Takes this mark if it comes next.
    pub(super) fn mark_if(&mut self, mark: char) -> bool {
        let here = matches!(self.peek(), Some(Token::Mark(c)) if *c == mark);
        self.next += usize::from(here);
        here
    }

    pub(super) fn mark(&mut self, mark: char) -> Result<(), ParseError> {
        if self.mark_if(mark) { Ok(()) } else { self.expected(&format!("`{mark}`")) }
    }

    /// Takes this word if it comes next.
    pub(super) fn word_if(&mut self, word: &str) -> bool {
        let here = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.next += usize::from(here);
        here
    }

    pub(super) fn word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.word_if(word) { Ok(()) } else { self.expected(&format!("`{word}`")) }
    }

    pub(super) fn any_word(&mut self, what: &str) -> Result<String, ParseError> {
        if let Some(Token::Word(word)) = self.peek() {
            let word = word.clone();
            self.next += 1;
            return Ok(word);
        }
        self.expected(what)
    }

    /// A name: a word or a quoted string.
    pub(super) fn name(&mut self) -> Result<String, ParseError> {
        if let Some(Token::Text(_)) = self.peek() { self.text() } else { self.any_word("a name") }
    }

    pub(super) fn text(&mut self) -> Result<String, ParseError> {
        if let Some(Token::Text(text)) = self.peek() {
            let text = text.clone();
            self.next += 1;
            return Ok(text);
        }
        self.expected("a quoted string")
    }

    /// A whole number of the wanted type, with an optional minus.
    pub(super) fn integer<N: std::str::FromStr>(&mut self) -> Result<N, ParseError> {
        let minus = if self.mark_if('-') { "-" } else { "" };
        if let Some(Token::Number(digits)) = self.peek()
            && let Ok(number) = format!("{minus}{digits}").parse()
        {
            self.next += 1;
            return Ok(number);
        }
        self.expected("a whole number in range")
    }

    /// A real number: decimal, `inf`, `nan`, or `bits` and 16 hexadecimal digits.
    pub(super) fn real(&mut self) -> Result<f64, ParseError> {
        let sign = if self.mark_if('-') { -1.0 } else { 1.0 };
        if self.word_if("inf") {
            return Ok(sign * f64::INFINITY);
        }
        if self.word_if("nan") {
            return Ok(f64::NAN);
        }
        if self.word_if("bits") {
            let digits = self.text()?;
            return match u64::from_str_radix(&digits, 16) {
                Ok(bits) => Ok(f64::from_bits(bits)),
                Err(_) => self.error("`bits` wants hexadecimal digits"),
            };
        }
        if let Some(Token::Number(digits)) = self.peek()
            && let Ok(number) = digits.parse::<f64>()
        {
            self.next += 1;
            return Ok(sign * number);
        }
        self.expected("a number")
    }

    /// Items between brackets, separated by commas.
    pub(super) fn list<T>(
        &mut self,
        open: char,
        close: char,
        item: fn(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        self.mark(open)?;
        let mut items = Vec::new();
        while !self.mark_if(close) {
            if !items.is_empty() {
                self.mark(',')?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
}

/// The rest of a quoted string: `\"`, `\\` and `\n` are escapes.
fn quoted(chars: &mut impl Iterator<Item = char>, line: usize) -> Result<String, ParseError> {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('"') => return Ok(text),
            Some('\\') => match chars.next() {
                Some('n') => text.push('\n'),
                Some(c @ ('"' | '\\')) => text.push(c),
                _ => return Err(ParseError { line, message: "unknown escape in a string".to_owned() }),
            },
            Some('\n') | None => {
                return Err(ParseError { line, message: "a string without its closing quote".to_owned() });
            }
            Some(c) => text.push(c),
        }
    }
}
