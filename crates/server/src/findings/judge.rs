//! The judge: shows settled runs to the detectors, and keeps what they see and what was learned.
//!
//! Findings, issues and counts are written with the batch, so that a restart neither repeats nor drops them. What was learned
//! (baselines, streams) is large and written less often: after a crash, and after a batch on which a judge failed, the last
//! [`LEARNED_EVERY`] of learning are missing, no finding is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use model::{Content, RunStatus, Timestamp, TraceId};
use signals::detect::{Beside, Evidence, Night};
use signals::runs::Resolved;
use state::rusqlite::{self, Transaction};

use super::Silent;
use super::embed::Embedder;
use super::kept::{self, Subject};
use crate::config::Detection;
use crate::metrics::Metrics;
use crate::watch::judge::{Case, Judge, JudgeError};

/// How often what was learned is written, in nanoseconds.
pub const LEARNED_EVERY: i64 = 30 * 1_000_000_000;

/// Detectors that see the same again and again: what they see is counted as a loop.
const LOOPS: [&str; 4] = ["loop", "duplicate_call", "handoff_ping_pong", "retry_storm"];

/// What a step says of which nothing was read.
static NOTHING: LazyLock<Content> = LazyLock::new(Content::default);

/// Steps a run that goes on must have gained before it is looked at again: so many, and a quarter of those seen at the last look. Looking
/// at a run while it grows thus costs no more than a few times as much as judging it once.
const GAINED: usize = 3;
/// Quiet seconds after which a run that goes on is looked at although it gained nothing: it may be stuck.
const QUIET_SECONDS: f64 = 60.0;
/// Runs that go on whose size at the last look is remembered; past these all are looked at as if for the first time.
const OPEN_MAX: usize = 20_000;

/// Judges runs by detectors, baselines and drift.
pub struct FindingsJudge {
    settings: Detection,
    metrics: Arc<Metrics>,
    silent: Arc<Silent>,
    embedder: Option<Arc<Embedder>>,
    /// Nobody listened before.
    since: Timestamp,
    night: Option<Night>,
    /// Kinds that learned something since it was written.
    learned: BTreeSet<String>,
    /// Runs of this batch by agent and what they came to.
    outcomes: BTreeMap<(String, String), i64>,
    /// Steps of runs that go on, at their last look.
    open: HashMap<(Arc<str>, TraceId), usize>,
    written: Timestamp,
    now: Timestamp,
}

impl FindingsJudge {
    /// A judge whose memory is read from the state with the first run. Loops are counted in `metrics`, whose own judge keeps them. It listens
    /// since `since`, tells in `silent` which agents are quiet, and has answers made vectors by `embedder`.
    pub fn new(
        settings: Detection,
        metrics: Arc<Metrics>,
        silent: Arc<Silent>,
        embedder: Option<Arc<Embedder>>,
        since: Timestamp,
    ) -> Self {
        Self {
            settings,
            metrics,
            silent,
            embedder,
            since,
            night: None,
            learned: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            open: HashMap::new(),
            written: Timestamp::default(),
            now: Timestamp::default(),
        }
    }

