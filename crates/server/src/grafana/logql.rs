//! LogQL: stream selectors, the stages of log pipelines (`stage.rs`), and numbers over time: of records, of bytes, and of what a label says
//! (`unwrap`).
//!
//! A question about numbers is PromQL around log ranges: each `rate({…} |= "x" [5m])` becomes a range over a made-up metric with one sample a
//! record, and PromQL computes the rest.

mod extract;
mod filter;
mod format;
mod functions;
mod record;
mod stage;

use promql::ast::Expr;
use promql::{MatchOp, Matcher};

use self::filter::word;
pub use self::filter::{Filter, LineFilter, number};
pub use self::record::Record;
pub use self::stage::{Shown, Stage, Unwrap};

/// Which records.
#[derive(Debug, Default)]
pub struct Selector {
    /// Conditions in the braces.
    pub labels: Vec<Matcher>,
    /// What is done with records, in this order.
    pub stages: Vec<Stage>,
    /// The label whose value is a record's number.
    pub unwrap: Option<Unwrap>,
}

impl Selector {
    /// Carries out all stages; false where the record is left out.
    pub fn run(&self, record: &mut Record) -> bool {
        self.labels.iter().all(|matcher| matcher.is_match(record.value(&matcher.name)))
            && self.stages.iter().all(|stage| stage.run(record))
    }

    /// Conditions on labels as they are kept, before any stage changes them.
    pub fn kept_labels(&self) -> impl Iterator<Item = &Matcher> {
        let stages = self.stages.iter().take_while(|stage| stage.keeps_labels());
        let plain = stages.filter_map(|stage| match stage {
            Stage::Label(Filter::Text(matcher)) => Some(matcher),
            _ => None,
        });
        self.labels.iter().chain(plain)
    }

    /// Conditions on lines as they are kept, before any stage changes them.
    pub fn kept_lines(&self) -> impl Iterator<Item = &LineFilter> {
        let stages = self.stages.iter().take_while(|stage| stage.keeps_line());
        stages.filter_map(|stage| match stage {
            Stage::Line(filter) => Some(filter),
            _ => None,
        })
    }
}

/// What a record adds to a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// One.
    Records,
    /// The length of its line.
    Bytes,
    /// The number in the label that is unwrapped; a record without is left out.
    Values,
}

/// The records of a range.
#[derive(Debug)]
pub struct Range {
    /// Which.
    pub selector: Selector,
    /// What each adds.
    pub counts: Counts,
    /// The labels by which they are put together, where the question says so.
    pub by: Option<Shown>,
}

/// A question.
#[derive(Debug)]
pub enum Query {
    /// Records.
    Records(Selector),
    /// Numbers.
    Numbers {
        /// PromQL over metrics named `__log_0`, `__log_1`, …
        promql: String,
        /// The records each of them is made of.
        ranges: Vec<Range>,
    },
}

/// Name of the metric that stands for a range of records.
pub fn metric(at: usize) -> String {
    format!("__log_{at}")
}

/// A function of log ranges.
struct Function {
    name: &'static str,
    /// PromQL's.
    promql: &'static str,
    counts: Counts,
    /// The result is by second.
    rate: bool,
}

const fn function(name: &'static str, promql: &'static str, counts: Counts, rate: bool) -> Function {
    Function { name, promql, counts, rate }
}

/// Functions of log ranges. `rate` over unwrapped numbers is [`RATE_OF_VALUES`].
static FUNCTIONS: [Function; 15] = [
    function("count_over_time", "count_over_time", Counts::Records, false),
    function("rate", "count_over_time", Counts::Records, true),
    function(ABSENT, ABSENT, Counts::Records, false),
    function("bytes_over_time", "sum_over_time", Counts::Bytes, false),
    function("bytes_rate", "sum_over_time", Counts::Bytes, true),
    function("rate_counter", "rate", Counts::Values, false),
    function("sum_over_time", "sum_over_time", Counts::Values, false),
    function("avg_over_time", "avg_over_time", Counts::Values, false),
    function("min_over_time", "min_over_time", Counts::Values, false),
    function("max_over_time", "max_over_time", Counts::Values, false),
    function("first_over_time", "first_over_time", Counts::Values, false),
    function("last_over_time", "last_over_time", Counts::Values, false),
    function("stddev_over_time", "stddev_over_time", Counts::Values, false),
    function("stdvar_over_time", "stdvar_over_time", Counts::Values, false),
    function(QUANTILE, QUANTILE, Counts::Values, false),
];
static RATE_OF_VALUES: Function = function("rate", "sum_over_time", Counts::Values, true);
/// The one whose result has the labels that were asked for.
const ABSENT: &str = "absent_over_time";
/// The one with a parameter in front.
const QUANTILE: &str = "quantile_over_time";

