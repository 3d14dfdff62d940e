//! Loki's functions of templates, beyond those Go has itself.

use alerts::template::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

/// Their names.
pub const NAMES: &[&str] = &[
    "ToLower",
    "ToUpper",
    "Replace",
    "Trim",
    "TrimLeft",
    "TrimPrefix",
    "TrimRight",
    "TrimSpace",
    "TrimSuffix",
    "__line__",
    "__timestamp__",
    "add",
    "addf",
    "alignLeft",
    "alignRight",
    "b64dec",
    "b64enc",
    "bytes",
    "ceil",
    "contains",
    "count",
    "date",
    "default",
    "div",
    "divf",
    "duration",
    "duration_seconds",
    "float64",
    "floor",
    "fromJson",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "int",
    "lower",
    "max",
    "maxf",
    "min",
    "minf",
    "mod",
    "mul",
    "mulf",
    "nindent",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "repeat",
    "replace",
    "round",
    "sub",
    "subf",
    "substr",
    "title",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "trunc",
    "unixEpoch",
    "unixEpochMillis",
    "unixEpochNanos",
    "unixToTime",
    "upper",
    "urldecode",
    "urlencode",
];

/// Characters a function may repeat or pad with.
const REPEATED_MAX: usize = 10_000;

type Called = Result<Value, String>;

/// Calls a function; `None` where it is none of these.
pub fn call(name: &str, args: &[Value]) -> Option<Called> {
    texts(name, args).or_else(|| numbers(name, args)).or_else(|| others(name, args).transpose())
}

fn arg(args: &[Value], at: usize) -> Result<String, String> {
    args.get(at).map(ToString::to_string).ok_or_else(|| format!("wrong number of arguments: got {}", args.len()))
}

fn number(args: &[Value], at: usize) -> Result<f64, String> {
    args.get(at).ok_or_else(|| format!("wrong number of arguments: got {}", args.len()))?.number()
}

/// Functions that make a text of texts, the one they work on last, as pipelines hand it over.
fn texts(name: &str, args: &[Value]) -> Option<Called> {
    let text = |made: fn(&[String]) -> String, count: usize| -> Option<Called> {
        let given: Result<Vec<String>, String> = (0..count).map(|at| arg(args, at)).collect();
        Some(given.map(|given| Value::text(made(&given))))
    };
    match name {
        "lower" | "ToLower" => text(|it| it[0].to_lowercase(), 1),
        "upper" | "ToUpper" => text(|it| it[0].to_uppercase(), 1),
        "title" => text(|it| titled(&it[0]), 1),
        "trim" | "TrimSpace" => text(|it| it[0].trim().to_owned(), 1),
        "trimAll" => text(|it| it[1].trim_matches(|c: char| it[0].contains(c)).to_owned(), 2),
        "trimPrefix" => text(|it| it[1].strip_prefix(it[0].as_str()).unwrap_or(&it[1]).to_owned(), 2),
        "trimSuffix" => text(|it| it[1].strip_suffix(it[0].as_str()).unwrap_or(&it[1]).to_owned(), 2),
        // The older ones take the text first.
        "Trim" => text(|it| it[0].trim_matches(|c: char| it[1].contains(c)).to_owned(), 2),
        "TrimLeft" => text(|it| it[0].trim_start_matches(|c: char| it[1].contains(c)).to_owned(), 2),
        "TrimRight" => text(|it| it[0].trim_end_matches(|c: char| it[1].contains(c)).to_owned(), 2),
        "TrimPrefix" => text(|it| it[0].strip_prefix(it[1].as_str()).unwrap_or(&it[0]).to_owned(), 2),
        "TrimSuffix" => text(|it| it[0].strip_suffix(it[1].as_str()).unwrap_or(&it[0]).to_owned(), 2),
        "replace" => text(|it| it[2].replace(it[0].as_str(), &it[1]), 3),
        "default" => text(|it| if it[1].is_empty() { it[0].clone() } else { it[1].clone() }, 2),
        "urlencode" => text(|it| form_urlencoded::byte_serialize(it[0].as_bytes()).collect(), 1),
        "urldecode" => text(|it| urldecoded(&it[0]), 1),
        "b64enc" => text(|it| STANDARD.encode(&it[0]), 1),
        _ => None,
    }
}

