//! Changes spliced into streams of labelled runs by `to_otlp.py mix`: how many runs pass from the change to the first finding of drift,
//! and how often drift is found where nothing changed.
//!
//! The streams are judged by the example `drift` of the crate `signals`, in one process with the server's code, or sent to a real server: there each
//! is an environment of its own, so that streams do not learn from one another. The model's name is overwritten: a change shows in behaviour alone.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::super::common::{Measured, Table};
use super::{pages, report, send, wait};
use crate::{paths, shell};

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

/// Streams that are sent to a server at a time.
const AT_ONCE: u64 = 4;

/// Alarms of a splice: by seed, the number of the run and what it names.
type Alarms = BTreeMap<u64, Vec<(usize, String)>>;

/// Measures and prints, through `program` where one is given. Only the splices whose name holds one of `only`, where it names any.
pub fn run(program: Option<&Path>, data: &Path, seeds: u64, only: &[String]) -> Result<()> {
    println!(
        "Drift: runs from a change to the first alarm, {seeds} streams of each ({BEFORE} runs before, {AFTER} after); \
         quantiles over all streams, `>{AFTER}` where the change was not found. Alarms without a change, one in how \
         many runs, and its 95 % interval."
    );
    let columns = ["change", "found", "median", "90 %", "alarms, no change", "one in (95 %)", "named"];
    let mut table = Table::new(&columns);
    let mut judge = if program.is_none() { Some(Judge::start()?) } else { None };
    for (at, one) in SPLICES.iter().enumerate() {
        if !only.is_empty() && !only.iter().any(|part| one.name.contains(part.as_str()) || one.set == part) {
            continue;
        }
        let alarms = match (&mut judge, program) {
            (Some(judge), _) => in_process(judge, data, one, seeds)?,
            (None, Some(program)) => through_server(program, &format!("bench-drift-{at}"), data, one, seeds)?,
            (None, None) => BTreeMap::new(),
        };
        let cells = row(one, seeds, alarms);
        eprintln!("{}", cells.join(" | "));
        table.row(cells);
    }
    println!("{table}");
    judge.map_or(Ok(()), Judge::end)
}

