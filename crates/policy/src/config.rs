//! The file of policies: TOML, read and checked with line numbers.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use serde::Deserialize;
use toml::Spanned;

use crate::detect::{self, DETECTORS};
use crate::keep::{DEFAULT_PREVIEW, Keep, UNKNOWN_LONGER_THAN};
use crate::key::Key;
use crate::redact::{Find, Mark, Redactor, Rule};

/// Policies a file may hold.
const MAX_POLICIES: usize = 256;
/// Bytes a compiled pattern of the operator may take.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Share of traces that `sample` keeps in full where nothing else is set, in percent.
const DEFAULT_SAMPLE: f64 = 1.0;

/// A file that cannot be used: what is wrong, where, and what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub problem: String,
}

/// All policies of a file; the first that fits counts.
#[derive(Debug, Default)]
pub struct Policies(Vec<Policy>);

/// What holds for some projects and environments.
#[derive(Debug)]
pub(crate) struct Policy {
    projects: Vec<Glob>,
    environments: Vec<Glob>,
    /// What becomes of content.
    pub content: Keep,
    /// Characters a preview keeps.
    pub preview: usize,
    /// Share of traces that `sample` keeps in full, from 0 to 1.
    pub share: f64,
    /// What `sample` does with the others.
    pub otherwise: Keep,
    /// Text of unknown fields counts as content when it has more characters than this.
    pub unknown_longer_than: Option<usize>,
    /// What is said of fields, the most specific first.
    fields: Vec<(Glob, Keep)>,
    /// What is taken out of what stays.
    pub redactor: Redactor,
    /// The operator's key.
    pub key: Option<Key>,
}

impl Policies {
    /// Reads a file. `name` is how errors call it; `key` is the operator's, where one is set.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(name: &str, text: &str, key: Option<&Key>) -> Result<Self, ConfigError> {
        let reader = Reader { file: name, text, key };
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.wrong(at, error.message().lines().collect::<Vec<_>>().join(", "))
        })?;
        if file.policy.is_empty() {
            return Err(
                reader.wrong(0, "no policy: write a table [[policy]] with `content = \"preview\"`, for example")
            );
        }
        if file.policy.len() > MAX_POLICIES {
            return Err(reader.wrong(0, format!("more than {MAX_POLICIES} policies (MAX_POLICIES)")));
        }
        file.policy.into_iter().map(|written| reader.policy(written)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether anything is said for a project.
    pub fn is_for(&self, project: &str) -> bool {
        self.of_project(project).next().is_some()
    }

    /// What is said for a project.
    pub(crate) fn of_project(&self, project: &str) -> impl Iterator<Item = &Policy> {
        self.0.iter().filter(move |policy| policy.projects.iter().any(|glob| glob.fits(project)))
    }

    /// The policy for a project and environment.
    pub(crate) fn find(&self, project: &str, environment: &str) -> Option<&Policy> {
        self.of_project(project).find(|policy| policy.environments.iter().any(|glob| glob.fits(environment)))
    }

    /// What a person should know of each policy for a project, or of all, a line each.
    pub fn describe(&self, project: Option<&str>) -> Vec<String> {
        let names = |globs: &[Glob]| globs.iter().map(|glob| glob.0.as_str()).collect::<Vec<_>>().join(", ");
        let wanted = |policy: &&Policy| project.is_none_or(|name| policy.projects.iter().any(|glob| glob.fits(name)));
        let line = |policy: &Policy| {
            let content = match policy.content {
                Keep::Preview => format!("first {} characters", policy.preview),
                Keep::Sample => {
                    format!("{} % of traces in full, else {}", policy.share * 100.0, policy.otherwise.as_str())
                }
                keep => keep.as_str().to_owned(),
            };
            let environments = names(&policy.environments);
            let takes = policy.redactor.describe();
            match project {
                Some(_) => format!("environment {environments}: content {content}; takes out {takes}"),
                None => format!(
                    "project {}, environment {environments}: content {content}; takes out {takes}",
                    names(&policy.projects)
                ),
            }
        };
        self.0.iter().filter(wanted).map(line).collect()
    }
}

impl Policy {
    /// What is said of a field.
    pub(crate) fn said_of(&self, field: &str) -> Option<Keep> {
        self.fields.iter().find(|(glob, _)| glob.fits(field)).map(|(_, keep)| *keep)
    }
}

/// A name in which `*` stands for any characters.
#[derive(Debug, Clone)]
pub(crate) struct Glob(String);

impl Glob {
    pub fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    policy: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    project: Names,
    #[serde(default)]
    environment: Names,
    content: Spanned<Keep>,
    preview_characters: Option<Spanned<usize>>,
    sample_percent: Option<Spanned<f64>>,
    sample_otherwise: Option<Spanned<Keep>>,
    unknown: Option<Unknown>,
    unknown_longer_than: Option<usize>,
    #[serde(default)]
    fields: BTreeMap<String, Spanned<Keep>>,
    #[serde(default)]
    redact: Redact,
}

/// What becomes of long text in fields that nothing knows.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    Content,
    Full,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Redact {
    detectors: Option<Spanned<Vec<String>>>,
    mark: Option<Spanned<Mark>>,
    #[serde(default)]
    marks: BTreeMap<String, Spanned<Mark>>,
    #[serde(default)]
    pattern: Vec<Spanned<Pattern>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    name: String,
    regex: String,
}

/// One name or several; all where none is given.
#[derive(Deserialize)]
#[serde(untagged, expecting = "give a text or a list of texts")]
pub(crate) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::One("*".into())
    }
}

