//! Copies that need not be: where a scratch array is made only to be copied, it is made in the copy's place.
//!
//! ```text
//! launch k1(b0 + 0, b29 + 0)                    launch k1(b0 + 0, b30 + 0)
//! copy (b29 + 0) to (b30 + 0) count(64 * T)     (nothing)
//! ```
//! So layers hand their result on in one place: the copy at the end of a turn goes wherever nothing reads the old value once the new one is being written.

use crate::index::product;
use tensc_ir::Dim;
use tensc_program::{BATCH, Buffer, BufferId, BufferKind, BufferRef, Call, Program, Step};

/// Removes such copies, and then the buffers that no step uses any more.
pub(crate) fn coalesce(program: &mut Program) {
    let mut uses = vec![0; program.buffers.len()];
    for step in program.prepare.iter().chain(&program.main) {
        count(step, &mut uses);
    }
    let mut prepare = std::mem::take(&mut program.prepare);
    let mut main = std::mem::take(&mut program.main);
    for steps in [&mut prepare, &mut main] {
        list(&program.buffers, steps, &mut uses);
    }
    (program.prepare, program.main) = (prepare, main);
    drop_unused(program, &uses);
}

/// How often steps mention each buffer.
fn count(step: &Step, uses: &mut [usize]) {
    places(step, &mut |place| {
        if let Some(n) = uses.get_mut(place.buffer.0 as usize) {
            *n += 1;
        }
    });
}

fn list(buffers: &[Buffer], steps: &mut Vec<Step>, uses: &mut [usize]) {
    for step in steps.iter_mut() {
        if let Step::Loop { body, .. } = step {
            list(buffers, body, uses);
        }
    }
    let mut n = 0;
    while n < steps.len() {
        let removed = removable(buffers, steps, n, uses);
        let Some((from, to)) = removed else {
            n += 1;
            continue;
        };
        steps.remove(n);
        for step in steps.iter_mut().take(n) {
            places_mut(step, &mut |place| {
                if place.buffer == from {
                    *place = BufferRef { buffer: to.buffer, offset: &to.offset + &place.offset };
                }
            });
        }
        let moved = uses.get_mut(from.0 as usize).map_or(0, std::mem::take);
        if let Some(n) = uses.get_mut(to.buffer.0 as usize) {
            // The copy's own two mentions are gone.
            *n = (*n + moved).saturating_sub(2);
        }
    }
}

/// The array that step `n` copies, and where to, if the array can be made there.
fn removable(buffers: &[Buffer], steps: &[Step], n: usize, uses: &[usize]) -> Option<(BufferId, BufferRef)> {
    let Step::Copy { from, to, count: copied } = steps.get(n)? else { return None };
    let source = buffers.get(from.buffer.0 as usize)?;
    let target = buffers.get(to.buffer.0 as usize)?;
    let whole =
        if source.varies { &product(&source.shape) * &Dim::var(BATCH) } else { product(&source.shape) };
    let is_scratch = source.kind == BufferKind::Scratch && source.dtype == target.dtype;
    if !is_scratch || from.buffer == to.buffer || from.offset != Dim::default() || *copied != whole {
        return None;
    }
    // Every use of the array is in front of the copy, in this very list.
    let before = steps.get(..n)?;
    let mut found = 1;
    let mut first = None;
    for (at, step) in before.iter().enumerate() {
        let mut here = 0;
        places(step, &mut |place| here += usize::from(place.buffer == from.buffer));
        if here > 0 && first.is_none() {
            first = Some(at);
        }
        found += here;
    }
    let first = first.filter(|_| uses.get(from.buffer.0 as usize) == Some(&found))?;
    // Meanwhile nobody uses the place where it goes.
    let mut free = true;
    for step in before.iter().skip(first) {
        places(step, &mut |place| free &= place.buffer != to.buffer);
    }
    free.then(|| (from.buffer, to.clone()))
}

/// Scratch buffers without uses go; the others keep their order.
fn drop_unused(program: &mut Program, uses: &[usize]) {
    let is_kept = |n: usize, buffer: &Buffer| {
        buffer.kind != BufferKind::Scratch || uses.get(n).is_some_and(|uses| *uses > 0)
    };
    let mut next = 0;
    let numbers: Vec<BufferId> = (program.buffers.iter().enumerate())
        .map(|(n, buffer)| {
            let id = BufferId(next);
            next += u32::from(is_kept(n, buffer));
            id
        })
        .collect();
    let mut n = 0;
    program.buffers.retain(|buffer| {
        n += 1;
        is_kept(n - 1, buffer)
    });
    for step in program.prepare.iter_mut().chain(&mut program.main) {
        places_mut(step, &mut |place| {
            if let Some(id) = numbers.get(place.buffer.0 as usize) {
                place.buffer = *id;
            }
        });
    }
}

