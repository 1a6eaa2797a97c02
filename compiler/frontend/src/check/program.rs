//! The files of a program and what their names mean at the top level.

use super::value::Decl;
use crate::ast;
use crate::span::FileId;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A root file with everything it uses, parsed.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) files: Vec<ProgramFile>,
    pub(crate) by_id: FxHashMap<FileId, usize>,
}

/// A parsed file and what its names mean.
#[derive(Debug, Clone)]
pub(crate) struct ProgramFile {
    pub(crate) id: FileId,
    pub(crate) ast: Arc<ast::File>,
    /// Names of the top level: those of the file, then those that it uses.
    pub(crate) scope: FxHashMap<String, Global>,
}

/// An item of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Global {
    pub(crate) file: usize,
    pub(crate) item: usize,
}

/// What a name of the top level is.
#[derive(Clone, Copy)]
pub(crate) enum ItemRef<'a> {
    Const(FileId, &'a ast::Const),
    Fn(FileId, &'a ast::Fn),
    Kind(Decl<'a>),
}

impl Program {
    /// The file that the user named.
    #[must_use]
    pub fn root(&self) -> FileId {
        self.files.first().map_or(FileId(0), |file| file.id)
    }

    /// The syntax tree of a file of the program.
    #[must_use]
    pub fn ast(&self, file: FileId) -> Option<&ast::File> {
        self.file(file).map(|file| &*file.ast)
    }

    pub(crate) fn file(&self, id: FileId) -> Option<&ProgramFile> {
        self.files.get(*self.by_id.get(&id)?)
    }

    /// What a name of the top level of a file means.
    pub(crate) fn global<'a>(&'a self, file: FileId, name: &str) -> Option<ItemRef<'a>> {
        let global = self.file(file)?.scope.get(name)?;
        let file = self.files.get(global.file)?;
        item_ref(file.id, file.ast.items.get(global.item)?)
    }

    /// The model of this name in the root file, or the first one.
    pub(crate) fn model(&self, name: Option<&str>) -> Option<Decl<'_>> {
        let file = self.files.first()?;
        file.ast.items.iter().find_map(|item| match item {
            ast::Item::Model(model) if name.is_none_or(|name| name == model.name.text) => {
                Some(model_decl(file.id, model))
            }
            _ => None,
        })
    }

    /// The models of the root file.
    #[must_use]
    pub fn models(&self) -> Vec<&ast::Model> {
        let items = self.files.first().map_or(&[][..], |file| &file.ast.items);
        items
            .iter()
            .filter_map(|item| if let ast::Item::Model(model) = item { Some(model) } else { None })
            .collect()
    }

    /// Names of the functions that can be entered: those of the model, or those at the top level.
    #[must_use]
    pub fn functions(&self, model: Option<&str>) -> Vec<&str> {
        if let Some(model) = model {
            return self.model(Some(model)).map_or_else(Vec::new, |decl| {
                decl.functions().map(|function| function.name.text.as_str()).collect()
            });
        }
        let items = self.files.first().map_or(&[][..], |file| &file.ast.items);
        items
            .iter()
            .filter_map(|item| if let ast::Item::Fn(f) = item { Some(f.name.text.as_str()) } else { None })
            .collect()
    }

    /// Names of a model's presets.
    #[must_use]
    pub fn presets(&self, model: &str) -> Vec<&str> {
        self.model(Some(model))
            .map_or_else(Vec::new, |decl| decl.presets().map(|preset| preset.name.text.as_str()).collect())
    }

    /// The test blocks of the root file, in its order.
    #[must_use]
    pub fn tests(&self) -> Vec<&ast::Test> {
        let items = self.files.first().map_or(&[][..], |file| &file.ast.items);
        items
            .iter()
            .filter_map(|item| if let ast::Item::Test(test) = item { Some(test) } else { None })
            .collect()
    }
}

/// An item that has a name which expressions can use.
pub(crate) fn item_ref(file: FileId, item: &ast::Item) -> Option<ItemRef<'_>> {
    match item {
        ast::Item::Const(item) => Some(ItemRef::Const(file, item)),
        ast::Item::Fn(item) => Some(ItemRef::Fn(file, item)),
        ast::Item::Cell(cell) => {
            Some(ItemRef::Kind(Decl { file, name: &cell.name, hypers: &cell.hypers, members: &cell.members }))
        }
        ast::Item::Model(model) => Some(ItemRef::Kind(model_decl(file, model))),
        ast::Item::Use(_) | ast::Item::Test(_) | ast::Item::Error(_) => None,
    }
}

fn model_decl(file: FileId, model: &ast::Model) -> Decl<'_> {
    Decl { file, name: &model.name, hypers: &model.hypers, members: &model.members }
}
