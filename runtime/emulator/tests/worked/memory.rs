//! Loads and stores (ISA 9.7.9.8 to .17), asynchronous copies (9.7.9.25) and control flow (9.7.12).

use crate::harness::{Kernel, check_kernels};

const fn kernel(
    entry: &'static str,
    shows: &'static str,
    threads: u32,
    body: &'static str,
    input: Vec<u32>,
    expected: Vec<u32>,
) -> Kernel {
    Kernel { entry, shows, threads, body, input, expected }
}

pub(crate) fn kernels() -> Vec<Kernel> {
    let mut kernels = accesses();
    kernels.extend(control());
    kernels.extend(asynchronous());
    kernels
}

fn accesses() -> Vec<Kernel> {
    vec![
        // Little-endian bytes of 8899aabb: 80 is not among them; byte 0 = bb: zero-extended bb, sign-extended ffffffbb;
        // the halfword at 2 is 8899: ffff8899.
        kernel(
            "ld",
            "ld.global.s16",
            1,
            "ld.global.u8 %r1, [%in]; ld.global.s8 %r2, [%in]; ld.global.s16 %r3, [%in+2]; ld.const.u32 %r4, [table+8];
            st.global.v4.u32 [%out], {%r1, %r2, %r3, %r4};",
            vec![0x8899_aabb],
            vec![0xbb, 0xffff_ffbb, 0xffff_8899, 33],
        ),
        kernel(
            "ld",
            "ld.local.v2.b32",
            1,
            ".local .align 8 .b8 frame[16];
            ld.global.v2.b32 {%r1, %r2}, [%in]; st.local.v2.b32 [frame+8], {%r2, %r1};
            mov.u64 %rd1, frame; cvta.local.u64 %rd2, %rd1; ld.b32 %r3, [%rd2+8]; ld.local.v2.b32 {_, %r4}, [frame+8];
            st.global.v2.b32 [%out], {%r3, %r4};",
            vec![5, 6],
            vec![6, 5],
        ),
        kernel(
            "ld.global.nc",
            "ld.global.nc.v2.u32",
            1,
            "ld.global.nc.v2.u32 {%r1, %r2}, [%in+8]; add.s32 %r3, %r1, %r2; st.global.u32 [%out], %r3;",
            vec![1, 2, 30, 40],
            vec![70],
        ),
        kernel("ldu", "ldu.global.u32", 1, "ldu.global.u32 %r1, [%in+4]; st.global.u32 [%out], %r1;", vec![1, 2], vec![2]),
        // st.u16 keeps the low half and leaves the other bytes: 11223344 with 5566 at offset 2.
        kernel(
            "st",
            "st.global.u16",
            1,
            "ld.global.u32 %r1, [%in]; st.global.u32 [%out], %r1; mov.u32 %r2, 0x77775566; st.global.u16 [%out+2], %r2;
            st.global.u8 [%out], %r2;",
            vec![0x1122_3344],
            vec![0x5566_3366],
        ),
        kernel("prefetch", "prefetch.global.L2", 1, "prefetch.global.L2 [%in]; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel(
            "prefetch.tensormap",
            "prefetch.tensormap",
            1,
            "prefetch.tensormap [%in]; st.global.u32 [%out], 1;",
            vec![],
            vec![1],
        ),
    ]
}

