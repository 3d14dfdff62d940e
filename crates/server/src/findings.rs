//! Findings and issues: what detectors saw in settled runs, kept and grouped.
//!
//! The judging itself is pure (`signals::detect`). Here is what a server adds: the judge that the watch shows every settled run
//! (`findings/judge.rs`), the tables in the state (`findings/kept.rs`), and the questions one asks of them (`findings/ask.rs`).

pub mod ask;
pub mod embed;
pub mod judge;
mod kept;

use std::sync::{Mutex, PoisonError};

use signals::detect::Silence;
use state::Part;

pub use self::judge::FindingsJudge;
pub use self::kept::{known, mark};

/// Findings that are kept; those found first are removed first, whenever their runs were: recorded telemetry may be years old. About
/// 1 KB each on the disk. `--retention findings=…` sets a time.
pub const FINDINGS_MAX: i64 = 200_000;

/// Runs whose suspicion is remembered; the first judged are forgotten first. About 150 bytes each on the disk.
pub const JUDGED_MAX: i64 = 500_000;
/// Runs that may be marked as good or not good.
pub const MARKS_MAX: i64 = 100_000;
/// For how long a new or regressed issue is told as a metric, so that rules can fire on it: a day.
pub const NEW_NANOS: i64 = 86_400 * 1_000_000_000;
/// New issues told as metrics at once, the latest first.
pub const NEW_MAX: i64 = 200;

/// Agents of which nothing is heard at the moment.
#[derive(Debug, Default)]
pub struct Silent(Mutex<Vec<Silence>>);

impl Silent {
    /// Which agents.
    pub fn get(&self) -> Vec<Silence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, silent: Vec<Silence>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = silent;
    }
}

/// Rows of counts by agent, detector and severity; further agents count as `other`.
pub const COUNTS_MAX: i64 = 5_000;
/// Pairs of agent and outcome that are counted; further ones count as `other`.
pub const OUTCOMES_MAX: i64 = 1_000;

/// The tables.
pub const PART: Part = Part {
    name: "findings",
    migrations: &["
        CREATE TABLE findings (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            project TEXT NOT NULL,
            environment TEXT NOT NULL,
            detector TEXT NOT NULL,
            severity TEXT NOT NULL,
            trace BLOB NOT NULL,
            fingerprint TEXT NOT NULL,
            at INTEGER NOT NULL,
            agent TEXT NOT NULL,
            version TEXT,
            user TEXT,
            body TEXT NOT NULL
        ) STRICT;
        CREATE INDEX findings_by_trace ON findings (project, trace);
        CREATE INDEX findings_by_issue ON findings (project, fingerprint, at);
        CREATE INDEX findings_by_time ON findings (project, at);
        CREATE TABLE findings_issues (
            project TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            detector TEXT NOT NULL,
            severity TEXT NOT NULL,
            environment TEXT NOT NULL,
            agent TEXT NOT NULL,
            message TEXT NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            count INTEGER NOT NULL,
            last_trace BLOB NOT NULL,
            state TEXT NOT NULL,
            owner TEXT,
            changed INTEGER NOT NULL,
            PRIMARY KEY (project, fingerprint)
        ) STRICT;
        CREATE INDEX findings_issues_by_time ON findings_issues (project, last_seen);
        CREATE TABLE findings_learned (kind TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, version)) STRICT;
        CREATE TABLE findings_streams (kind TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        CREATE TABLE findings_counts (detector TEXT NOT NULL, severity TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (detector, severity)) STRICT;
        CREATE TABLE findings_outcomes (agent TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (agent, outcome)) STRICT;
    ", "
        ALTER TABLE findings_counts RENAME TO findings_counts_without_agents;
        CREATE TABLE findings_counts (agent TEXT NOT NULL, detector TEXT NOT NULL, severity TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (agent, detector, severity)) STRICT;
        INSERT INTO findings_counts SELECT '', detector, severity, count FROM findings_counts_without_agents;
        DROP TABLE findings_counts_without_agents;
        ALTER TABLE findings_issues ADD COLUMN opened INTEGER;
        CREATE INDEX findings_issues_opened ON findings_issues (opened) WHERE opened IS NOT NULL;
        CREATE TABLE findings_pulses (agent TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        CREATE TABLE findings_runs (
            number INTEGER PRIMARY KEY,
            project TEXT NOT NULL,
            trace BLOB NOT NULL,
            at INTEGER NOT NULL,
            agent TEXT NOT NULL,
            suspicion REAL NOT NULL,
            outcome TEXT,
            UNIQUE (project, trace)
        ) STRICT;
        CREATE INDEX findings_runs_by_suspicion ON findings_runs (project, suspicion);
        CREATE TABLE findings_marks (
            project TEXT NOT NULL,
            trace BLOB NOT NULL,
            good INTEGER NOT NULL,
            note TEXT,
            at INTEGER NOT NULL,
            learned INTEGER NOT NULL,
            PRIMARY KEY (project, trace)
        ) STRICT;
    ", "
        ALTER TABLE findings_counts RENAME TO findings_counts_without_projects;
        CREATE TABLE findings_counts (
            project TEXT NOT NULL, agent TEXT NOT NULL, detector TEXT NOT NULL, severity TEXT NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (project, agent, detector, severity)
        ) STRICT;
        INSERT INTO findings_counts SELECT '', agent, detector, severity, count FROM findings_counts_without_projects;
        DROP TABLE findings_counts_without_projects;
    ", "
        CREATE INDEX findings_runs_by_agent ON findings_runs (project, agent, at);
    "],
};