/// Functions of numbers. Those without an `f` behind them count in whole ones.
fn numbers(name: &str, args: &[Value]) -> Option<Called> {
    let folded = |fold: fn(f64, f64) -> f64, whole: bool| -> Option<Called> {
        let given: Result<Vec<f64>, String> = (0..args.len()).map(|at| number(args, at)).collect();
        let given = given.map(|given| given.into_iter().map(|it| if whole { it.trunc() } else { it }));
        Some(given.and_then(|given| {
            let value = given.reduce(fold).ok_or("a number is needed")?;
            let value = if whole { value.trunc() } else { value };
            if value.is_finite() { Ok(shown(value, whole)) } else { Err("the result is no number".to_owned()) }
        }))
    };
    match name {
        "add" => folded(|a, b| a + b, true),
        "sub" => folded(|a, b| a - b, true),
        "mul" => folded(|a, b| a * b, true),
        "div" => folded(|a, b| a / b, true),
        "mod" => folded(|a, b| a % b, true),
        "max" => folded(f64::max, true),
        "min" => folded(f64::min, true),
        "addf" => folded(|a, b| a + b, false),
        "subf" => folded(|a, b| a - b, false),
        "mulf" => folded(|a, b| a * b, false),
        "divf" => folded(|a, b| a / b, false),
        "maxf" => folded(f64::max, false),
        "minf" => folded(f64::min, false),
        "ceil" => Some(number(args, 0).map(|value| shown(value.ceil(), false))),
        "floor" => Some(number(args, 0).map(|value| shown(value.floor(), false))),
        "int" => Some(number(args, 0).map(|value| shown(value.trunc(), true))),
        "float64" => Some(number(args, 0).map(|value| shown(value, false))),
        "round" => Some(number(args, 0).and_then(|value| {
            let digits = if args.len() > 1 { number(args, 1)?.clamp(0.0, 15.0) } else { 0.0 };
            let factor = 10f64.powi(digits as i32);
            Ok(shown((value * factor).round() / factor, false))
        })),
        _ => None,
    }
}

fn shown(value: f64, whole: bool) -> Value {
    if whole { Value::Int(value as i64) } else { Value::Float(value) }
}

