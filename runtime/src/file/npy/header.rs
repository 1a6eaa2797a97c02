//! The header of a `.npy` file.

use super::Fault;
use tensc_ir::DType;

/// More than the header of any array needs.
pub(super) const LIMIT: u64 = 1 << 16;

/// NumPy refuses arrays of more axes.
const MAX_RANK: usize = 64;

const MAGIC: &[u8] = b"\x93NUMPY";

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// NumPy's element types of fixed size, by kind and bytes; and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    I1,
    I2,
    I4,
    I8,
    U1,
    U2,
    U4,
    U8,
    F2,
    F4,
    F8,
    C8,
    C16,
    /// Anything else with a size: dates, strings, long doubles, structures of one field.
    Other(String, usize),
}

impl Element {
    fn from_descr(kind: &str) -> Option<Self> {
        Some(match kind {
            "b1" => Self::Bool,
            "i1" => Self::I1,
            "i2" => Self::I2,
            "i4" => Self::I4,
            "i8" => Self::I8,
            "u1" => Self::U1,
            "u2" => Self::U2,
            "u4" => Self::U4,
            "u8" => Self::U8,
            "f2" => Self::F2,
            "f4" => Self::F4,
            "f8" => Self::F8,
            "c8" => Self::C8,
            "c16" => Self::C16,
            _ => {
                let digits = kind.trim_start_matches(|c: char| !c.is_ascii_digit());
                let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
                let width = digits.parse::<usize>().ok().filter(|&n| n > 0 && n <= 1 << 20)?;
                // A unicode character takes four bytes.
                let width = if kind.starts_with('U') { width * 4 } else { width };
                Self::Other(kind.to_owned(), width)
            }
        })
    }

    /// Bytes of an entry in the file.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Bool | Self::I1 | Self::U1 => 1,
            Self::I2 | Self::U2 | Self::F2 => 2,
            Self::I4 | Self::U4 | Self::F4 => 4,
            Self::I8 | Self::U8 | Self::F8 | Self::C8 => 8,
            Self::C16 => 16,
            Self::Other(_, width) => *width,
        }
    }

    /// The type that it becomes; else NumPy's name of the type to convert to.
    pub(super) fn dtype(&self) -> Result<DType, &'static str> {
        Ok(match self {
            Self::Bool => DType::Bool,
            Self::U1 => DType::U8,
            Self::I1 | Self::I2 | Self::I4 | Self::I8 | Self::U2 | Self::U4 | Self::U8 => DType::I32,
            Self::F2 => DType::F16,
            Self::F4 => DType::F32,
            Self::F8 => DType::F64,
            Self::C8 => DType::C64,
            Self::C16 => return Err("complex64"),
            Self::Other(..) => return Err("float32"),
        })
    }

    /// Whether the bytes of an entry (native order) are those of `dtype`. A file's bools may be any byte, ours are 0 and 1.
    pub(super) fn is_exactly(&self, dtype: DType) -> bool {
        match self {
            Self::U1 => dtype == DType::U8,
            Self::I4 => dtype == DType::I32,
            Self::F2 => dtype == DType::F16,
            Self::F4 => dtype == DType::F32,
            Self::F8 => dtype == DType::F64,
            Self::C8 => dtype == DType::C64,
            Self::Bool
            | Self::I1
            | Self::I2
            | Self::I8
            | Self::U2
            | Self::U4
            | Self::U8
            | Self::C16
            | Self::Other(..) => false,
        }
    }

    /// NumPy's name.
    pub(super) fn numpy(&self) -> &str {
        match self {
            Self::Bool => "bool",
            Self::I1 => "int8",
            Self::I2 => "int16",
            Self::I4 => "int32",
            Self::I8 => "int64",
            Self::U1 => "uint8",
            Self::U2 => "uint16",
            Self::U4 => "uint32",
            Self::U8 => "uint64",
            Self::F2 => "float16",
            Self::F4 => "float32",
            Self::F8 => "float64",
            Self::C8 => "complex64",
            Self::C16 => "complex128",
            Self::Other(kind, _) => kind,
        }
    }

    /// The value of an integer entry of at most eight bytes.
    pub(super) fn integer(&self, bytes: &[u8], big_endian: bool) -> i128 {
        let mut word = [0_u8; 8];
        let places = word.iter_mut().zip(bytes.iter().copied());
        if big_endian {
            word.iter_mut().zip(bytes.iter().rev().copied()).for_each(|(slot, byte)| *slot = byte);
        } else {
            places.for_each(|(slot, byte)| *slot = byte);
        }
        let raw = u64::from_le_bytes(word);
        let signed = matches!(self, Self::I1 | Self::I2 | Self::I4 | Self::I8);
        let unused = 64_u32.saturating_sub(8 * u32::try_from(bytes.len()).unwrap_or(8)).min(63);
        if signed { i128::from((raw << unused).cast_signed() >> unused) } else { i128::from(raw) }
    }
}

