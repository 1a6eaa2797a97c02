//! Moves, permutations and addresses: ISA 9.7.9 without memory accesses.

use super::Kind::Move;
use super::{Entry, row};
use crate::code::{Map, Op, Output, Source, low};
use crate::decode::{Builder, LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW, WINDOW, map1, map2, map4, window};
use crate::syntax::ast::{Class, Operand, Space, Type};

type Made = Result<Op, String>;

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Move,
        ("mov", "9.7.9.3"),
        &["mov.{pred|b16|b32|b64|u16|u32|u64|s16|s32|s64|f16|f32|f64}"],
        "d, a",
        "copies a register, constant, special register or a variable's address; {..} packs and unpacks (9.7.9.4)",
        mov,
    ),
    row(
        Move,
        ("prmt", "9.7.9.7"),
        &["prmt.b32[.{f4e|b4e|rc8|ecl|ecr|rc16}]"],
        "d, a, b, c",
        "four bytes of the eight in b:a, picked by the nibbles of c or a mode; bit 3 of a nibble spreads the sign",
        prmt,
    ),
    row(
        Move,
        ("isspacep", "9.7.9.19"),
        &["isspacep.{const|global|local|shared|shared::cta|shared::cluster|param|param::entry}"],
        "p, a",
        "whether a generic address lies in the space",
        isspacep,
    ),
    row(
        Move,
        ("cvta", "9.7.9.20"),
        &["cvta.{const|global|local|shared|shared::cta|shared::cluster|param|param::entry}.{u32|u64}"],
        "p, a",
        "address of a space to generic",
        cvta,
    ),
    row(
        Move,
        ("cvta.to", "9.7.9.20"),
        &["cvta.to.{const|global|local|shared|shared::cta|shared::cluster|param|param::entry}.{u32|u64}"],
        "p, a",
        "generic address to one of a space",
        cvta,
    ),
    row(
        Move,
        ("mapa", "9.7.9.23"),
        &["mapa[.{shared::cluster}].{u32|u64}"],
        "d, a, b",
        "address of a in block b of the cluster; clusters have one block here, so b is 0",
        mapa,
    ),
    row(
        Move,
        ("getctarank", "9.7.9.24"),
        &["getctarank[.{shared::cluster}].{u32|u64}"],
        "d, a",
        "rank of the block that a belongs to; always 0 here",
        getctarank,
    ),
    row(
        Move,
        ("createpolicy", "9.7.9.18"),
        &[
            "createpolicy.fractional.{L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged}[.{L2::evict_first|L2::evict_unchanged}].b64",
        ],
        "d[, fraction]",
        "a cache policy; caches do not change results, so it is an opaque 0",
        createpolicy,
    ),
    row(
        Move,
        ("movmatrix", "9.7.14.5.17"),
        &["movmatrix.sync.aligned.m8n8.trans.b16"],
        "d, a",
        "transposes an 8x8 matrix of b16 across the warp",
        movmatrix,
    ),
];

const B32: Type = Type { class: Class::Bits, bits: 32 };

fn mov(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let ty = b.ty()?;
    let element = |count: usize| -> Result<Type, String> {
        let bits = ty.bits / count as u32;
        if ty.class != Class::Bits
            || !matches!(bits, 8 | 16 | 32)
            || bits as usize * count != ty.bits as usize
        {
            return Err(format!("{count} registers cannot be packed into {ty}"));
        }
        Ok(Type { class: Class::Bits, bits })
    };
    match (b.operand(0)?.clone(), b.operand(1)?.clone()) {
        (Operand::Vector(outputs), _) => {
            let each = element(outputs.len())?;
            let inputs = vec![b.source(1, ty)?];
            let mut parts = Vec::new();
            for (index, output) in outputs.iter().enumerate() {
                let shift = index as u32 * each.bits;
                let kernel = map1(move |x| low(x >> shift, each.bits));
                let register = b.optional_destination(output, each)?;
                parts.extend(register.map(|register| Output { register, kernel }));
            }
            Ok(Op::Map(Map { inputs, outputs: parts, moves: true }))
        }
        (_, Operand::Vector(items)) => {
            let each = element(items.len())?;
            let inputs: Vec<Source> =
                items.iter().map(|item| b.source_of(item, each, false)).collect::<Result<_, _>>()?;
            let bits = each.bits;
            let kernel = if items.len() == 2 {
                map2(move |x, y| x | y << bits)
            } else {
                map4(move |x, y, z, w| x | y << bits | z << (2 * bits) | w << (3 * bits))
            };
            let outputs = vec![Output { register: b.destination(0, ty)?, kernel }];
            Ok(Op::Map(Map { inputs, outputs, moves: true }))
        }
        _ => {
            let inputs = vec![b.source(1, ty)?];
            let outputs = vec![Output {
                register: b.destination(0, ty)?,
                kernel: map1(move |x| low(x, ty.bits.max(8))),
            }];
            Ok(Op::Map(Map { inputs, outputs, moves: true }))
        }
    }
}

