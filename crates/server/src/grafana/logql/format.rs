//! `line_format`: a line made of labels, by as much of Go's templates as most such lines use.

use super::unexpected;

/// A line made of texts and labels.
#[derive(Debug, PartialEq, Eq)]
pub struct LineFormat(Vec<Part>);

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The value of a label; nothing where there is none.
    Label(String),
    /// The line as it was.
    Line,
}

impl LineFormat {
    /// Reads a template: `{{.tool}}: {{__line__}}`.
    pub(super) fn read(template: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), template);
        while let Some((text, after)) = rest.split_once("{{") {
            parts.push(Part::Text(text.to_owned()));
            let (inside, after) = after.split_once("}}").ok_or_else(|| unexpected(after, "}}"))?;
            let inside = inside.trim();
            parts.push(match inside.strip_prefix('.') {
                Some(label) if promql::is_plain_label(label) => Part::Label(label.to_owned()),
                None if inside == "__line__" => Part::Line,
                _ => {
                    let expected =
                        "a label such as {{.tool}}, or {{__line__}}; functions of templates are not supported";
                    return Err(unexpected(inside, expected));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The line of a record with these labels.
    pub fn line<'v>(&self, line: &str, value: &impl Fn(&str) -> &'v str) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Label(label) => out.push_str(value(label)),
                Part::Line => out.push_str(line),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_made_of_labels_and_the_line() {
        let value = |label: &str| if label == "tool" { "search" } else { "" };
        let line = |template: &str| LineFormat::read(template).unwrap().line("it failed", &value);
        assert_eq!(line("{{.tool}}: {{ __line__ }}{{.nothing}}!"), "search: it failed!");
        assert_eq!((line("plain"), line("")), ("plain".to_owned(), String::new()));
    }

    #[test]
    fn what_templates_cannot_do_here_is_named() {
        for template in ["{{.tool | upper}}", "{{if .tool}}x{{end}}", "{{.tool"] {
            let error = LineFormat::read(template).unwrap_err();
            assert!(error.contains("not supported") || error.contains("}}"), "{template}: {error}");
        }
    }
}
