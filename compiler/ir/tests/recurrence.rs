//! Each line of the language page's section on recurrences is the class that the page says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use support::{Make, Recurrence, Step, c64, f32, n, t};
use tensc_ir::analyse::recurrence::{Factor, Group};
use tensc_ir::analyse::{Class, classify};
use tensc_ir::{BinaryOp, DType, Direction, Op, RecState, Type, UnaryOp, ValueId};

fn groups(
    rec: &Recurrence,
    sequences: &[Type],
    constants: &[Type],
    lines: impl FnOnce(&mut Make, &Step) -> Vec<ValueId>,
) -> Vec<Group> {
    let Op::Rec(rec) = rec.op(sequences, constants, lines) else { unreachable!() };
    classify(&rec)
}

/// The class of a recurrence with one state.
fn class(
    state: Type,
    sequences: &[Type],
    constants: &[Type],
    line: impl FnOnce(&mut Make, &Step, ValueId) -> ValueId,
) -> Class {
    let groups = groups(&Recurrence::simple(state), sequences, constants, |make, step| {
        vec![line(make, step, step.earlier[0][0])]
    });
    assert_eq!(groups.len(), 1);
    groups[0].class.clone()
}

fn every(make: &mut Make, step: &Step, period: i64, phase: i64) -> ValueId {
    let (period, phase) = (make.int(period), make.int(phase));
    let rest = make.binary(BinaryOp::Rem, step.t, period);
    make.binary(BinaryOp::Eq, rest, phase)
}

/// `outer(k, x)` as a contraction.
fn outer(make: &mut Make, k: ValueId, x: ValueId) -> ValueId {
    make.contract("a,b->ab", k, x)
}

/// `outer(k, x)` as a product of `k[.., none]` and `x`.
fn outer_by_broadcast(make: &mut Make, k: ValueId, x: ValueId) -> ValueId {
    let column = make.op(Op::Reshape { shape: vec![n(3), n(1)] }, &[k]);
    let row = make.op(Op::Reshape { shape: vec![n(1), n(4)] }, &[x]);
    make.mul(column, row)
}

#[test]
fn diagonal_constant() {
    let found = class(c64(&[n(8)]), &[c64(&[n(8)])], &[c64(&[n(8)])], |make, step, c| {
        let kept = make.mul(step.constants[0], c);
        make.add(kept, step.sequences[0])
    });
    let Class::DiagonalConstant { decay } = found else { panic!("{found:?}") };
    assert_eq!(decay.len(), 1);
    assert!(matches!(decay[0].factors.as_slice(), [Factor::Times(_)]));
}

#[test]
fn a_sum_that_distributes_is_still_diagonal() {
    // c - (1 - a) * (c - x) / b, all of it elementwise.
    let found = class(f32(&[n(8)]), &[f32(&[n(8)])], &[f32(&[n(8)]), f32(&[])], |make, step, c| {
        let one = make.real(1.0);
        let rate = make.sub(one, step.constants[0]);
        let apart = make.sub(c, step.sequences[0]);
        let pulled = make.mul(rate, apart);
        let pulled = make.binary(BinaryOp::Div, pulled, step.constants[1]);
        make.sub(c, pulled)
    });
    let Class::DiagonalConstant { decay } = found else { panic!("{found:?}") };
    assert_eq!(decay.iter().map(|product| product.negative).collect::<Vec<_>>(), [false, true]);
    assert_eq!(decay[1].factors.len(), 2);
}

#[test]
fn diagonal_varying() {
    let found = class(f32(&[n(8)]), &[f32(&[n(8)]), f32(&[n(8)])], &[], |make, step, h| {
        let kept = make.mul(step.sequences[0], h);
        make.add(kept, step.sequences[1])
    });
    assert!(matches!(found, Class::DiagonalVarying { .. }), "{found:?}");
}

#[test]
fn a_decay_that_differs_along_both_axes_is_diagonal() {
    // Mamba: the input is an outer product, but no product of matrices gives this decay.
    let types = [f32(&[n(3), n(4)]), f32(&[n(3)]), f32(&[n(4)])];
    let found = class(f32(&[n(3), n(4)]), &types, &[], |make, step, h| {
        let kept = make.mul(step.sequences[0], h);
        let written = outer(make, step.sequences[1], step.sequences[2]);
        make.add(kept, written)
    });
    assert!(matches!(found, Class::DiagonalVarying { .. }), "{found:?}");
}

