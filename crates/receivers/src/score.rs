//! A judgement of a span or run: user feedback, an evaluator's result, a person's note.
//!
//! It is kept as the log event that OpenTelemetry's GenAI conventions name for it (`gen_ai.evaluation.result`, with the judged
//! span as its trace context), so that scores of OpenTelemetry instrumentations and of other SDKs are one thing.

use std::borrow::Cow;
use std::collections::HashMap;

use model::raw::RawLog;
use model::{Attributes, SpanId, Timestamp, TraceId, Value};

/// The event's name.
pub const EVALUATION: &str = "gen_ai.evaluation.result";

const NAME: &str = "gen_ai.evaluation.name";
/// The attribute with the score as a number.
pub const VALUE: &str = "gen_ai.evaluation.score.value";
const LABEL: &str = "gen_ai.evaluation.score.label";
const COMMENT: &str = "gen_ai.evaluation.explanation";
const ID: &str = "tawny.evaluation.id";
const SOURCE: &str = "tawny.evaluation.source";

/// The attribute, and its value, of a score whose span was not known when it came.
pub const WAITING: (&str, &str) = ("tawny.evaluation.span", "not_arrived");

/// A score.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Id as the client gave it; a later score of the same id replaces it. Empty where none was given.
    pub id: String,
    /// What is judged, for example `correctness`.
    pub name: String,
    /// The judgement as a number; truth is 1 or 0.
    pub value: Option<f64>,
    /// The judgement as a word.
    pub label: Option<String>,
    /// Why.
    pub comment: Option<String>,
    /// Who or what judged, in the client's words: `api`, `human`, `LLM`.
    pub source: Option<String>,
    /// The run; `None` where only the span is named and has to be looked for.
    pub trace_id: Option<TraceId>,
    /// The span; `None` for the run as a whole.
    pub span_id: Option<SpanId>,
    /// The run where the span is not known: LangSmith judges runs by an id that is also the trace's where the run is a root.
    pub trace_if_unknown: Option<TraceId>,
    /// When.
    pub at: Timestamp,
    /// Whatever else was said, under its own attribute keys.
    pub more: Vec<(Cow<'static, str>, Value<'static>)>,
}

impl Score {
    /// A score of which only the name is known.
    pub fn new(name: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: String::new(),
            name: name.into(),
            value: None,
            label: None,
            comment: None,
            source: None,
            trace_id: None,
            span_id: None,
            trace_if_unknown: None,
            at,
            more: Vec::new(),
        }
    }

    /// The log record it is kept as.
    pub fn into_log(self) -> RawLog<'static> {
        let text = |text: String| Value::Str(Cow::Owned(text));
        let filled = |text: String| (!text.is_empty()).then_some(text);
        let fields = [
            (NAME, Some(text(self.name))),
            (VALUE, self.value.map(Value::Double)),
            (LABEL, self.label.map(text)),
            (COMMENT, self.comment.map(text)),
            (ID, filled(self.id).map(text)),
            (SOURCE, self.source.map(text)),
        ];
        let mut attributes: Vec<(Cow<'static, str>, Value<'static>)> =
            fields.into_iter().filter_map(|(key, value)| Some((Cow::Borrowed(key), value?))).collect();
        if self.span_id.is_some() && self.trace_id.is_none() {
            attributes.push((Cow::Borrowed(WAITING.0), text(WAITING.1.to_owned())));
        }
        attributes.extend(self.more);
        RawLog {
            time: self.at,
            observed: self.at,
            severity: 9,
            event_name: Cow::Borrowed(EVALUATION),
            attributes: Attributes(attributes),
            trace_id: self.trace_id.or(self.trace_if_unknown),
            span_id: self.span_id,
            ..RawLog::default()
        }
    }

    /// The score in a log record, whoever sent it; `None` where the record is something else.
    pub fn from_log(log: &RawLog<'_>) -> Option<Self> {
        if log.event_name != EVALUATION && log.attributes.text("event.name") != Some(EVALUATION) {
            return None;
        }
        let text = |key: &str| log.attributes.text(key).map(str::to_owned);
        let waits = log.attributes.text(WAITING.0) == Some(WAITING.1);
        let own = [NAME, VALUE, LABEL, COMMENT, ID, SOURCE, WAITING.0];
        let more = log.attributes.iter().filter(|(key, _)| !own.contains(key));
        Some(Self {
            id: text(ID).unwrap_or_default(),
            name: text(NAME).unwrap_or_default(),
            value: log.attributes.get(VALUE).and_then(Value::as_f64),
            label: text(LABEL),
            comment: text(COMMENT),
            source: text(SOURCE),
            trace_id: log.trace_id.filter(|_| !waits),
            span_id: log.span_id,
            trace_if_unknown: log.trace_id.filter(|_| waits),
            at: if log.time.is_unset() { log.observed } else { log.time },
            more: more.map(|(key, value)| (Cow::Owned(key.to_owned()), value.clone().into_owned())).collect(),
        })
    }

    /// Scores as they stand: of several with one id, the latest.
    pub fn latest(mut scores: Vec<Self>) -> Vec<Self> {
        scores.sort_by_key(|score| score.at);
        let mut kept: Vec<Self> = Vec::with_capacity(scores.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for score in scores {
            match places.get(&score.id) {
                Some(place) => kept[*place] = score,
                None => {
                    if !score.id.is_empty() {
                        places.insert(score.id.clone(), kept.len());
                    }
                    kept.push(score);
                }
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_reads_back_from_its_log_record_and_a_later_one_replaces_it() {
        let mut score = Score::new("correctness", Timestamp::from_millis(5));
        (score.id, score.value, score.comment) = ("s1".into(), Some(0.9), Some("nice".into()));
        score.trace_id = Some(TraceId::from_array([1; 16]));
        let back = Score::from_log(&score.clone().into_log()).unwrap();
        assert_eq!(back, score);
        let mut waiting = score.clone();
        (waiting.trace_id, waiting.span_id) = (None, Some(SpanId::from_array([2; 8])));
        (waiting.trace_if_unknown, waiting.more) = (score.trace_id, vec![("team".into(), Value::Int(7))]);
        assert_eq!(Score::from_log(&waiting.clone().into_log()).unwrap(), waiting);
        let mut second = score.clone();
        (second.value, second.at) = (Some(0.1), Timestamp::from_millis(9));
        let mut other = Score::new("helpful", Timestamp::from_millis(7));
        other.id = "s2".into();
        let latest = Score::latest(vec![second.clone(), score, other.clone()]);
        assert_eq!(latest, vec![second, other]);
    }
}
