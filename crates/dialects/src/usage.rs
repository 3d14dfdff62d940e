//! Usage objects: the token counts of some API or SDK, passed on as JSON.

use model::Usage;
use serde_json::Value as Json;

use crate::messages::{Object, opened};
use crate::reading::believed;
use crate::table::Tokens;

/// Reads a usage object of any API known: OpenAI's two, Anthropic's, LangChain's, Vercel's, Langfuse's free keys.
///
/// Whether input includes cached tokens is told by the total where there is one; where there is none, OpenTelemetry's
/// meaning (included) holds, unless the cached part is larger than the whole.
pub(crate) fn read(json: &Json) -> Option<Usage> {
    let opened = opened(json);
    let object = opened.as_object()?;
    let count = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)).and_then(number);
    let detail = |groups: &[&str], keys: &[&str]| {
        groups
            .iter()
            .filter_map(|group| object.get(*group).and_then(Json::as_object))
            .find_map(|group| keys.iter().find_map(|key| group.get(*key)).and_then(number))
    };
    let input_details = &["prompt_tokens_details", "input_tokens_details", "input_token_details", "inputTokenDetails"];
    let output_details =
        &["completion_tokens_details", "output_tokens_details", "output_token_details", "outputTokenDetails"];
    let mut usage = Usage {
        input_tokens: count(&[
            "input_tokens",
            "prompt_tokens",
            "input",
            "inputTokens",
            "promptTokens",
            "prompt_token_count",
            "promptTokenCount",
        ]),
        output_tokens: count(&[
            "output_tokens",
            "completion_tokens",
            "output",
            "outputTokens",
            "completionTokens",
            "candidates_token_count",
            "candidatesTokenCount",
        ]),
        reported_total: count(&["total_tokens", "total", "totalTokens", "total_token_count", "totalTokenCount"]),
        cache_read_tokens: detail(input_details, &["cached_tokens", "cache_read", "cacheReadTokens"]).or_else(|| {
            count(&[
                "cache_read_input_tokens",
                "input_cached_tokens",
                "cachedInputTokens",
                "cache_read_tokens",
                "input_cache_read",
                "prompt_cached_tokens",
                "cached_content_token_count",
                "cachedContentTokenCount",
                "cacheReadInputTokens",
                "cache_read",
            ])
        }),
        cache_write_tokens: detail(
            input_details,
            &["cache_creation", "cache_write_tokens", "cacheWriteTokens", "cache_write"],
        )
        .or_else(|| {
            count(&[
                "cache_creation_input_tokens",
                "cache_write_input_tokens",
                "input_cache_creation",
                "cache_creation_tokens",
                "cacheWriteInputTokens",
                "cacheCreationInputTokens",
                "cache_write",
            ])
        }),
        reasoning_tokens: detail(output_details, &["reasoning_tokens", "reasoning", "reasoningTokens"]).or_else(|| {
            count(&[
                "reasoning_tokens",
                "output_reasoning_tokens",
                "output_reasoning",
                "reasoningTokens",
                "thoughts_token_count",
                "thoughtsTokenCount",
            ])
        }),
    };
    if usage.is_empty() {
        return None;
    }
    include(&mut usage, Tokens::default());
    Some(usage)
}

/// Makes input include cache and output include reasoning, where they do not: because `meaning` says that this sender leaves
/// them out, because a total that was sent too comes out only so, or because a part larger than its whole proves it.
pub(crate) fn include(usage: &mut Usage, meaning: Tokens) {
    let cached = usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
    let reasoning = usage.reasoning_tokens.unwrap_or(0);
    let (mut without_cache, mut without_reasoning) = (meaning.input_excludes_cache, meaning.output_excludes_reasoning);
    if let (Some(input), Some(output), Some(total)) = (usage.input_tokens, usage.output_tokens, usage.reported_total)
        && total > input.saturating_add(output)
    {
        let left = total - input.saturating_add(output);
        without_cache |= cached > 0 && (left == cached || left == cached.saturating_add(reasoning));
        without_reasoning |= reasoning > 0 && (left == reasoning || left == cached.saturating_add(reasoning));
        // Where both parts are equally large, one of them is missing: the cache, which more senders leave out.
        without_reasoning &= !(left == cached && left == reasoning) || meaning.output_excludes_reasoning;
    }
    if let Some(input) = &mut usage.input_tokens
        && (without_cache || cached > *input)
    {
        *input = input.saturating_add(cached);
    }
    if let Some(output) = &mut usage.output_tokens
        && (without_reasoning || reasoning > *output)
    {
        *output = output.saturating_add(reasoning);
    }
}

