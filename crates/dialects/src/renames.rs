//! Renames a user writes, in a file of their own: keys that mean what another key or a field of the vocabulary means.
//!
//! ```toml
//! [[rename]]
//! from = "acme.chat_id"                    # a key that is sent
//! to = "session_id"                        # a field, or a key that Tawny knows
//! scope = "acme-agents"                    # only spans of this scope, where given; a trailing * makes a prefix
//! service = "shop-*"                       # only spans of this service, where given
//!
//! [[rename]]
//! from = "acme.step"
//! to = "kind"
//! kinds = { "ask model" = "llm", lookup = "retriever" }
//! ```
//!
//! Or the file is one whole convention table, in the form of `conventions/*.toml`, for a dialect that Tawny lacks.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::field::Field;
use crate::registry::Registry;
use crate::table::{self, Detect, Table, TableError};

/// Name that tables made of renames go by.
const NAME: &str = "renames";

/// Renames a user wrote: they come before Tawny's own tables.
#[derive(Debug, Clone, Default)]
pub struct Renames(pub(crate) Vec<Table>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rename: Vec<Rename>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    from: Spanned<String>,
    to: Spanned<String>,
    scope: Option<String>,
    service: Option<String>,
    #[serde(default)]
    kinds: BTreeMap<Spanned<String>, String>,
}

impl Renames {
    /// Reads a file of renames, or of one convention table. A table without `[detect]` applies to every span.
    ///
    /// # Errors
    /// When it is not TOML of either form, or names a field or kind that does not exist. Errors name the line.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let has_renames = text.parse::<toml::Table>().is_ok_and(|file| file.contains_key("rename"));
        if has_renames {
            return listed(text, toml::from_str::<File>(text)?.rename);
        }
        let mut table = Table::parse(text)?;
        let detect = &table.detect;
        table.always |=
            [&detect.scopes, &detect.services, &detect.keys, &detect.span_names].into_iter().all(Vec::is_empty);
        Ok(Self(vec![table]))
    }

    /// The keys they read.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|table| table.fields.values().chain(table.resource.values()))
            .flatten()
            .map(String::as_str)
    }
}

/// One table for every condition, in the order in which the conditions first occur.
fn listed(text: &str, renames: Vec<Rename>) -> Result<Renames, TableError> {
    let mut tables: Vec<Table> = Vec::new();
    for rename in renames {
        let line = |place: &Spanned<String>| table::line_of(text, place.span().start);
        let (from, to) = (rename.from.get_ref(), rename.to.get_ref());
        if !table::is_whole(from) {
            return Err(TableError::BadKey { line: line(&rename.from), key: from.clone() });
        }
        let (field, known_kinds) = match Field::from_name(to) {
            Some(field) => (field, BTreeMap::new()),
            None => match Registry::builtin_field(to)? {
                Some(found) => found,
                None => return Err(table::field(to, line(&rename.to)).expect_err("no field has this name")),
            },
        };
        if Registry::builtin_field(from)?.is_some_and(|(read, _)| read == field) && rename.kinds.is_empty() {
            return Err(TableError::Known { line: line(&rename.from), key: from.clone() });
        }
        let detect = Detect {
            scopes: rename.scope.into_iter().collect(),
            services: rename.service.into_iter().collect(),
            ..Detect::default()
        };
        let all_of = detect.scopes.len() + detect.services.len() == 2;
        // Kinds belong to one key, so such a rename has a table of its own.
        let own_table = field == Field::Kind;
        let place = tables.iter().position(|table| !own_table && table.detect == detect && table.kinds.is_empty());
        let table = match place {
            Some(at) => &mut tables[at],
            None => {
                let always = detect == Detect::default();
                tables.push(Table { always, all_of, unnamed: true, detect, ..Table::named(NAME) });
                tables.last_mut().expect("pushed just now")
            }
        };
        table.fields.entry(field.name().to_owned()).or_default().push(from.clone());
        table.kinds.extend(known_kinds);
        if own_table {
            // A word that names a kind means it.
            table.kinds.extend(model::StepKind::ALL.iter().map(|kind| (kind.to_string(), kind.to_string())));
        }
        for (value, word) in rename.kinds {
            table::kind(value.get_ref(), &word, table::line_of(text, value.span().start))?;
            table.kinds.insert(value.into_inner(), word);
        }
    }
    if tables.is_empty() {
        return Err(TableError::Empty);
    }
    Ok(Renames(tables))
}
