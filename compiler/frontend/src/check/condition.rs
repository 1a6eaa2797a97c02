//! `if`: one branch where the condition is known when compiling, a choice by element otherwise.

use super::elaborator::{Elaborator, Reported, Res};
use super::value::{Tensor, Value};
use crate::ast::{Block, Expr};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use std::rc::Rc;
use tensc_ir::{BinaryOp, DType, UnaryOp};

impl<'a> Elaborator<'a> {
    /// `if c { a } else { b }`
    pub(crate) fn conditional(
        &mut self,
        condition: &'a Expr,
        then: &'a Block,
        otherwise: &'a Expr,
        span: Span,
    ) -> Value<'a> {
        let chosen = self.eval(condition);
        match &chosen {
            Value::Bool(true) => return self.block(then),
            Value::Bool(false) => return self.eval(otherwise),
            Value::Error => {
                // Both sides are looked at for their own problems, unless those could come from not knowing the condition.
                if !self.generic {
                    self.block(then);
                    self.eval(otherwise);
                }
                return Value::Error;
            }
            Value::Size(_) if self.generic => return Value::Error,
            Value::Hole => {
                let (a, b) = (self.block(then), self.eval(otherwise));
                let Ok(truth) = self.constant(DType::Bool, 1.0) else { return Value::Error };
                return self.choose(&truth, &a, &b, span).unwrap_or(Value::Error);
            }
            Value::Float(_)
            | Value::Size(_)
            | Value::Str(_)
            | Value::None
            | Value::All
            | Value::List(_)
            | Value::Tuple(_)
            | Value::Tensor(_)
            | Value::Time(_)
            | Value::Line(..)
            | Value::Cell(_)
            | Value::Plan(_)
            | Value::Function(_) => {}
        }
        let value = self.runtime_conditional(&chosen, condition, then, otherwise, span);
        value.unwrap_or(Value::Error)
    }

    fn runtime_conditional(
        &mut self,
        chosen: &Value<'a>,
        condition: &'a Expr,
        then: &'a Block,
        otherwise: &'a Expr,
        span: Span,
    ) -> Res<Value<'a>> {
        let truth = match self.tensor(chosen, None, condition.span) {
            Ok(truth) if truth.dtype == DType::Bool => Ok(truth),
            Ok(truth) => {
                let fact = format!("this is {}", truth.ty());
                let diagnostic = Diagnostic::error("a condition is a bool", condition.span, fact);
                Err(self.report(diagnostic.hint("compare it: `x != 0`")))
            }
            Err(reported) => Err(reported),
        };
        let Ok(truth) = truth else {
            self.block(then);
            self.eval(otherwise);
            return Err(Reported);
        };
        self.frame().guards.push(truth.clone());
        let a = self.block(then);
        self.frame().guards.pop();
        let not = self.unary_op(UnaryOp::Not, &truth)?;
        self.frame().guards.push(not);
        let b = self.eval(otherwise);
        self.frame().guards.pop();
        self.choose(&truth, &a, &b, span)
    }

    /// The value `a` where the condition holds and `b` elsewhere; tuples entry by entry.
    pub(crate) fn choose(
        &mut self,
        truth: &Tensor,
        a: &Value<'a>,
        b: &Value<'a>,
        span: Span,
    ) -> Res<Value<'a>> {
        match (a, b) {
            (Value::Error, _) | (_, Value::Error) => Err(Reported),
            (Value::Hole, other) | (other, Value::Hole) => Ok(other.clone()),
            (Value::Tuple(x), Value::Tuple(y)) => {
                if x.len() != y.len() {
                    let fact = format!("{} values against {}", x.len(), y.len());
                    return Err(self.error(
                        span,
                        "the sides of an `if` give different numbers of values",
                        fact,
                    ));
                }
                let mut entries = Vec::with_capacity(x.len());
                for ((name, p), (_, q)) in x.iter().zip(y.iter()) {
                    entries.push((*name, self.choose(truth, p, q, span)?));
                }
                Ok(Value::Tuple(Rc::new(entries)))
            }
            _ => {
                let (tensors, _) = self.common(&[a.clone(), b.clone()], None, span)?;
                let [x, y] = tensors.as_slice() else { return Err(Reported) };
                Ok(self.select_op(truth, x, y, span)?.into())
            }
        }
    }

    /// The condition under which the current branch is taken, for indices of this shape whose lookup gives `rest` more axes.
    pub(crate) fn guard(&mut self, indices: &Tensor, rest: usize) -> Res<Option<Tensor>> {
        let guards = self.frame().guards.clone();
        let mut all: Option<Tensor> = None;
        for guard in guards {
            let Some(guard) = self.guard_for(&guard, indices, rest)? else { continue };
            all = Some(match all {
                Some(so_far) => self.binary_op(BinaryOp::And, &so_far, &guard, self.span)?,
                None => guard,
            });
        }
        let Some(mut guard) = all else { return Ok(None) };
        guard = self.broadcast_to(&guard, &indices.axes)?;
        if indices.lead > 0 {
            guard = self.map_over_lead(guard)?;
        }
        Ok(Some(guard))
    }

    /// A condition in the shape of the indices, where its shape allows: a scalar, or one that lines up with what the lookup gives.
    fn guard_for(&mut self, guard: &Tensor, indices: &Tensor, rest: usize) -> Res<Option<Tensor>> {
        if guard.rank() == 0 {
            return Ok(Some(guard.clone()));
        }
        let result = indices.rank() + rest;
        if guard.rank() > result {
            return Ok(None);
        }
        // Axes of the lookup's rows must not tell entries apart.
        let rows = guard.rank().min(rest);
        let split = guard.rank() - rows;
        let (front, back) = guard.axes.split_at(split);
        let fits = back.iter().all(super::size::Size::is_one)
            && front.iter().rev().zip(indices.axes.iter().rev()).all(|(g, i)| g.is_one() || g.dim == i.dim);
        if !fits {
            return Ok(None);
        }
        let front = front.to_vec();
        Ok(Some(self.reshape_logical(guard, front)?))
    }
}
