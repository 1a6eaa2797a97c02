//! A parsed module's kernel to a [`Program`].
//!
//! In: the module, where its variables lie, and the kernel's name. Out: instructions of the kernel and of all functions
//! it calls, with names turned into numbers. Frames and registers are laid out once for each function, so recursion is
//! refused. [`builder`] looks up operands for the instruction table, [`scope`] names.

mod builder;
mod call;
mod lanes;
mod scope;
mod special;
mod window;

use std::collections::HashMap;

pub(crate) use builder::{Builder, format_named};
pub(crate) use lanes::{map1, map2, map3, map4};
use scope::{Name, Place, Scopes};
pub(crate) use window::{LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, WINDOW, window};

use crate::code::{Control, Instr, Op, ParameterSlot, Program, RegisterId};
use crate::error::PtxError;
use crate::isa::{Words, lookup};
use crate::number::approximate::Approximation;
use crate::syntax::ast::{Class, Function, Instruction, Module, Parameter, Space, Statement, Type, Variable};

/// Where a module's variables lie in the address space of the device.
pub(crate) type Symbols = HashMap<String, u64>;

/// A register file larger than this is a hostile module.
const MOST_REGISTERS: usize = 1 << 20;

/// Names of the special registers, for the documentation.
pub(crate) fn special_registers() -> impl Iterator<Item = &'static str> {
    special::TABLE.iter().map(|(name, ..)| *name)
}

struct Pending<'a> {
    function: &'a Function,
    parameters: Vec<Place>,
    returns: Vec<Place>,
}

/// State of decoding one kernel.
pub(crate) struct Decoder<'a> {
    module: &'a Module,
    approximation: Approximation,
    functions: Vec<Pending<'a>>,
    calls: Vec<(u32, u32)>,
    current: u32,
    registers: Vec<String>,
    scopes: Scopes,
    labels: Vec<Option<u32>>,
    frame_bytes: u64,
    shared_bytes: u64,
    carry: Option<RegisterId>,
    communicates: bool,
}

pub(crate) fn decode(
    module: &Module,
    symbols: &Symbols,
    kernel: &str,
    approximation: Approximation,
) -> Result<Program, PtxError> {
    let entry = module
        .functions
        .iter()
        .find(|function| function.name == kernel && function.entry && function.body.is_some())
        .ok_or_else(|| no_kernel(module, kernel))?;
    let mut decoder = Decoder {
        module,
        approximation,
        functions: Vec::new(),
        calls: Vec::new(),
        current: 0,
        registers: Vec::new(),
        scopes: Scopes::default(),
        labels: Vec::new(),
        frame_bytes: 0,
        shared_bytes: 0,
        carry: None,
        communicates: false,
    };
    let dynamic_shared = decoder.place_variables(symbols)?;
    let (parameters, parameter_bytes) = parameter_slots(&entry.parameters);
    let places = parameters.iter().map(|slot| Place::Constant { offset: slot.offset }).collect();
    decoder.functions.push(Pending { function: entry, parameters: places, returns: Vec::new() });
    let mut code = Vec::new();
    let mut starts = Vec::new();
    while (decoder.current as usize) < decoder.functions.len() {
        starts.push(code.len() as u32);
        decoder.function(&mut code)?;
        decoder.current += 1;
    }
    decoder.refuse_recursion()?;
    Ok(Program {
        kernel: kernel.to_owned(),
        code,
        functions: starts,
        registers: decoder.registers,
        parameters,
        parameter_bytes,
        frame_bytes: decoder.frame_bytes.next_multiple_of(16),
        static_shared: decoder.shared_bytes.max(if dynamic_shared {
            decoder.scopes.dynamic_shared
        } else {
            0
        }),
        required_threads: entry.required_threads,
        most_threads: entry.most_threads,
        communicates: decoder.communicates,
    })
}

fn no_kernel(module: &Module, kernel: &str) -> PtxError {
    let kernels: Vec<&str> = module
        .functions
        .iter()
        .filter(|function| function.entry && function.body.is_some())
        .map(|function| function.name.as_str())
        .collect();
    PtxError::syntax(1, format!("module has no kernel `{kernel}`")).with_hint(format!(
        "it has: {}",
        if kernels.is_empty() { "none".to_owned() } else { kernels.join(", ") }
    ))
}

/// Kernel parameters lie one behind the other, each at its alignment (ISA 5.1.6.1).
fn parameter_slots(parameters: &[Parameter]) -> (Vec<ParameterSlot>, u64) {
    let mut end = 0_u64;
    let slots = parameters
        .iter()
        .map(|parameter| {
            let offset = end.next_multiple_of(parameter.align.max(1));
            end = offset + parameter.bytes;
            let name = parameter.name.clone();
            ParameterSlot { name, ty: parameter.ty, offset, bytes: parameter.bytes, array: parameter.array }
        })
        .collect();
    (slots, end)
}

