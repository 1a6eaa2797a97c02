//! Operands of one instruction, looked up and checked against the types the instruction table asks for.
//!
//! Type rules are those of ISA 9.4: widths agree, floating-point never meets integer registers, and untyped
//! bits meet both. Loads, stores and conversions take wider registers (9.4.1).

use super::Decoder;
use super::lanes::{map1, map2, map3};
use super::scope::Name;
use super::special;
use crate::code::{Access, Address, Kernel, Map, Op, Output, RegisterId, Source, Strength};
use crate::isa::Words;
use crate::number::approximate::Approximation;
use crate::number::float::{Arithmetic, from_f64};
use crate::number::format::{BF16, F16, F32, F64, Format, Rounding};
use crate::syntax::ast::{Class, Instruction, Operand, Space, Type};

pub(crate) struct Builder<'b> {
    pub(super) decoder: &'b mut dyn Names,
    pub(super) instruction: &'b Instruction,
    pub(crate) words: Words<'b>,
}

/// What operand lookup needs of the decoder.
pub(super) trait Names {
    fn find(&self, name: &str) -> Option<Name>;
    fn label(&self, name: &str) -> Option<u32>;
    fn carry(&mut self) -> RegisterId;
    fn in_kernel(&self) -> bool;
    fn approximation(&self) -> Approximation;
    fn note_communication(&mut self);
    fn call(&mut self, operands: &[Operand], line: u32) -> Result<Op, String>;
}

impl Names for Decoder<'_> {
    fn find(&self, name: &str) -> Option<Name> {
        self.scopes.find(name)
    }

    fn label(&self, name: &str) -> Option<u32> {
        match self.scopes.find(name) {
            Some(Name::Label(number)) => Some(number),
            _ => None,
        }
    }

    /// The condition code register of the function (ISA 9.7.2).
    fn carry(&mut self) -> RegisterId {
        if let Some(carry) = self.carry {
            return carry;
        }
        let id = RegisterId(self.registers.len() as u32);
        self.registers.push("CC.CF".into());
        self.carry = Some(id);
        id
    }

    fn in_kernel(&self) -> bool {
        self.current == 0
    }

    fn approximation(&self) -> Approximation {
        self.approximation
    }

    fn note_communication(&mut self) {
        self.communicates = true;
    }

    fn call(&mut self, operands: &[Operand], line: u32) -> Result<Op, String> {
        Self::call(self, operands, line).map_err(|error| error.message)
    }
}

type Made<T> = Result<T, String>;

