//! The JSON header of a `.safetensors` file.

use super::Fault;
use crate::tensor::Tensor;
use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use tensc_ir::DType;

/// The format's own limit.
pub(super) const LIMIT: u64 = 100_000_000;

/// More axes than any array has.
const MAX_RANK: usize = 64;

/// An entry as the header has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dtype: FileDType,
    pub(super) shape: Vec<u64>,
    pub(super) offsets: (u64, u64),
}

/// The whole header.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) entries: IndexMap<String, Entry>,
    pub(super) metadata: IndexMap<String, String>,
}

/// The format's element types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileDType {
    F32,
    F16,
    Bf16,
    F64,
    C64,
    I32,
    U8,
    Bool,
    /// One that the language lacks: its name and its bits.
    Other(&'static str, usize),
}

const OTHERS: [(&str, usize); 15] = [
    ("I64", 64),
    ("I16", 16),
    ("I8", 8),
    ("U64", 64),
    ("U32", 32),
    ("U16", 16),
    ("F8_E4M3", 8),
    ("F8_E5M2", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F4", 4),
    ("C128", 128),
];

impl FileDType {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "F64" => Self::F64,
            "C64" => Self::C64,
            "I32" => Self::I32,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            _ => {
                let (name, bits) = OTHERS.into_iter().find(|(other, _)| *other == name)?;
                Self::Other(name, bits)
            }
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F64 => "F64",
            Self::C64 => "C64",
            Self::I32 => "I32",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
            Self::Other(name, _) => name,
        }
    }

    pub(super) fn bits(self) -> usize {
        match self {
            Self::F64 | Self::C64 => 64,
            Self::F32 | Self::I32 => 32,
            Self::F16 | Self::Bf16 => 16,
            Self::U8 | Self::Bool => 8,
            Self::Other(_, bits) => bits,
        }
    }
}

impl From<DType> for FileDType {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            DType::BF16 => Self::Bf16,
            DType::F64 => Self::F64,
            DType::C64 => Self::C64,
            DType::I32 => Self::I32,
            DType::U8 => Self::U8,
            DType::Bool => Self::Bool,
        }
    }
}

/// Reads a header; nothing but its own text is held in memory.
pub(super) fn parse(text: &[u8]) -> Result<Header, Fault> {
    if text.first() != Some(&b'{') {
        return Err(Fault::Json("it does not begin with `{`".to_owned()));
    }
    serde_json::from_slice(text).map_err(|error| Fault::Json(error.to_string()))
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of arrays by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut has_metadata = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if std::mem::replace(&mut has_metadata, true) {
                    return Err(A::Error::custom("`__metadata__` is there twice"));
                }
                header.metadata = map.next_value()?;
                continue;
            }
            let entry = map.next_value()?;
            if header.entries.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            header.entries.insert(name, entry);
        }
        Ok(header)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `dtype`, `shape` and `data_offsets`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let twice = match key.as_str() {
                "dtype" => dtype.replace(map.next_value::<FileDType>()?).is_some(),
                "shape" => shape.replace(map.next_value::<Shape>()?.0).is_some(),
                "data_offsets" => offsets.replace(map.next_value::<(u64, u64)>()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    return Err(A::Error::unknown_field(&key, &["dtype", "shape", "data_offsets"]));
                }
            };
            if twice {
                return Err(A::Error::custom(format_args!("`{key}` is there twice")));
            }
        }
        let missing = A::Error::missing_field;
        Ok(Entry {
            dtype: dtype.ok_or_else(|| missing("dtype"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
            offsets: offsets.ok_or_else(|| missing("data_offsets"))?,
        })
    }
}

impl<'de> Deserialize<'de> for FileDType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format_args!("`{name}` is no known dtype")))
    }
}

/// A shape; reading stops at an axis too many, before a long list takes memory.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;
        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut sizes = Vec::new();
                while let Some(size) = seq.next_element::<u64>()? {
                    if sizes.len() == MAX_RANK {
                        return Err(A::Error::custom("a shape has more than 64 axes"));
                    }
                    sizes.push(size);
                }
                Ok(Shape(sizes))
            }
        }
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

/// The header's text, padded with spaces so that the data begins at a multiple of 64.
pub(super) fn text(tensors: &IndexMap<String, Tensor>, metadata: &IndexMap<String, String>) -> Vec<u8> {
    let mut object = serde_json::Map::new();
    if !metadata.is_empty() {
        object.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let mut begin = 0;
    for (name, tensor) in tensors {
        let end = begin + tensor.bytes().len();
        let entry = serde_json::json!({
            "dtype": FileDType::from(tensor.dtype()).name(),
            "shape": tensor.shape(),
            "data_offsets": [begin, end],
        });
        object.insert(name.clone(), entry);
        begin = end;
    }
    let mut text = serde_json::Value::Object(object).to_string().into_bytes();
    text.resize((8 + text.len()).next_multiple_of(64) - 8, b' ');
    text
}
