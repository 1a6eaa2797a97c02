//! Random numbers that depend on nothing but a seed, a key and a counter: the same on every machine, in any order, from any thread.
//!
//! The generator is Philox4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011). The seed is its key; its 128-bit counter is the block number (64 bits)
//! and a hash of the stream's key (64 bits). A block gives two 64-bit words: numbers `2 b` and `2 b + 1` of the stream.
//! Normal numbers are the inverse of the normal distribution function (Wichura, algorithm AS 241, Applied Statistics 37, 1988) of a uniform
//! one. Only `+ - * /`, `sqrt` and casts are used, which IEEE 754 fixes to the bit; the logarithm is computed here.

use std::f64::consts::{LN_2, SQRT_2};

/// One sequence of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    seed: u64,
    key: u64,
}

impl Stream {
    /// The numbers of draw `number` of the parameter at `path`.
    #[must_use]
    pub fn new(seed: u64, path: &str, number: u32) -> Self {
        let key = path.bytes().chain([0xff]).chain(number.to_le_bytes()).fold(FNV_OFFSET, fnv);
        Self { seed, key }
    }

    /// The numbers of a call site of `dropout` in a sequence of a batch, within nested repetitions: the iteration of each enclosing repeat and the step of
    /// each enclosing recurrence, outermost first.
    #[must_use]
    pub fn site(seed: u64, sequence: u64, site: u32, within: &[u64]) -> Self {
        let words = [sequence, u64::from(site)].into_iter().chain(within.iter().copied());
        let key = words.flat_map(u64::to_le_bytes).chain([0xfe]).fold(FNV_OFFSET, fnv);
        Self { seed, key }
    }

    /// 64 random bits.
    #[must_use]
    pub fn bits(self, counter: u64) -> u64 {
        let [even, odd] = self.block(counter / 2);
        if counter.is_multiple_of(2) { even } else { odd }
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    #[must_use]
    pub fn uniform01(self, counter: u64) -> f64 {
        unit(self.bits(counter))
    }

    /// One row of a mask: whether numbers `first ..` are below `keep`.
    pub fn kept(self, keep: f64, first: u64, row: &mut [bool]) {
        let mut known: Option<(u64, [u64; 2])> = None;
        for (counter, entry) in (first..).zip(row) {
            let (number, [even, odd]) = match known {
                Some(block) if block.0 == counter / 2 => block,
                Some(_) | None => (counter / 2, self.block(counter / 2)),
            };
            known = Some((number, [even, odd]));
            *entry = unit(if counter.is_multiple_of(2) { even } else { odd }) < keep;
        }
    }

    /// Standard normal.
    #[must_use]
    pub fn normal(self, counter: u64) -> f64 {
        inverse_normal(open_unit(self.bits(counter)))
    }

    /// The first `len` numbers of [`Self::uniform01`], at half the price.
    #[must_use]
    pub fn uniforms(self, len: usize) -> Vec<f64> {
        self.fill(len, unit)
    }

    /// The first `len` numbers of [`Self::normal`], at half the price.
    #[must_use]
    pub fn normals(self, len: usize) -> Vec<f64> {
        self.fill(len, |bits| inverse_normal(open_unit(bits)))
    }

    fn fill(self, len: usize, number: impl Fn(u64) -> f64) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(len + 1);
        let mut block = 0;
        while numbers.len() < len {
            numbers.extend(self.block(block).map(&number));
            block += 1;
        }
        numbers.truncate(len);
        numbers
    }

    fn block(self, number: u64) -> [u64; 2] {
        let [a, b] = halves(number);
        let [c, d] = halves(self.key);
        let [a, b, c, d] = philox4x32_10([a, b, c, d], halves(self.seed));
        [joined(a, b), joined(c, d)]
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of FNV-1a, 64 bits.
fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a word")]
const fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn joined(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn philox4x32_10([mut a, mut b, mut c, mut d]: [u32; 4], [mut k0, mut k1]: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [low0, high0] = halves(u64::from(a) * 0xd251_1f53);
        let [low1, high1] = halves(u64::from(c) * 0xcd9e_8d57);
        [a, b, c, d] = [high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0];
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    [a, b, c, d]
}

/// [0, 1).
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// (0, 1): the middle of one of 2^52 equal parts.
#[expect(clippy::cast_precision_loss, reason = "52 bits and a half fit")]
fn open_unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
}

/// The number below which a standard normal one falls with probability `p`, in (0, 1). Relative error about 1e-16.
fn inverse_normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE.0, r) / polynomial(&CENTRE.1, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-logarithm(tail)).sqrt();
    let x = if r <= 5.0 {
        polynomial(&MIDDLE.0, r - 1.6) / polynomial(&MIDDLE.1, r - 1.6)
    } else {
        polynomial(&FAR.0, r - 5.0) / polynomial(&FAR.1, r - 5.0)
    };
    if q < 0.0 { -x } else { x }
}

/// Coefficients by falling power.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

