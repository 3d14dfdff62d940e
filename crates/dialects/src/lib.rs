//! Agent telemetry as its senders write it, read into Tawny's vocabulary.
//!
//! A *dialect* is one way of writing agent telemetry as attributes. Renames are data: a table in `conventions/` says
//! which key means which field. Reshaping is code: one file per dialect in `dialects/`, one per shape of content in
//! `messages/`. Reading happens in two moments: [`understand`] at the door, for the narrow fields every list and
//! total needs; [`content`] when somebody looks, for messages, arguments and documents.
//!
//! Pure: no clock, no I/O; the same input gives the same output on every machine.

mod billing;
mod content;
mod content_keys;
mod definitions;
mod dialects;
mod documents;
mod facts;
mod field;
mod intern;
mod joins;
mod log;
mod messages;
mod normalise;
mod preview;
mod reading;
mod registry;
mod renames;
mod table;
mod told;
mod understand;
mod usage;

use std::fmt;
use std::sync::{Arc, LazyLock};

use model::raw::{RawLog, RawSpan, Resource, Scope};
use model::{Billing, Content, Log, Span, StepKind, Tenant, Timestamp};

pub use crate::facts::{Fact, content_facts, facts};
pub use crate::joins::{is_join, join_span, joins};
use crate::reading::Reading;
use crate::registry::Registry;
pub use crate::renames::Renames;
pub use crate::table::TableError;
pub use crate::told::{ATTRIBUTE as TOLD_ATTRIBUTE, Group as ToldGroup, told, told_lean, told_span_id, told_trace};

/// Version of the conventions; rows remember it, so that stale ones can be read again.
/// Raise it with every change that reads a span differently.
pub const VERSION: u16 = 7;

/// The dialects in use: Tawny's own, and the user's renames before them.
#[derive(Clone)]
pub struct Dialects(Arc<Registry>);

impl fmt::Debug for Dialects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}

static BUILTIN: LazyLock<Dialects> =
    LazyLock::new(|| Dialects::with_renames(Vec::new()).expect("the built-in tables are valid: a test reads them"));

impl Dialects {
    /// Tawny's own dialects.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Tawny's own and, before them, the user's: where both name a value for a field, the user's wins.
    pub fn with_renames(renames: Vec<Renames>) -> Result<Self, TableError> {
        Registry::new(renames).map(|registry| Self(Arc::new(registry)))
    }

    /// Names of all dialects, most specific first, as [`Span::dialect`] carries them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.dialects.iter().map(|dialect| dialect.name.as_ref())
    }

    /// A span's narrow fields, usage normalised. `version` stays 0: the store sets it.
    pub fn understand(
        &self,
        raw: &RawSpan<'_>,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
        tenant: &Tenant,
        received: Timestamp,
    ) -> Span {
        understand::span(&Reading::new(&self.0, raw, resource, scope), tenant, received)
    }

    /// [`Self::understand`], and what the price of the span's call needs beyond that.
    pub fn understand_with_billing(
        &self,
        raw: &RawSpan<'_>,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
        tenant: &Tenant,
        received: Timestamp,
    ) -> (Span, Billing) {
        let reading = Reading::new(&self.0, raw, resource, scope);
        (understand::span(&reading, tenant, received), billing::billing(&reading))
    }

    /// What the price of a span's call needs beyond the narrow span.
    pub fn billing(&self, raw: &RawSpan<'_>, resource: &Resource<'_>, scope: &Scope<'_>) -> Billing {
        billing::billing(&Reading::new(&self.0, raw, resource, scope))
    }

    /// [`Self::content`] and [`Self::billing`] of one reading. `kind` is the span's as it was understood at the door, where that was by
    /// these conventions ([`VERSION`]); else it is found out again.
    pub fn content_and_billing(
        &self,
        raw: &RawSpan<'_>,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
        logs: &[RawLog<'_>],
        kind: Option<StepKind>,
    ) -> (Content, Billing) {
        let reading = Reading::new(&self.0, raw, resource, scope);
        let kind = kind.unwrap_or_else(|| understand::kind(&reading));
        (content::content(&reading, kind, logs), billing::billing(&reading))
    }

    /// What was said in a span: from its attributes and events, and from `logs`, the records joined to it by trace and span id.
    pub fn content(
        &self,
        raw: &RawSpan<'_>,
        resource: &Resource<'_>,
        scope: &Scope<'_>,
        logs: &[RawLog<'_>],
    ) -> Content {
        let reading = Reading::new(&self.0, raw, resource, scope);
        content::content(&reading, understand::kind(&reading), logs)
    }
}

/// One of Tawny's dialects, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its name, as [`Span::dialect`] carries it.
    pub name: String,
    /// What it is.
    pub about: String,
    /// How many keys fill a field.
    pub keys: usize,
    /// Scopes, services, keys and span names that prove it; a trailing `*` makes a prefix.
    pub recognised_by: Vec<String>,
}

/// Tawny's own dialects, most specific first.
pub fn described() -> Vec<Described> {
    let one = |text: &str| {
        let table = table::Table::parse(text).expect("the built-in tables are valid: a test reads them");
        let comments = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        let about: Vec<&str> = comments.take_while(|line| !line.starts_with("Source")).collect();
        let detect = table.detect;
        Described {
            about: about.join(" "),
            keys: table.fields.values().chain(table.resource.values()).map(Vec::len).sum(),
            recognised_by: [detect.scopes, detect.services, detect.keys, detect.span_names].concat(),
            name: table.dialect,
        }
    };
    dialects::BUILTIN.iter().map(|builtin| one(builtin.table)).collect()
}

/// Whose data a resource's telemetry is: `project` as given, environment as the resource says
/// (`deployment.environment.name`, its older name, or Langfuse's), else `default`.
pub fn tenant(project: &str, resource: &Resource<'_>) -> Tenant {
    let keys = ["deployment.environment.name", "deployment.environment", "langfuse.environment"];
    let environment = keys.iter().find_map(|key| resource.attributes.text(key)).or_else(|| {
        // Codex CLI names it `env`; elsewhere that word may mean anything.
        let is_codex = resource.attributes.text("service.name").is_some_and(|name| name.starts_with("codex"));
        resource.attributes.text("env").filter(|_| is_codex)
    });
    Tenant {
        project: intern::intern(project),
        environment: intern::intern(environment.unwrap_or(Tenant::DEFAULT_ENVIRONMENT)),
    }
}

/// [`Dialects::understand`] with the built-in dialects.
pub fn understand(
    raw: &RawSpan<'_>,
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    tenant: &Tenant,
    received: Timestamp,
) -> Span {
    Dialects::builtin().understand(raw, resource, scope, tenant, received)
}

/// [`Dialects::content`] with the built-in dialects.
pub fn content(raw: &RawSpan<'_>, resource: &Resource<'_>, scope: &Scope<'_>, logs: &[RawLog<'_>]) -> Content {
    Dialects::builtin().content(raw, resource, scope, logs)
}

/// A log record's narrow fields. Its id is a hash that is the same for the same record on every machine, for ever.
/// `version` stays 0: the store sets it.
pub fn understand_log(
    raw: &RawLog<'_>,
    resource: &Resource<'_>,
    scope: &Scope<'_>,
    tenant: &Tenant,
    received: Timestamp,
) -> Log {
    log::log(raw, resource, scope, tenant, received)
}
