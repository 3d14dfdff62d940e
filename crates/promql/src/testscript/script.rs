//! Reading a script.

use regex::Regex;

use super::Failure;
use super::starts::{self, Offsets};
use crate::duration;
use crate::labels::Labels;
use crate::parse::{SequenceValue, parse_number, parse_series, unquote};

/// One command.
pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
    /// `ignore` (true) or `resume`.
    Ignore(bool),
}

/// `load`
pub(super) struct Load {
    pub line: usize,
    /// Milliseconds between samples.
    pub step: i64,
    pub series: Vec<Loaded>,
    /// Whether classic histograms are loaded as native ones with custom buckets as well.
    pub with_nhcb: bool,
}

/// One series of a `load`.
pub(super) struct Loaded {
    pub labels: Labels,
    pub values: Vec<SequenceValue>,
    /// Starts of the values, one for each; empty where none is told.
    pub starts: Offsets,
}

/// When a query is evaluated, in milliseconds.
#[derive(Clone, Copy)]
pub(super) enum When {
    Instant(i64),
    Range { from: i64, to: i64, step: i64 },
}

/// `eval`
pub(super) struct Eval {
    pub line: usize,
    pub query: String,
    pub when: When,
    pub ordered: bool,
    /// Expected failure; no pattern where any will do.
    pub fail: Option<Option<Pattern>>,
    /// Expected warnings and notes.
    pub warnings: Expected,
    pub infos: Expected,
    pub series: Vec<(Labels, Vec<SequenceValue>)>,
    pub scalar: Option<f64>,
    pub string: Option<String>,
    /// Times of a range vector that an instant query is expected to give.
    pub range_vector: Option<(i64, i64, i64)>,
}

/// What is expected of annotations of one severity.
#[derive(Default)]
pub(super) struct Expected {
    pub any: bool,
    pub none: bool,
    pub patterns: Vec<Pattern>,
}

/// A text, or a pattern to be found in one.
pub(super) enum Pattern {
    Text(String),
    Regex(Regex),
}

impl Pattern {
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }
}

/// The commands of a script. A command that cannot be read becomes a failure, and reading goes on behind it.
pub(super) fn read(text: &str) -> Vec<Result<Command, Failure>> {
    let lines: Vec<&str> =
        text.lines().map(|line| if line.trim().starts_with('#') { "" } else { line.trim() }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let begin = at;
        let head = lines[at];
        at += 1;
        if head.is_empty() {
            continue;
        }
        let word = head.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let block_end = |from: usize| (from..lines.len()).find(|&at| lines[at].is_empty()).unwrap_or(lines.len());
        let command = match word.as_str() {
            "clear" => Ok(Command::Clear),
            "ignore" => Ok(Command::Ignore(true)),
            "resume" => Ok(Command::Ignore(false)),
            _ if word.starts_with("load") => {
                at = block_end(at);
                load(head, begin + 1, &lines[begin + 1..at]).map(Command::Load)
            }
            _ if word.starts_with("eval") => {
                let end = block_end(at);
                eval(head, begin + 1, &lines[begin + 1..end])
                    .map(|(eval, used)| {
                        at += used;
                        Command::Eval(Box::new(eval))
                    })
                    .inspect_err(|_| at = end)
            }
            _ => Err("invalid command".into()),
        };
        commands.push(command.map_err(|message: String| Failure { line: begin + 1, query: head.into(), message }));
    }
    commands
}

fn load(head: &str, line: usize, body: &[&str]) -> Result<Load, String> {
    let mut words = head.split_whitespace();
    let with_nhcb = match words.next() {
        Some("load") => false,
        Some("load_with_nhcb") => true,
        _ => return Err("invalid load command. (load[_with_nhcb] <step:duration>)".into()),
    };
    let step = words.next().and_then(duration::parse).ok_or("invalid step definition")?;
    let (mut series, mut common, mut own) = (Vec::new(), Offsets::new(), None::<(Labels, Offsets)>);
    for (at, text) in body.iter().enumerate() {
        let fail = |message: String| format!("line {}: {message}", line + 1 + at);
        match (starts::read(text).transpose().map_err(fail)?, own.take()) {
            (Some((None, offsets)), None) => common = offsets,
            (Some((Some(labels), offsets)), None) => own = Some((labels, offsets)),
            (Some(_), Some(_)) => return Err(fail("the @st line before has no series behind it".into())),
            (None, own) => {
                let (labels, values) = parse_series(text).map_err(fail)?;
                let starts = match own {
                    Some((of, _)) if of != labels => {
                        return Err(fail(format!("the @st line before is for {of}, not for {labels}")));
                    }
                    Some((_, starts)) if starts.len() != values.len() => {
                        return Err(fail(format!("{} starts for {} values", starts.len(), values.len())));
                    }
                    Some((_, starts)) => starts,
                    None => common.iter().copied().cycle().take(values.len()).collect(),
                };
                series.push(Loaded { labels, values, starts });
            }
        }
    }
    if own.is_some() {
        return Err("the last @st line has no series behind it".into());
    }
    Ok(Load { line, step, series, with_nhcb })
}

