//! Loads, stores and prefetches: ISA 9.7.9.8 to 9.7.9.17.

use super::Kind::Memory as Accesses;
use super::{Entry, row};
use crate::code::{Access, Memory, Op, Source, Strength};
use crate::decode::Builder;
use crate::syntax::ast::{Class, Operand, Space, Type};

type Made = Result<Op, String>;

macro_rules! spaces {
    () => {
        "[.{const|global|local|param|param::entry|param::func|shared|shared::cta|shared::cluster}]"
    };
}
macro_rules! stores {
    () => {
        "[.{global|local|param|param::func|shared|shared::cta|shared::cluster}]"
    };
}
macro_rules! hints {
    () => { "[.{L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate}][.{L2::evict_last|L2::evict_normal|L2::evict_first}][.{L2::cache_hint}][.{L2::64B|L2::128B|L2::256B}]" };
}
macro_rules! typed {
    () => {
        "[.{v2|v4}].{b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64}"
    };
}

pub(super) const ENTRIES: &[Entry] = &[
    row(
        Accesses,
        ("ld", "9.7.9.8"),
        &[
            concat!("ld[.weak]", spaces!(), "[.{ca|cg|cs|lu|cv}]", hints!(), typed!()),
            concat!("ld.volatile", spaces!(), hints!(), typed!()),
            concat!("ld.{relaxed|acquire}.{cta|cluster|gpu|sys}", spaces!(), hints!(), typed!()),
        ],
        "d, [a][, policy]",
        "loads one to four elements; sign- or zero-extends to the register",
        load,
    ),
    row(
        Accesses,
        ("ld.global.nc", "9.7.9.9"),
        &[concat!("ld.global[.{ca|cg|cs}].nc", hints!(), typed!())],
        "d, [a][, policy]",
        "loads from global memory that nobody writes while the kernel runs",
        load,
    ),
    row(
        Accesses,
        ("ldu", "9.7.9.10"),
        &[concat!("ldu[.global]", typed!())],
        "d, [a]",
        "loads read-only data at an address that the warp shares",
        load,
    ),
    row(
        Accesses,
        ("st", "9.7.9.11"),
        &[
            concat!("st[.weak]", stores!(), "[.{wb|cg|cs|wt}]", hints!(), typed!()),
            concat!("st.volatile", stores!(), hints!(), typed!()),
            concat!("st.{relaxed|release}.{cta|cluster|gpu|sys}", stores!(), hints!(), typed!()),
        ],
        "[a], b[, policy]",
        "stores one to four elements, the low bits of wider registers",
        store,
    ),
    row(
        Accesses,
        ("prefetch", "9.7.9.15"),
        &["prefetch[.{global|local}].{L1|L2}", "prefetchu.L1"],
        "[a]",
        "a hint; the address is not accessed",
        prefetch,
    ),
    row(
        Accesses,
        ("prefetch.tensormap", "9.7.9.15"),
        &["prefetch[.{param|const}].tensormap"],
        "[a]",
        "a hint; the address is not accessed",
        prefetch,
    ),
];

/// The state space that the modifiers name.
pub(super) fn space(b: &Builder<'_>) -> Space {
    match b.words.iter().find_map(space_named) {
        Some(space) => space,
        None if b.opcode() == "ldu" => Space::Global,
        None => Space::Generic,
    }
}

fn space_named(word: &str) -> Option<Space> {
    match word {
        "global" => Some(Space::Global),
        "const" => Some(Space::Const),
        "local" => Some(Space::Local),
        "param" | "param::entry" | "param::func" => Some(Space::Param),
        "shared" | "shared::cta" | "shared::cluster" => Some(Space::Shared),
        _ => None,
    }
}

fn elements(b: &Builder<'_>) -> u32 {
    match b.words.pick(&["v2", "v4"]) {
        Some("v2") => 2,
        Some(_) => 4,
        None => 1,
    }
}

/// Whether other blocks may see when the access happens.
fn note_strength(b: &mut Builder<'_>, access: &Access) {
    if access.strength != Strength::Weak && matches!(access.space, Space::Global | Space::Generic) {
        b.note_communication();
    }
}

fn vector(b: &Builder<'_>, ty: Type, count: u32) -> Result<(), String> {
    if ty.bytes() * u64::from(count) > 16 {
        return Err(format!("{count} elements of {ty} are more than 16 bytes"));
    }
    let expected = if b.words.has("L2::cache_hint") { 3 } else { 2 };
    b.expect(expected..=expected)
}

fn load(b: &mut Builder<'_>) -> Made {
    let (ty, count) = (b.ty()?, elements(b));
    vector(b, ty, count)?;
    let access = b.access(1, space(b), ty.bytes() as u32, count)?;
    note_strength(b, &access);
    let mut outputs = Vec::new();
    let mut bits = ty.bits;
    for member in b.members(0)? {
        if member == Operand::Sink {
            outputs.push(None);
            continue;
        }
        let (register, found) = b.destination_of(&member, ty, true)?;
        bits = found.bits;
        outputs.push(Some(register));
    }
    if outputs.len() != count as usize {
        return Err(format!("expected {count} registers, found {}", outputs.len()));
    }
    Ok(Op::Memory(Memory::Load { access, outputs, signed: ty.class == Class::Signed, bits }))
}

fn store(b: &mut Builder<'_>) -> Made {
    let (ty, count) = (b.ty()?, elements(b));
    vector(b, ty, count)?;
    let access = b.access(0, space(b), ty.bytes() as u32, count)?;
    if access.space == Space::Param {
        return Err("kernel parameters cannot be stored to".into());
    }
    note_strength(b, &access);
    let members = b.members(1)?;
    if members.len() != count as usize {
        return Err(format!("expected {count} registers, found {}", members.len()));
    }
    let inputs: Vec<Source> =
        members.iter().map(|member| b.source_of(member, ty, true)).collect::<Result<_, _>>()?;
    Ok(Op::Memory(Memory::Store { access, inputs }))
}

fn prefetch(b: &mut Builder<'_>) -> Made {
    b.expect(1..=1)?;
    let access = b.access(0, space(b), 1, 1)?;
    Ok(Op::Memory(Memory::Prefetch { access }))
}
