//! What receivers consist of. Which fields a type has is a table; a new type is a row and its message.

use std::collections::BTreeMap;

use crate::template::Template;
use crate::yaml::{Fields, Node, Problems};

/// Types of integrations that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Webhook,
    Slack,
    PagerDuty,
    Email,
    Opsgenie,
    /// Incoming webhooks of Teams' connectors.
    Teams,
    /// Workflows of Teams.
    TeamsV2,
    /// Bots of Feishu and Lark; not known to Alertmanager.
    Feishu,
}

impl Kind {
    /// As `alertmanager.yml` has it, without `_configs`.
    pub fn name(self) -> &'static str {
        let spec = SPECS.iter().find(|spec| spec.kind == self);
        spec.map_or("", |spec| spec.field.trim_end_matches("_configs"))
    }
}

/// Something that is not shown: written in the configuration, or in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// Written in the configuration.
    Text(String),
    /// In this file, read when it is needed.
    File(String),
}

/// Lists of mappings, such as Slack's `fields`.
pub type Rows = Vec<BTreeMap<String, Template>>;

/// One way a receiver is told.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Type.
    pub kind: Kind,
    /// Whether the end of an alert is told.
    pub send_resolved: bool,
    /// Single texts that are templates.
    pub texts: BTreeMap<&'static str, Template>,
    /// What must not be shown.
    pub secrets: BTreeMap<&'static str, Secret>,
    /// Mappings, such as PagerDuty's `details`.
    pub maps: BTreeMap<&'static str, Vec<(String, Template)>>,
    /// Lists of mappings.
    pub rows: BTreeMap<&'static str, Rows>,
    /// Switches and numbers.
    pub plain: BTreeMap<&'static str, String>,
    /// How HTTP requests are made.
    pub http: Http,
}

/// Headers for HTTP requests of an integration.
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// Scheme (`Basic` takes `user:password`) and credentials of the `Authorization` header.
    pub authorization: Option<(String, Secret)>,
}

/// Fields of one type.
struct Spec {
    kind: Kind,
    field: &'static str,
    send_resolved: bool,
    /// Templates with what they are where nothing is written.
    texts: &'static [(&'static str, &'static str)],
    /// Each also as `NAME_file`; of the alternatives divided by `|` one is needed.
    secrets: &'static [&'static str],
    needs: &'static str,
    maps: &'static [&'static str],
    rows: &'static [&'static str],
    plain: &'static [&'static str],
    /// Known to Alertmanager and not done here, which is said.
    ignored: &'static [&'static str],
}

