//! A run's share: its observations, added up by series.

use std::collections::HashMap;
use std::sync::Arc;

use model::{ResolvedStep, Run, Timestamp};

use super::{Exemplar, LABELS_MAX, Registry, Share, TENANT_LABELS};
use crate::metrics::counted::{Cell, Counted};
use crate::metrics::family::Kind;
use crate::metrics::id::Id;
use crate::metrics::observe::{About, Observer, Score, observe};
use crate::metrics::subject::Subject;
use crate::metrics::word::Word;

impl Registry {
    /// What a run gives, whatever it gave before. Series it needs are made, at zero.
    pub fn share(&mut self, run: &Run, steps: &[ResolvedStep], scores: &[Score], now: Timestamp) -> Share {
        self.subjects.make_room();
        let sent = self.sent.get(&run.tenant.project).cloned();
        let mut adding = Adding { registry: self, run, steps, sent, now, exemplars: Vec::new() };
        observe(run, steps, scores, &mut adding);
        let exemplars = adding.exemplars;
        Share { counted: Counted::in_order(self.sheet.drain(&self.places)), exemplars }
    }

    /// Looks up, or makes, the series of an observation. It is remembered with the subject where it is its own: what is put together with
    /// others is counted each time.
    #[cold]
    fn find(&mut self, subject: u32, family: Id, word: Word, now: Timestamp) -> u32 {
        let (kind, texts) = self.subjects.known(subject);
        let from = Subject::read(kind, &texts);
        let own = family.family().labels;
        let mut labels = [""; LABELS_MAX];
        (labels[0], labels[1]) = (from.project, from.environment);
        for (to, label) in labels[TENANT_LABELS..].iter_mut().zip(own) {
            *to = from.value(*label, word);
        }
        let (series, is_own) = self.series_of(family, &labels[..TENANT_LABELS + own.len()], now);
        if is_own {
            self.subjects.remember(subject, family, word, series);
        }
        series
    }
}

/// A run's observations on their way into the sheet.
struct Adding<'a> {
    registry: &'a mut Registry,
    run: &'a Run,
    steps: &'a [ResolvedStep],
    /// What services of the project send themselves.
    sent: Option<Arc<HashMap<String, Vec<Id>>>>,
    now: Timestamp,
    exemplars: Vec<(Cell, Exemplar)>,
}

impl Adding<'_> {
    fn is_sent(&self, family: Id, step: Option<usize>) -> bool {
        let (Some(sent), Some(at)) = (&self.sent, step) else { return false };
        let service = self.steps[at].span.service.as_deref().or(self.run.service.as_deref());
        service.and_then(|service| sent.get(service)).is_some_and(|ids| ids.contains(&family))
    }
}

impl Observer for Adding<'_> {
    fn subject(&mut self, subject: &Subject<'_>) -> u32 {
        self.registry.subjects.number(subject)
    }

    #[inline]
    fn take(&mut self, about: About, family: Id, word: Word, value: f64) {
        if self.is_sent(family, about.step) {
            return;
        }
        let series = match self.registry.subjects.series(about.subject, family, word) {
            Some(known) => known,
            None => self.registry.find(about.subject, family, word, self.now),
        };
        let Registry { sheet, places, .. } = &mut *self.registry;
        let of = family.family();
        if of.kind != Kind::Histogram {
            sheet.add(places, Cell::new(series, 0), value);
            return;
        }
        let bucket = Cell::new(series, of.bucket(value));
        let first = sheet.add(places, bucket, 1.0);
        sheet.add(places, Cell::new(series, of.cells() - 1), value);
        if first {
            let span_id = about.step.map(|at| self.steps[at].span.span_id);
            self.exemplars.push((bucket, Exemplar { trace_id: self.run.trace_id, span_id, value, at: self.now }));
        }
    }
}
