//! Labels of the sets: tables as CSV, and what their columns mean.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A row by column.
pub type Row = HashMap<String, String>;

/// What is known of the runs of a set.
#[derive(Debug, Default)]
pub struct Labels {
    /// Rows by run.
    pub runs: HashMap<String, Row>,
    /// Labelled spans by category and run.
    pub steps: BTreeMap<String, HashMap<String, Vec<String>>>,
}

/// Reads `labels.csv`, and `step_labels.csv` where there is one.
pub fn read(folder: &Path) -> Result<Labels> {
    let mut labels = Labels::default();
    for row in table(&folder.join("labels.csv"))? {
        labels.runs.insert(row.get("run_id").cloned().unwrap_or_default(), row);
    }
    let steps = folder.join("step_labels.csv");
    if steps.is_file() {
        for row in table(&steps)? {
            let of = |column: &str| row.get(column).filter(|text| !text.is_empty()).cloned();
            let category = of("category").or_else(|| of("label")).or_else(|| of("source")).unwrap_or_default();
            if let (Some(run), Some(span)) = (of("run_id"), of("span_id")) {
                labels.steps.entry(category).or_default().entry(run).or_default().push(span.to_ascii_lowercase());
            }
        }
    }
    Ok(labels)
}

/// Whether a run failed, under the name each set uses; a judgement from 0 to 5 counts as failed below 3.5.
pub fn failed(row: &Row) -> Option<bool> {
    let number = |name: &str| row.get(name).and_then(|text| text.parse::<f64>().ok());
    let failed = number("failed").map(|it| it > 0.0);
    failed.or_else(|| number("success").map(|it| it == 0.0)).or_else(|| number("overall").map(|it| it < 3.5))
}

/// A CSV file with quoted fields.
fn table(path: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field).trim_end_matches('\r').to_string());
                rows.push(std::mem::take(&mut row));
            }
            other => field.push(other),
        }
    }
    let mut rows = rows.into_iter();
    let names = rows.next().unwrap_or_default();
    Ok(rows.map(|row| names.iter().cloned().zip(row).collect()).collect())
}
