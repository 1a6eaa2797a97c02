//! Barriers, warp communication, atomics and mbarriers, worked out from ISA 9.7.13 and 9.7.9.6.

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
    let mut kernels = barriers();
    kernels.extend(warp());
    kernels.extend(atomics());
    kernels.extend(mbarriers());
    kernels
}

const CLUSTER: &str =
    ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2;
    xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4; mov.u32 %r6, 0;
    LOOP: st.shared.u32 [%r3], %t; barrier.cluster.arrive.release.aligned; add.s32 %r6, %r6, 1;
    barrier.cluster.wait.acquire.aligned; ld.shared.u32 %r5, [%r4];
    barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;
    setp.lt.u32 %p1, %r6, 2; @%p1 bra LOOP; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r5;";

fn barriers() -> Vec<Kernel> {
    vec![
        // 64 threads write t and read 63 - t behind the barrier.
        kernel(
            "bar.sync",
            "bar.sync",
            64,
            ".shared .align 4 .b8 tile[256]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2;
            st.shared.u32 [%r3], %t; bar.sync 0; xor.b32 %r4, %r2, 252; add.s32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];
            add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r5;",
            vec![],
            (0..64).rev().collect(),
        ),
        // The second warp arrives and goes on, the first waits: 32 + 32 = 64 threads.
        kernel(
            "bar.arrive",
            "bar.arrive",
            64,
            ".shared .align 4 .b8 cell[4]; setp.lt.u32 %p1, %t, 32; @%p1 bra CONSUME;
            setp.eq.u32 %p2, %t, 32; @%p2 st.shared.u32 [cell], 9; bar.arrive 1, 64; bra.uni END;
            CONSUME: bar.sync 1, 64; ld.shared.u32 %r1, [cell]; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r1; END:",
            vec![],
            vec![9; 32],
        ),
        // Of 64 threads those with t < 40 vote: popc 40, and 0, or 1.
        kernel(
            "bar.red",
            "bar.red.popc.u32",
            64,
            "setp.lt.u32 %p1, %t, 40; bar.red.popc.u32 %r1, 0, %p1; bar.red.and.pred %p2, 0, %p1; bar.red.or.pred %p3, 0, %p1;
            selp.u32 %r2, 1, 0, %p2; selp.u32 %r3, 1, 0, %p3; setp.eq.u32 %p4, %t, 63; @!%p4 bra END;
            st.global.u32 [%out], %r1; st.global.v2.u32 [%out+8], {%r2, %r3}; st.global.u32 [%out+4], 0; END:",
            vec![],
            vec![40, 0, 0, 1],
        ),
        // Threads write, arrive, work on, wait, and then read what all wrote before they arrived; twice.
        kernel(
            "barrier.cluster.arrive",
            "barrier.cluster.arrive.release.aligned",
            64,
            CLUSTER,
            vec![],
            (0..64).rev().collect(),
        ),
        kernel(
            "barrier.cluster.wait",
            "barrier.cluster.wait.acquire.aligned",
            64,
            CLUSTER,
            vec![],
            (0..64).rev().collect(),
        ),
        // Lane t reads what lane t ^ 1 wrote: ordered by the warp's barrier alone.
        kernel(
            "bar.warp.sync",
            "bar.warp.sync",
            32,
            ".shared .align 4 .b8 tile[128]; mov.u32 %r1, tile; shl.b32 %r2, %t, 2; add.s32 %r3, %r1, %r2;
            st.shared.u32 [%r3], %t; bar.warp.sync 0xffffffff; xor.b32 %r4, %r2, 4; add.s32 %r4, %r1, %r4;
            ld.shared.u32 %r5, [%r4]; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r5;",
            vec![],
            (0..32).map(|lane| lane ^ 1).collect(),
        ),
        // Fences have no result of their own.
        kernel("membar", "membar.gl", 1, "membar.gl; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel("fence", "fence.acq_rel.gpu", 1, "fence.acq_rel.gpu; st.global.u32 [%out], 1;", vec![], vec![1]),
        kernel("fence.proxy", "fence.proxy.async", 1, "fence.proxy.async; st.global.u32 [%out], 1;", vec![], vec![1]),
    ]
}

