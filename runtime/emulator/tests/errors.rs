//! What a wrong module or launch is told: line, text, and what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use tensc_emulator::{Arg, Device, DeviceError, Shape};

/// The error of a kernel with this body; its first line is line 6 of the module.
fn error_of(body: &str) -> String {
    let text = format!(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 data) {{\n\
        .reg .pred %p<4>; .reg .b16 %h<4>; .reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .f32 %f<4>;\n{body}\nret;\n}}"
    );
    match Device::new().load_module(&text) {
        Err(DeviceError::Ptx(error)) => error.to_string(),
        other => panic!("{body}: expected an error, found {other:?}"),
    }
}

#[test]
fn wrong_instructions_are_named_with_line_and_text() {
    let cases = [
        (
            "frobnicate.f32 %f1, %f2;",
            "PTX line 6: unknown instruction `frobnicate`\n  frobnicate.f32 %f1, %f2;\n  hint: docs/emulator.md lists what is supported",
        ),
        (
            "neg.s128 %r1, %r2;",
            "PTX line 6: `neg` has no modifier `.s128`\n  neg.s128 %r1, %r2;\n  hint: supported: neg.{s16|s32|s64}, neg[.ftz].f32, neg.f64, neg[.ftz].{f16|f16x2}, neg.{bf16|bf16x2}",
        ),
        (
            "neg.ftz.s32 %r1, %r2;",
            "PTX line 6: `neg` does not take its modifiers in this combination\n  neg.ftz.s32 %r1, %r2;\n  hint: supported: neg.{s16|s32|s64}, neg[.ftz].f32, neg.f64, neg[.ftz].{f16|f16x2}, neg.{bf16|bf16x2}",
        ),
        ("add.s32 %r1, %r2, %r9;", "PTX line 6: unknown name `%r9`\n  add.s32 %r1, %r2, %r9;"),
        ("add.s32 %r1, %r2, %rd1;", "PTX line 6: `%rd1` is .b64, expected .s32\n  add.s32 %r1, %r2, %rd1;"),
        ("add.s32 %r1, %r2, %f1;", "PTX line 6: `%f1` is .f32, expected .s32\n  add.s32 %r1, %r2, %f1;"),
        (
            "add.f32 %f1, %f2, 1;",
            "PTX line 6: the integer 1 cannot be .f32, write a float such as 0f3F800000\n  add.f32 %f1, %f2, 1;",
        ),
        ("add.s32 %r1, %r2;", "PTX line 6: expected 3 operands, found 2\n  add.s32 %r1, %r2;"),
        ("add.s32 7, %r2, %r3;", "PTX line 6: the destination must be a register\n  add.s32 7, %r2, %r3;"),
        (
            "cvt.f32.s32 %f1, %r1;",
            "PTX line 6: integers to floats need .rn, .rz, .rm or .rp\n  cvt.f32.s32 %f1, %r1;",
        ),
        (
            "ld.global.u32 %r1, [%r2];",
            "PTX line 6: `%r2` is .b32, an address in this space has 64 bits\n  ld.global.u32 %r1, [%r2];",
        ),
        ("bra NOWHERE;", "PTX line 6: unknown label `NOWHERE`\n  bra NOWHERE;"),
        ("@%r1 ret;", "PTX line 6: guard `%r1` is not a predicate\n  @%r1 ret;"),
        ("call missing, ();", "PTX line 6: `missing` is not a function of this module\n  call missing, ();"),
        (
            "cp.async.cg.shared.global [%r1], [%rd1], 8;",
            "PTX line 6: 8 bytes cannot be copied, .ca takes 4, 8 or 16 and .cg takes 16\n  cp.async.cg.shared.global [%r1], [%rd1], 8;",
        ),
        (
            "setp.lo.s32 %p1, %r1, %r2;",
            "PTX line 6: `.lo` compares unsigned integers, not .s32\n  setp.lo.s32 %p1, %r1, %r2;",
        ),
        ("X: mov.u32 %r1, 0; X: ret;", "PTX line 6: label `X` is already defined"),
        ("add.s32 %r1, %r2, ;", "PTX line 6: expected a number, found `;`\n  add.s32 %r1, %r2, ;"),
    ];
    for (body, expected) in cases {
        assert_eq!(error_of(body), expected);
    }
}

#[test]
fn launches_that_no_device_takes_are_refused() {
    let text = ".version 8.0\n.target sm_80\n.address_size 64
        .visible .entry k(.param .u64 data, .param .f32 scale) .maxntid 64 { ret; }
        .visible .entry exactly(.param .u64 data) .reqntid 32, 2, 1 { ret; }";
    let mut device = Device::new();
    let module = device.load_module(text).unwrap();
    let data = Arg::Pointer(device.alloc(4));
    let both = [data.clone(), Arg::F32(1.0)];
    let mut refused =
        |kernel: &str, shape: Shape, args: &[Arg]| match device.launch(module, kernel, shape, args) {
            Err(DeviceError::Launch(message)) => message,
            other => panic!("{kernel}: expected a refusal, found {other:?}"),
        };
    let one = Shape::linear(1, 32);
    assert_eq!(refused("l", one, &both), "module has no kernel `l`, it has: exactly, k");
    assert_eq!(
        refused("k", one, std::slice::from_ref(&data)),
        "kernel `k` takes 2 arguments (data, scale), found 1"
    );
    assert_eq!(
        refused("k", one, &[data.clone(), Arg::I32(1)]),
        "argument 1 of kernel `k`, `scale`, is .f32 of 4 bytes, found I32(1)"
    );
    assert_eq!(
        refused("k", Shape::linear(1, 65), &both),
        "kernel `k` takes blocks of at most 64 threads, found 65"
    );
    assert_eq!(
        refused("k", Shape::linear(1, 1025), &both),
        "a block of [1025, 1, 1] threads: expected 1 to 1024, at most 64 along z"
    );
    assert_eq!(
        refused("k", Shape::linear(0, 32), &both),
        "a grid of [0, 1, 1] blocks: expected at least 1, at most 2^31-1, 65535 and 65535"
    );
    assert_eq!(
        refused("exactly", one, &[data]),
        "kernel `exactly` requires blocks of [32, 2, 1] threads, found [32, 1, 1]"
    );
    let large = Shape { shared_bytes: 1 << 20, ..one };
    assert_eq!(
        refused("k", large, &both),
        "a block needs 1048576 bytes of shared memory, the device has 232448"
    );
}
