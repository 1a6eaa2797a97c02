//! Names that mean nothing, and names that nothing uses, found by walking the tree: also in branches that no instance takes.

use super::call::quoted;
use super::elaborator::Elaborator;
use super::names::{library, suggestion};
use super::unused::{Kind, Names};
use crate::ast::{
    Block, Expr, ExprKind, Fn, ForSource, Hyper, IndexKind, Item, Member, Name, ParamKind, Pattern,
    PatternKind, RecLine, Results, Stmt, Type,
};
use crate::diagnostic::Diagnostic;
use crate::span::FileId;

/// The names bound where the walk is, with how often.
struct Scopes<'c, 'a> {
    cx: &'c mut Elaborator<'a>,
    file: FileId,
    names: Names<'a>,
}

/// Reports the unknown names of a file's items, and gives warnings of those that nothing uses.
pub(crate) fn unknown_names<'a>(cx: &mut Elaborator<'a>, file: FileId, items: &'a [Item]) -> Vec<Diagnostic> {
    let mut scopes = Scopes { cx, file, names: Names::default() };
    for item in items {
        match item {
            Item::Const(item) => scopes.expr(&item.value),
            Item::Fn(function) => scopes.function(function),
            Item::Cell(cell) => scopes.cell(&cell.hypers, &cell.members),
            Item::Model(model) => scopes.cell(&model.hypers, &model.members),
            Item::Test(test) => scopes.block(&test.body),
            Item::Use(_) | Item::Error(_) => {}
        }
    }
    scopes.names.unused(items)
}

