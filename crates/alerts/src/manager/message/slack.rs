//! Slack's incoming webhooks and `chat.postMessage`, as Alertmanager fills them.

use serde_json::{Map, Value, json};

use super::{Request, Taken, Writer};

/// What `chat.postMessage` says of refusals that pass.
const PASSING: &[&str] = &["ratelimited", "rate_limited", "service_unavailable", "internal_error", "request_timeout"];

pub(super) fn write(writer: &Writer<'_>) -> Result<Request, String> {
    let mut attachment = Map::new();
    for name in [
        "title",
        "title_link",
        "pretext",
        "text",
        "fallback",
        "callback_id",
        "image_url",
        "thumb_url",
        "footer",
        "color",
    ] {
        let text = writer.text(name)?;
        if !text.is_empty() {
            attachment.insert(name.into(), text.into());
        }
    }
    let plain = |name: &str| writer.integration.plain.get(name).is_some_and(|text| text == "true");
    let mut fields = writer.rows("fields")?;
    for field in &mut fields {
        field.entry("short").or_insert(plain("short_fields").into());
    }
    for (name, rows) in [("fields", fields), ("actions", writer.rows("actions")?)] {
        if !rows.is_empty() {
            attachment.insert(name.into(), rows.into_iter().map(Value::Object).collect());
        }
    }
    let formatted = writer.integration.plain.get("mrkdwn_in").map_or("fallback,pretext,text", String::as_str);
    attachment.insert("mrkdwn_in".into(), formatted.split(',').collect());
    let mut body = Map::new();
    for (field, name) in [
        ("channel", "channel"),
        ("username", "username"),
        ("icon_emoji", "icon_emoji"),
        ("icon_url", "icon_url"),
        ("text", "message_text"),
    ] {
        let text = writer.text(name)?;
        if !text.is_empty() {
            body.insert(field.into(), text.into());
        }
    }
    if plain("link_names") {
        body.insert("link_names".into(), true.into());
    }
    body.insert("attachments".into(), json!([attachment]));
    let url = writer.secret("api_url")?;
    Ok(Request { method: "POST", url, headers: Vec::new(), body: body.into(), taken: Taken::Ok(PASSING) })
}
