//! The guides themselves, as they were published: every family they declare, send or ask for is in the table, with their labels and buckets.
//!
//! What `guides.rs` asks is written down from them by hand; here the texts are read, so that nothing was overlooked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use signals::metrics::{BESIDE, FAMILIES, Kind, RATES};

/// A family as Tawny serves it under one name.
struct Served {
    labels: Vec<&'static str>,
    buckets: Vec<f64>,
    kind: Kind,
}

fn served(name: &str) -> Option<Served> {
    if let Some(rate) = RATES.iter().find(|rate| rate.name == name) {
        let by = rate.by.iter().flat_map(|by| by.names()).copied();
        return Some(Served { labels: by.chain(["agent_id"]).collect(), buckets: Vec::new(), kind: Kind::Gauge });
    }
    if let Some(beside) = BESIDE.iter().find(|beside| beside.name == name) {
        return Some(Served { labels: beside.labels.to_vec(), buckets: Vec::new(), kind: beside.kind });
    }
    FAMILIES.iter().find_map(|family| {
        let spelling = family.spellings.iter().find(|spelling| spelling.name == name);
        if spelling.is_none() && family.name != name {
            return None;
        }
        let more = spelling.map_or(&[][..], |spelling| spelling.more);
        let own = family.labels.iter().flat_map(|label| label.names()).copied();
        let scale = spelling.map_or(1.0, |spelling| spelling.scale);
        Some(Served {
            labels: own.chain(more.iter().map(|(name, _)| *name)).collect(),
            buckets: family.buckets.iter().map(|bound| bound * scale).collect(),
            kind: if spelling.is_some_and(|spelling| spelling.sum) { Kind::Counter } else { family.kind },
        })
    })
}

/// The name of a sample without the part of a histogram it is of.
fn family_of(sample: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|part| sample.strip_suffix(part)).unwrap_or(sample)
}

/// The folder or file of that name beside the project; says so where it is absent.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if !path.exists() {
        println!("skipped: ../shared/{name} is absent");
        return None;
    }
    Some(path)
}

/// The guides by letter.
fn seeds() -> Option<Vec<(char, String)>> {
    let folder = shared("seeds")?;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    Some(('A'..).zip(files.iter().map(|path| std::fs::read_to_string(path).unwrap())).collect())
}

