//! The tables and their Arrow schemas: what a column means, its unit, and when it is null.
//!
//! The same schema serves hot rows and segments as they are read. Ids are lowercase hexadecimal text, times are UTC nanoseconds, money is
//! an exact decimal, and everything a table does not name is kept as JSON text in the encoding of
//! `docs/formats/attributes.md`. Columns are only ever added: a reader fills what an older segment lacks with nulls.
//! Files of spans leave out what other columns tell ([`Table::stored_schema`]).

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use model::Usd;

/// What rows are about. Each table has its own segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row a span: the narrow columns, and its attributes with large texts replaced by references to bodies.
    Spans,
    /// Large texts, each kept once per trace under its hash, or a few times where flushes did not know of each other (`known.rs`).
    Bodies,
    /// One row a run: totals over the spans of a trace.
    Runs,
    /// One row a log record.
    Logs,
    /// One row a metric data point.
    Samples,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 5] = [Self::Spans, Self::Bodies, Self::Runs, Self::Logs, Self::Samples];

    /// Name in paths, in the catalog and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Bodies => "bodies",
            Self::Runs => "runs",
            Self::Logs => "logs",
            Self::Samples => "samples",
        }
    }

    /// The table of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The column by whose value [`crate::SegmentMeta::min_time`] and `max_time` are taken.
    pub const fn time_column(self) -> &'static str {
        match self {
            Self::Spans | Self::Runs | Self::Bodies => "started_at",
            Self::Logs | Self::Samples => "time",
        }
    }

    /// Its columns.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 5]> = LazyLock::new(|| {
            [spans(), bodies(), runs(), logs(), samples()].map(|fields| Arc::new(Schema::new(fields)))
        });
        Arc::clone(&SCHEMAS[self as usize])
    }

    /// Columns of its files: those of [`Self::schema`], but of spans what the others tell is left out. Reading puts it back.
    pub fn stored_schema(self) -> SchemaRef {
        static SPANS: LazyLock<SchemaRef> = LazyLock::new(|| {
            let mut fields = spans();
            fields.retain(|field| field.name() != DURATION);
            fields.push(may(IN_COLUMNS, Utf8));
            Arc::new(Schema::new(fields))
        });
        if self == Self::Spans { Arc::clone(&SPANS) } else { self.schema() }
    }
}

/// How long a span took. Files since version 3 have no such column: it is the difference of `ended_at` and `started_at`.
pub const DURATION: &str = "duration_ms";
/// The attributes of a span.
pub const ATTRIBUTES: &str = "attributes";
/// Column of the files of spans since version 3: which attributes are not in [`ATTRIBUTES`], because a column has their value. A JSON
/// object of keys and names of columns, null where all are there; see `docs/formats/segments.md`.
pub const IN_COLUMNS: &str = "attributes_in_columns";
/// Columns that may have an attribute's value: texts and integers. Files say which they mean, so the list may grow; a name that
/// was ever in it stays. Of columns with the same value the first is preferred.
pub const REPEATED: &[&str] = &[
    "request_model",
    "model",
    "provider",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "reported_total_tokens",
    "finish_reason",
    "response_id",
    "tool_name",
    "tool_call_id",
    "agent",
    "session_id",
    "user_id",
    "workflow",
    "agent_version",
    "query_type",
    "outcome",
    "prompt_name",
    "prompt_version",
    "error_type",
    "error_message",
    "input_preview",
    "output_preview",
    "service",
    "name",
];

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Type of every time: nanoseconds since 1970, UTC.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// Digits of `cost_usd`: the most a 128-bit decimal holds.
pub const COST_PRECISION: u8 = 38;
/// Decimal places of `cost_usd`, as of [`Usd`].
pub const COST_SCALE: i8 = Usd::SCALE as i8;

/// Type of `cost_usd`.
pub fn cost_type() -> DataType {
    DataType::Decimal128(COST_PRECISION, COST_SCALE)
}

/// Type of a list of texts.
pub fn list_type() -> DataType {
    DataType::List(list_item())
}

/// The element of a list of texts.
pub(crate) fn list_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Utf8, true))
}

/// Type of a list of numbers with `number` elements.
pub(crate) fn numbers_type(number: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", number, true)))
}

