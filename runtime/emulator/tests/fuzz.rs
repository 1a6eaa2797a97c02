//! No text makes the emulator panic: neither what cannot be PTX nor mutations of kernels that are.
//!
//! `TENSC_FUZZ=100000 cargo test -p tensc-emulator --test fuzz` tries more mutations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use tensc_emulator::{Arg, Config, Device, Shape};

const KERNELS: &str = include_str!("corpus/kernels.O2.ptx");

/// Statements of kinds that the corpus lacks, for mutations to start from.
const MORE: &str = ".version 8.3
.target sm_90a
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.global .align 4 .u32 table[4] = {1, 2, 3, 4};
.global .align 8 .u64 pointers[2] = {table, generic(table)+8};
.visible .entry k(.param .u64 a, .param .u64 b, .param .u32 n)
.maxntid 128, 1, 1
{
  .reg .pred %p<4>; .reg .b16 %h<8>; .reg .b32 %r<16>; .reg .b64 %rd<16>; .reg .f32 %f<16>; .reg .f64 %fd<4>;
  .shared .align 8 .b8 bar[8]; .shared .align 128 .b8 tile[256]; .local .align 8 .b8 frame[32];
  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u32 %r1, [n]; mov.u32 %r2, %tid.x;
  mul.wide.u32 %rd3, %r2, 4; add.s64 %rd4, %rd1, %rd3; ld.global.u32 %r3, [%rd4]; setp.lt.u32 %p1, %r2, 8;
  bfe.u32 %r4, %r3, %r2, 5; bfi.b32 %r4, %r3, %r4, %r2, 7; shf.l.clamp.b32 %r5, %r3, %r4, %r2;
  div.s32 %r5, %r4, %r2; rem.u32 %r5, %r4, %r2; mul24.hi.s32 %r6, %r4, %r5; fns.b32 %r6, %r3, %r2, %r5;
  cvt.rn.f32.s32 %f1, %r3; sqrt.rm.f32 %f2, %f1; div.rp.f32 %f3, %f1, %f2; fma.rz.f32 %f4, %f1, %f2, %f3;
  cvt.f64.f32 %fd1, %f4; fma.rm.f64 %fd2, %fd1, %fd1, %fd1; cvt.rzi.s64.f64 %rd5, %fd2; cvt.rn.f16.f32 %h1, %f4;
  fma.rn.f16 %h2, %h1, %h1, %h1; cvt.rn.satfinite.e4m3x2.f32 %h3, %f1, %f2; ex2.approx.f32 %f5, %f1; tanh.approx.f32 %f6, %f1;
  st.local.u32 [frame+4], %r3; ld.local.u32 %r7, [frame+4]; atom.global.add.u32 %r8, [%rd2], 1;
  @%p1 bra L1; shfl.sync.idx.b32 %r9, %r3, 0, 31, 0xffffff00; bra.uni L2;
L1: vote.sync.ballot.b32 %r9, %p1, 0xff;
L2: bar.warp.sync 0xffffffff; bar.sync 0;
  setp.eq.u32 %p2, %r2, 0; mov.u32 %r10, bar; mov.u32 %r11, tile; @!%p2 bra WAIT; mbarrier.init.shared.b64 [%r10], 1;
  mbarrier.arrive.expect_tx.shared.b64 _, [%r10], 64;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r11], [%rd1], 64, [%r10];
WAIT: bar.sync 0;
SPIN: mbarrier.try_wait.parity.shared.b64 %p3, [%r10], 0; @!%p3 bra SPIN;
  ld.shared.u32 %r12, [%r11]; st.shared.u32 [dynamic], %r12; redux.sync.add.s32 %r13, %r12, 0xffffffff;
  targets: .branchtargets L3, L4;
  and.b32 %r14, %r2, 1; brx.idx %r14, targets;
L3: add.u32 %r13, %r13, 1;
L4: st.global.u32 [%rd4], %r13;
  ret;
}
";

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// Loads the text and, if it is PTX, runs every kernel on small buffers.
fn survive(text: &str) -> bool {
    let mut device = Device::with_config(Config { budget: 3000, cores: 1, ..Config::default() });
    let Ok(module) = device.load_module(text) else { return false };
    let names: Vec<String> = device.kernels(module).unwrap().iter().map(|name| (*name).to_owned()).collect();
    for kernel in names {
        let buffers = [device.alloc(256), device.alloc(256)];
        for buffer in buffers {
            device.copy_to(buffer, &[1; 256]).unwrap();
        }
        let pointers = [Arg::Pointer(buffers[0]), Arg::Pointer(buffers[1])];
        for args in [
            vec![pointers[0].clone(), pointers[1].clone(), Arg::I32(17)],
            vec![pointers[0].clone(), pointers[1].clone(), pointers[0].clone(), Arg::I32(8), Arg::I32(16)],
        ] {
            let shape = Shape { grid: [2, 1, 1], block: [48, 1, 1], shared_bytes: 64 };
            let _ = device.launch(module, &kernel, shape, &args);
        }
    }
    true
}

