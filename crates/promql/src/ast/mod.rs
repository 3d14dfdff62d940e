//! The syntax tree of a query, with the place of every part in the text.
//!
//! The tree has positions because Prometheus' annotations and errors name them (`… (1:7)`), and its own test scripts check them.

mod print;

use std::sync::Arc;

use crate::functions::Function;
use crate::matcher::Matcher;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number at each step.
    Scalar,
    /// A text.
    String,
    /// Samples of several series at one time.
    Vector,
    /// Ranges of samples.
    Matrix,
}

impl ValueType {
    /// The word Prometheus' messages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// An expression and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Levels of expressions, this one included; bounded when parsed so that evaluation can recurse.
    pub height: u32,
    /// What stands there.
    pub expr: Expr,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number; `duration` when written as one (`5m`).
    Number {
        /// The number; seconds when written as a duration.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// A text in quotes. Bytes, since escapes can spell what is not UTF-8.
    String(Arc<[u8]>),
    /// An instant selector.
    Vector(Selector),
    /// A range selector.
    Matrix(Selector, Duration),
    /// A subquery.
    Subquery(Box<Subquery>),
    /// Parentheses.
    Paren(Box<Node>),
    /// `-` (or `+`, which changes nothing).
    Unary {
        /// Whether it is `-`.
        negate: bool,
        /// Operand.
        operand: Box<Node>,
    },
    /// A binary operation.
    Binary(Box<Binary>),
    /// A function call.
    Call(Call),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
}

/// Which series, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// Metric name written before the braces.
    pub name: Option<Arc<str>>,
    /// All conditions, that on the metric name included.
    pub matchers: Vec<Matcher>,
    /// `offset`, `@` and extensions.
    pub when: When,
    /// How the ends of a range are treated.
    pub extension: Extension,
}

/// `offset` and `@`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct When {
    /// `offset`, where given.
    pub offset: Option<Duration>,
    /// `@`, where given.
    pub at: Option<At>,
}

/// A fixed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Time(i64),
    /// First step of the query.
    Start,
    /// Last step of the query.
    End,
}

/// The modifiers of ranges, stable since Prometheus 3.16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extension {
    /// None.
    #[default]
    None,
    /// `anchored`: the sample at or before the start of the range stands for it.
    Anchored,
    /// `smoothed`: values at both ends are interpolated.
    Smoothed,
}

/// A duration as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// Milliseconds.
    Fixed(i64),
    /// An expression over durations, known once step and range of the query are.
    Expression(Box<DurationExpr>),
}

/// Arithmetic on durations. Numbers are seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExpr {
    /// A number, or a duration in seconds.
    Number {
        /// Seconds.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// The step of the query; 0 for an instant query.
    Step,
    /// The range of the query; 0 for an instant query.
    Range,
    /// `-`
    Negate(Box<DurationExpr>),
    /// The smaller or the larger of two.
    Choose {
        /// Whether the larger.
        max: bool,
        /// One.
        a: Box<DurationExpr>,
        /// The other.
        b: Box<DurationExpr>,
    },
    /// `+ - * / % ^`
    Binary {
        /// Operator.
        op: BinaryOp,
        /// Left.
        left: Box<DurationExpr>,
        /// Right.
        right: Box<DurationExpr>,
    },
    /// Parentheses.
    Paren(Box<DurationExpr>),
}

/// A query evaluated at its own steps within a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// The query.
    pub inner: Node,
    /// How far back.
    pub range: Duration,
    /// Its step; the evaluation interval where none is given.
    pub step: Option<Duration>,
    /// `offset` and `@`.
    pub when: When,
}

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    /// `</`: keeps a histogram's observations below a value.
    TrimUpper,
    /// `>/`: keeps a histogram's observations above a value.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::LessEqual => "<=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `and`, `or`, `unless`.
    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// `==`, `!=`, `>`, `<`, `>=`, `<=`.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Equal | NotEqual | Greater | Less | GreaterEqual | LessEqual)
    }

    /// Whether the result means something else than the left operand, so that its metric name no longer fits.
    pub fn changes_meaning(self) -> bool {
        use BinaryOp::*;
        matches!(self, Add | Sub | Mul | Div | Mod | Pow | Atan2)
    }
}

