//! Large texts, kept once: finding them in what was sent, and naming them.
//!
//! An LLM call repeats its whole conversation, so a text that is JSON is cut at the elements of its arrays: each message
//! becomes a body of its own, and the next round refers to it again. Cutting only ever takes exact slices of the text, so
//! putting the parts back together gives the text that was sent, whatever it was.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// Texts shorter than this stay where they are.
pub const BODY_BYTES_MIN: usize = 256;
/// Elements of a JSON array shorter than this stay in the text around them: a reference takes 35 bytes.
pub const ELEMENT_BYTES_MIN: usize = 64;
/// Arrays and objects further inside than this are not cut: `{"input":{"messages":[[…]]}}` is four deep.
const CUT_DEPTH: u32 = 4;

/// Name of a body: the first 128 bits of BLAKE3 over its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyHash([u8; 16]);

impl BodyHash {
    /// The name of `text`.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BodyHash {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !hex {
            return Err(());
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ())
    }
}

/// A part of a text: itself, or the name of the body it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Literal(&'a str),
    Body(BodyHash),
}

/// Texts of one request by what they say: a conversation comes again with every round, and comparing a text with one that
/// is known costs less than naming it again.
#[derive(Default)]
pub(crate) struct Texts {
    known: HashMap<u64, (BodyHash, Arc<str>), foldhash::fast::RandomState>,
}

impl Texts {
    /// The name of a text, and the text as it is kept.
    fn name(&mut self, text: &str) -> (BodyHash, Arc<str>) {
        let place = self.known.hasher().hash_one(text);
        if let Some((hash, known)) = self.known.get(&place)
            && **known == *text
        {
            return (*hash, Arc::clone(known));
        }
        let named = (BodyHash::of(text), Arc::from(text));
        self.known.insert(place, named.clone());
        named
    }
}

/// Collects the bodies of one span.
pub(crate) struct Splitter<'t> {
    texts: &'t mut Texts,
    /// Bodies in the order met, repeats included.
    pub bodies: Vec<(BodyHash, Arc<str>)>,
}

impl<'t> Splitter<'t> {
    /// A splitter that has met nothing yet, for a request with these texts.
    pub fn new(texts: &'t mut Texts) -> Self {
        Self { texts, bodies: Vec::new() }
    }

    /// The parts of a text of at least [`BODY_BYTES_MIN`] bytes.
    pub fn split<'a>(&mut self, text: &'a str) -> Vec<Part<'a>> {
        let cuts = cuts(text).unwrap_or_default();
        let mut parts = Vec::with_capacity(cuts.len() * 2 + 1);
        let mut from = 0;
        for cut in cuts {
            self.between(&mut parts, &text[from..cut.start]);
            parts.push(self.whole(&text[cut.start..cut.end]));
            from = cut.end;
        }
        self.between(&mut parts, &text[from..]);
        parts
    }

    /// Takes a whole text as one body.
    pub fn whole<'a>(&mut self, text: &str) -> Part<'a> {
        let named = self.texts.name(text);
        let hash = named.0;
        self.bodies.push(named);
        Part::Body(hash)
    }

    fn between<'a>(&mut self, parts: &mut Vec<Part<'a>>, text: &'a str) {
        if text.len() >= BODY_BYTES_MIN {
            parts.push(self.whole(text));
        } else if !text.is_empty() {
            parts.push(Part::Literal(text));
        }
    }
}

/// Where to cut a JSON text, in order and without overlap; `None` for a text that is not a JSON array or object.
fn cuts(text: &str) -> Option<Vec<Range<usize>>> {
    let mut scanner = Scanner { bytes: text.as_bytes(), at: 0, cuts: Vec::new() };
    scanner.space();
    if !matches!(scanner.peek()?, b'[' | b'{') {
        return None;
    }
    scanner.container(1)?;
    scanner.space();
    (scanner.at == text.len()).then_some(scanner.cuts)
}

