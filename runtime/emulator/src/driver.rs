//! What a GPU driver offers, as a trait: the emulator implements it, and CUDA can.

/// An address in the global memory of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePointer(pub u64);

impl DevicePointer {
    /// The address `bytes` bytes further on.
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// A loaded module of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModuleId(pub(crate) usize);

impl ModuleId {
    /// The module with this number, for other implementations of [`Driver`].
    #[must_use]
    pub const fn from_index(index: usize) -> Self {
        Self(index)
    }

    /// The module's number, in the order of loading.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Grid, block and dynamic shared memory of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y, z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared_bytes: u64,
}

impl Shape {
    /// Blocks and threads along x, without dynamic shared memory.
    #[must_use]
    pub const fn linear(blocks: u32, threads: u32) -> Self {
        Self { grid: [blocks, 1, 1], block: [threads, 1, 1], shared_bytes: 0 }
    }
}

/// A kernel's argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// An address.
    Pointer(DevicePointer),
    /// An integer of 8 bits.
    I8(i8),
    /// An integer of 16 bits.
    I16(i16),
    /// An integer of 32 bits, signed or not.
    I32(i32),
    /// An integer of 32 bits, signed or not.
    U32(u32),
    /// An integer of 64 bits, signed or not.
    I64(i64),
    /// An integer of 64 bits, signed or not.
    U64(u64),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A structure, or any other parameter as it lies in memory.
    Bytes(Vec<u8>),
}

impl Arg {
    /// The argument as it lies in memory, little-endian.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Pointer(pointer) => pointer.0.to_le_bytes().to_vec(),
            Self::I8(value) => value.to_le_bytes().to_vec(),
            Self::I16(value) => value.to_le_bytes().to_vec(),
            Self::I32(value) => value.to_le_bytes().to_vec(),
            Self::U32(value) => value.to_le_bytes().to_vec(),
            Self::I64(value) => value.to_le_bytes().to_vec(),
            Self::U64(value) => value.to_le_bytes().to_vec(),
            Self::F32(value) => value.to_le_bytes().to_vec(),
            Self::F64(value) => value.to_le_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    /// Whether it is a float; `None` where that is not known.
    #[must_use]
    pub const fn is_float(&self) -> Option<bool> {
        match self {
            Self::F32(_) | Self::F64(_) => Some(true),
            Self::Bytes(_) => None,
            Self::Pointer(_)
            | Self::I8(_)
            | Self::I16(_)
            | Self::I32(_)
            | Self::U32(_)
            | Self::I64(_)
            | Self::U64(_) => Some(false),
        }
    }
}

/// Allocate, copy, load, launch: the part of a GPU driver that running a compiled program needs.
///
/// Launches are complete when [`Driver::launch`] returns, or ordered as in one stream: a later copy or launch sees what
/// they wrote.
pub trait Driver {
    /// What can go wrong.
    type Error: std::error::Error;
    /// What a launch tells.
    type Report;

    /// Allocates global memory, aligned to 256 bytes at least.
    ///
    /// # Errors
    /// Where the device has no room.
    fn allocate(&mut self, bytes: u64) -> Result<DevicePointer, Self::Error>;

    /// Frees what [`Driver::allocate`] returned.
    ///
    /// # Errors
    /// Where nothing was allocated there.
    fn free(&mut self, pointer: DevicePointer) -> Result<(), Self::Error>;

    /// Copies bytes to the device.
    ///
    /// # Errors
    /// Where they do not fit the allocation.
    fn copy_to(&mut self, to: DevicePointer, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Sets bytes to one value.
    ///
    /// # Errors
    /// Where they do not fit the allocation.
    fn fill(&mut self, to: DevicePointer, value: u8, bytes: u64) -> Result<(), Self::Error>;

    /// Copies bytes from the device.
    ///
    /// # Errors
    /// Where they are not inside an allocation.
    fn copy_from(&mut self, from: DevicePointer, bytes: &mut [u8]) -> Result<(), Self::Error>;

    /// Loads a module of PTX.
    ///
    /// # Errors
    /// Where the text is wrong.
    fn load_module(&mut self, ptx: &str) -> Result<ModuleId, Self::Error>;

    /// Launches a kernel of a module.
    ///
    /// # Errors
    /// Where the launch is refused, or the kernel fails.
    fn launch(
        &mut self,
        module: ModuleId,
        kernel: &str,
        shape: Shape,
        args: &[Arg],
    ) -> Result<Self::Report, Self::Error>;
}
