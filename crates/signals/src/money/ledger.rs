//! The ledger of a run: every counted cost once, with where it comes from.
//!
//! [`of`] walks the steps of a resolved run. A step gets an entry when its tokens or its cost are part of the run's totals
//! (`runs::counting` decides that, so the ledger and the run cannot disagree), or when it is a model call that sent no counts and
//! whose tokens can be guessed from what was said. So:
//!
//! * the entries' costs without those guesses add up to the run's cost, and by agent to each agent's;
//! * a parent's total is an entry (`aggregated`) only where nothing below it tells a cost;
//! * a call without a price is an entry with its tokens and no cost, never one that cost 0.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{Billing, CostSource, ResolvedStep, Run, Span, SpanId, SpanStatus, StepKind, Tenant, Timestamp, TraceId};
use model::{Usage, Usd};

use crate::prices::{Call, Priced, Pricer, Prices, Why, moment};

/// Characters a token stands for where nobody counted (OpenAI's help pages: "1 token ~= 4 chars in English").
pub const CHARS_PER_TOKEN: u64 = 4;
/// Agents above a call that it is told to, nearest first; deeper nesting is cut.
pub const MAX_ABOVE: usize = 16;

/// What the raw attributes of a step say beyond the narrow span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// What changes its price.
    pub billing: Billing,
    /// Characters sent and received; asked for only where a model call has no token counts.
    pub said: Option<(u64, u64)>,
}

/// Where an entry's cost comes from, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// The client sent it with the call.
    Reported,
    /// Tokens times a row's prices.
    Computed(Arc<str>),
    /// The client sent it for a step above calls that tell none.
    Aggregated,
    /// Guessed: from which row, and what was guessed.
    Estimated(Arc<str>, Why),
    /// No row holds for the model.
    UnknownModel,
    /// The counts do not say what was input and what output: it cost between the two.
    Uncertain {
        /// No less than this.
        least: Usd,
        /// No more than this, where that is known.
        most: Option<Usd>,
    },
    /// Another entry tells its cost: a total above it, the calls below it, or the other telling of the same call.
    Elsewhere,
    /// The tokens are told by a step that calls no model, so nobody knows at whose prices.
    NoCall,
}

impl Basis {
    /// The word used in the API and in storage.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Computed(_) => "computed",
            Self::Aggregated => "aggregated",
            Self::Estimated(..) => "estimated",
            Self::UnknownModel => "unknown_model",
            Self::Uncertain { .. } => "uncertain",
            Self::Elsewhere => "elsewhere",
            Self::NoCall => "no_call",
        }
    }

    /// The price row, for costs that Tawny made.
    pub const fn row(&self) -> Option<&Arc<str>> {
        match self {
            Self::Computed(row) | Self::Estimated(row, _) => Some(row),
            _ => None,
        }
    }

    /// Why it is an estimate, where it is one.
    pub const fn why(&self) -> Option<Why> {
        match self {
            Self::Estimated(_, why) => Some(*why),
            _ => None,
        }
    }

    /// Whether new prices may change it: what a client reported stays.
    pub const fn is_ours(&self) -> bool {
        !matches!(self, Self::Reported | Self::Aggregated | Self::Elsewhere | Self::NoCall)
    }
}

/// One cost, and who caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The step.
    pub span_id: SpanId,
    /// When the call began: its prices and its hour go by this.
    pub at: Timestamp,
    /// Agent that made the call.
    pub agent: Option<Arc<str>>,
    /// Position of that agent in [`Run::agents`].
    pub agent_node: Option<usize>,
    /// Other agents that had delegated the work, nearest first.
    pub above: Vec<Arc<str>>,
    /// Tool inside of which the call was made.
    pub tool: Option<Arc<str>>,
    /// Model that answered, else the one asked for.
    pub model: Option<Arc<str>>,
    /// Model asked for, where it differs.
    pub request_model: Option<Arc<str>>,
    /// Who served it.
    pub provider: Option<Arc<str>>,
    /// Tokens as finely as prices tell them apart: those that the cost goes by.
    pub call: Call,
    /// Whether the run's tokens are made of them; not on an entry that only tells a cost.
    pub tells_tokens: bool,
    /// What it cost, where known or guessed.
    pub cost: Option<Usd>,
    /// How that is known.
    pub basis: Basis,
    /// The budget reservation it was made under.
    pub reservation: Option<Arc<str>>,
}

impl Entry {
    /// The tokens that are part of the run's.
    pub fn usage(&self) -> Usage {
        if self.tells_tokens { self.call.usage } else { Usage::default() }
    }

