//! Repository tasks: `cargo xtask test` runs everything that has to pass, `cargo xtask snapshots` accepts new snapshots.

mod gpu;
mod shell;
mod snapshots;
mod steps;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask test [STEP]...   everything that has to pass, or some steps of it
cargo xtask snapshots        runs the tests and writes what they print into their snapshots; read the diff then

steps, in order:
";

fn help() -> String {
    let width = steps::STEPS.iter().map(|step| step.name.len()).max().unwrap_or(0);
    let steps: String =
        steps::STEPS.iter().map(|step| format!("    {:width$}   {}\n", step.name, step.about)).collect();
    format!("{HELP}{steps}")
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test", names @ ..] => steps::test(names),
        ["snapshots"] => snapshots::accept(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{}", help());
            return ExitCode::SUCCESS;
        }
        [other, ..] => Err(format!("no task is called `{other}`\n\n{}", help())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nerror: {message}");
            ExitCode::FAILURE
        }
    }
}