/// The process that judges streams.
struct Judge {
    child: Child,
    stdin: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Judge {
    fn start() -> Result<Self> {
        let mut command = shell::cargo(&["run", "--release", "--quiet", "-p", "signals", "--example", "drift"]);
        let child = command.args(["--", "streams"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.context("cannot start cargo, which builds what judges the streams")?;
        let stdin = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, stdin, answers })
    }

    /// Judges a stream of requests, one a line.
    fn judge(&mut self, mut stream: impl Read) -> Result<Vec<(usize, String)>> {
        let gone = "the example `drift` of the crate `signals` ended; its message is above";
        std::io::copy(&mut stream, &mut self.stdin).context(gone)?;
        self.stdin.write_all(b"\n").and_then(|()| self.stdin.flush()).context(gone)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let alarms: serde_json::Value = serde_json::from_str(&answer).context(gone)?;
        let one = |alarm: &serde_json::Value| Some((alarm[0].as_u64()? as usize, alarm[1].as_str()?.to_owned()));
        Ok(alarms.as_array().into_iter().flatten().filter_map(one).collect())
    }

    fn end(mut self) -> Result<()> {
        drop(self.stdin);
        self.child.wait().context("the judging process was lost")?;
        Ok(())
    }
}

/// Judges the streams of a splice in one process, each while the next one is made.
fn in_process(judge: &mut Judge, data: &Path, splice: &Splice, seeds: u64) -> Result<Alarms> {
    let mut alarms = BTreeMap::new();
    let mut next = Some(Mix::start(data, splice, 1)?);
    for seed in 1..=seeds {
        let Some(mut mix) = next.take() else { break };
        if seed < seeds {
            next = Some(Mix::start(data, splice, seed + 1)?);
        }
        alarms.insert(seed, judge.judge(&mut mix.lines)?);
        mix.end()?;
    }
    Ok(alarms)
}

/// Sends the streams of a splice to a server of their own, several at a time, and reads what it found.
fn through_server(program: &Path, name: &str, data: &Path, splice: &Splice, seeds: u64) -> Result<Alarms> {
    let measured = Measured::start(program, name)?;
    let url = &measured.server.otlp_http;
    let mut streams: HashMap<String, (u64, usize)> = HashMap::new();
    for first in (1..=seeds).step_by(AT_ONCE as usize) {
        let sent: Vec<Result<Vec<String>>> = std::thread::scope(|scope| {
            let send_one = |seed: u64| move || send_stream(url, data, splice, seed);
            let threads: Vec<_> =
                (first..=seeds.min(first + AT_ONCE - 1)).map(|seed| scope.spawn(send_one(seed))).collect();
            let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.map(|sent| sent.unwrap_or_else(|_| bail!("a sender gave up"))).collect()
        });
        for (seed, traces) in (first..).zip(sent) {
            streams.extend(traces?.into_iter().enumerate().map(|(number, trace)| (trace, (seed, number))));
        }
    }
    wait(&measured.server.http, streams.len())?;
    let url = format!("{}/api/v1/findings?limit=500&detector=drift&from=2000-01-01T00:00:00Z", measured.server.http);
    let mut alarms: Alarms = BTreeMap::new();
    pages(&url, "findings", |finding| {
        let trace = finding["trace_id"].as_str().unwrap_or_default();
        // What is only worth knowing alerts nobody: that words are new, where pools are so small that all of theirs are known soon.
        let alerts = finding["severity"] != "info";
        if let Some((seed, number)) = streams.get(trace).filter(|_| alerts) {
            let what = finding["evidence"]["dimension"].as_str().unwrap_or_default();
            alarms.entry(*seed).or_default().push((*number, what.to_owned()));
        }
    })?;
    measured.server.stop();
    Ok(alarms)
}

/// Sends one stream, in an environment of its own; gives the traces in the order of time.
fn send_stream(url: &str, data: &Path, splice: &Splice, seed: u64) -> Result<Vec<String>> {
    let mut mix = Mix::start(data, splice, seed)?;
    let mut traces = Vec::new();
    for line in mix.lines.by_ref().lines() {
        let line = line?;
        let (trace, body) = in_environment(&line, seed).context("a line of the stream is no request with a span")?;
        traces.push(trace);
        send(url, std::iter::once(body.as_str()))?;
    }
    mix.end()?;
    Ok(traces)
}

/// The trace of a request, and the request with an environment of its own. The text is not taken apart for it: with all that was said before in
/// each call a run may be megabytes long.
fn in_environment(line: &str, seed: u64) -> Option<(String, String)> {
    const ATTRIBUTES: &str = r#""resource":{"attributes":["#;
    const TRACE: &str = r#""traceId":""#;
    let at = line.find(ATTRIBUTES)? + ATTRIBUTES.len();
    let trace = line[line.find(TRACE)? + TRACE.len()..].split('"').next()?.to_ascii_lowercase();
    let name = format!(r#"{{"key":"deployment.environment.name","value":{{"stringValue":"seed-{seed}"}}}}"#);
    let comma = if line[at..].starts_with(']') { "" } else { "," };
    Some((trace, format!("{}{name}{comma}{}", &line[..at], &line[at..])))
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

/// A stream that is being made.
struct Mix {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Mix {
    /// Begins to make the stream of a seed: requests in the order of time, one a line.
    fn start(data: &Path, splice: &Splice, seed: u64) -> Result<Self> {
        let folder = data.join(splice.set).join("dev");
        let (set, labels) = (folder.join("otlp.jsonl.zst"), folder.join("labels.csv"));
        let select = |which: &str| format!("{}:{which}", labels.display());
        let truth = paths::scratch().join(format!("bench-drift-truth-{seed}.csv"));
        std::fs::create_dir_all(paths::scratch())?;
        let mut child = Command::new("python3")
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
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start python3, which splices the streams")?;
        let lines = BufReader::with_capacity(1 << 16, child.stdout.take().context("no standard output")?);
        Ok(Self { child, lines })
    }

    /// Says what went wrong, if anything did.
    fn end(self) -> Result<()> {
        drop(self.lines);
        let out = self.child.wait_with_output()?;
        if !out.status.success() {
            bail!("to_otlp.py mix failed: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(())
    }
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

    #[test]
    fn a_stream_gets_an_environment_of_its_own_and_stays_the_same_otherwise() {
        let line = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"1"}}]},"scopeSpans":[{"spans":[{"traceId":"AB01"}]}]}]}"#;
        let (trace, body) = in_environment(line, 7).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(trace, "ab01");
        let attributes = &body["resourceSpans"][0]["resource"]["attributes"];
        assert_eq!(attributes[0]["value"]["stringValue"], "seed-7");
        assert_eq!(attributes[1]["key"], "a");
        assert!(in_environment("{}", 7).is_none());
    }
}
