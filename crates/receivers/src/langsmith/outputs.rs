//! What the outputs of a call say: tokens, model, finish reason, the provider's id. They are OpenAI's answer, LangChain's
//! result (`{"generations": [[{…}]]}`) or whatever a function returned.

use model::Value;
use serde_json::Value as Json;

use crate::Partial;
use crate::raw_json::string;

/// Reads the outputs of a run of type `kind`; `metadata_usage` is the usage told in its metadata.
pub(super) fn read(outputs: Option<&Json>, metadata_usage: Option<Json>, kind: &str, span: &mut Partial) {
    let outputs = outputs.unwrap_or(&Json::Null);
    let generation = &outputs["generations"][0][0];
    let generation = if generation.is_null() { &outputs["generations"][0] } else { generation };
    let message = match &generation["message"]["kwargs"] {
        Json::Null => &generation["message"],
        fields => fields,
    };
    let response = &message["response_metadata"];
    let usage = [&outputs["usage_metadata"], &outputs["output"]["usage_metadata"], &message["usage_metadata"]];
    let usage = usage.into_iter().find(|usage| usage.is_object()).or(metadata_usage.as_ref());
    match usage {
        Some(told) => self::usage(told, span),
        // OpenAI's own object, as LangChain passes it on.
        None => {
            let told = [&outputs["llm_output"]["token_usage"], &response["token_usage"], &outputs["usage"]];
            if let Some(told) = told.into_iter().find(|usage| usage.is_object()) {
                openai_usage(told, span);
            }
        }
    }
    if kind == "tool" || kind == "retriever" {
        return;
    }
    let text = |candidates: [&Json; 3]| candidates.into_iter().find_map(Json::as_str).map(str::to_owned);
    let model = text([&response["model_name"], &outputs["llm_output"]["model_name"], &outputs["model"]]);
    span.set_text("gen_ai.response.model", model);
    let id = text([&response["id"], &outputs["llm_output"]["id"], &outputs["id"]]);
    span.set_text("gen_ai.response.id", id);
    let finish = [
        &generation["generation_info"]["finish_reason"],
        &response["finish_reason"],
        &outputs["choices"][0]["finish_reason"],
        &outputs["finish_reason"],
        &outputs["stop_reason"],
    ];
    if let Some(reason) = finish.into_iter().find_map(Json::as_str) {
        span.set("gen_ai.response.finish_reasons", Some(Value::Array(vec![string(reason)])));
    }
}

/// LangSmith's usage: counts, details and, where the client computed them, costs.
fn usage(told: &Json, span: &mut Partial) {
    for name in ["input_tokens", "output_tokens", "total_tokens"] {
        span.set(format!("gen_ai.usage.{name}"), count(&told[name]));
    }
    for (key, name) in [
        ("gen_ai.usage.input_token_details", "input_token_details"),
        ("gen_ai.usage.output_token_details", "output_token_details"),
    ] {
        span.set(key, told[name].as_object().map(|_| string(told[name].to_string())));
    }
    // Where costs are read from. The metadata has it already in newer SDKs.
    if !span.attributes.iter().any(|(key, _)| key == "langsmith.metadata.usage_metadata") {
        span.set("langsmith.metadata.usage_metadata", Some(string(told.to_string())));
    }
}

fn openai_usage(told: &Json, span: &mut Partial) {
    let either = |first: &str, second: &str| count(&told[first]).or_else(|| count(&told[second]));
    span.set("gen_ai.usage.input_tokens", either("prompt_tokens", "input_tokens"));
    span.set("gen_ai.usage.output_tokens", either("completion_tokens", "output_tokens"));
    span.set("gen_ai.usage.total_tokens", count(&told["total_tokens"]));
    for (key, part) in [
        ("gen_ai.usage.cache_read.input_tokens", &told["prompt_tokens_details"]["cached_tokens"]),
        ("gen_ai.usage.cache_write.input_tokens", &told["prompt_tokens_details"]["cache_write_tokens"]),
        ("gen_ai.usage.reasoning.output_tokens", &told["completion_tokens_details"]["reasoning_tokens"]),
    ] {
        span.set(key, count(part));
    }
}

fn count(json: &Json) -> Option<Value<'static>> {
    let whole = json.as_f64().filter(|number| number.fract() == 0.0 && (0.0..9e15).contains(number))?;
    Some(Value::Int(whole as i64))
}

/// The id of the call a tool answers, in the message LangChain's tools return.
pub(super) fn tool_call_id(outputs: Option<&Json>) -> Option<String> {
    let output = &outputs?["output"];
    let id = [&output["tool_call_id"], &output["kwargs"]["tool_call_id"]];
    id.into_iter().find_map(Json::as_str).map(str::to_owned)
}
