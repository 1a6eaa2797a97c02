//! `tensc completions`: a script for a shell.

use crate::Context;
use crate::cli::Cli;
use crate::failure::{Result, output_failed};
use clap::CommandFactory;

pub(crate) fn run(shell: clap_complete::Shell, context: &Context) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tensc", &mut script);
    context.console.print(&String::from_utf8_lossy(&script)).map_err(|error| output_failed(&error))
}
