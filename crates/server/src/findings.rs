//! Findings and issues: what detectors saw in settled runs, kept and grouped.
//!
//! The judging itself is pure (`signals::detect`). Here is what a server adds: the judge that the watch shows every settled run
//! (`findings/judge.rs`), the tables in the state (`findings/kept.rs`), and the questions one asks of them (`findings/ask.rs`).

pub mod ask;
pub mod judge;
mod kept;

use state::Part;

pub use self::judge::FindingsJudge;
pub use self::kept::known;

/// Findings that are kept; the oldest are removed first. About 1 KB each on the disk.
pub const FINDINGS_MAX: i64 = 200_000;
/// And for how long: 90 days.
pub const FINDINGS_NANOS: i64 = 90 * 86_400 * 1_000_000_000;

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
    "],
};
