//! One pass over a span's attributes: which dialects speak, and which value each field of the vocabulary has.

use std::borrow::Cow;

use model::raw::{RawSpan, Resource, Scope};
use model::{StepKind, Value};

use crate::field::{Class, Field};
use crate::normalise::fold;
use crate::registry::{Dialect, Mask, Registry, Target};

/// A field's best value so far. Lower ranks are better.
#[derive(Clone, Copy)]
struct Slot<'r> {
    rank: u16,
    value: Option<&'r Value<'r>>,
}

/// A span read with all tables: dialects recognised and, per field, the value of the most specific dialect that has one.
pub(crate) struct Reading<'r> {
    pub registry: &'r Registry,
    pub raw: &'r RawSpan<'r>,
    /// Name of the instrumentation.
    pub scope: &'r str,
    /// Dialects recognised, most specific first.
    pub detected: Mask,
    /// Dialects that filled a field.
    pub filled: Mask,
    /// Attributes that no table explains.
    pub unmapped: u32,
    /// Kind, by attribute or span name.
    pub kind: Option<StepKind>,
    /// Value of a `kind` attribute that no table knows.
    pub unknown_kind: Option<&'r str>,
    /// A `result` attribute says the work failed.
    pub failed: bool,
    /// A count of tokens is there and is no number.
    pub lost_count: bool,
    slots: [Slot<'r>; Field::COUNT],
}

/// What the first look at an attribute found, kept until all dialects are known.
struct Hit<'r> {
    target: Target,
    value: &'r Value<'r>,
}

impl<'r> Reading<'r> {
    /// Reads a span.
    pub(crate) fn new(
        registry: &'r Registry,
        raw: &'r RawSpan<'r>,
        resource: &'r Resource<'r>,
        scope: &'r Scope<'r>,
    ) -> Self {
        let of_scope = registry.scopes.find(&scope.name);
        let mut of_service = 0;
        // A key that several dialects use has a field of each.
        let mut hits: Vec<Hit<'r>> = Vec::with_capacity(2 * raw.attributes.0.len() + 16);
        for (key, value) in resource.attributes.iter() {
            if key == "service.name"
                && let Some(name) = value.as_str()
            {
                of_service |= registry.services.find(name);
            }
            hits.extend(registry.resource_attribute(key).iter().map(|&target| Hit { target, value }));
        }
        let both = of_scope & of_service;
        let mut detected = registry.span_names.find(&raw.name) | (of_scope | of_service) & (!registry.all_of | both);
        let (mut unmapped, mut doubtful) = (0, Vec::with_capacity(raw.attributes.0.len()));
        for (key, value) in raw.attributes.iter() {
            let (mut explained, first) = (0, hits.len());
            for entry in registry.attribute(key) {
                detected |= entry.detects;
                explained |= entry.knows | entry.detects;
                for &target in &entry.targets {
                    explained |= 1 << target.dialect;
                    hits.push(Hit { target, value });
                }
            }
            if explained == 0 {
                unmapped += 1;
            } else if explained & registry.always == 0 {
                doubtful.push(explained);
            }
            if !is_given(value) {
                hits.truncate(first);
            }
        }
        let active = detected | registry.always;
        unmapped += doubtful.iter().filter(|&&explained| explained & active == 0).count() as u32;
        let mut reading = Self {
            registry,
            raw,
            scope: &scope.name,
            detected,
            filled: 0,
            unmapped,
            kind: None,
            unknown_kind: None,
            failed: false,
            lost_count: false,
            slots: [Slot { rank: u16::MAX, value: None }; Field::COUNT],
        };
        let mut best_kind = u16::MAX;
        for Hit { target, value } in hits {
            if active & (1 << target.dialect) != 0 {
                reading.take(target, value, &mut best_kind);
            }
        }
        if let Some((rank, kind)) = registry.kind_of_name(&raw.name, active)
            && rank < best_kind
        {
            reading.kind = Some(kind);
        }
        reading
    }