    /// The memory, read where there is none: at the start, and after a batch that could not be kept.
    fn night(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<&mut Night> {
        let night = match self.night.take() {
            Some(night) => night,
            None => {
                let Detection { detectors, outcomes, .. } = self.settings.clone();
                let mut night = Night { settings: detectors, outcomes, ..Night::default() };
                kept::read_learned(tx, &mut night)?;
                night
            }
        };
        Ok(self.night.insert(night))
    }

    /// A run that goes on: what is certain already is told now.
    fn look(&mut self, case: &Case<'_>, contents: Vec<&Content>, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let findings = self.night(tx)?.look(case.run, case.steps, contents, case.now);
        let subject = Subject::run(case.run, !case.backfill, case.now);
        let new = kept::write(tx, subject, case.run, &findings)?;
        self.count_loops(case, &new);
        if self.open.len() >= OPEN_MAX {
            self.open.clear();
        }
        self.open.insert((Arc::clone(&case.run.tenant.project), case.run.trace_id), case.steps.len());
        Ok(())
    }

    fn count_loops(&self, case: &Case<'_>, new: &[&str]) {
        if !case.backfill {
            let loops = new.iter().filter(|detector| LOOPS.contains(detector));
            loops.for_each(|detector| self.metrics.count_loop(case.run, detector, case.now));
        }
    }

    fn settled(&mut self, case: &Case<'_>, contents: Vec<&Content>, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let run = case.run;
        let project = &run.tenant.project;
        let marked = kept::new_mark(tx, project, run.trace_id)?;
        if let Some(embedder) = self.embedder.as_ref().filter(|_| case.before.is_none())
            && let Some(answer) = Evidence::new(run, case.steps, contents.clone(), case.now).answer
        {
            embedder.offer(run, &answer.text);
        }
        let beside = Beside { again: case.before.is_some(), marked };
        let night = self.night(tx)?;
        let verdict = night.judge(run, case.steps, contents, case.now, beside);
        if !case.backfill {
            night.heard_of(run);
        }
        let new = kept::write(tx, Subject::run(run, !case.backfill, case.now), run, &verdict.findings)?;
        self.count_loops(case, &new);
        kept::write_verdict(tx, run, &verdict)?;
        if marked.is_some() {
            kept::mark_learned(tx, project, run.trace_id)?;
        }
        self.open.remove(&(Arc::clone(project), run.trace_id));
        self.learned.insert(verdict.kind.key());
        if let Some(outcome) = verdict.outcome.filter(|_| case.before.is_none()) {
            *self.outcomes.entry((verdict.kind.agent, outcome)).or_default() += 1;
        }
        Ok(())
    }
}

impl Judge for FindingsJudge {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn wants_content(&self) -> bool {
        true
    }

    fn follows(&self) -> bool {
        true
    }

    fn looks_into(&self, resolved: &Resolved, now: Timestamp) -> bool {
        let run = &resolved.run;
        // One that has ended settles soon, and is judged then.
        if run.status != RunStatus::Running {
            return false;
        }
        let before = self.open.get(&(Arc::clone(&run.tenant.project), run.trace_id)).copied().unwrap_or(0);
        let grown = resolved.steps.len() >= before + GAINED.max(before / 4);
        grown || now.millis_since(run.last_received) / 1e3 >= QUIET_SECONDS
    }

    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        self.now = case.now;
        if !case.settled && !case.has_content() {
            return Ok(());
        }
        let said = |step: &model::ResolvedStep| case.content(step.span.span_id).unwrap_or(&NOTHING);
        let contents = case.steps.iter().map(said).collect();
        let judged = if case.settled { self.settled(case, contents, tx) } else { self.look(case, contents, tx) };
        if judged.is_err() {
            // What was learned of this run is forgotten with it.
            self.night = None;
        }
        Ok(judged?)
    }

    fn tick(&mut self, now: Timestamp, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        let since = self.since;
        let silent = self.night(tx)?.silent(now, since);
        for silence in &silent {
            kept::write_silence(tx, silence, now)?;
        }
        self.silent.set(silent);
        for (run, vector) in self.embedder.as_ref().map(|embedder| embedder.take()).unwrap_or_default() {
            if let Some(finding) = self.night(tx)?.meant(&run, &vector) {
                kept::add(tx, Subject::run(&run, true, now), &finding)?;
            }
        }
        Ok(())
    }

    fn gone(&mut self, project: &str, trace: TraceId, tx: &Transaction<'_>) -> Result<(), JudgeError> {
        Ok(kept::take_back(tx, project, trace)?)
    }

    fn before_commit(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for ((agent, outcome), runs) in std::mem::take(&mut self.outcomes) {
            kept::count_outcome(tx, &agent, &outcome, runs)?;
        }
        kept::forget(tx)?;
        if self.now.nanos_since(self.written) < LEARNED_EVERY || self.learned.is_empty() {
            return Ok(());
        }
        if let Some(night) = &mut self.night {
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
            self.outcomes.clear();
        }
    }
}
