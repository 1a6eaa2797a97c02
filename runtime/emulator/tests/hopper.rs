//! A whole Hopper kernel: tensor maps, mbarriers and warpgroup products together.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use half::bf16;
use tensc_emulator::{
    Arg, Config, Device, DeviceError, DevicePointer, FaultKind, Report, Shape, Swizzle, TensorMap,
};

mod ptxas;

const PTX: &str = include_str!("corpus/hopper.ptx");
const M: usize = 128;
const N: usize = 192;
/// No multiple of the tile: what lies outside the tensors is zero.
const K: usize = 200;

fn value(row: usize, column: usize, factor: usize) -> bf16 {
    bf16::from_f32(((row * factor + column * 7) % 23) as f32 / 8.0 - 1.25)
}

fn matrix(device: &mut Device, rows: usize, factor: usize) -> (DevicePointer, Arg) {
    let bytes: Vec<u8> =
        (0..rows).flat_map(|row| (0..K).flat_map(move |k| value(row, k, factor).to_le_bytes())).collect();
    let pointer = device.alloc(bytes.len() as u64);
    device.copy_to(pointer, &bytes).unwrap();
    let map = TensorMap {
        address: pointer.0,
        element_bytes: 2,
        sizes: vec![K as u64, rows as u64],
        strides: vec![2 * K as u64],
        box_sizes: vec![64, 64],
        swizzle: Swizzle::Bytes128,
    };
    (pointer, Arg::Bytes(map.encode().unwrap().to_vec()))
}

fn run(ptx: &str, seed: u64, cores: usize) -> Result<(Vec<f32>, Report), DeviceError> {
    let mut device = Device::with_config(Config { seed, cores, budget: 1 << 20, ..Config::default() });
    let module = device.load_module(ptx)?;
    let (_, a) = matrix(&mut device, M, 3);
    let (_, b) = matrix(&mut device, N, 5);
    let c = device.alloc_named(4 * (M * N) as u64, "c");
    let shape = Shape { grid: [N as u32 / 64, M as u32 / 64, 1], block: [128, 1, 1], shared_bytes: 32768 };
    let args = [a, b, Arg::Pointer(c), Arg::I32(N as i32), Arg::I32(K.div_ceil(64) as i32)];
    let report = device.launch(module, "product", shape, &args)?;
    let mut bytes = vec![0; 4 * M * N];
    device.copy_from(c, &mut bytes)?;
    Ok((bytes.chunks(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect(), report))
}

#[test]
fn a_pipelined_product_is_exact_under_every_seed() {
    ptxas::assemble_if_asked(PTX);
    for seed in 0..4 {
        let (found, report) = run(PTX, seed, 1 + seed as usize % 2).unwrap_or_else(|error| panic!("{error}"));
        for row in 0..M {
            for column in 0..N {
                // Multiples of 1/64 below 2^18 in all: every sum is exact in f32.
                let sum: f32 = (0..K).map(|k| value(row, k, 3).to_f32() * value(column, k, 5).to_f32()).sum();
                assert_eq!(found[row * N + column], sum, "row {row}, column {column}, seed {seed}");
            }
        }
        assert_eq!(report.counters.matrix_multiply_adds, (M * N * 256) as u64);
        assert_eq!(report.counters.global_loads.bytes, (2 * K * (M * (N / 64) + N * (M / 64))) as u64);
    }
}

/// Takes the statement that contains `part` out of the kernel (the last one that does).
fn without(part: &str) -> String {
    let start = PTX.rfind(part).unwrap();
    let end = start + PTX[start..].find(';').unwrap() + 1;
    format!("{}{}", &PTX[..start], &PTX[end..])
}

#[test]
fn whatever_is_left_out_is_missed() {
    let cases: [(&str, &[FaultKind]); 4] = [
        // A stage is filled again while other warps still read it.
        ("bar.sync 0", &[FaultKind::SharedRace, FaultKind::AsyncPending]),
        // Tiles are used before they are there.
        ("@!%p4 bra WAIT", &[FaultKind::AsyncPending, FaultKind::UnwrittenMemory]),
        // Accumulators are stored while the products run.
        ("wgmma.wait_group.sync.aligned 0", &[FaultKind::AsyncPending]),
        // The barriers never learn of the second round's bytes.
        (
            "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r23]",
            &[FaultKind::Budget, FaultKind::AsyncPending],
        ),
    ];
    for (part, kinds) in cases {
        let text = without(part);
        let found = (0..4).find_map(|seed| run(&text, seed, 1).err());
        match found {
            Some(DeviceError::Fault(fault)) => {
                assert!(kinds.contains(&fault.kind), "without `{part}`: {fault}")
            }
            other => panic!("without `{part}`: {other:?}"),
        }
    }
}
