//! Entry points: a function as a graph of its own, its inputs the graph's.

use super::call::ArgValue;
use super::elaborator::{Elaborator, Frame, Reported, Res};
use super::inline::free_name;
use super::region::{Region, RegionKind};
use super::size::Size;
use super::value::{InstanceId, Tensor, Value};
use crate::ast::{self, Results};
use crate::span::FileId;
use tensc_ir::{Graph, Input, Role, Type};

/// An entry's graph with what its inputs and results are.
pub(crate) struct EntryGraph {
    pub(crate) graph: Graph,
    pub(crate) arguments: Vec<ArgumentInfo>,
    pub(crate) results: Vec<ResultInfo>,
}

/// An input of an entry point.
#[derive(Debug, Clone, PartialEq)]
pub struct ArgumentInfo {
    /// Its name.
    pub name: String,
    /// Its type, without a batch axis.
    pub ty: Type,
    /// Whether it may be left out.
    pub has_default: bool,
    /// Whether this graph computes it from its default, and has no input for it.
    pub omitted: bool,
}

/// A result of an entry point.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultInfo {
    /// The function's name, or its own where there are several.
    pub name: String,
    /// Its type, without a batch axis.
    pub ty: Type,
}

impl<'a> Elaborator<'a> {
    /// Elaborates a function as the entry point of a graph. Inputs in `omit` take their defaults.
    pub(crate) fn entry(
        &mut self,
        file: FileId,
        instance: Option<InstanceId>,
        function: &'a ast::Fn,
        omit: &[String],
    ) -> Res<EntryGraph> {
        self.regions = vec![Region::new(&function.name.text, RegionKind::Root)];
        self.sites = 0;
        self.span = function.name.span;
        self.visited.insert(std::ptr::from_ref(function));
        self.calls.push((std::ptr::from_ref(function), instance));
        let outer = std::mem::replace(&mut self.frames, vec![Frame::new(file, instance)]);
        let entry = self.entry_body(function, omit);
        self.frames = outer;
        self.calls.pop();
        let (arguments, outputs) = entry?;
        let root = self.regions.pop().ok_or(Reported)?;
        let mut results = Vec::with_capacity(outputs.len());
        let mut values = Vec::with_capacity(outputs.len());
        for (name, tensor) in outputs {
            results.push(ResultInfo { name: name.clone(), ty: root.builder.ty(tensor.id).clone() });
            values.push((name, tensor.id));
        }
        Ok(EntryGraph { graph: root.builder.finish(values), arguments, results })
    }

    #[expect(clippy::type_complexity, reason = "the arguments, and the results by name")]
    fn entry_body(
        &mut self,
        function: &'a ast::Fn,
        omit: &[String],
    ) -> Res<(Vec<ArgumentInfo>, Vec<(String, Tensor)>)> {
        for input in &function.inputs {
            for dim in &input.ty.dims {
                if let Some(name) = free_name(self, dim)
                    && self.frame().get(name).is_none()
                {
                    self.bind(name, Value::Size(Size::var(name)));
                }
            }
        }
        let mut arguments = Vec::with_capacity(function.inputs.len());
        let mut values = Vec::with_capacity(function.inputs.len());
        let mut failed = false;
        for input in &function.inputs {
            match self.entry_input(input, omit) {
                Ok((info, tensor)) => {
                    arguments.push(info);
                    values.push((input.name.text.as_str(), tensor.into()));
                }
                Err(Reported) => {
                    failed = true;
                    values.push((input.name.text.as_str(), Value::Error));
                }
            }
        }
        let instance = self.frame().instance;
        let given: Vec<Option<ArgValue<'a>>> = values
            .iter()
            .map(|(_, value)| Some(ArgValue::positional(Value::clone(value), function.name.span)))
            .collect();
        let shared = self.call_key(function, instance, &given);
        let mark = self.sharing_mark();
        // Defaults see sizes, not inputs.
        for (name, value) in values {
            self.bind(name, value);
        }
        let value = self.block(&function.body);
        let value = self.checked_results(function, value)?;
        self.share_call(shared, &value, mark);
        let results = named_results(function, value)?;
        if failed || self.failed() { Err(Reported) } else { Ok((arguments, results)) }
    }

    fn entry_input(&mut self, input: &'a ast::Input, omit: &[String]) -> Res<(ArgumentInfo, Tensor)> {
        let stated = self.stated_type(&input.ty)?;
        let ty = Type::new(stated.dtype, stated.axes.iter().map(|axis| axis.dim.clone()).collect());
        let name = input.name.text.clone();
        let omitted = input.default.is_some() && omit.contains(&name);
        let info = ArgumentInfo { name, ty: ty.clone(), has_default: input.default.is_some(), omitted };
        let default = match &input.default {
            Some(default) => {
                let value = self.eval(default);
                Some(self.coerce_filling(&value, &stated, default.span, input.ty.span)?)
            }
            None => None,
        };
        if let Some(default) = default.filter(|_| omitted) {
            return Ok((info, default));
        }
        let root = self.regions.first_mut().ok_or(Reported)?;
        let id = root.builder.input(Input { name: info.name.clone(), ty, role: Role::Argument });
        Ok((info, self.tensor_of(id, 0, stated.axes, 0)))
    }
}

/// The results by name: the function's, or their own where there are several.
fn named_results(function: &ast::Fn, value: Value<'_>) -> Res<Vec<(String, Tensor)>> {
    match (&function.results, value) {
        (Results::One(_), Value::Tensor(tensor)) => Ok(vec![(function.name.text.clone(), tensor)]),
        (Results::Named(..), Value::Tuple(entries)) => {
            let single = entries.len() == 1;
            let mut results = Vec::with_capacity(entries.len());
            for (name, entry) in entries.iter() {
                let Value::Tensor(tensor) = entry else { return Err(Reported) };
                let name = match name {
                    Some(name) if !single => (*name).to_owned(),
                    _ => function.name.text.clone(),
                };
                results.push((name, tensor.clone()));
            }
            Ok(results)
        }
        _ => Err(Reported),
    }
}
