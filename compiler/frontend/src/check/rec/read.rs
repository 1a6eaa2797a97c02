//! What a body reads: the index, entries of its own lines, entries of sequences made outside.

use super::{MAX_LAG, physical, state_input};
use crate::check::elaborator::{Elaborator, Reported, Res};
use crate::check::region::Slot;
use crate::check::value::{Tensor, TimeIndex, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, DType, Direction, Op};

impl<'a> Elaborator<'a> {
    /// `t`, as a number.
    pub(crate) fn time_value(&mut self, time: TimeIndex) -> Res<Tensor> {
        let region = self.stepping_of(time.rec).map(|stepping| stepping.region).ok_or(Reported)?;
        let id = self.regions.get(region).and_then(|body| body.find(Slot::Time)).ok_or(Reported)?;
        let t = self.tensor_of(id, region, Vec::new(), 0);
        if time.offset == 0 {
            return Ok(t);
        }
        #[expect(clippy::cast_precision_loss, reason = "offsets fit into 32 bits")]
        let offset = self.constant(DType::I32, time.offset as f64)?;
        self.binary_op(BinaryOp::Add, &t, &offset, self.span)
    }

    /// `c[t-1]`, or `f[t]` of a line above.
    pub(crate) fn read_line(&mut self, rec: u32, line: usize, time: TimeIndex, span: Span) -> Res<Value<'a>> {
        let lead = self.lead_dims();
        let Some(stepping) = self.stepping_of(rec) else { return Err(Reported) };
        let Some(state) = stepping.lines.get(line) else { return Err(Reported) };
        let name = state.name;
        if time.rec != rec {
            let title = format!("`{name}` is read with the index of another recurrence");
            return Err(self.error(span, title, "the index belongs to an inner or outer one"));
        }
        if time.offset == 0 {
            return match state.now.clone() {
                Some(Value::Error) => Err(Reported),
                Some(value) => Ok(value),
                None => {
                    let title = format!("`{name}` at this step is not made yet");
                    let diagnostic = Diagnostic::error(title, span, "lines run in order");
                    Err(self.report(diagnostic.hint(format!("{name}[t-1], or a line above this one"))))
                }
            };
        }
        let direction = if time.offset < 0 { Direction::Forward } else { Direction::Backward };
        match stepping.direction {
            Some((other, first)) if other != direction => {
                let diagnostic = Diagnostic::error(
                    "a recurrence reads earlier entries or later ones, not both",
                    span,
                    "this runs the other way",
                )
                .label(first, "this sets the direction");
                return Err(self.report(diagnostic.hint("two recurrences, one each way")));
            }
            Some(_) => {}
            None => stepping.direction = Some((direction, span)),
        }
        let lag = time.offset.unsigned_abs();
        if lag > MAX_LAG {
            let title = format!("a recurrence reads at most {MAX_LAG} entries back");
            return Err(self.error(span, title, format!("this reads {lag} back")));
        }
        let lag = usize::try_from(lag).unwrap_or(1);
        let (region, mapped) = (stepping.region, stepping.mapped);
        let ty = match stepping.lines.get_mut(line) {
            Some(line) => {
                line.depth = line.depth.max(lag);
                line.ty.clone()
            }
            None => None,
        };
        let Some(ty) = ty else { return Ok(Value::Hole) };
        let count = if mapped { lead.len() } else { 0 };
        let physical = physical(&ty, if mapped { &lead } else { &[] });
        let Some(body) = self.regions.get_mut(region) else { return Err(Reported) };
        let id = state_input(body, line, lag, name, physical);
        Ok(self.tensor_of(id, region, ty.axes, count).into())
    }

    /// `x[t-1]` of a sequence that is made outside.
    pub(crate) fn read_sequence(&mut self, base: &Tensor, time: TimeIndex, span: Span) -> Res<Tensor> {
        let Some(stepping) = self.stepping_of(time.rec).cloned() else { return Err(Reported) };
        let Some(length) = base.axes.first().cloned() else {
            let diagnostic =
                Diagnostic::error("a scalar has no entries", span, format!("this is {}", base.ty()));
            return Err(self.report(diagnostic.hint("leave out the index: it is a constant")));
        };
        match &stepping.length {
            Some(known) if known.dim != length.dim => {
                let title = "the sequences of a recurrence have one length";
                let fact = format!(
                    "{}: its length is {}, that of an earlier one {}",
                    base.ty(),
                    length.described(),
                    known.described()
                );
                return Err(self.error(span, title, fact));
            }
            Some(_) => {}
            None => {
                if let Some(stepping) = self.stepping_of(time.rec) {
                    stepping.length = Some(length);
                }
            }
        }
        if base.region >= stepping.region {
            return self.read_inner(base, time, span);
        }
        let base = if stepping.mapped { self.map_over_lead(base.clone())? } else { base.clone() };
        if base.lead > 0
            && let Some(stepping) = self.stepping_of(time.rec)
        {
            stepping.saw_mapped = true;
        }
        let axis = base.lead;
        let shifted = if time.offset == 0 {
            base
        } else {
            self.emit(Op::Shift { axis, by: -time.offset }, &[&base], base.axes.clone())?
        };
        let mut ty = self.physical(&shifted);
        ty.shape.remove(axis.min(ty.shape.len().saturating_sub(1)));
        let outer = self.import(&shifted, stepping.region - 1);
        let Some(body) = self.regions.get_mut(stepping.region) else { return Err(Reported) };
        let id = body.entry(outer, ty);
        let axes = shifted.axes.get(1..).unwrap_or(&[]).to_vec();
        Ok(self.tensor_of(id, stepping.region, axes, axis))
    }

    /// An entry of a sequence that is made anew at every step.
    fn read_inner(&mut self, base: &Tensor, time: TimeIndex, span: Span) -> Res<Tensor> {
        if time.offset != 0 {
            let title = "a value of the step is read at its own entries only";
            return Err(self.error(span, title, "this is made anew at each step"));
        }
        let index = self.time_value(time)?;
        self.gather(base, &index, 0, span)
    }

    /// Inside a recurrence, a sequence of its length needs its index.
    pub(crate) fn indexed_sequence(&mut self, name: &str, value: Value<'a>, span: Span) -> Value<'a> {
        if self.free_sequences > 0 {
            return value;
        }
        let Value::Tensor(tensor) = &value else { return value };
        let ty = tensor.ty();
        if let Some(stepping) = self.frame().recs.last_mut()
            && stepping.candidate.as_ref().is_none_or(|(_, _, rank, _)| *rank < tensor.rank())
            && tensor.region < stepping.region
            && tensor.axes.first().is_some_and(|axis| axis.as_int().is_none())
        {
            stepping.candidate = Some((name.to_owned(), span, tensor.rank(), ty));
        }
        let open = self.frame().recs.iter().rev().find_map(|stepping| {
            let length = stepping.length.as_ref()?;
            let first = tensor.axes.first()?;
            let named = length.as_int().is_none() && first.dim == length.dim;
            (named && tensor.region < stepping.region).then(|| length.described())
        });
        let Some(length) = open else { return value };
        let title = format!("the sequence `{name}` needs its index here");
        let fact = format!("{}: its length {length} is the recurrence's", tensor.ty());
        self.report(Diagnostic::error(title, span, fact).hint(format!("{name}[t]")));
        Value::Error
    }

    /// The sequence that a recurrence defines, used as a whole inside it.
    pub(crate) fn whole_line(&mut self, rec: u32, line: usize, span: Span) -> Reported {
        let name = self.stepping_of(rec).and_then(|s| s.lines.get(line)).map_or("c", |line| line.name);
        let title = format!("`{name}` is read by its entries while it is made");
        let diagnostic = Diagnostic::error(title, span, "here it is the whole sequence");
        self.report(diagnostic.hint(format!("{name}[t-1]")))
    }
}
