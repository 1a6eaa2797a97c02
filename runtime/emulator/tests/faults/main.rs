//! Kernels with planted faults, each beside its clean twin.
//!
//! The faulty one must stop with the right kind at the marked instruction (the line that begins with `/*!*/`), under
//! every seed; the twin must run to its end under every seed, on one core and on several.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod memory;
mod order;
#[path = "../ptxas/mod.rs"]
mod ptxas;

use tensc_emulator::{Arg, Config, Device, DeviceError, Fault, FaultKind, Shape};

/// A planted fault.
pub(crate) struct Plant {
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    pub(crate) blocks: u32,
    pub(crate) threads: u32,
    pub(crate) faulty: &'static str,
    pub(crate) clean: &'static str,
}

/// What bodies may use: 64 words at `%in`, 1024 unwritten words at `%out`, 64 zeros at `%zero`, the thread `%t`, the block `%b`.
const PRELUDE: &str = "
.reg .pred %p<16>; .reg .b16 %h<16>; .reg .b32 %r<80>; .reg .b64 %rd<32>; .reg .f32 %f<80>; .reg .f64 %fd<16>;
.reg .b64 %in; .reg .b64 %out; .reg .b64 %zero; .reg .b32 %t; .reg .b32 %b; .reg .b64 %t4; .reg .b64 %b4;
ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; ld.param.u64 %zero, [zero];
mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mul.wide.u32 %t4, %t, 4; mul.wide.u32 %b4, %b, 4;
";

const WORDS: u64 = 64;

fn module(body: &str) -> String {
    format!(
        ".version 8.3\n.target sm_90a\n.address_size 64\n.const .align 4 .b32 fixed[4] = {{1, 2, 3, 4}};
.visible .entry k(.param .u64 in, .param .u64 out, .param .u64 zero)\n{{{PRELUDE}{body}\nret;\n}}\n"
    )
}

fn run(body: &str, plant: &Plant, seed: u64, cores: usize) -> Result<(), DeviceError> {
    let mut device = Device::with_config(Config { seed, cores, budget: 100_000, ..Config::default() });
    let input = device.alloc_named(4 * WORDS, "in");
    let output = device.alloc_named(4096, "out");
    let zero = device.alloc_named(4 * WORDS, "zero");
    let words: Vec<u8> = (0..WORDS as u32).flat_map(u32::to_le_bytes).collect();
    device.copy_to(input, &words)?;
    device.copy_to(zero, &vec![0; words.len()])?;
    let module = device.load_module(&module(body))?;
    let args = [Arg::Pointer(input), Arg::Pointer(output), Arg::Pointer(zero)];
    device.launch(module, "k", Shape::linear(plant.blocks, plant.threads), &args)?;
    Ok(())
}

/// The line of the marked instruction.
fn marked_line(body: &str) -> u32 {
    let text = module(body);
    let index = text.lines().position(|line| line.trim_start().starts_with("/*!*/")).unwrap();
    index as u32 + 1
}

pub(crate) fn check(plant: &Plant) {
    ptxas::assemble_if_asked(&module(plant.clean));
    for seed in 0..12 {
        for cores in [1, 2] {
            let found = run(plant.faulty, plant, seed, cores);
            let Err(DeviceError::Fault(fault)) = found else {
                panic!("{}, seed {seed}: expected {:?}, found {found:?}", plant.name, plant.kind);
            };
            assert_fault(plant, &fault, seed);
            if let Err(error) = run(plant.clean, plant, seed, cores) {
                panic!("{}, seed {seed}: the clean twin stops: {error}", plant.name);
            }
        }
    }
}

fn assert_fault(plant: &Plant, fault: &Fault, seed: u64) {
    assert_eq!(fault.kind, plant.kind, "{}, seed {seed}: {fault}", plant.name);
    assert_eq!(fault.kernel, "k", "{}", plant.name);
    // A race is found at whichever of its accesses comes second; the others have one place.
    if plant.faulty.contains("/*!*/") {
        assert_eq!(fault.line, marked_line(plant.faulty), "{}, seed {seed}: {fault}", plant.name);
    }
    let needs_address = !matches!(
        plant.kind,
        FaultKind::UnwrittenRegister
            | FaultKind::Barrier
            | FaultKind::Convergence
            | FaultKind::Budget
            | FaultKind::Trap
            | FaultKind::Undefined
            | FaultKind::AsyncPending
            | FaultKind::Mbarrier
            | FaultKind::Descriptor
    );
    assert!(!needs_address || fault.address.is_some(), "{}: {fault} names no address", plant.name);
    assert!(fault.thread.is_some(), "{}: {fault} names no thread", plant.name);
}

/// Freed memory is found by the address, and by name.
#[test]
fn use_after_free_is_found() {
    let body = "ld.global.u32 %r1, [%in]; st.global.u32 [%out], %r1;";
    for freed in [false, true] {
        let mut device = Device::new();
        let input = device.alloc_named(256, "weights");
        let output = device.alloc(256);
        device.copy_to(input, &[1; 256]).unwrap();
        let module = device.load_module(&module(body)).unwrap();
        if freed {
            device.free(input).unwrap();
            assert!(device.free(input).is_err(), "freed twice");
        }
        let args = [Arg::Pointer(input), Arg::Pointer(output), Arg::Pointer(output)];
        let result = device.launch(module, "k", Shape::linear(1, 1), &args);
        match result {
            Err(DeviceError::Fault(fault)) if freed => {
                assert_eq!(fault.kind, FaultKind::UseAfterFree);
                assert!(
                    fault.to_json().starts_with("{\"kind\":\"use_after_free\",\"kernel\":\"k\""),
                    "{}",
                    fault.to_json()
                );
                assert!(fault.allocation.unwrap().contains("`weights`"));
            }
            Ok(_) if !freed => {}
            other => panic!("freed: {freed}, found {other:?}"),
        }
    }
}

/// What the host may not read, either.
#[test]
fn the_host_cannot_read_what_nothing_wrote() {
    let mut device = Device::new();
    let buffer = device.alloc(8);
    device.copy_to(buffer, &[1, 2, 3]).unwrap();
    let mut bytes = [0; 3];
    device.copy_from(buffer, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3]);
    assert!(device.copy_from(buffer, &mut [0; 4]).is_err());
    device.fill(buffer.offset(3), 9, 2).unwrap();
    let mut bytes = [0; 5];
    device.copy_from(buffer, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 9, 9]);
    assert!(device.fill(buffer, 0, 9).is_err());
    assert!(device.copy_to(buffer, &[0; 9]).is_err());
}
