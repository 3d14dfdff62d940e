//! How long things are kept: by layer and project, decided on whole segments.
//!
//! Pure: a segment, the rules and the time give what has to go. Doing it is `expire.rs`. What the choices rest on is in
//! `docs/decisions/0011-retention.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model::{Timestamp, TraceId};
use serde::Serialize;

use crate::schema::Table;
use crate::settings::{FUTURE_DAYS_MAX, PAST_DAYS_MAX};
use crate::snapshot::SegmentMeta;

const SECOND_NANOS: i64 = 1_000_000_000;
const DAY_NANOS: i64 = 86_400 * SECOND_NANOS;

/// What arrived stays at least this long (or as long as its layer is kept, if that is shorter), whatever time it says it
/// is of: an import of old data can be looked at, and a clock that is wrong deletes nothing at once.
pub const STAY_MIN: Duration = Duration::from_secs(86_400);

/// What is kept for one length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// What was said: bodies, previews, and the values of attributes that are content.
    Bodies,
    /// Spans and runs.
    Spans,
    /// Log records.
    Logs,
    /// Metric data points.
    Samples,
    /// Log records that are scores: judgements of evaluators and people.
    Scores,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Self; 5] = [Self::Bodies, Self::Spans, Self::Logs, Self::Samples, Self::Scores];

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Spans => "spans",
            Self::Logs => "logs",
            Self::Samples => "samples",
            Self::Scores => "scores",
        }
    }

    /// The layer a segment's rows belong to.
    pub fn of(meta: &SegmentMeta) -> Self {
        match meta.table {
            Table::Logs if meta.holds_scores() => Self::Scores,
            Table::Bodies => Self::Bodies,
            Table::Spans | Table::Runs => Self::Spans,
            Table::Logs => Self::Logs,
            Table::Samples => Self::Samples,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Layer {
    type Err = RetentionError;
    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|layer| layer.name() == text)
            .ok_or_else(|| RetentionError::UnknownLayer { name: text.to_owned(), known: known() })
    }
}

/// Why a retention setting cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// No such layer.
    #[error("cannot set how long `{name}` is kept: there is no such layer; the layers are {known}")]
    UnknownLayer {
        /// What was given.
        name: String,
        /// All names.
        known: String,
    },
    /// Not `layer=time`.
    #[error("cannot read the retention `{text}`: write layer=time, for example spans=90d,bodies=30d")]
    Syntax {
        /// What was given.
        text: String,
    },
    /// Not a length of time.
    #[error("cannot read the time `{text}`: write a number and s, m, h, d or w (90d, 12h), or `forever`")]
    Time {
        /// What was given.
        text: String,
    },
    /// Shorter than what can be meant.
    #[error("cannot keep `{layer}` for {text}: the shortest is 1h")]
    TooShort {
        /// The layer.
        layer: String,
        /// What was given.
        text: String,
    },
}

/// Shortest retention that is taken: a smaller number is a slip, and it would cost data.
const SHORTEST: Duration = Duration::from_secs(3600);

/// How long each layer is kept; a layer that is not named is kept for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(BTreeMap<Layer, Option<Duration>>);

impl Rules {
    /// Sets a layer; `None` is for ever.
    pub fn set(&mut self, layer: Layer, time: Option<Duration>) {
        self.0.insert(layer, time);
    }

    /// Takes over what `other` sets.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// What is set for a layer: outer `None` where nothing is, inner `None` for ever.
    fn get(&self, layer: Layer) -> Option<Option<Duration>> {
        self.0.get(&layer).copied()
    }

    /// Reads one setting, such as `30d` or `forever`. `layer` is what it is for, in the words of an error.
    pub fn parse_time(layer: &str, text: &str) -> Result<Option<Duration>, RetentionError> {
        let text = text.trim();
        if text == "forever" {
            return Ok(None);
        }
        let bad = || RetentionError::Time { text: text.to_owned() };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: u64 = text[..digits].parse().map_err(|_| bad())?;
        let unit = match &text[digits..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return Err(bad()),
        };
        let time = Duration::from_secs(number.checked_mul(unit).ok_or_else(bad)?);
        if time < SHORTEST {
            return Err(RetentionError::TooShort { layer: layer.to_owned(), text: text.to_owned() });
        }
        Ok(Some(time))
    }
}

