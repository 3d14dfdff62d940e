//! What surrounds the items: requests, resources, scopes. The three signals number these fields alike.

use std::sync::Arc;

use model::Sample;
use model::raw::{Batch, Group, RawLog, RawSpan, Resource, Scope};

use super::reader::{Field, Problem, Reader, WRONG_TYPE};
use super::{logs, metrics, sniff_protobuf, traces, value};
use crate::context::{Context, Reason};
use crate::error::looks_like;
use crate::{DecodeError, Signal};

/// Items reserved at once for a scope, so that a lying count cannot ask for much memory.
const RESERVE_ITEMS: usize = 1_024;

/// Reads an `Export…ServiceRequest` (or the equal `TracesData`, `LogsData`, `MetricsData`).
pub(crate) fn decode<'a>(signal: Signal, body: &'a [u8]) -> Result<Batch<'a>, DecodeError> {
    let mut context = Context::new();
    let mut batch = Batch::default();
    match signal {
        Signal::Traces => request(body, &mut batch.spans, &mut context)?,
        Signal::Logs => request(body, &mut batch.logs, &mut context)?,
        Signal::Metrics => request(body, &mut batch.samples, &mut context)?,
    }
    let nothing_kept = batch.spans.is_empty() && batch.logs.is_empty() && batch.samples.is_empty();
    if nothing_kept
        && context.rejected.count > 0
        && let Some(found) = sniff_protobuf(body).filter(|found| *found != signal)
    {
        return Err(DecodeError::WrongSignal { expected: signal, found });
    }
    batch.rejected = context.rejected;
    Ok(batch)
}

/// Something a scope lists.
trait Item<'a>: Sized {
    /// What one is called in a reason.
    const NAME: &'static str;
    /// Reads one, or (metrics) the several items of one message.
    fn read(bytes: &'a [u8], into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason>;
}

impl<'a> Item<'a> for RawSpan<'a> {
    const NAME: &'static str = "span";
    fn read(bytes: &'a [u8], into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        let span = context.place(into, RawSpan::default())?;
        traces::span(bytes, span, context).inspect_err(|_| drop(into.pop()))
    }
}

impl<'a> Item<'a> for RawLog<'a> {
    const NAME: &'static str = "log record";
    fn read(bytes: &'a [u8], into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        let record = context.place(into, RawLog::default())?;
        logs::record(bytes, record, context).inspect_err(|_| drop(into.pop()))
    }
}

impl<'a> Item<'a> for Sample {
    const NAME: &'static str = "metric";
    fn read(bytes: &'a [u8], into: &mut Vec<Self>, context: &mut Context) -> Result<(), Reason> {
        metrics::metric(bytes, into, context)
    }
}

fn request<'a, T: Item<'a>>(
    body: &'a [u8],
    groups: &mut Vec<Group<'a, T>>,
    context: &mut Context,
) -> Result<(), DecodeError> {
    let mut walk = Walk { body };
    let mut seen = body.is_empty();
    walk.each(body, 1, |walk, bytes| {
        seen = true;
        walk.resource(bytes, groups, context)
    })?;
    if !seen {
        context.rejected.note("warning: the request holds no resource, so nothing was taken from it");
    }
    Ok(())
}

/// A walk through the envelope; knows the whole body, to say where it is damaged.
#[derive(Clone, Copy)]
struct Walk<'a> {
    body: &'a [u8],
}

impl<'a> Walk<'a> {
    fn error(&self, reader: &Reader<'_>, inside: &[u8], problem: Problem) -> DecodeError {
        let start = inside.as_ptr() as usize - self.body.as_ptr() as usize;
        let offset = start + inside.len() - reader.remaining();
        DecodeError::Protobuf { problem, offset, hint: looks_like(self.body) }
    }

    /// Calls `take` with each message in field `wanted` of `message`.
    fn each(
        &mut self,
        message: &'a [u8],
        wanted: u32,
        mut take: impl FnMut(&mut Self, &'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut reader = Reader::new(message);
        loop {
            match reader.next() {
                Ok(None) => return Ok(()),
                Ok(Some((number, Field::Bytes(bytes)))) if number == wanted => take(self, bytes)?,
                Ok(Some((number, _))) if number == wanted => return Err(self.error(&reader, message, WRONG_TYPE)),
                Ok(Some(_)) => {}
                Err(problem) => return Err(self.error(&reader, message, problem)),
            }
        }
    }

    /// Reads a `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`.
    fn resource<T: Item<'a>>(
        &mut self,
        message: &'a [u8],
        groups: &mut Vec<Group<'a, T>>,
        context: &mut Context,
    ) -> Result<(), DecodeError> {
        let mut resource = Ok(Resource::default());
        self.each(message, 1, |_, bytes| {
            resource = value::resource(bytes, context);
            context.check()
        })?;
        let resource = resource.map(Arc::new);
        self.each(message, 2, |walk, bytes| walk.scope(bytes, &resource, groups, context))
    }

    /// Reads a `ScopeSpans`, `ScopeLogs` or `ScopeMetrics`.
    fn scope<T: Item<'a>>(
        &mut self,
        message: &'a [u8],
        resource: &Result<Arc<Resource<'a>>, Reason>,
        groups: &mut Vec<Group<'a, T>>,
        context: &mut Context,
    ) -> Result<(), DecodeError> {
        let mut scope = Ok(Scope::default());
        self.each(message, 1, |_, bytes| {
            scope = value::scope(bytes, context);
            context.check()
        })?;
        let mut count = 0usize;
        self.each(message, 2, |_, _| {
            count += 1;
            Ok(())
        })?;
        let (resource, scope) = match (resource, scope) {
            (Ok(resource), Ok(scope)) => (Arc::clone(resource), Arc::new(scope)),
            (Err(reason), _) => {
                context.reject_all(T::NAME, "resource", reason, count);
                return Ok(());
            }
            (_, Err(reason)) => {
                context.reject_all(T::NAME, "scope", &reason, count);
                return Ok(());
            }
        };
        let reserved = count.min(RESERVE_ITEMS);
        let mut items = Vec::with_capacity(reserved);
        let _ = context.charge(reserved * size_of::<T>());
        self.each(message, 2, |_, bytes| {
            if let Err(reason) = T::read(bytes, &mut items, context) {
                context.check()?;
                context.reject(T::NAME, &reason);
            }
            Ok(())
        })?;
        context.check()?;
        if !items.is_empty() {
            groups.push(Group { resource, scope, items });
        }
        Ok(())
    }
}