impl<'a> Scopes<'_, 'a> {
    fn bind(&mut self, name: &'a str) {
        self.names.bind(name, None, Kind::Other);
    }

    fn bind_as(&mut self, name: &'a Name, kind: Kind) {
        self.names.bind(&name.text, Some(name.span), kind);
    }

    fn scoped(&mut self, run: impl FnOnce(&mut Self)) {
        let mark = self.names.mark();
        run(self);
        self.names.leave(mark);
    }

    /// A name is read. Gives whether it means something.
    fn read(&mut self, name: &'a str) -> bool {
        self.names.read(name)
            || name == "training"
            || self.cx.program.global(self.file, name).is_some()
            || library(name).is_some()
    }

    fn name(&mut self, name: &'a str, expr: &Expr) {
        if self.read(name) {
            return;
        }
        let mut diagnostic =
            Diagnostic::error(format!("unknown name `{name}`"), expr.span, "nothing here has this name");
        let bound = self.names.all();
        let scope = self.cx.program.file(self.file);
        let globals = scope.iter().flat_map(|file| file.scope.keys().map(String::as_str));
        let library = super::builtins::all().map(|builtin| builtin.name);
        if let Some(close) = suggestion(name, bound.chain(globals).chain(library)) {
            diagnostic = diagnostic.hint(format!("did you mean `{close}`?"));
        } else if let Some(file) = super::library::file_of(name) {
            diagnostic = diagnostic.hint(format!("use std.{file}.{name}"));
        }
        self.cx.report(diagnostic);
    }

    fn cell(&mut self, hypers: &'a [Hyper], members: &'a [Member]) {
        self.scoped(|this| {
            for hyper in hypers {
                if let Some(default) = &hyper.default {
                    this.expr(default);
                }
                this.bind_as(&hyper.name, Kind::Hyperparameter);
            }
            for member in members {
                match member {
                    Member::Param(param) => {
                        let kind = match param.kind {
                            ParamKind::Param => Kind::Parameter,
                            ParamKind::Buffer => Kind::Buffer,
                        };
                        this.bind_as(&param.name, kind);
                    }
                    Member::Cell(cell) => this.bind_as(&cell.name, Kind::SubCell),
                    Member::Fn(function) => this.bind(&function.name.text),
                    Member::Preset(_) | Member::Error(_) => {}
                }
            }
            for member in members {
                match member {
                    Member::Param(param) => {
                        this.ty(&param.ty);
                        this.expr(&param.init);
                    }
                    Member::Cell(cell) => this.expr(&cell.value),
                    Member::Fn(function) => this.function(function),
                    Member::Preset(preset) => {
                        preset.settings.iter().for_each(|setting| this.expr(&setting.value))
                    }
                    Member::Error(_) => {}
                }
            }
        });
    }

    fn function(&mut self, function: &'a Fn) {
        self.scoped(|this| {
            for dim in function.inputs.iter().flat_map(|input| &input.ty.dims) {
                if let ExprKind::Name(name) = &dim.kind
                    && !this.size(name)
                {
                    this.bind(name);
                }
            }
            for input in &function.inputs {
                this.sizes(&input.ty, &function.name.text);
                if let Some(default) = &input.default {
                    this.expr(default);
                }
            }
            match &function.results {
                Results::One(ty) => this.sizes(ty, &function.name.text),
                Results::Named(outputs, _) => {
                    outputs.iter().for_each(|output| this.sizes(&output.ty, &function.name.text));
                }
            }
            for input in &function.inputs {
                this.bind(&input.name.text);
            }
            this.block(&function.body);
        });
    }

    /// Whether a name is a size already, so that an input's type does not infer it.
    fn size(&self, name: &str) -> bool {
        let global = self.cx.program.global(self.file, name);
        self.names.is_bound(name) || matches!(global, Some(super::program::ItemRef::Const(..)))
    }

    /// The sizes of an input's or a result's type.
    fn sizes(&mut self, ty: &'a Type, function: &str) {
        // An unknown element type is reported once, here.
        let _ = self.cx.dtype(ty);
        let mut unknown: Vec<(&'a str, &'a Expr)> = Vec::new();
        for dim in &ty.dims {
            self.dim_names(dim, &mut unknown);
        }
        for (name, expr) in unknown {
            let title = format!("nothing says what `{name}` is");
            let fact = "a size is inferred where an input's type has its bare name";
            let diagnostic = Diagnostic::error(title, expr.span, fact);
            self.cx.report(diagnostic.hint(format!("fn {function}(x: f32[{name}], ..)")));
            self.cx.silence(expr.span, format!("unknown name `{name}`"));
            self.cx.silence(ty.span, format!("nothing says what `{name}` is"));
            self.bind(name);
        }
    }

    fn dim_names(&mut self, dim: &'a Expr, unknown: &mut Vec<(&'a str, &'a Expr)>) {
        match &dim.kind {
            ExprKind::Name(name) => {
                let seen = unknown.iter().any(|(own, _)| own == name);
                if !self.read(name) && !seen {
                    unknown.push((name, dim));
                }
            }
            ExprKind::Paren(inner) => self.dim_names(inner, unknown),
            ExprKind::Unary { operand, .. } => self.dim_names(operand, unknown),
            ExprKind::Binary { left, right, .. } => {
                self.dim_names(left, unknown);
                self.dim_names(right, unknown);
            }
            ExprKind::Call { args, .. } => args.iter().for_each(|arg| self.dim_names(&arg.value, unknown)),
            ExprKind::Literal(_)
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Repeat { .. }
            | ExprKind::Comprehension(_)
            | ExprKind::Block(_)
            | ExprKind::If { .. }
            | ExprKind::Pipe { .. }
            | ExprKind::Index { .. }
            | ExprKind::Field { .. }
            | ExprKind::Error => {}
        }
    }

    fn ty(&mut self, ty: &'a Type) {
        ty.dims.iter().for_each(|dim| self.expr(dim));
    }

    fn pattern(&mut self, pattern: &'a Pattern, kind: Kind) {
        match &pattern.kind {
            PatternKind::Name(name) => self.names.bind(name, Some(pattern.span), kind),
            PatternKind::Ignore => {}
            PatternKind::Tuple(patterns) => {
                let mut names: Vec<&str> = Vec::new();
                for inner in patterns {
                    if let PatternKind::Name(name) = &inner.kind {
                        if names.contains(&name.as_str()) {
                            let title = format!("{} is bound twice", quoted(&[name]));
                            self.cx.error(inner.span, title, "again here");
                        }
                        names.push(name);
                    }
                    self.pattern(inner, kind);
                }
            }
        }
    }

    fn block(&mut self, block: &'a Block) {
        self.scoped(|this| block.stmts.iter().for_each(|stmt| this.stmt(stmt)));
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Let(binding) => {
                if let Some(ty) = &binding.ty {
                    self.ty(ty);
                }
                self.expr(&binding.value);
                self.pattern(&binding.pattern, Kind::Local);
            }
            Stmt::Rec(rec) => {
                let defined: Vec<_> = rec
                    .lines
                    .iter()
                    .filter_map(|line| if let RecLine::Define(line) = line { Some(line) } else { None })
                    .collect();
                for line in &defined {
                    line.from.iter().for_each(|from| self.expr(from));
                    line.ty.iter().for_each(|ty| self.ty(ty));
                }
                let mut read: Vec<bool> = Vec::new();
                self.scoped(|this| {
                    for line in &defined {
                        this.bind(&line.index.text);
                        this.names.bind(&line.name.text, None, Kind::Line);
                    }
                    for line in &rec.lines {
                        match line {
                            RecLine::Define(line) => {
                                let outer = this.names.line.replace(&line.name.text);
                                this.expr(&line.value);
                                this.names.line = outer;
                            }
                            RecLine::Let(binding) => {
                                this.expr(&binding.value);
                                this.pattern(&binding.pattern, Kind::Local);
                            }
                            RecLine::Error(_) => {}
                        }
                    }
                    // What another line reads is used.
                    read = defined.iter().map(|line| this.names.is_used(&line.name.text)).collect();
                });
                for (line, read) in defined.into_iter().zip(read) {
                    self.bind_as(&line.name, if read { Kind::Other } else { Kind::Line });
                }
            }
            Stmt::Cell(cell) => {
                self.expr(&cell.value);
                self.bind_as(&cell.name, Kind::Local);
            }
            Stmt::Expr(expr) => self.expr(expr),
            Stmt::Error(_) => {}
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Error => {}
            ExprKind::Name(name) => self.name(name, expr),
            ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Tuple(entries) | ExprKind::List(entries) => {
                entries.iter().for_each(|entry| self.expr(entry))
            }
            ExprKind::Repeat { entry, count } => {
                self.expr(entry);
                self.expr(count);
            }
            ExprKind::Comprehension(comprehension) => {
                match &comprehension.source {
                    ForSource::Each(list) => self.expr(list),
                    ForSource::Range { start, end } => {
                        self.expr(start);
                        self.expr(end);
                    }
                }
                self.scoped(|this| {
                    this.pattern(&comprehension.pattern, Kind::Other);
                    this.expr(&comprehension.body);
                });
            }
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                self.expr(otherwise);
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Pipe { value, target } => {
                self.expr(value);
                self.expr(target);
            }
            ExprKind::Call { callee, args } => {
                self.expr(callee);
                args.iter().for_each(|arg| self.expr(&arg.value));
            }
            ExprKind::Index { base, indices } => {
                self.expr(base);
                for index in indices {
                    match &index.kind {
                        IndexKind::At(expr) => self.expr(expr),
                        IndexKind::Range { start, end } => {
                            start.iter().chain(end).for_each(|side| self.expr(side))
                        }
                        IndexKind::NewAxis => {}
                    }
                }
            }
            ExprKind::Field { base, name } => {
                self.names.field(&name.text);
                self.expr(base);
            }
        }
    }
}
