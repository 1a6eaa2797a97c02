//! Which scratch buffer lies where: buffers whose lives do not overlap share bytes of one arena.
//!
//! Steps are numbered in the order in which the text has them. A buffer lives from its first to its last use. Inside a loop that is so within one
//! turn for a buffer that each turn writes anew before it reads it, at a place that does not depend on the turn; any other buffer used in a loop lives through the whole
//! loop, since a later turn may read what an earlier one left.

use crate::tensor::ALIGNMENT;
use std::collections::BTreeMap;
use tensc_program::{BufferRef, Call, Program, Step};

/// The steps during which a buffer must keep its bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) first: usize,
    pub(super) last: usize,
}

/// One use of a buffer by a leaf step.
struct Use<'a> {
    place: &'a BufferRef,
    writes: bool,
    /// Sizes of the launch do not depend on the turn.
    steady: bool,
}

/// Lives of all buffers that steps use.
pub(super) fn lives(program: &Program, steps: &[Step]) -> BTreeMap<u32, Life> {
    let mut lives = BTreeMap::new();
    let mut number = 0;
    walk(program, steps, &mut number, &mut lives);
    lives
}

fn walk(program: &Program, steps: &[Step], number: &mut usize, lives: &mut BTreeMap<u32, Life>) {
    for step in steps {
        if let Step::Loop { variable, body, .. } = step {
            let begin = *number;
            let mut inside = BTreeMap::new();
            walk(program, body, number, &mut inside);
            let end = *number;
            *number += 1;
            for (buffer, life) in inside {
                let anew = !lives.contains_key(&buffer) && written_anew(program, body, buffer, variable);
                let life = if anew { life } else { Life { first: begin, last: end } };
                extend(lives, buffer, life);
            }
            continue;
        }
        for one in uses(program, step) {
            extend(lives, one.place.buffer.0, Life { first: *number, last: *number });
        }
        *number += 1;
    }
}

fn extend(lives: &mut BTreeMap<u32, Life>, buffer: u32, life: Life) {
    let known = lives.entry(buffer).or_insert(life);
    *known = Life { first: known.first.min(life.first), last: known.last.max(life.last) };
}

/// Whether each turn of a loop writes the buffer before it reads it, at a place that is the same in each turn.
fn written_anew(program: &Program, body: &[Step], buffer: u32, variable: &str) -> bool {
    let mut first = None;
    let mut steady = true;
    each_leaf(body, &mut |step| {
        let uses = uses(program, step);
        let ours = || uses.iter().filter(|one| one.place.buffer.0 == buffer);
        if first.is_none() && ours().next().is_some() {
            first = Some(ours().all(|one| one.writes));
        }
        steady &= ours().all(|one| {
            !one.place.offset.mentions(variable) && (one.steady || !one.writes || !mentions(step, variable))
        });
    });
    first == Some(true) && steady
}

fn mentions(step: &Step, variable: &str) -> bool {
    match step {
        Step::Launch(launch) => launch.sizes.iter().any(|size| size.mentions(variable)),
        Step::Copy { count, .. } => count.mentions(variable),
        Step::Call(_) | Step::Loop { .. } => false,
    }
}

fn each_leaf(steps: &[Step], visit: &mut dyn FnMut(&Step)) {
    for step in steps {
        match step {
            Step::Loop { body, .. } => each_leaf(body, visit),
            Step::Launch(_) | Step::Call(_) | Step::Copy { .. } => visit(step),
        }
    }
}

fn uses<'a>(program: &Program, step: &'a Step) -> Vec<Use<'a>> {
    let read = |place| Use { place, writes: false, steady: true };
    let write = |place| Use { place, writes: true, steady: true };
    match step {
        Step::Launch(launch) => {
            let kernel = usize::try_from(launch.kernel.0).ok().and_then(|k| program.kernels.get(k));
            let params = kernel.map_or(&[][..], |kernel| &kernel.params);
            let writes = |n: usize| params.get(n).is_some_and(|param| param.writes);
            let places = launch.arguments.iter().enumerate();
            places.map(|(n, place)| Use { place, writes: writes(n), steady: false }).collect()
        }
        Step::Call(Call::Gemm(gemm)) => {
            let c = if gemm.accumulate { read(&gemm.c) } else { write(&gemm.c) };
            vec![read(&gemm.a), read(&gemm.b), c]
        }
        Step::Call(Call::Fft { input, output, .. }) => vec![read(input), write(output)],
        Step::Call(Call::Keep(mask)) => vec![write(&mask.output)],
        Step::Copy { from, to, .. } => vec![read(from), write(to)],
        Step::Loop { .. } => Vec::new(),
    }
}

/// A buffer to place: its bytes and its life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) bytes: usize,
    pub(super) life: Life,
}

/// Places buffers: the largest first, each in the smallest gap that fits among those that live at the same time. Gives offsets and the arena's size.
pub(super) fn place(demands: &[Demand]) -> Option<(Vec<usize>, usize)> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|&n| std::cmp::Reverse(demands.get(n).map_or(0, |demand| demand.bytes)));
    let mut offsets = vec![0; demands.len()];
    let mut placed: Vec<(usize, usize, Life)> = Vec::new();
    let mut total = 0;
    for n in order {
        let Demand { bytes, life } = *demands.get(n)?;
        let bytes = bytes.checked_next_multiple_of(ALIGNMENT)?;
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, _, other)| other.first <= life.last && life.first <= other.last)
            .map(|(from, to, _)| (*from, *to))
            .collect();
        taken.sort_unstable();
        let (mut free, mut best) = (0_usize, None::<(usize, usize)>);
        for (from, to) in taken {
            if let Some(gap) = from.checked_sub(free)
                && gap >= bytes
                && best.is_none_or(|(size, _)| gap < size)
            {
                best = Some((gap, free));
            }
            free = free.max(to);
        }
        let offset = best.map_or(free, |(_, offset)| offset);
        *offsets.get_mut(n)? = offset;
        let end = offset.checked_add(bytes)?;
        placed.push((offset, end, life));
        total = total.max(end);
    }
    Some((offsets, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(bytes: usize, first: usize, last: usize) -> Demand {
        Demand { bytes, life: Life { first, last } }
    }

    #[test]
    fn buffers_that_live_at_once_do_not_overlap() {
        let mut state = 7_u64;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        for _ in 0..200 {
            let demands: Vec<Demand> = (0..30)
                .map(|_| {
                    let first = next(20) as usize;
                    demand(next(500) as usize, first, first + next(6) as usize)
                })
                .collect();
            let (offsets, total) = place(&demands).unwrap();
            for (i, a) in demands.iter().enumerate() {
                assert!(offsets[i] % ALIGNMENT == 0 && offsets[i] + a.bytes <= total);
                for (j, b) in demands.iter().enumerate().skip(i + 1) {
                    let at_once = a.life.first <= b.life.last && b.life.first <= a.life.last;
                    let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                    assert!(!at_once || apart);
                }
            }
        }
    }

    #[test]
    fn buffers_of_different_times_share_bytes() {
        let (offsets, total) = place(&[demand(640, 0, 1), demand(640, 2, 3), demand(64, 1, 2)]).unwrap();
        assert_eq!((offsets[0], offsets[1]), (0, 0));
        assert_eq!(total, 704);
    }
}
