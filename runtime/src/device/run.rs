//! A plan on a GPU, step by step.

#![expect(unsafe_code, reason = "reads and writes the arrays of a session in place")]

use super::{Address, DeviceFailure, Gpu, Launch};
use crate::Cancel;
use crate::execute::ExecError;
use crate::execute::on_device::{Amount, Base, POSITION_SLOT, Plan, Planned, PlannedLaunch, Pointer};
use std::collections::HashMap;
use std::sync::Arc;
use tensc_program::{BufferKind, DeviceCode, DeviceKernel, Failure, Program, first_failure};

/// Buffers begin at multiples of this.
const ALIGNMENT: u64 = 256;

/// A GPU with a program's code and, from the first run on, its weights.
pub struct Accelerator {
    gpu: Box<dyn Gpu>,
    program: Arc<Program>,
    kernels: Vec<Option<DeviceKernel>>,
    /// Weights and what prepare made, by buffer.
    resident: HashMap<usize, Address>,
    /// Memory of a run: arguments, states, results, intermediates.
    room: Option<(Address, u64)>,
    /// A number for each check.
    status: Option<Address>,
}

/// Where a buffer lies on the device.
#[derive(Clone, Copy)]
struct Place {
    at: Address,
    bytes: u64,
}

impl Accelerator {
    /// Loads the code. The program is the one that the code was made of.
    ///
    /// # Errors
    /// Code that is not for this device, no memory.
    pub fn new(
        mut gpu: Box<dyn Gpu>,
        program: Arc<Program>,
        code: DeviceCode,
    ) -> Result<Self, DeviceFailure> {
        gpu.load(&code.ptx, &code.target)?;
        let checks = program.checks.len() as u64;
        let status = if checks > 0 { Some(gpu.allocate(8 * checks, "run-time checks")?) } else { None };
        Ok(Self { gpu, program, kernels: code.kernels, resident: HashMap::new(), room: None, status })
    }

    /// What it runs on.
    #[must_use]
    pub fn name(&self) -> String {
        self.gpu.name()
    }

    /// Runs a plan at this position in the stream, and tells the first check that failed.
    ///
    /// # Safety
    /// Every base of a buffer that the plan uses is valid for its length, those of results and left states for writing.
    pub(crate) unsafe fn run(
        &mut self,
        plan: &Plan,
        bases: &[Base],
        position: i64,
        cancel: &Cancel,
    ) -> Result<Option<Failure>, ExecError> {
        let places = self.places(plan)?;
        // SAFETY: the caller's promise is the same.
        let outcome = unsafe { self.run_at(&places, plan, bases, position, cancel) };
        self.leave(&places)?;
        outcome
    }

    /// # Safety
    /// As for [`Self::run`].
    unsafe fn run_at(
        &mut self,
        places: &[Option<Place>],
        plan: &Plan,
        bases: &[Base],
        position: i64,
        cancel: &Cancel,
    ) -> Result<Option<Failure>, ExecError> {
        let program = Arc::clone(&self.program);
        for ((n, place), (buffer, base)) in places.iter().enumerate().zip(program.buffers.iter().zip(bases)) {
            let Some(place) = place.filter(|place| place.bytes > 0) else { continue };
            let given = match buffer.kind {
                BufferKind::Argument | BufferKind::StateIn => true,
                BufferKind::Weight { .. } | BufferKind::Prepared | BufferKind::StateStart { .. } => {
                    !self.resident.contains_key(&n)
                }
                BufferKind::StateOut | BufferKind::Result | BufferKind::Scratch => false,
            };
            if given {
                // SAFETY: the base is valid for its length (the caller), and nothing writes it meanwhile.
                let bytes = unsafe { std::slice::from_raw_parts(base.start, base.len) };
                self.gpu.copy_to(place.at, bytes)?;
                if !matches!(buffer.kind, BufferKind::Argument | BufferKind::StateIn) {
                    self.resident.insert(n, place.at);
                }
            }
        }
        let checks = 8 * self.program.checks.len();
        if let Some(status) = self.status {
            self.gpu.copy_to(status, &vec![0xFF; checks])?;
        }
        let mut slots = vec![0; plan.slots];
        if let Some(slot) = slots.get_mut(POSITION_SLOT) {
            *slot = position;
        }
        self.steps(&plan.steps, &mut slots, places, cancel)?;
        for (place, (buffer, base)) in places.iter().zip(program.buffers.iter().zip(bases)) {
            let left = match buffer.kind {
                BufferKind::StateOut | BufferKind::Result => true,
                BufferKind::Argument
                | BufferKind::Weight { .. }
                | BufferKind::Prepared
                | BufferKind::StateIn
                | BufferKind::StateStart { .. }
                | BufferKind::Scratch => false,
            };
            if let Some(place) = place.filter(|place| left && place.bytes > 0) {
                // SAFETY: the base is valid for writing (the caller), and nothing else uses it meanwhile.
                let bytes = unsafe { std::slice::from_raw_parts_mut(base.start, base.len) };
                self.gpu.copy_from(place.at, bytes)?;
            }
        }
        let Some(status) = self.status else { return Ok(None) };
        let mut told = vec![0; checks];
        self.gpu.copy_from(status, &mut told)?;
        let (words, _) = told.as_chunks::<8>();
        let numbers: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Ok(first_failure(&numbers))
    }

