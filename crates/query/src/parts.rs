//! Numbers for charts, segment by segment: a segment never changes, so what it adds to the answer of a question is added up
//! once and remembered. A chart that is looked at again reads only what is new.

use std::collections::{HashMap, HashSet};
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use model::Timestamp;
use store::{Snapshot, Table};
use tokio::task::JoinSet;

use crate::aggregate::{Summing, group_name, is_sent, passes};
use crate::provider::ProjectTable;
use crate::sketch::Sketch;
use crate::{
    Aggregate, AggregateRow, Aggregated, Engine, LimitName, MAX_AGGREGATE_ROWS, Measure, Of, QueryError, RunFilter, sql,
};

/// Bytes of sums that are remembered.
const BYTES_MAX: usize = 16 << 20;
/// Segments with fewer rows are read with the rest: they are soon merged into others.
const ROWS_MIN: u64 = 4096;

/// What segments add to answers, those used last, up to a number of bytes.
#[derive(Default)]
pub(crate) struct Parts(Mutex<Kept>);

/// Whose sums: rows of a segment that no longer count only become more, so their number says which these are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    segment: u64,
    deleted: usize,
    question: Arc<str>,
}

#[derive(Default)]
struct Kept {
    parts: HashMap<Key, (Arc<Sums>, u64)>,
    bytes: usize,
    used: u64,
}

impl Parts {
    fn get(&self, key: &Key) -> Option<Arc<Sums>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.used += 1;
        let now = kept.used;
        let (part, used) = kept.parts.get_mut(key)?;
        *used = now;
        Some(Arc::clone(part))
    }

    fn keep(&self, key: Key, part: Arc<Sums>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { parts, bytes, used } = &mut *kept;
        *used += 1;
        *bytes += part.size();
        if let Some((old, _)) = parts.insert(key, (part, *used)) {
            *bytes -= old.size();
        }
        while *bytes > BYTES_MAX {
            let oldest = parts.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            let Some((part, _)) = oldest.and_then(|oldest| parts.remove(&oldest)) else { return };
            *bytes -= part.size();
        }
    }
}

/// Sums of some rows, by group.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    groups: HashMap<Group, Sum>,
}

/// The beginning of the stretch of time, and the values of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    time: Option<i64>,
    by: Vec<Option<Box<str>>>,
}

#[derive(Debug, Clone, Default)]
struct Sum {
    rows: u64,
    /// Rows that have the measure, and their sum.
    known: u64,
    sum: f64,
    sketch: Sketch,
}

impl Sums {
    /// What [`Summing::over`] gave.
    pub fn read(batches: &[RecordBatch], question: &Aggregate) -> Result<Self, QueryError> {
        let mut sums = Self::default();
        for batch in batches {
            sums.read_batch(batch, question)?;
        }
        Ok(sums)
    }

    fn read_batch(&mut self, batch: &RecordBatch, question: &Aggregate) -> Result<(), QueryError> {
        let fault = |what: &str| QueryError::Internal(format!("an aggregate without {what}"));
        let column = |name: &str, data_type: &DataType| {
            let column = batch.column_by_name(name).ok_or_else(|| fault(name))?;
            cast(column, data_type).map_err(|error| QueryError::Internal(error.to_string()))
        };
        let first = usize::from(question.step.is_some());
        let times = question.step.map(|_| column(&group_name(0), &DataType::Int64)).transpose()?;
        let keys = (0..question.by.len()).map(|at| column(&group_name(at + first), &DataType::Utf8));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let counts = column("count", &DataType::Int64)?;
        let measured = question.measure != Measure::Count;
        let known = measured.then(|| column("known", &DataType::Int64)).transpose()?;
        let sums = measured.then(|| column("sum", &DataType::Float64)).transpose()?;
        let sketches = (!question.quantiles.is_empty()).then(|| column("sketch", &DataType::Binary)).transpose()?;
        for row in 0..batch.num_rows() {
            let key = |column: &Arc<dyn Array>| {
                column.is_valid(row).then(|| Box::<str>::from(column.as_string::<i32>().value(row)))
            };
            let group = Group {
                time: times.as_ref().map(|times| times.as_primitive::<Int64Type>().value(row)),
                by: keys.iter().map(key).collect(),
            };
            let count = |column: &Arc<dyn Array>| column.as_primitive::<Int64Type>().value(row).unsigned_abs();
            let sum = sums.as_ref().filter(|sums| sums.is_valid(row));
            let sketch = sketches.as_ref().filter(|sketches| sketches.is_valid(row));
            let sketch = sketch.map(|sketches| Sketch::from_bytes(sketches.as_binary::<i32>().value(row)));
            let sum = Sum {
                rows: count(&counts),
                known: known.as_ref().map_or(0, count),
                sum: sum.map_or(0.0, |sums| sums.as_primitive::<Float64Type>().value(row)),
                sketch: sketch.unwrap_or_else(|| Some(Sketch::default())).ok_or_else(|| fault("a sketch"))?,
            };
            self.groups.entry(group).or_default().add(&sum);
        }
        Ok(())
    }

    /// Adds the sums of other rows.
    pub fn add(&mut self, other: &Self) {
        for (group, sum) in &other.groups {
            match self.groups.get_mut(group) {
                Some(own) => own.add(sum),
                None => _ = self.groups.insert(group.clone(), sum.clone()),
            }
        }
    }