#[test]
fn a_reset_is_a_varying_factor() {
    let found = class(f32(&[n(8)]), &[f32(&[n(8)]), Type::scalar(DType::Bool)], &[], |make, step, h| {
        let zero = make.real(0.0);
        let kept = make.op(Op::Select, &[step.sequences[1], zero, h]);
        make.add(kept, step.sequences[0])
    });
    let Class::DiagonalVarying { decay } = found else { panic!("{found:?}") };
    assert!(matches!(decay[0].factors.as_slice(), [Factor::Where { holds: false, .. }]));
}

#[test]
fn dense_constant() {
    let constants = [c64(&[n(4)]), c64(&[n(4), n(4)])];
    let found = class(c64(&[n(4)]), &[c64(&[n(4)])], &constants, |make, step, c| {
        let kept = make.mul(step.constants[0], c);
        let driven = make.add(kept, step.sequences[0]);
        make.contract("a,ab->b", driven, step.constants[1])
    });
    let Class::DenseConstant { terms } = found else { panic!("{found:?}") };
    assert_eq!(terms.len(), 1);
    assert_eq!(terms[0].before.factors.len(), 1);
    assert_eq!(terms[0].matrix.unwrap().1, 0);
    // By head, the matrix from the left: `a @ h`.
    let constants = [f32(&[n(2), n(4), n(4)])];
    let found = class(f32(&[n(2), n(4)]), &[f32(&[n(2), n(4)])], &constants, |make, step, h| {
        let moved = make.contract("hij,hj->hi", step.constants[0], h);
        make.add(moved, step.sequences[0])
    });
    let Class::DenseConstant { terms } = found else { panic!("{found:?}") };
    assert_eq!(terms[0].matrix.unwrap().1, 2);
}

#[test]
fn a_dense_transition_that_varies_is_affine() {
    let sequences = [f32(&[n(4), n(4)]), f32(&[n(4)])];
    let found = class(f32(&[n(4)]), &sequences, &[], |make, step, h| {
        let moved = make.contract("a,ab->b", h, step.sequences[0]);
        make.add(moved, step.sequences[1])
    });
    assert_eq!(found, Class::Affine);
}

#[test]
fn decayed_outer_products() {
    for make_outer in [outer, outer_by_broadcast] {
        let sequences = [f32(&[]), f32(&[n(3)]), f32(&[n(4)])];
        let found = class(f32(&[n(3), n(4)]), &sequences, &[], |make, step, s| {
            let kept = make.mul(step.sequences[0], s);
            let written = make_outer(make, step.sequences[1], step.sequences[2]);
            make.add(kept, written)
        });
        assert!(matches!(found, Class::DecayedOuter { .. }), "{found:?}");
    }
}

#[test]
fn the_delta_rule() {
    for make_outer in [outer, outer_by_broadcast] {
        for gated in [false, true] {
            // k, v, beta, decay.
            let sequences = [f32(&[n(3)]), f32(&[n(4)]), f32(&[]), f32(&[])];
            let found = class(f32(&[n(3), n(4)]), &sequences, &[], |make, step, s| {
                let [k, v, beta, decay] = step.sequences[..] else { unreachable!() };
                let s = if gated { make.mul(decay, s) } else { s };
                let read = make.contract("a,ab->b", k, s);
                let error = make.sub(v, read);
                let scaled = make.mul(beta, error);
                let written = make_outer(make, k, scaled);
                make.add(s, written)
            });
            let Class::RankOne { decay, rate, .. } = found else { panic!("{found:?}") };
            assert!(rate.negative);
            assert_eq!(decay[0].factors.len(), usize::from(gated));
            assert_eq!(rate.factors.len(), 1 + usize::from(gated));
        }
    }
}

#[test]
fn nonlinear() {
    let found = class(f32(&[n(4)]), &[f32(&[n(4)])], &[f32(&[n(4), n(4)])], |make, step, h| {
        let moved = make.contract("a,ab->b", h, step.constants[0]);
        let driven = make.add(moved, step.sequences[0]);
        make.unary(UnaryOp::Tanh, driven)
    });
    assert_eq!(found, Class::Nonlinear);
    let squared = class(f32(&[n(4)]), &[f32(&[n(4)])], &[], |make, step, h| {
        let square = make.mul(h, h);
        make.add(square, step.sequences[0])
    });
    assert_eq!(squared, Class::Nonlinear);
    let chosen = class(f32(&[n(4)]), &[f32(&[n(4)])], &[], |make, step, h| {
        let above = make.binary(BinaryOp::Gt, h, step.sequences[0]);
        make.op(Op::Select, &[above, h, step.sequences[0]])
    });
    assert_eq!(chosen, Class::Nonlinear);
}

