//! A program for actual sizes: bytes and places of all buffers, steps with numbers in them.
//!
//! A plan is made once per (batch, sizes) and kept; the position in the stream stays open, as do the variables of loops.

use super::ExecError;
use super::amount::{Amount, Slots};
use super::memory::{Demand, Life, lives, place};
use std::collections::BTreeMap;
use tensc_ir::dim::POSITION;
use tensc_ir::{DType, Dim, DimError, FftKind, Sizes};
use tensc_program::{
    BATCH, Buffer, BufferKind, BufferRef, Call, Code, FftShape, Gemm, GemmShape, KernelId, Launch, Panels,
    Program, Step,
};

/// The slot of the position in the stream.
pub(crate) const POSITION_SLOT: usize = 0;

/// What a run of some steps needs.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Size of each buffer that takes part, in bytes.
    pub(crate) bytes: Vec<Option<usize>>,
    /// Whole shape of each buffer that takes part, the batch axis included.
    pub(crate) shapes: Vec<Option<Vec<usize>>>,
    /// Place of each scratch buffer in the arena.
    pub(crate) places: Vec<Option<usize>>,
    /// Size of the arena.
    pub(crate) arena: usize,
    /// What to do.
    pub(crate) steps: Vec<Planned>,
    /// How many slots the deepest loop needs.
    pub(crate) slots: usize,
}

/// A pointer into a buffer: which, and how many bytes from its start.
#[derive(Clone, Debug)]
pub(crate) struct Pointer {
    pub(crate) buffer: usize,
    pub(crate) bytes: Amount,
}

/// A step with sizes filled in.
#[derive(Debug)]
pub(crate) enum Planned {
    Launch(PlannedLaunch),
    Gemm(Box<PlannedGemm>),
    Fft { kind: FftKind, n: Amount, batch: Amount, input: Pointer, output: Pointer },
    Keep(Box<PlannedKeep>),
    Copy { from: Pointer, to: Pointer, bytes: Amount },
    Loop { slot: usize, count: Amount, reverse: bool, body: Vec<Planned> },
}

#[derive(Debug)]
pub(crate) struct PlannedLaunch {
    pub(crate) kernel: KernelId,
    pub(crate) arguments: Vec<Pointer>,
    pub(crate) sizes: Vec<Amount>,
    /// Points of the grid, where no slot enters.
    pub(crate) points: Option<i64>,
    pub(crate) scratch: usize,
}

/// A mask.
#[derive(Debug)]
pub(crate) struct PlannedKeep {
    pub(crate) output: Pointer,
    pub(crate) keep: f64,
    pub(crate) site: u32,
    pub(crate) within: Vec<Amount>,
    pub(crate) first: Amount,
    /// Sequences, axes in front of time, entries along it, axes behind it.
    pub(crate) sizes: [Amount; 4],
}

#[derive(Debug)]
pub(crate) struct PlannedGemm {
    pub(crate) pointers: [Pointer; 3],
    /// batch, m, k, n.
    pub(crate) sizes: [Amount; 4],
    pub(crate) strides: [[Amount; 3]; 3],
    pub(crate) panels: Option<Panels<Amount>>,
    pub(crate) dtypes: [DType; 2],
    pub(crate) accumulate: bool,
    /// The shape, its items and scratch, where no slot enters.
    pub(crate) fixed: Option<(GemmShape, i64, usize)>,
}

/// Plans `steps` of a program for these sizes; `sizes` holds the batch, and not the position. Buffers take part that the steps use, and those that are `always` wanted.
pub(crate) fn plan(
    program: &Program,
    steps: &[Step],
    code: &dyn Code,
    sizes: &Sizes,
    always: fn(&BufferKind) -> bool,
) -> Result<Plan, ExecError> {
    let lives = lives(program, steps);
    let mut shapes = Vec::with_capacity(program.buffers.len());
    let mut bytes = Vec::with_capacity(program.buffers.len());
    for (n, buffer) in (0_u32..).zip(&program.buffers) {
        if !lives.contains_key(&n) && !always(&buffer.kind) {
            shapes.push(None);
            bytes.push(None);
            continue;
        }
        let shape = shape(buffer, sizes)?;
        let len = crate::tensor::byte_len(buffer.dtype, &shape)
            .ok_or_else(|| DimError::OutOfRange(format!("the size of `{}`", buffer.name)))?;
        shapes.push(Some(shape));
        bytes.push(Some(len));
    }
    let mut planner = Planner { program, code, sizes, slots: Slots::default(), deepest: 1 };
    planner.slots.names.push(POSITION.to_owned());
    let planned = planner.steps(steps)?;
    let (places, arena) = places(program, &lives, &bytes)?;
    Ok(Plan { bytes, shapes, places, arena, steps: planned, slots: planner.deepest })
}

