//! Taking a mapping apart field by field. What is wrong is collected, so that one reading names every mistake of a file.

use super::{Kind, Node, Place, Problem};

/// Mistakes found so far.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Notes a mistake.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.0.push(Problem { place, message: message.into() });
    }

    /// The value if nothing was wrong, else every mistake in the order of the file.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        self.0.sort_by_key(|problem| problem.place);
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    /// The fields of a mapping called `what` in messages; nothing where there is none.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        match &node.kind {
            Kind::Map(pairs) => Some(Fields { place: node.place, what, pairs, taken: vec![false; pairs.len()] }),
            _ if node.is_null() => Some(Fields { place: node.place, what, pairs: &[], taken: Vec::new() }),
            _ => {
                self.add(node.place, format!("{what} must be a mapping, not {}", node.what()));
                None
            }
        }
    }

    /// The items of a list; a null is an empty one.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.add(node.place, format!("{what} must be a list, not {}", node.what()));
                &[]
            }
        }
    }

    /// A single text; empty where it is something else.
    pub fn text(&mut self, node: &Node, what: &str) -> String {
        match node.text() {
            Some(_) if node.is_null() => String::new(),
            Some(text) => text.to_owned(),
            None => {
                self.add(node.place, format!("{what} must be a text, not {}", node.what()));
                String::new()
            }
        }
    }

    /// A duration as Prometheus writes it, in milliseconds.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<i64> {
        let text = self.text(node, what);
        let millis = promql::parse_duration(&text);
        if millis.is_none() {
            self.add(node.place, format!("{what}: {text:?} is no duration; write for example 30s, 5m or 1h30m"));
        }
        millis
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, node: &Node, what: &str) -> bool {
        match node.text() {
            Some("true" | "True" | "TRUE" | "yes" | "on") => true,
            Some("false" | "False" | "FALSE" | "no" | "off") => false,
            _ => {
                self.add(node.place, format!("{what} must be true or false"));
                false
            }
        }
    }

    /// A whole number.
    pub fn integer(&mut self, node: &Node, what: &str) -> i64 {
        match node.text().and_then(|text| text.parse().ok()) {
            Some(number) => number,
            None => {
                self.add(node.place, format!("{what} must be a whole number"));
                0
            }
        }
    }

    /// Names with texts, each with its place, in order of the file.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &'static str) -> Vec<(&'n Node, &'n Node)> {
        let Some(fields) = self.fields(node, what) else { return Vec::new() };
        let mut found = Vec::new();
        for (key, value) in fields.pairs {
            if value.text().is_none() {
                self.add(
                    value.place,
                    format!("{what}: the value of `{}` must be a text", key.text().unwrap_or_default()),
                );
            } else {
                found.push((key, value));
            }
        }
        found
    }
}

/// A mapping being taken apart.
#[derive(Debug)]
pub struct Fields<'n> {
    /// Where it begins.
    pub place: Place,
    what: &'static str,
    pairs: &'n [(Node, Node)],
    taken: Vec<bool>,
}

impl<'n> Fields<'n> {
    /// Takes a field; a null counts as absent.
    pub fn take(&mut self, name: &str) -> Option<&'n Node> {
        let at = self.pairs.iter().position(|(key, _)| key.text() == Some(name))?;
        self.taken[at] = true;
        Some(&self.pairs[at].1).filter(|node| !node.is_null())
    }

    /// Takes a text; empty where it is absent.
    pub fn text(&mut self, name: &'static str, problems: &mut Problems) -> String {
        self.take(name).map_or_else(String::new, |node| problems.text(node, &format!("`{name}`")))
    }

    /// Takes a duration in milliseconds.
    pub fn duration(&mut self, name: &'static str, problems: &mut Problems) -> Option<i64> {
        self.take(name).and_then(|node| problems.duration(node, &format!("`{name}`")))
    }

    /// Takes a switch.
    pub fn boolean(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        self.take(name).map(|node| problems.boolean(node, &format!("`{name}`")))
    }

    /// Takes a list.
    pub fn list(&mut self, name: &'static str, problems: &mut Problems) -> &'n [Node] {
        self.take(name).map_or(&[], |node| problems.items(node, &format!("`{name}`")))
    }

    /// Takes a list of texts; a single text counts as a list of one.
    pub fn list_of_texts(&mut self, name: &'static str, problems: &mut Problems) -> Vec<String> {
        match self.take(name) {
            None => Vec::new(),
            Some(node) if node.text().is_some() => vec![problems.text(node, name)],
            Some(node) => {
                let items = problems.items(node, &format!("`{name}`"));
                items.iter().map(|item| problems.text(item, &format!("each of `{name}`"))).collect()
            }
        }
    }

    /// Whether a field is there, taken or not.
    pub fn place_of(&self, name: &str) -> Option<Place> {
        self.pairs.iter().find(|(key, _)| key.text() == Some(name)).map(|(key, _)| key.place)
    }

    /// Names the fields nobody took.
    pub fn finish(self, problems: &mut Problems) {
        for ((key, _), taken) in self.pairs.iter().zip(&self.taken) {
            if !taken {
                problems.add(key.place, format!("unknown field `{}` in {}", key.text().unwrap_or_default(), self.what));
            }
        }
    }

    /// Leaves what nobody took alone.
    pub fn ignore_rest(self) {}
}
