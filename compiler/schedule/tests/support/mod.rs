//! Runs a graph three times, in the f64 interpreter, as the scheduled program in its interpreter and as machine code, and compares.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod machine;

use machine::Machine;
use std::sync::Arc;
use tensc_cpu::{CpuOptions, CpuProgram};
use tensc_ir::{
    Array, BinaryOp, Builder, Constant, Contraction, DType, Data, Dim, Direction, Form, Graph, Input, Op,
    Rec, RecState, ReduceKind, Role, Sizes, Type, UnaryOp, ValueId, Verified,
};
use tensc_program::{BATCH, BufferKind, Part, Program};
use tensc_schedule::{Options, schedule};

pub fn t() -> Dim {
    Dim::var("T")
}

pub fn n(n: i64) -> Dim {
    Dim::constant(n)
}

pub fn ty(dtype: DType, shape: &[Dim]) -> Type {
    Type::new(dtype, shape.to_vec())
}

pub fn f32(shape: &[Dim]) -> Type {
    ty(DType::F32, shape)
}

pub fn c64(shape: &[Dim]) -> Type {
    ty(DType::C64, shape)
}

pub fn i32(shape: &[Dim]) -> Type {
    ty(DType::I32, shape)
}

/// A builder with short words.
pub struct Make(pub Builder);

impl Make {
    pub fn new(name: &str) -> Self {
        Self(Builder::new(name))
    }

    pub fn argument(&mut self, name: &str, ty: Type) -> ValueId {
        self.0.input(Input { name: name.to_owned(), ty, role: Role::Argument })
    }

    pub fn param(&mut self, path: &str, ty: Type) -> ValueId {
        let role = Role::Param { path: path.to_owned() };
        self.0.input(Input { name: path.to_owned(), ty, role })
    }

    pub fn local(&mut self, name: &str, ty: Type) -> ValueId {
        self.0.local(name, ty)
    }

    pub fn op(&mut self, op: Op, operands: &[ValueId]) -> ValueId {
        self.0.push(op, operands, None).unwrap()
    }

    pub fn many(&mut self, op: Op, operands: &[ValueId]) -> Vec<ValueId> {
        self.0.push_many(op, operands, None).unwrap()
    }

    pub fn unary(&mut self, op: UnaryOp, x: ValueId) -> ValueId {
        self.op(Op::Unary(op), &[x])
    }

    pub fn binary(&mut self, op: BinaryOp, a: ValueId, b: ValueId) -> ValueId {
        self.op(Op::Binary(op), &[a, b])
    }

    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(BinaryOp::Add, a, b)
    }

    pub fn sub(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(BinaryOp::Sub, a, b)
    }

    pub fn mul(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.binary(BinaryOp::Mul, a, b)
    }

    pub fn number(&mut self, value: f64) -> ValueId {
        self.op(Op::Const(Constant::Float(DType::F32, value)), &[])
    }

    pub fn whole(&mut self, value: i64) -> ValueId {
        self.op(Op::Const(Constant::Int(DType::I32, value)), &[])
    }

    pub fn cast(&mut self, to: DType, x: ValueId) -> ValueId {
        self.op(Op::Cast(to), &[x])
    }

    /// `"ab,bc->ac"`.
    pub fn einsum(&mut self, labels: &str, a: ValueId, b: ValueId) -> ValueId {
        let (operands, result) = labels.split_once("->").unwrap();
        let (left, right) = operands.split_once(',').unwrap();
        let list = |text: &str| text.bytes().map(|c| c - b'a').collect();
        let contraction = Contraction { left: list(left), right: list(right), result: list(result) };
        self.op(Op::Contract(contraction), &[a, b])
    }

    pub fn reduce(&mut self, kind: ReduceKind, axes: &[usize], x: ValueId) -> ValueId {
        self.op(Op::Reduce { kind, axes: axes.to_vec() }, &[x])
    }

    /// A reduction of the last axis that stays as 1, by a reshape.
    pub fn kept(&mut self, kind: ReduceKind, x: ValueId) -> ValueId {
        let mut shape = self.0.ty(x).shape.clone();
        let last = shape.len() - 1;
        let reduced = self.reduce(kind, &[last], x);
        shape[last] = n(1);
        self.op(Op::Reshape { shape }, &[reduced])
    }

    pub fn layer_norm(&mut self, x: ValueId) -> ValueId {
        let size = *self.0.ty(x).shape.last().unwrap().as_constant().as_ref().unwrap();
        let one_over = self.number(1.0 / size as f64);
        let sum = self.kept(ReduceKind::Sum, x);
        let mean = self.mul(sum, one_over);
        let centred = self.sub(x, mean);
        let squares = self.mul(centred, centred);
        let sum = self.kept(ReduceKind::Sum, squares);
        let variance = self.mul(sum, one_over);
        let eps = self.number(1e-5);
        let variance = self.add(variance, eps);
        let scale = self.unary(UnaryOp::Rsqrt, variance);
        self.mul(centred, scale)
    }

    pub fn done(self, outputs: &[ValueId]) -> Verified<Graph> {
        let outputs = outputs.iter().enumerate().map(|(n, v)| (format!("y{n}"), *v)).collect();
        tensc_ir::verify(self.0.finish(outputs)).unwrap()
    }
}

