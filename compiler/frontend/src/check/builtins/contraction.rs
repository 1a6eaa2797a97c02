//! Sums of products: `@`, `outer`, `einsum`.

use super::super::elaborator::{Elaborator, Reported, Res};
use super::super::operator::Site;
use super::super::size::Size;
use super::super::value::{Tensor, Value};
use super::Call;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, Contraction, DType, Op, ReduceKind};

type Result<'a> = Res<Value<'a>>;

impl<'a> Elaborator<'a> {
    /// Both operands in one element type of numbers.
    fn factors(&mut self, a: Tensor, b: Tensor, what: &str, span: Span) -> Res<(Tensor, Tensor)> {
        for tensor in [&a, &b] {
            if tensor.dtype == DType::Bool {
                return Err(self.no_bools(what, tensor, span));
            }
        }
        let dtype = self.widest(a.dtype, b.dtype, span)?;
        let dtype = if dtype == DType::U8 { DType::I32 } else { dtype };
        Ok((self.cast(a, dtype)?, self.cast(b, dtype)?))
    }

    /// A contraction by labels of logical axes; the lead comes first.
    fn contract(&mut self, a: &Tensor, b: &Tensor, labels: [&[u8]; 3], axes: Vec<Size>) -> Res<Tensor> {
        let lead = a.lead.max(b.lead);
        let front: Vec<u8> =
            (0..lead).map(|n| 200_u8.saturating_add(u8::try_from(n).unwrap_or(50))).collect();
        let with = |tensor: &Tensor, own: &[u8]| -> Vec<u8> {
            let front = if tensor.lead > 0 { front.as_slice() } else { &[] };
            front.iter().chain(own).copied().collect()
        };
        let [left, right, result] = labels;
        let contraction = Contraction {
            left: with(a, left),
            right: with(b, right),
            result: front.iter().chain(result).copied().collect(),
        };
        self.emit(Op::Contract(contraction.numbered()), &[a, b], axes)
    }

    /// `a @ b`, as NumPy's.
    pub(crate) fn matmul(&mut self, site: &Site<'a>, a: &Tensor, b: &Tensor) -> Res<Tensor> {
        for (tensor, expr) in [(a, site.left), (b, site.right)] {
            if tensor.rank() == 0 {
                let diagnostic = Diagnostic::error(
                    "`@` takes vectors and matrices",
                    expr.span,
                    format!("this is {}", tensor.ty()),
                );
                return Err(self.report(diagnostic.hint("multiply scalars with `*`")));
            }
        }
        let (a, b) = self.factors(a.clone(), b.clone(), "@", site.op_span)?;
        let (Some(inner), Some(outer)) = (a.axes.last(), b.axes.get(b.rank().saturating_sub(2))) else {
            return Err(Reported);
        };
        if inner.dim != outer.dim {
            return Err(self.mismatch(site, &a, &b, inner, outer));
        }
        let batch_a = a.rank().saturating_sub(2);
        let batch_b = b.rank().saturating_sub(2);
        let (a, axes_a, labels_a) = self.batch(&a, batch_a, &b, batch_b)?;
        let (b, axes_b, labels_b) = self.batch(&b, batch_b, &a, a.rank().saturating_sub(2))?;
        let rank = batch_a.max(batch_b);
        let mut axes: Vec<Size> = Vec::new();
        let mut labels: Vec<u8> = Vec::new();
        for n in (0..rank).rev() {
            let label = u8::try_from(n).unwrap_or(u8::MAX);
            let find = |labels: &[u8], axes: &[Size]| {
                labels.iter().position(|l| *l == label).and_then(|at| axes.get(at).cloned())
            };
            match (find(&labels_a, &axes_a), find(&labels_b, &axes_b)) {
                (Some(p), Some(q)) => {
                    if p.dim != q.dim {
                        let title = "shapes do not line up in `@`";
                        let diagnostic = Diagnostic::error(
                            title,
                            site.left.span,
                            format!("{}: {} in front", a.ty(), p.described()),
                        )
                        .label(site.right.span, format!("{}: {} in front", b.ty(), q.described()));
                        return Err(self.report(diagnostic));
                    }
                    axes.push(p);
                    labels.push(label);
                }
                (Some(p), None) | (None, Some(p)) => {
                    axes.push(p);
                    labels.push(label);
                }
                (None, None) => {}
            }
        }
        let (m, k, n) = (100_u8, 101_u8, 102_u8);
        let mut left = labels_a;
        let mut right = labels_b;
        if a.rank() > axes_a.len() + 1 {
            left.push(m);
            labels.push(m);
            axes.extend(a.axes.get(a.rank() - 2).cloned());
        }
        left.push(k);
        right.push(k);
        if b.rank() > axes_b.len() + 1 {
            right.push(n);
            labels.push(n);
            axes.extend(b.axes.last().cloned());
        }
        self.contract(&a, &b, [&left, &right, &labels], axes)
    }

