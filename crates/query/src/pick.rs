//! Which runs are on a page: all are looked through by the columns that filter and order name ([`crate::narrow`]), and those
//! of the page are then read whole, by their numbers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::kernels::cmp::{eq, gt, gt_eq, lt, lt_eq};
use datafusion::arrow::compute::{SortOptions, concat, filter as keep, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use futures::future::try_join_all;
use model::{Run, Timestamp, TraceId};
use store::{SegmentView, Snapshot, Table};
use tokio::task::JoinSet;

use crate::narrow::{self, Names, bits, own, passing};
use crate::runs::{read_runs, sort_value};
use crate::{Engine, QueryError, Sort, SortKey, sql};

/// What is asked of the runs of a project.
pub(crate) struct Question {
    /// Which of them.
    pub filter: Expr,
    /// The times from and before which runs pass, where the filter says nothing else.
    pub times: Option<(Option<Timestamp>, Option<Timestamp>)>,
    /// In which order.
    pub sort: Sort,
    /// Sort value and id of the run before the first that is wanted.
    pub after: Option<(ScalarValue, TraceId)>,
    /// The most runs that are wanted.
    pub wanted: usize,
    /// Whether it is asked how many pass.
    pub counted: bool,
}

/// The first runs that pass, in order.
pub(crate) struct Picked {
    pub runs: Vec<Run>,
    /// How many pass, those before the first included; where it was asked.
    pub total: u64,
}

/// Rows that stand together.
enum Place {
    /// In memory, also rows of other projects.
    Hot(RecordBatch),
    Sealed(SegmentView),
}

/// A row of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    place: usize,
    row: u32,
}

impl Engine {
    /// The first runs of `project` that pass, and how many do.
    pub(crate) async fn pick(
        &self,
        snapshot: &Snapshot,
        project: &str,
        question: &Question,
    ) -> Result<Picked, QueryError> {
        let by = sort_value(question.sort.key);
        let names = Names::of([&question.filter, &by], []);
        let order = Order { descending: question.sort.descending, wanted: question.wanted };
        let look = |schema: &SchemaRef| -> Result<Look, QueryError> {
            let [filter, by] = self.expressions([&question.filter, &by], schema)?;
            let after = question.after.as_ref().map(|(value, _)| value.clone());
            Ok(Look { names: names.clone(), filter, by, order, after })
        };
        let mut places: Vec<Place> = Vec::new();
        let mut found = Found::default();
        let hot = &snapshot.table(Table::Runs).hot;
        if !hot.is_empty() {
            let (columns, schema) = names.hot()?;
            found = look(&schema)?.see_hot(hot, &columns, project).map_err(sql::errors::convert)?;
            places.extend(hot.iter().cloned().map(Place::Hot));
        }
        let look = look(&names.sealed()?)?;
        let first = places.len();
        places.extend(narrow::segments(snapshot, project, &question.filter).into_iter().map(Place::Sealed));
        let mut running = JoinSet::new();
        let mut waiting = places.iter().enumerate().skip(first);
        loop {
            while running.len() < self.limits().parallelism.max(1)
                && let Some((place, Place::Sealed(segment))) = waiting.next()
            {
                match question.without_looking(segment, found.first.last.as_ref()) {
                    Some(rows) => found.rows += rows,
                    None => _ = running.spawn(see(snapshot.clone(), segment.clone(), place, look.clone())),
                }
            }
            let Some(done) = running.join_next().await else { break };
            let done = done.map_err(|error| QueryError::Internal(error.to_string()))??;
            found.merge(done, order).map_err(sql::errors::convert)?;
        }
        let total = if question.counted { found.rows } else { 0 };
        let chosen = self.choose(snapshot, &places, question, found).await?;
        let read = by_place(chosen).into_iter().map(|(place, rows)| read(snapshot, &places[place], rows, None));
        let mut runs = Vec::with_capacity(question.wanted);
        for batch in try_join_all(read).await?.iter().flatten() {
            runs.extend(read_runs(snapshot, batch)?);
        }
        runs.sort_unstable_by(|a, b| compare(question.sort, a, b));
        Ok(Picked { runs, total })
    }

