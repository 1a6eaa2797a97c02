//! Shared memory of one block: bytes, and who accessed each last at which clock.
//!
//! An access races with an earlier one by another thread that did not happen before it, if one of both
//! writes, unless both are strong (atomic or volatile) or the write leaves the same value.

use std::collections::HashMap;

use super::clock::Clock;
use crate::fault::{FaultKind, Trouble};

/// Who accesses, and what it knows of the others.
pub(crate) struct Actor<'a> {
    pub(crate) thread: u16,
    /// The warp, or the member for asynchronous copies.
    pub(crate) member: u16,
    pub(crate) now: u32,
    pub(crate) known: &'a Clock,
    pub(crate) strong: bool,
}

/// Thread number of asynchronous copies.
pub(crate) const ASYNC_THREAD: u16 = u16::MAX;

#[derive(Clone, Copy, Debug)]
struct Mark {
    thread: u16,
    member: u16,
    clock: u32,
    strong: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Byte {
    writer: Option<Mark>,
    reader: Option<Mark>,
    /// More readers since the last write are in the table.
    more_readers: bool,
    /// Asynchronous copies that will write here.
    pending: u16,
    written: bool,
}

pub(crate) struct SharedMemory {
    data: Vec<u8>,
    bytes: Vec<Byte>,
    readers: HashMap<u32, Vec<Mark>>,
}

impl Mark {
    const fn of(actor: &Actor<'_>) -> Self {
        Self { thread: actor.thread, member: actor.member, clock: actor.now, strong: actor.strong }
    }

    /// Whether the access with this mark may run at the same time as `actor`'s.
    fn races(&self, actor: &Actor<'_>) -> bool {
        let before = self.thread == actor.thread && self.thread != ASYNC_THREAD
            || self.clock <= actor.known.get(self.member as usize);
        let both_strong = self.strong && actor.strong;
        !(before || both_strong)
    }

    fn name(&self) -> String {
        if self.thread == ASYNC_THREAD {
            "an asynchronous copy".into()
        } else {
            format!("thread {}", self.thread)
        }
    }
}

impl SharedMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { data: vec![0; bytes], bytes: vec![Byte::default(); bytes], readers: HashMap::new() }
    }

    pub(crate) fn size(&self) -> u64 {
        self.data.len() as u64
    }

    fn range(&self, offset: u64, width: u64) -> Result<std::ops::Range<usize>, Trouble> {
        if offset.checked_add(width).is_none_or(|end| end > self.size()) {
            let detail =
                format!("access of {width} bytes at {offset} of {} bytes of shared memory", self.size());
            return Err(trouble(FaultKind::OutOfBounds, detail, offset));
        }
        Ok(offset as usize..(offset + width) as usize)
    }

    /// Reads up to 16 bytes into `out`.
    pub(crate) fn read(&mut self, offset: u64, out: &mut [u8], actor: &Actor<'_>) -> Result<(), Trouble> {
        let range = self.range(offset, out.len() as u64)?;
        for index in range.clone() {
            self.note_read(index, actor)?;
        }
        out.copy_from_slice(self.data.get(range).unwrap_or_default());
        Ok(())
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8], actor: &Actor<'_>) -> Result<(), Trouble> {
        let range = self.range(offset, bytes.len() as u64)?;
        for (index, value) in range.clone().zip(bytes) {
            self.note_write(index, *value, actor)?;
        }
        if let Some(data) = self.data.get_mut(range) {
            data.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// The element of up to 8 bytes as a number.
    pub(crate) fn load(&mut self, offset: u64, width: u32, actor: &Actor<'_>) -> Result<u64, Trouble> {
        let mut bytes = [0; 8];
        self.read(offset, bytes.get_mut(..width as usize).unwrap_or_default(), actor)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn store(
        &mut self,
        offset: u64,
        width: u32,
        value: u64,
        actor: &Actor<'_>,
    ) -> Result<(), Trouble> {
        self.write(offset, value.to_le_bytes().get(..width as usize).unwrap_or_default(), actor)
    }

    /// Announces asynchronous writes to these bytes, or takes the announcement back.
    pub(crate) fn set_pending(&mut self, offset: u64, width: u64, pending: bool) -> Result<(), Trouble> {
        let range = self.range(offset, width)?;
        for byte in self.bytes.get_mut(range).unwrap_or_default() {
            byte.pending = if pending { byte.pending + 1 } else { byte.pending.saturating_sub(1) };
        }
        Ok(())
    }

    /// Makes these bytes "never written", as a new mbarrier's are to ordinary accesses.
    pub(crate) fn forget(&mut self, offset: u64, width: u64) -> Result<(), Trouble> {
        let range = self.range(offset, width)?;
        self.bytes.get_mut(range).unwrap_or_default().fill(Byte::default());
        Ok(())
    }

    fn note_read(&mut self, index: usize, actor: &Actor<'_>) -> Result<(), Trouble> {
        let Some(byte) = self.bytes.get_mut(index) else { return Ok(()) };
        if byte.pending > 0 {
            return Err(trouble(
                FaultKind::AsyncPending,
                "read before the asynchronous copy was waited for",
                index as u64,
            ));
        }
        if !byte.written {
            return Err(trouble(
                FaultKind::UnwrittenMemory,
                "read of shared memory that nothing wrote",
                index as u64,
            ));
        }
        if let Some(writer) = byte.writer.filter(|writer| writer.races(actor)) {
            let detail = format!("read races with the write by {}: no barrier between them", writer.name());
            return Err(trouble(FaultKind::SharedRace, detail, index as u64));
        }
        match byte.reader {
            // A reader that happened before this one need not be remembered: whoever is after this is after both.
            Some(reader) if reader.thread != actor.thread && (reader.races(actor) || actor.strong) => {
                byte.more_readers = true;
                let readers = self.readers.entry(index as u32).or_default();
                readers.retain(|mark| mark.thread != actor.thread && (mark.races(actor) || mark.strong));
                readers.push(Mark::of(actor));
            }
            Some(_) | None => byte.reader = Some(Mark::of(actor)),
        }
        Ok(())
    }

    fn note_write(&mut self, index: usize, value: u8, actor: &Actor<'_>) -> Result<(), Trouble> {
        let Some(byte) = self.bytes.get_mut(index) else { return Ok(()) };
        if byte.pending > 0 {
            return Err(trouble(
                FaultKind::AsyncPending,
                "written before the asynchronous copy was waited for",
                index as u64,
            ));
        }
        if let Some(writer) = byte.writer.filter(|writer| writer.races(actor))
            && self.data.get(index) != Some(&value)
        {
            let detail = format!("write races with the write by {}: no barrier between them", writer.name());
            return Err(trouble(FaultKind::SharedRace, detail, index as u64));
        }
        let more = if byte.more_readers { self.readers.remove(&(index as u32)) } else { None };
        let racing = byte.reader.iter().chain(more.iter().flatten()).find(|reader| reader.races(actor));
        if let Some(reader) = racing {
            let detail = format!("write races with the read by {}: no barrier between them", reader.name());
            return Err(trouble(FaultKind::SharedRace, detail, index as u64));
        }
        *byte = Byte {
            writer: Some(Mark::of(actor)),
            reader: None,
            more_readers: false,
            pending: 0,
            written: true,
        };
        Ok(())
    }
}

fn trouble(kind: FaultKind, detail: impl Into<String>, offset: u64) -> Trouble {
    Trouble::new(kind, detail).address(offset).allocation("shared memory")
}