fn others(name: &str, args: &[Value]) -> Result<Option<Value>, String> {
    let pattern = |text: String| Regex::new(&text).map_err(|error| format!("invalid expression {text:?}: {error}"));
    Ok(Some(match name {
        "contains" => Value::Bool(arg(args, 1)?.contains(&arg(args, 0)?)),
        "hasPrefix" => Value::Bool(arg(args, 1)?.starts_with(&arg(args, 0)?)),
        "hasSuffix" => Value::Bool(arg(args, 1)?.ends_with(&arg(args, 0)?)),
        "Replace" => {
            let (text, old, new, times) = (arg(args, 0)?, arg(args, 1)?, arg(args, 2)?, number(args, 3)?);
            Value::text(if times < 0.0 { text.replace(&old, &new) } else { text.replacen(&old, &new, times as usize) })
        }
        "trunc" => {
            let (length, text) = (number(args, 0)? as i64, arg(args, 1)?);
            let count = text.chars().count();
            let kept = (length.unsigned_abs() as usize).min(count);
            Value::text(if length < 0 { part(&text, count - kept, count) } else { part(&text, 0, kept) })
        }
        "substr" => {
            let (from, to, text) = (number(args, 0)?, number(args, 1)?, arg(args, 2)?);
            let to = if to < 0.0 { usize::MAX } else { to as usize };
            Value::text(part(&text, from.max(0.0) as usize, to))
        }
        "alignLeft" | "alignRight" => {
            let (width, text) = (few(args)?, arg(args, 1)?);
            let count = text.chars().count();
            let gap = " ".repeat(width.saturating_sub(count));
            Value::text(match name {
                "alignLeft" => part(&text, 0, width) + &gap,
                _ => gap + &part(&text, count.saturating_sub(width), count),
            })
        }
        "repeat" => {
            let (times, text) = (few(args)?, arg(args, 1)?);
            if times.saturating_mul(text.len()) > REPEATED_MAX {
                return Err(format!("more than {REPEATED_MAX} bytes"));
            }
            Value::text(text.repeat(times))
        }
        "indent" | "nindent" => {
            let (gap, text) = (" ".repeat(few(args)?), arg(args, 1)?);
            let lines: Vec<String> = text.split('\n').map(|line| format!("{gap}{line}")).collect();
            let newline = if name == "nindent" { "\n" } else { "" };
            Value::text(format!("{newline}{}", lines.join("\n")))
        }
        "regexReplaceAll" => {
            let (regex, text, new) = (pattern(arg(args, 0)?)?, arg(args, 1)?, arg(args, 2)?);
            Value::text(regex.replace_all(&text, new.as_str()))
        }
        "regexReplaceAllLiteral" => {
            let (regex, text, new) = (pattern(arg(args, 0)?)?, arg(args, 1)?, arg(args, 2)?);
            Value::text(regex.replace_all(&text, regex::NoExpand(&new)))
        }
        "count" => Value::Int(pattern(arg(args, 0)?)?.find_iter(&arg(args, 1)?).count() as i64),
        "b64dec" => {
            let bytes = STANDARD.decode(arg(args, 0)?).map_err(|error| error.to_string())?;
            Value::text(String::from_utf8_lossy(&bytes))
        }
        // A duration is its seconds, a size its bytes.
        "duration" | "duration_seconds" | "bytes" => {
            let text = arg(args, 0)?;
            let number = super::number(&text);
            Value::Float(number.ok_or_else(|| format!("{text:?} is neither a number, a duration nor a size"))?)
        }
        "unixEpoch" => Value::text(time(args)?.div_euclid(1_000).to_string()),
        "unixEpochMillis" => Value::text(time(args)?.to_string()),
        "unixToTime" => {
            let number = number(args, 0)?;
            Value::Time(match number.abs() {
                days if days < 1e5 => number * 86_400_000.0,
                seconds if seconds < 1e11 => number * 1_000.0,
                millis if millis < 1e14 => number,
                micros if micros < 1e17 => number / 1e3,
                _ => number / 1e6,
            } as i64)
        }
        "fromJson" => {
            let value: serde_json::Value = serde_json::from_str(&arg(args, 0)?).map_err(|error| error.to_string())?;
            of_json(&value)
        }
        _ => return Ok(None),
    }))
}

/// The first argument as a count that does no harm.
fn few(args: &[Value]) -> Result<usize, String> {
    Ok((number(args, 0)?.max(0.0) as usize).min(REPEATED_MAX))
}

fn time(args: &[Value]) -> Result<i64, String> {
    match args.first() {
        Some(Value::Time(millis)) => Ok(*millis),
        Some(other) => Err(format!("a time is needed, not {}", other.kind())),
        None => Err("a time is needed".into()),
    }
}

fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
        }
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => Value::list(items.iter().map(of_json)),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), of_json(value))).collect();
            Value::Map(alerts::template::MapKind::Any, std::sync::Arc::new(fields))
        }
    }
}

/// Characters `from` up to `to`.
fn part(text: &str, from: usize, to: usize) -> String {
    text.chars().skip(from).take(to.saturating_sub(from)).collect()
}

fn titled(text: &str) -> String {
    let mut begins = true;
    let upper = |character: char| -> String {
        let first = std::mem::replace(&mut begins, !character.is_alphanumeric());
        if first { character.to_uppercase().collect() } else { character.to_string() }
    };
    text.chars().map(upper).collect()
}

fn urldecoded(text: &str) -> String {
    let pairs = form_urlencoded::parse(text.as_bytes());
    // A text with `=` or `&` in it comes as pairs; it is put together again.
    let together = pairs.map(|(key, value)| if value.is_empty() { key.into_owned() } else { format!("{key}={value}") });
    together.collect::<Vec<String>>().join("&")
}
