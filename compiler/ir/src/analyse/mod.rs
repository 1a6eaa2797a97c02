//! Questions that later stages ask of a graph. The answers are facts about values; nothing is rewritten.

pub mod dependence;
pub mod time;

pub use dependence::Dependence;
pub use time::{Fact, Reason, TimeFacts, time_facts};
