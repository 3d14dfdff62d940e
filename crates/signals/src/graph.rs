//! Who called whom in a run: from outside into agents, from agents into agents, tools, models and searches.
//!
//! Summed over many runs these edges are the graph of agents, with how often each way was gone, how long it took and how often
//! it failed. A call belongs to the agent at work as the resolved run knows it, whether or not the sender named it on the step.

use std::collections::HashMap;
use std::sync::Arc;

use model::{ResolvedStep, Run, RunStatus, SpanStatus, StepKind, Timestamp};

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The agent that called; `None` from outside, and where no agent is known.
    pub caller: Option<Arc<str>>,
    /// What was called: an agent, a tool, a model (as `llm`, `embedding` or `reranker`), a retriever or a guardrail.
    pub kind: StepKind,
    /// Its name.
    pub callee: Arc<str>,
    /// When it began.
    pub at: Timestamp,
    /// Milliseconds it took; of a call that did not end, those it was seen at work.
    pub ms: f64,
    /// Whether it failed.
    pub failed: bool,
}

/// Sizes of durations: quarter octaves from one millisecond on, so that an estimate lies within 10 % of the duration.
const PER_OCTAVE: f64 = 4.0;
/// The last size; it holds whatever took longer (about 18 hours).
pub const SIZE_MAX: u8 = 104;

/// The size of a duration: 0 below a millisecond.
pub fn size(ms: f64) -> u8 {
    // A cast of what lies past the end takes the last; NaN is below nothing and becomes 0.
    if ms >= 1.0 { (1.0 + (ms.log2() * PER_OCTAVE).floor()).min(f64::from(SIZE_MAX)) as u8 } else { 0 }
}

/// The middle of a size in milliseconds.
fn middle(size: u8) -> f64 {
    if size == 0 { 0.5 } else { ((f64::from(size) - 0.5) / PER_OCTAVE).exp2() }
}

