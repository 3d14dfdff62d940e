//! `tawny setup`: the settings for a framework, then a look at what arrives.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use server::api::types::{DoctorAnswer, Framework, RunAnswer, SetupAnswer, SqlAnswer};

use super::doctor;
use crate::cli;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{self, Look, clip, count, faint, paint, plural, strong};
use crate::wait::pause;

/// How often the server is asked whether something arrived.
const ASK: Duration = Duration::from_millis(1000);
/// A trace is looked at once it has been quiet for so many questions: its spans come in several requests.
const SETTLED: u32 = 3;

/// Prints or writes settings, and waits.
pub fn run(args: &cli::Setup) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let text = client.text("/api/v1/setup")?;
    let setup: SetupAnswer = parse(&text)?;
    let Some(name) = &args.framework else {
        show::out(&if args.reading.json { text } else { list(&setup.frameworks) })?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(framework) = setup.frameworks.iter().find(|framework| framework.id == *name) else {
        bail!(
            "there are no settings for `{name}`: `tawny setup` lists what there is{}",
            similar(&setup.frameworks, name)
        );
    };
    // Before the settings are shown, so that nothing which is sent at once is missed.
    let begun = arrived_until_now(&client)?;
    match &args.write {
        Some(file) => write(file, framework, args.force)?,
        None if args.reading.json => show::out(&serde_json::to_string(framework)?)?,
        None => show::out(&settings(framework))?,
    }
    if args.no_wait || args.reading.json {
        return Ok(ExitCode::SUCCESS);
    }
    watch(&client, &begun, args.wait)
}

fn list(frameworks: &[Framework]) -> String {
    let mut out = String::from("Settings for what sends telemetry; `tawny setup NAME` prints them.\n");
    let mut group = "";
    for framework in frameworks {
        if framework.group != group {
            group = &framework.group;
            out.push_str(&format!("\n{}\n", faint(group)));
        }
        out.push_str(&format!("  {:<17} {}\n", framework.id, framework.title));
    }
    out
}

/// What the name may have meant.
fn similar(frameworks: &[Framework], name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let alike = |framework: &&Framework| {
        framework.id.contains(&name)
            || name.contains(&framework.id)
            || framework.title.to_ascii_lowercase().contains(&name)
    };
    match frameworks.iter().find(alike) {
        Some(framework) => format!("; did you mean `{}`?", framework.id),
        None => "; anything that speaks OpenTelemetry works with `environment`".into(),
    }
}

