//! A configuration as readers may see it: with `<secret>` where passwords, tokens and addresses that hold them stand.
//!
//! Like Alertmanager's own, it is written again from what was read, so comments are gone.

use crate::yaml::{self, Kind, Node};

/// What stands in the place of a secret, as in Alertmanager.
const SECRET: &str = "<secret>";

/// Fields that hold a secret, besides those that [`ENDINGS`] tell. Addresses of webhooks are what lets somebody in there.
const FIELDS: [&str; 8] =
    ["url", "api_url", "slack_api_url", "webhook_url", "proxy_url", "credentials", "secrets", "key"];

/// How names of fields end that hold a secret. What ends in `_file` says where one is.
const ENDINGS: [&str; 4] = ["password", "secret", "token", "_key"];

/// The configuration as YAML without its secrets; nothing where it cannot be read.
pub fn shown(text: &str) -> String {
    let Ok(root) = yaml::parse(text) else { return String::new() };
    let mut out = lines(&root).join("\n");
    out.push('\n');
    out
}

fn is_secret(name: &str) -> bool {
    FIELDS.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn lines(node: &Node) -> Vec<String> {
    match &node.kind {
        Kind::Scalar { text, plain } => vec![scalar(text, *plain)],
        Kind::List(items) if items.is_empty() => vec!["[]".to_owned()],
        Kind::List(items) => items.iter().flat_map(|item| under("- ", lines(item))).collect(),
        Kind::Map(entries) if entries.is_empty() => vec!["{}".to_owned()],
        Kind::Map(entries) => entries.iter().flat_map(|(key, value)| entry(key, value)).collect(),
    }
}

fn entry(key: &Node, value: &Node) -> Vec<String> {
    let name = lines(key).concat();
    if key.text().is_some_and(is_secret) && !value.is_null() {
        return vec![format!("{name}: {SECRET}")];
    }
    let of_value = lines(value);
    let nested = match &value.kind {
        Kind::Scalar { .. } => false,
        Kind::List(items) => !items.is_empty(),
        Kind::Map(entries) => !entries.is_empty(),
    };
    if nested {
        let indented = of_value.into_iter().map(|line| format!("  {line}"));
        std::iter::once(format!("{name}:")).chain(indented).collect()
    } else {
        vec![format!("{name}: {}", of_value.concat()).trim_end().to_owned()]
    }
}

/// Lines of which the first follows `mark`, and the others stand below it.
fn under(mark: &str, lines: Vec<String>) -> Vec<String> {
    let indent = " ".repeat(mark.len());
    let numbered = lines.into_iter().enumerate();
    numbered.map(|(number, line)| format!("{}{line}", if number == 0 { mark } else { &indent })).collect()
}

fn scalar(text: &str, plain: bool) -> String {
    // A JSON string is one of YAML's, with all that a line cannot hold escaped.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
# A comment.
global: {slack_api_url: 'https://hooks.example/T0/hunter2', smtp_smarthost: "mail:25", smtp_auth_password: hunter2}
route:
  receiver: all
  group_by: ['...']
  routes: []
receivers:
- name: all
  webhook_configs:
  - url: http://me:hunter2@hook.example/
    send_resolved: true
    max_alerts: 0
    http_config:
      authorization: {type: Bearer, credentials: hunter2}
      basic_auth:
        username: me
        password_file: /run/password
        password: |
          hunter2
  pagerduty_configs:
  - routing_key: hunter2
    description: "two\nlines: # and a colon"
    client_url:
"#;

    #[test]
    fn secrets_are_left_out_and_everything_else_is_as_it_was() {
        let shown = shown(CONFIG);
        assert!(!shown.contains("hunter2"), "{shown}");
        let expected = r#"global:
  slack_api_url: <secret>
  smtp_smarthost: "mail:25"
  smtp_auth_password: <secret>
route:
  receiver: all
  group_by:
    - "..."
  routes: []
receivers:
  - name: all
    webhook_configs:
      - url: <secret>
        send_resolved: true
        max_alerts: 0
        http_config:
          authorization:
            type: Bearer
            credentials: <secret>
          basic_auth:
            username: me
            password_file: /run/password
            password: <secret>
    pagerduty_configs:
      - routing_key: <secret>
        description: "two\nlines: # and a colon"
        client_url:
"#;
        assert_eq!(shown, expected);
        // What is shown is read as what it was.
        assert_eq!(super::shown(&shown), shown);
    }

    #[test]
    fn what_cannot_be_read_is_not_shown() {
        assert_eq!(shown("password: [hunter2"), "");
    }
}
