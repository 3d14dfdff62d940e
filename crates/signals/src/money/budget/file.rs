//! The budget file: TOML, described in `docs/budgets.md`. Every mistake is told with its line and field.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use model::Usd;
use serde::Deserialize;
use toml::Spanned;

use super::{Action, Budget, Level, Over, Per};
use crate::FileError;
use crate::file_error::Reader;
use crate::money::dollars::Dollars;

/// Largest budget file read, in bytes.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Most budgets of a file: a check looks at each.
pub const MAX_BUDGETS: usize = 256;
/// Most levels of a budget.
pub const MAX_LEVELS: usize = 16;

/// All budgets of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budgets {
    /// In the order of the file.
    pub list: Vec<Budget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    budget: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    per: Per,
    over: Over,
    usd: Dollars,
    #[serde(default)]
    hard: bool,
    only: Option<Spanned<BTreeMap<String, Vec<Arc<str>>>>>,
    #[serde(default)]
    critical: Vec<Arc<str>>,
    levels: Option<Vec<Spanned<LevelEntry>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelEntry {
    percent: u8,
    #[serde(rename = "do")]
    action: Word,
    to: Option<Arc<str>>,
    message: Option<Arc<str>>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Alert,
    Downgrade,
    Reject,
}

impl Budgets {
    /// Reads a file's text. `file` is how errors call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let reader = Reader { what: "budgets", file, text };
        let parsed: File = reader.parse(MAX_FILE_BYTES)?;
        if parsed.budget.len() > MAX_BUDGETS {
            return Err(reader.fail(None, format!("cannot have more than {MAX_BUDGETS} budgets")));
        }
        let mut list: Vec<Budget> = Vec::with_capacity(parsed.budget.len());
        for spanned in &parsed.budget {
            let budget = read(spanned).map_err(|(span, message)| reader.fail(Some(span), message))?;
            if list.iter().any(|other| other.name == budget.name) {
                let span = spanned.get_ref().name.span();
                return Err(reader.fail(Some(span), format!("`{}` names another budget already", budget.name)));
            }
            list.push(budget);
        }
        Ok(Self { list })
    }
}

type Wrong = (Range<usize>, String);

fn read(spanned: &Spanned<Entry>) -> Result<Budget, Wrong> {
    let entry = spanned.get_ref();
    let name = entry.name.get_ref().trim();
    if name.is_empty() {
        return Err((entry.name.span(), "cannot be empty".into()));
    }
    let (mut only, mut environments) = (Vec::new(), Vec::new());
    for (span, key, values) in
        entry.only.iter().flat_map(|only| only.get_ref().iter().map(|(key, values)| (only.span(), key, values)))
    {
        match Per::ALL.iter().find(|per| per.as_str() == key) {
            _ if key == "environment" => environments.clone_from(values),
            Some(per) => only.push((*per, values.clone())),
            None => {
                let known: Vec<_> = Per::ALL.iter().map(|per| per.as_str()).collect();
                let message = format!("`{key}` is none of {}, environment", known.join(", "));
                return Err((span, message));
            }
        }
    }
    let mut levels = match &entry.levels {
        Some(levels) => self::levels(levels, entry.hard)?,
        None => vec![Level { percent: 70, action: Action::Alert }],
    };
    let rejects = levels.last().is_some_and(|level| matches!(level.action, Action::Reject { .. }));
    let full = levels.last().is_some_and(|level| level.percent == 100);
    if entry.hard && !rejects {
        if full {
            return Err((spanned.span(), "is hard, so what happens at 100 percent is `reject`".into()));
        }
        levels.push(Level { percent: 100, action: Action::Reject { message: None } });
    } else if !rejects && !full {
        levels.push(Level { percent: 100, action: Action::Alert });
    }
    Ok(Budget {
        name: name.into(),
        per: entry.per,
        over: entry.over,
        limit: entry.usd.0,
        hard: entry.hard,
        only,
        environments,
        critical: entry.critical.clone(),
        levels,
    })
}

fn levels(entries: &[Spanned<LevelEntry>], hard: bool) -> Result<Vec<Level>, Wrong> {
    let mut levels: Vec<Level> = Vec::with_capacity(entries.len());
    for spanned in entries {
        let entry = spanned.get_ref();
        let wrong = |message: &str| Err((spanned.span(), message.to_owned()));
        if levels.len() == MAX_LEVELS {
            return wrong(&format!("is one level too many; a budget has {MAX_LEVELS} at most"));
        }
        if !(1..=100).contains(&entry.percent) {
            return wrong("needs a `percent` from 1 to 100");
        }
        if levels.last().is_some_and(|last| matches!(last.action, Action::Reject { .. })) {
            return wrong("comes after `reject`, where nothing more can happen");
        }
        if levels.last().is_some_and(|last| last.percent >= entry.percent) {
            return wrong("`percent` must rise from one level to the next");
        }
        let action = match (entry.action, &entry.to) {
            (Word::Downgrade, Some(to)) => Action::Downgrade { to: to.clone() },
            (Word::Downgrade, None) => return wrong("needs `to`, the cheaper model"),
            (_, Some(_)) => return wrong("`to` goes with `do = \"downgrade\"` only"),
            (Word::Alert, None) => Action::Alert,
            (Word::Reject, None) if !hard => return wrong("can only reject where the budget has `hard = true`"),
            (Word::Reject, None) => Action::Reject { message: entry.message.clone() },
        };
        if entry.message.is_some() && entry.action != Word::Reject {
            return wrong("`message` goes with `do = \"reject\"` only");
        }
        levels.push(Level { percent: entry.percent, action });
    }
    Ok(levels)
}

/// How much of a limit is used, in whole percent; all of a limit of 0.
pub(super) fn share(used: Usd, limit: Usd) -> i64 {
    if limit.as_pico() <= 0 {
        return 100;
    }
    i64::try_from(used.as_pico().saturating_mul(100) / limit.as_pico()).unwrap_or(i64::MAX)
}
