//! `rec`: a sequence defined by its earlier (or later) entries.
//!
//! The body becomes a region of its own that is run once per entry. Its type is found by running it with the earlier entries left
//! out, then with what that gave, until it stands; only the last run is kept.

use super::elaborator::{Elaborator, Reported, Res};
use super::region::{Region, RegionKind, Slot};
use super::size::Size;
use super::tensor::widen;
use super::types::Stated;
use super::value::{Tensor, TimeIndex, Value, type_text};
use crate::ast::{self, RecLine};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, DType, Dim, Direction, Op, Rec, RecState, Type, ValueId};

/// How often the body is run to find its type.
const MAX_PASSES: usize = 12;
/// How far back an entry may be read.
const MAX_LAG: u64 = 256;

/// A recurrence whose body is open.
#[derive(Clone)]
pub(crate) struct Stepping<'a> {
    number: u32,
    region: usize,
    length: Option<Size>,
    direction: Option<(Direction, Span)>,
    mapped: bool,
    saw_mapped: bool,
    lines: Vec<Line<'a>>,
    /// A sequence that is read without its index, for the message when nothing is read with one.
    candidate: Option<(String, Span, usize, String)>,
}

/// A line of an open recurrence.
#[derive(Clone)]
struct Line<'a> {
    name: &'a str,
    /// The type of an entry, as far as it is known.
    ty: Option<Stated>,
    /// Its entry at this step, once the line has run.
    now: Option<Value<'a>>,
    /// The furthest lag that is read.
    depth: usize,
}

/// What a run of the body found.
struct Pass<'a> {
    region: Region,
    stepping: Stepping<'a>,
    types: Vec<Option<Stated>>,
}

impl<'a> Elaborator<'a> {
    /// Runs a `rec` statement: binds its sequences.
    pub(crate) fn rec(&mut self, rec: &'a ast::Rec) {
        let lines: Vec<&'a ast::Define> = defines(rec).collect();
        let outer = std::mem::replace(&mut self.span, rec.span);
        let values = self.rec_values(rec, &lines);
        self.span = outer;
        match values {
            Ok(values) => {
                for (line, value) in lines.iter().zip(values) {
                    self.bind(&line.name.text, value);
                }
            }
            Err(Reported) => {
                for line in &lines {
                    self.bind(&line.name.text, Value::Error);
                }
            }
        }
    }

