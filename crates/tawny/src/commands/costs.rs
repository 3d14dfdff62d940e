//! `tawny costs`: what was spent, by whom, and what it would be otherwise.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use server::api::types::{
    CostAnswer, CostForecast, CostSums, ModelPrice, PricesAnswer, RepriceRequest, Repriced, RunCosts, UnpricedAnswer,
    WhatIf,
};

use crate::cli::{self, CostsCommand, Reading};
use crate::client::{Client, parse};
use crate::filters::Query;
use crate::show;
use crate::style::{self, count, dollars, faint};

/// Does what the flags say.
pub fn run(args: &cli::Costs) -> Result<ExitCode> {
    match &args.command {
        None => costs(args)?,
        Some(CostsCommand::Forecast(reading)) => forecast(reading)?,
        Some(CostsCommand::Unpriced(reading)) => unpriced(reading)?,
        Some(CostsCommand::Run { run, reading }) => of_run(run, reading)?,
        Some(CostsCommand::WhatIf { model, from, reading }) => what_if(model, from, reading)?,
        Some(CostsCommand::Reprice { since, dry_run, reading }) => reprice(since.clone(), *dry_run, reading)?,
        Some(CostsCommand::Prices { model: Some(model), provider, reading, .. }) => {
            price(model, provider.as_deref(), reading)?;
        }
        Some(CostsCommand::Prices { set, reading, .. }) => prices(set.as_deref(), reading)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the answer as it is where JSON is wanted; else reads it.
fn read<T: serde::de::DeserializeOwned>(text: &str, reading: &Reading) -> Result<Option<T>> {
    if reading.json {
        show::out(text)?;
        return Ok(None);
    }
    parse(text).map(Some)
}

fn costs(args: &cli::Costs) -> Result<()> {
    let mut query = Query::new()
        .with("by", Some(&args.by))
        .with("step", args.step.as_ref())
        .with("from", args.from.as_ref())
        .with("to", args.to.as_ref());
    for only in &args.only {
        let Some((key, value)) = only.split_once('=') else {
            bail!("cannot read --only {only}: give KEY=VALUE, for example agent=planner");
        };
        query = query.with(key, Some(value));
    }
    let client = Client::new(&args.reading.url)?;
    if args.csv {
        return show::out(&client.text(&query.after("/api/v1/costs.csv"))?);
    }
    let text = client.text(&query.after("/api/v1/costs"))?;
    let Some(answer) = read::<CostAnswer>(&text, &args.reading)? else { return Ok(()) };
    let timed = answer.step.is_some();
    let names: Vec<String> = answer.by.iter().map(|key| key.to_uppercase()).collect();
    let delegates = answer.rows.iter().any(|row| row.delegated_usd.is_some());
    let mut headers: Vec<&str> = timed.then_some("TIME").into_iter().chain(names.iter().map(String::as_str)).collect();
    headers.extend(["CALLS", "IN", "OUT", "CACHED", "COST", "ESTIMATED", "UNPRICED"]);
    if delegates {
        headers.push("DELEGATED");
    }
    let mut table = show::table(&headers);
    for row in &answer.rows {
        let mut cells = Vec::new();
        if timed {
            cells.push(show::cell(row.time.map(|time| time.to_string()).unwrap_or_default()));
        }
        cells.extend(row.by.iter().map(|value| show::cell(value.as_deref().map_or("-".into(), style::printable))));
        cells.extend(figures(&row.sums));
        if delegates {
            cells.push(show::figure(dollars(row.delegated_usd)));
        }
        table.add_row(cells);
    }
    let total = &answer.total;
    let mut out = show::render(&mut table);
    out.push_str(&format!(
        "{} {}, {} in, {} out, {}",
        faint("total"),
        style::plural(total.calls, "call"),
        count(total.input_tokens),
        count(total.output_tokens),
        dollars(Some(total.cost_usd)),
    ));
    if total.unpriced_tokens > 0 {
        out.push_str(&format!(
            "\n{} tokens have no price and are not in the sum; `tawny costs unpriced` lists their models",
            count(total.unpriced_tokens)
        ));
    }
    if let Some(since) = answer.entries_since {
        out.push_str(&format!(
            "\n{}",
            faint(&format!("runs, sessions and users are known since {}", show::local(since)))
        ));
    }
    out.push('\n');
    show::out(&out)
}

fn figures(sums: &CostSums) -> Vec<comfy_table::Cell> {
    let money = |usd: f64| if usd == 0.0 { String::new() } else { dollars(Some(usd)) };
    let tokens = |tokens: u64| if tokens == 0 { String::new() } else { count(tokens) };
    [
        count(sums.calls),
        count(sums.input_tokens),
        count(sums.output_tokens),
        tokens(sums.cache_read_tokens),
        // Nothing is known of what it cost: that is not nothing.
        dollars(Some(sums.cost_usd).filter(|usd| *usd != 0.0 || sums.unpriced_tokens == 0)),
        money(sums.estimated_usd),
        tokens(sums.unpriced_tokens),
    ]
    .into_iter()
    .map(show::figure)
    .collect()
}

fn forecast(reading: &Reading) -> Result<()> {
    let text = Client::new(&reading.url)?.text("/api/v1/costs/forecast")?;
    let Some(answer) = read::<CostForecast>(&text, reading)? else { return Ok(()) };
    let basis = match answer.basis_days {
        0 => "extrapolated from the hours since money was first spent".to_owned(),
        days => format!("from the same hours of the last {}", style::plural(days.unsigned_abs(), "day")),
    };
    show::out(&format!(
        "today  {} so far, {} expected\nmonth  {} so far, {} expected\n{}\n",
        dollars(Some(answer.today_usd)),
        dollars(Some(answer.day_usd)),
        dollars(Some(answer.month_to_date_usd)),
        dollars(Some(answer.month_usd)),
        faint(&basis),
    ))
}

fn of_run(run: &str, reading: &Reading) -> Result<()> {
    let client = Client::new(&reading.url)?;
    let text = client.text(&format!("/api/v1/runs/{}/costs", super::run::whole_id(&client, run)?))?;
    let Some(answer) = read::<RunCosts>(&text, reading)? else { return Ok(()) };
    let mut table = show::table(&["STEP", "AGENT", "MODEL", "IN", "OUT", "CACHED", "COST", "KNOWN BY", "PRICE"]);
    for call in &answer.calls {
        let said = |text: &Option<String>| show::cell(text.as_deref().map_or("-".into(), style::printable));
        let tokens = |tokens: Option<u64>| show::figure(tokens.map_or_else(|| "-".to_owned(), count));
        let price = [&call.price_row, &call.price_read, &call.price_source];
        let price: Vec<&str> = price.into_iter().flatten().map(String::as_str).collect();
        let known = call.why.as_ref().map_or_else(|| call.basis.clone(), |why| format!("{} ({why})", call.basis));
        table.add_row(vec![
            show::cell(call.span_id),
            said(&call.agent),
            said(&call.model),
            tokens(call.input_tokens),
            tokens(call.output_tokens),
            tokens(call.cache_read_tokens),
            show::figure(dollars(call.cost_usd)),
            show::cell(known),
            show::cell(if price.is_empty() { "-".to_owned() } else { price.join(", ") }),
        ]);
    }
    let guessed = answer.guessed_usd.map_or_else(String::new, |usd| format!(", and {} guessed", dollars(Some(usd))));
    show::out(&format!("{}{} {}{guessed}\n", show::render(&mut table), faint("total"), dollars(answer.cost_usd)))
}

fn unpriced(reading: &Reading) -> Result<()> {
    let text = Client::new(&reading.url)?.text("/api/v1/costs/unpriced")?;
    let Some(answer) = read::<UnpricedAnswer>(&text, reading)? else { return Ok(()) };
    if answer.models.is_empty() {
        return show::out("Every model has a price.\n");
    }
    let mut table = show::table(&["MODEL", "PROVIDER", "WHY", "CALLS", "TOKENS"]);
    for model in &answer.models {
        table.add_row(vec![
            show::cell(model.model.as_deref().map_or("-".into(), style::printable)),
            show::cell(model.provider.as_deref().map_or("-".into(), style::printable)),
            show::cell(model.why.replace('_', " ")),
            show::figure(count(model.calls)),
            show::figure(count(model.tokens)),
        ]);
    }
    show::out(&show::render(&mut table))
}

fn what_if(model: &str, from: &str, reading: &Reading) -> Result<()> {
    let query = Query::new().with("model", Some(model)).with("from", Some(from));
    let text = Client::patient(&reading.url)?.text(&query.after("/api/v1/costs/what-if"))?;
    let Some(answer) = read::<WhatIf>(&text, reading)? else { return Ok(()) };
    let mut out = format!(
        "{} cost {}; on {} they would have cost {}\n",
        style::plural(answer.calls, "call"),
        dollars(Some(answer.cost_usd)),
        style::printable(&answer.model),
        dollars(Some(answer.would_cost_usd)),
    );
    if answer.left_out > 0 {
        out.push_str(&faint(&format!(
            "{} without tokens or a cost left out\n",
            style::plural(answer.left_out, "call")
        )));
    }
    show::out(&out)
}

fn reprice(since: Option<String>, dry_run: bool, reading: &Reading) -> Result<()> {
    let asked = RepriceRequest { since, dry_run };
    let text = Client::patient(&reading.url)?.post_json("/api/v1/costs/reprice", &asked)?;
    let Some(done) = read::<Repriced>(&text, reading)? else { return Ok(()) };
    let verb = if done.dry_run { "would change" } else { "changed" };
    show::out(&format!(
        "{} looked at, {} of {} {verb}: {} to {}\n",
        style::plural(done.runs, "run"),
        style::plural(done.changed_calls, "call"),
        style::plural(done.changed_runs, "run"),
        dollars(Some(done.before_usd)),
        dollars(Some(done.after_usd)),
    ))
}

fn prices(set: Option<&std::path::Path>, reading: &Reading) -> Result<()> {
    let client = Client::new(&reading.url)?;
    let text = match set {
        Some(path) => {
            let file = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            client.put("/api/v1/prices", "application/toml", &file)?
        }
        None => client.text("/api/v1/prices")?,
    };
    let Some(answer) = read::<PricesAnswer>(&text, reading)? else { return Ok(()) };
    let mut table = show::table(&["ROW", "INPUT", "OUTPUT"]);
    for row in &answer.own {
        table.add_row(vec![
            show::cell(style::printable(&row.id)),
            show::figure(format!("${}", row.input)),
            show::figure(format!("${}", row.output)),
        ]);
    }
    let mut out = if answer.own.is_empty() { String::new() } else { show::render(&mut table) };
    out.push_str(&faint(&format!("dollars per million tokens, above {} built-in rows\n", answer.built_in)));
    show::out(&out)
}

fn price(model: &str, provider: Option<&str>, reading: &Reading) -> Result<()> {
    let query = Query::new().with("model", Some(model)).with("provider", provider);
    let text = Client::new(&reading.url)?.text(&query.after("/api/v1/prices/of"))?;
    let Some(answer) = read::<ModelPrice>(&text, reading)? else { return Ok(()) };
    let mut table = show::table(&["TOKENS", "DOLLARS A MILLION"]);
    for (class, rate) in &answer.rates {
        table.add_row(vec![show::cell(class), show::figure(format!("${rate}"))]);
    }
    let mut out = format!("{}\n{}", style::printable(&answer.id), show::render(&mut table));
    let read_on = answer.read.map_or_else(String::new, |day| format!(", read on {day}"));
    let regional = if answer.regional { "; a regional endpoint, which costs more" } else { "" };
    out.push_str(&faint(&format!("from {}{read_on}{regional}\n", style::printable(&answer.source))));
    show::out(&out)
}
