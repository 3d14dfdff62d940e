//! Convention tables: which attribute means which field of the vocabulary, as data.
//!
//! A table is TOML. Tawny's own are in `conventions/`, users write theirs in the same form (`docs/recipes/dialect.md`).

use std::collections::BTreeMap;

use model::StepKind;
use serde::Deserialize;

use crate::field::Field;

/// Why a convention table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Not TOML, or a section that tables do not have. The error names line and column.
    #[error("cannot read the table: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A name under `[fields]` or `[resource]`, or what a rename leads to, that the vocabulary does not have.
    #[error("line {line}: cannot fill \"{name}\": no such field; the fields are {known}")]
    UnknownField {
        /// Line of the table, from 1.
        line: usize,
        /// The name in the table.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// A kind that no step has.
    #[error("line {line}: cannot map \"{value}\" to \"{kind}\": no such step kind; the kinds are {known}")]
    UnknownKind {
        /// Line of the table, from 1.
        line: usize,
        /// The value the table maps.
        value: String,
        /// The kind it names.
        kind: String,
        /// All kinds, separated by commas.
        known: String,
    },
    /// A key that cannot be looked up: empty, or a pattern where only whole keys are read.
    #[error("line {line}: cannot rename \"{key}\": give a whole attribute key, without `*`")]
    BadKey {
        /// Line of the table, from 1.
        line: usize,
        /// The key in the table.
        key: String,
    },
    /// A rename that leads back to the key it comes from.
    #[error("line {line}: cannot rename \"{key}\": it is what Tawny reads already")]
    Known {
        /// Line of the table, from 1.
        line: usize,
        /// The key in the table.
        key: String,
    },
    /// The table fills nothing.
    #[error(
        "cannot use a table without any [[rename]] or any entry under [fields], [resource], [kinds] or [span_names]"
    )]
    Empty,
    /// More tables than a span's set of dialects can hold.
    #[error("cannot use {found} convention tables: the limit is {limit}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// How a dialect is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Detect {
    /// Scope names; a trailing `*` makes one a prefix.
    pub scopes: Vec<String>,
    /// `service.name` of the resource; a trailing `*` makes one a prefix.
    pub services: Vec<String>,
    /// Attribute keys; a trailing `*` makes one a prefix.
    pub keys: Vec<String>,
    /// Span names; a trailing `*` makes one a prefix.
    pub span_names: Vec<String>,
}

/// What a dialect's token counts mean.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tokens {
    /// Input leaves cache reads and writes out (Claude Code).
    pub input_excludes_cache: bool,
    /// Output leaves reasoning out (Gemini CLI).
    pub output_excludes_reasoning: bool,
}

/// One table as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// The dialect's name, as spans carry it.
    pub dialect: String,
    /// Keys are read whether or not the dialect is recognised: right where they bear a namespace of their own,
    /// wrong for bare words such as `model`.
    #[serde(default)]
    pub always: bool,
    /// The instrumentation is the provider's own.
    #[serde(default)]
    pub provider_sdk: bool,
    /// How the dialect is recognised.
    #[serde(default)]
    pub detect: Detect,
    /// What its token counts mean.
    #[serde(default)]
    pub tokens: Tokens,
    /// Field to attribute keys, best first.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<String>>,
    /// Field to resource attribute keys, best first.
    #[serde(default)]
    pub resource: BTreeMap<String, Vec<String>>,
    /// Value of a `kind` attribute to step kind; values are compared in lower case with `_` for `-` and space.
    #[serde(default)]
    pub kinds: BTreeMap<String, String>,
    /// Span name (a trailing `*` makes it a prefix) to step kind, for spans without a `kind` attribute.
    #[serde(default)]
    pub span_names: BTreeMap<String, String>,
    /// An `error_message` is only sent where the work failed, whatever the status says.
    #[serde(default)]
    pub message_means_failure: bool,
    /// Values of a `result` attribute that mean the work failed.
    #[serde(default)]
    pub failures: Vec<String>,
    /// A span in which it is recognised is not called by its name.
    #[serde(skip)]
    pub unnamed: bool,
    /// Scope and service must both be as `detect` says, not one of them.
    #[serde(skip)]
    pub all_of: bool,
    /// Keys the dialect is known to send and the vocabulary has no field for; a trailing `*` makes one a prefix.
    #[serde(default)]
    pub known: Vec<String>,
}

impl Table {
    /// An empty table.
    pub(crate) fn named(dialect: &str) -> Self {
        Self {
            dialect: dialect.to_owned(),
            always: false,
            provider_sdk: false,
            detect: Detect::default(),
            tokens: Tokens::default(),
            fields: BTreeMap::new(),
            resource: BTreeMap::new(),
            kinds: BTreeMap::new(),
            span_names: BTreeMap::new(),
            message_means_failure: false,
            failures: Vec::new(),
            unnamed: false,
            all_of: false,
            known: Vec::new(),
        }
    }

    /// Reads a table and checks every name in it.
    pub(crate) fn parse(text: &str) -> Result<Self, TableError> {
        let table: Self = toml::from_str(text)?;
        if table.fields.is_empty() && table.resource.is_empty() && table.kinds.is_empty() && table.span_names.is_empty()
        {
            return Err(TableError::Empty);
        }
        let at = |name: &str| line_of(text, text.find(name).unwrap_or(0));
        for (name, keys) in table.fields.iter().chain(&table.resource) {
            field(name, at(name))?;
            if let Some(key) = keys.iter().find(|key| !is_whole(key)) {
                return Err(TableError::BadKey { line: at(key), key: key.clone() });
            }
        }
        for (value, word) in table.kinds.iter().chain(&table.span_names) {
            kind(value, word, at(value))?;
        }
        Ok(table)
    }
}

/// Whether a key is one that can be looked up.
pub(crate) fn is_whole(key: &str) -> bool {
    !key.trim().is_empty() && !key.ends_with('*')
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The field of that name, asked for in `line`.
pub(crate) fn field(name: &str, line: usize) -> Result<Field, TableError> {
    Field::from_name(name).ok_or_else(|| TableError::UnknownField {
        line,
        name: name.to_owned(),
        known: Field::ALL.iter().map(|field| field.name()).collect::<Vec<_>>().join(", "),
    })
}

/// The step kind `word` that a table maps `value` to in `line`.
pub(crate) fn kind(value: &str, word: &str, line: usize) -> Result<StepKind, TableError> {
    word.parse().map_err(|()| TableError::UnknownKind {
        line,
        value: value.to_owned(),
        kind: word.to_owned(),
        known: StepKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    })
}
