//! f16 and bf16, worked out from ISA 9.7.4. f16: 1 is 3c00, 2 is 4000, the last place of 1 is 2^-10. bf16: 1 is 3f80,
//! the last place of 1 is 2^-7.

use crate::harness::{Case, case, check};

pub(crate) const CASES: &[Case] = &[
    // 9.7.4.1: 1 + 2^-11 (1000) is half way: even, 1. 1 + 3 * 2^-11 (1600) is half way to 3c02.
    case("add.half", "add.f16 d16, a16, b16;", &[0x3c00, 0x1000], &[0x3c00]),
    case("add.half", "add.rn.f16 d16, a16, b16;", &[0x3c00, 0x1600], &[0x3c02]),
    // Pairs: 1 + 1 = 2 low, 2 + 1 = 3 (4200) high. .sat: 1 + 1 -> 1. bf16: 1 + 1 = 2 (4000).
    case("add.half", "add.f16x2 d32, a32, b32;", &[0x4000_3c00, 0x3c00_3c00], &[0x4200_4000]),
    case("add.half", "add.sat.f16 d16, a16, b16;", &[0x3c00, 0x3c00], &[0x3c00]),
    case("add.half", "add.bf16 d16, a16, b16;", &[0x3f80, 0x3f80], &[0x4000]),
    // Largest f16 7bff (65504) + 65504 overflows to infinity 7c00.
    case("add.half", "add.f16 d16, a16, b16;", &[0x7bff, 0x7bff], &[0x7c00]),
    // 9.7.4.2: 1 - 2 = -1 (bc00).
    case("sub.half", "sub.f16 d16, a16, b16;", &[0x3c00, 0x4000], &[0xbc00]),
    case("sub.half", "sub.bf16x2 d32, a32, b32;", &[0x4000_3f80, 0x3f80_3f80], &[0x3f80_0000]),
    // 9.7.4.3: 2^-14 (0400) * 2^-1 (3800) = 2^-15, subnormal 0200; .ftz makes it 0.
    case("mul.half", "mul.f16 d16, a16, b16;", &[0x0400, 0x3800], &[0x0200]),
    case("mul.half", "mul.ftz.f16 d16, a16, b16;", &[0x0400, 0x3800], &[0]),
    // bf16: (1 + 2^-7)^2 = 1 + 2^-6 + 2^-14: 3f82.
    case("mul.half", "mul.bf16 d16, a16, b16;", &[0x3f81, 0x3f81], &[0x3f82]),
    // 9.7.4.4, one rounding: (1 + 2^-10)(1 - 2^-10) - 1 = -2^-20: f16 subnormal -2^-20 = -16 * 2^-24 = 8010.
    case("fma.half", "fma.rn.f16 d16, a16, b16, c16;", &[0x3c01, 0x3bfe, 0xbc00], &[0x8010]),
    // .relu: 1 * 1 - 2 = -1 -> +0. bf16x2: 1 * 2 + 1 = 3 (4040) in both.
    case("fma.half", "fma.rn.relu.f16 d16, a16, b16, c16;", &[0x3c00, 0x3c00, 0xc000], &[0]),
    case(
        "fma.half",
        "fma.rn.bf16x2 d32, a32, b32, c32;",
        &[0x3f80_3f80, 0x4000_4000, 0x3f80_3f80],
        &[0x4040_4040],
    ),
    // 9.7.4.5 and .6.
    case("neg.half", "neg.f16x2 d32, a32;", &[0xbc00_3c00], &[0x3c00_bc00]),
    case("abs.half", "abs.bf16 d16, a16;", &[0xbf80], &[0x3f80]),
    // 9.7.4.7 and .8: a number wins over NaN (7e00), .NaN gives 7fff; -0 < +0.
    case("min.half", "min.f16 d16, a16, b16;", &[0x7e00, 0x3c00], &[0x3c00]),
    case("min.half", "min.NaN.f16 d16, a16, b16;", &[0x7e00, 0x3c00], &[0x7fff]),
    case("min.half", "min.bf16x2 d32, a32, b32;", &[0x8000_4000, 0x0000_3f80], &[0x8000_3f80]),
    case("max.half", "max.f16x2 d32, a32, b32;", &[0x3c00_8000, 0x4000_0000], &[0x4000_0000]),
    // .xorsign.abs: min(|-3|, |2|) = 2 (4000) with sign - xor + = -; NaN first where asked.
    case("min.half", "min.xorsign.abs.f16 d16, a16, b16;", &[0xc200, 0x4000], &[0xc000]),
    case("max.half", "max.NaN.xorsign.abs.bf16 d16, a16, b16;", &[0xbf80, 0x7fc0], &[0x7fff]),
    // 9.7.4.9: tanh inf = 1. 9.7.4.10: 2^2 = 4 (4400); bf16 2^-1 = 0.5 (3f00).
    case("tanh.approx.half", "tanh.approx.f16 d16, a16;", &[0x7c00], &[0x3c00]),
    case("tanh.approx.half", "tanh.approx.bf16x2 d32, a32;", &[0xff80_0000], &[0xbf80_0000]),
    case("ex2.approx.half", "ex2.approx.f16 d16, a16;", &[0x4000], &[0x4400]),
    case("ex2.approx.half", "ex2.approx.ftz.bf16 d16, a16;", &[0xbf80], &[0x3f00]),
];