fn shape(buffer: &Buffer, sizes: &Sizes) -> Result<Vec<usize>, ExecError> {
    let batch = buffer.varies.then(|| Dim::var(BATCH));
    let size = |dim: &Dim| -> Result<usize, ExecError> {
        let size = dim.eval(sizes)?;
        usize::try_from(size)
            .map_err(|_| ExecError::Internal(format!("`{}` has the size {dim} = {size}", buffer.name)))
    };
    batch.iter().chain(&buffer.shape).map(size).collect()
}

/// Places of scratch buffers in one arena, and its size.
fn places(
    program: &Program,
    lives: &BTreeMap<u32, Life>,
    bytes: &[Option<usize>],
) -> Result<(Vec<Option<usize>>, usize), ExecError> {
    let mut demands: BTreeMap<usize, Demand> = BTreeMap::new();
    for (n, (buffer, &bytes)) in program.buffers.iter().zip(bytes).enumerate() {
        let life = u32::try_from(n).ok().and_then(|n| lives.get(&n));
        if let (BufferKind::Scratch, Some(&life), Some(bytes)) = (&buffer.kind, life, bytes) {
            demands.insert(n, Demand { bytes, life });
        }
    }
    let ordered: Vec<Demand> = demands.values().copied().collect();
    let too_large = || ExecError::Internal("the scratch buffers exceed what memory can address".to_owned());
    let (offsets, arena) = place(&ordered).ok_or_else(too_large)?;
    let offsets: BTreeMap<usize, usize> = demands.into_keys().zip(offsets).collect();
    Ok(((0..bytes.len()).map(|n| offsets.get(&n).copied()).collect(), arena))
}

struct Planner<'a> {
    program: &'a Program,
    code: &'a dyn Code,
    sizes: &'a Sizes,
    slots: Slots,
    deepest: usize,
}

