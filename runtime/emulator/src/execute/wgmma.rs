//! `wgmma.mma_async`: ISA 9.7.15.
//!
//! Each of the four warps computes its 16 of the 64 rows. Operands are read when the product is issued; its registers
//! are pending until the group is waited for, and then the operands in shared memory are checked once more: nobody may
//! have written them in between.

use std::collections::VecDeque;

use super::block::{Core, Launch};
use super::matrix::{Matrix, float_element, place_a, place_c, round_accumulator};
use super::operand::{copy, uniform};
use super::warp::Warp;
use crate::code::{Element, RegisterId, Wgmma, WgmmaLeft, WgmmaProduct};
use crate::fault::{FaultKind, Trouble};
use crate::memory::clock::Clock;
use crate::tensor_map::Swizzle;

/// Products of a warp that were issued and not yet waited for.
#[derive(Default)]
pub(super) struct Groups {
    open: Vec<Issued>,
    groups: VecDeque<Vec<Issued>>,
}

struct Issued {
    registers: Vec<RegisterId>,
    /// Places read in shared memory, and what the warp knew then.
    reads: Vec<u64>,
    clock: Clock,
}

pub(super) fn run(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    operation: &Wgmma,
    active: u32,
) -> Result<(), Trouble> {
    let index = warp.index as usize;
    match operation {
        Wgmma::Fence => Ok(()),
        Wgmma::Commit => {
            if let Some(groups) = core.groups.get_mut(index) {
                let group = std::mem::take(&mut groups.open);
                groups.groups.push_back(group);
            }
            Ok(())
        }
        Wgmma::Wait(pending) => wait(core, warp, *pending as usize),
        Wgmma::Product(product) => multiply(launch, core, warp, product, active),
    }
}

fn wait(core: &mut Core, warp: &mut Warp, pending: usize) -> Result<(), Trouble> {
    let mut due = Vec::new();
    if let Some(groups) = core.groups.get_mut(warp.index as usize) {
        while groups.groups.len() > pending {
            due.extend(groups.groups.pop_front().unwrap_or_default());
        }
    }
    for issued in due {
        for register in &issued.registers {
            if let Some(position) = warp.pending.iter().position(|pending| pending == register) {
                warp.pending.remove(position);
            }
        }
        // Read again as of then: a write in between is a race.
        for place in &issued.reads {
            read(core, warp, *place, &issued.clock)?;
        }
    }
    Ok(())
}

/// A 16-bit element of shared memory, read by the warp's first thread.
fn read(core: &mut Core, warp: &Warp, place: u64, known: &Clock) -> Result<u64, Trouble> {
    let member = warp.index as usize;
    let now = core.clocks.now(member);
    let actor = crate::memory::shared::Actor {
        thread: warp.first_thread() as u16,
        member: member as u16,
        now,
        known,
        strong: false,
    };
    core.shared.load(place, 2, &actor).map_err(|trouble| trouble.thread(warp.first_thread()))
}

/// A matrix descriptor (9.7.15.5.1.2.2): where a tile lies and how.
struct Descriptor {
    start: u64,
    leading: u64,
    stride: u64,
    swizzle: Swizzle,
}

impl Descriptor {
    fn decode(bits: u64) -> Result<Self, Trouble> {
        let field = |shift: u32| (bits >> shift & 0x3fff) << 4;
        if bits >> 49 & 7 != 0 {
            let detail = "matrix descriptors with a base offset are not supported: align the tile to the swizzle's 256, 512 or 1024 bytes";
            return Err(Trouble::new(FaultKind::Descriptor, detail));
        }
        let swizzle = match bits >> 62 {
            0 => Swizzle::None,
            1 => Swizzle::Bytes128,
            2 => Swizzle::Bytes64,
            _ => Swizzle::Bytes32,
        };
        Ok(Self { start: field(0), leading: field(16), stride: field(32), swizzle })
    }

    /// Where element (`index`, `k`) lies; `major` is the axis that is not k. Canonical layouts of 9.7.15.5.1.2.1.
    fn place(&self, index: u64, k: u64, k_is_contiguous: bool) -> u64 {
        let row_bytes = match self.swizzle {
            Swizzle::None => 16,
            Swizzle::Bytes32 => 32,
            Swizzle::Bytes64 => 64,
            Swizzle::Bytes128 => 128,
        };
        let per_row = row_bytes / 2;
        let offset = match (k_is_contiguous, self.swizzle) {
            (true, Swizzle::None) => {
                index % 8 * 16 + index / 8 * self.stride + k % 8 * 2 + k / 8 * self.leading
            }
            (true, _) => index % 8 * row_bytes + index / 8 * self.stride + k * 2,
            (false, Swizzle::None) => {
                index % 8 * 2 + index / 8 * self.stride + k % 8 * 16 + k / 8 * self.leading
            }
            (false, _) => {
                index % per_row * 2 + index / per_row * self.leading + k % 8 * row_bytes + k / 8 * self.stride
            }
        };
        self.swizzle.apply(self.start + offset)
    }
}

