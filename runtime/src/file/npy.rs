//! NumPy's `.npy`: one array, versions 1 to 3, in and out.
//!
//! Source: `numpy/lib/format.py`. A header `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` is a Python literal of which
//! `header` reads exactly this form. Bytes that the file has as we need them are used where they are mapped; others are converted:
//! column-major order, the other byte order, and the integers that the language does not have, where every entry fits `i32`.

mod header;

use super::write::{WriteError, write};
use super::{ReadError, read};
use crate::cancel::Cancel;
use crate::tensor::{AlignedBytes, OutOfMemory, Storage, Tensor, byte_len, elements};
use header::{Element, Header};
use std::io::Write;
use std::path::{Path, PathBuf};
use tensc_ir::DType;

/// Why a `.npy` file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file cannot be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not this format, cut short, or a header that makes no sense.
    #[error("`{}` is not a usable .npy file: {fault}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A well-formed array of an element type that the language does not have.
    #[error("`{}` holds {held}, which no type of the language can hold", .path.display())]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// NumPy's name of the element type.
        held: String,
        /// What to type in NumPy.
        hint: String,
    },
    /// A 64-bit or unsigned integer that no i32 can hold.
    #[error("`{}` holds {held}, and the entry at {index:?} is {value}, which does not fit i32", .path.display())]
    DoesNotFit {
        /// Which file.
        path: PathBuf,
        /// NumPy's name of the element type.
        held: String,
        /// Where.
        index: Vec<usize>,
        /// The number.
        value: i128,
    },
    /// No memory for the converted array.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// What is wrong with a `.npy` file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Other first bytes.
    #[error("it does not begin with \\x93NUMPY")]
    Magic,
    /// A version from the future.
    #[error("its format version is {0}.{1}; 1.0, 2.0 and 3.0 are known")]
    Version(u8, u8),
    /// The file ends within the header.
    #[error("it ends within its header")]
    HeaderCut,
    /// More header than any array needs.
    #[error("its header claims {0} bytes; the limit is {limit}", limit = header::LIMIT)]
    HeaderLong(u64),
    /// Not the dictionary that the format prescribes.
    #[error("its header is not the dictionary of an array: {0}")]
    HeaderText(&'static str),
    /// A shape that no memory can hold.
    #[error("its shape {0:?} has more entries than memory can hold")]
    Shape(Vec<usize>),
    /// The data is shorter or longer than the shape says.
    #[error("its shape needs {needed} bytes of data, and there are {found}")]
    Length {
        /// Bytes by shape.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
}

impl NpyError {
    /// What the user can type.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unsupported { hint, .. } => Some(hint.clone()),
            Self::DoesNotFit { .. } => Some("the language's integers are i32 and u8".to_owned()),
            Self::Read(_) | Self::Malformed { .. } | Self::Memory(_) => None,
        }
    }
}

/// Reads an array.
///
/// # Errors
/// When the file is not there, not a `.npy` file, damaged, or of a type that the language does not have.
pub fn load(path: &Path) -> Result<Tensor, NpyError> {
    let file = read(path)?;
    let malformed = |fault| NpyError::Malformed { path: path.to_owned(), fault };
    let (header, start) = header::parse(file.as_slice()).map_err(malformed)?;
    let needed = elements(&header.shape)
        .and_then(|n| n.checked_mul(header.element.bytes()))
        .filter(|&n| isize::try_from(n).is_ok())
        .ok_or_else(|| malformed(Fault::Shape(header.shape.clone())))?;
    let found = file.as_slice().len().saturating_sub(start);
    let data = file.part(start..start.saturating_add(needed));
    let Some(data) = data.filter(|_| needed == found) else {
        return Err(malformed(Fault::Length { needed, found }));
    };
    convert(path, header, data)
}

