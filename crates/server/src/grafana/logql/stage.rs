//! The stages of a log pipeline, carried out in their order.

use promql::{MatchOp, Matcher};

use super::extract::{self, Path, Pattern};
use super::filter::{Filter, LineFilter, label, word};
use super::format::Format;
use super::record::Record;
use super::{quoted, unexpected};

/// One stage.
#[derive(Debug)]
pub enum Stage {
    /// A condition on the line.
    Line(LineFilter),
    /// A condition on labels.
    Label(Filter),
    /// Labels that are left out, or the only ones that are shown.
    Show(Shown),
    /// What the line is made of.
    LineFormat(Format),
    /// Labels that are set, each to what a template or another label says.
    LabelFormat(Vec<(String, NewLabel)>),
    /// Labels out of a line that is JSON; all of it where nothing is named.
    Json(Vec<(String, Path)>),
    /// Labels out of `key=value` in a line; all of it where nothing is named.
    Logfmt(Vec<(String, String)>),
    /// Labels out of a line by the named groups of an expression.
    Regexp(regex::Regex),
    /// Labels out of a line by a pattern.
    Pattern(Pattern),
    /// Labels and line of a line that packs both.
    Unpack,
    /// The colours of terminals are taken out of the line.
    Decolorize,
}

/// What a label is set to.
#[derive(Debug)]
pub enum NewLabel {
    /// The value of another, which goes.
    Renamed(String),
    /// What a template gives.
    Formatted(Format),
}

/// Which labels are shown: those named, or all but those, perhaps only where their value fits.
#[derive(Debug)]
pub struct Shown {
    only: bool,
    labels: Vec<(String, Option<Matcher>)>,
}

impl Shown {
    /// These labels alone, or all but these.
    pub fn new(only: bool, labels: impl IntoIterator<Item = String>) -> Self {
        Self { only, labels: labels.into_iter().map(|label| (label, None)).collect() }
    }

    /// Whether a label is shown.
    pub fn shows(&self, label: &str, value: &str) -> bool {
        let named = self.labels.iter().any(|(name, condition)| {
            name == label && condition.as_ref().is_none_or(|condition| condition.is_match(value))
        });
        named == self.only
    }
}

impl Stage {
    /// Carries the stage out; false where it leaves the record out.
    pub fn run(&self, record: &mut Record) -> bool {
        match self {
            Self::Line(filter) => return filter.passes(&record.line),
            Self::Label(filter) => {
                let value = |name: &str| record.value(name);
                return filter.passes(&value);
            }
            Self::Show(shown) => record.show(shown),
            Self::LineFormat(format) => record.line = format.text(record),
            Self::LabelFormat(labels) => {
                for (name, new) in labels {
                    let value = match new {
                        NewLabel::Renamed(from) => match record.take(from) {
                            Some(value) => value,
                            None => continue,
                        },
                        NewLabel::Formatted(format) => format.text(record),
                    };
                    record.set(name, value);
                }
            }
            Self::Json(wanted) => extract::json(record, wanted),
            Self::Logfmt(wanted) => extract::logfmt(record, wanted),
            Self::Regexp(regex) => extract::regexp(record, regex),
            Self::Pattern(pattern) => extract::pattern(record, pattern),
            Self::Unpack => extract::unpack(record),
            Self::Decolorize => record.line = extract::decolorized(&record.line),
        }
        true
    }

    /// Whether lines are the same behind it as before.
    pub fn keeps_line(&self) -> bool {
        !matches!(self, Self::LineFormat(_) | Self::Unpack | Self::Decolorize)
    }

    /// Whether labels of streams are the same behind it as before.
    pub fn keeps_labels(&self) -> bool {
        !matches!(self, Self::LabelFormat(_) | Self::Show(_) | Self::Unpack)
    }
}

/// The label whose value is a record's number.
#[derive(Debug, PartialEq, Eq)]
pub struct Unwrap(pub String);

/// What stands behind a bar.
pub enum Read {
    /// A stage.
    Stage(Stage),
    /// The label to compute with.
    Unwrap(Unwrap),
}

