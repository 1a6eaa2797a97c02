//! A `.seq` file and everything it uses, read and checked.

use crate::failure::{Failure, Result, read_text};
use std::path::{Component, Path, PathBuf};
use tensc_frontend::check::Loader;
use tensc_frontend::{Diagnostic, Program, SourceMap, check};

/// A file that has been checked; it may have errors.
pub(crate) struct Checked {
    pub(crate) sources: SourceMap,
    pub(crate) program: Program,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads and checks a file; errors in it are in what is returned.
pub(crate) fn read_and_check(path: &Path) -> Result<Checked> {
    let text = read_text(path)?;
    let mut sources = SourceMap::new();
    let root = sources.add(normal(path).display().to_string(), text);
    let (program, diagnostics) = check(&mut sources, root, &mut Files);
    Ok(Checked { sources, program, diagnostics })
}

/// Checks text that is part of the program.
pub(crate) fn checked_text(name: &str, text: &str) -> Result<Checked> {
    let mut sources = SourceMap::new();
    let root = sources.add(name.to_owned(), text.to_owned());
    let (program, diagnostics) = check(&mut sources, root, &mut Files);
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::diagnostics(&sources, diagnostics));
    }
    Ok(Checked { sources, program, diagnostics })
}

/// Reads and checks a file that must be right; its warnings are returned.
pub(crate) fn read_right(path: &Path) -> Result<Checked> {
    let checked = read_and_check(path)?;
    if checked.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(Failure::diagnostics(&checked.sources, checked.diagnostics));
    }
    Ok(checked)
}

/// The files beside a file.
struct Files;

impl Loader for Files {
    fn load(&mut self, from: &str, path: &str) -> std::result::Result<(String, String), String> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let file = normal(&folder.join(path));
        let text = std::fs::read(&file).map_err(|error| tensc_runtime::file::reason(&error))?;
        let text = String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        Ok((file.display().to_string(), text))
    }
}

/// The path without `.` and, where a folder goes before it, without `..`: the same for the same file however it is reached.
fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                parts.pop();
            }
            (other, _) => parts.push(other),
        }
    }
    parts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_one_file_are_one_path() {
        for path in ["a/b.seq", "./a/b.seq", "a/./b.seq", "a/c/../b.seq"] {
            assert_eq!(normal(Path::new(path)), Path::new("a/b.seq"), "{path}");
        }
        assert_eq!(normal(Path::new("../b.seq")), Path::new("../b.seq"));
        assert_eq!(normal(Path::new("/a/../b.seq")), Path::new("/b.seq"));
    }
}
