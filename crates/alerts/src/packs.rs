//! The rule packs that come with the program. Their files are in `rules/` of the repository, as users would write them.

/// A pack of rules.
#[derive(Debug, Clone, Copy)]
pub struct Pack {
    /// Name, by which it is switched on.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Whether it is on where nothing is said.
    pub on_by_default: bool,
    /// Files: name and text.
    pub files: &'static [(&'static str, &'static str)],
}

/// Every pack.
pub const PACKS: &[Pack] = &[
    Pack {
        name: "watch",
        about: "the night watch: the guides' rules under their names and with their thresholds, repaired",
        on_by_default: true,
        files: &[
            ("watch/agents.yml", include_str!("../../../rules/watch/agents.yml")),
            ("watch/costs.yml", include_str!("../../../rules/watch/costs.yml")),
            ("watch/findings.yml", include_str!("../../../rules/watch/findings.yml")),
        ],
    },
    Pack {
        name: "checklist",
        about: "the production monitoring checklist: a recording rule for each row, an alert for each threshold",
        on_by_default: false,
        files: &[("checklist/checklist.yml", include_str!("../../../rules/checklist/checklist.yml"))],
    },
    Pack {
        name: "seeds",
        about: "the rules of four guides as printed, several of which never fire or always do",
        on_by_default: false,
        files: &[
            ("seeds/a.yml", include_str!("../../../rules/seeds/a.yml")),
            ("seeds/c.yml", include_str!("../../../rules/seeds/c.yml")),
            ("seeds/d.yml", include_str!("../../../rules/seeds/d.yml")),
            ("seeds/e.yml", include_str!("../../../rules/seeds/e.yml")),
        ],
    },
];

/// A pack by name.
pub fn pack(name: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.name == name)
}

macro_rules! runbooks {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../docs/runbooks/", $name, ".md")))),*]
    };
}

/// Pages that say what to do, by the name of the alert.
pub const RUNBOOKS: &[(&str, &str)] = runbooks! {
    "high_failure_rate"
    "AgentHighErrorRate"
    "AgentErrorRateSpike"
    "WorkflowErrorRate"
    "AgentLLMHighErrorRate"
    "AgentCompositeDegradation"
    "AgentToolCallFailureSpike"
    "AgentToolHighFailureRate"
    "AgentToolSelectionDrift"
    "llm_latency_spike"
    "AgentLatencyDegraded"
    "AgentP99LatencySpike"
    "AgentWorkflowSlowResponse"
    "WorkflowP95Latency"
    "workflow_stuck"
    "AgentWorkflowStuck"
    "WorkflowActiveExecutions"
    "WorkflowQueueDepth"
    "cost_spike"
    "AgentTokenBudgetBreach"
    "AgentTokenCostSpike"
    "AgentTokenBudgetExceeded"
    "AgentHallucinationTrend"
    "AgentQuiet"
    "AgentToolQuiet"
    "CostHourlyBurnHigh"
    "CostAgentShareHigh"
    "CostRunFarAboveItsKind"
    "CostPerRunHigh"
    "CostDailyHigh"
    "CostForecastHigh"
    "BudgetMostlyUsed"
    "BudgetUsedUp"
    "SlaErrorBudgetBurnsFast"
    "SlaErrorBudgetBurns"
    "TelemetryQuiet"
    "InstrumentationQuiet"
    "AgentIssueOpened"
    "AgentIssueNoticed"
    "AgentDrift"
    "AgentFindingsFrequent"
    "AgentSilent"
    "ChecklistLatencyP95"
    "ChecklistLatencyP99"
    "ChecklistLlmLatency"
    "ChecklistInputTokens"
    "ChecklistOutputTokens"
    "ChecklistContextWindow"
    "ChecklistCostPerRun"
    "ChecklistHourlyBurn"
    "ChecklistCostShare"
    "ChecklistLlmErrors"
    "ChecklistToolFailures"
    "ChecklistParseFailures"
    "ChecklistLoopCount"
    "ChecklistToolDistribution"
    "ChecklistFallbacks"
    "ChecklistRetrievalHits"
    "ChecklistFeedback"
    "ChecklistHallucinations"
};

/// The page of an alert.
pub fn runbook(name: &str) -> Option<&'static str> {
    RUNBOOKS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
