//! `tawny search`: runs by what was said in them.

use std::process::ExitCode;

use anyhow::{Result, bail};
use server::api::types::{SearchAnswer, SearchMatch, SearchResult};

use super::runs::{SHORT_ID, title};
use crate::cli::Search;
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, clip, faint, paint, strong};

/// Searches.
pub fn run(args: &Search) -> Result<ExitCode> {
    if args.filters.q.is_some() {
        bail!("the text to look for is the argument itself: leave --q out");
    }
    let client = Client::new(&args.reading.url)?;
    let query = Query::new()
        .with("q", Some(&args.text))
        .with_filters(&args.filters)
        .with("limit", Some(args.limit))
        .with("cursor", args.cursor.as_ref());
    let text = client.text(&query.after("/api/v1/search"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: SearchAnswer = parse(&text)?;
    if answer.results.is_empty() {
        show::out("Nothing found.")?;
    }
    let width = show::width();
    for result in &answer.results {
        show::out(&lines(result, width))?;
    }
    if let Some(time) = answer.searched_to {
        let until = show::local(time);
        show::out(&faint(&format!(
            "the time for one search was over; runs before {until} were not all looked through"
        )))?;
    } else if answer.next.is_some() {
        show::out(&faint("there are older ones; --limit shows more"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(result: &SearchResult, width: usize) -> String {
    let run = &result.run;
    let mut lines = vec![format!(
        "{}  {}  {}  {}",
        strong(&run.trace_id.to_string()[..SHORT_ID]),
        faint(&show::local(run.started_at)),
        paint(run.status.as_str(), style::run_status(run.status)),
        clip(title(run), 40),
    )];
    lines.extend(result.matches.iter().map(|found| line(found, width)));
    if result.more > 0 {
        lines.push(faint(&format!("    {} more", style::count(result.more))));
    }
    lines.join("\n")
}

fn line(found: &SearchMatch, width: usize) -> String {
    let place = format!("{} {}", clip(&found.name, 30), faint(&clip(&found.field, 30)));
    let said: String = found.snippet.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("    {place}  {}", clip(&said, width.saturating_sub(70).max(60)))
}
