//! Changes spliced into streams of labelled runs by `to_otlp.py mix`: how many runs pass from the change to the first finding of drift,
//! and how often drift is found where nothing changed.
//!
//! Each stream is an environment of its own on one server, so that streams do not learn from one another. The model's name is overwritten: a
//! change shows in behaviour alone.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::common::{Measured, Table};
use super::{nanos, pages, report, send, wait};
use crate::paths;

/// Runs before and after a change.
const BEFORE: usize = 200;
const AFTER: usize = 300;

/// A change: name, set, runs before, runs after, further arguments.
struct Splice {
    name: &'static str,
    set: &'static str,
    before: &'static str,
    after: &'static str,
    more: &'static [&'static str],
    /// Nothing changes.
    control: bool,
}

const fn splice(name: &'static str, set: &'static str, before: &'static str, after: &'static str) -> Splice {
    Splice { name, set, before, after, more: &[], control: false }
}

/// Runs of one model that were told the schema, that were not, and of a stronger one that were not.
const SCHEMA: &str = "environment=sql,model=gpt-3.5,strategy=multiturn,schema_given=1";
const NO_SCHEMA: &str = "environment=sql,model=gpt-3.5,strategy=multiturn,schema_given=0";
const STRONGER: &str = "environment=sql,model=gpt-4,strategy=multiturn,schema_given=0";

const SPLICES: &[Splice] = &[
    splice("tau_retail, other prompt", "tau_retail", "variant=baseline", "variant=preconditions"),
    Splice {
        more: &["--share", "0.5"],
        ..splice("the same in half of the runs", "tau_retail", "variant=baseline", "variant=preconditions")
    },
    Splice {
        more: &["--ramp", "100"],
        ..splice("the same over 100 runs", "tau_retail", "variant=baseline", "variant=preconditions")
    },
    splice("intercode, schema withheld", "intercode", SCHEMA, NO_SCHEMA),
    Splice { more: &["--share", "0.5"], ..splice("the same in half of the runs", "intercode", SCHEMA, NO_SCHEMA) },
    Splice { more: &["--ramp", "100"], ..splice("the same over 100 runs", "intercode", SCHEMA, NO_SCHEMA) },
    splice("intercode, other model", "intercode", STRONGER, NO_SCHEMA),
    Splice { more: &["--share", "0.5"], ..splice("the same in half of the runs", "intercode", STRONGER, NO_SCHEMA) },
    Splice { more: &["--ramp", "100"], ..splice("the same over 100 runs", "intercode", STRONGER, NO_SCHEMA) },
    Splice { control: true, ..splice("tau_retail, no change", "tau_retail", "variant=baseline", "variant=baseline") },
    Splice { control: true, ..splice("tau_airline, no change", "tau_airline", "split=dev", "split=dev") },
    Splice { control: true, ..splice("hotpot_react, no change", "hotpot_react", "split=dev", "split=dev") },
    Splice { control: true, ..splice("tau2_gemma, no change", "tau2_gemma", "split=dev", "split=dev") },
    Splice { control: true, ..splice("intercode, no change", "intercode", STRONGER, STRONGER) },
];

/// Measures and prints.
pub fn run(program: &Path, data: &Path, seeds: u64) -> Result<()> {
    println!(
        "Drift: runs from a change to the first alarm, {seeds} streams of each ({BEFORE} runs before, {AFTER} after); \
         quantiles over all streams, `>{AFTER}` where the change was not found. Alarms without a change, one in how \
         many runs, and its 95 % interval."
    );
    let columns = ["change", "found", "median", "90 %", "alarms, no change", "one in (95 %)", "named"];
    let mut table = Table::new(&columns);
    for (at, one) in SPLICES.iter().enumerate() {
        let measured = Measured::start(program, &format!("bench-drift-{at}"))?;
        let mut streams: HashMap<String, (u64, usize)> = HashMap::new();
        for seed in 1..=seeds {
            let lines = mixed(data, one, seed)?;
            for (number, line) in lines.iter().enumerate() {
                streams.insert(trace_of(line), (seed, number));
            }
            let bodies: Vec<String> = lines.iter().map(Value::to_string).collect();
            send(&measured.server.otlp_http, bodies.iter().map(String::as_str))?;
        }
        wait(&measured.server.http, streams.len())?;
        let url =
            format!("{}/api/v1/findings?limit=500&detector=drift&from=2000-01-01T00:00:00Z", measured.server.http);
        let mut alarms: BTreeMap<u64, Vec<(usize, String)>> = BTreeMap::new();
        pages(&url, "findings", |finding| {
            let trace = finding["trace_id"].as_str().unwrap_or_default();
            if let Some((seed, number)) = streams.get(trace) {
                let what = finding["evidence"]["dimension"].as_str().unwrap_or_default();
                alarms.entry(*seed).or_default().push((*number, what.to_owned()));
            }
        })?;
        measured.server.stop();
        table.row(row(one, seeds, alarms));
    }
    println!("{table}");
    Ok(())
}

