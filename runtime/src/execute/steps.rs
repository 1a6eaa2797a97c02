//! Runs a plan: launches over the pool's threads, products and transforms through the target's code, loops and copies.

#![expect(unsafe_code, reason = "hands pointers into buffers to compiled code")]

use super::amount::Amount;
use super::plan::{Plan, Planned, PlannedGemm, PlannedKeep, PlannedLaunch, Pointer};
use super::profile::Profile;
use super::{ExecError, Pool};
use crate::Cancel;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tensc_ir::random::Stream;
use tensc_ir::{DimError, FftKind};
use tensc_program::work::work;
use tensc_program::{Code, Failure, FftShape, Program};

/// The memory of a buffer during a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    /// Its first byte.
    pub(crate) start: *mut u8,
    /// How many bytes.
    pub(crate) len: usize,
}

/// Pointers that threads share; the program's order of steps keeps their uses apart.
struct Pointers<'a>(&'a [*mut u8]);

// SAFETY: the pointers are into buffers that outlive the job, and the program (verified) has the points of one launch write disjoint places.
unsafe impl Sync for Pointers<'_> {}

impl Pointers<'_> {
    // A method, so that closures capture the wrapper, which is `Sync`, and not the field.
    fn get(&self) -> &[*mut u8] {
        self.0
    }
}

/// All that a run needs besides the plan.
pub(crate) struct Machine<'a> {
    pub(crate) program: &'a Program,
    pub(crate) code: &'a dyn Code,
    pub(crate) pool: &'a Pool,
    pub(crate) cancel: &'a Cancel,
    /// Entries of the stream before this call, and how many entries of its index array each check has per entry of the stream.
    pub(crate) entered: (i64, &'a [i64]),
    /// The only sequence that is run, of several.
    pub(crate) sequence: Option<usize>,
    /// Seed of masks, and the first sequence that is run.
    pub(crate) drawn: (u64, usize),
    /// The memory of each buffer; of those that the steps do not touch, nothing.
    pub(crate) bases: &'a [Base],
    /// Where time is written down, if anybody asked.
    pub(crate) profile: Option<&'a Profile>,
}

