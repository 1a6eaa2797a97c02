//! `.safetensors`: arrays by name, in and out.
//!
//! Source: the format section of the README of huggingface/safetensors. Eight bytes of header length (little-endian), a JSON header
//! `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, .., "__metadata__": {..}}`, then the data, which the entries cover without
//! holes and overlaps. Reading maps the file; a header that claims what is not there is refused before anything of that size is allocated.

mod header;

use super::write::{WriteError, write};
use super::{ReadError, read};
use crate::cancel::Cancel;
use crate::tensor::{Storage, Tensor, elements};
use header::{Entry, FileDType};
use indexmap::IndexMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use tensc_ir::DType;

/// Why a `.safetensors` file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The file cannot be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not this format, cut short, or a header that contradicts itself.
    #[error("`{}` is not a usable .safetensors file: {fault}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a `.safetensors` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Fewer than eight bytes.
    #[error("it has {0} bytes, and the header's length alone takes 8")]
    Short(usize),
    /// More header than any set of weights needs.
    #[error("its header claims {0} bytes; the limit is {limit}", limit = header::LIMIT)]
    HeaderLong(u64),
    /// The file ends within the header.
    #[error("its header claims {claimed} bytes, and {found} follow")]
    HeaderCut {
        /// By the first eight bytes.
        claimed: u64,
        /// There.
        found: usize,
    },
    /// Not JSON, or other JSON than the format prescribes.
    #[error("its header cannot be read: {0}")]
    Json(String),
    /// Offsets that are no range.
    #[error("`{name}` ends at byte {end}, before it begins at {begin}")]
    Reversed {
        /// Of which array.
        name: String,
        /// First byte.
        begin: u64,
        /// One past the last.
        end: u64,
    },
    /// A shape whose size is beyond what memory can address.
    #[error("`{name}` has the shape {shape:?}, which no memory can hold")]
    Shape {
        /// Of which array.
        name: String,
        /// As the header has it.
        shape: Vec<u64>,
    },
    /// The bytes do not hold the shape.
    #[error("`{name}` takes {needed} bytes by its dtype and shape, and {found} by its offsets")]
    Length {
        /// Of which array.
        name: String,
        /// By dtype and shape.
        needed: u64,
        /// By offsets.
        found: u64,
    },
    /// Two arrays share bytes, or bytes between two belong to none.
    #[error("`{name}` begins at byte {begin}, and the array before it ends at {previous}")]
    Gap {
        /// Which array.
        name: String,
        /// Its first byte.
        begin: u64,
        /// Where the one before it ends.
        previous: u64,
    },
    /// The data is cut short or goes on.
    #[error("its arrays take {needed} bytes, and the file has {found} bytes of data")]
    Data {
        /// By the header.
        needed: u64,
        /// There.
        found: u64,
    },
}