/// Reads a query.
///
/// # Errors
/// What is not understood.
pub fn parse(text: &str) -> Result<Query, String> {
    let text = text.trim();
    if text.starts_with('{') {
        let (selector, rest) = selector(text)?;
        if selector.unwrap.is_some() {
            return Err(unexpected(text, "unwrap inside of a function such as avg_over_time"));
        }
        return if rest.is_empty() { Ok(Query::Records(selector)) } else { Err(unexpected(rest, "the end")) };
    }
    let (mut promql, mut ranges, mut rest) = (String::new(), Vec::new(), text);
    while let Some(brace) = rest.find('{') {
        let (head, function, parameter) = call(rest[..brace].trim_end()).ok_or_else(|| {
            unexpected(
                rest,
                "a log range inside of count_over_time, rate, bytes_over_time or another function of log ranges; the others are not supported",
            )
        })?;
        let (found, after) = selector(&rest[brace..])?;
        let function = match (&found.unwrap, function.counts) {
            (Some(_), Counts::Records) if function.name == "rate" => &RATE_OF_VALUES,
            (Some(_), Counts::Values) | (None, Counts::Records | Counts::Bytes) => function,
            (None, Counts::Values) => return Err(unexpected(after, "| unwrap and the label to compute with")),
            (Some(_), _) => return Err(unexpected(after, "no unwrap inside of this function")),
        };
        let (range, after) = after
            .strip_prefix('[')
            .and_then(|inside| inside.split_once(']'))
            .ok_or_else(|| unexpected(after, "a range such as [5m]"))?;
        let millis = promql::parse_duration(range.trim()).filter(|&millis| millis > 0);
        let millis = millis.ok_or_else(|| unexpected(range, "a duration such as 5m"))?;
        let (offset, after) = match after.trim_start().strip_prefix("offset") {
            Some(after) => {
                let end = after.find(')').unwrap_or(after.len());
                (format!(" offset {}", after[..end].trim()), &after[end..])
            }
            None => (String::new(), after.trim_start()),
        };
        let after = after.strip_prefix(')').ok_or_else(|| unexpected(after, ")"))?;
        let (by, after) = if function.counts == Counts::Values { grouping(after)? } else { (None, after) };
        rest = after;
        let labels = if function.promql == ABSENT { told(&found.labels) } else { String::new() };
        let call = format!("{}({parameter}{}{labels}[{millis}ms]{offset})", function.promql, metric(ranges.len()));
        promql.push_str(&exact(head));
        if function.rate {
            promql.push_str(&format!("({call} / {})", millis as f64 / 1e3));
        } else {
            promql.push_str(&call);
        }
        ranges.push(Range { selector: found, counts: function.counts, by });
    }
    promql.push_str(&exact(rest));
    Ok(Query::Numbers { promql, ranges })
}

/// What is estimated elsewhere is computed here.
fn exact(text: &str) -> String {
    text.replace("approx_topk", "topk")
}

/// The values that conditions demand, in braces.
fn told(labels: &[Matcher]) -> String {
    let told = labels.iter().filter(|matcher| matcher.op == MatchOp::Equal).map(ToString::to_string);
    format!("{{{}}}", told.collect::<Vec<String>>().join(","))
}

