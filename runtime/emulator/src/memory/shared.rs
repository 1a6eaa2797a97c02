//! Shared memory of one block: bytes, and who accessed each last at which clock.
//!
//! An access races with an earlier one by another thread that did not happen before it, if one of both writes, unless
//! both are strong (atomic or volatile) or the write leaves the same value. History is kept for words of four bytes;
//! a word that is accessed in parts keeps it for each byte until it is written as a whole again.

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
/// Several threads of one warp.
const SEVERAL: u16 = u16::MAX - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    thread: u16,
    member: u16,
    clock: u32,
    strong: bool,
}

impl Mark {
    const fn of(actor: &Actor<'_>) -> Self {
        Self { thread: actor.thread, member: actor.member, clock: actor.now, strong: actor.strong }
    }

    /// Whether the access with this mark may run at the same time as `actor`'s.
    fn races(&self, actor: &Actor<'_>) -> bool {
        let same_thread = self.thread == actor.thread && self.thread != ASYNC_THREAD;
        let before = same_thread || self.clock <= actor.known.get(self.member as usize);
        let both_strong = self.strong && actor.strong;
        !(before || both_strong)
    }

    /// The mark of this member's latest reads once `actor`, of the same member, reads too.
    const fn and(self, actor: &Actor<'_>) -> Self {
        if self.clock != actor.now {
            // The warp has synchronised since: whoever is after its new reads is after the old ones.
            return Self::of(actor);
        }
        let thread = if self.thread == actor.thread { self.thread } else { SEVERAL };
        Self { thread, strong: self.strong && actor.strong, ..self }
    }

    fn name(&self) -> String {
        match self.thread {
            ASYNC_THREAD => "an asynchronous copy".into(),
            SEVERAL => format!("threads of warp {}", self.member),
            thread => format!("thread {thread}"),
        }
    }
}

/// The history of a word or a byte.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    writer: Option<Mark>,
    reader: Option<Mark>,
    /// Place of the readers of other warps in the pool, plus one.
    others: u32,
    written: bool,
}

/// Readers since the last write, one mark a warp.
#[derive(Debug, Default)]
struct Readers {
    pool: Vec<Vec<Mark>>,
    free: Vec<u32>,
}

impl Readers {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.pool.push(Vec::new());
            self.pool.len() as u32
        })
    }

    fn list(&self, place: u32) -> &[Mark] {
        let index = (place as usize).checked_sub(1);
        index.and_then(|index| self.pool.get(index)).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, place: u32, actor: &Actor<'_>) {
        let index = (place as usize).wrapping_sub(1);
        let Some(list) = self.pool.get_mut(index) else { return };
        match list.iter_mut().find(|mark| mark.member == actor.member) {
            Some(mark) => *mark = mark.and(actor),
            None => list.push(Mark::of(actor)),
        }
    }

    fn release(&mut self, place: u32) {
        if place != 0 {
            if let Some(list) = self.pool.get_mut(place as usize - 1) {
                list.clear();
            }
            self.free.push(place);
        }
    }

    /// The same readers in a list of its own.
    fn duplicate(&mut self, place: u32) -> u32 {
        if place == 0 {
            return 0;
        }
        let marks = self.list(place).to_vec();
        let copy = self.take();
        if let Some(list) = self.pool.get_mut(copy as usize - 1) {
            *list = marks;
        }
        copy
    }
}

impl Cell {
    fn read(&mut self, readers: &mut Readers, actor: &Actor<'_>) -> Result<(), Wrong> {
        if !self.written {
            return Err(Wrong::Unwritten);
        }
        if let Some(writer) = self.writer.filter(|writer| writer.races(actor)) {
            return Err(Wrong::Race { what: "read races with the write by", mark: writer });
        }
        match &mut self.reader {
            None => self.reader = Some(Mark::of(actor)),
            Some(reader) if reader.member == actor.member => *reader = reader.and(actor),
            Some(_) => {
                if self.others == 0 {
                    self.others = readers.take();
                }
                readers.add(self.others, actor);
            }
        }
        Ok(())
    }

    fn write(&mut self, readers: &mut Readers, actor: &Actor<'_>, same_value: bool) -> Result<(), Wrong> {
        if let Some(writer) = self.writer.filter(|writer| writer.races(actor))
            && !same_value
        {
            return Err(Wrong::Race { what: "write races with the write by", mark: writer });
        }
        let racing = self.reader.iter().chain(readers.list(self.others)).find(|reader| reader.races(actor));
        if let Some(mark) = racing {
            return Err(Wrong::Race { what: "write races with the read by", mark: *mark });
        }
        readers.release(self.others);
        *self = Self { writer: Some(Mark::of(actor)), reader: None, others: 0, written: true };
        Ok(())
    }
}

