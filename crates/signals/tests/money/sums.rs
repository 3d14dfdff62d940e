//! What holds for the ledger of any run: agents add up to the run, hours to the day, and pricing again changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Span, StepKind, Usage, Usd};
use proptest::prelude::*;
use signals::money::hours::Change;
use signals::money::ledger::{self, Detail, Ledger};
use signals::money::{day_of, hour_of};
use signals::prices::Prices;

use crate::{now, reported, run, span};

#[derive(Debug, Clone)]
struct Step {
    parent: usize,
    kind: usize,
    agent: Option<u8>,
    model: u8,
    tokens: Option<(u64, u64)>,
    cost: Option<u32>,
    after_minutes: i64,
}

fn step() -> impl Strategy<Value = Step> {
    (
        any::<usize>(),
        0..StepKind::ALL.len(),
        proptest::option::of(0u8..4),
        0u8..4,
        proptest::option::of((0u64..100_000, 0u64..10_000)),
        proptest::option::weighted(0.2, 0u32..1_000_000),
        0i64..3000,
    )
        .prop_map(|(parent, kind, agent, model, tokens, cost, after_minutes)| Step {
            parent,
            kind,
            agent,
            model,
            tokens,
            cost,
            after_minutes,
        })
}

fn spans(steps: &[Step]) -> Vec<Span> {
    let one = |(at, step): (usize, &Step)| {
        // Most parents exist; the first steps may be their own ancestors' siblings.
        let parent = (at > 0).then(|| (step.parent % at) as u64);
        let mut span = span(at as u64, parent, StepKind::ALL[step.kind]);
        span.agent = step.agent.map(|agent| format!("agent {agent}").into());
        span.model = ["gpt-4o", "gpt-4o-mini", "claude-haiku-4-5", "nobody-knows"]
            .get(usize::from(step.model))
            .map(|name| (*name).into());
        span.usage = match step.tokens {
            Some((input, output)) => {
                Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
            }
            None => Usage::default(),
        };
        span.start = now().plus_nanos(step.after_minutes * 60_000_000_000);
        span.end = span.start.plus_nanos(1_000_000_000);
        match step.cost {
            Some(cost) => reported(span, &format!("0.{cost:06}")),
            None => span,
        }
    };
    steps.iter().enumerate().map(one).collect()
}

fn ledger_of(steps: &[Step]) -> (model::Run, Ledger) {
    let resolved = run(spans(steps));
    let ledger = ledger::of(&resolved.run, &resolved.steps, &Prices::built_in(), |_| Some(Detail::default()));
    (resolved.run, ledger)
}

proptest! {
    #[test]
    fn the_ledger_adds_up_to_the_run_and_by_agent_to_each_agent(steps in proptest::collection::vec(step(), 1..40)) {
        let (run, ledger) = ledger_of(&steps);
        prop_assert_eq!(ledger.counted(), run.cost);
        for (node, agent) in run.agents.iter().enumerate() {
            let own = ledger.entries.iter().filter(|entry| entry.agent_node == Some(node)).filter_map(|entry| entry.counted());
            let own = own.fold(None, |sum: Option<Usd>, cost| Some(sum.unwrap_or_default().plus(cost)));
            prop_assert_eq!(own, agent.cost, "agent {}", agent.agent);
        }
        let outside = ledger.entries.iter().filter(|entry| entry.agent_node.is_none()).filter_map(|entry| entry.counted());
        let agents = run.agents.iter().filter_map(|agent| agent.cost);
        let sum = agents.chain(outside).fold(Usd::default(), Usd::plus);
        prop_assert_eq!(sum, run.cost.unwrap_or_default());
    }

    #[test]
    fn tokens_of_entries_add_up_to_the_runs(steps in proptest::collection::vec(step(), 1..40)) {
        let (run, ledger) = ledger_of(&steps);
        let mut sum = Usage::default();
        ledger.entries.iter().for_each(|entry| sum.add(&entry.usage()));
        prop_assert_eq!(sum.total_tokens().unwrap_or(0), run.usage.total_tokens().unwrap_or(0));
        prop_assert_eq!(sum.input_tokens, run.usage.input_tokens);
    }

    #[test]
    fn hours_add_up_to_days_and_to_the_run(steps in proptest::collection::vec(step(), 1..40)) {
        let (_, ledger) = ledger_of(&steps);
        let mut change = Change::default();
        change.add(&ledger, 1);
        let (mut by_day, mut entries_by_day) = (BTreeMap::new(), BTreeMap::new());
        for (key, sums) in &change.sums {
            prop_assert_eq!(key.hour, hour_of(key.hour));
            let day: &mut Usd = by_day.entry(day_of(key.hour)).or_default();
            *day = day.plus(sums.usd);
        }
        for entry in &ledger.entries {
            let day: &mut Usd = entries_by_day.entry(day_of(entry.at)).or_default();
            *day = day.plus(entry.cost.unwrap_or_default());
        }
        prop_assert_eq!(by_day, entries_by_day);
        prop_assert_eq!(change.sums.values().map(|sums| sums.calls).sum::<i64>(), ledger.entries.len() as i64);
    }

    #[test]
    fn replacing_a_ledger_by_itself_changes_no_sum(steps in proptest::collection::vec(step(), 1..40)) {
        let (_, ledger) = ledger_of(&steps);
        let mut change = Change::default();
        change.add(&ledger, -1);
        change.add(&ledger, 1);
        change.settle();
        prop_assert_eq!(change, Change::default());
    }

    #[test]
    fn pricing_again_with_the_same_prices_changes_nothing(steps in proptest::collection::vec(step(), 1..40)) {
        let (_, ledger) = ledger_of(&steps);
        let mut again = ledger.clone();
        again.entries.iter_mut().for_each(|entry| entry.reprice(&Prices::built_in()));
        prop_assert_eq!(again, ledger);
    }

    #[test]
    fn delegated_money_is_told_once_to_each_agent_above(steps in proptest::collection::vec(step(), 1..40)) {
        let (run, ledger) = ledger_of(&steps);
        let mut change = Change::default();
        change.add(&ledger, 1);
        for entry in &ledger.entries {
            let mut names: Vec<Arc<str>> = entry.above.clone();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), entry.above.len());
            prop_assert!(!entry.above.iter().any(|above| Some(above) == entry.agent.as_ref()));
        }
        // Nobody delegates more than the run cost.
        for usd in change.delegated.values() {
            prop_assert!(*usd <= run.cost.unwrap_or_default());
        }
    }
}