/// Splits off the first word.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Reads a duration in milliseconds.
pub(super) fn time(text: &str) -> Result<i64, String> {
    duration::parse(text).ok_or_else(|| format!("invalid duration {text:?}"))
}

/// Takes `keyword` and the time behind it.
fn keyed<'t>(text: &'t str, keyword: &str) -> Result<(i64, &'t str), String> {
    let (found, rest) = word(text);
    if found != keyword {
        return Err(format!("expected {keyword:?}, found {found:?}"));
    }
    let (value, rest) = word(rest);
    Ok((time(value)?, rest))
}

/// Reads an evaluation and how many lines of its body it used.
fn eval(head: &str, line: usize, body: &[&str]) -> Result<(Eval, usize), String> {
    let (command, rest) = word(head);
    let (kind, rest) = word(rest);
    let (when, query) = match kind {
        "instant" => {
            let (at, query) = keyed(rest, "at")?;
            (When::Instant(at), query)
        }
        "range" => {
            let (from, rest) = keyed(rest, "from")?;
            let (to, rest) = keyed(rest, "to")?;
            let (step, query) = keyed(rest, "step")?;
            (When::Range { from, to, step }, query)
        }
        _ => return Err("invalid evaluation command".into()),
    };
    let mut eval = Eval {
        line,
        query: query.into(),
        when,
        ordered: command == "eval_ordered",
        fail: (command == "eval_fail").then_some(None),
        warnings: Expected { any: command == "eval_warn", ..Expected::default() },
        infos: Expected { any: command == "eval_info", ..Expected::default() },
        series: Vec::new(),
        scalar: None,
        string: None,
        range_vector: None,
    };
    for (at, text) in body.iter().enumerate() {
        if eval.read_expectation(text)? {
            return Ok((eval, at + 1));
        }
    }
    Ok((eval, body.len()))
}

impl Eval {
    /// Reads one line; true where it is the last that belongs to the evaluation.
    fn read_expectation(&mut self, text: &str) -> Result<bool, String> {
        if let Some(message) = text.strip_prefix("expected_fail_message") {
            self.fail = Some(Some(Pattern::Text(message.trim().into())));
            return Ok(true);
        }
        if let Some(pattern) = text.strip_prefix("expected_fail_regexp") {
            self.fail = Some(Some(Pattern::Regex(regex(pattern)?)));
            return Ok(true);
        }
        if let Some(rest) = text.strip_prefix("expect range vector") {
            let (from, rest) = keyed(rest, "from")?;
            let (to, rest) = keyed(rest, "to")?;
            self.range_vector = Some((from, to, keyed(rest, "step")?.0));
            return Ok(false);
        }
        if let Some(rest) = text.strip_prefix("expect string") {
            let bytes = unquote(rest.trim()).ok_or("expected string literal not valid")?;
            self.string = Some(String::from_utf8_lossy(&bytes).into_owned());
            return Ok(false);
        }
        if let Some(rest) = text.strip_prefix("expect ").or_else(|| text.strip_prefix("expect\t")) {
            self.read_expect(rest.trim())?;
            return Ok(false);
        }
        if let Some(value) = parse_number(text) {
            self.scalar = Some(value);
            return Ok(true);
        }
        self.series.push(parse_series(text)?);
        Ok(false)
    }

    fn read_expect(&mut self, text: &str) -> Result<(), String> {
        let (what, rest) = word(text);
        let pattern = match (rest.strip_prefix("msg:"), rest.strip_prefix("regex:")) {
            (Some(message), _) => Some(Pattern::Text(message.trim().into())),
            (_, Some(pattern)) => Some(Pattern::Regex(regex(pattern)?)),
            _ if rest.is_empty() => None,
            _ => return Err(format!("invalid expect statement {text:?}")),
        };
        match what {
            "ordered" => self.ordered = true,
            "fail" => self.fail = Some(pattern),
            "warn" => expect(&mut self.warnings, pattern),
            "info" => expect(&mut self.infos, pattern),
            "no_warn" => self.warnings.none = true,
            "no_info" => self.infos.none = true,
            _ => return Err(format!("invalid expect statement {text:?}")),
        }
        Ok(())
    }
}

fn expect(expected: &mut Expected, pattern: Option<Pattern>) {
    match pattern {
        Some(pattern) => expected.patterns.push(pattern),
        None => expected.any = true,
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern.trim()).map_err(|error| format!("invalid regexp: {error}"))
}
