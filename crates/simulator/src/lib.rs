//! Traffic of agents that do not exist: for the demo, for tests and for load.
//!
//! Three stages, each of them data:
//!
//! 1. [`Simulator::next_plan`] writes a [`Plan`]: what one run of one of six industries' agents does, step by step, at which
//!    offsets, with which words. It knows nothing of OpenTelemetry.
//! 2. [`tell`] turns a plan into spans and log records in the plan's [`Dialect`], as a real client of that dialect would
//!    send them: children before parents, in batches, while the run goes on.
//! 3. [`Traffic`] lets runs overlap at a rate and gives encoded OTLP requests in the order of sending. [`Load`] is its fast
//!    sibling: prepared requests with fresh ids and times.
//!
//! Nothing here reads a clock or draws real randomness: the same seed and start give the same bytes.
//!
//! An [`Incident`] (a tool that breaks, an outdated document after a reindex, a loop) comes between stages one and two: it is a
//! function over the [`Plan`] that a simulator wrote, so that it shows in every dialect alike.

mod card;
mod chat;
mod dialects;
mod incidents;
mod industries;
mod load;
mod plan;
mod random;
mod scene;
mod simulator;
mod traffic;

pub use card::{Model, Service};
pub use dialects::{Dialect, Emission, Payload, tell};
pub use incidents::Incident;
pub use industries::Industry;
pub use load::Load;
pub use plan::{Failure, LlmCall, LogLine, Plan, Severity, Step, Work};
pub use simulator::Simulator;
pub use traffic::{Signal, Timed, Traffic};
