//! Conditions on labels as Alertmanager writes them: `severity="P1"`, `team=~"a|b"`, `{a="b", c!="d"}`.
//!
//! Both of Alertmanager's notations are read: the classic one, with or without quotes, and the newer one, in which names in quotes
//! may be any text.

use std::fmt;

use promql::{Labels, MatchOp, Matcher};

/// Conditions that must all hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matchers(pub Vec<Matcher>);

impl Matchers {
    /// Whether all conditions hold.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// Reads one or several conditions, with or without braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor { rest: text.trim() };
        let braces = cursor.accept('{');
        let mut found = Vec::new();
        loop {
            cursor.skip_blanks();
            if cursor.rest.is_empty() || (braces && cursor.rest == "}") {
                break;
            }
            found.push(cursor.matcher(braces).map_err(|error| format!("bad matcher {text:?}: {error}"))?);
            cursor.skip_blanks();
            if !cursor.accept(',') && !cursor.rest.is_empty() && cursor.rest != "}" {
                return Err(format!("bad matcher {text:?}: a comma is missing before {:?}", cursor.rest));
            }
        }
        if braces && cursor.rest != "}" {
            return Err(format!("bad matcher {text:?}: the closing brace is missing"));
        }
        Ok(Self(found))
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, matcher) in self.0.iter().enumerate() {
            write!(f, "{}{matcher}", if at > 0 { "," } else { "" })?;
        }
        f.write_str("}")
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn accept(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn matcher(&mut self, braces: bool) -> Result<Matcher, String> {
        let name = if self.rest.starts_with('"') {
            self.quoted()?
        } else {
            let end = self.rest.find(['=', '!', '~']).ok_or("an operator is missing: use =, !=, =~ or !~")?;
            let name = self.rest[..end].trim_end().to_owned();
            self.rest = &self.rest[end..];
            name
        };
        if name.is_empty() {
            return Err("the name of the label is missing".into());
        }
        self.skip_blanks();
        let ops =
            [("=~", MatchOp::Matches), ("!~", MatchOp::NotMatches), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
        let found = ops.into_iter().find(|(text, _)| self.rest.starts_with(text));
        let (text, op) = found.ok_or("an operator is missing: use =, !=, =~ or !~")?;
        self.rest = &self.rest[text.len()..];
        self.skip_blanks();
        let value = if self.rest.starts_with('"') { self.quoted()? } else { self.plain(braces) };
        Matcher::new(&name, op, &value)
    }

    fn quoted(&mut self) -> Result<String, String> {
        let (mut out, mut characters) = (String::new(), self.rest.char_indices().skip(1));
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, escaped @ ('"' | '\\'))) => out.push(escaped),
                    Some((_, other)) => out.extend(['\\', other]),
                    None => break,
                },
                other => out.push(other),
            }
        }
        Err("a quote is not closed".into())
    }

    /// A value without quotes: up to a comma, or a brace where there is one.
    fn plain(&mut self, braces: bool) -> String {
        let end = self.rest.find(|c| c == ',' || (braces && c == '}')).unwrap_or(self.rest.len());
        let value = self.rest[..end].trim_end().to_owned();
        self.rest = &self.rest[end..];
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_are_read() {
        for (text, shown) in [
            ("severity=P1", "{severity=\"P1\"}"),
            ("severity = \"P1\"", "{severity=\"P1\"}"),
            ("{a=\"b,c\", d=~\"e|f\",}", "{a=\"b,c\",d=~\"e|f\"}"),
            ("a!=b,c!~d.*", "{a!=\"b\",c!~\"d.*\"}"),
            ("\"any name\"=\"x\\\"y\"", "{\"any name\"=\"x\\\"y\"}"),
            ("näme=ü", "{\"näme\"=\"ü\"}"),
            ("{}", "{}"),
            ("a=", "{a=\"\"}"),
        ] {
            assert_eq!(Matchers::parse(text).map(|matchers| matchers.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["severity", "=x", "{a=b", "a=~\"(\"", "a=\"b", "a=\"b\" c=\"d\""] {
            assert!(Matchers::parse(text).is_err(), "{text}");
        }
    }
}