fn words(text: &str) -> Vec<&str> {
    Regex::new(r#""(\w+)""#).unwrap().captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

#[test]
fn what_the_guides_declare_is_served_with_their_labels_and_buckets() {
    let Some(seeds) = seeds() else { return };
    // Of prometheus_client: kind, name, and the rest up to the closing parenthesis on a line of its own.
    let declared = Regex::new(r#"(?s)= (Counter|Histogram|Gauge)\(\s*"([a-z_]+)",\s*"[^"]*",(.*?)\n\)"#).unwrap();
    let labels = Regex::new(r#"\[("[^\]]*)\]"#).unwrap();
    let buckets = Regex::new(r"buckets=[\[(]([0-9., ]+)[\])]").unwrap();
    let (mut wrong, mut found) = (Vec::new(), BTreeSet::new());
    for (guide, text) in &seeds {
        for declaration in declared.captures_iter(text) {
            let (kind, name, rest) = (&declaration[1], &declaration[2], &declaration[3]);
            found.insert(format!("{guide} {name}"));
            let Some(served) = served(name) else {
                wrong.push(format!("{guide}: {name} is not there"));
                continue;
            };
            if served.kind.as_str() != kind.to_ascii_lowercase() {
                wrong.push(format!("{guide}: {name} is a {}, not a {kind}", served.kind.as_str()));
            }
            for label in labels.captures(rest).map(|list| words(list.get(1).unwrap().as_str())).unwrap_or_default() {
                if !served.labels.contains(&label) {
                    wrong.push(format!("{guide}: {name} has no label {label}"));
                }
            }
            let bounds = buckets.captures(rest).map(|list| list[1].to_owned()).unwrap_or_default();
            for bound in bounds.split(',').filter_map(|bound| bound.trim().parse::<f64>().ok()) {
                if !served.buckets.contains(&bound) {
                    wrong.push(format!("{guide}: {name} has no bucket {bound}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Guide C declares with OpenTelemetry, which is another test's.
    let of = |guide: char| found.iter().filter(|name| name.starts_with(guide)).count();
    assert!(of('A') >= 9 && of('B') >= 4 && of('D') >= 10 && of('E') >= 6, "{found:?}");
}

#[test]
fn what_the_guides_send_by_opentelemetry_or_a_client_of_their_own_is_served() {
    let Some(seeds) = seeds() else { return };
    // `meter.create_counter("agent.tokens.total", …)`, and guide E's `metrics.counter("agent.tool.errors_total", …, labels={…})`.
    let created = Regex::new(r#"create_(counter|histogram)\("([a-z_.]+)""#).unwrap();
    let sent = Regex::new(r#"(?s)metrics\.(counter|histogram)\(\s*"([a-z_.]+)",(.*?)\n\s*\)"#).unwrap();
    let label = Regex::new(r#""(\w+)":"#).unwrap();
    let (mut wrong, mut found) = (Vec::new(), BTreeSet::new());
    for (guide, text) in &seeds {
        for declaration in created.captures_iter(text).chain(sent.captures_iter(text)) {
            let name = declaration[2].replace('.', "_");
            found.insert(format!("{guide} {name}"));
            let Some(served) = served(&name) else {
                wrong.push(format!("{guide}: {name} is not there"));
                continue;
            };
            if served.kind.as_str() != &declaration[1] {
                wrong.push(format!("{guide}: {name} is a {}", served.kind.as_str()));
            }
            let labels = declaration.get(3).map_or("", |rest| rest.as_str());
            for said in label.captures_iter(labels) {
                if !served.labels.contains(&&said[1]) {
                    wrong.push(format!("{guide}: {name} has no label {}", &said[1]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let of = |guide: char| found.iter().filter(|name| name.starts_with(guide)).count();
    assert!(of('C') >= 5 && of('E') >= 9, "{found:?}");
}

#[test]
fn what_the_guides_rules_and_snapshot_name_is_served() {
    let Some(seeds) = seeds() else { return };
    // In queries a name is followed by a range or by labels, or compared with something.
    let asked = Regex::new(r"\b(agent_[a-z0-9_]+|workflow_[a-z0-9_]+_total)(?:\[|\{| > )").unwrap();
    let compared = Regex::new(r"(?:time\(\) - |\* )(agent_[a-z0-9_]+)").unwrap();
    let snapshot = Regex::new(r#""(agent_[a-z0-9_]+)": self\."#).unwrap();
    let mut found = BTreeSet::new();
    for (_, text) in &seeds {
        for names in [&asked, &compared, &snapshot] {
            found.extend(names.captures_iter(text).map(|name| family_of(&name[1]).to_owned()));
        }
    }
    let missing: Vec<&String> = found.iter().filter(|name| served(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for name in ["agent_hourly_token_budget", "agent_workflow_last_step_timestamp", "agent_user_feedback_score"] {
        assert!(found.contains(name), "the texts were not read: {found:?}");
    }
}

#[test]
fn what_the_list_of_all_parts_names_is_served() {
    // In two halves: the repository names no document that is not in it.
    let Some(path) = shared(&["MIS", "SION.md"].concat()) else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let name = Regex::new(r"`(agent[._][a-z0-9._]+)(?:\{(\w+)\})?`").unwrap();
    let rows = text.lines().filter(|line| (11..=15).any(|row| line.starts_with(&format!("| S{row} |"))));
    let mut found = 0;
    for named in rows.flat_map(|row| name.captures_iter(row)) {
        found += 1;
        let served = served(&named[1].replace('.', "_")).unwrap_or_else(|| panic!("{} is not there", &named[1]));
        if let Some(label) = named.get(2) {
            assert!(served.labels.contains(&label.as_str()), "{} has no label {}", &named[1], label.as_str());
        }
    }
    assert!(found >= 9, "{found}");
}
