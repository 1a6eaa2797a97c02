//! Whole files: each checks without a problem, and every test block holds in the reference interpreter.

mod support;

use support::{Outcome, run_file};

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
}

#[test]
fn the_examples_hold() {
    all_hold("examples");
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
