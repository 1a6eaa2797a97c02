//! Questions that later stages ask of a graph. The answers are facts about values; nothing is rewritten.

pub mod dependence;
pub mod forms;
pub mod matrix;
pub mod recurrence;
pub mod time;

pub use dependence::Dependence;
pub use forms::{forms, only_group, set_form, why_not};
pub use matrix::{Matrix, matrix};
pub use recurrence::{Class, Group, classify};
pub use time::{Fact, Pairs, Reason, TimeFacts, time_facts};
