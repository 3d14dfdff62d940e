//! Taking found things out of texts and values, and what stands in their place.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use model::Value;
use regex::Regex;
use serde::Deserialize;

use crate::detect::{self, Detector, Hits};
use crate::json;
use crate::key::Key;

/// Shortest text that anything is looked for in.
const SHORTEST: usize = 5;

/// Times a text is looked through at most. What stood beside a thing that was taken out may be found only then, so a text is
/// looked through again until nothing more is found; the bound keeps a text made to need many passes from costing more.
const PASSES: usize = 16;

/// What stands in the place of a thing that was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// `[email]`.
    Label,
    /// `[email:3f9a1c20b7d4]`: the same for the same value, so that it can still be counted and joined.
    Pseudonym,
    /// `[email~…]`: whoever has the key can turn it back.
    Token,
}

/// How one sort of thing is found.
#[derive(Debug)]
pub(crate) enum Find {
    BuiltIn(&'static Detector),
    Own(Regex),
}

/// One sort of thing to take out.
#[derive(Debug)]
pub(crate) struct Rule {
    pub name: String,
    pub find: Find,
    pub mark: Mark,
}

/// All that is to be taken out.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    rules: Vec<Rule>,
    key: Option<Key>,
    /// The rule for credentials, which also goes by names.
    secrets: Option<usize>,
}

/// Numbers of the rules that found something, one for each thing taken out.
pub(crate) type Found = Vec<usize>;

static MARK: LazyLock<Regex> =
    LazyLock::new(|| detect::pattern(r"\[([\p{L}\p{N}_ .-]{1,64})(?::[0-9a-f]{12}|~([A-Za-z0-9_-]+))?\]"));

impl Redactor {
    pub(crate) fn new(rules: Vec<Rule>, key: Option<Key>) -> Self {
        let secrets = rules.iter().position(|rule| matches!(rule.find, Find::BuiltIn(Detector { name: "secret", .. })));
        Self { rules, key, secrets }
    }

    /// What is taken out, for people.
    pub(crate) fn describe(&self) -> String {
        let names: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    }

    /// Whether what stands for all of these is another for each value.
    pub(crate) fn tells_apart(&self, found: &Found) -> bool {
        found.iter().all(|rule| self.rules[*rule].mark != Mark::Label)
    }

    /// The name of a rule.
    pub(crate) fn name(&self, rule: usize) -> &str {
        &self.rules[rule].name
    }

    /// Redacts a value that stands under `name`, keys of maps included.
    pub(crate) fn value(&self, name: Option<&str>, value: &mut Value<'_>, found: &mut Found) {
        if self.rules.is_empty() {
            return;
        }
        let new = match value {
            Value::Str(text) => self.text(name, text, found),
            Value::Bytes(bytes) => self.text(name, &String::from_utf8_lossy(bytes), found),
            Value::Int(number) => self.plain(name, &number.to_string(), found),
            Value::Double(number) if number.fract() == 0.0 && (1e8..1e19).contains(&number.abs()) => {
                self.plain(name, &format!("{number:.0}"), found)
            }
            Value::Array(items) => {
                items.iter_mut().for_each(|item| self.value(name, item, found));
                None
            }
            Value::Map(entries) => {
                for (key, item) in entries {
                    self.value(Some(key), item, found);
                    self.cow(key, found);
                }
                None
            }
            Value::Null | Value::Bool(_) | Value::Double(_) => None,
        };
        if let Some(new) = new {
            *value = Value::Str(Cow::Owned(new));
        }
    }

    /// Redacts a text in place.
    pub(crate) fn cow(&self, text: &mut Cow<'_, str>, found: &mut Found) {
        if let Some(new) = self.text(None, text, found) {
            *text = Cow::Owned(new);
        }
    }

