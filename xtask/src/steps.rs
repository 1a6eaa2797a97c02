//! What has to pass, in order: the quick ones first.

use crate::shell::{cargo, run, run_reading, works};
use crate::snapshots;
use std::time::Instant;

/// A thing that has to pass.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) about: &'static str,
    /// Whether it is left out where no step is named.
    by_name: bool,
    run: fn() -> Result<(), String>,
}

/// All of them, in order. The tests come last, so that what cargo says of them ends the output.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "tools",
        about: "installs rustfmt and clippy where they are missing",
        by_name: false,
        run: tools,
    },
    Step { name: "fmt", about: "the code is formatted", by_name: false, run: fmt },
    Step {
        name: "clippy",
        about: "no lint of any crate, test or example speaks",
        by_name: false,
        run: clippy,
    },
    Step {
        name: "docs",
        about: "the crates' documentation builds without a warning",
        by_name: false,
        run: docs,
    },
    Step {
        name: "library",
        about: "stdlib and examples are formatted, and their test blocks pass",
        by_name: false,
        run: library,
    },
    Step {
        name: "gpu",
        about: "kernels for GPUs on the emulator and through ptxas, where LLVM 22 with MLIR is installed; only where it is named",
        by_name: true,
        run: crate::gpu::test,
    },
    Step {
        name: "tests",
        about: "every crate's tests; no snapshot is stale or without a test",
        by_name: false,
        run: tests,
    },
];

/// Runs the named steps, where none is named all but those that want to be, and says what each took.
pub(crate) fn test(names: &[&str]) -> Result<(), String> {
    for name in names {
        if !STEPS.iter().any(|step| step.name == *name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            return Err(format!("no step is called `{name}`; there are {}", known.join(", ")));
        }
    }
    let mut times = Vec::new();
    for step in
        STEPS.iter().filter(|step| if names.is_empty() { !step.by_name } else { names.contains(&step.name) })
    {
        println!("\n== {}: {}", step.name, step.about);
        let start = Instant::now();
        (step.run)().map_err(|message| format!("{}: {message}", step.name))?;
        times.push(format!("{} {:.0} s", step.name, start.elapsed().as_secs_f64()));
    }
    println!("passed: {}", times.join(", "));
    Ok(())
}

fn tools() -> Result<(), String> {
    for (component, command) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if works("cargo", &[command, "--version"]) {
            continue;
        }
        println!("{component} is missing: `rustup component add {component}` installs it");
        if !works("rustup", &["component", "add", component]) {
            return Err(format!(
                "{component} is missing and could not be installed; `rustup component add {component}` needs rustup and a \
                 network, or install your system's package of it"
            ));
        }
    }
    Ok(())
}

fn fmt() -> Result<(), String> {
    run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), String> {
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn docs() -> Result<(), String> {
    run(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn library() -> Result<(), String> {
    let files = shipped()?;
    for task in [&["fmt", "--check"][..], &["test"][..]] {
        let mut args = vec!["run", "--quiet", "--package", "tensc", "--"];
        args.extend(task);
        args.extend(files.iter().map(String::as_str));
        run(&mut cargo(&args))?;
    }
    Ok(())
}

/// Every .seq file that is shipped, by name.
fn shipped() -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    for folder in ["stdlib", "examples"] {
        let entries = std::fs::read_dir(crate::shell::root().join(folder))
            .map_err(|error| format!("{folder}: {error}"))?;
        for entry in entries {
            let name = entry.map_err(|error| format!("{folder}: {error}"))?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".seq") {
                files.push(format!("{folder}/{name}"));
            }
        }
    }
    files.sort();
    if files.is_empty() { Err("there is no .seq file in stdlib and examples".to_owned()) } else { Ok(files) }
}

fn tests() -> Result<(), String> {
    let references = snapshots::References::new()?;
    let mut totals = Totals::default();
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    let outcome =
        run_reading(references.record(&mut command).env("INSTA_UPDATE", "no"), |line| totals.add(line));
    println!("\ntest result: {totals}");
    outcome?;
    references.check()
}

/// The sum of cargo's closing lines, `test result: ok. 12 passed; 0 failed; 1 ignored; ..`.
#[derive(Default)]
struct Totals {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Totals {
    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        let counts = counts.trim_start_matches("ok. ").trim_start_matches("FAILED. ");
        for entry in counts.split("; ") {
            let Some((number, word)) = entry.split_once(' ') else { continue };
            let number = number.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        write!(f, "{word}. {} passed; {} failed; {} ignored", self.passed, self.failed, self.ignored)
    }
}
