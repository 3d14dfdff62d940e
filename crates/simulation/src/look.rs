//! Reading everything back, as a query would, and comparing it with the plain model.

use std::collections::{BTreeMap, HashMap};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use store::rows::{logs, runs, samples, spans};
use store::{Snapshot, Store, Table};

use crate::plain::Seen;
use crate::requests::{Form, Record, project, span_number, trace_id, whose};

/// What a client sent, by what it is called.
#[derive(Default)]
pub struct Sent {
    /// Spans by trace, number and name of their form.
    pub forms: HashMap<((u64, u64), String), Form>,
    /// Log records by number.
    pub logs: HashMap<u64, Record>,
}

/// Everything in the store by client, from one snapshot.
///
/// # Errors
/// When something cannot be read, is there twice, or a run does not match its spans.
pub async fn everything(store: &Store) -> Result<BTreeMap<u64, Seen>, String> {
    let snapshot = store.snapshot().await.map_err(|error| format!("no snapshot: {error}"))?;
    let mut seen: BTreeMap<u64, Seen> = BTreeMap::new();
    let mut steps: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for batch in batches(&snapshot, Table::Spans).await? {
        for span in spans::narrow_from_batch(&batch).map_err(|error| error.to_string())? {
            let (client, trace) = whose(span.trace_id);
            let id = (trace, span_number(span.span_id));
            *steps.entry((client, trace)).or_default() += 1;
            let twice = seen.entry(client).or_default().spans.insert(id, span.name.to_string());
            if let Some(other) = twice {
                return Err(format!("client {client}: span {id:?} is there twice, as {other} and {}", span.name));
            }
        }
    }
    for batch in batches(&snapshot, Table::Logs).await? {
        for row in logs::from_batch(&batch).map_err(|error| error.to_string())? {
            let (client, number) = ((row.log.id >> 96) as u64 - 1, row.log.id as u64);
            if !seen.entry(client).or_default().logs.insert(number) {
                return Err(format!("client {client}: log record {number:#x} is there twice"));
            }
        }
    }
    for batch in batches(&snapshot, Table::Samples).await? {
        for row in samples::from_batch(&batch).map_err(|error| error.to_string())? {
            let metric = row.sample.metric;
            let client = metric.split('-').nth(1).and_then(|client| client.parse().ok()).unwrap_or(u64::MAX);
            if !seen.entry(client).or_default().samples.insert(metric.clone()) {
                return Err(format!("sample {metric} is there twice"));
            }
        }
    }
    let mut found: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for batch in batches(&snapshot, Table::Runs).await? {
        for run in runs::from_batch(&batch).map_err(|error| error.to_string())? {
            if found.insert(whose(run.trace_id), run.kinds.total()).is_some() {
                return Err(format!("the run of trace {:?} is there twice", whose(run.trace_id)));
            }
        }
    }
    if found != steps {
        let differ = steps.iter().find(|(trace, steps)| found.get(trace) != Some(steps));
        let extra = found.iter().find(|(trace, _)| !steps.contains_key(trace));
        return Err(format!("runs do not match their spans: spans {differ:?}, run without spans {extra:?}"));
    }
    Ok(seen)
}

/// Checks that what the store gives back of a trace is, byte for byte, what was sent in one form or another.
///
/// # Errors
/// When it is not.
pub async fn trace(store: &Store, client: u64, number: u64, sent: &Sent) -> Result<(), String> {
    let (project, id) = (project(client), trace_id(client, number));
    let failed = |error: store::StoreError| format!("trace {number} of client {client} cannot be read: {error}");
    for span in store.trace(&project, id).await.map_err(failed)? {
        let key = ((number, span_number(span.span.span_id)), span.span.name.to_string());
        let Some(form) = sent.forms.get(&key) else { return Err(format!("span {key:?} was never sent")) };
        if span.raw != form.raw(client) {
            return Err(format!("span {key:?} of client {client}: {:?} is not what was sent", span.raw));
        }
    }
    for log in store.trace_logs(&project, id).await.map_err(failed)? {
        let Some(record) = sent.logs.get(&(log.log.id as u64)) else {
            return Err(format!("log record {:#x} was never sent", log.log.id));
        };
        if log.raw != record.raw(client) {
            return Err(format!("log record {:?} of client {client}: {:?} is not what was sent", record.id, log.raw));
        }
    }
    Ok(())
}

/// Rows of a table, hot and sealed, without those that no longer count.
async fn batches(snapshot: &Snapshot, table: Table) -> Result<Vec<RecordBatch>, String> {
    let view = snapshot.table(table);
    let mut all = view.hot.clone();
    for segment in &view.segments {
        let path = &segment.meta.path;
        let failed = |error: &dyn std::fmt::Display| format!("segment {path} cannot be read: {error}");
        let bytes: Bytes =
            snapshot.object_store.get_range(path, 0..segment.meta.bytes).await.map_err(|error| failed(&error))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).and_then(|builder| builder.build());
        let mut row = 0u32;
        for batch in reader.map_err(|error| failed(&error))? {
            let batch = batch.map_err(|error| failed(&error))?;
            let rows = row..row + batch.num_rows() as u32;
            row = rows.end;
            let keep: BooleanArray = rows.map(|row| Some(segment.deleted.binary_search(&row).is_err())).collect();
            all.push(filter_record_batch(&batch, &keep).map_err(|error| failed(&error))?);
        }
        if u64::from(row) != segment.meta.rows {
            return Err(format!("segment {path} has {row} rows, the catalog says {}", segment.meta.rows));
        }
    }
    Ok(all)
}
