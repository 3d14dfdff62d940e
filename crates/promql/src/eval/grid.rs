//! The times an expression is evaluated at.

use crate::plan::Params;

/// Times at equal distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub start: i64,
    step: i64,
    count: usize,
}

impl Grid {
    /// The steps of the query itself.
    pub fn of_query(params: &Params) -> Self {
        Self::new(params.start, params.end, params.step.max(1))
    }

    /// From `start` to `end` at most; empty where `end` comes first.
    pub fn new(start: i64, end: i64, step: i64) -> Self {
        let count = if end < start {
            0
        } else {
            usize::try_from(end.saturating_sub(start) / step).unwrap_or(usize::MAX - 1) + 1
        };
        Self { start, step, count }
    }

    /// Multiples of `step` after `after` up to `end`: the steps of a subquery do not depend on when it is asked.
    pub fn aligned(after: i64, end: i64, step: i64) -> Self {
        Self::new(after.div_euclid(step).saturating_add(1).saturating_mul(step), end, step)
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn times(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { start, step, count } = *self;
        (0..count as i64).map(move |at| start.saturating_add(at.saturating_mul(step)))
    }

    pub fn last(&self) -> i64 {
        self.start.saturating_add((self.count.saturating_sub(1) as i64).saturating_mul(self.step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subquery_steps_are_multiples_of_the_step() {
        let times: Vec<i64> = Grid::aligned(-50, 50, 25).times().collect();
        assert_eq!(times, [-25, 0, 25, 50]);
        assert_eq!(Grid::aligned(-60, -1, 25).times().collect::<Vec<_>>(), [-50, -25]);
        assert_eq!(Grid::new(5, 4, 1).len(), 0);
    }
}
