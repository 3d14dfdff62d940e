//! `tawny policy`: the file of content policies, what was removed, and tokens turned back.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use policy::{Key, Policies};
use server::api::types::PolicyReport;

use crate::cli::{PolicyCommand, PolicyKey};
use crate::client::{Client, parse};
use crate::show;
use crate::style::{clip, count, faint, printable, strong};

/// Does what the command says.
pub fn run(command: &PolicyCommand) -> Result<ExitCode> {
    match command {
        PolicyCommand::Check { file, key } => {
            let lines = load(file, key)?.describe(None);
            show::out(&lines.join("\n"))?;
        }
        PolicyCommand::Detectors => {
            let lines: Vec<String> = policy::detect::DETECTORS
                .iter()
                .map(|one| format!("{} {}", strong(&format!("{:<12}", one.name)), one.finds))
                .collect();
            show::out(&lines.join("\n"))?;
        }
        PolicyCommand::Reveal { token, key } => {
            let Some(key) = read_key(key)? else { bail!("no key: set TAWNY_POLICY_KEY or --policy-key-file") };
            show::out(&key.reveal(token)?)?;
        }
        PolicyCommand::Report(reading) => {
            let text = Client::new(&reading.url)?.text("/api/v1/policy")?;
            if reading.json {
                show::out(&text)?;
            } else {
                show::out(&render(&parse(&text)?))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn render(report: &PolicyReport) -> String {
    if report.policies.is_empty() {
        return "no policy: everything is kept as it comes (tawny serve --policy FILE)".into();
    }
    let mut out = report.policies.iter().map(|line| format!("{line}\n")).collect::<String>();
    out.push_str(&format!("{}\n", faint("removed since the server started:")));
    let mut table = show::table(&["TIMES", "WHAT", "WHERE", "ENVIRONMENT"]);
    for one in &report.removed {
        table.add_row(
            [count(one.times), printable(&one.action), clip(&printable(&one.field), 48), printable(&one.environment)]
                .map(show::cell),
        );
    }
    out.push_str(&show::render(&mut table));
    out
}

/// Reads a file of policies.
pub fn load(file: &Path, key: &PolicyKey) -> Result<Arc<Policies>> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read the policies in {}", file.display()))?;
    let key = read_key(key)?;
    Ok(Arc::new(Policies::parse(&file.display().to_string(), &text, key.as_ref())?))
}

/// The operator's key, from the file or the environment.
fn read_key(key: &PolicyKey) -> Result<Option<Key>> {
    let secret = match &key.policy_key_file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read the key in {}", path.display()))?
        }
        None => match std::env::var("TAWNY_POLICY_KEY") {
            Ok(secret) => secret,
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Key::new(&secret)?))
}
