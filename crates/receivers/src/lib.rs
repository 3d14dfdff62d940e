//! What the SDKs of other vendors send, read into telemetry: Langfuse's ingestion batches, LangSmith's runs, the OpenAI
//! Agents SDK's traces, Phoenix' annotations, Datadog's traces and evaluations.
//!
//! These protocols tell of one span in pieces: created here, updated there, in any order. A decoder turns bytes into
//! [`Told`]: [`Partial`]s, which say something about a span, and [`Score`]s, which judge one. [`Known`] is what all partials
//! of a span say together, whatever order they came in. It reads like a span sent over OTLP with the vendor's own attribute keys
//! (`langfuse.*`, `langsmith.*`, `gen_ai.*`), so that the `dialects` crate needs to know one spelling only.
//!
//! The crate is pure: no clock, no I/O, no async. Where bytes do not say when, the caller's time of receipt stands in.
//! What a client did wrong is never a panic: a request that cannot be read at all is a [`DecodeError`], a bad item is counted
//! in [`Told::items`] and costs its neighbours nothing.

pub mod datadog;
mod ids;
mod known;
pub mod langfuse;
pub mod langsmith;
pub mod openai_agents;
mod partial;
pub mod phoenix;
mod raw_json;
mod score;

pub use ids::{root_span_id, span_id, trace_id};
pub use known::{Known, TOLD};
pub use partial::{DecodeError, Item, Partial, Told};
pub use score::{EVALUATION, Score, VALUE as SCORE_VALUE, WAITING};

/// Items (events, runs, parts) of one request that are read; further ones are refused.
pub const ITEMS_MAX: usize = 50_000;
