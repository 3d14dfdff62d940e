//! Expressions.

use std::sync::Arc;

use super::lex::{Lexeme, Token, lex};
use super::text::parse_number;
use super::{Failure, MAX_HEIGHT, MAX_NESTING, Parsed};
use crate::ast::*;
use crate::functions::Function;
use crate::{duration, functions};

/// Words that cannot be a metric name.
const RESERVED: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

/// Binding strength of the operators; a unary sign binds like `*`, so `-a ^ b` is `-(a ^ b)`.
const UNARY_STRENGTH: u8 = 6;

fn strength(op: BinaryOp) -> u8 {
    use BinaryOp::*;
    match op {
        Or => 1,
        And | Unless => 2,
        Equal | NotEqual | Greater | Less | GreaterEqual | LessEqual | TrimUpper | TrimLower => 3,
        Add | Sub => 4,
        Mul | Div | Mod | Atan2 => 5,
        Pow => UNARY_STRENGTH,
    }
}

pub(super) struct Parser<'a> {
    pub text: &'a str,
    lexemes: Vec<Lexeme>,
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Parsed<Self> {
        Ok(Self { text, lexemes: lex(text)?, at: 0, depth: 0 })
    }

    /// The whole text as one expression.
    pub fn whole(&mut self) -> Parsed<Node> {
        if self.peek() == Token::End {
            return Err(self.fail("no expression found in input"));
        }
        let node = self.expression(0)?;
        if self.peek() != Token::End {
            return Err(self.unexpected(""));
        }
        Ok(node)
    }

    pub fn lexeme(&self) -> Lexeme {
        self.lexemes[self.at]
    }

    pub fn peek(&self) -> Token {
        self.lexeme().token
    }

    fn peek_second(&self) -> Token {
        self.lexemes.get(self.at + 1).map_or(Token::End, |lexeme| lexeme.token)
    }

    pub fn advance(&mut self) -> Lexeme {
        let lexeme = self.lexeme();
        if lexeme.token != Token::End {
            self.at += 1;
        }
        lexeme
    }

    pub fn accept(&mut self, token: Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.advance();
        }
        found
    }

    pub fn expect(&mut self, token: Token, context: &str) -> Parsed<Lexeme> {
        if self.peek() == token { Ok(self.advance()) } else { Err(self.unexpected(context)) }
    }

    /// End of the last token taken.
    pub fn last_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |last| self.lexemes[last].end)
    }

    pub fn slice(&self, lexeme: Lexeme) -> &'a str {
        &self.text[lexeme.start..lexeme.end]
    }

    /// The word at hand in lower case; empty where it is none.
    pub fn word(&self) -> String {
        if self.peek() == Token::Word { self.slice(self.lexeme()).to_ascii_lowercase() } else { String::new() }
    }

    pub fn accept_word(&mut self, word: &str) -> bool {
        let found = self.peek() == Token::Word && self.slice(self.lexeme()).eq_ignore_ascii_case(word);
        if found {
            self.advance();
        }
        found
    }

    pub fn fail(&self, message: impl Into<String>) -> Failure {
        Failure::new(self.lexeme().start, message)
    }

    pub fn unexpected(&self, context: &str) -> Failure {
        let lexeme = self.lexeme();
        let found = match lexeme.token {
            Token::End => "end of input".to_owned(),
            Token::Text => format!("string {}", self.slice(lexeme)),
            Token::Number => format!("number {:?}", self.slice(lexeme)),
            Token::Duration => format!("duration {:?}", self.slice(lexeme)),
            Token::Word => format!("identifier {:?}", self.slice(lexeme)),
            _ => format!("{:?}", self.slice(lexeme)),
        };
        let context = if context.is_empty() { String::new() } else { format!(" in {context}") };
        self.fail(format!("unexpected {found}{context}"))
    }

    /// A node over `expr`, one level higher than its highest child.
    pub fn node(&self, start: usize, expr: Expr) -> Parsed<Node> {
        let mut node = Node { start, end: self.last_end(), height: 0, expr };
        node.height = node.children().iter().map(|child| child.height).max().unwrap_or(0) + 1;
        if node.height > MAX_HEIGHT {
            return Err(too_deep(start));
        }
        Ok(node)
    }

    pub fn expression(&mut self, weakest: u8) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(self
                .fail(format!("the query has more than {MAX_NESTING} parentheses, calls or signs inside each other")));
        }
        let mut left = self.unary()?;
        while let Some(op) = self.binary_operator().filter(|&op| strength(op) >= weakest) {
            self.advance();
            let (return_bool, matching) = self.modifiers(op)?;
            // `^` groups to the right, the others to the left.
            let right = self.expression(strength(op) + u8::from(op != BinaryOp::Pow))?;
            let start = left.start;
            left = self.node(start, Expr::Binary(Box::new(Binary { op, left, right, return_bool, matching })))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn binary_operator(&self) -> Option<BinaryOp> {
        match self.peek() {
            Token::Op(op) => Some(op),
            Token::Word => match self.word().as_str() {
                "and" => Some(BinaryOp::And),
                "or" => Some(BinaryOp::Or),
                "unless" => Some(BinaryOp::Unless),
                "atan2" => Some(BinaryOp::Atan2),
                _ => None,
            },
            _ => None,
        }
    }

    /// `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill`.
    fn modifiers(&mut self, op: BinaryOp) -> Parsed<(bool, Matching)> {
        let return_bool = self.accept_word("bool");
        let mut matching = Matching::default();
        if op.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        let on = self.accept_word("on");
        if on || self.accept_word("ignoring") {
            matching.on = on;
            matching.labels = self.label_list()?;
            let group_left = self.accept_word("group_left");
            if group_left || self.accept_word("group_right") {
                matching.cardinality = if group_left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.peek() == Token::LeftParen {
                    matching.include = self.label_list()?;
                }
            }
        }
        loop {
            let word = self.word();
            if !matches!(word.as_str(), "fill" | "fill_left" | "fill_right") || self.peek_second() != Token::LeftParen {
                return Ok((return_bool, matching));
            }
            self.advance();
            let value = self.fill_value()?;
            if word != "fill_right" {
                matching.fill_left = Some(value);
            }
            if word != "fill_left" {
                matching.fill_right = Some(value);
            }
        }
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Token::LeftParen, "fill modifier")?;
        let negative = self.accept(Token::Op(BinaryOp::Sub));
        if !negative {
            self.accept(Token::Op(BinaryOp::Add));
        }
        let Expr::Number { value, .. } = self.number()? else { return Err(self.unexpected("fill modifier")) };
        self.expect(Token::RightParen, "fill modifier")?;
        Ok(if negative { -value } else { value })
    }

    /// Label names in parentheses.
    fn label_list(&mut self) -> Parsed<Vec<Arc<str>>> {
        self.expect(Token::LeftParen, "grouping opts")?;
        let mut labels = Vec::new();
        while !self.accept(Token::RightParen) {
            let lexeme = self.lexeme();
            match lexeme.token {
                Token::Word if !self.slice(lexeme).contains(':') => labels.push(self.slice(lexeme).into()),
                Token::Text => labels.push(self.utf8(lexeme)?),
                _ => return Err(self.unexpected("grouping opts, expected label")),
            }
            self.advance();
            if self.peek() != Token::RightParen {
                self.expect(Token::Comma, "grouping opts")?;
            }
        }
        Ok(labels)
    }

    fn unary(&mut self) -> Parsed<Node> {
        let start = self.lexeme().start;
        let negate = match self.peek() {
            Token::Op(BinaryOp::Sub) => true,
            Token::Op(BinaryOp::Add) => false,
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.expression(UNARY_STRENGTH)?;
        match operand.expr {
            Expr::Number { value, duration } => {
                let value = if negate { -value } else { value };
                self.node(start, Expr::Number { value, duration })
            }
            _ => self.node(start, Expr::Unary { negate, operand: Box::new(operand) }),
        }
    }

    /// A primary expression with ranges, `offset`, `@` behind it.
    fn postfix(&mut self) -> Parsed<Node> {
        let mut node = self.primary()?;
        loop {
            node = match self.peek() {
                Token::LeftBracket => self.range(node)?,
                Token::At => self.at_modifier(node)?,
                Token::Word => match self.word().as_str() {
                    "offset" => self.offset_modifier(node)?,
                    "anchored" => self.extension(node, Extension::Anchored)?,
                    "smoothed" => self.extension(node, Extension::Smoothed)?,
                    _ => return Ok(node),
                },
                _ => return Ok(node),
            };
        }
    }

    fn primary(&mut self) -> Parsed<Node> {
        let lexeme = self.lexeme();
        match lexeme.token {
            Token::Number | Token::Duration => {
                let number = self.number()?;
                self.node(lexeme.start, number)
            }
            Token::Text => {
                let bytes = self.bytes(lexeme)?;
                self.advance();
                self.node(lexeme.start, Expr::String(bytes.into()))
            }
            Token::LeftParen => {
                self.advance();
                let inner = self.expression(0)?;
                self.expect(Token::RightParen, "parenthesized expression")?;
                self.node(lexeme.start, Expr::Paren(Box::new(inner)))
            }
            Token::LeftBrace => self.selector(None, lexeme.start),
            Token::Word => self.word_expression(lexeme),
            _ => Err(self.unexpected("")),
        }
    }

    /// A number, function call, aggregation or metric.
    fn word_expression(&mut self, lexeme: Lexeme) -> Parsed<Node> {
        let (word, lower) = (self.slice(lexeme), self.word());
        if lower == "inf" || lower == "nan" {
            let number = self.number()?;
            return self.node(lexeme.start, number);
        }
        let call = self.peek_second() == Token::LeftParen;
        if let Some(op) = AggregateOp::ALL.into_iter().find(|op| op.as_str() == lower) {
            let grouped = self.lexemes.get(self.at + 1).is_some_and(|next| {
                let word = self.slice(*next);
                next.token == Token::Word && (word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without"))
            });
            if call || grouped {
                self.advance();
                return self.aggregate(op, lexeme.start);
            }
        } else if call && !RESERVED.contains(&lower.as_str()) {
            let function =
                functions::find(word).or_else(|| functions::find(&lower).filter(|function| function.is_keyword()));
            let Some(function) = function else {
                return Err(self.fail(format!("unknown function with name {word:?}")));
            };
            self.advance();
            return self.call(function, lexeme.start);
        }
        if RESERVED.contains(&lower.as_str()) {
            return Err(self.unexpected(""));
        }
        self.advance();
        self.selector(Some(word.into()), lexeme.start)
    }

    fn call(&mut self, function: &'static Function, start: usize) -> Parsed<Node> {
        let args = self.arguments(function.name)?;
        self.node(start, Expr::Call(Call { function, args }))
    }

    fn arguments(&mut self, name: &str) -> Parsed<Vec<Node>> {
        self.expect(Token::LeftParen, name)?;
        let mut args = Vec::new();
        if self.accept(Token::RightParen) {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            if self.accept(Token::RightParen) {
                return Ok(args);
            }
            self.expect(Token::Comma, &format!("arguments of {name}, expected \",\" or \")\""))?;
            if self.peek() == Token::RightParen {
                return Err(self.fail("trailing commas not allowed in function call args"));
            }
        }
    }

    fn aggregate(&mut self, op: AggregateOp, start: usize) -> Parsed<Node> {
        let mut grouping = self.grouping()?;
        let mut args = self.arguments(op.as_str())?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let (without, labels) = grouping.unwrap_or_default();
        let wanted = if op.parameter().is_some() { 2 } else { 1 };
        if args.len() != wanted {
            let found = args.len();
            return Err(Failure::new(
                start,
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {found}"),
            ));
        }
        let input = args.pop().expect("one argument at least");
        let aggregate = Aggregate { op, parameter: args.pop(), input, labels, without };
        self.node(start, Expr::Aggregate(Box::new(aggregate)))
    }

    fn grouping(&mut self) -> Parsed<Option<(bool, Vec<Arc<str>>)>> {
        let without = self.accept_word("without");
        if without || self.accept_word("by") { Ok(Some((without, self.label_list()?))) } else { Ok(None) }
    }

    /// A number or a duration in seconds.
    pub fn number(&mut self) -> Parsed<Expr> {
        let lexeme = self.lexeme();
        let text = self.slice(lexeme);
        let expr = match lexeme.token {
            Token::Duration => {
                let millis =
                    duration::parse(text).ok_or_else(|| self.fail(format!("not a valid duration string: {text:?}")))?;
                Expr::Number { value: millis as f64 / 1000.0, duration: true }
            }
            Token::Number | Token::Word => {
                let value = parse_number(text).ok_or_else(|| self.unexpected("number"))?;
                Expr::Number { value, duration: false }
            }
            _ => return Err(self.unexpected("number")),
        };
        self.advance();
        Ok(expr)
    }

    fn bytes(&self, lexeme: Lexeme) -> Parsed<Vec<u8>> {
        let text = self.slice(lexeme);
        super::unquote(text)
            .ok_or_else(|| Failure::new(lexeme.start, format!("error unquoting string {text}: invalid syntax")))
    }

    /// A quoted text that must be UTF-8.
    pub fn utf8(&self, lexeme: Lexeme) -> Parsed<Arc<str>> {
        let bytes = self.bytes(lexeme)?;
        let text = String::from_utf8(bytes).map_err(|_| Failure::new(lexeme.start, "the string is not valid UTF-8"))?;
        Ok(text.into())
    }
}

fn too_deep(at: usize) -> Failure {
    Failure::new(at, format!("the query has more than {MAX_HEIGHT} levels of expressions"))
}