    /// Redacts a text, JSON or not, that stands under `name`.
    pub(crate) fn text(&self, name: Option<&str>, text: &str, found: &mut Found) -> Option<String> {
        if json::is_structure(text) {
            return json::rewrite(text, &mut |inner, text| self.plain(inner.or(name), text, found));
        }
        self.plain(name, text, found)
    }

    fn plain(&self, name: Option<&str>, text: &str, found: &mut Found) -> Option<String> {
        if let (Some(name), Some(rule)) = (name, self.secrets)
            && detect::is_secret_name(name)
            && !text.is_empty()
            && self.marks(text).first() != Some(&(0..text.len()))
        {
            found.push(rule);
            return Some(self.mark(rule, text));
        }
        let mut new = self.once(text, found)?;
        for _ in 1..PASSES {
            let Some(newer) = self.once(&new, found) else { break };
            new = newer;
        }
        Some(new)
    }

    fn once(&self, text: &str, found: &mut Found) -> Option<String> {
        if text.len() < SHORTEST {
            return None;
        }
        let mut all: Vec<(Range<usize>, usize)> = Vec::new();
        let mut hits = Hits::new();
        for (number, rule) in self.rules.iter().enumerate() {
            match &rule.find {
                Find::BuiltIn(detector) => (detector.find)(text, &mut hits),
                Find::Own(regex) => hits.extend(regex.find_iter(text).map(|hit| hit.range())),
            }
            all.extend(hits.drain(..).filter(|range| !range.is_empty()).map(|range| (range, number)));
        }
        if all.is_empty() {
            return None;
        }
        let marks = self.marks(text);
        all.retain(|(hit, _)| marks.iter().all(|mark| hit.end <= mark.start || mark.end <= hit.start));
        // Of things that overlap the longest counts.
        all.sort_by_key(|(range, number)| (std::cmp::Reverse(range.len()), *number, range.start));
        let mut taken: Vec<(Range<usize>, usize)> = Vec::new();
        for (range, number) in all {
            match taken.iter_mut().find(|(other, _)| range.start < other.end && other.start < range.end) {
                // What overlaps goes as well, all of it.
                Some((other, _)) => *other = other.start.min(range.start)..other.end.max(range.end),
                None => taken.push((range, number)),
            }
        }
        taken.sort_by_key(|(range, _)| range.start);
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (range, number) in &taken {
            // A range that grew may have reached its neighbour.
            if range.end <= copied {
                continue;
            }
            let start = range.start.max(copied);
            out.push_str(&text[copied..start]);
            out.push_str(&self.mark(*number, &text[start..range.end]));
            found.push(*number);
            copied = range.end;
        }
        out.push_str(&text[copied..]);
        (!taken.is_empty()).then_some(out)
    }

    /// Where marks of an earlier pass stand.
    fn marks(&self, text: &str) -> Hits {
        if !text.contains('[') {
            return Hits::new();
        }
        let ours = |captures: &regex::Captures<'_>| {
            let name = captures.get(1).is_some_and(|name| self.rules.iter().any(|rule| rule.name == name.as_str()));
            let token = captures.get(2).is_none_or(|_| {
                let whole = captures.get(0).map_or("", |whole| whole.as_str());
                self.key.as_ref().is_some_and(|key| key.reveal(whole).is_ok())
            });
            name && token
        };
        MARK.captures_iter(text)
            .filter(ours)
            .filter_map(|captures| captures.get(0).map(|whole| whole.range()))
            .collect()
    }

    fn mark(&self, number: usize, value: &str) -> String {
        let Rule { name, mark, .. } = &self.rules[number];
        match (mark, &self.key) {
            (Mark::Pseudonym, Some(key)) => format!("[{name}:{}]", key.pseudonym(name, value)),
            (Mark::Token, Some(key)) => match key.token(name, value) {
                Some(token) => format!("[{name}~{token}]"),
                None => format!("[{name}]"),
            },
            // The file is refused when a mark needs a key and there is none.
            _ => format!("[{name}]"),
        }
    }
}
