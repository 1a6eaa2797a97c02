//! Runs a program's kernels on a GPU: a real one, or the emulator.
//!
//! In: what a GPU target made of a program ([`DeviceCode`](tensc_program::DeviceCode)), plans of the session, arrays of the host. Weights and what prepare made
//! lie on the device from their first use on; arguments, states and results are copied for each piece of a call. In reading order:

mod cuda; // NVIDIA's driver, found at run time
mod emulated; // the emulator
mod run; // a plan, step by step

pub use cuda::{Cuda, CudaFacts, facts};
pub use emulated::{Emulated, Reports};
pub use run::Accelerator;

/// Why a device did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFailure {
    /// There is none that could be used.
    #[error("{0}")]
    Absent(String),
    /// No room.
    #[error("out of memory on {device}: {what} needs {needed} bytes, and {free} are free")]
    Memory {
        /// Its name.
        device: String,
        /// What needed it.
        what: String,
        /// How much it needs.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// Code for another device, or newer than its driver.
    #[error("{0}")]
    Code(String),
    /// It fell over while it ran something.
    #[error("{device} failed in {place}: {what}")]
    Run {
        /// Its name.
        device: String,
        /// Kernel or copy.
        place: String,
        /// What it says.
        what: String,
    },
}

/// An address in a device's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub u64);

impl Address {
    /// The address so many bytes further on.
    #[must_use]
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// A launch of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The function.
    pub entry: &'a str,
    /// Blocks, along x.
    pub blocks: u32,
    /// Threads of a block.
    pub threads: u32,
    /// Addresses and numbers, 64 bits each, in the function's order; the first `pointers` are addresses.
    pub arguments: &'a [u64],
    /// How many of them are addresses.
    pub pointers: usize,
}

/// What running a program needs of a GPU. Everything happens in the order in which it is asked for.
pub trait Gpu: Send {
    /// What it is.
    fn name(&self) -> String;

    /// Whether it finds mistakes in the use of memory: then every buffer of a run gets memory of its own, fresh each time.
    fn finds_mistakes(&self) -> bool {
        false
    }

    /// Allocates memory, aligned to 256 bytes; `what` is for messages.
    ///
    /// # Errors
    /// No room.
    fn allocate(&mut self, bytes: u64, what: &str) -> Result<Address, DeviceFailure>;

    /// Frees what was allocated.
    ///
    /// # Errors
    /// The device fell over.
    fn free(&mut self, at: Address) -> Result<(), DeviceFailure>;

    /// Copies to the device.
    ///
    /// # Errors
    /// The device fell over.
    fn copy_to(&mut self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure>;

    /// Copies from the device, after everything asked for before.
    ///
    /// # Errors
    /// The device fell over, now or in a launch before.
    fn copy_from(&mut self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure>;

    /// Copies within the device; the ranges do not overlap.
    ///
    /// # Errors
    /// The device fell over.
    fn copy_within(&mut self, from: Address, to: Address, bytes: u64) -> Result<(), DeviceFailure>;

    /// Loads PTX for this architecture.
    ///
    /// # Errors
    /// Code that is not for this device, or that its driver does not understand.
    fn load(&mut self, ptx: &str, target: &str) -> Result<(), DeviceFailure>;

    /// Launches a kernel of what was loaded.
    ///
    /// # Errors
    /// The device fell over.
    fn launch(&mut self, launch: &Launch<'_>) -> Result<(), DeviceFailure>;
}
