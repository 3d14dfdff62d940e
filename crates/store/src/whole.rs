//! Stored values with the large texts they refer to put back, for readers that go through columns.
//!
//! Columns hold references to bodies (`docs/formats/attributes.md`); who reads a whole trace gets texts without this.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::AsArray;
use model::{TraceId, Value};

use crate::attributes::{ValueError, decode_value};
use crate::bodies::BodyHash;
use crate::error::StoreError;
use crate::hot::HotView;
use crate::rows::bodies;
use crate::schema::Table;
use crate::segment::read::Found;
use crate::snapshot::{SegmentView, Snapshot};

/// The texts of some values, out of the traces that carried them.
#[derive(Default)]
pub struct Texts {
    /// A text belongs to the trace that carried it: another trace's copy may have been removed for a reason.
    found: HashMap<(TraceId, BodyHash), Arc<str>>,
}

impl Texts {
    /// A stored value of a trace, as it was sent. A text that is gone becomes null.
    ///
    /// # Errors
    /// Where the text is no stored value.
    pub fn whole(&self, trace: TraceId, value: &str) -> Result<Value<'static>, ValueError> {
        decode_value(value, &|hash| self.found.get(&(trace, *hash)).cloned()).map(Value::into_owned)
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.found.values().map(|text| text.len()).sum()
    }
}

impl Snapshot {
    /// The texts that stored values of `project` refer to, each value beside its trace. Values that cannot be read refer to none.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub async fn texts(&self, project: &str, values: &[(TraceId, &str)]) -> Result<Texts, StoreError> {
        let mut missing = references(values);
        let mut texts = Texts::default();
        for view in &self.tables[Table::Bodies as usize].hot {
            let HotView::Bodies(chunks) = view else { continue };
            for body in chunks.iter().flat_map(|chunk| chunk.rows()).filter(|body| *body.tenant.project == *project) {
                if take(&mut missing, body.trace_id, body.hash) {
                    texts.found.insert((body.trace_id, body.hash), Arc::clone(&body.text));
                }
            }
        }
        for segment in &self.tables[Table::Bodies as usize].segments {
            if missing.is_empty() {
                break;
            }
            if *segment.meta.project == *project {
                self.texts_of(segment, &mut missing, &mut texts).await?;
            }
        }
        Ok(texts)
    }

    /// Takes the texts that are missing and in this segment.
    async fn texts_of(
        &self,
        segment: &SegmentView,
        missing: &mut Missing,
        texts: &mut Texts,
    ) -> Result<(), StoreError> {
        let SegmentView { meta, deleted } = segment;
        let traces: Vec<TraceId> = missing.keys().copied().filter(|trace| meta.may_contain(*trace)).collect();
        if traces.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        for Found { batch, rows: numbers } in self.reader.find(meta, &traces, &["hash"]).await? {
            let text = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
            let lacks = |name: &str| StoreError::segment("read", &meta.path, format!("no column {name}"));
            let hashes = text("hash").ok_or_else(|| lacks("hash"))?;
            let of_traces = text("trace_id").ok_or_else(|| lacks("trace_id"))?;
            for ((row, trace), hash) in numbers.into_iter().zip(of_traces.iter()).zip(hashes.iter()) {
                let trace = trace.and_then(|trace| trace.parse::<TraceId>().ok());
                let hash = hash.and_then(|hash| hash.parse::<BodyHash>().ok());
                let (Some(trace), Some(hash)) = (trace, hash) else { continue };
                if deleted.binary_search(&row).is_err() && take(missing, trace, hash) {
                    rows.push(row);
                }
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        for batch in self.reader.rows(meta, &rows, None).await? {
            let read = bodies::from_batch(&batch)?;
            texts.found.extend(read.into_iter().map(|body| ((body.trace_id, body.hash), body.text)));
        }
        Ok(())
    }
}

/// Texts still to be found, by trace.
type Missing = BTreeMap<TraceId, HashSet<BodyHash>>;

/// The texts that values refer to.
fn references(values: &[(TraceId, &str)]) -> Missing {
    let mut missing = Missing::new();
    for (trace, value) in values {
        let met: RefCell<Vec<BodyHash>> = RefCell::default();
        let read = decode_value(value, &|hash| {
            met.borrow_mut().push(*hash);
            Some("".into())
        });
        let met = met.into_inner();
        if read.is_ok() && !met.is_empty() {
            missing.entry(*trace).or_default().extend(met);
        }
    }
    missing
}

/// Whether a text is one of those missing; it is no longer.
fn take(missing: &mut Missing, trace: TraceId, hash: BodyHash) -> bool {
    let Some(of_trace) = missing.get_mut(&trace) else { return false };
    let taken = of_trace.remove(&hash);
    if of_trace.is_empty() {
        missing.remove(&trace);
    }
    taken
}
