//! What a model call cost: a dated price table and exact arithmetic.
//!
//! * **Rows** ([`Row`]) come from TOML files built into the program (`crates/signals/prices/`), each with its source and
//!   the day it was read, and from a user's own files ([`Prices::with_overrides`]). `docs/prices.md` describes both.
//! * **Names** are looked up with the span's provider, exactly first and then without version suffixes.
//! * **Money** is whole 10⁻¹² dollars: each token falls in exactly one [`Class`], is billed once, and the sum is rounded once.
//!
//! A cost somebody reported is never replaced. A model without a row has no cost: it is never silently 0.

mod bill;
mod call;
mod estimate;
mod file;
mod name;
mod rate;
mod row;
mod table;

use std::sync::{Arc, LazyLock};

use model::{Billing, CostSource, Span, StepKind, Timestamp, Usage, UsageRole, Usd};

pub use bill::Line;
pub use call::{Call, Tier};
pub use estimate::{Estimates, Percent, Why};
pub use file::{MAX_FILE_BYTES, MAX_ROWS};

use crate::FileError;
pub use rate::{Class, Factor, Rate, Sheet};
pub use row::Row;
pub use table::Found;

use bill::{Classes, total};
use call::Known;
use table::Table;

/// The built-in files, in the order in which makers are asked for a model nobody says the seller of.
const FILES: &[(&str, &str)] = &[
    ("openai.toml", include_str!("../../prices/openai.toml")),
    ("anthropic.toml", include_str!("../../prices/anthropic.toml")),
    ("google.toml", include_str!("../../prices/google.toml")),
    ("vertex.toml", include_str!("../../prices/vertex.toml")),
    ("mistral.toml", include_str!("../../prices/mistral.toml")),
    ("cohere.toml", include_str!("../../prices/cohere.toml")),
    ("deepseek.toml", include_str!("../../prices/deepseek.toml")),
    ("bedrock.toml", include_str!("../../prices/bedrock.toml")),
    ("azure.toml", include_str!("../../prices/azure.toml")),
    ("azure_inference.toml", include_str!("../../prices/azure_inference.toml")),
    ("groq.toml", include_str!("../../prices/groq.toml")),
    ("together.toml", include_str!("../../prices/together.toml")),
];

static BUILT_IN: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let mut table = Table::default();
    table.next_layer();
    for (name, text) in FILES {
        // A test reads every file, so this cannot fail in a program that passed its tests.
        file::built_in(&mut table, name, text).unwrap_or_else(|error| panic!("{error}"));
    }
    Arc::new(table)
});

/// Row id of the prices a user gave for unknown models.
const UNKNOWN_MODELS: &str = "unknown_models";

/// A price table: the built-in rows, and a user's above them.
#[derive(Debug, Clone)]
pub struct Prices {
    table: Arc<Table>,
    estimates: Estimates,
}

/// What a call cost, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Priced {
    /// The sender said it.
    Reported(Usd),
    /// Tokens times the prices of a row.
    Computed {
        /// Amount.
        usd: Usd,
        /// [`Row::id`].
        row: Arc<str>,
    },
    /// A guess the user asked for ([`Estimates`]).
    Estimated {
        /// Amount.
        usd: Usd,
        /// [`Row::id`], or `unknown_models`.
        row: Arc<str>,
        /// What was guessed.
        why: Why,
    },
    /// No row holds for the model at that moment, or the call names no model.
    UnknownModel,
    /// There are no tokens of its own to price: no usage, a total over other spans, or a step that calls no model.
    NoUsage,
    /// The counts do not say what was input and what output.
    Uncertain {
        /// Tokens known of.
        tokens: u64,
        /// It cost this much or more.
        least: Usd,
        /// It cost this much or less; `None` where a side of the call is missing.
        most: Option<Usd>,
    },
}

impl Priced {
    /// The amount to count, where there is one.
    pub const fn usd(&self) -> Option<Usd> {
        match self {
            Self::Reported(usd) | Self::Computed { usd, .. } | Self::Estimated { usd, .. } => Some(*usd),
            Self::UnknownModel | Self::NoUsage | Self::Uncertain { .. } => None,
        }
    }

