//! The views SQL can read, with what every column means.
//!
//! Each view is a table of the store as it stands, cut to one project. The descriptions are shown by the API and the UI and in `docs/sql.md`.

use serde::Serialize;
use store::Table;

use crate::json;

/// A view SQL can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct View {
    /// Name in SQL.
    pub name: &'static str,
    /// What a row is.
    pub description: &'static str,
    /// Columns in order.
    pub columns: Vec<ViewColumn>,
}

/// A column of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewColumn {
    /// Name in SQL.
    pub name: String,
    /// Type, in the words of [`Column`](crate::Column).
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it means, in which unit, and when it is null.
    pub description: &'static str,
}

/// Names of the views.
pub(crate) fn names() -> Vec<&'static str> {
    Table::ALL.map(Table::name).into_iter().chain([TOLD]).collect()
}

/// The view of what log records tell. Its rows are kept beside the spans, with the same columns; the view of spans leaves them out, so
/// that nothing in it counts twice.
pub(crate) const TOLD: &str = "told";

/// The views with their columns.
pub fn schema_docs() -> Vec<View> {
    let told = View {
        name: TOLD,
        description: "One row a log record that tells of a step: the same columns as `spans`, where these rows are not. A run shows \
            several of them as one step, or as part of the span that tells the same.",
        ..view(Table::Spans)
    };
    Table::ALL.map(view).into_iter().chain([told]).collect()
}

fn view(table: Table) -> View {
    let (description, own) = match table {
        Table::Spans => ("One row a span, the newest version of each.", SPANS),
        Table::Bodies => (
            "Large texts out of spans, as a rule each once per trace; `{\"$body\":[…]}` in attributes names them by hash.",
            BODIES,
        ),
        Table::Runs => ("One row a run: what the spans of a trace add up to.", RUNS),
        Table::Logs => ("One row a log record.", LOGS),
        Table::Samples => ("One row a metric data point, as sent.", SAMPLES),
    };
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| ViewColumn {
        name: field.name().clone(),
        kind: json::kind(field.data_type()),
        nullable: field.is_nullable(),
        description: describe(field.name(), own).unwrap_or_default(),
    });
    View { name: table.name(), description, columns: columns.collect() }
}