/// One array of a file.
#[derive(Clone, Debug)]
pub enum Stored {
    /// Of a type that the language has.
    Tensor(Tensor),
    /// Of another type.
    Other {
        /// Its name in the format, `I64`.
        dtype: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
}

/// What a file holds: arrays by name in the order of the header, and the header's free text.
#[derive(Clone, Debug, Default)]
pub struct Safetensors {
    /// Arrays.
    pub tensors: IndexMap<String, Stored>,
    /// `__metadata__`.
    pub metadata: IndexMap<String, String>,
}

/// Reads a file.
///
/// # Errors
/// When it is not there, not of this format, or contradicts itself.
pub fn load(path: &Path) -> Result<Safetensors, SafetensorsError> {
    let file = read(path)?;
    parse(&file).map_err(|fault| SafetensorsError::Malformed { path: path.to_owned(), fault })
}

/// Reads the bytes of a file.
///
/// # Errors
/// What is wrong with them.
pub fn parse(file: &Storage) -> Result<Safetensors, Fault> {
    let bytes = file.as_slice();
    let (claimed, rest) = bytes.split_first_chunk::<8>().ok_or(Fault::Short(bytes.len()))?;
    let claimed = u64::from_le_bytes(*claimed);
    if claimed > header::LIMIT {
        return Err(Fault::HeaderLong(claimed));
    }
    let cut = Fault::HeaderCut { claimed, found: rest.len() };
    let len = usize::try_from(claimed).map_err(|_| cut.clone())?;
    let (text, data) = rest.split_at_checked(len).ok_or(cut)?;
    let header = header::parse(text)?;
    check_cover(&header.entries, data.len() as u64)?;
    let mut tensors = IndexMap::with_capacity(header.entries.len());
    for (name, entry) in header.entries {
        let stored = stored(file, 8 + len, &name, entry)?;
        tensors.insert(name, stored);
    }
    Ok(Safetensors { tensors, metadata: header.metadata })
}

/// The arrays cover the data: each begins where the one before it ends.
fn check_cover(entries: &IndexMap<String, Entry>, found: u64) -> Result<(), Fault> {
    let mut order: Vec<(&String, &Entry)> = entries.iter().collect();
    order.sort_by_key(|(_, entry)| entry.offsets);
    let mut previous = 0;
    for (name, entry) in order {
        let (begin, end) = entry.offsets;
        if end < begin {
            return Err(Fault::Reversed { name: name.clone(), begin, end });
        }
        if begin != previous {
            return Err(Fault::Gap { name: name.clone(), begin, previous });
        }
        previous = end;
    }
    if previous == found { Ok(()) } else { Err(Fault::Data { needed: previous, found }) }
}

fn stored(file: &Storage, start: usize, name: &str, entry: Entry) -> Result<Stored, Fault> {
    let (begin, end) = entry.offsets;
    let too_large = || Fault::Shape { name: name.to_owned(), shape: entry.shape.clone() };
    let shape: Option<Vec<usize>> = entry.shape.iter().map(|&n| usize::try_from(n).ok()).collect();
    let shape = shape.ok_or_else(too_large)?;
    let bits = elements(&shape).and_then(|n| n.checked_mul(entry.dtype.bits())).ok_or_else(too_large)?;
    let (needed, found) = (bits.div_ceil(8) as u64, end - begin);
    let length = Fault::Length { name: name.to_owned(), needed, found };
    if needed != found || !bits.is_multiple_of(8) {
        return Err(length);
    }
    let place = |offset: u64| usize::try_from(offset).ok().and_then(|n| n.checked_add(start));
    let (Some(from), Some(to)) = (place(begin), place(end)) else { return Err(too_large()) };
    let Some(dtype) = entry.dtype.language() else {
        return Ok(Stored::Other { dtype: entry.dtype.name(), shape });
    };
    let storage = file.part(from..to).ok_or(length)?;
    let storage = if dtype == DType::Bool { truth_values(storage) } else { storage };
    Tensor::new(dtype, shape, storage).map(Stored::Tensor).ok_or_else(too_large)
}

/// Bools as 0 and 1, which compiled code relies on.
fn truth_values(storage: Storage) -> Storage {
    if storage.as_slice().iter().all(|&byte| byte <= 1) {
        return storage;
    }
    let bytes: Vec<u8> = storage.as_slice().iter().map(|&byte| u8::from(byte != 0)).collect();
    Storage::copy_of(&bytes, "an array").unwrap_or(storage)
}

/// Writes arrays, in this order; the data begins at a multiple of 64.
///
/// # Errors
/// As [`write()`].
pub fn save(
    path: &Path,
    tensors: &IndexMap<String, Tensor>,
    metadata: &IndexMap<String, String>,
    cancel: &Cancel,
) -> Result<(), WriteError> {
    let header = header::text(tensors, metadata);
    write(path, cancel, |to| write_to(to, &header, tensors))
}

/// The bytes of a file.
#[must_use]
pub fn to_bytes(tensors: &IndexMap<String, Tensor>, metadata: &IndexMap<String, String>) -> Vec<u8> {
    let mut bytes = header::text(tensors, metadata);
    bytes.splice(0..0, (bytes.len() as u64).to_le_bytes());
    tensors.values().for_each(|tensor| bytes.extend(tensor.bytes()));
    bytes
}

fn write_to(to: &mut dyn Write, header: &[u8], tensors: &IndexMap<String, Tensor>) -> std::io::Result<()> {
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(header)?;
    tensors.values().try_for_each(|tensor| to.write_all(tensor.bytes()))
}

impl FileDType {
    /// The type in the language.
    fn language(self) -> Option<DType> {
        match self {
            Self::F32 => Some(DType::F32),
            Self::F16 => Some(DType::F16),
            Self::Bf16 => Some(DType::BF16),
            Self::F64 => Some(DType::F64),
            Self::C64 => Some(DType::C64),
            Self::I32 => Some(DType::I32),
            Self::U8 => Some(DType::U8),
            Self::Bool => Some(DType::Bool),
            Self::Other(..) => None,
        }
    }
}
