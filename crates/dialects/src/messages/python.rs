//! Python literals: what `str()` of a dictionary gives, which some instrumentations send where JSON belongs
//! (LiteLLM's usage and raw answers). `{'a': None}` is read as `{"a": null}`.

use serde_json::{Map, Number, Value as Json};

/// Lists and dictionaries inside each other that are followed.
const MAX_DEPTH: usize = 32;

/// The value of a dictionary or list as Python writes it; `None` where the text is anything else, objects of classes included.
pub(crate) fn literal(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text.trim() };
    if !reader.rest.starts_with(['{', '[']) {
        return None;
    }
    let value = reader.value(MAX_DEPTH)?;
    reader.rest.trim().is_empty().then_some(value)
}

/// The dictionary or list that `text` begins with; what follows is not looked at.
pub(crate) fn literal_at(text: &str) -> Option<Json> {
    text.starts_with(['{', '[']).then(|| Reader { rest: text }.value(MAX_DEPTH)).flatten()
}

/// The last words in messages that Python printed as objects: `ChatMessage(… [TextContent(text='…')] …)` (Haystack, LlamaIndex).
pub(crate) fn last_text(printed: &str) -> Option<String> {
    if !printed.contains("ChatMessage(") {
        return None;
    }
    let mut rest = printed;
    while let Some((before, found)) = rest.rsplit_once("text=") {
        if let Some(quote @ ('\'' | '"')) = found.chars().next() {
            let text = Reader { rest: &found[1..] }.string(quote);
            // A text that ends in the middle was cut by its sender.
            if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                return Some(text);
            }
        }
        rest = before;
    }
    None
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    /// Takes `mark` if it comes next, white space aside.
    fn take(&mut self, mark: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth == 0 {
            return None;
        }
        if self.take('{') {
            let mut members = Map::new();
            while !self.take('}') {
                let key = match self.value(depth - 1)? {
                    Json::String(key) => key,
                    other => other.to_string(),
                };
                if !self.take(':') {
                    return None;
                }
                members.insert(key, self.value(depth - 1)?);
                if !self.take(',') && !self.rest.trim_start().starts_with('}') {
                    return None;
                }
            }
            return Some(Json::Object(members));
        }
        for (open, close) in [('[', ']'), ('(', ')')] {
            if self.take(open) {
                let mut items = Vec::new();
                while !self.take(close) {
                    items.push(self.value(depth - 1)?);
                    if !self.take(',') && !self.rest.trim_start().starts_with(close) {
                        return None;
                    }
                }
                return Some(Json::Array(items));
            }
        }
        for quote in ['\'', '"'] {
            if self.take(quote) {
                return self.string(quote).map(Json::String);
            }
        }
        self.word()
    }

    /// The rest of a string after its opening quote.
    fn string(&mut self, quote: char) -> Option<String> {
        let (mut text, mut characters) = (String::new(), self.rest.char_indices());
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.rest = &self.rest[at + quote.len_utf8()..];
                    return Some(text);
                }
                '\\' => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    escape @ ('x' | 'u' | 'U') => {
                        let digits = match escape {
                            'x' => 2,
                            'u' => 4,
                            _ => 8,
                        };
                        let mut code = 0;
                        for _ in 0..digits {
                            code = code * 16 + characters.next()?.1.to_digit(16)?;
                        }
                        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        None
    }

    /// `None`, a truth value or a number.
    fn word(&mut self) -> Option<Json> {
        let end = self.rest.find([',', '}', ']', ')', ':', ' ', '\n']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "None" => Json::Null,
            "True" => Json::Bool(true),
            "False" => Json::Bool(false),
            number => match number.parse::<i64>() {
                Ok(whole) => Json::from(whole),
                Err(_) => Json::Number(Number::from_f64(number.parse().ok()?)?),
            },
        };
        self.rest = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dictionary_as_python_prints_it_is_read() {
        let printed = r#"{'prompt_tokens': 57, 'details': {'cached': None, "it's": True}, 'list': [1.5, 'a\n\x41\u00e4', ()], 3: False,}"#;
        let wanted = json!({"prompt_tokens": 57, "details": {"cached": null, "it's": true}, "list": [1.5, "a\nAä", []], "3": false});
        assert_eq!(literal(printed), Some(wanted));
    }

    #[test]
    fn words_are_found_in_printed_messages() {
        let printed = "ChatMessage(_content=[TextContent(text='a')]), ChatMessage(_content=[TextContent(text=\"it's\\nb\")], _meta={})";
        assert_eq!(last_text(printed).as_deref(), Some("it's\nb"));
        assert_eq!(last_text("ChatMessage(blocks=[TextBlock(text='a'), TextBlock(text='cut").as_deref(), Some("a"));
        assert_eq!(last_text("Other(text='a')"), None);
        assert_eq!(literal_at("{'a': 1}, b=2)"), Some(json!({"a": 1})));
    }

    #[test]
    fn what_is_no_literal_is_none() {
        for text in [
            "",
            "{",
            "{'a'",
            "{'a': }",
            "{'a': Usage(x=1)}",
            "plain",
            "['a' 'b']",
            "{'a': '\\x4'}",
            "[1] 2",
            "{'a': 'b\\",
        ] {
            assert_eq!(literal(text), None, "{text}");
        }
        assert_eq!(literal(&"[".repeat(100_000)), None);
    }
}
