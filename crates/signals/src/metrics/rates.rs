//! Rates of the last five minutes as gauges, for dashboards without a query language. Rules should use the counters behind them.

use model::Timestamp;

use super::bundle::{Bundle, Sums};
use super::exposed::{Exposed, SOURCE};
use super::family::{Kind, Label};
use super::id::Id;
use super::registry::Registry;

/// A gauge of the last five minutes, for every agent.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its label beside the agent.
    pub by: Option<Label>,
    pick: Pick,
}

/// How its values come about.
#[derive(Debug, Clone, Copy)]
enum Pick {
    One(fn(&Bundle) -> Option<f64>),
    /// By value of the label.
    Split(fn(&Sums<'_>) -> Vec<(String, f64)>),
}

const fn rate(name: &'static str, help: &'static str, pick: fn(&Bundle) -> Option<f64>) -> Rate {
    Rate { name, help, by: None, pick: Pick::One(pick) }
}

/// The gauges that dashboards ask for by these names.
pub const RATES: &[Rate] = &[
    Rate {
        name: "agent_task_completion_rate",
        help: "Runs that succeeded, of 1, in the last 5 minutes.",
        by: Some(Label::TaskType),
        pick: Pick::Split(|sums| {
            let succeeded = sums.by_where(Id::Requests, Label::TaskType, Some((Label::Status, "success")));
            let share = |(task, all)| {
                let share = succeeded.get(&task).copied().unwrap_or(0.0) / all;
                (task, share)
            };
            sums.by(Id::Requests, Label::TaskType).into_iter().map(share).collect()
        }),
    },
    Rate {
        name: "agent_cost_per_task_usd",
        help: "Mean cost of a run in US dollars by model, in the last 5 minutes; its sum over models is the whole.",
        by: Some(Label::Model),
        pick: Pick::Split(|sums| {
            let runs = sums.total(Id::Requests);
            let mean = |(model, cost)| (runs > 0.0).then(|| (model, cost / runs));
            sums.by(Id::Cost, Label::Model).into_iter().filter_map(mean).collect()
        }),
    },
    rate("agent_tool_call_success_rate", "Tool executions that did not fail, of 1, in the last 5 minutes.", |bundle| {
        bundle.agent.tool_call_success_rate
    }),
    rate("agent_user_feedback_score", "Positive feedback, of 1, in the last 5 minutes.", |bundle| {
        bundle.business.user_feedback_score
    }),
    rate("agent_latency_p99_ms", "99 of 100 runs are shorter, in milliseconds, in the last 5 minutes.", |bundle| {
        bundle.standard.latency_p99_ms
    }),
    rate("agent_model_latency_ms", "Mean length of a model call in milliseconds, in the last 5 minutes.", |bundle| {
        bundle.llm.model_latency_ms
    }),
    rate("agent_tokens_per_dollar", "Tokens for a dollar, in the last 5 minutes.", |bundle| {
        bundle.llm.tokens_per_dollar
    }),
    rate("agent_cost_per_1k_requests_usd", "Cost of a thousand runs in US dollars, in the last 5 minutes.", |bundle| {
        bundle.business.cost_per_1k_requests
    }),
    rate("agent_abandonment_rate", "Runs that were abandoned, of 1, in the last 5 minutes.", |bundle| {
        bundle.business.abandonment_rate
    }),
    rate("agent_retrieval_hit_rate", "Searches that found something, of 1, in the last 5 minutes.", |bundle| {
        bundle.agent.retrieval_hit_rate
    }),
];

/// The gauges, for every agent of every tenant that was counted in the window.
pub(super) fn rates(registry: &Registry, now: Timestamp) -> Vec<Exposed> {
    let mut rates: Vec<Exposed> = RATES.iter().map(|rate| Exposed::new(rate.name, Kind::Gauge, rate.help)).collect();
    for ([project, environment, agent], sums) in Sums::recent_by_agent(registry, now) {
        let bundle = sums.bundle();
        for (exposed, rate) in rates.iter_mut().zip(RATES) {
            let labels = [("project", &*project), ("environment", &environment), ("agent_id", &agent), SOURCE];
            match rate.pick {
                Pick::One(pick) => pick(&bundle).into_iter().for_each(|value| exposed.number(&labels, value)),
                Pick::Split(pick) => {
                    let names = rate.by.map_or(&[][..], Label::names);
                    for (of, value) in pick(&sums) {
                        let own = names.iter().map(|name| (*name, of.as_str()));
                        exposed.number(&labels.into_iter().chain(own).collect::<Vec<_>>(), value);
                    }
                }
            }
        }
    }
    rates.retain(|exposed| !exposed.points.is_empty());
    rates
}
