//! Matrix instructions, worked out from the fragment tables of ISA 9.7.14.5 and 9.7.15.5 with small whole numbers, so that every
//! product and sum is exact.

use tensc_emulator::{Arg, Device, Shape, Swizzle, TensorMap, isa};

use crate::harness::{HEADER, Kernel, check_kernels};

/// Entries that this file works out without a [`Kernel`].
pub(crate) const ENTRIES: &[&str] = &[
    "mma.f16",
    "mma.bf16",
    "mma.tf32",
    "mma.f64",
    "mma.int",
    "wgmma.mma_async",
    "wgmma.fence",
    "wgmma.commit_group",
    "wgmma.wait_group",
    "cp.async.bulk.tensor.load",
    "cp.async.bulk.tensor.store",
];

/// Element (row, column) of A and of B: small, of both signs, no symmetry.
fn a(row: usize, k: usize) -> i32 {
    (row * 3 + k * 5) as i32 % 7 - 3
}

fn b(k: usize, column: usize) -> i32 {
    (k * 2 + column * 3) as i32 % 5 - 2
}

fn c(row: usize, column: usize) -> i32 {
    row as i32 - 2 * column as i32
}

fn product(row: usize, column: usize, depth: usize) -> i32 {
    c(row, column) + (0..depth).map(|k| a(row, k) * b(k, column)).sum::<i32>()
}

/// How a matrix's elements are stored in registers.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    F16,
    Bf16,
    F32,
    F64,
    S8,
    S32,
}

impl Kind {
    fn bits(self, value: i32) -> u64 {
        let float = value as f32;
        match self {
            Self::F16 => u64::from(half::f16::from_f32(float).to_bits()),
            Self::Bf16 => u64::from(half::bf16::from_f32(float).to_bits()),
            Self::F32 => u64::from(float.to_bits()),
            Self::F64 => f64::from(value).to_bits(),
            Self::S8 => u64::from(value as u8),
            Self::S32 => u64::from(value as u32),
        }
    }

    fn width(self) -> usize {
        match self {
            Self::S8 => 8,
            Self::F16 | Self::Bf16 => 16,
            Self::F32 | Self::S32 => 32,
            Self::F64 => 64,
        }
    }
}

/// A position in a matrix, from lane and element number.
type Place = fn(lane: usize, element: usize) -> (usize, usize);

/// One shape with its tables: which element of A, B and C a lane's i-th element is.
struct Shape3 {
    instruction: &'static str,
    entry: &'static str,
    depth: usize,
    operand: Kind,
    accumulator: Kind,
    elements: [usize; 3],
    places: [Place; 3],
}

/// groupID and threadID_in_group of the ISA.
fn group(lane: usize) -> (usize, usize) {
    (lane >> 2, lane % 4)
}

/// C of m16n8: row groupID for c0, c1, groupID + 8 for c2, c3; column threadID * 2 + (i & 1).
fn c_16x8(lane: usize, i: usize) -> (usize, usize) {
    let (g, t) = group(lane);
    (if i < 2 { g } else { g + 8 }, t * 2 + (i & 1))
}

