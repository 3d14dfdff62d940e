//! `tawny detectors`: what they are, and what they see in a file or a run.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;
use server::SystemClock;
use server::api::types::{DetectorsTest, Finding, FindingsAnswer};
use signals::detect::{ALL, Evidence, Settings, judge};

use super::findings::line;
use crate::cli::{self, Detectors, DetectorsCommand};
use crate::client::{Client, parse};
use crate::show;

/// Largest file that is read, after decompression.
const FILE_MAX: usize = 1 << 30;

/// Lists detectors, explains one, or tries them.
pub fn run(args: &Detectors) -> Result<ExitCode> {
    match &args.command {
        None => list(args.json)?,
        Some(DetectorsCommand::Explain { name }) => {
            let Some(detector) = ALL.iter().find(|detector| detector.name == *name) else {
                bail!("there is no detector `{name}`; `tawny detectors` lists them");
            };
            show::out(&detector.page())?;
        }
        Some(DetectorsCommand::Test(test)) => try_out(test, args.json || test.reading.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) -> Result<()> {
    if as_json {
        let all: Vec<_> = ALL
            .iter()
            .map(|detector| {
                let settings: serde_json::Map<_, _> =
                    detector.settings.iter().map(|it| (it.name.to_string(), json!(it.default))).collect();
                json!({"name": detector.name, "about": detector.about(), "settings": settings})
            })
            .collect();
        return show::out(&serde_json::to_string_pretty(&json!({ "detectors": all }))?);
    }
    let mut table = show::table(&["DETECTOR", "FINDS", "SETTINGS"]);
    for detector in ALL {
        let settings: Vec<String> = detector.settings.iter().map(|it| format!("{}={}", it.name, it.default)).collect();
        table.add_row([show::cell(detector.name), show::cell(detector.about()), show::cell(settings.join(" "))]);
    }
    show::out(&show::render(&mut table))
}

fn try_out(args: &cli::DetectorsTest, as_json: bool) -> Result<()> {
    let written = args
        .settings
        .as_ref()
        .map(|path| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display())));
    let written = written.transpose()?;
    let is_file = fs::metadata(&args.what).is_ok_and(|about| about.is_file());
    let mut runs = 1;
    let answer = if is_file {
        let settings = written.as_deref().map_or(Ok(Settings::default()), Settings::parse)?;
        let (found, of) = in_file(&args.what, &settings)?;
        runs = of;
        FindingsAnswer { findings: found, next: None }
    } else {
        let client = Client::new(&args.reading.url)?;
        let trace_id = super::run::whole_id(&client, &args.what)?;
        parse(&client.post_json("/api/v1/detectors/test", &DetectorsTest { trace_id, settings: written })?)?
    };
    if as_json {
        return show::out(&serde_json::to_string_pretty(&answer)?);
    }
    if answer.findings.is_empty() {
        return show::out(&match runs {
            1 => "The detectors see nothing.".to_string(),
            runs => format!("The detectors see nothing in {runs} runs."),
        });
    }
    show::out(&answer.findings.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Judges the runs of a file, each by itself: nothing is learned, so detectors that compare stay silent. What they see, and in how many runs.
fn in_file(path: &str, settings: &Settings) -> Result<(Vec<Finding>, usize)> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let text = wire::decompress(wire::Compression::sniff(&bytes), &bytes, FILE_MAX)?;
    let mut batches = Vec::new();
    for (number, line) in
        text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty())
    {
        let (_, batch) = wire::decode_json_line(line).with_context(|| format!("{path}, line {}", number + 1))?;
        batches.push(batch);
    }
    let mut findings = Vec::new();
    let runs = super::told::runs(&batches, SystemClock::time());
    if runs.is_empty() {
        bail!("{path} holds no run: it takes OTLP/JSON lines with spans, as `tawny export` writes them");
    }
    let count = runs.len();
    for told in runs {
        let contents = told.contents.iter().collect();
        let agent = told.run.agent_or_service().unwrap_or("");
        let found = judge(&Evidence::new(&told.run, &told.steps, contents, told.now), settings);
        findings.extend(found.into_iter().map(|finding| Finding::of(agent, finding)));
    }
    Ok((findings, count))
}