    /// An operand without those batch axes of 1 that the other operand stretches, the rest, and their labels from the right.
    fn batch(
        &mut self,
        x: &Tensor,
        count: usize,
        other: &Tensor,
        theirs: usize,
    ) -> Res<(Tensor, Vec<Size>, Vec<u8>)> {
        let mut kept = Vec::new();
        let mut labels = Vec::new();
        for (n, axis) in x.axes.iter().take(count).enumerate() {
            let from_right = count - 1 - n;
            let partner = theirs.checked_sub(from_right + 1).and_then(|at| other.axes.get(at));
            if axis.is_one() && partner.is_some_and(|p| !p.is_one()) {
                continue;
            }
            kept.push(axis.clone());
            labels.push(u8::try_from(from_right).unwrap_or(u8::MAX));
        }
        let mut axes = kept.clone();
        axes.extend(x.axes.iter().skip(count).cloned());
        Ok((self.reshape_logical(x, axes)?, kept, labels))
    }

    fn mismatch(&mut self, site: &Site<'a>, a: &Tensor, b: &Tensor, inner: &Size, outer: &Size) -> Reported {
        let which = if b.rank() == 1 { "its axis is" } else { "contracts over" };
        let mut diagnostic = Diagnostic::error(
            "shapes do not line up in `@`",
            site.left.span,
            format!("{}: its last axis is {}", a.ty(), inner.described()),
        )
        .label(site.right.span, format!("{}: {which} {}", b.ty(), outer.described()));
        if let Some(hint) = self.matmul_hint(site, a, b) {
            diagnostic = diagnostic.hint(hint);
        }
        self.report(diagnostic)
    }

    /// A product of the same operands that lines up: one of them transposed, not transposed, or the two exchanged.
    fn matmul_hint(&self, site: &Site<'a>, a: &Tensor, b: &Tensor) -> Option<String> {
        let (left, right) = (self.short(site.left)?, self.short(site.right)?);
        let inner = a.axes.last()?;
        let last = b.axes.last()?;
        if b.rank() >= 2 && inner.dim == last.dim {
            let other = match right.strip_prefix("transpose(").and_then(|rest| rest.strip_suffix(')')) {
                Some(bare) => bare.to_owned(),
                None => format!("transpose({right})"),
            };
            return Some(format!("`{left} @ {other}` contracts {inner} with {last}"));
        }
        let outer = if b.rank() == 1 { last } else { b.axes.get(b.rank() - 2)? };
        if a.rank() >= 2 && a.axes.get(a.rank() - 2)?.dim == outer.dim {
            let other = match left.strip_prefix("transpose(").and_then(|rest| rest.strip_suffix(')')) {
                Some(bare) => bare.to_owned(),
                None => format!("transpose({left})"),
            };
            return Some(format!("`{other} @ {right}` contracts {outer} with {outer}"));
        }
        let first = if a.rank() == 1 { a.axes.last()? } else { a.axes.get(a.rank() - 2)? };
        (last.dim == first.dim).then(|| format!("`{right} @ {left}` contracts {last} with {first}"))
    }
}

/// `[m], [n] -> [m, n]`; axes in front broadcast as in a call of a function of vectors.
pub(super) fn outer<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let (a, b) = (cx.arg_tensor(call, 0)?, cx.arg_tensor(call, 1)?);
    for (n, tensor) in [&a, &b].into_iter().enumerate() {
        if tensor.rank() == 0 {
            return Err(cx.error(
                call.span_of(n),
                "`outer` takes vectors",
                format!("this is {}", tensor.ty()),
            ));
        }
    }
    let (a, b) = cx.factors(a, b, "outer", call.span)?;
    let mut column = a.axes.clone();
    column.push(Size::int(1));
    let mut row = b.axes.clone();
    row.insert(row.len() - 1, Size::int(1));
    let (a, b) = (cx.reshape_logical(&a, column)?, cx.reshape_logical(&b, row)?);
    Ok(cx.binary_op(BinaryOp::Mul, &a, &b, call.span)?.into())
}