/// What is wrong with an access to a cell.
enum Wrong {
    Unwritten,
    Race { what: &'static str, mark: Mark },
}

impl Wrong {
    fn trouble(self, offset: usize) -> Trouble {
        let (kind, detail) = match self {
            Self::Unwritten => {
                (FaultKind::UnwrittenMemory, "read of shared memory that nothing wrote".to_owned())
            }
            Self::Race { what, mark } => {
                (FaultKind::SharedRace, format!("{what} {}: no barrier between them", mark.name()))
            }
        };
        trouble(kind, detail, offset as u64)
    }
}

pub(crate) struct SharedMemory {
    data: Vec<u8>,
    words: Vec<Cell>,
    /// Words whose history is in `bytes`.
    split: Vec<bool>,
    /// Empty until a word is split.
    bytes: Vec<Cell>,
    /// Asynchronous copies that will write to a byte; empty until there is one.
    pending: Vec<u16>,
    readers: Readers,
}

impl SharedMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        let words = bytes.div_ceil(4);
        Self {
            data: vec![0; bytes],
            words: vec![Cell::default(); words],
            split: vec![false; words],
            bytes: Vec::new(),
            pending: Vec::new(),
            readers: Readers::default(),
        }
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

    pub(crate) fn read(&mut self, offset: u64, out: &mut [u8], actor: &Actor<'_>) -> Result<(), Trouble> {
        let range = self.range(offset, out.len() as u64)?;
        self.check_pending(&range, "read")?;
        for (word, part) in words(&range) {
            if part.len() == 4 && self.split.get(word) != Some(&true) {
                if let Some(cell) = self.words.get_mut(word) {
                    cell.read(&mut self.readers, actor).map_err(|wrong| wrong.trouble(word * 4))?;
                }
                continue;
            }
            self.split(word);
            for index in part {
                if let Some(cell) = self.bytes.get_mut(index) {
                    cell.read(&mut self.readers, actor).map_err(|wrong| wrong.trouble(index))?;
                }
            }
        }
        out.copy_from_slice(self.data.get(range).unwrap_or_default());
        Ok(())
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8], actor: &Actor<'_>) -> Result<(), Trouble> {
        let range = self.range(offset, bytes.len() as u64)?;
        self.check_pending(&range, "written")?;
        for (word, part) in words(&range) {
            let new = |index: usize| bytes.get(index - range.start);
            if part.len() == 4 {
                let same = part.clone().all(|index| self.data.get(index) == new(index));
                if self.split.get(word) == Some(&true) {
                    // Every byte's history is checked, and from here on they share one.
                    for index in part {
                        if let Some(cell) = self.bytes.get_mut(index) {
                            cell.write(&mut self.readers, actor, same)
                                .map_err(|wrong| wrong.trouble(index))?;
                        }
                    }
                    if let (Some(split), Some(cell)) = (self.split.get_mut(word), self.words.get_mut(word)) {
                        *split = false;
                        *cell =
                            Cell { writer: Some(Mark::of(actor)), reader: None, others: 0, written: true };
                    }
                } else if let Some(cell) = self.words.get_mut(word) {
                    cell.write(&mut self.readers, actor, same).map_err(|wrong| wrong.trouble(word * 4))?;
                }
                continue;
            }
            self.split(word);
            for index in part {
                let same = self.data.get(index) == new(index);
                if let Some(cell) = self.bytes.get_mut(index) {
                    cell.write(&mut self.readers, actor, same).map_err(|wrong| wrong.trouble(index))?;
                }
            }
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
        if self.pending.is_empty() {
            self.pending = vec![0; self.data.len()];
        }
        for count in self.pending.get_mut(range).unwrap_or_default() {
            *count = if pending { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
        Ok(())
    }

    fn check_pending(&self, range: &std::ops::Range<usize>, what: &str) -> Result<(), Trouble> {
        let Some(counts) = self.pending.get(range.clone()) else { return Ok(()) };
        match counts.iter().position(|count| *count > 0) {
            None => Ok(()),
            Some(index) => {
                let detail = format!("{what} before the asynchronous copy was waited for");
                Err(trouble(FaultKind::AsyncPending, detail, (range.start + index) as u64))
            }
        }
    }

    /// Makes these bytes "never written", as a new mbarrier's are to ordinary accesses.
    pub(crate) fn forget(&mut self, offset: u64, width: u64) -> Result<(), Trouble> {
        let range = self.range(offset, width)?;
        for (word, part) in words(&range) {
            self.split(word);
            self.bytes.get_mut(part).unwrap_or_default().fill(Cell::default());
        }
        Ok(())
    }

    /// Gives each byte of the word a history of its own.
    fn split(&mut self, word: usize) {
        if self.split.get(word) != Some(&false) {
            return;
        }
        if self.bytes.is_empty() {
            self.bytes = vec![Cell::default(); self.data.len()];
        }
        let whole = self.words.get(word).copied().unwrap_or_default();
        for index in word * 4..word * 4 + 4 {
            let others = self.readers.duplicate(whole.others);
            if let Some(cell) = self.bytes.get_mut(index) {
                *cell = Cell { others, ..whole };
            }
        }
        self.readers.release(whole.others);
        if let Some(split) = self.split.get_mut(word) {
            *split = true;
        }
    }
}

/// The words that a range of bytes touches, each with the bytes of it in the range.
fn words(range: &std::ops::Range<usize>) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + use<> {
    let (start, end) = (range.start, range.end);
    (start / 4..end.div_ceil(4)).map(move |word| (word, start.max(word * 4)..end.min(word * 4 + 4)))
}

fn trouble(kind: FaultKind, detail: impl Into<String>, offset: u64) -> Trouble {
    Trouble::new(kind, detail).address(offset).allocation("shared memory")
}
