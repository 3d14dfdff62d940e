//! `tawny brake`: hold an agent or a tool, and let it go.

use std::process::ExitCode;

use anyhow::{Context, Result};
use server::api::types::{Brake, BrakesAnswer, NewBrake};

use crate::cli::{self, BrakeCommand, Reading};
use crate::client::{Client, parse};
use crate::show;
use crate::style::{clip, printable};

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// Does what was asked for.
pub fn run(args: &cli::Brake) -> Result<ExitCode> {
    match &args.command {
        None => list(&args.reading)?,
        Some(BrakeCommand::Hold(on)) => put_on("hold", on)?,
        Some(BrakeCommand::Human(on)) => put_on("human", on)?,
        Some(BrakeCommand::Previous(on)) => put_on("previous", on)?,
        Some(BrakeCommand::Off { id, reading }) => {
            let text = Client::new(&reading.url)?.delete(&format!("/api/v1/brakes/{id}"))?;
            answer(reading, &text, "off")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(reading: &Reading) -> Result<()> {
    let text = Client::new(&reading.url)?.text("/api/v1/brakes")?;
    if reading.json {
        return show::out(&text);
    }
    let found: BrakesAnswer = parse(&text)?;
    if found.brakes.is_empty() {
        return show::out(
            "No brakes. `tawny brake hold --agent NAME --why TEXT` holds an agent that asks before it acts.",
        );
    }
    let mut table = show::table(&["BRAKE", "AGENT", "TOOL", "WHERE", "SINCE", "UNTIL", "BY", "WHY", "ID"]);
    for brake in &found.brakes {
        let or_any = |text: &Option<String>| show::cell(text.as_deref().map_or("any".to_owned(), printable));
        table.add_row(vec![
            show::cell(named(brake)),
            or_any(&brake.agent),
            or_any(&brake.tool),
            or_any(&brake.environment),
            show::cell(show::local(brake.since)),
            show::cell(brake.until.map(show::local).unwrap_or_default()),
            show::cell(printable(&brake.by)),
            show::cell(clip(&printable(&brake.why), 60)),
            show::cell(&brake.id),
        ]);
    }
    show::out(&show::render(&mut table))
}

fn named(brake: &Brake) -> String {
    match &brake.version {
        Some(version) => format!("{} {}", brake.action, printable(version)),
        None => brake.action.clone(),
    }
}

fn put_on(action: &str, on: &cli::BrakeOn) -> Result<()> {
    let minutes = on.length.as_deref().map(|text| {
        let length = promql::parse_duration(text);
        let length = length.with_context(|| format!("cannot read `--for {text}`: write it as 30m, 2h or 7d"))?;
        Ok::<_, anyhow::Error>((length / MINUTE_MS).max(1).cast_unsigned())
    });
    let new = NewBrake {
        action: action.to_owned(),
        agent: on.agent.clone(),
        tool: on.tool.clone(),
        environment: on.environment.clone(),
        version: on.version.clone(),
        why: on.why.clone(),
        minutes: minutes.transpose()?,
        ..NewBrake::default()
    };
    let text = Client::new(&on.reading.url)?.post_json("/api/v1/brakes", &new)?;
    answer(&on.reading, &text, "on")
}

fn answer(reading: &Reading, text: &str, how: &str) -> Result<()> {
    if reading.json {
        return show::out(text);
    }
    let brake: Brake = parse(text)?;
    let whom = brake.agent.iter().chain(&brake.tool).map(|name| printable(name)).collect::<Vec<_>>().join(" ");
    show::out(&format!("The brake on {whom} ({}) is {how}: {}", named(&brake), brake.id))
}