/// What stands before a call of a function of log ranges, the function, and its parameter with a comma behind it.
fn call(before: &str) -> Option<(&str, &'static Function, String)> {
    let (before, parameter) = match before.strip_suffix(',') {
        Some(list) => {
            let open = list.rfind('(')?;
            let parameter: f64 = list[open + 1..].trim().parse().ok()?;
            (&list[..=open], format!("{parameter}, "))
        }
        None => (before, String::new()),
    };
    FUNCTIONS.iter().find_map(|function| {
        let head = before.strip_suffix('(')?.trim_end().strip_suffix(function.name)?;
        // `rate` is also the end of `bytes_rate`.
        let whole = !head.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let takes = (function.name == QUANTILE) != parameter.is_empty();
        (whole && takes).then(|| (head, function, parameter.clone()))
    })
}

/// `by (…)` or `without (…)` behind a function; gives the rest.
fn grouping(text: &str) -> Result<(Option<Shown>, &str), String> {
    let text = text.trim_start();
    let (only, after) = match (word(text, "by"), word(text, "without")) {
        (Some(after), _) => (true, after),
        (_, Some(after)) => (false, after),
        (None, None) => return Ok((None, text)),
    };
    let inside = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
    let (list, rest) = inside.ok_or_else(|| unexpected(after, "labels in parentheses"))?;
    let labels: Vec<String> =
        list.split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect();
    Ok((Some(Shown::new(only, labels)), rest))
}

fn unexpected(rest: &str, expected: &str) -> String {
    let found: String = rest.chars().take(24).collect();
    format!("parse error: cannot read the LogQL query at {found:?}: expected {expected}")
}

/// Braces and what is behind them; gives the rest.
fn selector(text: &str) -> Result<(Selector, &str), String> {
    let end = closing(text).ok_or_else(|| unexpected(text, "}"))?;
    let mut selector = Selector { labels: matchers(&text[..=end])?, ..Selector::default() };
    let mut rest = text[end + 1..].trim_start();
    loop {
        if let Some(operator) = ["|=", "!=", "|~", "!~", "|>", "!>"].into_iter().find(|it| rest.starts_with(it)) {
            let (filter, after) = LineFilter::read(operator, &rest[2..])?;
            selector.stages.push(Stage::Line(filter));
            rest = after;
            continue;
        }
        let Some(text) = rest.strip_prefix('|').map(str::trim_start) else { return Ok((selector, rest)) };
        let (read, after) = stage::read(text)?;
        match read {
            stage::Read::Stage(stage) => selector.stages.push(stage),
            stage::Read::Unwrap(unwrap) => selector.unwrap = Some(unwrap),
        }
        rest = after;
    }
}

/// Place of the brace that closes the first, quotes left alone.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if character == '\\' => escaped = true,
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '"' || character == '`' => quote = Some(character),
            None if character == '}' => return Some(at),
            None => {}
        }
    }
    None
}

/// Matchers are PromQL's; `{}` is allowed.
fn matchers(text: &str) -> Result<Vec<Matcher>, String> {
    if text.trim_start_matches('{').trim_end_matches('}').trim().is_empty() {
        return Ok(Vec::new());
    }
    // PromQL wants one condition that an empty label does not fulfil; a name is one, and is taken out again.
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}').trim().trim_end_matches(',');
    let query = promql::parse(&format!("{{__name__=\"log\",{inner}}}"))
        .map_err(|error| format!("parse error: {}", error.message))?;
    match &query.root.expr {
        Expr::Vector(selector) => {
            let own = |matcher: &&Matcher| !(&*matcher.name == promql::METRIC_NAME && matcher.op == MatchOp::Equal);
            Ok(selector.matchers.iter().filter(own).cloned().collect())
        }
        _ => Err(unexpected(text, "label matchers")),
    }
}

/// A text in quotes or backticks; gives the rest.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let Some(quote) = text.chars().next().filter(|first| "\"`".contains(*first)) else {
        return Err(unexpected(text, "a text in quotes"));
    };
    let mut value = String::new();
    let mut characters = text[1..].chars();
    loop {
        match characters.next().ok_or_else(|| unexpected(text, "the end of the text"))? {
            end if end == quote => return Ok((value, characters.as_str().trim_start())),
            '\\' if quote == '"' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(other) if "\"\\".contains(other) => value.push(other),
                Some(other) => value.extend(['\\', other]),
                None => return Err(unexpected(text, "the end of the text")),
            },
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