/// A recurrence: sequences, constants, initial states (one per state, repeated for each lag); `body` gets the builder, `t`, the states by lag, the entries and the
/// constants, and gives the lines. `states` are line and depth.
pub fn rec(
    make: &mut Make,
    (length, axis, direction): (Dim, usize, Direction),
    sequences: &[ValueId],
    constants: &[ValueId],
    starts: &[ValueId],
    states: &[(usize, usize)],
    body: impl FnOnce(&mut Make, ValueId, &[ValueId], &[ValueId], &[ValueId]) -> Vec<ValueId>,
) -> Vec<ValueId> {
    let mut inner = Make::new("body");
    let time = inner.local("t", i32(&[]));
    let mut operands: Vec<ValueId> = sequences.iter().chain(constants).copied().collect();
    let mut earlier = Vec::new();
    for (start, (_, depth)) in starts.iter().zip(states) {
        for lag in 0..*depth {
            let state = make.0.ty(*start).clone();
            earlier.push(inner.local(&format!("s{lag}"), state));
            operands.push(*start);
        }
    }
    let entries: Vec<ValueId> = sequences
        .iter()
        .map(|sequence| {
            let mut entry = make.0.ty(*sequence).clone();
            entry.shape.remove(axis);
            inner.local("x", entry)
        })
        .collect();
    let fixed: Vec<ValueId> = constants
        .iter()
        .map(|constant| {
            let of = make.0.ty(*constant).clone();
            inner.local("k", of)
        })
        .collect();
    let lines = body(&mut inner, time, &earlier, &entries, &fixed);
    let outputs = lines.iter().enumerate().map(|(n, v)| (format!("line{n}"), *v)).collect();
    let rec = Rec {
        length,
        axis,
        direction,
        form: Form::Step,
        sequences: sequences.len(),
        constants: constants.len(),
        states: states.iter().map(|(line, depth)| RecState { line: *line, depth: *depth }).collect(),
        body: inner.0.finish(outputs),
    };
    make.many(Op::Rec(Box::new(rec)), &operands)
}

