//! Lists filter, sort, count and page exactly as a plain loop over the same runs would.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::support::{SECOND, START, World, run, unversioned};
use model::{AgentNode, KindCounts, Run, RunStatus, SpanId, StepKind, Usage, Usd};
use proptest::prelude::*;
use query::{FacetKey, FacetValue, Page, RunFilter, Sort, SortKey};

/// Words with everything that is special to some layer below.
const WORDS: [&str; 8] = ["alpha", "Beta", "ga_mma", "50%", "a\\b", "it's", "\"q\"", "Größe"];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(&WORDS[..]).prop_map(str::to_owned)
}

fn maybe_word() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.7, word())
}

fn words(most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(word(), 0..=most).prop_map(|words| words.into_iter().collect())
}

fn node(agent: &str) -> AgentNode {
    AgentNode {
        agent: agent.into(),
        span_id: SpanId::from_array([1; 8]),
        parent: None,
        calls: 1,
        llm_calls: 0,
        tool_calls: 0,
        errors: 0,
        usage: Usage::default(),
        cost: None,
        own_ms: 0.0,
        delegated_ms: 0.0,
    }
}

fn some_run(number: u64) -> impl Strategy<Value = Run> {
    let texts =
        (word(), maybe_word(), maybe_word(), maybe_word(), maybe_word(), maybe_word(), maybe_word(), maybe_word());
    let lists = (words(3), words(2), words(2), words(2));
    let numbers =
        (0i64..6, 0u32..5, 0u32..4, 0u32..3, prop::option::of(0u64..50), prop::option::of(0i128..4), 0usize..4);
    (texts, lists, numbers).prop_map(move |(texts, lists, numbers)| {
        let (name, agent, service, workflow, session, user, version, preview) = texts;
        let (agents, models, tools, tags) = lists;
        let (second, tenths, llm_calls, errors, tokens, cost, status) = numbers;
        let share = |words: Vec<String>| words.into_iter().map(Into::into).collect();
        let mut run = run("default", number, second);
        run.tenant.environment = ["default", "prod"][number as usize % 2].into();
        run.name = name.into();
        run.agent = agent.map(Into::into);
        run.agents = agents.iter().map(|agent| node(agent)).collect();
        run.service = service.map(Into::into);
        run.workflow = workflow.map(Into::into);
        run.session_id = session.map(Into::into);
        run.user_id = user.map(Into::into);
        run.agent_version = version.map(Into::into);
        run.output_preview = preview.map(Into::into);
        run.models = share(models);
        run.tools = share(tools);
        run.tags = share(tags);
        run.status = RunStatus::ALL[status];
        run.duration_ms = f64::from(tenths) * 0.1;
        run.llm_calls = llm_calls;
        run.errors = errors;
        run.kinds = KindCounts::default();
        (0..llm_calls + errors).for_each(|_| run.kinds.add(StepKind::Llm));
        run.usage = Usage { output_tokens: tokens, ..Usage::default() };
        run.cost = cost.map(Usd::from_pico);
        run
    })
}

fn some_runs() -> impl Strategy<Value = Vec<Run>> {
    (0usize..24).prop_flat_map(|count| (0..count as u64).map(some_run).collect::<Vec<_>>())
}

fn some_filter() -> impl Strategy<Value = RunFilter> {
    let rare = |most| prop::option::weighted(0.2, words(most)).prop_map(Option::unwrap_or_default);
    let lists = (rare(2), rare(2), rare(2), rare(2), rare(2), rare(2), rare(2), rare(2), rare(2));
    let statuses = prop::option::weighted(0.2, prop::collection::vec(prop::sample::select(RunStatus::ALL), 1..3));
    let seconds = || prop::option::weighted(0.2, 0i64..7);
    let bounds = (
        seconds(),
        seconds(),
        prop::option::weighted(
            0.3,
            prop::sample::select(vec!["A", "ä", "größe", "0%", "_", "\\", "'", "\"", "beta", "x", ""]),
        ),
        prop::option::weighted(0.1, 0u32..5),
        prop::option::weighted(0.1, 0u32..5),
        prop::option::weighted(0.1, 0u64..50),
        prop::option::weighted(0.1, 0u64..50),
        prop::option::weighted(0.1, 0u64..8),
        prop::option::weighted(0.1, 0u64..8),
        prop::bool::weighted(0.1),
    );
    (lists, statuses, bounds).prop_map(|(lists, statuses, bounds)| {
        let (agent, service, model, tool, session, user, workflow, version, tag) = lists;
        let (from, to, text, min_ms, max_ms, min_tokens, max_tokens, min_steps, max_steps, errors) = bounds;
        let time = |second: i64| model::Timestamp::from_nanos(START + second * SECOND);
        RunFilter {
            from: from.map(time),
            to: to.map(time),
            text: text.map(str::to_owned),
            agent,
            service,
            model,
            tool,
            status: statuses.unwrap_or_default(),
            session,
            user,
            workflow,
            environment: if errors { vec!["prod".into()] } else { Vec::new() },
            version,
            tag,
            min_duration_ms: min_ms.map(|tenths| f64::from(tenths) * 0.1),
            max_duration_ms: max_ms.map(|tenths| f64::from(tenths) * 0.1),
            min_tokens,
            max_tokens,
            min_steps,
            max_steps,
            errors,
            content: false,
        }
    })
}

