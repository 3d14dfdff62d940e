//! Price files: TOML, built in or a user's, read into rows.
//!
//! The format is described in `docs/prices.md`. Every mistake is told with the file, the line and the field.

use std::ops::Range;
use std::sync::Arc;

use model::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::estimate::{Estimates, Percent};
use super::rate::{Factor, Rate};
use super::row::{Above, Adjust, Hours, Row};
use super::table::{ANY, Seller, Table};
use super::{Class, Sheet, Tier};
use crate::file_error::{FileError, Reader};

/// Largest price file read, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Most rows of one price file.
pub const MAX_ROWS: usize = 10_000;

/// A file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    provider: Option<String>,
    #[serde(default)]
    spellings: Vec<String>,
    #[serde(default)]
    same_as: Vec<Arc<str>>,
    #[serde(default)]
    maker: bool,
    #[serde(default)]
    deployments: bool,
    source: Option<Arc<str>>,
    #[serde(default, deserialize_with = "day")]
    read: Option<Day>,
    #[serde(default)]
    price: Vec<Spanned<Entry>>,
    unknown_models: Option<Unknown>,
    bare_totals: Option<BareTotals>,
}

/// `[unknown_models]`: prices for models without a row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unknown {
    input: Rate,
    output: Rate,
}

/// `[bare_totals]`: how much of a total without a split is output.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BareTotals {
    output_percent: Percent,
}

/// `[[price]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    model: Spanned<String>,
    provider: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "day")]
    from: Option<Day>,
    input: Rate,
    output: Rate,
    cache_read: Option<Rate>,
    cache_write: Option<Rate>,
    cache_write_1h: Option<Rate>,
    reasoning: Option<Rate>,
    audio_input: Option<Rate>,
    audio_output: Option<Rate>,
    #[serde(default)]
    above: Vec<Spanned<AboveEntry>>,
    batch: Option<Change>,
    flex: Option<Change>,
    priority: Option<Change>,
    fast: Option<Change>,
    hours: Option<HoursEntry>,
    regional_times: Option<Factor>,
    source: Option<Arc<str>>,
    #[serde(default, deserialize_with = "day")]
    read: Option<Day>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AboveEntry {
    tokens: u64,
    input: Rate,
    output: Rate,
    cache_read: Option<Rate>,
    cache_write: Option<Rate>,
    cache_write_1h: Option<Rate>,
    reasoning: Option<Rate>,
    audio_input: Option<Rate>,
    audio_output: Option<Rate>,
}

/// A service tier: a factor, named prices, or both.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    times: Factor,
    input: Option<Rate>,
    output: Option<Rate>,
    cache_read: Option<Rate>,
    cache_write: Option<Rate>,
    cache_write_1h: Option<Rate>,
    reasoning: Option<Rate>,
    audio_input: Option<Rate>,
    audio_output: Option<Rate>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursEntry {
    utc: Vec<Window>,
    #[serde(default)]
    weekdays_only: bool,
    #[serde(default)]
    change: Option<Change>,
}

macro_rules! sheet {
    ($entry:expr, $input:expr, $output:expr) => {
        Sheet::new([
            (Class::Input, $input),
            (Class::Output, $output),
            (Class::CacheRead, $entry.cache_read),
            (Class::CacheWrite, $entry.cache_write),
            (Class::CacheWrite1h, $entry.cache_write_1h),
            (Class::Reasoning, $entry.reasoning),
            (Class::AudioInput, $entry.audio_input),
            (Class::AudioOutput, $entry.audio_output),
        ])
    };
}

impl Change {
    fn adjust(&self) -> Adjust {
        Adjust { times: self.times, rates: sheet!(self, self.input, self.output) }
    }
}

impl Entry {
    /// A long prompt's price of a class the row prices must not silently stay the short prompt's.
    fn above(&self) -> Result<Vec<Above>, (Range<usize>, String)> {
        let mut above: Vec<Above> = Vec::with_capacity(self.above.len());
        for spanned in &self.above {
            let entry = spanned.get_ref();
            if above.last().is_some_and(|last| last.tokens >= entry.tokens) {
                return Err((spanned.span(), "`tokens` must rise from one length to the next".into()));
            }
            let (base, rates) = (sheet!(self, None, None), sheet!(entry, Some(entry.input), Some(entry.output)));
            if let Some(class) = Class::ALL.into_iter().find(|class| base.names(*class) && !rates.names(*class)) {
                return Err((spanned.span(), format!("needs `{}`, which the row itself names", class.as_str())));
            }
            above.push(Above { tokens: entry.tokens, rates });
        }
        Ok(above)
    }
}

/// `01:00-04:00`, as seconds of the day.
#[derive(Debug, Clone, Copy)]
struct Window(u32, u32);

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let window = text.split_once('-').and_then(|(from, to)| Some(Self(clock(from)?, clock(to)?)));
        window
            .filter(|window| window.0 < window.1)
            .ok_or_else(|| D::Error::custom("must be like \"01:00-04:00\", and end later the same day (24:00 at most)"))
    }
}

fn clock(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 3600 + minute * 60)
}

