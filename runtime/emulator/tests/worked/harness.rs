//! Runs single instructions and small kernels.
//!
//! A [`Case`] is one instruction on registers whose names say their width: `a32`, `b32`, `c64` are operands in the order of
//! their letters, `d32` and `q1` results, width 1 a predicate. Operands are loaded from memory and results stored to
//! it, so that nothing but the instruction computes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use tensc_emulator::{Arg, Config, Device, DeviceError, Shape, isa};

/// One instruction, its operands' bits and its results' bits.
pub(crate) struct Case {
    /// The table's entry that this is about.
    pub(crate) entry: &'static str,
    /// The instruction.
    pub(crate) text: &'static str,
    /// Operands in the order of their registers' letters.
    pub(crate) inputs: &'static [u64],
    /// Results: d, then q.
    pub(crate) expected: &'static [u64],
}

/// A case in one line.
pub(crate) const fn case(
    entry: &'static str,
    text: &'static str,
    inputs: &'static [u64],
    expected: &'static [u64],
) -> Case {
    Case { entry, text, inputs, expected }
}

/// A kernel body on 64-bit words `%in` and `%out`, run by one block, and the words it must leave.
pub(crate) struct Kernel {
    /// The table's entry that this is about.
    pub(crate) entry: &'static str,
    /// The instruction of the body that the entry must take.
    pub(crate) shows: &'static str,
    /// Threads of the block.
    pub(crate) threads: u32,
    /// The body; registers are declared by [`PRELUDE`].
    pub(crate) body: &'static str,
    /// 32-bit words at `%in`.
    pub(crate) input: Vec<u32>,
    /// 32-bit words at `%out`.
    pub(crate) expected: Vec<u32>,
}

/// Registers of kernel bodies: `%in`, `%out` and `%t` (the thread's index) are set.
const PRELUDE: &str = "
.reg .pred %p<16>; .reg .b16 %h<16>; .reg .b32 %r<80>; .reg .b64 %rd<32>; .reg .f32 %f<80>; .reg .f64 %fd<16>;
.reg .b64 %in; .reg .b64 %out; .reg .b32 %t; .reg .b64 %t4; .reg .b64 %t8;
ld.param.u64 %in, [in]; ld.param.u64 %out, [out]; mov.u32 %t, %tid.x; mul.wide.u32 %t4, %t, 4; mul.wide.u32 %t8, %t, 8;
";

/// The header of every module.
pub(crate) const HEADER: &str = ".version 8.3\n.target sm_90a\n.address_size 64\n";

/// Modules of kernel bodies begin with these variables.
const VARIABLES: &str = "
.const .align 4 .b32 table[4] = {11, 22, 33, 44};
.visible .func (.param .b32 result) triple(.param .b32 value) {
  .reg .b32 %x<3>;
  ld.param.b32 %x1, [value]; mul.lo.s32 %x2, %x1, 3; st.param.b32 [result], %x2; ret;
}
";

/// Runs a kernel body.
pub(crate) fn run_body(
    body: &str,
    threads: u32,
    input: &[u32],
    output_words: usize,
) -> Result<Vec<u32>, DeviceError> {
    let ptx = format!(
        "{HEADER}{VARIABLES}.visible .entry k(.param .u64 in, .param .u64 out)\n{{\n{PRELUDE}\n{body}\nret;\n}}\n"
    );
    crate::ptxas::assemble_if_asked(&ptx);
    let mut device = Device::with_config(Config { budget: 1 << 20, ..Config::default() });
    let from = device.alloc_named(4 * input.len().max(1) as u64, "in");
    let to = device.alloc_named(4 * output_words.max(1) as u64, "out");
    let bytes: Vec<u8> = input.iter().flat_map(|word| word.to_le_bytes()).collect();
    device.copy_to(from, &bytes)?;
    let module = device.load_module(&ptx)?;
    device.launch(module, "k", Shape::linear(1, threads), &[Arg::Pointer(from), Arg::Pointer(to)])?;
    let mut bytes = vec![0; 4 * output_words];
    device.copy_from(to, &mut bytes)?;
    let output: Vec<u32> = bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
    dump(&ptx, threads, input, &output);
    Ok(output)
}