/// The values a run has for a facet.
fn values(run: &Run, key: FacetKey) -> Vec<String> {
    let one = |value: &Option<std::sync::Arc<str>>| value.iter().map(|value| value.to_string()).collect();
    let many = |values: &[std::sync::Arc<str>]| values.iter().map(|value| value.to_string()).collect();
    match key {
        FacetKey::Agent => {
            let mut names: Vec<String> =
                run.agents.iter().map(|node| node.agent.to_string()).chain(one(&run.agent)).collect::<Vec<String>>();
            names.sort();
            names.dedup();
            names
        }
        FacetKey::Service => one(&run.service),
        FacetKey::Model => many(&run.models),
        FacetKey::Tool => many(&run.tools),
        FacetKey::Status => vec![run.status.to_string()],
        FacetKey::Environment => vec![run.tenant.environment.to_string()],
        FacetKey::Workflow => one(&run.workflow),
        FacetKey::Version => one(&run.agent_version),
        FacetKey::User => one(&run.user_id),
        FacetKey::Tag => many(&run.tags),
    }
}

fn asked(filter: &RunFilter, key: FacetKey) -> Vec<String> {
    match key {
        FacetKey::Agent => filter.agent.clone(),
        FacetKey::Service => filter.service.clone(),
        FacetKey::Model => filter.model.clone(),
        FacetKey::Tool => filter.tool.clone(),
        FacetKey::Status => filter.status.iter().map(ToString::to_string).collect(),
        FacetKey::Environment => filter.environment.clone(),
        FacetKey::Workflow => filter.workflow.clone(),
        FacetKey::Version => filter.version.clone(),
        FacetKey::User => filter.user.clone(),
        FacetKey::Tag => filter.tag.clone(),
    }
}

/// What the documentation of [`RunFilter`] says, as a plain loop; the filter of facet `but` is left out.
fn passes(run: &Run, filter: &RunFilter, but: Option<FacetKey>) -> bool {
    let facets = FacetKey::ALL.iter().filter(|key| Some(**key) != but).all(|key| {
        let asked = asked(filter, *key);
        asked.is_empty() || values(run, *key).iter().any(|value| asked.contains(value))
    });
    let tokens = run.usage.total_tokens().unwrap_or(0);
    let session =
        filter.session.is_empty() || run.session_id.as_ref().is_some_and(|id| filter.session.contains(&id.to_string()));
    let text = filter.text.as_ref().is_none_or(|text| {
        let texts = [&Some(run.name.clone()), &run.service, &run.workflow, &run.output_preview];
        let lists = [FacetKey::Agent, FacetKey::Model, FacetKey::Tool, FacetKey::Tag];
        let mut all = texts.iter().filter_map(|text| text.as_ref().map(|text| text.to_string())).collect::<Vec<_>>();
        all.extend(lists.iter().flat_map(|key| values(run, *key)));
        text.is_empty() || all.iter().any(|value| value.to_lowercase().contains(&text.to_lowercase()))
    });
    facets
        && session
        && text
        && filter.from.is_none_or(|from| run.start >= from)
        && filter.to.is_none_or(|to| run.start < to)
        && filter.min_duration_ms.is_none_or(|min| run.duration_ms >= min)
        && filter.max_duration_ms.is_none_or(|max| run.duration_ms <= max)
        && filter.min_tokens.is_none_or(|min| tokens >= min)
        && filter.max_tokens.is_none_or(|max| tokens <= max)
        && filter.min_steps.is_none_or(|min| u64::from(run.kinds.total()) >= min)
        && filter.max_steps.is_none_or(|max| u64::from(run.kinds.total()) <= max)
        && (!filter.errors || run.errors > 0 || run.status == RunStatus::Error)
}

