//! Which settled runs are kept: rules in a file, by project and environment.
//!
//! What somebody will want to look at is kept: runs that failed or were found fault with, long, slow, expensive and low-scored ones,
//! the first of a new version. Of the rest a share stays, chosen by trace id, so that asking again gives the same answer.
//! Everything that counts runs has counted them before; this decides about their rows only.

use model::TraceId;
use serde::Deserialize;
use toml::Spanned;

use crate::config::{ConfigError, Glob, Names, Reader};

/// Rules a file may hold.
const MAX_RULES: usize = 256;
/// Runs of a version that is new that are kept where nothing else is set.
const DEFAULT_NEW_VERSION_RUNS: u64 = 20;
/// Hours a run can be looked at, reviewed and cited before it is dropped, where nothing else is set.
const DEFAULT_AFTER_HOURS: u64 = 24;

/// The rules of a file; the first that fits counts.
#[derive(Debug, Default)]
pub struct Sampling(Vec<Rule>);

/// What holds for some projects and environments.
#[derive(Debug)]
struct Rule {
    projects: Vec<Glob>,
    environments: Vec<Glob>,
    share: f64,
    after_hours: u64,
    steps: Option<u64>,
    slow_ms: Option<f64>,
    cost_usd: Option<f64>,
    score_below: Option<f64>,
    new_version_runs: u64,
}

/// What is known of a settled run.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// It ended in an error, was abandoned, or a step of it failed.
    pub failed: bool,
    /// Detectors found something in it.
    pub findings: bool,
    /// Its steps.
    pub steps: u64,
    /// Milliseconds it took.
    pub duration_ms: f64,
    /// What it cost, where that is known.
    pub cost_usd: Option<f64>,
    /// The lowest score it was given, where it was given any.
    pub lowest_score: Option<f64>,
    /// Runs of its version of its agent that were seen before it; `None` where it names no version.
    pub version_runs: Option<u64>,
    /// An alert, an issue or a person refers to it.
    pub cited: bool,
}

/// Why a run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// No rule is for it.
    NoRule,
    /// It failed.
    Error,
    /// Detectors found something.
    Finding,
    /// It has many steps.
    Long,
    /// It took long.
    Slow,
    /// It cost much.
    Expensive,
    /// It was given a low score.
    LowScore,
    /// It is one of the first of a version.
    NewVersion,
    /// An alert, an issue or a person refers to it.
    Cited,
    /// It is of the share of the rest that is kept.
    Share,
}

impl Why {
    /// All, by their words.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::NoRule, "no rule"),
        (Self::Error, "error"),
        (Self::Finding, "finding"),
        (Self::Long, "long"),
        (Self::Slow, "slow"),
        (Self::Expensive, "expensive"),
        (Self::LowScore, "low score"),
        (Self::NewVersion, "new version"),
        (Self::Cited, "cited"),
        (Self::Share, "share"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(why, _)| *why == self).map_or("", |(_, word)| word)
    }
}

/// What becomes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It stays.
    Keep(Why),
    /// It goes when it has been there for so many hours.
    DropAfterHours(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sampling: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    project: Names,
    #[serde(default)]
    environment: Names,
    keep_percent: Spanned<f64>,
    after_hours: Option<u64>,
    steps: Option<u64>,
    slow_ms: Option<Spanned<f64>>,
    cost_usd: Option<Spanned<f64>>,
    score_below: Option<f64>,
    new_version_runs: Option<u64>,
}

