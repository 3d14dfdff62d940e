//! From YAML to tests.

use promql::{Labels, SequenceValue, parse_series};

use super::{AlertCase, ExpectedAlert, QueryCase, Test, TestFile};
use crate::yaml::{self, Fields, Node, Problem, Problems};

const MINUTE_MS: i64 = 60_000;

pub(super) fn file(text: &str) -> Result<TestFile, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|problem| vec![problem])?;
    let mut problems = Problems::default();
    let p = &mut problems;
    let mut file = TestFile {
        rule_files: Vec::new(),
        evaluation_interval_ms: MINUTE_MS,
        group_eval_order: Vec::new(),
        fuzzy: false,
        tests: Vec::new(),
    };
    if let Some(mut fields) = p.fields(&root, "a file of unit tests") {
        file.rule_files = fields.list_of_texts("rule_files", p);
        file.evaluation_interval_ms =
            fields.duration("evaluation_interval", p).filter(|&it| it > 0).unwrap_or(MINUTE_MS);
        file.group_eval_order = fields.list_of_texts("group_eval_order", p);
        file.fuzzy = fields.boolean("fuzzy_compare", p).unwrap_or(false);
        let interval = file.evaluation_interval_ms;
        file.tests = fields.list("tests", p).iter().filter_map(|node| test(node, interval, p)).collect();
        fields.finish(p);
    }
    problems.finish(file)
}

fn test(node: &Node, default_interval: i64, p: &mut Problems) -> Option<Test> {
    let mut fields = p.fields(node, "a test")?;
    let name = fields.text("name", p);
    let interval_ms = fields.duration("interval", p).filter(|&it| it > 0).unwrap_or(default_interval);
    let input = fields.list("input_series", p).iter().filter_map(|node| series(node, p)).collect();
    let alerts = fields.list("alert_rule_test", p).iter().filter_map(|node| alert_case(node, p)).collect();
    let queries = fields.list("promql_expr_test", p).iter().filter_map(|node| query_case(node, p)).collect();
    let external_labels = pairs(&mut fields, "external_labels", p);
    let external_url = fields.text("external_url", p);
    fields.finish(p);
    Some(Test { name, interval_ms, input, alerts, queries, external_labels, external_url, place: node.place })
}

fn pairs(fields: &mut Fields<'_>, name: &'static str, p: &mut Problems) -> Vec<(String, String)> {
    let Some(node) = fields.take(name) else { return Vec::new() };
    let text = |node: &Node| node.text().unwrap_or_default().to_owned();
    p.texts(node, name).into_iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn series(node: &Node, p: &mut Problems) -> Option<(Labels, Vec<SequenceValue>)> {
    let mut fields = p.fields(node, "an input series")?;
    let (series, values) = (fields.text("series", p), fields.text("values", p));
    fields.finish(p);
    match parse_series(&format!("{series} {values}")) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            p.add(node.place, format!("series {series:?} with values {values:?}: {error}"));
            None
        }
    }
}

fn time(fields: &mut Fields<'_>, p: &mut Problems) -> i64 {
    fields.duration("eval_time", p).unwrap_or(0)
}

fn alert_case(node: &Node, p: &mut Problems) -> Option<AlertCase> {
    let mut fields = p.fields(node, "an alert_rule_test")?;
    let at_ms = time(&mut fields, p);
    let alertname = fields.text("alertname", p);
    if alertname.is_empty() {
        p.add(node.place, "an alert_rule_test needs an `alertname`");
    }
    let mut expected = Vec::new();
    for node in fields.list("exp_alerts", p) {
        let Some(mut fields) = p.fields(node, "an expected alert") else { continue };
        let labels = Labels::new(pairs(&mut fields, "exp_labels", p)).with("alertname", &alertname);
        let annotations = Labels::new(pairs(&mut fields, "exp_annotations", p));
        fields.finish(p);
        expected.push(ExpectedAlert { labels, annotations });
    }
    fields.finish(p);
    Some(AlertCase { at_ms, alertname, expected, place: node.place })
}

fn query_case(node: &Node, p: &mut Problems) -> Option<QueryCase> {
    let mut fields = p.fields(node, "a promql_expr_test")?;
    let at_ms = time(&mut fields, p);
    let expr = fields.text("expr", p);
    let mut expected = Vec::new();
    for node in fields.list("exp_samples", p) {
        let Some(mut fields) = p.fields(node, "an expected sample") else { continue };
        let labels = fields.text("labels", p);
        let (value, histogram) = (fields.text("value", p), fields.text("histogram", p));
        fields.finish(p);
        // The labels may be left away, and read like the series of an input.
        let described = if labels.trim().is_empty() { "{}" } else { &labels };
        let written = if histogram.is_empty() { if value.is_empty() { "0" } else { &value } } else { &histogram };
        match parse_series(&format!("{described} {written}")) {
            Ok((labels, values)) if values.len() == 1 => {
                expected.extend(values.into_iter().map(|value| (labels.clone(), value)))
            }
            Ok(_) => p.add(node.place, format!("{written:?} is not one value")),
            Err(error) => p.add(node.place, format!("labels {labels:?}, value {written:?}: {error}")),
        }
    }
    fields.finish(p);
    Some(QueryCase { at_ms, expr, expected, place: node.place })
}
