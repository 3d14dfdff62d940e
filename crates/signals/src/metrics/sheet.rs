//! Numbers by cell while something is added up: a place for every cell there is, and which of them are in use. A table of hashes does the
//! same at many times the price, and a run of ten steps adds to a cell two hundred times.

use super::counted::Cell;

/// Where the numbers of each series begin in a [`Sheet`].
#[derive(Debug, Default)]
pub(super) struct Places {
    begin: Vec<u32>,
    end: u32,
}

impl Places {
    /// Gives a series places for its numbers.
    pub fn give(&mut self, series: u32, numbers: usize) {
        let at = series as usize;
        if at >= self.begin.len() {
            self.begin.resize(at + 1, 0);
        }
        self.begin[at] = self.end;
        self.end += numbers as u32;
    }

    /// `None` for a series that has none.
    #[inline]
    fn of(&self, cell: Cell) -> Option<usize> {
        Some(*self.begin.get(cell.series() as usize)? as usize + cell.at())
    }
}

/// Sums by cell.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// By place.
    values: Vec<f64>,
    /// By series, a bit for each of its numbers that is in use.
    marks: Vec<u64>,
    /// Series with numbers in use, each once.
    used: Vec<u32>,
    cells: usize,
}

impl Sheet {
    /// Adds to a cell of a series that has places. Whether it had nothing before.
    #[inline]
    pub fn add(&mut self, places: &Places, cell: Cell, more: f64) -> bool {
        let Some(place) = places.of(cell).filter(|_| more != 0.0) else { return false };
        let series = cell.series() as usize;
        if series >= self.marks.len() {
            self.marks.resize(series + 1, 0);
        }
        if place >= self.values.len() {
            self.values.resize(place + 1, 0.0);
        }
        let (marks, mark) = (&mut self.marks[series], 1 << cell.at());
        let first = *marks & mark == 0;
        if first {
            if *marks == 0 {
                self.used.push(cell.series());
            }
            *marks |= mark;
            self.cells += 1;
        }
        self.values[place] += more;
        first
    }

    /// What a cell has.
    pub fn get(&self, places: &Places, cell: Cell) -> f64 {
        places.of(cell).and_then(|place| self.values.get(place)).copied().unwrap_or(0.0)
    }

    /// The series with numbers in use, each once, in no order.
    pub fn used(&self) -> &[u32] {
        &self.used
    }

    /// Takes all numbers but zeros, in the order of cells, and is empty again.
    pub fn drain(&mut self, places: &Places) -> Vec<(Cell, f64)> {
        self.used.sort_unstable();
        let mut taken = Vec::with_capacity(std::mem::take(&mut self.cells));
        for series in self.used.drain(..) {
            let mut marks = std::mem::take(&mut self.marks[series as usize]);
            while marks != 0 {
                let cell = Cell::new(series, marks.trailing_zeros() as usize);
                marks &= marks - 1;
                let Some(value) = places.of(cell).map(|place| std::mem::take(&mut self.values[place])) else {
                    continue;
                };
                if value != 0.0 {
                    taken.push((cell, value));
                }
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
        let (mut sheet, mut places) = (Sheet::default(), Places::default());
        places.give(2, 3);
        places.give(1, 3);
        assert!(sheet.add(&places, Cell::new(2, 2), 1.0));
        assert!(sheet.add(&places, Cell::new(1, 1), 5.0));
        assert!(sheet.add(&places, Cell::new(2, 0), 7.0));
        assert!(!sheet.add(&places, Cell::new(2, 2), 2.0));
        // A sum that comes to nothing, and rises again; one that comes to nothing.
        sheet.add(&places, Cell::new(1, 1), -5.0);
        sheet.add(&places, Cell::new(1, 1), 4.0);
        sheet.add(&places, Cell::new(1, 0), 4.0);
        sheet.add(&places, Cell::new(1, 0), -4.0);
        assert_eq!(sheet.get(&places, Cell::new(2, 2)), 3.0);
        assert_eq!(sheet.drain(&places), [(Cell::new(1, 1), 4.0), (Cell::new(2, 0), 7.0), (Cell::new(2, 2), 3.0)]);
        assert_eq!((sheet.drain(&places), sheet.used()), (Vec::new(), &[][..]));
    }
}
