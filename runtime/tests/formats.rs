//! `.npy` and `.safetensors` against NumPy's own files, and against files that lie.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use tensc_ir::DType;
use tensc_runtime::file::npy;
use tensc_runtime::file::safetensors::{self, Stored};
use tensc_runtime::tensor::Storage;
use tensc_runtime::{Cancel, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn entries(tensor: &Tensor) -> Vec<(f64, f64)> {
    (0..tensor.len()).map(|i| tensor.entry(i).unwrap()).collect()
}

/// What make.py's `counted` makes.
fn counted(dtype: DType, len: usize) -> Vec<(f64, f64)> {
    (0..len)
        .map(|i| {
            let x = i as f64;
            match dtype {
                DType::C64 => (x, -1.5 * x),
                DType::Bool => (f64::from(u8::from(i % 3 == 0)), 0.0),
                DType::I32 | DType::U8 => (x, 0.0),
                DType::F32 | DType::F16 | DType::BF16 | DType::F64 => (x / 4.0 - 1.0, 0.0),
            }
        })
        .collect()
}

#[test]
fn every_numpy_type_is_read() {
    let cases = [
        ("float16", DType::F16),
        ("float32", DType::F32),
        ("float64", DType::F64),
        ("complex64", DType::C64),
        ("int32", DType::I32),
        ("uint8", DType::U8),
        ("bool", DType::Bool),
        ("int8", DType::I32),
        ("int16", DType::I32),
        ("int64", DType::I32),
        ("uint16", DType::I32),
        ("uint32", DType::I32),
        ("uint64", DType::I32),
        ("version_2", DType::F32),
        ("version_3", DType::F32),
        ("big_endian_f4", DType::F32),
        ("big_endian_f2", DType::F16),
        ("big_endian_f8", DType::F64),
        ("big_endian_c8", DType::C64),
        ("big_endian_i4", DType::I32),
        ("big_endian_i8", DType::I32),
    ];
    for (name, dtype) in cases {
        let tensor = npy::load(&golden(&format!("{name}.npy"))).unwrap();
        assert_eq!(tensor.dtype(), dtype, "{name}");
        assert_eq!(tensor.shape(), [2, 3], "{name}");
        assert_eq!(entries(&tensor), counted(dtype, 6), "{name}");
    }
}

#[test]
fn column_major_arrays_become_row_major() {
    for (name, dtype) in [("fortran", DType::F32), ("fortran_int64", DType::I32)] {
        let tensor = npy::load(&golden(&format!("{name}.npy"))).unwrap();
        assert_eq!(tensor.shape(), [2, 3, 4]);
        assert_eq!(entries(&tensor), counted(dtype, 24), "{name}");
    }
}

#[test]
fn shapes_of_every_rank_are_read() {
    let scalar = npy::load(&golden("scalar.npy")).unwrap();
    assert_eq!((scalar.shape(), entries(&scalar)), (&[][..], vec![(2.5, 0.0)]));
    assert_eq!(npy::load(&golden("one_axis.npy")).unwrap().shape(), [5]);
    assert_eq!(npy::load(&golden("empty.npy")).unwrap().shape(), [0, 3]);
}

#[test]
fn integers_of_64_bits_are_taken_where_they_fit() {
    let fits = npy::load(&golden("negative_int64.npy")).unwrap();
    assert_eq!(entries(&fits).iter().map(|e| e.0).collect::<Vec<_>>(), [-1.0, -2147483648.0, 2147483647.0]);
    let error = npy::load(&golden("large_int64.npy")).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("int64, and the entry at [1, 1] is 2147483648, which does not fit i32"),
        "{message}"
    );
}

#[test]
fn types_that_the_language_lacks_come_with_a_hint() {
    let error = npy::load(&golden("complex128.npy")).unwrap_err();
    assert!(error.to_string().contains("holds complex128"), "{error}");
    assert_eq!(error.hint().unwrap(), "numpy.save(\"x.npy\", x.astype(numpy.complex64))");
    assert!(npy::load(&golden("date.npy")).unwrap_err().to_string().contains("M8[D]"));
    assert!(npy::load(&golden("structure.npy")).unwrap_err().to_string().contains("array of structures"));
}

