//! What a PTX module says, before its names and opcodes are looked up.

/// State spaces of ISA section 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Generic,
    Global,
    Shared,
    Local,
    Const,
    Param,
}

/// Fundamental types of ISA section 5.2, as far as a register can have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Bits,
    Unsigned,
    Signed,
    Float,
    Pred,
}

/// A register or memory type: its class and its width in bits (1 for predicates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) class: Class,
    pub(crate) bits: u32,
}

impl Type {
    pub(crate) const PRED: Self = Self { class: Class::Pred, bits: 1 };

    /// The type that a word after a dot names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let (class, bits) = match word {
            "pred" => return Some(Self::PRED),
            "f16x2" | "bf16x2" => (Class::Float, 32),
            "bf16" => (Class::Float, 16),
            "tf32" => (Class::Float, 32),
            _ => {
                let class = match word.get(..1)? {
                    "b" => Class::Bits,
                    "u" => Class::Unsigned,
                    "s" => Class::Signed,
                    "f" => Class::Float,
                    _ => return None,
                };
                (class, word.get(1..)?.parse().ok()?)
            }
        };
        let known = match class {
            Class::Float => matches!(bits, 16 | 32 | 64),
            Class::Bits => matches!(bits, 8 | 16 | 32 | 64 | 128),
            Class::Unsigned | Class::Signed => matches!(bits, 8 | 16 | 32 | 64),
            Class::Pred => true,
        };
        known.then_some(Self { class, bits })
    }

    pub(crate) const fn bytes(self) -> u64 {
        (self.bits as u64).div_ceil(8)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.class {
            Class::Pred => write!(f, ".pred"),
            Class::Bits => write!(f, ".b{}", self.bits),
            Class::Unsigned => write!(f, ".u{}", self.bits),
            Class::Signed => write!(f, ".s{}", self.bits),
            Class::Float => write!(f, ".f{}", self.bits),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Module {
    pub(crate) version: (u32, u32),
    pub(crate) target: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) functions: Vec<Function>,
}

/// A variable in memory; an array without a length is external (dynamic) shared memory.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) space: Space,
    pub(crate) ty: Type,
    pub(crate) align: u64,
    /// Bytes; `None` where the size is given at launch.
    pub(crate) bytes: Option<u64>,
    pub(crate) initial: Vec<Initial>,
    /// Declared `.extern`: defined elsewhere, or by the launch.
    pub(crate) external: bool,
    pub(crate) line: u32,
}

/// One element of an initialiser.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Initial {
    Value(Operand),
    /// `name`, `generic(name)` and either plus an offset.
    Address {
        name: String,
        generic: bool,
        offset: i64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) entry: bool,
    pub(crate) returns: Vec<Parameter>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) required_threads: Option<[u32; 3]>,
    pub(crate) most_threads: Option<[u32; 3]>,
    /// `None` for a declaration.
    pub(crate) body: Option<Vec<Statement>>,
    pub(crate) line: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) align: u64,
    pub(crate) bytes: u64,
    /// `.reg` parameters of `.func`.
    pub(crate) register: bool,
    /// Declared as an array of bytes, as structures are.
    pub(crate) array: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Registers {
        names: Vec<(String, Option<u32>)>,
        ty: Type,
        line: u32,
    },
    Variable(Variable),
    Label(String, u32),
    /// A label with `.branchtargets` behind it.
    Targets(String, Vec<String>),
    Instruction(Instruction),
    Block(Vec<Self>),
}

#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub(crate) guard: Option<(String, bool)>,
    pub(crate) opcode: String,
    pub(crate) modifiers: Vec<String>,
    pub(crate) operands: Vec<Operand>,
    pub(crate) line: u32,
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// A register, variable, label or function; `!p` has `negated`.
    Name {
        name: String,
        negated: bool,
    },
    Integer(i128),
    /// Bits of a literal and their width: 0f.. is 32, 0d.. and decimal are 64.
    Float {
        bits: u64,
        width: u32,
    },
    /// `[base + offset]`; absolute addresses have no base.
    Address {
        base: Option<String>,
        offset: i64,
    },
    /// `[map, {x, y}]` and the other bracketed lists of the bulk copies.
    AddressList(Vec<Operand>),
    /// `{a, b}`.
    Vector(Vec<Operand>),
    /// `a|b`.
    Pair(Box<Operand>, Box<Operand>),
    /// `(a, b)` of a call.
    List(Vec<Operand>),
    /// `name + 4`, a variable's address with an offset.
    Offset {
        name: String,
        offset: i64,
    },
    /// `_`.
    Sink,
}
