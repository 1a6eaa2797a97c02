//! A program with its weights, ready for calls.
//!
//! [`Session::new`] stacks the weights as the program wants them and runs prepare. [`Session::run`] cuts a call into pieces (`tiles`), plans each
//! shape of piece once, and runs them with the state carried from piece to piece; the state at the end can start the next call.

#![expect(unsafe_code, reason = "runs compiled code on the buffers that this module owns")]

mod call; // a call from its first piece to its last
mod piece; // one piece through the program
mod state; // what is carried from piece to piece
mod whole; // results, filled piece by piece

use super::memory::lives;
use super::plan::{Plan, plan};
use super::profile::{Profile, StepProfile};
use super::steps::{Base, Machine};
use super::tiles::{TILE_ROWS, TimeAxis, rows, time_axis};
use super::{ExecError, Pool};
use crate::Cancel;
use crate::device::Accelerator;
use crate::tensor::{AlignedBytes, Storage, Tensor};
use crate::weights::Weights;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tensc_ir::Sizes;
use tensc_ir::dim::POSITION;
use tensc_program::{Buffer, BufferKind, Code, Program};

/// Plans that are kept; a stream uses one, and one more for its last piece.
const PLANS: usize = 16;

/// Rows of a piece on a GPU, which needs many at once to be busy.
const ACCELERATED_ROWS: usize = 1 << 17;

/// What a stream has left behind: the arrays in the program's order, each with a leading batch axis where sequences differ.
#[derive(Clone, Debug)]
pub struct State {
    /// Entries before the next one.
    pub position: i64,
    /// One per state of the program.
    pub tensors: Vec<Tensor>,
}

/// What one call works on.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// One array per argument of the program, and whether it has the leading batch axis (else all sequences share it).
    pub arguments: &'a [(Tensor, bool)],
    /// Number of sequences.
    pub batch: usize,
    /// Run-time sizes, those of the whole call.
    pub sizes: &'a Sizes,
    /// Where a stream goes on; `None` at its start.
    pub state: Option<&'a State>,
    /// Told how much of the work is done, 0 to 1.
    pub progress: &'a dyn Fn(f64),
}

/// What a call leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The results in the program's order, each with a leading batch axis.
    pub results: Vec<Tensor>,
    /// Where the stream goes on; empty of arrays for a program without state.
    pub state: State,
}

/// A program with its weights.
pub struct Session {
    program: Arc<Program>,
    code: Arc<dyn Code>,
    pool: Arc<Pool>,
    cancel: Cancel,
    /// The size along which calls are cut.
    time: Option<String>,
    rows: usize,
    /// Whether an array grows with the stream, so that plans depend on the position.
    grows: bool,
    /// Of masks.
    seed: u64,
    /// By check: entries of its index array per entry of the stream.
    strides: Vec<i64>,
    /// Weights and what prepare made, by buffer.
    kept: Vec<Option<Storage>>,
    plans: HashMap<Vec<i64>, Arc<Plan>>,
    arena: AlignedBytes,
    /// While a call is profiled.
    profile: Option<Profile>,
    /// Runs main in place of `code`.
    accelerator: Option<Accelerator>,
}

impl Session {
    /// Stacks the weights and runs prepare. `time` is the size along which calls may be cut: the one by which the program was made to carry state.
    ///
    /// # Errors
    /// Weights that the program wants otherwise, no memory, Ctrl-C.
    pub fn new(
        program: Arc<Program>,
        code: Arc<dyn Code>,
        weights: &Weights,
        pool: Arc<Pool>,
        cancel: Cancel,
        time: Option<&str>,
    ) -> Result<Self, ExecError> {
        let mut session = Self {
            kept: vec![None; program.buffers.len()],
            program,
            code,
            pool,
            cancel,
            time: None,
            rows: TILE_ROWS,
            grows: false,
            seed: 0,
            strides: Vec::new(),
            plans: HashMap::new(),
            arena: AlignedBytes::zeroed(0, "nothing")?,
            profile: None,
            accelerator: None,
        };
        session.time = time.filter(|time| session.can_cut(time)).map(str::to_owned);
        session.rows = session.time.as_ref().map_or(TILE_ROWS, |time| rows(&session.program, time));
        session.grows =
            session.program.buffers.iter().flat_map(|buffer| &buffer.shape).any(|dim| dim.mentions(POSITION));
        session.load(weights)?;
        session.prepare()?;
        Ok(session)
    }

