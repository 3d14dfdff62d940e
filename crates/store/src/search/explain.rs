//! From rows in which a needle was found to steps: which attribute of which span, or which log record, says it.
//!
//! A large text may outlive the span that carried it, where the span was sent again without it. So what is found in a body
//! counts only where a span still refers to it.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use model::{Attributes, SpanId, StepKind, Timestamp, TraceId, Value};

use super::needle::Needle;
use super::scan::{Hit, Source};
use crate::bodies::BodyHash;
use crate::error::StoreError;
use crate::rows;
use crate::schema::Table;
use crate::snapshot::Snapshot;

/// Something a run says that contains the needle.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Step that says it; `None` for a log record of no step.
    pub span_id: Option<SpanId>,
    /// Kind of the step; `None` for a log record.
    pub kind: Option<StepKind>,
    /// Name of the step, or of the log record's event.
    pub name: Arc<str>,
    /// Start of the step, or time of the record.
    pub time: Timestamp,
    /// Attribute that says it (`event/attribute` for one of a span's events), or `body` of a log record.
    pub field: String,
    /// The needle with what stands around it.
    pub snippet: String,
}

/// What was found in one trace.
#[derive(Default)]
struct Of {
    bodies: HashMap<BodyHash, Arc<str>>,
    spans: HashSet<SpanId>,
    logs: HashSet<u128>,
}

impl Snapshot {
    /// What the hits are, by trace and in order of time. Traces of which nothing is left are not named.
    pub async fn explain(
        &self,
        project: &str,
        needle: &Needle,
        hits: &[Hit],
    ) -> Result<HashMap<TraceId, Vec<Match>>, StoreError> {
        let mut found: HashMap<TraceId, Of> = HashMap::new();
        for hit in hits {
            let of = found.entry(hit.trace_id).or_default();
            match &hit.source {
                Source::Body { hash, snippet } => drop(of.bodies.insert(*hash, Arc::clone(snippet))),
                Source::Span(id) => drop(of.spans.insert(*id)),
                Source::Log(id) => drop(of.logs.insert(*id)),
            }
        }
        let mut matches: HashMap<TraceId, Vec<Match>> = HashMap::new();
        let of_spans = found.iter().filter(|(_, of)| !of.spans.is_empty() || !of.bodies.is_empty());
        for batch in self.rows_of(Table::Spans, project, of_spans.map(|(trace, _)| *trace).collect()).await? {
            for row in rows::spans::from_batch(&batch)? {
                // What a log record told is found in the record.
                let Some(of) = found.get(&row.span.trace_id).filter(|_| row.span.told.is_none()) else { continue };
                matches.entry(row.span.trace_id).or_default().extend(in_span(&row, of, needle)?);
            }
        }
        let of_logs = found.iter().filter(|(_, of)| !of.logs.is_empty());
        for batch in self.rows_of(Table::Logs, project, of_logs.map(|(trace, _)| *trace).collect()).await? {
            for row in rows::logs::from_batch(&batch)? {
                let Some(trace) = row.log.trace_id else { continue };
                if found.get(&trace).is_some_and(|of| of.logs.contains(&row.log.id)) {
                    matches.entry(trace).or_default().extend(in_log(&row, needle)?);
                }
            }
        }
        matches.retain(|_, matches| !matches.is_empty());
        for matches in matches.values_mut() {
            matches.sort_by(|a, b| (a.time, a.span_id, &a.field).cmp(&(b.time, b.span_id, &b.field)));
        }
        Ok(matches)
    }

    /// Rows of some traces with all columns: those in memory and those in segments that count.
    async fn rows_of(
        &self,
        table: Table,
        project: &str,
        traces: BTreeSet<TraceId>,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        if traces.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.table(table);
        let names: HashSet<String> = traces.iter().map(TraceId::to_string).collect();
        let failed = |error| StoreError::segment("filter", &table, error);
        let mut batches = Vec::new();
        for batch in &rows.hot {
            let text = |name| batch.column_by_name(name).expect("every batch has its keys").as_string::<i32>();
            let wanted = text("project")
                .iter()
                .zip(text("trace_id").iter())
                .map(|(own, trace)| Some(own == Some(project) && trace.is_some_and(|trace| names.contains(trace))));
            let wanted: BooleanArray = wanted.collect();
            if wanted.true_count() > 0 {
                batches.push(filter_record_batch(batch, &wanted).map_err(failed)?);
            }
        }
        let schema = table.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        for segment in rows.segments.iter().filter(|segment| *segment.meta.project == *project) {
            let there: Vec<TraceId> = traces.iter().copied().filter(|trace| segment.meta.may_contain(*trace)).collect();
            if there.is_empty() {
                continue;
            }
            for found in self.reader.find(&segment.meta, &there, &columns).await? {
                let living = found.rows.iter().map(|row| Some(segment.deleted.binary_search(row).is_err()));
                let living: BooleanArray = living.collect();
                batches.push(filter_record_batch(&found.batch, &living).map_err(failed)?);
            }
        }
        Ok(batches)
    }
}

fn in_span(row: &rows::spans::SpanRow, of: &Of, needle: &Needle) -> Result<Vec<Match>, StoreError> {
    let refers = Cell::new(of.spans.contains(&row.span.span_id));
    let nothing: Arc<str> = "".into();
    // Of bodies only those are put back in which something was found, and of them only what stands around it.
    let body = |hash: &BodyHash| {
        let snippet = of.bodies.get(hash);
        refers.set(refers.get() || snippet.is_some());
        Some(Arc::clone(snippet.unwrap_or(&nothing)))
    };
    let raw = row.sent(&body).map_err(|error| StoreError::segment("decode", &Table::Spans, error))?;
    if !refers.get() {
        return Ok(Vec::new());
    }
    let mut fields = in_attributes(&raw.attributes, "", needle);
    for event in &raw.events {
        fields.extend(in_attributes(&event.attributes, &format!("{}/", event.name), needle));
    }
    let matched = |(field, snippet)| Match {
        span_id: Some(row.span.span_id),
        kind: Some(row.span.kind),
        name: Arc::clone(&row.span.name),
        time: row.span.start,
        field,
        snippet,
    };
    Ok(fields.into_iter().map(matched).collect())
}

fn in_log(row: &rows::logs::LogRow, needle: &Needle) -> Result<Vec<Match>, StoreError> {
    let stored = row.stored().map_err(|error| StoreError::segment("decode", &Table::Logs, error))?;
    let mut fields: Vec<(String, String)> = Vec::new();
    fields.extend(in_value(&stored.raw.body, needle).map(|snippet| ("body".to_owned(), snippet)));
    fields.extend(in_attributes(&stored.raw.attributes, "", needle));
    let log = &row.log;
    let matched = |(field, snippet)| Match {
        span_id: log.span_id,
        kind: None,
        name: log.event_name.clone().unwrap_or_else(|| "log".into()),
        time: log.time,
        field,
        snippet,
    };
    Ok(fields.into_iter().map(matched).collect())
}

fn in_attributes(attributes: &Attributes<'_>, prefix: &str, needle: &Needle) -> Vec<(String, String)> {
    let found =
        attributes.0.iter().filter_map(|(key, value)| Some((format!("{prefix}{key}"), in_value(value, needle)?)));
    found.collect()
}

fn in_value(value: &Value<'_>, needle: &Needle) -> Option<String> {
    match value {
        Value::Str(text) => needle.snippet(text),
        Value::Array(items) => items.iter().find_map(|item| in_value(item, needle)),
        Value::Map(entries) => entries.iter().find_map(|(_, value)| in_value(value, needle)),
        _ => None,
    }
}
