//! All convention tables merged for one pass over a span's attributes: a hash lookup per key says which
//! fields of which dialects it fills.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::StepKind;

use crate::dialects::{BUILTIN, Reshape};
use crate::field::Field;
use crate::intern::Hasher;
use crate::normalise::fold;
use crate::renames::Renames;
use crate::table::{self, Table, TableError, Tokens};

/// Bit set of dialects, most specific first.
pub(crate) type Mask = u64;

/// What a key says about one dialect's field. Lower ranks win: dialect first, then order in the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub dialect: u8,
    pub field: Field,
    pub rank: u16,
}

/// Everything the tables say about one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// Dialects the presence of the key proves.
    pub detects: Mask,
    /// Dialects that explain the key without having a field for it.
    pub knows: Mask,
    /// Fields it fills.
    pub targets: Vec<Target>,
}

/// Words of a `kind` attribute and the kinds they stand for, as tables have them.
pub(crate) type Kinds = BTreeMap<String, String>;

/// A map that hashes alike in every process; its keys come from tables, so no stranger can choose them.
type Fixed<K, V> = HashMap<K, V, Hasher>;

/// Where a key, scope, service or span name is matched by its beginning.
#[derive(Debug, Clone)]
struct Prefixes<T> {
    by_head: Fixed<Box<str>, Vec<(Box<str>, T)>>,
    /// Prefixes that end within the first word, tried one by one. Only users write such.
    short: Vec<(Box<str>, T)>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self { by_head: HashMap::default(), short: Vec::new() }
    }
}

impl<T> Prefixes<T> {
    /// The part of `text` before its first `.`, `_`, `-` or space: prefixes that reach to its end are found by it.
    fn head(text: &str) -> &str {
        &text[..text.find(['.', '_', ' ', '-']).unwrap_or(text.len())]
    }

    fn insert(&mut self, prefix: &str, value: T) {
        let head = Self::head(prefix);
        let list = if head == prefix { &mut self.short } else { self.by_head.entry(head.into()).or_default() };
        list.push((prefix.into(), value));
    }

    fn find<'s>(&'s self, text: &str) -> impl Iterator<Item = &'s T> {
        let found = self.by_head.get(Self::head(text)).map(Vec::as_slice).unwrap_or_default();
        found
            .iter()
            .chain(&self.short)
            .filter(move |(prefix, _)| text.starts_with(prefix.as_ref()))
            .map(|(_, value)| value)
    }
}

/// Exact names and prefixes, each with the dialects it proves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    exact: Fixed<Box<str>, Mask>,
    prefixes: Prefixes<Mask>,
}

impl Names {
    fn insert(&mut self, pattern: &str, mask: Mask) {
        match pattern.strip_suffix('*') {
            Some(prefix) => self.prefixes.insert(prefix, mask),
            None => *self.exact.entry(pattern.into()).or_default() |= mask,
        }
    }

    /// Dialects that `name` proves.
    pub(crate) fn find(&self, name: &str) -> Mask {
        let exact = self.exact.get(name).copied().unwrap_or(0);
        self.prefixes.find(name).fold(exact, |all, mask| all | mask)
    }
}

/// One dialect as the registry keeps it.
#[derive(Debug)]
pub(crate) struct Dialect {
    pub name: Arc<str>,
    pub tokens: Tokens,
    pub provider_sdk: bool,
    pub kinds: Fixed<Box<str>, StepKind>,
    pub failures: Vec<Box<str>>,
    pub message_means_failure: bool,
    pub reshape: Reshape,
}

/// All tables, merged.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub dialects: Vec<Dialect>,
    /// Dialects whose keys are read wherever they occur.
    pub always: Mask,
    /// Dialects that scope and service must both prove.
    pub all_of: Mask,
    /// Dialects that name no span.
    pub unnamed: Mask,
    pub scopes: Names,
    pub services: Names,
    pub span_names: Names,
    keys: Fixed<Box<str>, Entry>,
    key_prefixes: Prefixes<Entry>,
    resource: Fixed<Box<str>, Vec<Target>>,
    kinds_by_name: Fixed<Box<str>, Vec<(u8, StepKind)>>,
    kinds_by_prefix: Prefixes<(u8, StepKind)>,
}

impl Registry {
    /// Most dialects a set can hold.
    pub(crate) const MAX_DIALECTS: usize = Mask::BITS as usize;

    /// Merges the user's tables, then Tawny's own.
    pub(crate) fn new(renames: Vec<Renames>) -> Result<Self, TableError> {
        let mut all: Vec<(Table, Reshape)> =
            renames.into_iter().flat_map(|renames| renames.0).map(|table| (table, Reshape::default())).collect();
        for builtin in BUILTIN {
            all.push((Table::parse(builtin.table)?, builtin.reshape));
        }
        if all.len() > Self::MAX_DIALECTS {
            return Err(TableError::TooMany { found: all.len(), limit: Self::MAX_DIALECTS });
        }
        let mut registry = Self::default();
        for (index, (table, reshape)) in all.into_iter().enumerate() {
            registry.add(index as u8, table, reshape)?;
        }
        // What a prefix says holds for the exact keys under it too, so that one lookup is enough.
        for (key, entry) in &mut registry.keys {
            for prefix in registry.key_prefixes.find(key) {
                entry.detects |= prefix.detects;
                entry.knows |= prefix.knows;
            }
        }
        Ok(registry)
    }