#[test]
fn worked_examples_agree() {
    check(CASES);
}

/// Against the `half` crate: every f16 and bf16 pattern to f32, and f32 back.
#[test]
fn conversions_agree_with_the_half_crate_on_every_pattern() {
    let words: Vec<u32> = (0..=u16::MAX).map(u32::from).collect();
    let body = "
    mov.u32 %r1, 0;
    LOOP: mad.lo.s32 %r2, %r1, 1024, %t; mul.wide.u32 %rd1, %r2, 4; add.s64 %rd2, %in, %rd1; ld.global.u32 %r3, [%rd2];
    cvt.u16.u32 %h1, %r3; cvt.f32.f16 %f1, %h1; cvt.f32.bf16 %f2, %h1;
    mul.wide.u32 %rd3, %r2, 16; add.s64 %rd4, %out, %rd3; st.global.v2.f32 [%rd4], {%f1, %f2};
    cvt.rn.f16.f32 %h2, %f2; cvt.rn.bf16.f32 %h3, %f1; cvt.u32.u16 %r4, %h2; cvt.u32.u16 %r5, %h3;
    st.global.v2.u32 [%rd4+8], {%r4, %r5};
    add.s32 %r1, %r1, 1; setp.lt.s32 %p1, %r1, 64; @%p1 bra LOOP;";
    let found = crate::harness::run_body(body, 1024, &words, 4 * 65536).unwrap();
    for (bits, words) in (0..=u16::MAX).zip(found.chunks(4)) {
        let (f16, bf16) = (half::f16::from_bits(bits), half::bf16::from_bits(bits));
        let same = |bits: u32, value: f32| bits == value.to_bits() || (value.is_nan() && bits == 0x7fff_ffff);
        assert!(same(words[0], f16.to_f32()), "f16 {bits:#x}");
        assert!(same(words[1], bf16.to_f32()), "bf16 {bits:#x}");
        let to_f16 = half::f16::from_f32(bf16.to_f32());
        let to_bf16 = half::bf16::from_f32(f16.to_f32());
        assert!(
            words[2] == u32::from(to_f16.to_bits()) || (to_f16.is_nan() && words[2] == 0x7fff),
            "bf16 {bits:#x} to f16"
        );
        assert!(
            words[3] == u32::from(to_bf16.to_bits()) || (to_bf16.is_nan() && words[3] == 0x7fff),
            "f16 {bits:#x} to bf16"
        );
    }
}
