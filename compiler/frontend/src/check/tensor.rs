//! Compile-time values as tensors, element types, and the shapes of what is combined element by element.

use super::elaborator::{Elaborator, Reported, Res};
use super::size::{Size, Spelling};
use super::value::{Tensor, Value};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use tensc_ir::{BinaryOp, Constant, DType, Dim, Op, UnaryOp};

impl<'a> Elaborator<'a> {
    /// The value as a tensor. A number takes the element type `partner`, a list stacks.
    pub(crate) fn tensor(&mut self, value: &Value<'a>, partner: Option<DType>, span: Span) -> Res<Tensor> {
        match value {
            Value::Tensor(tensor) => Ok(tensor.clone()),
            Value::Size(size) => self.size_tensor(size, partner),
            Value::Float(number) => {
                let dtype = partner.filter(|d| d.is_float() || d.is_complex()).unwrap_or(DType::F32);
                self.constant(dtype, *number)
            }
            Value::Bool(truth) => {
                let (id, region) = self.push(Op::Const(Constant::Bool(*truth)), &[])?;
                Ok(self.tensor_of(id, region, Vec::new(), 0))
            }
            Value::Time(time) => self.time_value(*time),
            Value::List(entries) => {
                let entries = entries.clone();
                self.stack(&entries, 0, partner, span)
            }
            Value::Error | Value::Hole => Err(Reported),
            Value::Line(rec, line) => Err(self.whole_line(*rec, *line, span)),
            Value::Tuple(_)
            | Value::Str(_)
            | Value::None
            | Value::All
            | Value::Cell(_)
            | Value::Plan(_)
            | Value::Function(_) => {
                let fact = format!("this is {}", value.describe());
                let diagnostic = Diagnostic::error("a tensor is expected here", span, fact);
                Err(self.report(match value {
                    Value::Tuple(_) => diagnostic.hint("take one of its values: `let (a, _) = ..`"),
                    Value::Function(_) | Value::Cell(_) => diagnostic.hint("call it: `f(x)`"),
                    _ => diagnostic,
                }))
            }
        }
    }

