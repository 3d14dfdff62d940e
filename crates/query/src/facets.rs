//! How many runs there are of each agent, service, model, …
//!
//! Rows are counted in as few passes as the filters allow: one for all facets whose own key is not filtered, since they see
//! the same rows, and one for each facet that must look past its own filter.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::Int32Type;
use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use store::{SegmentView, Snapshot, Table};
use tokio::task::JoinSet;

use crate::exprs::{Place, all, place};
use crate::narrow::{self, Names, own, passing};
use crate::{Engine, FacetKey, FacetValue, Facets, MAX_FACET_VALUES, QueryError, sql};

/// What a value takes in a map besides its text, about.
const ENTRY_BYTES: usize = 64;

impl Engine {
    /// The facets that `keys` name, of the runs under all `conditions`; `None` where no key is named.
    pub(crate) async fn facets(
        &self,
        snapshot: &Snapshot,
        project: &str,
        conditions: &[(Option<FacetKey>, Expr)],
        keys: &[FacetKey],
    ) -> Result<Option<Facets>, QueryError> {
        let but = |key: Option<FacetKey>| {
            let others = conditions.iter().filter(|(of, _)| key.is_none() || *of != key);
            all(others.map(|(_, condition)| condition.clone()))
        };
        let filtered = |key: &FacetKey| conditions.iter().any(|(of, _)| *of == Some(*key));
        let (own, together): (Vec<FacetKey>, Vec<FacetKey>) = keys.iter().partition(|key| filtered(key));
        let mut passes: Vec<(Expr, Vec<FacetKey>)> = own.iter().map(|key| (but(Some(*key)), vec![*key])).collect();
        if !together.is_empty() {
            passes.push((but(None), together));
        }
        let mut facets = Facets::new();
        for (filter, keys) in passes {
            let counted = self.count(snapshot, project, &filter, &keys).await?;
            facets.extend(keys.into_iter().zip(counted.values.into_iter().map(top)));
        }
        Ok((!keys.is_empty()).then_some(facets))
    }

    /// Runs of `project` that pass, by the values of `keys`.
    async fn count(
        &self,
        snapshot: &Snapshot,
        project: &str,
        filter: &Expr,
        keys: &[FacetKey],
    ) -> Result<Counts, QueryError> {
        let columns: Vec<&'static str> = keys.iter().map(|key| column(*key)).collect();
        let names = Names::of([filter], columns.iter().copied());
        let reservation = Arc::new(MemoryConsumer::new("facets").register(self.memory()));
        let mut counts = Counts::new(columns.len(), &reservation);
        let hot = &snapshot.table(Table::Runs).hot;
        if !hot.is_empty() {
            let (places, schema) = names.hot()?;
            let [passes] = self.expressions([filter], &schema)?;
            let count = |batch: &RecordBatch| -> Result<(), DataFusionError> {
                let narrow = batch.project(&places)?;
                let rows = passing(&passes, &narrow, Some(own(batch, project)?))?;
                counts.add(&narrow, &columns, &rows)
            };
            hot.iter().try_for_each(count).map_err(sql::errors::convert)?;
        }
        let [passes] = self.expressions([filter], &names.sealed()?)?;
        let counting = Counting { snapshot: snapshot.clone(), names, passes, columns: columns.into() };
        let mut waiting = narrow::segments(snapshot, project, filter).into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.limits().parallelism.max(1)
                && let Some(segment) = waiting.next()
            {
                let of_segment = Counts::new(counting.columns.len(), &reservation);
                running.spawn(counting.clone().segment(segment, of_segment));
            }
            let Some(done) = running.join_next().await else { return Ok(counts) };
            let done = done.map_err(|error| QueryError::Internal(error.to_string()))??;
            counts.merge(done).map_err(sql::errors::convert)?;
        }
    }
}

/// The column of a facet.
fn column(key: FacetKey) -> &'static str {
    match place(key) {
        Place::Column(column) | Place::List(column) => column,
    }
}

