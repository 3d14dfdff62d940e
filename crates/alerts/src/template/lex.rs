//! Texts and actions of a template, and the words inside actions.

use super::TemplateError;
use crate::yaml::Place;

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Text that stands for itself.
    Text(String),
    /// The words between `{{` and `}}`, and where they begin.
    Action(Vec<(Word, usize)>, usize),
}

/// A word of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word {
    /// A name: a function, a keyword, `true`, `nil`.
    Name(String),
    /// `$x`; `$` alone is the empty name.
    Variable(String),
    /// `.x` directly after something (`chained`) or on its own.
    Field {
        name: String,
        chained: bool,
    },
    /// `.`
    Dot,
    Int(i64),
    Float(f64),
    Text(String),
    Open,
    Close,
    /// A `)` was directly followed by a field: the field belongs to the parentheses. Kept as `Field { chained: true }`.
    Pipe,
    Declare,
    Assign,
    Comma,
}

/// Where byte `at` of `text` is, the first `skipped` bytes not counted.
pub(super) fn place(text: &str, at: usize, skipped: usize) -> Place {
    let at = at.clamp(skipped, text.len());
    let before = &text.as_bytes()[skipped..at];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    Place { line, column: before.len() - start + 1 }
}

/// Takes a template into pieces.
pub(super) fn pieces(text: &str, skipped: usize) -> Result<Vec<Piece>, TemplateError> {
    let error = |at: usize, message: String| TemplateError { at: place(text, at, skipped), message };
    let mut pieces = Vec::new();
    let (mut at, mut trim) = (0, false);
    loop {
        let rest = &text[at..];
        let open = rest.find("{{");
        let mut plain = &rest[..open.unwrap_or(rest.len())];
        if trim {
            plain = plain.trim_start();
        }
        let Some(open) = open else {
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain.to_owned()));
            }
            return Ok(pieces);
        };
        let begin = at + open;
        let mut inside = begin + 2;
        let after = &text[inside..];
        if after.starts_with('-') && after[1..].starts_with(char::is_whitespace) {
            plain = plain.trim_end();
            inside += 1;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        let body = text[inside..].trim_start();
        if body.starts_with("/*") {
            let comment = text.len() - body.len();
            let end = text[comment..].find("*/").ok_or_else(|| error(begin, "a comment is not closed".into()))?;
            let tail = text[comment + end + 2..].trim_start();
            trim = tail.starts_with("-}}");
            if !trim && !tail.starts_with("}}") {
                return Err(error(begin, "a comment must end with `*/}}`".into()));
            }
            at = text.len() - tail.len() + if trim { 3 } else { 2 };
            continue;
        }
        let mut lexer = Lexer { text, at: inside, words: Vec::new() };
        trim = lexer.action().map_err(|(at, message)| error(if at == usize::MAX { begin } else { at }, message))?;
        at = lexer.at;
        pieces.push(Piece::Action(lexer.words, begin));
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    words: Vec<(Word, usize)>,
}