/// `einsum("hd,hde->he", q, s)`
pub(super) fn einsum<'a>(cx: &mut Elaborator<'a>, call: &Call<'a>) -> Result<'a> {
    let span = call.span_of(0);
    let Some(Value::Str(text)) = call.get(0).map(|arg| &arg.value) else {
        let diagnostic =
            Diagnostic::error("`einsum` takes its labels as text first", span, "this is no text");
        return Err(cx.report(diagnostic.hint("einsum(\"td,dk->tk\", x, w)")));
    };
    let count = call.args.iter().skip(1).flatten().count();
    let Some((inputs, result)) = parse(text) else {
        let diagnostic = Diagnostic::error(
            "these labels are not read",
            span,
            "letters, `,` between operands, `->` before the result",
        );
        return Err(cx.report(diagnostic.hint("einsum(\"td,dk->tk\", x, w)")));
    };
    if inputs.len() != count {
        let fact = format!("it names {}, {count} are given", super::counted(inputs.len(), "operand"));
        return Err(cx.error(span, "the labels are for another number of operands", fact));
    }
    let mut operands = Vec::with_capacity(count);
    let mut sizes: Vec<(u8, Size, Span)> = Vec::new();
    for (n, labels) in inputs.into_iter().enumerate() {
        let tensor = cx.arg_tensor(call, n + 1)?;
        let at = call.span_of(n + 1);
        if tensor.dtype == DType::Bool {
            return Err(cx.no_bools("einsum", &tensor, at));
        }
        if tensor.rank() != labels.len() {
            let fact = format!("{} has {}", tensor.ty(), super::counted(tensor.rank(), "axis"));
            let title = format!(
                "`{}` labels {}",
                String::from_utf8_lossy(&labels),
                super::counted(labels.len(), "axis")
            );
            return Err(cx.error(at, title, fact));
        }
        for (label, axis) in labels.iter().zip(&tensor.axes) {
            match sizes.iter().find(|(own, _, _)| own == label) {
                Some((_, size, _)) if size.dim == axis.dim => {}
                Some((_, size, first)) => {
                    let title = format!("the label `{}` has two sizes", char::from(*label));
                    let diagnostic = Diagnostic::error(
                        title,
                        at,
                        format!("{}: here it is {}", tensor.ty(), axis.described()),
                    )
                    .label(*first, format!("here it is {}", size.described()));
                    return Err(cx.report(diagnostic));
                }
                None => sizes.push((*label, axis.clone(), at)),
            }
        }
        operands.push(cx.diagonal(tensor, labels)?);
    }
    if let Some(label) = result.iter().find(|label| !sizes.iter().any(|(own, _, _)| own == *label)) {
        let title = format!("the result's label `{}` is in no operand", char::from(*label));
        return Err(cx.error(span, title, "each label of the result names an axis of an operand"));
    }
    let repeated = result.iter().enumerate().any(|(n, label)| result.iter().take(n).any(|l| l == label));
    if repeated {
        return Err(cx.error(span, "a label of the result stands twice", "each names one axis"));
    }
    let mut operands = operands.into_iter();
    let (mut so_far, mut labels) = operands.next().ok_or(Reported)?;
    let rest: Vec<(Tensor, Vec<u8>)> = operands.collect();
    for (n, (next, own)) in rest.iter().enumerate() {
        let later = |label: &u8| {
            result.contains(label) || rest.iter().skip(n + 1).any(|(_, labels)| labels.contains(label))
        };
        (so_far, labels) = cx.pair(so_far, labels, next.clone(), own.clone(), &later, call.span)?;
    }
    let (so_far, labels) = cx.summed(so_far, labels, &|label| result.contains(label))?;
    let order: Vec<usize> =
        result.iter().filter_map(|label| labels.iter().position(|l| l == label)).collect();
    Ok(cx.permute(&so_far, &order)?.into())
}

impl<'a> Elaborator<'a> {
    /// The diagonal over axes that share a label.
    fn diagonal(&mut self, mut tensor: Tensor, mut labels: Vec<u8>) -> Res<(Tensor, Vec<u8>)> {
        while let Some((first, second)) = repeated(&labels) {
            let size = tensor.axes.get(first).cloned().ok_or(Reported)?;
            let rank = tensor.rank();
            let along = |cx: &mut Self, axis: usize| -> Res<Tensor> {
                let iota = cx.iota(&size)?;
                let mut axes = vec![Size::int(1); rank];
                if let Some(slot) = axes.get_mut(axis) {
                    *slot = size.clone();
                }
                cx.reshape_logical(&iota, axes)
            };
            let (row, column) = (along(self, first)?, along(self, second)?);
            let on = self.binary_op(BinaryOp::Eq, &row, &column, self.span)?;
            let zero = self.constant(tensor.dtype, 0.0)?;
            let masked = self.select_op(&on, &tensor, &zero, self.span)?;
            let mut axes = tensor.axes.clone();
            axes.remove(second);
            tensor = self.emit(
                Op::Reduce { kind: ReduceKind::Sum, axes: vec![second + masked.lead] },
                &[&masked],
                axes,
            )?;
            labels.remove(second);
        }
        Ok((tensor, labels))
    }

