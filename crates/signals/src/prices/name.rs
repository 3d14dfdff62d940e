//! Model names as senders write them, taken apart: which provider they point to and under which names to look.
//!
//! `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `models/gemini-2.5-pro`, `openai/gpt-4o-2024-11-20`,
//! `claude-3-5-sonnet@20241022` and `ft:gpt-4o-mini-2024-07-18:acme::id` all hide a name of the price table.

/// Longest name looked at; longer ones are no model's. Bounds the work on hostile input.
const MAX_NAME: usize = 200;
/// Path segments taken off the front at most (`openrouter/bedrock/us.anthropic…`).
const MAX_SEGMENTS: usize = 8;

/// Regions that Bedrock writes before an inference profile's id. `global` is the one without a regional surcharge.
const REGIONS: &[&str] =
    &["us", "us-gov", "eu", "apac", "ap", "jp", "au", "ca", "in", "sa", "me", "af", "il", "uk", "global"];
/// Vendors in Bedrock's ids (`anthropic.claude-…`).
const VENDORS: &[&str] = &[
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "moonshotai",
    "nvidia",
    "openai",
    "qwen",
    "stability",
    "twelvelabs",
    "writer",
    "zai",
];

/// A name without its wrapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// The names to look under, most specific first, each with the path segment before it (`azure` of `azure/gpt-4o`).
    pub forms: Vec<Form>,
    /// The id has Bedrock's shape.
    pub bedrock: bool,
    /// It is a Bedrock id of one region, not of the global endpoint.
    pub regional: bool,
}

/// One way to read a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// The path segment before, which may name a provider.
    pub prefix: Option<String>,
    /// Keys, most specific first: the name, then the name without version suffixes.
    pub keys: Vec<String>,
}

impl Name {
    /// Takes a model's name apart; `None` for an empty or endless one. `on_bedrock` where the span names Bedrock, so that
    /// ids without a vendor are read as Bedrock's too.
    pub(super) fn parse(name: &str, on_bedrock: bool) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || name.len() > MAX_NAME {
            return None;
        }
        let arn = name.starts_with("arn:");
        let path: Vec<&str> = if arn { vec![name.rsplit('/').next()?] } else { name.split('/').collect() };
        let (region, id) = region(path.last()?);
        let bedrock = on_bedrock || arn || region.is_some() || vendor(id);
        let first = path.len().saturating_sub(MAX_SEGMENTS);
        let forms = (first..path.len())
            .map(|at| {
                let rest = if at + 1 == path.len() { id.to_owned() } else { path[at..].join("/") };
                let prefix = at.checked_sub(1).map(|before| path[before].to_owned());
                Form { prefix, keys: keys(&rest, bedrock) }
            })
            .filter(|form| !form.keys.is_empty())
            .collect();
        Some(Self { forms, bedrock, regional: bedrock && region != Some("global") })
    }
}

/// Bedrock's region in front of an id, and the id.
fn region(id: &str) -> (Option<&str>, &str) {
    match id.split_once('.') {
        Some((first, rest)) if REGIONS.contains(&first) && vendor(rest) => (Some(first), rest),
        _ => (None, id),
    }
}

fn vendor(id: &str) -> bool {
    id.split_once('.').is_some_and(|(first, rest)| VENDORS.contains(&first) && !rest.is_empty())
}

