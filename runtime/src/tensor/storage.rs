//! Bytes of an array: memory of our own, aligned for vector code, or a piece of a file that is mapped.
//!
//! Memory of our own starts at a multiple of [`ALIGNMENT`]. A mapped piece starts where the file has it; [`Storage::is_aligned`] tells whether
//! compiled code may read it in place.

#![expect(unsafe_code, reason = "allocates aligned memory, and maps files")]

use memmap2::MmapMut;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fs::File;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// Every array of our own starts at a multiple of this.
pub const ALIGNMENT: usize = 64;

/// What compiled code asks of the start of a buffer.
const CODE_ALIGNMENT: usize = 16;

/// There is not enough memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not enough memory for {what}: {} needed{}", bytes_text(*.bytes), available_text(*.available))]
pub struct OutOfMemory {
    /// For what.
    pub what: String,
    /// How much.
    pub bytes: u64,
    /// How much there is, where the machine says so.
    pub available: Option<u64>,
}

fn available_text(available: Option<u64>) -> String {
    available.map_or_else(String::new, |bytes| format!(", {} available", bytes_text(bytes)))
}

/// A number of bytes as people write it: `1.5 GB`.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "PB"),
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    UNITS.iter().find(|(unit, _)| bytes >= *unit).map_or_else(
        || format!("{bytes} B"),
        |(unit, name)| format!("{:.1} {name}", bytes as f64 / *unit as f64),
    )
}

/// From this size on memory comes in pages of its own: untouched ones cost nothing, and large ones (where the system has them) are found faster.
const PAGES: usize = 1 << 21;

/// Memory that is zero at first, aligned to [`ALIGNMENT`].
pub struct AlignedBytes {
    start: NonNull<u8>,
    len: usize,
    /// What owns the bytes, unless it is the allocator.
    pages: Option<MmapMut>,
}

// SAFETY: the memory is owned by this value alone, as a `Box<[u8]>` would own it.
unsafe impl Send for AlignedBytes {}
// SAFETY: a shared reference gives only shared access to the bytes.
unsafe impl Sync for AlignedBytes {}

impl AlignedBytes {
    /// Memory for `what`, all zero.
    ///
    /// # Errors
    /// When the machine has less.
    pub fn zeroed(len: usize, what: &str) -> Result<Self, OutOfMemory> {
        let failed = |available| OutOfMemory { what: what.to_owned(), bytes: len as u64, available };
        if len == 0 {
            return Ok(Self { start: NonNull::<Line>::dangling().cast(), len, pages: None });
        }
        let layout = Layout::from_size_align(len, ALIGNMENT).map_err(|_| failed(None))?;
        // The system promises memory that it does not have, and ends the process when it is touched: ask first.
        if len > 1 << 28
            && let Some(available) = available_memory()
            && len as u64 > available
        {
            return Err(failed(Some(available)));
        }
        if len >= PAGES {
            let mut pages = MmapMut::map_anon(len).map_err(|_| failed(available_memory()))?;
            // Advice only: without large pages all is the same but slower.
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage);
            let start = NonNull::new(pages.as_mut_ptr()).ok_or_else(|| failed(None))?;
            return Ok(Self { start, len, pages: Some(pages) });
        }
        // SAFETY: the layout's size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        NonNull::new(start)
            .map(|start| Self { start, len, pages: None })
            .ok_or_else(|| failed(available_memory()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` is valid for `len` initialised bytes (zeroed at allocation) for as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes, to be changed.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as `as_slice`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Where the bytes start; for compiled code, which writes through it.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[repr(align(64))]
struct Line;

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        if self.len > 0
            && self.pages.is_none()
            && let Ok(layout) = Layout::from_size_align(self.len, ALIGNMENT)
        {
            // SAFETY: `start` came from `alloc_zeroed` with this very layout.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

/// Memory that the system could hand out without pushing other programs out; `None` where it does not say.
#[must_use]
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Bytes that are read, never changed, and shared between clones.
#[derive(Clone)]
pub struct Storage {
    source: Source,
    range: Range<usize>,
}

#[derive(Clone)]
enum Source {
    Owned(Arc<AlignedBytes>),
    Mapped(Arc<memmap2::Mmap>),
}

impl Storage {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let whole = match &self.source {
            Source::Owned(bytes) => bytes.as_slice(),
            Source::Mapped(map) => map,
        };
        whole.get(self.range.clone()).unwrap_or(&[])
    }

    /// Some of these bytes; `None` where they are not all there.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        self.as_slice().get(range.clone())?;
        let range = self.range.start + range.start..self.range.start + range.end;
        Some(Self { source: self.source.clone(), range })
    }

    /// Whether compiled code may read the bytes where they are.
    #[must_use]
    pub fn is_aligned(&self) -> bool {
        self.as_slice().as_ptr().addr().is_multiple_of(CODE_ALIGNMENT)
    }

    /// A copy of these bytes in memory of our own.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn copy_of(bytes: &[u8], what: &str) -> Result<Self, OutOfMemory> {
        let mut own = AlignedBytes::zeroed(bytes.len(), what)?;
        own.as_mut_slice().copy_from_slice(bytes);
        Ok(own.into())
    }
}

impl From<AlignedBytes> for Storage {
    fn from(bytes: AlignedBytes) -> Self {
        let range = 0..bytes.len();
        Self { source: Source::Owned(Arc::new(bytes)), range }
    }
}

/// The whole of a file: mapped where it is a regular file, else read (a pipe).
///
/// # Errors
/// What the system says.
pub fn map_file(file: &mut File) -> std::io::Result<Storage> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() > 0 {
        // SAFETY: the map is only read. That another program cuts the file short while we read it cannot be ruled out from here; every
        // reader of mapped files accepts this, and files that tensc writes are replaced whole, never changed in place.
        let map = unsafe { memmap2::Mmap::map(&*file)? };
        let range = 0..map.len();
        return Ok(Storage { source: Source::Mapped(Arc::new(map)), range });
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(file, &mut bytes)?;
    Storage::copy_of(&bytes, "an input").map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_our_own_is_aligned_and_zero() {
        for len in [0, 1, 63, 64, 65, 4097] {
            let bytes = AlignedBytes::zeroed(len, "a test").unwrap();
            assert_eq!(bytes.as_ptr().addr() % ALIGNMENT, 0);
            assert_eq!(bytes.as_slice(), vec![0; len]);
        }
    }

    #[test]
    fn memory_that_no_machine_has_is_an_error() {
        let error = AlignedBytes::zeroed(1 << 50, "the activations").err().unwrap();
        assert!(error.to_string().starts_with("not enough memory for the activations: 1.1 PB needed"));
        assert!(AlignedBytes::zeroed(usize::MAX, "all").is_err());
    }

    #[test]
    fn numbers_of_bytes_read_well() {
        assert_eq!(bytes_text(17), "17 B");
        assert_eq!(bytes_text(1_536), "1.5 kB");
        assert_eq!(bytes_text(2_000_000_000), "2.0 GB");
    }
}
