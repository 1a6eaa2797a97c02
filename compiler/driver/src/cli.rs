//! What can be typed: commands, options and their help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "tensc",
    version,
    about = "A compiler for sequence models written as recurrences, projections and mixings",
    after_help = "\
Examples:
  tensc check examples/ten.seq                      is the file right?
  tensc run examples/ten.seq --preset bytes --input tokens=bytes:README.md
  tensc run examples/ten.seq --preset tiny --input tokens=random --verify
  tensc init examples/ten.seq --preset tiny -o w.safetensors
  tensc compile examples/ten.seq --emit graph       what the compiler makes of it

`tensc COMMAND --help` teaches one command. Exit code 0: done; 1: the file or the arguments are wrong; 2: this machine
failed; 130: interrupted by Ctrl-C, with no half-written file left behind.",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Say nothing but errors and what was asked for
    #[arg(long, global = true)]
    pub quiet: bool,

    /// Print one JSON object instead of text (check, test, run, explain, bench, doctor)
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Parse, resolve and type a file; exit 1 on any error
    #[command(after_help = "\
Examples:
  tensc check model.seq
  tensc check model.seq --preset tiny --weights w.safetensors   also: do these weights fit?
  tensc check model.seq --json | jq '.diagnostics[].title'")]
    Check(CheckArgs),

    /// Write files in the one canonical layout; never changes meaning, keeps comments
    #[command(after_help = "\
Examples:
  tensc fmt model.seq                 rewrites the file in place
  tensc fmt --check *.seq             exit 1 and a list of files that would change
  tensc fmt - < model.seq             from standard input to standard output")]
    Fmt(FmtArgs),

    /// Run the test blocks of files, on every backend present
    #[command(after_help = "\