    /// The row it was computed from.
    pub const fn row(&self) -> Option<&Arc<str>> {
        match self {
            Self::Computed { row, .. } | Self::Estimated { row, .. } => Some(row),
            _ => None,
        }
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Prices {
    /// The built-in prices, read once per process.
    pub fn built_in() -> Self {
        Self { table: BUILT_IN.clone(), estimates: Estimates::default() }
    }

    /// These prices with a user's above them. `file` is how errors and row ids call the text. Of several files the last wins.
    pub fn with_overrides(&self, file: &str, text: &str) -> Result<Self, FileError> {
        let (mut table, mut estimates) = (Table::clone(&self.table), self.estimates);
        file::overrides(&mut table, &mut estimates, file, text)?;
        Ok(Self { table: Arc::new(table), estimates })
    }

    /// These prices with guesses allowed.
    #[must_use]
    pub fn with_estimates(mut self, estimates: Estimates) -> Self {
        self.estimates = estimates;
        self
    }

    /// Every row, built-in ones first.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.table.rows.iter()
    }

    /// The row that holds for a model at a moment, and whether at its regional price.
    pub fn find(&self, provider: Option<&str>, model: &str, at: Timestamp) -> Option<Found<'_>> {
        self.table.find(provider, model, at)
    }

    /// What a span's call cost, with the prices of `at` (when it was sent). A cost computed earlier is computed anew.
    pub fn cost(&self, span: &Span, billing: &Billing, at: Timestamp) -> Priced {
        match (span.cost, span.cost_source) {
            (Some(cost), Some(CostSource::Reported) | None) => return Priced::Reported(cost),
            _ if !priceable(span) => return Priced::NoUsage,
            _ => {}
        }
        self.cost_of(&Call::new(span.usage, billing), span.provider.as_deref(), &models(span), at)
    }

    /// Fills a span's cost where its sender reported none and its tokens and prices say it, with the prices of the moment it
    /// started. Doing it again changes nothing; with another table, costs computed from the old one are replaced.
    pub fn price(&self, span: &mut Span, billing: &Billing) -> Priced {
        self.pricer().price(span, billing)
    }

    /// Fills the costs of many spans as [`Prices::price`] does, looking each model up once.
    pub fn pricer(&self) -> Pricer<'_> {
        Pricer { prices: self, known: Vec::new() }
    }

    /// What the same tokens would cost as another model: `gpt-4o`, or `aws.bedrock/anthropic.claude-haiku-4-5` where the
    /// seller matters.
    pub fn cost_as(&self, usage: &Usage, model: &str, at: Timestamp) -> Priced {
        if usage.is_empty() {
            return Priced::NoUsage;
        }
        self.cost_of(&Call::from(*usage), None, &[model], at)
    }

    /// What a call cost; of several names of its model the first that is known holds.
    pub fn cost_of(&self, call: &Call, provider: Option<&str>, models: &[&str], at: Timestamp) -> Priced {
        if call.usage.is_empty() {
            return Priced::NoUsage;
        }
        self.cost_with(call, models.iter().find_map(|model| self.find(provider, model, at)), at)
    }

    fn cost_with(&self, call: &Call, found: Option<Found<'_>>, at: Timestamp) -> Priced {
        match found {
            Some(found) => {
                let sheet = |prompt| found.row.sheet(prompt, call.tier, at, found.regional);
                self.bill(call, &found.row.id, found.row.output_free(), None, sheet)
            }
            None => match self.estimates.unknown_models {
                Some(sheet) => self.bill(call, &UNKNOWN_MODELS.into(), false, Some(Why::UnknownModel), |_| sheet),
                None => Priced::UnknownModel,
            },
        }
    }

    /// The bill of a computed cost, line by line; empty where there is none.
    pub fn lines(&self, call: &Call, provider: Option<&str>, models: &[&str], at: Timestamp) -> Vec<Line> {
        let Some(found) = models.iter().find_map(|model| self.find(provider, model, at)) else { return Vec::new() };
        let Known::Split { input, output } = call.known(found.row.output_free()) else { return Vec::new() };
        let classes = Classes::of(&call.split(input, output));
        classes.lines(&found.row.sheet(classes.prompt, call.tier, at, found.regional)).collect()
    }

    fn bill(
        &self,
        call: &Call,
        row: &Arc<str>,
        output_free: bool,
        why: Option<Why>,
        sheet: impl Fn(u64) -> Sheet,
    ) -> Priced {
        let sum = |call: &Call| {
            let classes = Classes::of(call);
            total(classes.lines(&sheet(classes.prompt)))
        };
        let priced = |usd, why| match why {
            None => Priced::Computed { usd, row: row.clone() },
            Some(why) => Priced::Estimated { usd, row: row.clone(), why },
        };
        match (call.known(output_free), self.estimates.output_percent) {
            (Known::Split { input, output }, _) => priced(sum(&call.split(input, output)), why),
            (Known::Total(tokens), Some(percent)) => {
                let output = percent.of(tokens);
                let why = if why.is_some() { Why::UnknownModelAndBareTotal } else { Why::BareTotal };
                priced(sum(&call.split(tokens - output, output)), Some(why))
            }
            (Known::Total(_), None) if why.is_some() => Priced::UnknownModel,
            (Known::Total(tokens), None) => {
                let (least, most) = bounds(tokens, &sheet(0), &sheet(tokens));
                Priced::Uncertain { tokens, least, most: Some(most) }
            }
            (Known::Part, _) if why.is_some() => Priced::UnknownModel,
            (Known::Part, _) => Priced::Uncertain { tokens: known_tokens(&call.usage), least: sum(call), most: None },
        }
    }
}

