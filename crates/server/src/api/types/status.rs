//! What the server says about itself, and problems.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

/// An error answer (RFC 9457), sent as `application/problem+json`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A name for this sort of problem, stable for scripts.
    #[schema(example = "bad-parameter")]
    pub r#type: String,
    /// The sort of problem in words.
    #[schema(example = "A parameter cannot be read")]
    pub title: String,
    /// HTTP status code.
    #[schema(example = 400)]
    pub status: u16,
    /// What was wrong in this request and what to do.
    #[schema(example = "cannot read `limit=many`: give a number from 1 to 500")]
    pub detail: String,
}

/// State, counts and limits of the server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of Tawny.
    pub version: String,
    /// When the server started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Seconds since then.
    pub uptime_seconds: f64,
    /// `ready`, `replaying` or `stopping`.
    pub state: String,
    /// Where the server listens.
    pub endpoints: Endpoints,
    /// Requests and items taken in and refused since the start.
    pub ingest: IngestStatus,
    /// What the store says about itself: rows, segments, bytes.
    #[schema(value_type = Object)]
    pub store: Json,
    /// Every limit with its value and how often it was reached since the start.
    pub limits: Vec<Limit>,
    /// Where telemetry is passed on to; absent where nothing is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<ForwardStatus>,
}

/// Passing telemetry on to other backends.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForwardStatus {
    /// In the order of the file.
    pub destinations: Vec<ForwardDestination>,
    /// Requests that came back to this server and were not passed on again.
    pub circles: u64,
    /// Requests that could not be queued because the disk refused them. They are kept, only not passed on.
    pub lost: u64,
}

/// A destination, with counts since the server started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ForwardDestination {
    /// Name.
    pub name: String,
    /// Address, without credentials.
    #[schema(example = "http://tempo:4318")]
    pub url: String,
    /// `http`, `grpc` or `remote-write`.
    pub protocol: String,
    /// What is passed on: `traces`, `logs`, `metrics`.
    pub signals: Vec<String>,
    /// `ok`, or `retrying` while attempts fail.
    pub state: String,
    /// Requests that wait in the queue, those the destination does not want included.
    pub queued_requests: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Bytes that may wait; past that the oldest are dropped.
    pub queue_bytes_max: u64,
    /// Requests the destination took.
    pub sent_requests: u64,
    /// Spans, log records and data points in them.
    pub sent_items: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Requests the destination refused for good.
    pub refused_requests: u64,
    /// Items in them.
    pub refused_items: u64,
    /// Items the destination refused inside requests it took.
    pub rejected_items: u64,
    /// Items that filters held back.
    pub filtered_items: u64,
    /// Requests dropped because too much waited.
    pub dropped_requests: u64,
    /// Requests dropped because they waited too long.
    pub expired_requests: u64,
    /// Requests that were damaged on disk.
    pub damaged_requests: u64,
    /// Attempts that were repeated.
    pub retries: u64,
    /// When the destination last took something.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<Timestamp>,
    /// What went wrong last, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Timestamp>,
    /// Attempts fail since then.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// When the next attempt is made.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Timestamp>,
}

/// Addresses in use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Endpoints {
    /// UI, API and OTLP over HTTP.
    #[schema(example = "http://127.0.0.1:8296")]
    pub http: String,
    /// OTLP over HTTP.
    #[schema(example = "http://127.0.0.1:4318")]
    pub otlp_http: String,
    /// OTLP over gRPC.
    #[schema(example = "http://127.0.0.1:4317")]
    pub otlp_grpc: String,
}

/// Counts of what came in since the server started.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct IngestStatus {
    /// By signal: `traces`, `logs`, `metrics`.
    pub signals: BTreeMap<String, SignalCounts>,
    /// Spans by the dialect that understood them; `none` for those no dialect recognised.
    pub spans_by_dialect: BTreeMap<String, u64>,
    /// Attributes no dialect names. They are kept as sent.
    pub unmapped_attributes: u64,
}

/// Counts of one signal.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct SignalCounts {
    /// Requests answered with success.
    pub requests_accepted: u64,
    /// Requests refused as a whole, by reason.
    pub requests_rejected: BTreeMap<String, u64>,
    /// Spans, log records or data points kept.
    pub items_accepted: u64,
    /// Items refused inside accepted requests.
    pub items_rejected: u64,
    /// The latest reasons for refusing items, in words; a bounded list.
    pub item_reasons: Vec<String>,
    /// Bytes received, as sent (compressed).
    pub bytes: u64,
    /// Bytes after decompression.
    pub bytes_decompressed: u64,
}

/// A limit of the server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// Name of the limit; also the name of its setting, where it has one.
    pub name: String,
    /// Its value.
    pub value: u64,
    /// What is counted: `bytes`, `requests`, `rows`, `seconds`.
    pub unit: String,
    /// How often it was reached since the start.
    pub reached: u64,
}

/// Health in one word, with reasons.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`, `degraded`, `replaying` or `stopping`.
    pub status: String,
    /// Why it is not `ok`, a sentence each.
    pub reasons: Vec<String>,
}