    /// Puts one value in its place if it is better than what is there.
    fn take(&mut self, target: Target, value: &'r Value<'r>, best_kind: &mut u16) {
        let dialect = &self.registry.dialects[usize::from(target.dialect)];
        match target.field {
            Field::Kind => {
                let Some(word) = value.as_str().filter(|_| target.rank <= *best_kind) else { return };
                match dialect.kinds.get(fold(unquote(word).as_ref()).as_ref()) {
                    Some(kind) => {
                        (*best_kind, self.kind) = (target.rank, Some(*kind));
                        self.filled |= 1 << target.dialect;
                    }
                    None => self.unknown_kind = Some(word),
                }
                return;
            }
            Field::Result => {
                let says_failure = match value {
                    Value::Bool(value) => {
                        dialect.failures.iter().any(|word| word.as_ref() == if *value { "true" } else { "false" })
                    }
                    other => other
                        .as_str()
                        .is_some_and(|word| dialect.failures.iter().any(|known| *known.as_ref() == *fold(word))),
                };
                self.failed |= says_failure;
            }
            Field::InputTokens | Field::OutputTokens | Field::TotalTokens => {
                self.lost_count |= matches!(value, Value::Double(number) if number.is_nan());
            }
            Field::ErrorMessage => self.failed |= dialect.message_means_failure && value.as_str().is_some(),
            _ => {}
        }
        let slot = &mut self.slots[target.field as usize];
        if target.rank <= slot.rank && fits(target.field.class(), value) {
            *slot = Slot { rank: target.rank, value: Some(value) };
            self.filled |= 1 << target.dialect;
        }
    }

    /// The value of a field.
    pub(crate) fn get(&self, field: Field) -> Option<&'r Value<'r>> {
        self.slots[field as usize].value
    }

    /// The dialect that gave a field its value.
    pub(crate) fn source(&self, field: Field) -> Option<&'r Dialect> {
        let slot = self.slots[field as usize];
        slot.value.map(|_| &self.registry.dialects[usize::from(slot.rank >> 8)])
    }

    /// A field as text; quotes of a JSON string are taken off (Langfuse 5 and MLflow send them).
    pub(crate) fn text(&self, field: Field) -> Option<Cow<'r, str>> {
        self.get(field).and_then(text_of)
    }

    /// A field as a count.
    pub(crate) fn count(&self, field: Field) -> Option<u64> {
        self.get(field).and_then(count_of)
    }

    /// A field as a number.
    pub(crate) fn number(&self, field: Field) -> Option<f64> {
        self.get(field).and_then(number_of)
    }

    /// An attribute of the span by its key.
    pub(crate) fn attribute(&self, key: &str) -> Option<&'r Value<'r>> {
        let raw: &'r RawSpan<'r> = self.raw;
        raw.attributes.get(key)
    }

    /// An attribute's non-empty text.
    pub(crate) fn attribute_text(&self, key: &str) -> Option<&'r str> {
        self.attribute(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Dialects that speak in this span, most specific first.
    pub(crate) fn dialects(&self) -> impl Iterator<Item = &'r Dialect> {
        let registry = self.registry;
        let mut left = self.detected | self.filled;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            registry.dialects.get(index as usize)
        })
    }

    /// The most specific dialect recognised.
    pub(crate) fn dialect(&self) -> Option<&'r Dialect> {
        self.registry.dialects.get((self.detected & !self.registry.unnamed).trailing_zeros() as usize)
    }
}

/// Whether a value says anything.
fn is_given(value: &Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::Str(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn fits(class: Class, value: &Value<'_>) -> bool {
    match class {
        Class::Text => text_of(value).is_some(),
        Class::Count => count_of(value).is_some(),
        Class::Number => number_of(value).is_some(),
        Class::Any => true,
        Class::Said => value.as_str().is_none_or(|text| !matches!(text.trim(), "[]" | "{}" | "null" | "\"\"")),
    }
}

/// A value as text, without a JSON string's quotes.
pub(crate) fn text_of<'r>(value: &'r Value<'r>) -> Option<Cow<'r, str>> {
    match value {
        Value::Str(text) => Some(unquote(text)).filter(|text| !text.is_empty()),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::Double(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
        // A list of one where a text belongs.
        Value::Array(items) => match items.as_slice() {
            [Value::Array(_)] => None,
            [only] => text_of(only),
            _ => None,
        },
        _ => None,
    }
}

/// Most tokens of one call, or documents of one search, that are believed: a hundred times the longest context. More is a sender's -1 or
/// a mistake, and would spoil every sum it is in.
const MOST_COUNTED: u64 = 1_000_000_000;

/// A count, where it can be one.
pub(crate) fn believed(count: u64) -> Option<u64> {
    (count <= MOST_COUNTED).then_some(count)
}

/// A value as a count, also from text in quotes.
fn count_of(value: &Value<'_>) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str().map(unquote)?.trim().parse().ok()).and_then(believed)
}

/// A value as a finite number, also from text in quotes.
fn number_of(value: &Value<'_>) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str().map(unquote)?.trim().parse().ok())
        .filter(|number: &f64| number.is_finite())
}

/// The text inside a JSON string; other text as it is.
pub(crate) fn unquote(text: &str) -> Cow<'_, str> {
    if text.len() >= 2
        && text.starts_with('"')
        && text.ends_with('"')
        && let Ok(inner) = serde_json::from_str::<String>(text)
    {
        return Cow::Owned(inner);
    }
    Cow::Borrowed(text)
}
