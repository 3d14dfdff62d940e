//! Metrics derived from runs: one table of families, what a run gives to each, the counters, and how they are shown.
//!
//! * [`FAMILIES`]: the table; [`Family`] says what a row means. [`BESIDE`]: families that runs give nothing to.
//! * [`Registry`]: what runs give, as counters and histograms with exemplars. Pure: the caller keeps what has to be kept.
//! * [`Exposed`], [`write()`]: series under every name, in two text formats.
//! * [`Bundle`]: the four layers in one structure.

mod beside;
mod bounds;
mod bundle;
mod counted;
mod docs;
mod exposed;
mod family;
mod id;
mod in_sql;
mod observe;
mod rates;
mod recent;
mod registry;
mod sheet;
mod subject;
mod table;
mod text;
mod texts;
mod word;

/// A map whose keys need no defence: numbers of ours, and hashes.
type FastMap<K, V> = std::collections::HashMap<K, V, foldhash::fast::FixedState>;

pub use beside::{BESIDE, Beside, FINDINGS, HOURLY_TOKEN_BUDGET, NEW_ISSUES, OUTCOMES, SILENCE};
pub use bundle::{Agent, Bundle, Business, Llm, Scope, Standard};
pub use counted::{Cell, Counted};
pub use docs::page;
pub use exposed::{Exposed, Labels, Point, SOURCE, Sample, Show, Value, ZERO_NANOS, bound};
pub use family::{Family, Kind, Label, Layer, Spelling, When};
pub use id::Id;
pub use in_sql::{IN_SQL, InSql};
pub use observe::{Score, UNKNOWN};
pub use rates::{RATES, Rate};
pub use recent::WINDOW_NANOS;
pub use registry::{Exemplar, Limits, OTHER, Registry, Sent, SeriesRow, Share};
pub use table::{FAMILIES, GEN_AI};
pub use text::{Format, write};
pub use texts::LABEL_CHARS;
pub use word::Word;
