//! Names of metrics and labels as Prometheus writes what OpenTelemetry names.
//!
//! Source: OpenTelemetry's specification, *Prometheus and OpenMetrics Compatibility*, as Prometheus' own OTLP receiver does it
//! (`prometheus/otlptranslator`, strategy `UnderscoreEscapingWithSuffixes`).

/// What a metric is, as far as its name says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Only grows: ends in `_total`.
    Counter,
    /// Goes up and down: ends in `_ratio` where its unit is 1.
    Gauge,
    /// Anything else.
    Other,
}

/// Words for UCUM's units.
const UNITS: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
    ("$", "dollars"),
];

/// Words for units something is measured per.
const PER_UNITS: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// A metric's name: unit and sort at the end, underscores for what Prometheus did not allow. `{token}` and the like are no units.
pub fn metric(name: &str, unit: &str, sort: Sort) -> String {
    let mut tokens: Vec<String> = tokens(name);
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let main = unit_word(main, &UNITS);
    if !main.is_empty() && !tokens.contains(&main) {
        tokens.push(main);
    }
    let per = unit_word(per, &PER_UNITS);
    if !per.is_empty() && !tokens.contains(&per) {
        tokens.extend(["per".to_owned(), per]);
    }
    let suffix = match sort {
        Sort::Counter => Some("total"),
        Sort::Gauge if unit == "1" => Some("ratio"),
        Sort::Gauge | Sort::Other => None,
    };
    if let Some(suffix) = suffix {
        tokens.retain(|token| token != suffix);
        tokens.push(suffix.to_owned());
    }
    let name = tokens.join("_");
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// A pattern of the names under which [`metric`] keeps the metric `name`, whose unit and sort the asker leaves out. A part of a
/// histogram may follow: `gen_ai.client.operation.duration_count` finds `gen_ai_client_operation_duration_seconds_count`.
pub fn pattern(name: &str) -> String {
    let part = ["_bucket", "_count", "_sum"].into_iter().find(|part| name.ends_with(part)).unwrap_or_default();
    let tokens = tokens(name.strip_suffix(part).unwrap_or(name)).join("_");
    let digit = if tokens.starts_with(|first: char| first.is_ascii_digit()) { "_" } else { "" };
    let words = |units: &[(&'static str, &'static str)]| {
        units.iter().map(|(_, word)| *word).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("|")
    };
    let (units, per) = (words(&UNITS), words(&PER_UNITS));
    format!("{digit}{tokens}(_({units}|tokens|USD))?(_per_({per}))?(_total|_ratio)?{part}")
}

fn tokens(text: &str) -> Vec<String> {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == ':';
    text.split(|character| !plain(character)).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn unit_word(unit: &str, words: &[(&str, &str)]) -> String {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return String::new();
    }
    match words.iter().find(|(known, _)| *known == unit) {
        Some((_, word)) => (*word).to_owned(),
        None => tokens(unit).join("_"),
    }
}

/// A label's name: underscores for what Prometheus did not allow.
pub fn label(name: &str) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '_' };
    let clean: String = name.chars().map(plain).collect();
    match clean.chars().next() {
        Some(first) if first.is_ascii_digit() => format!("key_{clean}"),
        Some('_') if !clean.starts_with("__") => format!("key{clean}"),
        _ => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_unit_and_sort() {
        for (name, unit, sort, expected) in [
            ("gen_ai.client.token.usage", "{token}", Sort::Other, "gen_ai_client_token_usage"),
            ("gen_ai.client.operation.duration", "s", Sort::Other, "gen_ai_client_operation_duration_seconds"),
            ("claude_code.token.usage", "tokens", Sort::Counter, "claude_code_token_usage_tokens_total"),
            ("claude_code.cost.usage", "USD", Sort::Counter, "claude_code_cost_usage_USD_total"),
            ("http.server.total.time", "ms", Sort::Counter, "http_server_time_milliseconds_total"),
            ("cpu.utilization", "1", Sort::Gauge, "cpu_utilization_ratio"),
            ("disk.io", "By/s", Sort::Other, "disk_io_bytes_per_second"),
            ("agent_runs_total", "", Sort::Counter, "agent_runs_total"),
            ("2xx", "", Sort::Other, "_2xx"),
        ] {
            assert_eq!(metric(name, unit, sort), expected);
        }
    }

    #[test]
    fn names_without_unit_and_sort_find_what_is_kept() {
        let matches = |name: &str, kept: &str| {
            promql::Matcher::new("__name__", promql::MatchOp::Matches, &pattern(name)).unwrap().is_match(kept)
        };
        for (name, unit, sort) in [
            ("gen_ai.client.operation.duration", "s", Sort::Other),
            ("gen_ai.client.token.usage", "{token}", Sort::Other),
            ("claude_code.cost.usage", "USD", Sort::Counter),
            ("cpu.utilization", "1", Sort::Gauge),
            ("disk.io", "By/s", Sort::Other),
            ("queue.depth", "", Sort::Gauge),
        ] {
            for part in ["", "_bucket", "_count", "_sum"] {
                let kept = metric(name, unit, sort) + part;
                assert!(matches(&format!("{name}{part}"), &kept), "{kept}");
            }
        }
        assert!(!matches("gen_ai.client.token", "gen_ai_client_token_usage"));
        assert!(!matches("gen_ai.client.token", "gen_ai_client_token_count"));
    }

    #[test]
    fn labels_get_underscores() {
        for (name, expected) in
            [("gen_ai.request.model", "gen_ai_request_model"), ("1st", "key_1st"), ("_x", "key_x"), ("__y", "__y")]
        {
            assert_eq!(label(name), expected);
        }
    }
}
