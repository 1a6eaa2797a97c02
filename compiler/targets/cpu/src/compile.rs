//! All kernels of a program, to machine code.

use crate::emit::{self, Functions, Machine};
use crate::fft::Transforms;
use crate::gemm;
use crate::plan::Plan;
use crate::symbols::{SYMBOLS, Status};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use std::ops::Range;
use tensc_program::{Code, Failure, FftShape, GemmShape, Kernel, KernelId, Program, Verified};

/// Which instructions code may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Features {
    /// Those of this machine.
    #[default]
    Host,
    /// Those of every 64-bit machine since about 2009: no fused multiply-add.
    Baseline,
}

/// How to compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuOptions {
    /// Which instructions code may use.
    pub features: Features,
}

/// Why a program could not be compiled; none of these is the program's fault.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// No code generator for this machine.
    #[error("there is no code generator for this machine: {0}")]
    Machine(String),
    /// Memory for code, or a mistake in the code generator.
    #[error("kernel {kernel:?} could not be compiled")]
    Code {
        /// The kernel's name.
        kernel: String,
        /// What Cranelift says.
        #[source]
        source: Box<ModuleError>,
    },
}

type Entry = unsafe extern "C" fn(*const *mut u8, *const i64, *mut u8, i64, i64, *mut Status);

/// A program's kernels as machine code, and its library calls.
pub struct CpuProgram {
    kernels: Vec<(Entry, usize)>,
    transforms: Transforms,
    module: Option<JITModule>,
}

// SAFETY: after `compile` the module is only freed, by `drop`; code and its constants are never written again, and kernels keep their state in the
// scratch memory of their caller.
#[expect(unsafe_code, reason = "the module owns raw pointers to code")]
unsafe impl Send for CpuProgram {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the module owns raw pointers to code")]
unsafe impl Sync for CpuProgram {}

impl std::fmt::Debug for CpuProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CpuProgram").field("kernels", &self.kernels.len()).finish_non_exhaustive()
    }
}

impl Drop for CpuProgram {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: the entries are dropped with the program, so that nothing can run the code any more.
            #[expect(unsafe_code, reason = "frees code that is not used any more")]
            unsafe {
                module.free_memory();
            }
        }
    }
}

fn machine(features: Features) -> Result<(OwnedTargetIsa, Machine), CpuError> {
    let fail = |error: &dyn std::fmt::Display| CpuError::Machine(error.to_string());
    let mut flags = settings::builder();
    for (name, value) in [
        ("opt_level", "speed"),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("enable_probestack", "false"),
    ] {
        flags.set(name, value).map_err(|error| fail(&error))?;
    }
    let host = features == Features::Host;
    let mut builder = cranelift_native::builder_with_options(host).map_err(|error| fail(&error))?;
    if cfg!(target_arch = "x86_64") && !host {
        for feature in ["has_sse3", "has_ssse3", "has_sse41", "has_sse42"] {
            builder.enable(feature).map_err(|error| fail(&error))?;
        }
    }
    let isa = builder.finish(settings::Flags::new(flags)).map_err(|error| fail(&error))?;
    let fma = if cfg!(target_arch = "x86_64") {
        isa.isa_flags().iter().any(|flag| flag.name == "has_fma" && flag.as_bool() == Some(true))
    } else {
        true
    };
    Ok((isa, Machine { fma }))
}

fn module(isa: OwnedTargetIsa) -> Result<(JITModule, Functions), CpuError> {
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    for (name, _, address) in SYMBOLS {
        builder.symbol(*name, address());
    }
    let mut module = JITModule::new(builder);
    let mut functions = Functions::new();
    for (name, signature, _) in SYMBOLS {
        let signature = emit::import_signature(module.isa().default_call_conv(), *signature);
        let function = module
            .declare_function(name, Linkage::Import, &signature)
            .map_err(|source| CpuError::Code { kernel: (*name).to_owned(), source: Box::new(source) })?;
        functions.insert(name, function);
    }
    Ok((module, functions))
}

/// Builds a kernel's function in `context`; returns the scratch memory that it needs.
fn build(
    kernel: &Kernel,
    module: &mut JITModule,
    functions: &Functions,
    machine: Machine,
    context: &mut Context,
    builder: &mut FunctionBuilderContext,
) -> usize {
    module.clear_context(context);
    context.func.signature = emit::signature(module.isa().default_call_conv());
    let plan = Plan::new(kernel);
    emit::emit(&plan, FunctionBuilder::new(&mut context.func, builder), module, functions, machine);
    plan.scratch
}

