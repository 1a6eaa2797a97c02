//! `rec`: a sequence defined by its earlier (or later) entries.
//!
//! The body becomes a region of its own that is run once per entry. Its type is found by running it with the earlier entries left
//! out, then with what that gave, until it stands; only the last run is kept.

mod close; // from a body to an op
mod read; // entries of lines and of sequences

use super::elaborator::{Elaborator, Reported, Res};
use super::region::{Region, RegionKind, Slot};
use super::size::Size;
use super::tensor::widen;
use super::types::Stated;
use super::value::{Tensor, TimeIndex, Value, type_text};
use crate::ast::{self, RecLine};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{DType, Dim, Direction, Type, ValueId};

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
