//! Service levels: what a workflow promises, and whether a run kept it.
//!
//! The file is described in `docs/sla.md`. Attainment is the share of runs that kept the promise; the error budget is what the target
//! leaves (1 % for 0.99), and the burn rate says how many times faster than evenly it is used up.

use std::sync::Arc;

use model::{Run, RunStatus, Usd};
use serde::Deserialize;
use toml::Spanned;

use super::dollars::Dollars;
use crate::FileError;
use crate::file_error::Reader;

/// Largest file read, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Most promises of a file.
pub const MAX_PROMISES: usize = 256;
/// Share of runs that keep the promise, where the file names none.
pub const DEFAULT_TARGET: f64 = 0.99;
/// Days over which attainment is counted, where the file names none.
pub const DEFAULT_DAYS: u32 = 30;

/// What a workflow promises of each run.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The workflow; the run's name for runs without one.
    pub workflow: Arc<str>,
    /// Longest duration.
    pub latency_seconds: Option<f64>,
    /// Most tokens, in and out.
    pub tokens: Option<u64>,
    /// Most money.
    pub usd: Option<Usd>,
    /// Most steps.
    pub steps: Option<u32>,
    /// The run must not fail.
    pub success: bool,
    /// Share of runs that is to keep all of this.
    pub target: f64,
    /// Days over which that is counted.
    pub days: u32,
}

/// All promises of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Promises {
    /// In the order of the file.
    pub list: Vec<Promise>,
}

/// What of a promise was not kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// `latency`, `tokens`, `cost`, `steps` or `success`.
    pub objective: &'static str,
    /// What was promised, with its unit.
    pub promised: String,
    /// What came of it.
    pub was: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sla: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    workflow: Spanned<String>,
    latency_seconds: Option<Spanned<f64>>,
    tokens: Option<u64>,
    usd: Option<Dollars>,
    steps: Option<u32>,
    #[serde(default)]
    success: bool,
    target: Option<Spanned<f64>>,
    days: Option<Spanned<u32>>,
}

impl Promises {
    /// Reads a file's text. `file` is how errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let reader = Reader { what: "service levels", file, text };
        let parsed: File = reader.parse(MAX_FILE_BYTES)?;
        if parsed.sla.len() > MAX_PROMISES {
            return Err(reader.fail(None, format!("cannot have more than {MAX_PROMISES} of them")));
        }
        let mut list: Vec<Promise> = Vec::with_capacity(parsed.sla.len());
        for spanned in &parsed.sla {
            let entry = spanned.get_ref();
            let name = entry.workflow.get_ref().trim();
            if name.is_empty() {
                return Err(reader.fail(Some(entry.workflow.span()), "cannot be empty"));
            }
            if list.iter().any(|other| *other.workflow == *name) {
                let message = format!("`{name}` has a service level already");
                return Err(reader.fail(Some(entry.workflow.span()), message));
            }
            if let Some(seconds) = entry.latency_seconds.as_ref().filter(|seconds| !positive(*seconds.get_ref())) {
                return Err(reader.fail(Some(seconds.span()), "must be more than 0"));
            }
            if let Some(target) = entry.target.as_ref().filter(|target| !(0.0..1.0).contains(target.get_ref())) {
                let message = "must be at least 0 and less than 1, such as 0.99: a target of 1 leaves no error budget";
                return Err(reader.fail(Some(target.span()), message));
            }
            if let Some(days) = entry.days.as_ref().filter(|days| !(1..=366).contains(days.get_ref())) {
                return Err(reader.fail(Some(days.span()), "must be from 1 to 366"));
            }
            let promise = Promise {
                workflow: name.into(),
                latency_seconds: entry.latency_seconds.as_ref().map(|seconds| *seconds.get_ref()),
                tokens: entry.tokens,
                usd: entry.usd.map(|dollars| dollars.0),
                steps: entry.steps,
                success: entry.success,
                target: entry.target.as_ref().map_or(DEFAULT_TARGET, |target| *target.get_ref()),
                days: entry.days.as_ref().map_or(DEFAULT_DAYS, |days| *days.get_ref()),
            };
            if promise.objectives().is_empty() {
                let message = "promises nothing; name one of latency_seconds, tokens, usd, steps, success";
                return Err(reader.fail(Some(spanned.span()), message));
            }
            list.push(promise);
        }
        Ok(Self { list })
    }

    /// The promise that holds for a run.
    pub fn of(&self, run: &Run) -> Option<&Promise> {
        let workflow = run.workflow.as_ref().unwrap_or(&run.name);
        self.list.iter().find(|promise| promise.workflow == *workflow)
    }
}

fn positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

impl Promise {
    /// What is promised, in words of [`Breach::objective`].
    pub fn objectives(&self) -> Vec<&'static str> {
        let named = [
            ("latency", self.latency_seconds.is_some()),
            ("tokens", self.tokens.is_some()),
            ("cost", self.usd.is_some()),
            ("steps", self.steps.is_some()),
            ("success", self.success),
        ];
        named.into_iter().filter(|(_, promised)| *promised).map(|(objective, _)| objective).collect()
    }

    /// What of it a run did not keep. Unknown tokens and an unknown cost break no promise.
    pub fn breaches(&self, run: &Run) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let mut breach = |objective, promised: String, was: String| breaches.push(Breach { objective, promised, was });
        let seconds = run.duration_ms / 1000.0;
        if let Some(most) = self.latency_seconds.filter(|most| seconds > *most) {
            breach("latency", format!("{most} s"), format!("{seconds:.1} s"));
        }
        if let (Some(most), Some(tokens)) = (self.tokens, run.usage.total_tokens())
            && tokens > most
        {
            breach("tokens", most.to_string(), tokens.to_string());
        }
        if let (Some(most), Some(cost)) = (self.usd, run.cost)
            && cost > most
        {
            breach("cost", format!("${most}"), format!("${cost}"));
        }
        let steps = run.kinds.total();
        if let Some(most) = self.steps.filter(|most| steps > *most) {
            breach("steps", most.to_string(), steps.to_string());
        }
        if self.success && matches!(run.status, RunStatus::Error | RunStatus::Abandoned) {
            breach("success", "ok".into(), run.status.to_string());
        }
        breaches
    }
}

/// Runs of a time, and how many kept what was promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// All of them.
    pub runs: u64,
    /// Those that kept the promise.
    pub good: u64,
}

impl Kept {
    /// Share of runs that kept it; `None` without runs.
    pub fn attainment(self) -> Option<f64> {
        (self.runs > 0).then(|| self.good as f64 / self.runs as f64)
    }

    /// Share of the error budget that is left: 1 untouched, 0 used up, negative overdrawn; `None` without runs.
    pub fn budget_left(self, target: f64) -> Option<f64> {
        Some(1.0 - self.burn_rate(target)?)
    }

    /// How many times faster than evenly the error budget is used up: 1 uses it up exactly at the end of the window.
    pub fn burn_rate(self, target: f64) -> Option<f64> {
        Some((1.0 - self.attainment()?) / (1.0 - target))
    }
}
