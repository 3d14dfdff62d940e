//! Which span tells the step that a log record tells.
//!
//! By the id of the tool call or of the model's response; else by the span in which the record was written, where that is of the same kind;
//! else by kind, name and time: the one nearest in time of those that overlap, each once.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, SpanId, StepKind};

use super::super::duplicates::same_usage;
use super::steps::ToldStep;
use super::{moment, take};

/// How far apart the clocks of a program's log and of its spans may be, and how long after a step its record may be written.
const SLACK_NANOS: i64 = 250_000_000;
/// Spans of one kind and name looked at for one record, from the nearest in time on.
const COMPARED: usize = 64;

/// Ends of spans in nanoseconds with their positions, in order.
type ByEnd = Vec<(i64, usize)>;

/// Spans as sent, with what finds them.
pub(super) struct Spans {
    spans: Vec<Arc<Span>>,
    by_id: HashMap<SpanId, usize>,
    by_call: HashMap<Arc<str>, Vec<usize>>,
    by_response: HashMap<Arc<str>, Vec<usize>>,
    /// By kind and name, ordered by end.
    by_kind: HashMap<(StepKind, Arc<str>), ByEnd>,
    /// By name, for records that do not say the kind.
    by_name: HashMap<Arc<str>, ByEnd>,
    taken: Vec<bool>,
}

/// What tells steps of one kind apart: a tool's name; for model calls nothing, since spans and records name them differently.
fn name(span: &Span) -> Arc<str> {
    match span.kind {
        StepKind::Llm | StepKind::Embedding => "".into(),
        StepKind::Tool => span.tool_name.clone().unwrap_or_else(|| span.name.clone()),
        _ => span.name.clone(),
    }
}

