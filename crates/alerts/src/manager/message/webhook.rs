//! Alertmanager's own payload, version 4.

use serde_json::{Value, json};

use super::{Request, Taken, Writer, common, rfc3339};
use crate::manager::dispatch::GivenAlert;
use crate::manager::fingerprint;

pub(super) fn write(writer: &Writer<'_>) -> Result<Request, String> {
    let notification = writer.notification;
    let most = writer.integration.plain.get("max_alerts").and_then(|text| text.parse().ok()).filter(|&most| most > 0);
    let shown = most.unwrap_or(usize::MAX).min(notification.alerts.len());
    let labels = |labels: &promql::Labels| -> Value {
        labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect()
    };
    let one = |alert: &GivenAlert| {
        let resolved = alert.is_resolved(notification.at);
        json!({
            "status": if resolved { "resolved" } else { "firing" },
            "labels": labels(&alert.labels),
            "annotations": labels(&alert.annotations),
            "startsAt": rfc3339(alert.starts_at),
            // Go's zero time stands for "not yet".
            "endsAt": alert.ends_at.filter(|_| resolved).map_or("0001-01-01T00:00:00Z".to_owned(), rfc3339),
            "generatorURL": alert.generator_url,
            "fingerprint": format!("{:016x}", fingerprint(&alert.labels)),
        })
    };
    let body = json!({
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.alerts.len() - shown,
        "status": if notification.is_firing() { "firing" } else { "resolved" },
        "receiver": notification.receiver,
        "groupLabels": labels(&notification.group_labels),
        "commonLabels": labels(&common(&notification.alerts, |alert| &alert.labels)),
        "commonAnnotations": labels(&common(&notification.alerts, |alert| &alert.annotations)),
        "externalURL": writer.sender.external_url,
        "alerts": notification.alerts[..shown].iter().map(one).collect::<Vec<_>>(),
    });
    Ok(Request { method: "POST", url: writer.secret("url")?, headers: Vec::new(), body, taken: Taken::Status })
}