impl FromStr for Rules {
    type Err = RetentionError;
    /// Reads `spans=90d,bodies=30d`.
    fn from_str(text: &str) -> Result<Self, RetentionError> {
        let mut rules = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let syntax = || RetentionError::Syntax { text: part.to_owned() };
            let (layer, time) = part.split_once('=').ok_or_else(syntax)?;
            let layer: Layer = layer.trim().parse()?;
            rules.set(layer, Self::parse_time(layer.name(), time)?);
        }
        Ok(rules)
    }
}

/// How long things are kept, with exceptions by project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// For every project.
    pub default: Rules,
    /// Instead of `default`, layer by layer.
    pub projects: BTreeMap<String, Rules>,
}

impl Retention {
    /// How long a layer of a project is kept; `None` for ever. Content goes with its spans at the latest, and scores, of which nothing is
    /// said, with the log records they came as.
    pub fn keep(&self, project: &str, layer: Layer) -> Option<Duration> {
        let own = self.projects.get(project);
        let said = |layer| own.and_then(|rules| rules.get(layer)).or_else(|| self.default.get(layer));
        let set = |layer| said(layer).flatten();
        match layer {
            Layer::Bodies => set(Layer::Bodies).into_iter().chain(set(Layer::Spans)).min(),
            Layer::Scores => said(Layer::Scores).or_else(|| said(Layer::Logs)).flatten(),
            _ => set(layer),
        }
    }

    /// Whether anything is ever removed.
    pub fn is_set(&self) -> bool {
        let any = |rules: &Rules| rules.0.values().any(Option::is_some);
        any(&self.default) || self.projects.values().any(any)
    }

    /// When the segment has to go, by the layer of its table; `None` for never.
    pub fn drop_at(&self, meta: &SegmentMeta) -> Option<Timestamp> {
        self.keep(&meta.project, Layer::of(meta)).map(|keep| expires(meta, keep))
    }

    /// When the content in the segment's rows (previews, attributes) has to go; `None` for never, or where none is left.
    pub fn strip_at(&self, meta: &SegmentMeta) -> Option<Timestamp> {
        let has_content = meta.content && matches!(meta.table, Table::Spans | Table::Runs | Table::Logs);
        let keep = self.keep(&meta.project, Layer::Bodies).filter(|_| has_content)?;
        Some(expires(meta, keep))
    }
}

/// What must not go, whatever retention says. A segment stays whole where any of its rows must: it is the smallest thing retention
/// removes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Projects of which everything stays.
    pub projects: BTreeSet<String>,
    /// Traces that stay, by project.
    pub traces: BTreeMap<String, BTreeSet<TraceId>>,
}

impl Held {
    /// Whether a segment has to stay.
    pub fn keeps(&self, meta: &SegmentMeta) -> bool {
        self.projects.contains(&*meta.project)
            || self.traces.get(&*meta.project).is_some_and(|traces| traces.iter().any(|trace| meta.may_contain(*trace)))
    }
}

/// The time from which a segment ages: that of its newest row, or where that row's clock cannot be believed (it is as far
/// from its arrival as [`PAST_DAYS_MAX`] and [`FUTURE_DAYS_MAX`] say) when the segment's rows had arrived.
pub(crate) fn ages_from(meta: &SegmentMeta) -> Timestamp {
    let earliest = meta.arrived.plus_nanos(-PAST_DAYS_MAX * DAY_NANOS);
    let latest = meta.arrived.plus_nanos(FUTURE_DAYS_MAX * DAY_NANOS);
    if (earliest..=latest).contains(&meta.max_time) { meta.max_time } else { meta.arrived }
}

fn expires(meta: &SegmentMeta, keep: Duration) -> Timestamp {
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    ages_from(meta).plus_nanos(nanos(keep)).max(meta.arrived.plus_nanos(nanos(keep.min(STAY_MIN))))
}

/// What retention has removed of a layer of a project since the directory was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Newest time from which a removed segment aged: what is older may be missing.
    pub until: Timestamp,
    /// Segments removed, or for content inside of rows: rewritten without it.
    pub segments: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Dropped {
    /// Counts a segment.
    pub(crate) fn add(&mut self, meta: &SegmentMeta) {
        self.until = self.until.max(ages_from(meta));
        self.segments += 1;
        self.rows += meta.rows;
        self.bytes += meta.bytes;
    }
}

/// Removed by project and layer.
pub(crate) type DroppedByLayer = BTreeMap<(String, Layer), Dropped>;

#[cfg(test)]
#[path = "retention/tests.rs"]
mod tests;
