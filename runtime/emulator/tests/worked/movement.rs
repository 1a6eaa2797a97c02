//! Moves, permutations and addresses, worked out from ISA 9.7.9.

use crate::harness::{Case, Kernel, case, check, check_kernels};

pub(crate) const CASES: &[Case] = &[
    // 9.7.9.3 and .4: copies, packs low first, unpacks.
    case("mov", "mov.b64 d64, a64;", &[0x0123_4567_89ab_cdef], &[0x0123_4567_89ab_cdef]),
    case("mov", "mov.b32 d32, {a16, b16};", &[0x1111, 0x2222], &[0x2222_1111]),
    case("mov", "mov.b64 {d32, q32}, a64;", &[0x0123_4567_89ab_cdef], &[0x89ab_cdef, 0x0123_4567]),
    case("mov", "mov.b64 {_, d32}, a64;", &[0x0123_4567_89ab_cdef], &[0x0123_4567]),
    case("mov", "mov.f32 d32, 0f3F800000;", &[], &[0x3f80_0000]),
    case("mov", "mov.f32 d32, -1.5;", &[], &[0xbfc0_0000]),
    case("mov", "mov.pred d1, a1;", &[1], &[1]),
    // 9.7.9.7: bytes 0..3 are a's 03 02 01 00, 4..7 b's 07 06 05 84. Nibbles 7 6 5 4: b. Nibble c = 8 + 4: the sign of 84, ff.
    case("prmt", "prmt.b32 d32, a32, b32, c32;", &[0x0302_0100, 0x0706_0584, 0x7654], &[0x0706_0584]),
    case("prmt", "prmt.b32 d32, a32, b32, c32;", &[0x0302_0100, 0x0706_0584, 0x012c], &[0x0001_02ff]),
    // .f4e with c = 1: bytes 4 3 2 1. .rc8 with c = 2: byte 2 everywhere.
    case("prmt", "prmt.b32.f4e d32, a32, b32, c32;", &[0x0302_0100, 0x0706_0584, 1], &[0x8403_0201]),
    case("prmt", "prmt.b32.rc8 d32, a32, b32, c32;", &[0x0302_0100, 0x0706_0584, 2], &[0x0202_0202]),
    // 9.7.9.23 and .24: block 0 of a cluster of one.
    case("mapa", "mapa.u64 d64, a64, b32;", &[0x1234, 0], &[0x1234]),
    case("getctarank", "getctarank.u64 d32, a64;", &[0x1234], &[0]),
    // 9.7.9.18: the policy is opaque and 0 here.
    case("createpolicy", "createpolicy.fractional.L2::evict_first.b64 d64, 1.0;", &[], &[0]),
];

/// Kernels that need more than one lane or an address.
pub(crate) fn kernels() -> Vec<Kernel> {
    vec![
        // 9.7.9.19 and .20: a shared address made generic is in shared memory, is not in global memory, and comes
        // back as it was.
        Kernel {
            entry: "cvta",
            shows: "cvta.shared.u64",
            threads: 1,
            body: ".shared .align 8 .b8 pad[24]; .shared .align 4 .b8 cell[4];
                mov.u64 %rd1, cell; cvta.shared.u64 %rd2, %rd1; isspacep.shared %p1, %rd2; isspacep.global %p2, %rd2;
                cvta.to.shared.u64 %rd3, %rd2; selp.u32 %r1, 1, 0, %p1; selp.u32 %r2, 1, 0, %p2;
                cvt.u32.u64 %r3, %rd3; mov.u32 %r4, 77; st.u32 [%rd2], %r4; ld.shared.u32 %r5, [cell];
                st.global.v4.u32 [%out], {%r1, %r2, %r3, %r5};",
            input: vec![],
            expected: vec![1, 0, 24, 77],
        },
        Kernel {
            entry: "isspacep",
            shows: "isspacep.global",
            threads: 1,
            body: "isspacep.global %p1, %in; selp.u32 %r1, 1, 0, %p1; st.global.u32 [%out], %r1;",
            input: vec![],
            expected: vec![1],
        },
        Kernel {
            entry: "cvta.to",
            shows: "cvta.to.global.u64",
            threads: 1,
            body: "cvta.to.global.u64 %rd1, %in; ld.global.u32 %r1, [%rd1]; st.global.u32 [%out], %r1;",
            input: vec![9],
            expected: vec![9],
        },
        // 9.7.14.5.17: lane 4r+t holds row r, columns 2t and 2t+1. Element (r, c) is 8r + c; transposed, lane 4r+t
        // holds (2t, r) low and (2t+1, r) high: 16t + r and 16t + 8 + r.
        Kernel {
            entry: "movmatrix",
            shows: "movmatrix.sync.aligned.m8n8.trans.b16",
            threads: 32,
            body: "shl.b32 %r1, %t, 1; add.s32 %r2, %r1, 1; shl.b32 %r3, %r2, 16; or.b32 %r4, %r1, %r3;
                movmatrix.sync.aligned.m8n8.trans.b16 %r5, %r4; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r5;",
            input: vec![],
            expected: (0..32).map(|lane| (16 * (lane % 4) + lane / 4) | (16 * (lane % 4) + 8 + lane / 4) << 16).collect(),
        },
    ]
}

#[test]
fn worked_examples_agree() {
    check(CASES);
    check_kernels(&kernels());
}