    /// The part of the run's cost that this entry is: what was guessed from text is not.
    pub fn counted(&self) -> Option<Usd> {
        self.cost.filter(|_| !self.is_guess())
    }

    /// Whether the tokens themselves were guessed.
    pub fn is_guess(&self) -> bool {
        self.basis.why() == Some(Why::NoCounts)
    }

    /// Whether nobody knows what its tokens cost.
    pub fn is_unpriced(&self) -> bool {
        self.cost.is_none() && self.basis != Basis::Elsewhere
    }

    /// The same entry with today's prices. Doing it again changes nothing.
    pub fn reprice(&mut self, prices: &Prices) {
        if !self.basis.is_ours() {
            return;
        }
        let guess = self.is_guess();
        let priced = prices.cost_of(&self.call, self.provider.as_deref(), &self.models(), self.at);
        (self.cost, self.basis) = judged(priced, guess);
    }

    /// What the same tokens would cost as another model; `None` where there are no tokens, or nobody knows.
    pub fn cost_as(&self, prices: &Prices, model: &str) -> Option<Usd> {
        prices.cost_of(&self.call, None, &[model], self.at).usd()
    }

    fn models(&self) -> Vec<&str> {
        self.model.as_deref().into_iter().chain(self.request_model.as_deref()).collect()
    }
}

/// All entries of a run, with what they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    /// Whose run.
    pub tenant: Tenant,
    /// The run.
    pub trace_id: TraceId,
    /// Workflow, else the run's name.
    pub workflow: Arc<str>,
    /// Conversation.
    pub session_id: Option<Arc<str>>,
    /// End user.
    pub user_id: Option<Arc<str>>,
    /// Version of agent or service.
    pub agent_version: Option<Arc<str>>,
    /// The entries, in the order of the run's steps.
    pub entries: Vec<Entry>,
}

impl Ledger {
    /// What the run cost as its totals say it: guesses are left out; `None` where nothing is known.
    pub fn counted(&self) -> Option<Usd> {
        sum(self.entries.iter().filter_map(Entry::counted))
    }

    /// What calls without counts cost by a guess.
    pub fn guessed(&self) -> Option<Usd> {
        sum(self.entries.iter().filter(|entry| entry.is_guess()).filter_map(|entry| entry.cost))
    }
}

fn sum(costs: impl Iterator<Item = Usd>) -> Option<Usd> {
    costs.fold(None, |sum, cost| Some(sum.unwrap_or_default().plus(cost)))
}

/// The ledger of a resolved run. `detail` tells of a step what only its raw attributes know; where it is not known, a cost computed
/// at the door is taken as it is.
pub fn of(
    run: &Run,
    steps: &[ResolvedStep],
    prices: &Prices,
    mut detail: impl FnMut(&ResolvedStep) -> Option<Detail>,
) -> Ledger {
    let tools = tools_above(steps);
    let mut pricer = prices.pricer();
    let mut entries = Vec::new();
    // Steps at or below a step whose cost is part of the totals: what tells none there is in that.
    let mut covered: HashSet<SpanId> = HashSet::new();
    for (at, step) in steps.iter().enumerate() {
        let tells_cost = step.cost_counted && step.span.cost.is_some();
        let is_covered = step.shown_parent.is_some_and(|parent| covered.contains(&parent));
        if tells_cost || is_covered {
            covered.insert(step.span.span_id);
        }
        let told = step.counted || tells_cost;
        if !told && (is_covered || !(is_silent(step) || is_unpriced_reranker(step))) {
            continue;
        }
        let detail = detail(step);
        let Some((call, cost, basis)) = bill(step, is_covered, detail.as_ref(), &mut pricer) else { continue };
        let span = &step.span;
        entries.push(Entry {
            span_id: span.span_id,
            at: moment(span),
            agent: step.agent_node.and_then(|node| run.agents.get(node)).map(|node| node.agent.clone()),
            agent_node: step.agent_node,
            above: above(run, step.agent_node),
            tool: tools[at].clone(),
            model: span.model.clone(),
            request_model: span.request_model.clone().filter(|asked| Some(asked) != span.model.as_ref()),
            provider: span.provider.clone(),
            call,
            tells_tokens: step.counted || is_silent(step),
            cost,
            basis,
            reservation: detail.and_then(|detail| detail.billing.reservation),
        });
    }
    Ledger {
        tenant: run.tenant.clone(),
        trace_id: run.trace_id,
        workflow: run.workflow.clone().unwrap_or_else(|| run.name.clone()),
        session_id: run.session_id.clone(),
        user_id: run.user_id.clone(),
        agent_version: run.agent_version.clone(),
        entries,
    }
}