/// What a column means: by the table's own list, else by the one for columns that mean the same everywhere.
fn describe(column: &str, own: &[(&str, &'static str)]) -> Option<&'static str> {
    own.iter().chain(COMMON).find(|(name, _)| *name == column).map(|(_, description)| *description)
}

/// Columns that mean the same in every view.
const COMMON: &[(&str, &str)] = &[
    ("project", "Project that owns the row."),
    ("environment", "Deployment environment; `default` where the sender names none."),
    ("trace_id", "Trace, and with it run: 32 hexadecimal digits."),
    ("span_id", "Span: 16 hexadecimal digits."),
    ("version", "Number of the request that brought the row; of two rows of one thing only the higher is kept."),
    ("received_at", "When the server took it in."),
    ("service", "`service.name` of the resource."),
    ("workflow", "Workflow it belongs to."),
    ("session_id", "Conversation it belongs to."),
    ("user_id", "End user."),
    ("agent_version", "Version of the agent, else of the service."),
    ("query_type", "Task type, where the sender names one."),
    ("outcome", "What the run came to, where the sender says so."),
    ("error_type", "Error class as sent (`error.type`, exception type)."),
    ("error_message", "What went wrong, cut at 1,000 characters."),
    ("input_tokens", "Tokens sent to the model, cached ones included; null when nobody said."),
    ("output_tokens", "Tokens the model produced, reasoning included; null when nobody said."),
    ("cache_read_tokens", "Part of the input read from a prompt cache; null when nobody said."),
    ("cache_write_tokens", "Part of the input written to a prompt cache; null when nobody said."),
    ("reasoning_tokens", "Part of the output that was hidden reasoning; null when nobody said."),
    ("reported_total_tokens", "The total as the sender gave it; null when it gave none."),
    ("total_tokens", "Input plus output, or the reported total where that is more; null when nobody said."),
    ("tags", "Tags."),
    ("input_preview", "First 200 characters of what was asked."),
    ("output_preview", "First 200 characters of what was answered."),
    ("resource", "The resource's attributes, a JSON object; read one with `attr(resource, 'key')`."),
    ("scope", "The instrumentation scope, a JSON object with `name`, `version`, `attributes`."),
    ("flags", "Flags as sent."),
    ("dropped", "Attributes, events and links that limits of the client, or ours, dropped."),
];

const SPANS: &[(&str, &str)] = &[
    ("parent_span_id", "Parent as sent; null for a root."),
    ("dialect", "Convention that was understood (`otel_genai`, `openinference`, …); empty when none was."),
    ("dialect_version", "Version of the conventions that read it."),
    ("name", "Name as sent."),
    (
        "kind",
        "Kind of work: agent, llm, tool, retriever, embedding, reranker, guardrail, handoff, chain, evaluator, other.",
    ),
    ("status", "How it ended: ok, error, running."),
    ("started_at", "Start as sent."),
    ("ended_at", "End as sent; null while it runs."),
    ("duration_ms", "Milliseconds from start to end, never negative; null while it runs."),
    ("agent", "Agent at work."),
    ("model", "Model that answered, else the one asked for."),
    ("request_model", "Model asked for."),
    ("provider", "Who serves the model (`openai`, `aws.bedrock`, …)."),
    ("response_id", "The provider's id of the response."),
    (
        "usage_role",
        "`own` for the span's own usage; `aggregate` for a total over other spans, which sums must leave out; `lost` where the sender names counts and gives no number.",
    ),
    ("cost_usd", "Cost in US dollars, exact; null when unknown."),
    ("cost_source", "Where the cost comes from: reported, computed."),
    ("ttft_ms", "Milliseconds to the first token."),
    ("finish_reason", "Why the model stopped (`stop`, `length`, `tool_calls`, …)."),
    ("tool_name", "Tool that ran."),
    ("tool_call_id", "Id of the call the model made."),
    ("requested_tool_calls", "Ids of the tool calls this LLM step asked for, in order."),
    ("documents", "Documents a retriever returned."),
    ("prompt_name", "Prompt template's name."),
    ("prompt_version", "Prompt template's version."),
    ("provider_sdk", "The instrumentation comes from the provider's own SDK."),
    ("told_in", "Another trace that tells the same model call; it is counted there. Null for none."),
    ("told", "What of which step a log record told (`start:fetch_ticket`); null in `spans`."),
    ("remote_parent", "The parent is in another process, which may report somewhere else."),
    ("unmapped", "Number of attributes no convention names; they are kept in `attributes`."),
    ("trace_state", "W3C trace state as sent."),
    ("span_kind", "OpenTelemetry kind: unspecified, internal, server, client, producer, consumer."),
    ("status_code", "OpenTelemetry status: unset, ok, error."),
    ("status_message", "OpenTelemetry status message."),
    (
        "attributes",
        "All attributes, a JSON object; read one with `attr(attributes, 'key')`. Texts of 256 bytes and more are references into `bodies`: `content(trace_id, attributes, 'key')` gives them whole.",
    ),
    ("events", "Events, a JSON array of objects with `time` (nanoseconds), `name`, `attributes`; null for none."),
    ("links", "Links, a JSON array of objects with `trace_id`, `span_id`, `trace_state`, `attributes`; null for none."),
];

const BODIES: &[(&str, &str)] = &[
    ("trace_id", "Trace whose spans refer to it."),
    ("hash", "Name of the text: the first 128 bits of its BLAKE3 hash, 32 hexadecimal digits."),
    ("length", "Length in bytes."),
    ("started_at", "Start of the span that first carried it, moved next to its arrival where a clock was far off."),
    ("text", "The text exactly as sent."),
];

const RUNS: &[(&str, &str)] = &[
    ("name", "Name of the root; the workflow where the root is plumbing."),
    ("root_span_id", "Root span, where it has arrived."),
    ("agent", "Top agent."),
    ("agent_names", "All agents of the run, top first, each once."),
    ("agents", "What each agent did, a JSON array in the order of the tree."),
    ("status", "How it stands: ok, error, running, abandoned."),
    ("error_type", "Error class of the root, else of the first failed step."),
    ("started_at", "Start of the earliest span."),
    ("ended_at", "End of the latest span; null while nothing ended."),
    ("last_received_at", "When the last span of it arrived."),
    ("duration_ms", "Milliseconds: of the root once it ended, else from start to the latest time seen."),
    ("steps", "Spans of the run that count as steps."),
    ("steps_by_kind", "Steps by kind, a JSON object; kinds that occur only."),
    (
        "llm_calls",
        "Calls of language and embedding models that the tokens come from (wrappers and second tellings are not); where none tells tokens, those that ended without error.",
    ),
    ("tool_calls", "Tool executions."),
    ("retrievals", "Retrievals."),
    ("rounds", "LLM calls in the agents' loops, failed ones included."),
    ("errors", "Failed steps."),
    ("retries", "Steps that repeat a failed sibling."),
    ("cost_usd", "Cost in US dollars, exact, each call counted once; null where no step carries one."),
    ("models", "Models that answered, most used first."),
    ("tools", "Tools that ran, most used first."),
    ("tags", "Tags of all steps."),
    ("provisional", "Totals may still change: the root has not ended, or spans came in a moment ago."),
];

const LOGS: &[(&str, &str)] = &[
    ("id", "Hash of the record, 32 hexadecimal digits; a repeat of the record has the same."),
    ("time", "When it happened; the observed time where the sender gives no other."),
    ("severity", "OTLP severity number (9 INFO, 13 WARN, 17 ERROR), 0 when unset."),
    ("severity_text", "Severity as text."),
    ("event_name", "Event name."),
    ("trace_id", "Trace it belongs to; null for none."),
    ("span_id", "Span it belongs to; null for none."),
    ("preview", "First characters of the body."),
    ("body", "Body as JSON: a text body is a JSON string; null for none."),
    ("attributes", "Attributes, a JSON object; read one with `attr(attributes, 'key')`."),
    ("sent_time", "Time as sent; null when unset."),
    ("observed_at", "Observed time as sent; null when unset."),
    ("sent_severity_text", "Severity text as sent; null when empty."),
    ("sent_event_name", "Event name as sent; null when empty."),
];

const SAMPLES: &[(&str, &str)] = &[
    ("time", "Time of the point."),
    ("started_at", "Start of the interval a sum or histogram covers; null when unset."),
    ("metric", "Metric name as sent."),
    ("unit", "Unit as sent (UCUM)."),
    ("description", "What it means, as sent."),
    ("labels", "Attributes of the point, a JSON array of [name, value]; read one with `attr(labels, 'name')`."),
    ("type", "gauge, sum, histogram, summary."),
    ("temporality", "unspecified, delta, cumulative; null where the type has none."),
    ("monotonic", "Whether a sum only grows; null where the type has none."),
    ("value", "Value of a gauge or sum."),
    ("count", "Observations of a histogram or summary."),
    ("sum", "Sum of the observations, where given."),
    ("min", "Smallest observation, where given."),
    ("max", "Largest observation, where given."),
    ("bounds", "Upper bounds of classic buckets, +Inf left out."),
    ("counts", "Counts of classic buckets, one more than bounds."),
    ("exponential", "Exponential buckets, a JSON object; null where there are none."),
    ("quantiles", "Quantiles of a summary, a JSON array of [quantile, value]."),
    ("exemplars", "Traces that explain the point, a JSON array; null for none."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_described_and_every_description_has_its_column() {
        for table in Table::ALL {
            let (view, schema) = (view(table), table.schema());
            for column in &view.columns {
                assert!(!column.description.is_empty(), "{}.{} is not described", view.name, column.name);
            }
            let own = match table {
                Table::Spans => SPANS,
                Table::Bodies => BODIES,
                Table::Runs => RUNS,
                Table::Logs => LOGS,
                Table::Samples => SAMPLES,
            };
            for (name, _) in own {
                assert!(schema.index_of(name).is_ok(), "{}.{name} is described and does not exist", view.name);
            }
        }
        for (name, _) in COMMON {
            assert!(Table::ALL.iter().any(|table| table.schema().index_of(name).is_ok()), "no table has {name}");
        }
    }
}
