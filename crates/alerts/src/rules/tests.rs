//! What is read from rule files, and how mistakes are told.

use super::*;

fn problems(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_group_with_everything_is_read() {
    let file = parse(
        r#"
groups:
  - name: g
    interval: 30s
    limit: 5
    query_offset: 1m
    labels: {team: night}
    rules:
      - record: a:b
        expr: sum(up)
        labels: {x: "{{ not a template }}"}
      - alert: A
        expr: up == 0
        for: 5m
        keep_firing_for: 10m
        labels: {team: day}
        annotations: {summary: "{{ $labels.instance }} down"}
"#,
    )
    .unwrap();
    let group = &file.groups[0];
    assert_eq!((group.interval(), group.limit, group.query_offset_ms), (30_000, 5, 60_000));
    let labels =
        |at: usize| group.rules[at].labels.iter().map(|(n, v)| format!("{n}={}", v.text())).collect::<Vec<_>>();
    assert_eq!(labels(0), ["x={{ not a template }}", "team=night"]);
    assert_eq!(labels(1), ["team=day"]);
    assert!(matches!(group.rules[1].kind, RuleKind::Alert { hold_ms: 300_000, keep_firing_ms: 600_000, .. }));
    assert_eq!(file.count(), (1, 1));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let found = problems(
        r#"groups:
- name: a
  interval: 30x
  rules:
  - alert: X
    expr: up ==
    bogus: 1
  - record: "1a b"
    expr: 1
    for: 5m
  - alert: Y
    expr: up
    annotations:
      a: "{{ nope }}"
      b: "{{ .Foo "
  - expr: 1
  - alert: Z
    record: z
    expr: up[5m]
- name: a
  rules: []
"#,
    );
    assert_eq!(
        found,
        [
            r#"3:13: `interval`: "30x" is no duration; write for example 30s, 5m or 1h30m"#,
            r#"6:11: group "a", rule 1, "X": could not parse expression: 1:6: parse error: unexpected end of input"#,
            r#"7:5: unknown field `bogus` in a rule"#,
            r#"8:5: group "a", rule 2, "1a b": "1a b" is no metric name"#,
            r#"10:5: group "a", rule 2, "1a b": `for` is not for recording rules"#,
            r#"14:10: group "a", rule 3, "Y", annotation "a": template error at 1:4: function "nope" not defined"#,
            r#"15:10: group "a", rule 3, "Y", annotation "b": template error at 1:1: unclosed action"#,
            r#"16:5: group "a", rule 4, "": one of `alert` and `record` must be set"#,
            r#"17:5: group "a", rule 5, "Z": only one of `alert` and `record` may be set"#,
            r#"19:11: group "a", rule 5, "Z": the expression gives a range vector; a rule needs an instant vector or a scalar"#,
            r#"20:3: the group "a" is there twice"#,
        ]
    );
}

#[test]
fn a_group_printed_without_its_rules_line_is_told_so() {
    let found = problems(
        "groups:\n  - name: agent_observability\n    interval: 30s\n\n    # a comment\n    - alert: AgentErrorRateSpike\n      expr: |\n        up == 0\n      for: 5m\n",
    );
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("a list of rules begins at line 6 without a `rules:` line above it"), "{found:?}");
}

#[test]
fn unknown_fields_can_be_left_alone_and_an_empty_file_has_no_rules() {
    assert!(parse("groups: []\nbogus: 1\n").is_err());
    assert!(parse_leniently("groups: []\nbogus: 1\n").is_ok());
    assert!(parse("").unwrap().groups.is_empty());
}

#[test]
fn repeated_rules_are_named() {
    let file = parse("groups:\n- name: g\n  rules:\n  - {alert: A, expr: up}\n  - {alert: A, expr: down}\n  - {alert: A, expr: up, labels: {x: y}}\n").unwrap();
    let repeated: Vec<usize> = file.repeated().iter().map(|(_, rule)| rule.place.line).collect();
    assert_eq!(repeated, [5]);
}