#[test]
fn what_we_write_is_what_numpy_writes() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "float16",
        "float32",
        "float64",
        "complex64",
        "int32",
        "uint8",
        "bool",
        "scalar",
        "one_axis",
        "empty",
    ] {
        let file = format!("{name}.npy");
        let written = folder.path().join(&file);
        npy::save(&written, &npy::load(&golden(&file)).unwrap(), &Cancel::new()).unwrap();
        assert_eq!(std::fs::read(&written).unwrap(), std::fs::read(golden(&file)).unwrap(), "{name}");
    }
}

/// Loads these bytes as a `.npy` file.
fn load_npy(bytes: &[u8]) -> Result<Tensor, npy::NpyError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    std::fs::write(&path, bytes).unwrap();
    npy::load(&path)
}

fn npy_bytes(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn npy_files_that_lie_are_refused() {
    let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
    assert!(load_npy(&npy_bytes(good, &[0; 8])).is_ok());
    let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
    let long = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }";
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "does not begin"),
        (b"PK\x03\x04 a zip".to_vec(), "does not begin"),
        (b"\x93NUMPY".to_vec(), "ends within its header"),
        (b"\x93NUMPY\x04\x00\x00\x00".to_vec(), "format version is 4.0"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(), "claims 4294967295 bytes"),
        (b"\x93NUMPY\x01\x00\x80\x00{".to_vec(), "ends within its header"),
        (npy_bytes(good, &[0; 7]), "needs 8 bytes of data, and there are 7"),
        (npy_bytes(good, &[0; 9]), "needs 8 bytes of data, and there are 9"),
        (npy_bytes(huge, &[]), "more entries than memory can hold"),
        (npy_bytes(long, &[]), "no number"),
        (npy_bytes("{'descr': '<f4', 'fortran_order': False}", &[]), "`shape` is missing"),
        (npy_bytes("{'shape': (1,), 'shape': (1,)}", &[]), "twice"),
        (npy_bytes("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", &[]), "Python objects"),
        (npy_bytes("{'descr': '<q9x', 'fortran_order': False, 'shape': (-1,)}", &[]), "no number"),
        (npy_bytes(&format!("{{'shape': ({})}}", "1,".repeat(70)), &[]), "more than 64 axes"),
        (npy_bytes(&"{'shape': (".repeat(900), &[]), "no number"),
        (
            npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", &[0; 8]),
            "follows the dictionary",
        ),
    ];
    for (bytes, expected) in cases {
        let message = load_npy(&bytes).unwrap_err().to_string();
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
}