impl Builder<'_> {
    pub(crate) fn count(&self) -> usize {
        self.instruction.operands.len()
    }

    pub(crate) fn expect(&self, counts: std::ops::RangeInclusive<usize>) -> Made<()> {
        if counts.contains(&self.count()) {
            return Ok(());
        }
        let expected = if counts.start() == counts.end() {
            counts.start().to_string()
        } else {
            format!("{} to {}", counts.start(), counts.end())
        };
        Err(format!("expected {expected} operands, found {}", self.count()))
    }

    pub(crate) fn operand(&self, index: usize) -> Made<&Operand> {
        self.instruction.operands.get(index).ok_or_else(|| format!("operand {} is missing", index + 1))
    }

    pub(crate) fn opcode(&self) -> &str {
        &self.instruction.opcode
    }

    pub(crate) fn approximation(&self) -> Approximation {
        self.decoder.approximation()
    }

    pub(crate) fn note_communication(&mut self) {
        self.decoder.note_communication();
    }

    pub(crate) fn carry(&mut self) -> RegisterId {
        self.decoder.carry()
    }

    pub(crate) fn call(&mut self) -> Made<Op> {
        self.decoder.call(&self.instruction.operands, self.instruction.line)
    }

    pub(crate) fn label(&self, index: usize) -> Made<u32> {
        match self.operand(index)? {
            Operand::Name { name, negated: false } => {
                self.decoder.label(name).ok_or_else(|| format!("unknown label `{name}`"))
            }
            _ => Err("expected a label".into()),
        }
    }

    pub(crate) fn targets(&self, index: usize) -> Made<Vec<u32>> {
        let Operand::Name { name, .. } = self.operand(index)? else {
            return Err("expected a list of targets".into());
        };
        let Some(Name::Targets(labels)) = self.decoder.find(name) else {
            return Err(format!("`{name}` is not a list of .branchtargets"));
        };
        labels
            .iter()
            .map(|label| self.decoder.label(label).ok_or_else(|| format!("unknown label `{label}`")))
            .collect()
    }

    /// The type that the last modifier names.
    pub(crate) fn ty(&self) -> Made<Type> {
        let word = self.words.last();
        Type::named(word).ok_or_else(|| format!("`.{word}` is not a type"))
    }

    /// Types among the modifiers, in order.
    pub(crate) fn types(&self) -> Vec<(&str, Type)> {
        self.words.iter().filter_map(|word| Some((word, Type::named(word)?))).collect()
    }

    pub(crate) fn rounding(&self) -> Rounding {
        match self.words.pick(&["rn", "rna", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"]) {
            Some("rna") => Rounding::NearestAway,
            Some("rz" | "rzi") => Rounding::Zero,
            Some("rm" | "rmi") => Rounding::Down,
            Some("rp" | "rpi") => Rounding::Up,
            _ => Rounding::Nearest,
        }
    }

    /// Arithmetic of `format` with the modifiers `.ftz`, `.sat`, `.relu` and rounding.
    pub(crate) fn arithmetic(&self, format: Format) -> Arithmetic {
        Arithmetic {
            format,
            rounding: self.rounding(),
            flush: self.words.has("ftz"),
            saturate: self.words.has("sat"),
            relu: self.words.has("relu"),
        }
    }

    pub(crate) fn source(&self, index: usize, ty: Type) -> Made<Source> {
        self.source_of(self.operand(index)?, ty, false)
    }

    /// A source whose register may be wider than `ty`.
    pub(crate) fn wide_source(&self, index: usize, ty: Type) -> Made<Source> {
        self.source_of(self.operand(index)?, ty, true)
    }

    pub(crate) fn source_of(&self, operand: &Operand, ty: Type, wider: bool) -> Made<Source> {
        match operand {
            Operand::Name { name, negated } => self.named_source(name, *negated, ty, wider),
            Operand::Integer(value) => integer_literal(*value, ty).map(Source::value),
            Operand::Float { bits, width } => float_literal(*bits, *width, ty).map(Source::value),
            Operand::Offset { name, offset } => match self.decoder.find(name) {
                Some(Name::Memory { address, .. }) if ty.bits >= 32 => {
                    Ok(Source::value(address.wrapping_add_signed(*offset)))
                }
                _ => Err(format!("`{name}` is not a variable")),
            },
            Operand::Sink => Err("`_` can only be a destination".into()),
            Operand::Address { .. } | Operand::AddressList(_) => Err("an address is not allowed here".into()),
            Operand::Vector(_) | Operand::Pair(..) | Operand::List(_) => {
                Err("expected a single value".into())
            }
        }
    }

    fn named_source(&self, name: &str, negated: bool, ty: Type, wider: bool) -> Made<Source> {
        if let Some((special, found)) = special::find(name) {
            if found.bits != ty.bits
                && !(wider && found.bits > ty.bits)
                && !(found.bits < ty.bits && ty.class != Class::Float)
            {
                return Err(format!("`{name}` is {found}, expected {ty}"));
            }
            return Ok(Source::Special(special));
        }
        match self.decoder.find(name) {
            Some(Name::Register { register, ty: found }) => {
                check(name, found, ty, wider)?;
                match (negated, ty.class) {
                    (false, _) => Ok(Source::Register(register)),
                    (true, Class::Pred) => Ok(Source::Not(register)),
                    (true, _) => Err(format!("`!` needs a predicate, `{name}` is {found}")),
                }
            }
            Some(Name::Memory { address, .. }) if ty.bits >= 32 && ty.class != Class::Float && !negated => {
                Ok(Source::value(address))
            }
            Some(_) => Err(format!("`{name}` cannot be used as a value of type {ty}")),
            None => Err(format!("unknown name `{name}`")),
        }
    }

    pub(crate) fn destination(&self, index: usize, ty: Type) -> Made<RegisterId> {
        self.destination_of(self.operand(index)?, ty, false).map(|(register, _)| register)
    }

    pub(crate) fn destination_of(
        &self,
        operand: &Operand,
        ty: Type,
        wider: bool,
    ) -> Made<(RegisterId, Type)> {
        let Operand::Name { name, negated: false } = operand else {
            return Err("the destination must be a register".into());
        };
        match self.decoder.find(name) {
            Some(Name::Register { register, ty: found }) => {
                check(name, found, ty, wider)?;
                Ok((register, found))
            }
            Some(_) => Err(format!("the destination must be a register, `{name}` is not")),
            None => Err(format!("unknown name `{name}`")),
        }
    }

    /// A destination `d`, or `d|p` with a predicate; `_` stands for neither.
    pub(crate) fn destination_pair(
        &self,
        index: usize,
        ty: Type,
    ) -> Made<(Option<RegisterId>, Option<RegisterId>)> {
        match self.operand(index)? {
            Operand::Pair(first, second) => {
                Ok((self.optional_destination(first, ty)?, self.optional_destination(second, Type::PRED)?))
            }
            single => Ok((self.optional_destination(single, ty)?, None)),
        }
    }

    pub(crate) fn optional_destination(&self, operand: &Operand, ty: Type) -> Made<Option<RegisterId>> {
        match operand {
            Operand::Sink => Ok(None),
            _ => self.destination_of(operand, ty, false).map(|(register, _)| Some(register)),
        }
    }

    /// The members of `{..}`, or the operand itself.
    pub(crate) fn members(&self, index: usize) -> Made<Vec<Operand>> {
        Ok(match self.operand(index)? {
            Operand::Vector(items) => items.clone(),
            single => vec![single.clone()],
        })
    }

    pub(crate) fn vector_sources(&self, index: usize, count: usize, ty: Type) -> Made<Vec<Source>> {
        let members = self.members(index)?;
        if members.len() != count {
            return Err(format!(
                "expected {count} registers in operand {}, found {}",
                index + 1,
                members.len()
            ));
        }
        members.iter().map(|member| self.source_of(member, ty, false)).collect()
    }

    pub(crate) fn vector_destinations(&self, index: usize, count: usize, ty: Type) -> Made<Vec<RegisterId>> {
        let members = self.members(index)?;
        if members.len() != count {
            return Err(format!(
                "expected {count} registers in operand {}, found {}",
                index + 1,
                members.len()
            ));
        }
        members.iter().map(|member| Ok(self.destination_of(member, ty, false)?.0)).collect()
    }

    /// An integer that must be known now.
    pub(crate) fn immediate(&self, index: usize, range: std::ops::RangeInclusive<i128>) -> Made<i128> {
        match self.operand(index)? {
            Operand::Integer(value) if range.contains(value) => Ok(*value),
            Operand::Integer(value) => Err(format!("{value} is not in {} to {}", range.start(), range.end())),
            _ => Err(format!("operand {} must be an integer constant", index + 1)),
        }
    }

    /// Resolves `[..]` in `space`; a function's own parameters are in the thread's frame.
    pub(crate) fn address(&self, index: usize, space: Space) -> Made<(Space, Address)> {
        self.address_of(self.operand(index)?, space)
    }

    pub(crate) fn address_of(&self, operand: &Operand, space: Space) -> Made<(Space, Address)> {
        let Operand::Address { base, offset } = operand else {
            return Err("expected an address in brackets".into());
        };
        let framed = |frame: bool| if space == Space::Param && frame { Space::Local } else { space };
        let Some(name) = base else { return Ok((space, Address { base: None, offset: *offset })) };
        match self.decoder.find(name) {
            Some(Name::Register { register, ty }) => {
                let short = ty.bits == 32 && !matches!(space, Space::Generic | Space::Global);
                if ty.class == Class::Float || !(ty.bits == 64 || short) {
                    return Err(format!("`{name}` is {ty}, an address in this space has 64 bits"));
                }
                Ok((framed(!self.decoder.in_kernel()), Address { base: Some(register), offset: *offset }))
            }
            Some(Name::Memory { space: found, address, frame }) => {
                let global_like = |space| matches!(space, Space::Generic | Space::Global | Space::Const);
                let fits = found == space || (space == Space::Generic && global_like(found));
                if !fits {
                    return Err(format!(
                        "`{name}` is in {found:?} memory, the instruction accesses {space:?} memory"
                    )
                    .to_lowercase());
                }
                let place = (address as i64).wrapping_add(*offset);
                Ok((framed(frame), Address { base: None, offset: place }))
            }
            Some(_) => Err(format!("`{name}` is not an address")),
            None => Err(format!("unknown name `{name}`")),
        }
    }

    pub(crate) fn access(&self, index: usize, space: Space, width: u32, count: u32) -> Made<Access> {
        let (space, address) = self.address(index, space)?;
        Ok(Access { space, address, width, count, strength: self.strength() })
    }

    fn strength(&self) -> Strength {
        match self.words.pick(&["volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"]) {
            Some("acquire" | "release" | "acq_rel") => Strength::Ordered,
            Some(_) => Strength::Relaxed,
            None => Strength::Weak,
        }
    }

    /// `d = f(a)`, all of type `ty`.
    pub(crate) fn unary(&self, ty: Type, f: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Made<Op> {
        self.expect(2..=2)?;
        let kernel = map1(f);
        self.map(self.destination(0, ty)?, vec![self.source(1, ty)?], kernel)
    }

    /// `d = f(a, b)`, all of type `ty`.
    pub(crate) fn binary(&self, ty: Type, f: impl Fn(u64, u64) -> u64 + Send + Sync + 'static) -> Made<Op> {
        self.expect(3..=3)?;
        let inputs = vec![self.source(1, ty)?, self.source(2, ty)?];
        self.map(self.destination(0, ty)?, inputs, map2(f))
    }

    /// `d = f(a, b, c)`, all of type `ty`.
    pub(crate) fn ternary(
        &self,
        ty: Type,
        f: impl Fn(u64, u64, u64) -> u64 + Send + Sync + 'static,
    ) -> Made<Op> {
        self.expect(4..=4)?;
        let inputs = vec![self.source(1, ty)?, self.source(2, ty)?, self.source(3, ty)?];
        self.map(self.destination(0, ty)?, inputs, map3(f))
    }

    pub(crate) fn map(&self, register: RegisterId, inputs: Vec<Source>, kernel: Kernel) -> Made<Op> {
        Ok(Op::Map(Map { inputs, outputs: vec![Output { register, kernel }], moves: false }))
    }
}

fn check(name: &str, found: Type, expected: Type, wider: bool) -> Made<()> {
    let width = found.bits == expected.bits || (wider && found.bits > expected.bits);
    let class = match (found.class, expected.class) {
        (Class::Pred, Class::Pred) => true,
        (Class::Pred, _) | (_, Class::Pred) => false,
        (Class::Bits, _) | (_, Class::Bits) => true,
        (Class::Float, other) | (other, Class::Float) => other == Class::Float,
        (Class::Unsigned | Class::Signed, Class::Unsigned | Class::Signed) => true,
    };
    if width && class {
        return Ok(());
    }
    Err(format!("`{name}` is {found}, expected {expected}"))
}

fn integer_literal(value: i128, ty: Type) -> Made<u64> {
    match ty.class {
        Class::Pred => match value {
            0 | 1 => Ok(value as u64),
            _ => Err(format!("{value} is not a predicate")),
        },
        Class::Float => Err(format!("the integer {value} cannot be {ty}, write a float such as 0f3F800000")),
        Class::Bits | Class::Unsigned | Class::Signed => Ok(crate::code::low(value as u64, ty.bits)),
    }
}

fn float_literal(bits: u64, width: u32, ty: Type) -> Made<u64> {
    match (ty.class, ty.bits) {
        (Class::Float | Class::Bits, bits_of) if bits_of == width => Ok(bits),
        // Decimal literals are f64 and convert to the instruction's type (ISA 4.5.2).
        (Class::Float, 32) if width == 64 => Ok(from_f64(F32, f64::from_bits(bits))),
        _ => Err(format!("a float of {width} bits cannot be {ty}")),
    }
}

/// The layout that a type's word names.
pub(crate) fn format_named(word: &str) -> Option<Format> {
    match word {
        "f16" | "f16x2" => Some(F16),
        "bf16" | "bf16x2" => Some(BF16),
        "f32" => Some(F32),
        "f64" => Some(F64),
        _ => None,
    }
}
