//! Values inside a template.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use promql::{Labels, short_float};

/// How a map treats a key it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapKind {
    /// Labels or annotations: a missing one is the empty text.
    Texts,
    /// Anything: a missing one prints as `<no value>`.
    Any,
    /// A structure with fixed fields: a missing one is an error that names it.
    Struct(&'static str),
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// A time, in milliseconds since 1970.
    Time(i64),
    /// A time as a zone's clocks show it.
    Zoned(Box<jiff::Zoned>),
    /// A list.
    List(Arc<[Value]>),
    /// A map or a structure.
    Map(MapKind, Arc<BTreeMap<String, Value>>),
}

impl Value {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// Labels.
    pub fn labels(labels: &Labels) -> Self {
        Self::texts(labels.iter().map(|label| (label.name.to_string(), label.value.to_string())))
    }

    /// Names with texts.
    pub fn texts(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let map = pairs.into_iter().map(|(name, value)| (name, Self::text(value))).collect();
        Self::Map(MapKind::Texts, Arc::new(map))
    }

    /// A structure.
    pub fn structure<const N: usize>(name: &'static str, fields: [(&str, Self); N]) -> Self {
        let map = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::Map(MapKind::Struct(name), Arc::new(map))
    }

    /// One series of a query's answer.
    pub fn sample(labels: &Labels, value: f64) -> Self {
        Self::structure("sample", [("Labels", Self::labels(labels)), ("Value", Self::Float(value))])
    }

    /// What Go's templates take for true: not zero, not empty, not nothing.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Time(_) | Self::Zoned(_) | Self::Map(MapKind::Struct(_), _) => true,
            Self::List(items) => !items.is_empty(),
            Self::Map(_, map) => !map.is_empty(),
        }
    }

    /// What the value is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Time(_) | Self::Zoned(_) => "time",
            Self::List(_) => "list",
            Self::Map(MapKind::Struct(name), _) => name,
            Self::Map(..) => "map",
        }
    }

    /// As a number, texts that are numbers included.
    pub fn number(&self) -> Result<f64, String> {
        match self {
            Self::Int(value) => Ok(*value as f64),
            Self::Float(value) => Ok(*value),
            Self::Text(text) => text.parse().map_err(|_| format!("{text:?} is no number")),
            other => Err(format!("a number is needed, not {}", other.kind())),
        }
    }

    /// How two values compare, where they can be.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Float(b)) => (*a as f64).partial_cmp(b),
            (Self::Float(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => (a == b).then_some(Ordering::Equal),
            (Self::Nil, Self::Nil) => Some(Ordering::Equal),
            _ => None,
        }
    }

    /// As JSON, for messages that carry structure.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Nil => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Text(text) => (&**text).into(),
            Self::Time(_) | Self::Zoned(_) => self.to_string().into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(_, map) => map.iter().map(|(name, value)| (name.clone(), value.json())).collect(),
        }
    }
}

impl std::fmt::Display for Value {
    /// As Go prints it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nil => f.write_str("<no value>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => f.write_str(&short_float(*value)),
            Self::Text(text) => f.write_str(text),
            Self::Time(millis) => f.write_str(&super::humanize::time_text(*millis)),
            Self::Zoned(time) => write!(f, "{}", time.strftime("%Y-%m-%d %H:%M:%S %z %Z")),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(MapKind::Struct(_), map) => {
                f.write_str("{")?;
                for (at, value) in map.values().enumerate() {
                    write!(f, "{}{value}", if at > 0 { " " } else { "" })?;
                }
                f.write_str("}")
            }
            Self::Map(_, map) => {
                f.write_str("map[")?;
                for (at, (name, value)) in map.iter().enumerate() {
                    write!(f, "{}{name}:{value}", if at > 0 { " " } else { "" })?;
                }
                f.write_str("]")
            }
        }
    }
}
