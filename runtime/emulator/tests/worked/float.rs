//! f32 and f64, worked out from ISA 9.7.3 and IEEE 754.

use tensc_emulator::{Approximation, Config, Device, Shape};

use crate::harness::{Case, HEADER, case, check, d, f};

const NAN: u64 = 0x7fff_ffff;
const INF: u64 = 0x7f80_0000;
/// 2^-149, the least subnormal f32.
const TINY: u64 = 1;

pub(crate) const CASES: &[Case] = &[
    // 9.7.3.1: 7f800000 is infinite, 00000001 subnormal, 3f800000 normal, 7fc00000 NaN.
    case("testp", "testp.infinite.f32 d1, a32;", &[INF], &[1]),
    case("testp", "testp.finite.f32 d1, a32;", &[INF], &[0]),
    case("testp", "testp.subnormal.f32 d1, a32;", &[TINY], &[1]),
    case("testp", "testp.normal.f32 d1, a32;", &[TINY], &[0]),
    case("testp", "testp.notanumber.f32 d1, a32;", &[0x7fc0_0000], &[1]),
    case("testp", "testp.number.f64 d1, a64;", &[d(1.0)], &[1]),
    // 9.7.3.2: the sign of a (-2) on b (3).
    case("copysign", "copysign.f32 d32, a32, b32;", &[f(-2.0), f(3.0)], &[f(-3.0)]),
    // 9.7.3.3: 1 + 2^-24 lies half way between 1 and 1 + 2^-23: to even is 1, .rp is 3f800001, .rz and .rm are 1.
    case("add.f32", "add.f32 d32, a32, b32;", &[f(1.0), 0x3380_0000], &[f(1.0)]),
    case("add.f32", "add.rp.f32 d32, a32, b32;", &[f(1.0), 0x3380_0000], &[0x3f80_0001]),
    case("add.f32", "add.rz.f32 d32, a32, b32;", &[f(1.0), 0x3380_0000], &[f(1.0)]),
    // -1 - 2^-24 under .rm is the next below, bf800001.
    case("add.f32", "add.rm.f32 d32, a32, b32;", &[f(-1.0), 0xb380_0000], &[0xbf80_0001]),
    // Zeros: 1 + (-1) is +0, under .rm -0. Infinity - infinity is NaN, 7fffffff.
    case("add.f32", "add.f32 d32, a32, b32;", &[f(1.0), f(-1.0)], &[0]),
    case("add.f32", "add.rm.f32 d32, a32, b32;", &[f(1.0), f(-1.0)], &[0x8000_0000]),
    case("add.f32", "add.f32 d32, a32, b32;", &[INF, 0xff80_0000], &[NAN]),
    // .ftz makes 2^-149 a zero, with its sign; without it 2^-149 + 2^-149 = 2^-148.
    case("add.f32", "add.ftz.f32 d32, a32, b32;", &[0x8000_0001, 0x8000_0000], &[0x8000_0000]),
    case("add.f32", "add.f32 d32, a32, b32;", &[TINY, TINY], &[2]),
    // .sat clamps to [0, 1]: 0.75 + 0.5 -> 1, NaN -> +0.
    case("add.f32", "add.sat.f32 d32, a32, b32;", &[f(0.75), f(0.5)], &[f(1.0)]),
    case("add.f32", "add.sat.f32 d32, a32, b32;", &[NAN, f(0.5)], &[0]),
    // Largest + half of its last place rounds to infinity, under .rz it stays.
    case("add.f32", "add.f32 d32, a32, b32;", &[0x7f7f_ffff, 0x7300_0000], &[INF]),
    case("add.f32", "add.rz.f32 d32, a32, b32;", &[0x7f7f_ffff, 0x7300_0000], &[0x7f7f_ffff]),
    // f64: 1 + 2^-53 is half way: to even 1, .rp next.
    case("add.f64", "add.f64 d64, a64, b64;", &[d(1.0), 0x3ca0_0000_0000_0000], &[d(1.0)]),
    case("add.f64", "add.rp.f64 d64, a64, b64;", &[d(1.0), 0x3ca0_0000_0000_0000], &[0x3ff0_0000_0000_0001]),
    // 9.7.3.4: 5 - 7 = -2; 1 - 2^-25 under .rz is 1 - 2^-24 = 3f7fffff.
    case("sub.f32", "sub.f32 d32, a32, b32;", &[f(5.0), f(7.0)], &[f(-2.0)]),
    case("sub.f32", "sub.rz.f32 d32, a32, b32;", &[f(1.0), 0x3300_0000], &[0x3f7f_ffff]),
    case("sub.f64", "sub.rn.f64 d64, a64, b64;", &[d(5.0), d(7.0)], &[d(-2.0)]),
    // 9.7.3.5: (1 + 2^-23)^2 = 1 + 2^-22 + 2^-46: nearest 3f800002, .rp 3f800003.
    case("mul.f32", "mul.f32 d32, a32, b32;", &[0x3f80_0001, 0x3f80_0001], &[0x3f80_0002]),
    case("mul.f32", "mul.rp.f32 d32, a32, b32;", &[0x3f80_0001, 0x3f80_0001], &[0x3f80_0003]),
    // 2^-100 * 2^-40 = 2^-140 is subnormal, bit 9 (149 - 140); .ftz flushes it; 0 * inf is NaN.
    case("mul.f32", "mul.f32 d32, a32, b32;", &[0x0d80_0000, 0x2b80_0000], &[0x200]),
    case("mul.f32", "mul.ftz.f32 d32, a32, b32;", &[0x0d80_0000, 0x2b80_0000], &[0]),
    case("mul.f32", "mul.f32 d32, a32, b32;", &[0, INF], &[NAN]),
    case(
        "mul.f64",
        "mul.rz.f64 d64, a64, b64;",
        &[0x3ff0_0000_0000_0001, 0x3ff0_0000_0000_0001],
        &[0x3ff0_0000_0000_0002],
    ),
    // 9.7.3.6, one rounding: (1 + 2^-23)(1 - 2^-23) - 1 = -2^-46 = a8800000; a product rounded first would give 0.
    case("fma.f32", "fma.rn.f32 d32, a32, b32, c32;", &[0x3f80_0001, 0x3f7f_fffe, f(-1.0)], &[0xa880_0000]),
    case("fma.f32", "fma.rp.f32 d32, a32, b32, c32;", &[0x3f80_0001, 0x3f80_0001, 0], &[0x3f80_0003]),
    case("fma.f32", "fma.rn.f32 d32, a32, b32, c32;", &[INF, f(1.0), 0xff80_0000], &[NAN]),
    // f64: (1 + 2^-52)^2 - 1 = 2^-51 + 2^-104 = 2^-51 (1 + 2^-53): half way, to even 2^-51; .rp next.
    case(
        "fma.f64",
        "fma.rn.f64 d64, a64, b64, c64;",
        &[0x3ff0_0000_0000_0001, 0x3ff0_0000_0000_0001, d(-1.0)],
        &[0x3cc0_0000_0000_0000],
    ),
    case(
        "fma.f64",
        "fma.rp.f64 d64, a64, b64, c64;",
        &[0x3ff0_0000_0000_0001, 0x3ff0_0000_0000_0001, d(-1.0)],
        &[0x3cc0_0000_0000_0001],
    ),
    // 9.7.3.7: mad is fma: 2 * 3 + 4.
    case("mad.f32", "mad.rn.f32 d32, a32, b32, c32;", &[f(2.0), f(3.0), f(4.0)], &[f(10.0)]),
    case("mad.f64", "mad.rn.f64 d64, a64, b64, c64;", &[d(2.0), d(3.0), d(4.0)], &[d(10.0)]),
    // 9.7.3.8: 1/3 = 0.0101.. in binary: 3eaaaaab is the nearest, 3eaaaaaa below. 1/0 = inf, 0/0 NaN.
    case("div.f32", "div.rn.f32 d32, a32, b32;", &[f(1.0), f(3.0)], &[0x3eaa_aaab]),
    case("div.f32", "div.rz.f32 d32, a32, b32;", &[f(1.0), f(3.0)], &[0x3eaa_aaaa]),
    case("div.f32", "div.rn.f32 d32, a32, b32;", &[f(-1.0), 0], &[0xff80_0000]),
    case("div.f32", "div.rn.f32 d32, a32, b32;", &[0, 0], &[NAN]),
    case("div.f64", "div.rm.f64 d64, a64, b64;", &[d(1.0), d(3.0)], &[0x3fd5_5555_5555_5555]),
    // Approximate, exact in these points: 6/3 = 2; |b| = 2^127 is beyond 2^126: div.approx gives 0, div.full 2^-126.
    case("div.approx.f32", "div.approx.f32 d32, a32, b32;", &[f(6.0), f(3.0)], &[f(2.0)]),
    case("div.approx.f32", "div.approx.f32 d32, a32, b32;", &[f(2.0), 0x7f00_0000], &[0]),
    case("div.approx.f32", "div.full.f32 d32, a32, b32;", &[f(2.0), 0x7f00_0000], &[0x0080_0000]),
    // 9.7.3.9 and .10: only the sign bit changes; NaN comes out canonical.
    case("abs.float", "abs.f32 d32, a32;", &[f(-1.5)], &[f(1.5)]),
    case("abs.float", "abs.ftz.f32 d32, a32;", &[0x8000_0001], &[0]),
    case("neg.float", "neg.f64 d64, a64;", &[d(1.5)], &[d(-1.5)]),
    // 9.7.3.11 and .12: a number wins over NaN, with .NaN it does not; -0 < +0.
    case("min.float", "min.f32 d32, a32, b32;", &[NAN, f(2.0)], &[f(2.0)]),
    case("min.float", "min.NaN.f32 d32, a32, b32;", &[NAN, f(2.0)], &[NAN]),
    case("min.float", "min.f32 d32, a32, b32;", &[0, 0x8000_0000], &[0x8000_0000]),
    case("max.float", "max.f32 d32, a32, b32;", &[0x8000_0000, 0], &[0]),
    case("max.float", "max.f64 d64, a64, b64;", &[d(-3.0), d(2.0)], &[d(2.0)]),
    case("max.float", "max.NaN.ftz.f32 d32, a32, b32;", &[TINY, 0x8000_0000], &[0]),
    // .xorsign.abs: max(|-3|, |2|) = 3 with sign - xor + = -.
    case("max.float", "max.xorsign.abs.f32 d32, a32, b32;", &[f(-3.0), f(2.0)], &[f(-3.0)]),
    // 9.7.3.13: 1/4. 1/-0 = -inf. Exact: 1/3 nearest, .rp above.
    case("rcp.approx.f32", "rcp.approx.f32 d32, a32;", &[f(4.0)], &[f(0.25)]),
    case("rcp.approx.f32", "rcp.approx.ftz.f32 d32, a32;", &[0x8000_0000], &[0xff80_0000]),
    case("rcp.f32", "rcp.rn.f32 d32, a32;", &[f(3.0)], &[0x3eaa_aaab]),
    case("rcp.f32", "rcp.rm.f32 d32, a32;", &[f(3.0)], &[0x3eaa_aaaa]),
    case("rcp.f64", "rcp.rn.f64 d64, a64;", &[d(4.0)], &[d(0.25)]),
    // 9.7.3.14: 1/4 = 3fd00000_00000000, and the operand's low half is ignored.
    case("rcp.approx.f64", "rcp.approx.ftz.f64 d64, a64;", &[d(4.0) | 0x1234], &[d(0.25)]),
    // 9.7.3.15: sqrt 9 = 3; sqrt 2 = 1.0110101000001001111001100|11.. : nearest 3fb504f3, .rp 3fb504f4; sqrt -0 = -0.
    case("sqrt.approx.f32", "sqrt.approx.f32 d32, a32;", &[f(9.0)], &[f(3.0)]),
    case("sqrt.f32", "sqrt.rn.f32 d32, a32;", &[f(2.0)], &[0x3fb5_04f3]),
    case("sqrt.f32", "sqrt.rp.f32 d32, a32;", &[f(2.0)], &[0x3fb5_04f4]),
    case("sqrt.f32", "sqrt.rn.f32 d32, a32;", &[0x8000_0000], &[0x8000_0000]),
    case("sqrt.f32", "sqrt.rn.f32 d32, a32;", &[f(-1.0)], &[NAN]),
    case("sqrt.f64", "sqrt.rn.f64 d64, a64;", &[d(2.25)], &[d(1.5)]),
    // 9.7.3.16: 1/sqrt 4 = 0.5; of -0: -inf; of inf: +0.
    case("rsqrt.approx.f32", "rsqrt.approx.f32 d32, a32;", &[f(4.0)], &[f(0.5)]),
    case("rsqrt.approx.f32", "rsqrt.approx.f32 d32, a32;", &[0x8000_0000], &[0xff80_0000]),
    case("rsqrt.approx.f32", "rsqrt.approx.f32 d32, a32;", &[INF], &[0]),
    case("rsqrt.approx.f64", "rsqrt.approx.f64 d64, a64;", &[d(4.0)], &[d(0.5)]),
    // 9.7.3.18 and .19: sin -0 = -0, sin inf = NaN, cos 0 = 1.
    case("sin.approx", "sin.approx.f32 d32, a32;", &[0x8000_0000], &[0x8000_0000]),
    case("sin.approx", "sin.approx.f32 d32, a32;", &[INF], &[NAN]),
    case("cos.approx", "cos.approx.f32 d32, a32;", &[0], &[f(1.0)]),
    // 9.7.3.20: log2 8 = 3, log2 0 = -inf, log2 -1 = NaN. 9.7.3.21: 2^-3 = 1/8, 2^-inf = 0, 2^inf = inf.
    case("lg2.approx", "lg2.approx.f32 d32, a32;", &[f(8.0)], &[f(3.0)]),
    case("lg2.approx", "lg2.approx.ftz.f32 d32, a32;", &[TINY], &[0xff80_0000]),
    case("lg2.approx", "lg2.approx.f32 d32, a32;", &[f(-1.0)], &[NAN]),
    case("ex2.approx.f32", "ex2.approx.f32 d32, a32;", &[f(-3.0)], &[f(0.125)]),
    case("ex2.approx.f32", "ex2.approx.ftz.f32 d32, a32;", &[0xff80_0000], &[0]),
    // 9.7.3.22: tanh of +-inf is +-1, of -0 -0.
    case("tanh.approx.f32", "tanh.approx.f32 d32, a32;", &[0xff80_0000], &[f(-1.0)]),
    case("tanh.approx.f32", "tanh.approx.f32 d32, a32;", &[0x8000_0000], &[0x8000_0000]),
];

