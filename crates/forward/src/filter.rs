//! Which telemetry a destination gets.
//!
//! Conditions are about what Tawny understood: service, environment and agent mean here what they mean in its lists.

use std::collections::BTreeMap;

use model::raw::{Batch, Group, Resource};
use model::{Attributes, Timestamp, Value};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Deserialize;
use wire::Signal;

/// What is passed on: what a condition of `keep` lets through (everything when there is none) and none of `drop` takes away.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these.
    pub keep: Vec<Condition>,
    /// None of these.
    pub drop: Vec<Condition>,
}

/// A condition: everything it names must fit; of several values of one thing any.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    #[serde(default)]
    signal: Values,
    #[serde(default)]
    project: Values,
    #[serde(default)]
    service: Values,
    #[serde(default)]
    environment: Values,
    #[serde(default)]
    agent: Values,
    #[serde(default)]
    attribute: BTreeMap<String, Values>,
}

/// One text or several.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "OneOrMany")]
struct Values(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "give a text or a list of texts")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Values {
    fn from(given: OneOrMany) -> Self {
        match given {
            OneOrMany::One(text) => Self(vec![text]),
            OneOrMany::Many(texts) => Self(texts),
        }
    }
}

impl Values {
    /// Whether `text` is among them; a thing that is not named fits.
    fn fit(&self, text: Option<&str>) -> bool {
        self.0.is_empty() || text.is_some_and(|text| self.0.iter().any(|value| value == text))
    }
}

/// What conditions look at.
struct Item<'i> {
    signal: Signal,
    project: &'i str,
    environment: &'i str,
    agent: Option<&'i str>,
    resource: &'i Resource<'i>,
    attributes: Option<&'i Attributes<'i>>,
}

impl Condition {
    /// Says what is wrong with the condition, if something is.
    pub(crate) fn check(&self) -> Result<(), String> {
        let named = [&self.signal, &self.project, &self.service, &self.environment, &self.agent];
        if named.iter().all(|values| values.0.is_empty()) && self.attribute.is_empty() {
            return Err(
                "the condition names nothing: use signal, project, service, environment, agent or attribute".into()
            );
        }
        match self.signal.0.iter().find(|word| Signal::ALL.iter().all(|signal| signal.name() != word.as_str())) {
            Some(word) => Err(format!("there is no signal `{word}`: use traces, logs, metrics")),
            None => Ok(()),
        }
    }

    /// Whether it says nothing but whose telemetry it is about.
    pub(crate) fn names_only_the_project(&self) -> bool {
        let others = [&self.signal, &self.service, &self.environment, &self.agent];
        others.iter().all(|values| values.0.is_empty()) && self.attribute.is_empty()
    }

    fn fits(&self, item: &Item<'_>) -> bool {
        self.signal.fit(Some(item.signal.name()))
            && self.project.fit(Some(item.project))
            && self.service.fit(item.resource.attributes.text("service.name"))
            && self.environment.fit(Some(item.environment))
            && self.agent.fit(item.agent)
            && self.attribute.iter().all(|(key, values)| {
                let own = item.attributes.and_then(|attributes| attributes.get(key));
                values.fit(own.or_else(|| item.resource.attributes.get(key)).map(text).as_deref())
            })
    }
}

/// A value as conditions write it.
fn text(value: &Value<'_>) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_json().to_string(),
    }
}

