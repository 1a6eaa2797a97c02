//! What the driver asks of a program: the graph of an entry point, of a test block, the initial weights.

use super::elaborator::{Elaborator, Frame, Reported};
use super::entry::{ArgumentInfo, ResultInfo};
use super::names::suggestion;
use super::one_input::one_input;
use super::program::Program;
use super::region::{Region, RegionKind};
use super::test_block::Check;
use super::value::{Decl, InstanceId, Scope, Value};
use crate::ast::{self, Expr, Item, ParamKind};
use crate::diagnostic::Diagnostic;
use crate::parser::parse;
use crate::span::{FileId, Span};
use std::collections::HashMap;
use std::rc::Rc;
use tensc_ir::{DType, Graph, prune, verify};

/// Which function to elaborate, and how.
#[derive(Debug, Clone, Default)]
pub struct Entry<'e> {
    /// `--model`: the model; without one the first of the file that has the function, or the top level.
    pub model: Option<&'e str>,
    /// `--fn`
    pub function: &'e str,
    /// `--preset`
    pub preset: Option<&'e str>,
    /// `--set NAME=VALUE`, as written; later ones win.
    pub settings: &'e [(String, String)],
    /// `--train`
    pub training: bool,
    /// Inputs that are not given and take their defaults.
    pub omit: &'e [String],
}

/// An entry point as a graph.
#[derive(Debug, Clone)]
pub struct Elaborated {
    /// The function; arrays are inputs with a path, `{}` in it for each leading axis that counts layers.
    pub graph: Graph,
    /// Every array of the model, in the order of declaration.
    pub params: Vec<ParamInfo>,
    /// Computes first weights: one output per array, named by its path.
    pub init: Graph,
    /// The function's inputs.
    pub arguments: Vec<ArgumentInfo>,
    /// Its results.
    pub results: Vec<ResultInfo>,
    /// The model's hyperparameters, as printed.
    pub hyperparameters: Vec<(String, String)>,
}

/// An array of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamInfo {
    /// Its name in weight files.
    pub path: String,
    /// Element type.
    pub dtype: DType,
    /// Shape.
    pub shape: Vec<usize>,
    /// `param` rather than `buffer`.
    pub trained: bool,
}

/// A test block as a graph without inputs other than arrays.
#[derive(Debug, Clone)]
pub struct ElaboratedTest {
    /// The test's name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Its outputs are the asserted values.
    pub graph: Graph,
    /// Every array of its cells.
    pub params: Vec<ParamInfo>,
    /// Computes them.
    pub init: Graph,
    /// In the order of the text.
    pub assertions: Vec<Assertion>,
}

/// A line that asserts something.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    /// What it checks.
    pub check: Check,
    /// Where it stands.
    pub span: Span,
    /// The outputs that it reads: one, or the two that are compared.
    pub outputs: Vec<usize>,
}

/// Why there is no graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The file is wrong.
    Source(Vec<Diagnostic>),
    /// What was asked for is not there, or does not fit.
    Request {
        /// What is wrong.
        title: String,
        /// What to type instead.
        hint: Option<String>,
    },
}

impl Failure {
    pub(crate) fn request(title: String, name: &str, names: &[&str]) -> Self {
        let hint = match suggestion(name, names.iter().copied()) {
            Some(close) => Some(format!("did you mean `{close}`?")),
            None if names.is_empty() => None,
            None => Some(format!("there is {}", names.join(", "))),
        };
        Self::Request { title, hint }
    }
}

/// Elaboration is a recursion over the tree; this runs it where there is room for one of any depth that the parser lets through.
pub(crate) fn with_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    const STACK: usize = 1 << 30;
    let mut run = Some(run);
    let mut result = None;
    let spawned = std::thread::scope(|scope| {
        let (run, result) = (&mut run, &mut result);
        let work = move || {
            if let Some(run) = run.take() {
                *result = Some(run());
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).map(|thread| thread.join())
    });
    if let Ok(Err(panic)) = spawned {
        std::panic::resume_unwind(panic);
    }
    match (result, run) {
        (Some(result), _) => result,
        (None, Some(run)) => run(),
        // The thread either ran the work or could not be started.
        (None, None) => std::process::abort(),
    }
}