/// A binary operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// Operator.
    pub op: BinaryOp,
    /// Left operand.
    pub left: Node,
    /// Right operand.
    pub right: Node,
    /// `bool`
    pub return_bool: bool,
    /// How series of the two sides find each other; meaningless unless both are vectors.
    pub matching: Matching,
}

/// How series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// How many on which side.
    pub cardinality: Cardinality,
    /// Whether `labels` are the ones that must agree (`on`), or the ones that need not (`ignoring`).
    pub on: bool,
    /// Labels of `on` or `ignoring`.
    pub labels: Vec<Arc<str>>,
    /// Labels that `group_left` or `group_right` copies from the side with one.
    pub include: Vec<Arc<str>>,
    /// What stands for a missing left sample.
    pub fill_left: Option<f64>,
    /// What stands for a missing right sample.
    pub fill_right: Option<f64>,
}

/// How many series of each side may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// One each.
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// A function call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Arguments.
    pub args: Vec<Node>,
}

/// Aggregation operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    CountValues,
    Quantile,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    /// Every operator.
    pub const ALL: [Self; 14] = {
        use AggregateOp::*;
        [Sum, Avg, Count, Min, Max, Group, Stddev, Stdvar, Topk, Bottomk, CountValues, Quantile, Limitk, LimitRatio]
    };

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// Type of the parameter; `None` where it takes none.
    pub fn parameter(self) -> Option<ValueType> {
        match self {
            Self::CountValues => Some(ValueType::String),
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => Some(ValueType::Scalar),
            _ => None,
        }
    }
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Operator.
    pub op: AggregateOp,
    /// Parameter of `topk` and the like.
    pub parameter: Option<Node>,
    /// What is aggregated.
    pub input: Node,
    /// Labels of `by` or `without`.
    pub labels: Vec<Arc<str>>,
    /// Whether `labels` are those that are dropped.
    pub without: bool,
}

impl Node {
    /// What the expression evaluates to.
    pub fn value_type(&self) -> ValueType {
        match &self.expr {
            Expr::Number { .. } => ValueType::Scalar,
            Expr::String(_) => ValueType::String,
            Expr::Vector(_) | Expr::Aggregate(_) => ValueType::Vector,
            Expr::Matrix(..) | Expr::Subquery(_) => ValueType::Matrix,
            Expr::Paren(inner) => inner.value_type(),
            Expr::Unary { operand, .. } => operand.value_type(),
            Expr::Call(call) => call.function.returns,
            Expr::Binary(binary) => match (binary.left.value_type(), binary.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
        }
    }

    /// The expression inside any parentheses.
    pub fn bare(&self) -> &Self {
        let mut node = self;
        while let Expr::Paren(inner) = &node.expr {
            node = inner;
        }
        node
    }

    /// The expressions directly inside this one, in order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match &self.expr {
            Expr::Number { .. } | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(..) => Vec::new(),
            Expr::Subquery(subquery) => vec![&subquery.inner],
            Expr::Paren(inner) => vec![inner],
            Expr::Unary { operand, .. } => vec![operand],
            Expr::Binary(binary) => vec![&binary.left, &binary.right],
            Expr::Call(call) => call.args.iter().collect(),
            Expr::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.input]).collect(),
        }
    }

    /// As [`Node::children`], to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.expr {
            Expr::Number { .. } | Expr::String(_) | Expr::Vector(_) | Expr::Matrix(..) => Vec::new(),
            Expr::Subquery(subquery) => vec![&mut subquery.inner],
            Expr::Paren(inner) => vec![inner],
            Expr::Unary { operand, .. } => vec![operand],
            Expr::Binary(binary) => vec![&mut binary.left, &mut binary.right],
            Expr::Call(call) => call.args.iter_mut().collect(),
            Expr::Aggregate(aggregate) => aggregate.parameter.iter_mut().chain([&mut aggregate.input]).collect(),
        }
    }
}