impl Machine<'_> {
    /// Runs the plan at this position in the stream.
    ///
    /// # Safety
    /// Every base that the plan's steps touch is valid for its length, those written for writing, and no two of different buffers overlap (but
    /// those of scratch buffers that the plan placed so).
    pub(crate) unsafe fn run(&self, plan: &Plan, position: i64) -> Result<(), ExecError> {
        let mut slots = vec![0; plan.slots];
        if let Some(slot) = slots.get_mut(super::plan::POSITION_SLOT) {
            *slot = position;
        }
        self.steps(&plan.steps, &mut slots)
    }

    fn steps(&self, steps: &[Planned], slots: &mut Vec<i64>) -> Result<(), ExecError> {
        for step in steps {
            if self.cancel.requested() {
                return Err(ExecError::Cancelled);
            }
            let start = self.profile.map(|profile| (profile, Instant::now()));
            match step {
                Planned::Launch(launch) => self.launch(launch, slots)?,
                Planned::Gemm(gemm) => self.gemm(gemm, slots)?,
                Planned::Fft { kind, n, batch, input, output } => {
                    let (input, output) = (self.pointer(input, slots)?, self.pointer(output, slots)?);
                    self.fft(*kind, n.at(slots)?, batch.at(slots)?, [input, output])?;
                }
                Planned::Keep(mask) => self.keep(mask, slots)?,
                Planned::Copy { from, to, bytes } => self.copy(from, to, bytes, slots)?,
                Planned::Loop { slot, count, reverse, body } => {
                    let count = count.at(slots)?;
                    for turn in 0..count {
                        let value = if *reverse { count - 1 - turn } else { turn };
                        if let Some(place) = slots.get_mut(*slot) {
                            *place = value;
                        }
                        self.steps(body, slots)?;
                    }
                }
            }
            if let Some((profile, start)) = start {
                self.note(profile, step, start.elapsed(), slots)?;
            }
        }
        Ok(())
    }

    /// Writes down what a step took and did.
    fn note(
        &self,
        profile: &Profile,
        step: &Planned,
        time: Duration,
        slots: &[i64],
    ) -> Result<(), ExecError> {
        let (name, flops, bytes) = match step {
            Planned::Launch(launch) => {
                let number = usize::try_from(launch.kernel.0).unwrap_or(usize::MAX);
                let Some(kernel) = self.program.kernels.get(number) else { return Ok(()) };
                let sizes: Vec<i64> =
                    launch.sizes.iter().map(|size| size.at(slots)).collect::<Result<_, _>>()?;
                let work = work(kernel, &sizes, kernel.grid_points(&sizes)?);
                let mut bytes = 0.0;
                for (moved, argument) in work.bytes.iter().zip(&launch.arguments) {
                    // What is read again is in a cache, as far as the machine's memory is concerned.
                    let there = self.bases.get(argument.buffer).map_or(0, |base| base.len);
                    bytes += moved.min(there as f64);
                }
                (format!("k{number} {}", kernel.name), work.flops, bytes)
            }
            Planned::Gemm(gemm) => {
                let shape = gemm.shape(slots)?;
                let count = |a: i64, b: i64| shape.batch as f64 * a as f64 * b as f64;
                let b_count = if shape.b_strides[0] == 0 { 1.0 } else { shape.batch as f64 };
                let bytes = count(shape.m, shape.k) * shape.a_dtype.bytes() as f64
                    + b_count * shape.k as f64 * shape.n as f64 * shape.b_dtype.bytes() as f64
                    + count(shape.m, shape.n) * 4.0;
                let batch = if shape.batch == 1 { String::new() } else { format!("{} x ", shape.batch) };
                let name = format!("product {batch}{} x {} x {}", shape.m, shape.k, shape.n);
                (name, 2.0 * count(shape.m, shape.k) * shape.n as f64, bytes)
            }
            Planned::Fft { kind, n, batch, .. } => {
                let (n, batch) = (n.at(slots)? as f64, batch.at(slots)? as f64);
                (format!("{} {n}", kind.name()), 5.0 * batch * n * n.max(2.0).log2(), 16.0 * batch * n)
            }
            Planned::Copy { bytes, .. } => ("copy".to_owned(), 0.0, 2.0 * bytes.at(slots)? as f64),
            Planned::Keep(mask) => {
                let mut entries = 1.0;
                for size in &mask.sizes {
                    entries *= size.at(slots)? as f64;
                }
                ("dropout mask".to_owned(), 0.0, entries)
            }
            Planned::Loop { .. } => return Ok(()),
        };
        profile.add(name, time, flops, bytes);
        Ok(())
    }

    /// The address; inside the buffer, or one past its end (of what is empty).
    fn pointer(&self, pointer: &Pointer, slots: &[i64]) -> Result<*mut u8, ExecError> {
        let offset = pointer.bytes.at(slots)?;
        let base = self.bases.get(pointer.buffer).copied();
        let place = base.and_then(|base| {
            let offset = usize::try_from(offset).ok()?;
            // Of what is empty nothing is read, whatever a step would have begun with (imaginary parts begin at byte 4).
            let offset = if base.len == 0 { 0 } else { offset };
            (offset <= base.len).then(|| base.start.wrapping_add(offset))
        });
        place.ok_or_else(|| {
            let name = self.program.buffers.get(pointer.buffer).map_or("?", |buffer| &buffer.name);
            ExecError::Internal(format!("a step reaches byte {offset} of `{name}`"))
        })
    }

    fn launch(&self, launch: &PlannedLaunch, slots: &[i64]) -> Result<(), ExecError> {
        let sizes: Vec<i64> = launch.sizes.iter().map(|size| size.at(slots)).collect::<Result<_, _>>()?;
        let points = match launch.points {
            Some(points) => points,
            None => {
                let kernel = usize::try_from(launch.kernel.0).ok().and_then(|k| self.program.kernels.get(k));
                kernel.map_or(Ok(0), |kernel| kernel.grid_points(&sizes))?
            }
        };
        let pointers: Vec<*mut u8> =
            launch.arguments.iter().map(|pointer| self.pointer(pointer, slots)).collect::<Result<_, _>>()?;
        let pointers = Pointers(&pointers);
        let failure = Mutex::new(None::<Failure>);
        self.pool.run(points, launch.scratch, &|points: Range<i64>, scratch: *mut u8| {
            let mut found = None;
            // SAFETY: one pointer per parameter and one number per size, as the verifier of programs ensures; the points lie in the grid; the
            // buffers are as large as their shapes say, and their accesses are those of the verified kernel. Scratch has the size asked for.
            unsafe {
                self.code.launch_range(launch.kernel, pointers.get(), &sizes, points, scratch, &mut found);
            }
            if let Some(found) = found {
                Failure::record(&mut failure.lock().unwrap_or_else(PoisonError::into_inner), found);
            }
        })?;
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(failure) => Err(self.failed(failure)),
            None => Ok(()),
        }
    }

    /// What a user is told of a failed check.
    pub(crate) fn failed(&self, failure: Failure) -> ExecError {
        let site = usize::try_from(failure.site.0).ok().and_then(|site| self.program.checks.get(site));
        let (entered, strides) = self.entered;
        let stride = usize::try_from(failure.site.0).ok().and_then(|site| strides.get(site)).copied();
        let position = i64::from(failure.position) + entered * stride.unwrap_or(0);
        let place = match self.sequence {
            Some(sequence) => format!("{position} of sequence {sequence}"),
            None => position.to_string(),
        };
        match site {
            Some(site) => ExecError::Check {
                message: site
                    .message
                    .replace("{value}", &failure.value.to_string())
                    .replace("{position}", &place),
                origin: site.origin,
            },
            None => ExecError::Internal(format!("the unknown check {} failed", failure.site.0)),
        }
    }

    fn gemm(&self, gemm: &PlannedGemm, slots: &[i64]) -> Result<(), ExecError> {
        let (shape, items, scratch) = match gemm.fixed {
            Some(fixed) => fixed,
            None => {
                let shape = gemm.shape(slots)?;
                (shape, self.code.gemm_items(&shape), self.code.gemm_scratch_bytes(&shape))
            }
        };
        let [a, b, c] = &gemm.pointers;
        let pointers = [self.pointer(a, slots)?, self.pointer(b, slots)?, self.pointer(c, slots)?];
        let pointers = Pointers(&pointers);
        self.pool.run(items, scratch, &|items: Range<i64>, scratch: *mut u8| {
            if let &[a, b, c] = pointers.get() {
                // SAFETY: the three buffers are as large as their shapes say and distinct (the verifier of programs), the items are of this shape.
                unsafe { self.code.gemm_range(&shape, [a, b, c], items, scratch) };
            }
        })
    }

    fn fft(&self, kind: FftKind, n: i64, batch: i64, pointers: [*mut u8; 2]) -> Result<(), ExecError> {
        let Some(n) = usize::try_from(n).ok().filter(|&n| n > 0) else { return Ok(()) };
        let shape = FftShape { kind, n };
        let pointers = Pointers(&pointers);
        let scratch = self.code.fft_scratch_bytes(shape);
        self.pool.run(batch, scratch, &|rows: Range<i64>, scratch: *mut u8| {
            if let &[input, output] = pointers.get() {
                // SAFETY: both buffers hold all rows, and are distinct (the verifier of programs).
                unsafe { self.code.fft_range(shape, input, output, rows, scratch) };
            }
        })
    }

    /// A mask of `dropout`: each row from its own numbers, whoever makes it.
    fn keep(&self, mask: &PlannedKeep, slots: &[i64]) -> Result<(), ExecError> {
        let beyond = || ExecError::Internal("a mask goes beyond its buffer".to_owned());
        let at = |amount: &Amount| -> Result<u64, ExecError> {
            u64::try_from(amount.at(slots)?).map_err(|_| beyond())
        };
        let [batch, outer, time, inner] = &mask.sizes;
        let (batch, outer, time, inner) = (at(batch)?, at(outer)?, at(time)?, at(inner)?);
        let first = at(&mask.first)?;
        let within: Vec<u64> = mask
            .within
            .iter()
            .map(|step| Ok(step.at(slots)?.cast_unsigned()))
            .collect::<Result<_, DimError>>()?;
        let rows = batch.checked_mul(outer).and_then(|n| n.checked_mul(time)).ok_or_else(beyond)?;
        let offset = usize::try_from(mask.output.bytes.at(slots)?).map_err(|_| beyond())?;
        let len = rows.checked_mul(inner).and_then(|n| usize::try_from(n).ok()).ok_or_else(beyond)?;
        let base = self.bases.get(mask.output.buffer).ok_or_else(beyond)?;
        if offset.checked_add(len).is_none_or(|end| end > base.len) {
            return Err(beyond());
        }
        let pointers = [base.start.wrapping_add(offset)];
        let pointers = Pointers(&pointers);
        let (seed, sequence) = self.drawn;
        let width = usize::try_from(inner).map_err(|_| beyond())?;
        self.pool.run(i64::try_from(rows).map_err(|_| beyond())?, 0, &|rows: Range<i64>, _| {
            let mut row = vec![false; width];
            for n in rows {
                let (place, &[start]) = (n.cast_unsigned(), pointers.get()) else { return };
                let (t, block) = (place % time, place / time % outer);
                let stream = Stream::site(seed, sequence as u64 + place / (time * outer), mask.site, &within);
                let number = (first + t).wrapping_mul(outer * inner).wrapping_add(block * inner);
                stream.kept(mask.keep, number, &mut row);
                // SAFETY: row `place` of `rows * inner` bytes that lie in the buffer, as was just checked; every row is written by one thread, and a bool
                // is a byte of 0 or 1.
                unsafe {
                    let to = start.wrapping_add(place as usize * width);
                    std::ptr::copy_nonoverlapping(row.as_ptr().cast::<u8>(), to, width);
                }
            }
        })
    }

    fn copy(&self, from: &Pointer, to: &Pointer, bytes: &Amount, slots: &[i64]) -> Result<(), ExecError> {
        let len = usize::try_from(bytes.at(slots)?).unwrap_or(0);
        let fits = |pointer: &Pointer| {
            let offset = pointer.bytes.at(slots).ok().and_then(|offset| usize::try_from(offset).ok());
            let end = offset.and_then(|offset| offset.checked_add(len));
            end.is_some_and(|end| self.bases.get(pointer.buffer).is_some_and(|base| end <= base.len))
        };
        if !fits(from) || !fits(to) {
            return Err(ExecError::Internal("a copy goes beyond its buffer".to_owned()));
        }
        let (from, to) = (self.pointer(from, slots)?, self.pointer(to, slots)?);
        // SAFETY: both ranges lie in their buffers, as was just checked, and those are valid. `copy` allows them to overlap.
        unsafe { std::ptr::copy(from, to, len) };
        Ok(())
    }
}
