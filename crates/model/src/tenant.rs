//! Whose data a row is.

use std::sync::Arc;

/// Project and environment: on every row, in every path, from the first commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant {
    /// The project that owns the row. One project, `default`, exists for now.
    pub project: Arc<str>,
    /// The deployment environment, from the resource attribute `deployment.environment.name`
    /// (or its older name `deployment.environment`); `default` where the sender names none.
    pub environment: Arc<str>,
}

impl Tenant {
    /// Project used while there is only one.
    pub const DEFAULT_PROJECT: &'static str = "default";
    /// Environment of telemetry that names none.
    pub const DEFAULT_ENVIRONMENT: &'static str = "default";
}

impl Default for Tenant {
    fn default() -> Self {
        Self { project: Self::DEFAULT_PROJECT.into(), environment: Self::DEFAULT_ENVIRONMENT.into() }
    }
}
