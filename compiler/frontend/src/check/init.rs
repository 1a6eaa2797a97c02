//! INIT expressions: the graph that computes a cell's first weights.
//!
//! One output per array, named by its path; draws are keyed by (path, number of the draw), so a weight does not depend on what else the
//! model has.

use super::elaborator::{Elaborator, Frame, Reported, Res};
use super::region::{Region, RegionKind};
use super::size::Size;
use super::types::Stated;
use super::value::{ParamId, Tensor, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::collections::HashMap;
use tensc_ir::{DType, Distribution, Graph, Op};

/// What is known while INITs are evaluated.
pub(crate) struct InitState {
    /// Arrays that have their first value; `None` while one is computed.
    values: HashMap<ParamId, Option<Tensor>>,
    /// The array whose INIT is evaluated, and how many draws it made.
    current: Vec<(ParamId, u32)>,
}

impl<'a> Elaborator<'a> {
    /// The graph that computes the first value of every array that was declared; in a check, of those declared since the last time.
    pub(crate) fn init_graph(&mut self) -> Graph {
        let count = u32::try_from(self.params.len()).unwrap_or(u32::MAX);
        let regions = std::mem::replace(&mut self.regions, vec![Region::new("init", RegionKind::Root)]);
        self.init = Some(InitState { values: HashMap::new(), current: Vec::new() });
        let first = self.sharing.as_mut().map_or(0, |sharing| std::mem::replace(&mut sharing.inits, count));
        let mut outputs = Vec::new();
        for id in (first..count).map(ParamId) {
            if let Value::Tensor(tensor) = self.initial(id, Span::default())
                && let Some(param) = self.param(id)
            {
                outputs.push((param.name(), tensor.id));
            }
        }
        self.init = None;
        let mut built = std::mem::replace(&mut self.regions, regions);
        match built.pop() {
            Some(root) => root.builder.finish(outputs),
            None => Graph::default(),
        }
    }

    /// The first value of an array.
    pub(crate) fn initial(&mut self, id: ParamId, span: Span) -> Value<'a> {
        let Some(state) = &mut self.init else { return Value::Error };
        match state.values.get(&id) {
            Some(Some(tensor)) => return tensor.clone().into(),
            Some(None) => {
                let name = self.param(id).map_or_else(String::new, |param| param.decl.name.text.clone());
                self.error(span, format!("the INIT of `{name}` needs its own value"), "it is read here");
                return Value::Error;
            }
            None => {}
        }
        if let Some((current, _)) = state.current.last().copied()
            && let (Some(now), Some(read)) = (self.param(current), self.param(id))
            && now.path.split_last().map(|(_, owner)| owner) == read.path.split_last().map(|(_, owner)| owner)
            && read.decl.span.start > now.decl.span.start
        {
            let name = read.decl.name.text.clone();
            let diagnostic = Diagnostic::error(
                format!("`{name}` is declared below"),
                span,
                "an INIT sees the parameters above it",
            )
            .label(read.decl.name.span, "declared here");
            self.report(diagnostic.hint(format!("move `{name}` up")));
            return Value::Error;
        }
        match self.initial_tensor(id) {
            Ok(tensor) => tensor.into(),
            Err(Reported) => Value::Error,
        }
    }

    fn initial_tensor(&mut self, id: ParamId) -> Res<Tensor> {
        let param = self.param(id).ok_or(Reported)?;
        let (init, scope, ty, dtype) = (param.init, param.scope.clone(), &param.decl.ty, param.dtype);
        let axes = param.shape.clone().ok_or(Reported)?;
        if let Some(state) = &mut self.init {
            state.values.insert(id, None);
            state.current.push((id, 0));
        }
        let mut frame = Frame::new(scope.file, scope.instance);
        for (name, value) in &scope.locals {
            frame.bind(name, value.clone());
        }
        self.frames.push(frame);
        let value = self.eval(init);
        let tensor = self.as_declared(&value, dtype, axes, init.span, ty.span);
        self.frames.pop();
        if let Some(state) = &mut self.init {
            state.current.pop();
            match &tensor {
                Ok(tensor) => state.values.insert(id, Some(tensor.clone())),
                Err(Reported) => state.values.remove(&id),
            };
        }
        tensor
    }

    /// An INIT in the declared type: f32 draws become f16 or bf16, everything is broadcast.
    fn as_declared(
        &mut self,
        value: &Value<'a>,
        dtype: DType,
        axes: Vec<Size>,
        span: Span,
        declared: Span,
    ) -> Res<Tensor> {
        let value = match value {
            Value::Tensor(tensor) if tensor.dtype == DType::F32 && dtype.is_float() => {
                self.cast(tensor.clone(), dtype)?.into()
            }
            other => other.clone(),
        };
        let stated = Stated { dtype, axes };
        self.coerce_filling(&value, &stated, span, declared)
    }

    /// `uniform(-3, 0)` and the like: a draw of the declared shape.
    pub(crate) fn draw(&mut self, distribution: Distribution, span: Span) -> Res<Tensor> {
        let Some((id, number)) = self.init.as_mut().and_then(|state| state.current.last_mut()) else {
            let diagnostic = Diagnostic::error("draws are made in an INIT", span, "this runs with the model");
            return Err(self.report(diagnostic.hint("param w: f32[D] = normal(0, 1)")));
        };
        let (id, draw) = (*id, *number);
        *number += 1;
        let param = self.param(id).ok_or(Reported)?;
        let axes = param.shape.clone().ok_or(Reported)?;
        let matrix = matches!(distribution, Distribution::Xavier(_) | Distribution::Orthogonal(_));
        if matrix && axes.len() < 2 {
            let fact = format!("`{}` has {}", param.decl.name.text, super::call::counted(axes.len(), "axis"));
            let diagnostic = Diagnostic::error("this draw acts on the last two axes", span, fact);
            return Err(self.report(diagnostic.hint("normal(0, 0.02)")));
        }
        let shape = axes.iter().map(|axis| axis.dim.clone()).collect();
        let key = (param.name(), draw);
        self.emit(Op::Draw { distribution, key, shape }, &[], axes)
    }
}