    /// The literal `number` as a scalar of `dtype`.
    pub(crate) fn constant(&mut self, dtype: DType, number: f64) -> Res<Tensor> {
        #[expect(clippy::cast_possible_truncation, reason = "callers check the range of integers")]
        let constant = match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 => Constant::Float(dtype, number),
            DType::C64 => Constant::Complex(number, 0.0),
            DType::I32 | DType::U8 => Constant::Int(dtype, number as i64),
            DType::Bool => Constant::Bool(number != 0.0),
        };
        let (id, region) = self.push(Op::Const(constant), &[])?;
        Ok(self.tensor_of(id, region, Vec::new(), 0))
    }

    fn size_tensor(&mut self, size: &Size, partner: Option<DType>) -> Res<Tensor> {
        let partner = partner.filter(|dtype| *dtype != DType::Bool);
        if let Some(n) = size.as_int() {
            let mut dtype = partner.unwrap_or(DType::I32);
            if dtype == DType::U8 && u8::try_from(n).is_err() {
                dtype = DType::I32;
            }
            if dtype.is_integer() && i32::try_from(n).is_err() {
                let fact = format!("this is {n}");
                return Err(self.error(self.span, "a whole number does not fit into i32", fact));
            }
            #[expect(clippy::cast_precision_loss, reason = "a literal takes its partner's float type")]
            return self.constant(dtype, n as f64);
        }
        if let Some(number) = size.as_float() {
            let dtype = partner.filter(|d| d.is_float() || d.is_complex()).unwrap_or(DType::F32);
            return self.constant(dtype, number);
        }
        if size.dim.is_integral() {
            let (id, region) = self.push(Op::DimValue(size.dim.clone()), &[])?;
            return Ok(self.tensor_of(id, region, Vec::new(), 0));
        }
        self.quotient_tensor(size)
    }

    /// A size that need not be whole, in f32, as it is spelled.
    fn quotient_tensor(&mut self, size: &Size) -> Res<Tensor> {
        let (op, left, right) = match &size.spelling {
            Spelling::Binary(op @ ('+' | '-' | '*' | '/'), left, right) => (*op, left.clone(), right.clone()),
            Spelling::Binary(..) | Spelling::Value | Spelling::Name(_) | Spelling::Call(..) => {
                return self.fraction_tensor(size);
            }
        };
        let left = self.size_tensor(&left, Some(DType::F32))?;
        let right = self.size_tensor(&right, Some(DType::F32))?;
        let op = match op {
            '+' => BinaryOp::Add,
            '-' => BinaryOp::Sub,
            '*' => BinaryOp::Mul,
            _ => BinaryOp::Div,
        };
        let (left, right) = (self.cast(left, DType::F32)?, self.cast(right, DType::F32)?);
        self.binary_op(op, &left, &right, self.span)
    }

    /// A size without a useful spelling: the smallest multiple of it that is whole, divided.
    fn fraction_tensor(&mut self, size: &Size) -> Res<Tensor> {
        for factor in 2..=4096 {
            let multiple = &size.dim * &Dim::constant(factor);
            if multiple.is_integral() {
                let whole = self.size_tensor(&Size::plain(multiple), None)?;
                let whole = self.cast(whole, DType::F32)?;
                #[expect(clippy::cast_precision_loss, reason = "at most 4096")]
                let factor = self.constant(DType::F32, factor as f64)?;
                return self.binary_op(BinaryOp::Div, &whole, &factor, self.span);
            }
        }
        let (id, region) = self.push(Op::DimValue(size.dim.clone()), &[])?;
        Ok(self.tensor_of(id, region, Vec::new(), 0))
    }

    /// Entries that become one tensor on a new axis.
    pub(crate) fn stack(
        &mut self,
        entries: &[Value<'a>],
        axis: usize,
        partner: Option<DType>,
        span: Span,
    ) -> Res<Tensor> {
        if entries.is_empty() {
            return Err(self.error(span, "an empty list has no element type", "this list has no entries"));
        }
        let (tensors, dtype) = self.common(entries, partner, span)?;
        let mut parts = Vec::with_capacity(tensors.len());
        let mapped = tensors.iter().any(|tensor| tensor.lead > 0);
        let first = tensors.first().cloned().ok_or(Reported)?;
        for tensor in tensors {
            if tensor.rank() != first.rank()
                || tensor.axes.iter().zip(&first.axes).any(|(a, b)| a.dim != b.dim)
            {
                let (a, b) = (first.ty(), tensor.ty());
                let fact = format!("the first is {a}, another is {b}");
                return Err(self.error(span, "the entries of a list differ in shape", fact));
            }
            let tensor = self.cast(tensor, dtype)?;
            let tensor = if mapped { self.map_over_lead(tensor)? } else { tensor };
            let mut axes = tensor.axes.clone();
            axes.insert(axis.min(axes.len()), Size::int(1));
            parts.push(self.reshape_logical(&tensor, axes)?);
        }
        let mut axes = first.axes.clone();
        let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        axes.insert(axis.min(axes.len()), Size::int(count));
        self.concat_parts(&parts, axis, axes)
    }

    /// Joins parts along a logical axis; the parts are mapped alike.
    pub(crate) fn concat_parts(&mut self, parts: &[Tensor], axis: usize, axes: Vec<Size>) -> Res<Tensor> {
        if let [one] = parts {
            return Ok(Tensor { axes, ..one.clone() });
        }
        let lead = parts.first().map_or(0, |part| part.lead);
        let operands: Vec<&Tensor> = parts.iter().collect();
        self.emit(Op::Concat { axis: axis + lead }, &operands, axes)
    }

    /// Values as tensors of the element type that all of them widen to. Numbers follow the others.
    pub(crate) fn common(
        &mut self,
        values: &[Value<'a>],
        partner: Option<DType>,
        span: Span,
    ) -> Res<(Vec<Tensor>, DType)> {
        let mut dtype: Option<DType> = None;
        let mut tensors: Vec<Option<Tensor>> = Vec::with_capacity(values.len());
        let mut literal_float = false;
        for value in values {
            if value.is_literal() {
                literal_float |= has_fraction(value);
                tensors.push(None);
                continue;
            }
            let tensor = self.tensor(value, None, span)?;
            dtype = Some(match dtype {
                Some(so_far) => self.widest(so_far, tensor.dtype, span)?,
                None => tensor.dtype,
            });
            tensors.push(Some(tensor));
        }
        let mut dtype = match (dtype, partner) {
            (Some(dtype), _) => dtype,
            (None, Some(partner)) => partner,
            (None, None) if literal_float => DType::F32,
            (None, None) => DType::I32,
        };
        if literal_float && !dtype.is_float() && !dtype.is_complex() {
            dtype = DType::F32;
        }
        let mut result = Vec::with_capacity(values.len());
        for (value, tensor) in values.iter().zip(tensors) {
            let tensor = match tensor {
                Some(tensor) => tensor,
                None => self.tensor(value, Some(dtype), span)?,
            };
            dtype = self.widest(dtype, tensor.dtype, span)?;
            result.push(tensor);
        }
        let mut cast = Vec::with_capacity(result.len());
        for tensor in result {
            cast.push(self.cast(tensor, dtype)?);
        }
        Ok((cast, dtype))
    }

    /// The element type that both widen to.
    pub(crate) fn widest(&mut self, a: DType, b: DType, span: Span) -> Res<DType> {
        match widen(a, b) {
            Some(dtype) => Ok(dtype),
            None => {
                let (other, title) = if a == DType::Bool || b == DType::Bool {
                    ("convert it: `f32(mask)`", format!("{a} and {b} do not mix"))
                } else {
                    ("narrow the f64 first: `f32(x)`", format!("{a} and {b} do not mix"))
                };
                Err(self.report(Diagnostic::error(title, span, format!("{a} meets {b} here")).hint(other)))
            }
        }
    }

    /// Converts the elements.
    pub(crate) fn cast(&mut self, tensor: Tensor, dtype: DType) -> Res<Tensor> {
        if tensor.dtype == dtype {
            return Ok(tensor);
        }
        let axes = tensor.axes.clone();
        self.emit(Op::Cast(dtype), &[&tensor], axes)
    }

    /// One operand, elementwise.
    pub(crate) fn unary_op(&mut self, op: UnaryOp, x: &Tensor) -> Res<Tensor> {
        self.emit(Op::Unary(op), &[x], x.axes.clone())
    }

    /// Two operands of one element type, elementwise.
    pub(crate) fn binary_op(&mut self, op: BinaryOp, a: &Tensor, b: &Tensor, span: Span) -> Res<Tensor> {
        let axes = self.broadcast_axes(&[a, b], span, &format!("`{}`", symbol(op)))?;
        let (a, b) = (self.aligned(a, axes.len())?, self.aligned(b, axes.len())?);
        self.emit(Op::Binary(op), &[&a, &b], axes)
    }

    /// `condition ? a : b`, elementwise; a and b of one element type.
    pub(crate) fn select_op(&mut self, c: &Tensor, a: &Tensor, b: &Tensor, span: Span) -> Res<Tensor> {
        let axes = self.broadcast_axes(&[c, a, b], span, "this choice")?;
        let (c, a, b) =
            (self.aligned(c, axes.len())?, self.aligned(a, axes.len())?, self.aligned(b, axes.len())?);
        self.emit(Op::Select, &[&c, &a, &b], axes)
    }

    /// A mapped operand of lower rank than the result gets axes of 1 behind its lead, so that axes align from the right.
    fn aligned(&mut self, tensor: &Tensor, rank: usize) -> Res<Tensor> {
        if tensor.lead == 0 || tensor.rank() == rank {
            return Ok(tensor.clone());
        }
        let mut axes = vec![Size::int(1); rank - tensor.rank()];
        axes.extend(tensor.axes.iter().cloned());
        self.reshape_logical(tensor, axes)
    }

    /// The axes of what is combined element by element, as NumPy broadcasts.
    pub(crate) fn broadcast_axes(&mut self, tensors: &[&Tensor], span: Span, what: &str) -> Res<Vec<Size>> {
        let rank = tensors.iter().map(|tensor| tensor.rank()).max().unwrap_or(0);
        let mut axes: Vec<Size> = vec![Size::int(1); rank];
        let mut from: Vec<Option<&Tensor>> = vec![None; rank];
        for tensor in tensors {
            let skipped = rank - tensor.rank();
            for (n, size) in tensor.axes.iter().enumerate() {
                let (Some(axis), Some(source)) = (axes.get_mut(n + skipped), from.get_mut(n + skipped))
                else {
                    continue;
                };
                if size.is_one() {
                    continue;
                }
                if axis.is_one() && source.is_none() {
                    *axis = size.clone();
                    *source = Some(tensor);
                } else if axis.dim != size.dim {
                    let (left, right) = (source.map_or_else(String::new, Tensor::ty), tensor.ty());
                    let fact =
                        format!("{left} and {right}: {} against {}", axis.described(), size.described());
                    return Err(self.error(span, format!("shapes do not line up in {what}"), fact));
                } else if matches!(axis.spelling, Spelling::Value) {
                    *axis = size.clone();
                }
            }
        }
        Ok(axes)
    }

    /// Another logical shape of the same size.
    pub(crate) fn reshape_logical(&mut self, tensor: &Tensor, axes: Vec<Size>) -> Res<Tensor> {
        let mut shape = if tensor.lead > 0 { self.lead_dims() } else { Vec::new() };
        shape.extend(axes.iter().map(|size| size.dim.clone()));
        if self.physical(tensor).shape == shape {
            return Ok(Tensor { axes, ..tensor.clone() });
        }
        self.emit(Op::Reshape { shape }, &[tensor], axes)
    }

    /// Stretches a tensor to these axes, as NumPy broadcasts; mapped or not as before.
    pub(crate) fn broadcast_to(&mut self, tensor: &Tensor, axes: &[Size]) -> Res<Tensor> {
        if tensor.rank() == axes.len() && tensor.axes.iter().zip(axes).all(|(a, b)| a.dim == b.dim) {
            return Ok(Tensor { axes: axes.to_vec(), ..tensor.clone() });
        }
        let lead = tensor.lead;
        let mut shape = if lead > 0 { self.lead_dims() } else { Vec::new() };
        shape.extend(axes.iter().map(|size| size.dim.clone()));
        let skipped = axes.len().saturating_sub(tensor.rank());
        let mut to: Vec<usize> = (0..lead).collect();
        to.extend((0..tensor.rank()).map(|n| lead + skipped + n));
        self.emit(Op::Broadcast { shape, axes: to }, &[tensor], axes.to_vec())
    }

    /// The same value for each entry of the axes over which the call is mapped.
    pub(crate) fn map_over_lead(&mut self, tensor: Tensor) -> Res<Tensor> {
        let lead = self.lead().len();
        if tensor.lead > 0 || lead == 0 {
            return Ok(tensor);
        }
        let mut shape = self.lead_dims();
        shape.extend(tensor.axes.iter().map(|size| size.dim.clone()));
        let to = (lead..lead + tensor.rank()).collect();
        let axes = tensor.axes.clone();
        let (id, region) = self.push(Op::Broadcast { shape, axes: to }, &[&tensor])?;
        Ok(self.tensor_of(id, region, axes, lead))
    }

    /// A number in every place.
    pub(crate) fn filled(&mut self, dtype: DType, number: f64, axes: &[Size]) -> Res<Tensor> {
        let scalar = self.constant(dtype, number)?;
        self.broadcast_to(&scalar, axes)
    }
}

/// Whether a literal is, or has, a number that is not whole.
pub(crate) fn has_fraction(value: &Value<'_>) -> bool {
    match value {
        Value::Float(_) => true,
        Value::Size(size) => size.as_int().is_none(),
        Value::List(entries) => entries.iter().any(has_fraction),
        Value::Error
        | Value::Bool(_)
        | Value::Str(_)
        | Value::None
        | Value::All
        | Value::Tuple(_)
        | Value::Tensor(_)
        | Value::Hole
        | Value::Time(_)
        | Value::Line(..)
        | Value::Cell(_)
        | Value::Plan(_)
        | Value::Function(_) => false,
    }
}

/// The element type that both widen to: integer to float, f16 and bf16 to f32 to f64, real to complex.
pub(crate) fn widen(a: DType, b: DType) -> Option<DType> {
    if a == b {
        return Some(a);
    }
    let pair = |x, y| (a == x && b == y) || (a == y && b == x);
    if a == DType::Bool || b == DType::Bool || pair(DType::F64, DType::C64) {
        return None;
    }
    if a.is_complex() || b.is_complex() {
        return Some(DType::C64);
    }
    if pair(DType::I32, DType::U8) {
        return Some(DType::I32);
    }
    if a.is_integer() {
        return Some(b);
    }
    if b.is_integer() {
        return Some(a);
    }
    if a == DType::F64 || b == DType::F64 { Some(DType::F64) } else { Some(DType::F32) }
}

/// What messages call an op.
pub(crate) fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Max => "max",
        BinaryOp::Min => "min",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Complex => "complex",
        BinaryOp::Polar => "polar",
    }
}
