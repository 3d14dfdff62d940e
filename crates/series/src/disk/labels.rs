//! Which series there are, by their labels.

use std::collections::HashSet;

use promql::{Labels, Matcher};

use super::{Db, DbError, SelectLimits, check, overlapping};

impl Db {
    /// Labels of the series that fulfil any of `sets` and may have samples after `from` up to `to` (milliseconds), ordered; all
    /// series where no set is given.
    ///
    /// # Errors
    /// As [`Db::select`].
    pub fn labels(&self, sets: &[Vec<Matcher>], from: i64, to: i64, series_max: usize) -> Result<Vec<Labels>, DbError> {
        let every = [Vec::new()];
        let sets = if sets.is_empty() { &every[..] } else { sets };
        self.patiently(|| {
            let mut all: HashSet<Labels> = HashSet::new();
            for matchers in sets {
                let blocks = {
                    let state = self.read();
                    all.extend(state.head.labels_of(matchers, from, to));
                    overlapping(&state.blocks, from, to)
                };
                for block in blocks {
                    for section in block.footer.matching(matchers) {
                        let entries = block.entries(section, matchers)?;
                        all.extend(entries.into_iter().filter(|it| it.overlaps(from, to)).map(|it| it.labels));
                        check(all.len(), 0, SelectLimits { series_max, samples_max: u64::MAX })?;
                    }
                }
                check(all.len(), 0, SelectLimits { series_max, samples_max: u64::MAX })?;
            }
            let mut all: Vec<Labels> = all.into_iter().collect();
            all.sort_unstable();
            Ok(all)
        })
    }

    /// Hands over the labels of every series that fulfils one of the sets and has samples in a time, of every series where no set is given; each
    /// once or more often, in no order. What is made of them may be small where they are many.
    ///
    /// # Errors
    /// As [`Db::select`].
    pub fn each_labels(
        &self,
        sets: &[Vec<Matcher>],
        from: i64,
        to: i64,
        take: &mut dyn FnMut(&Labels),
    ) -> Result<(), DbError> {
        let every = [Vec::new()];
        let sets = if sets.is_empty() { &every[..] } else { sets };
        self.patiently(|| {
            for matchers in sets {
                let blocks = {
                    let state = self.read();
                    state.head.each_labels(matchers, from, to, take);
                    overlapping(&state.blocks, from, to)
                };
                for block in blocks {
                    for section in block.footer.matching(matchers) {
                        let entries = block.entries(section, matchers)?;
                        entries.iter().filter(|it| it.overlaps(from, to)).for_each(|it| take(&it.labels));
                    }
                }
            }
            Ok(())
        })
    }
}