    /// Has calls run on a GPU, whose code is of the same program; prepare has run here.
    pub fn accelerate(&mut self, accelerator: Accelerator) {
        self.accelerator = Some(accelerator);
        self.rows = ACCELERATED_ROWS;
    }

    /// Sets how many rows a piece has; for tests and measurements. Results do not depend on it but for rounding.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows.max(1);
    }

    /// Sets the seed of the masks of `dropout`; 0 without it.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Says, for each check of the program, how many entries its index array has per entry of the stream, so that a failure in a
    /// later piece is told at its place in the whole. Checks without a number are told at their place in the piece.
    pub fn locate_checks(&mut self, strides: Vec<i64>) {
        self.strides = strides;
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of weights and of what prepare made.
    #[must_use]
    pub fn resident_bytes(&self) -> usize {
        self.kept.iter().flatten().map(|storage| storage.as_slice().len()).sum()
    }

    /// Bytes of the largest set of activations so far.
    #[must_use]
    pub fn arena_bytes(&self) -> usize {
        self.arena.len()
    }

    fn can_cut(&self, time: &str) -> bool {
        self.program.buffers.iter().all(|buffer| {
            !matches!(buffer.kind, BufferKind::Argument | BufferKind::Result)
                || time_axis(&buffer.shape, time) != TimeAxis::Mixed
        })
    }

    fn load(&mut self, weights: &Weights) -> Result<(), ExecError> {
        for (buffer, kept) in self.program.buffers.iter().zip(&mut self.kept) {
            if let BufferKind::Weight { path } = &buffer.kind {
                let shape = constant_shape(buffer)?;
                *kept = Some(weights.stacked(path, buffer.dtype, &shape)?.storage().clone());
            }
        }
        Ok(())
    }

    fn prepare(&mut self) -> Result<(), ExecError> {
        let made = |kind: &BufferKind| matches!(kind, BufferKind::Prepared | BufferKind::StateStart { .. });
        let plan = plan(&self.program, &self.program.prepare, &*self.code, &Sizes::new(), made)?;
        self.reserve(&plan)?;
        let mut fresh = HashMap::new();
        for (n, (buffer, bytes)) in self.program.buffers.iter().zip(&plan.bytes).enumerate() {
            if let (true, Some(bytes)) = (made(&buffer.kind), bytes) {
                fresh.insert(n, AlignedBytes::zeroed(*bytes, &format!("`{}`", buffer.name))?);
            }
        }
        let bases = self.bases(&plan, |n| fresh.get(&n).map(|bytes| base_of(bytes.as_ptr(), bytes.len())));
        let machine = self.machine(&bases, 0, (0..1, 1));
        // SAFETY: weights are only read, what prepare writes is memory of this function or the arena, each as large as the plan says.
        unsafe { machine.run(&plan, 0)? };
        for (n, bytes) in fresh {
            if let Some(kept) = self.kept.get_mut(n) {
                *kept = Some(bytes.into());
            }
        }
        // What only prepare reads, such as weights that it has packed, has done its work.
        let used = lives(&self.program, &self.program.main);
        for ((n, buffer), kept) in (0_u32..).zip(&self.program.buffers).zip(&mut self.kept) {
            if !used.contains_key(&n) && !matches!(buffer.kind, BufferKind::StateStart { .. }) {
                *kept = None;
            }
        }
        // Calls need other sizes.
        self.arena = AlignedBytes::zeroed(0, "nothing")?;
        Ok(())
    }

    /// Runs steps on these arrays; `block` are the sequences that they hold, of `batch`.
    fn machine<'a>(
        &'a self,
        bases: &'a [Base],
        entered: i64,
        (block, batch): (Range<usize>, usize),
    ) -> Machine<'a> {
        Machine {
            program: &self.program,
            code: &*self.code,
            pool: &self.pool,
            cancel: &self.cancel,
            entered: (entered, &self.strides),
            sequence: (batch > 1 && block.len() == 1).then_some(block.start),
            drawn: (self.seed, block.start),
            bases,
            profile: self.profile.as_ref(),
        }
    }

    /// Makes the arena large enough.
    fn reserve(&mut self, plan: &Plan) -> Result<(), ExecError> {
        if self.arena.len() < plan.arena {
            // The old one goes first: both together may be too much.
            self.arena = AlignedBytes::zeroed(0, "nothing")?;
            self.arena = AlignedBytes::zeroed(plan.arena, "the activations")?;
        }
        Ok(())
    }

    /// The memory of every buffer: what the caller gives, else weights and prepared arrays, else a place in the arena.
    fn bases(&self, plan: &Plan, given: impl Fn(usize) -> Option<Base>) -> Vec<Base> {
        let of = |n: usize| {
            let kept = || {
                let bytes = self.kept.get(n)?.as_ref()?.as_slice();
                Some(base_of(bytes.as_ptr().cast_mut(), bytes.len()))
            };
            let placed = || {
                let (place, len) = (plan.places.get(n).copied()??, plan.bytes.get(n).copied()??);
                (place.checked_add(len)? <= self.arena.len())
                    .then(|| base_of(self.arena.as_ptr().wrapping_add(place), len))
            };
            given(n)
                .or_else(kept)
                .or_else(placed)
                .unwrap_or(base_of(std::ptr::dangling_mut::<u128>().cast(), 0))
        };
        (0..self.program.buffers.len()).map(of).collect()
    }

    fn buffers(&self, kind: fn(&BufferKind) -> bool) -> Vec<usize> {
        let buffers = self.program.buffers.iter().enumerate();
        buffers.filter(|(_, buffer)| kind(&buffer.kind)).map(|(n, _)| n).collect()
    }

    fn buffer(&self, n: usize) -> Result<&Buffer, ExecError> {
        self.program.buffers.get(n).ok_or_else(|| internal("a buffer is missing"))
    }

    /// Runs a call and says where its time went, the longest first.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn profiled(&mut self, call: &Call<'_>) -> Result<(Outcome, Vec<StepProfile>), ExecError> {
        self.profile = Some(Profile::default());
        let outcome = self.run(call);
        let rows = self.profile.take().map(Profile::finish).unwrap_or_default();
        Ok((outcome?, rows))
    }
}

fn internal(text: &str) -> ExecError {
    ExecError::Internal(text.to_owned())
}

fn base_of(start: *mut u8, len: usize) -> Base {
    Base { start, len }
}

/// The shape of a buffer at these run-time sizes.
fn shape_at(buffer: &Buffer, sizes: &tensc_ir::Sizes) -> Result<Vec<usize>, ExecError> {
    let shape = buffer.shape.iter().map(|dim| {
        let size = dim.eval(sizes)?;
        usize::try_from(size).map_err(|_| internal(&format!("`{}` has the size {dim} = {size}", buffer.name)))
    });
    shape.collect()
}

/// The shape of a buffer that no run-time size enters.
fn constant_shape(buffer: &Buffer) -> Result<Vec<usize>, ExecError> {
    let size = |dim: &tensc_ir::Dim| dim.as_constant().and_then(|n| usize::try_from(n).ok());
    let shape: Option<Vec<usize>> = buffer.shape.iter().map(size).collect();
    shape.ok_or_else(|| internal(&format!("the size of `{}` is not known in advance", buffer.name)))
}
