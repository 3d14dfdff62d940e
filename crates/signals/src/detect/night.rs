//! The whole of detection over one run after another: detectors, baselines and drift, in the order they need one another.

use std::collections::BTreeMap;

use model::{Content, Finding, ResolvedStep, Run, Timestamp};

use super::baseline::{Baselines, Kind, learns_from};
use super::drift::{self, Watch};
use super::evidence::Evidence;
use super::features::features;
use super::outcomes::{Outcomes, Risk};
use super::suspicion::suspicion;
use super::{Settings, judge};

/// Name under which findings of drift go.
pub const DRIFT: &str = "drift";
/// Name under which silence of an agent goes.
pub const SILENCE: &str = "silence";
/// Kinds of runs whose streams are followed.
const MOST_WATCHES: usize = 256;
/// Quiet seconds that are never too long for an agent.
const SILENT_SECONDS: f64 = 600.0;

/// What detection goes by and what it has learned.
#[derive(Debug, Default)]
pub struct Night {
    /// Settings of detectors.
    pub settings: Settings,
    /// Declared outcomes and risks.
    pub outcomes: Outcomes,
    /// How watchful drift is.
    pub drift: drift::Settings,
    /// What was learned.
    pub baselines: Baselines,
    /// Streams by kind of run.
    pub watches: BTreeMap<String, Watch>,
}

/// What is said of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Kind of run it was compared with.
    pub kind: Kind,
    /// What was seen.
    pub findings: Vec<Finding>,
    /// How likely it failed without saying so; orders runs, has no unit.
    pub suspicion: f64,
    /// What it came to.
    pub outcome: Option<String>,
    /// The change that the run made certain.
    pub shift: Option<drift::Shift>,
}

impl Night {
    /// Judges a settled run and learns from it. `again` says that an earlier state of the run was judged: then nothing is learned twice.
    pub fn judge(
        &mut self,
        run: &Run,
        steps: &[ResolvedStep],
        contents: Vec<&Content>,
        now: Timestamp,
        again: bool,
    ) -> Verdict {
        let kind = Kind::of(run);
        let key = kind.key();
        let version = run.agent_version.as_deref().unwrap_or_default();
        let evidence = Evidence::new(run, steps, contents, now).against(self.baselines.of(&key, version));
        let outcome = self.outcomes.of(&evidence);
        let features = features(&evidence, outcome.as_deref());
        let mut findings = judge(&evidence, &self.settings);
        let suspicion = suspicion(&evidence, &features, &findings);
        let learns = !again && learns_from(run, &findings);
        let evidence = evidence.against(None);
        if learns {
            self.baselines.learn(&key, version, &evidence, &features);
        }
        let mut shift = None;
        let room = self.watches.len() < MOST_WATCHES || self.watches.contains_key(&key);
        if !again && room {
            shift = self.watches.entry(key).or_default().push(run, &features, &self.drift);
        }
        if let Some(shift) = &shift {
            let draft = shift.draft(|tool| self.outcomes.risk(tool) != Risk::Read);
            findings.push(draft.finding(DRIFT, run, None));
        }
        Verdict { kind, findings, suspicion, outcome, shift }
    }

    /// Kinds of runs that are quiet for far longer than they ever were, with the seconds.
    pub fn silent(&self, now: Timestamp) -> Vec<(String, f64)> {
        let quiet = |(kind, watch): (&'_ String, &Watch)| watch.silent(now, SILENT_SECONDS).map(|quiet| (kind.clone(), quiet));
        self.watches.iter().filter_map(quiet).collect()
    }
}
