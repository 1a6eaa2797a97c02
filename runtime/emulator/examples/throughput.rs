//! Thread-instructions a second on a loop of fused multiply-adds, on one core and on all.
//!
//! `cargo run --release -p tensc-emulator --example throughput` checks the result first and prints no time without it.

use std::time::Instant;

use tensc_emulator::{Arg, Config, Device, DeviceError, Shape};

const LOOPS: u32 = 2000;
const BLOCKS: u32 = 64;
const THREADS: u32 = 256;

/// Eight chains of `x = x * a + b`, `LOOPS` times.
fn ptx() -> String {
    let fmas: String = (1..9).map(|chain| format!("fma.rn.f32 %f{chain}, %f{chain}, %f9, %f10;\n")).collect();
    let starts: String = (1..9).map(|chain| format!("cvt.rn.f32.u32 %f{chain}, %r2;\n")).collect();
    let sums: String = (2..9).map(|chain| format!("add.f32 %f1, %f1, %f{chain};\n")).collect();
    format!(
        ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry chains(.param .u64 out)\n{{
.reg .f32 %f<11>; .reg .b32 %r<6>; .reg .b64 %rd<4>; .reg .pred %p;
ld.param.u64 %rd1, [out]; mov.u32 %r1, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;
mad.lo.s32 %r2, %r1, %r3, %r4; mov.f32 %f9, 0.5; mov.f32 %f10, 1.0; mov.u32 %r5, 0;
{starts}LOOP:
{fmas}add.s32 %r5, %r5, 1; setp.lt.u32 %p, %r5, {LOOPS}; @%p bra LOOP;
{sums}mul.wide.u32 %rd2, %r2, 4; add.s64 %rd3, %rd1, %rd2; st.global.f32 [%rd3], %f1; ret;
}}"
    )
}

fn main() -> Result<(), DeviceError> {
    let ptx = ptx();
    let cores = Config::default().cores;
    let mut first = Vec::new();
    for cores in [1, cores] {
        let mut device = Device::with_config(Config { cores, ..Config::default() });
        let bytes = u64::from(BLOCKS * THREADS) * 4;
        let out = device.alloc(bytes);
        let module = device.load_module(&ptx)?;
        let start = Instant::now();
        let report = device.launch(module, "chains", Shape::linear(BLOCKS, THREADS), &[Arg::Pointer(out)])?;
        let seconds = start.elapsed().as_secs_f64();
        let mut result = vec![0; bytes as usize];
        device.copy_from(out, &mut result)?;
        // x = x/2 + 1 tends to 2, and stays there: eight chains sum to 16.
        let wrong = result.chunks(4).any(|value| value != 16.0_f32.to_le_bytes());
        if wrong || (!first.is_empty() && first != result) {
            return Err(DeviceError::Launch("the result is wrong".into()));
        }
        first = result;
        let rate = report.counters.thread_instructions as f64 / seconds / 1e6;
        println!(
            "{cores} cores: {rate:.0} M thread-instructions a second, {:.0} M a core",
            rate / cores as f64
        );
    }
    Ok(())
}
