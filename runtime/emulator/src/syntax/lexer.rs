//! Text to tokens (ISA section 4).
//!
//! `ld.global.v2.f32` is the word `ld` and the dotted words `global`, `v2`, `f32`; `shared::cta` stays one word.

use crate::error::PtxError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Dotted(String),
    Integer(i128),
    Float {
        bits: u64,
        width: u32,
    },
    /// A version number or a decimal fraction, as written.
    Decimal(String),
    Text(String),
    Mark(char),
}

#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) line: u32,
    pub(super) start: usize,
    pub(super) end: usize,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Spanned>, PtxError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let line = lexer.line;
        let Some(first) = lexer.peek() else { return Ok(tokens) };
        let token = lexer.token(first)?;
        tokens.push(Spanned { token, line, start, end: lexer.at });
    }
}

const fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self, c: char) {
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
    }

    fn skip_blank(&mut self) -> Result<(), PtxError> {
        while let Some(c) = self.peek() {
            if c.is_whitespace() || c == '\0' {
                self.bump(c);
            } else if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let Some(length) = self.rest().find("*/") else {
                    return Err(self.error("comment is never closed"));
                };
                let end = self.at + length + 2;
                while self.at < end {
                    let Some(c) = self.peek() else { break };
                    self.bump(c);
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let start = self.at;
        while let Some(c) = self.peek().filter(|c| keep(*c)) {
            self.bump(c);
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn error(&self, what: impl Into<String>) -> PtxError {
        PtxError::syntax(self.line, what)
    }

    fn token(&mut self, first: char) -> Result<Token, PtxError> {
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '%' || is_word(first) {
            self.bump(first);
            let rest = self.take_while(is_word);
            return Ok(Token::Word(format!("{first}{rest}")));
        }
        if first == '.' {
            self.bump(first);
            let mut word = self.take_while(is_word).to_owned();
            while self.rest().starts_with("::") {
                self.at += 2;
                word = format!("{word}::{}", self.take_while(is_word));
            }
            if word.is_empty() {
                return Err(self.error("expected a word after `.`"));
            }
            return Ok(Token::Dotted(word));
        }
        if first == '"' {
            self.bump(first);
            let text = self.take_while(|c| c != '"' && c != '\n').to_owned();
            if self.peek() != Some('"') {
                return Err(self.error("text is never closed"));
            }
            self.bump('"');
            return Ok(Token::Text(text));
        }
        if "{}[]()<>,;:+-!@|=*~&^/?".contains(first) {
            self.bump(first);
            return Ok(Token::Mark(first));
        }
        Err(self.error(format!("unexpected character `{}`", first.escape_default())))
    }

    /// Literals of ISA section 4.5.
    fn number(&mut self) -> Result<Token, PtxError> {
        let word = self.take_while(is_word);
        let lower = word.to_ascii_lowercase();
        if let Some(digits) = lower.strip_prefix("0f").filter(|digits| digits.len() == 8) {
            return self.bits(digits, 32);
        }
        if let Some(digits) = lower.strip_prefix("0d").filter(|digits| digits.len() == 16) {
            return self.bits(digits, 64);
        }
        if self.peek() == Some('.') && !lower.starts_with("0x") {
            self.bump('.');
            let fraction = self.take_while(is_word);
            let mut text = format!("{word}.{fraction}");
            if text.ends_with(['e', 'E'])
                && let Some(sign @ ('+' | '-')) = self.peek()
            {
                self.bump(sign);
                text = format!("{text}{sign}{}", self.take_while(is_word));
            }
            return Ok(Token::Decimal(text));
        }
        let (digits, radix) = if let Some(digits) = lower.strip_prefix("0x") {
            (digits, 16)
        } else if let Some(digits) = lower.strip_prefix("0b") {
            (digits, 2)
        } else if lower.len() > 1 && lower.starts_with('0') {
            (lower.get(1..).unwrap_or_default(), 8)
        } else {
            (lower.as_str(), 10)
        };
        let digits = digits.strip_suffix('u').unwrap_or(digits);
        let digits = if digits.is_empty() { "0" } else { digits };
        match u64::from_str_radix(digits, radix) {
            Ok(value) => Ok(Token::Integer(i128::from(value))),
            Err(_) => Err(self.error(format!("`{word}` is not a number of 64 bits"))),
        }
    }

    fn bits(&self, digits: &str, width: u32) -> Result<Token, PtxError> {
        match u64::from_str_radix(digits, 16) {
            Ok(bits) => Ok(Token::Float { bits, width }),
            Err(_) => Err(self.error(format!("`{digits}` are not hexadecimal digits"))),
        }
    }
}
