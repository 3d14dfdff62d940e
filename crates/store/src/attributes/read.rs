//! Reading encoded values back.

use std::borrow::Cow;
use std::sync::Arc;

use super::*;

/// Members of the outermost object that are made room for at once: attributes of a usual span.
const MEMBERS: usize = 16;

/// Reads what the encoder writes (any JSON, in fact). Numbers are read by the standard library: exact.
pub(super) struct Reader<'t, 'b> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) body: &'b dyn Fn(&BodyHash) -> Option<Arc<str>>,
}

impl<'t> Reader<'t, '_> {
    pub(super) fn error(&self, reason: &'static str) -> ValueError {
        ValueError { reason, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Value<'t>, ValueError> {
        if depth > JSON_DEPTH_MAX {
            return Err(self.error("nested too deep"));
        }
        self.space();
        match self.peek() {
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.word("null") => Ok(Value::Null),
            _ if self.word("true") => Ok(Value::Bool(true)),
            _ if self.word("false") => Ok(Value::Bool(false)),
            _ => Err(self.error("no value")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'t>, ValueError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !self.take(b',') {
                return Err(self.error("no comma"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'t>, ValueError> {
        self.at += 1;
        let mut entries: Fields<'t> = Vec::new();
        if !self.take(b'}') {
            entries.reserve(if depth == 0 { MEMBERS } else { 1 });
            loop {
                self.space();
                let key = self.string()?;
                if !self.take(b':') {
                    return Err(self.error("no colon"));
                }
                entries.push((key, self.value(depth + 1)?));
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return Err(self.error("no comma"));
                }
            }
        }
        match entries.as_mut_slice() {
            [(key, value)] if key.starts_with('$') => {
                let value = std::mem::take(value);
                self.special(key, value)
            }
            _ => Ok(Value::Map(entries)),
        }
    }

    /// What JSON cannot say.
    fn special(&self, key: &str, value: Value<'t>) -> Result<Value<'t>, ValueError> {
        match (key, value) {
            ("$double", Value::Str(word)) => match &*word {
                "NaN" => Ok(Value::Double(f64::NAN)),
                "Infinity" => Ok(Value::Double(f64::INFINITY)),
                "-Infinity" => Ok(Value::Double(f64::NEG_INFINITY)),
                _ => Err(self.error("not a float")),
            },
            ("$bytes", Value::Str(text)) => {
                let bytes = BASE64.decode(&*text).map_err(|_| self.error("not base64"))?;
                Ok(Value::Bytes(Cow::Owned(bytes)))
            }
            // The base64 text was a body, and the body is gone.
            ("$bytes", Value::Null) => Ok(Value::Null),
            ("$map", Value::Array(pairs)) => {
                let pair = |pair| match pair {
                    Value::Array(pair) => match <[Value<'t>; 2]>::try_from(pair) {
                        Ok([Value::Str(key), value]) => Ok((key, value)),
                        _ => Err(self.error("not a pair")),
                    },
                    _ => Err(self.error("not a pair")),
                };
                Ok(Value::Map(pairs.into_iter().map(pair).collect::<Result<_, _>>()?))
            }
            ("$body", Value::Array(parts)) => self.joined(&parts),
            _ => Err(self.error("an unknown kind of value")),
        }
    }

    fn joined(&self, parts: &[Value<'t>]) -> Result<Value<'t>, ValueError> {
        let mut text = String::new();
        for (at, part) in parts.iter().enumerate() {
            let Value::Str(part) = part else { return Err(self.error("not a part of a text")) };
            if at % 2 == 0 {
                text.push_str(part);
                continue;
            }
            let hash = part.parse().map_err(|()| self.error("not a hash"))?;
            match (self.body)(&hash) {
                Some(body) => text.push_str(&body),
                None => return Ok(Value::Null),
            }
        }
        Ok(Value::Str(Cow::Owned(text)))
    }

    fn number(&mut self) -> Result<Value<'t>, ValueError> {
        let from = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let text = &self.text[from..self.at];
        if text.contains(['.', 'e', 'E']) {
            text.parse().map(Value::Double).map_err(|_| self.error("not a number"))
        } else {
            text.parse().map(Value::Int).map_err(|_| self.error("not an integer of 64 bits"))
        }
    }

    /// A text; borrowed where nothing in it is escaped, as in nearly all keys and most values.
    fn string(&mut self) -> Result<Cow<'t, str>, ValueError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("no text"));
        }
        self.at += 1;
        let text = self.text;
        let mut out = String::new();
        loop {
            let rest = &text[self.at..];
            let Some(run) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return Err(self.error("a text without end"));
            };
            let (plain, ends) = (&rest[..run], rest.as_bytes()[run] == b'"');
            self.at += run + 1;
            if ends && out.is_empty() {
                return Ok(Cow::Borrowed(plain));
            }
            out.push_str(plain);
            if ends {
                return Ok(Cow::Owned(out));
            }
            self.escape(&mut out)?;
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), ValueError> {
        let escape = self.peek().ok_or_else(|| self.error("a text without end"))?;
        self.at += 1;
        out.push(match escape {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.error("a bad escape"))?;
                let code = u32::from_str_radix(digits, 16).map_err(|_| self.error("a bad escape"))?;
                self.at += 4;
                // We write control characters this way only; surrogate pairs never.
                char::from_u32(code).ok_or_else(|| self.error("a bad escape"))?
            }
            _ => return Err(self.error("a bad escape")),
        });
        Ok(())
    }
}
