//! Decoded kernels: what a warp executes.
//!
//! Text is looked up once, here names are numbers. An instruction works on whole warps: a [`Kernel`] maps the 32
//! lanes of its operands to the 32 lanes of its result. A register holds its value zero-extended to 64 bits.

use crate::isa::Entry;
use crate::syntax::ast::{Space, Type};

/// One register of all lanes of a warp.
pub(crate) type Lanes = [u64; 32];

/// Computes the lanes in `mask`; what it leaves in others is ignored.
pub(crate) type Kernel = Box<dyn Fn(&[&Lanes; 4], u32, &mut Lanes) + Send + Sync>;

/// New memory value, from the old one and up to two operands.
pub(crate) type Update = Box<dyn Fn(u64, u64, u64) -> u64 + Send + Sync>;

/// Combines two values; associative.
pub(crate) type Combine = fn(u64, u64) -> u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RegisterId(pub(crate) u32);

/// Predefined read-only registers (ISA section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    ThreadIndex(usize),
    BlockSize(usize),
    BlockIndex(usize),
    GridSize(usize),
    LaneIndex,
    WarpIndex,
    WarpCount,
    MaskEqual,
    MaskLess,
    MaskLessEqual,
    MaskGreater,
    MaskGreaterEqual,
    Clock { high: bool, bits: u32 },
    DynamicShared,
    TotalShared,
    Zero(u32),
    One(u32),
}

/// Where an operand's lanes come from.
pub(crate) enum Source {
    Register(RegisterId),
    /// A predicate behind `!`.
    Not(RegisterId),
    Value(Box<Lanes>),
    Special(Special),
}

/// An address: a register of all lanes or a place known at decoding, plus an offset.
pub(crate) struct Address {
    pub(crate) base: Option<RegisterId>,
    pub(crate) offset: i64,
}

pub(crate) struct Output {
    pub(crate) register: RegisterId,
    pub(crate) kernel: Kernel,
}

/// A computation without side effects.
pub(crate) struct Map {
    pub(crate) inputs: Vec<Source>,
    pub(crate) outputs: Vec<Output>,
    /// Moves carry "never written" along instead of faulting: compilers copy undefined values that nobody uses.
    pub(crate) moves: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// An ordinary access.
    Weak,
    /// `.volatile`, `.relaxed`: may meet other strong accesses.
    Relaxed,
    /// `.acquire`, `.release`, `.acq_rel`: orders what is around it.
    Ordered,
}

/// A vector of `count` elements of `width` bytes.
pub(crate) struct Access {
    pub(crate) space: Space,
    pub(crate) address: Address,
    pub(crate) width: u32,
    pub(crate) count: u32,
    pub(crate) strength: Strength,
}

pub(crate) enum Memory {
    /// Sign-extends from the element's width where `signed`, to the register's width.
    Load {
        access: Access,
        outputs: Vec<Option<RegisterId>>,
        signed: bool,
        bits: u32,
    },
    Store {
        access: Access,
        inputs: Vec<Source>,
    },
    Atomic {
        access: Access,
        update: Update,
        inputs: Vec<Source>,
        output: Option<RegisterId>,
    },
    Prefetch {
        access: Access,
    },
    /// `ldmatrix`: `count` 8x8 matrices of b16.
    LoadMatrix {
        address: Address,
        space: Space,
        count: u32,
        transposed: bool,
        outputs: Vec<RegisterId>,
    },
    StoreMatrix {
        address: Address,
        space: Space,
        count: u32,
        transposed: bool,
        inputs: Vec<Source>,
    },
}

/// Asynchronous copies of ISA 9.7.9.25, and what waits for them.
pub(crate) enum Async {
    Copy {
        to: Address,
        from: Address,
        bytes: u32,
        source_bytes: Option<Source>,
        ignore: Option<Source>,
    },
    Commit,
    /// Until at most this many groups of the thread are pending.
    Wait(u32),
    WaitAll,
    /// `cp.async.mbarrier.arrive`.
    Arrive {
        barrier: Address,
        increments: bool,
    },
    /// `cp.async.bulk` between shared and global memory.
    Bulk {
        to: Address,
        from: Address,
        bytes: Source,
        direction: Direction,
    },
    /// `cp.async.bulk.tensor`, tiled mode.
    Tensor {
        shared: Address,
        map: Address,
        coordinates: Vec<Source>,
        direction: Direction,
    },
    BulkCommit,
    BulkWait {
        pending: u32,
    },
}

/// Where a bulk copy goes and how it tells that it is done.
pub(crate) enum Direction {
    ToShared { barrier: Address },
    ToGlobal,
}

/// Operations on mbarrier objects (ISA 9.7.13.15).
pub(crate) enum Mbarrier {
    Init {
        at: Address,
        count: Source,
    },
    Invalidate {
        at: Address,
    },
    ExpectTransactions {
        at: Address,
        bytes: Source,
    },
    CompleteTransactions {
        at: Address,
        bytes: Source,
    },
    Arrive {
        at: Address,
        count: Source,
        expect: Option<Source>,
        drop: bool,
        state: Option<RegisterId>,
    },
    /// `test_wait` and `try_wait`: whether the phase named by a state or a parity is over.
    Test {
        at: Address,
        phase: Source,
        parity: bool,
        done: RegisterId,
    },
    PendingCount {
        state: Source,
        output: RegisterId,
    },
}