    /// Addresses of all buffers of a plan: one piece of memory for what lives within a run, a piece each for what stays.
    fn places(&mut self, plan: &Plan) -> Result<Vec<Option<Place>>, ExecError> {
        let mut places = vec![None; plan.bytes.len()];
        let arena = (plan.arena as u64).next_multiple_of(ALIGNMENT);
        let mut end = arena;
        let mut offsets = Vec::new();
        for (n, (buffer, bytes)) in self.program.buffers.iter().zip(&plan.bytes).enumerate() {
            let Some(bytes) = bytes.map(|bytes| bytes as u64) else { continue };
            match buffer.kind {
                BufferKind::Scratch => {
                    if let Some(place) = plan.places.get(n).copied().flatten() {
                        offsets.push((n, place as u64, bytes));
                    }
                }
                BufferKind::Argument | BufferKind::StateIn | BufferKind::StateOut | BufferKind::Result => {
                    offsets.push((n, end, bytes));
                    end += bytes.next_multiple_of(ALIGNMENT);
                }
                BufferKind::Weight { .. } | BufferKind::Prepared | BufferKind::StateStart { .. } => {
                    let at = match self.resident.get(&n) {
                        Some(at) => *at,
                        None => self.gpu.allocate(bytes.max(1), &format!("`{}`", buffer.name))?,
                    };
                    if let Some(place) = places.get_mut(n) {
                        *place = Some(Place { at, bytes });
                    }
                }
            }
        }
        if self.gpu.finds_mistakes() {
            for (n, _, bytes) in offsets {
                let name = self.program.buffers.get(n).map_or("?", |buffer| &buffer.name);
                let at = self.gpu.allocate(bytes.max(1), name)?;
                if let Some(place) = places.get_mut(n) {
                    *place = Some(Place { at, bytes });
                }
            }
            return Ok(places);
        }
        let room = self.room(end)?;
        for (n, offset, bytes) in offsets {
            if let Some(place) = places.get_mut(n) {
                *place = Some(Place { at: room.plus(offset), bytes });
            }
        }
        Ok(places)
    }

    /// Frees what only this run had.
    fn leave(&mut self, places: &[Option<Place>]) -> Result<(), DeviceFailure> {
        if self.gpu.finds_mistakes() {
            for (n, place) in places.iter().enumerate() {
                if let Some(place) = place.filter(|_| !self.resident.contains_key(&n)) {
                    self.gpu.free(place.at)?;
                }
            }
        }
        Ok(())
    }

    /// Memory for a run: that of the last one where it suffices.
    fn room(&mut self, bytes: u64) -> Result<Address, DeviceFailure> {
        if let Some((at, there)) = self.room {
            if there >= bytes {
                return Ok(at);
            }
            // The old one goes first: both together may be too much.
            self.room = None;
            self.gpu.free(at)?;
        }
        let at = self.gpu.allocate(bytes.max(1), "the call's arrays")?;
        self.room = Some((at, bytes));
        Ok(at)
    }