    fn add(&mut self, dialect: u8, table: Table, reshape: Reshape) -> Result<(), TableError> {
        let mask = 1 << dialect;
        if table.always {
            self.always |= mask;
        }
        if table.all_of {
            self.all_of |= mask;
        }
        if table.unnamed {
            self.unnamed |= mask;
        }
        for (patterns, names) in [
            (&table.detect.scopes, &mut self.scopes),
            (&table.detect.services, &mut self.services),
            (&table.detect.span_names, &mut self.span_names),
        ] {
            patterns.iter().for_each(|pattern| names.insert(pattern, mask));
        }
        for pattern in &table.detect.keys {
            match pattern.strip_suffix('*') {
                Some(prefix) => {
                    self.key_prefixes.insert(prefix, Entry { detects: mask, knows: 0, targets: Vec::new() });
                }
                None => self.keys.entry(pattern.as_str().into()).or_default().detects |= mask,
            }
        }
        for pattern in &table.known {
            match pattern.strip_suffix('*') {
                Some(prefix) => {
                    self.key_prefixes.insert(prefix, Entry { detects: 0, knows: mask, targets: Vec::new() });
                }
                None => self.keys.entry(pattern.as_str().into()).or_default().knows |= mask,
            }
        }
        for (name, keys) in &table.fields {
            let field = table::field(name, 0)?;
            for (at, key) in keys.iter().enumerate() {
                let target = Target { dialect, field, rank: rank(dialect, at) };
                self.keys.entry(key.as_str().into()).or_default().targets.push(target);
            }
        }
        for (name, keys) in &table.resource {
            let field = table::field(name, 0)?;
            for (at, key) in keys.iter().enumerate() {
                let target = Target { dialect, field, rank: rank(dialect, at) };
                self.resource.entry(key.as_str().into()).or_default().push(target);
            }
        }
        for (pattern, word) in &table.span_names {
            let kind = table::kind(pattern, word, 0)?;
            match pattern.strip_suffix('*') {
                Some(prefix) => self.kinds_by_prefix.insert(prefix, (dialect, kind)),
                None => self.kinds_by_name.entry(pattern.as_str().into()).or_default().push((dialect, kind)),
            }
        }
        let mut kinds = HashMap::default();
        for (value, word) in &table.kinds {
            kinds.insert(fold(value).into(), table::kind(value, word, 0)?);
        }
        self.dialects.push(Dialect {
            name: table.dialect.into(),
            tokens: table.tokens,
            provider_sdk: table.provider_sdk,
            kinds,
            failures: table.failures.iter().map(|word| fold(word).into()).collect(),
            message_means_failure: table.message_means_failure,
            reshape,
        });
        Ok(())
    }

    /// What the tables say about an attribute of a span, entry by entry.
    pub(crate) fn attribute<'s>(&'s self, key: &str) -> impl Iterator<Item = &'s Entry> {
        let exact = self.keys.get(key);
        exact.into_iter().chain(exact.is_none().then(|| self.key_prefixes.find(key)).into_iter().flatten())
    }

    /// Tawny's own field that a key fills, the most trusted dialect's, and the kinds that the key's values stand for.
    pub(crate) fn builtin_field(key: &str) -> Result<Option<(Field, Kinds)>, TableError> {
        let mut found = None;
        for builtin in BUILTIN {
            let table = Table::parse(builtin.table)?;
            let Some((name, _)) = table.fields.iter().find(|(_, keys)| keys.iter().any(|known| known == key)) else {
                continue;
            };
            let here = table::field(name, 0)?;
            let (field, kinds) = found.get_or_insert((here, Kinds::new()));
            if (*field, here) == (Field::Kind, Field::Kind) {
                for (value, word) in table.kinds {
                    kinds.entry(value).or_insert(word);
                }
            }
        }
        Ok(found)
    }

    /// Fields that an attribute of a resource fills.
    pub(crate) fn resource_attribute(&self, key: &str) -> &[Target] {
        self.resource.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// The kind that a span's name stands for in one of the `active` dialects, with the rank of that answer.
    pub(crate) fn kind_of_name(&self, name: &str, active: Mask) -> Option<(u16, StepKind)> {
        let exact = self.kinds_by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        exact
            .iter()
            .map(|&(dialect, kind)| (dialect, false, kind))
            .chain(self.kinds_by_prefix.find(name).map(|&(dialect, kind)| (dialect, true, kind)))
            .filter(|(dialect, _, _)| active & (1 << dialect) != 0)
            .min_by_key(|(dialect, prefix, _)| (*dialect, *prefix))
            .map(|(dialect, _, kind)| (rank(dialect, usize::from(u8::MAX)), kind))
    }
}

/// Position of a key: the dialect's, then the one in its table.
fn rank(dialect: u8, at: usize) -> u16 {
    u16::from(dialect) << 8 | at.min(usize::from(u8::MAX)) as u16
}
