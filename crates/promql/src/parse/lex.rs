//! Tokens.

use super::{Failure, Parsed};
use crate::ast::BinaryOp;

/// What a piece of text is. Words are told apart by the parser, since most can also be names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    End,
    /// A word: keyword, function, metric or label.
    Word,
    /// A number, hexadecimal ones included.
    Number,
    /// `5m`
    Duration,
    /// A text in quotes.
    Text,
    /// An operator written in signs.
    Op(BinaryOp),
    /// `=`
    Assign,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexeme {
    pub token: Token,
    pub start: usize,
    pub end: usize,
}

/// Cuts `text` into tokens, the last one being [`Token::End`].
pub(super) fn lex(text: &str) -> Parsed<Vec<Lexeme>> {
    let mut lexer = Lexer { text, at: 0, in_braces: false, in_brackets: false };
    let mut lexemes = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        let token = lexer.next()?;
        lexemes.push(Lexeme { token, start, end: lexer.at });
        if token == Token::End {
            return Ok(lexemes);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    in_braces: bool,
    in_brackets: bool,
}

impl Lexer<'_> {
    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) {
        self.at += self.rest().iter().take_while(|&&byte| accept(byte)).count();
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|byte| byte.is_ascii_whitespace());
            if self.rest().first() != Some(&b'#') {
                return;
            }
            self.take_while(|byte| byte != b'\n');
        }
    }

    fn next(&mut self) -> Parsed<Token> {
        let rest = self.rest();
        let Some(&first) = rest.first() else { return Ok(Token::End) };
        let second = rest.get(1).copied().unwrap_or(0);
        if matches!(first, b'"' | b'\'' | b'`') {
            return self.quoted(first);
        }
        if first.is_ascii_digit() || first == b'.' && second.is_ascii_digit() {
            return self.number();
        }
        if first.is_ascii_alphabetic() || first == b'_' || first == b':' && !self.in_brackets && !self.in_braces {
            let colons = !self.in_braces && !self.in_brackets;
            self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':' && colons);
            return Ok(Token::Word);
        }
        let (token, length) = self.sign(first, second)?;
        self.at += length;
        match token {
            Token::LeftBrace => self.in_braces = true,
            Token::RightBrace => self.in_braces = false,
            Token::LeftBracket => self.in_brackets = true,
            Token::RightBracket => self.in_brackets = false,
            _ => {}
        }
        Ok(token)
    }

    fn sign(&self, first: u8, second: u8) -> Parsed<(Token, usize)> {
        use BinaryOp::*;
        Ok(match (first, second) {
            (b'=', b'=') => (Token::Op(Equal), 2),
            (b'=', b'~') => (Token::Matches, 2),
            (b'=', _) => (Token::Assign, 1),
            (b'!', b'=') => (Token::Op(NotEqual), 2),
            (b'!', b'~') => (Token::NotMatches, 2),
            (b'<', b'=') => (Token::Op(LessEqual), 2),
            (b'<', b'/') => (Token::Op(TrimUpper), 2),
            (b'<', _) => (Token::Op(Less), 1),
            (b'>', b'=') => (Token::Op(GreaterEqual), 2),
            (b'>', b'/') => (Token::Op(TrimLower), 2),
            (b'>', _) => (Token::Op(Greater), 1),
            (b'+', _) => (Token::Op(Add), 1),
            (b'-', _) => (Token::Op(Sub), 1),
            (b'*', _) => (Token::Op(Mul), 1),
            (b'/', _) => (Token::Op(Div), 1),
            (b'%', _) => (Token::Op(Mod), 1),
            (b'^', _) => (Token::Op(Pow), 1),
            (b'(', _) => (Token::LeftParen, 1),
            (b')', _) => (Token::RightParen, 1),
            (b'{', _) => (Token::LeftBrace, 1),
            (b'}', _) => (Token::RightBrace, 1),
            (b'[', _) => (Token::LeftBracket, 1),
            (b']', _) => (Token::RightBracket, 1),
            (b',', _) => (Token::Comma, 1),
            (b':', _) => (Token::Colon, 1),
            (b'@', _) => (Token::At, 1),
            _ => {
                let character = self.text[self.at..].chars().next().unwrap_or_default();
                return Err(Failure::new(self.at, format!("unexpected character: {character:?}")));
            }
        })
    }

    fn quoted(&mut self, quote: u8) -> Parsed<Token> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.rest() {
                [] => return Err(Failure::new(start, "unterminated quoted string")),
                [b'\n', ..] if quote != b'`' => return Err(Failure::new(start, "unterminated quoted string")),
                [b'\\', _, ..] if quote != b'`' => self.at += 2,
                &[byte, ..] => {
                    self.at += 1;
                    if byte == quote {
                        return Ok(Token::Text);
                    }
                }
            }
            // An escape may have stepped into a character of several bytes.
            while !self.text.is_char_boundary(self.at) {
                self.at += 1;
            }
        }
    }

    fn number(&mut self) -> Parsed<Token> {
        let start = self.at;
        if matches!(self.rest(), [b'0', b'x' | b'X', ..]) {
            self.at += 2;
            self.take_while(|byte| byte.is_ascii_hexdigit() || byte == b'_');
            return self.end_of_number(start, Token::Number);
        }
        self.take_while(|byte| byte.is_ascii_digit() || byte == b'_');
        if matches!(self.rest().first(), Some(b's' | b'm' | b'h' | b'd' | b'w' | b'y')) {
            self.take_while(|byte| byte.is_ascii_digit() || matches!(byte, b's' | b'm' | b'h' | b'd' | b'w' | b'y'));
            return self.end_of_number(start, Token::Duration);
        }
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit() || byte == b'_');
        }
        if matches!(self.rest().first(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.rest().first(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.take_while(|byte| byte.is_ascii_digit());
        }
        self.end_of_number(start, Token::Number)
    }

    fn end_of_number(&mut self, start: usize, token: Token) -> Parsed<Token> {
        if self.rest().first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let found = &self.text[start..self.at];
            return Err(Failure::new(start, format!("bad number or duration syntax: {found:?}")));
        }
        Ok(token)
    }
}
