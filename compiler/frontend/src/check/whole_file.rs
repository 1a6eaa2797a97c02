//! `check`: every problem of a file.
//!
//! Models with values for all hyperparameters are elaborated as they are, test blocks too; then whatever none of them
//! used, with hyperparameters that are only names.

use super::elaborator::{Elaborator, Frame};
use super::load::{Loader, load};
use super::program::{ItemRef, Program, item_ref};
use super::request::with_stack;
use super::scopes::unknown_names;
use super::value::{Decl, Value};
use crate::ast::{self, Item, Member};
use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::span::FileId;
use std::collections::HashMap;

/// Parses a file with all that it uses, and finds every problem in it.
///
/// The program can be asked for its entry points whether or not there are problems.
pub fn check(sources: &mut SourceMap, root: FileId, loader: &mut dyn Loader) -> (Program, Vec<Diagnostic>) {
    let (program, mut diagnostics) = load(sources, root, loader);
    let right = !diagnostics.iter().any(Diagnostic::is_error);
    let (problems, unused) = with_stack(|| problems(&program));
    // Of a file with errors nobody knows what it would use.
    if right && !problems.iter().any(Diagnostic::is_error) {
        diagnostics.extend(unused);
    }
    diagnostics.extend(problems);
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.span.file, diagnostic.primary.span.start));
    (program, diagnostics)
}

/// What is wrong, and warnings of names that nothing uses.
fn problems(program: &Program) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let root = program.root();
    let Some(file) = program.ast(root) else { return (Vec::new(), Vec::new()) };
    let mut cx = Elaborator::new(program, "check");
    cx.sharing = Some(super::sharing::Sharing::default());
    let unused = unknown_names(&mut cx, root, &file.items);
    for item in &file.items {
        duplicates(&mut cx, item);
        if let Item::Const(item) = item {
            cx.frames = vec![Frame::new(root, None)];
            cx.name(&item.name.text, item.name.span);
        }
    }
    for item in &file.items {
        if let (Item::Model(_), Some(ItemRef::Kind(decl))) = (item, item_ref(root, item)) {
            cx.model_problems(decl);
        }
    }
    for item in &file.items {
        if let Item::Test(test) = item {
            cx.start_over();
            // What is wrong in the block has been reported.
            let _ = cx.test(root, test);
            cx.init_graph();
        }
    }
    cx.generic = true;
    for item in &file.items {
        match item_ref(root, item) {
            Some(ItemRef::Kind(decl)) => cx.unused_functions(decl),
            Some(ItemRef::Fn(file, function)) if !cx.visited.contains(&std::ptr::from_ref(function)) => {
                cx.start_over();
                // What is wrong in the function has been reported.
                let _ = cx.entry(file, None, function, &[]);
            }
            Some(ItemRef::Fn(..) | ItemRef::Const(..)) | None => {}
        }
    }
    (cx.into_diagnostics(), unused)
}

impl<'a> Elaborator<'a> {
    /// Starts over with something else of the file.
    fn start_over(&mut self) {
        self.cells = 0;
        self.frames.clear();
        self.calls.clear();
    }

    fn model_problems(&mut self, decl: Decl<'a>) {
        let known = |values: &HashMap<&'a str, Value<'a>>| {
            decl.hypers
                .iter()
                .all(|hyper| hyper.default.is_some() || values.contains_key(hyper.name.text.as_str()))
        };
        self.instantiated(decl, &HashMap::new(), known(&HashMap::new()));
        for preset in decl.presets() {
            self.frames = vec![Frame::new(decl.file, None)];
            let values = self.preset_values(decl, preset);
            if !values.values().any(Value::has_error) {
                self.instantiated(decl, &values, known(&values));
            }
        }
    }

    /// Elaborates a model with these hyperparameters, if they are all there.
    fn instantiated(&mut self, decl: Decl<'a>, values: &HashMap<&'a str, Value<'a>>, known: bool) {
        if !known {
            return;
        }
        self.start_over();
        let given = decl.hypers.iter().map(|hyper| values.get(hyper.name.text.as_str()).cloned()).collect();
        self.functions(decl, given, |_, _| true);
    }

    /// Elaborates what no model and no test used of a cell.
    fn unused_functions(&mut self, decl: Decl<'a>) {
        let unseen = decl.functions().any(|function| !self.visited.contains(&std::ptr::from_ref(function)));
        if !unseen && self.made.contains(&std::ptr::from_ref(decl.name)) {
            return;
        }
        self.start_over();
        let given = vec![None; decl.hypers.len()];
        self.functions(decl, given, |cx, function| !cx.visited.contains(&std::ptr::from_ref(function)));
    }

    fn functions(
        &mut self,
        decl: Decl<'a>,
        given: Vec<Option<Value<'a>>>,
        wanted: impl Fn(&Self, &'a ast::Fn) -> bool,
    ) {
        let scope =
            std::rc::Rc::new(super::value::Scope { file: decl.file, instance: None, locals: Vec::new() });
        let Ok(instance) = self.make(decl, given, &[], &scope, &[], decl.name.span) else { return };
        if self.sharing.as_mut().is_some_and(|sharing| !sharing.entered.insert(instance)) {
            return;
        }
        for function in decl.functions() {
            if wanted(self, function) {
                // What is wrong in the function has been reported.
                let _ = self.entry(decl.file, Some(instance), function, &[]);
            }
        }
        self.init_graph();
    }
}

/// Reports members of a cell that share a name.
fn duplicates(cx: &mut Elaborator<'_>, item: &Item) {
    let (hypers, members) = match item {
        Item::Cell(cell) => (&cell.hypers, &cell.members),
        Item::Model(model) => (&model.hypers, &model.members),
        Item::Use(_) | Item::Const(_) | Item::Fn(_) | Item::Test(_) | Item::Error(_) => return,
    };
    let mut seen: HashMap<(bool, &str), &ast::Name> = HashMap::new();
    let hypers = hypers.iter().map(|hyper| (false, &hyper.name));
    let members = members.iter().filter_map(|member| match member {
        Member::Param(param) => Some((false, &param.name)),
        Member::Cell(cell) => Some((false, &cell.name)),
        Member::Fn(function) => Some((false, &function.name)),
        Member::Preset(preset) => Some((true, &preset.name)),
        Member::Error(_) => None,
    });
    for (preset, name) in hypers.chain(members) {
        if let Some(first) = seen.get(&(preset, name.text.as_str())) {
            let title = format!("`{}` is defined twice", name.text);
            cx.report(Diagnostic::error(title, name.span, "again here").label(first.span, "first here"));
        } else {
            seen.insert((preset, &name.text), name);
        }
    }
}