/// A count, also from text.
fn number(json: &Json) -> Option<u64> {
    let count = match json {
        Json::Number(number) => number.as_u64().or_else(|| {
            number
                .as_f64()
                .filter(|float| *float >= 0.0 && float.fract() == 0.0 && *float < 9e15)
                .map(|float| float as u64)
        }),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    count.and_then(believed)
}

/// Fills classes of `usage` that are unknown from `more`.
pub(crate) fn complete(usage: &mut Usage, more: &Usage) {
    for (place, value) in [
        (&mut usage.input_tokens, more.input_tokens),
        (&mut usage.output_tokens, more.output_tokens),
        (&mut usage.cache_read_tokens, more.cache_read_tokens),
        (&mut usage.cache_write_tokens, more.cache_write_tokens),
        (&mut usage.reasoning_tokens, more.reasoning_tokens),
        (&mut usage.reported_total, more.reported_total),
    ] {
        *place = place.or(value);
    }
}

/// Dollars of a cost object: its total, else the sum of its parts.
pub(crate) fn cost(json: &Json) -> Option<f64> {
    let opened = opened(json);
    let object: &Object = opened.as_object()?;
    let dollars = |value: &Json| value.as_f64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    if let Some(total) = ["total", "total_cost", "totalCost"].iter().find_map(|key| object.get(*key)).and_then(dollars)
    {
        return Some(total);
    }
    let parts: Vec<f64> = object.values().filter_map(dollars).collect();
    (!parts.is_empty()).then(|| parts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_total_tells_whether_input_includes_the_cache() {
        let excluded = read(&json!({"input": 25, "output": 23, "cache_read_input_tokens": 32, "total": 80})).unwrap();
        assert_eq!(excluded.input_tokens, Some(57));
        let included = read(&json!({"input": 57, "output": 23, "cache_read_input_tokens": 32, "total": 80})).unwrap();
        assert_eq!(included.input_tokens, Some(57));
    }

    #[test]
    fn the_total_tells_whether_output_includes_reasoning() {
        let gemini = read(&json!({"promptTokenCount": 57, "candidatesTokenCount": 16, "thoughtsTokenCount": 7, "cachedContentTokenCount": 32, "totalTokenCount": 80})).unwrap();
        assert_eq!((gemini.input_tokens, gemini.output_tokens), (Some(57), Some(23)));
        let stored = read(
            &json!({"input": 25, "input_cached_tokens": 32, "output": 16, "output_reasoning_tokens": 7, "total": 80}),
        )
        .unwrap();
        assert_eq!((stored.input_tokens, stored.output_tokens), (Some(57), Some(23)));
        let other_total =
            read(&json!({"input": 57, "output": 23, "cache_read_input_tokens": 32, "total": 95})).unwrap();
        assert_eq!((other_total.input_tokens, other_total.total_tokens()), (Some(57), Some(95)));
    }

    #[test]
    fn openais_and_langchains_details_are_found() {
        let openai = read(&json!({"prompt_tokens": 57, "completion_tokens": 23, "prompt_tokens_details": {"cached_tokens": 32}, "completion_tokens_details": {"reasoning_tokens": 7}})).unwrap();
        assert_eq!((openai.cache_read_tokens, openai.reasoning_tokens), (Some(32), Some(7)));
        let langchain = read(&json!({"input_tokens": 57, "output_tokens": 23, "input_token_details": {"cache_read": 32}, "output_token_details": {"reasoning": 7}})).unwrap();
        assert_eq!((langchain.input_tokens, langchain.cache_read_tokens), (Some(57), Some(32)));
    }
}
