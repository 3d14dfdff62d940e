//! `tawny audit`: the log of who did what, verified and exported from the data directory.

use std::process::ExitCode;

use access::{Head, Log};
use anyhow::{Context, Result};

use super::keys::open;
use crate::cli::{Audit, AuditCommand};
use crate::show;
use crate::style::{bad, faint, plural};

/// Entries read at once.
const PAGE: usize = 1000;

/// Does what the command says.
pub fn run(args: &Audit) -> Result<ExitCode> {
    let state = open(&args.place)?;
    let log = if args.agents { Log::Agents } else { Log::People };
    match &args.command {
        AuditCommand::Verify { head } => {
            let noted = head.as_deref().map(parse_head).transpose()?;
            let found = state.read(|conn| access::verify(conn, log, noted.as_ref()))?;
            let mut out = String::new();
            for broken in &found.broken {
                out.push_str(&format!("{} {broken}\n", bad("broken")));
            }
            let first = if found.first > 1 { format!(" from number {} on", found.first) } else { String::new() };
            let emptied =
                if found.emptied > 0 { format!(", {} emptied by retention", found.emptied) } else { String::new() };
            out.push_str(&format!(
                "{}{first}{emptied}, {} wrong\n",
                plural(found.entries, "entry"),
                found.broken.len()
            ));
            out.push_str(&format!("{} {}:{}\n", faint("head"), found.head.seq, found.head.hash));
            show::out(&out)?;
            Ok(if found.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        AuditCommand::Export { after, project } => {
            let mut after = *after;
            loop {
                let lines = match log {
                    Log::People => {
                        let entries = state.read(|conn| access::entries(conn, log, after, PAGE, project.as_deref()))?;
                        let Some(last) = entries.last() else { return Ok(ExitCode::SUCCESS) };
                        after = last.seq;
                        entries.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?
                    }
                    Log::Agents => {
                        let deeds = state.read(|conn| access::deeds(conn, after, PAGE, project.as_deref()))?;
                        let Some((last, _)) = deeds.last() else { return Ok(ExitCode::SUCCESS) };
                        after = last.seq;
                        deeds.iter().map(line).collect::<Result<Vec<_>, _>>()?
                    }
                };
                show::out(&lines.join("\n"))?;
            }
        }
    }
}

/// What an agent did, with what was said where it is kept.
fn line((entry, said): &(access::Entry, Option<String>)) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(entry)?;
    if let (Some(fields), Some(said)) = (value.as_object_mut(), said) {
        fields.insert("said".to_owned(), said.as_str().into());
    }
    serde_json::to_string(&value)
}

fn parse_head(text: &str) -> Result<Head> {
    let parsed =
        text.split_once(':').and_then(|(seq, hash)| Some(Head { seq: seq.parse().ok()?, hash: hash.to_owned() }));
    parsed.context("cannot read --head: give it as an earlier call printed it, NUMBER:HASH")
}
