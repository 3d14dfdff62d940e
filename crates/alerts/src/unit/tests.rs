//! Prometheus' own unit-test files, and that tests can fail.

use std::path::PathBuf;

use super::*;
use crate::rules;

fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rules").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: ../shared/rules/{name} is not here");
    }
    text
}

fn results(name: &str) -> Option<Vec<TestResult>> {
    let (tests, rules) = (shared(name)?, shared("rules.yml")?);
    let file = parse(&tests).unwrap();
    Some(run(&file, &[rules::parse(&rules).unwrap()], |_| true))
}

#[test]
fn prometheus_unit_tests_pass() {
    for name in ["unittest.yml", "long-period.yml"] {
        let Some(results) = results(name) else { return };
        for result in &results {
            assert_eq!(result.failures, [], "{name}, test at {}", result.place);
        }
        assert!(results.iter().map(|result| result.cases).sum::<usize>() >= 4);
    }
}

#[test]
fn tests_that_must_fail_do() {
    let Some(results) = results("failing.yml") else { return };
    let failures: Vec<usize> = results.iter().map(|result| result.failures.len()).collect();
    assert_eq!(failures, [2, 2]);
}

#[test]
fn fuzzy_comparison_lets_only_the_last_place_differ() {
    let Some(results) = results("rules_run_fuzzy.yml") else { return };
    for result in &results {
        assert_eq!(result.failures.is_empty(), result.name == "correct fuzzy match", "{result:?}");
    }
    assert_eq!(results.len(), 2);
}

const RULES: &str = r#"
groups:
  - name: b
    rules:
      - record: r2
        expr: r1 * 2
  - name: a
    rules:
      - record: r1
        expr: up * 3
      - alert: High
        expr: up > 1
        for: 2m
        keep_firing_for: 3m
        labels: {severity: "{{ if gt $value 5.0 }}big{{ else }}small{{ end }}"}
        annotations:
          text: "{{ $labels.job }} {{ $externalLabels.region }} {{ $value }}"
"#;

fn outcome(tests: &str) -> Vec<String> {
    let file = parse(tests).unwrap();
    let rules = rules::parse(RULES).unwrap();
    run(&file, &[rules], |_| true)
        .into_iter()
        .flat_map(|result| result.failures)
        .map(|failure| failure.message)
        .collect()
}

#[test]
fn groups_run_in_the_order_asked_for() {
    let tests = |order: &str| {
        format!(
            "group_eval_order: [{order}]\ntests:\n  - input_series: [{{series: up, values: '1 2'}}]\n    promql_expr_test:\n      - {{expr: r2, eval_time: 0, exp_samples: [{{labels: r2, value: 6}}]}}\n"
        )
    };
    assert_eq!(outcome(&tests("a, b")), Vec::<String>::new());
    assert_eq!(outcome(&tests("b, a")).len(), 1, "without r1 before it r2 has no value");
}

#[test]
fn states_follow_for_and_keep_firing_for() {
    let tests = r#"
tests:
  - input_series:
      - series: 'up{job="x"}'
        values: '2 2 2 0 0 0 0'
    external_labels: {region: eu}
    alert_rule_test:
      - {eval_time: 1m, alertname: High, exp_alerts: []}
      - eval_time: 2m
        alertname: High
        exp_alerts: [{exp_labels: {job: x, severity: small}, exp_annotations: {text: x eu 2}}]
      - eval_time: 5m30s
        alertname: High
        exp_alerts: [{exp_labels: {job: x, severity: small}, exp_annotations: {text: x eu 2}}]
      - {eval_time: 6m, alertname: High, exp_alerts: []}
"#;
    assert_eq!(outcome(tests), Vec::<String>::new());
}

#[test]
fn mistakes_in_a_test_file_have_a_place() {
    let problems = parse("tests:\n  - input_series:\n      - {series: 'up{', values: '1'}\n    bogus: 1\n    promql_expr_test:\n      - {expr: up, eval_time: 5x}\n").unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [3, 4, 6], "{problems:?}");
    assert!(problems[1].message.contains("unknown field `bogus`"));
}