impl Names {
    pub fn globs(self) -> Vec<Glob> {
        match self {
            Self::One(name) => vec![Glob(name)],
            Self::Many(names) => names.into_iter().map(Glob).collect(),
        }
    }
}

/// Says where in a file something is wrong.
pub(crate) struct Reader<'t> {
    pub file: &'t str,
    pub text: &'t str,
    pub key: Option<&'t Key>,
}

impl Reader<'_> {
    pub fn wrong(&self, at: usize, problem: impl Into<String>) -> ConfigError {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        ConfigError { file: self.file.to_owned(), line: before.matches('\n').count() + 1, problem: problem.into() }
    }

    fn needs_key(&self, at: usize, what: &str) -> Result<(), ConfigError> {
        if self.key.is_some() {
            return Ok(());
        }
        Err(self.wrong(
            at,
            format!("{what} needs a key: set TAWNY_POLICY_KEY or --policy-key-file, for example to what `openssl rand -hex 32` prints"),
        ))
    }

    fn policy(&self, written: Spanned<Written>) -> Result<Policy, ConfigError> {
        let at = written.span().start;
        let written = written.into_inner();
        for keep in std::iter::once(&written.content).chain(written.fields.values()).chain(&written.sample_otherwise) {
            if *keep.as_ref() == Keep::Hash {
                self.needs_key(keep.span().start, "`hash`")?;
            }
        }
        let percent = match &written.sample_percent {
            Some(percent) if !(0.0..=100.0).contains(percent.as_ref()) => {
                return Err(self.wrong(percent.span().start, "`sample_percent` is a number from 0 to 100"));
            }
            percent => percent.as_ref().map_or(DEFAULT_SAMPLE, |percent| *percent.as_ref()),
        };
        let otherwise = match &written.sample_otherwise {
            Some(keep) if *keep.as_ref() == Keep::Sample => {
                return Err(self.wrong(keep.span().start, "`sample_otherwise` is full, preview, hash or none"));
            }
            keep => keep.as_ref().map_or(Keep::Preview, |keep| *keep.as_ref()),
        };
        let content = *written.content.as_ref();
        let treats_unknown = written.unknown.map_or(content != Keep::Full, |unknown| unknown == Unknown::Content);
        let mut fields: Vec<(Glob, Keep)> =
            written.fields.into_iter().map(|(name, keep)| (Glob(name), keep.into_inner())).collect();
        fields.sort_by_key(|(glob, _)| (glob.0.contains('*'), std::cmp::Reverse(glob.0.len())));
        Ok(Policy {
            projects: written.project.globs(),
            environments: written.environment.globs(),
            content,
            preview: written.preview_characters.map_or(DEFAULT_PREVIEW, Spanned::into_inner),
            share: percent / 100.0,
            otherwise,
            unknown_longer_than: treats_unknown.then_some(written.unknown_longer_than.unwrap_or(UNKNOWN_LONGER_THAN)),
            fields,
            redactor: self.redactor(at, written.redact)?,
            key: self.key.cloned(),
        })
    }

    fn redactor(&self, at: usize, written: Redact) -> Result<Redactor, ConfigError> {
        let mut finds: Vec<(String, Find)> = Vec::new();
        match &written.detectors {
            None => finds.extend(DETECTORS.iter().map(|known| (known.name.to_owned(), Find::BuiltIn(known)))),
            Some(names) => {
                for name in names.as_ref() {
                    let known = detect::named(name).ok_or_else(|| {
                        let all: Vec<&str> = DETECTORS.iter().map(|known| known.name).collect();
                        let problem = format!("there is no detector `{name}`: use {}", all.join(", "));
                        self.wrong(names.span().start, problem)
                    })?;
                    finds.push((known.name.to_owned(), Find::BuiltIn(known)));
                }
            }
        }
        for pattern in written.pattern {
            let at = pattern.span().start;
            let Pattern { name, regex } = pattern.into_inner();
            let plain = |letter: char| letter.is_alphanumeric() || "_ .-".contains(letter);
            if name.is_empty() || name.chars().count() > 64 || !name.chars().all(plain) {
                return Err(self.wrong(
                    at,
                    format!("`{name}` cannot be a pattern's name: use letters, digits, space, _ . and -, at most 64"),
                ));
            }
            if finds.iter().any(|(other, _)| *other == name) {
                return Err(self.wrong(at, format!("two patterns or detectors are named `{name}`")));
            }
            let regex = RegexBuilder::new(&regex).size_limit(MAX_PATTERN_BYTES).build();
            let regex =
                regex.map_err(|error| self.wrong(at, format!("the pattern `{name}` cannot be used: {error}")))?;
            finds.push((name, Find::Own(regex)));
        }
        let mark = written.mark.as_ref().map_or(Mark::Label, |mark| *mark.as_ref());
        for (mark, at) in
            written.mark.iter().chain(written.marks.values()).map(|mark| (*mark.as_ref(), mark.span().start))
        {
            if mark != Mark::Label {
                self.needs_key(at, "this mark")?;
            }
        }
        if let Some((name, mark)) = written.marks.iter().find(|(name, _)| finds.iter().all(|(known, _)| known != *name))
        {
            return Err(self.wrong(
                mark.span().start.max(at),
                format!("`marks` names `{name}`, which is no detector or pattern of this policy"),
            ));
        }
        let rules = finds.into_iter().map(|(name, find)| {
            let mark = written.marks.get(&name).map_or(mark, |own| *own.as_ref());
            Rule { name, find, mark }
        });
        Ok(Redactor::new(rules.collect(), self.key.cloned()))
    }
}
