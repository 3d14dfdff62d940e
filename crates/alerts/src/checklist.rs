//! The production monitoring checklist as questions: for each of its nineteen rows what the value, its baseline and its threshold
//! are now. What they are is read out of the pack `checklist`, with the series it records written out, so that the rows have
//! values also where the pack is off, and the page and the alerts cannot disagree.

use promql::ast::{BinaryOp, Expr, Node};

use crate::packs::pack;
use crate::rules::{Rule, RuleFile, parse};

/// What a row is about, and by which rules of the pack it is told.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Latency, tokens, cost, errors, agent or quality.
    pub category: &'static str,
    /// What is measured.
    pub metric: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Unit of value, baseline and threshold: `seconds`, `tokens`, `usd`, `ratio` or `count`.
    pub unit: &'static str,
    /// The recording rule of the value.
    record: &'static str,
    /// The recording rule of the baseline; where there is none, the value's own expression over 7 days.
    baseline: Option<&'static str>,
    /// The alert; none for the row that has no threshold.
    pub alert: Option<&'static str>,
}

impl Row {
    /// Whether its threshold is made of what was usual in the days before.
    pub fn has_baseline(&self) -> bool {
        self.baseline.is_some()
    }
}

/// A row as expressions in PromQL.
#[derive(Debug, Clone)]
pub struct Question {
    /// The row.
    pub row: &'static Row,
    /// The value, by agent, model or tool.
    pub value: String,
    /// What it usually is.
    pub baseline: String,
    /// What the value is compared with.
    pub threshold: Option<String>,
    /// Whether more than the threshold is too much; else less is too little.
    pub above: bool,
    /// The whole condition of the alert: the series that are beyond the threshold.
    pub beyond: Option<String>,
    /// Further conditions of the alert, in order: a value that is past the threshold counts only where they hold.
    pub guards: Vec<Guard>,
}

/// A further condition of an alert: that there is enough to judge by.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The values for which this condition and those before it hold.
    pub counted: String,
    /// It asks for a baseline, which a new installation lacks; else for a number of calls or runs.
    pub baseline: bool,
}

macro_rules! rows {
    ($($category:literal $metric:literal $unit:literal $why:literal: $record:literal, $baseline:expr, $alert:expr;)*) => {
        &[$(Row { category: $category, metric: $metric, why: $why, unit: $unit, record: $record, baseline: $baseline, alert: $alert }),*]
    };
}

/// The rows, in the order of the checklist.
pub const ROWS: &[Row] = rows! {
    "Latency" "End-to-end p50" "seconds" "Median user experience":
        "agent:run_duration_seconds:p50_5m", None, None;
    "Latency" "End-to-end p95" "seconds" "Tail latency affecting 1-in-20 users":
        "agent:run_duration_seconds:p95_5m", Some("agent:run_duration_seconds:p95_7d"), Some("ChecklistLatencyP95");
    "Latency" "End-to-end p99" "seconds" "Worst-case user experience; often signals loops":
        "agent:run_duration_seconds:p99_5m", Some("agent:run_duration_seconds:p99_7d"), Some("ChecklistLatencyP99");
    "Latency" "Per-LLM-call latency" "seconds" "Provider degradation detection":
        "agent:llm_call_duration_seconds:p95_5m", None, Some("ChecklistLlmLatency");
    "Tokens" "Input tokens per run" "tokens" "Context bloat or retrieval returning too much":
        "agent:input_tokens_per_run:avg_5m", Some("agent:input_tokens_per_run:avg_7d"), Some("ChecklistInputTokens");
    "Tokens" "Output tokens per run" "tokens" "Model verbosity drift or reasoning loops":
        "agent:output_tokens_per_run:avg_5m", Some("agent:output_tokens_per_run:avg_7d"), Some("ChecklistOutputTokens");
    "Tokens" "Cumulative context size" "ratio" "Risk of truncation and lost instructions":
        "agent:context_share:p95_15m", None, Some("ChecklistContextWindow");
    "Cost" "Cost per run" "usd" "Runaway spend on individual requests":
        "agent:cost_usd_per_run:p95_15m", None, Some("ChecklistCostPerRun");
    "Cost" "Hourly burn rate" "usd" "Traffic spikes or systemic cost increases":
        "agent:cost_usd_per_hour:last_1h", Some("agent:cost_usd_per_hour:avg_7d"), Some("ChecklistHourlyBurn");
    "Cost" "Per-agent cost share" "ratio" "Single agent dominating spend":
        "agent:cost_share:last_1h", Some("agent:cost_share:avg_7d"), Some("ChecklistCostShare");
    "Errors" "LLM error rate" "ratio" "Provider outage or rate limiting":
        "agent:llm_error_ratio:5m", None, Some("ChecklistLlmErrors");
    "Errors" "Tool call failure rate" "ratio" "Broken integration or schema drift":
        "agent:tool_failure_ratio:5m", None, Some("ChecklistToolFailures");
    "Errors" "Parse failure rate" "ratio" "Model output format regression":
        "agent:parse_failure_ratio:5m", None, Some("ChecklistParseFailures");
    "Agent" "Agent loop count" "count" "Reasoning loops or planning regression":
        "agent:rounds_per_run:p95_15m", Some("agent:rounds_per_run:p95_7d"), Some("ChecklistLoopCount");
    "Agent" "Tool call distribution" "ratio" "Shift in agent behavior or planning strategy":
        "agent:tool_share:30m", Some("agent:tool_share:avg_7d"), Some("ChecklistToolDistribution");
    "Agent" "Fallback trigger rate" "ratio" "Primary model degradation":
        "agent:fallback_ratio:5m", None, Some("ChecklistFallbacks");
    "Quality" "Retrieval hit rate" "ratio" "Vector store issues or query drift":
        "agent:retrieval_hit_ratio:30m", None, Some("ChecklistRetrievalHits");
    "Quality" "User feedback score" "ratio" "Output quality degradation":
        "agent:positive_feedback_ratio:1d", None, Some("ChecklistFeedback");
    "Quality" "Hallucination rate" "ratio" "Model grounding failures":
        "agent:hallucination_ratio:1h", None, Some("ChecklistHallucinations");
};

