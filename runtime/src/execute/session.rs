//! A program with its weights, ready for calls.
//!
//! [`Session::new`] stacks the weights as the program wants them and runs prepare. [`Session::run`] cuts a call into pieces (`tiles`), plans each
//! shape of piece once, and runs them with the state carried from piece to piece; the state at the end can start the next call.

#![expect(unsafe_code, reason = "runs compiled code on the buffers that this module owns")]

use super::memory::lives;
use super::plan::{Plan, plan};
use super::profile::{Profile, StepProfile};
use super::steps::{Base, Machine};
use super::tiles::{TILE_ROWS, TimeAxis, pieces, rows, tiling, time_axis};
use super::{ExecError, Pool};
use crate::Cancel;
use crate::tensor::{AlignedBytes, Storage, Tensor, byte_len, concat, piece, type_text};
use crate::weights::Weights;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tensc_ir::dim::POSITION;
use tensc_ir::{DType, Require, Sizes};
use tensc_program::{BATCH, Buffer, BufferKind, Code, Program};

/// Plans that are kept; a stream uses one, and one more for its last piece.
const PLANS: usize = 16;

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
    /// By check: entries of its index array per entry of the stream.
    strides: Vec<i64>,
    /// Weights and what prepare made, by buffer.
    kept: Vec<Option<Storage>>,
    plans: HashMap<Vec<i64>, Arc<Plan>>,
    arena: AlignedBytes,
    /// While a call is profiled.
    profile: Option<Profile>,
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
            strides: Vec::new(),
            plans: HashMap::new(),
            arena: AlignedBytes::zeroed(0, "nothing")?,
            profile: None,
        };
        session.time = time.filter(|time| session.can_cut(time)).map(str::to_owned);
        session.rows = session.time.as_ref().map_or(TILE_ROWS, |time| rows(&session.program, time));
        session.load(weights)?;
        session.prepare()?;
        Ok(session)
    }

    /// Sets how many rows a piece has; for tests and measurements. Results do not depend on it but for rounding.
    pub fn set_rows(&mut self, rows: usize) {
        self.rows = rows.max(1);
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
        let machine = self.machine(&bases, 0);
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

    fn machine<'a>(&'a self, bases: &'a [Base], entered: i64) -> Machine<'a> {
        Machine {
            program: &self.program,
            code: &*self.code,
            pool: &self.pool,
            cancel: &self.cancel,
            entered: (entered, &self.strides),
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

    /// Runs a call.
    ///
    /// # Errors
    /// A failed check, arrays or sizes that do not fit, no memory, Ctrl-C.
    pub fn run(&mut self, call: &Call<'_>) -> Result<Outcome, ExecError> {
        let length = self.time.as_ref().and_then(|time| call.sizes.get(time.as_str()).copied());
        let length = length.map(|n| usize::try_from(n).unwrap_or(0));
        let tiling = tiling(call.batch, length.unwrap_or(1), self.time.is_some(), self.rows);
        let start = call.state.map_or(0, |state| state.position);
        let entries = length.map_or(1, |_| tiling.entries);
        let cuts: Vec<Range<usize>> = pieces(length.unwrap_or(1), entries).collect();
        for cut in &cuts {
            self.check_requires(call, start, length.map(|_| cut.clone()))?;
        }
        let mut results = self.results(call)?;
        let mut states: Vec<Vec<Tensor>> = Vec::new();
        let blocks: Vec<Range<usize>> = pieces(call.batch, tiling.sequences).collect();
        let total = (blocks.len() * cuts.len()).max(1) as f64;
        let mut done = 0.0;
        for block in &blocks {
            let mut state = self.start(call, block)?;
            for cut in &cuts {
                let cut = length.map(|_| cut.clone());
                state = self.run_piece(call, block, cut, start, state, &mut results)?;
                done += 1.0;
                (call.progress)(done / total);
            }
            states.push(state);
        }
        let position = start + length.and_then(|n| i64::try_from(n).ok()).unwrap_or(0);
        Ok(Outcome {
            results: results.into_iter().map(|whole| whole.finish(call.batch)).collect::<Result<_, _>>()?,
            state: State { position, tensors: self.joined(&states)? },
        })
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

    fn check_requires(
        &self,
        call: &Call<'_>,
        start: i64,
        cut: Option<Range<usize>>,
    ) -> Result<(), ExecError> {
        let mut sizes = self.piece_sizes(call, call.batch, cut.as_ref());
        let entered = cut.map_or(0, |cut| i64::try_from(cut.start).unwrap_or(0));
        sizes.insert(POSITION.into(), start + entered);
        for (require, message) in &self.program.requires {
            let holds = match require {
                Require::Whole(dim) => dim.eval(&sizes).is_ok(),
                Require::Equal(a, b) => a.eval(&sizes)? == b.eval(&sizes)?,
                Require::AtMost(a, b) => a.eval(&sizes)? <= b.eval(&sizes)?,
            };
            if !holds {
                return Err(ExecError::Require(message.clone()));
            }
        }
        Ok(())
    }

    fn piece_sizes(&self, call: &Call<'_>, batch: usize, cut: Option<&Range<usize>>) -> Sizes {
        let mut sizes = call.sizes.clone();
        if let (Some(time), Some(cut)) = (&self.time, cut) {
            sizes.insert(time.as_str().into(), i64::try_from(cut.len()).unwrap_or(i64::MAX));
        }
        sizes.insert(BATCH.into(), i64::try_from(batch).unwrap_or(i64::MAX));
        sizes
    }

    /// The whole results, still to be filled.
    fn results(&self, call: &Call<'_>) -> Result<Vec<Whole>, ExecError> {
        let mut sizes = call.sizes.clone();
        sizes.insert(BATCH.into(), i64::try_from(call.batch).unwrap_or(i64::MAX));
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::Result));
        numbers
            .into_iter()
            .map(|n| {
                let buffer = self.buffer(n)?;
                let shape = shape_at(buffer, &sizes)?;
                let axis = match self.time.as_deref().map(|time| time_axis(&buffer.shape, time)) {
                    Some(TimeAxis::At(axis)) => Some(axis),
                    Some(TimeAxis::Absent | TimeAxis::Mixed) | None => None,
                };
                Whole::new(n, buffer, shape, call.batch, axis)
            })
            .collect()
    }

    /// The state of a block of sequences at the start of the call.
    fn start(&self, call: &Call<'_>, block: &Range<usize>) -> Result<Vec<Tensor>, ExecError> {
        let mut state = Vec::new();
        for (number, n) in self.buffers(|kind| matches!(kind, BufferKind::StateIn)).into_iter().enumerate() {
            let buffer = self.buffer(n)?;
            let shape = shape_at(buffer, call.sizes)?;
            if let Some(given) = call.state {
                let whole = given.tensors.get(number).ok_or_else(|| internal("the state lacks an array"))?;
                let part = if buffer.varies {
                    piece(whole, 0, block.start, block.len())?
                } else {
                    Some(whole.clone())
                };
                let part = part.ok_or_else(|| internal("the state is of another batch"))?;
                state.push(part.aligned("the state")?);
                continue;
            }
            let whole: Vec<usize> = if buffer.varies {
                std::iter::once(block.len()).chain(shape.clone()).collect()
            } else {
                shape
            };
            state.push(match self.state_start(number) {
                Some(bytes) => repeated(buffer.dtype, whole, bytes)?,
                None => Tensor::zeros(buffer.dtype, whole, "the state")?,
            });
        }
        Ok(state)
    }

    /// What prepare made for the start of a state.
    fn state_start(&self, number: usize) -> Option<&[u8]> {
        let wanted = |kind: &BufferKind| match kind {
            BufferKind::StateStart { state } => usize::try_from(*state) == Ok(number),
            BufferKind::Argument
            | BufferKind::Weight { .. }
            | BufferKind::Prepared
            | BufferKind::StateIn
            | BufferKind::StateOut
            | BufferKind::Result
            | BufferKind::Scratch => false,
        };
        let n = self.program.buffers.iter().position(|buffer| wanted(&buffer.kind))?;
        self.kept.get(n)?.as_ref().map(Storage::as_slice)
    }

    /// The states of all blocks as one.
    fn joined(&self, states: &[Vec<Tensor>]) -> Result<Vec<Tensor>, ExecError> {
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::StateIn));
        let mut joined = Vec::new();
        for (number, n) in numbers.into_iter().enumerate() {
            let parts: Vec<Tensor> = states.iter().filter_map(|state| state.get(number).cloned()).collect();
            let whole = match parts.as_slice() {
                [only] => Some(only.clone()),
                _ if self.buffer(n)?.varies => concat(&parts, 0)?,
                _ => parts.last().cloned(),
            };
            joined.push(whole.ok_or_else(|| internal("the state changed its shape"))?);
        }
        Ok(joined)
    }

    fn run_piece(
        &mut self,
        call: &Call<'_>,
        block: &Range<usize>,
        cut: Option<Range<usize>>,
        start: i64,
        state: Vec<Tensor>,
        results: &mut [Whole],
    ) -> Result<Vec<Tensor>, ExecError> {
        let sizes = self.piece_sizes(call, block.len(), cut.as_ref());
        let plan = self.plan_for(&sizes)?;
        self.reserve(&plan)?;
        let whole_time = cut.as_ref().is_none_or(|cut| cut.len() == self.length(call));
        let mut given: HashMap<usize, Base> = HashMap::new();
        // Pieces of arguments live until the steps have run.
        let arguments = self.arguments(call, block, cut.as_ref())?;
        for (n, tensor) in &arguments {
            self.check_shape(*n, tensor, &plan)?;
            given.insert(*n, base_of(tensor.bytes().as_ptr().cast_mut(), tensor.bytes().len()));
        }
        for (n, tensor) in self.buffers(|kind| matches!(kind, BufferKind::StateIn)).into_iter().zip(&state) {
            self.check_shape(n, tensor, &plan)?;
            given.insert(n, base_of(tensor.bytes().as_ptr().cast_mut(), tensor.bytes().len()));
        }
        let mut left: Vec<(usize, AlignedBytes)> = Vec::new();
        for n in self.buffers(|kind| matches!(kind, BufferKind::StateOut)) {
            let len = plan.bytes.get(n).copied().flatten().unwrap_or(0);
            let bytes = AlignedBytes::zeroed(len, "the state")?;
            given.insert(n, base_of(bytes.as_ptr(), len));
            left.push((n, bytes));
        }
        let mut aside: Vec<Option<AlignedBytes>> = Vec::new();
        for result in results.iter_mut() {
            let len = plan.bytes.get(result.buffer).copied().flatten().unwrap_or(0);
            let (base, bytes) = result.target(block, cut.as_ref(), whole_time, len)?;
            given.insert(result.buffer, base);
            aside.push(bytes);
        }
        let bases = self.bases(&plan, |n| given.get(&n).copied());
        let entered = cut.as_ref().map_or(0, |cut| i64::try_from(cut.start).unwrap_or(0));
        // SAFETY: arguments, states, weights and prepared arrays are valid and only read; results, left states and the arena are memory that nothing
        // else uses meanwhile, each as large as the plan says (checked above, or made so).
        unsafe { self.machine(&bases, start + entered).run(&plan, start + entered)? };
        for (result, bytes) in results.iter_mut().zip(aside) {
            if let Some(bytes) = bytes {
                result
                    .put(block, cut.as_ref(), &bytes)
                    .ok_or_else(|| internal("a piece of a result does not fit"))?;
            }
        }
        let left = left.into_iter().map(|(n, bytes)| {
            let shape = plan.shapes.get(n).cloned().flatten()?;
            Tensor::from_owned(self.program.buffers.get(n)?.dtype, shape, bytes)
        });
        left.collect::<Option<_>>().ok_or_else(|| internal("the state changed its shape"))
    }

    fn length(&self, call: &Call<'_>) -> usize {
        let length = self.time.as_ref().and_then(|time| call.sizes.get(time.as_str()).copied());
        length.and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
    }

    fn plan_for(&mut self, sizes: &Sizes) -> Result<Arc<Plan>, ExecError> {
        let key: Vec<i64> = sizes.values().copied().collect();
        if let Some(plan) = self.plans.get(&key) {
            return Ok(plan.clone());
        }
        let wanted = |kind: &BufferKind| {
            matches!(
                kind,
                BufferKind::Argument | BufferKind::StateIn | BufferKind::StateOut | BufferKind::Result
            )
        };
        let plan = Arc::new(plan(&self.program, &self.program.main, &*self.code, sizes, wanted)?);
        if self.plans.len() >= PLANS {
            self.plans.clear();
        }
        self.plans.insert(key, plan.clone());
        Ok(plan)
    }

    /// The parts of the arguments that a piece reads.
    fn arguments(
        &self,
        call: &Call<'_>,
        block: &Range<usize>,
        cut: Option<&Range<usize>>,
    ) -> Result<Vec<(usize, Tensor)>, ExecError> {
        let numbers = self.buffers(|kind| matches!(kind, BufferKind::Argument));
        if numbers.len() != call.arguments.len() {
            return Err(internal("the call has another number of arguments"));
        }
        let mut arguments = Vec::new();
        for (n, (tensor, batched)) in numbers.into_iter().zip(call.arguments) {
            let buffer = self.buffer(n)?;
            let part =
                if *batched { piece(tensor, 0, block.start, block.len())? } else { Some(tensor.clone()) };
            let axis = self.time.as_deref().map(|time| time_axis(&buffer.shape, time));
            let part = match (part, axis, cut) {
                (Some(part), Some(TimeAxis::At(axis)), Some(cut)) => {
                    piece(&part, axis + usize::from(*batched), cut.start, cut.len())?
                }
                (part, _, _) => part,
            };
            let part =
                part.ok_or_else(|| internal(&format!("`{}` is shorter than its size", buffer.name)))?;
            let part = match (buffer.varies, *batched) {
                (true, false) => {
                    let shape = std::iter::once(block.len()).chain(part.shape().iter().copied()).collect();
                    if block.len() == 1 {
                        part.reshaped(shape).ok_or_else(|| internal("an argument changed its size"))?
                    } else {
                        repeated(part.dtype(), shape, part.bytes())?
                    }
                }
                (true, true) | (false, false) => part,
                (false, true) => return Err(internal(&format!("`{}` has no batch", buffer.name))),
            };
            arguments.push((n, part.aligned("a piece of an input")?));
        }
        Ok(arguments)
    }

    fn check_shape(&self, n: usize, tensor: &Tensor, plan: &Plan) -> Result<(), ExecError> {
        let buffer = self.buffer(n)?;
        let shape = plan.shapes.get(n).and_then(Option::as_deref).unwrap_or(&[]);
        if tensor.dtype() == buffer.dtype && tensor.shape() == shape {
            return Ok(());
        }
        Err(ExecError::Argument {
            name: buffer.name.clone(),
            expected: type_text(buffer.dtype, shape),
            found: tensor.to_string(),
        })
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

/// An array of this shape made of copies of these bytes.
fn repeated(dtype: DType, shape: Vec<usize>, bytes: &[u8]) -> Result<Tensor, ExecError> {
    let len = byte_len(dtype, &shape).ok_or_else(|| internal("an array exceeds what memory can address"))?;
    let mut whole = AlignedBytes::zeroed(len, "an argument for each sequence")?;
    if !bytes.is_empty() {
        whole.as_mut_slice().chunks_exact_mut(bytes.len()).for_each(|part| part.copy_from_slice(bytes));
    }
    Tensor::from_owned(dtype, shape, whole).ok_or_else(|| internal("an array changed its size"))
}

/// A whole result, filled piece by piece.
struct Whole {
    buffer: usize,
    dtype: DType,
    /// With the batch axis.
    shape: Vec<usize>,
    varies: bool,
    /// The time axis in `shape`.
    axis: Option<usize>,
    bytes: AlignedBytes,
}

impl Whole {
    fn new(
        n: usize,
        buffer: &Buffer,
        one: Vec<usize>,
        batch: usize,
        axis: Option<usize>,
    ) -> Result<Self, ExecError> {
        let shape: Vec<usize> = if buffer.varies { std::iter::once(batch).chain(one).collect() } else { one };
        let len = byte_len(buffer.dtype, &shape)
            .ok_or_else(|| internal(&format!("`{}` exceeds what memory can address", buffer.name)))?;
        let bytes = AlignedBytes::zeroed(len, &format!("the result `{}`", buffer.name))?;
        let axis = axis.map(|axis| axis + usize::from(buffer.varies));
        Ok(Self { buffer: n, dtype: buffer.dtype, shape, varies: buffer.varies, axis, bytes })
    }

    /// First byte and number of bytes of the blocks in front of `block`, and of one entry in time.
    fn layout(&self) -> Layout {
        let width = self.dtype.bytes();
        let product = |sizes: &[usize]| sizes.iter().product::<usize>();
        let split = self.axis.unwrap_or(usize::from(self.varies));
        let (outer, rest) = self.shape.split_at_checked(split).unwrap_or((&[], &[]));
        match (self.axis, rest.split_first()) {
            (Some(_), Some((&time, inner))) => {
                Layout { outer: product(outer), time, inner: product(inner) * width }
            }
            (Some(_) | None, _) => Layout { outer: product(outer), time: 1, inner: product(rest) * width },
        }
    }

    /// Where the piece's blocks begin among the outer ones, and how many they are.
    fn outer(&self, layout: &Layout, block: &Range<usize>) -> (usize, usize) {
        if !self.varies {
            return (0, layout.outer);
        }
        let per_sequence = layout.outer / self.shape.first().copied().unwrap_or(1).max(1);
        (block.start * per_sequence, block.len() * per_sequence)
    }

    /// Where the program writes this piece of `len` bytes: in the whole result where the piece is contiguous and aligned there, else aside.
    fn target(
        &self,
        block: &Range<usize>,
        cut: Option<&Range<usize>>,
        whole_time: bool,
        len: usize,
    ) -> Result<(Base, Option<AlignedBytes>), ExecError> {
        let layout = self.layout();
        let (first, count) = self.outer(&layout, block);
        let from = if self.axis.is_some() { cut.map_or(0, |cut| cut.start) } else { 0 };
        let contiguous = whole_time || self.axis.is_none() || count == 1;
        let place = (first * layout.time + from) * layout.inner;
        let fits = place.checked_add(len).is_some_and(|end| end <= self.bytes.len());
        if contiguous && fits && place.is_multiple_of(16) {
            return Ok((base_of(self.bytes.as_ptr().wrapping_add(place), len), None));
        }
        let aside = AlignedBytes::zeroed(len, "a piece of a result")?;
        Ok((base_of(aside.as_ptr(), len), Some(aside)))
    }

    /// Copies a piece that was written aside.
    fn put(&mut self, block: &Range<usize>, cut: Option<&Range<usize>>, piece: &AlignedBytes) -> Option<()> {
        let layout = self.layout();
        let (first, count) = self.outer(&layout, block);
        let (from, entries) = match (self.axis, cut) {
            (Some(_), Some(cut)) => (cut.start, cut.len()),
            (Some(_) | None, _) => (0, layout.time),
        };
        let (stride, len) = (layout.time * layout.inner, entries * layout.inner);
        if len == 0 {
            return Some(());
        }
        for (n, part) in piece.as_slice().chunks_exact(len).take(count).enumerate() {
            let place = (first + n) * stride + from * layout.inner;
            self.bytes.as_mut_slice().get_mut(place..place + len)?.copy_from_slice(part);
        }
        Some(())
    }

    /// The result with its batch axis; one that is the same for all sequences is repeated.
    fn finish(self, batch: usize) -> Result<Tensor, ExecError> {
        let tensor = Tensor::from_owned(self.dtype, self.shape, self.bytes);
        let tensor = tensor.ok_or_else(|| internal("a result lost its shape"))?;
        if self.varies {
            return Ok(tensor);
        }
        let shape = std::iter::once(batch).chain(tensor.shape().iter().copied()).collect();
        if batch == 1 {
            return tensor.reshaped(shape).ok_or_else(|| internal("a result lost its shape"));
        }
        repeated(tensor.dtype(), shape, tensor.bytes())
    }
}

/// An array around its time axis.
struct Layout {
    outer: usize,
    time: usize,
    /// Bytes of one entry.
    inner: usize,
}
