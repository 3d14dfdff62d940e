//! What can go wrong while evaluating, and the limits that keep a query in bounds.

use std::fmt;
use std::sync::Arc;

/// Bounds of one evaluation.
#[derive(Clone)]
pub struct Limits {
    /// Series one selector may find.
    pub max_series: usize,
    /// Points that may be computed in all, over all operators; it bounds memory as well as time. Prometheus' comparable default is 50 million.
    pub max_points: u64,
    /// Steps of a range query or subquery. Prometheus allows 11,000 for a range query.
    pub max_steps: u64,
    /// Asked for each series; once it says true the query ends with [`EvalError::Stopped`].
    pub stop: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_series: 200_000, max_points: 50_000_000, max_steps: 1_000_000, stop: None }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_series, max_points, max_steps, .. } = self;
        write!(f, "Limits {{ max_series: {max_series}, max_points: {max_points}, max_steps: {max_steps} }}")
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The query cannot be computed on this data; in Prometheus' words.
    #[error("{0}")]
    Execution(String),
    /// The query does not fit the way it was asked.
    #[error("{0}")]
    Invalid(String),
    /// More points than allowed.
    #[error(
        "cannot evaluate the query: it computes more than {limit} points (max_points); select fewer series, a shorter range or a larger step"
    )]
    TooManyPoints {
        /// The limit.
        limit: u64,
    },
    /// More series than allowed.
    #[error(
        "cannot evaluate the query: a selector finds {found} series, more than {limit} (max_series); add label matchers"
    )]
    TooManySeries {
        /// Series found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// More steps than allowed.
    #[error("cannot evaluate the query: {found} steps are more than {limit} (max_steps); use a larger step")]
    TooManySteps {
        /// Steps asked for.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The caller asked to stop.
    #[error("the query was stopped: it ran out of time or was cancelled")]
    Stopped,
}

impl EvalError {
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }
}

pub(crate) type Evaluated<T> = Result<T, EvalError>;
