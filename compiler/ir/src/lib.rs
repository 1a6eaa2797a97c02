//! What a program means: about 25 tensor ops, the graph that holds them, its text form, its verifier, the f64
//! reference interpreter that *is* the meaning of the language, and the analyses that later stages ask.
//!
//! ```
//! use tensc_ir::{Array, Options, Sizes, interpret, parse_graph, verify};
//!
//! let text = r#"graph double {
//!   input 0 x : f32[T] argument
//!   v0 = input 0 : f32[T]
//!   v1 = add v0, v0 : f32[T]
//!   output y = v1
//! }"#;
//! let graph = verify(parse_graph(text)?)?;
//! let x = Array::f32(&[2], &[1.0, 2.5]).ok_or("two entries")?;
//! let sizes = Sizes::from([("T".into(), 2)]);
//! let y = interpret(&graph, &[x], &sizes, &Options::default())?;
//! assert_eq!(y, [Array::f32(&[2], &[2.0, 5.0]).ok_or("two entries")?]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In reading order:

#![warn(missing_docs)]

pub mod dim; // symbolic sizes
pub mod dtype; // element types
pub mod types; // element type and shape of a value

pub mod form; // how a recurrence is computed
pub mod graph; // nodes, values, inputs, outputs
pub mod op; // the ops, each with its meaning

pub mod attributes; // what ops hold besides operands
pub mod mnemonic; // the word for each op

pub mod infer; // shape and dtype rules

pub mod builder; // a graph, node by node
pub mod text; // printed and parsed back
pub mod verify; // what every stage may rely on

pub mod array; // a tensor value
pub mod interpret; // the meaning: runs a graph in f64
pub mod random; // random numbers by seed, key and counter

pub mod analyse; // questions that later stages ask
pub mod prune; // removes what no output needs
pub mod stream; // memory made explicit, for sequences in pieces

pub use array::{Array, Data};
pub use builder::Builder;
pub use dim::{Dim, DimError, Sizes};
pub use dtype::DType;
pub use form::{Form, NoForm};
pub use graph::{Graph, Input, Node, NodeId, Origin, Require, Role, Value, ValueId};
pub use infer::{TypeError, infer};
pub use interpret::{EvalError, EvalErrorKind, Options, bind_sizes, interpret};
pub use op::{
    BinaryOp, Constant, Contraction, Direction, Distribution, FftKind, Op, Rec, RecState, ReduceKind, Repeat,
    UnaryOp,
};
pub use prune::prune;
pub use stream::{NotStreamable, StateInfo, Streaming, accumulate, stream};
pub use text::{ParseError, parse_dim, parse_graph};
pub use types::Type;
pub use verify::{Verified, VerifyError, VerifyErrorKind, verify};