fn multiply(
    launch: &Launch<'_>,
    core: &mut Core,
    warp: &mut Warp,
    product: &WgmmaProduct,
    active: u32,
) -> Result<(), Trouble> {
    const K: usize = 16;
    let n = product.n as usize;
    core.counters.matrix_multiply_adds += (16 * n * K) as u64;
    let known = core.clocks.known(warp.index as usize).cloned().unwrap_or_else(|| Clock::new(0));
    let mut reads = Vec::new();
    let mut a = Matrix::<f64>::new(16, K);
    let [negate_a, negate_b] = product.negate;
    let sign = |negate: bool, value: f64| if negate { -value } else { value };
    match &product.a {
        WgmmaLeft::Registers(sources) => {
            for (register, source) in sources.iter().enumerate() {
                let lanes = copy(launch, core, warp, source, u32::MAX)?;
                for (lane, bits) in lanes.iter().enumerate() {
                    for part in 0..2 {
                        let (row, column) = place_a(16, lane, register, part, 2);
                        a.set(
                            row,
                            column,
                            sign(negate_a, float_element(product.format, bits >> (16 * part))),
                        );
                    }
                }
            }
        }
        WgmmaLeft::Descriptor(source) => {
            let descriptor =
                Descriptor::decode(uniform(launch, core, warp, source, active, "the descriptor of a")?)?;
            let first_row = u64::from(warp.index % 4) * 16;
            for row in 0..16 {
                for k in 0..K {
                    let place = descriptor.place(first_row + row as u64, k as u64, !product.transposed[0]);
                    let bits = read(core, warp, place, &known)?;
                    reads.push(place);
                    a.set(row, k, sign(negate_a, float_element(product.format, bits)));
                }
            }
        }
    }
    let descriptor =
        Descriptor::decode(uniform(launch, core, warp, &product.b, active, "the descriptor of b")?)?;
    let mut b = Matrix::<f64>::new(K, n);
    for column in 0..n {
        for k in 0..K {
            let place = descriptor.place(column as u64, k as u64, !product.transposed[1]);
            let bits = read(core, warp, place, &known)?;
            reads.push(place);
            b.set(k, column, sign(negate_b, float_element(product.format, bits)));
        }
    }
    let adds = uniform(launch, core, warp, &product.scale_d, active, "scale-d")? == 1;
    let per_register = if product.accumulator == Element::F32 { 1 } else { 2 };
    for (index, register) in product.d.iter().enumerate() {
        let old = if adds { accumulator(launch, warp, *register)? } else { [0; 32] };
        let mut lanes = [0; 32];
        for (lane, to) in lanes.iter_mut().enumerate() {
            for part in 0..per_register {
                // Four elements of each column block of eight: the accumulator of an m16n8 product.
                let element = index * per_register + part;
                let (row, column) = place_c(lane, element % 4);
                let column = column + element / 4 * 8;
                let start =
                    old.get(lane).map_or(0.0, |bits| float_element(product.accumulator, bits >> (16 * part)));
                let sum = (0..K).map(|k| a.at(row, k) * b.at(k, column)).sum::<f64>();
                let sum = if adds { sum + start } else { sum };
                *to |= round_accumulator(product.accumulator, sum) << (16 * part);
            }
        }
        warp.set(*register, u32::MAX, &lanes);
    }
    warp.pending.extend(&product.d);
    let clock = core.clocks.release(warp.index as usize);
    if let Some(groups) = core.groups.get_mut(warp.index as usize) {
        groups.open.push(Issued { registers: product.d.clone(), reads, clock });
    }
    Ok(())
}

/// Accumulators may be pending: products of one shape and register set follow each other in order (9.7.15.5).
fn accumulator(launch: &Launch<'_>, warp: &Warp, id: RegisterId) -> Result<[u64; 32], Trouble> {
    let missing = !warp.written.get(id.0 as usize).copied().unwrap_or(0);
    if missing != 0 {
        return Err(super::operand::unwritten(launch, id, missing));
    }
    Ok(warp.registers.get(id.0 as usize).copied().unwrap_or([0; 32]))
}
