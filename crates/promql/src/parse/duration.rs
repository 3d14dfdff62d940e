//! Durations in ranges and offsets, expressions over them included.

use super::expr::Parser;
use super::lex::Token;
use super::{Failure, Parsed};
use crate::ast::{BinaryOp, Duration, DurationExpr, Expr};

/// Levels a duration expression may have.
const MAX_LEVELS: u32 = 32;

impl Parser<'_> {
    /// A duration between brackets: any duration expression.
    pub fn duration_in_brackets(&mut self, positive: bool) -> Parsed<Duration> {
        let start = self.lexeme().start;
        if matches!(self.peek(), Token::RightBracket | Token::Colon) {
            return Err(self.unexpected("range selector, expected duration"));
        }
        let expression = self.duration_sum(0)?;
        fixed(expression, start, positive)
    }

    /// The duration behind `offset`: a literal with a sign, `step()` and the like, or an expression in parentheses. An operator
    /// behind it belongs to the query: `x offset 2 ^ 2` squares.
    pub fn offset_duration(&mut self) -> Parsed<Duration> {
        let start = self.lexeme().start;
        let negative = self.accept(Token::Op(BinaryOp::Sub));
        if !negative {
            self.accept(Token::Op(BinaryOp::Add));
        }
        let atom = self.duration_atom(0)?;
        fixed(if negative { negated(atom) } else { atom }, start, false)
    }

    fn duration_sum(&mut self, level: u32) -> Parsed<DurationExpr> {
        let mut left = self.duration_product(level)?;
        while let Token::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) = self.peek() {
            self.advance();
            left = binary(op, left, self.duration_product(level)?);
        }
        Ok(left)
    }

    fn duration_product(&mut self, level: u32) -> Parsed<DurationExpr> {
        let mut left = self.duration_sign(level)?;
        while let Token::Op(op @ (BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod)) = self.peek() {
            self.advance();
            left = binary(op, left, self.duration_sign(level)?);
        }
        Ok(left)
    }

    fn duration_sign(&mut self, level: u32) -> Parsed<DurationExpr> {
        if level > MAX_LEVELS {
            return Err(self.fail(format!("the duration has more than {MAX_LEVELS} levels")));
        }
        match self.peek() {
            Token::Op(BinaryOp::Sub) => {
                self.advance();
                Ok(negated(self.duration_sign(level + 1)?))
            }
            Token::Op(BinaryOp::Add) => {
                self.advance();
                self.duration_sign(level + 1)
            }
            _ => {
                let base = self.duration_atom(level)?;
                if self.accept(Token::Op(BinaryOp::Pow)) {
                    let exponent = self.duration_sign(level + 1)?;
                    return Ok(binary(BinaryOp::Pow, base, exponent));
                }
                Ok(base)
            }
        }
    }

    fn duration_atom(&mut self, level: u32) -> Parsed<DurationExpr> {
        if self.accept(Token::LeftParen) {
            let inner = self.duration_sum(level + 1)?;
            self.expect(Token::RightParen, "duration expression")?;
            return Ok(DurationExpr::Paren(Box::new(inner)));
        }
        let word = self.word();
        match word.as_str() {
            "step" | "range" => {
                self.advance();
                self.expect(Token::LeftParen, "duration expression")?;
                self.expect(Token::RightParen, "duration expression")?;
                Ok(if word == "step" { DurationExpr::Step } else { DurationExpr::Range })
            }
            "min" | "max" | "min_of" | "max_of" => {
                self.advance();
                self.expect(Token::LeftParen, "duration expression")?;
                let a = Box::new(self.duration_sum(level + 1)?);
                self.expect(Token::Comma, "duration expression")?;
                let b = Box::new(self.duration_sum(level + 1)?);
                self.expect(Token::RightParen, "duration expression")?;
                Ok(DurationExpr::Choose { max: word.starts_with("max"), a, b })
            }
            _ if !matches!(self.peek(), Token::Number | Token::Duration) => Err(self.unexpected("duration")),
            _ => match self.number()? {
                Expr::Number { value, duration } => Ok(DurationExpr::Number { value, duration }),
                _ => Err(self.unexpected("duration")),
            },
        }
    }
}

fn negated(expression: DurationExpr) -> DurationExpr {
    match expression {
        DurationExpr::Number { value, duration } => DurationExpr::Number { value: -value, duration },
        other => DurationExpr::Negate(Box::new(other)),
    }
}

fn binary(op: BinaryOp, left: DurationExpr, right: DurationExpr) -> DurationExpr {
    DurationExpr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

/// A plain number becomes milliseconds at once; anything else waits for the query's step.
fn fixed(expression: DurationExpr, at: usize, positive: bool) -> Parsed<Duration> {
    let DurationExpr::Number { value, .. } = expression else { return Ok(Duration::Expression(Box::new(expression))) };
    let millis = (value * 1000.0).round();
    if !millis.is_finite() || millis.abs() > i64::MAX as f64 / 4.0 {
        return Err(Failure::new(at, "duration out of range"));
    }
    if positive && millis <= 0.0 {
        return Err(Failure::new(at, "duration must be greater than 0"));
    }
    Ok(Duration::Fixed(millis as i64))
}