/// Compiles all kernels.
///
/// # Errors
/// A machine without a code generator, or no memory for code.
pub fn compile(program: &Verified<Program>, options: &CpuOptions) -> Result<CpuProgram, CpuError> {
    let (isa, machine) = machine(options.features)?;
    let (mut module, functions) = module(isa)?;
    let (mut context, mut builder) = (module.make_context(), FunctionBuilderContext::new());
    let mut defined: Vec<(FuncId, usize)> = Vec::new();
    for (n, kernel) in program.kernels.iter().enumerate() {
        let fail = |source| CpuError::Code { kernel: kernel.name.clone(), source: Box::new(source) };
        let scratch = build(kernel, &mut module, &functions, machine, &mut context, &mut builder);
        let function = module
            .declare_function(&format!("kernel {n}"), Linkage::Export, &context.func.signature)
            .map_err(fail)?;
        module.define_function(function, &mut context).map_err(fail)?;
        defined.push((function, scratch));
    }
    module
        .finalize_definitions()
        .map_err(|source| CpuError::Code { kernel: program.name.clone(), source: Box::new(source) })?;
    let kernels = defined
        .into_iter()
        .map(|(function, scratch)| {
            let address = module.get_finalized_function(function);
            // SAFETY: the function was built with the signature that `Entry` has.
            #[expect(unsafe_code, reason = "the one way to call compiled code")]
            let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
            (entry, scratch)
        })
        .collect();
    Ok(CpuProgram { kernels, transforms: Transforms::default(), module: Some(module) })
}

/// The Cranelift IR of all kernels, as text.
///
/// # Errors
/// As [`compile`].
pub fn clif(program: &Verified<Program>, options: &CpuOptions) -> Result<String, CpuError> {
    listing(program, options, |_, context| Ok(context.func.display().to_string()))
}

/// The instructions of all kernels, as text.
///
/// # Errors
/// As [`compile`].
pub fn assembly(program: &Verified<Program>, options: &CpuOptions) -> Result<String, CpuError> {
    listing(program, options, |module, context| {
        context.set_disasm(true);
        match context.compile(module.isa(), &mut ControlPlane::default()) {
            Ok(code) => Ok(code.vcode.clone().unwrap_or_default()),
            Err(error) => Err(Box::new(error.inner.into())),
        }
    })
}

fn listing(
    program: &Verified<Program>,
    options: &CpuOptions,
    show: impl Fn(&JITModule, &mut Context) -> Result<String, Box<ModuleError>>,
) -> Result<String, CpuError> {
    let (isa, machine) = machine(options.features)?;
    let (mut module, functions) = module(isa)?;
    let (mut context, mut builder) = (module.make_context(), FunctionBuilderContext::new());
    let mut text = String::new();
    for (n, kernel) in program.kernels.iter().enumerate() {
        build(kernel, &mut module, &functions, machine, &mut context, &mut builder);
        let shown = show(&module, &mut context)
            .map_err(|source| CpuError::Code { kernel: kernel.name.clone(), source })?;
        text.push_str(&format!("; k{n} {:?}\n{shown}\n", kernel.name));
    }
    Ok(text)
}

impl Code for CpuProgram {
    fn scratch_bytes(&self, kernel: KernelId) -> usize {
        self.kernels.get(kernel.0 as usize).map_or(0, |(_, scratch)| *scratch)
    }

    #[expect(unsafe_code, reason = "calls compiled code")]
    unsafe fn launch_range(
        &self,
        kernel: KernelId,
        pointers: &[*mut u8],
        sizes: &[i64],
        points: Range<i64>,
        scratch: *mut u8,
        failure: &mut Option<Failure>,
    ) {
        let Some((entry, _)) = self.kernels.get(kernel.0 as usize) else { return };
        // SAFETY: the caller keeps the promises of `Code::launch_range`, which are all that compiled code relies on.
        unsafe { entry(pointers.as_ptr(), sizes.as_ptr(), scratch, points.start, points.end, failure) }
    }

    fn gemm_items(&self, shape: &GemmShape) -> i64 {
        gemm::items(shape)
    }

    fn gemm_scratch_bytes(&self, shape: &GemmShape) -> usize {
        gemm::scratch_bytes(shape)
    }

    #[expect(unsafe_code, reason = "passes on the caller's promises")]
    unsafe fn gemm_range(
        &self,
        shape: &GemmShape,
        pointers: [*mut u8; 3],
        items: Range<i64>,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller keeps the promises of `Code::gemm_range`.
        unsafe { gemm::run(shape, pointers, items, scratch) }
    }

    fn fft_scratch_bytes(&self, shape: FftShape) -> usize {
        self.transforms.scratch_bytes(shape)
    }

    #[expect(unsafe_code, reason = "passes on the caller's promises")]
    unsafe fn fft_range(
        &self,
        shape: FftShape,
        input: *const u8,
        output: *mut u8,
        rows: Range<i64>,
        scratch: *mut u8,
    ) {
        // SAFETY: the caller keeps the promises of `Code::fft_range`.
        unsafe { self.transforms.run(shape, input, output, rows, scratch) }
    }
}