fn warp() -> Vec<Kernel> {
    vec![
        // bfly 1 swaps neighbours.
        kernel(
            "shfl.sync",
            "shfl.sync.bfly.b32",
            32,
            "shfl.sync.bfly.b32 %r9, %t, 1, 31, 0xffffffff; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| lane ^ 1).collect(),
        ),
        // up by 2 with clamp 0: lanes 0 and 1 have no source, p is false and they keep their own.
        kernel(
            "shfl.sync",
            "shfl.sync.up.b32",
            32,
            "shfl.sync.up.b32 %r1|%p1, %t, 2, 0, 0xffffffff; selp.u32 %r2, 100, 0, %p1; add.s32 %r9, %r1, %r2;
            add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| if lane < 2 { lane } else { 100 + lane - 2 }).collect(),
        ),
        // down by 1 in segments of 8: c = (24 << 8) | 31: the mask 24 keeps segments of 8 lanes, lane 7 keeps its own.
        kernel(
            "shfl.sync",
            "shfl.sync.down.b32",
            32,
            "shfl.sync.down.b32 %r9, %t, 1, 6175, 0xffffffff; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| if lane % 8 == 7 { lane } else { lane + 1 }).collect(),
        ),
        // idx 3 in segments of 8: lane 8 s + 3.
        kernel(
            "shfl.sync",
            "shfl.sync.idx.b32",
            32,
            "shfl.sync.idx.b32 %r9, %t, 3, 6175, 0xffffffff; add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| lane / 8 * 8 + 3).collect(),
        ),
        // Votes of lanes 0 to 3: ballot f; all false, any true, uni false: 0 + 2 + 0.
        kernel(
            "vote.sync",
            "vote.sync.ballot.b32",
            32,
            "setp.lt.u32 %p1, %t, 4; vote.sync.ballot.b32 %r1, %p1, 0xffffffff; vote.sync.all.pred %p2, %p1, 0xffffffff;
            vote.sync.any.pred %p3, %p1, 0xffffffff; vote.sync.uni.pred %p4, !%p1, 0xffffffff;
            selp.u32 %r2, 1, 0, %p2; selp.u32 %r3, 2, 0, %p3; selp.u32 %r4, 4, 0, %p4; add.s32 %r5, %r2, %r3;
            add.s32 %r5, %r5, %r4; setp.eq.u32 %p5, %t, 0; @%p5 st.global.v2.u32 [%out], {%r1, %r5};",
            vec![],
            vec![0xf, 2],
        ),
        // t / 16: lanes 0 to 15 match each other, so do 16 to 31; not all are the same: 0 and false.
        kernel(
            "match.sync",
            "match.any.sync.b32",
            32,
            "shr.u32 %r1, %t, 4; match.any.sync.b32 %r2, %r1, 0xffffffff; match.all.sync.b32 %r3|%p1, %r1, 0xffffffff;
            selp.u32 %r4, 1, 0, %p1; or.b32 %r3, %r3, %r4; or.b32 %r9, %r2, %r3;
            add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| if lane < 16 { 0xffff } else { 0xffff_0000 }).collect(),
        ),
        // Lanes 8 to 31 branch away: the others are active alone.
        kernel(
            "activemask",
            "activemask.b32",
            32,
            "mov.u32 %r9, 0; setp.ge.u32 %p1, %t, 8; @%p1 bra END; activemask.b32 %r9; END:
            add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| if lane < 8 { 0xff } else { 0 }).collect(),
        ),
        // 0 + 1 + .. + 31 = 496; the least of t - 16 is -16; the exclusive or of 0 to 31 is 0.
        kernel(
            "redux.sync",
            "redux.sync.add.s32",
            32,
            "redux.sync.add.s32 %r1, %t, 0xffffffff; sub.s32 %r2, %t, 16; redux.sync.min.s32 %r3, %r2, 0xffffffff;
            redux.sync.xor.b32 %r4, %t, 0xffffffff; setp.eq.u32 %p1, %t, 5; @!%p1 bra END;
            st.global.u32 [%out], %r1; st.global.v2.u32 [%out+8], {%r3, %r4}; st.global.u32 [%out+4], 0; END:",
            vec![],
            vec![496, 0, 0xffff_fff0, 0],
        ),
        // The lowest lane of the mask is elected.
        kernel(
            "elect.sync",
            "elect.sync",
            32,
            "elect.sync %r1|%p1, 0xffffffff; selp.u32 %r2, 7, 0, %p1; add.s32 %r9, %r1, %r2;
            add.s64 %rd1, %out, %t4; st.global.u32 [%rd1], %r9;",
            vec![],
            (0..32).map(|lane| if lane == 0 { 7 } else { 0 }).collect(),
        ),
    ]
}