/// Every row as questions. Empty only if the pack itself cannot be read, which a test excludes.
pub fn questions() -> Vec<Question> {
    let text = pack("checklist").and_then(|pack| pack.files.first()).map_or("", |file| file.1);
    let file = parse(text).unwrap_or_default();
    ROWS.iter().filter_map(|row| question(&file, row)).collect()
}

fn rule<'f>(file: &'f RuleFile, name: &str) -> Option<&'f Rule> {
    file.groups.iter().flat_map(|group| &group.rules).find(|rule| rule.name == name).map(|rule| &**rule)
}

fn question(file: &RuleFile, row: &'static Row) -> Option<Question> {
    let record = &rule(file, row.record)?.query.text;
    let alert = row.alert.map(|name| rule(file, name)).map_or(Some(None), |rule| rule.map(Some))?;
    let compared = alert.and_then(|rule| Some((rule, comparison(&rule.query.root)?)));
    let part = |rule: &Rule, node: &Node| rule.query.text.get(node.start..node.end).map(|text| expand(file, text));
    let (mut value, mut baseline) = (
        expand(file, record),
        match row.baseline {
            Some(name) => expand(file, &rule(file, name)?.query.text),
            None => over_7_days(&expand(file, record)),
        },
    );
    // Where the alert compares something made of the value (a distance, a share of a limit), that is what the row shows.
    if let Some((rule, (_, left, _))) = &compared
        && let Some(text) = rule.query.text.get(left.start..left.end).filter(|text| text.trim() != row.record)
    {
        value = expand(file, text);
        baseline = if row.baseline.is_some() { String::new() } else { over_7_days(&value) };
    }
    Some(Question {
        row,
        value,
        baseline,
        threshold: compared.as_ref().and_then(|(rule, (_, _, right))| part(rule, right)),
        above: compared.as_ref().is_none_or(|(_, (op, ..))| matches!(op, BinaryOp::Greater | BinaryOp::GreaterEqual)),
        beyond: alert.map(|rule| expand(file, &rule.query.text)),
        guards: alert.map(|rule| guards(file, rule)).unwrap_or_default(),
    })
}

