//! Tensor maps: what `cp.async.bulk.tensor` copies boxes of (ISA 5.5.8, tiled mode).
//!
//! On a GPU the driver encodes them with `cuTensorMapEncodeTiled`. Here [`TensorMap::encode`] makes the 128 bytes that
//! a kernel takes as a parameter; the layout of the bytes is the emulator's own.

/// How rows of 16-byte chunks are permuted in shared memory (ISA 5.5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Swizzle {
    /// Row-major as it is.
    #[default]
    None,
    /// Chunks of 32-byte rows.
    Bytes32,
    /// Chunks of 64-byte rows.
    Bytes64,
    /// Chunks of 128-byte rows.
    Bytes128,
}

/// A tensor in global memory and the box that one copy moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorMap {
    /// Device address of the first element.
    pub address: u64,
    /// Bytes of an element: 1, 2, 4 or 8.
    pub element_bytes: u32,
    /// Elements along each axis, fastest first; 1 to 5 axes.
    pub sizes: Vec<u64>,
    /// Bytes from one index to the next along each axis but the first.
    pub strides: Vec<u64>,
    /// Elements of a box along each axis.
    pub box_sizes: Vec<u32>,
    /// Layout of a box in shared memory.
    pub swizzle: Swizzle,
}

const MAGIC: u32 = 0x7453_4e54;

impl Swizzle {
    const fn code(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Bytes32 => 1,
            Self::Bytes64 => 2,
            Self::Bytes128 => 3,
        }
    }

    /// Where a byte of shared memory lies after the permutation: bits 4 and up get bits 7 and up.
    pub(crate) const fn apply(self, address: u64) -> u64 {
        let high = (address >> 7) & ((1 << self.code()) - 1);
        address ^ (high << 4)
    }

    /// Alignment that boxes need.
    pub(crate) const fn alignment(self) -> u64 {
        128 << self.code()
    }
}

impl TensorMap {
    /// Checks the map by the driver's rules and packs it.
    ///
    /// # Errors
    /// What is not allowed.
    pub fn encode(&self) -> Result<[u8; 128], String> {
        let rank = self.sizes.len();
        if !(1..=5).contains(&rank) || self.strides.len() + 1 != rank || self.box_sizes.len() != rank {
            return Err(format!(
                "a tensor map has 1 to 5 sizes, as many box sizes and one stride less, found {rank}, {} and {}",
                self.box_sizes.len(),
                self.strides.len()
            ));
        }
        if !matches!(self.element_bytes, 1 | 2 | 4 | 8) {
            return Err(format!("elements have 1, 2, 4 or 8 bytes, found {}", self.element_bytes));
        }
        if !self.address.is_multiple_of(16) {
            return Err(format!("the tensor's address {:#x} is no multiple of 16", self.address));
        }
        if let Some(stride) =
            self.strides.iter().find(|stride| !stride.is_multiple_of(16) || **stride >= 1 << 40)
        {
            return Err(format!("stride {stride} is no multiple of 16 below 2^40"));
        }
        if let Some(size) = self.box_sizes.iter().find(|size| !(1..=256).contains(*size)) {
            return Err(format!("box size {size} is not in 1 to 256"));
        }
        let row = self.box_sizes.first().copied().unwrap_or(0) * self.element_bytes;
        if !row.is_multiple_of(16) {
            return Err(format!("the box's rows have {row} bytes, expected a multiple of 16"));
        }
        let widest = [256, 32, 64, 128].get(self.swizzle.code() as usize).copied().unwrap_or(0);
        if self.swizzle != Swizzle::None && row > widest {
            return Err(format!("the box's rows have {row} bytes, this swizzle takes up to {widest}"));
        }
        let mut words = vec![MAGIC, rank as u32, self.element_bytes, self.swizzle.code()];
        let mut put = |value: u64| words.extend([value as u32, (value >> 32) as u32]);
        put(self.address);
        (0..5).for_each(|axis| put(self.sizes.get(axis).copied().unwrap_or(1)));
        (0..4).for_each(|axis| put(self.strides.get(axis).copied().unwrap_or(0)));
        words.extend((0..5).map(|axis| self.box_sizes.get(axis).copied().unwrap_or(1)));
        let mut bytes = [0; 128];
        let packed = words.iter().flat_map(|word| word.to_le_bytes());
        bytes.iter_mut().zip(packed).for_each(|(to, from)| *to = from);
        Ok(bytes)
    }

    /// Reads what [`TensorMap::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|word| word.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
            .collect();
        let word = |index: usize| words.get(index).copied();
        let long = |index: usize| Some(u64::from(word(index)?) | u64::from(word(index + 1)?) << 32);
        if word(0)? != MAGIC {
            return None;
        }
        let rank = word(1)? as usize;
        let swizzle = [Swizzle::None, Swizzle::Bytes32, Swizzle::Bytes64, Swizzle::Bytes128];
        Some(Self {
            address: long(4)?,
            element_bytes: word(2)?,
            sizes: (0..rank).map(|axis| long(6 + 2 * axis)).collect::<Option<_>>()?,
            strides: (1..rank).map(|axis| long(14 + 2 * axis)).collect::<Option<_>>()?,
            box_sizes: (0..rank).map(|axis| word(24 + axis)).collect::<Option<_>>()?,
            swizzle: *swizzle.get(word(3)? as usize)?,
        })
    }
}
