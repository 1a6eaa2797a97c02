//! The emulator as a device: allocate, copy, load a module, launch.

use std::collections::HashMap;

use crate::arguments::{check_shape, pack};
use crate::code::Program;
use crate::decode::{self, Symbols};
use crate::driver::{Arg, DevicePointer, Driver, ModuleId, Shape};
use crate::error::PtxError;
use crate::execute::Launch;
use crate::execute::grid;
use crate::fault::{Fault, Trouble};
use crate::image::{image, variable_bytes};
use crate::memory::global::GlobalMemory;
use crate::memory::shadow::MOST_BLOCKS;
use crate::number::approximate::Approximation;
use crate::report::Report;
use crate::syntax;
use crate::syntax::ast::{Module, Space};

/// How the emulator runs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Fixes the order of blocks and the interleaving of warps; 0 starts blocks in order.
    pub seed: u64,
    /// Cores to spread blocks over. The result does not depend on it.
    pub cores: usize,
    /// Warp instructions that one block may execute: more is an infinite loop.
    pub budget: u64,
    /// How approximate instructions use the error that the ISA grants them.
    pub approximation: Approximation,
    /// Shared memory that a block can have; 227 KiB are sm_90's.
    pub most_shared: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            budget: 1 << 28,
            approximation: Approximation::Nearest,
            most_shared: 227 << 10,
        }
    }
}