impl Planner<'_> {
    fn amount(&self, dim: &Dim) -> Result<Amount, ExecError> {
        Ok(Amount::new(dim, self.sizes, &self.slots)?)
    }

    fn amounts<const N: usize>(&self, dims: [&Dim; N]) -> Result<[Amount; N], ExecError> {
        let amounts: Vec<Amount> = dims.iter().map(|dim| self.amount(dim)).collect::<Result<_, _>>()?;
        amounts.try_into().map_err(|_| ExecError::Internal("a list of sizes changed its length".to_owned()))
    }

    fn buffer(&self, place: &BufferRef) -> Result<(usize, &Buffer), ExecError> {
        let number = usize::try_from(place.buffer.0).unwrap_or(usize::MAX);
        let buffer = self.program.buffers.get(number);
        buffer
            .map(|buffer| (number, buffer))
            .ok_or_else(|| ExecError::Internal(format!("there is no buffer {number}")))
    }

    fn pointer(&self, place: &BufferRef) -> Result<Pointer, ExecError> {
        let (number, buffer) = self.buffer(place)?;
        let bytes = self.amount(&(&place.offset * &Dim::constant(element_bytes(buffer.dtype))))?;
        Ok(Pointer { buffer: number, bytes })
    }

    fn steps(&mut self, steps: &[Step]) -> Result<Vec<Planned>, ExecError> {
        steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &Step) -> Result<Planned, ExecError> {
        match step {
            Step::Launch(launch) => self.launch(launch).map(Planned::Launch),
            Step::Call(Call::Gemm(gemm)) => self.gemm(gemm).map(|gemm| Planned::Gemm(Box::new(gemm))),
            Step::Call(Call::Fft { kind, input, output, n, batch }) => {
                let n = self.amount(n)?;
                if let Some(n) = n.fixed().and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0) {
                    // Made now, so that nothing is planned while the program runs.
                    self.code.fft_scratch_bytes(FftShape { kind: *kind, n });
                }
                Ok(Planned::Fft {
                    kind: *kind,
                    n,
                    batch: self.amount(batch)?,
                    input: self.pointer(input)?,
                    output: self.pointer(output)?,
                })
            }
            Step::Call(Call::Keep(mask)) => {
                let [batch, outer, time, inner] = &mask.sizes;
                Ok(Planned::Keep(Box::new(PlannedKeep {
                    output: self.pointer(&mask.output)?,
                    keep: mask.keep,
                    site: mask.site,
                    within: mask.within.iter().map(|dim| self.amount(dim)).collect::<Result<_, _>>()?,
                    first: self.amount(&mask.first)?,
                    sizes: self.amounts([batch, outer, time, inner])?,
                })))
            }
            Step::Copy { from, to, count } => {
                let (_, buffer) = self.buffer(from)?;
                let bytes = self.amount(&(count * &Dim::constant(element_bytes(buffer.dtype))))?;
                Ok(Planned::Copy { from: self.pointer(from)?, to: self.pointer(to)?, bytes })
            }
            Step::Loop { variable, count, reverse, body } => {
                let count = self.amount(count)?;
                let slot = self.slots.names.len();
                self.slots.names.push(variable.clone());
                self.deepest = self.deepest.max(slot + 1);
                let body = self.steps(body);
                self.slots.names.truncate(slot);
                Ok(Planned::Loop { slot, count, reverse: *reverse, body: body? })
            }
        }
    }

    fn launch(&self, launch: &Launch) -> Result<PlannedLaunch, ExecError> {
        let kernel = usize::try_from(launch.kernel.0).ok().and_then(|k| self.program.kernels.get(k));
        let kernel =
            kernel.ok_or_else(|| ExecError::Internal(format!("there is no kernel {}", launch.kernel.0)))?;
        let arguments = launch.arguments.iter().map(|place| self.pointer(place)).collect::<Result<_, _>>()?;
        let sizes: Vec<Amount> = launch.sizes.iter().map(|dim| self.amount(dim)).collect::<Result<_, _>>()?;
        let fixed: Option<Vec<i64>> = sizes.iter().map(Amount::fixed).collect();
        let points = fixed.map(|sizes| kernel.grid_points(&sizes)).transpose()?;
        let scratch = self.code.scratch_bytes(launch.kernel);
        Ok(PlannedLaunch { kernel: launch.kernel, arguments, sizes, points, scratch })
    }

    fn gemm(&self, gemm: &Gemm) -> Result<PlannedGemm, ExecError> {
        let strides = |strides: &[Dim; 3]| {
            let [batch, row, column] = strides;
            self.amounts([batch, row, column])
        };
        let mut planned = PlannedGemm {
            pointers: [self.pointer(&gemm.a)?, self.pointer(&gemm.b)?, self.pointer(&gemm.c)?],
            sizes: self.amounts([&gemm.batch, &gemm.m, &gemm.k, &gemm.n])?,
            strides: [strides(&gemm.a_strides)?, strides(&gemm.b_strides)?, strides(&gemm.c_strides)?],
            panels: match &gemm.b_panels {
                Some(Panels { width, stride }) => {
                    Some(Panels { width: *width, stride: self.amount(stride)? })
                }
                None => None,
            },
            dtypes: [self.buffer(&gemm.a)?.1.dtype, self.buffer(&gemm.b)?.1.dtype],
            accumulate: gemm.accumulate,
            fixed: None,
        };
        let amounts = planned.sizes.iter().chain(planned.strides.iter().flatten());
        let amounts = amounts.chain(planned.panels.iter().map(|panels| &panels.stride));
        if amounts.into_iter().all(|amount| amount.fixed().is_some()) {
            let shape = planned.shape(&[])?;
            let (items, scratch) = (self.code.gemm_items(&shape), self.code.gemm_scratch_bytes(&shape));
            planned.fixed = Some((shape, items, scratch));
        }
        Ok(planned)
    }
}

impl PlannedGemm {
    /// The product at these values of the slots.
    pub(crate) fn shape(&self, slots: &[i64]) -> Result<GemmShape, ExecError> {
        let [batch, m, k, n] = &self.sizes;
        let strides = |[batch, row, column]: &[Amount; 3]| -> Result<[i64; 3], ExecError> {
            Ok([batch.at(slots)?, row.at(slots)?, column.at(slots)?])
        };
        let [a, b, c] = &self.strides;
        let [a_dtype, b_dtype] = self.dtypes;
        Ok(GemmShape {
            batch: batch.at(slots)?,
            m: m.at(slots)?,
            k: k.at(slots)?,
            n: n.at(slots)?,
            a_strides: strides(a)?,
            b_strides: strides(b)?,
            b_panels: match &self.panels {
                Some(Panels { width, stride }) => Some(Panels { width: *width, stride: stride.at(slots)? }),
                None => None,
            },
            c_strides: strides(c)?,
            a_dtype,
            b_dtype,
            accumulate: self.accumulate,
        })
    }
}

/// Bytes of what offsets count: a c64 counts as two f32.
fn element_bytes(dtype: DType) -> i64 {
    match dtype {
        DType::F64 => 8,
        DType::F32 | DType::C64 | DType::I32 => 4,
        DType::F16 | DType::BF16 => 2,
        DType::U8 | DType::Bool => 1,
    }
}
