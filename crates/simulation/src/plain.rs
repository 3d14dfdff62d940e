//! The plain model: what of a client must be there, may be there, and what must not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::requests::Request;

/// What is there of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Spans by trace and number, each with the name of its form.
    pub spans: BTreeMap<(u64, u64), String>,
    /// Log records by number.
    pub logs: BTreeSet<u64>,
    /// Samples by metric.
    pub samples: BTreeSet<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is on its way.
    Sent,
    /// It is kept.
    Acknowledged,
    /// It was answered with an error: not visible now, but after a crash it may be there.
    Refused,
}

/// What one client has sent and been told.
#[derive(Default)]
pub struct Plain {
    /// What is there for certain, each span with whether its form ended.
    certain: State,
    /// Requests of this life of the machine, in the order they were sent.
    sent: Vec<(Arc<Request>, Outcome)>,
    /// The last of them is a repeat.
    repeated: bool,
}

#[derive(Debug, Clone, Default)]
struct State {
    seen: Seen,
    ended: BTreeSet<(u64, u64)>,
}

impl State {
    fn take(&mut self, request: &Request) {
        for form in &request.spans {
            // A late start never erases an end; else the later counts.
            if form.ended || !self.ended.contains(&form.id) {
                self.seen.spans.insert(form.id, form.name.clone());
            }
            if form.ended {
                self.ended.insert(form.id);
            }
        }
        self.seen.logs.extend(request.logs.iter().map(|record| record.id.1));
        self.seen.samples.extend(request.samples.iter().cloned());
    }
}

impl Plain {
    /// A request leaves. One that is repeated takes the place of its last attempt, which got no answer.
    pub fn send(&mut self, request: &Arc<Request>) {
        self.repeated = self
            .sent
            .pop_if(|(last, outcome)| *outcome != Outcome::Acknowledged && Arc::ptr_eq(last, request))
            .is_some();
        self.sent.push((Arc::clone(request), Outcome::Sent));
    }

    /// The last request was turned away at the door: it leaves no trace, an earlier attempt of it may.
    pub fn turned_away(&mut self) {
        if self.repeated {
            self.answer(Outcome::Refused);
        } else {
            self.sent.pop();
        }
    }

    /// The last request is answered.
    pub fn answer(&mut self, outcome: Outcome) {
        if let Some((_, last)) = self.sent.last_mut() {
            *last = outcome;
        }
    }

    /// The last request, if the machine crashed before it was answered.
    pub fn unanswered(&self) -> Option<Arc<Request>> {
        self.sent.last().filter(|(_, outcome)| *outcome == Outcome::Sent).map(|(request, _)| Arc::clone(request))
    }

    /// Requests without an answer that nobody repeats any more.
    pub fn open(&self) -> usize {
        self.sent.iter().filter(|(_, outcome)| *outcome != Outcome::Acknowledged).count()
    }

    /// How many requests were sent in this life.
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Everything a reader may see who began when `sent` had left, the last of them `outcome`, and looks now.
    pub fn visible(&self, began: usize, acknowledged: bool) -> Vec<Seen> {
        let certain = began - usize::from(began > 0 && !acknowledged);
        let mut state = self.certain.clone();
        let mut visible = Vec::new();
        for (at, (request, outcome)) in self.sent.iter().enumerate() {
            if at >= certain {
                visible.push(state.seen.clone());
            }
            if *outcome != Outcome::Refused {
                state.take(request);
            }
        }
        visible.push(state.seen);
        visible
    }

    /// What must be there when nothing is on its way.
    pub fn now(&self) -> Seen {
        let mut state = self.certain.clone();
        let kept = self.sent.iter().filter(|(_, outcome)| *outcome == Outcome::Acknowledged);
        kept.for_each(|(request, _)| state.take(request));
        state.seen
    }

    /// Whether the last request got an answer that it is kept.
    pub fn is_answered(&self) -> bool {
        self.sent.last().is_none_or(|(_, outcome)| *outcome == Outcome::Acknowledged)
    }

    /// After a crash: finds which of the requests without an answer are there. All of what was acknowledged must be, and
    /// of each other one all or nothing.
    ///
    /// # Errors
    /// What was expected, when nothing explains what is found.
    pub fn settle(&mut self, found: &Seen) -> Result<(), Seen> {
        let open: Vec<usize> = (0..self.sent.len()).filter(|at| self.sent[*at].1 != Outcome::Acknowledged).collect();
        for chosen in 0..1u64 << open.len() {
            let mut state = self.certain.clone();
            for (at, (request, outcome)) in self.sent.iter().enumerate() {
                let there = open.iter().position(|open| *open == at).is_some_and(|bit| chosen >> bit & 1 == 1);
                if *outcome == Outcome::Acknowledged || there {
                    state.take(request);
                }
            }
            if state.seen == *found {
                self.certain = state;
                self.sent.clear();
                return Ok(());
            }
        }
        Err(self.now())
    }
}

/// The first things that two views do not have in common.
pub fn difference(expected: &Seen, found: &Seen) -> String {
    let mut out = String::new();
    let mut say = |text: String| {
        if out.len() < 1500 {
            out.push_str(&text);
            out.push('\n');
        }
    };
    for (id, name) in &expected.spans {
        match found.spans.get(id) {
            None => say(format!("span {id:?} {name}: missing")),
            Some(other) if other != name => say(format!("span {id:?}: {other} instead of {name}")),
            Some(_) => {}
        }
    }
    for (id, name) in found.spans.iter().filter(|(id, _)| !expected.spans.contains_key(id)) {
        say(format!("span {id:?} {name}: not expected"));
    }
    expected.logs.difference(&found.logs).for_each(|id| say(format!("log record {id:#x}: missing")));
    found.logs.difference(&expected.logs).for_each(|id| say(format!("log record {id:#x}: not expected")));
    expected.samples.difference(&found.samples).for_each(|id| say(format!("sample {id}: missing")));
    found.samples.difference(&expected.samples).for_each(|id| say(format!("sample {id}: not expected")));
    out
}