/// Walks over JSON without building it. It checks only what it needs to find the ends of things; a text it misreads is
/// cut at odd places, which costs some sharing and nothing else.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    cuts: Vec<Range<usize>>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Goes through an array or object and cuts what is inside.
    fn container(&mut self, depth: u32) -> Option<()> {
        let array = self.peek()? == b'[';
        let close = if array { b']' } else { b'}' };
        self.at += 1;
        self.space();
        if self.peek()? == close {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            if !array {
                self.string()?;
                self.space();
                self.expect(b':')?;
                self.space();
            }
            // An object in an array is a message (or a tool, a document): it stays whole.
            let inside = match self.peek()? {
                b'[' => depth < CUT_DEPTH,
                b'{' => !array && depth < CUT_DEPTH,
                _ => false,
            };
            if inside {
                self.container(depth + 1)?;
            } else {
                let start = self.at;
                self.value()?;
                if self.at - start >= ELEMENT_BYTES_MIN {
                    self.cuts.push(start..self.at);
                }
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Steps over a value.
    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b'[' | b'{' => {
                let mut depth = 0usize;
                loop {
                    match self.peek()? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'[' | b'{' => depth += 1,
                        b']' | b'}' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        return Some(());
                    }
                }
            }
            b',' | b']' | b'}' | b':' => None,
            _ => {
                // A number or a word: until what can follow it. Only ASCII bytes end it, so cuts fall between characters.
                while !matches!(self.peek(), None | Some(b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')) {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    /// Steps over a string.
    fn string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            // Most of a conversation is inside of strings: this goes through it sixteen bytes and more at a time.
            self.at += memchr::memchr2(b'"', b'\\', self.bytes.get(self.at..)?)?;
            if self.peek()? == b'"' {
                self.at += 1;
                return Some(());
            }
            self.at += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut texts = Texts::default();
        let mut splitter = Splitter::new(&mut texts);
        let parts = splitter.split(text);
        let mut bodies = splitter.bodies.into_iter();
        let mut pieces = Vec::new();
        for part in parts {
            pieces.push(match part {
                Part::Literal(text) => text.to_owned(),
                Part::Body(hash) => {
                    let (name, body) = bodies.next().unwrap();
                    assert_eq!(name, hash);
                    format!("#{body}")
                }
            });
        }
        pieces
    }

    #[test]
    fn a_conversation_is_cut_into_its_messages_wherever_a_framework_puts_it() {
        let message = |text: &str| format!(r#"{{"role":"user","content":"{text} {}"}}"#, "x".repeat(80));
        let (one, two) = (message("a [ \\\" ] , "), message("b"));
        assert_eq!(pieces(&format!("[{one}, {two}]")), ["[", &format!("#{one}"), ", ", &format!("#{two}"), "]"]);
        let langgraph = format!(r#"{{"input":{{"messages":[[{one},{two}]]}},"n":1}}"#);
        assert_eq!(
            pieces(&langgraph),
            [r#"{"input":{"messages":[["#, &format!("#{one}"), ",", &format!("#{two}"), r#"]]},"n":1}"#]
        );
    }

    #[test]
    fn a_text_that_comes_again_has_the_same_name_and_is_kept_once() {
        let mut texts = Texts::default();
        let mut splitter = Splitter::new(&mut texts);
        for text in ["one", "two", "one"] {
            splitter.whole(text);
        }
        let [one, two, again] = splitter.bodies.as_slice() else { panic!("three bodies") };
        assert_eq!((one.0, two.0, again.0), (BodyHash::of("one"), BodyHash::of("two"), BodyHash::of("one")));
        assert!(Arc::ptr_eq(&one.1, &again.1));
    }

    #[test]
    fn what_is_not_json_is_one_body() {
        for text in ["plain text".repeat(40), format!("[1, 2{}", " ".repeat(300)), format!("[\"{}", "\\".repeat(301))] {
            assert_eq!(pieces(&text), [format!("#{text}")]);
        }
    }

    #[test]
    fn small_members_between_messages_do_not_stay_behind_as_large_text() {
        let members: Vec<String> = (0..100).map(|at| format!(r#""key{at}":{at}"#)).collect();
        let text = format!(r#"{{{},"long":"{}"}}"#, members.join(","), "y".repeat(100));
        let pieces = pieces(&text);
        assert_eq!(pieces.len(), 3);
        assert!(pieces[0].starts_with("#{\"key0\""));
    }

    #[test]
    fn a_hash_reads_back_from_its_text() {
        let hash = BodyHash::of("hello");
        // The first half of BLAKE3("hello"), as b3sum prints it.
        assert_eq!(hash.to_string(), "ea8f163db38682925e4491c5e58d4bb3");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!("+a8f163db38682925e4491c5e58d4bb3".parse::<BodyHash>(), Err(()));
    }
}
