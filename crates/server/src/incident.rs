//! Incidents: what changed before a failure began, who was hit, and the brake.
//!
//! Changes are told over the API or seen in telemetry (`incident/changes.rs`, `incident/seen.rs`). An issue with what is around it is
//! read in `incident/around.rs`. Brakes are in memory for the budget check and kept in the state (`incident/brakes.rs`).

pub mod around;
pub mod brakes;
pub mod changes;
pub mod seen;

use model::Timestamp;
use state::Part;

pub use self::brakes::Brakes;
pub use self::seen::SeenJudge;

/// How long changes, told or seen, and brakes that are over are kept: 400 days.
pub const CHANGES_KEPT: i64 = 400 * 86_400 * 1_000_000_000;
/// Changes that were told, at most; the oldest are removed first. About 500 bytes each.
pub const CHANGES_MAX: i64 = 100_000;
/// Values of agents that are remembered; those not seen for longest are removed first.
pub const SEEN_MAX: i64 = 200_000;
/// Values of one part of one agent that are remembered. What has so many is no version: its values are not shown as changes.
pub const SEEN_VALUES_MAX: i64 = 32;

/// The tables.
pub const PART: Part = Part {
    name: "incident",
    migrations: &["
        CREATE TABLE incident_changes (
            project TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
            environment TEXT, agent TEXT, version TEXT, title TEXT NOT NULL, url TEXT, by TEXT NOT NULL,
            PRIMARY KEY (project, id)
        ) STRICT;
        CREATE INDEX incident_changes_by_time ON incident_changes (at);
        CREATE TABLE incident_seen (
            project TEXT NOT NULL, environment TEXT NOT NULL, agent TEXT NOT NULL, part TEXT NOT NULL, name TEXT NOT NULL,
            value TEXT NOT NULL, detail TEXT NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, trace BLOB NOT NULL,
            PRIMARY KEY (project, environment, agent, part, name, value)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX incident_seen_by_time ON incident_seen (last_at);
        CREATE TABLE incident_brakes (
            id TEXT PRIMARY KEY, project TEXT NOT NULL, brake TEXT NOT NULL, until INTEGER, ended INTEGER
        ) STRICT;
    "],
};

/// The moment before which nothing is kept.
fn oldest(now: Timestamp) -> i64 {
    now.plus_nanos(-CHANGES_KEPT).as_nanos()
}
