//! `tawny dialects`: how telemetry is understood, and what renames of a user would change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use dialects::{Dialects, Fact, Renames};
use model::raw::{Batch, RawSpan, Resource, Scope};
use model::{Tenant, Timestamp};
use serde::Serialize;
use serde_json::json;

use crate::cli::{self, DialectsCommand, DialectsTest};
use crate::client::Client;
use crate::filters::Query;
use crate::show;
use crate::style::{clip, faint, plural, printable, strong};

/// Examples shown of one field's changes.
const EXAMPLES: usize = 3;
/// Characters shown of a value.
const WIDTH: usize = 40;

/// Does what was asked for.
pub fn run(args: &cli::Dialects) -> Result<ExitCode> {
    match &args.command {
        DialectsCommand::List { json } => list(*json)?,
        DialectsCommand::Test(args) => test(args)?,
        DialectsCommand::Try { file, renames, json } => try_out(file, renames, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Tawny's dialects with the renames in `files` before them.
pub fn with_renames(files: &[PathBuf]) -> Result<Dialects> {
    let renames = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    if renames.is_empty() {
        return Ok(Dialects::builtin().clone());
    }
    Ok(Dialects::with_renames(renames)?)
}

fn read(file: &Path) -> Result<Renames> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Renames::parse(&text).with_context(|| format!("cannot use {} as renames", file.display()))
}

fn list(as_json: bool) -> Result<()> {
    let all = dialects::described();
    if as_json {
        let all: Vec<_> = all
            .iter()
            .map(|one| json!({"name": one.name, "about": one.about, "keys": one.keys, "recognised_by": one.recognised_by}))
            .collect();
        return show::out(&json!({ "dialects": all }).to_string());
    }
    let mut table = show::table(&["Dialect", "Keys", "About"]);
    for one in all {
        table.add_row([show::cell(&one.name), show::cell(one.keys), show::cell(&one.about)]);
    }
    show::out(&show::render(&mut table))
}

/// Changes of one field over all spans.
#[derive(Debug, Default, Serialize)]
struct Changes {
    spans: u64,
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    before: Option<String>,
    after: Option<String>,
    trace_id: String,
    span_id: String,
}

/// What a file of renames would change.
#[derive(Debug, Default, Serialize)]
struct Comparison {
    spans: u64,
    changed_spans: u64,
    /// There were more spans than the limit.
    limited: bool,
    changes: BTreeMap<&'static str, Changes>,
    /// Spans that carry each renamed key.
    keys: BTreeMap<String, u64>,
}

impl Comparison {
    /// Compares how `with` reads a span to how Tawny alone does.
    fn add(&mut self, with: &Dialects, resource: &Resource<'_>, scope: &Scope<'_>, raw: &RawSpan<'_>) {
        self.spans += 1;
        for (key, seen) in &mut self.keys {
            *seen += u64::from(raw.attributes.get(key).is_some() || resource.attributes.get(key).is_some());
        }
        let read =
            |dialects: &Dialects| -> BTreeMap<_, _> { facts(dialects, resource, scope, raw).into_iter().collect() };
        let (before, after) = (read(Dialects::builtin()), read(with));
        let fields: BTreeSet<&'static str> = before.keys().chain(after.keys()).copied().collect();
        let mut changed = false;
        for field in fields.into_iter().filter(|field| before.get(field) != after.get(field)) {
            changed = true;
            let changes = self.changes.entry(field).or_default();
            changes.spans += 1;
            let (before, after) = (before.get(field).cloned(), after.get(field).cloned());
            let is_new = changes.examples.iter().all(|known| (&known.before, &known.after) != (&before, &after));
            if is_new && changes.examples.len() < EXAMPLES {
                let (trace_id, span_id) = (raw.trace_id.to_string(), raw.span_id.to_string());
                changes.examples.push(Example { before, after, trace_id, span_id });
            }
        }
        self.changed_spans += u64::from(changed);
    }
}

fn facts(dialects: &Dialects, resource: &Resource<'_>, scope: &Scope<'_>, raw: &RawSpan<'_>) -> Vec<Fact> {
    let tenant = dialects::tenant(Tenant::DEFAULT_PROJECT, resource);
    let span = dialects.understand(raw, resource, scope, &tenant, Timestamp::default());
    let mut facts = dialects::facts(&span);
    facts.extend(dialects::content_facts(&dialects.content(raw, resource, scope, &[])));
    facts
}

fn test(args: &DialectsTest) -> Result<()> {
    let renames = read(&args.file)?;
    let mut comparison =
        Comparison { keys: renames.keys().map(|key| (key.to_owned(), 0)).collect(), ..Comparison::default() };
    let with = Dialects::with_renames(vec![renames])?;
    let client = Client::new(&args.reading.url)?;
    let path = match &args.run {
        Some(id) => format!("/api/v1/runs/{id}/raw"),
        None => Query::new().with("from", Some(&args.since)).after("/api/v1/export"),
    };
    each_request(client.get(&path)?, |batch| {
        for group in &batch.spans {
            for raw in &group.items {
                if comparison.spans == args.limit {
                    comparison.limited = true;
                    return false;
                }
                comparison.add(&with, &group.resource, &group.scope, raw);
            }
        }
        true
    })?;
    if args.reading.json {
        return show::out(&serde_json::to_string(&comparison)?);
    }
    show::out(&in_words(&comparison))
}

fn in_words(comparison: &Comparison) -> String {
    let mut out = format!(
        "{} looked at{}, {} would be read differently.\n",
        plural(comparison.spans, "span"),
        if comparison.limited { " (there are more; --limit)" } else { "" },
        comparison.changed_spans
    );
    let unseen: Vec<&str> =
        comparison.keys.iter().filter(|(_, seen)| **seen == 0).map(|(key, _)| key.as_str()).collect();
    if !unseen.is_empty() {
        out.push_str(&format!("No span carries {}.\n", unseen.join(", ")));
    }
    if comparison.changes.is_empty() {
        return out;
    }
    out.push('\n');
    let mut table = show::table(&["Field", "Spans", "Now", "With the renames", "For example in"]);
    let value = |value: &Option<String>| value.as_deref().map_or("-".into(), |text| clip(&printable(text), WIDTH));
    for (field, changes) in &comparison.changes {
        for (at, example) in changes.examples.iter().enumerate() {
            let (name, spans) = if at == 0 { (*field, changes.spans.to_string()) } else { ("", String::new()) };
            let place = format!("{} {}", example.trace_id, example.span_id);
            table.add_row([
                show::cell(name),
                show::cell(spans),
                show::cell(value(&example.before)),
                show::cell(value(&example.after)),
                show::cell(place),
            ]);
        }
    }
    out.push_str(&show::render(&mut table));
    out
}

fn try_out(file: &Path, renames: &[PathBuf], as_json: bool) -> Result<()> {
    let dialects = with_renames(renames)?;
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?)
    };
    let (mut words, mut spans) = (String::new(), Vec::new());
    each_request(source, |batch| {
        for group in &batch.spans {
            for raw in &group.items {
                let facts = facts(&dialects, &group.resource, &group.scope, raw);
                if as_json {
                    spans.push(json!({"span_id": raw.span_id.to_string(), "understood": facts.into_iter().collect::<BTreeMap<_, _>>()}));
                    continue;
                }
                words.push_str(&format!("{} {}\n", strong(&printable(&raw.name)), faint(&raw.span_id.to_string())));
                for (field, value) in facts.iter().filter(|(field, _)| *field != "name") {
                    words.push_str(&format!("  {field:<24}{}\n", clip(&printable(value), 2 * WIDTH)));
                }
            }
        }
        true
    })?;
    if as_json {
        return show::out(&json!({ "spans": spans }).to_string());
    }
    if words.is_empty() {
        bail!("cannot find any span in {}: it should hold OTLP/JSON with `resourceSpans`", file.display());
    }
    show::out(&words)
}

/// Calls `each` for the OTLP/JSON requests in `source`, until it says stop: one in all, or one a line.
fn each_request(source: impl Read, mut each: impl FnMut(&Batch<'_>) -> bool) -> Result<()> {
    let mut source = BufReader::with_capacity(1 << 20, source);
    let (mut text, mut number) = (Vec::new(), 0);
    while source.read_until(b'\n', &mut text).context("the spans broke off")? > 0 {
        number += 1;
        if text.trim_ascii().is_empty() {
            text.clear();
            continue;
        }
        let batch = match wire::decode_json_line(&text) {
            Ok((_, batch)) => batch,
            // A request printed over many lines is one request.
            Err(error) if number == 1 => {
                source.read_to_end(&mut text).context("the spans broke off")?;
                wire::decode_json_line(&text).map_err(|_| error).context("cannot read the OTLP/JSON")?.1
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read the OTLP/JSON in line {number}")),
        };
        if !each(&batch) {
            return Ok(());
        }
        text.clear();
    }
    Ok(())
}
