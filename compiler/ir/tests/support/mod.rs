//! What several test files use: short ways to build graphs, random inputs, comparison.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod random;

use tensc_ir::{
    Array, BinaryOp, Builder, Constant, Contraction, DType, Data, Dim, Direction, Form, Graph, Input, Op,
    Options, Rec, RecState, Role, Sizes, Type, UnaryOp, ValueId, Verified, interpret, verify,
};

pub fn t() -> Dim {
    Dim::var("T")
}

pub fn n(n: i64) -> Dim {
    Dim::constant(n)
}

pub fn f32(shape: &[Dim]) -> Type {
    Type::new(DType::F32, shape.to_vec())
}

pub fn c64(shape: &[Dim]) -> Type {
    Type::new(DType::C64, shape.to_vec())
}

/// A builder with words for what tests need.
pub struct Make(pub Builder);

impl Make {
    pub fn new() -> Self {
        Self(Builder::new("g"))
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

    pub fn real(&mut self, x: f64) -> ValueId {
        self.op(Op::Const(Constant::Float(DType::F32, x)), &[])
    }

    pub fn int(&mut self, x: i64) -> ValueId {
        self.op(Op::Const(Constant::Int(DType::I32, x)), &[])
    }

    pub fn cast(&mut self, to: DType, x: ValueId) -> ValueId {
        self.op(Op::Cast(to), &[x])
    }

    pub fn zeros(&mut self, ty: &Type) -> ValueId {
        self.0.zeros(ty).unwrap()
    }

    /// `contract "ab,bc->ac"`.
    pub fn contract(&mut self, labels: &str, a: ValueId, b: ValueId) -> ValueId {
        let (operands, result) = labels.split_once("->").unwrap();
        let (left, right) = operands.split_once(',').unwrap();
        let of = |word: &str| word.bytes().map(|b| b - b'a').collect();
        let contraction = Contraction { left: of(left), right: of(right), result: of(result) };
        self.op(Op::Contract(contraction), &[a, b])
    }

    pub fn finish(self, outputs: &[(&str, ValueId)]) -> Graph {
        self.0.finish(outputs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect())
    }

    pub fn verified(self, outputs: &[(&str, ValueId)]) -> Verified<Graph> {
        verify(self.finish(outputs)).unwrap()
    }
}

/// What a recurrence's body may use.
pub struct Step {
    pub t: ValueId,
    /// By state, then by lag from 1.
    pub earlier: Vec<Vec<ValueId>>,
    pub sequences: Vec<ValueId>,
    pub constants: Vec<ValueId>,
}

/// A recurrence under construction.
pub struct Recurrence {
    pub length: Dim,
    pub axis: usize,
    pub direction: Direction,
    pub states: Vec<(RecState, Type)>,
}

impl Recurrence {
    /// One forward state, line 0, lag 1, over T at axis 0.
    pub fn simple(state: Type) -> Self {
        let states = vec![(RecState { line: 0, depth: 1 }, state)];
        Self { length: t(), axis: 0, direction: Direction::Forward, states }
    }

    /// The op for sequence entries and constants of these types.
    pub fn op(
        &self,
        sequences: &[Type],
        constants: &[Type],
        lines: impl FnOnce(&mut Make, &Step) -> Vec<ValueId>,
    ) -> Op {
        let mut body = Make(Builder::new("c"));
        let t = body.local("t", Type::scalar(DType::I32));
        let earlier = self
            .states
            .iter()
            .enumerate()
            .map(|(s, (state, ty))| {
                (1..=state.depth).map(|lag| body.local(&format!("s{s}.{lag}"), ty.clone())).collect()
            })
            .collect();
        let named = |body: &mut Make, word: &str, types: &[Type]| -> Vec<ValueId> {
            types.iter().enumerate().map(|(n, ty)| body.local(&format!("{word}{n}"), ty.clone())).collect()
        };
        let step = Step {
            t,
            earlier,
            sequences: named(&mut body, "x", sequences),
            constants: named(&mut body, "k", constants),
        };
        let outputs = lines(&mut body, &step);
        let outputs = outputs.iter().enumerate().map(|(n, v)| (format!("line{n}"), *v)).collect();
        Op::Rec(Box::new(Rec {
            length: self.length.clone(),
            axis: self.axis,
            direction: self.direction,
            form: Form::Step,
            sequences: sequences.len(),
            constants: constants.len(),
            states: self.states.iter().map(|(state, _)| state.clone()).collect(),
            body: body.0.finish(outputs),
        }))
    }
}

/// Small numbers that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.bits() % n as u64).unwrap()
    }

    /// In [-1, 1), an f32.
    pub fn real(&mut self) -> f64 {
        f64::from(self.bits() as i32) / 2_147_483_648.0 * 1.0
    }

    pub fn array(&mut self, dtype: DType, shape: &[usize]) -> Array {
        let len: usize = shape.iter().product();
        let data = match dtype {
            DType::F32 | DType::F16 | DType::BF16 | DType::F64 => {
                Data::Real((0..len).map(|_| self.real()).collect())
            }
            DType::C64 => Data::Complex((0..len).map(|_| [self.real(), self.real()]).collect()),
            DType::I32 | DType::U8 => Data::Int((0..len).map(|_| self.below(4) as i64).collect()),
            DType::Bool => Data::Bool((0..len).map(|_| self.bits().is_multiple_of(2)).collect()),
        };
        Array::new(dtype, shape.to_vec(), data).unwrap().rounded()
    }

    /// An input of this type for these sizes.
    pub fn of(&mut self, ty: &Type, sizes: &Sizes) -> Array {
        let shape: Vec<usize> =
            ty.shape.iter().map(|dim| usize::try_from(dim.eval(sizes).unwrap()).unwrap()).collect();
        self.array(ty.dtype, &shape)
    }
}

pub fn sizes(pairs: &[(&str, usize)]) -> Sizes {
    pairs.iter().map(|(name, value)| ((*name).into(), i64::try_from(*value).unwrap())).collect()
}

/// Everything in f64, so that two ways to compute agree closely.
pub const EXACT: Options<'static> =
    Options { seed: 5, sequence: 0, round_recurrences: false, cancelled: None };

pub fn run(graph: &Verified<Graph>, inputs: &[Array], sizes: &Sizes) -> Vec<Array> {
    interpret(graph, inputs, sizes, &EXACT).unwrap()
}

/// The largest difference relative to `1 + |b|`; infinite where shapes or types differ.
pub fn difference(a: &Array, b: &Array) -> f64 {
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return f64::INFINITY;
    }
    let apart = |a: f64, b: f64| {
        if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() / (1.0 + b.abs()) }
    };
    let largest = |all: &mut dyn Iterator<Item = f64>| {
        all.fold(0.0, |most: f64, x| if x.is_nan() { f64::INFINITY } else { most.max(x) })
    };
    match (a.data(), b.data()) {
        (Data::Real(a), Data::Real(b)) => largest(&mut a.iter().zip(b).map(|(a, b)| apart(*a, *b))),
        (Data::Complex(a), Data::Complex(b)) => {
            largest(&mut a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| apart(*a, *b)))
        }
        (a, b) if a == b => 0.0,
        _ => f64::INFINITY,
    }
}
