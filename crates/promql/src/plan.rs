//! A parsed query, and the series it needs.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::*;
use crate::error::EvalError;
use crate::labels::METRIC_NAME;
use crate::matcher::{MatchOp, Matcher};
use crate::parse::{ParseError, parse_expression};

/// How far back an instant selector looks for a sample: five minutes, as in Prometheus.
pub const DEFAULT_LOOKBACK_MS: i64 = 300_000;
/// Step of a subquery that names none: one minute, Prometheus' default evaluation interval.
pub const DEFAULT_SUBQUERY_STEP_MS: i64 = 60_000;

/// The metric `info` takes labels from where none is named.
const TARGET_INFO: &str = "target_info";

/// When a query is evaluated. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    /// First step.
    pub start: i64,
    /// Last step at the latest; equal to `start` for an instant query.
    pub end: i64,
    /// Milliseconds between steps; 0 for an instant query.
    pub step: i64,
    /// How far back instant selectors look.
    pub lookback: i64,
    /// Step of subqueries that name none.
    pub subquery_step: i64,
}

impl Params {
    /// At one time.
    pub fn instant(time: i64) -> Self {
        Self::range(time, time, 0)
    }

    /// From `start` to `end`, every `step` milliseconds.
    pub fn range(start: i64, end: i64, step: i64) -> Self {
        Self { start, end, step, lookback: DEFAULT_LOOKBACK_MS, subquery_step: DEFAULT_SUBQUERY_STEP_MS }
    }

    /// Whether there is one step only because one was asked for.
    pub fn is_instant(&self) -> bool {
        self.step == 0
    }
}

/// A query that has been read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The text.
    pub text: Arc<str>,
    /// Its tree.
    pub root: Node,
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    Ok(Query { text: text.into(), root: parse_expression(text)? })
}

/// Series a query needs.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectorNeed {
    /// Conditions; all must hold.
    pub matchers: Vec<Matcher>,
    /// Samples after this time, in milliseconds …
    pub from_ms: i64,
    /// … up to this one are looked at.
    pub to_ms: i64,
    /// How much time one step looks at: the range, or the look-back.
    pub window_ms: i64,
}

impl Query {
    /// What to fetch, in the order in which [`crate::evaluate`] wants it. Samples outside the times do no harm.
    pub fn selectors(&self, params: &Params) -> Result<Vec<SelectorNeed>, EvalError> {
        let mut needs = Vec::new();
        visit(&self.root, Span { from: params.start, to: params.end }, params, &mut |_, need| needs.push(need))?;
        Ok(needs)
    }

    /// Which place of the text asks for which of the [`Query::selectors`].
    pub(crate) fn places(&self, params: &Params) -> Result<HashMap<usize, usize>, EvalError> {
        let mut places = HashMap::new();
        visit(&self.root, Span { from: params.start, to: params.end }, params, &mut |at, _| {
            places.insert(at, places.len());
        })?;
        Ok(places)
    }
}

/// Evaluation times of an expression, first and last.
#[derive(Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
}

fn visit(
    node: &Node,
    span: Span,
    params: &Params,
    found: &mut dyn FnMut(usize, SelectorNeed),
) -> Result<(), EvalError> {
    match &node.expr {
        Expr::Vector(selector) => found(node.start, need(selector, 0, span, params)?),
        Expr::Matrix(selector, range) => {
            let range = resolve(range, params, true)?;
            found(node.start, need(selector, range, span, params)?);
        }
        Expr::Subquery(subquery) => {
            let range = resolve(&subquery.range, params, true)?;
            let span = moved(&subquery.when, span, params)?;
            let inner = Span { from: span.from.saturating_sub(range), to: span.to };
            visit(&subquery.inner, inner, params, found)?;
        }
        Expr::Call(call) if call.function.name == "info" => {
            visit(&call.args[0], span, params, found)?;
            found(node.start, info_need(call, span, params)?);
        }
        _ => {
            for child in node.children() {
                visit(child, span, params, found)?;
            }
        }
    }
    Ok(())
}

/// What `info` fetches: the info metrics that fulfil the conditions of its second argument.
fn info_need(call: &Call, span: Span, params: &Params) -> Result<SelectorNeed, EvalError> {
    let shift = info_shift(call, params)?;
    let span = Span { from: shift.apply(span.from), to: shift.apply(span.to) };
    let mut matchers = match call.args.get(1).map(|arg| &arg.expr) {
        Some(Expr::Vector(selector)) => selector.matchers.clone(),
        _ => Vec::new(),
    };
    matchers.extend(implied_info_name(&matchers));
    let from_ms = span.from.saturating_sub(params.lookback);
    Ok(SelectorNeed { matchers, from_ms, to_ms: span.to, window_ms: params.lookback })
}

/// What `info` takes for an info metric where its conditions do not name one: `target_info`; where they only say which it is not, any
/// whose name ends as theirs do.
pub(crate) fn implied_info_name(conditions: &[Matcher]) -> Option<Matcher> {
    let mut names = conditions.iter().filter(|matcher| &*matcher.name == METRIC_NAME).peekable();
    if names.peek().is_none() {
        return Some(Matcher::equal(METRIC_NAME, TARGET_INFO));
    }
    let only_excluded = names.all(|matcher| matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotMatches));
    if only_excluded { Matcher::new(METRIC_NAME, MatchOp::Matches, ".+_info").ok() } else { None }
}

