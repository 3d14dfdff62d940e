//! Teams and Feishu: a card with a title and a text.

use serde_json::json;

use super::{Request, Taken, Writer};

fn request(writer: &Writer<'_>, body: serde_json::Value) -> Result<Request, String> {
    Ok(Request { method: "POST", url: writer.secret("webhook_url")?, headers: Vec::new(), body, taken: Taken::Status })
}

/// Incoming webhook of a Teams connector.
pub(super) fn teams(writer: &Writer<'_>) -> Result<Request, String> {
    let color = if writer.notification.is_firing() { "8C1A1A" } else { "2DC72D" };
    let body = json!({
        "@context": "http://schema.org/extensions",
        "@type": "MessageCard",
        "title": writer.text("title")?,
        "summary": writer.text("summary")?,
        "text": writer.text("text")?.replace('\n', "\n\n"),
        "themeColor": color,
    });
    request(writer, body)
}

/// Workflow of Teams.
pub(super) fn teams_v2(writer: &Writer<'_>) -> Result<Request, String> {
    let color = if writer.notification.is_firing() { "attention" } else { "good" };
    let body = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": [
                    {"type": "TextBlock", "text": writer.text("title")?, "weight": "Bolder", "size": "Medium", "wrap": true, "style": "heading", "color": color},
                    {"type": "TextBlock", "text": writer.text("text")?.replace('\n', "\n\n"), "wrap": true},
                ],
                "msteams": {"width": "Full"},
            },
        }],
    });
    request(writer, body)
}

/// What Feishu says of too many messages at once.
const TOO_MANY: &[i64] = &[11232];

/// Bot of Feishu or Lark. It answers 200 to mistakes too; `code` tells.
pub(super) fn feishu(writer: &Writer<'_>) -> Result<Request, String> {
    let color = if writer.notification.is_firing() { "red" } else { "green" };
    let body = json!({
        "msg_type": "interactive",
        "card": {
            "config": {"wide_screen_mode": true},
            "header": {"title": {"tag": "plain_text", "content": writer.text("title")?}, "template": color},
            "elements": [{"tag": "div", "text": {"tag": "plain_text", "content": writer.text("text")?}}],
        },
    });
    let mut request = request(writer, body)?;
    request.taken = Taken::Zero("code", TOO_MANY);
    Ok(request)
}