/// What is counted of each segment.
#[derive(Clone)]
struct Counting {
    snapshot: Snapshot,
    names: Names,
    passes: Arc<dyn PhysicalExpr>,
    columns: Arc<[&'static str]>,
}

impl Counting {
    async fn segment(self, segment: SegmentView, mut counts: Counts) -> Result<Counts, QueryError> {
        let see = |batch: &RecordBatch, living: Option<BooleanBuffer>, _: u32| {
            counts.add(batch, &self.columns, &passing(&self.passes, batch, living)?)
        };
        narrow::through(&self.snapshot, &segment, &self.names, see).await?;
        Ok(counts)
    }
}

/// Runs by the values of some columns.
struct Counts {
    values: Vec<HashMap<String, u64>>,
    /// The values of a facet are the callers' data and may be many: they count towards the limit of memory.
    reservation: Arc<MemoryReservation>,
}

impl Counts {
    fn new(columns: usize, reservation: &Arc<MemoryReservation>) -> Self {
        Self { values: vec![HashMap::new(); columns], reservation: Arc::clone(reservation) }
    }

    /// Counts some rows of a batch.
    fn add(&mut self, batch: &RecordBatch, columns: &[&str], rows: &BooleanBuffer) -> Result<(), DataFusionError> {
        if rows.count_set_bits() == 0 {
            return Ok(());
        }
        for (at, name) in columns.iter().enumerate() {
            let column = batch.column_by_name(name).ok_or_else(|| fault(&format!("no column {name}")))?;
            for (value, runs) in tally(column, rows)? {
                self.note(at, value, runs)?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), DataFusionError> {
        for (at, values) in other.values.into_iter().enumerate() {
            for (value, runs) in values {
                self.note(at, &value, runs)?;
                self.reservation.shrink(value.len() + ENTRY_BYTES);
            }
        }
        Ok(())
    }

    fn note(&mut self, at: usize, value: &str, runs: u64) -> Result<(), DataFusionError> {
        match self.values[at].get_mut(value) {
            Some(count) => *count += runs,
            None => {
                self.reservation.try_grow(value.len() + ENTRY_BYTES)?;
                self.values[at].insert(value.to_owned(), runs);
            }
        }
        Ok(())
    }
}

fn fault(what: &str) -> DataFusionError {
    DataFusionError::Internal(format!("facets: {what}"))
}

/// Texts, each by the number of its item: every different text once, or one for each item.
struct Texts<'a> {
    keys: Option<&'a Int32Array>,
    texts: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn of(column: &'a ArrayRef) -> Result<Self, DataFusionError> {
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Ok(Self { keys: None, texts });
        }
        let coded = column.as_dictionary_opt::<Int32Type>();
        let coded = coded.and_then(|coded| Some((coded.keys(), coded.values().as_string_opt::<i32>()?)));
        let (keys, texts) = coded.ok_or_else(|| fault(&format!("a column of type {}", column.data_type())))?;
        Ok(Self { keys: Some(keys), texts })
    }

    /// The number of an item's text, if it has one.
    fn number(&self, item: usize) -> Option<usize> {
        let number = match self.keys {
            Some(keys) => keys.is_valid(item).then(|| keys.value(item) as usize)?,
            None => item,
        };
        self.texts.is_valid(number).then_some(number)
    }

    fn same(&self, a: usize, b: usize) -> bool {
        a == b || self.texts.value(a) == self.texts.value(b)
    }
}

/// Rows by value in one column of texts or of lists of texts; a row counts once for each value it has.
fn tally<'a>(column: &'a ArrayRef, rows: &BooleanBuffer) -> Result<HashMap<&'a str, u64>, DataFusionError> {
    let lists = column.as_list_opt::<i32>();
    let texts = Texts::of(lists.map_or(column, |lists| lists.values()))?;
    let mut counts = vec![0u64; texts.texts.len()];
    for row in rows.set_indices() {
        let Some(lists) = lists else {
            if let Some(text) = texts.number(row) {
                counts[text] += 1;
            }
            continue;
        };
        if lists.is_null(row) {
            continue;
        }
        let items = lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize;
        for item in items.clone() {
            let Some(text) = texts.number(item) else { continue };
            // Lists are short: looking back is cheaper than a set.
            let mut before = (items.start..item).filter_map(|before| texts.number(before));
            if !before.any(|before| texts.same(before, text)) {
                counts[text] += 1;
            }
        }
    }
    let mut by_text = HashMap::new();
    for (text, runs) in counts.into_iter().enumerate().filter(|(_, runs)| *runs > 0) {
        *by_text.entry(texts.texts.value(text)).or_insert(0) += runs;
    }
    Ok(by_text)
}

/// The most frequent values, equally frequent ones by name.
fn top(counts: HashMap<String, u64>) -> Vec<FacetValue> {
    let mut values: Vec<FacetValue> = counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(MAX_FACET_VALUES);
    values
}
