//! What observations are about: the texts of a run or of a step that its labels are taken from.
//!
//! A step gives up to fifteen observations, and the next step like it the same ones. So its texts are looked up once, together, and the series
//! each of its observations belongs to are remembered with them.

use std::sync::Arc;

use model::StepKind;

use super::FastMap;
use super::family::Label;
use super::id::Id;
use super::table::FAMILIES;
use super::texts::cut;
use super::word::Word;

/// Texts that labels are taken from; empty where there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub project: &'a str,
    pub environment: &'a str,
    pub workflow: &'a str,
    pub task_type: &'a str,
    /// Of a step.
    pub kind: Option<StepKind>,
    pub agent: &'a str,
    /// Of a step, or of a judgement.
    pub name: &'a str,
    pub model: &'a str,
    /// The model asked for.
    pub asked: &'a str,
    pub provider: &'a str,
    pub tool: &'a str,
    pub error: &'a str,
}

/// Texts of a subject, without its kind.
const TEXTS: usize = 11;
/// Ends a text where several lie one behind the other: no byte of a text is this.
const END: u8 = 0xff;

impl<'a> Subject<'a> {
    const fn texts(&self) -> [&'a str; TEXTS] {
        [
            self.project,
            self.environment,
            self.workflow,
            self.task_type,
            self.agent,
            self.name,
            self.model,
            self.asked,
            self.provider,
            self.tool,
            self.error,
        ]
    }

    /// A subject that was remembered, from what [`Subjects::known`] says of it.
    pub fn read(kind: Option<StepKind>, texts: &'a [u8]) -> Self {
        let mut each = texts[1..].split(|byte| *byte == END);
        let mut next = || each.next().and_then(|text| str::from_utf8(text).ok()).unwrap_or_default();
        let [project, environment, workflow, task_type, agent, name, model, asked, provider, tool, error] =
            std::array::from_fn::<_, TEXTS, _>(|_| next());
        Self { project, environment, workflow, task_type, kind, agent, name, model, asked, provider, tool, error }
    }

    /// What a label's value is of this subject, in an observation with this word.
    pub fn value(&self, label: Label, word: Word) -> &'a str {
        match label {
            Label::Agent | Label::GenAiAgent => self.agent,
            Label::Workflow => self.workflow,
            Label::Model | Label::GenAiResponseModel => self.model,
            Label::GenAiRequestModel => self.asked,
            Label::Provider | Label::GenAiProvider => self.provider,
            Label::ErrorType => self.error,
            Label::Tool | Label::GenAiTool => self.tool,
            Label::Step | Label::Guardrail | Label::HallucinationType => self.name,
            Label::TaskType => self.task_type,
            Label::StepType => self.kind.map_or("", StepKind::as_str),
            Label::SpanType => self.kind.map_or("", span_type),
            Label::GenAiOperation => self.kind.map_or("", operation),
            Label::Status
            | Label::Direction
            | Label::Class
            | Label::Outcome
            | Label::Strategy
            | Label::Sentiment
            | Label::GenAiTokenType => word.as_str(),
            // Of no run's share.
            Label::Family | Label::Detector => "",
        }
    }
}

/// The OpenAI Agents SDK's word for a kind.
fn span_type(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Llm => "generation",
        StepKind::Tool => "function",
        _ => kind.as_str(),
    }
}

/// OpenTelemetry's word for the calls that have one.
fn operation(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Llm => "chat",
        StepKind::Embedding => "embeddings",
        _ => "",
    }
}

/// Subjects remembered: about 500 bytes each. With one more all are forgotten, and those in use are soon known again.
const SUBJECTS_MAX: usize = 8_192;
/// Stands for no series.
const NO_SERIES: u32 = u32::MAX;

/// Where the series of each family begin among those of a subject: one for each of the family's words.
const BEGINNINGS: [usize; FAMILIES.len() + 1] = {
    let mut beginnings = [0; FAMILIES.len() + 1];
    let mut at = 0;
    while at < FAMILIES.len() {
        beginnings[at + 1] = beginnings[at] + FAMILIES[at].words.len();
        at += 1;
    }
    beginnings
};
const SLOTS: usize = BEGINNINGS[FAMILIES.len()];

