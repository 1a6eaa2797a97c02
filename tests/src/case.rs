//! Cases with snapshots: `cases/STAGE/CLAIM.seq`, with `CLAIM.snap` beside it.
//!
//! The first lines of a case are comments that say what to do and what to expect:
//!
//! ```text
//! // $ tensc compile FILE --emit graph --fn f      what a user would type, FILE being this file
//! // expect: contract 2, rec 1                     how often words stand in what it printed
//! // exit: 1                                       its exit code, 0 where nothing is said
//! ```
//!
//! There may be several commands; an expectation speaks of the command above it. With an `expect` line the snapshot
//! holds the source and the counts only, for output in which the frozen text would be noise.

use crate::binary::{Outcome, root, tensc_in};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[derive(Debug)]
struct Command {
    args: Vec<String>,
    counts: Vec<(String, usize)>,
    exit: i32,
}

fn commands(source: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for line in source.lines().map_while(|line| line.strip_prefix("// ")) {
        if let Some(typed) = line.strip_prefix("$ tensc ") {
            let args = typed.split_whitespace().map(str::to_owned).collect();
            commands.push(Command { args, counts: Vec::new(), exit: 0 });
        } else if let Some(expected) = line.strip_prefix("expect: ") {
            let command = commands.last_mut().expect("an expectation stands below its command");
            for entry in expected.split(',') {
                let (word, count) = entry.trim().rsplit_once(' ').expect("`expect: WORD COUNT, ..`");
                command.counts.push((word.to_owned(), count.parse().expect("a count")));
            }
        } else if let Some(code) = line.strip_prefix("exit: ") {
            commands.last_mut().expect("an exit code stands below its command").exit =
                code.trim().parse().expect("an exit code");
        }
    }
    assert!(!commands.is_empty(), "the first lines of a case say what to run: // $ tensc ..");
    commands
}

fn occurrences(text: &str, word: &str) -> usize {
    text.split(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).filter(|found| *found == word).count()
}

/// Times and hashes of a run differ from run to run or from machine to machine: only that they are there is kept.
fn without_times(text: &str) -> String {
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, number) = rest.split_at(start);
            kept.push_str(before);
            let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
            let (number, after) = number.split_at(end);
            let unit = ["ns", "us", "µs", "ms", "s"].into_iter().find(|unit| {
                after
                    .strip_prefix(' ')
                    .unwrap_or(after)
                    .strip_prefix(unit)
                    .is_some_and(|left| !left.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            match unit {
                Some(unit) => {
                    kept.push_str("[time]");
                    rest = after.strip_prefix(' ').unwrap_or(after).strip_prefix(unit).expect("just seen");
                }
                None => {
                    kept.push_str(number);
                    rest = after;
                }
            }
        }
        kept.push_str(rest);
    }
    kept
}

fn run(command: &Command, file: &str, folder: &Path, report: &mut String) {
    let args = command.args.iter().map(|arg| if arg == "FILE" { file } else { arg });
    let Outcome { code, stdout, stderr } = tensc_in(folder, args);
    writeln!(report, "$ tensc {}", command.args.join(" ").replace("FILE", file)).unwrap();
    assert_eq!(code, Some(command.exit), "exit code of `{}`\n{stdout}{stderr}", command.args.join(" "));
    for (word, expected) in &command.counts {
        let found = occurrences(&stdout, word);
        assert_eq!(found, *expected, "`{word}` occurs {found} times, expected {expected}\n{stdout}{stderr}");
        writeln!(report, "{word} {found}").unwrap();
    }
    if command.counts.is_empty() {
        report.push_str(&without_times(&stdout));
        if !stderr.is_empty() {
            writeln!(report, "---- stderr").unwrap();
            report.push_str(&without_times(&stderr));
        }
    }
    if command.exit != 0 {
        writeln!(report, "exit code {}", command.exit).unwrap();
    }
}

fn check(path: &Path) {
    let folder = path.parent().expect("cases lie in folders");
    let name = path.file_stem().and_then(|name| name.to_str()).expect("a case's name is its claim");
    let source = std::fs::read_to_string(path).expect("the case can be read");
    let mut report = format!("{}\n---- output\n", source.trim_end());
    for command in commands(&source) {
        run(&command, &format!("{name}.seq"), folder, &mut report);
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, report));
}

/// The cases of a stage, by name.
pub fn cases(stage: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/cases").join(stage).canonicalize().expect("the stage has cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seq"))
        .collect();
    cases.sort();
    cases
}

/// Runs every case of a stage, then panics with the names of those that failed.
pub fn check_stage(stage: &str) {
    let cases = cases(stage);
    assert!(!cases.is_empty(), "no case in {stage}");
    let failed: Vec<_> =
        cases.iter().filter(|case| catch_unwind(AssertUnwindSafe(|| check(case))).is_err()).collect();
    assert!(failed.is_empty(), "{} of {} cases failed: {failed:#?}", failed.len(), cases.len());
}

/// Snapshots that no case has.
pub fn orphans() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for stage in std::fs::read_dir(root().join("tests/cases")).expect("the folder of cases") {
        for entry in std::fs::read_dir(stage.expect("a stage").path()).expect("a stage is a folder") {
            let path = entry.expect("the folder can be read").path();
            let is_snapshot = path.extension().is_some_and(|extension| extension == "snap");
            if is_snapshot && !path.with_extension("seq").exists() {
                found.push(path);
            }
        }
    }
    found
}