impl Program {
    /// The graph of an entry point.
    ///
    /// # Errors
    /// The file is wrong, or has no such model, function, preset or hyperparameter.
    pub fn elaborate(&self, entry: &Entry<'_>) -> Result<Elaborated, Failure> {
        let settings = parse_settings(entry.settings)?;
        with_stack(|| self.elaborate_entry(entry, &settings))
    }

    /// The graph of a test block, by its position in [`Program::tests`].
    ///
    /// # Errors
    /// The block is wrong, or there is none.
    pub fn elaborate_test(&self, number: usize) -> Result<ElaboratedTest, Failure> {
        with_stack(|| self.elaborate_block(number))
    }

    fn elaborate_entry(&self, entry: &Entry<'_>, settings: &[(String, Expr)]) -> Result<Elaborated, Failure> {
        let mut cx = Elaborator::new(self, entry.function);
        cx.training = entry.training;
        let decl = self.chosen(entry)?;
        let (file, instance, function) = match decl {
            Some(decl) => {
                let given = cx.hyperparameters(decl, entry.preset, settings)?;
                let instance = cx.model(decl, given);
                let Ok(instance) = instance else { return Err(Failure::Source(cx.into_diagnostics())) };
                let Some(function) = decl.function(entry.function) else {
                    return Err(self.no_function(entry));
                };
                (decl.file, Some(instance), function)
            }
            None => {
                if let Some((name, _)) = settings.first() {
                    let title = format!("the function `{}` has no hyperparameter `{name}`", entry.function);
                    return Err(Failure::Request { title, hint: None });
                }
                let Some(function) = self.top_function(entry.function) else {
                    return Err(self.no_function(entry));
                };
                (self.root(), None, function)
            }
        };
        let built = cx.entry(file, instance, function, entry.omit);
        let Ok(built) = built else { return Err(Failure::Source(cx.into_diagnostics())) };
        let hyperparameters = instance.map(|id| cx.printed(id)).unwrap_or_default();
        let init = cx.init_graph();
        let params = cx.param_infos();
        let diagnostics = cx.take_diagnostics();
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(Failure::Source(diagnostics));
        }
        Ok(Elaborated {
            graph: pruned(one_input(built.graph)),
            params,
            init,
            arguments: built.arguments,
            results: built.results,
            hyperparameters,
        })
    }

    /// The model that an entry is in; `None` for the top level.
    fn chosen(&self, entry: &Entry<'_>) -> Result<Option<Decl<'_>>, Failure> {
        let names: Vec<&str> = self.models().iter().map(|model| model.name.text.as_str()).collect();
        if let Some(name) = entry.model {
            return match self.model(Some(name)) {
                Some(decl) if decl.function(entry.function).is_some() => Ok(Some(decl)),
                Some(decl) if self.top_function(entry.function).is_none() => {
                    let functions: Vec<&str> = decl.functions().map(|f| f.name.text.as_str()).collect();
                    let title = format!("the model `{name}` has no function `{}`", entry.function);
                    Err(Failure::request(title, entry.function, &functions))
                }
                Some(_) => Ok(None),
                None => Err(Failure::request(format!("there is no model `{name}`"), name, &names)),
            };
        }
        let models = names.iter().filter_map(|name| self.model(Some(name)));
        let mut with_function = models.filter(|decl| decl.function(entry.function).is_some());
        if let Some(decl) = with_function.next() {
            return Ok(Some(decl));
        }
        if self.top_function(entry.function).is_some() { Ok(None) } else { Err(self.no_function(entry)) }
    }

    fn no_function(&self, entry: &Entry<'_>) -> Failure {
        let mut names: Vec<&str> = self.functions(None);
        for model in self.models() {
            names.extend(self.functions(Some(&model.name.text)));
        }
        let title = format!("there is no function `{}`", entry.function);
        Failure::request(title, entry.function, &names)
    }

    fn top_function(&self, name: &str) -> Option<&ast::Fn> {
        self.ast(self.root())?.items.iter().find_map(|item| match item {
            Item::Fn(function) if function.name.text == name => Some(function),
            _ => None,
        })
    }

    fn elaborate_block(&self, number: usize) -> Result<ElaboratedTest, Failure> {
        let Some(test) = self.tests().get(number).copied() else {
            return Err(Failure::Request { title: format!("there is no test number {number}"), hint: None });
        };
        let mut cx = Elaborator::new(self, "test");
        let built = cx.test(self.root(), test);
        let init = cx.init_graph();
        let params = cx.param_infos();
        match built {
            Ok((graph, assertions)) if !cx.failed() => Ok(ElaboratedTest {
                name: test.name.text.clone(),
                span: test.span,
                graph: pruned(one_input(graph)),
                params,
                init,
                assertions,
            }),
            _ => Err(Failure::Source(cx.into_diagnostics())),
        }
    }
}

