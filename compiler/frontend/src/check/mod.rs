//! Names, types, symbolic shapes: from the syntax tree to a graph.
//!
//! A program is *elaborated by instantiation*: hyperparameters are numbers, calls are inlined, cells are made, and each entry point
//! becomes one [`Graph`](tensc_ir::Graph) whose sizes are numbers, or run-time sizes such as `T`. `check` elaborates everything in a file; what nothing
//! instantiates is elaborated with hyperparameters that are only names.
//!
//! ```text
//! fn f(x: f32[T, 4], w: f32[4, 2]) -> f32[T, 2] { x @ w }
//! v2 = contract "ab,bc->ac" v0, v1 : f32[T, 2]
//! ```

mod builtins; // the names that every file has
mod call; // what is called, and its arguments
mod cell; // hyperparameters, parameters, sub-cells
mod condition; // `if`
mod elaborator; // the state of an elaboration
mod entry; // a function as a graph of its own
mod expr; // expressions and statements
mod fold; // `fold` and repeats
mod index; // `x[..]`
mod init; // INIT expressions
mod inline; // functions, mapped over extra axes
mod library; // the standard library's files
mod load; // a file and all that it uses
mod names; // what a name means
mod one_input; // a weight of a layer that is read besides its layers
mod operator; // `+`, `@`, `and`
mod program; // parsed files
mod rec; // recurrences
mod region; // where ops go
mod request; // what is asked of a program: an entry, a preset, settings
mod results; // what a function gives
mod scopes; // names that mean nothing
mod sharing; // what a check does once
mod size; // exact numbers with their spelling
mod tensor; // values as tensors, broadcasting
mod test_block; // assertions
mod types; // declared types
mod unused; // names that nothing uses
mod value; // what an expression is worth
mod whole_file; // every problem of a file

pub use builtins::{Builtin, Group, builtins};
pub use entry::{ArgumentInfo, ResultInfo};
pub use library::{library_names, library_text};
pub use load::{Loader, NoFiles};
pub use program::Program;
pub use request::{Assertion, Elaborated, ElaboratedTest, Entry, Failure, ParamInfo};
pub use test_block::Check;
pub use whole_file::check;

pub(crate) use elaborator::Elaborator;
