//! What happens to reservations, as it is written to a log: replaying the log gives the book again.

use std::sync::Arc;

use model::{Timestamp, Usd};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Who;

/// A reservation as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    /// Its id.
    pub id: Arc<str>,
    /// Who reserved.
    pub who: Who,
    /// How much.
    #[serde(serialize_with = "exact", deserialize_with = "read_exact")]
    pub usd: Usd,
    /// When.
    pub at: Timestamp,
    /// Until when it holds the money.
    pub expires: Timestamp,
}

/// One thing that happened to a reservation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// It was made.
    Reserve(Reserved),
    /// The caller said what the call cost.
    Settle {
        /// Which.
        id: Arc<str>,
        /// The real cost.
        #[serde(serialize_with = "exact", deserialize_with = "read_exact")]
        usd: Usd,
        /// When.
        at: Timestamp,
    },
    /// The caller made no call.
    Release {
        /// Which.
        id: Arc<str>,
        /// When.
        at: Timestamp,
    },
    /// Telemetry told the call: what it cost is in the ledger.
    Told {
        /// Which.
        id: Arc<str>,
        /// When.
        at: Timestamp,
    },
}

/// Exact text: a log must give back what was written.
fn exact<S: Serializer>(usd: &Usd, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(usd)
}

fn read_exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|()| serde::de::Error::custom("not an amount of dollars"))
}
