//! One attempt to hand a request over, and what its outcome means. The rules are OTLP's (specification 1.11, "Failures").

mod grpc;
mod http;

use std::time::Duration;

use wire::Signal;

use crate::config::{Destination, Protocol};
use crate::outgoing::Outgoing;

/// Header that names the instances of Tawny that have passed a request on, so that none gets its own back for ever.
pub const VIA: &str = "tawny-forwarded";

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, but for `rejected` items.
    Taken {
        /// Items the receiver refused.
        rejected: u64,
        /// What it said about them.
        message: String,
    },
    /// Too large for the receiver: smaller pieces may pass.
    TooLarge(String),
    /// Refused; sending it again would meet the same answer.
    Refused(String),
    /// Not now.
    Later {
        /// Why.
        reason: String,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
        /// The receiver wants other credentials: asking soon does not help.
        credentials: bool,
    },
}

impl Outcome {
    fn later(reason: impl Into<String>) -> Self {
        Self::Later { reason: reason.into(), after: None, credentials: false }
    }
}

/// Connections to one destination.
pub enum Sender {
    /// OTLP over HTTP, and remote write.
    Http(http::Http),
    /// OTLP over gRPC.
    Grpc(grpc::Grpc),
}

impl Sender {
    /// Connections are made when they are needed. `me` is this instance's id.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(destination: &Destination, me: &str) -> Result<Self, String> {
        Ok(match destination.protocol {
            Protocol::Http | Protocol::RemoteWrite => Self::Http(http::Http::new(destination, me)?),
            Protocol::Grpc => Self::Grpc(grpc::Grpc::new(destination, me)?),
        })
    }

    /// Sends a request once. Never takes longer than the destination's timeout.
    pub async fn send(&self, request: &Outgoing) -> Outcome {
        match self {
            Self::Http(http) => http.send(request).await,
            Self::Grpc(grpc) => grpc.send(request).await,
        }
    }
}

/// The list of instances with this one at its end.
fn via(before: &str, me: &str) -> String {
    if before.is_empty() { me.to_owned() } else { format!("{before},{me}") }
}

/// A receiver's own words, as far as they are shown.
fn shown(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(240).collect();
    line.trim().to_owned()
}

/// What a signal's refusal by address means to the operator.
fn no_such_address(signal: Signal) -> String {
    format!(
        "the destination takes no {signal} at this address (404): if it never does, leave {signal} out of `signals`; else check `url`"
    )
}
