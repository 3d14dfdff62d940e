//! What all partials of one span say together, in whatever order they came.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::raw::{Event, RawSpan, Scope, SpanKind, StatusCode};
use model::{Attributes, SpanId, Timestamp, TraceId, Value};

use crate::Partial;

/// The attribute that marks a span as put together from partials: a map of `at` (nanoseconds: the time of its latest
/// partial), and, where true, `covers` (see [`Partial::covers`]), `start_guessed` and `parent_guessed` (no partial told it yet).
pub const TOLD: &str = "tawny.told";

/// Attributes whose values are sets: what two partials say is put together instead of one replacing the other.
const SETS: &[&str] = &["langfuse.trace.tags"];

/// Attributes of one span; further ones are counted as dropped. Fewer than what an OTLP request may have, so that the span can
/// be written as one and read again.
const ATTRIBUTES_MAX: usize = 1_900;

/// A name for spans of which only updates arrived.
const UNNAMED: &str = "unnamed";

/// A value, and when it was said.
type Said<T> = Option<(T, Timestamp)>;

/// A span as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    trace_id: TraceId,
    span_id: SpanId,
    latest: Timestamp,
    scope: Scope<'static>,
    name: Said<Cow<'static, str>>,
    parent: Said<SpanId>,
    parent_if_untold: Option<SpanId>,
    start: Said<Timestamp>,
    /// The earliest time anything was said: the best guess of a start that nobody told.
    guess: Timestamp,
    end: Said<Timestamp>,
    covers: bool,
    status: Said<(StatusCode, Cow<'static, str>)>,
    attributes: BTreeMap<Cow<'static, str>, (Value<'static>, Timestamp)>,
    events: Said<Vec<Event<'static>>>,
    kind: SpanKind,
    dropped: u32,
}

/// Replaces what was said earlier. Whether that changed anything.
fn replace<T: PartialEq>(place: &mut Said<T>, value: T, at: Timestamp) -> bool {
    match place {
        Some((_, said)) if at < *said => false,
        Some((old, said)) => {
            *said = at;
            let changed = *old != value;
            *old = value;
            changed
        }
        None => {
            *place = Some((value, at));
            true
        }
    }
}

/// Keeps the better of two values, whenever they were said.
fn widen<T: PartialEq + Copy>(place: &mut Said<T>, value: T, at: Timestamp, better: fn(T, T) -> T) -> bool {
    let old = place.map(|(old, _)| old);
    let new = old.map_or(value, |old| better(old, value));
    *place = Some((new, at));
    old != Some(new)
}

impl Known {
    /// What a first partial says.
    pub fn new(partial: Partial) -> Self {
        let mut known = Self {
            trace_id: partial.trace_id,
            span_id: partial.span_id,
            latest: partial.at,
            scope: partial.scope.clone(),
            name: None,
            parent: None,
            parent_if_untold: None,
            start: None,
            guess: partial.at,
            end: None,
            covers: partial.covers,
            status: None,
            attributes: BTreeMap::new(),
            events: None,
            kind: SpanKind::Internal,
            dropped: 0,
        };
        known.add(partial);
        known
    }

