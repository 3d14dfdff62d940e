//! The dialects Tawny knows, most specific first (the order of the vendors' own detection rules).
//!
//! Each is a table in `conventions/` and, where a rename is not enough, a file of reshaping here.

use model::{Content, Span};

use crate::reading::Reading;

/// What a dialect does beyond its table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reshape {
    /// Fills or corrects narrow fields. Runs after the tables, most specific dialect first.
    pub span: Option<fn(&Reading<'_>, &mut Span)>,
    /// Fills content. What an earlier dialect filled stays.
    pub content: Option<fn(&Reading<'_>, &mut Content)>,
}

/// A dialect as built in.
pub(crate) struct Builtin {
    /// Its convention table.
    pub table: &'static str,
    /// Its code.
    pub reshape: Reshape,
}

macro_rules! builtin {
    ($name:literal) => {
        Builtin { table: include_str!(concat!("../../conventions/", $name, ".toml")), reshape: Reshape { span: None, content: None } }
    };
    ($name:literal, $($part:ident: $function:path),+) => {
        Builtin {
            table: include_str!(concat!("../../conventions/", $name, ".toml")),
            reshape: Reshape { $($part: Some($function),)+ ..Reshape { span: None, content: None } },
        }
    };
}

/// All of them. The order is the order of trust: a field is taken from the first that has it.
pub(crate) const BUILTIN: &[Builtin] = &[
    builtin!("openinference", span: openinference::span, content: openinference::content),
    builtin!("otel_genai", span: otel_genai::span, content: otel_genai::content),
    builtin!("seed_requests"),
    builtin!("seed_runs"),
    builtin!("seed_workflow"),
    builtin!("seed_generation"),
    builtin!("core"),
];

mod openinference;
mod otel_genai;