fn mutate(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..1 + random.below(3) {
        let line = random.below(lines.len());
        let other = random.below(lines.len());
        match random.below(7) {
            0 => drop(lines.remove(line)),
            1 => lines.swap(line, other),
            2 => {
                let copy = lines[other].clone();
                lines.insert(line, copy);
            }
            3 => {
                // Numbers at the edges of what types hold.
                let edges = [
                    "0",
                    "-1",
                    "1",
                    "255",
                    "4294967295",
                    "18446744073709551615",
                    "-9223372036854775808",
                    "0x7fffffff",
                ];
                let edge = edges[random.below(edges.len())];
                let digits: Vec<usize> = lines[line]
                    .char_indices()
                    .filter(|(_, c)| c.is_ascii_digit())
                    .map(|(index, _)| index)
                    .collect();
                if !digits.is_empty() {
                    let at = digits[random.below(digits.len())];
                    lines[line].replace_range(at..=at, edge);
                }
            }
            4 => {
                let chars: Vec<char> = lines[line].chars().collect();
                if !chars.is_empty() {
                    let at = random.below(chars.len());
                    let marks = [
                        '.', ',', ';', '{', '}', '[', ']', '(', ')', '%', '@', '|', '"', 'é', '\0', '+', '-',
                    ];
                    let mut changed = chars.clone();
                    changed[at] = marks[random.below(marks.len())];
                    lines[line] = changed.into_iter().collect();
                }
            }
            5 => {
                let words: Vec<String> = lines[line].split(' ').map(str::to_owned).collect();
                let mut shuffled = words.clone();
                let (a, b) = (random.below(words.len()), random.below(words.len()));
                shuffled.swap(a, b);
                lines[line] = shuffled.join(" ");
            }
            _ => {
                let types = ["u8", "s16", "u32", "s64", "f16", "f32", "f64", "b32", "b64", "pred", "bf16x2"];
                let (from, to) = (types[random.below(types.len())], types[random.below(types.len())]);
                lines[line] = lines[line].replacen(from, to, 1);
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\n")
}

#[test]
fn mutated_kernels_never_panic() {
    let count: u64 = std::env::var("TENSC_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(1500);
    assert!(survive(MORE), "the unmutated module must load");
    let mut loaded = 0;
    // One kernel of the corpus at a time keeps a try short.
    let head = KERNELS.find(".visible .entry").unwrap();
    let kernels: Vec<String> = KERNELS[head..]
        .split(".visible .entry")
        .skip(1)
        .map(|kernel| format!("{}\n.visible .entry{kernel}", &KERNELS[..head]))
        .collect();
    for seed in 1..=count {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let source = if random.below(2) == 0 { MORE } else { kernels[random.below(kernels.len())].as_str() };
        let text = mutate(source, &mut random);
        if survive(&text) {
            loaded += 1;
        }
    }
    assert!(
        loaded * 10 > count,
        "only {loaded} of {count} mutations load: the mutations are too coarse to test execution"
    );
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(99);
    for _ in 0..500 {
        let bytes: Vec<u8> = (0..random.below(200)).map(|_| random.next() as u8).collect();
        survive(&String::from_utf8_lossy(&bytes));
        let with_header = format!(".version 8.0\n.target sm_80\n{}", String::from_utf8_lossy(&bytes));
        survive(&with_header);
    }
}

#[test]
fn hostile_modules_are_refused() {
    let header = ".version 8.0\n.target sm_80\n.address_size 64\n";
    let kernel = |body: &str| format!("{header}.visible .entry k() {{ {body} ret; }}");
    let hostile = [
        kernel(&"{".repeat(100_000)),
        kernel(&format!("mov.b64 %rd1, {};", "{".repeat(100_000))),
        kernel(".reg .b32 %r<4294967295>;"),
        kernel(&".reg .b32 %r<1000000>; {".repeat(3)),
        kernel(".local .b8 huge[99999999999];"),
        kernel(".shared .align 1048576 .b8 huge[1099511627776];"),
        format!("{header}.global .b8 huge[1099511627776];"),
        format!("{header}.global .b64 wide[1099511627776][1099511627776];"),
        format!("{header}.global .b32 x[2] = {{1, 2, 3}};"),
        format!("{header}.global .b32 x[2] = {{{{{{{{1, 2"),
        format!("{header}.visible .entry k(.param .b8 a[99999]) {{ ret; }}"),
        format!("{header}.func f() {{ call f, (); ret; }} .visible .entry k() {{ call f, (); ret; }}"),
        ".version 99.0".to_owned(),
        "/* never closed".to_owned(),
    ];
    for text in &hostile {
        assert!(!survive(text), "{}", &text[..text.len().min(200)]);
    }
}
