//! Comparison and selection, worked out from ISA 9.7.6 and 9.7.7.

use crate::harness::{Case, case, check, d, f};

const NAN: u64 = 0x7fff_ffff;

pub(crate) const CASES: &[Case] = &[
    // 9.7.6.1: 1 < 2 gives ffffffff as u32 and 1.0 as f32; combined: (1 < 2) and 0 = 0.
    case("set", "set.lt.u32.s32 d32, a32, b32;", &[1, 2], &[0xffff_ffff]),
    case("set", "set.lt.f32.s32 d32, a32, b32;", &[1, 2], &[f(1.0)]),
    case("set", "set.lt.and.u32.f32 d32, a32, b32, c1;", &[f(1.0), f(2.0), 0], &[0]),
    // 9.7.6.2: -1 < 1 signed, not unsigned (.lo is the unsigned lt).
    case("setp", "setp.lt.s32 d1, a32, b32;", &[0xffff_ffff, 1], &[1]),
    case("setp", "setp.lo.u32 d1, a32, b32;", &[0xffff_ffff, 1], &[0]),
    case("setp", "setp.hs.u64 d1, a64, b64;", &[5, 5], &[1]),
    // p|q: p = (a < b) and c, q = !(a < b) and c.
    case("setp", "setp.lt.and.s32 d1|q1, a32, b32, c1;", &[1, 2, 1], &[1, 0]),
    case("setp", "setp.lt.xor.s32 d1|q1, a32, b32, c1;", &[1, 2, 1], &[0, 1]),
    // NaN: ordered comparisons are false, unordered true. -0 = +0.
    case("setp", "setp.ne.f32 d1, a32, b32;", &[NAN, NAN], &[0]),
    case("setp", "setp.neu.f32 d1, a32, b32;", &[NAN, NAN], &[1]),
    case("setp", "setp.nan.f32 d1, a32, b32;", &[NAN, f(1.0)], &[1]),
    case("setp", "setp.num.f64 d1, a64, b64;", &[d(0.0), d(1.0)], &[1]),
    case("setp", "setp.eq.f32 d1, a32, b32;", &[0, 0x8000_0000], &[1]),
    // .ftz: 2^-149 counts as 0.
    case("setp", "setp.eq.ftz.f32 d1, a32, b32;", &[1, 0], &[1]),
    case("setp", "setp.gt.f64 d1, a64, b64;", &[d(-1.0), d(-2.0)], &[1]),
    // 9.7.7.2: packed, p from the low elements (1 < 2), q from the high ones (2 < 1).
    case("setp.half", "setp.lt.f16x2 d1|q1, a32, b32;", &[0x4000_3c00, 0x3c00_4000], &[1, 0]),
    case("setp.half", "setp.ge.bf16 d1, a16, b16;", &[0x3f80, 0x4000], &[0]),
    // 9.7.6.3 and .4: c true selects a; slct asks c >= 0, and -0.0 is, NaN is not.
    case("selp", "selp.b32 d32, a32, b32, c1;", &[7, 8, 1], &[7]),
    case("selp", "selp.f64 d64, a64, b64, c1;", &[7, 8, 0], &[8]),
    case("slct", "slct.u32.s32 d32, a32, b32, c32;", &[7, 8, 0xffff_ffff], &[8]),
    case("slct", "slct.u32.f32 d32, a32, b32, c32;", &[7, 8, 0x8000_0000], &[7]),
    case("slct", "slct.u64.f32 d64, a64, b64, c32;", &[7, 8, NAN], &[8]),
];

#[test]
fn worked_examples_agree() {
    check(CASES);
}
