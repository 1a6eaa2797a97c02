//! Tokens to a module: directives, variables, function headers (ISA sections 5 and 11).

use super::ast::{Function, Initial, Module, Operand, Parameter, Space, Type, Variable};
use super::lexer::{Spanned, Token, tokens};
use crate::error::PtxError;

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Spanned>,
    at: usize,
    /// Depth of nested blocks and vectors, bounded so that hostile text cannot exhaust the stack.
    pub(super) depth: u32,
}

/// Deeper nesting than any compiler emits.
pub(super) const MOST_NESTING: u32 = 64;

pub(crate) fn parse(text: &str) -> Result<Module, PtxError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    parser.module()
}

/// Modifiers of a declaration, in any order before its type.
#[derive(Default)]
struct Declaration {
    align: Option<u64>,
    lanes: u64,
    ty: Option<Type>,
}

impl<'a> Parser<'a> {
    fn module(&mut self) -> Result<Module, PtxError> {
        let mut module = Module::default();
        while self.at < self.tokens.len() {
            self.directive(&mut module)?;
        }
        if module.version == (0, 0) {
            return Err(self.error("module has no .version").with_hint("start it with `.version 8.0`"));
        }
        if module.target.is_empty() {
            return Err(self.error("module has no .target").with_hint("add `.target sm_80` after .version"));
        }
        Ok(module)
    }

    fn directive(&mut self, module: &mut Module) -> Result<(), PtxError> {
        let line = self.line();
        let mut external = false;
        loop {
            let word = self.dotted()?;
            match word.as_str() {
                "version" => module.version = self.version()?,
                "target" => {
                    module.target = self.word()?;
                    while self.eat(',') {
                        self.word()?;
                    }
                }
                "address_size" => {
                    if self.integer()? != 64 {
                        return Err(self.error("only .address_size 64 is supported"));
                    }
                }
                "extern" => {
                    external = true;
                    continue;
                }
                "visible" | "weak" | "common" => continue,
                "global" | "const" | "shared" => {
                    let space = space_named(&word).unwrap_or(Space::Global);
                    module.variables.extend(self.variables(space, external)?);
                }
                "entry" | "func" => module.functions.push(self.function(word == "entry", line)?),
                "file" | "loc" => self.skip_line(line),
                "section" => self.skip_section()?,
                "pragma" => self.skip_statement(),
                "alias" => return Err(PtxError::syntax(line, ".alias is not supported")),
                _ => return Err(PtxError::syntax(line, format!("unknown directive `.{word}`"))),
            }
            return Ok(());
        }
    }

    fn version(&mut self) -> Result<(u32, u32), PtxError> {
        let Some(Token::Decimal(text)) = self.next() else {
            return Err(self.error("expected a version such as 8.0"));
        };
        let version =
            text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        match version {
            Some(version @ ((7 | 8, _) | (9, 0))) => Ok(version),
            _ => Err(self.error(format!("PTX version {text} is not supported, expected 7.0 to 9.0"))),
        }
    }

    /// `.align`, `.v2`, a type: what stands between a state space and a name.
    fn declaration(&mut self) -> Result<Declaration, PtxError> {
        let mut declaration = Declaration { lanes: 1, ..Declaration::default() };
        while let Some(Token::Dotted(word)) = self.peek().cloned() {
            self.at += 1;
            match word.as_str() {
                "align" => {
                    let align = self.size()?;
                    if !align.is_power_of_two() || align > 1 << 20 {
                        return Err(self.error(format!("alignment {align} is not a power of two up to 2^20")));
                    }
                    // `.ptr .align` describes what a pointer points to, not where the parameter lies.
                    declaration.align = Some(align);
                }
                "attribute" => {
                    self.expect('(')?;
                    while !self.eat(')') {
                        self.next().ok_or_else(|| self.error("attribute list is never closed"))?;
                    }
                }
                "ptr" => {
                    while matches!(self.peek(), Some(Token::Dotted(word)) if space_named(word).is_some()) {
                        self.at += 1;
                    }
                    if self.eat_dotted("align") {
                        self.size()?;
                    }
                }
                "v2" => declaration.lanes = 2,
                "v4" => declaration.lanes = 4,
                _ => match Type::named(&word) {
                    Some(ty) => declaration.ty = Some(ty),
                    None => return Err(self.error(format!("unknown type `.{word}`"))),
                },
            }
        }
        Ok(declaration)
    }

