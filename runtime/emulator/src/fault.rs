//! What a kernel did wrong, and where.

use serde::Serialize;

/// The rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An access outside every allocation, or beyond shared, local or parameter memory.
    OutOfBounds,
    /// An access to an allocation that has been freed.
    UseAfterFree,
    /// An address that is no multiple of the access's size.
    Misaligned,
    /// A store to memory that kernels may only read.
    ReadOnly,
    /// A register that was never written is used.
    UnwrittenRegister,
    /// Memory that was never written is read.
    UnwrittenMemory,
    /// Two threads of a block access shared memory without a barrier between them, one of them writing.
    SharedRace,
    /// Two blocks access global memory without synchronisation, one of them writing.
    GlobalRace,
    /// A barrier that not all threads reach, or whose threads disagree about it.
    Barrier,
    /// A warp instruction that lanes named in its mask do not reach, or a read from a lane that takes no part.
    Convergence,
    /// Data of an asynchronous operation is touched before it was waited for.
    AsyncPending,
    /// An mbarrier is used as the ISA forbids.
    Mbarrier,
    /// A matrix descriptor or a tensor map that the ISA does not allow.
    Descriptor,
    /// The instruction budget is spent: probably an infinite loop.
    Budget,
    /// No thread can go on.
    Deadlock,
    /// The kernel executed `trap`.
    Trap,
    /// Something the ISA leaves undefined.
    Undefined,
}

/// A kernel's mistake: which, where, by whom. The launch stops at the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}", self.text())]
pub struct Fault {
    /// The rule that was broken.
    pub kind: FaultKind,
    /// Name of the kernel.
    pub kernel: String,
    /// Line in the module's text.
    pub line: u32,
    /// The instruction as written.
    pub instruction: String,
    /// Index of the block.
    pub block: [u32; 3],
    /// Index of the thread in its block; absent where a whole block is at fault.
    pub thread: Option<[u32; 3]>,
    /// The address accessed.
    pub address: Option<u64>,
    /// The allocation it belongs or is next to.
    pub allocation: Option<String>,
    /// What happened, with numbers.
    pub detail: String,
}

impl Fault {
    /// The fault as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}\n  kernel `{}`, PTX line {}: {}\n  block {}",
            self.detail,
            self.kernel,
            self.line,
            self.instruction,
            triple(self.block)
        );
        if let Some(thread) = self.thread {
            text.push_str(&format!(", thread {}", triple(thread)));
        }
        if let Some(address) = self.address {
            text.push_str(&format!(", address {address:#x}"));
        }
        if let Some(allocation) = &self.allocation {
            text.push_str(&format!(", {allocation}"));
        }
        text
    }
}

fn triple([x, y, z]: [u32; 3]) -> String {
    format!("({x}, {y}, {z})")
}

/// A fault before kernel, line and block are known; `lane` is the lane of the warp.
#[derive(Clone, Debug)]
pub(crate) struct Trouble(Box<TroubleParts>);

#[derive(Clone, Debug)]
pub(crate) struct TroubleParts {
    pub(crate) kind: FaultKind,
    pub(crate) detail: String,
    pub(crate) lane: Option<u32>,
    pub(crate) address: Option<u64>,
    pub(crate) allocation: Option<String>,
    /// The thread of the block, where the lane does not tell.
    pub(crate) thread: Option<u32>,
}

impl Trouble {
    pub(crate) fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(TroubleParts {
            kind,
            detail,
            lane: None,
            address: None,
            allocation: None,
            thread: None,
        }))
    }

    pub(crate) fn lane(mut self, lane: usize) -> Self {
        self.0.lane.get_or_insert(lane as u32);
        self
    }

    pub(crate) fn thread(mut self, thread: u32) -> Self {
        self.0.thread.get_or_insert(thread);
        self
    }

    pub(crate) fn address(mut self, address: u64) -> Self {
        self.0.address.get_or_insert(address);
        self
    }

    pub(crate) fn allocation(mut self, allocation: impl Into<String>) -> Self {
        self.0.allocation.get_or_insert_with(|| allocation.into());
        self
    }

    pub(crate) fn into_parts(self) -> TroubleParts {
        *self.0
    }
}
