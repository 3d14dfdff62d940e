//! What was said in a step: by its span, and by the log records that belong to it or tell it.

use std::borrow::Cow;
use std::collections::HashMap;

use dialects::Dialects;
use model::raw::{RawLog, RawSpan};
use model::{Billing, Content, ResolvedStep, SpanId};
use serde_json::Value as Json;
use store::{StoredLog, StoredSpan};

use super::convert;
use super::types::Step;

/// Spans and log records of a run, ready to be asked step by step.
pub struct Said<'a> {
    dialects: &'a Dialects,
    spans: HashMap<SpanId, &'a StoredSpan<'a>>,
    /// Records by the span they name: some dialects put what was said there.
    logs: HashMap<SpanId, Vec<RawLog<'static>>>,
    /// Records by the span they tell.
    told: HashMap<SpanId, &'a StoredLog>,
}

/// A step as it was sent.
pub struct Whole<'a> {
    /// Its span, with what log records add.
    pub raw: Cow<'a, RawSpan<'a>>,
    /// What was said in it.
    pub content: Content,
    /// What the price of its call needs beyond the narrow span.
    pub billing: Billing,
}

impl<'a> Said<'a> {
    /// Of one run.
    pub fn of(dialects: &'a Dialects, spans: &'a [StoredSpan<'a>], logs: &'a [StoredLog]) -> Self {
        let mut said = Self {
            dialects,
            spans: spans.iter().map(|stored| (stored.span.span_id, stored)).collect(),
            logs: HashMap::new(),
            told: HashMap::new(),
        };
        let any_told = spans.iter().any(|stored| stored.span.told.is_some());
        for stored in logs {
            if let Some(span_id) = stored.log.span_id {
                said.logs.entry(span_id).or_default().push(stored.raw.clone());
            }
            if any_told {
                said.told.insert(dialects::told_span_id(stored.log.id), stored);
            }
        }
        said
    }

    /// The span as it was kept.
    pub fn span(&self, id: SpanId) -> Option<&'a StoredSpan<'a>> {
        self.spans.get(&id).copied()
    }

    /// Fills in what was said, and attributes, events and links as sent.
    pub fn fill(&self, step: &mut Step, resolved: &ResolvedStep) {
        if let Some(Whole { raw, content, .. }) = self.whole(resolved) {
            convert::add_content(step, &raw, content);
        }
    }

    /// What was said alone; nothing where the step was not kept.
    pub fn content(&self, resolved: &ResolvedStep) -> Content {
        self.whole(resolved).map(|whole| whole.content).unwrap_or_default()
    }

    /// A step as it was sent and what was said in it. What only log records say is added to what the span does.
    pub fn whole(&self, resolved: &ResolvedStep) -> Option<Whole<'a>> {
        let own = resolved.span.span_id;
        let parts = resolved.told_by.iter().filter(|id| **id != own);
        let mut whole: Option<Whole<'a>> = None;
        for part in std::iter::once(&own).chain(parts).filter_map(|id| self.one(*id)) {
            match &mut whole {
                None => whole = Some(part),
                Some(Whole { raw: whole, content: said, .. }) => {
                    let (raw, whole) = (part.raw.into_owned(), whole.to_mut());
                    let new = raw.attributes.0.into_iter().filter(|(key, _)| key != dialects::TOLD_ATTRIBUTE);
                    let new: Vec<_> = new.filter(|(key, _)| whole.attributes.get(key).is_none()).collect();
                    whole.attributes.0.extend(new);
                    whole.events.extend(raw.events);
                    add(said, part.content);
                }
            }
        }
        whole
    }

    fn one(&self, id: SpanId) -> Option<Whole<'a>> {
        let stored: &'a StoredSpan<'a> = *self.spans.get(&id)?;
        let (raw, resource, scope) = (&stored.raw, &stored.resource, &stored.scope);
        let Some(record) = self.told.get(&id).filter(|_| stored.span.told.is_some()) else {
            let logs = self.logs.get(&id).map_or(&[][..], Vec::as_slice);
            let kind = (stored.span.dialect_version == dialects::VERSION).then_some(stored.span.kind);
            let (content, billing) = self.dialects.content_and_billing(raw, resource, scope, logs, kind);
            return Some(Whole { raw: Cow::Borrowed(raw), content, billing });
        };
        let billing = self.dialects.billing(raw, resource, scope);
        // The span is kept without long values; the record has them.
        let project = &record.log.tenant.project;
        let raw = match dialects::told(&record.raw, resource, scope, project, record.log.id, record.log.received) {
            Some(told) => Cow::Owned(told),
            None => Cow::Borrowed(raw),
        };
        let content = self.dialects.content(&raw, resource, scope, std::slice::from_ref(&record.raw));
        Some(Whole { raw, content, billing })
    }
}

/// Adds to `said` what it leaves open. Arguments by name say more than one line of them (Claude Code's span has the command, its
/// log record the tool's input).
fn add(said: &mut Content, more: Content) {
    if matches!(said.tool_arguments, Some(Json::String(_))) && matches!(more.tool_arguments, Some(Json::Object(_))) {
        said.tool_arguments.clone_from(&more.tool_arguments);
    }
    macro_rules! fill {
        ($($field:ident $is_open:ident),+ $(,)?) => { $(if said.$field.$is_open() { said.$field = more.$field; })+ };
    }
    fill!(
        input is_empty, output is_empty, tool_definitions is_empty, documents is_empty, input_documents is_empty,
        input_value is_none, output_value is_none, tool_arguments is_none, tool_result is_none, query is_none,
    );
}