fn shapes() -> Vec<Shape3> {
    // 9.7.14.5.8, m16n8k16 of 16 bits.
    let a_16x16: Place = |lane, i| {
        let (g, t) = group(lane);
        let row = if matches!(i, 0 | 1 | 4 | 5) { g } else { g + 8 };
        (row, t * 2 + (i & 1) + if i >= 4 { 8 } else { 0 })
    };
    let b_16x8: Place = |lane, i| {
        let (g, t) = group(lane);
        (t * 2 + (i & 1) + if i >= 2 { 8 } else { 0 }, g)
    };
    // 9.7.14.5.7, m16n8k8 of 16 bits.
    let a_16x8: Place = |lane, i| {
        let (g, t) = group(lane);
        (if i < 2 { g } else { g + 8 }, t * 2 + (i & 1))
    };
    let b_8x8: Place = |lane, i| {
        let (g, t) = group(lane);
        (t * 2 + i, g)
    };
    // 9.7.14.5.7, m16n8k8 of tf32; 9.7.14.5.6, m16n8k4.
    let a_tf32: Place = |lane, i| {
        let (g, t) = group(lane);
        (if i == 0 || i == 2 { g } else { g + 8 }, if i < 2 { t } else { t + 4 })
    };
    let b_tf32: Place = |lane, i| {
        let (g, t) = group(lane);
        (if i == 0 { t } else { t + 4 }, g)
    };
    // 9.7.14.5.2, m8n8k4 of f64.
    let a_8x4: Place = |lane, _| group(lane);
    let b_4x8: Place = |lane, _| (lane % 4, lane >> 2);
    let c_8x8: Place = |lane, i| (lane >> 2, (lane % 4) * 2 + i);
    // 9.7.14.5.9, m16n8k16 of 8 bits; 9.7.14.5.10, m16n8k32; 9.7.14.5.3, m8n8k16.
    let a_16x16_s8: Place = |lane, i| {
        let (g, t) = group(lane);
        (if i < 4 { g } else { g + 8 }, t * 4 + (i & 3))
    };
    let b_16x8_s8: Place = |lane, i| {
        let (g, t) = group(lane);
        (t * 4 + i, g)
    };
    let a_16x32: Place = |lane, i| {
        let (g, t) = group(lane);
        let row = if i < 4 || (8..12).contains(&i) { g } else { g + 8 };
        (row, t * 4 + (i & 3) + if i < 8 { 0 } else { 16 })
    };
    let b_32x8: Place = |lane, i| {
        let (g, t) = group(lane);
        (t * 4 + (i & 3) + if i < 4 { 0 } else { 16 }, g)
    };
    let a_8x16: Place = |lane, i| {
        let (g, t) = group(lane);
        (g, t * 4 + i)
    };
    let shape = |entry, instruction, depth, operand, accumulator, elements, places| Shape3 {
        instruction,
        entry,
        depth,
        operand,
        accumulator,
        elements,
        places,
    };
    use Kind::{Bf16, F16, F32, F64, S8, S32};
    vec![
        shape(
            "mma.f16",
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
            16,
            F16,
            F32,
            [8, 4, 4],
            [a_16x16, b_16x8, c_16x8],
        ),
        shape(
            "mma.f16",
            "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16",
            16,
            F16,
            F16,
            [8, 4, 4],
            [a_16x16, b_16x8, c_16x8],
        ),
        shape(
            "mma.f16",
            "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32",
            8,
            F16,
            F32,
            [4, 2, 4],
            [a_16x8, b_8x8, c_16x8],
        ),
        shape(
            "mma.bf16",
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
            16,
            Bf16,
            F32,
            [8, 4, 4],
            [a_16x16, b_16x8, c_16x8],
        ),
        shape(
            "mma.bf16",
            "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32",
            8,
            Bf16,
            F32,
            [4, 2, 4],
            [a_16x8, b_8x8, c_16x8],
        ),
        shape(
            "mma.tf32",
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
            8,
            F32,
            F32,
            [4, 2, 4],
            [a_tf32, b_tf32, c_16x8],
        ),
        shape(
            "mma.tf32",
            "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32",
            4,
            F32,
            F32,
            [2, 1, 4],
            [a_tf32, b_tf32, c_16x8],
        ),
        shape(
            "mma.f64",
            "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64",
            4,
            F64,
            F64,
            [1, 1, 2],
            [a_8x4, b_4x8, c_8x8],
        ),
        shape(
            "mma.int",
            "mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32",
            16,
            S8,
            S32,
            [8, 4, 4],
            [a_16x16_s8, b_16x8_s8, c_16x8],
        ),
        shape(
            "mma.int",
            "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32",
            32,
            S8,
            S32,
            [16, 8, 4],
            [a_16x32, b_32x8, c_16x8],
        ),
        shape(
            "mma.int",
            "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32",
            16,
            S8,
            S32,
            [4, 4, 2],
            [a_8x16, b_16x8_s8, c_8x8],
        ),
    ]
}

/// Each lane's registers of a fragment: elements packed from the low bits.
fn fragment(kind: Kind, elements: usize, place: Place, value: impl Fn(usize, usize) -> i32) -> Vec<Vec<u64>> {
    let per_register = (32 / kind.width()).max(1);
    (0..32)
        .map(|lane| {
            let mut registers = vec![0; elements.div_ceil(per_register)];
            for element in 0..elements {
                let (row, column) = place(lane, element);
                registers[element / per_register] |=
                    kind.bits(value(row, column)) << (kind.width() * (element % per_register));
            }
            registers
        })
        .collect()
}

