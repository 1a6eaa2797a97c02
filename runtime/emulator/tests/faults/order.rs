//! Faults of order: races, barriers, convergence, asynchronous copies, loops that never end.

use tensc_emulator::FaultKind;

use crate::{Plant, check};

const fn plant(
    name: &'static str,
    kind: FaultKind,
    (blocks, threads): (u32, u32),
    faulty: &'static str,
    clean: &'static str,
) -> Plant {
    Plant { name, kind, blocks, threads, faulty, clean }
}

const SHARED: &[Plant] = &[
    plant(
        "read across warps without a barrier",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; st.shared.u32 [%r3], %t;
        bar.sync 0; ld.shared.u32 %r7, [%r3]; add.s32 %r7, %r7, 1; st.shared.u32 [%r3], %r7;
        xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];",
        ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; st.shared.u32 [%r3], %t;
        bar.sync 0; ld.shared.u32 %r7, [%r3]; add.s32 %r7, %r7, 1; st.shared.u32 [%r3], %r7; bar.sync 0;
        xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];",
    ),
    plant(
        "read across lanes without a warp barrier",
        FaultKind::SharedRace,
        (1, 32),
        ".shared .align 4 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; st.shared.u32 [%r3], %t;
        xor.b32 %r4, %r2, 4; add.s32 %r4, %r1, %r4;
        /*!*/ ld.shared.u32 %r5, [%r4];",
        ".shared .align 4 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; st.shared.u32 [%r3], %t;
        bar.warp.sync -1; xor.b32 %r4, %r2, 4; add.s32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];",
    ),
    plant(
        "second round overwrites what is still read",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; mov.u32 %r9, 0;
        xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4;
        LOOP: add.s32 %r8, %t, %r9; st.shared.u32 [%r3], %r8; bar.sync 0; ld.shared.u32 %r5, [%r4];
        add.s32 %r9, %r9, 1; setp.lt.u32 %p1, %r9, 8; @%p1 bra LOOP;",
        ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; mov.u32 %r9, 0;
        xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4;
        LOOP: add.s32 %r8, %t, %r9; st.shared.u32 [%r3], %r8; bar.sync 0; ld.shared.u32 %r5, [%r4]; bar.sync 0;
        add.s32 %r9, %r9, 1; setp.lt.u32 %p1, %r9, 8; @%p1 bra LOOP;",
    ),
    plant(
        "two threads write different values",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[4];\n/*!*/ st.shared.u32 [tile], %t;",
        ".shared .align 4 .b8 tile[4]; st.shared.u32 [tile], 1;",
    ),
    plant(
        "a barrier of half the warps orders nothing for the others",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[4]; setp.lt.u32 %p1, %t, 32; setp.eq.u32 %p2, %t, 0; @%p2 st.shared.u32 [tile], 4;
        bar.sync 0; @%p2 st.shared.u32 [tile], 5;
        @%p1 bar.sync 1, 32; setp.ge.u32 %p3, %t, 32; @%p3 bra READ; bar.sync 2, 32; bra.uni END;
        READ: bar.sync 2, 32; ld.shared.u32 %r1, [tile]; END:",
        ".shared .align 4 .b8 tile[4]; setp.lt.u32 %p1, %t, 32; setp.eq.u32 %p2, %t, 0; @%p2 st.shared.u32 [tile], 5;
        @%p1 bar.sync 1, 32; setp.ge.u32 %p3, %t, 32; @%p3 bra READ; bar.sync 2, 64; bra.uni END;
        READ: bar.sync 2, 64; ld.shared.u32 %r1, [tile]; END:",
    ),
    plant(
        "atomics and a plain read without a barrier",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 sum[4]; setp.eq.u32 %p1, %t, 0; @%p1 st.shared.u32 [sum], 0; bar.sync 0;
        red.shared.add.u32 [sum], 1; ld.shared.u32 %r1, [sum];",
        ".shared .align 4 .b8 sum[4]; setp.eq.u32 %p1, %t, 0; @%p1 st.shared.u32 [sum], 0; bar.sync 0;
        red.shared.add.u32 [sum], 1; bar.sync 0; ld.shared.u32 %r1, [sum];",
    ),
];

