//! The inside of functions: declarations, labels, instructions and their operands (ISA sections 4.3 and 6).

use super::ast::{Instruction, Operand, Statement, Type};
use super::lexer::Token;
use super::parser::{MOST_NESTING, Parser, space_named};
use crate::error::PtxError;

impl Parser<'_> {
    /// Statements up to the closing brace of a block whose opening brace has been read.
    pub(super) fn statements(&mut self) -> Result<Vec<Statement>, PtxError> {
        self.depth += 1;
        if self.depth > MOST_NESTING {
            return Err(self.error(format!("blocks are nested deeper than {MOST_NESTING}")));
        }
        let mut statements = Vec::new();
        while !self.eat('}') {
            self.statement(&mut statements)?;
        }
        self.depth -= 1;
        Ok(statements)
    }

    fn statement(&mut self, statements: &mut Vec<Statement>) -> Result<(), PtxError> {
        let line = self.line();
        match self.peek().cloned() {
            None => return Err(self.error("function body is never closed")),
            Some(Token::Mark('{')) => {
                self.eat('{');
                statements.push(Statement::Block(self.statements()?));
            }
            Some(Token::Mark(';')) => {
                self.eat(';');
            }
            Some(Token::Dotted(word)) => {
                self.dotted()?;
                match word.as_str() {
                    "loc" | "file" => self.skip_line(line),
                    "pragma" => self.skip_statement(),
                    "reg" => statements.push(self.registers(line)?),
                    _ => match space_named(&word) {
                        Some(space) => {
                            statements
                                .extend(self.variables(space, false)?.into_iter().map(Statement::Variable));
                        }
                        None => return Err(self.error(format!("unknown directive `.{word}`"))),
                    },
                }
            }
            Some(Token::Word(name)) if self.peek_second() == Some(&Token::Mark(':')) => {
                self.word()?;
                self.eat(':');
                if self.peek() == Some(&Token::Dotted("branchtargets".to_owned())) {
                    self.dotted()?;
                    let mut targets = vec![self.word()?];
                    while self.eat(',') {
                        targets.push(self.word()?);
                    }
                    self.expect(';')?;
                    statements.push(Statement::Targets(name, targets));
                } else {
                    statements.push(Statement::Label(name, line));
                }
            }
            Some(_) => statements.push(Statement::Instruction(self.instruction()?)),
        }
        Ok(())
    }

    fn registers(&mut self, line: u32) -> Result<Statement, PtxError> {
        let word = self.dotted()?;
        let Some(ty) = Type::named(&word) else {
            return Err(self.error(format!("registers of type `.{word}` are not supported")));
        };
        let mut names = Vec::new();
        loop {
            let name = self.word()?;
            let mut count = None;
            if self.eat('<') {
                let value = self.integer()?;
                let Some(registers) = u32::try_from(value).ok().filter(|count| *count <= 1 << 20) else {
                    return Err(self.error(format!("{value} registers are more than are supported")));
                };
                count = Some(registers);
                self.expect('>')?;
            }
            names.push((name, count));
            if !self.eat(',') {
                break;
            }
        }
        self.expect(';')?;
        Ok(Statement::Registers { names, ty, line })
    }

    fn instruction(&mut self) -> Result<Instruction, PtxError> {
        let start = self.position();
        let line = self.line();
        let mut guard = None;
        if self.eat('@') {
            let negated = self.eat('!');
            guard = Some((self.word()?, negated));
        }
        let opcode = self.word()?;
        let mut modifiers = Vec::new();
        while let Some(Token::Dotted(word)) = self.peek().cloned() {
            self.dotted()?;
            modifiers.push(word);
        }
        let mut operands = Vec::new();
        if !self.eat(';') {
            loop {
                operands.push(self.operand()?);
                if !self.eat(',') {
                    break;
                }
            }
            self.expect(';')?;
        }
        let text = self.source(start);
        Ok(Instruction { guard, opcode, modifiers, operands, line, text })
    }

    fn operand(&mut self) -> Result<Operand, PtxError> {
        let first = self.single_operand()?;
        if self.eat('|') {
            let second = self.single_operand()?;
            return Ok(Operand::Pair(Box::new(first), Box::new(second)));
        }
        Ok(first)
    }

    fn single_operand(&mut self) -> Result<Operand, PtxError> {
        self.depth += 1;
        if self.depth > MOST_NESTING {
            return Err(self.error(format!("operands are nested deeper than {MOST_NESTING}")));
        }
        let operand = match self.peek().cloned() {
            Some(Token::Mark('[')) => {
                self.eat('[');
                self.address()?
            }
            Some(Token::Mark('{')) => {
                self.eat('{');
                Operand::Vector(self.list('}')?)
            }
            Some(Token::Mark('(')) => {
                self.eat('(');
                Operand::List(self.list(')')?)
            }
            Some(Token::Mark('!')) => {
                self.eat('!');
                Operand::Name { name: self.word()?, negated: true }
            }
            Some(Token::Word(word)) => {
                self.word()?;
                self.named(word)?
            }
            _ => self.literal()?,
        };
        self.depth -= 1;
        Ok(operand)
    }

    fn named(&mut self, word: String) -> Result<Operand, PtxError> {
        if word == "_" {
            return Ok(Operand::Sink);
        }
        if word == "WARP_SZ" {
            return Ok(Operand::Integer(32));
        }
        // `%tid.x`: the component belongs to the special register's name.
        if word.starts_with('%')
            && let Some(Token::Dotted(component)) = self.peek().cloned()
        {
            self.dotted()?;
            return Ok(Operand::Name { name: format!("{word}.{component}"), negated: false });
        }
        let offset = self.offset()?;
        if offset != 0 {
            return Ok(Operand::Offset { name: word, offset });
        }
        Ok(Operand::Name { name: word, negated: false })
    }

    fn list(&mut self, close: char) -> Result<Vec<Operand>, PtxError> {
        let mut items = Vec::new();
        if self.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(self.operand()?);
            if self.eat(close) {
                return Ok(items);
            }
            self.expect(',')?;
        }
    }

    fn address(&mut self) -> Result<Operand, PtxError> {
        let base = match self.peek().cloned() {
            Some(Token::Word(name)) => {
                self.word()?;
                Some(name)
            }
            _ => None,
        };
        let offset = if base.is_some() {
            self.offset()?
        } else {
            match self.literal()? {
                Operand::Integer(value) => i64::try_from(value)
                    .map_err(|_| self.error(format!("address {value} does not fit 64 bits")))?,
                _ => return Err(self.error("an address is a register, a name or an integer")),
            }
        };
        let address = Operand::Address { base, offset };
        if self.eat(']') {
            return Ok(address);
        }
        self.expect(',')?;
        let mut items = vec![address];
        items.extend(self.list(']')?);
        Ok(Operand::AddressList(items))
    }
}
