//! Flags of the commands that look after a store: `store`, `backup`, `restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use server::config::DEFAULT_DATA;

use super::Reading;

/// Where data is kept.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Directory that holds all data, or a bucket for the segments: s3://bucket/prefix, with keys and endpoint from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT.
    #[arg(long, env = "TAWNY_DATA", value_name = "DIR|URL", default_value = DEFAULT_DATA)]
    pub data: String,
    /// Directory for catalog and log where --data is a bucket [default: ./tawny-data].
    #[arg(long, env = "TAWNY_DATA_LOCAL", value_name = "DIR")]
    pub data_local: Option<PathBuf>,
}

/// A server at work, or a directory that no server has open.
#[derive(Debug, Clone, Args)]
pub struct Source {
    /// Read the data itself instead of asking a server: its directory, or its bucket (s3://bucket/prefix). No server may have it open.
    #[arg(long, value_name = "DIR|URL")]
    pub data: Option<String>,
    /// Directory of catalog and log where --data is a bucket [default: ./tawny-data].
    #[arg(long, env = "TAWNY_DATA_LOCAL", value_name = "DIR")]
    pub data_local: Option<PathBuf>,
    /// Server and form.
    #[command(flatten)]
    pub reading: Reading,
}

/// What to do with the data.
#[derive(Debug, Args)]
pub struct Store {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// A command of `store`.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Show rows, segments and bytes by project and table, how long they are kept, and what goes next.
    Stats(Source),
    /// Check every segment, every reference, the log and the series. Fails when something is wrong, and names it.
    Check(Source),
    /// Make the catalog again from the segments. No server may have the data open.
    Rebuild(Rebuild),
}

/// Flags of `store rebuild`.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Where data is.
    #[command(flatten)]
    pub place: Place,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}

/// Flags of `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// Where to: a file that ends in .tar, or a directory that is empty or not there yet.
    #[arg(value_name = "FILE|DIR")]
    pub to: PathBuf,
    /// From where.
    #[command(flatten)]
    pub source: Source,
}

/// Flags of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup: a file or a directory.
    #[arg(value_name = "BACKUP")]
    pub from: PathBuf,
    /// Where to; must be empty or not there yet.
    #[command(flatten)]
    pub place: Place,
    /// Answer in JSON, for scripts.
    #[arg(long)]
    pub json: bool,
}