/// Words that threads share byte by byte: neighbours do not race, and the word's history follows each byte.
const PARTS: &[Plant] = &[
    plant(
        "word read while its bytes are written",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[64]; mov.u32 %r1, tile; add.s32 %r2, %r1, %t; st.shared.u8 [%r2], %t; bar.warp.sync -1;
        and.b32 %r3, %t, 60; xor.b32 %r3, %r3, 32; bar.sync 0; st.shared.u8 [%r2], %b;
        add.s32 %r4, %r1, %r3; ld.shared.u32 %r5, [%r4];",
        ".shared .align 4 .b8 tile[64]; mov.u32 %r1, tile; add.s32 %r2, %r1, %t; st.shared.u8 [%r2], %t; bar.warp.sync -1;
        and.b32 %r3, %t, 60; xor.b32 %r3, %r3, 32; bar.sync 0; st.shared.u8 [%r2], %b; bar.sync 0;
        add.s32 %r4, %r1, %r3; ld.shared.u32 %r5, [%r4];",
    ),
    plant(
        "byte written while its word is read",
        FaultKind::SharedRace,
        (1, 64),
        ".shared .align 4 .b8 tile[64]; mov.u32 %r1, tile; add.s32 %r2, %r1, %t; and.b32 %r3, %t, 15; shl.b32 %r3, %r3, 2;
        add.s32 %r4, %r1, %r3; st.shared.u32 [%r4], 0; bar.sync 0; ld.shared.u32 %r5, [%r4]; st.shared.u8 [%r2], 7;",
        ".shared .align 4 .b8 tile[64]; mov.u32 %r1, tile; add.s32 %r2, %r1, %t; and.b32 %r3, %t, 15; shl.b32 %r3, %r3, 2;
        add.s32 %r4, %r1, %r3; st.shared.u32 [%r4], 0; bar.sync 0; ld.shared.u32 %r5, [%r4]; bar.sync 0; st.shared.u8 [%r2], 7;
        bar.sync 0; st.shared.u32 [%r4], 5; bar.sync 0; ld.shared.u16 %h1, [%r4];",
    ),
];

const GLOBAL: &[Plant] = &[
    plant(
        "two blocks write one word",
        FaultKind::GlobalRace,
        (4, 32),
        "setp.eq.u32 %p1, %t, 0;\n/*!*/ @%p1 st.global.u32 [%out], %b;",
        "setp.eq.u32 %p1, %t, 0; add.s64 %rd1, %out, %b4; @%p1 st.global.u32 [%rd1], %b;",
    ),
    plant(
        "a block reads what another writes",
        FaultKind::GlobalRace,
        (2, 32),
        "add.s64 %rd1, %in, %t4; setp.eq.u32 %p1, %b, 0; @%p1 bra WRITE; ld.global.u32 %r1, [%rd1]; bra.uni END;
        WRITE: st.global.u32 [%rd1], %t; END:",
        "add.s64 %rd1, %in, %t4; setp.eq.u32 %p1, %b, 0; @%p1 bra WRITE; ld.global.u32 %r1, [%rd1+128]; bra.uni END;
        WRITE: st.global.u32 [%rd1], %t; END:",
    ),
    plant(
        "halves of one word overlap",
        FaultKind::GlobalRace,
        (2, 1),
        "mul.wide.u32 %rd2, %b, 1; add.s64 %rd1, %out, %rd2; mov.b16 %h1, 3; setp.eq.u32 %p1, %b, 1; @%p1 bra SECOND;
        st.global.u16 [%out], %h1; bra.uni END; SECOND: st.global.u8 [%rd1], %h1; END:",
        "mul.wide.u32 %rd2, %b, 2; add.s64 %rd1, %out, %rd2; mov.b16 %h1, 3; st.global.u16 [%rd1], %h1;",
    ),
    // The last block to arrive sums what all have written. Without the fence nothing orders the writes.
    plant(
        "last block reads without a fence before the counter",
        FaultKind::GlobalRace,
        (8, 32),
        ".shared .align 4 .b8 last[4]; setp.eq.u32 %p1, %t, 0; add.s64 %rd1, %out, %b4; @%p1 st.global.u32 [%rd1], %b;
        @!%p1 bra WAIT; atom.global.inc.u32 %r1, [%zero], 7; st.shared.u32 [last], %r1;
        WAIT: bar.sync 0; ld.shared.u32 %r2, [last]; setp.ne.u32 %p2, %r2, 7; @%p2 bra END;
        setp.ge.u32 %p3, %t, 8; @%p3 bra END; add.s64 %rd2, %out, %t4; ld.global.u32 %r3, [%rd2]; END:",
        ".shared .align 4 .b8 last[4]; setp.eq.u32 %p1, %t, 0; add.s64 %rd1, %out, %b4; @%p1 st.global.u32 [%rd1], %b;
        membar.gl;
        @!%p1 bra WAIT; atom.global.inc.u32 %r1, [%zero], 7; st.shared.u32 [last], %r1;
        WAIT: bar.sync 0; ld.shared.u32 %r2, [last]; setp.ne.u32 %p2, %r2, 7; @%p2 bra END;
        setp.ge.u32 %p3, %t, 8; @%p3 bra END; add.s64 %rd2, %out, %t4; ld.global.u32 %r3, [%rd2]; END:",
    ),
    plant(
        "atomics of some blocks and a plain write of another",
        FaultKind::GlobalRace,
        (4, 1),
        "setp.eq.u32 %p1, %b, 2; @%p1 bra PLAIN; red.global.add.u32 [%zero], 1; bra.uni END; PLAIN: st.global.u32 [%zero], 7; END:",
        "setp.eq.u32 %p1, %b, 2; @%p1 bra PLAIN; red.global.add.u32 [%zero], 1; bra.uni END; PLAIN: st.global.u32 [%zero+4], 7; END:",
    ),
    plant(
        "flag without release",
        FaultKind::GlobalRace,
        (2, 1),
        "setp.eq.u32 %p1, %b, 1; @%p1 bra WAIT; st.global.u32 [%out], 5; st.relaxed.gpu.global.u32 [%zero], 1; bra.uni END;
        WAIT: ld.acquire.gpu.global.u32 %r1, [%zero]; setp.eq.u32 %p2, %r1, 0; @%p2 bra WAIT;
        ld.global.u32 %r2, [%out]; END:",
        "setp.eq.u32 %p1, %b, 1; @%p1 bra WAIT; st.global.u32 [%out], 5; st.release.gpu.global.u32 [%zero], 1; bra.uni END;
        WAIT: ld.acquire.gpu.global.u32 %r1, [%zero]; setp.eq.u32 %p2, %r1, 0; @%p2 bra WAIT;
        ld.global.u32 %r2, [%out]; END:",
    ),
];