impl Spans {
    pub fn new(spans: Vec<Arc<Span>>) -> Self {
        let mut all = Self {
            taken: vec![false; spans.len()],
            by_id: HashMap::with_capacity(spans.len()),
            by_call: HashMap::new(),
            by_response: HashMap::new(),
            by_kind: HashMap::new(),
            by_name: HashMap::new(),
            spans,
        };
        for (at, span) in all.spans.iter().enumerate() {
            all.by_id.insert(span.span_id, at);
            if let Some(id) = &span.tool_call_id {
                all.by_call.entry(id.clone()).or_default().push(at);
            }
            if let Some(id) = &span.response_id {
                all.by_response.entry(id.clone()).or_default().push(at);
            }
            let end = moment(span).as_nanos();
            all.by_kind.entry((span.kind, name(span))).or_default().push((end, at));
            all.by_name.entry(span.name.clone()).or_default().push((end, at));
        }
        for list in all.by_kind.values_mut().chain(all.by_name.values_mut()) {
            list.sort_unstable();
        }
        all
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn has(&self, id: SpanId) -> bool {
        self.by_id.contains_key(&id)
    }

    pub fn id(&self, at: usize) -> SpanId {
        self.spans[at].span_id
    }

    /// The earliest span without a parent.
    pub fn root(&self) -> Option<usize> {
        let roots = (0..self.spans.len()).filter(|&at| self.spans[at].parent_span_id.is_none());
        roots.min_by_key(|&at| (self.spans[at].start, self.spans[at].span_id))
    }

    /// Whether the span is around steps, and no step of an agent itself.
    pub fn is_frame(&self, at: usize) -> bool {
        matches!(self.spans[at].kind, StepKind::Agent | StepKind::Chain | StepKind::Handoff | StepKind::Other)
    }

    pub fn add(&mut self, span: Span) {
        self.by_id.insert(span.span_id, self.spans.len());
        self.spans.push(Arc::new(span));
        self.taken.push(true);
    }

    pub fn into_spans(self) -> Vec<Arc<Span>> {
        self.spans
    }

    /// Adds what a told step says.
    pub fn fill(&mut self, at: usize, told: &Span) {
        take(Arc::make_mut(&mut self.spans[at]), told);
    }

    /// Adds to the root what was asked and answered, and of whom; a prompt's record says nothing of how the root went.
    pub fn fill_prompt(&mut self, at: usize, told: &Span) {
        let root = Arc::make_mut(&mut self.spans[at]);
        macro_rules! fill {
            ($($field:ident),+) => { $(if root.$field.is_none() { root.$field.clone_from(&told.$field); })+ };
        }
        fill!(input_preview, output_preview, session_id, user_id, workflow);
    }

    /// The span that tells the same step, taken from now on.
    pub fn same(&mut self, step: &ToldStep) -> Option<usize> {
        let told = &step.span;
        let found = self
            .by_call(told)
            .or_else(|| self.by_response(told))
            .or_else(|| self.around(step))
            .or_else(|| self.nearest(told));
        if let Some(at) = found {
            self.taken[at] = true;
        }
        found
    }

    fn by_call(&self, told: &Span) -> Option<usize> {
        let list = self.by_call.get(told.tool_call_id.as_ref()?)?;
        // Frameworks number calls anew in every round.
        list.iter()
            .copied()
            .filter(|&at| self.spans[at].kind == StepKind::Tool && !self.taken[at] && self.apart(told, at) <= DAY_NANOS)
            .min_by_key(|&at| self.apart(told, at))
    }

    fn by_response(&self, told: &Span) -> Option<usize> {
        let list = self.by_response.get(told.response_id.as_ref()?)?;
        let free = list.iter().copied().filter(|&at| self.spans[at].kind == told.kind && !self.taken[at]);
        free.min_by_key(|&at| self.apart(told, at))
    }

    /// The span in which the record was written, where it is of the step's kind. A line of prose is of no step but that span's.
    fn around(&self, step: &ToldStep) -> Option<usize> {
        let at = *self.by_id.get(&step.span.parent_span_id?)?;
        if step.mentioned {
            return Some(at);
        }
        (!self.taken[at] && self.fits(&step.span, at)).then_some(at)
    }

    fn nearest(&self, told: &Span) -> Option<usize> {
        let list = match told.kind {
            StepKind::Other => self.by_name.get(&told.name)?,
            kind => self.by_kind.get(&(kind, name(told)))?,
        };
        let begun = told.start.as_nanos().saturating_sub(SLACK_NANOS);
        let ended = moment(told).as_nanos().saturating_add(SLACK_NANOS);
        let from = list.partition_point(|&(end, _)| end < begun);
        let overlapping = list[from..]
            .iter()
            .take(COMPARED)
            .map(|&(_, at)| at)
            .filter(|&at| !self.taken[at] && self.spans[at].start.as_nanos() <= ended && self.fits(told, at));
        overlapping.min_by_key(|&at| self.apart(told, at))
    }

    /// Whether the two can be of one step. What one side does not say contradicts nothing.
    fn fits(&self, told: &Span, at: usize) -> bool {
        let span = &self.spans[at];
        let differ = |a: &Option<Arc<str>>, b: &Option<Arc<str>>| a.is_some() && b.is_some() && a != b;
        let same_kind = match told.kind {
            StepKind::Other => span.name == told.name,
            StepKind::Chain => span.kind == StepKind::Chain && span.name == told.name,
            kind => span.kind == kind && name(span) == name(told),
        };
        same_kind
            && !differ(&told.tool_call_id, &span.tool_call_id)
            && !differ(&told.response_id, &span.response_id)
            && !other_model(told, span)
            && (same_usage(&told.usage, &span.usage) || thoughts_apart(told, span))
    }

    fn apart(&self, told: &Span, at: usize) -> i64 {
        moment(&self.spans[at]).as_nanos().saturating_sub(moment(told).as_nanos()).saturating_abs()
    }
}

/// Call ids repeat, but a record is not written a day away from its span.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Whether the two name different models. One name may be the other with a date behind it.
pub(super) fn other_model(a: &Span, b: &Span) -> bool {
    match (&a.model, &b.model) {
        (Some(a), Some(b)) => !a.starts_with(&**b) && !b.starts_with(&**a),
        _ => false,
    }
}

/// Whether the record's output is the span's and the thoughts that the span leaves out.
fn thoughts_apart(told: &Span, span: &Span) -> bool {
    let (told, span) = (&told.usage, &span.usage);
    let thoughts = told.reasoning_tokens.unwrap_or(0);
    told.input_tokens == span.input_tokens
        && span.reasoning_tokens.is_none()
        && span.output_tokens.map(|output| output + thoughts) == told.output_tokens
}