    fn steps(
        &mut self,
        steps: &[Planned],
        slots: &mut Vec<i64>,
        places: &[Option<Place>],
        cancel: &Cancel,
    ) -> Result<(), ExecError> {
        for step in steps {
            if cancel.requested() {
                return Err(ExecError::Cancelled);
            }
            match step {
                Planned::Launch(launch) => self.launch(launch, slots, places)?,
                Planned::Copy { from, to, bytes } => {
                    let bytes = u64::try_from(bytes.at(slots)?).unwrap_or(0);
                    if bytes > 0 {
                        let from = self.address(from, slots, places, bytes)?;
                        let to = self.address(to, slots, places, bytes)?;
                        self.gpu.copy_within(from, to, bytes)?;
                    }
                }
                Planned::Loop { slot, count, reverse, body } => {
                    let count = count.at(slots)?;
                    for turn in 0..count {
                        let value = if *reverse { count - 1 - turn } else { turn };
                        if let Some(place) = slots.get_mut(*slot) {
                            *place = value;
                        }
                        self.steps(body, slots, places, cancel)?;
                    }
                }
                Planned::Gemm(_) | Planned::Fft { .. } | Planned::Keep(_) => {
                    return Err(ExecError::Internal("a library call in a program for a GPU".to_owned()));
                }
            }
        }
        Ok(())
    }

    fn address(
        &self,
        pointer: &Pointer,
        slots: &[i64],
        places: &[Option<Place>],
        bytes: u64,
    ) -> Result<Address, ExecError> {
        let offset = pointer.bytes.at(slots)?;
        let place = places.get(pointer.buffer).copied().flatten();
        let address = place.and_then(|place| {
            // Of what is empty nothing is read, whatever a step would have begun with.
            let offset = if place.bytes == 0 { 0 } else { u64::try_from(offset).ok()? };
            (offset.checked_add(bytes)? <= place.bytes).then(|| place.at.plus(offset))
        });
        address.ok_or_else(|| {
            let name = self.program.buffers.get(pointer.buffer).map_or("?", |buffer| &buffer.name);
            ExecError::Internal(format!("a step reaches byte {offset} of `{name}`"))
        })
    }

    fn launch(
        &mut self,
        launch: &PlannedLaunch,
        slots: &[i64],
        places: &[Option<Place>],
    ) -> Result<(), ExecError> {
        let number = usize::try_from(launch.kernel.0).unwrap_or(usize::MAX);
        let device = self.kernels.get(number).and_then(Option::as_ref);
        let (Some(kernel), Some(device)) = (self.program.kernels.get(number), device) else {
            return Err(ExecError::Internal(format!("kernel {number} has no code for the GPU")));
        };
        let values: Vec<i64> =
            launch.sizes.iter().map(|size: &Amount| size.at(slots)).collect::<Result<_, _>>()?;
        let numbers = device.numbers(kernel, &values)?;
        if numbers.blocks == 0 {
            return Ok(());
        }
        let blocks = u32::try_from(numbers.blocks).ok().filter(|blocks| *blocks <= i32::MAX.unsigned_abs());
        let blocks = blocks.ok_or_else(|| {
            ExecError::Device(DeviceFailure::Run {
                device: self.gpu.name(),
                place: format!("kernel `{}`", device.entry),
                what: format!("{} blocks are more than a grid can have", numbers.blocks),
            })
        })?;
        let mut arguments = Vec::with_capacity(launch.arguments.len() + 1 + numbers.numbers.len());
        for pointer in &launch.arguments {
            arguments.push(self.address(pointer, slots, places, 0)?.0);
        }
        if device.checks {
            arguments.extend(self.status.map(|status| status.0));
        }
        let pointers = arguments.len();
        arguments.extend(numbers.numbers.iter().map(|n| n.cast_unsigned()));
        let entry = device.entry.clone();
        let launch =
            Launch { entry: &entry, blocks, threads: device.threads, arguments: &arguments, pointers };
        Ok(self.gpu.launch(&launch)?)
    }
}
