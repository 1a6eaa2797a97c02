//! NVIDIA GPUs through their driver, which is looked for at run time: a machine without one gets an error, not a crash.
//!
//! PTX is assembled by the driver, once: the machine code is kept in a folder where one is given, under a name that PTX, architecture and driver decide.

#![expect(unsafe_code, reason = "calls the driver")]

use super::{Address, DeviceFailure, Gpu, Launch};
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};

/// Room for what the driver's assembler says.
const LOG: usize = 16 << 10;

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CudaFacts {
    /// Its name.
    pub name: String,
    /// Its architecture: 90 for `sm_90`.
    pub architecture: u32,
    /// The version of CUDA that its driver knows: 13000 for 13.0.
    pub driver: i32,
    /// Bytes of memory.
    pub memory: u64,
}

/// The first GPU of this machine.
pub struct Cuda {
    context: sys::CUcontext,
    facts: CudaFacts,
    module: Option<sys::CUmodule>,
    functions: HashMap<String, sys::CUfunction>,
    cache: Option<PathBuf>,
}

// SAFETY: the driver's handles may be used from any thread; each use makes the context current first, and `&mut self` keeps uses apart.
unsafe impl Send for Cuda {}

fn absent(text: impl Into<String>) -> DeviceFailure {
    DeviceFailure::Absent(text.into())
}

fn text_of(error: DriverError) -> String {
    error.error_string().map_or_else(|_| format!("{error:?}"), |text| text.to_string_lossy().into_owned())
}

/// What this machine's first GPU is.
///
/// # Errors
/// No driver, no GPU, or a driver that does not answer.
pub fn facts() -> Result<CudaFacts, DeviceFailure> {
    // SAFETY: opens the library by its name, as any program that links it does.
    if !unsafe { sys::is_culib_present() } {
        return Err(absent("there is no NVIDIA driver: `libcuda` cannot be loaded"));
    }
    let failed = |error| absent(format!("the NVIDIA driver does not start: {}", text_of(error)));
    result::init().map_err(failed)?;
    if result::device::get_count().map_err(failed)? == 0 {
        return Err(absent("the NVIDIA driver finds no GPU"));
    }
    let device = result::device::get(0).map_err(failed)?;
    let attribute = |which| {
        // SAFETY: the device was just given by the driver.
        unsafe { result::device::get_attribute(device, which) }.map_err(failed)
    };
    let major = attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    let mut driver = 0;
    // SAFETY: writes the one number whose address it is given.
    unsafe { sys::cuDriverGetVersion(&raw mut driver) }.result().map_err(failed)?;
    // SAFETY: the device was just given by the driver.
    let memory = unsafe { result::device::total_mem(device) }.map_err(failed)?;
    Ok(CudaFacts {
        name: result::device::get_name(device).map_err(failed)?,
        architecture: (10 * major + minor).unsigned_abs(),
        driver,
        memory: memory as u64,
    })
}

impl Cuda {
    /// Opens the first GPU; `cache` is a folder for assembled code.
    ///
    /// # Errors
    /// As [`facts`].
    pub fn new(cache: Option<PathBuf>) -> Result<Self, DeviceFailure> {
        let facts = facts()?;
        let failed = |error| absent(format!("{} does not start: {}", facts.name, text_of(error)));
        let device = result::device::get(0).map_err(failed)?;
        // SAFETY: the device was just given by the driver; the context is released when this is dropped.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(failed)?;
        Ok(Self { context, facts, module: None, functions: HashMap::new(), cache })
    }

    fn enter(&self) -> Result<(), DeviceFailure> {
        // SAFETY: the context lives as long as this.
        unsafe { result::ctx::set_current(self.context) }.map_err(|error| self.failed("start", error))
    }

    fn failed(&self, place: &str, error: DriverError) -> DeviceFailure {
        DeviceFailure::Run { device: self.facts.name.clone(), place: place.to_owned(), what: text_of(error) }
    }

