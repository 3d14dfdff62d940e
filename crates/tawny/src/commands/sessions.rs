//! `tawny sessions`: runs grouped by conversation.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::SessionsAnswer;

use crate::cli::Sessions;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, clip};

/// Lists sessions.
pub fn run(args: &Sessions) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let query = Query::new()
        .with_filters(&args.filters)
        .with("sort", Some(&args.sort))
        .with("limit", Some(args.limit))
        .with("cursor", args.cursor.as_ref());
    let text = client.text(&query.after("/api/v1/sessions"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: SessionsAnswer = parse(&text)?;
    if answer.sessions.is_empty() {
        show::out("No sessions: no run names a conversation (gen_ai.conversation.id, session.id).")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = show::table(&[
        "SESSION",
        "LAST",
        "STATUS",
        "RUNS",
        "AGENTS",
        "USER",
        "ERRORS",
        "TOKENS IN",
        "OUT",
        "COST",
        "INPUT",
    ]);
    for session in &answer.sessions {
        table.add_row(vec![
            show::cell(clip(&session.session_id, 36)),
            show::cell(show::local(session.last_at)),
            show::styled(session.status.as_str(), style::run_status(session.status)),
            show::figure(session.runs),
            show::cell(clip(&session.agents.join(", "), 30)),
            show::cell(clip(session.user_id.as_deref().unwrap_or(""), 20)),
            show::failures(session.errors),
            show::figure(style::count(session.usage.input_tokens)),
            show::figure(style::count(session.usage.output_tokens)),
            show::figure(style::dollars(session.cost_usd)),
            show::cell(clip(session.input_preview.as_deref().unwrap_or(""), 40)),
        ]);
    }
    show::out(&show::render(&mut table))?;
    if answer.next.is_some() {
        show::out(&style::faint("there are more; --limit shows more"))?;
    }
    Ok(ExitCode::SUCCESS)
}
