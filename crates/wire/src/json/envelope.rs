//! What surrounds the items: requests, resources, scopes.

use std::sync::Arc;

use model::Sample;
use model::raw::{Batch, Group, RawLog, RawSpan};
use serde::de::{DeserializeSeed, MapAccess};

use super::message::{Message, Object, RawList, list, raw, skip};
use super::{logs, metrics, traces, value};
use crate::context::{Context, Reason};
use crate::error::{looks_like_other, problem_of};
use crate::{DecodeError, Signal};

/// Reads an OTLP/JSON request; says which signal it holds. With `expected`, another signal is an error.
pub(crate) fn decode(expected: Option<Signal>, body: &[u8]) -> Result<(Signal, Batch<'_>), DecodeError> {
    let text = utf8(body)?;
    let mut context = Context::new();
    let mut request = Request::default();
    if !text.trim_ascii().is_empty() {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let read = Object { into: &mut request, context: &mut context }.deserialize(&mut deserializer);
        let read = read.and_then(|()| deserializer.end());
        context.check()?;
        read.map_err(|error| json_error(&error, body))?;
    }
    let signal = match (expected, request.found.first().copied()) {
        (Some(expected), Some(found)) if !request.found.contains(&expected) => {
            return Err(DecodeError::WrongSignal { expected, found });
        }
        (Some(signal), _) | (None, Some(signal)) => signal,
        (None, None) if request.other_keys => return Err(DecodeError::UnknownSignal),
        (None, None) => Signal::Traces,
    };
    if request.found.is_empty() && request.other_keys {
        context
            .rejected
            .note(format!("warning: the request has no {}, so nothing was taken from it", signal.json_key()));
    }
    request.batch.rejected = context.rejected;
    Ok((signal, request.batch))
}

fn utf8(body: &[u8]) -> Result<&str, DecodeError> {
    // simdutf8's fast check does not say where; the slow one is only asked when there is something to say.
    let text = simdutf8::basic::from_utf8(body).map_err(|_| {
        let valid = simdutf8::compat::from_utf8(body).map_or_else(|error| error.valid_up_to(), str::len);
        let line = body[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = valid - body[..valid].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
        DecodeError::Json { problem: "the text is not UTF-8".to_owned(), line, column, hint: looks_like_other(body) }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn json_error(error: &serde_json::Error, body: &[u8]) -> DecodeError {
    DecodeError::Json {
        problem: problem_of(error),
        line: error.line(),
        column: error.column(),
        hint: looks_like_other(body),
    }
}

#[derive(Default)]
struct Request<'a> {
    batch: Batch<'a>,
    found: Vec<Signal>,
    other_keys: bool,
}

impl<'a> Message<'a> for Request<'a> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        let signal = match key {
            "resourceSpans" | "resource_spans" => Signal::Traces,
            "resourceLogs" | "resource_logs" => Signal::Logs,
            "resourceMetrics" | "resource_metrics" => Signal::Metrics,
            _ => {
                self.other_keys = true;
                return skip(map);
            }
        };
        self.found.push(signal);
        match signal {
            Signal::Traces => resources(&mut self.batch.spans, map, context),
            Signal::Logs => resources(&mut self.batch.logs, map, context),
            Signal::Metrics => resources(&mut self.batch.samples, map, context),
        }
    }
}

/// Something a scope lists.
trait Item<'a>: Sized + 'a {
    /// What one is called in a reason.
    const NAME: &'static str;
    /// The keys of a resource's scopes and of a scope's items.
    const KEYS: [&'static str; 4];
    /// Reads one, or (metrics) the several items of one message.
    fn read(raw: &'a str, into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason>;
}

impl<'a> Item<'a> for RawSpan<'a> {
    const NAME: &'static str = "span";
    const KEYS: [&'static str; 4] = ["scopeSpans", "scope_spans", "spans", "spans"];
    fn read(raw: &'a str, into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        let span = traces::span(raw, context)?;
        context.push(into, span)
    }
}

impl<'a> Item<'a> for RawLog<'a> {
    const NAME: &'static str = "log record";
    const KEYS: [&'static str; 4] = ["scopeLogs", "scope_logs", "logRecords", "log_records"];
    fn read(raw: &'a str, into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        let record = logs::record(raw, context)?;
        context.push(into, record)
    }
}

impl<'a> Item<'a> for Sample {
    const NAME: &'static str = "metric";
    const KEYS: [&'static str; 4] = ["scopeMetrics", "scope_metrics", "metrics", "metrics"];
    fn read(raw: &'a str, into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        metrics::metric(raw, into, context)
    }
}

fn resources<'a, T: Item<'a>, A: MapAccess<'a>>(
    groups: &mut Vec<Group<'a, T>>,
    map: &mut A,
    context: &mut Context,
) -> Result<(), A::Error> {
    let new = || ResourceDraft { resource: None, scopes: Vec::new() };
    let sink = |draft: ResourceDraft<'a, T>, context: &mut Context| {
        draft.finish(groups, context);
        Ok(())
    };
    map.next_value_seed(list(new, sink, context))
}

/// A `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`. Keys come in any order, so its items are read before it is.
struct ResourceDraft<'a, T> {
    resource: Option<&'a str>,
    scopes: Vec<ScopeDraft<'a, T>>,
}

impl<'a, T: Item<'a>> ResourceDraft<'a, T> {
    fn finish(self, groups: &mut Vec<Group<'a, T>>, context: &mut Context) {
        let resource = value::resource(self.resource, context).map(Arc::new);
        for ScopeDraft { scope, items } in self.scopes {
            if items.is_empty() {
                continue;
            }
            match (&resource, value::scope(scope, context)) {
                (Ok(resource), Ok(scope)) => {
                    groups.push(Group { resource: Arc::clone(resource), scope: Arc::new(scope), items });
                }
                (Err(reason), _) => context.reject_all(T::NAME, "resource", reason, items.len()),
                (_, Err(reason)) => context.reject_all(T::NAME, "scope", &reason, items.len()),
            }
        }
    }
}

impl<'a, T: Item<'a>> Message<'a> for ResourceDraft<'a, T> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        if key == "resource" {
            self.resource = Some(raw(map)?);
            Ok(())
        } else if key == T::KEYS[0] || key == T::KEYS[1] {
            let new = || ScopeDraft { scope: None, items: Vec::new() };
            let sink = |draft, context: &mut Context| context.push(&mut self.scopes, draft);
            map.next_value_seed(list(new, sink, context))
        } else {
            skip(map)
        }
    }
}

/// A `ScopeSpans`, `ScopeLogs` or `ScopeMetrics`.
struct ScopeDraft<'a, T> {
    scope: Option<&'a str>,
    items: Vec<T>,
}

impl<'a, T: Item<'a>> Message<'a> for ScopeDraft<'a, T> {
    fn field<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A, context: &mut Context) -> Result<(), A::Error> {
        if key == "scope" {
            self.scope = Some(raw(map)?);
            return Ok(());
        }
        if key != T::KEYS[2] && key != T::KEYS[3] {
            return skip(map);
        }
        map.next_value_seed(RawList(|raw| {
            if let Err(reason) = T::read(raw, &mut self.items, context) {
                // Out of memory ends the request; anything else costs only this item.
                if context.check().is_err() {
                    return Err(reason);
                }
                context.reject(T::NAME, &reason);
            }
            Ok(())
        }))
    }
}
