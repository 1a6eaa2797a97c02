//! What a program means: about 25 tensor ops, the graph that holds them, its text form, its verifier, the f64
//! reference interpreter that *is* the meaning of the language, and the analyses that later stages ask.
//!
//! In reading order:

#![warn(missing_docs)]

pub mod dim; // symbolic sizes
pub mod dtype; // element types
pub mod types; // element type and shape of a value

pub mod graph; // nodes, values, inputs, outputs
pub mod op; // the ops, each with its meaning

pub mod analyse; // questions that later stages ask
pub mod array; // a tensor value
pub mod attributes; // what ops hold besides operands
pub mod builder; // a graph, node by node
pub mod infer; // shape and dtype rules
pub mod interpret; // the meaning: runs a graph in f64
pub mod mnemonic; // the word for each op
pub mod prune; // removes what no output needs
pub mod random; // random numbers by seed, key and counter
pub mod stream; // memory made explicit, for sequences in pieces
pub mod text; // printed and parsed back
pub mod verify; // what every stage may rely on

pub use array::{Array, Data};
pub use builder::Builder;
pub use dim::{Dim, DimError, Sizes};
pub use dtype::DType;
pub use graph::{Graph, Input, Node, NodeId, Origin, Require, Role, Value, ValueId};
pub use infer::{TypeError, infer};
pub use interpret::{EvalError, EvalErrorKind, Options, bind_sizes, interpret};
pub use op::{
    BinaryOp, Constant, Contraction, Direction, Distribution, FftKind, Op, Rec, RecState, ReduceKind, Repeat,
    UnaryOp,
};
pub use prune::prune;
pub use stream::{NotStreamable, StateInfo, Streaming, stream};
pub use text::{ParseError, parse_dim, parse_graph};
pub use types::Type;
pub use verify::{Verified, VerifyError, VerifyErrorKind, verify};