    pub(super) fn variables(&mut self, space: Space, external: bool) -> Result<Vec<Variable>, PtxError> {
        let line = self.line();
        let declaration = self.declaration()?;
        let ty = declaration.ty.ok_or_else(|| self.error("variable has no type"))?;
        let element = ty.bytes() * declaration.lanes;
        let mut variables = Vec::new();
        loop {
            let name = self.word()?;
            let mut bytes = Some(element);
            let mut array = false;
            while self.eat('[') {
                array = true;
                if self.eat(']') {
                    bytes = None;
                    continue;
                }
                let count = self.size()?;
                self.expect(']')?;
                bytes = bytes.and_then(|bytes| bytes.checked_mul(count));
                if bytes.is_none() {
                    return Err(self.error(format!("`{name}` is larger than the address space")));
                }
            }
            let initial = if self.eat('=') { self.initial()? } else { Vec::new() };
            if bytes.is_none() && !initial.is_empty() {
                bytes = element.checked_mul(initial.len() as u64);
            }
            let align = declaration.align.unwrap_or_else(|| if array { ty.bytes() } else { element });
            variables.push(Variable { name, space, ty, align, bytes, initial, external, line });
            if !self.eat(',') {
                break;
            }
        }
        self.expect(';')?;
        Ok(variables)
    }

    fn initial(&mut self) -> Result<Vec<Initial>, PtxError> {
        let mut values = Vec::new();
        let mut depth = 0;
        loop {
            if self.eat('{') {
                depth += 1;
                continue;
            }
            if !matches!(self.peek(), Some(Token::Mark('}'))) {
                values.push(self.initial_element()?);
            }
            while depth > 0 && self.eat('}') {
                depth -= 1;
            }
            if depth == 0 {
                return Ok(values);
            }
            self.expect(',')?;
        }
    }

    fn initial_element(&mut self) -> Result<Initial, PtxError> {
        let name = match self.peek().cloned() {
            Some(Token::Word(name)) => name,
            _ => return Ok(Initial::Value(self.literal()?)),
        };
        self.at += 1;
        let generic = name == "generic" && self.eat('(');
        let name = if generic { self.word()? } else { name };
        if generic {
            self.expect(')')?;
        }
        let offset = self.offset()?;
        Ok(Initial::Address { name, generic, offset })
    }

    /// `+ 8`, `- 8`, `+ -8` or nothing.
    pub(super) fn offset(&mut self) -> Result<i64, PtxError> {
        let negative = if self.eat('+') {
            self.eat('-')
        } else if self.eat('-') {
            true
        } else {
            return Ok(0);
        };
        let value = self.integer()?;
        let value = if negative { -value } else { value };
        i64::try_from(value).map_err(|_| self.error(format!("offset {value} does not fit 64 bits")))
    }

    fn function(&mut self, entry: bool, line: u32) -> Result<Function, PtxError> {
        while matches!(self.peek(), Some(Token::Dotted(word)) if word == "attribute") {
            self.declaration()?;
        }
        let returns = if self.eat('(') { self.parameters()? } else { Vec::new() };
        let name = self.word()?;
        let parameters = if self.eat('(') { self.parameters()? } else { Vec::new() };
        let mut function = Function {
            name,
            entry,
            returns,
            parameters,
            required_threads: None,
            most_threads: None,
            body: None,
            line,
        };
        loop {
            if self.eat(';') {
                return Ok(function);
            }
            if self.eat('{') {
                function.body = Some(self.statements()?);
                return Ok(function);
            }
            let word = self.dotted()?;
            match word.as_str() {
                "maxntid" => function.most_threads = Some(self.three()?),
                "reqntid" => function.required_threads = Some(self.three()?),
                "minnctapersm" | "maxnctapersm" | "maxnreg" | "maxclusterrank" => {
                    self.integer()?;
                }
                "reqnctapercluster" => {
                    if self.three()? != [1, 1, 1] {
                        return Err(self.error("clusters of more than one block are not supported"));
                    }
                }
                "explicitcluster" | "noreturn" | "unique" | "blocksareclusters" => {}
                "pragma" => self.skip_statement(),
                _ => return Err(self.error(format!("unknown performance directive `.{word}`"))),
            }
        }
    }