    /// What was kept of a span: everything in it counts as said at the time of its latest partial, or, for a span that came
    /// over OTLP, at its end.
    pub fn from_kept(span: RawSpan<'static>, scope: Scope<'static>) -> Self {
        let mut attributes = span.attributes.0;
        let told = attributes.iter().position(|(key, _)| key == TOLD).map(|at| attributes.remove(at).1);
        let told = match told {
            Some(Value::Map(members)) => members,
            _ => Vec::new(),
        };
        let member = |name: &str| told.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        let truth = |name: &str| member(name).and_then(Value::as_bool).unwrap_or(false);
        let at = member("at").and_then(Value::as_i64).map_or(span.start.max(span.end), Timestamp::from_nanos);
        let said = |time: Timestamp| (!time.is_unset()).then_some((time, at));
        let failed = span.status != StatusCode::Unset || !span.status_message.is_empty();
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            latest: at,
            scope,
            name: (!span.name.is_empty() && span.name != UNNAMED).then_some((span.name, at)),
            parent: span.parent_span_id.filter(|_| !truth("parent_guessed")).map(|parent| (parent, at)),
            parent_if_untold: span.parent_span_id.filter(|_| truth("parent_guessed")),
            start: said(span.start).filter(|_| !truth("start_guessed")),
            guess: if span.start.is_unset() { at } else { span.start },
            end: said(span.end),
            covers: truth("covers"),
            status: failed.then_some(((span.status, span.status_message), at)),
            attributes: attributes.into_iter().map(|(key, value)| (key, (value, at))).collect(),
            events: (!span.events.is_empty()).then_some((span.events, at)),
            kind: span.kind,
            dropped: span.dropped,
        }
    }

    /// Takes in what another partial says. Whether that changed anything: what is said again changes nothing.
    pub fn add(&mut self, partial: Partial) -> bool {
        let at = partial.at;
        let mut changed = false;
        if at >= self.latest {
            self.latest = at;
            if !partial.scope.version.is_empty() && self.scope != partial.scope {
                (self.scope, changed) = (partial.scope, true);
            }
        }
        if at < self.guess {
            self.guess = at;
            changed |= self.start.is_none();
        }
        if let Some(name) = partial.name {
            changed |= replace(&mut self.name, Cow::Owned(name), at);
        }
        if let Some(parent) = partial.parent {
            changed |= replace(&mut self.parent, parent, at);
        }
        if self.parent_if_untold.is_none() && partial.parent_if_untold.is_some() {
            self.parent_if_untold = partial.parent_if_untold;
            changed |= self.parent.is_none();
        }
        self.covers |= partial.covers;
        if let Some(start) = partial.start {
            changed |= match partial.covers {
                true => widen(&mut self.start, start, at, Ord::min),
                false => replace(&mut self.start, start, at),
            };
        }
        if let Some(end) = partial.end {
            changed |= match partial.covers {
                true => widen(&mut self.end, end, at, Ord::max),
                false => replace(&mut self.end, end, at),
            };
        }
        if let Some((status, message)) = partial.status {
            changed |= replace(&mut self.status, (status, Cow::Owned(message)), at);
        }
        if let Some(events) = partial.events {
            changed |= replace(&mut self.events, events, at);
        }
        for (key, value) in partial.attributes {
            changed |= self.attribute(key, value, at);
        }
        if partial.dropped > self.dropped {
            (self.dropped, changed) = (partial.dropped, true);
        }
        changed
    }

    fn attribute(&mut self, key: Cow<'static, str>, value: Value<'static>, at: Timestamp) -> bool {
        let count = self.attributes.len();
        match self.attributes.entry(key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                if count >= ATTRIBUTES_MAX {
                    self.dropped = self.dropped.saturating_add(1);
                    return false;
                }
                place.insert((value, at));
                true
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                if SETS.contains(&place.key().as_ref()) {
                    return union(&mut place.get_mut().0, value);
                }
                let (old, said) = place.get_mut();
                if at < *said {
                    return false;
                }
                *said = at;
                let changed = *old != value;
                *old = value;
                changed
            }
        }
    }

    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Its scope.
    pub fn scope(&self) -> &Scope<'static> {
        &self.scope
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        fn of(value: &Value<'_>) -> usize {
            match value {
                Value::Str(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                Value::Array(items) => items.iter().map(|item| of(item) + 32).sum(),
                Value::Map(items) => items.iter().map(|(key, item)| key.len() + of(item) + 56).sum(),
                _ => 0,
            }
        }
        let attributes: usize = self.attributes.iter().map(|(key, (value, _))| key.len() + of(value) + 96).sum();
        let events = self.events.iter().flat_map(|(events, _)| events);
        let events: usize = events
            .map(|event| 96 + event.attributes.iter().map(|(key, value)| key.len() + of(value) + 64).sum::<usize>())
            .sum();
        size_of::<Self>() + attributes + events + self.status.as_ref().map_or(0, |((_, text), _)| text.len())
    }

    /// The span, as if it had been sent in one piece.
    pub fn raw(&self) -> RawSpan<'static> {
        let mut told = vec![(Cow::Borrowed("at"), Value::Int(self.latest.as_nanos()))];
        if self.covers {
            told.push((Cow::Borrowed("covers"), Value::Bool(true)));
        }
        if self.start.is_none() {
            told.push((Cow::Borrowed("start_guessed"), Value::Bool(true)));
        }
        if self.parent.is_none() && self.parent_if_untold.is_some() {
            told.push((Cow::Borrowed("parent_guessed"), Value::Bool(true)));
        }
        let mut attributes = vec![(Cow::Borrowed(TOLD), Value::Map(told))];
        attributes.extend(self.attributes.iter().map(|(key, (value, _))| (key.clone(), value.clone())));
        let (status, status_message) =
            self.status.as_ref().map_or((StatusCode::Unset, Cow::Borrowed("")), |(status, _)| status.clone());
        RawSpan {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent.map(|(parent, _)| parent).or(self.parent_if_untold),
            name: self.name.as_ref().map_or(Cow::Borrowed(UNNAMED), |(name, _)| name.clone()),
            kind: self.kind,
            start: self.start.map_or(self.guess, |(start, _)| start),
            end: self.end.map(|(end, _)| end).unwrap_or_default(),
            attributes: Attributes(attributes),
            events: self.events.as_ref().map(|(events, _)| events.clone()).unwrap_or_default(),
            status,
            status_message,
            dropped: self.dropped,
            ..RawSpan::default()
        }
    }
}

/// Puts two lists of texts together, sorted.
fn union(old: &mut Value<'static>, new: Value<'static>) -> bool {
    let texts = |value: &Value<'_>| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>(),
        Value::Str(text) => vec![text.to_string()],
        _ => Vec::new(),
    };
    let mut all = texts(old);
    all.extend(texts(&new));
    all.sort_unstable();
    all.dedup();
    let all = Value::Array(all.into_iter().map(|text| Value::Str(Cow::Owned(text))).collect());
    let changed = *old != all;
    *old = all;
    changed
}

#[cfg(test)]
mod tests;
