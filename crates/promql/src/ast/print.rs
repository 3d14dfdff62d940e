//! Expressions as text, in Prometheus' own form.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::*;
use crate::duration;
use crate::labels::{METRIC_NAME, is_plain_label, is_plain_metric};
use crate::matcher::MatchOp;
use crate::quote::{plain_float, quoted, quoted_bytes};

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::Number { value, duration } => number(f, *value, *duration),
            Expr::String(bytes) => f.write_str(&quoted_bytes(bytes)),
            Expr::Vector(selector) => {
                selector.write_name_and_matchers(f)?;
                selector.write_modifiers(f)
            }
            Expr::Matrix(selector, range) => {
                selector.write_name_and_matchers(f)?;
                write!(f, "[{range}]")?;
                selector.write_modifiers(f)
            }
            Expr::Subquery(subquery) => {
                write!(f, "{}[{}:", subquery.inner, subquery.range)?;
                if let Some(step) = &subquery.step {
                    write!(f, "{step}")?;
                }
                write!(f, "]{}", subquery.when)
            }
            Expr::Paren(inner) => write!(f, "({inner})"),
            Expr::Unary { negate, operand } => write!(f, "{}{operand}", if *negate { "-" } else { "+" }),
            Expr::Binary(binary) => write!(f, "{binary}"),
            Expr::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                separated(f, call.args.iter())?;
                f.write_str(")")
            }
            Expr::Aggregate(aggregate) => write!(f, "{aggregate}"),
        }
    }
}

fn number(f: &mut Formatter<'_>, value: f64, is_duration: bool) -> fmt::Result {
    if is_duration {
        return f.write_str(&duration::format((value * 1000.0).round() as i64));
    }
    f.write_str(&plain_float(value))
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: impl Iterator<Item = T>) -> fmt::Result {
    for (at, item) in items.enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn label_list(f: &mut Formatter<'_>, labels: &[Arc<str>]) -> fmt::Result {
    f.write_str("(")?;
    separated(f, labels.iter().map(|name| if is_plain_label(name) { name.to_string() } else { quoted(name) }))?;
    f.write_str(")")
}

impl Selector {
    fn write_name_and_matchers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref();
        let plain = name.is_some_and(is_plain_metric);
        let is_name = |matcher: &&Matcher| {
            name.is_some()
                && &*matcher.name == METRIC_NAME
                && matcher.op == MatchOp::Equal
                && name == Some(&matcher.value)
        };
        let quoted_name = name.filter(|_| !plain).map(quoted);
        let others = self.matchers.iter().filter(|matcher| !is_name(matcher)).map(ToString::to_string);
        let inside: Vec<String> = quoted_name.into_iter().chain(others).collect();
        f.write_str(name.filter(|_| plain).unwrap_or_default())?;
        if !inside.is_empty() || !plain {
            write!(f, "{{{}}}", inside.join(","))?;
        }
        Ok(())
    }

    fn write_modifiers(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.extension {
            Extension::None => {}
            Extension::Anchored => f.write_str(" anchored")?,
            Extension::Smoothed => f.write_str(" smoothed")?,
        }
        write!(f, "{}", self.when)
    }
}

impl Display for When {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.at {
            None => {}
            Some(At::Time(millis)) => write!(f, " @ {:.3}", millis as f64 / 1000.0)?,
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
        }
        match &self.offset {
            None | Some(Duration::Fixed(0)) => Ok(()),
            Some(offset) => write!(f, " offset {offset}"),
        }
    }
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(millis) => f.write_str(&duration::format(*millis)),
            Self::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { value, duration } => number(f, *value, *duration),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Choose { max, a, b } => write!(f, "{}({a}, {b})", if *max { "max" } else { "min" }),
            Self::Binary { op, left, right } => write!(f, "{left} {} {right}", op.as_str()),
            Self::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.as_str())?;
        if self.return_bool {
            f.write_str(" bool")?;
        }
        let matching = &self.matching;
        let grouped = matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
        if matching.on || !matching.labels.is_empty() || grouped {
            f.write_str(if matching.on { " on " } else { " ignoring " })?;
            label_list(f, &matching.labels)?;
        }
        if grouped {
            f.write_str(if matching.cardinality == Cardinality::ManyToOne { " group_left " } else { " group_right " })?;
            label_list(f, &matching.include)?;
        }
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", plain_float(left))?
            }
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", plain_float(left))?;
                }
                if let Some(right) = right {
                    write!(f, " fill_right ({})", plain_float(right))?;
                }
            }
        }
        write!(f, " {}", self.right)
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if self.without {
            f.write_str(" without ")?;
            label_list(f, &self.labels)?;
            f.write_str(" ")?;
        } else if !self.labels.is_empty() {
            f.write_str(" by ")?;
            label_list(f, &self.labels)?;
            f.write_str(" ")?;
        }
        f.write_str("(")?;
        separated(f, self.parameter.iter().chain([&self.input]))?;
        f.write_str(")")
    }
}