    /// Of the rows found, as many as are wanted: those that are equal in what they are sorted by are told apart by their ids.
    async fn choose(
        &self,
        snapshot: &Snapshot,
        places: &[Place],
        question: &Question,
        found: Found,
    ) -> Result<Vec<At>, QueryError> {
        let after = question.after.as_ref().map(|(_, id)| *id);
        let mut chosen = by_id(snapshot, places, found.tied, after, question.wanted).await?;
        let room = question.wanted - chosen.len();
        let First { values, rows, .. } = found.first;
        let Some(values) = values.filter(|values| values.len() > room) else {
            chosen.extend(rows);
            return Ok(chosen);
        };
        if room == 0 {
            return Ok(chosen);
        }
        let order = Order { descending: question.sort.descending, wanted: room };
        let (before, same) = order.before_and_at_last(&values).map_err(sql::errors::convert)?;
        chosen.extend(before.set_indices().map(|at| rows[at]));
        let ties = same.set_indices().map(|at| rows[at]).collect();
        let room = question.wanted - chosen.len();
        chosen.extend(by_id(snapshot, places, ties, None, room).await?);
        Ok(chosen)
    }
}

impl Question {
    /// How many rows of a segment pass, where it need not be looked through: none of them can be among the first. `last` is the
    /// last of as many as are wanted. 0 where nobody asks how many.
    fn without_looking(&self, segment: &SegmentView, last: Option<&ScalarValue>) -> Option<u64> {
        let meta = &segment.meta;
        let all_pass = self.times.is_some_and(|(from, to)| {
            from.is_none_or(|from| meta.min_time >= from) && to.is_none_or(|to| meta.max_time < to)
        });
        if self.sort.key != SortKey::StartedAt || (self.counted && !all_pass) {
            return None;
        }
        let time = |value: &ScalarValue| match value {
            ScalarValue::TimestampNanosecond(Some(nanos), _) => Some(*nanos),
            _ => None,
        };
        let (earliest, latest) = (meta.min_time.as_nanos(), meta.max_time.as_nanos());
        let descending = self.sort.descending;
        let later = last.and_then(time).is_some_and(|last| if descending { latest < last } else { earliest > last });
        let after = self.after.as_ref().and_then(|(value, _)| time(value));
        let earlier = after.is_some_and(|after| if descending { earliest > after } else { latest < after });
        let rows = if self.counted { meta.rows.saturating_sub(segment.deleted.len() as u64) } else { 0 };
        (later || earlier).then_some(rows)
    }
}

/// Which of two values comes first, and how many are wanted.
#[derive(Clone, Copy)]
struct Order {
    descending: bool,
    wanted: usize,
}

impl Order {
    /// Which values come before `last`, or are equal to it.
    fn until(self, values: &ArrayRef, last: &ScalarValue) -> Result<BooleanBuffer, DataFusionError> {
        let last = last.to_scalar()?;
        let until = if self.descending { gt_eq(values, &last) } else { lt_eq(values, &last) };
        Ok(bits(&until?))
    }

    /// Which values come behind `first`.
    fn behind(self, values: &ArrayRef, first: &ScalarValue) -> Result<BooleanBuffer, DataFusionError> {
        let first = first.to_scalar()?;
        let behind = if self.descending { lt(values, &first) } else { gt(values, &first) };
        Ok(bits(&behind?))
    }

    /// The last of the first values; there are as many as are wanted, and at least one is.
    fn last(self, values: &ArrayRef) -> Result<ScalarValue, DataFusionError> {
        let options = SortOptions { descending: self.descending, nulls_first: false };
        let first = sort_to_indices(values, Some(options), Some(self.wanted))?;
        let last = first.values().last().ok_or_else(|| exec_datafusion_err!("nothing to sort"))?;
        ScalarValue::try_from_array(values, *last as usize)
    }