const CONVERGENCE: &[Plant] = &[
    plant(
        "barrier in a branch",
        FaultKind::Barrier,
        (1, 64),
        "setp.lt.u32 %p1, %t, 40; @!%p1 bra END;\n/*!*/ bar.sync 0;\nEND:",
        "setp.lt.u32 %p1, %t, 40; @!%p1 bra END; mov.u32 %r1, 0; END: bar.sync 0;",
    ),
    plant(
        "a warp that exits in front of the barrier",
        FaultKind::Barrier,
        (1, 64),
        "setp.ge.u32 %p1, %t, 32; @%p1 ret;\n/*!*/ bar.sync 0;",
        "bar.sync 0; setp.ge.u32 %p1, %t, 32; @%p1 ret;",
    ),
    plant(
        "warps at different barriers",
        FaultKind::Barrier,
        (1, 64),
        "setp.ge.u32 %p1, %t, 32; @%p1 bra OTHER; bar.sync 0; bra.uni END; OTHER: bar.sync 1; END:",
        "setp.ge.u32 %p1, %t, 32; @%p1 bra OTHER; bar.sync 0; bra.uni END; OTHER: bar.sync 0; END:",
    ),
    plant(
        "a warp that never arrives at the cluster's barrier",
        FaultKind::Barrier,
        (1, 64),
        "setp.ge.u32 %p1, %t, 32; @%p1 ret; barrier.cluster.arrive.aligned;\n/*!*/ barrier.cluster.wait.aligned;",
        "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; setp.ge.u32 %p1, %t, 32; @%p1 ret;",
    ),
    plant(
        "shfl from a lane that has exited",
        FaultKind::Convergence,
        (1, 32),
        "setp.eq.u32 %p1, %t, 5; @%p1 ret;\n/*!*/ shfl.sync.idx.b32 %r1, %t, 5, 31, -1;",
        "setp.eq.u32 %p1, %t, 5; @%p1 ret; shfl.sync.idx.b32 %r1, %t, 4, 31, -1;",
    ),
    plant(
        "shfl in a branch names lanes outside it",
        FaultKind::Convergence,
        (1, 32),
        "setp.ge.u32 %p1, %t, 16; @%p1 bra END;\n/*!*/ shfl.sync.bfly.b32 %r1, %t, 1, 31, -1;\nEND: bar.warp.sync -1;",
        "setp.ge.u32 %p1, %t, 16; @%p1 bra END; shfl.sync.bfly.b32 %r1, %t, 1, 31, 0xffff; END: bar.warp.sync -1;",
    ),
    plant(
        "shfl from outside the member mask",
        FaultKind::Convergence,
        (1, 32),
        "setp.ge.u32 %p1, %t, 16; @%p1 bra END;\n/*!*/ shfl.sync.bfly.b32 %r1, %t, 16, 31, 0xffff;\nEND:",
        "setp.ge.u32 %p1, %t, 16; @%p1 bra END; shfl.sync.bfly.b32 %r1, %t, 8, 31, 0xffff; END:",
    ),
    plant(
        "a lane that is not in its own mask",
        FaultKind::Convergence,
        (1, 32),
        "/*!*/ vote.sync.ballot.b32 %r1, 1, 0xffff;",
        "setp.eq.u32 %p1, %t, %t; vote.sync.ballot.b32 %r1, %p1, 0xffffffff;",
    ),
    plant(
        "matrix product without the whole warp",
        FaultKind::Convergence,
        (1, 32),
        "mov.f64 %fd1, 0d0000000000000000; setp.eq.u32 %p1, %t, 0; @%p1 ret;
        /*!*/ mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%fd2, %fd3}, {%fd1}, {%fd1}, {%fd1, %fd1};",
        "mov.f64 %fd1, 0d0000000000000000;
        mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%fd2, %fd3}, {%fd1}, {%fd1}, {%fd1, %fd1};",
    ),
    plant(
        "endless loop",
        FaultKind::Budget,
        (1, 32),
        "mov.u32 %r1, 0; LOOP: add.s32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 2000000000; @%p1 bra LOOP;",
        "mov.u32 %r1, 0; LOOP: add.s32 %r1, %r1, 1; setp.ne.u32 %p1, %r1, 2000; @%p1 bra LOOP;",
    ),
    // A lock inside a warp needs lanes that make progress on their own; the twin proves that they do.
    plant(
        "a lock that is never released",
        FaultKind::Budget,
        (1, 4),
        "TRY: atom.global.cas.b32 %r1, [%zero], 0, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra TRY; mov.u32 %r2, 0;",
        "TRY: atom.global.cas.b32 %r1, [%zero], 0, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra TRY; membar.gl;
        atom.global.exch.b32 %r2, [%zero], 0;",
    ),
];

