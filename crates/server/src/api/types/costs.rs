//! Costs: questions and answers.

use std::collections::BTreeMap;

use model::{SpanId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Costs by key and time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CostAnswer {
    /// The keys, in the order of the values in each row.
    pub by: Vec<String>,
    /// `hour`, `day` or `month`; null where the whole time is one stretch.
    #[schema(required)]
    pub step: Option<String>,
    /// Runs before this moment are missing, because entries are kept for so long only; null where the answer is complete.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub entries_since: Option<Timestamp>,
    /// The whole, over all rows.
    pub total: CostSums,
    /// By time, then by money, the dearest first. Stretches and values that do not occur are left out.
    pub rows: Vec<CostRow>,
}

/// One row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CostRow {
    /// Beginning of the stretch of time; null without a step.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub time: Option<Timestamp>,
    /// Values of the keys; null where nobody knows.
    pub by: Vec<Option<String>>,
    /// Sums.
    #[serde(flatten)]
    pub sums: CostSums,
    /// Money that the agent delegated to agents below it; only where costs are grouped by agent alone, without filters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_usd: Option<f64>,
}

/// Sums over entries of the ledger.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct CostSums {
    /// Entries: model calls, and totals above calls that tell no cost.
    pub calls: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Input read from a cache.
    pub cache_read_tokens: u64,
    /// Input written to a cache.
    pub cache_write_tokens: u64,
    /// Reasoning in the output.
    pub reasoning_tokens: u64,
    /// Tokens nobody knows the cost of: their cost is missing in the sum.
    pub unpriced_tokens: u64,
    /// Dollars, estimates included.
    pub cost_usd: f64,
    /// Of these, estimated.
    pub estimated_usd: f64,
}

/// What a day and a month will come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CostForecast {
    /// Dollars since the day began (UTC).
    pub today_usd: f64,
    /// Dollars expected for the whole day.
    pub day_usd: f64,
    /// Dollars since the month began (UTC).
    pub month_to_date_usd: f64,
    /// Dollars expected for the whole month.
    pub month_usd: f64,
    /// Full days before today that it is based on; 0: on the hours since money was first spent.
    pub basis_days: i64,
}

/// Models whose tokens have no cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnpricedAnswer {
    /// The models, the most tokens first.
    pub models: Vec<UnpricedModel>,
}

/// A model without a price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnpricedModel {
    /// The model; null where calls name none.
    #[schema(required)]
    pub model: Option<String>,
    /// Who served it.
    #[schema(required)]
    pub provider: Option<String>,
    /// `unknown_model`: no row; `uncertain`: the counts do not say what was input and what output; `no_call`: a step that calls no
    /// model tells the tokens.
    pub why: String,
    /// Entries.
    pub calls: u64,
    /// Tokens.
    pub tokens: u64,
}

/// The same traffic on another model.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhatIf {
    /// The model that was asked about.
    pub model: String,
    /// Entries that are compared: those with a cost now and on that model.
    pub calls: u64,
    /// What they cost.
    pub cost_usd: f64,
    /// What they would cost.
    pub would_cost_usd: f64,
    /// Entries that cannot be compared: without tokens or a cost.
    pub left_out: u64,
}

/// Which entries to price again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepriceRequest {
    /// Runs with a call at this moment or later: RFC 3339, a day, or a distance from now such as `7d`; everything kept where left out.
    pub since: Option<String>,
    /// Only say what would change.
    pub dry_run: bool,
}

/// What pricing again changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Repriced {
    /// Runs looked at.
    pub runs: u64,
    /// Runs that changed.
    pub changed_runs: u64,
    /// Entries that changed.
    pub changed_calls: u64,
    /// Dollars of the runs before.
    pub before_usd: f64,
    /// And after.
    pub after_usd: f64,
    /// Nothing was kept.
    pub dry_run: bool,
    /// The run that changed most.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<TraceId>,
}