fn convert(path: &Path, header: Header, data: Storage) -> Result<Tensor, NpyError> {
    let dtype = match header.element.dtype() {
        Ok(dtype) => dtype,
        Err(target) => {
            let held = header.element.numpy().to_owned();
            let hint = format!("numpy.save(\"x.npy\", x.astype(numpy.{target}))");
            return Err(NpyError::Unsupported { path: path.to_owned(), held, hint });
        }
    };
    let malformed =
        || NpyError::Malformed { path: path.to_owned(), fault: Fault::Shape(header.shape.clone()) };
    let in_place = !header.big_endian
        && header.element.is_exactly(dtype)
        && (!header.fortran || header.shape.iter().filter(|&&n| n != 1).count() <= 1);
    if in_place {
        return Tensor::new(dtype, header.shape.clone(), data).ok_or_else(malformed);
    }
    let len = byte_len(dtype, &header.shape).ok_or_else(malformed)?;
    let mut bytes = AlignedBytes::zeroed(len, "an input")?;
    let width = header.element.bytes();
    let mut walk = Walk::new(&header, width);
    for to in bytes.as_mut_slice().chunks_exact_mut(dtype.bytes()) {
        let from = data.as_slice().get(walk.place..).and_then(|rest| rest.get(..width));
        let Some(from) = from else { return Err(malformed()) };
        if header.element.is_exactly(dtype) {
            copy_native(&header, from, to);
        } else {
            let value = header.element.integer(from, header.big_endian);
            store_integer(dtype, value, to).ok_or_else(|| NpyError::DoesNotFit {
                path: path.to_owned(),
                held: header.element.numpy().to_owned(),
                index: walk.index.clone(),
                value,
            })?;
        }
        walk.advance();
    }
    Tensor::from_owned(dtype, header.shape.clone(), bytes).ok_or_else(malformed)
}

/// One entry in native byte order; a complex one is two parts.
fn copy_native(header: &Header, from: &[u8], to: &mut [u8]) {
    to.copy_from_slice(from);
    if header.big_endian {
        let part = if header.element == Element::C8 { 4 } else { to.len() };
        to.chunks_exact_mut(part.max(1)).for_each(<[u8]>::reverse);
    }
}

fn store_integer(dtype: DType, value: i128, to: &mut [u8]) -> Option<()> {
    if dtype == DType::Bool {
        *to.first_mut()? = u8::from(value != 0);
        return Some(());
    }
    to.copy_from_slice(&i32::try_from(value).ok()?.to_ne_bytes());
    Some(())
}

/// Where the entries lie in the file, taken in row-major order.
struct Walk {
    shape: Vec<usize>,
    strides: Vec<usize>,
    index: Vec<usize>,
    place: usize,
}

impl Walk {
    fn new(header: &Header, width: usize) -> Self {
        let rank = header.shape.len();
        let mut strides = vec![0; rank];
        let mut stride = width;
        let axes: Vec<usize> = if header.fortran { (0..rank).collect() } else { (0..rank).rev().collect() };
        for axis in axes {
            if let (Some(slot), Some(&n)) = (strides.get_mut(axis), header.shape.get(axis)) {
                *slot = stride;
                stride = stride.saturating_mul(n);
            }
        }
        Self { shape: header.shape.clone(), strides, index: vec![0; rank], place: 0 }
    }

    fn advance(&mut self) {
        let axes = self.index.iter_mut().zip(&self.shape).zip(&self.strides);
        for ((i, &n), &stride) in axes.rev() {
            *i += 1;
            self.place += stride;
            if *i < n {
                return;
            }
            self.place -= stride * *i;
            *i = 0;
        }
    }
}

/// Writes an array, version 1.0 (its header is plain ASCII and short).
///
/// # Errors
/// As [`write()`].
pub fn save(path: &Path, tensor: &Tensor, cancel: &Cancel) -> Result<(), WriteError> {
    write(path, cancel, |to| write_to(to, tensor))
}

/// Writes an array's bytes as a `.npy` file: f32, complex64, int32 or bool, and the others as NumPy names them; bf16, which NumPy lacks, as f32.
///
/// # Errors
/// What the writer says.
pub fn write_to(to: &mut dyn Write, tensor: &Tensor) -> std::io::Result<()> {
    if tensor.dtype() == DType::BF16 {
        to.write_all(&header::text("<f4", tensor.shape()))?;
        let values = tensor.bytes().chunks_exact(2).map(|pair| pair.try_into().map_or(0, u16::from_ne_bytes));
        for bits in values {
            to.write_all(&(u32::from(bits) << 16).to_le_bytes())?;
        }
        return Ok(());
    }
    let descr = match tensor.dtype() {
        DType::F32 | DType::BF16 => "<f4",
        DType::F16 => "<f2",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::I32 => "<i4",
        DType::U8 => "|u1",
        DType::Bool => "|b1",
    };
    to.write_all(&header::text(descr, tensor.shape()))?;
    to.write_all(tensor.bytes())
}

#[cfg(target_endian = "big")]
compile_error!("arrays are written in native byte order, which the headers call little-endian");
