//! The whole of detection over one run after another: detectors, baselines and drift, in the order they need one another.

use std::collections::BTreeMap;

use model::{Content, Finding, ResolvedStep, Run, Severity, Timestamp, TraceId};
use serde_json::{Map, json};

use super::baseline::{Baselines, Kind, learns_from, stalest};
use super::drift::{self, Watch};
use super::evidence::Evidence;
use super::features::features;
use super::meaning::Meaning;
use super::outcomes::Outcomes;
use super::pulse::Pulse;
use super::suspicion::suspicion;
use super::vocabulary::Vocabulary;
use super::{Settings, judge, text};

/// Name under which findings of drift go.
pub const DRIFT: &str = "drift";
/// Name under which silence of an agent goes.
pub const SILENCE: &str = "silence";
/// Kinds of runs whose streams are followed, and agents whose pulse is.
const MOST_WATCHES: usize = 256;

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
    /// How often agents are heard of, by [`agent_key`].
    pub pulses: BTreeMap<String, Pulse>,
    /// What answers mean, by kind of run.
    pub meanings: BTreeMap<String, Meaning>,
    /// Words of answers, by kind of run.
    pub vocabularies: BTreeMap<String, Vocabulary>,
    /// What made room for others, since it was taken.
    pub gone: Gone,
}

/// Kinds of runs, and agents, whose streams and pulses made room for others.
#[derive(Debug, Default)]
pub struct Gone {
    /// Kinds that are followed no more.
    pub watches: Vec<String>,
    /// Agents whose pulse is followed no more.
    pub pulses: Vec<String>,
}

/// What is known of a run beside what it told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beside {
    /// An earlier state of it was judged: then nothing is learned twice.
    pub again: bool,
    /// Somebody marked it as good or not good since it was judged last.
    pub marked: Option<bool>,
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

/// An agent of which nothing is heard any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// Project.
    pub project: String,
    /// Environment.
    pub environment: String,
    /// Agent.
    pub agent: String,
    /// Its last run.
    pub trace_id: TraceId,
    /// When it was heard of last.
    pub last: Timestamp,
    /// For how long, in seconds.
    pub seconds: f64,
}

/// One text for an agent of a project and an environment.
pub fn agent_key(run: &Run) -> String {
    [&*run.tenant.project, &*run.tenant.environment, Kind::agent_of(run)].join("\u{1f}")
}

impl Night {
    /// Judges a settled run and learns from it.
    pub fn judge(
        &mut self,
        run: &Run,
        steps: &[ResolvedStep],
        contents: Vec<&Content>,
        now: Timestamp,
        beside: Beside,
    ) -> Verdict {
        let kind = Kind::of(run);
        let key = kind.key();
        let follow = !beside.again && self.has_room(&key, now);
        let evidence = Evidence::new(run, steps, contents, now).declared(&self.outcomes);
        let version = run.agent_version.as_deref().unwrap_or_else(|| evidence.derived_version()).to_owned();
        let evidence = evidence.against(self.baselines.of(&key, &version));
        let outcome = self.outcomes.of(&evidence);
        let features = features(&evidence, outcome.as_deref());
        let mut findings = judge(&evidence, &self.settings);
        let suspicion = suspicion(&evidence, &features, &findings);
        let good = beside.marked.unwrap_or_else(|| learns_from(run, &findings));
        let evidence = evidence.against(None);
        if good && !beside.again {
            self.baselines.learn(&key, &version, &evidence, &features);
        }
        if beside.marked == Some(true) {
            self.baselines.learn_good(&key, &evidence, &features);
        }
        let (mut shift, mut words) = (None, None);
        if follow {
            if let Some(answer) = &evidence.answer {
                let drift = drift::Settings { false_alarms: self.drift.false_alarms / 4.0 };
                words = self.vocabularies.entry(key.clone()).or_default().push(run, &answer.text, &drift);
            }
            shift = self.watches.entry(key).or_default().push(run, &features, &self.drift);
        }
        for shift in shift.iter().chain(&words) {
            let draft = shift.draft(|tool| self.outcomes.wakes(tool));
            findings.push(draft.finding(DRIFT, run, None, 0));
        }
        Verdict { kind, findings, suspicion, outcome, shift }
    }