fn places(step: &Step, visit: &mut dyn FnMut(&BufferRef)) {
    match step {
        Step::Launch(launch) => launch.arguments.iter().for_each(visit),
        Step::Call(Call::Gemm(gemm)) => [&gemm.a, &gemm.b, &gemm.c].into_iter().for_each(visit),
        Step::Call(Call::Fft { input, output, .. }) => [input, output].into_iter().for_each(visit),
        Step::Call(Call::Keep(mask)) => visit(&mask.output),
        Step::Loop { body, .. } => body.iter().for_each(|step| places(step, visit)),
        Step::Copy { from, to, .. } => [from, to].into_iter().for_each(visit),
    }
}

fn places_mut(step: &mut Step, visit: &mut dyn FnMut(&mut BufferRef)) {
    match step {
        Step::Launch(launch) => launch.arguments.iter_mut().for_each(visit),
        Step::Call(Call::Gemm(gemm)) => {
            let gemm = &mut **gemm;
            [&mut gemm.a, &mut gemm.b, &mut gemm.c].into_iter().for_each(visit);
        }
        Step::Call(Call::Fft { input, output, .. }) => [input, output].into_iter().for_each(visit),
        Step::Call(Call::Keep(mask)) => visit(&mut mask.output),
        Step::Loop { body, .. } => body.iter_mut().for_each(|step| places_mut(step, visit)),
        Step::Copy { from, to, .. } => [from, to].into_iter().for_each(visit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensc_program::parse_program;

    fn check(steps: &str, expected: &str) {
        let program = |steps: &str, buffers: &str| {
            let text = format!(
                "program \"p\"\nb0 \"x\" argument f32[T]\nb1 \"y\" result f32[T]\n{buffers}main {{\n{steps}}}\n"
            );
            parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
        };
        let mut found = program(steps, "b2 \"a\" scratch f32[T]\nb3 \"b\" scratch f32[T]\n");
        coalesce(&mut found);
        let found = found.to_string();
        let main = found.split("main {\n").nth(1).unwrap_or_default();
        assert_eq!(main, format!("{expected}}}\n"));
    }

    #[test]
    fn what_is_made_to_be_copied_is_made_in_place() {
        check(
            "    rfft (b0 + 0) to (b2 + 0) n(T) batch(1)\n    copy (b2 + 0) to (b1 + 0) count(T)\n",
            "    rfft (b0 + 0) to (b1 + 0) n(T) batch(1)\n",
        );
    }

    #[test]
    fn a_turn_leaves_its_result_where_the_next_one_reads_it() {
        let turn = |second: &str, last: &str| {
            format!(
                "    loop @i < 3 {{\n        rfft (b2 + 0) to (b1 + 0) n(T) batch(1)\n        rfft ({second} + 0) to ({last} + 0) n(T) batch(1)\n"
            )
        };
        let copy = "        copy (b3 + 0) to (b2 + 0) count(T)\n    }\n";
        check(&format!("{}{copy}", turn("b1", "b3")), &format!("{}    }}\n", turn("b1", "b2")));
        // Where the old value is still read while the new one is written, the copy stays.
        check(&format!("{}{copy}", turn("b2", "b3")), &format!("{}{copy}", turn("b2", "b3")));
    }

    #[test]
    fn an_array_that_is_read_again_or_copied_in_part_keeps_its_place() {
        for rest in [
            "    copy (b2 + 0) to (b3 + 0) count(T)\n    rfft (b2 + 0) to (b1 + 0) n(T) batch(1)\n    rfft (b3 + 0) to (b1 + 0) n(T) batch(1)\n",
            "    copy (b2 + 0) to (b3 + 0) count(7)\n    rfft (b3 + 0) to (b1 + 0) n(T) batch(1)\n",
        ] {
            let steps = format!("    rfft (b0 + 0) to (b2 + 0) n(T) batch(1)\n{rest}");
            check(&steps, &steps);
        }
    }
}
