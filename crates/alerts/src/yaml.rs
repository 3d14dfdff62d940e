//! YAML as a tree in which every value knows its place, so that an error can name line and column.
//!
//! Scalars stay the text that was written: `version: 1.10` is a label value of four characters, not a number.

mod fields;

use std::collections::HashMap;
use std::fmt;

use saphyr_parser::{Event, Parser, ScalarStyle};

pub use self::fields::{Fields, Problems};

/// Values one file may hold, those an alias repeats included; it bounds what a few lines of nested aliases can become.
pub const MAX_VALUES: usize = 1_000_000;
/// Lists and mappings that may be inside each other.
pub const MAX_DEPTH: usize = 64;

/// Line and column in a file, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and where it helps, what to do.
    pub message: String,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// The value.
    pub kind: Kind,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A text as written. `plain` where it has no quotes, so that `~`, `null`, `true` and numbers mean what YAML says.
    Scalar {
        /// The text.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, without repeated keys.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Whether nothing was written, or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn what(&self) -> &'static str {
        match self.kind {
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Reads a file with one document. An empty file is a null.
pub fn parse(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), values: 0, text };
    builder.document()
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    values: usize,
    text: &'a str,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, Place { line: span.start.line(), column: span.start.col() + 1 })),
            Some(Err(error)) => {
                let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
                Err(Problem { place, message: self.explain(place, error.info()) })
            }
            None => Ok((Event::StreamEnd, Place::default())),
        }
    }

    /// What a syntax error most likely means. A group printed without its `rules:` line is common enough to be named.
    fn explain(&self, place: Place, info: &str) -> String {
        let rule = |line: &str| line.trim_start().starts_with("- alert:") || line.trim_start().starts_with("- record:");
        let lines: Vec<&str> = self.text.lines().take(place.line.saturating_add(1)).collect();
        // The scanner may notice a line late, so the last rule before the error and what stands above it decide.
        let stray = lines.iter().rposition(|line| rule(line)).filter(|&at| {
            let above = lines[..at].iter().rev().find(|line| {
                let line = line.trim_start();
                !line.is_empty() && !line.starts_with('#')
            });
            above.is_some_and(|line| {
                !line.trim_end().ends_with("rules:")
                    && line.trim_start().starts_with(|c: char| c.is_alphabetic() || c == '-')
            }) && !lines[..at].iter().any(|line| line.trim() == "rules:")
        });
        match stray {
            Some(at) => format!(
                "a list of rules begins at line {} without a `rules:` line above it; put `rules:` at the indentation of the group's `name:`",
                at + 1
            ),
            None => format!("not valid YAML: {info}"),
        }
    }

    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                _ if root.is_some() => {
                    return Err(Problem { place, message: "a second document begins here; one file holds one".into() });
                }
                event => root = Some(self.value(event, place, 0)?),
            }
        }
        Ok(root.unwrap_or(Node {
            place: Place { line: 1, column: 1 },
            kind: Kind::Scalar { text: String::new(), plain: true },
        }))
    }

    fn value(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem { place, message: format!("nested deeper than {MAX_DEPTH} levels") });
        }
        self.count(1, place)?;
        let (kind, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned();
                let node =
                    node.ok_or_else(|| Problem { place, message: "an alias to something that holds it".into() })?;
                self.count(size(&node), place)?;
                return Ok(node);
            }
            _ => return Err(Problem { place, message: "not valid YAML: a value is missing".into() }),
        };
        let node = Node { place, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, values: usize, place: Place) -> Result<(), Problem> {
        self.values += values;
        if self.values > MAX_VALUES {
            return Err(Problem { place, message: format!("the file holds more than {MAX_VALUES} values") });
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, place) => items.push(self.value(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Kind, Problem> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, place) => self.value(event, place, depth + 1)?,
            };
            let (event, place) = self.next()?;
            let value = self.value(event, place, depth + 1)?;
            match key.text() {
                None => return Err(Problem { place: key.place, message: "a key must be a single value".into() }),
                Some("<<") => merged.push(value),
                Some(name) if pairs.iter().any(|(other, _)| other.text() == Some(name)) => {
                    return Err(Problem { place: key.place, message: format!("the key `{name}` is there twice") });
                }
                Some(_) => pairs.push((key, value)),
            }
        }
        for node in merged {
            merge(node, &mut pairs)?;
        }
        Ok(Kind::Map(pairs))
    }
}

/// `<<:`: the pairs of another mapping whose keys are not there yet.
fn merge(node: Node, pairs: &mut Vec<(Node, Node)>) -> Result<(), Problem> {
    match node.kind {
        Kind::Map(other) => {
            for (key, value) in other {
                if !pairs.iter().any(|(present, _)| present.text() == key.text()) {
                    pairs.push((key, value));
                }
            }
            Ok(())
        }
        Kind::List(list) => list.into_iter().try_for_each(|node| merge(node, pairs)),
        Kind::Scalar { .. } => Err(Problem { place: node.place, message: "`<<` takes a mapping".into() }),
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 1,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(pairs) => 1 + pairs.iter().map(|(_, value)| 1 + size(value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests;