Examples:
  tensc test model.seq
  tensc test stdlib/*.seq --device reference
  tensc test model.seq --filter impulse")]
    Test(TestArgs),

    /// Write the initial weights of a model
    #[command(after_help = "\
Examples:
  tensc init examples/ten.seq --preset tiny -o w.safetensors
  tensc init examples/ten.seq --set D=256 --seed 7 -o w.safetensors

The same file, preset and seed give the same bytes on any machine.")]
    Init(InitArgs),

    /// Compile to a bundle, or show what a stage of the compiler makes of a file
    #[command(after_help = concat!("\
Examples:
  tensc compile examples/ten.seq --preset tiny -o ten.tenb
  tensc compile examples/ten.seq --preset tiny --weights w.safetensors -o ten.tenb
  tensc compile examples/ten.seq --emit graph
  tensc compile examples/ten.seq --fn next --emit schedule -o next.txt"))]
    Compile(CompileArgs),

    /// Run a function of a model, from a file or a bundle
    #[command(after_help = "\
Examples:
  tensc run examples/ten.seq --preset bytes --input tokens=bytes:README.md
  tensc run model.seq --input x=x.npy --output y.npy
  tensc run model.seq --weights w.safetensors --fn next --input tokens=tokens.npy --output next=logits.npy
  tensc run model.seq --input x=random --hint B=1,T=4096 --verify
  tensc run model.seq --input x=x.npy --stream 64 --output y.npy
  tensc run ten.tenb --input tokens=bytes:README.md

Inputs are `NAME=FILE.npy`, `NAME=7`, `NAME=random` or `NAME=bytes:FILE`. An array has the declared shape, or one leading
batch axis more; results follow. With no --output a summary of each result is printed.")]
    Run(RunArgs),

    /// Say which rewrites fired, what each bought, and what was rejected and why
    #[command(after_help = "\
Examples:
  tensc explain examples/ten.seq --preset small
  tensc explain model.seq --hint B=1,T=1
  tensc explain model.seq --without-rule resonance-into-projection
  tensc explain examples/ten.seq --preset small --html ten.html")]
    Explain(ExplainArgs),

    /// Time the entry points of a model
    #[command(after_help = "\
Examples:
  tensc bench examples/ten.seq --preset small --hint B=16,T=512
  tensc bench model.seq --fn next --hint B=1,T=1 --json")]
    Bench(BenchArgs),

    /// Run a PTX kernel with every access checked
    #[command(after_help = "\
Examples:
  tensc emulate add.ptx --grid 4 --block 128 --arg f32:a.npy --arg f32:b.npy --arg i64:512
  tensc emulate scan.ptx --kernel scan_f32 --grid 8,2,1 --block 256 --shared 16384 --arg f32:x.npy

Arguments are given in the kernel's order: TYPE:NUMBER is passed by value, TYPE:FILE.npy is copied to the device, passed as a
pointer, and summarised afterwards.")]
    Emulate(EmulateArgs),

    /// Say what this machine has: processor features, memory, tools, GPU
    #[command(after_help = "\
Examples:
  tensc doctor
  tensc doctor --calibrate            how fast are memory and products? `tensc bench` compares with it
  tensc doctor --device cuda          does the GPU compute what it should?")]
    Doctor(DoctorArgs),

    /// MLIR from standard input to PTX: what `tensc` runs in a process of its own
    #[command(hide = true)]
    TranslateMlir {
        /// What to make of it
        to: crate::gpu::Translation,
    },

    /// Print completions for a shell
    #[command(after_help = "\
Examples:
  tensc completions bash > ~/.local/share/bash-completion/completions/tensc
  tensc completions zsh > ~/.zfunc/_tensc
  tensc completions fish > ~/.config/fish/completions/tensc.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which function of which model, with which hyperparameters, weights and options.
#[derive(Debug, Args, Clone, Default)]
pub struct Common {
    /// The model, where the file has several
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub model: Option<String>,

    /// The function to run: any `fn` of the model, or of the top level of the file [default: forward]
    #[arg(long = "fn", value_name = "NAME", help_heading = "Model")]
    pub function: Option<String>,

    /// A preset of the model
    #[arg(long, value_name = "P", help_heading = "Model")]
    pub preset: Option<String>,

    /// A hyperparameter; beats --preset, which beats defaults (repeatable)
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Model")]
    pub set: Vec<String>,

    /// Weights, as `tensc init` writes them
    #[arg(long, value_name = "W.safetensors", help_heading = "Model")]
    pub weights: Option<PathBuf>,

    /// Seed of random inputs, and of the weights when none are given
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    pub seed: u64,

    /// `training` is true
    #[arg(long, help_heading = "Model")]
    pub train: bool,

    /// Also write the gradient of a scalar result by parameter path
    #[arg(long, value_name = "G.safetensors", help_heading = "Model")]
    pub grad: Option<PathBuf>,

    /// Element type in which large matrices of weights lie in memory; sums are f32
    #[arg(long, value_enum, default_value_t = WeightType::F32, help_heading = "Compiler")]
    pub dtype: WeightType,

    /// Batch and length to optimise for, and of random inputs, as in `B=1,T=512` [default: B=8,T=2048]
    #[arg(long, value_name = "B=,T=", help_heading = "Compiler")]
    pub hint: Option<String>,

    /// Leave out a rule of the optimiser (repeatable)
    #[arg(long, value_name = "NAME", help_heading = "Compiler")]
    pub without_rule: Vec<String>,

    /// Run a class of recurrences in this form (repeatable)
    #[arg(long, value_name = "CLASS=FORM", help_heading = "Compiler")]
    pub form: Vec<String>,

    /// Exact rules, step forms and one order of summation only: the same bits for every split, batch and thread count
    #[arg(long, help_heading = "Compiler")]
    pub strict: bool,

    /// Threads [default: as many as the machine has]
    #[arg(long, value_name = "N", help_heading = "Machine")]
    pub threads: Option<usize>,
}

/// `--dtype`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WeightType {
    /// As declared.
    #[default]
    F32,
    /// Rounded to bfloat16.
    Bf16,
}

/// `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// This machine's processor.
    Cpu,
    /// A GPU.
    Cuda,
    /// The PTX emulator.
    Emulator,
    /// The slow f64 interpreter.
    Reference,
}

/// `tensc check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file to check
    pub file: PathBuf,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Write nothing; exit 1 if a file is laid out differently
    #[arg(long)]
    pub check: bool,
    /// The files; `-` is standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

/// `tensc test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The files whose test blocks to run
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Run on this backend only
    #[arg(long, value_enum)]
    pub device: Option<Device>,
    /// Run only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file of the model
    pub file: PathBuf,
    /// Where to write the weights
    #[arg(short, long, value_name = "W.safetensors")]
    pub output: PathBuf,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc compile`.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The file to compile
    pub file: PathBuf,
    /// Where to write the bundle, or the text of --emit
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print what this stage makes of the file, to standard output or to -o
    #[arg(long, value_name = "STAGE", value_parser = crate::passes::parse_stage, long_help = crate::passes::emit_help())]
    pub emit: Option<crate::passes::Stage>,
    /// What the bundle is for
    #[arg(long, value_name = "cpu|sm_80|sm_90", default_value = "cpu")]
    pub target: String,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The file of the model, or a bundle
    #[arg(value_name = "FILE|M.tenb")]
    pub file: PathBuf,
    /// An input: `x=a.npy`, `n=7`, `x=random`, `tokens=bytes:some.txt` (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// Where to write a result: `y.npy`, or `forward=y.npy` where there are several (repeatable)
    #[arg(long, value_name = "[NAME=]FILE.npy")]
    pub output: Vec<String>,
    /// What runs it [default: cpu]
    #[arg(long, value_enum)]
    pub device: Option<Device>,
    /// Also run on `reference`, and print how far the two are apart
    #[arg(long)]
    pub verify: bool,
    /// Feed the sequence in pieces of N, with the state carried
    #[arg(long, value_name = "N")]
    pub stream: Option<usize>,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The file to explain
    pub file: PathBuf,
    /// Also write a page with pictures of the graph before and after, and of the roofline
    #[arg(long, value_name = "PAGE.html")]
    pub html: Option<PathBuf>,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The file of the model
    pub file: PathBuf,
    /// Also time every form of each recurrence
    #[arg(long)]
    pub all_forms: bool,
    /// Also draw the kernels under the machine's roofline
    #[arg(long, value_name = "FILE.svg")]
    pub roofline: Option<PathBuf>,
    /// Runs per entry point, after one that is not counted
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub repeat: usize,
    /// Options of the model.
    #[command(flatten)]
    pub common: Common,
}

/// `tensc doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Measure how fast this machine reads, copies and multiplies, and keep the result for `tensc bench`
    #[arg(long)]
    pub calibrate: bool,
    /// Have this device compute something, and compare
    #[arg(long, value_enum)]
    pub device: Option<Device>,
}

/// `tensc emulate`.
#[derive(Debug, Args)]
pub struct EmulateArgs {
    /// The PTX file
    #[arg(value_name = "FILE.ptx")]
    pub file: PathBuf,
    /// The kernel, where the file has several
    #[arg(long, value_name = "K")]
    pub kernel: Option<String>,
    /// Blocks of the grid
    #[arg(long, value_name = "X,Y,Z", default_value = "1")]
    pub grid: String,
    /// Threads of a block
    #[arg(long, value_name = "X,Y,Z", default_value = "32")]
    pub block: String,
    /// Dynamic shared memory, in bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub shared: u32,
    /// An argument of the kernel: `f32:a.npy`, `i64:7` (repeatable, in order)
    #[arg(long, value_name = "TYPE:VALUE")]
    pub arg: Vec<String>,
}