/// Prices in use.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PricesAnswer {
    /// Rows built in.
    pub built_in: usize,
    /// Rows of files and of the API above them.
    pub own: Vec<PriceRow>,
    /// Files named in the settings.
    pub files: Vec<String>,
    /// The text given over the API, in the format of the files; empty for none.
    pub text: String,
}

/// A price row of the user's own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PriceRow {
    /// Its id, which entries of the ledger name.
    pub id: String,
    /// Who sells; `*` for everybody.
    pub provider: String,
    /// The model.
    pub model: String,
    /// First moment it holds.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub from: Option<Timestamp>,
    /// Dollars per million input tokens.
    pub input: f64,
    /// Dollars per million output tokens.
    pub output: f64,
}

/// What a model's tokens cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ModelPrice {
    /// Id of the row, which entries of the ledger name.
    pub id: String,
    /// Who sells; `*` for everybody.
    pub provider: String,
    /// The model the row is for.
    pub model: String,
    /// First moment it holds.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub from: Option<Timestamp>,
    /// Dollars per million tokens of each class, of a standard call with a prompt of usual length. A class the row does not name has the
    /// price it falls back to.
    pub rates: BTreeMap<String, f64>,
    /// Whether the model's id names a regional endpoint that costs more.
    pub regional: bool,
    /// Where the price was read.
    pub source: String,
    /// The day it was read.
    #[schema(required)]
    pub read: Option<String>,
}

/// What the calls of a run cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunCosts {
    /// The run.
    #[schema(value_type = String)]
    pub trace_id: TraceId,
    /// Dollars of all calls, as the run's totals have them.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// Dollars of calls without token counts, guessed from their texts; not in `cost_usd`.
    #[schema(required)]
    pub guessed_usd: Option<f64>,
    /// The calls, in the order of the run's steps.
    pub calls: Vec<RunCall>,
}

/// One call in the ledger.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunCall {
    /// The step.
    #[schema(value_type = String)]
    pub span_id: SpanId,
    /// When it began: prices go by this.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Agent that made it.
    #[schema(required)]
    pub agent: Option<String>,
    /// Tool inside of which it was made.
    #[schema(required)]
    pub tool: Option<String>,
    /// Model that answered.
    #[schema(required)]
    pub model: Option<String>,
    /// Who served it.
    #[schema(required)]
    pub provider: Option<String>,
    /// Service tier: `standard`, `batch`, `flex`, `priority`.
    pub tier: String,
    /// Tokens in, cached ones included.
    #[schema(required)]
    pub input_tokens: Option<u64>,
    /// Tokens out, reasoning included.
    #[schema(required)]
    pub output_tokens: Option<u64>,
    /// Part of the input that was read from a cache.
    #[schema(required)]
    pub cache_read_tokens: Option<u64>,
    /// Part of the input that was written to a cache.
    #[schema(required)]
    pub cache_write_tokens: Option<u64>,
    /// Part of the output that is reasoning.
    #[schema(required)]
    pub reasoning_tokens: Option<u64>,
    /// Dollars, where known or guessed.
    #[schema(required)]
    pub cost_usd: Option<f64>,
    /// How that is known: `reported` by the client, `computed` from a price, `aggregated` (reported for a step above the calls), `estimated`,
    /// `unknown_model`, `uncertain` (between two bounds), `elsewhere` (another entry tells it), `no_call`.
    pub basis: String,
    /// What was guessed, of an estimate.
    #[schema(required)]
    pub why: Option<String>,
    /// Where it is uncertain: no less than this.
    #[schema(required)]
    pub least_usd: Option<f64>,
    /// And no more than this.
    #[schema(required)]
    pub most_usd: Option<f64>,
    /// Row of the prices it was computed with.
    #[schema(required)]
    pub price_row: Option<String>,
    /// Where that price was read.
    #[schema(required)]
    pub price_source: Option<String>,
    /// The day it was read.
    #[schema(required)]
    pub price_read: Option<String>,
    /// Budget reservation it was made under.
    #[schema(required)]
    pub reservation: Option<String>,
}
