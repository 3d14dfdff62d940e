//! Conditions on a record: on its line, and on its labels.

use promql::{MatchOp, Matcher};
use regex::Regex;

use super::extract::Pattern;
use super::{quoted, unexpected};

/// What must hold of a line.
#[derive(Debug)]
pub enum LineFilter {
    /// `|=`, or `!=` where the flag is false.
    Contains(bool, String),
    /// `|~`, or `!~` where the flag is false.
    Matches(bool, Regex),
    /// `|>`, or `!>` where the flag is false: the whole line is of this form.
    Form(bool, Pattern),
    /// `|= "a" or "b"`: one of them holds, or none where the flag is false.
    Any(bool, Vec<Self>),
}

impl LineFilter {
    /// Whether a line passes.
    pub fn passes(&self, line: &str) -> bool {
        match self {
            Self::Contains(wanted, text) => line.contains(text.as_str()) == *wanted,
            Self::Matches(wanted, regex) => regex.is_match(line) == *wanted,
            Self::Form(wanted, pattern) => pattern.is_match(line) == *wanted,
            Self::Any(wanted, any) => any.iter().any(|one| one.passes(line)) == *wanted,
        }
    }

    /// Reads what follows one of `|=`, `!=`, `|~`, `!~`, `|>` and `!>`; gives the rest.
    pub(super) fn read<'t>(operator: &str, text: &'t str) -> Result<(Self, &'t str), String> {
        let wanted = operator.starts_with('|');
        let one = |value: String, wanted: bool| -> Result<Self, String> {
            if operator.ends_with('=') {
                return Ok(Self::Contains(wanted, value));
            }
            if operator.ends_with('>') {
                return Ok(Self::Form(wanted, Pattern::read(&value, false)?));
            }
            let regex = Regex::new(&value).map_err(|error| format!("parse error: {error}"))?;
            Ok(Self::Matches(wanted, regex))
        };
        let (value, mut rest) = quoted(text.trim_start())?;
        if word(rest, "or").is_none() {
            return Ok((one(value, wanted)?, rest));
        }
        let mut any = vec![one(value, true)?];
        while let Some(after) = word(rest, "or") {
            let (value, after) = quoted(after)?;
            any.push(one(value, true)?);
            rest = after;
        }
        Ok((Self::Any(wanted, any), rest))
    }
}

/// What must hold of labels.
#[derive(Debug)]
pub enum Filter {
    /// A text.
    Text(Matcher),
    /// A number: the label, how it compares, and with what.
    Number(String, Order, f64),
    /// All of them.
    All(Vec<Self>),
    /// One of them.
    Any(Vec<Self>),
}

/// How numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    NotLess,
    /// `<`
    Less,
    /// `<=`
    NotGreater,
}

/// Operators; the longer ones first.
const OPERATORS: [(&str, Option<MatchOp>, Option<Order>); 9] = [
    ("=~", Some(MatchOp::Matches), None),
    ("!~", Some(MatchOp::NotMatches), None),
    ("==", None, Some(Order::Equal)),
    ("!=", Some(MatchOp::NotEqual), Some(Order::NotEqual)),
    (">=", None, Some(Order::NotLess)),
    ("<=", None, Some(Order::NotGreater)),
    ("=", Some(MatchOp::Equal), Some(Order::Equal)),
    (">", None, Some(Order::Greater)),
    ("<", None, Some(Order::Less)),
];

/// Parentheses inside each other.
const DEPTH_MAX: usize = 32;