fn settings(framework: &Framework) -> String {
    let mut out = format!("{}\n\n", strong(&framework.title));
    if !framework.install.is_empty() {
        out.push_str(&format!("{}\n\n", framework.install));
    }
    out.push_str(&format!("{}\n\n", faint(&framework.r#where)));
    out.push_str(framework.settings.trim_start_matches('\n'));
    if !framework.note.is_empty() {
        out.push_str(&format!("\n{}\n", faint(&framework.note)));
    }
    out
}

fn write(file: &Path, framework: &Framework, force: bool) -> Result<()> {
    if file.exists() && !force {
        bail!("{} is there already and stays as it is: give another name, or --force to replace it", file.display());
    }
    std::fs::write(file, framework.settings.trim_start_matches('\n'))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let done = format!("wrote {} ({})\n", file.display(), framework.r#where.trim_end_matches(':'));
    show::out(&done)
}

fn ask(client: &Client, query: &str) -> Result<SqlAnswer> {
    parse(&client.post_json("/api/v1/sql", &json!({"query": query, "limit": 10}))?)
}

/// The moment up to which everything that arrived was there before: the newest arrival, by the server's clock.
fn arrived_until_now(client: &Client) -> Result<String> {
    let answer = ask(client, "SELECT max(received_at) FROM spans")?;
    let newest = answer.rows.first().and_then(|row| row.first()).and_then(|value| value.as_str());
    Ok(newest.unwrap_or("1970-01-01T00:00:00Z").to_owned())
}

/// A trace whose spans arrived after `begun`: its id, and how many of them there are.
fn arrival(client: &Client, begun: &str) -> Result<Option<(String, u64)>> {
    let answer = ask(
        client,
        &format!(
            "SELECT trace_id, count(*) AS n FROM spans WHERE received_at > TIMESTAMP '{begun}' GROUP BY trace_id ORDER BY n DESC LIMIT 1"
        ),
    )?;
    Ok(answer.rows.first().and_then(|row| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.as_u64()?))))
}

fn watch(client: &Client, begun: &str, seconds: u32) -> Result<ExitCode> {
    eprintln!("\n{} waiting for a trace ({seconds} s; Ctrl-C ends it)", paint("●", Look::Yellow));
    let (mut seen, mut quiet) = (None, 0);
    for _ in 0..seconds {
        let now = arrival(client, begun)?;
        quiet = if now.is_some() && now == seen { quiet + 1 } else { 0 };
        seen = now;
        if quiet >= SETTLED {
            break;
        }
        pause(ASK);
    }
    let Some((trace, _)) = seen else {
        show::out(ADVICE)?;
        return Ok(ExitCode::FAILURE);
    };
    let run: RunAnswer = parse(&client.text(&format!("/api/v1/runs/{trace}?content=none"))?)?;
    let answer: DoctorAnswer = parse(&client.text(&format!("/api/v1/doctor?trace_id={trace}&from=7d"))?)?;
    show::out(&format!("{}{}", report(&run, &answer), doctor::findings(&answer.findings)))?;
    Ok(ExitCode::SUCCESS)
}

/// What to look at when nothing came.
const ADVICE: &str = "No trace arrived. What to look at:
  - Does the program end before its exporter has sent? Call shutdown() (or flush) on the provider at the end.
  - Does it read the settings? Print the environment, or the endpoint, from inside the program.
  - Does it run in a container? Then 127.0.0.1 is the container itself: use the host's address, and start Tawny with --otlp-http on it.
  - Is something sent and refused? `tawny status` shows refused requests with their reasons.
  - Try `tawny setup curl`: it sends one span by hand.
";

fn report(run: &RunAnswer, answer: &DoctorAnswer) -> String {
    let totals = &run.run;
    let usage = &totals.usage;
    let tokens = match usage.total_tokens {
        0 => "none".to_owned(),
        _ => format!("{} in, {} out", count(usage.input_tokens), count(usage.output_tokens)),
    };
    let dialects: Vec<String> = answer
        .examined
        .origins
        .iter()
        .map(|origin| match (origin.dialect.as_str(), origin.scope.as_str()) {
            ("", "") => "not understood".to_owned(),
            ("", scope) => format!("not understood ({scope})"),
            (dialect, "") => dialect.to_owned(),
            (dialect, scope) => format!("{dialect} ({scope})"),
        })
        .collect();
    let no_content = answer.findings.iter().any(|finding| finding.id == "no-content");
    let models = totals.models.join(", ");
    let mut out = format!(
        "{} a trace arrived: {} {}\n",
        paint("●", Look::Green),
        strong(&clip(&totals.name, 60)),
        faint(&totals.trace_id.to_string())
    );
    for (what, value) in [
        ("service", totals.service.clone().unwrap_or_else(|| "none".into())),
        ("agent", totals.agent.clone().unwrap_or_else(|| "none".into())),
        ("dialect", dialects.join(", ")),
        ("steps", plural(totals.steps, "step")),
        ("model", if models.is_empty() { "none".into() } else { models }),
        ("tokens", tokens),
        ("cost", style::dollars(totals.cost_usd)),
        (
            "content",
            if totals.llm_calls == 0 {
                "no model call".into()
            } else if no_content {
                "no".into()
            } else {
                "yes".into()
            },
        ),
    ] {
        out.push_str(&format!("  {} {}\n", faint(&format!("{what:<8}")), clip(&value, 100)));
    }
    out.push('\n');
    if answer.findings.is_empty() {
        out.push_str("  Nothing is wrong with its instrumentation.\n");
    }
    out
}