#[test]
fn every_shape_multiplies_as_its_tables_say() {
    for shape in shapes() {
        assert_eq!(isa::find(shape.instruction).map(|entry| entry.name), Some(shape.entry));
        let [a_elements, b_elements, c_elements] = shape.elements;
        let [a_place, b_place, c_place] = shape.places;
        let fragments = [
            fragment(shape.operand, a_elements, a_place, a),
            fragment(shape.operand, b_elements, b_place, b),
            fragment(shape.accumulator, c_elements, c_place, c),
        ];
        let expected =
            fragment(shape.accumulator, c_elements, c_place, |row, column| product(row, column, shape.depth));
        let wide = shape.accumulator == Kind::F64;
        let found = run_mma(shape.instruction, &fragments, wide);
        assert_eq!(found, expected, "{}", shape.instruction);
    }
}

/// Loads registers a, b, c of every lane from memory, multiplies, stores d.
fn run_mma(instruction: &str, fragments: &[Vec<Vec<u64>>; 3], wide: bool) -> Vec<Vec<u64>> {
    let bits = if wide { 64 } else { 32 };
    let counts: Vec<usize> = fragments.iter().map(|lanes| lanes[0].len()).collect();
    let total: usize = counts.iter().sum();
    let names =
        |letter: &str, count: usize| (0..count).map(|index| format!("%{letter}{index}")).collect::<Vec<_>>();
    let (a, b, c, d) =
        (names("a", counts[0]), names("b", counts[1]), names("c", counts[2]), names("d", counts[2]));
    let mut body = String::new();
    for name in a.iter().chain(&b).chain(&c).chain(&d) {
        body.push_str(&format!(".reg .b{bits} {name};\n"));
    }
    body.push_str(".reg .b64 %p; .reg .b64 %o; .reg .b32 %t; .reg .b64 %x;\nmov.u32 %t, %tid.x;\n");
    body.push_str(&format!(
        "ld.param.u64 %p, [in]; mul.wide.u32 %x, %t, {}; add.s64 %p, %p, %x;\n",
        8 * total
    ));
    body.push_str(&format!(
        "ld.param.u64 %o, [out]; mul.wide.u32 %x, %t, {}; add.s64 %o, %o, %x;\n",
        8 * counts[2]
    ));
    for (index, name) in a.iter().chain(&b).chain(&c).enumerate() {
        body.push_str(&format!("ld.global.b{bits} {name}, [%p+{}];\n", 8 * index));
    }
    let list = |names: &[String]| format!("{{{}}}", names.join(", "));
    body.push_str(&format!("{instruction} {}, {}, {}, {};\n", list(&d), list(&a), list(&b), list(&c)));
    for (index, name) in d.iter().enumerate() {
        body.push_str(&format!(
            "st.global.b64 [%o+{}], 0; st.global.b{bits} [%o+{}], {name};\n",
            8 * index,
            8 * index
        ));
    }
    let ptx = format!("{HEADER}.visible .entry k(.param .u64 in, .param .u64 out) {{\n{body}ret;\n}}");
    let input: Vec<u8> = (0..32)
        .flat_map(|lane| fragments.iter().flat_map(move |lanes| lanes[lane].clone()))
        .flat_map(u64::to_le_bytes)
        .collect();
    let mut device = Device::new();
    let (from, to) = (device.alloc(input.len() as u64), device.alloc(32 * 8 * counts[2] as u64));
    device.copy_to(from, &input).unwrap();
    crate::ptxas::assemble_if_asked(&ptx);
    let module = device.load_module(&ptx).unwrap_or_else(|error| panic!("{error}"));
    device
        .launch(module, "k", Shape::linear(1, 32), &[Arg::Pointer(from), Arg::Pointer(to)])
        .unwrap_or_else(|error| panic!("{error}"));
    let mut output = vec![0; 32 * 8 * counts[2]];
    device.copy_from(to, &mut output).unwrap();
    let words: Vec<u64> = output.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
    words.chunks(counts[2]).map(<[u64]>::to_vec).collect()
}

