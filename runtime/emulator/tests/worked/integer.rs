//! Integer arithmetic, worked out from ISA 9.7.1 and 9.7.2.

use crate::harness::{Case, case, check};

pub(crate) const CASES: &[Case] = &[
    // 9.7.1.1, d = a + b: ffffffff + 2 = 1_00000001, of which 32 bits stay.
    case("add.int", "add.s32 d32, a32, b32;", &[0xffff_ffff, 2], &[1]),
    // .sat clamps to MININT..MAXINT: 2^31 - 1 + 1 = 2^31 is above 2^31 - 1.
    case("add.int", "add.sat.s32 d32, a32, b32;", &[0x7fff_ffff, 1], &[0x7fff_ffff]),
    // u16x2, halves by themselves: ffff + 1 = 1_0000 -> 0000 low, 0001 + 0002 = 0003 high, no carry between.
    case("add.int", "add.u16x2 d32, a32, b32;", &[0x0001_ffff, 0x0002_0001], &[0x0003_0000]),
    // 9.7.1.2, d = a - b: 1 - 2 = -1 = ffff in 16 bits.
    case("sub.int", "sub.u16 d16, a16, b16;", &[1, 2], &[0xffff]),
    // .sat: -2^31 - 1 is below MININT.
    case("sub.int", "sub.sat.s32 d32, a32, b32;", &[0x8000_0000, 1], &[0x8000_0000]),
    // 9.7.1.3, .hi: (-1) * 3 = -3 = ffffffff_fffffffd, high half ffffffff; unsigned: (2^32 - 1) * 3 = 2_fffffffd.
    case("mul.int", "mul.hi.s32 d32, a32, b32;", &[0xffff_ffff, 3], &[0xffff_ffff]),
    case("mul.int", "mul.hi.u32 d32, a32, b32;", &[0xffff_ffff, 3], &[2]),
    // .lo keeps 32 bits: 10000 * 10000 (hex) = 1_00000000 -> 0. .wide keeps all 64.
    case("mul.int", "mul.lo.u32 d32, a32, b32;", &[0x1_0000, 0x1_0000], &[0]),
    case("mul.int", "mul.wide.u32 d64, a32, b32;", &[0x1_0000, 0x1_0000], &[0x1_0000_0000]),
    // (-2) * 3 = -6 as 64 bits.
    case("mul.int", "mul.wide.s32 d64, a32, b32;", &[0xffff_fffe, 3], &[0xffff_ffff_ffff_fffa]),
    // .hi.u64: 2^63 * 4 = 2^65, high half 2.
    case("mul.int", "mul.hi.u64 d64, a64, b64;", &[1 << 63, 4], &[2]),
    // 9.7.1.4, lo: 7 * 6 + 5 = 47 = 2f. wide.s16: (-3) * 2 + 10 = 4.
    case("mad.int", "mad.lo.s32 d32, a32, b32, c32;", &[7, 6, 5], &[0x2f]),
    case("mad.int", "mad.wide.s16 d32, a16, b16, c32;", &[0xfffd, 2, 10], &[4]),
    // hi.sat: high half of 2^30 * 8 = 2^33 is 2; 2 + (2^31 - 1) clamps to 2^31 - 1.
    case("mad.int", "mad.hi.sat.s32 d32, a32, b32, c32;", &[1 << 30, 8, 0x7fff_ffff], &[0x7fff_ffff]),
    // 9.7.1.5: only 24 bits count: (01000002 -> 2) * 3 = 6. Signed: 800000 is -2^23; times 2 = -2^24, low 32 bits ff000000.
    case("mul24", "mul24.lo.u32 d32, a32, b32;", &[0x0100_0002, 3], &[6]),
    case("mul24", "mul24.lo.s32 d32, a32, b32;", &[0x0080_0000, 2], &[0xff00_0000]),
    // .hi: bits 47..16 of 2^23 * 2^23 = 2^46: 2^30.
    case("mul24", "mul24.hi.u32 d32, a32, b32;", &[0x0080_0000, 0x0080_0000], &[1 << 30]),
    // 9.7.1.6: 2 * 3 + 4 = 10.
    case("mad24", "mad24.lo.s32 d32, a32, b32, c32;", &[2, 3, 4], &[10]),
    // 9.7.1.7, c + |a - b|: 100 + |-3 - 4| = 107; unsigned |2 - 5| = 3.
    case("sad", "sad.s32 d32, a32, b32, c32;", &[0xffff_fffd, 4, 100], &[107]),
    case("sad", "sad.u16 d16, a16, b16, c16;", &[2, 5, 1], &[4]),
    // 9.7.1.8, towards zero: -7 / 2 = -3. MININT / -1 = 2^31 wraps to MININT.
    case("div.int", "div.s32 d32, a32, b32;", &[0xffff_fff9, 2], &[0xffff_fffd]),
    case("div.int", "div.u64 d64, a64, b64;", &[u64::MAX, 2], &[u64::MAX / 2]),
    case("div.int", "div.s32 d32, a32, b32;", &[0x8000_0000, 0xffff_ffff], &[0x8000_0000]),
    // 9.7.1.9, the sign is a's: -7 rem 2 = -1; 7 rem -2 = 1.
    case("rem", "rem.s32 d32, a32, b32;", &[0xffff_fff9, 2], &[0xffff_ffff]),
    case("rem", "rem.s32 d32, a32, b32;", &[7, 0xffff_fffe], &[1]),
    // 9.7.1.10: |-5| = 5; |MININT| = 2^31 = MININT in 16 bits.
    case("abs.int", "abs.s32 d32, a32;", &[0xffff_fffb], &[5]),
    case("abs.int", "abs.s16 d16, a16;", &[0x8000], &[0x8000]),
    // 9.7.1.11: -(1) = ffff... in 64 bits.
    case("neg.int", "neg.s64 d64, a64;", &[1], &[u64::MAX]),
    // 9.7.1.12: -1 < 1 signed, ffffffff > 1 unsigned. u16x2: min(2,3), min(9,1). relu: max(min(-5, 3), 0) = 0.
    case("min.int", "min.s32 d32, a32, b32;", &[0xffff_ffff, 1], &[0xffff_ffff]),
    case("min.int", "min.u32 d32, a32, b32;", &[0xffff_ffff, 1], &[1]),
    case("min.int", "min.u16x2 d32, a32, b32;", &[0x0009_0002, 0x0001_0003], &[0x0001_0002]),
    case("min.int", "min.relu.s32 d32, a32, b32;", &[0xffff_fffb, 3], &[0]),
    // 9.7.1.13. s16x2: max(-1, 2) = 2, max(-3, -4) = -3.
    case("max.int", "max.s32 d32, a32, b32;", &[0xffff_ffff, 1], &[1]),
    case("max.int", "max.s16x2 d32, a32, b32;", &[0xfffd_ffff, 0xfffc_0002], &[0xfffd_0002]),
    // 9.7.1.14: f0f0 has eight ones. 9.7.1.15: 00010000 has 15 leading zeros, 0 has all 64.
    case("popc", "popc.b32 d32, a32;", &[0xf0f0], &[8]),
    case("clz", "clz.b32 d32, a32;", &[0x1_0000], &[15]),
    case("clz", "clz.b64 d32, a64;", &[0], &[64]),
    // 9.7.1.16: highest one of 00012340 is bit 16; for -2 = ..1110 the highest zero is bit 0; none: ffffffff.
    case("bfind", "bfind.u32 d32, a32;", &[0x1_2340], &[16]),
    case("bfind", "bfind.s32 d32, a32;", &[0xffff_fffe], &[0]),
    case("bfind", "bfind.u32 d32, a32;", &[0], &[0xffff_ffff]),
    // .shiftamt: 31 - 16 = 15.
    case("bfind", "bfind.shiftamt.u32 d32, a32;", &[0x1_2340], &[15]),
    // 9.7.1.17: from bit 1 upwards, ones of 1011010 at 1, 3, 4, 6: the third is 4. Downwards from 4: 4, 3: the second is 3.
    case("fns", "fns.b32 d32, a32, b32, c32;", &[0b101_1010, 1, 3], &[4]),
    case("fns", "fns.b32 d32, a32, b32, c32;", &[0b101_1010, 4, 0xffff_fffe], &[3]),
    // 9.7.1.18: bit 0 becomes bit 31, bit 5 bit 26.
    case("brev", "brev.b32 d32, a32;", &[0x21], &[0x8400_0000]),
    // 9.7.1.19: 8 bits of 12345678 from bit 4: 0x67. s32: 4 bits 0x8 from bit 12 of 00008000 = -8.
    case("bfe", "bfe.u32 d32, a32, b32, c32;", &[0x1234_5678, 4, 8], &[0x67]),
    case("bfe", "bfe.s32 d32, a32, b32, c32;", &[0x8000, 12, 4], &[0xffff_fff8]),
    // Bits beyond the top are the sign: 8 bits from bit 28 of f0000000 = f, then sign ones: ffffffff. Length 0 gives 0.
    case("bfe", "bfe.s32 d32, a32, b32, c32;", &[0xf000_0000, 28, 8], &[0xffff_ffff]),
    case("bfe", "bfe.u64 d64, a64, b32, c32;", &[u64::MAX, 5, 0], &[0]),
    // 9.7.1.20: 8 bits 0xab into ffffffff from bit 8.
    case("bfi", "bfi.b32 d32, a32, b32, c32, e32;", &[0xab, 0xffff_ffff, 8, 8], &[0xffff_abff]),
    // 9.7.1.21: 8 bits f0 sign-extended; wrap: width 33 mod 32 = 1 keeps bit 0; clamp: 33 -> 32 keeps all.
    case("szext", "szext.wrap.s32 d32, a32, b32;", &[0x12f0, 8], &[0xffff_fff0]),
    case("szext", "szext.wrap.u32 d32, a32, b32;", &[0x12f1, 33], &[1]),
    case("szext", "szext.clamp.u32 d32, a32, b32;", &[0x12f1, 33], &[0x12f1]),
    // 9.7.1.22: 4 ones from bit 8.
    case("bmsk", "bmsk.clamp.b32 d32, a32, b32;", &[8, 4], &[0xf00]),
    // 9.7.1.23: bytes of a: 1, 2, 3, -1 (s8); of b: 10, 20, 30, 40: 10 + 40 + 90 - 40 = 100, plus 5.
    case("dp4a", "dp4a.s32.s32 d32, a32, b32, c32;", &[0xff03_0201, 0x281e_140a, 5], &[105]),
    // u8: 255 * 40 instead of -40: 140 + 10200 + 5.
    case("dp4a", "dp4a.u32.u32 d32, a32, b32, c32;", &[0xff03_0201, 0x281e_140a, 5], &[10345]),
    // 9.7.1.24, .lo: halves 2, 3 times low bytes 10, 20 = 80, plus 1; .hi: times 30, 40 = 180, plus 1.
    case("dp2a", "dp2a.lo.u32.u32 d32, a32, b32, c32;", &[0x0003_0002, 0x281e_140a, 1], &[81]),
    case("dp2a", "dp2a.hi.u32.u32 d32, a32, b32, c32;", &[0x0003_0002, 0x281e_140a, 1], &[181]),
    // 9.7.2.1 and .2: ffffffff + 1 = 0 carry 1; then 5 + 6 + 1 = 12.
    case("add.cc", "add.cc.u32 d32, a32, 1; addc.u32 d32, b32, 6;", &[0xffff_ffff, 5], &[12]),
    case("addc", "addc.cc.u32 d32, a32, b32;", &[1, 1], &[3]),
    // 9.7.2.3 and .4: 0 - 1 borrows; then 10 - 3 - 1 = 6.
    case("sub.cc", "sub.cc.u32 d32, a32, 1; subc.u32 d32, b32, 3;", &[0, 10], &[6]),
    case("subc", "subc.u32 d32, a32, b32;", &[9, 1], &[7]),
    // 9.7.2.5: ffffffff * 1 + 1 = 0 carry 1; then 9.7.2.6: the high half of 2^16 * 2^17 = 2^33 is 2, plus 3 plus 1 = 6.
    case(
        "mad.cc",
        "mad.lo.cc.u32 d32, a32, 1, 1; madc.hi.u32 d32, b32, 0x20000, 3;",
        &[0xffff_ffff, 0x1_0000],
        &[6],
    ),
    case("madc", "madc.lo.u32 d32, a32, b32, c32;", &[2, 3, 4], &[11]),
];

/// `addc`, `subc` and `madc` alone read a carry that this sets.
fn with_carry(text: &str) -> bool {
    ["addc", "subc", "madc"].iter().any(|opcode| text.starts_with(opcode))
}

#[test]
fn worked_examples_agree() {
    let (carried, plain): (Vec<_>, Vec<_>) = CASES.iter().partition(|case| with_carry(case.text));
    for case in plain {
        check(std::slice::from_ref(case));
    }
    for case in carried {
        crate::harness::check_after("add.cc.u32 %r1, 0xffffffff, 1;", case);
    }
}
