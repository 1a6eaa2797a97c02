//! Logic and shifts, worked out from ISA 9.7.8.

use crate::harness::{Case, case, check};

pub(crate) const CASES: &[Case] = &[
    // 9.7.8.1 to 9.7.8.3: 1100 and 1010 bit by bit: 1000, 1110, 0110.
    case("and", "and.b32 d32, a32, b32;", &[0b1100, 0b1010], &[0b1000]),
    case("or", "or.b16 d16, a16, b16;", &[0b1100, 0b1010], &[0b1110]),
    case("xor", "xor.b64 d64, a64, b64;", &[0b1100, 0b1010], &[0b0110]),
    case("and", "and.pred d1, a1, !b1;", &[1, 0], &[1]),
    case("xor", "xor.pred d1, a1, b1;", &[1, 1], &[0]),
    // 9.7.8.4: all 16 bits flip. 9.7.8.5: 1 for zero, else 0.
    case("not", "not.b16 d16, a16;", &[0x00ff], &[0xff00]),
    case("not", "not.pred d1, a1;", &[1], &[0]),
    case("cnot", "cnot.b32 d32, a32;", &[0], &[1]),
    case("cnot", "cnot.b32 d32, a32;", &[6], &[0]),
    // 9.7.8.6: the table of F is F(f0, cc, aa). a & b & c: f0 & cc & aa = 80. (a ^ b) | c: 3c | aa = be:
    // (1100 ^ 1010) | 0001 = 0111 in the low bits.
    case("lop3", "lop3.b32 d32, a32, b32, c32, 0x80;", &[0b1110, 0b0111, 0b1011], &[0b0010]),
    case("lop3", "lop3.b32 d32, a32, b32, c32, 0xbe;", &[0b1100, 0b1010, 0b0001], &[0b0111]),
    // 9.7.8.7: the pair b:a = 87654321_12345678. Left by 8 keeps the high half: 65432112. Right by 8 the low: 21123456.
    case("shf", "shf.l.wrap.b32 d32, a32, b32, c32;", &[0x1234_5678, 0x8765_4321, 8], &[0x6543_2112]),
    case("shf", "shf.r.wrap.b32 d32, a32, b32, c32;", &[0x1234_5678, 0x8765_4321, 8], &[0x2112_3456]),
    // .wrap takes 40 mod 32 = 8, .clamp takes 32: right by 32 leaves b.
    case("shf", "shf.r.wrap.b32 d32, a32, b32, c32;", &[0x1234_5678, 0x8765_4321, 40], &[0x2112_3456]),
    case("shf", "shf.r.clamp.b32 d32, a32, b32, c32;", &[0x1234_5678, 0x8765_4321, 40], &[0x8765_4321]),
    // 9.7.8.8: amounts above the width are clamped: nothing stays.
    case("shl", "shl.b32 d32, a32, b32;", &[0x8000_0001, 4], &[0x10]),
    case("shl", "shl.b32 d32, a32, b32;", &[0x8000_0001, 32], &[0]),
    // 9.7.8.9: signed shifts bring in the sign, also beyond the width.
    case("shr", "shr.s32 d32, a32, b32;", &[0x8000_0000, 4], &[0xf800_0000]),
    case("shr", "shr.s32 d32, a32, b32;", &[0x8000_0000, 99], &[0xffff_ffff]),
    case("shr", "shr.u32 d32, a32, b32;", &[0x8000_0000, 4], &[0x0800_0000]),
    case("shr", "shr.b64 d64, a64, b32;", &[1 << 63, 63], &[1]),
];

#[test]
fn worked_examples_agree() {
    check(CASES);
}
