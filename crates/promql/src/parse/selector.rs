//! Selectors, ranges, `offset` and `@`.

use std::sync::Arc;

use super::expr::Parser;
use super::lex::Token;
use super::{Failure, Parsed};
use crate::ast::*;
use crate::labels::METRIC_NAME;
use crate::matcher::{MatchOp, Matcher};
use crate::quote::quoted;

impl Parser<'_> {
    /// A selector whose name, if any, has been taken.
    pub fn selector(&mut self, name: Option<Arc<str>>, start: usize) -> Parsed<Node> {
        let (mut name, mut matchers) = (name, Vec::new());
        if self.accept(Token::LeftBrace) {
            while !self.accept(Token::RightBrace) {
                self.matcher(&mut name, &mut matchers)?;
                if self.peek() != Token::RightBrace {
                    self.expect(Token::Comma, "label matching, expected \",\" or \"}\"")?;
                }
            }
        }
        if let Some(name) = &name {
            matchers.insert(0, Matcher::equal(METRIC_NAME, name));
        }
        let selector = Selector { name, matchers, when: When::default(), extension: Extension::None };
        self.node(start, Expr::Vector(selector))
    }

    fn matcher(&mut self, name: &mut Option<Arc<str>>, matchers: &mut Vec<Matcher>) -> Parsed<()> {
        let lexeme = self.lexeme();
        let label: Arc<str> = match lexeme.token {
            Token::Word => self.slice(lexeme).into(),
            Token::Text => self.utf8(lexeme)?,
            _ => return Err(self.unexpected("label matching, expected identifier or \"}\"")),
        };
        self.advance();
        let op = match self.peek() {
            Token::Assign => MatchOp::Equal,
            Token::Op(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Token::Matches => MatchOp::Matches,
            Token::NotMatches => MatchOp::NotMatches,
            Token::Comma | Token::RightBrace if lexeme.token == Token::Text => {
                if let Some(first) = name.replace(label.clone()) {
                    let message =
                        format!("metric name must not be set twice: {} or {}", quoted(&first), quoted(&label));
                    return Err(Failure::new(lexeme.start, message));
                }
                return Ok(());
            }
            _ => return Err(self.unexpected("label matching, expected label matching operator")),
        };
        self.advance();
        let value = self.expect(Token::Text, "label matching, expected string")?;
        let matcher = Matcher::new(&label, op, &self.utf8(value)?);
        matchers
            .push(matcher.map_err(|message| Failure::new(value.start, format!("error parsing regexp: {message}")))?);
        Ok(())
    }

    /// `[5m]` or `[5m:1m]` behind `node`.
    pub fn range(&mut self, node: Node) -> Parsed<Node> {
        let (start, bracket) = (node.start, self.advance().start);
        let range = self.duration_in_brackets(true)?;
        if self.accept(Token::Colon) {
            let step = if self.peek() == Token::RightBracket { None } else { Some(self.duration_in_brackets(true)?) };
            self.expect(Token::RightBracket, "subquery selector")?;
            let subquery = Subquery { inner: node, range, step, when: When::default() };
            return self.node(start, Expr::Subquery(Box::new(subquery)));
        }
        self.expect(Token::RightBracket, "range selector, expected \"]\" or \":\"")?;
        match node.expr {
            Expr::Vector(selector) => {
                let early = |what: &str| Failure::new(bracket, format!("no {what} modifiers allowed before range"));
                if selector.when.offset.is_some() {
                    return Err(early("offset"));
                }
                if selector.when.at.is_some() {
                    return Err(early("@"));
                }
                self.node(start, Expr::Matrix(selector, range))
            }
            _ => Err(Failure::new(start, "ranges only allowed for vector selectors")),
        }
    }

    pub fn at_modifier(&mut self, mut node: Node) -> Parsed<Node> {
        let sign = self.advance();
        let at = match self.word().as_str() {
            word @ ("start" | "end") => {
                self.advance();
                self.expect(Token::LeftParen, "@")?;
                self.expect(Token::RightParen, "@")?;
                if word == "start" { At::Start } else { At::End }
            }
            _ => {
                let negative = self.accept(Token::Op(BinaryOp::Sub));
                if !negative {
                    self.accept(Token::Op(BinaryOp::Add));
                }
                let number = self.number().map_err(|_| self.unexpected("@, expected timestamp"))?;
                let Expr::Number { value, .. } = number else { return Err(self.unexpected("@, expected timestamp")) };
                let millis = if negative { -value } else { value } * 1000.0;
                if !millis.is_finite() || millis.abs() >= i64::MAX as f64 / 2.0 {
                    return Err(Failure::new(sign.start, format!("timestamp out of bounds for @ modifier: {value}")));
                }
                At::Time(millis.round() as i64)
            }
        };
        let Some(when) = when_of(&mut node) else {
            let message =
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(Failure::new(node.start, message));
        };
        if when.at.replace(at).is_some() {
            return Err(Failure::new(sign.start, "@ <timestamp> may not be set multiple times"));
        }
        node.end = self.last_end();
        Ok(node)
    }

    pub fn offset_modifier(&mut self, mut node: Node) -> Parsed<Node> {
        let word = self.advance();
        let offset = self.offset_duration()?;
        let Some(when) = when_of(&mut node) else {
            let message =
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return Err(Failure::new(node.start, message));
        };
        if when.offset.replace(offset).is_some() {
            return Err(Failure::new(word.start, "offset may not be set multiple times"));
        }
        node.end = self.last_end();
        Ok(node)
    }

    /// `anchored` or `smoothed` behind a selector.
    pub fn extension(&mut self, mut node: Node, extension: Extension) -> Parsed<Node> {
        let word = self.advance();
        match &mut node.expr {
            Expr::Matrix(selector, _) if selector.extension == Extension::None => selector.extension = extension,
            Expr::Vector(selector) if extension == Extension::Smoothed && selector.extension == Extension::None => {
                selector.extension = extension;
            }
            Expr::Matrix(..) | Expr::Vector(_) => {
                return Err(Failure::new(
                    word.start,
                    "anchored and smoothed modifiers cannot be used together, nor twice, and anchored needs a range",
                ));
            }
            _ => return Err(Failure::new(word.start, "anchored and smoothed modifiers need a selector")),
        }
        node.end = self.last_end();
        Ok(node)
    }
}

fn when_of(node: &mut Node) -> Option<&mut When> {
    match &mut node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => Some(&mut selector.when),
        Expr::Subquery(subquery) => Some(&mut subquery.when),
        _ => None,
    }
}