impl Sampling {
    /// Reads a file. `name` is how errors call it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigError> {
        let reader = Reader { file: name, text, key: None };
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.wrong(at, error.message().lines().collect::<Vec<_>>().join(", "))
        })?;
        if file.sampling.is_empty() {
            return Err(reader.wrong(0, "no rule: write a table [[sampling]] with `keep_percent = 10`, for example"));
        }
        if file.sampling.len() > MAX_RULES {
            return Err(reader.wrong(0, format!("more than {MAX_RULES} rules (MAX_RULES)")));
        }
        let rule = |written: Spanned<Written>| {
            let written = written.into_inner();
            let percent = &written.keep_percent;
            if !(0.0..=100.0).contains(percent.as_ref()) {
                return Err(reader.wrong(percent.span().start, "`keep_percent` is a number from 0 to 100"));
            }
            for limit in [&written.slow_ms, &written.cost_usd].into_iter().flatten() {
                if !limit.as_ref().is_finite() || *limit.as_ref() < 0.0 {
                    return Err(reader.wrong(limit.span().start, "a limit is a number of at least 0"));
                }
            }
            Ok(Rule {
                share: percent.as_ref() / 100.0,
                projects: written.project.globs(),
                environments: written.environment.globs(),
                after_hours: written.after_hours.unwrap_or(DEFAULT_AFTER_HOURS),
                steps: written.steps,
                slow_ms: written.slow_ms.map(Spanned::into_inner),
                cost_usd: written.cost_usd.map(Spanned::into_inner),
                score_below: written.score_below,
                new_version_runs: written.new_version_runs.unwrap_or(DEFAULT_NEW_VERSION_RUNS),
            })
        };
        file.sampling.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// What becomes of a settled run.
    pub fn decide(&self, project: &str, environment: &str, trace: TraceId, facts: &Facts) -> Decision {
        let fits = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.fits(text));
        let mut rules = self.0.iter();
        let Some(rule) = rules.find(|rule| fits(&rule.projects, project) && fits(&rule.environments, environment))
        else {
            return Decision::Keep(Why::NoRule);
        };
        let reasons = [
            (facts.failed, Why::Error),
            (facts.findings, Why::Finding),
            (facts.cited, Why::Cited),
            (rule.steps.is_some_and(|limit| facts.steps >= limit), Why::Long),
            (rule.slow_ms.is_some_and(|limit| facts.duration_ms >= limit), Why::Slow),
            (rule.cost_usd.zip(facts.cost_usd).is_some_and(|(limit, cost)| cost >= limit), Why::Expensive),
            (rule.score_below.zip(facts.lowest_score).is_some_and(|(limit, score)| score < limit), Why::LowScore),
            (facts.version_runs.is_some_and(|before| before < rule.new_version_runs), Why::NewVersion),
            (is_of_share(trace, rule.share), Why::Share),
        ];
        match reasons.iter().find(|(holds, _)| *holds) {
            Some((_, why)) => Decision::Keep(*why),
            None => Decision::DropAfterHours(rule.after_hours),
        }
    }
}

/// Whether a trace is of a share of all. Ids may count up: their bits are mixed first (the finalizer of SplitMix64).
fn is_of_share(trace: TraceId, share: f64) -> bool {
    let bytes = trace.as_bytes();
    let half = |at: usize| bytes[at..at + 8].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut mixed = half(0) ^ half(8).rotate_left(32);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(factor);
    }
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / ((1u64 << 53) as f64) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[[sampling]]
project = "shop"
environment = "prod*"
keep_percent = 10
steps = 50
slow_ms = 60000
cost_usd = 0.5
score_below = 0.5

[[sampling]]
project = "shop"
keep_percent = 0
"#;

    fn trace(number: u64) -> TraceId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        TraceId::from_array(bytes)
    }

    #[test]
    fn whatever_somebody_will_want_to_see_is_kept_and_a_share_of_the_rest() {
        let sampling = Sampling::parse("sampling.toml", FILE).unwrap();
        let plain = Facts { version_runs: Some(1_000), ..Facts::default() };
        let kept = (0..10_000).filter(|number| {
            sampling.decide("shop", "production", trace(*number), &plain) == Decision::Keep(Why::Share)
        });
        let kept: Vec<u64> = kept.collect();
        assert!((900..1100).contains(&kept.len()), "{} of 10,000 at 10 %", kept.len());
        let dropped = trace((0..).find(|number| !kept.contains(number)).unwrap());
        let with = |change: fn(&mut Facts)| {
            let mut facts = plain.clone();
            change(&mut facts);
            sampling.decide("shop", "production", dropped, &facts)
        };
        assert_eq!(with(|_| {}), Decision::DropAfterHours(24));
        assert_eq!(with(|facts| facts.failed = true), Decision::Keep(Why::Error));
        assert_eq!(with(|facts| facts.findings = true), Decision::Keep(Why::Finding));
        assert_eq!(with(|facts| facts.steps = 50), Decision::Keep(Why::Long));
        assert_eq!(with(|facts| facts.duration_ms = 60_000.0), Decision::Keep(Why::Slow));
        assert_eq!(with(|facts| facts.cost_usd = Some(0.5)), Decision::Keep(Why::Expensive));
        assert_eq!(with(|facts| facts.lowest_score = Some(0.4)), Decision::Keep(Why::LowScore));
        assert_eq!(with(|facts| facts.version_runs = Some(19)), Decision::Keep(Why::NewVersion));
        assert_eq!(with(|facts| facts.cited = true), Decision::Keep(Why::Cited));
        assert_eq!(sampling.decide("shop", "test", dropped, &plain), Decision::DropAfterHours(24));
        assert_eq!(sampling.decide("bank", "production", dropped, &plain), Decision::Keep(Why::NoRule));
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let wrong = |text: &str| Sampling::parse("s.toml", text).unwrap_err().to_string();
        assert!(wrong("[[sampling]]\nkeep_percent = 120").starts_with("s.toml:2:"));
        assert!(wrong("[[sampling]]\nkeep_procent = 12").contains("keep_procent"));
        assert!(wrong("").contains("[[sampling]]"));
        assert!(wrong("[[sampling]]\nkeep_percent = 1\nslow_ms = -1").starts_with("s.toml:3:"));
    }
}
