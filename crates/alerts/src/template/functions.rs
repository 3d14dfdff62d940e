//! Functions and methods a template may call.

use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::{Offset, TimeZone};

use super::format::sprintf;
use super::value::{MapKind, Value};
use super::{World, humanize};

/// Every function: Go's own, Prometheus', Alertmanager's.
const NAMES: &[&str] = &[
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
    "join",
    "trimSpace",
    "stringSlice",
    "date",
    "tz",
    "since",
    "safeUrl",
    "urlUnescape",
    "toJson",
    "list",
    "append",
    "dict",
];

pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

type Called = Result<Value, String>;

pub(super) fn call(name: &str, args: &[Value], world: &mut dyn World) -> Called {
    let at = |at: usize| args.get(at).ok_or_else(|| format!("wrong number of args: got {}", args.len()));
    let text = |index: usize| at(index).map(ToString::to_string);
    let number = |index: usize| at(index).and_then(Value::number);
    let joined = |gap: &str| args.iter().map(ToString::to_string).collect::<Vec<_>>().join(gap);
    Ok(match name {
        "not" => Value::Bool(!at(0)?.is_true()),
        "eq" => {
            let first = at(0)?;
            at(1)?;
            let mut equal = false;
            for other in &args[1..] {
                equal |= first.order(other).ok_or("incompatible types for comparison")?.is_eq();
            }
            Value::Bool(equal)
        }
        "ne" => Value::Bool(!at(0)?.order(at(1)?).ok_or("incompatible types for comparison")?.is_eq()),
        "lt" | "le" | "gt" | "ge" => {
            let order = at(0)?.order(at(1)?);
            // NaN compares false with everything; other kinds are a mistake.
            if order.is_none() && (at(0)?.number().is_err() || at(1)?.number().is_err()) {
                return Err("incompatible types for comparison".into());
            }
            Value::Bool(order.is_some_and(|order| match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        "len" => Value::Int(match at(0)? {
            Value::Text(text) => text.len(),
            Value::List(items) => items.len(),
            Value::Map(_, map) => map.len(),
            other => return Err(format!("len of type {}", other.kind())),
        } as i64),
        "index" => args[1..].iter().try_fold(at(0)?.clone(), |value, key| index(&value, key))?,
        "slice" => slice(at(0)?, &args[1..])?,
        "print" => Value::text(print(args)),
        "println" => Value::text(joined(" ") + "\n"),
        "printf" => Value::text(sprintf(&text(0)?, &args[1..])),
        "html" | "js" => Value::text(escape_html(&joined(""))),
        "urlquery" | "urlQueryEscape" => Value::text(escape_query(&joined(""))),
        "query" => {
            let answer = world.query(&text(0)?)?;
            Value::list(answer.iter().map(|(labels, value)| Value::sample(labels, *value)))
        }
        "first" => match at(0)? {
            Value::List(items) => items.first().cloned().ok_or("first() called on vector with no elements")?,
            other => return Err(format!("first takes the answer of a query, not {}", other.kind())),
        },
        "label" => sample_field(at(1)?, "Labels").and_then(|labels| index(&labels, at(0)?))?,
        "value" => sample_field(at(0)?, "Value")?,
        "strvalue" => sample_field(at(0)?, "Labels").and_then(|labels| index(&labels, &Value::text("__value__")))?,
        "args" => {
            let map = args.iter().enumerate().map(|(at, value)| (format!("arg{at}"), value.clone())).collect();
            Value::Map(MapKind::Any, Arc::new(map))
        }
        "reReplaceAll" => {
            let pattern = regex::Regex::new(&text(0)?).map_err(|error| format!("the pattern: {error}"))?;
            Value::text(pattern.replace_all(&text(2)?, &*text(1)?))
        }
        "match" => {
            let pattern = regex::Regex::new(&text(0)?).map_err(|error| format!("the pattern: {error}"))?;
            Value::Bool(pattern.is_match(&text(1)?))
        }
        "safeHtml" | "safeUrl" => Value::text(text(0)?),
        "title" if world.title_lowers() => Value::text(title(&text(0)?.to_lowercase())),
        "title" => Value::text(title(&text(0)?)),
        "toUpper" => Value::text(text(0)?.to_uppercase()),
        "toLower" => Value::text(text(0)?.to_lowercase()),
        "trimSpace" => Value::text(text(0)?.trim()),
        "graphLink" | "tableLink" => {
            let tab = i32::from(name == "tableLink");
            Value::text(format!("/graph?g0.expr={}&g0.tab={tab}", escape_query(&text(0)?)))
        }
        "sortByLabel" => {
            let (label, Value::List(items)) = (text(0)?, at(1)?) else {
                return Err("sortByLabel takes a label and the answer of a query".into());
            };
            let mut items = items.to_vec();
            let key = |item: &Value| {
                sample_field(item, "Labels")
                    .and_then(|labels| index(&labels, &Value::text(&label)))
                    .map_or_else(|_| String::new(), |v| v.to_string())
            };
            items.sort_by_key(key);
            Value::list(items)
        }
        "stripPort" => Value::text(strip_port(&text(0)?)),
        "stripDomain" => Value::text(strip_domain(&text(0)?)),
        "humanize" => Value::text(humanize::si(number(0)?)),
        "humanize1024" => Value::text(humanize::binary(number(0)?)),
        "humanizeDuration" => Value::text(humanize::duration(number(0)?)),
        "humanizePercentage" => Value::text(humanize::percentage(number(0)?)),
        "humanizeTimestamp" => Value::text(humanize::timestamp(number(0)?)),
        "toTime" => Value::Time((number(0)? * 1000.0) as i64),
        "toDuration" => Value::text(promql::format_duration((number(0)? * 1000.0) as i64)),
        "now" => Value::Float(world.now_ms() as f64 / 1000.0),
        "since" => match at(0)? {
            Value::Time(millis) => Value::Float((world.now_ms() - millis) as f64 / 1000.0),
            Value::Zoned(time) => Value::Float((world.now_ms() - time.timestamp().as_millisecond()) as f64 / 1000.0),
            other => return Err(format!("since takes a time, not {}", other.kind())),
        },
        "externalURL" => Value::text(world.external_url()),
        "pathPrefix" => {
            let url = world.external_url();
            let path = url.split_once("://").map_or(url, |(_, rest)| rest);
            Value::text(path.find('/').map_or("", |at| &path[at..]))
        }
        "parseDuration" => {
            let millis =
                promql::parse_duration(&text(0)?).ok_or_else(|| format!("{:?} is no duration", args[0].to_string()))?;
            Value::Float(millis as f64 / 1000.0)
        }
        "join" => match at(1)? {
            Value::List(items) => {
                Value::text(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(&text(0)?))
            }
            other => return Err(format!("join takes a list, not {}", other.kind())),
        },
        "stringSlice" | "list" => Value::list(args.iter().cloned()),
        "append" => match at(0)? {
            Value::List(items) => Value::list(items.iter().chain(&args[1..]).cloned()),
            other => return Err(format!("append takes a list, not {}", other.kind())),
        },
        "dict" => {
            let pairs = args.chunks(2).map(|pair| (pair[0].to_string(), pair.get(1).cloned().unwrap_or(Value::Nil)));
            Value::Map(MapKind::Any, Arc::new(pairs.collect()))
        }
        "date" => method(at(1)?, "Format", &args[..1])?,
        "tz" => in_zone(at(1)?, &text(0)?)?,
        "urlUnescape" => Value::text(unescape_query(&text(0)?)),
        "toJson" => Value::text(at(0)?.json().to_string()),
        other => return Err(format!("{other} is not known")),
    })
}

pub(super) fn is_method(name: &str) -> bool {
    matches!(name, "SortedPairs" | "Names" | "Values" | "Remove")
}

/// Methods Go's values have in Alertmanager's templates.
pub(super) fn method(value: &Value, name: &str, args: &[Value]) -> Called {
    let pairs = |map: &std::collections::BTreeMap<String, Value>| {
        // `alertname` comes first in Alertmanager's order.
        let mut names: Vec<&String> = map.keys().collect();
        names.sort_by_key(|name| (name.as_str() != "alertname", name.as_str()));
        Value::list(
            names
                .into_iter()
                .map(|name| Value::structure("Pair", [("Name", Value::text(name)), ("Value", map[name].clone())])),
        )
    };
    Ok(match (value, name) {
        (Value::Map(MapKind::Texts, map), "SortedPairs") => pairs(map),
        (Value::Map(MapKind::Texts, map), "Names" | "Values") => method(&pairs(map), name, &[])?,
        (Value::Map(MapKind::Texts, map), "Remove") => {
            let removed: Vec<String> = match args.first() {
                Some(Value::List(names)) => names.iter().map(ToString::to_string).collect(),
                _ => return Err("Remove takes a list of names".into()),
            };
            let kept = map.iter().filter(|(name, _)| !removed.contains(name));
            Value::Map(MapKind::Texts, Arc::new(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        (Value::List(items), "Names" | "Values") => {
            let key = if name == "Names" { "Name" } else { "Value" };
            Value::list(items.iter().map(|item| sample_field(item, key)).collect::<Result<Vec<_>, _>>()?)
        }
        (Value::List(items), "Firing" | "Resolved") => {
            let status = name.to_lowercase();
            let fits = |item: &&Value| sample_field(item, "Status").is_ok_and(|found| found.to_string() == status);
            Value::list(items.iter().filter(fits).cloned())
        }
        (Value::Time(millis), "Format") => {
            let layout = args.first().map(ToString::to_string).ok_or("Format takes a layout")?;
            let time = jiff::Timestamp::from_millisecond(*millis).map(|time| time.to_zoned(TimeZone::UTC));
            Value::text(time.map_or_else(|_| millis.to_string(), |time| go_time(&time, &layout)))
        }
        (Value::Zoned(time), "Format") => {
            let layout = args.first().map(ToString::to_string).ok_or("Format takes a layout")?;
            Value::text(go_time(time, &layout))
        }
        (Value::Time(millis), "Unix") => Value::Int(millis.div_euclid(1000)),
        (Value::Zoned(time), "Unix") => Value::Int(time.timestamp().as_second()),
        (Value::Zoned(time), "UTC") => Value::Time(time.timestamp().as_millisecond()),
        (Value::Time(_) | Value::Zoned(_), "UTC" | "Local") => value.clone(),
        (Value::Map(_, map), _) if map.contains_key(name) => return Err("can't give argument to non-function".into()),
        _ => return Err(format!("can't evaluate field {name} in type {}", value.kind())),
    })
}

/// A time as a zone's clocks show it.
fn in_zone(time: &Value, zone: &str) -> Called {
    let time = match time {
        Value::Time(millis) => jiff::Timestamp::from_millisecond(*millis).map_err(|error| error.to_string())?,
        Value::Zoned(time) => time.timestamp(),
        other => return Err(format!("tz takes a time, not {}", other.kind())),
    };
    let zone = TimeZone::get(zone).map_err(|_| format!("unknown time zone {zone}"))?;
    Ok(Value::Zoned(Box::new(time.to_zoned(zone))))
}

/// A time in Go's layout of reference (`2006-01-02T15:04:05Z07:00`).
fn go_time(time: &Zoned, layout: &str) -> String {
    let zone = if time.offset() == Offset::UTC { "Z" } else { "%:z" };
    // What begins another comes after it.
    let parts = [
        ("2006", "%Y"),
        ("January", "%B"),
        ("Jan", "%b"),
        ("Monday", "%A"),
        ("Mon", "%a"),
        ("MST", "%Z"),
        ("Z07:00", zone),
        ("-07:00", "%:z"),
        ("-0700", "%z"),
        ("01", "%m"),
        ("02", "%d"),
        ("15", "%H"),
        ("03", "%I"),
        ("04", "%M"),
        ("05", "%S"),
        ("06", "%y"),
        ("PM", "%p"),
        ("pm", "%P"),
        ("_2", "%e"),
        (".000000", ".%6f"),
        (".000", ".%3f"),
        ("1", "%-m"),
        ("2", "%-d"),
        ("3", "%-I"),
        ("4", "%-M"),
        ("5", "%-S"),
    ];
    let (mut format, mut rest) = (String::new(), layout);
    while let Some(first) = rest.chars().next() {
        match parts.iter().find(|(part, _)| rest.starts_with(part)) {
            Some((part, with)) => {
                format += with;
                rest = &rest[part.len()..];
            }
            None => {
                if first == '%' {
                    format.push('%');
                }
                format.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    time.strftime(&format).to_string()
}

/// Go's `Sprint`: blanks between neighbours that are both no texts.
fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in args.iter().enumerate() {
        let both = at > 0 && !matches!(value, Value::Text(_)) && !matches!(args[at - 1], Value::Text(_));
        if both {
            out.push(' ');
        }
        out += &value.to_string();
    }
    out
}

fn sample_field(value: &Value, name: &str) -> Called {
    match value {
        Value::Map(_, map) => map.get(name).cloned().ok_or_else(|| format!("no {name} in {}", value.kind())),
        other => Err(format!("a series is needed, not {}", other.kind())),
    }
}

fn index(value: &Value, key: &Value) -> Called {
    match (value, key) {
        (Value::List(items), Value::Int(at)) => {
            let found = usize::try_from(*at).ok().and_then(|at| items.get(at)).cloned();
            found.ok_or_else(|| format!("index out of range: {at}"))
        }
        (Value::Map(kind, map), Value::Text(name)) => Ok(map.get(&**name).cloned().unwrap_or(match kind {
            MapKind::Texts => Value::text(""),
            _ => Value::Nil,
        })),
        (Value::Text(text), Value::Int(at)) => {
            let byte = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
            byte.map(|byte| Value::Int(i64::from(*byte))).ok_or_else(|| format!("index out of range: {at}"))
        }
        (value, key) => Err(format!("can't index {} with {}", value.kind(), key.kind())),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Called {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(format!("can't slice {}", other.kind())),
    };
    let bound = |at: usize, otherwise: usize| match bounds.get(at) {
        None => Ok(otherwise),
        Some(Value::Int(at)) => {
            usize::try_from(*at).ok().filter(|at| *at <= length).ok_or(format!("index out of range: {at}"))
        }
        Some(other) => Err(format!("can't slice with {}", other.kind())),
    };
    let (from, to) = (bound(0, 0)?, bound(1, length)?);
    match value {
        Value::Text(text) => text.get(from..to).map(Value::text).ok_or_else(|| "index out of range".into()),
        Value::List(items) => items
            .get(from..to)
            .map(|items| Value::list(items.iter().cloned()))
            .ok_or_else(|| "index out of range".into()),
        _ => Ok(Value::Nil),
    }
}

/// Every word with a capital at its front.
fn title(text: &str) -> String {
    let mut before = ' ';
    text.chars()
        .flat_map(|character| {
            let first = !(before.is_alphanumeric() || before == '_' || before == '\'');
            before = character;
            if first { character.to_uppercase().collect::<Vec<_>>() } else { vec![character] }
        })
        .collect()
}

fn strip_port(text: &str) -> String {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once("]:").map_or(text, |(host, _)| host).to_owned();
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host.to_owned(),
        _ => text.to_owned(),
    }
}

fn strip_domain(text: &str) -> String {
    let host = strip_port(text);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let port = &text[host.len().min(text.len())..];
    format!("{}{}", host.split('.').next().unwrap_or_default(), if text.starts_with('[') { "" } else { port })
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&#34;").replace('\'', "&#39;")
}

/// A text as part of a URL's query.
pub(super) fn escape_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn unescape_query(text: &str) -> String {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