    /// Whether there is room to follow a kind: of those of which nothing was heard for long the stalest makes some.
    fn has_room(&mut self, kind: &str, now: Timestamp) -> bool {
        if self.watches.len() < MOST_WATCHES || self.watches.contains_key(kind) {
            return true;
        }
        let followed = self.watches.iter().map(|(kind, watch)| (kind, watch.last(), watch.is_mature()));
        let Some(stalest) = stalest(followed, now) else { return false };
        self.watches.remove(&stalest);
        self.vocabularies.remove(&stalest);
        self.meanings.remove(&stalest);
        self.gone.watches.push(stalest);
        true
    }

    /// Looks at a run that has not settled: what is seen now will not be undone by steps to come. Nothing is learned.
    pub fn look(&mut self, run: &Run, steps: &[ResolvedStep], contents: Vec<&Content>, now: Timestamp) -> Vec<Finding> {
        if let Some(pulse) = self.pulses.get_mut(&agent_key(run)) {
            pulse.heard(run.last_received);
        }
        let evidence = Evidence::new(run, steps, contents, now).declared(&self.outcomes);
        let version = run.agent_version.as_deref().unwrap_or_else(|| evidence.derived_version());
        let known = self.baselines.of(&Kind::of(run).key(), version);
        judge(&evidence.against(known), &self.settings)
    }

    /// Takes in the vector that an embedding model made of a run's answer; gives the finding of the change that it makes certain.
    pub fn meant(&mut self, run: &Run, vector: &[f32]) -> Option<Finding> {
        let key = Kind::of(run).key();
        if self.meanings.len() >= MOST_WATCHES && !self.meanings.contains_key(&key) {
            return None;
        }
        let shift = self.meanings.entry(key).or_default().push(run, vector, &self.drift)?;
        Some(shift.draft(|_| false).finding(DRIFT, run, None, 0))
    }

    /// Notes that an agent is alive: a run of it, told as it happened.
    pub fn heard_of(&mut self, run: &Run) {
        let key = agent_key(run);
        if self.pulses.len() >= MOST_WATCHES && !self.pulses.contains_key(&key) {
            // Never one whose silence could be told: it may be silent now.
            let unknown = self.pulses.iter().filter(|(_, pulse)| !pulse.is_known());
            let unknown = unknown.map(|(agent, pulse)| (agent, pulse.last(), false));
            if let Some(agent) = stalest(unknown, run.last_received) {
                self.pulses.remove(&agent);
                self.gone.pulses.push(agent);
            }
        }
        if self.pulses.len() < MOST_WATCHES || self.pulses.contains_key(&key) {
            self.pulses.entry(key).or_default().beat(run.trace_id, run.start, run.end.max(run.last_received));
        }
    }

    /// Agents that are quiet for far longer than they ever were. Nobody listened before `since`.
    pub fn silent(&self, now: Timestamp, since: Timestamp) -> Vec<Silence> {
        let quiet = |(key, pulse): (&String, &Pulse)| {
            let mut parts = key.split('\u{1f}').map(str::to_owned);
            Some(Silence {
                seconds: pulse.silent(now, since)?,
                project: parts.next()?,
                environment: parts.next()?,
                agent: parts.next()?,
                trace_id: pulse.run()?,
                last: pulse.last(),
            })
        };
        self.pulses.iter().filter_map(quiet).collect()
    }
}

impl Silence {
    /// As a finding of the last run that was heard of. One silence is one finding, however often it is asked for.
    pub fn finding(&self) -> Finding {
        let fingerprint = text::fingerprint(&[&self.project, &self.environment, &self.agent, SILENCE, ""]);
        let minutes = text::count((self.seconds / 60.0) as u64, "minute");
        let message = format!(
            "nothing was heard of {} for {minutes}, far longer than between any two of its runs; the last was at {}",
            self.agent, self.last
        );
        Finding {
            id: text::fingerprint(&[&self.project, &self.trace_id.to_string(), SILENCE, &fingerprint]),
            detector: SILENCE.into(),
            severity: Severity::Warning,
            trace_id: self.trace_id,
            span_ids: Vec::new(),
            message,
            fingerprint,
            at: self.last,
            evidence: Map::from_iter([
                ("last_heard".into(), json!(self.last.to_string())),
                ("silent_seconds".into(), json!(self.seconds.round())),
            ]),
        }
    }
}
