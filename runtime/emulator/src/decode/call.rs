//! Calls: what is handed over at a call and at its return, and which calls are refused.

use super::Decoder;
use super::scope::{Name, Place};
use crate::code::{Control, Op, Source, Transfer};
use crate::error::PtxError;
use crate::syntax::ast::Operand;

impl Decoder<'_> {
    /// Static frames hold one activation of each function, so a cycle of calls cannot be run.
    pub(super) fn refuse_recursion(&self) -> Result<(), PtxError> {
        let count = self.functions.len();
        let mut callers_left = vec![0_usize; count];
        for (_, callee) in &self.calls {
            if let Some(callers) = callers_left.get_mut(*callee as usize) {
                *callers += 1;
            }
        }
        let mut ready: Vec<u32> =
            (0..count as u32).filter(|number| callers_left.get(*number as usize) == Some(&0)).collect();
        let mut sorted = 0;
        while let Some(function) = ready.pop() {
            sorted += 1;
            for (_, callee) in self.calls.iter().filter(|(caller, _)| *caller == function) {
                if let Some(callers) = callers_left.get_mut(*callee as usize) {
                    *callers -= 1;
                    if *callers == 0 {
                        ready.push(*callee);
                    }
                }
            }
        }
        if sorted == count {
            return Ok(());
        }
        let cyclic = callers_left
            .iter()
            .position(|callers| *callers > 0)
            .and_then(|number| self.functions.get(number));
        let (name, line) =
            cyclic.map_or(("", 1), |pending| (pending.function.name.as_str(), pending.function.line));
        Err(PtxError::syntax(line, format!("`{name}` calls itself, and recursion is not supported")))
    }

    pub(super) fn call(&mut self, operands: &[Operand], line: u32) -> Result<Op, PtxError> {
        let (results, rest) = match operands.split_first() {
            Some((Operand::List(results), rest)) => (results.as_slice(), rest),
            _ => (&[] as &[Operand], operands),
        };
        let Some((Operand::Name { name, .. }, rest)) = rest.split_first() else {
            return Err(PtxError::syntax(line, "expected a function's name"));
        };
        if matches!(self.scopes.find(name), Some(Name::Register { .. })) {
            return Err(PtxError::syntax(line, "calls through a register are not supported"));
        }
        let arguments = match rest {
            [] => &[] as &[Operand],
            [Operand::List(arguments)] => arguments.as_slice(),
            _ => return Err(PtxError::syntax(line, "expected `call (results), name, (arguments)`")),
        };
        let number = self.function_number(name, line)?;
        self.calls.push((self.current, number));
        let Some(pending) = self.functions.get(number as usize) else {
            return Err(PtxError::syntax(line, "function is not queued"));
        };
        let (formal, returned) = (pending.parameters.clone(), pending.returns.clone());
        if formal.len() != arguments.len() || returned.len() != results.len() {
            return Err(PtxError::syntax(
                line,
                format!(
                    "`{name}` takes {} arguments and returns {} values, found {} and {}",
                    formal.len(),
                    returned.len(),
                    arguments.len(),
                    results.len()
                ),
            ));
        }
        let arguments = self.transfers(arguments, &formal, true, line)?;
        let results = self.transfers(results, &returned, false, line)?;
        Ok(Op::Control(Control::Call { function: number, arguments, results }))
    }

    fn transfers(
        &self,
        operands: &[Operand],
        places: &[Place],
        into: bool,
        line: u32,
    ) -> Result<Vec<Transfer>, PtxError> {
        let pairs = operands.iter().zip(places);
        pairs
            .map(|(operand, place)| {
                self.transfer(operand, place, into).map_err(|message| PtxError::syntax(line, message))
            })
            .collect()
    }

    /// From `operand` to the callee's `place`, or back.
    fn transfer(&self, operand: &Operand, place: &Place, into: bool) -> Result<Transfer, String> {
        let Operand::Name { name, negated: false } = operand else {
            return Err("arguments of calls are registers or .param variables".into());
        };
        let own = self.scopes.find(name).ok_or_else(|| format!("unknown name `{name}`"))?;
        match (own, place) {
            (Name::Register { register, ty }, Place::Register { register: theirs, ty: expected }) => {
                if ty.bits != expected.bits {
                    return Err(format!("`{name}` is {ty}, expected {expected}"));
                }
                let (from, to) = if into { (register, *theirs) } else { (*theirs, register) };
                Ok(Transfer::Register { from: Source::Register(from), to })
            }
            (Name::Memory { address, frame: true, .. }, Place::Frame { offset, bytes }) => {
                let (from, to) = if into { (address, *offset) } else { (*offset, address) };
                Ok(Transfer::Frame { from, to, bytes: *bytes })
            }
            _ => Err(format!(
                "`{name}` is not what the function's parameter is: a register or a .param variable"
            )),
        }
    }
}