fn atomics() -> Vec<Kernel> {
    vec![
        // f0 & cc = c0, | 0f = cf, ^ ff = 30; the old values are f0, c0, cf.
        kernel(
            "atom.logic",
            "atom.global.and.b32",
            1,
            "atom.global.and.b32 %r1, [%in], 0xcc; atom.global.or.b32 %r2, [%in], 0x0f; atom.global.xor.b32 %r3, [%in], 0xff;
            ld.global.u32 %r4, [%in]; st.global.v4.u32 [%out], {%r1, %r2, %r3, %r4};",
            vec![0xf0],
            vec![0xf0, 0xc0, 0xcf, 0x30],
        ),
        kernel(
            "atom.exch",
            "atom.global.exch.b32",
            1,
            "atom.global.exch.b32 %r1, [%in], 8; ld.global.u32 %r2, [%in]; st.global.v2.u32 [%out], {%r1, %r2};",
            vec![7],
            vec![7, 8],
        ),
        // 7 = 7: becomes 8; 7 != 8: stays.
        kernel(
            "atom.cas",
            "atom.global.cas.b32",
            1,
            "atom.global.cas.b32 %r1, [%in], 7, 8; atom.global.cas.b32 %r2, [%in], 7, 9; ld.global.u32 %r3, [%in];
            st.global.v2.u32 [%out], {%r1, %r2}; st.global.u32 [%out+8], %r3;",
            vec![7],
            vec![7, 8, 8],
        ),
        // 32 lanes add 1: the old values are 0 to 31 in some order, their sum 496, and 32 is left. f32: 1.5 + 2 = 3.5.
        kernel(
            "atom.add",
            "atom.global.add.u32",
            32,
            "atom.global.add.u32 %r1, [%in], 1; redux.sync.add.s32 %r2, %r1, 0xffffffff; setp.eq.u32 %p1, %t, 0; @!%p1 bra END;
            ld.global.u32 %r3, [%in]; atom.global.add.f32 %f1, [%in+4], 0f40000000; ld.global.f32 %f2, [%in+4];
            st.global.v2.u32 [%out], {%r2, %r3}; st.global.v2.f32 [%out+8], {%f1, %f2}; END:",
            vec![0, 0x3fc0_0000],
            vec![496, 32, 0x3fc0_0000, 0x4060_0000],
        ),
        // f16x2: 1 + 1 = 2 low, 2 + 1 = 3 high.
        kernel(
            "atom.add.half",
            "atom.global.add.noftz.f16x2",
            1,
            "mov.b32 %r2, 0x3c003c00; atom.global.add.noftz.f16x2 %r1, [%in], %r2; ld.global.u32 %r3, [%in];
            st.global.v2.u32 [%out], {%r1, %r3};",
            vec![0x4000_3c00],
            vec![0x4000_3c00, 0x4200_4000],
        ),
        // inc to 2: 1 -> 2 -> 0; dec: 0 -> 5.
        kernel(
            "atom.inc",
            "atom.global.inc.u32",
            1,
            "atom.global.inc.u32 %r1, [%in], 2; atom.global.inc.u32 %r2, [%in], 2; atom.global.dec.u32 %r3, [%in], 5;
            ld.global.u32 %r4, [%in]; st.global.v4.u32 [%out], {%r1, %r2, %r3, %r4};",
            vec![1],
            vec![1, 2, 0, 5],
        ),
        // -1 against 3: signed -1 is less, unsigned it is the largest.
        kernel(
            "atom.min",
            "atom.global.min.s32",
            1,
            "mov.u32 %r5, -1; atom.global.min.s32 %r1, [%in], %r5; ld.global.u32 %r2, [%in];
            atom.global.min.u32 %r3, [%in+4], %r5; ld.global.u32 %r4, [%in+4]; st.global.v4.u32 [%out], {%r1, %r2, %r3, %r4};",
            vec![3, 3],
            vec![3, 0xffff_ffff, 3, 3],
        ),
        kernel(
            "red.logic",
            "red.global.or.b32",
            1,
            "red.global.or.b32 [%in], 0x0f; ld.global.u32 %r1, [%in]; st.global.u32 [%out], %r1;",
            vec![0xf0],
            vec![0xff],
        ),
        // In shared memory, 64 threads: 64 * 2 = 128.
        kernel(
            "red.add",
            "red.shared.add.u32",
            64,
            ".shared .align 4 .b8 sum[4]; setp.eq.u32 %p1, %t, 0; @%p1 st.shared.u32 [sum], 0; bar.sync 0;
            red.shared.add.u32 [sum], 2; bar.sync 0; @!%p1 bra END; ld.shared.u32 %r1, [sum]; st.global.u32 [%out], %r1; END:",
            vec![],
            vec![128],
        ),
        kernel(
            "red.add.half",
            "red.global.add.noftz.bf16",
            1,
            "mov.b16 %h1, 0x3f80; red.global.add.noftz.bf16 [%in], %h1; ld.global.u32 %r1, [%in]; st.global.u32 [%out], %r1;",
            vec![0x1234_3f80],
            vec![0x1234_4000],
        ),
        kernel(
            "red.inc",
            "red.global.inc.u32",
            1,
            "red.global.inc.u32 [%in], 5; ld.global.u32 %r1, [%in]; st.global.u32 [%out], %r1;",
            vec![5],
            vec![0],
        ),
        kernel(
            "red.min",
            "red.global.max.u64",
            1,
            "mov.u64 %rd5, -1; red.global.max.u64 [%in], %rd5; ld.global.u32 %r1, [%in+4]; st.global.u32 [%out], %r1;",
            vec![5, 6],
            vec![0xffff_ffff],
        ),
    ]
}

