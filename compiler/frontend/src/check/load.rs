//! Files and what they use: from a root file to a [`Program`].

use super::library::{library_names, library_text};
use super::names::suggestion;
use super::program::{Global, Program, ProgramFile};
use crate::ast::{self, Item, Use, UseRoot};
use crate::diagnostic::Diagnostic;
use crate::parser::parse;
use crate::source::SourceMap;
use crate::span::{FileId, Span};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Finds the files that a file uses; the standard library needs none.
pub trait Loader {
    /// The file at `path` (`blocks.seq`, `../lib/blocks.seq`), relative to the folder of the file `from`.
    ///
    /// Gives its name, the same for the same file however it is reached, and its text.
    ///
    /// # Errors
    /// Why it cannot be read, for the user.
    fn load(&mut self, from: &str, path: &str) -> Result<(String, String), String>;
}

/// Finds no files: for programs that use the standard library alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn load(&mut self, _: &str, _: &str) -> Result<(String, String), String> {
        Err("no files can be read here".into())
    }
}

struct Loading<'l> {
    sources: &'l mut SourceMap,
    loader: &'l mut dyn Loader,
    files: Vec<ProgramFile>,
    by_name: FxHashMap<String, usize>,
    diagnostics: Vec<Diagnostic>,
}

/// Parses a file and all that it uses, and resolves the names of their top levels.
pub(crate) fn load(
    sources: &mut SourceMap,
    root: FileId,
    loader: &mut dyn Loader,
) -> (Program, Vec<Diagnostic>) {
    let name = sources.name(root).to_owned();
    let mut loading = Loading {
        sources,
        loader,
        files: Vec::new(),
        by_name: FxHashMap::default(),
        diagnostics: Vec::new(),
    };
    loading.by_name.insert(name, 0);
    loading.parsed(root);
    let mut next = 0;
    while next < loading.files.len() {
        loading.resolve(next);
        next += 1;
    }
    let by_id = loading.files.iter().enumerate().map(|(n, file)| (file.id, n)).collect();
    (Program { files: loading.files, by_id }, loading.diagnostics)
}

