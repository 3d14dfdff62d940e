//! From YAML to a configuration.

use std::collections::{BTreeMap, BTreeSet};

use promql::{MatchOp, Matcher};

use super::integrations::{self, Kind, Secret};
use super::{Config, GroupBy, InhibitRule, Matchers, Receiver, Route, Smtp, TimeInterval};
use crate::yaml::{self, Fields, Node, Problem, Problems};

/// Routes that may be below each other.
const MAX_DEPTH: usize = 32;

pub(super) fn config(text: &str) -> Result<Config, Vec<Problem>> {
    let root = yaml::parse(text).map_err(|problem| vec![problem])?;
    let (mut problems, mut warnings) = (Problems::default(), Problems::default());
    let p = &mut problems;
    let Some(mut fields) = p.fields(&root, "an Alertmanager configuration") else { return Err(problems.0) };
    let global = global(&mut fields, p, &mut warnings);
    let mut time_intervals = BTreeMap::new();
    for name in ["time_intervals", "mute_time_intervals"] {
        for node in fields.list(name, p) {
            let Some(interval) = TimeInterval::read(node, p) else { continue };
            if time_intervals.insert(interval.name.clone(), interval.clone()).is_some() {
                p.add(node.place, format!("the time interval {:?} is there twice", interval.name));
            }
        }
    }
    let mut receivers: Vec<Receiver> = Vec::new();
    for node in fields.list("receivers", p) {
        let Some(mut fields) = p.fields(node, "a receiver") else { continue };
        let name = fields.text("name", p);
        if name.is_empty() {
            p.add(node.place, "a receiver needs a `name`");
        } else if receivers.iter().any(|receiver| receiver.name == name) {
            p.add(node.place, format!("the receiver {name:?} is there twice"));
        }
        let secret = |kind: Kind, field: &str| global.secrets.get(&(kind, field.to_owned())).cloned();
        let integrations = integrations::read(&mut fields, &name, &secret, p, &mut warnings);
        fields.finish(p);
        receivers.push(Receiver { name, integrations });
    }
    let inhibit_rules = fields.list("inhibit_rules", p).iter().filter_map(|node| inhibit_rule(node, p)).collect();
    let templates = fields.list_of_texts("templates", p);
    if let Some(place) = fields.place_of("tracing").filter(|_| fields.take("tracing").is_some()) {
        warnings.add(place, "`tracing` is not done");
    }
    let known = Known {
        receivers: receivers.iter().map(|receiver| receiver.name.clone()).collect(),
        intervals: time_intervals.keys().cloned().collect(),
    };
    let route = match fields.take("route") {
        Some(node) => route(node, None, &known, p, 0),
        None => {
            p.add(fields.place, "a configuration needs a `route`");
            None
        }
    };
    fields.finish(p);
    match (route, problems.0.is_empty()) {
        (Some(route), true) => Ok(Config {
            route,
            receivers,
            inhibit_rules,
            time_intervals,
            templates,
            resolve_timeout_ms: global.resolve_timeout_ms,
            smtp: global.smtp,
            warnings: warnings.0,
        }),
        _ => Err(problems.finish(()).err().unwrap_or_default()),
    }
}

struct Global {
    resolve_timeout_ms: i64,
    smtp: Smtp,
    secrets: BTreeMap<(Kind, String), Secret>,
}