/// Writes a case for `on_gpu.py` to the folder that `TENSC_PTX_DUMP` names.
fn dump(ptx: &str, threads: u32, input: &[u32], output: &[u32]) {
    let Ok(folder) = std::env::var("TENSC_PTX_DUMP") else { return };
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::fs::create_dir_all(&folder).unwrap();
    let case =
        format!("{{\"ptx\": {ptx:?}, \"threads\": {threads}, \"input\": {input:?}, \"output\": {output:?}}}");
    std::fs::write(format!("{folder}/{number:04}.json"), case).unwrap();
}

/// The opcode and modifiers of an instruction, without a guard.
fn opcode(text: &str) -> &str {
    let text = text.trim();
    let text = if text.starts_with('@') { text.split_once(' ').unwrap().1 } else { text };
    text.split([' ', ';']).next().unwrap()
}

fn check_entry(entry: &str, text: &str) {
    let found = isa::find(opcode(text)).unwrap_or_else(|| panic!("{text} is not in the table"));
    assert_eq!(found.name, entry, "{text}");
}

/// Registers such as `a32` that the text names.
fn registers(text: &str, letters: &str) -> BTreeSet<(char, u32)> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .filter_map(|word| {
            let letter = word.chars().next().filter(|letter| letters.contains(*letter))?;
            let width: u32 = word[1..].parse().ok()?;
            matches!(width, 1 | 16 | 32 | 64).then_some((letter, width))
        })
        .collect()
}

/// Runs every case and compares.
pub(crate) fn check(cases: &[Case]) {
    for case in cases {
        check_after("", case);
    }
}

/// Runs a case behind other instructions.
pub(crate) fn check_after(before: &str, case: &Case) {
    {
        check_entry(case.entry, case.text);
        let operands = &case.text[opcode(case.text).len()..];
        let inputs = registers(operands, "abce");
        let outputs = registers(operands, "dq");
        assert_eq!(inputs.len(), case.inputs.len(), "operands of {}", case.text);
        assert_eq!(outputs.len(), case.expected.len(), "results of {}", case.text);
        let mut body = String::new();
        for (letter, width) in inputs.iter().chain(&outputs) {
            let ty = if *width == 1 { "pred".into() } else { format!("b{width}") };
            body.push_str(&format!(".reg .{ty} {letter}{width};\n"));
        }
        for (index, (letter, width)) in inputs.iter().enumerate() {
            let place = index * 8;
            if *width == 1 {
                body.push_str(&format!(
                    "ld.global.b64 %rd1, [%in+{place}]; setp.ne.s64 {letter}1, %rd1, 0;\n"
                ));
            } else {
                body.push_str(&format!("ld.global.b{width} {letter}{width}, [%in+{place}];\n"));
            }
        }
        body.push_str(before);
        body.push_str(case.text);
        body.push_str("\nmov.b64 %rd2, 0;\n");
        for (index, (letter, width)) in outputs.iter().enumerate() {
            let place = index * 8;
            body.push_str(&format!("st.global.b64 [%out+{place}], %rd2;\n"));
            if *width == 1 {
                body.push_str(&format!(
                    "selp.b64 %rd3, 1, 0, {letter}1; st.global.b64 [%out+{place}], %rd3;\n"
                ));
            } else {
                body.push_str(&format!("st.global.b{width} [%out+{place}], {letter}{width};\n"));
            }
        }
        let words: Vec<u32> =
            case.inputs.iter().flat_map(|bits| [*bits as u32, (*bits >> 32) as u32]).collect();
        let output = run_body(&body, 1, &words, 2 * outputs.len())
            .unwrap_or_else(|error| panic!("{}: {error}", case.text));
        let found: Vec<u64> =
            output.chunks(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect();
        assert_eq!(
            found, case.expected,
            "{} of {:x?}: found {found:x?}, expected {:x?}",
            case.text, case.inputs, case.expected
        );
    }
}

/// Runs every kernel and compares.
pub(crate) fn check_kernels(kernels: &[Kernel]) {
    for kernel in kernels {
        check_entry(kernel.entry, kernel.shows);
        assert!(kernel.body.contains(opcode(kernel.shows)), "the body of {} does not show it", kernel.entry);
        let found = run_body(kernel.body, kernel.threads, &kernel.input, kernel.expected.len())
            .unwrap_or_else(|error| panic!("{}: {error}", kernel.entry));
        assert_eq!(found, kernel.expected, "{}: found {found:x?}", kernel.entry);
    }
}

/// The bits of an f32.
pub(crate) const fn f(value: f32) -> u64 {
    value.to_bits() as u64
}

/// The bits of an f64.
pub(crate) const fn d(value: f64) -> u64 {
    value.to_bits()
}
