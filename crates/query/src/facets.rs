//! How many runs there are, and how many of each agent, service, model, …
//!
//! Rows are counted in as few passes as the filters allow: one for the total and all facets whose own key is not
//! filtered, since they see the same rows, and one for each facet that must look past its own filter.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, col};
use futures::TryStreamExt;
use store::{Snapshot, Table};

use crate::exprs::{Place, all, place};
use crate::{Engine, FacetKey, FacetValue, Facets, MAX_FACET_VALUES, QueryError, sql};

/// What a value takes in a map besides its text, about.
const ENTRY_BYTES: usize = 64;

impl Engine {
    /// The number of runs under all `conditions` (0 where it is not `total`) and the facets that `keys` name.
    pub(crate) async fn counts(
        &self,
        snapshot: &Snapshot,
        project: &str,
        conditions: &[(Option<FacetKey>, Expr)],
        keys: &[FacetKey],
        total: bool,
    ) -> Result<(u64, Option<Facets>), QueryError> {
        let but = |key: Option<FacetKey>| {
            let others = conditions.iter().filter(|(of, _)| key.is_none() || *of != key);
            all(others.map(|(_, condition)| condition.clone()))
        };
        let filtered = |key: &FacetKey| conditions.iter().any(|(of, _)| *of == Some(*key));
        let (own, together): (Vec<FacetKey>, Vec<FacetKey>) = keys.iter().partition(|key| filtered(key));
        let mut passes: Vec<(Expr, Vec<FacetKey>)> = own.iter().map(|key| (but(Some(*key)), vec![*key])).collect();
        let counts_all = total || !together.is_empty();
        if counts_all {
            passes.insert(0, (but(None), together));
        }
        let passes = passes.into_iter().map(|(filter, keys)| async move {
            let table = self.table(snapshot, Table::Runs, project)?;
            let reservation = MemoryConsumer::new("facets").register(self.memory());
            count(table, filter, keys, reservation).await
        });
        let mut passes = futures::future::try_join_all(passes).await?;
        let rows = passes.first().map_or(0, |pass| pass.rows);
        let facets = passes.iter_mut().flat_map(|pass| pass.facets.drain(..)).map(|(key, counts)| (key, top(counts)));
        let facets: Facets = facets.collect();
        Ok((if total { rows } else { 0 }, (!keys.is_empty()).then_some(facets)))
    }
}

/// What one pass counted.
struct Pass {
    rows: u64,
    facets: Vec<(FacetKey, HashMap<String, u64>)>,
}

async fn count(
    table: DataFrame,
    filter: Expr,
    keys: Vec<FacetKey>,
    reservation: MemoryReservation,
) -> Result<Pass, QueryError> {
    let frame = table.filter(filter).map_err(sql::errors::convert)?;
    if keys.is_empty() {
        let rows = frame.count().await.map_err(sql::errors::convert)? as u64;
        return Ok(Pass { rows, facets: Vec::new() });
    }
    let columns = keys.iter().map(|key| match place(*key) {
        Place::Column(column) | Place::List(column) => col(column),
    });
    let mut stream =
        frame.select(columns).map_err(sql::errors::convert)?.execute_stream().await.map_err(sql::errors::convert)?;
    let mut pass = Pass { rows: 0, facets: keys.into_iter().map(|key| (key, HashMap::new())).collect() };
    while let Some(batch) = stream.try_next().await.map_err(sql::errors::convert)? {
        pass.add(&batch, &reservation)?;
    }
    Ok(pass)
}

impl Pass {
    fn add(&mut self, batch: &RecordBatch, reservation: &MemoryReservation) -> Result<(), QueryError> {
        self.rows += batch.num_rows() as u64;
        for ((_, counts), column) in self.facets.iter_mut().zip(batch.columns()) {
            for (value, runs) in tally(column)? {
                match counts.get_mut(value) {
                    Some(count) => *count += runs,
                    None => {
                        // The values of a facet are the callers' data and may be many: they count towards the limit of memory.
                        reservation.try_grow(value.len() + ENTRY_BYTES).map_err(sql::errors::convert)?;
                        counts.insert(value.to_owned(), runs);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Rows by value in one column of texts or of lists of texts; a row counts once for each value it has.
fn tally(column: &ArrayRef) -> Result<HashMap<&str, u64>, QueryError> {
    let mut counts = HashMap::new();
    if let Some(lists) = column.as_list_opt::<i32>() {
        let items = texts(lists.values())?;
        for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
            let range = lists.value_offsets()[row] as usize..lists.value_offsets()[row + 1] as usize;
            for at in range.clone().filter(|at| items.is_valid(*at)) {
                let value = items.value(at);
                // Lists are short: looking back is cheaper than a set.
                if !(range.start..at).any(|before| items.is_valid(before) && items.value(before) == value) {
                    *counts.entry(value).or_insert(0) += 1;
                }
            }
        }
        return Ok(counts);
    }
    for value in texts(column)?.iter().flatten() {
        *counts.entry(value).or_insert(0) += 1;
    }
    Ok(counts)
}

fn texts(column: &ArrayRef) -> Result<&StringArray, QueryError> {
    column
        .as_string_opt::<i32>()
        .ok_or_else(|| QueryError::Internal(format!("a facet of type {} instead of text", column.data_type())))
}

/// The most frequent values, equally frequent ones by name.
fn top(counts: HashMap<String, u64>) -> Vec<FacetValue> {
    let mut values: Vec<FacetValue> = counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(MAX_FACET_VALUES);
    values
}