fn control() -> Vec<Kernel> {
    vec![
        // Odd lanes take the branch and write 100 + t, even ones t; both meet and add 1.
        kernel(
            "bra",
            "bra",
            8,
            "and.b32 %r1, %t, 1; setp.eq.u32 %p1, %r1, 1; mov.u32 %r2, %t;
            @!%p1 bra EVEN; add.s32 %r2, %r2, 100; bra.uni MEET; EVEN: mov.u32 %r3, 0;
            MEET: add.s32 %r2, %r2, 1; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r2;",
            vec![],
            vec![1, 102, 3, 104, 5, 106, 7, 108],
        ),
        kernel(
            "brx.idx",
            "brx.idx",
            4,
            "add.s64 %rd1, %out, %t4; and.b32 %r1, %t, 3;
            targets: .branchtargets A, B, A, C;
            brx.idx %r1, targets;
            A: st.global.u32 [%rd1], 10; bra.uni END; B: st.global.u32 [%rd1], 20; bra.uni END;
            C: st.global.u32 [%rd1], 30; END:",
            vec![],
            vec![10, 20, 10, 30],
        ),
        // The module's function `triple` gives 3 x; lanes of one warp call it under different guards.
        kernel(
            "call",
            "call",
            2,
            "add.s64 %rd1, %out, %t4; setp.eq.u32 %p1, %t, 0; mov.u32 %r2, 1; @%p1 bra SKIP;
            { .param .b32 a0; .param .b32 r0; st.param.b32 [a0], 14; call (r0), triple, (a0); ld.param.b32 %r2, [r0]; }
            SKIP: st.global.u32 [%rd1], %r2;",
            vec![],
            vec![1, 42],
        ),
        // Lane 1 leaves before the store.
        kernel(
            "ret",
            "ret",
            2,
            "add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], 1; setp.eq.u32 %p1, %t, 1; @%p1 ret; st.global.u32 [%rd1], 2;",
            vec![],
            vec![2, 1],
        ),
        kernel(
            "exit",
            "exit",
            2,
            "add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], 1; setp.eq.u32 %p1, %t, 0; @%p1 exit; st.global.u32 [%rd1], 2;",
            vec![],
            vec![1, 2],
        ),
        // Nothing to wait for, nothing to see.
        kernel("griddepcontrol", "griddepcontrol.wait", 1, "griddepcontrol.wait; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel("brkpt", "brkpt", 1, "brkpt; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel("nanosleep", "nanosleep.u32", 1, "nanosleep.u32 20; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel("pmevent", "pmevent", 1, "pmevent 3; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel(
            "setmaxnreg",
            "setmaxnreg.dec.sync.aligned.u32",
            1,
            "setmaxnreg.dec.sync.aligned.u32 40; st.global.u32 [%out], 1;",
            vec![],
            vec![1],
        ),
        // A guard that is false everywhere: the kernel goes on.
        kernel("trap", "trap", 1, "setp.eq.u32 %p1, %t, 5; @%p1 trap; st.global.u32 [%out], 1;", vec![], vec![1]),
    ]
}

fn asynchronous() -> Vec<Kernel> {
    vec![
        // 16 bytes land; of 8 bytes with src-size 4 the rest is zero.
        kernel(
            "cp.async",
            "cp.async.cg.shared.global",
            1,
            ".shared .align 16 .b8 tile[32];
            mov.u32 %r1, tile; cp.async.cg.shared.global [%r1], [%in], 16;
            cp.async.ca.shared.global [%r1+16], [%in], 8, 4;
            cp.async.commit_group; cp.async.wait_group 0;
            ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, [tile]; ld.shared.v2.u32 {%r6, %r7}, [tile+16];
            st.global.v4.u32 [%out], {%r2, %r3, %r4, %r5}; st.global.v2.u32 [%out+16], {%r6, %r7};",
            vec![1, 2, 3, 4],
            vec![1, 2, 3, 4, 1, 0],
        ),
        // Of two groups, wait_group 1 waits for the older one.
        kernel(
            "cp.async.wait_group",
            "cp.async.wait_group",
            1,
            ".shared .align 16 .b8 tile[32];
            mov.u32 %r1, tile; cp.async.ca.shared.global [%r1], [%in], 4; cp.async.commit_group;
            cp.async.ca.shared.global [%r1+4], [%in+4], 4; cp.async.commit_group;
            cp.async.wait_group 1; ld.shared.u32 %r2, [tile]; cp.async.wait_group 0; ld.shared.u32 %r3, [tile+4];
            st.global.v2.u32 [%out], {%r2, %r3};",
            vec![7, 8],
            vec![7, 8],
        ),
        kernel(
            "cp.async.commit_group",
            "cp.async.commit_group",
            1,
            "cp.async.commit_group; cp.async.wait_group 0; st.global.u32 [%out], 1;",
            vec![],
            vec![1],
        ),
        // wait_all includes copies that are in no group.
        kernel(
            "cp.async.wait_all",
            "cp.async.wait_all",
            1,
            ".shared .align 16 .b8 tile[16];
            mov.u32 %r1, tile; cp.async.ca.shared.global [%r1], [%in], 4; cp.async.wait_all;
            ld.shared.u32 %r2, [tile]; st.global.u32 [%out], %r2;",
            vec![7],
            vec![7],
        ),
        // Each of 32 threads copies a word and arrives (.noinc) at a barrier for 32; thread t reads word 31 - t.
        kernel(
            "cp.async.mbarrier.arrive",
            "cp.async.mbarrier.arrive.noinc.shared.b64",
            32,
            ".shared .align 8 .b8 bar[8]; .shared .align 16 .b8 tile[128];
            setp.eq.u32 %p1, %t, 0; @%p1 mbarrier.init.shared.b64 [bar], 32; bar.sync 0;
            shl.b32 %r1, %t, 2; mov.u32 %r2, tile; add.s32 %r3, %r2, %r1; add.s64 %rd1, %in, %t4;
            cp.async.ca.shared.global [%r3], [%rd1], 4; cp.async.mbarrier.arrive.noinc.shared.b64 [bar];
            WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [bar], 0; @!%p2 bra WAIT;
            xor.b32 %r4, %r1, 124; add.s32 %r4, %r2, %r4; ld.shared.u32 %r5, [%r4];
            add.s64 %rd2, %out, %t4; st.global.u32 [%rd2], %r5;",
            (0..32).collect(),
            (0..32).rev().collect(),
        ),
        // 64 bytes to shared memory: the barrier expects one arrival and 64 bytes.
        kernel(
            "cp.async.bulk.load",
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes",
            32,
            ".shared .align 8 .b8 bar[8]; .shared .align 128 .b8 tile[64];
            setp.eq.u32 %p1, %t, 0; mov.u32 %r9, bar; mov.u32 %r2, tile;
            @%p1 mbarrier.init.shared.b64 [%r9], 1; bar.sync 0;
            @!%p1 bra WAIT;
            mbarrier.arrive.expect_tx.shared.b64 _, [%r9], 64;
            cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r2], [%in], 64, [%r9];
            WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r9], 0; @!%p2 bra WAIT;
            setp.ge.u32 %p3, %t, 16; @%p3 bra END;
            shl.b32 %r1, %t, 2; add.s32 %r3, %r2, %r1; ld.shared.u32 %r4, [%r3]; add.s64 %rd2, %out, %t4;
            st.global.u32 [%rd2], %r4; END:",
            (100..116).collect(),
            (100..116).collect(),
        ),
        kernel(
            "cp.async.bulk.store",
            "cp.async.bulk.global.shared::cta.bulk_group",
            1,
            ".shared .align 16 .b8 tile[16];
            st.shared.v4.u32 [tile], {1, 2, 3, 4}; fence.proxy.async.shared::cta; mov.u32 %r2, tile;
            cp.async.bulk.global.shared::cta.bulk_group [%out], [%r2], 16; cp.async.bulk.commit_group;
            cp.async.bulk.wait_group 0;",
            vec![],
            vec![1, 2, 3, 4],
        ),
        kernel(
            "cp.async.bulk.commit_group",
            "cp.async.bulk.commit_group",
            1,
            "cp.async.bulk.commit_group; st.global.u32 [%out], 1;",
            vec![],
            vec![1],
        ),
        kernel(
            "cp.async.bulk.wait_group",
            "cp.async.bulk.wait_group.read",
            1,
            "cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; st.global.u32 [%out], 1;",
            vec![],
            vec![1],
        ),
    ]
}

#[test]
fn worked_examples_agree() {
    check_kernels(&kernels());
}
