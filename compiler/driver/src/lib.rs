//! The command line of tensc: the only part of the compiler that does input and output.
//!
//! In reading order:

#![warn(missing_docs)]

pub mod cli; // what can be typed
pub mod console; // what is written to the terminal
pub mod failure; // why a command ended without what was asked for
pub mod passes; // the passes in order

mod bundle; // the same out of a file
mod calibration; // what this machine can do, measured
mod gpu; // code for GPUs
mod machine; // optimised, scheduled, compiled: something that runs
mod model; // the chosen function as a graph, with weights
mod options; // the common options, understood
mod outputs; // where results go
mod random_range; // what random whole numbers may be
mod source; // a file and what it uses, checked
mod streamed; // `--stream`

mod commands; // one file each

use clap::Parser;
use cli::{Cli, Command};
use console::Console;
use failure::{Exit, Result};
use std::process::ExitCode;
use tensc_runtime::Cancel;

/// What every command is given.
pub(crate) struct Context {
    pub(crate) console: Console,
    pub(crate) cancel: Cancel,
}

/// Reads the arguments, runs the command, tells what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors. What clap prints to a closed terminal is nobody's loss.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Exit::User.code() } else { 0 });
        }
    };
    let context = Context { console: Console::new(cli.quiet, cli.json), cancel: Cancel::new() };
    let console = context.console;
    interrupts(&context.cancel, console);
    std::panic::set_hook(Box::new(move |info| {
        console.error(&format!("internal error: {info}\nThis is a mistake in tensc, not in your file."));
    }));
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&cli.command, &context)));
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            failure.report(&context.console);
            ExitCode::from(failure.exit.code())
        }
        Err(_) => ExitCode::from(Exit::Machine.code()),
    }
}

/// How long work may take to notice that it should stop.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(1500);

/// Ctrl-C asks for a stop; asked again, or when nothing has stopped after a while, the process ends.
fn interrupts(cancel: &Cancel, console: Console) {
    let asked = cancel.clone();
    let end = |cancel: &Cancel| {
        cancel.remove_unfinished();
        std::process::exit(i32::from(Exit::Interrupted.code()));
    };
    let set = ctrlc::set_handler(move || {
        if asked.request() {
            end(&asked);
        }
        let late = asked.clone();
        std::thread::spawn(move || {
            std::thread::sleep(PATIENCE);
            end(&late);
        });
    });
    if set.is_err() {
        console.note("note: Ctrl-C will end this at once");
    }
}

fn run(command: &Command, context: &Context) -> Result<()> {
    match command {
        Command::Fmt(args) => commands::fmt::run(args, context),
        Command::Completions { shell } => commands::completions::run(*shell, context),
        Command::Doctor(args) => commands::doctor::run(args, context),
        Command::Check(args) => commands::check::run(args, context),
        Command::Test(args) => commands::test::run(args, context),
        Command::Init(args) => commands::init::run(args, context),
        Command::Compile(args) => commands::compile::run(args, context),
        Command::Run(args) => commands::run::run(args, context),
        Command::Explain(args) => commands::explain::run(args, context),
        Command::Bench(args) => commands::bench::run(args, context),
        Command::Emulate(args) => commands::emulate::run(args, context),
        Command::TranslateMlir { to } => gpu::translate(*to, context),
    }
}