impl<'a> Decoder<'a> {
    /// Binds module variables; shared ones get offsets, external shared ones lie behind all others.
    fn place_variables(&mut self, symbols: &Symbols) -> Result<bool, PtxError> {
        let mut dynamic = Vec::new();
        for variable in &self.module.variables {
            match variable.space {
                Space::Shared if variable.bytes.is_none() || variable.external => dynamic.push(variable),
                Space::Shared => self.place_shared(variable)?,
                Space::Global | Space::Const => {
                    if let Some(address) = symbols.get(&variable.name) {
                        self.bind(variable, *address, false);
                    }
                }
                Space::Generic | Space::Local | Space::Param => {
                    return Err(PtxError::syntax(
                        variable.line,
                        "only global, const and shared variables may stand outside functions",
                    ));
                }
            }
        }
        // Functions place their own shared variables from here on; this bound is where dynamic memory starts.
        let mut end = self.shared_bytes;
        for function in &self.module.functions {
            for statement in function.body.iter().flatten() {
                shared_bound(statement, &mut end);
            }
        }
        let align = dynamic.iter().map(|variable| variable.align).max().unwrap_or(1).max(16);
        let start = if dynamic.is_empty() { end } else { end.next_multiple_of(align) };
        for variable in &dynamic {
            self.bind(variable, start, false);
        }
        self.scopes.dynamic_shared = start;
        Ok(!dynamic.is_empty())
    }

    fn place_shared(&mut self, variable: &Variable) -> Result<(), PtxError> {
        let bytes = variable.bytes.unwrap_or(0);
        let offset = self.shared_bytes.next_multiple_of(variable.align);
        self.shared_bytes = offset.saturating_add(bytes);
        if self.shared_bytes > 1 << 30 {
            return Err(PtxError::syntax(
                variable.line,
                format!("`{}` does not fit shared memory", variable.name),
            ));
        }
        self.bind(variable, offset, false);
        Ok(())
    }

    fn bind(&mut self, variable: &Variable, address: u64, frame: bool) {
        self.scopes.bind(&variable.name, Name::Memory { space: variable.space, address, frame });
    }

    fn place_frame(&mut self, bytes: u64, align: u64, line: u32) -> Result<u64, PtxError> {
        let offset = self.frame_bytes.next_multiple_of(align.clamp(1, 1 << 20));
        self.frame_bytes = offset.saturating_add(bytes);
        if self.frame_bytes > 512 << 10 {
            return Err(PtxError::syntax(line, "local memory of a thread is more than 512 KiB"));
        }
        Ok(offset)
    }

    fn register(&mut self, name: &str, line: u32) -> Result<RegisterId, PtxError> {
        if self.registers.len() >= MOST_REGISTERS {
            return Err(PtxError::syntax(line, format!("more than {MOST_REGISTERS} registers")));
        }
        let id = RegisterId(self.registers.len() as u32);
        self.registers.push(name.to_owned());
        Ok(id)
    }

    /// The number of function `name`, which is queued when it is seen first.
    fn function_number(&mut self, name: &str, line: u32) -> Result<u32, PtxError> {
        if let Some(number) = self.functions.iter().position(|pending| pending.function.name == name) {
            return Ok(number as u32);
        }
        let module = self.module;
        let function =
            module.functions.iter().find(|function| function.name == name && function.body.is_some());
        let Some(function) = function else {
            let declared = module.functions.iter().any(|function| function.name == name);
            let what = if declared {
                "is declared but has no body in this module"
            } else {
                "is not a function of this module"
            };
            return Err(PtxError::syntax(line, format!("`{name}` {what}")));
        };
        let parameters = self.places(&function.parameters, line)?;
        let returns = self.places(&function.returns, line)?;
        self.functions.push(Pending { function, parameters, returns });
        Ok(self.functions.len() as u32 - 1)
    }

    fn places(&mut self, parameters: &[Parameter], line: u32) -> Result<Vec<Place>, PtxError> {
        parameters
            .iter()
            .map(|parameter| {
                if parameter.register {
                    let register = self.register(&parameter.name, line)?;
                    return Ok(Place::Register { register, ty: parameter.ty });
                }
                let offset = self.place_frame(parameter.bytes, parameter.align, line)?;
                Ok(Place::Frame { offset, bytes: parameter.bytes })
            })
            .collect()
    }

    fn function(&mut self, code: &mut Vec<Instr>) -> Result<(), PtxError> {
        let Some(pending) = self.functions.get(self.current as usize) else { return Ok(()) };
        let function = pending.function;
        let mut names = Vec::new();
        for (parameter, place) in function.parameters.iter().zip(&pending.parameters) {
            names.push((&parameter.name, Name::of_place(place)));
        }
        for (parameter, place) in function.returns.iter().zip(&pending.returns) {
            names.push((&parameter.name, Name::of_place(place)));
        }
        self.scopes.enter();
        for (name, bound) in names {
            self.scopes.bind(name, bound);
        }
        self.carry = None;
        self.labels.clear();
        let start = code.len();
        let body: &'a [Statement] = function.body.as_deref().unwrap_or_default();
        self.block(body, code)?;
        self.scopes.leave();
        // Falling off the end of a function returns.
        let entry = lookup("ret", &[]).map_err(|(message, _)| PtxError::syntax(function.line, message))?;
        let text = "}".to_owned();
        code.push(Instr { guard: None, op: Op::Control(Control::Return), entry, line: function.line, text });
        for instr in code.iter_mut().skip(start) {
            let Op::Control(control) = &mut instr.op else { continue };
            match control {
                Control::Branch { target } => *target = self.label_at(*target, instr.line)?,
                Control::Table { targets, .. } => {
                    for target in targets {
                        *target = self.label_at(*target, instr.line)?;
                    }
                }
                Control::Call { .. } | Control::Return | Control::Exit | Control::Trap => {}
            }
        }
        Ok(())
    }