#[test]
fn no_cut_or_flipped_npy_file_panics() {
    let good = std::fs::read(golden("fortran_int64.npy")).unwrap();
    for cut in 0..good.len() {
        assert!(load_npy(&good[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..128 {
        for byte in [0, b'\'', b'9', b'(', 0xff] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            // Some flips are harmless; none may panic.
            let _ = load_npy(&bytes);
        }
    }
}

#[test]
fn safetensors_of_the_reference_library_are_read() {
    let file = safetensors::load(&golden("several.safetensors")).unwrap();
    assert_eq!(file.metadata["made by"], "make.py");
    let expected = [
        ("alpha", DType::F32, vec![3]),
        ("blocks.0.w", DType::F16, vec![2, 3]),
        ("spectrum", DType::C64, vec![2, 2]),
        ("table", DType::I32, vec![4]),
        ("mask", DType::Bool, vec![5]),
        ("empty", DType::F32, vec![0, 7]),
    ];
    for (name, dtype, shape) in expected {
        let Stored::Tensor(tensor) = &file.tensors[name] else { panic!("{name}") };
        assert_eq!((tensor.dtype(), tensor.shape()), (dtype, &shape[..]), "{name}");
        assert_eq!(entries(tensor), counted(dtype, tensor.len()), "{name}");
    }
    assert_eq!(file.tensors["long"].ty(), "I64[2]");
}

#[test]
fn what_we_write_is_read_back() {
    let bf16 = Tensor::from_bytes(DType::BF16, vec![2], &[0x80, 0x3f, 0x00, 0xc0]).unwrap();
    let mut tensors = IndexMap::from([("b".to_owned(), bf16)]);
    for (name, stored) in safetensors::load(&golden("several.safetensors")).unwrap().tensors {
        if let Stored::Tensor(tensor) = stored {
            tensors.insert(name, tensor);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let metadata = IndexMap::from([("note".to_owned(), "a \"quoted\" note".to_owned())]);
    safetensors::save(&path, &tensors, &metadata, &Cancel::new()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), safetensors::to_bytes(&tensors, &metadata));
    let read = safetensors::load(&path).unwrap();
    assert_eq!(read.metadata, metadata);
    assert!(read.tensors.keys().eq(tensors.keys()));
    for (name, tensor) in &tensors {
        let Stored::Tensor(back) = &read.tensors[name] else { panic!("{name}") };
        assert_eq!((back.to_string(), back.bytes()), (tensor.to_string(), tensor.bytes()), "{name}");
    }
}

fn parse(header: &str, data: usize) -> Result<(), String> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.resize(bytes.len() + data, 0);
    parse_bytes(&bytes)
}

fn parse_bytes(bytes: &[u8]) -> Result<(), String> {
    let storage = Storage::copy_of(bytes, "a test").unwrap();
    safetensors::parse(&storage).map(drop).map_err(|fault| fault.to_string())
}

#[test]
fn safetensors_that_lie_are_refused() {
    let entry = |name: &str, shape: &str, begin: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let file = |entries: &[String]| format!("{{{}}}", entries.join(","));
    assert_eq!(parse(&file(&[entry("a", "[2]", 0, 8), entry("b", "[]", 8, 12)]), 12), Ok(()));
    assert_eq!(parse("{}", 0), Ok(()));
    let max = u64::MAX;
    let cases = [
        (parse(&file(&[entry("a", "[2]", 0, 8), entry("b", "[2]", 4, 12)]), 12), "`b` begins at byte 4"),
        (parse(&file(&[entry("a", "[2]", 0, 8), entry("b", "[1]", 12, 16)]), 16), "ends at 8"),
        (parse(&file(&[entry("a", "[2]", 8, 0)]), 8), "before it begins"),
        (parse(&file(&[entry("a", "[2]", 0, 8)]), 7), "take 8 bytes, and the file has 7"),
        (parse(&file(&[entry("a", "[2]", 0, 8)]), 9), "take 8 bytes, and the file has 9"),
        (parse(&file(&[entry("a", "[3]", 0, 8)]), 8), "takes 12 bytes by its dtype and shape, and 8"),
        (parse(&file(&[entry("a", "[2]", 0, max)]), 8), "file has 8"),
        (parse(&file(&[entry("a", "[4294967296,4294967296]", 0, 0)]), 0), "no memory can hold"),
        (parse(&file(&[entry("a", "[9223372036854775807]", 0, 0)]), 0), "no memory can hold"),
        (parse(&file(&[entry("a", "[-1]", 0, 0)]), 0), "cannot be read"),
        (parse(&file(&[entry("a", "[1.5]", 0, 0)]), 0), "cannot be read"),
        (parse(&file(&[entry("a", "[1]", 0, 4), entry("a", "[1]", 0, 4)]), 4), "`a` is there twice"),
        (
            parse(
                &format!(r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(99)),
                4,
            ),
            "64 axes",
        ),
        (parse(r#"{"a":{"dtype":"F99","shape":[],"data_offsets":[0,4]}}"#, 4), "`F99` is no known dtype"),
        (parse(r#"{"a":{"dtype":"F32","shape":[]}}"#, 0), "data_offsets"),
        (parse(r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}"#, 4), "unknown field `x`"),
        (parse(r#"{"__metadata__":{"a":1}}"#, 0), "cannot be read"),
        (parse(&format!(r#"{{"a":{}"#, "[".repeat(100_000)), 0), "cannot be read"),
        (parse(&"{\"a\":".repeat(50_000), 0), "cannot be read"),
        (parse("[]", 0), "does not begin with `{`"),
        (parse_bytes(&[1, 2, 3]), "it has 3 bytes"),
        (parse_bytes(&max.to_le_bytes()), "the limit is 100000000"),
        (parse_bytes(&[&99_u64.to_le_bytes()[..], b"{}"].concat()), "claims 99 bytes, and 2 follow"),
    ];
    for (result, expected) in cases {
        let message = result.expect_err(expected);
        assert!(message.contains(expected), "expected `{expected}` in `{message}`");
    }
}

#[test]
fn no_cut_or_flipped_safetensors_file_panics() {
    let good = std::fs::read(golden("several.safetensors")).unwrap();
    for cut in 0..good.len() {
        assert!(parse_bytes(&good[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..good.len() {
        for byte in [0, b'"', b'9', b'[', 0xff] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let _ = parse_bytes(&bytes);
        }
    }
}
