//! Since when a counter counts: start timestamps, and the resets they tell of.
//!
//! A sender that knows when its counter began says so with every sample. A reset is then seen even where the counter has already grown
//! past its old value, and samples that are differences, each beginning where the one before ended, add up.

/// A sample's time and the start it tells of, in milliseconds; 0 where it tells of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub start: i64,
    pub time: i64,
}

impl Counted {
    /// The sample at `time`, number `at` of a series with these starts.
    pub fn of(starts: &[i64], at: usize, time: i64) -> Self {
        Self { start: starts.get(at).copied().unwrap_or(0), time }
    }

    /// Whether the start says something: one at the sample's own time is OpenTelemetry's way of not knowing it, a later one is a mistake.
    fn is_known(self) -> bool {
        self.start != 0 && self.start < self.time
    }

    /// Whether the counter began anew between `before` and this sample, the next one of its series.
    pub fn is_anew_after(self, before: Self) -> bool {
        // Samples that tell of the same start belong to one sequence.
        if !self.is_known() || self.start == before.start || self.start < before.time {
            return false;
        }
        // One that begins exactly where the other ended is a difference, unless that one's own start is unknown: then it was the first
        // of a sequence whose start nobody saw.
        self.start > before.time || before.is_known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anew(before: (i64, i64), now: (i64, i64)) -> bool {
        let counted = |(start, time)| Counted { start, time };
        counted(now).is_anew_after(counted(before))
    }

    #[test]
    fn a_start_after_the_sample_before_is_a_reset() {
        assert!(anew((100, 200), (250, 300)));
        assert!(anew((0, 200), (250, 300)));
        assert!(!anew((100, 200), (100, 300)), "the same start");
        assert!(!anew((100, 200), (0, 300)), "no start");
    }

    #[test]
    fn differences_begin_where_the_one_before_ended() {
        assert!(anew((100, 200), (200, 300)));
        // The first sample of a sequence whose start is unknown, told as none or as its own time.
        assert!(!anew((0, 200), (200, 300)));
        assert!(!anew((200, 200), (200, 300)));
    }

    #[test]
    fn starts_that_cannot_be_say_nothing() {
        assert!(!anew((100, 200), (400, 300)));
        assert!(!anew((100, 200), (300, 300)));
        assert!(!anew((250, 200), (200, 300)));
        assert!(!anew((100, 200), (150, 300)), "it overlaps the sample before");
    }
}