const ASYNCHRONOUS: &[Plant] = &[
    plant(
        "cp.async read before the wait",
        FaultKind::AsyncPending,
        (1, 32),
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%in], 16; cp.async.commit_group;
        /*!*/ ld.shared.u32 %r4, [%r3];",
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%in], 16; cp.async.commit_group; cp.async.wait_group 0; ld.shared.u32 %r4, [%r3];",
    ),
    plant(
        "cp.async waits for the wrong group",
        FaultKind::AsyncPending,
        (1, 32),
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%in], 4; cp.async.commit_group;
        cp.async.ca.shared.global [%r3+4], [%in], 4; cp.async.commit_group; cp.async.wait_group 1;
        /*!*/ ld.shared.u32 %r4, [%r3+4];",
        ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        cp.async.ca.shared.global [%r3], [%in], 4; cp.async.commit_group;
        cp.async.ca.shared.global [%r3+4], [%in], 4; cp.async.commit_group; cp.async.wait_group 1; ld.shared.u32 %r4, [%r3];",
    ),
    plant(
        "cp.async waited for, but not by the others",
        FaultKind::SharedRace,
        (1, 32),
        ".shared .align 16 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; add.s64 %rd1, %in, %t4;
        cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.wait_all; xor.b32 %r4, %r2, 4; add.s32 %r4, %r1, %r4;
        /*!*/ ld.shared.u32 %r5, [%r4];",
        ".shared .align 16 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2; add.s64 %rd1, %in, %t4;
        cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.wait_all; bar.sync 0; xor.b32 %r4, %r2, 4; add.s32 %r4, %r1, %r4;
        ld.shared.u32 %r5, [%r4];",
    ),
    plant(
        "bulk copy read before its barrier",
        FaultKind::AsyncPending,
        (1, 1),
        ".shared .align 8 .b8 bar[8]; .shared .align 128 .b8 tile[64]; mov.u32 %r9, bar; mov.u32 %r2, tile;
        mbarrier.init.shared.b64 [%r9], 1; mbarrier.arrive.expect_tx.shared.b64 _, [%r9], 64;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%in], 64, [%r9];
        ld.shared.u32 %r3, [%r2]; WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r9], 0; @!%p2 bra WAIT;",
        ".shared .align 8 .b8 bar[8]; .shared .align 128 .b8 tile[64]; mov.u32 %r9, bar; mov.u32 %r2, tile;
        mbarrier.init.shared.b64 [%r9], 1; mbarrier.arrive.expect_tx.shared.b64 _, [%r9], 64;
        cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%in], 64, [%r9];
        WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r9], 0; @!%p2 bra WAIT; ld.shared.u32 %r3, [%r2];",
    ),
    plant(
        "bulk store that nobody waits for",
        FaultKind::AsyncPending,
        (1, 1),
        ".shared .align 16 .b8 tile[16]; st.shared.v4.u32 [tile], {1, 2, 3, 4}; mov.u32 %r2, tile;
        fence.proxy.async.shared::cta; cp.async.bulk.global.shared::cta.bulk_group [%out], [%r2], 16; cp.async.bulk.commit_group;",
        ".shared .align 16 .b8 tile[16]; st.shared.v4.u32 [tile], {1, 2, 3, 4}; mov.u32 %r2, tile;
        fence.proxy.async.shared::cta; cp.async.bulk.global.shared::cta.bulk_group [%out], [%r2], 16; cp.async.bulk.commit_group;
        cp.async.bulk.wait_group.read 0;",
    ),
    plant(
        "shared memory reused before the bulk store has read it",
        FaultKind::SharedRace,
        (1, 1),
        ".shared .align 16 .b8 tile[16]; st.shared.v4.u32 [tile], {1, 2, 3, 4}; mov.u32 %r2, tile;
        fence.proxy.async.shared::cta; cp.async.bulk.global.shared::cta.bulk_group [%out], [%r2], 16; cp.async.bulk.commit_group;
        st.shared.u32 [tile], 9;\n/*!*/ cp.async.bulk.wait_group 0;",
        ".shared .align 16 .b8 tile[16]; st.shared.v4.u32 [tile], {1, 2, 3, 4}; mov.u32 %r2, tile;
        fence.proxy.async.shared::cta; cp.async.bulk.global.shared::cta.bulk_group [%out], [%r2], 16; cp.async.bulk.commit_group;
        cp.async.bulk.wait_group.read 0; st.shared.u32 [tile], 9;",
    ),
    plant(
        "mbarrier before its init",
        FaultKind::Mbarrier,
        (1, 1),
        ".shared .align 8 .b8 bar[8];\n/*!*/ mbarrier.arrive.shared.b64 _, [bar];",
        ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 1; mbarrier.arrive.shared.b64 _, [bar];",
    ),
    plant(
        "more arrivals than expected",
        FaultKind::Mbarrier,
        (1, 1),
        ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 2;\n/*!*/ mbarrier.arrive.shared.b64 _, [bar], 3;",
        ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 3; mbarrier.arrive.shared.b64 _, [bar], 3;",
    ),
    plant(
        "wgmma result used before the wait",
        FaultKind::AsyncPending,
        (1, 128),
        ".shared .align 1024 .b8 tile[2048]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; mov.u64 %rd1, 0x0000001000080000; wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %rd1, %rd1, 0, 1, 1, 0, 0;
        wgmma.commit_group.sync.aligned;
        /*!*/ add.f32 %f4, %f0, %f1;",
        ".shared .align 1024 .b8 tile[2048]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; mov.u64 %rd1, 0x0000001000080000; wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %rd1, %rd1, 0, 1, 1, 0, 0;
        wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; add.f32 %f4, %f0, %f1;",
    ),
    plant(
        "wgmma operand overwritten before the wait",
        FaultKind::SharedRace,
        (1, 128),
        ".shared .align 1024 .b8 tile[2048]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; mov.u64 %rd1, 0x0000001000080000; wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %rd1, %rd1, 0, 1, 1, 0, 0;
        wgmma.commit_group.sync.aligned; bar.sync 0; st.shared.u32 [%r3], 1;
        /*!*/ wgmma.wait_group.sync.aligned 0;",
        ".shared .align 1024 .b8 tile[2048]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
        st.shared.v4.u32 [%r3], {0, 0, 0, 0}; bar.sync 0; mov.u64 %rd1, 0x0000001000080000; wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%f0, %f1, %f2, %f3}, %rd1, %rd1, 0, 1, 1, 0, 0;
        wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; bar.sync 0; st.shared.u32 [%r3], 1;",
    ),
];

#[test]
fn races_in_shared_memory_are_found() {
    SHARED.iter().chain(PARTS).for_each(check);
}

#[test]
fn races_between_blocks_are_found() {
    GLOBAL.iter().for_each(check);
}

#[test]
fn threads_that_do_not_come_are_found() {
    CONVERGENCE.iter().for_each(check);
}

#[test]
fn asynchronous_data_must_be_waited_for() {
    ASYNCHRONOUS.iter().for_each(check);
}
