//! Incidents: what goes wrong in the demo, as functions over the plan of a run.
//!
//! An incident begins at a moment and changes the runs of one industry from then on. It changes what the agents do, never marks
//! what it changed: no attribute, name or time tells a changed run from another one but by what happened in it.

mod change;

use std::fmt;
use std::str::FromStr;

use crate::industries::Industry;
use crate::plan::Plan;
use crate::random::Random;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Incident {
    /// The refund agent ends every request with "unable to process", every call succeeds.
    WrongTool,
    /// After a reindex the lending desk finds outdated criteria, and no loan is approved any more.
    OutdatedDocument,
    /// An agent asks the same question again and again.
    RunawayLoop,
    /// A tool takes fifteen seconds.
    SlowTool,
    /// A tool renames an argument; the agent goes on with the old name.
    SchemaChange,
    /// The search finds nothing, and the agent answers all the same.
    RetrievalMiss,
    /// The conversation outgrows the model's window.
    ContextOverflow,
    /// Answers become shorter with every run.
    ShrinkingAnswers,
    /// Texts that customers send make the agent ramble.
    PromptInjection,
    /// The provider of the model is down.
    ProviderOutage,
    /// Each call sends several times the tokens.
    CostSpike,
    /// The provider answers with another model than before.
    ModelSwap,
}

/// Incident, name, industry, description.
const TABLE: &[(Incident, &str, Industry, &str)] = &[
    (
        Incident::WrongTool,
        "wrong-tool",
        Industry::Commerce,
        "refunds are answered with `unable to process`, every call succeeds",
    ),
    (
        Incident::OutdatedDocument,
        "outdated-document",
        Industry::Finance,
        "a reindex brings back old lending criteria, no loan is approved any more",
    ),
    (Incident::RunawayLoop, "runaway-loop", Industry::DevOps, "the agent repeats one call"),
    (Incident::SlowTool, "slow-tool", Industry::Commerce, "calculate_price takes 15 seconds"),
    (Incident::SchemaChange, "schema-change", Industry::Finance, "a tool renames an argument, the agent does not"),
    (
        Incident::RetrievalMiss,
        "retrieval-miss",
        Industry::Healthcare,
        "the index is empty, the agent answers all the same",
    ),
    (Incident::ContextOverflow, "context-overflow", Industry::Legal, "conversations outgrow the model's window"),
    (Incident::ShrinkingAnswers, "shrinking-answers", Industry::Education, "answers become shorter with every run"),
    (Incident::PromptInjection, "prompt-injection", Industry::Commerce, "injected instructions make answers very long"),
    (Incident::ProviderOutage, "provider-outage", Industry::Education, "the model's provider is down"),
    (Incident::CostSpike, "cost-spike", Industry::Finance, "each call sends four times the tokens"),
    (Incident::ModelSwap, "model-swap", Industry::Education, "the provider answers with another model"),
];

impl Incident {
    /// Every incident.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    fn row(self) -> &'static (Self, &'static str, Industry, &'static str) {
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[0])
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Whose agents it hits.
    pub fn industry(self) -> Industry {
        self.row().2
    }

    /// What happens, in a few words.
    pub fn about(self) -> &'static str {
        self.row().3
    }

    /// Changes a run of its industry; `since` counts the runs of that industry since the incident began, from 0.
    pub fn change(self, plan: &mut Plan, since: u64) {
        if plan.industry != self.industry() {
            return;
        }
        // A draw of the run's own, so that the runs after it stay as they were.
        let bytes: [u8; 8] = std::array::from_fn(|at| plan.trace_id.as_bytes()[at]);
        let random = Random::new(u64::from_le_bytes(bytes));
        match self {
            Self::WrongTool => change::wrong_tool(plan),
            Self::OutdatedDocument => change::outdated_document(plan),
            Self::RunawayLoop => change::runaway_loop(plan, &random),
            Self::SlowTool => change::slow_tool(plan, "calculate_price", &random),
            Self::SchemaChange => change::schema_change(plan, "customer_profile", "customer", "customer_id"),
            Self::RetrievalMiss => change::retrieval_miss(plan),
            Self::ContextOverflow => change::context_overflow(plan, &random),
            Self::ShrinkingAnswers => change::shrinking_answers(plan, since),
            Self::PromptInjection => change::prompt_injection(plan, &random),
            Self::ProviderOutage => change::provider_outage(plan, &random),
            Self::CostSpike => change::cost_spike(plan),
            Self::ModelSwap => change::model_swap(plan, &random),
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Incident {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        let names: Vec<&str> = TABLE.iter().map(|row| row.1).collect();
        let found = TABLE.iter().find(|row| row.1 == name).map(|row| row.0);
        found.ok_or_else(|| format!("there is no incident `{name}`; there are {}", names.join(", ")))
    }
}