    /// Which values come before the last of the first ones, and which are equal to it.
    fn before_and_at_last(self, values: &ArrayRef) -> Result<(BooleanBuffer, BooleanBuffer), DataFusionError> {
        let last = self.last(values)?;
        let same = bits(&eq(values, &last.to_scalar()?)?);
        let until = self.until(values, &last)?;
        Ok((&until & &!&same, same))
    }
}

/// The first rows in order, with all that are equal to the last of them.
#[derive(Default)]
struct First {
    values: Option<ArrayRef>,
    rows: Vec<At>,
    /// The value of the last, once there are as many as are wanted.
    last: Option<ScalarValue>,
}

impl First {
    fn add(
        &mut self,
        values: ArrayRef,
        rows: impl IntoIterator<Item = At>,
        order: Order,
    ) -> Result<(), DataFusionError> {
        let mut values = match self.values.take() {
            Some(before) => concat(&[before.as_ref(), values.as_ref()])?,
            None => values,
        };
        self.rows.extend(rows);
        if values.len() >= order.wanted {
            let last = order.last(&values)?;
            let first = order.until(&values, &last)?;
            let mut is_first = first.iter();
            self.rows.retain(|_| is_first.next().unwrap_or(false));
            values = keep(&values, &BooleanArray::new(first, None))?;
            self.last = Some(last);
        }
        self.values = Some(values);
        Ok(())
    }
}

/// What was found in some places.
#[derive(Default)]
struct Found {
    /// Rows that pass.
    rows: u64,
    /// Those equal to the run before the first, in what runs are sorted by.
    tied: Vec<At>,
    first: First,
}

impl Found {
    /// Adds what was seen in rows that begin at `from`.
    fn add(&mut self, seen: Seen, from: At, order: Order) -> Result<(), DataFusionError> {
        let at = |row: &u32| At { row: from.row + row, ..from };
        self.rows += seen.rows;
        self.tied.extend(seen.tied.iter().map(at));
        match seen.first {
            Some((values, rows)) => self.first.add(values, rows.iter().map(at), order),
            None => Ok(()),
        }
    }

    fn merge(&mut self, other: Self, order: Order) -> Result<(), DataFusionError> {
        self.rows += other.rows;
        self.tied.extend(other.tied);
        match other.first.values {
            Some(values) => self.first.add(values, other.first.rows, order),
            None => Ok(()),
        }
    }
}

/// A question as expressions over some columns.
#[derive(Clone)]
struct Look {
    names: Names,
    filter: Arc<dyn PhysicalExpr>,
    by: Arc<dyn PhysicalExpr>,
    order: Order,
    /// The sort value of the run before the first.
    after: Option<ScalarValue>,
}

/// What was seen in some rows.
struct Seen {
    rows: u64,
    tied: Vec<u32>,
    /// Those that may be among the first: their sort values and their numbers.
    first: Option<(ArrayRef, Vec<u32>)>,
}

impl Look {
    /// Looks through rows in memory: the columns at these places.
    fn see_hot(&self, hot: &[RecordBatch], columns: &[usize], project: &str) -> Result<Found, DataFusionError> {
        let mut found = Found::default();
        for (place, batch) in hot.iter().enumerate() {
            let own = own(batch, project)?;
            let seen = self.see(&batch.project(columns)?, Some(own), found.first.last.as_ref())?;
            found.add(seen, At { place, row: 0 }, self.order)?;
        }
        Ok(found)
    }

    /// Looks through the columns of some rows, of which the `living` count. What comes behind `last` is not among the first.
    fn see(
        &self,
        columns: &RecordBatch,
        living: Option<BooleanBuffer>,
        last: Option<&ScalarValue>,
    ) -> Result<Seen, DataFusionError> {
        let mut passes = passing(&self.filter, columns, living)?;
        let mut seen = Seen { rows: passes.count_set_bits() as u64, tied: Vec::new(), first: None };
        if seen.rows == 0 {
            return Ok(seen);
        }
        let numbers = |rows: &BooleanBuffer| rows.set_indices().map(|row| row as u32).collect::<Vec<u32>>();
        let values = self.by.evaluate(columns)?.into_array(columns.num_rows())?;
        if let Some(after) = &self.after {
            let same = bits(&eq(&values, &after.to_scalar()?)?);
            seen.tied = numbers(&(&passes & &same));
            passes = &passes & &self.order.behind(&values, after)?;
        }
        if let Some(last) = last {
            passes = &passes & &self.order.until(&values, last)?;
        }
        let first = numbers(&passes);
        if !first.is_empty() {
            seen.first = Some((keep(&values, &BooleanArray::new(passes, None))?, first));
        }
        Ok(seen)
    }
}

