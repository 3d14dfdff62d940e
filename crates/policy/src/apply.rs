//! A policy at work: every text of a request is looked at once, wherever it stands.

use std::borrow::Cow;
use std::sync::Arc;

use model::raw::{Batch, Group, RawLog, RawSpan, Resource, Scope};
use model::{Attributes, Sample, TraceId, Value};

use crate::config::{Policies, Policy};
use crate::keep::{self, Keep};
use crate::redact::Found;
use crate::report::{Removal, Report, folded};

/// What a policy has to know of attributes; the dialects know it.
pub trait Meaning {
    /// Whether the attribute of that key holds what somebody said, asked, was answered or gave to a tool.
    fn is_content(&self, key: &str) -> bool;
    /// Whether the text of a log record with that event name is content.
    fn is_content_event(&self, name: &str) -> bool;
    /// The environment a resource names.
    fn environment(&self, resource: &Resource<'_>) -> String;
}

impl Policies {
    /// Applies what is said for `project` to a request and counts in `report`. Whether any policy is for any of it: then the
    /// request is to be kept as it is now, otherwise it is as it came.
    pub fn apply(&self, project: &str, batch: &mut Batch<'_>, meaning: &dyn Meaning, report: &mut Report) -> bool {
        let mut at_work = AtWork { policies: self, project, meaning, report, last: None, applied: false };
        at_work.groups(&mut batch.spans, |walk, span| walk.span(span));
        at_work.groups(&mut batch.logs, |walk, log| walk.log(log));
        at_work.groups(&mut batch.samples, |walk, sample| walk.sample(sample));
        let applied = at_work.applied;
        // Why an item was refused may cite it, and nobody knows any more of which environment it was.
        for policy in self.of_project(project) {
            for reason in &mut batch.rejected.reasons {
                if let Some(new) = policy.redactor.text(None, reason, &mut Found::new()) {
                    *reason = new;
                }
            }
        }
        applied
    }
}

impl Policies {
    /// What is left of a text that a person or a pipeline tells over the API, such as the title of a change: what detectors and patterns
    /// find is taken out and counted in `report`. It is nobody's telemetry, so that it is neither shortened nor left out. Where no
    /// environment is named, all that is said for the project holds.
    pub fn told(
        &self,
        project: &str,
        environment: Option<&str>,
        field: &str,
        mut text: String,
        report: &mut Report,
    ) -> String {
        let policies: Vec<&Policy> = match environment {
            Some(environment) => self.find(project, environment).into_iter().collect(),
            None => self.of_project(project).collect(),
        };
        for policy in policies {
            let mut found = Found::new();
            if let Some(new) = policy.redactor.text(None, &text, &mut found) {
                text = new;
            }
            let environment = environment.unwrap_or_default();
            let shown = policy.redactor.text(None, environment, &mut Found::new());
            for rule in found {
                let removal = Removal {
                    project: project.to_owned(),
                    environment: shown.clone().unwrap_or_else(|| environment.to_owned()),
                    field: field.to_owned(),
                    action: policy.redactor.name(rule).to_owned(),
                };
                report.add(removal, 1);
            }
        }
        text
    }
}

impl Policies {
    /// How a name (of a user, a session) may stand in what is kept for the project: as it was sent, and as policies leave it where
    /// that is its own. `[email]` stands for every address, and is nobody's name.
    pub fn forms(&self, project: &str, name: &str) -> Vec<String> {
        let mut forms = vec![name.to_owned()];
        for policy in self.of_project(project) {
            let mut found = Found::new();
            let left = policy.redactor.text(None, name, &mut found);
            forms.extend(left.filter(|_| policy.redactor.tells_apart(&found)));
            forms.extend(policy.key.as_ref().map(|key| key.hash(name)));
        }
        forms.sort();
        forms.dedup();
        forms
    }
}

/// Labels that name the environment of a series.
const ENVIRONMENTS: [&str; 4] = ["deployment_environment_name", "deployment_environment", "environment", "env"];

impl Policies {
    /// What is left of the labels of a series that comes without a resource, its metric's name apart. Where none of them names an
    /// environment, all that is said for the project holds.
    pub fn series(
        &self,
        project: &str,
        mut labels: Vec<(String, String)>,
        meaning: &dyn Meaning,
        report: &mut Report,
    ) -> Vec<(String, String)> {
        let named = |wanted: &&str| labels.iter().find(|(name, value)| name == wanted && !value.is_empty());
        let environment = ENVIRONMENTS.iter().find_map(named).map(|(_, value)| value.clone());
        let policies: Vec<&Policy> = match &environment {
            Some(environment) => self.find(project, environment).into_iter().collect(),
            None => self.of_project(project).collect(),
        };
        let environment = environment.unwrap_or_default();
        for policy in policies {
            let found = Found::new();
            let mut walk = Walk { policy, project, environment: &environment, meaning, report, found, sampled: false };
            labels = walk.labels(labels);
        }
        labels
    }
}

/// A resource as it came and as it is kept.
type Kept<'a> = (Arc<Resource<'a>>, Arc<Resource<'a>>);

struct AtWork<'p, 'a> {
    policies: &'p Policies,
    project: &'p str,
    meaning: &'p dyn Meaning,
    report: &'p mut Report,
    /// Neighbouring groups share their resource.
    last: Option<Kept<'a>>,
    applied: bool,
}

impl<'a> AtWork<'_, 'a> {
    fn groups<T>(&mut self, groups: &mut [Group<'a, T>], each: impl Fn(&mut Walk<'_>, &mut T)) {
        for group in groups {
            let environment = self.meaning.environment(&group.resource);
            let Some(policy) = self.policies.find(self.project, &environment) else { continue };
            self.applied = true;
            let mut walk = Walk {
                policy,
                project: self.project,
                environment: &environment,
                meaning: self.meaning,
                report: self.report,
                found: Found::new(),
                sampled: false,
            };
            group.resource = match &self.last {
                Some((came, kept)) if Arc::ptr_eq(came, &group.resource) => Arc::clone(kept),
                _ => {
                    let mut resource = Resource::clone(&group.resource);
                    walk.attributes(&mut resource.attributes);
                    let kept = Arc::new(resource);
                    self.last = Some((Arc::clone(&group.resource), Arc::clone(&kept)));
                    kept
                }
            };
            let said = !group.scope.name.is_empty() || !group.scope.version.is_empty();
            if said || !group.scope.attributes.is_empty() {
                let mut scope = Scope::clone(&group.scope);
                walk.text("scope.name", &mut scope.name);
                walk.text("scope.version", &mut scope.version);
                walk.attributes(&mut scope.attributes);
                group.scope = Arc::new(scope);
            }
            for item in &mut group.items {
                each(&mut walk, item);
            }
        }
    }
}

