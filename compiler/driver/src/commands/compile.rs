//! `tensc compile`: the text of a stage, or a bundle.

use crate::Context;
use crate::bundle;
use crate::cli::{CompileArgs, Device};
use crate::failure::{Failure, Result, output_failed};
use crate::gpu::{self, Translation};
use crate::machine::{Optimized, optimized, scheduled};
use crate::model::choose;
use crate::options::{refuse_unsupported, without_effect};
use crate::passes::Stage;
use crate::source::{Checked, read_and_check, read_right};
use tensc_cpu::{CpuOptions, clif};
use tensc_frontend::Diagnostic;
use tensc_gpu::Chip;
use tensc_runtime::file::write::write_bytes;

pub(crate) fn run(args: &CompileArgs, context: &Context) -> Result<()> {
    refuse_unsupported(&args.common)?;
    let chip = if args.target == "cpu" { None } else { Some(gpu::chip(&args.target)?) };
    match (args.emit, &args.output) {
        (Some(stage), _) => emit(stage, chip, args, context),
        (None, Some(path)) => {
            let used = [
                "--model",
                "--fn",
                "--preset",
                "--set",
                "--weights",
                "--train",
                "--dtype",
                "--hint",
                "--without-rule",
                "--form",
                "--strict",
            ];
            without_effect(&args.common, "compile -o", &used)
                .iter()
                .for_each(|note| context.console.note(note));
            let checked = read_right(&args.file)?;
            if chip.is_some() {
                gpu::needs_llvm(&format!("`--target {}`", args.target))?;
            }
            bundle::write(path, &checked, chip, &args.common, context)
        }
        (None, None) => Err(Failure::user("`tensc compile` is told neither what to write nor what to show")
            .hint("-o M.tenb, or --emit graph")),
    }
}

fn emit(stage: Stage, chip: Option<Chip>, args: &CompileArgs, context: &Context) -> Result<()> {
    let used = [
        "--model",
        "--fn",
        "--preset",
        "--set",
        "--train",
        "--dtype",
        "--hint",
        "--without-rule",
        "--form",
        "--strict",
    ];
    without_effect(&args.common, "compile --emit", &used).iter().for_each(|note| context.console.note(note));
    let text = stage_text(stage, chip, args, context)?;
    match &args.output {
        Some(path) => Ok(write_bytes(path, &context.cancel, text.as_bytes())?),
        None => context.console.print(&text).map_err(|error| output_failed(&error)),
    }
}

fn stage_text(stage: Stage, chip: Option<Chip>, args: &CompileArgs, context: &Context) -> Result<String> {
    if stage == Stage::Ast {
        return ast_text(&read_and_check(&args.file)?);
    }
    let checked = read_right(&args.file)?;
    let chosen = choose(&checked, &args.common, &[])?;
    if stage == Stage::Graph {
        return Ok(with_newline(chosen.graph.to_string()));
    }
    let optimized = optimized(&chosen, &args.common, false, context)?;
    if stage == Stage::Optimize {
        return Ok(variants_text(&optimized));
    }
    let scheduled =
        scheduled(optimized.at_hint()?, optimized.time.as_deref(), &args.common, &checked.sources, context)?;
    if stage == Stage::Schedule {
        return Ok(with_newline(scheduled.program.to_string()));
    }
    if stage == Stage::Clif {
        let text = clif(&scheduled.program, &CpuOptions::default())
            .map_err(|error| Failure::machine(error.to_string()))?;
        return Ok(with_newline(text));
    }
    let chip = match chip {
        Some(chip) => chip,
        None => gpu::chip_of(Device::Emulator)?,
    };
    let text = gpu::mlir(&scheduled.program, chip)?.mlir;
    Ok(with_newline(match stage {
        Stage::Llvm => gpu::translated(&text, Translation::Llvm)?,
        Stage::Ptx => gpu::translated(&text, Translation::Ptx)?,
        Stage::Ast | Stage::Graph | Stage::Optimize | Stage::Schedule | Stage::Clif | Stage::Mlir => text,
    }))
}

/// The graph of each variant, under the calls that run it.
fn variants_text(optimized: &Optimized) -> String {
    let mut text = String::new();
    for (n, graph) in optimized.variants.iter().enumerate() {
        if optimized.variants.len() > 1 {
            text.push_str(&format!("// {}\n", optimized.selector.when(n)));
        }
        text.push_str(&with_newline(graph.to_string()));
    }
    text
}

/// The syntax tree, which a file has whenever its syntax is right.
fn ast_text(checked: &Checked) -> Result<String> {
    let root = checked.program.root();
    let (_, problems) = tensc_frontend::parse(root, checked.sources.text(root));
    if problems.iter().any(Diagnostic::is_error) {
        return Err(Failure::diagnostics(&checked.sources, problems));
    }
    let file =
        checked.program.ast(root).ok_or_else(|| Failure::machine("internal error: the file has no tree"))?;
    Ok(with_newline(file.to_string()))
}

fn with_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