/// A small generator of random numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 33) as usize % n.max(1)
    }

    /// In -1 .. 1.
    pub fn real(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn random_array(ty: &Type, sizes: &Sizes, random: &mut Random) -> Array {
    let shape: Vec<usize> = ty.shape.iter().map(|d| d.eval(sizes).unwrap() as usize).collect();
    let len = shape.iter().product();
    let data = match ty.dtype {
        DType::F32 | DType::F64 => Data::Real((0..len).map(|_| f64::from(random.real() as f32)).collect()),
        DType::BF16 | DType::F16 => {
            Data::Real((0..len).map(|_| (random.real() * 16.0).round() / 16.0).collect())
        }
        DType::C64 => Data::Complex(
            (0..len).map(|_| [f64::from(random.real() as f32), f64::from(random.real() as f32)]).collect(),
        ),
        DType::I32 | DType::U8 => Data::Int((0..len).map(|_| random.below(5) as i64).collect()),
        DType::Bool => Data::Bool((0..len).map(|_| random.below(2) == 1).collect()),
    };
    Array::new(ty.dtype, shape, data).unwrap()
}

fn bytes_of(array: &Array) -> Vec<u8> {
    match (array.data(), array.dtype()) {
        (Data::Real(x), DType::F64) => x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        (Data::Real(x), DType::BF16) => {
            x.iter().flat_map(|x| ((*x as f32).to_bits() >> 16).to_le_bytes()[..2].to_vec()).collect()
        }
        (Data::Real(x), DType::F16) => x.iter().flat_map(|x| half(*x).to_le_bytes()).collect(),
        (Data::Real(x), _) => x.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect(),
        (Data::Complex(x), _) => x.iter().flatten().flat_map(|x| (*x as f32).to_le_bytes()).collect(),
        (Data::Int(x), DType::U8) => x.iter().map(|x| *x as u8).collect(),
        (Data::Int(x), _) => x.iter().flat_map(|x| (*x as i32).to_le_bytes()).collect(),
        (Data::Bool(x), _) => x.iter().map(|x| u8::from(*x)).collect(),
    }
}

/// Sixteenths in -1 ..= 1 as binary16.
fn half(x: f64) -> u16 {
    if x == 0.0 {
        return 0;
    }
    let bits = (x as f32).to_bits();
    let exponent = ((bits >> 23) & 0xFF) as i32 - 127 + 15;
    ((bits >> 16) & 0x8000) as u16 | ((exponent as u16) << 10) | ((bits >> 13) & 0x3FF) as u16
}

fn numbers_of(bytes: &[u8], dtype: DType) -> Vec<f64> {
    let words = bytes.chunks_exact(if matches!(dtype, DType::F64) { 8 } else { dtype.bytes().min(4) });
    words
        .map(|w| match dtype {
            DType::F64 => f64::from_le_bytes(w.try_into().unwrap()),
            DType::F32 | DType::C64 => f64::from(f32::from_le_bytes(w.try_into().unwrap())),
            DType::I32 => f64::from(i32::from_le_bytes(w.try_into().unwrap())),
            DType::U8 | DType::Bool => f64::from(w[0]),
            DType::BF16 => f64::from(f32::from_bits(u32::from(u16::from_le_bytes([w[0], w[1]])) << 16)),
            DType::F16 => {
                let h = u16::from_le_bytes([w[0], w[1]]);
                let sign = if h & 0x8000 == 0 { 1.0 } else { -1.0 };
                let (e, m) = (i32::from((h >> 10) & 0x1F), f64::from(h & 0x3FF));
                if e == 0 {
                    sign * m * 2_f64.powi(-24)
                } else {
                    sign * (1.0 + m / 1024.0) * 2_f64.powi(e - 15)
                }
            }
        })
        .collect()
}

fn numbers(array: &Array) -> Vec<f64> {
    match array.data() {
        Data::Real(x) => x.clone(),
        Data::Complex(x) => x.iter().flatten().copied().collect(),
        Data::Int(x) => x.iter().map(|x| *x as f64).collect(),
        Data::Bool(x) => x.iter().map(|x| f64::from(u8::from(*x))).collect(),
    }
}

pub fn program(graph: &Verified<Graph>) -> Program {
    schedule(graph, &Options::default()).unwrap_or_else(|error| panic!("{error}\n{}", **graph))
}

/// Compares the two at these lengths, for batches of 1 and 3.
pub fn agree_at(graph: &Verified<Graph>, lengths: &[i64]) {
    agree_from(graph, lengths, 0);
}

/// Compares the two at these lengths, this many entries into a stream.
pub fn agree_from(graph: &Verified<Graph>, lengths: &[i64], position: i64) {
    let program = program(graph);
    let text = program.to_string();
    let program =
        tensc_program::verify(program).unwrap_or_else(|error| panic!("{error}\n{}\n{text}", **graph));
    let code = tensc_cpu::compile(&program, &CpuOptions::default())
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    for length in lengths {
        for batch in [1, 3] {
            compare(graph, (&program, &code), &text, (*length, position), batch);
        }
    }
}

/// Compares at the lengths that go wrong.
pub fn agree(graph: &Verified<Graph>) {
    agree_at(graph, &[0, 1, 2, 63, 64, 65]);
}

fn compare(
    graph: &Verified<Graph>,
    (program, code): (&tensc_program::Verified<Program>, &CpuProgram),
    text: &str,
    (length, position): (i64, i64),
    batch: usize,
) {
    let mut random = Random::new(length as u64 * 31 + batch as u64 + 7);
    let mut sizes = Sizes::from([(Arc::from("T"), length), (Arc::from("@position"), position)]);
    let per_sequence: Vec<Vec<Array>> = {
        let mut all: Vec<Vec<Array>> = vec![Vec::new(); batch];
        for input in &graph.inputs {
            let varies = matches!(input.role, Role::Argument | Role::State);
            let shared = random_array(&input.ty, &sizes, &mut random);
            for sequence in &mut all {
                sequence.push(if varies {
                    random_array(&input.ty, &sizes, &mut random)
                } else {
                    shared.clone()
                });
            }
        }
        all
    };
    let expected: Vec<Vec<Array>> = per_sequence
        .iter()
        .map(|inputs| {
            tensc_ir::interpret(graph, inputs, &sizes, &tensc_ir::Options::default())
                .unwrap_or_else(|error| panic!("{error}\n{}", **graph))
        })
        .collect();
    sizes.insert(Arc::from(BATCH), batch as i64);
    let mut arrays = tensc_program::poisoned_arrays(program, &sizes).unwrap();
    let mut number = 0;
    let mut results = Vec::new();
    for (n, buffer) in program.buffers.iter().enumerate() {
        match &buffer.kind {
            BufferKind::Argument | BufferKind::StateIn | BufferKind::Weight { .. } => {
                let parts = per_sequence.iter().map(|inputs| bytes_of(&inputs[number]));
                arrays[n] = if buffer.varies {
                    parts.flatten().collect()
                } else {
                    bytes_of(&per_sequence[0][number])
                };
                number += 1;
            }
            BufferKind::Result | BufferKind::StateOut => results.push(n),
            BufferKind::Prepared | BufferKind::StateStart { .. } | BufferKind::Scratch => {}
        }
    }
    let mut compiled = arrays.clone();
    for part in [Part::Prepare, Part::Main] {
        tensc_program::interpret(program, part, &mut arrays, &sizes)
            .unwrap_or_else(|error| panic!("{error} at T {length}, batch {batch}\n{}\n{text}", **graph));
    }
    let mut machine = Machine { program, code, arrays: &mut compiled, failure: None };
    machine.run(&program.prepare, &sizes);
    machine.run(&program.main, &sizes);
    assert_eq!(machine.failure, None, "{text}");
    for (who, arrays) in [("interpreter", &arrays), ("machine code", &compiled)] {
        for (output, n) in results.iter().enumerate() {
            let buffer = &program.buffers[*n];
            let place = format!("{who}, output {output}, T {length}, batch {batch}\n{}\n{text}", **graph);
            let wanted: Vec<f64> = if buffer.varies {
                expected.iter().flat_map(|outputs| numbers(&outputs[output])).collect()
            } else {
                numbers(&expected[0][output])
            };
            close(&numbers_of(&arrays[*n], buffer.dtype), &wanted, buffer.dtype, &place);
        }
    }
}

fn close(found: &[f64], wanted: &[f64], dtype: DType, place: &str) {
    let tolerance = match dtype {
        DType::BF16 => 1e-2,
        DType::F16 => 2e-3,
        DType::F64 => 1e-12,
        DType::F32 | DType::C64 => 2e-5,
        DType::I32 | DType::U8 | DType::Bool => 0.0,
    };
    assert_eq!(found.len(), wanted.len(), "{place}");
    let mut difference = 0.0;
    let mut reference = 0.0;
    for (a, b) in found.iter().zip(wanted) {
        if b.is_nan() || b.is_infinite() || a.is_nan() || a.is_infinite() {
            assert!(a == b || (a.is_nan() && b.is_nan()), "{a} for {b}: {place}");
            continue;
        }
        difference += (a - b) * (a - b);
        reference += b * b;
    }
    assert!(
        difference.sqrt() <= tolerance * reference.sqrt() + 1e-30_f64.max(tolerance * 1e-6),
        "{found:?}\nfor\n{wanted:?}\n{place}"
    );
}