    fn label_at(&self, label: u32, line: u32) -> Result<u32, PtxError> {
        let place = self.labels.get(label as usize).copied().flatten();
        place.ok_or_else(|| PtxError::syntax(line, "branch target is not in this function"))
    }

    fn block(&mut self, statements: &'a [Statement], code: &mut Vec<Instr>) -> Result<(), PtxError> {
        self.scopes.enter();
        for statement in statements {
            match statement {
                Statement::Label(name, line) => {
                    let number = self.labels.len() as u32;
                    self.labels.push(None);
                    if !self.scopes.bind_new(name, Name::Label(number)) {
                        return Err(PtxError::syntax(*line, format!("label `{name}` is already defined")));
                    }
                }
                Statement::Targets(name, targets) => {
                    self.scopes.bind(name, Name::Targets(targets.clone()));
                }
                Statement::Registers { .. }
                | Statement::Variable(_)
                | Statement::Instruction(_)
                | Statement::Block(_) => {}
            }
        }
        for statement in statements {
            match statement {
                Statement::Registers { names, ty, line } => self.declare(names, *ty, *line)?,
                Statement::Variable(variable) => self.local_variable(variable)?,
                Statement::Label(name, _) => {
                    if let Some(Name::Label(number)) = self.scopes.find(name)
                        && let Some(place) = self.labels.get_mut(number as usize)
                    {
                        *place = Some(code.len() as u32);
                    }
                }
                Statement::Targets(..) => {}
                Statement::Instruction(instruction) => {
                    let instr =
                        self.instruction(instruction).map_err(|error| error.with_text(&instruction.text))?;
                    code.push(instr);
                }
                Statement::Block(inner) => self.block(inner, code)?,
            }
        }
        self.scopes.leave();
        Ok(())
    }

    fn declare(&mut self, names: &[(String, Option<u32>)], ty: Type, line: u32) -> Result<(), PtxError> {
        for (name, count) in names {
            match count {
                None => {
                    let register = self.register(name, line)?;
                    self.scopes.bind(name, Name::Register { register, ty });
                }
                Some(count) => {
                    for index in 0..*count {
                        let name = format!("{name}{index}");
                        let register = self.register(&name, line)?;
                        self.scopes.bind(&name, Name::Register { register, ty });
                    }
                }
            }
        }
        Ok(())
    }

    fn local_variable(&mut self, variable: &Variable) -> Result<(), PtxError> {
        match variable.space {
            Space::Shared => self.place_shared(variable),
            Space::Local | Space::Param => {
                let Some(bytes) = variable.bytes else {
                    return Err(PtxError::syntax(variable.line, format!("`{}` has no size", variable.name)));
                };
                let offset = self.place_frame(bytes, variable.align, variable.line)?;
                self.bind(variable, offset, true);
                Ok(())
            }
            Space::Global | Space::Const | Space::Generic => Err(PtxError::syntax(
                variable.line,
                "global and const variables inside functions are not supported",
            )
            .with_hint("declare it outside the function")),
        }
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<Instr, PtxError> {
        let line = instruction.line;
        let entry = lookup(&instruction.opcode, &instruction.modifiers)
            .map_err(|(message, hint)| PtxError::syntax(line, message).with_hint(hint))?;
        let guard = match &instruction.guard {
            None => None,
            Some((name, negated)) => match self.scopes.find(name) {
                Some(Name::Register { register, ty }) if ty.class == Class::Pred => {
                    Some((register, *negated))
                }
                Some(_) => return Err(PtxError::syntax(line, format!("guard `{name}` is not a predicate"))),
                None => return Err(PtxError::syntax(line, format!("unknown name `{name}`"))),
            },
        };
        let mut builder = Builder { decoder: self, instruction, words: Words(&instruction.modifiers) };
        let op = (entry.make)(&mut builder).map_err(|message| PtxError::syntax(line, message))?;
        Ok(Instr { guard, op, entry, line, text: instruction.text.clone() })
    }
}

/// An upper bound of what the shared variables of a function need behind `end`.
fn shared_bound(statement: &Statement, end: &mut u64) {
    match statement {
        Statement::Variable(variable) if variable.space == Space::Shared => {
            *end =
                end.next_multiple_of(variable.align).saturating_add(variable.bytes.unwrap_or(0)).min(1 << 40);
        }
        Statement::Block(inner) => inner.iter().for_each(|statement| shared_bound(statement, end)),
        Statement::Variable(_)
        | Statement::Registers { .. }
        | Statement::Label(..)
        | Statement::Targets(..)
        | Statement::Instruction(_) => {}
    }
}
