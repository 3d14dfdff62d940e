//! LangSmith's run protocol: runs created by `post` and changed by `patch`, one by one, in batches or as multipart; feedback.
//!
//! Source: langchain-ai/langsmith-sdk, Python 0.14 and JS 0.10. A run is a span; its trace is its root run. A span gets the attribute keys
//! of LangSmith's own OpenTelemetry exporter (`python/langsmith/_internal/otel/_otel_exporter.py`).

mod multipart;
mod outputs;
mod run;

use std::borrow::Cow;

use model::Timestamp;
use serde_json::Value as Json;
use serde_json::value::RawValue;

pub use multipart::{boundary, multipart};

use crate::ids::{span_id, trace_id, uuid7_millis};
use crate::raw_json::{Items, Members, string};
use crate::{DecodeError, ITEMS_MAX, Score, Told};

/// Bytes of one attachment that are kept with its run; of a larger one only name, type and size are.
pub const ATTACHMENT_BYTES_MAX: usize = 1 << 20;

/// What is done with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// It is created.
    Post,
    /// It is changed. Counts over a `post` of the same time.
    Patch,
}

/// What a request says, and what of it needs to know more.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs {
    /// What it says.
    pub told: Told,
    /// Positions in `told.spans` of changes that name no trace, as older SDKs send them: the trace has to be looked up, or
    /// the change cannot be kept. Each with the position of its item in `told.items`.
    pub traceless: Vec<(usize, usize)>,
}

/// Reads one run (`POST /runs`, or `PATCH /runs/{id}` with the id of the path).
///
/// # Errors
/// When the body is not a JSON object. A bad run is refused in [`Told::items`].
pub fn single(verb: Verb, path_id: Option<&str>, body: &[u8], received: Timestamp) -> Result<Runs, DecodeError> {
    let members = Members::read(body).map_err(DecodeError::Json)?;
    let mut runs = Runs::default();
    runs.add(verb, path_id, &members, &[], received);
    Ok(runs)
}

/// Reads `POST /runs/batch`: `{"post": [run…], "patch": [run…]}`.
///
/// # Errors
/// When the body is not such an object. Bad runs are refused in [`Told::items`].
pub fn batch(body: &[u8], received: Timestamp) -> Result<Runs, DecodeError> {
    let request = Members::read(body).map_err(DecodeError::Json)?;
    let mut runs = Runs::default();
    let mut lists = 0;
    for (verb, key) in [(Verb::Post, "post"), (Verb::Patch, "patch")] {
        let Some(text) = request.raw(key) else { continue };
        let Items(items) = serde_json::from_str(text)
            .map_err(|error| DecodeError::Json(format!("\"{key}\" is not a list of runs: {error}")))?;
        lists += 1;
        for item in items {
            match Members::read(item.get().as_bytes()) {
                Ok(members) => runs.add(verb, None, &members, &[], received),
                Err(error) => runs.told.refuse(format!("{key} {}", runs.told.items.len()), error),
            }
        }
    }
    if lists == 0 && !request.is_empty() {
        return Err(DecodeError::Json("it has neither a list \"post\" nor a list \"patch\" of runs".into()));
    }
    Ok(runs)
}

/// An attachment: its name, MIME type and content.
type Attachment<'a> = (String, String, &'a [u8]);

impl Runs {
    fn add(
        &mut self,
        verb: Verb,
        path_id: Option<&str>,
        members: &Members<'_>,
        attachments: &[Attachment<'_>],
        received: Timestamp,
    ) {
        let id = path_id.map(str::to_owned).or_else(|| members.text("id"));
        let shown = id.clone().unwrap_or_else(|| format!("run {}", self.told.items.len()));
        if self.told.items.len() >= ITEMS_MAX {
            self.told.refuse(shown, format!("a request may hold {ITEMS_MAX} runs (ITEMS_MAX); send smaller batches"));
            return;
        }
        let Some(id) = id else {
            self.told.refuse(shown, "the run has no \"id\"");
            return;
        };
        let (mut span, has_trace) = run::read(verb, &id, members, received);
        run::attach(&mut span, attachments);
        if !has_trace {
            self.traceless.push((self.told.spans.len(), self.told.items.len()));
        }
        self.told.spans.push(span);
        self.told.take(id);
    }
}

/// Reads one feedback (`POST /feedback`, or a part of a multipart).
///
/// # Errors
/// When the body is not a JSON object, or names no run, session or key.
pub fn feedback(body: &[u8], received: Timestamp) -> Result<Score, DecodeError> {
    let members = Members::read(body).map_err(DecodeError::Json)?;
    read_feedback(&members, received).map_err(DecodeError::Json)
}

fn read_feedback(members: &Members<'_>, received: Timestamp) -> Result<Score, String> {
    let id = members.text("id").unwrap_or_default();
    // JavaScript sends no time of its own, but its ids hold one; a repeated feedback must be the same feedback.
    let from_id = || uuid7_millis(&id).map(Timestamp::from_millis);
    let at = members.time("modified_at").or_else(|| members.time("created_at")).or_else(from_id).unwrap_or(received);
    let mut score = Score::new(members.text("key").ok_or("the feedback has no \"key\"")?, at);
    score.id = id;
    score.value = match members.json("score") {
        Some(Json::Number(number)) => number.as_f64(),
        Some(Json::Bool(truth)) => Some(f64::from(u8::from(truth))),
        _ => None,
    };
    score.label = match members.json("value") {
        Some(Json::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Some(Json::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    score.comment = members.text("comment");
    score.source = members.object("feedback_source").text("type");
    let (run, trace) = (members.text("run_id"), members.text("trace_id"));
    if run.is_none() && trace.is_none() && members.text("session_id").is_none() {
        return Err("the feedback names no \"run_id\", \"trace_id\" or \"session_id\"".into());
    }
    score.trace_id = trace.as_deref().map(trace_id);
    score.span_id = run.as_deref().or(trace.as_deref()).map(span_id);
    score.trace_if_unknown = run.as_deref().map(trace_id);
    let mut more = |key: &'static str, text: Option<String>| {
        score.more.extend(text.map(|text| (Cow::Borrowed(key), string(text))));
    };
    more("langsmith.feedback.run_id", run);
    more("langsmith.feedback.trace_id", trace);
    more("langsmith.feedback.session_id", members.text("session_id"));
    more("langsmith.feedback.correction", members.raw("correction").map(str::to_owned));
    more("langsmith.feedback.extra", members.raw("extra").map(str::to_owned));
    Ok(score)
}

/// A part of a multipart as a member of its run; the error is a sentence.
fn member(content: &[u8]) -> Result<&RawValue, String> {
    serde_json::from_slice(content).map_err(|error| format!("not JSON: {error}"))
}

#[cfg(test)]
mod tests;
