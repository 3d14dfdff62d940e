//! How to send telemetry, by framework.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Endpoints;

/// Settings for every framework, with this server's addresses filled in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SetupAnswer {
    /// Addresses to send to.
    pub endpoints: Endpoints,
    /// Frameworks, the most general first.
    pub frameworks: Vec<Framework>,
}

/// Settings for one framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Framework {
    /// Name, stable for scripts.
    #[schema(example = "pydantic-ai")]
    pub id: String,
    /// Its own name.
    pub title: String,
    /// `python`, `javascript`, `rust`, `any`, …
    pub language: String,
    /// `start`, `sdk`, `framework`, `coding agent`, `platform` or `collector`.
    pub group: String,
    /// What to install, as a command; may be empty.
    #[serde(default)]
    pub install: String,
    /// What the settings are written into, in words: an environment, a file, the start of the program.
    pub r#where: String,
    /// The settings, to be copied.
    pub settings: String,
    /// What it takes to see what was said, and other things to know; may be empty.
    #[serde(default)]
    pub note: String,
}