/// A model call that was answered and of which nobody sent counts or a cost: a stream whose client did not ask for usage.
pub fn is_silent(step: &ResolvedStep) -> bool {
    let span = &step.span;
    step.call && span.status == SpanStatus::Ok && span.usage.is_empty() && span.cost.is_none()
}

/// Tokens, cost and where that is from; `None` where nothing can be said.
fn bill(
    step: &ResolvedStep,
    is_covered: bool,
    detail: Option<&Detail>,
    pricer: &mut Pricer<'_>,
) -> Option<(Call, Option<Usd>, Basis)> {
    let span = &step.span;
    let nothing = Billing::default();
    let billing = detail.map_or(&nothing, |detail| &detail.billing);
    if is_silent(step) {
        let (sent, received) = detail?.said.filter(|(sent, received)| sent + received > 0)?;
        let usage = Usage {
            input_tokens: Some(sent.div_ceil(CHARS_PER_TOKEN)),
            output_tokens: Some(received.div_ceil(CHARS_PER_TOKEN)),
            ..Usage::default()
        };
        let call = Call::new(usage, billing);
        let (cost, basis) = judged(pricer.cost_of(&call, span), true);
        return Some((call, cost, basis));
    }
    let call = Call::new(span.usage, billing);
    let cost = span.cost.filter(|_| step.cost_counted);
    let mut priced = || judged(pricer.cost(span, billing), false);
    let (cost, basis) = match (cost, span.cost_source) {
        // Prices may have changed since the door: amount and row are to be of one moment.
        (Some(at_the_door), Some(CostSource::Computed | CostSource::Estimated)) => match priced() {
            (Some(usd), basis) => (Some(if detail.is_some() { usd } else { at_the_door }), basis),
            (None, _) => (Some(at_the_door), Basis::Computed("".into())),
        },
        (Some(cost), _) if is_call(span) => (Some(cost), Basis::Reported),
        (Some(cost), _) => (Some(cost), Basis::Aggregated),
        (None, _) if is_covered || !step.cost_counted => (None, Basis::Elsewhere),
        (None, _) if !is_call(span) => (None, Basis::NoCall),
        (None, _) => priced(),
    };
    Some((call, cost, basis))
}

/// A reranker's tokens are no part of the run's, but they cost money.
fn is_unpriced_reranker(step: &ResolvedStep) -> bool {
    step.span.kind == StepKind::Reranker && step.cost_counted && !step.span.usage.is_empty()
}

fn is_call(span: &Span) -> bool {
    matches!(span.kind, StepKind::Llm | StepKind::Embedding | StepKind::Reranker)
}

/// Cost and basis of what the price table says.
fn judged(priced: Priced, guess: bool) -> (Option<Usd>, Basis) {
    let cost = priced.usd();
    let basis = match priced {
        Priced::Computed { row, .. } if guess => Basis::Estimated(row, Why::NoCounts),
        Priced::Estimated { row, .. } if guess => Basis::Estimated(row, Why::NoCounts),
        Priced::Computed { row, .. } => Basis::Computed(row),
        Priced::Estimated { row, why, .. } => Basis::Estimated(row, why),
        Priced::Uncertain { least, most, .. } => Basis::Uncertain { least, most },
        Priced::Reported(_) => Basis::Reported,
        Priced::UnknownModel | Priced::NoUsage => Basis::UnknownModel,
    };
    (cost, basis)
}

/// For every step the tool it happened inside of.
fn tools_above(steps: &[ResolvedStep]) -> Vec<Option<Arc<str>>> {
    let mut of: HashMap<SpanId, Option<Arc<str>>> = HashMap::with_capacity(steps.len());
    // Parents come before children.
    let list = steps.iter().map(|step| {
        let above = step.shown_parent.and_then(|parent| of.get(&parent).cloned()).flatten();
        let span = &step.span;
        let below = match span.kind {
            StepKind::Tool => Some(span.tool_name.clone().unwrap_or_else(|| span.name.clone())),
            _ => above.clone(),
        };
        of.insert(span.span_id, below);
        above
    });
    list.collect()
}

/// Names of the agents above an agent, nearest first, each once and never its own.
fn above(run: &Run, node: Option<usize>) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let Some(own) = node.and_then(|node| run.agents.get(node)) else { return names };
    let mut next = own.parent;
    while let Some(node) = next.and_then(|at| run.agents.get(at)).filter(|_| names.len() < MAX_ABOVE) {
        if node.agent != own.agent && !names.contains(&node.agent) {
            names.push(node.agent.clone());
        }
        next = node.parent;
    }
    names
}
