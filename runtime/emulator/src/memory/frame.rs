//! Memory of single threads: `.local` variables and the parameters of calls.

use crate::fault::{FaultKind, Trouble};

/// The frames of a block's threads, and which of their bytes were ever written.
pub(crate) struct Frames {
    bytes: u64,
    data: Vec<u8>,
    written: Vec<bool>,
}

impl Frames {
    pub(crate) fn new(threads: usize, bytes: u64) -> Self {
        let total = threads * bytes as usize;
        Self { bytes, data: vec![0; total], written: vec![false; total] }
    }

    fn range(&self, thread: u32, offset: u64, width: u64) -> Result<std::ops::Range<usize>, Trouble> {
        if offset.checked_add(width).is_none_or(|end| end > self.bytes) {
            let detail =
                format!("access of {width} bytes at {offset} of {} bytes of local memory", self.bytes);
            return Err(Trouble::new(FaultKind::OutOfBounds, detail)
                .address(offset)
                .allocation("local memory"));
        }
        let start = (u64::from(thread) * self.bytes + offset) as usize;
        Ok(start..start + width as usize)
    }

    /// The value, and whether all its bytes were written: compilers copy padding through local memory.
    pub(crate) fn load(&self, thread: u32, offset: u64, width: u32) -> Result<(u64, bool), Trouble> {
        let range = self.range(thread, offset, u64::from(width))?;
        let bytes = self.data.get(range.clone()).unwrap_or_default();
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Ok((value, self.written.get(range).unwrap_or_default().iter().all(|written| *written)))
    }

    pub(crate) fn store(&mut self, thread: u32, offset: u64, width: u32, value: u64) -> Result<(), Trouble> {
        let range = self.range(thread, offset, u64::from(width))?;
        let bytes = value.to_le_bytes();
        if let (Some(data), Some(written)) = (self.data.get_mut(range.clone()), self.written.get_mut(range)) {
            data.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            written.fill(true);
        }
        Ok(())
    }

    /// Copies between places of one frame, "never written" included.
    pub(crate) fn transfer(&mut self, thread: u32, from: u64, to: u64, bytes: u64) -> Result<(), Trouble> {
        let (from, to) = (self.range(thread, from, bytes)?, self.range(thread, to, bytes)?);
        self.data.copy_within(from.clone(), to.start);
        self.written.copy_within(from, to.start);
        Ok(())
    }
}
