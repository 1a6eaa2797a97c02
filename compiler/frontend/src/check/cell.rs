//! Cells: hyperparameters, parameters, sub-cells, and what a field of a cell is.

use super::call::{ArgValue, counted, quoted};
use super::elaborator::{Elaborator, Frame, Reported, Res};
use super::names::suggestion;
use super::region::RegionKind;
use super::size::{Size, Spelling};
use super::value::{Decl, Function, Instance, InstanceId, Param, ParamId, Plan, Scope, Value};
use crate::ast::{self, Arg, Member, ParamKind};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use rustc_hash::FxHashMap;
use std::rc::Rc;
use tensc_ir::{Dim, Input, Role, Type, ValueId};

/// Cells inside cells.
const MAX_NESTING: usize = 48;
/// Cells of one program.
const MAX_CELLS: usize = 100_000;

impl<'a> Elaborator<'a> {
    /// `Flow(D, K, alpha = uniform(1, 3))`: a cell that is made where it is declared.
    pub(crate) fn plan(
        &mut self,
        decl: Decl<'a>,
        piped: Option<ArgValue<'a>>,
        args: &'a [Arg],
        span: Span,
    ) -> Res<Value<'a>> {
        let mut hypers: Vec<Option<Value<'a>>> = vec![None; decl.hypers.len()];
        let mut inits: Vec<(&'a str, &'a ast::Expr)> = Vec::new();
        let mut wrong = false;
        let mut next = 0;
        if let Some(first) = piped {
            next = 1;
            if let Some(slot) = hypers.first_mut() {
                *slot = Some(first.value);
            }
        }
        for arg in args {
            let position = match &arg.name {
                Some(name) => decl.hypers.iter().position(|hyper| hyper.name.text == name.text),
                None => {
                    next += 1;
                    Some(next - 1)
                }
            };
            if let (None, Some(name)) = (position, &arg.name)
                && decl.params().any(|param| param.name.text == name.text)
            {
                inits.push((&name.text, &arg.value));
                continue;
            }
            let value = self.eval(&arg.value);
            match position.and_then(|n| hypers.get_mut(n)) {
                Some(slot) if slot.is_none() => *slot = Some(value),
                Some(_) => {
                    wrong = true;
                    self.error(
                        arg.span,
                        format!("`{}` gets a hyperparameter twice", decl.name.text),
                        "this is the second",
                    );
                }
                None => {
                    wrong = true;
                    self.unknown_hyper(decl, arg, span);
                }
            }
        }
        for (hyper, value) in decl.hypers.iter().zip(&hypers) {
            if value.is_none() && hyper.default.is_none() && !wrong {
                wrong = true;
                let title = format!("`{}` needs its hyperparameter `{}`", decl.name.text, hyper.name.text);
                let diagnostic = Diagnostic::error(title, span, "it is left out here")
                    .label(hyper.span, "it has no default");
                self.report(diagnostic.hint(format!("{}({} = ..)", decl.name.text, hyper.name.text)));
            }
        }
        if wrong {
            return Err(Reported);
        }
        let frame = self.frame();
        let locals = frame.bound().map(|(name, value)| (name, value.clone())).collect();
        let scope = Rc::new(Scope { file: frame.file, instance: frame.instance, locals });
        Ok(Value::Plan(Rc::new(Plan { decl, hypers, inits, scope, span })))
    }

    fn unknown_hyper(&mut self, decl: Decl<'a>, arg: &'a Arg, span: Span) {
        let mut names: Vec<&str> = decl.hypers.iter().map(|hyper| hyper.name.text.as_str()).collect();
        let Some(name) = &arg.name else {
            let title = format!("`{}` takes {}", decl.name.text, counted(names.len(), "hyperparameter"));
            self.report(
                Diagnostic::error(title, span, "more are given").label(decl.name.span, "it is defined here"),
            );
            return;
        };
        let title = format!("`{}` has no hyperparameter `{}`", decl.name.text, name.text);
        let fact =
            if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", quoted(&names)) };
        let diagnostic = Diagnostic::error(title, name.span, fact);
        names.extend(decl.params().map(|param| param.name.text.as_str()));
        self.report(match suggestion(&name.text, names.into_iter()) {
            Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
            None => diagnostic,
        });
    }

    /// `cell f = Flow(2, 2)` in a test.
    pub(crate) fn local_cell(&mut self, cell: &'a ast::SubCell) {
        let value = self.eval(&cell.value);
        let path = [Rc::from(cell.name.text.as_str())];
        let value = self.place(value, &path, cell.value.span);
        self.bind(&cell.name.text, value);
    }

    /// Makes what is planned; what exists already is shared.
    pub(crate) fn place(&mut self, value: Value<'a>, path: &[Rc<str>], span: Span) -> Value<'a> {
        match value {
            Value::Plan(plan) => {
                let hypers = plan.hypers.clone();
                match self.make(plan.decl, hypers, &plan.inits, &plan.scope, path, plan.span) {
                    Ok(id) => Value::Cell(id),
                    Err(Reported) => Value::Error,
                }
            }
            Value::List(entries) => {
                let place = |(n, entry): (usize, &Value<'a>)| {
                    let mut path = path.to_vec();
                    path.push(Rc::from(n.to_string()));
                    self.place(entry.clone(), &path, span)
                };
                Value::list(entries.iter().enumerate().map(place).collect())
            }
            Value::Cell(_) | Value::Error | Value::Hole => value,
            Value::Size(_) if self.generic => Value::Error,
            other => {
                let diagnostic = Diagnostic::error(
                    "a cell is expected here",
                    span,
                    format!("this is {}", other.describe()),
                );
                self.report(match &other {
                    Value::Function(Function::Kind(decl)) => {
                        diagnostic.hint(format!("give its hyperparameters: `{}(..)`", decl.name.text))
                    }
                    _ => diagnostic,
                });
                Value::Error
            }
        }
    }

    /// Makes a cell. Where cells are shared, one that is alike will do.
    pub(crate) fn make(
        &mut self,
        decl: Decl<'a>,
        given: Vec<Option<Value<'a>>>,
        inits: &[(&'a str, &'a ast::Expr)],
        scope: &Rc<Scope<'a>>,
        path: &[Rc<str>],
        span: Span,
    ) -> Res<InstanceId> {
        let key = if inits.is_empty() { self.cell_key(decl, &given) } else { None };
        if let Some(id) = self.shared_cell(key.as_ref())? {
            return Ok(id);
        }
        let mark = self.sharing_mark();
        let id = self.make_anew(decl, given, inits, scope, path, span)?;
        self.share_cell(key, id, mark);
        Ok(id)
    }

    /// Makes a cell: its hyperparameters, then its members in order.
    fn make_anew(
        &mut self,
        decl: Decl<'a>,
        given: Vec<Option<Value<'a>>>,
        inits: &[(&'a str, &'a ast::Expr)],
        scope: &Rc<Scope<'a>>,
        path: &[Rc<str>],
        span: Span,
    ) -> Res<InstanceId> {
        self.spend(100)?;
        self.cells += 1;
        if self.making >= MAX_NESTING || self.cells > MAX_CELLS {
            let title = format!("`{}` contains itself, or too many cells", decl.name.text);
            return Err(self.error(span, title, "it is made here"));
        }
        self.made.insert(std::ptr::from_ref(decl.name));
        let id = InstanceId(u32::try_from(self.instances.len()).unwrap_or(u32::MAX));
        self.instances.push(Instance {
            decl,
            path: path.to_vec(),
            hypers: FxHashMap::default(),
            spellings: FxHashMap::default(),
            params: FxHashMap::default(),
            cells: FxHashMap::default(),
        });
        self.making += 1;
        self.frames.push(Frame::new(decl.file, Some(id)));
        for (hyper, value) in decl.hypers.iter().zip(given) {
            self.set_hyper(id, hyper, value, path);
        }
        for member in decl.members {
            match member {
                Member::Param(param) => self.declare_param(id, param, inits, scope, path),
                Member::Cell(cell) => {
                    let value = self.eval(&cell.value);
                    let value = self.place(value, &below(path, &cell.name.text), cell.value.span);
                    if let Some(instance) = self.instances.get_mut(id.0 as usize) {
                        instance.cells.insert(&cell.name.text, value);
                    }
                }
                Member::Fn(_) | Member::Preset(_) | Member::Error(_) => {}
            }
        }
        self.frames.pop();
        self.making -= 1;
        Ok(id)
    }

    fn set_hyper(
        &mut self,
        id: InstanceId,
        hyper: &'a ast::Hyper,
        given: Option<Value<'a>>,
        path: &[Rc<str>],
    ) {
        let name = hyper.name.text.as_str();
        let (value, span, default) = match (given, &hyper.default) {
            (Some(value), _) => (value, hyper.span, false),
            (None, Some(default)) => (self.eval(default), default.span, true),
            (None, None) if self.generic => (Value::Size(Size::var(name)), hyper.span, true),
            (None, None) => (Value::Error, hyper.span, true),
        };
        let mut spelling = Spelling::Value;
        let value = match value {
            Value::Size(size) => {
                spelling = if default { Spelling::Name(name.into()) } else { size.spelling.clone() };
                Value::Size(size.named(name))
            }
            Value::Plan(_) => self.place(value, &below(path, name), span),
            Value::List(ref entries) if entries.iter().any(|entry| matches!(entry, Value::Plan(_))) => {
                self.place(value, &below(path, name), span)
            }
            Value::Tensor(_)
            | Value::Time(_)
            | Value::Line(..)
            | Value::Tuple(_)
            | Value::Str(_)
            | Value::None
            | Value::All => {
                let title = format!("the hyperparameter `{name}` is a compile-time value");
                let fact = "numbers, bools, lists of them, functions and cells are; this is not";
                self.report(Diagnostic::error(title, span, format!("{fact}: {}", value.describe())));
                Value::Error
            }
            other => other,
        };
        if let Some(instance) = self.instances.get_mut(id.0 as usize) {
            instance.hypers.insert(name, value);
            instance.spellings.insert(name, spelling);
        }
    }

    fn declare_param(
        &mut self,
        id: InstanceId,
        param: &'a ast::Param,
        inits: &[(&'a str, &'a ast::Expr)],
        scope: &Rc<Scope<'a>>,
        path: &[Rc<str>],
    ) {
        let stated = self.stated_type(&param.ty);
        let dtype = self.dtype(&param.ty).unwrap_or(tensc_ir::DType::F32);
        let replaced = inits.iter().find(|(name, _)| *name == param.name.text);
        let own = || {
            Rc::new(Scope {
                file: self.frames.last().map_or(scope.file, |f| f.file),
                instance: Some(id),
                locals: Vec::new(),
            })
        };
        let (init, scope) = match replaced {
            Some((_, init)) => (*init, scope.clone()),
            None => (&param.init, own()),
        };
        let number = ParamId(u32::try_from(self.params.len()).unwrap_or(u32::MAX));
        self.params.push(Param {
            path: below(path, &param.name.text),
            decl: param,
            dtype,
            shape: stated.ok().map(|stated| stated.axes),
            init,
            scope,
        });
        if let Some(instance) = self.instances.get_mut(id.0 as usize) {
            instance.params.insert(&param.name.text, number);
        }
    }

    /// `flow.alpha`, `flow.energy`, `f(x).state`
    pub(crate) fn field(&mut self, value: &Value<'a>, name: &'a ast::Name, span: Span) -> Value<'a> {
        match value {
            Value::Cell(id) => {
                if let Some(value) = self.member(*id, &name.text, name.span) {
                    return value;
                }
                let Some(instance) = self.instance(*id) else { return Value::Error };
                let mut names: Vec<&str> = instance.params.keys().copied().collect();
                names.extend(instance.cells.keys());
                names.extend(instance.hypers.keys());
                names.extend(instance.decl.functions().map(|f| f.name.text.as_str()));
                let title = format!("`{}` has no `{}`", instance.decl.name.text, name.text);
                let close = suggestion(&name.text, names.into_iter());
                let diagnostic = Diagnostic::error(title, name.span, "no member has this name");
                self.report(match close {
                    Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
                    None => diagnostic,
                });
                Value::Error
            }
            Value::Tuple(entries) => {
                if let Some((_, value)) = entries.iter().find(|(own, _)| *own == Some(name.text.as_str())) {
                    return value.clone();
                }
                let names: Vec<&str> = entries.iter().filter_map(|(name, _)| *name).collect();
                let title = format!("there is no result `{}`", name.text);
                let fact = if names.is_empty() {
                    "the values have no names".into()
                } else {
                    format!("the results are {}", quoted(&names))
                };
                let diagnostic = Diagnostic::error(title, name.span, fact);
                self.report(match suggestion(&name.text, names.into_iter()) {
                    Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
                    None => diagnostic,
                });
                Value::Error
            }
            Value::Error => Value::Error,
            Value::Hole => Value::Hole,
            Value::Size(_) if self.generic => Value::Error,
            other => {
                let title = format!("this has no field `{}`", name.text);
                self.error(span, title, format!("this is {}", other.describe()));
                Value::Error
            }
        }
    }

    /// An array as a tensor.
    pub(crate) fn param_value(&mut self, id: ParamId, span: Span) -> Value<'a> {
        let Some(axes) = self.param(id).and_then(|param| param.shape.clone()) else { return Value::Error };
        if self.init.is_some() {
            return self.initial(id, span);
        }
        let (value, region) = self.param_in(id, &axes);
        self.tensor_of(value, region, axes, 0).into()
    }

    /// The value of an array where the current code runs: in a repeated cell, the layer's own.
    fn param_in(&mut self, id: ParamId, axes: &[Size]) -> (ValueId, usize) {
        let Some(param) = self.param(id) else { return (ValueId(0), 0) };
        let mut path = param.path.clone();
        let mut owners: Vec<(usize, usize)> = Vec::new();
        for (n, region) in self.regions.iter().enumerate() {
            if let RegionKind::Layers { segment, path: template, count } = &region.kind
                && param.path.starts_with(template)
            {
                owners.push((n, *count));
                if let Some(part) = path.get_mut(*segment) {
                    *part = Rc::from("{}");
                }
            }
        }
        // Cells that a check shares have no place of their own.
        let pattern = if self.sharing.is_some() { id.0.to_string() } else { path.join(".") };
        let (dtype, kind) = (param.dtype, param.decl.kind);
        let role = match kind {
            ParamKind::Param => Role::Param { path: pattern.clone() },
            ParamKind::Buffer => Role::Buffer { path: pattern.clone() },
        };
        let layers = |from: usize| {
            owners
                .iter()
                .skip(from)
                .map(|(_, count)| Dim::constant(i64::try_from(*count).unwrap_or(i64::MAX)))
        };
        let shape = |from: usize| {
            Type::new(dtype, layers(from).chain(axes.iter().map(|axis| axis.dim.clone())).collect())
        };
        let Some(root) = self.regions.first_mut() else { return (ValueId(0), 0) };
        let mut value = match root.params.get(&pattern) {
            Some(value) => *value,
            None => {
                let value = root.builder.input(Input { name: pattern.clone(), ty: shape(0), role });
                root.params.insert(pattern.clone(), value);
                value
            }
        };
        let mut region = 0;
        for (n, (owner, _)) in owners.iter().enumerate() {
            let there = super::value::Tensor { id: value, region, dtype, axes: Vec::new(), lead: 0 };
            let parent = self.import(&there, owner - 1);
            let ty = shape(n + 1);
            let Some(body) = self.regions.get_mut(*owner) else { break };
            value = match body.params.get(&pattern) {
                Some(value) => *value,
                None => {
                    let value = body.add(super::region::Slot::Stacked(id, parent), &pattern, ty);
                    body.params.insert(pattern.clone(), value);
                    value
                }
            };
            region = *owner;
        }
        (value, region)
    }
}

/// The path of a member.
pub(crate) fn below(path: &[Rc<str>], name: &str) -> Vec<Rc<str>> {
    let mut path = path.to_vec();
    path.push(Rc::from(name));
    path
}