/// The quantile `q` (0 to 1) of counts by size, in ascending order of size; `None` of nothing.
pub fn quantile(sizes: &[(u8, u64)], q: f64) -> Option<f64> {
    let all: u64 = sizes.iter().map(|(_, count)| count).sum();
    let rank = (q * all as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    sizes.iter().find_map(|(size, count)| {
        seen += count;
        (seen >= rank).then(|| middle(*size))
    })
}

/// The calls of a run.
pub fn edges(run: &Run, steps: &[ResolvedStep]) -> Vec<Edge> {
    let mut edges = Vec::new();
    // Agents that an agent step enters; the others are known by name only, and are entered once.
    let mut entered = vec![false; run.agents.len()];
    let node_of: HashMap<_, _> = steps.iter().map(|step| (step.span.span_id, step.agent_node)).collect();
    let above = |step: &ResolvedStep| step.shown_parent.and_then(|parent| *node_of.get(&parent)?);
    let answers = Answers::of(steps);
    for step in steps {
        let span = &step.span;
        let callee = match span.kind {
            StepKind::Agent => {
                let Some(node) = step.agent_node.filter(|node| above(step) != Some(*node)) else { continue };
                entered[node] = true;
                edges.push(into_agent(run, node, span.start, span_ms(step), span.status == SpanStatus::Error));
                continue;
            }
            StepKind::Tool => span.tool_name.as_ref().unwrap_or(&span.name),
            StepKind::Llm | StepKind::Embedding | StepKind::Reranker => {
                match answers.model(step).filter(|_| is_call(step)) {
                    Some(model) => model,
                    None => continue,
                }
            }
            StepKind::Retriever | StepKind::Guardrail => &span.name,
            _ => continue,
        };
        edges.push(Edge {
            caller: step.agent.clone(),
            kind: span.kind,
            callee: Arc::clone(callee),
            at: span.start,
            ms: span_ms(step),
            failed: span.status == SpanStatus::Error,
        });
    }
    for (node, agent) in run.agents.iter().enumerate().filter(|(node, _)| !entered[*node]) {
        let start =
            steps.iter().find(|step| step.span.span_id == agent.span_id).map_or(run.start, |step| step.span.start);
        edges.push(into_agent(run, node, start, agent.own_ms + agent.delegated_ms, false));
    }
    edges.retain(|edge| !edge.callee.is_empty());
    edges
}

/// Whether a step that names a model is a call of it: a wrapper and a second telling are none.
fn is_call(step: &ResolvedStep) -> bool {
    step.call || step.span.kind == StepKind::Reranker
}

/// Which models answer in a run, by agent, kind and the model asked for: each with how often, in the order of their first answers.
struct Answers<'a>(HashMap<Asked<'a>, Vec<(&'a Arc<str>, usize)>>);

/// Agent, kind, and the model asked for.
type Asked<'a> = (Option<&'a str>, StepKind, &'a str);

impl<'a> Answers<'a> {
    fn of(steps: &'a [ResolvedStep]) -> Self {
        let mut found = HashMap::<Asked<'a>, Vec<(&'a Arc<str>, usize)>>::new();
        for step in steps.iter().filter(|step| is_call(step) && !is_unanswered(step)) {
            let (Some(asked), Some(model)) = (&step.span.request_model, &step.span.model) else { continue };
            let models = found.entry((step.agent.as_deref(), step.span.kind, &**asked)).or_default();
            match models.iter_mut().find(|(known, _)| *known == model) {
                Some((_, times)) => *times += 1,
                None => models.push((model, 1)),
            }
        }
        Self(found)
    }

    /// The model that a call went to. Of one that failed before any answered it is the one that mostly answers such calls of
    /// its agent: the name asked for is often another one of the same model, and all failures would be that one's.
    fn model(&self, step: &'a ResolvedStep) -> Option<&'a Arc<str>> {
        let (span, asked) = (&step.span, step.span.request_model.as_ref());
        let known = asked.filter(|_| is_unanswered(step)).and_then(|asked| {
            let models = self.0.get(&(step.agent.as_deref(), span.kind, &**asked))?;
            // Of several as frequent the first.
            models.iter().rev().max_by_key(|(_, times)| *times).map(|(model, _)| *model)
        });
        known.or(span.model.as_ref()).or(asked)
    }
}

/// Whether a call failed without a word of a model that answered: its model is then the one asked for.
fn is_unanswered(step: &ResolvedStep) -> bool {
    let span = &step.span;
    span.status == SpanStatus::Error && (span.model.is_none() || span.model == span.request_model)
}

/// An agent that is entered. The top agent is the run: it took as long and ended as the run did.
fn into_agent(run: &Run, node: usize, at: Timestamp, ms: f64, failed: bool) -> Edge {
    let agent = &run.agents[node];
    let caller = agent.parent.map(|parent| Arc::clone(&run.agents[parent].agent));
    let top = caller.is_none() && run.agent.as_ref() == Some(&agent.agent);
    let (ms, failed) = match top {
        true => (run.duration_ms, matches!(run.status, RunStatus::Error | RunStatus::Abandoned)),
        false => (ms, failed),
    };
    Edge { caller, kind: StepKind::Agent, callee: Arc::clone(&agent.agent), at, ms, failed }
}

fn span_ms(step: &ResolvedStep) -> f64 {
    let (start, end) = (step.span.start, step.span.end);
    if end.is_unset() { step.own_ms } else { end.nanos_since(start).max(0) as f64 / 1e6 }
}

#[cfg(test)]
mod tests {
    use model::{Span, SpanId, Tenant, TraceId};

    use super::*;
    use crate::runs::{Settings, resolve};

    fn span(id: u8, parent: u8, kind: StepKind, name: &str) -> Span {
        let mut span = Span::new(Tenant::default(), TraceId::from_array([1; 16]), SpanId::from_array([id; 8]));
        span.kind = kind;
        span.name = name.into();
        span.start = Timestamp::from_nanos(i64::from(id) * 1_000_000_000);
        span.end = Timestamp::from_nanos(i64::from(id) * 1_000_000_000 + 250_000_000);
        span.parent_span_id = (parent > 0).then(|| SpanId::from_array([parent; 8]));
        span
    }

    fn edges_of(spans: Vec<Span>) -> Vec<(String, &'static str, String, bool)> {
        let spans: Vec<Arc<Span>> = spans.into_iter().map(Arc::new).collect();
        let resolved = resolve(&spans, Timestamp::from_nanos(1_000_000_000_000), &Settings::default()).unwrap();
        let mut found: Vec<_> = edges(&resolved.run, &resolved.steps)
            .into_iter()
            .map(|edge| {
                let caller = edge.caller.as_deref().unwrap_or_default().to_owned();
                (caller, edge.kind.as_str(), edge.callee.to_string(), edge.failed)
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_tool_belongs_to_the_agent_above_it_although_the_step_names_none() {
        let mut failed = span(4, 3, StepKind::Tool, "execute");
        failed.tool_name = Some("search".into());
        failed.status = SpanStatus::Error;
        let mut model = span(2, 1, StepKind::Llm, "chat");
        model.model = Some("gpt-4o".into());
        model.usage.input_tokens = Some(3);
        let found =
            edges_of(vec![span(1, 0, StepKind::Agent, "boss"), model, span(3, 1, StepKind::Agent, "helper"), failed]);
        let edge = |caller: &str, kind, callee: &str, failed| (caller.to_owned(), kind, callee.to_owned(), failed);
        assert_eq!(
            found,
            [
                edge("", "agent", "boss", false),
                edge("boss", "agent", "helper", false),
                edge("boss", "llm", "gpt-4o", false),
                edge("helper", "tool", "search", true),
            ]
        );
    }

    #[test]
    fn a_call_that_failed_counts_at_the_model_that_answers_others_like_it() {
        let call = |id: u8, parent: u8, asked: &str, answer: Option<&str>| {
            let mut call = span(id, parent, StepKind::Llm, "chat");
            call.request_model = Some(asked.into());
            call.model = Some(answer.unwrap_or(asked).into());
            match answer {
                Some(_) => call.usage.input_tokens = Some(u64::from(id)),
                None => call.status = SpanStatus::Error,
            }
            call
        };
        let found = edges_of(vec![
            span(1, 0, StepKind::Agent, "boss"),
            call(2, 1, "gpt-5.1", None),
            call(3, 1, "gpt-5.1", Some("gpt-5.1-2025-11-13")),
            call(4, 1, "gpt-5.1", Some("gpt-5")),
            call(5, 1, "gpt-5.1", Some("gpt-5.1-2025-11-13")),
            call(6, 1, "gpt-4o", None),
            span(7, 1, StepKind::Agent, "helper"),
            call(8, 7, "gpt-5.1", None),
        ]);
        let models = found.iter().filter(|edge| edge.1 == "llm");
        let models: Vec<_> = models.map(|(caller, _, model, failed)| (&**caller, &**model, *failed)).collect();
        assert_eq!(
            models,
            [
                ("boss", "gpt-4o", true),
                ("boss", "gpt-5", false),
                ("boss", "gpt-5.1-2025-11-13", false),
                ("boss", "gpt-5.1-2025-11-13", false),
                ("boss", "gpt-5.1-2025-11-13", true),
                // Nothing answered this agent.
                ("helper", "gpt-5.1", true),
            ]
        );
    }

    #[test]
    fn an_agent_entered_twice_is_two_calls_and_one_that_calls_itself_is_not_entered_again() {
        let found = edges_of(vec![
            span(1, 0, StepKind::Agent, "boss"),
            span(2, 1, StepKind::Agent, "helper"),
            span(3, 1, StepKind::Agent, "helper"),
            span(4, 3, StepKind::Agent, "helper"),
        ]);
        assert_eq!(found.iter().filter(|edge| edge.2 == "helper").count(), 2);
    }

    #[test]
    fn an_agent_known_by_name_only_was_entered_once() {
        let mut named = span(2, 1, StepKind::Tool, "look");
        named.agent = Some("helper".into());
        let mut again = span(3, 1, StepKind::Tool, "look");
        again.agent = Some("helper".into());
        let found = edges_of(vec![span(1, 0, StepKind::Agent, "boss"), named, again]);
        assert_eq!(found.iter().filter(|edge| edge.1 == "agent" && edge.2 == "helper").count(), 1);
        assert_eq!(found.iter().filter(|edge| edge.1 == "tool" && edge.0 == "helper").count(), 2);
    }

    #[test]
    fn quantiles_of_sizes_lie_within_a_tenth() {
        let durations: Vec<f64> = (1..=1000).map(|at| f64::from(at) * 3.7).collect();
        let mut sizes = std::collections::BTreeMap::<u8, u64>::new();
        durations.iter().for_each(|ms| *sizes.entry(size(*ms)).or_default() += 1);
        let sizes: Vec<_> = sizes.into_iter().collect();
        for (q, exact) in [(0.5, 1850.0), (0.95, 3515.0), (0.99, 3663.0)] {
            let found = quantile(&sizes, q).unwrap();
            assert!((found / exact - 1.0).abs() < 0.1, "{q}: {found} instead of {exact}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!((size(0.0), size(f64::NAN), size(f64::INFINITY)), (0, 0, SIZE_MAX));
    }
}
