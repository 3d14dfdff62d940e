//! Those who judge runs, and what they see of one.
//!
//! A judge derives something from runs and keeps it in tables of its own in the state, all in the transaction it is given.
//! What it derives should be pure code of the crate `signals`; here is only the keeping. To add one: implement [`Judge`]
//! beside the feature, and name it in `judges` of `watch.rs`.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use model::{Billing, Content, ResolvedStep, Run, SpanId, Timestamp, TraceId};
use signals::runs::Resolved;
use state::rusqlite::{self, Transaction};
use state::{State, StateError};
use store::StoredSpan;

use crate::api::said::Said;

/// A run before its judges.
pub struct Case<'a> {
    /// The run as it stands. Its tenant says project and environment.
    pub run: &'a Run,
    /// Its steps, parents before children.
    pub steps: &'a [ResolvedStep],
    /// It has settled: nothing but a late span changes it any more. False only for judges that follow runs.
    pub settled: bool,
    /// It is history (an import, a late delivery): to be kept, but nobody is to be woken for it.
    pub backfill: bool,
    /// The version at which it was judged before, where it changed after it had settled.
    pub before: Option<u64>,
    /// The time.
    pub now: Timestamp,
    /// What was judged of it elsewhere: by users, evaluators, people. Known once it has settled.
    pub scores: &'a [receivers::Score],
    said: Option<Said<'a>>,
    contents: OnceCell<HashMap<SpanId, Cell>>,
}

/// A step's position, and what was said in it and what its price needs once somebody asked.
type Cell = (usize, OnceCell<Option<(Content, Billing)>>);

impl<'a> Case<'a> {
    /// Puts a case together.
    pub fn new(
        resolved: &'a Resolved,
        settled: bool,
        backfill: bool,
        before: Option<u64>,
        now: Timestamp,
        scores: &'a [receivers::Score],
        said: Option<Said<'a>>,
    ) -> Self {
        Self {
            run: &resolved.run,
            steps: &resolved.steps,
            settled,
            backfill,
            before,
            now,
            scores,
            said,
            contents: OnceCell::new(),
        }
    }

    /// What was said in a step, understood when first asked for; `None` where content was not read: no judge
    /// [wants](Judge::wants_content) it, the run has not settled, or it is too large.
    pub fn content(&self, span_id: SpanId) -> Option<&Content> {
        self.understood(span_id).map(|(content, _)| content)
    }

    /// What the price of a step's call needs beyond the narrow span, where its span was read.
    pub fn billing(&self, span_id: SpanId) -> Option<&Billing> {
        self.source(span_id)?;
        self.understood(span_id).map(|(_, billing)| billing)
    }

    fn understood(&self, span_id: SpanId) -> Option<&(Content, Billing)> {
        let said = self.said.as_ref()?;
        let by_id = || {
            let steps = self.steps.iter().enumerate();
            steps.map(|(at, step)| (step.span.span_id, (at, OnceCell::new()))).collect()
        };
        let (at, cell) = self.contents.get_or_init(by_id).get(&span_id)?;
        let understand = || said.whole(&self.steps[*at]).map(|whole| (whole.content, whole.billing));
        cell.get_or_init(understand).as_ref()
    }

    /// Whether what was said in its steps was read.
    pub fn has_content(&self) -> bool {
        self.said.is_some()
    }

    /// A step's span as it was sent, where it was read.
    pub fn source(&self, span_id: SpanId) -> Option<&StoredSpan<'a>> {
        self.said.as_ref()?.span(span_id)
    }
}