/// What a filter left of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Filtered {
    /// All of it: send it as it is.
    All,
    /// This, in protobuf, and how many items went.
    Part(Vec<u8>, u64),
    /// Nothing.
    Nothing,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.keep.is_empty() && self.drop.is_empty()
    }

    /// Whether a project's telemetry can pass at all; cheap, for deciding whether to keep a request for the destination.
    pub fn may_pass(&self, signal: Signal, project: &str) -> bool {
        let possible =
            |condition: &Condition| condition.signal.fit(Some(signal.name())) && condition.project.fit(Some(project));
        self.keep.is_empty() || self.keep.iter().any(possible)
    }

    /// Whether a project's series pass: their conditions name nothing but projects.
    pub fn passes_project(&self, project: &str) -> bool {
        let fits = |condition: &Condition| condition.project.fit(Some(project));
        (self.keep.is_empty() || self.keep.iter().any(fits)) && !self.drop.iter().any(fits)
    }

    fn passes(&self, item: &Item<'_>) -> bool {
        (self.keep.is_empty() || self.keep.iter().any(|condition| condition.fits(item)))
            && !self.drop.iter().any(|condition| condition.fits(item))
    }

    /// Filters a request in protobuf. Metrics pass or stay by their resource: a metric belongs to no agent.
    ///
    /// # Errors
    /// When the request cannot be read; what was taken in can be, so this is a fault of ours.
    pub fn apply(&self, signal: Signal, project: &str, protobuf: &[u8]) -> Result<Filtered, String> {
        if self.is_empty() {
            return Ok(Filtered::All);
        }
        match signal {
            Signal::Traces => self.traces(project, protobuf),
            Signal::Logs => self.logs(project, protobuf),
            Signal::Metrics => self.metrics(project, protobuf),
        }
    }

    fn traces(&self, project: &str, protobuf: &[u8]) -> Result<Filtered, String> {
        let mut request = ExportTraceServiceRequest::decode(protobuf).map_err(|error| error.to_string())?;
        let mut count = Count::default();
        for group in &mut request.resource_spans {
            let (resource, schema_url) = (group.resource.clone(), group.schema_url.clone());
            for scope in &mut group.scope_spans {
                // Each span alone, with what it belongs to, is read the way the server read it.
                let (shell, url) = (scope.scope.clone(), scope.schema_url.clone());
                scope.spans.retain(|span| {
                    let mut one = ExportTraceServiceRequest { resource_spans: vec![Default::default()] };
                    let lonely = &mut one.resource_spans[0];
                    (lonely.resource, lonely.schema_url) = (resource.clone(), schema_url.clone());
                    lonely.scope_spans = vec![Default::default()];
                    let inner = &mut lonely.scope_spans[0];
                    (inner.scope, inner.schema_url, inner.spans) = (shell.clone(), url.clone(), vec![span.clone()]);
                    count.keep(self.span_passes(project, &one.encode_to_vec()))
                });
            }
            group.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        request.resource_spans.retain(|group| !group.scope_spans.is_empty());
        Ok(count.result(|| request.encode_to_vec()))
    }

    fn span_passes(&self, project: &str, request: &[u8]) -> bool {
        let Some((batch, resource)) = one(Signal::Traces, request, |batch| &batch.spans) else { return false };
        let Some(group) = batch.spans.first() else { return false };
        let Some(raw) = group.items.first() else { return false };
        let tenant = dialects::tenant(project, &resource);
        let span = dialects::understand(raw, &resource, &group.scope, &tenant, Timestamp::default());
        self.passes(&Item {
            signal: Signal::Traces,
            project,
            environment: &tenant.environment,
            agent: span.agent.as_deref(),
            resource: &resource,
            attributes: Some(&raw.attributes),
        })
    }

    fn logs(&self, project: &str, protobuf: &[u8]) -> Result<Filtered, String> {
        let mut request = ExportLogsServiceRequest::decode(protobuf).map_err(|error| error.to_string())?;
        let mut count = Count::default();
        for group in &mut request.resource_logs {
            let resource = group.resource.clone();
            for scope in &mut group.scope_logs {
                scope.log_records.retain(|record| {
                    let mut lonely = ExportLogsServiceRequest { resource_logs: vec![Default::default()] };
                    lonely.resource_logs[0].resource = resource.clone();
                    lonely.resource_logs[0].scope_logs = vec![Default::default()];
                    lonely.resource_logs[0].scope_logs[0].log_records = vec![record.clone()];
                    count.keep(self.log_passes(project, &lonely.encode_to_vec()))
                });
            }
            group.scope_logs.retain(|scope| !scope.log_records.is_empty());
        }
        request.resource_logs.retain(|group| !group.scope_logs.is_empty());
        Ok(count.result(|| request.encode_to_vec()))
    }

    fn log_passes(&self, project: &str, request: &[u8]) -> bool {
        let Some((batch, resource)) = one(Signal::Logs, request, |batch| &batch.logs) else { return false };
        let Some(raw) = batch.logs.first().and_then(|group| group.items.first()) else { return false };
        let tenant = dialects::tenant(project, &resource);
        self.passes(&Item {
            signal: Signal::Logs,
            project,
            environment: &tenant.environment,
            agent: raw.attributes.text("gen_ai.agent.name"),
            resource: &resource,
            attributes: Some(&raw.attributes),
        })
    }

    fn metrics(&self, project: &str, protobuf: &[u8]) -> Result<Filtered, String> {
        let mut request = ExportMetricsServiceRequest::decode(protobuf).map_err(|error| error.to_string())?;
        let mut count = Count::default();
        request.resource_metrics.retain(|group| {
            let one_group = ExportMetricsServiceRequest { resource_metrics: vec![group.clone()] };
            let bytes = one_group.encode_to_vec();
            let passes = one(Signal::Metrics, &bytes, |batch| &batch.samples).is_some_and(|(_, resource)| {
                let tenant = dialects::tenant(project, &resource);
                self.passes(&Item {
                    signal: Signal::Metrics,
                    project,
                    environment: &tenant.environment,
                    agent: None,
                    resource: &resource,
                    attributes: None,
                })
            });
            count.keep(passes)
        });
        Ok(count.result(|| request.encode_to_vec()))
    }
}

/// Reads a request of one resource: the batch and the resource.
fn one<'a, T>(
    signal: Signal,
    request: &'a [u8],
    groups: impl for<'b> Fn(&'b Batch<'a>) -> &'b Vec<Group<'a, T>>,
) -> Option<(Batch<'a>, std::sync::Arc<Resource<'a>>)> {
    let batch = wire::decode(signal, wire::Encoding::Protobuf, request).ok()?;
    let resource = groups(&batch).first().map(|group| std::sync::Arc::clone(&group.resource))?;
    Some((batch, resource))
}

#[derive(Default)]
struct Count {
    kept: u64,
    gone: u64,
}

impl Count {
    fn keep(&mut self, passes: bool) -> bool {
        *if passes { &mut self.kept } else { &mut self.gone } += 1;
        passes
    }

    fn result(self, encode: impl FnOnce() -> Vec<u8>) -> Filtered {
        match (self.kept, self.gone) {
            (_, 0) => Filtered::All,
            (0, _) => Filtered::Nothing,
            (_, gone) => Filtered::Part(encode(), gone),
        }
    }
}