fn parse_settings(settings: &[(String, String)]) -> Result<Vec<(String, Expr)>, Failure> {
    let mut parsed = Vec::with_capacity(settings.len());
    for (name, text) in settings {
        let bad = || Failure::Request {
            title: format!("`{name}={text}` does not set a value"),
            hint: Some(format!("--set {name}=64")),
        };
        let (file, problems) = parse(FileId(u32::MAX), &format!("const value = {text}\n"));
        let mut items = file.items.into_iter();
        match (items.next(), items.next()) {
            (Some(Item::Const(item)), None) if problems.is_empty() => parsed.push((name.clone(), item.value)),
            _ => return Err(bad()),
        }
    }
    Ok(parsed)
}

impl<'a> Elaborator<'a> {
    /// The hyperparameters that a preset and settings give, in the order of the declaration.
    pub(crate) fn hyperparameters(
        &mut self,
        decl: Decl<'a>,
        preset: Option<&str>,
        settings: &'a [(String, Expr)],
    ) -> Result<Vec<Option<Value<'a>>>, Failure> {
        let mut values: HashMap<&'a str, Value<'a>> = HashMap::new();
        let hypers: Vec<&str> = decl.hypers.iter().map(|hyper| hyper.name.text.as_str()).collect();
        self.frames.push(Frame::new(decl.file, None));
        if let Some(wanted) = preset {
            let Some(preset) = decl.presets().find(|preset| preset.name.text == wanted) else {
                self.frames.pop();
                let names: Vec<&str> = decl.presets().map(|preset| preset.name.text.as_str()).collect();
                let title = format!("`{}` has no preset `{wanted}`", decl.name.text);
                return Err(Failure::request(title, wanted, &names));
            };
            values = self.preset_values(decl, preset);
        }
        for (name, expr) in settings {
            if !hypers.contains(&name.as_str()) {
                self.frames.pop();
                let title = format!("`{}` has no hyperparameter `{name}`", decl.name.text);
                return Err(Failure::request(title, name, &hypers));
            }
            let (value, failed) = self.quietly(|cx| cx.eval(expr));
            if failed || value.has_error() {
                self.frames.pop();
                let title = format!("the value of `{name}` is not known when compiling");
                return Err(Failure::Request { title, hint: Some(format!("--set {name}=64")) });
            }
            values.insert(name, value);
        }
        self.frames.pop();
        let given: Vec<Option<Value<'a>>> = hypers.iter().map(|name| values.get(name).cloned()).collect();
        let missing =
            decl.hypers.iter().zip(&given).find(|(hyper, value)| hyper.default.is_none() && value.is_none());
        if let Some((hyper, _)) = missing {
            let name = &hyper.name.text;
            let title = format!("the hyperparameter `{name}` of `{}` has no value", decl.name.text);
            return Err(Failure::Request { title, hint: Some(format!("--set {name}=64")) });
        }
        Ok(given)
    }

    /// What a preset sets; unknown and repeated names are reported.
    pub(crate) fn preset_values(
        &mut self,
        decl: Decl<'a>,
        preset: &'a ast::Preset,
    ) -> HashMap<&'a str, Value<'a>> {
        let mut values: HashMap<&'a str, Value<'a>> = HashMap::new();
        for setting in &preset.settings {
            let name = setting.name.text.as_str();
            let value = self.eval(&setting.value);
            if !decl.hypers.iter().any(|hyper| hyper.name.text == name) {
                let title = format!("`{}` has no hyperparameter `{name}`", decl.name.text);
                let names = decl.hypers.iter().map(|hyper| hyper.name.text.as_str());
                let close = suggestion(name, names);
                let diagnostic = Diagnostic::error(
                    title,
                    setting.name.span,
                    format!("in the preset `{}`", preset.name.text),
                );
                self.report(match close {
                    Some(close) => diagnostic.hint(format!("did you mean `{close}`?")),
                    None => diagnostic,
                });
            } else if values.insert(name, value).is_some() {
                let title = format!("the preset `{}` sets `{name}` twice", preset.name.text);
                self.error(setting.span, title, "again here");
            }
        }
        values
    }

    /// Makes a model.
    pub(crate) fn model(
        &mut self,
        decl: Decl<'a>,
        given: Vec<Option<Value<'a>>>,
    ) -> Result<InstanceId, Reported> {
        let scope = Rc::new(Scope { file: decl.file, instance: None, locals: Vec::new() });
        let instance = self.make(decl, given, &[], &scope, &[], decl.name.span)?;
        if self.failed() { Err(Reported) } else { Ok(instance) }
    }

    fn printed(&self, id: InstanceId) -> Vec<(String, String)> {
        let Some(instance) = self.instance(id) else { return Vec::new() };
        let each = instance.decl.hypers.iter().filter_map(|hyper| {
            let value = instance.hypers.get(hyper.name.text.as_str())?;
            let text = match value {
                Value::Size(size) => size.dim.to_string(),
                Value::Float(number) => number.to_string(),
                Value::Bool(truth) => truth.to_string(),
                other => other.describe(),
            };
            Some((hyper.name.text.clone(), text))
        });
        each.collect()
    }

    /// All arrays that were declared.
    pub(crate) fn param_infos(&self) -> Vec<ParamInfo> {
        let each = self.params.iter().filter_map(|param| {
            let shape = param.shape.as_ref()?;
            let sizes =
                shape.iter().map(|axis| usize::try_from(axis.as_int()?).ok()).collect::<Option<Vec<_>>>()?;
            Some(ParamInfo {
                path: param.name(),
                dtype: param.dtype,
                shape: sizes,
                trained: param.decl.kind == ParamKind::Param,
            })
        });
        each.collect()
    }

    /// Elaborates a test block.
    pub(crate) fn test(
        &mut self,
        file: FileId,
        test: &'a ast::Test,
    ) -> Result<(Graph, Vec<Assertion>), Reported> {
        self.regions = vec![Region::new("test", RegionKind::Root)];
        self.assertions = Some(Vec::new());
        self.frames = vec![Frame::new(file, None)];
        for stmt in &test.body.stmts {
            self.stmt(stmt);
        }
        self.frames.clear();
        let asserted = self.assertions.take().unwrap_or_default();
        let root = self.regions.pop().ok_or(Reported)?;
        self.regions.push(Region::new("test", RegionKind::Root));
        let mut outputs = Vec::new();
        let mut assertions = Vec::with_capacity(asserted.len());
        for (n, one) in asserted.into_iter().enumerate() {
            let mut numbers = Vec::with_capacity(one.values.len());
            for (side, value) in one.values.into_iter().enumerate() {
                numbers.push(outputs.len());
                let name =
                    if side == 0 { format!("assertion.{n}") } else { format!("assertion.{n}.expected") };
                outputs.push((name, value));
            }
            assertions.push(Assertion { check: one.check, span: one.span, outputs: numbers });
        }
        Ok((root.builder.finish(outputs), assertions))
    }
}

/// The graph without what no output needs.
fn pruned(graph: Graph) -> Graph {
    match verify(graph.clone()) {
        Ok(verified) => prune(&verified),
        // Whoever takes the graph verifies it, and says what is wrong.
        Err(_) => graph,
    }
}