fn global(fields: &mut Fields<'_>, p: &mut Problems, warnings: &mut Problems) -> Global {
    let smtp = Smtp { texts: BTreeMap::new(), require_tls: true, password: None };
    let mut global = Global { resolve_timeout_ms: 5 * 60_000, smtp, secrets: BTreeMap::new() };
    let Some(mut fields) = fields.take("global").and_then(|node| p.fields(node, "global")) else { return global };
    if let Some(timeout) = fields.duration("resolve_timeout", p) {
        global.resolve_timeout_ms = timeout;
    }
    for (name, kind, field) in
        [("slack_api_url", Kind::Slack, "api_url"), ("opsgenie_api_key", Kind::Opsgenie, "api_key")]
    {
        let text = fields.take(name).map(|node| Secret::Text(p.text(node, name)));
        let file = fields.take(&format!("{name}_file")).map(|node| Secret::File(p.text(node, name)));
        global.secrets.extend(text.or(file).map(|secret| ((kind, field.to_owned()), secret)));
    }
    for (name, kind, field) in
        [("pagerduty_url", Kind::PagerDuty, "url"), ("opsgenie_api_url", Kind::Opsgenie, "api_url")]
    {
        let text = fields.take(name).map(|node| Secret::Text(p.text(node, name)));
        global.secrets.extend(text.map(|text| ((kind, field.to_owned()), text)));
    }
    for name in ["smtp_from", "smtp_smarthost", "smtp_hello", "smtp_auth_username", "smtp_auth_identity"] {
        let text = fields.take(name).map(|node| p.text(node, name));
        global.smtp.texts.extend(text.map(|text| (name.trim_start_matches("smtp_").to_owned(), text)));
    }
    let password = fields.take("smtp_auth_password").map(|node| Secret::Text(p.text(node, "smtp_auth_password")));
    let file = fields.take("smtp_auth_password_file").map(|node| Secret::File(p.text(node, "smtp_auth_password_file")));
    global.smtp.password = password.or(file);
    if let Some(node) = fields.take("smtp_require_tls") {
        global.smtp.require_tls = p.boolean(node, "`smtp_require_tls`");
    }
    // Settings of services we do not know, and what is set by integration: read, named, not done.
    for name in [
        "wechat_api_url",
        "wechat_api_secret",
        "wechat_api_corp_id",
        "victorops_api_url",
        "victorops_api_key",
        "telegram_api_url",
        "webex_api_url",
        "http_config",
        "smtp_auth_secret",
        "smtp_auth_secret_file",
        "smtp_force_implicit_tls",
        "smtp_tls_config",
        "slack_app_token",
        "slack_app_token_file",
        "slack_app_url",
        "rocketchat_api_url",
        "rocketchat_token",
        "rocketchat_token_file",
        "rocketchat_token_id",
        "rocketchat_token_id_file",
        "telegram_bot_token",
        "telegram_bot_token_file",
        "mattermost_webhook_url",
        "mattermost_webhook_url_file",
        "wechat_api_secret_file",
        "victorops_api_key_file",
        "jira_api_url",
    ] {
        if let (Some(place), Some(_)) = (fields.place_of(name), fields.take(name)) {
            warnings.add(place, format!("`{name}` of global is not done"));
        }
    }
    fields.finish(p);
    global
}

struct Known {
    receivers: BTreeSet<String>,
    intervals: BTreeSet<String>,
}

