//! Graph to program: what is computed where, in which order, in which memory.
//!
//! In comes a graph (already streamed where it can be), out goes a target-independent [`Program`](tensc_program::Program): kernels in tile language, products, transforms and
//! loops over layers, with everything that depends on weights alone moved to `prepare`. Nothing here knows a model: what is fused and what lies in memory follows from
//! each op, its sizes and who reads it.
//!
//! In reading order:

#![warn(missing_docs)]

mod schedule; // the entry point, and what belongs to the whole program

mod legalize; // the graph with ops split that have no kernel of their own
mod plan; // which values get a place in memory
mod scope; // a graph or body that is being scheduled

mod index; // positions
mod place; // strided arrays

mod emit; // instructions
mod kernels; // a kernel for one or more values
mod read; // a value at a position, which is all of fusion

mod mask; // masks of `dropout`
mod pack; // weights in the layout that products read
mod product; // contractions as library calls
mod recipes; // forms of `rec` other than step by step
mod recurrence; // `rec`, as one kernel or step by step
mod region; // the steps of a graph or body
mod repeat; // layers
mod transform; // Fourier transforms

mod coalesce; // copies that need not be

pub use schedule::{Options, ScheduleError, schedule};