/// 32 lanes write 8x8 matrices of b16 to shared memory row by row: element e of the tile is e, matrix m has elements
/// 64 m to 64 m + 63. 9.7.14.5.15: lane 4r + t gets row r, columns 2t and 2t + 1 of each matrix.
pub(crate) fn kernels() -> Vec<Kernel> {
    let plain = |matrix: u32, lane: u32| {
        let first = 64 * matrix + 8 * (lane / 4) + 2 * (lane % 4);
        first | (first + 1) << 16
    };
    // Transposed: rows and columns change places: (2t, r) and (2t + 1, r).
    let transposed = |matrix: u32, lane: u32| {
        let first = 64 * matrix + 16 * (lane % 4) + lane / 4;
        first | (first + 8) << 16
    };
    vec![
        Kernel {
            entry: "ldmatrix",
            shows: "ldmatrix.sync.aligned.m8n8.x4.shared.b16",
            threads: 32,
            body: ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
                mul.wide.u32 %rd1, %t, 16; add.s64 %rd2, %in, %rd1; ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%rd2];
                st.shared.v4.u32 [%r3], {%r4, %r5, %r6, %r7}; bar.sync 0;
                ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r3];
                ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r14}, [%r3];
                mul.wide.u32 %rd3, %t, 20; add.s64 %rd4, %out, %rd3;
                st.global.u32 [%rd4], %r10; st.global.u32 [%rd4+4], %r11; st.global.u32 [%rd4+8], %r12;
                st.global.u32 [%rd4+12], %r13; st.global.u32 [%rd4+16], %r14;",
            input: (0..128).map(|word| (2 * word) | (2 * word + 1) << 16).collect(),
            expected: (0..32)
                .flat_map(|lane| {
                    [plain(0, lane), plain(1, lane), plain(2, lane), plain(3, lane), transposed(0, lane)]
                })
                .collect(),
        },
        // The way back: fragments of matrix 0 and 1 stored, then read as rows: word w of a row holds elements 2w, 2w + 1.
        Kernel {
            entry: "stmatrix",
            shows: "stmatrix.sync.aligned.m8n8.x2.shared.b16",
            threads: 32,
            body: ".shared .align 16 .b8 tile[512]; mov.u32 %r1, tile; shl.b32 %r2, %t, 4; add.s32 %r3, %r1, %r2;
                add.s64 %rd1, %in, %t8; ld.global.v2.u32 {%r4, %r5}, [%rd1];
                stmatrix.sync.aligned.m8n8.x2.shared.b16 [%r3], {%r4, %r5}; bar.sync 0;
                shl.b32 %r6, %t, 3; add.s32 %r7, %r1, %r6; ld.shared.v2.u32 {%r8, %r9}, [%r7];
                add.s64 %rd2, %out, %t8; st.global.v2.u32 [%rd2], {%r8, %r9};",
            input: (0..32).flat_map(|lane| [plain(0, lane), plain(1, lane)]).collect(),
            expected: (0..64).map(|word| (2 * word) | (2 * word + 1) << 16).collect(),
        },
    ]
}

#[test]
fn worked_examples_agree() {
    check_kernels(&kernels());
}

/// A box of 32 x 8 elements of f32 at (2, -1) of a 40 x 9 tensor: the row above and the columns past the end are zero.
/// With the swizzle of 128 bytes, chunk c of row r lies at chunk c ^ (r mod 8) (5.5.6).
#[test]
fn boxes_of_tensors_are_cut_and_swizzled() {
    for swizzle in [Swizzle::None, Swizzle::Bytes128] {
        let mut device = Device::new();
        let (width, height) = (30_usize, 9_usize);
        let tensor: Vec<f32> = (0..32 * height).map(|index| index as f32 + 1.0).collect();
        let bytes: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
        let data = device.alloc(bytes.len() as u64);
        device.copy_to(data, &bytes).unwrap();
        let map = TensorMap {
            address: data.0,
            element_bytes: 4,
            sizes: vec![width as u64, height as u64],
            strides: vec![128],
            box_sizes: vec![32, 8],
            swizzle,
        };
        let out = device.alloc(1024);
        let ptx = format!(
            "{HEADER}.visible .entry k(.param .align 64 .b8 map[128], .param .u64 out) {{
            .reg .b32 %r<20>; .reg .b64 %rd<9>; .reg .pred %p<4>;
            .shared .align 1024 .b8 tile[1024]; .shared .align 8 .b8 bar[8];
            mov.u32 %r1, %tid.x; setp.eq.u32 %p1, %r1, 0; mov.u32 %r2, bar; mov.u32 %r3, tile;
            mov.b64 %rd1, map; cvta.param.u64 %rd2, %rd1;
            @%p1 mbarrier.init.shared.b64 [%r2], 1; bar.sync 0; @!%p1 bra WAIT;
            mbarrier.arrive.expect_tx.shared.b64 _, [%r2], 1024;
            cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r3], [%rd2, {{2, -1}}], [%r2];
            WAIT: mbarrier.try_wait.parity.shared.b64 %p2, [%r2], 0; @!%p2 bra WAIT;
            shl.b32 %r4, %r1, 5; add.s32 %r5, %r3, %r4; mul.wide.u32 %rd3, %r1, 32; ld.param.u64 %rd4, [out];
            add.s64 %rd5, %rd4, %rd3; ld.shared.v4.u32 {{%r6, %r7, %r8, %r9}}, [%r5]; st.global.v4.u32 [%rd5], {{%r6, %r7, %r8, %r9}};
            ld.shared.v4.u32 {{%r6, %r7, %r8, %r9}}, [%r5+16]; st.global.v4.u32 [%rd5+16], {{%r6, %r7, %r8, %r9}};
            bar.sync 0; @!%p1 bra END;
            cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%rd2, {{2, -1}}], [%r3];
            cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;
            END: ret; }}"
        );
        crate::ptxas::assemble_if_asked(&ptx);
        let module = device.load_module(&ptx).unwrap_or_else(|error| panic!("{error}"));
        let args = [Arg::Bytes(map.encode().unwrap().to_vec()), Arg::Pointer(out)];
        device.launch(module, "k", Shape::linear(1, 32), &args).unwrap_or_else(|error| panic!("{error}"));
        let mut found = vec![0; 1024];
        device.copy_from(out, &mut found).unwrap();
        let found: Vec<f32> =
            found.chunks(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect();
        for row in 0..8 {
            for column in 0..32 {
                let inside = row >= 1 && column + 2 < width;
                let expected = if inside { tensor[(row - 1) * 32 + column + 2] } else { 0.0 };
                let chunk = if swizzle == Swizzle::None { column / 4 } else { (column / 4) ^ (row % 8) };
                assert_eq!(
                    found[row * 32 + chunk * 4 + column % 4],
                    expected,
                    "row {row}, column {column}, {swizzle:?}"
                );
            }
        }
        // What was stored back is what was there, and nothing outside the tensor was touched.
        let mut after = vec![0; bytes.len()];
        device.copy_from(data, &mut after).unwrap();
        assert_eq!(after, bytes);
    }
}

