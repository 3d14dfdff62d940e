//! `tawny changes`: what changed in agents and around them, and telling of it.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{Change, ChangesAnswer, NewChange};

use crate::cli::{self, ChangesCommand};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{clip, printable};

/// Lists changes, or tells of one.
pub fn run(args: &cli::Changes) -> Result<ExitCode> {
    match &args.command {
        None => list(args)?,
        Some(ChangesCommand::Tell { kind, title, id, agent, environment, version, link, reading }) => {
            let new = NewChange {
                id: id.clone(),
                kind: kind.clone(),
                title: title.clone(),
                at: None,
                environment: environment.clone(),
                agent: agent.clone(),
                version: version.clone(),
                url: link.clone(),
            };
            let text = Client::new(&reading.url)?.post_json("/api/v1/changes", &new)?;
            if reading.json {
                show::out(&text)?;
            } else {
                let kept: Change = parse(&text)?;
                show::out(&format!("Noted as {}.", kept.id))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &cli::Changes) -> Result<()> {
    let query =
        Query::new().with("from", Some(&args.from)).with("agent", args.agent.as_ref()).with("limit", Some("100"));
    let text = Client::new(&args.reading.url)?.text(&query.after("/api/v1/changes"))?;
    if args.reading.json {
        return show::out(&text);
    }
    let found: ChangesAnswer = parse(&text)?;
    if found.changes.is_empty() {
        return show::out("No changes. `tawny changes tell deploy TITLE --agent NAME` tells of one.");
    }
    let mut table = show::table(&["WHEN", "KIND", "AGENT", "WHERE", "WHAT", "FROM"]);
    for change in &found.changes {
        let or_all = |text: &Option<String>| show::cell(text.as_deref().map_or("all".to_owned(), printable));
        table.add_row(vec![
            show::cell(show::local(change.at)),
            show::cell(&change.kind),
            or_all(&change.agent),
            or_all(&change.environment),
            show::cell(clip(&printable(&change.title), 70)),
            show::cell(change.by.as_deref().map_or_else(|| change.source.clone(), printable)),
        ]);
    }
    show::out(&show::render(&mut table))
}
