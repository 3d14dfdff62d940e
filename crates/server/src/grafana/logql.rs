//! The common subset of LogQL: stream selectors, line filters, label filters, and counting over time.
//!
//! A question about numbers is PromQL around log ranges: each `rate({…} |= "x" [5m])` becomes a range over a made-up metric with one sample a
//! record, and PromQL computes the rest.

use promql::ast::Expr;
use promql::{MatchOp, Matcher};
use regex::Regex;

/// What must hold of a line.
#[derive(Debug)]
pub enum LineFilter {
    /// `|=`, or `!=` where the flag is false.
    Contains(bool, String),
    /// `|~`, or `!~` where the flag is false.
    Matches(bool, Regex),
}

impl LineFilter {
    /// Whether a line passes.
    pub fn passes(&self, line: &str) -> bool {
        match self {
            Self::Contains(wanted, text) => line.contains(text.as_str()) == *wanted,
            Self::Matches(wanted, regex) => regex.is_match(line) == *wanted,
        }
    }
}

/// Which records.
#[derive(Debug, Default)]
pub struct Selector {
    /// Conditions on labels, those behind the braces included.
    pub labels: Vec<Matcher>,
    /// Conditions on the line.
    pub lines: Vec<LineFilter>,
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
        /// The records each of them is made of, and whether a sample is the length of a line instead of 1.
        ranges: Vec<(Selector, bool)>,
    },
}

/// Name of the metric that stands for a range of records.
pub fn metric(at: usize) -> String {
    format!("__log_{at}")
}

/// Functions of log ranges: what they count, and whether by second.
const RANGE_FUNCTIONS: [(&str, bool, bool); 4] = [
    ("count_over_time", false, false),
    ("rate", false, true),
    ("bytes_over_time", true, false),
    ("bytes_rate", true, true),
];

/// Reads a query.
///
/// # Errors
/// What is not understood.
pub fn parse(text: &str) -> Result<Query, String> {
    let text = text.trim();
    if text.starts_with('{') {
        let (selector, rest) = selector(text)?;
        return if rest.is_empty() { Ok(Query::Records(selector)) } else { Err(unexpected(rest, "the end")) };
    }
    let (mut promql, mut ranges, mut rest) = (String::new(), Vec::new(), text);
    while let Some(brace) = rest.find('{') {
        let before = rest[..brace].trim_end();
        let call = RANGE_FUNCTIONS.iter().find_map(|&(name, bytes, rate)| {
            let head = before.strip_suffix('(')?.trim_end().strip_suffix(name)?;
            // `rate` is also the end of `bytes_rate`.
            let whole = !head.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            whole.then_some((head, bytes, rate))
        });
        let Some((head, bytes, rate)) = call else {
            return Err(unexpected(
                rest,
                "a log range inside of count_over_time, rate, bytes_over_time or bytes_rate; other functions over log ranges are not supported",
            ));
        };
        let (found, after) = selector(&rest[brace..])?;
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
        rest = after.strip_prefix(')').ok_or_else(|| unexpected(after, ")"))?;
        let function = if bytes { "sum_over_time" } else { "count_over_time" };
        let name = metric(ranges.len());
        promql.push_str(head);
        if rate {
            promql.push_str(&format!("({function}({name}[{}ms]{offset}) / {})", millis, millis as f64 / 1e3));
        } else {
            promql.push_str(&format!("{function}({name}[{millis}ms]{offset})"));
        }
        ranges.push((found, bytes));
    }
    promql.push_str(rest);
    Ok(Query::Numbers { promql, ranges })
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
        let line = ["|=", "!=", "|~", "!~"].into_iter().find(|operator| rest.starts_with(operator));
        if let Some(operator) = line {
            let (value, after) = quoted(rest[2..].trim_start())?;
            let wanted = operator.starts_with('|');
            selector.lines.push(if operator.ends_with('=') {
                LineFilter::Contains(wanted, value)
            } else {
                let regex = Regex::new(&value).map_err(|error| format!("parse error: {error}"))?;
                LineFilter::Matches(wanted, regex)
            });
            rest = after;
            continue;
        }
        let Some(stage) = rest.strip_prefix('|').map(str::trim_start) else { return Ok((selector, rest)) };
        // Records have their attributes as labels whichever way they were written.
        let parser = ["json", "logfmt", "unpack"].into_iter().find_map(|name| stage.strip_prefix(name));
        match parser.filter(|after| after.is_empty() || after.starts_with([' ', '|', '[', '\t', '\n'])) {
            Some(after) => rest = after.trim_start(),
            None => {
                let end = stage.find(['|', '[', ')']).unwrap_or(stage.len());
                // A pipe or bracket may stand in the quotes of the value.
                let end = match stage.find('"') {
                    Some(quote) if quote < end => {
                        let (_, after) = quoted(&stage[quote..])?;
                        stage.len() - after.len()
                    }
                    _ => end,
                };
                let filter = format!("{{{}}}", stage[..end].trim());
                let found = matchers(&filter).map_err(|_| {
                    unexpected(stage, "a label filter such as level=\"error\"; formatting, unwrapping and other stages are not supported")
                })?;
                selector.labels.extend(found);
                rest = stage[end..].trim_start();
            }
        }
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
        assert!(records("{}").labels.is_empty());
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
        let Query::Numbers { promql, .. } = parse("vector(1)+vector(1)").unwrap() else { panic!("numbers") };
        assert_eq!(promql, "vector(1)+vector(1)");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (query, part) in [
            (r#"{a="b"} | line_format "x""#, "not supported"),
            (r#"quantile_over_time(0.9, {a="b"} | unwrap c [5m])"#, "not supported"),
            (r#"{a="b"} |= x"#, "a text in quotes"),
            (r#"rate({a="b"})"#, "a range such as [5m]"),
            (r#"{a="b""#, "expected }"),
        ] {
            let error = parse(query).unwrap_err();
            assert!(error.contains(part), "{query}: {error}");
        }
    }
}
