//! Arrays, and the two files that hold them. Read and written here apart from the compiler's own code, so that a mistake
//! in one does not hide in the other.

use std::collections::BTreeMap;
use std::path::Path;

/// An array in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its entries.
    pub data: Data,
}

/// Entries by type.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// f32
    F32(Vec<f32>),
    /// Pairs of f32.
    C64(Vec<[f32; 2]>),
    /// i32
    I32(Vec<i32>),
    /// bool
    Bool(Vec<bool>),
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn ints(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn pairs(bytes: &[u8]) -> Vec<[f32; 2]> {
    floats(bytes).chunks_exact(2).map(|c| [c[0], c[1]]).collect()
}

impl Array {
    /// An f32 array.
    pub fn f32(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape: shape.to_vec(), data: Data::F32(data) }
    }

    /// An i32 array.
    pub fn i32(shape: &[usize], data: Vec<i32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape: shape.to_vec(), data: Data::I32(data) }
    }

    /// The entries as f64, complex ones as pairs in a row.
    pub fn numbers(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(x) => x.iter().map(|&x| f64::from(x)).collect(),
            Data::C64(z) => z.iter().flatten().map(|&x| f64::from(x)).collect(),
            Data::I32(n) => n.iter().map(|&n| f64::from(n)).collect(),
            Data::Bool(b) => b.iter().map(|&b| f64::from(u8::from(b))).collect(),
        }
    }

    /// The entries' bits.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::F32(x) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::C64(z) => z.iter().flatten().flat_map(|x| x.to_le_bytes()).collect(),
            Data::I32(n) => n.iter().flat_map(|n| n.to_le_bytes()).collect(),
            Data::Bool(b) => b.iter().map(|&b| u8::from(b)).collect(),
        }
    }

    /// The first `rows` entries along the leading axis.
    pub fn head(&self, rows: usize) -> Self {
        let width: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = rows;
        let data = match &self.data {
            Data::F32(x) => Data::F32(x[..rows * width].to_vec()),
            Data::C64(z) => Data::C64(z[..rows * width].to_vec()),
            Data::I32(n) => Data::I32(n[..rows * width].to_vec()),
            Data::Bool(b) => Data::Bool(b[..rows * width].to_vec()),
        };
        Self { shape, data }
    }

    /// Writes a version 1 `.npy`.
    pub fn write_npy(&self, path: &Path) {
        let descr = match self.data {
            Data::F32(_) => "<f4",
            Data::C64(_) => "<c8",
            Data::I32(_) => "<i4",
            Data::Bool(_) => "|b1",
        };
        let sizes: String = self.shape.iter().map(|n| format!("{n}, ")).collect();
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", sizes.trim_end());
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).expect("short header").to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(self.bytes());
        std::fs::write(path, bytes).expect("a temporary file can be written");
    }

    /// Reads what [`write_npy`](Self::write_npy) and NumPy write: little-endian, row-major.
    pub fn read_npy(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        assert_eq!(&bytes[..6], b"\x93NUMPY", "{} is no .npy", path.display());
        let (start, len) = if bytes[6] == 1 {
            (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]])))
        } else {
            (12, u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize)
        };
        let header = std::str::from_utf8(&bytes[start..start + len]).expect("headers are text");
        assert!(header.contains("'fortran_order': False"), "{header}");
        let (_, shape) = header.split_once("'shape': (").expect("headers have a shape");
        let (shape, _) = shape.split_once(')').expect("shapes end");
        let shape: Vec<usize> = shape
            .split(',')
            .filter(|n| !n.trim().is_empty())
            .map(|n| n.trim().parse().expect("sizes"))
            .collect();
        let body = &bytes[start + len..];
        let data = if header.contains("<f4") {
            Data::F32(floats(body))
        } else if header.contains("<c8") {
            Data::C64(pairs(body))
        } else if header.contains("<i4") {
            Data::I32(ints(body))
        } else if header.contains("|b1") {
            Data::Bool(body.iter().map(|&b| b != 0).collect())
        } else {
            return Err(format!("unexpected header {header}"));
        };
        Ok(Self { shape, data })
    }
}

/// Reads a `.safetensors`.
pub fn read_safetensors(path: &Path) -> BTreeMap<String, Array> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let len = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let (header, body) = bytes[8..].split_at(usize::try_from(len).expect("a small header"));
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(header).expect("the header is JSON");
    let sizes = |value: &serde_json::Value| -> Vec<usize> {
        let list = value.as_array().expect("a list");
        list.iter().map(|n| usize::try_from(n.as_u64().expect("a size")).expect("a size")).collect()
    };
    let mut tensors = BTreeMap::new();
    for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        let span = sizes(&entry["data_offsets"]);
        let part = &body[span[0]..span[1]];
        let data = match entry["dtype"].as_str().expect("a dtype") {
            "F32" => Data::F32(floats(part)),
            "C64" => Data::C64(pairs(part)),
            "I32" => Data::I32(ints(part)),
            "BOOL" => Data::Bool(part.iter().map(|&b| b != 0).collect()),
            other => panic!("unexpected dtype {other} of {name}"),
        };
        tensors.insert(name.clone(), Array { shape: sizes(&entry["shape"]), data });
    }
    tensors
}
