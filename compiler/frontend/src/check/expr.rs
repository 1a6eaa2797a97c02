//! Expressions, statements and blocks.

use super::elaborator::{Elaborator, MAX_LIST, Res};
use super::size::Size;
use super::value::Value;
use crate::ast::{self, Comprehension, Expr, ExprKind, ForSource, Literal, Pattern, PatternKind, Stmt};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::rc::Rc;

impl<'a> Elaborator<'a> {
    /// The value of an expression; what is wrong with it is reported and gives [`Value::Error`].
    pub(crate) fn eval(&mut self, expr: &'a Expr) -> Value<'a> {
        let outer = std::mem::replace(&mut self.span, expr.span);
        let value = if self.spend(1).is_ok() { self.eval_kind(expr) } else { Value::Error };
        self.span = outer;
        match value {
            Value::Error if self.lenient > 0 => {
                self.poisoned |= matches!(expr.kind, ExprKind::Name(_));
                Value::Hole
            }
            value => value,
        }
    }

    fn eval_kind(&mut self, expr: &'a Expr) -> Value<'a> {
        match &expr.kind {
            ExprKind::Literal(literal) => literal_value(literal),
            ExprKind::Name(name) => self.name(name, expr.span),
            ExprKind::Paren(inner) => self.eval(inner),
            ExprKind::Tuple(entries) => {
                Value::Tuple(Rc::new(entries.iter().map(|entry| (None, self.eval(entry))).collect()))
            }
            ExprKind::List(entries) => Value::list(entries.iter().map(|entry| self.eval(entry)).collect()),
            ExprKind::Repeat { entry, count } => self.repeated(entry, count),
            ExprKind::Comprehension(comprehension) => match self.comprehension(comprehension) {
                Ok(entries) => Value::list(entries),
                Err(_) => Value::Error,
            },
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { condition, then, otherwise } => {
                self.conditional(condition, then, otherwise, expr.span)
            }
            ExprKind::Unary { op, operand } => {
                let value = self.eval(operand);
                self.unary(*op, &value, operand.span).unwrap_or(Value::Error)
            }
            ExprKind::Binary { op, op_span, left, right } => {
                let (a, b) = (self.eval(left), self.eval(right));
                self.span = *op_span;
                let site = super::operator::Site { op: *op, op_span: *op_span, left, right };
                let value = self.binary(&site, &a, &b);
                self.span = expr.span;
                if value.is_err() {
                    for (side, _) in [(left, &a), (right, &b)].into_iter().filter(|(_, v)| v.is_no_operand())
                    {
                        self.silence_hyperparameter(side);
                    }
                }
                value.unwrap_or(Value::Error)
            }
            ExprKind::Pipe { value, target } => self.pipe(value, target, expr.span),
            ExprKind::Call { callee, args } => self.call(callee, None, args, expr.span),
            ExprKind::Index { base, indices } => self.index(base, indices, expr.span),
            ExprKind::Field { base, name } => {
                let value = self.eval(base);
                self.field(&value, name, base.span)
            }
            ExprKind::Error => Value::Error,
        }
    }

    /// The value of a block.
    pub(crate) fn block(&mut self, block: &'a ast::Block) -> Value<'a> {
        let mark = self.frame().mark();
        let value = self.block_value(block);
        self.frame().leave(mark);
        value
    }

    /// The same without forgetting the names that it binds.
    pub(crate) fn block_value(&mut self, block: &'a ast::Block) -> Value<'a> {
        let (before, value) = block.split();
        for stmt in before {
            self.stmt(stmt);
        }
        match value {
            Some(value) => self.eval(value),
            None if matches!(block.stmts.last(), Some(Stmt::Error(_))) => Value::Error,
            None => {
                let title = "this block has no value";
                let diagnostic = Diagnostic::error(title, block.span, "its last line is no expression");
                self.report(diagnostic.hint("end it with the value, such as `x`"));
                Value::Error
            }
        }
    }

    /// Runs a statement.
    pub(crate) fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Let(binding) => self.let_binding(binding),
            Stmt::Rec(rec) => self.rec(rec),
            Stmt::Cell(cell) => self.local_cell(cell),
            Stmt::Expr(expr) => {
                let value = self.eval(expr);
                if !matches!(value, Value::Error | Value::Tuple(_)) || !is_assertion(expr) {
                    if matches!(value, Value::Error) {
                        return;
                    }
                    let diagnostic = Diagnostic::error("this value is not used", expr.span, value.describe());
                    self.report(diagnostic.hint("let _ = .."));
                }
            }
            Stmt::Error(_) => {}
        }
    }

    /// Runs a `let`.
    pub(crate) fn let_binding(&mut self, binding: &'a ast::Let) {
        let mut value = self.eval(&binding.value);
        if let Some(ty) = &binding.ty
            && !value.has_error()
            && !value.has_hole()
        {
            value = self.stated(ty, value, binding.value.span).unwrap_or(Value::Error);
        }
        self.destructure(&binding.pattern, value, binding.value.span);
    }

    /// Binds the names of a pattern.
    pub(crate) fn destructure(&mut self, pattern: &'a Pattern, value: Value<'a>, span: Span) {
        match &pattern.kind {
            PatternKind::Ignore => {}
            PatternKind::Name(name) => {
                let value = match value {
                    Value::Size(size) if size.as_int() != Some(0) && !is_plain(&size) => {
                        Value::Size(size.named(name))
                    }
                    other => other,
                };
                self.bind(name, value);
            }
            PatternKind::Tuple(patterns) => {
                let entries: Vec<Value<'a>> = match &value {
                    Value::Tuple(entries) => entries.iter().map(|(_, entry)| entry.clone()).collect(),
                    Value::List(entries) => entries.to_vec(),
                    Value::Hole => vec![Value::Hole; patterns.len()],
                    Value::Error => vec![Value::Error; patterns.len()],
                    other => {
                        let fact = format!("this is {}", other.describe());
                        let title = format!("{} names are bound, one value is given", patterns.len());
                        self.report(Diagnostic::error(title, pattern.span, "").label(span, fact));
                        vec![Value::Error; patterns.len()]
                    }
                };
                if entries.len() != patterns.len() {
                    let title = format!("{} names for {} values", patterns.len(), entries.len());
                    let fact = format!("this is {}", value.describe());
                    self.report(Diagnostic::error(title, pattern.span, "").label(span, fact));
                }
                let missing = std::iter::repeat(Value::Error);
                for (pattern, entry) in patterns.iter().zip(entries.into_iter().chain(missing)) {
                    self.destructure(pattern, entry, span);
                }
            }
        }
    }

    /// A number of entries: whole, known, not absurd.
    pub(crate) fn count(&mut self, expr: &'a Expr) -> Res<i64> {
        let value = self.eval(expr);
        let count = self.count_of(&value, expr);
        if count.is_err() && !matches!(value, Value::Size(_)) {
            self.silence_hyperparameter(expr);
        }
        count
    }

    fn count_of(&mut self, value: &Value<'a>, expr: &'a Expr) -> Res<i64> {
        match value {
            Value::Size(size) => match size.as_int() {
                Some(n) if (0..=MAX_LIST).contains(&n) => Ok(n),
                Some(n) => {
                    let title = format!("a list has between 0 and {MAX_LIST} entries");
                    Err(self.error(expr.span, title, format!("this is {n}")))
                }
                None if self.generic => Err(super::elaborator::Reported),
                None => {
                    let fact = format!("this is {}", size.described());
                    Err(self.error(expr.span, "a whole number known when compiling is expected", fact))
                }
            },
            Value::Error | Value::Hole => Err(super::elaborator::Reported),
            other => {
                let fact = format!("this is {}", other.describe());
                Err(self.error(expr.span, "a whole number known when compiling is expected", fact))
            }
        }
    }

    /// `[E; n]`: E anew for each entry.
    fn repeated(&mut self, entry: &'a Expr, count: &'a Expr) -> Value<'a> {
        let Ok(count) = self.count(count) else {
            self.eval(entry);
            return Value::Error;
        };
        Value::list((0..count).map(|_| self.eval(entry)).collect())
    }

