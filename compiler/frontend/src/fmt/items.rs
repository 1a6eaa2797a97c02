//! The layout of items, members and statements.

use super::doc::{Class, Doc, Mark};
use super::{Formatter, stacked};
use crate::ast::*;
use crate::lexer::Kind;
use crate::span::Span;

/// Braces in the text.
pub(super) struct Braces {
    /// Where `}` is.
    pub(super) close: u32,
    /// Comments in front of this place go in, where it is behind `}`.
    pub(super) until: u32,
    /// They do not go on one line.
    pub(super) broken: bool,
}

impl Formatter<'_> {
    pub(super) fn item(&mut self, item: &Item) -> Doc {
        match item {
            Item::Use(item) => Doc::text(use_line(item)),
            Item::Const(item) => {
                let head = Doc::text(format!("const {}", item.name.text));
                self.assign(head, &item.value).aligned(Class::Const)
            }
            Item::Fn(item) => self.function(item),
            Item::Cell(item) => self.body("cell", &item.name, &item.hypers, &item.members, item.span),
            Item::Model(item) => self.body("model", &item.name, &item.hypers, &item.members, item.span),
            Item::Test(item) => {
                let name = self.source(item.name.span);
                let head = Doc::text(format!("test {name} "));
                Doc::concat([head, self.block(&item.body)])
            }
            Item::Error(span) => Doc::text(self.source(*span)),
        }
    }

    fn body(&mut self, word: &str, name: &Name, hypers: &[Hyper], members: &[Member], span: Span) -> Doc {
        let last = hypers.last().map_or(name.span.end, |hyper| hyper.span.end);
        let close = self.find(Kind::CloseParen, last);
        let head = Doc::text(format!("{word} {}", name.text));
        let hypers = self.list(["(", ")"], hypers, close, |hyper| hyper.span, Self::hyper);
        let braces = self.braces_of(self.find(Kind::OpenBrace, close), span.end);
        let members = self.braces(members, &braces, Member::span, Self::member).group();
        Doc::concat([head, hypers, Doc::text(" "), members])
    }

    fn hyper(&mut self, hyper: &Hyper) -> Doc {
        self.defaulted(Doc::text(&hyper.name.text), hyper.default.as_ref())
    }

    fn defaulted(&mut self, head: Doc, default: Option<&Expr>) -> Doc {
        match default {
            Some(default) => Doc::concat([head, Doc::text(" = "), self.expr(default)]),
            None => head,
        }
    }

    fn function(&mut self, item: &Fn) -> Doc {
        let last = item.inputs.last().map_or(item.name.span.end, |input| input.span.end);
        let close = self.find(Kind::CloseParen, last);
        let head = Doc::text(format!("fn {}", item.name.text));
        let inputs = self.list(["(", ")"], &item.inputs, close, |input| input.span, Self::input);
        let results = match &item.results {
            Results::One(ty) => self.ty(ty),
            Results::Named(outputs, span) => {
                self.list(["(", ")"], outputs, span.end - 1, |output| output.span, Self::output)
            }
        };
        let body = self.block(&item.body);
        Doc::concat([head, inputs, Doc::text(" -> "), results, Doc::text(" "), body])
    }

    fn input(&mut self, input: &Input) -> Doc {
        let head = Doc::concat([Doc::text(format!("{}: ", input.name.text)), self.ty(&input.ty)]);
        self.defaulted(head, input.default.as_ref())
    }

    fn output(&mut self, output: &Output) -> Doc {
        Doc::concat([Doc::text(format!("{}: ", output.name.text)), self.ty(&output.ty)])
    }

    fn member(&mut self, member: &Member) -> Doc {
        match member {
            Member::Param(param) => {
                let word = match param.kind {
                    ParamKind::Param => "param",
                    ParamKind::Buffer => "buffer",
                };
                let name = Doc::text(&param.name.text);
                let head = self.head(word, name, Some(&param.ty));
                self.assign(head, &param.init).aligned(Class::Declaration)
            }
            Member::Cell(cell) => self.sub_cell(cell),
            Member::Fn(item) => self.function(item),
            Member::Preset(preset) => self.preset(preset),
            Member::Error(span) => Doc::text(self.source(*span)),
        }
    }

    fn sub_cell(&mut self, cell: &SubCell) -> Doc {
        let head = self.head("cell", Doc::text(&cell.name.text), None);
        self.assign(head, &cell.value).aligned(Class::Declaration)
    }

    fn preset(&mut self, preset: &Preset) -> Doc {
        let head = Doc::concat([
            Doc::text(format!("preset {}", preset.name.text)),
            Doc::mark(Mark::Value),
            Doc::text(" "),
        ]);
        let braces = self.braces_of(self.find(Kind::OpenBrace, preset.name.span.end), preset.span.end);
        let settings = self.separated(",", &preset.settings, &braces, |setting| setting.span, Self::setting);
        Doc::concat([head, settings.group()]).aligned(Class::Preset)
    }

    fn setting(&mut self, setting: &Setting) -> Doc {
        let head = Doc::text(format!("{} =", setting.name.text));
        self.value(head, &setting.value)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Doc {
        match stmt {
            Stmt::Let(binding) => self.binding(binding),
            Stmt::Rec(rec) => self.rec(rec),
            Stmt::Cell(cell) => self.sub_cell(cell),
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Error(span) => Doc::text(self.source(*span)),
        }
    }

    fn binding(&mut self, binding: &Let) -> Doc {
        let pattern = self.pattern(&binding.pattern);
        let head = self.head("let", pattern, binding.ty.as_ref());
        self.assign(head, &binding.value).aligned(Class::Binding)
    }

    fn rec(&mut self, rec: &Rec) -> Doc {
        match rec.lines.as_slice() {
            [RecLine::Define(define)] if !rec.braces => self.define("rec", define).aligned(Class::Binding),
            lines => {
                let braces = self.braces_of(self.find(Kind::OpenBrace, rec.span.start), rec.span.end);
                let lines = self.braces(lines, &braces, RecLine::span, Self::rec_line);
                Doc::concat([Doc::text("rec "), lines.group()])
            }
        }
    }

    fn rec_line(&mut self, line: &RecLine) -> Doc {
        match line {
            RecLine::Define(define) => self.define("", define).aligned(Class::Define),
            RecLine::Let(binding) => self.binding(binding),
            RecLine::Error(span) => Doc::text(self.source(*span)),
        }
    }

    fn define(&mut self, word: &str, define: &Define) -> Doc {
        let name = Doc::text(format!("{}[{}]", define.name.text, define.index.text));
        let head = self.head(word, name, define.ty.as_ref());
        let line = self.assign(head, &define.value);
        let Some(from) = &define.from else { return line };
        let gap = self.gap(from.span.start);
        let from = self.expr(from);
        let from = Doc::concat([gap.trailing, Doc::line(" "), gap.leading, Doc::text("from "), from]);
        Doc::concat([line, from.indent().group()])
    }

    /// `word name: type`, with the marks of the columns.
    fn head(&mut self, word: &str, name: Doc, ty: Option<&Type>) -> Doc {
        let mut parts = Vec::new();
        if !word.is_empty() {
            parts.extend([Doc::text(word), Doc::mark(Mark::Name), Doc::text(" ")]);
        }
        parts.push(name);
        if let Some(ty) = ty {
            parts.extend([Doc::text(":"), Doc::mark(Mark::Type), Doc::text(" "), self.ty(ty)]);
        }
        Doc::concat(parts)
    }

    /// `head = value`
    fn assign(&mut self, head: Doc, value: &Expr) -> Doc {
        let head = Doc::concat([head, Doc::mark(Mark::Value), Doc::text(" =")]);
        self.value(head, value)
    }

    /// `head` ends in `=`.
    fn value(&mut self, head: Doc, value: &Expr) -> Doc {
        let gap = self.gap(value.span.start);
        let value = self.expr(value);
        if gap.trailing.is_hard() || gap.leading.is_hard() {
            let below = Doc::concat([Doc::hard(), gap.leading, value]);
            return Doc::concat([head, gap.trailing, below.indent()]);
        }
        Doc::concat([head, Doc::text(" "), value])
    }

    /// A block by itself.
    pub(super) fn block(&mut self, block: &Block) -> Doc {
        let braces = self.braces_of(block.span.start, block.span.end);
        self.block_in(block, &braces).group()
    }

    /// A block whose braces break with what surrounds it.
    pub(super) fn block_in(&mut self, block: &Block, braces: &Braces) -> Doc {
        self.braces(&block.stmts, braces, Stmt::span, Self::stmt)
    }

    /// The braces from `start` to `end`. They go on one line where they were, and with no comment waiting.
    pub(super) fn braces_of(&self, start: u32, end: u32) -> Braces {
        let broken = self.has_newline(start, end) || self.peek_comment(end).is_some();
        Braces { close: end - 1, until: end - 1, broken }
    }

    fn braces<T>(
        &mut self,
        nodes: &[T],
        braces: &Braces,
        span: impl std::ops::Fn(&T) -> Span,
        write: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        self.separated(";", nodes, braces, span, write)
    }

    /// `{ a; b }` or `{ a, b }`; on lines of their own nodes lose `;`, and get a comma each.
    fn separated<T>(
        &mut self,
        sign: &'static str,
        nodes: &[T],
        braces: &Braces,
        span: impl std::ops::Fn(&T) -> Span,
        mut write: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let comma = if sign == "," { "," } else { "" };
        if !braces.broken {
            let mut inner = Vec::new();
            for node in nodes {
                let (flat, before) = if sign == "," { (" ", ",") } else { ("; ", "") };
                if !inner.is_empty() {
                    inner.extend([Doc::text(before), Doc::line(flat)]);
                }
                inner.push(write(self, node));
            }
            if inner.is_empty() {
                return Doc::text("{}");
            }
            inner.insert(0, Doc::line(" "));
            inner.push(Doc::broken(comma));
            let inner = Doc::concat(inner).indent();
            return Doc::concat([Doc::text("{"), inner, Doc::line(" "), Doc::text("}")]);
        }
        let until = braces.until.max(braces.close);
        let first = nodes.first().map_or(until, |node| span(node).start);
        let opening = self.next_trailing(first).unwrap_or_else(Doc::nil);
        let parts = self.parts(nodes, span, until, |formatter, node| {
            Doc::concat([write(formatter, node), Doc::text(comma)])
        });
        if parts.is_empty() {
            let closing = if opening.is_hard() { Doc::hard() } else { Doc::nil() };
            return Doc::concat([Doc::text("{"), opening, closing, Doc::text("}")]);
        }
        let inner = Doc::concat([Doc::hard(), stacked(parts)]).indent();
        Doc::concat([Doc::text("{"), opening, inner, Doc::hard(), Doc::text("}")])
    }
}

fn use_line(item: &Use) -> String {
    let mut line = String::from("use ");
    match item.root {
        UseRoot::Library => {}
        UseRoot::Beside => line.push_str("./"),
        UseRoot::Above(levels) => line.extend((0..levels).map(|_| "../")),
    }
    line.extend(item.folders.iter().flat_map(|folder| [folder.text.as_str(), "/"]));
    let path: Vec<&str> = item.path.iter().map(|name| name.text.as_str()).collect();
    line + &path.join(".")
}