/// What is read. Defaults are Alertmanager's, names of templates included, which `message/defaults.tmpl` defines.
const SPECS: &[Spec] = &[
    Spec {
        kind: Kind::Webhook,
        field: "webhook_configs",
        send_resolved: true,
        texts: &[],
        secrets: &["url"],
        needs: "url",
        maps: &[],
        rows: &[],
        plain: &["max_alerts"],
        ignored: &["timeout"],
    },
    Spec {
        kind: Kind::Slack,
        field: "slack_configs",
        send_resolved: false,
        texts: &[
            ("channel", ""),
            ("username", "{{ template \"slack.default.username\" . }}"),
            ("color", "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}"),
            ("title", "{{ template \"slack.default.title\" . }}"),
            ("title_link", "{{ template \"slack.default.titlelink\" . }}"),
            ("pretext", "{{ template \"slack.default.pretext\" . }}"),
            ("text", "{{ template \"slack.default.text\" . }}"),
            ("fallback", "{{ template \"slack.default.fallback\" . }}"),
            ("footer", "{{ template \"slack.default.footer\" . }}"),
            ("callback_id", ""),
            ("icon_emoji", ""),
            ("icon_url", ""),
            ("image_url", ""),
            ("thumb_url", ""),
            ("message_text", ""),
        ],
        secrets: &["api_url"],
        needs: "api_url",
        maps: &[],
        rows: &["fields", "actions"],
        plain: &["short_fields", "link_names", "mrkdwn_in"],
        ignored: &["app_token", "app_token_file", "app_url", "timeout"],
    },
    Spec {
        kind: Kind::PagerDuty,
        field: "pagerduty_configs",
        send_resolved: true,
        texts: &[
            ("url", "https://events.pagerduty.com/v2/enqueue"),
            ("client", "{{ template \"pagerduty.default.client\" . }}"),
            ("client_url", "{{ template \"pagerduty.default.clientURL\" . }}"),
            ("description", "{{ template \"pagerduty.default.description\" . }}"),
            ("severity", "{{ template \"pagerduty.default.severity\" . }}"),
            ("source", "{{ template \"pagerduty.default.client\" . }}"),
            ("class", ""),
            ("component", ""),
            ("group", ""),
        ],
        secrets: &["routing_key", "service_key"],
        needs: "routing_key",
        maps: &["details"],
        rows: &["images", "links"],
        plain: &[],
        ignored: &["timeout"],
    },
    Spec {
        kind: Kind::Email,
        field: "email_configs",
        send_resolved: false,
        texts: &[
            ("to", ""),
            ("from", ""),
            ("smarthost", ""),
            ("hello", ""),
            ("auth_username", ""),
            ("auth_identity", ""),
            ("html", "{{ template \"email.default.html\" . }}"),
            ("text", "{{ template \"email.default.text\" . }}"),
        ],
        secrets: &["auth_password"],
        needs: "",
        maps: &["headers"],
        rows: &[],
        plain: &["require_tls"],
        ignored: &["auth_secret", "auth_secret_file", "force_implicit_tls", "threading"],
    },
    Spec {
        kind: Kind::Opsgenie,
        field: "opsgenie_configs",
        send_resolved: true,
        texts: &[
            ("api_url", "https://api.opsgenie.com/"),
            ("message", "{{ template \"opsgenie.default.message\" . }}"),
            ("description", "{{ template \"opsgenie.default.description\" . }}"),
            ("source", "{{ template \"opsgenie.default.source\" . }}"),
            ("tags", ""),
            ("note", ""),
            ("priority", ""),
            ("entity", ""),
            ("actions", ""),
        ],
        secrets: &["api_key"],
        needs: "api_key",
        maps: &["details"],
        rows: &["responders"],
        plain: &[],
        ignored: &["update_alerts"],
    },
    Spec {
        kind: Kind::Teams,
        field: "msteams_configs",
        send_resolved: true,
        texts: &[
            ("title", "{{ template \"msteams.default.title\" . }}"),
            ("summary", "{{ template \"msteams.default.summary\" . }}"),
            ("text", "{{ template \"msteams.default.text\" . }}"),
        ],
        secrets: &["webhook_url"],
        needs: "webhook_url",
        maps: &[],
        rows: &[],
        plain: &[],
        ignored: &[],
    },
    Spec {
        kind: Kind::TeamsV2,
        field: "msteamsv2_configs",
        send_resolved: true,
        texts: &[
            ("title", "{{ template \"msteamsv2.default.title\" . }}"),
            ("text", "{{ template \"msteamsv2.default.text\" . }}"),
        ],
        secrets: &["webhook_url"],
        needs: "webhook_url",
        maps: &[],
        rows: &[],
        plain: &[],
        ignored: &[],
    },
    Spec {
        kind: Kind::Feishu,
        field: "feishu_configs",
        send_resolved: true,
        texts: &[
            ("title", "{{ template \"feishu.default.title\" . }}"),
            ("text", "{{ template \"feishu.default.text\" . }}"),
        ],
        secrets: &["webhook_url"],
        needs: "webhook_url",
        maps: &[],
        rows: &[],
        plain: &[],
        ignored: &[],
    },
];

