//! The common subset of TraceQL, as conditions on the view `spans`.
//!
//! Understood are span sets joined by `&&` and `||`, and in them comparisons of intrinsics and attributes joined likewise, with
//! parentheses and `!`; and behind them `| count() > 2`, `| avg(duration) > 1s` (also `min`, `max`, `sum`) and `| select(…)`. Structural
//! operators and metrics are not, and say so.

use super::literal;

/// What a query asks of spans and of traces.
#[derive(Debug, PartialEq)]
pub struct Search {
    /// Condition on the spans that are shown.
    pub spans: String,
    /// Condition on the traces.
    pub traces: String,
    /// What else is shown of spans: its name, and the expression that gives it.
    pub select: Vec<(String, String)>,
}

/// Reads a query. An empty one, or `{}`, finds everything.
///
/// # Errors
/// What is not understood, with the place.
pub fn parse(text: &str) -> Result<Search, String> {
    let mut parser = Parser { text, rest: text.trim_start() };
    if parser.rest.is_empty() {
        return Ok(Search { spans: "TRUE".into(), traces: "TRUE".into(), select: Vec::new() });
    }
    let mut spans = Vec::new();
    let traces = parser.sets(&mut spans, 0)?;
    let mut search = Search { spans: spans.join(" OR "), traces, select: Vec::new() };
    while parser.take("|") {
        parser.stage(&mut search)?;
    }
    if !parser.rest.is_empty() {
        return Err(parser.unexpected("the end; structural operators and metrics are not supported"));
    }
    Ok(search)
}

