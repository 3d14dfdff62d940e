//! Datadog: token counts may come as one object of metrics.

use model::{Span, UsageRole};

use crate::messages::json_of;
use crate::reading::Reading;
use crate::usage;

/// Usage out of the metrics.
pub(crate) fn span(reading: &Reading<'_>, span: &mut Span) {
    let metrics = ["_ml_obs.metrics", "ml_obs.metrics"].iter().find_map(|key| reading.attribute(key));
    if let Some(found) = metrics.and_then(|metrics| usage::read(&json_of(metrics))) {
        usage::complete(&mut span.usage, &found);
        span.usage_role = UsageRole::Own;
    }
}