fn order(a: &Run, b: &Run, sort: Sort) -> Ordering {
    let by = match sort.key {
        SortKey::StartedAt => a.start.cmp(&b.start),
        SortKey::DurationMs => a.duration_ms.total_cmp(&b.duration_ms),
        SortKey::TotalTokens => a.usage.total_tokens().unwrap_or(0).cmp(&b.usage.total_tokens().unwrap_or(0)),
        SortKey::CostUsd => a.cost.unwrap_or_default().cmp(&b.cost.unwrap_or_default()),
        SortKey::Errors => a.errors.cmp(&b.errors),
        SortKey::Steps => a.kinds.total().cmp(&b.kinds.total()),
        SortKey::LlmCalls => a.llm_calls.cmp(&b.llm_calls),
    };
    (if sort.descending { by.reverse() } else { by }).then(a.trace_id.cmp(&b.trace_id))
}

fn facet(runs: &[Run], filter: &RunFilter, key: FacetKey) -> Vec<FacetValue> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for run in runs.iter().filter(|run| passes(run, filter, Some(key))) {
        for value in values(run, key) {
            *counts.entry(value).or_default() += 1;
        }
    }
    let mut facet: Vec<FacetValue> = counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    facet.sort_by(|a, b| b.count.cmp(&a.count).then(a.value.cmp(&b.value)));
    facet
}

async fn check(runs: Vec<Run>, filters: Vec<RunFilter>, cut: usize) {
    let world = World::new().await;
    let (half, cut) = (cut.min(runs.len()) / 2, cut.min(runs.len()));
    // In several files, the first of which holds nothing but rows that later ones replace.
    let earlier = runs[..cut].iter().map(|run| Run { name: "earlier".into(), errors: 7, ..run.clone() });
    world.put(&earlier.collect::<Vec<_>>()).await;
    world.flush().await;
    world.put(&runs[..half]).await;
    world.flush().await;
    world.put(&runs[half..]).await;
    let sort =
        |at: usize| Sort { key: SortKey::ALL[(at + cut) % SortKey::ALL.len()], descending: at.is_multiple_of(2) };
    let mut lists: Vec<(RunFilter, Sort)> = filters.into_iter().enumerate().map(|(at, it)| (it, sort(at))).collect();
    // By time alone: what most lists ask first.
    let time = |second: usize| Some(model::Timestamp::from_nanos(START + second as i64 * SECOND));
    let within = RunFilter { from: time(cut % 4), to: time(4), ..RunFilter::default() };
    lists.extend([(RunFilter::default(), Sort::default()), (within.clone(), Sort::default())]);
    lists.push((within, Sort { descending: false, ..Sort::default() }));
    for (at, (filter, sort)) in lists.iter().enumerate() {
        let sort = *sort;
        let mut expected: Vec<Run> = runs.iter().filter(|run| passes(run, filter, None)).cloned().collect();
        expected.sort_by(|a, b| order(a, b, sort));
        let mut page = Page { sort, limit: 1 + at * 3, facets: FacetKey::ALL.to_vec(), ..Page::default() };
        let mut seen = Vec::new();
        loop {
            let answer = world.engine.runs("default", filter, &page).await.unwrap();
            assert_eq!(answer.total, expected.len() as u64, "{filter:?}");
            if page.cursor.is_none() {
                let facets = answer.facets.unwrap();
                for key in FacetKey::ALL {
                    assert_eq!(facets[key], facet(&runs, filter, *key), "{key} under {filter:?}");
                }
            }
            seen.extend(unversioned(&answer.runs));
            let Some(next) = answer.next else { break };
            assert!(answer.runs.len() == page.limit && seen.len() < expected.len(), "a next page is never empty");
            page = Page { cursor: Some(next), facets: Vec::new(), ..page };
        }
        assert_eq!(seen, expected, "{filter:?} by {sort}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_list_equals_a_plain_loop(
        runs in some_runs(),
        filters in prop::collection::vec(some_filter(), 1..4),
        cut in 0usize..24,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(runs, filters, cut));
    }
}
