//! Labels out of lines: JSON, `key=value`, named groups, patterns, packed lines. A line that is not of the form gives none: what Tawny keeps
//! of records are attributes, and those are labels already.

use regex::Regex;
use serde_json::Value;

use super::record::Record;
use super::unexpected;

/// Labels one line gives at most.
const LABELS_MAX: usize = 200;

/// A place in JSON: `a.b[0]["c d"]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Path(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    At(usize),
}

impl Path {
    /// Reads a place.
    pub fn read(text: &str) -> Result<Self, String> {
        let expected = "a place such as request.headers[\"User-Agent\"] or servers[0]";
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (inside, after) = inside.split_once(']').ok_or_else(|| unexpected(rest, expected))?;
                let key = inside.strip_prefix('"').and_then(|inside| inside.strip_suffix('"'));
                parts.push(match (key, inside.parse()) {
                    (Some(key), _) => Part::Key(key.to_owned()),
                    (None, Ok(at)) => Part::At(at),
                    (None, Err(_)) => return Err(unexpected(rest, expected)),
                });
                rest = after.strip_prefix('.').unwrap_or(after);
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    return Err(unexpected(rest, expected));
                }
                parts.push(Part::Key(rest[..end].to_owned()));
                rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
            }
        }
        if parts.is_empty() { Err(unexpected(text, expected)) } else { Ok(Self(parts)) }
    }

    fn value<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, part| match part {
            Part::Key(key) => value.get(key),
            Part::At(at) => value.get(at),
        })
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The line as a JSON object.
fn object(record: &Record) -> Option<Value> {
    let line = record.line.trim_start();
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// `json`: what is asked for, or everything but lists, keys inside of others joined by `_`.
pub fn json(record: &mut Record, wanted: &[(String, Path)]) {
    let Some(value) = object(record) else { return };
    for (label, path) in wanted {
        if let Some(found) = path.value(&value) {
            record.extract(label, text(found));
        }
    }
    if wanted.is_empty() {
        let mut found = Vec::new();
        flatten(&value, "", &mut found);
        for (label, value) in found {
            record.extract(&label, value);
        }
    }
}

fn flatten(value: &Value, prefix: &str, found: &mut Vec<(String, String)>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let key = ::series::names::label(key);
        let name = if prefix.is_empty() { key } else { format!("{prefix}_{key}") };
        match value {
            Value::Object(_) => flatten(value, &name, found),
            Value::Array(_) | Value::Null => {}
            _ if found.len() < LABELS_MAX => found.push((name, text(value))),
            _ => return,
        }
    }
}

/// `logfmt`: `tool=search ms=20 error="it failed"`.
pub fn logfmt(record: &mut Record, wanted: &[(String, String)]) {
    let found = pairs(&record.line);
    if wanted.is_empty() {
        for (key, value) in found {
            record.extract(&::series::names::label(&key), value);
        }
        return;
    }
    for (label, source) in wanted {
        if let Some((_, value)) = found.iter().find(|(key, _)| key == source) {
            record.extract(label, value.clone());
        }
    }
}

/// Keys with their values; words without a value are left out.
fn pairs(line: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), line.trim_start());
    while !rest.is_empty() && found.len() < LABELS_MAX {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..end];
        let Some(value) = rest[end..].strip_prefix('=') else {
            rest = rest[end..].trim_start();
            continue;
        };
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => until_quote(quoted),
            None => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            }
        };
        if !key.is_empty() && !key.contains('"') {
            found.push((key.to_owned(), value));
        }
        rest = after.trim_start();
    }
    found
}

/// What stands before the next quote that is not escaped, and what follows it.
fn until_quote(text: &str) -> (String, &str) {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, character) in text.char_indices() {
        match character {
            'n' if escaped => value.push('\n'),
            't' if escaped => value.push('\t'),
            _ if escaped => value.push(character),
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => return (value, &text[at + 1..]),
            _ => value.push(character),
        }
        escaped = false;
    }
    (value, "")
}

/// `regexp`: the named groups.
pub fn regexp(record: &mut Record, regex: &Regex) {
    let found: Vec<(String, String)> = match regex.captures(&record.line) {
        Some(captures) => {
            let named = regex.capture_names().flatten();
            named.filter_map(|name| Some((name.to_owned(), captures.name(name)?.as_str().to_owned()))).collect()
        }
        None => return,
    };
    for (name, value) in found {
        record.extract(&name, value);
    }
}

/// `<ip> - <_> [<time>]`: names and the texts between them.
#[derive(Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `None` for `<_>`.
    Capture(Option<String>),
}

impl Pattern {
    /// Reads a pattern. `captures` says whether it is to give labels; one that only filters has none.
    pub fn read(text: &str, captures: bool) -> Result<Self, String> {
        let (mut pieces, mut rest, mut named) = (Vec::new(), text, false);
        while !rest.is_empty() {
            let capture = rest.strip_prefix('<').and_then(|inside| inside.split_once('>'));
            if let Some((name, after)) = capture.filter(|(name, _)| promql::is_plain_label(name)) {
                if matches!(pieces.last(), Some(Piece::Capture(_))) {
                    return Err(unexpected(rest, "a text between two captures"));
                }
                if name != "_" && !captures {
                    return Err(unexpected(rest, "<_>: a pattern that filters has no named captures"));
                }
                named |= name != "_";
                pieces.push(Piece::Capture((name != "_").then(|| name.to_owned())));
                rest = after;
                continue;
            }
            let next = rest.char_indices().skip(1).find(|&(_, c)| c == '<').map_or(rest.len(), |(at, _)| at);
            match pieces.last_mut() {
                Some(Piece::Text(before)) => before.push_str(&rest[..next]),
                _ => pieces.push(Piece::Text(rest[..next].to_owned())),
            }
            rest = &rest[next..];
        }
        if captures && !named {
            return Err(unexpected(text, "at least one named capture such as <tool>"));
        }
        Ok(Self(pieces))
    }

