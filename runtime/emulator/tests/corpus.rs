//! Kernels that compilers emitted, against NumPy.
//!
//! `corpus/make.sh` says how the PTX and the golden files were made.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeMap;

use tensc_emulator::{Arg, Config, Device, DevicePointer, Floor, ModuleId, Report, Shape};

mod ptxas;

const KERNELS: &str = include_str!("corpus/kernels.O2.ptx");
const UNOPTIMISED: &str = include_str!("corpus/kernels.O0.ptx");

/// An array in NumPy's format: shape and raw bytes.
struct Npy {
    kind: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Npy {
    fn load(name: &str) -> Self {
        let path = format!("{}/tests/corpus/golden/{name}.npy", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let header = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
        let text = std::str::from_utf8(&file[10..header]).unwrap();
        let field = |key: &str, close: char| {
            let start = text.find(key).unwrap() + key.len();
            text[start..].split(close).next().unwrap().trim_matches([' ', '\'', '(']).to_owned()
        };
        let shape = field("'shape': (", ')').split(',').filter_map(|size| size.trim().parse().ok()).collect();
        Self { kind: field("'descr': '", '\''), shape, bytes: file[header..].to_vec() }
    }

    fn doubles(&self) -> Vec<f64> {
        assert_eq!(self.kind, "<f8");
        self.bytes.chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    }
}

/// A device with the corpus loaded.
struct Bench {
    device: Device,
    module: ModuleId,
}

impl Bench {
    fn new(ptx: &str, seed: u64, cores: usize) -> Self {
        let mut device = Device::with_config(Config { seed, cores, ..Config::default() });
        let module = device.load_module(ptx).unwrap_or_else(|error| panic!("{error}"));
        Self { device, module }
    }

    fn input(&mut self, name: &str) -> DevicePointer {
        self.bytes(name, &Npy::load(name).bytes)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> DevicePointer {
        let pointer = self.device.alloc_named(bytes.len() as u64, name);
        self.device.copy_to(pointer, bytes).unwrap();
        pointer
    }

    fn launch(&mut self, kernel: &str, grid: [u32; 3], block: [u32; 3], args: &[Arg]) -> Report {
        let shape = Shape { grid, block, shared_bytes: 0 };
        self.device
            .launch(self.module, kernel, shape, args)
            .unwrap_or_else(|error| panic!("{kernel}: {error}"))
    }

    fn output(&mut self, from: DevicePointer, bytes: usize) -> Vec<u8> {
        let mut output = vec![0; bytes];
        self.device.copy_from(from, &mut output).unwrap();
        output
    }

    fn floats(&mut self, from: DevicePointer, count: usize) -> Vec<f32> {
        let bytes = self.output(from, 4 * count);
        bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    }
}

/// RMS of the difference over RMS of the reference.
fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let difference =
        square(&mut found.iter().zip(expected).map(|(found, expected)| f64::from(*found) - expected));
    (difference / square(&mut expected.iter().copied())).sqrt()
}

/// Runs `kernel` under several seeds and on one core and two: all must give the same bytes.
fn everywhere(run: impl Fn(&mut Bench) -> (Vec<u8>, Report), check: impl Fn(&[u8])) -> Report {
    let (first, report) = run(&mut Bench::new(KERNELS, 0, 1));
    // Without optimisation sums are taken in the same order, but not fused.
    check(&run(&mut Bench::new(UNOPTIMISED, 5, 2)).0);
    check(&first);
    for (seed, cores) in [(0, 2), (1, 1), (2, 2), (3, 3)] {
        let (again, counted) = run(&mut Bench::new(KERNELS, seed, cores));
        assert_eq!(first, again, "seed {seed}, {cores} cores");
        assert_eq!(report.counters.global_loads, counted.counters.global_loads, "seed {seed}, {cores} cores");
    }
    report
}

fn as_floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn the_corpus_is_legal() {
    ptxas::assemble_if_asked(KERNELS);
    ptxas::assemble_if_asked(UNOPTIMISED);
}

#[test]
fn reduction_agrees_with_numpy() {
    for seed in 0..6 {
        let mut bench = Bench::new(if seed % 2 == 0 { KERNELS } else { UNOPTIMISED }, seed, 2);
        let input = bench.input("reduce_in");
        let partial = bench.device.alloc_named(4 * 7, "partial");
        let arrived = bench.bytes("arrived", &[0; 4]);
        let out = bench.device.alloc_named(4, "out");
        let args = [
            Arg::Pointer(input),
            Arg::Pointer(partial),
            Arg::Pointer(arrived),
            Arg::Pointer(out),
            Arg::I32(10007),
        ];
        bench.launch("reduce", [7, 1, 1], [256, 1, 1], &args);
        let error = relative_error(&bench.floats(out, 1), &Npy::load("reduce_out").doubles());
        assert!(error < 1e-5, "{error:e}");
    }
}

#[test]
fn scan_is_exact() {
    let report = everywhere(
        |bench| {
            let input = bench.input("scan_in");
            let out = bench.device.alloc(4 * 1000);
            let args = [Arg::Pointer(input), Arg::Pointer(out), Arg::I32(1000)];
            let report = bench.launch("scan", [1, 1, 1], [1024, 1, 1], &args);
            (bench.output(out, 4 * 1000), report)
        },
        |found| {
            assert_eq!(found, Npy::load("scan_out").bytes);
        },
    );
    // 32 warps, eleven barriers each.
    assert_eq!(report.counters.barriers, 32 * 11);
}

#[test]
fn transpose_is_exact_and_has_no_bank_conflicts() {
    let report = everywhere(
        |bench| {
            let input = bench.input("transpose_in");
            let out = bench.device.alloc(4 * 70 * 45);
            let args = [Arg::Pointer(input), Arg::Pointer(out), Arg::I32(70), Arg::I32(45)];
            let report = bench.launch("transpose", [2, 3, 1], [32, 8, 1], &args);
            (bench.output(out, 4 * 70 * 45), report)
        },
        |found| {
            assert_eq!(found, Npy::load("transpose_out").bytes);
        },
    );
    assert_eq!(report.counters.bank_conflicts, 0);
    // Every element is read once and written once.
    assert_eq!(report.counters.global_loads.bytes, 4 * 70 * 45);
    assert_eq!(report.counters.global_stores.bytes, 4 * 70 * 45);
}

#[test]
fn tiled_matrix_product_agrees_with_numpy() {
    let report = everywhere(
        |bench| {
            let (a, b) = (bench.input("matmul_a"), bench.input("matmul_b"));
            let out = bench.device.alloc(4 * 50 * 37);
            let args = [
                Arg::Pointer(a),
                Arg::Pointer(b),
                Arg::Pointer(out),
                Arg::I32(50),
                Arg::I32(37),
                Arg::I32(61),
            ];
            let report = bench.launch("matmul", [3, 4, 1], [16, 16, 1], &args);
            (bench.output(out, 4 * 50 * 37), report)
        },
        |found| {
            let golden = Npy::load("matmul_out");
            assert_eq!(golden.shape, [50, 37]);
            let error = relative_error(&as_floats(found), &golden.doubles());
            assert!(error < 1e-6, "{error:e}");
        },
    );
    // Each of 3 block columns reads all of a, each of 4 block rows all of b.
    assert_eq!(report.counters.global_loads.bytes, 4 * (3 * 50 * 61 + 4 * 61 * 37));
    let report = report.against(Floor { read_bytes: 4 * (50 * 61 + 61 * 37), written_bytes: 4 * 50 * 37 });
    assert!(report.to_string().contains("against floor"), "{report}");
    assert!(report.to_json().contains("\"written_bytes\":7400"), "{}", report.to_json());
}

#[test]
fn softmax_agrees_with_numpy() {
    everywhere(
        |bench| {
            let input = bench.input("softmax_in");
            let out = bench.device.alloc(4 * 9 * 300);
            let args = [Arg::Pointer(input), Arg::Pointer(out), Arg::I32(300)];
            let report = bench.launch("softmax", [9, 1, 1], [128, 1, 1], &args);
            (bench.output(out, 4 * 9 * 300), report)
        },
        |found| {
            let error = relative_error(&as_floats(found), &Npy::load("softmax_out").doubles());
            assert!(error < 1e-6, "{error:e}");
        },
    );
}

#[test]
fn tensor_core_product_agrees_with_numpy() {
    let report = everywhere(
        |bench| {
            let (a, b) = (bench.input("matmul_bf16_a"), bench.input("matmul_bf16_b"));
            let out = bench.device.alloc(4 * 48 * 40);
            let args = [Arg::Pointer(a), Arg::Pointer(b), Arg::Pointer(out), Arg::I32(40), Arg::I32(64)];
            let report = bench.launch("matmul_bf16", [5, 3, 1], [32, 1, 1], &args);
            (bench.output(out, 4 * 48 * 40), report)
        },
        |found| {
            let error = relative_error(&as_floats(found), &Npy::load("matmul_bf16_out").doubles());
            assert!(error < 1e-6, "{error:e}");
        },
    );
    assert_eq!(report.counters.matrix_multiply_adds, 48 * 40 * 64);
}

#[test]
fn local_memory_and_calls_work() {
    everywhere(
        |bench| {
            let input = bench.input("automaton_in");
            let out = bench.device.alloc(4 * 96);
            let args = [Arg::Pointer(input), Arg::Pointer(out), Arg::I32(50)];
            let report = bench.launch("automaton", [3, 1, 1], [32, 1, 1], &args);
            (bench.output(out, 4 * 96), report)
        },
        |found| {
            assert_eq!(found, Npy::load("automaton_out").bytes);
        },
    );
}

#[test]
fn histogram_is_exact() {
    everywhere(
        |bench| {
            let input = bench.input("histogram_in");
            let counts = bench.bytes("counts", &[0; 1024]);
            let args = [Arg::Pointer(input), Arg::Pointer(counts), Arg::I32(5000)];
            let report = bench.launch("histogram", [4, 1, 1], [256, 1, 1], &args);
            (bench.output(counts, 1024), report)
        },
        |found| {
            assert_eq!(found, Npy::load("histogram_out").bytes);
        },
    );
}

/// Removing a barrier that a kernel needs is found out under some seed.
#[test]
fn no_barrier_of_the_corpus_can_be_removed() {
    let lines: Vec<&str> = KERNELS.lines().collect();
    let mut removed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kernel = "";
    for (index, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix(".visible .entry ") {
            kernel = name.trim_end_matches('(');
        }
        if !line.contains("bar.sync") || !matches!(kernel, "scan" | "transpose" | "matmul") {
            continue;
        }
        let mut mutant = lines.clone();
        mutant[index] = "";
        let found = (0..4).any(|seed| is_found(&mutant.join("\n"), kernel, seed));
        // Behind scan's last barrier each thread reads what it wrote itself.
        let later = lines[index + 1..].iter().take_while(|line| !line.contains(".entry"));
        let needed = kernel != "scan" || later.filter(|line| line.contains("bar.sync")).count() > 0;
        assert_eq!(found, needed, "{kernel}: the barrier in line {}", index + 1);
        *removed.entry(kernel).or_default() += 1;
    }
    assert!(removed.values().sum::<usize>() >= 5, "{removed:?}");
}

fn is_found(ptx: &str, kernel: &str, seed: u64) -> bool {
    let mut device = Device::with_config(Config { seed, ..Config::default() });
    let module = device.load_module(ptx).unwrap();
    let mut bench = Bench { device, module };
    let (grid, block, args) = match kernel {
        "scan" => {
            let (input, out) = (bench.input("scan_in"), bench.device.alloc(4000));
            ([1, 1, 1], [1024, 1, 1], vec![Arg::Pointer(input), Arg::Pointer(out), Arg::I32(1000)])
        }
        "transpose" => {
            let (input, out) = (bench.input("transpose_in"), bench.device.alloc(4 * 70 * 45));
            ([2, 3, 1], [32, 8, 1], vec![Arg::Pointer(input), Arg::Pointer(out), Arg::I32(70), Arg::I32(45)])
        }
        _ => {
            let (a, b) = (bench.input("matmul_a"), bench.input("matmul_b"));
            let out = bench.device.alloc(4 * 50 * 37);
            let sizes = [Arg::I32(50), Arg::I32(37), Arg::I32(61)];
            let pointers = [Arg::Pointer(a), Arg::Pointer(b), Arg::Pointer(out)];
            ([3, 4, 1], [16, 16, 1], pointers.into_iter().chain(sizes).collect())
        }
    };
    let shape = Shape { grid, block, shared_bytes: 0 };
    bench.device.launch(bench.module, kernel, shape, &args).is_err()
}
