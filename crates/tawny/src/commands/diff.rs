//! `tawny diff A B`: two runs side by side.

use std::process::ExitCode;

use anyhow::Result;
use server::api::types::{DiffAnswer, DiffPair};

use crate::cli::Diff;
use crate::client::{Client, parse};
use crate::show;
use crate::style::{Look, faint, paint, printable, strong};

/// Compares two runs.
pub fn run(args: &Diff) -> Result<ExitCode> {
    let client = Client::new(&args.reading.url)?;
    let (left, right) = (super::run::whole_id(&client, &args.left)?, super::run::whole_id(&client, &args.right)?);
    let text = client.text(&format!("/api/v1/runs/{left}/diff/{right}"))?;
    if args.reading.json {
        show::out(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer: DiffAnswer = parse(&text)?;
    let mut page = vec![
        format!("{}  {left}\n{}  {right}", strong("left "), strong("right")),
        format!("{} of {} steps are the same", answer.same, answer.pairs.len()),
    ];
    let moved = answer.more.iter().filter(|(_, more)| **more != 0.0);
    let more: Vec<String> = moved.map(|(name, more)| format!("{name} {}", signed(*more))).collect();
    page.push(format!("right has more: {}", if more.is_empty() { "nothing".into() } else { more.join(", ") }));
    match answer.first_divergence.and_then(|at| answer.pairs.get(at)) {
        Some(pair) => page.push(format!("they part at: {}", printable(&pair.step))),
        None => page.push("they do not part".into()),
    }
    page.push(String::new());
    page.extend(answer.pairs.iter().filter(|pair| args.all || pair.difference != "same").map(line));
    if answer.cut {
        page.push(faint("further steps were not compared"));
    }
    show::out(&page.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Whole numbers as such; money and times of less than a millisecond with what they have.
fn signed(number: f64) -> String {
    if number.fract() == 0.0 || number.abs() >= 100.0 { format!("{number:+.0}") } else { format!("{number:+.4}") }
}

fn line(pair: &DiffPair) -> String {
    let (mark, look) = match pair.difference.as_str() {
        "removed" => ("-", Look::Red),
        "added" => ("+", Look::Green),
        "same" => (" ", Look::Faint),
        _ => ("~", Look::Yellow),
    };
    let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.0} ms"));
    let mut text = paint(
        &format!(
            "{mark} {}  {} | {}  ({})",
            printable(&pair.step),
            ms(pair.left_ms),
            ms(pair.right_ms),
            pair.difference
        ),
        look,
    );
    for (side, said) in [("left ", &pair.left_text), ("right", &pair.right_text)] {
        if let Some(said) = said {
            text.push_str(&format!("\n    {side}  {}", printable(said)));
        }
    }
    text
}
