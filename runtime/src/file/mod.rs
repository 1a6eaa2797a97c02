//! Files: `.npy`, `.safetensors`, bundles, and how they are written without ever leaving half of one.

pub mod bundle; // a compiled program
pub mod npy; // one array
pub mod safetensors; // arrays by name
pub mod write; // whole or not at all

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {}", .path.display(), reason(.source))]
pub struct ReadError {
    /// Which file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// What the system says about a file, in the words of this program.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::FileTooLarge => "the file would be larger than this system allows".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => {
            // `(os error 5)` helps nobody.
            let text = error.to_string();
            let end = text.find(" (os error").unwrap_or(text.len());
            text.get(..end).unwrap_or(&text).to_lowercase()
        }
    }
}

/// The bytes of a file, mapped where it is a regular one.
///
/// # Errors
/// When the file is not there or cannot be read.
pub fn read(path: &Path) -> Result<crate::tensor::Storage, ReadError> {
    let failed = |source| ReadError { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
    }
    crate::tensor::map_file(&mut file).map_err(failed)
}