/// Reads a stage behind its bar; gives the rest.
pub fn read(text: &str) -> Result<(Read, &str), String> {
    // What compares is a condition on a label of that name.
    let after = |name: &str| word(text, name).filter(|rest| !rest.starts_with(['=', '<', '>']));
    let stage = |(stage, rest)| Ok((Read::Stage(stage), rest));
    if let Some(rest) = after("json") {
        let (wanted, rest) = assignments(rest, |text| Path::read(&text))?;
        return stage((Stage::Json(wanted), rest));
    }
    if let Some(mut rest) = after("logfmt") {
        while let Some(behind) = ["--strict", "--keep-empty"].into_iter().find_map(|flag| rest.strip_prefix(flag)) {
            rest = behind.trim_start();
        }
        let (wanted, rest) = assignments(rest, Ok)?;
        return stage((Stage::Logfmt(wanted), rest));
    }
    for (name, plain) in [("unpack", Stage::Unpack), ("decolorize", Stage::Decolorize)] {
        if let Some(rest) = after(name) {
            return stage((plain, rest));
        }
    }
    if let Some(rest) = after("regexp") {
        let (text, rest) = quoted(rest)?;
        let regex = regex::Regex::new(&text).map_err(|error| format!("parse error: {error}"))?;
        if regex.capture_names().flatten().next().is_none() {
            return Err(unexpected(&text, "a named group such as (?P<tool>\\w+)"));
        }
        return stage((Stage::Regexp(regex), rest));
    }
    if let Some(rest) = after("pattern") {
        let (text, rest) = quoted(rest)?;
        return stage((Stage::Pattern(Pattern::read(&text, true)?), rest));
    }
    if let Some(rest) = after("line_format") {
        let (template, rest) = quoted(rest)?;
        return stage((Stage::LineFormat(Format::read(&template)?), rest));
    }
    if let Some(rest) = after("label_format") {
        let (labels, rest) = new_labels(rest)?;
        return stage((Stage::LabelFormat(labels), rest));
    }
    if let Some(rest) = after("unwrap") {
        return unwrap(rest).map(|(unwrap, rest)| (Read::Unwrap(unwrap), rest));
    }
    for (name, only) in [("drop", false), ("keep", true)] {
        if let Some(rest) = after(name) {
            let (shown, rest) = shown(rest, only)?;
            return stage((Stage::Show(shown), rest));
        }
    }
    let (filter, rest) = Filter::read(text, 0)?;
    stage((Stage::Label(filter), rest))
}

/// `label` or `label="value"`, separated by commas, where anything stands here.
fn assignments<T>(text: &str, read: impl Fn(String) -> Result<T, String>) -> Result<(Vec<(String, T)>, &str), String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((name, after)) = label(rest) {
        let (source, after) = match after.strip_prefix('=') {
            Some(value) => quoted(value.trim_start())?,
            None => (name.to_owned(), after),
        };
        found.push((name.to_owned(), read(source)?));
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return Ok((found, after)),
        }
    }
    if found.is_empty() { Ok((found, rest)) } else { Err(unexpected(rest, "the name of a label")) }
}

/// `a=b, c="{{.d}}"`
fn new_labels(text: &str) -> Result<(Vec<(String, NewLabel)>, &str), String> {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        let expected = "a label and what it is set to, such as tool=tool_name or tool=\"{{.tool_name}}\"";
        let (name, after) = label(rest).ok_or_else(|| unexpected(rest, expected))?;
        let after = after.strip_prefix('=').ok_or_else(|| unexpected(after, expected))?.trim_start();
        let (new, after) = if after.starts_with(['"', '`']) {
            let (template, after) = quoted(after)?;
            (NewLabel::Formatted(Format::read(&template)?), after)
        } else {
            let (from, after) = label(after).ok_or_else(|| unexpected(after, expected))?;
            (NewLabel::Renamed(from.to_owned()), after)
        };
        found.push((name.to_owned(), new));
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return Ok((found, after)),
        }
    }
}

fn unwrap(text: &str) -> Result<(Unwrap, &str), String> {
    // A duration or a size is read as one whether or not it is said to be one.
    let inside =
        ["duration_seconds", "duration", "bytes"].into_iter().find_map(|name| word(text, name)?.strip_prefix('('));
    let (name, after) =
        label(inside.unwrap_or(text).trim_start()).ok_or_else(|| unexpected(text, "the name of a label"))?;
    let closed = if inside.is_some() { after.strip_prefix(')') } else { Some(after) };
    let rest = closed.map(str::trim_start).ok_or_else(|| unexpected(after, ")"))?;
    Ok((Unwrap(name.to_owned()), rest))
}

/// `a, b="x", c=~"y.*"`
fn shown(text: &str, only: bool) -> Result<(Shown, &str), String> {
    let (mut labels, mut rest) = (Vec::new(), text);
    loop {
        let (name, mut after) = label(rest).ok_or_else(|| unexpected(rest, "the name of a label"))?;
        let operators =
            [("=~", MatchOp::Matches), ("!~", MatchOp::NotMatches), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
        let operator = operators.into_iter().find_map(|(sign, op)| Some((op, after.strip_prefix(sign)?.trim_start())));
        let mut condition = None;
        if let Some((op, value)) = operator {
            let (value, behind) = quoted(value)?;
            condition = Some(Matcher::new(name, op, &value).map_err(|error| format!("parse error: {error}"))?);
            after = behind;
        }
        labels.push((name.to_owned(), condition));
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return Ok((Shown { only, labels }, after)),
        }
    }
}