    /// The answer: by time, then by the values of the keys, what has none last.
    pub fn rows(self, question: &Aggregate) -> Result<Aggregated, QueryError> {
        if self.groups.len() > MAX_AGGREGATE_ROWS {
            return Err(QueryError::Limit {
                name: LimitName::AggregateRows,
                limit: MAX_AGGREGATE_ROWS.to_string(),
                advice: "take a longer step, fewer keys or a narrower filter",
            });
        }
        // Without groups there is one row of nothing where there are no rows.
        let mut groups: Vec<(Group, Sum)> = self.groups.into_iter().filter(|(_, sum)| sum.rows > 0).collect();
        groups.sort_by_cached_key(|(group, _)| {
            let by = group.by.iter().map(|value| (value.is_none(), value.clone()));
            (group.time, by.collect::<Vec<_>>())
        });
        let row = |(group, sum): (Group, Sum)| AggregateRow {
            time: group.time.map(Timestamp::from_nanos),
            by: group.by.into_iter().map(|value| value.map(String::from)).collect(),
            count: sum.rows,
            value: sum.value(question.measure),
            quantiles: question.quantiles.iter().filter_map(|quantile| sum.sketch.quantile(*quantile)).collect(),
        };
        Ok(Aggregated { rows: groups.into_iter().map(row).collect() })
    }

    /// Bytes in memory, about.
    fn size(&self) -> usize {
        let of_group = |(group, sum): (&Group, &Sum)| {
            let texts: usize = group.by.iter().flatten().map(|text| text.len()).sum();
            size_of::<(Group, Sum)>() + group.by.len() * size_of::<Option<Box<str>>>() + texts + sum.sketch.size()
        };
        size_of::<Self>() + self.groups.iter().map(of_group).sum::<usize>()
    }
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.known += other.known;
        self.sum += other.sum;
        self.sketch.merge(&other.sketch);
    }

    /// A count or a sum; of durations and steps the mean.
    fn value(&self, measure: Measure) -> Option<f64> {
        let known = (self.known > 0).then_some(self.sum);
        match measure {
            Measure::Count => Some(self.rows as f64),
            Measure::DurationMs | Measure::TtftMs | Measure::Steps => known.map(|sum| sum / self.known as f64),
            Measure::Errors | Measure::Tokens | Measure::CostUsd => known,
        }
    }
}

impl Engine {
    /// What segments that lie within the time of `question` as a whole add to its answer, and which segments these are.
    pub(crate) async fn sums_of_segments(
        &self,
        snapshot: &Snapshot,
        project: &str,
        question: &Aggregate,
        summing: &Summing,
    ) -> Result<(Sums, HashSet<u64>), QueryError> {
        let (mut found, mut segments) = (Sums::default(), HashSet::new());
        let table = match question.of {
            // Which steps are an agent's is said by runs, and these are in other segments.
            Of::Steps if !question.filter.agent.is_empty() => return Ok((found, segments)),
            Of::Steps => Table::Spans,
            Of::Runs => Table::Runs,
        };
        let RunFilter { from, to, .. } = question.filter;
        // A sketch answers for every quantile, and a segment that lies within a time for every such time.
        let timeless = Aggregate {
            quantiles: question.quantiles.iter().take(1).map(|_| 0.5).collect(),
            filter: RunFilter { from: None, to: None, ..question.filter.clone() },
            ..question.clone()
        };
        let name: Arc<str> = format!("{timeless:?}").into();
        let mut missing = Vec::new();
        for segment in &snapshot.table(table).segments {
            let (meta, deleted) = (&segment.meta, segment.deleted.len());
            let within = from.is_none_or(|from| meta.min_time >= from) && to.is_none_or(|to| meta.max_time < to);
            if *meta.project != *project || !within || meta.rows < ROWS_MIN + deleted as u64 {
                continue;
            }
            segments.insert(meta.id);
            let key = Key { segment: meta.id, deleted, question: Arc::clone(&name) };
            match self.parts.get(&key) {
                Some(part) => found.add(&part),
                None => missing.push(key),
            }
        }
        let passes = passes(&timeless)?;
        let mut missing = missing.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.limits().parallelism.max(1)
                && let Some(key) = missing.next()
            {
                let rows = ProjectTable::new(snapshot, table, project).of_segment(key.segment);
                let rows = self.read(snapshot, rows)?.filter(passes.clone());
                let rows = if table == Table::Spans { rows.and_then(|rows| rows.filter(is_sent())) } else { rows };
                let frame = rows.and_then(|rows| summing.over(rows)).map_err(sql::errors::convert)?;
                running.spawn(async move { (key, frame.collect().await) });
            }
            let Some(done) = running.join_next().await else { return Ok((found, segments)) };
            let (key, batches) = done.map_err(|error| QueryError::Internal(error.to_string()))?;
            let part = Arc::new(Sums::read(&batches.map_err(sql::errors::convert)?, question)?);
            found.add(&part);
            self.parts.keep(key, part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(names: usize) -> Arc<Sums> {
        let group = |at: usize| Group { time: None, by: vec![Some(format!("{at:0>1000}").into())] };
        Arc::new(Sums { groups: (0..names).map(|at| (group(at), Sum::default())).collect() })
    }

    fn key(segment: u64) -> Key {
        Key { segment, deleted: 0, question: "how many?".into() }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first_when_memory_is_full() {
        let parts = Parts::default();
        let size = part(1000).size();
        let room = (BYTES_MAX / size) as u64;
        for segment in 0..room {
            parts.keep(key(segment), part(1000));
        }
        assert!(parts.get(&key(0)).is_some(), "all of them fit");
        parts.keep(key(room), part(1000));
        assert!(parts.get(&key(0)).is_some() && parts.get(&key(1)).is_none() && parts.get(&key(room)).is_some());
        assert!(parts.0.lock().unwrap().bytes <= BYTES_MAX);
    }
}
