//! What Tawny derives from spans.
//!
//! Pure: spans and the time go in, values come out. The crate has no clock, no randomness and no I/O, so a
//! simulation, a replay and the server get the same answer from the same spans.
//!
//! * [`changes`]: what an agent is made of, so that a change of it is seen.
//! * [`detect`]: what went wrong in a run, what runs usually are, and when that changes.
//! * [`doctor`]: what is wrong with the instrumentation, and what to change.
//! * [`graph`]: who called whom in a run, to be summed over many.
//! * [`metrics`]: counters and histograms of runs, under the names that dashboards and rules use.
//! * [`money`]: what runs cost call by call, budgets, forecasts and service levels.
//! * [`prices`]: what a model call cost, from a dated price table.
//! * [`runs`]: one trace seen as one piece of agent work, with its tree, its totals and who called what.

pub mod changes;
pub mod detect;
pub mod doctor;
mod file_error;
pub mod graph;
pub mod metrics;
pub mod money;
pub mod prices;
pub mod runs;

pub use file_error::FileError;
