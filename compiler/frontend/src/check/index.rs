//! Indexing: entries, ranges, new axes, lookups.

use super::elaborator::{Elaborator, Reported, Res};
use super::size::{Size, Spelling};
use super::value::{Tensor, Value};
use crate::ast::{Expr, Index, IndexKind};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{DType, Dim, Op, Require};

/// An index whose expressions have been evaluated.
enum Item<'a> {
    At(Value<'a>, Span),
    Range(Option<(Value<'a>, Span)>, Option<(Value<'a>, Span)>, Span),
    NewAxis,
}

impl<'a> Elaborator<'a> {
    /// `x[..]`
    pub(crate) fn index(&mut self, base: &'a Expr, indices: &'a [Index], span: Span) -> Value<'a> {
        let items: Vec<Item<'a>> = indices.iter().map(|index| self.item(index)).collect();
        // What is indexed may be a sequence of the recurrence around: the index is what it needs.
        self.free_sequences += 1;
        let value = self.eval(base);
        self.free_sequences -= 1;
        self.index_value(&value, &items, base.span, span).unwrap_or(Value::Error)
    }

    fn item(&mut self, index: &'a Index) -> Item<'a> {
        let free = std::mem::take(&mut self.free_sequences);
        let item = match &index.kind {
            IndexKind::At(expr) => match self.eval(expr) {
                Value::None => Item::NewAxis,
                value => Item::At(value, expr.span),
            },
            IndexKind::Range { start, end } => {
                let mut side = |expr: &'a Option<Expr>| expr.as_ref().map(|e| (self.eval(e), e.span));
                let (start, end) = (side(start), side(end));
                Item::Range(start, end, index.span)
            }
            IndexKind::NewAxis => Item::NewAxis,
        };
        self.free_sequences = free;
        item
    }

    fn index_value(
        &mut self,
        base: &Value<'a>,
        items: &[Item<'a>],
        base_span: Span,
        span: Span,
    ) -> Res<Value<'a>> {
        for item in items {
            let values: Vec<&Value<'a>> = match item {
                Item::At(value, _) => vec![value],
                Item::Range(start, end, _) => start.iter().chain(end).map(|(value, _)| value).collect(),
                Item::NewAxis => Vec::new(),
            };
            if values.iter().any(|value| value.has_error()) {
                return Err(Reported);
            }
            if values.iter().any(|value| value.has_hole()) {
                return Ok(Value::Hole);
            }
        }
        match (base, items) {
            (Value::Error, _) => return Err(Reported),
            (Value::Hole, _) => return Ok(Value::Hole),
            (Value::Line(rec, line), [Item::At(Value::Time(time), _), rest @ ..]) => {
                let entry = self.read_line(*rec, *line, *time, span)?;
                return self.rest(&entry, rest, base_span, span);
            }
            (Value::Line(rec, line), _) => return Err(self.whole_line(*rec, *line, span)),
            (Value::List(entries), [item]) => {
                if let Some(value) = self.list_entry(&entries.clone(), item, span)? {
                    return Ok(value);
                }
            }
            (Value::Tuple(entries), [Item::At(Value::Size(n), at)]) => {
                let count = entries.len();
                return match n.as_int().and_then(|n| position(n, count)).and_then(|n| entries.get(n)) {
                    Some((_, value)) => Ok(value.clone()),
                    None => {
                        let fact = format!("there are {count} values, this is {}", n.described());
                        Err(self.error(*at, "an index is out of range", fact))
                    }
                };
            }
            (Value::Size(_), _) if self.generic => return Err(Reported),
            _ => {}
        }
        let tensor = self.tensor(base, None, base_span)?;
        if let [Item::At(Value::Time(time), _), rest @ ..] = items {
            let entry = self.read_sequence(&tensor, *time, base_span)?;
            return self.rest(&entry.into(), rest, base_span, span);
        }
        Ok(self.index_tensor(&tensor, items, span)?.into())
    }

    fn rest(&mut self, entry: &Value<'a>, rest: &[Item<'a>], base: Span, span: Span) -> Res<Value<'a>> {
        if rest.is_empty() { Ok(entry.clone()) } else { self.index_value(entry, rest, base, span) }
    }

    /// An entry or a part of a list, where the index is known; `None` where the list must stack.
    fn list_entry(&mut self, entries: &[Value<'a>], item: &Item<'a>, span: Span) -> Res<Option<Value<'a>>> {
        let known = |value: &Value<'a>| match value {
            Value::Size(size) => size.as_int(),
            _ => None,
        };
        match item {
            Item::At(value, at) => {
                let Some(n) = known(value) else { return Ok(None) };
                match position(n, entries.len()).and_then(|n| entries.get(n)) {
                    Some(entry) => Ok(Some(entry.clone())),
                    None => {
                        let fact = format!("the list has {} entries, this is {n}", entries.len());
                        Err(self.error(*at, "an index is out of range", fact))
                    }
                }
            }
            Item::Range(start, end, _) => {
                let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
                let side = |side: &Option<(Value<'a>, Span)>, default: i64| match side {
                    Some((value, _)) => known(value).map(|n| if n < 0 { n + count } else { n }),
                    None => Some(default),
                };
                let (Some(start), Some(end)) = (side(start, 0), side(end, count)) else { return Ok(None) };
                if start < 0 || end > count || start > end {
                    let fact = format!("the list has {count} entries, this is {start}..{end}");
                    return Err(self.error(span, "a range is out of range", fact));
                }
                let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
                Ok(Some(Value::list(entries.get(start..end).unwrap_or(&[]).to_vec())))
            }
            Item::NewAxis => Ok(None),
        }
    }

    fn index_tensor(&mut self, tensor: &Tensor, items: &[Item<'a>], span: Span) -> Res<Tensor> {
        let used = items.iter().filter(|item| !matches!(item, Item::NewAxis)).count();
        if used > tensor.rank() {
            let fact = format!("this is {}", tensor.ty());
            let title = format!(
                "{} for {}",
                super::call::counted(used, "index").replace("indexs", "indices"),
                super::call::counted(tensor.rank(), "axis")
            );
            return Err(self.error(span, title, fact));
        }
        let lookups =
            items.iter().filter(|item| matches!(item, Item::At(Value::Tensor(t), _) if t.rank() > 0)).count();
        if lookups > 1 {
            let diagnostic = Diagnostic::error(
                "one axis at a time is looked up",
                span,
                "two of these indices are tensors",
            );
            return Err(self.report(diagnostic.hint("x[rows][.., columns]")));
        }
        let mut result = tensor.clone();
        let mut axis = 0;
        for item in items {
            match item {
                Item::NewAxis => {
                    let mut axes = result.axes.clone();
                    axes.insert(axis, Size::int(1));
                    result = self.reshape_logical(&result, axes)?;
                    axis += 1;
                }
                Item::Range(start, end, at) => {
                    result = self.range(&result, axis, start.as_ref(), end.as_ref(), *at)?;
                    axis += 1;
                }
                Item::At(Value::Size(size), at) => result = self.one_entry(&result, axis, size, *at)?,
                Item::At(value, at) => {
                    let index = self.tensor(value, None, *at)?;
                    let rank = index.rank();
                    result = self.gather(&result, &index, axis, *at)?;
                    axis += rank;
                }
            }
        }
        Ok(result)
    }

    /// The entry of a known number along an axis; negative ones count from the end.
    fn one_entry(&mut self, tensor: &Tensor, axis: usize, index: &Size, span: Span) -> Res<Tensor> {
        let length = tensor.axes.get(axis).cloned().ok_or(Reported)?;
        let start = from_end(index, &length);
        let end = Size::plain(&start.dim + &Dim::constant(1));
        if self.within((&start, &end), &length, &index.to_string(), tensor, span)? {
            let (id, region) = self.push(Op::DimValue(start.dim), &[])?;
            let entry = self.tensor_of(id, region, Vec::new(), 0);
            return self.gather(tensor, &entry, axis, span);
        }
        let mut axes = tensor.axes.clone();
        if let Some(size) = axes.get_mut(axis) {
            *size = Size::int(1);
        }
        let op = Op::Slice { axis: axis + tensor.lead, start: start.dim, len: Dim::constant(1) };
        let sliced = self.emit(op, &[tensor], axes.clone())?;
        axes.remove(axis);
        self.reshape_logical(&sliced, axes)
    }

    fn range(
        &mut self,
        tensor: &Tensor,
        axis: usize,
        start: Option<&(Value<'a>, Span)>,
        end: Option<&(Value<'a>, Span)>,
        span: Span,
    ) -> Res<Tensor> {
        let length = tensor.axes.get(axis).cloned().ok_or(Reported)?;
        let start = match start {
            Some((value, at)) => from_end(&self.range_side(value, *at)?, &length),
            None => Size::int(0),
        };
        let end = match end {
            Some((value, at)) => from_end(&self.range_side(value, *at)?, &length),
            None => length.clone(),
        };
        if start.as_int() == Some(0) && end.dim == length.dim {
            return Ok(tensor.clone());
        }
        let open = self.within((&start, &end), &length, &format!("{start}..{end}"), tensor, span)?;
        let size = if start.as_int() == Some(0) { end } else { end.sub(&start) };
        if open {
            let op = Op::Iota { len: size.dim.clone(), start: start.dim };
            let entries = self.emit(op, &[], vec![size])?;
            return self.gather(tensor, &entries, axis, span);
        }
        let mut axes = tensor.axes.clone();
        if let Some(axis) = axes.get_mut(axis) {
            *axis = size.clone();
        }
        let op = Op::Slice { axis: axis + tensor.lead, start: start.dim, len: size.dim };
        self.emit(op, &[tensor], axes)
    }

    fn range_side(&mut self, value: &Value<'a>, span: Span) -> Res<Size> {
        match value {
            Value::Size(size) => match size.dim.as_fraction() {
                Some((n, d)) if d != 1 => Err(self.error(
                    span,
                    "a bound of a range is not whole",
                    format!("{} is {n} / {d}", size.described()),
                )),
                _ => Ok(size.clone()),
            },
            other => {
                let fact = format!("this is {}", other.describe());
                let diagnostic =
                    Diagnostic::error("the bounds of a range are known when compiling, or sizes", span, fact);
                Err(self.report(diagnostic.hint("look entries up: `x[start + iota(n)]`")))
            }
        }
    }

    /// `0 <= start <= end <= length`: an error where it is known to fail, a condition on the inputs where it may. In a branch that
    /// may not be taken the entries are to be looked up instead, which is an error only if it is: then gives true.
    fn within(
        &mut self,
        (start, end): (&Size, &Size),
        length: &Size,
        text: &str,
        tensor: &Tensor,
        span: Span,
    ) -> Res<bool> {
        let guarded = self.frames.last().is_some_and(|frame| !frame.guards.is_empty());
        let mut open = false;
        let zero = Size::int(0);
        for (low, high) in [(&zero, start), (start, end), (end, length)] {
            match (&high.dim - &low.dim).as_fraction() {
                Some((n, _)) if n < 0 => {
                    let fact = format!("{text} of an axis of {} ({})", length.described(), tensor.ty());
                    return Err(self.error(span, "an index is out of range", fact));
                }
                Some(_) => {}
                None if low.as_int() == Some(0) && high.is_nonnegative() => {}
                None if self.generic && !self.is_run_time(&low.dim) && !self.is_run_time(&high.dim) => {}
                None if guarded && !std::ptr::eq(low, start) => open = true,
                None => {
                    let inputs = self.inputs_with(&(&low.dim + &high.dim));
                    let values = values(&[(low, "{0}"), (high, "{1}")]);
                    let message =
                        format!("`{low}` is more than `{high}` for this length of {inputs}{values}");
                    self.require(Require::AtMost(low.dim.clone(), high.dim.clone()), message);
                }
            }
        }
        Ok(open)
    }

    fn is_run_time(&self, dim: &Dim) -> bool {
        let names = dim.names();
        let inputs = self.regions.first().map_or(&[][..], |root| &root.builder.graph().inputs);
        inputs.iter().any(|i| i.ty.shape.iter().any(|d| names.iter().any(|n| d.mentions(n))))
    }

    /// Looks entries up along an axis: `table[indices]`.
    pub(crate) fn gather(
        &mut self,
        table: &Tensor,
        indices: &Tensor,
        axis: usize,
        span: Span,
    ) -> Res<Tensor> {
        if indices.dtype == DType::Bool {
            let diagnostic =
                Diagnostic::error("a mask is no index", span, format!("this is {}", indices.ty()));
            return Err(self.report(diagnostic.hint("where(mask, x, 0)")));
        }
        if !indices.dtype.is_integer() {
            let diagnostic =
                Diagnostic::error("an index is a whole number", span, format!("this is {}", indices.ty()));
            return Err(self.report(diagnostic.hint("convert it: `i32(i)`")));
        }
        let mut indices = self.cast(indices.clone(), DType::I32)?;
        if axis >= table.rank() {
            return Err(self.error(span, "a scalar has no entries", format!("this is {}", table.ty())));
        }
        let mut order: Vec<usize> = (0..table.rank()).collect();
        order.remove(axis);
        order.insert(0, axis);
        let table = self.permute(table, &order)?;
        if table.lead > 0 {
            indices = self.map_over_lead(indices)?;
        }
        let mut axes = indices.axes.clone();
        axes.extend(table.axes.iter().skip(1).cloned());
        let guard = self.guard(&indices, table.rank().saturating_sub(1))?;
        let op = Op::Gather { batch: table.lead };
        let gathered = match &guard {
            Some(guard) => {
                let guard = if indices.lead > 0 { self.map_over_lead(guard.clone())? } else { guard.clone() };
                if guard.lead > 0 {
                    indices = self.map_over_lead(indices)?;
                }
                self.emit(op, &[&table, &indices, &guard], axes)?
            }
            None => self.emit(op, &[&table, &indices], axes)?,
        };
        // The looked-up axes stand where the axis was.
        let rank = indices.rank();
        let mut back: Vec<usize> = (rank..rank + axis).collect();
        back.extend(0..rank);
        back.extend(rank + axis..gathered.rank());
        self.permute(&gathered, &back)
    }

    /// Another order of the logical axes.
    pub(crate) fn permute(&mut self, tensor: &Tensor, order: &[usize]) -> Res<Tensor> {
        if order.iter().enumerate().all(|(n, axis)| n == *axis) {
            return Ok(tensor.clone());
        }
        let axes = order.iter().filter_map(|&axis| tensor.axes.get(axis).cloned()).collect();
        let perm = (0..tensor.lead).chain(order.iter().map(|axis| axis + tensor.lead)).collect();
        self.emit(Op::Transpose { perm }, &[tensor], axes)
    }
}

/// A negative number counts from the end.
fn from_end(index: &Size, length: &Size) -> Size {
    match index.as_float() {
        Some(n) if n < 0.0 => Size::plain(&length.dim + &index.dim),
        _ => index.clone(),
    }
}

/// The position that an index means in a list.
pub(crate) fn position(n: i64, count: usize) -> Option<usize> {
    let n = if n < 0 { n.checked_add(i64::try_from(count).ok()?)? } else { n };
    usize::try_from(n).ok().filter(|n| *n < count)
}

/// `: T = {0}, context = {1}`, for what is not a number already; values come in when the sizes are known.
pub(crate) fn values(sizes: &[(&Size, &str)]) -> String {
    let named = sizes.iter().filter(|(size, _)| !matches!(size.spelling, Spelling::Value));
    let named: Vec<String> = named.map(|(size, place)| format!("{size} = {place}")).collect();
    if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) }
}