    /// Where assembled code is kept.
    fn cached(&self, ptx: &str) -> Option<PathBuf> {
        let mut hash = Sha256::new();
        hash.update(ptx);
        hash.update(format!("{} {}", self.facts.architecture, self.facts.driver));
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Some(self.cache.as_ref()?.join(format!("{name}.cubin")))
    }

    /// Has the driver assemble PTX.
    fn assemble(&self, ptx: &str) -> Result<Vec<u8>, DeviceFailure> {
        let source =
            CString::new(ptx).map_err(|_| DeviceFailure::Code("the code has a zero byte".to_owned()))?;
        let mut log = vec![0_u8; LOG];
        let mut options = [
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER,
            sys::CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        ];
        // The driver takes the number itself in place of a pointer to it.
        let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(LOG)];
        let mut link = std::ptr::null_mut();
        // SAFETY: options and values are two each and outlive the link state, as the log does.
        let made =
            unsafe { sys::cuLinkCreate_v2(2, options.as_mut_ptr(), values.as_mut_ptr(), &raw mut link) };
        made.result().map_err(|error| self.failed("the assembler", error))?;
        let mut image = std::ptr::null_mut();
        let mut size = 0;
        let bytes = source.as_bytes_with_nul();
        // SAFETY: the link state was just made; the text outlives the call and its length is its own; image and size are written by the driver.
        let done = unsafe {
            sys::cuLinkAddData_v2(
                link,
                sys::CUjitInputType::CU_JIT_INPUT_PTX,
                bytes.as_ptr().cast_mut().cast(),
                bytes.len(),
                c"kernels".as_ptr(),
                0,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
            .result()
            .and_then(|()| sys::cuLinkComplete(link, &raw mut image, &raw mut size).result())
        };
        let code = done.map(|()| {
            // SAFETY: the image belongs to the link state, which is destroyed only below.
            unsafe { std::slice::from_raw_parts(image.cast::<u8>(), size) }.to_vec()
        });
        // SAFETY: the link state is not used after this.
        let _ = unsafe { sys::cuLinkDestroy(link) };
        code.map_err(|error| {
            let said: Vec<u8> = log.into_iter().take_while(|byte| *byte != 0).collect();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            DeviceFailure::Code(format!(
                "the driver of {} (CUDA {}.{}) refuses the code: {}{}{said}",
                self.facts.name,
                self.facts.driver / 1000,
                self.facts.driver % 1000 / 10,
                text_of(error),
                if said.is_empty() { "" } else { "\n" },
            ))
        })
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        if self.enter().is_ok() {
            if let Some(module) = self.module.take() {
                // SAFETY: no function of the module is used after this.
                let _ = unsafe { result::module::unload(module) };
            }
            if let Ok(device) = result::device::get(0) {
                // SAFETY: retained in `new`, released once.
                let _ = unsafe { result::primary_ctx::release(device) };
            }
        }
    }
}

/// The number in `sm_90`.
fn architecture(target: &str) -> Option<u32> {
    target.strip_prefix("sm_")?.parse().ok()
}

/// Reads or makes a file of assembled code; a cache that cannot be used is no failure.
fn through_cache(
    path: Option<&Path>,
    make: impl FnOnce() -> Result<Vec<u8>, DeviceFailure>,
) -> Result<Vec<u8>, DeviceFailure> {
    let Some(path) = path else { return make() };
    if let Ok(code) = std::fs::read(path) {
        return Ok(code);
    }
    let code = make()?;
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&unfinished, &code))
        .and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    Ok(code)
}

impl Gpu for Cuda {
    fn name(&self) -> String {
        self.facts.name.clone()
    }

    fn allocate(&mut self, bytes: u64, what: &str) -> Result<Address, DeviceFailure> {
        self.enter()?;
        let size = usize::try_from(bytes).unwrap_or(usize::MAX);
        // SAFETY: the memory is freed by `free` or with the context.
        match unsafe { result::malloc_sync(size) } {
            Ok(at) => Ok(Address(at)),
            Err(error) if error.0 == sys::cudaError_enum::CUDA_ERROR_OUT_OF_MEMORY => {
                let free = result::mem_get_info().map_or(0, |(free, _)| free as u64);
                Err(DeviceFailure::Memory { device: self.name(), what: what.to_owned(), needed: bytes, free })
            }
            Err(error) => Err(self.failed(what, error)),
        }
    }

