//! Calls: what is called, its arguments, and the inlining of functions.
//!
//! A function's types match the trailing axes of its arguments; what is in front of those is mapped over. The body then runs
//! once, on values that carry these axes as their *lead*.

use super::elaborator::{Elaborator, Frame, MAX_CALLS, Reported, Res};
use super::size::{Size, Spelling};
use super::types::Stated;
use super::value::{Function, InstanceId, Tensor, Value, type_text};
use crate::ast::{self, Arg, Expr, ExprKind, Results};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};
use std::collections::HashMap;
use std::rc::Rc;

/// An argument that has been evaluated.
#[derive(Clone)]
pub(crate) struct ArgValue<'a> {
    pub(crate) name: Option<&'a ast::Name>,
    pub(crate) value: Value<'a>,
    pub(crate) span: Span,
    /// Whether it is `e for x in xs` without brackets.
    pub(crate) comprehension: bool,
}

impl<'a> ArgValue<'a> {
    pub(crate) fn positional(value: Value<'a>, span: Span) -> Self {
        Self { name: None, value, span, comprehension: false }
    }
}

impl<'a> Elaborator<'a> {
    /// `x |> f`, `x |> f(a)`
    pub(crate) fn pipe(&mut self, value: &'a Expr, target: &'a Expr, span: Span) -> Value<'a> {
        let first = self.argument(value, None);
        match &target.peel().kind {
            ExprKind::Call { callee, args } => self.call(callee, Some(first), args, span),
            _ => self.call(target, Some(first), &[], span),
        }
    }

    fn argument(&mut self, expr: &'a Expr, name: Option<&'a ast::Name>) -> ArgValue<'a> {
        let (value, comprehension) = match &expr.kind {
            ExprKind::Comprehension(body) if !body.brackets => {
                (self.comprehension(body).map_or(Value::Error, Value::list), true)
            }
            _ => (self.eval(expr), false),
        };
        ArgValue { name, value, span: expr.span, comprehension }
    }

    /// A call as it is written.
    pub(crate) fn call(
        &mut self,
        callee: &'a Expr,
        piped: Option<ArgValue<'a>>,
        args: &'a [Arg],
        span: Span,
    ) -> Value<'a> {
        let target = self.eval(callee);
        if let Value::Function(Function::Kind(decl)) = target {
            return self.plan(decl, piped, args, span).unwrap_or(Value::Error);
        }
        let mut values: Vec<ArgValue<'a>> = piped.into_iter().collect();
        for arg in args {
            values.push(self.argument(&arg.value, arg.name.as_ref()));
        }
        self.span = span;
        self.call_value(&target, values, callee.span, span).unwrap_or(Value::Error)
    }

    /// A call of a value with arguments.
    pub(crate) fn call_value(
        &mut self,
        target: &Value<'a>,
        args: Vec<ArgValue<'a>>,
        callee: Span,
        span: Span,
    ) -> Res<Value<'a>> {
        match target {
            Value::Function(Function::Builtin(builtin)) => self.call_builtin(builtin, args, callee, span),
            Value::Function(Function::Convert(dtype)) => self.convert(*dtype, &args, span),
            Value::Function(Function::Item(file, function)) => {
                self.call_function(*file, None, function, args, span)
            }
            Value::Function(Function::Method(id, function)) => {
                let file = self.instance(*id).map_or_else(|| self.program.root(), |i| i.decl.file);
                self.call_function(file, Some(*id), function, args, span)
            }
            Value::Cell(id) => {
                let Some(decl) = self.instance(*id).map(|instance| instance.decl) else {
                    return Err(Reported);
                };
                let Some(function) = decl.function("forward") else {
                    let title = format!("`{}` has no `forward`", decl.name.text);
                    let names: Vec<&str> = decl.functions().map(|f| f.name.text.as_str()).collect();
                    let diagnostic = Diagnostic::error(title, callee, "calling a cell calls its `forward`");
                    return Err(self.report(match names.first() {
                        Some(name) => diagnostic.hint(format!("call one of its functions: `.{name}(..)`")),
                        None => diagnostic,
                    }));
                };
                self.call_function(decl.file, Some(*id), function, args, span)
            }
            Value::Plan(plan) => {
                let title = "a cell is made where it is declared";
                let diagnostic = Diagnostic::error(title, callee, "its parameters have no name here");
                Err(self.report(diagnostic.hint(format!("cell name = {}(..)", plan.decl.name.text))))
            }
            Value::Error => Err(Reported),
            Value::Hole => Ok(Value::Hole),
            Value::Size(_) if self.generic => Err(Reported),
            Value::Function(Function::Kind(_))
            | Value::Size(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Str(_)
            | Value::None
            | Value::All
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Tensor(_)
            | Value::Time(_)
            | Value::Line(..) => {
                let diagnostic = Diagnostic::error(
                    "this cannot be called",
                    callee,
                    format!("this is {}", target.describe()),
                );
                Err(self.report(match target {
                    Value::Tensor(_) => diagnostic.hint("index it: `x[0]`"),
                    Value::List(_) => diagnostic.hint("chain its cells: `fold(cells, x)`"),
                    _ => diagnostic,
                }))
            }
        }
    }

    /// `f32(x)`
    fn convert(&mut self, dtype: tensc_ir::DType, args: &[ArgValue<'a>], span: Span) -> Res<Value<'a>> {
        let [arg] = args else {
            let fact = format!("{} are given", args.len());
            return Err(self.error(span, format!("`{dtype}` takes one value"), fact));
        };
        if arg.value.has_error() {
            return Err(Reported);
        }
        if arg.value.has_hole() {
            return Ok(Value::Hole);
        }
        let narrows = dtype.is_integer() && super::operator::fractional(&arg.value);
        let partner = if narrows || dtype == tensc_ir::DType::Bool { None } else { Some(dtype) };
        let tensor = self.tensor(&arg.value, partner, arg.span)?;
        if tensor.dtype.is_complex() && !dtype.is_complex() {
            let diagnostic = Diagnostic::error(
                format!("a complex number is no {dtype}"),
                arg.span,
                format!("this is {}", tensor.ty()),
            );
            return Err(self.report(diagnostic.hint("re(x), im(x) or abs(x)")));
        }
        Ok(self.cast(tensor, dtype)?.into())
    }

    /// The arguments in the order of the inputs.
    fn match_args(
        &mut self,
        function: &'a ast::Fn,
        args: Vec<ArgValue<'a>>,
        span: Span,
    ) -> Res<Vec<Option<ArgValue<'a>>>> {
        let mut given: Vec<Option<ArgValue<'a>>> = vec![None; function.inputs.len()];
        let name = &function.name.text;
        let mut next = 0;
        let mut wrong = false;
        let total = args.len();
        for arg in args {
            let position = match arg.name {
                Some(wanted) => function.inputs.iter().position(|input| input.name.text == wanted.text),
                None => {
                    next += 1;
                    Some(next - 1)
                }
            };
            match (position.and_then(|n| given.get_mut(n)), arg.name) {
                (Some(slot), _) if slot.is_none() => *slot = Some(arg),
                (Some(_), _) => {
                    wrong = true;
                    self.error(arg.span, format!("`{name}` gets an input twice"), "this is the second");
                }
                (None, Some(wanted)) => {
                    wrong = true;
                    let inputs: Vec<&str> = function.inputs.iter().map(|i| i.name.text.as_str()).collect();
                    let title = format!("`{name}` has no input `{}`", wanted.text);
                    let diagnostic =
                        Diagnostic::error(title, wanted.span, format!("it has {}", quoted(&inputs)));
                    let close = super::names::suggestion(&wanted.text, inputs.into_iter());
                    self.report(match close {
                        Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
                        None => diagnostic,
                    });
                }
                (None, None) => {
                    wrong = true;
                    let title = format!("`{name}` takes {}", counted(function.inputs.len(), "input"));
                    self.report(
                        Diagnostic::error(title, span, format!("{total} are given"))
                            .label(function.name.span, "it is defined here"),
                    );
                }
            }
        }
        for (input, slot) in function.inputs.iter().zip(&given) {
            if slot.is_none() && input.default.is_none() && !wrong {
                wrong = true;
                let title = format!("`{name}` needs its input `{}`", input.name.text);
                self.report(
                    Diagnostic::error(title, span, "it is left out here")
                        .label(input.span, "it has no default"),
                );
            }
        }
        if wrong { Err(Reported) } else { Ok(given) }
    }

    /// Inlines a function.
    pub(crate) fn call_function(
        &mut self,
        file: FileId,
        instance: Option<InstanceId>,
        function: &'a ast::Fn,
        args: Vec<ArgValue<'a>>,
        span: Span,
    ) -> Res<Value<'a>> {
        self.spend(30)?;
        let given = self.match_args(function, args, span)?;
        let key = (std::ptr::from_ref(function), instance);
        if self.calls.contains(&key) || self.calls.len() >= MAX_CALLS {
            let title = format!("`{}` calls itself", function.name.text);
            let diagnostic =
                Diagnostic::error(title, span, "recursion has no end that is known when compiling");
            return Err(self.report(diagnostic.hint("rec c[t] = .. c[t-1] ..")));
        }
        // Arguments become tensors where they are written: lists stack, the index of a recurrence becomes a number.
        let mut tensors: Vec<Option<ArgValue<'a>>> = Vec::with_capacity(given.len());
        let mut failed = false;
        for (arg, input) in given.into_iter().zip(&function.inputs) {
            let Some(mut arg) = arg else {
                tensors.push(None);
                continue;
            };
            let scalar = arg.value.is_literal() && !matches!(arg.value, Value::List(_));
            if !scalar && !matches!(arg.value, Value::Hole | Value::Bool(_)) {
                let partner = self.dtype(&input.ty).ok();
                let partner = if super::operator::fractional(&arg.value) {
                    partner.filter(|dtype| !dtype.is_integer())
                } else {
                    partner
                };
                match self.tensor(&arg.value, partner, arg.span) {
                    Ok(tensor) => arg.value = tensor.into(),
                    Err(Reported) if arg.value.has_hole() => arg.value = Value::Hole,
                    Err(Reported) => failed = true,
                }
            }
            tensors.push(Some(arg));
        }
        if failed {
            return Err(Reported);
        }
        self.calls.push(key);
        self.visited.insert(key.0);
        self.frames.push(Frame::new(file, instance));
        let free = std::mem::take(&mut self.free_sequences);
        let result = self.inline(function, tensors, span);
        self.free_sequences = free;
        self.frames.pop();
        self.calls.pop();
        self.span = span;
        result
    }

    fn inline(
        &mut self,
        function: &'a ast::Fn,
        args: Vec<Option<ArgValue<'a>>>,
        span: Span,
    ) -> Res<Value<'a>> {
        self.infer_sizes(function, &args)?;
        let extra = self.extra_axes(function, &args, span)?;
        let mapping = self.enter(&extra, &args)?;
        let mut results = Err(Reported);
        if let Some(()) = self.bind_inputs(function, args, &mapping)? {
            results = Ok(self.block(&function.body));
        }
        let value = match results {
            Ok(value) => value,
            Err(Reported) => Value::Hole,
        };
        self.give_back(function, value, &mapping)
    }

    /// Binds the names of sizes that the inputs' types have and nothing else defines.
    fn infer_sizes(&mut self, function: &'a ast::Fn, args: &[Option<ArgValue<'a>>]) -> Res<()> {
        let mut bound: HashMap<&'a str, (Size, Span)> = HashMap::new();
        let mut failed = false;
        for (input, arg) in function.inputs.iter().zip(args) {
            let Some(ArgValue { value: Value::Tensor(tensor), span, .. }) = arg else { continue };
            let Some(skipped) = tensor.rank().checked_sub(input.ty.dims.len()) else {
                let title = format!("`{}` does not take this for `{}`", function.name.text, input.name.text);
                let fact = format!("this is {}, which has {}", tensor.ty(), counted(tensor.rank(), "axis"));
                let wanted = format!("expects {}", counted(input.ty.dims.len(), "axis"));
                self.report(Diagnostic::error(title, *span, fact).label(input.ty.span, wanted));
                failed = true;
                continue;
            };
            for (dim, size) in input.ty.dims.iter().zip(tensor.axes.iter().skip(skipped)) {
                let Some(name) = free_name(self, dim) else { continue };
                match bound.get(name) {
                    None => {
                        self.frame().spellings.insert(name, size.spelling.clone());
                        bound.insert(name, (size.clone(), *span));
                    }
                    Some((first, _)) if first.dim == size.dim => {}
                    Some((first, place)) => {
                        let title = format!("`{name}` has two sizes in a call of `{}`", function.name.text);
                        let (a, b) = (first.described(), size.described());
                        let fact = format!("here `{name}` is {b}");
                        let diagnostic = Diagnostic::error(title, *span, fact)
                            .label(*place, format!("here `{name}` is {a}"));
                        self.report(diagnostic);
                        failed = true;
                    }
                }
            }
        }
        for (name, (size, _)) in bound {
            self.bind(name, Value::Size(size.named(name)));
        }
        if failed { Err(Reported) } else { Ok(()) }
    }

    /// The axes in front of what the types match, broadcast against each other.
    fn extra_axes(
        &mut self,
        function: &'a ast::Fn,
        args: &[Option<ArgValue<'a>>],
        span: Span,
    ) -> Res<Vec<Size>> {
        let mut extra: Vec<Size> = Vec::new();
        for (input, arg) in function.inputs.iter().zip(args) {
            let Some(ArgValue { value: Value::Tensor(tensor), .. }) = arg else { continue };
            let skipped = tensor.rank().saturating_sub(input.ty.dims.len());
            let own = tensor.axes.get(..skipped).unwrap_or(&[]);
            while extra.len() < own.len() {
                extra.insert(0, Size::int(1));
            }
            let offset = extra.len() - own.len();
            for (axis, size) in extra.iter_mut().skip(offset).zip(own) {
                if axis.is_one() {
                    *axis = size.clone();
                } else if !size.is_one() && axis.dim != size.dim {
                    let title =
                        format!("the inputs of `{}` have extra axes that do not line up", function.name.text);
                    let fact = format!("{} against {}", axis.described(), size.described());
                    return Err(self.error(span, title, fact));
                }
            }
        }
        Ok(extra)
    }

    /// Sets up the lead of the new frame.
    fn enter(&mut self, extra: &[Size], args: &[Option<ArgValue<'a>>]) -> Res<Mapping> {
        let caller = self.frames.len().checked_sub(2).and_then(|n| self.frames.get(n));
        let (outer, guards) = caller.map_or((Vec::new(), Vec::new()), |f| (f.lead.clone(), f.guards.clone()));
        let mapped_args =
            args.iter().flatten().any(|arg| matches!(&arg.value, Value::Tensor(t) if t.lead > 0));
        let keeps = extra.is_empty() || mapped_args || guards.iter().any(|guard| guard.lead > 0);
        let outer = if keeps { outer } else { Vec::new() };
        let mapping = Mapping { outer: outer.len(), extra: extra.to_vec() };
        let lead: Vec<Size> = outer.into_iter().chain(extra.iter().cloned()).collect();
        self.frame().lead = lead;
        for guard in guards {
            let guard =
                if guard.lead > 0 && !extra.is_empty() { self.spread(&guard, 0, &mapping)? } else { guard };
            self.frame().guards.push(guard);
        }
        Ok(mapping)
    }

    /// A caller's tensor with all axes of the new lead; its first `own` logical axes are among the extra ones.
    fn spread(&mut self, tensor: &Tensor, own: usize, mapping: &Mapping) -> Res<Tensor> {
        let lead = mapping.outer + mapping.extra.len();
        let mut shape = self.lead_dims();
        let core: Vec<Size> = tensor.axes.get(own..).unwrap_or(&[]).to_vec();
        shape.extend(core.iter().map(|size| size.dim.clone()));
        let mut to: Vec<usize> = (0..tensor.lead).collect();
        to.extend(lead - own..lead + core.len());
        if self.physical(tensor).shape == shape {
            return Ok(Tensor { axes: core, lead, ..tensor.clone() });
        }
        let (id, region) = self.push(tensc_ir::Op::Broadcast { shape, axes: to }, &[tensor])?;
        Ok(self.tensor_of(id, region, core, lead))
    }

    /// Binds the inputs. `None` where an earlier entry of unknown type keeps the body from being typed.
    fn bind_inputs(
        &mut self,
        function: &'a ast::Fn,
        args: Vec<Option<ArgValue<'a>>>,
        mapping: &Mapping,
    ) -> Res<Option<()>> {
        let mut values: Vec<(&'a str, Value<'a>)> = Vec::with_capacity(args.len());
        let mut failed = false;
        for (input, arg) in function.inputs.iter().zip(args) {
            if let Some(ArgValue { value: Value::Hole, .. }) = &arg
                && input
                    .ty
                    .dims
                    .iter()
                    .any(|dim| free_name(self, dim).is_some_and(|n| self.frame().get(n).is_none()))
            {
                return Ok(None);
            }
            let Ok(stated) = self.stated_type(&input.ty) else {
                values.push((&input.name.text, Value::Error));
                failed |= !self.generic;
                continue;
            };
            let value = match arg {
                Some(arg) => self.bind_input(input, arg, &stated, mapping),
                None => match &input.default {
                    Some(default) => {
                        let value = self.eval(default);
                        self.coerce_filling(&value, &stated, default.span, input.ty.span)
                    }
                    None => Err(Reported),
                },
            };
            match value {
                Ok(tensor) => values.push((&input.name.text, tensor.into())),
                Err(Reported) => {
                    failed = true;
                    values.push((&input.name.text, Value::Error));
                }
            }
        }
        if failed {
            return Err(Reported);
        }
        for (name, value) in values {
            self.bind(name, value);
        }
        Ok(Some(()))
    }

    /// A default: a value that is broadcast to its type.
    pub(crate) fn coerce_filling(
        &mut self,
        value: &Value<'a>,
        stated: &Stated,
        span: Span,
        declared: Span,
    ) -> Res<Tensor> {
        if value.has_error() || value.is_literal() {
            return self.coerce(value, stated, span, declared, "the type");
        }
        let tensor = self.tensor(value, Some(stated.dtype), span)?;
        let fits = tensor.rank() <= stated.axes.len()
            && tensor
                .axes
                .iter()
                .rev()
                .zip(stated.axes.iter().rev())
                .all(|(a, b)| a.is_one() || a.dim == b.dim);
        let tensor = if fits { self.broadcast_to(&tensor, &stated.axes)? } else { tensor };
        self.coerce(&tensor.into(), stated, span, declared, "the type")
    }

    fn bind_input(
        &mut self,
        input: &'a ast::Input,
        arg: ArgValue<'a>,
        stated: &Stated,
        mapping: &Mapping,
    ) -> Res<Tensor> {
        let tensor = match &arg.value {
            Value::Hole => {
                let tensor = self.filled(stated.dtype, 0.0, &stated.axes)?;
                return if mapping.extra.is_empty() { Ok(tensor) } else { self.map_over_lead(tensor) };
            }
            Value::Tensor(tensor) => {
                let own = tensor.rank().saturating_sub(stated.axes.len());
                if mapping.extra.is_empty() || (tensor.lead == 0 && own == 0) {
                    tensor.clone()
                } else {
                    self.spread(tensor, own, mapping)?
                }
            }
            other => return self.coerce(other, stated, arg.span, input.ty.span, "the input"),
        };
        for (found, wanted) in tensor.axes.iter().zip(&stated.axes) {
            if found.dim != wanted.dim {
                let Value::Tensor(given) = &arg.value else { return Err(Reported) };
                let title = format!("an argument does not fit the input `{}`", input.name.text);
                let expected = type_text(stated.dtype, &stated.axes);
                let diagnostic = Diagnostic::error(
                    title,
                    arg.span,
                    format!("{}: {} where {} is wanted", given.ty(), found.described(), wanted.described()),
                )
                .label(input.ty.span, format!("expects {expected}"));
                return Err(self.report(diagnostic));
            }
        }
        let expected = type_text(stated.dtype, &stated.axes);
        let tensor = self.widened(tensor, stated.dtype, arg.span, input.ty.span, &expected, "the input")?;
        Ok(Tensor { axes: stated.axes.clone(), ..tensor })
    }

    /// An entry point's results, of the declared types.
    pub(crate) fn checked_results(&mut self, function: &'a ast::Fn, value: Value<'a>) -> Res<Value<'a>> {
        self.give_back(function, value, &Mapping { outer: 0, extra: Vec::new() })
    }

    /// Checks results against the declared types and makes them values of the caller.
    fn give_back(&mut self, function: &'a ast::Fn, value: Value<'a>, mapping: &Mapping) -> Res<Value<'a>> {
        let place = function.body.split().1.map_or(function.body.span, |expr| expr.span);
        match &function.results {
            Results::One(ty) => {
                let tensor = self.result(ty, value, place, mapping)?;
                Ok(tensor)
            }
            Results::Named(outputs, declared) => {
                let entries: Vec<Value<'a>> = match &value {
                    Value::Tuple(entries) => entries.iter().map(|(_, entry)| entry.clone()).collect(),
                    Value::Hole => vec![Value::Hole; outputs.len()],
                    Value::Error => return Err(Reported),
                    other if outputs.len() == 1 => vec![other.clone()],
                    other => {
                        let title =
                            format!("`{}` gives {}", function.name.text, counted(outputs.len(), "value"));
                        let diagnostic =
                            Diagnostic::error(title, place, format!("this is {}", other.describe()))
                                .label(*declared, "declared here");
                        return Err(self.report(diagnostic.hint("(a, b)")));
                    }
                };
                if entries.len() != outputs.len() {
                    let title = format!("`{}` gives {}", function.name.text, counted(outputs.len(), "value"));
                    let diagnostic = Diagnostic::error(title, place, format!("these are {}", entries.len()))
                        .label(*declared, "declared here");
                    return Err(self.report(diagnostic));
                }
                let mut results = Vec::with_capacity(entries.len());
                for (output, entry) in outputs.iter().zip(entries) {
                    let value = self.result(&output.ty, entry, place, mapping).unwrap_or(Value::Error);
                    results.push((Some(output.name.text.as_str()), value));
                }
                Ok(Value::Tuple(Rc::new(results)))
            }
        }
    }

    fn result(
        &mut self,
        ty: &'a ast::Type,
        value: Value<'a>,
        place: Span,
        mapping: &Mapping,
    ) -> Res<Value<'a>> {
        let unknown =
            ty.dims.iter().any(|dim| free_name(self, dim).is_some_and(|n| self.frame().get(n).is_none()));
        if matches!(value, Value::Hole) && unknown {
            return Ok(Value::Hole);
        }
        if unknown {
            let name =
                ty.dims.iter().find_map(|dim| free_name(self, dim).filter(|n| self.frame().get(n).is_none()));
            let title = format!("nothing says what `{}` is", name.unwrap_or_default());
            let diagnostic = Diagnostic::error(
                title,
                ty.span,
                "a size is inferred where an input's type has its bare name",
            );
            return Err(self.report(diagnostic));
        }
        let stated = self.stated_type(ty)?;
        let tensor = match value {
            Value::Hole => self.filled(stated.dtype, 0.0, &stated.axes)?,
            Value::Error => return Err(Reported),
            value => self.coerce(&value, &stated, place, ty.span, "the result")?,
        };
        let tensor = if mapping.extra.is_empty() { tensor } else { self.map_over_lead(tensor)? };
        let axes: Vec<Size> = tensor.axes.iter().map(|axis| self.caller_spelling(axis)).collect();
        if mapping.extra.is_empty() {
            return Ok(Tensor { axes, ..tensor }.into());
        }
        let axes = mapping.extra.iter().cloned().chain(axes).collect();
        Ok(Tensor { axes, lead: mapping.outer, ..tensor }.into())
    }

    /// What the caller of the current frame calls a size.
    fn caller_spelling(&self, size: &Size) -> Size {
        let frame = self.frames.last();
        let instance = frame.and_then(|frame| frame.instance).and_then(|id| self.instance(id));
        size.respelled(&|name| -> Option<Spelling> {
            frame
                .and_then(|frame| frame.spellings.get(name))
                .or_else(|| instance.and_then(|instance| instance.spellings.get(name)))
                .cloned()
        })
    }
}

/// Over which axes a call is mapped: those of its caller, and those that its arguments have more.
struct Mapping {
    outer: usize,
    extra: Vec<Size>,
}

/// The name of a dimension that an argument can give: a bare name that is no hyperparameter and no const.
pub(crate) fn free_name<'a>(cx: &Elaborator<'a>, dim: &'a Expr) -> Option<&'a str> {
    let ExprKind::Name(name) = &dim.kind else { return None };
    let frame = cx.frames.last()?;
    if let Some(instance) = frame.instance.and_then(|id| cx.instance(id))
        && instance.hypers.contains_key(name.as_str())
    {
        return None;
    }
    match cx.program.global(frame.file, name) {
        Some(super::program::ItemRef::Const(..)) => None,
        Some(super::program::ItemRef::Fn(..) | super::program::ItemRef::Kind(_)) | None => Some(name),
    }
}

/// `3 inputs`, `1 axis`
pub(crate) fn counted(n: usize, noun: &str) -> String {
    match (n, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "axis") => format!("{n} axes"),
        _ => format!("{n} {noun}s"),
    }
}

/// "`a`, `b`"
pub(crate) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
