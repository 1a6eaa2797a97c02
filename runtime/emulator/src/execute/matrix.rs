//! `mma.sync`, `ldmatrix` and `stmatrix`: ISA 9.7.14.5.
//!
//! A fragment's registers are numbered so that, with `p` elements in a register, register `r` of lane `4g + t` holds
//! of A: row `g + 8 (r mod 2)`, columns `tp + 4p (r div 2)` and on; of B: rows `tp + 4pr` and on of column `g`; of the
//! accumulator: row `g + 8 i div 2`, column `2t + i mod 2` as its element `i`. That is every shape's table in 9.7.14.5.

use super::access::{aligned, resolve};
use super::block::{Core, Launch};
use super::operand::{addresses, copy, each};
use super::warp::Warp;
use crate::code::{Address, Element, Mma, RegisterId, Source, low, signed};
use crate::fault::{FaultKind, Trouble};
use crate::number::float::{canonical32, from_f64, to_f64};
use crate::number::format::{BF16, F16, F32};
use crate::syntax::ast::Space;

/// A matrix of numbers in row-major order.
pub(super) struct Matrix<T> {
    columns: usize,
    values: Vec<T>,
}

impl<T: Copy + Default> Matrix<T> {
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self { columns, values: vec![T::default(); rows * columns] }
    }

    pub(super) fn at(&self, row: usize, column: usize) -> T {
        self.values.get(row * self.columns + column).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, row: usize, column: usize, value: T) {
        if let Some(place) = self.values.get_mut(row * self.columns + column) {
            *place = value;
        }
    }
}

/// The number that an element's bits stand for.
pub(super) fn float_element(element: Element, bits: u64) -> f64 {
    match element {
        Element::F16 => to_f64(F16, bits & 0xffff),
        Element::Bf16 => to_f64(BF16, bits & 0xffff),
        // The low 13 bits are no part of tf32.
        Element::Tf32 => to_f64(F32, bits & 0xffff_e000),
        Element::F32 => to_f64(F32, bits),
        Element::F64 => f64::from_bits(bits),
        Element::S8 | Element::U8 | Element::S32 => 0.0,
    }
}

fn integer_element(element: Element, bits: u64) -> i64 {
    match element {
        Element::S8 => signed(low(bits, 8), 8),
        Element::U8 => low(bits, 8) as i64,
        Element::S32 => signed(low(bits, 32), 32),
        Element::F16 | Element::Bf16 | Element::Tf32 | Element::F32 | Element::F64 => 0,
    }
}

/// Calls `f(lane, register, element in the register, bits)` for every element of a fragment.
fn fragment(
    launch: &Launch<'_>,
    core: &Core,
    warp: &Warp,
    registers: &[Source],
    element: Element,
    mut f: impl FnMut(usize, usize, usize, u64),
) -> Result<(), Trouble> {
    let per_register = per_register(element);
    for (index, source) in registers.iter().enumerate() {
        let lanes = copy(launch, core, warp, source, u32::MAX)?;
        for (lane, bits) in lanes.iter().enumerate() {
            for part in 0..per_register {
                f(lane, index, part, bits >> (part as u32 * element.bits()));
            }
        }
    }
    Ok(())
}

const fn per_register(element: Element) -> usize {
    match element {
        Element::F64 => 1,
        _ => 32 / element.bits() as usize,
    }
}

/// Where A's element stands.
pub(super) const fn place_a(
    m: usize,
    lane: usize,
    register: usize,
    part: usize,
    per_register: usize,
) -> (usize, usize) {
    let (group, thread) = (lane / 4, lane % 4);
    let (below, right) = if m == 8 { (0, register) } else { (register % 2, register / 2) };
    (group + 8 * below, thread * per_register + part + 4 * per_register * right)
}

const fn place_b(lane: usize, register: usize, part: usize, per_register: usize) -> (usize, usize) {
    (lane % 4 * per_register + part + 4 * per_register * register, lane / 4)
}

