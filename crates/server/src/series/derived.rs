//! What a client sends under a name that Tawny derives from the same client's spans: an agent that counts its own tokens
//! (`agent.tokens.total`) and sends spans as well would be counted twice by a sum over the name.
//!
//! A query that does not say whose series it means is about what Tawny derives. What a service sends itself is seen by `source=""`, by `job`
//! or `instance`, and always where Tawny has no spans of the service.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use promql::{METRIC_NAME, MatchOp, Matcher};
use signals::metrics::{FAMILIES, GEN_AI, Kind, SOURCE};

use super::spelt::Named;

/// Names of series that Tawny derives for every service, whatever it sends.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let always = FAMILIES.iter().filter(|family| !GEN_AI.contains(&family.id));
    let named = always.flat_map(|family| {
        let names = std::iter::once(family.name).chain(family.spellings.iter().map(|spelling| spelling.name));
        names.map(move |name| (name, family.kind))
    });
    let parts = |(name, kind): (&str, Kind)| {
        let parts: &[&str] = if kind == Kind::Histogram { &["", "_bucket", "_sum", "_count"] } else { &[""] };
        parts.iter().map(|part| format!("{name}{part}")).collect::<Vec<_>>()
    };
    named.flat_map(parts).collect()
});

/// Services whose spans were counted, by project.
#[derive(Debug, Default)]
pub struct Derived(RwLock<HashMap<Arc<str>, HashSet<Arc<str>>>>);

impl Derived {
    /// Notes a service; whether it was not known.
    pub fn note(&self, project: &Arc<str>, service: &Arc<str>) -> bool {
        if self.has(project, service) {
            return false;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(Arc::clone(project)).or_default().insert(Arc::clone(service))
    }

    /// Forgets a service again: that it was noted could not be kept.
    pub fn forget(&self, project: &str, service: &str) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(services) = known.get_mut(project) {
            services.remove(service);
        }
    }

    fn has(&self, project: &str, service: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(project).is_some_and(|services| services.contains(service))
    }

    /// Leaves out what services sent of what was derived for them as well, where `matchers` do not say whose series are meant.
    pub fn once(&self, project: &str, matchers: &[Matcher], found: &mut Vec<Named>) {
        let is_name = |matcher: &Matcher| &*matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
        let is_derived = matchers.iter().any(|matcher| is_name(matcher) && NAMES.contains(&*matcher.value));
        let says_whose = matchers.iter().any(|matcher| [SOURCE.0, "job", "instance"].contains(&&*matcher.name));
        if !is_derived || says_whose {
            return;
        }
        found.retain(|series| {
            let labels = &series.found.labels;
            let job = labels.get("job");
            // A job is a service, after its namespace where it has one.
            let service = job.split_once('/').map_or(job, |(_, service)| service);
            labels.get(SOURCE.0) == SOURCE.1 || !(self.has(project, job) || self.has(project, service))
        });
    }
}