#[test]
fn coupled_lines_that_read_one_way_are_two_recurrences() {
    let states =
        vec![(RecState { line: 0, depth: 1 }, f32(&[n(4)])), (RecState { line: 1, depth: 1 }, f32(&[n(4)]))];
    let rec = Recurrence { length: t(), axis: 0, direction: Direction::Forward, states };
    let sequences = [f32(&[n(4)]), f32(&[n(4)])];
    let constants = [f32(&[n(4)]), f32(&[n(4)])];
    let found = groups(&rec, &sequences, &constants, |make, step| {
        let f = make.mul(step.constants[0], step.earlier[0][0]);
        let f = make.add(f, step.sequences[0]);
        let s = make.mul(step.constants[1], step.earlier[1][0]);
        let driven = make.mul(step.sequences[1], f);
        let s = make.add(s, driven);
        vec![f, s]
    });
    assert_eq!(found.iter().map(|group| group.lines.clone()).collect::<Vec<_>>(), [vec![0], vec![1]]);
    assert!(found.iter().all(|group| matches!(group.class, Class::DiagonalConstant { .. })), "{found:?}");
    // Reading both ways they are one, affine.
    let found = groups(&rec, &sequences, &constants, |make, step| {
        let f = make.mul(step.constants[0], step.earlier[1][0]);
        let f = make.add(f, step.sequences[0]);
        let s = make.mul(step.constants[1], step.earlier[0][0]);
        vec![f, s]
    });
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].lines.clone(), found[0].class.clone()), (vec![0, 1], Class::Affine));
}

#[test]
fn two_lags_are_affine() {
    let states = vec![(RecState { line: 0, depth: 2 }, f32(&[n(4)]))];
    let rec = Recurrence { length: t(), axis: 0, direction: Direction::Forward, states };
    let found = groups(&rec, &[f32(&[n(4)])], &[], |make, step| {
        let both = make.add(step.earlier[0][0], step.earlier[0][1]);
        vec![make.sub(step.sequences[0], both)]
    });
    assert_eq!(found[0].class, Class::Affine);
}

#[test]
fn backwards_is_classified_like_forwards() {
    let rec = Recurrence { direction: Direction::Backward, ..Recurrence::simple(f32(&[n(4)])) };
    let found = groups(&rec, &[f32(&[n(4)]), f32(&[n(4)])], &[], |make, step| {
        let kept = make.mul(step.sequences[0], step.earlier[0][0]);
        vec![make.add(kept, step.sequences[1])]
    });
    assert!(matches!(found[0].class, Class::DiagonalVarying { .. }));
}

#[test]
fn truncated_gradients_are_periodic() {
    let found = class(c64(&[n(4)]), &[c64(&[n(4)])], &[c64(&[n(4)])], |make, step, c| {
        let cut = every(make, step, 64, 0);
        let detached = make.unary(UnaryOp::Detach, c);
        let carried = make.op(Op::Select, &[cut, detached, c]);
        let kept = make.mul(step.constants[0], carried);
        make.add(kept, step.sequences[0])
    });
    let Class::Periodic { period, phase, within, exception, truncates } = found else { panic!("{found:?}") };
    assert_eq!((period, phase, truncates), (64, 0, true));
    assert_eq!(within, exception);
    assert!(matches!(*within, Class::DiagonalConstant { .. }));
}

#[test]
fn a_carry_through_a_matrix_at_chunk_ends_is_periodic() {
    let constants = [c64(&[n(4)]), c64(&[n(4), n(4)])];
    let found = class(c64(&[n(4)]), &[c64(&[n(4)])], &constants, |make, step, c| {
        // (t + 1) % 16 == 4, written the other way round and negated.
        let (one, period, phase) = (make.int(1), make.int(16), make.int(4));
        let next = make.add(step.t, one);
        let rest = make.binary(BinaryOp::Rem, next, period);
        let usual = make.binary(BinaryOp::Ne, phase, rest);
        let mixed = make.contract("a,ab->b", c, step.constants[1]);
        let carried = make.op(Op::Select, &[usual, c, mixed]);
        let kept = make.mul(step.constants[0], carried);
        make.add(kept, step.sequences[0])
    });
    let Class::Periodic { period, phase, within, exception, truncates } = found else { panic!("{found:?}") };
    assert_eq!((period, phase, truncates), (16, 3, false));
    assert!(matches!(*within, Class::DiagonalConstant { .. }), "{within:?}");
    assert!(matches!(*exception, Class::DenseConstant { .. }), "{exception:?}");
}