    fn three(&mut self) -> Result<[u32; 3], PtxError> {
        let mut sizes = [1; 3];
        for (index, size) in sizes.iter_mut().enumerate() {
            if index > 0 && !self.eat(',') {
                break;
            }
            *size = u32::try_from(self.integer()?).map_err(|_| self.error("size does not fit 32 bits"))?;
        }
        Ok(sizes)
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>, PtxError> {
        let mut parameters = Vec::new();
        if self.eat(')') {
            return Ok(parameters);
        }
        loop {
            let space = self.dotted()?;
            let register = match space.as_str() {
                "param" => false,
                "reg" => true,
                _ => return Err(self.error(format!("expected .param or .reg, found `.{space}`"))),
            };
            let declaration = self.declaration()?;
            let ty = declaration.ty.ok_or_else(|| self.error("parameter has no type"))?;
            let name = self.word()?;
            let mut bytes = ty.bytes() * declaration.lanes;
            let mut array = false;
            while self.eat('[') {
                array = true;
                let count = if matches!(self.peek(), Some(Token::Mark(']'))) { 0 } else { self.size()? };
                self.expect(']')?;
                bytes = bytes.saturating_mul(count);
            }
            if bytes > 32_764 {
                return Err(
                    self.error(format!("parameter `{name}` has {bytes} bytes, at most 32764 are allowed"))
                );
            }
            let align = declaration.align.unwrap_or_else(|| ty.bytes());
            parameters.push(Parameter { name, ty, align, bytes, register, array });
            if self.eat(')') {
                return Ok(parameters);
            }
            self.expect(',')?;
        }
    }

    /// A number, with its sign.
    pub(super) fn literal(&mut self) -> Result<Operand, PtxError> {
        let negative = self.eat('-');
        match self.next() {
            Some(Token::Integer(value)) => Ok(Operand::Integer(if negative { -value } else { value })),
            Some(Token::Float { bits, width }) => {
                let sign = if negative { 1 << (width - 1) } else { 0 };
                Ok(Operand::Float { bits: bits ^ sign, width })
            }
            Some(Token::Decimal(text)) => match text.parse::<f64>() {
                Ok(value) => {
                    Ok(Operand::Float { bits: if negative { -value } else { value }.to_bits(), width: 64 })
                }
                Err(_) => Err(self.error(format!("`{text}` is not a number"))),
            },
            other => Err(self.unexpected("a number", other.as_ref())),
        }
    }

    pub(super) fn line(&self) -> u32 {
        let last = self.tokens.get(self.at).or_else(|| self.tokens.last());
        last.map_or(1, |spanned| spanned.line)
    }

    /// Byte position of the next token and, with `source`, the text from there to the last one read.
    pub(super) fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |spanned| spanned.start)
    }

    pub(super) fn source(&self, start: usize) -> String {
        let end = self
            .at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or(start, |spanned| spanned.end);
        self.text.get(start..end).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn error(&self, message: impl Into<String>) -> PtxError {
        let line = self.tokens.get(self.at.saturating_sub(1)).map_or(1, |spanned| spanned.line);
        let text = self.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default().trim();
        let short: String = text.chars().take(160).collect();
        PtxError::syntax(line, message).with_text(&short)
    }

    pub(super) fn unexpected(&self, expected: &str, found: Option<&Token>) -> PtxError {
        let found = match found {
            None => "the end of the module".to_owned(),
            Some(Token::Word(word)) => format!("`{word}`"),
            Some(Token::Dotted(word)) => format!("`.{word}`"),
            Some(Token::Integer(value)) => format!("`{value}`"),
            Some(Token::Float { bits, .. }) => format!("the float {bits:#x}"),
            Some(Token::Decimal(text)) => format!("`{text}`"),
            Some(Token::Text(text)) => format!("\"{text}\""),
            Some(Token::Mark(mark)) => format!("`{mark}`"),
        };
        self.error(format!("expected {expected}, found {found}"))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|spanned| &spanned.token)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += usize::from(token.is_some());
        token
    }

    pub(super) fn eat(&mut self, mark: char) -> bool {
        let found = matches!(self.peek(), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(found);
        found
    }

    fn eat_dotted(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Dotted(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), PtxError> {
        if self.eat(mark) {
            return Ok(());
        }
        let found = self.next();
        Err(self.unexpected(&format!("`{mark}`"), found.as_ref()))
    }

    pub(super) fn word(&mut self) -> Result<String, PtxError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(self.unexpected("a name", other.as_ref())),
        }
    }

    pub(super) fn dotted(&mut self) -> Result<String, PtxError> {
        match self.next() {
            Some(Token::Dotted(word)) => Ok(word),
            other => Err(self.unexpected("a directive", other.as_ref())),
        }
    }

    pub(super) fn integer(&mut self) -> Result<i128, PtxError> {
        match self.next() {
            Some(Token::Integer(value)) => Ok(value),
            other => Err(self.unexpected("an integer", other.as_ref())),
        }
    }

    fn size(&mut self) -> Result<u64, PtxError> {
        let value = self.integer()?;
        u64::try_from(value)
            .ok()
            .filter(|size| *size <= 1 << 40)
            .ok_or_else(|| self.error(format!("size {value} is out of range")))
    }

    /// `.file` and `.loc` end with their line.
    pub(super) fn skip_line(&mut self, line: u32) {
        while self.tokens.get(self.at).is_some_and(|spanned| spanned.line == line) {
            self.at += 1;
        }
    }

    pub(super) fn skip_statement(&mut self) {
        while !self.eat(';') && self.next().is_some() {}
    }

    fn skip_section(&mut self) -> Result<(), PtxError> {
        while !self.eat('{') {
            self.next().ok_or_else(|| self.error("section has no body"))?;
        }
        while !self.eat('}') {
            self.next().ok_or_else(|| self.error("section is never closed"))?;
        }
        Ok(())
    }
}

pub(super) fn space_named(word: &str) -> Option<Space> {
    match word {
        "global" => Some(Space::Global),
        "const" => Some(Space::Const),
        "shared" | "shared::cta" | "shared::cluster" => Some(Space::Shared),
        "local" => Some(Space::Local),
        "param" | "param::entry" | "param::func" => Some(Space::Param),
        _ => None,
    }
}
