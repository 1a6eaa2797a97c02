//! Arrays: element type, shape, bytes in row-major order.

mod convert; // to and from the reference interpreter's arrays, and between element types
mod slice; // pieces along an axis, and pieces put together
mod storage; // the bytes
mod summary; // what a person reads of a result

pub use convert::{ConvertError, convert, from_array, to_array, widen};
pub use slice::{Assembled, concat, piece, stack};
pub use storage::{ALIGNMENT, AlignedBytes, OutOfMemory, Storage, available_memory, bytes_text, map_file};
pub use summary::{Comparison, Summary, compare, summarize};

use std::fmt;
use tensc_ir::DType;

/// An array. Clones share the bytes.
#[derive(Clone)]
pub struct Tensor {
    dtype: DType,
    shape: Vec<usize>,
    storage: Storage,
}

/// Number of entries of a shape; `None` beyond what memory can address.
#[must_use]
pub fn elements(shape: &[usize]) -> Option<usize> {
    // An empty axis makes the product 0 whatever the others are, also where they alone would overflow.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n))
}

/// Number of bytes of an array; `None` beyond what memory can address.
#[must_use]
pub fn byte_len(dtype: DType, shape: &[usize]) -> Option<usize> {
    elements(shape)?.checked_mul(dtype.bytes()).filter(|&n| isize::try_from(n).is_ok())
}

impl Tensor {
    /// An array of these bytes; `None` when their number does not fit the shape.
    #[must_use]
    pub fn new(dtype: DType, shape: Vec<usize>, storage: Storage) -> Option<Self> {
        (byte_len(dtype, &shape)? == storage.as_slice().len()).then_some(Self { dtype, shape, storage })
    }

    /// An array of these bytes, which become its own.
    #[must_use]
    pub fn from_owned(dtype: DType, shape: Vec<usize>, bytes: AlignedBytes) -> Option<Self> {
        Self::new(dtype, shape, bytes.into())
    }

    /// An array of copied bytes in native order; `None` when their number does not fit the shape, or there is no memory.
    #[must_use]
    pub fn from_bytes(dtype: DType, shape: Vec<usize>, bytes: &[u8]) -> Option<Self> {
        Self::new(dtype, shape, Storage::copy_of(bytes, "an array").ok()?)
    }

    /// An array of zeros.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn zeros(dtype: DType, shape: Vec<usize>, what: &str) -> Result<Self, OutOfMemory> {
        let len = byte_len(dtype, &shape).ok_or_else(|| OutOfMemory {
            what: what.to_owned(),
            bytes: u64::MAX,
            available: available_memory(),
        })?;
        let bytes = AlignedBytes::zeroed(len, what)?;
        Ok(Self { dtype, shape, storage: bytes.into() })
    }

    /// Element type.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Sizes of the axes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes().len() / self.dtype.bytes()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The bytes, row-major, native byte order.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.storage.as_slice()
    }

    /// Where the bytes are.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The same entries under another shape of equal size.
    #[must_use]
    pub fn reshaped(&self, shape: Vec<usize>) -> Option<Self> {
        Self::new(self.dtype, shape, self.storage.clone())
    }

    /// The same array where compiled code may read it: copied when a file has it at an odd place.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn aligned(&self, what: &str) -> Result<Self, OutOfMemory> {
        if self.storage.is_aligned() {
            return Ok(self.clone());
        }
        let storage = Storage::copy_of(self.bytes(), what)?;
        Ok(Self { dtype: self.dtype, shape: self.shape.clone(), storage })
    }

    /// The entry at a row-major place as (real, imaginary); `None` beyond the end. For messages and summaries, not for work.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<(f64, f64)> {
        let width = self.dtype.bytes();
        let bytes = self.bytes().get(index.checked_mul(width)?..)?.get(..width)?;
        let real = match self.dtype {
            DType::F32 => f64::from(f32::from_ne_bytes(bytes.try_into().ok()?)),
            DType::F64 => f64::from_ne_bytes(bytes.try_into().ok()?),
            DType::F16 => half::f16::from_ne_bytes(bytes.try_into().ok()?).to_f64(),
            DType::BF16 => half::bf16::from_ne_bytes(bytes.try_into().ok()?).to_f64(),
            DType::I32 => f64::from(i32::from_ne_bytes(bytes.try_into().ok()?)),
            DType::U8 | DType::Bool => f64::from(*bytes.first()?),
            DType::C64 => {
                let (re, im) = bytes.split_at(4);
                let im = f64::from(f32::from_ne_bytes(im.try_into().ok()?));
                return Some((f64::from(f32::from_ne_bytes(re.try_into().ok()?)), im));
            }
        };
        Some((real, 0.0))
    }
}

/// `f32[2, 3]`, as the language writes types.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&type_text(self.dtype, &self.shape))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `f32[2, 3]`; `f32` for a scalar.
#[must_use]
pub fn type_text(dtype: DType, shape: &[usize]) -> String {
    if shape.is_empty() {
        return dtype.name().to_owned();
    }
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("{dtype}[{}]", sizes.join(", "))
}