/// Prices many spans: see [`Prices::pricer`].
pub struct Pricer<'p> {
    prices: &'p Prices,
    known: Vec<Looked<'p>>,
}

/// A model of a provider that was looked up.
struct Looked<'p> {
    provider: Option<Arc<str>>,
    model: Arc<str>,
    /// Between which two price changes the look-up fell.
    epoch: usize,
    found: Option<Found<'p>>,
}

impl Pricer<'_> {
    /// Models remembered.
    const MOST: usize = 64;

    /// As [`Prices::price`].
    pub fn price(&mut self, span: &mut Span, billing: &Billing) -> Priced {
        let priced = self.cost(span, billing);
        if matches!(priced, Priced::Reported(_)) {
            return priced;
        }
        (span.cost, span.cost_source) = match &priced {
            Priced::Computed { usd, .. } => (Some(*usd), Some(CostSource::Computed)),
            Priced::Estimated { usd, .. } => (Some(*usd), Some(CostSource::Estimated)),
            _ => (None, None),
        };
        priced
    }

    /// As [`Prices::cost`], with the prices of the moment the span started.
    pub fn cost(&mut self, span: &Span, billing: &Billing) -> Priced {
        match (span.cost, span.cost_source) {
            (Some(cost), Some(CostSource::Reported) | None) => Priced::Reported(cost),
            _ if !priceable(span) => Priced::NoUsage,
            _ => self.cost_of(&Call::new(span.usage, billing), span),
        }
    }

    /// As [`Prices::cost_of`], for a call of the span's model.
    pub fn cost_of(&mut self, call: &Call, span: &Span) -> Priced {
        if call.usage.is_empty() {
            return Priced::NoUsage;
        }
        let at = moment(span);
        let asked = span.request_model.as_ref().filter(|asked| span.model.as_ref() != Some(asked));
        let mut models = span.model.iter().chain(asked);
        let found = models.find_map(|model| self.find(span.provider.as_ref(), model, at));
        self.prices.cost_with(call, found, at)
    }
}

impl<'p> Pricer<'p> {
    fn find(&mut self, provider: Option<&Arc<str>>, model: &Arc<str>, at: Timestamp) -> Option<Found<'p>> {
        let epoch = self.prices.table.epoch(at);
        let same =
            |known: &&Looked<'_>| known.epoch == epoch && known.model == *model && known.provider.as_ref() == provider;
        if let Some(known) = self.known.iter().find(same) {
            return known.found;
        }
        let found = self.prices.find(provider.map(|provider| &**provider), model, at);
        if self.known.len() == Self::MOST {
            self.known.clear();
        }
        self.known.push(Looked { provider: provider.cloned(), model: Arc::clone(model), epoch, found });
        found
    }
}

/// The moment whose prices hold for a span: its start, else its arrival.
pub(crate) fn moment(span: &Span) -> Timestamp {
    if span.start.is_unset() { span.received } else { span.start }
}

/// The span's own call of a model, with tokens.
fn priceable(span: &Span) -> bool {
    matches!(span.kind, StepKind::Llm | StepKind::Embedding | StepKind::Reranker)
        && span.usage_role == UsageRole::Own
        && !span.usage.is_empty()
}

/// The model that answered, then the one asked for.
pub(crate) fn models(span: &Span) -> Vec<&str> {
    let (answered, asked) = (span.model.as_deref(), span.request_model.as_deref());
    answered.into_iter().chain(asked.filter(|_| asked != answered)).collect()
}

/// What tokens of unknown classes cost at least, as a short prompt, and at most, as a long one.
fn bounds(tokens: u64, short: &Sheet, long: &Sheet) -> (Usd, Usd) {
    let text =
        [Class::Input, Class::CacheRead, Class::CacheWrite, Class::CacheWrite1h, Class::Output, Class::Reasoning];
    let all_at = |rate| total(std::iter::once(Line { class: Class::Input, tokens, rate }));
    let low = text.iter().map(|class| short.rate(*class).min(long.rate(*class))).min();
    let high = text.iter().map(|class| short.rate(*class).max(long.rate(*class))).max();
    (all_at(low.unwrap_or_default()), all_at(high.unwrap_or_default()))
}

/// Tokens of a call one side of which is missing.
fn known_tokens(usage: &Usage) -> u64 {
    let cached = usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
    let output = usage.output_tokens.or(usage.reasoning_tokens).unwrap_or(0);
    usage.input_tokens.unwrap_or(cached).saturating_add(output)
}
