//! Matrices in the registers of a warp: ISA 9.7.14.5.

use super::Kind::Matrix;
use super::{Entry, row};
use crate::code::{Element, Memory, Mma, Op};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Space, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Matrix,
        ("mma.f16", "9.7.14.5.14"),
        &["mma.sync.aligned.{m16n8k8|m16n8k16}.row.col.{f16|f32}.f16.f16.{f16|f32}"],
        "d, a, b, c",
        "d = a b + c; exact products and sum, rounded once (the ISA leaves order and rounding open)",
        mma,
    ),
    row(
        Matrix,
        ("mma.bf16", "9.7.14.5.14"),
        &["mma.sync.aligned.{m16n8k8|m16n8k16}.row.col.f32.bf16.bf16.f32"],
        "d, a, b, c",
        "d = a b + c, as for f16",
        mma,
    ),
    row(
        Matrix,
        ("mma.tf32", "9.7.14.5.14"),
        &["mma.sync.aligned.{m16n8k4|m16n8k8}.row.col.f32.tf32.tf32.f32"],
        "d, a, b, c",
        "d = a b + c; the low 13 bits of a and b are ignored",
        mma,
    ),
    row(
        Matrix,
        ("mma.f64", "9.7.14.5.14"),
        &["mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64"],
        "d, a, b, c",
        "d = a b + c, a chain of fused multiply-adds over k",
        mma,
    ),
    row(
        Matrix,
        ("mma.int", "9.7.14.5.14"),
        &["mma.sync.aligned.{m8n8k16|m16n8k16|m16n8k32}.row.col[.satfinite].s32.{s8|u8}.{s8|u8}.s32"],
        "d, a, b, c",
        "d = a b + c on integers, wrapping; .satfinite clamps",
        mma,
    ),
    row(
        Matrix,
        ("ldmatrix", "9.7.14.5.15"),
        &["ldmatrix.sync.aligned.m8n8.{x1|x2|x4}[.trans][.{shared|shared::cta}].b16"],
        "r, [p]",
        "loads 8x8 matrices whose rows lanes 8i to 8i+7 address",
        ldmatrix,
    ),
    row(
        Matrix,
        ("stmatrix", "9.7.14.5.16"),
        &["stmatrix.sync.aligned.m8n8.{x1|x2|x4}[.trans][.{shared|shared::cta}].b16"],
        "[p], r",
        "stores 8x8 matrices",
        stmatrix,
    ),
];

const B32: Type = Type { class: Class::Bits, bits: 32 };

pub(super) fn element(word: &str) -> Option<Element> {
    Some(match word {
        "f16" => Element::F16,
        "bf16" => Element::Bf16,
        "tf32" => Element::Tf32,
        "f32" => Element::F32,
        "f64" => Element::F64,
        "s8" => Element::S8,
        "u8" => Element::U8,
        "s32" => Element::S32,
        _ => return None,
    })
}

impl Element {
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::S8 | Self::U8 => 8,
            Self::F16 | Self::Bf16 => 16,
            Self::Tf32 | Self::F32 | Self::S32 => 32,
            Self::F64 => 64,
        }
    }

    /// The register that holds one or more of these.
    pub(super) const fn register(self) -> Type {
        match self {
            Self::F32 => Type { class: Class::Float, bits: 32 },
            Self::F64 => Type { class: Class::Float, bits: 64 },
            Self::F16 | Self::Bf16 | Self::Tf32 | Self::S8 | Self::U8 | Self::S32 => B32,
        }
    }
}

/// The numbers in `m16n8k16`.
fn shape(word: &str) -> Option<(u32, u32, u32)> {
    let (m, rest) = word.strip_prefix('m')?.split_once('n')?;
    let (n, k) = rest.split_once('k')?;
    Some((m.parse().ok()?, n.parse().ok()?, k.parse().ok()?))
}

fn mma(b: &mut Builder<'_>) -> Made {
    b.expect(4..=4)?;
    let (m, n, k) = b.words.iter().find_map(shape).ok_or("`mma` needs a shape")?;
    let elements: Vec<Element> = b.words.iter().filter_map(element).collect();
    let [d, a, second, c] = elements.as_slice() else { return Err("`mma` needs four types".into()) };
    if d != c {
        return Err("d and c of different types are not supported".into());
    }
    // Elements are spread evenly over 32 lanes, as many in a register as fit.
    let registers = |rows: u32, columns: u32, element: Element| {
        let per_register = element.register().bits / element.bits();
        (rows * columns / 32).div_ceil(per_register) as usize
    };
    let ty = |element: Element| element.register();
    Ok(Op::Mma(Box::new(Mma {
        m,
        n,
        k,
        a_element: *a,
        b_element: *second,
        accumulator: *d,
        saturate: b.words.has("satfinite"),
        d: b.vector_destinations(0, registers(m, n, *d), ty(*d))?,
        a: b.vector_sources(1, registers(m, k, *a), ty(*a))?,
        b: b.vector_sources(2, registers(k, n, *second), ty(*second))?,
        c: b.vector_sources(3, registers(m, n, *c), ty(*c))?,
    })))
}

fn matrices(b: &Builder<'_>) -> u32 {
    match b.words.pick(&["x1", "x2", "x4"]) {
        Some("x4") => 4,
        Some("x2") => 2,
        _ => 1,
    }
}

fn space(b: &Builder<'_>) -> Space {
    if b.words.pick(&["shared", "shared::cta"]).is_some() { Space::Shared } else { Space::Generic }
}

fn ldmatrix(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let count = matrices(b);
    let (space, address) = b.address(1, space(b))?;
    let outputs = b.vector_destinations(0, count as usize, B32)?;
    Ok(Op::Memory(Memory::LoadMatrix { address, space, count, transposed: b.words.has("trans"), outputs }))
}

fn stmatrix(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let count = matrices(b);
    let (space, address) = b.address(0, space(b))?;
    let inputs = b.vector_sources(1, count as usize, B32)?;
    Ok(Op::Memory(Memory::StoreMatrix { address, space, count, transposed: b.words.has("trans"), inputs }))
}