/// Where element (index, k) of an operand lies, and its descriptor's layout, leading and stride byte offsets.
struct Layout {
    name: &'static str,
    code: u64,
    leading: u64,
    stride: u64,
    transposed: bool,
    place: fn(index: usize, k: usize) -> usize,
}

/// Canonical layouts of 9.7.15.5.1.2.1, with offsets as its table of strides defines them.
const LAYOUTS: &[Layout] = &[
    // K-major without swizzle: 8 rows of 16 bytes together; next 8 of k 128 bytes on, next 8 rows 256.
    Layout {
        name: "k-major",
        code: 0,
        leading: 128,
        stride: 256,
        transposed: false,
        place: |index, k| index / 8 * 256 + k / 8 * 128 + index % 8 * 16 + k % 8 * 2,
    },
    // K-major with rows of 32, 64 and 128 bytes, of which k takes the first 32; 8 rows are followed by the next 8.
    Layout {
        name: "k-major, 32 bytes",
        code: 3,
        leading: 16,
        stride: 256,
        transposed: false,
        place: |index, k| swizzled(index * 32 + k * 2, 1),
    },
    Layout {
        name: "k-major, 64 bytes",
        code: 2,
        leading: 16,
        stride: 512,
        transposed: false,
        place: |index, k| swizzled(index * 64 + k * 2, 3),
    },
    Layout {
        name: "k-major, 128 bytes",
        code: 1,
        leading: 16,
        stride: 1024,
        transposed: false,
        place: |index, k| swizzled(index * 128 + k * 2, 7),
    },
    // MN-major without swizzle: 8 indices of 8 values of k together; next 8 of k 2048 bytes on, next 8 indices 128.
    Layout {
        name: "mn-major",
        code: 0,
        leading: 2048,
        stride: 128,
        transposed: true,
        place: |index, k| index / 8 * 128 + k / 8 * 2048 + k % 8 * 16 + index % 8 * 2,
    },
    // MN-major with rows of 128 bytes: 64 indices; 8 values of k are followed by the next 8, 1024 bytes on.
    Layout {
        name: "mn-major, 128 bytes",
        code: 1,
        leading: 4096,
        stride: 1024,
        transposed: true,
        place: |index, k| swizzled(index / 64 * 4096 + k * 128 + index % 64 * 2, 7),
    },
    Layout {
        name: "mn-major, 32 bytes",
        code: 3,
        leading: 512,
        stride: 256,
        transposed: true,
        place: |index, k| swizzled(index / 16 * 512 + k * 32 + index % 16 * 2, 1),
    },
];

