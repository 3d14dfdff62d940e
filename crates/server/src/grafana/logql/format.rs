//! `line_format` and `label_format`: Go's templates over a record's labels, with Loki's functions.

use alerts::template::{Template, Value, World};

use super::functions;
use super::record::Record;

/// A template over a record.
#[derive(Debug)]
pub struct Format(Template);

impl Format {
    /// Reads a template: `{{.tool | upper}}: {{__line__}}`.
    pub fn read(template: &str) -> Result<Self, String> {
        let read = Template::parse_with(template, functions::NAMES);
        read.map(Self).map_err(|error| format!("parse error: invalid template {template:?}: {error}"))
    }

    /// What it gives for a record. Where it cannot be carried out, the reason stands in `__error__` and nothing is given.
    pub fn text(&self, record: &mut Record) -> String {
        let labels = record.metadata.iter().chain(&record.stream);
        let data = Value::texts(labels.map(|(name, value)| (name.clone(), value.clone())));
        let mut world = OfRecord { line: &record.line, nanos: record.time.as_nanos() };
        match self.0.expand(&data, &[], &mut world) {
            Ok(text) => text,
            Err(error) => {
                record.set("__error__", "TemplateFormatErr".into());
                record.set("__error_details__", error.to_string());
                String::new()
            }
        }
    }
}

/// What templates may ask: the record itself.
struct OfRecord<'r> {
    line: &'r str,
    nanos: i64,
}

impl World for OfRecord<'_> {
    fn query(&mut self, _: &str) -> Result<Vec<(promql::Labels, f64)>, String> {
        Err("queries are for templates of rules".into())
    }

    /// The time of the record: the same question gives the same answer whenever it is asked.
    fn now_ms(&self) -> i64 {
        self.nanos.div_euclid(1_000_000)
    }

    fn call(&mut self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match name {
            "__line__" => Some(Ok(Value::text(self.line))),
            "__timestamp__" => Some(Ok(Value::Time(self.now_ms()))),
            "unixEpochNanos" => Some(Ok(Value::text(self.nanos.to_string()))),
            _ => functions::call(name, args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(template: &str) -> String {
        let label = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut record = Record {
            time: model::Timestamp::from_nanos(1_700_000_000_123_456_789),
            line: "it failed".into(),
            stream: [("level", "error")].map(label).into(),
            metadata: [("tool", "web search"), ("ms", "1500"), ("url", "a%20b"), ("size", "2KiB")].map(label).into(),
        };
        Format::read(template).unwrap().text(&mut record) + record.value("__error__")
    }

    #[test]
    fn lines_are_made_of_labels_and_the_line() {
        for (template, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("{{.level}} of {{.tool}}: {{ __line__ }}{{.nothing}}!", "error of web search: it failed!"),
            ("{{.tool | upper}} {{ToUpper .level}} {{ __line__ | title }}", "WEB SEARCH ERROR It Failed"),
            (r#"{{.tool | replace " " "_" | trunc 5}}"#, "web_s"),
            (r#"{{Replace .tool "e" "E" 1}} {{ trunc -3 .tool }} {{substr 1 3 .level}}"#, "wEb search rch rr"),
            (r#"{{regexReplaceAll "(\\w+) (\\w+)" .tool "${2} ${1}"}}"#, "search web"),
            (r#"{{if contains "err" .level}}yes{{else}}no{{end}}"#, "yes"),
            (r#"{{if and (hasPrefix "web" .tool) (hasSuffix "x" .tool)}}yes{{else}}no{{end}}"#, "no"),
            ("{{add .ms 1 2}} {{sub .ms 500}} {{mul 2 .ms}} {{div .ms 7}} {{mod .ms 7}}", "1503 1000 3000 214 2"),
            (
                "{{divf .ms 1000}} {{addf 1 0.5}} {{round 2.345 1}} {{max 1 .ms 3}} {{int \"42\"}}",
                "1.5 1.5 2.3 1500 42",
            ),
            (r#"{{default "none" .nothing}} {{.tool | default "none"}}"#, "none web search"),
            (r#"{{alignLeft 5 .level}}|{{alignRight 7 .level}}|{{alignLeft 3 .level}}"#, "error|  error|err"),
            (r#"{{printf "%-7s|%5.1f" .level 2.25}}"#, "error  |  2.2"),
            (r#"{{trim "  a "}}{{trimAll "-" "-b-"}}{{trimPrefix "c" "cd"}}{{TrimRight "ee" "e"}}"#, "abd"),
            (r#"{{__timestamp__ | unixEpoch}} {{ __timestamp__ | date "2006-01-02" }}"#, "1700000000 2023-11-14"),
            ("{{urldecode .url}} {{b64enc .level}} {{bytes .size}} {{duration \"1500ms\"}}", "a b ZXJyb3I= 2048 1.5"),
            (r#"{{count "\\w+" .tool}} {{repeat 2 "ab"}} {{ .level | indent 1 }}"#, "2 abab  error"),
        ] {
            assert_eq!(given(template), expected, "{template}");
        }
        assert_eq!(given("{{div .ms 0}}"), "TemplateFormatErr");
    }

    #[test]
    fn a_template_that_cannot_be_read_is_refused() {
        for template in ["{{.tool | nonsense}}", "{{if .tool}}x", "{{.tool"] {
            let error = Format::read(template).unwrap_err();
            assert!(error.contains("invalid template"), "{template}: {error}");
        }
    }
}
