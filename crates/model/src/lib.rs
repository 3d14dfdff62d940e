//! Tawny's one vocabulary.
//!
//! Every other crate speaks in these types. Two worlds are kept apart on purpose:
//!
//! * [`raw`]: telemetry as a client sent it, decoded from some wire format but not understood;
//! * everything else: what Tawny understood ([`Span`], [`Usage`], [`Message`], [`Run`], …).
//!
//! The crate is small and pure: no clock, no randomness, no async, no Arrow, no I/O.

mod amount;
mod content;
mod finding;
mod ids;
mod join;
mod kind;
mod log;
mod money;
pub mod raw;
mod run;
mod sample;
mod span;
mod tenant;
mod time;
mod told;
mod usage;
mod value;

pub use amount::{number_and_unit, parse_bytes};
pub use content::{Content, Document, Message, Part, Role, ToolDefinition};
pub use finding::{Finding, Severity};
pub use ids::{IdError, SpanId, TraceId};
pub use join::{Join, JoinReason, Relation};
pub use kind::{SpanStatus, StepKind};
pub use log::Log;
pub use money::{CostSource, Usd};
pub use run::{AgentNode, KindCounts, ResolvedStep, Run, RunStatus};
pub use sample::{Exemplar, Exponential, HistogramPoint, Sample, SampleKind, Temporality};
pub use span::{PREVIEW_CHARS, Span, preview};
pub use tenant::Tenant;
pub use time::Timestamp;
pub use told::{Part as ToldPart, Told};
pub use usage::{Billing, Usage, UsageRole};
pub use value::{Attributes, Value};
