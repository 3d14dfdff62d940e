//! `cargo xtask openapi`: the committed description of the API, written again as the program serves it.

use std::fs;

use anyhow::{Context, Result};

use crate::paths;
use crate::program::{self, Listen, Server};

/// Writes docs/openapi.json.
pub fn run() -> Result<()> {
    let program = program::build("dev", false)?;
    let data = program::fresh_folder("openapi-data")?;
    let server = Server::start(&program, &data, &Listen::anywhere(), &paths::scratch().join("openapi.log"))?;
    let address = format!("{}/api/v1/openapi.json", server.http);
    let document = ureq::get(&address).call().context("the server does not answer")?.body_mut().read_to_string()?;
    server.stop();
    let file = paths::root().join("docs/openapi.json");
    fs::write(&file, document).with_context(|| format!("cannot write {}", file.display()))?;
    println!("docs/openapi.json is written; `npm run types` in ui/ brings the UI's types up to date");
    Ok(())
}
