//! Between the vocabulary and columns, both ways: one file a table.

pub mod bodies;
pub mod columns;
pub mod logs;
pub mod runs;
pub mod samples;
pub mod spans;

use arrow::record_batch::RecordBatch;

use crate::error::StoreError;
use crate::resolver::RunResolver;
use crate::schema::Table;

/// Rows of a table without content: previews, large texts (their bodies are gone or about to go), the values of
/// attributes that are content, and the text of log records that are. Keys stay, with null.
pub(crate) fn without_content(
    table: Table,
    batch: &RecordBatch,
    meaning: &dyn RunResolver,
) -> Result<RecordBatch, StoreError> {
    Ok(match table {
        Table::Spans => {
            let rows = spans::from_batch(batch)?;
            let rows = rows.iter().map(|row| row.without_content(meaning)).collect::<Result<Vec<_>, _>>()?;
            spans::to_batch(&rows.iter().collect::<Vec<_>>())
        }
        Table::Runs => {
            let mut rows = runs::from_batch(batch)?;
            for run in &mut rows {
                (run.input_preview, run.output_preview) = (None, None);
            }
            runs::to_batch(&rows.iter().collect::<Vec<_>>())
        }
        Table::Logs => {
            let rows = logs::from_batch(batch)?;
            let rows = rows.iter().map(|row| row.without_content(meaning)).collect::<Result<Vec<_>, _>>()?;
            logs::to_batch(&rows.iter().collect::<Vec<_>>())
        }
        Table::Bodies | Table::Samples => batch.clone(),
    })
}

/// Puts null in the place of values that are content.
fn strip_attributes(attributes: &mut model::Attributes<'_>, meaning: &dyn RunResolver) {
    for (key, value) in &mut attributes.0 {
        if meaning.is_content(key) {
            *value = model::Value::Null;
        }
    }
}
