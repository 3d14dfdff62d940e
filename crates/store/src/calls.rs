//! Model calls told in two traces.
//!
//! An SDK that instruments itself and an instrumentation around it can put their spans of one streamed call into different
//! traces. A run sees only its own spans, so the second telling is found here, by response id, and marked on the span that
//! does not count ([`model::Span::told_in`]). Horizon: the last [`RECENT_CALLS`] calls, which is seconds to hours; the two
//! tellings leave their process together.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use model::{Span, StepKind};

use crate::store::{Counts, RunResolver};

/// Model calls with a response id that are remembered.
pub const RECENT_CALLS: usize = 8192;

/// Traces that may tell a call with one response id. A test server may give every call the same id.
const TELLINGS: usize = 4;

/// A project's number and a response id.
type CallKey = (u32, Arc<str>);

/// The latest calls, by response id.
#[derive(Default)]
pub(crate) struct RecentCalls {
    known: HashMap<CallKey, Vec<Arc<Span>>>,
    order: VecDeque<CallKey>,
}

/// A span that does not count because another one tells its call.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The span that does not count.
    pub span: Arc<Span>,
    /// The span that does.
    pub by: Arc<Span>,
}

impl RecentCalls {
    /// Notes a span; says which of two does not count where it tells a call that another trace told.
    pub fn note(&mut self, project: u32, span: &Arc<Span>, resolver: &dyn RunResolver) -> Option<Told> {
        let (StepKind::Llm | StepKind::Embedding) = span.kind else { return None };
        let key = (project, Arc::clone(span.response_id.as_ref()?));
        let tellings = self.known.entry(key.clone()).or_insert_with(|| {
            self.order.push_back(key);
            Vec::new()
        });
        tellings.retain(|other| (other.trace_id, other.span_id) != (span.trace_id, span.span_id));
        let told = tellings.iter().filter(|other| other.trace_id != span.trace_id).find_map(|other| {
            let (told, by) = match resolver.same_call(other, span)? {
                Counts::First => (span, other),
                Counts::Second => (other, span),
            };
            Some(Told { span: Arc::clone(told), by: Arc::clone(by) })
        });
        if tellings.len() == TELLINGS {
            tellings.remove(0);
        }
        tellings.push(Arc::clone(span));
        while self.order.len() > RECENT_CALLS {
            if let Some(old) = self.order.pop_front() {
                self.known.remove(&old);
            }
        }
        told
    }
}
