//! The query engine over a real store.

mod charts;
mod filters;
mod lists;
mod projects;
mod search;
mod sql;
mod states;
mod stored;
mod support;