/// Looks through a segment.
async fn see(snapshot: Snapshot, segment: SegmentView, place: usize, look: Look) -> Result<Found, QueryError> {
    let mut found = Found::default();
    let see = |columns: &RecordBatch, living: Option<BooleanBuffer>, first: u32| {
        let seen = look.see(columns, living, found.first.last.as_ref())?;
        found.add(seen, At { place, row: first }, look.order)
    };
    narrow::through(&snapshot, &segment, &look.names, see).await?;
    Ok(found)
}

/// The numbers of rows by place, in order.
fn by_place(mut rows: Vec<At>) -> BTreeMap<usize, Vec<u32>> {
    rows.sort_unstable();
    let mut places: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    rows.into_iter().for_each(|at| places.entry(at.place).or_default().push(at.row));
    places
}

/// Rows of a place (sorted, no repeats), in that order.
async fn read(
    snapshot: &Snapshot,
    place: &Place,
    rows: Vec<u32>,
    columns: Option<&[&str]>,
) -> Result<Vec<RecordBatch>, QueryError> {
    match place {
        Place::Sealed(segment) => Ok(snapshot.rows(&segment.meta, &rows, columns).await?),
        Place::Hot(batch) => {
            let taken = take_record_batch(batch, &UInt32Array::from(rows));
            Ok(vec![taken.map_err(|error| QueryError::Internal(error.to_string()))?])
        }
    }
}

/// Those of the rows whose ids come first, at most so many, of ids behind `after`.
async fn by_id(
    snapshot: &Snapshot,
    places: &[Place],
    rows: Vec<At>,
    after: Option<TraceId>,
    most: usize,
) -> Result<Vec<At>, QueryError> {
    if after.is_none() && rows.len() <= most {
        return Ok(rows);
    }
    let mut ids: Vec<(TraceId, At)> = Vec::with_capacity(rows.len());
    for (place, rows) in by_place(rows) {
        let batches = read(snapshot, &places[place], rows.clone(), Some(&["trace_id"])).await?;
        let mut rows = rows.into_iter();
        for batch in &batches {
            let column = batch.column_by_name("trace_id").and_then(|column| column.as_string_opt::<i32>());
            let column = column.ok_or_else(|| QueryError::Internal("runs without a trace id".into()))?;
            for (id, row) in column.iter().zip(rows.by_ref()) {
                let id =
                    id.and_then(|id| id.parse::<TraceId>().ok()).filter(|id| after.is_none_or(|after| *id > after));
                ids.extend(id.map(|id| (id, At { place, row })));
            }
        }
    }
    ids.sort_unstable();
    ids.truncate(most);
    Ok(ids.into_iter().map(|(_, at)| at).collect())
}

/// The order of a list.
fn compare(sort: Sort, a: &Run, b: &Run) -> Ordering {
    let by = match sort.key {
        SortKey::StartedAt => a.start.cmp(&b.start),
        SortKey::DurationMs => a.duration_ms.total_cmp(&b.duration_ms),
        SortKey::TotalTokens => a.usage.total_tokens().unwrap_or(0).cmp(&b.usage.total_tokens().unwrap_or(0)),
        SortKey::CostUsd => a.cost.unwrap_or_default().cmp(&b.cost.unwrap_or_default()),
        SortKey::Errors => a.errors.cmp(&b.errors),
        SortKey::Steps => a.kinds.total().cmp(&b.kinds.total()),
        SortKey::LlmCalls => a.llm_calls.cmp(&b.llm_calls),
    };
    (if sort.descending { by.reverse() } else { by }).then(a.trace_id.cmp(&b.trace_id))
}