fn route(node: &Node, parent: Option<&Route>, known: &Known, p: &mut Problems, depth: usize) -> Option<Route> {
    if depth > MAX_DEPTH {
        p.add(node.place, format!("routes are nested deeper than {MAX_DEPTH} levels"));
        return None;
    }
    let mut fields = p.fields(node, "a route")?;
    let matchers = matchers(&mut fields, ["matchers", "match", "match_re"], p);
    if parent.is_none() && !matchers.0.is_empty() {
        p.add(node.place, "the root route takes every alert and has no matchers");
    }
    let receiver = match fields.text("receiver", p) {
        name if name.is_empty() => match parent {
            Some(parent) => parent.receiver.clone(),
            None => {
                p.add(node.place, "the root route needs a `receiver`");
                name
            }
        },
        name => name,
    };
    if !receiver.is_empty() && !known.receivers.contains(&receiver) {
        p.add(
            fields.place_of("receiver").unwrap_or(node.place),
            format!("undefined receiver {receiver:?} used in route"),
        );
    }
    let group_by = match fields.list_of_texts("group_by", p) {
        names if names.is_empty() => parent.map_or(GroupBy::Labels(Vec::new()), |parent| parent.group_by.clone()),
        names if names.iter().any(|name| name == "...") => {
            if names.len() > 1 {
                p.add(node.place, "`group_by: ['...']` cannot be combined with labels");
            }
            GroupBy::All
        }
        names => GroupBy::Labels(names),
    };
    let mut duration = |name: &'static str, of: fn(&Route) -> i64, default: i64| {
        let place = fields.place_of(name);
        let given = fields.duration(name, p);
        if given == Some(0) && name != "group_wait" {
            p.add(place.unwrap_or(node.place), format!("`{name}` cannot be zero"));
        }
        given.unwrap_or_else(|| parent.map_or(default, of))
    };
    let group_wait_ms = duration("group_wait", |route| route.group_wait_ms, 30_000);
    let group_interval_ms = duration("group_interval", |route| route.group_interval_ms, 5 * 60_000);
    let repeat_interval_ms = duration("repeat_interval", |route| route.repeat_interval_ms, 4 * 3_600_000);
    let goes_on = fields.boolean("continue", p).unwrap_or(false);
    let mut intervals = |name: &'static str, p: &mut Problems| {
        let place = fields.place_of(name).unwrap_or(node.place);
        let names = fields.list_of_texts(name, p);
        for unknown in names.iter().filter(|name| !known.intervals.contains(*name)) {
            p.add(place, format!("undefined time interval {unknown:?} used in route"));
        }
        if parent.is_none() && !names.is_empty() {
            p.add(place, format!("the root route cannot have `{name}`"));
        }
        names
    };
    let mute_time_intervals = intervals("mute_time_intervals", p);
    let active_time_intervals = intervals("active_time_intervals", p);
    let key = match parent {
        Some(parent) => format!("{}/{matchers}", parent.key),
        None => matchers.to_string(),
    };
    let mut this = Route {
        key,
        matchers,
        receiver,
        group_by,
        group_wait_ms,
        group_interval_ms,
        repeat_interval_ms,
        goes_on,
        mute_time_intervals,
        active_time_intervals,
        routes: Vec::new(),
    };
    let below = fields.list("routes", p);
    this.routes = below.iter().filter_map(|node| route(node, Some(&this), known, p, depth + 1)).collect();
    fields.finish(p);
    Some(this)
}

/// Matchers in the newer field and in the two older ones (equal, regular expression).
fn matchers(fields: &mut Fields<'_>, names: [&'static str; 3], p: &mut Problems) -> Matchers {
    let [newer, equal, regex] = names;
    let place = fields.place_of(newer).unwrap_or(fields.place);
    let mut found = Matchers::default();
    // The older ones come first, ordered by name, as Alertmanager orders them in keys.
    for (name, op) in [(equal, MatchOp::Equal), (regex, MatchOp::Matches)] {
        let Some(node) = fields.take(name) else { continue };
        for (key, value) in p.texts(node, name) {
            match Matcher::new(key.text().unwrap_or_default(), op, value.text().unwrap_or_default()) {
                Ok(matcher) => found.0.push(matcher),
                Err(error) => p.add(value.place, error),
            }
        }
    }
    for text in fields.list_of_texts(newer, p) {
        match Matchers::parse(&text) {
            Ok(matchers) => found.0.extend(matchers.0),
            Err(error) => p.add(place, error),
        }
    }
    found.0.sort_by(|a, b| (&a.name, &a.value, a.op.as_str()).cmp(&(&b.name, &b.value, b.op.as_str())));
    found
}

fn inhibit_rule(node: &Node, p: &mut Problems) -> Option<InhibitRule> {
    let mut fields = p.fields(node, "an inhibition rule")?;
    let source = matchers(&mut fields, ["source_matchers", "source_match", "source_match_re"], p);
    let target = matchers(&mut fields, ["target_matchers", "target_match", "target_match_re"], p);
    let equal = fields.list_of_texts("equal", p);
    fields.finish(p);
    Some(InhibitRule { source, target, equal })
}