fn must(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn may(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

use DataType::{Boolean, Float64, Int64, UInt8, UInt16, UInt32, UInt64, Utf8};

/// Columns every table begins with: whose row.
fn tenant() -> Vec<Field> {
    vec![
        // The project that owns the row.
        must("project", Utf8),
        // Deployment environment, `default` where the sender names none.
        must("environment", Utf8),
    ]
}

/// Token counts, `model::Usage`: input includes cache, output includes reasoning, null means nobody said.
fn usage() -> Vec<Field> {
    vec![
        may("input_tokens", Int64),
        may("output_tokens", Int64),
        may("cache_read_tokens", Int64),
        may("cache_write_tokens", Int64),
        may("reasoning_tokens", Int64),
        // The total as the sender gave it.
        may("reported_total_tokens", Int64),
        // Input plus output, else the reported total. Derived; here so that SQL can sort by it.
        may("total_tokens", Int64),
    ]
}

/// `spans`: `model::Span` first, then what is needed to give the span back exactly as sent.
fn spans() -> Vec<Field> {
    let mut fields = tenant();
    fields.extend([
        must("trace_id", Utf8),
        must("span_id", Utf8),
        may("parent_span_id", Utf8),
        // Log sequence number of the request that brought it; of two rows of one span the higher counts.
        must("version", UInt64),
        must("received_at", time_type()),
        // `otel_genai`, `openinference`, …; empty when no dialect understood the span.
        must("dialect", Utf8),
        must("dialect_version", UInt16),
        must("name", Utf8),
        // A word of `model::StepKind`.
        must("kind", Utf8),
        // A word of `model::SpanStatus`: ok, error, running.
        must("status", Utf8),
        may("error_type", Utf8),
        may("error_message", Utf8),
        // As sent.
        must("started_at", time_type()),
        // As sent; null while the span runs.
        may("ended_at", time_type()),
        // Milliseconds, never negative; null while the span runs. Derived.
        may("duration_ms", Float64),
        may("service", Utf8),
        may("agent", Utf8),
        may("agent_version", Utf8),
        may("workflow", Utf8),
        may("session_id", Utf8),
        may("user_id", Utf8),
        may("query_type", Utf8),
        may("outcome", Utf8),
        may("model", Utf8),
        may("request_model", Utf8),
        may("provider", Utf8),
        may("response_id", Utf8),
    ]);
    fields.extend(usage());
    fields.extend([
        // own or aggregate.
        must("usage_role", Utf8),
        may("cost_usd", cost_type()),
        // reported or computed.
        may("cost_source", Utf8),
        // Milliseconds to the first token.
        may("ttft_ms", Float64),
        may("finish_reason", Utf8),
        may("tool_name", Utf8),
        may("tool_call_id", Utf8),
        may("requested_tool_calls", list_type()),
        may("documents", UInt32),
        may("prompt_name", Utf8),
        may("prompt_version", Utf8),
        may("tags", list_type()),
        must("provider_sdk", Boolean),
        may("told_in", Utf8),
        may("told", Utf8),
        must("remote_parent", Boolean),
        may("input_preview", Utf8),
        may("output_preview", Utf8),
        must("unmapped", UInt32),
        // From here on: the span as sent. Null where the sender left it out.
        may("trace_state", Utf8),
        must("flags", UInt32),
        // unspecified, internal, server, client, producer, consumer.
        must("span_kind", Utf8),
        // unset, ok, error.
        must("status_code", Utf8),
        may("status_message", Utf8),
        must("dropped", UInt32),
        // JSON object; large texts are `{"$body":[…]}`, see docs/formats/attributes.md.
        must("attributes", Utf8),
        // JSON array of {"time","name","attributes"}; time in nanoseconds. Null for none.
        may("events", Utf8),
        // JSON array of {"trace_id","span_id","trace_state","attributes"}. Null for none.
        may("links", Utf8),
        // JSON object: the resource's attributes.
        must("resource", Utf8),
        // JSON object {"name","version","attributes"}.
        must("scope", Utf8),
    ]);
    fields
}

/// `bodies`: large texts out of spans.
fn bodies() -> Vec<Field> {
    let mut fields = tenant();
    fields.extend([
        // The trace whose spans refer to it.
        must("trace_id", Utf8),
        // First 128 bits of BLAKE3 over the text's UTF-8 bytes, 32 hexadecimal digits.
        must("hash", Utf8),
        // Length in bytes.
        must("length", UInt64),
        // Log sequence number of the request that first brought it.
        must("version", UInt64),
        // Clamped start of the span that first carried it.
        must("started_at", time_type()),
        // The text, exactly as sent.
        must("text", Utf8),
    ]);
    fields
}

/// `runs`: `model::Run`.
fn runs() -> Vec<Field> {
    let mut fields = tenant();
    fields.extend([
        must("trace_id", Utf8),
        // Highest version among its spans.
        must("version", UInt64),
        must("name", Utf8),
        may("root_span_id", Utf8),
        // The top agent.
        may("agent", Utf8),
        // Names of all agents, each once. Derived; here so that a filter needs no JSON.
        may("agent_names", list_type()),
        // JSON array of `model::AgentNode`.
        must("agents", Utf8),
        may("service", Utf8),
        may("workflow", Utf8),
        may("session_id", Utf8),
        may("user_id", Utf8),
        may("agent_version", Utf8),
        may("query_type", Utf8),
        // A word of `model::RunStatus`: ok, error, running, abandoned.
        must("status", Utf8),
        may("error_type", Utf8),
        may("error_message", Utf8),
        may("outcome", Utf8),
        must("started_at", time_type()),
        // End of the latest span; null while nothing ended.
        may("ended_at", time_type()),
        must("last_received_at", time_type()),
        must("duration_ms", Float64),
        // All spans with a kind.
        must("steps", UInt32),
        // JSON object: number of steps by kind, kinds that occur only.
        must("steps_by_kind", Utf8),
        must("llm_calls", UInt32),
        must("tool_calls", UInt32),
        must("retrievals", UInt32),
        must("rounds", UInt32),
        must("errors", UInt32),
        must("retries", UInt32),
    ]);
    fields.extend(usage());
    fields.extend([
        may("cost_usd", cost_type()),
        may("models", list_type()),
        may("tools", list_type()),
        may("tags", list_type()),
        may("input_preview", Utf8),
        may("output_preview", Utf8),
        // Totals may still change.
        must("provisional", Boolean),
    ]);
    fields
}

/// `logs`: `model::Log`, then the record as sent.
fn logs() -> Vec<Field> {
    let mut fields = tenant();
    fields.extend([
        // Hash of resource, scope, time and content, 32 hexadecimal digits.
        must("id", Utf8),
        must("version", UInt64),
        must("time", time_type()),
        must("received_at", time_type()),
        // OTLP severity number, 0 when unset.
        must("severity", UInt8),
        must("severity_text", Utf8),
        may("event_name", Utf8),
        may("service", Utf8),
        may("trace_id", Utf8),
        may("span_id", Utf8),
        // First characters of the body.
        must("preview", Utf8),
        // From here on: the record as sent.
        // Body in the encoding of docs/formats/attributes.md: a text body is a JSON string. Null for none.
        may("body", Utf8),
        must("attributes", Utf8),
        must("resource", Utf8),
        must("scope", Utf8),
        must("flags", UInt32),
        // Attributes that the client's own limits dropped.
        must("dropped", UInt32),
        // Time fields as sent; null when unset.
        may("sent_time", time_type()),
        may("observed_at", time_type()),
        // Severity text and event name as sent; null when empty.
        may("sent_severity_text", Utf8),
        may("sent_event_name", Utf8),
    ]);
    fields
}

/// `samples`: `model::Sample`.
fn samples() -> Vec<Field> {
    let mut fields = tenant();
    fields.extend([
        must("version", UInt64),
        must("time", time_type()),
        must("received_at", time_type()),
        // Start of the interval a sum or histogram covers; null when unset.
        may("started_at", time_type()),
        must("metric", Utf8),
        must("unit", Utf8),
        must("description", Utf8),
        // `service.name` of the resource.
        may("service", Utf8),
        // JSON array of [name, value] in the order sent.
        must("labels", Utf8),
        must("resource", Utf8),
        must("scope", Utf8),
        // gauge, sum, histogram, summary.
        must("type", Utf8),
        // unspecified, delta, cumulative; null where the type has none.
        may("temporality", Utf8),
        may("monotonic", Boolean),
        // Value of a gauge or sum.
        may("value", Float64),
        // Observations of a histogram or summary.
        may("count", UInt64),
        may("sum", Float64),
        may("min", Float64),
        may("max", Float64),
        // Upper bounds of classic buckets, +Inf left out, and one count more than bounds.
        may("bounds", numbers_type(Float64)),
        may("counts", numbers_type(UInt64)),
        // JSON of `model::Exponential`.
        may("exponential", Utf8),
        // JSON array of [quantile, value] of a summary; numbers as exact text.
        may("quantiles", Utf8),
        // JSON array of `model::Exemplar`.
        may("exemplars", Utf8),
    ]);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_time_column_and_begins_with_its_tenant() {
        for table in Table::ALL {
            let schema = table.schema();
            assert_eq!(schema.field_with_name(table.time_column()).unwrap().data_type(), &time_type());
            assert_eq!((schema.field(0).name().as_str(), schema.field(1).name().as_str()), ("project", "environment"));
            assert_eq!(Table::from_name(table.name()), Some(table));
        }
    }

    #[test]
    fn attributes_are_left_out_for_texts_and_integers_that_files_have() {
        let stored = Table::Spans.stored_schema();
        for name in REPEATED {
            let field = stored.field_with_name(name).unwrap();
            assert!(matches!(field.data_type(), Utf8 | Int64), "{name}");
        }
        assert!(stored.field_with_name(DURATION).is_err() && stored.field_with_name(IN_COLUMNS).is_ok());
    }
}
