//! Memory: at most twice the buffers plus 200 MB. Alone in its process, which it measures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]
#![cfg(target_os = "linux")]

use tensc_emulator::{Arg, Device, Shape};

/// The process's peak resident set in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

const PTX: &str = ".version 8.0
.target sm_80
.address_size 64
.visible .entry add_one(.param .u64 in, .param .u64 out)
{
  .reg .b32 %r<6>; .reg .b64 %rd<6>; .reg .b16 %h<3>;
  ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];
  mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
  mul.wide.u32 %rd3, %r4, 2; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;
  ld.global.u16 %h1, [%rd4]; add.u16 %h2, %h1, 1; st.global.u16 [%rd5], %h2;
  ret;
}
";

#[test]
fn memory_is_twice_the_buffers_and_no_more() {
    const BYTES: u64 = 96 << 20;
    let mut device = Device::new();
    let (input, output) = (device.alloc(BYTES), device.alloc(BYTES));
    let chunk = vec![7; 1 << 20];
    for start in (0..BYTES).step_by(chunk.len()) {
        device.copy_to(input.offset(start), &chunk).unwrap();
    }
    let module = device.load_module(PTX).unwrap();
    let blocks = 2048;
    device
        .launch(module, "add_one", Shape::linear(blocks, 1024), &[Arg::Pointer(input), Arg::Pointer(output)])
        .unwrap();
    let mut bytes = [0; 4];
    device.copy_from(output.offset(u64::from(blocks) * 2048 - 4), &mut bytes).unwrap();
    assert_eq!(bytes, [8, 7, 8, 7]);
    let (limit, found) = (2 * device.live_bytes() + (200 << 20), peak());
    assert!(found <= limit, "{} MiB, at most {} MiB are allowed", found >> 20, limit >> 20);
}
