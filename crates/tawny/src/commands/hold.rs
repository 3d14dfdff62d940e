//! `tawny hold`: what has to stay, whatever retention, erasing and sampling would do.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{About, HoldInfo, Holds, NewHold};

use crate::cli::HoldCommand;
use crate::client::{Client, parse};
use crate::show;
use crate::style::printable;

/// Does what the command says.
pub fn run(command: &HoldCommand) -> Result<ExitCode> {
    match command {
        HoldCommand::Add { user, session, run, reason, reading } => {
            let about = About { user: user.clone(), session: session.clone(), run: run.clone() };
            let text =
                Client::new(&reading.url)?.post_json("/api/v1/holds", &NewHold { about, reason: reason.clone() })?;
            let made: HoldInfo = parse(&text)?;
            show::out(&if reading.json { text } else { format!("hold {} is in force", made.id) })?;
        }
        HoldCommand::List(reading) => {
            let text = Client::new(&reading.url)?.text("/api/v1/holds")?;
            if reading.json {
                show::out(&text)?;
                return Ok(ExitCode::SUCCESS);
            }
            let holds: Holds = parse(&text)?;
            let mut table = show::table(&["ID", "WHAT", "WHICH", "REASON", "BY", "SINCE"]);
            for hold in holds.holds {
                table.add_row([
                    show::cell(hold.id),
                    show::cell(hold.what),
                    show::cell(printable(&hold.value)),
                    show::cell(printable(&hold.reason)),
                    show::cell(hold.by),
                    show::cell(hold.at),
                ]);
            }
            show::out(&show::render(&mut table))?;
        }
        HoldCommand::End { id, reading } => {
            Client::new(&reading.url)?.delete(&format!("/api/v1/holds/{id}"))?;
            show::out(&format!("hold {id} has ended"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