impl Lexer<'_> {
    /// Reads up to `}}`; says whether the text after it is trimmed.
    fn action(&mut self) -> Result<bool, (usize, String)> {
        loop {
            let rest = &self.text[self.at..];
            let blanks = rest.len() - rest.trim_start().len();
            self.at += blanks;
            let rest = &self.text[self.at..];
            if blanks > 0 && rest.starts_with("-}}") {
                self.at += 3;
                return Ok(true);
            }
            if rest.starts_with("}}") {
                self.at += 2;
                return Ok(false);
            }
            if rest.is_empty() {
                return Err((usize::MAX, "unclosed action".into()));
            }
            let start = self.at;
            let word = self.word(rest, blanks > 0)?;
            self.words.push((word, start));
        }
    }

    fn word(&mut self, rest: &str, spaced: bool) -> Result<Word, (usize, String)> {
        let start = self.at;
        let first = rest.chars().next().unwrap_or(' ');
        let chained = !spaced
            && self
                .words
                .last()
                .is_some_and(|(word, _)| matches!(word, Word::Field { .. } | Word::Variable(_) | Word::Close));
        let simple = [
            ("(", Word::Open),
            (")", Word::Close),
            ("|", Word::Pipe),
            (":=", Word::Declare),
            ("=", Word::Assign),
            (",", Word::Comma),
        ];
        if let Some((text, word)) = simple.into_iter().find(|(text, _)| rest.starts_with(text)) {
            self.at += text.len();
            return Ok(word);
        }
        let name_length = |text: &str| {
            text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum::<usize>()
        };
        match first {
            '.' => {
                let length = name_length(&rest[1..]);
                if length == 0 {
                    self.at += 1;
                    return Ok(Word::Dot);
                }
                if rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                    return self.number(rest);
                }
                self.at += 1 + length;
                Ok(Word::Field { name: rest[1..=length].to_owned(), chained })
            }
            '$' => {
                let length = name_length(&rest[1..]);
                self.at += 1 + length;
                Ok(Word::Variable(rest[1..=length].to_owned()))
            }
            '"' => self.quoted(rest),
            '`' => {
                let end = rest[1..].find('`').ok_or((start, "unterminated raw quoted string".to_owned()))?;
                self.at += end + 2;
                Ok(Word::Text(rest[1..=end].to_owned()))
            }
            '\'' => {
                let character = rest[1..].chars().next().filter(|&c| c != '\\' && c != '\'');
                let character = character.ok_or((start, "bad character constant".to_owned()))?;
                if !rest[1 + character.len_utf8()..].starts_with('\'') {
                    return Err((start, "unterminated character constant".into()));
                }
                self.at += 2 + character.len_utf8();
                Ok(Word::Int(i64::from(u32::from(character))))
            }
            c if c.is_ascii_digit()
                || ((c == '-' || c == '+') && rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '.')) =>
            {
                self.number(rest)
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = name_length(rest);
                self.at += length;
                Ok(Word::Name(rest[..length].to_owned()))
            }
            other => Err((start, format!("unexpected {other:?} in an action"))),
        }
    }

    fn number(&mut self, rest: &str) -> Result<Word, (usize, String)> {
        let length = rest
            .char_indices()
            .find(|&(at, c)| {
                let sign = c == '-' || c == '+';
                let exponent = at > 0 && rest[..at].ends_with(['e', 'E']);
                !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || (sign && (at == 0 || exponent)))
            })
            .map_or(rest.len(), |(at, _)| at);
        let text = rest[..length].replace('_', "");
        let whole = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        let word = match whole {
            Some(number) => Word::Int(number),
            None => Word::Float(text.parse().map_err(|_| (self.at, format!("bad number syntax: {text:?}")))?),
        };
        self.at += length;
        Ok(word)
    }

    fn quoted(&mut self, rest: &str) -> Result<Word, (usize, String)> {
        let start = self.at;
        let (mut out, mut characters) = (String::new(), rest.char_indices().skip(1));
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(Word::Text(out));
                }
                '\n' => break,
                '\\' => {
                    let (_, escape) = characters.next().ok_or((start, "unterminated quoted string".to_owned()))?;
                    let mut code = |digits: usize| {
                        let text: String = characters.by_ref().take(digits).map(|(_, c)| c).collect();
                        let number = u32::from_str_radix(&text, 16).ok().and_then(char::from_u32);
                        number.ok_or((start, format!("bad escape in a string: {text:?}")))
                    };
                    out.push(match escape {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'a' => '\u{7}',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'v' => '\u{b}',
                        'x' => code(2)?,
                        'u' => code(4)?,
                        'U' => code(8)?,
                        '\\' | '"' | '\'' => escape,
                        other => return Err((start, format!("unknown escape \\{other} in a string"))),
                    });
                }
                other => out.push(other),
            }
        }
        Err((start, "unterminated quoted string".into()))
    }
}