/// The conditions behind the comparison, each with those before it, as what they leave of the compared values.
fn guards(file: &RuleFile, rule: &Rule) -> Vec<Guard> {
    let (text, mut node, mut found) = (&rule.query.text, &rule.query.root, Vec::new());
    let Some((_, left, right)) = comparison(node) else { return found };
    while let Expr::Binary(binary) = &node.bare().expr
        && matches!(binary.op, BinaryOp::And | BinaryOp::Unless)
    {
        let without_threshold =
            [text.get(node.start..left.start), text.get(left.start..left.end), text.get(right.end..node.end)];
        let guard = text.get(binary.right.start..binary.right.end).unwrap_or_default();
        if let Some(counted) = without_threshold.into_iter().collect::<Option<String>>() {
            found.push(Guard { counted: expand(file, &counted), baseline: guard.contains("agent:has_baseline") });
        }
        node = &binary.left;
    }
    found.reverse();
    found
}

/// The leftmost comparison of a condition, with its two sides.
fn comparison(node: &Node) -> Option<(BinaryOp, &Node, &Node)> {
    let Expr::Binary(binary) = &node.bare().expr else { return None };
    match binary.op {
        BinaryOp::And | BinaryOp::Unless => comparison(&binary.left),
        op if op.is_comparison() => Some((op, &binary.left, &binary.right)),
        _ => None,
    }
}

/// The expression with every recorded series written out; over a range, looked at once an hour.
fn expand(file: &RuleFile, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim();
    while let Some(at) = rest.find("agent:") {
        let name_end = rest[at..].find(|sign: char| !(sign.is_alphanumeric() || matches!(sign, '_' | ':')));
        let (name, after) = rest[at..].split_at(name_end.unwrap_or(rest.len() - at));
        out.push_str(&rest[..at]);
        rest = after;
        match rule(file, name) {
            Some(rule) => {
                out.push_str(&format!("({})", expand(file, &rule.query.text)));
                if let Some((range, further)) = after.strip_prefix('[').and_then(|after| after.split_once(']')) {
                    out.push_str(&format!("[{range}:1h]"));
                    rest = further;
                }
            }
            None => out.push_str(name),
        }
    }
    out + rest
}

/// The expression with its ranges of minutes and hours made 7 days.
fn over_7_days(text: &str) -> String {
    ["[5m]", "[15m]", "[30m]", "[1h]", "[1d]"].iter().fold(text.to_owned(), |text, range| text.replace(range, "[7d]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_question_that_can_be_asked() {
        let questions = questions();
        assert_eq!((questions.len(), ROWS.len()), (19, 19));
        for question in &questions {
            let metric = question.row.metric;
            let parts = [
                Some(&question.value),
                Some(&question.baseline),
                question.threshold.as_ref(),
                question.beyond.as_ref(),
            ];
            let counted = question.guards.iter().map(|guard| &guard.counted);
            for text in parts.into_iter().flatten().chain(counted).filter(|text| !text.is_empty()) {
                assert!(!text.contains("agent:"), "{metric}: a recorded series is left in {text}");
                promql::parse(text).unwrap_or_else(|error| panic!("{metric}: {text}: {error}"));
            }
            assert_eq!(question.threshold.is_some(), question.row.alert.is_some(), "{metric}");
        }
    }

    #[test]
    fn thresholds_are_those_of_the_alerts() {
        let questions = questions();
        let of = |metric: &str| questions.iter().find(|question| question.row.metric == metric).unwrap();
        assert_eq!(of("Per-LLM-call latency").threshold.as_deref(), Some("5"));
        assert!(of("End-to-end p95").threshold.as_deref().unwrap().starts_with("2 * (histogram_quantile(0.95"));
        assert_eq!(of("Retrieval hit rate").threshold.as_deref(), Some("0.9"));
        assert!(!of("Retrieval hit rate").above && of("LLM error rate").above);
        let guards = |metric: &str| of(metric).guards.iter().map(|guard| guard.baseline).collect::<Vec<_>>();
        assert_eq!((guards("End-to-end p95"), guards("LLM error rate")), (vec![true], vec![false]));
        assert_eq!((guards("Cost per run"), guards("Tool call distribution")), (vec![], vec![true, false]));
        let counted = &of("LLM error rate").guards[0].counted;
        assert!(counted.starts_with(&format!("({})", of("LLM error rate").value)), "{counted}");
        assert!(counted.ends_with(">= 20") && !counted.contains("0.05"), "{counted}");
        assert!(of("Hourly burn rate").baseline.contains("[7d:1h]"), "{}", of("Hourly burn rate").baseline);
        assert!(of("LLM error rate").baseline.contains("[7d]"));
    }
}