/// Types Alertmanager has and this program does not send.
const FOREIGN: &[&str] = &[
    "discord_configs",
    "incidentio_configs",
    "jira_configs",
    "mattermost_configs",
    "pushover_configs",
    "rocketchat_configs",
    "sns_configs",
    "telegram_configs",
    "victorops_configs",
    "webex_configs",
    "wechat_configs",
];

impl Kind {
    /// The field of a receiver that holds this type.
    pub fn field(self) -> &'static str {
        SPECS.iter().find(|spec| spec.kind == self).map_or("", |spec| spec.field)
    }

    /// A short name, as the notification log has it.
    pub fn as_str(self) -> &'static str {
        self.field().trim_end_matches("_configs")
    }
}

/// Reads the integrations of one receiver. `global` gives a secret where the integration has none.
pub(super) fn read(
    fields: &mut Fields<'_>,
    receiver: &str,
    global: &dyn Fn(Kind, &str) -> Option<Secret>,
    p: &mut Problems,
    warnings: &mut Problems,
) -> Vec<Integration> {
    let mut found = Vec::new();
    for spec in SPECS {
        for node in fields.list(spec.field, p) {
            found.extend(one(spec, node, receiver, global, p, warnings));
        }
    }
    for name in FOREIGN {
        if let (Some(place), Some(_)) = (fields.place_of(name), fields.take(name)) {
            let known: Vec<&str> = SPECS.iter().map(|spec| spec.field).collect();
            let message = format!(
                "receiver {receiver:?}: `{name}` is not supported and nothing is sent to it; supported are {}",
                known.join(", ")
            );
            warnings.add(place, message);
        }
    }
    found
}

fn one(
    spec: &Spec,
    node: &Node,
    receiver: &str,
    global: &dyn Fn(Kind, &str) -> Option<Secret>,
    p: &mut Problems,
    warnings: &mut Problems,
) -> Option<Integration> {
    let mut fields = p.fields(node, spec.field)?;
    let send_resolved = fields.boolean("send_resolved", p).unwrap_or(spec.send_resolved);
    let names_source = fields.place_of("source").is_some();
    let mut texts = BTreeMap::new();
    for (name, default) in spec.texts {
        let template = match fields.take(name) {
            Some(node) => template(node, p),
            None => match global(spec.kind, name) {
                Some(Secret::Text(text)) => Template::parse(&text).ok(),
                _ => Template::parse(default).ok(),
            },
        };
        texts.extend(template.map(|template| (*name, template)));
    }
    // Who PagerDuty shows as the source is who it shows as the client, unless another is named.
    if let Some(client) = texts.get("client").filter(|_| !names_source).cloned() {
        texts.insert("source", client);
    }
    let mut secrets = BTreeMap::new();
    for name in spec.secrets {
        let file = format!("{name}_file");
        let written = fields.take(name).map(|node| Secret::Text(p.text(node, name)));
        let in_file = fields.take(&file).map(|node| Secret::File(p.text(node, &file)));
        if let Some(secret) = written.or(in_file).or_else(|| global(spec.kind, name)) {
            secrets.insert(*name, secret);
        }
    }
    // PagerDuty's older field means the same as the newer one for Events v2.
    if let Some(key) = secrets.remove("service_key") {
        secrets.entry("routing_key").or_insert(key);
    }
    if !spec.needs.is_empty() && !secrets.contains_key(spec.needs) {
        p.add(
            node.place,
            format!("receiver {receiver:?}: `{}` needs `{}` or `{}_file`", spec.field, spec.needs, spec.needs),
        );
    }
    let mut maps = BTreeMap::new();
    for name in spec.maps {
        if let Some(node) = fields.take(name) {
            let pairs = p.texts(node, name);
            let pairs =
                pairs.into_iter().filter_map(|(key, value)| Some((key.text()?.to_owned(), template(value, p)?)));
            maps.insert(*name, pairs.collect());
        }
    }
    let mut rows = BTreeMap::new();
    for name in spec.rows {
        let mut list = Rows::new();
        for node in fields.list(name, p) {
            let pairs = p.texts(node, name);
            list.push(
                pairs
                    .into_iter()
                    .filter_map(|(key, value)| Some((key.text()?.to_owned(), template(value, p)?)))
                    .collect(),
            );
        }
        rows.insert(*name, list);
    }
    let mut plain = BTreeMap::new();
    for name in spec.plain {
        let texts = fields.list_of_texts(name, p);
        if !texts.is_empty() {
            plain.insert(*name, texts.join(","));
        }
    }
    for name in spec.ignored {
        if let Some(place) = fields.place_of(name).filter(|_| fields.take(name).is_some()) {
            warnings.add(place, format!("receiver {receiver:?}: `{name}` of {} is not done", spec.field));
        }
    }
    if spec.kind == Kind::Email {
        if let Some(place) = fields.place_of("tls_config").filter(|_| fields.take("tls_config").is_some()) {
            warnings.add(
                place,
                format!("receiver {receiver:?}: `tls_config` is not done; the system's certificates are used"),
            );
        }
        if texts.get("to").is_none_or(|to: &Template| to.text().is_empty()) {
            p.add(node.place, format!("receiver {receiver:?}: `email_configs` needs `to`"));
        }
    }
    let http = http(&mut fields, receiver, p, warnings);
    fields.finish(p);
    Some(Integration { kind: spec.kind, send_resolved, texts, secrets, maps, rows, plain, http })
}