#[test]
fn worked_examples_agree() {
    check(CASES);
}

/// Each bound of the ISA as (instruction, true function, bound at x), checked in all three modes.
#[test]
fn approximations_stay_inside_their_bounds_and_use_them_on_request() {
    type Function = fn(f64) -> f64;
    type Row<'a> = (&'a str, Function, Box<dyn Fn(f64, f64) -> f64>);
    let ulp = |truth: f64| (truth.abs().log2().floor() - 23.0).exp2();
    let rows: &[Row<'_>] = &[
        ("ex2.approx.f32", f64::exp2, Box::new(move |_, truth| 2.0 * ulp(truth))),
        (
            "lg2.approx.f32",
            f64::log2,
            Box::new(|x, truth: f64| if x > 0.5 && x < 2.0 { 1.0 } else { truth.abs() } / 2f64.powi(22)),
        ),
        ("sin.approx.f32", f64::sin, Box::new(|_, _| (-20.5f64).exp2())),
        ("cos.approx.f32", f64::cos, Box::new(|_, _| (-20.5f64).exp2())),
        ("tanh.approx.f32", f64::tanh, Box::new(|_, truth: f64| truth.abs() / 2f64.powi(11))),
        ("rcp.approx.f32", |x| 1.0 / x, Box::new(move |_, truth| ulp(truth))),
        ("rsqrt.approx.f32", |x| 1.0 / x.sqrt(), Box::new(|_, truth: f64| truth.abs() * (-22.9f64).exp2())),
        ("sqrt.approx.f32", f64::sqrt, Box::new(|_, truth: f64| truth.abs() / 2f64.powi(23))),
    ];
    let inputs: Vec<f32> = (1..64).map(|index| 0.037 * index as f32).collect();
    for (instruction, truth, bound) in rows {
        let mut spread = 0;
        for mode in [Approximation::Nearest, Approximation::Largest, Approximation::Smallest] {
            for (x, result) in inputs.iter().zip(approximate(instruction, &inputs, mode)) {
                let exact = truth(f64::from(*x));
                let error = (f64::from(result) - exact).abs();
                let nearest = exact as f32;
                let allowed = bound(f64::from(*x), exact).max((f64::from(nearest) - exact).abs());
                assert!(
                    error <= allowed,
                    "{instruction} {x}: {result} for {exact}, error {error:e} above {allowed:e}"
                );
                spread += usize::from(mode != Approximation::Nearest && result != nearest);
            }
        }
        assert!(
            spread > 40,
            "{instruction}: the worst case differs from the nearest result in {spread} places only"
        );
    }
}

fn approximate(instruction: &str, inputs: &[f32], approximation: Approximation) -> Vec<f32> {
    let ptx = format!(
        "{HEADER}.visible .entry k(.param .u64 data) {{ .reg .b64 %rd<4>; .reg .b32 %r<4>; .reg .f32 %f<4>;
        ld.param.u64 %rd1, [data]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd3, %rd1, %rd2;
        ld.global.f32 %f1, [%rd3]; {instruction} %f2, %f1; st.global.f32 [%rd3], %f2; ret; }}"
    );
    let mut device = Device::with_config(Config { approximation, ..Config::default() });
    let data = device.alloc(4 * inputs.len() as u64);
    let bytes: Vec<u8> = inputs.iter().flat_map(|x| x.to_le_bytes()).collect();
    device.copy_to(data, &bytes).unwrap();
    let module = device.load_module(&ptx).unwrap();
    let shape = Shape::linear(1, inputs.len() as u32);
    device.launch(module, "k", shape, &[tensc_emulator::Arg::Pointer(data)]).unwrap();
    let mut bytes = vec![0; bytes.len()];
    device.copy_from(data, &mut bytes).unwrap();
    bytes.chunks(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
}
