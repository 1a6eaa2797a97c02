//! MLIR text, one operation a line: values with types, regions, and operations that are written once where they are asked for twice.

use std::collections::HashMap;
use std::fmt;

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ty {
    I1,
    I8,
    I32,
    I64,
    F16,
    Bf16,
    F32,
    F64,
    /// An address in global memory.
    Global,
    /// An address in the block's shared memory.
    Shared,
}

impl Ty {
    const fn name(self) -> &'static str {
        match self {
            Self::I1 => "i1",
            Self::I8 => "i8",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Global => "!llvm.ptr<1>",
            Self::Shared => "!llvm.ptr<3>",
        }
    }

    pub(crate) const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An SSA value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    number: u32,
    pub(crate) ty: Ty,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.number)
    }
}

/// The body of a function as it grows.
#[derive(Default)]
pub(crate) struct Text {
    /// Constants, which stand in front of everything else.
    head: String,
    body: String,
    next: u32,
    constants: HashMap<String, Value>,
    /// What pure operations of the open regions have made, outermost region first.
    made: Vec<HashMap<String, Value>>,
}

impl Text {
    pub(crate) fn new() -> Self {
        Self { made: vec![HashMap::new()], ..Self::default() }
    }

    /// A name for a value that something else defines: a parameter, a region's argument.
    pub(crate) fn value(&mut self, ty: Ty) -> Value {
        self.next += 1;
        Value { number: self.next - 1, ty }
    }

    fn indent(&self) -> String {
        "  ".repeat(self.made.len() + 1)
    }

    /// A line without a result.
    pub(crate) fn line(&mut self, text: &str) {
        let indent = self.indent();
        self.body.push_str(&format!("{indent}{text}\n"));
    }

    /// An operation with a result that may not be moved or shared.
    pub(crate) fn fresh(&mut self, ty: Ty, text: &str) -> Value {
        let value = self.value(ty);
        self.line(&format!("{value} = {text}"));
        value
    }

    /// An operation whose result depends on its operands alone.
    pub(crate) fn pure(&mut self, ty: Ty, text: &str) -> Value {
        if let Some(value) = self.made.iter().rev().find_map(|region| region.get(text)) {
            return *value;
        }
        let value = self.fresh(ty, text);
        if let Some(region) = self.made.last_mut() {
            region.insert(text.to_owned(), value);
        }
        value
    }

    fn constant(&mut self, ty: Ty, text: &str) -> Value {
        let key = match ty {
            Ty::I1 => format!("arith.constant {text}"),
            _ => format!("arith.constant {text} : {ty}"),
        };
        if let Some(value) = self.constants.get(&key) {
            return *value;
        }
        let value = self.value(ty);
        self.head.push_str(&format!("    {value} = {key}\n"));
        self.constants.insert(key, value);
        value
    }

    pub(crate) fn int(&mut self, ty: Ty, n: i64) -> Value {
        let text = if ty == Ty::I1 { (n != 0).to_string() } else { n.to_string() };
        self.constant(ty, &text)
    }

    pub(crate) fn f32(&mut self, x: f32) -> Value {
        self.constant(Ty::F32, &format!("0x{:08X}", x.to_bits()))
    }

    pub(crate) fn f64(&mut self, x: f64) -> Value {
        self.constant(Ty::F64, &format!("0x{:016X}", x.to_bits()))
    }

    /// Opens a region after a line such as `scf.if %c {`.
    pub(crate) fn open(&mut self, text: &str) {
        self.line(text);
        self.made.push(HashMap::new());
    }

    /// Closes one region and opens its sibling: `} else {`.
    pub(crate) fn middle(&mut self, text: &str) {
        self.close(text);
        self.made.push(HashMap::new());
    }

    /// Closes a region.
    pub(crate) fn close(&mut self, text: &str) {
        self.made.pop();
        self.line(text);
    }

    /// The whole body, constants first.
    pub(crate) fn finish(self) -> String {
        self.head + &self.body
    }

