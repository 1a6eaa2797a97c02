//! The inlining of functions, mapped over extra leading axes.
//!
//! A function's types match the trailing axes of its arguments; what is in front of those is mapped over. The body then runs
//! once, on values that carry these axes as their *lead*.

use super::call::{ArgValue, counted};
use super::elaborator::{Elaborator, Frame, MAX_CALLS, Reported, Res};
use super::size::Size;
use super::types::Stated;
use super::value::{InstanceId, Tensor, Value, type_text};
use crate::ast::{self, Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Span};
use std::collections::HashMap;

impl<'a> Elaborator<'a> {
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
        let shared = self.call_key(function, instance, &tensors);
        if let Some(value) = self.shared_call(shared.as_ref())? {
            return Ok(value);
        }
        let mark = self.sharing_mark();
        self.calls.push(key);
        self.visited.insert(key.0);
        self.frames.push(Frame::new(file, instance));
        let free = std::mem::take(&mut self.free_sequences);
        let result = self.inline(function, tensors, span);
        self.free_sequences = free;
        self.frames.pop();
        self.calls.pop();
        self.span = span;
        if let Ok(value) = &result {
            self.share_call(shared, value, mark);
        }
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
        let tensor = self.widened(tensor, stated, arg.span, input.ty.span, "the input")?;
        Ok(Tensor { axes: stated.axes.clone(), ..tensor })
    }
}

/// Over which axes a call is mapped: those of its caller, and those that its arguments have more.
pub(crate) struct Mapping {
    pub(crate) outer: usize,
    pub(crate) extra: Vec<Size>,
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
