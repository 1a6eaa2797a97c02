//! Fourier transforms: rows gathered into contiguous memory, cut or padded, one library call.

use crate::ScheduleError;
use crate::index::{Ix, product};
use crate::kernels::positions_of;
use crate::place::{Parts, Place};
use crate::read::{Reader, SEQUENCE};
use crate::schedule::Scheduler;
use crate::scope::ScopeId;
use tensc_ir::{DType, Dim, FftKind, Node, ValueId};
use tensc_program::{BATCH, BufferKind, Call, Step};

impl Scheduler<'_> {
    /// The steps of a transform along an axis.
    pub(crate) fn transform(
        &mut self,
        at: ScopeId,
        node: &Node,
        (kind, axis, n): (FftKind, usize, &Dim),
        value: ValueId,
    ) -> Result<Vec<Step>, ScheduleError> {
        let Some(x) = node.operands.first().copied() else {
            return Err(ScheduleError::Malformed("a transform of nothing".to_owned()));
        };
        let scope = self.scope(at);
        let (from, to, varies) = (scope.ty(x), scope.ty(value), scope.fact(value).varies);
        let half = &n.div(&Dim::constant(2)).unwrap_or_default().floor() + &Dim::constant(1);
        let taken = if kind == FftKind::Irfft { half } else { n.clone() };
        let mut steps = Vec::new();
        let mut rows = from.shape.clone();
        let axis = axis.min(rows.len().saturating_sub(1));
        rows.remove(axis);
        let with_last = |size: &Dim| rows.iter().cloned().chain([size.clone()]).collect::<Vec<_>>();

        let input = match self.ready(at, x, axis, &taken, varies) {
            Some(place) => place,
            None => {
                let place =
                    self.outer_place("rows", BufferKind::Scratch, from.dtype, &with_last(&taken), varies);
                steps.push(self.gather_rows(at, x, axis, &place)?);
                place
            }
        };
        let size = to.shape.get(axis).cloned().unwrap_or_default();
        let spectrum =
            self.outer_place(node.op.name(), BufferKind::Scratch, to.dtype, &with_last(&size), varies);
        let mut batch = product(&rows);
        if varies {
            batch = &batch * &Dim::var(BATCH);
        }
        let spot = |place: &Place| match &place.parts {
            Parts::Real(spot) | Parts::Complex(Some(spot), _) => Ok(spot.reference()),
            Parts::Complex(None, _) => {
                Err(ScheduleError::Malformed("rows of a transform without real parts".to_owned()))
            }
        };
        let call = Call::Fft { kind, input: spot(&input)?, output: spot(&spectrum)?, n: n.clone(), batch };
        steps.push(Step::Call(call));
        // The last axis goes back to where it belongs.
        let last = rows.len();
        let perm: Vec<usize> = (0..=last)
            .map(|n| match n {
                n if n < axis => n,
                n if n == axis => last,
                n => n - 1,
            })
            .collect();
        let result = spectrum.transpose(&perm);
        match self.scope(at).home(value).cloned() {
            Some(home) => steps.push(self.rearrange(&result, &home, to.dtype)),
            None => self.scope_mut(at).set_home(value, result),
        }
        Ok(steps)
    }

    /// The operand's own memory, where its rows lie as the library wants them.
    fn ready(&self, at: ScopeId, x: ValueId, axis: usize, taken: &Dim, varies: bool) -> Option<Place> {
        let place = self.view(at, x, false)?;
        let last = axis + 1 == place.shape.len();
        let whole = place.shape.last() == Some(taken);
        let two = Dim::constant(2);
        let dense = match &place.parts {
            Parts::Real(_) => place.memory == DType::F32 && place.is_contiguous(),
            Parts::Complex(Some(re), Some(im)) => {
                let halves: Option<Vec<Dim>> = place.strides.iter().map(|stride| stride.div(&two)).collect();
                let batch = place.batch.as_ref().map(|stride| stride.div(&two).unwrap_or_default());
                re.buffer == im.buffer
                    && im.offset == &re.offset + &Dim::constant(1)
                    && halves.is_some_and(|strides| Place { strides, batch, ..place.clone() }.is_contiguous())
            }
            Parts::Complex(..) => false,
        };
        (last && whole && dense && place.batch.is_some() == varies).then_some(place)
    }

    /// A kernel that lays the operand's rows side by side, cut or padded with zeros.
    fn gather_rows(
        &mut self,
        at: ScopeId,
        x: ValueId,
        axis: usize,
        place: &Place,
    ) -> Result<Step, ScheduleError> {
        let mut reader = Reader::new(self, self.scope(at).wide);
        if place.batch.is_some() {
            reader.em.sequences(SEQUENCE);
        }
        let idx = positions_of(&mut reader, &place.shape);
        let mut inner: Vec<Ix> = idx.clone();
        if let Some(position) = inner.pop() {
            inner.insert(axis.min(inner.len()), position);
        }
        let val = reader.inside(at, x, axis, &inner)?;
        reader.store(place, &idx, val);
        let Reader { em, checks, .. } = reader;
        let (kernel, arguments, sizes) = em.finish("rows".to_owned());
        self.add_checks(checks);
        Ok(self.launch(kernel, arguments, sizes))
    }

    /// A kernel that copies an array to another of the same shape.
    pub(crate) fn rearrange(&mut self, from: &Place, to: &Place, dtype: DType) -> Step {
        let mut reader = Reader::new(self, false);
        if to.batch.is_some() {
            reader.em.sequences(SEQUENCE);
        }
        let idx = positions_of(&mut reader, &to.shape);
        let val = reader.load(from, dtype, &idx);
        reader.store(to, &idx, val);
        let (kernel, arguments, sizes) = reader.em.finish("copy".to_owned());
        self.launch(kernel, arguments, sizes)
    }
}
