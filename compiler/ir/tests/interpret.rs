//! The interpreter against numbers worked out by hand or by NumPy (`tests/golden.py` prints those).

use tensc_ir::{Array, EvalErrorKind, Options, Sizes, bind_sizes, interpret, parse_graph, verify};

/// Runs a graph given as text; sizes come from the inputs.
fn run(text: &str, inputs: &[Array]) -> Vec<Array> {
    try_run(text, inputs).unwrap()
}

fn try_run(text: &str, inputs: &[Array]) -> Result<Vec<Array>, tensc_ir::EvalError> {
    let graph = verify(parse_graph(text).unwrap()).unwrap();
    let sizes: Sizes = bind_sizes(&graph, inputs)?;
    interpret(&graph, inputs, &sizes, &Options::default())
}

fn f32(shape: &[usize], entries: &[f64]) -> Array {
    Array::f32(shape, entries).unwrap()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()) || a == b, "{found:?} against {expected:?}");
    }
}

const RINGING: &str = r#"graph ringing {
  input 0 x : f32[T] argument
  v0 = input 0 : f32[T]
  v1 = const f32 0.5 : f32
  v2 = const f32 1.0 : f32
  v3 = polar v1, v2 : c64
  v4 = const c64 0.0, 0.0 : c64
  v5, v6 = rec c forward T axis 0 sequences(v0) constants(v3) states(line 0 depth 1) start(v4) : c64[T], c64 {
    input 0 t : i32 local
    input 1 c.1 : c64 local
    input 2 x : f32 local
    input 3 lambda : c64 local
    v0 = input 1 : c64
    v1 = input 2 : f32
    v2 = input 3 : c64
    v3 = mul v2, v0 : c64
    v4 = cast c64 v1 : c64
    v5 = add v3, v4 : c64
    output c = v5
  }
  v7 = re v5 : f32[T]
  v8 = last axis 0 v5 : c64
  output y = v7
  output end = v6
  output last = v8
}
"#;

#[test]
fn an_impulse_rings() {
    let outputs = run(RINGING, &[f32(&[4], &[1.0, 0.0, 0.0, 0.0])]);
    let ring = |n: i32| 0.5_f64.powi(n) * f64::from(n).cos();
    close(outputs[0].as_real().unwrap(), &[ring(0), ring(1), ring(2), ring(3)], 1e-7);
    assert_eq!(outputs[1], outputs[2]);
    let empty = run(RINGING, &[f32(&[0], &[])]);
    assert_eq!(empty[0].shape(), &[0]);
    assert_eq!(empty[1].as_complex().unwrap(), &[[0.0, 0.0]]);
}

#[test]
fn the_text_form_is_what_was_parsed() {
    assert_eq!(parse_graph(RINGING).unwrap().to_string(), RINGING);
}

#[test]
fn an_index_out_of_range_is_told_with_its_place() {
    let text = r#"graph g {
      input 0 table : f32[3, 2] argument
      input 1 tokens : i32[2, 2] argument
      v0 = input 0 : f32[3, 2]
      v1 = input 1 : i32[2, 2]
      v2 = gather batch 0 v0, v1 : f32[2, 2, 2]
      output y = v2
    }"#;
    let table = f32(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let rows = run(text, &[table.clone(), Array::i32(&[2, 2], &[0, 2, 2, 1]).unwrap()]);
    assert_eq!(rows[0].as_real().unwrap(), &[1.0, 2.0, 5.0, 6.0, 5.0, 6.0, 3.0, 4.0]);
    let error = try_run(text, &[table, Array::i32(&[2, 2], &[0, 1, 3, 0]).unwrap()]).unwrap_err();
    assert_eq!(error.kind, EvalErrorKind::Index { index: 3, position: vec![1, 0], size: 3 });
}
