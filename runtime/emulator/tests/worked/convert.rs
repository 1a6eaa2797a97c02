//! Conversions, worked out from ISA 9.7.9.21 and 9.7.9.22.

use crate::harness::{Case, case, check, d, f};

pub(crate) const CASES: &[Case] = &[
    // Integers: the low byte fe sign-extended is -2; zero-extended 254; saturated: 300 -> 255, -1 -> 0.
    case("cvt", "cvt.s32.s8 d32, a32;", &[0x12fe], &[0xffff_fffe]),
    case("cvt", "cvt.u32.u8 d32, a32;", &[0x12fe], &[0xfe]),
    case("cvt", "cvt.sat.u8.s32 d32, a32;", &[300], &[255]),
    case("cvt", "cvt.sat.u32.s32 d32, a32;", &[0xffff_ffff], &[0]),
    case("cvt", "cvt.s64.s32 d64, a32;", &[0x8000_0000], &[0xffff_ffff_8000_0000]),
    case("cvt", "cvt.u16.u64 d16, a64;", &[0x1_2345], &[0x2345]),
    // s8 into a 32-bit register is sign-extended: 80 -> ffffff80.
    case("cvt", "cvt.s8.s32 d32, a32;", &[0x180], &[0xffff_ff80]),
    // Float to integer: 2.5 to even 2, towards 0 2, up 3; -2.5 down -3. Out of range clamps, NaN is 0.
    case("cvt", "cvt.rni.s32.f32 d32, a32;", &[f(2.5)], &[2]),
    case("cvt", "cvt.rpi.s32.f32 d32, a32;", &[f(2.5)], &[3]),
    case("cvt", "cvt.rmi.s32.f32 d32, a32;", &[f(-2.5)], &[0xffff_fffd]),
    case("cvt", "cvt.rzi.u32.f32 d32, a32;", &[f(-1.5)], &[0]),
    case("cvt", "cvt.rzi.s32.f32 d32, a32;", &[f(1e10)], &[0x7fff_ffff]),
    case("cvt", "cvt.rzi.s32.f32 d32, a32;", &[0x7fc0_0000], &[0]),
    case("cvt", "cvt.rzi.s64.f64 d64, a64;", &[0x7ff8_0000_0000_0000], &[1 << 63]),
    case("cvt", "cvt.rzi.u8.f32 d32, a32;", &[f(300.0)], &[255]),
    // Integer to float: 2^24 + 1 is half way between 2^24 and 2^24 + 2: even is 2^24 (4b800000), up 4b800001.
    case("cvt", "cvt.rn.f32.s32 d32, a32;", &[0x0100_0001], &[0x4b80_0000]),
    case("cvt", "cvt.rp.f32.u32 d32, a32;", &[0x0100_0001], &[0x4b80_0001]),
    case("cvt", "cvt.rn.f64.s64 d64, a64;", &[u64::MAX], &[d(-1.0)]),
    // 65520 = 65504 + 16 is half way to 65536, which f16 does not have: infinity; .rz keeps 65504 (7bff).
    case("cvt", "cvt.rn.f16.u32 d16, a32;", &[65520], &[0x7c00]),
    case("cvt", "cvt.rz.f16.u32 d16, a32;", &[65520], &[0x7bff]),
    // Float to float: 1/3 in f64 to f32 is 3eaaaaab, back exact; .rni.f32.f32 rounds to a whole number, keeping -0.
    case("cvt", "cvt.rn.f32.f64 d32, a64;", &[d(1.0 / 3.0)], &[0x3eaa_aaab]),
    case("cvt", "cvt.f64.f32 d64, a32;", &[f(0.5)], &[d(0.5)]),
    case("cvt", "cvt.rni.f32.f32 d32, a32;", &[f(-0.25)], &[0x8000_0000]),
    case("cvt", "cvt.rpi.f32.f32 d32, a32;", &[f(1.25)], &[f(2.0)]),
    case("cvt", "cvt.sat.f32.f32 d32, a32;", &[f(1.25)], &[f(1.0)]),
    case("cvt", "cvt.ftz.f32.f16 d32, a16;", &[1], &[0x3380_0000]),
    // f32 3f808000 = 1 + 2^-8 is half way in bf16: even, 3f80; 3f818000 half way: 3f82.
    case("cvt", "cvt.rn.bf16.f32 d16, a32;", &[0x3f80_8000], &[0x3f80]),
    case("cvt", "cvt.rn.bf16.f32 d16, a32;", &[0x3f81_8000], &[0x3f82]),
    case("cvt.relu", "cvt.rn.relu.f16.f32 d16, a32;", &[f(-1.0)], &[0]),
    // tf32 keeps 10 fraction bits: 3f801000 = 1 + 2^-11 is half way: .rna away -> 3f802000, .rn to even -> 3f800000.
    case("cvt.tf32", "cvt.rna.tf32.f32 d32, a32;", &[0x3f80_1000], &[0x3f80_2000]),
    case("cvt.tf32", "cvt.rn.tf32.f32 d32, a32;", &[0x3f80_1000], &[0x3f80_0000]),
    // a goes to the high half: 2 (4000), 1 (3c00 in f16, 3f80 in bf16). .relu: -1 -> 0.
    case("cvt.x2", "cvt.rn.f16x2.f32 d32, a32, b32;", &[f(2.0), f(1.0)], &[0x4000_3c00]),
    case("cvt.x2", "cvt.rn.relu.bf16x2.f32 d32, a32, b32;", &[f(-1.0), f(1.0)], &[0x0000_3f80]),
    // .satfinite: 1e6 becomes the largest f16, 65504 (7bff).
    case("cvt.x2", "cvt.rn.satfinite.f16x2.f32 d32, a32, b32;", &[f(1e6), f(1.0)], &[0x7bff_3c00]),
    // e4m3 has bias 7 and 3 bits: 1 is 38, 448 is 7e (the largest), 1000 clamps to it. e5m2 has bias 15: 1 is 3c, largest 7b.
    case("cvt.fp8", "cvt.rn.satfinite.e4m3x2.f32 d16, a32, b32;", &[f(1000.0), f(1.0)], &[0x7e38]),
    case("cvt.fp8", "cvt.rn.satfinite.e5m2x2.f32 d16, a32, b32;", &[f(-1.0), f(1e9)], &[0xbc7b]),
    // 1.0625 is half way between 1 (38) and 1.125 (39): even.
    case("cvt.fp8", "cvt.rn.satfinite.e4m3x2.f32 d16, a32, b32;", &[f(1.0625), f(1.125)], &[0x3839]),
    case("cvt.fp8.f16x2", "cvt.rn.satfinite.e4m3x2.f16x2 d16, a32;", &[0x3c00_4000], &[0x3840]),
    // 2^-9 is e4m3's least subnormal, 01; in f16 2^-9 is 1800.
    case("cvt.f16x2.fp8", "cvt.rn.f16x2.e4m3x2 d32, a16;", &[0x3801], &[0x3c00_1800]),
    // 9.7.9.22: a = 70000 clamps to 32767 (7fff), high; b = -5 (fffb), low.
    case("cvt.pack", "cvt.pack.sat.s16.s32 d32, a32, b32;", &[70000, 0xffff_fffb], &[0x7fff_fffb]),
    // With c: bytes a = 255 and b = 7 behind c's low half: c << 16 | a << 8 | b.
    case("cvt.pack", "cvt.pack.sat.u8.s32.b32 d32, a32, b32, c32;", &[300, 7, 0x1234_5678], &[0x5678_ff07]),
];

#[test]
fn worked_examples_agree() {
    check(CASES);
}