/// Where the series of a family and a word is; `None` where the family has no such word.
#[inline]
fn slot(family: Id, word: Word) -> Option<usize> {
    let at = family.family().words.iter().position(|own| *own == word);
    debug_assert!(at.is_some(), "the table does not list the word {word:?} of {family:?}");
    Some(BEGINNINGS[family as usize] + at?)
}

#[derive(Debug)]
struct Known {
    kind: Option<StepKind>,
    texts: Arc<[u8]>,
    series: [u32; SLOTS],
}

/// Subjects by number, with the series that are known of them.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    known: Vec<Known>,
    by_texts: FastMap<Arc<[u8]>, u32>,
    /// The texts that are being looked up.
    texts: Vec<u8>,
}

impl Subjects {
    /// Forgets all where they are too many. Numbers from before mean nothing afterwards.
    pub fn make_room(&mut self) {
        if self.known.len() > SUBJECTS_MAX {
            self.known.clear();
            self.by_texts.clear();
        }
    }

    /// The number of a subject.
    #[inline]
    pub fn number(&mut self, subject: &Subject<'_>) -> u32 {
        self.texts.clear();
        self.texts.push(subject.kind.map_or(END, |kind| kind as u8));
        for text in subject.texts() {
            self.texts.extend_from_slice(cut(text).as_bytes());
            self.texts.push(END);
        }
        match self.by_texts.get(&*self.texts) {
            Some(&known) => known,
            None => self.make(subject.kind),
        }
    }

    #[cold]
    fn make(&mut self, kind: Option<StepKind>) -> u32 {
        let (number, texts) = (self.known.len() as u32, Arc::<[u8]>::from(&*self.texts));
        self.known.push(Known { kind, texts: Arc::clone(&texts), series: [NO_SERIES; SLOTS] });
        self.by_texts.insert(texts, number);
        number
    }

    /// The series of an observation about a subject, where it is known.
    #[inline]
    pub fn series(&self, subject: u32, family: Id, word: Word) -> Option<u32> {
        let series = self.known[subject as usize].series[slot(family, word)?];
        (series != NO_SERIES).then_some(series)
    }

    /// Remembers the series of an observation about a subject.
    pub fn remember(&mut self, subject: u32, family: Id, word: Word, series: u32) {
        if let Some(slot) = slot(family, word) {
            self.known[subject as usize].series[slot] = series;
        }
    }

    /// What a subject of a number is: its kind and its texts, for [`Subject::read`].
    pub fn known(&self, subject: u32) -> (Option<StepKind>, Arc<[u8]>) {
        let known = &self.known[subject as usize];
        (known.kind, Arc::clone(&known.texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_apart_by_each_of_their_texts_and_read_back_whole() {
        let base = Subject::read(Some(StepKind::Tool), b"?p\xffe\xffw\xff\xffa\xffn\xffm\xff\xff\xfft\xff\xff");
        assert_eq!((base.project, base.asked, base.tool, base.error), ("p", "", "t", ""));
        let mut subjects = Subjects::default();
        let number = subjects.number(&base);
        // Where one text ends and the next begins counts.
        let others = [
            Subject { agent: "an", name: "", ..base },
            Subject { agent: "", name: "an", ..base },
            Subject { kind: None, ..base },
            Subject { asked: "m", model: "", ..base },
        ];
        for other in others {
            assert_ne!(subjects.number(&other), number);
        }
        assert_eq!(subjects.number(&base), number);
        subjects.remember(number, Id::ToolCalls, Word::Failure, 7);
        assert_eq!(subjects.series(number, Id::ToolCalls, Word::Failure), Some(7));
        assert_eq!(subjects.series(number, Id::ToolCalls, Word::Success), None);
        let (kind, texts) = subjects.known(number);
        assert_eq!((kind, Subject::read(kind, &texts).texts()), (base.kind, base.texts()));
    }
}
