//! What of the counters has to be kept.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::{Registry, SeriesRow};
use crate::metrics::counted::Cell;
use crate::metrics::family::Family;
use crate::metrics::table::FAMILIES;

/// Shapes of the families, in the order of [`FAMILIES`].
static SHAPES: LazyLock<Vec<String>> = LazyLock::new(|| FAMILIES.iter().map(Family::shape).collect());

impl Registry {
    /// The series that are new since the last commit, whole. What else changed is in [`Registry::changed`].
    pub fn new_rows(&self) -> Vec<SeriesRow> {
        self.unsaved.iter().filter_map(|id| self.row(*id)).collect()
    }

    /// Calls `give` with the number of each series that was staged and is not new, and with its numbers as they have to be kept.
    ///
    /// Thousands of series change with every batch, and their labels never do: these are not copied again.
    ///
    /// # Errors
    /// The first that `give` returns.
    pub fn changed<E>(&self, mut give: impl FnMut(u32, &[f64]) -> Result<(), E>) -> Result<(), E> {
        let mut cells = Vec::new();
        for id in self.touched().into_iter().filter(|id| !self.unsaved.contains(id)) {
            let Some(series) = self.series.get(id as usize).and_then(Option::as_ref) else { continue };
            cells.clear();
            cells.extend(series.cells.iter().enumerate().map(|(at, value)| value + self.staged_at(id, at)));
            give(id, &cells)?;
        }
        Ok(())
    }

    /// The corrections as they have to be kept, of families that have new ones.
    pub fn correction_rows(&self) -> Vec<(&'static str, f64)> {
        let row = |(family, more): (&usize, &f64)| (FAMILIES[*family].name, self.corrections[*family] + more);
        self.staged_corrections.iter().map(row).collect()
    }

    /// A series as it has to be kept.
    fn row(&self, id: u32) -> Option<SeriesRow> {
        let series = self.series.get(id as usize)?.as_ref()?;
        let family = series.family.family();
        Some(SeriesRow {
            id,
            family: family.name.into(),
            shape: Cow::Borrowed(&SHAPES[family.id as usize]),
            labels: series.labels.iter().map(|label| label.to_string()).collect(),
            cells: series.cells.iter().enumerate().map(|(at, value)| value + self.staged_at(id, at)).collect(),
        })
    }

    fn staged_at(&self, id: u32, at: usize) -> f64 {
        self.staged.get(&self.places, Cell::new(id, at))
    }

    /// The series that something was staged of, each once.
    fn touched(&self) -> Vec<u32> {
        let mut touched = self.staged.used().to_vec();
        touched.sort_unstable();
        touched
    }
}