/// Warpgroup matrix products (ISA 9.7.15).
pub(crate) enum Wgmma {
    Fence,
    Commit,
    Wait(u32),
    Product(Box<WgmmaProduct>),
}

pub(crate) struct WgmmaProduct {
    pub(crate) n: u32,
    pub(crate) format: Element,
    pub(crate) accumulator: Element,
    pub(crate) a: WgmmaLeft,
    pub(crate) b: Source,
    pub(crate) d: Vec<RegisterId>,
    pub(crate) scale_d: Source,
    pub(crate) negate: [bool; 2],
    pub(crate) transposed: [bool; 2],
}

pub(crate) enum WgmmaLeft {
    Descriptor(Source),
    Registers(Vec<Source>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F16,
    Bf16,
    Tf32,
    F32,
    F64,
    S8,
    U8,
    S32,
}

/// `mma.sync` with one of the shapes m16n8k{4,8,16,32} or m8n8k4.
pub(crate) struct Mma {
    pub(crate) m: u32,
    pub(crate) n: u32,
    pub(crate) k: u32,
    pub(crate) a_element: Element,
    pub(crate) b_element: Element,
    pub(crate) accumulator: Element,
    pub(crate) saturate: bool,
    pub(crate) a: Vec<Source>,
    pub(crate) b: Vec<Source>,
    pub(crate) c: Vec<Source>,
    pub(crate) d: Vec<RegisterId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierUse {
    Sync,
    Arrive,
    Popc,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

pub(crate) enum Synchronize {
    Barrier {
        id: Source,
        threads: Option<Source>,
        usage: BarrierUse,
        predicate: Option<Source>,
        output: Option<RegisterId>,
        aligned: bool,
    },
    Warp {
        mask: Source,
    },
    Fence {
        global: bool,
    },
    /// Between the generic and the asynchronous proxy.
    ProxyFence,
    /// `barrier.cluster.arrive`: threads go on and wait later.
    ClusterArrive {
        aligned: bool,
    },
    ClusterWait {
        aligned: bool,
    },
    Shuffle {
        mode: Shuffle,
        value: Source,
        lane: Source,
        clamp: Source,
        mask: Source,
        output: RegisterId,
        valid: Option<RegisterId>,
    },
    Vote {
        mode: Vote,
        predicate: Source,
        mask: Source,
        output: RegisterId,
    },
    Match {
        all: bool,
        value: Source,
        mask: Source,
        output: RegisterId,
        same: Option<RegisterId>,
    },
    Reduce {
        combine: Combine,
        value: Source,
        mask: Source,
        output: RegisterId,
    },
    Elect {
        mask: Source,
        leader: Option<RegisterId>,
        elected: RegisterId,
    },
    ActiveMask {
        output: RegisterId,
    },
}

/// Bytes or a register handed over at a call or a return.
pub(crate) enum Transfer {
    Register {
        from: Source,
        to: RegisterId,
    },
    /// Between places of the thread's frame.
    Frame {
        from: u64,
        to: u64,
        bytes: u64,
    },
}

pub(crate) enum Control {
    Branch { target: u32 },
    Table { index: Source, targets: Vec<u32> },
    Call { function: u32, arguments: Vec<Transfer>, results: Vec<Transfer> },
    Return,
    Exit,
    Trap,
}

pub(crate) enum Op {
    Map(Map),
    Memory(Memory),
    Sync(Synchronize),
    Control(Control),
    Async(Async),
    Mbarrier(Mbarrier),
    Mma(Box<Mma>),
    Wgmma(Wgmma),
    /// Hints: `nanosleep`, `pragma`-like instructions, `setmaxnreg`.
    Hint,
}

pub(crate) struct Instr {
    /// The predicate and whether it is behind `!`.
    pub(crate) guard: Option<(RegisterId, bool)>,
    pub(crate) op: Op,
    pub(crate) entry: &'static Entry,
    pub(crate) line: u32,
    pub(crate) text: String,
}

/// A kernel with every function that it calls, in one address space of instructions and registers.
pub(crate) struct Program {
    pub(crate) kernel: String,
    pub(crate) code: Vec<Instr>,
    /// First instruction of each function, in the order of [`Control::Call`]'s numbers.
    pub(crate) functions: Vec<u32>,
    /// Names of the registers, for messages.
    pub(crate) registers: Vec<String>,
    pub(crate) parameters: Vec<ParameterSlot>,
    pub(crate) parameter_bytes: u64,
    /// Bytes of each thread's frame: `.local` variables and parameters of calls.
    pub(crate) frame_bytes: u64,
    /// Bytes of shared memory in front of the dynamic part.
    pub(crate) static_shared: u64,
    pub(crate) required_threads: Option<[u32; 3]>,
    pub(crate) most_threads: Option<[u32; 3]>,
    /// Blocks may talk to each other, so that the order in which they run can be seen in the result.
    pub(crate) communicates: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct ParameterSlot {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    pub(crate) array: bool,
}

impl Source {
    pub(crate) fn value(bits: u64) -> Self {
        Self::Value(Box::new([bits; 32]))
    }
}

/// The low `bits` bits.
pub(crate) const fn low(value: u64, bits: u32) -> u64 {
    if bits >= 64 { value } else { value & ((1 << bits) - 1) }
}

/// `value` of `bits` bits, sign-extended.
pub(crate) const fn signed(value: u64, bits: u32) -> i64 {
    let unused = 64 - bits;
    ((value << unused) as i64) >> unused
}
