//! Erasing what is known of a user, a session or a run, on request of whom it is about; and holds, which stop that.
//!
//! An order is written down first, so that a restart goes on with it. Its runs are looked for, their rows taken out of memory, log
//! and segments (`store::Store::erase`), and their traces out of the state; that is repeated until a search finds nothing. The files
//! that held the rows are gone when the grace period of readers is over, which the record says too. From then on the record
//! names the person by a hash only.

pub mod holds;
mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, TraceId};
use query::{Page, RunFilter, SqlLimits};

pub use self::kept::{PART, Record, list};
use crate::api::joined;
use crate::api::types::Problem;
use crate::app::{App, Opened};
use crate::doors;

/// Traces that are erased at once.
const TRACES: usize = 1_000;
/// Rounds after which an order ends although more is found: somebody goes on sending it.
const ROUNDS: usize = 1_000;
/// Runs that still say the name, and are named for a person to look at.
const MENTIONS: usize = 20;
/// How often orders are looked at that wait for files to go.
const CHECK: Duration = Duration::from_secs(5);

/// What an order or a hold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Everything of the project; holds only.
    Project,
    /// Runs of an end user.
    User,
    /// Runs of a conversation.
    Session,
    /// One run.
    Run,
}

impl What {
    /// All, by their words.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Project, "project"), (Self::User, "user"), (Self::Session, "session"), (Self::Run, "run")];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(what, _)| *what == self).map_or("", |(_, word)| word)
    }

    /// The one of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(what, _)| *what)
    }
}

/// Whose runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the value names.
    pub what: What,
    /// Id of the user, the session or the run; empty for a project.
    pub value: String,
}

impl Target {
    /// How records and the audit log call it, where the name itself must not stay: a run by its id, everybody else by a hash.
    pub fn told(&self) -> String {
        match self.what {
            What::Run | What::Project => self.value.clone(),
            What::User | What::Session => access::hash(&self.value).to_hex()[..16].to_owned(),
        }
    }
}

/// Traces of a target, at most [`TRACES`], with those that are parts of the same runs.
pub async fn traces(app: &App, project: &str, target: &Target) -> Result<BTreeSet<TraceId>, Problem> {
    let store = &app.opened().map_err(|_| Problem::unavailable("Tawny is not ready; ask again in a moment"))?.store;
    let column = match target.what {
        What::Project => return Ok(BTreeSet::new()),
        What::Run => {
            let trace: TraceId = target.value.replace('-', "").parse().map_err(|_| {
                Problem::bad_request(
                    "a run is named by its trace id, 32 hexadecimal digits, as GET /api/v1/runs gives it",
                )
            })?;
            let mut all = BTreeSet::from([trace]);
            all.extend(joined::spans(store, project, trace).await?.iter().map(|span| span.trace_id));
            return Ok(all);
        }
        What::User => "user_id",
        What::Session => "session_id",
    };
    let forms = app.ingest.policy().forms(project, &target.value);
    let quoted: Vec<String> = forms.iter().map(|form| format!("'{}'", form.replace('\'', "''"))).collect();
    let quoted = quoted.join(", ");
    let of = |view: &str| format!("SELECT trace_id FROM {view} WHERE {column} IN ({quoted})");
    let text = ["spans", "told", "runs"].map(of).join(" UNION ");
    let (own, limits) = (project.to_owned(), SqlLimits { rows: TRACES, ..SqlLimits::default() });
    let answer = app.ask(|engine| async move { engine.sql(&own, &text, limits).await }).await?;
    let found = answer.rows.iter().filter_map(|row| row.first()?.as_str()?.parse().ok());
    let mut all: BTreeSet<TraceId> = found.collect();
    for trace in all.clone() {
        all.extend(joined::spans(store, project, trace).await?.iter().map(|span| span.trace_id));
    }
    Ok(all)
}

/// Writes an order down and carries it out; the answer is its record.
///
/// # Errors
/// When a hold stands in the way, or the target cannot be read.
pub async fn order(app: &Arc<App>, project: Arc<str>, target: Target, by: String) -> Result<Record, Problem> {
    let held = holds::held(app).await?;
    let about = traces(app, &project, &target).await?;
    let stopped = held.projects.contains(&*project)
        || held.traces.get(&*project).is_some_and(|traces| !traces.is_disjoint(&about));
    if stopped {
        return Err(Problem::new(
            axum::http::StatusCode::CONFLICT,
            "held",
            "A legal hold stands in the way",
            "nothing was erased: a hold covers some of it; GET /api/v1/holds lists the holds of the project",
        ));
    }
    let (now, state) = (app.now(), app.doors.state().clone());
    let id = doors::blocking(move || {
        state.write(|tx| {
            let detail = format!("{} {}", target.what.as_str(), target.told());
            access::append(tx, now, &project, &by, ["erase", &detail, ""])?;
            kept::write(tx, &project, &target, &by, now)
        })
    });
    let (id, shared) = (id.await?, Arc::clone(app));
    // A client that goes away must not leave half of it behind.
    let done = tokio::spawn(async move { work(&shared, id).await }).await;
    done.map_err(|error| Problem::internal(format!("erasing stopped: {error}")))?
}

