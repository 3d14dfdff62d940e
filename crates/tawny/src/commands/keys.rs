//! `tawny keys`: keys for programs, made and revoked in the data directory, whether a server is at work there or not.

use std::process::ExitCode;

use access::{NewKey, append};
use anyhow::{Context, Result, bail};
use serde_json::json;
use server::SystemClock;
use state::State;
use state::rusqlite::Transaction;

use crate::cli::{Here, Keys, KeysCommand};
use crate::show;
use crate::style::{faint, strong};

/// Does what the command says.
pub fn run(args: &Keys) -> Result<ExitCode> {
    let state = open(&args.place)?;
    match &args.command {
        KeysCommand::Create { name, scope, project } => {
            if project != "*" && !access::is_name(project) {
                bail!(
                    "`{project}` cannot be a project's name: use letters, digits, - _ . and @, or `*` for all projects"
                );
            }
            if name.trim().is_empty() {
                bail!("a key needs a name that says what it is for, such as `ci`");
            }
            let (random, now) = (random()?, SystemClock::time());
            let (id, secret) = change(&state, |tx| {
                let made = access::create_key(tx, &NewKey { name, project, scopes: scope }, random, now)?;
                let words: Vec<&str> = scope.iter().map(|scope| scope.as_str()).collect();
                append(tx, now, project, &actor(), ["key.create", &made.0, &format!("{name} ({})", words.join(", "))])?;
                Ok(made)
            })?;
            shown_once(&id, &secret)?;
        }
        KeysCommand::List { json } => list(&state, *json)?,
        KeysCommand::Revoke { id } => {
            let now = SystemClock::time();
            let revoked = change(&state, |tx| {
                let revoked = access::revoke_key(tx, id, now)?;
                if revoked {
                    append(tx, now, "*", &actor(), ["key.revoke", id, ""])?;
                }
                Ok(revoked)
            })?;
            if !revoked {
                bail!("there is no key `{id}` that could be used; `tawny keys list` names them");
            }
            show::out(&format!("{id} is revoked"))?;
        }
        KeysCommand::Rotate { id } => {
            let (random, now) = (random()?, SystemClock::time());
            let made = change(&state, |tx| {
                let made = access::rotate_key(tx, id, random, now)?;
                if let Some((new, _)) = &made {
                    append(tx, now, "*", &actor(), ["key.rotate", id, new])?;
                }
                Ok(made)
            })?;
            let Some((new, secret)) = made else {
                bail!("there is no key `{id}` that could be used; `tawny keys list` names them");
            };
            shown_once(&new, &secret)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The secret alone goes to standard output, so that a script can keep it.
fn shown_once(id: &str, secret: &str) -> Result<()> {
    eprintln!("{} {}", strong(id), faint("is shown now and never again; send it as `Authorization: Bearer …`"));
    show::out(secret)
}

fn list(state: &State, as_json: bool) -> Result<()> {
    let keys = state.read(access::keys)?;
    if as_json {
        let time = |time: Option<model::Timestamp>| time.map(|time| time.to_string());
        let rows = keys.iter().map(|key| {
            json!({ "id": key.id, "name": key.name, "project": key.project,
                "scopes": key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
                "created_at": key.created.to_string(), "last_used_at": time(key.last_used), "revoked_at": time(key.revoked) })
        });
        return show::out(&json!({ "keys": rows.collect::<Vec<_>>() }).to_string());
    }
    let mut table = show::table(&["ID", "NAME", "PROJECT", "SCOPES", "CREATED", "LAST USED", ""]);
    for key in keys {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
        table.add_row([
            show::cell(&key.id),
            show::cell(crate::style::printable(&key.name)),
            show::cell(&key.project),
            show::cell(scopes.join(",")),
            show::cell(key.created),
            show::cell(key.last_used.map_or_else(|| "never".to_owned(), |time| time.to_string())),
            show::cell(if key.revoked.is_some() { "revoked" } else { "" }),
        ]);
    }
    show::out(&show::render(&mut table))
}

/// Opens the state in the data directory.
pub fn open(place: &Here) -> Result<State> {
    let (data, _) = server::config::place(&place.data, place.data_local.as_deref())?;
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    Ok(State::open(&data, &[access::PART])?)
}

/// Changes the state.
pub fn change<T>(state: &State, work: impl FnOnce(&Transaction<'_>) -> state::rusqlite::Result<T>) -> Result<T> {
    Ok(state.write(work)?)
}

/// Who the audit log says did it: the user of this machine.
pub fn actor() -> String {
    let name =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| access::is_name(name));
    format!("cli:{}", name.as_deref().unwrap_or("unknown"))
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}