/// Why a judge could not judge a run.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// What it found could not be kept.
    #[error(transparent)]
    State(#[from] rusqlite::Error),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Somebody who judges runs.
///
/// Where judging a run fails, what was written for it is undone, the failure is counted and named in health, and the run
/// counts as judged: other judges and other runs are not held up.
pub trait Judge: Send {
    /// Its name, for health and logs.
    fn name(&self) -> &'static str;

    /// Whether it asks for what was said in steps: then settled runs are read with their content.
    fn wants_content(&self) -> bool {
        false
    }

    /// Whether it is shown runs also before they settle, at most once a second while they change.
    fn follows(&self) -> bool {
        false
    }

    /// Whether, of those who follow, this one now wants to see what was said in a run that has not settled.
    fn looks_into(&self, _resolved: &Resolved, _now: Timestamp) -> bool {
        false
    }

    /// Time has passed, whether or not runs came.
    fn tick(&mut self, _now: Timestamp, _tx: &Transaction<'_>) -> Result<(), JudgeError> {
        Ok(())
    }

    /// Judges a run, keeping what it finds through `tx`. What it holds in memory must not change where this fails.
    fn judge(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> Result<(), JudgeError>;

    /// A trace that may have been judged is no run of its own any more: it turned out to be part of another.
    fn gone(&mut self, _project: &str, _trace: TraceId, _tx: &Transaction<'_>) -> Result<(), JudgeError> {
        Ok(())
    }

    /// The last writes of a batch.
    fn before_commit(&mut self, _tx: &Transaction<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Whether the batch was kept. Where it was not, its runs are judged again later: what was remembered of it has to be
    /// forgotten.
    fn after_commit(&mut self, _kept: bool) {}
}

/// The judges with what is known of their failures.
#[derive(Default)]
pub struct Bench {
    judges: Vec<Seat>,
    wants_content: bool,
    care: Care,
}

/// How judges work on a batch.
///
/// To undo what one judge wrote of one run SQLite copies every page that is written aside once more, for each judge and run: a tenth of
/// all the work of judging. Since judges hardly ever fail, a batch is first judged without; where one fails, all of it is undone and
/// judged again with care.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Care {
    /// A failure ends the batch: what was written is undone with all the rest.
    #[default]
    None,
    /// What a judge wrote of a run on which it failed is undone, and nothing else.
    EachRun,
}

struct Seat {
    judge: Box<dyn Judge>,
    /// Runs it failed on in a row, and what the last failure was.
    failing: Option<(u64, TraceId, String)>,
}

impl Seat {
    /// Lets the judge work; whether it succeeded. What a failure wrote is undone, without [`Care`] with all that was written before it.
    fn work(
        &mut self,
        care: Care,
        trace_id: Option<TraceId>,
        tx: &Transaction<'_>,
        work: impl FnOnce(&mut dyn Judge) -> Result<(), JudgeError>,
    ) -> rusqlite::Result<bool> {
        if care == Care::EachRun {
            tx.prepare_cached("SAVEPOINT judge")?.execute([])?;
        }
        let error = match catch_unwind(AssertUnwindSafe(|| work(&mut *self.judge))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(fault) => Some(format!("a fault in Tawny itself: {}", words(&*fault))),
        };
        let succeeded = error.is_none();
        if care == Care::None && !succeeded {
            // It is said which run, and why, when it fails with care.
            return Err(rusqlite::Error::StatementChangedRows(0));
        }
        match error {
            None if trace_id.is_some() => self.failing = None,
            None => {}
            Some(error) => {
                tx.prepare_cached("ROLLBACK TO judge")?.execute([])?;
                let name = self.judge.name();
                let Some(trace_id) = trace_id else {
                    tracing::error!(%error, judge = name, "a judge could not do what time asks for");
                    tx.prepare_cached("RELEASE judge")?.execute([])?;
                    return Ok(false);
                };
                tracing::error!(%error, %trace_id, judge = name, "a run could not be judged");
                let runs = self.failing.as_ref().map_or(0, |(runs, ..)| *runs) + 1;
                self.failing = Some((runs, trace_id, error));
            }
        }
        if care == Care::EachRun {
            tx.prepare_cached("RELEASE judge")?.execute([])?;
        }
        Ok(succeeded)
    }
}

impl Bench {
    /// The judges, in the order in which they see a run.
    pub fn new(judges: Vec<Box<dyn Judge>>) -> Self {
        let wants_content = judges.iter().any(|judge| judge.wants_content());
        let judges = judges.into_iter().map(|judge| Seat { judge, failing: None }).collect();
        Self { judges, wants_content, care: Care::default() }
    }

    /// Judges a batch in one transaction: `work` shows its runs. Where a judge fails, all is undone and `work` is asked once more, with care.
    ///
    /// # Errors
    /// When what was judged cannot be kept.
    pub fn batch<T>(
        &mut self,
        state: &State,
        mut work: impl FnMut(&mut Self, &Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        // A judge that failed on the last run it saw is likely to fail on the next.
        let is_failing = self.judges.iter().any(|seat| seat.failing.is_some());
        if !is_failing && let Ok(done) = self.with(Care::None, state, &mut work) {
            return Ok(done);
        }
        self.with(Care::EachRun, state, work)
    }

    /// Lets judges work in one transaction, with this care.
    fn with<T>(
        &mut self,
        care: Care,
        state: &State,
        work: impl FnOnce(&mut Self, &Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        self.care = care;
        let written = state.write(|tx| {
            let done = work(self, tx)?;
            self.judges.iter_mut().try_for_each(|seat| seat.judge.before_commit(tx))?;
            Ok(done)
        });
        self.judges.iter_mut().for_each(|seat| seat.judge.after_commit(written.is_ok()));
        written
    }

    /// Whether settled runs are read with their content.
    pub fn wants_content(&self) -> bool {
        self.wants_content
    }

    /// Whether a run that has not settled is read with its content.
    pub fn looks_into(&self, resolved: &Resolved, now: Timestamp) -> bool {
        self.judges.iter().any(|seat| seat.judge.follows() && seat.judge.looks_into(resolved, now))
    }

    /// Tells every judge the time, in a transaction of its own; says how many failed.
    ///
    /// # Errors
    /// When what they write cannot be kept.
    pub fn tick(&mut self, now: Timestamp, state: &State) -> Result<u64, StateError> {
        // Seldom, and a judge that fails must not make others forget: with care from the beginning.
        self.with(Care::EachRun, state, |bench, tx| {
            let mut failed = 0;
            for seat in &mut bench.judges {
                failed += u64::from(!seat.work(bench.care, None, tx, |judge| judge.tick(now, tx))?);
            }
            Ok(failed)
        })
    }

    /// Shows a run to every judge; says how many failed.
    ///
    /// # Errors
    /// When not even a failure could be undone, and without [`Care`] when one failed.
    pub fn hear(&mut self, case: &Case<'_>, tx: &Transaction<'_>) -> rusqlite::Result<u64> {
        let mut failed = 0;
        for seat in self.judges.iter_mut().filter(|seat| case.settled || seat.judge.follows()) {
            failed += u64::from(!seat.work(self.care, Some(case.run.trace_id), tx, |judge| judge.judge(case, tx))?);
        }
        Ok(failed)
    }

    /// Tells every judge that a trace is no run of its own any more; says how many failed.
    ///
    /// # Errors
    /// As [`Bench::hear`].
    pub fn gone(&mut self, project: &str, trace: TraceId, tx: &Transaction<'_>) -> rusqlite::Result<u64> {
        let mut failed = 0;
        for seat in &mut self.judges {
            failed += u64::from(!seat.work(self.care, Some(trace), tx, |judge| judge.gone(project, trace, tx))?);
        }
        Ok(failed)
    }

    /// Which judges fail at the moment, for health.
    pub fn trouble(&self) -> Option<String> {
        let failing = self.judges.iter().filter_map(|seat| {
            let (runs, trace_id, error) = seat.failing.as_ref()?;
            Some(format!("`{}` could not judge {runs} runs, the last of them {trace_id}: {error}", seat.judge.name()))
        });
        let failing: Vec<String> = failing.collect();
        (!failing.is_empty()).then(|| failing.join("; "))
    }
}

/// What a fault said.
fn words(fault: &(dyn std::any::Any + Send)) -> &str {
    let text = fault.downcast_ref::<&str>().copied();
    text.or_else(|| fault.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}