    /// What the captures hold of a line, and whether the whole line was matched. A text that is missing ends it: the capture before it takes
    /// the rest.
    fn captures<'l>(&self, line: &'l str) -> (Vec<(&str, &'l str)>, bool) {
        let (mut found, mut rest) = (Vec::new(), line);
        let mut pieces = self.0.iter().peekable();
        if let Some(Piece::Text(text)) = pieces.peek() {
            match rest.strip_prefix(text.as_str()) {
                Some(after) => rest = after,
                None => return (found, false),
            }
            pieces.next();
        }
        while let Some(piece) = pieces.next() {
            let Piece::Capture(name) = piece else { continue };
            let (value, after) = match pieces.next() {
                None => (rest, Some("")),
                Some(Piece::Text(text)) => match rest.split_once(text.as_str()) {
                    Some((value, after)) => (value, Some(after)),
                    None => (rest, None),
                },
                Some(Piece::Capture(_)) => (rest, None),
            };
            if let Some(name) = name {
                found.push((name.as_str(), value));
            }
            match after {
                Some(after) => rest = after,
                None => return (found, false),
            }
        }
        (found, rest.is_empty())
    }

    /// Whether a whole line is of this form.
    pub fn is_match(&self, line: &str) -> bool {
        self.captures(line).1
    }
}

/// `pattern`: the named captures.
pub fn pattern(record: &mut Record, pattern: &Pattern) {
    let line = std::mem::take(&mut record.line);
    for (name, value) in pattern.captures(&line).0 {
        record.extract(name, value.to_owned());
    }
    record.line = line;
}

/// `unpack`: the texts of a line that is a JSON object become labels, `_entry` the line.
pub fn unpack(record: &mut Record) {
    let Some(Value::Object(fields)) = object(record) else { return };
    for (key, value) in fields.into_iter().take(LABELS_MAX) {
        match value {
            Value::String(entry) if key == "_entry" => record.line = entry,
            Value::String(value) => record.extract(&::series::names::label(&key), value),
            _ => {}
        }
    }
}

/// A line without the sequences that colour terminals.
pub fn decolorized(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        // Numbers, then a letter that ends the sequence.
        let end = after.find(|c: char| !(c.is_ascii_digit() || ";?".contains(c))).unwrap_or(after.len());
        rest = after[end..].strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(&after[end..]);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        let stream = [("level".to_owned(), "info".to_owned())].into();
        Record { time: model::Timestamp::from_nanos(0), line: line.into(), stream, metadata: Default::default() }
    }

    fn labels(record: &Record) -> String {
        record.metadata.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_of_json_give_labels() {
        let line = r#"{"tool":"search","took":{"ms":20,"all":[1]},"level":"warn","none":null}"#;
        let mut found = record(line);
        json(&mut found, &[]);
        assert_eq!(labels(&found), "level_extracted=warn took_ms=20 tool=search");
        let mut found = record(line);
        json(
            &mut found,
            &[("first".into(), Path::read("took.all[0]").unwrap()), ("t".into(), Path::read("[\"tool\"]").unwrap())],
        );
        assert_eq!(labels(&found), "first=1 t=search");
        let mut plain = record("no JSON");
        json(&mut plain, &[]);
        assert_eq!(labels(&plain), "");
        assert!(Path::read("a[").is_err() && Path::read("").is_err() && Path::read("a..b").is_err());
    }

    #[test]
    fn lines_of_pairs_give_labels() {
        let mut found = record(r#"it tool=search error="it \"failed\"" ms=20 x= level=info"#);
        logfmt(&mut found, &[]);
        assert_eq!(labels(&found), "error=it \"failed\" ms=20 tool=search");
        let mut found = record("tool=search ms=20");
        logfmt(&mut found, &[("t".into(), "tool".into())]);
        assert_eq!(labels(&found), "t=search");
    }

    #[test]
    fn patterns_and_expressions_give_labels() {
        let read = |text: &str| Pattern::read(text, true).unwrap();
        let mut found = record("10.0.0.1 - GET /runs (200) 12ms");
        pattern(&mut found, &read("<ip> - <method> <_> (<status>) <took>"));
        assert_eq!(labels(&found), "ip=10.0.0.1 method=GET status=200 took=12ms");
        let mut found = record("GET /runs");
        pattern(&mut found, &read("<method> <path> <rest>"));
        assert_eq!(labels(&found), "method=GET path=/runs");
        let mut found = record("order 42 failed");
        pattern(&mut found, &read("ticket <id> failed"));
        assert_eq!(labels(&found), "");
        for wrong in ["<a><b>", "no capture", "<_>"] {
            assert!(Pattern::read(wrong, true).is_err(), "{wrong}");
        }
        let filter = Pattern::read("order <_> failed", false).unwrap();
        assert!(
            filter.is_match("order 42 failed")
                && !filter.is_match("order 42 placed")
                && !filter.is_match("order 42 failed twice")
        );
        let mut found = record("order 42 failed");
        regexp(&mut found, &Regex::new(r"order (?P<id>\d+) (?P<what>\w+)").unwrap());
        assert_eq!(labels(&found), "id=42 what=failed");
    }

    #[test]
    fn packed_and_coloured_lines_are_laid_bare() {
        let mut found = record(r#"{"_entry":"it failed","tool":"search","n":1}"#);
        unpack(&mut found);
        assert_eq!((found.line.as_str(), labels(&found).as_str()), ("it failed", "tool=search"));
        assert_eq!(decolorized("\u{1b}[1;31mred\u{1b}[0m and \u{1b}[Kplain"), "red and plain");
    }
}