/// A day, or a moment.
#[derive(Debug, Clone)]
struct Day {
    text: Arc<str>,
    at: Timestamp,
}

/// Reads `2026-11-21`, quoted or not, as its first moment in UTC, or a full RFC 3339 time.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Day>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::Datetime(datetime) => datetime.to_string(),
        toml::Value::String(text) => text,
        _ => return Err(D::Error::custom("must be a day such as 2026-11-21")),
    };
    let at = Timestamp::parse_rfc3339(&text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")));
    match at {
        Some(at) => Ok(Some(Day { text: text.into(), at })),
        None => Err(D::Error::custom("must be a day such as 2026-11-21, or a time with its zone")),
    }
}

/// Reads a built-in file into the table's first layer.
pub(super) fn built_in(table: &mut Table, file: &str, text: &str) -> Result<(), FileError> {
    let parsed = parse(file, text)?;
    let id = parsed.provider.as_deref().unwrap_or_default();
    table.sellers.push(Seller {
        id: id.into(),
        spellings: parsed.spellings.clone(),
        same_as: parsed.same_as.clone(),
        maker: parsed.maker,
        deployments: parsed.deployments,
    });
    let provider: Arc<str> = id.into();
    rows(table, file, text, &parsed, 0, |_, _| provider.clone())
}

/// Reads a user's file as a new layer; what it asks to estimate, too.
pub(super) fn overrides(table: &mut Table, estimates: &mut Estimates, file: &str, text: &str) -> Result<(), FileError> {
    let parsed = parse(file, text)?;
    if let Some(unknown) = &parsed.unknown_models {
        estimates.unknown_models =
            Some(Sheet::new([(Class::Input, Some(unknown.input)), (Class::Output, Some(unknown.output))]));
    }
    if let Some(totals) = &parsed.bare_totals {
        estimates.output_percent = Some(totals.output_percent);
    }
    let layer = table.next_layer();
    let default = parsed.provider.clone();
    rows(table, file, text, &parsed, layer, |table, named| match named.or(default.as_deref()) {
        Some(provider) => table.provider(provider),
        None => ANY.into(),
    })
}

fn parse(file: &str, text: &str) -> Result<File, FileError> {
    let reader = reader(file, text);
    let parsed: File = reader.parse(MAX_FILE_BYTES)?;
    if parsed.price.len() > MAX_ROWS {
        return Err(reader.fail(None, format!("cannot have more than {MAX_ROWS} rows")));
    }
    Ok(parsed)
}

fn reader<'a>(file: &'a str, text: &'a str) -> Reader<'a> {
    Reader { what: "prices", file, text }
}

fn rows(
    table: &mut Table,
    file: &str,
    text: &str,
    parsed: &File,
    layer: u32,
    provider: impl Fn(&Table, Option<&str>) -> Arc<str>,
) -> Result<(), FileError> {
    for spanned in &parsed.price {
        let entry = spanned.get_ref();
        let fail = |span: Range<usize>, message: String| reader(file, text).fail(Some(span), message);
        if entry.model.get_ref().trim().is_empty() {
            return Err(fail(entry.model.span(), "cannot be empty".into()));
        }
        let provider = provider(table, entry.provider.as_deref());
        let source = entry.source.clone().or_else(|| parsed.source.clone());
        let read = entry.read.as_ref().or(parsed.read.as_ref());
        if layer == 0 && (source.is_none() || read.is_none()) {
            return Err(fail(spanned.span(), "a built-in row needs `source` and `read`".into()));
        }
        let row = Row {
            id: row_id(layer, file, &provider, entry),
            provider,
            model: entry.model.get_ref().as_str().into(),
            from: entry.from.as_ref().map(|from| from.at),
            rates: sheet!(entry, Some(entry.input), Some(entry.output)),
            source: source.unwrap_or_else(|| file.into()),
            read: read.map(|read| read.text.clone()),
            above: entry.above().map_err(|(span, message)| fail(span, message))?,
            tiers: [
                (Tier::Batch, entry.batch),
                (Tier::Flex, entry.flex),
                (Tier::Priority, entry.priority),
                (Tier::Fast, entry.fast),
            ]
            .into_iter()
            .filter_map(|(tier, change)| Some((tier, change?.adjust())))
            .collect(),
            hours: entry.hours.as_ref().map(|hours| Hours {
                windows: hours.utc.iter().map(|window| (window.0, window.1)).collect(),
                weekdays_only: hours.weekdays_only,
                adjust: hours.change.map(|change| change.adjust()).unwrap_or_default(),
            }),
            regional: entry.regional_times.unwrap_or_default(),
            layer,
        };
        table.add(row, &entry.aliases).map_err(|name| {
            fail(
                entry.model.span(),
                format!("`{name}` has another row from the same day; give one of them a different `from`"),
            )
        })?;
    }
    Ok(())
}

fn row_id(layer: u32, file: &str, provider: &str, entry: &Entry) -> Arc<str> {
    let file = if layer == 0 { String::new() } else { format!("{file}:") };
    let from = entry.from.as_ref().map(|from| format!("@{}", from.text)).unwrap_or_default();
    format!("{file}{provider}/{}{from}", entry.model.get_ref()).into()
}
