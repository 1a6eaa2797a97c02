//! Element types.

use std::fmt;

/// The type of one element, as the language names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE binary32, the default of everything that is computed.
    F32,
    /// IEEE binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// IEEE binary64.
    F64,
    /// A pair of f32, real part first.
    C64,
    /// Two's complement, 32 bits.
    I32,
    /// An unsigned byte.
    U8,
    /// `true` or `false`, one byte.
    Bool,
}

impl DType {
    /// Every element type, in the order of the language page.
    pub const ALL: [Self; 8] =
        [Self::F32, Self::F16, Self::BF16, Self::F64, Self::C64, Self::I32, Self::U8, Self::Bool];

    /// The name in source and in every text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::F64 => "f64",
            Self::C64 => "c64",
            Self::I32 => "i32",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }

    /// The element type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of one element in memory and in files.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F64 | Self::C64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::U8 | Self::Bool => 1,
        }
    }

    /// Real floating point: `f16 bf16 f32 f64`.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }

    /// Whole numbers: `i32 u8`.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::I32 | Self::U8)
    }

    /// `c64`.
    #[must_use]
    pub const fn is_complex(self) -> bool {
        matches!(self, Self::C64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