/// Parentheses and span sets inside each other.
const DEPTH_MAX: usize = 32;

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn unexpected(&self, expected: &str) -> String {
        let at = self.text.len() - self.rest.len();
        let found: String = self.rest.chars().take(12).collect();
        format!("cannot read the TraceQL query at byte {at}: found {found:?}, expected {expected}")
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(token)) }
    }

    /// Span sets joined by `&&` (which binds closer) and `||`.
    fn sets(&mut self, spans: &mut Vec<String>, depth: usize) -> Result<String, String> {
        let mut any = vec![self.all_sets(spans, depth)?];
        while self.take("||") {
            any.push(self.all_sets(spans, depth)?);
        }
        Ok(format!("({})", any.join(" OR ")))
    }

    fn all_sets(&mut self, spans: &mut Vec<String>, depth: usize) -> Result<String, String> {
        let mut all = vec![self.set(spans, depth)?];
        while self.take("&&") {
            all.push(self.set(spans, depth)?);
        }
        Ok(all.join(" AND "))
    }

    fn set(&mut self, spans: &mut Vec<String>, depth: usize) -> Result<String, String> {
        self.check(depth)?;
        if self.take("(") {
            let inner = self.sets(spans, depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.expect("{")?;
        let condition = if self.rest.starts_with('}') { "TRUE".to_owned() } else { self.any(depth)? };
        self.expect("}")?;
        spans.push(format!("({condition})"));
        Ok(format!("trace_id IN (SELECT trace_id FROM spans WHERE {condition})"))
    }

    /// What follows a bar: the fields to show, or a condition on what the spans of a trace come to.
    fn stage(&mut self, search: &mut Search) -> Result<(), String> {
        let function = ["select", "count", "avg", "min", "max", "sum"]
            .into_iter()
            .find(|name| self.rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('(')));
        let Some(function) = function else {
            return Err(self.unexpected("select, count, avg, min, max or sum; other stages are not supported"));
        };
        self.take(function);
        self.expect("(")?;
        if function == "select" {
            loop {
                let before = self.rest;
                let field = self.field()?;
                let name = before[..before.len() - self.rest.len()].trim_end().replace('"', "");
                let (Field::Text(expression) | Field::Millis(expression)) = field else {
                    return Err(self.unexpected("a field of spans before this"));
                };
                search.select.push((name, expression));
                if !self.take(",") {
                    break;
                }
            }
            return self.expect(")");
        }
        let field = if function == "count" { Field::Millis("*".into()) } else { self.field()? };
        self.expect(")")?;
        let (aggregate, is_time) = match (&field, function) {
            (_, "count") => ("count(*)".to_owned(), false),
            (Field::Millis(expression), _) => (format!("{function}({expression})"), true),
            (Field::Text(expression), _) => (format!("{function}(TRY_CAST({expression} AS DOUBLE))"), false),
            (Field::Run(_) | Field::RunMillis, _) => return Err(self.unexpected("a field of spans before this")),
        };
        let operators = [("!=", "<>"), (">=", ">="), ("<=", "<="), ("=", "="), (">", ">"), ("<", "<")];
        let Some((_, order)) = operators.into_iter().find(|(operator, _)| self.take(operator)) else {
            return Err(self.unexpected("a comparison (= != > >= < <=)"));
        };
        let wanted = match self.value()? {
            // A bare number is nanoseconds.
            Literal::Number(number) => {
                if is_time {
                    number / 1e6
                } else {
                    number
                }
            }
            Literal::Millis(millis) => {
                if is_time {
                    millis
                } else {
                    millis * 1e6
                }
            }
            Literal::Text(_) | Literal::Nil => return Err(self.unexpected("a number or a duration before this")),
        };
        search.traces.push_str(&format!(
            " AND trace_id IN (SELECT trace_id FROM spans WHERE {} GROUP BY trace_id HAVING {aggregate} {order} {wanted})",
            search.spans
        ));
        Ok(())
    }

    fn check(&self, depth: usize) -> Result<(), String> {
        if depth < DEPTH_MAX { Ok(()) } else { Err(self.unexpected("fewer parentheses (DEPTH_MAX)")) }
    }

    fn any(&mut self, depth: usize) -> Result<String, String> {
        let mut any = vec![self.all(depth)?];
        while self.take("||") {
            any.push(self.all(depth)?);
        }
        Ok(format!("({})", any.join(" OR ")))
    }

    fn all(&mut self, depth: usize) -> Result<String, String> {
        let mut all = vec![self.condition(depth)?];
        while self.take("&&") {
            all.push(self.condition(depth)?);
        }
        Ok(all.join(" AND "))
    }

    fn condition(&mut self, depth: usize) -> Result<String, String> {
        self.check(depth)?;
        if self.take("(") {
            let inner = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.rest.starts_with('!') && self.rest[1..].trim_start().starts_with('(') {
            self.take("!");
            // What is not known of a span does not hold of it.
            return Ok(format!("NOT coalesce({}, FALSE)", self.condition(depth + 1)?));
        }
        if self.take("true") {
            return Ok("TRUE".into());
        }
        let field = self.field()?;
        let operators = ["!=", "=~", "!~", ">=", "<=", "=", ">", "<"];
        let Some(operator) = operators.into_iter().find(|operator| self.take(operator)) else {
            return Err(self.unexpected("a comparison (= != =~ !~ > >= < <=)"));
        };
        let value = self.value()?;
        compare(&field, operator, &value).map_err(|expected| self.unexpected(expected))
    }

    fn field(&mut self) -> Result<Field, String> {
        let word = self.name()?;
        let column = |name: &'static str| Ok(Field::Text(name.into()));
        match word.as_str() {
            "name" | "span:name" => return column("name"),
            "status" | "span:status" => return column("status_code"),
            "statusMessage" | "span:statusMessage" => return column("status_message"),
            "kind" | "span:kind" => return column("span_kind"),
            "trace:id" => return column("trace_id"),
            "span:id" => return column("span_id"),
            "span:parentID" => return column("parent_span_id"),
            // Grafana asks for roots by it: below zero.
            "nestedSetParent" => return column("CASE WHEN parent_span_id IS NULL THEN -1 ELSE 1 END"),
            "duration" | "span:duration" => return Ok(Field::Millis("duration_ms".into())),
            "rootName" | "trace:rootName" => return Ok(Field::Run("name")),
            "rootServiceName" | "trace:rootService" => return Ok(Field::Run("service")),
            "traceDuration" | "trace:duration" => return Ok(Field::RunMillis),
            _ => {}
        }
        let attribute = |column: &str, key: &str| format!("attr({column}, {})", literal(key));
        if let Some(key) = word.strip_prefix("span.") {
            return Ok(Field::Text(attribute("attributes", key)));
        }
        if let Some(key) = word.strip_prefix("resource.") {
            return Ok(Field::Text(if key == "service.name" { "service".into() } else { attribute("resource", key) }));
        }
        match word.strip_prefix('.') {
            Some(key) => {
                let (own, shared) = (attribute("attributes", key), attribute("resource", key));
                Ok(Field::Text(format!("coalesce({own}, {shared})")))
            }
            None => Err(format!(
                "cannot read the TraceQL query: {word:?} is no field; write span.x, resource.x, .x, or an intrinsic such as name, status, duration"
            )),
        }
    }

    /// A field's name; parts with other characters stand in quotes.
    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        loop {
            let plain = |c: char| c.is_alphanumeric() || "._:-/".contains(c);
            let end = self.rest.find(|c: char| !plain(c)).unwrap_or(self.rest.len());
            name.push_str(&self.rest[..end]);
            self.rest = &self.rest[end..];
            if !self.rest.starts_with('"') || !name.ends_with('.') {
                break;
            }
            name.push_str(&self.quoted('"')?);
        }
        self.rest = self.rest.trim_start();
        if name.is_empty() { Err(self.unexpected("a field")) } else { Ok(name) }
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest[1..].chars();
        loop {
            match characters.next() {
                Some(end) if end == quote => break,
                Some('\\') if quote == '"' => match characters.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    // What is escaped for a regular expression stays escaped.
                    Some(other) if "\\\"".contains(other) => text.push(other),
                    Some(other) => text.extend(['\\', other]),
                    None => return Err(self.unexpected("the end of the text")),
                },
                Some(other) => text.push(other),
                None => return Err(self.unexpected("the end of the text")),
            }
        }
        self.rest = characters.as_str();
        Ok(text)
    }

    fn value(&mut self) -> Result<Literal, String> {
        if let Some(quote) = self.rest.chars().next().filter(|first| "\"`".contains(*first)) {
            let text = self.quoted(quote)?;
            self.rest = self.rest.trim_start();
            return Ok(Literal::Text(text));
        }
        let plain = |c: char| c.is_alphanumeric() || "._-µ".contains(c);
        let end = self.rest.find(|c: char| !plain(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let value = match word {
            "" => return Err(self.unexpected("a value")),
            "nil" => Literal::Nil,
            _ => match word.parse::<f64>() {
                Ok(number) if number.is_finite() => Literal::Number(number),
                _ => duration_ms(word).map_or_else(|| Literal::Text(word.to_owned()), Literal::Millis),
            },
        };
        self.rest = self.rest[end..].trim_start();
        Ok(value)
    }
}

enum Field {
    /// An expression that gives text.
    Text(String),
    /// An expression that gives milliseconds.
    Millis(String),
    /// A column of the trace's run.
    Run(&'static str),
    /// Duration of the trace's run.
    RunMillis,
}

enum Literal {
    Text(String),
    Number(f64),
    Millis(f64),
    Nil,
}

/// A Go duration in milliseconds: `1.5s`, `100ms`, `1h30m`.
pub fn duration_ms(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [("ns", 1e-6), ("us", 1e-3), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3_600e3)];
        let (unit, factor) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        sum += number * factor;
    }
    (!text.is_empty()).then_some(sum)
}

