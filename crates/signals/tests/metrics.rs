//! Metrics of runs: what the guides ask for is there, and the counters equal the runs.

#[path = "metrics/counting.rs"]
mod counting;
#[path = "metrics/guides.rs"]
mod guides;
#[path = "metrics/seeds.rs"]
mod seeds;
#[path = "metrics/signals.rs"]
mod signals_of_runs;
#[path = "metrics/support.rs"]
mod support;
