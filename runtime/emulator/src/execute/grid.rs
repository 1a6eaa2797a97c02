//! Blocks over cores.
//!
//! In: a launch. Out: counters, or the fault of the first wave that has one. Blocks run in waves whose members are
//! interleaved by the seed; a wave depends on nothing but its number, so any number of cores gives the same result.
//! Kernels whose blocks can see each other's progress (atomics that return a value or round, flags) run on one core, in one
//! sequence that the seed fixes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::block::{Block, Launch, Turn};
use super::random::Random;
use super::step::Scratch;
use crate::code::Program;
use crate::counters::Counters;
use crate::fault::Fault;

/// Memory that running blocks may take on all cores together, and in one wave; a single block may take more.
const BLOCK_BYTES: u64 = 96 << 20;
const WAVE_BYTES: u64 = 8 << 20;

/// What one block needs: registers with their marks, frames, shared memory with its history.
pub(crate) fn block_bytes(program: &Program, threads: u32, dynamic_shared: u64) -> u64 {
    let registers = u64::from(threads.div_ceil(32)) * program.registers.len() as u64 * 260;
    registers + u64::from(threads) * program.frame_bytes * 2 + (program.static_shared + dynamic_shared) * 12
}

pub(crate) fn run(launch: &Launch<'_>, cores: usize) -> Result<Counters, Box<Fault>> {
    let blocks = launch.blocks();
    let order = Order::new(blocks, launch.seed);
    let each = block_bytes(launch.program, launch.threads(), launch.dynamic_shared).max(1);
    if launch.program.communicates {
        // Blocks that wait for each other need to be resident together, as they are on a GPU.
        return run_wave(
            launch,
            0,
            (0..blocks).map(|index| order.at(index)),
            (BLOCK_BYTES / each).clamp(1, 128) as usize,
        );
    }
    let size = (blocks / 16).clamp(1, (WAVE_BYTES / each).clamp(1, 4));
    let cores = cores.min((BLOCK_BYTES / (each * size)).max(1) as usize);
    let waves = blocks.div_ceil(size);
    let next = AtomicU64::new(0);
    let first_fault: Mutex<Option<(u64, Box<Fault>)>> = Mutex::new(None);
    let total = Mutex::new(Counters::default());
    let work = || {
        let mut counters = Counters::default();
        loop {
            let wave = next.fetch_add(1, Ordering::Relaxed);
            if wave >= waves {
                break;
            }
            let numbers = (wave * size..((wave + 1) * size).min(blocks)).map(|index| order.at(index));
            match run_wave(launch, wave, numbers, size as usize) {
                Ok(counted) => counters.add(&counted),
                Err(fault) => {
                    // Waves with lower numbers were taken before and are run to their end, so the lowest wins.
                    let mut first = first_fault.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.as_ref().is_none_or(|(found, _)| wave < *found) {
                        *first = Some((wave, fault));
                    }
                    next.store(waves, Ordering::Relaxed);
                    break;
                }
            }
        }
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&counters);
    };
    let helpers = cores.min(usize::try_from(waves).unwrap_or(usize::MAX)).saturating_sub(1);
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(work);
        }
        work();
    });
    match first_fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, fault)) => Err(fault),
        None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Runs blocks, `resident` of them interleaved at a time.
fn run_wave(
    launch: &Launch<'_>,
    wave: u64,
    mut numbers: impl Iterator<Item = u64>,
    resident: usize,
) -> Result<Counters, Box<Fault>> {
    let mut random = Random::new(launch.seed ^ 0x5eed, wave);
    let mut counters = Counters::default();
    let mut scratch = Scratch::new();
    let mut active: Vec<Block> =
        numbers.by_ref().take(resident).map(|number| Block::new(launch, number)).collect();
    while !active.is_empty() {
        let index = random.below(active.len() as u64) as usize;
        let quantum = 16 + random.below(240) as u32;
        let Some(block) = active.get_mut(index) else { break };
        match block.turn(launch, quantum, &mut scratch)? {
            Turn::Ran => {}
            Turn::Finished => {
                counters.add(&block.core.counters);
                match numbers.next() {
                    Some(number) => *block = Block::new(launch, number),
                    None => {
                        active.swap_remove(index);
                    }
                }
            }
        }
    }
    Ok(counters)
}

/// The order in which blocks start: by number for seed 0, else shuffled by an affine map modulo their count.
struct Order {
    blocks: u64,
    factor: u64,
    offset: u64,
}

impl Order {
    fn new(blocks: u64, seed: u64) -> Self {
        if seed == 0 || blocks < 2 {
            return Self { blocks, factor: 1, offset: 0 };
        }
        let mut random = Random::new(seed, 0xb10c);
        let mut factor = 1 + random.below(blocks - 1);
        while common_divisor(factor, blocks) != 1 {
            factor = 1 + random.below(blocks - 1);
        }
        Self { blocks, factor, offset: random.below(blocks) }
    }

    const fn at(&self, index: u64) -> u64 {
        ((index as u128 * self.factor as u128 + self.offset as u128) % self.blocks as u128) as u64
    }
}

const fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn every_order_visits_every_block_once() {
        for blocks in [1, 2, 3, 12, 97, 1000] {
            for seed in 0..20 {
                let order = Order::new(blocks, seed);
                let mut seen: Vec<u64> = (0..blocks).map(|index| order.at(index)).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..blocks).collect::<Vec<_>>(), "blocks {blocks}, seed {seed}");
            }
        }
    }
}
