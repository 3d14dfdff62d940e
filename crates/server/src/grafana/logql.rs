//! The common subset of LogQL: stream selectors, line filters, label filters, labels dropped and kept, lines made of labels (`line_format`), and
//! numbers over time: of records, of bytes, and of what a label says (`unwrap`).
//!
//! A question about numbers is PromQL around log ranges: each `rate({…} |= "x" [5m])` becomes a range over a made-up metric with one sample a
//! record, and PromQL computes the rest.

mod filter;
mod format;

use promql::ast::Expr;
use promql::{MatchOp, Matcher};

pub use self::filter::{Filter, LineFilter, number};
use self::filter::{label, word};
pub use self::format::LineFormat;

/// Which records.
#[derive(Debug, Default)]
pub struct Selector {
    /// Conditions on labels, plain ones behind the braces included.
    pub labels: Vec<Matcher>,
    /// Other conditions on labels.
    pub filters: Vec<Filter>,
    /// Conditions on the line.
    pub lines: Vec<LineFilter>,
    /// Labels that are left out, or the only ones that are shown, in this order.
    pub shown: Vec<Shown>,
    /// What lines are made of when they are shown, one after the other.
    pub formats: Vec<LineFormat>,
    /// The label whose value is a record's number.
    pub unwrap: Option<String>,
}

/// Which labels are shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// All but these.
    Without(Vec<String>),
    /// These alone.
    Only(Vec<String>),
}

impl Shown {
    /// Whether a label is shown.
    pub fn shows(&self, label: &str) -> bool {
        match self {
            Self::Without(labels) => labels.iter().all(|other| other != label),
            Self::Only(labels) => labels.iter().any(|other| other == label),
        }
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
static FUNCTIONS: [Function; 14] = [
    function("count_over_time", "count_over_time", Counts::Records, false),
    function("rate", "count_over_time", Counts::Records, true),
    function(ABSENT, ABSENT, Counts::Records, false),
    function("bytes_over_time", "sum_over_time", Counts::Bytes, false),
    function("bytes_rate", "sum_over_time", Counts::Bytes, true),
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
        if function.counts == Counts::Bytes && !found.formats.is_empty() {
            return Err(unexpected(after, "no line_format where bytes are counted"));
        }
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
        promql.push_str(head);
        if function.rate {
            promql.push_str(&format!("({call} / {})", millis as f64 / 1e3));
        } else {
            promql.push_str(&call);
        }
        ranges.push(Range { selector: found, counts: function.counts, by });
    }
    promql.push_str(rest);
    Ok(Query::Numbers { promql, ranges })
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
    Ok((Some(if only { Shown::Only(labels) } else { Shown::Without(labels) }), rest))
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
        if let Some(operator) = ["|=", "!=", "|~", "!~"].into_iter().find(|operator| rest.starts_with(operator)) {
            if !selector.formats.is_empty() {
                return Err(unexpected(rest, "line filters before line_format"));
            }
            let (filter, after) = LineFilter::read(operator, &rest[2..])?;
            selector.lines.push(filter);
            rest = after;
            continue;
        }
        let Some(stage) = rest.strip_prefix('|').map(str::trim_start) else { return Ok((selector, rest)) };
        rest = self::stage(&mut selector, stage)?;
    }
}

/// Reads a stage behind its bar; gives the rest.
fn stage<'t>(selector: &mut Selector, text: &'t str) -> Result<&'t str, String> {
    let after = |words: &[&str]| words.iter().find_map(|name| word(text, name));
    // Records have their attributes as labels whichever way they were written, and no colours.
    if let Some(rest) = after(&["json", "logfmt", "unpack", "decolorize"])
        .filter(|rest| rest.is_empty() || rest.starts_with(['|', '[', '!']))
    {
        return Ok(rest);
    }
    if let Some(rest) = after(&["line_format"]).filter(|rest| rest.starts_with(['"', '`'])) {
        let (template, rest) = quoted(rest)?;
        selector.formats.push(LineFormat::read(&template)?);
        return Ok(rest);
    }
    if let Some(rest) = after(&["unwrap"]).filter(|rest| !rest.starts_with('=')) {
        // A duration is read as one whether or not it is said to be one.
        let inside = ["duration_seconds", "duration"].into_iter().find_map(|name| word(rest, name)?.strip_prefix('('));
        let (name, after) =
            label(inside.unwrap_or(rest).trim_start()).ok_or_else(|| unexpected(rest, "the name of a label"))?;
        selector.unwrap = Some(name.to_owned());
        let closed = if inside.is_some() { after.strip_prefix(')') } else { Some(after) };
        return closed.map(str::trim_start).ok_or_else(|| unexpected(after, ")"));
    }
    for (name, only) in [("drop", false), ("keep", true)] {
        let Some((first, mut rest)) = after(&[name]).and_then(label) else { continue };
        let mut names = vec![first.to_owned()];
        while let Some(after) = rest.strip_prefix(',') {
            let (next, after) = label(after.trim_start()).ok_or_else(|| unexpected(after, "the name of a label"))?;
            names.push(next.to_owned());
            rest = after;
        }
        selector.shown.push(if only { Shown::Only(names) } else { Shown::Without(names) });
        return Ok(rest);
    }
    let (filter, rest) = Filter::read(text, 0)?;
    match filter {
        Filter::Text(matcher) => selector.labels.push(matcher),
        other => selector.filters.push(other),
    }
    Ok(rest)
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
mod tests {
    use super::*;

    fn records(text: &str) -> Selector {
        match parse(text).unwrap() {
            Query::Records(selector) => selector,
            numbers => panic!("{numbers:?}"),
        }
    }

