//! `tawny users`: people, their passwords and roles, in the data directory, whether a server is at work there or not.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use access::{Role, append};
use anyhow::{Context, Result, bail};
use serde_json::json;
use server::SystemClock;
use state::State;

use super::keys::{actor, change, open, random};
use crate::cli::{Users, UsersCommand};
use crate::show;

/// Does what the command says.
pub fn run(args: &Users) -> Result<ExitCode> {
    let state = open(&args.place)?;
    let now = SystemClock::time();
    match &args.command {
        UsersCommand::Add { name, role, project } => {
            check(name, project)?;
            let (password, salt) = (password()?, random()?);
            change(&state, |tx| {
                match access::add_user(tx, name, &password, salt, now) {
                    Ok(added) => added?,
                    Err(error) => return Ok(Err(error)),
                }
                access::set_role(tx, name, project, Some(*role))?;
                append(tx, now, project, &actor(), ["user.add", name, role.as_str()])?;
                Ok(Ok(()))
            })??;
            show::out(&format!("{name} may sign in as {} of {project}", role.as_str()))?;
        }
        UsersCommand::Role { name, role, project } => {
            check(name, project)?;
            let new: Option<Role> = if role == "none" { None } else { Some(role.parse()?) };
            if !state.read(access::users)?.iter().any(|user| user.name == *name) {
                bail!("there is no user `{name}`; `tawny users list` names them");
            }
            change(&state, |tx| {
                access::set_role(tx, name, project, new)?;
                append(tx, now, project, &actor(), ["user.role", name, role])
            })?;
            show::out(&format!("{name}: {role} of {project}"))?;
        }
        UsersCommand::Disable { name } => set_disabled(&state, name, Some(now))?,
        UsersCommand::Enable { name } => set_disabled(&state, name, None)?,
        UsersCommand::List { json } => list(&state, *json)?,
        UsersCommand::Remove { name } => {
            let removed = change(&state, |tx| {
                let removed = access::remove_user(tx, name)?;
                if removed {
                    append(tx, now, "*", &actor(), ["user.remove", name, ""])?;
                }
                Ok(removed)
            })?;
            if !removed {
                bail!("there is no user `{name}`; `tawny users list` names them");
            }
            show::out(&format!("{name} is removed"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn set_disabled(state: &State, name: &str, since: Option<model::Timestamp>) -> Result<()> {
    let now = SystemClock::time();
    let (action, done) =
        if since.is_some() { ("user.disable", "may not sign in") } else { ("user.enable", "may sign in again") };
    let found = change(state, |tx| {
        let found = access::set_disabled(tx, name, since)?;
        if found {
            append(tx, now, "*", &actor(), [action, name, ""])?;
        }
        Ok(found)
    })?;
    if !found {
        bail!("there is no user `{name}`; `tawny users list` names them");
    }
    show::out(&format!("{name} {done}"))
}

fn check(name: &str, project: &str) -> Result<()> {
    for text in [name, project] {
        if text != "*" && !access::is_name(text) || text == "*" && text == name {
            bail!("`{text}` cannot be a name: use up to {} letters, digits, - _ . and @", access::MAX_NAME);
        }
    }
    Ok(())
}

/// Asks for the password where somebody sits at a terminal, else reads a line.
fn password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").context("cannot read the password")?;
        if rpassword::prompt_password("Again: ").context("cannot read the password")? != first {
            bail!("the two passwords differ");
        }
        return Ok(first);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn list(state: &State, as_json: bool) -> Result<()> {
    let users = state.read(access::users)?;
    if as_json {
        let rows = users.iter().map(|user| {
            let roles = user.roles.iter().map(|(project, role)| json!({ "project": project, "role": role.as_str() }));
            json!({ "name": user.name, "created_at": user.created.to_string(),
                "disabled_at": user.disabled.map(|since| since.to_string()), "roles": roles.collect::<Vec<_>>() })
        });
        return show::out(&json!({ "users": rows.collect::<Vec<_>>() }).to_string());
    }
    let mut table = show::table(&["NAME", "ROLES", "CREATED", ""]);
    for user in users {
        let roles: Vec<String> =
            user.roles.iter().map(|(project, role)| format!("{project}: {}", role.as_str())).collect();
        table.add_row([
            show::cell(&user.name),
            show::cell(roles.join(", ")),
            show::cell(user.created),
            show::cell(if user.disabled.is_some() { "disabled" } else { "" }),
        ]);
    }
    show::out(&show::render(&mut table))
}
