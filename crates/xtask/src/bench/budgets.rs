//! How long an agent waits for a verdict of its budgets: with and without a reservation, by callers at once.

#![allow(clippy::disallowed_methods, reason = "a measurement needs a clock")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::common::{Measured, Table, grouped};

/// Budgets as a team would have them: a day, a run, an agent, a user, a model.
const BUDGETS: &str = "
[[budget]]
name = 'day'
per = 'project'
over = 'day'
usd = 1000000
hard = true
[[budget]]
name = 'run'
per = 'run'
over = 'request'
usd = 100
hard = true
[[budget]]
name = 'agent'
per = 'agent'
over = 'hour'
usd = 100000
[[budget]]
name = 'user'
per = 'user'
over = 'month'
usd = 100000
[[budget]]
name = 'model'
per = 'model'
over = 'day'
usd = 1000000
";

/// Options of `cargo xtask bench budgets`.
#[derive(Debug, Args)]
pub struct Options {
    /// Questions a measurement.
    #[arg(long, default_value_t = 20_000)]
    questions: usize,
    /// Callers at once, one measurement each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    callers: Vec<usize>,
    /// Measure this program instead of building one.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Asks and prints how long answers took.
pub fn run(options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => Measured::build()?,
    };
    let measured = Measured::start(&program, "bench-budgets")?;
    let url = measured.server.http.clone();
    ureq::put(format!("{url}/api/v1/budgets")).send(BUDGETS).context("the budgets were not taken")?;
    let mut table = Table::new(&["question", "callers", "a second", "p50 ms", "p99 ms", "longest ms"]);
    for reserve in [false, true] {
        for &callers in &options.callers {
            let begun = Instant::now();
            let mut times = ask(&url, options.questions, callers.max(1), reserve)?;
            let took = begun.elapsed().as_secs_f64();
            times.sort_unstable();
            let at = |share: f64| {
                let place = ((times.len() - 1) as f64 * share) as usize;
                format!("{:.2}", times[place].as_secs_f64() * 1e3)
            };
            table.row([
                if reserve { "with a reservation".to_owned() } else { "verdict only".to_owned() },
                callers.to_string(),
                grouped(times.len() as f64 / took),
                at(0.5),
                at(0.99),
                at(1.0),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

fn ask(url: &str, questions: usize, callers: usize, reserve: bool) -> Result<Vec<Duration>> {
    let each = questions.div_ceil(callers).max(1);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..callers).map(|caller| scope.spawn(move || one(url, caller, each, reserve))).collect();
        let mut times = Vec::with_capacity(questions);
        for caller in asking {
            times.extend(caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??);
        }
        Ok(times)
    })
}

/// One caller, on a connection of its own.
fn one(url: &str, caller: usize, questions: usize, reserve: bool) -> Result<Vec<Duration>> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let address = format!("{url}/api/v1/budgets/check");
    let mut times = Vec::with_capacity(questions);
    for question in 0..questions {
        let run = format!("{:032x}", caller * 1_000_000 + question / 10);
        let body = json!({"run": run, "agent": format!("agent-{}", caller % 20), "user": format!("user-{}", question % 500),
            "model": "gpt-4o", "input_tokens": 3000, "max_output_tokens": 500, "reserve": reserve});
        let body = body.to_string();
        let begun = Instant::now();
        let text = agent.post(&address).send(&body).context("no verdict")?.body_mut().read_to_string()?;
        times.push(begun.elapsed());
        let verdict: Value = serde_json::from_str(&text)?;
        if verdict["verdict"] != "allow" || verdict["reservation"].is_object() != reserve {
            bail!("an unexpected verdict: {text}");
        }
    }
    Ok(times)
}
