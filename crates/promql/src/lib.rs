//! PromQL, complete.
//!
//! Pure and synchronous: [`parse`] reads a query, [`Query::selectors`] says which series it needs over which time, the caller fetches
//! them, and [`evaluate`] computes the answer. Semantics are those of Prometheus 3 (ranges open on the left, five minutes of look-back, UTF-8
//! names, native histograms), checked by Prometheus' own test scripts, which [`testscript`] runs.
//!
//! Names are dropped in the end, as Prometheus does with delayed name removal switched on. Everything experimental in Prometheus
//! is supported but the `__type__`-aware counter check.

mod aggregate;
mod annotations;
pub mod ast;
mod binary;
mod duration;
mod error;
mod eval;
mod functions;
pub mod histogram;
mod labels;
mod matcher;
mod parse;
mod plan;
mod quote;
mod series;
mod starts;
mod sums;
pub mod testscript;

pub use self::annotations::{Annotations, HistogramOperation, Severity};
pub use self::duration::{format as format_duration, parse as parse_duration};
pub use self::error::{EvalError, Limits};
pub use self::eval::{Answer, evaluate};
pub use self::functions::{FUNCTIONS, Function};
pub use self::labels::{BUCKET, Label, Labels, METRIC_NAME, is_plain_label, is_plain_metric};
pub use self::matcher::{MatchOp, Matcher, anchored};
pub use self::parse::{MAX_HEIGHT, MAX_NESTING, MAX_QUERY_BYTES, ParseError, Place, SequenceValue, parse_series};
pub use self::plan::{DEFAULT_LOOKBACK_MS, DEFAULT_SUBQUERY_STEP_MS, Params, Query, SelectorNeed, parse};
pub use self::quote::{plain_float, quoted, short_float};
pub use self::series::{Point, ResultSample, ResultSeries, STALE_NAN_BITS, Series, Source, Value, is_stale};
