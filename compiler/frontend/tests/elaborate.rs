//! Whole files: each checks without a problem, and every test block holds in the reference interpreter.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at surprises")]

mod support;

use support::{Outcome, run_file};
use tensc_frontend::check::Entry;

/// Nothing in these is a false alarm.
fn warns_of_nothing(folder: &str) {
    let root = support::repository().join(folder);
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(support::check_text(&path.display().to_string(), &text).warnings, "");
    }
}

fn all_hold(folder: &str) {
    let root = support::repository().join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seq"));
    files.sort();
    assert!(!files.is_empty(), "no files in {}", root.display());
    let mut failures = String::new();
    for file in files {
        for outcome in run_file(&file) {
            if let Outcome::Failed(message) = outcome {
                failures.push_str(&message);
                failures.push('\n');
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_standard_library_holds() {
    all_hold("stdlib");
    warns_of_nothing("stdlib");
}

#[test]
fn the_examples_hold() {
    all_hold("examples");
    warns_of_nothing("examples");
}

#[test]
fn the_claims_of_the_language_page_hold() {
    all_hold("compiler/frontend/tests/claims");
}

/// Every file in `wrong/`, with all that is said about it.
#[test]
fn problems_read_well() {
    let folder = support::repository().join("compiler/frontend/tests/wrong");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seq"));
    files.sort();
    for path in files {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let checked = support::check_text(&format!("{name}.seq"), &text);
        assert!(!checked.problems.is_empty(), "{name}");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "wrong" }, {
            insta::assert_snapshot!(name, checked.problems);
        });
    }
}

/// The page's model as a graph: eight blocks are one repeat, the two flows in each are unrolled.
#[test]
fn the_page_is_a_graph() {
    let path = support::repository().join("compiler/frontend/tests/claims/ten.seq");
    let checked = support::check_text("ten.seq", &std::fs::read_to_string(path).unwrap());
    let mut text = String::new();
    for function in ["forward", "next", "loss"] {
        let entry = Entry { function, preset: Some("bytes"), ..Entry::default() };
        let built = checked
            .program
            .elaborate(&entry)
            .unwrap_or_else(|error| panic!("{}", support::failure(&checked, &error)));
        tensc_ir::verify(built.graph.clone()).unwrap();
        text.push_str(&built.graph.to_string());
        assert_eq!(built.params.len(), 3 + 1 + 6 * (2 * 5 + 2 * 2 + 4));
        assert_eq!(built.params[0].path, "embed");
    }
    let paths = |entry: &Entry<'_>| -> Vec<String> {
        checked.program.elaborate(entry).unwrap().params.into_iter().map(|param| param.path).collect()
    };
    let settings = [("L".to_owned(), "1".to_owned()), ("cells".to_owned(), "1".to_owned())];
    let small = Entry { function: "forward", preset: Some("tiny"), settings: &settings, ..Entry::default() };
    text.push_str(&paths(&small).join("\n"));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "claims" }, {
        insta::assert_snapshot!("ten", text);
    });
}