impl Filter {
    /// Whether labels pass; a label that is not there is empty, and no number.
    pub fn passes<'v>(&self, value: &impl Fn(&str) -> &'v str) -> bool {
        match self {
            Self::Text(matcher) => matcher.is_match(value(&matcher.name)),
            Self::Number(name, order, wanted) => number(value(name)).is_some_and(|number| match order {
                Order::Equal => number == *wanted,
                Order::NotEqual => number != *wanted,
                Order::Greater => number > *wanted,
                Order::NotLess => number >= *wanted,
                Order::Less => number < *wanted,
                Order::NotGreater => number <= *wanted,
            }),
            Self::All(all) => all.iter().all(|one| one.passes(value)),
            Self::Any(any) => any.iter().any(|one| one.passes(value)),
        }
    }

    /// Reads conditions joined by `and` (or a comma), which binds closer, and `or`; gives the rest.
    pub(super) fn read(text: &str, depth: usize) -> Result<(Self, &str), String> {
        let (first, mut rest) = Self::read_all(text, depth)?;
        let mut any = vec![first];
        while let Some(after) = word(rest, "or") {
            let (next, after) = Self::read_all(after, depth)?;
            any.push(next);
            rest = after;
        }
        Ok((one_or(any, Self::Any), rest))
    }

    fn read_all(text: &str, depth: usize) -> Result<(Self, &str), String> {
        let (first, mut rest) = Self::read_one(text, depth)?;
        let mut all = vec![first];
        while let Some(after) = word(rest, "and").or_else(|| rest.strip_prefix(',')) {
            let (next, after) = Self::read_one(after.trim_start(), depth)?;
            all.push(next);
            rest = after;
        }
        Ok((one_or(all, Self::All), rest))
    }

    fn read_one(text: &str, depth: usize) -> Result<(Self, &str), String> {
        if let Some(inner) = text.strip_prefix('(').filter(|_| depth < DEPTH_MAX) {
            let (filter, rest) = Self::read(inner.trim_start(), depth + 1)?;
            let rest = rest.strip_prefix(')').ok_or_else(|| unexpected(rest, ")"))?;
            return Ok((filter, rest.trim_start()));
        }
        let what = "a label filter such as level=\"error\" or duration_ms > 100; there is no such stage";
        let (name, rest) = label(text).ok_or_else(|| unexpected(text, what))?;
        let operator = OPERATORS.iter().find_map(|operator| Some((operator, rest.strip_prefix(operator.0)?)));
        let ((_, matches, order), rest) = operator.ok_or_else(|| unexpected(text, what))?;
        let rest = rest.trim_start();
        if rest.starts_with(['"', '`']) {
            let (value, rest) = quoted(rest)?;
            let op = matches.ok_or_else(|| unexpected(text, "=, !=, =~ or !~ before a text"))?;
            let matcher = Matcher::new(name, op, &value).map_err(|error| format!("parse error: {error}"))?;
            return Ok((Self::Text(matcher), rest));
        }
        let plain = |c: char| c.is_alphanumeric() || ".-+µ".contains(c);
        let (value, rest) = rest.split_at(rest.find(|c: char| !plain(c)).unwrap_or(rest.len()));
        let number = number(value).ok_or_else(|| unexpected(value, "a text in quotes, a number or a duration"))?;
        let order = order.ok_or_else(|| unexpected(value, "a text in quotes"))?;
        Ok((Self::Number(name.to_owned(), order, number), rest.trim_start()))
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        last => {
            filters.extend(last);
            many(filters)
        }
    }
}

/// A number, a duration in seconds, or a size in bytes.
pub fn number(text: &str) -> Option<f64> {
    let plain = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let duration = || crate::grafana::traceql::duration_ms(text).map(|millis| millis / 1e3);
    plain.or_else(duration).or_else(|| bytes(text))
}

/// A size such as `2KiB` or `1.5 MB`.
fn bytes(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim().to_ascii_lowercase();
    let (unit, base) = match unit.strip_suffix("ib") {
        Some(unit) => (unit, 1024.0),
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000.0f64),
    };
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|name| *name == unit)?;
    Some(number * base.powi(power as i32))
}

/// The name of a label in front; gives the rest.
pub(super) fn label(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    promql::is_plain_label(name).then(|| (name, rest.trim_start()))
}

/// What follows a word, where the text begins with it.
pub(super) fn word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(word)?;
    (!rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')).then(|| rest.trim_start())
}