impl Loading<'_> {
    /// Parses a file; its own names are known at once.
    fn parsed(&mut self, id: FileId) -> usize {
        let (ast, problems) = parse(id, self.sources.text(id));
        self.diagnostics.extend(problems);
        let number = self.files.len();
        let mut scope: FxHashMap<String, Global> = FxHashMap::default();
        for (item, name) in ast.items.iter().enumerate().filter_map(|(n, item)| Some((n, item_name(item)?))) {
            let global = Global { file: number, item };
            if let Some(first) = scope.get(&name.text) {
                let place = ast.items.get(first.item).and_then(item_name).map_or(name.span, |name| name.span);
                let title = format!("`{}` is defined twice", name.text);
                self.diagnostics
                    .push(Diagnostic::error(title, name.span, "again here").label(place, "first here"));
            } else {
                scope.insert(name.text.clone(), global);
            }
        }
        self.files.push(ProgramFile { id, ast: Arc::new(ast), scope });
        number
    }

    /// Loads what a file uses, and adds the names.
    fn resolve(&mut self, number: usize) {
        let Some(file) = self.files.get(number) else { return };
        let ast = file.ast.clone();
        let own = file.scope.clone();
        let mut single: FxHashMap<String, Global> = FxHashMap::default();
        let mut every: FxHashMap<String, Global> = FxHashMap::default();
        for item in &ast.items {
            let Item::Use(line) = item else { continue };
            let Some((used, wanted)) = self.target(number, line) else { continue };
            match wanted {
                Some(name) => {
                    let Some(global) = self.named(used, name) else { continue };
                    let other = single.insert(name.text.clone(), global);
                    if let Some(other) = other.filter(|other| *other != global) {
                        let title = format!("two files give `{}`", name.text);
                        let first = self.files.get(other.file).map_or("", |file| self.sources.name(file.id));
                        let fact = format!("another is from {first}");
                        self.diagnostics.push(Diagnostic::error(title, name.span, fact));
                    }
                }
                None => {
                    let Some(file) = self.files.get(used) else { continue };
                    let defined = file.scope.iter().filter(|(_, global)| global.file == used);
                    every.extend(defined.map(|(name, global)| (name.clone(), *global)));
                }
            }
        }
        if let Some(file) = self.files.get_mut(number) {
            file.scope.extend(every);
            file.scope.extend(single);
            file.scope.extend(own);
        }
    }

    fn named(&mut self, used: usize, name: &ast::Name) -> Option<Global> {
        let file = self.files.get(used)?;
        let own = |global: &&Global| global.file == used;
        if let Some(global) = file.scope.get(&name.text).filter(own) {
            return Some(*global);
        }
        let title = format!("{} has no `{}`", self.sources.name(file.id), name.text);
        let names =
            file.scope.iter().filter(|(_, global)| global.file == used).map(|(name, _)| name.as_str());
        let mut diagnostic = Diagnostic::error(title, name.span, "nothing in it has this name");
        if let Some(close) = suggestion(&name.text, names) {
            diagnostic = diagnostic.hint(format!("did you mean `{close}`?"));
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// The file that a line uses, and the one name in it, if it names one.
    fn target<'u>(&mut self, number: usize, line: &'u Use) -> Option<(usize, Option<&'u ast::Name>)> {
        match line.root {
            UseRoot::Library => self.library(line),
            UseRoot::Beside | UseRoot::Above(_) => self.beside(number, line),
        }
    }

    fn library<'u>(&mut self, line: &'u Use) -> Option<(usize, Option<&'u ast::Name>)> {
        let (root, file, name) = match line.path.as_slice() {
            [root, file] => (root, file, None),
            [root, file, name] => (root, file, Some(name)),
            _ => {
                let diagnostic = Diagnostic::error("a library file is named `std.NAME`", line.span, "");
                self.diagnostics.push(diagnostic.hint("use std.norm.LayerNorm"));
                return None;
            }
        };
        if root.text != "std" {
            let title = format!("unknown library `{}`", root.text);
            let diagnostic = Diagnostic::error(title, root.span, "`std` is the one there is");
            let rest: Vec<&str> = line.path.iter().map(|name| name.text.as_str()).collect();
            self.diagnostics
                .push(diagnostic.hint(format!("a file beside this one: `use ./{}`", rest.join("."))));
            return None;
        }
        let Some(text) = library_text(&file.text) else {
            let names: Vec<&str> = library_names().collect();
            let title = format!("the standard library has no `{}`", file.text);
            let diagnostic = Diagnostic::error(title, file.span, format!("it has {}", names.join(", ")));
            self.diagnostics.push(match suggestion(&file.text, names.into_iter()) {
                Some(close) => diagnostic.hint(format!("did you mean `std.{close}`?")),
                None => diagnostic,
            });
            return None;
        };
        Some((self.file(format!("std/{}.seq", file.text), text), name))
    }

    fn beside<'u>(&mut self, number: usize, line: &'u Use) -> Option<(usize, Option<&'u ast::Name>)> {
        let (file, name) = match line.path.as_slice() {
            [file] => (file, None),
            [file, name] => (file, Some(name)),
            _ => {
                let diagnostic =
                    Diagnostic::error("a file is named `./FILE` or `./FILE.NAME`", line.span, "");
                self.diagnostics.push(diagnostic.hint("use ./blocks.Block"));
                return None;
            }
        };
        let mut path = match line.root {
            UseRoot::Above(levels) => "../".repeat(levels as usize),
            UseRoot::Beside | UseRoot::Library => String::new(),
        };
        for folder in &line.folders {
            path.push_str(&folder.text);
            path.push('/');
        }
        path.push_str(&file.text);
        path.push_str(".seq");
        let from = self.files.get(number).map_or(String::new(), |file| self.sources.name(file.id).to_owned());
        match self.loader.load(&from, &path) {
            Ok((found, text)) => Some((self.file(found, &text), name)),
            Err(reason) => {
                let title = format!("the file `{path}` cannot be read");
                self.diagnostics.push(Diagnostic::error(title, file.span.to(line_start(line)), reason));
                None
            }
        }
    }

    fn file(&mut self, name: String, text: &str) -> usize {
        if let Some(number) = self.by_name.get(&name) {
            return *number;
        }
        let id = self.sources.add(name.clone(), text);
        let number = self.parsed(id);
        self.by_name.insert(name, number);
        number
    }
}

fn line_start(line: &Use) -> Span {
    line.path.first().map_or(line.span, |name| name.span)
}

fn item_name(item: &Item) -> Option<&ast::Name> {
    match item {
        Item::Const(item) => Some(&item.name),
        Item::Fn(item) => Some(&item.name),
        Item::Cell(item) => Some(&item.name),
        Item::Model(item) => Some(&item.name),
        Item::Use(_) | Item::Test(_) | Item::Error(_) => None,
    }
}