/// Carries out an order that was written down.
async fn work(app: &Arc<App>, id: i64) -> Result<Record, Problem> {
    let state = app.doors.state().clone();
    let found = doors::blocking(move || state.read(|conn| kept::open_order(conn, id))).await?;
    let (project, target) = found.ok_or_else(|| Problem::not_found(format!("there is no open order {id}")))?;
    let mut sum = kept::Sum::default();
    let result = rounds(app, &project, &target, &mut sum).await;
    let problem = result.as_ref().err().map(|problem| problem.detail.clone());
    let (now, state) = (app.now(), app.doors.state().clone());
    let record = doors::blocking(move || {
        let record = state.write(|tx| {
            kept::note_erased(tx, id, &sum, problem.as_deref(), now)?;
            kept::record(tx, id)
        })?;
        // What SQLite keeps aside of earlier pages goes into the file, and is written over there.
        state.checkpoint()?;
        Ok::<_, state::StateError>(record)
    });
    if let Err(problem) = &result {
        tracing::error!(order = id, detail = problem.detail, "erasing failed");
    }
    // The record names the problem. An error that asks to come back would make clients write the same order again.
    record.await
}

async fn rounds(app: &Arc<App>, project: &str, target: &Target, sum: &mut kept::Sum) -> Result<(), Problem> {
    let opened = app.opened().map_err(|_| Problem::unavailable("Tawny is not ready; ask again in a moment"))?;
    for _ in 0..ROUNDS {
        let found = traces(app, project, target).await?;
        if found.is_empty() {
            break;
        }
        let before = sum.traces;
        let erased = opened.store.erase(project, found.clone()).await?;
        sum.add(&erased);
        let (own, state) = (project.to_owned(), app.doors.state().clone());
        let forms = app.ingest.policy().forms(project, &target.value);
        let about: Vec<Target> = forms.into_iter().map(|value| Target { what: target.what, value }).collect();
        let forget = move || state.write(|tx| about.iter().try_for_each(|about| kept::forget(tx, &own, &found, about)));
        doors::blocking(forget).await?;
        if sum.traces == before {
            break;
        }
    }
    // The proof: nobody finds it any more.
    sum.left = traces(app, project, target).await?.len() as u64;
    if target.what == What::Run {
        let id: Option<TraceId> = target.value.replace('-', "").parse().ok();
        let spans = match id {
            Some(id) => opened.store.trace_narrow(project, id).await?.len(),
            None => 0,
        };
        sum.left = spans as u64;
    }
    sum.mentions = mentions(app, project, target).await?;
    Ok(())
}

/// Runs of others that say the name: what they say is not the erased runs' and has to be looked at by a person.
async fn mentions(app: &App, project: &str, target: &Target) -> Result<Vec<String>, Problem> {
    let mut runs = BTreeSet::new();
    for text in app.ingest.policy().forms(project, &target.value) {
        let (project, page) = (project.to_owned(), Page { limit: MENTIONS, ..Page::default() });
        let found =
            app.ask(|engine| async move { engine.search(&project, &text, &RunFilter::default(), &page).await }).await?;
        runs.extend(found.results.into_iter().map(|result| result.run.trace_id.to_string()));
    }
    Ok(runs.into_iter().take(MENTIONS).collect())
}

/// Goes on with orders that a restart broke off, and notes when the files of others are gone. Ends when the store does.
pub async fn upkeep(app: Arc<App>) {
    loop {
        tokio::time::sleep(CHECK).await;
        let Ok(opened) = app.opened() else { return };
        let trouble = look(&app, opened).await.err().map(|problem| format!("what is to be erased: {}", problem.detail));
        app.troubles.set("erase", trouble);
    }
}

async fn look(app: &Arc<App>, opened: &Opened) -> Result<(), Problem> {
    let state = app.doors.state().clone();
    let started = app.started;
    let (broken_off, waiting) =
        doors::blocking(move || state.read(|conn| Ok((kept::broken_off(conn, started)?, kept::waiting(conn)?))))
            .await?;
    for id in broken_off {
        work(app, id).await?;
    }
    for (id, files) in waiting {
        if opened.store.are_removed(files).await? {
            let (now, state) = (app.now(), app.doors.state().clone());
            doors::blocking(move || state.write(|tx| kept::note_gone(tx, id, now))).await?;
        }
    }
    Ok(())
}

/// Rows by table, for records.
pub type Rows = BTreeMap<String, u64>;

/// When backups were made over the API that may still hold what is older: by whom and when.
pub fn backups(conn: &state::rusqlite::Connection, before: Timestamp) -> state::rusqlite::Result<Vec<Timestamp>> {
    let mut query = conn
        .prepare_cached("SELECT at FROM audit_log WHERE action = 'backup' AND at <= ?1 ORDER BY at DESC LIMIT 100")?;
    query.query_map([before.as_nanos()], |row| row.get(0).map(Timestamp::from_nanos))?.collect()
}
