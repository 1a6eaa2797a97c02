//! `.tenb`: a compiled program in a file.
//!
//! ```text
//! offset  bytes
//!      0      8   "\x89TENB\r\n\n"
//!      8      4   format version, little-endian
//!     12      4   n: length of the compiler's version
//!     16      n   the compiler's version
//!   16+n     32   SHA-256 of everything that follows
//!   48+n      8   m: length of the manifest
//!   56+n      m   the manifest, JSON: what is inside, and the sections' names and lengths in order
//!             ..  the sections, each beginning at a multiple of 64
//! ```
//!
//! Other format versions are refused by name; nothing is trusted before the hash agrees.

use super::write::{WriteError, write};
use super::{ReadError, read};
use crate::cancel::Cancel;
use crate::tensor::Storage;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"\x89TENB\r\n\n";

/// The version of the format that this program reads and writes.
pub const FORMAT: u32 = 1;

const ALIGNMENT: usize = 64;

/// Why a bundle is not usable.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not a bundle, or a damaged one.
    #[error("`{}` is not a usable bundle: {fault}", .path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Other first bytes.
    #[error("it does not begin as a bundle does")]
    Magic,
    /// Another format version.
    #[error("its format version is {found} (made by tensc {compiler}), and this is tensc {here}, which reads version {FORMAT}", here = env!("CARGO_PKG_VERSION"))]
    Version {
        /// Its version.
        found: u32,
        /// The compiler that made it.
        compiler: String,
    },
    /// The file ends too early.
    #[error("it is cut short")]
    Cut,
    /// The hash does not agree.
    #[error("its contents do not agree with its hash; it was changed or damaged")]
    Hash,
    /// The manifest is not what this version writes.
    #[error("its manifest cannot be read: {0}")]
    Manifest(String),
}

#[derive(Serialize, Deserialize)]
struct Outer {
    manifest: serde_json::Value,
    sections: IndexMap<String, u64>,
}

/// The contents of a bundle.
#[derive(Clone, Default)]
pub struct Bundle {
    /// Version of the compiler that made it.
    pub compiler: String,
    /// What is inside, for whoever wrote it.
    pub manifest: serde_json::Value,
    /// Texts and weights by name.
    pub sections: IndexMap<String, Storage>,
}

impl Bundle {
    /// The text of a section.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.sections.get(name)?.as_slice()).ok()
    }
}

/// Writes a bundle.
///
/// # Errors
/// As [`write()`].
pub fn save(
    path: &Path,
    manifest: serde_json::Value,
    sections: &IndexMap<String, Vec<u8>>,
    cancel: &Cancel,
) -> Result<(), WriteError> {
    let bytes = to_bytes(manifest, sections);
    write(path, cancel, |to| to.write_all(&bytes))
}

fn to_bytes(manifest: serde_json::Value, sections: &IndexMap<String, Vec<u8>>) -> Vec<u8> {
    let compiler = env!("CARGO_PKG_VERSION");
    let lengths = sections.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
    let outer = serde_json::json!(Outer { manifest, sections: lengths }).to_string();
    let start = 16 + compiler.len() + 32;
    let mut body = (outer.len() as u64).to_le_bytes().to_vec();
    body.extend(outer.bytes());
    for bytes in sections.values() {
        body.resize((start + body.len()).next_multiple_of(ALIGNMENT) - start, 0);
        body.extend(bytes);
    }
    let mut file = MAGIC.to_vec();
    file.extend(FORMAT.to_le_bytes());
    file.extend(u32::try_from(compiler.len()).unwrap_or(0).to_le_bytes());
    file.extend(compiler.bytes());
    file.extend(Sha256::digest(&body));
    file.extend(body);
    file
}

/// Whether the file begins as a bundle does.
#[must_use]
pub fn is_bundle(path: &Path) -> bool {
    let mut first = [0; 8];
    let read =
        std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut first));
    read.is_ok() && first == *MAGIC
}

/// Reads a bundle.
///
/// # Errors
/// When the file is not there, no bundle, of another format version, cut short or damaged.
pub fn load(path: &Path) -> Result<Bundle, BundleError> {
    let file = read(path)?;
    parse(&file).map_err(|fault| BundleError::Malformed { path: path.to_owned(), fault })
}

fn parse(file: &Storage) -> Result<Bundle, Fault> {
    let bytes = file.as_slice();
    let rest = bytes.strip_prefix(MAGIC).ok_or(Fault::Magic)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(Fault::Cut)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(Fault::Cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Fault::Cut)?;
    let (compiler, rest) = rest.split_at_checked(length).ok_or(Fault::Cut)?;
    let compiler = String::from_utf8_lossy(compiler.get(..64).unwrap_or(compiler)).into_owned();
    let found = u32::from_le_bytes(*version);
    if found != FORMAT {
        return Err(Fault::Version { found, compiler });
    }
    let (hash, body) = rest.split_first_chunk::<32>().ok_or(Fault::Cut)?;
    if Sha256::digest(body).as_slice() != hash {
        return Err(Fault::Hash);
    }
    let (length, rest) = body.split_first_chunk::<8>().ok_or(Fault::Cut)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| Fault::Cut)?;
    let outer = rest.get(..length).ok_or(Fault::Cut)?;
    let outer: Outer = serde_json::from_slice(outer).map_err(|error| Fault::Manifest(error.to_string()))?;
    let mut place = bytes.len() - rest.len() + length;
    let mut sections = IndexMap::new();
    for (name, length) in outer.sections {
        let start = place.checked_next_multiple_of(ALIGNMENT).ok_or(Fault::Cut)?;
        place = usize::try_from(length).ok().and_then(|n| start.checked_add(n)).ok_or(Fault::Cut)?;
        sections.insert(name, file.part(start..place).ok_or(Fault::Cut)?);
    }
    Ok(Bundle { compiler, manifest: outer.manifest, sections })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let sections = IndexMap::from([
            ("program".to_owned(), b"kernel k0".to_vec()),
            ("empty".to_owned(), Vec::new()),
            ("weights".to_owned(), vec![7; 100]),
        ]);
        to_bytes(serde_json::json!({ "model": "ten" }), &sections)
    }

    fn of(bytes: &[u8]) -> Result<Bundle, Fault> {
        parse(&Storage::copy_of(bytes, "a test").unwrap())
    }

    #[test]
    fn what_is_written_is_read() {
        let bundle = of(&example()).unwrap();
        assert_eq!(bundle.compiler, env!("CARGO_PKG_VERSION"));
        assert_eq!(bundle.manifest["model"], "ten");
        assert_eq!(bundle.text("program"), Some("kernel k0"));
        assert_eq!(bundle.text("empty"), Some(""));
        assert_eq!(bundle.sections["weights"].as_slice(), [7; 100]);
        assert_eq!(bundle.sections["weights"].as_slice().as_ptr().addr() % 16, 0);
    }

    #[test]
    fn no_changed_byte_goes_unnoticed() {
        let good = example();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            // The compiler's own version is only told, not relied on.
            let tells = (16..16 + env!("CARGO_PKG_VERSION").len()).contains(&at);
            assert_eq!(of(&bytes).is_ok(), tells, "byte {at}");
        }
        for cut in 0..good.len() {
            assert!(of(&good[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn other_versions_are_refused_by_name() {
        let mut bytes = example();
        bytes[8] = 9;
        let message = of(&bytes).err().unwrap().to_string();
        assert!(message.starts_with("its format version is 9 (made by tensc "), "{message}");
    }
}