    // Operations of two operands of one type.
    fn two(&mut self, op: &str, a: Value, b: Value) -> Value {
        self.pure(a.ty, &format!("{op} {a}, {b} : {}", a.ty))
    }

    fn by_type(&mut self, float: &str, int: &str, a: Value, b: Value) -> Value {
        self.two(if a.ty.is_float() { float } else { int }, a, b)
    }

    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.by_type("arith.addf", "arith.addi", a, b)
    }

    pub(crate) fn sub(&mut self, a: Value, b: Value) -> Value {
        self.by_type("arith.subf", "arith.subi", a, b)
    }

    pub(crate) fn mul(&mut self, a: Value, b: Value) -> Value {
        self.by_type("arith.mulf", "arith.muli", a, b)
    }

    pub(crate) fn div(&mut self, a: Value, b: Value) -> Value {
        self.two("arith.divf", a, b)
    }

    /// An integer operation: `andi`, `shli`, ..
    pub(crate) fn integer(&mut self, op: &str, a: Value, b: Value) -> Value {
        self.two(&format!("arith.{op}"), a, b)
    }

    /// `a * b + c`, rounded once.
    pub(crate) fn fma(&mut self, a: Value, b: Value, c: Value) -> Value {
        self.pure(a.ty, &format!("llvm.intr.fma({a}, {b}, {c}) : ({0}, {0}, {0}) -> {0}", a.ty))
    }

    pub(crate) fn neg(&mut self, a: Value) -> Value {
        if a.ty.is_float() {
            return self.pure(a.ty, &format!("arith.negf {a} : {}", a.ty));
        }
        let zero = self.int(a.ty, 0);
        self.sub(zero, a)
    }

    /// One operand through an intrinsic of the same type: `sqrt`, `fabs`, `floor`, ..
    pub(crate) fn intrinsic(&mut self, name: &str, a: Value) -> Value {
        self.pure(a.ty, &format!("llvm.intr.{name}({a}) : ({0}) -> {0}", a.ty))
    }

    /// Compares: `eq`, `slt`, .. of integers; `oeq`, `olt`, `une`, .. of floats.
    pub(crate) fn compare(&mut self, predicate: &str, a: Value, b: Value) -> Value {
        let op = if a.ty.is_float() { "cmpf" } else { "cmpi" };
        self.pure(Ty::I1, &format!("arith.{op} {predicate}, {a}, {b} : {}", a.ty))
    }

    pub(crate) fn select(&mut self, condition: Value, a: Value, b: Value) -> Value {
        if a == b {
            return a;
        }
        self.pure(a.ty, &format!("arith.select {condition}, {a}, {b} : {}", a.ty))
    }

    /// A conversion: `extsi`, `trunci`, `bitcast`, `sitofp`, ..
    pub(crate) fn convert(&mut self, op: &str, a: Value, to: Ty) -> Value {
        if a.ty == to {
            return a;
        }
        self.pure(to, &format!("arith.{op} {a} : {} to {to}", a.ty))
    }

    /// Both, where both are there.
    pub(crate) fn both(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(a), Some(b)) => Some(self.integer("andi", a, b)),
            (one, None) | (None, one) => one,
        }
    }

    /// The address of an element.
    pub(crate) fn element(&mut self, base: Value, index: Value, element: Ty) -> Value {
        let element = if element == Ty::I1 { Ty::I8 } else { element };
        let text =
            format!("llvm.getelementptr {base}[{index}] : ({}, {}) -> {0}, {element}", base.ty, index.ty);
        self.pure(base.ty, &text.replace("{0}", base.ty.name()))
    }
}

/// Values as MLIR lists them.
pub(crate) fn list(values: &[Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Types of values as MLIR lists them.
pub(crate) fn types(values: &[Value]) -> String {
    values.iter().map(|value| value.ty.name()).collect::<Vec<_>>().join(", ")
}