/// The header and where the data begins.
pub(super) fn parse(file: &[u8]) -> Result<(Header, usize), Fault> {
    let rest = file.strip_prefix(MAGIC).ok_or(Fault::Magic)?;
    let (&major, rest) = rest.split_first().ok_or(Fault::HeaderCut)?;
    let (&minor, rest) = rest.split_first().ok_or(Fault::HeaderCut)?;
    let (len, start) = match (major, minor) {
        (1, 0) => {
            let (len, _) = rest.split_first_chunk::<2>().ok_or(Fault::HeaderCut)?;
            (u64::from(u16::from_le_bytes(*len)), 10)
        }
        (2 | 3, 0) => {
            let (len, _) = rest.split_first_chunk::<4>().ok_or(Fault::HeaderCut)?;
            (u64::from(u32::from_le_bytes(*len)), 12)
        }
        _ => return Err(Fault::Version(major, minor)),
    };
    if len > LIMIT {
        return Err(Fault::HeaderLong(len));
    }
    let end = start + usize::try_from(len).map_err(|_| Fault::HeaderLong(len))?;
    let text = file.get(start..end).ok_or(Fault::HeaderCut)?;
    let text = std::str::from_utf8(text).map_err(|_| Fault::HeaderText("it is not text"))?;
    Ok((dictionary(text)?, end))
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order, each once.
fn dictionary(text: &str) -> Result<Header, Fault> {
    let mut cursor = Cursor { rest: text };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    cursor.expect('{', "`{` is missing")?;
    while !cursor.take('}') {
        let key = cursor.string()?;
        cursor.expect(':', "`:` is missing after a key")?;
        let twice = match key {
            "descr" => descr.replace(cursor.descr()?).is_some(),
            "fortran_order" => fortran.replace(cursor.boolean()?).is_some(),
            "shape" => shape.replace(cursor.shape()?).is_some(),
            _ => return Err(Fault::HeaderText("an unknown key")),
        };
        if twice {
            return Err(Fault::HeaderText("a key is there twice"));
        }
        if !cursor.take(',') {
            cursor.expect('}', "`}` is missing")?;
            break;
        }
    }
    if !cursor.rest.trim().is_empty() {
        return Err(Fault::HeaderText("something follows the dictionary"));
    }
    let (element, big_endian) = descr.ok_or(Fault::HeaderText("`descr` is missing"))?;
    let fortran = fortran.ok_or(Fault::HeaderText("`fortran_order` is missing"))?;
    let shape = shape.ok_or(Fault::HeaderText("`shape` is missing"))?;
    Ok(Header { element, big_endian, fortran, shape })
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        let stripped = self.rest.strip_prefix(token);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    fn expect(&mut self, token: char, otherwise: &'static str) -> Result<(), Fault> {
        if self.take(token) { Ok(()) } else { Err(Fault::HeaderText(otherwise)) }
    }

    fn string(&mut self) -> Result<&'a str, Fault> {
        let missing = Fault::HeaderText("a string is missing");
        let quote = if self.take('\'') {
            '\''
        } else if self.take('"') {
            '"'
        } else {
            return Err(missing);
        };
        let (text, rest) = self.rest.split_once(quote).ok_or(missing)?;
        self.rest = rest;
        Ok(text)
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        match self.word() {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(Fault::HeaderText("`fortran_order` is neither True nor False")),
        }
    }

    fn descr(&mut self) -> Result<(Element, bool), Fault> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with('[') {
            return Err(Fault::HeaderText("it is an array of structures"));
        }
        let text = self.string()?;
        let unknown = Fault::HeaderText("`descr` names no element type");
        let mut chars = text.chars();
        let order = chars.next().ok_or(unknown.clone())?;
        let kind = if matches!(order, '<' | '>' | '|' | '=') { chars.as_str() } else { text };
        if kind == "O" {
            return Err(Fault::HeaderText("it holds Python objects"));
        }
        Ok((Element::from_descr(kind).ok_or(unknown)?, order == '>'))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Fault> {
        self.expect('(', "`shape` is not a tuple")?;
        let mut shape = Vec::new();
        while !self.take(')') {
            // Old versions of NumPy under Python 2 wrote `3L`.
            let word = self.word();
            let size = word.strip_suffix('L').unwrap_or(word).parse::<usize>();
            shape.push(size.map_err(|_| Fault::HeaderText("a size in `shape` is no number"))?);
            if shape.len() > MAX_RANK {
                return Err(Fault::HeaderText("`shape` has more than 64 axes"));
            }
            if !self.take(',') {
                self.expect(')', "`shape` is not closed")?;
                break;
            }
        }
        Ok(shape)
    }
}

/// A whole version 1.0 header, padded so that the data begins at a multiple of 64.
pub(super) fn text(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let tuple = match sizes.as_slice() {
        [only] => format!("({only},)"),
        _ => format!("({})", sizes.join(", ")),
    };
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}");
    let len = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    let padded = format!("{dictionary:<width$}\n", width = len - 1);
    let mut header = MAGIC.to_vec();
    header.extend([1, 0]);
    // At most 64 axes of 20 digits: far below 65,536 bytes.
    header.extend(u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
    header.extend(padded.bytes());
    header
}