fn row(splice: &Splice, seeds: u64, mut alarms: BTreeMap<u64, Vec<(usize, String)>>) -> Vec<String> {
    let (mut delays, mut false_alarms) = (Vec::new(), 0usize);
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for of_stream in alarms.values_mut() {
        of_stream.sort();
        false_alarms += of_stream.iter().filter(|(number, _)| splice.control || *number < BEFORE).count();
        if let Some((number, what)) = of_stream.iter().find(|(number, _)| *number >= BEFORE && !splice.control) {
            delays.push(number - BEFORE + 1);
            *named.entry(what.clone()).or_default() += 1;
        }
    }
    delays.sort_unstable();
    let at = |q: f64| if splice.control { "-".into() } else { quantile(&delays, seeds, q) };
    let quiet = seeds as usize * if splice.control { BEFORE + AFTER } else { BEFORE };
    let mut named: Vec<(usize, String)> = named.into_iter().map(|(what, count)| (count, what)).collect();
    named.sort_by(|a, b| b.cmp(a));
    let named: Vec<String> = named.into_iter().take(4).map(|(count, what)| format!("{what} {count}")).collect();
    let found = if splice.control { "-".into() } else { format!("{} of {seeds}", delays.len()) };
    let (few, many) = report::poisson(false_alarms);
    let one_in = |alarms: f64| if alarms > 0.0 { format!("{:.0}", quiet as f64 / alarms) } else { "-".into() };
    let rate = format!("{} [{}, {}]", one_in(false_alarms as f64), one_in(many), one_in(few));
    let alarms = format!("{false_alarms} in {quiet} runs");
    vec![splice.name.into(), found, at(0.5), at(0.9), alarms, rate, named.join(", ")]
}

/// The delay that a share `q` of all streams does not exceed; streams in which nothing was found are beyond every delay.
fn quantile(delays: &[usize], streams: u64, q: f64) -> String {
    let at = (streams as f64 * q).ceil().max(1.0) as usize - 1;
    delays.get(at).map_or_else(|| format!(">{AFTER}"), ToString::to_string)
}

/// One stream, as requests, in an environment of its own.
fn mixed(data: &Path, splice: &Splice, seed: u64) -> Result<Vec<Value>> {
    let folder = data.join(splice.set).join("dev");
    let (set, labels) = (folder.join("otlp.jsonl.zst"), folder.join("labels.csv"));
    let select = |which: &str| format!("{}:{which}", labels.display());
    let truth = paths::scratch().join("bench-drift-truth.csv");
    let out = Command::new("python3")
        .arg(data.join("to_otlp.py"))
        .args(["mix", "--output", "-", "--silent", "production-model", "--gap", "30"])
        .arg("--before")
        .arg(&set)
        .arg("--after")
        .arg(&set)
        .args(["--before-select", &select(splice.before), "--after-select", &select(splice.after)])
        .args(["--n-before", &BEFORE.to_string(), "--n-after", &AFTER.to_string(), "--seed", &seed.to_string()])
        .args(splice.more)
        .arg("--truth")
        .arg(truth)
        .stderr(Stdio::piped())
        .output()
        .context("cannot start python3, which splices the streams")?;
    if !out.status.success() {
        bail!("to_otlp.py mix failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    let mut lines = Vec::new();
    for line in String::from_utf8(out.stdout)?.lines() {
        let mut request: Value = serde_json::from_str(line)?;
        if let Some(attributes) = request["resourceSpans"][0]["resource"]["attributes"].as_array_mut() {
            let environment = format!("seed-{seed}");
            attributes.push(json!({"key": "deployment.environment.name", "value": {"stringValue": environment}}));
        }
        lines.push(request);
    }
    lines.sort_by_key(|request| super::spans(request).map(|span| nanos(&span["startTimeUnixNano"])).min());
    Ok(lines)
}

fn trace_of(request: &Value) -> String {
    let first = super::spans(request).next();
    first.and_then(|span| span["traceId"].as_str()).unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_found_counts_as_later_than_everything() {
        let found = [10, 20, 30, 40, 50, 60, 70, 80, 90];
        assert_eq!((quantile(&found, 10, 0.5), quantile(&found, 10, 0.9)), ("50".into(), "90".into()));
        assert_eq!((quantile(&found, 20, 0.5), quantile(&[], 20, 0.9)), (">300".into(), ">300".into()));
    }

    #[test]
    fn alarms_before_a_change_are_false_and_the_first_one_after_it_counts() {
        let alarms = BTreeMap::from([(1, vec![(250, "tool:a".into()), (230, "rounds".into()), (12, "form".into())])]);
        let row = row(&SPLICES[0], 2, alarms);
        assert_eq!(row[1..4], ["1 of 2", "31", ">300"]);
        assert_eq!((row[4].as_str(), row[6].as_str()), ("1 in 400 runs", "rounds 1"));
    }
}
