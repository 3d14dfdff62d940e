//! Which attributes of the runs explain a change: version, model, user, tags, agents below, tools used.
//!
//! An attribute explains a change in two ways. Its values come in other shares than before (all runs are of the new version), and runs that share
//! a value are as they were: what is left when only such runs are compared is not explained. Or the change is in the runs of one value (one user, one
//! tool): what is left when these are taken out is not explained. The greater of both is told, with the value; of tools the second only.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::features;
use super::stream::{Side, Stream};
use super::{Mark, test};

/// Values of an attribute that are looked at by themselves, those of most runs first; all others count as one.
const VALUES: usize = 7;
/// Share of a change that an attribute explains at least to be named: of a few runs most explain a fifth by chance.
const LEAST: f64 = 0.3;
/// Runs of a value after the change from which on it is looked at, and runs of all others.
const LEAST_RUNS: u32 = 5;
/// Tools named.
const TOOLS: usize = 3;
/// The conversation is what runs come in and explains nothing.
pub(super) const SESSION: &str = "session";
/// Whoever asked is counted and never named: a finding outlives the runs of others.
pub(super) const USER: &str = "user";

/// An attribute that explains a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The attribute; `tool:` and a name for the runs that use a tool.
    pub name: String,
    /// Its value, where one stands out and may be told.
    pub value: Option<String>,
    /// Share of the change that it explains.
    pub share: f64,
}

impl Cause {
    /// As a person says it.
    pub fn words(&self) -> String {
        if self.name.starts_with("tool:") {
            return features::title(&self.name);
        }
        let name = self.name.replace('_', " ");
        self.value.as_ref().map_or_else(|| name.clone(), |value| format!("{name} {value}"))
    }
}

/// What explains the change of `feature` at `split`: attributes of the runs, then tools that they use, the greatest share first.
pub(super) fn explained(
    marks: &VecDeque<Mark>,
    streams: &BTreeMap<String, Stream>,
    feature: &str,
    split: usize,
) -> Vec<Cause> {
    let Some((stream, all)) = streams.get(feature).and_then(|it| Some((it, it.side(split)?))) else {
        return Vec::new();
    };
    let names: BTreeSet<&str> = marks.iter().flat_map(|mark| mark.groups.keys()).map(String::as_str).collect();
    let attributes = names.into_iter().filter(|name| *name != SESSION && *name != feature).filter_map(|name| {
        cause(name, &all, &strata(stream, split, |at| marks.get(at)?.groups.get(name).map(String::as_str)))
    });
    let mut found: Vec<Cause> = attributes.collect();
    // The version that is told goes before the derived one where both explain as much.
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| b.name.cmp(&a.name)));
    let tools = streams.iter().filter(|(name, _)| name.starts_with("tool:") && *name != feature);
    let mut of_tools: Vec<Cause> = tools
        .filter_map(|(name, tool)| cause(name, &all, &strata(stream, split, |at| tool.is_used(at).then_some("used"))))
        .collect();
    of_tools.sort_by(|a, b| b.share.total_cmp(&a.share));
    found.extend(of_tools.into_iter().take(TOOLS));
    found
}

/// Counts by the value that runs have of an attribute, the most frequent values first; the rare ones are put together at the end.
fn strata<'m>(stream: &Stream, split: usize, group: impl Fn(usize) -> Option<&'m str>) -> Vec<(Option<&'m str>, Side)> {
    let mut by_value: BTreeMap<Option<&str>, Side> = BTreeMap::new();
    for (at, category) in stream.present() {
        by_value.entry(group(at)).or_default().count(category, at >= split);
    }
    let mut strata: Vec<(Option<&str>, Side)> = by_value.into_iter().collect();
    strata.sort_by_key(|(_, side)| Reverse(side.runs().iter().sum::<u32>()));
    if strata.len() > VALUES {
        let rare = strata.split_off(VALUES);
        strata.push((None, rare.into_iter().fold(Side::default(), |all, (_, side)| all.plus(&side))));
    }
    strata
}

/// How much of a change an attribute explains.
fn cause(name: &str, all: &Side, strata: &[(Option<&str>, Side)]) -> Option<Cause> {
    let left: f64 = strata.iter().map(|(_, side)| test::plain(side)).sum();
    let groups: Vec<[u32; 2]> = strata.iter().map(|(_, side)| side.runs()).collect();
    // That other tools are used is part of the change, and no reason for it.
    let by_shares = if name.starts_with("tool:") || !test::shares_changed(&groups) {
        0.0
    } else {
        (1.0 - left / test::plain(all).max(1e-9)).clamp(0.0, 1.0)
    };
    let [before, after] = all.runs().map(f64::from);
    let risen = |side: &Side| {
        let [earlier, later] = side.runs().map(f64::from);
        later / after.max(1.0) - earlier / before.max(1.0)
    };
    let named = strata.iter().filter_map(|(value, side)| Some(((*value)?, side)));
    let most_risen = named.clone().max_by(|a, b| risen(a.1).total_cmp(&risen(b.1))).map(|(value, _)| value);
    let effect = test::effect(all, 1)?;
    let without = |(value, side): (&str, &Side)| {
        let [_, later] = side.runs();
        let rest = test::effect(&all.minus(side), LEAST_RUNS).filter(|_| later >= LEAST_RUNS)?;
        Some((value.to_owned(), 1.0 - rest / effect.max(1e-9)))
    };
    let one = named.filter_map(without).max_by(|a, b| a.1.total_cmp(&b.1));
    let (value, share) = match one {
        Some((value, share)) if share > by_shares => (Some(value), share),
        _ => (most_risen.map(str::to_owned), by_shares),
    };
    let value = value.filter(|_| name != USER);
    (share >= LEAST).then(|| Cause { name: name.to_owned(), value, share: (share * 100.0).round() / 100.0 })
}