#[expect(clippy::excessive_precision, clippy::unreadable_literal, reason = "as published")]
const CENTRE: ([f64; 8], [f64; 8]) = (
    [
        2509.0809287301226727,
        33430.575583588128105,
        67265.770927008700853,
        45921.953931549871457,
        13731.693765509461125,
        1971.5909503065514427,
        133.14166789178437745,
        3.387132872796366608,
    ],
    [
        5226.495278852545925,
        28729.085735721942674,
        39307.89580009271061,
        21213.794301586595867,
        5394.1960214247511077,
        687.1870074920579083,
        42.313330701600911252,
        1.0,
    ],
);
#[expect(clippy::excessive_precision, clippy::unreadable_literal, reason = "as published")]
const MIDDLE: ([f64; 8], [f64; 8]) = (
    [
        7.7454501427834140764e-4,
        0.0227238449892691845833,
        0.24178072517745061177,
        1.27045825245236838258,
        3.64784832476320460504,
        5.7694972214606914055,
        4.6303378461565452959,
        1.42343711074968357734,
    ],
    [
        1.05075007164441684324e-9,
        5.475938084995344946e-4,
        0.0151986665636164571966,
        0.14810397642748007459,
        0.68976733498510000455,
        1.6763848301838038494,
        2.05319162663775882187,
        1.0,
    ],
);
#[expect(clippy::excessive_precision, clippy::unreadable_literal, reason = "as published")]
const FAR: ([f64; 8], [f64; 8]) = (
    [
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        0.0012426609473880784386,
        0.026532189526576123093,
        0.29656057182850489123,
        1.7848265399172913358,
        5.4637849111641143699,
        6.6579046435011037772,
    ],
    [
        2.04426310338993978564e-15,
        1.4215117583164458887e-7,
        1.8463183175100546818e-5,
        7.868691311456132591e-4,
        0.0148753612908506148525,
        0.13692988092273580531,
        0.59983220655588793769,
        1.0,
    ],
);

/// Natural logarithm of a normal positive number, by the series of `2 artanh((m - 1) / (m + 1))`.
fn logarithm(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = f64::from(i32::try_from(bits >> 52).unwrap_or(0) - 1023);
    let mut mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..12).rev().fold(0.0, |sum, n| sum * square + 1.0 / f64::from(2 * n + 1));
    exponent * LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // kat_vectors of Random123.
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn logarithm_is_right_to_the_last_bits() {
        for n in 1..2000 {
            let x = f64::from(n) / 2000.0 * 0.5_f64.powi(n % 60);
            let expected = x.ln();
            assert!((logarithm(x) - expected).abs() <= 4e-16 * expected.abs().max(1e-3), "{x}");
        }
    }

    #[test]
    fn the_inverse_normal_inverts_the_distribution() {
        for p in [1e-15, 1e-9, 1e-4, 0.02, 0.07, 0.3, 0.5, 0.8, 0.93, 0.999] {
            let x = inverse_normal(p);
            let back = 0.5 * libm::erfc(-x / SQRT_2);
            assert!((back - p).abs() <= 1e-13 * p, "{p}: {x} gives {back}");
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let count = 400_000_u32;
        let stream = Stream::new(7, "blocks.0.w", 0);
        let mean = |numbers: &[f64], power: i32| {
            numbers.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(count)
        };
        // Each bound is about five standard deviations of the estimate.
        let normals = stream.normals(count as usize);
        for (power, expected, bound) in
            [(1, 0.0, 0.008), (2, 1.0, 0.012), (3, 0.0, 0.031), (4, 3.0, 0.08), (6, 15.0, 0.85)]
        {
            let found = mean(&normals, power);
            assert!((found - expected).abs() < bound, "moment {power}: {found}");
        }
        let uniforms = stream.uniforms(count as usize);
        for (power, expected, bound) in [(1, 0.5, 0.0023), (2, 1.0 / 3.0, 0.0024), (3, 0.25, 0.0023)] {
            let found = mean(&uniforms, power);
            assert!((found - expected).abs() < bound, "moment {power}: {found}");
        }
        // Neighbours and other streams are uncorrelated.
        let lag: f64 = normals.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / f64::from(count);
        assert!(lag.abs() < 0.008, "{lag}");
        for other in
            [Stream::new(7, "blocks.0.w", 1), Stream::new(8, "blocks.0.w", 0), Stream::new(7, "b", 0)]
        {
            let others = other.normals(count as usize);
            let product: f64 =
                normals.iter().zip(&others).map(|(a, b)| a * b).sum::<f64>() / f64::from(count);
            assert!(product.abs() < 0.008, "{product}");
        }
    }

    #[test]
    fn numbers_depend_on_their_counter_alone() {
        let stream = Stream::new(3, "embed", 0);
        let all = stream.normals(101);
        for (n, number) in all.iter().enumerate() {
            assert_eq!(stream.normal(n as u64).to_bits(), number.to_bits());
        }
        assert_eq!(all[..50], stream.normals(50));
    }
}