/// Bits 4 to 6 of an address change with bits 7 to 9, as far as the mask of the swizzle goes (5.5.6).
fn swizzled(place: usize, mask: usize) -> usize {
    place ^ ((place >> 7 & mask) << 4)
}

/// m64n16k16 of bf16 from shared memory in every canonical layout.
#[test]
fn warpgroup_products_agree_in_every_layout() {
    for layout in LAYOUTS {
        let mut tile = vec![0_u8; 16384];
        let b_start = 8192;
        for index in 0..64 {
            for k in 0..16 {
                let at = (layout.place)(index, k);
                tile[at..at + 2].copy_from_slice(&(Kind::Bf16.bits(a(index, k)) as u16).to_le_bytes());
            }
        }
        for column in 0..16 {
            for k in 0..16 {
                let at = b_start + (layout.place)(column, k);
                tile[at..at + 2].copy_from_slice(&(Kind::Bf16.bits(b(k, column)) as u16).to_le_bytes());
            }
        }
        let descriptor = |start: u64| {
            (start >> 4) | (layout.leading >> 4) << 16 | (layout.stride >> 4) << 32 | layout.code << 62
        };
        let found = run_wgmma(&tile, descriptor(0), descriptor(b_start as u64), layout.transposed);
        for (thread, registers) in found.chunks(8).enumerate() {
            // 9.7.15.5.1.1: warp w has rows 16 w and on; d[4 j + i] is row groupID (+ 8 for i >= 2), column 8 j + 2 t + (i & 1).
            let (g, t) = group(thread % 32);
            for (index, value) in registers.iter().enumerate() {
                let row = thread / 32 * 16 + g + if index % 4 >= 2 { 8 } else { 0 };
                let column = index / 4 * 8 + 2 * t + (index & 1);
                // Twice: the second product adds to the first.
                let expected = 2 * (product(row, column, 16) - c(row, column));
                assert_eq!(*value, expected as f32, "{}, row {row}, column {column}", layout.name);
            }
        }
    }
}

fn run_wgmma(tile: &[u8], a: u64, b: u64, transposed: bool) -> Vec<f32> {
    let trans = u8::from(transposed);
    let ptx = format!(
        "{HEADER}.visible .entry k(.param .u64 in, .param .u64 out, .param .u64 a, .param .u64 b) {{
        .reg .b32 %r<20>; .reg .b64 %rd<12>; .reg .pred %p<4>; .reg .f32 %f<8>;
        .shared .align 1024 .b8 tile[16384];
        mov.u32 %r1, %tid.x; ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out]; ld.param.u64 %rd3, [a]; ld.param.u64 %rd4, [b];
        shl.b32 %r2, %r1, 4; mov.u32 %r3, tile;
        COPY: cvt.u64.u32 %rd5, %r2; add.s64 %rd6, %rd1, %rd5; ld.global.v4.u32 {{%r4, %r5, %r6, %r7}}, [%rd6];
        add.s32 %r8, %r3, %r2; st.shared.v4.u32 [%r8], {{%r4, %r5, %r6, %r7}}; add.s32 %r2, %r2, 2048;
        setp.lt.u32 %p1, %r2, 16384; @%p1 bra COPY;
        fence.proxy.async.shared::cta; bar.sync 0;
        wgmma.fence.sync.aligned; setp.ne.b32 %p2, 0, 0;
        wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {{%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}}, %rd3, %rd4, %p2, 1, 1, {trans}, {trans};
        wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 {{%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}}, %rd3, %rd4, 1, 1, 1, {trans}, {trans};
        wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
        mul.wide.u32 %rd7, %r1, 32; add.s64 %rd8, %rd2, %rd7;
        st.global.v4.f32 [%rd8], {{%f0, %f1, %f2, %f3}}; st.global.v4.f32 [%rd8+16], {{%f4, %f5, %f6, %f7}};
        ret; }}"
    );
    let mut device = Device::new();
    let (from, to) = (device.alloc(tile.len() as u64), device.alloc(128 * 32));
    device.copy_to(from, tile).unwrap();
    crate::ptxas::assemble_if_asked(&ptx);
    let module = device.load_module(&ptx).unwrap_or_else(|error| panic!("{error}"));
    let args = [Arg::Pointer(from), Arg::Pointer(to), Arg::U64(a), Arg::U64(b)];
    device.launch(module, "k", Shape::linear(1, 128), &args).unwrap_or_else(|error| panic!("{error}"));
    let mut output = vec![0; 128 * 32];
    device.copy_from(to, &mut output).unwrap();
    output.chunks(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect()
}
