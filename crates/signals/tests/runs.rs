//! What runs come to, told as small trees.
//!
//! Each file of `tests/runs/` holds cases:
//!
//! ```text
//! == what the case shows
//! agent root 0-100 agent=planner      one span a line: kind, id, start-end in ms, then flags and key=value
//!   llm a 10-20 in=5 out=3            indented below its parent; `parent=ID` names another one
//! > run llm=1 in=5                    what must be true of the run …
//! > a counted=yes agent=planner       … and of steps; only what is named is compared
//! ```

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId, UsageRole, Usd};
use signals::runs::{Resolved, Settings, critical_path, resolve};

/// Milliseconds of the epoch at which the cases' time 0 lies.
const BASE_MS: i64 = 1_763_700_000_000;

#[derive(Default)]
struct Case {
    title: String,
    spans: Vec<Arc<Span>>,
    names: HashMap<SpanId, String>,
    ids: HashMap<String, SpanId>,
    now_ms: i64,
    expected: Vec<String>,
}

impl Case {
    fn id(&mut self, name: &str) -> SpanId {
        let next = (self.ids.len() as u64 + 1).to_be_bytes();
        let id = *self.ids.entry(name.into()).or_insert(SpanId::from_array(next));
        self.names.insert(id, name.into());
        id
    }

    fn name(&self, id: Option<SpanId>) -> String {
        id.map_or("-".into(), |id| self.names[&id].clone())
    }