/// How names are compared: lower case, with `-` for `.`, `_` and space (`claude-3.5-sonnet` is `claude-3-5-sonnet`).
pub(super) fn fold(name: &str) -> String {
    name.trim()
        .chars()
        .map(|character| match character {
            '.' | '_' | ' ' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// How providers are compared: dialects already write OpenTelemetry's spelling, so only case and separators fold.
pub(super) fn fold_provider(name: &str) -> String {
    name.trim()
        .chars()
        .map(|character| match character {
            '-' | ' ' => '_',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

/// The name's key, then the keys without its version suffixes, one suffix less at a time.
fn keys(name: &str, bedrock: bool) -> Vec<String> {
    let tuned = fine_tuned(name);
    let mut key = fold(tuned.as_deref().unwrap_or(name));
    let mut keys = Vec::new();
    while !key.is_empty() {
        let shorter = without_suffix(&key, bedrock).map(str::to_owned);
        keys.push(key);
        match shorter {
            Some(shorter) => key = shorter,
            None => break,
        }
    }
    keys
}

/// `ft:gpt-4o-mini-2024-07-18:org:name:id` and Azure's `gpt-4o-mini-2024-07-18.ft-id`, both as `ft:gpt-4o-mini-2024-07-18`.
fn fine_tuned(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("ft:") {
        return Some(format!("ft:{}", rest.split(':').next().unwrap_or(rest)));
    }
    name.split_once(".ft-").map(|(base, _)| format!("ft:{base}"))
}

/// A folded key without its last version suffix.
fn without_suffix(key: &str, bedrock: bool) -> Option<&str> {
    if let Some((base, _)) = key.split_once('@') {
        return Some(base);
    }
    if let Some((base, number)) = key.rsplit_once(':')
        && digits(number)
    {
        return Some(base);
    }
    let (base, last) = key.rsplit_once('-')?;
    if last == "latest" || (digits(last) && last.len() == 3 && last.starts_with("00")) {
        return Some(base);
    }
    if bedrock && last.strip_prefix('v').is_some_and(digits) {
        return Some(base);
    }
    without_date(base, last)
}

/// Without `-20241022`, `-2024-10-22`, `-08-2024`, or `-05-20` after `preview`.
fn without_date<'a>(base: &'a str, last: &str) -> Option<&'a str> {
    if !digits(last) {
        return None;
    }
    if last.len() == 8 {
        return (year(&last[..4]) && month(&last[4..6]) && day(&last[6..])).then_some(base);
    }
    let (base, middle) = base.rsplit_once('-')?;
    if last.len() == 4 {
        return (year(last) && month(middle)).then_some(base);
    }
    if last.len() != 2 || !day(last) || !month(middle) {
        return None;
    }
    match base.rsplit_once('-') {
        Some((base, first)) if year(first) => Some(base),
        Some((_, "preview")) => Some(base),
        _ => None,
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn between(text: &str, length: usize, low: u32, high: u32) -> bool {
    text.len() == length && digits(text) && text.parse().is_ok_and(|number: u32| (low..=high).contains(&number))
}

fn year(text: &str) -> bool {
    between(text, 4, 2019, 2099)
}

fn month(text: &str) -> bool {
    between(text, 2, 1, 12)
}

fn day(text: &str) -> bool {
    between(text, 2, 1, 31)
}

/// Words that may follow a model's name in an Azure deployment's without making it another model.
const NEUTRAL: &[&str] = &[
    "prod",
    "production",
    "dev",
    "development",
    "test",
    "testing",
    "stage",
    "staging",
    "qa",
    "uat",
    "demo",
    "sandbox",
    "deployment",
    "deploy",
    "model",
    "llm",
    "default",
    "primary",
    "secondary",
    "main",
    "backup",
    "global",
    "standard",
    "datazone",
    "eu",
    "us",
    "uk",
    "eastus",
    "eastus2",
    "westus",
    "westus2",
    "westus3",
    "centralus",
    "northcentralus",
    "southcentralus",
    "westeurope",
    "northeurope",
    "swedencentral",
    "francecentral",
    "germanywestcentral",
    "uksouth",
    "switzerlandnorth",
    "japaneast",
    "australiaeast",
    "canadaeast",
    "brazilsouth",
    "southindia",
    "norwayeast",
];
/// Segments of a deployment's name looked at.
const MAX_DEPLOYMENT_SEGMENTS: usize = 16;

/// The longest model name inside an Azure deployment's name for which `known` is true: `contoso-gpt-4o-mini-prod-01` is
/// `gpt-4o-mini`. What follows it must be a [`NEUTRAL`] word or a short number, so `gpt-4o-mini2` and
/// `gpt-4o-realtime` are not `gpt-4o`.
pub(super) fn deployment(name: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let folded = fold(name.get(..MAX_NAME).unwrap_or(name));
    let segments: Vec<&str> = folded.split('-').take(MAX_DEPLOYMENT_SEGMENTS + 1).collect();
    if segments.len() > MAX_DEPLOYMENT_SEGMENTS {
        return None;
    }
    let neutral = |segment: &&str| NEUTRAL.contains(segment) || (digits(segment) && segment.len() <= 2);
    let mut best: Option<String> = None;
    for end in (1..=segments.len()).rev() {
        for start in 0..end {
            let key = segments[start..end].join("-");
            if best.as_ref().is_none_or(|best| key.len() > best.len()) && known(&key) {
                best = Some(key);
            }
        }
        if !neutral(&segments[end - 1]) {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_keys(name: &str) -> Vec<String> {
        Name::parse(name, false).unwrap().forms.pop().unwrap().keys
    }

    #[test]
    fn version_suffixes_come_off_one_at_a_time() {
        for (name, keys) in [
            ("gpt-4o-2024-11-20", vec!["gpt-4o-2024-11-20", "gpt-4o"]),
            ("claude-3-5-sonnet-20241022", vec!["claude-3-5-sonnet-20241022", "claude-3-5-sonnet"]),
            ("Claude-3.5-Sonnet@20241022", vec!["claude-3-5-sonnet@20241022", "claude-3-5-sonnet"]),
            ("command-r-08-2024", vec!["command-r-08-2024", "command-r"]),
            ("gemini-2.5-flash-preview-05-20", vec!["gemini-2-5-flash-preview-05-20", "gemini-2-5-flash-preview"]),
            ("gemini-2.0-flash-001", vec!["gemini-2-0-flash-001", "gemini-2-0-flash"]),
            ("mistral-large-latest", vec!["mistral-large-latest", "mistral-large"]),
            ("ft:gpt-4o-mini-2024-07-18:acme::AbC", vec!["ft:gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini"]),
            ("gpt-4o-mini-2024-07-18.ft-0123abc", vec!["ft:gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini"]),
            // Not dates: a model's own number, a month that is none, Mistral's year and month.
            ("gpt-4-0613", vec!["gpt-4-0613"]),
            ("model-20241399", vec!["model-20241399"]),
            ("mistral-large-2411", vec!["mistral-large-2411"]),
            ("text-embedding-ada-002", vec!["text-embedding-ada-002", "text-embedding-ada"]),
        ] {
            assert_eq!(last_keys(name), keys, "{name}");
        }
    }

    #[test]
    fn bedrock_ids_say_vendor_and_region() {
        let us = Name::parse("us.anthropic.claude-sonnet-4-5-20250929-v1:0", false).unwrap();
        assert!(us.bedrock && us.regional);
        assert_eq!(us.forms[0].keys.last().unwrap(), "anthropic-claude-sonnet-4-5");
        let global = Name::parse("global.anthropic.claude-sonnet-4-5-20250929-v1:0", false).unwrap();
        assert!(global.bedrock && !global.regional);
        let arn =
            Name::parse("arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0", false)
                .unwrap();
        assert_eq!(arn.forms[0].keys.last().unwrap(), "amazon-nova-lite");
        assert!(!Name::parse("gpt-4.1", false).unwrap().bedrock);
    }

    #[test]
    fn a_path_is_read_whole_and_then_from_the_back() {
        let name = Name::parse("openrouter/openai/gpt-oss-120b", false).unwrap();
        let forms: Vec<_> = name.forms.iter().map(|form| (form.prefix.as_deref(), form.keys[0].as_str())).collect();
        assert_eq!(
            forms,
            [
                (None, "openrouter/openai/gpt-oss-120b"),
                (Some("openrouter"), "openai/gpt-oss-120b"),
                (Some("openai"), "gpt-oss-120b")
            ]
        );
    }

    #[test]
    fn a_deployment_is_the_longest_model_in_its_name() {
        let known = |key: &str| ["gpt-4o", "gpt-4o-mini", "gpt-4", "gpt-35-turbo"].contains(&key);
        for (name, model) in [
            ("gpt-4o-mini-prod", Some("gpt-4o-mini")),
            ("contoso-GPT-4o_eastus2-01", Some("gpt-4o")),
            ("team-a-gpt-35-turbo", Some("gpt-35-turbo")),
            ("gpt-4o-mini2", None),
            ("gpt-4o-realtime", None),
            ("chatbot", None),
        ] {
            assert_eq!(deployment(name, known).as_deref(), model, "{name}");
        }
    }

    #[test]
    fn an_id_without_a_vendor_is_bedrocks_where_the_span_says_so() {
        let bare = "claude-opus-4-20250514-v1:0";
        assert_eq!(Name::parse(bare, true).unwrap().forms[0].keys.last().unwrap(), "claude-opus-4");
        assert_eq!(last_keys(bare), ["claude-opus-4-20250514-v1:0", "claude-opus-4-20250514-v1"]);
    }

    #[test]
    fn names_that_are_none_are_refused() {
        assert!(Name::parse("  ", false).is_none() && Name::parse(&"x".repeat(201), false).is_none());
        for odd in ["/", "//", "@", ":", "ft:", ".ft-", "arn:", "arn:/", "us.", "us.anthropic.", "ä.ö-ü@ß:0"] {
            let _ = Name::parse(odd, true);
            let _ = deployment(odd, |_| true);
        }
    }
}
