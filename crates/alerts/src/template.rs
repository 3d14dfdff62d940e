//! Go's text templates with the functions of Prometheus and Alertmanager, as annotations and messages use them.
//!
//! Our own parser and evaluator: the crates that offer Go templates lack `break`, `define` inside annotations, typed
//! numbers or positions, and none bounds its work. Left out, as not reachable from a rule: methods of console pages (`tmpl`).

mod eval;
mod format;
mod functions;
mod humanize;
mod lex;
mod parse;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use promql::Labels;

pub use self::eval::{MAX_OUTPUT_BYTES, MAX_STEPS};
pub use self::format::format_g;
pub use self::humanize::{duration as humanize_duration, percentage as humanize_percentage, si as humanize};
pub use self::value::{MapKind, Value};

/// Bytes one template may have.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// What a rule's templates see before their own text.
const ALERT_PRELUDE: &str =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Why a template cannot be read or expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("template error at {at}: {message}")]
pub struct TemplateError {
    /// Line and column in the template's own text.
    pub at: crate::yaml::Place,
    /// What is wrong.
    pub message: String,
}

/// A template that has been read and checked.
#[derive(Debug, Clone)]
pub struct Template {
    text: Arc<str>,
    /// `None` where the text has no actions and stands for itself.
    parsed: Option<Arc<parse::Parsed>>,
}

impl Template {
    /// A text that stands for itself.
    pub fn literal(text: &str) -> Self {
        Self { text: text.into(), parsed: None }
    }

    /// Reads the template of a rule, with `$labels`, `$value`, `$externalLabels` and `$externalURL`.
    pub fn parse_alert(text: &str) -> Result<Self, TemplateError> {
        Self::read(text, ALERT_PRELUDE, &[])
    }

    /// Reads a template without variables of its own.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::read(text, "", &[])
    }

    /// Reads a template that may call functions [`World::call`] knows as well.
    pub fn parse_with(text: &str, functions: &'static [&'static str]) -> Result<Self, TemplateError> {
        Self::read(text, "", functions)
    }

    fn read(text: &str, prelude: &str, functions: &'static [&'static str]) -> Result<Self, TemplateError> {
        if text.len() > MAX_TEMPLATE_BYTES {
            let message = format!("the template has {} bytes; at most {MAX_TEMPLATE_BYTES} are allowed", text.len());
            return Err(TemplateError { at: crate::yaml::Place { line: 1, column: 1 }, message });
        }
        if !text.contains("{{") {
            return Ok(Self::literal(text));
        }
        let parsed = parse::parse(&format!("{prelude}{text}"), prelude.len(), functions)?;
        Ok(Self { text: text.into(), parsed: Some(Arc::new(parsed)) })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Expands the template over `data`. `library` holds templates defined elsewhere (`{{ define }}` in files of their own).
    pub fn expand(&self, data: &Value, library: &[Template], world: &mut dyn World) -> Result<String, TemplateError> {
        let Some(parsed) = &self.parsed else { return Ok(self.text.to_string()) };
        let mut defined: BTreeMap<&str, &parse::Defined> = BTreeMap::new();
        for template in library.iter().filter_map(|template| template.parsed.as_deref()).chain([&**parsed]) {
            defined.extend(template.defined.iter().map(|(name, body)| (name.as_str(), body)));
        }
        eval::expand(parsed, &defined, data, world)
    }
}

/// What a template may ask the world for.
pub trait World {
    /// Evaluates a query now: labels and value of each series, or what is wrong.
    fn query(&mut self, query: &str) -> Result<Vec<(Labels, f64)>, String>;
    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Where people reach this server; empty where unknown.
    fn external_url(&self) -> &str {
        ""
    }
    /// Whether `title` makes all but the first letter of a word small: Alertmanager's does, Prometheus' leaves them.
    fn title_lowers(&self) -> bool {
        false
    }
    /// Calls a function of this world's own; `None` where it is none, then it is Go's, Prometheus' or Alertmanager's.
    fn call(&mut self, _name: &str, _args: &[Value]) -> Option<Result<Value, String>> {
        None
    }
}

/// A world without series, for templates of messages.
#[derive(Debug, Clone, Default)]
pub struct StillWorld {
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// Where people reach this server.
    pub external_url: String,
}

impl World for StillWorld {
    fn query(&mut self, _: &str) -> Result<Vec<(Labels, f64)>, String> {
        Err("queries are for templates of rules".into())
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn external_url(&self) -> &str {
        &self.external_url
    }

    fn title_lowers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
