//! Log records put together to steps: what began, what was said of it, how it ended.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Span, SpanId, SpanStatus, StepKind, Timestamp, ToldPart};

use super::same::other_model;
use super::{moment, take, told};

/// One step as log records tell it.
pub(super) struct ToldStep {
    /// What they say, under the id of the first that does.
    pub span: Span,
    /// The told spans it is made of.
    pub parts: Vec<SpanId>,
    /// Position of the told step during which it was the only one open.
    pub inside: Option<usize>,
    /// The last moment anything was said of it.
    pub last: Timestamp,
    /// Something only mentions it (a line of prose that names it).
    pub mentioned: bool,
}

impl ToldStep {
    pub fn of(span: Span) -> Self {
        Self { parts: vec![span.span_id], inside: None, last: moment(&span), mentioned: false, span }
    }

    fn add(&mut self, part: &Span) {
        take(&mut self.span, part);
        self.parts.push(part.span_id);
        self.last = self.last.max(moment(part));
    }
}

/// The steps, and the root where a record tells of it.
///
/// Records are read in the order of their own times. A step's name may come again: what follows an end is the next step of that name.
pub(super) fn steps(mut records: Vec<&Arc<Span>>) -> (Vec<ToldStep>, Option<ToldStep>) {
    records.sort_unstable_by_key(|span| (moment(span), told(span).part, span.span_id));
    let mut made = Made::default();
    let mut root: Option<ToldStep> = None;
    for span in records {
        let told = told(span);
        match told.part {
            ToldPart::Root => match &mut root {
                Some(root) => root.add(span),
                None => root = Some(ToldStep::of((**span).clone())),
            },
            ToldPart::Start => made.begin(told.step, span),
            ToldPart::Asked => made.asked.push((told.step, span.as_ref())),
            ToldPart::Whole => made.whole(told.step, span),
            ToldPart::Call => made.call(told.step, span),
            ToldPart::Branch | ToldPart::Note | ToldPart::Error => made.say(told.step, span, told.part),
            ToldPart::End => made.end(told.step, span),
            // No step: it was taken out before (`join.rs`).
            ToldPart::Join => {}
        }
    }
    (made.finish(), root)
}

#[derive(Default)]
struct Made<'a> {
    steps: Vec<ToldStep>,
    /// The latest step of a name.
    latest: HashMap<&'a str, usize>,
    /// Steps that began and have not ended, in order.
    open: Vec<usize>,
    /// Steps by the id of a tool call.
    by_call: HashMap<&'a str, usize>,
    /// What was asked and not yet answered, with the step's name.
    asked: Vec<(&'a str, &'a Span)>,
}

/// How far from a step's beginning the record of what it was asked may be.
const ASKED_NANOS: i64 = 2_000_000_000;

impl<'a> Made<'a> {
    fn push(&mut self, span: &Span) -> usize {
        let mut step = ToldStep::of(span.clone());
        // Of several open at once nobody can tell which it belongs to.
        step.inside = (self.open.len() == 1).then(|| self.open[0]);
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn open_of(&self, name: &str) -> Option<usize> {
        self.latest.get(name).copied().filter(|at| self.open.contains(at))
    }

    fn close(&mut self, at: usize) {
        self.open.retain(|open| *open != at);
    }

    fn begin(&mut self, name: &'a str, span: &Span) {
        // One of that name that never ended is no longer what records of the name speak of.
        if let Some(at) = self.open_of(name) {
            self.close(at);
        }
        let at = self.push(span);
        self.latest.insert(name, at);
        self.open.push(at);
    }

    fn whole(&mut self, name: &str, span: &'a Span) {
        let known = span.tool_call_id.as_deref().and_then(|id| self.by_call.get(id)).copied();
        let at = match known {
            Some(at) => {
                self.steps[at].add(span);
                at
            }
            None => self.push(span),
        };
        if let Some(id) = span.tool_call_id.as_deref() {
            self.by_call.insert(id, at);
        }
        if let Some(question) = self.question(name, span) {
            self.steps[at].add(question);
        }
    }

    /// What the step was asked: of the records that say so, the one nearest to its beginning.
    fn question(&mut self, name: &str, span: &Span) -> Option<&'a Span> {
        let mut best: Option<(i64, SpanId, usize)> = None;
        for (at, (step, asked)) in self.asked.iter().enumerate() {
            let apart = asked.start.nanos_since(span.start).saturating_abs();
            let nearer = best.is_none_or(|(known, id, _)| (apart, asked.span_id) < (known, id));
            if *step == name && apart <= ASKED_NANOS && !other_model(asked, span) && nearer {
                best = Some((apart, asked.span_id, at));
            }
        }
        best.map(|(_, _, at)| self.asked.swap_remove(at).1)
    }

    /// A tool call is what an open step of its name does, else a step of its own.
    fn call(&mut self, name: &'a str, span: &'a Span) {
        let is_tool = |at: &usize| matches!(self.steps[*at].span.kind, StepKind::Tool | StepKind::Other);
        match self.open_of(name).filter(is_tool) {
            Some(at) => {
                self.steps[at].span.kind = StepKind::Tool;
                self.steps[at].add(span);
            }
            None => self.whole(name, span),
        }
    }

    /// Something said of a step: an error or a branch taken is the last that is certain to come, an end may follow.
    fn say(&mut self, name: &'a str, span: &Span, part: ToldPart) {
        let at = match self.latest.get(name).copied() {
            Some(at) => {
                self.steps[at].add(span);
                at
            }
            None => {
                let at = self.push(span);
                self.latest.insert(name, at);
                at
            }
        };
        match part {
            ToldPart::Note => self.steps[at].mentioned = true,
            ToldPart::Error => {
                self.steps[at].span.status = SpanStatus::Error;
                self.close(at);
            }
            _ => self.close(at),
        }
    }

    fn end(&mut self, name: &'a str, span: &Span) {
        let unended = |at: &usize| !self.steps[*at].parts.is_empty() && self.steps[*at].span.end.is_unset();
        match self.latest.get(name).copied().filter(unended) {
            Some(at) => {
                self.steps[at].add(span);
                let step = &mut self.steps[at].span;
                step.end = span.end;
                // A logger that writes whole seconds knows better how long it took than when it began.
                if span.start < step.start && step.start.millis_since(span.start) < 1_000.0 {
                    step.start = span.start;
                }
                if step.status == SpanStatus::Running {
                    step.status = span.status;
                }
                self.close(at);
            }
            None => {
                let at = self.push(span);
                self.latest.insert(name, at);
            }
        }
    }

    /// A step of which more was said than that it began, and that nothing says is open, ended with the last of it.
    fn finish(mut self) -> Vec<ToldStep> {
        for (at, step) in self.steps.iter_mut().enumerate() {
            let is_open = self.open.contains(&at);
            let has_more = step.span.end.is_unset() && step.parts.len() > 1;
            if (has_more || step.mentioned) && !is_open {
                step.span.end = step.last;
            }
            if !step.span.end.is_unset() && step.span.status == SpanStatus::Running {
                step.span.status = SpanStatus::Ok;
            }
        }
        self.steps
    }
}