/// Where element `index` of the accumulator stands.
pub(super) const fn place_c(lane: usize, index: usize) -> (usize, usize) {
    (lane / 4 + 8 * (index / 2), lane % 4 * 2 + index % 2)
}

pub(super) fn multiply(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    mma: &Mma,
    _active: u32,
) -> Result<(), Trouble> {
    let (m, n, k) = (mma.m as usize, mma.n as usize, mma.k as usize);
    core.counters.matrix_multiply_adds += (m * n * k) as u64;
    if mma.accumulator == Element::S32 {
        return multiply_integers(launch, core, warp, mma);
    }
    let (mut a, mut b, mut c) = (Matrix::new(m, k), Matrix::new(k, n), Matrix::new(m, n));
    let per_a = per_register(mma.a_element);
    fragment(launch, core, warp, &mma.a, mma.a_element, |lane, register, part, bits| {
        let (row, column) = place_a(m, lane, register, part, per_a);
        a.set(row, column, float_element(mma.a_element, bits));
    })?;
    fragment(launch, core, warp, &mma.b, mma.b_element, |lane, register, part, bits| {
        let (row, column) = place_b(lane, register, part, per_a);
        b.set(row, column, float_element(mma.b_element, bits));
    })?;
    let per_c = per_register(mma.accumulator);
    fragment(launch, core, warp, &mma.c, mma.accumulator, |lane, register, part, bits| {
        let (row, column) = place_c(lane, register * per_c + part);
        c.set(row, column, float_element(mma.accumulator, bits));
    })?;
    let double = mma.accumulator == Element::F64;
    let product = |row: usize, column: usize| {
        let start = c.at(row, column);
        if double {
            return (0..k).fold(start, |sum, inner| a.at(row, inner).mul_add(b.at(inner, column), sum));
        }
        (0..k).map(|inner| a.at(row, inner) * b.at(inner, column)).sum::<f64>() + start
    };
    for (index, register) in mma.d.iter().enumerate() {
        let mut lanes = [0; 32];
        for (lane, to) in lanes.iter_mut().enumerate() {
            for part in 0..per_c {
                let (row, column) = place_c(lane, index * per_c + part);
                *to |= round_accumulator(mma.accumulator, product(row, column)) << (16 * part);
            }
        }
        warp.set(*register, u32::MAX, &lanes);
    }
    Ok(())
}

/// Bits of a sum in the accumulator's type.
pub(super) fn round_accumulator(element: Element, sum: f64) -> u64 {
    match element {
        Element::F64 => sum.to_bits(),
        Element::F16 => from_f64(F16, sum),
        Element::Bf16 | Element::Tf32 | Element::F32 | Element::S8 | Element::U8 | Element::S32 => {
            canonical32(sum as f32)
        }
    }
}

fn multiply_integers(launch: &Launch<'_>, core: &Core, warp: &mut Warp, mma: &Mma) -> Result<(), Trouble> {
    let (m, n, k) = (mma.m as usize, mma.n as usize, mma.k as usize);
    let (mut a, mut b, mut c) = (Matrix::<i64>::new(m, k), Matrix::new(k, n), Matrix::new(m, n));
    fragment(launch, core, warp, &mma.a, mma.a_element, |lane, register, part, bits| {
        let (row, column) = place_a(m, lane, register, part, 4);
        a.set(row, column, integer_element(mma.a_element, bits));
    })?;
    fragment(launch, core, warp, &mma.b, mma.b_element, |lane, register, part, bits| {
        let (row, column) = place_b(lane, register, part, 4);
        b.set(row, column, integer_element(mma.b_element, bits));
    })?;
    fragment(launch, core, warp, &mma.c, Element::S32, |lane, register, _, bits| {
        let (row, column) = place_c(lane, register);
        c.set(row, column, integer_element(Element::S32, bits));
    })?;
    for (index, register) in mma.d.iter().enumerate() {
        let mut lanes = [0; 32];
        for (lane, to) in lanes.iter_mut().enumerate() {
            let (row, column) = place_c(lane, index);
            let sum =
                c.at(row, column) + (0..k).map(|inner| a.at(row, inner) * b.at(inner, column)).sum::<i64>();
            let sum = if mma.saturate { sum.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) } else { sum };
            *to = low(sum as u64, 32);
        }
        warp.set(*register, u32::MAX, &lanes);
    }
    Ok(())
}

