//! Label matchers: which series a selector means.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::labels::{Labels, is_plain_label};
use crate::quote::quoted;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

impl MatchOp {
    /// As written in a query.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// One condition on one label. A label that is missing has the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Label.
    pub name: Arc<str>,
    /// Comparison.
    pub op: MatchOp,
    /// Value or pattern.
    pub value: Arc<str>,
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Matcher {
    /// A matcher; the error says why the pattern is no regular expression.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        let regex = matches!(op, MatchOp::Matches | MatchOp::NotMatches).then(|| anchored(value)).transpose()?;
        Ok(Self { name: name.into(), op, value: value.into(), regex })
    }

    /// A matcher for exactly `value`.
    pub fn equal(name: &str, value: &str) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// Whether `value` fulfils the condition.
    pub fn is_match(&self, value: &str) -> bool {
        let matches = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => &*self.value == value,
            MatchOp::NotEqual => &*self.value != value,
            MatchOp::Matches => matches(),
            MatchOp::NotMatches => !matches(),
        }
    }

    /// Whether a series with `labels` fulfils the condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.is_match(labels.get(&self.name))
    }
}

/// Compiles a pattern as Prometheus does: it must match the whole text, and `.` matches line breaks.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| Regex::new(&format!("^(?s:{pattern})$"));
    // Go takes a brace that begins no repetition as itself; Rust wants it escaped.
    build(pattern).or_else(|error| build(&escape_braces(pattern)).map_err(|_| error)).map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("the pattern needs more than {limit} bytes"),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

fn escape_braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            let escaped = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
            // `\p{Greek}` and `\x{2603}` have braces of their own.
            let own = rest.starts_with("\\p{") || rest.starts_with("\\P{") || rest.starts_with("\\x{");
            let end = if own { rest.find('}').map_or(rest.len(), |end| end + 1) } else { escaped };
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let repetition = rest[1..].find('}').is_some_and(|end| {
            let inside = &rest[1..=end];
            let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match inside.split_once(',') {
                None => number(inside),
                Some((from, to)) => number(from) && (to.is_empty() || number(to)),
            }
        });
        out.push_str(if repetition { "{" } else { "\\{" });
        rest = &rest[1..];
    }
    out + rest
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain_label(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quoted(&self.name))?;
        }
        write!(f, "{}{}", self.op.as_str(), quoted(&self.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_values_and_take_gos_braces() {
        let matches = |pattern: &str, text: &str| Matcher::new("a", MatchOp::Matches, pattern).unwrap().is_match(text);
        assert!(matches("foo.*", "foobar") && !matches("oo", "foo") && matches("a.b", "a\nb"));
        assert!(matches("a{b}", "a{b}") && matches("a{2}", "aa") && matches("a{,2}", "a{,2}") && matches("", ""));
        assert!(matches(r"\p{Lu}x\{", "Äx{"));
        assert!(Matcher::new("a", MatchOp::Matches, "(.*").is_err());
    }

    #[test]
    fn a_missing_label_has_the_empty_value() {
        let labels = Labels::new([("job", "x")]);
        assert!(Matcher::equal("other", "").matches(&labels));
        assert!(Matcher::new("other", MatchOp::NotEqual, "y").unwrap().matches(&labels));
    }
}