    #[test]
    fn selectors_have_line_and_label_filters() {
        let selector = records(r#"{service_name="a}", level=~"e|w"} |= "it's" != `x` |~ "4\\d" | json | tool="b|c""#);
        let labels: Vec<String> = selector.labels.iter().map(ToString::to_string).collect();
        assert_eq!(labels, [r#"service_name="a}""#, r#"level=~"e|w""#, r#"tool="b|c""#]);
        let passes = |line: &str| selector.lines.iter().all(|filter| filter.passes(line));
        assert!(passes("it's 42") && !passes("it's 42 x") && !passes("it's four") && !passes("42"));
        let either = records(r#"{} |= "a" or `b` != "x" or "y""#);
        let passes = |line: &str| either.lines.iter().all(|filter| filter.passes(line));
        assert!(passes("b") && passes("a") && !passes("c") && !passes("a y"));
        assert!(records("{}").labels.is_empty());
    }

    #[test]
    fn label_filters_compare_numbers_and_are_joined() {
        let selector = records(r#"{} | json | level="error" or (ms > 100 and tool=~"a|b") | ms <= 1.5s"#);
        assert!(selector.labels.is_empty());
        let passes = |level: &'static str, ms: &'static str, tool: &'static str| {
            let value = move |name: &str| match name {
                "level" => level,
                "ms" => ms,
                "tool" => tool,
                _ => "",
            };
            selector.filters.iter().all(|filter| filter.passes(&value))
        };
        assert!(passes("error", "1", "") && !passes("info", "1.2s", ""));
        assert!(!passes("info", "101", "a"), "more than one and a half seconds");
        assert!(!passes("error", "", ""), "no number");
        assert!(!passes("error", "2s", "") && passes("error", "200ms", ""));
        assert_eq!(records(r#"{a="b"} | c="d" != "line""#).lines.len(), 1);
    }

    #[test]
    fn labels_are_dropped_and_kept() {
        let selector = records("{} | json | drop __error__, trace_id | keep level");
        assert_eq!(
            selector.shown,
            [Shown::Without(vec!["__error__".into(), "trace_id".into()]), Shown::Only(vec!["level".into()])]
        );
        let shows = |label: &str| selector.shown.iter().all(|shown| shown.shows(label));
        assert!(shows("level") && !shows("trace_id") && !shows("tool"));
    }

    #[test]
    fn numbers_in_labels_are_computed_with() {
        let text = r#"quantile_over_time(0.9, {a="b"} | json | unwrap latency_ms [5m]) by (tool) > rate({a="b"} | unwrap duration(d)[1m])"#;
        let Query::Numbers { promql, ranges } = parse(text).unwrap() else { panic!("numbers") };
        assert_eq!(promql, "quantile_over_time(0.9, __log_0[300000ms]) > (sum_over_time(__log_1[60000ms]) / 60)");
        promql::parse(&promql).unwrap();
        assert_eq!(ranges[0].by, Some(Shown::Only(vec!["tool".into()])));
        let unwrapped: Vec<&str> = ranges.iter().filter_map(|range| range.selector.unwrap.as_deref()).collect();
        assert_eq!((unwrapped, ranges[1].counts), (vec!["latency_ms", "d"], Counts::Values));
        // What Grafana's Explore asks for its histogram of logs.
        let volume = r#"sum by (level, detected_level) (count_over_time({a="b"} |= `` | drop __error__[1m]))"#;
        let Query::Numbers { promql, .. } = parse(volume).unwrap() else { panic!("numbers") };
        assert_eq!(promql, "sum by (level, detected_level) (count_over_time(__log_0[60000ms]))");
    }

    #[test]
    fn numbers_are_promql_over_made_up_metrics() {
        let Query::Numbers { promql, ranges } =
            parse(r#"sum by (level) (rate({a="b"} |= "x" [5m])) / 2 + count_over_time({c="d"}[1m] offset 1h)"#)
                .unwrap()
        else {
            panic!("numbers");
        };
        let expected = "sum by (level) ((count_over_time(__log_0[300000ms]) / 300)) / 2 + count_over_time(__log_1[60000ms] offset 1h)";
        assert_eq!((promql.as_str(), ranges.len()), (expected, 2));
        promql::parse(&promql).unwrap();
        let absent = r#"absent_over_time({service_name="shop", level=~"e.*"}[5m])"#;
        let Query::Numbers { promql, .. } = parse(absent).unwrap() else { panic!("numbers") };
        assert_eq!(promql, r#"absent_over_time(__log_0{service_name="shop"}[300000ms])"#);
        let Query::Numbers { promql, .. } = parse("vector(1)+vector(1)").unwrap() else { panic!("numbers") };
        assert_eq!(promql, "vector(1)+vector(1)");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (query, part) in [
            (r#"{a="b"} | pattern "x""#, "not supported"),
            (r#"{a="b"} | line_format "{{.x | upper}}""#, "not supported"),
            (r#"{a="b"} | line_format "x" |= "y""#, "before line_format"),
            (r#"bytes_rate({a="b"} | line_format "x" [5m])"#, "where bytes are counted"),
            (r#"rate_counter({a="b"} | unwrap c [5m])"#, "not supported"),
            (r#"avg_over_time({a="b"}[5m])"#, "unwrap"),
            (r#"{a="b"} | unwrap c"#, "unwrap inside of a function"),
            (r#"{a="b"} | c > "d""#, "before a text"),
            (r#"{a="b"} |= x"#, "a text in quotes"),
            (r#"rate({a="b"})"#, "a range such as [5m]"),
            (r#"{a="b""#, "expected }"),
        ] {
            let error = parse(query).unwrap_err();
            assert!(error.contains(part), "{query}: {error}");
        }
    }
}
