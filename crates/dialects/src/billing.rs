//! What of a call changes its price beside the counts every list shows: cache writes by lifetime, audio, service tier; and the
//! budget reservation the call was made under.

use model::Billing;
use serde_json::Value as Json;

use crate::field::Field;
use crate::intern::intern;
use crate::messages::{Object, json_of};
use crate::reading::{Reading, believed};

/// Attributes that hold an API's usage object as JSON: Langfuse, LangSmith, Pydantic AI.
const USAGE_OBJECTS: &[&str] =
    &["langfuse.observation.usage_details", "langsmith.metadata.usage_metadata", "gen_ai.usage.raw"];
/// LangSmith's halves of one.
const INPUT_DETAILS: &str = "gen_ai.usage.input_token_details";
const OUTPUT_DETAILS: &str = "gen_ai.usage.output_token_details";

const HOUR: &[&str] = &["ephemeral_1h_input_tokens", "cache_creation_1h_tokens", "input_cache_creation_1h"];
const AUDIO: &[&str] = &["audio", "audio_tokens"];

/// Reads what prices need beyond [`model::Usage`].
pub(crate) fn billing(reading: &Reading<'_>) -> Billing {
    let count = |field: Field| reading.count(field).unwrap_or(0);
    let mut billing = Billing {
        cache_write_1h_tokens: count(Field::CacheWrite1hTokens),
        audio_input_tokens: count(Field::AudioInputTokens),
        audio_output_tokens: count(Field::AudioOutputTokens),
        service_tier: reading.text(Field::ServiceTier).map(|word| intern(&word)),
        reservation: reading.text(Field::Reservation).map(|id| id.as_ref().into()),
    };
    for key in USAGE_OBJECTS {
        if let Some(Json::Object(object)) = reading.attribute(key).map(json_of) {
            usage_object(&object, &mut billing);
        }
    }
    for (key, is_input) in [(INPUT_DETAILS, true), (OUTPUT_DETAILS, false)] {
        if let Some(Json::Object(object)) = reading.attribute(key).map(json_of) {
            details(&object, is_input, &mut billing);
        }
    }
    billing
}

fn usage_object(object: &Object, billing: &mut Billing) {
    fill(&mut billing.cache_write_1h_tokens, object, HOUR);
    fill(&mut billing.audio_input_tokens, object, &["input_audio_tokens", "input_audio"]);
    fill(&mut billing.audio_output_tokens, object, &["output_audio_tokens", "output_audio"]);
    if billing.service_tier.is_none() {
        billing.service_tier = object.get("service_tier").and_then(Json::as_str).map(intern);
    }
    let inner = |key: &str| object.get(key).and_then(Json::as_object);
    for key in ["prompt_tokens_details", "input_tokens_details", "input_token_details", "inputTokenDetails"] {
        inner(key).inspect(|found| details(found, true, billing));
    }
    for key in ["completion_tokens_details", "output_tokens_details", "output_token_details", "outputTokenDetails"] {
        inner(key).inspect(|found| details(found, false, billing));
    }
    // Anthropic's own answer: `cache_creation: {ephemeral_5m_input_tokens, ephemeral_1h_input_tokens}`.
    inner("cache_creation").inspect(|found| fill(&mut billing.cache_write_1h_tokens, found, HOUR));
}

fn details(object: &Object, is_input: bool, billing: &mut Billing) {
    if is_input {
        fill(&mut billing.cache_write_1h_tokens, object, HOUR);
        fill(&mut billing.audio_input_tokens, object, AUDIO);
    } else {
        fill(&mut billing.audio_output_tokens, object, AUDIO);
    }
}

/// The first count found, where none is known yet.
fn fill(place: &mut u64, object: &Object, keys: &[&str]) {
    if *place == 0
        && let Some(count) = keys.iter().find_map(|key| object.get(*key)).and_then(Json::as_u64).and_then(believed)
    {
        *place = count;
    }
}