fn compare(field: &Field, operator: &str, value: &Literal) -> Result<String, &'static str> {
    let equality = if operator == "=" { "=" } else { "<>" };
    let in_run = |condition: String| format!("trace_id IN (SELECT trace_id FROM runs WHERE {condition})");
    match (field, value) {
        (Field::Run(column), value) => Ok(in_run(compare(&Field::Text((*column).into()), operator, value)?)),
        (Field::RunMillis, value) => Ok(in_run(compare(&Field::Millis("duration_ms".into()), operator, value)?)),
        (Field::Text(text) | Field::Millis(text), Literal::Nil) => match operator {
            "=" => Ok(format!("{text} IS NULL")),
            "!=" => Ok(format!("{text} IS NOT NULL")),
            _ => Err("= or != before nil"),
        },
        (Field::Text(text), Literal::Text(value)) => Ok(match operator {
            "=" | "!=" => format!("{text} {equality} {}", literal(value)),
            "=~" => format!("regexp_like({text}, {})", literal(&format!("^(?:{value})$"))),
            "!~" => format!("NOT regexp_like({text}, {})", literal(&format!("^(?:{value})$"))),
            order => format!("{text} {order} {}", literal(value)),
        }),
        (_, _) if operator.contains('~') => Err("a text after =~ or !~"),
        (Field::Text(text), Literal::Number(number)) => {
            Ok(format!("TRY_CAST({text} AS DOUBLE) {} {number}", operator.replace("!=", "<>")))
        }
        (Field::Text(text), Literal::Millis(millis)) => {
            Ok(format!("TRY_CAST({text} AS DOUBLE) {} {}", operator.replace("!=", "<>"), millis * 1e6))
        }
        (Field::Millis(text), Literal::Millis(millis)) => {
            Ok(format!("{text} {} {millis}", operator.replace("!=", "<>")))
        }
        // A bare number is nanoseconds.
        (Field::Millis(text), Literal::Number(nanos)) => {
            Ok(format!("{text} {} {}", operator.replace("!=", "<>"), nanos / 1e6))
        }
        (Field::Millis(_), Literal::Text(_)) => Err("a duration such as 100ms or 1.5s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(query: &str) -> String {
        parse(query).unwrap().spans
    }

    #[test]
    fn comparisons_become_conditions() {
        for (query, expected) in [
            ("{ resource.service.name = \"shop\" }", "((service = 'shop'))"),
            ("{ .foo = `it's` }", "((coalesce(attr(attributes, 'foo'), attr(resource, 'foo')) = 'it''s'))"),
            (
                "{ span.\"a b\" != nil && duration >= 1.5s }",
                "((attr(attributes, 'a b') IS NOT NULL AND duration_ms >= 1500))",
            ),
            (
                "{ status = error || name =~ \"chat.*\" }",
                "((status_code = 'error' OR regexp_like(name, '^(?:chat.*)$')))",
            ),
            ("{span.n > 5}", "((TRY_CAST(attr(attributes, 'n') AS DOUBLE) > 5))"),
            ("{rootName=\"x\"}", "((trace_id IN (SELECT trace_id FROM runs WHERE name = 'x')))"),
            ("{}", "(TRUE)"),
            ("{ !(status = ok) }", "((NOT coalesce((status_code = 'ok'), FALSE)))"),
            (
                "{nestedSetParent<0 && true}",
                "((TRY_CAST(CASE WHEN parent_span_id IS NULL THEN -1 ELSE 1 END AS DOUBLE) < 0 AND TRUE))",
            ),
        ] {
            assert_eq!(spans(query), expected, "{query}");
        }
    }

    #[test]
    fn span_sets_are_joined_by_their_traces() {
        let search = parse("{ name = \"a\" } && { name = \"b\" }").unwrap();
        assert_eq!(search.spans, "((name = 'a')) OR ((name = 'b'))");
        assert_eq!(search.traces.matches("SELECT trace_id FROM spans").count(), 2);
    }

    #[test]
    fn traces_are_found_by_what_their_spans_come_to() {
        let search = parse("{ name = \"a\" } | count() > 2 | avg(duration) >= 1.5s | max(span.n) < 7").unwrap();
        for part in ["HAVING count(*) > 2)", "HAVING avg(duration_ms) >= 1500)", "AS DOUBLE)) < 7)"] {
            assert!(search.traces.contains(part), "{}", search.traces);
        }
        let search = parse("{} | select(span.gen_ai.request.model, status, span.\"a b\")").unwrap();
        let names: Vec<&str> = search.select.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["span.gen_ai.request.model", "status", "span.a b"]);
        assert_eq!(search.select[0].1, "attr(attributes, 'gen_ai.request.model')");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (query, part) in [
            ("{ name = \"a\" } >> { name = \"b\" }", "structural operators"),
            ("{ name = \"a\" } | rate()", "other stages are not supported"),
            ("{ foo = 1 }", "is no field"),
            ("{ duration > \"x\" }", "a duration such as"),
            ("{ name = \"a", "the end of the text"),
        ] {
            let error = parse(query).unwrap_err();
            assert!(error.contains(part), "{query}: {error}");
        }
        assert!(parse(&"(".repeat(100)).unwrap_err().contains("DEPTH_MAX"));
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!((duration_ms("1h30m"), duration_ms("100ms"), duration_ms("5")), (Some(5_400e3), Some(100.0), None));
    }
}
