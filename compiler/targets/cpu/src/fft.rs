//! Transforms of any length, planned once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, RwLock};
use tensc_fourier::{Complex, ComplexToReal, Fft, FftDirection, RealToComplex};
use tensc_ir::FftKind;
use tensc_program::FftShape;

/// A planned transform.
#[derive(Clone)]
enum Plan {
    Complex(Arc<dyn Fft<f32>>),
    Forward(Arc<dyn RealToComplex<f32>>),
    Inverse(Arc<dyn ComplexToReal<f32>>),
}

/// The transforms that were planned so far.
#[derive(Default)]
pub(crate) struct Transforms {
    plans: RwLock<HashMap<FftShape, Plan>>,
}

impl Transforms {
    fn plan(&self, shape: FftShape) -> Plan {
        // A poisoned lock means that planning panicked elsewhere; the table itself is whole.
        if let Some(plan) = self.plans.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(&shape) {
            return plan.clone();
        }
        let plan = match shape.kind {
            FftKind::Fft => Plan::Complex(tensc_fourier::complex_f32(shape.n, FftDirection::Forward)),
            FftKind::Ifft => Plan::Complex(tensc_fourier::complex_f32(shape.n, FftDirection::Inverse)),
            FftKind::Rfft => Plan::Forward(tensc_fourier::real_to_complex(shape.n)),
            FftKind::Irfft => Plan::Inverse(tensc_fourier::complex_to_real(shape.n)),
        };
        let mut plans = self.plans.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        plans.entry(shape).or_insert(plan).clone()
    }

    /// Scratch memory: what the transform needs, and a copy of its input where it destroys that.
    pub(crate) fn scratch_bytes(&self, shape: FftShape) -> usize {
        if shape.n == 0 {
            return 0;
        }
        match self.plan(shape) {
            Plan::Complex(plan) => 8 * plan.get_inplace_scratch_len(),
            Plan::Forward(plan) => 4 * shape.n.next_multiple_of(16) + 8 * plan.get_scratch_len(),
            Plan::Inverse(plan) => 8 * ((shape.n / 2 + 1).next_multiple_of(8) + plan.get_scratch_len()),
        }
    }

    /// Transforms rows of a batch.
    ///
    /// # Safety
    /// As `Code::fft_range`.
    #[expect(unsafe_code, reason = "arrays come as pointers")]
    pub(crate) unsafe fn run(
        &self,
        shape: FftShape,
        input: *const u8,
        output: *mut u8,
        rows: Range<i64>,
        scratch: *mut u8,
    ) {
        let (n, half) = (shape.n, shape.n / 2 + 1);
        if n == 0 {
            return;
        }
        let plan = self.plan(shape);
        let scale = 1.0 / n as f32;
        for row in rows {
            let row = row as usize;
            // SAFETY: the caller's arrays cover all rows, 16-byte aligned at least; scratch memory is as large as `scratch_bytes` says, and each slice made here
            // lies in another array or part of scratch memory.
            unsafe {
                match &plan {
                    Plan::Complex(plan) => {
                        let from = std::slice::from_raw_parts(input.cast::<Complex<f32>>().add(row * n), n);
                        let to =
                            std::slice::from_raw_parts_mut(output.cast::<Complex<f32>>().add(row * n), n);
                        let work =
                            std::slice::from_raw_parts_mut(scratch.cast(), plan.get_inplace_scratch_len());
                        to.copy_from_slice(from);
                        plan.process_with_scratch(to, work);
                        if shape.kind == FftKind::Ifft {
                            to.iter_mut().for_each(|x| *x *= scale);
                        }
                    }
                    Plan::Forward(plan) => {
                        let from = std::slice::from_raw_parts(input.cast::<f32>().add(row * n), n);
                        let copy = std::slice::from_raw_parts_mut(scratch.cast::<f32>(), n);
                        let to = std::slice::from_raw_parts_mut(
                            output.cast::<Complex<f32>>().add(row * half),
                            half,
                        );
                        let work = scratch.cast::<f32>().add(n.next_multiple_of(16)).cast();
                        let work = std::slice::from_raw_parts_mut(work, plan.get_scratch_len());
                        copy.copy_from_slice(from);
                        // The one error is a wrong length.
                        let _ = plan.process_with_scratch(copy, to, work);
                    }
                    Plan::Inverse(plan) => {
                        let from =
                            std::slice::from_raw_parts(input.cast::<Complex<f32>>().add(row * half), half);
                        let copy = std::slice::from_raw_parts_mut(scratch.cast::<Complex<f32>>(), half);
                        let to = std::slice::from_raw_parts_mut(output.cast::<f32>().add(row * n), n);
                        let work = scratch.cast::<Complex<f32>>().add(half.next_multiple_of(8));
                        let work = std::slice::from_raw_parts_mut(work, plan.get_scratch_len());
                        copy.copy_from_slice(from);
                        // These two must be real; what else they hold does not count.
                        if let Some(first) = copy.first_mut() {
                            first.im = 0.0;
                        }
                        if n % 2 == 0
                            && let Some(last) = copy.last_mut()
                        {
                            last.im = 0.0;
                        }
                        let _ = plan.process_with_scratch(copy, to, work);
                        to.iter_mut().for_each(|x| *x *= scale);
                    }
                }
            }
        }
    }
}
