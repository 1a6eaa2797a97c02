//! A program's kernels as one MLIR module, and how to launch them.

use crate::emit::{self, Unsupported};
use crate::facts::{divisor, gcd};
use crate::library::without_calls;
use crate::plan::Plan;
use std::collections::BTreeMap;
use tensc_program::{
    Call, DeviceKernel, Kernel, KernelId, Program, Step, TileError, Verified, VerifyError, verify,
};

/// A GPU architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Its name.
    pub name: &'static str,
    /// The lowest version of PTX that knows it, as LLVM names it.
    pub ptx: &'static str,
}

/// A100 and its relatives.
pub const SM_80: Chip = Chip { name: "sm_80", ptx: "+ptx70" };
/// H100 and its relatives.
pub const SM_90: Chip = Chip { name: "sm_90", ptx: "+ptx78" };

/// The architectures that there is code for, oldest first.
pub const CHIPS: [Chip; 2] = [SM_80, SM_90];

impl Chip {
    /// The architecture of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        CHIPS.into_iter().find(|chip| chip.name == name)
    }
}

/// Why there is no GPU code.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// An op without code here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A mistake in the kernels of this crate.
    #[error("internal error: {0}")]
    Library(#[from] TileError),
    /// The same.
    #[error("internal error: {0}")]
    Verify(#[from] VerifyError),
    /// What MLIR or LLVM say.
    #[error("internal error: the GPU code generator refuses its input: {0}")]
    Translate(String),
}

/// A program for a GPU before translation.
#[derive(Clone, Debug)]
pub struct Module {
    /// The program that runs: kernels in place of library calls.
    pub program: Verified<Program>,
    /// MLIR.
    pub mlir: String,
    /// By kernel: how it is launched; none for those of prepare alone.
    pub kernels: Vec<Option<DeviceKernel>>,
}

/// Writes all kernels that main launches.
///
/// # Errors
/// An op without code for GPUs.
pub fn module(program: &Program, chip: Chip) -> Result<Module, GpuError> {
    let program = verify(without_calls(program)?)?;
    if has_masks(&program.main) {
        let what = "a mask of `dropout`".to_owned();
        return Err(Unsupported { kernel: program.name.clone(), what }.into());
    }
    let alignments = alignments(&program);
    let mut mlir = format!(
        "module attributes {{gpu.container_module}} {{\ngpu.module @kernels [#nvvm.target<chip = \"{}\", features = \"{}\">] {{\n",
        chip.name, chip.ptx
    );
    let mut kernels = vec![None; program.kernels.len()];
    for (number, (kernel, slot)) in (0..).zip(program.kernels.iter().zip(&mut kernels)) {
        let Some(alignments) = alignments.get(&KernelId(number)) else { continue };
        let (text, device) = one(kernel, number, alignments)?;
        mlir.push_str(&text);
        *slot = Some(device);
    }
    mlir.push_str("}\n}\n");
    Ok(Module { program, mlir, kernels })
}

fn one(kernel: &Kernel, number: u32, alignments: &[i64]) -> Result<(String, DeviceKernel), GpuError> {
    let plan = Plan::new(kernel, alignments);
    let entry = entry_name(number, &kernel.name);
    let function = emit::function(kernel, plan.clone(), alignments, &entry)?;
    let device = DeviceKernel {
        entry,
        threads: 1 << (plan.threads + plan.points),
        points: 1 << plan.points,
        pieces: plan.pieces.iter().map(|(axis, width)| (axis.0, *width)).collect(),
        shared: function.shared,
        checks: emit::has_checks(kernel),
    };
    Ok((function.text, device))
}

/// Whether masks are drawn.
fn has_masks(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Call(Call::Keep(_)) => true,
        Step::Loop { body, .. } => has_masks(body),
        Step::Call(Call::Gemm(_) | Call::Fft { .. }) | Step::Launch(_) | Step::Copy { .. } => false,
    })
}

/// The kernel's name as PTX can have it.
fn entry_name(number: u32, name: &str) -> String {
    let mut text = format!("k{number}");
    for word in name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        text.push('_');
        text.push_str(word);
    }
    text.truncate(100);
    text
}

/// For each kernel that main launches: by parameter, how many elements its pointers are aligned to at least.
fn alignments(program: &Program) -> BTreeMap<KernelId, Vec<i64>> {
    let mut found: BTreeMap<KernelId, Vec<i64>> = BTreeMap::new();
    let mut open: Vec<&Step> = program.main.iter().collect();
    while let Some(step) = open.pop() {
        match step {
            Step::Launch(launch) => {
                let params = launch.arguments.iter().map(|place| divisor(&place.offset));
                let known = found.entry(launch.kernel).or_insert_with(|| vec![0; launch.arguments.len()]);
                for (known, here) in known.iter_mut().zip(params) {
                    *known = gcd(*known, here);
                }
            }
            Step::Loop { body, .. } => open.extend(body),
            Step::Call(_) | Step::Copy { .. } => {}
        }
    }
    for known in found.values_mut().flatten() {
        // Buffers begin at multiples of 16 bytes: a place at their start is as aligned as any vector needs.
        *known = if *known == 0 { 16 } else { gcd(*known, 16) };
    }
    found
}