    fn free(&mut self, at: Address) -> Result<(), DeviceFailure> {
        self.enter()?;
        // SAFETY: given by `allocate`, and nobody keeps it.
        unsafe { result::free_sync(at.0) }.map_err(|error| self.failed("free", error))
    }

    fn copy_to(&mut self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        self.enter()?;
        // SAFETY: the caller's places lie in what it allocated.
        unsafe { result::memcpy_htod_sync(to.0, bytes) }.map_err(|error| self.failed("a copy to it", error))
    }

    fn copy_from(&mut self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure> {
        self.enter()?;
        // SAFETY: the caller's places lie in what it allocated.
        unsafe { result::memcpy_dtoh_sync(bytes, from.0) }
            .map_err(|error| self.failed("a copy from it", error))
    }

    fn copy_within(&mut self, from: Address, to: Address, bytes: u64) -> Result<(), DeviceFailure> {
        self.enter()?;
        let size = usize::try_from(bytes).unwrap_or(usize::MAX);
        // SAFETY: the caller's places lie in what it allocated.
        unsafe { result::memcpy_dtod_sync(to.0, from.0, size) }.map_err(|error| self.failed("a copy", error))
    }

    fn load(&mut self, ptx: &str, target: &str) -> Result<(), DeviceFailure> {
        if architecture(target).is_none_or(|needed| needed > self.facts.architecture) {
            return Err(DeviceFailure::Code(format!(
                "the code is for {target}, and {} is sm_{}",
                self.facts.name, self.facts.architecture
            )));
        }
        self.enter()?;
        let code = through_cache(self.cached(ptx).as_deref(), || self.assemble(ptx))?;
        // SAFETY: the image is what the driver's own assembler made; it is copied by the call.
        let module = unsafe { result::module::load_data(code.as_ptr().cast()) };
        self.module = Some(module.map_err(|error| DeviceFailure::Code(text_of(error)))?);
        self.functions.clear();
        Ok(())
    }

    fn launch(&mut self, launch: &Launch<'_>) -> Result<(), DeviceFailure> {
        self.enter()?;
        let place = format!("kernel `{}`", launch.entry);
        let function = match (self.functions.get(launch.entry), self.module) {
            (Some(function), _) => *function,
            (None, Some(module)) => {
                let name = CString::new(launch.entry).unwrap_or_default();
                // SAFETY: the module is loaded.
                let function = unsafe { result::module::get_function(module, name) };
                let function = function.map_err(|error| self.failed(&place, error))?;
                self.functions.insert(launch.entry.to_owned(), function);
                function
            }
            (None, None) => return Err(DeviceFailure::Code("no code is loaded".to_owned())),
        };
        let mut words = launch.arguments.to_vec();
        let mut pointers: Vec<*mut c_void> =
            words.iter_mut().map(|word| std::ptr::from_mut(word).cast()).collect();
        // SAFETY: the function takes as many 64-bit arguments as there are (both are made from one kernel); they are copied by the call.
        unsafe {
            result::launch_kernel(
                function,
                (launch.blocks, 1, 1),
                (launch.threads, 1, 1),
                0,
                std::ptr::null_mut(),
                &mut pointers,
            )
        }
        .map_err(|error| self.failed(&place, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_is_told_so() {
        if let Err(failure) = facts() {
            assert!(failure.to_string().contains("NVIDIA driver"), "{failure}");
        }
    }

    #[test]
    fn code_is_assembled_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/code.cubin");
        let made = through_cache(Some(&path), || Ok(vec![1, 2, 3])).unwrap();
        let again = through_cache(Some(&path), || Err(absent("asked twice"))).unwrap();
        assert_eq!(made, again);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