    /// The entries of a comprehension.
    pub(crate) fn comprehension(&mut self, comprehension: &'a Comprehension) -> Res<Vec<Value<'a>>> {
        let source = self.source(&comprehension.source);
        let entries = match source {
            Ok(entries) => entries,
            Err(reported) => {
                // The body is looked at all the same, for what else is wrong in it.
                let mark = self.frame().mark();
                self.destructure(&comprehension.pattern, Value::Error, comprehension.pattern.span);
                self.eval(&comprehension.body);
                self.frame().leave(mark);
                return Err(reported);
            }
        };
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            let mark = self.frame().mark();
            self.destructure(&comprehension.pattern, entry, comprehension.pattern.span);
            values.push(self.eval(&comprehension.body));
            self.frame().leave(mark);
        }
        Ok(values)
    }

    fn source(&mut self, source: &'a ForSource) -> Res<Vec<Value<'a>>> {
        match source {
            ForSource::Range { start, end } => {
                let (start, end) = (self.bound(start), self.bound(end));
                let (start, end) = (start?, end?);
                if end.saturating_sub(start) > MAX_LIST {
                    let title = format!("a list has between 0 and {MAX_LIST} entries");
                    return Err(self.error(
                        self.span,
                        title,
                        format!("this one has {}", end.saturating_sub(start)),
                    ));
                }
                Ok((start..end).map(Value::int).collect())
            }
            ForSource::Each(list) => match self.eval(list) {
                Value::List(entries) => Ok(entries.to_vec()),
                Value::Error | Value::Hole => Err(super::elaborator::Reported),
                other => {
                    let fact = format!("this is {}", other.describe());
                    let title = "`for` runs over a list of cells or numbers, or a range";
                    let diagnostic = Diagnostic::error(title, list.span, fact);
                    Err(self.report(diagnostic.hint("for i in 0..n")))
                }
            },
        }
    }

    fn bound(&mut self, expr: &'a Expr) -> Res<i64> {
        match self.eval(expr) {
            Value::Size(size) if size.as_int().is_some() => Ok(size.as_int().unwrap_or(0)),
            Value::Error | Value::Hole => Err(super::elaborator::Reported),
            Value::Size(_) if self.generic => Err(super::elaborator::Reported),
            other => {
                let fact = format!("this is {}", other.describe());
                Err(self.error(expr.span, "a whole number known when compiling is expected", fact))
            }
        }
    }
}

fn literal_value<'a>(literal: &'a Literal) -> Value<'a> {
    match literal {
        Literal::Int { value, .. } => Value::int(*value),
        Literal::Float { value, .. } => Value::Float(*value),
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Str(text) => Value::Str(text),
        Literal::None => Value::None,
        Literal::All => Value::All,
    }
}

/// A number that is spelled as it is worth: a literal.
fn is_plain(size: &Size) -> bool {
    matches!(size.spelling, super::size::Spelling::Name(_))
}

fn is_assertion(expr: &Expr) -> bool {
    match &expr.peel().kind {
        ExprKind::Call { callee, .. } => matches!(callee.as_name(), Some("assert" | "assert_close")),
        _ => false,
    }
}