/// Shared-memory addresses of the rows: lanes 8i to 8i+7 give matrix i's.
fn rows(
    launch: &Launch<'_>,
    warp: &Warp,
    (space, address): (Space, &Address),
    count: u32,
) -> Result<[u64; 32], Trouble> {
    let given = if count == 4 { u32::MAX } else { (1 << (8 * count)) - 1 };
    let mut lanes = addresses(launch, warp, address, given)?;
    for lane in each(given) {
        let Some(row) = lanes.get_mut(lane) else { continue };
        let (found, place) = resolve(space, *row);
        if found != Space::Shared {
            let detail = "matrices are loaded from and stored to shared memory";
            return Err(Trouble::new(FaultKind::OutOfBounds, detail).lane(lane).address(*row));
        }
        aligned(place, 16).map_err(|trouble| trouble.lane(lane))?;
        *row = place;
    }
    Ok(lanes)
}

fn count_rows(core: &mut Core, rows: &[u64; 32], count: u32, store: bool) {
    core.counters.shared_request(store, rows.get(..8 * count as usize).unwrap_or_default(), 16);
}

#[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
pub(super) fn load(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    place: (Space, &Address),
    count: u32,
    transposed: bool,
    outputs: &[RegisterId],
    _active: u32,
) -> Result<(), Trouble> {
    let rows = rows(launch, warp, place, count)?;
    count_rows(core, &rows, count, false);
    for (matrix, output) in outputs.iter().enumerate() {
        let mut values = Matrix::<u64>::new(8, 8);
        for row in 0..8 {
            let lane = matrix * 8 + row;
            let address = rows.get(lane).copied().unwrap_or(0);
            let thread = warp.first_thread() + lane as u32;
            let mut bytes = [0; 16];
            core.as_thread(thread, false, |shared, actor| shared.read(address, &mut bytes, actor))
                .map_err(|trouble| trouble.lane(lane))?;
            for (column, pair) in bytes.chunks_exact(2).enumerate() {
                let value = pair.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
                if transposed { values.set(column, row, value) } else { values.set(row, column, value) }
            }
        }
        let mut lanes = [0; 32];
        for (lane, to) in lanes.iter_mut().enumerate() {
            *to = values.at(lane / 4, lane % 4 * 2) | values.at(lane / 4, lane % 4 * 2 + 1) << 16;
        }
        warp.set(*output, u32::MAX, &lanes);
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the parts of one instruction")]
pub(super) fn store(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &Warp,
    place: (Space, &Address),
    count: u32,
    transposed: bool,
    inputs: &[Source],
    _active: u32,
) -> Result<(), Trouble> {
    let rows = rows(launch, warp, place, count)?;
    count_rows(core, &rows, count, true);
    for (matrix, source) in inputs.iter().enumerate() {
        let lanes = copy(launch, core, warp, source, u32::MAX)?;
        let mut values = Matrix::<u64>::new(8, 8);
        for (lane, bits) in lanes.iter().enumerate() {
            for part in 0..2 {
                let (row, column) = (lane / 4, lane % 4 * 2 + part);
                let value = bits >> (16 * part) & 0xffff;
                if transposed { values.set(column, row, value) } else { values.set(row, column, value) }
            }
        }
        for row in 0..8 {
            let lane = matrix * 8 + row;
            let address = rows.get(lane).copied().unwrap_or(0);
            let bytes: Vec<u8> =
                (0..8).flat_map(|column| (values.at(row, column) as u16).to_le_bytes()).collect();
            core.as_thread(warp.first_thread() + lane as u32, false, |shared, actor| {
                shared.write(address, &bytes, actor)
            })
            .map_err(|trouble| trouble.lane(lane))?;
        }
    }
    Ok(())
}