/// Why the device did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The module's text.
    #[error(transparent)]
    Ptx(#[from] PtxError),
    /// The kernel's execution.
    #[error(transparent)]
    Fault(#[from] Box<Fault>),
    /// The host's use of memory.
    #[error("{0}")]
    Memory(String),
    /// A launch that no device would start.
    #[error("{0}")]
    Launch(String),
}

struct LoadedModule {
    programs: HashMap<String, Program>,
    symbols: HashMap<String, (u64, u64)>,
}

/// An emulated GPU with its memory and modules.
pub struct Device {
    config: Config,
    memory: GlobalMemory,
    modules: Vec<LoadedModule>,
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

fn memory_error(trouble: Trouble) -> DeviceError {
    let parts = trouble.into_parts();
    let place = parts.address.map_or(String::new(), |address| format!(" at {address:#x}"));
    DeviceError::Memory(format!("{}{place}", parts.detail))
}

impl Device {
    /// A device with the default [`Config`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(Config::default())
    }

    /// A device that runs as `config` says.
    #[must_use]
    pub fn with_config(config: Config) -> Self {
        Self { config, memory: GlobalMemory::new(), modules: Vec::new() }
    }

    /// Changes the seed of later launches.
    pub fn set_seed(&mut self, seed: u64) {
        self.config.seed = seed;
    }

    /// Changes the number of cores of later launches.
    pub fn set_cores(&mut self, cores: usize) {
        self.config.cores = cores;
    }

    /// Allocates `bytes` bytes of global memory, aligned to 512. Nothing has written them yet: reading them is a fault.
    pub fn alloc(&mut self, bytes: u64) -> DevicePointer {
        self.alloc_named(bytes, "")
    }

    /// As [`Device::alloc`], with a name for messages.
    pub fn alloc_named(&mut self, bytes: u64, name: &str) -> DevicePointer {
        DevicePointer(self.memory.allocate(bytes, name, false))
    }

    /// Frees an allocation; its addresses are never used again.
    ///
    /// # Errors
    /// Where `pointer` is no allocation's start, or has been freed.
    pub fn free(&mut self, pointer: DevicePointer) -> Result<(), DeviceError> {
        self.memory.free(pointer.0).map_err(memory_error)
    }

    /// Bytes of all allocations, module variables included.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.memory.live_bytes()
    }

    /// Copies bytes to the device.
    ///
    /// # Errors
    /// Where the bytes are not inside one live allocation.
    pub fn copy_to(&mut self, to: DevicePointer, bytes: &[u8]) -> Result<(), DeviceError> {
        let allocation = self.memory.find(to.0, bytes.len() as u64).map_err(memory_error)?;
        allocation.copy_in(to.0, bytes);
        Ok(())
    }

    /// Sets bytes to one value.
    ///
    /// # Errors
    /// Where the bytes are not inside one live allocation.
    pub fn fill(&mut self, to: DevicePointer, value: u8, bytes: u64) -> Result<(), DeviceError> {
        let allocation = self.memory.find(to.0, bytes).map_err(memory_error)?;
        let chunk = vec![value; bytes.min(1 << 16) as usize];
        let mut done = 0;
        while done < bytes {
            let length = (bytes - done).min(chunk.len() as u64);
            allocation.copy_in(to.0 + done, chunk.get(..length as usize).unwrap_or_default());
            done += length;
        }
        Ok(())
    }

    /// Copies bytes from the device; bytes that nothing wrote are an error.
    ///
    /// # Errors
    /// Where the bytes are not inside one live allocation, or nothing wrote them.
    pub fn copy_from(&self, from: DevicePointer, bytes: &mut [u8]) -> Result<(), DeviceError> {
        let allocation = self.memory.find(from.0, bytes.len() as u64).map_err(memory_error)?;
        if !bytes.is_empty() {
            let width = u32::try_from(bytes.len())
                .map_err(|_| DeviceError::Memory("copies of 4 GiB and more are not supported".into()))?;
            if let Some(first) = allocation.unwritten(from.0, width) {
                let detail = format!(
                    "copy of a byte at {first:#x} that nothing wrote, in {}",
                    allocation.description()
                );
                return Err(DeviceError::Memory(detail));
            }
        }
        allocation.copy_out(from.0, bytes);
        Ok(())
    }

    /// Parses and decodes a module and places its variables.
    ///
    /// # Errors
    /// What is wrong with the text, with its line.
    pub fn load_module(&mut self, text: &str) -> Result<ModuleId, DeviceError> {
        let module = syntax::parse(text)?;
        let mut symbols = HashMap::new();
        for variable in &module.variables {
            if matches!(variable.space, Space::Global | Space::Const) {
                let bytes = variable_bytes(variable)?;
                let read_only = variable.space == Space::Const;
                symbols.insert(
                    variable.name.clone(),
                    (self.memory.allocate(bytes, &variable.name, read_only), bytes),
                );
            }
        }
        let addresses: Symbols =
            symbols.iter().map(|(name, (address, _))| (name.clone(), *address)).collect();
        for variable in &module.variables {
            if let Some((address, bytes)) = symbols.get(&variable.name) {
                let image = image(variable, *bytes, &addresses)?;
                self.copy_to(DevicePointer(*address), &image)?;
            }
        }
        let programs = self.programs(&module, &addresses)?;
        self.modules.push(LoadedModule { programs, symbols });
        Ok(ModuleId(self.modules.len() - 1))
    }

    fn programs(
        &self,
        module: &Module,
        addresses: &Symbols,
    ) -> Result<HashMap<String, Program>, DeviceError> {
        let kernels = module.functions.iter().filter(|function| function.entry && function.body.is_some());
        kernels
            .map(|function| {
                let program = decode::decode(module, addresses, &function.name, self.config.approximation)?;
                Ok((function.name.clone(), program))
            })
            .collect()
    }

    fn module(&self, module: ModuleId) -> Result<&LoadedModule, DeviceError> {
        self.modules.get(module.0).ok_or_else(|| DeviceError::Launch("there is no such module".into()))
    }

    /// Names of a module's kernels, sorted.
    ///
    /// # Errors
    /// Where there is no such module.
    pub fn kernels(&self, module: ModuleId) -> Result<Vec<&str>, DeviceError> {
        let mut names: Vec<&str> = self.module(module)?.programs.keys().map(String::as_str).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Where a module's global or const variable lies, and its bytes.
    ///
    /// # Errors
    /// Where there is no such module or variable.
    pub fn variable(&self, module: ModuleId, name: &str) -> Result<(DevicePointer, u64), DeviceError> {
        let found = self.module(module)?.symbols.get(name);
        let (address, bytes) =
            found.ok_or_else(|| DeviceError::Launch(format!("module has no variable `{name}`")))?;
        Ok((DevicePointer(*address), *bytes))
    }

    /// Runs a kernel to its end and checks every access.
    ///
    /// # Errors
    /// [`DeviceError::Launch`] for a shape or arguments that the kernel does not take, [`DeviceError::Fault`] for the first
    /// mistake that it makes. Memory keeps what was written before the fault.
    pub fn launch(
        &mut self,
        module: ModuleId,
        kernel: &str,
        shape: Shape,
        args: &[Arg],
    ) -> Result<Report, DeviceError> {
        let loaded = self.module(module)?;
        let program = loaded.programs.get(kernel).ok_or_else(|| {
            let mut names: Vec<&str> = loaded.programs.keys().map(String::as_str).collect();
            names.sort_unstable();
            DeviceError::Launch(format!("module has no kernel `{kernel}`, it has: {}", names.join(", ")))
        })?;
        check_shape(program, shape, self.config.most_shared)?;
        let parameters = pack(program, args)?;
        self.memory.begin_launch();
        let launch = Launch {
            program,
            memory: &self.memory,
            parameters: &parameters,
            grid: shape.grid,
            block: shape.block,
            dynamic_shared: shape.shared_bytes,
            seed: self.config.seed,
            budget: self.config.budget,
        };
        let mut counters = grid::run(&launch, self.config.cores)?;
        counters.finish();
        let mut notes = Vec::new();
        if launch.blocks() > MOST_BLOCKS {
            notes.push(format!(
                "races between neighbouring blocks are not seen in grids of more than {MOST_BLOCKS} blocks"
            ));
        }
        Ok(Report {
            kernel: kernel.to_owned(),
            grid: shape.grid,
            block: shape.block,
            shared_bytes: program.static_shared + shape.shared_bytes,
            counters,
            floor: None,
            notes,
        })
    }
}

impl Driver for Device {
    type Error = DeviceError;
    type Report = Report;

    fn allocate(&mut self, bytes: u64) -> Result<DevicePointer, DeviceError> {
        Ok(self.alloc(bytes))
    }

    fn free(&mut self, pointer: DevicePointer) -> Result<(), DeviceError> {
        Self::free(self, pointer)
    }

    fn copy_to(&mut self, to: DevicePointer, bytes: &[u8]) -> Result<(), DeviceError> {
        Self::copy_to(self, to, bytes)
    }

    fn fill(&mut self, to: DevicePointer, value: u8, bytes: u64) -> Result<(), DeviceError> {
        Self::fill(self, to, value, bytes)
    }

    fn copy_from(&mut self, from: DevicePointer, bytes: &mut [u8]) -> Result<(), DeviceError> {
        Self::copy_from(self, from, bytes)
    }

    fn load_module(&mut self, ptx: &str) -> Result<ModuleId, DeviceError> {
        Self::load_module(self, ptx)
    }

    fn launch(
        &mut self,
        module: ModuleId,
        kernel: &str,
        shape: Shape,
        args: &[Arg],
    ) -> Result<Report, DeviceError> {
        Self::launch(self, module, kernel, shape, args)
    }
}
