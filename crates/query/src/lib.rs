//! Reads: lists of runs, sessions and logs, the summary, and read-only SQL, with DataFusion over a store snapshot.
//!
//! This is the only crate that names DataFusion, and nothing of it shows in the public types. Every reader is made for one
//! project and cannot see rows of another: the filter sits in the table itself ([`provider`]), below anything a query can say.

mod error;
mod filter;

pub use error::{Position, QueryError};
pub use filter::{
    DEFAULT_PAGE, FacetKey, FacetValue, Facets, LogFilter, MAX_FACET_VALUES, MAX_PAGE, Page, RunFilter, RunsPage, Sort, SortKey,
};
