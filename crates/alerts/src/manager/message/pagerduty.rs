//! PagerDuty's Events API, version 2.

use serde_json::{Map, Value, json};

use super::{Request, Taken, Writer, cut};

/// Characters of a summary PagerDuty takes.
const MAX_SUMMARY_BYTES: usize = 1024;

pub(super) fn write(writer: &Writer<'_>) -> Result<Request, String> {
    let firing = writer.notification.is_firing();
    let mut body = json!({
        "routing_key": writer.secret("routing_key")?,
        "event_action": if firing { "trigger" } else { "resolve" },
        "dedup_key": writer.stable_key(),
    });
    let (client, client_url) = (writer.text("client")?, writer.text("client_url")?);
    let mut payload = json!({
        "summary": cut(&writer.text("description")?, MAX_SUMMARY_BYTES),
        "source": writer.text("source")?,
        "severity": writer.text("severity")?,
    });
    for name in ["class", "component", "group"] {
        let text = writer.text(name)?;
        if !text.is_empty() {
            payload[name] = text.into();
        }
    }
    payload["custom_details"] = details(writer)?.into();
    let object = body.as_object_mut().ok_or("a body is an object")?;
    object.insert("payload".into(), payload);
    for (name, text) in [("client", client), ("client_url", client_url)] {
        if !text.is_empty() {
            object.insert(name.into(), text.into());
        }
    }
    for name in ["images", "links"] {
        let rows = writer.rows(name)?;
        if !rows.is_empty() {
            object.insert(name.into(), rows.into_iter().map(Value::Object).collect());
        }
    }
    Ok(Request { method: "POST", url: writer.text("url")?, headers: Vec::new(), body, taken: Taken::Status })
}

/// Alertmanager's four details, and what the receiver adds.
fn details(writer: &Writer<'_>) -> Result<Map<String, Value>, String> {
    let mut details = Map::new();
    for (name, template) in [
        ("firing", "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}"),
        ("resolved", "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}"),
        ("num_firing", "{{ .Alerts.Firing | len }}"),
        ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ] {
        let template = crate::template::Template::parse(template).map_err(|error| error.to_string())?;
        details.insert(name.into(), cut(&writer.expand(&template)?, super::MAX_TEXT_BYTES).into());
    }
    details.extend(writer.map("details")?.into_iter().map(|(name, text)| (name, text.into())));
    Ok(details)
}
