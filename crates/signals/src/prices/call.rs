//! What one model call used, as finely as prices distinguish it.

use model::{Billing, Usage};

use super::Class;
use super::bill::Classes;

/// How urgently a call was served; providers sell the same model at several speeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// The list price.
    #[default]
    Standard,
    /// A batch, answered within hours.
    Batch,
    /// Slower and cheaper, answered at once.
    Flex,
    /// Faster and dearer.
    Priority,
    /// A fast mode of the model itself.
    Fast,
}

impl Tier {
    /// The tier of a provider's word (`service_tier`, `speed`); words nobody prices apart are the standard.
    pub fn of_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "batch" => Self::Batch,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            "fast" => Self::Fast,
            _ => Self::Standard,
        }
    }

    /// The word used in price files and ledgers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
        }
    }
}

/// Usage with the details that change its price and that [`Usage`] has no place for.
///
/// `usage` means what it means everywhere: input includes cache reads and writes, output includes reasoning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Call {
    /// Tokens.
    pub usage: Usage,
    /// Part of the cache writes that lives for an hour; the rest lives for 5 minutes.
    pub cache_write_1h_tokens: u64,
    /// Part of the input that is audio and was not read from a cache.
    pub audio_input_tokens: u64,
    /// Part of the output that is audio.
    pub audio_output_tokens: u64,
    /// How it was served.
    pub tier: Tier,
}

impl From<Usage> for Call {
    fn from(usage: Usage) -> Self {
        Self { usage, ..Self::default() }
    }
}

/// What a call's counts allow.
pub(super) enum Known {
    /// Input and output are known, or the unknown one costs nothing.
    Split {
        /// Tokens in.
        input: u64,
        /// Tokens out.
        output: u64,
    },
    /// Only a total.
    Total(u64),
    /// Only one side, or only parts.
    Part,
}

impl Call {
    /// A span's tokens with what its attributes say beside them.
    pub fn new(usage: Usage, billing: &Billing) -> Self {
        Self {
            usage,
            cache_write_1h_tokens: billing.cache_write_1h_tokens,
            audio_input_tokens: billing.audio_input_tokens,
            audio_output_tokens: billing.audio_output_tokens,
            tier: billing.service_tier.as_deref().map(Tier::of_word).unwrap_or_default(),
        }
    }

    /// Tokens by class, each token once: what the bill multiplies by prices. Where only a total is known, all are input.
    pub fn classes(&self) -> [(Class, u64); 8] {
        let classes = Classes::of(&match self.known(false) {
            Known::Split { input, output } => self.split(input, output),
            Known::Total(total) => self.split(total, 0),
            Known::Part => *self,
        });
        Class::ALL.map(|class| (class, classes.count(class)))
    }

    /// Reads the counts; `output_free` where the model's output costs nothing (embeddings).
    pub(super) fn known(&self, output_free: bool) -> Known {
        let usage = &self.usage;
        let rest = |part: u64| usage.reported_total.and_then(|total| total.checked_sub(part));
        match (usage.input_tokens, usage.output_tokens) {
            (Some(input), Some(output)) => Known::Split { input, output },
            (Some(input), None) if output_free => Known::Split { input, output: 0 },
            (Some(input), None) => rest(input).map_or(Known::Part, |output| Known::Split { input, output }),
            (None, Some(output)) => rest(output).map_or(Known::Part, |input| Known::Split { input, output }),
            (None, None) => match usage.reported_total {
                Some(total) if output_free => Known::Split { input: total, output: 0 },
                Some(total) => Known::Total(total),
                None => Known::Part,
            },
        }
    }

    /// The same call with input and output settled.
    pub(super) fn split(mut self, input: u64, output: u64) -> Self {
        (self.usage.input_tokens, self.usage.output_tokens) = (Some(input), Some(output));
        self
    }
}
