//! Flags of the commands about series.

use clap::Args;

use super::Reading;

/// Flags of `query`.
#[derive(Debug, Clone, Args)]
pub struct Query {
    /// The question in PromQL, for example: sum by (agent_id) (rate(agent_requests_total[5m])).
    pub promql: String,
    /// Begin of a range: a distance from now (1h), an RFC 3339 time, or Unix seconds. Without it the question is asked at one time.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// End of the range, or the one time; now where not given.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Time between the points of a range (15s, 5m); a sixtieth of it where not given.
    #[arg(long, value_name = "TIME", requires = "from")]
    pub step: Option<String>,
    /// Which server, and in which form.
    #[command(flatten)]
    pub reading: Reading,
}