fn mbarriers() -> Vec<Kernel> {
    const TWO_ARRIVALS: &str = ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 2;
        mbarrier.arrive.shared.b64 %rd1, [bar]; mbarrier.test_wait.shared.b64 %p1, [bar], %rd1;
        mbarrier.arrive.shared.b64 %rd2, [bar]; mbarrier.test_wait.shared.b64 %p2, [bar], %rd1;
        mbarrier.pending_count.b64 %r3, %rd2;
        selp.u32 %r1, 1, 0, %p1; selp.u32 %r2, 1, 0, %p2; mbarrier.inval.shared.b64 [bar];
        st.global.v2.u32 [%out], {%r1, %r2}; st.global.u32 [%out+8], %r3;";
    vec![
        // Two arrivals complete a phase: not after one, but after two. When the second came, one was pending.
        kernel("mbarrier.init", "mbarrier.init.shared.b64", 1, TWO_ARRIVALS, vec![], vec![0, 1, 1]),
        kernel("mbarrier.inval", "mbarrier.inval.shared.b64", 1, TWO_ARRIVALS, vec![], vec![0, 1, 1]),
        kernel("mbarrier.arrive", "mbarrier.arrive.shared.b64", 1, TWO_ARRIVALS, vec![], vec![0, 1, 1]),
        kernel("mbarrier.test_wait", "mbarrier.test_wait.shared.b64", 1, TWO_ARRIVALS, vec![], vec![0, 1, 1]),
        kernel("mbarrier.pending_count", "mbarrier.pending_count.b64", 1, TWO_ARRIVALS, vec![], vec![0, 1, 1]),
        // The phase also waits for 16 bytes: not over after the arrival, over when 16 have come.
        kernel(
            "mbarrier.expect_tx",
            "mbarrier.expect_tx.relaxed.cta.shared::cta.b64",
            1,
            ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 1;
            mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [bar], 16; mbarrier.arrive.shared.b64 %rd1, [bar];
            mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0;
            mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 16; mbarrier.test_wait.parity.shared.b64 %p2, [bar], 0;
            selp.u32 %r1, 1, 0, %p1; selp.u32 %r2, 1, 0, %p2; st.global.v2.u32 [%out], {%r1, %r2};",
            vec![],
            vec![0, 1],
        ),
        kernel(
            "mbarrier.complete_tx",
            "mbarrier.complete_tx.relaxed.cta.shared::cta.b64",
            1,
            ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 1;
            mbarrier.arrive.expect_tx.shared.b64 _, [bar], 32; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 16;
            mbarrier.test_wait.parity.shared.b64 %p1, [bar], 0; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [bar], 16;
            mbarrier.test_wait.parity.shared.b64 %p2, [bar], 0;
            selp.u32 %r1, 1, 0, %p1; selp.u32 %r2, 1, 0, %p2; st.global.v2.u32 [%out], {%r1, %r2};",
            vec![],
            vec![0, 1],
        ),
        kernel(
            "mbarrier.arrive.expect_tx",
            "mbarrier.arrive.expect_tx.shared.b64",
            1,
            ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 1;
            mbarrier.arrive.expect_tx.shared.b64 %rd1, [bar], 0; mbarrier.test_wait.shared.b64 %p1, [bar], %rd1;
            selp.u32 %r1, 1, 0, %p1; st.global.u32 [%out], %r1;",
            vec![],
            vec![1],
        ),
        // One of two leaves for good: the phase needs the other arrival, the next phase that one alone.
        kernel(
            "mbarrier.arrive_drop",
            "mbarrier.arrive_drop.shared.b64",
            1,
            ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 2; mbarrier.arrive_drop.shared.b64 _, [bar];
            mbarrier.arrive.shared.b64 _, [bar]; mbarrier.arrive.shared.b64 %rd1, [bar];
            mbarrier.test_wait.shared.b64 %p1, [bar], %rd1; selp.u32 %r1, 1, 0, %p1; st.global.u32 [%out], %r1;",
            vec![],
            vec![1],
        ),
        // Of a new object the phase before (parity 1) is over, the current one (parity 0) is not.
        kernel(
            "mbarrier.test_wait.parity",
            "mbarrier.try_wait.parity.shared.b64",
            1,
            ".shared .align 8 .b8 bar[8]; mbarrier.init.shared.b64 [bar], 1;
            mbarrier.try_wait.parity.shared.b64 %p1, [bar], 1; mbarrier.try_wait.parity.shared.b64 %p2, [bar], 0;
            selp.u32 %r1, 1, 0, %p1; selp.u32 %r2, 1, 0, %p2; st.global.v2.u32 [%out], {%r1, %r2};",
            vec![],
            vec![1, 0],
        ),
    ]
}

#[test]
fn worked_examples_agree() {
    check_kernels(&kernels());
}
