//! `tawny erase`: erases what is kept of a user, a session or a run, and says what is left where.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use server::api::types::{About, Erasure, Erasures};

use crate::cli::Erase;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{bad, count, faint, plural, printable, strong};
use crate::wait::pause;

/// Time between two looks at whether the files are gone.
const LOOK: Duration = Duration::from_secs(2);

/// Does what the command says.
pub fn run(args: &Erase) -> Result<ExitCode> {
    let client = Client::patient(&args.reading.url)?;
    let about = About { user: args.user.clone(), session: args.session.clone(), run: args.run.clone() };
    if args.user.is_none() && args.session.is_none() && args.run.is_none() {
        let text = client.text("/api/v1/erasures")?;
        if args.reading.json {
            show::out(&text)?;
        } else {
            let all: Erasures = parse(&text)?;
            show::out(&all.erasures.iter().map(render).collect::<Vec<_>>().join("\n"))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut erasure: Erasure = parse(&client.post_json("/api/v1/erasures", &about)?)?;
    while args.wait && erasure.state == "waiting" {
        pause(LOOK);
        let all: Erasures = parse(&client.text("/api/v1/erasures")?)?;
        let own = all.erasures.into_iter().find(|other| other.id == erasure.id);
        erasure = own.context("the order is not among the newest any more; `tawny erase` lists them")?;
    }
    if args.reading.json {
        show::out(&serde_json::to_string(&erasure)?)?;
    } else {
        show::out(&render(&erasure))?;
    }
    let clean = erasure.found_afterwards == Some(0) && erasure.unreadable.is_empty() && erasure.problem.is_none();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn render(erasure: &Erasure) -> String {
    let rows: Vec<String> = erasure.rows.iter().map(|(table, rows)| format!("{} of {table}", count(*rows))).collect();
    let mut lines = vec![format!(
        "{} {} {}: {} erased{}",
        strong(&format!("{}", erasure.id)),
        erasure.what,
        erasure.told,
        plural(erasure.traces, "trace"),
        if rows.is_empty() { String::new() } else { format!(" (rows: {})", rows.join(", ")) },
    )];
    match erasure.found_afterwards {
        Some(0) => lines.push("  a search afterwards finds nothing".to_owned()),
        Some(found) => lines.push(format!("  {} {} still found", bad("not all:"), plural(found, "trace"))),
        None => {}
    }
    match erasure.files_gone_at {
        Some(at) => lines.push(format!("  the last file that held it was removed at {at}")),
        None => lines
            .push(format!("  {} that held it go when the grace period is over", plural(erasure.files_waiting, "file"))),
    }
    for path in &erasure.unreadable {
        lines.push(format!("  {} {path}: what it holds is not known", bad("cannot be read:")));
    }
    if !erasure.mentioned_in.is_empty() {
        lines.push(format!("  runs of others that say the name: {}", erasure.mentioned_in.join(", ")));
    }
    for at in &erasure.backups {
        lines.push(format!("  the backup of {at} may still hold it"));
    }
    if !erasure.passed_on_to.is_empty() {
        let names: Vec<String> = erasure.passed_on_to.iter().map(|name| printable(name)).collect();
        lines.push(format!("  passed on to {}: erase it there as well", names.join(", ")));
    }
    lines.push(faint("  copies of the data directory made by other means are not known").to_string());
    lines.extend(erasure.problem.iter().map(|problem| format!("  {} {problem}", bad("failed:"))));
    lines.join("\n")
}
