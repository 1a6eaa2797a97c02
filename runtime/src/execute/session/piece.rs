//! One piece of a call: its arguments cut out, its plan, its results put where they belong.

use super::state::repeated;
use super::whole::Whole;
use super::{Call, PLANS, Session, base_of, internal};
use crate::execute::ExecError;
use crate::execute::plan::{Plan, plan};
use crate::execute::steps::Base;
use crate::execute::tiles::{TimeAxis, time_axis};
use crate::tensor::{AlignedBytes, Tensor, piece, type_text};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use tensc_ir::Sizes;
use tensc_ir::dim::POSITION;
use tensc_program::BufferKind;

impl Session {
    /// Runs a block of sequences through one piece of their length, and gives the state that it leaves.
    pub(super) fn run_piece(
        &mut self,
        call: &Call<'_>,
        block: &Range<usize>,
        cut: Option<Range<usize>>,
        start: i64,
        state: Vec<Tensor>,
        results: &mut [Whole],
    ) -> Result<Vec<Tensor>, ExecError> {
        let mut sizes = self.piece_sizes(call, block.len(), cut.as_ref());
        let entered = cut.as_ref().map_or(0, |cut| i64::try_from(cut.start).unwrap_or(0));
        if self.grows {
            sizes.insert(POSITION.into(), start + entered);
        }
        let plan = self.plan_for(&sizes)?;
        if self.accelerator.is_none() {
            self.reserve(&plan)?;
        }
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
        let sequences = (block.clone(), call.batch);
        let position = start + entered;
        let failure = match &mut self.accelerator {
            None => {
                // SAFETY: arguments, states, weights and prepared arrays are valid and only read; results, left states and the arena are memory that
                // nothing else uses meanwhile, each as large as the plan says (checked above, or made so).
                unsafe { self.machine(&bases, position, sequences.clone()).run(&plan, position)? };
                None
            }
            // SAFETY: as above.
            Some(accelerator) => unsafe { accelerator.run(&plan, &bases, position, &self.cancel)? },
        };
        if let Some(failure) = failure {
            return Err(self.machine(&bases, position, sequences).failed(failure));
        }
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
