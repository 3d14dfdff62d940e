//! Phoenix' REST API, the writing half: annotations of spans and traces, and spans logged without OTLP.
//!
//! Source: Arize-ai/phoenix, `schemas/openapi.json`, and `arize-phoenix-client` 3.5. Spans themselves come over OTLP.

use std::borrow::Cow;

use model::raw::{Scope, StatusCode};
use model::{SpanId, Timestamp, TraceId};

use crate::raw_json::{Items, Members, attribute, string};
use crate::{DecodeError, ITEMS_MAX, Partial, Score, Told};

/// What an annotation judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// `POST /v1/span_annotations`.
    Span,
    /// `POST /v1/trace_annotations`.
    Trace,
}

/// Reads annotations: `{"data": [annotation…]}`.
///
/// # Errors
/// When the body is not such an object. Bad annotations are refused in [`Told::items`].
pub fn annotations(judged: Judged, body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let mut told = Told::default();
    each(body, &mut told, |members, told| {
        told.scores.push(annotation(judged, members, received)?);
        Ok(())
    })?;
    Ok(told)
}

fn annotation(judged: Judged, members: &Members<'_>, received: Timestamp) -> Result<Score, String> {
    let name = members.text("name").ok_or("the annotation has no \"name\"")?;
    let mut score = Score::new(name.clone(), received);
    let target = match judged {
        Judged::Span => {
            let span: SpanId = id(members, "span_id")?;
            score.span_id = Some(span);
            span.to_string()
        }
        Judged::Trace => {
            let trace: TraceId = id(members, "trace_id")?;
            score.trace_id = Some(trace);
            trace.to_string()
        }
    };
    let result = members.object("result");
    (score.value, score.label, score.comment) =
        (result.number("score"), result.text("label"), result.text("explanation"));
    if score.value.is_none() && score.label.is_none() && score.comment.is_none() {
        return Err("the annotation's \"result\" has no score, label or explanation".into());
    }
    score.source = members.text("annotator_kind");
    // Phoenix keeps one annotation for each name and identifier of a span.
    score.id = format!("{target}:{name}:{}", members.text("identifier").unwrap_or_default());
    if let Some(text) = members.raw("metadata") {
        score.more.push((Cow::Borrowed("phoenix.annotation.metadata"), string(text)));
    }
    Ok(score)
}

fn id<T: std::str::FromStr<Err = model::IdError>>(members: &Members<'_>, key: &str) -> Result<T, String> {
    let text = members.text(key).ok_or_else(|| format!("it has no \"{key}\""))?;
    text.parse().map_err(|error| format!("its \"{key}\" {text:?} is no id: {error}"))
}

/// Reads `POST /v1/projects/{project}/spans`: `{"data": [span…]}`.
///
/// # Errors
/// When the body is not such an object. Bad spans are refused in [`Told::items`].
pub fn spans(project: &str, body: &[u8], received: Timestamp) -> Result<Told, DecodeError> {
    let mut told = Told::default();
    each(body, &mut told, |members, told| {
        told.spans.push(span(project, members, received)?);
        Ok(())
    })?;
    Ok(told)
}

fn span(project: &str, members: &Members<'_>, received: Timestamp) -> Result<Partial, String> {
    let context = members.object("context");
    let (trace, own) = (id(&context, "trace_id")?, id(&context, "span_id")?);
    let (start, end) = (members.time("start_time"), members.time("end_time"));
    let scope = Scope { name: Cow::Borrowed("phoenix"), ..Scope::default() };
    let mut span = Partial::new(trace, own, end.or(start).unwrap_or(received), scope);
    (span.name, span.start, span.end) = (members.text("name"), start, end);
    span.parent = members.text("parent_id").map(|_| id(members, "parent_id")).transpose()?;
    let code = members.text("status_code").unwrap_or_default();
    let status = match code.as_str() {
        "ERROR" => StatusCode::Error,
        "OK" => StatusCode::Ok,
        _ => StatusCode::Unset,
    };
    span.status = Some((status, members.text("status_message").unwrap_or_default()));
    span.set_text("openinference.span.kind", members.text("span_kind"));
    span.set("openinference.project.name", Some(string(project)));
    for (key, text) in members.object("attributes").iter() {
        span.set(key.to_owned(), attribute(text));
    }
    Ok(span)
}

fn each(
    body: &[u8],
    told: &mut Told,
    mut read: impl FnMut(&Members<'_>, &mut Told) -> Result<(), String>,
) -> Result<(), DecodeError> {
    let request = Members::read(body).map_err(DecodeError::Json)?;
    let Some(Ok(Items(items))) = request.raw("data").map(serde_json::from_str) else {
        return Err(DecodeError::Json("it has no list \"data\"".into()));
    };
    for (number, item) in items.into_iter().enumerate() {
        let one = Members::read(item.get().as_bytes()).and_then(|members| match number < ITEMS_MAX {
            true => read(&members, told),
            false => Err(format!("a request may hold {ITEMS_MAX} items (ITEMS_MAX); send fewer at once")),
        });
        match one {
            Ok(()) => told.take(format!("item {number}")),
            Err(error) => told.refuse(format!("item {number}"), error),
        }
    }
    Ok(())
}