    /// Sums over labels that nothing needs any more.
    fn summed(
        &mut self,
        tensor: Tensor,
        labels: Vec<u8>,
        needed: &dyn Fn(&u8) -> bool,
    ) -> Res<(Tensor, Vec<u8>)> {
        let gone: Vec<usize> = labels
            .iter()
            .enumerate()
            .filter(|(_, label)| !needed(label))
            .map(|(n, _)| n + tensor.lead)
            .collect();
        if gone.is_empty() {
            return Ok((tensor, labels));
        }
        let keep = |n: usize| !gone.contains(&(n + tensor.lead));
        let axes =
            tensor.axes.iter().enumerate().filter(|(n, _)| keep(*n)).map(|(_, axis)| axis.clone()).collect();
        let left = labels.iter().enumerate().filter(|(n, _)| keep(*n)).map(|(_, label)| *label).collect();
        let reduced =
            self.emit(Op::Reduce { kind: ReduceKind::Sum, axes: gone.clone() }, &[&tensor], axes)?;
        Ok((reduced, left))
    }

    fn pair(
        &mut self,
        a: Tensor,
        left: Vec<u8>,
        b: Tensor,
        right: Vec<u8>,
        later: &dyn Fn(&u8) -> bool,
        span: Span,
    ) -> Res<(Tensor, Vec<u8>)> {
        let (a, b) = self.factors(a, b, "einsum", span)?;
        let (a, left) = self.summed(a, left, &|label| later(label) || right.contains(label))?;
        let (b, right) = self.summed(b, right, &|label| later(label) || left.contains(label))?;
        let mut labels: Vec<u8> = left.iter().filter(|label| later(label)).copied().collect();
        labels.extend(right.iter().filter(|label| later(label) && !left.contains(label)));
        let axis = |label: &u8| {
            let of = |labels: &[u8], tensor: &Tensor| {
                labels.iter().position(|l| l == label).and_then(|n| tensor.axes.get(n).cloned())
            };
            of(&left, &a).or_else(|| of(&right, &b))
        };
        let axes = labels.iter().filter_map(axis).collect();
        let result = self.contract(&a, &b, [&left, &right, &labels], axes)?;
        Ok((result, labels))
    }
}

fn repeated(labels: &[u8]) -> Option<(usize, usize)> {
    labels
        .iter()
        .enumerate()
        .find_map(|(n, label)| labels.iter().take(n).position(|l| l == label).map(|first| (first, n)))
}

/// Labels of the operands and of the result; without `->` the result has those that stand once, sorted.
fn parse(text: &str) -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, result) = match text.split_once("->") {
        Some((inputs, result)) => (inputs, Some(result)),
        None => (text.as_str(), None),
    };
    let letters =
        |labels: &str| labels.bytes().all(|b| b.is_ascii_alphabetic()).then(|| labels.as_bytes().to_vec());
    let inputs: Vec<Vec<u8>> = inputs.split(',').map(letters).collect::<Option<_>>()?;
    let result = match result {
        Some(result) => letters(result)?,
        None => {
            let all: Vec<u8> = inputs.iter().flatten().copied().collect();
            let mut once: Vec<u8> =
                all.iter().filter(|label| all.iter().filter(|l| l == label).count() == 1).copied().collect();
            once.sort_unstable();
            once
        }
    };
    Some((inputs, result))
}

/// Labels in the order in which they first occur, from 0.
trait Numbered {
    fn numbered(self) -> Self;
}

impl Numbered for Contraction {
    fn numbered(self) -> Self {
        let mut seen: Vec<u8> = Vec::new();
        let mut number = |label: u8| -> u8 {
            let at = seen.iter().position(|l| *l == label).unwrap_or_else(|| {
                seen.push(label);
                seen.len() - 1
            });
            u8::try_from(at).unwrap_or(u8::MAX)
        };
        Self {
            left: self.left.into_iter().map(&mut number).collect(),
            right: self.right.into_iter().map(&mut number).collect(),
            result: self.result.into_iter().map(&mut number).collect(),
        }
    }
}
