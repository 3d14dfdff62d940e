//! What a run came to, declared in a file; and which tools are dangerous.
//!
//! ```toml
//! [tools]                         # read, write or high-risk; by name otherwise
//! process_refund = "high-risk"
//!
//! [[workflow]]
//! name = "refund*"                # workflow, task type or agent
//!
//! [[workflow.outcome]]            # the first that fits
//! name = "refunded"
//! tool = "process_refund"         # it succeeded, as the last tool that changed something
//!
//! [[workflow.outcome]]
//! name = "denied"
//! json = "decision.verdict"       # path into the answer, or into the last tool's result
//! equals = "denied"
//!
//! [[workflow.outcome]]
//! name = "escalated"
//! pattern = "(?i)human agent"     # regular expression over the answer
//!
//! [[workflow.outcome]]
//! name = "resolved"
//! label = "resolved"              # outcome or tag that the sender gave
//! ```
//!
//! A run of such a workflow that comes to none of them is `other`, so that an outcome that nothing comes to any more is a change.
//!
//! Where no file names a workflow, an outcome that the sender gave counts, else the last successful tool that changed something: both are
//! watched for drift from the first day.

use std::collections::BTreeMap;

use model::Run;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;

use super::checks::changes_something;
use super::evidence::Evidence;
use super::text;

/// What a run came to whose workflow declares outcomes, none of which fits.
pub const OTHER: &str = "other";

/// What a tool may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
    /// It changes something that matters: money, access, other people.
    HighRisk,
}

/// Why a file of outcomes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// Not TOML, or not of this form.
    #[error("cannot read the outcomes file: {0}")]
    Form(#[from] toml::de::Error),
    /// A pattern is no regular expression.
    #[error("outcome `{name}`: {source}")]
    Pattern {
        /// The outcome.
        name: String,
        /// What is wrong.
        source: Box<regex::Error>,
    },
    /// Nothing says when the outcome holds, or more than one thing does.
    #[error("outcome `{0}`: give one of `tool`, `json`, `pattern` or `label`")]
    How(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tools: BTreeMap<String, Risk>,
    #[serde(default)]
    workflow: Vec<WorkflowForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowForm {
    name: String,
    #[serde(default)]
    outcome: Vec<OutcomeForm>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeForm {
    name: String,
    tool: Option<String>,
    json: Option<String>,
    equals: Option<toml::Value>,
    pattern: Option<String>,
    label: Option<String>,
}

#[derive(Debug, Clone)]
enum How {
    Tool(String),
    Json { path: Vec<String>, equals: Option<String> },
    Pattern(Regex),
    Label(String),
}

/// Outcomes and risk classes.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    tools: BTreeMap<String, Risk>,
    workflows: Vec<(String, Vec<(String, How)>)>,
}

impl Outcomes {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not of the form above.
    pub fn parse(text: &str) -> Result<Self, OutcomeError> {
        let file: File = toml::from_str(text)?;
        let mut workflows = Vec::new();
        for workflow in file.workflow {
            let mut outcomes = Vec::new();
            for form in workflow.outcome {
                outcomes.push((form.name.clone(), how(form)?));
            }
            workflows.push((workflow.name, outcomes));
        }
        Ok(Self { tools: file.tools, workflows })
    }

    /// What a tool may do: as declared, else by its name.
    pub fn risk(&self, tool: &str) -> Risk {
        let by_name = || if changes_something(tool) { Risk::Write } else { Risk::Read };
        self.tools.get(tool).copied().unwrap_or_else(by_name)
    }

    /// Whether a change in the use of a tool is to wake somebody: a tool that is declared as high-risk, or of which nothing is declared
    /// and whose name says that it changes something.
    pub fn wakes(&self, tool: &str) -> bool {
        self.tools.get(tool).map_or_else(|| changes_something(tool), |risk| *risk == Risk::HighRisk)
    }

    /// What a run came to.
    pub fn of(&self, evidence: &Evidence<'_>) -> Option<String> {
        let run = evidence.run;
        if let Some((_, outcomes)) = self.workflows.iter().find(|(name, _)| names(run, name)) {
            let fits = outcomes.iter().find(|(_, how)| how.holds(evidence, self));
            let other = || (!outcomes.is_empty()).then(|| OTHER.to_owned());
            return fits.map(|(name, _)| name.clone()).or_else(other);
        }
        let writes = |name: &str| self.risk(name) != Risk::Read;
        let last = evidence.calls.iter().rev().find(|call| !call.state.is_failure() && writes(call.name));
        run.outcome.as_deref().or(last.map(|call| call.name)).map(str::to_owned)
    }
}

fn how(form: OutcomeForm) -> Result<How, OutcomeError> {
    let given = [form.tool.is_some(), form.json.is_some(), form.pattern.is_some(), form.label.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(OutcomeError::How(form.name));
    }
    Ok(match form {
        OutcomeForm { tool: Some(tool), .. } => How::Tool(tool),
        OutcomeForm { json: Some(path), equals, .. } => {
            let plain = |value: toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            How::Json {
                path: path.trim_start_matches("$.").split('.').map(str::to_owned).collect(),
                equals: equals.map(plain),
            }
        }
        OutcomeForm { pattern: Some(pattern), name, .. } => How::Pattern(
            Regex::new(&pattern).map_err(|source| OutcomeError::Pattern { name, source: Box::new(source) })?,
        ),
        OutcomeForm { label, .. } => How::Label(label.unwrap_or_default()),
    })
}

fn names(run: &Run, name: &str) -> bool {
    let candidates = [run.workflow.as_deref(), run.query_type.as_deref(), run.agent.as_deref()];
    candidates.into_iter().flatten().any(|found| match name.strip_suffix('*') {
        Some(prefix) => found.starts_with(prefix),
        None => found == name,
    })
}

impl How {
    fn holds(&self, evidence: &Evidence<'_>, outcomes: &Outcomes) -> bool {
        let worked = || evidence.calls.iter().rev().filter(|call| !call.state.is_failure());
        match self {
            Self::Tool(tool) => {
                let last = worked().find(|call| outcomes.risk(call.name) != Risk::Read || call.name == tool);
                last.is_some_and(|call| call.name == tool)
            }
            Self::Json { path, equals } => {
                let answer =
                    evidence.answer.as_ref().and_then(|answer| serde_json::from_str::<Json>(answer.text.trim()).ok());
                let result = worked().find_map(|call| call.result);
                [answer.as_ref(), result].into_iter().flatten().any(|value| {
                    let found = path.iter().try_fold(value, |value, name| match value {
                        Json::Array(items) => items.get(name.parse::<usize>().ok()?),
                        other => other.get(name),
                    });
                    found.is_some_and(|found| {
                        equals.as_ref().is_none_or(|wanted| text::as_text(found) == wanted.as_str())
                    })
                })
            }
            Self::Pattern(pattern) => evidence.answer.as_ref().is_some_and(|answer| pattern.is_match(&answer.text)),
            Self::Label(label) => {
                evidence.run.outcome.as_deref() == Some(label) || evidence.run.tags.iter().any(|tag| **tag == **label)
            }
        }
    }
}
