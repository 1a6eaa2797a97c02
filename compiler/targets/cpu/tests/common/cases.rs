//! What tests of all targets share: random contents, programs of one kernel, comparisons.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "not every test uses everything")]

use tensc_ir::DType;
use tensc_program::{
    Buffer, BufferId, BufferKind, BufferRef, CheckSite, Kernel, KernelId, Launch, Program, Step,
};

/// A small generator of our own, so that tests are the same everywhere.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal, with some zeros and ones.
    pub fn number(&mut self) -> f64 {
        match self.below(20) {
            0 => 0.0,
            1 => 1.0,
            2 => -1.0,
            _ => (0..4).map(|_| self.unit() - 0.5).sum::<f64>() * 2.0,
        }
    }
}

/// Random bytes of `count` elements.
pub fn random_bytes(random: &mut Random, dtype: DType, count: usize, special: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        let mut x = random.number();
        if special && random.below(6) == 0 {
            x = random.pick(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e-40, 3e38, -1e-30]);
        }
        match dtype {
            DType::F32 => bytes.extend((x as f32).to_le_bytes()),
            DType::C64 => {
                bytes.extend((x as f32).to_le_bytes());
                bytes.extend((random.number() as f32).to_le_bytes());
            }
            DType::F64 => bytes.extend(x.to_le_bytes()),
            DType::BF16 => bytes.extend(half::bf16::from_f64(x).to_le_bytes()),
            DType::F16 => bytes.extend(half::f16::from_f64(x).to_le_bytes()),
            DType::I32 => bytes.extend(((random.below(41) as i32) - 20).to_le_bytes()),
            DType::U8 => bytes.push(random.below(256) as u8),
            DType::Bool => bytes.push(random.below(2) as u8),
        }
    }
    bytes
}

/// A program of one kernel: each parameter is a buffer of this many elements.
pub fn single(kernel: Kernel, lengths: &[i64], sizes: &[i64]) -> Program {
    let kind = |writes| if writes { BufferKind::Result } else { BufferKind::Argument };
    let buffers: Vec<Buffer> = kernel
        .params
        .iter()
        .zip(lengths)
        .map(|(param, len)| Buffer {
            name: param.name.clone(),
            kind: kind(param.writes),
            dtype: param.dtype,
            shape: vec![(*len).into()],
            varies: false,
        })
        .collect();
    let arguments =
        (0..buffers.len() as u32).map(|n| BufferRef { buffer: BufferId(n), offset: 0.into() }).collect();
    let launch =
        Launch { kernel: KernelId(0), arguments, sizes: sizes.iter().map(|n| (*n).into()).collect() };
    Program {
        name: kernel.name.clone(),
        buffers,
        kernels: vec![kernel],
        main: vec![Step::Launch(launch)],
        checks: vec![CheckSite { message: String::new(), origin: None }; 4],
        ..Program::default()
    }
}

/// How far two elements may be apart.
#[derive(Clone, Copy)]
pub enum Tolerance {
    /// Equal bits, any NaN for any NaN, either zero for the other.
    Exact,
    /// Relative to the larger one or to this size.
    Relative(f64),
}

pub fn values(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        DType::F32 | DType::C64 => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()
        }
        DType::F64 => bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        DType::BF16 => {
            bytes.chunks_exact(2).map(|b| half::bf16::from_le_bytes(b.try_into().unwrap()).to_f64()).collect()
        }
        DType::F16 => {
            bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f64()).collect()
        }
        DType::I32 => {
            bytes.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()).into()).collect()
        }
        DType::U8 | DType::Bool => bytes.iter().map(|b| f64::from(*b)).collect(),
    }
}

pub fn assert_close(
    name: &str,
    dtype: DType,
    expected: &[u8],
    found: &[u8],
    tolerance: Tolerance,
    context: &str,
) {
    let (expected, found) = (values(dtype, expected), values(dtype, found));
    for (n, (e, f)) in expected.iter().zip(&found).enumerate() {
        let same = e == f || (e.is_nan() && f.is_nan());
        let near = match tolerance {
            Tolerance::Exact => same,
            Tolerance::Relative(bound) => same || (e - f).abs() <= bound * e.abs().max(f.abs()).max(1.0),
        };
        assert!(near, "{name}[{n}]: expected {e:?}, found {f:?}\n{context}");
    }
}
