//! The judge: shows settled runs to the detectors, and keeps what they see and what was learned.
//!
//! Findings, issues and counts are written with the batch, so that a restart neither repeats nor drops them. What was learned
//! (baselines, streams) is large and written less often: after a crash the last [`LEARNED_EVERY`] of learning are missing, no finding is.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use model::{Content, Timestamp, TraceId};
use signals::detect::Night;
use state::rusqlite::{self, Transaction};

use super::kept;
use crate::config::Detection;
use crate::metrics::Metrics;
use crate::watch::judge::{Case, Judge, JudgeError};

/// How often what was learned is written, in nanoseconds.
pub const LEARNED_EVERY: i64 = 30 * 1_000_000_000;

/// Detectors that see the same again and again: what they see is counted as a loop.
const LOOPS: [&str; 4] = ["loop", "duplicate_call", "handoff_ping_pong", "retry_storm"];

/// What a step says of which nothing was read.
static NOTHING: LazyLock<Content> = LazyLock::new(Content::default);

/// Judges runs by detectors, baselines and drift.
pub struct FindingsJudge {
    settings: Detection,
    metrics: Arc<Metrics>,
    night: Option<Night>,
    /// Kinds that learned something since it was written.
    learned: BTreeSet<String>,
    written: Timestamp,
    now: Timestamp,
}

impl FindingsJudge {
    /// A judge whose memory is read from the state with the first run. Loops are counted in `metrics`, whose own judge keeps them.
    pub fn new(settings: Detection, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            metrics,
            night: None,
            learned: BTreeSet::new(),
            written: Timestamp::default(),
            now: Timestamp::default(),
        }
    }

    /// The memory, read where there is none: at the start, and after a batch that could not be kept.
    fn night(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<&mut Night> {
        let night = match self.night.take() {
            Some(night) => night,
            None => {
                let Detection { detectors, outcomes } = self.settings.clone();
                let mut night = Night { settings: detectors, outcomes, ..Night::default() };
                kept::read_learned(tx, &mut night)?;
                night
            }
        };
        Ok(self.night.insert(night))
    }
}

impl Judge for FindingsJudge {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn wants_content(&self) -> bool {
        true
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        self.now = case.now;
        let said = |step: &model::ResolvedStep| case.content(step.span.span_id).unwrap_or(&NOTHING);
        let contents = case.steps.iter().map(said).collect();
        let verdict = self.night(tx)?.judge(case.run, case.steps, contents, case.now, case.before.is_some());
        let mut written = kept::write(tx, case.run, &verdict.findings, case.now);
        if case.before.is_none()
            && let (Ok(_), Some(outcome)) = (&written, &verdict.outcome)
            && let Err(error) = kept::count_outcome(tx, &verdict.kind.agent, outcome)
        {
            written = Err(error);
        }
        if written.is_err() {
            // What was learned of this run is forgotten with it.
            self.night = None;
        }
        let loops = written?.into_iter().filter(|detector| LOOPS.contains(detector));
        if !case.backfill {
            loops.for_each(|detector| self.metrics.count_loop(case.run, detector, case.now));
        }
        self.learned.insert(verdict.kind.key());
        Ok(())
    }

    fn gone(&mut self, project: &str, trace: TraceId, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        Ok(kept::take_back(tx, project, trace)?)
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        kept::forget(tx, self.now)?;
        if self.now.nanos_since(self.written) < LEARNED_EVERY || self.learned.is_empty() {
            return Ok(());
        }
        if let Some(night) = &self.night {
            kept::write_learned(tx, night, &self.learned)?;
        }
        self.learned.clear();
        self.written = self.now;
        Ok(())
    }

    fn after_commit(&mut self, kept: bool) {
        if !kept {
            (self.night, self.written) = (None, Timestamp::default());
            self.learned.clear();
        }
    }
}
