//! Faults of single accesses: bounds, alignment, values that nothing wrote.

use tensc_emulator::FaultKind;

use crate::{Plant, check};

const fn one(name: &'static str, kind: FaultKind, faulty: &'static str, clean: &'static str) -> Plant {
    Plant { name, kind, blocks: 1, threads: 32, faulty, clean }
}

const PLANTS: &[Plant] = &[
    one(
        "global load behind the end",
        FaultKind::OutOfBounds,
        "/*!*/ ld.global.u32 %r1, [%in+256];",
        "ld.global.u32 %r1, [%in+252];",
    ),
    one(
        "vector load across the end",
        FaultKind::OutOfBounds,
        "/*!*/ ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%in+256];",
        "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%in+240];",
    ),
    one(
        "store in front of the start",
        FaultKind::OutOfBounds,
        "/*!*/ st.global.u32 [%out+-4], %t;",
        "add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %t;",
    ),
    one(
        "null pointer",
        FaultKind::OutOfBounds,
        "mov.u64 %rd1, 0;\n/*!*/ ld.global.u32 %r1, [%rd1];",
        "mov.u64 %rd1, %in; ld.global.u32 %r1, [%rd1];",
    ),
    one(
        "shared memory behind the end",
        FaultKind::OutOfBounds,
        ".shared .align 4 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2;
        /*!*/ st.shared.u32 [%r3+4], %t;",
        ".shared .align 4 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2;
        st.shared.u32 [%r3], %t;",
    ),
    one(
        "local memory behind the end",
        FaultKind::OutOfBounds,
        ".local .align 4 .b8 frame[16]; mov.u64 %rd1, frame;\n/*!*/ st.local.u32 [%rd1+16], %t;",
        ".local .align 4 .b8 frame[16]; mov.u64 %rd1, frame; st.local.u32 [%rd1+12], %t;",
    ),
    one(
        "misaligned word",
        FaultKind::Misaligned,
        "/*!*/ ld.global.u32 %r1, [%in+2];",
        "ld.global.u16 %h1, [%in+2];",
    ),
    one(
        "misaligned vector",
        FaultKind::Misaligned,
        "/*!*/ ld.global.v2.u32 {%r1, %r2}, [%in+4];",
        "ld.global.v2.u32 {%r1, %r2}, [%in+8];",
    ),
    one(
        "misaligned matrix row",
        FaultKind::Misaligned,
        ".shared .align 16 .b8 tile[256]; mov.u32 %r1, tile; st.shared.u32 [%r1], 0; add.s32 %r2, %r1, 8;
        /*!*/ ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [%r2];",
        ".shared .align 16 .b8 tile[256]; mov.u32 %r1, tile; and.b32 %r4, %t, 15; shl.b32 %r4, %r4, 4; add.s32 %r2, %r1, %r4;
        setp.lt.u32 %p1, %t, 16; @%p1 st.shared.v4.u32 [%r2], {0, 0, 0, 0}; bar.sync 0;
        ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [%r2];",
    ),
    one(
        "store to constant memory",
        FaultKind::ReadOnly,
        "mov.u64 %rd1, fixed; cvta.const.u64 %rd2, %rd1;\n/*!*/ st.u32 [%rd2], %t;",
        "mov.u64 %rd1, fixed; cvta.const.u64 %rd2, %rd1; ld.u32 %r1, [%rd2];",
    ),
    one(
        "register that nothing wrote",
        FaultKind::UnwrittenRegister,
        "/*!*/ add.s32 %r1, %r2, 1;",
        "mov.u32 %r2, 0; add.s32 %r1, %r2, 1;",
    ),
    one(
        "register written by some lanes only",
        FaultKind::UnwrittenRegister,
        "setp.lt.u32 %p1, %t, 31; @%p1 mov.u32 %r2, 5;\n/*!*/ add.s32 %r1, %r2, 1;",
        "setp.lt.u32 %p1, %t, 31; mov.u32 %r2, 1; @%p1 mov.u32 %r2, 5; add.s32 %r1, %r2, 1;",
    ),
    one(
        "copy of an unwritten register that is used",
        FaultKind::UnwrittenRegister,
        "mov.u32 %r2, %r3; mov.b64 %rd1, {%r2, %r2};\n/*!*/ add.s64 %rd2, %rd1, 1;",
        "mov.u32 %r2, %r3; mov.b64 %rd1, {%r2, %r2}; mov.u64 %rd1, 1; add.s64 %rd2, %rd1, 1;",
    ),
    one(
        "guard that nothing wrote",
        FaultKind::UnwrittenRegister,
        "/*!*/ @%p1 bra END; END:",
        "setp.eq.u32 %p1, %t, 0; @%p1 bra END; END:",
    ),
    one(
        "global memory that nothing wrote",
        FaultKind::UnwrittenMemory,
        "/*!*/ ld.global.u32 %r1, [%out];",
        "add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], 1; ld.global.u32 %r1, [%rd1];",
    ),
    one(
        "half a word that nothing wrote",
        FaultKind::UnwrittenMemory,
        "mul.wide.u32 %rd2, %t, 4; add.s64 %rd1, %out, %rd2; mov.b16 %h1, 7; st.global.u16 [%rd1], %h1;
        /*!*/ ld.global.u32 %r1, [%rd1];",
        "mul.wide.u32 %rd2, %t, 4; add.s64 %rd1, %out, %rd2; mov.b16 %h1, 7; st.global.u16 [%rd1], %h1; st.global.u16 [%rd1+2], %h1;
        ld.global.u32 %r1, [%rd1];",
    ),
    one(
        "shared memory that nothing wrote",
        FaultKind::UnwrittenMemory,
        ".shared .align 4 .b8 tile[128];\n/*!*/ ld.shared.u32 %r1, [tile];",
        ".shared .align 4 .b8 tile[128]; setp.eq.u32 %p1, %t, 0; @%p1 st.shared.u32 [tile], 1; bar.sync 0; ld.shared.u32 %r1, [tile];",
    ),
    one(
        "local memory that nothing wrote",
        FaultKind::UnwrittenRegister,
        ".local .align 4 .b8 frame[16]; ld.local.u32 %r1, [frame];\n/*!*/ add.s32 %r2, %r1, 1;",
        ".local .align 4 .b8 frame[16]; st.local.u32 [frame], 3; ld.local.u32 %r1, [frame]; add.s32 %r2, %r1, 1;",
    ),
    one(
        "atomic on memory that nothing wrote",
        FaultKind::UnwrittenMemory,
        "/*!*/ red.global.add.u32 [%out], 1;",
        "red.global.add.u32 [%zero], 1;",
    ),
    one(
        "copy of global memory that nothing wrote",
        FaultKind::UnwrittenMemory,
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%out], 16;\n/*!*/ cp.async.wait_all;",
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%in], 16; cp.async.wait_all;",
    ),
    one(
        "more source bytes than copied",
        FaultKind::Undefined,
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2; mov.u32 %r4, 17;
        /*!*/ cp.async.ca.shared.global [%r3], [%in], 16, %r4;",
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2; mov.u32 %r4, 15;
        cp.async.ca.shared.global [%r3], [%in], 16, %r4;",
    ),
    one(
        "branch behind the list of targets",
        FaultKind::Undefined,
        "targets: .branchtargets A, B; mov.u32 %r1, 2;\n/*!*/ brx.idx %r1, targets;\nA: mov.u32 %r2, 0; B:",
        "targets: .branchtargets A, B; mov.u32 %r1, 1; brx.idx %r1, targets; A: mov.u32 %r2, 0; B:",
    ),
    one(
        "something that is no tensor map",
        FaultKind::Descriptor,
        ".shared .align 128 .b8 tile[128]; .shared .align 8 .b8 bar[8]; setp.eq.u32 %p1, %t, 0; mov.u32 %r1, tile; mov.u32 %r2, bar;
        @!%p1 bra END; mbarrier.init.shared.b64 [%r2], 1;
        /*!*/ cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%in, {0}], [%r2];
        END:",
        "setp.eq.u32 %p1, %t, 0;",
    ),
    one("trap", FaultKind::Trap, "setp.eq.u32 %p1, %t, 3;\n/*!*/ @%p1 trap;", "setp.eq.u32 %p1, %t, 33; @%p1 trap;"),
];

#[test]
fn every_planted_fault_is_found_and_no_clean_twin_stops() {
    PLANTS.iter().for_each(check);
}