    fn add_span(&mut self, line: &str, above: &mut Vec<(usize, SpanId)>) {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.split_whitespace();
        let kind: StepKind = words.next().unwrap().parse().unwrap_or_else(|()| panic!("kind in {line:?}"));
        let name = words.next().unwrap();
        let id = self.id(name);
        let tenant = Tenant { project: "default".into(), environment: "default".into() };
        let mut span = Span::new(tenant, TraceId::from_array([7; 16]), id);
        (span.kind, span.name) = (kind, name.into());
        while above.last().is_some_and(|&(depth, _)| depth >= indent) {
            above.pop();
        }
        span.parent_span_id = above.last().map(|&(_, id)| id);
        above.push((indent, id));
        let time = |text: &str| match text {
            "" => Timestamp::default(),
            ms => Timestamp::from_millis(BASE_MS + ms.parse::<i64>().unwrap()),
        };
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        (span.start, span.end, span.received) = (time(start), time(end), time("0"));
        span.status = if end.is_empty() { SpanStatus::Running } else { SpanStatus::Ok };
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let text = || Some(Arc::<str>::from(value));
            let tokens = || Some(value.parse::<u64>().unwrap());
            match key {
                "in" => span.usage.input_tokens = tokens(),
                "out" => span.usage.output_tokens = tokens(),
                "total" => span.usage.reported_total = tokens(),
                "reason" => span.usage.reasoning_tokens = tokens(),
                "cost" => span.cost = Some(value.parse::<Usd>().unwrap()),
                "lost" => span.usage_role = UsageRole::Lost,
                "aggregate" => span.usage_role = UsageRole::Aggregate,
                "error" => {
                    span.status = SpanStatus::Error;
                    span.error_type = text().filter(|text| !text.is_empty());
                }
                "sdk" => span.provider_sdk = true,
                "remote" => span.remote_parent = true,
                "elsewhere" => span.told_in = Some(TraceId::from_array([8; 16])),
                "rid" => span.response_id = text(),
                "agent" => span.agent = text(),
                "model" => span.model = text(),
                "ttft" => span.ttft_ms = Some(value.parse().unwrap()),
                "name" => span.name = value.into(),
                "tool" => span.tool_name = text(),
                "call" => span.tool_call_id = text(),
                "asks" => span.requested_tool_calls = value.split(',').map(Arc::from).collect(),
                "session" => span.session_id = text(),
                "workflow" => span.workflow = text(),
                "outcome" => span.outcome = text(),
                "input" => span.input_preview = text(),
                "output" => span.output_preview = text(),
                "told" => span.told = text(),
                "dialect" => span.dialect = value.into(),
                "version" => span.version = value.parse().unwrap(),
                "at" => span.start = Timestamp::parse_rfc3339(value).unwrap(),
                "until" => span.end = Timestamp::parse_rfc3339(value).unwrap(),
                "parent" => span.parent_span_id = Some(self.id(value)),
                other => panic!("unknown key {other:?} in {line:?}"),
            }
        }
        self.spans.push(Arc::new(span));
    }

    fn check(&self, failures: &mut String) {
        let now = Timestamp::from_millis(BASE_MS + self.now_ms);
        let resolved = resolve(&self.spans, now, &Settings::default()).expect("spans give a run");
        let backwards: Vec<_> = self.spans.iter().rev().cloned().collect();
        assert_eq!(Some(&resolved), resolve(&backwards, now, &Settings::default()).as_ref(), "{}", self.title);
        for line in &self.expected {
            let mut words = line.split_whitespace();
            let subject = words.next().unwrap();
            if subject == "order" {
                let order: Vec<String> = resolved.steps.iter().map(|step| self.name(Some(step.span.span_id))).collect();
                let wanted: Vec<&str> = words.collect();
                if order != wanted {
                    writeln!(failures, "{}: order is {}", self.title, order.join(" ")).unwrap();
                }
                continue;
            }
            for word in words {
                let (key, wanted) = word.split_once('=').unwrap();
                let found =
                    if subject == "run" { self.of_run(&resolved, key) } else { self.of_step(&resolved, subject, key) };
                if found.replace(' ', "_") != wanted {
                    writeln!(failures, "{}: {subject} {key} is {found}, wanted {wanted}", self.title).unwrap();
                }
            }
        }
    }

    fn of_run(&self, resolved: &Resolved, key: &str) -> String {
        let run = &resolved.run;
        let number = |value: Option<u64>| value.map_or("-".into(), |value| value.to_string());
        let text = |value: &Option<Arc<str>>| value.as_deref().unwrap_or("-").to_owned();
        let list = |values: &[Arc<str>]| values.iter().map(|value| &**value).collect::<Vec<_>>().join(",");
        match key {
            "status" => run.status.to_string(),
            "provisional" => yes(run.provisional),
            "ms" => run.duration_ms.to_string(),
            "steps" => run.kinds.total().to_string(),
            "llm" => run.llm_calls.to_string(),
            "tools" => run.tool_calls.to_string(),
            "rounds" => run.rounds.to_string(),
            "errors" => run.errors.to_string(),
            "retries" => run.retries.to_string(),
            "in" => number(run.usage.input_tokens),
            "out" => number(run.usage.output_tokens),
            "total" => number(run.usage.total_tokens()),
            "cost" => run.cost.map_or("-".into(), |cost| cost.to_string()),
            "root" => self.name(run.root_span_id),
            "name" => run.name.to_string(),
            "agent" => text(&run.agent),
            "session" => text(&run.session_id),
            "outcome" => text(&run.outcome),
            "error" => text(&run.error_type),
            "input" => text(&run.input_preview),
            "output" => text(&run.output_preview),
            "models" => list(&run.models),
            "toolnames" => list(&run.tools),
            "start" => run.start.to_string(),
            "agents" => {
                let name = |at: usize| run.agents[at].agent.to_string();
                let one = |node: &model::AgentNode| {
                    let parent = node.parent.map_or(String::new(), |parent| name(parent) + ">");
                    let (own, delegated) = (node.own_ms, node.delegated_ms);
                    let usage = node.usage.total_tokens().unwrap_or(0);
                    format!("{parent}{}:{}x:{own}+{delegated}ms:{usage}t", node.agent, node.calls)
                };
                run.agents.iter().map(one).collect::<Vec<_>>().join(",")
            }
            other => panic!("no run field {other:?}"),
        }
    }

    fn of_step(&self, resolved: &Resolved, subject: &str, key: &str) -> String {
        let id = self.ids[subject];
        let step = resolved.steps.iter().find(|step| step.span.span_id == id).unwrap();
        match key {
            "counted" => yes(step.counted),
            "because" => step.not_counted_because.unwrap_or("-").to_owned(),
            "by" => self.name(step.called_by),
            "retries" => self.name(step.retry_of),
            "parent" => self.name(step.shown_parent),
            "depth" => step.depth.to_string(),
            "orphan" => yes(step.orphan),
            "own" => step.own_ms.to_string(),
            "critical" => {
                let at = resolved.steps.iter().position(|step| step.span.span_id == id).unwrap();
                critical_path(&resolved.steps)[at].map_or("-".into(), |ms| ms.to_string())
            }
            "agent" => step.agent.as_deref().unwrap_or("-").to_owned(),
            "model" => step.span.model.as_deref().unwrap_or("-").to_owned(),
            "ttft" => step.span.ttft_ms.map_or("-".into(), |ms| ms.to_string()),
            "version" => step.span.version.to_string(),
            "told" => step.told_by.iter().map(|id| self.name(Some(*id))).collect::<Vec<_>>().join(","),
            "cost" => step.span.cost.map_or("-".into(), |cost| cost.to_string()),
            other => panic!("no step field {other:?}"),
        }
    }
}

fn yes(value: bool) -> String {
    if value { "yes".into() } else { "no".into() }
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut above = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { title: title.into(), now_ms: 600_000, ..Case::default() });
            above.clear();
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(expected) = line.strip_prefix("> ") {
            case.expected.push(expected.into());
        } else if let Some(now) = line.strip_prefix("now ") {
            case.now_ms = now.parse().unwrap();
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            case.add_span(line, &mut above);
        }
    }
    cases
}

#[test]
fn runs_come_to_what_their_files_say() {
    let mut failures = String::new();
    let mut count = 0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/runs");
    for entry in std::fs::read_dir(folder).unwrap() {
        for case in cases(&std::fs::read_to_string(entry.unwrap().path()).unwrap()) {
            assert!(!case.expected.is_empty(), "{} expects nothing", case.title);
            case.check(&mut failures);
            count += 1;
        }
    }
    assert!(count > 40, "only {count} cases found");
    assert!(failures.is_empty(), "\n{failures}");
}