    fn rec_values(&mut self, rec: &'a ast::Rec, lines: &[&'a ast::Define]) -> Res<Vec<Value<'a>>> {
        self.twice_defined(lines)?;
        let mut starts = Vec::with_capacity(lines.len());
        let mut types: Vec<Option<Stated>> = Vec::with_capacity(lines.len());
        for line in lines {
            starts.push(line.from.as_ref().map(|from| self.eval(from)));
            types.push(match &line.ty {
                Some(ty) => Some(self.stated_type(ty)?),
                None => None,
            });
        }
        if starts.iter().flatten().any(Value::has_error) {
            types.iter_mut().for_each(|ty| *ty = None);
            self.pass(rec, lines, &types, None, false);
            return Err(Reported);
        }
        let Some(pass) = self.settle(rec, lines, types, &starts)? else {
            return Ok(vec![Value::Hole; lines.len()]);
        };
        self.close(rec, lines, pass, &starts)
    }

    fn twice_defined(&mut self, lines: &[&'a ast::Define]) -> Res<()> {
        for (n, line) in lines.iter().enumerate() {
            if let Some(first) = lines.iter().take(n).find(|first| first.name.text == line.name.text) {
                let title = format!("`{}` is defined twice in one recurrence", line.name.text);
                let diagnostic = Diagnostic::error(title, line.name.span, "again here")
                    .label(first.name.span, "first here");
                return Err(self.report(diagnostic));
            }
        }
        Ok(())
    }

    /// Runs the body until its types stand. `None` where an outer recurrence has not found its own types yet.
    fn settle(
        &mut self,
        rec: &'a ast::Rec,
        lines: &[&'a ast::Define],
        mut types: Vec<Option<Stated>>,
        starts: &[Option<Value<'a>>],
    ) -> Res<Option<Pass<'a>>> {
        let stated: Vec<bool> = types.iter().map(Option::is_some).collect();
        let (mut length, mut mapped) = (None, false);
        for _ in 0..MAX_PASSES {
            let counters = (self.sites, self.next_rec);
            let open = types.iter().any(Option::is_none);
            self.lenient += usize::from(open);
            let poisoned = std::mem::take(&mut self.poisoned);
            let (pass, failed) = self.quietly(|cx| cx.pass(rec, lines, &types, length.clone(), mapped));
            self.lenient -= usize::from(open);
            let reported = std::mem::replace(&mut self.poisoned, poisoned);
            let learnt =
                pass.types.iter().zip(&types).any(|(found, known)| found.is_some() && known.is_none());
            if reported || (failed && !(open && learnt)) {
                (self.sites, self.next_rec) = counters;
                self.pass(rec, lines, &types, length, mapped);
                return Err(Reported);
            }
            length = pass.stepping.length.clone();
            if pass.stepping.saw_mapped && !mapped {
                mapped = true;
                (self.sites, self.next_rec) = counters;
                continue;
            }
            let mut found = pass.types.clone();
            for ((line, ty), start) in lines.iter().zip(&mut found).zip(starts) {
                let typed = |start: &&Value<'a>| !start.has_hole() && (ty.is_none() || !start.is_literal());
                if let Some(start) = start.as_ref().filter(typed) {
                    let span = line.from.as_ref().map_or(line.span, |from| from.span);
                    let start = self.tensor(start, None, span)?;
                    mapped |= start.lead > 0;
                    let start = Stated { dtype: start.dtype, axes: start.axes };
                    *ty = Some(match ty.take() {
                        Some(ty) => self.join_start(line, &ty, &start, span)?,
                        None => start,
                    });
                }
            }
            for ((ty, known), stated) in found.iter_mut().zip(&types).zip(&stated) {
                if *stated {
                    ty.clone_from(known);
                }
            }
            let stands = found.iter().zip(&types).all(|(a, b)| same(a.as_ref(), b.as_ref()));
            if stands && mapped == pass.stepping.mapped {
                let unknown = pass
                    .stepping
                    .lines
                    .iter()
                    .zip(&found)
                    .position(|(line, ty)| line.depth > 0 && ty.is_none());
                if found.iter().all(Option::is_some) && unknown.is_none() {
                    return Ok(Some(pass));
                }
                return self.untyped(lines, &found);
            }
            types = found;
            (self.sites, self.next_rec) = counters;
        }
        let names: Vec<&str> = lines.iter().map(|line| line.name.text.as_str()).collect();
        let title = format!("the type of {} does not settle", super::call::quoted(&names));
        let diagnostic =
            Diagnostic::error(title, rec.span, "each step gives another type than the one before");
        let name = names.first().copied().unwrap_or("c");
        Err(self.report(diagnostic.hint(format!("state it: `rec {name}[t]: f32[..] = ..`"))))
    }

    fn untyped(&mut self, lines: &[&'a ast::Define], found: &[Option<Stated>]) -> Res<Option<Pass<'a>>> {
        let inside = self.frames.iter().any(|frame| !frame.recs.is_empty());
        let Some((line, _)) = lines.iter().zip(found).find(|(_, ty)| ty.is_none()) else {
            return Err(Reported);
        };
        if inside {
            return Ok(None);
        }
        let (name, index) = (&line.name.text, &line.index.text);
        let title = format!("the type of `{name}` cannot be found");
        let diagnostic = Diagnostic::error(title, line.span, "it depends on its own earlier entries alone");
        Err(self.report(diagnostic.hint(format!("state it: `rec {name}[{index}]: f32[..] = ..`"))))
    }

    /// The type of a line and of what precedes it.
    fn join_start(&mut self, line: &'a ast::Define, ty: &Stated, start: &Stated, span: Span) -> Res<Stated> {
        if let (Ok(joined), false) = self.quietly(|cx| cx.join(ty, start, line.span)) {
            return Ok(joined);
        }
        let title = format!("the start of `{}` does not fit its entries", line.name.text);
        let fact = format!("this is {}", type_text(start.dtype, &start.axes));
        let entry = format!("an entry is {}", type_text(ty.dtype, &ty.axes));
        Err(self.report(Diagnostic::error(title, span, fact).label(line.name.span, entry)))
    }

    /// The type that holds both: wider elements, broadcast shape.
    fn join(&mut self, a: &Stated, b: &Stated, span: Span) -> Res<Stated> {
        let Some(dtype) = widen(a.dtype, b.dtype) else {
            let title = format!("{} and {} do not mix", a.dtype, b.dtype);
            return Err(self.error(span, title, "an entry and the one before it"));
        };
        let made = |stated: &Stated| Tensor {
            id: ValueId(0),
            region: 0,
            dtype: stated.dtype,
            axes: stated.axes.clone(),
            lead: 0,
        };
        let axes = self.broadcast_axes(&[&made(a), &made(b)], span, "an entry and the one before it")?;
        Ok(Stated { dtype, axes })
    }

    /// Runs the body once.
    fn pass(
        &mut self,
        rec: &'a ast::Rec,
        lines: &[&'a ast::Define],
        types: &[Option<Stated>],
        length: Option<Size>,
        mapped: bool,
    ) -> Pass<'a> {
        let number = self.next_rec;
        self.next_rec += 1;
        let lead = self.lead().len();
        let mut body = Region::new("step", RegionKind::Step { lead, saw_mapped: false });
        body.add(Slot::Time, "t", Type::scalar(DType::I32));
        self.regions.push(body);
        let states = lines.iter().zip(types).map(|(line, ty)| Line {
            name: &line.name.text,
            ty: ty.clone(),
            now: None,
            depth: 0,
        });
        let stepping = Stepping {
            number,
            region: self.innermost(),
            length,
            direction: None,
            mapped,
            saw_mapped: false,
            lines: states.collect(),
            candidate: None,
        };
        let frame = self.frame();
        frame.recs.push(stepping);
        let mark = frame.mark();
        for line in lines {
            frame.bind(&line.index.text, Value::Time(TimeIndex { rec: number, offset: 0 }));
        }
        for (n, line) in lines.iter().enumerate() {
            frame.bind(&line.name.text, Value::Line(number, n));
        }
        let mut found = Vec::with_capacity(lines.len());
        for line in &rec.lines {
            match line {
                RecLine::Define(define) => found.push(self.line(define, found.len())),
                RecLine::Let(binding) => self.let_binding(binding),
                RecLine::Error(_) => {}
            }
        }
        let frame = self.frame();
        frame.leave(mark);
        let stepping = frame.recs.pop();
        let region = self.regions.pop().unwrap_or_else(|| Region::new("step", RegionKind::Root));
        let mut stepping = stepping.unwrap_or(Stepping {
            number,
            region: 0,
            length: None,
            direction: None,
            mapped,
            saw_mapped: false,
            lines: Vec::new(),
            candidate: None,
        });
        if let RegionKind::Step { saw_mapped, .. } = region.kind {
            stepping.saw_mapped |= saw_mapped;
        }
        Pass { region, stepping, types: found }
    }

    /// Runs a line: its entry at this step, widened and broadcast to its type where that is known. Gives the type found.
    fn line(&mut self, define: &'a ast::Define, n: usize) -> Option<Stated> {
        let value = self.eval(&define.value);
        let known = self.stepping()?.lines.get(n)?.ty.clone();
        let (now, ty) = match self.typed_line(define, &value, known.as_ref()) {
            Ok(Some(tensor)) => {
                let ty = Stated { dtype: tensor.dtype, axes: tensor.axes.clone() };
                (Value::Tensor(tensor), Some(ty))
            }
            Ok(None) => (Value::Hole, None),
            Err(Reported) => (Value::Error, known),
        };
        if let Some(line) = self.stepping()?.lines.get_mut(n) {
            line.now = Some(now);
        }
        ty
    }

    fn typed_line(
        &mut self,
        define: &'a ast::Define,
        value: &Value<'a>,
        known: Option<&Stated>,
    ) -> Res<Option<Tensor>> {
        if value.has_error() {
            return Err(Reported);
        }
        let span = define.value.span;
        let mapped = self.stepping().is_some_and(|stepping| stepping.mapped);
        let tensor = match (value, known, &define.ty) {
            (Value::Hole, Some(known), _) => self.filled(known.dtype, 0.0, &known.axes)?,
            (value, None, _) if value.has_hole() => return Ok(None),
            (value, Some(known), Some(ty)) => self.coerce_filling(value, known, span, ty.span)?,
            (value, Some(known), None) => {
                let partner = value.is_literal().then_some(known.dtype);
                let tensor = self.tensor(value, partner, span)?;
                let found = Stated { dtype: tensor.dtype, axes: tensor.axes.clone() };
                let joined = self.join(known, &found, span)?;
                let tensor = self.cast(tensor, joined.dtype)?;
                self.broadcast_to(&tensor, &joined.axes)?
            }
            (value, None, _) => self.tensor(value, None, span)?,
        };
        Ok(Some(if mapped { self.map_over_lead(tensor)? } else { tensor }))
    }

    /// The innermost open recurrence of this frame.
    fn stepping(&mut self) -> Option<&mut Stepping<'a>> {
        self.frame().recs.last_mut()
    }

    fn stepping_of(&mut self, number: u32) -> Option<&mut Stepping<'a>> {
        self.frame().recs.iter_mut().find(|stepping| stepping.number == number)
    }

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

    /// Makes the recurrence of a body whose types stand.
    fn close(
        &mut self,
        rec: &'a ast::Rec,
        lines: &[&'a ast::Define],
        pass: Pass<'a>,
        starts: &[Option<Value<'a>>],
    ) -> Res<Vec<Value<'a>>> {
        let Pass { region, stepping, .. } = pass;
        let Some(length) = stepping.length.clone() else {
            let index = lines.first().map_or("t", |line| line.index.text.as_str());
            let title = "nothing says how long this recurrence is";
            let diagnostic =
                Diagnostic::error(title, rec.span, format!("no sequence is indexed by `{index}`"));
            return Err(self.report(match stepping.candidate {
                Some((name, span, _, ty)) => diagnostic
                    .label(span, format!("{ty}: the whole sequence"))
                    .hint(format!("`{name}[{index}]` is its entry")),
                None => diagnostic.hint(format!("read a sequence: `x[{index}]`")),
            }));
        };
        let lead = if stepping.mapped { self.lead_dims() } else { Vec::new() };
        self.regions.push(region);
        let body_region = self.innermost();
        let mut outputs = Vec::with_capacity(lines.len());
        let mut entries = Vec::with_capacity(lines.len());
        for line in &stepping.lines {
            let Some(Value::Tensor(now)) = &line.now else {
                self.regions.pop();
                return Err(Reported);
            };
            outputs.push((line.name.to_owned(), self.import(now, body_region)));
            entries.push(Stated { dtype: now.dtype, axes: now.axes.clone() });
        }
        let Some(mut body) = self.regions.pop() else { return Err(Reported) };
        let mut states = Vec::new();
        for (n, (line, ty)) in stepping.lines.iter().zip(&entries).enumerate() {
            if line.depth > 0 {
                states.push(RecState { line: n, depth: line.depth });
                for lag in 1..=line.depth {
                    state_input(&mut body, n, lag, line.name, physical(ty, &lead));
                }
            }
        }
        let (graph, slots) = body.finish(outputs, |slot| match slot {
            Slot::Time => (0, 0, 0),
            Slot::State { line, lag } => (1, *line, *lag),
            Slot::Sequence(_) => (2, 0, 0),
            Slot::Carried(_) | Slot::Constant(_) | Slot::Stacked(..) => (3, 0, 0),
        });
        let sequences: Vec<ValueId> = slots
            .iter()
            .filter_map(|slot| if let Slot::Sequence(id) = slot { Some(*id) } else { None })
            .collect();
        let constants: Vec<ValueId> = slots
            .iter()
            .filter_map(|slot| if let Slot::Constant(id) = slot { Some(*id) } else { None })
            .collect();
        let parent = self.innermost();
        let mut operands: Vec<ValueId> = sequences.iter().chain(&constants).copied().collect();
        for state in &states {
            for lag in 1..=state.depth {
                let start = self.start(lines, &entries, starts, state.line, lag, stepping.mapped)?;
                operands.push(self.import(&start, parent));
            }
        }
        let direction = stepping.direction.map_or(Direction::Forward, |(direction, _)| direction);
        let op = Op::Rec(Box::new(Rec {
            length: length.dim.clone(),
            axis: lead.len(),
            direction,
            sequences: sequences.len(),
            constants: constants.len(),
            states: states.clone(),
            body: graph,
        }));
        let results = self.push_many(parent, op, &operands)?;
        self.finals_of(parent, &states, lines.len(), direction, &results);
        let mut values = Vec::with_capacity(lines.len());
        for (entry, id) in entries.into_iter().zip(results) {
            let mut axes = vec![length.clone()];
            axes.extend(entry.axes);
            values.push(self.tensor_of(id, parent, axes, lead.len()).into());
        }
        Ok(values)
    }

    /// The entry that precedes the sequence by `lag`: what `from` gives, zeros beyond.
    fn start(
        &mut self,
        lines: &[&'a ast::Define],
        entries: &[Stated],
        starts: &[Option<Value<'a>>],
        line: usize,
        lag: usize,
        mapped: bool,
    ) -> Res<Tensor> {
        let (Some(define), Some(entry)) = (lines.get(line), entries.get(line)) else { return Err(Reported) };
        let start = match (starts.get(line), &define.from) {
            (Some(Some(value)), Some(from)) if lag == 1 => {
                self.coerce_filling(value, entry, from.span, define.name.span)?
            }
            _ => self.filled(entry.dtype, 0.0, &entry.axes)?,
        };
        if mapped { self.map_over_lead(start) } else { Ok(start) }
    }

    /// Notes which value is the final entry of a sequence, for `last`.
    fn finals_of(
        &mut self,
        region: usize,
        states: &[RecState],
        lines: usize,
        direction: Direction,
        results: &[ValueId],
    ) {
        if direction == Direction::Backward {
            return;
        }
        let mut next = lines;
        for state in states {
            if let (Some(sequence), Some(last)) = (results.get(state.line), results.get(next)) {
                if let Some(region) = self.regions.get_mut(region) {
                    region.finals.insert(*sequence, *last);
                }
            }
            next += state.depth;
        }
    }
}

fn defines(rec: &ast::Rec) -> impl Iterator<Item = &ast::Define> {
    rec.lines.iter().filter_map(|line| match line {
        RecLine::Define(define) => Some(define),
        RecLine::Let(_) | RecLine::Error(_) => None,
    })
}

fn same(a: Option<&Stated>, b: Option<&Stated>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            a.dtype == b.dtype
                && a.axes.len() == b.axes.len()
                && a.axes.iter().zip(&b.axes).all(|(x, y)| x.dim == y.dim)
        }
        (None, None) => true,
        _ => false,
    }
}

fn physical(ty: &Stated, lead: &[Dim]) -> Type {
    Type::new(ty.dtype, lead.iter().cloned().chain(ty.axes.iter().map(|axis| axis.dim.clone())).collect())
}

/// The input of a body that holds the entry of a line `lag` steps ago.
fn state_input(body: &mut Region, line: usize, lag: usize, name: &str, ty: Type) -> ValueId {
    let slot = Slot::State { line, lag };
    match body.find(slot) {
        Some(id) => id,
        None => body.add(slot, &format!("{name}.{lag}"), ty),
    }
}