/// Selector nibbles of the modes (table in 9.7.9.7), from the low bits of c.
fn selector(mode: Option<&str>, c: u64) -> u64 {
    let pick = (c & 3) as usize;
    let table: [u64; 4] = match mode {
        None => return c & 0xffff,
        Some("f4e") => [0x3210, 0x4321, 0x5432, 0x6543],
        Some("b4e") => [0x5670, 0x6701, 0x7012, 0x0123],
        Some("rc8") => [0x0000, 0x1111, 0x2222, 0x3333],
        Some("ecl") => [0x3210, 0x3211, 0x3222, 0x3333],
        Some("ecr") => [0x0000, 0x1110, 0x2210, 0x3210],
        Some(_) => [0x1010, 0x3232, 0x1010, 0x3232],
    };
    table.get(pick).copied().unwrap_or(0)
}

fn prmt(b: &mut Builder<'_>) -> Made {
    let mode = b.words.pick(&["f4e", "b4e", "rc8", "ecl", "ecr", "rc16"]).map(str::to_owned);
    b.ternary(B32, move |x, y, c| {
        let bytes = y << 32 | x;
        let selector = selector(mode.as_deref(), c);
        (0..4).fold(0, |result, index| {
            let nibble = selector >> (4 * index) & 0xf;
            let byte = bytes >> (8 * (nibble & 7)) & 0xff;
            let byte = if nibble & 8 == 0 { byte } else { (byte >> 7) * 0xff };
            result | byte << (8 * index)
        })
    })
}

fn space(b: &Builder<'_>) -> Space {
    match b.words.pick(&[
        "const",
        "local",
        "shared",
        "shared::cta",
        "shared::cluster",
        "param",
        "param::entry",
    ]) {
        Some("const") => Space::Const,
        Some("local") => Space::Local,
        Some("param" | "param::entry") => Space::Param,
        Some(_) => Space::Shared,
        None => Space::Global,
    }
}

fn isspacep(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let space = space(b);
    let ty = Type { class: Class::Unsigned, bits: 64 };
    let inside = move |x: u64| match space {
        Space::Shared | Space::Local | Space::Param => (window(space)..window(space) + WINDOW).contains(&x),
        Space::Global | Space::Const | Space::Generic => ![SHARED_WINDOW, LOCAL_WINDOW, PARAM_WINDOW]
            .iter()
            .any(|start| (*start..start + WINDOW).contains(&x)),
    };
    b.map(b.destination(0, Type::PRED)?, vec![b.source(1, ty)?], map1(move |x| u64::from(inside(x))))
}

fn cvta(b: &mut Builder<'_>) -> Made {
    let ty = b.ty()?;
    if ty.bits != 64 {
        return Err("addresses have 64 bits, write .u64".into());
    }
    let base = window(space(b));
    if b.words.has("to") {
        return b.unary(ty, move |x| x.wrapping_sub(base));
    }
    b.unary(ty, move |x| x.wrapping_add(base))
}

fn mapa(b: &mut Builder<'_>) -> Made {
    b.expect(3..=3)?;
    let ty = b.ty()?;
    let rank = Type { class: Class::Unsigned, bits: 32 };
    let inputs = vec![b.source(1, ty)?, b.source(2, rank)?];
    b.map(b.destination(0, ty)?, inputs, map2(|x, _| x))
}

fn getctarank(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let ty = b.ty()?;
    let out = Type { class: Class::Unsigned, bits: 32 };
    b.map(b.destination(0, out)?, vec![b.source(1, ty)?], map1(|_| 0))
}

fn createpolicy(b: &mut Builder<'_>) -> Made {
    b.expect(1..=2)?;
    let ty = Type { class: Class::Bits, bits: 64 };
    b.map(b.destination(0, ty)?, vec![Source::value(0)], map1(|x| x))
}

/// Row r of the matrix is in lanes 4r to 4r+3, two columns in each.
fn movmatrix(b: &mut Builder<'_>) -> Made {
    b.expect(2..=2)?;
    let inputs = vec![b.source(1, B32)?];
    let kernel: crate::code::Kernel = Box::new(|[a, ..], _, out| {
        let at = |row: usize, column: usize| {
            let word = a.get(row * 4 + column / 2).copied().unwrap_or(0);
            word >> (16 * (column % 2)) & 0xffff
        };
        for (lane, out) in out.iter_mut().enumerate() {
            let (row, column) = (lane / 4, lane % 4 * 2);
            *out = at(column, row) | at(column + 1, row) << 16;
        }
    });
    b.map(b.destination(0, B32)?, inputs, kernel)
}
