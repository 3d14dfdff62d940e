//! Reads: lists of runs, sessions and logs, the summary, and read-only SQL, with DataFusion over a store snapshot.
//!
//! This is the only crate that names DataFusion, and nothing of it shows in the public types. Every query is made for one
//! project and cannot see rows of another: the filter sits in the table itself (`provider.rs`), below anything a query can say.
//!
//! Nothing here loops, sleeps or looks at a clock; the caller decides on which threads queries run.

mod aggregate;
mod answers;
mod content;
mod cursor;
mod engine;
mod error;
mod exprs;
mod facets;
mod filter;
mod functions;
mod json;
mod limits;
mod logs;
mod narrow;
mod parts;
mod pick;
mod provider;
mod prune;
mod quantiles;
mod runs;
mod search;
mod sessions;
mod sketch;
mod sql;
mod stored;
mod summary;
mod text;
mod views;
mod yielding;

pub use aggregate::{Aggregate, AggregateKey, AggregateRow, Aggregated, MAX_AGGREGATE_ROWS, MAX_KEYS, Measure, Of};
pub use answers::{
    Column, Counters, LogEntry, LogsPage, SearchPage, SearchResult, Session, SessionsPage, SqlAnswer, Summary,
};
pub use engine::Engine;
pub use error::{Position, QueryError};
pub use filter::{
    DEFAULT_PAGE, FacetKey, FacetValue, Facets, LogFilter, MAX_FACET_VALUES, MAX_PAGE, Page, RunFilter, RunsPage,
    SessionSortKey, Sort, SortKey,
};
pub use limits::{LimitName, Limits, SqlLimits};
pub use logs::LogCount;
pub use search::{CONTENT_RUNS_MAX, MATCHES_MAX};
pub use sql::{MAX_SQL_BYTES, MAX_SQL_WORDS};
pub use views::{View, ViewColumn, schema_docs};
