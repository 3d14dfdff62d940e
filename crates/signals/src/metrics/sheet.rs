//! Numbers by cell while something is added up: a place for every cell there is, and a list of those in use. A table of hashes does the
//! same at five times the price, and a run of ten steps adds to a cell two hundred times.

use super::counted::Cell;

/// Sums by cell.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    values: Vec<f64>,
    used: Vec<(Cell, u32)>,
}

impl Sheet {
    /// Adds to the cell whose number is kept at `place`. Whether it had none before.
    #[inline]
    pub fn add(&mut self, cell: Cell, place: u32, more: f64) -> bool {
        let at = place as usize;
        if at >= self.values.len() {
            self.values.resize(at + 1, 0.0);
        }
        let value = &mut self.values[at];
        let first = *value == 0.0;
        if first && more != 0.0 {
            self.used.push((cell, place));
        }
        *value += more;
        first
    }

    /// What stands at a place.
    pub fn get(&self, place: u32) -> f64 {
        self.values.get(place as usize).copied().unwrap_or(0.0)
    }

    /// The cells in use, in no order; one may come twice.
    pub fn used(&self) -> impl Iterator<Item = Cell> {
        self.used.iter().map(|(cell, _)| *cell)
    }

    /// Takes all numbers but zeros, in the order of cells, and is empty again.
    pub fn drain(&mut self) -> Vec<(Cell, f64)> {
        self.used.sort_unstable_by_key(|(cell, _)| *cell);
        let mut taken = Vec::with_capacity(self.used.len());
        for (cell, place) in self.used.drain(..) {
            let value = std::mem::take(&mut self.values[place as usize]);
            if value != 0.0 {
                taken.push((cell, value));
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_adds_up_in_order_and_is_empty_afterwards() {
        let mut sheet = Sheet::default();
        let cell = |series| Cell::new(series, 0);
        assert!(sheet.add(cell(2), 9, 1.0));
        assert!(sheet.add(cell(1), 3, 5.0));
        assert!(!sheet.add(cell(2), 9, 2.0));
        // A sum that comes to nothing, and rises again.
        sheet.add(cell(1), 3, -5.0);
        sheet.add(cell(1), 3, 4.0);
        assert_eq!(sheet.drain(), [(cell(1), 4.0), (cell(2), 3.0)]);
        assert_eq!(sheet.drain(), []);
    }
}
