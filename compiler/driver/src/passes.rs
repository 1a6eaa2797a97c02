//! The passes in order. `--emit`, its help and the documentation derive from this list.

use clap::builder::PossibleValue;

/// A stage of the compiler with a text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The syntax tree.
    Ast,
    /// The typed graph.
    Graph,
    /// The graph after the rules.
    Optimize,
    /// Kernels, buffers and the order of launches.
    Schedule,
    /// Cranelift's intermediate language.
    Clif,
    /// MLIR as it is written.
    Mlir,
    /// MLIR's LLVM dialect.
    Llvm,
    /// NVIDIA's assembly language.
    Ptx,
}

/// One pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// What it leaves.
    pub stage: Stage,
    /// The name for `--emit`.
    pub name: &'static str,
    /// What its text form shows.
    pub about: &'static str,
}

/// From text to machine code.
pub const PASSES: &[Pass] = &[
    Pass { stage: Stage::Ast, name: "ast", about: "the syntax tree, before any name has a meaning" },
    Pass { stage: Stage::Graph, name: "graph", about: "the typed graph: what the entry means" },
    Pass { stage: Stage::Optimize, name: "optimize", about: "the graph after the optimiser's rules" },
    Pass {
        stage: Stage::Schedule,
        name: "schedule",
        about: "tile kernels, buffers and the order of launches",
    },
    Pass { stage: Stage::Clif, name: "clif", about: "Cranelift's code of each kernel" },
    Pass {
        stage: Stage::Mlir,
        name: "mlir",
        about: "for GPUs: each kernel as an MLIR function (see --target)",
    },
    Pass { stage: Stage::Llvm, name: "llvm", about: "for GPUs: the same in MLIR's LLVM dialect" },
    Pass { stage: Stage::Ptx, name: "ptx", about: "for GPUs: PTX" },
];

impl Stage {
    /// The name for `--emit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        PASSES.iter().find(|pass| pass.stage == self).map_or("", |pass| pass.name)
    }
}

/// Reads the value of `--emit`.
///
/// # Errors
/// The names there are.
pub fn parse_stage(text: &str) -> Result<Stage, String> {
    let names = || PASSES.iter().map(|pass| pass.name);
    PASSES.iter().find(|pass| pass.name == text).map(|pass| pass.stage).ok_or_else(|| {
        let meant = tensc_runtime::suggest::suggest(text, names());
        let meant = meant.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        format!("the stages are {}{meant}", names().collect::<Vec<_>>().join(", "))
    })
}

/// The help of `--emit`.
#[must_use]
pub fn emit_help() -> String {
    let mut text = "Print what this stage makes of the file, to standard output or to -o:\n".to_owned();
    for pass in PASSES {
        text.push_str(&format!("\n  {:<9} {}", pass.name, pass.about));
    }
    text
}

/// The values for shells to complete.
#[must_use]
pub fn possible_values() -> Vec<PossibleValue> {
    PASSES.iter().map(|pass| PossibleValue::new(pass.name).help(pass.about)).collect()
}