/// The time `info` looks at info metrics: that of the selectors its first argument is made of, where all refer to the same; else that of the
/// step.
pub(crate) fn info_shift(call: &Call, params: &Params) -> Result<Shift, EvalError> {
    Ok(common_shift(&call.args[0], params)?.unwrap_or_default())
}

/// `offset` and `@` that all parts of `node` have from which its vector comes; none where they differ, or where one comes from no selector.
fn common_shift(node: &Node, params: &Params) -> Result<Option<Shift>, EvalError> {
    match &node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => {
            Shift::of(&selector.when, params).map(|it| Some(it.plain()))
        }
        Expr::Subquery(subquery) => {
            // What is inside moves with it; where both say something, no one time is meant.
            let outer = Shift::of(&subquery.when, params)?.plain();
            let inner = common_shift(&subquery.inner, params)?;
            Ok(inner.filter(|&inner| inner == Shift::default()).map(|_| outer))
        }
        _ => {
            let vectors = |child: &&Node| matches!(child.value_type(), ValueType::Vector | ValueType::Matrix);
            let shifts = node.children().into_iter().filter(vectors).map(|child| common_shift(child, params));
            let shifts = shifts.collect::<Result<Vec<Option<Shift>>, EvalError>>()?;
            let first = shifts.first().copied().flatten();
            Ok(first.filter(|first| shifts.iter().all(|other| other.as_ref() == Some(first))))
        }
    }
}

fn need(selector: &Selector, range: i64, span: Span, params: &Params) -> Result<SelectorNeed, EvalError> {
    let span = moved(&selector.when, span, params)?;
    let (before, after) = match (selector.extension, range) {
        (Extension::None, 0) => (params.lookback, 0),
        (Extension::None, range) => (range, 0),
        (Extension::Anchored, range) => (range + params.lookback, 0),
        (Extension::Smoothed, range) => (range + params.lookback, params.lookback),
    };
    Ok(SelectorNeed {
        matchers: selector.matchers.clone(),
        from_ms: span.from.saturating_sub(before),
        to_ms: span.to.saturating_add(after),
        window_ms: if range == 0 { params.lookback } else { range },
    })
}

fn moved(when: &When, span: Span, params: &Params) -> Result<Span, EvalError> {
    let shift = Shift::of(when, params)?;
    Ok(Span { from: shift.apply(span.from), to: shift.apply(span.to) })
}

/// `offset` and `@` with their values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    offset: i64,
    at: Option<i64>,
}

impl Shift {
    pub fn of(when: &When, params: &Params) -> Result<Self, EvalError> {
        let offset = when.offset.as_ref().map_or(Ok(0), |offset| resolve(offset, params, false))?;
        let at = when.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => params.start,
            At::End => params.end,
        });
        Ok(Self { offset, at })
    }

    /// The same with no offset beside a fixed time: `@ 180 offset 1m` is `@ 120`.
    fn plain(self) -> Self {
        match self.at {
            Some(at) => Self { offset: 0, at: Some(at.saturating_sub(self.offset)) },
            None => self,
        }
    }

    /// The time a selector evaluated at `time` refers to.
    pub fn apply(self, time: i64) -> i64 {
        self.at.unwrap_or(time).saturating_sub(self.offset)
    }

    /// Whether every step refers to the same time.
    pub fn is_fixed(self) -> bool {
        self.at.is_some()
    }
}

/// Milliseconds of a duration; ranges and steps must be positive.
pub(crate) fn resolve(duration: &Duration, params: &Params, positive: bool) -> Result<i64, EvalError> {
    let millis = match duration {
        Duration::Fixed(millis) => *millis,
        Duration::Expression(expression) => {
            let seconds = seconds(expression, params)?;
            let millis = (seconds * 1000.0).trunc();
            if !millis.is_finite() || millis.abs() > i64::MAX as f64 / 4.0 {
                return Err(EvalError::Invalid(format!("duration out of range: {expression}")));
            }
            millis as i64
        }
    };
    if positive && millis <= 0 {
        return Err(EvalError::Invalid(format!("duration must be greater than 0, got {duration}")));
    }
    Ok(millis)
}

fn seconds(expression: &DurationExpr, params: &Params) -> Result<f64, EvalError> {
    Ok(match expression {
        DurationExpr::Number { value, .. } => *value,
        DurationExpr::Step => params.step as f64 / 1000.0,
        DurationExpr::Range => params.end.saturating_sub(params.start) as f64 / 1000.0,
        DurationExpr::Negate(inner) => -seconds(inner, params)?,
        DurationExpr::Paren(inner) => seconds(inner, params)?,
        DurationExpr::Choose { max, a, b } => {
            let (a, b) = (seconds(a, params)?, seconds(b, params)?);
            if *max { a.max(b) } else { a.min(b) }
        }
        DurationExpr::Binary { op, left, right } => {
            let (a, b) = (seconds(left, params)?, seconds(right, params)?);
            match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div | BinaryOp::Mod if b == 0.0 => {
                    let what = if *op == BinaryOp::Div { "division" } else { "modulo" };
                    return Err(EvalError::Invalid(format!("{what} by zero in duration {expression}")));
                }
                BinaryOp::Div => a / b,
                BinaryOp::Mod => a % b,
                BinaryOp::Pow => a.powf(b),
                _ => return Err(EvalError::Invalid(format!("unexpected operator in duration {expression}"))),
            }
        }
    })
}