/// A policy on its way through the items of one group.
struct Walk<'w> {
    policy: &'w Policy,
    project: &'w str,
    environment: &'w str,
    meaning: &'w dyn Meaning,
    report: &'w mut Report,
    found: Found,
    /// Whether the item's trace is of the sampled share.
    sampled: bool,
}

impl Walk<'_> {
    fn span(&mut self, span: &mut RawSpan<'_>) {
        self.sampled = self.policy.samples(Some(span.trace_id));
        self.text("span.name", &mut span.name);
        self.text("span.trace_state", &mut span.trace_state);
        self.text("status.message", &mut span.status_message);
        self.attributes(&mut span.attributes);
        for event in &mut span.events {
            self.text("event.name", &mut event.name);
            self.attributes(&mut event.attributes);
        }
        for link in &mut span.links {
            self.text("link.trace_state", &mut link.trace_state);
            self.attributes(&mut link.attributes);
        }
    }

    fn log(&mut self, log: &mut RawLog<'_>) {
        self.sampled = self.policy.samples(log.trace_id);
        let named = log.attributes.text("event.name");
        let content =
            [Some(&*log.event_name), named].into_iter().flatten().any(|name| self.meaning.is_content_event(name));
        if !self.field("log.body", &mut log.body, content) {
            log.body = Value::Null;
        }
        self.text("log.severity", &mut log.severity_text);
        self.text("log.event_name", &mut log.event_name);
        self.attributes(&mut log.attributes);
    }

    fn sample(&mut self, sample: &mut Sample) {
        self.sampled = false;
        for (field, text) in [
            ("metric.name", &mut sample.metric),
            ("metric.description", &mut sample.description),
            ("metric.unit", &mut sample.unit),
        ] {
            let mut held = Cow::Owned(std::mem::take(text));
            self.text(field, &mut held);
            *text = held.into_owned();
        }
        sample.labels = self.labels(std::mem::take(&mut sample.labels));
    }

    fn labels(&mut self, labels: Vec<(String, String)>) -> Vec<(String, String)> {
        let pairs = labels.into_iter().map(|(key, value)| (key.into(), Value::Str(value.into())));
        let mut attributes = Attributes(pairs.collect());
        self.attributes(&mut attributes);
        let label = |value: Value<'_>| match value {
            Value::Str(text) => text.into_owned(),
            other => other.to_json().to_string(),
        };
        attributes.0.into_iter().map(|(key, value)| (key.into_owned(), label(value))).collect()
    }

    fn attributes(&mut self, attributes: &mut Attributes<'_>) {
        self.entries(&mut attributes.0);
    }

    fn entries(&mut self, entries: &mut Vec<(Cow<'_, str>, Value<'_>)>) {
        entries.retain_mut(|(key, value)| {
            let content = self.meaning.is_content(key);
            let stays = self.field(key, value, content);
            self.policy.redactor.cow(key, &mut self.found);
            if !self.found.is_empty() {
                self.note_found("attribute.key");
            }
            stays
        });
    }

    /// A text that is no attribute.
    fn text(&mut self, field: &str, text: &mut Cow<'_, str>) {
        if text.is_empty() {
            return;
        }
        let mut value = Value::Str(std::mem::take(text));
        let stays = self.field(field, &mut value, false);
        if let (true, Value::Str(left)) = (stays, value) {
            *text = Cow::Owned(left.into_owned());
        }
    }

    /// Whether anything of the value is left.
    fn field(&mut self, field: &str, value: &mut Value<'_>, content: bool) -> bool {
        if matches!(value, Value::Null) {
            return true;
        }
        let said = self.policy.said_of(field);
        if said.is_none()
            && !content
            && let Value::Map(entries) = value
        {
            self.entries(entries);
            return true;
        }
        let treated = content || self.policy.unknown_longer_than.is_some_and(|limit| keep::is_longer(value, limit));
        let keep = said.unwrap_or(if treated { self.policy.content } else { Keep::Full });
        let keep = if keep == Keep::Sample { self.policy.sample(self.sampled) } else { keep };
        let changed = match keep {
            Keep::None => {
                self.note(field, keep.as_str(), 1);
                return false;
            }
            Keep::Hash => self.policy.key.as_ref().is_some_and(|key| keep::hash(value, key)),
            Keep::Full | Keep::Preview | Keep::Sample => {
                self.policy.redactor.value(Some(field), value, &mut self.found);
                if !self.found.is_empty() {
                    self.note_found(field);
                }
                keep == Keep::Preview && keep::preview(value, self.policy.preview)
            }
        };
        if changed {
            self.note(field, keep.as_str(), 1);
        }
        true
    }

    fn note_found(&mut self, field: &str) {
        let mut found = std::mem::take(&mut self.found);
        for rule in found.drain(..) {
            self.note(field, self.policy.redactor.name(rule), 1);
        }
        self.found = found;
    }

    fn note(&mut self, field: &str, action: &str, times: u64) {
        // A key may hold what it is looked through for.
        let field = self.policy.redactor.text(None, field, &mut Found::new()).unwrap_or_else(|| field.to_owned());
        let environment = self.policy.redactor.text(None, self.environment, &mut Found::new());
        let removal = Removal {
            project: self.project.to_owned(),
            environment: environment.unwrap_or_else(|| self.environment.to_owned()),
            field: folded(&field),
            action: action.to_owned(),
        };
        self.report.add(removal, times);
    }
}

impl Policy {
    /// Whether the trace is of the share that is kept in full.
    fn samples(&self, trace: Option<TraceId>) -> bool {
        let Some(trace) = trace else { return false };
        // Clients choose trace ids, and not all of them at random.
        let hash = ring::digest::digest(&ring::digest::SHA256, trace.as_bytes());
        let number = hash.as_ref().iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        f64::from(number) < self.share * (f64::from(u32::MAX) + 1.0)
    }

    fn sample(&self, sampled: bool) -> Keep {
        if sampled { Keep::Full } else { self.otherwise }
    }
}
