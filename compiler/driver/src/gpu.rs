//! Code for GPUs: a program to MLIR here, MLIR to PTX in a process of its own, because LLVM ends the process that it finds a mistake in.

use crate::Context;
use crate::cli::Device;
use crate::failure::{Failure, Result};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tensc_gpu::{CHIPS, Chip, GpuError, SM_80, SM_90, module};
use tensc_program::{DeviceCode, Program, Verified};
use tensc_runtime::{Accelerator, Cuda, DeviceFailure, Emulated};

/// What `tensc` is told, unseen in its help, to be that process.
pub(crate) const TRANSLATE: &str = "translate-mlir";

/// What is made of MLIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Translation {
    /// MLIR's LLVM dialect.
    Llvm,
    /// PTX.
    Ptx,
}

/// A program's kernels for a GPU, and the program whose kernels they are.
pub(crate) struct Compiled {
    pub(crate) program: Verified<Program>,
    pub(crate) code: DeviceCode,
}

/// The architecture of this name.
pub(crate) fn chip(name: &str) -> Result<Chip> {
    Chip::named(name).ok_or_else(|| {
        let known: Vec<&str> = CHIPS.iter().map(|chip| chip.name).collect();
        Failure::user(format!("there is no target `{name}`"))
            .hint(format!("--target cpu, or --target {}", known.join(", or --target ")))
    })
}

fn failed(error: GpuError) -> Failure {
    match error {
        GpuError::Unsupported(what) => Failure::user(what.to_string()).hint("--device cpu"),
        GpuError::Library(_) | GpuError::Verify(_) | GpuError::Translate(_) => {
            Failure::machine(error.to_string())
        }
    }
}

/// The MLIR of a program.
pub(crate) fn mlir(program: &Program, chip: Chip) -> Result<tensc_gpu::Module> {
    module(program, chip).map_err(failed)
}

/// Compiles a program's kernels.
pub(crate) fn compiled(program: &Program, chip: Chip, context: &Context) -> Result<Compiled> {
    let _progress = context.console.progress("compile for the GPU");
    let module = mlir(program, chip)?;
    let ptx = translated(&module.mlir, Translation::Ptx)?;
    let code = DeviceCode { target: chip.name.to_owned(), ptx, kernels: module.kernels };
    Ok(Compiled { program: module.program, code })
}

/// Refuses what needs LLVM in a build without it.
pub(crate) fn needs_llvm(what: &str) -> Result<()> {
    if cfg!(feature = "gpu") {
        return Ok(());
    }
    Err(Failure::user(format!("{what} needs a build with the `gpu` feature")))
}

/// Has a child process translate.
pub(crate) fn translated(mlir: &str, to: Translation) -> Result<String> {
    needs_llvm("PTX from source")?;
    let broken = |what: &str, error: &std::io::Error| {
        Failure::machine(format!("{what}: {}", tensc_runtime::file::reason(error)))
    };
    let program =
        std::env::current_exe().map_err(|error| broken("this program cannot find itself", &error))?;
    let to = match to {
        Translation::Llvm => "llvm",
        Translation::Ptx => "ptx",
    };
    let mut child = Command::new(program)
        .args([TRANSLATE, to])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| broken("the translator does not start", &error))?;
    let input = child.stdin.take();
    let text = mlir.as_bytes().to_vec();
    // While it is fed, its output is read: neither waits for the other.
    let feeder = std::thread::spawn(move || input.map_or(Ok(()), |mut input| input.write_all(&text)));
    let output = child.wait_with_output().map_err(|error| broken("the translator fell over", &error))?;
    let fed = feeder.join();
    if output.status.success() && matches!(fed, Ok(Ok(()))) {
        return String::from_utf8(output.stdout)
            .map_err(|_| Failure::machine("internal error: the translator's output is no text"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::machine(format!("internal error: LLVM gave up ({}):\n{}", output.status, said.trim_end())))
}

/// The child's part: MLIR from standard input, the translation to standard output.
#[cfg(feature = "gpu")]
pub(crate) fn translate(to: Translation, context: &Context) -> Result<()> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::stdin(), &mut text)
        .map_err(|error| Failure::machine(format!("standard input: {error}")))?;
    let output = match to {
        Translation::Llvm => tensc_gpu::Output::Llvm,
        Translation::Ptx => tensc_gpu::Output::Ptx,
    };
    let made = tensc_gpu::translate(&text, output).map_err(failed)?;
    context.console.print(&made).map_err(|error| crate::failure::output_failed(&error))
}

/// The child's part, which this build has not.
#[cfg(not(feature = "gpu"))]
pub(crate) fn translate(_to: Translation, _context: &Context) -> Result<()> {
    needs_llvm("PTX from source")
}

/// The architecture to compile for: that of the machine's GPU, for the emulator the newest.
pub(crate) fn chip_of(device: Device) -> Result<Chip> {
    match device {
        Device::Cuda => {
            let facts = tensc_runtime::device::facts().map_err(device_failed)?;
            let fits = |chip: &Chip| {
                chip.name
                    .strip_prefix("sm_")
                    .and_then(|n| n.parse().ok())
                    .is_some_and(|n: u32| n <= facts.architecture)
            };
            CHIPS.into_iter().rfind(fits).ok_or_else(|| {
                Failure::machine(format!(
                    "{} is sm_{}, and the oldest architecture with code is {}",
                    facts.name, facts.architecture, SM_80.name
                ))
            })
        }
        Device::Cpu | Device::Emulator | Device::Reference => Ok(SM_90),
    }
}

pub(crate) fn device_failed(failure: DeviceFailure) -> Failure {
    let title = failure.to_string();
    match failure {
        DeviceFailure::Absent(_) => Failure::machine(title).hint("--device cpu, or --device emulator"),
        DeviceFailure::Code(_) | DeviceFailure::Memory { .. } | DeviceFailure::Run { .. } => {
            Failure::machine(title)
        }
    }
}

/// A GPU with this code.
pub(crate) fn accelerator(
    device: Device,
    program: std::sync::Arc<Program>,
    code: DeviceCode,
) -> Result<Accelerator> {
    let gpu: Box<dyn tensc_runtime::device::Gpu> = match device {
        Device::Cuda => Box::new(Cuda::new(cache()).map_err(device_failed)?),
        Device::Cpu | Device::Emulator | Device::Reference => Box::new(Emulated::default()),
    };
    Accelerator::new(gpu, program, code).map_err(device_failed)
}

/// Where assembled code is kept: as other programs keep what they can make again.
fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    Some(base.join("tensc"))
}
