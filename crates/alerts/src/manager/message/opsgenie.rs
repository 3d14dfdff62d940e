//! Opsgenie's alert API, version 2.

use serde_json::{Map, Value, json};

use super::{Request, Taken, Writer, common, cut};

/// Characters of a message Opsgenie takes.
const MAX_MESSAGE_BYTES: usize = 130;

pub(super) fn write(writer: &Writer<'_>) -> Result<Request, String> {
    let (base, alias) = (writer.text("api_url")?, writer.stable_key());
    let base = base.trim_end_matches('/');
    let headers = vec![("Authorization", format!("GenieKey {}", writer.secret("api_key")?))];
    let source = writer.text("source")?;
    let request = |url: String, body: Value| Request { method: "POST", url, headers, body, taken: Taken::Status };
    if !writer.notification.is_firing() {
        let url = format!("{base}/v2/alerts/{alias}/close?identifierType=alias");
        return Ok(request(url, json!({"source": source, "note": writer.text("note")?})));
    }
    let list = |text: String| -> Vec<Value> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()
    };
    let shared = common(&writer.notification.alerts, |alert| &alert.labels);
    let mut details: Map<String, Value> =
        shared.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect();
    details.extend(writer.map("details")?.into_iter().map(|(name, text)| (name, text.into())));
    let mut body = json!({
        "alias": alias,
        "message": cut(&writer.text("message")?, MAX_MESSAGE_BYTES),
        "description": writer.text("description")?,
        "source": source,
        "details": details,
    });
    let responders = writer.rows("responders")?.into_iter().map(Value::Object).collect();
    for (name, items) in
        [("tags", list(writer.text("tags")?)), ("actions", list(writer.text("actions")?)), ("responders", responders)]
    {
        if !items.is_empty() {
            body[name] = items.into();
        }
    }
    for name in ["note", "priority", "entity"] {
        let text = writer.text(name)?;
        if !text.is_empty() {
            body[name] = text.into();
        }
    }
    Ok(request(format!("{base}/v2/alerts"), body))
}
