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
