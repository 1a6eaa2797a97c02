//! Small valid files that use all of the syntax, and what must hold when one is formatted.

use std::path::PathBuf;
use tensc_frontend::{FileId, parse};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A file's text.
pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// The names and texts of all files, by name.
pub(crate) fn files() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "seq"))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// The comments of a text, in order, found without the lexer; documentation counts as a comment.
fn comments(text: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let mut in_string = false;
        let mut escaped = false;
        let mut slash = false;
        for (at, char) in line.char_indices() {
            if in_string {
                in_string = escaped || char != '"';
                escaped = !escaped && char == '\\';
                continue;
            }
            if slash && char == '/' {
                return line
                    .get(at + 1..)
                    .map(|rest| rest.trim().trim_start_matches(['/', '!']).trim().to_owned());
            }
            slash = char == '/';
            in_string = char == '"';
        }
        None
    };
    text.split('\n').filter_map(of_line).collect()
}

/// Both texts have the same tree and the same comments.
pub(crate) fn assert_same_meaning(before: &str, after: &str) {
    let (tree, _) = parse(FileId(0), before);
    let (again, diagnostics) = parse(FileId(0), after);
    assert!(!diagnostics.iter().any(|one| one.is_error()), "{before}\n->\n{after}\n{diagnostics:#?}");
    assert_eq!(tree.to_string(), again.to_string(), "{before}\n->\n{after}");
    assert_eq!(comments(before), comments(after), "{before}\n->\n{after}");
}