fn template(node: &Node, p: &mut Problems) -> Option<Template> {
    Template::parse(node.text().unwrap_or_default()).map_err(|error| p.add(node.place, error.to_string())).ok()
}

fn http(fields: &mut Fields<'_>, receiver: &str, p: &mut Problems, warnings: &mut Problems) -> Http {
    let Some(mut http) = fields.take("http_config").and_then(|node| p.fields(node, "http_config")) else {
        return Http::default();
    };
    let secret = |fields: &mut Fields<'_>, name: &str, p: &mut Problems| {
        let file = format!("{name}_file");
        let text = fields.take(name).map(|node| Secret::Text(p.text(node, name)));
        let in_file = fields.take(&file).map(|node| Secret::File(p.text(node, &file)));
        text.or(in_file)
    };
    let mut authorization = secret(&mut http, "bearer_token", p).map(|token| ("Bearer".to_owned(), token));
    if let Some(mut inner) = http.take("authorization").and_then(|node| p.fields(node, "authorization")) {
        let kind = inner.text("type", p);
        let kind = if kind.is_empty() { "Bearer".to_owned() } else { kind };
        authorization = secret(&mut inner, "credentials", p).map(|token| (kind, token));
        inner.finish(p);
    }
    if let Some(mut inner) = http.take("basic_auth").and_then(|node| p.fields(node, "basic_auth")) {
        let user = inner.text("username", p);
        match secret(&mut inner, "password", p) {
            Some(Secret::Text(password)) => {
                authorization = Some(("Basic".into(), Secret::Text(format!("{user}:{password}"))))
            }
            Some(Secret::File(_)) => warnings.add(
                inner.place,
                format!("receiver {receiver:?}: `password_file` of basic_auth is not read; write `password`"),
            ),
            None => authorization = Some(("Basic".into(), Secret::Text(format!("{user}:")))),
        }
        inner.finish(p);
    }
    // Redirects are not followed, since credentials belong to the address that was configured, and HTTP/2 is not used.
    for name in ["follow_redirects", "enable_http2"] {
        http.take(name);
    }
    for name in [
        "tls_config",
        "proxy_url",
        "oauth2",
        "no_proxy",
        "proxy_from_environment",
        "proxy_connect_header",
        "http_headers",
    ] {
        if let (Some(place), Some(_)) = (http.place_of(name), http.take(name)) {
            warnings.add(place, format!("receiver {receiver:?}: `{name}` of http_config is not done"));
        }
    }
    http.finish(p);
    Http { authorization }
}
