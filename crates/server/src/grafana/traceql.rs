//! TraceQL, as conditions on the view `spans`.
//!
//! Understood are span sets joined by `&&` and `||` or by how their spans lie to one another (`>>`, `>`, `<<`, `<`, `~`, negated with `!`,
//! with both sides found with `&`), and in them comparisons of intrinsics and attributes joined likewise, with parentheses and `!`; behind them
//! `| { … }`, `| count() > 2`, `| avg(duration) > 1s` (also `min`, `max`, `sum`), `| by(…)`, `| select(…)`, or a function of numbers over time
//! (`metrics.rs`). What is not is refused by name.

mod metrics;
mod sets;
mod stages;

pub use self::metrics::{Function, Metrics};
use self::sets::RELATIONS;
pub use self::sets::{Set, Tree};
use super::literal;

/// What a query asks of spans and of traces.
#[derive(Debug, PartialEq)]
pub struct Search {
    /// Conditions of the span sets.
    pub filters: Vec<String>,
    /// How the sets belong together.
    pub set: Set,
    /// Conditions on all spans that are found, behind the sets.
    pub narrowed: Vec<String>,
    /// Conditions on what the spans of a trace come to.
    pub having: Vec<String>,
    /// By what the spans of a trace are put together for that.
    pub by: Vec<(String, String)>,
    /// What else is shown of spans: its name, and the expression that gives it.
    pub select: Vec<(String, String)>,
    /// What is computed over time, where numbers are asked for.
    pub metrics: Option<Metrics>,
}

impl Search {
    /// Condition on the spans that are found, as far as each tells by itself.
    pub fn spans(&self) -> String {
        let any: Vec<String> = self.filters.iter().map(|filter| format!("({filter})")).collect();
        let any = any.join(" OR ");
        self.narrowed.iter().fold(any, |spans, condition| format!("({spans}) AND {condition}"))
    }

    /// Condition on the traces, where `spans` is the one on their spans.
    pub fn traces(&self, spans: &str) -> String {
        let mut traces = self.set.traces(&self.filters);
        if !self.narrowed.is_empty() {
            traces.push_str(&format!(" AND trace_id IN (SELECT trace_id FROM spans WHERE {spans})"));
        }
        let groups: String = self.by.iter().map(|(_, expression)| format!(", {expression}")).collect();
        for having in &self.having {
            traces.push_str(&format!(
                " AND trace_id IN (SELECT trace_id FROM spans WHERE {spans} GROUP BY trace_id{groups} HAVING {having})"
            ));
        }
        traces
    }
}

/// Reads a query. An empty one, or `{}`, finds everything.
///
/// # Errors
/// What is not understood, with the place.
pub fn parse(text: &str) -> Result<Search, String> {
    let mut parser = Parser { text, rest: text.trim_start(), filters: Vec::new() };
    if parser.rest.is_empty() {
        parser.rest = "{}";
        parser.text = parser.rest;
    }
    let set = parser.sets(0)?;
    let mut search = Search {
        filters: std::mem::take(&mut parser.filters),
        set,
        narrowed: Vec::new(),
        having: Vec::new(),
        by: Vec::new(),
        select: Vec::new(),
        metrics: None,
    };
    while parser.take("|") {
        parser.stage(&mut search)?;
    }
    parser.hints()?;
    if !parser.rest.is_empty() {
        return Err(parser.unexpected("the end"));
    }
    Ok(search)
}

/// Parentheses and span sets inside each other.
const DEPTH_MAX: usize = 32;

struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
    /// Conditions of the span sets read so far.
    filters: Vec<String>,
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
    fn sets(&mut self, depth: usize) -> Result<Set, String> {
        let mut any = vec![self.all_sets(depth)?];
        while self.take("||") {
            any.push(self.all_sets(depth)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Set::Any(any) })
    }

    fn all_sets(&mut self, depth: usize) -> Result<Set, String> {
        let mut all = vec![self.related_sets(depth)?];
        while self.take("&&") {
            all.push(self.related_sets(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Set::All(all) })
    }

    /// Span sets whose spans lie to one another in some way; from the left.
    fn related_sets(&mut self, depth: usize) -> Result<Set, String> {
        let mut set = self.set(depth)?;
        let mut relations = 0;
        while let Some((_, relation)) = RELATIONS.into_iter().find(|(written, _)| self.take(written)) {
            relations += 1;
            self.check(depth + relations)?;
            set = Set::Related(relation, Box::new(set), Box::new(self.set(depth)?));
        }
        Ok(set)
    }

    fn set(&mut self, depth: usize) -> Result<Set, String> {
        self.check(depth)?;
        if self.take("(") {
            let inner = self.sets(depth + 1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let condition = self.filter()?;
        self.filters.push(condition);
        Ok(Set::Filter(self.filters.len() - 1))
    }

    /// The condition in braces.
    fn filter(&mut self) -> Result<String, String> {
        self.expect("{")?;
        let condition = if self.rest.starts_with('}') { "TRUE".to_owned() } else { self.any(0)? };
        self.expect("}")?;
        Ok(condition)
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
            "instrumentation:name" => return column("attr(scope, 'name')"),
            "instrumentation:version" => return column("attr(scope, 'version')"),
            // Where a span lies in its trace is told by its parent alone.
            "nestedSetLeft" | "nestedSetRight" => return column("CAST(NULL AS VARCHAR)"),
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
mod tests;
