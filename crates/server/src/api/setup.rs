//! `GET /api/v1/setup`: how to send telemetry, by framework. One file of data serves the command line, the pages and the documentation.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::params::Params;
use super::types::{Endpoints, Framework, Problem, SetupAnswer};
use crate::app::App;

/// The settings.
#[utoipa::path(get, path = "/api/v1/setup", operation_id = "getSetup", tag = "server",
    summary = "Settings that make frameworks send here",
    responses((status = 200, body = SetupAnswer, description = "Settings by framework, with the addresses in use")))]
pub async fn get(State(app): State<Arc<App>>, params: Params) -> Result<Json<SetupAnswer>, Problem> {
    params.end()?;
    Ok(Json(SetupAnswer { endpoints: app.endpoints.clone(), frameworks: filled_in(&app.endpoints) }))
}

/// The frameworks as they stand in the data: `{base}`, `{http}`, `{grpc}` and `{host}` stand for addresses.
pub fn frameworks() -> &'static [Framework] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        framework: Vec<Framework>,
    }
    static FRAMEWORKS: LazyLock<Vec<Framework>> = LazyLock::new(|| {
        let read = toml::from_str::<File>(include_str!("../../setup/frameworks.toml"));
        read.expect("frameworks.toml, which a test reads").framework
    });
    &FRAMEWORKS
}

/// The frameworks with addresses filled in.
pub fn filled_in(endpoints: &Endpoints) -> Vec<Framework> {
    let bare = |url: &str| url.trim_start_matches("http://").to_owned();
    let fill = |text: &str| {
        text.replace("{base}", &endpoints.http)
            .replace("{http}", &endpoints.otlp_http)
            .replace("{grpc}", &endpoints.otlp_grpc)
            .replace("{grpc_host}", &bare(&endpoints.otlp_grpc))
            .replace("{base_host}", &bare(&endpoints.http))
    };
    let filled = frameworks().iter().map(|framework| Framework {
        settings: fill(&framework.settings),
        note: fill(&framework.note),
        ..framework.clone()
    });
    filled.collect()
}

/// Every framework's settings as a document, with the addresses a server has by default.
pub fn document() -> String {
    let url = |address: &str| format!("http://{address}");
    let endpoints = Endpoints {
        http: url(crate::config::DEFAULT_HTTP),
        otlp_http: url(crate::config::DEFAULT_OTLP_HTTP),
        otlp_grpc: url(crate::config::DEFAULT_OTLP_GRPC),
    };
    let mut out = String::from(
        "# Settings by framework\n\n<!-- written from crates/server/setup/frameworks.toml by a test; set TAWNY_REWRITE=1 to write it again -->\n\n\
         `tawny setup NAME` prints the same with the addresses of the running server, then waits for the first trace.\n",
    );
    for framework in filled_in(&endpoints) {
        let Framework { id, title, install, r#where, settings, note, .. } = framework;
        out.push_str(&format!("\n## {title}\n\n`tawny setup {id}`\n"));
        if !install.is_empty() {
            out.push_str(&format!("\n    {install}\n"));
        }
        out.push_str(&format!("\n{where_}\n\n```\n{}\n```\n", settings.trim(), where_ = r#where));
        if !note.is_empty() {
            out.push_str(&format!("\n{note}\n"));
        }
    }
    out
}
