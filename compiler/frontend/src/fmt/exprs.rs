//! The layout of expressions, types and patterns.

use super::Formatter;
use super::doc::Doc;
use super::items::Braces;
use crate::ast::*;
use crate::span::Span;

impl Formatter<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Doc {
        let close = expr.span.end.saturating_sub(1);
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Error => Doc::text(self.source(expr.span)),
            ExprKind::Name(name) => Doc::text(name),
            ExprKind::Paren(inner) => self.paren(inner, close),
            ExprKind::Tuple(entries) => self.tuple(entries, close, |entry| entry.span, Self::expr),
            ExprKind::List(entries) => self.list_of_exprs(entries, close),
            ExprKind::Repeat { entry, count } => {
                let entry_gap = self.gap(entry.span.start);
                let entry = self.expr(entry);
                let count_gap = self.gap(count.span.start);
                let count = self.expr(count);
                let end_gap = self.gap(close);
                bracketed(
                    ["[", "]"],
                    [
                        entry_gap.trailing,
                        Doc::line(""),
                        entry_gap.leading,
                        entry,
                        Doc::text(";"),
                        count_gap.trailing,
                        Doc::line(" "),
                        count_gap.leading,
                        count,
                        end_gap.trailing,
                        end_of_list(end_gap.leading),
                    ],
                )
            }
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension, close),
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { .. } => {
                let broken = self.chain_breaks(expr) || self.peek_comment(expr.span.end).is_some();
                self.conditional(expr, broken).group()
            }
            ExprKind::Unary { op, operand } => Doc::concat([Doc::text(op.symbol()), self.expr(operand)]),
            ExprKind::Binary { op: BinaryOp::Pow, left, right, .. } => {
                let left = self.expr(left);
                Doc::concat([left, Doc::text(" ^ "), self.expr(right)])
            }
            ExprKind::Binary { .. } => self.chain(expr),
            ExprKind::Pipe { .. } => self.pipes(expr),
            ExprKind::Call { callee, args } => {
                let callee = self.expr(callee);
                Doc::concat([callee, self.list(["(", ")"], args, close, |arg| arg.span, Self::arg)])
            }
            ExprKind::Index { base, indices } => {
                let base = self.expr(base);
                let indices = self.list(["[", "]"], indices, close, |index| index.span, Self::index);
                Doc::concat([base, indices])
            }
            ExprKind::Field { base, name } => {
                Doc::concat([self.expr(base), Doc::text("."), Doc::text(&name.text)])
            }
        }
    }

    fn paren(&mut self, inner: &Expr, close: u32) -> Doc {
        let gap = self.gap(inner.span.start);
        let inner = self.expr(inner);
        let end = self.gap(close);
        bracketed(
            ["(", ")"],
            [gap.trailing, Doc::line(""), gap.leading, inner, end.trailing, end_of_list(end.leading)],
        )
    }

    fn arg(&mut self, arg: &Arg) -> Doc {
        match &arg.name {
            Some(name) => Doc::concat([Doc::text(format!("{} = ", name.text)), self.expr(&arg.value)]),
            None => self.expr(&arg.value),
        }
    }

    fn index(&mut self, index: &Index) -> Doc {
        match &index.kind {
            IndexKind::At(expr) => self.offset(expr),
            IndexKind::Range { start, end } => {
                let start = start.as_ref().map_or_else(Doc::nil, |start| self.offset(start));
                let end = end.as_ref().map_or_else(Doc::nil, |end| self.offset(end));
                Doc::concat([start, Doc::text(".."), end])
            }
            IndexKind::NewAxis => Doc::text("none"),
        }
    }

    /// In an index and a range `t-1` has no blanks.
    fn offset(&mut self, expr: &Expr) -> Doc {
        let is_atom = |expr: &Expr| matches!(expr.kind, ExprKind::Name(_) | ExprKind::Literal(_));
        match &expr.kind {
            ExprKind::Binary { op: op @ (BinaryOp::Add | BinaryOp::Sub), left, right, .. }
                if is_atom(left) && is_atom(right) && self.peek_comment(expr.span.end).is_none() =>
            {
                Doc::concat([self.expr(left), Doc::text(op.symbol()), self.expr(right)])
            }
            _ => self.expr(expr),
        }
    }

    fn comprehension(&mut self, comprehension: &Comprehension, close: u32) -> Doc {
        let Comprehension { body, pattern, source, brackets } = comprehension;
        let start = self.gap(body.span.start);
        let body = self.expr(body);
        let middle = self.gap(pattern.span.start);
        let head = Doc::concat([Doc::text("for "), self.pattern(pattern), Doc::text(" in ")]);
        let source = match source {
            ForSource::Each(list) => self.expr(list),
            ForSource::Range { start, end } => {
                Doc::concat([self.offset(start), Doc::text(".."), self.offset(end)])
            }
        };
        let clause = [middle.trailing, Doc::line(" "), middle.leading, head, source];
        if !brackets {
            return Doc::concat([start.leading, start.trailing, body].into_iter().chain(clause)).group();
        }
        let end = self.gap(close);
        let front = [start.trailing, Doc::line(""), start.leading, body];
        let back = [end.trailing, end_of_list(end.leading)];
        bracketed(["[", "]"], front.into_iter().chain(clause).chain(back))
    }

    /// Whether one of the blocks of an `if` was written over lines; then all are.
    fn chain_breaks(&self, expr: &Expr) -> bool {
        let breaks = |block: &Block| self.has_newline(block.span.start, block.span.end);
        let mut expr = expr;
        while let ExprKind::If { then, otherwise, .. } = &expr.kind {
            if breaks(then) {
                return true;
            }
            expr = otherwise;
        }
        if let ExprKind::Block(block) = &expr.kind { breaks(block) } else { false }
    }

    fn conditional(&mut self, expr: &Expr, broken: bool) -> Doc {
        let (condition, then, otherwise) = match &expr.kind {
            ExprKind::If { condition, then, otherwise } => (condition, then, otherwise),
            ExprKind::Block(block) => {
                let braces = Braces { broken, ..self.braces_of(block.span.start, block.span.end) };
                return self.block_in(block, &braces);
            }
            _ => return self.expr(expr),
        };
        let condition = self.expr(condition);
        // A comment behind the `}` cannot stay in front of `else`.
        let until = otherwise.span.start;
        let then =
            self.block_in(then, &Braces { broken, until, ..self.braces_of(then.span.start, then.span.end) });
        let otherwise = self.conditional(otherwise, broken);
        Doc::concat([Doc::text("if "), condition, Doc::text(" "), then, Doc::text(" else "), otherwise])
    }

    /// Operators of one precedence, which break together.
    fn chain(&mut self, expr: &Expr) -> Doc {
        let mut links = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary { op, left, right, .. } = &first.kind
            && links.last().is_none_or(|(last, _): &(BinaryOp, &Expr)| last.precedence() == op.precedence())
            && *op != BinaryOp::Pow
        {
            links.push((*op, right.as_ref()));
            first = left;
        }
        let first = self.expr(first);
        let mut rest = Vec::new();
        for (op, right) in links.into_iter().rev() {
            let gap = self.gap(right.span.start);
            let right = self.expr(right);
            rest.extend([
                Doc::text(format!(" {}", op.symbol())),
                gap.trailing,
                Doc::line(" "),
                gap.leading,
                right,
            ]);
        }
        Doc::concat([first, Doc::concat(rest).indent()]).group()
    }

    /// `x |> f |> g`, over lines where it was.
    fn pipes(&mut self, expr: &Expr) -> Doc {
        let mut links = Vec::new();
        let mut first = expr;
        while let ExprKind::Pipe { value, target } = &first.kind {
            links.push((value.span.end, target.as_ref()));
            first = value;
        }
        let broken = links.iter().any(|(end, target)| self.has_newline(*end, target.span.start));
        let first = self.expr(first);
        let mut rest = Vec::new();
        for (_, target) in links.into_iter().rev() {
            let gap = self.gap(target.span.start);
            let target = self.expr(target);
            let line = if broken { Doc::hard() } else { Doc::line(" ") };
            rest.extend([gap.trailing, line, gap.leading, Doc::text("|> "), target]);
        }
        Doc::concat([first, Doc::concat(rest).indent()]).group()
    }

    pub(super) fn ty(&mut self, ty: &Type) -> Doc {
        let name = Doc::text(&ty.name.text);
        if ty.dims.is_empty() {
            return name;
        }
        Doc::concat([name, self.list(["[", "]"], &ty.dims, ty.span.end - 1, |dim| dim.span, Self::expr)])
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern) -> Doc {
        match &pattern.kind {
            PatternKind::Name(name) => Doc::text(name),
            PatternKind::Ignore => Doc::text("_"),
            PatternKind::Tuple(parts) => {
                self.tuple(parts, pattern.span.end - 1, |part| part.span, Self::pattern)
            }
        }
    }

    /// A tuple; one of a single entry keeps its comma.
    fn tuple<T>(
        &mut self,
        entries: &[T],
        close: u32,
        span: impl std::ops::Fn(&T) -> Span,
        mut write: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        if let [entry] = entries
            && self.peek_comment(close).is_none()
        {
            return Doc::concat([Doc::text("("), write(self, entry), Doc::text(",)")]);
        }
        self.list(["(", ")"], entries, close, span, write)
    }

    /// A list; of many numbers as many stand on a line as fit.
    fn list_of_exprs(&mut self, entries: &[Expr], close: u32) -> Doc {
        let is_number = |expr: &Expr| match &expr.kind {
            ExprKind::Literal(_) => true,
            ExprKind::Unary { op: UnaryOp::Neg, operand } => matches!(operand.kind, ExprKind::Literal(_)),
            _ => false,
        };
        if entries.len() < 2 || !entries.iter().all(is_number) || self.peek_comment(close).is_some() {
            return self.list(["[", "]"], entries, close, |entry| entry.span, Self::expr);
        }
        let last = entries.len() - 1;
        let words = entries.iter().enumerate().map(|(at, entry)| {
            let comma = if at < last { "," } else { "" };
            match &entry.kind {
                ExprKind::Unary { operand, .. } => format!("-{}{comma}", self.source(operand.span)),
                _ => format!("{}{comma}", self.source(entry.span)),
            }
        });
        let words = Doc::fill(words.collect());
        bracketed(["[", "]"], [Doc::line(""), words, Doc::broken(",")])
    }

    /// What stands between brackets with commas between: on one line, or each on its own.
    pub(super) fn list<T>(
        &mut self,
        brackets: [&str; 2],
        entries: &[T],
        close: u32,
        span: impl std::ops::Fn(&T) -> Span,
        mut write: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        if entries.is_empty() && self.peek_comment(close).is_none() {
            return Doc::text(brackets.concat());
        }
        let mut inner = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let gap = self.gap(span(entry).start);
            let line = if at == 0 { Doc::line("") } else { Doc::line(" ") };
            let entry = write(self, entry);
            let comma = if at + 1 < entries.len() { Doc::text(",") } else { Doc::broken(",") };
            inner.extend([gap.trailing, line, gap.leading, entry, comma]);
        }
        let gap = self.gap(close);
        inner.extend([gap.trailing, end_of_list(gap.leading)]);
        bracketed(brackets, inner)
    }
}

/// Comments in front of a closing bracket, each of which ends its line, as lines that start.
fn end_of_list(leading: Doc) -> Doc {
    if leading.is_hard() { leading.lines_first() } else { leading }
}

fn bracketed(brackets: [&str; 2], inner: impl IntoIterator<Item = Doc>) -> Doc {
    let [open, close] = brackets;
    let inner = Doc::concat(inner).indent();
    Doc::concat([Doc::text(open), inner, Doc::line(""), Doc::text(close)]).group()
}
